"""Datasets in the record: compared, renamed, deleted."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import Dataset, ExperimentData
from cxr_duck.errors import CxrError, DatasetError, RecipeError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store.invariants import check_invariants
from cxr_duck.version import __version__
from tests.conftest import Run, examples

PAPER: dict[str, Any] = {"pure": True, "hierarchy": "paper", "where": "frontal"}
TERMS = ["normal", "not-normal"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> ExperimentData:
    """A store with datasets of one recipe, of other seeds, of other recipes."""
    data = ExperimentData(
        demo / "images", demo / "labels.csv", store=tmp_path_factory.mktemp("recorded") / "store"
    )
    data.create_index()
    data.create_dataset(TERMS, name="paper", **PAPER)
    data.create_dataset(TERMS, name="twin", **PAPER)
    data.create_dataset(TERMS, name="seed 2", seed=2, **PAPER)
    data.create_dataset(TERMS, name="wide", hierarchy="paper")
    data.create_dataset(["linear", "nodular"], name="shapes", hierarchy="paper")
    data.create_dataset(
        [], classes={"nodular": "nodule", "linear": "fibrotic band OR scoliosis"}, name="queries"
    )
    data.create_dataset(["normal"], name="alone", where="frontal AND age >= 50")
    return data


NAMES = ["paper", "twin", "seed 2", "wide", "shapes", "queries", "alone"]


def walked(first: Dataset, second: Dataset) -> dict[str, str]:
    """Return how each image of two datasets differs, walked row by row."""
    sides: list[dict[str, set[tuple[str, str, str]]]] = []
    for dataset in (first, second):
        sides.append({})
        for row in dataset.members.to_pylist():
            sides[-1].setdefault(row["image_id"], set()).add(
                (row["split"], row["class"], row["finding"])
            )
    one, other = sides
    found = {}
    for image in one.keys() | other.keys():
        if image not in other or image not in one:
            found[image] = "first" if image in one else "second"
            continue
        splits, classes, findings = (
            [{row[place] for row in side[image]} for side in sides] for place in range(3)
        )
        parts = [
            word for word, values in (("class", classes), ("split", splits))
            if values[0] != values[1]
        ]  # fmt: skip
        same = "same" if findings[0] == findings[1] else "findings"
        found[image] = " and ".join(parts) or same
    return found


@given(first=st.sampled_from(NAMES), second=st.sampled_from(NAMES))
@examples(25)
def test_comparison_is_that_of_a_walk(recorded: ExperimentData, first: str, second: str) -> None:
    """Each image differs as a walk over both members says; patients and counts add up."""
    comparison = recorded.diff(first, second)
    found = walked(comparison.first, comparison.second)
    told = {row["image_id"]: row["difference"] for row in comparison.images.to_pylist()}
    assert told == {image: word for image, word in found.items() if word != "same"}
    assert sum(comparison.counts.values()) == len(found)
    splits = [
        {row["patient_id"]: row["split"] for row in dataset.members.to_pylist()}
        for dataset in (comparison.first, comparison.second)
    ]
    pairs: dict[tuple[str, str], int] = {}
    for patient in splits[0].keys() & splits[1].keys():
        key = (splits[0][patient], splits[1][patient])
        pairs[key] = pairs.get(key, 0) + 1
    assert pairs == {
        (row["first_split"], row["second_split"]): row["patients"] for row in comparison.patients
    }
    for side, dataset in (("first", comparison.first), ("second", comparison.second)):
        wholes = [row[f"{side}_images"] for row in comparison.composition if not row["finding"]]
        assert sum(wholes) == dataset.images()


def test_recipe_fields_that_differ(recorded: ExperimentData) -> None:
    """Of the recipes the fields that differ are told with both values, mappings by their parts."""
    assert recorded.diff("paper", "seed 2").recipe == {"seed": (1, 2)}
    assert recorded.diff("paper", "wide").recipe == {
        "pure": (True, False), "where": ("frontal", None),
    }  # fmt: skip
    recipe = recorded.diff("shapes", "queries").recipe
    assert recipe["classes.nodular"] == (["granuloma", "nodule", "pulmonary mass"], ["nodule"])
    assert recipe["queries.nodular"] == (None, "nodule")
    assert "seed" not in recipe


def test_diff_of_the_same(recorded: ExperimentData, cxr: Run) -> None:
    """Two datasets of the same recipe and members are the same, whatever their names: exit 0."""
    ran = cxr("diff", "paper", "twin", "--store", recorded.store.path)
    assert (ran.code, ran.err) == (0, "")
    digest = recorded.dataset("paper").digest
    assert ran.out == f"paper and twin are the same: recipe, 256 images, digest {digest}\n"
    assert recorded.diff("paper", "twin").equal


def test_diff_prints_what_differs(recorded: ExperimentData, cxr: Run) -> None:
    """Recipe, images, patients in different splits and compositions are told; exit 1."""
    ran = cxr("diff", "paper", "wide", "--store", recorded.store.path)
    assert ran.code == 1
    blocks = [block.splitlines() for block in ran.out.split("\n\n")]
    assert [block[0].split("  ")[0] for block in blocks] == [
        "recipe", "images", "split in paper", "class / finding",
    ]  # fmt: skip
    assert [line.split() for line in blocks[0]] == [
        ["recipe", "paper", "wide"], ["pure", "yes", "no"], ["where", "frontal"],
    ]  # fmt: skip
    comparison = recorded.diff("paper", "wide")
    counted = dict(line.rsplit(maxsplit=1) for line in blocks[1][1:])
    assert counted["only in wide"] == str(comparison.counts["second"])
    assert counted["the same in both"] == str(comparison.counts["same"])
    straddling = sum(row["patients"] for row in comparison.straddling)
    assert straddling
    assert ran.err.startswith(f"{straddling} patients stand in different splits of paper and wide")
    kept = recorded.dataset("paper").images() // 2
    assert blocks[3][1].split()[:2] == ["normal", str(kept)]
    assert not [line for line in blocks[3] if line.split()[:2] == ["normal", "normal"]]


def test_diff_as_data(recorded: ExperimentData, cxr: Run) -> None:
    """--format csv has each image that differs, --json everything, and both exit with 1."""
    ran = cxr("diff", "paper", "seed 2", "--format", "csv", "--store", recorded.store.path)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    comparison = recorded.diff("paper", "seed 2")
    assert ran.code == 1
    assert [row["image_id"] for row in rows] == comparison.images["image_id"].to_pylist()
    assert {row["difference"] for row in rows} == comparison.counts.keys() - {"same"}
    both = [row for row in rows if row["difference"] == "split"]
    assert both
    assert all(row["first_split"] != row["second_split"] for row in both)
    ran = cxr("diff", "paper", "seed 2", "--json", "--store", recorded.store.path)
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["recipe"] == {"seed": {"first": 1, "second": 2}}
    assert not document["equal"]
    assert len(document["images"]) == len(rows)
    ran = cxr("diff", "paper", "twin", "--json", "--store", recorded.store.path)
    assert (ran.code, json.loads(ran.out)["images"]) == (0, [])


@pytest.mark.full
def test_diff_of_a_record_that_was_changed(own_demo: ExperimentData) -> None:
    """Images that are in both for other findings of their class are no equal members."""
    for name in ("one", "two"):
        own_demo.create_dataset(["linear", "nodular"], hierarchy="paper", name=name)
    with own_demo.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.finding SET finding = 'mass' WHERE finding = 'pulmonary mass' "
            "AND dataset_id = (SELECT dataset_id FROM experiments.dataset WHERE name = 'two')"
        )
    comparison = own_demo.diff("one", "two")
    assert comparison.counts.keys() == {"same", "findings"}
    assert not comparison.equal
    assert {row["first_findings"] for row in comparison.images.to_pylist()} >= {"pulmonary mass"}


@pytest.mark.full
def test_diff_of_removed_images(own_demo: ExperimentData) -> None:
    """Removed images are still compared, and so are their patients, whose names are gone."""
    for seed in (1, 2):
        own_demo.create_dataset(TERMS, name=f"seed {seed}", seed=seed, **PAPER)
    before = own_demo.diff("seed 1", "seed 2")
    remove_images(own_demo.store, "age > 60", SILENT)
    after = own_demo.diff("seed 1", "seed 2")
    assert after.first.removed
    assert (after.counts, after.patients) == (before.counts, before.patients)


@pytest.mark.parametrize(
    "words", [("diff", "nothing", "paper"), ("diff", "paper", "nothing"), ("delete", "nothing"),
              ("delete", "nothing", "--yes"), ("rename", "nothing", "x")]
)  # fmt: skip
def test_unknown_dataset(recorded: ExperimentData, cxr: Run, words: tuple[str, ...]) -> None:
    """A dataset that the store lacks is told in one sentence, with those it has."""
    ran = cxr(*words, "--store", recorded.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: the store has no dataset 'nothing': it has alone, queries")
    assert ran.err.count("\n") == 1


def record_of(data: ExperimentData) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table of the experiments schema."""
    tables = data.sql(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'experiments' ORDER BY ALL"
    )
    return {
        name: data.sql(f"SELECT * FROM experiments.{name} ORDER BY ALL").to_pylist()
        for name in tables["table_name"].to_pylist()
    }


