"""Examples gathered in files of a given size, split by split, the classes mixed."""

import json
import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cxr_duck.datasets import Dataset
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import ExportError
from cxr_duck.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Shard", "ahead", "localizations_of", "make_shards", "mixed", "size_in_bytes"]

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class Shard:
    """A file of examples of one split: its number from 0, of how many, and the examples' rows."""

    split: str
    number: int
    of: int
    rows: Sequence[dict[str, Any]]


def size_in_bytes(text: str) -> int:
    """Return the bytes of a size such as 1GB, 500MB or 1048576, in powers of 1000."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)B?\s*", text, re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if not size:
        raise ExportError(f"a size is written as 1GB, 500MB or 1048576, not as {text!r}")
    return size


def mixed(store: Store, dataset: Dataset, examples: "pyarrow.Table") -> "pyarrow.Table":
    """Return examples split by split, in the recipe's order, by chance from its seed within each.

    So the classes are mixed in every file.
    """
    engine = DuckDBEngine(store.cursor())
    splits = [(split, place) for place, split in enumerate(dataset.recipe.shares)]
    engine.put("split_order", "split VARCHAR, position INTEGER", splits)
    engine.connection.register("examples", examples)
    return engine.arrow("shuffled", seed=dataset.recipe.seed)


def make_shards(rows: Sequence[dict[str, Any]], sizes: Sequence[int], most: int) -> list[Shard]:
    """Part rows, of which each takes so many bytes, into files of at most so many.

    A split's rows stand together and begin a file; an example that is larger has a file of its own.
    """
    parts: dict[str, list[list[dict[str, Any]]]] = {}
    filled = 0
    for row, size in zip(rows, sizes, strict=True):
        files = parts.setdefault(row["split"], [])
        if not files or filled + size > most:
            files.append([])
            filled = 0
        files[-1].append(row)
        filled += size
    return [
        Shard(split, number, len(files), file)
        for split, files in parts.items()
        for number, file in enumerate(files)
    ]


def localizations_of(row: dict[str, Any]) -> dict[str, list[str]]:
    """Return all findings of an example's image, each with its localizations."""
    found: dict[str, list[str]] = json.loads(row["localizations_by_finding"])
    return found


def ahead(make: Callable[[_Item], _Made], items: Sequence[_Item], threads: int) -> Iterator[_Made]:
    """Yield what is made of each item, in order, made on so many threads a few items ahead."""
    if threads <= 1:
        yield from map(make, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(make, item) for item in items[: 2 * threads])
        try:
            for item in [*items[2 * threads :], *[None] * len(waiting)]:
                made = waiting.popleft().result()
                if item is not None:
                    waiting.append(pool.submit(make, item))
                yield made
        finally:
            pool.shutdown(cancel_futures=True)


def threads_each(files: int, workers: int) -> int:
    """Return the threads that each of some files gets where all are written at the same time."""
    return math.ceil(workers / max(files, 1))
