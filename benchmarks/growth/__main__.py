"""What growth costs: both engines at 1, 10 and 100 times the size of PadChest.

    python -m benchmarks.growth LABELS.csv [--times 1 10 100] [--engines duckdb spark]
    python -m benchmarks.growth --report RESULTS [--page docs/growth.md]

A label file of so many times the rows is made of the given one (see labels.py), indexed, a
dataset is made of it, made again, and images are looked up, by each engine. Each command is a
process whose seconds, memory and disk are watched with those of all that it starts (watched.py);
of Spark's tasks its event log tells (event_log.py). Then a few rows are added, and what DuckDB
needs for the posting table alone and for look-ups is measured. Both engines must give the same
answers and datasets of the same digest, or this fails; where a command fails, the engine's other
commands at that size are left out, and this goes on.

Each figure is appended to the file --out as it is measured, a line of JSON each, so that parts can
be run alone; --report prints tables and slopes of such a file (report.py).
"""

import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cxr_duck
from benchmarks.growth.event_log import settings, work_of
from benchmarks.growth.labels import RARE, make_labels
from benchmarks.growth.report import report
from benchmarks.growth.results import DUCKDB, Results
from benchmarks.growth.watched import FailedError, Watched, blocks_below, watch
from benchmarks.measure import machine, median_of
from cxr_duck import ExperimentData
from cxr_duck.store.data_files import data_files

NAME = "paper"
ADDED = 1600  # rows
READING = {
    "find a finding": ["find", "nodule", "--count"],
    "find by a query": ["find", "nodule AND NOT under(infiltrates)", "--count"],
    "reproduce": ["reproduce", NAME],
}
CREATE = ["create", "normal", "not-normal", "--pure", "--hierarchy", "paper"]
CREATE += ["--where", "frontal", "--name", NAME]
LOOKED_UP = (RARE, "emphysema", "nodule", "normal")
SHORT = 3.0  # seconds of a command that is run three times, where it changes nothing


def main() -> None:
    """Measure, or report what was measured."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    given = options().parse_args()
    if given.report:
        report(Results.read(given.report), given.page)
        return
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    results = Results([], given.out)
    results.add(kind="machine", text=machine(), **resources(given))
    environment = dict(os.environ)
    environment["PYTHONPATH"] = str(Path(cxr_duck.__file__).parents[1])
    with tempfile.TemporaryDirectory(
        dir=given.folder, prefix="growth-", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        make_labels(given.labels, folder / "more.csv", 1, copy="more", rows=ADDED)
        for times in given.times:
            labels = folder / "labels.csv"
            rows = make_labels(given.labels, labels, times)
            results.add(kind="labels", times=times, rows=rows, bytes=labels.stat().st_size)
            for engine in given.engines:
                bench = Bench(folder, engine, times, rows, environment, results)
                bench.run(given.memory if engine == DUCKDB else given.spark_memory)
            labels.unlink()
            results.check()
    report(results, None)
    if results.of("failure"):
        raise SystemExit(1)


def options() -> argparse.ArgumentParser:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--engines", nargs="+", default=[DUCKDB, "spark"])
    parser.add_argument("--memory", default="2GB", help="DuckDB's memory_limit")
    parser.add_argument("--spark-memory", default="4GB", help="the heap of Spark's JVM")
    parser.add_argument("--folder", type=Path, help="where to put the files, which go afterwards")
    parser.add_argument("--out", type=Path, help="file that the figures are appended to")
    parser.add_argument("--report", type=Path, help="print the tables of such a file")
    parser.add_argument("--page", type=Path, help="page whose tables are written anew")
    return parser


def resources(given: argparse.Namespace) -> dict[str, Any]:
    """Return what the machine has and what the engines may take of it."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    disk = shutil.disk_usage(given.folder or tempfile.gettempdir())
    return {
        "cores": os.cpu_count(),
        "memory": pages,
        "disk": disk.free,
        "spark": version("pyspark") if set(given.engines) != {DUCKDB} else None,
        "duckdb_limit": given.memory,
        "spark_heap": given.spark_memory,
    }


