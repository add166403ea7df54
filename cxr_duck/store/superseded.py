"""Superseded states of a store: whether somebody still reads one, or its files may go.

A reader of DuckDB holds a lock on the catalog that it has open. When a catalog is renamed over, a
second name for the old one is kept in `.superseded`, so that this lock can be asked for.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from cxr_duck.engines.sql_text import quoted

__all__ = ["SUPERSEDED", "forget_unread", "keep_for_readers", "paths_in", "reading"]

SUPERSEDED = ".superseded"


def keep_for_readers(store: Path, catalog: Path) -> None:
    """Give the catalog that is about to be replaced a second name."""
    folder = store / SUPERSEDED
    folder.mkdir(exist_ok=True)
    status = catalog.stat()
    with suppress(OSError):  # a file system without hard links: then nobody is waited for
        os.link(catalog, folder / f"{status.st_mtime_ns:020d}-{status.st_ino}.duckdb")


@contextmanager
def reading(catalog: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection that reads a superseded catalog. Raises duckdb.Error."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH {quoted(catalog.resolve())} AS cxr (READ_ONLY); USE cxr")
        yield connection


def paths_in(catalog: Path) -> set[str]:
    """Return the paths of the data files that a superseded catalog refers to."""
    with reading(catalog) as connection:
        return {path for (path,) in connection.execute("SELECT path FROM data_files").fetchall()}


def forget_unread(store: Path, *, keep_newest: bool) -> list[Path]:
    """Forget the superseded catalogs that no process has open; return those that stay.

    The newest stays all the same if `keep_newest`, for a reader whose lock can't be seen.
    """
    catalogs = sorted((store / SUPERSEDED).glob("*.duckdb"))
    staying = catalogs[-1:] if keep_newest else []
    requested = catalogs[: len(catalogs) - len(staying)]
    read = _read_ones(requested)
    staying += read
    for catalog in set(requested) - set(read):
        catalog.unlink(missing_ok=True)
    if not staying:
        with suppress(OSError):
            (store / SUPERSEDED).rmdir()
    return staying


# Names the files of its arguments that a process has locked. A process of its own: it sees the
# locks of ours, and to close a file that is locked here would take the lock off.
_PROBE = """
import fcntl, os, sys
for path in sys.argv[1:]:
    try:
        handle = os.open(path, os.O_RDWR)
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    except OSError:
        print(path)
"""


def _read_ones(catalogs: list[Path]) -> list[Path]:
    """Return those catalogs that a process has open; all of them where that can't be told."""
    if not catalogs:
        return []
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _PROBE, *catalogs],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:  # no POSIX locks here
        return catalogs
    named = set(ran.stdout.splitlines())
    return [catalog for catalog in catalogs if str(catalog) in named]
