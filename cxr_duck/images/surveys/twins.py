"""Finds images with the same file, pixels or looks, and publishes them as `twins`."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.engine import Engine
from cxr_duck.engines.spread import ImageFile
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.surveys.components import components
from cxr_duck.images.surveys.fingerprint import (
    BITS,
    Fingerprint,
    fingerprint,
    refuse_without_imagehash,
    why_unread,
)
from cxr_duck.images.surveys.survey import FINGERPRINTS, survey_images
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.data_files import DataWriter, data_files, show_files
from cxr_duck.store.publication import Publication
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "NEAR",
    "Twins",
    "find_twins",
    "pair_images",
    "twins_in_splits",
    "write_pairs",
]

NEAR = 40  # bits in which the hashes of two images that look the same may differ
_DIGITS = BITS // 4  # of a hash, in base 16
_NAMED = 3  # images without pixels that are named with their reasons


@dataclass(frozen=True)
class Twins:
    """What is known of the twins among a store's images.

    `read` tells of how many images the file was read in this run. `counts` has for each kind
    (constant, file, near, pixels) its pairs, those across patients, and the groups that hang
    together. `across_patients` has a row for each pair of different patients, the surest first:
    kind, distance, image_id, patient_id, twin_id, twin_patient_id, twin_group. `unread` images
    have no pixels that can be decoded; `reasons` says of the first of them by name why, and
    `unexpected` of how many there is a file that `cxr check` has not found damaged.
    """

    read: int
    images: int
    unread: int
    counts: dict[str, tuple[int, int, int]]
    across_patients: "pyarrow.Table" = field(repr=False)
    reasons: dict[str, str] = field(default_factory=dict)
    unexpected: int = 0


def find_twins(
    store: Store, folder: Path, progress: Progress = SILENT, *, full: bool = False
) -> Twins:
    """Read the files of a store's images below a folder, pair the twins, publish both.

    Files whose size and time of change are those of their last reading are not read again, unless
    `full`. DuckDB does it, whichever engine the store was opened with. Raises ImagesError,
    StoreError.
    """
    refuse_without_imagehash()
    on_duckdb = Store(store.root, progress=progress)
    done = survey_images(
        on_duckdb, folder, FINGERPRINTS, _fingerprint_of, progress, full=full, conclude=write_pairs
    )
    return _known_twins(done.engine, done.read, ImageFolder(folder.absolute()))


def _known_twins(engine: Engine, read: int, folder: ImageFolder) -> Twins:
    """Return what a store knows of twins, after so many files were read."""
    images, unread = engine.fetch(
        "SELECT count(*), count(*) FILTER (pixel_digest IS NULL) FROM fingerprints"
    )[0]
    lacking = engine.rows("images_without_pixels")
    return Twins(
        read,
        int(images),
        int(unread),
        {kind: tuple(numbers) for kind, *numbers in engine.rows("twin_counts")},
        engine.arrow("twins_across_patients"),
        {image_id: why_unread(folder, path) for image_id, path, _ in lacking[:_NAMED]},
        sum(path is not None and not damaged for _, path, damaged in lacking),
    )


def twins_in_splits(store: Store, dataset: str) -> "pyarrow.Table":
    """Return a row for each image of a recorded dataset that has a twin in another of its splits.

    The columns are twin_group, image_id, patient_id and split.
    """
    engine = store.duckdb()
    engine.make("recorded_members", dataset=dataset)
    return engine.arrow("twins_in_splits")


def _fingerprint_of(folder: ImageFolder, file: ImageFile) -> dict[str, Any]:
    """Return what an image's file comes to, as columns of `fingerprints`."""
    found = Fingerprint()
    if file.path is not None:
        try:
            with folder.open(file.path) as stream:
                found = fingerprint(stream)
        except OSError:  # it went, or can't be read: cxr check says so
            pass
    return asdict(found)


def write_pairs(writer: DataWriter, engine: Engine, publication: Publication) -> None:
    """Write the relation twin_pairs anew, from the fingerprints that the publication lists now."""
    # Pairing compares bits, which is DuckDB's work: where Python puts them, it is done here.
    show_files(engine, publication, "fingerprints", "stored_fingerprints")
    engine.put_arrow("fingerprints", engine.arrow_of("stored_fingerprints"))
    pair_images(engine)
    before = data_files(publication.catalog, "twin_pairs")
    written = writer.write("twin_pairs", "twin_pairs", rows=0)
    writer.drop(before)
    writer.add(written)


def pair_images(engine: Engine, near: int = NEAR, digits: int = _DIGITS) -> None:
    """Make paired_images and twin_groups of the relation fingerprints.

    Images look the same where their hashes, of so many `digits` in base 16, differ in at most
    `near` bits.
    """
    engine.make("distinct_hashes")
    engine.put("near_hashes", "number BIGINT, other_number BIGINT, distance BIGINT", [])
    bands = near + 1
    assert bands <= digits, "a band has one digit at least"
    for start, end in pairwise(digits * band // bands for band in range(bands + 1)):
        engine.make("hashes_in_band", first_digit=start + 1, digits=end - start, most=near)
        engine.append(
            "near_hashes",
            "SELECT * FROM hashes_in_band ANTI JOIN near_hashes USING (number, other_number)",
        )
    engine.make("paired_images")
    pairs = engine.query("SELECT image_id, twin_id FROM paired_images")
    engine.put_arrow("connected_images", components(pairs))
    engine.create(
        "twin_groups", "SELECT name AS image_id, first AS twin_group FROM connected_images"
    )
