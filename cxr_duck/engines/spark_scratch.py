"""Where Spark's engine keeps relations while it is at work: Parquet that every worker sees.

A relation that stood in the workers' memory would go with them, and one that is only described
would be worked out again wherever it is read, its own relations too: 30 stages would take hours.
"""

import shutil
import tempfile
import weakref
from contextlib import suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

from cxr_duck.places import mounts, reach, spark_path

__all__ = ["SCRATCH", "SCRATCH_SECONDS", "Scratch"]

SCRATCH = ".scratch"  # in the folder of a store
SCRATCH_SECONDS = 24 * 3600.0  # after which what a killed engine left is cleared away


class Scratch:
    """A folder for relations, made when the first is kept and gone with this object."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._made = False

    @classmethod
    def within(cls, store: Path | str) -> "Scratch":
        """Return one in the folder of a store that is only read."""
        return cls.of_its_own(store / SCRATCH if isinstance(store, Path) else f"{store}/{SCRATCH}")

    @classmethod
    def of_its_own(cls, folder: Path | str) -> "Scratch":
        """Return one below a folder that others may use too."""
        name = uuid4().hex[:16]
        return cls(folder / name if isinstance(folder, Path) else f"{folder}/{name}")

    def place(self, relation: str) -> str:
        """Return a path or URL that nothing stands at, for a relation's rows."""
        if not self._made:
            self._made = True
            self._make()
        return f"{spark_path(self._folder)}/{next(self._numbers):03d}-{relation}"

    def _make(self) -> None:
        if isinstance(self._folder, str):
            weakref.finalize(self, _delete, self._folder)
            return
        self._folder = self._folder.absolute()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # a store that may only be read; one machine can do without
            self._folder = Path(tempfile.mkdtemp(prefix="cxr-"))
        weakref.finalize(self, _delete, self._folder)


def _delete(folder: Path | str) -> None:
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are at work beside it
            if folder.parent.name == SCRATCH:
                folder.parent.rmdir()
        return
    with suppress(Exception):  # a change of the store clears it away after a day
        reach(folder, mounts()).delete_folder()
