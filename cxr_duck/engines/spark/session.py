"""Sessions of Spark: started here, on a cluster, or reached at a Spark Connect server."""

import atexit
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cxr_duck.engines.duckdb import interruptible
from cxr_duck.errors import CxrError, StageError

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame, SparkSession

    from cxr_duck.engines.engine import EngineChoice

__all__ = [
    "end_session",
    "frame_of",
    "open_session",
    "own_session",
    "reason_of",
    "runs_here",
    "translating_spark_errors",
]

_MASTER = re.compile(r"local(-cluster)?(\[.+\])?|spark://.+|yarn|k8s://.+")
_HERE = re.compile(r"local(\[.+\])?")
_ELSEWHERE = ("SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT")  # say where
_TRACEBACK = "Traceback (most recent call last)"
_RAISED = re.compile(
    r"\b(\w+(?:Error|Exception): (?:(?!\w+(?:Error|Exception): ).)+)$", re.MULTILINE
)
_CAUSED = re.compile(r"Caused by: [\w.$]+: (.+)")
_ANSWER_SECONDS = 20  # that a Spark Connect server may take
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B", re.IGNORECASE)
_MEGABYTES = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024 * 1024}
_CONNECTED: dict[str, Any] = {}  # by the server's address

# What stages count on. A division by zero or a text that is no number is an error, and so is a
# file that is gone; times are UTC.
_MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
}
# Beside what a user configures: quiet, and fit for one machine.
_QUIET = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "OFF"}
_ONE_MACHINE = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.maxResultSize": "0",  # what tasks send is in this process anyway
    "spark.sql.shuffle.partitions": "16",
}


def open_session(requested: "EngineChoice") -> "SparkSession":
    """Return the session that a user asks for, the same one each time; see `engines_of`."""
    try:
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        from pyspark import SparkContext
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise CxrError(
            f"the engine {requested} needs pyspark ({error}): pip install 'cxr-duck[spark]'"
        ) from error
    if not isinstance(requested, str):
        return requested
    if requested.startswith("sc://"):
        with _starting(requested):
            return _connected(requested)
    if requested != "spark" and not _MASTER.fullmatch(requested):
        raise CxrError(
            f"{requested!r} is no engine: take duckdb, spark, a Spark master such as local[2] or "
            "spark://host:7077, or a Spark Connect server, sc://host:15002"
        )
    if SparkContext._active_spark_context is not None or SparkSession.getActiveSession():
        running = SparkSession.builder.getOrCreate()
        _refuse_other(running, requested)
        return running
    with _starting(requested):
        return _start(requested)


def runs_here(session: "SparkSession") -> bool:
    """Tell whether all of Spark is in this process, or started by it on this machine."""
    is_connected = ".connect." in type(session).__module__
    return not is_connected and bool(_HERE.fullmatch(session.conf.get("spark.master", "") or ""))


def frame_of(session: "SparkSession", table: "pyarrow.Table") -> "DataFrame":
    """Return the frame of an Arrow table, which may have no rows: Spark Connect takes none such."""
    if table.num_rows:
        return session.createDataFrame(table)
    return session.createDataFrame(type(table).from_pylist([{}], table.schema)).limit(0)


def own_session(session: "SparkSession") -> "SparkSession":
    """Return a session with temporary views and settings of its own, beside a user's."""
    with translating_spark_errors("opening a session of Spark"):
        own = session.newSession()
        for key, value in _MEANING.items():
            own.conf.set(key, value)
        return own


def end_session(own: "SparkSession") -> None:
    """Let a Spark Connect server forget a session; one in this process holds nothing."""
    if ".connect." in type(own).__module__:
        with suppress(Exception):  # the server may be gone, and isn't waited for
            own.client.set_retry_policies([])
            own.client.release_session()
        with suppress(Exception):
            own.client.close()


def _refuse_other(session: "SparkSession", requested: str) -> None:
    """Raise CxrError where Spark runs in this process already, elsewhere than is asked."""
    master = session.conf.get("spark.master", "")
    if requested not in ("spark", master) and _trying_again(requested) != master:
        raise CxrError(
            f"Spark runs in this process on {master} already: stop that session, or take the "
            "engine spark, which is whatever runs"
        )


def _connected(address: str) -> "SparkSession":
    """Return the session at a Spark Connect server, one for each address."""
    from pyspark.sql import SparkSession

    session = _CONNECTED.get(address)
    if session is None or session.is_stopped:
        _wait_for(address)
        session = _CONNECTED[address] = SparkSession.builder.remote(address).create()
        atexit.register(end_session, session)  # before its own, which would wait for the server
    return cast(SparkSession, session)


def _trying_again(master: str) -> str:
    """Return a master whose tasks are tried four times, as on a cluster, where it is here."""
    match = re.fullmatch(r"local(?:\[([^,\]]+)\])?", master)
    return f"local[{match[1] or 1},4]" if match else master


