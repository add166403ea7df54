"""The images of a recipe's classes, before they are balanced and split."""

from collections.abc import Mapping

from cxr_duck.datasets.filters import FILTERS, judge_images, removals_of
from cxr_duck.datasets.other_datasets import put_outside_images
from cxr_duck.datasets.patient_rules import exclude_by_rules
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.strata import put_strata
from cxr_duck.datasets.twin_patients import put_twin_patients, refuse_unseen_images
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import RecipeError
from cxr_duck.index.conditions import choose_images
from cxr_duck.query.compile import compile_query
from cxr_duck.query.fields import Fields
from cxr_duck.query.tree import Shown, from_plain

__all__ = ["make_members", "put_excluded_images", "put_order"]


def make_members(engine: Engine, recipe: Recipe) -> None:
    """Make eligible: one row per (class, finding, image) that the recipe holds for.

    Raises RecipeError where classes are the same or one is left without images.
    """
    choose_images(engine, recipe.where)
    put_outside_images(engine, recipe)
    _put_class_images(engine, recipe)
    put_excluded_images(engine, recipe)
    engine.put(
        "class_findings",
        "class VARCHAR, finding VARCHAR",
        [(term, finding) for term, findings in recipe.classes.items() for finding in findings],
    )
    _refuse_same_classes(engine)
    put_twin_patients(engine, recipe)
    engine.make("cohort", pure=recipe.pure, unit=recipe.unit)
    put_order(engine, "class_order", "class", recipe.classes)
    put_order(engine, "split_order", "split", recipe.shares)
    engine.make("candidates")
    refuse_unseen_images(engine, recipe)
    engine.make("unit_classes")
    engine.make("class_members", overlap=recipe.overlap)
    exclude_by_rules(engine, recipe)
    engine.make("eligible")
    _refuse_empty_classes(engine, recipe)
    put_strata(engine, recipe.stratify)
    engine.make("unit_strata")


def put_order(engine: Engine, relation: str, column: str, names: Mapping[str, object]) -> None:
    """Make a relation of names and their places, from 0."""
    rows = [(name, position) for position, name in enumerate(names)]
    engine.put(relation, f"{column} VARCHAR, position INTEGER", rows)


def _put_class_images(engine: Engine, recipe: Recipe) -> None:
    """Make class_images, (class, image_id), as terms and queries say it."""
    trees = {text: from_plain(plain) for text, plain in recipe.trees.items()}
    columns = Fields(engine).columns
    engine.put("class_images", "class VARCHAR, image_id VARCHAR", [])
    for name, findings in recipe.classes.items():
        query = recipe.queries.get(name)
        tree = trees[query] if query is not None else Shown(tuple(findings))
        found = compile_query(tree, columns)
        engine.append(
            "class_images",
            f"SELECT $class AS class, image_id FROM (\n{found.sql}\n)",
            {**found.params, "class": name},
        )


def put_excluded_images(engine: Engine, recipe: Recipe) -> None:
    """Make excluded_images: those with what a recipe excludes, as terms and queries say it."""
    trees = [from_plain(recipe.trees[text]) for text in recipe.exclude if text in recipe.trees]
    if recipe.excluded:
        trees.append(Shown(tuple(recipe.excluded)))
    columns = Fields(engine).columns
    engine.put("excluded_images", "image_id VARCHAR", [])
    for tree in trees:
        found = compile_query(tree, columns)
        engine.append("excluded_images", found.sql, found.params)


def _refuse_same_classes(engine: Engine) -> None:
    """Raise RecipeError where two classes hold the same images."""
    for name, other in engine.rows("same_images"):
        raise RecipeError(
            f"the classes {name!r} and {other!r} have the same images: leave one of them out"
        )


def _refuse_empty_classes(engine: Engine, recipe: Recipe) -> None:
    """Raise RecipeError where a class has no images left, with what each filter took of it."""
    left = {name for (name,) in engine.fetch("SELECT DISTINCT class FROM eligible")}
    if left >= recipe.classes.keys():
        return
    # Nothing was drawn yet: what no filter takes is left for that.
    engine.put("selection", "unit_id VARCHAR, split VARCHAR", [])
    engine.put("dataset_members", "class VARCHAR, image_id VARCHAR", [])
    judge_images(engine, recipe)
    removals = removals_of(engine)
    told = "; ".join(_told(name, removals) for name in recipe.classes)
    raise RecipeError(f"a class of this dataset has no images of its own ({told})")


def _told(name: str, removals: Mapping[tuple[str, str], int]) -> str:
    """Say how many images of a class are in the index, and what each filter took of them."""
    indexed = sum(images for (term, _), images in removals.items() if term == name)
    taken = [
        f"{removals[name, one.name]:,} {one.images}"
        for one in FILTERS.values()
        if (name, one.name) in removals
    ]
    return f"{name}: {indexed:,} images in the index" + (f", {', '.join(taken)}" if taken else "")
