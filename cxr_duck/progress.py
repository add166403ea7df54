"""Reports the progress of a long operation, to the command line or to a notebook."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["SILENT", "Done", "Progress", "Silent"]


class Done(Protocol):
    """Takes the number of units done so far, and of how many bytes they were, where that counts."""

    def __call__(self, done: int, size: int = 0, /) -> None:
        """Note how far a step is."""
        ...


class Progress(Protocol):
    """Told which step begins, how far it is, and what the user should know."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Done]:
        """Begin a step; what it yields takes the number of units done so far."""
        ...

    def note(self, text: str) -> None:
        """Say a sentence that the user should read, such as what was left out."""
        ...


class Silent:
    """Tells nobody."""

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Done]:
        """Run a step without a word."""
        yield lambda done, size=0, /: None

    def note(self, text: str) -> None:
        """Drop the sentence."""


SILENT = Silent()
