"""Kill whoever writes to a store at random instants: it holds the old state or the new one.

    python -m tests.support.kills --kills 200

A course of changes (index, add, check, create, replace, remove, compact) is run once undisturbed,
to learn what the store holds after each. Then each change is started as a process of its own,
killed with SIGKILL at a random instant, and started again; in between the store must open, break no
invariant, and hold what it held before the change or after it, and in the end no file may be left
over.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import duckdb
from PIL import Image

from cxr_duck import ExperimentData
from cxr_duck.errors import StoreError
from cxr_duck.store.invariants import check_invariants
from tests.support.forks import Forks, Order, forks
from tests.support.label_rows import repository, write_labels

__all__ = ["kill_writers", "strangers"]

State = tuple[object, ...]

# What each change runs, with `store` and `folder` at hand.
_CHANGES = {
    "index": "ExperimentData(folder / 'images', folder / 'first.csv', store=store).create_index()",
    "add": "ExperimentData(labels_csv=folder / 'more.csv', store=store).create_index()",
    "check": "ExperimentData(store=store).check_integrity()",
    "create": "ExperimentData(store=store).create_dataset(['nodule', 'normal'], name='pair')",
    "replace": "ExperimentData(labels_csv=folder / 'other.csv', store=store)"
    ".create_index(replace=True)",
    "remove": "remove_images(Store(store), \"patient_id < 'patient2'\", SILENT)",
    "compact": "compact(Store(store), SILENT)",
}
_SCRIPT = """
import sys
from pathlib import Path
from cxr_duck import ExperimentData
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from cxr_duck.store.compaction import compact
from cxr_duck.store.store import Store
store, folder = map(Path, sys.argv)
{change}
"""


def kill_writers(folder: Path, kills: int, seed: int) -> Counter[str]:
    """Kill writers so many times; return how often each change was killed before it was done.

    AssertionError tells the change after which the store held something else.
    """
    _write_label_files(folder)
    _write_films(folder / "images")
    with forks() as server:
        return _killed(server, folder, kills, random.Random(seed))


def _killed(server: Forks, folder: Path, kills: int, chance: random.Random) -> Counter[str]:
    states, seconds = _undisturbed(server, folder)
    killed: Counter[str] = Counter()
    while sum(killed.values()) < kills:
        store = folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        before: State | None = None
        for name in _CHANGES:
            if _run(server, name, store, folder, chance.uniform(0, 1.2 * seconds[name])) != 0:
                killed[name] += 1
                held = _state(store)
                assert held in (before, states[name]), f"{name}: {held}"
                assert _run(server, name, store, folder, None) == 0
            before = _state(store)
            assert before == states[name], f"{name}: {before}"
            assert strangers(store) == set(), f"{name}: {strangers(store)}"
    return killed


def _write_label_files(folder: Path) -> None:
    rows = repository(4000, [["nodule"], ["normal"], ["mass"]], images_each=2)
    other = [{**row, "Labels": "['scoliosis']"} for row in rows[:500]]
    for name, chosen in (("first", rows[:4000]), ("more", rows[3900:]), ("other", other)):
        write_labels(folder / f"{name}.csv", chosen)


def _write_films(folder: Path) -> None:
    """Write small films for some of the images, a few of them cut short."""
    folder.mkdir()
    for number in range(0, 2000, 10):
        path = folder / f"p{number:05d}_0.png"
        Image.new("I;16", (8, 8), number).save(path)
        if number % 100 == 0:
            path.write_bytes(path.read_bytes()[:-30])


def _undisturbed(server: Forks, folder: Path) -> tuple[dict[str, State | None], dict[str, float]]:
    """Run the course once; return what the store holds after each change, and how long it took."""
    states: dict[str, State | None] = {}
    seconds: dict[str, float] = {}
    for name in _CHANGES:
        start = time.perf_counter()
        assert _run(server, name, folder / "store", folder, None) == 0
        seconds[name] = time.perf_counter() - start
        states[name] = _state(folder / "store")
    return states, seconds


def _run(server: Forks, name: str, store: Path, folder: Path, delay: float | None) -> int:
    """Start a change and kill it after a delay, or not; return its exit code."""
    script = _SCRIPT.format(change=_CHANGES[name])
    started = server.start(Order(script, [str(store), str(folder)], str(folder), dict(os.environ)))
    try:
        return started.wait(delay)
    except TimeoutError:
        return started.kill()


def _state(store: Path) -> State | None:
    """Return what a store holds, None where it holds nothing; AssertionError where it is broken."""
    data = ExperimentData(store=store)
    try:
        broken = [check for check in check_invariants(data.store) if check.rows]
    except StoreError as error:
        assert "is no store" in str(error)
        return None
    assert not broken, broken
    held = data.sql(
        "SELECT (SELECT count(*) FROM images) AS images, "
        "(SELECT count(*) FROM removed_images) AS removed, "
        "(SELECT count(*) FROM data_files) AS files, "
        "(SELECT md5(string_agg(concat_ws('|', finding, image_id, "
        "array_to_string(localizations, ','), known_by), '' ORDER BY finding, image_id)) "
        "FROM postings) AS postings, "
        "(SELECT md5(string_agg(concat_ws('|', image_id, verdict), '' ORDER BY image_id)) "
        "FROM checks) AS checks, "
        "(SELECT string_agg(digest, '' ORDER BY digest) FROM experiments.dataset) AS datasets"
    ).to_pylist()
    return tuple(held[0].values())


def strangers(store: Path) -> set[str]:
    """Return the files of a store that neither its state nor the one before it needs."""
    catalogs = [store / "cxr.duckdb", *(store / ".superseded").glob("*.duckdb")]
    needed = {".lock", ".runs/check.lock"}
    for catalog in catalogs:
        needed.add(catalog.relative_to(store).as_posix())
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{catalog}' AS cxr (READ_ONLY)")
            rows = connection.execute("SELECT path FROM cxr.data_files").fetchall()
            needed |= {path for (path,) in rows}
            if catalog == catalogs[0]:
                rows = connection.execute("SELECT path FROM cxr.record_files").fetchall()
                needed |= {path for (path,) in rows}
    found = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    return found - needed if len(catalogs) <= 2 else {"more than one older state"}


def main() -> None:
    """Kill as often as asked, and print how often each change was hit."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        killed = kill_writers(Path(folder), given.kills, given.seed)
    told = ", ".join(f"{name} {count}" for name, count in killed.items())
    print(f"{sum(killed.values())} kills (seed {given.seed}): {told}")
    print(f"the store held the old state or the new each time; {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
