"""Cover everybody with the fewest sites (LSCP): reductions, a greedy answer, a bound, the optimum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.location.savings import BRANCHES, EXACT_ENTRIES, Choice, merge_alike
from kcity_geo.analysis.location.solver import solve
from kcity_geo.errors import StudyError

__all__ = ["cover_all", "fewest_sites", "needed_rows"]

#: Rows up to which every pair is compared, and entries up to which a linear bound is computed.
_PAIR_ROWS = 3_000
_LINEAR_ENTRIES = 60_000
#: Steps of the bound of larger tables.
_STEPS = 300


def needed_rows(covers: sparse.csr_array) -> sparse.csr_array:
    """
    Leave out demands that are covered whenever another one is.

    Parameters
    ----------
    covers : shape (demands, sites), 1 where a site covers a demand.

    Returns
    -------
    Shape (fewer demands, sites); the same choices of sites cover all of it. Demands that no site
    covers are left out.

    Examples
    --------
    >>> needed_rows(sparse.csr_array(np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0], [0, 0, 0]]))).toarray()
    array([[1., 1., 0.]])
    """
    plain = sparse.csr_array(covers).astype(np.float64)
    plain.eliminate_zeros()
    plain.data = np.ones(len(plain.data))
    table = merge_alike(plain)
    table.data[:] = 1.0
    rows = table.shape[0]
    if rows > _PAIR_ROWS:
        return table
    shared = sparse.coo_array(table @ table.T)
    size = np.diff(table.indptr)
    one, other = (np.asarray(part) for part in shared.coords)
    inside = (one != other) & (shared.data == size[one])  # all sites of `one` are sites of `other`
    keep = np.ones(rows, bool)
    keep[other[inside]] = False
    return sparse.csr_array(table[np.flatnonzero(keep)])


def fewest_sites(
    covers: sparse.csr_array,
    *,
    price: NDArray[np.float64] | None = None,
    enough: float | None = None,
    exact_entries: int = EXACT_ENTRIES,
) -> Choice:
    r"""
    Cover every demand that can be covered with the fewest or the cheapest sites.

    Parameters
    ----------
    covers : shape (demands, sites), nonzero where a site covers a demand.
    price : of opening each site, above zero; 1 each when None.
    enough : the search ends as soon as it is known whether so many (or so much) do.
    exact_entries : tables with more entries are not solved exactly.

    Returns
    -------
    The sites; their number (or price) as value, and a lower bound of it.

    Raises
    ------
    StudyError
        If a price is zero, negative or not a number.

    Notes
    -----
    :math:`\min \sum_j c_j y_j` with :math:`\sum_{j \in N_i} y_j \ge 1` for each demand [1]_.

    References
    ----------
    .. [1] Toregas, C., Swain, R., ReVelle, C., Bergman, L. (1971). The location of emergency service
       facilities. Operations Research 19(6), 1363-1373.

    Examples
    --------
    >>> found = fewest_sites(sparse.csr_array(np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]])))
    >>> found.sites.tolist(), found.value, found.bound
    ([0, 1], 2.0, 2.0)
    """
    cost = np.ones(covers.shape[1]) if price is None else np.asarray(price, dtype=np.float64)
    if len(cost) != covers.shape[1] or not (np.isfinite(cost) & (cost > 0)).all():
        raise StudyError("price: give one for each site, above zero")
    table = needed_rows(covers)
    found = cover_all(table, cost)
    value = float(cost[found].sum())
    if enough is not None and value <= enough:
        return Choice(found, value, 0.0)
    bound = _bound(table, cost, unit=price is None)
    told = enough is not None and bound > enough
    if bound >= value or told or table.nnz > exact_entries:
        return Choice(found, value, min(bound, value))
    answer = solve(
        objective=cost,
        matrix=table,
        low=np.ones(table.shape[0]),
        high=np.full(table.shape[0], np.inf),
        sites=len(cost),
        branches=BRANCHES,
    )
    if answer.chosen is not None and float(cost[answer.chosen].sum()) < value:
        found, value = answer.chosen, float(cost[answer.chosen].sum())
    lower = value if answer.optimal else max(bound, _whole(answer.bound, unit=price is None))
    return Choice(found, value, min(lower, value))


def cover_all(covers: sparse.csr_array, price: NDArray[np.float64]) -> NDArray[np.int64]:
    """
    Cover every demand, each time with the site that covers most for its price.

    Parameters
    ----------
    covers : shape (demands, sites), 1 where a site covers a demand; no demand without any.
    price : of each site, above zero.

    Returns
    -------
    Site numbers, ascending; none can be left out.
    """
    by_site = sparse.csc_array(covers)
    left, chosen = np.ones(covers.shape[0]), []
    while left.any():
        best = int(np.argmax(by_site.T @ left / price))
        chosen.append(best)
        left[by_site.indices[by_site.indptr[best] : by_site.indptr[best + 1]]] = 0.0
    # A site of the beginning may have become superfluous; the dearest go first.
    count = np.bincount(
        np.concatenate([_of(by_site, s) for s in chosen]) if chosen else np.zeros(0, np.int64),
        minlength=covers.shape[0],
    )
    for site in sorted(chosen, key=lambda s: (-price[s], s)):
        if (count[_of(by_site, site)] > 1).all():
            count[_of(by_site, site)] -= 1
            chosen.remove(site)
    return np.sort(np.array(chosen, dtype=np.int64))


def _of(by_site: sparse.csc_array, site: int) -> NDArray[np.int64]:
    rows = by_site.indices[by_site.indptr[site] : by_site.indptr[site + 1]]
    return np.asarray(rows, dtype=np.int64)


def _bound(table: sparse.csr_array, price: NDArray[np.float64], *, unit: bool) -> float:
    """Bound the price from below: linear relaxation, or Lagrangean of large tables."""
    if table.shape[0] == 0:
        return 0.0
    if table.nnz <= _LINEAR_ENTRIES:
        answer = solve(
            objective=price,
            matrix=table,
            low=np.ones(table.shape[0]),
            high=np.full(table.shape[0], np.inf),
            sites=len(price),
            branches=BRANCHES,
            relaxed=True,
        )
        return _whole(answer.bound, unit=unit)
    return _whole(_lagrangean(table, price), unit=unit)


def _lagrangean(table: sparse.csr_array, price: NDArray[np.float64]) -> float:
    """Bound the price from below: demands pay, and sites that are paid more than they cost open."""
    by_site = sparse.csr_array(table.T)
    # Each demand begins by paying its part of its cheapest site: no site is paid more than it costs.
    share = price / np.maximum(np.diff(by_site.indptr), 1)
    pays = np.minimum.reduceat(share[table.indices], table.indptr[:-1])
    best, pace, since = 0.0, 1.0, 0
    upper = float(price[cover_all(table, price)].sum())
    for _ in range(_STEPS):
        left = price - by_site @ pays
        total = float(pays.sum() + np.minimum(left, 0.0).sum())
        best, since = (total, 0) if total > best * (1 + 1e-6) else (max(best, total), since + 1)
        slope = 1.0 - table @ (left < 0).astype(np.float64)
        size = float((slope**2).sum())
        if size == 0 or best >= upper:
            break
        if since >= 15:  # noqa: PLR2004 - steps without progress
            pace, since = pace / 2, 0
        pays = np.maximum(pays + slope * pace * max(upper - total, 1e-9) / size, 0.0)
    return min(best, upper)


def _whole(bound: float, *, unit: bool) -> float:
    """Numbers of sites are whole; the margin is that of the solver."""
    return float(np.ceil(bound - 1e-6)) if unit else bound - 1e-6 * abs(bound)
