"""The store: a folder with Parquet files and a DuckDB catalog over them.

Readers open `cxr.duckdb`, whose views read the Parquet files below `data/`. A writer works on a
copy of the catalog and on files that nothing refers to yet, and publishes both by renaming the copy
over the old catalog: at any instant the store holds the old state or the new one, and readers are
never locked out. What an older state needs stays on the disk while somebody has it open; at a URL,
until the change after the next. What is done to the folder itself is its own, be it on a disk of
this machine or at a URL.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import duckdb

from cxr_duck.engines.choice import engines_of, reads_urls
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.sql_text import first_line, quoted
from cxr_duck.errors import ImagesError, StageError, StoreError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.disk_errors import translating_disk_errors
from cxr_duck.store.format import FORMAT, count_state, read_format
from cxr_duck.store.format_steps import bring_up
from cxr_duck.store.local_folder import CATALOG, SPILL, StoreFolder, refuse_strangers
from cxr_duck.store.one_state import held_states, seeing_the_newest
from cxr_duck.store.opening import BrokenCatalogError, open_catalog
from cxr_duck.store.publication import Publication
from cxr_duck.store.record_copy import write_copy
from cxr_duck.store.superseded import SUPERSEDED, forget_unread, paths_in
from cxr_duck.store.which_folder import folder_of

if TYPE_CHECKING:
    from filelock import FileLock

    from cxr_duck.engines.engine import Engine, EngineChoice, Engines

__all__ = ["CATALOG", "SPILL", "STORAGE_VERSION", "Store"]

STORAGE_VERSION = "v1.4.0"  # the oldest DuckDB that opens the catalog; 2.0's default shuts out 1.x

_DATA_PATHS = "SELECT path FROM data_files"
_COPY_PATHS = "SELECT path FROM record_files"
_LAST = "SELECT publication, action FROM publications ORDER BY publication DESC LIMIT 1"

# One connection a store and process, to the state that was opened last. One to a state before it
# stays as long as cursors of it are in use: a question that began goes on.
_open: dict[Path, tuple[tuple[int, int], duckdb.DuckDBPyConnection]] = {}


class Store:
    """A store at a path or URL, which need not exist before something is published there.

    `root` is that path or URL, `path` the folder of this machine where its catalog is opened: the
    same, or for a URL a temporary one. `progress` is told where a change brings the store to the
    format of this version.
    """

    patience = 5.0  # seconds to wait for another writer

    def __init__(
        self,
        place: str | os.PathLike[str] | None = None,
        engine: "EngineChoice" = "duckdb",
        progress: Progress = SILENT,
    ) -> None:
        self._folder = folder_of(place)
        self._engine = engine
        self._progress = progress
        self.root = self._folder.root
        self.path = self._folder.path
        self.lasting = self._folder.lasting
        self.catalog = self._folder.catalog

    @property
    def folder(self) -> StoreFolder:
        """The folder of the store, and what is done to it."""
        return self._folder

    @property
    def reads_locally(self) -> bool:
        """Whether DuckDB can read the data files, and not Spark alone."""
        return self._folder.reads_locally

    def check_reads_locally(self) -> None:
        """Raise StoreError where DuckDB can't read the data files."""
        if not self.reads_locally:
            raise StoreError(
                f"{self.root} lies where DuckDB doesn't read: give --engine spark to index, find, "
                "create, reproduce or check, or copy or mount the folder"
            )

    def exists(self) -> bool:
        """Tell whether something was published here."""
        self._folder.bring()
        return self.catalog.is_file()

    def cursor(self, *, anywhere: bool = False) -> duckdb.DuckDBPyConnection:
        """Return a connection that reads one state, and no file outside the store's data.

        That is the newest state, or within `one_state` the one that was seen there first. Temporary
        tables may be made on it. With `anywhere` the store may lie where its views can't
        read the data files. Raises StoreError where there is no store to read.
        """
        if not anywhere:
            self.check_reads_locally()
        key, held = self.path.resolve(), held_states()
        if key not in held:
            held[key] = self._newest(key)
        cursor = held[key].cursor()
        cursor.execute(
            f"USE cxr; SET VARIABLE cxr_store = {quoted(key)}; SET VARIABLE cxr_format = {FORMAT}"
        )
        return cursor

    def _newest(self, key: Path) -> duckdb.DuckDBPyConnection:
        """Return the connection to the newest state."""
        self._folder.bring()
        try:
            status = self.catalog.stat()
        except OSError:
            self._refuse_lost()
            raise StoreError(
                f"{self.root} is no store: run 'cxr index LABELS.csv --store {self.root}' first"
            ) from None
        state = (status.st_ino, status.st_mtime_ns)
        if key not in _open or _open[key][0] != state:
            self._forget()
            _open[key] = (state, open_catalog(self._folder))
        return _open[key][1]

    def duckdb(self, *, anywhere: bool = False) -> DuckDBEngine:
        """Return DuckDB on a new `cursor`, whichever engine the store was opened with."""
        return DuckDBEngine(self.cursor(anywhere=anywhere))

    def images_folder(self, given: Path | None = None) -> Path | None:
        """Return the folder that is given, or else the one that the images were indexed with."""
        if given is not None:
            return given
        rows = self.duckdb(anywhere=True).fetch(
            "SELECT images_folder FROM publications ORDER BY publication DESC LIMIT 1"
        )
        return Path(rows[0][0]) if rows and rows[0][0] else None

    def known_images_folder(self, given: Path | None = None) -> Path:
        """Do the same; ImagesError where no folder is known."""
        if (folder := self.images_folder(given)) is None:
            raise ImagesError(
                "no folder of images is known to this store: index the label file with --images"
            )
        return folder

    @cached_property
    def engines(self) -> "Engines":
        """The kind of engine that was asked for, which is started when it is first needed."""
        return engines_of(self._engine)

    def engine(self) -> "Engine":
        """Return an engine of the store's kind that reads the newest state."""
        return self.engines.reading(self.cursor(anywhere=reads_urls(self._engine)), self.root)

    def working_engine(self, size: int = 0) -> "AbstractContextManager[Engine]":
        """Return an engine of the store's kind to make a change with, from so many bytes of text.

        It sees nothing of the store but what it is shown.
        """
        spill = self.path / SPILL
        return self.engines.working(self.root, spill, self._folder.scratch(spill), size)

    def close(self) -> None:
        """Close this process's connection to the store; the next cursor opens it anew."""
        if entry := _open.pop(self.path.resolve(), None):
            entry[1].close()

    def _forget(self) -> None:
        """Let the next cursor open the store anew; cursors that are in use see what they saw."""
        _open.pop(self.path.resolve(), None)

    @contextmanager
    def publishing(self) -> Iterator[Publication]:
        """Yield a publication to fill; publish it whole at the end, or nothing on an error."""
        if not reads_urls(self._engine):
            self.check_reads_locally()
        with (
            seeing_the_newest(),
            self._only_writer(),
            translating_disk_errors(self.root),
        ):
            self._forget_killed_writers()
            working = self._working_copy()
            catalog: duckdb.DuckDBPyConnection | None = None
            folder: Path | str | None = None
            copied: list[str] = []
            try:
                self._folder.hold()
                if self.catalog.is_file():
                    self._copy_catalog(working)
                catalog = duckdb.connect(
                    str(working), config={"storage_compatibility_version": STORAGE_VERSION}
                )
                number = _next_number(catalog)
                folder = self._folder.begin(number)
                publication = Publication(self._folder, number, folder, catalog)
                told = bring_up(publication)
                yield publication
                if not publication.discarded:
                    copied = self._copy_record(publication, working)
                    catalog.execute("CHECKPOINT")
                    catalog.close()
                    self._forget()
                    self._folder.commit(working, folder)
                else:
                    self._folder.discard(folder)
            except BaseException as error:
                if catalog is not None:
                    catalog.close()
                if folder is not None and working.exists():  # else it became the catalog
                    self._folder.drop_copies(copied)
                    self._folder.discard(folder)
                self._clear_working_copies()
                if isinstance(error, StageError):  # another's change may be why
                    self._folder.refuse_other_state()
                raise
            catalog.close()
            self._clear_working_copies()
            self._clean_up(publication)
            if told is not None and not publication.discarded:
                self._progress.note(told)

    def _working_copy(self) -> Path:
        """Return the path for a working copy of the catalog, which no other ever has."""
        return self.path / f".{CATALOG}.{uuid4().hex[:8]}"

    def _copy_record(self, publication: Publication, working: Path) -> list[str]:
        """Write the copy of the record that goes with a publication; return its new files."""
        catalog = publication.catalog
        return write_copy(
            catalog,
            self._folder,
            working,
            count_state(catalog),
            anew=publication.forgetting,
        )

    def _forget_killed_writers(self) -> None:
        """Remove what runs that ended early left, the copies of the record first.

        As long as their working copies of the catalog are there, they tell that those are of no
        state.
        """
        if self._folder.killed_writers():
            kept = self._copy_paths() if self.catalog.is_file() else set()
            self._folder.drop_copies(set(self._folder.copies()) - kept)
        self._clear_working_copies()

    def _clear_working_copies(self) -> None:
        """Remove what a run that ended early left: its copy of the catalog, log and spill files."""
        for path in [*self.path.glob(f".{CATALOG}.*"), self.path / SPILL]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _clean_up(self, publication: Publication) -> None:
        """Remove what nobody needs any more; a later change does it where this one can't."""
        if not self.catalog.is_file():
            return
        try:
            self._drop_unread_data(forgetting=publication.forgetting)
        except (OSError, duckdb.Error) as error:
            told = error.strerror if isinstance(error, OSError) else None
            reason = told or first_line(error)
            raise StoreError(
                f"{self.root} was changed as asked, but files of its older state can't be removed: "
                f"{reason}"
            ) from error

    def _drop_unread_data(self, *, forgetting: bool) -> None:
        """Remove data files that neither this state nor an older one that is read refers to."""
        last = self.cursor(anywhere=True).execute(_LAST).fetchall()
        newest, action = last[0] if last else (0, "")
        catalogs = forget_unread(self.path, keep_newest=not forgetting and action != "remove")
        kept = {path for (path,) in self.cursor(anywhere=True).execute(_DATA_PATHS).fetchall()}
        if self._folder.may_have_unlisted(kept):  # to open a catalog takes longer than to look
            kept |= {path for catalog in catalogs for path in paths_in(catalog)}
        self._folder.drop_unlisted(kept, newest)
        found = read_format(self.cursor(anywhere=True))
        self._folder.drop_unlisted_copies(self._copy_paths(), found.state)

    def _copy_paths(self) -> set[str]:
        """Return the paths of the files of the record's copy; an earlier format has none."""
        with suppress(duckdb.CatalogException):
            rows = self.cursor(anywhere=True).execute(_COPY_PATHS).fetchall()
            return {path for (path,) in rows}
        return set()

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
        self._forget()
        shutil.copyfile(self.catalog, working)
        self._refuse_foreign_changes()
        after = self.catalog.stat()
        if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
            raise StoreError(
                f"another program wrote to {self._folder.catalog_name} just now: try again"
            )

    def _refuse_foreign_changes(self) -> None:
        """Raise StoreError where another program has the catalog open for writing."""
        self.cursor(anywhere=True)
        if self._folder.has_unwritten_changes():
            raise StoreError(
                f"{self._folder.catalog_name} has changes that another program has not written yet "
                f"({CATALOG}.wal): close the DuckDB shell that has it open"
            )

    def _refuse_lost(self) -> None:
        """Raise StoreError where a store lost its catalog."""
        if self._folder.was_lost():
            raise BrokenCatalogError(self._folder, "it is missing")

    @contextmanager
    def mending(self) -> Iterator[Path]:
        """Yield the path for a new catalog, in the place of a lost or broken one, to put in force.

        Other writers are kept out meanwhile. What lies in the folder stays as it is.
        """
        with self._only_writer(lost=True), translating_disk_errors(self.root):
            working = self._working_copy()
            try:
                yield working
            finally:
                self.close()
                working.unlink(missing_ok=True)
                Path(f"{working}.wal").unlink(missing_ok=True)

    @contextmanager
    def _only_writer(self, *, lost: bool = False) -> Iterator[None]:
        from filelock import FileLock

        lock = FileLock(self.path / ".lock")
        if not lost and not self.exists():
            self._refuse_lost()
            refuse_strangers(self._folder)
        try:
            self._lock(lock)
            yield
        finally:
            if lock.is_locked and not self.catalog.is_file():
                self._folder.leave_no_trace()  # under the lock: another may wait for the folder
            lock.release()

    def _lock(self, lock: "FileLock") -> None:
        from filelock import Timeout

        end = time.monotonic() + self.patience
        try:
            while not lock.is_locked:
                self.path.mkdir(parents=True, exist_ok=True)
                try:
                    lock.acquire(timeout=max(0.0, end - time.monotonic()))
                except FileNotFoundError:  # a first writer that failed took its new folder away
                    if time.monotonic() > end:
                        raise
            (self.path / "data").mkdir(exist_ok=True)
        except Timeout:
            raise StoreError(
                f"{self.root} is being written by another cxr: try again when that has ended"
            ) from None
        except OSError as error:
            raise StoreError(f"{self.root} can't be written to: {error.strerror}") from error


def _next_number(catalog: duckdb.DuckDBPyConnection) -> int:
    with suppress(duckdb.CatalogException):
        rows = catalog.execute("SELECT max(publication) FROM publications").fetchall()
        return 1 + (rows[0][0] or 0)
    return 1
