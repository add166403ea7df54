"""Tells which DICOM windows, rescales and bit depths make sense."""

import math
from numbers import Real

__all__ = ["sound_bits", "sound_rescale", "sound_window"]

_MOST_BITS = 16


def sound_window(center: object, width: object) -> tuple[float, float] | None:
    """Return the centre and width of a DICOM window, None where that is none.

    Both are finite, and the width is 1 or more (PS3.3, C.11.2.1.2.1).
    """
    if not (isinstance(center, Real) and isinstance(width, Real)):
        return None
    middle, wide = float(center), float(width)
    sound = math.isfinite(middle) and math.isfinite(wide) and wide >= 1
    return (middle, wide) if sound else None


def sound_bits(bits: int | None) -> int | None:
    """Return the bits of a pixel that are used, None where they are no number from 1 to 16."""
    return bits if bits is not None and 1 <= bits <= _MOST_BITS else None


def sound_rescale(slope: float | None, intercept: float | None) -> tuple[float, float]:
    """Return the slope and intercept that make values of pixels, 1 and 0 where they are none."""
    if slope is None or intercept is None or not (slope > 0 and math.isfinite(slope + intercept)):
        return 1.0, 0.0
    return slope, intercept
