"""Audits: what is wrong with a split is found, whoever made it, and nothing else is."""

import csv
import gzip
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import train_test_split

from cxr_duck import ExperimentData
from cxr_duck.audit.covariates import OF_COVARIATES
from cxr_duck.audit.csv_split import split_order
from cxr_duck.audit.promised_sizes import Promise, make_promised
from cxr_duck.audit.rules import PROMISES, RULES
from cxr_duck.errors import AuditError, CxrError, DatasetError, LabelFileError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.surveys.check import judge
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run, examples
from tests.support.label_rows import USUAL, write_labels

# image, patient, study, findings: two patients of each class with two studies, one of a single one
IMAGES = [
    ("a1.png", "ann", "a-1", "['nodule']"), ("a2.png", "ann", "a-1", "['nodule']"),
    ("a3.png", "ann", "a-2", "['nodule', 'pneumonia']"),
    ("b1.png", "bob", "b-1", "['normal']"), ("b2.png", "bob", "b-2", "['normal']"),
    ("c1.png", "cat", "c-1", "['granuloma']"), ("c2.png", "cat", "c-1", "['granuloma']"),
    ("d1.png", "dan", "d-1", "['normal']"), ("d2.png", "dan", "d-1", "['normal']"),
    ("e1.png", "eve", "e-1", "['normal']"),
    ("absent.png", "fay", "f-1", "['normal']"), ("cut.png", "gil", "g-1", "['normal']"),
    ("empty.png", "gil", "g-1", "['normal']"), ("text.png", "gil", "g-1", "['normal']"),
    ("twin1.png", "hal", "h-1", "['normal']"), ("twin2.png", "ida", "i-1", "['normal']"),
]  # fmt: skip
CLEAN = [
    ("a1.png", "train", "nodular"), ("b1.png", "train", "normal"),
    ("c1.png", "test", "nodular"), ("d1.png", "test", "normal"),
]  # fmt: skip
Row = tuple[str, ...]


def write_film(path: Path, seed: int) -> None:
    """Write a small film of 16 bits."""
    pixels = numpy.random.default_rng(seed).integers(0, 65536, (24, 20), dtype=numpy.uint16)
    Image.fromarray(pixels).save(path)


def write_films(folder: Path) -> None:
    """Write the files of IMAGES: one is absent, two are the same, three are damaged."""
    folder.mkdir()
    for number, (name, *_) in enumerate(IMAGES):
        write_film(folder / name, number)
    (folder / "absent.png").unlink()
    (folder / "twin2.png").write_bytes((folder / "twin1.png").read_bytes())
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:-200])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no image")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """IMAGES, indexed with their files; one more was removed, and one was refused."""
    folder = tmp_path_factory.mktemp("audit")
    write_films(folder / "images")
    said = [
        {"ImageID": image, "PatientID": patient, "StudyID": study, "Labels": labels}
        for image, patient, study, labels in [
            *IMAGES, ("gone.png", "joe", "j-1", "['normal']"), ("bad.png", "", "k-1", "['normal']")
        ]
    ]  # fmt: skip
    labels = write_labels(folder / "labels.csv", [{**USUAL, **row} for row in said])
    data = ExperimentData(folder / "images", labels, store=folder / "store")
    assert data.create_index(allow_rejects=True)["rejects"] == 1
    remove_images(data.store, "image_id = 'gone.png'", SILENT)
    data.find_twins()
    return data


def write_split(
    path: Path, rows: Sequence[Row], header: str = "image,split,class", mark: str = ","
) -> Path:
    """Write the CSV file of a split."""
    lines = [header.replace(",", mark), *(mark.join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows_found(data: ExperimentData, path: Path, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each check that found something."""
    found = data.audit(path, **{"hierarchy": "paper", **options})
    return {
        check.name: check.rows.to_pylist()
        for check in found.checks
        if check.rows is not None and check.found
    }


