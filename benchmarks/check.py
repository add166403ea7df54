"""How fast image files are tested, beside what decoding them takes.

    python -m benchmarks.check [--films 8] [--rounds 9]

The films are made up: 16 bits, 2000 x 2500 pixels, lumps as large as organs and the noise of a
sensor, each written by Pillow and by OpenCV (libpng); about 5 to 6 MB. All are in the page cache.
The competitors take turns within each round; what is printed are medians over films and rounds, of
the time of a core; the gain by two threads is that of the time on the wall.
"""

import argparse
import gc
import statistics
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from isal import isal_zlib
from PIL import Image

from benchmarks.measure import machine
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.formats.examine import examine_image
from cxr_duck.images.formats.inflate import library
from cxr_duck.sources.demo.canvas import cloud

HEIGHT, WIDTH = 2500, 2000
NOISE = 8.0  # of 65,536 steps; brings a film to about 5.4 MB
Work = Callable[[int], object]


def film(seed: int) -> np.ndarray:
    """Return a made-up film, uint16."""
    rng = np.random.default_rng(seed)
    lumps = sum(cloud(rng, (HEIGHT, WIDTH), cell) * cell for cell in (60.0, 200.0, 700.0))
    noise = rng.normal(0, NOISE, (HEIGHT, WIDTH))
    return np.clip(lumps * 50 + 4000 + noise, 0, 65535).astype(np.uint16)


def compressed_pixels(data: bytes) -> bytes:
    """Return what the IDAT chunks of a PNG hold."""
    parts, place = [], 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name == b"IDAT":
            parts.append(data[place + 8 : place + 8 + length])
        place += 12 + length
    return b"".join(parts)


def write(folder: Path, films: int) -> None:
    """Write the films as both libraries do, and zips of Pillow's, stored and deflated."""
    for name in ("pillow", "opencv"):
        (folder / name).mkdir()
    for number in range(films):
        pixels = film(number)
        Image.fromarray(pixels).save(folder / "pillow" / f"{number}.png")
        cv2.imwrite(str(folder / "opencv" / f"{number}.png"), pixels)
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", method) as archive:
            for number in range(films):
                archive.write(folder / "pillow" / f"{number}.png", f"{number}.png")


def load(path: Path) -> None:
    """Decode a film with Pillow."""
    with Image.open(path) as image:
        image.load()


def verify(path: Path) -> None:
    """Test a film with Pillow's verify."""
    with Image.open(path) as image:
        image.verify()


def stream(data: bytes, piece: int = 1 << 17) -> None:
    """Inflate with isal in pieces, and let go of what comes out."""
    inflater, view = isal_zlib.decompressobj(), memoryview(data)
    for begin in range(0, len(data), piece):
        inflater.decompress(view[begin : begin + piece])


def tested(images: ImageFolder, path: str, *, quick: bool = False) -> None:
    """Test a film."""
    with images.open(path) as opened:
        verdict = examine_image(opened, path, quick=quick)
    if verdict.verdict != "ok":
        raise SystemExit(f"{path}: {verdict}")


def works(folder: Path, writer: str, films: int) -> dict[str, Work]:
    """Return what is measured on the films of one writer, each a function of a film's number."""
    images = ImageFolder(folder)
    files = [folder / writer / f"{number}.png" for number in range(films)]
    bare = [compressed_pixels(path.read_bytes()) for path in files]
    found: dict[str, Work] = {
        "Pillow load()": lambda n: load(files[n]),
        "OpenCV imread()": lambda n: cv2.imread(str(files[n]), cv2.IMREAD_UNCHANGED),
        "Pillow verify()": lambda n: verify(files[n]),
        "isal alone, at once": lambda n: isal_zlib.decompress(bare[n]),
        "isal alone, in pieces": lambda n: stream(bare[n]),
        "test": lambda n: tested(images, f"{writer}/{n}.png"),
        "test, quick": lambda n: tested(images, f"{writer}/{n}.png", quick=True),
    }
    for name in ("stored", "deflated") if writer == "pillow" else ():
        try:
            images.stat(f"{name}.zip/0.png")
        except OSError:
            print(f"{name}.zip can't be read in place here: left out", file=sys.stderr)
            continue
        found[f"test, from a {name} zip"] = (
            lambda n, name=name: tested(images, f"{name}.zip/{n}.png")
        )  # fmt: skip
    return found


def medians(works: dict[str, Work], films: int, rounds: int) -> dict[str, float]:
    """Return the median seconds that each takes of a core; they take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work(0)
    for number in [*range(films)] * rounds:
        for name, work in works.items():
            start = time.process_time()
            work(number)
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def threads(work: Work, films: int, rounds: int) -> float:
    """Return how many times as fast all films are done by two threads as by one."""
    ratios = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            start = time.perf_counter()
            for number in range(films):
                work(number)
            middle = time.perf_counter()
            list(pool.map(work, range(films)))
            ratios.append((middle - start) / (time.perf_counter() - middle))
    return statistics.median(ratios)


def report(folder: Path, writer: str, films: int, rounds: int) -> None:
    """Print the table of one writer's films."""
    todo = works(folder, writer, films)
    size = statistics.mean(path.stat().st_size for path in (folder / writer).iterdir())
    taken = medians(todo, films, rounds)
    base, plain = taken["Pillow load()"], taken["test"]
    print(f"\n| films written by {writer}, {size / 1e6:.1f} MB | ms | x load() | x test | MB/s |")
    print("|---|---:|---:|---:|---:|")
    for name, seconds in taken.items():
        print(
            f"| {name} | {seconds * 1000:.1f} | {base / seconds:.2f} | {plain / seconds:.2f} "
            f"| {size / seconds / 1e6:.0f} |"
        )
    for name in ("Pillow load()", "test", "test, quick"):
        print(f"{name}, two threads: {threads(todo[name], films, rounds):.2f} times as fast as one")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    print(f"{machine()}; inflated by {library()}")
    gc.disable()
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), given.films)
        for writer in ("pillow", "opencv"):
            report(Path(name), writer, given.films, given.rounds)


if __name__ == "__main__":
    main()
