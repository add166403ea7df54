"""Kill a change of a store at its steps: each file that it opens, moves or removes is one.

    python -m tests.support.kill_points tests/stores/0.5.0.tar.xz

runs each change once for every step, killed just before it, and tests what the store holds then,
and what `cxr repair` makes of it when its catalog is lost as well. The processes that are killed
are forks of one that has imported all and opened nothing.
"""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cxr_duck import ExperimentData
from cxr_duck.store.invariants import check_invariants

__all__ = ["CHANGES", "State", "check_killed_store", "killed_stores", "state_of"]

# What each change runs on `data`.
CHANGES = {
    "upgrade": "data.upgrade()",
    "delete": "data.delete('apart')",
    "create": "data.create_dataset(['nodule', 'normal'], name='pair', seed=2)",
    "remove": "remove_images(data.store, \"image_id LIKE 'demo_00000%'\", SILENT)",
    "compact": "compact(data.store, SILENT)",
}
_SCRIPT = """
import os, shutil, signal, sys
from pathlib import Path
from cxr_duck import ExperimentData
from cxr_duck.index.removal import remove_images
from cxr_duck.store.compaction import compact
from cxr_duck.progress import SILENT
import cxr_duck.datasets.making
import cxr_duck.datasets.record.rename_delete, filelock, pyarrow
store, folder, most = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
STEPS = ('open', 'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'os.link', 'shutil.rmtree')

def run(own, last):
    steps = 0
    def hook(event, args):
        nonlocal steps
        if event in STEPS and str(own) in str(args):
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    data = ExperimentData(store=own)
    {change}
    data.store.close()
    return steps

def forked(name, last):
    own = folder / name
    shutil.copytree(store, own)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, str(run(own, last)).encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    return os.read(reading, 100).decode()

total = int(forked('whole', 0))
most = min(most, total)
for step in sorted({{1 + (total - 1) * n // max(most - 1, 1) for n in range(most)}}):
    forked(f'step-{{step:03d}}', step)
"""

State = tuple[object, ...]


def killed_stores(store: Path, folder: Path, change: str, most: int) -> Iterator[Path]:
    """Yield the store as a change leaves it, then as it is when it is killed at some steps."""
    folder.mkdir()
    script = _SCRIPT.format(change=CHANGES[change])
    subprocess.run([sys.executable, "-c", script, store, folder, str(most)], check=True)
    yield folder / "whole"
    yield from sorted(folder.glob("step-*"))


def state_of(store: Path) -> State:
    """Return what a store holds: its images, removed ones, datasets with their members."""
    data = ExperimentData(store=store)
    held = data.sql(
        "SELECT (SELECT count(*) FROM images) AS images, "
        "(SELECT count(*) FROM removed_images) AS removed, "
        "(SELECT string_agg(concat_ws('|', name, digest), ' ' ORDER BY name) "
        "FROM experiments.dataset) AS datasets, "
        "(SELECT md5(string_agg(concat_ws('|', dataset, image_id, patient_id, split), '' "
        "ORDER BY dataset, finding, class, image_id)) FROM experiments.members) AS members, "
        "(SELECT string_agg(path, ' ' ORDER BY path) FROM data_files) AS files"
    ).to_pylist()
    data.store.close()
    return tuple(held[0].values())


def check_killed_store(store: Path, before: State, after: State) -> None:
    """Raise AssertionError unless a killed change left one of two states, which repair finds.

    A store whose catalog is lost as well is made again as it was, to the last member.
    """
    held = state_of(store)
    assert held in (before, after), store.name
    (store / "cxr.duckdb").unlink()
    data = ExperimentData(store=store)
    done = data.repair()
    assert (done.problem != "", done.lost) == (True, ()), store.name
    assert state_of(store) == held, store.name
    assert not [check for check in check_invariants(data.store) if check.rows or check.untested]
    data.store.close()


def main() -> None:
    """Kill each change at every step, and say how often."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sys.argv[1]) as packed:
            packed.extractall(folder, filter="data")
        store = next(Path(folder).iterdir())
        for change in CHANGES:
            whole, *killed = killed_stores(store, Path(folder) / change, change, 1000)
            before, after = state_of(store), state_of(whole)
            for own in killed:
                if change == "upgrade":
                    assert state_of(own) == before, own.name
                else:
                    check_killed_store(own, before, after)
            print(f"{change}: killed at each of {len(killed)} steps, the old state or the new one")
            ExperimentData(store=store).upgrade()  # the other changes are of this format


if __name__ == "__main__":
    main()
