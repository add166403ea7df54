"""The pixels of an image: read as they are, scaled to 8 bits, made smaller, written again."""

import threading
from functools import lru_cache
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING, Any, BinaryIO

from cxr_duck.images.formats.examine import examine_image
from cxr_duck.images.formats.exif import orientation_of
from cxr_duck.images.formats.png import SIGNATURE
from cxr_duck.images.formats.png_still import still_png
from cxr_duck.images.formats.silence import silence_libraries
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.images.pixels.upright import upright
from cxr_duck.images.pixels.window import sound_bits, sound_window

if TYPE_CHECKING:
    import numpy
    import numpy.typing
    from PIL import Image

    Pixels = numpy.typing.NDArray[numpy.unsignedinteger[Any]]

__all__ = [
    "FORMATS",
    "PERCENTILES",
    "WINDOWS",
    "encode",
    "limits_of",
    "read_pixels",
    "scale",
    "shrink",
    "to_8bit",
]

FORMATS = ("png", "jpg")
WINDOWS = ("full", "percentile", "dicom")
PERCENTILES = (0.5, 99.5)  # of an image's pixels, which become black and white
_HEADER = Struct(">IIBB")  # of a PNG: width, height, bits, kind of colour
_MOST_PIXELS = 2**27  # where Pillow warns of a bomb, and a little more
_BUFFER = 2**23  # bytes, which most films don't fill
_own = threading.local()
_COUNTABLE = 2**24  # pixels that OpenCV counts exactly
_FAR = 4  # OpenCV halves an image first that is so many times larger
_BAND = 64  # rows that are halved at a time
_HALF_SIZES = 2.0  # Pillow averages blocks of pixels first, down to this many times the new size


def read_pixels(stream: BinaryIO) -> "Pixels":
    """Return the pixels of an image file, rows x columns, uint16 or uint8 as they are stored.

    Reads PNG, JPEG, and DICOM where pydicom is installed (extra `dicom`). Colours become gray.
    The array may be one that can't be written to. Raises OSError where the pixels can't be decoded
    to the last one.
    """
    silence_libraries()
    data = stream.read() if opencv() is None else _all_of(stream)
    try:
        pixels: Pixels = (
            _dicom_pixels(data) if bytes(data[128:132]) == b"DICM" else _film_pixels(data)
        )
        return pixels
    except (OSError, ImportError):
        raise
    except Exception as error:  # a damaged file can make a decoder fail in any way
        raise OSError(str(error) or type(error).__name__) from error


def _all_of(stream: BinaryIO) -> memoryview:
    """Return the bytes of a stream, in a buffer that this thread's next call fills anew.

    Memory that is given back and asked for again film by film costs more time than its reading.
    """
    buffer: bytearray = getattr(_own, "buffer", None) or bytearray(_BUFFER)
    filled = 0
    while got := stream.readinto(memoryview(buffer)[filled:]):  # type: ignore[attr-defined]
        filled += got
        if filled == len(buffer):
            buffer = buffer + bytes(len(buffer))
    _own.buffer = buffer
    return memoryview(buffer)[:filled]


def _film_pixels(data: bytes | memoryview) -> Any:
    """Return the pixels of a PNG or JPEG as they are to be looked at, whichever library decodes."""
    # Decoders make pixels of what a wrong checksum covers, and OpenCV's talks to the terminal.
    _refuse_damage(data, quick=True)
    still = still_png(data) if bytes(data[: len(SIGNATURE)]) == SIGNATURE else data
    return upright(_stored_pixels(still), orientation_of(data))


def _stored_pixels(data: bytes | memoryview) -> Any:
    import numpy
    from PIL import Image

    cv2 = opencv()
    if cv2 is not None and _is_gray_png(data):
        pixels = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is not None and pixels.ndim == 2:
            return pixels
        if pixels is None:
            Image.open(BytesIO(data), formats=("PNG",)).load()  # which may tell why
            raise OSError("it ends before its last pixel, or lacks its end")
    with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
        pixels = numpy.asarray(image)
        # Pillow makes rows of 0 of those that a stream of pixels lacks; in an interlaced image it
        # may be any that lack.
        if image.format == "PNG" and (image.info.get("interlace") or not pixels[-1].any()):
            _refuse_damage(data, quick=False)
        if image.mode.startswith("I"):
            return _as_16_bits(pixels)
        return pixels if image.mode == "L" else numpy.asarray(image.convert("L"))


def _refuse_damage(data: bytes | memoryview, *, quick: bool) -> None:
    verdict = examine_image(BytesIO(data), "", quick=quick)
    if verdict.verdict == "damaged" or verdict.reason == "no decoder":
        raise OSError(verdict.told)


