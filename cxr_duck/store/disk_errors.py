"""Turns errors of the disk into a StoreError that names the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import first_line
from cxr_duck.errors import StageError, StoreError

__all__ = ["translating_disk_errors"]

_REFUSALS = ("Could not write", "No space left", "File too large", "Disk quota")


@contextmanager
def translating_disk_errors(store: Path | str) -> Iterator[None]:
    """Turn what the disk refuses to a store, or to the engine that fills it, into a StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{store} can't be written to: {error.strerror or error}") from error
    except (duckdb.Error, StageError) as error:
        cause = error.__cause__ if isinstance(error, StageError) else error
        if not isinstance(cause, duckdb.Error) or not _is_of_the_disk(cause):
            raise
        problem = "lacks a file" if "No files found" in str(cause) else "can't be written to"
        raise StoreError(f"{store} {problem}: {first_line(cause)}") from error


def _is_of_the_disk(error: duckdb.Error) -> bool:
    """Tell whether an engine's error is of a disk that took no more."""
    return isinstance(error, duckdb.IOException) or any(said in str(error) for said in _REFUSALS)
