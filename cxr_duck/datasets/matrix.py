"""A dataset as a matrix: one row per image, one column of 0 and 1 per finding or class."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.recipes.recipe import Recipe
from cxr_duck.datasets.record.record import read_dataset_on
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import DatasetError
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import polars
    import pyarrow

__all__ = ["COLUMNS", "label_columns", "make_matrix", "matrix_on"]

COLUMNS = ("findings", "classes", "all")
FIRST = ("image_id", "patient_id", "split", "path")
_CELLS = {"findings": "finding_cells", "classes": "class_cells", "all": "finding_cells"}


def make_matrix(
    store: Store,
    name: str,
    columns: str = "findings",
    form: str = "arrow",
    images_folder: Path | None = None,
    progress: Progress = SILENT,
) -> "pyarrow.Table | polars.DataFrame":
    """Return the matrix of a recorded dataset, its rows by split, in the recipe's order, and image.

    The columns are image_id, patient_id, split and path, then one of uint8 for each label, by name:
    the findings of the dataset's classes, its `classes`, or `all` findings of the index. A finding
    is 1 where the image's labels in the store have it. Paths are absolute where the folder of the
    images is known. Raises DatasetError.
    """
    if form not in ("arrow", "polars"):
        raise DatasetError(f"a matrix comes as arrow or polars, not as {form!r}")
    if columns not in COLUMNS:
        raise DatasetError(f"the columns of a matrix are {', '.join(COLUMNS)}, not {columns!r}")
    engine = store.duckdb()
    dataset = read_dataset_on(engine, name)
    table = matrix_on(engine, dataset, columns, images_folder)
    if dataset.removed:
        progress.note(
            f"{dataset.removed:,} images of {name} were removed from the store and are left out"
        )
    return _polars(table) if form == "polars" else table


def matrix_on(
    engine: DuckDBEngine, dataset: Dataset, columns: str, images_folder: Path | None = None
) -> "pyarrow.Table":
    """Return the matrix of a dataset on the engine that it was read with, see `make_matrix`."""
    labels = _labels(engine, dataset.recipe, columns)
    if not labels:
        raise DatasetError(
            f"the classes of {dataset.name} name no finding: take the columns classes or all"
        )
    _put(engine, "split_order", "split", list(dataset.recipe.shares))
    _put(engine, "matrix_columns", "label", labels)
    engine.make("matrix_images")
    return _filled(engine, labels, columns, images_folder)


def _put(engine: DuckDBEngine, relation: str, column: str, names: list[str]) -> None:
    """Make a relation of names, each with its place."""
    rows = [(name, place) for place, name in enumerate(names)]
    engine.put(relation, f"{column} VARCHAR, position INTEGER", rows)


def _polars(table: "pyarrow.Table") -> "polars.DataFrame":
    import polars

    frame = polars.from_arrow(table)
    assert isinstance(frame, polars.DataFrame)
    return frame


def _labels(engine: DuckDBEngine, recipe: Recipe, columns: str) -> list[str]:
    if columns == "classes":
        return sorted(recipe.classes)
    if columns == "findings":
        return sorted({finding for findings in recipe.classes.values() for finding in findings})
    rows = engine.fetch("SELECT DISTINCT finding FROM postings ORDER BY finding")
    return [finding for (finding,) in rows]


def _filled(
    engine: DuckDBEngine, labels: list[str], columns: str, images_folder: Path | None
) -> "pyarrow.Table":
    """Return the table: zeros, and a 1 in each cell."""
    import numpy
    import pyarrow

    images = engine.arrow_of("matrix_images")
    cells = engine.arrow(_CELLS[columns])
    ones = numpy.zeros((len(labels), images.num_rows), dtype=numpy.uint8)
    ones[cells.column("position").to_numpy(), cells.column("place").to_numpy()] = 1
    fields = {name: images.column(name) for name in FIRST}
    fields["path"] = _absolute(images.column("path"), images_folder)
    kind = "class" if columns == "classes" else "finding"
    for name, column in zip(label_columns(labels, FIRST, kind), ones, strict=True):
        fields[name] = pyarrow.array(column)
    return pyarrow.table(fields)


def _absolute(paths: "pyarrow.ChunkedArray", folder: Path | None) -> "pyarrow.ChunkedArray":
    """Return paths below a folder as absolute ones."""
    import pyarrow.compute

    if folder is None:
        return paths
    return pyarrow.compute.binary_join_element_wise(str(folder.absolute()), paths, "/")


def label_columns(labels: Sequence[str], first: Sequence[str], kind: str = "finding") -> list[str]:
    """Return the columns' names: the labels, with their kind behind those called like the first."""
    taken = {*first, *labels}
    names = []
    for label in labels:
        name = label
        if label.lower() in first:
            while name in taken:
                name = f"{name} ({kind})"
        names.append(name)
    return names
