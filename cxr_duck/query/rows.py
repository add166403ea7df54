"""The rows of a query on a store, which run when they are taken: as a table, or one by one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.engine import Engine
from cxr_duck.query.read_only import check_query, translating_query_errors
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Rows", "rows_of_sql"]


@dataclass(frozen=True)
class Rows:
    """The rows of a query. What the engine says of it becomes a QueryError when they are taken."""

    engine: Engine = field(repr=False)
    sql: str
    params: dict[str, object] = field(default_factory=dict)

    def arrow(self) -> "pyarrow.Table":
        """Run the query and return its rows as an Arrow table."""
        with translating_query_errors():
            return self.engine.query(self.sql, self.params)

    def stream(self) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Run the query and return the names of its columns, and its rows as they come."""
        with translating_query_errors():
            names, rows = self.engine.stream(self.sql, self.params)
        return names, _told(rows)


def _told(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    with translating_query_errors():
        yield from rows


def rows_of_sql(store: Store, query: str) -> Rows:
    """Return the rows of a user's own SQL; QueryError unless it is one query that only reads."""
    engine = store.duckdb()
    check_query(engine.connection, query)
    return Rows(engine, query)
