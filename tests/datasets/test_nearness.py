"""What a finished dataset says of itself, against every other way to split its images."""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, product
from math import prod
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import Dataset, ExperimentData
from cxr_duck.cli.exactness import exactness_sentences
from cxr_duck.datasets.allocation.draw import draw
from cxr_duck.datasets.allocation.nearness import nearest_distance
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.targets import Patients
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import RecipeError
from tests.conftest import examples
from tests.support.label_rows import USUAL, write_labels
from tests.support.promises import members_of

Brought = tuple[int, int]  # images of nodule and of pneumonia that a patient has


def label_rows(brought: Sequence[Brought]) -> list[dict[str, str]]:
    """Return label rows of patients who have so many images of two findings."""
    return [
        {
            **USUAL, "ImageID": f"p{patient}_{finding}{image}.png", "PatientID": f"p{patient}",
            "StudyID": f"s{patient}", "Labels": f"['{finding}']",
        }
        for patient, counts in enumerate(brought)
        for finding, count in zip(("nodule", "pneumonia"), counts, strict=True)
        for image in range(count)
    ]  # fmt: skip


def indexed(folder: Path, rows: list[dict[str, str]]) -> ExperimentData:
    """Index label rows."""
    data = ExperimentData(labels_csv=write_labels(folder / "l.csv", rows), store=folder / "store")
    data.create_index()
    return data


def size_of(units: Sequence[Sequence[int]], shares: Sequence[int]) -> int:
    """Return the most images of each class that stay where both are equal in every split."""
    return max(
        size
        for size in range(sum(units[0]) + 1)
        if all(
            need <= there
            for of_class in units
            for need, there in zip(largest_remainder(size, shares), of_class, strict=True)
        )
    )


def every_split(brought: Sequence[Brought], splits: int) -> Iterator[list[list[int]]]:
    """Yield the images of each class in each split, for all ways to deal the patients."""
    for dealt in product(range(splits), repeat=len(brought)):
        units = [[0] * splits for _ in range(2)]
        for split, counts in zip(dealt, brought, strict=True):
            for place, count in enumerate(counts):
                units[place][split] += count
        yield units


LUMPY = [(2, 0), (2, 2), (2, 2), (3, 2), (3, 10), (3, 11), (4, 4), (5, 3), (5, 4), (6, 8)]


@pytest.mark.full
def test_few_patients_with_many_images_keep_the_most(tmp_path: Path) -> None:
    """Ten patients whose 35 nodules split into classes of 34, however rare such splits are."""
    shares = {"train": 60, "valid": 20, "test": 20}
    data = indexed(tmp_path, label_rows(LUMPY))
    for seed in (1, 2, 3):
        made = data.create_dataset(
            ["nodule", "pneumonia"], shares=shares, seed=seed, store_it=False
        )
        assert made.exactness.kept == 34
        assert made.exactness.largest
        kept = exactness_sentences(made)[0]
        assert kept == (
            "kept 34 of the 35 images of nodule, the smallest class; no split of these patients "
            "keeps more"
        )


