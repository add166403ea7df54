"""The images below a folder, each by its path, however they are kept there."""

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["ImageFolder"]


class ImageFolder:
    """Opens images by their paths below a folder, from several threads at once.

    A path has `/` between its parts, as in the column `path` of `images`.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def open(self, path: str) -> BinaryIO:
        """Return a stream of an image's bytes, to be read once from the start. Raises OSError."""
        return (self.root / path).open("rb", buffering=0)

    def read(self, path: str) -> bytes:
        """Return an image's bytes. Raises OSError."""
        with self.open(path) as stream:
            return stream.read()

    def stat(self, path: str) -> tuple[int, int]:
        """Return the bytes of an image, and when it was changed, in nanoseconds; or OSError."""
        status = (self.root / path).stat()
        return status.st_size, status.st_mtime_ns

    def plain_file(self, path: str) -> Path | None:
        """Return the file of an image that is one of its own, which can be linked to."""
        file = self.root / path
        return file if file.is_file() else None
