"""Rows on stdout as a table, CSV, JSON or Parquet; progress and notes on stderr."""

import math
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from cxr_duck.cli.options import Format
from cxr_duck.errors import CxrError

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.query.rows import Rows

__all__ = ["print_arrow", "print_query", "print_table"]

_WIDE = 10_000  # columns: tables are never folded


def print_query(found: "Rows", form: Format, limit: int | None = None, in_table: int = 20) -> None:
    """Run a query and print its rows; without a limit all, but of a table so many as `in_table`."""
    most = (in_table if form is Format.table else 0) if limit is None else limit
    if form is Format.parquet:
        table = found.arrow()
        _send_parquet(table.slice(0, most) if most else table)
        return
    names, streamed = found.stream()
    columns = _distinct(names)
    rows = islice(streamed, most + 1 if most else None)
    if form is Format.table:
        shown = list(rows)
        print_table(columns, shown[: most or None])
        _tell_more(len(shown), most)
    elif form is Format.csv:
        _write_csv(columns, islice(rows, most or None))
    else:
        _write_json(columns, islice(rows, most or None))


def print_arrow(table: "pyarrow.Table", form: Format, limit: int | None = None) -> None:
    """Print the rows of an Arrow table; without a limit all, but 20 of a table.

    A table shows three digits of a number with decimals, the other formats all of them.
    """
    most = (20 if form is Format.table else 0) if limit is None else limit
    shown = table.slice(0, most) if most else table
    if form is Format.parquet:
        _send_parquet(shown)
        return
    rows = zip(*(column.to_pylist() for column in shown.columns), strict=True)
    if form is Format.csv:
        _write_csv(table.column_names, rows)
    elif form is Format.json:
        _write_json(table.column_names, rows)
    else:
        print_table(table.column_names, [[_three_digits(value) for value in row] for row in rows])
        _tell_more(table.num_rows, most)


def _tell_more(rows: int, most: int) -> None:
    """Say that a table stops short, where it does."""
    if most and rows > most:
        print(f"the first {most:,} rows; --limit 0 shows all", file=sys.stderr)


def _three_digits(value: object) -> object:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their columns' names, numbers to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        numbers = any(_is_number(row[place]) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    console = Console(width=_WIDE, highlight=False)
    with console.capture() as drawn:
        console.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)  # years stay as they are
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    return str(value)


def _distinct(columns: list[str]) -> list[str]:
    """Return the columns' names, a number behind those that stand twice."""
    return [
        f"{name}_{columns[:place].count(name)}" if name in columns[:place] else name
        for place, name in enumerate(columns)
    ]


def _write_csv(columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(
            _json(value).strip('"') if isinstance(value, list | dict | bool | bytes) else value
            for value in row
        )


def _write_json(columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    lead = "["
    for row in rows:
        sys.stdout.write(f"{lead}\n{_json(dict(zip(columns, row, strict=True)))}")
        lead = ","
    print("[]" if lead == "[" else "\n]")


def _json(value: object) -> str:
    import json
    from decimal import Decimal

    def plain(other: object) -> object:
        if isinstance(other, Decimal):
            return float(other)
        return other.hex() if isinstance(other, bytes) else str(other)

    return json.dumps(_without_nan(value), ensure_ascii=False, default=plain)


def _without_nan(value: object) -> object:
    """Return a value with None for the numbers that JSON can't hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value


def _send_parquet(table: "pyarrow.Table") -> None:
    import pyarrow.parquet

    _refuse_terminal()
    pyarrow.parquet.write_table(table, sys.stdout.buffer)


def _refuse_terminal() -> None:
    if sys.stdout.isatty():
        raise CxrError("Parquet is no text: send it to a file, … --format parquet > FILE.parquet")
