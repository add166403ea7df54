"""Who still reads a state of the store that was superseded, and may the disk forget it?

A reader of DuckDB holds a lock on the catalog that it has open. When a catalog is renamed over, a
second name for the old one is kept in `.superseded`, so that this lock can be asked for.
"""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["SUPERSEDED", "forget_unread", "keep_for_readers"]

SUPERSEDED = ".superseded"


def keep_for_readers(store: Path, catalog: Path) -> None:
    """Give the catalog that is about to be replaced a second name."""
    folder = store / SUPERSEDED
    folder.mkdir(exist_ok=True)
    status = catalog.stat()
    with suppress(OSError):  # a file system without hard links: then nobody is waited for
        os.link(catalog, folder / f"{status.st_mtime_ns:020d}-{status.st_ino}.duckdb")


def forget_unread(store: Path, *, keep_newest: bool) -> list[Path]:
    """Forget the superseded catalogs that no process has open; return those that stay.

    The newest stays all the same if `keep_newest`, for a reader in this process.
    """
    catalogs = sorted((store / SUPERSEDED).glob("*.duckdb"))
    staying = catalogs[-1:] if keep_newest else []
    for catalog in catalogs[: len(catalogs) - len(staying)]:
        if _is_read(catalog):
            staying.append(catalog)
        else:
            catalog.unlink(missing_ok=True)
    if not staying:
        with suppress(OSError):
            (store / SUPERSEDED).rmdir()
    return staying


def _is_read(catalog: Path) -> bool:
    """Tell whether another process has a catalog open; yes where that can't be told."""
    try:
        import fcntl
    except ImportError:  # no POSIX locks here
        return True
    try:
        handle = os.open(catalog, os.O_RDWR)
    except OSError:
        return True
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
