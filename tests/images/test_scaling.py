"""Which pixel value is white: what the file says, what the label file says, what the film shows."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxr_duck import ExperimentData
from cxr_duck.images.pixels.decoded import Decoded
from cxr_duck.images.pixels.pixels import opened, read_pixels
from cxr_duck.images.pixels.scaling import limits_of, to_8bit
from tests.support.label_rows import USUAL, write_labels
from tests.support.png_files import file_of

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)  # all values of 12 bits


def film_of(highest: int, depth: type = np.uint16) -> np.ndarray:
    """Return pixels from 0 to a highest value."""
    return np.array([[0, highest // 3], [highest // 2, highest]], depth)


@pytest.mark.parametrize(
    ("highest", "own", "label", "white", "known"),
    [
        (4095, 12, None, 4095, "file"),
        (900, 12, 10, 4095, "file"),  # the file's own word goes before
        (4095, None, 12, 4095, "label file"),
        (100, None, 12, 4095, "label file"),
        (4095 << 4, None, 12, 65535, "top"),
        (65535, None, 16, 65535, "label file"),
        (4095, None, None, 4095, "values"),
        (1000, None, None, 1023, "values"),
        (9, None, None, 255, "values"),
        (40000, None, 77, 65535, "values"),  # a number of bits that is none
        (5000, 12, 12, 16383, "values"),  # more than the file says
    ],
)
def test_white_is_the_most_that_the_used_bits_hold(
    highest: int, own: int | None, label: int | None, white: int, known: str
) -> None:
    """The file's bits go before the label file's, and these before what the film shows."""
    assert limits_of(Decoded(film_of(highest), own), "full", label) == (0.0, white, known)


@pytest.mark.parametrize("label", [None, 8, 12])
def test_8_bits_are_all_used(label: int | None) -> None:
    """Of a film of 8 bits 255 is white, whatever the label file says of its original."""
    assert limits_of(Decoded(film_of(100, np.uint8)), "full", label) == (0.0, 255.0, "depth")


def test_a_late_bright_pixel_counts() -> None:
    """That a film exceeds the label file's bits is seen also where a single pixel does."""
    film = RAMP.copy()
    film[33, 5] = 4096
    assert limits_of(Decoded(film), "full", 12).known == "top"


def dicom(pixels: np.ndarray, **elements: Any) -> bytes:
    """Return a DICOM file of pixels, uncompressed, with some elements of one's own."""
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    bits = 8 * pixels.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


TWELVE = {"BitsStored": 12, "HighBit": 11}


def read(data: bytes) -> Decoded:
    """Return what is read of a file."""
    with opened(io.BytesIO(data)) as film:
        return film


def test_a_dicom_file_says_its_bits_and_kind() -> None:
    """Bits Stored, MONOCHROME1 and the window of a DICOM file come with its pixels."""
    film = read(dicom(RAMP, **TWELVE, PhotometricInterpretation="MONOCHROME1",
                      WindowCenter=["1000", "7"], WindowWidth=["500", "8"]))  # fmt: skip
    assert (film.bits, film.low_is_white, film.window) == (12, True, (1000.0, 500.0))
    assert limits_of(film, "full", 16) == (0.0, 4095.0, "file")


