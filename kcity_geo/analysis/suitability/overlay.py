"""Overlay: the weighted sum of many cells in one pass over the memory, as a compiled loop."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

__all__ = ["weighted_planes", "weighted_rows"]

#: Rows weighed at a time; they and their sums lie in the nearest memory.
_BLOCK = 64
#: Cells of planes weighed at a time, and planes that are read side by side.
_STRETCH, _SIDE = 96, 4


def weighted_planes(
    planes: NDArray[np.float64], weights: NDArray[np.float64], known_min: float
) -> NDArray[np.float64]:
    """
    Weigh each cell of planes that lie one after the other in memory, as the rasters of criteria do.

    Parameters
    ----------
    planes : shape (k, n), C order, 0 to 1; NaN: not known.
    weights : shape (k,), adding to 1.
    known_min : share of weight that must be known, else NaN.

    Returns
    -------
    Shape (n,), 0 to 1; the numbers of `weighted_rows` to the last bit, in half the time.

    Examples
    --------
    >>> weighted_planes(np.array([[1.0, 0.5], [np.nan, 0.25]]), np.array([0.5, 0.5]), 0.4).tolist()
    [1.0, 0.375]
    """
    out = np.empty(planes.shape[1])
    _weigh_planes(planes, weights, known_min, out)
    return out


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
    # numpy asks for large pages of memory, which the compiled loop would not.
    out = np.empty(len(utilities))
    _weigh(utilities, weights, known_min, out)
    return out


@compiled
def _weigh(
    utilities: NDArray[np.float64],
    weights: NDArray[np.float64],
    known_min: float,
    out: NDArray[np.float64],
) -> None:
    """Fill in the weighted mean of each row."""
    n, k = utilities.shape
    # A block of rows at a time, turned round in the nearest memory, so that the processor weighs several rows
    # at once; each row is still added up in its own order.
    values = np.full((k, _BLOCK), np.nan)
    total, mass, mean = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, n, _BLOCK):
        count = min(_BLOCK, n - start)
        for i in range(count):
            for j in range(k):
                values[j, i] = utilities[start + i, j]
        total[:] = 0.0
        mass[:] = 0.0
        for j in range(k):
            weight = weights[j]
            for i in range(_BLOCK):
                value = values[j, i]
                known = not math.isnan(value)
                total[i] += weight * value if known else 0.0
                mass[i] += weight if known else 0.0
        np.divide(total, mass, mean)
        for i in range(count):
            value = mean[i] if mean[i] < 1.0 else 1.0  # noqa: FURB136 - min and max are slower here
            value = value if value > 0.0 else 0.0  # noqa: FURB136 - as above
            enough = (mass[i] > 0.0) & (mass[i] >= known_min)
            out[start + i] = value if enough else np.nan


@compiled
def _weigh_planes(
    planes: NDArray[np.float64],
    weights: NDArray[np.float64],
    known_min: float,
    out: NDArray[np.float64],
) -> None:
    """Fill in the weighted mean of each cell; criteria are added up in their order."""
    k, n = planes.shape
    total, mass, mean = np.empty(_STRETCH), np.empty(_STRETCH), np.empty(_STRETCH)
    fours = k - k % _SIDE
    for start in range(0, n, _STRETCH):
        count = min(_STRETCH, n - start)
        total[:] = 0.0
        mass[:] = 0.0
        # Four planes at once: sums stay in the processor, and few streams of memory are open.
        for j in range(0, fours, _SIDE):
            a, b, c, d = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
            of_a, of_b = planes[j, start : start + count], planes[j + 1, start : start + count]
            of_c, of_d = planes[j + 2, start : start + count], planes[j + 3, start : start + count]
            for i in range(count):
                so_far, known = total[i], mass[i]
                so_far += 0.0 if math.isnan(of_a[i]) else a * of_a[i]
                known += 0.0 if math.isnan(of_a[i]) else a
                so_far += 0.0 if math.isnan(of_b[i]) else b * of_b[i]
                known += 0.0 if math.isnan(of_b[i]) else b
                so_far += 0.0 if math.isnan(of_c[i]) else c * of_c[i]
                known += 0.0 if math.isnan(of_c[i]) else c
                so_far += 0.0 if math.isnan(of_d[i]) else d * of_d[i]
                known += 0.0 if math.isnan(of_d[i]) else d
                total[i], mass[i] = so_far, known
        for j in range(fours, k):
            weight, plane = weights[j], planes[j, start : start + count]
            for i in range(count):
                total[i] += 0.0 if math.isnan(plane[i]) else weight * plane[i]
                mass[i] += 0.0 if math.isnan(plane[i]) else weight
        np.divide(total, mass, mean)
        for i in range(count):
            value = mean[i] if mean[i] < 1.0 else 1.0  # noqa: FURB136 - min and max are slower here
            value = value if value > 0.0 else 0.0  # noqa: FURB136 - as above
            enough = (mass[i] > 0.0) & (mass[i] >= known_min)
            out[start + i] = value if enough else np.nan
