"""Tells the text of a CSV file apart into records, in the one way in which that can be done."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cxr_duck.errors import LabelFileError
from cxr_duck.sources.csv_text import CsvText

__all__ = ["Record", "count_plain", "records_of"]

_LONGEST = 1_000_000  # bytes of a record; DuckDB reads twice as many
_AT_ONCE = 100  # records that are matched at once: that takes half the time


@dataclass(frozen=True)
class Record:
    """A record below the header: its number, the line that it begins at, its text as it stands.

    Numbers begin with 1 below the header, lines with 1 at it; an empty line is no record. `problem`
    says why it can't be told apart into as many fields as the header has, None where it can.
    """

    number: int
    line: int
    text: bytes
    problem: str | None

    def fields(self, text: CsvText) -> list[str]:
        """Return its fields; it has no problem."""
        lines = io.StringIO(self.text.decode(), newline="")
        return next(csv.reader(lines, delimiter=text.separator))


class _Grammar:
    """The patterns of a CSV file, by RFC 4180: a field is quoted as a whole, or has no quote."""

    def __init__(self, text: CsvText) -> None:
        separator = re.escape(text.separator.encode())
        quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
        field = rb'(?:%b|[^"\r\n%b]*+)' % (quoted, separator)
        exact = rb"%b(?:%b%b){%d}" % (field, separator, field, len(text.header) - 1)
        self.exact = re.compile(exact)
        self.line = re.compile(exact + text.line_end)
        self.lines = re.compile(b"(?:%b%b){%d}+" % (exact, text.line_end, _AT_ONCE))
        self.fields = re.compile(rb"%b(?:%b%b)*+" % (field, separator, field))
        self.separators = re.compile(rb"%b|(%b)" % (quoted, separator))
        self.sound = re.compile(rb"(?:%b%b)*+" % (field, separator))  # the fields before a fault
        # As Python's csv module, pandas and R read it: a quote inside a field is a letter.
        lenient = rb'(?:"(?:[^"]|"")*+"[^%b]*+|[^"%b][^%b]*+|)' % (separator, separator, separator)
        self.closed = re.compile(rb"%b(?:%b%b)*+" % (lenient, separator, lenient))
        # To its end a record has every quote twice, whatever is wrong with it.
        end = b"\r" if text.line_end == b"\r" else b"\n"
        self.record = re.compile(rb'(?:[^"%b]++|"[^"]*+")*+%b' % (end, end))
        self.line_break = end


def count_plain(text: CsvText) -> int | None:
    """Return the number of records of a file that every reader tells apart alike; None of others.

    It has no malformed record, no empty line, and all its lines end as the header does. Whether it
    is UTF-8 is left to the reader. LabelFileError where it holds a zero byte, or is damaged.
    """
    grammar = _Grammar(text)
    plain = text.line_end != b"\r"
    number = 0
    rest = b""
    for block in text.blocks(checked=False):
        if not plain:
            return None
        rest += block
        place = 0
        for pattern, records in ((grammar.lines, _AT_ONCE), (grammar.line, 1)):
            while (found := pattern.match(rest, place)) and found.end() - place <= _LONGEST:
                place = found.end()
                number += records
        rest = rest[place:]
        plain = plain and len(rest) <= _LONGEST
    if not plain or (rest and not grammar.exact.fullmatch(rest)):
        return None
    return number + bool(rest)


def records_of(text: CsvText) -> Iterator[Record]:
    """Yield the records of a file; LabelFileError at the first line that leaves them in doubt.

    That is where a quote or a carriage return stands in no place of its own, so that other readers
    end the record elsewhere. Where all end it at the same place, it has a `problem`.
    """
    grammar = _Grammar(text)
    number, line = 0, 1 + text.header_lines
    rest = b""
    for block in _ended(text):
        rest += block
        place = 0
        while found := grammar.record.match(rest, place):
            if found.end() - place > _LONGEST:
                break
            body = _without_end(found[0])
            place = found.end()
            if body:
                number += 1
                yield Record(number, line, body, _problem(text, grammar, body, line))
            line += found[0].count(grammar.line_break)
        rest = rest[place:]
        if len(rest) > _LONGEST:
            raise _doubt(text, grammar, rest, line)
    if rest:
        raise _doubt(text, grammar, rest, line)


def _ended(text: CsvText) -> Iterator[bytes]:
    """Yield the blocks of a text, the last of them with a line end."""
    last = b""
    for block in text.blocks():
        yield block
        last = block
    if not last.endswith((b"\n", b"\r")):
        yield text.line_end


def _without_end(record: bytes) -> bytes:
    """Return the text of a record without the line end that it has."""
    return record[:-2] if record.endswith(b"\r\n") else record[:-1]


def _problem(text: CsvText, grammar: _Grammar, body: bytes, line: int) -> str | None:
    """Return why a record can't be told apart into its fields, None where it can."""
    if grammar.exact.fullmatch(body):
        return None
    expected = len(text.header)
    if grammar.fields.fullmatch(body):
        found = 1 + sum(bool(mark[1]) for mark in grammar.separators.finditer(body))
        return (
            f"the record has {found:,} field{'s' if found > 1 else ''}, the header {expected:,}: "
            f"line {line:,}"
        )
    if b"\n" in body or b"\r" in body or not grammar.closed.fullmatch(body):
        raise _doubt(text, grammar, body, line)
    return f"a quote stands inside a field: line {line:,}"


def _doubt(text: CsvText, grammar: _Grammar, body: bytes, line: int) -> LabelFileError:
    """Return the error about a record whose end can't be told, and which begins at a line."""
    sound = grammar.sound.match(body)
    place = sound.end() if sound else 0
    if place > _LONGEST:
        fault = f"a record begins that is longer than {_LONGEST:,} bytes, as without a quote's end"
    elif b'"' in body[place:]:
        fault = "a quote is missing, or stands inside a field"
    else:
        fault = "a line break stands that is of another kind than the others, CR alone or LF alone"
    line += body.count(grammar.line_break, 0, place if place <= _LONGEST else 0)
    return LabelFileError(f"{text.path} can't be told apart into records: in line {line:,} {fault}")
