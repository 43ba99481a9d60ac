"""Beneficiaries: who has the gap, and who gains when it closes, from the poorest to the richest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.errors import StudyError

__all__ = ["Concentration", "concentration", "concentration_index", "lorenz_curve"]


@dataclass(frozen=True, kw_only=True)
class Concentration:
    """
    How a gap is spread over wealth.

    Parameters
    ----------
    index : -1 to 1; below 0 the poor have more of it, 0 all alike; NaN when nobody has it.
    low, high : 5th and 95th percentile of seeded resampling of the places.
    places : how many were used.
    """

    index: float
    low: float
    high: float
    places: int


def _known(
    gap: ArrayLike, wealth: ArrayLike, people: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    g, w, p = (np.asarray(a, dtype=np.float64).ravel() for a in (gap, wealth, people))
    if not len(g) == len(w) == len(p):
        raise StudyError(
            f"who benefits: {len(g)} gaps, {len(w)} wealths, {len(p)} numbers of people"
        )
    known = np.isfinite(g) & np.isfinite(w) & np.isfinite(p) & (p > 0)
    if (g[known] < 0).any():
        raise StudyError("who benefits: gaps must be zero or more")
    return g[known], w[known], p[known]


def _fractional_rank(
    wealth: NDArray[np.float64], people: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rank of each place in the middle of its people, ties together, 0 to 1."""
    _, group = np.unique(wealth, return_inverse=True)
    size = np.bincount(group, weights=people)
    middle = np.cumsum(size) - size / 2
    return np.asarray(middle[group] / size.sum(), dtype=np.float64)


def concentration_index(gap: ArrayLike, wealth: ArrayLike, people: ArrayLike) -> float:
    """
    Give the concentration index of a gap over relative wealth.

    Twice the covariance of gap and fractional rank over the mean gap, weighted by people
    (Kakwani, Wagstaff and van Doorslaer 1997). Places with the same wealth share a rank.

    Parameters
    ----------
    gap : of each place, zero or more; NaN: not known, left out.
    wealth : of each place, any scale that rises; NaN: left out.
    people : of each place.

    Returns
    -------
    -1 to 1; NaN when nobody is in the gap.

    Examples
    --------
    >>> round(concentration_index([1, *[0] * 9], range(10), [1] * 10), 6)
    -0.9
    """
    g, w, p = _known(gap, wealth, people)
    total = float((g * p).sum())
    if total <= 0:
        return float("nan")
    rank = _fractional_rank(w, p)
    return float(2 * (g * p * rank).sum() / total - 1)


def concentration(
    gap: ArrayLike, wealth: ArrayLike, people: ArrayLike, *, seed: int = 0, draws: int = 1000
) -> Concentration:
    """
    Give the concentration index with the range that resampling of the places gives.

    Parameters
    ----------
    gap, wealth, people : as of `concentration_index`.
    seed : of the resampling.
    draws : how many.

    Returns
    -------
    Index and range; NaN range with fewer than two places.

    Examples
    --------
    >>> concentration([1, 1, 1, 1], [1, 2, 3, 4], [5, 5, 5, 5]).high
    0.0
    """
    g, w, p = _known(gap, wealth, people)
    index = concentration_index(g, w, p)
    if len(g) < 2 or np.isnan(index):  # noqa: PLR2004 - stated in the docs
        return Concentration(index=index, low=np.nan, high=np.nan, places=len(g))
    random = np.random.default_rng(seed)
    found = np.empty(draws)
    for i in range(draws):
        chosen = random.integers(0, len(g), len(g))
        found[i] = concentration_index(g[chosen], w[chosen], p[chosen])
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [0.05, 0.95]) if len(found) else (np.nan, np.nan)
    return Concentration(
        index=round(index, 12) + 0.0,
        low=round(float(low), 12) + 0.0,
        high=round(float(high), 12) + 0.0,
        places=len(g),
    )


def lorenz_curve(
    gap: ArrayLike, wealth: ArrayLike, people: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Give the concentration curve: share of people from the poorest on, and their share of the gap.

    Parameters
    ----------
    gap, wealth, people : as of `concentration_index`.

    Returns
    -------
    Two arrays of the same shape, both from 0 to 1. The index is 1 less twice the area below.

    Examples
    --------
    >>> people, gap = lorenz_curve([2, 0], [1, 5], [10, 10])
    >>> people.tolist(), gap.tolist()
    ([0.0, 0.5, 1.0], [0.0, 1.0, 1.0])
    """
    g, w, p = _known(gap, wealth, people)
    if float((g * p).sum()) <= 0:
        return np.array([0.0, 1.0]), np.array([np.nan, np.nan])
    _, group = np.unique(w, return_inverse=True)
    size, part = np.bincount(group, weights=p), np.bincount(group, weights=g * p)
    return (
        np.r_[0.0, np.cumsum(size) / size.sum()],
        np.r_[0.0, np.cumsum(part) / part.sum()],
    )
