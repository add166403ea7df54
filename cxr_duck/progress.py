"""What a long operation tells while it runs; the command line shows it, a notebook may."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["SILENT", "Progress", "Silent"]


class Progress(Protocol):
    """Told which step begins, how far it is, and what the user should know."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Begin a step; the function that it yields takes the number of units done so far."""
        ...

    def note(self, text: str) -> None:
        """Say a sentence that the user should read, such as what was left out."""
        ...


class Silent:
    """Tells nobody."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Run a step without a word."""
        yield lambda done: None

    def note(self, text: str) -> None:
        """Drop the sentence."""


SILENT = Silent()
