"""Columns of `images` that a user wants beside the usual ones of an export."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import ExportError
from cxr_duck.spelling import did_you_mean

if TYPE_CHECKING:
    import pyarrow

__all__ = ["with_columns"]


def with_columns(
    engine: DuckDBEngine, table: "pyarrow.Table", columns: Sequence[str]
) -> "pyarrow.Table":
    """Return the rows of a manifest with some columns of `images` before the last one.

    Numbers are int64 or float64, true and false are bool, all else is text: days as ISO 8601, lists
    with | between their items. What the manifest has already is not added. A variant has the values
    of the image that it was made from. The engine is one that has the dataset's recorded_members.
    Raises ExportError where `images` has no such column.
    """
    import pyarrow.compute

    if not columns:
        return table
    known = [name for (name,) in engine.fetch("SELECT column_name FROM (DESCRIBE images)")]
    for name in columns:
        if name not in known:
            hint = did_you_mean(name, known, "'cxr sql \"DESCRIBE images\"' lists them")
            raise ExportError(f"images has no column {name!r}: {hint}")
    films = engine.arrow("film_columns")
    images = table.column("image_id")
    if "parent" in table.column_names:
        images = pyarrow.compute.coalesce(table.column("parent"), images)
    places = pyarrow.compute.index_in(images, films.column("image_id"))
    for name in dict.fromkeys(columns):
        if name not in table.column_names:
            column = _plain(films.column(name)).take(places)
            table = table.add_column(table.num_columns - 1, name, column)
    return table


def _plain(column: "pyarrow.ChunkedArray") -> "pyarrow.ChunkedArray":
    """Return a column as text, as whole numbers or others of 64 bits, or as true and false."""
    import pyarrow.compute

    kind = column.type
    if pyarrow.types.is_boolean(kind):
        return column
    if pyarrow.types.is_integer(kind):
        return column.cast(pyarrow.int64())
    if pyarrow.types.is_floating(kind):
        return column.cast(pyarrow.float64())
    if pyarrow.types.is_list(kind):
        texts = column.cast(pyarrow.list_(pyarrow.string()))
        return pyarrow.compute.binary_join(texts, "|")
    return column.cast(pyarrow.string())
