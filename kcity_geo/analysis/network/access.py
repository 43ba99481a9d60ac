"""
How far is it? Travel on the street graph to the nearest facility, to many, and within a limit.

Origins and facilities lie on segments, with what is left of the segment on either side counted.
A way that may not be used in a direction is not. Places beyond `max_snap_m` have no route.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import (
    Homes,
    Snapped,
    cell_points,
    near_any,
    snap,
    snap_cells,
)
from kcity_geo.coordinates import Places
from kcity_geo.errors import CRSMismatchError, StudyError
from kcity_geo.runs import place_in_run

__all__ = [
    "minutes_and_ways",
    "nearest",
    "node_costs",
    "point_costs",
    "require_limit",
    "ring_of",
    "served_share",
    "snap_cost",
    "travel_metres",
    "travel_minutes",
]


_MOST_BUCKETS = 100_000


def require_limit(*limits: float) -> None:
    """
    Refuse a limit that nothing can be within.

    Parameters
    ----------
    *limits : minutes or metres; inf: none.

    Raises
    ------
    StudyError
        If one is below zero or no number.
    """
    for limit in limits:
        if not limit >= 0:
            raise StudyError(f"limit: {limit:g} must be a number, zero or more")


def snap_cost(graph: StreetGraph, metres: NDArray[np.float64], *, unit: str) -> NDArray[np.float64]:
    """
    Compute the cost of the way between a place and its street, on foot over open ground.

    Parameters
    ----------
    graph : whose rules hold.
    metres : straight distance.
    unit : minutes or metres.

    Returns
    -------
    Shape of `metres`.
    """
    if unit == "metres":
        return metres
    speeds = graph.table["speeds"]
    return np.asarray(metres / (speeds["walk_kmh"] * speeds["offroad_factor"] * 1000.0 / 60.0))


def _part(share: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of a part of a segment; inf stays inf, except for no part at all."""
    with np.errstate(invalid="ignore"):
        return np.where(share <= 0, 0.0, share * cost)


def node_costs(
    graph: StreetGraph,
    sources: Snapped,
    *,
    unit: str = "minutes",
    direction: str = "to",
    limit: float = np.inf,
) -> NDArray[np.float64]:
    """
    Compute the cost between every node and the nearest of the sources.

    Parameters
    ----------
    graph : street graph.
    sources : places on it.
    unit : minutes or metres.
    direction : ``to`` the sources, or ``from`` them.
    limit : nothing beyond is looked for.

    Returns
    -------
    Shape (n,) and more for the copies of nodes that not everybody passes as he likes; the way from
    the source to its street included; inf: no route.
    """
    from kcity_geo.analysis.network.kernels import nearest_costs

    n = graph.ways.n_nodes
    use, _ = sources.spread()
    use = use.take(use.segment >= 0)
    if len(use.segment) == 0 or n == 0:
        return np.full(n, np.inf)
    forward, backward = graph.costs(unit)
    ahead, back = forward[use.segment], backward[use.segment]
    if direction == "to":
        # Towards the source the tail end is travelled forward and the head end backward.
        at_tail, at_head = _part(use.share, ahead), _part(1 - use.share, back)
    else:
        at_tail, at_head = _part(use.share, back), _part(1 - use.share, ahead)
    extra = snap_cost(graph, use.metres, unit=unit)
    ends = graph.ways.enter if direction == "to" else graph.ways.leave
    node = np.concatenate([ends[0, use.segment], ends[1, use.segment]])
    start = np.full(n, np.inf)
    np.minimum.at(start, node, np.concatenate([at_tail + extra, at_head + extra]))
    seeds = np.flatnonzero(np.isfinite(start)).astype(np.int32)
    arcs = graph.matrix(unit, reverse=direction == "to")
    width, n_buckets = ring_of(arcs.data, start[seeds])
    found: NDArray[np.float64] = nearest_costs(
        arcs.indptr, arcs.indices, arcs.data, seeds, start[seeds], limit, width, n_buckets
    )
    if direction == "from":
        node, copy = graph.ways.arrivals.T
        np.minimum.at(found, node, found[copy])
    return found


