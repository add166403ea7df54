"""Tubes, wires, devices, and what else a film from the front shows beside lungs and pleura."""

import numpy as np

from cxr_duck.sources.demo.canvas import Point, Stroke, curve
from cxr_duck.sources.demo.findings import Draw
from cxr_duck.sources.demo.places import Film, Place

__all__ = ["DEVICES"]


def _wire(points: list[Point], width: float, amount: float) -> Draw:
    """Return what draws a tube or a wire through points, x counted from the patient's middle."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        shift = 0.02 * float(rng.random() - 0.5)
        line = curve([(film.middle + shift + x, y) for x, y in points])
        strokes: list[Stroke] = [(line, width, 1.0)]
        if width > 0.02:
            strokes.append((line, width * 0.5, 0.55))
        film.canvas.strokes(strokes, amount, 0.7)

    return draw


def _pulse_generator(leads: int, width: float) -> Draw:
    """Return what draws a box below the left clavicle and its leads to the heart."""

    def draw(film: Film, place: Place, rng: np.random.Generator) -> None:
        x, y = film.middle + 0.66 + 0.06 * float(rng.random()), 0.26 + 0.02 * float(rng.random())
        strokes: list[Stroke] = []
        for lead in range(leads):
            end = film.middle + (0.3 if lead == 0 else -0.1), 0.7 - 0.1 * lead
            way = [(x, y - 0.02), (x - 0.3, y - 0.08), (film.middle - 0.03, 0.33)]
            strokes.append((curve([*way, (film.middle - 0.1, 0.56), end]), width, 1.0))
        film.canvas.strokes(strokes, 1.4, 0.5)
        film.canvas.blob((x, y), (0.12, 0.1), 2.6, 0.12)

    return draw


def _wire_loops(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw the wires that hold a breastbone together after surgery."""
    strokes: list[Stroke] = []
    for number in range(6):
        x, y = film.middle + 0.02 * float(rng.random() - 0.5), 0.26 + 0.06 * number
        loop = [(-0.045, 0.0), (0.0, -0.016), (0.045, 0.0), (0.0, 0.014), (-0.045, 0.0)]
        strokes.append(([(x + across, y + down) for across, down in loop], 0.008, 1.0))
        strokes.append(([(x, y + 0.014), (x + 0.02, y + 0.028)], 0.012, 1.0))
    film.canvas.strokes(strokes, 2.6, 0.5)


