"""The benchmark of growth: what it computes of its figures, and the page that tells them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.growth.event_log import settings, work_of
from benchmarks.growth.labels import make_labels
from benchmarks.growth.paper import machines, spark_slopes, spread
from benchmarks.growth.report import SECTIONS, filled
from benchmarks.growth.results import Results, line_through
from benchmarks.growth.watched import FailedError, watch
from cxr_duck import ExperimentData
from tests.support.spark_sessions import spark_session

ROOT = Path(__file__).parents[2]

PAGE = ROOT / "docs" / "growth.md"
FIGURES = ROOT / "benchmarks" / "growth.jsonl"
ROWS = 1000  # of the label file at once

# Seconds of a command at 0 rows and for each row; Spark's are on the driver alone and in tasks,
# on two cores that are both busy.
DUCK = (1.0, 0.01)
ALONE = (8.0, 0.002)
BUSY = (2.0, 0.026)


def run(times: int, engine: str, command: str, **more: Any) -> dict[str, Any]:
    """Return the figures of a command that took as long as the lines above say."""
    rows = times * ROWS
    alone, busy = (start + slope * rows for start, slope in (ALONE, BUSY))
    fact = {
        "kind": "run", "times": times, "rows": rows, "engine": engine, "command": command,
        "seconds": DUCK[0] + DUCK[1] * rows, "cpu": 1.0, "memory": 10**9 + 500 * rows,
        "disk": 300 * rows, "answer": "7", "spark": None,
    }  # fmt: skip
    if engine != "duckdb":
        fact["seconds"] = alone + busy
        stage = {"count": 4, "tasks": 2 * busy, "shuffle": 90 * rows, "spilled": 0, "results": rows}
        fact["spark"] = {"busy": busy, **stage, "held": 10**8, "stages": {"images.sql": stage}}
    return {**fact, **more}


def store(times: int, engine: str, **more: Any) -> dict[str, Any]:
    """Return the figures of a store."""
    rows = times * ROWS
    return {
        "kind": "store", "times": times, "rows": rows, "engine": engine, "digest": "d", "files": 8,
        "bytes": {"images": 100 * rows, "postings": 40 * rows}, "catalog": 10**6 + 2 * rows,
        "members": rows // 10, "members_bytes": 15 * rows, "allocation": 90, **more,
    }  # fmt: skip


def made_up(*sizes: int) -> Results:
    """Return the figures of both engines at some sizes."""
    results = Results()
    results.add(
        kind="machine", text="a machine", memory=25 * 10**9, disk=60 * 10**9, cores=2,
        duckdb_limit="2GB", spark_heap="4g",
    )  # fmt: skip
    for times in sizes:
        results.add(kind="labels", times=times, rows=times * ROWS, bytes=500 * times * ROWS)
        for engine in ("duckdb", "spark"):
            for command in ("index", "create", "reproduce"):
                results.add(**run(times, engine, command))
            results.add(**store(times, engine))
    return results


def test_the_line_is_that_of_the_least_squares() -> None:
    """Points of a line give the line; others the one that is nearest, with its largest miss."""
    line = line_through([(0, 1), (10, 6), (100, 51)])
    assert line is not None
    assert (line.start, line.slope, line.miss) == pytest.approx((1, 0.5, 0))
    near = line_through([(0, 0), (1, 3), (2, 3)])
    assert near is not None
    assert (near.start, near.slope, near.at(1)) == pytest.approx((0.5, 1.5, 2))
    assert line_through([(5, 1), (5, 2)]) is None


def test_where_two_lines_cross() -> None:
    """They cross where both have the same value; at fewer than 0 rows and in parallel, nowhere."""
    steep, flat = line_through([(0, 1), (1, 3)]), line_through([(0, 5), (1, 6)])
    assert steep is not None
    assert flat is not None
    assert steep.meets(flat) == flat.meets(steep) == pytest.approx(4)
    assert steep.meets(steep) is None
    below = line_through([(0, 0), (1, 1)])
    assert below is not None
    assert steep.meets(below) is None


def test_machines_until_spark_is_ahead() -> None:
    """What runs in tasks is divided by the machines, what the driver does alone is not."""
    results = made_up(1, 10, 100)
    duck, spark = results.line("duckdb", "index"), spark_slopes(results, "index")
    assert duck is not None
    assert spark is not None
    # 10 s a thousand rows on one machine; 2 s + 26 s / 3 is more, 2 s + 26 s / 4 less.
    assert machines(duck, spark) == 4
    crossing = spread(spark, 8).meets(duck)
    assert crossing == pytest.approx((8 + 2 - 1) / (0.01 - 0.002 - 0.026 / 8))
    slow = spark._replace(alone=duck)
    assert machines(duck, slow) is None


def test_a_billion_images_on_paper() -> None:
    """The arithmetic of the page comes from the slopes."""
    told = SECTIONS["paper"](made_up(1, 10, 100))
    cells = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in told.splitlines()}
    core_hours = 2 * 0.026 * 10**9 / 3600
    assert cells["repositories"] == "1,000,000 PadChests"
    assert cells["label file"] == "500.0 GB"
    assert cells["`index`, tasks"] == f"{core_hours:,.1f} core-hours"
    assert cells["executors of 4 cores for an hour of tasks"] == "3,612"
    assert cells["`index`, whole"] == f"{0.002 * 10**9 / 3600 + 1:,.1f} h"
    assert cells["shuffled by `index`"].startswith("90.0 GB")
    assert cells["Parquet of images and postings"] == "140.0 GB"
    assert cells["members of the dataset, which come to the driver"] == "100,000,000 rows, 15.0 GB"


def test_what_breaks_first_is_told_first() -> None:
    """Limits come in the order in which a growing repository reaches them."""
    lines = SECTIONS["breaks"](made_up(1, 10)).splitlines()[2:]
    reached = [line.split("|")[3].strip() for line in lines]
    assert reached == ["1.8 million", "1.8 million", "120 million", "143 million", "1.07 billion",
        "1.67 billion", "5 billion"]  # fmt: skip


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("sizes", [(), (1,), (1, 10)], ids=str)
def test_sections_of_few_figures(name: str, sizes: tuple[int, ...]) -> None:
    """A run that was cut short is reported as far as it came."""
    assert SECTIONS[name](made_up(*sizes)) is not None
    results = made_up(*sizes)
    results.facts = [fact for fact in results.facts if fact.get("engine") != "spark"]
    assert SECTIONS[name](results) is not None


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (store(10, "spark", digest="e"), "digest"),
        (run(10, "spark", "reproduce", answer="8"), "reproduce"),
    ],
    ids=["digest", "answer"],
)
def test_engines_that_differ_fail(other: dict[str, Any], what: str) -> None:
    """The benchmark ends with one sentence where the engines gave something else."""
    results = made_up(1, 10)
    assert len(results.check()) == 2
    results.add(**other)
    with pytest.raises(SystemExit, match=f"at 10 times the engines differ in .*{what}"):
        results.check()


def test_later_figures_replace_earlier_ones(tmp_path: Path) -> None:
    """What is measured again counts alone; a file of figures is read as it was written."""
    out = tmp_path / "figures.jsonl"
    results = Results([], out)
    for seconds in (5.0, 3.0):
        results.add(**run(1, "duckdb", "index", seconds=seconds))
    for found in (results, Results.read(out)):
        assert [fact["seconds"] for fact in found.of("run")] == [3.0]


def test_work_is_added_up_by_stage(tmp_path: Path) -> None:
    """Tasks at the same time count once as busy; shuffled bytes belong to what the job was for."""
    log = tmp_path / "log"
    task = {"Shuffle Write Metrics": {"Shuffle Bytes Written": 10}, "Result Size": 3}
    query = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart"
    described = {"spark.job.description": "images"}
    events = [
        {"Event": query, "executionId": 4, "description": "postings"},
        {"Event": "SparkListenerJobStart", "Stage IDs": [0], "Properties": described},
        {
            "Event": "SparkListenerJobStart",
            "Stage IDs": [1],
            "Properties": {"spark.sql.execution.id": "4"},
        },
        *(
            {
                "Event": "SparkListenerTaskEnd",
                "Stage ID": stage,
                "Task Info": {
                    "Launch Time": start,
                    "Finish Time": end,
                    "Accumulables": [
                        {"Name": "internal.metrics.peakExecutionMemory", "Update": end}
                    ],
                },
                "Task Metrics": task,
            }
            for stage, start, end in [(0, 1000, 3000), (0, 2000, 4000), (1, 6000, 7000)]
        ),
    ]
    log.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    work = work_of([log])
    assert (work.busy, work.tasks, work.count, work.shuffle, work.results) == (4, 5, 3, 30, 9)
    assert work.held == 7000
    assert {name: stage["shuffle"] for name, stage in work.stages.items()} == {
        "images": 20,
        "postings": 10,
    }


@pytest.mark.spark
def test_spark_tells_what_each_stage_shuffled(tmp_path: Path) -> None:
    """Spark's own event log has a job under the stage that asked for it, not one read within."""
    pytest.importorskip("pyspark")
    from cxr_duck.engines.spark.session import translating_spark_errors

    with (
        spark_session("local[1]", settings(tmp_path)) as session,
        translating_spark_errors("outer.sql"),
    ):
        with translating_spark_errors("inner.sql"):
            numbers = session.range(0, 1000, numPartitions=2).selectExpr("id % 7 AS rest")
            frame = numbers.groupBy("rest").count()
        assert frame.count() == 7
    work = work_of(tmp_path.iterdir())
    assert set(work.stages) == {"outer.sql"}
    assert work.shuffle == work.stages["outer.sql"]["shuffle"] > 0
    assert work.held > 0


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_what_a_process_starts_is_watched(tmp_path: Path) -> None:
    """Memory of the child counts as the process's own; disk is what lay there at most."""
    child = (
        "import pathlib, time; held = bytearray(80_000_000); file = pathlib.Path('spill'); "
        "file.write_bytes(bytes(5_000_000)); time.sleep(0.6); file.unlink()"
    )
    parent = (
        "import subprocess, sys; held = bytearray(50_000_000); "
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True); print('done')"
    )
    took = watch([sys.executable, "-c", parent], dict(os.environ), tmp_path)
    assert took.output == "done"
    assert took.memory > 130_000_000
    assert took.disk >= 5_000_000
    with pytest.raises(FailedError, match="no such thing"):
        watch([sys.executable, "-c", "raise SystemExit('no such thing')"], {}, tmp_path)


