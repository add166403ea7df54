"""cxr repair: a lost or broken catalog is made again, and what can't be is said."""

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow.parquet
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import StoreError
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store import repair as repairing
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


@pytest.mark.sampled
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


@pytest.mark.full
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


@pytest.mark.full
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
    assert list(copies[0].datasets.values()) == [row["name"] for row in data.datasets()]


@pytest.mark.full
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


@pytest.mark.full
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


def rewrite(file: Path, select: str) -> None:
    """Write a Parquet file anew with other rows."""
    table = duckdb.sql(f"SELECT {select} FROM read_parquet('{file}')").to_arrow_table()
    pyarrow.parquet.write_table(table, file)


def lose_catalog(store: Path) -> None:
    """Close a store, and take its catalog away."""
    ExperimentData(store=store).store.close()
    (store / "cxr.duckdb").unlink()


@pytest.mark.full
@pytest.mark.parametrize("copy", [True, False])
def test_data_file_with_other_rows(own: Path, cxr: Run, copy: bool) -> None:
    """A data file that is sound Parquet and not the one that was written is not taken for it.

    Its digest is told by the copy of the record, or else by the catalog before the last change.
    """
    rows = repository(65, [["nodule"], ["normal"], ["mass"]])[60:]
    labels = write_labels(own.parent / "five.csv", rows)
    data = ExperimentData(labels_csv=labels, store=own)
    data.create_index()
    data.rename("apart", "apart2")
    images = {i for (i,) in data.store.cursor().execute("SELECT image_id FROM images").fetchall()}
    data.store.close()
    changed = max(own.glob("data/*/images-*.parquet"))
    rewrite(changed, "* REPLACE ('somebody else' AS patient_id)")
    others = changed.read_bytes()
    if not copy:
        shutil.rmtree(own / "record")
    lose_catalog(own)
    ran = cxr("repair", "--store", own)
    assert ran.code == 0
    assert "lost: 5 images, in data files that are damaged" in ran.out
    aside = next(own.glob("set-aside-*")) / changed.relative_to(own)
    assert aside.read_bytes() == others
    left = ExperimentData(store=own).sql("SELECT image_id, patient_id FROM images").to_pylist()
    assert {row["image_id"] for row in left} < images
    assert "somebody else" not in {row["patient_id"] for row in left}
    assert broken_invariants(own) == []


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("relation", "brought_back"),
    [
        ("rejects", "index their label file again"),
        ("image_files", "give --images to cxr index again"),
        ("refused_files", "give --images to cxr index again"),
        ("checks", "run cxr check"),
        ("fingerprints", "run cxr twins"),
        ("twin_pairs", "run cxr twins"),
    ],
)
def test_relation_without_a_file(own: Path, cxr: Run, relation: str, brought_back: str) -> None:
    """Where all files of a relation are gone it is empty, and what brings its rows back is said."""
    state = state_of(own)
    for file in own.glob(f"data/*/{relation}-*.parquet"):
        file.unlink()
    lose_catalog(own)
    dry = cxr("repair", "--dry-run", "--store", own)
    ran = cxr("repair", "--store", own)
    lost = [line for line in ran.out.splitlines() if line.startswith("lost:")]
    assert lost == [line for line in dry.out.splitlines() if line.startswith("lost:")]
    assert [(relation in line, line.endswith(brought_back)) for line in lost] == [(True, True)]
    data = ExperimentData(store=own)
    assert data.sql(f"SELECT * FROM {relation}").num_rows == 0
    assert (state_of(own)[0], state_of(own)[2]) == (state[0], state[2])
    assert broken_invariants(own) == []
    assert data.create_dataset(["nodule", "normal"], name="new").images() > 0
    assert data.compact()


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_images_of_one_dataset_are_lost(own: Path, cxr: Run, how: str) -> None:
    """A dataset whose images are lost is named; the others are there, and its recipe is kept."""
    path = next(own.glob("record/*-images-1-*.parquet"))
    head = next(path for path in own.glob("record/*.parquet") if "images" not in path.name)
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"x")
    lose_catalog(own)
    ran = cxr("repair", "--store", own)
    assert ran.code == 0
    assert "1 dataset (apart)" in ran.out
    assert "lost: the dataset lumps, whose images stood in record/" in ran.out
    assert next(own.glob("set-aside-*/record/" + head.name)).is_file()
    data = ExperimentData(store=own)
    assert [row["name"] for row in data.datasets()] == ["apart"]
    assert data.reproduce("apart").sound
    assert broken_invariants(own) == []


