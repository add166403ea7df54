"""Spark as the engine: stages become Parquet files of a scratch folder, data files, or rows.

A DuckDB engine stands beside it, the driver's. What lives there, the tables of a store's catalog
and what Python puts, goes to Spark when a query reads it together with something of Spark's; a
query of the driver's relations alone runs in DuckDB.
"""

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cxr_duck.engines.duckdb import DuckDBEngine, bind
from cxr_duck.engines.engine import Layout, Part, PlainCsv
from cxr_duck.engines.own_fields import ADDED, lacking_on_spark, own_column_on_spark
from cxr_duck.engines.spark import parts as spark_parts
from cxr_duck.engines.spark.parts import COLUMNS, PartWriter
from cxr_duck.engines.spark.scratch import Scratch
from cxr_duck.engines.spark.session import (
    end_session,
    frame_of,
    own_session,
    translating_spark_errors,
)
from cxr_duck.engines.sql_text import quoted
from cxr_duck.engines.stages import stage
from cxr_duck.engines.translate.to_spark import relations_in, silent_differences, translated
from cxr_duck.errors import StageError
from cxr_duck.io import urls
from cxr_duck.io.urls import as_pattern, creating, mounts, send_file, spark_path

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["SparkEngine"]

_LABELS = "SELECT * FROM label_rows"
_ROWS = 61_440  # of a row group of label rows, which a task reads at least


