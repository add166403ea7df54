"""CXRImage: what an image shows, where, and its pixels."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cxr_duck import CXRImage, ExperimentData
from cxr_duck.errors import ImagesError, QueryError, UnknownImageError, UnknownTermError
from tests.support.label_rows import USUAL, write_labels

# Rows and columns; every value of 12 bits that matters, shifted to the top of 16.
STORED = (np.arange(40 * 30).reshape(40, 30) * 3 + 100).astype(np.uint16)
ROWS = [
    {
        "ImageID": "a.png", "Labels": "['nodule', 'pneumonia']",
        "Localizations": "['loc right', 'loc basal']",
        "LabelsLocalizationsBySentence": "[['nodule', 'loc right'], ['pneumonia', 'loc basal']]",
        "WindowCenter_DICOM": "1500.0", "WindowWidth_DICOM": "1000.0",
    },
    {
        "ImageID": "b.png", "PhotometricInterpretation_DICOM": "MONOCHROME1",
        "WindowCenter_DICOM": "None", "PatientID": "p2", "StudyID": "s2", "Projection": "L",
    },
    {"ImageID": "c.png", "Labels": "nan", "LabelsLocalizationsBySentence": "nan"},
    {"ImageID": "gone.png"},
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ExperimentData:
    """Four images, one without a file; the third of 8 bits."""
    folder = tmp_path_factory.mktemp("images")
    for name, pixels in (
        ("a.png", STORED << 4),
        ("b.png", STORED << 4),
        ("c.png", (STORED >> 4).astype(np.uint8)),
    ):
        Image.fromarray(pixels).save(folder / name)
    labels = write_labels(folder / "labels.csv", [{**USUAL, **row} for row in ROWS])
    made = ExperimentData(folder, labels, store=folder / "store")
    made.create_index()
    return made


def test_what_an_image_knows(data: ExperimentData) -> None:
    """An image has its file, its size, its patient, and each finding with its own places."""
    assert data.image("a.png") == CXRImage(
        image_id="a.png", path="a.png", width=1760, height=2000, bits=12, projection="PA",
        patient_id="p1", study_id="s1",
        findings={"nodule": ("loc right",), "pneumonia": ("loc basal",)},
        photometric="MONOCHROME2", window=(1500.0, 1000.0), bits_stored=12,
    )  # fmt: skip
    other = data.image("b.png")
    assert (other.low_is_white, other.window, other.findings) == (True, None, {"normal": ()})
    assert data.image("c.png").findings == {}


def test_the_beginning_of_an_id(data: ExperimentData) -> None:
    """The beginning is enough where one image alone has it; no image is an error that says so."""
    assert data.image("go").image_id == "gone.png"
    with pytest.raises(UnknownImageError, match="no image 'x'"):
        data.image("x")


def test_an_image_does_not_change(data: ExperimentData) -> None:
    """Its fields can't be set, so that it can be a key and be shared."""
    image = data.image("a.png")
    with pytest.raises(AttributeError):
        image.width = 3  # type: ignore[misc]
    assert {image: 1}[data.image("a.png")] == 1


def test_pixels(data: ExperimentData) -> None:
    """Pixels are uint16 as they are stored; those of 8 bits are spread, so that white is white."""
    found = data.image("a.png").pixels()
    assert found.dtype == np.uint16
    assert (found == STORED << 4).all()
    assert found.flags.writeable
    small = data.image("c.png").pixels()
    assert small.dtype == np.uint16
    assert (small == (STORED >> 4) * 257).all()


def test_inverting_on_request(data: ExperimentData) -> None:
    """Asked to, MONOCHROME1 is turned around, and MONOCHROME2 is not."""
    as_stored, turned = data.image("b.png").pixels(), data.image("b.png").pixels(invert=True)
    assert (as_stored == STORED << 4).all()
    assert (turned == 65535 - as_stored).all()
    assert (data.image("a.png").pixels(invert=True) == as_stored).all()
    eight = data.image("b.png").to_8bit
    assert (eight(invert=True) == 255 - eight()).all()
    shown = np.array(data.image("b.png").thumbnail(500, invert=True))
    assert (shown == 255 - eight()).all()


def test_8_bits(data: ExperimentData) -> None:
    """The full range, the label file's window over 12 bits, or a window of the caller's."""
    image = data.image("a.png")
    wanted = np.rint((STORED.astype(int) << 4) / 65535 * 255)
    assert (image.to_8bit() == wanted).all()
    windowed = np.rint(((STORED - (1500 - 0.5)) / (1000 - 1) + 0.5).clip(0, 1) * 255)
    assert np.abs(image.to_8bit("dicom") - windowed).max() <= 1
    assert (image.to_8bit("dicom") == image.to_8bit((1500.0, 1000.0))).all()
    assert (image.to_8bit("dicom") == 0).any()
    assert (image.to_8bit("dicom") == 255).any()
    spread = image.to_8bit("percentile")
    assert (spread.min(), spread.max()) == (0, 255)
    assert (data.image("c.png").to_8bit() == STORED >> 4).all()


