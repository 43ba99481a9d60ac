"""
Gap bounds: how large a distance gap can be when some facilities are not on the map.

The observed gap is the upper bound: an unmapped clinic can only serve more people. The lower bound
is the gap if the clinics that the map lacks stood where they would serve the most people.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import ceil, comb, e

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError

__all__ = ["FacilityBounds", "facility_bounds", "unmapped_count"]

_EXACT_SETS = 20_000


@dataclass(frozen=True, kw_only=True)
class FacilityBounds:
    """
    Gap of access to a kind of facility, with what the map may lack.

    Parameters
    ----------
    gap : share of people out of reach of every mapped facility; also the upper bound.
    gap_lo : lower bound; never above the smallest gap that `unmapped` more facilities could leave.
    p05, median, p95 : of draws that place the unmapped facilities where people live.
    unmapped : facilities that the map probably lacks.
    exact : the lower bound is the smallest gap itself, not only a bound on it.
    """

    gap: float
    gap_lo: float
    p05: float
    median: float
    p95: float
    unmapped: int
    exact: bool

    def verdict(self, target: float) -> str:
        """
        Compare with a target.

        Parameters
        ----------
        target : largest gap that is acceptable, 0 to 1.

        Returns
        -------
        ``"falls_short"`` when even the lower bound is above it, ``"adequate"`` when the observed
        gap is not, else ``"cannot_tell"``: ids of ``tables/readings.toml``.
        """
        if self.gap_lo > target:
            return "falls_short"
        return "adequate" if self.gap <= target else "cannot_tell"


def unmapped_count(mapped: int, completeness: float, *, expected: float = 0.0) -> int:
    """
    Estimate how many facilities the map lacks.

    Parameters
    ----------
    mapped : facilities on the map.
    completeness : share of facilities that are on the map, above 0 to 1.
    expected : facilities that a planning norm lets expect, used when none is mapped.

    Returns
    -------
    Facilities, rounded up.

    Raises
    ------
    StudyError
        If completeness is not above 0 and at most 1.

    Examples
    --------
    >>> unmapped_count(6, 0.6)
    4
    """
    if not 0 < completeness <= 1:
        raise StudyError(f"completeness: {completeness!r} is not above 0 and at most 1")
    if mapped == 0:
        return ceil(expected * (1 - completeness) - 1e-9)
    return ceil(mapped * (1 - completeness) / completeness - 1e-9)


def facility_bounds(
    served: NDArray[np.bool_],
    reach: NDArray[np.bool_],
    people: NDArray[np.float64],
    *,
    unmapped: int,
    draws: int = 200,
    seed: int = 7,
) -> FacilityBounds:
    """
    Bound the gap of access when `unmapped` facilities are missing on the map.

    Parameters
    ----------
    served : shape (n,), places in reach of a mapped facility.
    reach : shape (m, n), places that each candidate site would serve.
    people : shape (n,), persons, zero or more.
    unmapped : facilities missing on the map, at most m are placed.
    draws : random placements, each site with probability by the people it reaches.
    seed : of the draws.

    Returns
    -------
    Bounds; gap_lo <= median <= gap always.

    Raises
    ------
    StudyError
        If the shapes disagree, or there are no people.

    Notes
    -----
    Up to 20,000 sets of sites are tried one by one. Beyond that the greedy cover G is at least
    (1 - 1/e) of the best one, so the gap is at least observed - G / (1 - 1/e); plain greedy would
    not be a bound.

    Examples
    --------
    >>> reach = np.array([[True, False], [False, True]])
    >>> found = facility_bounds(np.zeros(2, bool), reach, np.array([30.0, 10.0]), unmapped=1)
    >>> found.gap, found.gap_lo
    (1.0, 0.25)
    """
    served, reach = np.asarray(served, dtype=bool), np.asarray(reach, dtype=bool)
    p = np.asarray(people, dtype=np.float64)
    if served.shape != p.shape or reach.ndim != 2 or reach.shape[1] != len(p):  # noqa: PLR2004
        raise StudyError(f"shapes disagree: {served.shape}, {reach.shape}, {p.shape}")
    total = float(p.sum())
    if not total > 0:
        raise StudyError("facility bounds: nobody lives here, so there is no gap to bound")
    open_people = np.where(served, 0.0, p)
    gap = float(open_people.sum() / total)
    k = min(int(unmapped), len(reach))
    if k <= 0:
        return FacilityBounds(
            gap=gap, gap_lo=gap, p05=gap, median=gap, p95=gap, unmapped=0, exact=True
        )
    exact = comb(len(reach), k) <= _EXACT_SETS
    best = (
        max(
            float(open_people[reach[list(s)].any(axis=0)].sum())
            for s in combinations(range(len(reach)), k)
        )
        if exact
        else _greedy(reach, open_people, k) / (1 - 1 / e)
    )
    drawn = _drawn(reach, open_people, p, k=k, draws=draws, seed=seed) / total
    low, middle, high = (float(v) for v in np.percentile(gap - drawn, [5, 50, 95]))
    return FacilityBounds(
        gap=gap,
        gap_lo=max(0.0, min(gap - best / total, low)),
        p05=low,
        median=middle,
        p95=high,
        unmapped=int(unmapped),
        exact=exact,
    )


def _greedy(reach: NDArray[np.bool_], people: NDArray[np.float64], k: int) -> float:
    left, covered = people.copy(), 0.0
    for _ in range(k):
        gain = reach @ left
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        covered += float(gain[best])
        left[reach[best]] = 0.0
    return covered


def _drawn(
    reach: NDArray[np.bool_],
    open_people: NDArray[np.float64],
    people: NDArray[np.float64],
    *,
    k: int,
    draws: int,
    seed: int,
) -> NDArray[np.float64]:
    """People newly served by k sites drawn by the people that they reach."""
    rng = np.random.default_rng(seed)
    mass = reach @ people + 1e-9
    found = np.empty(draws)
    for i in range(draws):
        sites = rng.choice(len(reach), size=k, replace=False, p=mass / mass.sum())
        found[i] = open_people[reach[sites].any(axis=0)].sum()
    return found
