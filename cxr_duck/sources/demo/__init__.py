"""A made-up repository in PadChest's form, to try everything on: no patient, no real report."""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from cxr_duck.errors import ExportError
from cxr_duck.io.whole import new_folder
from cxr_duck.progress import SILENT, Progress
from cxr_duck.sources.demo.files import write_film, write_labels, zip_films
from cxr_duck.sources.demo.films import draw_film
from cxr_duck.sources.demo.population import FEWEST_IMAGES
from cxr_duck.sources.demo.rows import MISSING, Row, body_and_film, draw_rows

__all__ = ["make_demo"]


def make_demo(
    folder: str | os.PathLike[str],
    *,
    images: int = 600,
    seed: int = 1,
    zips: bool = False,
    progress: Progress = SILENT,
) -> dict[str, int]:
    """Write `labels.csv` and `images/<ImageDir>/<ImageID>` into a new folder, or an empty one.

    With `zips` the films lie in `images/<ImageDir>.zip`, as PadChest is distributed.
    Every oddity of PadChest's label file occurs, and some films are damaged or missing. Returns
    the number of rows, of image files, and of damaged and missing ones. The same number of images
    and the same seed give the same bytes. The folder appears whole or, after an ExportError, not
    at all.
    """
    target = Path(folder).absolute()
    if images < FEWEST_IMAGES:
        raise ExportError(
            f"{target}: {images} images can't show everything that occurs in PadChest: "
            f"make {FEWEST_IMAGES} or more"
        )
    rows = draw_rows(images, seed)
    with new_folder(target) as partial:
        write_labels(partial / "labels.csv", rows)
        _write_films(partial / "images", rows, seed, progress)
        if zips:
            with progress.step("zipping films"), ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(zip_films, sorted((partial / "images").iterdir())))
    missing = sum(row.flaw == MISSING for row in rows)
    damaged = sum(row.flaw not in ("", MISSING) for row in rows)
    return {
        "rows": len(rows),
        "files": len(rows) - missing,
        "damaged": damaged,
        "missing": missing,
    }


def _write_films(folder: Path, rows: list[Row], seed: int, progress: Progress) -> None:
    for name in sorted({row.columns["ImageDir"] for row in rows}):
        (folder / name).mkdir(parents=True)
    whole = [row for row in rows if row.flaw != MISSING]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with progress.step("drawing films", total=len(whole)) as done:
            films = [pool.submit(_write_film, folder, row, seed) for row in whole]
            for number, film in enumerate(as_completed(films), start=1):
                film.result()
                done(number)
    finally:
        pool.shutdown(cancel_futures=True)


def _write_film(folder: Path, row: Row, seed: int) -> None:
    body, rng = body_and_film(row, seed)
    pixels = draw_film(row.exposure, row.findings, row.woman, body, rng)
    write_film(folder / row.columns["ImageDir"] / row.columns["ImageID"], pixels, row.flaw)
