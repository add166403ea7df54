"""How classes and splits differ beside the finding: the statistics, and where they are told."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import CategoricalNB

from cxr_duck import ExperimentData
from cxr_duck.audit.covariates import OF_COVARIATES
from cxr_duck.datasets.covariates.covariates import Covariates, Difference, compare_covariates
from cxr_duck.datasets.covariates.pixel_free import Guess, guess_without_pixels
from cxr_duck.datasets.covariates.smd import (
    chance_bound,
    chi_square_95,
    effective_size,
    smd_of_counts,
    smd_of_values,
)
from cxr_duck.datasets.making import make_dataset
from cxr_duck.errors import DatasetError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

Numbers = list[float]


def counts(*numbers: float) -> Any:
    """Return the counts of levels."""
    return numpy.array(numbers, dtype=float)


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [
        (0, 0.0), (1, 3.841458820694124), (2, 5.991464547107979), (3, 7.814727903251179),
        (10, 18.307038053275146), (100, 124.34211340400407), (1000, 1074.679449),
    ],
)  # fmt: skip
def test_chi_square(degrees: int, quantile: float) -> None:
    """The quantiles are those of the tables."""
    assert chi_square_95(degrees) == pytest.approx(quantile, rel=1e-9)


# Made-up groups of 100 and 40, and what the package tableone 0.9.6 says of them.
@pytest.mark.parametrize(
    ("first", "second", "smd"),
    [
        (counts(30, 70), counts(26, 14), 0.7483314773547883),
        (counts(50, 20, 30), counts(10, 18, 12), 0.6279858256227593),
        (counts(50, 50, 0), counts(10, 18, 12), 0.9780192938436515),
    ],
)
def test_levels_differ_as_others_say(first: Any, second: Any, smd: float) -> None:
    """The difference of levels is that of tableone, in whatever order groups and levels come."""
    assert smd_of_counts(first, second) == pytest.approx(smd, rel=1e-12)
    assert smd_of_counts(second[::-1], first[::-1]) == pytest.approx(smd, rel=1e-12)
    empty = numpy.zeros(1)
    wider = [numpy.concatenate([empty, group, empty]) for group in (first, second)]
    assert smd_of_counts(*wider) == pytest.approx(smd, rel=1e-12)


def test_numbers_differ_as_others_say() -> None:
    """The difference of numbers is that of tableone, whichever group comes first."""
    first = numpy.tile([20.0, 35, 50, 65, 80], 20)
    second = numpy.tile([45.0, 55, 60, 70], 10)
    assert smd_of_values(first, second) == pytest.approx(0.4573345925878172, rel=1e-12)
    assert smd_of_values(second, first) == smd_of_values(first, second)


@given(
    st.lists(st.integers(1, 99), min_size=2, max_size=2),
    st.lists(st.integers(1, 99), min_size=2, max_size=2),
)
def test_two_levels_are_two_proportions(first: list[int], second: list[int]) -> None:
    """With two levels it is the textbook's |p - q| / sqrt((p (1 - p) + q (1 - q)) / 2)."""
    p, q = first[0] / sum(first), second[0] / sum(second)
    textbook = abs(p - q) / math.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert smd_of_counts(counts(*first), counts(*second)) == pytest.approx(textbook, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "smd"),
    [
        (counts(9, 0), counts(0, 9), math.inf), (counts(9, 3, 0), counts(0, 0, 9), math.inf),
        (counts(9, 0), counts(4, 0), 0.0), (counts(1), counts(5), 0.0),
    ],
)  # fmt: skip
def test_groups_with_nothing_or_all_in_common(first: Any, second: Any, smd: float) -> None:
    """No level in common is an infinite difference, and not none; one level alone is none."""
    assert smd_of_counts(first, second) == smd


def test_numbers_that_do_not_vary() -> None:
    """Equal numbers don't differ; of groups of one number each, others are infinitely far."""
    assert smd_of_values(counts(5, 5), counts(5)) == 0
    assert smd_of_values(counts(5, 5), counts(6)) == math.inf


