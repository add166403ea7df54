"""Reads and writes a recipe as a TOML file."""

import tomllib
from pathlib import Path
from typing import Any

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.request import OPTIONS, Request, asked_of
from cxr_duck.errors import RecipeError
from cxr_duck.spelling import did_you_mean

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
    tables = {
        table: [key for key, option in OPTIONS.items() if option.table == table]
        for table in ("", "splits")
    }
    for table, words, where in (
        (content, [*tables[""], "name", "experiment"], ""), (splits, tables["splits"], "splits.")
    ):  # fmt: skip
        for key in table:
            if key not in words:
                hint = did_you_mean(key, words, f"it has {', '.join(words)}")
                raise RecipeError(f"{path}: {where}{key} is no part of a recipe: {hint}")
    name, experiment = content.pop("name", None), content.pop("experiment", None)
    hierarchy = content.get("hierarchy")
    if isinstance(hierarchy, str) and hierarchy.endswith(".csv"):
        content["hierarchy"] = str(path.parent / hierarchy)
    return Request(**content, **splits), name, experiment


def recipe_as_toml(recipe: Recipe, name: str, experiment: str) -> str:
    """Return the TOML file that asks for a recipe again."""
    import tomli_w

    requested, unasked = asked_of(recipe), Request()
    content: dict[str, Any] = {"name": name, "experiment": experiment}
    splits: dict[str, Any] = {}
    for key, option in sorted(OPTIONS.items(), key=lambda item: item[1].rank):
        if option.always or requested[key] != getattr(unasked, key):
            table = splits if option.table else content
            table[key] = option.kind.filed(requested[key])
    return tomli_w.dumps({**content, "splits": splits})
