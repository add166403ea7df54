"""Allocations brought as near to their shares as whole patients allow, and the proof of it.

The search of `cxr_duck.allocation` ends where no single move or swap of patients helps. What is
left is a mixed-integer program that HiGHS solves, all of it where there are few signatures, else
a part: whole patients a (signature, split), classes as near as they can be to what is wanted, and
then the least sum over findings of the units that are out of place, relative to the finding's size.
No finding can be nearer than its patients allow when they are dealt for it alone; where all
findings are there, that is the proof.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr_duck.allocation import FEW, HUNDREDTHS, Cells, Numbers, largest_remainder

__all__ = ["Nearness", "quiet_solver", "refine", "solution_of"]

_ALL = 150  # signatures that one program holds; of more it may move
_FREE = 60  # of these, half of which touch findings that are far
_REACH = 3  # patients by which a signature moves where not all signatures can
# Seconds are a guard and not a plan: what was found until then is thrown away, so that a machine's
# speed decides nothing but whether there is a refinement.
# HiGHS 1.16.0 may take a wrong solution for the best where it has one to start from and presolves.
_OPTIONS = {
    "presolve": "off",
    "threads": 1,
    "mip_rel_gap": 0.0,
    "mip_max_nodes": 200,
    "time_limit": 20.0,
}
_TOLERANCE = 1e-6
_TRUSTED = 0.05  # difference of costs, said and worked out, that the solver's tolerances explain
_Places = npt.NDArray[np.int64]
_CLASS_COST = 1_000.0  # of a unit of a class that is out of place; of a finding it is at most one


@dataclass(frozen=True)
class Nearness:
    """How far an allocation is from whole numbers nearest to its shares.

    `out_of_place` counts the units of findings that would have to change their split for every
    finding to have the whole numbers nearest to its shares, and `findings` those findings.
    `proved` tells that no allocation with classes as exact has fewer, relative to the findings'
    sizes.
    """

    out_of_place: float
    findings: int
    proved: bool


def quiet_solver() -> Any:
    """Return a HiGHS within bounds that prints nothing.

    Its callbacks, once enabled, print its name on stdout.
    """
    import highspy

    class Quiet(highspy.Highs):
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)

    solver: Any = Quiet()  # type: ignore[no-untyped-call]
    solver.silent()
    for option, value in _OPTIONS.items():
        solver.setOptionValue(option, value)
    return solver


def solution_of(solver: Any) -> Numbers | None:
    """Return the values of a solver's columns, None where it found no solution."""
    import highspy

    solution = solver.getSolution()
    feasible = highspy.SolutionStatus.kSolutionStatusFeasible
    if not solution.value_valid or solver.getInfo().primal_solution_status != feasible:
        return None
    return np.array(solution.col_value)


def refine(cells: Cells, allocated: Numbers) -> tuple[Numbers, Nearness]:
    """Return an allocation at least as near, classes before findings, and how near it is."""
    least = _least(cells)
    far: npt.NDArray[np.bool_] = _excess(cells, allocated, least) > _TOLERANCE
    for finding in np.flatnonzero(far):
        least[finding] = _least_alone(cells, allocated, int(finding))
    far &= _excess(cells, allocated, least) > _TOLERANCE
    optimal = not far.any()
    if not optimal:
        free = _free_signatures(cells, np.flatnonzero(far))
        allocated, optimal = _Program(cells, allocated, free, least).solve()
        optimal &= len(free) == len(cells.patients)
    excess = np.where(cells.is_class, 0.0, _excess(cells, allocated, least))
    return allocated, Nearness(
        out_of_place=round(float(excess.sum()) / 2, 2),
        findings=int((excess > _TOLERANCE).sum()),
        proved=optimal or not (excess > _TOLERANCE).any(),
    )


def _excess(cells: Cells, allocated: Numbers, least: Numbers) -> Numbers:
    """Return the units by which a cell is further from its shares than it must be."""
    excess: Numbers = _distances(cells, allocated).sum(axis=1) - least
    return np.maximum(excess, 0.0)


