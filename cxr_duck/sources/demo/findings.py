"""Findings of the lungs and the pleura, drawn where the report says that they are."""

from collections.abc import Callable

import numpy as np

from cxr_duck.sources.demo.canvas import Stroke, cloud, ramp, rise
from cxr_duck.sources.demo.places import Film, Place

__all__ = ["FROM_BOTH_SIDES", "FROM_THE_FRONT", "Draw"]

Draw = Callable[[Film, Place, np.random.Generator], None]


def _round(radius: float, spread: float, amount: float, edge: float) -> Draw:
    """Return what draws a round shadow of about a radius."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        wide = radius + spread * float(rng.random())
        high = wide * (0.85 + 0.3 * float(rng.random()))
        film.canvas.blob(place.on(film), (wide, high), amount, edge)

    return draw


def _nodules(film: Film, place: Place, rng: np.random.Generator) -> None:
    for number in range(8):
        side = (-1, 1)[number % 2]
        at = film.place(side, 0.1 + 0.8 * float(rng.random()), 0.15 + 0.8 * float(rng.random()))
        radius = 0.035 + 0.03 * float(rng.random())
        film.canvas.blob(at, (radius, radius), 0.65, 0.6)


def _mass(film: Film, place: Place, rng: np.random.Generator) -> None:
    x, y = place.on(film)
    radius = 0.13 + 0.06 * float(rng.random())
    film.canvas.blob((x, y), (radius, radius), 0.8, 0.4)
    for _ in range(4):
        off, fall = (0.9 * radius * float(rng.random() - 0.5) for _ in range(2))
        part = radius * (0.6 + 0.2 * float(rng.random()))
        film.canvas.blob((x + off, y + fall / film.canvas.aspect * 2), (part, part), 0.3, 0.5)


def _opacity(amount: float, radius: float) -> Draw:
    """Return what draws a fuzzy shadow that fills part of a lung."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        wide = radius * (0.9 + 0.3 * float(rng.random()))
        rows, columns, mask = film.canvas.ellipse(place.on(film), (wide, wide * 1.1))
        lumps = 0.35 + 0.65 * cloud(rng, mask.shape, film.canvas.width / 24)
        fine = 0.8 + 0.4 * cloud(rng, mask.shape, film.canvas.width / 80)
        inside = 0.15 + 0.85 * film.air[rows, columns]
        film.canvas.attenuation[rows, columns] += np.float32(amount) * mask * lumps * fine * inside

    return draw


def _texture(amount: float, cell: float, net: bool) -> Draw:
    """Return what draws a net, or fine spots, over a lung."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        rows, columns = _lung(film, place.side)
        air = film.air[rows, columns]
        cell_size = cell * film.canvas.width / 400
        noise = 0.5 * cloud(rng, air.shape, cell_size)
        noise += 0.5 * cloud(rng, air.shape, 1.7 * cell_size)
        lines = rise(1.0 - 6.0 * np.abs(noise - 0.5)) if net else rise(8.0 * noise - 5.2)
        at = film.place(place.side, 0.5, place.down)[1] if place.zoned else 0.55
        near = np.maximum(1.0 - np.abs(film.canvas.y[rows] - at) * (2.6 if place.zoned else 1.2), 0)
        film.canvas.attenuation[rows, columns] += np.float32(amount) * lines * air * near

    return draw


def _lung(film: Film, side: int) -> tuple[slice, slice]:
    """Return the rows and columns of a side of the chest."""
    middle = round((film.middle + 1.0) * film.canvas.width / 2)
    columns = slice(0, middle) if side < 0 else slice(middle, film.canvas.width)
    return slice(0, film.canvas.height), columns


def _effusion(level: float) -> Draw:
    """Return what fills a lung's base, higher at the chest wall, from a height of the lung on."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        rows, columns = _lung(film, place.side)
        x = np.abs(film.canvas.x[:, columns] - np.float32(film.middle))
        top = film.place(place.side, 0.5, level - 0.12 * float(rng.random()))[1]
        fill = ramp(film.canvas.y[rows] - top + 0.17 * x * x * x, 0.07)
        film.canvas.attenuation[rows, columns] += (1.5 * fill) * film.air[rows, columns]

    return draw


def _line(slope: float, length: float, width: float, amount: float) -> Draw:
    """Return what draws a line whose outer end lies lower by its slope."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        x, y = place.on(film)
        half = length * (0.4 + 0.25 * float(rng.random()))
        fall = half * (slope + 0.15 * float(rng.random() - 0.5)) * place.side / film.canvas.aspect
        bow = y + 0.01 * float(rng.random() - 0.5)
        points = [(x - half, y - fall), (x, bow), (x + half, y + fall)]
        film.canvas.strokes([(points, width, 1.0)], amount, 1)

    return draw


def _wedge(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw collapsed lung: a dense wedge from the hilum, with a sharp border."""
    hilum = film.place(place.side, 0.03, 0.5)
    high = place.zoned and place.down < 0.4
    outer = 0.45 + 0.2 * float(rng.random())
    strokes: list[Stroke] = []
    for share in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        end = film.place(place.side, outer * share, 0.12 if high else 1.0 - 0.1 * share)
        strokes.append(([hilum, end], 0.1, 0.9))
    mask = film.canvas.stroke_mask(strokes, 5)
    mask *= 0.25 + 0.75 * film.air
    film.canvas.attenuation += np.float32(1.0) * mask


