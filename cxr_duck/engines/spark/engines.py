"""Spark as a kind of engine: makes the engines that read a store and those that change one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.duckdb import DuckDBEngine, working_engine
from cxr_duck.engines.engine import Engine
from cxr_duck.engines.spark.engine import SparkEngine
from cxr_duck.engines.spark.image_files import each_on_spark
from cxr_duck.engines.spark.scratch import Scratch
from cxr_duck.engines.spark.session import runs_here

if TYPE_CHECKING:
    import duckdb
    import pyarrow
    from pyspark.sql import SparkSession

__all__ = ["SparkEngines"]


class SparkEngines:
    """A session of Spark, at work for stores."""

    def __init__(self, session: "SparkSession") -> None:
        self._session = session

    def reading(self, catalog: "duckdb.DuckDBPyConnection", store: Path | str) -> Engine:
        """Return an engine that sees what a store's catalog lists."""
        scratch = Scratch.within(store, alone=runs_here(self._session))
        return SparkEngine(self._session, DuckDBEngine(catalog), store, scratch)

    @contextmanager
    def working(
        self, store: Path | str, spill: Path, scratch: Path | str, size: int
    ) -> Iterator[Engine]:
        """Yield an engine without relations, to make a change of a store with."""
        with working_engine(spill, size) as driver:
            yield SparkEngine(self._session, driver, store, Scratch.of_its_own(scratch), spill)

    def spread(
        self,
        files: Sequence[Any],
        work: Callable[[Any], dict[str, Any]],
        schema: "pyarrow.Schema",
        /,
    ) -> Iterator[Sequence[dict[str, Any]]]:
        """Yield what `work` makes of each image file, on Spark's workers."""
        return each_on_spark(self._session, files, work, schema)
