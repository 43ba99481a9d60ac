"""
Gap rules: the formulas of the gap model, each on plain arrays.

A gap is measured against a fixed standard, never against the other cells or cities at hand, so
that a score does not move when a city is added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.errors import CalibrationError, StudyError

__all__ = [
    "exists_unseen",
    "gini",
    "power_mean",
    "scale_prior",
]


def power_mean(
    gaps: NDArray[np.float64], weights: NDArray[np.float64], *, power: float = 2.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Combine gaps so that one bad gap is not fully made up for by good ones.

    Parameters
    ----------
    gaps : shape (k, ...), 0 to 1. NaN: not assessed, left out.
    weights : shape (k, ...) or (k,), zero or more.
    power : 1 is the plain mean; the larger, the more the worst gap counts.

    Returns
    -------
    The mean (NaN where nothing with weight was assessed) and the share of weight that was
    assessed, both of the shape behind k.

    Raises
    ------
    StudyError
        If `power` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> g, known = power_mean(np.array([0.2, np.nan, 0.5]), np.array([0.5, 0.3, 0.2]))
    >>> round(float(g), 4), round(float(known), 1)
    (0.3162, 0.7)
    """
    if power < 1:
        raise StudyError(f"power: {power!r} is below 1")
    g = np.asarray(gaps, dtype=np.float64)
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim < g.ndim:
        w = w.reshape(w.shape + (1,) * (g.ndim - w.ndim))
    w = np.broadcast_to(w, g.shape)
    known = np.isfinite(g)
    kept = np.where(known, w, 0.0)
    total, full = kept.sum(axis=0), w.sum(axis=0)
    largest = np.where(known & (w > 0), g, 0.0).max(axis=0, initial=0.0)
    # Divided by the largest gap first: equal gaps come out exactly, and powers do not underflow.
    scale = np.where(largest > 0, largest, 1.0)
    sums = (kept * np.where(known, g / scale, 0.0) ** power).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = scale * (sums / total) ** (1 / power)
        assessed = np.where(full > 0, total / full, 0.0)
    mean = np.where(total > 0, np.minimum(mean, largest), np.nan)
    return np.asarray(mean), np.asarray(assessed)


def exists_unseen(prior: ArrayLike, completeness: ArrayLike) -> NDArray[np.float64]:
    """
    Give the probability that something exists although the map does not show it.

    Parameters
    ----------
    prior : probability before looking at the map, 0 to 1.
    completeness : share of existing features that the map shows, 0 to 1.

    Returns
    -------
    0 to 1; 0 where the map is complete.

    Notes
    -----
    Bayes: prior * (1 - completeness) / (prior * (1 - completeness) + 1 - prior).

    Examples
    --------
    >>> round(float(exists_unseen(0.6, 0.3)), 4)
    0.5122
    """
    p, c = np.asarray(prior, dtype=np.float64), np.asarray(completeness, dtype=np.float64)
    missed = p * (1 - c)
    below = missed + 1 - p
    found = np.divide(missed, below, out=np.zeros(below.shape), where=below > 0)
    return np.asarray(np.minimum(found, 1.0))  # rounding may pass 1 by its last bit


def scale_prior(
    prior: NDArray[np.float64], population: NDArray[np.float64], *, rate: float
) -> NDArray[np.float64]:
    """
    Scale priors so that their mean over the people is the official rate.

    Parameters
    ----------
    prior : shape (...), 0 to 1.
    population : same shape, persons. NaN counts as nobody.
    rate : official rate, 0 to 1.

    Returns
    -------
    Shape of `prior`, 0 to 1. Odds are multiplied by one factor, so no prior passes 1 and their
    order stays.

    Raises
    ------
    CalibrationError
        If the rate is outside 0 to 1 or cannot be reached.

    Examples
    --------
    >>> import numpy as np
    >>> scaled = scale_prior(np.array([0.9, 0.3]), np.array([100.0, 100.0]), rate=0.8)
    >>> round(float(scaled.mean()), 6)
    0.8
    """
    if not 0 <= rate <= 1:
        raise CalibrationError(f"official rate {rate!r} is not between 0 and 1")
    p = np.asarray(prior, dtype=np.float64)
    w = np.nan_to_num(np.asarray(population, dtype=np.float64))
    if w.sum() <= 0:
        w = np.ones(p.shape)
    if rate in {0.0, 1.0}:
        return np.full(p.shape, rate)
    inner = np.clip(p, 1e-9, 1 - 1e-9)
    odds = np.log(inner / (1 - inner))
    low, high = -60.0, 60.0
    for _ in range(80):
        middle = (low + high) / 2
        if (w / (1 + np.exp(-(odds + middle)))).sum() < rate * w.sum():
            low = middle
        else:
            high = middle
    return np.asarray(1 / (1 + np.exp(-(odds + (low + high) / 2))))


def gini(values: ArrayLike, weights: ArrayLike) -> float:
    """
    Measure how unequally a gap is spread over groups of people.

    Parameters
    ----------
    values : gap of each group, zero or more. NaN: left out.
    weights : people of each group.

    Returns
    -------
    0 (all equal) towards 1; NaN without people or when nobody has a gap known.

    Examples
    --------
    >>> gini([0.5, 0.5], [100, 900])
    0.0
    """
    x, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    keep = np.isfinite(x) & (w > 0)
    x, w = x[keep], w[keep]
    if len(x) == 0:
        return float("nan")
    mean = (x * w).sum() / w.sum()
    if mean == 0:
        return 0.0
    difference = (np.abs(x[:, None] - x[None, :]) * w[:, None] * w[None, :]).sum()
    return float(difference / (2 * mean * w.sum() ** 2))
