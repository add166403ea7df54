"""A patient's chest in numbers, and what findings that change its shape make of them."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Anatomy", "changed_by", "draw_anatomy", "taken_in_bed"]

_TRAPPED_AIR = {
    "COPD signs",
    "emphysema",
    "air trapping",
    "hyperinflated lung",
    "flattened diaphragm",
    "lung vascular paucity",
}
_WIDE_HEART = {"cardiomegaly": 1.36, "heart insufficiency": 1.3, "pericardial effusion": 1.45}
_LONG_AORTA = {
    "aortic elongation",
    "descendent aortic elongation",
    "ascendent aortic elongation",
    "aortic button enlargement",
    "supra aortic elongation",
    "aortic aneurysm",
}
_WIDE_MEDIASTINUM = {
    "mediastinal enlargement",
    "superior mediastinal enlargement",
    "goiter",
    "mediastinal mass",
    "mediastinic lipomatosis",
}
_WIDE_HILA = {
    "hilar enlargement",
    "vascular hilar enlargement",
    "adenopathy",
    "hilar congestion",
    "pulmonary artery enlargement",
    "pulmonary artery hypertension",
}
_VESSELS = {"lung vascular paucity": 0.6, "emphysema": 0.7, "bronchovascular markings": 1.5}


@dataclass(frozen=True)
class Anatomy:
    """A chest: lengths across in half-widths of the film, heights in heights of the film."""

    body: float  # half-width at the flanks
    fat: float  # thickness of soft tissue, 1 in the middle
    breasts: float  # 0 where there are none
    apex: float  # height of the lungs' tops
    chest: float  # half-width of the rib cage where it is widest
    dome: tuple[float, float]  # height of the right and left diaphragm
    drop: float  # how far a dome falls towards the chest wall
    heart: float  # half-width of the heart
    heart_at: tuple[float, float]
    mediastinum: float  # half-width of the middle
    aorta: float  # radius of the aortic knob
    hila: float  # radius of the hila
    vessels: float  # strength of the vessels' shadows, 1 in the middle
    air: float  # share of tissue that the lungs replace
    ribs: float  # height from rib to rib
    rib_at: float  # height of the first rib
    spine: float  # how far a scoliosis bends the spine, to the left where positive
    kyphosis: float  # how far the spine bends backwards on the lateral film
    bubble: bool  # whether the stomach holds air


def draw_anatomy(rng: np.random.Generator, woman: bool) -> Anatomy:
    """Draw a healthy chest."""

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(rng.random())

    dome = between(0.69, 0.75)
    return Anatomy(
        body=between(0.9, 1.02),
        fat=between(0.85, 1.25),
        breasts=between(0.2, 0.5) if woman else 0.0,
        apex=between(0.08, 0.12),
        chest=between(0.75, 0.84),
        dome=(dome, dome + between(0.01, 0.035)),
        drop=between(0.09, 0.13),
        heart=between(0.3, 0.36),
        heart_at=(between(0.08, 0.13), between(0.61, 0.64)),
        mediastinum=between(0.125, 0.16),
        aorta=between(0.075, 0.1),
        hila=between(0.08, 0.11),
        vessels=between(0.8, 1.15),
        air=between(0.78, 0.83),
        ribs=between(0.066, 0.076),
        rib_at=between(0.05, 0.08),
        spine=between(-0.015, 0.015),
        kyphosis=between(0.01, 0.03),
        bubble=bool(rng.random() < 0.5),
    )


def changed_by(anatomy: Anatomy, findings: Collection[str], side: float) -> Anatomy:
    """Return the chest that findings leave; `side` is -1 or 1 where they leave the side open."""
    found = set(findings)
    heart = max((_WIDE_HEART[finding] for finding in found & _WIDE_HEART.keys()), default=1.0)
    changed = replace(
        anatomy,
        heart=anatomy.heart * heart,
        heart_at=(anatomy.heart_at[0] + 0.2 * (heart - 1.0), anatomy.heart_at[1]),
        aorta=anatomy.aorta * (1.5 if found & _LONG_AORTA else 1.0),
        mediastinum=anatomy.mediastinum * (1.5 if found & _WIDE_MEDIASTINUM else 1.0),
        hila=anatomy.hila * (1.6 if found & _WIDE_HILA else 1.0),
        spine=anatomy.spine + (0.25 * side if "scoliosis" in found else 0.0),
        kyphosis=anatomy.kyphosis + (0.06 if "kyphosis" in found else 0.0),
    )
    for finding in sorted(found & _VESSELS.keys()):
        changed = replace(changed, vessels=changed.vessels * _VESSELS[finding])
    if found & _TRAPPED_AIR:
        changed = _with_trapped_air(changed)
    if "dextrocardia" in found:
        changed = replace(changed, heart_at=(-changed.heart_at[0], changed.heart_at[1]))
    return changed


def _with_trapped_air(anatomy: Anatomy) -> Anatomy:
    right, left = anatomy.dome
    return replace(
        anatomy,
        dome=(right + 0.07, left + 0.07),
        drop=0.045,
        chest=min(anatomy.chest + 0.05, 0.87),
        air=0.88,
        heart=anatomy.heart * 0.9,
        ribs=anatomy.ribs * 1.08,
    )


def taken_in_bed(anatomy: Anatomy) -> Anatomy:
    """Return the chest as a film taken from the front shows it: large heart, high diaphragm."""
    right, left = anatomy.dome
    return replace(
        anatomy,
        dome=(right - 0.05, left - 0.05),
        heart=anatomy.heart * 1.12,
        heart_at=(anatomy.heart_at[0], anatomy.heart_at[1] - 0.02),
        mediastinum=anatomy.mediastinum * 1.15,
        chest=anatomy.chest + 0.03,
        air=anatomy.air - 0.04,
    )