def _is_gray_png(data: bytes | memoryview) -> bool:
    """Tell whether a PNG is gray, of 8 or 16 bits, and of a size that is no attack."""
    if bytes(data[: len(SIGNATURE)]) != SIGNATURE or len(data) < _HEADER.size + 16:
        return False
    width, height, bits, color = _HEADER.unpack_from(data, 16)
    return color == 0 and bits in (8, 16) and width * height <= _MOST_PIXELS


def _as_16_bits(pixels: Any) -> Any:
    """Return the samples of a 16-bit image that Pillow may have opened with 32 bits."""
    import numpy

    if (
        pixels.dtype != numpy.uint16
        and pixels.size
        and not 0 <= pixels.min() <= pixels.max() < 2**16
    ):
        raise OSError("it has more than 16 bits a pixel")
    return pixels.astype(numpy.uint16, copy=False)


def _dicom_pixels(data: bytes | memoryview) -> Any:
    import numpy

    try:
        import pydicom
    except ImportError:
        raise OSError("it is a DICOM file: install cxr-duck[dicom]") from None
    dataset = pydicom.dcmread(BytesIO(data))
    pixels = dataset.pixel_array
    if pixels.ndim != 2 or str(dataset.PhotometricInterpretation).startswith("PALETTE"):
        raise OSError(f"it has the shape {pixels.shape}, and is no single gray image")
    if pixels.dtype.kind == "i":  # the least value that the bits can hold becomes 0
        pixels = pixels.astype(numpy.int64) + 2 ** (int(dataset.BitsStored) - 1)
    if pixels.dtype == numpy.uint8:
        return pixels
    return _as_16_bits(pixels)


def limits_of(
    pixels: "Pixels",
    window: "str | tuple[float, float]" = "full",
    bits_stored: int | None = None,
) -> tuple[float, float]:
    """Return the pixel values that a window makes black and white.

    `full` is 0 and the highest that the type can hold. `percentile` takes PERCENTILES of the image.
    A pair is the centre and width of a DICOM window (PS3.3, C.11.2.1.2.1) over stored values of so
    many `bits_stored`; where the pixels don't fit into these bits, they were shifted to the top of
    their 8 or 16 when they were stored anew, and the window is shifted with them.
    """
    depth = 8 * pixels.dtype.itemsize
    if window == "full":
        return 0.0, float(2**depth - 1)
    if window == "percentile":
        return _percentiles(pixels, depth)
    if isinstance(window, str):
        raise ValueError(f"a window is full, percentile or (centre, width), not {window!r}")
    sound = sound_window(*window)
    if sound is None:
        raise ValueError(f"a DICOM window is a centre and a width of 1 or more, not {window!r}")
    center, width = sound
    bits_stored, shift = sound_bits(bits_stored), 0
    if bits_stored and pixels.size and (bits_stored > depth or pixels.max() >= 2**bits_stored):
        shift = depth - bits_stored
    low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    return low * 2.0**shift, high * 2.0**shift


def _percentiles(pixels: Any, depth: int) -> tuple[float, float]:
    """Return the values that so many percent of the pixels don't exceed, from a histogram."""
    import numpy

    cv2 = opencv()
    if cv2 is not None and pixels.size <= _COUNTABLE:
        counted = cv2.calcHist([pixels], [0], None, [2**depth], [0, 2**depth]).ravel()
        counts = counted.astype(numpy.int64)
    else:
        counts = numpy.bincount(pixels.ravel(), minlength=2**depth)
    reached = numpy.cumsum(counts)
    low, high = (
        float(numpy.searchsorted(reached, numpy.ceil(percent / 100 * pixels.size)))
        for percent in PERCENTILES
    )
    return low, high


def scale(
    pixels: "Pixels", limits: tuple[float, float], *, invert: bool = False
) -> "numpy.typing.NDArray[numpy.uint8]":
    """Return pixels as uint8, black up to the first limit, white above the second, even between.

    `invert` turns black and white around: MONOCHROME1 means that low values are white.
    """
    scaled: numpy.typing.NDArray[numpy.uint8] = _levels(8 * pixels.dtype.itemsize, *limits, invert)[
        pixels
    ]
    return scaled


@lru_cache(maxsize=64)
def _levels(depth: int, low: float, high: float, invert: bool) -> Any:
    """Return the level of 8 bits that each value of a depth becomes."""
    import numpy

    values = numpy.arange(2**depth, dtype=numpy.float64)
    if high > low:
        levels = numpy.clip((values - low) / (high - low), 0.0, 1.0) * 255.0
    else:
        levels = numpy.where(values > low, 255.0, 0.0)
    table = numpy.floor(levels + 0.5).astype(numpy.uint8)
    return 255 - table if invert else table


