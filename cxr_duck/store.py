"""The store: a folder with Parquet files and a DuckDB catalog over them.

Readers open `cxr.duckdb`, whose views read the Parquet files below `data/`. A writer works on a
copy of the catalog and on files that nothing refers to yet, and publishes both by renaming the copy
over the old catalog: at any instant the store holds the old state or the new one, and readers are
never locked out. What an older state needs stays on the disk while somebody has it open.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from cxr_duck.disk import sync, telling_disk_errors
from cxr_duck.engines.choice import engines_of
from cxr_duck.engines.duckdb import connect, first_line, quoted
from cxr_duck.errors import StoreError
from cxr_duck.readers import SUPERSEDED, forget_unread, keep_for_readers

if TYPE_CHECKING:
    from filelock import FileLock

    from cxr_duck.engines.choice import EngineChoice
    from cxr_duck.engines.engine import Engine, Engines

__all__ = ["CATALOG", "SPILL", "Publication", "Store", "default_store"]

CATALOG = "cxr.duckdb"
SPILL = ".spill"  # where DuckDB puts what memory can't hold while it indexes
_STORAGE_VERSION = "v1.4.0"  # the oldest DuckDB that opens the catalog; 2.0's default shuts out 1.x

_DATA_PATHS = "SELECT path FROM data_files"
_LAST_ACTION = "SELECT action FROM publications ORDER BY publication DESC LIMIT 1"

# One connection a store and process: DuckDB shares an opened file between connections, so a second
# one that stayed open would keep showing the state before a publish.
_open: dict[Path, tuple[tuple[int, int], duckdb.DuckDBPyConnection]] = {}


def default_store() -> Path:
    """Return the store to use where none is named: $CXR_STORE, else ./cxr-store."""
    return Path(os.environ.get("CXR_STORE") or "cxr-store")


@dataclass
class Publication:
    """A state of the store in the making: its number, its data folder, its copy of the catalog.

    Once it is `discarded` the store stays as it was. With `forgetting` the state before it goes
    from the disk at once, unless another process has it open.
    """

    store: Path
    number: int
    folder: Path
    catalog: duckdb.DuckDBPyConnection
    discarded: bool = False
    forgetting: bool = False


class Store:
    """A store at a path, which need not exist before something is published there."""

    patience = 5.0  # seconds to wait for another writer

    def __init__(
        self, path: str | os.PathLike[str] | None = None, engine: "EngineChoice" = "duckdb"
    ) -> None:
        self.path = Path(path) if path is not None else default_store()
        self._engine = engine
        self.catalog = self.path / CATALOG

    def exists(self) -> bool:
        """Tell whether something was published here."""
        return self.catalog.is_file()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection that reads the newest state, and no file outside the store's data.

        Temporary tables may be made on it. Raises StoreError where there is no store to read.
        """
        key = self.path.resolve()
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
        cursor = _open[key][1].cursor()
        cursor.execute(f"USE cxr; SET VARIABLE cxr_store = {quoted(key)}")
        return cursor

    @cached_property
    def engines(self) -> "Engines":
        """The kind of engine that was asked for, which is started when it is first needed."""
        return engines_of(self._engine)

    def engine(self) -> "Engine":
        """Return an engine of the store's kind that reads the newest state."""
        return self.engines.reading(self.cursor(), self.path)

    def working_engine(self, size: int = 0) -> "AbstractContextManager[Engine]":
        """Return an engine of the store's kind to make a change with, from so many bytes of text.

        It sees nothing of the store but what it is shown.
        """
        return self.engines.working(self.path, self.path / SPILL, size)

    def close(self) -> None:
        """Close this process's connection to the store; the next cursor opens it anew."""
        if entry := _open.pop(self.path.resolve(), None):
            entry[1].close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            connection = self._open_catalog()
            data = quoted((self.path / "data").resolve())
            connection.execute(
                # For every cursor, not for this connection alone. A published file never changes.
                "SET GLOBAL python_enable_replacements = false;"
                "SET GLOBAL parquet_metadata_cache = true;"
                f"SET allowed_directories = [{data}];"
                "SET enable_external_access = false;"
                "SET lock_configuration = true"
            )
            connection.execute("SELECT exactness FROM cxr.experiments.dataset LIMIT 0").fetchall()
            connection.execute("SELECT path FROM cxr.data_files LIMIT 0").fetchall()
            if not {"damaged_images", "twins"} <= _tables(connection):
                raise duckdb.CatalogException("it lacks the view damaged_images or twins")
        except duckdb.CatalogException as error:
            if "publications" in _tables(connection):
                raise StoreError(
                    f"{self.path} was made by another version of cxr-duck: index its label file "
                    "into a new folder"
                ) from error
            raise StoreError(
                f"{self.catalog} was not made by cxr-duck: give the folder of a store"
            ) from error
        except duckdb.IOException as error:
            hint = "bring it back from a copy, or index the label files into a new folder"
            if "lock" in str(error):
                hint = "close the program that has it open for writing, such as a DuckDB shell"
            raise StoreError(
                f"{self.catalog} can't be opened ({first_line(error)}): {hint}"
            ) from error
        except duckdb.Error as error:
            raise StoreError(
                f"{self.catalog} can't be read ({first_line(error)}): index the label file anew "
                "in another folder"
            ) from error
        return connection

    def _open_catalog(self) -> duckdb.DuckDBPyConnection:
        """Open the catalog in an instance of DuckDB that nobody else in this process shares."""
        connection = connect()
        path = self.path.resolve() / CATALOG
        try:
            connection.execute(f"ATTACH {quoted(path)} AS cxr (READ_ONLY)")
        except duckdb.BinderException as error:
            # DuckDB before 1.5 opens a file once a process, and shares the instance that has it.
            if "already attached" not in str(error):
                raise
            return duckdb.connect(str(path), read_only=True)
        return connection

    @contextmanager
    def publishing(self) -> Iterator[Publication]:
        """Yield a publication to fill; publish it whole at the end, or nothing on an error."""
        with self._only_writer(), telling_disk_errors(self.path):
            self._clear_working_copies()
            working = self.path / f".{CATALOG}.{os.getpid()}"
            catalog: duckdb.DuckDBPyConnection | None = None
            folder: Path | None = None
            try:
                if self.exists():
                    self._copy_catalog(working)
                catalog = duckdb.connect(
                    str(working), config={"storage_compatibility_version": _STORAGE_VERSION}
                )
                number = _next_number(catalog)
                folder = self.path / "data" / f"{number:06d}"
                shutil.rmtree(folder, ignore_errors=True)
                publication = Publication(self.path, number, folder, catalog)
                yield publication
                if not publication.discarded:
                    catalog.execute("CHECKPOINT")
                    catalog.close()
                    self._commit(working, folder)
            except BaseException:
                if catalog is not None:
                    catalog.close()
                if folder is not None and working.exists():  # else it became the catalog
                    shutil.rmtree(folder, ignore_errors=True)
                self._clear_working_copies()
                raise
            catalog.close()
            self._clear_working_copies()
            self._clean_up(publication)

    def _commit(self, working: Path, folder: Path) -> None:
        for path in [*folder.glob("*"), *([folder] if folder.exists() else []), folder.parent]:
            sync(path)
        sync(working)
        self.close()
        if self.exists():
            keep_for_readers(self.path, self.catalog)
        os.replace(working, self.catalog)
        sync(self.path)

    def _clear_working_copies(self) -> None:
        """Remove what a run that ended early left: its copy of the catalog, log and spill files."""
        for path in [*self.path.glob(f".{CATALOG}.*"), self.path / SPILL]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _clean_up(self, publication: Publication) -> None:
        """Remove what nobody needs any more; a later change does it where this one can't."""
        if not self.exists():
            return
        try:
            self._drop_unread_data(forgetting=publication.forgetting)
        except (OSError, duckdb.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else first_line(error)
            raise StoreError(
                f"{self.path} was changed as asked, but files of its older state can't be removed: "
                f"{reason}"
            ) from error

    def _drop_unread_data(self, *, forgetting: bool) -> None:
        """Remove data files that neither this state nor an older one that is read refers to."""
        last = self.cursor().execute(_LAST_ACTION).fetchall()
        forgetting = forgetting or last == [("remove",)]
        catalogs = forget_unread(self.path, keep_newest=not forgetting)
        kept = {path for (path,) in self.cursor().execute(_DATA_PATHS).fetchall()}
        kept |= {path for catalog in catalogs for path in _paths_in(catalog)}
        for path in (self.path / "data").glob("[0-9]*/*"):
            if path.relative_to(self.path).as_posix() not in kept:
                path.unlink(missing_ok=True)
        for folder in (self.path / "data").glob("[0-9]*"):
            with suppress(OSError):  # it still holds a file
                folder.rmdir()

    def older_states_in_use(self) -> int:
        """Return how many older states of the store stay on the disk for those who read them."""
        return len(list((self.path / SUPERSEDED).glob("*.duckdb")))

    def _copy_catalog(self, working: Path) -> None:
        """Copy the catalog; StoreError where another program writes to it, which would be lost.

        Reading shuts such a program out until the new catalog is in place. To copy the file takes
        the lock of that off, so it is read again and looked at after.
        """
        self._refuse_foreign_changes()
        before = self.catalog.stat()
        self.close()
        shutil.copyfile(self.catalog, working)
        self._refuse_foreign_changes()
        after = self.catalog.stat()
        if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
            raise StoreError(f"another program wrote to {self.catalog} just now: try again")

    def _refuse_foreign_changes(self) -> None:
        """Raise StoreError where another program has the catalog open for writing."""
        self.cursor()
        if (log := Path(f"{self.catalog}.wal")).exists() and log.stat().st_size:
            raise StoreError(
                f"{self.catalog} has changes that another program has not written yet ({log.name}):"
                " close the DuckDB shell that has it open"
            )

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        from filelock import FileLock

        lock = FileLock(self.path / ".lock")
        self._refuse_foreign_folder()
        try:
            self._lock(lock)
            yield
        finally:
            held = lock.is_locked
            lock.release()
            if not self.exists() and (held or not Path(lock.lock_file).exists()):
                self._leave_no_trace()

    def _lock(self, lock: "FileLock") -> None:
        from filelock import Timeout

        try:
            (self.path / "data").mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=self.patience)
        except Timeout:
            raise StoreError(
                f"{self.path} is being written by another cxr: try again when that has ended"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.path} can't be written to: {error.strerror}") from error

    def _refuse_foreign_folder(self) -> None:
        if self.exists() or not self.path.is_dir():
            return
        strangers = [p.name for p in self.path.iterdir() if p.name not in (".lock", "data", SPILL)]
        if [name for name in strangers if not name.startswith(f".{CATALOG}.")]:
            raise StoreError(
                f"{self.path} is no store and not empty ({sorted(strangers)[0]} lies in it): "
                "give --store a folder of its own"
            )

    def _leave_no_trace(self) -> None:
        """Take away what a first run made that published nothing."""
        with suppress(OSError):
            (self.path / ".lock").unlink()
        for folder in (self.path / "data", self.path / SUPERSEDED, self.path):
            with suppress(OSError):
                folder.rmdir()


def _next_number(catalog: duckdb.DuckDBPyConnection) -> int:
    with suppress(duckdb.CatalogException):
        rows = catalog.execute("SELECT max(publication) FROM publications").fetchall()
        return 1 + (rows[0][0] or 0)
    return 1


def _paths_in(catalog: Path) -> set[str]:
    """Return the paths of the data files that a superseded catalog refers to."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH {quoted(catalog.resolve())} AS cxr (READ_ONLY); USE cxr")
        return {path for (path,) in connection.execute(_DATA_PATHS).fetchall()}


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM (SHOW ALL TABLES)").fetchall()}
