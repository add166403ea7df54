"""How near a finished dataset comes to what its recipe asks, and how near it could come."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor

from cxr_duck.datasets.allocation.decisions import Exactness
from cxr_duck.datasets.allocation.targets import smallest_class
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.strata import column_of
from cxr_duck.engines.engine import Engine

__all__ = ["exactness_of", "nearest_distance"]

_Units = dict[tuple[str, str], dict[str, int]]  # by (class, finding or stratum) and split


def exactness_of(engine: Engine, recipe: Recipe, found: Exactness) -> Exactness:
    """Return how near the finished dataset comes to its recipe.

    Reads members, selection, sized_selection and unit_strata.
    """
    possible = dict(
        engine.fetch("SELECT class, count(DISTINCT unit_id) FROM eligible GROUP BY class")
    )
    if recipe.match:  # those without a partner are no members
        possible = dict(
            engine.fetch("SELECT class, sum(units) FROM combination_counts GROUP BY class")
        )
    smallest = smallest_class(recipe, possible)
    engine.gather("dataset_units")
    kept = _by_split(engine.fetch("SELECT * FROM dataset_units"))
    sizes = {name: kept[name, ""] for name in recipe.classes}
    splits = list(recipe.shares)
    distances = [_distance(units, sizes[cell[0]], splits) for cell, units in kept.items()]
    nearest = [_nearest(units, sizes[cell[0]], splits) for cell, units in kept.items()]
    full = engine.scalar(
        "SELECT count(DISTINCT eligible.unit_id) FROM selection "
        "INNER JOIN eligible USING (unit_id) WHERE eligible.class = ?",
        smallest,
    )
    return replace(
        found,
        smallest=smallest,
        kept=sum(sizes[smallest].values()),
        possible=int(possible[smallest]),
        full=int(full),
        furthest=round(max(distances), 2),
        nearest=round(max(nearest), 2),
        strata=_strata(engine, recipe, sizes),
        unmatched=_unmatched(engine, recipe),
    )


def _by_split(rows: Sequence[tuple[str, str, str, int]]) -> _Units:
    units: _Units = {}
    for name, what, split, count in rows:
        units.setdefault((name, what), {})[split] = int(count)
    return units


def _wanted(
    units: Mapping[str, int], sizes: Mapping[str, int], splits: Sequence[str]
) -> list[float]:
    """Return the units of each split where a finding had the shares of its class."""
    total, whole = sum(units.values()), sum(sizes.values())
    return [total * sizes.get(split, 0) / whole for split in splits]


def _distance(units: Mapping[str, int], sizes: Mapping[str, int], splits: Sequence[str]) -> float:
    """Return the most units by which a split is away from what a finding wants."""
    wanted = _wanted(units, sizes, splits)
    return max(abs(units.get(split, 0) - want) for split, want in zip(splits, wanted, strict=True))


def _nearest(units: Mapping[str, int], sizes: Mapping[str, int], splits: Sequence[str]) -> float:
    return nearest_distance(_wanted(units, sizes, splits))


def nearest_distance(wanted: Sequence[float]) -> float:
    """Return the least that the furthest of some whole numbers is away from what is wanted.

    The numbers add up as what is wanted does. The nearest are the wanted ones rounded down, those
    with the largest remainders up: then each rounded one is as near as any other choice has it.
    """
    parts = sorted(want - floor(want + 1e-9) for want in wanted)
    up = round(sum(parts))
    down = parts[: len(parts) - up]
    return max([*(1 - part for part in parts[len(parts) - up :]), *down, 0.0])


def _strata(
    engine: Engine, recipe: Recipe, sizes: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """Return the most units by which a value of each column is away from its class's shares."""
    if not recipe.stratify:
        return {}
    engine.gather("dataset_strata")
    units = _by_split(engine.fetch("SELECT * FROM dataset_strata"))
    splits = list(recipe.shares)
    strata = {}
    for option in recipe.stratify:
        column = column_of(option)
        distances = [
            _distance(found, sizes[name], splits)
            for (name, stratum), found in units.items()
            if stratum.startswith(f"{column.name} ")
        ]
        strata[column.told] = round(max(distances, default=0.0), 2)
    return strata


def _unmatched(engine: Engine, recipe: Recipe) -> dict[str, dict[str, int]]:
    """Return the units of each class that are left out, by the combination that they have."""
    if not recipe.match:
        return {}
    engine.gather("unmatched_units")
    unmatched: dict[str, dict[str, int]] = {}
    for combination, name, units in engine.fetch(
        "SELECT combination, class, units FROM unmatched_units ORDER BY combination, class"
    ):
        unmatched.setdefault(combination, {})[name] = int(units)
    return unmatched