def to_8bit(
    pixels: "Pixels",
    window: "str | tuple[float, float]" = "full",
    *,
    bits_stored: int | None = None,
    invert: bool = False,
) -> "numpy.typing.NDArray[numpy.uint8]":
    """Return pixels as uint8: 16 bits divided by 65535 (`full`), or by a window of `limits_of`.

    With `full` an image of 8 bits stays as it is.
    """
    return scale(pixels, limits_of(pixels, window, bits_stored), invert=invert)


def shrink(pixels: "Pixels", size: int, *, enlarge: bool = False) -> "Pixels":
    """Return an image whose longer side has `size` pixels, of the same type and proportions.

    A smaller image stays as it is, unless asked to `enlarge` it. OpenCV's INTER_AREA does it where
    it is installed, else Pillow's LANCZOS over averaged blocks; both average the 16 bits.
    """
    height, width = pixels.shape
    longer = max(height, width)
    if size < 1:
        raise ValueError(f"a side has 1 pixel or more, not {size}")
    if longer == size or (longer < size and not enlarge):
        return pixels
    columns, rows = (max(1, round(side * size / longer)) for side in (width, height))
    cv2 = opencv()
    if cv2 is None:
        return _shrunk_by_pillow(pixels, (columns, rows))
    while max(height, width) >= _FAR * size and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2  # which is quick, and hardly another mean
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_AREA if longer > size else cv2.INTER_CUBIC
    resized: Pixels = cv2.resize(pixels, (columns, rows), interpolation=way)
    return resized


def _shrunk_by_pillow(pixels: "Pixels", size: tuple[int, int]) -> "Pixels":
    import numpy
    from PIL import Image

    height, width = pixels.shape
    deep = pixels.dtype == numpy.uint16
    if not deep:
        image, box = Image.fromarray(pixels), (0.0, 0.0, float(width), float(height))
    elif min(width / size[0], height / size[1]) >= 2 * _HALF_SIZES:
        # What `reducing_gap` does, of 16 bits in a third of the time.
        image, box = Image.fromarray(_halved(pixels)), (0.0, 0.0, width / 2, height / 2)
    else:
        image, box = Image.fromarray(pixels).convert("F"), (0.0, 0.0, float(width), float(height))
    resized = image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=_HALF_SIZES)
    averaged = numpy.array(resized)
    return numpy.clip(numpy.rint(averaged), 0, 2**16 - 1).astype(numpy.uint16) if deep else averaged


def _halved(pixels: "Pixels") -> "numpy.typing.NDArray[numpy.float32]":
    """Return the means of blocks of 2 x 2 pixels; those at an odd edge are of what is there."""
    import numpy

    height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = numpy.pad(pixels, ((0, height % 2), (0, width % 2)), mode="edge")
    means = numpy.empty((pixels.shape[0] // 2, pixels.shape[1] // 2), numpy.float32)
    for start in range(0, len(means), _BAND):  # what a processor's own memory holds
        band = pixels[2 * start : 2 * (start + _BAND)]
        rows = numpy.add(band[0::2], band[1::2], dtype=numpy.uint32)
        means[start : start + _BAND] = numpy.add(rows[:, 0::2], rows[:, 1::2])
    means *= numpy.float32(0.25)
    return means


def encode(pixels: "Pixels", form: str = "png", quality: int = 90) -> bytes:
    """Return the bytes of an image file, always the same for the same pixels and libraries.

    `form` is png, of 8 or 16 bits, or jpg, of 8 bits and a `quality` of 1 to 100.
    """
    from PIL import Image

    if form not in FORMATS:
        raise ValueError(f"images are written as {' or '.join(FORMATS)}, not as {form!r}")
    if form == "jpg":
        if pixels.dtype.itemsize != 1:
            raise ValueError("a JPEG has 8 bits a pixel: scale the image first")
        return _saved(Image.fromarray(pixels), "JPEG", quality=quality)
    cv2 = opencv()
    if cv2 is None:
        return _saved(Image.fromarray(pixels), "PNG", compress_level=1, compress_type=_RUN_LENGTHS)
    written, data = cv2.imencode(
        ".png", pixels, [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    )
    assert written
    return bytes(data)


_RUN_LENGTHS = 3  # zlib's strategy that compresses films as well as any, and fastest


def _saved(image: "Image.Image", form: str, **options: int) -> bytes:
    data = BytesIO()
    image.save(data, form, **options)
    return data.getvalue()
