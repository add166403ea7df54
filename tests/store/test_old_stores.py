"""Stores that earlier versions wrote: they open, their datasets are made again, they grow."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_duck import ExperimentData
from tests.conftest import Run
from tests.support.label_rows import repository, write_labels

STORES = Path(__file__).parents[1] / "stores"

# Of each version: the digests of the datasets in its store, by their names, oldest first.
DIGESTS = {
    "0.5.0": {
        "paper": "bde15439df474a340783a98fd92f4cb5242d9cdb4b5778b1905f4b648d900134",
        "lungs": "35c2807b651a0bd4b4736a657c22383baadb5ce577b9a2ade2a7247160ea0bba",
        "apart": "20b605e52d4e40fd96e232f63dc08093f3d7691cadd34bdc19c38973bcebb12d",
    }
}


@pytest.fixture(params=DIGESTS)
def version(request: pytest.FixtureRequest) -> str:
    """The version that wrote a store."""
    return str(request.param)


@pytest.fixture
def old(version: str, tmp_path: Path) -> Iterator[ExperimentData]:
    """The store that this version wrote."""
    with tarfile.open(STORES / f"{version}.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    data = ExperimentData(store=tmp_path / version)
    yield data
    data.store.close()


def test_datasets_are_listed(old: ExperimentData, version: str) -> None:
    """The record of a dataset is read as it was written."""
    listed = {row["name"]: row["digest"] for row in old.datasets()}
    assert list(listed.items()) == list(DIGESTS[version].items())


def test_datasets_are_made_again(old: ExperimentData, version: str) -> None:
    """A dataset comes out the same to the last image, however a later version allocates."""
    for name, digest in DIGESTS[version].items():
        made = old.reproduce(name)
        assert made.same, name
        assert made.made is not None
        assert made.made.digest == made.dataset.digest == digest


def test_findings_are_found(old: ExperimentData, cxr: Run) -> None:
    """The command line answers from it."""
    ran = cxr("find", "nodule", "--count", "--store", old.store.path)
    assert (ran.out, ran.code) == ("34\n", 0)


def test_it_grows(old: ExperimentData, version: str, tmp_path: Path) -> None:
    """Label rows are added to it, and what was recorded before stays readable."""
    rows = repository(1, [["nodule"]])
    rows[0] |= {"ImageID": "new.png", "PatientID": "new", "StudyID": "new"}
    labels = write_labels(tmp_path / "more.csv", rows)
    more = ExperimentData(labels_csv=labels, store=old.store.path)
    more.create_index()
    assert len(more.find("nodule")) == 35
    for name, digest in DIGESTS[version].items():
        dataset = more.dataset(name)
        assert (dataset.digest, dataset.members.num_rows > 0) == (digest, True)
    assert list(more.reproduce("lungs").changes) == [
        "more.csv was indexed (1 images added, 0 replaced)"
    ]
    more.store.close()
