"""Rows on stdout as a table, CSV, JSON or Parquet; progress and notes on stderr."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from cxr_duck.cli.options import Format
from cxr_duck.errors import CxrError

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.engines.engine import Engine

__all__ = ["print_arrow", "print_query", "print_table"]

_AT_ONCE = 10_000  # lines of a table that are written together


def print_query(
    engine: "Engine",
    query: str,
    form: Format,
    params: dict[str, object] | None = None,
    limit: int | None = None,
    in_table: int = 20,
) -> None:
    """Run a query and print its rows; without a limit all, but of a table so many as `in_table`."""
    most = (in_table if form is Format.table else 0) if limit is None else limit
    if form is Format.parquet:
        table = engine.query(query, params)
        _send_parquet(table.slice(0, most) if most else table)
        return
    names, found_rows = engine.stream(query, params)
    columns = _distinct(names)
    rows = islice(found_rows, most + 1 if most else None)
    if form is Format.table:
        found = list(rows)
        print_table(columns, found[: most or None])
        _tell_more(len(found), most)
    elif form is Format.csv:
        _write_csv(columns, islice(rows, most or None))
    else:
        _write_json(columns, islice(rows, most or None))


def print_arrow(
    table: "pyarrow.Table",
    form: Format,
    limit: int | None = None,
    logarithms: Mapping[str, str] | None = None,
) -> None:
    """Print the rows of an Arrow table; without a limit all, but 20 of a table.

    A table shows three digits of a number with decimals, the other formats all of them.
    `logarithms` names for a column of probabilities that of their decimal logarithms: a table has
    no room for these, and shows by them what is too small for a float.
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
        _print_digits(shown, logarithms or {})
        _tell_more(table.num_rows, most)


def _tell_more(rows: int, most: int) -> None:
    """Say that a table stops short, where it does."""
    if most and rows > most:
        print(f"the first {most:,} rows; --limit 0 shows all", file=sys.stderr)


def _print_digits(table: "pyarrow.Table", logarithms: Mapping[str, str]) -> None:
    columns = {name: map(_three_digits, table[name].to_pylist()) for name in table.column_names}
    for name, logarithm in logarithms.items():
        logs = table[logarithm].to_pylist()
        columns[name] = map(_probability, table[name].to_pylist(), logs)
        del columns[logarithm]
    print_table(list(columns), list(zip(*columns.values(), strict=True)))


def _probability(value: float, logarithm: float) -> object:
    """Return a probability in three digits, as text where it is too small for a float."""
    from cxr_duck.index.pairs import probability_text

    return probability_text(logarithm) if value < sys.float_info.min else _three_digits(value)


def _three_digits(value: object) -> object:
    return float(f"{value:.3g}") if isinstance(value, float) else value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their columns' names, numbers to the right."""
    from cxr_duck.cli.table import table_lines

    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    to_right = [any(map(_is_number, column)) for column in values]
    lines = table_lines(columns, [list(map(_shown, column)) for column in values], to_right)
    first = True
    while part := list(islice(lines, _AT_ONCE)):
        sys.stdout.write("".join(f"{line}\n" for line in part))
        first = False
    if first:
        print()


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
