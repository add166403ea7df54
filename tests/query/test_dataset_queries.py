"""Datasets whose classes and exclusions are queries."""

import json
from pathlib import Path
from typing import Any

import pytest

from cxr_duck import Dataset, ExperimentData
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.errors import CxrError, RecipeError
from cxr_duck.store.invariants import check_invariants
from tests.conftest import Run
from tests.support.label_rows import repository, write_labels

KINDS = [
    ["nodule"], ["pneumonia"], ["nodule", "scoliosis"], ["normal"], ["scoliosis"],
    ["pneumonia", "pacemaker"], ["mass", "nodule"],
]  # fmt: skip


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of 420 patients of different ages, with places, sexes and unknown ages."""
    rows = repository(420, KINDS)
    for number, row in enumerate(rows):
        row["PatientBirth"] = ["1930.0", "1950.0", "1990.0", "", "2000.0"][number % 5]
        row["PatientSex_DICOM"] = "MF"[number // 7 % 2]
        row["Localizations"] = str([["loc right"], ["loc left"], []][number // 2 % 3])
    folder = tmp_path_factory.mktemp("mixed")
    data = ExperimentData(
        labels_csv=write_labels(folder / "labels.csv", rows), store=folder / "store"
    )
    data.create_index()
    return data


def images(dataset: Dataset, name: str) -> set[str]:
    """Return the images of a class."""
    return {row["image_id"] for row in dataset.members.to_pylist() if row["class"] == name}


def ids(data: ExperimentData, query: str) -> set[str]:
    """Return the images that a query finds."""
    return set(data.find(query).column("image_id").to_pylist())


def test_terms_and_queries_are_one_way(mixed: ExperimentData) -> None:
    """A term's class and the class of the query under(term) are the same to the digest."""
    terms = mixed.create_dataset(["mass", "normal"], store_it=False)
    queries = {"mass": "under(mass)", "normal": "normal"}
    for dataset in (
        mixed.create_dataset(classes=queries, store_it=False),
        mixed.create_dataset(["mass"], classes={"normal": "normal"}, store_it=False),
    ):
        assert dataset.digest == terms.digest
        assert dataset.recipe.classes == terms.recipe.classes


def test_images_and_findings_of_a_query(mixed: ExperimentData) -> None:
    """A class has its query's images, each with the findings it shows that the query names."""
    query = "(nodule OR pneumonia @ right) AND age >= 60 AND NOT scoliosis"
    dataset = mixed.create_dataset(classes={"old": query, "normal": "normal"}, store_it=False)
    assert images(dataset, "old") <= ids(mixed, query)
    shown = mixed.sql("SELECT image_id, finding FROM postings").to_pylist()
    expected = {
        (row["image_id"], row["finding"])
        for row in shown
        if row["finding"] in ("nodule", "pneumonia") and row["image_id"] in images(dataset, "old")
    }
    members = [row for row in dataset.members.to_pylist() if row["class"] == "old"]
    assert {(row["image_id"], row["finding"]) for row in members} == expected
    assert len(members) == len(expected)
    assert dataset.recipe.classes == {"old": ["nodule", "pneumonia"], "normal": ["normal"]}


def test_images_that_show_nothing_named(mixed: ExperimentData) -> None:
    """An image that shows no finding that its query names is none of its class, once."""
    queries = {"old": "age >= 60 OR nodule", "young": "age < 60 AND NOT nodule"}
    dataset = mixed.create_dataset(classes=queries, store_it=False)
    nodules = ids(mixed, "nodule")
    members = dataset.members.to_pylist()
    assert {row["finding"] for row in members if row["class"] == "young"} == {"none of young"}
    for row in members:
        if row["class"] == "old":
            assert row["finding"] == ("nodule" if row["image_id"] in nodules else "none of old")
    assert len({row["image_id"] for row in members}) == len(members) == dataset.images()
    sizes = [dataset.composition[name, "", "train"] for name in queries]
    assert sizes[0] == sizes[1] > 0


