"""Checks a label file before DuckDB reads it: whether it is CSV text, and its columns."""

import csv
import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cxr_duck.errors import LabelFileError
from cxr_duck.io.digest import sha256_of
from cxr_duck.sources.source import Source

__all__ = ["LabelFile", "check_gzip", "open_label_file", "read_header"]

_GZIP_MAGIC = b"\x1f\x8b"
_ROW_NUMBER = ("", "Unnamed: 0")  # PadChest's own first column, and the same saved by pandas
_LONGEST_FIELD = 2**31 - 1  # characters
_HEAD = 1 << 20  # bytes: far more than a header takes
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK": "a zip archive", b"%P": "a PDF"}


@dataclass(frozen=True)
class LabelFile:
    """A label file whose header was read: its columns, in the file's order and by our names.

    `missing` are the source's columns that the file lacks, `unknown` those it has beyond them.
    """

    path: Path
    compressed: bool
    columns: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of its text; of a gzipped file a guess, since labels shrink to about a sixth."""
        return self.path.stat().st_size * (6 if self.compressed else 1)

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes, as hexadecimal digits."""
        return sha256_of(self.path)

    def raw_records(self, wanted: Collection[int]) -> tuple[int, dict[int, str]]:
        """Return the number of records below the header, and the text of those that are wanted.

        Records are numbered from 1. This reads the whole file line by line: slow and exact.
        """
        lines: list[str] = []

        def remembering(file: Iterable[str]) -> Iterator[str]:
            for line in file:
                lines.append(line)
                yield line

        opened = gzip.open if self.compressed else open
        limit = csv.field_size_limit(_LONGEST_FIELD)
        found: dict[int, str] = {}
        number = -1  # the header is record 0
        try:
            with opened(
                self.path, "rt", encoding="utf-8-sig", errors="backslashreplace", newline=""
            ) as file:
                for fields in csv.reader(remembering(file)):
                    number += bool(fields)
                    if fields and number in wanted:
                        found[number] = "".join(lines).rstrip("\r\n")
                    lines.clear()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged(self.path, error) from error
        finally:
            csv.field_size_limit(limit)
        return number, found

    def check_whole(self) -> None:
        """Read a gzipped file to its end; LabelFileError where it is cut short or damaged."""
        if self.compressed:
            check_gzip(self.path)


def check_gzip(path: Path) -> None:
    """Raise LabelFileError where a gzipped file is cut short or damaged.

    DuckDB before 2.0 takes a gzip file that ends early for a shorter one.
    """
    try:
        with gzip.open(path) as file:
            while file.read(_HEAD):
                pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from error


def open_label_file(path: Path, source: Source) -> LabelFile:
    """Read a label file's header and check its columns; LabelFileError says what is wrong."""
    header, compressed = read_header(path)
    names = tuple("source_row" if name in _ROW_NUMBER else name for name in header)
    lacking = sorted(source.required - set(names))
    if lacking:
        separator = next((mark for mark in ";\t|" if mark in header[0]), None)
        hint = (
            f"its fields are separated by {separator!r}, not by commas"
            if separator
            else (f"its header is {', '.join(header[:6])}{', …' if len(header) > 6 else ''}")
        )
        raise LabelFileError(
            f"{path} lacks the column {', '.join(lacking)} of a {source.name} label file: {hint}"
        )
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in names if lowered.count(name.lower()) > 1})
    if twice:
        raise LabelFileError(f"{path} has the column {', '.join(twice)} twice: rename one of them")
    known = {"source_row", *source.columns}
    return LabelFile(
        path=path,
        compressed=compressed,
        columns=names,
        missing=tuple(name for name in source.columns if name not in names),
        unknown=tuple(name for name in names if name not in known),
    )


def read_header(path: Path, what: str = "label file") -> tuple[list[str], bool]:
    """Return the fields of a CSV file's first line, and whether the file is gzipped.

    LabelFileError says why it can't be read as `what`.
    """
    head, compressed = _head(path, what)
    return _header(path, head, what), compressed


def _head(path: Path, what: str) -> tuple[bytes, bool]:
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            head = gzip.GzipFile(fileobj=file).read(_HEAD) if compressed else file.read(_HEAD)
    except FileNotFoundError:
        raise LabelFileError(f"{path} does not exist: give the path of the {what}") from None
    except IsADirectoryError:
        raise LabelFileError(f"{path} is a folder: give the path of the {what} in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise LabelFileError(f"{path} can't be read: {error.strerror}") from error
    return head, compressed


def _damaged(path: Path, error: Exception) -> LabelFileError:
    return LabelFileError(f"{path} is a damaged gzip file ({error}): fetch it again")


def _header(path: Path, head: bytes, what: str) -> list[str]:
    if not head.strip():
        raise LabelFileError(f"{path} is empty: give a {what} with a header and rows")
    if kind := _MARKS.get(head[:2]):
        raise LabelFileError(f"{path} is {kind}: give it as CSV in UTF-8, plain or gzipped")
    line, _, rest = head.partition(b"\n")
    try:
        if b"\0" in head:
            raise ValueError("it holds zero bytes")
        header = next(csv.reader([line.decode("utf-8-sig").rstrip("\r")], strict=True))
    except (ValueError, csv.Error, StopIteration) as error:
        raise LabelFileError(f"{path} is no CSV text in UTF-8: {error}") from error
    if not header:
        raise LabelFileError(f"{path} begins with an empty line: its header must come first")
    if not rest.strip():
        raise LabelFileError(f"{path} has no row below its header: give a {what} with rows")
    return header
