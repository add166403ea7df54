"""The store: published whole or not at all, readable anywhere, closed to hostile SQL."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Any

import duckdb
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import CxrError, StoreError
from cxr_duck.progress import SILENT
from cxr_duck.store.compaction import compact
from cxr_duck.store.invariants import check_invariants
from cxr_duck.store.local_folder import StoreFolder
from cxr_duck.store.store import Store
from tests.conftest import Run, of_profile
from tests.support.forks import Forks
from tests.support.kills import kill_writers
from tests.support.label_rows import USUAL, repository, rows_of, write_labels


@pytest.fixture
def indexed(tmp_path: Path) -> ExperimentData:
    """A store of 60 patients."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["normal"]]))
    data = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    data.create_index()
    return data


def test_no_store(tmp_path: Path, cxr: Run) -> None:
    """A folder without a store is told, with the command that makes one."""
    for command in (["find", "nodule"], ["datasets"], ["terms"], ["sql", "SELECT 1"]):
        ran = cxr(*command, "--store", tmp_path)
        assert (ran.code, ran.out) == (1, "")
        assert f"{tmp_path} is no store: run 'cxr index LABELS.csv" in ran.err


def test_store_of_the_environment(
    indexed: ExperimentData, cxr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$CXR_STORE names the store where --store does not."""
    monkeypatch.setenv("CXR_STORE", str(indexed.store.path))
    assert cxr("find", "nodule", "--count").out == "30\n"
    monkeypatch.delenv("CXR_STORE")
    monkeypatch.chdir(indexed.store.path.parent)
    shutil.move("store", "cxr-store")
    assert cxr("find", "nodule", "--count").out == "30\n"


def test_moved_store(indexed: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """A store works where it was moved to, from any working directory."""
    shutil.move(indexed.store.path, tmp_path / "elsewhere")
    assert cxr("find", "nodule", "--count", "--store", tmp_path / "elsewhere").out == "30\n"


def test_what_is_not_a_database(tmp_path: Path, cxr: Run) -> None:
    """A catalog that DuckDB can't open is one sentence."""
    (tmp_path / "cxr.duckdb").write_bytes(b"nonsense" * 1000)
    ran = cxr("find", "nodule", "--store", tmp_path)
    assert ran.code == 1
    assert "cxr.duckdb can't be opened" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.sampled
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "COPY postings TO 'out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'data/000001/postings.parquet' (FORMAT parquet)",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; SELECT 2",
        "",
        "SELEC 1",
    ],
)
def test_sql_reads_the_store_and_nothing_else(
    indexed: ExperimentData, cxr: Run, query: str
) -> None:
    """A query that writes, or that reads another file, is refused in one sentence."""
    ran = cxr("sql", query, "--store", indexed.store.path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: ")
    assert "Traceback" not in ran.err


def test_readers_see_a_publish_at_once(indexed: ExperimentData, tmp_path: Path) -> None:
    """A second user of the same store in this process sees what the first one published."""
    other = ExperimentData(store=indexed.store.path)
    assert other.datasets() == []
    indexed.create_dataset(["nodule", "normal"], name="pair")
    assert [record["name"] for record in other.datasets()] == ["pair"]


def test_a_connection_of_the_users_own(indexed: ExperimentData, tmp_path: Path) -> None:
    """A notebook's own connection neither hides a publish nor is locked down by us."""
    if duckdb.__version__.startswith("1.4"):
        pytest.skip("DuckDB 1.4 opens a file once a process")
    own = duckdb.connect(indexed.store.catalog, read_only=True)
    assert indexed.sql("SELECT count(*) AS n FROM images").to_pylist() == [{"n": 60}]
    write_labels(tmp_path / "labels.csv", rows_of([{}, {}]))
    indexed.create_index()
    assert indexed.sql("SELECT count(*) AS n FROM images").to_pylist() == [{"n": 62}]
    own.execute("SET threads = 1")
    own.close()


def test_two_paths_of_one_store(indexed: ExperimentData, tmp_path: Path) -> None:
    """A store reached through a link is the same store, and shows the same state."""
    (tmp_path / "link").symlink_to(indexed.store.path)
    linked = ExperimentData(store=tmp_path / "link")
    assert linked.datasets() == []
    indexed.create_dataset(["nodule", "normal"], name="pair")
    assert [record["name"] for record in linked.datasets()] == ["pair"]


def test_shell_that_has_the_store_open_for_writing(indexed: ExperimentData) -> None:
    """A program that may write to the catalog is told of before its changes could be lost."""
    script = (
        "import duckdb, sys\n"
        f"con = duckdb.connect({str(indexed.store.catalog)!r})\n"
        "print('open', flush=True); sys.stdin.readline()\n"
    )
    indexed.store.close()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="close the program that has it open for writing"):
            indexed.create_index()
        shell.communicate("\n")
    assert indexed.create_index()["images"] == 60


