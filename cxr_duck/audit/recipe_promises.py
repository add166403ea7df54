"""What the rules about a recipe read: its images as the store has them now."""

from cxr_duck.datasets.members import put_excluded_images, put_order
from cxr_duck.datasets.other_datasets import put_outside_images, recorded_as
from cxr_duck.datasets.patient_rules import put_periods
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.strata import put_combinations, put_strata
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import DatasetError, QueryError, RecipeError
from cxr_duck.index.conditions import choose_images

__all__ = ["make_promised_images", "params_of"]


def make_promised_images(engine: DuckDBEngine, recipe: Recipe) -> dict[str, str]:
    """Make what the rules about a recipe read, beside class_images; return why some can't be.

    Keys are the names of rules. An image that another rule takes offence at, such as one that is
    excluded now, is none of the cohort.
    """
    failed: dict[str, str] = {}
    try:
        choose_images(engine, recipe.where)
    except QueryError as error:
        failed["condition_not_met"] = str(error)
        choose_images(engine, None)
    try:
        put_outside_images(engine, recipe)
    except DatasetError as error:
        failed["outside_dataset"] = str(error)
        engine.put("outside_images", "image_id VARCHAR", [])
    put_excluded_images(engine, recipe)
    engine.put("twin_patients", "patient_id VARCHAR, dealt_as VARCHAR", [])
    engine.make("cohort", pure=recipe.pure, unit=recipe.unit)
    engine.put(
        "class_findings",
        "class VARCHAR, finding VARCHAR",
        [(name, finding) for name, findings in recipe.classes.items() for finding in findings],
    )
    put_order(engine, "class_order", "class", recipe.classes)
    put_order(engine, "split_order", "split", recipe.shares)
    engine.make("candidates")
    put_periods(engine, recipe)
    failed |= _put_columns(engine, recipe)
    if recipe.keep_apart is not None:
        try:
            recorded_as(engine, recipe.keep_apart, "is kept apart from")
        except DatasetError as error:
            failed["not_kept_apart"] = str(error)
    return failed


def _put_columns(engine: DuckDBEngine, recipe: Recipe) -> dict[str, str]:
    """Make image_combinations, image_strata and parts of classes and splits; return what can't."""
    failed = {}
    for rule, put, columns in (
        ("match_missed", put_combinations, recipe.match),
        ("strata_differ", put_strata, recipe.stratify),
    ):
        try:
            put(engine, columns)
        except RecipeError as error:
            failed[rule] = str(error)
    parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
    engine.put("class_parts", "class VARCHAR, part BIGINT", list(parts.items()))
    return failed


def params_of(name: str, engine: DuckDBEngine, recipe: Recipe) -> dict[str, object]:
    """Return the parameters of the stage of a rule."""
    if name == "image_of_two_classes":
        return {"overlap": recipe.overlap}
    if name == "crowded_patient":
        return {"per_patient": recipe.per_patient}
    if name == "not_by_hand":
        return {"first_split": next(iter(recipe.shares))}
    if name == "not_kept_apart" and recipe.keep_apart is not None:
        other, its = recorded_as(engine, recipe.keep_apart, "is kept apart from")
        return {
            "other": other,
            "its_test": list(its.shares)[-1],
            "own_test": recipe.test_split or "",
        }
    return {}
