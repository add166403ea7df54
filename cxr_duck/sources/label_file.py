"""Checks a label file before it is read: whether it has the columns of its repository."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cxr_duck.errors import LabelFileError
from cxr_duck.io.digest import sha256_of
from cxr_duck.sources.csv_text import CsvText, open_csv
from cxr_duck.sources.records import count_plain, records_of
from cxr_duck.sources.source import Source

__all__ = ["LabelFile", "open_label_file"]

_PANDAS = "Unnamed: "  # how pandas calls the first column, which has no name, when it saves it
_ROW_NUMBER = "source_row"
_CALLED = {";": "semicolons", "\t": "tabs", "|": "'|'"}


@dataclass(frozen=True)
class LabelFile:
    """A label file whose header was read: its columns, in the file's order and by our names.

    An index that pandas put in front has no name, and is not read. `missing` are the source's
    columns that the file lacks, `unknown` those it has beyond them.
    """

    text: CsvText
    columns: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.text.path

    @property
    def compressed(self) -> bool:
        """Whether it is gzipped."""
        return self.text.compressed

    @property
    def size(self) -> int:
        """Bytes of its text; of a gzipped file a guess, since labels shrink to about a sixth."""
        return self.path.stat().st_size * (6 if self.compressed else 1)

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes, as hexadecimal digits."""
        return sha256_of(self.path)

    def count_plain(self) -> int | None:
        """Return the number of records where all readers tell them apart alike; see records.py."""
        return count_plain(self.text)

    def raw_records(self, wanted: Collection[int]) -> dict[int, str]:
        """Return the text of the records with these numbers."""
        return {
            record.number: record.text.decode()
            for record in records_of(self.text)
            if record.number in wanted
        }

    def write_plain(self, copy: Path) -> tuple[int, list[tuple[int, str]]]:
        """Write the records that can be told apart to a file, each after its number.

        Returns how many there are, and number and reason of those that are malformed.
        LabelFileError at the first line that leaves it in doubt where a record ends.
        """
        malformed: list[tuple[int, str]] = []
        records = 0
        with copy.open("wb") as file:
            for record in records_of(self.text):
                records = record.number
                if record.problem is None:
                    file.write(b"%d,%b\n" % (record.number, record.text))
                else:
                    malformed.append((record.number, record.problem))
        return records - len(malformed), malformed


def open_label_file(path: Path, source: Source) -> LabelFile:
    """Read a label file's header and check its columns; LabelFileError says what is wrong."""
    text = open_csv(path, "label file")
    names = _named(text.header)
    lacking = sorted(source.required - set(names))
    if text.separator != ",":
        raise LabelFileError(
            f"{path} separates its fields by {_CALLED[text.separator]}, as line 1 shows, not by "
            "commas: save it with commas"
        )
    if lacking:
        raise LabelFileError(
            f"{path} lacks the column {', '.join(lacking)} of a {source.name} label file: its "
            f"header is {', '.join(names[:6])}{', …' if len(names) > 6 else ''}"
        )
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in names if name and lowered.count(name.lower()) > 1})
    if twice:
        raise LabelFileError(f"{path} has the column {', '.join(twice)} twice: rename one of them")
    known = {_ROW_NUMBER, *source.columns}
    return LabelFile(
        text=text,
        columns=names,
        missing=tuple(name for name in source.columns if name not in names),
        unknown=tuple(name for name in names if name and name not in known),
    )


def _named(header: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a header's columns; the one of row numbers has none in the file.

    pandas puts a nameless column before the others whenever it saves a table, and calls the former
    ones Unnamed: the last of those in front is the file's own, and the others stay nameless.
    """
    nameless = [place for place, name in enumerate(header) if not name or name.startswith(_PANDAS)]
    in_front = [place for count, place in enumerate(nameless) if place == count]
    own = [*in_front[-1:], *nameless][:1]
    return tuple(
        _ROW_NUMBER
        if place in own
        else ""
        if place in in_front
        else f"column {place + 1}"
        if place in nameless
        else name
        for place, name in enumerate(header)
    )
