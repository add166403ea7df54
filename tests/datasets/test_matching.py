"""Classes that match, datasets of a size, splits that are near in columns: told from label rows."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cxr_duck import Dataset, ExperimentData
from cxr_duck.cli.exactness import exactness_sentences
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.recipes.toml import recipe_as_toml
from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.errors import RecipeError
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels
from tests.support.promises import Rows, combination_of, members_of, value_of

CLASSES = ["nodule", "pneumonia"]
# Nodules are of older women, pneumonias of younger men, and most of them are lying.
WHO = {"nodule": ("FFFM", 55, "PA"), "pneumonia": ("FMMM", 35, "AP"), "scoliosis": ("FM", 45, "PA")}


def unlike_rows(patients: int, seed: int) -> list[dict[str, str]]:
    """Return label rows of patients with one to three images, whose classes differ in who they are.

    Of one in nine the sex is not known, of one in eleven the year of birth.
    """
    chance = random.Random(seed)
    rows = []
    for patient in range(patients):
        finding = ("nodule", "pneumonia", "pneumonia", "scoliosis")[patient % 4]
        sexes, age, projection = WHO[finding]
        sex = chance.choice(sexes) if chance.random() > 1 / 9 else "nan"
        year = 2010 + chance.randrange(5)
        birth = year - age - chance.randrange(30) if chance.random() > 1 / 11 else ""
        for image in range(chance.choice((1, 1, 2, 3))):
            rows.append(
                {
                    **USUAL, "ImageID": f"u{patient:04d}_{image}.png", "PatientID": f"p{patient}",
                    "StudyID": f"s{patient}-{image}", "StudyDate_DICOM": f"{year}0{image + 1}10",
                    "PatientSex_DICOM": sex, "PatientBirth": f"{birth}.0" if birth else "",
                    "Projection": projection if chance.random() < 0.8 else "PA",
                    "Labels": f"['{finding}']",
                }
            )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The label rows by image."""
    return {row["ImageID"]: row for row in unlike_rows(520, 5)}


