"""The examples of a dataset, and what a model is to say of each: a class, or several."""

from typing import TYPE_CHECKING

from cxr_duck.datasets.dataset import Dataset
from cxr_duck.datasets.matrix import FIRST, matrix_on
from cxr_duck.engines.duckdb import DuckDBEngine

if TYPE_CHECKING:
    import numpy.typing
    import pyarrow

__all__ = ["class_indices", "is_multilabel", "manifest_of", "with_targets"]


def class_indices(dataset: Dataset) -> dict[str, int]:
    """Return the number of each class, from 0: they are in the order of their names."""
    return {name: index for index, name in enumerate(sorted(dataset.recipe.classes))}


def is_multilabel(dataset: Dataset) -> bool:
    """Tell whether an image may be of several classes of a dataset."""
    return dataset.recipe.overlap == "keep"


def manifest_of(engine: DuckDBEngine, multilabel: bool) -> "pyarrow.Table":
    """Return a row per (split, class, image) of a dataset, or per (split, image) if `multilabel`.

    Then `class` has all classes of the image, between them |. The engine is one that has the
    dataset's recorded_members.
    """
    if not multilabel:
        return engine.arrow("manifest")
    engine.make("manifest")
    return engine.arrow("manifest_films")


def with_targets(
    engine: DuckDBEngine, dataset: Dataset, table: "pyarrow.Table", multilabel: bool
) -> "pyarrow.Table":
    """Return the rows of a manifest with their targets in the third column.

    That is `label`, int64, the index of the class; or, if `multilabel`, `labels`, a list of uint8
    with a 1 for each class that the image is of, in the order of `class_indices`, and in place of
    `class` there is `classes`, a list of their names. A variant has the target of the image that it
    was made from. The engine is one that has the dataset's recorded_members.
    """
    import numpy
    import pyarrow.compute

    indices = class_indices(dataset)
    if not multilabel:
        names = pyarrow.array(list(indices), pyarrow.string())
        label = pyarrow.compute.index_in(table.column("class"), names)
        return table.add_column(2, "label", label.cast(pyarrow.int64()))
    matrix = matrix_on(engine, dataset, "classes")
    images = table.column("image_id")
    if "parent" in table.column_names:
        images = pyarrow.compute.coalesce(table.column("parent"), images)
    places = pyarrow.compute.index_in(images, matrix.column("image_id"))
    ones = numpy.column_stack([c.to_numpy() for c in matrix.columns[len(FIRST) :]])
    ones = ones[places.to_numpy()]
    names = pyarrow.array(list(indices), pyarrow.string()).take(pyarrow.array(ones.nonzero()[1]))
    classes = _lists(names, ones.sum(axis=1, dtype=numpy.int64))
    labels = _lists(pyarrow.array(ones.reshape(-1)), numpy.full(len(ones), len(indices)))
    place = table.column_names.index("class")
    return table.set_column(place, "classes", classes).add_column(2, "labels", labels)


def _lists(items: "pyarrow.Array", sizes: "numpy.typing.NDArray[numpy.int64]") -> "pyarrow.Array":
    """Return lists of so many items each."""
    import numpy
    import pyarrow

    borders = numpy.concatenate([[0], sizes.cumsum()]).astype(numpy.int32)
    return pyarrow.ListArray.from_arrays(pyarrow.array(borders), items)
