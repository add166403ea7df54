"""The scratch folder of Spark's engine: intermediate relations that every worker can read.

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

from cxr_duck.errors import StoreError
from cxr_duck.io.urls import mounts, reach, spark_path

__all__ = ["SCRATCH", "SCRATCH_SECONDS", "Scratch"]

SCRATCH = ".scratch"  # in the folder of a store
SCRATCH_SECONDS = 24 * 3600.0  # after which what a killed engine left is cleared away


class Scratch:
    """A folder for relations, made when the first is kept and gone with this object.

    Where all workers are in this process (`alone`), what can't be made there is made elsewhere.
    """

    def __init__(self, folder: Path | str, *, alone: bool = False) -> None:
        self._folder = folder
        self._alone = alone
        self._numbers = count(1)
        self._made = False

    @classmethod
    def within(cls, store: Path | str, *, alone: bool) -> "Scratch":
        """Return one in the folder of a store that is only read."""
        folder = store / SCRATCH if isinstance(store, Path) else f"{store}/{SCRATCH}"
        return cls.of_its_own(folder, alone=alone)

    @classmethod
    def of_its_own(cls, folder: Path | str, *, alone: bool = False) -> "Scratch":
        """Return one below a folder that others may use too."""
        name = uuid4().hex[:16]
        own = folder / name if isinstance(folder, Path) else f"{folder}/{name}"
        return cls(own, alone=alone)

    def place(self, relation: str) -> str:
        """Return a path or URL that nothing stands at, for a relation's rows.

        Raises StoreError where the workers of a cluster have no folder that all of them see.
        """
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
        except OSError as error:  # a store that may only be read
            if not self._alone:
                raise StoreError(
                    f"{self._folder.parent} can't be written to ({error.strerror}): Spark's "
                    "workers keep there what a command needs on the way; let them write there, or "
                    "take the engine duckdb"
                ) from error
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
        above = folder.rpartition("/")[0]
        if above.endswith(f"/{SCRATCH}") and not reach(above, mounts()).listing():
            reach(above, mounts()).delete_folder()
