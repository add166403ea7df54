"""The filters of a recipe, in the order in which they are asked, and the words for each.

An image counts at the first filter that takes it. `cxr create --dry-run`, `cxr why` and the errors
of a recipe that can't be met all ask here for that order and for what a filter is called.
"""

from dataclasses import dataclass

from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.engine import Engine

__all__ = ["FILTERS", "KEPT", "Filter", "judge_images", "removals_of"]

KEPT = "kept"  # what no filter takes


@dataclass(frozen=True)
class Filter:
    """A filter: its name, and what is told of an image that it takes, and of several.

    `image` is a sentence, in which `{detail}` is what there is to say of that image; `images` goes
    behind a number of images.
    """

    name: str
    image: str
    images: str


FILTERS = {
    one.name: one
    for one in (
        Filter("where", "it doesn't meet the condition: {detail}", "don't meet the condition"),
        Filter("within", "it is not an image of {detail}", "are not of the dataset to draw from"),
        Filter(
            "file",
            "its file was not found when the images were indexed",
            "have no file",
        ),
        Filter("damaged", "its file is damaged: {detail}", "have a damaged file"),
        Filter("exclude", "{detail}", "have what is excluded"),
        Filter(
            "pure",
            "it has not exactly one finding: {detail}",
            "have not exactly one finding",
        ),
        Filter("class", "{detail}", "are in no class"),
        Filter("overlap", "{detail}", "belong to more than one class"),
        Filter(
            "date",
            "its study has no date, or one on the other side of most of its patient's images",
            "have no date, or one on the other side of most of their patient's",
        ),
        Filter(
            "apart",
            "no split may take its patient: the dataset is kept apart from another, or only images "
            "labelled by hand come to its valid and test",
            "are of patients whom no split may take",
        ),
        Filter(
            "twins",
            "a twin of it, which was drawn, is in the dataset in its place",
            "have a twin that was drawn in their place",
        ),
        Filter(
            "per_patient",
            "its patient has more images of the class than the recipe takes, and others were drawn",
            "are beyond the number of a patient and class",
        ),
        Filter(
            "match",
            "a class has no images, or too few for its part of the ratio, with its values in the "
            "columns that classes match by",
            "find no partner of their values in every class",
        ),
        Filter("balance", "{detail}", "are left"),
        Filter(
            "size",
            "the recipe's size asks for fewer {detail}; others were drawn",
            "are beyond the size",
        ),
    )
}


def judge_images(engine: Engine, recipe: Recipe) -> None:
    """Make judged_images: for each (class, image) the filter that takes it, or that it is kept."""
    engine.put(
        "filter_order",
        "filter VARCHAR, position INTEGER",
        [(name, position) for position, name in enumerate([*FILTERS, KEPT])],
    )
    engine.make("judged_images", pure=recipe.pure)


def removals_of(engine: Engine) -> dict[tuple[str, str], int]:
    """Return the images of judged_images for each (class, filter)."""
    return {(term, taker): int(images) for term, taker, images in engine.rows("removals")}