@pytest.mark.parametrize(
    ("patients", "size"), [([0, 1, 2, 3], 4), ([0, 0, 0, 0], 1), ([0, 0, 1, 2], 16 / 6)]
)
def test_effective_size(patients: list[int], size: float) -> None:
    """A group is worth as many patients as it has, fewer where some have more images."""
    assert effective_size(numpy.array(patients)) == pytest.approx(size)


def test_bound_of_large_and_of_tiny_groups() -> None:
    """For groups to speak of it is the root of chi-square; of tiny ones nothing is above it."""
    plain = math.sqrt(3.841458820694124 * (1 / 3000 + 1 / 1000))
    assert chance_bound(2, 3000, 1000) == pytest.approx(plain, rel=1e-3)
    assert chance_bound(2, 2, 1) == math.inf
    assert chance_bound(1, 50, 50) == 0


@pytest.mark.parametrize("kind", ["sex", "levels", "age"])
@pytest.mark.parametrize("sizes", [(20, 20), (30, 200), (300, 300)])
def test_chance_exceeds_the_bound_once_in_20(kind: str, sizes: tuple[int, int]) -> None:
    """Patients of one population, with one to five images each that are all alike.

    Counted as if images were drawn one by one, chance would be taken for more three times as often.
    """
    draws = 300
    noise = numpy.random.default_rng(7)
    above = above_by_image = 0
    for _ in range(draws):
        groups, worth, images = [], [], []
        for size in sizes:
            each = noise.integers(1, 6, size)
            patients = numpy.repeat(numpy.arange(size), each)
            if kind == "age":
                groups.append(noise.normal(60, 15, size)[patients])
            else:
                shares = [0.5, 0.5] if kind == "sex" else [0.6, 0.2, 0.15, 0.05]
                drawn = noise.choice(len(shares), size, p=shares)[patients]
                groups.append(numpy.bincount(drawn, minlength=len(shares)).astype(float))
            worth.append(effective_size(patients))
            images.append(float(patients.size))
        if kind == "age":
            smd, levels = smd_of_values(*groups), 2
        else:
            smd, levels = smd_of_counts(*groups), int(((groups[0] + groups[1]) > 0).sum())
        above += smd > chance_bound(levels, *worth)
        above_by_image += smd > chance_bound(levels, *images)
    assert 0.005 < above / draws < 0.085
    assert above_by_image / draws > 0.15


def guessed(
    columns: dict[str, Any], classes: Any, splits: Any, names: Sequence[str] = ("a", "b")
) -> Guess:
    """Guess over patients with one image each; split 0 is train, 1 is test."""
    patients = numpy.arange(len(classes))
    return guess_without_pixels(columns, classes, splits, patients, names, ("train", "test"))


def halves(number: int) -> tuple[Any, Any]:
    """Return the classes and splits of so many images, each of two classes in both splits."""
    numbers = numpy.arange(number)
    return numbers % 2, numbers // 2 % 2


