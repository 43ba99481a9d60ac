"""
Put together the answers of the equally near streets of a place, and of a place to itself.

A place between several streets is asked for once a street; the best of the answers is its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.network.snapping import Snapped

__all__ = ["Nearest", "Pairs", "best_of", "best_pairs", "least", "themselves"]

#: Number of the origin, number of the place, and cost of each pair.
Pairs = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.float64]"]


class Nearest(NamedTuple):
    """The k nearest places of each street of each origin."""

    origin: NDArray[np.int64]
    cost: NDArray[np.float64]
    place: NDArray[np.int32]


def best_of(
    found: Nearest, origin: NDArray[np.int64], place: NDArray[np.int64], *, count: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """
    Take the k nearest places by the best of the streets of each origin.

    Parameters
    ----------
    found : the k nearest places of each street.
    origin, place : pairs that are one place, which come first, at no cost.
    count : of the origins.

    Returns
    -------
    Costs and numbers of the places, each of shape (count, k), nearest first; inf and -1 where there
    are fewer.

    Examples
    --------
    >>> found = Nearest(np.array([0, 0]), np.array([[9.0], [5.0]]), np.array([[3], [4]], np.int32))
    >>> none = np.zeros(0, np.int64)
    >>> best_of(found, none, none, count=1)
    (array([[5.]]), array([[4]], dtype=int32))
    """
    k = found.cost.shape[1]
    if k == 1 and count:
        return _best_one(found, origin, place, count)
    first = np.searchsorted(found.origin, np.arange(count))
    cost, who = found.cost[first], found.place[first]
    several = np.bincount(found.origin, minlength=count) > 1
    several[origin] = True
    if not several.any():
        return cost, who
    row = np.flatnonzero(several[found.origin])
    known = pd.DataFrame(
        {
            "origin": np.concatenate([origin, np.repeat(found.origin[row], k)]),
            "place": np.concatenate([place, found.place[row].ravel()]),
            "cost": np.concatenate([np.zeros(len(origin)), found.cost[row].ravel()]),
        }
    )
    known = known[known["place"] >= 0].sort_values(["origin", "cost", "place"])
    known = known.drop_duplicates(["origin", "place"])
    nth = known.groupby("origin").cumcount().to_numpy()
    known, nth = known[nth < k], nth[nth < k]
    cost[several], who[several] = np.inf, -1
    cost[known["origin"], nth] = known["cost"]
    who[known["origin"], nth] = known["place"]
    return cost, who


def _best_one(
    found: Nearest, origin: NDArray[np.int64], place: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Take the nearest place, of equally near ones that of the lowest number, without a list of all."""
    first = np.searchsorted(found.origin, np.arange(count))
    cost = np.minimum.reduceat(found.cost[:, 0], first)
    none = np.iinfo(np.int32).max
    as_near = found.cost[:, 0] == cost[found.origin]
    who = np.minimum.reduceat(np.where(as_near, found.place[:, 0], none), first)
    own = np.full(count, none, dtype=np.int32)
    np.minimum.at(own, origin, place.astype(np.int32))
    here = np.flatnonzero(own < none)
    others = np.where((cost[here] == 0) & (who[here] >= 0), who[here], none)
    cost[here], who[here] = 0.0, np.minimum(own[here], others)
    return cost[:, None], who[:, None].astype(np.int32)


def themselves(origins: Snapped, places: Snapped) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Pair each origin with the places that are the same place: no way leads there.

    Parameters
    ----------
    origins, places : on the network; without coordinates nothing is the same.

    Returns
    -------
    Numbers of the origins and of the places.
    """
    homes, there = origins.at, places.at
    if homes is None or there is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # Of half a million homes few have the x of a place.
    few = np.flatnonzero(pd.Series(homes[:, 0]).isin(there[:, 0]))
    one = pd.DataFrame(homes[few], columns=["x", "y"]).assign(origin=few).dropna()
    two = pd.DataFrame(there, columns=["x", "y"]).rename_axis("place").reset_index().dropna()
    both = one.merge(two, on=["x", "y"])
    return both["origin"].to_numpy(np.int64), both["place"].to_numpy(np.int64)


def best_pairs(
    origin: NDArray[np.int64], place: NDArray[np.int64], cost: NDArray[np.float64]
) -> Pairs:
    """
    Keep each pair once, at its lowest cost.

    Parameters
    ----------
    origin, place, cost : of pairs in any order.

    Returns
    -------
    Pairs ordered by origin and place.

    Examples
    --------
    >>> best_pairs(np.array([1, 0, 0]), np.array([2, 5, 5]), np.array([3.0, 7, 6]))
    (array([0, 1]), array([5, 2]), array([6., 3.]))
    """
    if len(origin) == 0:
        return origin, place, cost
    # One number a pair is sorted faster than two; costs need no order, only their least.
    pair = origin * (int(place.max()) + 1) + place
    order = np.argsort(pair, kind="stable")
    pair = pair[order]
    first = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
    return origin[order[first]], place[order[first]], np.minimum.reduceat(cost[order], first)


def least(
    table: NDArray[np.float64], owner: NDArray[np.int64], *, axis: int
) -> NDArray[np.float64]:
    """
    Take the least of the rows or columns of each place.

    Parameters
    ----------
    table : costs.
    owner : number of the place of each row or column, ascending without gaps, of `Snapped.spread`.
    axis : 0 for rows, 1 for columns.

    Returns
    -------
    A row or column a place.

    Examples
    --------
    >>> least(np.array([[9.0], [5.0], [7.0]]), np.array([0, 0, 1]), axis=0).tolist()
    [[5.0], [7.0]]
    """
    if len(owner) == 0 or owner[-1] == len(owner) - 1:
        return table
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    return np.minimum.reduceat(table, first, axis=axis)
