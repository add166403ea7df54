"""The invariants of a store: each file of `sql/check` returns the rows that break one."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from typing import Any

from cxr_duck.data_files import data_files
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import StageError
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
    """Verify the digests of a store's data files, then run every check of `sql/check` on it."""
    engine = DuckDBEngine(store.cursor())
    parts = all_stages("check")
    with progress.step("checking", 1 + len(parts)) as done:
        checks = [_check_files(store)]
        done(1)
        for number, part in enumerate(parts, start=2):
            columns: tuple[str, ...] = ("problem",)
            try:
                rows = engine.rows(part.name)
                columns = tuple(column[0] for column in engine.connection.description or ())
            except StageError as error:  # a damaged file, which _check_files names
                rows = [(str(error),)]
            checks.append(Check(part.name, part.grain, columns, rows))
            done(number)
    return checks


def _check_files(store: Store) -> Check:
    return Check(
        "file_changed",
        "one row per data file whose bytes are not those that were written",
        ("path", "problem"),
        list(_changed_files(store)),
    )


def _changed_files(store: Store) -> Iterator[tuple[str, str]]:
    for listed in data_files(store.cursor()):
        try:
            with (store.path / listed.path).open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield listed.path, f"can't be read: {error.strerror}"
        else:
            if digest != listed.sha256:
                yield listed.path, f"SHA-256 is {digest}, was {listed.sha256}"
