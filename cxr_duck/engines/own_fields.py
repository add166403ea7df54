"""A label file's own columns, kept in one list a row: how they are packed, and read as columns."""

from collections.abc import Mapping, Sequence

from cxr_duck.engines.sql_text import quoted
from cxr_duck.engines.stages import stage

__all__ = [
    "ADDED",
    "OWN_FIELDS",
    "field_name",
    "lacking_on_spark",
    "own_column",
    "own_column_on_spark",
    "packed",
]

OWN_FIELDS = "STRUCT(name VARCHAR, value VARCHAR)[]"
_ON_SPARK = "ARRAY<STRUCT<name: STRING, value: STRING>>"
# Of each relation: the columns that files of earlier versions lack, and their types.
ADDED: Mapping[str, Mapping[str, str]] = {"images": {"own_fields": OWN_FIELDS}}


def field_name(column: str) -> str:
    """Return the field that a column becomes; a name that `images` has gets own_ before it."""
    return f"own_{column}" if column.lower() in stage("images").columns else column


def packed(columns: Mapping[str, str]) -> str:
    """Return the SQL of a row's own fields, in the order of their names; NULL where all are empty.

    `columns` are those of the label file that its source doesn't know, with the SQL of their text.
    """
    if not columns:
        return f"CAST(NULL AS {OWN_FIELDS})"
    ordered = sorted(columns, key=lambda column: field_name(column).lower())
    pairs = ", ".join(
        f"{{'name': {quoted(field_name(column))}, 'value': {columns[column]}}}"
        for column in ordered
    )
    given = f"list_filter([{pairs}], lambda field: field.value IS NOT NULL)"
    return f"CASE WHEN length({given}) > 0 THEN {given} END"


def own_column(name: str) -> str:
    """Return the SQL of an own field of `images` as a column; large and small letters are alike."""
    return (
        f"list_filter(own_fields, lambda field: lower(field.name) = {quoted(name.lower())})[1]"
        ".value"
    )


def own_column_on_spark(name: str) -> str:
    """Return the same in Spark's SQL, with its name."""
    word = name.lower().replace("\\", "\\\\").replace("'", "\\'")
    field = f"try_element_at(filter(own_fields, field -> lower(field.name) = '{word}'), 1)"
    return f"{field}.value AS `{name.replace('`', '``')}`"


def lacking_on_spark(columns: Sequence[str], added: Mapping[str, str]) -> list[str]:
    """Return Spark's SQL of the added columns, all of them own fields, that some columns lack."""
    assert set(added.values()) <= {OWN_FIELDS}
    return [f"CAST(NULL AS {_ON_SPARK}) AS {name}" for name in added if name not in columns]