# name -> (rows of the split, options, what is found)
CASES: dict[str, tuple[list[Row], dict[str, Any], dict[str, list[dict[str, Any]]]]] = {
    "clean": (CLEAN, {"shares": [50, 50], "balanced": True}, {}),
    "paths": ([(f"C:\\films\\sub/{row[0]}", *row[1:]) for row in CLEAN], {}, {}),
    "a patient whose studies are apart": (
        [*CLEAN, ("b2.png", "test", "normal"), ("a2.png", "train", "nodular")],
        {},
        {
            "patient_in_two_splits": [
                {"patient_id": "bob", "splits": ["test", "train"], "images": 2}
            ],
            "unequal_classes": [
                {"split": "test", "smallest": 1, "largest": 2},
                {"split": "train", "smallest": 1, "largest": 2},
            ],
        },
    ),
    "a study and an image": (
        [*CLEAN, ("d2.png", "train", "normal"), ("c1.png", "train", "nodular")],
        {"checks": ["study_in_two_splits", "image_in_two_splits"]},
        {
            "image_in_two_splits": [{"image_id": "c1.png", "splits": ["test", "train"]}],
            "study_in_two_splits": [
                {"patient_id": patient, "study_id": study, "splits": ["test", "train"], "images": n}
                for patient, study, n in (("cat", "c-1", 1), ("dan", "d-1", 2))
            ],
        },
    ),
    "labels": (
        [("a3.png", "x", "pneumonia"), ("b1.png", "x", "pneumonia"), ("c1.png", "x", "nodule"),
         ("c2.png", "x", "nodular"), ("d1.png", "x", "no such class"), ("e1.png", "x", "")],
        {"checks": ["label_not_held"]},
        {
            "label_not_held": [
                {"image_id": "b1.png", "split": "x", "class": "pneumonia", "findings": ["normal"]},
                {"image_id": "c1.png", "split": "x", "class": "nodule", "findings": ["granuloma"]},
            ]
        },
    ),
    "labels by queries": (
        [("a1.png", "x", "1"), ("a3.png", "x", "1"), ("b1.png", "x", "0"), ("c1.png", "x", "0")],
        {"checks": ["label_not_held"], "classes": {"1": "nodule AND NOT pneumonia", "0": "normal"}},
        {
            "label_not_held": [
                {"image_id": "a3.png", "split": "x", "class": "1",
                 "findings": ["nodule", "pneumonia"]},
                {"image_id": "c1.png", "split": "x", "class": "0", "findings": ["granuloma"]},
            ]
        },
    ),
    "a term that no image shows": (
        [("a1.png", "x", "pleural effusion")],
        {"checks": ["label_not_held"], "hierarchy": "padchest"},
        {
            "label_not_held": [
                {"image_id": "a1.png", "split": "x", "class": "pleural effusion",
                 "findings": ["nodule"]},
            ]
        },
    ),
    "unknown images": (
        [("a1.jpg", "x", ""), ("bad.png", "x", ""), ("gone.png", "x", ""), ("other.png", "y", "")],
        {},
        {
            "unknown_image": [
                {"image_id": "a1.jpg", "splits": ["x"], "cause": "the store has a1.png"},
                {"image_id": "bad.png", "splits": ["x"],
                 "cause": "row 18 of labels.csv was refused: no PatientID"},
                {"image_id": "gone.png", "splits": ["x"], "cause": "it was removed from the store"},
                {"image_id": "other.png", "splits": ["y"],
                 "cause": "no label file in the store names it"},
            ]
        },
    ),
    "files": (
        [("absent.png", "x", ""), ("cut.png", "x", ""), ("empty.png", "x", ""),
         ("text.png", "x", ""), ("a1.png", "x", "")],
        {},
        {
            "missing_file": [{"image_id": "absent.png", "splits": ["x"]}],
            "damaged_file": [
                {"image_id": name, "splits": ["x"], "path": name, "problem": problem}
                for name, problem in (
                    ("cut.png", "truncated at byte 852 (the file ends before IDAT does)"),
                    ("empty.png", "empty at byte 0 (it has no bytes)"),
                    ("text.png", "not an image at byte 0 (it begins with 6e 6f 20 69 6d 61 67 65)"),
                )
            ],
        },
    ),
    "repeated rows": (
        [("a1.png", "x", "nodule"), ("films/a1.png", "x", " nodule"), ("a1.png", "x", "nodular")],
        {"files": False},
        {"repeated_row": [{"image_id": "a1.png", "split": "x", "class": "nodule", "times": 2}]},
    ),
    "shares": (
        [(f"{name}.png", "train", "") for name in ("a1", "a2", "b1", "b2", "d1", "d2")]
        + [("c1.png", "test", "")],
        {"shares": [50, 50], "files": False},
        {
            "promise_missed": [
                {"split": "test", "class": "", "promised": 3.5, "units": 1},
                {"split": "train", "class": "", "promised": 3.5, "units": 6},
            ]
        },
    ),
}  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize("name", CASES)
def test_what_is_found(data: ExperimentData, tmp_path: Path, name: str) -> None:
    """Each rule is broken where it should be, by the rows that break it, and nowhere else."""
    rows, options, wanted = CASES[name]
    assert rows_found(data, write_split(tmp_path / "split.csv", rows), **options) == wanted


