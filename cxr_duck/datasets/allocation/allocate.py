"""How many patients of each signature go to each split: a fair draw with exact sums.

Patients with the same signature, that is the same number of units in each (class, finding) and the
same splits that may take them, are exchangeable, so the unknowns are a few hundred numbers
(signature, split) instead of a hundred thousand patients. What is drawn is a sample with given
chances whose sums are balanced (Deville and Tillé, Biometrika 2004, 'Efficient balanced sampling'):
over seeds a patient comes to each split with that split's share, whatever he brings, and every
draw has classes that are exact.

- Every split gets the whole part of its share of each signature. The patients left over stand in a
  row, those of the rarest cell first, and are dealt along it by a systematic sample with a start of
  chance: each comes to each split with its own chance, and like patients spread over the splits.
- A search then mends the sums by moving and swapping single patients, classes before findings in
  the end. What it may move leaves each patient his chances (see `dealing.py`). Patients of few
  units move first, and those with many units stay where chance dealt them, unless the sums
  can't be met without them. Only where a class can't be exact, or a finding would be more than a
  unit from its share, any patient may move.
- No signature leaves its share, rounded down or up, by more patients than the search needs: first
  none, then one, and more only where classes can't be exact.
- A finding of few units wants a whole number of them in each split, rounded by chance: were it the
  nearest one, its patients would always be trained on and never tested.

Ties are chance: signatures stand in an order that the seed shuffles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.dealing import deal
from cxr_duck.datasets.allocation.rounding import largest_remainder
from cxr_duck.datasets.allocation.search import HUNDREDTHS, Numbers, Problem, Search

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = [
    "FEW",
    "HUNDREDTHS",
    "Allocation",
    "Cell",
    "Cells",
    "Numbers",
    "Signature",
    "allocate",
    "reach_of",
]

FEW = 50  # units: findings with fewer weigh less, and are rounded by chance
_SCALE = 10**8  # weight of a squared hundredth of a unit, of a finding of FEW units
_SOFT = 16  # times less a value of a column weighs than a finding of its size
# A class must be exact before its findings are near. It weighs less at first: a search in which no
# class may give way finds no way, and patients dealt for their class alone spoil the findings.
_CLASS_WEIGHTS = (_SCALE // 10_000, _SCALE // 10, 10 * _SCALE, 1_000 * _SCALE)
_UNITS_MOVED = (2, 6)  # units of the patients that move first, and next
_SEVERAL = 8  # patients of a signature: one more or less changes little for any of them
_SHAKES = (20, 20, 100)  # at most so many, while few may move and when all may
_SHAKEN = 100_000  # numbers looked at, by which large problems are shaken less often
_DRAWS = 3  # at most, where a finding is a unit from its share or a class isn't exact
_NEAR = 0.05  # units: shares are rounded to hundredths

Cell = tuple[str, ...]  # (class, finding); finding '' is the class; a third part names a value


@dataclass(frozen=True)
class Signature:
    """Patients that bring the same: how many patients, how many units in which cells.

    `chances` has a whole number a split, to which the chance of each patient for it is
    proportional; a split with 0 may not take them. Those whose `place` is near are spread over the
    splits, where they are otherwise alike.
    """

    patients: int
    units: dict[Cell, int]
    chances: tuple[int, ...]
    place: int = 0


@dataclass
class Cells:
    """Signatures as arrays, and the hundredths of units wanted in each cell and split.

    `contents` is (signature, cell): units that one patient brings; `wanted` is (cell, split);
    `chances` is (signature, split), and `places` has one a signature.
    """

    names: list[Cell]
    patients: Numbers
    contents: Numbers = field(repr=False)
    wanted: Numbers = field(repr=False)
    chances: Numbers = field(repr=False)
    places: npt.NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, signatures: Sequence[Signature], wanted: Mapping[Cell, Sequence[int]]) -> "Cells":
        """Return the arrays of signatures; `wanted` has hundredths a cell, one a split.

        What a signature has in cells that nobody wants counts for nothing.
        """
        names = sorted(wanted)
        places = {cell: place for place, cell in enumerate(names)}
        contents = np.zeros((len(signatures), len(names)))
        for row, signature in enumerate(signatures):
            for cell, count in signature.units.items():
                if cell in places:
                    contents[row, places[cell]] = count
        return cls(
            names,
            np.array([float(signature.patients) for signature in signatures]),
            contents,
            np.array([wanted[cell] for cell in names], dtype=np.float64),
            np.array([signature.chances for signature in signatures], dtype=np.float64),
            np.array([signature.place for signature in signatures]),
        )

    @property
    def is_class(self) -> npt.NDArray[np.bool_]:
        """Whether a cell is a class as a whole."""
        return np.array([len(name) == 2 and not name[1] for name in self.names])

    @property
    def is_finding(self) -> npt.NDArray[np.bool_]:
        """Whether a cell is a finding of a class."""
        return np.array([bool(name[1]) for name in self.names])

    @property
    def totals(self) -> Numbers:
        """Units of all patients, a cell."""
        totals: Numbers = self.patients @ self.contents
        return totals

    def errors(self, allocated: Numbers) -> Numbers:
        """Return the hundredths of units too many, a (cell, split)."""
        errors: Numbers = HUNDREDTHS * (self.contents.T @ allocated) - self.wanted
        return errors

    def weights(self, of_class: int) -> Numbers:
        """Return what a squared hundredth of a unit weighs, a cell: a whole number."""
        totals = self.totals
        relative = _SCALE * FEW**2 // np.maximum(totals, FEW) ** 2
        relative = relative * np.minimum(totals, FEW) ** 2 // FEW**2
        relative = np.where(self.is_finding, relative, relative // _SOFT)
        return np.where(self.is_class, of_class, np.maximum(relative, 1))


@dataclass(frozen=True)
class Allocation:
    """The patients of each signature in each split, (signature, split), and how they came there.

    No signature is further than `reach` patients from its share, rounded down or up. `exact` tells
    that every class has what it wants.
    """

    patients: Numbers = field(repr=False)
    reach: int
    exact: bool


def allocate(cells: Cells, chance: Chance) -> Allocation:
    """Return an allocation drawn by chance; patients are never divided.

    A draw is made anew only where it misses by a unit: to choose the nearest of many would favour
    the patients who fit best.
    """
    order = chance.order(len(cells.patients))
    shuffled = replace(
        cells,
        patients=cells.patients[order],
        contents=cells.contents[order],
        chances=cells.chances[order],
        places=cells.places[order],
    )
    # The matrices are small: threads that wait for each other cost several times what they save.
    with _thread_pools().limit(limits=1, user_api="blas"):
        best = _Draw(shuffled, chance)
        for _ in range(_DRAWS - 1):
            if not best.spoilt or best.allocated.size > _SHAKEN:
                break
            draw = _Draw(shuffled, chance)
            best = min(best, draw, key=lambda one: one.error)
    allocated = np.empty_like(best.allocated)
    allocated[order] = best.allocated
    return Allocation(allocated, reach_of(cells, allocated), best.exact)


@cache
def _thread_pools() -> "ThreadpoolController":
    """Return what bounds the threads of NumPy; to look for its libraries takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def reach_of(cells: Cells, allocated: Numbers) -> int:
    """Return the patients by which a signature is away from its share, rounded down or up."""
    shares = cells.patients[:, None] * cells.chances
    whole = cells.chances.sum(axis=1)[:, None]
    least, most = shares // whole, -(-shares // whole)
    return int(np.maximum(least - allocated, allocated - most).max(initial=0.0))


