"""DuckDB as the engine: stages become temporary tables, Parquet files or rows."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cxr_duck.engines.engine import Layout, Part, PlainCsv
from cxr_duck.engines.own_fields import packed
from cxr_duck.engines.sql_text import first_line, identifier, quoted, told
from cxr_duck.engines.stages import stage
from cxr_duck.errors import LabelFileError, StageError, StoreError
from cxr_duck.io.digest import sha256_of

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "DuckDBEngine",
    "bind",
    "connect",
    "rows_of_files",
    "translating_stage_errors",
    "working_engine",
]

_BOUNDS = {"memory_limit": "CXR_MEMORY_LIMIT", "threads": "CXR_THREADS"}


def connect(
    database: str = ":memory:", **config: str | bool | int | float | list[str]
) -> duckdb.DuckDBPyConnection:
    """Return a connection within $CXR_MEMORY_LIMIT (2GB) and $CXR_THREADS, where they are set.

    Raises StoreError where these are nothing that DuckDB understands.
    """
    for setting, variable in _BOUNDS.items():
        if requested := os.environ.get(variable):
            config[setting] = requested
    try:
        return duckdb.connect(database, config=config)
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        requested = ", ".join(
            f"${variable} is {os.environ[variable]}"
            for variable in _BOUNDS.values()
            if os.environ.get(variable)
        )
        raise StoreError(
            f"DuckDB can't be started ({first_line(error)}){': ' if requested else ''}{requested}"
        ) from error


class DuckDBEngine:
    """Runs stages on a DuckDB connection.

    The relations that it makes are temporary tables, unless `keep` puts them into the database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, keep: bool = False) -> None:
        self.connection = connection
        self._table = "TABLE" if keep else "TEMP TABLE"
        self._view = "VIEW" if keep else "TEMP VIEW"
        self._numbered = False
        self._told_apart = False

    def make(self, name: str, **params: object) -> None:
        """Run a stage into a table of its relation's name."""
        part = stage(name)
        with translating_stage_errors(part.path.name):
            self.connection.execute(
                f"CREATE OR REPLACE {self._table} {part.name} AS {part.sql}", part.bind(params)
            )

    def gather(self, name: str, **params: object) -> None:
        """Run a stage into a table of its relation's name."""
        self.make(name, **params)

    def define(self, name: str) -> None:
        """Let a stage without parameters be a view, under its relation's name."""
        part = stage(name)
        with translating_stage_errors(part.path.name):
            self.connection.execute(f"CREATE OR REPLACE {self._view} {part.name} AS {part.sql}")

    def create(
        self,
        relation: str,
        query: str,
        params: dict[str, object] | None = None,
        what: str | None = None,
    ) -> None:
        """Make a table of the rows of a query, `what` being its name where it fails."""
        with translating_stage_errors(what or relation):
            self.connection.execute(
                f"CREATE OR REPLACE {self._table} {relation} AS {query}", params or {}
            )

    def append(self, relation: str, query: str, params: dict[str, object] | None = None) -> None:
        """Add the rows of a query to a table with the same columns."""
        with translating_stage_errors(relation):
            self.connection.execute(f"INSERT INTO {relation} {query}", params or {})

    def read_files(
        self,
        relation: str,
        store: Path | str,
        paths: Sequence[str],
        added: Mapping[str, str] | None = None,
    ) -> None:
        """Let a view be the rows of Parquet files; paths are relative to the store."""
        listed = ", ".join(quoted((Path(store) / path).absolute()) for path in paths)
        with translating_stage_errors(relation):
            rows = rows_of_files(self.connection, f"[{listed}]", added or {})
            self.connection.execute(f"CREATE OR REPLACE {self._view} {relation} AS {rows}")

    def write(
        self, name: str, folder: Path | str, stem: str, layout: Layout, **params: object
    ) -> list[Part]:
        """Run a stage into a Parquet file of a folder.

        Snappy, since zstd is a third smaller but slower both ways.
        """
        part = stage(name)
        path = Path(folder) / f"{stem}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {**layout.provenance, "stage": name, "stage_sha256": part.digest}
        metadata = ", ".join(f"{key}: {quoted(value)}" for key, value in facts.items())
        columns = ", ".join(self._sorting(column) for column in layout.sort)
        order = f" ORDER BY {columns}" if columns else ""
        with translating_stage_errors(part.path.name):
            rows = self.connection.cursor().execute(
                f"COPY (SELECT * FROM ({part.sql}){order}) TO {quoted(path)} "
                f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {layout.row_group}, "
                f"KV_METADATA {{{metadata}}})",
                part.bind(params),
            )
            written = int(rows.fetchall()[0][0])
        return [Part(path.name, written, path.stat().st_size, sha256_of(path))]

    def _sorting(self, column: str) -> str:
        """Return what a column is sorted by: a finding's number costs two thirds of its name."""
        numbered = self._numbered and column == "finding"
        return f"CAST({column} AS finding_name)" if numbered else column

    def count(self, name: str, **params: object) -> int:
        """Run a stage and return its number of rows."""
        part = stage(name)
        with translating_stage_errors(part.path.name):
            rows = self.connection.execute(
                f"SELECT count(*) FROM ({part.sql})", part.bind(params)
            ).fetchall()
        return int(rows[0][0])

    def rows(self, name: str, **params: object) -> list[tuple[Any, ...]]:
        """Run a stage and return its rows."""
        part = stage(name)
        return self.fetch_with(part.sql, part.bind(params), part.path.name)

    def arrow(self, name: str, **params: object) -> "pyarrow.Table":
        """Run a stage and return its rows as an Arrow table."""
        part = stage(name)
        with translating_stage_errors(part.path.name):
            return self.connection.sql(part.sql, params=part.bind(params)).to_arrow_table()

    def arrow_of(self, relation: str) -> "pyarrow.Table":
        """Return the rows of a relation that was made as an Arrow table."""
        with translating_stage_errors(relation):
            return self.connection.table(relation).to_arrow_table()

    def put(self, relation: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Make a table of a few rows; `columns` as in CREATE TABLE."""
        self.connection.execute(f"CREATE OR REPLACE {self._table} {relation} ({columns})")
        if lists := [list(column) for column in zip(*rows, strict=True)]:
            unnested = ", ".join(f"unnest(${number})" for number in range(1, len(lists) + 1))
            self.connection.execute(f"INSERT INTO {relation} SELECT {unnested}", lists)

    def put_arrow(self, relation: str, table: "pyarrow.Table") -> None:
        """Make a table of an Arrow table, in the place of a view too."""
        with suppress(duckdb.CatalogException):  # it is a table, which is replaced
            self.connection.execute(f"DROP VIEW IF EXISTS {relation}")
        self.connection.register("arrow_rows", table)
        try:
            self.connection.execute(
                f"CREATE OR REPLACE {self._table} {relation} AS SELECT * FROM arrow_rows"
            )
        finally:
            self.connection.unregister("arrow_rows")

    def read_labels(
        self,
        name: str,
        file: PlainCsv,
        columns: Sequence[str],
        null_words: Sequence[str],
        check: Callable[[int | None], None],
    ) -> None:
        """Run a source's stage over a plain CSV file; make `records`, which are numbered.

        `columns` are those that the stage names; one that the file lacks is NULL, those beyond them
        are `own_fields`. `check` is told how many records were read, or None where that failed, and
        raises what it makes of it. Raises LabelFileError where the file can't be read.
        """
        self.read_records(stage(name).sql, file, columns, null_words, check)

    def read_records(
        self,
        query: str,
        file: PlainCsv,
        columns: Sequence[str],
        null_words: Sequence[str],
        check: Callable[[int | None], None],
    ) -> None:
        """Do the same with a query over `label_rows`, which has the columns as text."""
        texts = [f"c{place}" for place in range(len(file.header))]
        places = {name: text for name, text in zip(file.header, texts, strict=True) if name}
        read = [*(["number"] if file.numbered else []), *texts]
        types = ", ".join(f"{column}: 'VARCHAR'" for column in read)
        # A word for NULL may have a blank beside it, which the reader of CSV doesn't take off.
        words = [f"{before}{word}{after}" for word in null_words for before, after in _AROUND]
        nulls = ", ".join(quoted(word) for word in dict.fromkeys(words))
        # Without a number of their own they are numbered when all are read.
        wanted = f"CAST({'number' if file.numbered else 'NULL'} AS BIGINT) AS row, " + ", ".join(
            f"{places.get(column, 'CAST(NULL AS VARCHAR)')} AS {identifier(column)}"
            for column in columns
        )
        own = packed({name: text for name, text in places.items() if name not in columns})
        # The name is no pattern, whatever characters it holds.
        name = re.sub(r"([*?\[])", r"[\1]", str(file.path))
        line_end = "'\\r\\n'" if file.line_end == b"\r\n" else "'\\n'"
        self._told_apart = file.numbered
        with _reading(file.path, check):
            self.connection.execute(
                f"CREATE OR REPLACE VIEW label_rows AS SELECT {wanted}, {own} AS own_fields "
                f"FROM read_csv({quoted(name)}, "
                f"compression = '{'gzip' if file.compressed else 'none'}', "
                f"auto_detect = false, all_varchar = true, header = {not file.numbered}, "
                f"delim = ',', quote = '\"', escape = '\"', new_line = {line_end}, "
                f"columns = {{{types}}}, nullstr = [{nulls}])"
            )
            self.connection.execute(f"CREATE OR REPLACE TABLE readable AS {query}")
            counted = self.connection.execute("SELECT count(*) FROM readable").fetchall()
        check(int(counted[0][0]))
        self._number_records()

    def stop(self) -> None:
        """End the statement that another thread runs, with an error."""
        self.connection.interrupt()

    def number_findings(self, query: str) -> None:
        """Make the type finding_name of the findings that a query returns, in their order."""
        self._numbered = True
        self.connection.execute("DROP TYPE IF EXISTS finding_name")
        self.connection.execute(
            f"CREATE TYPE finding_name AS ENUM (SELECT * FROM ({query} UNION SELECT '') ORDER BY 1)"
        )

    def blocks(self, size: int) -> Iterator[int]:
        """Let `records` be one block of records after another, of this size at most.

        Records are sorted in memory.
        """
        total = self.scalar("SELECT count(*) FROM readable")
        for start in range(0, total, size):
            if total > size:
                self._number_records(f"WHERE rowid >= {start} AND rowid < {start + size}")
            yield start

    def _number_records(self, condition: str = "") -> None:
        """Make `records` of the readable records, each with its number in the label file."""
        numbered = "*" if self._told_apart else "rowid + 1 AS row, * EXCLUDE (row)"
        self.connection.execute(
            f"CREATE OR REPLACE VIEW records AS SELECT {numbered} FROM readable {condition}"
        )

    def query(
        self,
        query: str,
        params: dict[str, object] | None = None,
        what: str = "a query on the store",
    ) -> "pyarrow.Table":
        """Return the rows of a query as an Arrow table, `what` being its name where it fails."""
        with translating_stage_errors(what):
            return self.connection.sql(query, params=params or {}).to_arrow_table()

    def stream(
        self, query: str, params: dict[str, object] | None = None
    ) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Return the names of a query's columns, and its rows as they come."""
        with translating_stage_errors("a query on the store"):
            self.connection.execute(query, params or {})
        return [column[0] for column in self.connection.description or ()], self._fetched()

    def _fetched(self) -> Iterator[tuple[Any, ...]]:
        with translating_stage_errors("a query on the store"):
            while rows := self.connection.fetchmany(10_000):
                yield from rows

    def columns(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation and their types."""
        return dict(self.fetch(f"SELECT column_name, column_type FROM (DESCRIBE {relation})"))

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Return the rows of a short query that is no stage; its parameters are `?`."""
        return self.fetch_with(query, params, "a query on the store")

    def fetch_with(
        self, query: str, params: dict[str, object] | Sequence[object], what: str
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query, `what` being its name where it fails."""
        with translating_stage_errors(what):
            return self.connection.execute(query, params).fetchall()

    def scalar(self, query: str, *params: object) -> Any:
        """Return the one value of a query."""
        return self.fetch(query, *params)[0][0]


_AROUND = (("", ""), (" ", ""), ("", " "), (" ", " "))  # a word for NULL in a label file


def rows_of_files(
    connection: duckdb.DuckDBPyConnection, listed: str, added: Mapping[str, str]
) -> str:
    """Return the query of the rows of Parquet files, with columns that some or all of them lack.

    `listed` is SQL for the list of their paths, `added` the types of such columns, by name.
    """
    if not added:
        return f"SELECT * FROM read_parquet({listed})"
    rows = f"SELECT * FROM read_parquet({listed}, union_by_name = true)"
    described = connection.execute(f"DESCRIBE {rows}").fetchall()
    lacking = {name: added[name] for name in added.keys() - {column[0] for column in described}}
    nulls = "".join(f", CAST(NULL AS {kind}) AS {name}" for name, kind in lacking.items())
    return rows.replace("*", f"*{nulls}", 1)


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
def _reading(path: Path, check: Callable[[int | None], None]) -> Iterator[None]:
    """Turn an engine's error about a label file into a LabelFileError, or what `check` says."""
    try:
        with interruptible():
            yield
    except duckdb.IOException as error:
        check(None)
        raise LabelFileError(f"{path} can't be read: {first_line(error)}") from error
    except duckdb.Error as error:
        check(None)
        raise StageError(f"reading {path} failed: {first_line(error)}") from error


def bind(
    query: str,
    params: dict[str, object],
    relations: Mapping[str, Mapping[str, str]],
    what: str,
) -> None:
    """Raise StageError where a query isn't DuckDB's; nothing is run.

    `relations` are those that it reads: columns and their types, by name.
    """
    with connect() as empty:
        for relation, columns in relations.items():
            if "." in relation:
                empty.execute(f"CREATE SCHEMA IF NOT EXISTS {relation.partition('.')[0]}")
            described = ", ".join(f"{identifier(name)} {kind}" for name, kind in columns.items())
            empty.execute(f"CREATE TABLE IF NOT EXISTS {relation} ({described})")
        with translating_stage_errors(what):
            empty.execute(f"EXPLAIN {query}", params)


@contextmanager
def translating_stage_errors(what: str) -> Iterator[None]:
    """Turn an engine's error into a StageError that names the SQL file."""
    try:
        with interruptible():
            yield
    except duckdb.Error as error:
        raise StageError(f"{what} failed: {told(error)}", told(error)) from error


_IN_MEMORY = 1 << 30  # bytes of label file that are read into memory; a longer one onto the disk


@contextmanager
def working_engine(spill: Path, size: int = 0) -> Iterator[DuckDBEngine]:
    """Yield an engine to work with: in memory, or on the disk for a large label file.

    What memory can't hold goes to the folder `spill`, which is gone afterwards.
    """
    spill.mkdir(exist_ok=True)
    database = os.fspath(spill / "reading.duckdb") if size > _IN_MEMORY else ":memory:"
    connection = connect(
        database, python_enable_replacements=False, temp_directory=os.fspath(spill / "swap")
    )
    try:
        yield DuckDBEngine(connection, keep=True)
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)
