"""Where in the lungs a localization of a report lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cxr_duck.sources.demo.anatomy import Anatomy
from cxr_duck.sources.demo.canvas import Canvas, Grid, Point

__all__ = ["Film", "Place", "places_of"]

_BOTH = (-1, 1)
_SIDES = {
    "right": (-1,),
    "left": (1,),
    "bilateral": _BOTH,
    "both": _BOTH,
    "middle lobe": (-1,),
    "minor fissure": (-1,),
    "lingula": (1,),
    "retrocardiac": (1,),
}
_ZONES = {
    "apical": (0.35, 0.05),
    "upper lobe": (0.5, 0.24),
    "upper lung field": (0.5, 0.2),
    "suprahilar": (0.15, 0.34),
    "middle lung field": (0.55, 0.5),
    "minor fissure": (0.5, 0.52),
    "hilar": (0.04, 0.5),
    "perihilar": (0.16, 0.5),
    "infrahilar": (0.14, 0.66),
    "middle lobe": (0.4, 0.76),
    "lingula": (0.45, 0.76),
    "lower lobe": (0.6, 0.82),
    "lower lung field": (0.55, 0.82),
    "retrocardiac": (0.05, 0.84),
    "basal": (0.55, 0.92),
    "supradiaphragm": (0.5, 0.97),
    "costophrenic angle": (0.95, 0.98),
    "cardiophrenic angle": (0.1, 0.97),
    "subpleural": (0.93, 0.6),
    "peripheral": (0.88, 0.5),
}
_DIFFUSE = {  # in both lungs where the report names no side
    "interstitial pattern",
    "reticular interstitial pattern",
    "reticulonodular interstitial pattern",
    "miliary opacities",
    "pulmonary fibrosis",
    "pulmonary edema",
    "heart insufficiency",
    "apical pleural thickening",
}


class Film(Protocol):
    """A film that findings are drawn on, from the front or from the side."""

    @property
    def canvas(self) -> Canvas:
        """The canvas that it is drawn on."""
        ...

    @property
    def anatomy(self) -> Anatomy:
        """The patient's chest."""
        ...

    @property
    def middle(self) -> float:
        """Where the patient's middle lies."""
        ...

    @property
    def air(self) -> Grid:
        """The lungs: 1 inside, 0 outside."""
        ...

    def place(self, side: int, across: float, down: float) -> Point:
        """Return the point of a lung on the film."""
        ...


@dataclass(frozen=True)
class Place:
    """A place in a lung: side -1 is the patient's right, across and down go from 0 to 1."""

    side: int
    across: float
    down: float
    zoned: bool  # whether the report names the height, not only the side

    def on(self, film: Film) -> Point:
        """Return where the place lies on a film."""
        return film.place(self.side, self.across, self.down)


def places_of(finding: str, localizations: Sequence[str], rng: np.random.Generator) -> list[Place]:
    """Return where a finding is: a place in each lung that its name or localizations speak of."""
    sides: set[int] = set()
    zone: tuple[float, float] | None = None
    for words in (finding, *localizations):
        for name, meant in _SIDES.items():
            sides.update(meant if _within(name, words) else ())
        zone = next((at for name, at in _ZONES.items() if _within(name, words)), zone)
    drawn = (-1,) if rng.random() < 0.5 else (1,)
    wide, high = zone or (0.2 + 0.6 * float(rng.random()), 0.2 + 0.6 * float(rng.random()))
    return [
        Place(
            side,
            wide + 0.2 * float(rng.random() - 0.5),
            high + 0.08 * float(rng.random() - 0.5),
            zone is not None,
        )
        for side in sorted(sides or (_BOTH if finding in _DIFFUSE else drawn))
    ]


def _within(name: str, words: str) -> bool:
    return f" {name} " in f" {words} "
