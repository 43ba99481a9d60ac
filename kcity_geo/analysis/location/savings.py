"""
Choose a few sites so that people save the most: the optimiser behind MCLP and p-median.

Both are one problem. A table holds what each demand gains from each site over what it has today; a
demand takes the best of the open sites, and the sum over all demands is to be large. Covering people
(MCLP) gains their weight where the site is near enough; shortening ways (p-median) gains weight times
the minutes saved. What exists today is in the gains already and so stays open.

A chain of best additions and exchanges finds good sites, Lagrangean relaxation proves how good they
are and rules sites out, and what is left goes to an exact solver where it fits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.location.solver import Answer, solve
from kcity_geo.errors import StudyError

__all__ = ["Choice", "best_sites", "greedy_order", "merge_alike"]

#: Entries of a table that the exact solver takes, and branches that it may look at.
EXACT_ENTRIES = 60_000
BRANCHES = 4_000
#: Chains of additions at random, fewer for tables of more than so many entries, and steps of the bound.
RESTARTS = ((200_000, 6), (1_500_000, 2))
BOUND_STEPS = 300
#: Two totals this close, as a share, are equal.
SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Choice:
    """
    Sites that were chosen, and how good they are proved to be.

    Parameters
    ----------
    sites : column numbers of the chosen sites, ascending.
    value : what they achieve, in the unit of the table.
    bound : no choice of sites does better than this: an upper bound where more is better, a lower
        bound where less is.
    """

    sites: NDArray[np.int64]
    value: float
    bound: float

    @property
    def proved(self) -> bool:
        """Whether no choice can do better."""
        return abs(self.bound - self.value) <= SAME * max(abs(self.bound), abs(self.value), 1e-12)

    @property
    def short_share(self) -> float:
        """By how much the best possible may be better, as a share of it; 0 when proved."""
        best = max(abs(self.bound), abs(self.value))
        return 0.0 if self.proved or best == 0 else abs(self.bound - self.value) / best


@dataclass(frozen=True, eq=False)
class _Table:
    """Savings by site, and what opening sites costs; entry e is saved by `row[e]` at `site[e]`."""

    row: NDArray[np.int64]
    site: NDArray[np.int64]
    saved: NDArray[np.float64]
    rows: int
    price: NDArray[np.float64]
    budget: float

    @property
    def sites(self) -> int:
        return len(self.price)

    def gains(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum, for each site, of what it saves above a level that each row has already."""
        above = np.maximum(self.saved - level[self.row], 0.0)
        gains = np.bincount(self.site, weights=above, minlength=self.sites)
        return np.asarray(gains, dtype=np.float64)

    def level(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give what each row saves with these sites."""
        found = np.zeros(self.rows)
        use = np.isin(self.site, chosen)
        np.maximum.at(found, self.row[use], self.saved[use])
        return found

    def value(self, chosen: NDArray[np.int64]) -> float:
        """Sum what all rows save."""
        return float(self.level(chosen).sum())

    def left(self, chosen: NDArray[np.int64]) -> float:
        """Budget that is left."""
        return self.budget - float(self.price[chosen].sum())

    def only(self, keep: NDArray[np.bool_]) -> tuple[_Table, NDArray[np.int64]]:
        """Leave out sites; give their old numbers too."""
        number = np.cumsum(keep) - 1
        use = keep[self.site]
        table = replace(
            self,
            row=self.row[use],
            site=number[self.site[use]],
            saved=self.saved[use],
            price=self.price[keep],
        )
        return table, np.flatnonzero(keep)


def merge_alike(savings: sparse.csr_array) -> sparse.csr_array:
    """
    Put demands together that gain from the same sites in the same proportion.

    Parameters
    ----------
    savings : shape (demands, sites), zero or more.

    Returns
    -------
    Shape (kinds, sites); every choice of sites saves the same in it. Demands that gain nowhere are
    left out.

    Examples
    --------
    >>> table = sparse.csr_array(np.array([[2.0, 1], [4, 2], [0, 3], [0, 0]]))
    >>> merge_alike(table).toarray().tolist()
    [[6.0, 3.0], [0.0, 3.0]]
    """
    table = sparse.csr_array(savings).astype(np.float64)
    table.eliminate_zeros()
    table.sort_indices()
    kinds: dict[bytes, int] = {}
    weights: list[list[float]] = []
    shape: list[tuple[NDArray[np.int32], NDArray[np.float64]]] = []
    for low, high in zip(table.indptr[:-1], table.indptr[1:], strict=True):
        if low == high:
            continue
        saved, sites = table.data[low:high], table.indices[low:high]
        top = float(saved.max())
        part = np.round(saved / top, 12)
        key = sites.tobytes() + part.tobytes()
        if key not in kinds:
            kinds[key] = len(weights)
            weights.append([])
            shape.append((sites, saved / top))
        weights[kinds[key]].append(top)
    # Neither the order of the kinds nor their sums depend on the order of the demands.
    order = [kinds[key] for key in sorted(kinds)]
    weight = [math.fsum(of_kind) for of_kind in weights]
    sizes = [len(shape[k][0]) for k in order]
    parts: Any = (
        np.concatenate([shape[k][1] * weight[k] for k in order]) if order else np.zeros(0),
        np.concatenate([shape[k][0] for k in order]) if order else np.zeros(0, np.int32),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
    )
    return sparse.csr_array(parts, shape=(len(order), table.shape[1]))


def best_sites(
    savings: sparse.csr_array,
    p: int | None,
    *,
    price: NDArray[np.float64] | None = None,
    budget: float | None = None,
    exact_entries: int = EXACT_ENTRIES,
    seed: int = 0,
) -> Choice:
    r"""
    Choose the sites that save the most.

    Parameters
    ----------
    savings : shape (demands, sites), what each demand gains from each site, zero or more.
    p : how many sites at most; None: as many as the budget pays for.
    price : of opening each site, zero or more; 1 each when None.
    budget : for all of them together; then `p` is not used.
    exact_entries : tables with more entries, after sites were ruled out, are not solved exactly.
    seed : of the random restarts.

    Returns
    -------
    The sites, what they save, and an upper bound of what any choice saves. Fewer sites than `p` are
    chosen where no further one saves anything.

    Raises
    ------
    StudyError
        If `p` is below 1, or a price or a saving is negative or not a number.

    Notes
    -----
    :math:`\max_{|S| \le p} \sum_i \max_{j \in S} s_{ij}`. Greedy additions reach at least
    :math:`1 - 1/e` of it [1]_; exchanges are those of Teitz and Bart, evaluated all at once as by
    Resende and Werneck [2]_. Upper bound for every :math:`\lambda \ge 0`:
    :math:`\sum_i \lambda_i + \max_{|S| \le p} \sum_{j \in S} \sum_i (s_{ij} - \lambda_i)^+`.

    References
    ----------
    .. [1] Nemhauser, G., Wolsey, L., Fisher, M. (1978). An analysis of approximations for maximizing
       submodular set functions. Mathematical Programming 14, 265-294.
    .. [2] Resende, M., Werneck, R. (2007). A fast swap-based local search procedure for location
       problems. Annals of Operations Research 150, 205-230.

    Examples
    --------
    >>> covers = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 1]])
    >>> people = np.array([10.0, 10, 10, 10, 9, 9])
    >>> found = best_sites(sparse.csr_array(covers * people[:, None]), 2)
    >>> found.sites.tolist(), found.value, found.proved
    ([1, 2], 58.0, True)
    """
    if budget is None and (p is None or p < 1):
        raise StudyError(f"p: {p} is no number of sites, give 1 or more")
    given = sparse.csr_array(savings)
    if not np.isfinite(given.data).all() or (given.data < 0).any():
        raise StudyError("savings: every one must be a number, zero or more")
    room = float(p) if budget is None and p is not None else float(budget or 0.0)
    table = _table(merge_alike(given), price if budget is not None else None, room)
    start = _heuristic(table, seed)
    value = table.value(start)
    bound, keep, forced = _bound(table, value, unit=budget is None)
    choice = Choice(start, value, max(bound, value))
    if choice.proved:
        return choice
    keep[start] = True
    small, names = table.only(keep)
    if len(small.saved) > exact_entries:
        return choice
    answer = _exact(small, forced[keep])
    if answer.chosen is not None:
        exact = names[answer.chosen]
        if table.value(exact) > value * (1 + SAME):
            choice = Choice(exact, table.value(exact), choice.bound)
    # Sites were ruled out because they cannot beat the start, not because they cannot equal it.
    best = max(min(choice.bound, answer.bound), choice.value)
    return replace(choice, bound=choice.value if answer.optimal else best)


def greedy_order(savings: sparse.csr_array, sites: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    Put sites in the order of what each adds to those before it.

    Parameters
    ----------
    savings : shape (demands, sites).
    sites : numbers of the sites.

    Returns
    -------
    The sites without those that add nothing; of equals the lower number first.

    Examples
    --------
    >>> greedy_order(sparse.csr_array(np.array([[2.0, 0, 2], [0, 3, 3]])), np.array([0, 1, 2])).tolist()
    [2]
    """
    table = _table(savings, None, 1.0)
    left, order = sorted(int(s) for s in sites), []
    level = np.zeros(table.rows)
    while left:
        gain = table.gains(level)[left]
        if not gain.max() > SAME * max(float(level.sum()), SAME):
            break
        order.append(left.pop(int(np.argmax(gain))))
        level = np.maximum(level, table.level(np.array(order[-1:])))
    return np.array(order, dtype=np.int64)


