"""Variants of an image for training: turned, shifted, zoomed, with other contrast, with noise.

All are changes that films of one patient show from one exposure to the next. There is no flip from
left to right unless it is asked for, since the heart lies left.
"""

import hashlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cxr_duck.errors import ExportError

if TYPE_CHECKING:
    import numpy

    from cxr_duck.images.pixels.decoded import Pixels

__all__ = ["check_augment", "varied"]

_TURN = 7.0  # degrees, to either side
_SHIFT = 0.05  # of a side
_ZOOM = 0.08
_GAMMA = 1.25  # contrast is that of an exponent between its inverse and it
_NOISE = (0.002, 0.012)  # standard deviation, of the span of the image's values
_FLIPPED = 0.5  # of the variants, where it is asked for


def check_augment() -> None:
    """Raise ExportError where scikit-image is not installed."""
    try:
        import skimage  # noqa: F401
    except ImportError as error:
        raise ExportError("variants are made by scikit-image: install cxr-duck[augment]") from error


def varied(
    pixels: "Pixels", key: str, *, flip: bool = False, low_is_white: bool = False
) -> "Pixels":
    """Return a variant of an image, of its type and shape, always the same one for a key.

    The chance is drawn from the md5 of the key alone. What comes in from outside the film is black.
    """
    import numpy

    exposure, transform, util = map(_skimage, ("exposure", "transform", "util"))
    chance = numpy.random.Generator(
        numpy.random.PCG64(int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16))
    )
    low, high = int(pixels.min()), int(pixels.max())
    if low == high:
        return pixels
    film = (pixels.astype(numpy.float32) - low) / (high - low)
    film = transform.warp(
        film,
        _movement(chance, film.shape, flip),
        order=1,
        mode="constant",
        cval=float(low_is_white),
    )
    film = exposure.adjust_gamma(numpy.clip(film, 0.0, 1.0), _GAMMA ** chance.uniform(-1.0, 1.0))
    film = util.random_noise(film, "gaussian", rng=chance, var=chance.uniform(*_NOISE) ** 2)
    made: Pixels = numpy.rint(film * (high - low) + low).astype(pixels.dtype)
    return made


def _skimage(module: str) -> Any:
    return import_module(f"skimage.{module}")


def _movement(chance: "numpy.random.Generator", shape: tuple[int, ...], flip: bool) -> Any:
    """Return the map from a variant's places to those of its film, about the film's middle."""
    import numpy

    transform = _skimage("transform").AffineTransform
    height, width = shape
    middle = numpy.array([(width - 1) / 2, (height - 1) / 2])
    turn = numpy.deg2rad(chance.uniform(-_TURN, _TURN))
    zoom = (1.0 + _ZOOM) ** chance.uniform(-1.0, 1.0)
    shift = chance.uniform(-_SHIFT, _SHIFT, 2) * (width, height)
    mirrored = -1.0 if flip and chance.random() < _FLIPPED else 1.0
    return (
        transform(translation=-middle - shift)
        + transform(scale=(mirrored * zoom, zoom), rotation=turn)
        + transform(translation=middle)
    )
