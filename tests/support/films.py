"""A small repository of tiny films, for tests that compare pixels."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

from cxr_duck import Dataset, ExperimentData
from tests.support.label_rows import repository, write_labels

__all__ = ["SHAPES", "make_films", "pixels_of", "walk"]

SHAPES = [["nodule"], ["normal"], ["pneumonia"]]


def make_films(
    folder: Path,
    patients: int = 60,
    *,
    zipped: bool = False,
    long_ids: bool = False,
    shapes: Sequence[Sequence[str]] = SHAPES,
) -> ExperimentData:
    """Return an indexed repository of films of 16 and of 8 bits, of two sizes.

    They lie in one folder, or as the repository is published: in zips. Ids are texts, or as long as
    those of the repository, of digits alone.
    """
    rows = repository(patients, shapes)
    for number, row in enumerate(rows if long_ids else []):
        row["PatientID"] = f"{10**35 + 7 + number}"
        row["StudyID"] = f"{10**38 + 7 + number}"
    for row in rows[::6] if shapes is SHAPES else []:
        row["LabelsLocalizationsBySentence"] = "[['nodule', 'loc right', 'loc hilar']]"
        row["Localizations"] = "['loc right', 'loc hilar']"
    labels = write_labels(folder / "labels.csv", rows)
    noise = numpy.random.default_rng(3)
    (folder / "images").mkdir()
    for number, row in enumerate(rows):
        depth = numpy.uint16 if number % 4 else numpy.uint8
        size = (4 + number % 2, 6)
        pixels = noise.integers(0, numpy.iinfo(depth).max, size, depth, endpoint=True)
        Image.fromarray(pixels).save(folder / "images" / row["ImageID"])
    if zipped:
        _zip_up(folder / "images")
    made = ExperimentData(folder / "images", labels, store=folder / "store")
    made.create_index()
    return made


def _zip_up(folder: Path) -> None:
    """Put every other film into one zip, deflated, and the rest into another, stored."""
    for number, way in enumerate((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)):
        with zipfile.ZipFile(folder / f"{number}.zip", "w", way) as archive:
            for film in sorted(folder.glob("*.png"))[number::2]:
                archive.write(film, film.name)
    for film in folder.glob("*.png"):
        film.unlink()


def pixels_of(data: ExperimentData, image_id: str) -> Any:
    """Return the pixels of a film, decoded by Pillow alone."""
    assert data.images_dir is not None
    with Image.open(data.images_dir / image_id) as image:
        return numpy.asarray(image)


def walk(dataset: Dataset, split: str) -> list[tuple[str, str]]:
    """Return (class, image) of a split, walked over the dataset's members, in order."""
    rows = dataset.members.to_pylist()
    return sorted({(row["class"], row["image_id"]) for row in rows if row["split"] == split})
