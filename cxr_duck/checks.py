"""The invariants of a store: each file of `sql/check` returns the rows that break one."""

from dataclasses import dataclass
from typing import Any

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.progress import SILENT, Progress
from cxr_duck.stages import all_stages
from cxr_duck.store import Store

__all__ = ["Check", "run_checks"]


@dataclass(frozen=True)
class Check:
    """One invariant: its name, what a row of it stands for, and the rows that break it."""

    name: str
    grain: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def run_checks(store: Store, progress: Progress = SILENT) -> list[Check]:
    """Run every check of `sql/check` on a store."""
    engine = DuckDBEngine(store.cursor())
    checks = []
    parts = all_stages("check")
    with progress.step("checking", len(parts)) as done:
        for number, part in enumerate(parts, start=1):
            rows = engine.rows(part.name)
            columns = tuple(column[0] for column in engine.connection.description or ())
            checks.append(Check(part.name, part.grain, columns, rows))
            done(number)
    return checks
