"""The place of a store: a folder of this machine, or a URL that Python reaches by pyarrow.

Spark's workers get what stands here by value, and need not have cxr_duck. Only errors that are told
on the machine where cxr runs need it: they are imported inside the functions.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import pyarrow.fs

__all__ = [
    "MOUNTS",
    "Mounts",
    "RemotePath",
    "creating",
    "delete_file",
    "local_path",
    "mounts",
    "open_file",
    "reach",
    "send_file",
    "spark_path",
    "translating_url_errors",
]

MOUNTS = "CXR_MOUNTS"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # a single letter is a disk of Windows
_CHUNK = 1 << 20
_SAME = {"s3a": "s3", "s3n": "s3"}  # Hadoop's names, and pyarrow's

Mounts = tuple[tuple[str, str], ...]


def local_path(place: str | os.PathLike[str]) -> Path | None:
    """Return the folder of this machine that a path or a file: URL names; None for other URLs.

    Raises StoreError for a URL that was made a path, or names a file of another machine.
    """
    from cxr_duck.errors import StoreError

    text = os.fspath(place)
    if not _URL.match(text):
        return Path(text)
    if not isinstance(place, str):
        raise StoreError(f"{text} is a URL made a path, and lost a slash: give it as a text")
    if not text.lower().startswith("file:"):
        return None
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise StoreError(f"{text} names a file of {parts.netloc}: give file:///… or where it lies")
    return Path(unquote(parts.path))


def mounts() -> Mounts:
    """Return what $CXR_MOUNTS says: beginnings of URLs, and the folder or URL that each stands for.

    `CXR_MOUNTS=dbfs:/=/dbfs/;s3a://films/=s3://films/?endpoint_override=10.0.0.7:9000`. Raises
    StoreError where it says nothing of the kind.
    """
    from cxr_duck.errors import StoreError

    pairs = []
    for entry in filter(None, map(str.strip, os.environ.get(MOUNTS, "").split(";"))):
        prefix, equals, target = entry.partition("=")
        if not equals or not _URL.match(prefix) or not (_URL.match(target) or target[:1] == "/"):
            raise StoreError(
                f"${MOUNTS} has {entry!r}: give URL=FOLDER, several with a semicolon between, as "
                "in dbfs:/=/dbfs/"
            )
        pairs.append((prefix, target))
    return tuple(pairs)


@dataclass(frozen=True)
class RemotePath:
    """A file or folder at a URL, and the filesystem and path by which Python reaches it.

    What can't be done raises OSError.
    """

    url: str
    filesystem: "pyarrow.fs.FileSystem"
    path: str

    def child(self, name: str) -> "RemotePath":
        """Return what lies below this folder under a name, or a relative path."""
        return RemotePath(
            f"{self.url.rstrip('/')}/{name}", self.filesystem, f"{self.path.rstrip('/')}/{name}"
        )

    @property
    def name(self) -> str:
        """The name of the file or folder in its own folder."""
        return self.url.rpartition("/")[2]

    def state(self) -> tuple[int, int] | None:
        """Return the size of a file and the time of its last change, in nanoseconds, or None."""
        info = self.filesystem.get_file_info(self.path)
        return (info.size, info.mtime_ns or 0) if info.is_file else None

    def read(self, size: int | None = None) -> bytes:
        """Return the bytes of a file, or the first ones of them."""
        with self.filesystem.open_input_file(self.path) as file:
            return bytes(file.read(size))

    def open_input(self) -> Any:
        """Open a file to read its bytes."""
        return self.filesystem.open_input_file(self.path)

    def open_output(self) -> Any:
        """Open a file to write its bytes, with the folders that lead to it."""
        try:
            return self.filesystem.open_output_stream(self.path, compression=None)
        except FileNotFoundError:
            self.filesystem.create_dir(self.path.rpartition("/")[0], recursive=True)
            return self.filesystem.open_output_stream(self.path, compression=None)

    def write(self, content: bytes) -> None:
        """Write the bytes of a file."""
        with self.open_output() as file:
            file.write(content)

    def download(self, to: Path) -> None:
        """Copy a file onto the disk of this machine."""
        with self.open_input() as source, to.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)

    def upload(self, file: Path) -> None:
        """Copy a file of this machine here."""
        with file.open("rb") as source, self.open_output() as target:
            shutil.copyfileobj(source, target, _CHUNK)

    def listing(self, *, recursive: bool = False) -> "dict[str, pyarrow.fs.FileInfo]":
        """Return what lies in a folder by its name, or in all below by its relative path."""
        from pyarrow.fs import FileSelector

        selector = FileSelector(self.path, allow_not_found=True, recursive=recursive)
        above = len(self.path.rstrip("/")) + 1
        return {info.path[above:]: info for info in self.filesystem.get_file_info(selector)}

    def delete_file(self) -> None:
        """Delete a file, if it is there."""
        if self.filesystem.get_file_info(self.path).is_file:
            self.filesystem.delete_file(self.path)

    def delete_folder(self) -> None:
        """Delete a folder with all that lies in it, if it is there."""
        if self.filesystem.get_file_info(self.path).type.name == "Directory":
            self.filesystem.delete_dir(self.path)

    def move_to(self, other: "RemotePath") -> None:
        """Give a file the place of another; on HDFS there is neither of the two for an instant."""
        self.filesystem.move(self.path, other.path)


def reach(url: str, mounted: Mounts = ()) -> RemotePath:
    """Return the place of a URL; the longest of the mounts that it begins with says where that is.

    Raises OSError or ValueError where neither a mount nor pyarrow knows it.
    """
    from pyarrow.fs import FileSystem, HadoopFileSystem, LocalFileSystem

    target = _mounted(url, mounted) or url
    if target.startswith("/"):
        return RemotePath(url, LocalFileSystem(), target)
    scheme, _, rest = target.partition(":")
    if scheme == "hdfs" and rest.startswith("///"):  # the one of Hadoop's configuration
        return RemotePath(url, HadoopFileSystem("default"), rest[2:])
    filesystem, path = FileSystem.from_uri(f"{_SAME.get(scheme, scheme)}:{rest}")
    return RemotePath(url, filesystem, path)


def _mounted(url: str, mounted: Mounts) -> str | None:
    """Return what stands for a URL by the longest of the mounts that it begins with."""
    known = [
        (prefix, target)
        for prefix, target in mounted
        if url == prefix or url.startswith(prefix if prefix.endswith("/") else f"{prefix}/")
    ]
    if not known:
        return None
    prefix, target = max(known, key=lambda pair: len(pair[0]))
    base, question, options = target.partition("?")
    rest = url[len(prefix) :].strip("/")
    base = base.rstrip("/")
    return (f"{base}/{rest}" if rest else base or "/") + question + options


def creating(folder: str, mounted: Mounts) -> Callable[[str], Any]:
    """Return what makes a file of a name in a folder at a URL, wherever it is called."""

    def create(name: str) -> Any:
        return reach(folder, mounted).child(name).open_output()

    return create


def send_file(file: Path, folder: str) -> str:
    """Move a file of this machine to a folder at a URL; return where it is."""
    with translating_url_errors(folder, "written to"):
        reach(folder, mounts()).child(file.name).upload(file)
    file.unlink()
    return f"{folder}/{file.name}"


def spark_path(place: Path | str) -> str:
    """Return a folder of this machine, or a URL, as Spark writes to it, whatever its default.

    Hadoop takes the rest of the text as it is: nothing in it is escaped.
    """
    return f"file://{place.absolute()}" if isinstance(place, Path) else place


def as_pattern(path: str) -> str:
    """Return a path or URL as Spark reads it, which takes it for a pattern of several."""
    return re.sub(r"([\\*?\[\]{}])", r"\\\1", path)


def open_file(root: Path | str, path: str) -> Any:
    """Open a file below a folder or a URL to read its bytes; OSError where that can't be done."""
    if isinstance(root, Path):
        return (root / path).open("rb")
    return reach(root, mounts()).child(path).open_input()


