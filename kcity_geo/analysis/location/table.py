"""Locate on a table of costs that somebody brings: the same four methods, without a city."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from kcity_geo.analysis.location.centre import shortest_longest_way
from kcity_geo.analysis.location.covering import fewest_sites
from kcity_geo.analysis.location.locate import check_question
from kcity_geo.analysis.location.question import SLACK, one_each
from kcity_geo.analysis.location.savings import Choice, best_sites
from kcity_geo.analysis.location.services import check_above_zero
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell

__all__ = ["locate_table"]


def locate_table(  # noqa: PLR0913 - a question in its parts, all named
    cost: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    method: str = "mclp",
    p: int | None = None,
    within: float | None = None,
    today: ArrayLike | None = None,
    price: ArrayLike | None = None,
    budget: float | None = None,
    seed: int = 0,
) -> Choice:
    """
    Choose sites from a table of costs, such as travel times of another program.

    Parameters
    ----------
    cost : shape (demands, sites), zero or more, in any unit; inf: no way.
    weight : shape (demands,), zero or more, such as people; 1 each when None.
    method : ``mclp``, ``p_median``, ``lscp`` or ``p_centre``, as for `kcity_geo.locate`.
    p : how many sites at most; not for ``lscp``, nor with a budget.
    within : largest cost that is near enough, for ``mclp`` and ``lscp``; the boundary counts as within.
    today : shape (demands,), cost to what exists, inf without; None: nothing exists.
    price : of a site, one number or one for each; not for ``p_centre``.
    budget : for all sites, instead of `p`; for ``mclp`` and ``p_median``.
    seed : of the search where the exact solver does not fit.

    Returns
    -------
    Column numbers of the sites, and value and bound: the weight that comes within (``mclp``), the sum of
    weight times cost (``p_median``), the number or price of the sites (``lscp``), the longest way
    (``p_centre``). Who has no way to any place does not count; for ``p_median`` a way that is missing
    counts twice the longest one.

    Raises
    ------
    StudyError
        If an argument makes no sense or the shapes do not fit.

    Warns
    -----
    KCityWarning
        If no site reaches some demands, or fewer sites than `p` do all that can be done.

    Examples
    --------
    >>> place = np.array([0.0, 1, 4, 9, 10])
    >>> found = locate_table(np.abs(place[:, None] - place), method="p_median", p=2)
    >>> found.sites.tolist(), found.value, found.proved
    ([1, 3], 5.0, True)
    """
    check_question(method=method, p=p, price=price, budget=budget)
    table = _numbers("cost", cost)
    if table.ndim != 2 or 0 in table.shape:  # noqa: PLR2004 - a table
        raise StudyError(f"cost: give a row a demand and a column a site, got shape {table.shape}")
    rows, columns = table.shape
    mass = np.ones(rows) if weight is None else _of_rows("weight", weight, rows)
    now = np.full(rows, np.inf) if today is None else _of_rows("today", today, rows)
    if not np.isfinite(mass).all():
        raise StudyError("weight: every one must be a finite number")
    each = one_each(price, np.arange(columns), "price")
    counts = mass > 0
    number = None if p is None else int(p)
    least = np.minimum(now, table.min(axis=1))[counts]
    if method in {"p_centre", "p_median"}:
        _tell_out_of_reach(least, mass[counts], None)
    if method == "p_centre":
        return shortest_longest_way(table[counts], number or 0, today=now[counts])
    if method == "p_median":
        found = _median(table, mass, now, p=number, price=each, budget=budget, seed=seed)
        return _told_fewer(found, number)
    if within is None:
        raise StudyError(f"within: {method} needs the largest cost that is near enough")
    check_above_zero("within", within)
    _tell_out_of_reach(least, mass[counts], within)
    near = (table <= within + SLACK) & (counts & (now > within + SLACK))[:, None]
    if method == "lscp":
        return fewest_sites(sparse.csr_array(near), price=each)
    chosen = best_sites(
        sparse.csr_array(near * mass[:, None]), number, price=each, budget=budget, seed=seed
    )
    return _told_fewer(chosen, number)


def _tell_out_of_reach(
    least: NDArray[np.float64], mass: NDArray[np.float64], within: float | None
) -> None:
    """Tell how many demands no site and nothing of today reaches."""
    limit = np.inf if within is None else within + SLACK
    lost = ~np.isfinite(least) | (least > limit)
    if lost.any():
        near = (
            "without a way to any site"
            if within is None
            else f"more than {within:g} from every site"
        )
        tell(
            f"locate_table: {int(lost.sum()):,} of {len(lost):,} demands ({mass[lost].sum():,.6g} of the weight of "
            f"{mass.sum():,.6g}) lie {near}; nothing reaches them",
            stacklevel=3,
        )


def _told_fewer(found: Choice, asked: int | None) -> Choice:
    """Tell that fewer sites than asked for are chosen, as no further one adds anything."""
    if asked is not None and len(found.sites) < asked:
        tell(
            f"locate_table: {asked:,} asked for, {len(found.sites):,} chosen: no further one adds anything",
            stacklevel=3,
        )
    return found


def _numbers(name: str, given: ArrayLike) -> NDArray[np.float64]:
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StudyError(f"{name}: give numbers ({error})") from error
    if np.isnan(found).any() or (found < 0).any():
        raise StudyError(
            f"{name}: every one must be a number, zero or more; inf where there is none"
        )
    return found


def _of_rows(name: str, given: ArrayLike, rows: int) -> NDArray[np.float64]:
    found = _numbers(name, given)
    if found.shape != (rows,):
        raise StudyError(
            f"{name}: give one number for each of the {rows} demands, got {found.shape}"
        )
    return found


def _median(  # noqa: PLR0913 - parts of a question, all named
    table: NDArray[np.float64],
    mass: NDArray[np.float64],
    now: NDArray[np.float64],
    *,
    p: int | None,
    price: NDArray[np.float64] | None,
    budget: float | None,
    seed: int,
) -> Choice:
    """Turn ways into savings over those of today, and the savings back into ways."""
    use = (mass > 0) & np.isfinite(np.minimum(now, table.min(axis=1)))
    if not use.any():
        raise StudyError("cost: nobody who counts has a way to any site")
    ways, mass, now = table[use], mass[use], now[use]
    ends = np.concatenate([ways[np.isfinite(ways)], now[np.isfinite(now)]])
    before = np.minimum(now, 2.0 * ends.max())
    saved = np.maximum(before[:, None] - ways, 0.0) * mass[:, None]
    found = best_sites(sparse.csr_array(saved), p, price=price, budget=budget, seed=seed)
    total = float((mass * before).sum())
    return Choice(found.sites, total - found.value, total - found.bound)
