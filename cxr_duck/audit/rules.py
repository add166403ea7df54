"""The rules of an audit, what each needs, and which hold what the options of a recipe promise."""

from collections.abc import Callable

from cxr_duck.audit.covariates import OF_COVARIATES
from cxr_duck.datasets.recipes.recipe import Recipe

__all__ = [
    "NOTES",
    "OF_CLASSES",
    "OF_CSV",
    "OF_DIGESTS",
    "OF_FILES",
    "OF_INDEX",
    "OF_LABELS",
    "OF_TWINS",
    "PROMISES",
    "RULES",
    "is_promised",
]

# Each check is the SQL file of its name, which returns what breaks its rule.
RULES = {
    "unknown_image": "the store has every image",
    "image_in_two_splits": "no image is in two splits",
    "patient_in_two_splits": "no patient is in two splits",
    "study_in_two_splits": "no study is in two splits",
    "identical_across_splits": "no two splits have identical files",
    "identical_within_split": "no two patients of a split have identical files",
    "twins_across_splits": "no two splits have twin images",
    "twins_within_split": "no two patients of a split have twin images",
    "label_not_held": "the store's labels bear every class out",
    "missing_file": "every image has its file",
    "damaged_file": "no file is damaged",
    "promise_missed": "splits and classes have their sizes",
    "unequal_classes": "the classes are equal in every split",
    "condition_not_met": "every image meets the condition",
    "outside_dataset": "every image is of the dataset to draw from",
    "excluded_image": "no image has what is excluded",
    "several_findings": "every image has one finding alone",
    "finding_not_held": "every image has the finding it counts for",
    "image_of_two_classes": "images of several classes are settled",
    "unit_torn": "studies and patients are whole",
    "crowded_patient": "no patient has more images of a class",
    "outside_period": "every study is of its split's period",
    "not_kept_apart": "patients are kept apart from the other dataset",
    "not_by_hand": "only train has labels not made by hand",
    "repeated_twin": "one alone of twin images is there",
    "match_missed": "the classes match",
    "strata_differ": "strata have their shares of every split",
    "classes_differ": "classes differ in nothing but the finding",
    "splits_differ": "splits differ by no more than chance",
    "guessed_without_pixel": "nobody guesses a class without a pixel",
    "suspect_image": "no film is blank",
    "label_of_other_class": "no image carries a label of another class",
    "repeated_row": "no row is said twice",
}

# The rules that hold what an option of a recipe promises; one that promises nothing has none. The
# hierarchy is resolved into findings when the recipe is made, and the seed is chance alone.
PROMISES: dict[str, tuple[str, ...]] = {
    "terms": ("label_not_held", "finding_not_held"),
    "classes": ("label_not_held", "finding_not_held"),
    "exclude": ("excluded_image",),
    "pure": ("several_findings",),
    "where": ("condition_not_met",),
    "within": ("outside_dataset",),
    "hierarchy": (),
    "seed": (),
    "overlap": ("image_of_two_classes",),
    "balance": ("promise_missed",),
    "findings": ("finding_not_held",),
    "unit": ("unit_torn",),
    "per_patient": ("crowded_patient",),
    "shares": ("promise_missed",),
    "by_date": ("outside_period",),
    "folds": ("promise_missed",),
    "keep_apart": ("not_kept_apart",),
    "test": ("not_kept_apart",),
    "physician_test": ("not_by_hand",),
    "twins": ("twins_across_splits", "repeated_twin"),
    "stratify": ("strata_differ",),
    "match": ("match_missed",),
    "size": ("promise_missed",),
}

NOTES = (
    "identical_within_split", "twins_within_split", "repeated_row", "strata_differ",
    *OF_COVARIATES,
)  # fmt: skip
OF_DIGESTS = ("identical_across_splits", "identical_within_split")
OF_TWINS = ("twins_across_splits", "twins_within_split", "repeated_twin")
OF_FILES = (*OF_DIGESTS, "missing_file", "damaged_file")
OF_CSV = ("unequal_classes", "repeated_row")
OF_LABELS = ("label_not_held", "label_of_other_class")
OF_CLASSES = (*OF_LABELS, "unequal_classes", "classes_differ", "guessed_without_pixel")
# What can be said of images that the store doesn't know.
_OF_NAMES = ("unknown_image", "image_in_two_splits", "promise_missed", *OF_CSV)
OF_INDEX = tuple(name for name in RULES if name not in _OF_NAMES)

_ASKED_BY: dict[str, Callable[[Recipe], bool]] = {
    "condition_not_met": lambda recipe: recipe.where is not None,
    "outside_dataset": lambda recipe: recipe.within is not None,
    "excluded_image": lambda recipe: bool(recipe.exclude),
    "several_findings": lambda recipe: recipe.pure,
    "finding_not_held": lambda recipe: True,
    "image_of_two_classes": lambda recipe: len(recipe.classes) > 1,
    # Of a unit with more images than its patient may bring, or with twins, some are left out.
    "unit_torn": lambda recipe: (
        recipe.unit != "image" and recipe.per_patient is None and recipe.twins != "one"
    ),
    "crowded_patient": lambda recipe: recipe.per_patient is not None,
    "outside_period": lambda recipe: bool(recipe.by_date),
    "not_kept_apart": lambda recipe: recipe.keep_apart is not None,
    "not_by_hand": lambda recipe: recipe.physician_test,
    "repeated_twin": lambda recipe: recipe.twins == "one",
    "match_missed": lambda recipe: bool(recipe.match),
    "strata_differ": lambda recipe: bool(recipe.stratify),
}


def is_promised(name: str, recipe: Recipe | None) -> bool:
    """Tell whether a rule is one for a split: of a dataset its recipe may not ask for it."""
    if recipe is None:
        return name not in _ASKED_BY
    return name not in OF_CSV and (name not in _ASKED_BY or _ASKED_BY[name](recipe))