@pytest.mark.parametrize("splits", [("train", "test"), ("train", "train")])
def test_identical_files(data: ExperimentData, tmp_path: Path, splits: tuple[str, str]) -> None:
    """Two patients' identical files are wrong in two splits, and worth a note in one."""
    names = ("twin1.png", "twin2.png", "a1.png", "b1.png")
    rows = [(name, split, "") for name, split in zip(names, splits * 2, strict=True)]
    found = data.audit(write_split(tmp_path / "split.csv", rows))
    across, within = found["identical_across_splits"], found["identical_within_split"]
    apart = splits[0] != splits[1]
    assert (across.verdict, within.verdict) == (("wrong", "ok") if apart else ("ok", "note"))
    assert found.wrong == apart
    (row,) = (across if apart else within).rows.to_pylist()
    assert (row["images"], row["patients"]) == (["twin1.png", "twin2.png"], 2)


def test_every_check_has_its_proof() -> None:
    """No rule is left without a split that breaks it."""
    elsewhere = {
        "identical_across_splits", "identical_within_split",
        "twins_across_splits", "twins_within_split",  # tests/images/test_twins.py
        *OF_COVARIATES,  # tests/datasets/test_covariates.py
        *(name for rules in PROMISES.values() for name in rules),  # test_promises.py
    }  # fmt: skip
    assert set(RULES) == elsewhere.union(*(found for _, _, found in CASES.values()))


@pytest.mark.parametrize(
    ("header", "mark"),
    [
        ("ImageID,Set,Label", ","), ("PATH,subset,target", ";"), ("file,fold,finding", "\t"),
        ("filename,SPLIT,class", "|"), (" image_id , split,Class", ","),
    ],
)  # fmt: skip
def test_headers(data: ExperimentData, tmp_path: Path, header: str, mark: str) -> None:
    """Columns are known by several names, in any case, between any of four marks."""
    path = write_split(tmp_path / "a [1]*.csv", CLEAN, header, mark)
    found = data.audit(path, files=False, hierarchy="paper")
    assert (found.splits, found.classes) == (["train", "test"], ["nodular", "normal"])
    assert not found.wrong


def test_gzipped(data: ExperimentData, tmp_path: Path) -> None:
    """A gzipped file is read, and one that was cut short is refused, not taken for a shorter."""
    rows = [*CLEAN, *((f"{number}.png", "train", "x") for number in range(5000))]
    whole = gzip.compress(write_split(tmp_path / "split.csv", rows).read_bytes())
    path = tmp_path / "split.csv.gz"
    path.write_bytes(whole)
    assert data.audit(path, files=False)["unknown_image"].found == 5000
    path.write_bytes(whole[:-100])
    with pytest.raises(LabelFileError, match="is a damaged gzip file"):
        data.audit(path, files=False)


