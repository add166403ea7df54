"""Shards: examples gathered in files of a given size, split by split, with mixed classes."""

import hashlib
import json
import math
import tarfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.errors import ExportError
from cxr_duck.export.forms.films import found_films
from cxr_duck.export.handout import Handout
from cxr_duck.export.options import ExportOptions
from cxr_duck.export.plan import Unread
from cxr_duck.export.rendering import Film, Renderer, Rendering, UnreadableError

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "Image", "Row", "Shard", "ahead", "digest_of", "file_column", "localizations_of",
    "make_shards", "mixed", "plan_shards", "read_rows", "threads_each",
]  # fmt: skip

Row = dict[str, Any]
Image = tuple[str, bytes]
_TAR_END = 2 * tarfile.BLOCKSIZE  # which end a tar file, before it is filled up
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Shard:
    """A file of examples of one split: its number from 0, of how many, and the examples' rows.

    `source` is the digest of what their images were made from.
    """

    split: str
    number: int
    of: int
    rows: Sequence[Row]
    source: str = ""


def mixed(source: Handout) -> Handout:
    """Return a dataset's rows split by split, in the recipe's order, by chance within each.

    So the classes are mixed in every file; the chance is that of the recipe's seed.
    """
    import pyarrow.compute

    recipe = source.dataset.recipe
    engine = DuckDBEngine(connect())
    splits = [(split, place) for place, split in enumerate(recipe.shares)]
    engine.put("split_order", "split VARCHAR, position INTEGER", splits)
    examples = source.manifest
    if source.multilabel:
        of_all = pyarrow.compute.binary_join(examples.column("classes"), "|")
        examples = examples.append_column("class", of_all)
    engine.connection.register("examples", examples)
    manifest = engine.arrow("shuffled", seed=recipe.seed)
    return replace(source, manifest=manifest.select(source.manifest.column_names))


def image_of(renderer: Renderer, films: dict[str, Film], row: Row) -> Image | Unread:
    """Return the ending and the bytes of an example's image, as it is or written anew."""
    film = films[row["image_id"]]
    try:
        return _ending(renderer.rendering, film), renderer.bytes_of(film)
    except UnreadableError as error:
        return Unread(film.image_id, error.reason)


def read_rows(
    rows: Sequence[Row],
    image_of: Callable[[Row], Image | Unread],
    threads: int,
    step: Callable[[], None],
    unread: list[Unread],
) -> Iterator[tuple[Row, str, bytes]]:
    """Yield each example with its image's ending and bytes; those that can't be read go to a list.

    The step is called once for each, when it is done with.
    """
    for row, made in zip(rows, ahead(image_of, rows, threads), strict=True):
        if isinstance(made, Unread):
            unread.append(made)
        else:
            yield row, *made
        step()


def _ending(rendering: Rendering, film: Film) -> str:
    suffix = rendering.suffix if rendering.anew else PurePosixPath(film.path).suffix.lower()
    return suffix.lstrip(".")


def plan_shards(
    source: Handout, options: ExportOptions, bytes_of: Callable[[Row, str, int], int], end: int = 0
) -> tuple[list[Shard], Callable[[Row], Image | Unread], Renderer, int]:
    """Return the files of a mixed source, what makes an image of theirs, with which renderer, and
    the bytes of all.

    `bytes_of` returns those of an example whose image has such an ending and so many bytes; a file
    of examples is filled up to a multiple of `end`, with two blocks of a tar file at least. Raises
    ExportError where there are no images.
    """
    if source.folder is None:
        raise ExportError(
            f"{options.form} holds images, and no folder of images is known to this store: give it "
            "with --images, or ask for --as parquet"
        )
    rendering = options.rendering
    found = found_films(source)
    rows = source.manifest.to_pylist()
    sizes = [
        bytes_of(
            row,
            _ending(rendering, one.film),
            rendering.bytes_of(one.film) if rendering.anew else one.bytes,
        )
        for row, one in zip(rows, found, strict=True)
    ]
    most = options.shard_size // end * end - _TAR_END if end else options.shard_size
    sources = {one.film.image_id: one.digest for one in found}
    shards = [
        replace(shard, source=_source_of(shard, sources))
        for shard in make_shards(rows, sizes, most)
    ]
    renderer = Renderer(source.folder, rendering)
    needed = sum(sizes) + end * len(shards)
    return shards, partial(image_of, renderer, source.films), renderer, needed


def _source_of(shard: Shard, sources: dict[str, str]) -> str:
    """Return the digest of the digests of a shard's images."""
    told = "".join(sources[row["image_id"]] for row in shard.rows)
    return hashlib.sha256(told.encode()).hexdigest()


def digest_of(shards: Sequence[Shard]) -> str:
    """Return the SHA-256 of all that shards hold beside the images themselves."""
    told = hashlib.sha256()
    for shard in shards:
        told.update(json.dumps([shard.split, shard.number, shard.of, shard.rows]).encode())
    return told.hexdigest()


def file_column(
    source: Handout, shards: Sequence[Shard], name_of: Callable[[Shard], str]
) -> "pyarrow.Table":
    """Return the rows of a mixed source with the name of the shard that holds each as `file`."""
    import pyarrow

    files = [name_of(shard) for shard in shards for _ in shard.rows]
    table = source.manifest.drop_columns(["source_path"])
    return table.append_column("file", pyarrow.array(files, pyarrow.string()))


def make_shards(rows: Sequence[Row], sizes: Sequence[int], most: int) -> list[Shard]:
    """Part rows, of which each takes so many bytes, into files of at most so many.

    A split's rows stand together and begin a file; an example that is larger has a file of its own.
    """
    parts: dict[str, list[list[Row]]] = {}
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


def localizations_of(row: Row) -> dict[str, list[str]]:
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