class SparkEngine:
    """Runs stages on a session of Spark, `driver` those whose relations are all in DuckDB.

    `store` is the folder or URL that the paths of the catalog's data files are relative to,
    `scratch` has room for relations. An engine that changes a store has `spill`, a folder of this
    machine, for the text of label files.
    """

    def __init__(
        self,
        session: "SparkSession",
        driver: DuckDBEngine,
        store: Path | str,
        scratch: Scratch,
        spill: Path | None = None,
    ) -> None:
        self._session = own_session(session)
        weakref.finalize(self, end_session, self._session)
        self._driver = driver
        self._store = store
        self._spill = spill
        self._scratch = scratch
        self._frames: dict[str, DataFrame] = {}
        self._put: set[str] = set()
        self._tables = _tables_of(driver)
        self._views = _views_of(driver)
        known = self._tables | self._views  # data_files is a table in stores of format 1
        self._files = _files_of(driver) if "data_files" in known else {}

    def make(self, name: str, **params: object) -> None:
        """Run a stage into a relation of its name."""
        part = stage(name)
        self._make(part.name, part.sql, part.bind(params), part.path.name)

    def gather(self, name: str, **params: object) -> None:
        """Make a stage's relation of few rows, and let the driver have them."""
        part = stage(name)
        if self._is_here(part.sql):
            self.make(name, **params)
        else:
            self.put_arrow(part.name, self._arrow(part.sql, part.bind(params), part.path.name))

    def define(self, name: str) -> None:
        """Let a stage without parameters be a view, under its relation's name."""
        part = stage(name)
        self._show_as(part.name, self._run(part.sql, {}, part.path.name))

    def create(self, relation: str, query: str, params: dict[str, object] | None = None) -> None:
        """Make a relation of the rows of a query that is no stage."""
        if not self._is_here(query):
            self._refuse_differences(relation, query, params or {})
        self._make(relation, query, params or {}, relation)

    def append(self, relation: str, query: str, params: dict[str, object] | None = None) -> None:
        """Add the rows of a query to a relation with the same columns."""
        if self._is_here(f"{query} UNION ALL SELECT * FROM {relation}"):
            self._driver.append(relation, query, params)
            self._changed_here(relation)
            return
        before = self._frame(relation)
        more = self._keep(relation, self._run(query, params or {}, relation), relation)
        with translating_spark_errors(relation):
            self._show_as(relation, before.union(more))

    def put(self, relation: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Make a relation of a few rows, on the driver; `columns` as in CREATE TABLE."""
        self._driver.put(relation, columns, rows)
        self._changed_here(relation)

    def put_arrow(self, relation: str, table: "pyarrow.Table") -> None:
        """Make a relation of an Arrow table, on the driver."""
        self._driver.put_arrow(relation, table)
        self._changed_here(relation)

    def read_files(
        self,
        relation: str,
        store: Path | str,
        paths: Sequence[str],
        added: Mapping[str, str] | None = None,
    ) -> None:
        """Let a relation be the rows of Parquet files; paths are relative to the store."""
        with translating_spark_errors(relation):
            reader = self._session.read.option("mergeSchema", bool(added))
            frame = reader.parquet(*(_below(store, path) for path in paths))
            lacking = lacking_on_spark(frame.columns, added or {})
            self._show_as(relation, frame.selectExpr("*", *lacking) if lacking else frame)

    def write(
        self, name: str, folder: Path | str, stem: str, layout: Layout, **params: object
    ) -> list[Part]:
        """Run a stage into Parquet files of a folder, sorted from the first file to the last."""
        part = stage(name)
        facts = {**layout.provenance, "stage": name, "stage_sha256": part.digest}
        create = _creating(folder)
        writer = PartWriter(create, stem, layout.row_group, facts)
        frame = self._run(part.sql, part.bind(params), part.path.name)
        with translating_spark_errors(part.path.name):
            order = [frame[column].asc_nulls_last() for column in layout.sort]
            ordered = frame.orderBy(*order) if order else frame
            parts = ordered.mapInArrow(writer, COLUMNS).toArrow().to_pylist()
            if not parts:
                parts = [writer.write(frame.limit(0).toArrow())]
        return [Part(**row) for row in parts]

    def count(self, name: str, **params: object) -> int:
        """Run a stage and return its number of rows."""
        part = stage(name)
        if self._is_here(part.sql):
            return self._driver.count(name, **params)
        with translating_spark_errors(part.path.name):
            return int(self._run(part.sql, part.bind(params), part.path.name).count())

    def rows(self, name: str, **params: object) -> list[tuple[Any, ...]]:
        """Run a stage and return its rows."""
        part = stage(name)
        return self._rows(part.sql, part.bind(params), part.path.name)

    def arrow(self, name: str, **params: object) -> "pyarrow.Table":
        """Run a stage and return its rows as an Arrow table."""
        part = stage(name)
        return self._arrow(part.sql, part.bind(params), part.path.name)

    def arrow_of(self, relation: str) -> "pyarrow.Table":
        """Return the rows of a relation that was made as an Arrow table."""
        return self._arrow(f"SELECT * FROM {relation}", {}, relation)

    def query(self, query: str, params: dict[str, object] | None = None) -> "pyarrow.Table":
        """Return the rows of a query that is no stage as an Arrow table."""
        return self._arrow(query, params or {}, "a query on the store")

    def stream(
        self, query: str, params: dict[str, object] | None = None
    ) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Return the names of a query's columns, and its rows as they come."""
        if self._is_here(query):
            return self._driver.stream(query, params)
        frame = self._run(query, params or {}, "a query on the store")
        with translating_spark_errors("a query on the store"):
            return list(frame.columns), _streamed(frame)

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Return the rows of a short query that is no stage; its parameters are `?`."""
        return self._rows(query, params, "a query on the store")

    def scalar(self, query: str, *params: object) -> Any:
        """Return the one value of a short query."""
        return self.fetch(query, *params)[0][0]

    def columns(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation and their types, as DuckDB names them."""
        if self._is_here(f"SELECT * FROM {relation}"):
            return self._driver.columns(relation)
        with translating_spark_errors(relation):
            self._driver.put_arrow("no_rows", self._frame(relation).limit(0).toArrow())
        return self._driver.columns("no_rows")

    def read_labels(
        self,
        name: str,
        file: PlainCsv,
        columns: Sequence[str],
        null_words: Sequence[str],
        check: Callable[[int | None], None],
    ) -> None:
        """Run a source's stage over a plain CSV file; make `records`, which are numbered.

        DuckDB reads the file, whichever the engine: there is one reading of it. Its text goes to
        Spark as Parquet, and what the stage makes of it stays on the disk too.
        """
        assert self._spill is not None, "an engine that changes a store has a folder to work in"
        self._driver.read_records(_LABELS, file, columns, null_words, check)
        told_apart = (self._spill / "labels.parquet").absolute()
        self._driver.fetch(
            f"COPY (SELECT * FROM records) TO {quoted(told_apart)} "
            f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_ROWS})"
        )
        self._driver.fetch("DROP VIEW records")
        self._driver.fetch("DROP TABLE readable")
        with translating_spark_errors(file.path.name):
            room = self._scratch.place("labels")
            local = isinstance(self._store, Path)
            labels = spark_path(told_apart) if local else send_file(told_apart, room)
            self._show_as("label_rows", self._session.read.parquet(as_pattern(labels)))
        self._make("records", stage(name).sql, {}, f"{name}.sql")

    def stop(self) -> None:
        """End the driver's reading of a label file."""
        self._driver.stop()

    def number_findings(self, query: str) -> None:
        """Need nothing: Spark sorts by the names of findings."""

    def blocks(self, size: int) -> Iterator[int]:
        """Yield once: Spark sorts what is more than its memory on the disks of its workers."""
        yield 0

    def _refuse_differences(self, relation: str, query: str, params: dict[str, object]) -> None:
        """Raise StageError unless DuckDB takes a query, and Spark answers it alike."""
        relations = {read: self.columns(read) for read in relations_in(query)}
        bind(query, params, relations, relation)
        types = {name: kind for columns in relations.values() for name, kind in columns.items()}
        if found := silent_differences(query, types):
            reason = f"Spark would answer otherwise than DuckDB: {'; '.join(found)}"
            raise StageError(f"{relation}: {reason}", reason)

    def _make(self, relation: str, query: str, params: dict[str, object], what: str) -> None:
        if self._is_here(query):
            self._driver.create(relation, query, params, what)
            self._changed_here(relation)
        else:
            frame = self._run(query, params, what)
            self._show_as(relation, self._keep(relation, frame, what))

    def _rows(
        self, query: str, params: dict[str, object] | Sequence[object], what: str
    ) -> list[tuple[Any, ...]]:
        if self._is_here(query):
            return self._driver.fetch_with(query, params, what)
        with translating_spark_errors(what):
            return [tuple(row) for row in self._run(query, params, what).collect()]

    def _arrow(self, query: str, params: dict[str, object], what: str) -> "pyarrow.Table":
        if self._is_here(query):
            return self._driver.query(query, params, what)
        with translating_spark_errors(what):
            return self._run(query, params, what).toArrow()

    def _run(
        self, query: str, params: dict[str, object] | Sequence[object], what: str
    ) -> "DataFrame":
        """Return the frame of a query, whose relations Spark is shown before."""
        for relation in relations_in(query):
            self._frame(relation)
        with translating_spark_errors(what):
            return self._session.sql(translated(query, _view), args=_bound(params))

    def _is_here(self, query: str) -> bool:
        """Tell whether all that a query reads is on the driver."""
        return all(self._is_table_here(relation) for relation in relations_in(query))

    def _is_table_here(self, relation: str) -> bool:
        made_there = relation in self._frames and relation not in self._put
        return not made_there and (relation in self._put or relation in self._tables)

    def _frame(self, relation: str) -> "DataFrame":
        """Return a relation's frame, and let queries see it."""
        if relation in self._frames:
            return self._frames[relation]
        if self._is_table_here(relation):
            table = self._driver.query(f"SELECT * FROM {relation}")
            with translating_spark_errors(relation):
                self._show(relation, frame_of(self._session, table))
            self._put.add(relation)  # the driver has it still
        elif relation in self._files:
            self.read_files(relation, self._store, self._files[relation], ADDED.get(relation))
            self._show_own_fields(relation)
        elif relation in self._views:
            self.define(relation)
        else:
            raise StageError(f"there is no relation {relation}", f"there is no table {relation}")
        return self._frames[relation]

    def _show_own_fields(self, relation: str) -> None:
        """Let a relation have the columns that its view makes of own fields."""
        frame = self._frames[relation]
        if "own_fields" not in frame.columns:
            return
        viewed = self._driver.fetch(
            "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name = 'main' AND table_name = ? ORDER BY column_index",
            relation,
        )
        own = [own_column_on_spark(name) for (name,) in viewed if name not in frame.columns]
        with translating_spark_errors(relation):
            self._show_as(relation, frame.selectExpr("*", *own))

    def _show(self, relation: str, frame: "DataFrame") -> None:
        with translating_spark_errors(relation):
            frame.createOrReplaceTempView(_view(relation))
        self._frames[relation] = frame

    def _show_as(self, relation: str, frame: "DataFrame") -> None:
        """Let a relation be a frame of Spark's, from now on."""
        self._put.discard(relation)
        self._show(relation, frame)

    def _changed_here(self, relation: str) -> None:
        """Note that the driver has a relation, whatever Spark was shown of it before."""
        self._put.add(relation)
        self._frames.pop(relation, None)

    def _keep(self, relation: str, frame: "DataFrame", what: str) -> "DataFrame":
        """Work a frame out and return one that reads its rows: a worker that dies loses none."""
        place = self._scratch.place(relation)
        with translating_spark_errors(what):
            frame.write.parquet(place)
            return self._session.read.schema(frame.schema).parquet(as_pattern(place))


