"""The interface of an engine: everything that a stage of `sql/` needs from what runs it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import duckdb
    import pyarrow
    from pyspark.sql import SparkSession
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb
    import pyarrow

__all__ = ["Engine", "EngineChoice", "Engines", "Layout", "Part", "PlainCsv"]

EngineChoice: TypeAlias = "str | SparkSession"  # see cxr_duck.engines.choice.engines_of


@dataclass(frozen=True)
class Layout:
    """How Parquet files are laid out: the columns they are sorted by, their row groups, origin.

    Without `sort` the rows stay in the order in which they come.
    """

    sort: tuple[str, ...]
    row_group: int
    provenance: dict[str, str]


@dataclass(frozen=True)
class Part:
    """A Parquet file that an engine wrote: its name in the folder, its rows, bytes and digest."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PlainCsv:
    """A CSV file in UTF-8 that every reader tells apart alike: comma-separated, by RFC 4180.

    `header` names its columns in their order, and those that are not to be read with nothing; its
    lines end in CR LF or LF. A `numbered` file has no header, and a column more in front: the
    number of each record.
    """

    path: Path
    header: Sequence[str]
    compressed: bool = False
    line_end: bytes = b"\n"
    numbered: bool = False


class Engine(Protocol):
    """Runs the stages of `sql/` and the short queries beside them, all of them DuckDB SQL.

    A relation is named by its stage or by who makes it, and is the engine's own until it ends. What
    fails raises StageError, which names the stage.
    """

    def make(self, name: str, **params: object) -> None:
        """Run a stage into a relation of its name."""

    def gather(self, name: str, **params: object) -> None:
        """Make a stage's relation of few rows, which Python will ask for."""

    def define(self, name: str) -> None:
        """Let a stage without parameters be a view, under its relation's name."""

    def create(self, relation: str, query: str, params: dict[str, object] | None = None) -> None:
        """Make a relation of the rows of a query that is no stage."""

    def append(self, relation: str, query: str, params: dict[str, object] | None = None) -> None:
        """Add the rows of a query to a relation with the same columns."""

    def put(self, relation: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        """Make a relation of a few rows; `columns` as in CREATE TABLE."""

    def put_arrow(self, relation: str, table: "pyarrow.Table") -> None:
        """Make a relation of an Arrow table."""

    def read_files(
        self,
        relation: str,
        store: Path | str,
        paths: Sequence[str],
        added: Mapping[str, str] | None = None,
    ) -> None:
        """Let a relation be the rows of Parquet files; paths are relative to the store.

        `added` has the types of columns that files of earlier versions lack: they are NULL there.
        """

    def write(
        self, name: str, folder: Path | str, stem: str, layout: Layout, **params: object
    ) -> list[Part]:
        """Run a stage into one or more Parquet files of a folder, whose names begin with a stem.

        There is one at least. The files say in their metadata how they were made. Several stages
        may be written at the same time, each from a thread of its own.
        """

    def count(self, name: str, **params: object) -> int:
        """Run a stage and return its number of rows."""

    def rows(self, name: str, **params: object) -> list[tuple[Any, ...]]:
        """Run a stage and return its rows."""

    def arrow(self, name: str, **params: object) -> "pyarrow.Table":
        """Run a stage and return its rows as an Arrow table."""

    def arrow_of(self, relation: str) -> "pyarrow.Table":
        """Return the rows of a relation that was made as an Arrow table."""

    def query(self, query: str, params: dict[str, object] | None = None) -> "pyarrow.Table":
        """Return the rows of a query that is no stage as an Arrow table."""

    def stream(
        self, query: str, params: dict[str, object] | None = None
    ) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
        """Return the names of a query's columns, and its rows as they come."""

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Return the rows of a short query that is no stage; its parameters are `?`."""

    def scalar(self, query: str, *params: object) -> Any:
        """Return the one value of a short query."""

    def columns(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation and their types, as DuckDB names them."""

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

    def stop(self) -> None:
        """End `read_labels` in another thread, with an error."""

    def number_findings(self, query: str) -> None:
        """Be told the findings of the files to be written, which they are sorted by."""

    def blocks(self, size: int) -> Iterator[int]:
        """Let `records` be one block of records after another, of about this size at most.

        An engine that needs no blocks to keep within its memory yields once.
        """


class Engines(Protocol):
    """A kind of engine: makes those that read a store, those that change one, and spreads work."""

    def reading(self, catalog: "duckdb.DuckDBPyConnection", store: Path | str) -> Engine:
        """Return an engine that sees what a store's catalog lists."""

    def working(
        self, store: Path | str, spill: Path, scratch: Path | str, size: int
    ) -> AbstractContextManager[Engine]:
        """Return an engine without relations, to make a change of a store with.

        `size` are the bytes of text that it will read, `spill` a folder of this machine that is
        there for its use and gone afterwards, `scratch` that or one where the store lies, which
        workers elsewhere reach as well.
        """

    def spread(
        self,
        files: Sequence[Any],
        work: Callable[[Any], dict[str, Any]],
        schema: "pyarrow.Schema",
        /,
    ) -> Iterator[Sequence[dict[str, Any]]]:
        """Yield what `work` makes of each image file, rows of a schema, some at a time."""
