"""
Compiled loops of the cheapest tree: what one more junction saves, and how cheap no tree can be.

Import this module only inside functions: numba takes a second to load. Knows arrays only;
`kcity_geo.planning.networks.steiner` gives them meaning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

__all__ = ["dual_ascent", "saved_by_one_more", "spanning_tree"]

#: A new junction joins at most so many of the others; more would not shorten a tree on streets.
NEAREST = 10


@compiled
def _root(up: Ints, i: int) -> int:
    while up[i] != i:
        up[i] = up[up[i]]
        i = up[i]
    return i


@compiled
def spanning_tree(cost: Floats) -> tuple[Ints, Ints, Floats]:
    """
    Span keys by their cheapest ways (Prim).

    Parameters
    ----------
    cost : shape (keys, keys), symmetric and finite.

    Returns
    -------
    First key, second key and cost of each edge, in the order in which they join.
    """
    size = len(cost)
    first = np.zeros(size - 1, dtype=np.int64)
    second = np.zeros(size - 1, dtype=np.int64)
    price = np.zeros(size - 1)
    near, source = cost[0].copy(), np.zeros(size, dtype=np.int64)
    out = np.ones(size, dtype=np.bool_)
    out[0] = False
    for edge in range(size - 1):
        at = -1
        for i in range(size):
            if out[i] and (at < 0 or near[i] < near[at]):
                at = i
        first[edge], second[edge], price[edge] = source[at], at, near[at]
        out[at] = False
        for i in range(size):
            if out[i] and cost[at, i] < near[i]:
                near[i], source[i] = cost[at, i], at
    return first, second, price


@compiled
def _nearest(column: Floats) -> Ints:
    """Give the keys that are nearest to a node, nearest first."""
    near = np.full(min(NEAREST, len(column)), -1, dtype=np.int64)
    filled = 0
    for key in range(len(column)):
        value = column[key]
        if not np.isfinite(value):
            continue
        at = min(filled, len(near) - 1)
        if filled == len(near) and value >= column[near[at]]:
            continue
        while at > 0 and column[near[at - 1]] > value:
            near[at] = near[at - 1]
            at -= 1
        near[at] = key
        filled = min(filled + 1, len(near))
    return near[:filled]


@compiled
def saved_by_one_more(key_costs: Floats, first: Ints, second: Ints, cost: Floats) -> Floats:
    """
    Tell how much cheaper the spanning tree of some keys gets with one more node.

    Parameters
    ----------
    key_costs : shape (keys, nodes), cheapest way from each key to each node.
    first, second, cost : edges of the spanning tree of the keys, cheapest first.

    Returns
    -------
    Shape (nodes,), old cost less new cost; below zero where the node makes it dearer.
    """
    keys, nodes = key_costs.shape
    saved = np.full(nodes, -np.inf)
    up = np.empty(keys + 1, dtype=np.int64)
    old = cost.sum()
    for node in range(nodes):
        near = _nearest(key_costs[:, node])
        if len(near) < 3:  # noqa: PLR2004 - a node between two keys saves nothing
            continue
        for i in range(keys + 1):
            up[i] = i
        total, i, j, joined = 0.0, 0, 0, 0
        while joined < keys and (i < len(cost) or j < len(near)):
            star = j < len(near) and (i >= len(cost) or key_costs[near[j], node] < cost[i])
            if star:
                a, b, price = _root(up, near[j]), _root(up, keys), key_costs[near[j], node]
                j += 1
            else:
                a, b, price = _root(up, first[i]), _root(up, second[i]), cost[i]
                i += 1
            if a != b:
                up[a] = b
                total += price
                joined += 1
        if joined == keys:
            saved[node] = old - total
    return saved


@compiled
def _cut(
    indptr: Ints, source: Ints, left: Floats, place: int, inside: Flags, queue: Ints
) -> tuple[int, float]:
    """Collect what reaches a terminal for nothing; tell how many, and the cheapest arc that enters."""
    inside[:] = False
    inside[place] = True
    queue[0] = place
    begin, end, cheapest = 0, 1, np.inf
    while begin < end:
        node = queue[begin]
        begin += 1
        for arc in range(indptr[node], indptr[node + 1]):
            if left[arc] <= 0 and not inside[source[arc]]:
                inside[source[arc]] = True
                queue[end] = source[arc]
                end += 1
    for at in range(end):
        for arc in range(indptr[queue[at]], indptr[queue[at] + 1]):
            if not inside[source[arc]]:
                cheapest = min(cheapest, left[arc])
    return end, cheapest


@compiled
def dual_ascent(indptr: Ints, source: Ints, cost: Floats, terminals: Ints, most: int) -> float:
    """
    Find a cost below which no tree can join the terminals (Wong's dual ascent).

    Parameters
    ----------
    indptr, source, cost : arcs by the node they enter.
    terminals : the first is the root.
    most : steps after which the bound so far is given.

    Returns
    -------
    The bound.
    """
    nodes = len(indptr) - 1
    left, inside = cost.copy(), np.zeros(nodes, dtype=np.bool_)
    queue = np.empty(nodes, dtype=np.int64)
    bound, steps = 0.0, 0
    done = np.zeros(len(terminals), dtype=np.bool_)
    done[0] = True
    size = np.zeros(len(terminals), dtype=np.int64)
    while not done.all() and steps < most:
        # The terminal whose cut is smallest grows next.
        chosen = -1
        for t in range(len(terminals)):
            if not done[t] and (chosen < 0 or size[t] < size[chosen]):
                chosen = t
        steps += 1
        count, cheapest = _cut(indptr, source, left, terminals[chosen], inside, queue)
        if inside[terminals[0]] or not np.isfinite(cheapest):
            done[chosen] = True
            continue
        size[chosen] = count
        bound += cheapest
        for at in range(count):
            for arc in range(indptr[queue[at]], indptr[queue[at] + 1]):
                if not inside[source[arc]]:
                    left[arc] -= cheapest
    return bound
