"""How many images a split was promised to have, and where it has others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxr_duck.allocation import rounded_shares
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import AuditError
from cxr_duck.recipe import Recipe

__all__ = ["Promise", "make_promised", "promise_of_recipe", "promise_of_shares"]


@dataclass(frozen=True)
class Promise:
    """The images that each (split, class) should have; class '' is all classes together.

    A number may be missed by `tolerance` images. A recipe's promise names every class and split;
    whatever else the dataset has is too much.
    """

    images: Mapping[tuple[str, str], float]
    tolerance: float = 0
    whole: bool = False


def promise_of_recipe(recipe: Recipe, images: int) -> Promise:
    """Return what the recipe of a dataset of so many images promises: equal classes, its shares."""
    targets = rounded_shares(images // len(recipe.classes), list(recipe.shares.values()))
    return Promise(
        {
            (split, name): target
            for split, target in zip(recipe.shares, targets, strict=True)
            for name in recipe.classes
        },
        whole=True,
    )


def promise_of_shares(
    engine: DuckDBEngine, splits: Sequence[str], shares: Sequence[int]
) -> Promise:
    """Return the promise of shares of all images, one for each split, to an image a class.

    Reads split_composition. Raises AuditError where the shares are not those of the splits.
    """
    if len(shares) != len(splits) or min(shares, default=0) < 0 or not sum(shares):
        raise AuditError(
            f"the shares are {', '.join(map(str, shares)) or 'none'}, and the splits "
            f"{', '.join(splits)}: give one number above 0 for each, in this order"
        )
    total, classes = engine.fetch(
        "SELECT sum(images) FILTER (class = ''), count(DISTINCT class) FILTER (class <> '') "
        "FROM split_composition"
    )[0]
    whole = sum(shares)
    return Promise(
        {
            (split, ""): int(total) * share / whole
            for split, share in zip(splits, shares, strict=True)
        },
        tolerance=max(1, int(classes)),
    )


def make_promised(engine: DuckDBEngine, promise: Promise) -> None:
    """Make promised, which promise_missed holds against split_composition."""
    images = dict(promise.images)
    if promise.whole:
        for split, name in engine.fetch(
            "SELECT split, class FROM split_composition WHERE class <> ''"
        ):
            images.setdefault((split, name), 0)
    engine.put(
        "promised",
        "split VARCHAR, class VARCHAR, images DOUBLE, tolerance DOUBLE",
        [(*key, float(number), float(promise.tolerance)) for key, number in images.items()],
    )
