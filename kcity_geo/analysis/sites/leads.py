"""
Leads: for which weights a site is first, and how small a change of weights ends a lead.

The weakest tenth of a site bends as weights move, so leads are looked for in steps and halved down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.sites.weighed import SiteTable
from kcity_geo.analysis.suitability.robustness import lead_interval

__all__ = ["flip_changes", "lead_intervals"]

#: Steps of a weight from 0 to 1, and of a move of all weights.
_STEPS, _MOVES = 100, 50
_HALVINGS = 20
_LEVEL = 1e-12
#: How far the weights are moved towards one criterion to see what each rival gains by it.
_LOOKS = (0.0, 0.3, 1.0)


def lead_intervals(table: SiteTable) -> list[list[tuple[float, float] | None]]:
    """
    Say for which values of one weight, the others scaled with it, a site is not behind any other.

    Parameters
    ----------
    table : of the sites.

    Returns
    -------
    For each site and criterion the lowest and highest weight of the stretch that holds the stated weight,
    or lies nearest to it; None where no value does it. Looked for in hundredths and where the straight
    part of the scores says so, ends halved down: a shorter lead may be missed.
    """
    columns = [_of_criterion(table, k) for k in range(len(table.used))]
    return [[column[i] for column in columns] for i in range(len(table.cells))]


def _moved(now: NDArray[np.float64], k: int, to: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights with number `k` at each of some values, the others in the proportion that they have."""
    if len(now) == 1:
        return np.ones((len(to), 1))
    rest = np.delete(now, k)
    rest = rest / rest.sum() if rest.sum() > 0 else np.full(len(rest), 1 / len(rest))
    return np.insert((1 - to)[:, None] * rest, k, to, axis=1)


def _level(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(scores >= scores.max(axis=1, keepdims=True) - _LEVEL)


def _of_criterion(table: SiteTable, k: int) -> list[tuple[float, float] | None]:
    now, n = table.weights / table.weights.sum(), len(table.cells)
    straight = [lead_interval(table.worth, now, criterion=k, site=i) for i in range(n)]
    middles = [(low + high) / 2 for low, high in filter(None, straight)]
    to = np.unique(np.clip([*np.linspace(0, 1, _STEPS + 1), now[k], *middles], 0, 1))
    first = _level(table.scores(_moved(now, k, to)))
    found: list[tuple[float, float] | None] = [None] * n
    ends: list[
        tuple[int, int, int]
    ] = []  # site, place where it is first, place beside where it is not
    for i in np.flatnonzero(first.any(axis=0)):
        low, high = _stretch(first[:, i], np.abs(to - now[k]))
        found[i] = (float(to[low]), float(to[high]))
        ends += [(int(i), low, low - 1)] if low > 0 else []
        ends += [(int(i), high, high + 1)] if high < len(to) - 1 else []
    if ends:
        site, at, beside = np.array(ends).T
        leading = np.flatnonzero(first.any(axis=0))  # others win nowhere in these steps
        column = np.searchsorted(leading, site)
        yes, no = to[at], to[beside]
        for _ in range(_HALVINGS):
            middle = (yes + no) / 2
            scores = table.scores(_moved(now, k, middle), leading.tolist())
            leads = _level(scores)[np.arange(len(site)), column]
            yes, no = np.where(leads, middle, yes), np.where(leads, no, middle)
        for i, where, old, new in zip(site, beside > at, at, yes, strict=True):
            span = found[i] or (to[old], to[old])
            found[i] = (span[0], float(new)) if where else (float(new), span[1])
    return found


def _stretch(first: NDArray[np.bool_], away: NDArray[np.float64]) -> tuple[int, int]:
    """First and last place of the stretch of True that comes nearest."""
    low = high = int(np.argmin(np.where(first, away, np.inf)))
    while low > 0 and first[low - 1]:
        low -= 1
    while high < len(first) - 1 and first[high + 1]:
        high += 1
    return low, high


def flip_changes(table: SiteTable, leader: int) -> NDArray[np.float64]:
    """
    Find small changes of all weights with which each site draws level with the first.

    Parameters
    ----------
    table : of the sites.
    leader : number of the first.

    Returns
    -------
    Sum of the absolute changes, a number a site: weight goes from where it gains least on the first to where
    it gains most, and the score is looked at on the way. Weights so near do make it level; where the weakest
    tenth bends, less may do. NaN for the first, and where no such move does it.
    """
    now, k = table.weights / table.weights.sum(), len(table.used)
    found = np.full(len(table.cells), np.inf)
    here = table.scores(now[None, :])[0]
    looks = [
        table.worth if look == 0 else here[:, None] + (_looked(table, now, look) - here).T / look
        for look in (_LOOKS if k > 1 else ())
    ]
    for i in range(len(found)):
        if i == leader:
            continue
        if here[i] >= here[leader] - _LEVEL:
            found[i] = 0.0
            continue
        for worth in looks if table.low.any() else looks[:1]:
            gain = worth[i] - worth[leader]
            if np.isfinite(gain).all():
                found[i] = min(found[i], _on_the_way(table, now, gain, pair=(i, leader)))
    return np.where(np.isfinite(found), found, np.nan)


def _looked(table: SiteTable, now: NDArray[np.float64], look: float) -> NDArray[np.float64]:
    return table.scores((1 - look) * now + look * np.eye(len(now)))


def _on_the_way(
    table: SiteTable, now: NDArray[np.float64], gain: NDArray[np.float64], *, pair: tuple[int, int]
) -> float:
    """Sum of absolute changes at which the first of a pair draws level with the second."""
    order = np.argsort(gain, kind="stable")
    order = order[order != order[-1]]
    best = int(np.argsort(gain, kind="stable")[-1])
    before = np.concatenate([[0.0], np.cumsum(now[order])[:-1]])

    def level(moved: NDArray[np.float64]) -> NDArray[np.bool_]:
        weights = np.tile(now, (len(moved), 1))
        weights[:, order] -= np.clip(moved[:, None] - before, 0.0, now[order])
        weights[:, best] += moved
        two = table.scores(np.maximum(weights, 0.0), pair)
        return np.asarray(two[:, 0] >= two[:, 1] - _LEVEL)

    moved = np.linspace(0, 1 - now[best], _MOVES + 1)
    there = level(moved)
    if not there.any():
        return float("inf")
    at = int(np.argmax(there))
    no, yes = moved[max(at - 1, 0)], moved[at]
    for _ in range(_HALVINGS):
        middle = (yes + no) / 2
        yes, no = (middle, no) if level(np.array([middle]))[0] else (yes, middle)
    return float(2 * yes)
