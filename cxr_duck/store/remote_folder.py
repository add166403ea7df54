"""The folder of a store at a URL: its catalog is copied here to be opened, its data stay there.

A changed catalog goes up under a name of its own, and takes the place of the one before if that is
still the one that was copied. Nothing at a URL can be locked: who publishes says so by a file, a
claim, and gives way to others who did. What a folder lists must be there as soon as it is written,
which holds for HDFS, S3, Google's and Azure's storage.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import RLock
from uuid import uuid4

from cxr_duck.engines.own_fields import ADDED
from cxr_duck.engines.spark.scratch import SCRATCH, SCRATCH_SECONDS
from cxr_duck.errors import StoreError
from cxr_duck.io.urls import MOUNTS, Mounts, RemotePath, mounts, reach, translating_url_errors
from cxr_duck.store.local_folder import CATALOG, COPIES, StoreFolder, is_of_store, states_of
from cxr_duck.store.superseded import keep_for_readers

__all__ = ["RemoteFolder"]

_NEXT = f".{CATALOG}.next"  # a whole catalog that is about to be the one in force
_CLAIM = ".claim"
_OWN = re.compile(r"(?:\.cxr\.duckdb\.)?(\d{6,})(?:-[0-9a-f]{8})?(?:\.claim)?")
_HEAD = 12_288  # bytes of the headers of a DuckDB database, which count its checkpoints
_PATIENCE = 5.0  # seconds to wait for another who publishes
_FORGOTTEN = 300 * 10**9  # nanoseconds after which a claim is of somebody who was killed
_TRIES = 3

# Size, time of change and headers of a catalog. Some storage tells the time in whole seconds.
_Version = tuple[int, int, bytes]


@dataclass
class _Mirror:
    """The folder of this machine with the copy of a catalog, and the version that it is of."""

    folder: "tempfile.TemporaryDirectory[str]" = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="cxr-store-")
    )
    version: _Version | None = None
    lock: RLock = field(default_factory=RLock)


# One a URL and process, which all its users share.
_mirrors: dict[tuple[str, Mounts], _Mirror] = {}


class RemoteFolder(StoreFolder):
    """The folder of a store at a URL; `path` is one of this machine with a copy of its catalog."""

    reads_locally = False

    def __init__(self, url: str) -> None:
        url = url.rstrip("/")
        if "?" in url:
            url, _, options = url.partition("?")
            raise StoreError(
                f"the URL of a store has no options, since Spark knows none: give them as "
                f"{MOUNTS}={url}={url}?{options}"
            )
        self._url = url
        self._mounts = mounts()
        self._mirror = _mirrors.setdefault((url, self._mounts), _Mirror())
        super().__init__(Path(self._mirror.folder.name))
        self.root = url
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.lasting = cache / "cxr-duck" / sha256(url.encode()).hexdigest()[:16]
        self._base: _Version | None = None
        self._begun = ""  # the data folder of the publication in the making
        self._decided = False

    @cached_property
    def _place(self) -> RemotePath:
        with translating_url_errors(self._url):
            return reach(self._url, self._mounts)

    def bring(self) -> None:
        """Copy the catalog from the URL, unless the copy that is here is of the same version."""
        mirror = self._mirror
        fetched = self.path / "fetched.duckdb"
        with mirror.lock, translating_url_errors(self._url, "read"):
            for _ in range(_TRIES):
                version = self._version()
                if version == mirror.version:
                    return
                if version is None:
                    self.catalog.unlink(missing_ok=True)
                    mirror.version = None
                    return
                try:
                    (self._standing() or self._place.child(CATALOG)).download(fetched)
                except FileNotFoundError:  # another one was put in its place
                    continue
                if version == self._version():
                    self._show(fetched, version)
                    return
        raise StoreError(f"{self.root} is written to all the time: try again")

    def _show(self, catalog: Path, version: _Version | None) -> None:
        """Let a file of the mirror be its catalog; the one before stays for who reads it here."""
        if self.catalog.is_file():
            keep_for_readers(self.path, self.catalog)
        os.replace(catalog, self.catalog)
        self._mirror.version = version

    def _standing(self) -> RemotePath | None:
        """Return the file of the catalog in force.

        To move a file onto another may take the other away first, as on HDFS.
        """
        for name in (CATALOG, _NEXT, CATALOG):
            if (place := self._place.child(name)).state() is not None:
                return place
        return None

    def _version(self) -> _Version | None:
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                place = self._standing()
                if place is None or (state := place.state()) is None:
                    return None
                return (*state, place.read(_HEAD))
        return None

    def _version_after(self) -> _Version | None:
        """Return the version that was put in force, or None where it can't be told."""
        with suppress(OSError):
            return self._version()
        return None

    def hold(self) -> None:
        """Take note of the state that a change starts from."""
        self.bring()
        self._base = self._mirror.version

    def strangers(self) -> list[str]:
        """Return the names of what lies in the folder and is of no store."""
        with translating_url_errors(self._url, "read"):
            return sorted(name for name in self._place.listing() if not is_of_store(name))

    def has_unwritten_changes(self) -> bool:
        """Tell whether another program has changed the catalog, and not written it yet."""
        with translating_url_errors(self._url, "read"):
            log = self._place.child(f"{CATALOG}.wal").state()
        return log is not None and log[0] > 0

    def begin(self, number: int) -> str:
        """Return the folder for the data files of a publication, which nobody else writes to."""
        self._decided = False
        self._begun = f"data/{number:06d}-{uuid4().hex[:8]}"
        return self._place.child(self._begun).url

    def scratch(self, spill: Path) -> str:
        """Return a folder for files that are gone afterwards, which an engine's workers reach."""
        return self._place.child(f"{self._begun}/scratch").url

    def stand_ins(self, listed: list[tuple[str, str]]) -> Path:
        """Return a folder with an empty file, of the right columns, for each that is listed.

        DuckDB binds a view to the columns of its files when it is made.
        """
        from pyarrow import parquet

        folder = self.path / "columns"
        shutil.rmtree(folder, ignore_errors=True)
        empty = {}
        for relation, path in listed:
            kind = path if relation in ADDED else relation  # earlier files lack columns
            if kind not in empty:
                with (
                    translating_url_errors(f"{self._url}/{path}", "read"),
                    self._place.child(path).open_input() as file,
                ):
                    empty[kind] = parquet.read_schema(file).empty_table()
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(empty[kind], folder / path)
        return folder

    def commit(self, working: Path, folder: Path | str) -> None:
        """Put a working copy of the catalog in force, if nobody else changed the store since."""
        own = self._begun.rpartition("/")[2]
        partial = self._place.child(f".{CATALOG}.{own}")
        with translating_url_errors(self._url, "written to"):
            try:
                partial.upload(working)
                with self._claimed(own):
                    self.refuse_other_state()
                    self._put_in_force(partial, working)
                    version = self._version_after()
            finally:
                with suppress(OSError):
                    partial.delete_file()
        with self._mirror.lock, suppress(OSError):  # else it is copied when it is asked for
            self._mirror.version = None
            self._show(working, version)

    @contextmanager
    def _claimed(self, own: str) -> Iterator[None]:
        """Hold a claim, which nobody else holds at the same time; StoreError where others do."""
        claim = self._place.child(f".{CATALOG}.{own}{_CLAIM}")
        claim.write(b"")
        try:
            deadline = time.monotonic() + _PATIENCE
            while others := self._other_claims(claim.name):
                # Of two who see each other the first by name stays, and waits for the other to go.
                if min(others) < claim.name or time.monotonic() > deadline:
                    raise StoreError(
                        f"{self.root} is being written by another cxr, or one was killed less than "
                        f"{_FORGOTTEN // (60 * 10**9)} minutes ago: try again later"
                    )
                time.sleep(0.1)
            yield
        finally:
            with suppress(OSError):
                claim.delete_file()

    def _other_claims(self, own: str) -> list[str]:
        times = {
            name: info.mtime_ns or 0
            for name, info in self._place.listing().items()
            if name.endswith(_CLAIM)
        }
        since = times.get(own, 0) - _FORGOTTEN
        return [name for name, changed in times.items() if name != own and changed > since]

    def refuse_other_state(self) -> None:
        """Raise StoreError where another has changed the store meanwhile."""
        if self._version() != self._base:
            raise StoreError(
                f"{self.root} was written by another cxr in the meantime, and nothing of this "
                "change was kept: try again"
            )

    def _put_in_force(self, partial: RemotePath, working: Path) -> None:
        """Move an uploaded catalog to where it is in force; it is, or isn't, when this returns.

        Where that can't be told because of an error, `_decided` stays and no data are removed.
        """
        catalog, following = self._place.child(CATALOG), self._place.child(_NEXT)
        if (standing := self._standing()) and standing.url == following.url:
            following.move_to(catalog)  # what one began who was killed
        following.delete_file()
        self._decided = True
        try:
            partial.move_to(following)
            following.move_to(catalog)
        except OSError:
            version = self._version()
            if (
                version is None
                or version[0] != working.stat().st_size
                or version[2] != _head(working)
            ):
                following.delete_file()
                self._decided = False
                raise

    def put_copy(self, file: Path, path: str) -> None:
        """Upload a file of the copy of the record to its path in the store."""
        with translating_url_errors(self._url, "written to"):
            self._place.child(path).upload(file)

    def copies(self) -> list[str]:
        """Return the paths of all files that are of a copy of the record."""
        with translating_url_errors(self._url, "read"):
            return [f"{COPIES}/{name}" for name in self._place.child(COPIES).listing()]

    def drop_copies(self, paths: Iterable[str]) -> None:
        """Remove files of a copy that belongs to no state."""
        if not self._decided:
            for path in paths:
                with suppress(OSError):
                    self._place.child(path).delete_file()

    def drop_unlisted_copies(self, kept: set[str], state: int) -> None:
        """Remove the files of other copies, but for those of another who is at work."""
        if not self._decided:
            return
        for path in set(self.copies()) - kept:
            if max(states_of([path]), default=state + 1) <= state:
                self._place.child(path).delete_file()

    def was_lost(self) -> bool:
        """Tell whether a state was published here, for which there need not be a catalog now.

        Of the first state that can't be told: its writer may have been killed before.
        """
        states = states_of(self.copies())
        return len(states) > 1 or max(states, default=1) > 1

    def discard(self, folder: Path | str) -> None:
        """Remove the data files of a publication that came to nothing."""
        if not self._decided:
            with suppress(OSError):
                self._place.child(self._begun).delete_folder()

    def may_have_unlisted(self, kept: set[str]) -> bool:
        """Say that there may be: to look takes as long as to open a catalog."""
        return True

    def drop_unlisted(self, kept: set[str], newest: int) -> None:
        """Remove data files but for those that are kept, and what a killed writer left.

        Those of a publication after the `newest` are of another who is at work; who works on an
        earlier one can't publish it any more.
        """
        if not self._decided:
            return
        self._place.child(f"{self._begun}/scratch").delete_folder()
        folders = {path.split("/")[1] for path in kept}
        for name in self._place.child("data").listing():
            folder = self._place.child(f"data/{name}")
            if not _is_before(name, newest):
                continue
            if name not in folders:
                folder.delete_folder()
                continue
            for path, info in folder.listing(recursive=True).items():
                if info.is_file and f"data/{name}/{path}" not in kept:
                    folder.child(path).delete_file()
        for name in self._place.listing():
            if name.startswith(".") and _is_before(name, newest):
                self._place.child(name).delete_file()
        scratch = self._place.child(SCRATCH)
        newest_of: dict[str, int] = {}  # of the files: an object storage keeps no time of folders
        for path, info in scratch.listing(recursive=True).items():
            name = path.partition("/")[0]
            newest_of[name] = max(newest_of.get(name, 0), info.mtime_ns or 0)
        for name, changed in newest_of.items():
            if time.time() - changed / 1e9 > SCRATCH_SECONDS:
                scratch.child(name).delete_folder()
        if not scratch.listing():
            scratch.delete_folder()

    def leave_no_trace(self) -> None:
        """Take away the folders that a first run made on a mounted disk and published nothing."""
        from pyarrow.fs import LocalFileSystem

        if isinstance(self._place.filesystem, LocalFileSystem):
            for folder in (Path(self._place.path) / "data", Path(self._place.path)):
                with suppress(OSError):
                    folder.rmdir()


def _is_before(name: str, newest: int) -> bool:
    """Tell whether a name is one of our own, of the newest publication or one before it."""
    own = _OWN.fullmatch(name)
    return own is not None and int(own[1]) <= newest


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
