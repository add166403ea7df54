"""Recipes that draw from a recorded dataset, and conditions that read the record."""

import json
import shutil
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import BundleError, DatasetError, RecipeError
from tests.conftest import Run

TERMS = ["normal", "not-normal"]
READING = [
    "image_id IN (SELECT image_id FROM experiments.members WHERE dataset = 'full')",
    "image_id IN (SELECT image_id FROM dataset_images('full'))",
    'EXISTS (FROM "EXPERIMENTS".image AS held WHERE held.image_id = images.image_id)',
    "frontal AND patient_id NOT IN (SELECT patient_id FROM cxr.experiments.members)",
]


def images_in(data: ExperimentData, name: str, split: str | None = None) -> set[str]:
    """Return the images of a recorded dataset, or of one of its splits."""
    rows = data.dataset(name).members.to_pylist()
    return {row["image_id"] for row in rows if split in (None, row["split"])}


@pytest.fixture
def full(own_demo: ExperimentData) -> ExperimentData:
    """The demo with a recorded dataset to draw from."""
    own_demo.create_dataset(TERMS, hierarchy="paper", name="full")
    return own_demo


@pytest.mark.sampled
@pytest.mark.parametrize("where", READING)
def test_condition_that_reads_the_record(full: ExperimentData, where: str) -> None:
    """It is refused with the options that do it, whatever way it comes to the record."""
    catalog = full.sql("SELECT current_database() AS name").to_pylist()[0]["name"]
    where = where.replace("cxr.", f'"{catalog}".')
    with pytest.raises(
        RecipeError, match=r"reads experiments.*--within DATASET.*--keep-apart"
    ) as e:
        full.create_dataset(TERMS, hierarchy="paper", where=where, store_it=False)
    assert "--size" in str(e.value)


def test_condition_that_reads_the_index(full: ExperimentData) -> None:
    """Other relations of the store may be read, also where a text speaks of experiments."""
    made = full.create_dataset(
        TERMS, hierarchy="paper", store_it=False,
        where="image_id IN (SELECT image_id FROM postings) AND sex <> 'experiments.members'",
    )  # fmt: skip
    assert made.images() > 0


@pytest.mark.full
@pytest.mark.parametrize("split", [None, "train"])
def test_drawn_from_a_dataset(full: ExperimentData, split: str | None) -> None:
    """Its images are those of the other dataset or split alone, and it is made again the same."""
    within = "full" if split is None else f"full:{split}"
    made = full.create_dataset(TERMS, hierarchy="paper", within=within, size=20, name="small")
    assert made.images() == 40
    assert images_in(full, "small") < images_in(full, "full", split)
    assert full.reproduce("small").same
    recipe = json.loads(made.recipe.to_json())["within"]
    assert recipe == {"name": "full", "digest": full.dataset("full").digest} | (
        {} if split is None else {"split": split}
    )


@pytest.mark.full
def test_other_images_are_counted_and_told(full: ExperimentData) -> None:
    """Those outside are counted under a filter of their own, and `why` says which dataset."""
    made = full.create_dataset(TERMS, hierarchy="paper", within="full:train", name="small")
    outside = {
        row["image_id"] for row in full.sql("FROM images").to_pylist()
    } - images_in(full, "full", "train")  # fmt: skip
    normal = set(full.ids("normal"))
    assert made.removals["normal", "within"] == len(normal & outside)
    verdict = full.why(min(normal & outside), "small").verdict
    assert verdict is not None
    assert (verdict.reason, verdict.told) == ("within", "it is not an image of full, split train")


@pytest.mark.full
def test_dataset_that_another_draws_from(full: ExperimentData) -> None:
    """The recipe follows when it is renamed, and holds off that it is deleted."""
    full.create_dataset(TERMS, hierarchy="paper", within="full:train", name="small")
    full.rename("full", "whole")
    assert full.reproduce("small").same
    assert 'within = "whole:train"' in full.recipe_file("small")
    with pytest.raises(DatasetError, match="whole can't be deleted: small was made of its images"):
        full.delete("whole")
    full.delete("small")
    assert full.delete("whole") > 0


@pytest.mark.full
def test_bundle_of_what_was_drawn(full: ExperimentData, demo: Path, tmp_path: Path) -> None:
    """It unbundles in a store without the other dataset, and keeps what it was drawn from."""
    full.create_dataset(TERMS, hierarchy="paper", within="full", size=20, name="small")
    full.bundle("small", tmp_path / "small.cxr")
    shutil.copytree(full.store.path, tmp_path / "other")
    other = ExperimentData(demo / "images", demo / "labels.csv", store=tmp_path / "other")
    other.delete("small")
    other.delete("full")
    taken = other.unbundle(tmp_path / "small.cxr")
    assert taken.digest == full.dataset("small").digest
    assert taken.recipe.within == {"name": "full", "digest": full.dataset("full").digest}
    assert other.reproduce("small").sound


@pytest.mark.full
def test_recorded_condition_that_names_a_dataset(full: ExperimentData, tmp_path: Path) -> None:
    """A recipe of an earlier version that reads the record holds off rename, delete and bundle."""
    full.create_dataset(TERMS, hierarchy="paper", name="old", seed=2)
    with full.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.dataset SET recipe = json_merge_patch(recipe, "
            "json_object('where', $where)) WHERE name = 'old'",
            {"where": READING[0]},
        )
    for change in (lambda: full.delete("full"), lambda: full.rename("full", "whole")):
        with pytest.raises(DatasetError, match="the condition of old reads it by that name"):
            change()
    with pytest.raises(BundleError, match=r"reads experiments\.members, which a bundle doesn't"):
        full.bundle("old", tmp_path / "old.cxr")
    full.delete("old")
    full.rename("full", "whole")


@pytest.mark.full
def test_what_is_no_dataset(full: ExperimentData, cxr: Run) -> None:
    """A dataset or a split that is not there is told, with those that are."""
    with pytest.raises(DatasetError, match="no dataset 'ful' to take images from"):
        full.create_dataset(TERMS, hierarchy="paper", within="ful")
    with pytest.raises(RecipeError, match=r"full has no split 'dev' .*: train, valid, test"):
        full.create_dataset(TERMS, hierarchy="paper", within="full:dev")
    full.rename("full", "a:b")
    ran = cxr(
        "create", *TERMS, "--hierarchy", "paper", "--within", "a:b:test", "--store",
        full.store.path, "--dry-run", "--shares", "all=1",
    )  # fmt: skip
    assert ran.code == 0, ran.err
