"""Tests the files of all images to their last byte, for the relation `checks`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_duck.engines.spread import ImageFile
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.formats.examine import examine_image as examine
from cxr_duck.images.formats.verdict import VERDICTS, Verdict
from cxr_duck.images.surveys.survey import CHECKS, survey_images
from cxr_duck.progress import SILENT, Progress
from cxr_duck.store.store import Store

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Integrity", "check_images", "examine_file", "judge"]


# Why an image has no file, where the folder of images has one of its name.
_REFUSED = "SELECT image_id, reason FROM missing_files WHERE reason IS NOT NULL"


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
    `full`. `quick` reads the parts of each file and their checksums, but no pixel. The store's
    engine says where the work is done. Raises ImagesError, StoreError.
    """

    refused = dict(store.engine().fetch(_REFUSED))

    def work(images: ImageFolder, file: ImageFile) -> dict[str, Any]:
        found = examine_file(images, file, quick)
        if file.path is None and file.image_id in refused:
            unused = Verdict("untested", "unreadable", refused[file.image_id])
            return {**found, **asdict(unused)}
        return found

    done = survey_images(
        store, folder, CHECKS, work, progress, quick=quick, full=full, spread=store.engines.spread
    )
    counts = dict(done.engine.fetch("SELECT verdict, count(*) FROM checks GROUP BY verdict"))
    return Integrity(
        done.read,
        {verdict: int(counts.get(verdict, 0)) for verdict in VERDICTS},
        done.engine.arrow("found_problems"),
    )


def examine_file(folder: ImageFolder, file: ImageFile, quick: bool = False) -> dict[str, Any]:
    """Return what the test of an image's file finds, as the own columns of `checks`."""
    return {**asdict(judge(folder, file.path, quick)), "whole": not quick}


def judge(folder: ImageFolder, path: str | None, quick: bool = False) -> Verdict:
    """Return the verdict on an image of a folder, also where it is not there.

    ImagesError where the folder itself is not.
    """
    if path is None:
        return Verdict("damaged", "missing")
    try:
        with folder.open(path) as stream:
            return examine(stream, path, quick=quick)
    except FileNotFoundError:
        folder.refuse_absent()
        return Verdict("damaged", "missing")
    except OSError as error:
        return Verdict("damaged", "unreadable", error.strerror or str(error))