def _cap(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw thickened pleura over the tops of the lungs."""
    depth = 0.035 + 0.025 * float(rng.random())
    rows, columns = _lung(film, place.side)
    top = ramp(film.anatomy.apex + depth - film.canvas.y[rows], 0.02)
    film.canvas.attenuation[rows, columns] += (0.7 * top) * film.air[rows, columns]


def _rind(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw thickened pleura along the chest wall."""
    line = [film.place(place.side, 0.985, down) for down in (0.35, 0.5, 0.65, 0.8, 0.95)]
    film.canvas.strokes([(line, 0.04, 1.0)], 0.6, 1)


def _collapse(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw air in the pleura: a black rim, and the fine line of the lung's border."""
    border = [
        film.place(place.side, across, down)
        for across, down in ((0.3, 0.02), (0.62, 0.1), (0.78, 0.3), (0.84, 0.55), (0.95, 0.85))
    ]
    wall = [film.place(place.side, 1.0, down) for down in (0.0, 0.1, 0.3, 0.55, 0.85)]
    rim: list[Stroke] = [([one, two], 0.12, 1.0) for one, two in zip(border, wall, strict=True)]
    black = film.canvas.stroke_mask(rim, 3) * film.air
    film.canvas.attenuation *= 1.0 - np.float32(0.45) * black
    film.canvas.strokes([(border, 0.012, 1.0)], 0.5, 1)


def _ring(radius: float, wall: float) -> Draw:
    """Return what draws a bubble of air with a wall."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        size = radius * (0.8 + 0.5 * float(rng.random()))
        at = place.on(film)
        film.canvas.blob(at, (size, size), wall, 0.3)
        film.canvas.blob(at, (size * 0.82, size * 0.82), -wall - 0.06, 0.3)
        np.maximum(film.canvas.attenuation, 0.05, out=film.canvas.attenuation)

    return draw


def _tubes(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw widened bronchi: rings side by side."""
    for _ in range(7):
        out, fall = 0.24 * float(rng.random() - 0.5), 0.1 * float(rng.random() - 0.5)
        near = Place(place.side, place.across + out, place.down + fall, True)
        _ring(0.04, 0.2)(film, near, rng)


def _short_lines(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw thickened septa at the chest wall."""
    strokes: list[Stroke] = []
    for side in (-1, 1):
        for down in (0.8, 0.84, 0.88, 0.92):
            ends = [film.place(side, across, down) for across in (0.88, 0.99)]
            strokes.append((ends, 0.008, 1.0))
    film.canvas.strokes(strokes, 0.4)


_nodule = _round(0.05, 0.025, 0.75, 0.5)
_faint = _round(0.05, 0.02, 0.35, 0.7)
_infiltrate = _opacity(0.9, 0.26)
_consolidation = _opacity(1.3, 0.28)
_net = _texture(0.3, 4.5, net=True)
_veil = _opacity(0.5, 0.34)

FROM_BOTH_SIDES: dict[str, Draw] = {
    "nodule": _nodule,
    "multiple nodules": _nodules,
    "lung metastasis": _nodules,
    "pulmonary mass": _mass,
    "mass": _mass,
    "granuloma": _round(0.03, 0.01, 0.9, 0.5),
    "calcified granuloma": _round(0.03, 0.01, 1.9, 0.35),
    "calcified densities": _round(0.03, 0.02, 1.8, 0.35),
    "calcified adenopathy": _round(0.05, 0.01, 1.6, 0.5),
    "pseudonodule": _faint,
    "nipple shadow": _faint,
    "end on vessel": _round(0.025, 0.005, 0.7, 0.5),
    "cavitation": _ring(0.12, 0.5),
    "bullas": _ring(0.16, 0.12),
    "abscess": _ring(0.14, 0.7),
    "cyst": _ring(0.08, 0.35),
    "laminar atelectasis": _line(0.1, 0.42, 0.022, 0.8),
    "fibrotic band": _line(-1.1, 0.42, 0.02, 0.75),
    "pneumonia": _consolidation,
    "atypical pneumonia": _veil,
    "alveolar pattern": _consolidation,
    "consolidation": _consolidation,
    "air bronchogram": _consolidation,
    "infiltrates": _infiltrate,
    "increased density": _veil,
    "ground glass pattern": _veil,
    "tuberculosis": _infiltrate,
    "pulmonary edema": _infiltrate,
    "heart insufficiency": _veil,
}

FROM_THE_FRONT: dict[str, Draw] = {
    "interstitial pattern": _net,
    "reticular interstitial pattern": _net,
    "reticulonodular interstitial pattern": _net,
    "pulmonary fibrosis": _texture(0.4, 5.5, net=True),
    "miliary opacities": _texture(0.8, 4.0, net=False),
    "atelectasis": _wedge,
    "lobar atelectasis": _wedge,
    "segmental atelectasis": _wedge,
    "atelectasis basal": _wedge,
    "pleural effusion": _effusion(0.95),
    "loculated pleural effusion": _effusion(0.88),
    "empyema": _effusion(0.84),
    "costophrenic angle blunting": _effusion(1.05),
    "apical pleural thickening": _cap,
    "tuberculosis sequelae": _cap,
    "pleural thickening": _rind,
    "calcified pleural thickening": _rind,
    "pneumothorax": _collapse,
    "minor fissure thickening": _line(0.05, 0.5, 0.012, 0.5),
    "fissure thickening": _line(0.05, 0.5, 0.012, 0.5),
    "bronchiectasis": _tubes,
    "kerley lines": _short_lines,
}
