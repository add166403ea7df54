"""How well and how fast twin images are told: their looks, and the pairing of a whole repository.

    python -m benchmarks.twins [--films 4000] [--images 160861]

Looks: films of the demo repository, each beside copies of it (for every eighth film), and beside
all other films. A number is the bits of 1,024 in which two hashes differ; at most 40 are near.

Pairing: made-up hashes, as many as PadChest has images. Half are random; a fifth are of 40 clusters
whose members differ from each other in about 200 bits, as films of one projection do; 10,000 are
copies of others with up to 40 bits changed; 5,000 images have all pixels equal, and no hash. What
is found is compared with all pairs of a sample with everything. Then the worst cases alone.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.measure import machine
from cxr_duck import make_demo
from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.images.surveys.fingerprint import BITS, look
from cxr_duck.images.surveys.twins import NEAR, pair_images

Pixels = np.ndarray
EVERY = 8
QUANTILES = (50, 95, 99, 100)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--films", type=int, default=4000)
    options.add_argument("--images", type=int, default=160_861)
    given = options.parse_args()
    print(f"Twins on {machine()}\n")
    if given.films:
        measure_looks(given.films)
    if given.images:
        measure_pairing(given.images)
        for name, hashes in worst_cases().items():
            pairs, seconds = paired(hashes)
            print(f"{name}: {len(pairs):,} pairs in {seconds:.1f} s")


# Looks


def resized(film: Pixels, part: float) -> Pixels:
    """Return a film made smaller or larger."""
    size = (max(8, round(film.shape[1] * part)), max(8, round(film.shape[0] * part)))
    image = Image.fromarray(film.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS)).clip(0, 65535)


def windowed(film: Pixels, part: float, most: int = 65535) -> Pixels:
    """Return a film by two of its percentiles."""
    low, high = np.percentile(film, (part, 100 - part))
    return np.clip((film - low) / (high - low), 0, 1) * most


def as_jpeg(film: Pixels, quality: int) -> Pixels:
    """Return a film that went through a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(windowed(film, 0, 255).round().astype(np.uint8)).save(
        stream, "JPEG", quality=quality
    )
    return np.asarray(Image.open(stream))


def noisy(film: Pixels, part: float) -> Pixels:
    """Return a film with noise of a part of its range."""
    spread = part * (film.max() - film.min())
    return film + np.random.default_rng(1).normal(0, spread, film.shape)


def cropped(film: Pixels, part: float) -> Pixels:
    """Return a film without a part of its rows and columns at each side, as of a finer one."""
    fine = resized(film, 4)
    rows, columns = (round(side * part) for side in fine.shape)
    return fine[rows : fine.shape[0] - rows, columns : fine.shape[1] - columns]