def ring_of(cost: NDArray[np.float64], first: NDArray[np.float64]) -> tuple[float, int]:
    """
    Give width and number of buckets that span the longest arc and the spread of the starts.

    Parameters
    ----------
    cost : of all arcs.
    first : costs at which searches start.

    Returns
    -------
    Width, in the unit of the costs, and number.

    Examples
    --------
    >>> ring_of(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    (1.0, 6)
    """
    longest = max(float(cost.max(initial=0.0)), float(np.ptp(first)) if len(first) else 0.0)
    width = max(float(cost.mean()) / 2 if len(cost) else 1.0, longest / _MOST_BUCKETS)
    width = width if width > 0 else 1.0
    return width, int(longest / width) + 3


def nearest(
    graph: StreetGraph,
    origins: Snapped,
    sources: Snapped,
    *,
    unit: str = "minutes",
    direction: str = "to",
    at_nodes: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """
    Compute the cost between each origin and the nearest of the sources.

    Parameters
    ----------
    graph : street graph.
    origins, sources : places on it.
    unit : minutes or metres.
    direction : ``to`` the sources, or ``from`` them to the origins.
    at_nodes : `node_costs` of these sources, when they are known already.

    Returns
    -------
    Shape (origins,), with the ways to and from the street; inf: no route.
    """
    if direction not in {"to", "from"}:
        raise StudyError(f"direction: {direction!r} is neither 'to' nor 'from'")
    result = np.full(len(origins.segment), np.inf)
    (origins, owner), (sources, _) = origins.spread(), sources.spread()
    on = np.flatnonzero(origins.segment >= 0)
    if len(on) == 0:
        return result
    cost = (
        node_costs(graph, sources, unit=unit, direction=direction) if at_nodes is None else at_nodes
    )
    forward, backward = graph.costs(unit)
    segment, share = origins.segment[on], origins.share[on]
    ahead, back = forward[segment], backward[segment]
    if direction == "to":
        by_tail, by_head = _part(share, back), _part(1 - share, ahead)
    else:
        by_tail, by_head = _part(share, ahead), _part(1 - share, back)
    ends = graph.ways.leave if direction == "to" else graph.ways.enter
    best = np.minimum(by_tail + cost[ends[0, segment]], by_head + cost[ends[1, segment]])
    origin, source = _same_segment(segment, sources.segment)
    gap = sources.share[source] - share[origin]
    if direction == "from":
        gap = -gap
    direct = np.where(gap >= 0, _part(gap, ahead[origin]), _part(-gap, back[origin])) + snap_cost(
        graph, sources.metres[source], unit=unit
    )
    np.minimum.at(best, origin, direct)
    best += snap_cost(graph, origins.metres[on], unit=unit)
    place = owner[on]  # ascending, so that the streets of a place stand together
    first = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    result[place[first]] = np.minimum.reduceat(best, first)
    return result


def _same_segment(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give all pairs of places that lie on one segment."""
    rank = np.flatnonzero(second >= 0)
    rank = rank[np.argsort(second[rank], kind="stable")]
    # Most places lie on a segment on which no other lies.
    taken = np.zeros(1 + max(first.max(initial=0), second.max(initial=0)), dtype=bool)
    taken[second[rank]] = True
    some = np.flatnonzero(taken[first])
    low = np.searchsorted(second[rank], first[some], side="left")
    count = np.searchsorted(second[rank], first[some], side="right") - low
    left = np.repeat(np.arange(len(some)), count)
    return some[left], rank[low[left] + place_in_run(count)]


def point_costs(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    facilities: Places,
    *,
    grid: GeoBox,
    cells: NDArray[np.int64] | None = None,
    unit: str = "minutes",
    direction: str = "to",
    max_snap_m: float = 300.0,
    homes: Homes | None = None,
) -> NDArray[np.float64]:
    """
    Give the cost to the nearest facility for every point of every cell.

    Parameters
    ----------
    graph, facilities, grid, cells : as for `travel_minutes`.
    unit : minutes or metres.
    direction : ``to`` the facility, or ``from`` it.
    max_snap_m : metres; a place farther from every street has no route.
    homes : the people of these cells on the network, of
        `kcity_geo.analysis.network.snapping.snap_cells`, when they are known already.

    Returns
    -------
    Shape (cells, points of a cell); inf: no route.

    Raises
    ------
    CRSMismatchError
        If graph and grid differ in CRS, or the facilities have none or are in degrees.
    """
    _same_crs(graph, grid)
    flat = _flat(grid, cells)
    points = _homes(graph, grid, flat, homes, max_snap_m=max_snap_m)
    sources = snap(graph, facilities, max_snap_m=max_snap_m)
    cost = nearest(graph, points, sources, unit=unit, direction=direction)
    return cost.reshape(len(flat), len(cost) // len(flat) if len(flat) else 1)


def _homes(
    graph: StreetGraph,
    grid: GeoBox,
    cells: NDArray[np.int64],
    homes: Homes | None,
    *,
    max_snap_m: float,
    spacing_m: float = 100.0,
) -> Snapped:
    if homes is None:
        homes = snap_cells(
            graph, grid=grid, cells=cells, max_snap_m=max_snap_m, spacing_m=spacing_m
        )
    return homes[0]


def _same_crs(graph: StreetGraph, grid: GeoBox) -> None:
    if graph.n_nodes and grid.crs is not None and graph.crs != grid.crs:
        raise CRSMismatchError(f"graph is in {graph.crs}, the grid in {grid.crs}; bring to one CRS")


def minutes_and_ways(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    facilities: Places,
    *,
    grid: GeoBox,
    cells: NDArray[np.int64] | None = None,
    max_snap_m: float = 300.0,
    spacing_m: float = 100.0,
    homes: Homes | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """
    Give the minutes of `point_costs`, and which points lie near any street that has a way.

    Parameters
    ----------
    graph, facilities, grid, cells, max_snap_m : as for `point_costs`.
    spacing_m : people of a large cell stand on a lattice of this spacing, metres.
    homes : as for `point_costs`, put onto the network with the same limit.

    Returns
    -------
    Two arrays of shape (cells, points of a cell). Who has a route is near a street with a way; who
    has none may be, when the nearest street leads nowhere and another does not. Fewer streets never
    bring more people near one.

    Raises
    ------
    CRSMismatchError
        If graph and grid differ in CRS, or the facilities have none or are in degrees.
    """
    _same_crs(graph, grid)
    flat = _flat(grid, cells)
    points = _homes(graph, grid, flat, homes, max_snap_m=max_snap_m, spacing_m=spacing_m)
    sources = snap(graph, facilities, max_snap_m=max_snap_m)
    at_nodes = node_costs(graph, sources)
    cost = nearest(graph, points, sources, at_nodes=at_nodes)
    near = np.isfinite(cost)
    # Who is on no street has none near.
    lost = np.flatnonzero(~near & (points.segment >= 0))
    x, y, _ = cell_points(grid, flat, spacing_m=spacing_m)
    places = np.asarray(shapely.points(x[lost], y[lost]))
    reached = np.isfinite(at_nodes[graph.ways.leave])
    way = reached[0] | reached[1]
    near[lost] = near_any(graph, places, way, max_snap_m=max_snap_m)
    shape = (len(flat), len(cost) // len(flat) if len(flat) else 1)
    return cost.reshape(shape), near.reshape(shape)


def _flat(grid: GeoBox, cells: NDArray[np.int64] | None) -> NDArray[np.int64]:
    if cells is None:
        return np.arange(grid.shape[0] * grid.shape[1], dtype=np.int64)
    return np.asarray(cells, dtype=np.int64)


def _on_grid(
    grid: GeoBox, flat: NDArray[np.int64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    result = np.full(grid.shape[0] * grid.shape[1], np.nan)
    result[flat] = values
    return result.reshape(grid.shape)


def _mean_reached(cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the points with a route; NaN without any."""
    reached = np.isfinite(cost)
    count = reached.sum(axis=1)
    total = np.where(reached, cost, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def travel_minutes(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    facilities: Places,
    *,
    grid: GeoBox,
    cells: NDArray[np.int64] | None = None,
    direction: str = "to",
    max_snap_m: float = 300.0,
    homes: Homes | None = None,
) -> NDArray[np.float64]:
    """
    Measure the minutes from each cell to the nearest facility.

    Parameters
    ----------
    graph : street graph in the CRS of the grid.
    facilities : points, lines or polygons: a GeoSeries or GeoDataFrame in any CRS, or shapely geometries
        in that of the graph; none at all: no cell has a route.
    grid : study grid.
    cells : flat cell numbers to look at; all when None.
    direction : ``to`` the facility, or ``from`` it.
    max_snap_m : metres; a place farther from every street has no route.
    homes : as for `point_costs`.

    Returns
    -------
    Shape (rows, cols), minutes, the ways to and from the street included. In a cell of 200 m or
    more the mean of its points that have a route. NaN: no route, or not in `cells`.

    Raises
    ------
    CRSMismatchError
        If graph and grid differ in CRS, or the facilities have none or are in degrees.
    """
    cost = point_costs(
        graph,
        facilities,
        grid=grid,
        cells=cells,
        direction=direction,
        max_snap_m=max_snap_m,
        homes=homes,
    )
    return _on_grid(grid, _flat(grid, cells), _mean_reached(cost))


def travel_metres(
    graph: StreetGraph,
    facilities: Places,
    *,
    grid: GeoBox,
    cells: NDArray[np.int64] | None = None,
    direction: str = "to",
    max_snap_m: float = 300.0,
) -> NDArray[np.float64]:
    """
    Measure the metres along the network from each cell to the nearest facility.

    Parameters
    ----------
    graph, facilities, grid, cells, direction, max_snap_m : as for `travel_minutes`.

    Returns
    -------
    Shape (rows, cols), metres: snap and path. NaN: no route, or not in `cells`.

    Raises
    ------
    CRSMismatchError
        If graph and grid differ in CRS, or the facilities have none or are in degrees.
    """
    cost = point_costs(
        graph,
        facilities,
        grid=grid,
        cells=cells,
        unit="metres",
        direction=direction,
        max_snap_m=max_snap_m,
    )
    return _on_grid(grid, _flat(grid, cells), _mean_reached(cost))


def served_share(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    facilities: Places,
    *,
    grid: GeoBox,
    max_cost: float,
    unit: str = "metres",
    cells: NDArray[np.int64] | None = None,
    direction: str = "to",
    max_snap_m: float = 300.0,
) -> NDArray[np.float64]:
    """
    Tell the share of the people of each cell who reach a facility within a limit.

    Parameters
    ----------
    graph, facilities, grid : as for `travel_minutes`.
    max_cost : limit in `unit`; the boundary counts as served.
    unit : metres or minutes.
    cells, direction, max_snap_m : as for `travel_minutes`.

    Returns
    -------
    Shape (rows, cols), 0 to 1: the points of the cell within the limit. NaN: not in `cells`.

    Raises
    ------
    CRSMismatchError
        If graph and grid differ in CRS, or the facilities have none or are in degrees.
    """
    cost = point_costs(
        graph,
        facilities,
        grid=grid,
        cells=cells,
        unit=unit,
        direction=direction,
        max_snap_m=max_snap_m,
    )
    return _on_grid(grid, _flat(grid, cells), (cost <= max_cost + 1e-9).mean(axis=1))
