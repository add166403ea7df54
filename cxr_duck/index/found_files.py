"""The image files that were found, as the relations `image_files` and `refused_files`."""

from pathlib import Path

from cxr_duck.engines.engine import Engine
from cxr_duck.images.files.listing import Listing
from cxr_duck.progress import Progress
from cxr_duck.spelling import counted
from cxr_duck.store.data_files import DataWriter, data_files, show_files
from cxr_duck.store.publication import Publication
from cxr_duck.store.store import Store

__all__ = ["is_listed_anew", "put_listing", "tell_files", "tell_other_endings", "write_listing"]


def put_listing(engine: Engine, listing: Listing) -> None:
    """Make listing and refused_listing of what was found below a folder of images."""
    engine.put_arrow("listing", listing.files)
    engine.put_arrow("refused_listing", listing.refused)


def is_listed_anew(engine: Engine, publication: Publication) -> bool:
    """Tell whether the listing is another than the one that the store has."""
    for relation in ("image_files", "refused_files"):
        show_files(engine, publication, relation, f"stored_{relation}")
    return engine.count("listed_anew") > 0


def write_listing(engine: Engine, writer: DataWriter, publication: Publication) -> None:
    """Put the listing in the place of the one that the store has."""
    for relation, listed in (("image_files", "listing"), ("refused_files", "refused_listing")):
        writer.drop(data_files(publication.catalog, relation))
        rows = engine.scalar(f"SELECT count(*) FROM {listed}")
        writer.add(writer.write(relation, relation, rows=rows))


def tell_other_endings(engine: Engine, progress: Progress) -> None:
    """Say how many images were found under a name with another ending."""
    count = engine.scalar("SELECT count(*) FROM files WHERE other_ending")
    some = "SELECT image_id, path FROM files WHERE other_ending ORDER BY image_id LIMIT 1"
    for image_id, path in engine.fetch(some):
        progress.note(
            f"{counted(count, 'image')} found under another ending, such as {image_id}: {path}"
        )


def tell_files(store: Store, folder: Path, progress: Progress) -> None:
    """Say how many of the files that were found are of no image, repeated, or refused."""
    engine = store.engine()
    ((extra, repeated),) = engine.fetch(_COUNTS)
    parts = []
    if extra:
        whose = "1 file is" if extra == 1 else f"{extra:,} files are"
        parts.append(f'{whose} of no image (cxr sql "FROM extra_files")')
    if repeated:
        whose = "1 name occurs" if repeated == 1 else f"{repeated:,} names occur"
        parts.append(f'{whose} more than once (cxr sql "FROM repeated_files")')
    if parts:
        progress.note(f"{folder}: {', '.join(parts)}")
    members = engine.fetch(f"{_REFUSED} IS NOT NULL ORDER BY path")
    if members:
        progress.note(
            f"{folder}: {counted(len(members), 'file')} can't be used, {members[0][0]} among them "
            f'({members[0][1]}); all: cxr sql "FROM refused_files"'
        )
    if zips := engine.fetch(f"{_REFUSED} IS NULL ORDER BY path"):
        progress.note(
            f"{folder}: {counted(len(zips), _word(zips))} can't be read: "
            + ", ".join(f"{path} ({reason})" for path, reason in zips[:_SOME])
            + ('; all: cxr sql "FROM refused_files"' if len(zips) > _SOME else "")
        )


def _word(archives: list[tuple[str, str]]) -> str:
    return "zip" if all(path.lower().endswith(".zip") for path, _ in archives) else "archive"


_SOME = 3  # zips that a message names
_COUNTS = """
SELECT
    (SELECT count(*) FROM extra_files),
    (SELECT count(DISTINCT image_id) FROM repeated_files)
"""
_REFUSED = "SELECT path, reason FROM refused_files WHERE image_id"
