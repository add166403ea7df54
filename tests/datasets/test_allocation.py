"""Patients of a signature to splits: bounds, exact classes, the largest ones, what is wanted."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from cxr_duck.datasets.allocation.allocate import (
    FEW,
    HUNDREDTHS,
    Allocation,
    Cell,
    Cells,
    Numbers,
    Signature,
    allocate,
    largest_remainder,
    reach_of,
)
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.draw import draw
from cxr_duck.datasets.allocation.search import Problem, Search
from cxr_duck.datasets.allocation.targets import (
    Patients,
    Sizes,
    allowed_splits,
    kept_sizes,
    signatures_of,
    smallest_class,
    wanted_units,
)
from cxr_duck.datasets.recipes.recipe import Recipe
from tests.conftest import examples

SHARES = [70, 20, 10]
LIMITS = ("", "first", "last", "not last")
ALL_SHARES = st.sampled_from([SHARES, [1, 1], [8, 1, 1], [1] * 6, [5, 3, 2], [1]])


def signature(patients: int, units: dict[Cell, int], shares: list[int]) -> Signature:
    """Return a signature whose patients may go anywhere."""
    return Signature(patients, units, tuple(shares))


def cells_of(signatures: list[Signature], shares: list[int]) -> Cells:
    """Return cells in which a class wants its rounded shares, a finding its exact ones."""
    totals: dict[Cell, int] = {}
    for same in signatures:
        for cell, units in same.units.items():
            totals[cell] = totals.get(cell, 0) + same.patients * units
    return Cells.of(
        signatures,
        {
            (name, finding): [round(HUNDREDTHS * total * part / sum(shares)) for part in shares]
            if finding
            else [HUNDREDTHS * units for units in largest_remainder(total, shares)]
            for (name, finding), total in totals.items()
        },
    )


def allocated(cells: Cells, seed: int = 1) -> Allocation:
    """Return what a seed allocates."""
    return allocate(cells, Chance(seed, "allocation"))


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
    st.integers(1, 10**6),
)
@examples(60)
def test_single_images_are_exact(sizes: list[int], shares: list[int], seed: int) -> None:
    """Where each patient has one image, the class has its rounded shares.

    A finding is within one image of its own, one of more than FEW within so much the more.
    """
    signatures = [
        signature(size, {("sick", f"finding {place}"): 1, ("sick", ""): 1}, shares)
        for place, size in enumerate(sizes)
    ]
    found = allocated(cells_of(signatures, shares), seed)
    assert found.exact
    assert found.reach <= 1
    assert found.patients.sum(axis=0).tolist() == largest_remainder(sum(sizes), shares)
    exact = np.array(sizes)[:, None] * np.array(shares) / sum(shares)
    relative = FEW / np.maximum(sizes, FEW)
    assert (np.abs(found.patients - exact) * relative[:, None]).max() < 1.01


def test_patients_with_many_images_are_worked_around() -> None:
    """One patient with 20 images and many with one: the class still splits exactly, always."""
    cells = cells_of(
        [
            signature(1, {("a", ""): 20, ("a", "x"): 20}, SHARES),
            signature(80, {("a", ""): 1, ("a", "x"): 1}, SHARES),
            signature(200, {("b", ""): 1, ("b", "y"): 1}, SHARES),
        ],
        SHARES,
    )
    for seed in range(20):
        found = allocated(cells, seed).patients
        images = 20 * found[0] + found[1]
        assert images.tolist() == [70, 20, 10]


def test_findings_are_near_where_patients_bring_several() -> None:
    """Patients with a finding or two of many kinds: no finding is an image from its shares."""
    findings = [f"finding {place}" for place in range(12)]
    signatures = [
        signature(
            5 + (3 * first + second) % 7, {("a", ""): 2, ("a", one): 1, ("a", two): 1}, SHARES
        )
        for first, one in enumerate(findings)
        for second, two in enumerate(findings)
        if first < second
    ]
    signatures.append(signature(900, {("a", ""): 1, ("a", "alone"): 1}, SHARES))
    cells = cells_of(signatures, SHARES)
    errors = np.abs(cells.errors(allocated(cells).patients)) / HUNDREDTHS
    assert errors[cells.is_class].max() == 0
    assert errors[~cells.is_class].max() < 1.01


UNITS = st.dictionaries(
    st.sampled_from([("a", ""), ("a", "x"), ("a", "y"), ("b", ""), ("b", "z")]),
    st.integers(1, 5),
    min_size=1,
).map(lambda units: {("a", ""): 1, **units})


@st.composite
def signature_lists(
    draw: st.DrawFn, most: int = 12, patients: int = 60
) -> tuple[list[Signature], list[int]]:
    """Return signatures of some splits, of which some may not take the patients of all."""
    shares = draw(ALL_SHARES)
    signatures = []
    for _ in range(draw(st.integers(1, most))):
        shut = draw(st.sets(st.integers(0, len(shares) - 1), max_size=len(shares) - 1))
        closed = shut if draw(st.integers(0, 2)) == 0 else set()
        chances = [0 if split in closed else part for split, part in enumerate(shares)]
        signatures.append(Signature(draw(st.integers(1, patients)), draw(UNITS), tuple(chances)))
    return signatures, shares


@examples(40)
@given(signature_lists(), st.integers(1, 10**6))
def test_no_patient_is_lost_or_divided(
    problem: tuple[list[Signature], list[int]], seed: int
) -> None:
    """Patients add up, none goes where he may not, and no signature is beyond what is told.

    Each split has a signature's share rounded down, less the reach, to it rounded up and the reach.
    """
    signatures, shares = problem
    cells = cells_of(signatures, shares)
    found = allocated(cells, seed)
    table = found.patients.tolist()
    beyond = [0]
    for same, row in zip(signatures, table, strict=True):
        assert sum(row) == same.patients
        for part, patients in zip(same.chances, row, strict=True):
            assert patients >= 0
            assert patients == int(patients)
            assert part or not patients
            share = Fraction(same.patients * part, sum(same.chances))
            beyond += [floor(share) - int(patients), int(patients) - ceil(share)]
    assert found.reach == max(beyond)
    assert found.exact == (not cells.errors(found.patients)[cells.is_class].any())


@examples(12)
@given(signature_lists(), st.integers(1, 10**6))
def test_a_seed_has_one_allocation(problem: tuple[list[Signature], list[int]], seed: int) -> None:
    """The same signatures and seed give the same, with any number of threads."""
    cells = cells_of(*problem)
    found = []
    for threads in (1, 8):
        with threadpool_limits(threads):
            found.append(allocated(cells, seed))
    assert (found[0].patients == found[1].patients).all()
    assert found[0].reach == found[1].reach


def test_another_seed_has_another_allocation() -> None:
    """Signatures of a few patients come out in most of the possible ways over some seeds."""
    signatures = [
        signature(1, {("a", ""): 1, ("a", f"finding {place}"): 1}, [1, 1]) for place in range(6)
    ]
    cells = cells_of(signatures, [1, 1])
    ways = {tuple(allocated(cells, seed).patients[:, 0].tolist()) for seed in range(60)}
    assert all(sum(way) == 3 for way in ways)
    assert len(ways) >= 15  # of 20


@examples(15)
@given(
    st.lists(st.integers(2, 12), max_size=8),
    st.sampled_from([SHARES, [1, 1], [5, 3, 2], [1] * 5]),
    st.integers(1, 10**6),
)
def test_classes_are_exact_where_single_images_abound(
    many: list[int], shares: list[int], seed: int
) -> None:
    """However many images some patients bring, classes are exact: those with one fill them up."""
    signatures = [
        signature(1, {("a", ""): units, ("a", f"finding {place % 3}"): units}, shares)
        for place, units in enumerate(many)
    ]
    signatures += [
        signature(40 * sum(shares), {("a", ""): 1, ("a", f"finding {place}"): 1}, shares)
        for place in range(3)
    ]
    found = allocated(cells_of(signatures, shares), seed)
    assert found.exact


@examples(25)
@given(signature_lists(most=8), st.integers(1, 10**6))
def test_no_single_move_is_left_by_a_search(
    problem: tuple[list[Signature], list[int]], seed: int
) -> None:
    """A search keeps its bounds, never makes it worse, and leaves no move that helps."""
    signatures, shares = problem
    cells = cells_of(signatures, shares)
    start = allocated(cells, seed).patients
    low, high = np.maximum(start - 2, 0), start + 2
    high[cells.chances == 0] = 0
    weights = cells.weights(10**6)
    search = Search(Problem(cells.contents, low, high, cells.wanted), start, weights)
    before = search.error()
    search.run()
    found = search.allocated.T
    assert search.error() <= before
    assert ((found >= low) & (found <= high)).all()
    assert found.sum(axis=1).tolist() == start.sum(axis=1).tolist()
    for row, giver in zip(*np.nonzero(found > low), strict=True):
        for taker in np.flatnonzero(found[row] < high[row]):
            moved = found.copy()
            moved[row, giver] -= 1
            moved[row, taker] += 1
            assert (weights @ cells.errors(moved) ** 2).sum() >= search.error()


def ways_to_deal(patients: int, open_splits: list[bool]) -> Iterator[list[int]]:
    """Yield all ways to deal so many patients to the splits that are open."""
    if not open_splits:
        if not patients:
            yield []
        return
    for there in range(patients + 1 if open_splits[0] else 1):
        for rest in ways_to_deal(patients - there, open_splits[1:]):
            yield [there, *rest]


def every_allocation(patients: list[int], splits: int) -> Iterator[Numbers]:
    """Yield all ways to deal the patients of signatures to splits that are all open."""
    rows = [list(ways_to_deal(count, [True] * splits)) for count in patients]
    for chosen in product(*rows):
        yield np.array(chosen, dtype=np.float64)


Brought = tuple[int, int]  # images of nodule and of pneumonia


def grouped(brought: list[Brought]) -> list[Patients]:
    """Return patients of the classes a and b, those who bring the same together."""
    found = []
    for images in sorted(set(brought)):
        units: dict[Cell, int] = {}
        for name, count in zip("ab", images, strict=True):
            if count:
                units |= {(name, ""): count, (name, name): count}
        found.append(Patients(brought.count(images), units))
    return found


def kept(recipe: Recipe, patients: list[Patients], found: Numbers) -> int:
    """Return the most units that the class that decides can keep, in its ratio and shares."""
    units = {
        name: [
            sum(
                int(n) * same.units.get((name, ""), 0)
                for n, same in zip(row, patients, strict=True)
            )
            for row in found.T
        ]
        for name in recipe.classes
    }
    smallest = smallest_class(recipe, {name: sum(of_class) for name, of_class in units.items()})
    for size in range(sum(units[smallest]), 0, -1):
        needs = {
            name: largest_remainder(count, list(recipe.shares.values()))
            for name, count in kept_sizes(recipe, size, smallest).items()
        }
        if all(
            need <= there
            for name in needs
            for need, there in zip(needs[name], units[name], strict=True)
        ):
            return size
    return 0


EQUAL = {"balance": "equal"}
TWO_TO_ONE = {"balance": "ratio", "ratio": {"a": 2, "b": 1}}


@examples(30)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(any), min_size=2, max_size=6),
    st.sampled_from([[60, 20, 20], SHARES, [1, 1]]),
    st.sampled_from([EQUAL, TWO_TO_ONE]),
    st.integers(1, 10**6),
)
def test_no_split_of_these_patients_keeps_more(
    brought: list[Brought], shares: list[int], balance: dict[str, object], seed: int
) -> None:
    """Of all allocations of few patients none keeps larger classes in their ratio."""
    if not all(map(sum, zip(*brought, strict=True))):
        brought.append((1, 1))
    patients = grouped(brought)
    splits = {f"split {place}": part for place, part in enumerate(shares)}
    recipe = Recipe({"a": ["a"], "b": ["b"]}, seed=seed, shares=splits, **balance)  # type: ignore[arg-type]
    drawn = draw(recipe, patients)
    best = max(
        kept(recipe, patients, other)
        for other in every_allocation([same.number for same in patients], len(shares))
    )
    got = kept(recipe, patients, drawn.patients)
    assert got <= best
    assert drawn.largest == (got == best)
    assert got == best


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


@examples(80)
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
    ("limit", "expected"),
    [("", (0, 1, 2, 3)), ("first", (0,)), ("last", (3,)), ("not last", (0, 1, 2))],
)
def test_allowed_splits(limit: str, expected: tuple[int, ...]) -> None:
    """A limit says which of four splits may take a patient."""
    assert allowed_splits(limit, 4) == expected


def test_ratio_decides_the_smallest_class() -> None:
    """In a ratio of 3:1 a class of 12 is smaller than one of 5, and the sizes follow."""
    recipe = Recipe({"a": [], "b": []}, balance="ratio", ratio={"a": 3, "b": 1})
    assert smallest_class(recipe, {"a": 12, "b": 5}) == "a"
    assert kept_sizes(recipe, 12, "a") == {"a": 12, "b": 4}
    assert kept_sizes(Recipe({"a": [], "b": []}), 7, "b") == {"a": 7, "b": 7}


@examples(60)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(LIMITS)),
        min_size=1,
        max_size=8,
    )
)
def test_classes_want_all_their_units(patients: list[tuple[int, str, str]]) -> None:
    """What a class wants in the splits adds up to its units, in whole ones."""
    found = [
        Patients(count, {(name, ""): 1, (name, "x"): 1}, limit) for count, name, limit in patients
    ]
    recipe = Recipe({name: ["x"] for name in sorted({name for _, name, _ in patients})})
    wanted = wanted_units(recipe, found)
    for name in recipe.classes:
        total = sum(count for count, other, _ in patients if other == name)
        assert sum(wanted[name, ""]) == HUNDREDTHS * total
        assert not any(units % HUNDREDTHS for units in wanted[name, ""])
        assert abs(sum(wanted[name, "x"]) - HUNDREDTHS * total) <= 2


@examples(60)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 3), st.sampled_from(LIMITS)),
        min_size=1,
        max_size=6,
    )
)
def test_chances_of_pinned_patients(patients: list[tuple[int, int, str]]) -> None:
    """Nobody has a chance of a split that may not take him; free patients of a class have one.

    Where no one is pinned the chances are the shares. Else the class has, on the mean of the draws,
    what it wants in every split, but where pinned patients alone are more than that.
    """
    found = [
        Patients(count, {("a", ""): units, ("a", "x"): units}, limit)
        for count, units, limit in patients
    ]
    recipe = Recipe({"a": ["x"]})
    wanted = wanted_units(recipe, found)
    signatures = signatures_of(recipe, found, wanted)
    for same, (_, _, limit) in zip(signatures, patients, strict=True):
        allowed = allowed_splits(limit, 3)
        assert [split for split, part in enumerate(same.chances) if part] == list(allowed)
    free = {s.chances for s, (_, _, limit) in zip(signatures, patients, strict=True) if not limit}
    assert len(free) <= 1
    if all(not limit for _, _, limit in patients):
        assert free == {tuple(SHARES)}
    mean = [
        sum(
            count * units * same.chances[split] / sum(same.chances)
            for same, (count, units, _) in zip(signatures, patients, strict=True)
        )
        for split in range(3)
    ]
    total = sum(count * units for count, units, _ in patients)
    for split, want in enumerate(wanted["a", ""]):
        assert abs(mean[split] - want / HUNDREDTHS) <= max(1.0, 1e-5 * total)


def test_reach_is_counted_from_the_rounded_share() -> None:
    """Of 7 patients at 0.7, 0.2, 0.1 are 4 to 5, 1 to 2 and 0 to 1; what is beyond is the reach."""
    cells = cells_of([signature(7, {("a", ""): 1}, SHARES)], SHARES)
    for row, reach in (
        ([5, 1, 1], 0),
        ([4, 2, 1], 0),
        ([6, 1, 0], 1),
        ([4, 1, 2], 1),
        ([0, 0, 7], 6),
    ):
        assert reach_of(cells, np.array([row], dtype=np.float64)) == reach


@pytest.mark.parametrize("balance", ["none", "equal"])
def test_only_patients_of_a_class_that_lacks_units_are_moved_for_it(balance: str) -> None:
    """A class of few patients with many images costs the other class neither sums nor fairness."""
    tight = [Patients(1, {("b", ""): units, ("b", "y"): units}) for units in (3, 4, 5, 11, 23)]
    recipe = Recipe({"a": ["x"], "b": ["y"]}, balance=balance)
    for seed in range(3):
        drawn = draw(
            replace(recipe, seed=seed), [Patients(5_000, {("a", ""): 1, ("a", "x"): 1}), *tight]
        )
        assert (drawn.patients[1:].T @ [3, 4, 5, 11, 23]).min() > 0
        assert drawn.patients[0].tolist() == pytest.approx([3_500, 1_000, 500], abs=2)
