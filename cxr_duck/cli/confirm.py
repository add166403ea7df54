"""Questions that a command asks before it does something that can't be undone."""

import sys

import typer

from cxr_duck.errors import CxrError

__all__ = ["ask"]


def ask(question: str, refusal: str) -> None:
    """Ask on a terminal, and end there unless the answer is yes; without one raise the refusal."""
    if not sys.stdin.isatty():
        raise CxrError(refusal)
    typer.confirm(question, abort=True, err=True)
