"""Rules of a recipe that leave images out because of their patient or of other classes."""

from cxr_duck.datasets.filters import FILTERS
from cxr_duck.datasets.other_datasets import put_known_patients
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.strata import put_combinations
from cxr_duck.engines.engine import Engine

__all__ = ["exclude_by_rules", "put_periods"]

_BEGINNING, _END = "0001-01-01", "9999-12-31"


def exclude_by_rules(engine: Engine, recipe: Recipe) -> None:
    """Make images_excluded_by_rule, (image_id, reason), and what the rules compare patients by.

    Raises DatasetError where the dataset to keep apart from is not there any more.
    """
    engine.put("images_excluded_by_rule", "image_id VARCHAR, reason VARCHAR", [])
    engine.put("patient_periods", "patient_id VARCHAR, split VARCHAR", [])
    engine.put("patient_limits", "patient_id VARCHAR, limit_to VARCHAR", [])
    engine.put("unit_combinations", "unit_id VARCHAR, combination VARCHAR", [])
    for name in FILTERS:
        if name in _RULES:
            _RULES[name](engine, recipe)


def _leave_astray(engine: Engine, recipe: Recipe) -> None:
    if recipe.by_date:
        put_periods(engine, recipe)
        engine.make("patient_periods")
        _leave(engine, "astray_images", "date")


def _leave_apart(engine: Engine, recipe: Recipe) -> None:
    if recipe.keep_apart or recipe.physician_test:
        put_known_patients(engine, recipe)
        engine.make(
            "patient_limits",
            physician_test=recipe.physician_test,
            has_test=recipe.test_split is not None,
        )
        _leave(engine, "apart_images", "apart")


def _leave_twins(engine: Engine, recipe: Recipe) -> None:
    if recipe.twins == "one":
        _leave(engine, "repeated_twins", "twins", seed=recipe.seed)


def _leave_crowded(engine: Engine, recipe: Recipe) -> None:
    if recipe.per_patient is not None:
        _leave(
            engine, "crowded_images", "per_patient",
            per_patient=recipe.per_patient, seed=recipe.seed,
        )  # fmt: skip


def _leave_unmatched(engine: Engine, recipe: Recipe) -> None:
    if recipe.match:
        parts = recipe.ratio or dict.fromkeys(recipe.classes, 1)
        engine.put("class_parts", "class VARCHAR, part BIGINT", list(parts.items()))
        put_combinations(engine, recipe.match)
        engine.make("unit_combinations")
        engine.gather("combination_counts")
        _leave(engine, "unmatched_images", "match")


# The filters that take images out because of others; a later one sees what earlier ones left.
_RULES = {
    "date": _leave_astray,
    "apart": _leave_apart,
    "twins": _leave_twins,
    "per_patient": _leave_crowded,
    "match": _leave_unmatched,
}


def _leave(engine: Engine, stage: str, reason: str, **params: object) -> None:
    """Leave the images of a stage out, those that are out already apart."""
    engine.make(stage, **params)
    engine.append(
        "images_excluded_by_rule",
        f"SELECT image_id, $reason AS reason FROM {stage} "
        "ANTI JOIN images_excluded_by_rule USING (image_id)",
        {"reason": reason},
    )


def put_periods(engine: Engine, recipe: Recipe) -> None:
    """Make periods, the days of each split; none where no dates part the splits."""
    borders = [_BEGINNING, *recipe.by_date, _END]
    engine.put(
        "periods",
        "split VARCHAR, position INTEGER, first_day DATE, end_day DATE",
        [
            (split, position, borders[position], borders[position + 1])
            for position, split in enumerate(recipe.shares if recipe.by_date else ())
        ],
    )
