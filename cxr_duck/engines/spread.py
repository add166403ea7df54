"""Spreads work on many image files over the cores of a machine."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cxr_duck.errors import StoreError

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pyarrow


__all__ = ["ImageFile", "Row", "Spread", "each", "here", "workers"]

_QUEUED_PER_WORKER = 8  # files a worker that wait for it

Row = dict[str, Any]

T = TypeVar("T")

R = TypeVar("R")


@dataclass(frozen=True)
class ImageFile:
    """The file of an image, as it lies in the folder of images now.

    `path` is None where none was found; then, and where it is gone, so are `bytes` and `modified`,
    the time of its last change in nanoseconds.
    """

    image_id: str
    path: str | None
    bytes: int | None
    modified: int | None


class Spread(Protocol):
    """Lets a function make a row of each file, on as many processors as it has."""

    def __call__(
        self,
        files: Sequence[ImageFile],
        work: Callable[[ImageFile], Row],
        schema: "pyarrow.Schema",
        /,
    ) -> Iterator[Sequence[Row]]:
        """Yield the rows, which have the columns of `schema`, some at a time and in any order."""
        ...


def workers() -> int:
    """Return how many files are worked on at a time: $CXR_THREADS, or all cores."""
    requested = os.environ.get("CXR_THREADS", "")
    if not requested:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if not requested.isdigit() or not int(requested):
        raise StoreError(f"$CXR_THREADS is {requested}: give a whole number, 1 or more")
    return int(requested)


def each(items: Iterable[T], work: Callable[[T], R]) -> Iterator[R]:
    """Yield what comes of each item, in their order, worked on by all cores.

    Only a few items wait at a time, so that millions cost no memory. An error in one ends all.
    """
    from concurrent.futures import ThreadPoolExecutor

    waiting: deque[Future[R]] = deque()
    rest = iter(items)
    count = workers()
    with ThreadPoolExecutor(count) as pool:
        try:
            waiting.extend(
                pool.submit(work, item) for item in islice(rest, count * _QUEUED_PER_WORKER)
            )
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
                yield result
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def here(
    files: Sequence[ImageFile], work: Callable[[ImageFile], Row], schema: "pyarrow.Schema"
) -> Iterator[Sequence[Row]]:
    """Spread the work over the cores of this machine."""
    return ([row] for row in each(files, work))
