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
from cxr_duck.images.pixels.encoding import FORMATS, encode
from cxr_duck.images.pixels.pixels import opened
from cxr_duck.images.pixels.scaling import (
    WINDOWS,
    Limits,
    deepened,
    inverted,
    limits_of,
    scale,
)
from cxr_duck.images.pixels.sizes import FITS, fitted, padded

if TYPE_CHECKING:
    from cxr_duck.images.pixels.decoded import Decoded, Pixels

__all__ = ["KEPT", "Film", "Renderer", "Rendering", "UnreadableError"]

KEPT = 4  # images a core that are kept until their variants are made

_BITS = (8, 16)
_QUALITY = 90
_MOST_VARIANTS = 100  # of an image
_KINDS: dict[type, str] = {int: "a whole number", str: "a word", bool: "True or False"}
_TYPES = {
    "size": int, "bits": int, "format": str, "window": str, "invert_monochrome1": bool,
    "quality": int, "augment": int, "flip": bool, "fit": str,
}  # fmt: skip
_OPTIONAL = ("size", "bits", "format", "fit")
_BESIDE = 4  # bytes a pixel that making an image smaller takes
_LARGE = 2**25  # pixels of an image that isn't kept until its variants are made
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

    `size` is the most pixels of the longer side, or with a `fit` (pad, crop or stretch) the rows
    and columns of all images: see `images.pixels.sizes.fitted`. `bits` are 8 or 16 a pixel, scaled
    by the range that is used, `format` is png or jpg, `quality` that of a JPEG. `window` says which
    values become black and white in 8 bits: `full`, `percentile` or `dicom`, see
    `images.pixels.scaling.limits_of`; an image without a DICOM window gets the full range.
    `invert_monochrome1` turns black and white of MONOCHROME1 images around. Each image to train on
    gets so many variants as `augment` says, some of them mirrored where `flip` asks for it: see
    `cxr_duck.export.augment`.
    """

    size: int | None = None
    bits: int | None = None
    format: str | None = None
    window: str = "full"
    invert_monochrome1: bool = False
    quality: int = _QUALITY
    augment: int = 0
    flip: bool = False
    fit: str | None = None

    def __post_init__(self) -> None:
        """Raise ExportError for what can't be asked, or not together."""
        self._check_types()
        if self.size is not None and self.size < 1:
            raise ExportError(f"--size is a number of pixels from 1 up, not {self.size}")
        if self.fit not in (None, *FITS):
            raise ExportError(f"--fit is {', '.join(FITS)}, not {self.fit!r}")
        if self.fit is not None and self.size is None:
            raise ExportError(f"a square needs its side: ask for --size 224 with --fit {self.fit}")
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
        deep = 1 if self.in_8_bits else 2
        if self.fit is not None and self.size is not None:
            area = float(self.size**2)
        else:
            shrunk = min(1.0, (self.size or max(height, width)) / max(height, width, 1))
            area = height * width * shrunk**2
        return int(area * deep * self._share(film)) + _BLOCK

    def _share(self, film: Film) -> float:
        """Return the share of the bytes of bare pixels that a file takes."""
        if self.format != "jpg":
            return _NOISY_SHARE if film.chance or not self.in_8_bits else _SHARE
        usual, most = _JPEG_SHARES
        above = max(0, self.quality - _QUALITY) / (100 - _QUALITY)
        return most if film.chance else usual + (most - usual) * above


class UnreadableError(ExportError):
    """An image that can't be read or written anew, which an export goes on without.

    `image_id` is the image, `reason` says in a few words why.
    """

    def __init__(self, image_id: str, what: str, reason: str) -> None:
        super().__init__(f"the image {image_id} can't be {what} ({reason})")
        self.image_id = image_id
        self.reason = reason


class Renderer:
    """Makes the bytes of images as a rendering asks, from several threads at once.

    An image that has variants is decoded once for all of them, where they are not far apart.
    `known` tells of the path of each image that was scaled how its range is known: see `Limits`.
    """

    def __init__(self, folder: ImageFolder, rendering: Rendering) -> None:
        self.folder, self.rendering = folder, rendering
        self.known: dict[str, str] = {}
        self._kept: OrderedDict[str, Future[_Small]] = OrderedDict()
        self._lock = Lock()

    def bytes_of(self, film: Film) -> bytes:
        """Return the bytes of an image's file: as it is, or written anew.

        Raises UnreadableError where it can't be read, decoded or encoded.
        """
        if not self.rendering.anew:
            return self._read(film)
        form = self.rendering.format or "png"
        try:
            return encode(self.pixels_of(film), form, self.rendering.quality)
        except OSError as error:
            raise UnreadableError(
                film.image_id, "written anew", error.strerror or str(error)
            ) from error

    def pixels_of(self, film: Film) -> "Pixels":
        """Return the pixels of an image as they are written. Raises UnreadableError."""
        small = self._kept_or_decoded(film) if self.rendering.augment else self._decoded(film)
        pixels = small.pixels
        if film.chance is not None:
            pixels = varied(
                pixels, film.chance, flip=self.rendering.flip, low_is_white=small.low_is_white
            )
        invert = self.rendering.invert_monochrome1 and small.low_is_white
        limits = small.limits
        if self.rendering.in_8_bits:
            pixels, limits = scale(pixels, limits, invert=invert), _IN_8_BITS
        elif self.rendering.bits == 16:
            pixels, limits = deepened(pixels, limits, invert=invert), _IN_16_BITS
        elif invert:
            pixels = inverted(pixels, limits)
        if self.rendering.fit == "pad" and self.rendering.size is not None:
            white = small.low_is_white and not invert
            pixels = padded(pixels, self.rendering.size, int(limits.high if white else limits.low))
        return pixels

    def _kept_or_decoded(self, film: Film) -> "_Small":
        if (film.width or 0) * (film.height or 0) > _LARGE:
            return self._decoded(film)
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

    def _decoded(self, film: Film) -> "_Small":
        """Read an image; its window is that of all its pixels, which are averaged before it."""
        asked = self.rendering
        try:
            with self.folder.open(film.path) as stream, opened(stream, _BESIDE) as decoded:
                pixels = decoded.pixels
                small = pixels if asked.size is None else fitted(pixels, asked.size, asked.fit)
                white = decoded.low_is_white
                if white is None:
                    white = film.low_is_white
                return _Small(
                    small,
                    self._limits(film, decoded),
                    film.low_is_white if white is None else white,
                )
        except (OSError, MemoryError) as error:
            raise _unreadable(film, error) from error

    def _limits(self, film: Film, decoded: "Decoded") -> Limits:
        window: str | tuple[float, float] = self.rendering.window
        if window == "dicom":
            window = decoded.window or film.window or "full"
        limits = limits_of(decoded, window, film.bits_stored)
        self.known[film.path] = limits.known
        return limits

    def _read(self, film: Film) -> bytes:
        try:
            return self.folder.read(film.path)
        except (OSError, MemoryError) as error:
            raise _unreadable(film, error) from error


_IN_8_BITS = Limits(0.0, 255.0, "depth")
_IN_16_BITS = Limits(0.0, 65535.0, "depth")


class _Small(NamedTuple):
    """The pixels of an image in the size that is asked, the limits of its window, its kind."""

    pixels: "Pixels"
    limits: Limits
    low_is_white: bool


def _unreadable(film: Film, error: OSError | MemoryError) -> UnreadableError:
    reason = getattr(error, "strerror", None) or str(error) or "there is no memory for it"
    return UnreadableError(film.image_id, "read", reason)
