"""
Put points onto the street graph: the nearest point of the nearest segment, not the nearest node.

Who stands farther than `max_snap_m` from every street is not on the network. Fragments of mapping
that hang on nothing are used only where nothing else is in reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.coordinates import Places, in_crs, labels_of, refuse_degrees
from kcity_geo.cube import cell_centres, cell_size

__all__ = ["Homes", "Snapped", "cell_points", "near_any", "on_network", "snap", "snap_cells"]

POLYGONS = (3, 6)


@dataclass(frozen=True, eq=False)
class Snapped:
    """
    Places on the network.

    Parameters
    ----------
    segment : shape (p,), segment of the graph; -1: not on the network.
    share : shape (p,), 0 at the tail to 1 at the head of the segment.
    metres : shape (p,), straight distance from the place to the segment; inf: not on the network.
    at : shape (p, 2), coordinates of the places, by which a place knows itself again; NaN for a place
        without geometry. None: not known.
    labels : names of the places, of the series or frame that they came from. None: they have none.
    """

    segment: NDArray[np.int64]
    share: NDArray[np.float64]
    metres: NDArray[np.float64]
    at: NDArray[np.float64] | None = None
    labels: pd.Index | None = None

    @property
    def index(self) -> pd.Index:
        """The labels, or the numbers of the places where there are none."""
        return pd.RangeIndex(len(self.segment)) if self.labels is None else self.labels

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Snapped:
        """
        Give some of the places.

        Parameters
        ----------
        rows : numbers or mask.

        Returns
        -------
        Those places.
        """
        return Snapped(
            self.segment[rows],
            self.share[rows],
            self.metres[rows],
            None if self.at is None else self.at[rows],
            None if self.labels is None else self.labels[rows],
        )


#: Where the people of some cells stand on the network, and the position of the cell of each.
Homes = tuple[Snapped, NDArray[np.int64]]


def snap(graph: StreetGraph, places: Places, *, max_snap_m: float = 300.0) -> Snapped:
    """
    Put places onto the nearest segments.

    Parameters
    ----------
    graph : street graph.
    places : points, lines or polygons: a GeoSeries or GeoDataFrame in any CRS, whose index they keep
        as labels, or shapely geometries in the CRS of the graph. A polygon counts by a point inside
        it; where no street is near that, by its nearest side.
    max_snap_m : metres; the boundary counts as near.

    Returns
    -------
    A row a place.

    Raises
    ------
    CRSMismatchError
        If a series or frame has no CRS, or bare geometries are in degrees.
    """
    labels, bare = labels_of(places), isinstance(places, np.ndarray | list | tuple)
    places = in_crs(places, graph.crs, what="places")
    segment = np.full(len(places), -1, dtype=np.int64)
    share, metres = np.zeros(len(places)), np.full(len(places), np.inf)
    at = np.full((len(places), 2), np.nan)
    usable = np.flatnonzero(~(shapely.is_missing(places) | shapely.is_empty(places)))
    found = Snapped(segment, share, metres, at, labels)
    if len(usable) == 0:
        return found
    points = shapely.point_on_surface(places[usable])
    at[usable] = shapely.get_coordinates(points)
    if graph.n_segments == 0:
        return found
    if bare:
        refuse_degrees(places[usable], _bounds(graph), what="places")
    _nearest(graph, points, usable, max_snap_m, (segment, share, metres))
    left = usable[segment[usable] < 0]
    left = left[np.isin(shapely.get_type_id(places[left]), POLYGONS)]
    if len(left):
        _nearest(graph, places[left], left, max_snap_m, (segment, share, metres))
    return found


def on_network(
    graph: StreetGraph, places: Snapped | Places, *, max_snap_m: float = 300.0
) -> Snapped:
    """
    Put places onto the network unless they are on it already.

    Parameters
    ----------
    graph : street graph.
    places : of `snap`, or what it takes.
    max_snap_m : metres.

    Returns
    -------
    A row a place.
    """
    return places if isinstance(places, Snapped) else snap(graph, places, max_snap_m=max_snap_m)


def _bounds(graph: StreetGraph) -> tuple[float, float, float, float]:
    """Give west, south, east and north of the junctions."""
    x, y = graph.node_x, graph.node_y
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _nearest(
    graph: StreetGraph,
    shapes: NDArray[np.object_],
    rows: NDArray[np.int64],
    max_snap_m: float,
    out: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Fill in the nearest segment of each shape, first among whole networks, then fragments."""
    segment, share, metres = out
    for tree, numbers in _trees(graph):
        todo = np.flatnonzero(segment[rows] < 0)
        if len(todo) == 0 or len(numbers) == 0:
            continue
        (which, found), distance = tree.query_nearest(
            shapes[todo],
            max_distance=_reach(max_snap_m),
            return_distance=True,
            all_matches=True,
        )
        order = np.lexsort((numbers[found], which))
        which, found, distance = which[order], found[order], distance[order]
        first = np.ones(len(which), bool)
        first[1:] = which[1:] != which[:-1]
        which, found, distance = todo[which[first]], numbers[found[first]], distance[first]
        lines = graph.geometry[found]
        near = shapes[which]
        flat = shapely.get_type_id(near) != 0
        if flat.any():
            near = near.copy()
            near[flat] = shapely.get_point(shapely.shortest_line(near[flat], lines[flat]), 1)
        place = shapely.line_locate_point(lines, near)
        segment[rows[which]] = found
        share[rows[which]] = np.clip(place / shapely.length(lines), 0.0, 1.0)
        metres[rows[which]] = distance


