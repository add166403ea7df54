"""How exact the splits of several tools are, over random recipes on PadChest's own labels.

    python benchmarks/splits.py LABELS.csv [--recipes 200]

Every recipe has 2 to 6 classes of 1 to 6 findings with at least 300 images; a third are pure, some
exclude findings. Each tool splits its images 70/20/10 with no patient in two splits: cxr-duck;
scikit-learn's StratifiedGroupKFold, 10 folds dealt 7/2/1, one finding an image as its label;
GroupShuffleSplit, twice; and iterative-stratification's MultilabelStratifiedKFold over patients, 10
folds dealt 7/2/1. The time is that from the images of the classes to the splits; what the others
need is brought into their form before.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highspy  # noqa: F401  (imported before anything is timed)
import numpy as np
import polars
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from measure import machine
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold

from cxr_duck import ExperimentData
from cxr_duck.allocation import largest_remainder
from cxr_duck.balancing import Exactness, deal_patients
from cxr_duck.classes import make_recipe
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import RecipeError
from cxr_duck.members import make_members
from cxr_duck.recipe import Recipe
from cxr_duck.request import Request
from cxr_duck.solver import refine  # noqa: F401

SHARES = [70, 20, 10]
SPLITS = ("train", "valid", "test")
FOLDS = np.array([0] * 7 + [1] * 2 + [2])
LEAST = 300  # images of a finding in a recipe
FEW = 50  # images of a finding whose deviation counts
SMALL = 100  # images of the smallest class of a recipe that counts for what is kept
SEED = 2026


@dataclass(frozen=True)
class Images:
    """The members of a recipe, by number: rows (cell, image), each image's patient and label."""

    cell: np.ndarray
    image: np.ndarray
    patient_of_image: np.ndarray
    label_of_image: np.ndarray
    cell_is_class: np.ndarray
    cell_names: list[tuple[str, str]]


@dataclass(frozen=True)
class Result:
    """How good one split is."""

    smallest: int
    kept: float
    of_class: float
    of_findings: list[float]
    seconds: float


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("labels", type=Path)
    options.add_argument("--recipes", type=int, default=200)
    given = options.parse_args()
    print(f"Splits over {given.recipes} random recipes on {machine()}\n")
    results: dict[str, list[Result]] = {}
    near: list[Exactness] = []
    nearest: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        data = ExperimentData(labels_csv=given.labels, store=Path(folder) / "store")
        data.create_index()
        for engine, recipe in random_recipes(data, given.recipes):
            images = images_of(engine)
            split, seconds, exactness = by_cxr_duck(engine, recipe, images)
            results.setdefault("cxr-duck", []).append(judged(images, split, seconds))
            near.append(exactness)
            nearest += nearest_deviations(images)
            for name, tool in OTHERS.items():
                work = tool(images)
                start = time.perf_counter()
                split = work()
                seconds = time.perf_counter() - start
                results.setdefault(name, []).append(judged(images, split, seconds))
    print_table(results)
    print()
    print_nearness(near, nearest, results["cxr-duck"])


