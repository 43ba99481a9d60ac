"""Exclusion: which constraint keeps building away from a cell, where several may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.result import Constraint, Suitability

__all__ = ["NO_DATA", "OPEN", "first_rule"]

#: Code of land that may be built on, and of cells outside the city.
OPEN = -1
#: Code of land that no constraint excludes and that is out all the same: data are missing there.
NO_DATA = -2


def first_rule(
    score: Suitability, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], tuple[Constraint, ...]]:
    """
    Tell for each cell the first constraint that excludes it.

    Parameters
    ----------
    score : of a project; the order of its constraints decides.
    inside : shape (rows, cols), True for cells of the city.

    Returns
    -------
    Codes of shape (rows, cols): the position in the constraints given back, `OPEN` or `NO_DATA`;
    and the constraints that were applied. Each cell counts once, so shares of the codes add up.
    """
    applied = tuple(c for c in score.constraints if c.applied)
    codes = np.full(inside.shape, OPEN, dtype=np.int16)
    for number, constraint in enumerate(applied):
        codes[inside & constraint.excluded & (codes == OPEN)] = number
    codes[inside & ~score.feasible & (codes == OPEN)] = NO_DATA
    return codes, applied
