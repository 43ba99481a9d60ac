"""Overlay: the weighted sum of many cells in one pass over the memory, as a compiled loop."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.network.kernels import compiled

__all__ = ["weighted_rows"]


@compiled
def weighted_rows(
    utilities: NDArray[np.float64], weights: NDArray[np.float64], known_min: float
) -> NDArray[np.float64]:
    """
    Weigh each row; what is not known leaves its weight to the others.

    Parameters
    ----------
    utilities : shape (n, k), 0 to 1; NaN: not known.
    weights : shape (k,), adding to 1.
    known_min : share of weight that must be known, else NaN.

    Returns
    -------
    Shape (n,), 0 to 1.

    Examples
    --------
    >>> weighted_rows(np.array([[1.0, np.nan], [0.5, 0.25]]), np.array([0.5, 0.5]), 0.4).tolist()
    [1.0, 0.375]
    """
    n, k = utilities.shape
    out = np.empty(n)
    for i in range(n):
        # The sum of what is known, and the weight that it carries.
        total, mass = 0.0, 0.0
        for j in range(k):
            value = utilities[i, j]
            if not math.isnan(value):
                total += weights[j] * value
                mass += weights[j]
        if mass > 0.0 and mass >= known_min:
            out[i] = min(max(total / mass, 0.0), 1.0)
        else:
            out[i] = np.nan
    return out
