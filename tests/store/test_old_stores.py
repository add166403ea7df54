"""Stores that earlier versions wrote: they open as they are, their datasets are made again."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cxr_duck import ExperimentData, __version__
from cxr_duck.errors import StoreError
from cxr_duck.store.format import FIRST_VERSIONS, FORMAT, read_format
from cxr_duck.store.invariants import check_invariants
from tests.conftest import Run
from tests.support.kill_points import killed_stores, state_of
from tests.support.label_rows import COLUMNS, repository, write_labels
from tests.support.release_store import STORES

# Of each version: its format, its images with a nodule, and the digests of the datasets in its
# store, by their names, oldest first.
FORMATS = {"0.5.0": 1, "0.6.0": 1}
NODULES = {"0.5.0": 34, "0.6.0": 35}
DIGESTS = {
    "0.5.0": {
        "paper": "bde15439df474a340783a98fd92f4cb5242d9cdb4b5778b1905f4b648d900134",
        "lungs": "35c2807b651a0bd4b4736a657c22383baadb5ce577b9a2ade2a7247160ea0bba",
        "apart": "20b605e52d4e40fd96e232f63dc08093f3d7691cadd34bdc19c38973bcebb12d",
    },
    "0.6.0": {
        "paper": "cd2448f80df9e7a71ab14d8db64f19a8790c55f604d7706dcc8d00d5a8f25b14",
        "lungs": "f30d368aa7e954f0254f38b3f54812f1f2685981e97947e1187df10812df38a3",
        "apart": "edba731ad07f47d207d6ea2e88b48cc266d10f8d638329427ef0d088126ee524",
        "matched": "ed4b4a306c4687fcfd353bf079f99581c9d455b7a281e48ad20002a619b35a3f",
        "organs": "ac1ab7a8216f59c8c9a8b844fef7c40a9ff9e7da97a1f42d267669af858a1a9e",
    },
}


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The stores of all versions, which tests copy."""
    folder = tmp_path_factory.mktemp("stores")
    for version in DIGESTS:
        with tarfile.open(STORES / f"{version}.tar.xz") as packed:
            packed.extractall(folder, filter="data")
    return {version: folder / version for version in DIGESTS}


@pytest.fixture(params=DIGESTS)
def version(request: pytest.FixtureRequest) -> str:
    """The version that wrote a store."""
    return str(request.param)


@pytest.fixture
def old(version: str, unpacked: dict[str, Path], tmp_path: Path) -> Iterator[ExperimentData]:
    """The store that this version wrote."""
    shutil.copytree(unpacked[version], tmp_path / version)
    data = ExperimentData(store=tmp_path / version)
    yield data
    data.store.close()


def files_of(store: Path) -> dict[str, tuple[int, bytes]]:
    """Return the time of change and the bytes of each file of a store."""
    return {
        path.relative_to(store).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in store.rglob("*")
        if path.is_file()
    }


def assert_datasets_are_made_again(data: ExperimentData, version: str) -> None:
    """Raise AssertionError unless each dataset comes out with the digest that it always had."""
    for name, digest in DIGESTS[version].items():
        made = data.reproduce(name)
        assert made.same, name
        assert made.made is not None
        assert made.made.digest == made.dataset.digest == digest


def test_every_release_has_its_store() -> None:
    """The stores that lie there are those that are tested."""
    assert {path.name.removesuffix(".tar.xz") for path in STORES.glob("*.tar.xz")} == set(DIGESTS)
    assert all(path.stat().st_size < 200_000 for path in STORES.glob("*.tar.xz"))


