"""The header of a PNG file, and how its pixels are laid out."""

import struct
from dataclasses import dataclass

from cxr_duck.images.formats.verdict import Fault

__all__ = ["Header", "Pass", "read_header"]

_COLORS = {0: "gray", 2: "rgb", 3: "palette", 4: "gray+alpha", 6: "rgba"}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# First column, first row, steps in both: PNG standard, third edition, section 8.2 (Adam7).
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_LARGEST = (1 << 31) - 1


@dataclass(frozen=True)
class Pass:
    """Rows of equal length that follow each other, each one byte longer, for its filter."""

    rows: int
    width: int
    row_bytes: int

    @property
    def stride(self) -> int:
        """From one row to the next, in bytes."""
        return 1 + self.row_bytes

    @property
    def bytes(self) -> int:
        """Of all its rows."""
        return self.rows * self.stride


@dataclass(frozen=True)
class Header:
    """What IHDR says, all of it allowed."""

    width: int
    height: int
    bits: int
    color_type: int
    interlaced: bool

    @property
    def color(self) -> str:
        """The colour type in a word."""
        return _COLORS[self.color_type]

    @property
    def pixel_bits(self) -> int:
        """Bits of a pixel with all its samples."""
        return self.bits * _SAMPLES[self.color_type]

    def passes(self) -> list[Pass]:
        """Return the passes that have pixels; one where the image isn't interlaced."""
        steps = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        sizes = (
            (-(-(self.width - left) // across), -(-(self.height - top) // down))
            for left, top, across, down in steps
        )
        return [
            Pass(rows, width, (width * self.pixel_bits + 7) // 8)
            for width, rows in sizes
            if width > 0 and rows > 0
        ]


def read_header(content: bytes) -> Header:
    """Return what the 13 bytes of IHDR say. Raises Fault (PNG standard, section 11.2.1)."""
    width, height, bits, color_type, packing, filtering, interlaced = struct.unpack(
        ">IIBBBBB", content
    )
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise Fault("header", f"an image of {width} x {height} pixels can't be")
    if bits not in _DEPTHS.get(color_type, ()):
        raise Fault("header", f"{bits} bits with color type {color_type} can't be")
    if packing or filtering or interlaced > 1:
        raise Fault(
            "header",
            f"compression {packing}, filter {filtering} or interlace {interlaced} is unknown",
        )
    return Header(width, height, bits, color_type, interlaced == 1)
