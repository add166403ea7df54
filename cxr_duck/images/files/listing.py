"""Lists a folder of images in any of PadChest's layouts: by ImageDir, flat, in zips, or mixed."""

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zipfile import ZipInfo

from cxr_duck.errors import ImagesError
from cxr_duck.images.files.zips import (
    ENCRYPTED,
    METHODS,
    is_zip,
    open_file,
    read_directory,
)

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Listing", "list_images", "nothing_listed"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
_OTHER_IMAGES = (
    ".apng", ".avif", ".bmp", ".gif", ".heic", ".j2k", ".jls", ".jp2", ".jxl", ".mha", ".nii",
    ".nii.gz", ".nrrd", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip
_PACKED = re.compile(r"(.+)\.(?:gz|bz2|xz|zst)", re.IGNORECASE)
_ARCHIVE = re.compile(r"(.+?)\.(?:tar|tar\.(?:gz|bz2|xz|zst)|tgz|tbz2|txz|7z|rar)", re.IGNORECASE)
_UNREAD = "is not read: make it a PNG, JPEG or DICOM file"
_UNOPENED = "is not opened: unpack it"
_ABSOLUTE = re.compile(r"/|[A-Za-z]:")
_LARGEST = 2**62  # bytes


@dataclass(frozen=True)
class Listing:
    """The image files below a folder, in the order of their paths, and what was refused.

    `files` has the columns of `image_files`, `refused` those of `refused_files`.
    """

    files: "pyarrow.Table"
    refused: "pyarrow.Table"


class _File(NamedTuple):
    image_id: str
    folder: str
    zip: str | None
    path: str
    bytes: int
    modified: int


class _Refused(NamedTuple):
    image_id: str | None
    folder: str
    path: str
    reason: str


def list_images(folder: Path, seen: Callable[[int], None] = lambda count: None) -> Listing:
    """Return the image files below a folder and in the zips there.

    A file's `folder` is the name of the directory that holds it; a zip is one without its suffix. A
    member of a zip whose name could lead elsewhere is refused, and so is a zip that can't be read,
    an archive of another kind or within a zip, and an image of a kind that isn't read. `seen` is
    told the number of files found so far. Links to folders are followed, each folder once. Raises
    ImagesError where the folder can't be listed.
    """
    if not folder.is_dir():
        raise ImagesError(f"{folder} is no folder: give the folder that holds the images")
    files: list[_File] = []
    refused: list[_Refused] = []
    for found in _walk(folder):
        if isinstance(found, _Refused):
            refused.append(found)
            continue
        files.append(found)
        if len(files) % 1000 == 0:
            seen(len(files))
    seen(len(files))
    return _as_tables(files, refused)


def nothing_listed() -> Listing:
    """Return the listing of no folder."""
    return _as_tables([], [])


def _as_tables(files: list[_File], refused: list[_Refused]) -> Listing:
    import pyarrow

    text, number = pyarrow.string(), pyarrow.int64()
    fields = {"image_id": text, "folder": text, "zip": text, "path": text}
    fields |= {"bytes": number, "modified": number}
    reasons = {"image_id": text, "folder": text, "path": text, "reason": text}

    def table(rows: list[_File] | list[_Refused], types: dict[str, object]) -> "pyarrow.Table":
        rows.sort(key=lambda row: row.path)
        columns = list(zip(*rows, strict=True)) or [()] * len(types)
        arrays = [pyarrow.array(c, t) for c, t in zip(columns, types.values(), strict=True)]
        return pyarrow.Table.from_arrays(arrays, names=list(types))

    return Listing(table(files, fields), table(refused, reasons))


def _walk(root: Path) -> Iterator[_File | _Refused]:
    def refuse(error: OSError) -> None:
        raise ImagesError(f"{error.filename} can't be listed: {error.strerror}") from error

    visited: set[tuple[int, int]] = set()
    for directory, below, names in os.walk(root, onerror=refuse, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in visited:
            below.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        below[:] = [name for name in below if name != "__MACOSX"]
        relative = os.path.relpath(directory, root).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        for name in names:
            if is_zip(name):
                yield from _members(Path(directory, name), prefix + name)
            elif _is_image(name):
                yield _plain_file(directory, name, prefix + name)
            elif unused := _unused(name, os.path.basename(directory), prefix + name):
                yield unused


def _is_image(name: str) -> bool:
    """Tell whether a name is that of an image, and none that macOS keeps beside it."""
    return name.lower().endswith(_SUFFIXES) and not name.startswith("._")


def _unused(name: str, folder: str, path: str, in_zip: bool = False) -> _Refused | None:
    """Return why a file isn't used that is an image, or holds some; None of any other file."""
    if name.startswith("._"):
        return None
    if name.lower().endswith(_OTHER_IMAGES):
        kind = name[name.index(".", 1) if name.lower().endswith(".nii.gz") else name.rindex(".") :]
        return _refusal(name, folder, path, f"an image of the kind {kind.lower()} {_UNREAD}")
    if archive := _ARCHIVE.fullmatch(name):
        return _refusal(None, archive[1], path, f"an archive of this kind {_UNOPENED}")
    if in_zip and is_zip(name):
        return _refusal(None, name[: -len(".zip")], path, f"a zip within a zip {_UNOPENED}")
    packed = _PACKED.fullmatch(name)
    if packed and _is_image(packed[1]):
        return _refusal(packed[1], folder, path, f"a compressed file {_UNOPENED}")
    return None


def _plain_file(directory: str, name: str, path: str) -> _File | _Refused:
    folder = os.path.basename(directory)
    if not path.isprintable():
        return _refusal(name, folder, path, "its name can't be printed")
    try:
        status = os.stat(os.path.join(directory, name))
    except OSError as error:
        return _refusal(name, folder, path, f"it can't be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return _refusal(name, folder, path, "it is no file")
    return _File(name, folder, None, path, status.st_size, status.st_mtime_ns)


def _members(file: Path, path: str) -> Iterator[_File | _Refused]:
    """Yield the images of a zip; where it can't be read, that alone.

    They were changed when the zip was, see `ImageFolder.stat`.
    """
    top = file.stem
    try:
        with open_file(file) as stream:
            modified = os.fstat(stream.fileno()).st_mtime_ns
            entries = list(read_directory(stream))
    except OSError as error:
        yield _refusal(None, top, path, error.strerror or str(error))
        return
    last = {entry.orig_filename: number for number, entry in enumerate(entries)}
    for number, entry in enumerate(entries):
        name = entry.orig_filename
        *folders, image_id = name.split("/")
        if "__MACOSX" in folders:
            continue
        folder = folders[-1] if folders else top
        inner = f"{path}/{name}"
        if not (_is_image(image_id) or "\0" in name):
            if unused := _unused(image_id, folder, inner, in_zip=True):
                yield unused
            continue
        if reason := _reason_against(entry, inner):
            yield _refusal(image_id, folder, inner, reason)
        elif last[name] != number:
            yield _refusal(image_id, folder, inner, "a later member of the zip has its name")
        else:
            yield _File(image_id, folder, path, inner, entry.file_size, modified)


def _reason_against(entry: ZipInfo, path: str) -> str | None:
    """Return why a member of a zip is never opened, None where it may be."""
    name = entry.orig_filename
    kind = stat.S_IFMT(entry.external_attr >> 16)  # as Unix writes it; 0 from other systems
    reasons = {
        "its name is absolute": _ABSOLUTE.match(name) is not None,
        "its name climbs with ..": ".." in name.split("/"),
        "its name has a backslash": "\\" in name,
        "its name can't be printed": not path.isprintable(),
        "it is a link": kind == stat.S_IFLNK,
        "it is no file": kind not in (0, stat.S_IFREG),
        "it is encrypted": bool(entry.flag_bits & ENCRYPTED),
        f"it is compressed by method {entry.compress_type}, not deflated": (
            entry.compress_type not in METHODS
        ),
        "its size can't be": entry.file_size > _LARGEST,
        "its place can't be": entry.header_offset > _LARGEST,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _refusal(image_id: str | None, folder: str, path: str, reason: str) -> _Refused:
    return _Refused(image_id and _printable(image_id), _printable(folder), _printable(path), reason)


def _printable(text: str) -> str:
    """Return a text with escapes in place of what can't be printed."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
