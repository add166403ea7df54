"""What is told of an option of a recipe once, and read wherever the option appears."""

from collections.abc import Callable
from dataclasses import Field, dataclass
from operator import attrgetter
from typing import Any

from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = ["Kind", "Option", "option", "option_of"]


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Kind:
    """What values an option takes.

    `typed` is what the command line hands on: str, int, bool, or list[str] where the option may be
    repeated. `parsed` makes of that the option's value, and raises ValueError. `checked` has the
    option's name and value, and returns the value in one form or raises RecipeError. `filed` is the
    value as TOML has it, and `told` as `cxr show` prints it.
    """

    typed: Any
    checked: Callable[[str, Any], Any] = lambda name, value: value
    parsed: Callable[[Any], Any] = _as_it_is
    filed: Callable[[Any], Any] = _as_it_is
    told: Callable[[Any], str] = str


@dataclass(frozen=True)
class Option:
    """An option of a recipe, beside its name, type and default, which are those of its field.

    `flag` is the command line's, empty for words without one; `python` the name of the parameter of
    `create_dataset`; `table` the table of TOML that has the key. `help` is one sentence for the
    command line and `meaning` Markdown for the README. `of` reads the value that asks for a recipe
    again. A file that is written has an option where it is not the default, or `always`, in the
    order of `rank`. `cxr show` prints it under its `label`, if it has one. `beside_members`: the
    option looks at images that a dataset need not have, so a bundle leaves it out.
    """

    name: str
    kind: Kind
    flag: str
    help: str
    meaning: str
    of: Callable[[Recipe], Any]
    metavar: str | None = None
    default_help: str = ""
    python: str = ""
    table: str = ""
    label: str = ""
    always: bool = False
    rank: int = 0
    beside_members: bool = False


def option(kind: Kind, flag: str, help: str, **more: Any) -> dict[str, Any]:
    """Return the metadata of a field of `Request`; `more` has attributes of `Option`."""
    return {"kind": kind, "flag": flag, "help": help, **more}


def option_of(field: "Field[Any]") -> Option:
    """Return what a field of `Request` says of its option."""
    name = field.name
    told = {"meaning": field.metadata["help"], "of": attrgetter(name), "python": name}
    return Option(name=name, **{**told, **field.metadata})
