"""What indexing and a look-up cost, against what DuckDB alone costs.

    python -m benchmarks.index LABELS.csv [--rounds 7]

`cxr index` as a whole process, against DuckDB's bare CREATE TABLE AS SELECT * FROM read_csv of the
same file, and `cxr find nodule --count` and `cxr --help` as whole processes, against the imports
that they can't do without. The runs of both sides alternate; medians.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks.measure import machine, median_of, median_of_process
from cxr_duck import ExperimentData
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.stages import stage

CXR = [sys.executable, "-m", "cxr_duck"]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labels", type=Path)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    labels, rounds = given.labels, given.rounds
    print(f"Indexing on {machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        index = [*CXR, "index", str(labels), "--store", str(store)]
        bare = bare_read(labels)
        indexed, read, read_process = [], [], []
        script = f"import duckdb; duckdb.connect().execute({bare!r})"
        for _ in range(rounds):
            indexed.append(
                median_of_process(index, 1, lambda: shutil.rmtree(store, ignore_errors=True))
            )
            read.append(median_of(lambda: duckdb.connect().execute(bare), 1))
            read_process.append(median_of_process([sys.executable, "-c", script], 1, lambda: None))
        middle = rounds // 2
        whole, statement, process = (sorted(t)[middle] for t in (indexed, read, read_process))
        print("| | seconds | `cxr index` is |")
        print("|---|---:|---:|")
        print(f"| cxr index, whole process | {whole:.2f} | |")
        print(
            f"| bare CREATE TABLE AS, the statement | {statement:.2f} | {whole / statement:.1f} x |"
        )
        print(f"| bare CREATE TABLE AS, whole process | {process:.2f} | {whole / process:.1f} x |")
        print()
        start_up(store, rounds)
        print()
        where_time_goes(labels, Path(folder), rounds)


class Timed:
    """A progress that takes the time of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Take the time of a step."""
        start = time.perf_counter()
        yield lambda done: None
        self.seconds[title] = time.perf_counter() - start

    def note(self, text: str) -> None:
        """Drop the sentence."""


def where_time_goes(labels: Path, folder: Path, rounds: int) -> None:
    """Print the steps of `cxr index` and of a look-up, each as a median."""
    runs = []
    for number in range(rounds):
        timed = Timed()
        data = ExperimentData(labels_csv=labels, store=folder / f"timed{number}", progress=timed)
        start = time.perf_counter()
        data.create_index()
        whole = time.perf_counter() - start
        runs.append({**timed.seconds, "the rest": whole - sum(timed.seconds.values())})
    imports = "import cxr_duck.cli, cxr_duck.index.indexing, cxr_duck.experiment_data, pyarrow"
    started = median_of_process([sys.executable, "-c", imports], rounds, lambda: None)
    print("| where `cxr index` spends its time | seconds |")
    print("|---|---:|")
    print(f"| starting Python and importing | {started:.2f} |")
    for title in runs[0]:
        print(f"| {title} | {sorted(run[title] for run in runs)[rounds // 2]:.2f} |")
    print()
    query = stage("finding_images").sql
    cursor = data.store.cursor()
    engine = DuckDBEngine(cursor)
    parts = [
        ("a connection to the store's state", data.store.cursor),
        ("planning", lambda: cursor.execute(f"EXPLAIN {query}", {"finding": "nodule"}).fetchall()),
        ("all of it, to Arrow", lambda: engine.arrow("finding_images", finding="nodule")),
        ("`data.index['nodule']`", lambda: len(data.index["nodule"])),
    ]
    print("| where a look-up spends its time | ms |")
    print("|---|---:|")
    for title, part in parts:
        print(f"| {title} | {median_of(part, 51) * 1000:.2f} |")


def bare_read(labels: Path) -> str:
    """Return the statement that reads the label file as it is."""
    name = str(labels).replace("'", "''")
    return f"CREATE OR REPLACE TABLE x AS SELECT * FROM read_csv('{name}', all_varchar = true)"


def start_up(store: Path, rounds: int) -> None:
    """Measure whole processes that do little."""
    pairs = [
        ("cxr find nodule --count", [*CXR, "find", "nodule", "--count", "--store", str(store)],
         "import duckdb"),
        ("cxr --help", [*CXR, "--help"], "import typer"),
    ]  # fmt: skip
    print("| process | ms | compared with | ms | ratio |")
    print("|---|---:|---|---:|---:|")
    for name, command, statement in pairs:
        ours, theirs = [], []
        for _ in range(3 * rounds):
            ours.append(median_of_process(command, 1, lambda: None))
            theirs.append(median_of_process([sys.executable, "-c", statement], 1, lambda: None))
        a, b = sorted(ours)[len(ours) // 2], sorted(theirs)[len(theirs) // 2]
        print(
            f"| `{name}` | {a * 1000:.0f} | `python -c '{statement}'` | {b * 1000:.0f} "
            f"| {a / b:.1f} |"
        )


if __name__ == "__main__":
    main()
