"""
Near streets: the nearest segment of each place, and those that are met about as near.

Whole networks come first; fragments of mapping that hang on nothing only where nothing else is in reach.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.distance.edges import Edges, edges_of
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapped import Snapped

__all__ = ["Tie", "near_any", "nearest_streets", "reach_m", "trees_of"]

#: Places whose streets are compared at once; more need memory.
_AT_ONCE = 10_000
#: Fewer places are found faster by a tree than their streets are put into squares.
_MANY = 3_000


class Tie(NamedTuple):
    """Further streets of some places: their rows, which further one it is, segments and shares."""

    row: NDArray[np.int64]
    column: int
    segment: NDArray[np.int64]
    share: NDArray[np.float64]


def nearest_streets(
    graph: StreetGraph,
    places: NDArray[np.object_] | NDArray[np.float64],
    rows: NDArray[np.int64],
    max_snap_m: float,
    out: Snapped,
) -> list[Tie]:
    """
    Fill in the nearest segment of each place, first among whole networks, then among fragments.

    Parameters
    ----------
    graph : street graph.
    places : shapes, or the coordinates of points, shape (p, 2); in the CRS of the graph.
    rows : of each place in `out`.
    max_snap_m : metres; the boundary counts as near.
    out : whose segment, share and metres are filled in.

    Returns
    -------
    The further streets that are about as near.
    """
    ties: list[Tie] = []
    for tree, numbers in trees_of(graph):
        todo = np.flatnonzero(out.segment[rows] < 0)
        if len(todo) == 0 or len(numbers) == 0:
            continue
        xy = _many_points(places[todo], max_snap_m)
        if xy is not None:
            edges = edges_of(graph.geometry[numbers], limit_m=reach_m(max_snap_m))
            ties += _in_squares(graph, (edges, numbers), xy, rows[todo], out)
            continue
        some: Any = places[todo]
        shapes = some if some.ndim == 1 else np.asarray(shapely.points(some), dtype=object)
        ties += _in_tree(graph, (tree, numbers), shapes, rows[todo], out, max_snap_m)
    return ties


def _many_points(
    places: NDArray[np.object_] | NDArray[np.float64], max_snap_m: float
) -> NDArray[np.float64] | None:
    """Give the coordinates of points that are so many that their streets are put into squares."""
    if len(places) < _MANY or not np.isfinite(max_snap_m):
        return None
    if places.ndim == 2:  # noqa: PLR2004 - coordinates
        return np.asarray(places, dtype=np.float64)
    return None if shapely.get_type_id(places).any() else shapely.get_coordinates(places)


def _in_tree(
    graph: StreetGraph,
    streets: tuple[shapely.STRtree, NDArray[np.int64]],
    shapes: NDArray[np.object_],
    rows: NDArray[np.int64],
    out: Snapped,
    max_snap_m: float,
) -> list[Tie]:
    """Fill in the nearest of some segments for each shape that has one within reach, and give those as near."""
    (tree, numbers), tie_m = streets, float(graph.table["snap"]["tie_m"])
    met = _met(streets, shapes, reach_m(max_snap_m))
    which = met.which
    out.segment[rows[which]] = met.segment
    out.share[rows[which]] = _ends(graph, shapes[which], met.segment)[0]
    out.metres[rows[which]] = met.metres
    ties = []
    for part in np.array_split(np.arange(len(which)), 1 + len(which) // _AT_ONCE):
        some = which[part]
        within = met.metres[part] + tie_m
        near, other = tree.query(shapes[some], predicate="dwithin", distance=within)
        touching = _touching(graph, shapes[some], within, (near, numbers[other]))
        end = _end_points(graph, shapes[some], met.segment[part])
        ties += _equally_near(graph, rows[some], end, touching)
    return ties


def _in_squares(
    graph: StreetGraph,
    streets: tuple[Edges, NDArray[np.int64]],
    places: NDArray[np.float64],
    rows: NDArray[np.int64],
    out: Snapped,
) -> list[Tie]:
    """Fill in the nearest of some segments for each place that has one within reach, and give those as near."""
    rules, (edges, numbers) = graph.table["snap"], streets
    near = {"tie_m": float(rules["tie_m"]), "apart_m": float(rules["apart_m"])}
    found = edges.nearest(places, **near)
    which = np.flatnonzero(found.edge >= 0)
    out.segment[rows[which]] = numbers[found.line[which]]
    out.share[rows[which]] = edges.shares(places[which], found.edge[which])
    out.metres[rows[which]] = found.metres[which]
    some = np.flatnonzero(found.several)
    line, share = edges.ties(places[some], found.take(some), most=int(rules["most"]) - 1, **near)
    ties = []
    for column in range(line.shape[1]):
        here = np.flatnonzero(line[:, column] >= 0)
        if len(here) == 0:
            break
        ties.append(Tie(rows[some[here]], column, numbers[line[here, column]], share[here, column]))
    return ties


class _Met(NamedTuple):
    """Shapes that have a segment near, a row each."""

    which: NDArray[np.int64]
    segment: NDArray[np.int64]
    metres: NDArray[np.float64]


def _met(
    streets: tuple[shapely.STRtree, NDArray[np.int64]], shapes: NDArray[np.object_], far_m: float
) -> _Met:
    """Find the nearest of some segments for each shape that has one within reach."""
    tree, numbers = streets
    (which, found), metres = tree.query_nearest(
        shapes, max_distance=far_m, return_distance=True, all_matches=True
    )
    order = np.lexsort((numbers[found], which))
    which, found, metres = which[order], found[order], metres[order]
    first = np.ones(len(which), bool)
    first[1:] = which[1:] != which[:-1]
    return _Met(which[first], numbers[found[first]], metres[first])


def _ends(
    graph: StreetGraph, shapes: NDArray[np.object_], segments: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give where on a segment each shape is nearest: the share of its length, and metres from its tail."""
    lines = graph.geometry[segments]
    flat = shapely.get_type_id(shapes) != 0
    if flat.any():
        shapes = shapes.copy()
        shapes[flat] = shapely.get_point(shapely.shortest_line(shapes[flat], lines[flat]), 1)
    place = shapely.line_locate_point(lines, shapes)
    return np.clip(place / shapely.length(lines), 0.0, 1.0), place


