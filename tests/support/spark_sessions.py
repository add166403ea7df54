"""Spark sessions for tests: one at a time, quiet, and small."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["CONFIGURATION", "spark_session"]

CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.host": "localhost",
    "spark.driver.bindAddress": "127.0.0.1",
}


@contextmanager
def spark_session(
    master: str, configuration: Mapping[str, str] | None = None
) -> Iterator["SparkSession"]:
    """Yield a session of its own on a master, whose workers run this Python."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pyspark, of a newer pandas
        builder = SparkSession.builder.master(master)
        for name, value in {**CONFIGURATION, **(configuration or {})}.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        try:
            yield session
        finally:
            session.stop()
            del os.environ["PYSPARK_PYTHON"]
