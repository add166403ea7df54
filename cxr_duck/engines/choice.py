"""The choice of an engine: a user's word, and the kind of engine that it names."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.duckdb import DuckDBEngine, working_engine
from cxr_duck.engines.engine import Engine, EngineChoice, Engines
from cxr_duck.engines.spread import here

if TYPE_CHECKING:
    import duckdb
    import pyarrow


__all__ = ["DuckDBEngines", "engines_of", "reads_urls"]


class DuckDBEngines:
    """DuckDB, in this process."""

    def reading(self, catalog: "duckdb.DuckDBPyConnection", store: Path | str) -> Engine:
        """Return an engine that sees what a store's catalog lists."""
        return DuckDBEngine(catalog)

    def working(
        self, store: Path | str, spill: Path, scratch: Path | str, size: int
    ) -> AbstractContextManager[Engine]:
        """Return an engine without relations, to make a change of a store with."""
        return working_engine(spill, size)

    def spread(
        self,
        files: Sequence[Any],
        work: Callable[[Any], dict[str, Any]],
        schema: "pyarrow.Schema",
        /,
    ) -> Iterator[Sequence[dict[str, Any]]]:
        """Yield what `work` makes of each image file, on the cores of this machine."""
        return here(files, work, schema)


def reads_urls(requested: "EngineChoice") -> bool:
    """Tell whether an engine reads and writes data files at URLs, and not on this machine alone."""
    return requested != "duckdb"


def engines_of(requested: "EngineChoice") -> Engines:
    """Return the kind of engine that a user asks for.

    That is duckdb; spark, which runs on this machine unless Spark's own configuration says where;
    a master's URL such as local[2] or spark://host:7077; the address of a Spark Connect server,
    sc://host:15002; or a SparkSession. Raises CxrError where it is none, or where pyspark is
    missing.
    """
    if requested == "duckdb":
        return DuckDBEngines()
    from cxr_duck.engines.spark.engines import SparkEngines
    from cxr_duck.engines.spark.session import open_session

    return SparkEngines(open_session(requested))
