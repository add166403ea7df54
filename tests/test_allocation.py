"""Patients of a signature to splits, and how near that can come to what is wanted."""

from collections.abc import Iterator
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxr_duck.allocation import (
    _CLASS_WEIGHTS,
    FEW,
    HUNDREDTHS,
    Cell,
    Cells,
    Numbers,
    Signature,
    allocate,
    largest_remainder,
)
from cxr_duck.recipe import Recipe
from cxr_duck.solver import refine
from cxr_duck.targets import Sizes, allowed_splits, kept_sizes, smallest_class, wanted_units

SHARES = [70, 20, 10]
LIMITS = ("", "first", "last", "not last")


def cells_of(signatures: list[Signature], shares: list[int]) -> Cells:
    """Return cells in which a class wants its rounded shares, a finding its exact ones."""
    totals: dict[Cell, int] = {}
    for signature in signatures:
        for cell, units in signature.units.items():
            totals[cell] = totals.get(cell, 0) + signature.patients * units
    return Cells.of(
        signatures,
        {
            (name, finding): [round(HUNDREDTHS * total * part / sum(shares)) for part in shares]
            if finding
            else [HUNDREDTHS * units for units in largest_remainder(total, shares)]
            for (name, finding), total in totals.items()
        },
    )


def distances(cells: Cells, allocated: Numbers) -> tuple[float, float]:
    """Return the units out of place of the classes, and of the findings relative to their size."""
    away = np.abs(cells.errors(allocated)).sum(axis=1) / HUNDREDTHS
    weights = FEW / np.maximum(cells.totals, FEW)
    return float(away[cells.is_class].sum()), float((away * weights)[~cells.is_class].sum())


@pytest.mark.parametrize(
    ("total", "expected"),
    [(0, [0, 0, 0]), (1, [1, 0, 0]), (10, [7, 2, 1]), (96, [67, 19, 10]), (2398, [1679, 479, 240])],
)
def test_largest_remainder(total: int, expected: list[int]) -> None:
    """Whole numbers nearest to the shares that add up."""
    assert largest_remainder(total, SHARES) == expected


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**4), min_size=1, max_size=9))
def test_largest_remainder_adds_up(total: int, shares: list[int]) -> None:
    """Rounded shares add up to the total, and each is less than one from its exact share."""
    parts = largest_remainder(total, shares)
    assert sum(parts) == total
    for part, share in zip(parts, shares, strict=True):
        assert abs(part * sum(shares) - total * share) < sum(shares)


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=6),
    st.sampled_from([SHARES, [1, 1], [8, 1, 1], [1] * 5, [1]]),
)
@settings(deadline=None, max_examples=50)
def test_single_images_are_exact(sizes: list[int], shares: list[int]) -> None:
    """Where each patient has one image, the class has its rounded shares.

    A finding is within one image of its own, one of more than FEW within so much the more.
    """
    signatures = [
        Signature(size, {("sick", f"finding {place}"): 1, ("sick", ""): 1})
        for place, size in enumerate(sizes)
    ]
    cells = cells_of(signatures, shares)
    allocated, _ = refine(cells, allocate(cells))
    assert allocated.sum(axis=0).tolist() == largest_remainder(sum(sizes), shares)
    exact = np.array(sizes)[:, None] * np.array(shares) / sum(shares)
    relative = FEW / np.maximum(sizes, FEW)
    assert (np.abs(allocated - exact) * relative[:, None]).max() < 1.01


def test_patients_with_many_images_are_worked_around() -> None:
    """One patient with 20 images and many with one: the class still splits exactly."""
    signatures = [
        Signature(1, {("a", ""): 20, ("a", "x"): 20}),
        Signature(80, {("a", ""): 1, ("a", "x"): 1}),
        Signature(200, {("b", ""): 1, ("b", "y"): 1}),
    ]
    allocated = allocate(cells_of(signatures, SHARES))
    images = 20 * allocated[0] + allocated[1]
    assert images.tolist() == [70, 20, 10]


def test_findings_are_near_where_patients_bring_several() -> None:
    """Patients with a finding or two of many kinds: no finding is an image from its shares."""
    findings = [f"finding {place}" for place in range(12)]
    signatures = [
        Signature(5 + (3 * first + second) % 7, {("a", ""): 2, ("a", one): 1, ("a", two): 1})
        for first, one in enumerate(findings)
        for second, two in enumerate(findings)
        if first < second
    ]
    signatures.append(Signature(900, {("a", ""): 1, ("a", "alone"): 1}))
    cells = cells_of(signatures, SHARES)
    errors = np.abs(cells.errors(allocate(cells))) / HUNDREDTHS
    assert errors[cells.is_class].max() == 0
    assert errors[~cells.is_class].max() < 1.01


