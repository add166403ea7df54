"""Checks a user's own SQL: it must be one query that reads the store and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from cxr_duck.engines.sql_text import told
from cxr_duck.errors import QueryError, StageError

__all__ = ["check_query", "translating_query_errors"]


def check_query(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    """Raise QueryError unless a text is one query that only reads."""
    with translating_query_errors():
        statements = cursor.extract_statements(query)
    kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
    if kinds != ["SELECT"]:
        raise QueryError(
            f"one query that reads is taken (SELECT …, FROM …), not {', '.join(kinds) or 'nothing'}"
        )


@contextmanager
def translating_query_errors() -> Iterator[None]:
    """Turn what DuckDB says of a user's query into a QueryError."""
    try:
        yield
    except (duckdb.Error, StageError) as error:
        reason = told(error) if isinstance(error, duckdb.Error) else error.reason or str(error)
        raise QueryError(f"the query can't be run: {reason}") from error
