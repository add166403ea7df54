"""What the benchmarks of splits share: recipes at random, the other tools, how good a split is."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from cxr_duck import ExperimentData
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.members import make_members
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.request import Request
from cxr_duck.datasets.recipes.resolve import make_recipe
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import RecipeError

__all__ = [
    "FEW",
    "OTHERS",
    "SEED",
    "SHARES",
    "SMALL",
    "SPLITS",
    "Images",
    "Result",
    "images_of",
    "judged",
    "nearest_deviations",
    "random_recipes",
    "split_of_patients",
]

SHARES = [70, 20, 10]
SPLITS = ("train", "valid", "test")
FEW = 50  # images of a finding whose deviation counts
SMALL = 100  # images of the smallest class of a recipe that counts for what is kept
SEED = 2026
_FOLDS = np.array([0] * 7 + [1] * 2 + [2])
_LEAST = 300  # images of a finding in a recipe


@dataclass(frozen=True)
class Images:
    """The members of a recipe, by number: rows (cell, image), each image's patient and label."""

    cell: np.ndarray
    image: np.ndarray
    patient_of_image: np.ndarray
    label_of_image: np.ndarray
    cell_is_class: np.ndarray
    cell_names: list[tuple[str, str]]

    @property
    def patients(self) -> int:
        """How many patients there are."""
        return int(self.patient_of_image.max()) + 1

    @property
    def counted(self) -> np.ndarray:
        """Whether a cell is a finding with images enough for its deviation to count."""
        return ~self.cell_is_class & (np.bincount(self.cell) >= FEW)


@dataclass(frozen=True)
class Result:
    """How good one split is."""

    smallest: int
    kept: float
    of_class: float
    of_findings: list[float]
    seconds: float
    processor: float = 0.0


def random_recipes(data: ExperimentData, count: int) -> Iterator[tuple[DuckDBEngine, Recipe]]:
    """Yield recipes at random, each with its members made on an engine."""
    chance = random.Random(SEED)
    table = polars.from_arrow(data.findings())
    common = sorted(table.filter(polars.col("images") >= _LEAST)["finding"])
    made = 0
    while made < count:
        findings = chance.sample(common, len(common))
        classes = {
            f"class {number}": " OR ".join(
                f'"{findings.pop()}"' for _ in range(chance.randint(1, 6))
            )
            for number in range(1, 1 + chance.randint(2, 6))
        }
        pure = chance.random() < 1 / 3
        exclude = [findings.pop() for _ in range(chance.randint(1, 2))]
        engine = data.store.duckdb()
        request = Request(
            classes=classes, pure=pure, exclude=exclude if chance.random() < 0.3 else []
        )
        recipe = make_recipe(engine, request, "padchest")
        try:
            make_members(engine, recipe)
        except RecipeError:  # a class is left without an image
            continue
        made += 1
        yield engine, recipe


def images_of(engine: DuckDBEngine) -> Images:
    """Return the members of a recipe by number, patients in the order of their names."""
    members = engine.connection.sql(
        "SELECT class, finding, image_id, patient_id FROM eligible ORDER BY ALL"
    ).pl()
    whole = members.with_columns(finding=polars.lit("")).unique(maintain_order=True)
    rows = polars.concat([members, whole]).with_columns(
        cell=polars.struct("class", "finding").rank("dense") - 1,
        image=polars.col("image_id").rank("dense") - 1,
        patient=polars.col("patient_id").rank("dense") - 1,
    )
    cells = rows.select("cell", "class", "finding").unique().sort("cell")
    first = (
        rows.filter(polars.col("finding") != "")
        .group_by("image")
        .agg(polars.col("cell").min(), polars.col("patient").first())
        .sort("image")
    )
    return Images(
        rows["cell"].to_numpy(), rows["image"].to_numpy(), first["patient"].to_numpy(),
        first["cell"].to_numpy(), (cells["finding"] == "").to_numpy(),
        list(zip(cells["class"], cells["finding"], strict=True)),
    )  # fmt: skip


