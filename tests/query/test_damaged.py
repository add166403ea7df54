"""Images whose file was tested and found damaged leave the index (paper, check_integrity)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_duck import ExperimentData, InvertedIndex
from tests.conftest import Run

FINDING = "normal"
Ask = Callable[..., set[str]]
# Each way to ask for the images of a finding, with `damaged` where it takes that.
WAYS: dict[str, Callable[..., set[str]]] = {
    "find": lambda data, **more: set(data.find(FINDING, **more)["image_id"].to_pylist()),
    "query": lambda data, **more: set(
        data.find(f"{FINDING} AND NOT nodule", **more)["image_id"].to_pylist()
    ),
    "place": lambda data, **more: set(data.find("under(normal)", **more)["image_id"].to_pylist()),
    "ids": lambda data, **more: set(data.ids(FINDING, **more)),
    "images": lambda data, **more: {one.image_id for one in data.images(FINDING, **more)},
    "explained": lambda data, **more: set(
        data.sql(data.explain(FINDING, form="ids", **more).rstrip(";"))["image_id"].to_pylist()
    ),
    "index": lambda data, **more: set(InvertedIndex(data.store, **more)[FINDING].image_ids),
}
MACROS = (f"images_of('{FINDING}')", f"find_images('{FINDING}')")


@pytest.fixture(scope="module")
def data(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The demo repository, its files tested: some are damaged."""
    store = tmp_path_factory.mktemp("damaged") / "store"
    data = ExperimentData(demo / "images", demo / "labels.csv", store=store)
    data.create_index()
    return data


@pytest.fixture(scope="module")
def damaged(data: ExperimentData) -> set[str]:
    """The damaged images with the finding, after each way found them as long as none was tested."""
    every = WAYS["ids"](data)
    assert all(way(data) == every == way(data, damaged=True) for way in WAYS.values())
    data.check_integrity()
    found = set(data.sql("SELECT image_id FROM damaged_images")["image_id"].to_pylist())
    assert found & every
    return found & every


@pytest.mark.sampled
@pytest.mark.parametrize("name", WAYS)
def test_out_of_the_index(data: ExperimentData, damaged: set[str], name: str) -> None:
    """Each way to find images leaves damaged ones out, and has them where they are asked for."""
    way = WAYS[name]
    assert way(data).isdisjoint(damaged)
    assert way(data, damaged=True) - way(data) == damaged


@pytest.mark.parametrize("macro", MACROS)
def test_out_of_the_macros(data: ExperimentData, damaged: set[str], macro: str) -> None:
    """The shell's macros leave them out too; the relation of postings has them."""
    found = set(data.sql(f"SELECT image_id FROM {macro}")["image_id"].to_pylist())
    assert found == WAYS["ids"](data)


def test_counts(data: ExperimentData, damaged: set[str], cxr: Run) -> None:
    """Numbers of images are those without the damaged ones: of a query, a finding and a term."""

    def counted(**more: Any) -> list[int]:
        (row,) = [row for row in data.findings(**more).to_pylist() if row["finding"] == FINDING]
        drawn = data.draw_terms(FINDING, **more)[0].split()[-1]
        pairs = data.pairs("cardiomegaly", unit="image", **more).observed
        assert data.count(FINDING, **more) == data.count(f"{FINDING} AND NOT nodule", **more)
        return [data.count(FINDING, **more), int(row["images"]), int(drawn), pairs]

    sound, every = counted(), counted(damaged=True)
    assert [b - a for a, b in zip(sound[:3], every[:3], strict=True)] == [len(damaged)] * 3
    assert sound[0] == sound[1] == sound[2] == len(WAYS["ids"](data))
    assert sound[3] < every[3]
    words = ["find", FINDING, "--count", "--store", data.store.path]
    assert [int(cxr(*words, *more).out) for more in ((), ("--damaged",))] == [sound[0], every[0]]


def test_datasets_stay(data: ExperimentData, damaged: set[str]) -> None:
    """A dataset leaves the same images out, and counts them as damaged, not as unknown."""
    made = data.create_dataset(["normal", "scoliosis"], store_it=False)
    assert made.removals[FINDING, "damaged"] == len(damaged)


def test_bits_of_the_file(data: ExperimentData, damaged: set[str]) -> None:
    """An image has the bits of its file, where that was tested, beside those that are used."""
    rows = data.sql(
        "SELECT image_id, checks.bits, bits_stored FROM checks INNER JOIN images USING (image_id) "
        "WHERE verdict = 'ok' AND checks.bits <> bits_stored ORDER BY image_id LIMIT 3"
    ).to_pylist()
    assert rows
    for row in rows:
        image = data.image(row["image_id"])
        assert (image.bits, image.bits_stored) == (row["bits"], row["bits_stored"])


def test_diagnoses_are_marked(data: ExperimentData, cxr: Run) -> None:
    """PadChest's differential diagnoses are told from findings."""
    kinds = {row["finding"]: row["kind"] for row in data.findings().to_pylist()}
    for name in ("pneumonia", "COPD signs"):
        assert kinds[name] == "diagnosis"
    for name in ("normal", "nodule", "cardiomegaly"):
        assert kinds[name] == "finding"
    table = cxr("findings", "--limit", "0", "--store", data.store.path).out.splitlines()
    assert {line.split()[0]: line.split()[-1] for line in table}["pneumonia"] == "diagnosis"
