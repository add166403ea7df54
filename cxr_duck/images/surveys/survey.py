"""A survey: runs a function on every image file and keeps the results as a relation of the store.

Only files that are new or have changed are read; what is known of the others stays.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cxr_duck.engines.engine import Engine
from cxr_duck.engines.spread import ImageFile, Spread, here
from cxr_duck.errors import ImagesError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.surveys.runs import Run, current_files, only_run
from cxr_duck.progress import Progress
from cxr_duck.store.changes import next_change, publish_change
from cxr_duck.store.data_files import DataWriter, data_files, show_files
from cxr_duck.store.publication import Publication
from cxr_duck.store.relations import RELATIONS
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["CHECKS", "FINGERPRINTS", "Survey", "Surveyed", "survey_images"]


@dataclass(frozen=True)
class Survey:
    """What is found of a file: the `relation` that holds it.

    `command` is the word of the command line for it, `title` what it says while it works, `settled`
    the stage that tells which readings stand. With `quick` a file may be read in parts only, and
    the column `whole` tells.
    """

    relation: str
    command: str
    title: str
    settled: str
    quick: bool = False

    @property
    def columns(self) -> str:
        """All columns of the relation, as in CREATE TABLE."""
        columns = RELATIONS[self.relation].columns
        assert columns is not None, "a survey's relation is first written without rows"
        return columns

    @property
    def schema(self) -> "pyarrow.Schema":
        """The columns of a row that a run keeps."""
        whole = "" if self.quick else ", whole BOOLEAN"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE rows ({self.columns}{whole})")
            return connection.sql("SELECT * FROM rows").to_arrow_table().schema


CHECKS = Survey("checks", "check", "testing images", "settled_checks", quick=True)
FINGERPRINTS = Survey("fingerprints", "twins", "reading images", "settled_fingerprints")


@dataclass(frozen=True)
class Surveyed:
    """What a survey came to: the number of files `read`, an `engine` that reads the state after."""

    read: int
    engine: Engine


def survey_images(
    store: Store,
    folder: Path,
    survey: Survey,
    work: Callable[[ImageFolder, ImageFile], dict[str, Any]],
    progress: Progress,
    *,
    quick: bool = False,
    full: bool = False,
    spread: Spread = here,
    conclude: Callable[[DataWriter, Engine, Publication], None] | None = None,
) -> Surveyed:
    """Find something in the files of a store's images, publish it; return how many were read.

    The folder is that of the store's images from then on.

    `work` returns the survey's own columns for a file, from any thread or, where `spread` says so,
    on another machine, which must see the same folder at the same path. Files of the size and time
    of change of their last reading are not read again, unless `full`. A run that was killed goes
    on where it was. `conclude` writes what follows from all that was found, in the same
    publication. Raises ImagesError, StoreError.
    """
    if not folder.is_dir():
        raise ImagesError(f"{folder} is no folder: give the folder that holds the images")
    if quick and full:
        raise ImagesError("files are read quickly or in full, not both: leave out one of the two")
    images = ImageFolder(folder.absolute())  # a worker has a directory of its own
    whole = {} if survey.quick else {"whole": True}
    with only_run(store, survey.command, survey.schema, progress, full=full) as run:
        engine = store.engine()
        files = current_files(engine, images, progress)
        _refuse_absent(engine, files, folder)
        _know(engine, survey, files, run, full)
        engine.make(survey.settled, **({"quick": quick} if survey.quick else {}))
        engine.create("settled_rows", f"SELECT * FROM {survey.settled}")
        rows = [ImageFile(*row) for row in engine.rows("unread_files")]
        title = f"{survey.title} below {folder}"
        run.do(title, rows, lambda file: {**work(images, file), **whole}, spread)
        if rows or run.results().num_rows or not _is_known(engine, folder):
            with progress.step("publishing what was found"):
                _publish(store, survey, files, run, folder, full, conclude)
            engine = store.engine()
        run.forget()
    return Surveyed(sum(row.bytes is not None for row in rows), engine)


def _refuse_absent(engine: Engine, files: "pyarrow.Table", folder: Path) -> None:
    """Raise ImagesError where no file was ever looked for, or none is there any more."""
    if not files.num_rows and engine.scalar("SELECT count(*) FROM images"):
        raise ImagesError(
            "nobody looked for the files of this store's images: index the label file with --images"
        )
    known = files.num_rows - files["path"].null_count
    if known and files["bytes"].null_count == files.num_rows:
        raise ImagesError(
            f"none of the {known:,} image files is below {folder}: give the folder that holds them "
            "with --images"
        )


def _is_known(engine: Engine, folder: Path) -> bool:
    """Tell whether a folder is that of the store's images."""
    return bool(
        engine.scalar(
            "SELECT arg_max(images_folder, publication) = ? FROM publications "
            "WHERE images_folder IS NOT NULL",
            str(folder.absolute()),
        )
    )


def _know(engine: Engine, survey: Survey, files: "pyarrow.Table", run: Run, full: bool) -> None:
    """Let the engine see the files as they are now and what is known of them."""
    engine.put_arrow("current_files", files)
    engine.put_arrow("fresh_rows", run.results())
    whole = "" if survey.quick else ", TRUE AS whole"
    engine.create("stored_rows", f"SELECT *{whole} FROM {survey.relation}")
    engine.make("known_rows", full=full)


def _publish(
    store: Store,
    survey: Survey,
    files: "pyarrow.Table",
    run: Run,
    folder: Path,
    full: bool,
    conclude: Callable[[DataWriter, Engine, Publication], None] | None,
) -> None:
    """Write what is known of the files that are there now as the survey's relation."""
    with store.publishing() as publication, store.working_engine() as engine:
        change = next_change(publication, survey.command)
        change = replace(change, images_folder=str(folder.absolute()))
        before = data_files(publication.catalog, survey.relation)
        for name in ("images", survey.relation):
            show_files(engine, publication, name)
        _know(engine, survey, files, run, full)
        engine.make("fitting_rows")
        writer = DataWriter(engine, publication, change.provenance)
        written = writer.write(survey.relation, survey.relation, rows=files.num_rows)
        writer.drop(before)
        writer.add(written)
        if conclude is not None:
            conclude(writer, engine, publication)
        publish_change(publication, change)
