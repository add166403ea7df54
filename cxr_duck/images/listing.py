"""List a folder of images: PadChest's, by ImageDir, below `images/`, or flat."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from cxr_duck.errors import ImagesError

__all__ = ["list_images"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


def list_images(
    folder: Path, seen: Callable[[int], None] = lambda count: None
) -> list[tuple[str, str, str]]:
    """Return (name, folder, path) of each image file below a folder, in the order of their paths.

    `folder` is the name of the directory that holds the file, `path` is relative to the given
    folder with `/` between its parts. `seen` is told the number of files found so far. Links to
    folders are followed, each folder once. Raises ImagesError where the folder can't be listed.
    """
    if not folder.is_dir():
        raise ImagesError(f"{folder} is no folder: give the folder that holds the images")
    found: list[tuple[str, str, str]] = []
    for directory, path in _walk(folder):
        found.append((os.path.basename(path), directory, path))
        if len(found) % 1000 == 0:
            seen(len(found))
    seen(len(found))
    return sorted(found, key=lambda entry: entry[2])


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    def refuse(error: OSError) -> None:
        raise ImagesError(f"{error.filename} can't be listed: {error.strerror}") from error

    visited: set[tuple[int, int]] = set()
    for directory, below, names in os.walk(root, onerror=refuse, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in visited:
            below.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        relative = os.path.relpath(directory, root).replace(os.sep, "/")
        for name in names:
            if not name.isprintable():
                continue  # no name that a label file could hold
            if name.lower().endswith(_SUFFIXES):
                yield os.path.basename(directory), name if relative == "." else f"{relative}/{name}"
