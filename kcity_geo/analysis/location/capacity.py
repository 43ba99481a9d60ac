"""Choose sites that can serve so many people each: people may be divided between sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.location.savings import BRANCHES, EXACT_ENTRIES, Choice
from kcity_geo.analysis.location.solver import Answer, solve
from kcity_geo.errors import StudyError

__all__ = ["Capacities", "best_sites_with_capacity", "divided"]


@dataclass(frozen=True, eq=False)
class Capacities:
    """
    What sites hold and cost.

    Parameters
    ----------
    capacity : people that each site can serve; inf: any number.
    exists : which sites stand already: they are open and count neither in `p` nor in the budget.
    price : of opening each site; None: 1 each.
    """

    capacity: NDArray[np.float64]
    exists: NDArray[np.bool_]
    price: NDArray[np.float64] | None = None


def divided(
    savings: sparse.csr_array,
    people: NDArray[np.float64],
    capacity: NDArray[np.float64],
    sites: NDArray[np.int64],
) -> tuple[float, sparse.csr_array]:
    """
    Divide the people among open sites so that they gain the most.

    Parameters
    ----------
    savings : shape (demands, sites), what all people of a demand gain from a site.
    people : shape (demands,).
    capacity : people that each site can serve.
    sites : numbers of the open sites.

    Returns
    -------
    What is gained, and the share of each demand that goes to each site, shape of `savings`.

    Examples
    --------
    >>> gain, share = divided(
    ...     sparse.csr_array([[100.0], [50.0]]), np.array([100.0, 50]), np.array([120.0]), np.array([0])
    ... )
    >>> gain
    120.0
    """
    table = sparse.coo_array(savings)
    row, site = (np.asarray(part) for part in table.coords)
    use = np.isin(site, sites)
    row, site, gain = row[use], site[use], table.data[use]
    if len(row) == 0:
        return 0.0, sparse.csr_array(savings.shape, dtype=np.float64)
    rows, columns = savings.shape
    bound = np.isfinite(capacity)[site]
    entry = np.arange(len(row))
    matrix = sparse.csr_array(
        (
            np.concatenate([np.ones(len(row)), people[row[bound]]]),
            (
                np.concatenate([row, rows + site[bound]]),
                np.concatenate([entry, entry[bound]]),
            ),
        ),
        shape=(rows + columns, len(row)),
    )
    high = np.concatenate([np.ones(rows), np.where(np.isfinite(capacity), capacity, np.inf)])
    answer = solve(
        objective=-gain,
        matrix=matrix,
        low=np.full(len(high), -np.inf),
        high=high,
        sites=0,
        branches=BRANCHES,
        relaxed=True,
    )
    share = np.zeros(len(row)) if answer.columns is None else np.clip(answer.columns, 0.0, 1.0)
    shares = sparse.csr_array((share, (row, site)), shape=savings.shape)
    return float((gain * share).sum()), shares


def best_sites_with_capacity(
    savings: sparse.csr_array,
    people: NDArray[np.float64],
    limits: Capacities,
    *,
    p: int | None,
    budget: float | None = None,
    exact_entries: int = EXACT_ENTRIES,
) -> Choice:
    r"""
    Choose the sites that save the most when each can serve only so many people.

    Parameters
    ----------
    savings : shape (demands, sites), what all people of a demand gain from a site, zero or more.
    people : shape (demands,), who take up the capacity.
    limits : capacities, prices, and which sites stand already.
    p : how many new sites at most; None: as many as the budget pays for.
    budget : for all new sites together; then `p` is not used.
    exact_entries : tables with more entries are not solved exactly: the sites are then those that
        are open most in the linear relaxation, exchanged for better ones while that helps.

    Returns
    -------
    The new sites, what new and old save together, and an upper bound of it.

    Raises
    ------
    StudyError
        If a capacity is negative or not a number, or neither `p` nor a budget is given.

    Examples
    --------
    >>> limits = Capacities(np.array([60.0, 100]), np.array([False, False]))
    >>> people = np.array([100.0, 80])
    >>> found = best_sites_with_capacity(
    ...     sparse.csr_array(np.array([[100.0, 0], [80, 80]])), people, limits, p=1
    ... )
    >>> found.sites.tolist(), found.value
    ([1], 80.0)
    """
    if budget is None and (p is None or p < 1):
        raise StudyError(f"p: {p} is no number of sites, give 1 or more")
    if not (limits.capacity >= 0).all():
        raise StudyError("capacity: give the people that each site can serve, zero or more")
    model = _Model(sparse.coo_array(savings), people, limits, float(p or 0), budget)
    if len(model.row) == 0:
        return Choice(np.zeros(0, np.int64), 0.0, 0.0)
    exact = len(model.row) <= exact_entries
    answer = model.solved(relaxed=not exact)
    old = np.flatnonzero(limits.exists)
    open_share = np.zeros(len(limits.capacity)) if answer.columns is None else answer.columns
    if answer.chosen is None or not exact:
        chosen = model.rounded(open_share[: len(limits.capacity)])
    else:
        chosen = np.flatnonzero((open_share[: len(limits.capacity)] > 0.5) & ~limits.exists)  # noqa: PLR2004 - a half
    value, shares = divided(savings, people, limits.capacity, np.concatenate([chosen, old]))
    # Who is opened and serves nobody is not needed.
    served = np.asarray(shares.sum(axis=0)) > 0
    chosen = chosen[served[chosen]]
    bound = value if exact and answer.optimal else max(answer.bound, value)
    return Choice(chosen, value, bound)


@dataclass(frozen=True, eq=False)
class _Model:
    """Sites first, then the share of each demand at each site."""

    table: sparse.coo_array
    people: NDArray[np.float64]
    limits: Capacities
    p: float
    budget: float | None

    @property
    def row(self) -> NDArray[np.int64]:
        return np.asarray(self.table.coords[0], dtype=np.int64)

    @property
    def price(self) -> NDArray[np.float64]:
        """Price of each new site in what the limit counts; what stands costs nothing."""
        one = np.ones(len(self.limits.capacity))
        price = one if self.budget is None or self.limits.price is None else self.limits.price
        return np.where(self.limits.exists, 0.0, price)

    @property
    def room(self) -> float:
        return self.p if self.budget is None else self.budget

    def solved(self, *, relaxed: bool) -> Answer:
        """Solve the model."""
        row, site = self.row, np.asarray(self.table.coords[1], dtype=np.int64)
        rows, n = self.table.shape
        entry = n + np.arange(len(row))
        bound = np.flatnonzero(np.isfinite(self.limits.capacity))
        full = np.isfinite(self.limits.capacity)[site]
        # Each demand at most once; only at open sites; no more than they hold; within the budget.
        at_open = rows + np.arange(len(row))
        hold = rows + len(row)
        matrix = sparse.csr_array(
            (
                np.concatenate([
                    np.ones(len(row)), np.ones(len(row)), -np.ones(len(row)),
                    self.people[row[full]], -self.limits.capacity[bound], self.price,
                ]),
                (
                    np.concatenate([
                        row, at_open, at_open, hold + site[full], hold + bound,
                        np.full(n, hold + n),
                    ]),
                    np.concatenate([entry, entry, site, entry[full], bound, np.arange(n)]),
                ),
            ),
            shape=(hold + n + 1, n + len(row)),
        )  # fmt: skip
        high = np.concatenate([np.ones(rows), np.zeros(len(row) + n), [self.room]])
        return solve(
            objective=-np.concatenate([np.zeros(n), self.table.data]),
            matrix=matrix,
            low=np.full(len(high), -np.inf),
            high=high,
            sites=n,
            open_ones=self.limits.exists,
            branches=BRANCHES,
            bigger_is_better=True,
            relaxed=relaxed,
        )

    def rounded(self, share: NDArray[np.float64]) -> NDArray[np.int64]:
        """Open the sites that are open most in the relaxation, for as long as they can be paid."""
        chosen, left = [], self.room
        for site in np.argsort(-share, kind="stable"):
            if not self.limits.exists[site] and share[site] > 0 and self.price[site] <= left + 1e-9:
                chosen.append(int(site))
                left -= float(self.price[site])
        return np.array(sorted(chosen), dtype=np.int64)