def add_table(data: ExperimentData) -> None:
    """Give the record a table that a later version may have: two rows a dataset."""
    with data.store.publishing() as publication:
        publication.catalog.execute(
            "CREATE TABLE experiments.extra ("
            "dataset_id INTEGER NOT NULL REFERENCES experiments.dataset (dataset_id), "
            "split VARCHAR, PRIMARY KEY (dataset_id, split));"
            "INSERT INTO experiments.extra SELECT dataset_id, split "
            "FROM experiments.dataset CROSS JOIN (VALUES ('train'), ('test')) AS splits (split)"
        )


@pytest.mark.full
def test_rename_changes_the_name_and_nothing_else(own_demo: ExperimentData, cxr: Run) -> None:
    """Every row of the record stays as it was, but for the name."""
    for name in ("first", "second"):
        own_demo.create_dataset(TERMS, name=name, **PAPER)
    add_table(own_demo)
    before = record_of(own_demo)
    ran = cxr("rename", "first", "Erster Satz", "--store", own_demo.store.path)
    assert ran == ("first is now Erster Satz\n", "", 0)
    for row in before["dataset"]:
        row["name"] = row["name"].replace("first", "Erster Satz")
    assert record_of(own_demo) == before
    assert own_demo.reproduce("Erster Satz").same
    assert [check for check in check_invariants(own_demo.store) if check.rows] == []


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("new", "error", "told"),
    [
        ("second", DatasetError, "the store has a dataset 'second' already: choose another name"),
        ("", RecipeError, "the name must be one line of text, not ''"),
        ("a\nb", RecipeError, "the name must be one line of text"),
        ("a\x1b[31m", RecipeError, "the name must be one line of text"),
    ],
)
def test_rename_refused(
    own_demo: ExperimentData, new: str, error: type[CxrError], told: str
) -> None:
    """A name that is taken or is none changes nothing."""
    for name in ("first", "second"):
        own_demo.create_dataset(TERMS, name=name, **PAPER)
    state = own_demo.store.catalog.read_bytes()
    with pytest.raises(error) as raised:
        own_demo.rename("first", new)
    assert told in str(raised.value)
    assert own_demo.store.catalog.read_bytes() == state


