"""Parses options that have several parts, and refuses those that would have no effect."""

from collections.abc import Callable
from typing import TypeVar

import typer

__all__ = ["is_given", "parsed", "refuse_idle"]

_Typed = TypeVar("_Typed")
_Value = TypeVar("_Value")


def is_given(context: typer.Context, name: str) -> bool:
    """Tell whether the option of a parameter stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_idle(context: typer.Context, names: str, why: str) -> None:
    """Refuse options that stand on the command line, and would have no effect there.

    `names` are those of the parameters, between spaces; `why` says what they are for.
    """
    for name in names.split():
        if is_given(context, name):
            (options,) = (p.opts for p in context.command.params if p.name == name)
            raise typer.BadParameter(f"{options[0]} has no effect here: {why}")


def parsed(parse: Callable[[_Typed], _Value], words: _Typed) -> _Value:
    """Return what a function makes of words; its ValueError becomes an error of usage."""
    try:
        return parse(words)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
