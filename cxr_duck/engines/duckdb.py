"""DuckDB as the engine: stages become temporary tables, Parquet files or rows."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cxr_duck.errors import LabelFileError, StageError, StoreError
from cxr_duck.stages import stage

if TYPE_CHECKING:
    import pyarrow

__all__ = ["DuckDBEngine", "Layout", "connect", "first_line", "identifier", "quoted"]

_BOUNDS = {"memory_limit": "CXR_MEMORY_LIMIT", "threads": "CXR_THREADS"}


def quoted(text: object) -> str:
    """Return a text as an SQL string, for the places where DuckDB binds no parameter."""
    return "'" + str(text).replace("'", "''") + "'"


def connect(
    database: str = ":memory:", **config: str | bool | int | float | list[str]
) -> duckdb.DuckDBPyConnection:
    """Return a connection within $CXR_MEMORY_LIMIT (2GB) and $CXR_THREADS, where they are set.

    Raises StoreError where these are nothing that DuckDB understands.
    """
    for setting, variable in _BOUNDS.items():
        if asked := os.environ.get(variable):
            config[setting] = asked
    try:
        return duckdb.connect(database, config=config)
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        asked = ", ".join(
            f"${variable} is {os.environ[variable]}"
            for variable in _BOUNDS.values()
            if os.environ.get(variable)
        )
        raise StoreError(
            f"DuckDB can't be started ({first_line(error)}){': ' if asked else ''}{asked}"
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an engine's message, without the kind of error before it."""
    line = (str(error).strip().splitlines() or ["no message"])[0]
    kind, colon, rest = line.partition(" Error: ")
    return rest if colon and kind.replace(" ", "").isalpha() else line


@dataclass(frozen=True)
class Layout:
    """How a Parquet file is laid out: the columns it is sorted by, its row groups, its origin.

    Without `sort` the rows stay in the order in which they come.
    """

    sort: str
    row_group: int
    provenance: dict[str, str]


