"""One question sees one state of the store, whoever publishes meanwhile."""

import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import cxr_duck.store.store as store_module
from cxr_duck import ExperimentData
from cxr_duck.store.store import Store
from tests.conftest import Run

# Methods that change the store, for which they see its newest state.
CHANGING = {
    "create_index", "remove", "compact", "upgrade", "repair", "check_integrity", "find_twins",
    "create_dataset", "create_from_recipe", "store_in_dataset", "rename", "delete", "unbundle",
}  # fmt: skip


IMAGE = "demo_0000030_01-001-053.png"
QUESTIONS: dict[str, Callable[[ExperimentData, Path], Any]] = {
    "check_store": lambda data, _: data.check_store(),
    "twins_in": lambda data, _: data.twins_in("asked"),
    "findings": lambda data, _: data.findings(),
    "pairs": lambda data, _: data.pairs("nodule"),
    "why": lambda data, _: data.why(IMAGE, "asked"),
    "sql": lambda data, _: data.sql("SELECT count(*) FROM images"),
    "sql_rows": lambda data, _: data.sql_rows("SELECT count(*) FROM images").arrow(),
    "find": lambda data, _: data.find("nodule AND frontal"),
    "find_rows": lambda data, _: data.find_rows("under(nodule)").arrow(),
    "count": lambda data, _: data.count("NOT nodule"),
    "ids": lambda data, _: list(data.ids("nodule OR normal")),
    "explain": lambda data, _: data.explain("nodule AND frontal"),
    "image": lambda data, _: data.image(IMAGE).findings,
    "images": lambda data, _: len(data.images("nodule")),
    "draw_terms": lambda data, _: data.draw_terms("nodule"),
    "datasets": lambda data, _: data.datasets(),
    "dataset": lambda data, _: data.dataset("asked").digest,
    "recipe_file": lambda data, _: data.recipe_file("asked"),
    "reproduce": lambda data, _: data.reproduce("asked"),
    "diff": lambda data, _: data.diff("asked", "other"),
    "bundle": lambda data, folder: data.bundle("asked", folder / "asked.json"),
    "export": lambda data, folder: data.export("asked", folder / "out", form="csv"),
    "audit": lambda data, _: data.audit("asked", files=False),
    "matrix": lambda data, _: data.matrix("asked"),
}


@pytest.fixture(scope="module")
def prepared(demo_data: ExperimentData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two datasets and the twins of its images: to be copied."""
    store = shutil.copytree(demo_data.store.path, tmp_path_factory.mktemp("prepared") / "store")
    data = ExperimentData(demo_data.images_dir, store=store)
    data.create_dataset(["normal", "nodule"], name="asked")
    data.create_dataset(["normal", "pneumonia"], name="other")
    data.find_twins()
    data.store.close()
    return store


@pytest.fixture
def asked(prepared: Path, demo_data: ExperimentData, tmp_path: Path) -> Iterator[ExperimentData]:
    """That store, which a test may change."""
    data = ExperimentData(demo_data.images_dir, store=shutil.copytree(prepared, tmp_path / "asked"))
    yield data
    data.store.close()


@pytest.fixture
def published(asked: ExperimentData, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The states that are opened, where another process publishes after every look."""
    opened: list[Path] = []
    look, opening = Store.cursor, store_module.open_catalog

    def looking(self: Store, *, anywhere: bool = False) -> duckdb.DuckDBPyConnection:
        cursor = look(self, anywhere=anywhere)
        renew(self.catalog)
        return cursor

    def counting(folder: Any) -> duckdb.DuckDBPyConnection:
        opened.append(folder.catalog)
        return opening(folder)

    asked.store.close()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "cursor", looking)
        patch.setattr(store_module, "open_catalog", counting)
        yield opened


def renew(catalog: Path) -> None:
    """Put another catalog in force, as a publication of another process does."""
    copy = catalog.with_name("renewed.duckdb")
    shutil.copyfile(catalog, copy)
    os.replace(copy, catalog)


def test_every_method_is_asked() -> None:
    """A method that is added to the facade comes to one of the two lists."""
    methods = {
        name
        for name, _ in inspect.getmembers(ExperimentData, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods == CHANGING | QUESTIONS.keys()


@pytest.mark.sampled
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_sees_one_state(
    asked: ExperimentData, published: list[Path], tmp_path: Path, name: str
) -> None:
    """From its first look at the store to its last, each method sees the same state of it."""
    QUESTIONS[name](asked, tmp_path)
    assert len(published) == 1


def test_a_command_sees_one_state(
    asked: ExperimentData, published: list[Path], cxr: Run, tmp_path: Path
) -> None:
    """A command that asks several questions shows the answers of one state."""
    for words in (
        ["show", "asked"], ["why", IMAGE, "--dataset", "asked"],
        ["find", "nodule", "--count"], ["diff", "asked", "other"], ["matrix", "asked"],
        ["export", "asked", tmp_path / "out", "--as", "csv"], ["audit", "asked", "--no-files"],
    ):  # fmt: skip
        published.clear()
        ran = cxr(*words, "--store", str(asked.store.root))
        assert "Error" not in ran.err, ran.err
        assert len(published) == 1, words


def test_rows_come_from_the_state_in_which_they_were_asked_for(asked: ExperimentData) -> None:
    """Rows that are taken one by one go on, whatever is asked or recorded in between."""
    wanted = list(asked.ids("normal"))
    found = []
    for number, image_id in enumerate(asked.ids("normal")):
        found.append(image_id)
        if number < 2:
            renew(asked.store.catalog)
            asked.image(image_id)
            asked.rename("other", "renamed") if number == 0 else asked.delete("renamed")
    assert found == wanted


def test_a_change_is_seen_after_it(own_demo: ExperimentData) -> None:
    """What a method reads after a change of its own is the state with that change."""
    own_demo.create_dataset(["normal", "nodule"], name="seen")
    assert [row["name"] for row in own_demo.datasets()] == ["seen"]
