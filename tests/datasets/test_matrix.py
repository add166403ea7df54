"""A dataset as a matrix: one row an image, one column of 0 and 1 a finding or class."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import polars
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import ExperimentData
from cxr_duck.errors import DatasetError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run, examples
from tests.support.label_rows import USUAL, repository, write_labels

FIRST = ["image_id", "patient_id", "split", "path"]
# Findings that are called like the other columns, and one that is called like its way out.
NAMES = ["split", "Path", "path", "path (finding)", "image_id", 'it is "odd"']


@pytest.fixture
def dataset(own_demo: ExperimentData) -> ExperimentData:
    """A store with the dataset pair, whose images have other findings too."""
    own_demo.create_dataset(["normal", "nodular"], name="pair", hierarchy="paper", seed=4)
    return own_demo


def arrow(data: ExperimentData, *words: str) -> pyarrow.Table:
    """Return a matrix as Arrow."""
    table = data.matrix(*words)
    assert isinstance(table, pyarrow.Table)
    return table


@pytest.mark.sampled
@pytest.mark.parametrize("columns", ["findings", "classes", "all"])
def test_matrix_is_that_of_a_walk(dataset: ExperimentData, columns: str) -> None:
    """Every cell is what the image's own labels or class say; rows and columns have an order."""
    members = dataset.dataset("pair").members.to_pylist()
    images = {row["image_id"]: row for row in dataset.sql("FROM images").to_pylist()}
    order = {"train": 0, "valid": 1, "test": 2}
    splits = {(order[row["split"]], row["image_id"]): row["split"] for row in members}
    classes = {row["image_id"]: {row["class"]} for row in members}
    labels = {
        "findings": ["granuloma", "nodule", "normal", "pulmonary mass"],
        "classes": ["nodular", "normal"],
        "all": sorted(dataset.index),
    }[columns]
    wanted = [
        {
            "image_id": image, "patient_id": images[image]["patient_id"], "split": split,
            "path": f"{dataset.images_dir}/{images[image]['path']}",
            **{
                label: int(
                    label in (classes[image] if columns == "classes" else images[image]["findings"])
                )
                for label in labels
            },
        }
        for (_, image), split in sorted(splits.items())
    ]  # fmt: skip
    table = arrow(dataset, "pair", columns)
    assert table.to_pylist() == wanted
    assert table.column_names == [*FIRST, *labels]
    assert set(table.schema.types[len(FIRST) :]) == {pyarrow.uint8()}
    assert all(Path(row["path"]).is_file() for row in wanted)
    if columns == "all":
        assert sum(sum(row[label] for label in labels) for row in wanted) > len(wanted)


def test_matrix_as_polars(dataset: ExperimentData) -> None:
    """The same rows, as the form that is asked for."""
    frame = dataset.matrix("pair", "classes", form="polars")
    assert isinstance(frame, polars.DataFrame)
    assert frame.to_dicts() == arrow(dataset, "pair", "classes").to_pylist()


def test_names_that_collide(tmp_path: Path) -> None:
    """A finding that is called like another column gets its kind behind it; others stay."""
    rows = repository(140, [[name] for name in [*NAMES, "normal"]])
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(classes={"split": "normal", "odd": "NOT normal"}, name="odd")
    table = arrow(data, "odd", "all")
    assert table.column_names == [
        *FIRST, "Path (finding)", "image_id (finding)", 'it is "odd"', "normal",
        "path (finding) (finding)", "path (finding)", "split (finding)",
    ]  # fmt: skip
    assert arrow(data, "odd", "classes").column_names == [*FIRST, "odd", "split (class)"]
    assert set(table.column("path").to_pylist()) == {None}
    shown = {name: sum(table.column(name).to_pylist()) for name in table.column_names[4:]}
    members = {row["image_id"] for row in data.dataset("odd").members.to_pylist()}
    for row, name in zip(["path", "path (finding)"], table.column_names[8:10], strict=True):
        assert shown[name] == sum(
            image["ImageID"] in members and image["Labels"] == str([row]) for image in rows
        )


