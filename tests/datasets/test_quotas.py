"""What stays of classes that share images."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck.datasets.allocation.allocate import Cell, largest_remainder
from cxr_duck.datasets.allocation.shared_quotas import shared_quotas
from cxr_duck.datasets.allocation.units import Kind, class_units
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import RecipeError
from tests.conftest import examples

SHARES = {"train": 2, "test": 1}
A, B, BOTH = (("a", "x"),), (("b", "y"),), (("a", "x"), ("b", "y"))


def kinds_of(counts: dict[tuple[Cell, ...], tuple[int, int]]) -> list[Kind]:
    """Return kinds with their units in train and test."""
    return [
        Kind(cells, split, units)
        for cells, parts in counts.items()
        for split, units in zip(SHARES, parts, strict=True)
        if units
    ]


def test_units_that_are_equal_stay_alike() -> None:
    """All of the smaller class stays, with what it shares; half of the others, be they x or z.

    A split has its share, and both classes as many units in it.
    """
    kinds = kinds_of(
        {
            (("a", "x"),): (120, 60), (("a", "z"),): (80, 40), (("a", "x"), ("b", "y")): (20, 10),
            (("b", "y"),): (100, 50),
        }
    )  # fmt: skip
    expected = {"train": [60, 40, 20, 100], "test": [30, 20, 10, 50]}
    recipe = Recipe({"a": [], "b": []}, overlap="keep", shares=SHARES)
    quotas = shared_quotas(recipe, kinds, class_units(kinds, [kind.units for kind in kinds]))
    assert quotas.targets == {
        ("a", "train"): 120, ("a", "test"): 60, ("b", "train"): 120, ("b", "test"): 60,
    }  # fmt: skip
    assert class_units(kinds, quotas.units) == quotas.targets
    for split, mean in expected.items():
        kept = [
            units for kind, units in zip(kinds, quotas.units, strict=True) if kind.split == split
        ]
        assert kept[2:] == mean[2:]
        assert all(abs(got - want) <= 2 for got, want in zip(kept[:2], mean[:2], strict=True))


@examples(60)
@given(st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_the_most_that_can_stay(counts: list[int]) -> None:
    """Classes are equal, splits have their shares, and no larger choice of units is so."""
    kinds = kinds_of(dict(zip((A, B, BOTH), zip(counts[::2], counts[1::2]), strict=True)))  # noqa: B905
    available = class_units(kinds, [kind.units for kind in kinds])
    best = max(_equal_sizes(kinds, units) for units in _choices(kinds))
    recipe = Recipe({"a": [], "b": []}, overlap="keep", shares=SHARES)
    try:
        quotas = shared_quotas(recipe, kinds, available)
    except RecipeError:
        largest = [units for units in _choices(kinds) if _equal_sizes(kinds, units) == best]
        same = all(
            kind.cells == BOTH
            for units in largest
            for kind, count in zip(kinds, units, strict=True)
            if count
        )
        assert same or largest_remainder(best, [2, 1])[1] == 0
        return
    assert all(units <= kind.units for units, kind in zip(quotas.units, kinds, strict=True))
    assert class_units(kinds, quotas.units) == quotas.targets
    assert sum(quotas.targets["a", split] for split in SHARES) == best


def _choices(kinds: list[Kind]) -> list[tuple[int, ...]]:
    return list(product(*(range(kind.units + 1) for kind in kinds)))


def _equal_sizes(kinds: list[Kind], units: tuple[int, ...]) -> int:
    """Return the size of the classes where they are equal and split by their shares, else 0."""
    sizes = class_units(kinds, units)
    a, b = ([sizes.get((name, split), 0) for split in SHARES] for name in ("a", "b"))
    return sum(a) if a == b == largest_remainder(sum(a), [2, 1]) else 0


def test_nested_classes_are_refused_with_counts() -> None:
    """A class within another could only be equal to it where both are the same images."""
    kinds = kinds_of({BOTH: (10, 5), B: (10, 5)})
    recipe = Recipe({"a": [], "b": []}, overlap="keep", shares=SHARES)
    with pytest.raises(RecipeError, match=r"both are the same images \(a: 15; b: 30\)"):
        shared_quotas(recipe, kinds, class_units(kinds, [kind.units for kind in kinds]))
