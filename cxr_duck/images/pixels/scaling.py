"""Scales pixels by the range that is used, by percentiles or by a DICOM window."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from cxr_duck.images.pixels.decoded import Decoded
from cxr_duck.images.pixels.opencv import opencv
from cxr_duck.images.pixels.window import sound_bits, sound_window

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    from cxr_duck.images.pixels.decoded import Pixels

__all__ = [
    "PERCENTILES",
    "WINDOWS",
    "Limits",
    "deepened",
    "inverted",
    "limits_of",
    "scale",
    "to_8bit",
    "unit_values",
]

WINDOWS = ("full", "percentile", "dicom")
PERCENTILES = (0.5, 99.5)  # of an image's pixels, which become black and white
_DETECTORS = (8, 10, 12, 14, 16)  # bits of a pixel that detectors give
_COUNTABLE = 2**24  # pixels that OpenCV counts exactly
_SAMPLED = 16  # one row of so many often shows already that a film is no darker


class Limits(NamedTuple):
    """The pixel values that become black and white, and how they are `known`.

    `known` is `depth` (all values of an image of 8 bits), `file` (what the file says), `label file`
    (what that says), `top` (the label file's bits, at the top of the 16), `values` (those of the
    image itself), or the window: `percentile` or `window`.
    """

    low: float
    high: float
    known: str


def limits_of(
    film: Decoded,
    window: "str | tuple[float, float]" = "full",
    bits_stored: int | None = None,
) -> Limits:
    """Return the pixel values that a window makes black and white.

    `full` is all that the bits can hold which the file says are used, or else the label file
    (`bits_stored`); values that don't fit into the label file's were shifted to the top of their 16
    when they were stored anew. Where neither says it, it is the fewest bits of a detector that hold
    the image; of signed pixels of 16 bits, which say it of any, it is their own span. `percentile`
    takes PERCENTILES of the image. A pair is the centre and width of a DICOM window (PS3.3,
    C.11.2.1.2.1) over the file's values, or over the label file's, which were shifted as those.
    """
    if window == "full":
        return _full(film, bits_stored)
    if window == "percentile":
        return Limits(*_percentiles(film.pixels), "percentile")
    if isinstance(window, str):
        raise ValueError(f"a window is full, percentile or (centre, width), not {window!r}")
    sound = sound_window(*window)
    if sound is None:
        raise ValueError(f"a DICOM window is a centre and a width of 1 or more, not {window!r}")
    center, width = sound
    scale = 1.0
    if film.bits is None and (bits := sound_bits(bits_stored)):
        depth = 8 * film.pixels.dtype.itemsize
        if bits > depth or _exceeds(film.pixels, 2**bits - 1):
            scale = 2.0 ** (depth - bits)
    low, high = (
        (value * scale - film.intercept) / film.slope
        for value in (center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)
    )
    return Limits(low, high, "window")


def _full(film: Decoded, bits_stored: int | None) -> Limits:
    pixels = film.pixels
    depth = 8 * pixels.dtype.itemsize
    if depth == 8 and not film.bits:
        return Limits(0.0, 255.0, "depth")
    if film.signed and film.bits == depth:  # which is said of any signed pixels
        return _span(pixels, depth)
    known = "file" if film.bits else "label file"
    bits = film.bits or sound_bits(bits_stored)
    if bits and not _exceeds(pixels, 2**bits - 1):
        return Limits(0.0, float(2 ** min(bits, depth) - 1), known)
    if bits and not film.bits:
        return Limits(0.0, float(2**depth - 1), "top")
    highest = int(pixels.max()) if pixels.size else 0
    fewest = next(bits for bits in _DETECTORS if highest < 2**bits)
    return Limits(0.0, float(2**fewest - 1), "values")


def _span(pixels: "Pixels", depth: int) -> Limits:
    """Return the least and the highest pixel, or all that the depth can hold if they are one."""
    low, high = (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 0.0)
    return Limits(low, high, "values") if low < high else Limits(0.0, 2.0**depth - 1, "values")


def _exceeds(pixels: "Pixels", most: int) -> bool:
    """Tell whether a pixel is above a value."""
    if not pixels.size:
        return False
    return bool(pixels[::_SAMPLED].max() > most or pixels.max() > most)


def _percentiles(pixels: Any) -> tuple[float, float]:
    """Return the values that so many percent of the pixels don't exceed, from a histogram."""
    import numpy

    depth = 8 * pixels.dtype.itemsize
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
    pixels: "Pixels", limits: Limits, *, invert: bool = False
) -> "numpy.typing.NDArray[numpy.uint8]":
    """Return pixels as uint8, black up to the first limit, white above the second, even between.

    `invert` turns black and white around: MONOCHROME1 means that low values are white.
    """
    depth = 8 * pixels.dtype.itemsize
    scaled: numpy.typing.NDArray[numpy.uint8] = _levels(depth, limits.low, limits.high, 8, invert)[
        pixels
    ]
    return scaled


def deepened(
    pixels: "Pixels", limits: Limits, *, invert: bool = False
) -> "numpy.typing.NDArray[numpy.uint16]":
    """Return pixels as uint16, from 0 at the first limit to 65535 at the second."""
    depth = 8 * pixels.dtype.itemsize
    if depth == 16 and limits[:2] == (0.0, 65535.0):
        return ~pixels if invert else pixels
    deep: numpy.typing.NDArray[numpy.uint16] = _levels(depth, limits.low, limits.high, 16, invert)[
        pixels
    ]
    return deep


def inverted(pixels: "Pixels", limits: Limits) -> "Pixels":
    """Return pixels with black and white turned around within the limits, of the same type."""
    turned: Pixels = pixels.dtype.type(limits.low + limits.high) - pixels
    return turned


def unit_values(
    pixels: "Pixels", limits: Limits, *, invert: bool = False
) -> "numpy.typing.NDArray[numpy.float32]":
    """Return pixels as float32, from 0 at the first limit to 1 at the second."""
    import numpy

    values: numpy.typing.NDArray[numpy.float32] = pixels.astype(numpy.float32)
    if limits.low:
        values -= numpy.float32(limits.low)
    values /= numpy.float32(limits.high - limits.low or 1.0)
    return 1 - values if invert else values


@lru_cache(maxsize=64)
def _levels(depth: int, low: float, high: float, bits: int, invert: bool) -> Any:
    """Return the level of so many bits that each value of a depth becomes."""
    import numpy

    most = float(2**bits - 1)
    values = numpy.arange(2**depth, dtype=numpy.float64)
    if high > low:
        levels = numpy.clip((values - low) / (high - low), 0.0, 1.0) * most
    else:
        levels = numpy.where(values > low, most, 0.0)
    rounded = numpy.floor(levels + 0.5)
    return (most - rounded if invert else rounded).astype(numpy.uint8 if bits == 8 else "uint16")


def to_8bit(
    pixels: "Pixels",
    window: "str | tuple[float, float]" = "full",
    *,
    bits_stored: int | None = None,
    invert: bool = False,
) -> "numpy.typing.NDArray[numpy.uint8]":
    """Return pixels as uint8, scaled by a window of `limits_of`.

    With `full` an image of 8 bits stays as it is.
    """
    return scale(pixels, limits_of(Decoded(pixels), window, bits_stored), invert=invert)
