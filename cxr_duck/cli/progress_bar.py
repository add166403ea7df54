"""The progress of a long command, as a bar on the terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cxr_duck.progress import Done

__all__ = ["TerminalProgress"]

_PATIENCE = 0.5  # seconds before a step shows a progress bar


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
