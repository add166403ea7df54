"""FilmValues: how the pixels of a film become numbers from 0 to 1, in the size that is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from cxr_duck.errors import ImagesError
from cxr_duck.images.pixels.pixels import opened
from cxr_duck.images.pixels.scaling import limits_of, unit_values
from cxr_duck.images.pixels.sizes import FITS, fitted, padded

if TYPE_CHECKING:
    import numpy
    import numpy.typing

__all__ = ["FilmValues"]

_BESIDE = 8  # bytes a pixel that the numbers take


@dataclass(frozen=True)
class FilmValues:
    """How films become numbers.

    `size` and `fit` are those of `export.rendering.Rendering`. `invert_monochrome1` makes high
    values white where they aren't. `said` has what the label file says of the film at each path:
    its bits of a pixel that are used, and whether low values are white; what a DICOM file says goes
    before it.
    """

    size: int | None = None
    fit: str | None = None
    invert_monochrome1: bool = False
    said: Mapping[str, tuple[int | None, bool]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Raise ImagesError for a size or a fit that is none."""
        if self.size is not None and (not isinstance(self.size, int) or self.size < 1):
            raise ImagesError(f"a size is a number of pixels from 1 up, not {self.size!r}")
        if self.fit not in (None, *FITS):
            raise ImagesError(f"a fit is {', '.join(FITS)}, not {self.fit!r}")
        if self.fit is not None and self.size is None:
            raise ImagesError(f"a square needs its side: give size=224 with fit={self.fit!r}")

    def of(self, stream: BinaryIO, path: str) -> "numpy.typing.NDArray[numpy.float32]":
        """Return a film, rows x columns, black 0 and white 1 by the bits that are used.

        See `images.pixels.scaling.limits_of`, `full`. Raises OSError where it can't be read.
        """
        bits, low_is_white = self.said.get(path, (None, False))
        with opened(stream, _BESIDE) as film:
            limits = limits_of(film, "full", bits)
            white = low_is_white if film.low_is_white is None else film.low_is_white
            invert = self.invert_monochrome1 and white
            pixels = film.pixels
            if self.size is not None:
                pixels = fitted(pixels, self.size, self.fit)
            values = unit_values(pixels, limits, invert=invert)
        if self.fit == "pad" and self.size is not None:
            return padded(values, self.size, 1.0 if white and not invert else 0.0)
        return values