ALLOWED = st.sampled_from([(), (), (), (0,), (1,), (0, 1)])
UNITS = st.dictionaries(
    st.sampled_from([("a", ""), ("a", "x"), ("a", "y"), ("b", ""), ("b", "z")]),
    st.integers(1, 5),
    min_size=1,
).map(lambda units: {("a", ""): 1, **units})
SIGNATURES = st.lists(
    st.builds(Signature, st.integers(1, 60), UNITS, ALLOWED), min_size=1, max_size=12
)
FEW_SIGNATURES = st.lists(
    st.builds(Signature, st.integers(1, 4), UNITS, ALLOWED), min_size=1, max_size=3
)


@settings(deadline=None, max_examples=100)
@given(SIGNATURES, st.sampled_from([SHARES, [1, 1], [8, 1, 1], [1] * 6]))
def test_no_patient_is_lost_or_divided(signatures: list[Signature], shares: list[int]) -> None:
    """Patients add up, none goes where it may not, and the same input gives the same."""
    cells = cells_of(signatures, shares)
    allocated = allocate(cells)
    refined, _ = refine(cells, allocated.copy())
    for found in (allocated, refined):
        assert found.sum(axis=1).tolist() == [signature.patients for signature in signatures]
        assert (found >= 0).all()
        assert (found == np.round(found)).all()
        assert not found[~cells.open].any()
    again = cells_of(signatures, shares)
    assert (allocate(again) == allocated).all()
    assert (refine(again, allocated.copy())[0] == refined).all()


@settings(deadline=None, max_examples=50)
@given(SIGNATURES, st.sampled_from([SHARES, [1, 1], [1] * 4]))
def test_no_single_move_improves_the_result(signatures: list[Signature], shares: list[int]) -> None:
    """Moving any one patient brings no class and finding nearer to its shares, all in all."""
    cells = cells_of(signatures, shares)
    allocated = allocate(cells)
    # The last search has the heaviest classes, and is left out where they are exact before it.
    assert any(
        not moves_that_improve(cells, allocated, cells.weights(of_class)[:, None])
        for of_class in _CLASS_WEIGHTS[-2:]
    )


def moves_that_improve(cells: Cells, allocated: Numbers, weights: Numbers) -> list[list[int]]:
    """Return (signature, giver, taker) of every single move that lowers the error."""
    error = (weights * cells.errors(allocated) ** 2).sum()
    found = []
    for row, giver in zip(*np.nonzero(allocated), strict=True):
        for taker in np.flatnonzero(cells.open[row]):
            moved = allocated.copy()
            moved[row, giver] -= 1
            moved[row, taker] += 1
            if (weights * cells.errors(moved) ** 2).sum() < error:
                found.append([int(row), int(giver), int(taker)])
    return found


@settings(deadline=None, max_examples=60)
@given(SIGNATURES, st.sampled_from([SHARES, [1, 1], [1] * 4]), st.randoms(use_true_random=False))
def test_refining_never_makes_it_worse(
    signatures: list[Signature], shares: list[int], chance: Random
) -> None:
    """Classes come no further from what they want, nor do findings where classes stay as near.

    So it is from any allocation, not only from one that was searched.
    """
    cells = cells_of(signatures, shares)
    dealt = np.zeros((len(signatures), len(shares)))
    for row, signature in enumerate(signatures):
        for _ in range(signature.patients):
            dealt[row, chance.choice(np.flatnonzero(cells.open[row]).tolist())] += 1
    for start in (allocate(cells), dealt):
        before = distances(cells, start)
        after = distances(cells, refine(cells, start.copy())[0])
        assert after[0] <= before[0] + 1e-6
        assert after[0] < before[0] - 1e-6 or after[1] <= before[1] + 1e-6


def every_allocation(cells: Cells) -> Iterator[Numbers]:
    """Return all ways to deal the patients."""

    def ways(patients: int, splits: list[int]) -> list[list[int]]:
        if not splits:
            return [[0] * cells.open.shape[1]] if not patients else []
        found = []
        for there in range(patients + 1):
            for way in ways(patients - there, splits[1:]):
                found.append([*way[: splits[0]], there, *way[splits[0] + 1 :]])
        return found

    rows = [
        ways(int(patients), np.flatnonzero(is_open).tolist())
        for patients, is_open in zip(cells.patients, cells.open, strict=True)
    ]
    for chosen in product(*rows):
        yield np.array(chosen, dtype=np.float64)


@settings(deadline=None, max_examples=60)
@given(FEW_SIGNATURES, st.sampled_from([SHARES, [1, 1], [5, 3, 2]]))
def test_what_is_proved_is_true(signatures: list[Signature], shares: list[int]) -> None:
    """Of all allocations none has classes nearer, and none with classes as near has findings so.

    Problems this small are always proved.
    """
    cells = cells_of(signatures, shares)
    refined, nearness = refine(cells, allocate(cells))
    classes, findings = distances(cells, refined)
    best = min(distances(cells, other) for other in every_allocation(cells))
    assert nearness.proved
    assert classes <= best[0] + 1e-6
    if classes == best[0]:
        assert findings <= best[1] + 1e-6


