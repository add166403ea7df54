"""cxr repair: a lost or broken catalog is made again, and what can't be is said."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import StoreError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store.compaction import compact
from cxr_duck.store.invariants import check_invariants
from cxr_duck.store.record_copy import copy_files, read_copies
from tests.conftest import Run
from tests.support.kill_points import check_killed_store, killed_stores, state_of
from tests.support.label_rows import repository, write_labels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two label files, removed images, two datasets, one by a hierarchy of its own."""
    folder = tmp_path_factory.mktemp("made")
    rows = repository(60, [["nodule"], ["normal"], ["mass"]])
    (folder / "own.csv").write_text("term,parent\nlumps,\nnodule,lumps\nmass,lumps\nclear,\n")
    for name, some in (("labels.csv", rows[:50]), ("more.csv", rows[50:])):
        labels = write_labels(folder / name, some)
        data = ExperimentData(labels_csv=labels, store=folder / "store")
        data.create_index()
    data.create_dataset(["lumps"], hierarchy=folder / "own.csv", name="lumps")
    data.create_dataset(["nodule", "normal"], name="apart", experiment="other")
    remove_images(data.store, "patient_id = 'patient0'", SILENT)
    data.store.close()
    return folder / "store"


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Iterator[Path]:
    """That store, which a test may break."""
    store = tmp_path / "store"
    shutil.copytree(made, store)
    yield store
    ExperimentData(store=store).store.close()


def broken_invariants(store: Path) -> list[str]:
    """Return the names of the invariants that a store breaks, or that can't be tested."""
    return [
        c.name for c in check_invariants(ExperimentData(store=store).store) if c.rows or c.untested
    ]


