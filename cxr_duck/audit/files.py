"""Finds the image files of an audited split that are missing, identical or damaged."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.engines.spread import each
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.files.listing import list_images
from cxr_duck.images.formats.verdict import Verdict
from cxr_duck.images.surveys.check import judge
from cxr_duck.index.found_files import put_listing
from cxr_duck.progress import Progress

__all__ = ["make_damaged", "make_digests", "make_files"]

T = TypeVar("T")
_PIECE = 1 << 20

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
    """Make digests: the XXH3 of each file that another file of its size might be equal to.

    Empty files say nothing, and one that can't be read is none that is equal. A file that was read
    before, and has not changed since, is not read again.
    """
    images = ImageFolder(folder)
    by_size: dict[int, list[File]] = defaultdict(list)
    for file in _files(engine):
        if size := _status(images, file[1])[0]:
            by_size[size].append(file)
    alike = [file for files in by_size.values() if len(files) > 1 for file in files]
    known = {tuple(key): digest for *key, digest in engine.rows("known_digests")}

    def digest_of(file: File) -> str | None:
        return known.get((file[1], *_status(images, file[1]))) or _digest(images, file[1])

    digests = _each(alike, digest_of, "comparing files", progress)
    engine.put(
        "digests",
        "image_id VARCHAR, digest VARCHAR",
        [(file[0], digest) for file, digest in zip(alike, digests, strict=True) if digest],
    )


def make_damaged(engine: DuckDBEngine, folder: Path, progress: Progress) -> int:
    """Make damaged: the files that are; return how many are of a kind that can't be tested.

    A file that was tested to its last byte before, and has not changed since, is not tested again.
    """
    images = ImageFolder(folder)
    files = _files(engine)
    known = {
        (path, size, modified): Verdict(*found)
        for path, size, modified, *found in engine.rows("known_checks")
    }

    def judged(file: File) -> Verdict:
        return known.get((file[1], *_status(images, file[1]))) or judge(images, file[1])

    verdicts = _each(files, judged, "testing files", progress)
    engine.put(
        "damaged",
        "image_id VARCHAR, path VARCHAR, problem VARCHAR",
        [
            (*file, verdict.told)
            for file, verdict in zip(files, verdicts, strict=True)
            if verdict.verdict == "damaged"
        ],
    )
    return sum(verdict.verdict == "untested" for verdict in verdicts)


def _files(engine: DuckDBEngine) -> list[File]:
    return [
        (image_id, path)
        for image_id, path in engine.fetch("SELECT image_id, path FROM files ORDER BY path")
    ]


def _status(images: ImageFolder, path: str) -> tuple[int, int]:
    """Return the bytes of a file and when it was changed, in nanoseconds."""
    try:
        return images.stat(path)
    except OSError:  # it went, or can't be read: to decode it says so
        return 0, 0


def _digest(images: ImageFolder, path: str) -> str | None:
    import xxhash

    digest = xxhash.xxh3_128()
    try:
        with images.open(path) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    except OSError:
        return None
    return digest.hexdigest()


def _each(
    files: Sequence[File], work: Callable[[File], T], title: str, progress: Progress
) -> list[T]:
    """Return what comes of each file, on all cores: hashing and decoding leave Python free."""
    results: list[T] = []
    with progress.step(title, len(files)) as done:
        for result in each(files, work):
            results.append(result)
            done(len(results))
    return results
