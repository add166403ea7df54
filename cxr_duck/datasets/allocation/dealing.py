"""Patients dealt by chance: each signature has its share of every split, rounded down or up.

What a search moves afterwards must not undo the chances. Moves that help are as frequent from one
split to another as back, so each is open only with the chance that makes the flow of a signature's
patients from a split as large as that to it: a patient who came to train with 0.7 may go to test,
where he would have come with 0.1, in one of seven draws, and back always (Metropolis et al., 1953).
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.search import Numbers

__all__ = ["Dealt", "deal"]

_GOLDEN = 0.6180339887498949  # its multiples fill 0 to 1 evenly, however many they are


@dataclass(frozen=True)
class Dealt:
    """The patients of each (signature, split) as chance dealt them.

    `least` and `most` are the shares rounded down and up; `low` and `high`, within them, are the
    bounds of moves that leave each patient his chance of every split.
    """

    patients: Numbers = field(repr=False)
    least: Numbers = field(repr=False)
    most: Numbers = field(repr=False)
    low: Numbers = field(repr=False)
    high: Numbers = field(repr=False)


def deal(patients: Numbers, chances: Numbers, row: npt.NDArray[np.int64], chance: Chance) -> Dealt:
    """Deal patients to splits by their chances.

    Those whom whole parts leave over are dealt along the `row`, a systematic sample of each.
    """
    whole = chances.sum(axis=1)[:, None]
    least: Numbers = patients[:, None] * chances // whole
    parts = patients[:, None] * chances - least * whole
    left = patients - least.sum(axis=1)
    dealt = row[left[row] > 0]
    starts = np.zeros(len(patients))
    starts[dealt] = (chance.uniform() + np.arange(len(dealt)) * _GOLDEN) % 1.0
    ends = np.cumsum(parts, axis=1)
    found = least.copy()
    for place in range(chances.shape[1] - 1):
        point = (starts[:, None] + place) * whole
        found += (point >= ends - parts) & (point < ends) & (left[:, None] > place)
    most = least + (parts > 0)
    low, high = _open(found - least, parts / whole, chance.uniforms(len(patients)))
    return Dealt(found, least, most, least + low, np.minimum(least + high, most))


def _open(got: Numbers, parts: Numbers, drawn: Numbers) -> tuple[Numbers, Numbers]:
    """Return the least and the most of the patients left over that each split may have.

    `got` tells where they are and `parts` with which chance they came there. Where one patient is
    left over he may move, where all splits but one have one the gap may, as if it were a patient.
    """
    left = got.sum(axis=1)[:, None]
    one, gap = left == 1, (left == got.shape[1] - 1) & (left > 1)
    there = (got * parts).sum(axis=1)[:, None]
    shut = (got == 0) & (drawn[:, None] * there >= parts)
    away = ((1 - got) * (1 - parts)).sum(axis=1)[:, None]
    kept = (got > 0) & (drawn[:, None] * away >= 1 - parts)
    return np.where(gap & kept, 1.0, 0.0), np.where(one & shut, 0.0, 1.0)
