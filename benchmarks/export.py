"""How fast a 512-pixel export is written, beside plain loops of Pillow and of OpenCV.

    python -m benchmarks.export [--films 72] [--rounds 5]

The films are made up: 2000 x 2500 pixels of 16 bits, as noisy as films are. All write 8 bits, as
PNG and as JPEG, on as many threads, turn about in each round; what is told is the median of the
rounds, and the processor time, which tells more where other work runs on the machine. The plain
Pillow loop opens a film, divides it by 257, makes a thumbnail with `reducing_gap=2` and saves it;
that of OpenCV reads, resizes with INTER_AREA, scales and writes.
What is exported is a dataset of a store, from the reading of its record to the folder in its place.
"""

import argparse
import csv
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy
from PIL import Image

from benchmarks.measure import machine
from cxr_duck import ExperimentData
from cxr_duck.engines.spread import workers
from cxr_duck.images.pixels import encoding, pixels, scaling, sizes
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.sources.padchest import PADCHEST

HEIGHT, WIDTH = 2500, 2000
DISTINCT = 12  # films; the others are copies of them
SIZE = 512
QUALITY = 90
FORMATS = ("png", "jpg")
Export = Callable[[Path, str], None]


def make_films(folder: Path, films: int) -> ExperimentData:
    """Write films and their label file; return them indexed, with the dataset `films`."""
    images = folder / "images"
    images.mkdir()
    rows, columns = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float32)
    labels = []
    for number in range(films):
        name = f"film{number:04d}.png"
        if number < DISTINCT:
            chance = numpy.random.default_rng(number)
            body = numpy.sin(columns / (290 + number)) * numpy.cos(rows / 400) * 1200 + 2000
            light = numpy.clip(body + chance.normal(0, 25, body.shape), 0, 4095)
            film = Image.fromarray(light.astype(numpy.uint16) << 4)
            film.save(images / name, compress_level=6)
        else:
            shutil.copyfile(images / f"film{number % DISTINCT:04d}.png", images / name)
        labels.append(_row(name, number, films))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["", *PADCHEST.columns], restval="")
        writer.writeheader()
        writer.writerows(labels)
    data = ExperimentData(images, folder / "labels.csv", store=folder / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    return data


def _row(name: str, number: int, films: int) -> dict[str, str]:
    finding = "normal" if number < films / 2 else "nodule"
    return {
        "": str(number),
        "ImageID": name,
        "ImageDir": "0",
        "StudyDate_DICOM": "20140305",
        "StudyID": f"study{number}",
        "PatientID": f"patient{number}",
        "Projection": "PA",
        "MethodLabel": "Physician",
        "Labels": f"['{finding}']",
        "Localizations": "[]",
        "LabelsLocalizationsBySentence": f"[['{finding}']]",
        "Rows_DICOM": str(HEIGHT),
        "Columns_DICOM": str(WIDTH),
        "BitsStored_DICOM": "12",
    }


def plain_pillow(source: Path, file: Path) -> None:
    """Write a film smaller, as one does with Pillow."""
    with Image.open(source) as film:
        scaled = (numpy.asarray(film) / 257).astype(numpy.uint8)
    image = Image.fromarray(scaled)
    image.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.save(file, quality=QUALITY) if file.suffix == ".jpg" else image.save(file)


def plain_opencv(source: Path, file: Path) -> None:
    """Write a film smaller, as one does with OpenCV."""
    film = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    share = SIZE / max(film.shape)
    size = (round(film.shape[1] * share), round(film.shape[0] * share))
    small = cv2.resize(film, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY] if file.suffix == ".jpg" else []
    cv2.imwrite(str(file), cv2.convertScaleAbs(small, alpha=1 / 257), options)


def plain_loop(films: list[Path], write: Callable[[Path, Path], None]) -> Export:
    """Return an export by a plain loop, on as many threads."""

    def export(target: Path, form: str) -> None:
        target.mkdir()
        with ThreadPoolExecutor(workers()) as pool:
            files = [(film, target / f"{film.stem}.{form}") for film in films]
            list(pool.map(lambda pair: write(*pair), files))

    return export


def ours(data: ExperimentData, with_opencv: bool) -> Export:
    """Return the export of this package, with OpenCV or without."""

    def export(target: Path, form: str) -> None:
        found = opencv if with_opencv else lambda: None
        for module in (encoding, pixels, scaling, sizes):
            module.opencv = found
        try:
            data.export("films", target, size=SIZE, bits=8, format=form, quality=QUALITY)
        finally:
            for module in (encoding, pixels, scaling, sizes):
                module.opencv = opencv

    return export


def main() -> None:
    """Measure, and print films a second and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--films", type=int, default=72)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = make_films(Path(folder), given.films)
        films = [
            Path(folder, "images", row["path"])
            for row in data.sql("SELECT path FROM images ORDER BY path").to_pylist()
        ]
        members = data.dataset("films").images()
        assert members == given.films, f"{members} of {given.films} films are in the dataset"
        exports = {
            "plain Pillow": plain_loop(films, plain_pillow),
            "cxr export, without OpenCV": ours(data, False),
            "plain OpenCV": plain_loop(films, plain_opencv),
            "cxr export, with OpenCV": ours(data, True),
        }
        bytes_read = sum(film.stat().st_size for film in films)
        print(machine())
        print(f"{given.films} films, {bytes_read / 1e6:.0f} MB, {workers()} threads")
        for form in FORMATS:
            _compare(exports, form, given.films, given.rounds, Path(folder, "out"))


def _compare(exports: dict[str, Export], form: str, films: int, rounds: int, target: Path) -> None:
    """Run all exports turn about, and print the medians of their speed and processor time."""
    walls: dict[str, list[float]] = {name: [] for name in exports}
    works: dict[str, list[float]] = {name: [] for name in exports}
    for round_ in range(rounds + 1):
        for name, export in exports.items():
            start, worked = time.perf_counter(), time.process_time()
            export(target, form)
            if round_:  # the first one warms the disk's cache
                walls[name].append(time.perf_counter() - start)
                works[name].append(time.process_time() - worked)
            shutil.rmtree(target)
    wall = {name: statistics.median(times) / films for name, times in walls.items()}
    work = {name: statistics.median(times) / films for name, times in works.items()}
    for name in exports:
        plain = "plain OpenCV" if "with OpenCV" in name else "plain Pillow"
        print(
            f"{form}  {name:27s} {1 / wall[name]:6.1f} films/s {1000 * work[name]:6.1f} ms of a "
            f"core a film; {wall[plain] / wall[name]:.2f} times as fast as {plain}, "
            f"{work[plain] / work[name]:.2f} by processor time",
            flush=True,
        )


if __name__ == "__main__":
    main()
