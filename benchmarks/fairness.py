"""How fair the splits of several tools are: which patients come to test, over many seeds.

    python -m benchmarks.fairness LABELS.csv [--recipes 40] [--seeds 200] [--other-seeds 5]
    python -m benchmarks.fairness LABELS.csv --short

The recipes and the tools are those of `splits.py`, on PadChest's own labels. A split is fair where
over seeds every patient comes to each split with that split's share, whatever he brings. For
cxr-duck only the numbers of patients a signature and split are drawn for each seed, without its
SQL; who of a signature goes where is drawn by chance here, as the SQL draws it. Beside the tools
stands what chance gives: every patient dealt for himself alone, with as many seeds as cxr-duck and
with as many as the others, whose few seeds tell less.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import highspy  # noqa: F401  (imported before anything is timed)
import numpy as np

from benchmarks.measure import machine
from benchmarks.tools import (
    OTHERS,
    SHARES,
    SMALL,
    SPLITS,
    Images,
    Result,
    images_of,
    judged,
    random_recipes,
    split_of_patients,
)
from cxr_duck import ExperimentData
from cxr_duck.datasets.allocation.draw import draw
from cxr_duck.datasets.allocation.run import cells_by_number
from cxr_duck.datasets.allocation.targets import Patients
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.engines.duckdb import DuckDBEngine

OURS = "cxr-duck"
CHANCE = "each patient by chance"
CHANCE_OF_FEW = "each patient by chance, few seeds"
STRATA = {"1": 1, "2": 2, "3 to 4": 3, "5 to 9": 5, "10+": 10}  # images of a patient, at least
MANY = 1_000  # patients of a stratum, or of a recipe
NEAR = 0.005  # of its share a stratum of many patients should be
ERRORS = 3  # standard errors that a stratum of fewer may be away
OVERLAP = 0.05  # of what independent draws share two seeds may share more or less
PLACE = 1_000_000  # a number of a signature is a cell times this, and units
FAIR = np.array(SHARES) / 100
TEST = SPLITS.index("test")

Splitter = Callable[[int], tuple[np.ndarray, float, float]]


@dataclass
class Tally:
    """What one tool did with one recipe: how often each patient came to each split, and how well.

    `images` has the images of each patient, `alone` whether his signature is his own; `times` is
    (patient, split).
    """

    images: np.ndarray
    alone: np.ndarray
    times: np.ndarray
    tested: list[int] = field(default_factory=list)
    smds: list[float] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def seeds(self) -> int:
        """How many splits there were."""
        return len(self.results)

    @property
    def stratum(self) -> np.ndarray:
        """The number of the stratum that each patient is in."""
        return np.searchsorted(list(STRATA.values()), self.images, side="right") - 1

    def add(self, of_patient: np.ndarray, result: Result) -> None:
        """Count one split of the patients."""
        self.times[np.arange(len(of_patient)), of_patient] += 1
        self.tested.append(int((of_patient == TEST).sum()))
        self.smds.append(smd(self.images[of_patient == TEST], self.images[of_patient == 0]))
        self.results.append(result)

    def overlap(self) -> float:
        """Return the test patients that two seeds share, by what independent draws share."""
        often = self.times[:, TEST].astype(float)
        sizes = np.array(self.tested, dtype=float)
        shared = (often * (often - 1)).sum()
        return float(shared * len(often) / (sizes.sum() ** 2 - (sizes**2).sum()))


Tallies = dict[str, list[Tally]]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("labels", type=Path)
    options.add_argument("--recipes", type=int, default=40)
    options.add_argument("--seeds", type=int, default=200)
    options.add_argument("--other-seeds", type=int, default=5)
    options.add_argument("--short", action="store_true", help="2 recipes, 10 seeds, 2 of others")
    given = options.parse_args()
    if given.short:
        given.recipes, given.seeds, given.other_seeds = 2, 10, 2
    print(
        f"Fairness over {given.recipes} random recipes, {given.seeds} seeds of cxr-duck and "
        f"{given.other_seeds} of each other tool, on {machine()}\n"
    )
    tallies: Tallies = {}
    with tempfile.TemporaryDirectory() as folder:
        data = ExperimentData(labels_csv=given.labels, store=Path(folder) / "store")
        data.create_index()
        for number, (engine, recipe) in enumerate(random_recipes(data, given.recipes), start=1):
            images = images_of(engine)
            ours, signature = cxr_duck(engine, recipe, images)
            alone = np.bincount(signature)[signature] == 1
            tools = {OURS: (ours, given.seeds), CHANCE: (by_chance(images), given.seeds)}
            tools[CHANCE_OF_FEW] = by_chance(images), given.other_seeds
            for name, tool in OTHERS.items():
                tools[name] = other(tool, images), given.other_seeds
            for name, (splitter, seeds) in tools.items():
                tallies.setdefault(name, []).append(tally(images, alone, splitter, seeds))
            print(f"recipe {number} of {given.recipes}", file=sys.stderr)
    for table in (shares, cells, overlaps, alone_patients, smds, goodness):
        print("\n".join(table(tallies)), end="\n\n")


def cxr_duck(engine: DuckDBEngine, recipe: Recipe, images: Images) -> tuple[Splitter, np.ndarray]:
    """Return how cxr-duck splits, and the number of each patient's signature."""
    for relation in ("cells", "patient_cells", "signatures", "signature_counts"):
        engine.make(relation)
    names = cells_by_number(engine)
    patients = [
        Patients(count, {names[n // PLACE]: n % PLACE for n in signature}, limit)
        for signature, limit, count in engine.fetch(
            "SELECT signature, limit_to, patients FROM signature_counts ORDER BY number"
        )
    ]
    found = engine.connection.sql(
        "SELECT number - 1 AS number FROM signatures "
        "INNER JOIN signature_counts USING (signature, limit_to) ORDER BY patient_id"
    ).fetchnumpy()
    signature = found["number"]
    assert len(signature) == images.patients

    def work(seed: int) -> tuple[np.ndarray, float, float]:
        start, busy = time.perf_counter(), time.process_time()
        drawn = draw(replace(recipe, seed=seed), patients)
        seconds, processor = time.perf_counter() - start, time.process_time() - busy
        chance = np.random.default_rng(seed).random(len(signature))
        of_patient = np.empty(len(signature), dtype=int)
        of_patient[np.lexsort((chance, signature))] = np.repeat(
            np.tile(np.arange(len(SPLITS)), len(patients)), drawn.patients.astype(int).ravel()
        )
        return of_patient, seconds, processor

    return work, signature


def by_chance(images: Images) -> Splitter:
    """Return what deals every patient for himself alone."""

    def work(seed: int) -> tuple[np.ndarray, float, float]:
        start, busy = time.perf_counter(), time.process_time()
        chance = np.random.default_rng(seed).random(images.patients)
        of_patient = np.searchsorted(np.cumsum(FAIR)[:-1], chance, side="right")
        return of_patient, time.perf_counter() - start, time.process_time() - busy

    return work


def other(tool: Callable[[Images, int], Callable[[], np.ndarray]], images: Images) -> Splitter:
    """Return how another tool splits."""

    def work(seed: int) -> tuple[np.ndarray, float, float]:
        prepared = tool(images, seed)
        start, busy = time.perf_counter(), time.process_time()
        split = prepared()
        seconds, processor = time.perf_counter() - start, time.process_time() - busy
        return split_of_patients(images, split), seconds, processor

    return work


def tally(images: Images, alone: np.ndarray, splitter: Splitter, seeds: int) -> Tally:
    """Return what a tool does with a recipe over seeds."""
    times = np.zeros((images.patients, len(SPLITS)), dtype=int)
    found = Tally(np.bincount(images.patient_of_image), alone, times)
    for seed in range(1, 1 + seeds):
        of_patient, seconds, processor = splitter(seed)
        split = of_patient[images.patient_of_image]
        found.add(of_patient, judged(images, split, seconds, processor))
    return found


def smd(ones: np.ndarray, others: np.ndarray) -> float:
    """Return the standardized difference of two means."""
    spread = np.sqrt((ones.var(ddof=1) + others.var(ddof=1)) / 2)
    return float((ones.mean() - others.mean()) / spread) if spread else 0.0


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, its first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return [
        f"|{'|'.join(line)}|" if line[0] == "---" else f"| {' | '.join(line)} |" for line in lines
    ]


def shares(tallies: Tallies) -> list[str]:
    """Return the share of the patients that come to test, by their images."""
    ours = tallies[OURS]
    patients = sum(np.bincount(one.stratum, minlength=len(STRATA)) for one in ours)
    rows = [["patients", "", *(f"{number:,}" for number in patients)]]
    for name, found in tallies.items():
        for split in range(len(SPLITS)) if name == OURS else [TEST]:
            came = sum(
                np.bincount(one.stratum, weights=one.times[:, split], minlength=len(STRATA))
                for one in found
            )
            part = came / (np.maximum(patients, 1) * found[0].seeds)
            rows.append(
                [f"{name}, {SPLITS[split]}", str(found[0].seeds), *map("{:.4f}".format, part)]
            )
    return table_of(["share of the patients with so many images", "seeds", *STRATA], rows)


def cells(tallies: Tallies) -> list[str]:
    """Return how many strata have their shares, and those of cxr-duck that miss."""
    rows, missed = [], []
    for name, found in tallies.items():
        tested = {True: [0, 0], False: [0, 0]}
        for number, one in enumerate(found, start=1):
            for stratum, label in enumerate(STRATA):
                inside = one.stratum == stratum
                patients = int(inside.sum())
                for split, fair in enumerate(FAIR) if patients else []:
                    share = one.times[inside, split].sum() / (patients * one.seeds)
                    error = np.sqrt(fair * (1 - fair) / (patients * one.seeds))
                    many = patients >= MANY
                    good = abs(share - fair) <= (NEAR if many else ERRORS * error)
                    tested[many][0] += bool(good)
                    tested[many][1] += 1
                    if name == OURS and not good:
                        missed.append(
                            [
                                str(number), label, SPLITS[split], f"{patients:,}", f"{share:.4f}",
                                f"{fair:.2f}", f"{(share - fair) / error:+.1f}",
                            ]
                        )  # fmt: skip
        rows.append([name, str(found[0].seeds), *(f"{a} of {b}" for a, b in tested.values())])
    head = [
        "(recipe, images of a patient, split)",
        "seeds",
        f"{MANY:,} patients or more: within {NEAR}",
        f"fewer: within {ERRORS} standard errors",
    ]
    lines = table_of(head, rows)
    if missed:
        head = ["recipe", "images", "split", "patients", "share", "fair", "standard errors"]
        lines += ["", f"The {len(missed)} that miss in {OURS}:", "", *table_of(head, missed)]
    return lines


def overlaps(tallies: Tallies) -> list[str]:
    """Return how many test patients two seeds share, by what independent draws share."""
    rows = []
    for name, found in tallies.items():
        row = [name, str(found[0].seeds)]
        for chosen in (found, [one for one in found if len(one.images) >= MANY]):
            ratios = [one.overlap() for one in chosen if one.seeds > 1]
            if not ratios:
                row += ["0", "", "", ""]
                continue
            near = sum(abs(ratio - 1) <= OVERLAP for ratio in ratios)
            worst = max(ratios, key=lambda ratio: abs(ratio - 1))
            row += [str(len(ratios)), f"{statistics.mean(ratios):.3f}", f"{worst:.3f}", str(near)]
        rows.append(row)
    head = ["test patients that two seeds share, ratio to independent draws", "seeds"]
    head += ["recipes", "mean", "worst", "within 5 %"]
    head += [f"recipes of {MANY:,} patients or more", "mean", "worst", "within 5 %"]
    return table_of(head, rows)


def alone_patients(tallies: Tallies) -> list[str]:
    """Return how many patients with a signature of their own have a lot that chance wouldn't."""
    rows = []
    for name, found in tallies.items():
        times = np.concatenate([one.times[one.alone] for one in found])
        seeds = found[0].seeds
        patients = max(len(times), 1)
        tested, fair = times[:, TEST], FAIR[TEST]
        far = np.abs(tested / seeds - fair) > ERRORS * np.sqrt(fair * (1 - fair) / seeds)
        rows.append([
            name, str(seeds), f"{len(times):,}",
            f"{(tested == 0).sum() / patients:.4f}", f"{(1 - fair) ** seeds:.4f}",
            f"{(times.max(axis=1) == seeds).sum() / patients:.4f}", f"{(FAIR**seeds).sum():.4f}",
            f"{tested.sum() / (patients * seeds):.4f}", f"{far.sum() / patients:.4f}",
        ])  # fmt: skip
    head = ["patients with a signature of their own", "seeds", "patients", "never in test", "fair"]
    head += ["always in one split", "fair", "share of test"]
    return table_of([*head, f"patients more than {ERRORS} standard errors from {FAIR[TEST]}"], rows)


def smds(tallies: Tallies) -> list[str]:
    """Return by how much test and train differ in images per patient."""
    rows = []
    for name, found in tallies.items():
        values = [statistics.mean(one.smds) for one in found]
        sizes = [statistics.mean(map(abs, one.smds)) for one in found]
        most = max(values, key=abs)
        rows.append([
            name, str(found[0].seeds), f"{statistics.mean(values):+.4f}", f"{most:+.4f}",
            f"{statistics.mean(sizes):.4f}",
        ])  # fmt: skip
    head = ["SMD of images per patient, test less train", "seeds", "mean over recipes"]
    return table_of([*head, "worst recipe's mean", "mean of absolute values"], rows)


def goodness(tallies: Tallies) -> list[str]:
    """Return how good the splits are, as `splits.py` has it, over the seeds."""
    rows = []
    for name, found in tallies.items():
        by_seed = list(zip(*(one.results for one in found), strict=True))
        kept = [[one.kept for one in results if one.smallest >= SMALL] for results in by_seed]
        of_class = [
            max(one.of_class for one in results if one.smallest >= SMALL) for results in by_seed
        ]
        findings = [[away for one in results for away in one.of_findings] for results in by_seed]
        worst, least = [max(values) for values in findings], [min(values) for values in kept]
        every = [one for results in by_seed for one in results]
        rows.append([
            name, str(len(by_seed)), f"{statistics.mean(map(statistics.mean, kept)):.5f}",
            f"{statistics.median(least):.4f}", f"{min(least):.4f}",
            f"{statistics.median(of_class):.4f}", f"{max(of_class):.4f}",
            f"{statistics.mean(map(statistics.mean, findings)):.5f}",
            f"{statistics.median(worst):.4f}", f"{max(worst):.4f}",
            f"{statistics.mean(one.seconds for one in every):.4f}",
            f"{statistics.mean(one.processor for one in every):.4f}",
        ])  # fmt: skip
    head = ["tool", "seeds", "kept, mean", "worst of a seed, median", "worst of all"]
    head += ["class deviation, worst of a seed, median", "of all", "finding deviation, mean"]
    head += ["worst of a seed, median", "of all", "seconds", "processor's seconds"]
    return table_of(head, rows)


if __name__ == "__main__":
    main()