@pytest.fixture(scope="module")
def data(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The label rows, indexed."""
    folder = tmp_path_factory.mktemp("unlike")
    labels = write_labels(folder / "labels.csv", [dict(row) for row in rows.values()])
    found = ExperimentData(labels_csv=labels, store=folder / "store")
    found.create_index()
    return found


def counted(made: Dataset, rows: Rows, columns: list[str]) -> Counter[tuple[str, str, str]]:
    """Return the images of each (class, split, values of the columns)."""
    return Counter(
        (row["class"], row["split"], combination_of(rows, [row["image_id"]], columns))
        for row in members_of(made)
    )


MATCHES: list[tuple[list[str], dict[str, Any]]] = [
    (["sex"], {}),
    (["sex", "projection"], {}),
    (["age:10", "sex"], {"shares": {"train": 1, "test": 1}}),
    (["year"], {"folds": 3}),
    (["sex"], {"balance": "1:2"}),
    (["projection"], {"balance": "2:1", "seed": 9}),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("columns", "options"), MATCHES)
def test_classes_match_in_every_split(
    data: ExperimentData, rows: Rows, columns: list[str], options: dict[str, Any]
) -> None:
    """In each split and combination classes have one number, or their ratio; splits their shares.

    What is told to be left out is what is in no split, and six of seven possible sets are kept.
    """
    made = data.create_dataset(CLASSES, match=columns, store_it=False, **options)
    found = counted(made, rows, columns)
    parts = made.recipe.ratio or dict.fromkeys(CLASSES, 1)
    kept: Counter[tuple[str, str]] = Counter()
    for (name, split, combination), images in found.items():
        sets = images // parts[name]
        assert images == parts[name] * sets
        assert {found[other, split, combination] for other in CLASSES} == {
            parts[other] * sets for other in CLASSES
        }
        kept[name, combination] += images
    there = Counter(
        (name, combination_of(rows, [image], columns))
        for image, row in rows.items()
        for name in CLASSES
        if row["Labels"] == f"['{name}']"
    )
    for (name, combination), images in there.items():
        left = made.exactness.unmatched.get(combination, {}).get(name, 0)
        assert kept[name, combination] + left == images
    combinations = {combination for _, combination in there}
    most = sum(min(there[name, c] // parts[name] for name in CLASSES) for c in combinations)
    sets_kept = sum(kept[CLASSES[0], c] for c in combinations) // parts[CLASSES[0]]
    assert 0.85 * most <= sets_kept <= most
    splits = list(made.recipe.shares)
    for name in CLASSES:
        sizes = [sum(n for (c, s, _), n in found.items() if (c, s) == (name, x)) for x in splits]
        sets_each = largest_remainder(sets_kept, list(made.recipe.shares.values()))
        assert sizes == [parts[name] * sets for sets in sets_each]


def test_three_classes_match(data: ExperimentData, rows: Rows) -> None:
    """As many women and men of each of three classes, in every split."""
    made = data.create_dataset([*CLASSES, "scoliosis"], match=["sex"], store_it=False)
    found = counted(made, rows, ["sex"])
    splits = made.recipe.shares
    for split in splits:
        for sex in ("sex F", "sex M", "sex unknown"):
            assert len({found[name, split, sex] for name in (*CLASSES, "scoliosis")}) == 1
    assert sum(found.values()) == made.images() > 100


def test_without_match_the_classes_differ(data: ExperimentData, rows: Rows) -> None:
    """The rows are such that equal classes differ in who they are, unless they match."""
    made = data.create_dataset(CLASSES, store_it=False)
    found = counted(made, rows, ["sex"])
    women = [sum(found[name, split, "sex F"] for split in made.recipe.shares) for name in CLASSES]
    assert women[0] > 2 * women[1]


@pytest.mark.full
def test_why_an_image_finds_no_partner(rows: Rows, tmp_path: Path, cxr: Run) -> None:
    """The filter is match where a class lacks the combination, balance where others had more luck.

    All images of a class that are in the index are in the counts of the filters.
    """
    lines = [*(dict(row) for row in rows.values())]
    lonely = {**lines[0], "ImageID": "lonely.png", "PatientID": "lonely", "StudyID": "lonely",
              "Projection": "L"}  # fmt: skip
    labels = write_labels(tmp_path / "labels.csv", [*lines, lonely])
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    made = data.create_dataset(CLASSES, match=["projection", "sex"], name="matched")
    members = {row["image_id"] for row in members_of(made)}
    told = data.why("lonely.png", "matched").verdict
    assert told is not None
    assert (told.member, told.reason) == (False, "match")
    classes_of: dict[str, set[str]] = defaultdict(set)
    for image, row in {row["ImageID"]: row for row in [*lines, lonely]}.items():
        if row["Labels"] in ("['nodule']", "['pneumonia']"):
            rows_there = {**rows, "lonely.png": lonely}
            combination = combination_of(rows_there, [image], ["projection", "sex"])
            classes_of[combination].add(row["Labels"])
    out: dict[str, list[str]] = defaultdict(list)
    for row in lines:
        if row["Labels"] == "['pneumonia']" and row["ImageID"] not in members:
            combination = combination_of(rows, [row["ImageID"]], ["projection", "sex"])
            reason = "balance" if len(classes_of[combination]) == 2 else "match"
            out[reason].append(row["ImageID"])
    for reason, images in out.items():
        assert made.removals["pneumonia", reason] == len(images) > 0
        for image in images[:3]:
            verdict = data.why(image, "matched").verdict
            assert verdict is not None
            assert verdict.reason == reason
            assert "match" in verdict.told
    assert made.removals["nodule", "match"] >= 1
    assert sum(made.removals.values()) == sum(
        row["Labels"] in ("['nodule']", "['pneumonia']") for row in [*lines, lonely]
    )
    ran = cxr("why", "lonely.png", "--dataset", "matched", "--store", tmp_path / "store")
    assert ran.code == 0
    assert "a class has no images, or too few for its part of the ratio" in ran.out


def test_all_forms_ask_for_the_same(data: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """Options in Python, on the command line, in TOML and from a recipe's own TOML are one."""
    options: dict[str, Any] = {
        "match": ["sex", "age:20"], "stratify": ["year"], "size": {"train": 20, "test": 4},
    }  # fmt: skip
    made = data.create_dataset(CLASSES, store_it=False, **options)
    assert made.recipe.match == ["sex", "age:20"]
    assert made.recipe.size == {"train": 20, "test": 4}
    (tmp_path / "recipe.toml").write_text(
        'terms = ["nodule", "pneumonia"]\nmatch = ["sex", "age:20"]\nstratify = ["year"]\n'
        "size = { train = 20, test = 4 }\n"
    )
    (tmp_path / "again.toml").write_text(recipe_as_toml(made.recipe, "again", "default"))
    for file in ("recipe.toml", "again.toml"):
        assert data.create_from_recipe(tmp_path / file, store_it=False).digest == made.digest
    ran = cxr(
        "create", *CLASSES, "--match", "sex", "--match", "age:20", "--stratify", "year", "--size",
        "train=20,test=4", "--dry-run", "--json", "--store", data.store.path,
    )  # fmt: skip
    assert ran.code == 0
    assert f'"digest": "{made.digest}"' in ran.out


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"match": ["sexx"]}, "match: images has no column 'sexx': did you mean sex?"),
    ({"match": ["no such thing"]}, "match take a column of images, with a step after it"),
    ({"match": ["zzz"]}, "match: images has no column 'zzz': 'cxr sql"),
    ({"match": ["findings"]}, "match: the column findings doesn't group images"),
    ({"match": ["image_id"]}, "match: the column image_id doesn't group images"),
    ({"match": ["patient_id"]}, "match: the column patient_id doesn't group images"),
    ({"match": ["sex:5"]}, "match: sex has no numbers, so it takes no step: 'sex:5'"),
    ({"match": ["age:0"]}, "with a step after it where it has numbers"),
    ({"match": ["age:-5"]}, "with a step after it where it has numbers"),
    ({"match": ["age:5", "age:10"]}, "match: the column age is given twice"),
    ({"match": ["sex"], "balance": "none"}, "leave balance = none out"),
    ({"match": ["sex"], "findings": "equal"}, "can't have findings = equal as well"),
    ({"match": [3]}, "match must be a list of columns, not [3]"),
    ({"stratify": ["sexx"]}, "stratify: images has no column 'sexx': did you mean sex?"),
    ({"stratify": ["findings"]}, "stratify: the column findings doesn't group images"),
    ({"stratify": ["sex:2"]}, "stratify: sex has no numbers"),
    ({"stratify": ["sex", "sex"]}, "stratify: the column sex is given twice"),
    ({"size": 0}, "size is the most units of a class, 1 or more"),
    ({"size": -3}, "size is the most units of a class, 1 or more"),
    ({"size": 1.5}, "size is the most units of a class, 1 or more"),
    ({"size": True}, "size is the most units of a class, 1 or more"),
    ({"size": {}}, "size is the most units of a class, 1 or more"),
    ({"size": {"trane": 5}}, "size names the split 'trane': it has train, valid, test"),
    ({"size": 50, "by_date": ["2012-01-01"]}, "splits that dates part have no shares of one size"),
    ({"size": 3}, "the size is too small for every split to have images of every class (nodule: 2"),
    ({"match": ["sex"], "where": "sex = 'M' AND age < 0"}, "a class of this dataset has no images"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals(data: ExperimentData, options: dict[str, Any], message: str) -> None:
    """What can't be meant is refused in one sentence that names it, and nothing is recorded."""
    with pytest.raises(RecipeError) as error:
        data.create_dataset(CLASSES, **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert data.datasets() == []


@pytest.mark.parametrize("word", ["match", "size"])
def test_shared_images_have_no_match_and_no_size(tmp_path: Path, rows: Rows, word: str) -> None:
    """Where classes keep the images that they share they can neither match nor have a size."""
    lines = [dict(row) for row in rows.values()]
    for row in lines[::3]:
        row["Labels"] = "['nodule', 'pneumonia']"
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", lines), store=tmp_path / "store"
    )
    data.create_index()
    options: dict[str, Any] = {"match": ["sex"], "size": 20}
    with pytest.raises(RecipeError, match=f"^{word} needs classes that share no images: take over"):
        data.create_dataset(CLASSES, overlap="keep", **{word: options[word]})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--match", "sexx"], "match: images has no column 'sexx': did you mean sex?"),
        (["--match", "sex", "--balance", "none"], "leave balance = none out"),
        (["--stratify", "findings"], "stratify: the column findings doesn't group images"),
        (["--size", "train=5,train=6"], "--size takes a number, or SPLIT=NUMBER"),
        (["--size", "few"], "--size takes a number, or SPLIT=NUMBER"),
        (["--size", "trane=5"], "size names the split 'trane': it has train, valid, test"),
    ],
)
def test_refusals_on_the_command_line(
    data: ExperimentData, cxr: Run, words: list[str], message: str
) -> None:
    """Each is one sentence on stderr; the exit code is 1, or 2 for what is no option's value."""
    ran = cxr("create", *CLASSES, *words, "--store", data.store.path)
    assert ran.code == (2 if "--size takes" in message else 1)
    assert ran.out == ""
    assert message in " ".join(ran.err.split())


