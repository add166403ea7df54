"""How many patients of each signature go to each split.

Patients with the same signature, that is the same number of units in each (class, finding) and the
same splits that may take them, are exchangeable, so the unknowns are a few hundred numbers
(signature, split) instead of a hundred thousand patients. First every split gets the whole part of
its share of each signature; the rest is dealt a patient at a time, rarest finding first; then
single moves and swaps of patients follow while the error falls. The error is the sum of squared
distances from the wanted number of units, over every class and finding and split, findings relative
to their size. A class weighs little at first and ever more from search to search, so that findings
find their places before the classes become exact, and classes come first in the end.

All numbers are whole ones (in hundredths of a unit, held exactly by 64-bit floats), and ties go to
the first: the result depends on nothing but the input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = [
    "FEW",
    "HUNDREDTHS",
    "Cell",
    "Cells",
    "Numbers",
    "Signature",
    "allocate",
    "largest_remainder",
]

HUNDREDTHS = 100  # errors are counted in hundredths of a unit
_SCALE = 10**8  # weight of a squared hundredth of a unit, of a finding of FEW units
FEW = 50  # units: findings with fewer weigh no more
# A class must be exact before its findings are near. It weighs less at first: a search in which no
# class may give way finds no way, and patients dealt for their class alone spoil the findings.
_CLASS_WEIGHTS = (_SCALE // 10_000, _SCALE // 10, 10 * _SCALE, 1_000 * _SCALE)
_MAX_MOVES = 20_000
_MAX_ROUNDS = 600
_WORK = 2 * 10**10  # products of numbers in the search for swaps
_CANDIDATES = 200  # signatures on each side of a swap
_IMPOSSIBLE = 1e30  # change of the error for moving a patient who isn't there

Cell = tuple[str, str]  # (class, finding); finding '' is the class as a whole
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Signature:
    """Patients that bring the same: how many patients, how many units in which cells.

    `allowed` has the places of the splits that may take them; () stands for all.
    """

    patients: int
    units: dict[Cell, int]
    allowed: tuple[int, ...] = ()


def largest_remainder(total: int, shares: Sequence[int]) -> list[int]:
    """Return whole numbers that add up to `total`, nearest to the shares (largest remainder)."""
    whole = sum(shares)
    floors = [total * share // whole for share in shares]
    remainders = [total * share % whole for share in shares]
    order = sorted(range(len(shares)), key=lambda split: (-remainders[split], split))
    for split in order[: total - sum(floors)]:
        floors[split] += 1
    return floors


@dataclass
class Cells:
    """Signatures as arrays, and the hundredths of units wanted in each cell and split.

    `contents` is (signature, cell): units that one patient brings; `wanted` is (cell, split);
    `open` is (signature, split): whether the split may take the patients.
    """

    names: list[Cell]
    patients: Numbers
    contents: Numbers = field(repr=False)
    wanted: Numbers = field(repr=False)
    open: npt.NDArray[np.bool_] = field(repr=False)

    @classmethod
    def of(cls, signatures: Sequence[Signature], wanted: Mapping[Cell, Sequence[int]]) -> "Cells":
        """Return the arrays of signatures; `wanted` has hundredths a cell, one a split."""
        names = sorted(wanted)
        places = {cell: place for place, cell in enumerate(names)}
        splits = len(next(iter(wanted.values())))
        contents = np.zeros((len(signatures), len(names)))
        is_open = np.zeros((len(signatures), splits), dtype=np.bool_)
        for row, signature in enumerate(signatures):
            for cell, count in signature.units.items():
                contents[row, places[cell]] = count
            is_open[row, list(signature.allowed) or slice(None)] = True
        patients = np.array([float(signature.patients) for signature in signatures])
        targets = np.array([wanted[cell] for cell in names], dtype=np.float64)
        return cls(names, patients, contents, targets, is_open)

    @property
    def is_class(self) -> npt.NDArray[np.bool_]:
        """Whether a cell is a class as a whole."""
        return np.array([not finding for _, finding in self.names])

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
        """Return what a squared hundredth of a unit weighs, a cell."""
        relative = _SCALE * FEW**2 // np.maximum(self.totals, FEW) ** 2
        return np.where(self.is_class, of_class, np.maximum(relative, 1))


def allocate(cells: Cells) -> Numbers:
    """Return the number of patients of each signature in each split, (signature, split).

    The rows add up to the patients of the signatures; patients are never divided.
    """
    from threadpoolctl import threadpool_limits

    # The matrices are small: threads that wait for each other cost several times what they save.
    with threadpool_limits(1, user_api="blas"):
        allocated = _whole_parts(cells)
        _deal(cells, allocated)
        for place, of_class in enumerate(_CLASS_WEIGHTS):
            if place < len(_CLASS_WEIGHTS) - 1 or cells.errors(allocated)[cells.is_class].any():
                _Search(cells, allocated, cells.weights(of_class)).run()
    return allocated


def _whole_parts(cells: Cells) -> Numbers:
    """Return the whole part of each split's share of each signature's patients."""
    shares = cells.wanted[cells.is_class].sum(axis=0)
    open_shares = cells.open * np.maximum(shares, 1)
    parts: Numbers = (cells.patients[:, None] * open_shares) // open_shares.sum(axis=1)[:, None]
    return parts


def _deal(cells: Cells, allocated: Numbers) -> None:
    """Deal the patients that the whole parts left over: large ones, then the rarest finding."""
    left = (cells.patients - allocated.sum(axis=1)).astype(int).tolist()
    rarest = np.where(cells.contents > 0, cells.totals, np.inf).min(axis=1).tolist()
    size = cells.contents.sum(axis=1).tolist()
    errors = cells.errors(allocated).T.tolist()
    weights = cells.weights(_CLASS_WEIGHTS[0]).tolist()
    for row in sorted(range(len(left)), key=lambda row: (-size[row], rarest[row], row)):
        if not left[row]:
            continue
        brought = [
            (cell, cells.contents[row, cell]) for cell in np.flatnonzero(cells.contents[row])
        ]
        splits = np.flatnonzero(cells.open[row]).tolist()
        for _ in range(left[row]):
            costs = [
                sum(
                    weights[cell] * n * (2 * errors[split][cell] + HUNDREDTHS * n)
                    for cell, n in brought
                )
                for split in splits
            ]
            split = splits[costs.index(min(costs))]
            allocated[row, split] += 1
            for cell, count in brought:
                errors[split][cell] += HUNDREDTHS * count


class _Search:
    """Moves and swaps patients while the error falls; keeps its slope up to date.

    Its arrays have the splits first, so that the signatures of a split lie side by side.
    """

    def __init__(self, cells: Cells, allocated: Numbers, weights: Numbers) -> None:
        self.allocated = allocated.T
        self.open = np.ascontiguousarray(cells.open.T)
        self.contents = cells.contents
        # By how much the error grows for one patient more: slope and bend, by 2 * HUNDREDTHS.
        self.weighted: Numbers = cells.contents * weights
        self.of_cells = np.ascontiguousarray(self.weighted.T)
        self.bend: Numbers = HUNDREDTHS * (self.weighted * cells.contents).sum(axis=1)
        self.slope = np.ascontiguousarray((self.weighted @ cells.errors(allocated)).T)
        splits = range(len(self.slope))
        self.pairs = [(giver, taker) for giver in splits for taker in splits if giver < taker]

    def run(self) -> None:
        """Move and swap until nothing falls any more or the work is done."""
        numbers = _CANDIDATES**2 * len(self.pairs) * self.contents.shape[1] + self.slope.size
        for _ in range(min(_MAX_ROUNDS, 1 + _WORK // numbers)):
            for _ in range(_MAX_MOVES):
                if not self.move():
                    break
            if not any([self.swap(giver, taker) for giver, taker in self.pairs]):
                break

    def move(self) -> bool:
        """Make the single move that lowers the error most; tell whether there was one."""
        givers = np.where(self.allocated > 0, self.slope, -_IMPOSSIBLE)
        takers = np.where(self.open, self.slope, _IMPOSSIBLE)
        changes = takers.min(axis=0) - givers.max(axis=0) + self.bend
        best = int(changes.argmin())
        giver, taker = int(givers[:, best].argmax()), int(takers[:, best].argmin())
        if changes[best] >= 0 or giver == taker:
            return False
        self._apply(best, giver, taker)
        return True

    def swap(self, giver: int, taker: int) -> bool:
        """Make the best swap of two splits among the patients that cost least to move, if any."""
        going, there = self._cheapest(giver, taker)
        coming, back = self._cheapest(taker, giver)
        if not len(going) or not len(coming):
            return False
        common = self.weighted[going] @ self.contents[coming].T
        changes = there[:, None] + back[None, :] - 2 * HUNDREDTHS * common
        row, column = divmod(int(changes.argmin()), len(coming))
        if changes[row, column] >= 0:
            return False
        self._apply(int(going[row]), giver, taker)
        self._apply(int(coming[column]), taker, giver)
        return True

    def _cheapest(self, giver: int, taker: int) -> tuple[npt.NDArray[np.int64], Numbers]:
        """Return the signatures that cost least to move, and what they cost; no more than some."""
        possible = np.flatnonzero((self.allocated[giver] > 0) & self.open[taker])
        costs: Numbers = (self.slope[taker] - self.slope[giver] + self.bend)[possible]
        if len(possible) > _CANDIDATES:
            border = np.partition(costs, _CANDIDATES - 1)[_CANDIDATES - 1]
            chosen = np.flatnonzero(costs <= border)[:_CANDIDATES]
            possible, costs = possible[chosen], costs[chosen]
        return possible, costs

    def _apply(self, row: int, giver: int, taker: int) -> None:
        self.allocated[giver, row] -= 1
        self.allocated[taker, row] += 1
        brought = np.flatnonzero(self.contents[row])
        step = HUNDREDTHS * (self.contents[row, brought] @ self.of_cells[brought])
        self.slope[giver] -= step
        self.slope[taker] += step
