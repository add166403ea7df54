"""How an exported image is written: its file as it is, or anew in another size, depth or format."""

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from cxr_duck.engines.spread import workers
from cxr_duck.errors import ExportError
from cxr_duck.export.augment import varied
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.pixels import (
    FORMATS,
    WINDOWS,
    encode,
    limits_of,
    read_pixels,
    scale,
    shrink,
)

if TYPE_CHECKING:
    from cxr_duck.images.pixels.pixels import Pixels

__all__ = ["KEPT", "Film", "Renderer", "Rendering"]

KEPT = 4  # images a core that are kept until their variants are made

_BITS = (8, 16)
_QUALITY = 90
_MOST_VARIANTS = 100  # of an image
_KINDS: dict[type, str] = {int: "a whole number", str: "a word", bool: "True or False"}
_TYPES = {
    "size": int, "bits": int, "format": str, "window": str, "invert_monochrome1": bool,
    "quality": int, "augment": int, "flip": bool,
}  # fmt: skip
_OPTIONAL = ("size", "bits", "format")
_BLOCK = 4096  # bytes that the last part of a file may take on the disk
_USUAL_FILM = (2500, 2000)  # where the label file doesn't tell
# Shares of the bytes of bare pixels, more than films need.
_SHARE = 0.75  # of a PNG of 8 bits
_NOISY_SHARE = 0.95  # of one of 16 bits, or of a variant
_JPEG_SHARES = (0.35, 0.6)  # of a JPEG of the usual quality and below, and of 100 or a variant


@dataclass(frozen=True)
class Film:
    """An image to export, and what the label file says of its pixels.

    `path` is that of its file below the folder of the images. `window` is the centre and width of
    the DICOM window; `low_is_white` is MONOCHROME1. A variant has the `chance` that it is made by,
    a text of its own.
    """

    image_id: str
    path: str
    width: int | None = None
    height: int | None = None
    bits_stored: int | None = None
    window: tuple[float, float] | None = None
    low_is_white: bool = False
    chance: str | None = None


@dataclass(frozen=True)
class Rendering:
    """How images are written anew; where nothing is asked they are taken as they are.

    `size` is the most pixels of the longer side, `bits` 8 or 16 a pixel, `format` png or jpg,
    `quality` that of a JPEG. `window` says which values become black and white where 16 bits are
    scaled to 8: `full`, `percentile` or `dicom`, see `images.pixels.pixels.limits_of`; an image
    without a DICOM window gets the full range. `invert_monochrome1` turns black and white of
    MONOCHROME1 images around. Each image to train on gets so many variants as `augment` says, some
    of them mirrored where `flip` asks for it: see `cxr_duck.export.augment`.
    """

    size: int | None = None
    bits: int | None = None
    format: str | None = None
    window: str = "full"
    invert_monochrome1: bool = False
    quality: int = _QUALITY
    augment: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        """Raise ExportError for what can't be asked, or not together."""
        self._check_types()
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
        if self.quality != _QUALITY and self.format != "jpg":
            raise ExportError("only a JPEG has a quality: ask for --format jpg with --quality")
        if self.format == "jpg" and self.bits == 16:
            raise ExportError("a JPEG has 8 bits a pixel: ask for --bits 8, or for --format png")
        if self.window != "full" and not self.in_8_bits:
            raise ExportError(f"a window scales to 8 bits: ask for --bits 8 with {self.window}")
        self._check_variants()

    def _check_types(self) -> None:
        """Raise ExportError for a value that isn't of its option's type."""
        for name, kind in _TYPES.items():
            value = getattr(self, name)
            wrong = not isinstance(value, kind) or (kind is int and isinstance(value, bool))
            if wrong and not (value is None and name in _OPTIONAL):
                raise ExportError(f"{name} is {_KINDS[kind]}, not {value!r}")

    def _check_variants(self) -> None:
        if self.flip and not self.augment:
            raise ExportError("--flip mirrors variants: ask for --augment with it")
        if not 0 <= self.augment <= _MOST_VARIANTS:
            raise ExportError(
                f"--augment is a number of variants from 0 to {_MOST_VARIANTS}, not {self.augment}"
            )
        if self.augment and not self.anew:
            raise ExportError(
                "variants are new files: ask for --size, --bits or --format beside --augment"
            )

    @property
    def anew(self) -> bool:
        """Whether images are written anew."""
        requested = (self.size, self.bits, self.format)
        return any(value is not None for value in requested) or self.invert_monochrome1

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
        return int(height * width * shrunk**2 * deep * self._share(film)) + _BLOCK

    def _share(self, film: Film) -> float:
        """Return the share of the bytes of bare pixels that a file takes."""
        if self.format != "jpg":
            return _NOISY_SHARE if film.chance or not self.in_8_bits else _SHARE
        usual, most = _JPEG_SHARES
        above = max(0, self.quality - _QUALITY) / (100 - _QUALITY)
        return most if film.chance else usual + (most - usual) * above


