"""Make the longest way as short as it can be (p-centre), by covering within ever shorter limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.location.covering import fewest_sites
from kcity_geo.analysis.location.savings import EXACT_ENTRIES, Choice
from kcity_geo.errors import StudyError

__all__ = ["shortest_longest_way"]


def shortest_longest_way(
    cost: NDArray[np.float64],
    p: int,
    *,
    today: NDArray[np.float64] | None = None,
    exact_entries: int = EXACT_ENTRIES,
) -> Choice:
    r"""
    Choose sites so that the longest way is as short as possible.

    Parameters
    ----------
    cost : shape (demands, sites), in minutes or metres; inf: no way.
    p : how many sites at most.
    today : shape (demands,), cost to what exists; inf without. None: nothing exists.
    exact_entries : as for `kcity_geo.analysis.location.covering.fewest_sites`.

    Returns
    -------
    The sites, the longest way with them as value, and a lower bound of it. Demands that neither a
    site nor what exists can reach are left out. Fewer sites than `p` where no further one shortens
    the longest way.

    Raises
    ------
    StudyError
        If `p` is below 1, or too few to reach everybody who can be reached.

    Notes
    -----
    The longest way is one of the costs; a search by halves finds the smallest within which `p`
    sites cover all [1]_.

    References
    ----------
    .. [1] Minieka, E. (1970). The m-center problem. SIAM Review 12(1), 138-139.

    Examples
    --------
    >>> places = np.array([0.0, 1, 4, 9, 10])
    >>> found = shortest_longest_way(np.abs(places[:, None] - places), 2)
    >>> found.value, found.proved
    (3.0, True)
    """
    if p < 1:
        raise StudyError(f"p: {p} is no number of sites, give 1 or more")
    ways = np.asarray(cost, dtype=np.float64)
    base = np.full(len(ways), np.inf) if today is None else np.asarray(today, dtype=np.float64)
    best = np.minimum(base, ways.min(axis=1, initial=np.inf))
    reached = np.isfinite(best)
    ways, base, best = ways[reached], base[reached], best[reached]
    if len(ways) == 0:
        return Choice(np.zeros(0, np.int64), 0.0, 0.0)
    floor = float(best.max())
    limits = np.unique(np.concatenate([ways[np.isfinite(ways)], base[np.isfinite(base)]]))
    limits = limits[limits >= floor]
    low, high = 0, len(limits) - 1  # low: first limit that is not shown to be impossible
    found, proved_low = None, 0
    while low <= high:
        middle = (low + high) // 2
        choice = _within(ways, base, float(limits[middle]), p, exact_entries)
        if choice.value <= p:
            # Their longest way may be shorter than the limit that was tried.
            longest = np.minimum(base, ways[:, choice.sites].min(axis=1, initial=np.inf)).max()
            at = int(np.searchsorted(limits, max(float(longest), floor)))
            found, high = (at, choice), at - 1
        else:
            if choice.bound > p:
                proved_low = max(proved_low, middle + 1)
            low = middle + 1
    if found is None:
        choice = _within(ways, base, float(limits[-1]), p, exact_entries)
        raise StudyError(
            f"p: {p} sites cannot reach everybody who can be reached; at least {choice.bound:.0f} are needed, "
            f"and {choice.value:.0f} are enough"
        )
    at, choice = found
    return Choice(choice.sites, float(limits[at]), float(limits[min(proved_low, at)]))


def _within(
    ways: NDArray[np.float64],
    base: NDArray[np.float64],
    limit: float,
    p: int,
    exact_entries: int,
) -> Choice:
    covers = sparse.csr_array(ways[base > limit] <= limit)
    return fewest_sites(covers, enough=p, exact_entries=exact_entries)
