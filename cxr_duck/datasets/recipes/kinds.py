"""The kinds of options that a recipe has: what each takes, and the error for anything else."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from cxr_duck.datasets.recipes.names import check_name
from cxr_duck.datasets.recipes.option import Kind
from cxr_duck.datasets.recipes.strata import column_of
from cxr_duck.datasets.recipes.words import days_of, named_queries, named_shares, sizes_of
from cxr_duck.errors import RecipeError

__all__ = [
    "BALANCE",
    "BY_HAND",
    "COLUMNS",
    "DATES",
    "FLAG",
    "FOLDS",
    "PER_PATIENT",
    "QUERIES",
    "SEED",
    "SHARES",
    "SIZE",
    "TERMS",
    "TEXT",
    "choice",
    "is_whole",
]


def is_whole(value: object) -> bool:
    """Tell whether a value is a whole number, which true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def choice(words: Sequence[str]) -> Kind:
    """Return the kind of an option that is one of some words."""

    def checked(name: str, value: object) -> object:
        if value not in words:
            either = f"{', '.join(words[:-1])} or {words[-1]}"
            raise RecipeError(f"{name} is {either}, not {value!r}")
        return value

    return Kind(str, checked)


def _list_of(what: str) -> Callable[[str, Any], Sequence[str]]:
    def checked(name: str, value: Any) -> Sequence[str]:
        if isinstance(value, str):
            return [value]
        if not _has_text_alone(value):
            raise RecipeError(f"{name} must be a list of {what}, not {value!r}")
        return list(value)

    return checked


def _columns(name: str, value: Any) -> Sequence[str]:
    columns = _list_of("columns")(name, value)
    for column in columns:
        column_of(column)
    return columns


def _queries(name: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not _has_text_alone([*value.values()]):
        raise RecipeError(f"{name} must map names to queries, not be {value!r}")
    for class_name in value:
        check_name("name of a class", class_name)
    return value


def _flag(name: str, value: object) -> object:
    if not isinstance(value, bool):
        raise RecipeError(f"{name} is true or false, not {value!r}")
    return value


def _text(name: str, value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise RecipeError(f"{name} is text, not {value!r}")
    return value


def _seed(name: str, value: Any) -> object:
    if not is_whole(value) or abs(value) >= 2**63:
        raise RecipeError(f"the {name} must be a whole number of at most 63 bits, not {value!r}")
    return value


def _per_patient(name: str, value: Any) -> object:
    if value is not None and (not is_whole(value) or value < 1):
        raise RecipeError(
            f"{name} is the most images of a patient and class, 1 or more, not {value!r}"
        )
    return value


def _dates(name: str, value: Any) -> Sequence[object]:
    return [value] if isinstance(value, str) or not isinstance(value, Sequence) else list(value)


def _has_text_alone(words: object) -> bool:
    return isinstance(words, Sequence) and all(isinstance(word, str) for word in words)


def _ratio_told(balance: str | Mapping[str, int]) -> str:
    return balance if isinstance(balance, str) else ":".join(map(str, balance.values()))


def _shares_told(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{split} {share}" for split, share in shares.items())


def _size_told(size: int | Mapping[str, int]) -> str:
    if isinstance(size, int):
        return f"{size:,}"
    return ", ".join(f"{split} {units:,}" for split, units in size.items())


def _days_filed(days: Sequence[str]) -> list[date]:
    return [date.fromisoformat(day) for day in days]


TERMS = Kind(list[str], _list_of("terms"), told=", ".join)
COLUMNS = Kind(list[str], _columns, told=", ".join)
QUERIES = Kind(list[str], _queries, named_queries)
FLAG = Kind(bool, _flag)
BY_HAND = Kind(bool, _flag, told=lambda chosen: "all splits but the first")
TEXT = Kind(str, _text)
SEED = Kind(int, _seed)
PER_PATIENT = Kind(int, _per_patient, told="{} a patient".format)
DATES = Kind(str, _dates, days_of, _days_filed, ", ".join)
# What the values of these may be depends on other options: `recipe_values` checks them.
BALANCE = Kind(str, told=_ratio_told)
SHARES = Kind(str, parsed=named_shares, told=_shares_told)
FOLDS = Kind(int)
SIZE = Kind(str, parsed=sizes_of, told=_size_told)
