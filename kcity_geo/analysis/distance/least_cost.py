"""
Least-cost ways over a raster: distance, path and the cheapest network that joins many places.

A step costs the mean of its two cells times its true length. East-west and north-south steps
may differ in length, so a raster in degrees is as safe as one in metres once its steps are given
in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from kcity_geo.errors import GridMismatchError, SchemaError

__all__ = [
    "CostField",
    "cheapest_network",
    "cost_graph",
    "least_cost",
    "least_cost_from",
    "path_length_m",
    "way_to",
    "with_start",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class CostField:
    """
    Least cost from the nearest of several sources.

    Parameters
    ----------
    cost : shape (rows, cols), cost-weighted metres; infinite where no way leads.
    source : flat number of the source each cell is cheapest to reach from; -1: none.
    before : flat number of the cell before it on the way from the source; -1 at sources.
    """

    cost: NDArray[np.float64]
    source: NDArray[np.int64]
    before: NDArray[np.int64]


def cost_graph(
    cost: NDArray[np.float64], *, dx_m: float, dy_m: float | NDArray[np.float64]
) -> sparse.csr_array:
    """
    Graph of the steps between the eight neighbours of each cell.

    Parameters
    ----------
    cost : shape (rows, cols), cost of a metre, above zero; NaN or infinite: no way through.
    dx_m : length of a step to the east, metres; or one a row.
    dy_m : length of a step to the south, metres.

    Returns
    -------
    Symmetric matrix, a row a cell, cost-weighted metres.

    Raises
    ------
    SchemaError
        If a cost is zero or negative, which would make ways free.
    GridMismatchError
        If `cost` is not a raster.
    """
    cost = np.asarray(cost, dtype=np.float64)
    if cost.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise GridMismatchError(f"cost raster has shape {cost.shape}; rows and columns are needed")
    if (cost[np.isfinite(cost)] <= 0).any():
        raise SchemaError("cost raster: a metre must cost more than zero")
    rows, columns = cost.shape
    number = np.arange(cost.size).reshape(cost.shape)
    across = np.broadcast_to(np.asarray(dx_m, dtype=float).reshape(-1, 1), (rows, 1))
    down = float(np.asarray(dy_m))
    starts, ends, weights = [], [], []
    for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, rows - dr), slice(max(0, -dc), columns - max(0, dc)))
        b = (slice(dr, rows), slice(max(0, dc), columns + min(0, dc)))
        width = (across[a[0]] + across[b[0]]) / 2 * abs(dc)
        length = np.hypot(width, down * dr) * np.ones(cost[a].shape)
        weight = (cost[a] + cost[b]) / 2 * length
        ok = np.isfinite(weight)
        starts.append(number[a][ok])
        ends.append(number[b][ok])
        weights.append(weight[ok])
    i, j, w = np.concatenate(starts), np.concatenate(ends), np.concatenate(weights)
    shape = (cost.size, cost.size)
    return sparse.csr_array(
        (np.concatenate([w, w]), (np.concatenate([i, j]), np.concatenate([j, i]))), shape=shape
    )


def least_cost(
    cost: NDArray[np.float64],
    sources: NDArray[np.bool_],
    *,
    dx_m: float,
    dy_m: float,
    limit: float = np.inf,
) -> CostField:
    """
    Find the least cost from the nearest source to every cell.

    Parameters
    ----------
    cost : as for `cost_graph`.
    sources : shape of `cost`, True where a way may start.
    dx_m, dy_m : length of a step to the east and to the south, metres.
    limit : cells that cost more stay unreached.

    Returns
    -------
    Cost, source and way.

    Raises
    ------
    SchemaError
        If a cost is zero or negative.
    GridMismatchError
        If the shapes differ.

    Examples
    --------
    >>> field = least_cost(np.ones((1, 3)), np.array([[True, False, False]]), dx_m=50, dy_m=100)
    >>> field.cost.tolist()
    [[0.0, 50.0, 100.0]]
    """
    if np.shape(sources) != np.shape(cost):
        raise GridMismatchError(f"sources are {np.shape(sources)}, the cost {np.shape(cost)}")
    start = np.flatnonzero(np.asarray(sources) & np.isfinite(cost))
    if len(start) == 0:
        nothing = np.full(np.shape(cost), -1, dtype=np.int64)
        return CostField(cost=np.full(np.shape(cost), np.inf), source=nothing, before=nothing)
    graph = cost_graph(cost, dx_m=dx_m, dy_m=dy_m)
    total, before, origin = csgraph.dijkstra(
        graph, indices=start, min_only=True, return_predecessors=True, limit=limit
    )
    shape = np.shape(cost)
    return CostField(
        cost=np.asarray(total).reshape(shape),
        source=np.where(origin < 0, -1, origin).astype(np.int64).reshape(shape),
        before=np.where(before < 0, -1, before).astype(np.int64).reshape(shape),
    )


def least_cost_from(
    cost: NDArray[np.float64], start_cost: NDArray[np.float64], *, dx_m: float, dy_m: float
) -> CostField:
    """
    Find the least cost to every cell from places that are worth something by themselves.

    Parameters
    ----------
    cost : as for `cost_graph`.
    start_cost : shape of `cost`, what it costs to start there, in cost-weighted metres, such as the way
        along streets that ends in the cell; infinite or NaN: no way starts there.
    dx_m, dy_m : length of a step to the east and to the south, metres.

    Returns
    -------
    Cost with that of the start, source and way.

    Raises
    ------
    SchemaError
        If a cost is zero or negative.
    GridMismatchError
        If the shapes differ.

    Examples
    --------
    >>> field = least_cost_from(np.ones((1, 3)), np.array([[90.0, np.inf, 10.0]]), dx_m=50, dy_m=50)
    >>> field.cost.tolist(), field.source.tolist()
    ([[90.0, 60.0, 10.0]], [[0, 2, 2]])
    """
    if np.shape(start_cost) != np.shape(cost):
        raise GridMismatchError(f"starts are {np.shape(start_cost)}, the cost {np.shape(cost)}")
    begin = np.asarray(start_cost, dtype=np.float64).ravel()
    start = np.flatnonzero(np.isfinite(begin) & np.isfinite(np.asarray(cost).ravel()))
    if len(start) == 0:
        return least_cost(cost, np.zeros(np.shape(cost), dtype=bool), dx_m=dx_m, dy_m=dy_m)
    count = begin.size
    whole = with_start(
        cost_graph(cost, dx_m=dx_m, dy_m=dy_m),
        np.where(np.isfinite(np.asarray(cost).ravel()), begin, np.inf),
    )
    total, before = csgraph.dijkstra(whole, indices=[count], return_predecessors=True)
    way = before[0, :count].astype(np.int64)
    way = np.where((way < 0) | (way == count), -1, way)
    total = total[0, :count]
    source = np.where(np.isfinite(total), _first_of(way), -1)
    shape = np.shape(cost)
    return CostField(
        cost=total.reshape(shape), source=source.reshape(shape), before=way.reshape(shape)
    )


def with_start(graph: sparse.csr_array, start_cost: NDArray[np.float64]) -> sparse.csr_array:
    """
    Add a place from which nodes are reached at a cost of their own.

    Parameters
    ----------
    graph : costs from node to node.
    start_cost : shape (nodes,); infinite or NaN: not reached from there.

    Returns
    -------
    The graph with one more node, the last.

    Examples
    --------
    >>> street = sparse.csr_array(np.array([[0.0, 5.0], [5.0, 0.0]]))
    >>> with_start(street, np.array([np.inf, 2.0])).toarray().tolist()
    [[0.0, 5.0, 0.0], [5.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """
    start = np.flatnonzero(np.isfinite(start_cost)).astype(graph.indices.dtype)
    # A cost of 0 is no arc.
    least = np.maximum(start_cost[start], np.finfo(np.float64).tiny)
    ends = np.append(graph.indptr, graph.indptr[-1] + len(start)).astype(graph.indptr.dtype)
    count = graph.shape[0] + 1
    parts = np.concatenate([graph.data, least]), np.concatenate([graph.indices, start]), ends
    return sparse.csr_array(parts, shape=(count, count))


def _first_of(before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the cell in which the way to each cell starts."""
    number = np.arange(before.size)
    to = np.where(before < 0, number, before)
    while (to != to[to]).any():
        to = to[to]
    return to


def way_to(field: CostField, cell: int) -> NDArray[np.int64]:
    """
    Give the cheapest way to a cell.

    Parameters
    ----------
    field : of `least_cost` or `least_cost_from`.
    cell : flat number.

    Returns
    -------
    Flat numbers of the cells from the source to `cell`; empty where no way leads.

    Examples
    --------
    >>> field = least_cost(np.ones((1, 3)), np.array([[True, False, False]]), dx_m=50, dy_m=50)
    >>> way_to(field, 2).tolist()
    [0, 1, 2]
    """
    if not np.isfinite(field.cost.ravel()[cell]):
        return np.zeros(0, dtype=np.int64)
    before = field.before.ravel()
    way = [int(cell)]
    while before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    return np.array(way[::-1], dtype=np.int64)


def path_length_m(field: CostField, *, dx_m: float, dy_m: float) -> NDArray[np.float64]:
    """
    Measure the true length of the cheapest way to each cell, whatever its cost.

    Parameters
    ----------
    field : of `least_cost`.
    dx_m, dy_m : as for `least_cost`.

    Returns
    -------
    Shape (rows, cols), metres; infinite where no way leads.
    """
    columns = field.cost.shape[1]
    number = np.arange(field.cost.size)
    before = field.before.ravel()
    to = np.where(before < 0, number, before)
    length = np.hypot(
        (number % columns - to % columns) * dx_m, (number // columns - to // columns) * dy_m
    )
    # Each round doubles the part of the way that is summed.
    while (to != to[to]).any():
        length = length + length[to]
        to = to[to]
    return np.where(np.isfinite(field.cost), length.reshape(field.cost.shape), np.inf)


def cheapest_network(
    cost: NDArray[np.float64],
    targets: NDArray[np.int64],
    *,
    dx_m: float,
    dy_m: float,
    max_link: float = np.inf,
) -> NDArray[np.int64]:
    """
    Join many places at about the least total cost (a Steiner tree after Mehlhorn).

    Every cell belongs to the place it is cheapest to reach from; where two such areas touch, the
    places can be linked; the cheapest links that join all are kept and drawn. The result is at
    most twice as dear as the best possible network.

    Parameters
    ----------
    cost : as for `cost_graph`.
    targets : shape of `cost`, number of the place (from 1; cells of one number are one place and
        joined already), 0: none.
    dx_m, dy_m : as for `least_cost`.
    max_link : links that cost more are left out, so that far places stay apart.

    Returns
    -------
    Shape (steps, 2), flat numbers of the neighbouring cells that each step joins, lower first,
    sorted, no step twice.

    Raises
    ------
    SchemaError
        If a cost is zero or negative.
    GridMismatchError
        If the shapes differ.

    References
    ----------
    .. [1] Mehlhorn (1988). A faster approximation algorithm for the Steiner problem in graphs.
       Information Processing Letters 27(3), 125-128.

    Examples
    --------
    >>> places = np.array([[1, 0, 0, 2]])
    >>> cheapest_network(np.ones((1, 4)), places, dx_m=100, dy_m=100).tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    place = np.asarray(targets).ravel()
    field = least_cost(cost, np.asarray(targets) > 0, dx_m=dx_m, dy_m=dy_m)
    ends = _links(cost_graph(cost, dx_m=dx_m, dy_m=dy_m), field, place, max_link)
    if len(ends) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    before = field.before.ravel()
    steps = [ends]
    drawn = np.zeros(place.size, dtype=bool)
    here = np.unique(ends)
    while len(here):
        drawn[here] = True
        here = here[before[here] >= 0]
        steps.append(np.column_stack([here, before[here]]))
        here = np.unique(before[here])
        here = here[~drawn[here]]
    return np.unique(np.sort(np.concatenate(steps), axis=1), axis=0)


def _links(
    graph: sparse.csr_array, field: CostField, place: NDArray[np.int64], max_link: float
) -> NDArray[np.int64]:
    """Border steps of the cheapest links that join all places, shape (links, 2)."""
    total, source = field.cost.ravel(), field.source.ravel()
    steps = graph.tocoo()
    i, j = (np.asarray(part, dtype=np.int64) for part in steps.coords)
    ok = (i < j) & (source[i] >= 0) & (source[j] >= 0)
    i, j, step = i[ok], j[ok], steps.data[ok]
    a, b = place[source[i]], place[source[j]]
    link = total[i] + step + total[j]
    ok = (a != b) & (link <= max_link)
    i, j, link = i[ok], j[ok], link[ok]
    low, high = np.minimum(a[ok], b[ok]), np.maximum(a[ok], b[ok])
    if len(link) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    order = np.lexsort((j, i, link, high, low))
    first = np.r_[True, (np.diff(low[order]) != 0) | (np.diff(high[order]) != 0)]
    best = order[first]
    # Ranks instead of costs: equal costs stay in a fixed order, and none is 0.
    rank = np.empty(len(best))
    rank[np.lexsort((high[best], low[best], link[best]))] = np.arange(1, len(best) + 1)
    count = int(place.max()) + 1
    ends = low[best].astype(np.int32), high[best].astype(np.int32)  # scipy below 1.17.1 asks for it
    tree = csgraph.minimum_spanning_tree(sparse.csr_array((rank, ends), shape=(count, count)))
    kept = best[np.isin(rank, tree.data)]
    return np.column_stack([i[kept], j[kept]])