def test_copy_of_a_later_version(own: Path, cxr: Run) -> None:
    """A copy that a later version wrote is left alone, and the version to install is named."""
    head = next(path for path in own.glob("record/*.parquet") if "images" not in path.name)
    rewrite(
        head,
        "* REPLACE ([{'format': 9, 'lowest_version': '9.1', 'package_version': '9.2', 'new': 1}] "
        "AS store_format)",
    )
    digest = sha256(head.read_bytes()).hexdigest()[:16]
    head.rename(head.with_name(f"{head.name[: -len('0123456789abcdef.parquet')]}{digest}.parquet"))
    lose_catalog(own)
    before = {path: path.read_bytes() for path in own.rglob("*.parquet")}
    for more in (["--dry-run"], []):
        ran = cxr("repair", *more, "--store", own)
        assert (ran.code, ran.out) == (1, "")
        assert "was written by cxr-duck 9.2 (format 9)" in ran.err
        assert ran.err.endswith("pip install 'cxr-duck>=9.1'\n")
    assert {path: path.read_bytes() for path in own.rglob("*.parquet")} == before
    assert not (own / "cxr.duckdb").exists()


@pytest.mark.full
def test_repair_deletes_nothing(own: Path, cxr: Run) -> None:
    """Files below data/ that nobody knows, and what killed writers left, lie in set-aside-…."""
    strangers = ["data/000001/notes.txt", "data/000001/newrel-0001.parquet", "data/mine.txt"]
    working = ".cxr.duckdb.0123abcd"
    for name in [*strangers, working]:
        (own / name).write_bytes(name.encode())
    lose_catalog(own)
    assert cxr("repair", "--store", own).code == 0
    aside = next(own.glob("set-aside-*"))
    for name in [*strangers, working]:
        assert (aside / name).read_bytes() == name.encode()
    assert cxr("remove", "--where", "age > 200 OR patient_id = 'patient1'", "--yes",
               "--store", own).err.count(f"delete {aside.name} in") == 1  # fmt: skip


def test_broken_superseded_catalog(own: Path, cxr: Run) -> None:
    """A superseded catalog that is broken too hinders no repair, which says what it did."""
    for catalog in own.glob(".superseded/*.duckdb"):
        catalog.write_bytes(b"x" * 20_000)
    lose_catalog(own)
    ran = cxr("repair", "--store", own)
    assert (ran.code, ran.err, "2 datasets (lumps, apart)" in ran.out) == (0, "", True)
    assert broken_invariants(own) == []


def test_folder_named_lock(own: Path, cxr: Run) -> None:
    """A word in the path of a store is no reason why its catalog can't be opened."""
    store = own.rename(own.parent / "lock")
    (store / "cxr.duckdb").write_bytes((store / "cxr.duckdb").read_bytes()[:50_000])
    assert "run 'cxr repair" in cxr("find", "nodule", "--store", store).err
    assert cxr("repair", "--store", store).code == 0
    assert broken_invariants(store) == []


def test_second_of_two_repairs(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair that had to wait for another looks again, and leaves its catalog alone."""
    real, asked = repairing._problem, []

    def before_the_other(store: object) -> str:
        asked.append(store)
        return "it is missing" if len(asked) == 1 else real(store)  # type: ignore[arg-type]

    monkeypatch.setattr(repairing, "_problem", before_the_other)
    catalog = (own / "cxr.duckdb").read_bytes()
    assert ExperimentData(store=own).repair().problem == ""
    assert len(asked) == 2
    assert (own / "cxr.duckdb").read_bytes() == catalog
    assert not list(own.glob("set-aside-*"))


def test_change_that_was_ended_early_without_a_copy(own: Path, cxr: Run) -> None:
    """What a killed change may have written is left out, and that it may have been published."""
    more = own / "data" / "000009" / "images-0001.parquet"
    more.parent.mkdir()
    shutil.copyfile(next(own.glob("data/*/images-*.parquet")), more)
    (own / ".cxr.duckdb.0123abcd").write_bytes(b"x")
    shutil.rmtree(own / "record")
    images = state_of(own)[0]
    lose_catalog(own)
    ran = cxr("repair", "--store", own)
    assert "rows in data files of a change that was ended early, which may have been pub" in ran.out
    assert state_of(own)[0] == images
    assert broken_invariants(own) == []
