"""
Over the streets: along what exists to the nearest target, and over the ground where no street leads.

One-way streets are not regarded: a connection is a length, not a journey. Motorways are entered at their
ends only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from shapely.ops import substring

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.connections.ground import Ground, ground_of
from kcity_geo.analysis.connections.over_ground import cells_touched
from kcity_geo.analysis.connections.targets import Targets, targets_of
from kcity_geo.analysis.distance.ground import ground_rule
from kcity_geo.analysis.distance.least_cost import CostField, least_cost_from, with_start
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.cube import bin_points, cell_size
from kcity_geo.runs import place_in_run

__all__ = ["StreetField", "street_field", "street_line"]

_CLOSED = {"motorway", "motorway_link"}
#: A street lies on a mapped way when it runs along it this near, metres.
_ALONG_M = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Points:
    """
    Points along all streets, two in a cell, ends included, by segment and then along it.

    `metres` from the tail; `open`: a street may be entered here.
    """

    segment: NDArray[np.int64]
    metres: NDArray[np.float64]
    cell: NDArray[np.int64]
    open: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class StreetField:
    """
    Ways to the nearest target over streets and ground.

    Parameters
    ----------
    field : over the cells of the ground; cost in metres of existing street.
    segment : shape (cells,), segment of the graph met there; -1: none.
    metres : shape (cells,), where on it, from its tail.
    towards : shape (cells,), node to which the way goes on; -1: the target is on the segment.
    target_metres : shape (cells,), where on the segment the target is, when it is there.
    before : shape (nodes,), next node on the way to the target; -1: the last one.
    last : shape (nodes, 2), segment and metres on it where the target lies behind the last node; segment -1:
        the target stands beside the node.
    """

    field: CostField
    segment: NDArray[np.int64]
    metres: NDArray[np.float64]
    towards: NDArray[np.int64]
    target_metres: NDArray[np.float64]
    before: NDArray[np.int64]
    last: NDArray[np.float64]


def street_field(city: CityModel, kind: str) -> StreetField | None:
    """
    Find the cheapest way from every cell to the targets of a kind of connection.

    Parameters
    ----------
    city : its model; ``city.once(street_field, kind)`` searches once for all sites.
    kind : id of `kcity_geo.analysis.connections.targets.connection_kinds`.

    Returns
    -------
    The ways; None where no street or no target is mapped.
    """
    graph, targets = city.graph("drive"), city.once(targets_of, kind)
    if graph.n_segments == 0 or len(targets.shapes) == 0:
        return None
    ground, points = city.once(ground_of), city.once(_points)
    at = np.zeros(len(points.segment), dtype=bool)
    if any(targets.highway):
        at = _pieces_along(graph, points, targets.shapes, ground)[0]
    start, last = _starts(graph, targets, points, at)
    metres, before = _to_targets(city.once(_streets), start)
    total, towards, own = _onwards(graph, points, metres, at)
    order = np.lexsort((points.segment, total, points.cell))
    order = order[(points.cell[order] >= 0) & points.open[order] & np.isfinite(total[order])]
    first = order[np.r_[True, np.diff(points.cell[order]) != 0]] if len(order) else order
    cells = points.cell[first]

    def by_cell(values: NDArray[Any], nothing: float) -> NDArray[Any]:
        out = np.full(ground.factor.size, nothing, dtype=values.dtype)
        out[cells] = values[first]
        return out

    field = least_cost_from(
        ground.factor * ground_rule("off_street_factor"),
        by_cell(total, np.inf).reshape(ground.factor.shape),
        dx_m=ground.cell_m,
        dy_m=ground.cell_m,
    )
    return StreetField(
        field=field,
        segment=by_cell(points.segment, -1),
        metres=by_cell(points.metres, 0.0),
        towards=by_cell(towards, -1),
        target_metres=by_cell(own, 0.0),
        before=before,
        last=last,
    )


def _points(city: CityModel) -> _Points:
    graph, grid = city.graph("drive"), city.once(ground_of).grid
    count = np.maximum(np.ceil(graph.length_m / cell_size(grid) * 2).astype(np.int64), 1) + 1
    segment = np.repeat(np.arange(graph.n_segments), count)
    nth = place_in_run(count)
    metres = nth / (count[segment] - 1) * graph.length_m[segment]
    x, y = _at(graph, segment, metres).T
    found = _Points(
        segment=segment,
        metres=metres,
        cell=bin_points(x, y, grid=grid),
        open=np.ones(len(segment), dtype=bool),
    )
    frame = city.layer("roads_drive")
    if frame is None or not frame["highway"].isin(_CLOSED).any():
        return found
    closed = np.asarray(frame.geometry.to_numpy()[frame["highway"].isin(_CLOSED).to_numpy()])
    on, off = _pieces_along(graph, found, closed, city.once(ground_of))
    return replace(found, open=off | ~on)


def _at(
    graph: StreetGraph, segment: NDArray[np.int64], metres: NDArray[np.float64]
) -> NDArray[np.float64]:
    share = metres / np.maximum(graph.length_m[segment], 1e-9)
    where = shapely.line_interpolate_point(graph.geometry[segment], share, normalized=True)
    return np.asarray(shapely.get_coordinates(where))


def _pieces_along(
    graph: StreetGraph, points: _Points, ways: NDArray[np.object_], ground: Ground
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """
    Give the points that end a piece along a way, and those that end a piece that is not along any.

    What only crosses a way does not run along it.
    """
    tree = shapely.STRtree(ways)

    def near(segment: NDArray[np.int64], metres: NDArray[np.float64]) -> NDArray[np.bool_]:
        found = np.zeros(len(segment), dtype=bool)
        spots = np.asarray(shapely.points(_at(graph, segment, metres)), dtype=object)
        found[tree.query(spots, predicate="dwithin", distance=_ALONG_M)[0]] = True
        return found

    ends = np.zeros(len(points.segment), dtype=bool)
    # Of a million points few lie in a cell beside such a way.
    some = np.flatnonzero(_in_cells_beside(ways, ground)[points.cell])
    ends[some] = near(points.segment[some], points.metres[some])
    one = np.flatnonzero(np.diff(points.segment) == 0)
    along = ends[one] & ends[one + 1]
    both = one[along]
    along[along] = near(points.segment[both], (points.metres[both] + points.metres[both + 1]) / 2)
    on, off = np.zeros(len(ends), dtype=bool), np.zeros(len(ends), dtype=bool)
    for mask, which in ((on, one[along]), (off, one[~along])):
        mask[which] = mask[which + 1] = True
    return on, off


def _in_cells_beside(ways: NDArray[np.object_], ground: Ground) -> NDArray[np.bool_]:
    """Tell of each cell whether a place in it may be near a way; the last value is that of no cell, -1."""
    reach = int(np.ceil(_ALONG_M / ground.cell_m)) + 1
    # What lies beyond the raster is in no cell, so its edge is always asked.
    touched = np.pad(cells_touched(ways, ground), 1, constant_values=True)
    square = np.ones((2 * reach + 1, 2 * reach + 1), dtype=bool)
    beside = ndimage.binary_dilation(touched, square)[1:-1, 1:-1]
    return np.append(beside.ravel(), np.True_)


def _starts(
    graph: StreetGraph, targets: Targets, points: _Points, at: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres from each node to a target beside it or on a segment of it, and where that is."""
    start, last = np.full(graph.n_nodes, np.inf), np.full((graph.n_nodes, 2), -1.0)
    if any(targets.highway):
        which = np.flatnonzero(at)
        segment, metres = points.segment[which], points.metres[which]
        node = np.concatenate([graph.tail[segment], graph.head[segment]])
        away = np.concatenate([metres, graph.length_m[segment] - metres])
        order = np.lexsort((away, node))
        first = order[np.r_[True, np.diff(node[order]) != 0]] if len(order) else order
        start[node[first]] = np.maximum(away[first], 0.0)
        place = np.concatenate([which, which])[first]
        last[node[first]] = np.column_stack([points.segment[place], points.metres[place]])
        return start, last
    # A fragment that hangs on nothing leads nowhere.
    nodes = np.flatnonzero(graph.component_m[graph.component] >= graph.component_m.max() / 2)
    spots = np.asarray(shapely.points(graph.node_x[nodes], graph.node_y[nodes]), dtype=object)
    found, away = shapely.STRtree(spots).query_nearest(
        targets.shapes, return_distance=True, all_matches=False
    )
    np.minimum.at(start, nodes[found[1]], away)
    return start, last