def random_recipes(data: ExperimentData, count: int) -> Iterator[tuple[DuckDBEngine, Recipe]]:
    """Yield recipes at random, each with its members made on an engine."""
    chance = random.Random(SEED)
    table = polars.from_arrow(data.findings())
    common = sorted(table.filter(polars.col("images") >= LEAST)["finding"])
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
        engine = DuckDBEngine(data.store.cursor())
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
    """Return the members of a recipe by number."""
    members = engine.connection.sql(
        "SELECT class, finding, image_id, patient_id FROM members ORDER BY ALL"
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


def by_cxr_duck(
    engine: DuckDBEngine, recipe: Recipe, images: Images
) -> tuple[np.ndarray, float, Exactness]:
    """Return the split of each image, the seconds it took, and how near it says it is."""
    start = time.perf_counter()
    engine.make("cells")
    _, exactness = deal_patients(engine, recipe, None)
    seconds = time.perf_counter() - start
    found = engine.connection.sql(
        "SELECT DISTINCT image_id, split FROM members INNER JOIN splits USING (patient_id) "
        "ORDER BY image_id"
    ).pl()
    assert len(found) == len(images.patient_of_image)
    return np.array([SPLITS.index(split) for split in found["split"]]), seconds, exactness


def stratified_group_k_fold(images: Images) -> Callable[[], np.ndarray]:
    """Return scikit-learn's way: one label an image, groups kept together."""
    label, group = images.label_of_image, images.patient_of_image

    def work() -> np.ndarray:
        fold = np.empty(len(label), dtype=int)
        folds = StratifiedGroupKFold(10, shuffle=True, random_state=SEED)
        for number, (_, held_out) in enumerate(folds.split(label, label, group)):
            fold[held_out] = number
        return FOLDS[fold]

    return work


def group_shuffle_split(images: Images) -> Callable[[], np.ndarray]:
    """Return scikit-learn's other way: groups at random, twice."""
    label, group = images.label_of_image, images.patient_of_image

    def work() -> np.ndarray:
        split = np.zeros(len(label), dtype=int)
        halves = GroupShuffleSplit(1, test_size=0.1, random_state=SEED)
        rest, test = next(halves.split(label, label, group))
        split[test] = 2
        halves = GroupShuffleSplit(1, test_size=2 / 9, random_state=SEED)
        _, valid = next(halves.split(rest, rest, group[rest]))
        split[rest[valid]] = 1
        return split

    return work


def iterative_stratification(images: Images) -> Callable[[], np.ndarray]:
    """Return iterative-stratification's way, over patients with all their findings."""
    patients = int(images.patient_of_image.max()) + 1
    shows = np.zeros((patients, len(images.cell_names)), dtype=int)
    shows[images.patient_of_image[images.image], images.cell] = 1
    shows = shows[:, ~images.cell_is_class]

    def work() -> np.ndarray:
        fold = np.empty(patients, dtype=int)
        folds = MultilabelStratifiedKFold(10, shuffle=True, random_state=SEED)
        for number, (_, held_out) in enumerate(folds.split(shows, shows)):
            fold[held_out] = number
        return FOLDS[fold][images.patient_of_image]

    return work


OTHERS: dict[str, Any] = {
    "StratifiedGroupKFold": stratified_group_k_fold,
    "GroupShuffleSplit": group_shuffle_split,
    "iterative-stratification": iterative_stratification,
}


def judged(images: Images, split: np.ndarray, seconds: float) -> Result:
    """Return how good a split of the images is; no patient may be in two splits."""
    pairs = np.unique(np.column_stack([images.patient_of_image, split]), axis=0)
    assert len(pairs) == images.patient_of_image.max() + 1
    counts = np.zeros((len(images.cell_names), 3), dtype=int)
    np.add.at(counts, (images.cell, split[images.image]), 1)
    totals = counts.sum(axis=1)
    away = np.abs(counts / totals[:, None] - np.array(SHARES) / 100).max(axis=1)
    classes = counts[images.cell_is_class]
    smallest = int(classes.sum(axis=1).min())
    return Result(
        smallest,
        kept_of(classes.min(axis=0).tolist(), smallest) / smallest,
        float(away[images.cell_is_class].max()),
        away[~images.cell_is_class & (totals >= FEW)].tolist(),
        seconds,
    )


def kept_of(least: list[int], smallest: int) -> int:
    """Return the largest class for which every class has images in the rounded shares."""
    kept = smallest
    while any(a > b for a, b in zip(largest_remainder(kept, SHARES), least, strict=True)):
        kept -= 1
    return kept


def nearest_deviations(images: Images) -> list[float]:
    """Return the deviations of findings that have the whole numbers nearest to their shares."""
    totals = np.bincount(images.cell)
    chosen = totals[~images.cell_is_class & (totals >= FEW)].tolist()
    return [
        max(abs(part / total - share / 100) for part, share in zip(parts, SHARES, strict=True))
        for total in chosen
        for parts in [largest_remainder(total, SHARES)]
    ]


def print_table(results: dict[str, list[Result]]) -> None:
    """Print a row a tool."""
    print(
        "| tool | kept, mean | kept, worst | class deviation, worst | finding deviation, mean "
        "| worst | seconds, mean | median | times as slow |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    ours = statistics.mean(result.seconds for result in results["cxr-duck"])
    for name, found in results.items():
        large = [result for result in found if result.smallest >= SMALL]
        findings = [away for result in found for away in result.of_findings]
        seconds = [result.seconds for result in found]
        print(
            f"| {name} | {statistics.mean(result.kept for result in large):.5f} "
            f"| {min(result.kept for result in large):.4f} "
            f"| {max(result.of_class for result in large):.4f} "
            f"| {statistics.mean(findings):.5f} | {max(findings):.4f} "
            f"| {statistics.mean(seconds):.3f} | {statistics.median(seconds):.3f} "
            f"| {statistics.mean(seconds) / ours:.1f} |"
        )


def print_nearness(near: list[Exactness], nearest: list[float], ours: list[Result]) -> None:
    """Print how far cxr-duck's splits are from the best that whole patients allow."""
    findings = [away for result in ours for away in result.of_findings]
    large = sum(result.smallest >= SMALL for result in ours)
    print(
        f"{large} of {len(ours)} recipes have {SMALL} images or more in the smallest class. "
        f"{len(findings):,} findings of {FEW} images or more: the mean deviation is "
        f"{statistics.mean(findings):.5f}; were each dealt image by image, for itself alone, it "
        f"would be {statistics.mean(nearest):.5f}. In {sum(not n.findings for n in near)} recipes "
        "every finding is as near to its shares as its patients allow; in "
        f"{sum(n.proved and bool(n.findings) for n in near)} more the solver proves that no other "
        "split is nearer, relative to the findings' sizes; in the other "
        f"{sum(not n.proved for n in near)}, "
        f"{statistics.mean([n.out_of_place for n in near if not n.proved] or [0]):.1f} images a "
        "recipe are out of place at most."
    )


if __name__ == "__main__":
    main()
