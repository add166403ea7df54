"""Runs a function over many image files on the workers of a Spark session.

The files go out in batches, each a job of Spark and each cut into tasks of a few files that lie
together. A worker that dies costs its tasks, which Spark gives to another; a run that is killed
costs the batches under way.
"""

import pickle
import platform
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from cxr_duck.engines.spark.session import frame_of, reason_of
from cxr_duck.engines.spread import ImageFile, Row
from cxr_duck.engines.sql_text import first_line
from cxr_duck.errors import CxrError, ImagesError, StageError

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import SparkSession

__all__ = ["each_on_spark"]

_FILES_A_TASK = 16
_FIRST = 64  # files of the first batches
_GROWTH = 4  # times the size of the batch before, at most
_SECONDS = 10.0  # that a batch should take
_LARGEST = 100_000  # files
_TOGETHER = 2  # batches, so that the workers have something to do while the last files of one end
_ROWS = 10_000  # handed on at a time

_PLACE = "place"  # column of a file's place in its batch
_FAILED_AS, _BECAUSE = "failed_as", "failed_because"  # columns of an answer: an error, its sentence
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: (No module named '[^']+')")


def each_on_spark(
    session: "SparkSession",
    files: Sequence[ImageFile],
    work: Callable[[ImageFile], Row],
    schema: "pyarrow.Schema",
) -> Iterator[Sequence[Row]]:
    """Yield what `work` makes of each file, rows of the columns of `schema`, some at a time.

    `work` is pickled and called on Spark's workers, which need this package and what it reads
    images with. An error in one file ends all. Raises ImagesError where a worker doesn't see the
    folder of images, StageError where the work or Spark fails.
    """
    crew = _Crew(session, work, schema)
    rest = iter(files)
    size = _FIRST
    waiting: deque[Future[_Done]] = deque()
    with ThreadPoolExecutor(_TOGETHER) as pool:

        def send() -> None:
            if batch := list(islice(rest, size)):
                waiting.append(pool.submit(crew.do, batch))

        try:
            for _ in range(_TOGETHER):
                send()
            while waiting:
                done = waiting[0].result()  # it is told to stop as long as it waits
                waiting.popleft()
                size = _next_size(done.rows.num_rows, done.seconds)
                send()
                for start in range(0, done.rows.num_rows, _ROWS):
                    yield done.rows.slice(start, _ROWS).to_pylist()
                if done.failure is not None:
                    raise done.failure
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            crew.stop(waiting)
            raise


def _next_size(files: int, seconds: float) -> int:
    """Return how many files the next batch has, after one of so many took so long."""
    fitting = int(files * _SECONDS / max(seconds, 0.001))
    return max(1, min(fitting, files * _GROWTH, _LARGEST))


@dataclass(frozen=True)
class _Done:
    """The rows of a batch, how long it took, and what ended it early."""

    rows: "pyarrow.Table"
    seconds: float
    failure: CxrError | None


