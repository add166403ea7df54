"""The largest classes that have their ratio in exact splits, where few patients have many images.

The search of `allocate.py` deals all units near their shares, and what a class has too many of is
cut down afterwards. Where single patients bring many units that may not lead to the largest
classes: then HiGHS finds the largest size that the patients allow, by moving as few of them as it
takes, and chance draws among the ways that reach it: a Markov chain over the places of those who
bring units to a class that lacked some, each allocation as likely as the fair draw makes it
(Metropolis et al., 1953). A step deals up to four patients anew. All others stay where they were
drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_duck.datasets.allocation.allocate import Allocation, Cells, Numbers, reach_of
from cxr_duck.datasets.allocation.chance import Chance
from cxr_duck.datasets.allocation.solver import quiet_solver, solution_of

__all__ = ["Needs", "Sizes", "enlarged"]

_COLUMNS = 3_000  # numbers (signature, split) of the largest program that is solved
_STAYS = 1_000.0  # cost of moving a patient who need not move
_STEPS = 20_000  # of the chain
_DEALT_ANEW = 4  # patients of one step at most

_Mask = npt.NDArray[np.bool_]
Needs = Mapping[str, Sequence[int]]  # units that a class needs at least, one a split
Sizes = Callable[[int], Needs]


def enlarged(
    cells: Cells, found: Allocation, sizes: Sizes, most: int, chance: Chance
) -> tuple[Allocation, bool]:
    """Return an allocation with the largest classes, and whether none has larger ones.

    `sizes` tells what the classes need where the smallest has so many units, `most` how many it can
    have at most, whatever its patients.
    """
    reached = next(
        size for size in range(most, -1, -1) if _meets(cells, found.patients, sizes(size))
    )
    if reached == most:
        return found, True
    if found.patients.size > _COLUMNS:
        return found, False
    proved = True
    for size in range(_bound(cells, sizes, most), reached, -1):
        needs = sizes(size)
        lacking = [name for name in needs if not _meets(cells, found.patients, needs, name)]
        brought = cells.contents[:, [_places(cells)[name] for name in lacking]]
        moving: _Mask = np.any(brought > 0, axis=1)
        solved, told = _solve(cells, found.patients, needs, moving, chance)
        if solved is not None:
            drawn = _redrawn(cells, solved, needs, moving, chance)
            return Allocation(drawn, reach_of(cells, drawn), found.exact), proved
        proved &= told
    return found, proved


def _places(cells: Cells) -> dict[str, int]:
    """Return the place of each class among the cells."""
    return {name[0]: place for place, name in enumerate(cells.names) if cells.is_class[place]}


def _meets(cells: Cells, allocated: Numbers, needs: Needs, only: str = "") -> bool:
    """Tell whether every class, or only one, has what it needs in every split."""
    places = _places(cells)
    return all(
        (cells.contents[:, places[name]] @ allocated >= needs[name]).all()
        for name in ([only] if only else needs)
    )


def _bound(cells: Cells, sizes: Sizes, most: int) -> int:
    """Return a size that no allocation exceeds: that of the program without its rounding."""
    solver, columns = _program(cells)
    size = solver.addVariable(0.0, float(most))
    needs = sizes(most)
    for name, place in _places(cells).items():
        for split, part in enumerate(needs[name]):
            # Rounded sizes and shares are within a unit of the exact ones, there and here.
            units = _units(cells, columns, place, split)
            solver.addConstr(units - (part / most) * size >= -3.0)
    solver.maximize(size)
    values = solution_of(solver)
    if values is None or solver.getModelStatus().name != "kOptimal":
        return most
    return min(most, int(values[-1] + 1e-6))


def _solve(
    cells: Cells, found: Numbers, needs: Needs, moving: _Mask, chance: Chance
) -> tuple[Numbers | None, bool]:
    """Return an allocation that meets what classes need, if there is one, and whether that is sure.

    Of patients who bring units to a class that lacked some chance decides; few others move.
    """
    solver, columns = _program(cells)
    for name, place in _places(cells).items():
        for split, units in enumerate(needs[name]):
            solver.addConstr(_units(cells, columns, place, split) >= units)
    costs = []
    odds = chance.uniforms(len(columns)).tolist()
    for place, (column, before) in enumerate(zip(columns, found.ravel().tolist(), strict=True)):
        if moving[place // cells.chances.shape[1]]:
            costs.append(odds[place] * column)
        else:
            more = solver.addVariable(0.0)
            solver.addConstr(more - column >= -before)
            costs.append((_STAYS + odds[place]) * more)
    solver.minimize(sum(costs))
    status, values = solver.getModelStatus().name, solution_of(solver)
    if values is None or status == "kTimeLimit":
        return None, status == "kInfeasible"
    shape = cells.chances.shape
    allocated: Numbers = np.round(values[: len(columns)]).reshape(shape)
    kept = (allocated.sum(axis=1) == cells.patients).all() and _meets(cells, allocated, needs)
    return (allocated, True) if kept else (None, False)


def _program(cells: Cells) -> tuple[Any, list[Any]]:
    """Return a solver and its columns: whole patients a (signature, split), all of them dealt."""
    solver = quiet_solver()
    splits = cells.chances.shape[1]
    columns = []
    for patients, chances in zip(cells.patients, cells.chances, strict=True):
        row = [solver.addIntegral(0.0, float(patients) if part else 0.0) for part in chances]
        solver.addConstr(sum(row) == float(patients))
        columns += row
    assert len(columns) == len(cells.patients) * splits
    return solver, columns


def _units(cells: Cells, columns: list[Any], place: int, split: int) -> Any:
    """Return the units of a class in a split, as the solver's expression."""
    splits = cells.chances.shape[1]
    return sum(
        float(units) * columns[row * splits + split]
        for row, units in enumerate(cells.contents[:, place])
        if units
    )


