"""A condition in SQL that somebody else wrote: may it be evaluated here?

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
from cxr_duck.errors import QueryError

__all__ = ["refuse_harm"]

# What may stand in a condition beside expressions: the parts of a query, orders, types of a cast.
_HARMLESS = re.compile(
    "(SELECT|SET_OPERATION|CTE|RECURSIVE_CTE)_NODE|(ORDER|LIMIT|DISTINCT)_MODIFIER"
    "|EMPTY|BASE_TABLE|SUBQUERY|JOIN|EXPRESSION_LIST|TABLE_FUNCTION|ORDER_DEFAULT|ASCENDING"
    "|DESCENDING|[A-Z]+_TYPE_INFO"
)


def refuse_harm(engine: DuckDBEngine, condition: str) -> None:
    """Raise QueryError where a condition could do more than read the relations of the store."""
    try:
        text = engine.connection.execute(
            "SELECT json_serialize_sql($query)", {"query": f"SELECT 1 WHERE {condition}\n"}
        ).fetchall()[0][0]
        tree = json.loads(text)
    except (duckdb.Error, RecursionError) as error:
        raise QueryError(_refusal(condition, "it can't be read")) from error
    if tree["error"]:
        raise QueryError(_refusal(condition, str(tree["error_message"])))
    macros = {
        name
        for (name,) in engine.fetch(
            "SELECT function_name FROM duckdb_functions() "
            "WHERE NOT internal AND function_type = 'table_macro'"
        )
    }
    for node in _nodes(tree):
        if not _HARMLESS.fullmatch(node["type"]):
            raise QueryError(_refusal(condition, f"it holds {node['type']}"))
        if node["type"] == "TABLE_FUNCTION":
            called = node.get("function", {}).get("function_name")
            if called not in macros | {"unnest"}:
                raise QueryError(_refusal(condition, f"it calls {called}() in FROM"))


def _refusal(condition: str, reason: str) -> str:
    return f"the condition {condition!r} is not evaluated, since others wrote it: {reason}"


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