def _tables_of(driver: DuckDBEngine) -> frozenset[str]:
    """Return the relations of a catalog whose rows stand in the catalog itself."""
    rows = driver.fetch(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND NOT internal AND NOT temporary "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE database_name = current_database() "
        "AND (schema_name = 'experiments' OR view_name = 'data_files')"
    )
    return frozenset(name if schema == "main" else f"{schema}.{name}" for schema, name in rows)


def _views_of(driver: DuckDBEngine) -> frozenset[str]:
    """Return the views of a catalog, which are stages."""
    rows = driver.fetch(
        "SELECT view_name FROM duckdb_views() WHERE database_name = current_database() "
        "AND schema_name = 'main' AND NOT internal AND NOT temporary"
    )
    return frozenset(name for (name,) in rows)


def _files_of(driver: DuckDBEngine) -> dict[str, list[str]]:
    """Return the paths of each relation's data files."""
    files: dict[str, list[str]] = {}
    for relation, path in driver.fetch("SELECT relation, path FROM data_files ORDER BY path"):
        files.setdefault(relation, []).append(path)
    return files


def _view(relation: str) -> str:
    """Return the name of a relation's view in Spark, where a temporary view has no schema."""
    return relation.replace(".", "_")


def _below(store: Path | str, path: str) -> str:
    return as_pattern(f"{spark_path(store)}/{path}")


def _creating(folder: Path | str) -> Callable[[str], Any]:
    """Return what makes a file of a name in a folder, wherever it is called."""
    from pyspark import cloudpickle

    send_along = cast(Callable[[object], None], cloudpickle.register_pickle_by_value)
    send_along(spark_parts)
    if isinstance(folder, str):
        send_along(urls)
        return creating(folder, mounts())
    folder.mkdir(parents=True, exist_ok=True)
    return spark_parts.in_folder(os.path.abspath(folder))


def _bound(params: dict[str, object] | Sequence[object]) -> Any:
    """Return parameters as Spark takes them: a list is an array of literals."""
    from pyspark.sql import functions

    def value(given: object) -> object:
        if isinstance(given, list | tuple):
            return functions.array(*(functions.lit(item) for item in given))
        return given

    if isinstance(params, dict):
        return {name: value(given) for name, given in params.items()}
    return [value(given) for given in params]


def _streamed(frame: "DataFrame") -> Iterator[tuple[Any, ...]]:
    with translating_spark_errors("a query on the store"):
        for row in frame.toLocalIterator(prefetchPartitions=True):
            yield tuple(row)
