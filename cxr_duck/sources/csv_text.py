"""Opens a CSV file: whether it is text in UTF-8, its header, its separator and its line ends."""

import codecs
import csv
import gzip
import re
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cxr_duck.errors import LabelFileError

__all__ = ["CsvText", "open_csv"]

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = codecs.BOM_UTF8
_HEAD = 1 << 20  # bytes: far more than a header takes
_LONGEST_HEADER = 100_000  # bytes
_BLOCK = 8 << 20
_SEPARATORS = ";\t|"  # instead of commas
_MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK": "a zip archive",
    b"%P": "a PDF",
    b"\xd0\xcf": "an Excel workbook",
    b"BZ": "compressed by bzip2",
    b"\xfd7": "compressed by xz",
    b"\x28\xb5": "compressed by Zstandard",
}
# The first line, with the line breaks that its quotes hold, and its end.
_FIRST = re.compile(rb'((?:[^"\r\n]++|"[^"]*+")*+)(\r\n|\n|\r|\Z)')

# Names that are quoted as a whole or not at all.
_NAMES = re.compile(rb'(?:(?:"(?:[^"]|"")*+"|[^",;\t|\r\n]*+)(?:[,;\t|]|\Z))*')


@dataclass(frozen=True)
class CsvText:
    """A CSV file whose header was read: how it is written, and its text in blocks of bytes.

    `separator` stands between its fields, `line_end` (CR LF, LF or CR) after its header, which
    takes `header_bytes` and `header_lines` of the text, a byte order mark included.
    """

    path: Path
    compressed: bool
    header: tuple[str, ...]
    separator: str
    line_end: bytes
    header_bytes: int
    header_lines: int

    def blocks(self, *, checked: bool = True) -> Iterator[bytes]:
        """Yield the text below the header; LabelFileError where it is damaged, or no UTF-8.

        Unless `checked`, UTF-8 is not looked for.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        with _reading(self.path), _opened(self.path, self.compressed) as file:
            offset = len(file.read(self.header_bytes))
            while block := file.read(_BLOCK):
                if b"\0" in block:
                    raise self._no_text(offset + block.index(b"\0"), "a zero byte")
                offset += len(block)
                if checked:
                    self._decode(decoder, block, offset)
                yield block
            self._decode(decoder, b"", offset)

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, offset: int) -> None:
        """Raise LabelFileError unless a block that ends at an offset is UTF-8."""
        try:
            decoder.decode(block, not block)
        except UnicodeDecodeError as error:
            text: bytes = error.object
            place = offset - len(text) + error.start
            raise self._no_text(place, f"the byte 0x{text[error.start]:02x}") from None

    def _no_text(self, offset: int, what: str) -> LabelFileError:
        """Return the error about what stands at an offset of the text."""
        line = 1
        with _opened(self.path, self.compressed) as file:
            while offset > 0 and (block := file.read(min(offset, _BLOCK))):
                line += block.count(b"\r" if self.line_end == b"\r" else b"\n")
                offset -= len(block)
        return _no_utf8(self.path, line, what)


def open_csv(path: Path, what: str) -> CsvText:
    """Read the header of a CSV file; LabelFileError says why it can't be read as `what`."""
    head, compressed = _head(path, what)
    if not head.removeprefix(_BOM).strip():
        raise LabelFileError(f"{path} is empty: give a {what} with a header and rows")
    if kind := _MARKS.get(head[:2]):
        raise LabelFileError(f"{path} is {kind}: {_remedy(kind, path)}")
    begin = len(_BOM) if head.startswith(_BOM) else 0
    first = _FIRST.match(head, begin)
    line = head[begin:].partition(b"\n")[0] if first is None else first[1]
    _check_line(path, line)
    if first is None or len(line) > _LONGEST_HEADER or not _NAMES.fullmatch(line):
        raise LabelFileError(
            f"{path} has a header, line 1, that can't be told apart into names: a quote is missing "
            "there, or stands inside a name"
        )
    if not line.strip():
        raise LabelFileError(f"{path} begins with an empty line: its header must come first")
    if not head[first.end() :].strip():
        raise LabelFileError(f"{path} has no row below its header: give a {what} with rows")
    text = line.decode()
    names = _fields(text, ",")
    separator = ","
    if len(names) == 1:
        separator = next((mark for mark in _SEPARATORS if mark in text), ",")
        names = _fields(text, separator)
    lines = 1 + line.count(first[2])
    return CsvText(path, compressed, tuple(names), separator, first[2], first.end(), lines)


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator))


def _check_line(path: Path, line: bytes) -> None:
    """Raise LabelFileError where the header is no text in UTF-8."""
    if (place := line.find(b"\0")) >= 0:
        raise _no_utf8(path, 1, "a zero byte", wide=place < 2)
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise _no_utf8(path, 1, f"the byte 0x{line[error.start]:02x}") from None


def _no_utf8(path: Path, line: int, what: str, *, wide: bool = False) -> LabelFileError:
    kind = "UTF-16" if wide else "Latin-1 or Windows-1252"
    remedy = (
        "where it is text, it was damaged: fetch it again"
        if what == "a zero byte" and not wide
        else f"where it was saved as {kind}, {_remedy(kind, path)}"
    )
    return LabelFileError(f"{path} is no CSV text in UTF-8: line {line:,} holds {what}; {remedy}")


def _remedy(kind: str, path: Path) -> str:
    """Return what makes a CSV file in UTF-8 of one of a kind."""
    if not kind.startswith(("UTF-16", "Latin-1")):
        return "give it as CSV in UTF-8, plain or gzipped"
    name = shlex.quote(path.name)
    read = f"gunzip -c {name} | iconv" if path.suffix == ".gz" else "iconv"
    encoding = "UTF-16" if kind == "UTF-16" else "WINDOWS-1252"
    written = "" if path.suffix == ".gz" else f" {name}"
    return (
        f"give it as CSV in UTF-8, which '{read} -f {encoding} -t UTF-8{written} > utf8.csv' makes"
    )


def _head(path: Path, what: str) -> tuple[bytes, bool]:
    """Return the beginning of a file's text, and whether the file is gzipped."""
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP_MAGIC
        with _reading(path), _opened(path, compressed) as file:
            return file.read(_HEAD), compressed
    except FileNotFoundError:
        raise LabelFileError(f"{path} does not exist: give the path of the {what}") from None
    except IsADirectoryError:
        raise LabelFileError(f"{path} is a folder: give the path of the {what} in it") from None


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn an error about a file into a LabelFileError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LabelFileError(f"{path} is a damaged gzip file: fetch it again") from error
    except OSError as error:
        raise LabelFileError(f"{path} can't be read: {error.strerror}") from error


def _opened(path: Path, compressed: bool) -> IO[bytes]:
    return gzip.open(path) if compressed else path.open("rb")  # type: ignore[return-value]
