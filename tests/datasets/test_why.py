"""cxr why: what is known of an image, and why it is or isn't in a dataset."""

import json
from pathlib import Path
from typing import Any

import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import CxrError, DatasetError, UnknownImageError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run
from tests.support.label_rows import ODDITIES, USUAL, write_labels

# What is odd in an image's row, and the filter it falls through in each of the two datasets.
SPECIAL: dict[str, tuple[dict[str, str], str, str]] = {
    "both.png": ({"Labels": "['nodule', 'scoliosis']"}, "overlap", "pure"),
    "child.png": ({"Labels": "['nodule']", "PatientBirth": "2010"}, "where", "where"),
    "no-age.png": ({"Labels": "['nodule']", "PatientBirth": ""}, "where", "where"),
    "paced.png": ({"Labels": "['nodule', 'pacemaker']"}, "exclude", "exclude"),
    "gone.png": ({"Labels": "['nodule']"}, "file", "file"),
    "gone-paced.png": ({"Labels": "['nodule', 'pacemaker']"}, "file", "file"),
    "young-gone.png": ({"Labels": "['nodule']", "PatientBirth": "2010"}, "where", "where"),
    "other.png": ({"Labels": "['kyphosis']"}, "class", "class"),
    "none.png": ({"Labels": "nan"}, "class", "pure"),
    "several.png": ({"Labels": "['kyphosis', 'heart insufficiency']"}, "class", "pure"),
    "refused.png": ({"PatientID": ""}, "index", "index"),
}
TOLD = {
    "both.png": "it belongs to more than one class: nodule, scoliosis",
    "child.png": "it doesn't meet the condition: age >= 18",
    "paced.png": "it has an excluded finding: pacemaker",
    "gone.png": "its file was not found when the images were indexed",
    "none.png": "it has no posting, and is in no class of: nodule, scoliosis",
    "other.png": "it is in no class of: nodule, scoliosis",
    "refused.png": "it is not in the index: its row of the label file was refused",
}


def labels() -> list[dict[str, str]]:
    """Return label rows: 20 patients with a nodule, 40 with scoliosis, and the special ones."""
    plain = [("nodule", n) for n in range(20)] + [("scoliosis", n) for n in range(40)]
    rows = [
        {"ImageID": f"{word}{n:02d}.png", "PatientID": f"{word}{n}", "Labels": f"['{word}']"}
        for word, n in plain
    ]
    rows += [{"ImageID": name, "PatientID": name, **odd} for name, (odd, _, _) in SPECIAL.items()]
    return [{**USUAL, "StudyID": f"s{row['PatientID']}", **row} for row in rows]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The label rows, indexed with the files of most, and two datasets: one of pure images."""
    folder = tmp_path_factory.mktemp("why")
    (folder / "images").mkdir()
    for row in labels():
        if "gone" not in row["ImageID"]:
            (folder / "images" / row["ImageID"]).touch()
    data = ExperimentData(
        folder / "images", write_labels(folder / "labels.csv", labels()), store=folder / "store"
    )
    data.create_index()
    for name, pure in (("mixed", False), ("pure", True)):
        data.create_dataset(
            ["nodule", "scoliosis"], exclude=["pacemaker"], where="age >= 18", pure=pure, name=name
        )
    return data


@pytest.mark.sampled
@pytest.mark.parametrize("name", SPECIAL)
def test_where_an_image_drops_out(data: ExperimentData, name: str) -> None:
    """The filter is the first, in the order in which they are applied, that it doesn't pass."""
    for dataset, reason in zip(("mixed", "pure"), SPECIAL[name][1:], strict=True):
        verdict = data.why(name, dataset).verdict
        assert verdict is not None
        assert (verdict.dataset, verdict.member, verdict.reason) == (dataset, False, reason)
        if reason == SPECIAL[name][1] and name in TOLD:
            assert verdict.told == TOLD[name]
    pure = data.why("both.png", "pure").verdict
    assert pure is not None
    assert pure.told == "it has not exactly one finding: nodule, scoliosis"