class DuckDBEngine:
    """Runs stages on a DuckDB connection.

    The relations that it makes are temporary tables, unless `keep` puts them into the database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, keep: bool = False) -> None:
        self.connection = connection
        self._table = "TABLE" if keep else "TEMP TABLE"

    def make(self, name: str, **params: object) -> None:
        """Run a stage into a table of its relation's name."""
        part = stage(name)
        with failing_as(part.path.name):
            self.connection.execute(
                f"CREATE OR REPLACE {self._table} {part.name} AS {part.sql}", part.bind(params)
            )

    def define(self, name: str) -> None:
        """Make a view of a stage that takes no parameters, under its relation's name."""
        part = stage(name)
        with failing_as(part.path.name):
            self.connection.execute(f"CREATE OR REPLACE VIEW {part.name} AS {part.sql}")

    def write(self, name: str, path: Path, layout: "Layout", **params: object) -> int:
        """Run a stage into a Parquet file and return its number of rows.

        The file says in its metadata how it was made. Several may be written at the same time,
        each from a thread of its own. Snappy, since zstd is a third smaller but slower both ways.
        """
        part = stage(name)
        facts = {**layout.provenance, "stage": name, "stage_sha256": part.digest}
        metadata = ", ".join(f"{key}: {quoted(value)}" for key, value in facts.items())
        order = f" ORDER BY {layout.sort}" if layout.sort else ""
        with failing_as(part.path.name):
            rows = self.connection.cursor().execute(
                f"COPY (SELECT * FROM ({part.sql}){order}) TO {quoted(path)} "
                f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {layout.row_group}, "
                f"KV_METADATA {{{metadata}}})",
                part.bind(params),
            )
            return int(rows.fetchall()[0][0])

    def count(self, name: str, **params: object) -> int:
        """Run a stage and return its number of rows."""
        part = stage(name)
        with failing_as(part.path.name):
            rows = self.connection.execute(
                f"SELECT count(*) FROM ({part.sql})", part.bind(params)
            ).fetchall()
        return int(rows[0][0])

    def rows(self, name: str, **params: object) -> list[tuple[Any, ...]]:
        """Run a stage and return its rows."""
        part = stage(name)
        with failing_as(part.path.name):
            return self.connection.execute(part.sql, part.bind(params)).fetchall()

    def arrow(self, name: str, **params: object) -> "pyarrow.Table":
        """Run a stage and return its rows as an Arrow table."""
        part = stage(name)
        with failing_as(part.path.name):
            return self.connection.sql(part.sql, params=part.bind(params)).to_arrow_table()

    def arrow_of(self, relation: str) -> "pyarrow.Table":
        """Return the rows of a relation that was made as an Arrow table."""
        with failing_as(relation):
            return self.connection.table(relation).to_arrow_table()

    def put(self, relation: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Make a table of a few rows; `columns` as in CREATE TABLE."""
        self.connection.execute(f"CREATE OR REPLACE {self._table} {relation} ({columns})")
        if lists := [list(column) for column in zip(*rows, strict=True)]:
            unnested = ", ".join(f"unnest(${number})" for number in range(1, len(lists) + 1))
            self.connection.execute(f"INSERT INTO {relation} SELECT {unnested}", lists)

    def put_arrow(self, relation: str, table: "pyarrow.Table") -> None:
        """Make a table of an Arrow table."""
        self.connection.register("arrow_rows", table)
        try:
            self.connection.execute(
                f"CREATE OR REPLACE {self._table} {relation} AS SELECT * FROM arrow_rows"
            )
        finally:
            self.connection.unregister("arrow_rows")

    def read_csv(
        self,
        name: str,
        path: Path,
        compressed: bool,
        header: Sequence[str],
        columns: Sequence[str],
        null_words: Sequence[str],
    ) -> None:
        """Run a source's stage over a label file; make `records` and `malformed`, both numbered.

        `header` has the file's columns in their order, `columns` those that the stage names; one
        that the file lacks is NULL.
        """
        types = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in header)
        nulls = ", ".join(quoted(word) for word in null_words)
        wanted = "CAST(NULL AS BIGINT) AS row, " + ", ".join(  # numbered when all are read
            identifier(column) if column in header else f"CAST(NULL AS VARCHAR) AS {column}"
            for column in columns
        )
        with _reading(path):
            self.connection.execute(
                f"CREATE VIEW label_rows AS SELECT {wanted} FROM read_csv({quoted(path)}, "
                f"compression = '{'gzip' if compressed else 'none'}', auto_detect = false, "
                f"all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"', "
                f"columns = {{{types}}}, nullstr = [{nulls}], store_rejects = true)"
            )
            self.connection.execute(f"CREATE TABLE readable AS {stage(name).sql}")
        self.connection.execute(_MALFORMED)
        self._number_records()

    def number_findings(self, query: str) -> None:
        """Make the type finding_name of the findings that a query returns, in their order."""
        self.connection.execute("DROP TYPE IF EXISTS finding_name")
        self.connection.execute(
            f"CREATE TYPE finding_name AS ENUM (SELECT * FROM ({query} UNION SELECT '') ORDER BY 1)"
        )

    def blocks(self, size: int) -> Iterator[int]:
        """Let `records` be one block of records after another, of this size at most."""
        total = self.scalar("SELECT count(*) FROM readable")
        for start in range(0, total, size):
            if total > size:
                self._number_records(f"WHERE rowid >= {start} AND rowid < {start + size}")
            yield start

    def _number_records(self, condition: str = "") -> None:
        """Make `records` of the readable records, each with its number in the label file."""
        form = _SHIFTED if self.scalar("SELECT count(*) FROM malformed") else _UNSHIFTED
        self.connection.execute(
            f"CREATE OR REPLACE VIEW records AS {form.format(condition=condition)}"
        )

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Return the rows of a short query that is no stage."""
        with failing_as("a query on the store"):
            return self.connection.execute(query, params).fetchall()

    def scalar(self, query: str, *params: object) -> Any:
        """Return the one value of a query."""
        return self.fetch(query, *params)[0][0]


# Malformed records are counted where they stand, readable ones without them: a readable record's
# number is its place among the readable ones and the number of malformed records before it.
_MALFORMED = """
CREATE TABLE malformed AS
SELECT
    CAST(line AS BIGINT) - 1 AS row,
    arg_min(error_message, coalesce(column_idx, 0)) AS reason,
    CAST(line AS BIGINT) - 1 - row_number() OVER (ORDER BY line) AS readable_before,
    row_number() OVER (ORDER BY line) AS malformed_so_far
FROM reject_errors
GROUP BY line
"""
_UNSHIFTED = "SELECT rowid + 1 AS row, * EXCLUDE (row) FROM readable {condition}"
_SHIFTED = """
SELECT
    places.place + coalesce(malformed.malformed_so_far, 0) AS row,
    places.* EXCLUDE (place)
FROM (SELECT rowid + 1 AS place, * EXCLUDE (row) FROM readable {condition}) AS places
ASOF LEFT JOIN malformed ON places.place > malformed.readable_before
"""


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be a KeyboardInterrupt where DuckDB makes an error of its own of it."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn an engine's error about a label file into a LabelFileError."""
    try:
        with interruptible():
            yield
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise LabelFileError(f"{path} can't be read: {first_line(error)}") from error
    except duckdb.Error as error:
        raise StageError(f"reading {path} failed: {first_line(error)}") from error


@contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Turn an engine's error into a StageError that names the SQL file."""
    try:
        with interruptible():
            yield
    except duckdb.Error as error:
        raise StageError(f"{what} failed: {first_line(error)}") from error
