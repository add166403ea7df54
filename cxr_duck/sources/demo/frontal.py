"""The chest from the front: outline, lungs, heart, ribs, spine, vessels."""

from dataclasses import dataclass

import numpy as np

from cxr_duck.sources.demo.anatomy import Anatomy
from cxr_duck.sources.demo.canvas import Canvas, Grid, Point, Stroke, curve, ramp, rise

__all__ = ["LEFT", "RIGHT", "Frontal", "draw_frontal"]

RIGHT, LEFT = -1, 1  # the patient's sides, where x is negative and where it is positive
_REACH = 0.62  # from the lungs' tops to where the chest is widest, in heights of the film
_HILA = ((RIGHT, 0.45), (LEFT, 0.43))


@dataclass(frozen=True)
class Frontal:
    """A film of the chest from the front: the canvas, and where its lungs are."""

    canvas: Canvas
    anatomy: Anatomy
    middle: float  # x of the patient's middle
    air: Grid  # 1 in the lungs, 0 outside

    def place(self, side: int, across: float, down: float) -> Point:
        """Return a point of a lung: 0, 0 is at its inner top, 1, 1 at its outer base."""
        top, base = self.anatomy.apex, self.anatomy.dome[side == LEFT]
        y = top + 0.02 + (base - top - 0.03) * down
        wall = self.wall(y)
        inner = min(self._inner(side, y), wall)
        return self.middle + side * (inner + (wall - inner) * across), y

    def wall(self, y: float) -> float:
        """Return how far the lungs reach outwards at a height."""
        return float(_wall(self.anatomy, np.array([y], np.float32))[0])

    def _inner(self, side: int, y: float) -> float:
        at, heart = self.anatomy.heart_at, self.anatomy.heart
        down = (y - at[1]) / 0.17
        bulge = heart * np.sqrt(max(1.0 - down * down, 0.0)) + side * at[0]
        return float(max(self.anatomy.mediastinum, bulge))


def draw_frontal(
    canvas: Canvas, anatomy: Anatomy, rng: np.random.Generator, middle: float
) -> Frontal:
    """Draw a chest from the front whose middle is at x = `middle`."""
    x = canvas.x - np.float32(middle)
    air = np.empty_like(canvas.attenuation)
    for rows in canvas.strips():
        canvas.attenuation[rows], air[rows] = _chest(anatomy, x, canvas.y[rows])
    film = Frontal(canvas, anatomy, middle, air)
    _add_shoulders(film)
    _add_airways(film)
    _add_bubble(film)
    _add_vessels(film, rng)
    return film


def _chest(anatomy: Anatomy, x: Grid, y: Grid) -> tuple[Grid, Grid]:
    """Return attenuation and air of some rows of the film."""
    bend = np.float32(5.0 * anatomy.spine) * np.maximum((y - 0.15) * (0.85 - y), 0.0)
    body = _outline(anatomy, x, y)
    heart = _heart(anatomy, x, y)
    middle = _mediastinum(anatomy, x, x - 0.6 * bend, y)
    air = _lungs(anatomy, x, y)
    air *= 1.0 - heart
    air *= 1.0 - middle
    tissue = body * np.float32(1.3 * anatomy.fat)
    if anatomy.breasts:
        tissue += _breasts(anatomy, x, y)
    tissue *= 1.0 - np.float32(anatomy.air) * air
    tissue += (0.7 * heart + 0.8 * middle + _abdomen(anatomy, x, y)) * body
    tissue += rise(body * 6.0) * (_ribs(anatomy, x, y) + 0.08)
    tissue += _spine(x - bend, y)
    return tissue, air