def test_rename_to_the_same_name(own_demo: ExperimentData) -> None:
    """To give a dataset the name that it has changes nothing."""
    own_demo.create_dataset(TERMS, name="paper", **PAPER)
    state = own_demo.store.catalog.read_bytes()
    own_demo.rename("paper", "paper")
    assert own_demo.store.catalog.read_bytes() == state


@pytest.mark.full
def test_delete_takes_every_row_of_a_dataset(own_demo: ExperimentData, cxr: Run) -> None:
    """No table of the record keeps a row of it, those of later versions included; others stay."""
    own_demo.create_dataset(TERMS, name="kept", **PAPER)
    with own_demo.store.publishing() as publication:
        publication.catalog.execute("SELECT 1").fetchall()
    kept = record_of(own_demo)
    own_demo.create_dataset(TERMS, name="gone", experiment="trial", seed=4, **PAPER)
    images = own_demo.dataset("gone").images()
    add_table(own_demo)
    number = kept["dataset"][0]["dataset_id"]
    kept["extra"] = [{"dataset_id": number, "split": split} for split in ("test", "train")]
    ran = cxr("delete", "gone", "--yes", "--store", own_demo.store.path)
    assert ran.code == 0
    assert ran.out == (
        f"the record of gone, {images} images, is deleted; the images stay in the store\n"
    )
    assert record_of(own_demo) == kept
    assert [check for check in check_invariants(own_demo.store) if check.rows] == []
    assert own_demo.delete("kept") == 256
    assert not [rows for rows in record_of(own_demo).values() if rows]
    assert own_demo.sql("SELECT count(*) AS n FROM images").to_pylist() == [{"n": 600}]


def test_delete_asks(own_demo: ExperimentData, cxr: Run) -> None:
    """Without a terminal to ask on and without --yes nothing is deleted."""
    own_demo.create_dataset(TERMS, name="paper", **PAPER)
    state = own_demo.store.catalog.read_bytes()
    ran = cxr("delete", "paper", "--store", own_demo.store.path)
    assert ran == (
        "",
        "Error: nothing is deleted: this is the record of paper, 256 images; give --yes to delete "
        "it\n",
        1,
    )
    assert own_demo.store.catalog.read_bytes() == state


