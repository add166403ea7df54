"""Rows on stdout as a table, CSV, JSON or Parquet; progress and notes on stderr."""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from cxr_duck.cli.options import Format
from cxr_duck.errors import CxrError
from cxr_duck.progress import Done

if TYPE_CHECKING:
    import pyarrow

    from cxr_duck.engines.engine import Engine

__all__ = ["TerminalProgress", "print_arrow", "print_query", "print_table"]

_PATIENCE = 0.5  # seconds before a step shows a progress bar
_WIDE = 10_000  # columns: tables are never folded


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


class TerminalProgress:
    """Shows steps that take a while as bars on stderr, where that is a terminal."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Done]:
        """Run a step, under a bar once it takes longer than a moment."""
        if not sys.stderr.isatty():
            yield lambda done, size=0, /: None
            return
        bar = _Bar(title, total)
        try:
            yield bar.update
        finally:
            bar.close()

    def note(self, text: str) -> None:
        """Print a sentence on stderr."""
        print(text, file=sys.stderr)


class _Bar:
    """A bar that appears after a moment and leaves no trace.

    Where bytes are told of, it shows how many files and MB a second are done.
    """

    def __init__(self, title: str, total: int | None) -> None:
        from threading import Timer

        self._title, self._total, self._done, self._size = title, total, 0, 0
        self._bar: Any = None
        self._task: Any = None
        self._shown_at = 0.0
        self._began_at = time.monotonic()
        self._timer = Timer(_PATIENCE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        counted = [MofNCompleteColumn(), TimeRemainingColumn()] if self._total else []
        self._bar = Progress(
            # The title gives way where the terminal is narrow, not the numbers.
            TextColumn(
                "{task.description}",
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=20),
            *counted,
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task(
            self._title, total=self._total, completed=self._done, speed=self._speed()
        )
        self._bar.start()

    def _speed(self) -> str:
        """Return how many files and megabytes a second were done so far, where bytes count."""
        if not self._size:
            return ""
        seconds = max(time.monotonic() - self._began_at, 1e-3)
        return f"{self._done / seconds:,.0f} files/s {self._size / seconds / 1e6:,.0f} MB/s"

    def update(self, done: int, size: int = 0, /) -> None:
        """Take the number of units done; the bar is redrawn ten times a second at most."""
        self._done, self._size = done, size
        now = time.monotonic()
        if self._bar is not None and now - self._shown_at > 0.1:
            self._shown_at = now
            self._bar.update(self._task, completed=done, speed=self._speed())

    def close(self) -> None:
        """Take the bar off the screen, or see to it that it never appears."""
        self._timer.cancel()
        self._timer.join()
        if self._bar is not None:
            self._bar.stop()
