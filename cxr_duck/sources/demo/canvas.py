"""A film in the making: how much of the beam each place takes away, before it is developed.

Beside Pillow's lines only sums, products, quotients and square roots go into a film: they round
alike on every machine, so that the same seed gives the same bytes everywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

__all__ = ["Canvas", "Grid", "Point", "Stroke", "cloud", "curve", "doubled", "ramp", "rise"]

_STRIP = 128  # rows

Grid = npt.NDArray[np.floating[Any]]  # float32, whatever a type checker makes of sums
Point = tuple[float, float]
Stroke = tuple[Sequence[Point], float, float]  # points, width in half-widths, strength 0 to 1


def rise(values: Grid) -> Grid:
    """Return 0 below 0, 1 above 1, and a smooth way between."""
    return _risen(np.clip(values, 0.0, 1.0))


def ramp(distance: Grid, width: float) -> Grid:
    """Return 1 where a distance is positive and 0 where it is negative, blurred over a width."""
    share = distance * np.float32(1.0 / width)
    share += 0.5
    return _risen(np.clip(share, 0.0, 1.0, out=share))


def _risen(share: Grid) -> Grid:
    """Return share² (3 - 2 share), with no more arrays than it takes."""
    smooth = share * -2.0
    smooth += 3.0
    smooth *= share
    smooth *= share
    return smooth


def cloud(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> Grid:
    """Return smooth noise from 0 to 1 whose lumps are about `cell` pixels wide."""
    rows, row_share = _between(shape[0], cell)
    columns, column_share = _between(shape[1], cell)
    knots = rng.random((rows[-1] + 2, columns[-1] + 2), dtype=np.float32)
    upper, lower = knots[rows], knots[rows + 1]
    lines = upper + (lower - upper) * row_share[:, None]
    left, right = lines[:, columns], lines[:, columns + 1]
    return left + (right - left) * column_share


def curve(points: Sequence[Point]) -> list[Point]:
    """Return a line with its corners cut twice (Chaikin), so that it bends."""
    line = list(points)
    for _ in range(2):
        cut = [
            (one[0] + share * (two[0] - one[0]), one[1] + share * (two[1] - one[1]))
            for one, two in pairwise(line)
            for share in (0.25, 0.75)
        ]
        line = [line[0], *cut, line[-1]]
    return line


def doubled(grid: Grid, height: int, width: int) -> Grid:
    """Return a grid with twice as many rows and columns, less one, cut to a height and a width."""
    tall = np.empty((2 * grid.shape[0] - 1, grid.shape[1]), np.float32)
    tall[::2] = grid
    np.add(grid[1:], grid[:-1], out=tall[1::2])
    tall[1::2] *= 0.5
    wide = np.empty((height, 2 * grid.shape[1] - 1), np.float32)
    tall = tall[:height]
    wide[:, ::2] = tall
    wide[:, 1::2] = 0.5 * (tall[:, 1:] + tall[:, :-1])
    return np.ascontiguousarray(wide[:, :width])


def _between(length: int, cell: float) -> tuple[npt.NDArray[np.intp], Grid]:
    """Return the knot before each pixel and how far the pixel is on the way to the next."""
    steps = np.arange(length, dtype=np.float32) / np.float32(cell)
    knots = np.floor(steps)
    return knots.astype(np.intp), rise(steps - knots)


class Canvas:
    """Attenuation of a film: 0 is bare film, black; about 4 is bone on thick tissue, white.

    Places are `x` from -1 at the left edge to 1 at the right one and `y` from 0 at the top to 1 at
    the bottom; sizes are in half-widths, downwards too. The patient's right is on the left.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.x: Grid = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        self.y: Grid = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        self.attenuation: Grid = np.zeros((height, width), dtype=np.float32)
        self.aspect = 2.0 * height / width  # half-widths from top to bottom

    def strips(self) -> Iterator[slice]:
        """Yield the rows of the film, few enough at a time to stay in the processor's cache."""
        for first in range(0, self.height, _STRIP):
            yield slice(first, min(first + _STRIP, self.height))

    def blob(self, at: Point, radii: tuple[float, float], amount: float, edge: float = 1.0) -> None:
        """Add an ellipse; the smaller the `edge`, 1 at most, the sharper its border."""
        rows, columns, mask = self.ellipse(at, radii, edge)
        self.attenuation[rows, columns] += amount * mask

    def ellipse(
        self, at: Point, radii: tuple[float, float], edge: float = 1.0
    ) -> tuple[slice, slice, Grid]:
        """Return the rows and columns that an ellipse covers and its mask there."""
        rows = self._span(at[1], radii[1] / self.aspect, self.height, 0.0, 1.0)
        columns = self._span(at[0], radii[0], self.width, -1.0, 2.0)
        across = (self.x[:, columns] - at[0]) / radii[0]
        down = (self.y[rows] - at[1]) * (self.aspect / radii[1])
        return rows, columns, rise((1.0 - across * across - down * down) / edge)

    @staticmethod
    def _span(middle: float, radius: float, pixels: int, start: float, length: float) -> slice:
        scale = (pixels - 1) / length
        first = int((middle - radius - start) * scale)
        last = int((middle + radius - start) * scale) + 2
        return slice(min(max(first, 0), pixels), min(max(last, 0), pixels))

    def strokes(self, strokes: Iterable[Stroke], amount: float, blur: float = 0.0) -> None:
        """Add lines; where they cross, the later one holds."""
        self.attenuation += self.stroke_mask(strokes, blur) * np.float32(amount)

    def stroke_mask(
        self, strokes: Iterable[Stroke], blur: float = 0.0, height: float = 1.0
    ) -> Grid:
        """Return lines as a mask, blurred by some pixels, of a share of the film's height."""
        picture = Image.new("L", (self.width, round(self.height * height)))
        draw = ImageDraw.Draw(picture)
        for points, width, strength in strokes:
            pixels = max(1, round(width * self.width / 2))
            joint = "curve" if pixels > 3 and len(points) > 2 else None
            places = [self._pixel(point) for point in points]
            draw.line(places, fill=round(255 * strength), width=pixels, joint=joint)
        softened = picture.filter(ImageFilter.BoxBlur(blur)) if blur else picture
        mask = np.asarray(softened, dtype=np.float32)
        return mask * np.float32(1 / 255)

    def _pixel(self, point: Point) -> tuple[int, int]:
        x, y = point
        return int((x + 1.0) * 0.5 * (self.width - 1) + 0.5), int(y * (self.height - 1) + 0.5)
