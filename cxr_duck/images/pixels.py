"""The pixels of an image: read as they are, scaled to 8 bits, made smaller."""

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy

__all__ = ["read_pixels"]


def read_pixels(stream: BinaryIO) -> "numpy.ndarray":
    """Return the pixels of an image file, rows x columns, uint16 or uint8 as they are stored.

    Raises OSError where they can't be decoded to the last one.
    """
    import numpy
    from PIL import Image

    with Image.open(stream) as image:
        return numpy.asarray(image)