@pytest.mark.full
def test_reading_writes_nothing(
    old: ExperimentData, version: str, cxr: Run, demo: Path, tmp_path: Path
) -> None:
    """A store that may only be read is asked, exported and audited, and its datasets made again."""
    store = old.store.path
    before = files_of(store)
    for path in (store, *store.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    listed = {row["name"]: row["digest"] for row in old.datasets()}
    assert list(listed.items()) == list(DIGESTS[version].items())
    assert_datasets_are_made_again(old, version)
    assert cxr("find", "nodule", "--count", "--store", store).out == f"{NODULES[version]}\n"
    assert listed["paper"] in cxr("show", "paper", "--store", store).out
    counted = old.sql("SELECT count(*) AS n FROM data_files").to_pylist()
    assert counted[0]["n"] >= 8
    assert "nothing is wrong" in cxr("audit", "paper", "--no-files", "--store", store).err
    exporting = ExperimentData(demo / "images", store=store)
    exporting.export("paper", tmp_path / "out", form="csv")
    manifest = (tmp_path / "out" / "manifest.csv").read_text().splitlines()
    assert len(manifest) - 1 == old.dataset("paper").images() > 200
    assert old.upgrade(dry_run=True).found.number == FORMATS[version]
    assert not old.repair(dry_run=True).problem
    for path in (store, *store.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert files_of(store) == before


def test_it_grows(old: ExperimentData, version: str, tmp_path: Path) -> None:
    """Label rows are added to it, and what was recorded before stays readable."""
    rows = repository(1, [["nodule"]])
    rows[0] |= {"ImageID": "new.png", "PatientID": "new", "StudyID": "new"}
    labels = write_labels(tmp_path / "grown.csv", rows)
    more = ExperimentData(labels_csv=labels, store=old.store.path)
    more.create_index()
    assert len(more.find("nodule")) == NODULES[version] + 1
    for name, digest in DIGESTS[version].items():
        dataset = more.dataset(name)
        assert (dataset.digest, dataset.members.num_rows > 0) == (digest, True)
    assert list(more.reproduce("lungs").changes) == [
        "grown.csv was indexed (1 images added, 0 replaced)"
    ]
    more.store.close()


def test_upgrade(old: ExperimentData, version: str, cxr: Run) -> None:
    """An upgrade is told before, changes neither dataset nor Parquet file, and is done once."""
    store = old.store.path
    data_files = {name: file for name, file in files_of(store).items() if name[:5] == "data/"}
    told = cxr("upgrade", "--dry-run", "--store", store)
    assert f"is of format {FORMATS[version]}, by cxr-duck {version}" in told.out
    assert f"{len(DIGESTS[version])} datasets and {len(data_files)} data files stay" in told.out
    ran = cxr("upgrade", "--store", store)
    assert ran.code == 0
    assert f"from format {FORMATS[version]} (cxr-duck {version}) to format {FORMAT}" in ran.err
    assert ran.err.count("\n") == 1
    assert f"is of format {FORMAT}, which" in cxr("upgrade", "--store", store).out
    assert data_files.items() <= files_of(store).items()
    assert not [check for check in check_invariants(old.store) if check.rows or check.untested]
    assert_datasets_are_made_again(old, version)


def test_first_change_upgrades(old: ExperimentData, version: str, cxr: Run) -> None:
    """Any change brings the store up, and says so in one line; one that changes nothing doesn't."""
    store = old.store.path
    assert cxr("rename", "paper", "paper", "--store", store).err == ""
    assert old.upgrade(dry_run=True).found.number == FORMATS[version]
    ran = cxr("rename", "paper", "first", "--store", store)
    assert "was brought from format" in ran.err
    assert ran.err.count("\n") == 1
    assert cxr("rename", "first", "paper", "--store", store).err == ""
    assert list(DIGESTS[version]) == [row["name"] for row in old.datasets()]


@pytest.mark.full
def test_killed_upgrade(
    version: str, unpacked: dict[str, Path], tmp_path: Path, old: ExperimentData
) -> None:
    """Killed at any step, an upgrade leaves the old store or the new one, which goes on.

    It takes a second and a half: a process that forks for four kills.
    """
    before = state_of(old.store.path)
    whole, *killed = killed_stores(unpacked[version], tmp_path / "killed", "upgrade", 4)
    assert state_of(whole) == before
    assert len(killed) == 4
    for store in killed:
        assert state_of(store) == before
        data = ExperimentData(store=store)
        data.rename("paper", "paper2")
        assert not data.upgrade().changes
        left = {path.name for path in store.iterdir()} - {".runs"}
        assert left == {"cxr.duckdb", "data", "record", ".lock", ".superseded"} & left
        data.store.close()


# What 0.5.0 and 0.6.0 ask when they open a store.
_FIRST_QUESTIONS = (
    "SET GLOBAL python_enable_replacements = false; SET enable_external_access = false; "
    "SET lock_configuration = true",
    "SELECT exactness FROM cxr.experiments.dataset LIMIT 0",
    "SELECT path FROM cxr.data_files LIMIT 0",
)


def test_earlier_versions_refuse_what_they_do_not_know(old: ExperimentData) -> None:
    """0.5.0 and 0.6.0 print what DuckDB says to them: which version to install."""
    old.upgrade()
    old.store.close()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{old.store.catalog}' AS cxr (READ_ONLY)")
        assert len(connection.execute("FROM cxr.data_files").fetchall()) >= 8  # a DuckDB shell
        with pytest.raises(duckdb.InvalidInputException) as refused:
            for question in _FIRST_QUESTIONS:
                connection.execute(question).fetchall()
    lowest = FIRST_VERSIONS[FORMAT]
    assert f"cxr-duck {lowest} or later wrote this store: pip install 'cxr-duck>={lowest}'" in str(
        refused.value
    )


def test_a_later_store_is_refused(old: ExperimentData, cxr: Run) -> None:
    """A store of a format to come is refused, for reading and writing, with what to install."""
    old.upgrade()
    old.store.close()
    with duckdb.connect(old.store.catalog) as catalog:
        catalog.execute(
            "UPDATE store_format SET format = 99, lowest_version = '9.1.0', "
            "package_version = '9.2.0'; DROP VIEW data_files"
        )
    for command in (["find", "nodule"], ["compact"], ["upgrade"], ["repair"]):
        ran = cxr(*command, "--store", old.store.path)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            f"Error: {old.store.path} was written by cxr-duck 9.2.0 (format 99); this is "
            f"{__version__}, which reads formats 1 to {FORMAT}: pip install 'cxr-duck>=9.1.0'\n"
        )


def test_a_store_before_formats_is_told(tmp_path: Path) -> None:
    """Stores of versions before 0.5.0 can't be read, which is said with what to do."""
    with duckdb.connect(tmp_path / "cxr.duckdb") as catalog:
        catalog.execute(
            "CREATE TABLE publications AS SELECT 1 AS publication, '0.4.0' AS package_version"
        )
    with pytest.raises(StoreError, match=r"made by cxr-duck before 0\.5\.0: index its label file"):
        ExperimentData(store=tmp_path).datasets()


def test_formats_and_versions(demo_data: ExperimentData) -> None:
    """A new store is of the newest format, and says which versions write and read it."""
    found = read_format(demo_data.store.cursor())
    assert (found.number, found.package_version) == (FORMAT, __version__)
    assert found.lowest_version == FIRST_VERSIONS[FORMAT]
    assert sorted(FIRST_VERSIONS) == list(range(1, FORMAT + 1))


@pytest.mark.full
def test_own_columns_come_into_an_old_store(
    old: ExperimentData, version: str, tmp_path: Path
) -> None:
    """A label file with columns of its own adds to a store whose images have no room for them."""
    before = old.sql("SELECT count(*) AS images FROM images").to_pylist()[0]["images"]
    for number in range(2):
        rows = [
            {**row, "ImageID": f"new{number}-{row['ImageID']}", "Scanner": "north"}
            for row in repository(3, [["made up"]])
        ]
        labels = write_labels(tmp_path / "own.csv", rows, [*COLUMNS, "Scanner"])
        ExperimentData(labels_csv=labels, store=old.store.root).create_index()
    for change in (lambda: None, old.compact, lambda: old.remove("image_id LIKE 'new0-p00000%'")):
        change()
    assert old.count("Scanner = north") == 5
    assert old.count("Scanner IS NULL", damaged=True) == before
    assert_datasets_are_made_again(old, version)
    assert not [check for check in check_invariants(old.store) if check.rows]
