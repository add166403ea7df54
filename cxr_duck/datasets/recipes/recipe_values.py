"""What a recipe holds of options whose values depend on each other: sizes, ratio, splits, dates."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any

from cxr_duck.datasets.recipes.kinds import is_whole
from cxr_duck.datasets.recipes.names import check_splits
from cxr_duck.datasets.recipes.recipe import BALANCES, NO_TEST, SHARES, Recipe
from cxr_duck.datasets.recipes.request import Request, asked_of
from cxr_duck.datasets.recipes.strata import column_of
from cxr_duck.errors import RecipeError

__all__ = [
    "check_recipe", "columns", "dates", "fold_shares", "ratio", "sizes", "split_shares", "test_of",
]  # fmt: skip

_MOST_FOLDS = 50
_MOST_SHARES = 10**6
_TWO = {"train": 1, "test": 1}


def sizes(request: Request) -> dict[str, int]:
    """Return the most units of a class, by split; '' stands for all splits together."""
    if request.size is None:
        return {}
    size = request.size if isinstance(request.size, Mapping) else {"": request.size}
    if not size or not all(is_whole(units) and units > 0 for units in size.values()):
        raise RecipeError(
            "size is the most units of a class, 1 or more, or a number for single splits such "
            f"as train = 500, not {request.size!r}"
        )
    splits = split_shares(request)
    if unknown := [name for name in size if name and name not in splits]:
        raise RecipeError(f"size names the split {unknown[0]!r}: it has {', '.join(splits)}")
    if "" in size and (len(size) > 1 or request.by_date):
        raise RecipeError(
            "splits that dates part have no shares of one size: give size a number for each "
            "split that it holds for, such as train = 500"
        )
    return dict(size)


def columns(request: Request) -> tuple[list[str], list[str]]:
    """Return the columns to stratify and to match by, in one form."""
    stratify, match = (
        [column_of(option).told for option in options]
        for options in (request.stratify, request.match)
    )
    if match and request.balance == "none":
        raise RecipeError("classes that match are equal or in a ratio: leave balance = none out")
    if match and request.findings == "equal":
        raise RecipeError("classes that match can't have findings = equal as well: leave one out")
    return stratify, match


def ratio(request: Request, classes: Sequence[str]) -> dict[str, int]:
    """Return the ratio of the classes, empty where none is asked for.

    It is 2:1 in the order of the classes, or a number a class.
    """
    if request.balance in BALANCES:
        return {}
    ratio: Any = request.balance
    if isinstance(ratio, str) and re.fullmatch(r"\s*\d+(\s*:\s*\d+)*\s*", ratio):
        parts = [int(part) for part in ratio.split(":")]
        ratio = dict(zip(classes, parts, strict=False)) if len(parts) == len(classes) else {}
    if (
        not isinstance(ratio, Mapping)
        or set(ratio) != set(classes)
        or not all(is_whole(part) and 0 < part < 10**6 for part in ratio.values())
    ):
        raise RecipeError(
            f"balance is equal, none, or a ratio such as 2:1 with a whole number for each of "
            f"the {len(classes)} classes, not {request.balance!r}"
        )
    return {name: ratio[name] for name in classes}


def split_shares(request: Request) -> dict[str, int]:
    """Return the splits and their shares as whole numbers."""
    if request.folds is not None:
        if not is_whole(request.folds) or not 2 <= request.folds <= _MOST_FOLDS:
            raise RecipeError(f"folds is a number from 2 to {_MOST_FOLDS}, not {request.folds!r}")
        if request.by_date or request.physician_test:
            raise RecipeError("folds are all alike: give them without by_date and physician_test")
        if request.shares is None:
            return _test_last(request, fold_shares(request.folds))
        return _test_last(request, _with_folds(_whole_shares(request.shares), request.folds))
    if request.shares is None:
        return _test_last(request, _TWO if len(request.by_date) == 1 else SHARES)
    shares = _test_last(request, _whole_shares(request.shares))
    if len(shares) == 1 and (request.keep_apart or request.physician_test):
        raise RecipeError(
            f"keep_apart and physician_test need two splits at least, not {', '.join(shares)}"
        )
    return shares


def _with_folds(shares: Mapping[str, int], folds: int) -> dict[str, int]:
    """Return shares whose first split is parted into so many folds."""
    (first, share), *others = shares.items()
    if not others:
        raise RecipeError(
            f"folds part the first split, and the others stay: {first} alone needs no shares"
        )
    times = 1 if share % folds == 0 else folds
    parts = [(fold, share * times // folds) for fold in fold_shares(folds)]
    parts += [(split, part * times) for split, part in others]
    check_splits([split for split, _ in parts])
    return _whole_shares(dict(parts))


def _test_last(request: Request, shares: Mapping[str, int]) -> dict[str, int]:
    """Return shares with the split that is the test behind the others."""
    test = request.test
    if test is None or (test == NO_TEST and test not in shares):
        return dict(shares)
    if test not in shares:
        raise RecipeError(f"test names the split {test!r}: it has {', '.join(shares)}, or none")
    if request.by_date and test != list(shares)[-1]:
        raise RecipeError(f"dates part the splits in their order, in which {test} is not the last")
    return {split: part for split, part in shares.items() if split != test} | {test: shares[test]}


def test_of(request: Request) -> str | None:
    """Return what a recipe has as its test: folds have none to keep another dataset's test in."""
    if request.test is None and request.folds and request.shares is None and request.keep_apart:
        return NO_TEST
    return request.test