def test_thumbnail(data: ExperimentData) -> None:
    """A thumbnail is gray, of 8 bits, with the longer side as asked; none is enlarged."""
    image = data.image("a.png").thumbnail(20)
    assert (image.mode, image.size) == ("L", (15, 20))
    means = (STORED << 4).reshape(20, 2, 15, 2).mean(axis=(1, 3)) / 257
    assert np.abs(np.array(image) - means).max() <= 2
    assert data.image("a.png").thumbnail(4000).size == (30, 40)


@pytest.mark.parametrize(
    ("image_id", "window", "said"),
    [
        ("gone.png", "full", "no file of the image gone.png is known"),
        ("b.png", "dicom", r"has a DICOM window for b\.png: take full or percentile"),
    ],
)
def test_what_cannot_be_shown(data: ExperimentData, image_id: str, window: str, said: str) -> None:
    """Where there is no file, or no window, an error names the image and what to do."""
    with pytest.raises(ImagesError, match=said):
        data.image(image_id).to_8bit(window)


@pytest.mark.parametrize(
    "window",
    ["foo", "", (float("nan"), 3), (3, float("inf")), (3, 0), (3,), (1, 2, 3), ("a", "b"), 7, None],
    ids=repr,
)
def test_windows_that_are_none(data: ExperimentData, window: Any) -> None:
    """A window that can't be is an ImagesError, of 8 bits and of a thumbnail."""
    for show in (
        data.image("a.png").to_8bit,
        lambda asked: data.image("a.png").thumbnail(9, asked),
    ):
        with pytest.raises(ImagesError, match="a window is "):
            show(window)


@pytest.mark.parametrize("size", [0, -1, 2.5, "9", None])
def test_sizes_that_are_none(data: ExperimentData, size: Any) -> None:
    """A thumbnail's side is a whole number of pixels from 1 up."""
    with pytest.raises(ImagesError, match="a side of 1 pixel or more, not "):
        data.image("a.png").thumbnail(size)


def test_damaged(data: ExperimentData, tmp_path: Path) -> None:
    """A file that can't be decoded is an error that names the image and what finds more."""
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    moved = ExperimentData(tmp_path, store=data.store.path)
    with pytest.raises(ImagesError, match=r"image a\.png can't be read .*'cxr check'"):
        moved.image("a.png").pixels()
    with pytest.raises(ImagesError, match=r"image b\.png can't be read \(No such file"):
        moved.image("b.png").pixels()


def test_images_of_a_query(data: ExperimentData) -> None:
    """A finding or query gives its images in the order of their ids, as a sequence."""
    every = data.images()
    assert [image.image_id for image in every] == ["a.png", "b.png", "c.png", "gone.png"]
    assert [image.image_id for image in data.images("normal")] == ["b.png", "gone.png"]
    assert [image.image_id for image in data.images("frontal AND NOT nodule")] == [
        "c.png", "gone.png",
    ]  # fmt: skip
    assert len(every) == 4
    assert every[-1] == every[3] == data.image("gone.png")
    assert [image.image_id for image in every[1:3]] == ["b.png", "c.png"]
    assert [image.image_id for image in every[::-2]] == ["gone.png", "b.png"]
    assert (len(every[3:1]), list(every[3:1]), list(every[9:])) == (0, [], [])
    with pytest.raises(IndexError):
        every[4]
    assert list(data.images("pneumonia @ basal")) == [data.image("a.png")]


def test_mistakes_in_a_query(data: ExperimentData) -> None:
    """A query that can't be read, or a name that isn't there, is refused at once."""
    with pytest.raises(QueryError):
        data.images("nodule AND")
    with pytest.raises(UnknownTermError):
        data.images("nodul")


def test_images_go_to_other_processes(data: ExperimentData) -> None:
    """Images can be pickled, as loaders with several workers do, and still read their pixels."""
    again = pickle.loads(pickle.dumps(data.images("nodule")))
    assert (again[0].pixels() == STORED << 4).all()


def test_one_query_for_many(data: ExperimentData, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many images are iterated over, the store is asked once."""
    images = data.images()
    monkeypatch.setattr(data, "store", None)
    assert len(list(images)) == 4