def test_the_first_choice_of_a_column(data: ExperimentData, tmp_path: Path) -> None:
    """Where a file has several columns that would do, image comes before path, class last."""
    rows = [("x/nowhere.png", "a1.png", "train", "nodule", "9")]
    path = write_split(tmp_path / "split.csv", rows, "path,image,split,class,label")
    found = data.audit(path)
    assert (found.classes, found["unknown_image"].found) == (["nodule"], 0)


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("", LabelFileError, "is empty: give a CSV file of image, split and class with"),
        ("image,split\n", LabelFileError, "has no row below its header"),
        ("a,b\n1,2\n", AuditError, "has no column of the image: call one image, image_id, .*a, b"),
        ("image,class\n1,2\n", AuditError, "has no column of the split: call one split, set,"),
        ("image,split,Split\n1,2,3\n", AuditError, "has the column split twice"),
        ("image,split\na.png,\n,x\n", AuditError, "has no row with an image and a split"),
        ("image,split\na.png,x,y,z\n", AuditError, "has 4 fields, the header 2: line 2"),
        ('image,split\na.png,x\n"b.png,x\n', LabelFileError, "in line 3 a quote is missing"),
        ("\x00image,split\n", LabelFileError, "is no CSV text in UTF-8"),
    ],
)
def test_files_that_are_no_split(
    data: ExperimentData, tmp_path: Path, text: str, error: type[CxrError], sentence: str
) -> None:
    """A file that can't be read, lacks a column or is empty is refused with one sentence."""
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(error, match=sentence) as raised:
        data.audit(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [
    "image,split,class\r\n{0},train,normal\n\n{1},test,normal\r\n",
    "image;split;class\r{0};train;normal\r{1};test;normal",
    'image\tsplit\tclass\n"{0}"\ttrain\tnormal\r\n{1}\ttest\tnormal\n',
])  # fmt: skip
def test_split_with_other_line_ends(data: ExperimentData, tmp_path: Path, text: str) -> None:
    """However the lines of a split end, and whatever separates its fields, the audit is one."""
    first, second = (image for image, *_ in IMAGES[:2])
    rows = [(first, "train", "normal"), (second, "test", "normal")]
    plain = rows_found(data, write_split(tmp_path / "split.csv", rows))
    (tmp_path / "split.csv").write_bytes(text.format(first, second).encode())
    assert rows_found(data, tmp_path / "split.csv") == plain


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"shares": [70, 20, 10]}, "the shares are 70, 20, 10, and the splits train, test: give"),
        ({"shares": [0, 0]}, "give one number above 0 for each"),
        ({"classes": {"mass": "nodule"}}, "no row is of the class 'mass'; the classes are nodular"),
        ({"checks": ["patients"]}, "there is no check 'patients'; the checks are unknown_image,"),
    ],
)
def test_questions_that_cannot_be_asked(
    data: ExperimentData, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    """What doesn't fit the file is refused."""
    with pytest.raises(AuditError, match=sentence):
        data.audit(write_split(tmp_path / "split.csv", CLEAN), **options)


def test_what_was_not_tested_is_said(data: ExperimentData, tmp_path: Path) -> None:
    """A class that means nothing here, rows that say nothing, files that nobody looked at."""
    rows = [*CLEAN, ("a1.png", "", "nodule"), ("a2.png", "train", ""), ("c2.png", "test", "odd")]
    path = write_split(tmp_path / "split.csv", rows)
    bare = ExperimentData(store=data.store.path)
    found = bare.audit(path, files=False, hierarchy="paper")
    assert found.remarks == [
        "1 rows without an image or a split are left out",
        "1 rows have no class",
        "labels were not checked for odd: no finding or term of paper is called so; say what a "
        "class is with --class NAME=QUERY",
    ]
    assert {check.name: check.untested for check in found.checks if check.untested} == {
        **dict.fromkeys(
            ("identical_across_splits", "identical_within_split", "missing_file", "damaged_file"),
            "files are not looked at",
        ),
        "promise_missed": "no shares were asked for",
        "guessed_without_pixel": "train has no image of odd that the store knows",
        "suspect_image": "no file was tested: 'cxr check' does",
    }
    assert not found.wrong


def test_files_of_a_store_without_images(odd_data: ExperimentData, tmp_path: Path) -> None:
    """Where no folder of images is known, no file is looked at."""
    path = write_split(tmp_path / "split.csv", [("image000.png", "x")], "image,split")
    found = odd_data.audit(path)
    assert found["damaged_file"].untested == "no folder of images is known"
    assert found["label_not_held"].untested == "no row has a class"


@given(splits=st.lists(st.sampled_from(["train", "valid", "test"]), min_size=16, max_size=16))
@examples(25)
def test_patients_in_two_splits_are_those_of_a_walk(
    data: ExperimentData, tmp_path: Path, splits: list[str]
) -> None:
    """However images are dealt out, the leaking patients and studies are what a walk finds."""
    rows = [(image, split) for (image, *_), split in zip(IMAGES, splits, strict=True)]
    patients, studies = defaultdict(set), defaultdict(set)
    for (_, patient, study, _), split in zip(IMAGES, splits, strict=True):
        patients[patient].add(split)
        studies[study].add(split)
    path = write_split(tmp_path / "split.csv", rows, "image,split")
    found = data.audit(path, files=False)
    leaking = {name for name, where in patients.items() if len(where) > 1}
    told = {row["patient_id"] for row in found["patient_in_two_splits"].rows.to_pylist()}
    assert told == leaking
    told = {row["study_id"] for row in found["study_in_two_splits"].rows.to_pylist()}
    assert told == {name for name, where in studies.items() if len(where) > 1}
    wanted = {
        split: (
            splits.count(split),
            sum(split in where for where in patients.values()),
            sum(split in patients[name] for name in leaking),
        )
        for split in set(splits)
    }
    composition = found.composition.to_pylist()
    assert wanted == {r["split"]: (r["images"], r["patients"], r["leaking"]) for r in composition}


def test_a_naive_split_by_image(demo_data: ExperimentData, demo: Path, tmp_path: Path) -> None:
    """scikit-learn's train_test_split deals out images, and so patients: all who leak are found."""
    labels = polars.read_csv(demo / "labels.csv", infer_schema=False).unique("ImageID")
    train, test = train_test_split(labels.sort("ImageID"), test_size=0.3, random_state=0)
    rows = polars.concat(
        [part.with_columns(split=polars.lit(name)) for part, name in ((train, "a"), (test, "b"))]
    )
    rows.select("ImageID", "split").write_csv(tmp_path / "naive.csv")
    leaking = set(train["PatientID"]) & set(test["PatientID"])
    found = demo_data.audit(tmp_path / "naive.csv")
    assert found["patient_in_two_splits"].found == len(leaking) > 50
    assert (found["missing_file"].found, found["damaged_file"].found) == (3, 5)
    assert found.wrong


# In a store where nobody looked for twins, and nobody tested files.
UNLOOKED = {"twins_across_splits", "twins_within_split", "suspect_image"}


@pytest.fixture
def dataset(own_demo: ExperimentData) -> ExperimentData:
    """A store with the datasets pair, of terms, and asked, of queries."""
    own_demo.create_dataset(["normal", "not-normal"], name="pair", pure=True, hierarchy="paper")
    queries = {
        "opaque": "under(infiltrates)",
        "right": "nodule @ right OR pleural effusion @ right",
    }
    own_demo.create_dataset(classes=queries, name="asked")
    return own_demo


@pytest.mark.full
@pytest.mark.parametrize("name", ["pair", "asked"])
def test_a_recorded_dataset_keeps_its_promises(dataset: ExperimentData, name: str) -> None:
    """Nothing is wrong with a dataset of ours but films that are damaged."""
    found = dataset.audit(name)
    assert {c.name for c in found.checks if c.untested} == UNLOOKED
    assert not [c.name for c in found.checks if c.broken and c.name[:7] != "damaged"]
    recorded = dataset.dataset(name)
    assert (found.splits, found.classes) == (
        ["train", "valid", "test"],
        list(recorded.recipe.classes),
    )
    whole = [row for row in found.composition.to_pylist() if not row["class"]]
    assert {row["split"]: row["images"] for row in whole} == {
        split: recorded.images(split) for split in found.splits
    }


@pytest.mark.full
def test_an_export_of_ours_is_audited_from_its_manifest(
    dataset: ExperimentData, tmp_path: Path
) -> None:
    """A manifest is a CSV file of split, class and image like any other."""
    dataset.export("pair", tmp_path / "out")
    found = dataset.audit(
        tmp_path / "out" / "manifest.csv", shares=[70, 20, 10], balanced=True, hierarchy="paper"
    )
    assert {c.name for c in found.checks if c.untested} == UNLOOKED
    assert [c.name for c in found.checks if c.broken] in ([], ["damaged_file"])


@pytest.mark.full
def test_variants_are_audited_as_their_images(dataset: ExperimentData, tmp_path: Path) -> None:
    """An augmented export breaks no rule; a variant in another split than its image is a leak."""
    dataset.check_integrity()
    dataset.create_dataset(["normal", "not-normal"], name="whole", hierarchy="paper")
    dataset.export("whole", tmp_path / "out", size=64, augment=2)
    manifest = tmp_path / "out" / "manifest.csv"
    found = dataset.audit(
        manifest, shares=[70, 20, 10], balanced=True, files=False, hierarchy="paper"
    )
    assert [c.name for c in found.checks if c.broken] == []
    text = manifest.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "_v2.png" in line)
    place = text.splitlines()[0].split(",").index("image_id")
    parent = line.split(",")[place].replace("_v2.png", ".png")
    manifest.write_text(text.replace(line, line.replace("train", "test", 1)), encoding="utf-8")
    found = dataset.audit(manifest, files=False, hierarchy="paper")
    broken = {c.name: c.rows.to_pylist() for c in found.checks if c.found}
    assert [row["image_id"] for row in broken["image_in_two_splits"]] == [parent]


