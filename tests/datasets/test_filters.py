"""The filters of a recipe: each image counts once, at the first filter that takes it."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_duck import ExperimentData
from cxr_duck.datasets.filters import FILTERS, KEPT
from cxr_duck.errors import RecipeError
from tests.conftest import Run

Row = dict[str, Any]
Asked = tuple[str, Callable[[Row], bool]]

WHERES: list[Asked | None] = [
    None,
    ("age >= 30", lambda row: row["age"] is not None and row["age"] >= 30),
    ("sex = 'F'", lambda row: row["sex"] == "F"),
]
EXCLUSIONS: list[Asked] = [
    ("age < 60", lambda row: row["age"] is not None and row["age"] < 60),
    ("sex = M", lambda row: row["sex"] == "M"),
    ("cardiomegaly", lambda row: "cardiomegaly" in row["findings"]),
    ("scoliosis", lambda row: "scoliosis" in row["findings"]),
    ("projection = PA AND age < 70", lambda row: row["projection"] == "PA"
     and row["age"] is not None and row["age"] < 70),
]  # fmt: skip
CLASSES: dict[str, Asked] = {
    "plain": ("normal", lambda row: "normal" in row["findings"]),
    "lump": ("nodule OR pneumonia OR cardiomegaly",
             lambda row: bool({"nodule", "pneumonia", "cardiomegaly"} & {*row["findings"]})),
    "old": ("age >= 70", lambda row: row["age"] is not None and row["age"] >= 70),
}  # fmt: skip


@pytest.fixture(scope="module")
def data(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The demo repository, its files tested: some are missing, some damaged."""
    store = tmp_path_factory.mktemp("filters") / "store"
    data = ExperimentData(demo / "images", demo / "labels.csv", store=store)
    data.create_index()
    data.check_integrity()
    return data


@pytest.fixture(scope="module")
def rows(data: ExperimentData) -> list[Row]:
    """The images of the demo, each with the word whether its file is damaged."""
    damaged = set(data.sql("SELECT image_id FROM damaged_images").column(0).to_pylist())
    found: list[Row] = data.sql("FROM images").to_pylist()
    return [{**row, "damaged": row["image_id"] in damaged} for row in found]


def made_up(seed: int) -> dict[str, Any]:
    """Return the options of a recipe whose filters overlap."""
    chance = random.Random(seed)
    where = chance.choice(WHERES)
    return {
        "where": where,
        "exclude": chance.sample(EXCLUSIONS, chance.randint(0, 4)),
        "pure": chance.random() < 0.3,
        "overlap": chance.choice(["drop", "first", "keep"]),
        "classes": chance.sample(sorted(CLASSES), chance.choice([2, 2, 3])),
        "per_patient": chance.choice([None, None, 1]),
    }


