"""The test of DICOM files: as many bytes of pixels as they promise, decoded where compressed."""

import io
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder

from cxr_duck.images.formats import dicom
from cxr_duck.images.formats.dicom_frames import first_reason
from tests.support.jpeg_files import block_jpeg, lossless_jpeg
from tests.support.judges import sound, verdict_on

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PLAIN = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian]
PACKED = [
    uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGBaseline8Bit, uid.JPEGLSLossless,
    uid.JPEGLosslessSV1,
]  # fmt: skip


def pixels(bits: int = 12, rows: int = 50, columns: int = 41) -> numpy.ndarray:
    """Return a noisy ramp."""
    rng = numpy.random.default_rng(1)
    ramp = numpy.linspace(20, 200, rows)[:, None] + rng.normal(0, 9, (rows, columns))
    scaled = numpy.clip(ramp, 0, 255) * (2**bits - 1) / 255
    return scaled.astype(numpy.uint16 if bits > 8 else numpy.uint8)


def film(
    syntax: str = uid.ExplicitVRLittleEndian, array: numpy.ndarray | None = None, **told: Any
) -> bytes:
    """Return a DICOM file of a film; `told` are other values of its elements."""
    if array is None:
        array = pixels(8 if syntax == uid.JPEGBaseline8Bit else 12)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    plain = uid.ExplicitVRLittleEndian if syntax in PACKED else syntax
    meta.TransferSyntaxUID = plain
    dataset = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    dataset.Rows, dataset.Columns = array.shape[:2]
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = 8 * array.itemsize
    dataset.BitsStored = 8 if array.itemsize == 1 else 12
    dataset.HighBit = dataset.BitsStored - 1
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = data + bytes(len(data) % 2)
    dataset["PixelData"].VR = "OB" if array.itemsize == 1 else "OW"
    if syntax == uid.JPEGBaseline8Bit:
        _as_jpeg(dataset, array)
    elif syntax == uid.JPEGLosslessSV1:
        _pack(dataset, syntax, [lossless_jpeg(array, 8 * array.itemsize)])
    elif syntax in PACKED:
        dataset.compress(syntax)
    for name, value in told.items():
        setattr(dataset, name, value)
    out = io.BytesIO()
    if syntax == uid.ExplicitVRBigEndian:
        pydicom.dcmwrite(out, dataset, implicit_vr=False, little_endian=False)
    else:
        dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _as_jpeg(dataset: FileDataset, array: numpy.ndarray, lost: int = 0) -> None:
    frame = io.BytesIO()
    Image.fromarray(array).save(frame, "JPEG")
    data = frame.getvalue()
    middle = len(data) // 2
    _pack(dataset, uid.JPEGBaseline8Bit, [data[:middle] + data[middle + lost :]])


def _pack(dataset: FileDataset, syntax: str, frames: list[bytes]) -> None:
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax


def repacked(whole: bytes, frames: list[bytes], syntax: str = "", **told: Any) -> bytes:
    """Return a file with other frames of compressed pixels, perhaps of another syntax."""
    dataset = pydicom.dcmread(io.BytesIO(whole))
    _pack(dataset, syntax or dataset.file_meta.TransferSyntaxUID, frames)
    for name, value in told.items():
        setattr(dataset, name, value)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def judged(data: bytes, *, quick: bool = False) -> tuple[str, str | None]:
    """Return the verdict on a file and its reason."""
    verdict = verdict_on(data, "film.dcm", quick=quick)
    assert verdict.format == "dicom"
    return verdict.verdict, verdict.reason


@pytest.mark.parametrize("syntax", [*PLAIN, *PACKED, uid.DeflatedExplicitVRLittleEndian])
def test_sound_files_pass(syntax: str) -> None:
    """Films pass in each encoding, with what their elements say."""
    verdict = verdict_on(film(syntax), "film.dcm")
    assert (verdict.verdict, verdict.detail, verdict.format) == ("ok", None, "dicom")
    assert (verdict.width, verdict.height, verdict.color) == (41, 50, "gray")
    assert verdict.bits == (8 if syntax == uid.JPEGBaseline8Bit else 12)


