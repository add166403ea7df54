"""What Spark writes into its event log of the tasks that it ran, added up by stage of ours."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Work", "settings", "work_of"]


@dataclass
class Work:
    """What the tasks of a Spark application did.

    `busy` is the seconds in which at least one task ran, `tasks` the seconds of all tasks together;
    `shuffle` and `spilled` are bytes written to disk, `results` bytes that came to the driver,
    `held` is the most memory that one task had for its sorts, joins and aggregations.
    `stages` has the same by what the tasks were run for, `count` being their number.
    """

    busy: float = 0.0
    tasks: float = 0.0
    count: int = 0
    shuffle: int = 0
    spilled: int = 0
    results: int = 0
    held: int = 0
    stages: dict[str, dict[str, float]] = field(default_factory=dict)


def settings(folder: Path) -> dict[str, str]:
    """Return Spark's settings that make it leave its event logs in a folder, to be read here."""
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": folder.as_uri(),
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
    }


def work_of(logs: Iterable[Path]) -> Work:
    """Return what the tasks did that some event logs tell of."""
    work = Work()
    for log in logs:
        _add(work, log)
    return work


def _add(work: Work, log: Path) -> None:
    names: dict[int, str] = {}  # of Spark's stages
    queries: dict[str, str] = {}
    spans: list[tuple[int, int]] = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            kind = event["Event"].rpartition(".")[2]
            if kind == "SparkListenerSQLExecutionStart":
                queries[str(event["executionId"])] = event["description"]
            elif kind == "SparkListenerJobStart":
                name = _name(event.get("Properties") or {}, queries)
                names.update(dict.fromkeys(event["Stage IDs"], name))
            elif kind == "SparkListenerTaskEnd":
                span = event["Task Info"]["Launch Time"], event["Task Info"]["Finish Time"]
                spans.append(span)
                _add_task(work, names.get(event["Stage ID"], "?"), span, event)
    work.busy += _covered(spans) / 1000


def _name(properties: dict[str, str], queries: dict[str, str]) -> str:
    """Return what a job was run for: as it was described, or as its query was."""
    query = queries.get(properties.get("spark.sql.execution.id", ""), "")
    return properties.get("spark.job.description") or query or "?"


def _add_task(work: Work, name: str, span: tuple[int, int], event: dict[str, Any]) -> None:
    metrics = event.get("Task Metrics") or {}
    took = {
        "count": 1,
        "tasks": (span[1] - span[0]) / 1000,
        "shuffle": metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0),
        "spilled": metrics.get("Disk Bytes Spilled", 0),
        "results": metrics.get("Result Size", 0),
    }
    work.held = max([work.held, *_updates(event, "peakExecutionMemory")])
    stage = defaultdict(float, work.stages.get(name, {}))
    for what, amount in took.items():
        setattr(work, what, getattr(work, what) + amount)
        stage[what] += amount
    work.stages[name] = dict(stage)


def _updates(event: dict[str, Any], metric: str) -> list[int]:
    """Return what a task added to one of Spark's own metrics: nothing, or a value."""
    added = event["Task Info"].get("Accumulables", [])
    return [int(part["Update"]) for part in added if part["Name"] == f"internal.metrics.{metric}"]


def _covered(spans: list[tuple[int, int]]) -> int:
    """Return the length of what some spans cover together."""
    covered = reached = 0
    for start, end in sorted(spans):
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    return covered
