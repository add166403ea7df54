"""Draws a film, from the patient to the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cxr_duck.sources.demo.anatomy import Anatomy, changed_by, draw_anatomy, taken_in_bed
from cxr_duck.sources.demo.canvas import Canvas, Grid, doubled
from cxr_duck.sources.demo.devices import DEVICES
from cxr_duck.sources.demo.findings import FROM_BOTH_SIDES, FROM_THE_FRONT
from cxr_duck.sources.demo.frontal import draw_frontal
from cxr_duck.sources.demo.lateral import draw_lateral
from cxr_duck.sources.demo.places import Film, Place, places_of
from cxr_duck.sources.demo.reports import without_side

__all__ = ["Exposure", "Finding", "Pixels", "draw_film"]

Finding = tuple[str, tuple[str, ...]]  # a finding of the report and where the report puts it
Pixels = npt.NDArray[np.uint16]

_IN_BED = ("AP", "AP_horizontal")
_CROPS = {"COSTAL": (0.65, 0.3, 0.0), "EXCLUDE": (0.4, 0.55, 0.6)}  # share kept, top, left
_LIFTS = {  # how far a finding raises the diaphragm of its side, in heights of the film
    "hemidiaphragm elevation": 0.11,
    "diaphragmatic eventration": 0.11,
    "volume loss": 0.06,
    "atelectasis": 0.04,
    "atelectasis basal": 0.04,
}


@dataclass(frozen=True)
class Exposure:
    """How a film is taken: size in pixels, projection, and bits of a pixel that are used."""

    height: int
    width: int
    projection: str
    bits: int


def draw_film(
    exposure: Exposure,
    findings: Sequence[Finding],
    woman: bool,
    body: np.random.Generator,
    rng: np.random.Generator,
) -> Pixels:
    """Return a film as 16-bit gray pixels, (height, width).

    `body` draws what a patient's films have in common, `rng` what is this film's own.
    """
    placed = [
        (finding, places_of(finding, localizations, rng)) for finding, localizations in findings
    ]
    anatomy = _anatomy(exposure, placed, woman, body)
    keep, top, left = _CROPS.get(exposure.projection, (1.0, 0.0, 0.0))
    canvas = Canvas(round(exposure.height / keep), round(exposure.width / keep))
    film = _chest(exposure.projection, canvas, anatomy, rng)
    _add_findings(film, exposure.projection, placed, rng)
    row, column = round(top * canvas.height), round(left * canvas.width)
    part = film.canvas.attenuation[row : row + exposure.height, column : column + exposure.width]
    return _developed(part, exposure, rng)


def _anatomy(
    exposure: Exposure,
    placed: Sequence[tuple[str, list[Place]]],
    woman: bool,
    body: np.random.Generator,
) -> Anatomy:
    anatomy = draw_anatomy(body, woman)
    side = 1.0 if body.random() < 0.5 else -1.0
    anatomy = changed_by(anatomy, [finding for finding, _ in placed], side)
    lifts = {-1: 0.0, 1: 0.0}
    for finding, places in placed:
        for place in places:
            lift = _LIFTS.get(without_side(finding), 0.0)
            lifts[place.side] = max(lifts[place.side], lift)
    right, left = anatomy.dome
    anatomy = replace(anatomy, dome=(right - lifts[-1], left - lifts[1]))
    return taken_in_bed(anatomy) if exposure.projection in _IN_BED else anatomy


def _chest(projection: str, canvas: Canvas, anatomy: Anatomy, rng: np.random.Generator) -> Film:
    """Return a healthy chest, drawn with half as many pixels each way: it has no finer detail."""
    height, width = canvas.height, canvas.width
    coarse = Canvas(height // 2 + 1, width // 2 + 1)
    middle = 0.08 * float(rng.random() - 0.5)
    draw = draw_lateral if projection == "L" else draw_frontal
    film = draw(coarse, anatomy, rng, middle)
    canvas.attenuation += doubled(coarse.attenuation, height, width)
    return replace(film, canvas=canvas, air=doubled(film.air, height, width))


def _add_findings(
    film: Film,
    projection: str,
    placed: Sequence[tuple[str, list[Place]]],
    rng: np.random.Generator,
) -> None:
    known = FROM_BOTH_SIDES if projection == "L" else FROM_BOTH_SIDES | FROM_THE_FRONT | DEVICES
    for finding, places in placed:
        if draw := known.get(without_side(finding)):
            for place in places:
                draw(film, place, rng)


def _developed(attenuation: Grid, exposure: Exposure, rng: np.random.Generator) -> Pixels:
    """Return the pixels of a film: blackening, grain, and whole steps of the detector."""
    soft = 0.55 + 0.2 * float(rng.random())
    low, high = 0.02 + 0.04 * float(rng.random()), 0.9 + 0.1 * float(rng.random())
    if exposure.projection in _IN_BED:
        low, high = low + 0.05, high - 0.05
    light = attenuation + soft
    np.divide(attenuation, light, out=light)
    light -= 0.1
    light *= high - low
    light *= 1.25
    light += low
    light += _grain(light.shape, 0.008 + 0.009 * float(rng.random()), rng)
    np.clip(light, 0.0, 1.0, out=light)
    steps = (1 << exposure.bits) - 1
    light *= steps
    light += 0.5
    return light.astype(np.uint16) << np.uint16(16 - exposure.bits)


def _grain(shape: tuple[int, ...], amount: float, rng: np.random.Generator) -> Grid:
    """Return noise around 0 whose neighbours downwards and sideways are alike."""
    height, width = shape
    noise = rng.integers(0, 256, (height + 1, width + 1), np.uint8).astype(np.float32)
    pairs = noise[1:] + noise[:-1]
    grain = pairs[:, 1:] + pairs[:, :-1]
    grain -= 510.0
    grain *= np.float32(amount / 148.0)
    return grain
