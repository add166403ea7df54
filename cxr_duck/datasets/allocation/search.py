"""The search for an allocation with less error: moves and swaps of single patients within bounds.

The error is the sum of squared hundredths of a unit between what a (cell, split) has and what it
wants, each cell with its weight. All numbers are whole ones, held exactly by 64-bit floats, so that
the result doesn't depend on the order in which a machine adds them up.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["HUNDREDTHS", "Numbers", "Problem", "Search"]

HUNDREDTHS = 100  # errors are counted in hundredths of a unit
_MAX_MOVES = 20_000
_MAX_ROUNDS = 600
_WORK = 2 * 10**10  # products of numbers in the search for swaps
_CANDIDATES = 200  # signatures on each side of a swap
_IMPOSSIBLE = 1e30  # change of the error for moving a patient who isn't there

Numbers = npt.NDArray[np.float64]


class Problem:
    """What a search moves: the rows that may move, what they bring, their bounds, what is wanted.

    `contents` is (row, cell), units that one patient brings; `low` and `high` are (row, split), the
    fewest and the most patients; `wanted` is (cell, split), hundredths of a unit.
    """

    def __init__(self, contents: Numbers, low: Numbers, high: Numbers, wanted: Numbers) -> None:
        self.contents = contents
        self.low, self.high = np.ascontiguousarray(low.T), np.ascontiguousarray(high.T)
        self.wanted = wanted

    def errors(self, allocated: Numbers) -> Numbers:
        """Return the hundredths of units too many, a (cell, split)."""
        errors: Numbers = HUNDREDTHS * (self.contents.T @ allocated) - self.wanted
        return errors


class Search:
    """Moves and swaps patients while the error falls; keeps its slope up to date.

    Its arrays have the splits first, so that the signatures of a split lie side by side.
    """

    def __init__(self, problem: Problem, allocated: Numbers, weights: Numbers) -> None:
        self.problem = problem
        self.contents, self.low, self.high = problem.contents, problem.low, problem.high
        self.allocated = np.ascontiguousarray(allocated.T)
        self.weights = weights
        # By how much the error grows for one patient more: slope and bend, by 2 * HUNDREDTHS.
        self.weighted: Numbers = self.contents * weights
        self.of_cells = np.ascontiguousarray(self.weighted.T)
        self.bend: Numbers = HUNDREDTHS * (self.weighted * self.contents).sum(axis=1)
        self.slope = np.ascontiguousarray((self.weighted @ problem.errors(allocated)).T)
        splits = range(len(self.slope))
        self.pairs = [(giver, taker) for giver in splits for taker in splits if giver < taker]

    def errors(self) -> Numbers:
        """Return the hundredths of units too many, a (cell, split)."""
        return self.problem.errors(self.allocated.T)

    def error(self) -> float:
        """Return the weighted sum of squared errors."""
        return float((self.weights @ self.errors() ** 2).sum())

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
        givers = np.where(self.allocated > self.low, self.slope, -_IMPOSSIBLE)
        takers = np.where(self.allocated < self.high, self.slope, _IMPOSSIBLE)
        changes = takers.min(axis=0) - givers.max(axis=0) + self.bend
        best = int(changes.argmin())
        giver, taker = int(givers[:, best].argmax()), int(takers[:, best].argmin())
        if changes[best] >= 0 or giver == taker:
            return False
        self.apply(best, giver, taker)
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
        self.apply(int(going[row]), giver, taker)
        self.apply(int(coming[column]), taker, giver)
        return True

    def movable(self, giver: int, taker: int) -> npt.NDArray[np.bool_]:
        """Tell of which rows a patient may go from one split to another."""
        may: npt.NDArray[np.bool_] = (self.allocated[giver] > self.low[giver]) & (
            self.allocated[taker] < self.high[taker]
        )
        return may

    def apply(self, row: int, giver: int, taker: int) -> None:
        """Move one patient of a row from one split to another."""
        self.allocated[giver, row] -= 1
        self.allocated[taker, row] += 1
        brought = np.flatnonzero(self.contents[row])
        step = HUNDREDTHS * (self.contents[row, brought] @ self.of_cells[brought])
        self.slope[giver] -= step
        self.slope[taker] += step

    def _cheapest(self, giver: int, taker: int) -> tuple[npt.NDArray[np.int64], Numbers]:
        """Return the signatures that cost least to move, and what they cost; no more than some."""
        possible = np.flatnonzero(self.movable(giver, taker))
        costs: Numbers = (self.slope[taker] - self.slope[giver] + self.bend)[possible]
        if len(possible) > _CANDIDATES:
            border = np.partition(costs, _CANDIDATES - 1)[_CANDIDATES - 1]
            chosen = np.flatnonzero(costs <= border)[:_CANDIDATES]
            possible, costs = possible[chosen], costs[chosen]
        return possible, costs
