"""
Cheapest tree: which streets join the places that are to be served, and how near that is to the best.

A tree grown from the terminals is improved by junctions that shorten it, one after the other, and by
taking junctions out. With few terminals the best tree is found exactly; otherwise a bound says how
much cheaper a tree could be at most. Ties are broken by number, so that the same graph gives the same
tree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree

from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.exact import exact_edges

__all__ = ["CostGraph", "SteinerTree", "cost_graph_of", "steiner_tree"]

_EPS = 1e-9
#: Costs this near the bound are the bound.
_EQUAL = 1e-6
#: Terminals up to which, and work up to which, the best tree is proved.
_EXACT_TERMINALS, _EXACT_WORK = 12, 12_000_000
_ROUNDS, _ASCENT_STEPS = 12, 20_000
#: Searches that growing from several roots may take.
_GROWTH_SEARCHES = 150


@dataclass(frozen=True, eq=False)
class CostGraph:
    """
    Places and the links between them.

    Parameters
    ----------
    n_nodes : places.
    tail, head : shape (m,), place at either end of a link.
    cost : shape (m,), above zero and finite, the same both ways.
    """

    n_nodes: int
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    cost: NDArray[np.float64]

    def matrix(self) -> csr_array:
        """Give the costs from place to place, symmetric; of parallel links the cheapest."""
        one, two, cost, _ = self._single()
        both = (np.r_[one, two], np.r_[two, one])
        return csr_array((np.r_[cost, cost], both), shape=(self.n_nodes, self.n_nodes))

    def numbers(self) -> dict[tuple[int, int], int]:
        """Give the number of the cheapest link between two places, the smaller place first."""
        one, two, _, number = self._single()
        return dict(zip(zip(one.tolist(), two.tolist(), strict=True), number.tolist(), strict=True))

    def _single(self) -> tuple[NDArray[np.int64], ...]:
        low, high = np.minimum(self.tail, self.head), np.maximum(self.tail, self.head)
        order = np.lexsort((np.arange(len(low)), self.cost, high, low))
        order = order[low[order] != high[order]]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)
        kept = order[first]
        return low[kept], high[kept], self.cost[kept], kept


@dataclass(frozen=True, eq=False)
class SteinerTree:
    """
    A tree that joins terminals.

    Parameters
    ----------
    edges : numbers of its links, in order.
    cost : sum of their costs.
    bound : no tree is cheaper than this; equal to `cost` when proved.
    proved : whether it is the cheapest.
    unreached : terminals that no way leads to; they are left out.
    """

    edges: NDArray[np.int64]
    cost: float
    bound: float
    proved: bool
    unreached: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """Say how good it is."""
        over = self.cost / self.bound - 1 if self.bound > 0 else math.inf
        if self.proved or over <= _EQUAL:
            return "proved cheapest"
        # Rounded up: what is said to bound it must bound it.
        told = math.ceil(over * 1000 - 1e-6) / 10 if math.isfinite(over) else math.inf
        return f"at most {told:.1f}% above the cheapest"


def cost_graph_of(
    n_nodes: int,
    tail: NDArray[np.integer],
    head: NDArray[np.integer],
    cost: NDArray[np.float64],
) -> CostGraph:
    """
    Make a graph, checked.

    Parameters
    ----------
    n_nodes : places.
    tail, head, cost : of each link.

    Returns
    -------
    The graph.

    Raises
    ------
    StudyError
        If a cost is not above zero or a place does not exist.

    Examples
    --------
    >>> cost_graph_of(2, np.array([0]), np.array([1]), np.array([3.0])).matrix().toarray().tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    one, two = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    price = np.asarray(cost, dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(price) & (price > 0)))
    if len(bad):
        raise StudyError(f"network: link {bad[0]} costs {price[bad[0]]:g}; must be above 0")
    if len(one) and (min(one.min(), two.min()) < 0 or max(one.max(), two.max()) >= n_nodes):
        raise StudyError(f"network: a link ends at a place that is none of the {n_nodes}")
    return CostGraph(n_nodes, one, two, price)


