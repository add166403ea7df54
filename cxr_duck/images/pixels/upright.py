"""Turns pixels upright, by the orientation that Exif data tell."""

from typing import Any

from cxr_duck.images.formats.exif import UPRIGHT

__all__ = ["upright"]

# Steps along a row and down the rows, after rows and columns were swapped from 5 on.
_TURNED = {
    2: (-1, 1), 3: (-1, -1), 4: (1, -1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1),
}  # fmt: skip


def upright(pixels: Any, orientation: int) -> Any:
    """Return rows x columns turned by an Exif orientation, 1 to 8 (Exif 3.0, 4.6.5).

    An orientation says where the first row and the first column lie.
    """
    import numpy

    if orientation == UPRIGHT:
        return pixels
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    across, down = _TURNED[orientation]
    return numpy.ascontiguousarray(pixels[::down, ::across])
