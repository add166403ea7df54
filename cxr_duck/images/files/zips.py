"""Members of a zip, read where they lie: stored ones in place, deflated ones through an inflater.

The form is PKWARE's APPNOTE.TXT, 6.3.10. The central directory is read by Python's zipfile.
"""

import errno
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from cxr_duck.images.formats.inflate import fastest

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ENCRYPTED", "METHODS", "Zip", "is_zip", "open_file", "read_directory"]

_LOCAL_HEADER = Struct("<4s22xHH")  # signature, …, length of the name, length of the extra field
_SIGNATURE = b"PK\x03\x04"
ENCRYPTED = 1  # bit of the flags
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of compression, that are read
_BLOCK = 1 << 16  # bytes that are read at a time
_PIECE = 1 << 20  # bytes of a member that are joined


class _Member(NamedTuple):
    """What the central directory says of a member; `offset` is that of its local header."""

    offset: int
    compressed: int
    size: int
    crc: int
    method: int
    flags: int


def open_file(path: Path) -> BinaryIO:
    """Return the unbuffered stream of a file; OSError, too, where it is a pipe or a device."""

    def opener(file: str, flags: int) -> int:
        descriptor = os.open(file, flags | getattr(os, "O_NONBLOCK", 0))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no file", file)
        return descriptor

    return open(path, "rb", buffering=0, opener=opener)


def is_zip(name: str) -> bool:
    """Tell whether a file's name is that of a zip."""
    return name.lower().endswith(".zip")


def read_directory(file: BinaryIO) -> Iterator[zipfile.ZipInfo]:
    """Yield the entries of a zip's central directory; OSError where it is damaged.

    The name as it stands there is `orig_filename`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            yield from archive.filelist
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        StructError,
        ValueError,
        OverflowError,
        EOFError,
    ) as error:
        raise OSError(errno.EIO, f"it is cut, or no zip: {error}") from error


class Zip:
    """A zip whose members are opened by their names, from several threads at once.

    Its central directory is read once; OSError where it can't be. `modified` is when the zip was
    changed, in nanoseconds. Reading moves no position, so a forked process may use it too.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.modified = os.fstat(self.descriptor).st_mtime_ns
        with open(self.descriptor, "rb", closefd=False) as stream:
            self._members = {
                entry.orig_filename: _Member(
                    entry.header_offset,
                    entry.compress_size,
                    entry.file_size,
                    entry.CRC,
                    entry.compress_type,
                    entry.flag_bits,
                )
                for entry in read_directory(stream)
            }

    def __del__(self) -> None:
        """Close the zip when nobody reads it any more."""
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    def size(self, name: str) -> int:
        """Return the bytes of a member; FileNotFoundError where there is none of this name."""
        return self._member(name).size

    def open(self, name: str) -> BinaryIO:
        """Return a stream of a member's bytes.

        OSError where it is not there, encrypted, or compressed in another way than by deflate; and
        on reading, where its length or CRC-32 is not the one that the zip holds.
        """
        member = self._member(name)
        told = f"{self._file}/{name}"
        if member.flags & ENCRYPTED:
            raise OSError(errno.EACCES, "it is encrypted", told)
        stored = member.method == zipfile.ZIP_STORED
        if member.method not in METHODS:
            raise OSError(
                errno.ENOTSUP, f"it is compressed by method {member.method}, not deflated", told
            )
        if stored and member.compressed != member.size:
            raise OSError(errno.EIO, "it is stored, but its two sizes in the zip differ", told)
        stream = (_Stored if stored else _Deflated)(self, member, self._start(member, told), told)
        return io.BufferedReader(stream, _BLOCK)

    def _member(self, name: str) -> _Member:
        try:
            return self._members[name]
        except KeyError:
            told = f"{self._file}/{name}"
            raise FileNotFoundError(errno.ENOENT, "it is not in the zip", told) from None

    def _start(self, member: _Member, told: str) -> int:
        """Return where a member's data begin: its local header has lengths of its own."""
        header = os.pread(self.descriptor, _LOCAL_HEADER.size, member.offset)
        if len(header) == _LOCAL_HEADER.size:
            signature, name, extra = _LOCAL_HEADER.unpack(header)
            if signature == _SIGNATURE:
                return int(member.offset + _LOCAL_HEADER.size + name + extra)
        raise OSError(errno.EIO, "the zip has no member where its directory says so", told)