@pytest.mark.full
def test_a_record_that_no_longer_holds(dataset: ExperimentData, cxr: Run) -> None:
    """Images that were removed, labels that were replaced and members that were lost are told."""
    members = dataset.dataset("pair").members.to_pylist()
    normal = sorted(row["image_id"] for row in members if row["class"] == "normal")
    remove_images(dataset.store, f"image_id = '{normal[0]}'", SILENT)
    assert dataset.labels_csv is not None
    with dataset.labels_csv.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ImageID"] == normal[1]]
    other = write_labels(dataset.store.path.parent / "other.csv", [{**rows[0], "Labels": "['x']"}])
    ExperimentData(dataset.images_dir, other, store=dataset.store.path).create_index(replace=True)
    found = dataset.audit("pair", files=False)
    broken = {
        c.name: [row["image_id"] for row in c.rows.to_pylist()] for c in found.checks if c.broken
    }
    assert broken == {"unknown_image": normal[:1], "label_not_held": normal[1:2]}
    with dataset.store.publishing() as publication:
        publication.catalog.execute("DELETE FROM experiments.image WHERE image_id = ?", [normal[2]])
    split = next(row["split"] for row in members if row["image_id"] == normal[2])
    wanted = sum(row["split"] == split and row["class"] == "normal" for row in members)
    (row,) = dataset.audit("pair", checks=["promise_missed"])["promise_missed"].rows.to_pylist()
    assert row == {"split": split, "class": "normal", "promised": wanted, "units": wanted - 1}