def _table(savings: sparse.csr_array, price: NDArray[np.float64] | None, budget: float) -> _Table:
    found = sparse.coo_array(savings)
    cost = np.ones(found.shape[1]) if price is None else np.asarray(price, dtype=np.float64)
    if len(cost) != found.shape[1] or not (cost >= 0).all():
        raise StudyError("price: give one for each site, zero or more")
    row, site = (np.asarray(part, dtype=np.int64) for part in found.coords)
    saved = np.asarray(found.data, dtype=np.float64)
    return _Table(row, site, saved, found.shape[0], cost, budget)


# --- good sites ------------------------------------------------------------------------------


def _heuristic(table: _Table, seed: int) -> NDArray[np.int64]:
    """
    Give the best of some chains.

    A chain for p sites is the start of the chain for p + 1: one more site never makes it worse.
    """
    best, top = np.zeros(0, np.int64), -1.0
    restarts = next((n for most, n in RESTARTS if len(table.saved) <= most), 1)
    for number in range(1 + restarts):
        random = np.random.default_rng((seed, number)) if number else None
        found = _chain(table, random)
        value = table.value(found)
        if value > top * (1 + SAME):
            best, top = found, value
    return np.sort(best)


def _chain(table: _Table, random: np.random.Generator | None) -> NDArray[np.int64]:
    chosen = np.zeros(0, np.int64)
    while True:
        gain = table.gains(table.level(chosen))
        gain[chosen] = 0.0
        gain[table.price > table.left(chosen) + SAME] = 0.0
        worth = gain / np.maximum(table.price, 1e-12)
        open_ones = int((worth > 0).sum())
        if open_ones == 0:
            return chosen
        # At random: one of the best three.
        nth = 0 if random is None else int(random.integers(min(3, open_ones)))
        chosen = np.append(chosen, np.argsort(-worth, kind="stable")[nth])
        chosen = _exchanged(table, chosen)


