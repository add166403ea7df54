"""The chest from the side: breastbone on the left, spine on the right, one lung field."""

from dataclasses import dataclass

import numpy as np

from cxr_duck.sources.demo.anatomy import Anatomy
from cxr_duck.sources.demo.canvas import Canvas, Grid, Point, Stroke, curve, ramp, rise

__all__ = ["Lateral", "draw_lateral"]


@dataclass(frozen=True)
class Lateral:
    """A film of the chest from the side: the canvas, and where its lungs are."""

    canvas: Canvas
    anatomy: Anatomy
    middle: float  # x halfway from breastbone to spine
    air: Grid  # 1 in the lungs, 0 outside

    def place(self, side: int, across: float, down: float) -> Point:
        """Return a point of the lungs: 0, 0 is in front at the top, 1, 1 behind at the base.

        Both lungs lie on each other here, so the side makes no difference.
        """
        top, base = self.anatomy.apex + 0.05, self.anatomy.dome[0] + 0.02
        y = top + (base - top) * down
        front, back = _borders(self.anatomy, np.array([y], np.float32))
        x = float(front[0]) + 0.1 + (float(back[0] - front[0]) - 0.25) * across
        return self.middle + x / 0.93, y


def draw_lateral(
    canvas: Canvas, anatomy: Anatomy, rng: np.random.Generator, middle: float
) -> Lateral:
    """Draw a chest from the side whose middle is at x = `middle`."""
    x = 0.93 * (canvas.x - np.float32(middle))
    air = np.empty_like(canvas.attenuation)
    for rows in canvas.strips():
        canvas.attenuation[rows], air[rows] = _chest(anatomy, x, canvas.y[rows])
    film = Lateral(canvas, anatomy, middle, air)
    _add_airway(film)
    _add_lines(film, rng)
    return film


def _chest(anatomy: Anatomy, x: Grid, y: Grid) -> tuple[Grid, Grid]:
    """Return attenuation and air of some rows of the film."""
    body = _outline(anatomy, x, y)
    heart = _heart(anatomy, x, y)
    air = _lungs(anatomy, x, y)
    air *= 1.0 - 0.75 * heart
    tissue = body * np.float32(1.7 * anatomy.fat)
    tissue *= 1.0 - np.float32(anatomy.air - 0.08) * air
    tissue += body * (1.6 * rise((0.2 - y) * 7.0) + 0.6 * heart)
    tissue += body * ramp(y - _dome(anatomy, x), 0.03) * 0.9
    tissue += rise(body * 6.0) * (_ribs(anatomy, x, y) + 0.1)
    tissue += rise(body * 6.0) * _spine(anatomy, x, y)
    return tissue, air


def _borders(anatomy: Anatomy, y: Grid) -> tuple[Grid, Grid]:
    """Return where the lungs begin behind the breastbone and where they end at the back."""
    size = anatomy.chest - 0.8
    share = 1.0 - np.clip((y - anatomy.apex) * (1 / 0.5), 0.0, 1.0)
    full = np.sqrt(1.0 - share * share)
    front = 0.02 - (0.52 + size) * full - 0.06 * y
    back = 0.12 + (0.52 + size) * full + np.float32(anatomy.kyphosis) * _hump(y)
    return front, back


def _hump(y: Grid) -> Grid:
    """Return the curve of the back, 1 where it is roundest."""
    return np.maximum(4.0 * (y - 0.05) * (0.95 - y), 0.0)


