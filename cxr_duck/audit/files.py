"""The files of a split: which are there, which are identical, which are damaged."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path
from typing import TypeVar

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.image_files import put_listing
from cxr_duck.images.decode import UNDECODED, damage
from cxr_duck.images.folder import ImageFolder
from cxr_duck.images.listing import list_images
from cxr_duck.progress import Progress

__all__ = ["make_damaged", "make_digests", "make_files"]

T = TypeVar("T")
File = tuple[str, str]  # image_id, and its path below the folder of images


def make_files(engine: DuckDBEngine, folder: Path, progress: Progress) -> None:
    """Make files: where the images of a split lie below a folder. Raises ImagesError."""
    with progress.step("listing image files") as seen:
        listing = list_images(folder, seen)
    put_listing(engine, listing)
    engine.connection.execute(
        "CREATE OR REPLACE TEMP VIEW records AS "
        "SELECT image_id, image_dir FROM images SEMI JOIN audited USING (image_id)"
    )
    engine.make("files")


def make_digests(engine: DuckDBEngine, folder: Path, progress: Progress) -> None:
    """Make digests: the SHA-256 of each file that another file of its size might be equal to.

    Empty files say nothing, and one that can't be read is none that is equal.
    """
    images = ImageFolder(folder)
    by_size: dict[int, list[File]] = defaultdict(list)
    for file in _files(engine):
        if size := _size(images, file[1]):
            by_size[size].append(file)
    alike = [file for files in by_size.values() if len(files) > 1 for file in files]
    digests = _each(alike, lambda file: _sha256(images, file[1]), "comparing files", progress)
    engine.put(
        "digests",
        "image_id VARCHAR, sha256 VARCHAR",
        [(file[0], digest) for file, digest in zip(alike, digests, strict=True) if digest],
    )


def make_damaged(engine: DuckDBEngine, folder: Path, progress: Progress) -> int:
    """Make damaged: the files that can't be decoded whole; return how many were not tried."""
    images = ImageFolder(folder)
    files = _files(engine)
    tried = [file for file in files if not file[1].lower().endswith(UNDECODED)]
    problems = _each(tried, lambda file: damage(images, file[1]), "decoding files", progress)
    engine.put(
        "damaged",
        "image_id VARCHAR, path VARCHAR, problem VARCHAR",
        [(*file, problem) for file, problem in zip(tried, problems, strict=True) if problem],
    )
    return len(files) - len(tried)


def _files(engine: DuckDBEngine) -> list[File]:
    return [
        (image_id, path)
        for image_id, path in engine.fetch("SELECT image_id, path FROM files ORDER BY path")
    ]


def _size(images: ImageFolder, path: str) -> int:
    try:
        return images.stat(path)[0]
    except OSError:  # it went, or can't be read: to decode it says so
        return 0


def _sha256(images: ImageFolder, path: str) -> str | None:
    try:
        with images.open(path) as stream:
            return file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError:
        return None


def _each(
    files: Sequence[File], work: Callable[[File], T], title: str, progress: Progress
) -> list[T]:
    """Return what comes of each file, on all cores: hashing and decoding leave Python free."""
    results: list[T] = []
    with progress.step(title, len(files)) as done, ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for result in pool.map(work, files):
                results.append(result)
                done(len(results))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results
