"""A query as DuckDB binds it, over a copy of a store's catalog that has no rows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import duckdb

from cxr_duck.engines.duckdb import connect, translating_stage_errors
from cxr_duck.engines.engine import Engine
from cxr_duck.engines.sql_text import identifier
from cxr_duck.engines.stages import all_stages
from cxr_duck.errors import StageError

__all__ = ["catalog_copy", "nodes_of", "plan_of", "relations_read", "tree_of"]

_COLUMNS = """
SELECT schema_name, table_name, column_name, data_type
FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal
ORDER BY schema_name, table_name, column_index
"""
_MACROS = """
SELECT
    function_name,
    CASE function_type WHEN 'table_macro' THEN 'TABLE' ELSE '' END,
    parameters,
    macro_definition
FROM duckdb_functions()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
    AND macro_definition IS NOT NULL
ORDER BY function_oid
"""


@contextmanager
def catalog_copy(engine: Engine) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give the relations and macros of an engine, without rows, to bind queries with."""
    with connect() as copy:
        _copy(engine, copy)
        yield copy


def relations_read(engine: Engine, query: str) -> set[tuple[str, str]]:
    """Return the (schema, relation) that a query reads, itself or through a macro.

    Raises StageError where it can't be bound.
    """
    with catalog_copy(engine) as copy:
        scans = [node.get("function_data") for node in nodes_of(plan_of(copy, query))]
    return {
        (scan["schema"], scan["table"])
        for scan in scans
        if isinstance(scan, dict) and "schema" in scan and "table" in scan
    }


def nodes_of(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every object of a tree."""
    nodes: list[Any] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            yield node
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(node)


def _copy(engine: Engine, copy: duckdb.DuckDBPyConnection) -> None:
    """Make an engine's relations and macros, without rows: Parquet files have no plan as JSON."""
    copy.execute("ATTACH ':memory:' AS cxr; USE cxr; SET enable_external_access = false")
    relations: dict[tuple[str, ...], list[str]] = {}
    for schema, relation, column, kind in engine.fetch(_COLUMNS):
        relations.setdefault((schema, relation), []).append(f"{identifier(column)} {kind}")
    for (schema, relation), columns in relations.items():
        copy.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        name = f"{identifier(schema)}.{identifier(relation)}"
        copy.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    own = {macro.name: macro.sql for macro in all_stages("shell")}  # with what is left out of them
    for name, form, parameters, body in engine.fetch(_MACROS):
        listed = ", ".join(identifier(parameter) for parameter in parameters)
        made = f"CREATE OR REPLACE MACRO {identifier(name)}({listed}) AS {form} {body}"
        with suppress(duckdb.Error):  # it reads what is gone: nobody can call it
            copy.execute(own.get(name, made))


def plan_of(copy: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """Return a query as DuckDB binds it, before it is optimized."""
    with translating_stage_errors("the condition"):
        text = copy.execute("SELECT json_serialize_plan(?)", [query]).fetchall()[0][0]
    plan = tree_of(text)
    if plan["error"]:
        raise StageError(f"the condition failed: {plan['error_message']}")
    return plan


def tree_of(text: str) -> dict[str, Any]:
    """Return a tree that is JSON; StageError where it is too deep to be read."""
    try:
        loaded: dict[str, Any] = json.loads(text)
    except RecursionError as error:
        raise StageError("the condition has too many operations within each other") from error
    return loaded