def _redrawn(
    cells: Cells, allocated: Numbers, needs: Needs, moving: _Mask, chance: Chance
) -> Numbers:
    """Return an allocation that also meets the needs, as chance has it among all that do.

    Patients of rows that aren't moving stay where they are.
    """
    chain = _Chain(cells, allocated, needs, moving)
    for step in chance.uniforms(_STEPS * (2 + 2 * _DEALT_ANEW)).reshape(_STEPS, -1).tolist():
        chain.step(step)
    return chain.allocated()


class _Chain:
    """Patients one by one, each in a split, and the units by which classes exceed their needs."""

    def __init__(self, cells: Cells, allocated: Numbers, needs: Needs, moving: _Mask) -> None:
        classes = list(_places(cells).values())
        self.others = np.where(moving[:, None], 0.0, allocated)
        splits = range(allocated.shape[1])
        ones = [
            (row, split)
            for row in np.flatnonzero(moving).tolist()
            for split in splits
            for _ in range(int(allocated[row, split]))
        ]
        self.rows, self.splits = [row for row, _ in ones], [split for _, split in ones]
        names = list(_places(cells))
        self.brought = cells.contents[:, classes].astype(int).tolist()
        units = (cells.contents[:, classes].T @ allocated).astype(int).T.tolist()
        self.spare = [
            [units[split][place] - needs[name][split] for place, name in enumerate(names)]
            for split in splits
        ]
        self.chances = cells.chances.tolist()

    def step(self, drawn: Sequence[float]) -> None:
        """Deal some patients anew, unless a class would lack units or chance is against it."""
        count = 1 + int(drawn[0] * _DEALT_ANEW)
        moves, odds = [], 1.0
        for number in range(count):
            patient = int(drawn[2 + 2 * number] * len(self.rows))
            split = int(drawn[3 + 2 * number] * len(self.spare))
            chances = self.chances[self.rows[patient]]
            odds *= chances[split] / chances[self.splits[patient]]
            moves.append((patient, self.splits[patient], split))
            self._move(patient, split)
            if not odds:  # the split may not take this patient
                break
        if drawn[1] >= odds or any(min(spare) < 0 for spare in self.spare):
            for patient, before, _ in reversed(moves):
                self._move(patient, before)

    def _move(self, patient: int, split: int) -> None:
        before = self.splits[patient]
        for place, units in enumerate(self.brought[self.rows[patient]]):
            self.spare[before][place] -= units
            self.spare[split][place] += units
        self.splits[patient] = split

    def allocated(self) -> Numbers:
        """Return the patients of each signature in each split."""
        found = self.others.copy()
        np.add.at(found, (self.rows, self.splits), 1.0)
        return found
