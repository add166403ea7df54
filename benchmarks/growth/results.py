"""What was measured: kept as lines of JSON, selected, and drawn lines through."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["DUCKDB", "Line", "Results", "line_through"]

DUCKDB = "duckdb"
_KEYS = {
    "machine": (),
    "labels": ("times",),
    "run": ("times", "engine", "command"),
    "store": ("times", "engine"),
    "failure": ("times", "engine"),
    "profile": ("times", "command"),
    "look-up": ("times", "compacted", "finding"),
}


@dataclass(frozen=True)
class Line:
    """The line y = start + slope x x of the least squares, and how far a point is from it.

    `miss` is the largest distance as a share of the measured value, `points` their number.
    """

    start: float
    slope: float
    miss: float
    points: int

    def at(self, x: float) -> float:
        """Return y."""
        return self.start + self.slope * x

    def meets(self, other: "Line") -> float | None:
        """Return the x beyond 0 where two lines cross, or None."""
        if self.slope == other.slope:
            return None
        x = (other.start - self.start) / (self.slope - other.slope)
        return x if x > 0 else None


def line_through(points: Sequence[tuple[float, float]]) -> Line | None:
    """Return the line through two points or more; None through fewer."""
    if len({x for x, _ in points}) < 2:
        return None
    xs, ys = np.array(points, dtype=float).T
    slope, start = np.polyfit(xs, ys, 1)
    misses = np.abs(start + slope * xs - ys) / np.maximum(np.abs(ys), 1e-9)
    return Line(float(start), float(slope), float(misses.max()), len(points))


@dataclass
class Results:
    """The figures, in the order in which they were measured; a later one of the same replaces it.

    What is added is appended to the file `out`, too.
    """

    facts: list[dict[str, Any]] = field(default_factory=list)
    out: Path | None = None

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Return the figures of a file."""
        with path.open(encoding="utf-8") as lines:
            return cls([json.loads(line) for line in lines])

    def add(self, **fact: Any) -> None:
        """Keep a figure."""
        self.facts.append(fact)
        if self.out is not None:
            with self.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(fact) + "\n")

    def of(self, kind: str, **values: object) -> list[dict[str, Any]]:
        """Return the figures of a kind with some values, smaller sizes first."""
        latest = {}
        for fact in self.facts:
            if fact["kind"] == kind:
                latest[tuple(fact[key] for key in _KEYS[kind])] = fact
        found = [f for f in latest.values() if all(f[k] == v for k, v in values.items())]
        return sorted(found, key=lambda fact: fact.get("times", 0))

    def one(self, kind: str, **values: object) -> dict[str, Any] | None:
        """Return the one figure of a kind with some values, or None."""
        found = self.of(kind, **values)
        return found[0] if found else None

    @property
    def engines(self) -> list[str]:
        """The engines, DuckDB first."""
        return sorted({run["engine"] for run in self.of("run")}, key=lambda e: (e != DUCKDB, e))

    @property
    def spark(self) -> str | None:
        """The engine that is not DuckDB and was taken through most sizes, or None."""
        others = [engine for engine in self.engines if engine != DUCKDB]
        return max(others, key=lambda e: len(self.of("store", engine=e)), default=None)

    @property
    def commands(self) -> list[str]:
        """The commands, in the order in which they were measured."""
        return list(dict.fromkeys(fact["command"] for fact in self.facts if fact["kind"] == "run"))

    @property
    def largest(self) -> int:
        """The largest size that all engines were taken through; 0 where there is none."""
        sizes = [{fact["times"] for fact in self.of("store", engine=e)} for e in self.engines]
        return max(set.intersection(*sizes), default=0) if sizes else 0

    def line(self, engine: str, command: str, what: str = "seconds") -> Line | None:
        """Return the line of what a command took over the rows of the label file.

        `what` is a figure of the run, or one of its Spark tasks such as `spark.busy`.
        """
        points = []
        for run in self.of("run", engine=engine, command=command):
            value: Any = run
            for part in what.split("."):
                value = None if value is None else value.get(part)
            if value is not None:
                points.append((run["rows"], value))
        return line_through(points)

    def line_of_labels(self) -> Line | None:
        """Return the line of the label file's bytes over its rows."""
        return line_through([(fact["rows"], fact["bytes"]) for fact in self.of("labels")])

    def line_of_stores(self, what: str) -> Line | None:
        """Return the line of a figure of Spark's stores over the rows of the label file."""
        stores = self.of("store", engine=self.spark)
        return line_through([(store["rows"], store[what]) for store in stores])

    def per_row(self, engine: str, *path: str) -> float | None:
        """Return a figure of the smallest store of an engine, a row of its label file.

        Copies of an image lie beside each other in a larger one, which packs them closer than
        images that differ.
        """
        stores = self.of("store", engine=engine)
        value: Any = stores[0] if stores else None
        for part in path:
            value = None if value is None else value.get(part)
        return None if value is None else value / stores[0]["rows"]

    def check(self) -> list[str]:
        """Return what is the same on all engines; SystemExit where they differ."""
        told = []
        for labels in self.of("labels"):
            times = labels["times"]
            stores = self.of("store", times=times)
            _same(times, "the dataset's digest", {s["engine"]: s["digest"] for s in stores})
            for command in self.commands:
                runs = self.of("run", times=times, command=command)
                _same(times, command, {run["engine"]: run["answer"] for run in runs})
            if len(stores) > 1:
                told.append(f"{times} times: {stores[0]['digest']} by {len(stores)} engines")
        return told


def _same(times: int, what: str, answers: dict[str, str]) -> None:
    if len(set(answers.values())) > 1:
        raise SystemExit(f"at {times} times the engines differ in {what}: {answers}")
