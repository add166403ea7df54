"""The manifest of a dataset: a row an example, with a column of 0 and 1 for each finding."""

from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.datasets import Dataset
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.matrix import FIRST, label_columns, make_matrix
from cxr_duck.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["class_indices", "examples", "manifest_of", "write_csv", "write_parquet"]


def class_indices(dataset: Dataset) -> dict[str, int]:
    """Return the number of each class, from 0: they are in the order of their names."""
    return {name: index for index, name in enumerate(sorted(dataset.recipe.classes))}


def examples(store: Store, dataset: Dataset) -> "pyarrow.Table":
    """Return the rows of `sql/query/manifest.sql`, for a dataset that was recorded or not."""
    engine = DuckDBEngine(store.cursor())
    engine.connection.register("recorded_members", dataset.members)
    return engine.arrow("manifest")


def manifest_of(store: Store, dataset: Dataset) -> "pyarrow.Table":
    """Return the examples of a recorded dataset, with columns of 0 and 1 behind.

    These are the findings of its classes, or the classes where none of them names a finding.
    """
    table = examples(store, dataset)
    named = any(dataset.recipe.classes.values())
    matrix = make_matrix(store, dataset.name, "findings" if named else "classes")
    return with_labels(table, matrix, "finding" if named else "class")


def with_labels(
    table: "pyarrow.Table", matrix: "pyarrow.Table", kind: str = "finding"
) -> "pyarrow.Table":
    """Return a table of images with the labels of a matrix, each row those of its image."""
    import pyarrow.compute

    places = pyarrow.compute.index_in(table.column("image_id"), matrix.column("image_id"))
    labels = matrix.column_names[len(FIRST) :]
    names = label_columns(labels, [*table.column_names, "file"], kind)
    for label, name in zip(labels, names, strict=True):
        table = table.append_column(name, matrix.column(label).take(places))
    return table


def write_csv(table: "pyarrow.Table", file: Path) -> None:
    """Write a manifest as CSV, its header first."""
    import polars

    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    frame.write_csv(file)


def write_parquet(table: "pyarrow.Table", file: Path) -> None:
    """Write a manifest as Parquet."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, file)