@pytest.mark.full
def test_members_and_those_that_chance_left_out(data: ExperimentData) -> None:
    """Each plain image is a member as it was recorded, or was left out to make classes equal."""
    rows = data.dataset("mixed").members.to_pylist()
    members = {row["image_id"]: row for row in rows}
    kept = {
        split: sum(r["split"] == split and r["class"] == "scoliosis" for r in rows)
        for split in ("train", "valid", "test")
    }
    assert sum(kept.values()) == 20
    left_out: dict[str, int] = dict.fromkeys(kept, 0)
    available: dict[str, int] = {}
    for number in range(0, 40):
        name = f"scoliosis{number:02d}.png"
        verdict = data.why(name, "mixed").verdict
        assert verdict is not None
        assert verdict.member == (name in members)
        if verdict.member:
            split = members[name]["split"]
            said = f"it is in class scoliosis, as scoliosis, split {split}"
            assert (verdict.reason, verdict.told) == ("member", said)
            continue
        split, drawn, pool = _numbers(verdict.told)
        assert (verdict.reason, drawn) == ("balance", kept[split])
        left_out[split] += 1
        available[split] = pool
    assert available == {split: kept[split] + left_out[split] for split in kept}


def _numbers(told: str) -> tuple[str, int, int]:
    """Return the split, the images drawn and the images available that a sentence speaks of."""
    import re

    found = re.fullmatch(
        r"its patient belongs to (\w+), where (\d+) of the (\d+) images of scoliosis were drawn, "
        r"so that the classes are equal",
        told,
    )
    assert found is not None
    return found[1], int(found[2]), int(found[3])


@pytest.mark.full
def test_dataset_of_an_earlier_index(tmp_path: Path) -> None:
    """Where today's index makes another dataset the record is told, and that it explains no more.

    An index made again of the same rows explains as before.
    """
    rows = [row for row in labels() if row["ImageID"] != "refused.png"]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    data.create_dataset(["nodule", "scoliosis"], name="first")
    member = data.dataset("first").members.to_pylist()[0]
    name = member["image_id"]
    data.create_index()
    again = data.why(name, "first").verdict
    assert again is not None
    assert again.reason == "member"
    remove_images(data.store, f"image_id = '{name}'", SILENT)
    facts = data.why(name, "first")
    assert facts.image is None
    assert facts.datasets == [
        {"dataset": "first", "class": member["class"], "split": member["split"],
         "findings": [member["finding"]]},
    ]  # fmt: skip
    assert facts.verdict is not None
    assert (facts.verdict.member, facts.verdict.reason) == (True, "changed")
    assert facts.verdict.told.startswith(f"the record says: in class {member['class']}, as ")
    other = data.why("other.png", "first").verdict
    assert other is not None
    assert other.told.startswith("the record says: it is not in it; today's index makes another")
    remove_images(data.store, "list_contains(findings, 'nodule')", SILENT)
    nothing = data.why("other.png", "first").verdict
    assert nothing is not None
    assert nothing.reason == "changed"


DROPPED = {
    5: [("", "it is empty"), ("", "it is empty")],
    6: [("infiltrates", None), (" pneumonia", None), ("", "it is empty"),
        ("infiltrates ", "it repeats a label")],
    7: [("exclude", None)],
    8: [("exclude", "exclude gives way to any other label"), ("normal", None)],
    10: [("normal", "normal gives way to any finding"), ("scoliosis", None)],
    11: [("normal", None), ("normal", "it repeats a label")],
    12: [("exclude", "exclude gives way to any other label"),
         ("normal", "normal gives way to any finding"), ("unchanged", None)],
    15: [("Bochdalek's hernia", None), ("nodule", None)],
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(ODDITIES)))
def test_labels_and_what_was_dropped(odd_data: ExperimentData, number: int) -> None:
    """Each label as it stands, and why it is no finding; those that are make up the findings."""
    facts = odd_data.why(f"image{number:03d}.png")
    got = [(row["label"], row["dropped"]) for row in facts.labels]
    assert sorted(label.strip() for label, dropped in got if dropped is None) == sorted(
        ODDITIES[number][1]
    )
    assert got == DROPPED.get(number, got)
    assert [row["finding"] for row in facts.postings] == sorted(ODDITIES[number][1])
    assert facts.image is not None
    assert (
        facts.image["labels_text"]
        == (
            odd_data.sql(f"SELECT labels_text FROM images WHERE image_id = '{facts.image_id}'")
            .column(0)
            .to_pylist()[0]
        )
    )


