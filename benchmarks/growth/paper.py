"""What follows from the figures: when Spark pays, and what a billion images would need."""

import math
from typing import NamedTuple

from benchmarks.growth.results import DUCKDB, Line, Results
from benchmarks.growth.tables import table

__all__ = ["breaks", "paper", "shuffles", "verdict"]

BILLION = 10**9  # rows of a label file, one an image
HOUR = 3600
CORES = 4  # of an executor
UNIFIED, RESERVED = 0.6, 300 * 2**20  # spark.memory.fraction of the heap, but for so many bytes
OTHER_ENGINE = "Spark was not measured at two sizes yet."


_LARGE = ((" billion", 10**9), (" million", 10**6))


class Slopes(NamedTuple):
    """The lines of a command on Spark: seconds with no task running, with some, of all tasks."""

    alone: Line
    busy: Line
    tasks: Line
    shuffle: Line
    results: Line


def spark_slopes(results: Results, command: str) -> Slopes | None:
    """Return the lines of a command's tasks; None where it wasn't measured at two sizes."""
    engine = results.spark
    if engine is None:
        return None
    whole = results.line(engine, command)
    lines = [results.line(engine, command, f"spark.{name}") for name in Slopes._fields[1:]]
    busy, tasks, shuffle, sent = lines
    if not (whole and busy and tasks and shuffle and sent):
        return None
    alone = Line(whole.start - busy.start, whole.slope - busy.slope, 0.0, whole.points)
    return Slopes(alone, busy, tasks, shuffle, sent)


# One machine


def verdict(results: Results) -> str:
    """Return from where on Spark pays: on this machine, on more of them, and where one ends."""
    parts = [_ahead(results), _where_spark_pays(results), _where_one_machine_ends(results)]
    return "\n\n".join(part for part in parts if part)


def _ahead(results: Results) -> str:
    """Return how many times as long Spark takes, at each size."""
    told = []
    for labels in results.of("labels"):
        ratios = [
            spark["seconds"] / duck["seconds"]
            for spark in results.of("run", times=labels["times"], engine=results.spark)
            for duck in results.of(
                "run", times=labels["times"], engine=DUCKDB, command=spark["command"]
            )
        ]
        if ratios:
            told.append(f"{min(ratios):.1f} to {max(ratios):.1f} at {labels['rows']:,} rows")
    if not told:
        return ""
    return "Spark's seconds are so many times DuckDB's on this machine: " + ", ".join(told) + "."


def _where_spark_pays(results: Results) -> str:
    """Return a table of the crossings of the lines, and of the machines that Spark needs."""
    head = ["command", "the lines cross at, rows", "DuckDB, s a million rows"]
    head += ["Spark, no task running", "Spark, tasks running", "machines for a lower slope"]
    head += ["ahead with twice as many from, rows"]
    lines = []
    for command in results.commands:
        duck, spark = results.line(DUCKDB, command), spark_slopes(results, command)
        if duck is None or spark is None or results.spark is None:
            continue
        needed = machines(duck, spark)
        lines.append([
            command, _rows(spread(spark, 1).meets(duck)),
            *(f"{line.slope * 1e6:.3f}" for line in (duck, spark.alone, spark.busy)),
            "none are enough" if needed is None else f"{needed:,}",
            _rows(needed and spread(spark, 2 * needed).meets(duck)),
        ])  # fmt: skip
    return table(head, lines, left=1) if lines else OTHER_ENGINE


def machines(duck: Line, spark: Slopes) -> int | None:
    """Return from how many machines on Spark's time rises less than DuckDB's on one.

    What runs in tasks is divided by them, what runs on the driver alone is not; None where that
    alone rises more. A time that falls as rows rise is noise: it is taken for one that stays.
    """
    left = duck.slope - max(spark.alone.slope, 0.0)
    return max(1, math.floor(max(spark.busy.slope, 0.0) / left) + 1) if left > 0 else None


def spread(spark: Slopes, machines: int) -> Line:
    """Return the line of Spark's seconds on so many machines as this one."""
    start = spark.alone.start + spark.busy.start
    rise = max(spark.alone.slope, 0.0) + max(spark.busy.slope, 0.0) / machines
    return Line(start, rise, 0.0, 0)


def _rows(count: float | None) -> str:
    """Return a number of rows that was worked out: what is beyond its third digit is chance."""
    if count is None:
        return "nowhere"
    unit, size = next((u for u in _LARGE if count >= u[1]), ("", 1))
    return f"{float(f'{count / size:.3g}'):,g}{unit}"