def _streets(city: CityModel) -> sparse.csr_array:
    """Metres from node to node, both ways on every street; of parallel streets the shortest."""
    graph = city.graph("drive")
    i = np.concatenate([graph.tail, graph.head])
    j = np.concatenate([graph.head, graph.tail])
    metres = np.tile(np.maximum(graph.length_m, np.finfo(np.float64).tiny), 2)
    keep = i != j
    i, j, metres = i[keep], j[keep], metres[keep]
    order = np.lexsort((metres, j, i))  # scipy would add parallel streets up
    i, j, metres = i[order], j[order], metres[order]
    only = np.ones(len(i), dtype=bool)
    only[1:] = (np.diff(i) != 0) | (np.diff(j) != 0)
    shape = (graph.n_nodes, graph.n_nodes)
    return sparse.csr_array((metres[only], (i[only], j[only])), shape=shape)


def _to_targets(
    streets: sparse.csr_array, start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Metres from each node to the nearest target, both ways on every street, and the next node."""
    n = len(start)
    found, before = csgraph.dijkstra(
        with_start(streets, start), indices=[n], return_predecessors=True
    )
    back = before[0, :n].astype(np.int64)
    return np.asarray(found[0, :n]), np.where((back < 0) | (back == n), -1, back)


def _onwards(
    graph: StreetGraph,
    points: _Points,
    metres: NDArray[np.float64],
    at: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Metres from each point to the target, the node that they lead to (-1: none), the target on the segment."""
    segment, here, number = points.segment, points.metres, np.arange(len(points.segment))
    tail, head = graph.tail[segment].astype(np.int64), graph.head[segment].astype(np.int64)
    by_tail = metres[tail] + here
    by_head = metres[head] + graph.length_m[segment] - here
    total, towards = np.minimum(by_tail, by_head), np.where(by_tail <= by_head, tail, head)
    own = np.zeros(len(segment))
    earlier = np.maximum.accumulate(np.where(at, number, -1))
    later = np.minimum.accumulate(np.where(at, number, len(number))[::-1])[::-1]
    for other in (earlier, later):
        ok = (other >= 0) & (other < len(number))
        spot = np.where(ok, other, 0)
        ok &= segment[spot] == segment
        away = np.where(ok, np.abs(here[spot] - here), np.inf)
        nearer = away <= total
        total = np.where(nearer, away, total)
        towards = np.where(nearer, -1, towards)
        own = np.where(nearer, here[spot], own)
    return total, towards, own


def street_line(found: StreetField, cell: int, graph: StreetGraph) -> NDArray[np.float64]:
    """
    Draw the part of a way that follows streets.

    Parameters
    ----------
    found : of `street_field`.
    cell : flat number of the cell in which the street is met.
    graph : of the city, for cars.

    Returns
    -------
    Shape (points, 2), metres, from where the street is met to the target, or to the node that it stands
    beside.
    """
    segment, start = int(found.segment[cell]), float(found.metres[cell])
    node = int(found.towards[cell])
    if node < 0:
        return _piece(graph, segment, start, float(found.target_metres[cell]))
    end = 0.0 if node == graph.tail[segment] else float(graph.length_m[segment])
    pieces = [_piece(graph, segment, start, end)]
    while found.before[node] >= 0:
        after = int(found.before[node])
        pieces.append(_between(graph, node, after))
        node = after
    segment, metres = int(found.last[node, 0]), float(found.last[node, 1])
    if segment >= 0:
        begin = 0.0 if node == graph.tail[segment] else float(graph.length_m[segment])
        if graph.tail[segment] == graph.head[segment] and metres > graph.length_m[segment] / 2:
            begin = float(graph.length_m[segment])
        pieces.append(_piece(graph, segment, begin, metres))
    return np.concatenate(pieces)


def _piece(graph: StreetGraph, segment: int, start: float, end: float) -> NDArray[np.float64]:
    """Points of a segment from one place on it to another."""
    line = graph.geometry[segment]
    scale = line.length / max(float(graph.length_m[segment]), 1e-9)
    piece = shapely.get_coordinates(
        substring(line, min(start, end) * scale, max(start, end) * scale)
    )
    return piece if start <= end else piece[::-1]


def _between(graph: StreetGraph, one: int, two: int) -> NDArray[np.float64]:
    """Points of the shortest street between two neighbouring nodes, from one to the other."""
    ahead = np.flatnonzero((graph.tail == one) & (graph.head == two))
    back = np.flatnonzero((graph.tail == two) & (graph.head == one))
    both = np.concatenate([ahead, back])
    best = int(both[np.argmin(graph.length_m[both])])
    points = shapely.get_coordinates(graph.geometry[best])
    return points if best in ahead else points[::-1]
