"""The store: a folder with Parquet files and a DuckDB catalog over them.

Readers open `cxr.duckdb`, whose views read the Parquet files below `data/`. A writer works on a
copy of the catalog and on files that nothing refers to yet, and publishes both by renaming the copy
over the old catalog: at any instant the store holds the old state or the new one, and readers are
never locked out.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cxr_duck.engines.duckdb import first_line
from cxr_duck.errors import StoreError

__all__ = ["CATALOG", "Publication", "Store", "default_store"]

CATALOG = "cxr.duckdb"
_STORAGE_VERSION = "v1.4.0"  # the oldest DuckDB that opens the catalog; 2.0's default shuts out 1.x

# One connection a store and process: DuckDB shares an opened file between connections, so a second
# one that stayed open would keep showing the state before a publish.
_open: dict[Path, tuple[tuple[int, int], duckdb.DuckDBPyConnection]] = {}


def default_store() -> Path:
    """Return the store to use where none is named: $CXR_STORE, else ./cxr-store."""
    return Path(os.environ.get("CXR_STORE") or "cxr-store")


@dataclass(frozen=True)
class Publication:
    """A state of the store in the making: its number, its data folder, its copy of the catalog."""

    number: int
    folder: Path
    catalog: duckdb.DuckDBPyConnection


class Store:
    """A store at a path, which need not exist before something is published there."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else default_store()
        self.catalog = self.path / CATALOG

    def exists(self) -> bool:
        """Tell whether something was published here."""
        return self.catalog.is_file()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection that reads the newest state, and no file outside the store's data.

        Temporary tables may be made on it. Raises StoreError where there is no store to read.
        """
        key = self.path.absolute()
        try:
            status = self.catalog.stat()
        except OSError:
            raise StoreError(
                f"{self.path} is no store: run 'cxr index LABELS.csv --store {self.path}' first"
            ) from None
        state = (status.st_ino, status.st_mtime_ns)
        if key not in _open or _open[key][0] != state:
            self.close()
            _open[key] = (state, self._connect())
        return _open[key][1].cursor()

    def close(self) -> None:
        """Close this process's connection to the store; the next cursor opens it anew."""
        if entry := _open.pop(self.path.absolute(), None):
            entry[1].close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            connection = duckdb.connect(str(self.catalog), read_only=True)
            if not _is_locked(connection):
                data = str(self.path.absolute() / "data").replace("'", "''")
                connection.execute(
                    "SET python_enable_replacements = false;"
                    f"SET allowed_directories = ['{data}'];"
                    "SET enable_external_access = false;"
                    "SET lock_configuration = true"
                )
        except duckdb.Error as error:
            raise StoreError(
                f"{self.catalog} can't be opened ({first_line(error)}): close the program that has "
                "it open for writing, or open DuckDB's shell with -readonly"
            ) from error
        return connection

    @contextmanager
    def publishing(self) -> Iterator[Publication]:
        """Yield a publication to fill; publish it whole at the end, or nothing on an error."""
        with self._only_writer(), self._telling_disk_errors():
            self._clear_working_copies()
            working = self.path / f".{CATALOG}.{os.getpid()}"
            if self.exists():
                self._refuse_foreign_changes()
                shutil.copyfile(self.catalog, working)
            catalog = duckdb.connect(
                str(working), config={"storage_compatibility_version": _STORAGE_VERSION}
            )
            folder: Path | None = None
            try:
                number = _next_number(catalog)
                folder = self.path / "data" / f"{number:06d}"
                shutil.rmtree(folder, ignore_errors=True)
                yield Publication(number, folder, catalog)
                catalog.execute("CHECKPOINT")
                catalog.close()
                self._commit(working, folder)
            except BaseException:
                catalog.close()
                self._clear_working_copies()
                if folder is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            self._drop_old_data()

    def _commit(self, working: Path, folder: Path) -> None:
        for path in [*folder.glob("*"), working]:
            _sync(path)
        self.close()
        os.replace(working, self.catalog)
        _sync(self.path)

    def _clear_working_copies(self) -> None:
        """Remove what a run that ended early left: its copy of the catalog, log and spill files."""
        for path in self.path.glob(f".{CATALOG}.*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def _drop_old_data(self) -> None:
        """Remove data that neither this state of the store nor the one before it refers to."""
        cursor = self.cursor()
        numbers = cursor.execute(
            "SELECT publication FROM publications ORDER BY publication DESC LIMIT 2"
        ).fetchall()
        kept = {f"{number:06d}" for (number,) in numbers}
        for folder in (self.path / "data").glob("[0-9]*"):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _refuse_foreign_changes(self) -> None:
        if (log := Path(f"{self.catalog}.wal")).exists() and log.stat().st_size:
            raise StoreError(
                f"{self.catalog} has changes that another program has not written yet ({log.name}):"
                " close the DuckDB shell that has it open"
            )

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            (self.path / "data").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                f"{self.path} is being written by another cxr: try again when that has ended"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.path} can't be written to: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _telling_disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self.path} can't be written to: {error.strerror}") from error
        except duckdb.IOException as error:
            raise StoreError(f"{self.path} can't be written to: {first_line(error)}") from error


def _is_locked(connection: duckdb.DuckDBPyConnection) -> bool:
    rows = connection.execute("SELECT current_setting('lock_configuration')").fetchall()
    return bool(rows[0][0])


def _next_number(catalog: duckdb.DuckDBPyConnection) -> int:
    with suppress(duckdb.CatalogException):
        rows = catalog.execute("SELECT max(publication) FROM publications").fetchall()
        return 1 + (rows[0][0] or 0)
    return 1


def _sync(path: Path) -> None:
    """Have the disk hold a file or folder before anything refers to it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