def _exchanged(table: _Table, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Swap one site against another for as long as that helps."""
    chosen = chosen.copy()
    value = table.value(chosen)
    while True:
        profit = _swap_profits(table, chosen)
        left = table.left(chosen)
        fits = table.price[None, :] <= left + table.price[chosen][:, None] + SAME
        profit = np.where(fits, profit, -np.inf)
        profit[:, chosen] = -np.inf
        out, into = np.unravel_index(int(np.argmax(profit)), profit.shape)
        if not profit[out, into] > SAME * max(value, 1e-12):
            return chosen
        chosen[out] = into
        value = table.value(chosen)


def _swap_profits(table: _Table, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute what each swap gains, shape (chosen, sites): site out, site in."""
    place = np.full(table.sites, -1)
    place[chosen] = np.arange(len(chosen))
    mine = place[table.site] >= 0
    row, slot, saved = table.row[mine], place[table.site[mine]], table.saved[mine]
    order = np.lexsort((slot, -saved, row))
    row, slot, saved = row[order], slot[order], saved[order]
    nth = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    best, second, owner = np.zeros(table.rows), np.zeros(table.rows), np.full(table.rows, -1)
    first = nth == 0
    best[row[first]], owner[row[first]] = saved[first], slot[first]
    second[row[nth == 1]] = saved[nth == 1]
    gain = table.gains(best)
    has = owner >= 0
    loss = np.bincount(owner[has], weights=(best - second)[has], minlength=len(chosen))
    # Who loses the best site may find the new one better than the second.
    rest = np.clip(table.saved, second[table.row], best[table.row]) - second[table.row]
    whose = owner[table.row]
    use = (whose >= 0) & (rest > 0)
    back = np.bincount(
        whose[use] * table.sites + table.site[use],
        weights=rest[use],
        minlength=len(chosen) * table.sites,
    ).reshape(len(chosen), table.sites)
    return np.asarray(gain[None, :] - loss[:, None] + back)


# --- how good they are -----------------------------------------------------------------------


def _bound(
    table: _Table, value: float, *, unit: bool
) -> tuple[float, NDArray[np.bool_], NDArray[np.bool_]]:
    """Bound what any choice saves; tell which sites may help to beat `value`, and which must."""
    n, p = table.sites, int(table.budget)
    keep, forced = np.ones(n, bool), np.zeros(n, bool)
    price = np.zeros(table.rows)
    np.maximum.at(price, table.row, table.saved)
    best, price = float(price.sum()), price / 2.0
    pace, since = 1.5, 0
    for _ in range(BOUND_STEPS):
        gain = table.gains(price)
        order = np.argsort(-gain, kind="stable")
        share = _packed(table, gain, order, unit=unit)
        upper = float(price.sum() + (gain * share).sum())
        if upper < best * (1 - 1e-7):
            best, since = upper, 0
        else:
            best, since = min(best, upper), since + 1
        if unit and n > p:
            limit = value * (1 - SAME)
            keep &= upper - gain[order[p - 1]] + gain >= limit
            inside = share > 0
            forced |= inside & (upper - gain + gain[order[p]] < limit)
        slope = 1.0 - np.bincount(
            table.row,
            weights=share[table.site] * (table.saved > price[table.row]),
            minlength=table.rows,
        )
        slope[(price <= 0) & (slope > 0)] = 0.0
        size = float((slope**2).sum())
        if size == 0 or best <= value * (1 + SAME):
            break
        if since >= 15:  # noqa: PLR2004 - steps without progress
            pace, since = pace / 2, 0
        price = np.maximum(price - slope * pace * max(upper - value, 1e-12 * value) / size, 0.0)
    return best, keep | forced, forced


def _packed(
    table: _Table, gain: NDArray[np.float64], order: NDArray[np.int64], *, unit: bool
) -> NDArray[np.float64]:
    """Share of each site that fits in when the best are taken first, 0 to 1."""
    share = np.zeros(table.sites)
    if unit:
        share[order[: int(table.budget)]] = 1.0
        return share
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.where(table.price > 0, gain / table.price, np.where(gain > 0, np.inf, 0.0))
    order = np.argsort(-worth, kind="stable")
    before = np.cumsum(table.price[order]) - table.price[order]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(table.price[order] > 0, (table.budget - before) / table.price[order], 1.0)
    share[order] = np.clip(part, 0.0, 1.0)
    return share


def _exact(table: _Table, forced: NDArray[np.bool_]) -> Answer:
    """
    Solve the model exactly.

    The savings of a row fall from site to site. ``reach[i, k]`` says that one of the sites up to
    the k-th largest saving of row i is open (radius formulation); with one level a row this is the
    plain covering model.
    """
    order = np.lexsort((table.site, -table.saved, table.row))
    row, site, saved = table.row[order], table.site[order], table.saved[order]
    new_row = np.ones(len(row), bool)
    new_row[1:] = row[1:] != row[:-1]
    new_level = new_row.copy()
    new_level[1:] |= saved[1:] < saved[:-1]
    level = np.cumsum(new_level) - 1
    levels = int(level[-1]) + 1 if len(level) else 0
    start = np.flatnonzero(new_level)
    height, first = saved[start], new_row[start]
    # What reaching a level adds to the next lower one of the same row.
    below = np.zeros(levels)
    below[:-1] = np.where(first[1:], 0.0, height[1:])
    n = table.sites
    later = np.flatnonzero(~first)
    rows = np.concatenate([np.arange(levels), later, level, np.full(n, levels)])
    columns = np.concatenate([n + np.arange(levels), n + later - 1, site, np.arange(n)])
    entries = np.concatenate(
        [np.ones(levels), -np.ones(len(later)), -np.ones(len(site)), table.price]
    )
    matrix = sparse.csr_array((entries, (rows, columns)), shape=(levels + 1, n + levels))
    return solve(
        objective=-np.concatenate([np.zeros(n), height - below]),
        matrix=matrix,
        low=np.full(levels + 1, -np.inf),
        high=np.append(np.zeros(levels), table.budget),
        sites=n,
        open_ones=forced,
        branches=BRANCHES,
        bigger_is_better=True,
    )
