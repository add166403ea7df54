"""The lines of a table: what rich draws without borders, in a fraction of its time.

Rich draws the header, which is bold on a terminal, and rows that have more than a line of plain
text. All other rows only need spaces, and those are most of a long table.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["table_lines"]

_WIDE = 10_000  # columns: tables are never folded
_GAP = "  "
# Rich takes these off, widens them, ends a line at them, or joins by them what is beside them.
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200d\ufe0f]")


def table_lines(
    names: Sequence[str], columns: Sequence[Sequence[str]], to_right: Sequence[bool]
) -> Iterator[str]:
    """Return the lines of a table of texts, which is given by its columns.

    The texts of the columns in `to_right` end below each other, those of the others begin so.
    """
    from rich.console import Console

    console = Console(width=_WIDE, highlight=False)
    drawn = partial(_drawn, console, names, to_right)
    widths = [
        max(_rich_width(console, name), *(_width(console, text) for text in column), 0)
        for name, column in zip(names, columns, strict=True)
    ]
    if not names or sum(widths) + len(_GAP) * (len(names) - 1) > _WIDE:
        yield from drawn(list(zip(*columns, strict=True)))
        return
    yield from drawn([], widths)
    padded = [_padded(*column) for column in zip(columns, widths, to_right, strict=True)]
    odd = {place for column in columns for place, text in enumerate(column) if _is_odd(text)}
    rows = enumerate(zip(*padded, strict=True))
    for is_odd, group in groupby(rows, key=lambda row: row[0] in odd):
        if is_odd:
            texts = [[column[place] for column in columns] for place, _ in group]
            yield from drawn(texts, widths, header=False)
        else:
            for _, row in group:
                yield _GAP.join(row).rstrip()


def _drawn(
    console: "Console",
    names: Sequence[str],
    to_right: Sequence[bool],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int] | None = None,
    *,
    header: bool = True,
) -> list[str]:
    """Return the lines that rich draws, with the columns as wide as they are or as is given."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=header)
    for place, (name, right) in enumerate(zip(names, to_right, strict=True)):
        width = None if widths is None else widths[place]
        table.add_column(name, justify="right" if right else "left", no_wrap=True, width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_odd(text: str) -> bool:
    return not _is_plain(text) and _ODD.search(text) is not None


def _width(console: "Console", text: str) -> int:
    """Return the places that a cell takes on a terminal, where some characters take two."""
    if _is_plain(text):
        return len(text)
    if _is_odd(text):
        from rich.text import Text

        return _rich_width(console, Text(text))
    return _cells(text)


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _rich_width(console: "Console", cell: "str | Text") -> int:
    """Return the width of a name, in which rich reads its markup, or of a text of several lines."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options, cell).maximum


def _padded(column: Sequence[str], width: int, to_right: bool) -> list[str]:
    """Return texts with the spaces that make them as wide as their column."""
    if to_right:
        return [_room(text.rstrip(), width) + text.rstrip() for text in column]
    return [text + _room(text, width) for text in column]


def _room(text: str, width: int) -> str:
    return " " * (width - (len(text) if text.isascii() else _cells(text)))