def test_sex_tells_the_class() -> None:
    """What tells the class whole is guessed without an error, and is marked."""
    classes, splits = halves(400)
    found = guessed({"sex": classes}, classes, splits)
    assert (found.auc, found.marked) == (1.0, True)
    assert (found.by, found.trained_on, found.tested_on) == (("sex",), "train", ("test",))
    mostly = numpy.where(numpy.arange(400) // 4 % 10 == 0, 1 - classes, classes)
    assert guessed({"sex": mostly}, classes, splits).auc == pytest.approx(0.9)


def test_nothing_tells_the_class() -> None:
    """A covariate that is the same for all leaves ties alone, which count half."""
    classes, splits = halves(400)
    found = guessed({"sex": numpy.zeros(400, int)}, classes, splits)
    assert (found.auc, found.marked) == (0.5, False)
    assert found.chance is not None
    assert found.chance == pytest.approx((0.5 - 0.0803, 0.5 + 0.0803), abs=1e-4)


def test_chance_of_a_guess() -> None:
    """Where nothing depends on the class, 95 of 100 areas are within what chance gives."""
    classes, splits = halves(400)
    noise = numpy.random.default_rng(11)
    draws, outside = 200, 0
    for _ in range(draws):
        columns = {"age": noise.integers(0, 12, 400), "sex": noise.integers(0, 2, 400)}
        found = guessed(columns, classes, splits)
        assert found.auc is not None
        assert found.chance is not None
        outside += not found.chance[0] <= found.auc <= found.chance[1]
    assert 0.01 < outside / draws < 0.1


@pytest.mark.parametrize("number", [2, 3, 5])
def test_guess_is_that_of_scikit_learn(number: int) -> None:
    """Naive Bayes with Laplace's one, and the mean over pairs of classes (Hand and Till)."""
    noise = numpy.random.default_rng(number)
    classes = noise.integers(0, number, 600)
    splits = noise.integers(0, 2, 600)
    columns = {
        "age": (classes + noise.integers(0, 6, 600)) // 2, "sex": noise.integers(0, 2, 600),
        "year": noise.integers(0, 9, 600) % (classes + 2),
    }  # fmt: skip
    names = [f"class{n}" for n in range(number)]
    found = guessed(columns, classes, splits, names)
    table = numpy.column_stack(list(columns.values()))
    model = CategoricalNB(alpha=1, min_categories=table.max(axis=0) + 1)
    shares = model.fit(table[splits == 0], classes[splits == 0]).predict_proba(table[splits == 1])
    truth = classes[splits == 1]
    wanted = (
        roc_auc_score(truth, shares[:, 1].round(12)) if number == 2
        else roc_auc_score(truth, shares.round(12), multi_class="ovo")
    )  # fmt: skip
    assert found.auc == pytest.approx(wanted, abs=1e-9)


def test_no_guess() -> None:
    """Without two classes, two splits, or images of each class on both sides the reason is told."""
    classes, splits = halves(8)
    sex = {"sex": classes}
    one = guess_without_pixels(sex, classes * 0, splits, classes, ("a",), ("train", "test"))
    assert (one.auc, one.reason) == (None, "there is one class alone")
    none = guess_without_pixels(sex, classes * 0, splits, classes, (), ("train", "test"))
    assert none.reason == "there is no class"
    whole = guess_without_pixels(sex, classes, splits * 0, classes, ("a", "b"), ("all",))
    assert whole.reason == "there is one split alone"
    absent = guessed(sex, numpy.where(splits == 1, 0, classes), splits)
    assert absent.reason == "test has no image of b that the store knows"
    assert not absent.marked
    late = guess_without_pixels(sex, classes, splits, classes, ("a", "b"), ("test", "Training"))
    assert (late.trained_on, late.tested_on) == ("Training", ("test",))


def made_up(number: int = 240) -> list[dict[str, str]]:
    """Return label rows of patients with nodules and without, one image each, in turn.

    Those with a nodule are ten years older, three in four are men, and some have no year of birth;
    those without are women and men alike. Each of the last 40 patients has two images more, of
    another projection.
    """
    rows = []
    for n in range(number):
        ill = n % 2
        row = {
            "ImageID": f"i{n:04d}.png", "PatientID": f"p{n}", "StudyID": f"s{n}",
            "Labels": "['nodule']" if ill else "['normal']",
            "PatientBirth": "" if n % 30 == 1 else f"{1960 - 10 * ill - n % 7}.0",
            "PatientSex_DICOM": "M" if n // 2 % 4 < 2 + ill else "F",
        }  # fmt: skip
        rows.append(row)
        if n >= number - 40:
            rows += [{**row, "ImageID": f"i{n:04d}_{more}.png", "Projection": "L"} for more in "bc"]
    return [{**USUAL, **row} for row in rows]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The made-up rows, indexed, and the dataset pair of their frontal films."""
    folder = tmp_path_factory.mktemp("covariates")
    made = ExperimentData(
        labels_csv=write_labels(folder / "labels.csv", made_up()), store=folder / "store"
    )
    made.create_index()
    made.create_dataset(["nodule", "normal"], where="frontal", name="pair")
    return made


def row_of(rows: Sequence[Difference], covariate: str) -> Difference:
    """Return the difference in a covariate."""
    (row,) = [row for row in rows if row.covariate == covariate]
    return row


def test_differences_of_a_dataset(data: ExperimentData) -> None:
    """Age and sex differ by what was made up, what is the same for all by nothing."""
    found = data.dataset("pair").covariates()
    assert (found.classes, found.splits) == (("nodule", "normal"), ("train", "valid", "test"))
    assert (found.images, found.unknown, found.suspect, found.other_labels) == (240, 0, None, {})
    assert found.looks == 8 * (1 + 3)
    assert found.sentences()[0] == (
        "* above 0.1 and above chance, as one look in 20 is by chance alone; here are 32 looks"
    )
    assert [row.covariate for row in found.between_classes] == [
        "age", "age unknown", "sex", "projection", "manufacturer", "year", "labelled by",
        "images of the patient",
    ]  # fmt: skip
    ages: dict[int, Numbers] = {
        ill: [54 + 10 * ill + n % 7 for n in range(ill, 240, 2) if n % 30 != 1] for ill in (0, 1)
    }
    smd = smd_of_values(*(numpy.array(ages[ill], float) for ill in (1, 0)))
    age = row_of(found.between_classes, "age")
    assert (age.first, age.second, age.marked) == ("nodule", "normal", True)
    assert age.smd == pytest.approx(smd)
    assert age.chance == pytest.approx(chance_bound(2, len(ages[1]), len(ages[0])))
    sex = row_of(found.between_classes, "sex")
    assert sex.smd == pytest.approx(smd_of_counts(counts(90, 30), counts(60, 60)))
    unknown = row_of(found.between_classes, "age unknown")
    assert unknown.smd == pytest.approx(smd_of_counts(counts(112, 8), counts(120, 0)))
    alike = {row.covariate: row.smd for row in found.between_classes if not row.smd}
    assert set(alike) == {
        "projection", "manufacturer", "year", "labelled by", "images of the patient"
    }  # fmt: skip
    assert found.guess.auc is not None
    assert found.guess.auc > 0.95
    assert "images of the patient" not in found.guess.by


def test_images_of_a_patient_depend_on_each_other(data: ExperimentData) -> None:
    """Three films of a patient are no three draws: chance gives more, by the number of patients."""
    made = data.create_dataset(["nodule", "normal"], store_it=False)
    found = made.covariates()
    assert found.images == made.images() == 320
    size = (100 + 20 * 3) ** 2 / (100 + 20 * 9)
    sex = row_of(found.between_classes, "sex")
    assert sex.chance == pytest.approx(chance_bound(2, size, size))
    assert row_of(found.between_classes, "projection").smd == pytest.approx(0)


def test_rows_in_any_order_say_the_same(demo_data: ExperimentData) -> None:
    """Decimals are the same to the last digit, in whatever order images come."""
    made = demo_data.create_dataset(["normal", "not-normal"], hierarchy="paper", store_it=False)
    members = made.members.select(["class", "split", "image_id"])
    for order in range(5):
        engine = demo_data.store.engine()
        engine.create("images", f"SELECT * FROM cxr.images ORDER BY md5(concat(image_id, {order}))")
        found = compare_covariates(
            engine, members, list(made.recipe.classes), list(made.recipe.shares), {}
        )
        assert found == made.covariates()


def test_steps_of_the_images_of_a_patient(tmp_path: Path) -> None:
    """All images of the patient in the store count, not those of the dataset alone."""
    steps = {1: "1", 2: "2", 3: "3-4", 4: "3-4", 5: "5-9", 9: "5-9", 10: "10+", 12: "10+"}
    rows = [
        {**USUAL, "ImageID": f"p{number}_{n}.png", "PatientID": f"p{number}"}
        for number in steps
        for n in range(number)
    ]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    members = pyarrow.table(
        {
            "class": ["a"] * len(steps),
            "split": ["x"] * len(steps),
            "image_id": [f"p{number}_0.png" for number in steps],
        }
    )
    engine = data.store.engine()
    compare_covariates(engine, members, ["a"], ["x"], {})
    found = engine.arrow("examples").select(["patient_id", "images_of_patient"]).to_pylist()
    assert {row["patient_id"]: row["images_of_patient"] for row in found} == {
        f"p{number}": step for number, step in steps.items()
    }


def audited(data: ExperimentData, path: Path, lines: Sequence[str], **options: Any) -> Any:
    """Return the audit of a CSV file, whose first line is its header."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data.audit(path, files=False, **options)


def test_a_split_by_how_often_patients_are_filmed(data: ExperimentData, tmp_path: Path) -> None:
    """Who has three films comes to test alone: that shows, though no finding differs."""
    lines = [f"i{n:04d}.png,{'test' if n >= 200 else 'train'},{'ab'[n % 2]}" for n in range(240)]
    found = audited(data, tmp_path / "split.csv", ["image,split,class", *lines])
    assert not found.wrong
    (row,) = found["splits_differ"].rows.to_pylist()
    chance = row.pop("chance")
    assert row == {
        "covariate": "images of the patient", "first": "train", "second": "test", "smd": None
    }  # fmt: skip
    assert chance == pytest.approx(chance_bound(2, 200, 40))


def test_a_mean_hides_what_steps_show(tmp_path: Path) -> None:
    """Patients with two films against those with one and three, whose mean is two as well."""
    rows = [
        {**USUAL, "ImageID": f"i{patient}_{image}.png", "PatientID": f"p{patient}"}
        for patient in range(120)
        for image in range((2, 2, 1, 3)[patient % 4])
    ]
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    lines = [f"i{n}_0.png,{'test' if n % 4 < 2 else 'train'}" for n in range(120)]
    found = audited(data, tmp_path / "split.csv", ["image,split", *lines])
    assert found["splits_differ"].found == 1
    assert found["classes_differ"].untested == found["guessed_without_pixel"].untested
    assert found["classes_differ"].untested == "no row has a class"
    assert found.covariates.between_classes == ()


def test_images_that_the_store_lacks(data: ExperimentData, tmp_path: Path) -> None:
    """They are counted and left out, and so are rows without a class where classes are compared."""
    lines = [
        "image,split,class",
        *(f"i{n:04d}.png,{'train' if n % 4 < 2 else 'test'},{'ab'[n % 2]}" for n in range(40)),
        "nowhere.png,train,a", "i0100.png,test,",
    ]  # fmt: skip
    found = audited(data, tmp_path / "split.csv", lines).covariates
    assert (found.images, found.unknown, found.classes) == (41, 1, ("a", "b"))
    assert "1 images are not in the store and not counted here" in found.sentences()
    everything = audited(data, tmp_path / "none.csv", ["image,split", "x.png,train", "y.png,test"])
    assert (everything.covariates.images, everything.covariates.unknown) == (0, 2)
    assert everything["splits_differ"].untested == "the store has none of its images"


def test_the_pair_that_is_named() -> None:
    """Where there are more than two, the pair stands beside its mark."""
    found = Covariates(
        ("a", "b", "c"), ("x",), (Difference("age", "classes", "a", "c", 0.1234, 0.05),), (),
        Guess(reason="there is one split alone"), images=3,
    )  # fmt: skip
    header, rows = found.table()
    assert header == ["differs in", "between classes", "chance"]
    assert rows == [["age", "0.123 * a, c", "0.050"]]
    two = Covariates(("a", "c"), ("x",), found.between_classes, (), found.guess, images=3)
    assert two.table()[1] == [["age", "0.123 *", "0.050"]]
    assert two.sentences()[-1] == "no guess without a pixel: there is one split alone"


def test_a_marked_pair_goes_first(data: ExperimentData, tmp_path: Path) -> None:
    """A split of one image is far from all by chance, and doesn't hide what is of note."""
    men = [n for n in range(0, 200, 2) if n // 2 % 4 < 2]
    women = [n for n in range(0, 200, 2) if n // 2 % 4 >= 2]
    splits = {"x": men[:36] + women[:12], "y": men[36:48] + women[12:48], "tiny": men[48:49]}
    lines = [f"i{n:04d}.png,{split}" for split, numbers in splits.items() for n in numbers]
    found = audited(data, tmp_path / "split.csv", ["image,split", *lines]).covariates
    sex = row_of(found.between_splits, "sex")
    assert (sex.first, sex.second, sex.marked) == ("x", "y", True)
    assert sex.smd == pytest.approx(smd_of_counts(counts(36, 12), counts(12, 36)))
    assert sex.smd < smd_of_counts(counts(12, 36), counts(1, 0))


def test_not_marked_where_chance_gives_it_or_it_is_little() -> None:
    """Both must be exceeded: 0.1, and chance."""
    marks = [
        Difference("age", "classes", "a", "b", smd, chance).marked
        for smd, chance in ((0.11, 0.05), (0.09, 0.05), (0.3, 0.4), (math.inf, math.inf))
    ]
    assert marks == [True, False, False, False]
    infinite = Difference("age", "classes", "a", "b", math.inf, math.inf).to_dict()
    assert (infinite["smd"], infinite["chance"]) == (None, None)


def test_three_classes(data: ExperimentData) -> None:
    """Of several classes the pair that differs most is named, and the guess is a mean of pairs."""
    made = data.create_dataset(
        classes={
            "men": "nodule AND sex = M AND frontal", "women": "nodule AND sex = F AND frontal",
            "well": "normal AND frontal",
        },
        seed=4, store_it=False,
    )  # fmt: skip
    found = made.covariates()
    sex = row_of(found.between_classes, "sex")
    assert (sex.first, sex.second, sex.smd) == ("men", "women", math.inf)
    assert found.table()[1][[row[0] for row in found.table()[1]].index("sex")][1].endswith(
        "inf * men, women"
    )
    assert found.guess.auc is not None
    assert 0.8 < found.guess.auc <= 1


def test_one_split_and_one_class(data: ExperimentData) -> None:
    """What has nothing to be compared with has no column, and no guess."""
    made = data.create_dataset(["nodule", "normal"], shares={"all": 1}, store_it=False)
    found = made.covariates()
    assert found.between_splits == ()
    assert found.table()[0] == ["differs in", "between classes", "chance"]
    assert found.guess.to_dict() == {
        "auc": None, "chance": None, "marked": False, "by": [], "trained_on": None,
        "tested_on": [], "reason": "there is one split alone",
    }  # fmt: skip
    alone = data.create_dataset(["nodule"], shares={"all": 1}, store_it=False).covariates()
    assert alone.table() == (["differs in"], [])
    assert alone.sentences() == ["no guess without a pixel: there is one class alone"]


def test_a_dataset_that_knows_no_store(data: ExperimentData) -> None:
    """A dataset of no ExperimentData has nothing to ask."""
    bare = make_dataset(data.store, data.dataset("pair").recipe, "bare")
    with pytest.raises(DatasetError, match="knows no store: take it from an ExperimentData"):
        bare.covariates()


@pytest.fixture
def films(tmp_path: Path) -> ExperimentData:
    """Forty films, of which two are blank; four with a nodule show pneumonia too."""
    shown = [["normal"], ["nodule"], ["pneumonia"], ["nodule"]]
    rows = [
        {**USUAL, "ImageID": f"i{n:02d}.png", "PatientID": f"p{n}", "StudyID": f"s{n}",
         "Labels": str(["nodule", "pneumonia"] if n in (1, 5, 9, 13) else shown[n % 4])}
        for n in range(40)
    ]  # fmt: skip
    (tmp_path / "images").mkdir()
    noise = numpy.random.default_rng(1)
    for n, row in enumerate(rows):
        pixels = noise.integers(0, 65536, (6, 5), dtype=numpy.uint16)
        pixels = numpy.full_like(pixels, n) if n in (0, 4) else pixels
        Image.fromarray(pixels).save(tmp_path / "images" / row["ImageID"])
    labels = write_labels(tmp_path / "labels.csv", rows)
    made = ExperimentData(tmp_path / "images", labels, store=tmp_path / "store")
    made.create_index()
    return made


@pytest.mark.full
def test_blank_films_and_labels_of_the_other_class(films: ExperimentData, cxr: Run) -> None:
    """Both are told, and are notes: the audit's exit code stays 0."""
    options: dict[str, Any] = {"overlap": "first", "balance": "none", "shares": {"a": 1, "b": 1}}
    films.create_dataset(["nodule", "pneumonia", "normal"], name="odd", **options)
    assert films.dataset("odd").covariates().suspect is None
    films.check_integrity()
    found = films.dataset("odd").covariates()
    assert (found.suspect, found.other_labels) == (2, {("nodule", "pneumonia"): 4})
    store = films.store.path
    ran = cxr("audit", "odd", "--store", store)
    assert (ran.code, ran.err.count("nothing is wrong")) == (0, 1)
    assert (
        "2 images are blank: all their pixels are the same; to leave such images out create with "
        "--where \"image_id NOT IN (SELECT image_id FROM checks WHERE verdict = 'suspect')\"\n"
    ) in ran.out
    assert "4 images of nodule carry a label of pneumonia\n" in ran.out
    audit = films.audit("odd")
    blank = audit["suspect_image"].rows.to_pylist()
    assert [(row["image_id"], row["path"]) for row in blank] == [
        (name, name) for name in ("i00.png", "i04.png")
    ]
    assert audit["label_of_other_class"].rows.to_pylist() == [
        {"image_id": f"i{n:02d}.png", "class": "nodule", "other_class": "pneumonia",
         "findings": ["pneumonia"]}
        for n in (1, 5, 9, 13)
    ]  # fmt: skip
    assert {audit[name].verdict for name in ("suspect_image", "label_of_other_class")} == {"note"}
    kept = films.create_dataset(
        ["nodule", "pneumonia", "normal"], store_it=False, **{**options, "overlap": "keep"}
    )
    both = kept.covariates()
    assert both.other_labels == {}
    # An image of both classes is one image of its split.
    sizes = [kept.images(split) for split in ("a", "b")]
    assert row_of(both.between_splits, "age").chance == pytest.approx(chance_bound(2, *sizes))


def test_labels_of_classes_that_are_told_apart_by_place(films: ExperimentData) -> None:
    """A finding that both classes name is no label of the other."""
    made = films.create_dataset(
        classes={"pure": "nodule AND NOT pneumonia", "mixed": "nodule AND findings = 2"},
        store_it=False,
        shares={"a": 1, "b": 1},
    )
    assert made.covariates().other_labels == {}


@pytest.mark.full
def test_a_dataset_whose_images_were_removed(films: ExperimentData) -> None:
    """What is left is compared, and the others are counted."""
    made = films.create_dataset(["nodule", "normal"], name="pair", shares={"a": 1, "b": 1})
    gone = made.members.to_pylist()[0]["image_id"]
    remove_images(films.store, f"image_id = '{gone}'", SILENT)
    found = films.dataset("pair").covariates()
    assert (found.images, found.unknown) == (made.images() - 1, 1)


@pytest.mark.full
def test_a_dataset_of_a_bundle(data: ExperimentData, tmp_path: Path) -> None:
    """It is compared like the one that it was made from."""
    data.bundle("pair", tmp_path / "pair.cxr")
    other = ExperimentData(labels_csv=data.labels_csv, store=tmp_path / "store")
    other.create_index()
    taken = other.unbundle(tmp_path / "pair.cxr")
    assert taken.covariates() == data.dataset("pair").covariates()


@pytest.mark.parametrize("words", [("show", "pair"), ("create", "nodule", "normal", "--dry-run")])
def test_commands(data: ExperimentData, cxr: Run, words: tuple[str, ...]) -> None:
    """`show`, `create` and a dry run print the table before what they printed, and JSON has all."""
    if words[0] == "create":
        words += ("--where", "frontal")
    ran = cxr(*words, "--store", data.store.path)
    lines = ran.out.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("differs in"))
    assert lines[start].split() == [
        "differs", "in", "between", "classes", "chance", "between", "splits", "chance"
    ]  # fmt: skip
    covariates = data.dataset("pair").covariates()
    age = row_of(covariates.between_classes, "age")
    assert lines[start + 1].split()[:4] == ["age", f"{age.smd:.3f}", "*", f"{age.chance:.3f}"]
    assert any(line.startswith("a guess without a pixel, by age, sex, ") for line in lines)
    told = json.loads(cxr(*words, "--json", "--store", data.store.path).out)["covariates"]
    assert told == covariates.to_dict()
    assert told["between_classes"][0] == {
        "covariate": "age", "first": "nodule", "second": "normal", "smd": age.smd,
        "chance": age.chance, "marked": True,
    }  # fmt: skip
    assert told["guess_without_pixels"]["tested_on"] == ["valid", "test"]


@pytest.mark.full
def test_audit_tells_all_of_it(data: ExperimentData, cxr: Run) -> None:
    """The rules are notes, which the table tells; `--json` has them, one `--check` its rows."""
    ran = cxr("audit", "pair", "--store", data.store.path)
    assert ran.code == 0
    lines = ran.out.partition("\n\n")[0].splitlines()[1:]
    verdicts = {line.split()[0]: line.split()[-1] for line in lines}
    assert (verdicts["classes_differ"], verdicts["guessed_without_pixel"]) == ("note", "note")
    assert "\nclasses_differ: " not in ran.out
    assert "\ndiffers in " in ran.out
    told = json.loads(cxr("audit", "pair", "--json", "--store", data.store.path).out)
    assert told["covariates"] == data.dataset("pair").covariates().to_dict()
    assert not told["wrong"]
    found = data.audit("pair", checks=["classes_differ"])
    assert found["classes_differ"].rows.column("covariate").to_pylist() == [
        "age", "age unknown", "sex"
    ]  # fmt: skip
    (guess,) = data.audit("pair", checks=["guessed_without_pixel"])[
        "guessed_without_pixel"
    ].rows.to_pylist()
    assert (guess["trained_on"], guess["tested_on"]) == ("train", "valid and test")
    assert guess["auc"] == data.dataset("pair").covariates().guess.auc
    assert data.audit("pair", checks=["study_in_two_splits"]).covariates is None


def test_no_rule_of_covariates_is_ever_broken(data: ExperimentData, tmp_path: Path) -> None:
    """However far classes and splits are apart: all of it is worth knowing, nothing is wrong."""
    lines = [f"i{n:04d}.png,{'train' if n < 120 else 'test'},{'ab'[n % 2]}" for n in range(240)]
    for order in (lines, sorted(lines, key=lambda line: line[-1])):
        found = audited(
            data, tmp_path / "split.csv", ["image,split,class", *order], checks=OF_COVARIATES
        )
        assert [check.name for check in found.checks] == list(OF_COVARIATES)
        assert found["classes_differ"].found
        assert not found.wrong


def test_card(data: ExperimentData, tmp_path: Path) -> None:
    """The card has the same table, and its stars are no marks of Markdown."""
    data.export("pair", tmp_path / "out", form="csv")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    section = card.split("## What else tells classes and splits apart")[1].split("##")[0]
    header, rows = data.dataset("pair").covariates().table()
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip().replace("\\", "") for cell in line.split("|")[1:-1]] for line in lines]
    assert [cells[0], *cells[2:]] == [header, *rows]
    assert section.count("*") == section.count("\\*") > 1
    assert "\n- a guess without a pixel, by age" in section