class Bench:
    """One engine at one size: its store, its commands, what they took."""

    def __init__(
        self,
        folder: Path,
        engine: str,
        times: int,
        rows: int,
        environment: dict[str, str],
        results: Results,
    ) -> None:
        self.folder = folder
        self.work = folder / "work"  # what lies here counts as disk
        self.store = self.work / "store"
        self.events = folder / "events"
        self.engine = engine
        self.size = {"times": times, "rows": rows}
        self.environment = environment
        self.results = results

    def run(self, memory: str) -> None:
        """Measure everything up to what fails, and leave nothing behind."""
        self.prepare(memory)
        try:
            self.measure_all()
        except FailedError as error:
            self.results.add(kind="failure", **self.size, engine=self.engine, what=str(error))
            print(f"{self.size['times']:>4} x  {self.engine:<9} {error}", flush=True)
        shutil.rmtree(self.work)
        shutil.rmtree(self.events)

    def measure_all(self) -> None:
        """Measure each command, the smaller ones after those that they need."""
        self.measure("index", ["index", str(self.folder / "labels.csv")])
        self.measure("create", CREATE)
        for command, words in READING.items():
            self.measure(command, words, again=True)
        self.describe_store()
        if self.engine == DUCKDB:
            self.measure_posting_table()
        self.measure(f"index {ADDED:,} rows more", ["index", str(self.folder / "more.csv")])
        if self.engine == DUCKDB:
            self.look_up(compacted=False)
            self.measure("compact", ["compact"])
            self.look_up(compacted=True)

    def prepare(self, memory: str) -> None:
        """Make the folders, and let whatever is temporary lie where it is counted."""
        for name in ("tmp", "spark"):
            (self.work / name).mkdir(parents=True)
        self.events.mkdir()
        conf = self.folder / "conf"
        conf.mkdir(exist_ok=True)
        logged = settings(self.events).items()
        (conf / "spark-defaults.conf").write_text("".join(f"{k} {v}\n" for k, v in logged))
        self.environment = {
            **self.environment,
            "CXR_MEMORY_LIMIT": memory,
            "TMPDIR": str(self.work / "tmp"),
            "SPARK_LOCAL_DIRS": str(self.work / "spark"),
            "SPARK_CONF_DIR": str(conf),
        }

    def measure(self, command: str, words: list[str], *, again: bool = False) -> None:
        """Run a command of cxr and keep what it took; the median of three if it is short."""
        engine = [] if self.engine == DUCKDB else ["--engine", self.engine]
        whole = [sys.executable, "-m", "cxr_duck", *engine, *words, "--store", str(self.store)]
        took = self.watched(whole)
        logs = list(self.events.iterdir())
        spark = asdict(work_of(logs)) if logs else None
        if again and took.seconds < SHORT:
            others = [self.watched(whole).seconds for _ in range(2)]
            took = replace(took, seconds=statistics.median([took.seconds, *others]))
        for log in self.events.iterdir():
            log.unlink()
        self.keep(command, took, spark=spark)

    def watched(self, command: list[str]) -> Watched:
        """Run a command, watched."""
        return watch(command, self.environment, self.work)

    def keep(self, command: str, took: Watched, **more: object) -> None:
        """Keep what a command took, and print it."""
        facts = asdict(took)
        answer = facts.pop("output").splitlines()[-1:]
        self.results.add(
            kind="run",
            **self.size,
            engine=self.engine,
            command=command,
            **facts,
            answer=answer[0] if command in READING else "",
            **more,
        )
        print(
            f"{self.size['times']:>4} x  {self.engine:<9} {command:<22} {took.seconds:9.2f} s  "
            f"{took.cpu:9.2f} s of CPU  "
            f"{took.memory / 1e9:6.2f} GB memory  {took.disk / 1e9:6.2f} GB disk",
            flush=True,
        )

    def describe_store(self) -> None:
        """Keep the store's bytes by relation and what the dataset is."""
        data = ExperimentData(store=self.store)
        files = data_files(data.store.cursor())
        held = sorted({file.relation for file in files})
        dataset = data.dataset(NAME)
        self.results.add(
            kind="store",
            **self.size,
            engine=self.engine,
            digest=dataset.digest,
            files=len(files),
            bytes={r: sum(file.bytes for file in files if file.relation == r) for r in held},
            counts={r: sum(file.rows for file in files if file.relation == r) for r in held},
            catalog=data.store.catalog.stat().st_size,
            disk=blocks_below(self.store),
            members=dataset.members.num_rows,
            members_bytes=dataset.members.nbytes,
            allocation=len(dataset.decisions.allocation),
        )

    def measure_posting_table(self) -> None:
        """Measure the posting table alone, of images that are there."""
        built = self.work / "built"
        command = [sys.executable, "-m", "benchmarks.build_postings", str(self.store), str(built)]
        self.keep("posting table alone", self.watched(command))
        shutil.rmtree(built)

    def look_up(self, *, compacted: bool) -> None:
        """Keep how long findings take to look up, ids and localizations to Arrow."""
        data = ExperimentData(store=self.store)
        for finding in LOOKED_UP:
            images = len(data.index[finding])
            seconds = median_of(
                lambda f=finding: data.index[f].arrow(),  # type: ignore[misc]
                51 if images < 1e6 else 5,
            )
            self.results.add(
                kind="look-up",
                **self.size,
                finding=finding,
                images=images,
                compacted=compacted,
                seconds=seconds,
            )
        data.store.close()


if __name__ == "__main__":
    main()
