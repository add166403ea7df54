"""Makes images smaller or larger, and square."""

from typing import TYPE_CHECKING, TypeVar

from cxr_duck.images.pixels.opencv import opencv

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    from cxr_duck.images.pixels.decoded import Pixels

__all__ = ["FITS", "fitted", "padded", "shrink"]

_Image = TypeVar("_Image", bound="numpy.typing.NDArray[numpy.number]")

FITS = ("pad", "crop", "stretch")
_FAR = 4  # OpenCV halves an image first that is so many times larger
_BAND = 64  # rows that are halved at a time
_HALF_SIZES = 2.0  # Pillow averages blocks of pixels first, down to this many times the new size


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
    return _resized(pixels, columns, rows)


def fitted(pixels: "Pixels", size: int, fit: str | None) -> "Pixels":
    """Return an image in the size that is asked, before it is padded.

    Without a `fit` its longer side has at most so many pixels. `crop` takes the middle square,
    `stretch` all of it, and both give so many rows and columns; `pad` gives the longer side exactly
    so many pixels, and `padded` does the rest. A smaller image is enlarged to fit.
    """
    if fit is None or fit == "pad":
        return shrink(pixels, size, enlarge=fit is not None)
    if fit not in FITS:
        raise ValueError(f"a fit is {', '.join(FITS)}, not {fit!r}")
    height, width = pixels.shape
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        pixels = pixels[top : top + side, left : left + side]
    return pixels if pixels.shape == (size, size) else _resized(pixels, size, size)


def padded(pixels: _Image, size: int, black: float) -> _Image:
    """Return an image in the middle of a square of such a side, which is black where it ends."""
    import numpy

    height, width = pixels.shape
    square: _Image = numpy.full((size, size), black, pixels.dtype)  # type: ignore[assignment]
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def _resized(pixels: "Pixels", columns: int, rows: int) -> "Pixels":
    """Return an image of so many columns and rows."""
    import numpy

    cv2 = opencv()
    if cv2 is None:
        return _resized_by_pillow(pixels, (columns, rows))
    pixels = numpy.ascontiguousarray(pixels)
    height, width = pixels.shape
    smaller = columns <= width and rows <= height
    while smaller and _far(height, width, rows, columns) and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2  # which is quick, and hardly another mean
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    resized: Pixels = cv2.resize(pixels, (columns, rows), interpolation=way)
    return resized


def _far(height: int, width: int, rows: int, columns: int) -> bool:
    """Tell whether an image is so much larger than its new size that it is halved first."""
    return max(height, width) >= _FAR * max(rows, columns) and (
        min(height / rows, width / columns) >= 2
    )


def _resized_by_pillow(pixels: "Pixels", size: tuple[int, int]) -> "Pixels":
    import numpy
    from PIL import Image

    pixels = numpy.ascontiguousarray(pixels)
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
