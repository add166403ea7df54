"""The origin of a recorded dataset: its experiment, the versions that made it, and the day."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxr_duck.engines.engine import Engine

__all__ = ["Record", "read_record"]


@dataclass(frozen=True)
class Record:
    """The experiment of a dataset, the versions that made it, and the day when it was recorded."""

    experiment: str
    package_version: str
    duckdb_version: str
    day: date


def read_record(engine: "Engine", name: str) -> Record:
    """Return the record of a dataset that the store has."""
    ((experiment, package, duckdb_version, created_at),) = engine.fetch(
        "SELECT experiment.name, package_version, duckdb_version, dataset.created_at "
        "FROM experiments.dataset INNER JOIN experiments.experiment USING (experiment_id) "
        "WHERE dataset.name = ?",
        name,
    )
    return Record(experiment, package, duckdb_version, created_at.date())