class Renderer:
    """Makes the bytes of images as a rendering asks, from several threads at once.

    An image that has variants is decoded once for all of them, where they are not far apart.
    """

    def __init__(self, folder: ImageFolder, rendering: Rendering) -> None:
        self.folder, self.rendering = folder, rendering
        self._kept: OrderedDict[str, Future[_Decoded]] = OrderedDict()
        self._lock = Lock()

    def bytes_of(self, film: Film) -> bytes:
        """Return the bytes of an image's file: as it is, or written anew.

        Raises ExportError where it can't be read, decoded or encoded.
        """
        if not self.rendering.anew:
            return self._read(film)
        form = self.rendering.format or "png"
        try:
            return encode(self.pixels_of(film), form, self.rendering.quality)
        except OSError as error:
            raise ExportError(
                f"the image {film.image_id} can't be written anew ({error.strerror or error})"
            ) from error

    def pixels_of(self, film: Film) -> "Pixels":
        """Return the pixels of an image as they are written. Raises ExportError."""
        decoded = self._kept_or_decoded(film) if self.rendering.augment else self._decoded(film)
        pixels = decoded.pixels
        if film.chance is not None:
            pixels = varied(
                pixels, film.chance, flip=self.rendering.flip, low_is_white=film.low_is_white
            )
        invert = self.rendering.invert_monochrome1 and film.low_is_white
        if decoded.limits is not None:
            return scale(pixels, decoded.limits, invert=invert)
        if self.rendering.bits == 16 and pixels.dtype.itemsize == 1:
            pixels = pixels.astype("uint16") * 257
        return ~pixels if invert else pixels

    def _kept_or_decoded(self, film: Film) -> "_Decoded":
        with self._lock:
            future = self._kept.get(film.path)
            if mine := future is None:
                future = self._kept[film.path] = Future()
                if len(self._kept) > KEPT * workers():
                    self._kept.popitem(last=False)
        if mine:
            try:
                future.set_result(self._decoded(film))
            except BaseException as error:
                future.set_exception(error)
        return future.result()

    def _decoded(self, film: Film) -> "_Decoded":
        """Read an image; its window is that of all its pixels, which are averaged before it."""
        try:
            with self.folder.open(film.path) as stream:
                pixels = read_pixels(stream)
        except OSError as error:
            raise _unreadable(film, error) from error
        requested = self.rendering
        small = pixels if requested.size is None else shrink(pixels, requested.size)
        if not requested.in_8_bits:
            return _Decoded(small, None)
        window = film.window or "full" if requested.window == "dicom" else requested.window
        return _Decoded(small, limits_of(pixels, window, film.bits_stored))

    def _read(self, film: Film) -> bytes:
        try:
            return self.folder.read(film.path)
        except OSError as error:
            raise _unreadable(film, error) from error


class _Decoded(NamedTuple):
    """The pixels of an image in the size that is asked, and the limits of its window."""

    pixels: "Pixels"
    limits: tuple[float, float] | None


def _unreadable(film: Film, error: OSError) -> ExportError:
    return ExportError(
        f"the image {film.image_id} can't be read ({error.strerror or error}): "
        "'cxr check' finds damaged images, and exports leave those out"
    )
