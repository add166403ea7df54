"""Spark sessions for tests: one at a time, quiet, and small."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["CONFIGURATION", "put_defaults", "shared_session", "spark_session"]

# What is compiled well costs more than the few rows of a test are worth.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.driver.host": "localhost",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": _JAVA,
    "spark.executor.extraJavaOptions": _JAVA,
}


@contextmanager
def spark_session(
    master: str, configuration: Mapping[str, str] | None = None
) -> Iterator["SparkSession"]:
    """Yield a session of its own on a master, in whose place no other one runs."""
    from pyspark.sql import SparkSession

    if shared := SparkSession.getActiveSession():
        shared.stop()
    session = _started(master, {**CONFIGURATION, **(configuration or {})})
    try:
        yield session
    finally:
        session.stop()


def shared_session() -> "SparkSession":
    """Return the session of two workers that tests share; a task is tried four times."""
    return _started("local[2,4]", CONFIGURATION)


def put_defaults(folder: Path, *lines: str) -> dict[str, str]:
    """Write what Spark's commands shall take for granted; return the variable that names it."""
    folder.mkdir()
    defaults = [f"spark.driver.extraJavaOptions {_JAVA}", "spark.sql.shuffle.partitions 2"]
    (folder / "spark-defaults.conf").write_text("\n".join([*defaults, *lines]) + "\n")
    return {"SPARK_CONF_DIR": str(folder)}


def _started(master: str, configuration: Mapping[str, str]) -> "SparkSession":
    """Return the session that runs, or start it; its workers run this Python."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pyspark, of a newer pandas
        builder = SparkSession.builder.master(master)
        for name, value in configuration.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
    return session