def _end_points(
    graph: StreetGraph, shapes: NDArray[np.object_], segments: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give the coordinates of where on a segment each shape is nearest."""
    _, place = _ends(graph, shapes, segments)
    end = shapely.line_interpolate_point(graph.geometry[segments], place)
    return np.asarray(shapely.get_coordinates(end))


class _Touching(NamedTuple):
    """Points of segments at which places are as near as at the nearest, a row each."""

    which: NDArray[np.int64]  # place
    segment: NDArray[np.int64]
    share: NDArray[np.float64]
    end: NDArray[np.float64]

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> _Touching:
        """Give some of the points."""
        return _Touching(self.which[rows], self.segment[rows], self.share[rows], self.end[rows])


def _touching(
    graph: StreetGraph,
    shapes: NDArray[np.object_],
    within: NDArray[np.float64],
    near: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> _Touching:
    """Look along the straight pieces of segments, for a street may bend around a place."""
    which, segment = near
    flat = shapely.get_type_id(shapes[which]) != 0
    beside = shapes[which[flat]], segment[flat]
    areas = which[flat], segment[flat], _ends(graph, *beside)[0], _end_points(graph, *beside)
    which, segment = which[~flat], segment[~flat]
    xy, pair = shapely.get_coordinates(graph.geometry[segment], return_index=True)
    inner = pair[1:] == pair[:-1]
    start, step, pair = xy[:-1][inner], np.diff(xy, axis=0)[inner], pair[:-1][inner]
    square = step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]
    length = np.sqrt(square)
    middle = shapes if not flat.any() else shapely.centroid(shapes)
    place = shapely.get_coordinates(middle)[which[pair]]
    along = ((place - start) * step).sum(axis=1)
    part = np.clip(along / np.where(square > 0, square, 1.0), 0.0, 1.0)
    end = start + part[:, None] * step
    before = _before(length, pair)
    total = shapely.length(graph.geometry[segment])[pair]
    share = np.clip((before + part * length) / total, 0.0, 1.0)
    close = np.hypot(*(end - place).T) <= within[which[pair]]
    points = which[pair], segment[pair], share, end
    return _Touching(*(np.concatenate([a, b[close]]) for a, b in zip(areas, points, strict=True)))


def _before(length: NDArray[np.float64], pair: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum the pieces of a segment that lie before each, whatever else is asked beside it."""
    found = np.zeros(len(length))
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    count = np.diff(first, append=len(pair))
    longest_first = np.argsort(-count, kind="stable")
    first, count = first[longest_first], count[longest_first]
    for step in range(1, int(count.max(initial=0))):
        at = first[: np.searchsorted(-count, -step)] + step
        found[at] = found[at - 1] + length[at - 1]
    return found


def _equally_near(
    graph: StreetGraph,
    rows: NDArray[np.int64],
    taken: NDArray[np.float64],
    touching: _Touching,
) -> list[Tie]:
    """Choose among equally near streets, in their order, those that are met at other points."""
    rules, ties = graph.table["snap"], []
    order = np.lexsort((touching.share, touching.segment, touching.which))
    left = touching.take(order)
    for column in range(int(rules["most"]) - 1):
        apart = np.hypot(*(left.end - taken[left.which]).T) > float(rules["apart_m"])
        left = left.take(apart)
        if len(left.which) == 0:
            break
        first = np.ones(len(left.which), bool)
        first[1:] = left.which[1:] != left.which[:-1]
        chosen = left.take(first)
        ties.append(Tie(rows[chosen.which], column, chosen.segment, chosen.share))
        taken[chosen.which] = chosen.end
    return ties


def reach_m(max_snap_m: float) -> float:
    """
    Give two units in the last place more, so that the limit itself counts as near.

    Parameters
    ----------
    max_snap_m : metres.

    Returns
    -------
    Metres.

    Examples
    --------
    >>> reach_m(300.0) > 300.0
    True
    """
    return max_snap_m * (1 + 1e-12) + 1e-9


def near_any(
    graph: StreetGraph,
    points: NDArray[np.object_],
    segments: NDArray[np.bool_],
    *,
    max_snap_m: float = 300.0,
) -> NDArray[np.bool_]:
    """
    Tell which places could be put on any of some segments, not only on the nearest of all.

    Parameters
    ----------
    graph : street graph.
    points : in the CRS of the graph.
    segments : mask of the segments of the graph.
    max_snap_m : metres; the boundary counts as near.

    Returns
    -------
    Shape of `points`.
    """
    near = np.zeros(len(points), dtype=bool)
    reach = reach_m(max_snap_m)
    for tree, numbers in trees_of(graph):
        for part in np.array_split(np.arange(len(points)), 1 + len(points) // _AT_ONCE):
            place, street = tree.query(points[part], predicate="dwithin", distance=reach)
            near[part[place[segments[numbers[street]]]]] = True
    return near


def _may_snap(graph: StreetGraph) -> NDArray[np.bool_]:
    stops = graph.table["classes"]["no_snap"]
    return np.asarray(~pd.Series(graph.highway).isin(stops).to_numpy())


def trees_of(graph: StreetGraph) -> list[tuple[shapely.STRtree, NDArray[np.int64]]]:
    """
    Index the whole networks, and apart from them the fragments.

    Parameters
    ----------
    graph : street graph.

    Returns
    -------
    Search trees, and the numbers of their segments, ascending.
    """
    if "trees" not in graph.memory:
        rules = graph.table["snap"]
        stops = _may_snap(graph)
        limit = min(rules["fragment_m"], rules["fragment_share"] * graph.length_m.sum())
        small = graph.component_m[graph.component[graph.tail]] < limit
        graph.memory["trees"] = [
            (shapely.STRtree(graph.geometry[numbers]), numbers)
            for numbers in (np.flatnonzero(stops & ~small), np.flatnonzero(stops & small))
        ]
    trees: list[tuple[shapely.STRtree, NDArray[np.int64]]] = graph.memory["trees"]
    return trees
