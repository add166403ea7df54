"""Exports that write images anew: every option's effect on the pixels, stopping and going on."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from filelock import FileLock
from PIL import Image

from cxr_duck import ExperimentData
from cxr_duck.errors import ExportError
from cxr_duck.export.rendering import Film, Renderer
from tests.conftest import Run
from tests.support.label_rows import USUAL, write_labels

PATIENTS = 40
BITS = 12


def film(number: int) -> np.ndarray:
    """Return a smooth film of 12 bits at the top of 16, like none of another number."""
    rows, columns = np.mgrid[0:96, 0:64]
    smooth = np.sin(rows / (9 + number)) * np.cos(columns / (7 + number % 5)) + 1
    return (np.rint(smooth * 2047).astype(np.uint16)) << (16 - BITS)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """A repository of films of 96 x 64 pixels, and its dataset `films`; odd ones are negatives."""
    folder = tmp_path_factory.mktemp("films")
    images = folder / "images"
    images.mkdir()
    rows = []
    for number in range(PATIENTS):
        Image.fromarray(film(number)).save(images / f"film{number:02d}.png")
        rows.append(
            {
                **USUAL,
                "ImageID": f"film{number:02d}.png",
                "PatientID": f"patient{number}",
                "StudyID": f"study{number}",
                "Labels": "['normal']" if number % 4 < 2 else "['nodule']",
                "PhotometricInterpretation_DICOM": f"MONOCHROME{2 - number % 2}",
                "WindowCenter_DICOM": "1800.0" if number % 3 else "None",
                "WindowWidth_DICOM": "1500.0",
                "Rows_DICOM": "96",
                "Columns_DICOM": "64",
            }
        )
    data = ExperimentData(images, write_labels(folder / "labels.csv", rows), store=folder / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    return data


def exported(data: ExperimentData, target: Path, **options: Any) -> dict[str, np.ndarray]:
    """Export the dataset; return the pixels of each image, by the number of its film."""
    data.export("films", target, **options)
    frame = polars.read_parquet(target / "manifest.parquet")
    pixels = {}
    for image_id, file in frame.select("image_id", "file").iter_rows():
        with Image.open(target / file) as image:
            pixels[image_id] = np.array(image)
    assert len(pixels) == PATIENTS
    return pixels


def expected(number: int, options: dict[str, Any]) -> np.ndarray:
    """Return what the options make of a film, by sums of one's own."""
    whole = film(number).astype(float)
    pixels = whole
    if size := options.get("size"):
        part = 96 // size
        pixels = pixels.reshape(96 // part, part, 64 // part, part).mean(axis=(1, 3))
    inverted = options.get("invert_monochrome1") and number % 2 == 1
    if options.get("bits") != 8 and options.get("format") != "jpg":
        return 65535 - pixels if inverted else pixels
    low, high = 0.0, 65535.0
    if options.get("window") == "percentile":
        low, high = np.percentile(whole, [0.5, 99.5], method="inverted_cdf")
    if options.get("window") == "dicom" and number % 3:
        low, high = ((1800 - 0.5 + sign * (1500 - 1) / 2) * 16 for sign in (-1, 1))
    level = ((pixels - low) / (high - low)).clip(0, 1) * 255
    return 255 - level if inverted else level


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("options", "within"),
    [
        ({"bits": 16}, 0),
        ({"format": "png"}, 0),
        ({"bits": 8}, 0.5),
        ({"bits": 8, "window": "percentile"}, 0.5),
        ({"bits": 8, "window": "dicom"}, 0.5),
        ({"bits": 8, "window": "dicom", "invert_monochrome1": True}, 0.5),
        ({"invert_monochrome1": True}, 0),
        ({"size": 48}, 0.5),
        ({"size": 48, "bits": 8}, 0.51),
        ({"size": 24, "bits": 8, "window": "percentile", "invert_monochrome1": True}, 0.52),
        ({"size": 500, "bits": 8}, 0.5),
        ({"format": "jpg", "quality": 98}, 6),
        ({"format": "jpg", "size": 48, "window": "dicom"}, 25),
    ],
    ids=lambda value: ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, dict) else None,
)  # fmt: skip
def test_every_option(
    films: ExperimentData, tmp_path: Path, options: dict[str, Any], within: float
) -> None:
    """Size, bits, window, inversion and format give the pixels that sums of one's own give."""
    pytest.importorskip("cv2")  # whose mean over whole blocks is the plain one
    pixels = exported(films, tmp_path / "out", **options)
    eight = options.get("bits") == 8 or options.get("format") == "jpg"
    for image_id, found in pixels.items():
        wanted = expected(int(image_id[4:6]), options if options.get("size") != 500 else
                          {**options, "size": None})  # fmt: skip
        assert found.dtype == (np.uint8 if eight else np.uint16)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= within


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("center", "width", "bits", "sound"),
    [
        ("nan", "nan", "12", False),
        ("1800", "0", "12", False), ("1800", "1500", "-2000", True), ("1800", "1500", "0", True),
        ("1800", "1500", "2000", True),
    ],
)  # fmt: skip
def test_odd_windows(
    films: ExperimentData, tmp_path: Path, center: str, width: str, bits: str, sound: bool
) -> None:
    """A window that is none gives the full range, and a number of bits that is none no shift."""
    names = sorted(path.name for path in films.images_dir.iterdir())  # type: ignore[union-attr]
    rows = [
        {
            **USUAL, "ImageID": name, "PatientID": f"p{name}", "StudyID": f"s{name}",
            "Labels": "['normal']" if number % 2 else "['nodule']", "WindowCenter_DICOM": center,
            "WindowWidth_DICOM": width, "BitsStored_DICOM": bits,
        }
        for number, name in enumerate(names)
    ]  # fmt: skip
    labels = write_labels(tmp_path / "labels.csv", rows)
    data = ExperimentData(films.images_dir, labels, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    found = exported(data, tmp_path / "out", bits=8, window="dicom")
    for image_id, pixels in found.items():
        whole = film(int(image_id[4:6])).astype(float)
        level = whole / 65535 * 255
        if sound:
            level = ((whole - (1800 - 0.5 - 1499 / 2)) / 1499).clip(0, 1) * 255
        assert np.abs(pixels - level).max() <= 0.5
        assert data.image(image_id).window == ((1800.0, 1500.0) if sound else None)


@pytest.mark.parametrize("window", ["dicom", "full"])
def test_images_without_a_window_are_told(
    films: ExperimentData, tmp_path: Path, cxr: Run, window: str
) -> None:
    """How many images have no DICOM window is noted, and stands on the card, where it matters."""
    ran = cxr("export", "films", tmp_path / "out", "--bits", "8", "--window", window,
              "--store", films.store.path)  # fmt: skip
    assert ran.code == 0
    without = len(range(0, PATIENTS, 3))
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    asked = window == "dicom"
    assert (f"{without} images have no DICOM window and get the full range" in ran.err) == asked
    assert (f"{without} images have no DICOM window and got the full range." in card) == asked


def test_quality(films: ExperimentData, tmp_path: Path) -> None:
    """A JPEG of less quality is a smaller file, and named .jpg."""
    sizes = []
    for quality in (95, 30):
        target = tmp_path / str(quality)
        films.export("films", target, format="jpg", quality=quality)
        files = list(target.rglob("*.jpg"))
        assert len(files) == PATIENTS
        sizes.append(sum(file.stat().st_size for file in files))
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, "a number of pixels from 1 up"),
        ({"bits": 12}, "8 or 16 bits, not with 12"),
        ({"format": "gif"}, "png or jpg, not as gif"),
        ({"window": "half", "bits": 8}, "full, percentile, dicom, not 'half'"),
        ({"format": "jpg", "bits": 16}, "a JPEG has 8 bits"),
        ({"format": "jpg", "quality": 0}, "1 to 100, not 0"),
        ({"window": "dicom"}, "ask for --bits 8"),
        ({"size": 48, "how": "copy"}, "neither links nor copies"),
        ({"augment": 2}, "ask for --size, --bits or --format"),
        ({"flip": True, "size": 48}, "--flip mirrors variants"),
        ({"augment": 101, "size": 48}, "variants from 0 to 100, not 101"),
        ({"augment": -1, "size": 48}, "variants from 0 to 100, not -1"),
        ({"quality": 80}, "only a JPEG has a quality"),
        ({"quality": 80, "format": "png"}, "only a JPEG has a quality"),
        ({"size": "512"}, "size is a whole number, not '512'"),
        ({"size": 51.5}, "size is a whole number, not 51.5"),
        ({"size": True}, "size is a whole number, not True"),
        ({"quality": "a"}, "quality is a whole number, not 'a'"),
        ({"quality": None}, "quality is a whole number, not None"),
        ({"bits": 8.0}, "bits is a whole number, not 8.0"),
        ({"format": 3}, "format is a word, not 3"),
        ({"window": (3, 4), "bits": 8}, "window is a word"),
        ({"flip": "no", "augment": 1, "size": 48}, "flip is True or False, not 'no'"),
        ({"form": "scroll"}, "the forms are folders"),
        ({"fit": "pad"}, "a square needs its side: ask for --size 224 with --fit pad"),
        ({"fit": "half", "size": 48}, "--fit is pad, crop, stretch, not 'half'"),
    ],
)
def test_what_cannot_be_asked(
    films: ExperimentData, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    """Options that mean nothing, or not together, are refused before anything is written."""
    with pytest.raises(ExportError, match=said):
        films.export("films", tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_same_bytes_on_any_number_of_threads(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same export gives the same bytes, on one thread and on seven."""
    for threads in ("1", "7"):
        monkeypatch.setenv("CXR_THREADS", threads)
        films.export("films", tmp_path / threads, size=48, bits=8)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "7")


_SLOW = """
import sys, time
from cxr_duck import ExperimentData
from cxr_duck.export.rendering import Renderer
make = Renderer.bytes_of
def slowly(self, film):
    time.sleep(0.05)
    return make(self, film)
Renderer.bytes_of = slowly
ExperimentData(store=sys.argv[1]).export("films", sys.argv[2], size=48, bits=8)
"""


@pytest.fixture
def killed(films: ExperimentData, tmp_path: Path) -> tuple[Path, int]:
    """Kill an export in its midst; return its target, and how many images it had written."""
    target = tmp_path / "out"
    partial = tmp_path / ".out.partial"
    with subprocess.Popen([sys.executable, "-c", _SLOW, films.store.path, target]) as process:
        until = time.monotonic() + 60
        while len(list(partial.rglob("*.png"))) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    return target, len(list(partial.rglob("*.png")))


def count_made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the id of each image whose bytes are made from now on."""
    made: list[str] = []
    make = Renderer.bytes_of

    def counting(self: Renderer, one: Film) -> bytes:
        made.append(one.image_id)
        return make(self, one)

    monkeypatch.setattr(Renderer, "bytes_of", counting)
    return made


@pytest.mark.full
def test_a_killed_export_goes_on(
    films: ExperimentData,
    tmp_path: Path,
    killed: tuple[Path, int],
    monkeypatch: pytest.MonkeyPatch,
    cxr: Run,
) -> None:
    """What a killed export wrote is kept, the rest is written, and the bytes are as if in one."""
    target, there = killed
    assert 5 <= there < PATIENTS
    (tmp_path / ".out.partial" / "stranger.txt").write_text("not asked for")
    made = count_made(monkeypatch)
    ran = cxr("export", "films", target, "--size", "48", "--bits", "8",
              "--store", films.store.path)  # fmt: skip
    assert ran.code == 0, ran.err
    assert f"{there} of {PATIENTS} files are there from an export that was stopped" in ran.err
    assert len(made) == PATIENTS - there
    films.export("films", tmp_path / "whole", size=48, bits=8)
    assert files_of(target) == files_of(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_another_request_begins_anew(
    films: ExperimentData, killed: tuple[Path, int], monkeypatch: pytest.MonkeyPatch, cxr: Run
) -> None:
    """With other options nothing of the killed export is kept, and that is said."""
    target, _ = killed
    made = count_made(monkeypatch)
    ran = cxr("export", "films", target, "--size", "32", "--bits", "8",
              "--store", films.store.path)  # fmt: skip
    assert (ran.code, len(made)) == (0, PATIENTS)
    assert "an export to this folder was stopped, of other options: this one begins anew" in ran.err
    assert {Image.open(path).size for path in target.rglob("*.png")} == {(21, 32)}


def copied(data: ExperimentData, images: Path) -> Path:
    """Return a new folder with copies of all films."""
    images.mkdir()
    assert data.images_dir is not None
    for path in data.images_dir.iterdir():
        (images / path.name).write_bytes(path.read_bytes())
    return images


@pytest.mark.sampled
@pytest.mark.parametrize("form", ["folders", "webdataset"])
@pytest.mark.parametrize("changed", [False, True], ids=["the same", "another film"])
def test_changed_films_are_written_again(
    films: ExperimentData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: bool,
    form: str,
) -> None:
    """What was made of a film that was changed since an export was stopped is made again."""
    images = copied(films, tmp_path / "images")
    data = ExperimentData(images, store=films.store.path)
    asked: dict[str, Any] = {"form": form, "size": 48}
    if form == "webdataset":
        asked["shard_size"] = 30_000
    make = Renderer.bytes_of
    made = []

    def interrupted(self: Renderer, one: Film) -> bytes:
        made.append(one.image_id)
        if len(made) == PATIENTS - 5:
            raise KeyboardInterrupt
        return make(self, one)

    with monkeypatch.context() as patched:
        patched.setattr(Renderer, "bytes_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            data.export("films", tmp_path / "out", **asked)
    if changed:
        Image.fromarray(film(99)).save(images / made[0])
    again = count_made(monkeypatch)
    data.export("films", tmp_path / "out", **asked)
    assert (made[0] in again) == changed
    assert len(again) < PATIENTS
    data.export("films", tmp_path / "whole", **asked)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def test_an_empty_file_is_written_again(films: ExperimentData, killed: tuple[Path, int]) -> None:
    """A file that a crash of the machine left without bytes is not taken for one that is there."""
    target, _ = killed
    partial = target.parent / ".out.partial"
    emptied = sorted(partial.rglob("*.png"))[0]
    emptied.write_bytes(b"")
    films.export("films", target, size=48, bits=8)
    assert all(path.stat().st_size for path in target.rglob("*.png"))


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("size", [24, 240])
def test_squares(films: ExperimentData, tmp_path: Path, fit: str, size: int) -> None:
    """Each film is a square: all of it amid black, its middle, or all of it without proportions."""
    found = exported(films, tmp_path / "out", size=size, bits=8, fit=fit, invert_monochrome1=True)
    part = 96 // size if size < 96 else 1
    for image_id, pixels in found.items():
        number = int(image_id[4:6])
        assert pixels.shape == (size, size)
        whole = film(number).astype(float) / 65535 * 255
        whole = 255 - whole if number % 2 else whole
        if size > 96:
            continue
        blocks = whole.reshape(24, part, 16, part).mean(axis=(1, 3))
        if fit == "pad":
            assert (pixels[:, :4] == 0).all()
            assert (pixels[:, 20:] == 0).all()
            assert np.abs(pixels[:, 4:20] - blocks).max() <= 1.5
        elif fit == "crop":
            middle = whole[16:80].reshape(8, 8, 8, 8).mean(axis=(1, 3))
            mine = pixels.reshape(8, 3, 8, 3).mean(axis=(1, 3))
            assert np.abs(mine - middle).max() <= 6
        else:
            assert np.abs(pixels.mean(axis=1) - blocks.mean(axis=1)).max() <= 3
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"Each image has {size} x {size} pixels: " in card
    assert f"--fit {fit}" in card


def test_the_edge_of_a_white_film_is_black(films: ExperimentData, tmp_path: Path) -> None:
    """Where low values are white and stay so, what is padded has the highest: it looks black."""
    found = exported(films, tmp_path / "out", size=48, fit="pad")
    for image_id, pixels in found.items():
        edge = 65535 if int(image_id[4:6]) % 2 else 0
        assert (pixels[:, :8] == edge).all()
        assert (pixels[:, 40:] == edge).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_white_is_the_same_in_every_film(
    films: ExperimentData, tmp_path: Path, cxr: Run, bits: int
) -> None:
    """Films of 12 bits, at the bottom or the top of 16, and of 10, come out alike, and it is told.

    Nothing says it of the last ones.
    """
    images = tmp_path / "images"
    images.mkdir()
    said = ["12", "12", "10", ""]
    ramp = np.arange(1024, dtype=np.uint16).reshape(32, 32)
    drawn = [ramp * 4 + 3, ((ramp * 4 + 3) << 4) + 15, ramp, ramp * 4 + 3]
    rows = []
    for number in range(PATIENTS):
        name = f"film{number:02d}.png"
        Image.fromarray(drawn[number % 4].astype(np.uint16)).save(images / name)
        rows.append(
            {
                **USUAL, "ImageID": name, "PatientID": f"p{number}", "StudyID": f"s{number}",
                "Labels": "['normal']" if number % 8 < 4 else "['nodule']",
                "BitsStored_DICOM": said[number % 4],
            }
        )  # fmt: skip
    data = ExperimentData(images, write_labels(tmp_path / "l.csv", rows), store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    found = exported(data, tmp_path / "out", bits=bits)
    top = 2**bits - 1
    wanted = np.linspace(0, top, 1024).reshape(32, 32)
    for pixels in found.values():
        assert np.abs(pixels.astype(float) - wanted).max() <= 0.5 + top / 1023
    ran = cxr("export", "films", tmp_path / "again", "--bits", str(bits),
              "--store", data.store.path)  # fmt: skip
    each = PATIENTS // 4
    assert (
        f"white is the most of the bits that the label file says are used ({2 * each} films), "
        f"65,535, since values are above the label file's bits ({each} films), "
        f"by the values of the film, since nothing says which bits are used ({each} films)"
    ) in ran.err
    card = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert "white is the most that the bits of a pixel can hold" in card


@pytest.fixture
def broken(films: ExperimentData, tmp_path: Path) -> tuple[ExperimentData, str]:
    """The films in a folder of their own, in which one of the split to train on is cut off."""
    images = copied(films, tmp_path / "images")
    members = films.dataset("films").members.to_pylist()
    name = [row["image_id"] for row in members if row["split"] == "train"][-1]
    (images / name).write_bytes((images / name).read_bytes()[:200])
    return ExperimentData(images, store=films.store.path), name


def assert_without(target: Path, name: str, digest: str) -> None:
    """Assert that an export lacks an image and says so: card, manifest, metadata, list."""
    frame = polars.read_parquet(target / "manifest.parquet")
    assert frame.height == PATIENTS - 1
    assert name not in frame["image_id"].to_list()
    (lost,) = polars.read_csv(target / "unread.csv").rows()
    assert lost[0] == name
    card = (target / "README.md").read_text(encoding="utf-8")
    assert "Not all of these images are here: 1 could not be read. What is here: train " in card
    assert f"`{name}` ({lost[1]})" in card
    lines = sorted(
        "\t".join((row["split"], row["class"], row["findings"], row["image_id"]))
        for row in frame.select("split", "class", "findings", "image_id").to_dicts()
    )
    here = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert f"| digest of what is here | `{here}` |" in card
    assert f"| digest | `{digest}` |" in card
    metadata = json.loads((target / "croissant.json").read_text(encoding="utf-8"))
    assert metadata["identifier"] == f"sha256:{here}" != f"sha256:{digest}"


@pytest.mark.parametrize("form", ["folders", "webdataset", "huggingface"])
def test_an_image_that_cannot_be_decoded(
    films: ExperimentData, tmp_path: Path, cxr: Run, form: str, broken: tuple[ExperimentData, str]
) -> None:
    """An image that can't be read is left out, named, and no export of it claims to be whole."""
    data, name = broken
    ran = cxr("export", "films", tmp_path / "out", "--size", "48", "--as", form,
              "--images", str(data.images_dir), "--store", films.store.path)  # fmt: skip
    assert ran.code == 1
    assert f"{PATIENTS - 1} images of films in " in ran.out
    said = f"1 of the images of films can't be read and are left out, so that classes and splits \
may lack some: {name} (truncated at byte 200"
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert_without(tmp_path / "out", name, films.dataset("films").digest)
    if form == "folders":
        written = {path.name for path in (tmp_path / "out").rglob("*.png")}
        assert len(written) == PATIENTS - 1
        assert name not in written


def test_no_image_that_can_be_read(films: ExperimentData, tmp_path: Path) -> None:
    """Where not one image can be read there is no export, and the error has the first reason."""
    images = copied(films, tmp_path / "images")
    for path in images.iterdir():
        path.write_bytes(b"no film")
    data = ExperimentData(images, store=films.store.path)
    said = rf"none of the {PATIENTS} images can be written, such as film00\.png \(not an image"
    with pytest.raises(ExportError, match=said):
        data.export("films", tmp_path / "out", size=48)
    assert os.listdir(tmp_path) == ["images"]


def test_what_a_stopped_export_could_not_read(
    films: ExperimentData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: tuple[ExperimentData, str],
) -> None:
    """An image that a shard lacks is told too where another run goes on from that shard."""
    data, name = broken
    asked: dict[str, Any] = {"form": "webdataset", "size": 48, "shard_size": 30_000}
    with monkeypatch.context() as patched:
        patched.setattr("cxr_duck.export.forms.webdataset.describe", stopped_at_the_end)
        with pytest.raises(KeyboardInterrupt):
            data.export("films", tmp_path / "out", **asked)
    made = count_made(monkeypatch)
    report = data.export("films", tmp_path / "out", **asked)
    assert made == []
    assert [image["image_id"] for image in report["unread"]] == [name]
    assert report["images"] == PATIENTS - 1
    assert_without(tmp_path / "out", name, films.dataset("films").digest)
    assert sorted(os.listdir(tmp_path)) == ["images", "out"]


def stopped_at_the_end(*_: object) -> None:
    """End an export when all its files are written."""
    raise KeyboardInterrupt


def test_an_image_that_cannot_be_encoded(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder's failure is told as the image's, not as the folder's."""

    def failing(*_: object) -> bytes:
        raise OSError("encoder error -2")

    monkeypatch.setattr("cxr_duck.export.rendering.encode", failing)
    said = r"none of the 40 images can be written, such as film00\.png \(encoder error -2\)"
    with pytest.raises(ExportError, match=said):
        films.export("films", tmp_path / "out", size=48)
    assert not list(tmp_path.iterdir())


@pytest.mark.full
def test_damaged_images_stay_out(films: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """What a test of the files found damaged is in no export made afterwards, and that is said."""
    images = tmp_path / "images"
    images.mkdir()
    assert films.images_dir is not None
    for path in films.images_dir.iterdir():
        (images / path.name).write_bytes(path.read_bytes())
    data = ExperimentData(images, films.labels_csv, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    broken = data.dataset("films").members["image_id"].to_pylist()[3]
    (images / broken).write_bytes((images / broken).read_bytes()[:300])
    data.check_integrity()
    ran = cxr("export", "films", tmp_path / "out", "--size", "48", "--store", data.store.path)
    assert ran.code == 0, ran.err
    assert "1 images of films are damaged and are left out" in ran.err
    written = {path.name for path in (tmp_path / "out").rglob("*.png")}
    assert written == {path.name for path in images.iterdir()} - {broken}
    frame = polars.read_parquet(tmp_path / "out" / "manifest.parquet")
    assert set(frame["image_id"]) == written


@pytest.mark.full
@pytest.mark.parametrize("options", [{"how": "copy"}, {"size": 48, "bits": 8}], ids=str)
def test_straight_from_zips(films: ExperimentData, tmp_path: Path, options: dict[str, Any]) -> None:
    """From a zip come the same files as from folders, and links into it are refused."""
    zips = tmp_path / "zips"
    zips.mkdir()
    assert films.images_dir is not None
    with zipfile.ZipFile(zips / "0.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in films.images_dir.iterdir():
            archive.write(path, path.name)
    data = ExperimentData(zips, films.labels_csv, store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    data.export("films", tmp_path / "from zips", **options)
    films.export("films", tmp_path / "from folders", **options)
    assert files_of(tmp_path / "from zips") == files_of(tmp_path / "from folders")
    for how in ("symlink", "hardlink"):
        with pytest.raises(ExportError, match=r"lies in a zip.* copy with --copy, or write anew"):
            data.export("films", tmp_path / "out", how=how)


def assert_locked(data: ExperimentData, target: Path) -> None:
    """Assert that a second export to a folder is told to wait."""
    with pytest.raises(ExportError, match="another process is writing"):
        data.export("films", target, size=48)


def test_the_lock_holds_to_the_end(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the folder has its name no second export can begin, and then the lock is gone."""
    rename = Path.rename
    tried = []

    def renaming(self: Path, target: Path) -> Path:
        if self.name == ".out.partial":
            assert_locked(films, target)
            tried.append(sorted(path.name for path in self.iterdir()))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renaming)
    films.export("films", tmp_path / "out", size=48)
    assert len(tried) == 1
    assert not [name for name in tried[0] if name.startswith(".")]
    assert os.listdir(tmp_path) == ["out"]


def test_a_target_that_was_written_before_the_lock(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process wrote before the lock was taken is not written over."""
    acquire = FileLock.acquire

    def after_another(self: FileLock) -> object:
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "another.txt").write_text("by another process")
        return acquire(self)

    monkeypatch.setattr("cxr_duck.export.writing.FileLock.acquire", after_another)
    with pytest.raises(ExportError, match="is not empty"):
        films.export("films", tmp_path / "out", size=48)
    assert files_of(tmp_path) == {"out/another.txt": b"by another process"}


def test_stopped_right_after_its_end(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped when the folder has its name, an export is whole, and what is left does no harm."""
    unlink = Path.unlink

    def stopped(self: Path, missing_ok: bool = False) -> None:
        if self.name == ".out.request.json":
            raise KeyboardInterrupt
        unlink(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stopped)
        with pytest.raises(KeyboardInterrupt):
            films.export("films", tmp_path / "out", size=48)
    films.export("films", tmp_path / "whole", size=48)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    (tmp_path / "out").rename(tmp_path / "before")
    films.export("films", tmp_path / "out", size=32)
    assert sorted(os.listdir(tmp_path)) == ["before", "out", "whole"]


@pytest.mark.parametrize("strange", ["a link", "files", "a file"])
def test_what_stands_in_the_way_is_kept(
    films: ExperimentData, tmp_path: Path, strange: str
) -> None:
    """A folder or link of another's, called as an export's partial folder, is never emptied."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("all of it")
    partial = tmp_path / ".out.partial"
    if strange == "a link":
        partial.symlink_to(mine)
    elif strange == "files":
        mine.rename(partial)
    else:
        partial.write_text("all of it")
    before = files_of(tmp_path)
    with pytest.raises(ExportError, match=r"\.out\.partial, in which .* is of no export: move it"):
        films.export("films", tmp_path / "out", size=48)
    assert files_of(tmp_path) == before


@pytest.mark.full
@pytest.mark.parametrize("same", [True, False], ids=["same request", "another request"])
def test_no_empty_folders_are_left(
    films: ExperimentData, tmp_path: Path, killed: tuple[Path, int], same: bool
) -> None:
    """Of a stopped export no folder stays that the new one doesn't fill: loaders refuse those."""
    target, _ = killed
    (tmp_path / ".out.partial" / "learn" / "mass").mkdir(parents=True)
    films.export("films", target, size=48 if same else 32, bits=8)
    folders = [path for path in target.rglob("*") if path.is_dir()]
    assert folders
    assert all(any(path.iterdir()) for path in folders)


def test_dry_run(films: ExperimentData, tmp_path: Path, cxr: Run) -> None:
    """A dry run says what would be written, and writes nothing."""
    words = ("export", "films", tmp_path / "out", "--size", "48", "--store", films.store.path)
    ran = cxr(*words, "--dry-run")
    assert ran.code == 0
    assert f"would write {PATIENTS} images of films as folders to " in ran.out
    assert not list(tmp_path.iterdir())
    said = json.loads(cxr(*words, "--dry-run", "--json").out)
    assert (said["form"], said["images"], said["files"]) == ("folders", PATIENTS, PATIENTS)
    assert not list(tmp_path.iterdir())


@pytest.mark.sampled
@pytest.mark.parametrize(
    "options",
    [
        {"how": "copy"},
        {"size": 48},
        {"size": 150, "fit": "pad"},
        {"bits": 8},
        {"format": "jpg"},
        {"size": 48, "augment": 2},
        {"bits": 16},
        {"bits": 8, "augment": 2},
        {"bits": 16, "augment": 2},
        {"format": "jpg", "quality": 100},
        {"format": "jpg", "augment": 2},
        {"format": "jpg", "quality": 100, "augment": 2},
    ],
    ids=str,
)
def test_the_space_that_is_planned_is_enough(
    films: ExperimentData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    """The images take no more bytes than were planned for them, and copies exactly so many."""
    if "how" not in options:
        monkeypatch.setattr("cxr_duck.export.rendering._BLOCK", 600)  # beside such small films
    planned = films.export("films", tmp_path / "out", dry_run=True, **options)
    films.export("films", tmp_path / "out", **options)
    files = [path for path in (tmp_path / "out").rglob("*") if path.suffix in (".png", ".jpg")]
    written = sum(path.stat().st_size for path in files)
    assert len(files) == planned["files"]
    assert written <= planned["bytes"]
    assert written == planned["bytes"] or "how" not in options


def test_a_disk_without_the_space(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that lacks the space is refused before anything is written, with both figures."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 100_000_000))
    monkeypatch.setattr(
        "cxr_duck.export.rendering.Rendering.bytes_of", lambda self, film: 50_000_000
    )
    with pytest.raises(ExportError, match=r"needs about 2\.0 GB and the disk has 0\.1 GB left"):
        films.export("films", tmp_path / "out", size=48)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_was_written(
    films: ExperimentData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that is interrupted keeps its files aside, and goes on from them."""
    make = Renderer.bytes_of
    made = []

    def interrupted(self: Renderer, one: Film) -> bytes:
        made.append(one.image_id)
        if len(made) == 12:
            raise KeyboardInterrupt
        return make(self, one)

    monkeypatch.setattr(Renderer, "bytes_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        films.export("films", tmp_path / "out", size=48)
    assert not (tmp_path / "out").exists()
    kept = len(list((tmp_path / ".out.partial").rglob("*.png")))
    before = len(made)
    films.export("films", tmp_path / "out", size=48)
    assert kept > 0
    assert len(made) - before == PATIENTS - kept


@pytest.mark.full
def test_while_an_export_runs(films: ExperimentData, tmp_path: Path) -> None:
    """Each file under its own name is whole, and a second process is told to wait."""
    target = tmp_path / "out"
    opened = 0
    with subprocess.Popen([sys.executable, "-c", _SLOW, films.store.path, target]) as process:
        while not list(tmp_path.glob(".out.partial/*/*/*.png")) and process.poll() is None:
            time.sleep(0.01)
        with pytest.raises(ExportError, match="another process is writing"):
            films.export("films", target, size=48, bits=8)
        while process.poll() is None:
            with suppress(FileNotFoundError):  # when the folder gets its name
                for path in tmp_path.rglob("*.png"):
                    with Image.open(path) as image:
                        image.load()
                    opened += 1
    assert process.returncode == 0
    assert opened > PATIENTS
    assert os.listdir(tmp_path) == ["out"]
    assert len(list(target.rglob("*.png"))) == PATIENTS


def test_images_that_would_share_a_file(tmp_path: Path) -> None:
    """Two images whose names differ in their suffix alone are not written over each other."""
    images = tmp_path / "images"
    images.mkdir()
    rows = []
    for patient in range(20):
        for suffix in ("png", "jpg"):
            name = f"film{patient:02d}.{suffix}"
            data = io.BytesIO()
            Image.fromarray((film(patient) >> 8).astype(np.uint8)).save(
                data, "PNG" if suffix == "png" else "JPEG"
            )
            (images / name).write_bytes(data.getvalue())
            rows.append(
                {
                    **USUAL, "ImageID": name, "PatientID": f"p{patient}", "StudyID": f"s{patient}",
                    "Labels": "['normal']" if patient % 2 else "['nodule']",
                }
            )  # fmt: skip
    data = ExperimentData(images, write_labels(tmp_path / "l.csv", rows), store=tmp_path / "store")
    data.create_index()
    data.create_dataset(["normal", "nodule"], name="films")
    with pytest.raises(ExportError, match=r"two images would be written to \w+/\w+/film\d\d\.png"):
        data.export("films", tmp_path / "out", format="png")