def _where_one_machine_ends(results: Results) -> str:
    """Return the rows at which this machine's disk and memory, and an hour, end with DuckDB."""
    machine = results.of("machine")[-1]
    text, work = results.line_of_labels(), results.line(DUCKDB, "index", "disk")
    seconds, members = results.line(DUCKDB, "index"), results.per_row(DUCKDB, "members_bytes")
    if not (text and work and seconds and members):
        return ""
    most = max(results.of("run", engine=DUCKDB), key=lambda run: run["memory"])
    hour = (HOUR - seconds.start) / seconds.slope
    disk = (machine["disk"] - work.start) / (text.slope + work.slope)
    return (
        f"DuckDB held {_bytes(most['memory'])} at most (`{most['command']}`, {most['rows']:,} "
        f"rows) within a limit of {machine['duckdb_limit']}: what does not fit is spilled to the "
        f"disk. With it an hour of indexing ends at {_rows(hour)} "
        f"rows; the {_bytes(machine['disk'])} of free disk at "
        f"{_rows(disk)} rows (a label file of "
        f"{text.slope:.0f} bytes a row, and {work.slope:.0f} bytes a row while it is indexed); "
        f"the {_bytes(machine['memory'])} of memory, with the dataset's members alone of "
        f"{members:.1f} bytes a row, at {_rows(machine['memory'] / members)} rows."
    )


# Many machines


def shuffles(results: Results, shown: int = 8) -> str:
    """Return what the stages of Spark's largest run shuffled, most first."""
    if results.spark is None:
        return OTHER_ENGINE
    head = ["command", "stage", "tasks", "seconds of tasks", "shuffled, MB", "bytes a row"]
    lines = []
    for command in ("index", "create"):
        for run in results.of("run", engine=results.spark, command=command)[-1:]:
            stages = (run["spark"] or {}).get("stages", {})
            most = sorted(stages.items(), key=lambda stage: (-stage[1]["shuffle"], stage[0]))
            lines += [
                [
                    command, " ".join(name.split()).replace("|", "/")[:60],
                    f"{stage['count']:,.0f}", f"{stage['tasks']:.1f}",
                    f"{stage['shuffle'] / 1e6:,.1f}", f"{stage['shuffle'] / run['rows']:.1f}",
                ]
                for name, stage in most[:shown]
            ]  # fmt: skip
    return table(head, lines, left=2)


def paper(results: Results) -> str:
    """Return, step by step, what a billion images would need."""
    index, create = (spark_slopes(results, command) for command in ("index", "create"))
    text = results.line_of_labels()
    if index is None or create is None or text is None:
        return OTHER_ENGINE
    executors = max(1, math.ceil(index.tasks.slope * BILLION / HOUR / CORES))
    steps = [
        *_text_steps(results, text, index),
        *_index_steps(results, index, executors),
        *_create_steps(results, create, executors),
    ]
    return table(["", "arithmetic", "result"], [list(step) for step in steps], left=2)


Steps = list[tuple[str, str, str]]


def _text_steps(results: Results, text: Line, index: Slopes) -> Steps:
    first = results.of("labels")[0]
    one = first["rows"] / first["times"]
    size = text.slope * BILLION
    alone = max(index.alone.slope * BILLION, 0.0)
    speed = f", {size / alone / 1e6:,.0f} MB a second" if alone else ""
    return [
        ("repositories", f"10⁹ rows / {one:,.0f} rows", f"{BILLION / one:,.0f} PadChests"),
        ("label file", f"10⁹ x {text.slope:.0f} bytes", _bytes(size)),
        (
            "`index`, driver alone: the one reader of it",
            f"10⁹ x {index.alone.slope * 1e6:.2f} µs",
            _time(alone) + speed,
        ),
    ]  # fmt: skip


