"""The pixels of an image file, decoded as they are stored, in bounded memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from cxr_duck.images.formats.dicom_frames import first_reason
from cxr_duck.images.formats.examine import examine_image
from cxr_duck.images.formats.exif import orientation_of
from cxr_duck.images.formats.jpeg import BIGGEST, LARGEST
from cxr_duck.images.formats.memory import room_for
from cxr_duck.images.formats.png_still import still_png
from cxr_duck.images.formats.silence import silence_libraries
from cxr_duck.images.formats.verdict import Verdict
from cxr_duck.images.pixels.decoded import Decoded
from cxr_duck.images.pixels.dicom_pixels import dicom_film
from cxr_duck.images.pixels.gray import as_16_bits, gray_of
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.images.pixels.upright import upright

if TYPE_CHECKING:
    from cxr_duck.images.pixels.decoded import Pixels

__all__ = ["opened", "read_pixels"]

_BUFFER = 2**23  # bytes, which most films don't fill
_KEPT = 2**26  # bytes of a buffer that a thread keeps for the next film
_own = threading.local()


def read_pixels(stream: BinaryIO) -> "Pixels":
    """Return the pixels of an image file, as `opened` gives them."""
    with opened(stream) as film:
        return film.pixels


@contextmanager
def opened(stream: BinaryIO, beside: int = 0) -> Iterator[Decoded]:
    """Give the pixels of an image file, rows x columns, uint16 or uint8 as they are stored.

    Reads PNG, JPEG, and DICOM where pydicom is installed (extra `dicom`). Colours become gray of
    the same depth. The array may be one that can't be written to. While it is open its memory
    counts among what all threads may hold, and `beside` bytes a pixel for what becomes of it.
    Raises OSError where the pixels can't be decoded to the last one, whatever the decoder raises.
    """
    silence_libraries()
    with _refusing():
        data = stream.read(BIGGEST + 1) if opencv() is None else _all_of(stream)
        # Decoders make pixels of what a wrong checksum covers, and OpenCV's talks to the terminal.
        verdict = _refuse_damage(data, quick=True)
        area = (verdict.width or 0) * (verdict.height or 0)
        if area > LARGEST or len(data) > BIGGEST or verdict.reason == "too large":
            raise OSError(f"it is too large: {len(data):,} bytes, {area:,} pixels")
    with room_for(len(data) + area * (_bytes_each(verdict) + beside)):
        with _refusing():
            film = dicom_film(data) if verdict.format == "dicom" else _film(data, verdict)
        yield film


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn all that a decoder may raise on a damaged file into an OSError."""
    try:
        yield
    except (OSError, ImportError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of a library in Rust is no Exception
        raise OSError(first_reason(error)) from error


def _all_of(stream: BinaryIO) -> memoryview:
    """Return the bytes of a stream, in a buffer that this thread's next call fills anew.

    Memory that is given back and asked for again film by film costs more time than its reading.
    """
    buffer: bytearray = getattr(_own, "buffer", None) or bytearray(_BUFFER)
    filled = 0
    while got := stream.readinto(memoryview(buffer)[filled:]):  # type: ignore[attr-defined]
        filled += got
        if filled > BIGGEST:
            break
        if filled == len(buffer):
            buffer = buffer + bytes(len(buffer))
    _own.buffer = buffer if len(buffer) <= _KEPT else None
    return memoryview(buffer)[:filled]


def _refuse_damage(data: bytes | memoryview, *, quick: bool) -> Verdict:
    """Return the verdict on a file. Raises OSError where it is damaged, or nothing decodes it."""
    verdict = examine_image(BytesIO(data), "", quick=quick)
    if verdict.verdict == "damaged" or verdict.reason == "no decoder":
        raise OSError(verdict.told)
    return verdict


def _bytes_each(verdict: Verdict) -> int:
    """Return how many bytes a pixel its decoding takes, rather more."""
    depth = 1 if (verdict.bits or 16) <= 8 else 2
    samples = 1 if verdict.color in ("gray", None) else 4  # as decoders hold colours
    coefficients = 2 * samples if verdict.format == "jpeg" else 0  # of a progressive one
    wide = 4 if verdict.format == "dicom" else 0  # of signed pixels
    return 2 * samples * depth + coefficients + wide


def _film(data: bytes | memoryview, verdict: Verdict) -> Decoded:
    """Return the pixels of a PNG or JPEG as they are to be looked at, of which it says nothing."""
    still = still_png(data) if verdict.format == "png" else data
    return Decoded(upright(_stored(still, verdict), orientation_of(data)))


def _stored(data: bytes | memoryview, verdict: Verdict) -> Any:
    """Return the pixels of a PNG or JPEG as they are stored."""
    gray = verdict.color == "gray"
    if verdict.format == "png" and verdict.bits in ((8, 16) if gray else (16,)):
        pixels = _by_opencv(data, gray)
        if pixels is not None:
            return pixels
        if not gray:
            raise OSError("it has 16 bits of each colour: install cxr-duck[fast] to read it")
    return _by_pillow(data)


def _by_opencv(data: bytes | memoryview, gray: bool) -> Any:
    """Return the pixels of a PNG, None where OpenCV is not installed or makes colours of gray."""
    import numpy
    from PIL import Image

    cv2 = opencv()
    if cv2 is None:
        return None
    pixels = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        Image.open(BytesIO(data), formats=("PNG",)).load()  # which may tell why
        raise OSError("it ends before its last pixel, or lacks its end")
    if pixels.ndim == 2:
        return pixels
    if gray:
        return None
    return gray_of(pixels[..., 2::-1])  # blue, green, red, and perhaps how opaque


def _by_pillow(data: bytes | memoryview) -> Any:
    import numpy
    from PIL import Image

    with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
        pixels = numpy.asarray(image)
        # Pillow makes rows of 0 of those that a stream of pixels lacks; in an interlaced image it
        # may be any that lack.
        if image.format == "PNG" and (image.info.get("interlace") or not pixels[-1].any()):
            _refuse_damage(data, quick=False)
        if image.mode.startswith("I"):
            return as_16_bits(pixels)
        return pixels if image.mode == "L" else numpy.asarray(image.convert("L"))
