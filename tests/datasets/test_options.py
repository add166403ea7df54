"""The options of a recipe are defined once: all that show or take them keep to the definition."""

import inspect
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer

from cxr_duck import Dataset, ExperimentData, experiment_data
from cxr_duck.cli import make_app
from cxr_duck.cli.options import HierarchyOption
from cxr_duck.datasets import creating
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.recipes.recipe_values import check_recipe
from cxr_duck.datasets.recipes.request import OPTIONS, Request, asked_of
from cxr_duck.datasets.recipes.toml import read_recipe_file, recipe_as_toml

WRITTEN = """\
name = "old"
experiment = "ages"
terms = [
    "nodule",
]
exclude = [
    "pacemaker",
]
pure = true
where = "age > 1"
within = "paper:train"
hierarchy = "paper"
seed = 7
overlap = "first"
unit = "study"
twins = "together"
stratify = [
    "sex",
]
match = [
    "age:10",
]
per_patient = 2

[balance]
nodule = 2
old = 1

[size]
train = 500

[classes]
old = "mass AND age > 60"

[splits]
by_date = [
    2014-01-01,
]
keep_apart = "paper"
test = "test"
physician_test = true

[splits.shares]
train = 3
test = 1
"""
BESIDE = ["name", "experiment", "store_it"]  # of `create_dataset`, not of a recipe
ALL_CHOSEN = Recipe(
    {"nodule": ["nodule"], "old": ["mass"]},
    exclude=["pacemaker"],
    pure=True,
    where="age > 1",
    within={"name": "paper", "digest": "0" * 64, "split": "train"},
    hierarchy="paper",
    seed=7,
    shares={"train": 3, "test": 1},
    queries={"old": "mass AND age > 60"},
    overlap="first",
    balance="ratio",
    ratio={"nodule": 2, "old": 1},
    findings="proportional",
    unit="study",
    per_patient=2,
    by_date=["2014-01-01"],
    keep_apart={"name": "paper", "digest": "0" * 64},
    physician_test=True,
    twins="together",
    stratify=["sex"],
    match=["age:10"],
    size={"train": 500},
    test="test",
)


def parameters() -> dict[str, inspect.Parameter]:
    """Return the parameters of `create_dataset` that are options of a recipe."""
    taken = inspect.signature(ExperimentData.create_dataset).parameters
    return {name: taken[name] for name in taken if name not in ["self", *BESIDE]}


def test_python_has_the_options_of_the_definition() -> None:
    """`create_dataset` names each option, with its default, in the order of the definition.

    A default that can be changed stands as None.
    """
    assert list(parameters()) == [option.python for option in OPTIONS.values()]
    defaults = [None if field.default is MISSING else field.default for field in fields(Request)]
    assert [parameter.default for parameter in parameters().values()] == defaults


def test_python_has_the_types_of_the_definition() -> None:
    """The types are those of the fields, but that a hierarchy may be a path and classes None."""
    typed = get_type_hints(Request)
    hints = get_type_hints(
        ExperimentData.create_dataset,
        {**vars(inspect.getmodule(Request)), **vars(experiment_data), "Dataset": Dataset},
    )
    differing = [name for name, option in OPTIONS.items() if hints[option.python] != typed[name]]
    assert differing == ["classes", "hierarchy"]


def test_python_hands_each_option_on(odd_data: ExperimentData, monkeypatch: Any) -> None:
    """What is given for an option comes to that option of the request, and to no other."""
    handed: list[Request] = []
    monkeypatch.setattr(
        creating, "create_dataset", lambda _, request, *more: handed.append(request)
    )
    monkeypatch.setattr(ExperimentData, "_handed_out", lambda self, dataset: dataset)
    asked = asked_of(ALL_CHOSEN) | {"folds": 5}
    odd_data.create_dataset(**{OPTIONS[name].python: value for name, value in asked.items()})
    assert handed == [Request(**asked)]


def test_the_command_line_has_the_options_of_the_definition() -> None:
    """`cxr create` takes each option by its flag, says its sentence, and has its default."""
    command = typer.main.get_command(make_app(["create"])).commands["create"]  # type: ignore[attr-defined]
    taken = {parameter.name: parameter for parameter in command.params}
    assert list(taken)[: len(OPTIONS)] == list(OPTIONS)
    for field in fields(Request):
        option, parameter = OPTIONS[field.name], taken[field.name]
        assert parameter.help == option.help
        assert [option.flag] == parameter.opts if option.flag else parameter.nargs == -1
        plain = isinstance(field.default, str | int)
        assert parameter.default == (field.default if plain else None)


def test_hierarchy_has_one_sentence() -> None:
    """Every command says the same of --hierarchy."""
    (shared,) = HierarchyOption.__metadata__  # type: ignore[attr-defined]
    assert shared.help == OPTIONS["hierarchy"].help


def test_every_option_comes_to_the_recipe() -> None:
    """A recipe with all options chosen asks for each of them, but folds, which become shares."""
    asked, unasked = asked_of(ALL_CHOSEN), Request()
    same = [name for name in OPTIONS if asked[name] == getattr(unasked, name)]
    assert same == ["findings", "folds"]  # classes that match can't have other findings
    check_recipe(ALL_CHOSEN)


def test_a_file_has_every_option(tmp_path: Path) -> None:
    """What is written of a recipe is read as the same options; the keys keep their order."""
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_as_toml(ALL_CHOSEN, "old", "ages"), encoding="utf-8")
    request, *names = read_recipe_file(path)
    days = [str(day) for day in request.by_date]
    assert replace(request, by_date=days) == Request(**asked_of(ALL_CHOSEN))
    assert names == ["old", "ages"]
    assert path.read_text(encoding="utf-8") == WRITTEN


@pytest.mark.parametrize("name", OPTIONS)
def test_help_is_one_sentence(name: str) -> None:
    """Each option says what it is in one sentence, and at more length in the README."""
    option = OPTIONS[name]
    assert option.help.endswith(".")
    assert option.help.count(". ") == 0
    assert option.meaning
    assert not option.meaning.endswith(".")