def _index_steps(results: Results, index: Slopes, executors: int) -> Steps:
    cores = index.tasks.slope * BILLION
    alone = max(index.alone.slope * BILLION, 0.0)
    shuffled = index.shuffle.slope * BILLION
    run = results.of("run", engine=results.spark, command="index")[-1]
    here = results.of("machine")[-1]["cores"]
    stored = _per_row(results, "bytes", "images") + _per_row(results, "bytes", "postings")
    return [
        (
            "`index`, tasks", f"10⁹ x {index.tasks.slope * 1e6:.2f} µs of a core",
            f"{cores / HOUR:,.1f} core-hours",
        ),
        (
            f"executors of {CORES} cores for an hour of tasks",
            f"{cores / HOUR:,.1f} core-hours / 1 h / {CORES}", f"{executors:,}",
        ),
        ("`index`, whole", f"{_time(alone)} + 1 h", _time(alone + HOUR)),
        (
            "shuffled by `index`", f"10⁹ x {index.shuffle.slope:.0f} bytes",
            f"{_bytes(shuffled)}, {_bytes(shuffled / executors)} an executor",
        ),
        (
            "heap of an executor, for its tasks' sorts and joins",
            f"{CORES} cores x {_bytes(run['spark']['held'])} / {UNIFIED} + {_bytes(RESERVED)}",
            _bytes(CORES * run["spark"]["held"] / UNIFIED + RESERVED),
        ),
        (
            "memory of an executor, all of it, as here",
            f"{CORES} x {_bytes(run['memory'])} / {here} cores",
            _bytes(CORES * run["memory"] / here),
        ),
        (
            "Parquet of images and postings", f"10⁹ x {stored:.1f} bytes",
            _bytes(stored * BILLION),
        ),
    ]  # fmt: skip


def _create_steps(results: Results, create: Slopes, executors: int) -> Steps:
    tasks, cores = create.tasks.slope * BILLION, executors * CORES
    alone = max(create.alone.slope, 0.0)  # below 0 it is noise
    members, size = _per_row(results, "members"), _per_row(results, "members_bytes")
    catalog = results.line_of_stores("catalog")
    dealt = results.of("store", engine=results.spark)[-1]["allocation"]
    steps = [
        (
            "`create`, tasks on the same executors",
            f"10⁹ x {create.tasks.slope * 1e6:.2f} µs / {cores:,} cores", _time(tasks / cores),
        ),
        (
            "`create`, driver alone", f"10⁹ x {alone * 1e6:.2f} µs", _time(alone * BILLION),
        ),
        (
            "shuffled by `create`", f"10⁹ x {create.shuffle.slope:.0f} bytes",
            _bytes(create.shuffle.slope * BILLION),
        ),
        (
            "members of the dataset, which come to the driver",
            f"10⁹ x {members:.4f} x {size / members:.0f} bytes",
            f"{members * BILLION:,.0f} rows, {_bytes(size * BILLION)}",
        ),
    ]  # fmt: skip
    steps.append((
        "kinds of patients and splits, dealt out by the driver", "as many as PadChest has",
        f"{dealt:,} rows",
    ))  # fmt: skip
    if catalog:
        steps.append((
            "catalog with the dataset's record",
            f"{_bytes(catalog.start)} + 10⁹ x {catalog.slope:.2f} bytes",
            _bytes(catalog.at(BILLION)),
        ))  # fmt: skip
    return steps


def breaks(results: Results) -> str:
    """Return what grows on one machine whatever the executors, and from where on it is too much."""
    index, create = (spark_slopes(results, command) for command in ("index", "create"))
    text, catalog = results.line_of_labels(), results.line_of_stores("catalog")
    if index is None or create is None or text is None or catalog is None:
        return OTHER_ENGINE
    machine = results.of("machine")[-1]
    members = _per_row(results, "members_bytes")
    limits = [
        ("driver alone with the label file", index.alone.slope, HOUR, "an hour"),
        ("label file on the driver's disk", text.slope, machine["disk"], _bytes(machine["disk"])),
        ("results of `create`'s tasks", create.results.slope, 2**30, "1 GiB, `maxResultSize`"),
        ("members in the driver's memory", members, machine["memory"], _bytes(machine["memory"])),
        ("the digest's one text, no longer than the members", members, 2**31, "2 GiB in Spark"),
        ("driver alone with `create`", create.alone.slope, HOUR, "an hour"),
        ("the catalog, copied at each change", catalog.slope, 10e9, "10 GB"),
    ]  # fmt: skip
    reached = sorted(
        (limit / slope, what, told) for what, slope, limit, told in limits if slope > 0
    )
    lines = [[what, told, _rows(rows)] for rows, what, told in reached]
    return table(["what grows", "too much is", "from, rows"], lines, left=2)


def _per_row(results: Results, *path: str) -> float:
    return results.per_row(results.spark or "", *path) or 0.0


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"


def _time(seconds: float) -> str:
    if seconds >= HOUR:
        return f"{seconds / HOUR:,.1f} h"
    return f"{seconds / 60:,.1f} min" if seconds >= 60 else f"{seconds:,.1f} s"