NESTED: list[dict[str, Any]] = [
    {},
    {"balance": "1:2"},
    {"balance": "none"},
    {"match": ["sex"]},
    {"match": ["sex"], "balance": "2:1"},
    {"findings": "equal"},
    {"stratify": ["sex"], "seed": 4},
    {"unit": "patient"},
    {"folds": 3},
]


def images_by_split(made: Dataset) -> dict[str, set[str]]:
    """Return the images of each split."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in members_of(made):
        found[row["split"]].add(row["image_id"])
    return found


@pytest.mark.sampled
@pytest.mark.parametrize("options", NESTED, ids=range(len(NESTED)))
def test_a_smaller_size_lies_within_a_larger_one(
    data: ExperimentData, options: dict[str, Any]
) -> None:
    """Of 20, 50, 100 and all each holds the images of those before, in every split, and more."""
    before: Mapping[str, set[str]] = {}
    counts = []
    for size in (20, 50, 100, None):
        made = data.create_dataset(CLASSES, size=size, store_it=False, **options)
        found = images_by_split(made)
        for split, images in before.items():
            assert images < found[split]
        counts.append(made.exactness.kept)
        before = found
    assert counts == sorted(set(counts))
    parts = made.recipe.ratio or dict.fromkeys(CLASSES, 1)
    smallest = parts[made.exactness.smallest]
    if options.get("balance") != "none":
        assert counts[:3] == [size * smallest // max(parts.values()) for size in (20, 50, 100)]


def test_size_of_a_split_leaves_the_others(data: ExperimentData) -> None:
    """With a size for train alone, valid and test are what they are without it."""
    full = images_by_split(data.create_dataset(CLASSES, store_it=False))
    small = data.create_dataset(CLASSES, size={"train": 30}, store_it=False)
    found = images_by_split(small)
    assert (found["valid"], found["test"]) == (full["valid"], full["test"])
    assert found["train"] < full["train"]
    assert {small.composition[name, "", "train"] for name in CLASSES} == {30}
    assert exactness_sentences(small)[0].endswith(
        f"as the size asks for: {small.exactness.full} could stay"
    )


@pytest.mark.full
def test_a_size_keeps_findings_in_proportion(tmp_path: Path) -> None:
    """However small the size, a finding has its part of its class and split, to two images."""
    shown = [["nodule"]] * 6 + [["granuloma"]] * 3 + [["pulmonary mass"]] + [["normal"]] * 12
    rows = [
        {**USUAL, "ImageID": f"f{n:04d}.png", "PatientID": f"f{n}", "StudyID": f"f{n}",
         "Labels": str(shown[n % len(shown)])}
        for n in range(880)
    ]  # fmt: skip
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows), store=tmp_path / "store"
    )
    data.create_index()
    parts = {"nodule": 0.6, "granuloma": 0.3, "pulmonary mass": 0.1}
    for size in (20, 57, 130, 300):
        made = data.create_dataset(
            ["normal", "nodular"], hierarchy="paper", size=size, store_it=False
        )
        for split in made.recipe.shares:
            whole = made.composition["nodular", "", split]
            for finding, part in parts.items():
                images = made.composition.get(("nodular", finding, split), 0)
                assert abs(images - part * whole) <= 2, (size, split, finding)


def furthest(made: Dataset, rows: Rows, option: str) -> Fraction:
    """Return the most images by which a value is away from its class's share in a split."""
    found = counted(made, rows, [option])
    splits = list(made.recipe.shares)
    away = [Fraction(0)]
    for name in made.recipe.classes:
        sizes = [made.composition[name, "", split] for split in splits]
        for value in {value for other, _, value in found if other == name}:
            counts = [found[name, split, value] for split in splits]
            away += [
                abs(count - Fraction(sum(counts) * size, sum(sizes)))
                for count, size in zip(counts, sizes, strict=True)
            ]
    return max(away)


