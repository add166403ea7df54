"""HiGHS, the solver of mixed-integer programs, as it is used here: quiet, within bounds."""

from typing import Any

import numpy as np

from cxr_duck.datasets.allocation.search import Numbers

__all__ = ["quiet_solver", "solution_of"]

# Seconds are a guard and not a plan: what was found until then is thrown away, so that a machine's
# speed decides nothing but whether there is a solution.
# HiGHS 1.16.0 may take a wrong solution for the best where it presolves.
_OPTIONS = {
    "presolve": "off",
    "threads": 1,
    "mip_rel_gap": 0.0,
    "mip_max_nodes": 5_000,
    "time_limit": 20.0,
}


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