def stratified_group_k_fold(images: Images, seed: int) -> Callable[[], np.ndarray]:
    """Return scikit-learn's way: one label an image, groups kept together."""
    label, group = images.label_of_image, images.patient_of_image

    def work() -> np.ndarray:
        fold = np.empty(len(label), dtype=int)
        folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed)
        for number, (_, held_out) in enumerate(folds.split(label, label, group)):
            fold[held_out] = number
        return _FOLDS[fold]

    return work


def group_shuffle_split(images: Images, seed: int) -> Callable[[], np.ndarray]:
    """Return scikit-learn's other way: groups at random, twice."""
    label, group = images.label_of_image, images.patient_of_image

    def work() -> np.ndarray:
        split = np.zeros(len(label), dtype=int)
        halves = GroupShuffleSplit(1, test_size=0.1, random_state=seed)
        rest, test = next(halves.split(label, label, group))
        split[test] = 2
        halves = GroupShuffleSplit(1, test_size=2 / 9, random_state=seed)
        _, valid = next(halves.split(rest, rest, group[rest]))
        split[rest[valid]] = 1
        return split

    return work


def iterative_stratification(images: Images, seed: int) -> Callable[[], np.ndarray]:
    """Return iterative-stratification's way, over patients with all their findings."""
    shows = np.zeros((images.patients, len(images.cell_names)), dtype=int)
    shows[images.patient_of_image[images.image], images.cell] = 1
    shows = shows[:, ~images.cell_is_class]

    def work() -> np.ndarray:
        fold = np.empty(images.patients, dtype=int)
        folds = MultilabelStratifiedKFold(10, shuffle=True, random_state=seed)
        for number, (_, held_out) in enumerate(folds.split(shows, shows)):
            fold[held_out] = number
        return _FOLDS[fold][images.patient_of_image]

    return work


OTHERS: dict[str, Callable[[Images, int], Callable[[], np.ndarray]]] = {
    "StratifiedGroupKFold": stratified_group_k_fold,
    "GroupShuffleSplit": group_shuffle_split,
    "iterative-stratification": iterative_stratification,
}


def split_of_patients(images: Images, split: np.ndarray) -> np.ndarray:
    """Return the split of each patient from that of each image; no patient may be in two."""
    of_patient = np.empty(images.patients, dtype=int)
    of_patient[images.patient_of_image] = split
    assert (of_patient[images.patient_of_image] == split).all()
    return of_patient


def judged(images: Images, split: np.ndarray, seconds: float, processor: float = 0.0) -> Result:
    """Return how good a split of the images is; no patient may be in two splits."""
    split_of_patients(images, split)
    cells, splits = len(images.cell_names), len(SPLITS)
    counts = np.bincount(
        images.cell * splits + split[images.image], minlength=cells * splits
    ).reshape(cells, splits)
    totals = counts.sum(axis=1)
    away = np.abs(counts / totals[:, None] - np.array(SHARES) / 100).max(axis=1)
    classes = counts[images.cell_is_class]
    smallest = int(classes.sum(axis=1).min())
    return Result(
        smallest,
        _kept_of(classes.min(axis=0).tolist(), smallest) / smallest,
        float(away[images.cell_is_class].max()),
        away[images.counted].tolist(),
        seconds,
        processor,
    )


def _kept_of(least: list[int], smallest: int) -> int:
    """Return the largest class for which every class has images in the rounded shares."""
    kept = smallest
    while any(a > b for a, b in zip(largest_remainder(kept, SHARES), least, strict=True)):
        kept -= 1
    return kept


def nearest_deviations(images: Images) -> list[float]:
    """Return the deviations of findings that have the whole numbers nearest to their shares."""
    return [
        max(abs(part / total - share / 100) for part, share in zip(parts, SHARES, strict=True))
        for total in np.bincount(images.cell)[images.counted].tolist()
        for parts in [largest_remainder(total, SHARES)]
    ]