def _rounded(cells: Cells, dealt: Numbers, chance: Chance) -> Numbers:
    """Return what is wanted, in whole units rounded by chance where a cell has few of them.

    What the deal itself has is such a rounding wherever no split is a unit from its share.
    """
    wanted = cells.wanted.copy()
    few = np.flatnonzero(~cells.is_class & (cells.totals < FEW))
    if len(few):
        has = HUNDREDTHS * (cells.contents[:, few].T @ dealt)
        drawn = deal(cells.totals[few], cells.wanted[few], np.arange(len(few)), chance)
        near = np.abs(has - cells.wanted[few]).max(axis=1) < HUNDREDTHS
        wanted[few] = np.where(near[:, None], has, HUNDREDTHS * drawn.patients)
    return wanted


class _Draw:
    """One draw: what was dealt, mended within bounds as wide as it takes."""

    def __init__(self, cells: Cells, chance: Chance) -> None:
        self.cells, self.chance = cells, chance
        self.dealt = deal(cells.patients, cells.chances, self._row(), chance)
        self.allocated = self.dealt.patients.copy()
        self.cells = replace(cells, wanted=_rounded(cells, self.allocated, chance))
        self.size = cells.contents[:, cells.is_class].sum(axis=1)
        self.findings = cells.is_finding & (cells.totals >= FEW)
        self.nearest = _nearest(cells)
        self._mend()

    def _row(self) -> npt.NDArray[np.int64]:
        """Return the signatures by rarest cell, size and place; of equal ones chance decides."""
        cells = self.cells
        shuffled = self.chance.order(len(cells.names))
        totals = np.where(cells.contents > 0, cells.totals, np.inf)[:, shuffled]
        size = cells.contents.sum(axis=1)
        keys = (cells.places, size, totals.argmin(axis=1), totals.min(axis=1))
        return np.lexsort((np.arange(len(size)), *keys))

    @property
    def exact(self) -> bool:
        """Whether every class has what it wants."""
        return not self.cells.errors(self.allocated)[self.cells.is_class].any()

    @property
    def spoilt(self) -> bool:
        """Whether a class isn't exact, or a finding that isn't rare is a unit from its share."""
        away = np.abs(self.cells.errors(self.allocated)).max(axis=1)
        return not self.exact or bool((away[self.findings] >= HUNDREDTHS).any())

    @property
    def error(self) -> float:
        """The weighted sum of squared errors."""
        weights = self.cells.weights(_CLASS_WEIGHTS[-1])
        return float((weights @ self.cells.errors(self.allocated) ** 2).sum())

    def _mend(self) -> None:
        """Mend the sums by moves that keep the chances, then by others, then by wider bounds."""
        for fair in (True, False):
            for units, shakes in zip((*_UNITS_MOVED, np.inf), _SHAKES, strict=True):
                movers = np.flatnonzero(self.size <= units)
                if not self._left(fair):
                    break
                if len(movers):
                    self._search(movers, 0, fair)
                if len(movers) and self._left(fair):
                    self._shake(movers, 1, shakes, fair)
        reach = 2
        while not self.exact and reach < 2 * self.cells.patients.max():
            movers = np.arange(len(self.size))
            self._search(movers, reach)
            self._shake(movers, reach, _SHAKES[0])
            reach *= 2

    def _left(self, fair: bool) -> bool:
        """Tell whether something is left that is worth such moves."""
        return bool(self._far().any()) if fair else self.spoilt

    def _far(self) -> npt.NDArray[np.bool_]:
        """Tell which cells are not as near as can be: classes that aren't exact, findings."""
        return self._far_by(self.cells.errors(self.allocated))

    def _far_by(self, errors: Numbers) -> npt.NDArray[np.bool_]:
        away = np.abs(errors).sum(axis=1) / HUNDREDTHS
        far: npt.NDArray[np.bool_] = np.where(
            self.cells.is_class, away > 0, self.findings & (away > self.nearest + _NEAR)
        )
        return far

    def _problem(self, movers: npt.NDArray[np.int64], reach: int, fair: bool) -> Problem:
        """Return what some signatures can do, the others standing where they are.

        Where moves are `fair` only signatures of several patients reach beyond what leaves each
        patient his chances.
        """
        cells, dealt = self.cells, self.dealt
        contents = cells.contents[movers]
        there = cells.contents.T @ self.allocated - contents.T @ self.allocated[movers]
        may = cells.chances[movers] > 0
        low = np.maximum(dealt.least[movers] - reach, 0)
        most = np.minimum(dealt.most[movers] + reach, cells.patients[movers, None])
        high = np.where(may, most, 0)
        if fair:
            wide = (cells.patients[movers, None] >= _SEVERAL) & (reach > 0)
            now = self.allocated[movers]
            low = np.where(wide, low, np.minimum(dealt.low[movers], now))
            high = np.where(wide, high, np.maximum(dealt.high[movers], now))
        return Problem(contents, low, high, cells.wanted - HUNDREDTHS * there)

    def _search(self, movers: npt.NDArray[np.int64], reach: int, fair: bool = False) -> None:
        """Search with classes that weigh ever more, the last time where they aren't exact."""
        problem = self._problem(movers, reach, fair)
        for of_class in _CLASS_WEIGHTS:
            if of_class == _CLASS_WEIGHTS[-1] and self.exact:
                break
            search = Search(problem, self.allocated[movers], self.cells.weights(of_class))
            search.run()
            self.allocated[movers] = search.allocated.T

    def _shake(
        self, movers: npt.NDArray[np.int64], reach: int, times: int, fair: bool = False
    ) -> None:
        """Move a patient of a cell that is far, let others make room, and keep what is better."""
        weights = self.cells.weights(_CLASS_WEIGHTS[-1])
        search = Search(self._problem(movers, reach, fair), self.allocated[movers], weights)
        search.run()
        errors, error = search.errors(), search.error()
        tried: set[tuple[int, int, int]] = set()
        for _ in range(min(times, 20 + _SHAKEN // search.slope.size)):
            far = np.flatnonzero(self._far_by(errors))
            if not len(far):
                break
            push = self._push(search, errors, int(far[self.chance.below(len(far))]))
            if push is None or push in tried:
                continue
            tried.add(push)
            before = search.allocated.copy(), search.slope.copy()
            self._make_room(search, *push)
            if (now := search.error()) < error:
                errors, error = search.errors(), now
                tried.clear()
            else:
                search.allocated[:], search.slope[:] = before
        self.allocated[movers] = search.allocated.T

    def _push(self, search: Search, errors: Numbers, cell: int) -> tuple[int, int, int] | None:
        """Choose a patient to move from where a cell has too many: row, giver, taker, if any."""
        giver, taker = int(errors[cell].argmax()), int(errors[cell].argmin())
        if self.chance.uniform() < 0.3:
            taker = (giver + 1 + self.chance.below(len(search.slope) - 1)) % len(search.slope)
        rows = np.flatnonzero((search.contents[:, cell] > 0) & search.movable(giver, taker))
        if not len(rows):
            return None
        # Each patient is as likely to be chosen, not each signature.
        patients = np.cumsum(search.allocated[giver, rows])
        row = np.searchsorted(patients, self.chance.uniform() * patients[-1], side="right")
        return int(rows[row]), giver, taker

    def _make_room(self, search: Search, row: int, giver: int, taker: int) -> None:
        """Move one patient and search on, first while he must stay there."""
        search.apply(row, giver, taker)
        bounds = search.low[taker, row], search.high[giver, row]
        search.low[taker, row] = search.allocated[taker, row]
        search.high[giver, row] = search.allocated[giver, row]
        search.run()
        search.low[taker, row], search.high[giver, row] = bounds
        search.run()


def _nearest(cells: Cells) -> Numbers:
    """Return the units that a cell is away where it has the nearest whole numbers."""
    nearest = [
        largest_remainder(round(total), [round(share) for share in wanted])
        for total, wanted in zip(cells.totals, cells.wanted, strict=True)
    ]
    away: Numbers = np.abs(np.array(nearest) - cells.wanted / HUNDREDTHS).sum(axis=1)
    return away