def _distances(cells: Cells, allocated: Numbers) -> Numbers:
    """Return the units between what a (cell, split) has and what is wanted."""
    distances: Numbers = np.abs(cells.errors(allocated)) / HUNDREDTHS
    return distances


def _least(cells: Cells) -> Numbers:
    """Return the units that a finding is away where it has the nearest whole numbers."""
    rounded = np.array(
        [
            largest_remainder(round(total), [round(share) for share in wanted])
            for total, wanted in zip(cells.totals, cells.wanted, strict=True)
        ]
    )
    least: Numbers = np.abs(rounded - cells.wanted / HUNDREDTHS).sum(axis=1)
    return least


def _least_alone(cells: Cells, allocated: Numbers, finding: int) -> float:
    """Return the units that a finding is away at least, were its patients dealt for it alone."""
    units = cells.contents[:, finding]
    rows = np.flatnonzero(units)
    single = cells.patients[rows][units[rows] == 1].sum()
    if cells.open[rows].all() and single >= allocated.shape[1] * units.max():
        return float(_least(cells)[finding])  # patients of one unit fill every split up
    kinds, place = np.unique(
        np.column_stack([units[rows], cells.open[rows]]), axis=0, return_inverse=True
    )
    patients, dealt = np.zeros(len(kinds)), np.zeros((len(kinds), allocated.shape[1]))
    np.add.at(patients, place, cells.patients[rows])
    np.add.at(dealt, place, allocated[rows])
    alone = Cells(
        [cells.names[finding]], patients, kinds[:, :1], cells.wanted[[finding]], kinds[:, 1:] > 0
    )
    best, optimal = _Program(alone, dealt, np.arange(len(kinds)), _least(alone)).solve()
    return float((_distances(alone, best) if optimal else _least(alone)).sum())


