"""The manifest of a dataset: one row per example, with a column of 0 and 1 per finding."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.matrix import FIRST, label_columns, matrix_on
from cxr_duck.engines.duckdb import DuckDBEngine

if TYPE_CHECKING:
    import pyarrow

__all__ = ["labels_of", "with_classes", "with_labels", "write_csv", "write_parquet"]


def labels_of(engine: DuckDBEngine, dataset: Dataset) -> "pyarrow.Table":
    """Return a row per image of a recorded dataset: image_id, then columns of 0 and 1.

    These are the findings of its classes, or the classes where none of them names a finding. The
    engine is the one that the dataset was read with.
    """
    named = any(dataset.recipe.classes.values())
    matrix = matrix_on(engine, dataset, "findings" if named else "classes")
    return matrix.select(["image_id", *matrix.column_names[len(FIRST) :]])


def with_classes(table: "pyarrow.Table", classes: Sequence[str]) -> "pyarrow.Table":
    """Return a table of images with a column of 0 and 1 for each class, as CSV can hold it.

    Its name is that of the class and ` (class)`, since a finding may have the same name, and the
    columns are in the order of the classes' indices. The names of an image's classes become text,
    between them |. A table of one class per row stays as it is.
    """
    import numpy
    import pyarrow.compute

    if "labels" not in table.column_names:
        return table
    ones = table.column("labels").combine_chunks().flatten().to_numpy()
    for name, of_it in zip(classes, ones.reshape(-1, len(classes)).T, strict=True):
        column = pyarrow.array(numpy.ascontiguousarray(of_it))
        table = table.append_column(f"{name} (class)", column)
    of_all = pyarrow.compute.binary_join(table.column("classes"), "|")
    place = table.column_names.index("classes")
    return table.set_column(place, "classes", of_all).drop_columns(["labels"])


def with_labels(table: "pyarrow.Table", labels: "pyarrow.Table") -> "pyarrow.Table":
    """Return a table of images with the columns of 0 and 1, each row those of its image.

    A variant has those of the image that it was made from.
    """
    import pyarrow.compute

    images = table.column("image_id")
    if "parent" in table.column_names:
        images = pyarrow.compute.coalesce(table.column("parent"), images)
    places = pyarrow.compute.index_in(images, labels.column("image_id"))
    names = label_columns(labels.column_names[1:], table.column_names)
    for column, name in zip(labels.columns[1:], names, strict=True):
        table = table.append_column(name, column.take(places))
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
