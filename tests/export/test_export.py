"""Datasets on disk: folders of links or copies, and manifests."""

import csv
import json
import os
from pathlib import Path

import polars
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import ExportError
from tests.conftest import Run
from tests.support.films import make_films
from tests.support.label_rows import repository, write_labels


@pytest.fixture
def pair(own_demo: ExperimentData) -> ExperimentData:
    """A store with the dataset `pair`."""
    own_demo.create_dataset(
        ["normal", "not-normal"], name="pair", pure=True, hierarchy="paper", where="frontal"
    )
    return own_demo


@pytest.mark.sampled
@pytest.mark.parametrize("how", ["symlink", "hardlink", "copy"])
def test_folders(pair: ExperimentData, tmp_path: Path, how: str) -> None:
    """Every member lies at <split>/<class>/<image> with the bytes of its file."""
    target = tmp_path / "out"
    pair.export("pair", target, how=how)
    dataset = pair.dataset("pair")
    wanted = {f"{r['split']}/{r['class']}/{r['image_id']}" for r in dataset.members.to_pylist()}
    found = {p.relative_to(target).as_posix() for p in target.rglob("*.png")}
    assert found == wanted
    paths = pair.sql("SELECT image_id, path FROM images").to_pylist()
    sources = {row["image_id"]: row["path"] for row in paths}
    assert pair.images_dir is not None
    for name in sorted(found)[::25]:
        file = target / name
        source = pair.images_dir / sources[file.name]
        assert file.is_symlink() == (how == "symlink")
        assert os.path.samefile(file, source) == (how != "copy")
        assert file.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", [".", "../here"])