@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_a_window_counts_in_rescaled_values(slope: float) -> None:
    """A DICOM window is one of values after Rescale Slope and Intercept: PS3.3, C.11.2.1.2.1."""
    stored = RAMP.astype(np.int16) - 1024
    film = read(dicom(stored, RescaleSlope=slope, RescaleIntercept=1024 * slope,
                      WindowCenter=2048 * slope, WindowWidth=1000 * slope))  # fmt: skip
    assert film.window is not None
    low, high, _ = limits_of(film, film.window, 12)
    values = slope * stored + 1024 * slope
    center, width = film.window
    wanted = ((values - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1)
    found = ((film.pixels.astype(float) - low) / (high - low)).clip(0, 1)
    assert np.abs(found - wanted).max() < 1e-6


def test_signed_pixels_of_16_bits_span_their_own_values() -> None:
    """Signed pixels say 16 bits, of which few are used: black and white are those of the film."""
    film = read(dicom(RAMP.astype(np.int16) - 1024))
    limits = limits_of(film)
    assert limits.known == "values"
    assert (film.pixels.min(), film.pixels.max()) == limits[:2]


def test_bits_of_overlays_are_no_pixels() -> None:
    """What stands above the bits stored, or below the high bit, is taken off."""
    overlay = RAMP | np.uint16(0x8000)
    assert (read(dicom(overlay, **TWELVE)).pixels == RAMP).all()
    film = read(dicom(RAMP << np.uint16(4), BitsStored=12, HighBit=15))
    assert (film.pixels == RAMP).all()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_colours_become_gray_of_their_depth(depth: type) -> None:
    """A DICOM film in colours is gray of as many bits, weighted as in ITU-R BT.601."""
    most = np.iinfo(depth).max
    colors = np.zeros((2, 2, 3), depth)
    colors[0, 0], colors[0, 1], colors[1, 0] = (most, 0, 0), (0, most, 0), (most, most, most)
    film = read(dicom(colors, PhotometricInterpretation="RGB"))
    wanted = np.rint(np.array([[0.299, 0.587], [1.0, 0.0]]) * most)
    assert film.pixels.dtype == depth
    assert np.abs(film.pixels - wanted).max() <= 1


def test_a_palette_is_looked_up() -> None:
    """The pixels of a palette film are the grays of its colours, not their numbers."""
    table = np.array([65535, 0, 32768, 16384], "<u2")
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for color in ("Red", "Green", "Blue"):
        elements[f"{color}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        elements[f"{color}PaletteColorLookupTableData"] = table.tobytes()
    film = read(dicom(np.array([[0, 1], [2, 3]], np.uint8), **elements))
    assert np.abs(film.pixels - np.array([[65535, 0], [32768, 16384]])).max() <= 1
    assert film.low_is_white is False


def test_several_frames_are_no_film() -> None:
    """A file of several frames is refused with their number."""
    data = dicom(np.zeros((8, 4), np.uint16) + RAMP[0, :4], NumberOfFrames=2, Rows=4)
    with pytest.raises(OSError, match="it has 2 frames, and is no single film"):
        read_pixels(io.BytesIO(data))


@pytest.mark.parametrize(("color", "samples"), [(2, 3), (4, 2), (6, 4)], ids=["rgb", "la", "rgba"])
def test_16_bits_of_colour_stay_16(color: int, samples: int) -> None:
    """A PNG of 16 bits a sample, coloured or with an alpha channel, keeps them as gray."""
    pytest.importorskip("cv2")
    gray = (np.arange(600, dtype=np.uint32) * 109).astype(np.uint16).reshape(20, 30)
    raw = np.zeros((20, 30, samples), ">u2")
    raw[:] = gray[..., None]
    raw[..., samples - 1 if samples in (2, 4) else 0] = 65535 if samples in (2, 4) else gray
    rows = np.zeros((20, 1 + 30 * samples * 2), np.uint8)
    rows[:, 1:] = raw.reshape(20, -1).view(np.uint8)
    header = struct.pack(">IIBBBBB", 30, 20, 16, color, 0, 0, 0)
    data = file_of([(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")])
    found = read_pixels(io.BytesIO(data))
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - gray).max() <= (1 if color in (2, 6) else 0)


class Panic(BaseException):
    """What a library in Rust raises when it panics: no Exception."""


@pytest.mark.parametrize(
    "raised", [Panic("index out of bounds\nbacktrace"), MemoryError(), KeyError("x")]
)
def test_whatever_a_decoder_raises_is_an_os_error(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    """A panic, a lack of memory, any error of a decoder: an OSError of one line."""

    def failing(*_: object) -> None:
        raise raised

    monkeypatch.setattr("cxr_duck.images.pixels.pixels.dicom_film", failing)
    with pytest.raises(OSError, match=r"^\S[^\n]*$"):
        read_pixels(io.BytesIO(dicom(RAMP)))
    raised = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        read_pixels(io.BytesIO(dicom(RAMP)))


def test_every_way_out_has_the_same_gray(tmp_path: Path) -> None:
    """Films of 12 bits, of 12 at the top of 16, and DICOM, black or white, look alike in 8 bits."""
    from PIL import Image

    images = tmp_path / "images"
    images.mkdir()
    top = (RAMP << np.uint16(4)) + np.uint16(15)
    Image.fromarray(RAMP).save(images / "low.png")
    Image.fromarray(top).save(images / "top.png")
    (images / "two.dcm").write_bytes(dicom(RAMP, **TWELVE))
    one = dicom(4095 - RAMP, **TWELVE, PhotometricInterpretation="MONOCHROME1")
    (images / "one.dcm").write_bytes(one)
    names = sorted(path.name for path in images.iterdir())
    rows = [{**USUAL, "ImageID": name, "BitsStored_DICOM": "12.0"} for name in names]
    data = ExperimentData(images, write_labels(tmp_path / "l.csv", rows), store=tmp_path / "store")
    data.create_index()
    wanted = to_8bit(top, bits_stored=12)
    for name in names:
        image = data.image(name)
        assert np.abs(image.to_8bit(invert=True).astype(int) - wanted).max() <= 1, name
        small = np.asarray(image.thumbnail(64, invert=True)).astype(int)
        assert np.abs(small - wanted).max() <= 1, name
    assert (data.image("one.dcm").pixels(invert=True) == RAMP).all()
    assert (data.image("one.dcm").pixels() == 4095 - RAMP).all()
