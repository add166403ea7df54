"""Kill Spark's executors while they work: a store comes out as DuckDB makes it undisturbed.

    python -m tests.support.spark_kills --rounds 5

A session of two executors, each a process of its own, takes a repository through index, create and
check. During each of them an executor is killed with SIGKILL, at a random instant at which it has a
task in hand. In the end the store must hold, relation by relation, what DuckDB alone makes of the
same files, and no file may lie there that the catalog doesn't list.
"""

import argparse
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck import ExperimentData, make_demo
from cxr_duck.store.invariants import check_invariants
from tests.support.kills import strangers
from tests.support.spark_sessions import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["MASTER", "ExecutorKiller", "cluster_session", "course", "kill_executors", "state"]

MASTER = "local-cluster[2,1,1024]"
_PAUSE = 3.0  # seconds before an executor is killed, at most
_PATIENCE = 60.0  # seconds for Spark to notice that an executor is gone

State = dict[str, list[str]]


@contextmanager
def cluster_session(folder: Path) -> Iterator["SparkSession"]:
    """Yield a session whose executors are processes, with their working files below a folder."""
    import pyspark

    home = folder / "spark"
    home.mkdir()
    for part in Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent).iterdir():
        if part.name != "work":
            (home / part.name).symlink_to(part)
    before = os.environ.get("SPARK_HOME")
    os.environ["SPARK_HOME"] = str(home)
    try:
        with spark_session(MASTER, {"spark.ui.liveUpdate.period": "0"}) as session:
            yield session
    finally:
        del os.environ["SPARK_HOME"]
        if before is not None:
            os.environ["SPARK_HOME"] = before


class ExecutorKiller:
    """Kills executors of a session that have a task in hand."""

    def __init__(self, session: "SparkSession", chance: random.Random) -> None:
        self._context: Any = session.sparkContext
        self._chance = chance

    def executors(self, *, gone: bool = False) -> dict[str, Any]:
        """Return what Spark knows of its executors, by their ids; with `gone` of lost ones too."""
        told = self._context._jsc.sc().statusStore().executorList(not gone)
        known = {told.apply(place).id(): told.apply(place) for place in range(told.size())}
        known.pop("driver", None)
        return known

    def process(self, executor: str) -> int | None:
        """Return the process of an executor, which is a child of this session's JVM."""
        jvm = self._context._gateway.proc.pid
        named = ["--executor-id", executor]
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_text(errors="replace").split("\0")
                parent = int(
                    (folder / "stat").read_text(errors="replace").rsplit(")")[1].split()[1]
                )
            except (OSError, IndexError):  # it ended meanwhile
                continue
            mine = parent == jvm and self._context.applicationId in words
            if mine and any(words[at : at + 2] == named for at in range(len(words))):
                return int(folder.name)
        return None

    def kill_one(self, over: threading.Event) -> str | None:
        """Kill an executor at work and return its id once Spark has missed it; None when `over`.

        It is halted first: where Spark waits for a task of it even then, the task is lost with it.
        """
        while not over.is_set():
            busy = [name for name, told in self.executors().items() if told.activeTasks()]
            process = self.process(self._chance.choice(busy)) if busy else None
            if process is None:
                time.sleep(0.002)
                continue
            os.kill(process, signal.SIGSTOP)
            time.sleep(0.2)  # what it had said before comes in
            still = [name for name in busy if self.process(name) == process]
            if self.executors()[still[0]].activeTasks():
                os.kill(process, signal.SIGKILL)
                self._wait_until_missed(still[0])
                return still[0]
            os.kill(process, signal.SIGCONT)
        return None

    def _wait_until_missed(self, executor: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while executor in self.executors():
            assert time.monotonic() < deadline, f"Spark doesn't miss executor {executor}"
            time.sleep(0.05)
        told = self.executors(gone=True)[executor]
        assert told.activeTasks() or told.failedTasks(), (
            f"executor {executor} was killed, and no task was lost with it"
        )

    @contextmanager
    def killing(self, most: int = 1) -> Iterator[list[str]]:
        """Kill so many executors at most while the body runs; yield the list for their ids."""
        killed: list[str] = []
        over = threading.Event()

        def kill() -> None:
            while len(killed) < most and not over.wait(self._chance.uniform(0, _PAUSE)):
                if (executor := self.kill_one(over)) is not None:
                    killed.append(executor)

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            yield killed
        finally:
            over.set()
            thread.join()


def course(data: ExperimentData) -> dict[str, Callable[[], object]]:
    """Return what is done to a store, one after the other."""
    return {
        "index": data.create_index,
        "create": lambda: data.create_dataset(["nodule", "normal"], name="pair"),
        "check": data.check_integrity,
    }


def state(store: Path) -> State:
    """Return the rows of each relation of a store, in one order, and the digests of its datasets.

    AssertionError where it is broken, or holds a file that its catalog doesn't list.
    """
    data = ExperimentData(store=store)
    broken = [check for check in check_invariants(data.store) if check.rows]
    assert not broken, broken
    assert strangers(store) == set(), strangers(store)
    names = data.sql("SELECT DISTINCT relation FROM data_files ORDER BY relation").to_pylist()
    held = {row["relation"]: _rows(data, f"SELECT * FROM {row['relation']}") for row in names}
    held["digests of datasets"] = _rows(data, "SELECT name, digest FROM experiments.dataset")
    data.store.close()
    return held


def _rows(data: ExperimentData, query: str) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in data.sql(query).to_pylist())


def kill_executors(
    folder: Path, repository: Path, session: "SparkSession", seed: int, most: int = 1
) -> list[str]:
    """Take a repository through the course, so many executors killed in each part of it at most.

    Returns which executors were killed. AssertionError where the store is not the one that DuckDB
    makes, or where a part had ended before it could be disturbed.
    """
    chance = random.Random(seed)
    killer = ExecutorKiller(session, chance)
    killed: list[str] = []
    files = repository / "images", repository / "labels.csv"
    alone = ExperimentData(*files, store=folder / "alone")
    disturbed = ExperimentData(*files, store=folder / "disturbed", engine=session)
    undisturbed = course(alone)
    for name, part in course(disturbed).items():
        undisturbed[name]()
        with killer.killing(most) as ids:
            part()
        assert ids, f"{name} ended before an executor was killed"
        killed += ids
    expected, held = state(folder / "alone"), state(folder / "disturbed")
    assert held.keys() == expected.keys()
    differing = [name for name in expected if held[name] != expected[name]]
    assert not differing, f"these relations differ: {', '.join(differing)}"
    return killed


def main() -> None:
    """Kill in so many rounds, and print how many executors were lost."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--most", type=int, default=3, help="kills in each part of a round")
    options.add_argument("--seed", type=int, default=int(time.time()))
    given = options.parse_args()
    start = time.monotonic()
    killed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_demo(folder / "demo")
        with cluster_session(folder) as session:
            for seed in range(given.seed, given.seed + given.rounds):
                (folder / f"{seed}").mkdir()
                killed += len(
                    kill_executors(folder / f"{seed}", folder / "demo", session, seed, given.most)
                )
    print(f"{killed} executors killed (seed {given.seed}), each with a task in hand")
    print(f"the store came out as undisturbed each time; {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