def steiner_tree(
    graph: CostGraph, terminals: NDArray[np.integer], *, exact: bool = True
) -> SteinerTree:
    """
    Find the cheapest tree that joins terminals, or one near it.

    Parameters
    ----------
    graph : places and links.
    terminals : places to join; the first is where the network exists. Repeated ones count once.
    exact : prove the best tree with at most 12 terminals; False: the heuristic and its bound only.

    Returns
    -------
    The tree. Terminals apart from the first one are left out and named; with one terminal the tree
    has no link.

    Raises
    ------
    StudyError
        If there is no terminal or one is no place.

    Examples
    --------
    A star of three is cheaper than two sides of the triangle:

    >>> graph = cost_graph_of(4, np.array([0, 1, 2, 0, 1]), np.array([3, 3, 3, 1, 2]),
    ...                       np.array([1.0, 1.0, 1.0, 1.9, 1.9]))
    >>> found = steiner_tree(graph, np.array([0, 1, 2]))
    >>> found.cost, found.edges.tolist(), found.words
    (3.0, [0, 1, 2], 'proved cheapest')
    """
    wanted = list(dict.fromkeys(int(t) for t in np.asarray(terminals).ravel()))
    if not wanted:
        raise StudyError("network: no place to join; give at least one terminal")
    if min(wanted) < 0 or max(wanted) >= graph.n_nodes:
        raise StudyError(f"network: a terminal is none of the {graph.n_nodes} places")
    matrix, numbers = graph.matrix(), graph.numbers()
    reach = dijkstra(matrix, indices=np.array(wanted[:1]))[0]
    near = np.array([t for t in wanted if np.isfinite(reach[t])], dtype=np.int64)
    lost = tuple(t for t in wanted if not np.isfinite(reach[t]))
    if len(near) == 1:
        return SteinerTree(np.zeros(0, np.int64), 0.0, 0.0, proved=True, unreached=lost)
    small = len(near) <= _EXACT_TERMINALS and graph.n_nodes << len(near) <= _EXACT_WORK
    if exact and small:
        edges = _numbers(exact_edges(matrix, near), numbers)
        cost = math.fsum(graph.cost[edges])
        return SteinerTree(edges, cost, cost, proved=True, unreached=lost)
    edges = _numbers(_improved(matrix, near), numbers)
    cost = math.fsum(graph.cost[edges])
    bound = min(_bound(matrix, near), cost)
    return SteinerTree(edges, cost, bound, proved=bound >= cost * (1 - _EPS), unreached=lost)


def _numbers(pairs: NDArray[np.int64], numbers: dict[tuple[int, int], int]) -> NDArray[np.int64]:
    found = {numbers[min(a, b), max(a, b)] for a, b in pairs.tolist()}
    return np.array(sorted(found), dtype=np.int64)


def _bound(matrix: csr_array, terminals: NDArray[np.int64]) -> float:
    from kcity_geo.planning.networks.kernels import dual_ascent

    arcs = matrix.tocsr()
    return float(
        dual_ascent(
            arcs.indptr.astype(np.int64),
            arcs.indices.astype(np.int64),
            arcs.data.astype(np.float64),
            terminals,
            _ASCENT_STEPS,
        )
    )


