"""Lets one question see one state of a store, from its first look to its last."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import isfunction
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    import duckdb

__all__ = ["held_states", "one_state", "questions_see_one_state", "seeing_the_newest"]

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")
_Class = TypeVar("_Class")

# Of each store that the question looked at, the connection to the state that it saw first. Threads
# ask questions of their own.
_held: ContextVar["dict[Path, duckdb.DuckDBPyConnection] | None"] = ContextVar("held", default=None)


def held_states() -> "dict[Path, duckdb.DuckDBPyConnection]":
    """Return the states that this question saw; without a question what is put in is forgotten."""
    held = _held.get()
    return {} if held is None else held


@contextmanager
def one_state() -> Iterator[None]:
    """Let every look at a store see the state that the first one saw, whoever publishes meanwhile.

    After a change of one's own it is the state with that change.
    """
    if _held.get() is not None:  # part of a question
        yield
        return
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


@contextmanager
def seeing_the_newest() -> Iterator[None]:
    """Let every look see the newest state, as a change needs it, and those after it as well."""
    if (held := _held.get()) is not None:
        held.clear()
    token = _held.set(None)
    try:
        yield
    finally:
        _held.reset(token)


def questions_see_one_state(asked: type[_Class]) -> type[_Class]:
    """Let each public method of a class be one question, all of whose looks see one state."""
    for name, method in list(vars(asked).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(asked, name, _question(method))
    return asked


def _question(ask: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    @wraps(ask)
    def asked(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        with one_state():
            return ask(*args, **kwargs)

    return asked