def content(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table that only the catalog has, but for its own state."""
    cursor = ExperimentData(store=store).store.cursor()
    tables = cursor.execute(
        "SELECT concat(schema_name, '.', table_name) FROM duckdb_tables() "
        "WHERE database_name = 'cxr' AND table_name NOT IN ('store_format', 'record_files')"
    ).fetchall()
    return {name: sorted(cursor.execute(f"FROM {name}").fetchall(), key=repr) for (name,) in tables}


BREAK = {
    "missing": lambda catalog: catalog.unlink(),
    "empty": lambda catalog: catalog.write_bytes(b""),
    "cut": lambda catalog: catalog.write_bytes(catalog.read_bytes()[:100_000]),
    "garbage": lambda catalog: catalog.write_bytes(b"nonsense" * 10_000),
    "a block": lambda catalog: catalog.write_bytes(
        catalog.read_bytes()[:15_000] + b"x" * 300_000 + catalog.read_bytes()[315_000:]
    ),
    "another database": lambda catalog: (
        catalog.unlink(),
        duckdb.connect(catalog).execute("CREATE TABLE x AS SELECT 1").close(),
    ),
}


@pytest.mark.parametrize("how", BREAK)
def test_catalog_is_made_again(own: Path, cxr: Run, how: str) -> None:
    """Whatever befell the catalog, repair brings back each row of it; the broken file is kept."""
    before, state = content(own), state_of(own)
    ExperimentData(store=own).store.close()
    BREAK[how](own / "cxr.duckdb")
    broken = (own / "cxr.duckdb").read_bytes() if how != "missing" else None
    for command in (["find", "nodule"], ["compact"]):
        ran = cxr(*command, "--store", own)
        assert ran.code == 1
        assert "run 'cxr repair" in ran.err
        assert ran.err.count("\n") == 1
    dry = cxr("repair", "--dry-run", "--store", own)
    assert (dry.code, "2 datasets (lumps, apart)" in dry.out) == (0, True)
    assert broken == ((own / "cxr.duckdb").read_bytes() if how != "missing" else None)
    ran = cxr("repair", "--store", own)
    assert (ran.code, ran.err, "lost:" in ran.out) == (0, "", False)
    assert content(own) == before
    assert state_of(own) == state
    assert broken_invariants(own) == []
    kept = [path.read_bytes() for path in own.glob("set-aside-*/cxr.duckdb")]
    assert kept == ([broken] if broken is not None else [])
    assert ExperimentData(store=own).reproduce("apart").dataset.digest in state[2]
    assert "nothing to repair" in cxr("repair", "--store", own).out


def test_what_is_no_store(tmp_path: Path, cxr: Run) -> None:
    """Repair makes no store where none was, and touches no database of somebody else's."""
    ran = cxr("repair", "--store", tmp_path / "none")
    assert (ran.code, "is no store: run 'cxr index" in ran.err) == (1, True)
    assert not (tmp_path / "none").exists()
    duckdb.connect(tmp_path / "cxr.duckdb").execute("CREATE TABLE x AS SELECT 1").close()
    assert "was not made by cxr-duck" in cxr("repair", "--store", tmp_path).err


def test_index_over_a_lost_catalog(own: Path, made: Path) -> None:
    """A store that lost its catalog is not taken for a new one, whose files would replace its."""
    (own / "cxr.duckdb").unlink()
    before = sorted(own.rglob("*.parquet"))
    data = ExperimentData(labels_csv=made.parent / "labels.csv", store=own)
    with pytest.raises(StoreError, match=r"it is missing.*run 'cxr repair"):
        data.create_index()
    assert sorted(own.rglob("*.parquet")) == before


def test_without_a_copy(own: Path, cxr: Run) -> None:
    """Without a copy of the record the data files make a store, and what is lost is said."""
    images = state_of(own)[0]
    shutil.rmtree(own / "record")
    (own / "cxr.duckdb").unlink()
    ran = cxr("repair", "--store", own)
    assert ran.code == 0
    assert "lost: the record of datasets: no copy of it lies in the store" in ran.out
    data = ExperimentData(store=own)
    assert (state_of(own)[0], data.datasets()) == (images, [])
    assert broken_invariants(own) == []
    assert data.create_dataset(["nodule", "normal"], name="new").images() > 0


def test_catalog_before_the_last_change(own: Path, cxr: Run) -> None:
    """Without a copy the superseded catalog tells the record, and that it is one change behind."""
    data = ExperimentData(store=own)
    compact(data.store, SILENT)
    data.rename("lumps", "lumps2")
    data.delete("apart")
    data.store.close()
    shutil.rmtree(own / "record")
    (own / "cxr.duckdb").unlink()
    ran = cxr("repair", "--store", own)
    assert "2 datasets (lumps2, apart)" in ran.out
    assert "one that was deleted last is there again" in ran.out
    assert broken_invariants(own) == []


def test_files_of_a_killed_change(own: Path) -> None:
    """What a killed change wrote becomes no row, and is set aside."""
    orphan = own / "data" / "000009" / "images-0001.parquet"
    orphan.parent.mkdir()
    shutil.copyfile(next(own.glob("data/*/images-*.parquet")), orphan)
    state = state_of(own)
    (own / "cxr.duckdb").unlink()
    done = ExperimentData(store=own).repair()
    assert done.set_aside == ("data/000009/images-0001.parquet",)
    assert done.aside is not None
    assert (done.aside / "data/000009/images-0001.parquet").is_file()
    assert state_of(own) == state


def test_damaged_data_file(own: Path, made: Path, cxr: Run) -> None:
    """Rows of a data file that is damaged are said to be lost; indexed again, they are back."""
    state = state_of(own)
    lost = max(own.glob("data/000002/images-*.parquet"))
    lost.write_bytes(b"")
    (own / "cxr.duckdb").unlink()
    ran = cxr("repair", "--store", own)
    assert "lost: 10 images, in data files that are damaged" in ran.out
    assert broken_invariants(own) == []
    more = ExperimentData(labels_csv=made.parent / "more.csv", store=own)
    assert more.create_index()["added"] == 10
    assert state_of(own)[:4] == state[:4]


def test_copy_is_mended(own: Path, cxr: Run) -> None:
    """A copy of the record that is damaged is told by check-store, and written anew."""
    head, image = sorted(own.glob("record/*.parquet"))[0], sorted(own.glob("record/*images*"))[0]
    for path in (head, image):
        path.write_bytes(b"x")
        assert broken_invariants(own) == ["file_changed"]
        assert "the copy of the record" in cxr("repair", "--store", own).out
        assert broken_invariants(own) == []


def assert_copy_is_whole(data: ExperimentData) -> None:
    """Raise AssertionError unless one copy is there, and is of the state in force."""
    listed = copy_files(data.store.cursor())
    paths = {f"record/{path.name}" for path in data.store.path.glob("record/*")}
    assert paths == {file.path for file in listed}
    copies, damaged = read_copies(data.store.path, paths)
    ((state,),) = data.store.cursor().execute("SELECT state FROM store_format").fetchall()
    assert ([copy.state for copy in copies], damaged) == ([state], [])
    assert list(copies[0].datasets) == [row["name"] for row in data.datasets()]


def test_each_change_has_its_copy(own: Path, tmp_path: Path) -> None:
    """After each change one copy lies there, of that state; images of others stay as they are."""
    data = ExperimentData(store=own)
    assert_copy_is_whole(data)
    before = {path for path in own.glob("record/*-images-*")}
    data.create_dataset(["nodule", "mass"], name="third")
    assert_copy_is_whole(data)
    assert before < {path for path in own.glob("record/*-images-*")}
    data.bundle("third", tmp_path / "third.cxrbundle")
    for change in (
        lambda: data.rename("third", "renamed"),
        lambda: data.delete("renamed"),
        lambda: data.unbundle(tmp_path / "third.cxrbundle"),
        lambda: compact(data.store, SILENT),
        lambda: remove_images(data.store, "patient_id = 'patient1'", SILENT),
    ):
        change()
        assert_copy_is_whole(data)
    copied = duckdb.sql(
        f"FROM read_parquet('{own}/record/*-images-*') WHERE image_id LIKE 'p00001%'"
    )
    assert {row[2] for row in copied.fetchall()} != {"patient1"}


@pytest.mark.parametrize("change", ["delete", "create"])
def test_killed_change_and_lost_catalog(own: Path, tmp_path: Path, change: str) -> None:
    """Killed at any step, and the catalog lost after: repair finds the state that was in force.

    It takes two seconds: a process that forks, and a repair for each of four kills.
    """
    before = state_of(own)
    whole, *killed = killed_stores(own, tmp_path / "killed", change, 4)
    after = state_of(whole)
    assert len(killed) == 4
    for store in killed:
        check_killed_store(store, before, after)