def test_paths_without_a_known_folder(dataset: ExperimentData) -> None:
    """Paths are below the folder that was indexed, or that is given; else they are relative."""
    bare = ExperimentData(store=dataset.store.path)
    assert arrow(bare, "pair").column("path") == arrow(dataset, "pair").column("path")
    moved = ExperimentData("elsewhere", store=dataset.store.path)
    (path, *_) = arrow(moved, "pair").column("path").to_pylist()
    assert path.startswith(f"{Path('elsewhere').absolute()}/")


@pytest.mark.full
def test_removed_images_are_left_out(dataset: ExperimentData, cxr: Run) -> None:
    """What the store must not have any more is not handed out, and that is said."""
    before = arrow(dataset, "pair")
    gone = before.column("image_id")[5].as_py()
    remove_images(dataset.store, f"image_id = '{gone}'", SILENT)
    after = arrow(dataset, "pair")
    assert after.to_pylist() == [row for row in before.to_pylist() if row["image_id"] != gone]
    ran = cxr("matrix", "pair", "--store", dataset.store.path)
    assert "1 images of pair were removed from the store and are left out\n" in ran.err


@given(
    findings=st.lists(
        st.sets(st.sampled_from(["nodule", "scoliosis", "mass", "normal"]), min_size=1),
        min_size=30, max_size=40,
    )
)  # fmt: skip
@examples(10)
def test_a_row_an_image(findings: list[set[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the labels, each image has one row, with a 1 for its findings and no other."""
    folder = tmp_path_factory.mktemp("matrix")
    usual = [{"nodule"}, {"scoliosis"}] * 15
    rows = [
        {**USUAL, "ImageID": f"{n}.png", "PatientID": str(n), "StudyID": str(n),
         "Labels": str(sorted(labels))}
        for n, labels in enumerate([*usual, *findings])
    ]  # fmt: skip
    data = ExperimentData(
        labels_csv=write_labels(folder / "labels.csv", rows), store=folder / "store"
    )
    data.create_index()
    dataset = data.create_dataset(["nodule", "scoliosis"], name="d")
    table = arrow(data, "d", "all")
    assert sorted(table.column("image_id").to_pylist()) == sorted(
        {row["image_id"] for row in dataset.members.to_pylist()}
    )
    own = {row["image_id"]: set(row["findings"]) for row in data.sql("FROM images").to_pylist()}
    for row in table.to_pylist():
        assert {name for name in table.column_names[4:] if row[name]} == own[row["image_id"]]
    data.store.close()


def test_command(dataset: ExperimentData, cxr: Run) -> None:
    """The same rows in each format."""
    store = dataset.store.path
    wanted: list[dict[str, Any]] = arrow(dataset, "pair", "all").to_pylist()
    words = ("matrix", "pair", "--columns", "all", "--store", store, "--format")
    assert json.loads(cxr(*words, "json").out) == wanted
    lines = list(csv.DictReader(io.StringIO(cxr(*words, "csv").out)))
    assert lines == [{name: str(value) for name, value in row.items()} for row in wanted]
    raw = cxr(*words, "parquet").out.encode("utf-8", "surrogateescape")
    assert pyarrow.parquet.read_table(io.BytesIO(raw)).to_pylist() == wanted
    assert len(list(csv.reader(io.StringIO(cxr(*words, "csv", "--limit", "3").out)))) == 4
    assert len(cxr(*words, "table").out.splitlines()) == 21


def test_what_cannot_be_had(dataset: ExperimentData, cxr: Run) -> None:
    """Columns and forms that there aren't, datasets that there aren't, classes without findings."""
    dataset.create_dataset(classes={"old": "age >= 60", "young": "age < 60"}, name="ages")
    for words, sentence in (
        (("pair", "some"), "the columns of a matrix are findings, classes, all, not 'some'"),
        (("pair", "all", "pandas"), "a matrix comes as arrow or polars, not as 'pandas'"),
        (("nothing",), "the store has no dataset 'nothing': it has ages, pair"),
        (("ages",), "the classes of ages name no finding: take the columns classes or all"),
    ):
        with pytest.raises(DatasetError, match=sentence):
            dataset.matrix(*words)
    assert arrow(dataset, "ages", "classes").column_names[4:] == ["old", "young"]
    ran = cxr("matrix", "pair", "--columns", "some", "--store", dataset.store.path)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
