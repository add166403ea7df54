"""Find images with the same file or pixels, or that look the same, and publish them as `twins`."""

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.components import components
from cxr_duck.data_files import DataWriter, data_files, read_expression
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import ImagesError
from cxr_duck.images.fingerprint import (
    BITS,
    Fingerprint,
    fingerprint,
    refuse_without_imagehash,
)
from cxr_duck.images.folder import ImageFolder
from cxr_duck.images.runs import ImageFile, Run, current_files, only_run
from cxr_duck.progress import SILENT, Progress
from cxr_duck.publishing import next_change, publish_change, working_engine
from cxr_duck.store import Publication, Store

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "FINGERPRINT_COLUMNS",
    "NEAR",
    "PAIR_COLUMNS",
    "Twins",
    "find_twins",
    "pair_images",
    "pair_what_stays",
    "twins_in_splits",
]

FINGERPRINT_COLUMNS = (
    "image_id VARCHAR, path VARCHAR, bytes BIGINT, modified BIGINT, file_digest VARCHAR, "
    "pixel_digest VARCHAR, perceptual_hash BLOB"
)
PAIR_COLUMNS = (
    "image_id VARCHAR, twin_id VARCHAR, kind VARCHAR, distance BIGINT, twin_group VARCHAR"
)
NEAR = 40  # bits in which the hashes of two images that look the same may differ
_DIGITS = BITS // 4  # of a hash, in base 16


@dataclass(frozen=True)
class Twins:
    """What is known of the twins among a store's images.

    `read` tells of how many images the file was read in this run. `counts` has for each kind
    (constant, file, near, pixels) its pairs, those across patients, and the groups that hang
    together. `across_patients` has a row for each pair of different patients, the surest first:
    kind, distance, image_id, patient_id, twin_id, twin_patient_id, twin_group. `unread` images
    have no pixels that can be decoded.
    """

    read: int
    images: int
    unread: int
    counts: dict[str, tuple[int, int, int]]
    across_patients: "pyarrow.Table" = field(repr=False)


def find_twins(
    store: Store, folder: Path, progress: Progress = SILENT, *, full: bool = False
) -> Twins:
    """Read the files of a store's images below a folder, pair the twins, publish both.

    Files whose size and time of change are those of their last reading are not read again, unless
    `full`. Raises ImagesError, StoreError.
    """
    if not folder.is_dir():
        raise ImagesError(f"{folder} is no folder: give the folder that holds the images")
    refuse_without_imagehash()
    images = ImageFolder(folder)
    with only_run(store, "twins", _schema(), progress) as run:
        engine = DuckDBEngine(store.cursor())
        files = current_files(engine, images, progress)
        _know(engine, files, run, full)
        rows = [ImageFile(*row) for row in engine.rows("unread_files")]
        run.do("reading images", rows, lambda file: _fingerprint_of(images, file))
        if run.results().num_rows:
            _publish(store, files, run, full, progress)
        run.forget()
    return known_twins(store, len(rows))


def known_twins(store: Store, read: int = 0) -> Twins:
    """Return what a store knows of twins, after so many files were read."""
    engine = DuckDBEngine(store.cursor())
    images, unread = engine.fetch(
        "SELECT count(*), count(*) FILTER (pixel_digest IS NULL) FROM fingerprints"
    )[0]
    return Twins(
        read,
        int(images),
        int(unread),
        {kind: tuple(numbers) for kind, *numbers in engine.rows("twin_counts")},
        engine.arrow("twins_across_patients"),
    )


def twins_in_splits(store: Store, dataset: str) -> "pyarrow.Table":
    """Return a row for each image of a recorded dataset that has a twin in another of its splits.

    The columns are twin_group, image_id, patient_id and split.
    """
    engine = DuckDBEngine(store.cursor())
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


def _schema() -> "pyarrow.Schema":
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE fingerprints ({FINGERPRINT_COLUMNS})")
        return connection.sql("SELECT * FROM fingerprints").to_arrow_table().schema


def _know(engine: DuckDBEngine, files: "pyarrow.Table", run: Run, full: bool) -> None:
    """Let the engine see the files as they are now and what is known of them."""
    engine.put_arrow("current_files", files)
    engine.put_arrow("fresh_fingerprints", run.results())
    engine.make("known_fingerprints", full=full)


def _publish(
    store: Store, files: "pyarrow.Table", run: Run, full: bool, progress: Progress
) -> None:
    """Write the fingerprints of the files that are there now, and the pairs of twins."""
    with store.publishing() as publication, working_engine(store) as engine:
        change = next_change(publication, "twins")
        before = data_files(publication.catalog, "fingerprints")
        for name in ("images", "fingerprints"):
            expression = read_expression(store.path, data_files(publication.catalog, name))
            engine.connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {expression}")
        _know(engine, files, run, full)
        writer = DataWriter(engine, publication, change.provenance)
        written = writer.write("fingerprints", "fingerprints", rows=files.num_rows)
        writer.drop(before)
        writer.add(written)
        _write_pairs(writer, engine, publication, progress)
        publish_change(publication, change)


def pair_what_stays(writer: DataWriter, engine: DuckDBEngine, publication: Publication) -> None:
    """Take images that go out of the fingerprints, and pair what stays anew.

    An image that goes may be the one that others with its file were paired with.
    """
    before = data_files(publication.catalog, "fingerprints")
    writer.filter("fingerprints", "kept_rows")
    if data_files(publication.catalog, "fingerprints") != before:
        _write_pairs(writer, engine, publication, SILENT)


def _write_pairs(
    writer: DataWriter, engine: DuckDBEngine, publication: Publication, progress: Progress
) -> None:
    expression = read_expression(publication.store, data_files(publication.catalog, "fingerprints"))
    engine.connection.execute(f"CREATE OR REPLACE VIEW fingerprints AS SELECT * FROM {expression}")
    pair_images(engine, progress)
    before = data_files(publication.catalog, "twin_pairs")
    written = writer.write("twin_pairs", "twin_pairs", rows=0)
    writer.drop(before)
    writer.add(written)


def pair_images(
    engine: DuckDBEngine, progress: Progress = SILENT, near: int = NEAR, digits: int = _DIGITS
) -> None:
    """Make paired_images and twin_groups of the relation fingerprints.

    Images look the same where their hashes, of so many `digits` in base 16, differ in at most
    `near` bits.
    """
    engine.make("distinct_hashes")
    engine.put("near_hashes", "number BIGINT, other_number BIGINT, distance BIGINT", [])
    bands = near + 1
    assert bands <= digits, "a band has one digit at least"
    borders = [digits * band // bands for band in range(bands + 1)]
    with progress.step("pairing images", bands) as done:
        for band, (start, end) in enumerate(pairwise(borders), start=1):
            engine.make("hashes_in_band", first_digit=start + 1, digits=end - start, most=near)
            engine.fetch(
                "INSERT INTO near_hashes SELECT * FROM hashes_in_band "
                "ANTI JOIN near_hashes USING (number, other_number)"
            )
            done(band)
    engine.make("paired_images")
    pairs = engine.connection.sql("SELECT image_id, twin_id FROM paired_images").to_arrow_table()
    engine.put_arrow("connected_images", components(pairs))
    engine.fetch(
        "CREATE OR REPLACE VIEW twin_groups AS "
        "SELECT name AS image_id, first AS twin_group FROM connected_images"
    )