@pytest.mark.sampled
@pytest.mark.parametrize("columns", [["sex"], ["age:20"], ["year", "projection"]])
def test_splits_are_near_in_the_columns(
    data: ExperimentData, rows: Rows, columns: list[str]
) -> None:
    """The distance that is told is that of plain Python, and smaller than without, over seeds.

    Values that are not known count as one of their own.
    """
    with_it, without = [], []
    for seed in range(1, 6):
        options: dict[str, Any] = {"seed": seed, "store_it": False, "balance": "none"}
        made = data.create_dataset(CLASSES, stratify=columns, **options)
        assert list(made.exactness.strata) == columns
        for column in columns:
            told = furthest(made, rows, column)
            assert made.exactness.strata[column] == pytest.approx(float(told), abs=0.006)
            assert (
                f"no value of {column} is further than {made.exactness.strata[column]:g} images "
                "from its class's share"
            ) in exactness_sentences(made)
        with_it.append(max(furthest(made, rows, column) for column in columns))
        plain = data.create_dataset(CLASSES, **options)
        assert plain.exactness.strata == {}
        without.append(max(furthest(plain, rows, column) for column in columns))
    assert sum(with_it) < 0.8 * sum(without)


def test_values_are_told_as_they_are(rows: Rows, data: ExperimentData) -> None:
    """Numbers in steps, dates by year, what is not known as such: as in plain Python."""
    made = data.create_dataset(CLASSES, match=["age:20", "year", "sex"], store_it=False)
    told = set(made.exactness.unmatched)
    ours = {
        combination_of(rows, [image], ["age:20", "year", "sex"])
        for image, row in rows.items()
        if row["Labels"] in ("['nodule']", "['pneumonia']")
    }
    assert told <= ours
    words = {word for combination in told for word in combination.split(", ")}
    assert {"sex unknown", "age unknown", "age 40 to 59", "year 2012"} <= words
    assert value_of({**USUAL, "PatientBirth": "2015.0"}, "age:5") == "age -5 to -1"


def test_a_recipe_of_many_combinations_has_large_cells() -> None:
    """A signature holds the number of a cell whatever it is: fine combinations are thousands."""
    with connect() as connection:
        engine = DuckDBEngine(connection)
        engine.put(
            "patient_cells", "patient_id VARCHAR, cell INTEGER, units BIGINT", [("p", 5307, 2)]
        )
        engine.put("patient_limits", "patient_id VARCHAR, limit_to VARCHAR", [])
        engine.make("signatures")
        assert engine.fetch("SELECT signature FROM signatures") == [([5307000002],)]
