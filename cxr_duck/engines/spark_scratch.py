"""Where Spark's engine keeps relations while it is at work: Parquet that every worker sees.

A relation that stood in the workers' memory would go with them, and one that is only described
would be worked out again wherever it is read, its own relations too: 30 stages would take hours.
"""

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from itertools import count
from pathlib import Path
from uuid import uuid4

from cxr_duck.places import mounts, reach

__all__ = ["SCRATCH", "Scratch"]

SCRATCH = ".scratch"  # in the folder of a store


class Scratch:
    """A folder for relations, made when the first is kept and gone with this object."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._made = False

    @classmethod
    def within(cls, store: Path | str) -> "Scratch":
        """Return one in the folder of a store that is only read."""
        name = f"{SCRATCH}/{uuid4().hex[:16]}"
        return cls(store / name if isinstance(store, Path) else f"{store}/{name}")

    def place(self, relation: str) -> str:
        """Return a path or URL that nothing stands at, for a relation's rows."""
        if not self._made:
            self._made = True
            self._make()
        return f"{os.fspath(self._folder)}/{next(self._numbers):03d}-{relation}"

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
    with suppress(Exception):  # the next change of the store clears it away
        reach(folder, mounts()).delete_folder()
