"""Parses options that have several parts; typer reports words that can't be parsed."""

from collections.abc import Callable
from typing import TypeVar

import typer

__all__ = ["parsed"]

_Typed = TypeVar("_Typed")
_Value = TypeVar("_Value")


def parsed(parse: Callable[[_Typed], _Value], words: _Typed) -> _Value:
    """Return what a function makes of words; its ValueError becomes an error of usage."""
    try:
        return parse(words)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
