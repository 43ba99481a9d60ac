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
_LINEAR_ENTRIES = 400_000


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
    exact_entries: int = EXACT_ENTRIES,
) -> Choice:
    r"""
    Cover every demand that can be covered with the fewest or the cheapest sites.

    Parameters
    ----------
    covers : shape (demands, sites), nonzero where a site covers a demand.
    price : of opening each site, above zero; 1 each when None.
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
    value, bound = float(cost[found].sum()), _bound(table, cost, unit=price is None)
    if bound >= value or table.nnz > exact_entries:
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
    """Bound the price from below: linear relaxation, or demands that share no site."""
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
    total, used = 0.0, np.zeros(len(price), bool)
    for row in np.argsort(np.diff(table.indptr), kind="stable"):
        sites = table.indices[table.indptr[row] : table.indptr[row + 1]]
        if not used[sites].any():
            used[sites] = True
            total += float(price[sites].min())
    return total


def _whole(bound: float, *, unit: bool) -> float:
    """Numbers of sites are whole; the margin is that of the solver."""
    return float(np.ceil(bound - 1e-6)) if unit else bound - 1e-6 * abs(bound)
