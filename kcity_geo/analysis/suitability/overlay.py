"""Overlay: the weighted sum of many cells in one pass over the memory, as a compiled loop."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.network.kernels import compiled

__all__ = ["weighted_rows"]


@compiled
def _mean(total: float, mass: float, known_min: float) -> float:
    """Give the mean of what is known where that is enough."""
    return min(max(total / mass, 0.0), 1.0) if mass > 0.0 and mass >= known_min else np.nan


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
    # Four rows at a time keep the processor busy; each row is still added up in its own order.
    for i in range(0, n - n % 4, 4):
        one = two = three = four = 0.0
        mass_1 = mass_2 = mass_3 = mass_4 = 0.0
        for j in range(k):
            weight = weights[j]
            a, b = utilities[i, j], utilities[i + 1, j]
            c, d = utilities[i + 2, j], utilities[i + 3, j]
            one += 0.0 if math.isnan(a) else weight * a
            two += 0.0 if math.isnan(b) else weight * b
            three += 0.0 if math.isnan(c) else weight * c
            four += 0.0 if math.isnan(d) else weight * d
            mass_1 += 0.0 if math.isnan(a) else weight
            mass_2 += 0.0 if math.isnan(b) else weight
            mass_3 += 0.0 if math.isnan(c) else weight
            mass_4 += 0.0 if math.isnan(d) else weight
        out[i] = _mean(one, mass_1, known_min)
        out[i + 1] = _mean(two, mass_2, known_min)
        out[i + 2] = _mean(three, mass_3, known_min)
        out[i + 3] = _mean(four, mass_4, known_min)
    for i in range(n - n % 4, n):
        total = mass = 0.0
        for j in range(k):
            value = utilities[i, j]
            total += 0.0 if math.isnan(value) else weights[j] * value
            mass += 0.0 if math.isnan(value) else weights[j]
        out[i] = _mean(total, mass, known_min)
    return out