@settings(deadline=None, max_examples=60)
@given(FEW_SIGNATURES)
@example(  # patients of one unit don't fill every split up where others may go to one alone
    [
        Signature(1, {("a", ""): 1, ("a", "x"): 1}),
        Signature(2, {("a", ""): 1, ("a", "x"): 1}, (1,)),
        Signature(2, {("a", ""): 1, ("a", "x"): 1}),
    ]
)
@example(  # HiGHS 1.16.0 called a wrong solution the best
    [
        Signature(1, {("a", ""): 1, ("a", "x"): 5}),
        Signature(1, {("a", ""): 1, ("a", "x"): 5}),
        Signature(4, {("a", ""): 2}),
    ]
)
def test_out_of_place_is_zero_where_all_is_nearest(signatures: list[Signature]) -> None:
    """No unit is out of place exactly where no finding can be nearer, dealt for it alone."""
    cells = cells_of(signatures, SHARES)
    refined, nearness = refine(cells, allocate(cells))
    assert (nearness.out_of_place == 0) == (nearness.findings == 0)
    away = np.abs(cells.errors(refined)).sum(axis=1)
    alone = np.array(
        [
            min(np.abs(cells.errors(other)).sum(axis=1)[place] for other in every_allocation(cells))
            for place in range(len(cells.names))
        ]
    )
    far = (away - alone > 1e-6) & ~cells.is_class
    assert int(far.sum()) <= nearness.findings
    if not far.any():
        assert nearness.out_of_place < 0.02  # shares are rounded to hundredths


BY_LIMIT = st.dictionaries(st.sampled_from(LIMITS), st.integers(0, 7), min_size=1)


def can_fill(units: dict[str, int], wanted: list[int]) -> bool:
    """Tell whether units can be given to splits that may take them until each has enough."""
    if not any(wanted):
        return True
    split = next(place for place, count in enumerate(wanted) if count)
    for limit, count in units.items():
        if count and (not limit or split in allowed_splits(limit, len(wanted))):
            rest = [count - (place == split) for place, count in enumerate(wanted)]
            if can_fill({**units, limit: count - 1}, rest):
                return True
    return False


@settings(deadline=None, max_examples=80)
@given(BY_LIMIT, st.sampled_from([[1, 1], [2, 1, 1], [1, 1, 1], [3, 1, 1, 1]]))
def test_most_units(units: dict[str, int], shares: list[int]) -> None:
    """The most units whose rounded shares can be filled, and what is left over adds up."""
    small = {limit: count // 2 for limit, count in units.items()}  # the search is exponential
    sizes = Sizes(small)
    most = sizes.most(shares)
    fitting = [
        total
        for total in range(sizes.total + 1)
        if can_fill(small, largest_remainder(total, shares))
    ]
    assert most == max(fitting)
    base = largest_remainder(most, shares)
    surplus = sizes.surplus(base, shares)
    assert min(surplus) >= 0
    assert sum(surplus) == sizes.total - most


@pytest.mark.parametrize(
    ("limit", "expected"), [("", ()), ("first", (0,)), ("last", (3,)), ("not last", (0, 1, 2))]
)
def test_allowed_splits(limit: str, expected: tuple[int, ...]) -> None:
    """A limit says which of four splits may take a patient; () stands for all."""
    assert allowed_splits(limit, 4) == expected


def test_ratio_decides_the_smallest_class() -> None:
    """In a ratio of 3:1 a class of 12 is smaller than one of 5, and the sizes follow."""
    recipe = Recipe({"a": [], "b": []}, balance="ratio", ratio={"a": 3, "b": 1})
    assert smallest_class(recipe, {"a": 12, "b": 5}) == "a"
    assert kept_sizes(recipe, 12, "a") == {"a": 12, "b": 4}
    assert kept_sizes(Recipe({"a": [], "b": []}), 7, "b") == {"a": 7, "b": 7}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(LIMITS)),
        min_size=1,
        max_size=8,
    )
)
def test_classes_want_all_their_units(patients: list[tuple[int, str, str]]) -> None:
    """What a class wants in the splits adds up to its units, in whole ones."""
    signatures = [
        Signature(count, {(name, ""): 1, (name, "x"): 1}, allowed_splits(limit, 3))
        for count, name, limit in patients
    ]
    recipe = Recipe({name: ["x"] for name in sorted({name for _, name, _ in patients})})
    wanted = wanted_units(recipe, signatures, [limit for _, _, limit in patients])
    for name in recipe.classes:
        total = sum(count for count, other, _ in patients if other == name)
        assert sum(wanted[name, ""]) == HUNDREDTHS * total
        assert not any(units % HUNDREDTHS for units in wanted[name, ""])
        assert abs(sum(wanted[name, "x"]) - HUNDREDTHS * total) <= 2
