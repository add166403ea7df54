"""The sizes that a split was promised to have, and where its own sizes differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.sizes import sized_targets
from cxr_duck.datasets.allocation.targets import kept_sizes
from cxr_duck.datasets.dataset import Dataset
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import AuditError

__all__ = ["Promise", "make_promised", "promise_of_record", "promise_of_shares"]


@dataclass(frozen=True)
class Promise:
    """The units that each (split, class) should have; class '' is all classes together.

    A unit is an image, or what a recipe counts. A number may be missed by `tolerance` units. A
    recipe's promise names every class and split; whatever else the dataset has is too much.
    """

    units: Mapping[tuple[str, str], float]
    tolerance: float = 0
    whole: bool = False
    unit: str = "image"


def promise_of_record(engine: DuckDBEngine, dataset: Dataset) -> Promise | None:
    """Return what the recipe of a recorded dataset promises, or None where it promises no sizes.

    Classes have their ratio and splits their rounded shares. Where dates part the splits, or images
    have several classes, the ratio holds in every split. What is counted is the recipe's unit, and
    a dataset without a balance promises no sizes. Reads audited.
    """
    recipe, found = dataset.recipe, dataset.exactness
    if recipe.balance == "none" or not found.smallest:
        return None
    splits = list(recipe.shares)
    counted = {
        (split, name): units for split, name, units in engine.rows("split_units", unit=recipe.unit)
    }
    base = [counted.get((split, found.smallest), 0) for split in splits]
    full = found.full or found.kept  # before the recipe's size, of which 0.5.0 had none
    if not recipe.by_date:
        base = largest_remainder(full, list(recipe.shares.values()))
    units: dict[tuple[str, str], int] = {}
    for name, size in kept_sizes(recipe, full, found.smallest).items():
        parts = (
            [kept_sizes(recipe, part, found.smallest)[name] for part in base]
            if recipe.by_date or recipe.overlap == "keep"
            else largest_remainder(size, list(recipe.shares.values()))
        )
        units |= {(name, split): part for split, part in zip(splits, parts, strict=True)}
    promised = {
        (split, name): float(part) for (name, split), part in sized_targets(recipe, units).items()
    }
    tolerance = max(recipe.ratio.values(), default=0)
    return Promise(promised, tolerance, whole=True, unit=recipe.unit)


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
    """Make promised, which promise_missed holds against split_units, of audited."""
    units = dict(promise.units)
    engine.make("split_units", unit=promise.unit)
    if promise.whole:
        for split, name in engine.fetch("SELECT split, class FROM split_units WHERE class <> ''"):
            units.setdefault((split, name), 0)
    engine.put(
        "promised",
        "split VARCHAR, class VARCHAR, units DOUBLE, tolerance DOUBLE",
        [(*key, float(number), float(promise.tolerance)) for key, number in units.items()],
    )
