"""Bounds the memory that all threads of a process together decode images in."""

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, local

from cxr_duck.engines.spread import workers

__all__ = ["TooLargeError", "memory_limit", "room_for"]

_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])(i?)B", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_LEAST = 10**9  # bytes where $CXR_MEMORY_LIMIT doesn't say
_EACH = 64 * 10**6  # bytes for each worker, more than a film takes


class TooLargeError(OSError):
    """An image that takes more memory to decode than there may be."""


def memory_limit() -> int:
    """Return how many bytes may be decoded in at a time: $CXR_MEMORY_LIMIT, or 1 GB.

    With many workers it is enough for a film each, and never more than half of the memory. A limit
    that can't be read is told where DuckDB is started with it.
    """
    told = _LIMIT.fullmatch(os.environ.get("CXR_MEMORY_LIMIT", "").strip())
    if told:
        base = 1024 if told[3] else 1000
        return int(float(told[1]) * base ** _POWERS[told[2].upper()])
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return min(max(_LEAST, _EACH * workers()), half)


class _Room:
    """Memory that is given out in the order in which it is asked for."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._held = 0
        self._waiting: deque[object] = deque()

    def take(self, size: int, limit: int) -> None:
        """Wait until so many bytes are free, and all who came before have theirs."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(
                    lambda: self._waiting[0] is ticket and self._held + size <= limit
                )
                self._held += size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def give_back(self, size: int) -> None:
        """Let others have what was taken."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()


_room = _Room()
_own = local()


def _begin_anew() -> None:
    """Let a forked process have all the room: none of its threads holds any."""
    global _room  # noqa: PLW0603
    _room = _Room()
    _own.holds = False


os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Keep so many bytes for the caller, who waits until others have given back theirs.

    So a large image is decoded alone. One that takes more than `memory_limit` is refused with
    TooLargeError. To a thread that holds some already nothing more is given: it would wait for
    itself.
    """
    if getattr(_own, "holds", False):
        yield
        return
    limit = memory_limit()
    if size > limit:
        raise TooLargeError(
            f"it takes {size / 1e9:,.2f} GB of memory to decode, and all images together may take "
            f"{limit / 1e9:,.2f} GB: set $CXR_MEMORY_LIMIT higher to read it"
        )
    room = _room
    room.take(size, limit)
    _own.holds = True
    try:
        yield
    finally:
        _own.holds = False
        room.give_back(size)