def _improved(matrix: csr_array, terminals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take the cheapest of the trees from several starts, each improved."""
    best, best_cost = None, np.inf
    for start in _starts(matrix, terminals):
        pairs, cost = start, _cost(matrix, start)
        for _ in range(3):
            other = _spanned(
                matrix, _searched(matrix, terminals, _junctions(pairs, terminals)), terminals
            )
            price = _cost(matrix, other)
            if price >= cost - _EPS:
                break
            pairs, cost = other, price
        if cost < best_cost - _EPS:
            best, best_cost = pairs, cost
    assert best is not None  # noqa: S101 - there is always a start
    return best


def _cost(matrix: csr_array, pairs: NDArray[np.int64]) -> float:
    return float(np.asarray(matrix[pairs[:, 0], pairs[:, 1]]).sum())


def _starts(matrix: csr_array, terminals: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Give trees to start from: that of the closure, and those grown from some roots."""
    trees = [_spanned(matrix, _closure_paths(matrix, terminals)[1], terminals)]
    roots = min(len(terminals), max(_GROWTH_SEARCHES // len(terminals), 0))
    step = len(terminals) / roots if roots else 1.0
    trees += [
        _spanned(matrix, _grown(matrix, terminals, int(i * step)), terminals) for i in range(roots)
    ]
    unique = {tree.tobytes(): tree for tree in trees}
    order = sorted(unique.values(), key=lambda tree: _cost(matrix, tree))
    return order[:4]


def _grown(matrix: csr_array, terminals: NDArray[np.int64], root: int) -> NDArray[np.int64]:
    """Grow a tree from one terminal, always to the nearest one that is not in it; give its places."""
    inside = np.zeros(matrix.shape[0], dtype=bool)
    inside[terminals[root]] = True
    left = [int(t) for t in terminals if not inside[t]]
    while left:
        cost, before, _ = dijkstra(
            matrix, indices=np.flatnonzero(inside), min_only=True, return_predecessors=True
        )
        at = min(left, key=lambda t: (cost[t], t))
        while not inside[at]:
            inside[at] = True
            at = int(before[at])
        left = [t for t in left if not inside[t]]
    return np.flatnonzero(inside)


def _closure_paths(
    matrix: csr_array, keys: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the cheapest ways from the keys to all places, and the places of the tree of the keys."""
    cost, before = dijkstra(matrix, indices=keys, return_predecessors=True)
    first, second, _ = _tree(cost[:, keys])
    inside = np.zeros(matrix.shape[0], dtype=bool)
    inside[keys] = True
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        at = int(keys[b])
        while at != keys[a]:
            inside[at] = True
            at = int(before[a, at])
    return cost, np.flatnonzero(inside)


def _tree(
    cost: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Give the spanning tree of a full table of costs, cheapest edge first."""
    from kcity_geo.planning.networks.kernels import spanning_tree

    first, second, price = spanning_tree(np.ascontiguousarray(cost))
    order = np.argsort(price, kind="stable")
    return first[order], second[order], price[order]


def _junctions(pairs: NDArray[np.int64], terminals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the terminals, and the places where a tree branches."""
    place, count = np.unique(pairs, return_counts=True)
    branches = np.setdiff1d(place[count >= 3], terminals)  # noqa: PLR2004 - three ways meet
    return np.asarray(np.r_[terminals, branches], dtype=np.int64)


def _searched(
    matrix: csr_array, terminals: NDArray[np.int64], keys: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Add junctions that save and take out those that do not; give the places of the tree."""
    from kcity_geo.planning.networks.kernels import saved_by_one_more

    fixed = len(terminals)
    ways = dijkstra(matrix, indices=keys)
    for _ in range(_ROUNDS):
        first, second, price = _tree(ways[:, keys])
        saved = saved_by_one_more(ways, first, second, price)
        saved[keys] = -np.inf
        before = price.sum()
        tried = np.lexsort((np.arange(len(saved)), -saved))[: max(fixed, 8)]
        for node in tried[saved[tried] > _EPS * before].tolist():
            # One that was taken in may have made this one useless.
            again = saved_by_one_more(ways[:, [node]], first, second, price)[0]
            if again <= _EPS * before:
                continue
            keys = np.r_[keys, node]
            ways = np.vstack([ways, dijkstra(matrix, indices=node)[None]])
            first, second, price = _tree(ways[:, keys])
        keys, ways = _without_idle(ways, keys, fixed)
        if _tree(ways[:, keys])[2].sum() >= before * (1 - _EPS):
            break
    return _closure_paths(matrix, keys)[1]


def _without_idle(
    ways: NDArray[np.float64], keys: NDArray[np.int64], fixed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Take out junctions at which fewer than three ways meet, and those whose loss makes it cheaper."""
    table, kept = ways[:, keys], np.arange(len(keys))
    while True:
        first, second, price = _tree(table[np.ix_(kept, kept)])
        degree = np.bincount(np.r_[first, second], minlength=len(kept))
        idle = np.flatnonzero((degree < 3) & (kept >= fixed))  # noqa: PLR2004 - three ways meet
        if not len(idle):
            break
        kept = np.delete(kept, idle[0])
    total = price.sum()
    at = fixed
    while at < len(kept):
        fewer = np.delete(kept, at)
        other = _tree(table[np.ix_(fewer, fewer)])[2].sum()
        if other < total * (1 - _EPS):
            kept, total = fewer, other
        else:
            at += 1
    return keys[kept], ways[kept]


def _spanned(
    matrix: csr_array, places: NDArray[np.int64], terminals: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Span places by the cheapest links among them and cut off ends that are no terminals."""
    part = matrix[places][:, places].tocsr()
    # scipy 1.16 takes 32-bit numbers of rows and columns only.
    part.indices, part.indptr = part.indices.astype(np.int32), part.indptr.astype(np.int32)
    tree = minimum_spanning_tree(part).tocoo()
    pairs = np.c_[places[tree.row], places[tree.col]]
    needed = np.zeros(matrix.shape[0], dtype=bool)
    needed[terminals] = True
    while len(pairs):
        degree = np.bincount(pairs.ravel(), minlength=matrix.shape[0])
        loose = ((degree[pairs] == 1) & ~needed[pairs]).any(axis=1)
        if not loose.any():
            break
        pairs = pairs[~loose]
    low = np.sort(pairs, axis=1)
    return np.asarray(low[np.lexsort((low[:, 1], low[:, 0]))], dtype=np.int64)
