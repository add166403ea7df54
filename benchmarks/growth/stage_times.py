"""Where the time of indexing and of making a dataset goes, stage by stage.

    python -m benchmarks.growth.stage_times LABELS.csv [--times 10] [--shown 8] [--out RESULTS]

The paper's example is made with DuckDB, of a label file of so many times the rows of the given one
(see labels.py). A step's seconds hold those of its stages; of the two relations that are
written at the same time each tells the seconds of the clock. With --out that goes into the file of
figures.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.growth.labels import make_labels
from benchmarks.growth.report import profile
from benchmarks.growth.results import Results
from benchmarks.measure import machine
from cxr_duck import ExperimentData
from cxr_duck.engines.duckdb import DuckDBEngine

METHODS = ("read_labels", "make", "create", "append", "put", "put_arrow")
METHODS += ("write", "count", "rows", "arrow", "arrow_of")


class Clock:
    """The seconds of each step and of each stage; a progress that `ExperimentData` takes."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Take the time of a step."""
        with self.taking("step", title):
            yield lambda done: None

    def note(self, text: str) -> None:
        """Drop the sentence."""

    @contextmanager
    def taking(self, kind: str, name: str) -> Iterator[None]:
        """Take the time of what is done here."""
        start = time.perf_counter()
        yield
        self.seconds[kind, name] += time.perf_counter() - start

    def most(self, shown: int) -> list[tuple[str, str, float]]:
        """Return what took most: its kind, its name, its seconds."""
        ordered = sorted(self.seconds.items(), key=lambda item: -item[1])
        return [(kind, name, seconds) for (kind, name), seconds in ordered[:shown]]

    def time_engine(self, methods: tuple[str, ...]) -> None:
        """Take the time of DuckDB's work from now on, by stage or relation."""
        for method in methods:
            setattr(DuckDBEngine, method, self._timed(method, getattr(DuckDBEngine, method)))

    def _timed(self, method: str, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def timed(engine: DuckDBEngine, name: str, *values: object, **params: object) -> Any:
            with self.taking(method, name):
                return work(engine, name, *values, **params)

        return timed


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("labels", type=Path)
    options.add_argument("--times", type=int, default=10)
    options.add_argument("--memory", default="2GB", help="DuckDB's memory_limit")
    options.add_argument("--shown", type=int, default=8)
    options.add_argument("--out", type=Path, help="file that the figures are appended to")
    given = options.parse_args()
    os.environ["CXR_MEMORY_LIMIT"] = given.memory
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.csv"
        rows = make_labels(given.labels, labels, given.times)
        print(f"{rows:,} rows on {machine()}, memory_limit {given.memory}")
        clock, results = Clock(), Results([], given.out)
        clock.time_engine(METHODS)
        data = ExperimentData(labels_csv=labels, store=Path(folder) / "store", progress=clock)
        works = {
            "index": data.create_index,
            "create": lambda: data.create_dataset(
                ["normal", "not-normal"],
                pure=True,
                hierarchy="paper",
                where="frontal",
                name="paper",
            ),
            "reproduce": lambda: data.reproduce("paper"),
        }
        for name, work in works.items():
            clock.seconds.clear()
            with clock.taking("all", name):
                work()
            results.add(
                kind="profile",
                times=given.times,
                rows=rows,
                command=name,
                parts=clock.most(given.shown),
            )
    print("\n" + profile(results))


if __name__ == "__main__":
    main()