def _outline(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return the thickness of the body from side to side, 0 outside it."""
    size = anatomy.chest - 0.8 + 0.06 * (anatomy.fat - 1.0)
    shoulders = rise((y + 0.08) * 4.0)
    front = -0.3 - (0.36 + size) * shoulders - 0.06 * y
    bulge = np.maximum(1.0 - ((y - 0.55) * 5.0) * ((y - 0.55) * 5.0), 0.0)
    front = front - 0.4 * anatomy.breasts * bulge * bulge
    back = 0.45 + (0.3 + size) * shoulders + anatomy.kyphosis * _hump(y)
    half = 0.5 * (back - front)
    across = (x - front - half) * (1.0 / half)
    thickness: Grid = np.sqrt(np.maximum(1.0 - across * across, 0.0))
    return thickness


def _dome(anatomy: Anatomy, x: Grid) -> Grid:
    """Return the height of the diaphragm, which falls towards the back."""
    out = (x + 0.1) * (1 / 0.55)
    fall = anatomy.drop * out * out * np.where(out > 0, 0.75, 0.3)
    return (anatomy.dome[0] + 0.01 + fall).astype(np.float32)


def _lungs(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    front, back = _borders(anatomy, y)
    lungs = ramp(x - front, 0.06)
    lungs *= ramp(back - x, 0.08)
    lungs *= ramp(_dome(anatomy, x) - y, 0.02)
    lungs *= ramp(y - anatomy.apex - 0.02, 0.08)
    return lungs


def _heart(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return the shadow of the heart, which lies on the diaphragm in front, and of the hila."""
    across, down = (x + 0.2) * (1 / anatomy.heart), (y - 0.61) * (1 / 0.16)
    down = down + 0.35 * across
    heart = rise((1.0 - across * across - down * down) * (1 / 0.7))
    across, down = (x - 0.04) * (1 / (1.8 * anatomy.hila)), (y - 0.43) * (1 / 0.09)
    hila = 0.45 * rise(1.0 - across * across - down * down)
    np.maximum(heart, hila, out=heart)
    return heart


def _spine(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return the vertebrae, one below the other, paler towards the diaphragm."""
    bend = _hump(y)
    axis = x - 0.5 - np.float32(anatomy.kyphosis + 0.02) * bend + 0.06 * y
    bodies = ramp(0.1 - np.abs(axis), 0.03)
    thorns = 0.35 * ramp(0.09 - np.abs(axis - 0.18), 0.12)
    step = y * 13.0 + 0.35 * axis
    disc = np.abs(step - np.floor(step) - 0.5)
    bodies *= 1.0 - 0.6 * rise((disc - 0.36) * 10.0)
    shadow: Grid = (bodies + thorns) * (0.75 - 0.35 * y)
    return shadow * rise((y - 0.02) * 8.0)


def _ribs(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return the ribs of both sides, which fall towards the front."""
    shadow = np.zeros((len(y), x.size), np.float32)
    for shift in (0.0, 0.45):
        height = y + 0.12 * x * x + (0.34 + 0.1 * shift) * x
        step = height * np.float32(0.8 / anatomy.ribs) + shift
        off = np.abs(step - np.floor(step) - 0.5)
        shadow += 0.13 * ramp(0.11 - off, 0.1)
    front, back = _borders(anatomy, y)
    shadow *= ramp(x - front, 0.1) * ramp(back + 0.06 - x, 0.1)
    shadow *= rise((0.88 - y) * 6.0) * rise((y - 0.12) * 8.0)
    return shadow


def _add_airway(film: Lateral) -> None:
    """Darken the windpipe."""
    at = film.middle + 0.08
    tube: list[Stroke] = [([(at - 0.06, 0.0), (at, 0.2), (at + 0.02, 0.37)], 0.1, 1.0)]
    mask = film.canvas.stroke_mask(tube, 2, 0.5)
    film.canvas.attenuation[: len(mask)] *= 1.0 - np.float32(0.4) * mask


def _add_lines(film: Lateral, rng: np.random.Generator) -> None:
    """Add breastbone, aortic arch, shoulder blades, the second diaphragm and vessels."""
    anatomy, at = film.anatomy, film.middle
    front = [
        (float(_borders(anatomy, np.array([y], np.float32))[0][0]) + at - 0.05, y)
        for y in (0.22, 0.32, 0.45, 0.58)
    ]
    arch = [(-0.1, 0.46), (-0.06, 0.36), (0.08, 0.31), (0.24, 0.33), (0.31, 0.42), (0.34, 0.7)]
    blade = [(0.5, 0.2), (0.62, 0.3), (0.6, 0.45)]
    wide = anatomy.aorta * 1.4
    strokes: list[Stroke] = [(curve([(at + x, y) for x, y in arch]), wide, 0.4)]
    strokes.append((curve([(at + x, y) for x, y in blade]), 0.04, 0.5))
    strokes.append((front, 0.07, 0.9))
    base = anatomy.dome[1] + 0.03
    strokes.append(([(at - 0.3, base), (at, base - 0.01), (at + 0.4, base + 0.09)], 0.02, 0.5))
    for _ in range(26):
        out, fall = 0.7 * float(rng.random() - 0.5), 0.4 * float(rng.random() - 0.4)
        way = [(at + 0.05, 0.44), (at + 0.05 + 0.5 * out, 0.44 + 0.6 * fall)]
        strokes.append(([*way, (at + 0.05 + out, 0.44 + fall)], 0.02, 0.35))
    film.canvas.strokes(strokes, 0.4, 0.7)
