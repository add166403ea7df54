"""The folder of a store on a disk of this machine, and the operations on it."""

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from cxr_duck.engines.spark.scratch import SCRATCH, SCRATCH_SECONDS
from cxr_duck.errors import StoreError
from cxr_duck.io.whole import sync
from cxr_duck.store.superseded import SUPERSEDED, keep_for_readers

__all__ = [
    "ASIDE",
    "CATALOG",
    "COPIES",
    "SPILL",
    "StoreFolder",
    "is_of_store",
    "refuse_strangers",
    "states_of",
]

CATALOG = "cxr.duckdb"
ASIDE = "set-aside-"  # begins the name of a folder of what a repair didn't take
COPIES = "record"  # the folder with the copy of the record
_COPY = re.compile(rf"{COPIES}/(\d{{6,}})-")  # the state that a file of a copy was written for
_WORKING = re.compile(rf"\.{re.escape(CATALOG)}\.[0-9a-f]+")
SPILL = ".spill"  # where DuckDB puts what memory can't hold while it indexes


class StoreFolder:
    """The folder of a store on a disk of this machine.

    `path` is where the catalog is opened and worked on, `root` what the user calls the store.
    """

    reads_locally = True  # whether DuckDB can read the data files

    def __init__(self, path: Path) -> None:
        self.path = path
        self.catalog = path / CATALOG
        self.root: Path | str = path
        self.lasting = path  # of this machine, for what a run goes on from

    @property
    def catalog_name(self) -> str:
        """What the user calls the catalog."""
        return f"{self.root}/{CATALOG}"

    def bring(self) -> None:
        """Let the catalog in `path` be the newest."""

    def hold(self) -> None:
        """Take note of the state that a change starts from."""

    def strangers(self) -> list[str]:
        """Return the names of what lies in the folder and is of no store."""
        if not self.path.is_dir():
            return []
        return sorted(path.name for path in self.path.iterdir() if not is_of_store(path.name))

    def has_unwritten_changes(self) -> bool:
        """Tell whether another program has changed the catalog, and not written it yet."""
        log = Path(f"{self.catalog}.wal")
        return log.exists() and log.stat().st_size > 0

    def begin(self, number: int) -> Path | str:
        """Return the folder for the data files of a publication; it is not there yet."""
        folder = self.path / "data" / f"{number:06d}"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def scratch(self, spill: Path) -> Path | str:
        """Return a folder for files that are gone afterwards, which an engine's workers reach."""
        return spill

    def stand_ins(self, listed: list[tuple[str, str]]) -> Path | None:
        """Return a folder of empty data files where DuckDB can't read those that are listed.

        `listed` has a pair (relation, path) for each.
        """
        return None

    def commit(self, working: Path, folder: Path | str) -> None:
        """Put a working copy of the catalog, and its data files, in force at one stroke."""
        for path in [*Path(folder).glob("*"), Path(folder), Path(folder).parent]:
            if path.exists():
                sync(path)
        sync(working)
        if self.catalog.is_file():
            keep_for_readers(self.path, self.catalog)
        os.replace(working, self.catalog)
        sync(self.path)

    def put_copy(self, file: Path, path: str) -> None:
        """Move a file of the copy of the record to its path in the store, and have it on disk."""
        target = self.path / path
        target.parent.mkdir(exist_ok=True)
        os.replace(file, target)
        sync(target)
        sync(target.parent)

    def copies(self) -> list[str]:
        """Return the paths of all files that are of a copy of the record."""
        return [f"{COPIES}/{path.name}" for path in (self.path / COPIES).glob("*.parquet")]

    def drop_copies(self, paths: Iterable[str]) -> None:
        """Remove files of a copy that belongs to no state."""
        for path in paths:
            (self.path / path).unlink(missing_ok=True)
        with suppress(OSError):  # others stay
            (self.path / COPIES).rmdir()

    def drop_unlisted_copies(self, kept: set[str], state: int) -> None:
        """Remove the files of other copies than that of the state in force."""
        self.drop_copies(set(self.copies()) - kept)

    def killed_writers(self) -> list[Path]:
        """Return the working copies of the catalog that killed writers left."""
        return [path for path in self.path.glob(f".{CATALOG}.*") if _WORKING.fullmatch(path.name)]

    def set_aside(self) -> list[str]:
        """Return the names of the folders in which a repair put files aside."""
        return sorted(path.name for path in self.path.glob(f"{ASIDE}*"))

    def was_lost(self) -> bool:
        """Tell whether a state was published here, for which there need not be a catalog now.

        Who was killed before the first state was published left a working copy of its catalog.
        """
        numbers = [path.parent.name for path in (self.path / "data").glob("[0-9]*/*.parquet")]
        states = states_of(self.copies())
        later = (
            any(int(number) > 1 for number in numbers)
            or len(states) > 1
            or max(states, default=1) > 1
        )
        return (
            later
            or any((self.path / SUPERSEDED).glob("*.duckdb"))
            or bool((numbers or states) and not self.killed_writers())
        )

    def discard(self, folder: Path | str) -> None:
        """Remove the data files of a publication that came to nothing."""
        shutil.rmtree(folder, ignore_errors=True)

    def may_have_unlisted(self, kept: set[str]) -> bool:
        """Tell whether there may be data files besides those that are kept."""
        return any(True for _ in self._unlisted(kept))

    def _unlisted(self, kept: set[str]) -> Iterator[Path]:
        for path in (self.path / "data").glob("[0-9]*/*"):
            if path.relative_to(self.path).as_posix() not in kept:
                yield path

    def drop_unlisted(self, kept: set[str], newest: int) -> None:
        """Remove data files but for those that are kept; `newest` is the publication in force."""
        for path in self._unlisted(kept):
            path.unlink(missing_ok=True)
        for folder in (self.path / "data").glob("[0-9]*"):
            with suppress(OSError):  # it still holds a file
                folder.rmdir()
        for folder in (self.path / SCRATCH).glob("*"):
            with suppress(FileNotFoundError):  # whose it was has taken it away
                if time.time() - folder.stat().st_mtime > SCRATCH_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)

    def refuse_other_state(self) -> None:
        """Raise StoreError where another has changed the store meanwhile: a lock keeps them out."""

    def leave_no_trace(self) -> None:
        """Take away what a first run made that published nothing; it holds the lock.

        The lock's file goes after what it guards: from then on another may be at work in a folder
        of its own making, or in this one, which then stays.
        """
        for folder in (self.path / "data", self.path / COPIES, self.path / SUPERSEDED):
            with suppress(OSError):
                folder.rmdir()
        with suppress(OSError):
            (self.path / ".lock").unlink()
        with suppress(OSError):
            self.path.rmdir()


def states_of(copies: Iterable[str]) -> set[int]:
    """Return the states that the files of copies of the record were written for."""
    return {int(own[1]) for path in copies if (own := _COPY.match(path))}


def is_of_store(name: str) -> bool:
    """Tell whether a store without a catalog may have a file or folder of this name."""
    return name in (".lock", "data", COPIES, SPILL) or name.startswith(f".{CATALOG}.")


def refuse_strangers(folder: StoreFolder) -> None:
    """Raise StoreError where a folder that is no store holds something else."""
    if strangers := folder.strangers():
        raise StoreError(
            f"{folder.root} is no store and not empty ({strangers[0]} lies in it): "
            "give --store a folder of its own"
        )
