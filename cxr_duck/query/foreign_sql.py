"""Decides whether a condition in SQL that somebody else wrote may be evaluated here.

A store's cursor opens no other file, but a subquery may call what does more than read: functions
that switch logging on, that reset a log, or that take an address in memory. So a foreign condition
may call nothing in FROM but the macros of the store.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from cxr_duck.engines.duckdb import DuckDBEngine

__all__ = ["harm_in"]

# What may stand in a condition beside expressions: the parts of a query, orders, types of a cast.
_HARMLESS = re.compile(
    "(SELECT|SET_OPERATION|CTE|RECURSIVE_CTE)_NODE|(ORDER|LIMIT|DISTINCT)_MODIFIER"
    "|EMPTY|BASE_TABLE|SUBQUERY|JOIN|EXPRESSION_LIST|TABLE_FUNCTION|ORDER_DEFAULT|ASCENDING"
    "|DESCENDING|[A-Z]+_TYPE_INFO"
)


def harm_in(engine: DuckDBEngine, condition: str) -> str | None:
    """Return what a condition does beside reading the relations of the store, None where nothing.

    What can't be read as one condition is told as such.
    """
    try:
        text = engine.connection.execute(
            "SELECT json_serialize_sql($query)", {"query": f"SELECT 1 WHERE {condition}\n"}
        ).fetchall()[0][0]
        tree = json.loads(text)
    except (duckdb.Error, RecursionError):
        return "can't be read"
    if tree["error"]:
        return f"can't be read ({tree['error_message']})"
    macros = {
        name
        for (name,) in engine.fetch(
            "SELECT function_name FROM duckdb_functions() "
            "WHERE NOT internal AND function_type = 'table_macro'"
        )
    }
    for node in _nodes(tree):
        if not _HARMLESS.fullmatch(node["type"]):
            return f"holds {node['type']}"
        called = node.get("function", {}).get("function_name")
        if node["type"] == "TABLE_FUNCTION" and called not in macros | {"unnest"}:
            return f"calls {called}() in FROM"
    return None


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a parsed query that are no expressions."""
    open_parts = [tree]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, dict):
            if "class" not in part and isinstance(part.get("type"), str):
                yield part
            open_parts.extend(part.values())
        elif isinstance(part, list):
            open_parts.extend(part)
