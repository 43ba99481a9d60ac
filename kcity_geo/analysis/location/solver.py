"""The exact solver: HiGHS by way of SciPy, the first columns of the model being the sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

__all__ = ["Answer", "solve"]

_HALF = 0.5
_DONE, _INFEASIBLE = 0, 2


@dataclass(frozen=True, eq=False)
class Answer:
    """
    What the solver found.

    Parameters
    ----------
    chosen : numbers of the open sites; None when none were found.
    columns : all columns of the solution; None when none was found.
    bound : no solution is better than this, in the direction of the question.
    optimal : whether the solution is proved to be the best.
    feasible : whether there may be a solution at all.
    """

    chosen: NDArray[np.int64] | None
    columns: NDArray[np.float64] | None
    bound: float
    optimal: bool
    feasible: bool = True


def solve(  # noqa: PLR0913 - the parts of a model, all named
    *,
    objective: NDArray[np.float64],
    matrix: sparse.csr_array,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    sites: int,
    open_ones: NDArray[np.bool_] | None = None,
    branches: int,
    bigger_is_better: bool = False,
    relaxed: bool = False,
) -> Answer:
    """
    Minimise a linear objective where the first columns are 0 or 1 and the others between.

    Parameters
    ----------
    objective : of each column; its smallest sum is looked for.
    matrix, low, high : rows of the model and their limits.
    sites : how many columns, the first ones, are whole.
    open_ones : sites that are 1 whatever happens.
    branches : of the search at most; a count, not a time, so that the answer is always the same.
    bigger_is_better : the objective was negated: give the bound with its sign turned.
    relaxed : let sites be anything between 0 and 1, for a bound.

    Returns
    -------
    The answer.
    """
    n = len(objective)
    whole = np.zeros(n, dtype=np.int64)
    whole[:sites] = 0 if relaxed else 1
    floor = np.zeros(n)
    if open_ones is not None:
        floor[:sites][open_ones] = 1.0
    found = milp(
        objective,
        constraints=LinearConstraint(sparse.csc_array(matrix), low, high),
        bounds=Bounds(floor, np.ones(n)),
        integrality=whole,
        options={"node_limit": branches, "mip_rel_gap": 0.0, "presolve": True},
    )
    sign = -1.0 if bigger_is_better else 1.0
    dual = found.get("mip_dual_bound")
    if relaxed and found.status == _DONE:
        dual = found.fun
    bound = sign * (float(dual) if dual is not None and np.isfinite(dual) else -np.inf)
    chosen = None if found.x is None else np.flatnonzero(found.x[:sites] > _HALF)
    return Answer(
        chosen=chosen,
        columns=None if found.x is None else np.asarray(found.x),
        bound=bound,
        optimal=found.status == _DONE and not relaxed,
        feasible=found.status != _INFEASIBLE,
    )
