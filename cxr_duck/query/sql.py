"""SQL of a user's own: one query, which reads the store and nothing else."""

import duckdb

from cxr_duck.engines.duckdb import first_line
from cxr_duck.errors import QueryError

__all__ = ["run_query"]

_READING = {"SELECT", "EXPLAIN"}


def run_query(cursor: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation:
    """Return the relation of one query; QueryError where it is refused or not a single query."""
    try:
        statements = cursor.extract_statements(query)
        kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
        if len(kinds) != 1 or kinds[0] not in _READING:
            raise QueryError(
                f"one query that only reads is taken, not {', '.join(kinds) or 'nothing'}: "
                "change data with a DuckDB shell on a copy"
            )
        relation = cursor.sql(query)
        if relation is not None:
            relation.execute()
    except duckdb.Error as error:
        raise QueryError(f"the query can't be run: {first_line(error)}") from error
    if relation is None:
        raise QueryError("the query returns no rows")
    return relation
