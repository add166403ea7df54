"""Twins: planted copies are found, other films aren't, and copies stay on one side of a split."""

import io
import random
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cxr_duck import ExperimentData, make_demo
from cxr_duck.engines.duckdb import DuckDBEngine, connect
from cxr_duck.errors import CxrError, ImagesError, RecipeError
from cxr_duck.images.pixels import pixels
from cxr_duck.images.surveys.components import components
from cxr_duck.images.surveys.fingerprint import BITS, Fingerprint, fingerprint, look
from cxr_duck.images.surveys.survey import FINGERPRINTS
from cxr_duck.images.surveys.twins import NEAR, pair_images
from cxr_duck.index.removal import remove_images
from cxr_duck.progress import SILENT
from tests.conftest import Run, examples
from tests.support.label_rows import USUAL, write_labels
from tests.support.promises import members_of

Pixels = numpy.ndarray
CLASSES = ["nodule", "pneumonia"]


def as_png(pixels: Pixels) -> bytes:
    """Return pixels as the bytes of a PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def as_jpeg(pixels: Pixels) -> bytes:
    """Return pixels as the bytes of a JPEG of 8 bits, by their own range."""
    stream = io.BytesIO()
    Image.fromarray(windowed(pixels, 0, 100, 255).astype(numpy.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def windowed(pixels: Pixels, low: float, high: float, most: int = 65535) -> Pixels:
    """Return pixels brought to a range by two of their percentiles."""
    first, last = numpy.percentile(pixels, (low, high))
    scaled = numpy.clip((pixels - first) / (last - first), 0, 1) * most
    return numpy.rint(scaled).astype(numpy.uint16)


def resized(pixels: Pixels, part: float) -> Pixels:
    """Return pixels made smaller or larger."""
    rows, columns = pixels.shape
    film = Image.fromarray(pixels.astype(numpy.float32))
    size = (round(columns * part), round(rows * part))
    made = numpy.asarray(film.resize(size, Image.Resampling.LANCZOS))
    return numpy.rint(made.clip(0, 65535)).astype(numpy.uint16)


def noisy(pixels: Pixels) -> Pixels:
    """Return pixels with noise of 3 % of their range."""
    spread = 0.03 * (int(pixels.max()) - int(pixels.min()))
    noise = numpy.random.default_rng(4).normal(0, spread, pixels.shape)
    return numpy.rint((pixels + noise).clip(0, 65535)).astype(numpy.uint16)


def one_changed(pixels: Pixels) -> Pixels:
    """Return pixels of which one differs in its last bit."""
    changed = pixels.copy()
    changed[pixels.shape[0] // 2, pixels.shape[1] // 2] ^= 1
    return changed


def trimmed(pixels: Pixels) -> Pixels:
    """Return pixels four times as many each way, without the outermost 2 of them on each side."""
    return numpy.ascontiguousarray(resized(pixels, 4)[2:-2, 2:-2])


# How a twin comes of a film -> what becomes of the film's pixels, and the kind that is found.
COPIES: dict[str, tuple[Callable[[Pixels], bytes], str]] = {
    "rewritten": (as_png, "pixels"),
    "one pixel": (lambda film: as_png(one_changed(film)), "near"),
    "smaller": (lambda film: as_png(resized(film, 0.6)), "near"),
    "larger": (lambda film: as_png(resized(film, 1.7)), "near"),
    "jpeg": (as_jpeg, "near"),
    "window": (lambda film: as_png(windowed(film, 1, 99)), "near"),
    "noise": (lambda film: as_png(noisy(film)), "near"),
    "trimmed": (lambda film: as_png(trimmed(film)), "near"),
}


def pixels_of(path: Path) -> Pixels:
    """Return the pixels of a film."""
    with Image.open(path) as film:
        return numpy.asarray(film).astype(numpy.uint16)


class Planted:
    """A demo repository with twins planted in it, each of a patient of its own.

    `twins` has the film, the twin and its kind, for each way of COPIES and for a copied file.
    """

    def __init__(self, folder: Path) -> None:
        make_demo(folder / "demo", images=160, seed=5)
        self.images = folder / "demo" / "images"
        plain = ExperimentData(self.images, folder / "demo" / "labels.csv", store=folder / "plain")
        plain.create_index()
        films = plain.sql(
            "SELECT image_id, path FROM images WHERE present AND width > 0 ORDER BY image_id"
        ).to_pylist()
        self.whole = [row for row in films if _opens(self.images / row["path"])]
        self.twins: list[tuple[str, str, str]] = []
        self.rows: list[dict[str, str]] = []
        (self.images / "more").mkdir()
        for number, (way, (make, kind)) in enumerate(COPIES.items()):
            film = self.whole[7 * number + 3]
            self._plant(film["image_id"], f"{way}.png", kind, make(self._film(film)))
        film = self.whole[90]
        data = (self.images / film["path"]).read_bytes()
        self._plant(film["image_id"], "copied.png", "file", data)
        for name in ("black1.png", "black2.png", "black3.png"):
            self._write(name, as_png(numpy.zeros((40, 30 + (name == "black3.png")), numpy.uint16)))
        for name in ("empty1.png", "empty2.png"):
            self._write(name, b"")
        labels = write_labels(folder / "more.csv", self.rows)
        self.data = ExperimentData(self.images, labels, store=folder / "plain")
        self.data.create_index()

    def _film(self, row: dict[str, Any]) -> Pixels:
        return pixels_of(self.images / row["path"])

    def _plant(self, film: str, name: str, kind: str, data: bytes) -> None:
        self.twins.append((film, name.replace(" ", "_"), kind))
        self._write(name.replace(" ", "_"), data)

    def _write(self, name: str, data: bytes) -> None:
        (self.images / "more" / name).write_bytes(data)
        self.rows.append(
            {
                **USUAL, "ImageID": name, "PatientID": f"of-{name}", "StudyID": f"study-{name}",
                "Labels": str([CLASSES[len(self.rows) % 2]]), "ImageDir": "more",
            }
        )  # fmt: skip


def _opens(path: Path) -> bool:
    try:
        pixels = pixels_of(path)
    except Exception:  # one of the demo's damaged films
        return False
    return bool(pixels.min() != pixels.max())


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """A repository with planted twins, which were looked for."""
    made = Planted(tmp_path_factory.mktemp("twins"))
    made.data.find_twins()
    return made


def test_planted_copies_are_found_and_no_others(planted: Planted) -> None:
    """Every copy is paired with its film, as what it is; no other film of another patient is."""
    found = {
        (*sorted((row["image_id"], row["twin_id"])), row["kind"])
        for row in planted.data.sql(
            "SELECT image_id, twin_id, kind FROM twins WHERE NOT same_patient"
        ).to_pylist()
    }
    expected = {(*sorted((film, twin)), kind) for film, twin, kind in planted.twins}
    assert found == expected | {("black1.png", "black2.png", "constant")}


def test_columns_hang_together(planted: Planted) -> None:
    """Pairs are in order, sure ones have distance 0, near ones at most NEAR; groups have a name."""
    rows = planted.data.sql("FROM twins").to_pylist()
    assert all(row["image_id"] < row["twin_id"] for row in rows)
    assert all(row["distance"] == 0 for row in rows if row["kind"] != "near")
    assert all(row["distance"] <= NEAR for row in rows)
    assert {row["kind"] for row in rows} == {"file", "pixels", "near", "constant"}
    names = planted.data.sql("FROM twin_members").to_pylist()
    groups = defaultdict(set)
    for row in names:
        groups[row["twin_group"]].add(row["image_id"])
    assert all(min(members) == name for name, members in groups.items())
    assert not [row for row in names if row["image_id"].startswith(("black", "empty"))]


@pytest.mark.full
def test_a_second_run_reads_only_what_changed(planted: Planted) -> None:
    """Files of the same size and time are not read again, a file that was changed is."""
    assert planted.data.find_twins().read == 0
    path = planted.images / "more" / "jpeg.png"
    before = path.read_bytes()
    path.write_bytes(as_png(numpy.arange(1200, dtype=numpy.uint16).reshape(30, 40)))
    try:
        changed = planted.data.find_twins()
        assert changed.read == 1
        twins = {row["twin_id"] for row in changed.across_patients.to_pylist()}
        assert "jpeg.png" not in twins
        assert "window.png" in twins | {
            row["image_id"] for row in changed.across_patients.to_pylist()
        }
    finally:
        path.write_bytes(before)
        assert planted.data.find_twins().read == 1
    missing = planted.data.sql("SELECT image_id FROM missing_files").num_rows
    assert planted.data.find_twins(full=True).read == changed.images - missing


@pytest.mark.full
def test_a_run_that_was_ended_goes_on(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before an interruption is not read again, and then all of it is published."""
    data = ExperimentData(
        planted.images, planted.images.parent / "labels.csv", store=tmp_path / "store"
    )
    data.create_index()
    seen: list[int] = []

    def interrupted(stream: Any) -> Fingerprint:
        seen.append(1)
        if len(seen) == 60:
            raise KeyboardInterrupt
        return fingerprint(stream)

    monkeypatch.setattr("cxr_duck.images.surveys.twins.fingerprint", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.find_twins()
    assert data.sql("SELECT count(*) AS n FROM fingerprints").to_pylist() == [{"n": 0}]
    monkeypatch.undo()
    found = data.find_twins()
    assert 0 < found.read < found.images
    assert data.find_twins().read == 0


@pytest.mark.full
def test_removed_images_leave_the_twins(planted: Planted, tmp_path: Path) -> None:
    """No relation names a removed image, and those that were paired with it find each other."""
    folder = tmp_path / "images"
    folder.mkdir()
    film = as_png(numpy.random.default_rng(1).integers(0, 65535, (60, 50), numpy.uint16))
    rows = []
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(film)
        rows.append({**USUAL, "ImageID": name, "PatientID": name, "StudyID": name})
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(folder, labels, store=tmp_path / "store")
    data.create_index()
    data.find_twins()
    pairs = "SELECT image_id, twin_id FROM twins ORDER BY ALL"
    assert [tuple(row.values()) for row in data.sql(pairs).to_pylist()] == [
        ("a.png", "b.png"), ("a.png", "c.png"),
    ]  # fmt: skip
    remove_images(data.store, "image_id = 'a.png'", SILENT)
    assert [tuple(row.values()) for row in data.sql(pairs).to_pylist()] == [("b.png", "c.png")]
    assert data.sql("SELECT image_id FROM fingerprints ORDER BY ALL").to_pylist() == [
        {"image_id": "b.png"}, {"image_id": "c.png"},
    ]  # fmt: skip


def test_a_file_that_cannot_be_decoded_has_its_bytes_alone() -> None:
    """A damaged film has a digest of its file and no other; an empty one has none."""
    film = as_png(numpy.random.default_rng(2).integers(0, 65535, (60, 50), numpy.uint16))
    cut = fingerprint(io.BytesIO(film[: len(film) // 2]))
    assert cut.file_digest is not None
    assert (cut.pixel_digest, cut.perceptual_hash) == (None, None)
    assert fingerprint(io.BytesIO(b"")) == Fingerprint()


@pytest.mark.parametrize(
    "pixels",
    [
        numpy.arange(12, dtype=numpy.uint16).reshape(4, 3),
        numpy.arange(12, dtype=numpy.uint8).reshape(3, 4),
        numpy.arange(12, dtype=numpy.uint16).reshape(3, 4)[::-1],
    ],
    ids=["shape", "depth", "order"],
)
def test_pixels_are_the_same_with_shape_and_depth(pixels: Pixels) -> None:
    """The same numbers in another shape, depth or order are other pixels."""
    film = numpy.arange(12, dtype=numpy.uint16).reshape(3, 4)
    one, other = (fingerprint(io.BytesIO(as_png(p))) for p in (film, pixels))
    assert one.pixel_digest is not None
    assert one.pixel_digest != other.pixel_digest


def test_hash_of_constant_and_colour() -> None:
    """An image of one value has no looks; one in colour looks as its gray does, of BITS bits."""
    assert look(numpy.full((30, 20), 7, numpy.uint16)) is None
    gray = numpy.random.default_rng(3).integers(0, 255, (60, 50), numpy.uint8)
    found = look(gray)
    assert found == look(numpy.stack([gray] * 3, axis=2))
    assert found is not None
    assert 8 * len(found) == BITS


def test_without_imagehash(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is missing one sentence says what to install."""
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(ImagesError, match=r"pip install 'cxr-duck\[twins\]'"):
        planted.data.find_twins()


# Pairing


def paired(rows: Iterable[tuple[str, str | None, str | None, bytes | None]], near: int) -> Any:
    """Return paired_images of (image, file, pixels, hash), as (image, twin) -> (kind, distance)."""
    listed = list(rows)
    digits = max((2 * len(row[3]) for row in listed if row[3]), default=near + 1)
    with connect(python_enable_replacements=False) as connection:
        engine = DuckDBEngine(connection, keep=True)
        engine.put(
            "fingerprints",
            FINGERPRINTS.columns,
            [(row[0], row[0], 1, 1, row[1], row[2], row[3]) for row in listed],
        )
        pair_images(engine, near=near, digits=digits)
        found = engine.fetch("SELECT image_id, twin_id, kind, distance FROM paired_images")
        groups = dict(engine.fetch("SELECT image_id, twin_group FROM twin_groups"))
    assert len({row[:2] for row in found}) == len(found)
    return {row[:2]: row[2:] for row in found}, groups


@examples(60)
@given(
    st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=25),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_pairing_is_brute_force(hashes: list[bytes], near: int, chance: random.Random) -> None:
    """All pairs of hashes that are near are found, no other, whatever the bands."""
    for value in list(hashes)[:12]:
        flipped = int.from_bytes(value)
        for _ in range(chance.randint(0, near + 2)):
            flipped ^= 1 << chance.randrange(24)
        hashes.append(flipped.to_bytes(3))
    names = [f"i{number:03d}" for number in range(len(hashes))]
    found, groups = paired(zip(names, names, names, hashes, strict=True), near)
    first: dict[bytes, str] = {}
    for name, value in zip(names, hashes, strict=True):
        first.setdefault(value, name)
    expected = {
        (first[value], name): ("near", 0)
        for name, value in zip(names, hashes, strict=True)
        if first[value] != name
    }
    for one, name in first.items():
        for other, twin in first.items():
            distance = (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
            if name < twin and distance <= near:
                expected[name, twin] = ("near", distance)
    assert found == expected
    assert groups == brute_groups(expected)


def brute_groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each name the first that it hangs together with, by walking."""
    beside = defaultdict(set)
    for one, other in pairs:
        beside[one].add(other)
        beside[other].add(one)
    groups = {}
    for name in beside:
        reached, waiting = {name}, [name]
        while waiting:
            waiting += (more := beside[waiting.pop()] - reached)
            reached |= more
        groups[name] = min(reached)
    return groups


@examples(80)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60))
def test_components(numbers: list[tuple[int, int]]) -> None:
    """What hangs together is what a walk along the pairs reaches."""
    pairs = [(f"n{one:02d}", f"n{other:02d}") for one, other in numbers]
    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    strings = pyarrow.string()
    table = components(
        pyarrow.table({"a": pyarrow.array(ones, strings), "b": pyarrow.array(others, strings)})
    )
    found = dict(zip(table["name"].to_pylist(), table["first"].to_pylist(), strict=True))
    assert found == brute_groups(pairs)


def test_many_of_one_picture_make_no_more_pairs_than_images() -> None:
    """A thousand black images, and a thousand with one hash, are paired with the first each."""
    rows: list[tuple[str, str | None, str | None, bytes | None]] = []
    for number in range(1000):
        rows.append((f"black{number:04d}", "black", "black", None))
        rows.append((f"other{number:04d}", f"f{number}", f"p{number}", b"abcdefghij"))
        rows.append((f"cut{number:04d}", None, None, None))
    found, _ = paired(rows, 4)
    kinds = defaultdict(int)
    for kind, _ in found.values():
        kinds[kind] += 1
    assert kinds == {"constant": 999, "near": 999}


# Datasets


def patients_of(made: Any) -> dict[str, set[str]]:
    """Return the splits of each image's patient."""
    splits = defaultdict(set)
    for row in members_of(made):
        splits[row["patient_id"]].add(row["split"])
    return splits


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """240 patients with two films each, the films of 60 pairs of patients being twins."""
    folder = tmp_path_factory.mktemp("crowd")
    (folder / "images").mkdir()
    rows = []
    for patient in range(240):
        for film in range(2):
            name = f"p{patient:03d}_{film}.png"
            seed = 1000 * film + (patient // 2 if film == 1 and patient < 120 else patient + 500)
            pixels = numpy.random.default_rng(seed).integers(0, 65535, (40, 40), numpy.uint16)
            (folder / "images" / name).write_bytes(as_png(pixels))
            rows.append(
                {
                    **USUAL, "ImageID": name, "PatientID": f"patient{patient}",
                    "StudyID": f"s{patient}", "MethodLabel": "Physician",
                    "Labels": str([CLASSES[(patient // 3) % 2]]),
                }
            )  # fmt: skip
    labels = write_labels(folder / "labels.csv", rows)
    data = ExperimentData(folder / "images", labels, store=folder / "store")
    data.create_index()
    data.find_twins()
    return data


def torn(data: ExperimentData, made: Any) -> int:
    """Return the number of twin pairs with images in several splits of a dataset."""
    split = {row["image_id"]: row["split"] for row in members_of(made)}
    return sum(
        row["image_id"] in split
        and row["twin_id"] in split
        and split[row["image_id"]] != split[row["twin_id"]]
        for row in data.sql("SELECT image_id, twin_id FROM twins").to_pylist()
    )


@pytest.mark.sampled
@pytest.mark.parametrize(
    "options",
    [
        {}, {"seed": 3}, {"balance": "none"}, {"folds": 4}, {"unit": "patient"},
        {"per_patient": 1}, {"unit": "study", "overlap": "keep"}, {"physician_test": True},
    ],
    ids=str,
)  # fmt: skip
def test_together(crowd: ExperimentData, options: dict[str, Any]) -> None:
    """Twins stay on one side, patients too and under their own names, classes stay balanced."""
    apart = crowd.create_dataset(CLASSES, store_it=False, **options)
    made = crowd.create_dataset(CLASSES, store_it=False, twins="together", **options)
    if options.get("per_patient") != 1:
        assert torn(crowd, apart) > 0
    assert torn(crowd, made) == 0
    assert all(len(splits) == 1 for splits in patients_of(made).values())
    truth = {
        row["image_id"]: row["patient_id"]
        for row in crowd.sql("SELECT image_id, patient_id FROM images").to_pylist()
    }
    assert all(truth[row["image_id"]] == row["patient_id"] for row in members_of(made))
    assert made.images() == apart.images()
    if options.get("balance") != "none":
        for split in made.recipe.shares:
            sizes = {made.composition[name, "", split] for name in CLASSES}
            assert len(sizes) == 1
    if "per_patient" in options:
        images = defaultdict(set)
        for row in members_of(made):
            images[row["patient_id"]].add(row["image_id"])
        assert {len(ids) for ids in images.values()} == {1}


def test_together_by_date_and_apart(crowd: ExperimentData, tmp_path: Path) -> None:
    """A patient whose twin was held out comes to the test alone, and never one who was trained on.

    Where twins had been parted, neither side can take the two, and they are left out.
    """
    first = crowd.create_dataset(CLASSES, name="first", shares={"train": 60, "test": 40})
    made = crowd.create_dataset(
        CLASSES, shares={"train": 60, "test": 40}, keep_apart="first", twins="together",
        balance="none", store_it=False,
    )  # fmt: skip
    before = {row["image_id"]: row["split"] for row in members_of(first)}
    after = {row["image_id"]: row["split"] for row in members_of(made)}
    assert all(before[image] == split for image, split in after.items() if split == "test")
    parted = torn(crowd, first)
    assert parted > 0
    assert torn(crowd, made) == 0
    # Two patients with two films each.
    assert len(before) - len(after) == 4 * parted
    assert f"{4 * parted} images are of patients whom no split may take" in " ".join(made.notes)


@pytest.mark.full
def test_recorded_and_made_again(crowd: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """The record, the recipe file and a bundle carry the option; the dataset is made again."""
    made = crowd.create_dataset(CLASSES, name="kept", twins="together", seed=2)
    assert crowd.reproduce("kept").same
    assert 'twins = "together"' in crowd.recipe_file("kept")
    (tmp_path / "kept.toml").write_text(crowd.recipe_file("kept"))
    again = crowd.create_from_recipe(tmp_path / "kept.toml", store_it=False)
    assert again.digest == made.digest
    assert again.recipe == made.recipe
    shown = cxr("show", "kept", "--store", crowd.store.path)
    assert "twins     together" in shown.out
    crowd.bundle("kept", tmp_path / "kept.cxr")
    other = ExperimentData(labels_csv=crowd.labels_csv, store=tmp_path / "other")
    other.create_index()
    assert other.unbundle(tmp_path / "kept.cxr").digest == made.digest


def test_audit_tells_twins(crowd: ExperimentData) -> None:
    """Copied files in two splits are told as such; a copy in another form as a twin."""
    crowd.create_dataset(CLASSES, name="torn", seed=5)
    found = crowd.audit("torn")
    assert found["identical_across_splits"].found == torn(crowd, crowd.dataset("torn")) > 0
    assert found["twins_across_splits"].verdict == "ok"  # they are files, told above
    crowd.create_dataset(CLASSES, name="whole", twins="together", seed=5)
    assert crowd.audit("whole")["identical_across_splits"].verdict == "ok"


def test_audit_of_planted_twins(planted: Planted, tmp_path: Path) -> None:
    """Each twin in another split than its film is found; one in the same split is a note."""
    lines = ["image,split"]
    for number, (film, twin, _) in enumerate(planted.twins):
        lines += [f"{film},train", f"{twin},{'test' if number % 2 else 'train'}"]
    path = tmp_path / "split.csv"
    path.write_text("\n".join(lines) + "\n")
    checks = ["twins_across_splits", "twins_within_split"]
    found = planted.data.audit(path, checks=checks)
    for name, odd in zip(checks, (1, 0), strict=True):
        rows = found[name].rows
        assert rows is not None
        assert [set(row["images"]) for row in sorted(rows.to_pylist(), key=str)] == [
            set(pair)
            for pair in sorted(
                ([film, twin] for n, (film, twin, kind) in enumerate(planted.twins)
                 if n % 2 == odd and kind != "file"),
                key=sorted,
            )
        ]  # fmt: skip
    assert found["twins_across_splits"].verdict == "wrong"
    assert found["twins_within_split"].verdict == "note"


@pytest.fixture(scope="module")
def unlooked(crowd: ExperimentData, tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """The same films in a store in which nobody looked for twins."""
    store = tmp_path_factory.mktemp("unlooked") / "store"
    data = ExperimentData(crowd.images_dir, crowd.labels_csv, store=store)
    data.create_index()
    return data


@pytest.mark.full
def test_nobody_looked(unlooked: ExperimentData) -> None:
    """Without fingerprints a dataset is refused and an audit says what was not tested."""
    with pytest.raises(RecipeError, match="run 'cxr twins' first"):
        unlooked.create_dataset(CLASSES, twins="together")
    unlooked.create_dataset(CLASSES, name="set")
    check = unlooked.audit("set", files=False)["twins_across_splits"]
    assert check.verdict == "untested"
    assert "cxr twins" in check.untested
    with pytest.raises(RecipeError, match="twins is ignore, together or one, not 'first'"):
        unlooked.create_dataset(CLASSES, twins="first")


@pytest.mark.sampled
@pytest.mark.parametrize("options", [{}, {"per_patient": 1}, {"unit": "study", "seed": 4}], ids=str)
def test_twins_that_are_known_change_nothing_unasked(
    crowd: ExperimentData, unlooked: ExperimentData, options: dict[str, Any]
) -> None:
    """Without the option a dataset has the digest that it has where nobody looked for twins."""
    made = [data.create_dataset(CLASSES, store_it=False, **options) for data in (crowd, unlooked)]
    assert made[0].digest == made[1].digest
    assert made[0].recipe == made[1].recipe


def test_images_that_came_later(planted: Planted, tmp_path: Path) -> None:
    """Images whose files were not read since they came are told, not taken for single ones."""
    labels = write_labels(
        tmp_path / "labels.csv",
        [{**planted.rows[0], "ImageID": "later.png", "PatientID": "later"}],
    )
    store = tmp_path / "store"
    shutil.copytree(planted.data.store.path, store)
    data = ExperimentData(labels_csv=labels, store=store)
    data.create_index()
    with pytest.raises(RecipeError, match="and 1 of the recipe's have no fingerprint"):
        data.create_dataset(CLASSES, twins="together")


@pytest.mark.full
def test_command(planted: Planted, cxr: Run) -> None:
    """The pairs across patients go to stdout, the counts to stderr; a dataset's are those torn."""
    store = ("--store", planted.data.store.path)
    ran = cxr("twins", *store, "--format", "csv")
    assert ran.code == 1  # until the damaged files are known
    said = r"can't be decoded: \S+ \(\w[^)]*\).* and 7 more; 'cxr check' tests all files"
    assert re.search(said, ran.err)
    assert "Traceback" not in ran.err
    planted.data.check_integrity()
    lines = ran.out.splitlines()
    assert lines[0] == "kind,distance,image_id,patient_id,twin_id,twin_patient_id,twin_group"
    assert len(lines) == 1 + len(planted.twins)
    assert lines[1].startswith("file,0,")
    assert "file: 1 pair with the same file, 1 of different patients, in 1 group\n" in ran.err
    assert "0 read now" in ran.err
    planted.data.create_dataset(CLASSES, name="some", balance="none")
    ran = cxr("twins", *store, "--dataset", "some", "--format", "csv")
    assert ran.code == 0, ran.err
    made = planted.data.dataset("some")
    split = {row["image_id"]: row["split"] for row in members_of(made)}
    expected = [
        pair for pair in planted.twins
        if pair[0] in split and pair[1] in split and split[pair[0]] != split[pair[1]]
    ]  # fmt: skip
    assert len(ran.out.splitlines()) == 1 + 2 * len(expected)
    wrong = cxr("twins", *store, "--dataset", "none")
    assert wrong.code == 1
    assert "the store has no dataset 'none'" in wrong.err


def test_no_folder(tmp_path: Path) -> None:
    """A store whose images nobody located says what to do, and a wrong folder is told."""
    row = {**USUAL, "ImageID": "a.png", "PatientID": "p", "StudyID": "s"}
    data = ExperimentData(
        labels_csv=write_labels(tmp_path / "labels.csv", [row]), store=tmp_path / "store"
    )
    data.create_index()
    with pytest.raises(CxrError, match="index the label file with --images"):
        data.find_twins()
    data.images_dir = tmp_path / "nowhere"
    with pytest.raises(ImagesError, match="nowhere is no folder"):
        data.find_twins()


@pytest.mark.full
def test_a_panic_ends_no_run(
    own_demo: ExperimentData, monkeypatch: pytest.MonkeyPatch, cxr: Run
) -> None:
    """One film on which a decoder panics, with what is no Exception, is one film without pixels."""

    class Panic(BaseException):
        pass

    decode = pixels._film
    seen = []

    def panicking(*given: Any) -> Any:
        seen.append(given)
        if len(seen) == 7:
            raise Panic("index out of bounds: the len is 5")
        return decode(*given)

    before = own_demo.find_twins()
    monkeypatch.setattr(pixels, "_film", panicking)
    after = own_demo.find_twins(full=True)
    assert after.unread == before.unread + 1
    assert after.images == before.images