def _reach(max_snap_m: float) -> float:
    """Two units in the last place more, so that the limit itself counts as near."""
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
    chosen = segments & _may_snap(graph)
    if len(points) == 0 or not chosen.any():
        return near
    tree = shapely.STRtree(graph.geometry[chosen])
    near[tree.query_nearest(points, max_distance=_reach(max_snap_m), all_matches=False)[0]] = True
    return near


def _may_snap(graph: StreetGraph) -> NDArray[np.bool_]:
    stops = graph.table["classes"]["no_snap"]
    return np.asarray(~pd.Series(graph.highway).isin(stops).to_numpy())


def _trees(graph: StreetGraph) -> list[tuple[shapely.STRtree, NDArray[np.int64]]]:
    """Index the whole networks, and apart from them the fragments."""
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


def cell_points(
    grid: GeoBox, cells: NDArray[np.int64] | None = None, *, spacing_m: float = 100.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """
    Tell where the people of each cell stand: its centre, or a lattice in a cell of 200 m or more.

    Parameters
    ----------
    grid : study grid.
    cells : flat cell numbers; all when None.
    spacing_m : metres between the points of one cell, about.

    Returns
    -------
    x, y, and the position in `cells` of each point. All cells have the same number of points;
    each stands for an equal part of its people.
    """
    x, y = cell_centres(grid)
    if cells is not None:
        x, y = x[cells], y[cells]
    size = cell_size(grid)
    side = 1 if size < 2 * spacing_m else int(np.floor(size / spacing_m + 0.5))
    step = (np.arange(side) + 0.5) / side * size - size / 2
    dx, dy = np.tile(step, side), np.repeat(-step, side)
    return (
        (x[:, None] + dx).ravel(),
        (y[:, None] + dy).ravel(),
        np.repeat(np.arange(len(x)), side * side),
    )


def snap_cells(
    graph: StreetGraph,
    *,
    grid: GeoBox,
    cells: NDArray[np.int64],
    max_snap_m: float = 300.0,
    spacing_m: float = 100.0,
) -> Homes:
    """
    Put the people of cells onto the network.

    Parameters
    ----------
    graph : street graph.
    grid : study grid.
    cells : flat cell numbers.
    max_snap_m : metres.
    spacing_m : as for `cell_points`.

    Returns
    -------
    A row a point, and the position in `cells` of each.
    """
    x, y, owner = cell_points(grid, cells, spacing_m=spacing_m)
    return snap(graph, np.asarray(shapely.points(x, y)), max_snap_m=max_snap_m), owner