def delete_file(root: Path | str, path: str) -> None:
    """Delete a file below a folder or a URL, if it is there; OSError where that can't be done."""
    if isinstance(root, Path):
        (root / path).unlink(missing_ok=True)
    else:
        reach(root, mounts()).child(path).delete_file()


_HINTS = {
    "hdfs": "set JAVA_HOME, HADOOP_HOME and CLASSPATH (hadoop classpath --glob), or ",
    "viewfs": "set JAVA_HOME, HADOOP_HOME and CLASSPATH (hadoop classpath --glob), or ",
    "s3": "give credentials and a region as AWS's tools take them, or ",
}


@contextmanager
def translating_url_errors(url: str, what: str = "reached") -> Iterator[None]:
    """Turn what fails at a URL into a StoreError, which says what to install or to set."""
    from cxr_duck.errors import StoreError

    try:
        yield
    except (OSError, ValueError, NotImplementedError, ImportError) as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        scheme = url.partition(":")[0]
        hint = _HINTS.get(_SAME.get(scheme, scheme), "")
        raise StoreError(
            f"{url} can't be {what} ({reason}): {hint}say where it is mounted, as in "
            f"{MOUNTS}={scheme}:/=/mnt/{scheme}/"
            if what == "reached"
            else f"{url} can't be {what}: {reason}"
        ) from error
