"""How long it takes to list PadChest's zips, and to read films from zips.

    python -m benchmarks.listing [--times 5] [--profile]

Listed are 160,861 members with tiny contents and names of PadChest's length, in zips of as many
members as PadChest's. Read are 16-bit films of 2000 x 2500 pixels with noise, from files, from a
zip that stores them and from one that deflates them, in pieces of 256 KB and on one thread; and the
deflated bytes are inflated in memory, which is the least that the last can take. A film that was
compressed well as a PNG is hardly deflated again, one that was not is; both are read. All from the
page cache.
"""

import argparse
import contextlib
import cProfile
import io
import sys
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import machine, median_of
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.files.listing import list_images
from cxr_duck.images.formats.inflate import fastest

FEW = {50: 1, 54: 4_297}  # members of these zips; the others share the rest
ZIPS = [*range(51), 54]
FILMS = 8
KINDS = {"compressed well": (6, 0), "compressed fast": (1, 3)}  # zlib's level and strategy
PIECE = 1 << 18


def main() -> None:
    """Make the zips, list them, read films, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--images", type=int, default=160_861)
    parser.add_argument("--profile", action="store_true", help="print where listing takes its time")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        time_listing(Path(folder, "many"), options.images, options.times, options.profile)
        for kind, (level, strategy) in KINDS.items():
            print(f"films that are {kind}:")
            time_reading(Path(folder, kind), options.times, level, strategy)


def time_listing(folder: Path, images: int, times: int, profile: bool) -> None:
    """Print how long the members of 52 zips take to list, and the memory of opening them all."""
    write_zips(folder, images)
    assert list_images(folder).files.num_rows == images
    seconds = median_of(lambda: list_images(folder), times)
    print(f"list {images:,} members of {len(ZIPS)} zips: {seconds:.2f} s")
    tracemalloc.start()
    opened = ImageFolder(folder)
    for path in (f"{number}.zip/{name_of(0)}" for number in ZIPS):
        with contextlib.suppress(FileNotFoundError):
            opened.stat(path)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"the directories of all zips in memory: {held / 1e6:.0f} MB")
    if profile:
        profiler = cProfile.Profile()
        profiler.runcall(list_images, folder)
        profiler.print_stats("tottime")


def write_zips(folder: Path, images: int) -> None:
    """Write as many zips as PadChest has, with so many members in all."""
    folder.mkdir()
    shared, left = divmod(images - sum(FEW.values()), len(ZIPS) - len(FEW))
    number = 0
    for place, name in enumerate(ZIPS):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for _ in range(FEW.get(name, shared + (place < left))):
                archive.writestr(name_of(number), b"tiny")
                number += 1


def name_of(number: int) -> str:
    """Return a name of the length that PadChest's have."""
    return f"{number:045}_{number % 100:02}-{number % 1000:03}-{number % 997:03}.png"


def time_reading(folder: Path, times: int, level: int, strategy: int) -> None:
    """Print how fast films are read from files and from zips."""
    size = write_films(folder, level, strategy)
    images = ImageFolder(folder)
    listing = list_images(folder).files
    pieces = memoryview(bytearray(PIECE))

    def read(paths: list[str]) -> None:
        for path in paths:
            with images.open(path) as stream:
                while stream.readinto(pieces):  # type: ignore[attr-defined]
                    pass

    paths = listing.column("path").to_pylist()
    plain: float | None = None
    for kind in ("files", "stored.zip", "deflated.zip"):
        chosen = [path for path in paths if path.startswith(f"{kind}/")]
        assert len(chosen) == FILMS
        seconds = median_of(lambda chosen=chosen: read(chosen), times)
        plain = plain or seconds
        print(f"  read {kind:12}  {size / seconds / 1e6:7.0f} MB/s, {plain / seconds:.2f} of files")
    members = compressed(folder / "deflated.zip")
    seconds = median_of(lambda: inflate(members), times)
    print(f"  inflate alone      {size / seconds / 1e6:7.0f} MB/s")


def write_films(folder: Path, level: int, strategy: int) -> int:
    """Write films as files, stored and deflated; return their bytes."""
    (folder / "files").mkdir(parents=True)
    chance = np.random.default_rng(1)
    total = 0
    stored = zipfile.ZipFile(folder / "stored.zip", "w")
    deflated = zipfile.ZipFile(folder / "deflated.zip", "w", zipfile.ZIP_DEFLATED)
    with stored, deflated:
        for number in range(FILMS):
            rows, columns = np.mgrid[:2500, :2000]
            noise = chance.normal(0, 8, (2500, 2000))
            pixels = (rows * 8 + columns * 6 + noise).clip(0, 65535).astype(np.uint16)
            png = io.BytesIO()
            Image.fromarray(pixels).save(png, "PNG", compress_level=level, compress_type=strategy)
            name = f"{number}.png"
            (folder / "files" / name).write_bytes(png.getvalue())
            stored.writestr(name, png.getvalue())
            deflated.writestr(name, png.getvalue())
            total += len(png.getvalue())
    return total


def compressed(file: Path) -> list[memoryview]:
    """Return the compressed bytes of each member of a zip."""
    whole = memoryview(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        starts = [(e.header_offset + 30 + len(e.filename), e) for e in archive.infolist()]
    return [whole[start : start + entry.compress_size] for start, entry in starts]


def inflate(members: list[memoryview]) -> None:
    """Inflate members of a zip."""
    for member in members:
        inflater = fastest().decompressobj(-15)
        for place in range(0, len(member), 1 << 16):
            inflater.decompress(member[place : place + (1 << 16)])


if __name__ == "__main__":
    sys.exit(main())