def test_a_promise_is_data(data: ExperimentData) -> None:
    """A promise of whole datasets minds what it doesn't name; tolerance is what may be missed."""
    engine = data.store.duckdb()
    engine.put(
        "audited",
        "image_id VARCHAR, split VARCHAR, class VARCHAR, patient_id VARCHAR, study_id VARCHAR",
        [
            (f"{name}{number}", "x", name, "p", "s")
            for name in "ab"
            for number in range(5 - (name == "b"))
        ],
    )
    for promise, missed in (
        (Promise({("x", "a"): 5, ("x", "b"): 4}, whole=True), []),
        (Promise({("x", "a"): 5}, whole=True), [("x", "b", 0.0, 4)]),
        (Promise({("x", "a"): 5}), []),
        (Promise({("x", ""): 7.5}, tolerance=1), [("x", "", 7.5, 9)]),
        (Promise({("x", ""): 8}, tolerance=1), []),
        (Promise({("y", "a"): 2}), [("y", "a", 2.0, 0)]),
    ):
        make_promised(engine, promise)
        assert engine.rows("promise_missed") == missed


def test_names_of_datasets(dataset: ExperimentData, tmp_path: Path) -> None:
    """A name is a dataset, then a file; what is asked of files is not asked of datasets."""
    with pytest.raises(DatasetError, match="the store has no dataset 'nonsense': it has asked"):
        dataset.audit("nonsense")
    with pytest.raises(LabelFileError, match=r"nowhere.csv does not exist"):
        dataset.audit(tmp_path / "nowhere.csv")
    for options in (
        {"shares": [1]},
        {"classes": {"a": "b"}},
        {"balanced": True},
        {"hierarchy": "paper"},
    ):
        with pytest.raises(AuditError, match="that is for a CSV file; pair has its recipe"):
            dataset.audit("pair", **options)
    with pytest.raises(AuditError, match="the check repeated_row is for a CSV file"):
        dataset.audit("pair", checks=["repeated_row"])


def test_order_of_splits() -> None:
    """Train, valid and test by their usual names, then others by name."""
    assert split_order(["x", "Test", "dev", "fold 2", "train"]) == [
        "train", "dev", "Test", "fold 2", "x",
    ]  # fmt: skip


def test_files_that_were_tested_before(data: ExperimentData, tmp_path: Path) -> None:
    """What cxr check found of a file counts while the file is as it was, and no longer."""
    assert data.images_dir is not None
    shutil.copytree(data.images_dir, tmp_path / "films")
    own = ExperimentData(tmp_path / "films", data.labels_csv, store=tmp_path / "store")
    own.create_index()
    own.check_integrity()
    split = write_split(tmp_path / "s.csv", [("a1.png", "x", ""), ("a2.png", "x", "")])
    kept = own.audit(split, checks=["damaged_file"])
    assert kept.checks[0].found == 0
    raw = (tmp_path / "films" / "a1.png").read_bytes()
    (tmp_path / "films" / "a1.png").write_bytes(raw[:-20])
    found = own.audit(split, checks=["damaged_file"]).checks[0]
    assert found.rows is not None
    assert [row["image_id"] for row in found.rows.to_pylist()] == ["a1.png"]
    assert judge(ImageFolder(tmp_path / "films"), "nothing.png").told == "missing"


