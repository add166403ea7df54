"""Opens the images below a folder by their paths, be they files or members of zips."""

import os
import platform
import re
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from cxr_duck.errors import ImagesError
from cxr_duck.images.files.zips import Zip, open_file

__all__ = ["ImageFolder"]

_IN_ZIP = re.compile(r"\.zip(?=/)", re.IGNORECASE)


class ImageFolder:
    """Opens images by their paths below a folder, from several threads at once.

    A path has `/` between its parts, as in the column `path` of `images`; that of a member of a zip
    is the zip's path and the member's name, `0.zip/123.png`. A zip's directory is read once and
    stays in memory, and its file stays open. A pickled copy opens the zips anew.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self._zips: dict[str, Zip | None] = {}  # None for a folder whose name is that of a zip
        self._own_lock()

    def __reduce__(self) -> tuple[type["ImageFolder"], tuple[Path]]:
        """Let another process open the same folder with descriptors of its own."""
        return ImageFolder, (self.root,)

    def open(self, path: str) -> BinaryIO:
        """Return a stream of an image's bytes, to be read once from the start. Raises OSError.

        Of a member of a zip the length and the CRC-32 are tested when its last byte is read.
        """
        archive, name = self._place(path)
        if archive is not None:
            return archive.open(name)
        return open_file(self.root / path)

    def read(self, path: str) -> bytes:
        """Return an image's bytes. Raises OSError."""
        with self.open(path) as stream:
            return stream.read()

    def stat(self, path: str) -> tuple[int, int]:
        """Return the bytes of an image, and when it was changed, in nanoseconds; or OSError.

        A member of a zip was changed when the zip was: who writes a zip anew, from another copy
        say, can change the bytes of a member and leave all that the zip says of it as it was.
        """
        archive, name = self._place(path)
        if archive is not None:
            return archive.size(name), archive.modified
        status = (self.root / path).stat()
        return status.st_size, status.st_mtime_ns

    def plain_file(self, path: str) -> Path | None:
        """Return the file of an image that is one of its own, which can be linked to."""
        file = self.root / path
        return file if file.is_file() else None

    def refuse_absent(self) -> None:
        """Raise ImagesError where nothing is below the folder, as where a share is not mounted.

        A file that is missing says little of the image where all of them are.
        """
        with suppress(OSError), os.scandir(self.root) as entries:
            if next(entries, None) is not None:
                return
        raise ImagesError(
            f"{self.root} is not there, or is empty, on {platform.node()}: every machine that "
            "reads the images must see the same folder at the same path"
        )

    def _place(self, path: str) -> tuple[Zip | None, str]:
        """Return the zip that holds an image and its name there, or None and the path."""
        for match in _IN_ZIP.finditer(path):
            if (archive := self._zip(path[: match.end()])) is not None:
                return archive, path[match.end() + 1 :]
        return None, path

    def _zip(self, path: str) -> Zip | None:
        if path not in self._zips:
            if self._process != os.getpid():  # the lock may have been held when this was forked
                self._own_lock()
            with self._lock:
                if path not in self._zips:
                    file = self.root / path
                    self._zips[path] = None if file.is_dir() else Zip(file)
        return self._zips[path]

    def _own_lock(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