def _outline(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return the thickness of the body, 0 outside it: neck, shoulders, flanks."""
    shoulders = rise(y * (1 / 0.24))
    flanks = rise((y - 0.3) * (1 / 0.4))
    half = 0.25 + 1.0 * shoulders - (1.25 - anatomy.body) * flanks
    across = x * (1.0 / half)
    thickness: Grid = np.sqrt(np.maximum(1.0 - across * across, 0.0))
    return thickness


def _wall(anatomy: Anatomy, y: Grid, margin: float = 0.0) -> Grid:
    """Return the half-width of the rib cage at each height, widened by a margin."""
    share = 1.0 - np.clip((y - anatomy.apex + margin) * (1 / _REACH), 0.0, 1.0)
    wall: Grid = (anatomy.chest + margin) * np.sqrt(1.0 - share * share)
    return wall


def _domes(anatomy: Anatomy, x: Grid) -> Grid:
    """Return the height of the diaphragm at each distance from the middle."""
    out = (np.abs(x) - 0.42) * (1 / 0.38)
    fall = anatomy.drop * out * out * np.where(out < 0, 0.35, 1.0)
    return (np.where(x < 0, anatomy.dome[0], anatomy.dome[1]) + fall).astype(np.float32)


def _lungs(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    lungs = ramp(_wall(anatomy, y) - np.abs(x), 0.05)
    lungs *= ramp(_domes(anatomy, x) - y, 0.018)
    lungs *= ramp(y - anatomy.apex, 0.03)
    return lungs


def _heart(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return the heart's shadow, whose tip points down and to the left."""
    at = anatomy.heart_at
    across = (x - at[0]) * (1 / anatomy.heart)
    lean = 0.3 if at[0] > 0 else -0.3
    down = (y - at[1]) * (1 / 0.17) - lean * across
    return rise((1.0 - across * across - down * down) * (1 / 0.22))


def _mediastinum(anatomy: Anatomy, x: Grid, axis: Grid, y: Grid) -> Grid:
    """Return the shadow of mediastinum, aortic knob, pulmonary trunk and hila."""
    half = anatomy.mediastinum + 0.12 * rise((0.15 - y) * 8.0) + 0.05 * rise((y - 0.2) * 3.0)
    shadow = ramp(half - np.abs(axis), 0.07)
    _join(shadow, x - 0.12, y - 0.32, (anatomy.aorta * 1.15, anatomy.aorta * 0.7), 0.9, 1.0)
    _join(shadow, x - 0.13, y - 0.42, (0.1, 0.06), 0.8, 1.0)
    for side, height in _HILA:
        radii = (anatomy.hila * 1.5, anatomy.hila)
        _join(shadow, x - side * 0.17, y - height, radii, 1.6, 0.85)
    return shadow


def _join(
    shadow: Grid, across: Grid, down: Grid, radii: tuple[float, float], edge: float, share: float
) -> None:
    """Join an ellipse to a shadow; across and down are distances from its middle."""
    rows = np.flatnonzero(np.abs(down[:, 0]) < radii[1])
    columns = np.flatnonzero(np.abs(across[0]) < radii[0])
    if not len(rows) or not len(columns):
        return
    part = shadow[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    one, two = across[:, columns] * (1 / radii[0]), down[rows] * (1 / radii[1])
    np.maximum(part, share * rise((1.0 - one * one - two * two) * (1 / edge)), out=part)


def _breasts(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    folds = np.zeros((len(y), x.size), np.float32)
    for side in (RIGHT, LEFT):
        _join(folds, x - side * 0.46, y - 0.57, (0.42, 0.18), 0.6, anatomy.breasts)
    folds *= rise((y - 0.4) * 5.0)
    return folds


def _abdomen(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    flanks = rise((np.abs(x) - anatomy.chest + 0.04) * 8.0)
    return ramp(y - _domes(anatomy, x), 0.018) * (1.0 - 0.75 * flanks)


def _spine(axis: Grid, y: Grid) -> Grid:
    """Return vertebrae, which shine faintly through the middle."""
    step = y * 15.0
    disc = np.abs(step - np.floor(step) - 0.5)
    return ramp(0.085 - np.abs(axis), 0.03) * (0.65 - 0.35 * rise((disc - 0.34) * 10.0))


def _ribs(anatomy: Anatomy, x: Grid, y: Grid) -> Grid:
    """Return ribs: behind, falling outwards; in front, fainter, falling inwards."""
    out = np.abs(x) * (1.0 / (_wall(anatomy, y, 0.035) + 0.01))
    behind = out * out
    behind *= out
    behind *= -0.17
    behind += 0.05 * out
    behind += y
    shadow = 0.26 * _bands(anatomy, behind, 0.3)
    front = _bands(anatomy, y - 0.03 + 0.15 * out, 0.36)
    front *= rise((out - 0.42) * 8.0)
    shadow += 0.13 * front
    shadow *= ramp(1.0 - out, 0.05)
    shadow *= rise((0.93 - y) * 6.0)
    return shadow


def _bands(anatomy: Anatomy, height: Grid, thick: float) -> Grid:
    """Return bands a rib apart, with brighter rims."""
    step = (height - anatomy.rib_at) * np.float32(1 / anatomy.ribs)
    step -= np.floor(step)
    step -= 0.5
    off = np.abs(step, out=step)
    bands = ramp(0.5 * thick - off, 0.12)
    bands *= 0.7 + (1.6 / thick) * off
    return bands


def _add_shoulders(film: Frontal) -> None:
    """Add the clavicles and the inner rims of the shoulder blades."""
    canvas, middle, top = film.canvas, film.middle, film.anatomy.apex
    strokes: list[Stroke] = []
    for side in (RIGHT, LEFT):
        blade = [(0.98, 0.16), (0.85, 0.22), (0.81, 0.34), (0.88, 0.46)]
        strokes.append((curve([(middle + side * x, y) for x, y in blade]), 0.1, 0.25))
    for side in (RIGHT, LEFT):
        collar = [(0.09, 0.1), (0.25, 0.08), (0.5, 0.045), (0.7, 0.03), (0.96, 0.06)]
        line = curve([(middle + side * x, top + y) for x, y in collar])
        strokes += [(line, 0.08, 0.95), (line, 0.045, 0.7)]
    mask = canvas.stroke_mask(strokes, 0, 0.5)
    part = canvas.attenuation[: len(mask)]
    mask *= np.minimum(part, np.float32(0.45))  # no bone outside the body
    part += mask


def _add_airways(film: Frontal) -> None:
    """Darken the windpipe and the main bronchi."""
    at = film.middle + 0.3 * film.anatomy.spine - 0.01
    tubes: list[Stroke] = [
        ([(at, 0.0), (at, 0.2), (at - 0.01, 0.38)], 0.085, 1.0),
        ([(at - 0.01, 0.37), (at - 0.13, 0.46)], 0.06, 0.7),
        ([(at - 0.01, 0.37), (at + 0.15, 0.45)], 0.055, 0.7),
    ]
    mask = film.canvas.stroke_mask(tubes, 2, 0.5)
    film.canvas.attenuation[: len(mask)] *= 1.0 - np.float32(0.3) * mask


def _add_bubble(film: Frontal) -> None:
    if not film.anatomy.bubble:
        return
    at = (film.middle + 0.4, film.anatomy.dome[1] + 0.055)
    rows, columns, bubble = film.canvas.ellipse(at, (0.15, 0.08), 0.6)
    film.canvas.attenuation[rows, columns] *= 1.0 - np.float32(0.35) * bubble


def _add_vessels(film: Frontal, rng: np.random.Generator) -> None:
    """Add vessels that branch from the hila and fade outwards."""
    strokes: list[Stroke] = []
    for side, height in _HILA:
        for slope in (-0.42, -0.25, -0.1, 0.05, 0.16, 0.27, 0.38, 0.5):
            steep = slope + 0.06 * float(rng.random() - 0.5)
            start = (film.middle + side * 0.19, height + 0.12 * slope)
            way = (side * (0.17 - 0.12 * abs(steep)), 0.16 * steep)
            strokes += _branch(rng, start, way, 0.034, 3)
    strokes.sort(key=lambda stroke: stroke[2])
    vessels = film.canvas.stroke_mask(strokes, 0.5, film.anatomy.dome[1] + 0.1)
    vessels *= film.air[: len(vessels)]
    vessels *= np.float32(0.42 * film.anatomy.vessels)
    film.canvas.attenuation[: len(vessels)] += vessels


def _branch(
    rng: np.random.Generator, start: Point, way: Point, width: float, depth: int
) -> list[Stroke]:
    """Return a vessel and those that leave it, each thinner and fainter."""
    end = (start[0] + way[0], start[1] + way[1])
    strokes: list[Stroke] = [([start, end], width, 0.2 + 0.2 * depth)]
    if depth:
        fork = 0.25 + 0.2 * float(rng.random())
        for turn in (fork, -fork):
            onward = (way[0] * 0.8 - turn * way[1], way[1] * 0.8 + 0.4 * turn * abs(way[0]))
            strokes += _branch(rng, end, onward, width * 0.62, depth - 1)
    return strokes
