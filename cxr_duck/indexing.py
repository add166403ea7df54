"""From a label file to a published index: the stages of `sql/1_index` and `sql/2_terms`."""

import platform
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cxr_duck import __version__
from cxr_duck.catalog import create_macros, create_views, describe, write_terms
from cxr_duck.engines.duckdb import DuckDBEngine, Layout
from cxr_duck.errors import ImagesError, LabelFileError
from cxr_duck.images.listing import list_images
from cxr_duck.progress import Progress
from cxr_duck.sources import Source
from cxr_duck.sources.label_file import LabelFile, open_label_file
from cxr_duck.stages import stage
from cxr_duck.store import SPILL, Publication, Store
from cxr_duck.terms import built_in_hierarchies

__all__ = ["index_labels"]

# Sort key and rows of a row group: what has statistics, and what a look-up reads at least.
_LAYOUTS = {
    "images": ("image_id", 122_880),
    "postings": ("finding, image_id", 8_192),
    "rejects": ("row", 122_880),
}


def index_labels(
    store: Store,
    source: Source,
    labels: Path,
    images_folder: Path | None,
    pure_terms: bool,
    progress: Progress,
) -> dict[str, int]:
    """Index a label file into a store; return the rows of images, postings and rejects.

    With a folder of images, also the number of images whose file was found there, as `found`.

    What was indexed there before is replaced; recorded datasets stay. Raises LabelFileError,
    ImagesError or StoreError, and then the store is as it was.
    """
    label_file = open_label_file(labels, source)
    _tell_columns(label_file, progress)
    listing = None
    if images_folder is not None:
        with progress.step(f"listing {images_folder}") as done:
            listing = list_images(images_folder, done)
    with store.publishing() as publication:
        publication.folder.mkdir(parents=True)
        engine = _reading_engine(store)
        try:
            with ThreadPoolExecutor() as pool:
                digest = pool.submit(label_file.sha256)
                whole = pool.submit(label_file.check_whole)
                prepared = pool.submit(_prepare_catalog, publication.catalog)
                with progress.step(f"reading {labels.name}"):
                    _read_records(engine, source, label_file)
                    whole.result()
                provenance = {
                    "cxr_duck_version": __version__,
                    "label_file": label_file.path.name,
                    "label_file_sha256": digest.result(),
                }
                found = _match_files(engine, listing, labels, images_folder)
                with progress.step("writing images and postings"):
                    counts = _write_tables(
                        engine,
                        pool,
                        publication,
                        provenance,
                        {
                            "images": {"images_given": listing is not None},
                            "postings": {"pure_terms": pure_terms},
                            "rejects": {"label_file": label_file.path.name},
                        },
                    )
                prepared.result()
        finally:
            engine.connection.close()
        if not counts["images"]:
            raise LabelFileError(
                f"{labels} has no row that can be read; the first: {_first_reason(publication)}"
            )
        with progress.step("writing the catalog"):
            _fill_catalog(publication, source, provenance, images_folder, pure_terms, counts)
    _tell_rejects(counts["rejects"], progress)
    return counts if listing is None else {**counts, "found": found}


def _reading_engine(store: Store) -> DuckDBEngine:
    connection = duckdb.connect(
        config={"python_enable_replacements": False, "temp_directory": str(store.path / SPILL)}
    )
    return DuckDBEngine(connection, keep=True)


def _read_records(engine: DuckDBEngine, source: Source, label_file: LabelFile) -> None:
    engine.read_csv(
        source.stage,
        label_file.path,
        label_file.compressed,
        label_file.columns,
        ("source_row", *source.columns),
        source.null_words,
    )
    engine.make("repeats")
    engine.make("refusals")
    refused = engine.fetch("SELECT row FROM malformed UNION ALL SELECT row FROM refusals")
    texts: dict[int, str] = {}
    if refused:
        records, texts = label_file.raw_records({row for (row,) in refused})
        _refuse_lost_records(engine, label_file, records)
    engine.put("refused_text", "row BIGINT, raw VARCHAR", list(texts.items()))


