"""Tells which DICOM windows and bit depths of a label file make sense."""

import math
from numbers import Real

__all__ = ["sound_bits", "sound_window"]

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
