"""A user's request for a dataset, as options or a TOML file, before its terms are looked up."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import lcm
from typing import Any

from cxr_duck.datasets.recipes.recipe import (
    BALANCES,
    FINDINGS,
    OVERLAPS,
    SHARES,
    TWINS,
    UNITS,
    Recipe,
)
from cxr_duck.datasets.recipes.strata import column_of
from cxr_duck.errors import RecipeError
from cxr_duck.terms.hierarchy import DEFAULT_HIERARCHY

__all__ = ["Request", "check_name", "check_recipe", "check_splits", "fold_shares"]

_MOST_FOLDS = 50
_MOST_SHARES = 10**6
_SPLITS = ("shares", "by_date", "folds", "keep_apart", "physician_test")
_TWO = {"train": 1, "test": 1}


@dataclass(frozen=True)
class Request:
    """The options of `create_dataset`, each of the right kind; RecipeError names one that isn't.

    `terms` become classes, and `classes` maps the names of further ones to queries.
    """

    terms: Sequence[str] = ()
    classes: Mapping[str, str] = field(default_factory=dict)
    exclude: Sequence[str] = ()
    pure: bool = False
    where: str | None = None
    hierarchy: str = DEFAULT_HIERARCHY
    seed: int = 1
    overlap: str = "drop"
    balance: str | Mapping[str, int] = "equal"
    findings: str = "proportional"
    unit: str = "image"
    per_patient: int | None = None
    shares: Mapping[str, float] | None = None
    by_date: Sequence[str | date] = ()
    folds: int | None = None
    keep_apart: str | None = None
    physician_test: bool = False
    twins: str = "ignore"
    stratify: Sequence[str] = ()
    match: Sequence[str] = ()
    size: int | Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        """Check the kind of each option."""
        for what, of in (
            ("terms", "terms"), ("exclude", "terms"), ("stratify", "columns"), ("match", "columns"),
        ):  # fmt: skip
            words = getattr(self, what)
            if isinstance(words, str):
                object.__setattr__(self, what, [words])
            elif not _is_list_of(words, str):
                raise RecipeError(f"{what} must be a list of {of}, not {words!r}")
        for option in (*self.stratify, *self.match):
            column_of(option)
        if not isinstance(self.classes, Mapping) or not _is_list_of([*self.classes.values()], str):
            raise RecipeError(f"classes must map names to queries, not be {self.classes!r}")
        for name in self.classes:
            check_name("name of a class", name)
        for flag in ("pure", "physician_test"):
            if not isinstance(getattr(self, flag), bool):
                raise RecipeError(f"{flag} is true or false, not {getattr(self, flag)!r}")
        self._check_values()
        days = self.by_date
        if isinstance(days, str) or not isinstance(days, Sequence):
            object.__setattr__(self, "by_date", [days])

    def _check_values(self) -> None:
        if not _is_whole(self.seed) or abs(self.seed) >= 2**63:
            raise RecipeError(
                f"the seed must be a whole number of at most 63 bits, not {self.seed!r}"
            )
        for what, text in (
            ("where", self.where), ("hierarchy", self.hierarchy), ("keep_apart", self.keep_apart)
        ):  # fmt: skip
            if text is not None and not isinstance(text, str):
                raise RecipeError(f"{what} is text, not {text!r}")
        for what, words in (
            ("overlap", OVERLAPS), ("findings", FINDINGS), ("unit", tuple(UNITS)), ("twins", TWINS)
        ):  # fmt: skip
            if getattr(self, what) not in words:
                raise RecipeError(f"{what} is {_either(words)}, not {getattr(self, what)!r}")
        if self.per_patient is not None and (
            not _is_whole(self.per_patient) or self.per_patient < 1
        ):
            raise RecipeError(
                "per_patient is the most images of a patient and class, 1 or more, not "
                f"{self.per_patient!r}"
            )

    def sizes(self) -> dict[str, int]:
        """Return the most units of a class, by split; '' stands for all splits together."""
        if self.size is None:
            return {}
        size = self.size if isinstance(self.size, Mapping) else {"": self.size}
        if not size or not all(_is_whole(units) and units > 0 for units in size.values()):
            raise RecipeError(
                "size is the most units of a class, 1 or more, or a number for single splits such "
                f"as train = 500, not {self.size!r}"
            )
        splits = self.split_shares()
        if unknown := [name for name in size if name and name not in splits]:
            raise RecipeError(f"size names the split {unknown[0]!r}: it has {', '.join(splits)}")
        if "" in size and (len(size) > 1 or self.by_date):
            raise RecipeError(
                "splits that dates part have no shares of one size: give size a number for each "
                "split that it holds for, such as train = 500"
            )
        return dict(size)

    def columns(self) -> tuple[list[str], list[str]]:
        """Return the columns to stratify and to match by, in one form."""
        stratify, match = (
            [column_of(option).told for option in options]
            for options in (self.stratify, self.match)
        )
        if match and self.balance == "none":
            raise RecipeError(
                "classes that match are equal or in a ratio: leave balance = none out"
            )
        if match and self.findings == "equal":
            raise RecipeError(
                "classes that match can't have findings = equal as well: leave one out"
            )
        return stratify, match

    def ratio(self, classes: Sequence[str]) -> dict[str, int]:
        """Return the ratio of the classes, empty where none is asked for.

        It is 2:1 in the order of the classes, or a number a class.
        """
        if self.balance in BALANCES:
            return {}
        ratio: Any = self.balance
        if isinstance(ratio, str) and re.fullmatch(r"\s*\d+(\s*:\s*\d+)*\s*", ratio):
            parts = [int(part) for part in ratio.split(":")]
            ratio = dict(zip(classes, parts, strict=False)) if len(parts) == len(classes) else {}
        if (
            not isinstance(ratio, Mapping)
            or set(ratio) != set(classes)
            or not all(_is_whole(part) and 0 < part < 10**6 for part in ratio.values())
        ):
            raise RecipeError(
                f"balance is equal, none, or a ratio such as 2:1 with a whole number for each of "
                f"the {len(classes)} classes, not {self.balance!r}"
            )
        return {name: ratio[name] for name in classes}

    def split_shares(self) -> dict[str, int]:
        """Return the splits and their shares as whole numbers."""
        if self.folds is not None:
            if not _is_whole(self.folds) or not 2 <= self.folds <= _MOST_FOLDS:
                raise RecipeError(f"folds is a number from 2 to {_MOST_FOLDS}, not {self.folds!r}")
            if self.shares is not None or self.by_date or self.keep_apart or self.physician_test:
                raise RecipeError(
                    "folds are all alike: give them without shares, by_date, keep_apart and "
                    "physician_test"
                )
            return fold_shares(self.folds)
        if self.shares is None:
            return dict(_TWO) if len(self.by_date) == 1 else dict(SHARES)
        shares = _whole_shares(self.shares)
        if len(shares) == 1 and (self.keep_apart or self.physician_test):
            raise RecipeError(
                f"keep_apart and physician_test need two splits at least, not {', '.join(shares)}"
            )
        return shares

    def dates(self) -> list[str]:
        """Return the dates that part the splits, in order."""
        if not self.by_date:
            return []
        splits = self.split_shares()
        words = list(self.by_date)
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
    request = Request(
        recipe.terms, recipe.queries, recipe.exclude, recipe.pure, recipe.where, recipe.hierarchy,
        recipe.seed, recipe.overlap, recipe.ratio or recipe.balance, recipe.findings, recipe.unit,
        recipe.per_patient, recipe.shares, recipe.by_date, None, apart["name"] if apart else None,
        recipe.physician_test, recipe.twins, recipe.stratify, recipe.match, recipe.size or None,
    )  # fmt: skip
    if bool(request.ratio(list(recipe.classes))) != (recipe.balance == "ratio"):
        raise RecipeError(f"balance is {recipe.balance!r} beside the ratio {recipe.ratio}")
    if request.split_shares() != recipe.shares or request.dates() != recipe.by_date:
        raise RecipeError("its shares or dates are not in the form of a recipe")
    if request.columns() != (recipe.stratify, recipe.match) or request.sizes() != recipe.size:
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


def _is_list_of(words: object, kind: type) -> bool:
    return isinstance(words, Sequence) and all(isinstance(word, kind) for word in words)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
