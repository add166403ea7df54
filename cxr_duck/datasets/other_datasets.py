"""The recorded datasets that a recipe depends on: those it is kept apart from or draws from."""

from collections.abc import Mapping

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import DatasetError

__all__ = ["put_known_patients", "put_outside_images", "recorded_as"]


def put_known_patients(engine: Engine, recipe: Recipe) -> None:
    """Make known_patients, of the dataset to keep apart from: whether it holds them out.

    Raises DatasetError where that is not in the store any more.
    """
    if recipe.keep_apart is None:
        engine.put("known_patients", "patient_id VARCHAR, held_out BOOLEAN, trained_on BOOLEAN", [])
        return
    name, other = recorded_as(engine, recipe.keep_apart, "is kept apart from")
    engine.make("known_patients", dataset=name, held_out=list(other.shares)[-1])


def put_outside_images(engine: Engine, recipe: Recipe) -> None:
    """Make outside_images: those that are none of the dataset to draw from.

    Raises DatasetError where that is not in the store any more.
    """
    if recipe.within is None:
        engine.put("outside_images", "image_id VARCHAR", [])
        return
    name, _ = recorded_as(engine, recipe.within, "draws from")
    engine.make("outside_images", dataset=name, split=recipe.within.get("split", ""))


def recorded_as(engine: Engine, known: Mapping[str, str], what: str) -> tuple[str, Recipe]:
    """Return the name that a dataset has now, and its recipe: it is known by its digest.

    `what` says what the recipe does with it. Raises DatasetError where it is not in the store.
    """
    rows = engine.fetch(
        "SELECT name, recipe FROM experiments.dataset WHERE digest = ? ORDER BY dataset_id",
        known["digest"],
    )
    if not rows:
        raise DatasetError(
            f"the dataset {known['name']!r} that this one {what} is not in the store"
        )
    return rows[0][0], Recipe.from_json(rows[0][1])