def _clips(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw staples where something was taken out."""
    strokes: list[Stroke] = []
    for _ in range(7):
        x, y = place.on(film)
        x, y = x + 0.16 * float(rng.random() - 0.5), y + 0.07 * float(rng.random() - 0.5)
        strokes.append(([(x, y), (x + 0.02, y + 0.006)], 0.01, 1.0))
    film.canvas.strokes(strokes, 2.5, 0.5)


def _plate(film: Film, place: Place, rng: np.random.Generator) -> None:
    """Draw metal on a bone: a plate along the clavicle."""
    x, y = film.middle + place.side * 0.45, film.anatomy.apex + 0.055
    ends = [(x - 0.13, y + 0.01 * place.side), (x + 0.13, y - 0.01 * place.side)]
    film.canvas.strokes([(ends, 0.04, 1.0)], 3.0, 0.5)


def _humeral_head(film: Film, place: Place, rng: np.random.Generator) -> None:
    at = film.middle + place.side * 0.93
    film.canvas.blob((at, 0.2), (0.11, 0.11), 3.0, 0.15)
    film.canvas.strokes([([(at, 0.24), (at + 0.02 * place.side, 0.4)], 0.06, 1.0)], 3.0, 0.5)


def _valve(film: Film, place: Place, rng: np.random.Generator) -> None:
    x, y = film.middle + 0.08, 0.56 + 0.04 * float(rng.random())
    film.canvas.blob((x, y), (0.075, 0.05), 2.6, 0.1)
    film.canvas.blob((x, y), (0.055, 0.032), -2.2, 0.1)


def _implants(film: Film, place: Place, rng: np.random.Generator) -> None:
    for side in (-1, 1):
        film.canvas.blob((film.middle + side * 0.44, 0.62), (0.26, 0.24), 0.7, 0.15)


def _stomach_in_chest(film: Film, place: Place, rng: np.random.Generator) -> None:
    x, y = film.middle + 0.06, 0.68
    film.canvas.blob((x, y), (0.24, 0.2), 0.7, 0.25)
    film.canvas.blob((x, y - 0.02), (0.15, 0.09), -0.9, 0.4)


def _gut_below_diaphragm(film: Film, place: Place, rng: np.random.Generator) -> None:
    dome = film.anatomy.dome[0]
    for across, down in ((-0.5, 0.05), (-0.32, 0.045), (-0.4, 0.09)):
        at = (film.middle + across, dome + down)
        rows, columns, gas = film.canvas.ellipse(at, (0.14, 0.09), 0.4)
        film.canvas.attenuation[rows, columns] *= 1.0 - np.float32(0.45) * gas


def _calcified_arch(film: Film, place: Place, rng: np.random.Generator) -> None:
    radius = film.anatomy.aorta
    arc = [(0.6, -0.32), (0.9, -0.16), (0.98, 0.05), (0.85, 0.25)]
    line = [(film.middle + 0.12 + across * radius, 0.315 + down * radius) for across, down in arc]
    film.canvas.strokes([(line, 0.014, 1.0)], 1.6, 0.7)


def _healed_rib(film: Film, place: Place, rng: np.random.Generator) -> None:
    film.canvas.blob(film.place(place.side, 0.97, place.down), (0.06, 0.05), 0.9, 0.5)


_TO_THE_HEART = [(-0.11, 0.3), (-0.12, 0.42), (-0.11, 0.5)]
_catheter = _wire([(-0.2, 0.0), (-0.16, 0.12), *_TO_THE_HEART], 0.018, 1.1)
_arm_catheter = _wire([(-0.98, 0.2), (-0.5, 0.17), (-0.2, 0.2), *_TO_THE_HEART], 0.018, 1.1)
_port = _wire([(-0.62, 0.3), (-0.6, 0.2), (-0.35, 0.15), (-0.16, 0.2), *_TO_THE_HEART], 0.02, 1.2)
_pacemaker = _pulse_generator(1, 0.016)


def _reservoir(film: Film, place: Place, rng: np.random.Generator) -> None:
    _port(film, place, rng)
    film.canvas.blob((film.middle - 0.62, 0.31), (0.075, 0.075), 2.2, 0.1)


DEVICES: dict[str, Draw] = {
    "pacemaker": _pacemaker,
    "electrical device": _pacemaker,
    "single chamber device": _pacemaker,
    "dual chamber device": _pulse_generator(2, 0.016),
    "dai": _pulse_generator(1, 0.032),
    "sternotomy": _wire_loops,
    "NSG tube": _wire([(0.0, 0.0), (0.02, 0.4), (0.1, 0.7), (0.3, 0.84), (0.38, 0.9)], 0.022, 1.2),
    "endotracheal tube": _wire([(0.02, 0.0), (-0.01, 0.15), (-0.01, 0.31)], 0.045, 1.0),
    "tracheostomy tube": _wire([(0.03, 0.13), (-0.01, 0.15), (-0.01, 0.27)], 0.06, 1.4),
    "chest drain tube": _wire(
        [(-0.95, 0.78), (-0.74, 0.68), (-0.6, 0.45), (-0.4, 0.25)], 0.045, 1.0
    ),
    "ventriculoperitoneal drain tube": _wire([(-0.22, 0.0), (-0.3, 0.4), (-0.25, 1.0)], 0.02, 1.0),
    "double J stent": _wire(
        [(-0.3, 0.9), (-0.34, 0.88), (-0.36, 0.9), (-0.33, 0.93), (-0.28, 0.99)], 0.02, 1.4
    ),
    "catheter": _catheter,
    "central venous catheter": _catheter,
    "central venous catheter via jugular vein": _catheter,
    "central venous catheter via subclavian vein": _arm_catheter,
    "reservoir central venous catheter": _reservoir,
    "artificial heart valve": _valve,
    "artificial mitral heart valve": _valve,
    "artificial aortic heart valve": _valve,
    "heart valve calcified": _valve,
    "suture material": _clips,
    "surgery": _clips,
    "surgery lung": _clips,
    "surgery breast": _clips,
    "metal": _clips,
    "osteosynthesis material": _plate,
    "humeral prosthesis": _humeral_head,
    "mammary prosthesis": _implants,
    "hiatal hernia": _stomach_in_chest,
    "Chilaiditi sign": _gut_below_diaphragm,
    "aortic atheromatosis": _calcified_arch,
    "callus rib fracture": _healed_rib,
    "rib fracture": _healed_rib,
    "fracture": _healed_rib,
    "sclerotic bone lesion": _healed_rib,
    "azygos lobe": _wire([(-0.5, 0.1), (-0.42, 0.22), (-0.28, 0.32), (-0.18, 0.36)], 0.014, 0.5),
}