def dates(request: Request) -> list[str]:
    """Return the dates that part the splits, in order."""
    if not request.by_date:
        return []
    splits = split_shares(request)
    words = list(request.by_date)
    try:
        # A date of TOML may have a time of day, which no study of the index has.
        days = [date.fromisoformat(str(word)) for word in words]
    except ValueError as error:
        told = ", ".join(map(str, words))
        raise RecipeError(f"by_date has dates such as 2014-06-30, not {told}") from error
    if len(days) != len(splits) - 1 or days != sorted(set(days)):
        raise RecipeError(
            f"by_date needs {len(splits) - 1} dates in order to part the splits "
            f"{', '.join(splits)}, not {', '.join(map(str, words))}"
        )
    return [day.isoformat() for day in days]


def fold_shares(folds: int) -> dict[str, int]:
    """Return the splits of so many folds, and their shares."""
    return {f"fold{number}": 1 for number in range(1, folds + 1)}


def check_recipe(recipe: Recipe) -> None:
    """Raise RecipeError where a recipe from elsewhere is none that a request could have made."""
    apart = recipe.keep_apart
    if apart is not None and sorted(apart) != ["digest", "name"]:
        raise RecipeError(
            f"keep_apart has a name and a digest, not {', '.join(apart) or 'nothing'}"
        )
    within = recipe.within
    if within is not None and sorted(within.keys() | {"split"}) != ["digest", "name", "split"]:
        raise RecipeError(
            f"within has a name, a digest and perhaps a split, not {', '.join(within) or 'nothing'}"
        )
    request = Request(**asked_of(recipe))
    if bool(ratio(request, list(recipe.classes))) != (recipe.balance == "ratio"):
        raise RecipeError(f"balance is {recipe.balance!r} beside the ratio {recipe.ratio}")
    if split_shares(request) != recipe.shares or dates(request) != recipe.by_date:
        raise RecipeError("its shares or dates are not in the form of a recipe")
    if columns(request) != (recipe.stratify, recipe.match) or sizes(request) != recipe.size:
        raise RecipeError("its columns or its size are not in the form of a recipe")


def _whole_shares(shares: Mapping[str, float]) -> dict[str, int]:
    """Return shares as whole numbers; those that are whole stay as they are."""
    try:
        parts = {name: Fraction(str(share)) for name, share in shares.items()}
    except (AttributeError, ValueError, ZeroDivisionError) as error:
        raise RecipeError(f"shares map splits to numbers, not {shares!r}") from error
    check_splits(list(parts))
    if not parts or min(parts.values()) <= 0:
        raise RecipeError(f"each split needs a share above 0, not {dict(shares)!r}")
    scale = lcm(*(part.denominator for part in parts.values()))
    counts = {name: int(part * scale) for name, part in parts.items()}
    if sum(counts.values()) > _MOST_SHARES:
        raise RecipeError(f"shares have at most six digits, not {dict(shares)!r}")
    return counts
