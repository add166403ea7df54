"""The invariants of a store: each file of `sql/check` returns the rows that break one."""

from dataclasses import dataclass
from typing import Any

from cxr_duck.engines.stages import all_stages, stage
from cxr_duck.errors import StageError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.data_files import changed_files, data_files
from cxr_duck.store.record_copy import copy_files
from cxr_duck.store.store import Store

__all__ = ["Check", "check_invariants"]


_NOTES = ("doubtful_ids",)
_FILES = "one row per data file whose bytes are not those that were written"


@dataclass(frozen=True)
class Check:
    """One invariant: its name, what a row of it stands for, and the rows that break it.

    `untested` says why it could not be tested, where that is so. The rows of a `note` are to be
    looked at, and break nothing.
    """

    name: str
    grain: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    untested: str = ""
    note: bool = False


def check_invariants(store: Store, progress: Progress = SILENT) -> list[Check]:
    """Verify the digests of a store's data files, then run every check of `sql/check` on it.

    What may be wrong and breaks nothing comes after them, as notes.
    """
    engine = store.duckdb()
    notes = [stage(name) for name in _NOTES]
    parts = [*all_stages("check"), *notes]
    engine.connection.execute("CREATE TEMP VIEW audited AS FROM experiments.members")
    with progress.step("checking", 1 + len(parts)) as done:
        files = [*data_files(engine.connection), *copy_files(engine.connection)]
        changed = list(changed_files(store.path, files))
        checks = [Check("file_changed", _FILES, ("path", "problem"), changed)]
        done(1)
        for number, part in enumerate(parts, start=2):
            try:
                rows = engine.rows(part.name)
            except StageError as error:  # a damaged file, which file_changed names
                told = str(error)
                checks.append(Check(part.name, part.grain, (), [], told, part in notes))
            else:
                columns = tuple(column[0] for column in engine.connection.description or ())
                checks.append(Check(part.name, part.grain, columns, rows, note=part in notes))
            done(number)
    return checks