def test_the_current_folder(
    pair: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The folder that one is in is refused before anything is written."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ExportError, match="is the folder that you are in: give a new one below it"):
        pair.export("pair", name)
    assert list(here.iterdir()) == []
    assert sorted(tmp_path.iterdir()) == before


def test_manifests(pair: ExperimentData, tmp_path: Path) -> None:
    """Both manifests have a row an image, with its file, patient, findings and localizations."""
    pair.export("pair", tmp_path / "out")
    frame = polars.read_parquet(tmp_path / "out" / "manifest.parquet")
    with (tmp_path / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert frame.columns == list(lines[0]) == [
        "split", "class", "label", "image_id", "patient_id", "study_id", "projection",
        "class_findings", "findings", "localizations", "localizations_by_finding", "file",
        "atelectasis", "calcified granuloma", "fibrotic band", "granuloma", "laminar atelectasis",
        "nodule", "normal", "pneumonia", "pulmonary mass",
    ]  # fmt: skip
    assert [line["file"] for line in lines] == frame["file"].to_list()
    assert frame.height == pair.dataset("pair").images() == len({line["file"] for line in lines})
    assert all((tmp_path / "out" / line["file"]).is_file() for line in lines)


def test_same_bytes(pair: ExperimentData, tmp_path: Path) -> None:
    """The manifests of the same dataset are the same bytes, whenever they are written."""
    for name in ("one", "two"):
        pair.export("pair", tmp_path / name)
    for name in ("manifest.csv", "manifest.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_images_the_manifests_alone(tmp_path: Path, cxr: Run) -> None:
    """A repository without image files exports its manifests and says so."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["normal"]]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["nodule", "normal"], name="pair")
    ran = cxr("export", "pair", tmp_path / "out", "--store", tmp_path / "store")
    assert ran.code == 0
    assert "the manifests of pair" in ran.out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "README.md", "croissant.json", "manifest.csv", "manifest.parquet",
    ]  # fmt: skip


def test_folder_that_is_not_empty(pair: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """Nothing is written into a folder that holds something; an empty one is taken."""
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    ran = cxr("export", "pair", target, "--store", pair.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert f"{target} is not empty: give a new folder" in ran.err
    assert [p.name for p in target.iterdir()] == ["mine.txt"]
    (target / "mine.txt").unlink()
    assert cxr("export", "pair", target, "--store", pair.store.path).code == 0


def test_images_that_are_gone(pair: ExperimentData, tmp_path: Path) -> None:
    """Where a file is not where it was, the export is refused whole and names it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    data = ExperimentData(empty, store=pair.store.path)
    with pytest.raises(ExportError, match=r"images are not below .*empty, .* among them"):
        data.export("pair", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "store"]


def test_a_failure_leaves_nothing(
    pair: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up in the middle leaves no folder behind."""
    made = []
    link = os.link

    def fill_up(source: Path, target: Path) -> None:
        made.append(target)
        if len(made) > 5:
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr(os, "link", fill_up)
    with pytest.raises(ExportError, match="can't be written to: No space left on device"):
        pair.export("pair", tmp_path / "out", how="hardlink")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["store"]


def test_class_names_become_plain_folders(tmp_path: Path) -> None:
    """A term of a user's hierarchy can't lead out of the folder."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["normal"]]))
    films = tmp_path / "films"
    films.mkdir()
    for patient in range(60):
        (films / f"p{patient:05d}_0.png").write_bytes(b"x")
    mine = tmp_path / "mine.csv"
    mine.write_text("term,parent\n../../evil,\nnodule,../../evil\nnormal,\n")
    data = ExperimentData(films, labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["../../evil", "normal"], hierarchy=mine, name="pair")
    data.export("pair", tmp_path / "deep" / "er" / "out")
    folders = {p.parent.name for p in (tmp_path / "deep" / "er" / "out").rglob("*.png")}
    assert folders == {"_.._evil", "normal"}
    assert not (tmp_path / "evil").exists()


@pytest.mark.full
def test_unknown_way_of_writing(pair: ExperimentData, tmp_path: Path) -> None:
    """A word that is no way to write files is refused; so is copying what isn't there."""
    with pytest.raises(ExportError, match="symlink, hardlink, copy, not as 'sym'"):
        pair.export("pair", tmp_path / "out", how="sym")
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["normal"]]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "plain")
    data.create_index()
    data.create_dataset(["nodule", "normal"], name="pair")
    with pytest.raises(ExportError, match="no folder of images is known to this store"):
        data.export("pair", tmp_path / "out", how="copy")


def test_unknown_dataset(pair: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """The name of a dataset that isn't there is refused with those that are."""
    ran = cxr("export", "pear", tmp_path / "out", "--store", pair.store.path)
    assert ran.code == 1
    assert "has no dataset 'pear': it has pair" in ran.err
    shown = cxr("show", "pair", "--json", "--store", pair.store.path)
    assert json.loads(shown.out)["digest"] == pair.dataset("pair").digest


def _indices(folder: Path, split: str) -> dict[str, int]:
    """Return the index of each class folder as torchvision's ImageFolder numbers them."""
    names = sorted(entry.name for entry in (folder / split).iterdir() if entry.is_dir())
    return {name: index for index, name in enumerate(names)}


@pytest.mark.full
def test_the_index_of_a_class_is_the_same_in_folders(tmp_path: Path) -> None:
    """Folders sort as their classes do; where plain names would not, they begin with an index."""
    data = make_films(tmp_path)
    for name, classes, folders in (
        ("swapped", {"Lung/x": "nodule", "Lung2": "normal"}, ["0_Lung_x", "1_Lung2"]),
        ("as they are", {"b": "nodule", "a": "normal"}, ["a", "b"]),
    ):
        made = data.create_dataset(classes=classes, name=name)
        data.export(name, tmp_path / name)
        frame = polars.read_parquet(tmp_path / name / "manifest.parquet")
        for split in made.recipe.shares:
            indices = _indices(tmp_path / name, split)
            assert list(indices) == folders
            for row in frame.filter(split=split).to_dicts():
                assert indices[row["file"].split("/")[1]] == row["label"]
                assert row["label"] == sorted(classes).index(row["class"])


@pytest.mark.full
def test_a_split_that_lacks_a_class_is_refused_in_folders(tmp_path: Path) -> None:
    """A reader would give the classes behind the lacking one another index in that split."""
    data = make_films(tmp_path)
    made = data.create_dataset(["nodule", "normal"], name="pair")
    gone = {row["image_id"] for row in made.members.to_pylist() if row["split"] == "test"}
    gone &= {row["image_id"] for row in made.members.to_pylist() if row["class"] == "nodule"}
    listed = ", ".join(f"'{image_id}'" for image_id in sorted(gone))
    data.remove(f"image_id IN ({listed})")
    with pytest.raises(ExportError, match="no image of 'nodule' is in 'test', so that a reader"):
        data.export("pair", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert data.export("pair", tmp_path / "tars", form="webdataset")["images"] > 0


def test_a_split_called_like_a_file_of_the_export_is_refused(tmp_path: Path) -> None:
    """A split and a manifest can't have one name, however it is written."""
    data = make_films(tmp_path)
    data.create_dataset(["nodule", "normal"], name="odd", shares={"train": 1, "README.md": 1})
    with pytest.raises(ExportError, match=r"'README\.md' has the name of a file"):
        data.export("odd", tmp_path / "out")
    assert not (tmp_path / "out").exists()
