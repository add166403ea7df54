"""Recipes: each option against what it promises, told in plain Python from the label rows."""

import json
import random
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_duck import Dataset, ExperimentData
from cxr_duck.cli.dataset_tables import print_plan
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.toml import recipe_as_toml
from cxr_duck.errors import CxrError, DatasetError, RecipeError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run, examples
from tests.support.label_rows import USUAL, repository, write_labels
from tests.support.promises import Rows, check_promises, members_of

CLASSES = ["nodule", "scoliosis", "pneumonia"]
# What an image shows: one class, several of them, or something beside a class.
SHOWN = [
    *(["nodule"],) * 3, *(["scoliosis"],) * 5, *(["pneumonia"],) * 4, ["nodule", "scoliosis"],
    ["scoliosis", "pneumonia"], ["nodule", "pneumonia"], ["nodule", "pacemaker"], ["normal"],
    ["scoliosis", "pacemaker"], ["nodule", "scoliosis", "pneumonia"],
]  # fmt: skip


def mixed_rows(patients: int, seed: int) -> list[dict[str, str]]:
    """Return label rows of patients with one to five images, in up to three studies over years."""
    chance = random.Random(seed)
    rows = []
    for patient in range(patients):
        studies = chance.randint(1, 3)
        by_hand = chance.random() < 0.5
        for image in range(chance.choice([1, 1, 2, 3, 5])):
            study = chance.randrange(studies)
            year = 2009 + (patient + 3 * study) % 8
            rows.append(
                {
                    **USUAL,
                    "ImageID": f"m{patient:04d}_{image}.png",
                    "PatientID": f"patient{patient}",
                    "StudyID": f"study{patient // 2}-{study}",
                    "StudyDate_DICOM": f"{year}0{1 + study}15" if chance.random() < 0.95 else "",
                    "MethodLabel": "Physician" if by_hand else "RNN_model",
                    "PatientSex_DICOM": ("F", "M", "F", "M", "nan")[patient % 5],
                    "PatientBirth": f"{1925 + 9 * (patient % 8)}.0" if patient % 19 else "",
                    "Projection": ("PA", "AP")[patient // 3 % 2],
                    "Labels": str(chance.choice(SHOWN)),
                }
            )
    return rows


def indexed(folder: Path, labels: list[dict[str, str]]) -> ExperimentData:
    """Index label rows."""
    path = write_labels(folder / "labels.csv", labels)
    data = ExperimentData(labels_csv=path, store=folder / "store")
    data.create_index()
    return data


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The made-up label rows by image."""
    return {row["ImageID"]: row for row in mixed_rows(420, 7)}


@pytest.fixture(scope="module")
def mixed(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The made-up repository, indexed."""
    return indexed(tmp_path_factory.mktemp("mixed"), [dict(row) for row in rows.values()])


@pytest.fixture(scope="module")
def shuffled(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The same repository, its rows in another order."""
    lines = [dict(row) for row in rows.values()]
    random.Random(3).shuffle(lines)
    return indexed(tmp_path_factory.mktemp("shuffled"), lines)


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "overlap first": {"overlap": "first"},
    "overlap keep": {"overlap": "keep"},
    "balance none": {"balance": "none"},
    "balance none, overlap keep": {"balance": "none", "overlap": "keep"},
    "ratio": {"balance": "3:2:1"},
    "ratio by name": {"balance": {"pneumonia": 2, "nodule": 1, "scoliosis": 5}},
    "ratio, overlap keep": {"balance": "1:2:2", "overlap": "keep"},
    "pure, findings equal": {"pure": True, "findings": "equal"},
    "exclude": {"exclude": ["pacemaker"], "seed": 2},
    "per patient 1": {"per_patient": 1},
    "per patient 2, first": {"per_patient": 2, "overlap": "first"},
    "study": {"unit": "study"},
    "study, first": {"unit": "study", "overlap": "first"},
    "patient": {"unit": "patient"},
    "patient, keep": {"unit": "patient", "overlap": "keep", "balance": "none"},
    "study, per patient": {"unit": "study", "per_patient": 1, "overlap": "first"},
    "two splits": {"shares": {"train": 80, "test": 20}},
    "four splits": {"shares": {"a": 4, "b": 3, "c": 2, "d": 1}},
    "decimals": {"shares": {"train": 0.75, "valid": 0.125, "test": 0.125}},
    "one split": {"shares": {"all": 1}},
    "by date": {"by_date": ["2013-01-01"]},
    "by date, three": {"by_date": ["2012-06-30", "2014-06-30"], "overlap": "first"},
    "by date, ratio, study": {"by_date": ["2013-01-01"], "balance": "1:2:2", "unit": "study"},
    "by date, keep": {"by_date": ["2013-01-01"], "overlap": "keep"},
    "by date, none": {"by_date": ["2013-01-01"], "balance": "none"},
    "folds": {"folds": 5},
    "folds, keep": {"folds": 3, "overlap": "keep"},
    "by hand": {"physician_test": True},
    "by hand, study": {"physician_test": True, "unit": "study", "overlap": "first"},
    "by hand, none": {"physician_test": True, "balance": "none"},
    "by hand, by date": {"physician_test": True, "by_date": ["2013-01-01"]},
    "stratify": {"stratify": ["sex", "age:10"]},
    "stratify, folds, study": {"stratify": ["year"], "folds": 3, "unit": "study"},
    "stratify, keep, none": {"stratify": ["sex"], "overlap": "keep", "balance": "none"},
    "stratify, by hand": {"stratify": ["sex"], "physician_test": True},
    "match": {"match": ["sex"]},
    "match, several": {"match": ["sex", "age:20", "projection"], "overlap": "first"},
    "match, ratio": {"match": ["sex"], "balance": "2:1:1"},
    "match, patient": {"match": ["sex"], "unit": "patient", "overlap": "first"},
    "match, study, year": {"match": ["year"], "unit": "study", "overlap": "first"},
    "match, per patient": {"match": ["sex"], "per_patient": 1},
    "match, by date": {"match": ["sex"], "by_date": ["2013-01-01"]},
    "match, by hand": {"match": ["sex"], "physician_test": True},
    "match, folds, stratify": {"match": ["sex"], "folds": 3, "stratify": ["year"]},
    "match, size": {"match": ["sex"], "size": 41},
    "match, ratio, size": {"match": ["sex"], "balance": "1:2:1", "size": 40},
    "match, size of one split": {"match": ["sex"], "size": {"train": 12}},
    "size": {"size": 40},
    "size of splits": {"size": {"train": 30, "test": 5}},
    "size, ratio": {"size": 33, "balance": "3:2:1"},
    "size, none": {"size": 70, "balance": "none"},
    "size, pure, findings equal": {"size": 30, "pure": True, "findings": "equal"},
    "size, by date": {"size": {"train": 17}, "by_date": ["2013-01-01"]},
    "size, folds, study, stratify": {
        "size": 30,
        "folds": 4,
        "unit": "study",
        "stratify": ["sex"],
    },
    "size, patient, per patient": {"size": 25, "unit": "patient", "per_patient": 2},
}


@pytest.mark.sampled
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
def test_options_hold_what_they_promise(
    mixed: ExperimentData, rows: Rows, options: dict[str, Any]
) -> None:
    """Overlaps, sizes, shares, units, dates and labels by hand are as asked, and all adds up."""
    dataset = mixed.create_dataset(CLASSES, store_it=False, **options)
    if options.get("physician_test") and options.get("by_date"):
        splits = {r["split"] for r in members_of(dataset) if not by_hand(rows, r["image_id"])}
        assert splits <= {"train"}
        return
    check_promises(dataset, rows, CLASSES, options)


def by_hand(rows: Rows, image: str) -> bool:
    """Tell whether an image was labelled by hand."""
    return rows[image]["MethodLabel"] == "Physician"


@pytest.mark.sampled
@pytest.mark.parametrize(
    "kind",
    [
        "plain",
        "overlap keep",
        "ratio",
        "study, first",
        "folds",
        "by hand",
        "by date, three",
        "stratify",
        "match, several",
        "match, ratio, size",
        "match, study, year",
        "size of splits",
        "size, pure, findings equal",
    ],
)
def test_same_bytes(
    mixed: ExperimentData,
    shuffled: ExperimentData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """With 1 and 8 threads and after a shuffle of the rows a recipe has the same members."""
    digests = set()
    for data in (mixed, shuffled):
        for threads in ("1", "8"):
            # A store of its own: DuckDB keeps the settings of a database that is open already.
            folder = shutil.copytree(
                data.store.path, tmp_path / f"{len(digests)}{threads}{id(data)}"
            )
            monkeypatch.setenv("CXR_THREADS", threads)
            fresh = ExperimentData(store=folder)
            set_to = fresh.sql("SELECT current_setting('threads') AS n").to_pylist()
            assert set_to == [{"n": int(threads)}]
            digests.add(fresh.create_dataset(CLASSES, store_it=False, **OPTIONS[kind]).digest)
            fresh.store.close()
    assert len(digests) == 1


@pytest.mark.sampled
@pytest.mark.parametrize(
    "kind",
    ["findings", "kept", "hand", "dates", "folds", "strata", "match", "matched study", "size"],
)
def test_reproduce(
    mixed: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What is recorded is made again from the record, whatever the number of threads."""
    shutil.copytree(mixed.store.path, tmp_path / "store")
    options: dict[str, Any] = {
        "findings": {"findings": "equal", "pure": True, "balance": "none"},
        "kept": {"overlap": "keep", "balance": "1:1:2"},
        "hand": {"physician_test": True, "per_patient": 2},
        "dates": {"by_date": ["2013-01-01"], "unit": "study"},
        "folds": {"folds": 4, "overlap": "first"},
        "strata": {"stratify": ["sex", "age:5"], "size": {"test": 6}},
        "match": {"match": ["sex", "year"], "balance": "2:1:1"},
        "matched study": {"match": ["sex"], "unit": "study", "overlap": "first", "size": 30},
        "size": {"size": 50, "overlap": "first"},
    }[kind]
    for threads in ("1", "8"):
        monkeypatch.setenv("CXR_THREADS", threads)
        data = ExperimentData(store=tmp_path / "store")
        if threads == "1":
            made = data.create_dataset(CLASSES, name=kind, **options)
        found = data.reproduce(kind)
        assert found.same
        assert found.made is not None
        assert found.made.members.equals(made.members)
        data.store.close()


def units_of_findings(dataset: Dataset, name: str) -> dict[str, Counter[str]]:
    """Return the images of each finding of a class, a split."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in members_of(dataset):
        if row["class"] == name:
            found[row["split"]][row["finding"]] += 1
    return found


@pytest.mark.sampled
@pytest.mark.parametrize("options", [{}, {"balance": "none"}, {"balance": "1:2"}, {"folds": 3}])
def test_findings_equal(tmp_path: Path, options: dict[str, Any]) -> None:
    """The findings of a class have the same number of images in every split, to one image."""
    findings = [["nodule"]] * 6 + [["granuloma"]] * 3 + [["pulmonary mass"]] + [["normal"]] * 4
    data = indexed(tmp_path, repository(700, findings, images_each=2))
    made = data.create_dataset(
        ["normal", "nodular"], hierarchy="paper", findings="equal", store_it=False, **options
    )
    for found in units_of_findings(made, "nodular").values():
        assert len(found) == 3
        assert max(found.values()) - min(found.values()) <= 1
    rarest = sum(found["pulmonary mass"] for found in units_of_findings(made, "nodular").values())
    assert rarest >= 0.75 * len(data.index["pulmonary mass"])


@pytest.mark.full
def test_overlap_of_nested_classes_is_refused(tmp_path: Path) -> None:
    """Classes of which one holds the other can't be kept and equal: both would be the same."""
    data = indexed(tmp_path, repository(120, [["nodule"], ["granuloma"], ["pulmonary mass"]]))
    with pytest.raises(RecipeError, match="'nodular' and 'nodule' can only have their ratio where"):
        data.create_dataset(["nodular", "nodule"], hierarchy="paper", overlap="keep")
    kept = data.create_dataset(
        ["nodular", "nodule"], hierarchy="paper", overlap="keep", balance="none", store_it=False
    )
    assert Counter(row["class"] for row in members_of(kept)) == {"nodular": 120, "nodule": 40}
    with pytest.raises(RecipeError, match="findings = equal needs classes that share no images"):
        data.create_dataset(
            ["nodular", "nodule"], hierarchy="paper", overlap="keep", findings="equal"
        )
    assert data.datasets() == []


STRADDLING = [
    (["20120101", "20120101", "20150101"], "train", 2),
    (["20120101", "20150101", "20150101"], "test", 2),
    (["20120101", "20150101"], "test", 1),  # a tie goes to the later side
    (["20120101", "20131231"], "train", 2),
    (["20120101", "20140101"], "test", 1),  # the day itself is of the later side
    (["", "20120101"], "train", 1),
    ([""], None, 0),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("days", "split", "images"), STRADDLING)
def test_patients_who_straddle_a_date(
    tmp_path: Path, days: list[str], split: str | None, images: int
) -> None:
    """They go to the side of most of their images, at a tie to the later; the others are out."""
    labels = repository(80, [["nodule"], ["scoliosis"]])
    for place, row in enumerate(labels):
        row["StudyDate_DICOM"] = "20100101" if place % 4 < 2 else "20160101"
    odd = [
        {
            **USUAL, "ImageID": f"odd{place}.png", "PatientID": "odd", "StudyID": f"odd{place}",
            "StudyDate_DICOM": day, "Labels": "['nodule']",
        }
        for place, day in enumerate(days)
    ]  # fmt: skip
    data = indexed(tmp_path, labels + odd)
    made = data.create_dataset(
        ["nodule", "scoliosis"], by_date=["2014-01-01"], balance="none", store_it=False
    )
    found = [row["split"] for row in members_of(made) if row["patient_id"] == "odd"]
    assert found == [split] * images
    assert made.removals.get(("nodule", "date"), 0) == len(days) - images


def patients_by_split(dataset: Dataset) -> dict[str, set[str]]:
    """Return the patients of each split."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in members_of(dataset):
        found[row["split"]].add(row["patient_id"])
    return found


@pytest.mark.full
def test_keep_apart_of_a_chain(mixed: ExperimentData, tmp_path: Path, rows: Rows) -> None:
    """No patient of one's train comes to the other's test, in both directions and down a chain."""
    shutil.copytree(mixed.store.path, tmp_path / "store")
    data = ExperimentData(store=tmp_path / "store")
    data.create_dataset(["nodule", "scoliosis"], name="first")
    second = data.create_dataset(
        ["pneumonia", "scoliosis"], keep_apart="first", seed=9, name="second"
    )
    third = data.create_dataset(["nodule", "pneumonia"], keep_apart="second", seed=4, name="third")
    for one, other in (("first", second), ("second", third)):
        before, after = patients_by_split(data.dataset(one)), patients_by_split(other)
        assert not after["test"] & (before["train"] | before["valid"])
        assert not before["test"] & (after["train"] | after["valid"])
    for dataset, classes in (
        (second, ["pneumonia", "scoliosis"]),
        (third, ["nodule", "pneumonia"]),
    ):
        check_promises(dataset, rows, classes, {})
        assert data.reproduce(dataset.name).same


@pytest.mark.full
def test_folds_beside_a_held_out_test(mixed: ExperimentData, tmp_path: Path) -> None:
    """Folds part what another dataset does not hold out, or the first of some shares."""
    shutil.copytree(mixed.store.path, tmp_path / "store")
    data = ExperimentData(store=tmp_path / "store")
    terms = ["nodule", "scoliosis"]
    held_out = data.create_dataset(terms, shares={"dev": 4, "test": 1}, name="hold")
    folds = data.create_dataset(terms, folds=3, keep_apart="hold", seed=5, name="folds")
    assert folds.recipe.shares == {"fold1": 1, "fold2": 1, "fold3": 1}
    patients = patients_by_split(held_out)
    of_folds = set().union(*patients_by_split(folds).values())
    assert not of_folds & patients["test"]
    assert of_folds & patients["dev"]
    gone = {row["patient_id"] for row in members_of(held_out) if row["split"] == "test"}
    assert (
        f"kept apart from hold: no split is the test here, so that {len(gone):,} patients of its "
        "test are left out"
    ) in folds.notes
    assert data.reproduce("folds").same

    both = data.create_dataset(terms, folds=3, shares={"dev": 80, "test": 20}, name="both")
    assert both.recipe.shares == {"fold1": 80, "fold2": 80, "fold3": 80, "test": 60}
    by_hand = data.create_dataset(
        terms, shares={"fold1": 80, "fold2": 80, "fold3": 80, "test": 60}, name="by hand"
    )
    assert by_hand.digest == both.digest
    with pytest.raises(RecipeError, match="folds has folds and no test"):
        data.create_dataset(terms, keep_apart="folds", name="chain")
    data.create_dataset(terms, test="none", name="untested")
    with pytest.raises(RecipeError, match="untested has folds and no test"):
        data.create_dataset(terms, keep_apart="untested", name="chain")


@pytest.mark.full
def test_the_test_is_the_split_that_is_named(mixed: ExperimentData, tmp_path: Path) -> None:
    """`test` names the split that takes what another dataset holds out, or says that none does."""
    shutil.copytree(mixed.store.path, tmp_path / "store")
    data = ExperimentData(store=tmp_path / "store")
    terms, shares = ["nodule", "scoliosis"], {"a": 3, "b": 1, "c": 1}
    held_out = patients_by_split(data.create_dataset(terms, name="nature"))["test"]
    for test, holder in ((None, "c"), ("b", "b"), ("a", "a"), ("none", None)):
        made = data.create_dataset(
            terms, shares=shares, keep_apart="nature", test=test, name=f"test {test}"
        )
        found = {split for split, ids in patients_by_split(made).items() if ids & held_out}
        assert found == ({holder} if holder else set())
        assert sum("kept apart from nature: " in note for note in made.notes) == 1
        hint = ", the last split, which is the test (--test names another, or none)"
        assert any(f"come to c alone{hint}" in note for note in made.notes) == (test is None)
        assert data.reproduce(made.name).same
        (tmp_path / "recipe.toml").write_text(data.recipe_file(made.name), encoding="utf-8")
        again = data.create_from_recipe(tmp_path / "recipe.toml", store_it=False)
        assert (again.digest, again.recipe) == (made.digest, made.recipe)


def test_a_recipe_that_names_no_test_is_written_as_before(mixed: ExperimentData) -> None:
    """A key that a version brought stands in a record only where it is asked for."""
    plain = mixed.create_dataset(["nodule", "scoliosis"], store_it=False).recipe
    named = mixed.create_dataset(["nodule", "scoliosis"], test="none", store_it=False).recipe
    assert "test" not in json.loads(plain.to_json())
    assert json.loads(named.to_json())["test"] == "none"
    assert Recipe.from_json(named.to_json()) == named


def test_keep_apart_needs_the_dataset(mixed: ExperimentData) -> None:
    """A dataset that isn't there can't be kept apart from, and that is said."""
    with pytest.raises(DatasetError, match="there is no dataset 'nobody' to keep apart from"):
        mixed.create_dataset(["nodule", "scoliosis"], keep_apart="nobody")


RANDOM_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "overlap": st.sampled_from(["first", "keep"]),
        "balance": st.sampled_from(["none", "2:1", "1:3"]),
        "unit": st.sampled_from(["study", "patient"]),
        "per_patient": st.integers(1, 3),
        "pure": st.just(True),
        "exclude": st.just(["pacemaker"]),
        "seed": st.integers(-5, 2**40),
        "stratify": st.sampled_from([["sex"], ["age:20", "year"]]),
        "match": st.sampled_from([["sex"], ["projection", "sex"]]),
        "size": st.integers(3, 40),
    },
)
RANDOM_SPLITS = st.sampled_from(
    [
        {}, {"folds": 2}, {"folds": 4}, {"physician_test": True}, {"by_date": ["2013-01-01"]},
        {"shares": {"train": 1, "test": 1}}, {"shares": {"a": 5, "b": 3, "c": 1.5, "d": 0.5}},
    ]
)  # fmt: skip


@examples(25)
@given(st.integers(0, 10**6), st.integers(20, 120), RANDOM_OPTIONS, RANDOM_SPLITS)
def test_any_recipe(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    patients: int,
    options: dict[str, Any],
    splits: dict[str, Any],
) -> None:
    """Any options on any repository: all promises hold and it is made again, or it is refused."""
    lines = mixed_rows(patients, seed)
    data = indexed(tmp_path_factory.mktemp("any"), lines)
    classes = ["nodule", "scoliosis"]
    asked = {**options, **splits}
    try:
        dataset = data.create_dataset(classes, name="any", **asked)
    except RecipeError as error:
        assert "\n" not in str(error)
        told = ("(", "can only have their ratio", "needs classes that share no", "give size a num")
        assert any(word in str(error) for word in (*told, "leave balance = none out"))
        assert data.datasets() == []
    else:
        check_promises(dataset, {row["ImageID"]: row for row in lines}, classes, asked)
        assert data.reproduce("any").same
    data.store.close()


RECIPE = """
name = "{name}"
experiment = "written"
terms = ["nodule", "scoliosis"]
exclude = ["pacemaker", "age < 0"]
where = "projection = 'PA'"
seed = 5
overlap = "first"
balance = "2:1"
per_patient = 2

[classes]
lung = "pneumonia AND NOT nodule"

[splits]
shares = {{ train = 0.6, test = 0.4 }}
by_date = [2013-01-01]
"""


@pytest.mark.full
def test_file_and_options_ask_for_the_same(mixed: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """A TOML file, the same options on the command line and in Python make the same dataset."""
    store = shutil.copytree(mixed.store.path, tmp_path / "store")
    written = RECIPE.format(name="filed").replace('"2:1"', '"2:1:3"')
    (tmp_path / "recipe.toml").write_text(written)
    options = [
        "nodule", "scoliosis", "--class", "lung=pneumonia AND NOT nodule", "--exclude",
        "pacemaker", "--exclude", "age < 0", "--where", "projection = 'PA'", "--seed", "5",
        "--overlap", "first", "--balance", "2:1:3", "--per-patient", "2", "--shares",
        "train=0.6,test=0.4", "--by-date", "2013-01-01", "--name", "typed",
    ]  # fmt: skip
    for words in (["--recipe", str(tmp_path / "recipe.toml")], options):
        ran = cxr("create", *words, "--store", store)
        assert ran.code == 0
    data = ExperimentData(store=store)
    filed, typed = data.dataset("filed"), data.dataset("typed")
    assert filed.digest == typed.digest
    assert filed.recipe == typed.recipe
    assert [(r["name"], r["experiment"]) for r in data.datasets()] == [
        ("filed", "written"), ("typed", "default"),
    ]  # fmt: skip
    named = data.create_from_recipe(tmp_path / "recipe.toml", name="other", experiment="second")
    assert named.digest == filed.digest
    assert data.datasets()[-1]["experiment"] == "second"


@pytest.mark.sampled
@pytest.mark.parametrize("kind", OPTIONS)
def test_recipe_written_as_toml_asks_for_it_again(
    mixed: ExperimentData, tmp_path: Path, kind: str
) -> None:
    """The TOML of a recipe, read again, asks for the same recipe and so makes the same dataset."""
    made = mixed.create_dataset(
        ["nodule"],
        classes={"bent": "scoliosis AND age >= 1", "pus": "pneumonia"},
        store_it=False,
        **{
            **OPTIONS[kind],
            **({"balance": "2:3:1"} if kind.startswith("ratio by") else {}),
            "where": "sex = 'F'",
        },
    )
    path = tmp_path / "again.toml"
    path.write_text(recipe_as_toml(made.recipe, "again", "default"))
    again = mixed.create_from_recipe(path, store_it=False)
    assert again.recipe == made.recipe
    assert again.digest == made.digest


def test_hierarchy_is_looked_for_beside_its_recipe(
    mixed: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a hierarchy in a recipe is relative to the file, wherever it is read from."""
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "organs.csv").write_text("term,parent\nlung,\nnodule,lung\nbone,\n")
    recipe = tmp_path / "study" / "recipe.toml"
    recipe.write_text('terms = ["lung", "scoliosis"]\nhierarchy = "organs.csv"\n')
    monkeypatch.chdir(tmp_path)
    made = mixed.create_from_recipe("study/recipe.toml", store_it=False)
    assert made.recipe.classes == {"lung": ["nodule"], "scoliosis": ["scoliosis"]}


TERMS = 'terms = ["nodule", "scoliosis"]\n'
BAD_FILES = [
    ("terms = [", "is no TOML"),
    ("termz = ['a']", "termz is no part of a recipe: did you mean terms?"),
    (TERMS + "shares = 3", "shares is no part of a recipe"),
    (TERMS + "splits = 3", "splits is a table, [splits], not 3"),
    (TERMS + "[splits]\nfold = 3", "splits.fold is no part of a recipe: did you mean folds?"),
    ("terms = 3", "terms must be a list of terms, not 3"),
    ("terms = ['nodule', 3]", "terms must be a list of terms, not ['nodule', 3]"),
    ("", "a dataset needs at least one term"),
    (TERMS + "exclude = [3]", "exclude must be a list of terms, not [3]"),
    (TERMS + "classes = []", "classes must map names to queries"),
    (TERMS + "classes = { a = 3 }", "classes must map names to queries"),
    (TERMS + 'classes = { "" = "nodule" }', "the name of a class must be one line of text"),
    (TERMS + "where = 3", "where is text, not 3"),
    (TERMS + "hierarchy = 3", "hierarchy is text, not 3"),
    (TERMS + 'hierarchy = "none.csv"', "none.csv can't be read"),
    (TERMS + "name = 3", "the name must be one line of text, not 3"),
    (TERMS + 'experiment = ""', "the experiment must be one line of text, not ''"),
    (TERMS + "pure = 1", "pure is true or false, not 1"),
    (TERMS + "seed = 1.0", "the seed must be a whole number of at most 63 bits, not 1.0"),
    (TERMS + "seed = true", "the seed must be a whole number of at most 63 bits, not True"),
    (TERMS + "overlap = []", "overlap is drop, first or keep, not []"),
    (TERMS + "unit = 'film'", "unit is image, study or patient, not 'film'"),
    (TERMS + "findings = 3", "findings is proportional or equal, not 3"),
    (TERMS + "per_patient = 1.5", "per_patient is the most images of a patient and class, 1 or"),
    (TERMS + "per_patient = true", "per_patient is the most images of a patient and class, 1 or"),
    (TERMS + "balance = 2", "balance is equal, none, or a ratio such as 2:1"),
    (TERMS + "balance = { nodule = 1 }", "a whole number for each of the 2 classes"),
    (TERMS + "balance = { nodule = 1, scoliosis = true }", "a whole number for each of the 2"),
    (TERMS + "[splits]\nfolds = true", "folds is a number from 2 to 50, not True"),
    (TERMS + "[splits]\nfolds = 3\nby_date = [2014-01-01]", "folds are all alike"),
    (TERMS + "[splits]\ntest = 'best'", "test names the split 'best': it has train, valid, test"),
    (TERMS + "[splits]\ntest = 1", "test is text, not 1"),
    (TERMS + "[splits]\nshares = {}", "each split needs a share above 0"),
    (TERMS + "[splits]\nshares = [1, 2]", "shares map splits to numbers, not [1, 2]"),
    (TERMS + "[splits]\nshares = { a = nan }", "shares map splits to numbers"),
    (TERMS + "[splits]\nshares = { a = 1, b = -1 }", "each split needs a share above 0"),
    (TERMS + "[splits]\nshares = { a = 1e-9, b = 1 }", "shares have at most six digits"),
    (TERMS + '[splits]\nshares = { "../a" = 1, b = 1 }', "the name of a split becomes a folder's"),
    (TERMS + '[splits]\nshares = { "" = 1 }', "the name of a split becomes a folder's"),
    (TERMS + "[splits]\nby_date = 3", "by_date has dates such as 2014-06-30, not 3"),
    (TERMS + "[splits]\nby_date = [2014-01-01T10:00:00]", "by_date has dates such as 2014-06-30"),
    (TERMS + "[splits]\nby_date = [10:00:00]", "by_date has dates such as 2014-06-30"),
    (TERMS + "[splits]\nby_date = [2014-01-01, 2013-01-01]", "by_date needs 2 dates in order"),
    (TERMS + "[splits]\nkeep_apart = 3", "keep_apart is text, not 3"),
    (TERMS + "[splits]\nphysician_test = 1", "physician_test is true or false, not 1"),
    (
        TERMS + "[splits]\nphysician_test = true\nshares = { all = 1 }",
        "keep_apart and physician_test need two splits at least, not all",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_bad_recipe_file(mixed: ExperimentData, tmp_path: Path, text: str, message: str) -> None:
    """Every wrong key, type and value is one sentence that names it, and nothing is recorded."""
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(CxrError) as error:
        mixed.create_from_recipe(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert mixed.datasets() == []


BAD_OPTIONS: list[tuple[list[str], str]] = [
    ([], "a dataset needs at least one term"),
    (["nodule", "scoliosis", "--overlap", "maybe"], "overlap is drop, first or keep"),
    (["nodule", "scoliosis", "--balance", "1:0"], "a ratio such as 2:1 with a whole number"),
    (["nodule", "scoliosis", "--balance", "1:2:3"], "for each of the 2 classes, not '1:2:3'"),
    (["nodule", "scoliosis", "--balance", "most"], "balance is equal, none, or a ratio"),
    (["nodule", "scoliosis", "--findings", "none"], "findings is proportional or equal"),
    (["nodule", "scoliosis", "--unit", "film"], "unit is image, study or patient"),
    (["nodule", "scoliosis", "--per-patient", "0"], "1 or more, not 0"),
    (["nodule", "scoliosis", "--per-patient", "few"], "should be a valid integer"),
    (["nodule", "scoliosis", "--shares", ""], "--shares needs a name for each split, not ''"),
    (["nodule", "scoliosis", "--shares", "train"], "--shares needs a name for each split"),
    (["nodule", "scoliosis", "--shares", "1,2,3,4"], "--shares needs a name for each split"),
    (["nodule", "scoliosis", "--shares", "a=1,a=2"], "--shares needs a name for each split"),
    (["nodule", "scoliosis", "--shares", "a=1,b=x"], "--shares takes SPLIT=NUMBER,…"),
    (["nodule", "scoliosis", "--shares", "=1,b=1"], "--shares takes SPLIT=NUMBER,…"),
    (["nodule", "scoliosis", "--shares", "a=1,,b=1"], "--shares takes SPLIT=NUMBER,…"),
    (["nodule", "scoliosis", "--shares", "a=0,b=1"], "each split needs a share above 0"),
    (["nodule", "scoliosis", "--shares", "a=inf,b=1"], "shares map splits to numbers"),
    (["nodule", "scoliosis", "--shares", "a/b=1,c=1"], "the name of a split becomes a folder's"),
    (["nodule", "scoliosis", "--by-date", "spring"], "by_date has dates such as 2014-06-30"),
    (["nodule", "scoliosis", "--by-date", "2014-02-30"], "by_date has dates such as 2014-06-30"),
    (["nodule", "scoliosis", "--by-date", "2014-01-01,2013-01-01"], "by_date needs 2 dates"),
    (["nodule", "scoliosis", "--by-date", ""], "by_date has dates such as 2014-06-30"),
    (["nodule", "scoliosis", "--folds", "1"], "folds is a number from 2 to 50, not 1"),
    (["nodule", "scoliosis", "--folds", "51"], "folds is a number from 2 to 50, not 51"),
    (["nodule", "scoliosis", "--folds", "3", "--shares", "dev=1"], "folds part the first split"),
    (
        ["nodule", "scoliosis", "--folds", "2", "--shares", "dev=1,fold1=1"],
        "the splits 'fold1' and 'fold1' would share a folder",
    ),
    (
        ["nodule", "scoliosis", "--by-date", "2014-01-01", "--test", "train"],
        "dates part the splits in their order, in which train is not the last",
    ),
    (["nodule", "scoliosis", "--folds", "3", "--physician-test"], "folds are all alike"),
    (["nodule", "scoliosis", "--keep-apart", "nobody"], "there is no dataset 'nobody'"),
    (["nodule", "scoliosis", "--keep-apart", ""], "there is no dataset ''"),
    (["nodule", "scoliosis", "--seed", "9" * 20], "the seed must be a whole number"),
    (["nodule", "scoliosis", "--experiment", ""], "the experiment must be one line of text"),
    (["nodule", "scoliosis", "--name", ""], "the name must be one line of text"),
    (["--class", "nodule"], "--class takes NAME=QUERY"),
    (["--class", "a=nodule", "--class", "a=scoliosis"], "the class 'a' is given twice"),
    (["nodule", "--class", "nodule=scoliosis"], "the term nodule is given twice"),
    (["--recipe", "nowhere.toml"], "the recipe nowhere.toml can't be read"),
    (["nodule", "--recipe", "nowhere.toml"], "terms stands in the recipe file or on the command"),
    (["--recipe", "nowhere.toml", "--seed", "1"], "seed stands in the recipe file or on the"),
    (["--recipe", "nowhere.toml", "--by-date", "2014-01-01"], "by-date stands in the recipe file"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("words", "message"), BAD_OPTIONS, ids=range(len(BAD_OPTIONS)))
def test_bad_options(mixed: ExperimentData, cxr: Run, words: list[str], message: str) -> None:
    """Each is told in one sentence on stderr, with an exit code of its own, nothing recorded."""
    ran = cxr("create", *words, "--store", mixed.store.path)
    assert ran.code in (1, 2)
    assert ran.out == ""
    assert message in " ".join(ran.err.split())
    told = ran.err[ran.err.index("Error: ") :]
    assert told.count("\n") == 1
    assert mixed.datasets() == []


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["plain", "overlap keep", "by date", "per patient 1", "folds"])
def test_dry_run_records_nothing(
    mixed: ExperimentData, rows: Rows, tmp_path: Path, cxr: Run, kind: str
) -> None:
    """It shows what would be made and what each filter removed, and the store stays as it is."""
    options = OPTIONS[kind]
    words = ["create", *CLASSES, "--dry-run", "--store", mixed.store.path]
    for name, value in options.items():
        text = ",".join(value) if isinstance(value, list) else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    before = sorted((p, p.stat().st_mtime_ns) for p in mixed.store.path.rglob("*"))
    made = mixed.create_dataset(CLASSES, store_it=False, **options)
    ran = cxr(*words, "--json")
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "nothing was recorded")
    found = json.loads(ran.out)
    assert found["digest"] == made.digest
    removals = {(row["class"], row["filter"]): row["images"] for row in found["removals"]}
    assert removals == made.removals
    ran = cxr(*words)
    assert ran.code == 0
    table = [line.split() for line in ran.out.splitlines()]
    for name in CLASSES:
        sizes = [made.composition[name, "", split] for split in made.recipe.shares]
        cells = next(line for line in table if line and line[0] == name)
        assert [int(word) for word in cells[1:-1:3]] == sizes
        kept = [line for line in table if line and line[0] == name][-1]
        assert (int(kept[1]), int(kept[-1])) == (len(mixed.index[name]), sum(sizes))
    assert sorted((p, p.stat().st_mtime_ns) for p in mixed.store.path.rglob("*")) == before


def test_refusals_tell_the_counts(mixed: ExperimentData, rows: Rows) -> None:
    """Too few patients, an empty class and classes that are one are refused with their counts."""
    nodules = len(mixed.index["nodule"])
    for options, message in (
        ({"where": "age < 0"}, f"nodule: {nodules} images in the index, {nodules} don't meet"),
        ({"by_date": ["1990-01-01"]}, "in images (nodule: 0 train, "),
        ({"where": "patient_id = 'patient1'"}, "a class of this dataset has no images of its own"),
        ({"shares": {"a": 999, "b": 1}}, "too few patients to fill every split in the ratio asked"),
    ):
        with pytest.raises(RecipeError) as error:
            mixed.create_dataset(["nodule", "scoliosis"], **options)  # type: ignore[arg-type]
        assert message in str(error.value)
    with pytest.raises(RecipeError, match="the classes 'a' and 'b' have the same images"):
        mixed.create_dataset(classes={"a": "nodule", "b": "nodule AND frontal"}, overlap="keep")


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["plain", "overlap keep", "folds", "by hand", "study"])
def test_rebuilt_from_the_record_after_the_store_changed(
    tmp_path: Path, cxr: Run, kind: str
) -> None:
    """Images that came later are told, and the recorded members are rebuilt, exit code 0.

    Images that were removed are lacking, exit code 1.
    """
    lines = mixed_rows(200, 5)
    data = indexed(tmp_path, lines)
    made = data.create_dataset(CLASSES, name="set", **OPTIONS[kind])
    later = [
        {**row, "ImageID": f"later{row['ImageID']}", "PatientID": f"later{row['PatientID']}"}
        for row in mixed_rows(30, 6)
    ]
    write_labels(tmp_path / "labels.csv", later)
    data.create_index()
    found = data.reproduce("set")
    assert (found.made, found.sound, len(found.changes)) == (None, True, 1)
    assert found.dataset.members.equals(made.members)
    ran = cxr("reproduce", "set", "--store", data.store.path)
    assert ran.code == 0
    assert f"rebuilt from its recorded members: the same {made.images():,} images" in ran.out
    assert f"labels.csv was indexed ({len(later)} images added, 0 replaced)" in ran.err
    gone = members_of(made)[0]["image_id"]
    remove_images(data.store, f"image_id = '{gone}'", SILENT)
    ran = cxr("reproduce", "set", "--store", data.store.path)
    assert ran.code == 1
    assert "set lacks 1 images, which were removed from the store" in ran.err
    assert ran.out == ""


@pytest.mark.full
def test_a_change_elsewhere_changes_nothing(tmp_path: Path) -> None:
    """Images that no class of a recipe holds leave it as it was: it is made again, not rebuilt."""
    data = indexed(tmp_path, mixed_rows(100, 5))
    data.create_dataset(["nodule", "scoliosis"], name="set")
    others = repository(10, [["normal"]])
    write_labels(tmp_path / "labels.csv", others)
    data.create_index()
    found = data.reproduce("set")
    assert found.same
    assert len(found.changes) == 1


def test_patients_with_many_images_win_no_draw_for_it(tmp_path: Path) -> None:
    """One image a patient, then some of them for the balance: how many one had doesn't matter."""
    labels = repository(800, [["nodule"]]) + [
        {**row, "ImageID": f"n{row['ImageID']}", "PatientID": f"n{row['PatientID']}"}
        for row in repository(100, [["normal"]])
    ]
    for patient in range(0, 800, 2):
        labels += [
            {**labels[patient], "ImageID": f"p{patient:05d}_{image}.png"} for image in range(1, 9)
        ]
    data = indexed(tmp_path, labels)
    made = data.create_dataset(["nodule", "normal"], per_patient=1, store_it=False)
    kept = [int(r["patient_id"][7:]) for r in members_of(made) if r["class"] == "nodule"]
    assert len(kept) == 100
    assert 30 <= sum(patient % 2 == 0 for patient in kept) <= 70


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "study"}, "images are of studies that belong to more than one class and are le"),
        ({"unit": "patient", "overlap": "keep"}, "images are of patients that belong to more than"),
        ({"overlap": "first"}, "images belong to more than one class and count for the first of t"),
        ({"by_date": ["2013-01-01"]}, "images have no date, or one on the other side of most of t"),
        ({"per_patient": 1}, "images are beyond the number of a patient and class, and are left o"),
    ],
)
def test_notes(mixed: ExperimentData, options: dict[str, Any], message: str) -> None:
    """What the rules about classes and patients took is told, with its number of images."""
    made = mixed.create_dataset(CLASSES, store_it=False, **options)
    (note,) = [note for note in made.notes if message in note]
    assert int(note.split()[0]) > 0


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("plain", ", the smallest class"),
        ("ratio", ", the smallest class for its part of the ratio"),
        ("by hand", ", the smallest class"),
        ("balance none", "every class keeps all it has"),
        ("pure, findings equal", ": the findings that are rarest in a split decide the sizes"),
        ("overlap keep", ", the smallest class"),
        ("by date", ", the smallest class"),
        ("match", ", the smallest class: the others have no partner, or their split has its share"),
        ("size", ", as the size asks for: "),
        ("match, size", ", as the size asks for: "),
    ],
)
def test_exactness_claims_no_more_than_is_known(
    mixed: ExperimentData, capsys: pytest.CaptureFixture[str], kind: str, told: str
) -> None:
    """What limits the sizes is said as it is; of a class that is kept whole no more is said.

    Splits by dates are no draw, and no bound on findings is above what was reached.
    """
    made = mixed.create_dataset(CLASSES, store_it=False, **OPTIONS[kind])
    print_plan(made, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    (kept,) = [line for line in lines if line.startswith(("kept ", "every class keeps"))]
    found = made.exactness
    assert told in kept
    if found.kept == found.possible and kind not in ("match", "size", "match, size"):
        assert "split of these patients" not in kept
    if told.startswith(","):
        assert kept.startswith(
            f"kept {found.kept} of the {found.possible} images of {found.smallest}"
        )
    (near,) = [line for line in lines if line.startswith("no finding is further than ")]
    assert found.nearest is not None
    assert near.startswith(f"no finding is further than {found.furthest:g} images from")
    assert found.nearest <= found.furthest
    bound = f" than {found.nearest:g}" if found.nearest < found.furthest else ""
    assert near.endswith(f"; no split of these images into these sizes can be nearer{bound}")
    assert any(line.startswith("a fair draw: ") for line in lines) == (kind != "by date")
