"""Test the files of all images, to their last byte, and publish what was found as `checks`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.data_files import DataWriter, data_files, read_expression
from cxr_duck.engines.duckdb import DuckDBEngine
from cxr_duck.errors import ImagesError
from cxr_duck.images.folder import ImageFolder
from cxr_duck.images.runs import ImageFile, Run, current_files, only_run
from cxr_duck.images.testing import test_image as examine
from cxr_duck.images.verdict import Verdict
from cxr_duck.progress import SILENT, Progress
from cxr_duck.publishing import next_change, publish_change, working_engine
from cxr_duck.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["CHECK_COLUMNS", "Integrity", "check_images", "examine_file"]

CHECK_COLUMNS = (
    "image_id VARCHAR, path VARCHAR, bytes BIGINT, modified BIGINT, verdict VARCHAR, "
    'reason VARCHAR, detail VARCHAR, "offset" BIGINT, format VARCHAR, width BIGINT, '
    "height BIGINT, bits INTEGER, color VARCHAR, sha256 VARCHAR, whole BOOLEAN"
)


@dataclass(frozen=True)
class Integrity:
    """What is known of the files of a store's images after a test.

    `counts` has the images of each verdict, `tested` tells of how many the file was tested in this
    run. `problems` has the columns image_id, path, verdict, reason, offset (byte) and detail, a row
    for each image that is not ok.
    """

    tested: int
    counts: dict[str, int]
    problems: "pyarrow.Table"


def check_images(
    store: Store,
    folder: Path,
    progress: Progress = SILENT,
    *,
    quick: bool = False,
    full: bool = False,
) -> Integrity:
    """Test the files of a store's images below a folder; publish what was found.

    Files whose size and time of change are those of their last test are not tested again, unless
    `full`. `quick` reads the parts of each file and their checksums, but no pixel. Raises
    ImagesError, StoreError.
    """
    if not folder.is_dir():
        raise ImagesError(f"{folder} is no folder: give the folder that holds the images")
    images = ImageFolder(folder)
    with only_run(store, "check", _schema(), progress) as run:
        engine = DuckDBEngine(store.cursor())
        files = current_files(engine, images, progress)
        _know(engine, files, run, full)
        rows = [ImageFile(*row) for row in engine.rows("untested_files", quick=quick)]
        run.do("testing images", rows, lambda file: examine_file(images, file, quick))
        if rows or run.results().num_rows:
            _publish(store, files, run, full, progress)
        run.forget()
    return _integrity(store, len(rows))


def examine_file(folder: ImageFolder, file: ImageFile, quick: bool) -> dict[str, Any]:
    """Return what the test of an image's file finds, as the columns of `checks`."""
    verdict = _judge(folder, file.path, quick)
    return {**asdict(verdict), "whole": not quick}


def _judge(folder: ImageFolder, path: str | None, quick: bool) -> Verdict:
    if path is None:
        return Verdict("damaged", "missing")
    try:
        with folder.open(path) as stream:
            return examine(stream, path, quick=quick)
    except FileNotFoundError:
        return Verdict("damaged", "missing")
    except OSError as error:
        return Verdict("damaged", "unreadable", error.strerror or str(error))


def _schema() -> "pyarrow.Schema":
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE checks ({CHECK_COLUMNS})")
        return connection.sql("SELECT * FROM checks").to_arrow_table().schema


def _know(engine: DuckDBEngine, files: "pyarrow.Table", run: Run, full: bool) -> None:
    """Let the engine see the files as they are now and what is known of them."""
    engine.put_arrow("current_files", files)
    engine.put_arrow("fresh_checks", run.results())
    engine.make("known_checks", full=full)


def _publish(
    store: Store, files: "pyarrow.Table", run: Run, full: bool, progress: Progress
) -> None:
    """Write what is known of the files that are there now as the store's checks."""
    with (
        progress.step("publishing what was found"),
        store.publishing() as publication,
        working_engine(store) as engine,
    ):
        change = next_change(publication, "check")
        before = data_files(publication.catalog, "checks")
        for name in ("images", "checks"):
            expression = read_expression(store.path, data_files(publication.catalog, name))
            engine.connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {expression}")
        _know(engine, files, run, full)
        writer = DataWriter(engine, publication, change.provenance)
        written = writer.write("checks", "checks", rows=files.num_rows)
        writer.drop(before)
        writer.add(written)
        publish_change(publication, change)


def _integrity(store: Store, tested: int) -> Integrity:
    engine = DuckDBEngine(store.cursor())
    counts = dict(engine.fetch("SELECT verdict, count(*) FROM checks GROUP BY verdict"))
    return Integrity(
        tested,
        {verdict: int(counts.get(verdict, 0)) for verdict in ("ok", "suspect", "damaged")},
        engine.arrow("found_problems"),
    )
