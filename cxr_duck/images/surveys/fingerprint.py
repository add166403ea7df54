"""Fingerprints of an image: digests of its file and its pixels, and a hash of its looks."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cxr_duck.errors import ImagesError
from cxr_duck.images.files.folder import ImageFolder
from cxr_duck.images.pixels.pixels import opened

if TYPE_CHECKING:
    import numpy

__all__ = [
    "BITS", "Fingerprint", "fingerprint", "look", "refuse_without_imagehash", "why_unread",
]  # fmt: skip

_SIDE = 32  # frequencies of a perceptual hash, each way
BITS = _SIDE * _SIDE
_SHRUNK = 256  # pixels each way to which a film is averaged before it is hashed
_PIECE = 1 << 20
_BESIDE = 8  # bytes a pixel that its look takes
_LONGEST = 1 << 29  # bytes of a file whose pixels are looked at
# The bits are stored one of each so many after another, low frequencies far apart: films differ
# little in these, and a band of them alone would tell few films apart.
_STRIDE = 41


@dataclass(frozen=True)
class Fingerprint:
    """The columns of `fingerprints` that are read from a file.

    `file_digest` is the XXH3 of its bytes, 128 bits, None where it has none; `pixel_digest` that of
    its pixels as they are decoded, None where they can't be; `perceptual_hash` has BITS bits, None
    where all pixels are the same.
    """

    file_digest: str | None = None
    pixel_digest: str | None = None
    perceptual_hash: bytes | None = None


def refuse_without_imagehash() -> None:
    """Raise ImagesError where ImageHash is not installed."""
    try:
        import imagehash  # noqa: F401
    except ImportError as error:
        raise ImagesError(
            f"twins are told by ImageHash, which can't be loaded ({error}): "
            "pip install 'cxr-duck[twins]'"
        ) from error


def fingerprint(stream: BinaryIO) -> Fingerprint:
    """Return the fingerprint of an image's bytes, read once to their end. Raises OSError."""

    import xxhash

    digest = xxhash.xxh3_128()
    kept = bytearray()
    size = 0
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
        if size <= _LONGEST:
            kept += piece
    if not size:
        return Fingerprint()
    if size > _LONGEST:
        return Fingerprint(digest.hexdigest())
    return _seen(kept, digest.hexdigest())


def why_unread(folder: ImageFolder, path: str | None) -> str:
    """Return why the pixels of an image's file can't be read, in a few words."""
    if path is None:
        return "there is no file"
    try:
        with folder.open(path) as stream, opened(stream, _BESIDE):
            return "it can be read now"
    except (OSError, ImportError, MemoryError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _seen(data: bytearray, file_digest: str) -> Fingerprint:
    """Return the fingerprint of an image's bytes."""
    from io import BytesIO

    try:
        with opened(BytesIO(data), _BESIDE) as film:
            if film.pixels.size:
                return Fingerprint(file_digest, _digest(film.pixels), look(film.pixels))
    except (OSError, ImportError, MemoryError):  # cxr check says what is wrong with it
        pass
    return Fingerprint(file_digest)


def _digest(pixels: "numpy.ndarray") -> str:
    """Return the XXH3 of pixels, row by row, low byte first, after their shape and depth."""
    import numpy
    import xxhash

    kind = pixels.dtype.newbyteorder("<")
    shape = "x".join(str(side) for side in pixels.shape)
    digest = xxhash.xxh3_128(f"{shape} {kind.str}\n".encode())
    digest.update(numpy.ascontiguousarray(pixels, dtype=kind).data)
    return digest.hexdigest()


def look(pixels: "numpy.ndarray") -> bytes | None:
    """Return the perceptual hash of pixels, rows x columns; None where they are all the same.

    It is ImageHash's pHash of 32 x 32 frequencies (one bit each: above the median or not), over the
    image averaged to 256 x 256 and brought to 8 bits by its own range, so that other windows, sizes
    and depths change few bits. Among 4,000 made-up films those of other patients differ in 64 bits
    or more, and a copy that was resized, windowed, made a JPEG or got 3 % of noise, in 32 or fewer
    in 99 of 100 cases.
    """
    import imagehash
    import numpy
    from PIL import Image

    gray = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
    if gray.min() == gray.max():
        return None
    film = Image.fromarray(gray.astype(numpy.float32))
    small = numpy.asarray(film.resize((_SHRUNK, _SHRUNK), Image.Resampling.BOX))
    low, high = small.min(), small.max()
    if low == high:
        return None
    whole = numpy.rint((small - low) * (255 / (high - low))).astype(numpy.uint8)
    bits = imagehash.phash(Image.fromarray(whole), _SIDE, highfreq_factor=2).hash.ravel()
    dealt = [bits[start::_STRIDE] for start in range(_STRIDE)]
    return numpy.packbits(numpy.concatenate(dealt)).tobytes()
