"""How exact the splits of several tools are, over random recipes on PadChest's own labels.

    python -m benchmarks.splits LABELS.csv [--recipes 200]

Every recipe has 2 to 6 classes of 1 to 6 findings with at least 300 images; a third are pure, some
exclude findings. Each tool splits its images 70/20/10 with no patient in two splits: cxr-duck;
scikit-learn's StratifiedGroupKFold, 10 folds dealt 7/2/1, one finding an image as its label;
GroupShuffleSplit, twice; and iterative-stratification's MultilabelStratifiedKFold over patients, 10
folds dealt 7/2/1. The time is that from the images of the classes to the splits; what the others
need is brought into their form before.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import highspy  # noqa: F401  (imported before anything is timed)
import numpy as np

from benchmarks.measure import machine
from benchmarks.tools import (
    FEW,
    OTHERS,
    SEED,
    SMALL,
    SPLITS,
    Images,
    Result,
    images_of,
    judged,
    nearest_deviations,
    random_recipes,
)
from cxr_duck import ExperimentData
from cxr_duck.datasets.allocation.decisions import Exactness
from cxr_duck.datasets.allocation.run import deal_patients
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.duckdb import DuckDBEngine


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
            result, exactness = by_cxr_duck(engine, recipe, images)
            results.setdefault("cxr-duck", []).append(result)
            near.append(exactness)
            nearest += nearest_deviations(images)
            for name, tool in OTHERS.items():
                work = tool(images, SEED)
                start, busy = time.perf_counter(), time.process_time()
                split = work()
                seconds, processor = time.perf_counter() - start, time.process_time() - busy
                results.setdefault(name, []).append(judged(images, split, seconds, processor))
    print_table(results)
    print()
    print_nearness(near, nearest, results["cxr-duck"])
    print()
    print_processor(results)


def by_cxr_duck(engine: DuckDBEngine, recipe: Recipe, images: Images) -> tuple[Result, Exactness]:
    """Return how good cxr-duck's split is, and what it tells of it."""
    start, busy = time.perf_counter(), time.process_time()
    engine.make("cells")
    _, exactness = deal_patients(engine, recipe, None)
    seconds, processor = time.perf_counter() - start, time.process_time() - busy
    found = engine.connection.sql(
        "SELECT DISTINCT image_id, split FROM eligible INNER JOIN splits USING (patient_id) "
        "ORDER BY image_id"
    ).pl()
    assert len(found) == len(images.patient_of_image)
    split = np.array([SPLITS.index(split) for split in found["split"]])
    return judged(images, split, seconds, processor), exactness


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
    """Print how far cxr-duck's splits are from the best that whole images allow."""
    findings = [away for result in ours for away in result.of_findings]
    large = sum(result.smallest >= SMALL for result in ours)
    as_near = sum(away <= best + 1e-9 for away, best in zip(findings, nearest, strict=True))
    reaches = [exactness.reach for exactness in near]
    print(
        f"{large} of {len(ours)} recipes have {SMALL} images or more in the smallest class. "
        f"{len(findings):,} findings of {FEW} images or more: the mean deviation is "
        f"{statistics.mean(findings):.5f}; were each dealt image by image, for itself alone, it "
        f"would be {statistics.mean(nearest):.5f}, and at most {max(nearest):.4f}. {as_near:,} of "
        "them are as near to their shares as whole images allow. In "
        f"{sum(exactness.largest for exactness in near)} recipes no other split of the patients "
        f"keeps more of the smallest class. In {reaches.count(0)} every signature has its share of "
        f"each split, rounded down or up; in {reaches.count(1)} one is away from it by a patient; "
        f"in the other {sum(reach > 1 for reach in reaches)} by {max(reaches)} at most."
    )


def print_processor(results: dict[str, list[Result]]) -> None:
    """Print the processor's seconds, which other work on the machine doesn't lengthen."""
    means = {
        name: statistics.mean(result.processor for result in found)
        for name, found in results.items()
    }
    told = "; ".join(
        f"{name} {mean:.3f} ({mean / means['cxr-duck']:.1f} times)" for name, mean in means.items()
    )
    print(f"The processor's seconds a recipe, mean: {told}.")


if __name__ == "__main__":
    main()