@pytest.mark.parametrize("syntax", PLAIN)
def test_any_cut_is_found(syntax: str) -> None:
    """A file of plain pixels is refused wherever it is cut."""
    whole = film(syntax)
    for end in [*range(132, 600, 13), *range(len(whole) - 30, len(whole))]:
        verdict, reason = judged(whole[:end])
        assert verdict == "damaged" and reason in ("truncated", "header", "chunk"), end


@pytest.mark.parametrize("syntax", PACKED)
def test_any_cut_of_compressed_pixels_is_found(syntax: str) -> None:
    """A file of compressed pixels is refused wherever it is cut, up to the end of its sequence."""
    whole = film(syntax)
    for end in [*range(132, 600, 13), *range(len(whole) - 30, len(whole))]:
        assert judged(whole[:end])[0] == "damaged", end


LENGTHS: dict[str, tuple[Callable[[], bytes], tuple[str, str | None]]] = {
    "one row more promised": (lambda: film(Rows=51), ("damaged", "length")),
    "one row less promised": (lambda: film(Rows=49), ("damaged", "length")),
    "one column more promised": (lambda: film(Columns=42), ("damaged", "length")),
    "two frames promised": (lambda: film(NumberOfFrames=2), ("damaged", "length")),
    "8 bits promised": (lambda: film(BitsAllocated=8), ("damaged", "length")),
    "three samples promised": (lambda: film(SamplesPerPixel=3), ("damaged", "length")),
    "no rows": (lambda: film(Rows=0), ("damaged", "header")),
    "no pixels": (lambda: film(PixelData=b""), ("damaged", "length")),
    "bits that can't be": (lambda: film(BitsAllocated=0), ("damaged", "length")),
    "an odd number of bytes, padded": (
        lambda: film(array=pixels(8, rows=5, columns=5)), ("ok", None),
    ),
    "a few bytes after the pixels": (
        lambda: film(PixelData=pixels().tobytes() + bytes(6)), ("ok", None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LENGTHS)
def test_pixels_are_counted(name: str) -> None:
    """Rows, columns, samples, bits and frames promise a length, which the pixels have to have."""
    build, expected = LENGTHS[name]
    assert judged(build()) == expected


def test_bytes_after_the_pixels_are_told() -> None:
    """Fewer bytes than a row beyond the pixels are a note."""
    verdict = verdict_on(film(PixelData=pixels().tobytes() + bytes(6)), "film.dcm")
    assert verdict.detail == "6 bytes after the pixels"


def test_a_broken_frame_is_found() -> None:
    """Frames that their decoder lets pass are held to what files of their kind are held to."""
    dataset = pydicom.dcmread(io.BytesIO(film(uid.JPEGBaseline8Bit)))
    _as_jpeg(dataset, pixels(8), lost=3)
    out = io.BytesIO()
    dataset.save_as(out)
    assert judged(out.getvalue()) == ("damaged", "decode")
    assert judged(out.getvalue(), quick=True) == ("ok", None)
    dataset = pydicom.dcmread(io.BytesIO(film(uid.RLELossless)))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[:-300]])
    out = io.BytesIO()
    dataset.save_as(out)
    assert judged(out.getvalue()) == ("damaged", "truncated")


def _large_film(syntax: str) -> tuple[bytes, bytes]:
    """Return a film of some compression, and its one frame."""
    if syntax == uid.JPEGExtended12Bit:
        frame = block_jpeg([(1, 1)], 300, 200, 12)
        return repacked(film(array=pixels(12, 200, 300)), [frame], syntax), frame
    whole = film(syntax, array=pixels(8 if syntax == uid.JPEGBaseline8Bit else 12, 200, 300))
    data = pydicom.dcmread(io.BytesIO(whole)).PixelData
    return whole, bytes(next(generate_frames(data, number_of_frames=1)))


