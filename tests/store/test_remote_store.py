"""A store at a URL: one state or the next for everybody, whoever writes, fails or is killed.

The URL is one of viewfs, which a mount below the test's own folder stands for.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cxr_duck import ExperimentData
from cxr_duck.errors import StageError, StoreError
from cxr_duck.io.urls import RemotePath, mounts, open_file, reach
from cxr_duck.store import remote_folder
from cxr_duck.store.catalog import create_tables
from cxr_duck.store.changes import next_change, publish_change
from cxr_duck.store.data_files import changed_files, data_files
from cxr_duck.store.invariants import check_invariants
from cxr_duck.store.publication import Publication
from cxr_duck.store.store import Store
from tests.conftest import Run, of_profile
from tests.support.label_rows import rows_of, write_labels

URL = "viewfs://cluster/films/store"


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that stands for the URL; it isn't there yet."""
    monkeypatch.setenv("CXR_MOUNTS", f"viewfs://cluster={tmp_path}/cluster")
    yield tmp_path / "cluster/films/store"
    elsewhere()


def elsewhere() -> Store:
    """Return the store as another process sees it: nothing of it was copied yet."""
    remote_folder._mirrors.clear()
    return Store(URL, "spark")


def write(publication: Publication, name: str, content: bytes = b"rows") -> str:
    """Write a data file of a publication; return its path in the store."""
    reach(str(publication.folder), mounts()).child(name).write(content)
    return publication.path_of(name)


def change(store: Store) -> None:
    """Publish a state with one data file, whose content nobody reads, of a number of its own."""
    with store.publishing() as publication:
        catalog = publication.catalog
        if publication.number == 1:
            create_tables(catalog)
            catalog.execute(
                "CREATE VIEW damaged_images AS SELECT 1; CREATE VIEW twins AS SELECT 1;"
                "CREATE TABLE terms AS SELECT '' AS hierarchy, 0 AS position"
            )
        catalog.execute("DELETE FROM listed_files")
        path = write(publication, "images-0001.parquet")
        number = publication.number
        catalog.execute(
            "INSERT INTO listed_files VALUES ('images', ?, ?, 1, 4, '')", [path, number]
        )
        catalog.execute(
            "INSERT INTO publications VALUES "
            "(?, now(), 'index', '', '', '', '', '', '', NULL, FALSE, 0, 0, 0)",
            [number],
        )


def state_of(store: Store, mount: Path) -> int:
    """Return how many states a store has seen; AssertionError where a listed file isn't there."""
    if not store.exists():
        return 0
    cursor = store.cursor(anywhere=True)
    for (path,) in cursor.execute("SELECT path FROM data_files").fetchall():
        assert (mount / path).is_file(), path
    return int(cursor.execute("SELECT max(publication) FROM publications").fetchall()[0][0])


def copies_of(mount: Path) -> tuple[list[str], list[str]]:
    """Return the files of copies of the record that lie in a store, and those that it lists."""
    with duckdb.connect(mount / "cxr.duckdb", read_only=True) as catalog:
        listed = catalog.execute("SELECT path FROM record_files ORDER BY path").fetchall()
    found = sorted(path.relative_to(mount).as_posix() for path in mount.glob("record/*"))
    return found, [path for (path,) in listed]


def files_of(mount: Path) -> list[str]:
    """Return the paths of all files of a store, without the chance part of the folders' names.

    The copy of the record is left out: see `copies_of`.
    """
    paths = [path.relative_to(mount) for path in mount.rglob("*") if path.is_file()]
    paths = [path for path in paths if path.parts[0] != "record"]
    return sorted("/".join(part.split("-")[0] for part in path.parts) for path in paths)


def test_states_at_a_url(mount: Path) -> None:
    """A state is seen by everybody, and takes with it the files of the state before the last."""
    store = Store(URL, "spark")
    assert not store.exists()
    for number in range(1, 4):
        change(store)
        assert state_of(store, mount) == number
        assert state_of(elsewhere(), mount) == number
    assert files_of(mount) == ["cxr.duckdb", "data/000002/images", "data/000003/images"]
    found, listed = copies_of(mount)
    assert found == listed
    assert not list((mount / "data").glob("000001*"))