def one_white(film: Pixels) -> Pixels:
    """Return a film with one white pixel."""
    changed = film.copy()
    changed[film.shape[0] // 3, film.shape[1] // 3] = 65535
    return changed


def marked(film: Pixels) -> Pixels:
    """Return a film with a white mark in a corner, a twentieth by an eighth of its sides."""
    changed = film.copy()
    changed[5 : 5 + film.shape[0] // 20, 5 : 5 + film.shape[1] // 8] = 65535
    return changed


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "one pixel white": one_white,
    "half as large": lambda film: resized(film, 0.5),
    "twice as large": lambda film: resized(film, 2),
    "8 bits": lambda film: windowed(film, 0, 255).round(),
    "JPEG of quality 90": lambda film: as_jpeg(film, 90),
    "JPEG of quality 50": lambda film: as_jpeg(film, 50),
    "window 1 to 99 %": lambda film: windowed(film, 1),
    "window 5 to 95 %": lambda film: windowed(film, 5),
    "gamma 0.8": lambda film: (film / film.max()) ** 0.8,
    "noise of 1 %": lambda film: noisy(film, 0.01),
    "noise of 3 %": lambda film: noisy(film, 0.03),
    "noise of 5 %": lambda film: noisy(film, 0.05),
    "cropped by 0.1 % a side": lambda film: cropped(film, 0.001),
    "cropped by 0.2 % a side": lambda film: cropped(film, 0.002),
    "cropped by 0.5 % a side": lambda film: cropped(film, 0.005),
    "cropped by 1 % a side": lambda film: cropped(film, 0.01),
    "a mark in the corner": marked,
}


def measure_looks(count: int) -> None:
    """Print how far copies are from their films, and films from each other."""
    with tempfile.TemporaryDirectory() as folder:
        films, patients = demo_films(Path(folder) / "demo", count)
    hashes = np.array([bits_of(film) for film in films])
    print(f"{len(films):,} films; bits of {BITS:,} that differ\n")
    print("| copy | median | 95 % | 99 % | most | near |\n|---|---|---|---|---|---|")
    for name, copy in COPIES.items():
        away = np.array(
            [
                int((bits_of(copy(film)) != own).sum())
                for film, own in zip(films[::EVERY], hashes[::EVERY], strict=True)
            ]
        )
        numbers = " | ".join(f"{value:.0f}" for value in np.percentile(away, QUANTILES))
        print(f"| {name} | {numbers} | {np.mean(away <= NEAR):.1%} |")
    distances = distances_of(hashes, hashes)
    pairs = np.triu(np.ones(distances.shape, dtype=bool), 1)
    same = np.array(patients)[:, None] == np.array(patients)[None, :]
    for name, chosen in (("one patient", same & pairs), ("different patients", ~same & pairs)):
        away = distances[chosen]
        near = ", ".join(f"{int((away <= d).sum()):,} at most {d}" for d in (40, 60, 80, 100))
        print(f"\n{len(away):,} pairs of films of {name}: the nearest {away.min()} bits; {near}")


def demo_films(folder: Path, count: int) -> tuple[list[Pixels], list[str]]:
    """Return the films of a demo repository that can be decoded, and their patients."""
    import csv

    make_demo(folder, images=count, seed=9)
    films, patients = [], []
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                with Image.open(folder / "images" / row["ImageDir"] / row["ImageID"]) as image:
                    film = np.asarray(image).astype(np.float32)
            except (OSError, SyntaxError):
                continue
            if film.ndim == 2 and film.min() < film.max():
                films.append(film)
                patients.append(row["PatientID"])
    return films, patients


def bits_of(film: Pixels) -> np.ndarray:
    """Return the bits of a film's hash."""
    found = look(np.asarray(film, dtype=np.float32))
    assert found is not None
    return np.unpackbits(np.frombuffer(found, dtype=np.uint8))


def distances_of(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the bits in which each of some hashes differs from each of others."""
    signs = [2 * part.astype(np.float32) - 1 for part in (some, others)]
    return ((BITS - signs[0] @ signs[1].T) / 2).round().astype(np.int16)


# Pairing


def measure_pairing(count: int) -> None:
    """Print how long a whole repository takes, and whether all of its twins are found."""
    chance = np.random.default_rng(7)
    hashes, planted = made_up(count, chance)
    print(f"\n{count:,} images, {len(hashes):,} of them with a hash")
    pairs, seconds = paired(hashes, count - len(hashes))
    found = set(map(tuple, np.sort(pairs, axis=1).tolist()))
    lost = [pair for pair in planted if tuple(sorted(pair)) not in found]
    print(f"{len(pairs):,} pairs in {seconds:.1f} s")
    print(f"planted: {len(planted):,}, of them lost {len(lost):,}")
    sample = chance.choice(len(hashes), 2000, replace=False)
    expected = set()
    for start in range(0, len(hashes), 20_000):
        near = distances_of(hashes[sample], hashes[start : start + 20_000]) <= NEAR
        for place, column in zip(*np.nonzero(near), strict=True):
            one, other = int(sample[place]), int(column) + start
            if one != other:
                expected.add((min(one, other), max(one, other)))
    chosen = set(sample.tolist())
    got = {pair for pair in found if chosen & set(pair)}
    print(
        f"brute force, 2,000 hashes with all: {len(expected):,} pairs, of them lost "
        f"{len(expected - got):,}, and {len(got - expected):,} that are none"
    )


def made_up(count: int, chance: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return hashes of a made-up repository, and the numbers of the planted pairs."""
    black, copies, alike = 5000 * count // 160_861, 10_000 * count // 160_861, count // 5
    whole = chance.integers(0, 2, (count - black - copies - alike, BITS), dtype=np.uint8)
    centres = chance.integers(0, 2, (40, BITS), dtype=np.uint8)
    spread = centres[chance.integers(0, 40, alike)]
    spread ^= (chance.random((alike, BITS)) < 0.11).astype(np.uint8)
    firsts = np.concatenate([whole, spread])
    parents = chance.choice(len(firsts), copies, replace=False)
    twins = firsts[parents].copy()
    for twin, changed in zip(twins, chance.integers(1, NEAR + 1, copies), strict=True):
        twin[chance.choice(BITS, changed, replace=False)] ^= 1
    planted = [(int(parent), len(firsts) + number) for number, parent in enumerate(parents)]
    return np.concatenate([firsts, twins]), planted


def worst_cases() -> dict[str, np.ndarray]:
    """Return hashes that lie as densely as hardly any repository has them."""
    chance = np.random.default_rng(8)
    centre = chance.integers(0, 2, BITS, dtype=np.uint8)

    def around(count: int, part: float) -> np.ndarray:
        return centre ^ (chance.random((count, BITS)) < part).astype(np.uint8)

    return {
        "32,000 films that differ in about 200 bits from each other": around(32_000, 0.11),
        "10,000 films that differ in about 100 bits": around(10_000, 0.05),
        "2,000 films that are all near each other": around(2000, 0.01),
        "160,861 films with the same hash": around(1, 0.1)[[0] * 160_861],
    }


def paired(hashes: np.ndarray, black: int = 0) -> tuple[np.ndarray, float]:
    """Return the pairs of images by number, and the seconds; black images follow the others."""
    packed = [row.tobytes() for row in np.packbits(hashes, axis=1)] + [None] * black
    names = pa.array([f"{number:08d}" for number in range(len(packed))])
    pixels = pa.array(
        [f"p{number}" if number < len(hashes) else "" for number in range(len(names))]
    )
    table = pa.table(
        {
            "image_id": names,
            "file_digest": names,
            "pixel_digest": pixels,
            "perceptual_hash": pa.array(packed, pa.binary()),
        }
    )
    with connect(python_enable_replacements=False) as connection:
        engine = DuckDBEngine(connection, keep=True)
        engine.put_arrow("fingerprints", table)
        start = time.perf_counter()
        pair_images(engine)
        seconds = time.perf_counter() - start
        found = connection.sql(
            "SELECT CAST(image_id AS INTEGER) AS one, CAST(twin_id AS INTEGER) AS other "
            "FROM paired_images WHERE kind = 'near'"
        ).fetchnumpy()
    return np.stack([found["one"], found["other"]], axis=1), seconds


if __name__ == "__main__":
    main()
