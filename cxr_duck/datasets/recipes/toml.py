"""Reads and writes a recipe as a TOML file."""

import tomllib
from dataclasses import fields
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.request import _SPLITS, Request
from cxr_duck.errors import RecipeError

__all__ = ["read_recipe_file", "recipe_as_toml"]


def read_recipe_file(path: Path) -> tuple[Request, str | None, str | None]:
    """Return what a TOML file asks for, and the names of the dataset and its experiment.

    The path of a hierarchy is relative to the file. Raises RecipeError.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"the recipe {path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"the recipe {path} is no TOML: {error}") from error
    splits = content.pop("splits", {})
    if not isinstance(splits, dict):
        raise RecipeError(f"{path}: splits is a table, [splits], not {splits!r}")
    asked = [field.name for field in fields(Request)]
    plain = [word for word in asked if word not in _SPLITS]
    for table, words, where in (
        (content, [*plain, "name", "experiment"], ""), (splits, _SPLITS, "splits.")
    ):  # fmt: skip
        for key in table:
            if key not in words:
                near = get_close_matches(key, words, 1) or list(words)
                raise RecipeError(f"{path}: {where}{key} is no part of a recipe: {_hint(near)}")
    name, experiment = content.pop("name", None), content.pop("experiment", None)
    hierarchy = content.get("hierarchy")
    if isinstance(hierarchy, str) and hierarchy.endswith(".csv"):
        content["hierarchy"] = str(path.parent / hierarchy)
    return Request(**content, **splits), name, experiment


def _hint(near: list[str]) -> str:
    return f"did you mean {near[0]}?" if len(near) == 1 else f"it has {', '.join(near)}"


def recipe_as_toml(recipe: Recipe, name: str, experiment: str) -> str:
    """Return the TOML file that asks for a recipe again."""
    import tomli_w

    defaults = Recipe({})
    plain = (
        "exclude", "pure", "where", "hierarchy", "seed", "overlap", "findings", "unit", "twins",
        "stratify", "match",
    )  # fmt: skip
    content: dict[str, Any] = {"name": name, "experiment": experiment, "terms": recipe.terms}
    for word in (*plain, "per_patient"):
        if getattr(recipe, word) != getattr(defaults, word) or word in ("hierarchy", "seed"):
            content[word] = getattr(recipe, word)
    content["balance"] = recipe.ratio or recipe.balance
    if recipe.size:
        content["size"] = recipe.size.get("", recipe.size)
    if recipe.queries:
        content["classes"] = recipe.queries
    splits: dict[str, Any] = {"shares": recipe.shares}
    if recipe.by_date:
        splits["by_date"] = [date.fromisoformat(day) for day in recipe.by_date]
    if recipe.keep_apart:
        splits["keep_apart"] = recipe.keep_apart["name"]
    if recipe.physician_test:
        splits["physician_test"] = True
    return tomli_w.dumps({**content, "splits": splits})