def as_options(recipe: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `create_dataset` for a made-up recipe."""
    return {
        "classes": {name: CLASSES[name][0] for name in recipe["classes"]},
        "exclude": [text for text, _ in recipe["exclude"]],
        "where": recipe["where"] and recipe["where"][0],
        **{word: recipe[word] for word in ("pure", "overlap", "per_patient")},
        "shares": {"all": 1},
    }


def walked(row: Row, recipe: dict[str, Any], name: str | None) -> str | None:
    """Return the first filter that takes an image from a class, or from none; None for later ones.

    The rule itself, said again without a table: each filter is asked in turn.
    """
    belongs = [other for other in recipe["classes"] if CLASSES[other][1](row)]
    takers = {
        "where": recipe["where"] is not None and not recipe["where"][1](row),
        "file": row["present"] is False,
        "damaged": row["damaged"],
        "exclude": any(holds(row) for _, holds in recipe["exclude"]),
        "pure": recipe["pure"] and len(row["findings"]) != 1,
        "class": name is None,
        "overlap": len(belongs) > 1
        and (recipe["overlap"] == "drop" or (recipe["overlap"] == "first" and name != belongs[0])),
    }
    return next((taker for taker, takes in takers.items() if takes), None)


@pytest.mark.sampled
@pytest.mark.parametrize("seed", range(16))
def test_each_image_counts_once(data: ExperimentData, rows: list[Row], seed: int) -> None:
    """Indexed less each removal is what is kept, and each removal is that of a walk in Python."""
    recipe = made_up(seed)
    made = data.create_dataset(**as_options(recipe), store_it=False)
    for name in recipe["classes"]:
        removals = {taker: n for (term, taker), n in made.removals.items() if term == name}
        there = [row for row in rows if CLASSES[name][1](row)]
        wanted = Counter(taker for row in there if (taker := walked(row, recipe, name)))
        assert {taker: n for taker, n in removals.items() if taker in wanted} == wanted
        assert removals.keys() <= wanted.keys() | {"per_patient", "balance", KEPT}
        kept = {row["image_id"] for row in made.members.to_pylist() if row["class"] == name}
        assert removals.pop(KEPT) == len(kept) == len(there) - sum(removals.values())


@pytest.mark.sampled
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_why_names_the_same_filter(data: ExperimentData, rows: list[Row], seed: int) -> None:
    """Each image is told the filter that counts it, one of no class too."""
    recipe = made_up(seed)
    name = f"made up {seed}"
    made = data.create_dataset(**as_options(recipe), name=name)
    members = {row["image_id"] for row in made.members.to_pylist()}
    later = {"member", "per_patient", "balance"}
    seen: Counter[str | None] = Counter()
    order = [*FILTERS]
    for row in random.Random(seed).sample(rows, len(rows)):
        belongs = [other for other in recipe["classes"] if CLASSES[other][1](row)]
        found = [walked(row, recipe, other) for other in belongs or [None]]
        furthest = None if None in found else max(filter(None, found), key=order.index)
        seen[furthest] += 1
        if seen[furthest] > 2:
            continue
        verdict = data.why(row["image_id"], name).verdict
        assert verdict is not None
        assert verdict.member == (row["image_id"] in members)
        if furthest is None:
            assert verdict.reason in later
        else:
            assert verdict.reason == furthest
    assert len(seen) > 3


def test_dry_run_of_two_exclusions(data: ExperimentData, rows: list[Row], cxr: Run) -> None:
    """An image that two queries exclude is counted once, in the table and as JSON."""
    words = [
        "create", "--class", "plain=normal", "--class", "lump=nodule OR pneumonia OR cardiomegaly",
        "--exclude", "age < 60", "--exclude", "sex = M", "--dry-run", "--store", data.store.path,
    ]  # fmt: skip
    ran = cxr(*words)
    assert ran.code == 0, ran.err
    table = [line.split() for line in ran.out.splitlines()]
    header = next(line for line in table if line[:2] == ["class", "indexed"])
    filters = [word for word in header[2:] if word != "-"]
    removals = json.loads(cxr(*words, "--json").out)["removals"]
    for name, (_, holds) in list(CLASSES.items())[:2]:
        there = [row for row in rows if holds(row)]
        _, indexed, *counts = next(line for line in reversed(table) if line and line[0] == name)
        assert int(indexed) == len(there) == sum(map(int, counts))
        taken = dict(zip(filters, map(int, counts), strict=True))
        young_or_male = sum(
            row["sex"] == "M" or (row["age"] is not None and row["age"] < 60)
            for row in there
            if row["present"] and not row["damaged"]
        )
        assert taken["exclude"] == young_or_male
        assert {row["filter"]: row["images"] for row in removals if row["class"] == name} == {
            taker: n for taker, n in taken.items() if n
        }


def test_refusal_counts_each_filter(data: ExperimentData, rows: list[Row]) -> None:
    """A class without images is refused with what each filter took, each image at its first."""
    with pytest.raises(RecipeError) as error:
        data.create_dataset(
            classes={"plain": "normal", "young": "age < 30"}, where="age >= 25",
            exclude=["age < 40", "sex = F"],
        )  # fmt: skip
    young = [row for row in rows if row["age"] is not None and row["age"] < 30]
    unmet = sum(row["age"] < 25 for row in young)
    excluded = [row for row in young if row["age"] >= 25]
    lost = sum(not row["present"] or row["damaged"] for row in excluded)
    assert unmet > 0 and lost == 0 and excluded
    assert (
        f"young: {len(young)} images in the index, {unmet} don't meet the condition, "
        f"{len(excluded)} have what is excluded)" in str(error.value)
    )