def _refuse_lost_records(engine: DuckDBEngine, label_file: LabelFile, records: int) -> None:
    """Raise LabelFileError where a malformed record made the reader skip others."""
    read = engine.scalar("SELECT (SELECT count(*) FROM readable) + count(*) FROM malformed")
    if read != records:
        row, reason = engine.fetch("SELECT row, reason FROM malformed ORDER BY row LIMIT 1")[0]
        raise LabelFileError(
            f"{label_file.path} can't be told apart into records: it has {records:,}, of which "
            f"{read:,} could be read; mend the first that is malformed, record {row:,} ({reason})"
        )


def _write_tables(
    engine: DuckDBEngine,
    pool: ThreadPoolExecutor,
    publication: Publication,
    provenance: dict[str, str],
    params: dict[str, dict[str, object]],
) -> dict[str, int]:
    """Write the Parquet files at the same time: one alone does not keep two cores busy."""
    writing = {
        name: pool.submit(
            engine.write,
            name,
            publication.folder / f"{name}.parquet",
            Layout(sort, row_group, provenance),
            **params[name],
        )
        for name, (sort, row_group) in _LAYOUTS.items()
    }
    return {name: future.result() for name, future in writing.items()}


def _prepare_catalog(catalog: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that don't depend on the label file."""
    catalog.execute(stage("publications").sql)
    catalog.execute(stage("experiments").sql)
    write_terms(catalog, built_in_hierarchies())


def _fill_catalog(
    publication: Publication,
    source: Source,
    provenance: dict[str, str],
    images_folder: Path | None,
    pure_terms: bool,
    counts: dict[str, int],
) -> None:
    catalog = publication.catalog
    catalog.execute(
        "INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            publication.number,
            datetime.now(UTC).replace(tzinfo=None),
            __version__,
            duckdb.__version__,
            platform.python_version(),
            source.name,
            provenance["label_file"],
            provenance["label_file_sha256"],
            str(images_folder.absolute()) if images_folder else None,
            pure_terms,
            counts["images"],
            counts["rejects"],
        ],
    )
    create_views(catalog, publication.folder.name)
    describe(catalog)
    create_macros(catalog)


def _match_files(
    engine: DuckDBEngine,
    listing: list[tuple[str, str, str]] | None,
    labels: Path,
    images_folder: Path | None,
) -> int:
    """Make files, and return how many images have one; ImagesError where none has."""
    engine.put("listing", "name VARCHAR, folder VARCHAR, path VARCHAR", listing or [])
    engine.make("files")
    found = engine.scalar(
        "SELECT count(*) FROM records "
        "ANTI JOIN refusals USING (row) SEMI JOIN files USING (image_id)"
    )
    if listing is not None and not found:
        raise ImagesError(
            f"none of the images of {labels.name} is among the {len(listing):,} image files below "
            f"{images_folder}: give the folder that holds them"
        )
    return int(found)


def _first_reason(publication: Publication) -> str:
    rows = publication.catalog.execute(
        "SELECT concat('row ', row, ': ', reason) FROM read_parquet(?) ORDER BY row LIMIT 1",
        [str(publication.folder / "rejects.parquet")],
    ).fetchall()
    return str(rows[0][0]) if rows else "none"


def _tell_columns(label_file: LabelFile, progress: Progress) -> None:
    if label_file.missing:
        progress.note(
            f"{label_file.path.name} lacks the columns {', '.join(label_file.missing)}: "
            "they are NULL in images"
        )
    if label_file.unknown:
        progress.note(
            f"{label_file.path.name} has the unknown columns {', '.join(label_file.unknown)}: "
            "they are left out"
        )


def _tell_rejects(count: int, progress: Progress) -> None:
    if count:
        progress.note(
            f"{count:,} {'row was' if count == 1 else 'rows were'} refused; "
            'why: cxr sql "SELECT row, reason FROM rejects"'
        )
