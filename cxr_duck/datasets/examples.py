"""The examples of a dataset: one row per (split, class, image)."""

from typing import TYPE_CHECKING

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.engines.duckdb import DuckDBEngine

if TYPE_CHECKING:
    import pyarrow


__all__ = ["class_indices", "examples"]


def class_indices(dataset: Dataset) -> dict[str, int]:
    """Return the number of each class, from 0: they are in the order of their names."""
    return {name: index for index, name in enumerate(sorted(dataset.recipe.classes))}


def examples(engine: DuckDBEngine, dataset: Dataset) -> "pyarrow.Table":
    """Return the rows of `sql/export/manifest.sql`, for a dataset that was recorded or not."""
    engine.connection.register("recorded_members", dataset.members)
    return engine.arrow("manifest")
