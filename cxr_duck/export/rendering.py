"""What an exported image looks like, and its bytes: as they are, or written anew."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxr_duck.errors import ExportError
from cxr_duck.images.folder import ImageFolder
from cxr_duck.images.pixels import FORMATS, WINDOWS, encode, limits_of, read_pixels, scale, shrink

if TYPE_CHECKING:
    from cxr_duck.images.pixels import Pixels

__all__ = ["Film", "Rendering", "copied", "finished", "rendered"]

_BITS = (8, 16)
_USUAL_FILM = (2500, 2000)  # where the label file doesn't tell
_SHARE = {"png": 0.6, "jpg": 0.25}  # of the bytes of bare pixels; more than films need


@dataclass(frozen=True)
class Film:
    """An image to export, and what the label file says of its pixels.

    `path` is that of its file below the folder of the images. `window` is the centre and width of
    the DICOM window; `low_is_white` is MONOCHROME1.
    """

    image_id: str
    path: str
    width: int | None = None
    height: int | None = None
    bits_stored: int | None = None
    window: tuple[float, float] | None = None
    low_is_white: bool = False


@dataclass(frozen=True)
class Rendering:
    """How images are written anew; where nothing is asked they are taken as they are.

    `size` is the most pixels of the longer side, `bits` 8 or 16 a pixel, `format` png or jpg,
    `quality` that of a JPEG. `window` says which values become black and white where 16 bits are
    scaled to 8: `full`, `percentile` or `dicom`, see `cxr_duck.images.pixels.limits_of`; an image
    without a DICOM window gets the full range. `invert_monochrome1` turns black and white of
    MONOCHROME1 images around.
    """

    size: int | None = None
    bits: int | None = None
    format: str | None = None
    window: str = "full"
    invert_monochrome1: bool = False
    quality: int = 90

    def __post_init__(self) -> None:
        """Raise ExportError for what can't be asked, or not together."""
        if self.size is not None and self.size < 1:
            raise ExportError(f"--size is a number of pixels from 1 up, not {self.size}")
        if self.bits not in (None, *_BITS):
            raise ExportError(f"an image is written with 8 or 16 bits, not with {self.bits}")
        if self.format not in (None, *FORMATS):
            raise ExportError(f"images are written as {' or '.join(FORMATS)}, not as {self.format}")
        if self.window not in WINDOWS:
            raise ExportError(f"a window is {', '.join(WINDOWS)}, not {self.window!r}")
        if not 1 <= self.quality <= 100:
            raise ExportError(f"the quality of a JPEG is 1 to 100, not {self.quality}")
        if self.format == "jpg" and self.bits == 16:
            raise ExportError("a JPEG has 8 bits a pixel: ask for --bits 8, or for --format png")
        if self.window != "full" and not self.in_8_bits:
            raise ExportError(f"a window scales to 8 bits: ask for --bits 8 with {self.window}")

    @property
    def anew(self) -> bool:
        """Whether images are written anew."""
        asked = (self.size, self.bits, self.format)
        return any(value is not None for value in asked) or self.invert_monochrome1

    @property
    def in_8_bits(self) -> bool:
        """Whether pixels are scaled to 8 bits."""
        return self.bits == 8 or self.format == "jpg"

    @property
    def suffix(self) -> str:
        """The suffix of the files that are written anew."""
        return f".{self.format or 'png'}"

    def bytes_of(self, film: Film) -> int:
        """Return about how many bytes an image takes that is written anew, rather more."""
        height, width = film.height or _USUAL_FILM[0], film.width or _USUAL_FILM[1]
        shrunk = min(1.0, (self.size or max(height, width)) / max(height, width, 1))
        deep = 1 if self.in_8_bits else 2
        return int(height * width * shrunk**2 * deep * _SHARE[self.format or "png"]) + 1000


def copied(folder: ImageFolder, film: Film) -> bytes:
    """Return the bytes of an image's file. Raises ExportError where it can't be read."""
    try:
        return folder.read(film.path)
    except OSError as error:
        raise _unreadable(film, error) from error


def rendered(folder: ImageFolder, film: Film, rendering: Rendering) -> bytes:
    """Return the bytes of an image written anew. Raises ExportError where it can't be decoded."""
    try:
        with folder.open(film.path) as stream:
            pixels = read_pixels(stream)
    except OSError as error:
        raise _unreadable(film, error) from error
    return encode(finished(pixels, film, rendering), rendering.format or "png", rendering.quality)


def finished(pixels: "Pixels", film: Film, rendering: Rendering) -> "Pixels":
    """Return the pixels of an image in the size and depth that are asked.

    Its window is that of all its pixels; they are averaged before they are scaled to 8 bits.
    """
    small = pixels if rendering.size is None else shrink(pixels, rendering.size)
    invert = rendering.invert_monochrome1 and film.low_is_white
    if rendering.in_8_bits:
        window = film.window or "full" if rendering.window == "dicom" else rendering.window
        limits = limits_of(pixels, window, film.bits_stored)
        return scale(small, limits, invert=invert)
    if rendering.bits == 16 and small.dtype.itemsize == 1:
        small = small.astype("uint16") * 257
    return ~small if invert else small


def _unreadable(film: Film, error: OSError) -> ExportError:
    return ExportError(
        f"the image {film.image_id} can't be read ({error.strerror or error}): "
        "'cxr check' finds damaged images, and exports leave those out"
    )