def _wait_for(address: str) -> None:
    """Raise CxrError where no Spark Connect server answers; Spark itself would try for minutes."""
    import grpc
    from pyspark.sql.connect.client import DefaultChannelBuilder

    channel = DefaultChannelBuilder(address).toChannel()
    try:
        grpc.channel_ready_future(channel).result(timeout=_ANSWER_SECONDS)
    except grpc.FutureTimeoutError as error:
        raise CxrError(
            f"Spark can't be reached at {address} (no answer within {_ANSWER_SECONDS} s)"
        ) from error
    finally:
        channel.close()


def _start(requested: str) -> "SparkSession":
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    if requested == "spark" and any(os.environ.get(name) for name in _ELSEWHERE):
        if (remote := os.environ.get("SPARK_REMOTE", "")).startswith("sc://"):
            _wait_for(remote)
        return SparkSession.builder.getOrCreate()
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise CxrError("Spark needs Java 17 or newer: install one, or let $JAVA_HOME say where")
    conf = SparkConf().setAppName("cxr-duck")
    configured = _configured()
    master = configured.get("spark.master", "local[*,4]")
    if requested != "spark":
        master = _trying_again(requested)
    elif os.environ.get("CXR_THREADS") and "spark.master" not in configured:
        master = f"local[{os.environ['CXR_THREADS']},4]"
    conf.setMaster(master)
    settings = {**_QUIET, **(_one_machine() if _HERE.fullmatch(master) else {})}
    conf.setAll([pair for pair in settings.items() if pair[0] not in configured])
    if master.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Java says much on its way up; it is told only where it doesn't come up.
    with tempfile.TemporaryFile() as said:
        try:
            if SparkContext._gateway is None:
                launch = cast(Callable[..., Any], launch_gateway)
                gateway = launch(conf, popen_kwargs={"stderr": said})
                SparkContext._ensure_initialized(gateway=gateway, conf=conf)
            return SparkSession(SparkContext(conf=conf))
        except Exception as error:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            raise CxrError(
                f"Spark doesn't start on {requested} ({reason_of(error)}"
                f"{'; ' if lines else ''}{lines[-1] if lines else ''})"
            ) from error


def _configured() -> dict[str, str]:
    """Return what a user's spark-defaults.conf sets: Java reads it later, and asks us first."""
    from pyspark.find_spark_home import _find_spark_home

    home = Path(str(_find_spark_home()))
    folder = Path(os.environ.get("SPARK_CONF_DIR") or home / "conf")
    try:
        lines = (folder / "spark-defaults.conf").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (re.split(r"\s*[\s=:]\s*", line.strip(), maxsplit=1) for line in lines)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and not pair[0].startswith("#")}


def _one_machine() -> dict[str, str]:
    """Return the settings for Spark in one process of this machine, within $CXR_MEMORY_LIMIT."""
    requested = os.environ.get("CXR_MEMORY_LIMIT")
    if not requested:
        half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**21
        return {**_ONE_MACHINE, "spark.driver.memory": f"{half}m"}
    match = _MEMORY.fullmatch(requested.strip())
    if match is None:
        raise CxrError(f"$CXR_MEMORY_LIMIT is {requested}: give a size such as 8GB")
    megabytes = max(int(float(match[1]) * _MEGABYTES[match[2].upper()]), 512)
    return {**_ONE_MACHINE, "spark.driver.memory": f"{megabytes}m"}


@contextmanager
def _starting(requested: str) -> Iterator[None]:
    try:
        yield
    except CxrError:
        raise
    except Exception as error:
        raise CxrError(f"Spark can't be reached at {requested} ({reason_of(error)})") from error


def reason_of(error: BaseException) -> str:
    """Return what Spark says, or Python on a worker, without its codes, the plan and the stack."""
    text = str(error).strip()
    caused = (_RAISED if _TRACEBACK in text else _CAUSED).findall(text)
    line = (caused[-1] if caused else (text.splitlines() or [type(error).__name__])[0]).strip()
    line = re.sub(r"^\[[A-Z0-9_.]+\] ", "", line)
    return re.sub(r"[.;]? SQLSTATE: \w+.*$", "", line).rstrip(".; ")


@contextmanager
def translating_spark_errors(what: str) -> Iterator[None]:
    """Turn what Spark raises, here or at a server, into a StageError that names the SQL file.

    What Spark does meanwhile stands under that name in its pages and in its event log.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    errors: tuple[type[Exception], ...] = (PySparkException, Py4JError, _rpc_error())
    try:
        with interruptible(), _described_as(what):
            yield
    except errors as error:
        raise StageError(f"{what} failed: {reason_of(error)}", reason_of(error)) from error


@contextmanager
def _described_as(what: str) -> Iterator[None]:
    """Let the jobs of this thread have a description; a Spark Connect server takes none."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        yield
        return
    before = context.getLocalProperty("spark.job.description")
    context.setJobDescription(what)
    try:
        yield
    finally:
        with suppress(Exception):  # Spark may be gone
            context.setJobDescription(before or "")


def _rpc_error() -> Any:
    """Return what a connection to a Spark Connect server raises."""
    try:
        from grpc import RpcError
    except ImportError:
        return ConnectionError
    return RpcError
