"""Fair draws over seeds: patients to splits, units that stay, images of a patient, sizes, pairs.

Each test counts over a fixed list of seeds how often something is drawn, and compares that with its
chance. A count may be four standard deviations of independent draws away, which fair draws, whose
parts vary less, practically never are. Where a group is large enough for it, a chance that is wrong
by a fifth would be five away or more, and the helper checks that. Seeds are fixed, so a test that
passes goes on passing.

The file takes ten seconds of a core: a chance can only be told from many draws.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from math import sqrt
from typing import Any

import numpy as np
import pytest

from cxr_duck.datasets.allocation.allocate import Cell, Numbers
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.draw import draw
from cxr_duck.datasets.allocation.quotas import choose_quotas
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.targets import Patients
from cxr_duck.datasets.allocation.units import Kind, class_units
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.duckdb import DuckDBEngine, connect

FEW_SEEDS = range(1, 101)
SOME_SEEDS = range(1, 221)
SEEDS = range(1, 401)
MANY_SEEDS = range(1, 1001)
_MOST = 4.0  # standard deviations that a count may be away
_SEEN = 5.0  # that a chance wrong by a fifth is away at least


def away(drawn: float, trials: float, chance: float) -> float:
    """Return by how many standard deviations a count is away from its mean."""
    return (drawn - trials * chance) / sqrt(trials * chance * (1 - chance))


def assert_fair(drawn: float, trials: float, chance: float, what: object) -> None:
    """Fail where a count is far from its mean, or where a bias of a fifth could pass."""
    assert away(1.2 * trials * chance, trials, chance) >= _SEEN, f"too few draws of {what}"
    assert abs(away(drawn, trials, chance)) <= _MOST, f"{what}: {drawn / trials} for {chance}"


def test_a_bias_of_a_fifth_fails() -> None:
    """The helper sees a chance that is wrong by a fifth, up or down, and lets a right one pass."""
    assert_fair(400, 1000, 0.4, "fair")
    for drawn in (480, 320):
        with pytest.raises(AssertionError, match=r"biased: 0\.\d+ for 0\.4"):
            assert_fair(drawn, 1000, 0.4, "biased")
    with pytest.raises(AssertionError, match="too few draws of rare"):
        assert_fair(4, 10, 0.4, "rare")


def patients_of(number: int, units: int, **findings: int) -> Patients:
    """Return patients of the class a with so many units, and those of each finding."""
    return Patients(
        number, {("a", ""): units, **{("a", name): count for name, count in findings.items()}}
    )


def population() -> list[tuple[str, Patients]]:
    """Return patients by kind: many who bring one unit or two, some of a signature of their own.

    Four findings are common, and one is rare.
    """
    several = iter((97, 83, 61, 53, 47, 43, 37, 31, 29))
    names = ("x", "y", "z")
    found = [("one image", patients_of(next(several), 1, **{name: 1})) for name in names]
    found += [("two images", patients_of(next(several), 2, **{name: 2})) for name in names]
    for one, two in combinations(names, 2):
        found.append(("two images", patients_of(next(several), 2, **{one: 1, two: 1})))
    for one, two in permutations(names, 2):
        found.append(("own, three images", patients_of(1, 3, **{one: 2, two: 1})))
    for one, two in permutations(names, 2):
        found.append(("own, ten images", patients_of(1, 10, **{one: 6, two: 4})))
    return [
        *found,
        ("rare finding", patients_of(5, 1, rare=1)),
        ("rare finding", patients_of(1, 2, rare=1, x=1)),
        ("rare finding", patients_of(2, 2, rare=1, y=1)),
    ]


def counts_of(
    patients: Sequence[Patients], shares: Mapping[str, int], seeds: Sequence[int]
) -> Numbers:
    """Return how many patients of each signature came to each split, over seeds."""
    recipe = {"classes": {"a": []}, "shares": dict(shares)}
    return np.sum([draw(Recipe(**recipe, seed=seed), patients).patients for seed in seeds], axis=0)


def by_kind(kinds: Sequence[str], patients: Sequence[Patients], counts: Numbers) -> dict[str, Any]:
    """Return (patients, counts a split) of each kind."""
    found: dict[str, Any] = {}
    for kind, same, row in zip(kinds, patients, counts, strict=True):
        number, sums = found.get(kind, (0, 0))
        found[kind] = number + same.number, sums + row
    return found


def test_each_patient_comes_to_each_split_with_its_share() -> None:
    """Whatever a patient brings: one image, two, ten, a signature of his own, a rare finding.

    It takes four seconds: some hundred patients must be dealt some hundred times.
    """
    kinds, patients = zip(*population(), strict=True)
    shares = {"train": 60, "test": 40}
    counts = counts_of(patients, shares, SOME_SEEDS)
    for kind, (number, sums) in by_kind(kinds, patients, counts).items():
        for drawn, share in zip(sums, (0.6, 0.4), strict=True):
            assert_fair(drawn, number * len(SOME_SEEDS), share, kind)
    for kind, same, row in zip(kinds, patients, counts, strict=True):
        assert abs(away(row[1], same.number * len(SOME_SEEDS), 0.4)) <= _MOST, (kind, same)


def test_no_patient_is_kept_from_a_small_split() -> None:
    """So it is with train, valid and test, where a test set is a tenth."""
    kinds, patients = zip(*population(), strict=True)
    counts = counts_of(patients, {"train": 70, "valid": 20, "test": 10}, FEW_SEEDS)
    for kind, (number, sums) in by_kind(kinds, patients, counts).items():
        for drawn, share in zip(sums, (0.7, 0.2, 0.1), strict=True):
            assert abs(away(drawn, number * len(FEW_SEEDS), share)) <= _MOST, kind
    own = [row for kind, row in zip(kinds, counts, strict=True) if kind.startswith("own")]
    assert all(row.all() for row in own), "a patient never came to a split"


def test_free_patients_have_one_chance_beside_pinned_ones() -> None:
    """Where some may go to test alone or never, all others share what is left there alike."""
    kinds, patients = zip(*population(), strict=True)
    pinned = [
        Patients(number, {("a", ""): 1, ("a", name): 1}, limit)
        for limit, number in (("last", 15), ("not last", 20), ("first", 10))
        for name in ("x", "y", "z")
    ]
    everyone = [*patients, *pinned]
    counts = counts_of(everyone, {"train": 60, "test": 40}, FEW_SEEDS)
    units = [same.number * same.units["a", ""] for same in everyone]
    test = largest_remainder(sum(units), [60, 40])[1]
    chance = (test - 45) / sum(units[: len(patients)])
    assert chance == pytest.approx(0.4111, abs=1e-4)
    for kind, (number, sums) in by_kind(kinds, patients, counts[: len(patients)]).items():
        assert abs(away(sums[1], number * len(FEW_SEEDS), chance)) <= _MOST, kind
    draws = len(FEW_SEEDS)
    expected = [[0, 15 * draws]] * 3 + [[20 * draws, 0]] * 3 + [[10 * draws, 0]] * 3
    assert counts[-9:].tolist() == expected


def drawn_units(recipe: dict[str, Any], kinds: Sequence[Kind], seeds: Sequence[int]) -> Numbers:
    """Return how many units of each kind stay, over seeds."""
    return np.sum([choose_quotas(Recipe(seed=s, **recipe), kinds).units for s in seeds], axis=0)


HALVES = {"train": 1, "test": 1}


def class_kinds(name: str, units: Mapping[tuple[str, ...], int]) -> list[Kind]:
    """Return the kinds of a class in both splits, by the findings that their units show."""
    return [
        Kind(tuple((name, finding) for finding in findings), split, count)
        for split in HALVES
        for findings, count in units.items()
    ]


def test_each_unit_of_a_class_that_is_cut_down_has_one_chance_to_stay() -> None:
    """Of 200 images 80 stay, be they of a common finding or a rare one, alone of their kind or not.

    The larger class is cut down in each split; the smaller keeps all it has.
    """
    large = {
        ("x",): 81, ("y",): 62, ("x", "y"): 31, ("z",): 15, ("rare",): 5, ("x", "rare"): 1,
        ("y", "rare"): 1, ("x", "z"): 1, ("y", "z"): 1, ("x", "y", "z"): 2,
    }  # fmt: skip
    kinds = class_kinds("a", large) + class_kinds("b", {("w",): 80})
    counts = drawn_units({"classes": {"a": [], "b": []}, "shares": HALVES}, kinds, SEEDS)
    of_group: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for kind, drawn in zip(kinds, counts, strict=True):
        if kind.classes == ["b"]:
            assert drawn == 80 * len(SEEDS)
            continue
        rare, alone = ("a", "rare") in kind.cells, kind.units == 1
        group = "rare finding" if rare else "alone of its kind" if alone else "common"
        of_group[group][0] += drawn
        of_group[group][1] += kind.units * len(SEEDS)
        if not rare:
            assert abs(away(drawn, kind.units * len(SEEDS), 0.4)) <= _MOST, kind
    for group, (drawn, trials) in of_group.items():
        assert_fair(drawn, trials, 0.4, group)


@pytest.mark.full
def test_units_of_several_classes_stay_by_one_factor_a_class() -> None:
    """The chance of a unit is the product of one factor for each of its classes, capped at 1.

    Of the classes a, b and c each keeps 70 in a split, which is all of c.
    """
    cells: dict[str, tuple[Cell, ...]] = {
        "a": (("a", "x"),), "b": (("b", "y"),), "ab": (("a", "x"), ("b", "y")), "c": (("c", "z"),),
    }  # fmt: skip
    units = {"a": 100, "b": 60, "ab": 40, "c": 70}
    of_a, of_b = 0.5198, 0.8664
    chances = {"a": of_a, "b": of_b, "ab": of_a * of_b, "c": 1.0}
    for name in "abc":  # so the factors are the right ones
        stay = sum(units[kind] * chances[kind] for kind in units if name in kind)
        assert stay == pytest.approx(70, abs=0.01)
    kinds = [Kind(cells[kind], split, units[kind]) for split in HALVES for kind in units]
    recipe = {"classes": {"a": [], "b": [], "c": []}, "shares": HALVES, "overlap": "keep"}
    sizes = class_units(kinds, choose_quotas(Recipe(**recipe), kinds).units)
    assert set(sizes.values()) == {70}
    counts = drawn_units(recipe, kinds, FEW_SEEDS)
    for kind, drawn in zip(kinds, counts, strict=True):
        chance = chances["".join(kind.classes)]
        if chance == 1:
            assert drawn == kind.units * len(FEW_SEEDS)
        else:
            assert_fair(drawn, kind.units * len(FEW_SEEDS), chance, kind)


def test_units_of_equal_findings_have_one_chance_beside_those_of_their_finding() -> None:
    """Each finding keeps as many as the rarest, and of those that count for it each may stay."""
    large = {("x",): 60, ("x", "y"): 5, ("y",): 35, ("z",): 19, ("z", "x"): 1}
    kinds = class_kinds("a", large) + class_kinds("b", {("w",): 60})
    recipe = {"classes": {"a": [], "b": []}, "shares": HALVES, "findings": "equal"}
    counts = drawn_units(recipe, kinds, MANY_SEEDS)
    # A unit counts for the rarest of its findings: 60 for x, 40 for y, 20 for z.
    leads = {("x",): 60, ("x", "y"): 40, ("y",): 40, ("z",): 20, ("z", "x"): 20}
    for kind, drawn in zip(kinds[: 2 * len(large)], counts[: 2 * len(large)], strict=True):
        findings = tuple(finding for _, finding in kind.cells)
        chance = 20 / leads[findings]
        if chance == 1:
            assert drawn == kind.units * len(MANY_SEEDS)
        else:
            assert_fair(drawn, kind.units * len(MANY_SEEDS), chance, findings)


def test_units_that_match_have_one_chance_in_their_class_and_combination() -> None:
    """Of a class in a combination and split as many stay as have partners, each with one chance."""

    def kind(name: str, finding: str, combination: str, split: str, units: int) -> Kind:
        return Kind(((name, finding), (name, "", f"={combination}")), split, units)

    counts = {
        ("a", "x", "sex M"): 50, ("a", "y", "sex M"): 13, ("a", "z", "sex M"): 1,
        ("a", "x", "sex F"): 20, ("a", "y", "sex F"): 4,
        ("b", "v", "sex M"): 20, ("b", "w", "sex M"): 4, ("b", "v", "sex F"): 40,
        ("b", "w", "sex F"): 8,
    }  # fmt: skip
    kinds = [kind(*place, split, units) for split in HALVES for place, units in counts.items()]
    recipe = {"classes": {"a": [], "b": []}, "shares": HALVES, "match": ["sex"]}
    drawn = drawn_units(recipe, kinds, MANY_SEEDS)
    for one, number in zip(kinds, drawn, strict=True):
        (name, _), (_, _, combination) = one.cells
        there = sum(
            n for place, n in counts.items() if (place[0], f"={place[2]}") == (name, combination)
        )
        chance = 24 / there
        if chance == 1:
            assert number == one.units * len(MANY_SEEDS)
        else:
            assert abs(away(number, one.units * len(MANY_SEEDS), chance)) <= _MOST, one
            if one.units > 1:
                assert_fair(number, one.units * len(MANY_SEEDS), chance, one)


def test_each_image_of_a_patient_has_one_chance() -> None:
    """Of a patient's five images in a class two stay, each of them as often, and others stay all.

    The seed says which, and another seed says it otherwise.
    """
    engine = DuckDBEngine(connect())
    rows = [(f"p{patient:02d}-{place}", f"p{patient:02d}", place)
            for patient in range(12) for place in range(5)]  # fmt: skip
    rows += [("alone", "alone", 0)]
    engine.put(
        "class_members",
        "class VARCHAR, finding VARCHAR, image_id VARCHAR, patient_id VARCHAR, unit_id VARCHAR",
        [("a", "x", image, patient, image) for image, patient, _ in rows],
    )
    engine.put("images", "image_id VARCHAR, patient_id VARCHAR", [row[:2] for row in rows])
    engine.put("images_excluded_by_rule", "image_id VARCHAR, reason VARCHAR", [])
    seeds = SEEDS[:100]
    out: Counter[str] = Counter()
    for seed in seeds:
        gone = [image for (image,) in engine.rows("crowded_images", per_patient=2, seed=seed)]
        assert Counter(image[:3] for image in gone) == {f"p{n:02d}": 3 for n in range(12)}
        out.update(gone)
    for place in range(5):
        drawn = sum(out[image] for image, _, where in rows if where == place and image != "alone")
        assert_fair(drawn, 12 * len(seeds), 0.6, f"image {place}")
    for image in out:
        assert abs(away(out[image], len(seeds), 0.6)) <= _MOST


def sized(engine: DuckDBEngine, seed: int, units: int) -> set[str]:
    """Return the units of the class a in train that stay where it has a size."""
    engine.put("size_limits", "class VARCHAR, split VARCHAR, units BIGINT", [("a", "train", units)])
    return {unit for unit, _ in engine.rows("sized_selection", seed=seed)}


@pytest.mark.full
def test_each_unit_has_one_chance_to_be_in_a_size() -> None:
    """Of 100 units 40 stay: each in 40 of 100 draws, be its finding rare or common."""
    engine = DuckDBEngine(connect())
    groups = {"common": 61, "second": 27, "third": 9, "rare": 2, "rarest": 1}
    units = [(f"{name} {number}", place) for place, (name, count) in enumerate(groups.items())
             for number in range(count)]  # fmt: skip
    engine.put(
        "selection", "unit_id VARCHAR, split VARCHAR", [(unit, "train") for unit, _ in units]
    )
    engine.put(
        "unit_kinds", "unit_id VARCHAR, split VARCHAR, kind INTEGER[]",
        [(unit, "train", [place]) for unit, place in units],
    )  # fmt: skip
    engine.put(
        "kind_rows",
        "kind INTEGER[], split VARCHAR, class VARCHAR, grouped VARCHAR, width BIGINT, "
        "together BIGINT",
        [([place], "train", "a", name, count, 1)
         for place, (name, count) in enumerate(groups.items())],
    )  # fmt: skip
    found: Counter[str] = Counter()
    seeds = SEEDS[:250]
    for seed in seeds:
        found.update(unit.split()[0] for unit in sized(engine, seed, 40))
    for name, count in groups.items():
        assert abs(away(found[name], count * len(seeds), 0.4)) <= _MOST, (name, found)
        if count > 2:
            assert_fair(found[name], count * len(seeds), 0.4, name)


def test_chance_is_the_same_everywhere() -> None:
    """The stream of a seed and a key never changes, and one key says nothing of another."""
    assert Chance(1, "allocation").uniforms(3).tolist() == UNIFORMS
    assert Chance(1, "partners").uniforms(3).tolist() != UNIFORMS
    drawn = Chance(7, "many").uniforms(20_000)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    for tenth in range(10):
        assert_fair(((drawn * 10).astype(int) == tenth).sum(), 20_000, 0.1, tenth)


UNIFORMS = [0.4526672670119489, 0.008824592388139596, 0.11300988601293305]


def test_a_systematic_sample_takes_each_with_one_chance() -> None:
    """Of counts 5, 0, 3, 1 a sample of 4 has the rounded shares, and over seeds the exact ones."""
    counts, size = [5, 0, 3, 1], 4
    drawn = np.zeros(4)
    for seed in MANY_SEEDS:
        taken = Chance(seed, "sample").sample(counts, size)
        assert sum(taken) == size
        for count, part in zip(counts, taken, strict=True):
            assert count * size // 9 <= part <= -(-count * size // 9)
        drawn += taken
    for count, number in zip(counts, drawn, strict=True):
        if count:
            assert_fair(number, count * len(MANY_SEEDS), size / 9, count)
