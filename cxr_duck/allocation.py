"""How many patients of each signature go to each split.

Patients with the same signature, that is the same number of images in each (class, finding), are
exchangeable, so the unknowns are a few hundred numbers (signature, split) instead of a hundred
thousand patients. First every split gets the whole part of its share of each signature; the rest is
dealt a patient at a time, rarest finding first; then single moves and swaps of patients follow
while the error falls. The error is the sum of squared distances from the wanted number of images,
over every class and finding and split, findings relative to their size, so that a rare finding
counts as much as a frequent one. All of it is integer arithmetic: the result depends on nothing
but the input, on any machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Cell", "Signature", "allocate", "rounded_shares"]

_SCALE = 1_000_000_000  # weight of a squared image in a cell of one image
_CLASS_WEIGHT = 100_000_000  # classes must be exact: as heavy as a finding of ten images
_MAX_STEPS = 5_000
_MAX_SWAPS = 1_000
_SWAP_CANDIDATES = 96
_IMPOSSIBLE = 2**61  # change of the error for moving a patient who isn't there

Cell = tuple[str, str]  # (class, finding); finding '' is the class as a whole
_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Signature:
    """Patients that bring the same images: how many patients, how many images in which cells."""

    patients: int
    images: dict[Cell, int]


def rounded_shares(total: int, shares: Sequence[int]) -> list[int]:
    """Return whole numbers that add up to `total`, nearest to the shares (largest remainder)."""
    whole = sum(shares)
    floors = [total * share // whole for share in shares]
    remainders = [total * share % whole for share in shares]
    order = sorted(range(len(shares)), key=lambda split: (-remainders[split], split))
    for split in order[: total - sum(floors)]:
        floors[split] += 1
    return floors


def allocate(signatures: Sequence[Signature], shares: Sequence[int]) -> list[list[int]]:
    """Return the number of patients of each signature in each split.

    `shares` are whole numbers, such as 70, 20, 10. The rows have the order of `signatures` and add
    up to their patients; patients are never divided.
    """
    if not signatures:
        return []
    problem = _Problem(signatures, shares)
    problem.deal()
    problem.improve()
    return [[int(count) for count in row] for row in problem.patients]


class _Problem:
    """The state of one allocation: patients a (signature, split), error a (cell, split)."""

    def __init__(self, signatures: Sequence[Signature], shares: Sequence[int]) -> None:
        self.splits = len(shares)
        self.whole = sum(shares)  # errors are counted in parts of an image, whole parts each
        self.cells = sorted({cell for signature in signatures for cell in signature.images})
        places = {cell: place for place, cell in enumerate(self.cells)}
        self.contents = [
            [(places[cell], count) for cell, count in sorted(signature.images.items())]
            for signature in signatures
        ]
        self.totals = [0] * len(self.cells)
        for signature, content in zip(signatures, self.contents, strict=True):
            for cell, count in content:
                self.totals[cell] += signature.patients * count
        self.available = [signature.patients for signature in signatures]
        self.wanted = self._wanted(shares)
        self.weights = np.array(
            [
                self._weight(cell, total)
                for cell, total in zip(self.cells, self.totals, strict=True)
            ],
            dtype=np.int64,
        )
        self.patients: _Integers = np.array(
            [[count * share // self.whole for share in shares] for count in self.available],
            dtype=np.int64,
        )
        self.errors: _Integers = -np.array(self.wanted, dtype=np.int64)
        for content, row in zip(self.contents, self.patients, strict=True):
            for cell, count in content:
                self.errors[cell] += self.whole * count * row

    def _wanted(self, shares: Sequence[int]) -> list[list[int]]:
        """Parts of images wanted a (cell, split).

        A finding wants its exact share; a class whole images, those of the smallest class first.
        """
        sizes = [t for cell, t in zip(self.cells, self.totals, strict=True) if not cell[1]]
        smallest = min(sizes)
        base = rounded_shares(smallest, shares)
        wanted = []
        for (_, finding), total in zip(self.cells, self.totals, strict=True):
            if finding:
                wanted.append([total * share for share in shares])
            else:
                more = rounded_shares(total - smallest, shares)
                wanted.append([self.whole * (a + b) for a, b in zip(base, more, strict=True)])
        return wanted

    @staticmethod
    def _weight(cell: Cell, total: int) -> int:
        return _SCALE // total if cell[1] else max(_CLASS_WEIGHT, _SCALE // total)

    def deal(self) -> None:
        """Deal the patients that the whole parts left over, rarest finding first."""
        rarest = [min(self.totals[cell] for cell, _ in content) for content in self.contents]
        size = [sum(count for _, count in content) for content in self.contents]
        order = sorted(
            range(len(self.contents)), key=lambda place: (-size[place], rarest[place], place)
        )
        for place in order:
            for _ in range(self.available[place] - int(self.patients[place].sum())):
                costs = [self._cost(place, split) for split in range(self.splits)]
                self._put(place, costs.index(min(costs)), 1)

    def _cost(self, place: int, split: int) -> int:
        """Return by how much the error grows when a split gets one more patient."""
        return sum(
            int(self.weights[cell])
            * count
            * (2 * int(self.errors[cell, split]) + self.whole * count)
            for cell, count in self.contents[place]
        )

    def _put(self, place: int, split: int, patients: int) -> None:
        self.patients[place, split] += patients
        for cell, count in self.contents[place]:
            self.errors[cell, split] += self.whole * patients * count

    def improve(self) -> None:
        """Move and swap patients between splits while the error falls."""
        search = _Search(self)
        swaps = 0
        for _ in range(_MAX_STEPS):
            if search.move():
                continue
            swaps += 1
            if swaps > _MAX_SWAPS or not search.swap():
                break


class _Search:
    """Finds the best move or swap; keeps the slope of the error up to date between them."""

    def __init__(self, problem: _Problem) -> None:
        self.problem = problem
        signatures = len(problem.contents)
        owners: list[list[int]] = [[] for _ in problem.cells]
        counts: list[list[int]] = [[] for _ in problem.cells]
        self.slope: _Integers = np.zeros((signatures, problem.splits), dtype=np.int64)
        self.bend: _Integers = np.zeros(signatures, dtype=np.int64)
        for place, content in enumerate(problem.contents):
            for cell, count in content:
                owners[cell].append(place)
                counts[cell].append(count)
                weight = problem.weights[cell]
                self.slope[place] += 2 * weight * count * problem.errors[cell]
                self.bend[place] += weight * problem.whole * count * count
        self.owners = [np.array(places, dtype=np.int64) for places in owners]
        self.counts = [np.array(numbers, dtype=np.int64) for numbers in counts]
        self.pairs = [
            (giver, taker)
            for giver in range(problem.splits)
            for taker in range(problem.splits)
            if giver != taker
        ]

    def move(self) -> bool:
        """Make the single move that lowers the error most; tell whether there was one."""
        best = (0, -1, -1, -1)
        for giver, taker in self.pairs:
            change = self._changes(giver, taker)
            place = int(change.argmin())
            best = min(best, (int(change[place]), place, giver, taker))
        if best[0] >= 0:
            return False
        self._apply(*best[1:])
        return True

    def swap(self) -> bool:
        """Make the best swap among the patients that cost least to move; tell if there was one."""
        best = (0, -1, -1, -1, -1)
        for giver, taker in self.pairs:
            if giver > taker:
                continue
            best = min(best, self._best_swap(giver, taker))
        if best[0] >= 0:
            return False
        _, there, back, giver, taker = best
        self._apply(there, giver, taker)
        self._apply(back, taker, giver)
        return True

    def _best_swap(self, giver: int, taker: int) -> tuple[int, int, int, int, int]:
        best = (0, -1, -1, giver, taker)
        there, back = self._changes(giver, taker), self._changes(taker, giver)
        returning = self._cheapest(back)
        if not len(returning):
            return best
        dense = self._dense(returning)
        for place in self._cheapest(there):
            common: _Integers = np.zeros(len(returning), dtype=np.int64)
            for cell, count in self.problem.contents[place]:
                weight = 4 * self.problem.weights[cell] * self.problem.whole
                common += weight * count * dense[:, cell]
            change = there[place] + back[returning] - common
            least = int(change.argmin())
            best = min(best, (int(change[least]), int(place), int(returning[least]), giver, taker))
        return best

    def _changes(self, giver: int, taker: int) -> _Integers:
        """Return the change of the error for moving one patient of each signature."""
        change: _Integers = self.slope[:, taker] - self.slope[:, giver] + 2 * self.bend
        return np.where(self.problem.patients[:, giver] > 0, change, _IMPOSSIBLE)

    def _cheapest(self, change: _Integers) -> _Integers:
        """Return the signatures that cost least to move, in their order; no more than some."""
        wanted = min(_SWAP_CANDIDATES, len(change)) - 1
        border = min(int(np.partition(change, wanted)[wanted]), _IMPOSSIBLE - 1)
        return np.flatnonzero(change <= border)[:_SWAP_CANDIDATES]

    def _dense(self, places: _Integers) -> _Integers:
        dense: _Integers = np.zeros((len(places), len(self.problem.cells)), dtype=np.int64)
        for row, place in enumerate(places):
            for cell, count in self.problem.contents[place]:
                dense[row, cell] = count
        return dense

    def _apply(self, place: int, giver: int, taker: int) -> None:
        self.problem._put(place, giver, -1)
        self.problem._put(place, taker, 1)
        for cell, count in self.problem.contents[place]:
            weight = 2 * self.problem.weights[cell] * self.problem.whole
            step = weight * count * self.counts[cell]
            self.slope[self.owners[cell], giver] -= step
            self.slope[self.owners[cell], taker] += step
