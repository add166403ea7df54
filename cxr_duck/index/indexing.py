"""From a label file to a published index: the stages of `sql/2_index` and `sql/3_terms`.

A store grows by data files: what a label file has and the store has not becomes files of its own,
written in blocks that fit in memory. Of the files that are there only the image ids are read.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cxr_duck.engines.engine import Engine
from cxr_duck.errors import ConflictError, ImagesError, StoreError
from cxr_duck.images.files.listing import Listing, list_images, nothing_listed
from cxr_duck.index.found_files import (
    is_listed_anew,
    put_listing,
    tell_files,
    tell_other_endings,
    write_listing,
)
from cxr_duck.index.reading import read_label_file
from cxr_duck.index.values import own_fields_of, tell_doubtful_ids, tell_own_fields
from cxr_duck.index.what_stays import keep_what_stays
from cxr_duck.progress import Progress
from cxr_duck.sources.label_file import LabelFile, open_label_file
from cxr_duck.sources.source import Source
from cxr_duck.store.catalog import create_tables
from cxr_duck.store.changes import Change, last_change, publish_change
from cxr_duck.store.data_files import DataWriter, data_files, show_files
from cxr_duck.store.publication import Publication
from cxr_duck.store.store import SPILL, Store
from cxr_duck.terms.hierarchy import built_in_hierarchies
from cxr_duck.terms.stored import write_terms

__all__ = ["index_labels"]

_BLOCK = 1_000_000  # records that are sorted at a time: they take about a gigabyte


def index_labels(
    store: Store,
    source: Source,
    labels: Path,
    images_folder: Path | None,
    progress: Progress,
    *,
    pure_terms: bool = False,
    replacing: bool = False,
    readmitting: bool = False,
    allowing: bool = False,
) -> dict[str, int]:
    """Index a label file into a store, beside what the store has; return what came of it.

    That is the rows of `images`, `postings` and `rejects` that the store has now, how many images
    were `added`, `replaced`, `located` (only their file lies elsewhere than the store knew) and
    `unchanged`, and with a folder of images, how many of the label file's were `found` there. An
    image that the store has with other content raises ConflictError, unless `replacing` takes the
    label file's word. Images that were removed stay out, unless `readmitting`. A file of which more
    than a few rows would be refused raises LabelFileError, unless `allowing` that. Raises
    LabelFileError, ImagesError or StoreError as well, and then the store is as it was.
    """
    label_file = open_label_file(labels, source)
    _tell_columns(label_file, progress)
    listing = None
    if images_folder is not None:
        with progress.step(f"listing {images_folder}") as done:
            listing = list_images(images_folder, done)
    with store.publishing() as publication:
        create_tables(publication.catalog)
        last = last_change(publication.catalog)
        if last is not None and last.pure_terms != pure_terms:
            raise StoreError(
                f"{store.root} was indexed {'with' if last.pure_terms else 'without'} --pure, and "
                "an index can't be both: do the same, or give --store another folder"
            )
        with store.working_engine(label_file.size) as engine, ThreadPoolExecutor() as pool:
            digest = pool.submit(label_file.sha256)
            terms = pool.submit(write_terms, publication.catalog, built_in_hierarchies())
            with progress.step(f"reading {labels.name}"):
                read_label_file(engine, pool, source, label_file, store.path / SPILL, allowing)
            replaced = terms.result()
            own_fields = own_fields_of(engine)
            found = _match_files(engine, label_file, listing, images_folder, progress)
            counts = _compare(
                engine, publication, label_file, listing is not None, replacing, readmitting
            )
            change = Change(
                action="index",
                source=source.name,
                label_file=labels.name,
                label_file_sha256=digest.result(),
                images_folder=str(images_folder.absolute()) if images_folder else None,
                pure_terms=pure_terms,
                added=counts["added"],
                replaced=counts["replaced"] + counts["located"],
            )
            change = _settle_folder(engine, change, last, progress)
            with progress.step("writing images and postings"):
                _write(engine, pool, publication, change, listing is not None)
        if not publication.discarded:
            with progress.step("writing the catalog"):
                publish_change(publication, change, list(own_fields))
        counts = {**_totals(publication), **counts}
    for sentence in [] if publication.discarded else replaced:
        progress.note(sentence)
    tell_own_fields(label_file, own_fields, progress)
    if images_folder is not None:
        tell_files(store, images_folder, progress)
    if not publication.discarded:
        tell_doubtful_ids(store, progress)
    _tell_rejects(counts.pop("refused"), progress)
    _tell_removed(counts.pop("removed"), labels, progress)
    return counts if listing is None else {**counts, "found": found}


def _match_files(
    engine: Engine,
    label_file: LabelFile,
    listing: Listing | None,
    images_folder: Path | None,
    progress: Progress,
) -> int:
    """Make files, and return how many images have one; ImagesError where none has."""
    put_listing(engine, listing or nothing_listed())
    engine.make("files")
    if listing is None:
        return 0
    tell_other_endings(engine, progress)
    found = engine.scalar(
        "SELECT count(*) FROM records "
        "ANTI JOIN refusals USING (row) SEMI JOIN files USING (image_id)"
    )
    if not found:
        refused = listing.refused.slice(0, 1).to_pylist()
        raise ImagesError(
            f"none of the images of {label_file.path.name} is among the "
            f"{listing.files.num_rows:,} image files below {images_folder}: give the folder that "
            "holds them" + "".join(f" ({row['path']}: {row['reason']})" for row in refused)
        )
    return int(found)


def _compare(
    engine: Engine,
    publication: Publication,
    label_file: LabelFile,
    images_given: bool,
    replacing: bool,
    readmitting: bool,
) -> dict[str, int]:
    """Make known_records and skipped_records; return how many images are new, changed and so on."""
    _show_store(engine, publication)
    if data_files(publication.catalog, "images"):
        engine.make("known_records", images_given=images_given)
    else:
        engine.put(
            "known_records",
            "row BIGINT, image_id VARCHAR, state VARCHAR, path VARCHAR, present BOOLEAN",
            [],
        )
    engine.make("skipped_records", readmitting=readmitting)
    states = dict(engine.fetch("SELECT state, count(*) FROM known_records GROUP BY state"))
    if states.get("changed") and not replacing:
        engine.gather("conflicting_records")
        engine.gather("conflicting_images")
        raise ConflictError(
            f"{label_file.path.name} says of {states['changed']:,} images other than the store: "
            "give --replace to take the label file's word, or leave these rows out",
            engine.arrow("conflicts").to_pylist(),
        )
    refused = engine.scalar("SELECT count(*) FROM refusals")
    known = sum(states.values()) - (states.get("removed", 0) if readmitting else 0)
    return {
        "added": int(engine.scalar("SELECT count(*) FROM records") - refused - known),
        "replaced": int(states.get("changed", 0)),
        "located": int(states.get("moved", 0)),
        "unchanged": int(states.get("same", 0)),
        "refused": int(refused + engine.scalar("SELECT count(*) FROM malformed")),
        "removed": 0 if readmitting else int(states.get("removed", 0)),
    }


def _settle_folder(
    engine: Engine, change: Change, last: Change | None, progress: Progress
) -> Change:
    """Return the change with the folder that the paths of all images are relative to.

    ImagesError where the store has images below another folder than the one that is given.
    """
    if last is None or last.images_folder in (None, change.images_folder):
        return change
    if change.images_folder is None:
        if change.added:
            progress.note(
                f"{change.added:,} images come in without their files being looked for: "
                "give --images as before"
            )
        return replace(change, images_folder=last.images_folder)
    elsewhere = engine.scalar(
        "SELECT count(*) FROM stored_images ANTI JOIN known_records USING (image_id) "
        "WHERE path IS NOT NULL"
    )
    if elsewhere:
        raise ImagesError(
            f"{elsewhere:,} images of the store lie below {last.images_folder}: give --images the "
            "folder that holds these and the new ones"
        )
    return change


def _write(
    engine: Engine,
    pool: ThreadPoolExecutor,
    publication: Publication,
    change: Change,
    images_given: bool,
) -> None:
    """Write the data files of a change, or discard the publication where nothing changes."""
    refused = engine.count("rejects", label_file=change.label_file)
    known_store = data_files(publication.catalog)
    listed = bool(images_given and known_store and is_listed_anew(engine, publication))
    if known_store and not (change.added or change.replaced or refused or listed):
        publication.discarded = True
        return
    records = engine.scalar("SELECT count(*) FROM records")
    writer = DataWriter(engine, publication, change.provenance)
    engine.create(
        "gone_images", "SELECT image_id FROM known_records WHERE state IN ('changed', 'moved')"
    )
    if change.replaced:
        keep_what_stays(writer, engine, publication, lambda relation: relation.when_images_change)
    _forget_removals(engine, publication)
    if refused or not known_store:
        writer.add(writer.write("rejects", "rejects", rows=refused, label_file=change.label_file))
    if not known_store:
        writer.write_first()
    if listed or not known_store:
        write_listing(engine, writer, publication)
    if listed:
        keep_what_stays(writer, engine, publication, lambda relation: relation.when_files_change)
    engine.number_findings("SELECT DISTINCT unnest(findings) FROM records")
    # At the same time: one alone does not keep two cores busy.
    for _ in engine.blocks(_BLOCK):
        images = pool.submit(
            writer.write, "images", "images", rows=records, images_given=images_given
        )
        postings = pool.submit(
            writer.write, "postings", "postings", rows=2 * records, pure_terms=change.pure_terms
        )
        writer.add(images.result())
        writer.add(postings.result())


def _show_store(engine: Engine, publication: Publication) -> None:
    """Let the engine see what the store has: stored_images, stored_rejects, what was removed."""
    catalog = publication.catalog
    for relation in ("images", "rejects"):
        if data_files(catalog, relation):
            show_files(engine, publication, relation, f"stored_{relation}")
    if not data_files(catalog, "rejects"):
        engine.put("stored_rejects", "file VARCHAR, row BIGINT, raw VARCHAR", [])
    removed = catalog.execute("SELECT image_id, patient_id FROM removed_images").fetchall()
    engine.put("removed_images", "image_id VARCHAR, patient_id VARCHAR", removed)
    texts = sorted({text for pair in removed for text in pair if text})
    engine.put("removed_texts", "text VARCHAR", [(text,) for text in texts])


def _forget_removals(engine: Engine, publication: Publication) -> None:
    """Take images that come in again, and their patients, off the list of what was removed."""
    back = engine.fetch(
        "SELECT known_records.image_id, records.patient_id FROM known_records "
        "INNER JOIN records USING (row) ANTI JOIN skipped_records USING (row) "
        "WHERE state = 'removed'"
    )
    if not back:
        return
    images, patients = (list(column) for column in zip(*back, strict=True))
    publication.catalog.execute(
        "DELETE FROM removed_images WHERE list_contains(?, image_id)", [images]
    )
    publication.catalog.execute(
        "UPDATE removed_images SET patient_id = NULL WHERE list_contains(?, patient_id)",
        [patients],
    )


def _totals(publication: Publication) -> dict[str, int]:
    """Return the rows of each relation that the store has."""
    files = data_files(publication.catalog)
    return {
        relation: sum(file.rows for file in files if file.relation == relation)
        for relation in ("images", "postings", "rejects")
    }


def _tell_columns(label_file: LabelFile, progress: Progress) -> None:
    if "" in label_file.columns:
        progress.note(
            f"{label_file.path.name} begins with an index, as pandas writes it: it is left out"
        )
    if label_file.missing:
        progress.note(
            f"{label_file.path.name} lacks the columns {', '.join(label_file.missing)}: "
            "they are NULL in images"
        )


def _tell_rejects(count: int, progress: Progress) -> None:
    if count:
        progress.note(
            f"{count:,} {'row was' if count == 1 else 'rows were'} refused; "
            'why: cxr sql "SELECT row, reason FROM rejects"'
        )


def _tell_removed(count: int, labels: Path, progress: Progress) -> None:
    if count:
        progress.note(
            f"{count:,} images of {labels.name} were removed from this store and stay out; "
            "--readmit takes them in again"
        )
