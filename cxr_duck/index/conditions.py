"""A user's own condition on the columns of `images`: checked, then evaluated."""

import re

import duckdb

from cxr_duck.engines.duckdb import connect
from cxr_duck.engines.engine import Engine
from cxr_duck.engines.sql_text import first_line
from cxr_duck.errors import QueryError, StageError
from cxr_duck.index.bound_plan import relations_read
from cxr_duck.index.unstable_calls import unstable_call, unstable_name

__all__ = ["choose_images", "record_read"]

_CHOSEN = "SELECT image_id FROM images WHERE (\n{}\n)"


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
        _check_condition(engine, where)
        engine.create("chosen_images", _CHOSEN.format(where))
    except (duckdb.Error, StageError) as error:
        reason = error.reason or str(error) if isinstance(error, StageError) else first_line(error)
        raise QueryError(
            f"the condition {where!r} can't be evaluated ({reason}): "
            "it speaks of the columns of images, with text in single quotes"
        ) from error


def record_read(engine: Engine, where: str) -> str | None:
    """Return a relation of the record of datasets that a condition reads, None for none.

    A macro such as `dataset_images` reads it too. What can't be bound is left to `choose_images`.
    """
    try:
        read = relations_read(engine, _CHOSEN.format(where))
    except StageError:
        return None
    of_record = sorted(name for schema, name in read if schema == "experiments")
    return f"experiments.{of_record[0]}" if of_record else None


def _check_condition(engine: Engine, condition: str) -> None:
    """Raise QueryError unless a text is one condition that chooses the same images again."""
    with connect() as parser:
        # As it stands and within brackets: both are one query only where it is one condition.
        for text in (f"SELECT 1 WHERE {condition}\n", f"SELECT 1 WHERE (\n{condition}\n)"):
            if len(parser.extract_statements(text)) != 1:
                raise QueryError(f"this is not one condition on the columns of images: {condition}")
        tree = parser.execute(
            "SELECT json_serialize_sql($query)", {"query": f"SELECT 1 WHERE {condition}\n"}
        ).fetchall()[0][0]
    if '"error_type":"not implemented"' in tree:
        raise _not_looked_through(condition)
    if re.search(r'"sample":\{|"type":"LIMIT_MODIFIER"', tree):
        raise QueryError(
            f"the condition {condition!r} takes some rows of a subquery, SAMPLE or LIMIT, which "
            "may be others another time: it must choose the same images again"
        )
    if told := _what_differs(engine, condition, tree):
        raise QueryError(f"the condition {told}: it must choose the same images again")


def _what_differs(engine: Engine, condition: str, tree: str) -> str | None:
    """Return what a condition calls that differs another time, and how; None for nothing."""
    query = _CHOSEN.format(condition)
    try:
        if name := unstable_name(tree):
            return f"calls {name}(), which differs from time to time"
        return unstable_call(engine, query)
    except StageError:
        engine.create("chosen_images", query)  # which says better why it can't be evaluated
        raise _not_looked_through(condition) from None


def _not_looked_through(condition: str) -> QueryError:
    return QueryError(
        f"the condition {condition!r} can't be looked through for chance: "
        "it takes comparisons, functions and plain subqueries"
    )
