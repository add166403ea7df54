"""Gray pixels of 8 or 16 bits, from colours or from wider numbers."""

from typing import Any

__all__ = ["as_16_bits", "gray_of"]

_PARTS = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601


def gray_of(colors: Any) -> Any:
    """Return rows x columns x (red, green, blue) as gray of the same depth."""
    import numpy

    gray = numpy.zeros(colors.shape[:2], numpy.float32)
    for place, part in enumerate(_PARTS):
        gray += numpy.float32(part) * colors[..., place]
    most = numpy.iinfo(colors.dtype).max
    return numpy.clip(numpy.rint(gray), 0, most).astype(colors.dtype)


def as_16_bits(pixels: Any) -> Any:
    """Return pixels as uint16, uint8 as they are. Raises OSError where they don't fit."""
    import numpy

    if pixels.dtype == numpy.uint8:
        return pixels
    wide = pixels.dtype != numpy.uint16
    if wide and pixels.size and not 0 <= pixels.min() <= pixels.max() < 2**16:
        raise OSError("it has more than 16 bits a pixel")
    return pixels.astype(numpy.uint16, copy=False)
