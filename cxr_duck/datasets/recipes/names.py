"""Which names datasets, classes and splits may have."""

import re
from collections.abc import Sequence

from cxr_duck.errors import RecipeError

__all__ = ["check_name", "check_splits"]


def check_name(what: str, word: object) -> None:
    """Raise RecipeError where a name is not one line of text."""
    if not isinstance(word, str) or not word.strip() or not word.isprintable():
        raise RecipeError(f"the {what} must be one line of text, not {word!r}")


def check_splits(names: Sequence[object]) -> None:
    """Raise RecipeError where a split's name can't be a folder beside those of the others."""
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.+-]*", name):
            raise RecipeError(
                "the name of a split becomes a folder's: letters, digits, and _ . + - after the "
                f"first, not {name!r}"
            )
    folders = [str(name).casefold() for name in names]
    if twice := [name for name in names if folders.count(str(name).casefold()) > 1]:
        raise RecipeError(f"the splits {twice[0]!r} and {twice[1]!r} would share a folder")