def test_overlaps_are_dropped(mixed: ExperimentData) -> None:
    """Images of two queries are in neither class, and counted."""
    queries = {"nodule": "nodule", "old": "age >= 60"}
    dataset = mixed.create_dataset(classes=queries, store_it=False)
    both = ids(mixed, "nodule AND age >= 60")
    told = f"{len(both)} images belong to more than one class and are left out"
    assert dataset.notes == [told]
    assert both
    assert not both & (images(dataset, "nodule") | images(dataset, "old"))


# (what is excluded, a query for the images that must then be out)
EXCLUSIONS = [
    (["pacemaker"], "pacemaker"),
    (["mass"], "under(mass)"),
    (["nodule @ right"], "nodule @ right"),
    (["age < 40", "scoliosis"], "age < 40 OR scoliosis"),
    (["NOT age IS NULL"], "age IS NOT NULL"),
    (["C0034079"], "nodule"),
    (["pediatric OR sex = M"], "sex = M"),
    (['"mass"'], "mass"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("exclude", "out"), EXCLUSIONS)
def test_exclusions(mixed: ExperimentData, exclude: list[str], out: str) -> None:
    """A term leaves out what is at or below it, a query what it holds for, and nothing else."""
    classes = {"low": "(pneumonia OR mass OR nodule) AND NOT normal", "normal": "normal"}
    whole = mixed.create_dataset(classes=classes, store_it=False)
    dataset = mixed.create_dataset(classes=classes, exclude=exclude, store_it=False)
    assert not (images(dataset, "low") | images(dataset, "normal")) & ids(mixed, out)
    assert dataset.recipe.exclude == exclude
    assert images(dataset, "low") <= ids(mixed, classes["low"])
    assert whole.recipe.exclude == []


@pytest.mark.full
def test_record(mixed: ExperimentData, cxr: Run) -> None:
    """The recipe holds the texts and the resolved queries; it is shown and made again."""
    store = ("--store", mixed.store.path)
    ran = cxr("create", "normal", "--class", "right=nodule @ right AND age >= 18", "--exclude",
              "sex = M", "--name", "asked", *store)  # fmt: skip
    assert ran.code == 0, ran.err
    recipe = mixed.dataset("asked").recipe
    assert recipe.queries == {"right": "nodule @ right AND age >= 18"}
    assert recipe.trees.keys() == {"nodule @ right AND age >= 18", "sex = M"}
    assert recipe.trees["sex = M"] == {
        "field": "sex", "kind": "text", "operator": "=", "values": ["M"],
    }  # fmt: skip
    assert Recipe.from_json(recipe.to_json()) == recipe
    shown = cxr("show", "asked", *store).out
    assert "terms     normal\nclass     right = nodule @ right AND age >= 18\n" in shown
    assert "exclude   sex = M\n" in shown
    assert "made again: the same" in cxr("reproduce", "asked", *store).out
    assert json.loads(cxr("show", "asked", "--json", *store).out)["recipe"]["queries"]
    again = cxr("create", "normal", "--class", "right = nodule @ right AND age >= 18 ",
                "--exclude", "sex = M", "--name", "asked", *store)  # fmt: skip
    assert again.out.splitlines()[-1] == ran.out.splitlines()[-1]
    assert [check for check in check_invariants(mixed.store) if check.rows] == []


@pytest.mark.full
def test_made_again_from_the_record_alone(mixed: ExperimentData, tmp_path: Path) -> None:
    """A hierarchy that is edited or gone changes no dataset that was made through it."""
    path = tmp_path / "organs.csv"
    path.write_text("term,parent\nlung,\nnodule,lung\npneumonia,lung\n")
    classes = {"lung": "under(lung) AND NOT age < 40", "normal": "normal"}
    options: dict[str, Any] = {"classes": classes, "exclude": ["under(lung) @ left"]}
    made = mixed.create_dataset(hierarchy=path, name="organs", **options)
    path.write_text("term,parent\nlung,\nmass,lung\n")
    other = mixed.create_dataset(hierarchy=path, name="other", **options)
    assert other.digest != made.digest
    path.unlink()
    for name in ("organs", "other"):
        assert mixed.reproduce(name).same


def test_recipe_of_before(mixed: ExperimentData) -> None:
    """A recipe that was recorded before there were queries is read, made again, and the same."""
    made = mixed.create_dataset(["nodule", "normal"], name="old one", exclude=["pacemaker"])
    recipe = json.loads(made.recipe.to_json())
    del recipe["queries"], recipe["trees"]
    with mixed.store.publishing() as publication:
        publication.catalog.execute(
            "UPDATE experiments.dataset SET recipe = ? WHERE name = 'old one'",
            [json.dumps(recipe, indent=1)],
        ).fetchall()
    assert mixed.dataset("old one").recipe == made.recipe
    assert mixed.reproduce("old one").same
    assert mixed.store_in_dataset(made) == made


REFUSED: list[tuple[list[str], dict[str, str], dict[str, Any], str]] = [
    ([], {}, {}, "a dataset needs at least one term"),
    (["nodule"], {"nodule": "age > 3"}, {}, "the term nodule is given twice"),
    ([], {"a": "nodule", "b": "C0034079"}, {}, "the classes 'a' and 'b' have the same images"),
    (["normal"], {"b": '"normal"'}, {}, "the classes 'b' and 'normal' have the same images"),
    ([], {"a": "nodule", "b": "age > 200"}, {}, "; b: 0 images in the index)"),
    ([], {"a": "nodule", "b": "nodule AND age > 9"}, {}, "144 belong to more than one class, 3"),
    (["normal"], {"a": "noduel OR mass"}, {}, "column 1: no image has the finding 'noduel'"),
    (["normal"], {"a": ""}, {}, "column 1: the query is empty"),
    (["normal"], {"a": "under(nodule"}, {}, "column 6: the bracket opened here is not closed"),
    (["normal"], {"a\n": "nodule"}, {}, "the name of a class must be one line of text"),
    (["normal"], {"": "nodule"}, {}, "the name of a class must be one line of text"),
    (["normal"], {"a": 3}, {}, "classes must map names to queries"),  # type: ignore[dict-item]
    (["normal"], ["a"], {}, "classes must map names to queries"),  # type: ignore[list-item]
    (["normal", "nodule"], {}, {"exclude": ["pacemeker"]}, "no term 'pacemeker': did you mean pac"),
    (["normal", "nodule"], {}, {"exclude": ["age > x"]}, "column 7: age is a number"),
    (["normal", "nodule"], {}, {"exclude": ["age"]}, "column 1: age is a field: compare it"),
]


@pytest.mark.parametrize(("terms", "classes", "options", "message"), REFUSED)
def test_refused(
    mixed: ExperimentData,
    terms: list[str],
    classes: dict[str, str],
    options: dict[str, Any],
    message: str,
) -> None:
    """Classes that can't be made are refused with what is wrong, and nothing is recorded."""
    before = mixed.datasets()
    with pytest.raises(CxrError) as error:
        mixed.create_dataset(terms, classes=classes, **options)
    assert message in str(error.value)
    assert mixed.datasets() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class", "nodule"], "--class takes NAME=QUERY, not 'nodule'"),
        (["--class", "=nodule"], "--class takes NAME=QUERY"),
        (["--class", "a=nodule", "--class", "a=normal"], "the class 'a' is given twice"),
    ],
)
def test_class_option(mixed: ExperimentData, cxr: Run, options: list[str], message: str) -> None:
    """An option that is no NAME=QUERY is a mistake of usage."""
    ran = cxr("create", *options, "--store", mixed.store.path)
    assert ran.code == 2
    assert message in " ".join(ran.err.split())


def test_broken_recipe() -> None:
    """A recipe whose query has no tree, or no class, is none."""
    for broken in (
        {"classes": {"a": []}, "queries": {"a": "nodule"}},
        {"classes": {}, "queries": {"a": "b"}, "trees": {"b": {}}},
        {"classes": {}, "queries": 3},
    ):
        with pytest.raises(RecipeError, match="this is no recipe of a dataset"):
            Recipe.from_json(json.dumps(broken))