@pytest.mark.full
@pytest.mark.parametrize(("answer", "left"), [(b"n\n", ["paper"]), (b"y\n", [])])
def test_delete_takes_the_answer(own_demo: ExperimentData, answer: bytes, left: list[str]) -> None:
    """On a terminal it asks, and does what is answered."""
    own_demo.create_dataset(TERMS, name="paper", **PAPER)
    terminal, end = pty.openpty()
    os.write(terminal, answer)
    ran = subprocess.run(
        [sys.executable, "-m", "cxr_duck", "delete", "paper", "--store", own_demo.store.path],
        stdin=end,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(end)
    os.close(terminal)
    assert "Delete the record of paper, 256 images, for good? [y/N]" in ran.stderr
    assert ran.returncode == (1 if left else 0)
    assert [record["name"] for record in own_demo.datasets()] == left


def keep_apart(data: ExperimentData, name: str, other: str) -> None:
    """Have the record say that a dataset was made without the patients of another."""
    with data.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.dataset SET recipe = json_merge_patch(recipe, json_object("
            "'keep_apart', json_object('name', $other, 'digest', "
            "(SELECT digest FROM experiments.dataset WHERE name = $other)))) WHERE name = $name",
            {"name": name, "other": other},
        )


def apart_from(data: ExperimentData, name: str) -> Any:
    """Return what a recorded recipe is kept apart from."""
    rows = data.sql("SELECT name, recipe FROM experiments.dataset").to_pylist()
    return {row["name"]: json.loads(row["recipe"]).get("keep_apart") for row in rows}[name]


@pytest.mark.full
def test_dataset_that_another_is_kept_apart_from(own_demo: ExperimentData) -> None:
    """It is not deleted before the other; renamed, the other's recipe follows."""
    own_demo.create_dataset(TERMS, name="test set", **PAPER)
    own_demo.create_dataset(TERMS, name="training", seed=2, **PAPER)
    keep_apart(own_demo, "training", "test set")
    digest = own_demo.diff("test set", "test set").first.digest
    with pytest.raises(DatasetError, match="test set can't be deleted: training was made without"):
        own_demo.delete("test set")
    own_demo.rename("test set", "held out")
    assert apart_from(own_demo, "training") == {"name": "held out", "digest": digest}
    assert apart_from(own_demo, "held out") is None
    with own_demo.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.dataset SET recipe = json_merge_patch(recipe, $nothing)",
            {"nothing": '{"keep_apart": null}'},
        )
    assert own_demo.delete("held out") == 256


def test_no_store_is_left_behind(tmp_path: Path, cxr: Run) -> None:
    """A folder that is no store is told, and nothing is made there."""
    for words in (("rename", "a", "b"), ("delete", "a", "--yes"), ("diff", "a", "b")):
        ran = cxr(*words, "--store", tmp_path / "store")
        assert ran.code == 1
        assert ran.err.startswith(f"Error: {tmp_path / 'store'} is no store: run 'cxr index")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.full
def test_entities_of_the_paper(own_demo: ExperimentData) -> None:
    """An experiment has its context, a dataset its type, and an image is there once."""
    own_demo.create_dataset(TERMS, name="one", experiment="first", **PAPER)
    own_demo.create_dataset(["normal", "scoliosis"], name="two", experiment="first", overlap="keep")
    own_demo.create_dataset(["normal", "scoliosis"], name="three", experiment="second")
    types = {
        row["name"]: row["type"] for row in own_demo.sql("FROM experiments.datasets").to_pylist()
    }
    assert types == {"one": "pure", "two": "multi-label", "three": "single-label"}
    contexts = own_demo.sql("FROM experiments.context ORDER BY experiment").to_pylist()
    assert [(row["experiment"], row["datasets"]) for row in contexts] == [
        ("first", 2),
        ("second", 1),
    ]
    assert {row["package_version"] for row in contexts} == {__version__}
    assert {row["label_file"] for row in contexts} == {"labels.csv"}
    assert all(len(row["label_file_sha256"]) == 64 and not row["pure_terms"] for row in contexts)
    images = own_demo.sql("FROM experiments.recorded_images").to_pylist()
    held = own_demo.sql("SELECT DISTINCT image_id, dataset FROM experiments.members").to_pylist()
    assert Counter(row["image_id"] for row in held) == {
        r["image_id"]: r["datasets"] for r in images
    }