class _Stream(io.RawIOBase):
    """The bytes of a member; at the end their number and CRC-32 must be those of the directory."""

    def __init__(self, source: Zip, member: _Member, start: int, told: str) -> None:
        self._source = source  # keeps the descriptor open
        self._member = member
        self._start = start
        self._told = told
        self._position = 0
        self._summed = 0  # bytes that the checksum covers so far
        self._crc = 0
        self._inflating = fastest()

    @property
    def name(self) -> str:
        return self._told

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")[: self._member.size - self._position]
        count = self._fill(view) if len(view) else 0
        if self._position == self._summed:
            self._crc = self._inflating.crc32(view[:count], self._crc)
            self._summed += count
        self._position += count
        if self._position == self._member.size:
            self._check_end()
        return count

    def readall(self) -> bytes:
        pieces = []
        while piece := self.read(_PIECE):
            pieces.append(piece)
        return b"".join(pieces)

    def _fill(self, view: memoryview) -> int:
        """Fill the beginning of a buffer that is not empty; return with how many bytes."""
        raise NotImplementedError

    def _check_end(self) -> None:
        if self._summed == self._member.size and self._crc != self._member.crc:
            raise self._damage("its CRC-32 is not the one that the zip holds")

    def _damage(self, what: str) -> OSError:
        return OSError(errno.EIO, what, self._told)

    def _from(self, offset: int, whence: int) -> int:
        """Return the position that `seek` means."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._member.size}[whence]
        return min(max(base + offset, 0), self._member.size)


class _Stored(_Stream):
    """A member that is stored as it is."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = self._from(offset, whence)
        return self._position

    def _fill(self, view: memoryview) -> int:
        place = self._start + self._position
        if count := os.preadv(self._source.descriptor, [view], place):
            return count
        raise self._damage("the zip ends before it")


class _Deflated(_Stream):
    """A member that is inflated; going back begins anew."""

    def __init__(self, source: Zip, member: _Member, start: int, told: str) -> None:
        super().__init__(source, member, start, told)
        self._rewind()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        wanted = self._from(offset, whence)
        if wanted < self._position:
            self._rewind()
        while self._position < wanted:
            self.read(min(wanted - self._position, _PIECE))
        return self._position

    def _rewind(self) -> None:
        self._position = self._read = 0
        self._inflater = self._inflating.decompressobj(-15)  # no zlib header

    def _fill(self, view: memoryview) -> int:
        out = self._inflate(len(view))
        if not out:
            raise self._damage("it is shorter than the zip says")
        view[: len(out)] = out
        return len(out)

    def _check_end(self) -> None:
        if self._inflate(1):
            raise self._damage("it is longer than the zip says")
        super()._check_end()

    def _inflate(self, most: int) -> bytes:
        """Return at most so many bytes, none at the end of the compressed stream."""
        while not self._inflater.eof:
            block = self._inflater.unconsumed_tail or self._next_block()
            try:
                out: bytes = self._inflater.decompress(block, most)
            except self._inflating.error as error:
                raise self._damage(f"it can't be inflated ({error})") from error
            if out:
                return out
            if not block and not self._inflater.eof:
                raise self._damage("its compressed bytes end too early")
        return b""

    def _next_block(self) -> bytes:
        length = min(_BLOCK, self._member.compressed - self._read)
        block = os.pread(self._source.descriptor, length, self._start + self._read)
        self._read += len(block)
        return block
