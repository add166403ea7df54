"""What is said when a dataset is made: of its labels, its negatives and its twins."""

import shutil
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from tests.support.films import make_films
from tests.support.label_rows import repository, write_labels


def indexed(folder: Path, shapes: list[list[str]]) -> ExperimentData:
    """Return an indexed repository of sixty patients who have these labels in turn."""
    labels = write_labels(folder / "labels.csv", repository(60, shapes, 1))
    data = ExperimentData(labels_csv=labels, store=folder / "store")
    data.create_index()
    return data


def test_labels_that_no_term_reaches(tmp_path: Path) -> None:
    """Labels that no hierarchy has are told with their images, but those that a class names."""
    data = indexed(tmp_path, [["normal"], ["Normal"], ["nodule"], ["nodul", "Normal"], ["lump"]])
    made = data.create_dataset(["normal", "nodule"], store_it=False)
    assert made.notes == [
        "36 images have labels that no hierarchy has, so that no term reaches them: Normal (24), "
        "lump (12), nodul (12); name such a label as a class, or give a --hierarchy that has it"
    ]
    named = data.create_dataset(["lump", "Normal"], store_it=False)
    assert [note.split(";")[0].split(": ")[1] for note in named.notes] == ["nodul (12)"]
    asked = data.create_dataset(classes={"a": "nodule", "b": "normal"}, store_it=False)
    assert asked.notes == []
    (tmp_path / "own.csv").write_text("term,parent\nlump,\nNormal,\nnodul,\n", encoding="utf-8")
    own = data.create_dataset(["lump", "Normal"], hierarchy=tmp_path / "own.csv", store_it=False)
    assert own.notes == []


def test_negatives_that_nobody_looked_at(tmp_path: Path) -> None:
    """Of a class by NOT the images without a telling label are counted, and can be left out."""
    shapes = [
        ["nodule"], ["normal"], ["exclude"], ["unchanged", "suboptimal study"], [],
        ["suboptimal study", "scoliosis"],
    ]  # fmt: skip
    data = indexed(tmp_path, shapes)
    made = data.create_dataset(
        classes={"nodule": "nodule", "rest": "NOT nodule"}, balance="none", store_it=False
    )
    (note,) = made.notes
    told, advice = note.split("; to leave such images out add --where ")
    assert told == (
        "30 images of rest have no label that tells what is seen (10 without a label, "
        "10 labelled exclude alone, 10 labelled suboptimal study and unchanged alone)"
    )
    left = data.create_dataset(
        classes={"nodule": "nodule", "rest": "NOT nodule"}, balance="none",
        where=advice.strip('"'), store_it=False,
    )  # fmt: skip
    assert left.notes == []
    assert left.images() == made.images() - 30


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """Films of which three are one of another patient and class, and two the same in one class."""
    folder = tmp_path_factory.mktemp("doubled")
    data = make_films(folder, shapes=[["nodule"], ["normal"]])
    films = folder / "images"
    for number in (0, 4, 8):
        shutil.copy(films / f"p{number:05d}_0.png", films / f"p{number + 1:05d}_0.png")
    shutil.copy(films / "p00012_0.png", films / "p00014_0.png")
    data.check_integrity()
    return data


@pytest.mark.full
def test_one_film_in_two_classes(doubled: ExperimentData) -> None:
    """A film in two classes is told once its files were tested; one of such twins can be kept."""
    terms = ["nodule", "normal"]
    told = (
        "3 films are in different classes under several names, such as p00000_0.png and "
        "p00001_0.png: --twins one keeps one of such images, after 'cxr twins'"
    )
    assert doubled.create_dataset(terms, balance="none", store_it=False).notes == [told]
    pytest.importorskip("scipy")
    doubled.find_twins()
    together = doubled.create_dataset(terms, balance="none", twins="together", store_it=False)
    assert together.notes == [told]
    kept = {}
    for seed in range(12):
        one = doubled.create_dataset(
            terms, balance="none", twins="one", seed=seed, name=f"one {seed}"
        )
        groups = doubled.sql("FROM twin_members").to_pylist()
        members = {row["image_id"]: row["class"] for row in one.members.to_pylist()}
        names = {row["twin_group"] for row in groups}
        by_group = {name: [] for name in names}
        for row in groups:
            if row["image_id"] in members:
                by_group[row["twin_group"]].append(row["image_id"])
        assert {len(of_it) for of_it in by_group.values()} == {1}
        assert one.notes == [
            f"{len(groups) - len(names)} images have a twin that was drawn in their place, and are "
            "left out"
        ]
        kept[seed] = members[by_group["p00000_0.png"][0]]
    assert set(kept.values()) == {"nodule", "normal"}
    assert doubled.reproduce("one 0").same
    lost = sorted(
        {row["image_id"] for row in groups}
        - {row["image_id"] for row in doubled.dataset("one 11").members.to_pylist()}
    )
    verdict = doubled.why(lost[0], "one 11").verdict
    assert verdict is not None
    assert verdict.reason == "twins"


def test_keep_is_no_contradiction(doubled: ExperimentData) -> None:
    """An image that is in several classes itself, under one name, is no such film."""
    made = doubled.create_dataset(
        classes={"any": "nodule OR normal", "seen": "nodule"},
        overlap="keep", balance="none", store_it=False,
        where="image_id NOT IN ('p00000_0.png', 'p00004_0.png', 'p00008_0.png')",
    )  # fmt: skip
    assert not [note for note in made.notes if "different classes" in note]
