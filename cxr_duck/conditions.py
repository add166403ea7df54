"""A user's own condition on the columns of `images`: looked through, then evaluated."""

import re
from collections.abc import Collection

import duckdb

from cxr_duck.engines.duckdb import connect, first_line
from cxr_duck.engines.engine import Engine
from cxr_duck.errors import QueryError, StageError

__all__ = ["choose_images"]

# Functions whose result depends on the order in which rows happen to come.
_ORDER_OF_ROWS = {
    "any_value", "arbitrary", "array_agg", "first", "first_value", "group_concat", "last",
    "last_value", "lag", "lead", "list", "listagg", "nth_value", "ntile", "row_number",
    "string_agg",
}  # fmt: skip


def choose_images(engine: Engine, where: str | None) -> None:
    """Make chosen_images: the ids of the images that meet a user's condition.

    Raises QueryError where it is none, can't be evaluated, or would choose others another time.
    """
    if where is None:
        engine.create("chosen_images", "SELECT image_id FROM images")
        return
    if not where.strip():
        raise QueryError("the condition is empty: say which images, such as frontal or age >= 18")
    try:
        _check_condition(where, engine.columns("images"))
        engine.create("chosen_images", f"SELECT image_id FROM images WHERE (\n{where}\n)")
    except (duckdb.Error, StageError) as error:
        reason = error.reason or str(error) if isinstance(error, StageError) else first_line(error)
        raise QueryError(
            f"the condition {where!r} can't be evaluated ({reason}): "
            "it speaks of the columns of images, with text in single quotes"
        ) from error


def _check_condition(condition: str, columns: Collection[str]) -> None:
    """Raise QueryError unless a text is one condition that chooses the same images again."""
    with connect() as parser:
        # As it stands and within brackets: both are one query only where it is one condition.
        for text in (f"SELECT 1 WHERE {condition}\n", f"SELECT 1 WHERE (\n{condition}\n)"):
            if len(parser.extract_statements(text)) != 1:
                raise QueryError(f"this is not one condition on the columns of images: {condition}")
        _refuse_chance(parser, condition, columns)


def _refuse_chance(
    parser: duckdb.DuckDBPyConnection, condition: str, columns: Collection[str]
) -> None:
    """Raise QueryError where a condition would not choose the same images again."""
    tree = parser.execute(
        "SELECT json_serialize_sql($query)", {"query": f"SELECT 1 WHERE {condition}\n"}
    ).fetchall()[0][0]
    if '"error_type":"not implemented"' in tree:
        raise QueryError(
            f"the condition {condition!r} can't be looked through for chance: "
            "it takes comparisons, functions and plain subqueries"
        )
    if re.search(r'"sample":\{|"type":"LIMIT_MODIFIER"', tree):
        raise QueryError(
            f"the condition {condition!r} takes some rows of a subquery, SAMPLE or LIMIT, which "
            "may be others another time: it must choose the same images again"
        )
    called = set(re.findall(r'"function_name":"([^"]+)"', tree))
    # A function without brackets, such as current_date, reads as a column.
    called |= set(re.findall(r'"column_names":\["([^"]+)"\]', tree)) - set(columns)
    fickle = parser.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability <> 'CONSISTENT' AND list_contains(?, function_name) "
        "AND function_type = 'scalar' ORDER BY ALL",
        [sorted(called)],
    ).fetchall()
    fickle += [(name,) for name in sorted(called & _ORDER_OF_ROWS)]
    if fickle:
        raise QueryError(
            f"the condition calls {fickle[0][0]}(), which differs from time to time: "
            "it must choose the same images again"
        )