def test_files_that_moved(data: ExperimentData, tmp_path: Path) -> None:
    """The files are looked for below the folder that is given, however deep."""
    assert data.images_dir is not None
    shutil.copytree(data.images_dir, tmp_path / "deep" / "er")
    (tmp_path / "deep" / "er" / "a1.png").unlink()
    moved = ExperimentData(tmp_path / "deep", store=data.store.path)
    found = moved.audit(write_split(tmp_path / "split.csv", CLEAN))
    assert [c.name for c in found.checks if c.broken] == ["missing_file"]
    assert found["missing_file"].rows.to_pylist() == [{"image_id": "a1.png", "splits": ["train"]}]


def test_images_that_are_not_there(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """Where the folder of images is gone, the other rules are tested, and the exit code is 1."""
    clean = write_split(tmp_path / "clean.csv", CLEAN)
    words = ("audit", clean, "--hierarchy", "paper", "--store", data.store.path)
    gone = tmp_path / "gone"
    ran = cxr(*words, "--images", gone)
    assert ran.code == 1
    assert ran.err.splitlines() == [
        f"could not be tested, {gone} is no folder: give the folder that holds the images: "
        "identical_across_splits, identical_within_split, missing_file, damaged_file",
        "not tested, no shares were asked for: promise_missed",
        "not tested, no file was tested: 'cxr check' does: suspect_image",
        f"{clean}: 13 rules tested, nothing is wrong",
    ]
    assert [line.split()[-1] for line in ran.out.splitlines()[1:13]].count("failed") == 4
    assert cxr(*words, "--images", gone, "--no-files").code == 0
    assert cxr(*words, "--images", gone, "--check", "study_in_two_splits").code == 0
    ran = cxr(*words, "--images", gone, "--json")
    assert (ran.code, json.loads(ran.out)["wrong"]) == (1, True)


def test_command(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """A line a rule, some rows, what is in the splits; exit 1 where something is wrong."""
    clean = write_split(tmp_path / "clean.csv", CLEAN)
    words = ("--hierarchy", "paper", "--store", data.store.path)
    ran = cxr("audit", clean, "--shares", "50,50", "--balanced", *words)
    assert (ran.code, ran.err) == (
        0,
        "not tested, no file was tested: 'cxr check' does: suspect_image\n"
        f"{clean}: 18 rules tested, nothing is wrong\n",
    )
    verdicts = [line.split()[-1] for line in ran.out.splitlines()[1:20]]
    assert sorted(verdicts) == [*["ok"] * 18, "untested"]
    assert [line.split() for line in ran.out.splitlines()[-3:]] == [
        ["share", "of", "images", "50.0%", "50.0%", "100.0%"],
        ["patients", "2", "2"],
        ["also", "in", "another", "split", "0", "0"],
    ]
    leaky = write_split(tmp_path / "leaky.csv", [*CLEAN, ("b2.png", "test", "normal")])
    ran = cxr("audit", leaky, *words)
    assert ran.code == 1
    assert (
        "\npatient_in_two_splits: 1\npatient_id  splits       images\nbob         test, train"
        in ran.out
    )
    assert ran.err.splitlines()[-1] == (
        f"{leaky}: 17 rules tested, 1 of them broken: patient_in_two_splits"
    )
    assert cxr("audit", leaky, "--balanced", "--no-files", *words).err.endswith(
        "2 of them broken: patient_in_two_splits, unequal_classes\n"
    )


def test_command_of_many_classes(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """A table has 20 classes at most, and says so; JSON has all."""
    many = write_split(tmp_path / "many.csv", [("a1.png", "x", f"c{n:02d}") for n in range(25)])
    ran = cxr("audit", many, "--no-files", "--store", data.store.path)
    lines = [line.split() for line in ran.out.splitlines()]
    start = lines.index(["c00", "1", "1"])
    assert lines[start + 1 : start + 21] == [
        *([f"c{number:02d}", "1", "1"] for number in range(1, 20)),
        ["…", "and", "5", "classes", "more"],
    ]
    ran = cxr("audit", many, "--no-files", "--json", "--store", data.store.path)
    assert len(json.loads(ran.out)["composition"]) == 26


def test_command_of_one_check(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """`--check` prints all rows of one rule, in each format; `--json` prints everything."""
    leaky = write_split(tmp_path / "leaky.csv", [*CLEAN, ("b2.png", "test", "normal")])
    store = data.store.path
    words = ("audit", leaky, "--store", store, "--check", "patient_in_two_splits")
    ran = cxr(*words, "--format", "csv")
    (line,) = csv.DictReader(io.StringIO(ran.out))
    assert (ran.code, line["patient_id"]) == (1, "bob")
    row = {"patient_id": "bob", "splits": ["test", "train"], "images": 2}
    assert json.loads(cxr(*words, "--format", "json").out) == [row]
    ran = cxr(*words, "--json")
    (check,) = json.loads(ran.out)["checks"]
    assert (ran.code, check["verdict"], check["rows"]) == (1, "wrong", [row])
    assert cxr("audit", leaky, "--store", store, "--check", "study_in_two_splits").code == 0
    untested = cxr("audit", leaky, "--store", store, "--check", "damaged_file", "--no-files")
    assert (untested.code, untested.out) == (1, "")


def test_command_refuses(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """What can't be asked is told in one sentence."""
    clean = write_split(tmp_path / "clean.csv", CLEAN)
    for words, sentence in (
        (("--shares", "70,x"), "--shares takes whole numbers, such as 70,20,10, not '70,x'"),
        (("--format", "csv"), "--format and --limit are for the rows of one --check"),
        (("--class", "nodule"), "--class takes NAME=QUERY, not 'nodule'"),
    ):
        ran = cxr("audit", clean, *words, "--store", data.store.path)
        assert ran.code == 2
        assert sentence in ran.err
    ran = cxr("audit", clean, "--class", "mass=x", "--store", data.store.path)
    assert (ran.code, ran.err.count("\n")) == (1, 1)


def test_names_that_the_store_does_not_know(data: ExperimentData, tmp_path: Path) -> None:
    """Of images that the store doesn't have nothing is called right that it can't know."""
    rows = [(image.replace(".png", ".jpg"), split, "normal") for image, split, _ in CLEAN]
    path = write_split(tmp_path / "others.csv", rows)
    found = data.audit(path, hierarchy="paper", shares=[50, 50])
    assert found.wrong
    assert found["unknown_image"].found == len(rows)
    ok = {check.name for check in found.checks if check.verdict == "ok"}
    assert ok == {"image_in_two_splits", "promise_missed", "unequal_classes", "repeated_row"}
    assert "the store has none of its images" in found["patient_in_two_splits"].untested
    path = write_split(tmp_path / "some.csv", [*rows, CLEAN[0]])
    found = data.audit(path, hierarchy="paper", files=False)
    assert found["patient_in_two_splits"].verdict == "ok"
    assert found.remarks[0].startswith("the store has 1 of the 5 images: of the others only")


@pytest.mark.full
def test_dataset_in_studies(data: ExperimentData) -> None:
    """A dataset that is counted in studies or patients promises numbers of those."""
    for unit in ("study", "patient"):
        name = f"of {unit}"
        data.create_dataset(
            ["normal", "nodular"], hierarchy="paper", unit=unit, name=name,
            shares={"train": 1, "test": 1},
        )  # fmt: skip
        assert data.audit(name, files=False)["promise_missed"].verdict == "ok"
        with data.store.publishing() as publication:
            publication.catalog.execute(
                "DELETE FROM experiments.image WHERE patient_id = 'cat' AND finding_id IN "
                "(SELECT finding_id FROM experiments.finding INNER JOIN experiments.dataset "
                "USING (dataset_id) WHERE name = $name)",
                {"name": name},
            )
        (row,) = data.audit(name, checks=["promise_missed"])["promise_missed"].rows.to_pylist()
        assert (row["class"], row["promised"], row["units"]) == ("nodular", 1, 0)
        data.delete(name)


def test_twins_of_which_one_was_to_stay(data: ExperimentData) -> None:
    """Where a recipe keeps one of twin images alone, a group of which two are there is told."""
    data.create_dataset(
        ["normal", "nodular"], hierarchy="paper", balance="none", name="twins",
        shares={"train": 1, "test": 1},
    )  # fmt: skip
    with pytest.raises(AuditError, match="a dataset whose recipe has twins: this one's asks for"):
        data.audit("twins", checks=["repeated_twin"])
    with data.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.dataset SET recipe = json_merge_patch(recipe, $one) "
            "WHERE name = 'twins'",
            {"one": '{"twins": "one"}'},
        )
    (row,) = data.audit("twins", checks=["repeated_twin"])["repeated_twin"].rows.to_pylist()
    assert row["images"] == ["twin1.png", "twin2.png"]
    data.delete("twins")