def test_relatives(demo_data: ExperimentData) -> None:
    """The other images of the study, and how many studies and images the patient has."""
    rows = demo_data.sql("SELECT image_id, study_id, patient_id FROM images").to_pylist()
    crowded = max(rows, key=lambda row: sum(row["study_id"] == r["study_id"] for r in rows))
    for asked in (crowded, rows[0], rows[-1]):
        facts = demo_data.why(asked["image_id"])
        assert facts.study_images == sorted(
            row["image_id"]
            for row in rows
            if row["study_id"] == asked["study_id"] and row["image_id"] != asked["image_id"]
        )
        patients = [row for row in rows if row["patient_id"] == asked["patient_id"]]
        assert facts.patient_images == len(patients)
        assert facts.patient_studies == len({row["study_id"] for row in patients})
    assert len(demo_data.why(crowded["image_id"]).study_images) > 0


def test_refused_image(data: ExperimentData) -> None:
    """An image that is not in the index has its refused row: where, why, and the raw text."""
    facts = data.why("refused.png")
    assert (facts.image, facts.labels, facts.postings) == (None, [], [])
    (row,) = facts.rejects
    assert (row["file"], row["row"], row["reason"]) == ("labels.csv", 71, "no PatientID")
    assert ",refused.png," in row["raw"]
    assert data.why("both.png").rejects == []


UNKNOWN: list[tuple[str, str]] = [
    ("nodule0", "several images begin with 'nodule0': nodule00.png, nodule01.png, nodule02.png, "
     "nodule03.png, …"),
    ("pac.png", "the store has no image 'pac.png': did you mean paced.png?"),
    ("qqqqqqqqqqqq", "the store has no image 'qqqqqqqqqqqq': "
     "'cxr sql \"SELECT image_id FROM images\"' shows all"),
    ("gone", "several images begin with 'gone': gone-paced.png, gone.png"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "sentence"), UNKNOWN, ids=[word for word, _ in UNKNOWN])
def test_unknown_image(data: ExperimentData, word: str, sentence: str) -> None:
    """An id that isn't there is told with the nearest; several that begin so are named."""
    with pytest.raises(UnknownImageError) as told:
        data.why(word)
    assert str(told.value) == sentence


def test_beginning_of_an_id(data: ExperimentData) -> None:
    """The beginning of one id alone is enough; a whole id is never a beginning."""
    assert data.why("nodule07").image_id == "nodule07.png"
    assert data.why("gone.png").image_id == "gone.png"


def test_unknown_dataset(data: ExperimentData) -> None:
    """A dataset that isn't there is told with those that are."""
    with pytest.raises(DatasetError, match="the store has no dataset 'mix': it has pure, mixed"):
        data.why("gone.png", "mix")
    assert issubclass(DatasetError, CxrError)


def test_printed(data: ExperimentData, cxr: Run) -> None:
    """The command prints a line a fact and a table each of labels, postings and datasets."""
    store = data.store.path
    ran = cxr("why", "both", "--dataset", "mixed", "--store", store)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "image      both.png",
        "patient    both.png: 1 study, 1 image",
        "study      sboth.png: 2014-03-05",
        "taken      PA, F, 64 years",
        "labelled   by Physician: ['nodule', 'scoliosis']",
        "findings   nodule, scoliosis",
        "CUIs       C0205307",
        "file       both.png",
        "",
        "label        dropped",
        "'nodule'",
        "'scoliosis'",
        "",
        "finding    finding_cuis  localizations  localization_cuis  known_by",
        "nodule     C0034079                                        image",
        "scoliosis  C0036439                                        image",
        "",
        "not in mixed: it belongs to more than one class: nodule, scoliosis",
    ]
    refused = cxr("why", "refused.png", "--store", store).out.splitlines()
    assert refused[:3] == [
        "image      refused.png",
        "index      it has no row of this image",
        "refused    row 71 of labels.csv: no PatientID",
    ]
    assert "file       missing" in cxr("why", "gone.png", "--store", store).out
    assert cxr("why", "go", "--store", store).code == 1


def test_json(data: ExperimentData, cxr: Run) -> None:
    """--json has all of it, dates as text."""
    words = ("why", "gone.png", "--dataset", "pure", "--json", "--store", data.store.path)
    printed: dict[str, Any] = json.loads(cxr(*words).out)
    assert printed["image"]["study_date"] == "2014-03-05"
    assert printed["image"]["present"] is False
    assert printed["labels"] == [{"label": "nodule", "dropped": None}]
    assert printed["verdict"]["reason"] == "file"
    assert list(printed) == [
        "image_id", "image", "labels", "postings", "study_images", "patient_images",
        "patient_studies", "rejects", "datasets", "check", "removed",
        "verdict",
    ]  # fmt: skip