class _Crew:
    """The workers of a session, with one piece of work to do."""

    def __init__(
        self,
        session: "SparkSession",
        work: Callable[[ImageFile], Row],
        schema: "pyarrow.Schema",
    ) -> None:
        from pyspark import cloudpickle

        self._session = session
        self._schema = schema
        self._run = f"cxr-{uuid4().hex}"
        pickled = cast(Callable[[object], bytes], cloudpickle.dumps)
        self._task = _Task(self._run, pickled(work), _answer(schema))
        with _telling_errors():
            self._columns = frame_of(session, self._task.answer.empty_table()).schema

    def do(self, batch: Sequence[ImageFile]) -> _Done:
        """Return the rows of a batch, once all are there."""
        started = time.monotonic()
        with _telling_errors():
            self._session.addTag(self._run)
            frame = self._session.createDataFrame(_listing(batch))
            tasks = -(-len(batch) // _FILES_A_TASK)
            cut = frame.repartitionByRange(tasks, _PLACE).drop(_PLACE)
            answers = cut.mapInArrow(self._task, self._columns).toArrow().cast(self._task.answer)
        failed = answers.column(_FAILED_AS)
        rows = answers.filter(failed.is_null()).select(self._schema.names)
        return _Done(rows, time.monotonic() - started, _failure(answers.filter(failed.is_valid())))

    def stop(self, waiting: Iterable[Future[_Done]]) -> None:
        """Let the workers leave off what they do for this work; a batch may only just begin."""
        while left := [batch for batch in waiting if not batch.done()]:
            with suppress(Exception):  # Spark may be gone, and then what waits for it ends by that
                self._session.interruptTag(self._run)
            wait(left, timeout=0.2)


def _answer(schema: "pyarrow.Schema") -> "pyarrow.Schema":
    """Return the columns of what a worker answers: a row, or what failed."""
    import pyarrow

    failed = [pyarrow.field(name, pyarrow.string()) for name in (_FAILED_AS, _BECAUSE)]
    return pyarrow.schema([*schema, *failed])


def _listing(batch: Sequence[ImageFile]) -> "pyarrow.Table":
    """Return the columns of files, and the place of each."""
    import pyarrow

    number, text = pyarrow.int64(), pyarrow.string()
    return pyarrow.table(
        {
            "image_id": pyarrow.array([file.image_id for file in batch], text),
            "path": pyarrow.array([file.path for file in batch], text),
            "bytes": pyarrow.array([file.bytes for file in batch], number),
            "modified": pyarrow.array([file.modified for file in batch], number),
            _PLACE: pyarrow.array(range(len(batch)), number),
        }
    )


@dataclass(frozen=True)
class _Task:
    """What a worker does with the files of a task; `work` is pickled, `run` tells it from others.

    An error in a file is answered as a row: Spark would try a failed task four times.
    """

    run: str
    work: bytes
    answer: "pyarrow.Schema"

    def __call__(self, batches: "Iterable[pyarrow.RecordBatch]") -> "Iterator[pyarrow.RecordBatch]":
        import pyarrow

        for batch in batches:
            rows: list[Row] = []
            for columns in batch.to_pylist():
                try:
                    rows.append(_unpickled(self.run, self.work)(ImageFile(**columns)))
                except Exception as error:
                    failed = _sentence(error, columns["path"] or columns["image_id"])
                    rows.append(dict(zip((_FAILED_AS, _BECAUSE), failed, strict=True)))
                    break
            yield pyarrow.RecordBatch.from_pylist(rows, self.answer)
            if rows and _BECAUSE in rows[-1]:
                return


@lru_cache(maxsize=1)
def _unpickled(run: str, work: bytes) -> Callable[[ImageFile], Row]:
    """Return the work of a run, the same for all tasks of a worker: a zip is opened once."""
    return cast(Callable[[ImageFile], Row], pickle.loads(work))


def _sentence(error: Exception, path: str) -> tuple[str, str]:
    """Return the name of the error of this package that tells of one in a worker, and its text."""
    if isinstance(error, CxrError):
        return type(error).__name__, str(error)
    if isinstance(error, ModuleNotFoundError):
        return StageError.__name__, _lacking(str(error))
    what = f"{type(error).__name__}: {first_line(error)}"
    return StageError.__name__, f"{path} can't be worked on at {platform.node()} ({what})"


def _failure(failed: "pyarrow.Table") -> CxrError | None:
    """Return what ended a batch, of several failures the first by its text."""
    failures = sorted((row[_BECAUSE], row[_FAILED_AS]) for row in failed.to_pylist())
    if not failures:
        return None
    sentence, name = failures[0]
    return (ImagesError if name == ImagesError.__name__ else StageError)(sentence)


def _lacking(what: str) -> str:
    return (
        f"Spark's workers lack something ({what}): install cxr-duck on each of them, with the same "
        "extras as here, in the Python that $PYSPARK_PYTHON names"
    )


@contextmanager
def _telling_errors() -> Iterator[None]:
    """Turn what Spark raises, in whichever of its forms, into a StageError of one sentence."""
    try:
        yield
    except Exception as error:
        if missing := _MISSING_MODULE.search(str(error)):
            raise StageError(_lacking(missing[1])) from error
        cause, *_ = reason_of(error).split(". ")  # no advice
        raise StageError(
            f"Spark gave up on the image files ({cause}): what was done is kept, and the same "
            "command goes on"
        ) from error