@pytest.mark.full
def test_no_dataset_is_refused_that_could_be_made(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Where a split of the patients has both classes everywhere there is a dataset: the largest.

    "no split of these patients keeps more" stands only where it is so.
    """
    cases: list[tuple[list[Brought], dict[str, float]]] = [
        ([(1, 1), (1, 1), (1, 1)], {"train": 60, "valid": 20, "test": 20}),
        ([(1, 0), (0, 1), (1, 0), (0, 1), (9, 9)], {"train": 1, "test": 1}),
        ([(5, 1), (1, 5), (1, 1), (2, 2)], {"train": 70, "test": 30}),
        ([(7, 7), (1, 0), (0, 1)], {"train": 70, "test": 30}),
        ([(3, 0), (0, 3), (3, 3), (1, 4), (4, 1)], {"a": 1, "b": 1}),
        ([(4, 0), (0, 4)], {"train": 50, "test": 50}),
        ([(2, 5), (5, 2), (3, 3), (1, 1), (1, 0), (0, 1)], {"train": 60, "valid": 20, "test": 20}),
        ([(6, 1), (1, 6), (6, 6), (2, 1)], {"train": 80, "test": 20}),
    ]
    refused = 0
    for brought, shares in cases:
        data = indexed(tmp_path_factory.mktemp("few"), label_rows(brought))
        parts = [int(part) for part in shares.values()]
        best = max(size_of(units, parts) for units in every_split(brought, len(parts)))
        possible = all(largest_remainder(best, parts))
        try:
            made = data.create_dataset(["nodule", "pneumonia"], shares=shares, store_it=False)
        except RecipeError as error:
            assert not possible, (brought, shares)
            assert "too few patients" in str(error)
            refused += 1
        else:
            assert possible
            assert made.exactness.kept == best, (brought, shares)
            assert made.exactness.largest
    assert refused == 2


@pytest.mark.full
def test_ways_to_the_largest_classes_are_drawn_by_their_chance() -> None:
    """Over seeds each way comes as often as a fair draw would come to it among all that keep 34.

    The chance of a way is the product of the shares of its patients' splits. It takes some seconds:
    each draw walks through many ways.
    """
    parts = [60, 20, 20]
    patients = [
        Patients(
            LUMPY.count(brought),
            {
                (name, finding): count
                for name, count in zip(("nodule", "pneumonia"), brought, strict=True)
                if count
                for finding in ("", name)
            },
        )
        for brought in sorted(set(LUMPY))
    ]
    order, needs = sorted(set(LUMPY)), largest_remainder(34, parts)
    chances: Counter[tuple[tuple[int, ...], ...]] = Counter()
    for dealt in product(range(3), repeat=len(LUMPY)):
        units = [[0, 0, 0], [0, 0, 0]]
        for split, (nodules, pneumonias) in zip(dealt, LUMPY, strict=True):
            units[0][split] += nodules
            units[1][split] += pneumonias
        if all(there >= need for row in units for there, need in zip(row, needs, strict=True)):
            table = [[0] * 3 for _ in order]
            for split, brought in zip(dealt, LUMPY, strict=True):
                table[order.index(brought)][split] += 1
            chances[tuple(map(tuple, table))] += prod(parts[split] for split in dealt)
    total = sum(chances.values())
    recipe = {
        "classes": {"nodule": ["nodule"], "pneumonia": ["pneumonia"]},
        "shares": dict(zip(("train", "valid", "test"), parts, strict=True)),
    }
    seeds = range(1, 17)
    drawn: Counter[tuple[tuple[int, ...], ...]] = Counter()
    for seed in seeds:
        found = draw(Recipe(**recipe, seed=seed), patients).patients  # type: ignore[arg-type]
        drawn[tuple(tuple(int(n) for n in row) for row in found)] += 1
    assert set(drawn) <= set(chances)
    assert len(drawn) > 1
    chi_square = sum(
        (drawn[way] - len(seeds) * chance / total) ** 2 / (len(seeds) * chance / total)
        for way, chance in chances.items()
    )
    freedom = len(chances) - 1
    assert chi_square <= freedom + 5 * (2 * freedom) ** 0.5, (chances, drawn)


def nearest_by_hand(total: int, sizes: Sequence[int]) -> Fraction:
    """Return the furthest that a split is from its share, where a finding is split best."""
    wanted = [Fraction(total * size, sum(sizes)) for size in sizes]
    return min(
        max(abs(count - want) for count, want in zip(counts, wanted, strict=True))
        for counts in product(range(total + 1), repeat=len(sizes))
        if sum(counts) == total
    )


@examples(60)
@given(st.integers(0, 9), st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_nearest_distance(total: int, sizes: list[int]) -> None:
    """It is that of the best of all whole numbers that add up."""
    wanted = [total * size / sum(sizes) for size in sizes]
    assert nearest_distance(wanted) == pytest.approx(float(nearest_by_hand(total, sizes)))


def furthest(images: Sequence[tuple[str, frozenset[str]]], splits: Sequence[int]) -> Fraction:
    """Return the most images by which a finding is from its class's share in a split."""
    sizes = Counter((name, split) for (name, _), split in zip(images, splits, strict=True))
    of_class = Counter(name for name, _ in images)
    counts: Counter[tuple[str, str, int]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    for (name, findings), split in zip(images, splits, strict=True):
        for finding in findings:
            counts[name, finding, split] += 1
            totals[name, finding] += 1
    return max(
        abs(counts[name, finding, split] - Fraction(total * sizes[name, split], of_class[name]))
        for (name, finding), total in totals.items()
        for split in set(splits)
    )


def images_of(made: Dataset) -> tuple[list[tuple[str, frozenset[str]]], list[int]]:
    """Return the class and findings of each image of a dataset, and the place of its split."""
    places = list(made.recipe.shares)
    found: dict[tuple[str, str, str], set[str]] = {}
    for row in members_of(made):
        key = row["class"], row["image_id"], row["split"]
        found.setdefault(key, set()).add(row["finding"])
    images = [(name, frozenset(findings)) for (name, _, _), findings in found.items()]
    return images, [places.index(split) for _, _, split in found]


def other_splits(
    images: Sequence[tuple[str, frozenset[str]]], splits: Sequence[int]
) -> Iterator[list[int]]:
    """Yield every way to split the images of each class into splits of the same sizes."""
    names = sorted({name for name, _ in images})
    ways = []
    for name in names:
        places = [place for place, (other, _) in enumerate(images) if other == name]
        size = sum(splits[place] == 0 for place in places)
        ways.append([(set(first), places) for first in combinations(places, size)])
    for chosen in product(*ways):
        found = [0] * len(images)
        for first, places in chosen:
            for place in places:
                found[place] = int(place not in first)
        yield found


SHOWN = [["nodule"], ["granuloma"], ["nodule", "granuloma"], ["pulmonary mass"], ["normal"]]


@examples(6)
@given(st.lists(st.sampled_from(SHOWN), min_size=4, max_size=7), st.integers(1, 10**6))
def test_nothing_is_nearer_than_the_bound(
    tmp_path_factory: pytest.TempPathFactory, shown: list[list[str]], seed: int
) -> None:
    """No split of the same images into the same sizes is nearer to the shares than is said.

    Where no number is said the dataset itself is as near as any other.
    """
    rows = [
        {
            **USUAL, "ImageID": f"i{place}.png", "PatientID": f"p{place * 2 // 3}",
            "StudyID": f"s{place}", "Labels": str(findings),
        }
        for place, findings in enumerate([*shown, ["normal"], ["normal"], ["nodule"]])
    ]  # fmt: skip
    data = indexed(tmp_path_factory.mktemp("near"), rows)
    try:
        made = data.create_dataset(
            ["normal", "nodular"], hierarchy="paper", shares={"a": 2, "b": 1}, seed=seed,
            balance="none", store_it=False,
        )  # fmt: skip
    except RecipeError:
        return
    images, splits = images_of(made)
    found = made.exactness
    assert found.nearest is not None
    assert found.nearest <= found.furthest
    assert found.furthest == pytest.approx(float(furthest(images, splits)), abs=0.006)
    best = min(furthest(images, other) for other in other_splits(images, splits))
    assert found.nearest <= float(best) + 0.006
    (told,) = [word for word in exactness_sentences(made) if word.startswith("no finding")]
    if told.endswith("can be nearer"):
        assert float(best) == pytest.approx(found.furthest, abs=0.006)
    else:
        assert told.endswith(f"can be nearer than {found.nearest:g}")
