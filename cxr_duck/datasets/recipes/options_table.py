"""The options of a recipe as a table in Markdown, which the README has."""

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from typing import Any

from cxr_duck.datasets.recipes.option import Option
from cxr_duck.datasets.recipes.request import OPTIONS, Request

__all__ = ["options_table"]


def options_table() -> str:
    """Return a row an option: on the command line, in Python with its default, in a file."""
    rows = [_cells(field, OPTIONS[field.name]) for field in fields(Request)]
    head = [("command line", "Python", "file", "meaning"), ("---",) * 4]
    return "".join(_line(cells) for cells in [*head, *rows])


def _cells(field: "Field[Any]", option: Option) -> tuple[str, ...]:
    number = "N" if option.kind.typed is int else ""
    typed = f"{option.flag} {option.metavar or number}".strip() if option.flag else "TERM …"
    key = f"{option.table}.{field.name}" if option.table else field.name
    default = None if field.default is MISSING else field.default
    python = f"{option.python}={_quoted(default)}"
    return f"`{typed}`", f"`{python}`", f"`{key}`", option.meaning


def _quoted(default: object) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
