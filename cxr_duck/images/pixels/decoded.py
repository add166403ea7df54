"""Decoded: the pixels of an image, and what its own file says of their values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import numpy.typing

    Pixels = numpy.typing.NDArray[numpy.unsignedinteger[Any]]

__all__ = ["Decoded"]


@dataclass(frozen=True)
class Decoded:
    """The pixels of an image, rows x columns, and what its file says; None where it says nothing.

    `pixels` are uint16 or uint8 as they are stored; of signed ones the least value that the bits
    can hold is 0. `bits` are those of a pixel that are used (DICOM's Bits Stored), `low_is_white`
    is its Photometric Interpretation, `window` the centre and width of its window. A window counts
    in values, which are `slope` times a pixel plus `intercept`: DICOM PS3.3, C.11.1.1.2.
    """

    pixels: "Pixels"
    bits: int | None = None
    low_is_white: bool | None = None
    window: tuple[float, float] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    signed: bool = False
