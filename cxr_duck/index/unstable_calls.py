"""Finds calls in a query whose answer changes with time: the clock, the session, chance.

A name alone tells of some: `now`, `random`. Others are told by the query as DuckDB binds it: `year`
of a date is the same everywhere, that of a time stamp with a time zone is not.
"""

import json
from typing import Any, NamedTuple

import duckdb

from cxr_duck.engines.engine import Engine
from cxr_duck.index.bound_plan import catalog_copy, nodes_of, plan_of, tree_of

__all__ = ["BY_CALENDAR", "PURE", "UNSTABLE", "unstable_call", "unstable_name"]

_BARE = {  # called without brackets, too
    "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user",
}  # fmt: skip

# What differs whatever its arguments, though not all versions of DuckDB call it volatile.
UNSTABLE = _BARE | {
    # the clock
    "ago", "current_localtime", "current_localtimestamp", "get_current_time",
    "get_current_timestamp", "now", "pg_conf_load_time", "pg_postmaster_start_time",
    "pg_timezone_names", "today", "transaction_timestamp",
    # the session and the library
    "current_database", "current_schemas", "current_setting", "getvariable", "icu_calendar_names",
    "in_search_path", "txid_current", "version",
    # chance, and what hides its calls in a text
    "reservoir_quantile", "json_execute_serialized_sql",
}  # fmt: skip
_OF_THE_SESSION = ("duckdb_", "pragma_")  # how the names of functions about the session begin

# Functions whose result depends on the order in which rows happen to come.
_ORDER_OF_ROWS = {
    "any_value", "arbitrary", "array_agg", "first", "first_value", "group_concat", "last",
    "last_value", "lag", "lead", "list", "listagg", "nth_value", "ntile", "row_number",
    "string_agg",
}  # fmt: skip

# DuckDB calls it volatile so that it isn't called early; scalar subqueries have it in their plans.
PURE = {"error"}

# What reckons with a time stamp's day or hour does so in the session's time zone.
BY_CALENDAR = {
    "+", "-", "age", "century", "date_diff", "date_part", "date_sub", "date_trunc", "datediff",
    "datepart", "datesub", "datetrunc", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear",
    "decade", "era", "generate_series", "hour", "isodow", "isoyear", "julian", "last_day",
    "microsecond", "millennium", "millisecond", "minute", "month", "monthname", "quarter", "range",
    "second", "strftime", "time_bucket", "timezone", "timezone_hour", "timezone_minute", "week",
    "weekday", "weekofyear", "year", "yearweek",
}  # fmt: skip

_STAMPS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_ZONED = (*_STAMPS, "TIME WITH TIME ZONE")


class _Call(NamedTuple):
    """A call in a bound query: its function, and the types that it takes and gives."""

    name: str
    takes: tuple[str, ...]
    gives: str


def unstable_name(tree: str) -> str | None:
    """Return a function of a query's syntax tree, as JSON, that answers otherwise another time.

    DuckDB 2 puts the values of some into its plans, so that these don't name them.
    """
    found: set[str] = set()
    for node in nodes_of(tree_of(tree)):
        name = str(node.get("function_name", "")).lower()
        count = len(node.get("children") or node.get("arguments") or [])
        column: list[str] = node.get("column_names") or []
        if name in UNSTABLE | _ORDER_OF_ROWS or (name == "age" and count == 1):
            found.add(name)
        elif len(column) == 1 and column[0].lower() in _BARE:
            found.add(column[0].lower())
    return min(found, default=None)


def unstable_call(engine: Engine, query: str) -> str | None:
    """Return what a query calls that answers otherwise another time, and how: None for nothing.

    Raises StageError where the query can't be bound.
    """
    with catalog_copy(engine) as copy:
        calls = sorted({call for node in nodes_of(plan_of(copy, query)) if (call := _call(node))})
        volatile = _volatile(copy, {call.name for call in calls})
    for call in calls:
        if call.name in volatile or _differs_in_time(call):
            return f"calls {call.name}(), which differs from time to time"
    for call in calls:
        if call.name == "cast" and _is_cast_by_zone(call):
            told = f"casts {call.takes[0]} to {call.gives}"
        elif _is_by_zone(call):
            told = f"calls {call.name}({', '.join(call.takes)})"
        else:
            continue
        return f"{told}, which differs from time zone to time zone"
    return None


def _volatile(library: duckdb.DuckDBPyConnection, names: set[str]) -> set[str]:
    """Return those of some functions that DuckDB calls volatile, but for the pure ones."""
    rows = library.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE' "
        "AND function_type = 'scalar' AND list_contains(?, function_name)",
        [sorted(names)],
    ).fetchall()
    return {name for (name,) in rows} - PURE


def _differs_in_time(call: _Call) -> bool:
    if call.name == "age":
        return len(call.takes) == 1
    if call.name == "timezone":  # the offset that a zone has now
        return len(call.takes) == 2 and call.takes[1] == "TIME WITH TIME ZONE"
    return call.name in UNSTABLE or call.name.startswith(_OF_THE_SESSION)


def _is_by_zone(call: _Call) -> bool:
    """Tell whether a function's answer depends on the session's time zone."""
    if call.name == "make_timestamptz":
        return len(call.takes) == 6
    if call.name == "timezone" and len(call.takes) == 2:  # it names the zone
        return False
    return call.name in BY_CALENDAR and any(kind in _STAMPS for kind in call.takes)


def _is_cast_by_zone(call: _Call) -> bool:
    """Tell whether a cast adds a time zone or takes it off."""
    return call.takes[0] != call.gives and not {call.takes[0], call.gives}.isdisjoint(_ZONED)


def _call(node: dict[str, Any]) -> _Call | None:
    """Return the call that a node of a plan is: DuckDB 1 and 2 write them differently."""
    gives = _kind(node.get("return_type"))
    if node.get("expression_class") == "BOUND_CAST":
        child = node["child"]
        kind = child["value"]["type"] if "value" in child else child.get("return_type")
        return _Call("cast", (_kind(kind),), gives)
    if "arguments" not in node:
        return None
    name = node["qname"]["path"][-1] if "qname" in node else node.get("name", "")
    takes = tuple(_kind(kind) for kind in node["arguments"])
    return _Call("cast" if name == "__cast" else name, takes, gives)


def _kind(kind: dict[str, Any] | None) -> str:
    """Return a type's name, for one with zoned times anywhere within the zoned type's."""
    text = json.dumps(kind)
    zoned = [name for name in _ZONED if f'"{name}"' in text]
    return zoned[0] if zoned else kind["id"] if kind else "BOOLEAN"