def test_foreign_catalog_and_folder(tmp_path: Path, cxr: Run) -> None:
    """A database of somebody else's is no store, and a folder of other things becomes none."""
    duckdb.connect(tmp_path / "cxr.duckdb").execute("CREATE TABLE x AS SELECT 1").close()
    for command in (["find", "nodule"], ["terms"], ["datasets"]):
        ran = cxr(*command, "--store", tmp_path)
        assert ran.code == 1
        assert "cxr.duckdb was not made by cxr-duck" in ran.err
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("mine")
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}]))
    ran = cxr("index", labels, "--store", tmp_path / "folder")
    assert "is no store and not empty (thesis.txt lies in it)" in ran.err
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["thesis.txt"]


def test_parquet_file_that_is_gone(indexed: ExperimentData, cxr: Run) -> None:
    """A store whose data was deleted says so in one sentence."""
    shutil.rmtree(indexed.store.path / "data")
    for command in (["find", "nodule"], ["find", "nodule", "--count"], ["create", "nodule"]):
        ran = cxr(*command, "--store", indexed.store.path)
        assert ran.code == 1
        assert "No files found" in ran.err
        assert ran.err.startswith("Error: ")
        assert ran.err.count("\n") == 1


@pytest.mark.full
def test_reader_keeps_what_it_has_open(indexed: ExperimentData, tmp_path: Path) -> None:
    """Who has the store open goes on reading the state that was there, and blocks no writer."""
    script = (
        "import duckdb, sys\n"
        f"con = duckdb.connect({str(indexed.store.catalog)!r}, read_only=True)\n"
        "print(con.execute('SELECT count(*) FROM images').fetchall()[0][0], flush=True)\n"
        "sys.stdin.readline()\n"
        "print(con.execute('SELECT count(*) FROM images').fetchall()[0][0], flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.readline() == "60\n"
        for number in range(1, 5):
            write_labels(tmp_path / "labels.csv", rows_of([{}] * number))
            assert indexed.create_index()["images"] == 60 + number
        compact(indexed.store, SILENT)
        assert list(indexed.store.path.glob("data/000001/images*"))
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "60\n"
    assert indexed.sql("SELECT count(*) AS n FROM images").to_pylist() == [{"n": 64}]
    indexed.create_dataset(["nodule", "normal"])
    assert not list(indexed.store.path.glob("data/000001/images*"))


@pytest.mark.full
def test_two_writers(indexed: ExperimentData, cxr: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that comes while another is at work is told so, and loses nothing."""
    monkeypatch.setattr(Store, "patience", 0.1)
    with indexed.store.publishing():
        ran = cxr("create", "nodule", "normal", "--store", indexed.store.path)
    assert ran.code == 1
    assert "is being written by another cxr: try again when that has ended" in ran.err
    assert cxr("create", "nodule", "normal", "--store", indexed.store.path).code == 0


def test_unwritten_changes_of_a_shell(indexed: ExperimentData) -> None:
    """A log that another program left beside the catalog is not published over."""
    log = Path(f"{indexed.store.catalog}.wal")
    log.write_bytes(b"x")
    with (
        pytest.raises(StoreError, match="another program has not written yet"),
        Store(indexed.store.path).publishing(),
    ):
        pass
    log.unlink()


@pytest.mark.parametrize("waits_until", ["the folder is there", "the first begins to clear it"])
def test_first_writer_fails_while_another_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits_until: str
) -> None:
    """A first writer that fails takes nothing away under one that waits, which goes on rightly."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["normal"]]))
    second = ExperimentData(labels_csv=labels, store=tmp_path / "store")
    waiting = Thread(target=second.create_index)
    monkeypatch.setattr(Store, "patience", 60.0)
    cleared, there = Event(), (tmp_path, tmp_path / "store")
    leave, hold = StoreFolder.leave_no_trace, StoreFolder.hold

    def slowly(step: Callable[..., None]) -> Callable[..., None]:
        def taken(path: Path, *options: Any, **named: Any) -> None:
            # Longer than the other takes to ask for the lock again.
            pause = 0.2 if current_thread() is main_thread() and path.parent in there else 0.0
            time.sleep(pause)
            step(path, *options, **named)
            time.sleep(pause)

        return taken

    def clear(folder: StoreFolder) -> None:
        if waits_until == "the first begins to clear it":
            waiting.start()
        leave(folder)

    def hold_late(folder: StoreFolder) -> None:
        if current_thread() is waiting:
            cleared.wait(10)  # who got the lock too early finds the folder gone
        hold(folder)

    monkeypatch.setattr(StoreFolder, "leave_no_trace", clear)
    monkeypatch.setattr(StoreFolder, "hold", hold_late)
    with pytest.raises(CxrError, match="on purpose"), Store(tmp_path / "store").publishing():
        if waits_until == "the folder is there":
            waiting.start()
            time.sleep(0.3)
        monkeypatch.setattr(Path, "rmdir", slowly(Path.rmdir))
        monkeypatch.setattr(Path, "unlink", slowly(Path.unlink))
        raise CxrError("on purpose")
    cleared.set()
    waiting.join()
    monkeypatch.undo()
    assert len(second.index["nodule"]) == 30
    assert not [check for check in check_invariants(second.store) if check.rows]


def test_many_first_writers(tmp_path: Path) -> None:
    """Of many that begin a new store at once those that fail hinder none of the others."""
    labels = write_labels(tmp_path / "labels.csv", repository(60, [["nodule"], ["normal"]]))
    script = (
        "import sys\n"
        "from cxr_duck.errors import CxrError\n"
        "from cxr_duck.store.store import Store\n"
        "Store.patience = 60.0\n"
        "try:\n"
        "    for _ in range(20):\n"
        "        try:\n"
        "            with Store('store').publishing(): raise CxrError('on purpose')\n"
        "        except CxrError as error:\n"
        "            assert str(error) == 'on purpose', error\n"
        "except FileNotFoundError: sys.exit('gone')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    ExperimentData(labels_csv=labels, store=tmp_path / "store").create_index()
    for process in running:
        assert process.communicate()[1] == b""
        assert process.returncode == 0
    assert len(ExperimentData(store=tmp_path / "store").index["nodule"]) == 30


def test_failure_while_publishing(indexed: ExperimentData) -> None:
    """What fails in the middle leaves the state that was there, and no file."""
    before = sorted(path.name for path in indexed.store.path.rglob("*"))
    with pytest.raises(CxrError), indexed.store.publishing() as publication:
        publication.catalog.execute("DELETE FROM publications")
        publication.folder.mkdir()
        (publication.folder / "images.parquet").write_bytes(b"half")
        raise CxrError("on purpose")
    assert sorted(path.name for path in indexed.store.path.rglob("*")) == before
    assert indexed.sql("SELECT count(*) AS n FROM publications").to_pylist() == [{"n": 1}]


COMMANDS = {
    "index": ["index", "labels.csv"],
    "add": ["index", "more.csv"],
    "create": ["create", "nodule", "normal"],
    "remove": ["remove", "--where", "frontal", "--yes"],
    "compact": ["compact"],
}


def run_bounded(
    forked: Forks, folder: Path, words: list[str], largest: int
) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file beyond so many bytes, as on a disk that is full."""
    bounds = (
        "import resource; from cxr_duck.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest})); main()"
    )
    return forked.run(bounds, *words, "--store", "store", folder=folder)


@pytest.mark.sampled
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("largest", [100, 5_000, 60_000])
def test_full_disk(forked: Forks, tmp_path: Path, name: str, largest: int) -> None:
    """A disk that takes no more gives its message, and the store is as it was."""
    rows = repository(60, [["nodule"], ["normal"]])
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows[:50]), store=tmp_path / "store"
    )
    write_labels(tmp_path / "more.csv", rows[50:])
    if name != "index":
        data.create_index()
    ran = run_bounded(forked, tmp_path, COMMANDS[name], largest)
    assert "Traceback" not in ran.stderr
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
    assert "store can't be written to" in ran.stderr
    if name == "index":
        assert not (tmp_path / "store").exists()
    else:
        assert data.sql("SELECT count(*) AS n FROM images").to_pylist() == [{"n": 50}]
        assert data.datasets() == []
        assert not [check for check in check_invariants(data.store) if check.rows]


@pytest.mark.sampled
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to run a process as another user")
@pytest.mark.parametrize("name", COMMANDS)
def test_read_only_store(forked: Forks, tmp_path: Path, name: str) -> None:
    """A store that the user may only read can be asked; who would write to it is told."""
    rows = repository(60, [["nodule"], ["normal"]])
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", rows[:50]), store=tmp_path / "store"
    )
    write_labels(tmp_path / "more.csv", rows[50:])
    data.create_index()
    data.store.close()
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.stat().st_uid == 0 and parent != Path("/") and "pytest" in str(parent):
            parent.chmod(0o755)
    asked = run_as_nobody(forked, tmp_path, ["find", "nodule", "--count"])
    assert (asked.stdout, asked.returncode) == ("25\n", 0), asked.stderr
    ran = run_as_nobody(forked, tmp_path, COMMANDS[name])
    assert ran.returncode == 1
    assert ran.stderr.endswith("store can't be written to: Permission denied\n")
    assert ran.stderr.count("\n") == 1
    assert len(data.index["nodule"]) == 25


def run_as_nobody(
    forked: Forks, folder: Path, words: list[str]
) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who owns nothing.

    It is run on another store before, since that user may not be able to import what it needs.
    """
    shutil.rmtree(folder / "warm", ignore_errors=True)
    shutil.copytree(folder / "store", folder / "warm")
    script = (
        "import contextlib, os, sys; from cxr_duck.cli import main; words = sys.argv\n"
        "with contextlib.suppress(SystemExit), open(os.devnull, 'w') as sys.stdout:\n"
        "    sys.argv = [*words, '--store', 'warm']; main()\n"
        "sys.stdout = sys.__stdout__; sys.argv = [*words, '--store', 'store']\n"
        "os.setgid(65534); os.setuid(65534); main()\n"
    )
    return forked.run(script, *words, folder=folder)


def test_store_below_a_file(tmp_path: Path, cxr: Run) -> None:
    """A store that can't be made is one sentence."""
    (tmp_path / "file").write_text("x")
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}]))
    ran = cxr("index", labels, "--store", tmp_path / "file" / "store")
    assert ran.code == 1
    assert "can't be written to: Not a directory" in ran.err


@pytest.mark.long
def test_kill_at_any_instant(tmp_path: Path) -> None:
    """Killed while it writes, the store holds the old state or the new one, and goes on."""
    assert sum(kill_writers(tmp_path, of_profile(15), seed=1).values()) >= of_profile(15)


def test_catalog_opens_in_an_older_duckdb(indexed: ExperimentData) -> None:
    """The catalog is written for DuckDB 1.4, whichever version wrote it."""
    indexed.store.close()
    with duckdb.connect(indexed.store.catalog, read_only=True) as connection:
        ((tags,),) = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE database_name = 'cxr'"
        ).fetchall()
    assert tags["storage_version"].startswith("v1.4.0")


def test_a_path_that_duckdb_cannot_open(tmp_path: Path) -> None:
    """A ? in a store's path is told before anything is made."""
    labels = write_labels(tmp_path / "labels.csv", [USUAL])
    with pytest.raises(StoreError, match=r"run\? has a \? in its path"):
        ExperimentData(labels_csv=labels, store=tmp_path / "run?").create_index()
    assert not (tmp_path / "run?").exists()