def test_label_files_of_many_times_the_rows(demo: Path, tmp_path: Path) -> None:
    """Each copy has images, studies and patients of its own, and the findings of the original."""
    labels = tmp_path / "labels.csv"
    copies = 3
    rows = make_labels(demo / "labels.csv", labels, copies)
    counts = []
    for path in (demo / "labels.csv", labels):
        data = ExperimentData(labels_csv=path, store=tmp_path / f"store-{path.parent.name}")
        data.create_index()
        counts.append(
            data.store.cursor().execute(
                "SELECT count(*), count(DISTINCT image_id), count(DISTINCT patient_id), "
                "count(DISTINCT study_id), "
                "(SELECT count(*) FROM postings WHERE finding <> 'benchmark finding') FROM images"
            ).fetchone()
        )  # fmt: skip
    assert counts[1] == tuple(copies * count for count in counts[0])
    assert rows == counts[1][0]
    assert len(data.index["benchmark finding"]) == 1  # of 600 rows; 50 of PadChest's


@pytest.mark.full
def test_a_size_is_measured_from_end_to_end(demo: Path, tmp_path: Path) -> None:
    """Every command leaves its figures, the engine's store its bytes, and nothing else stays."""
    figures, folder = tmp_path / "figures.jsonl", tmp_path / "work"
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.growth", str(demo / "labels.csv")]
    command += ["--times", "2", "--engines", "duckdb", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [*command, "--out", str(figures)], capture_output=True, text=True, env=environment,
        cwd=ROOT, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = Results.read(figures)
    assert results.commands == [
        "index", "create", "find a finding", "find by a query", "reproduce", "posting table alone",
        "index 1,600 rows more", "compact",
    ]  # fmt: skip
    for fact in results.of("run"):
        assert fact["seconds"] > 0 < fact["memory"], fact
    made = results.one("store", times=2)
    assert made is not None
    assert made["bytes"]["postings"] > 0 < made["members"]
    assert made["digest"] in results.of("run", command="reproduce")[0]["answer"]
    assert not list(folder.iterdir())


def test_only_what_is_marked_is_written_anew() -> None:
    """A page keeps its prose, and gets the section of each mark between it and its end."""
    page = "prose\n<!-- growth: same -->\nold\n<!-- end -->\nmore\n"
    results = made_up(1)
    told = filled(page, results)
    assert (
        told == f"prose\n<!-- growth: same -->\n{SECTIONS['same'](results)}\n<!-- end -->\nmore\n"
    )
    assert filled(told, results) == told


def test_the_page_has_no_figure_of_its_own_hand() -> None:
    """The page's tables are those that its file of figures gives."""
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, Results.read(FIGURES)) == page
    marks: Callable[[str], list[str]] = re.compile(r"<!-- growth: (\w+) -->").findall
    assert set(marks(page)) <= set(SECTIONS)
    assert {"commands", "slopes", "verdict", "shuffles", "paper", "breaks"} <= set(marks(page))