def test_readers_see_a_publish_at_once(mount: Path) -> None:
    """Who has a copy of the catalog asks for the next state with every question."""
    here, there = Store(URL, "spark"), elsewhere()
    for number in (1, 3):
        change(here)
        assert state_of(there, mount) == number
        change(there)
        assert state_of(here, mount) == number + 1


def test_another_wrote_in_the_meantime(mount: Path) -> None:
    """A change of a state that is not in force any more is refused, and leaves no file."""
    here, there = Store(URL, "spark"), elsewhere()
    change(here)
    with (
        pytest.raises(StoreError, match=f"{URL} was written by another cxr in the meantime"),
        here.publishing() as publication,
    ):
        write(publication, "postings.parquet")
        change(there)
    assert state_of(here, mount) == 2
    assert files_of(mount) == ["cxr.duckdb", "data/000001/images", "data/000002/images"]
    found, listed = copies_of(mount)
    assert found == listed
    change(here)
    assert state_of(there, mount) == 3


def test_same_size_and_time(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer state is told from an older one by more than size and time, which may be the same."""
    monkeypatch.setattr(RemotePath, "state", lambda place: (1, 1) if _exists(place) else None)
    here, there = Store(URL, "spark"), elsewhere()
    change(here)
    change(there)
    assert state_of(here, mount) == 2


def _exists(place: RemotePath) -> bool:
    return bool(place.filesystem.get_file_info(place.path).is_file)


def test_two_who_publish_at_once(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one puts a state in force nobody else does, though both saw the same state before."""
    here, there = Store(URL, "spark"), elsewhere()
    change(here)
    refuse = remote_folder.RemoteFolder.refuse_other_state
    refused = []

    def meanwhile(folder: remote_folder.RemoteFolder) -> None:
        """Let the other one publish as soon as the first has found nobody in its way."""
        refuse(folder)
        monkeypatch.setattr(remote_folder.RemoteFolder, "refuse_other_state", refuse)
        with pytest.raises(StoreError, match="is being written by another cxr") as told:
            change(there)
        refused.append(told)

    monkeypatch.setattr(remote_folder, "_PATIENCE", 0.0)
    monkeypatch.setattr(remote_folder.RemoteFolder, "refuse_other_state", meanwhile)
    change(here)
    assert len(refused) == 1
    assert (state_of(here, mount), state_of(there, mount)) == (2, 2)
    assert files_of(mount) == ["cxr.duckdb", "data/000001/images", "data/000002/images"]
    found, listed = copies_of(mount)
    assert found == listed


def test_what_fails_because_another_published(mount: Path) -> None:
    """Whose files went with another's change is told of that, not of the files."""
    here, there = Store(URL, "spark"), elsewhere()
    change(here)
    told = pytest.raises(StoreError, match="was written by another cxr in the meantime")
    with told, here.publishing() as publication:
        write(publication, "half.parquet")
        change(there)
        raise StageError("images.sql failed: a file is gone")
    with pytest.raises(StageError, match="a file is gone"), here.publishing():
        raise StageError("images.sql failed: a file is gone")
    assert state_of(here, mount) == 2


def test_claim_of_one_who_was_killed(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that nobody takes back counts for a while, and then no more."""
    change(Store(URL, "spark"))
    claim = mount / ".cxr.duckdb.000001-00000000.claim"
    claim.touch()
    with pytest.raises(StoreError, match="or one was killed less than 5 minutes ago: try again"):
        change(Store(URL, "spark"))
    monkeypatch.setattr(remote_folder, "_FORGOTTEN", 0)
    change(Store(URL, "spark"))
    assert state_of(elsewhere(), mount) == 2
    assert files_of(mount) == ["cxr.duckdb", "data/000001/images", "data/000002/images"]
    found, listed = copies_of(mount)
    assert found == listed


def test_failure_while_publishing(mount: Path) -> None:
    """What fails midway leaves the state that was there and no file, of a new store no folder."""
    for before in ([], ["cxr.duckdb", "data/000001/images"]):
        with pytest.raises(ZeroDivisionError), Store(URL, "spark").publishing() as publication:
            write(publication, "half.parquet")
            raise ZeroDivisionError
        assert files_of(mount) == before
        assert mount.exists() == bool(before)
        change(Store(URL, "spark"))


def test_files_of_another_who_works(mount: Path) -> None:
    """Files of the next publication stay, since somebody is at work; of a lost one they go."""
    change(Store(URL, "spark"))
    for folder in ("000002-0123abcd", "000003-0123abcd", "films"):
        (mount / "data" / folder).mkdir()
        (mount / "data" / folder / "images.parquet").touch()
    change(Store(URL, "spark"))
    kept = ["data/000001/images", "data/000002/images", "data/000003/images.parquet"]
    assert files_of(mount) == ["cxr.duckdb", *kept, "data/films/images.parquet"]


def test_foreign_folder(mount: Path) -> None:
    """A folder of other things becomes no store, and a database of somebody else's is none."""
    mount.mkdir(parents=True)
    (mount / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match=f"{URL} is no store and not empty .thesis.txt lies in it"):
        change(Store(URL, "spark"))
    assert files_of(mount) == ["thesis.txt"]
    (mount / "cxr.duckdb").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreError, match=f"{URL}/cxr.duckdb can't be opened"):
        change(Store(URL, "spark"))
    assert files_of(mount) == ["cxr.duckdb", "thesis.txt"]


def test_unwritten_changes_of_a_shell(mount: Path) -> None:
    """A log that another program left beside the catalog is not published over."""
    change(Store(URL, "spark"))
    (mount / "cxr.duckdb.wal").write_bytes(b"x")
    with pytest.raises(StoreError, match="another program has not written yet"):
        change(Store(URL, "spark"))


class Killed(BaseException):
    """What ends a process between two things that it does at a URL."""


NEVER = 10**6
# Of so many instants one is tried, from another on each time; 1 tries all. 6 in the full profile.
STEP = 600 // of_profile(100)


class Trouble:
    """Lets what is done at a URL fail, the nth time and `once` or from then on.

    It is done all the same where only the reply gets `lost`.
    """

    touching = ("write", "upload", "download", "read", "state", "listing", "move_to")
    deleting = ("delete_file", "delete_folder")

    def __init__(self, error: type[BaseException], *, once: bool, lost: bool) -> None:
        self.error, self.once, self.lost = error, once, lost
        self.done = 0
        self.at = NEVER

    def after(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method of RemotePath that fails when its time has come."""

        def troubled(place: RemotePath, *args: Any, **given: Any) -> Any:
            self.done += 1
            strikes = self.done == self.at or (not self.once and self.done > self.at)
            if strikes and not self.lost:
                raise self.error("on purpose")
            result = work(place, *args, **given)
            if strikes:
                raise self.error("on purpose")
            return result

        return troubled


def move_as_on_hdfs(place: RemotePath, other: RemotePath) -> None:
    """Move a file onto another by taking the other away first."""
    other.delete_file()
    place.filesystem.move(place.path, other.path)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("error", "once", "lost", "before", "first"),
    [
        (Killed, False, False, 0, 2),
        (Killed, False, True, 1, 1),
        (OSError, True, False, 1, 0),
        (OSError, True, True, 1, 3),
        (OSError, False, False, 1, 4),
        (OSError, False, True, 1, 5),
    ],
    ids=["killed at first", "killed", "failed", "reply lost", "cut off", "cut off after"],
)
def test_trouble_at_any_instant(
    mount: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], once: bool,
    lost: bool, before: int, first: int,
) -> None:  # fmt: skip
    """Killed, failed or cut off, the store holds the old state or the new one, and goes on."""
    trouble = Trouble(error, once=once, lost=lost)
    monkeypatch.setattr(remote_folder, "_FORGOTTEN", -(10**15))
    monkeypatch.setattr(RemotePath, "move_to", move_as_on_hdfs)
    for name in (*Trouble.touching, *Trouble.deleting):
        monkeypatch.setattr(RemotePath, name, trouble.after(getattr(RemotePath, name)))
    instants = [NEVER]
    for at in instants:
        trouble.at = NEVER
        shutil.rmtree(mount, ignore_errors=True)
        for _ in range(before):
            change(elsewhere())
        store = elsewhere()
        trouble.done, trouble.at = 0, at
        told = _tells_of_success(store, error)
        if at == NEVER:
            assert trouble.done > 20
            instants += range(first, trouble.done, STEP)
        trouble.at = NEVER
        held = state_of(elsewhere(), mount)
        assert held in ((before + 1,) if told else (before, before + 1)), at
        change(elsewhere())
        assert state_of(elsewhere(), mount) == held + 1
        wanted = [f"data/{number:06d}/images" for number in range(max(held, 1), held + 2)]
        assert files_of(mount) == ["cxr.duckdb", *wanted], at
        found, listed = copies_of(mount)
        assert found == listed


def _tells_of_success(store: Store, error: type[BaseException]) -> bool:
    """Publish a change; return whether it says that it was published."""
    try:
        change(store)
    except StoreError as told:
        return "was changed as asked" in str(told)
    except error:
        return False
    return True


def test_views_of_a_store_at_a_url(demo_data: ExperimentData, mount: Path) -> None:
    """What was published at a URL is a store that DuckDB opens where it is mounted."""
    shutil.copytree(demo_data.store.path, mount)
    with Store(URL, "spark").publishing() as publication:
        (images,) = data_files(publication.catalog, "images")
        with open_file(publication.store, images.path) as file:
            path = write(publication, "images-0001.parquet", file.read())
        publication.catalog.execute(
            "UPDATE listed_files SET path = ? WHERE path = ?", [path, images.path]
        )
        assert list(changed_files(publication.store, data_files(publication.catalog))) == []
        publish_change(publication, next_change(publication, "compact"))
    assert not [check for check in check_invariants(Store(mount)) if check.rows]
    count = "SELECT count(*) AS n FROM damaged_images"
    assert ExperimentData(store=mount).sql(count) == demo_data.sql(count)
    assert (mount / path).is_file()


@pytest.mark.sampled
@pytest.mark.parametrize(
    "words",
    [
        ["find", "nodule", "--count"],
        ["sql", "SELECT 1"],
        ["datasets"],
        ["terms"],
        ["index", "labels.csv"],
        ["create", "nodule", "normal"],
        ["rename", "one", "other"],
        ["remove", "--where", "frontal", "--yes"],
        ["compact"],
        ["check-store"],
    ],
)
def test_where_duckdb_does_not_read(
    words: list[str], mount: Path, cxr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that reads with DuckDB says in one sentence what to do about a store at a URL."""
    change(Store(URL, "spark"))
    monkeypatch.chdir(write_labels(mount.parent / "labels.csv", rows_of([{}])).parent)
    ran = cxr(*words, "--store", URL)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"Error: {URL} lies where DuckDB doesn't read: give --engine spark to index, find, create, "
        "reproduce or check, or copy or mount the folder\n"
    )


def test_file_urls(tmp_path: Path, cxr: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file: URL is a folder of this machine, given as an option or by $CXR_STORE."""
    labels = write_labels(tmp_path / "labels.csv", rows_of([{}]))
    assert cxr("index", labels, "--store", f"file://{tmp_path}/store").code == 0
    assert (tmp_path / "store/cxr.duckdb").is_file()
    monkeypatch.setenv("CXR_STORE", f"file:{tmp_path}/store")
    assert cxr("find", "normal", "--count").out == "1\n"