def _free_signatures(cells: Cells, far: _Places) -> _Places:
    """Return the signatures that a program may move: all, or small ones that help most."""
    count = len(cells.patients)
    if count <= _ALL:
        return np.arange(count)
    touches = cells.contents[:, far].max(axis=1) > 0
    size = cells.contents.sum(axis=1)
    by_size = np.lexsort((np.arange(count), -cells.patients, size))
    touching = by_size[touches[by_size]][: _FREE // 2]
    others = by_size[~touches[by_size]][: _FREE - len(touching)]
    return np.sort(np.concatenate([touching, others]))


class _Program:
    """The program of one refinement: patients (signature, split), then distances (finding, split).

    Rows are triples (row, column, value), one list a kind of constraint, with its bounds.
    """

    def __init__(self, cells: Cells, allocated: Numbers, free: _Places, least: Numbers) -> None:
        self.cells, self.allocated, self.free, self.least = cells, allocated, free, least
        self.splits = allocated.shape[1]
        self.moving = allocated[free]
        self.rows: list[tuple[_Places, _Places, Numbers]] = []
        self.bounds: list[tuple[Numbers, Numbers]] = []
        self._add_patients()
        self._add_distances()

    def solve(self) -> tuple[Numbers, bool]:
        """Return what is found if it is better than what was there, and whether none is better.

        The solver's word is not taken for it: what it says of its solution must be so.
        """
        import highspy

        solver = quiet_solver()
        model = self._model(highspy)
        solver.passModel(model)
        solver.run()
        status, values = solver.getModelStatus(), solution_of(solver)
        if values is None or status == highspy.HighsModelStatus.kTimeLimit:
            return self.allocated, False
        better = self.allocated.copy()
        better[self.free] = np.round(values[: self.moving.size]).reshape(self.moving.shape)
        costs = np.array(model.col_cost_)[self.moving.size :]
        before, after = (
            float(costs @ _distances(self.cells, allocated).ravel())
            for allocated in (self.allocated, better)
        )
        said = solver.getInfo().objective_function_value
        optimal = status == highspy.HighsModelStatus.kOptimal and abs(after - said) < _TRUSTED
        # Of equals the one that was there stays: which one a solver finds differs with its version.
        return (better if after < before - _TOLERANCE else self.allocated), optimal

    def _model(self, highspy: Any) -> Any:
        """Return the program as HiGHS takes it."""
        cells, count = self.cells, self.moving.size
        lower, upper = self._reach()
        distances = self.splits * len(cells.names)
        costs = np.where(cells.is_class, _CLASS_COST, FEW / np.maximum(cells.totals, FEW))
        rows, columns, values = (np.concatenate(parts) for parts in zip(*self.rows, strict=True))
        order = np.lexsort((columns, rows))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows.astype(int)))])
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = count + distances, len(starts) - 1
        model.col_cost_ = np.concatenate([np.zeros(count), np.repeat(costs, self.splits)])
        nearest = np.abs(np.round(_wanted(cells)) - _wanted(cells))
        model.col_lower_ = np.concatenate([lower.ravel(), nearest.ravel()])
        model.col_upper_ = np.concatenate([upper.ravel(), np.full(distances, np.inf)])
        model.row_lower_, model.row_upper_ = (
            np.concatenate(side) for side in zip(*self.bounds, strict=True)
        )
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = starts
        model.a_matrix_.index_ = columns[order].astype(np.int32)
        model.a_matrix_.value_ = values[order]
        whole, real = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        model.integrality_ = [whole] * count + [real] * distances
        return model

    def _reach(self) -> tuple[Numbers, Numbers]:
        """Return the fewest and the most patients a (signature, split)."""
        most = np.where(self.cells.open[self.free], self.cells.patients[self.free, None], 0.0)
        if len(self.free) == len(self.cells.patients):
            return np.zeros_like(most), most
        return np.maximum(self.moving - _REACH, 0), np.minimum(self.moving + _REACH, most)

    def _add(
        self, row: _Places, column: _Places, value: Numbers, lower: Numbers, upper: Numbers
    ) -> None:
        before = sum(len(low) for low, _ in self.bounds)
        self.rows.append((row + before, column, value))
        self.bounds.append((lower, upper))

    def _add_patients(self) -> None:
        """Each signature keeps its patients."""
        places = np.arange(self.moving.size)
        patients = self.cells.patients[self.free]
        self._add(places // self.splits, places, np.ones(len(places)), patients, patients)

    def _add_distances(self) -> None:
        """A distance is no less than the units too many, nor than those that lack."""
        row, column, value = self._sums()
        others = self.cells.contents.T @ self.allocated - self._all_units()
        target = (_wanted(self.cells) - others).ravel()
        places = np.arange(len(target))
        distance = places + self.moving.size
        endless = np.full(len(target), np.inf)
        for sign, lower, upper in ((-1.0, -endless, target), (1.0, target, endless)):
            self._add(
                np.concatenate([row, places]),
                np.concatenate([column, distance]),
                np.concatenate([value, np.full(len(places), sign)]),
                lower,
                upper,
            )
        least = self.least
        self._add(
            places // self.splits,
            distance,
            np.ones(len(places)),
            least,
            np.full(len(least), np.inf),
        )

    def _sums(self) -> tuple[_Places, _Places, Numbers]:
        """Return the triples that add up the units of each (cell, split)."""
        contents = self.cells.contents[self.free]
        signature, cell = np.nonzero(contents)
        split = np.arange(self.splits)
        row = cell[:, None] * self.splits + split
        column = signature[:, None] * self.splits + split
        value = np.repeat(contents[signature, cell], self.splits)
        return row.ravel(), column.ravel(), value

    def _all_units(self) -> Numbers:
        units: Numbers = self.cells.contents[self.free].T @ self.moving
        return units


def _wanted(cells: Cells) -> Numbers:
    """Return the units wanted in each (cell, split)."""
    wanted: Numbers = cells.wanted / HUNDREDTHS
    return wanted
