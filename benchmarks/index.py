"""What indexing and a look-up cost, against what DuckDB alone costs.

    python benchmarks/index.py LABELS.csv

`cxr index` as a whole process, against DuckDB's bare CREATE TABLE AS SELECT * FROM read_csv of the
same file, and `cxr find nodule --count` and `cxr --help` as whole processes, against the imports
that they can't do without. The runs of both sides alternate; medians.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
from measure import machine, median_of, median_of_process

CXR = [sys.executable, "-m", "cxr_duck"]
TIMES = 7


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("labels", type=Path)
    labels = options.parse_args().labels
    print(f"Indexing on {machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        index = [*CXR, "index", str(labels), "--store", str(store)]
        bare = bare_read(labels)
        indexed, read, read_process = [], [], []
        script = f"import duckdb; duckdb.connect().execute({bare!r})"
        for _ in range(TIMES):
            indexed.append(
                median_of_process(index, 1, lambda: shutil.rmtree(store, ignore_errors=True))
            )
            read.append(median_of(lambda: duckdb.connect().execute(bare), 1))
            read_process.append(median_of_process([sys.executable, "-c", script], 1, lambda: None))
        middle = TIMES // 2
        whole, statement, process = (sorted(t)[middle] for t in (indexed, read, read_process))
        print("| | seconds | `cxr index` is |")
        print("|---|---:|---:|")
        print(f"| cxr index, whole process | {whole:.2f} | |")
        print(
            f"| bare CREATE TABLE AS, the statement | {statement:.2f} | {whole / statement:.1f} x |"
        )
        print(f"| bare CREATE TABLE AS, whole process | {process:.2f} | {whole / process:.1f} x |")
        print()
        start_up(store)


def bare_read(labels: Path) -> str:
    """Return the statement that reads the label file as it is."""
    name = str(labels).replace("'", "''")
    return f"CREATE OR REPLACE TABLE x AS SELECT * FROM read_csv('{name}', all_varchar = true)"


def start_up(store: Path) -> None:
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
        for _ in range(3 * TIMES):
            ours.append(median_of_process(command, 1, lambda: None))
            theirs.append(median_of_process([sys.executable, "-c", statement], 1, lambda: None))
        a, b = sorted(ours)[len(ours) // 2], sorted(theirs)[len(theirs) // 2]
        print(
            f"| `{name}` | {a * 1000:.0f} | `python -c '{statement}'` | {b * 1000:.0f} "
            f"| {a / b:.1f} |"
        )


if __name__ == "__main__":
    main()