@pytest.mark.parametrize("syntax", [*PACKED, uid.JPEGExtended12Bit])
def test_half_a_film_is_damaged(syntax: str) -> None:
    """Of each compression that is read: half a frame gone, or zeros, or a sector of zeros."""
    whole, frame = _large_film(syntax)
    assert judged(whole) == ("ok", None)
    end = b"" if syntax == uid.RLELossless else b"\xff\xd9"
    middle = len(frame) // 4 * 2
    damages = {
        "cut": frame[:middle],
        "cut, and ended": frame[:middle] + end,
        "zeros to the end": frame[:middle] + bytes(middle),
        "zeros, and ended": frame[:middle] + bytes(len(frame) - middle - len(end)) + end,
        "a sector of zeros": frame[:middle] + bytes(512) + frame[middle + 512 :],
    }
    if syntax != uid.JPEGBaseline8Bit:  # where what follows can be another film by chance
        damages["a byte lost"] = frame[:middle] + frame[middle + 1 :]
    for name, damaged in damages.items():
        assert judged(repacked(whole, [damaged]))[0] == "damaged", name


@pytest.mark.parametrize("syntax", PACKED)
def test_every_frame_is_looked_at(syntax: str) -> None:
    """A file of several frames is named so; where a later frame is damaged, the file is."""
    whole, frame = _large_film(syntax)
    assert judged(repacked(whole, [frame] * 3, NumberOfFrames=3)) == ("untested", "no film")
    for damaged in (frame[: len(frame) // 2], bytes(len(frame))):
        data = repacked(whole, [frame, frame, damaged], NumberOfFrames=3)
        verdict = verdict_on(data, "film.dcm")
        assert verdict.verdict == "damaged"
        assert str(verdict.detail).startswith("frame 3 of 3: ")
    assert judged(repacked(whole, [frame] * 2, NumberOfFrames=3))[0] == "damaged"


def test_a_frame_of_another_size_is_damaged() -> None:
    """What a frame says of its size has to be what the file says."""
    whole, _ = _large_film(uid.JPEGLosslessSV1)
    other = lossless_jpeg(pixels(12, 199, 300))
    assert judged(repacked(whole, [other])) == ("damaged", "header")


def test_what_is_no_gray_film_is_named() -> None:
    """Colors and palettes are noted; a file of several frames is no film, and untested."""
    colors = numpy.stack([pixels(8)] * 3, axis=-1)
    told = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    palette = {"PhotometricInterpretation": "PALETTE COLOR"}
    frames = {"NumberOfFrames": 2}
    for quick in (False, True):
        found = verdict_on(film(array=colors, **told), "film.dcm", quick=quick)
        assert (found.verdict, found.detail) == ("ok", "in color: 3 samples a pixel, RGB")
        found = verdict_on(film(array=pixels(8), **palette), "film.dcm", quick=quick)
        assert (found.verdict, found.detail) == (
            "ok", "in color: its pixels are indices of a palette",
        )  # fmt: skip
        found = verdict_on(film(PixelData=pixels().tobytes() * 2, **frames), "f.dcm", quick=quick)
        assert (found.verdict, found.reason, found.detail) == (
            "untested", "no film", "it has 2 frames",
        )  # fmt: skip
    dataset = pydicom.dcmread(io.BytesIO(film()))
    del dataset.PixelData
    dataset.FloatPixelData = pixels().astype("float32").tobytes()
    out = io.BytesIO()
    dataset.save_as(out)
    assert judged(out.getvalue()) == ("untested", "no film")


def test_a_run_length_segment_may_be_padded() -> None:
    """Bytes of any value may make a segment and its frame even; more are too many."""
    whole, frame = _large_film(uid.RLELossless)
    frame = frame.rstrip(b"\0")
    assert judged(repacked(whole, [frame + b"\x20"])) == ("ok", None)
    assert judged(repacked(whole, [frame + b"\x20" * 4])) == ("damaged", "length")


def test_only_what_can_be_verified_is_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    """High-Throughput JPEG 2000, and JPEG-LS without CharLS, are untested."""
    whole, frame = _large_film(uid.JPEG2000Lossless)
    verdict = verdict_on(repacked(whole, [frame], uid.HTJ2KLossless), "film.dcm")
    assert (verdict.verdict, verdict.reason) == ("untested", "no decoder")
    assert str(verdict.detail).endswith("this compression can't be verified here")
    decoder = get_decoder(uid.JPEGLSLossless)
    monkeypatch.setattr(decoder, "_available", {"pylibjpeg": lambda *given: b""})
    whole, _ = _large_film(uid.JPEGLSLossless)
    assert judged(whole) == ("untested", "no decoder")


def test_details_say_why() -> None:
    """A detail is what the decoder found, not that all decoders failed."""
    frame = block_jpeg([(1, 1)], 41, 50, 12)
    wrong = frame.replace(b"\0\x3f\0", b"\0\0\0")
    data = repacked(film(), [wrong], uid.JPEGExtended12Bit)
    assert "a scan of coefficients 0 to 0" in str(verdict_on(data, "film.dcm").detail)
    told = first_reason(RuntimeError("all decoders failed:\n  one: too short\n  two: no such code"))
    assert told == "one: too short; two: no such code"


def test_files_that_are_no_images() -> None:
    """A file without rows, or whose elements can't be read, is damaged."""
    dataset = pydicom.dcmread(io.BytesIO(film()))
    for name in ("Rows", "Columns", "PixelData"):
        delattr(dataset, name)
    out = io.BytesIO()
    dataset.save_as(out)
    assert judged(out.getvalue()) == ("damaged", "header")
    assert judged(bytes(128) + b"DICM")[0] == "damaged"
    assert judged(bytes(128) + b"DICM" + b"\xff" * 500)[0] == "damaged"


@pytest.mark.parametrize("syntax", [*PLAIN, *PACKED])
def test_mutations(syntax: str, capfd: pytest.CaptureFixture[str]) -> None:
    """No damage makes the test fail or talk; what pydicom can't decode is refused."""
    rng, whole = random.Random(str(syntax)), film(syntax, array=pixels(8, 70, 65))
    for _ in range(120):
        at, count = rng.randrange(len(whole)), rng.choice((1, 2, 30))
        data = rng.choice(
            (
                whole[:at] + rng.randbytes(count) + whole[at + count :],
                whole[:at] + whole[at + count :],
                whole[:at] + rng.randbytes(count) + whole[at:],
                whole[:at],
            )
        )
        verdict = verdict_on(data, "film.dcm")
        if sound(verdict):
            assert pydicom.dcmread(io.BytesIO(data)).pixel_array.size
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("syntax", [*PLAIN, *PACKED])
def test_constant_images_are_suspect(syntax: str) -> None:
    """An image of equal pixels is suspect, compressed or not; one other pixel saves it."""
    array = numpy.full((70, 80), 9, numpy.uint8 if syntax in PACKED else numpy.uint16)
    assert judged(film(syntax, array=array)) == ("suspect", "constant")
    array[69, 79] = 200
    assert judged(film(syntax, array=array)) == ("ok", None)


def test_without_pydicom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pydicom nothing is said to be ok; the detail says what to install."""
    whole = film()
    monkeypatch.setitem(sys.modules, "pydicom", None)
    verdict = verdict_on(whole, "film.dcm")
    assert (verdict.verdict, verdict.reason) == ("untested", "no decoder")
    assert "cxr-duck[dicom]" in str(verdict.detail)
    assert verdict.digest


def test_without_a_decoder() -> None:
    """A compression that nothing installed decodes is untested, and its name is told."""
    dataset = pydicom.dcmread(io.BytesIO(film(uid.RLELossless)))
    dataset.file_meta.TransferSyntaxUID = uid.MPEG2MPML
    out = io.BytesIO()
    dataset.save_as(out)
    verdict = verdict_on(out.getvalue(), "film.dcm")
    assert (verdict.verdict, verdict.reason) == ("untested", "no decoder")
    assert "MPEG2" in str(verdict.detail)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, or what it inflates to, that is larger than any film is untested, as told."""
    deflated = film(uid.DeflatedExplicitVRLittleEndian, array=numpy.zeros((900, 900), "uint16"))
    monkeypatch.setattr(dicom, "BIGGEST", 100_000)
    assert judged(deflated) == ("untested", "too large")
    assert judged(film(array=pixels(12, 300, 300))) == ("untested", "too large")
    monkeypatch.setattr(dicom, "LARGEST", 100)
    assert judged(film()) == ("untested", "too large")
