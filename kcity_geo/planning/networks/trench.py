"""
Trench: pipes and ducts that share one trench where that is cheaper than going their own ways.

Each network is routed with the price of the trench divided by those who use it now, until nothing moves.
The cheapest round is kept; the networks routed by themselves are one of the rounds, so that sharing never
costs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.steiner import SteinerTree, cost_graph_of, steiner_tree

__all__ = ["SharedTrench", "StreetLinks", "shared_trench"]

_ROUNDS, _LEAST = 8, 1e-9


@dataclass(frozen=True, eq=False)
class StreetLinks:
    """
    Streets in which networks may lie.

    Parameters
    ----------
    n_nodes : places.
    tail, head : shape (m,), places at the ends of each link.
    length_m : shape (m,), above zero.
    """

    n_nodes: int
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    length_m: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedTrench:
    """
    Networks that may share trenches.

    Parameters
    ----------
    links : utility -> numbers of its links.
    cost : pipes and trenches, each trench once.
    apart : cost of the cheapest trees, each with trenches of its own.
    words : utility -> how near its tree is to the cheapest by itself.
    """

    links: Mapping[str, NDArray[np.int64]]
    cost: float
    apart: float
    words: Mapping[str, str]

    @property
    def saving(self) -> float:
        """What sharing saves, never below zero."""
        return self.apart - self.cost


def shared_trench(
    streets: StreetLinks,
    terminals: Mapping[str, NDArray[np.int64]],
    pipe_m: Mapping[str, float],
    *,
    trench_m: float,
) -> SharedTrench:
    """
    Route networks through streets, with shared trenches where that is cheaper.

    Parameters
    ----------
    streets : in which they may lie.
    terminals : utility -> places, the first is where it begins.
    pipe_m : utility -> price of a metre without its trench, zero or more.
    trench_m : price of a metre of trench, zero or more.

    Returns
    -------
    The links of each utility, and what sharing saves.

    Raises
    ------
    StudyError
        If a price is below zero, or a metre costs nothing at all.

    Examples
    --------
    Two networks to one place share their only street:

    >>> street = StreetLinks(2, np.array([0]), np.array([1]), np.array([100.0]))
    >>> both = {"water": np.array([0, 1]), "fibre": np.array([0, 1])}
    >>> shared_trench(street, both, {"water": 50.0, "fibre": 10.0}, trench_m=20.0).saving
    2000.0
    """
    if trench_m < 0 or min(pipe_m.values()) < 0 or min(pipe_m.values()) + trench_m <= 0:
        raise StudyError(f"trench: {trench_m:g} and pipes {dict(pipe_m)} must cost something")
    names = sorted(terminals)
    own = {name: _tree(streets, terminals[name], pipe_m[name] + trench_m) for name in names}
    apart = sum(tree.cost for tree in own.values())
    used = {name: _flags(streets, own[name]) for name in names}
    best, best_cost = dict(used), _cost(streets, used, pipe_m, trench_m)
    for _ in range(_ROUNDS):
        before = dict(used)
        for name in names:
            others = np.sum([used[o] for o in names if o != name], axis=0)
            price = pipe_m[name] + trench_m / (1 + others)
            used[name] = _flags(streets, _tree(streets, terminals[name], np.maximum(price, _LEAST)))
        cost = _cost(streets, used, pipe_m, trench_m)
        if cost < best_cost * (1 - _LEAST):
            best, best_cost = dict(used), cost
        if all((before[name] == used[name]).all() for name in names):
            break
    return SharedTrench(
        links={name: np.flatnonzero(best[name]) for name in names},
        cost=min(best_cost, apart),
        apart=apart,
        words={name: tree.words for name, tree in own.items()},
    )


def _tree(
    streets: StreetLinks, terminals: NDArray[np.int64], price_m: float | NDArray[np.float64]
) -> SteinerTree:
    cost = np.asarray(price_m * streets.length_m, dtype=np.float64)
    graph = cost_graph_of(streets.n_nodes, streets.tail, streets.head, cost)
    return steiner_tree(graph, terminals)


def _flags(streets: StreetLinks, tree: SteinerTree) -> NDArray[np.bool_]:
    flags = np.zeros(len(streets.length_m), dtype=bool)
    flags[tree.edges] = True
    return flags


def _cost(
    streets: StreetLinks,
    used: Mapping[str, NDArray[np.bool_]],
    pipe_m: Mapping[str, float],
    trench_m: float,
) -> float:
    trench = np.any(list(used.values()), axis=0)
    pipes = sum(pipe_m[name] * float(streets.length_m[flags].sum()) for name, flags in used.items())
    return float(pipes + trench_m * streets.length_m[trench].sum())
