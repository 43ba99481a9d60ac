"""
Put points onto the street graph: the nearest point of the nearest segment, not the nearest node.

Of equally near streets the best counts, whichever question is asked: who lives between two goes out by
the one that is nearer to the goal. Every search takes the streets of a place from `Snapped.spread`.

Who stands farther than `max_snap_m` from every street is not on the network. Fragments of mapping
that hang on nothing are used only where nothing else is in reach.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.network import edited
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.near_streets import (
    Tie,
    near_any,
    nearest_streets,
    reach_m,
    trees_of,
)
from kcity_geo.analysis.network.snapped import Homes, Snapped
from kcity_geo.coordinates import Places, in_crs, labels_of, refuse_degrees
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.errors import StudyError

__all__ = [
    "Homes",
    "Snapped",
    "cell_points",
    "near_any",
    "on_network",
    "snap",
    "snap_cells",
    "snap_points",
]

POLYGONS = (3, 6)


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
    at = np.full((len(places), 2), np.nan)
    found = _nowhere(at, labels)
    usable = np.flatnonzero(~(shapely.is_missing(places) | shapely.is_empty(places)))
    if len(usable) == 0:
        return found
    points = places[usable]
    if shapely.get_type_id(points).any():
        points = shapely.point_on_surface(points)
    at[usable] = shapely.get_coordinates(points)
    if graph.n_segments == 0:
        return found
    if bare:
        refuse_degrees(places[usable], _bounds(graph), what="places")
    if "snapped" not in graph.memory:
        return _put(graph, (places, points), usable, max_snap_m, found)
    key = edited.places_key(places, max_snap_m)
    kept: dict[tuple[bytes, float], Snapped] = graph.memory["snapped"]
    if key not in kept:
        kept[key] = _carried(graph, (places, points), usable, key, found)
    return replace(kept[key], labels=labels)


def snap_points(
    graph: StreetGraph, xy: NDArray[np.float64], *, max_snap_m: float = 300.0
) -> Snapped:
    """
    Put points onto the nearest segments, without a geometry for each.

    Parameters
    ----------
    graph : street graph.
    xy : coordinates of the points in the CRS of the graph, shape (p, 2); none is NaN.
    max_snap_m : metres; the boundary counts as near.

    Returns
    -------
    As of `snap`.
    """
    if graph.n_segments == 0 or "snapped" in graph.memory:
        return snap(graph, np.asarray(shapely.points(xy), dtype=object), max_snap_m=max_snap_m)
    found = _nowhere(xy)
    return _with_ties(found, nearest_streets(graph, xy, np.arange(len(xy)), max_snap_m, found))


def _nowhere(at: NDArray[np.float64], labels: pd.Index | None = None) -> Snapped:
    """Give places of which none is on the network yet."""
    count = len(at)
    segment, share, metres = np.full(count, -1, np.int64), np.zeros(count), np.full(count, np.inf)
    return Snapped(segment, share, metres, at, labels)


def _put(
    graph: StreetGraph,
    shapes: tuple[NDArray[np.object_], NDArray[np.object_]],
    rows: NDArray[np.int64],
    max_snap_m: float,
    out: Snapped,
) -> Snapped:
    """Put some rows of places, and the points inside them, onto the nearest segments."""
    places, points = shapes
    ties = nearest_streets(graph, points, rows, max_snap_m, out)
    left = rows[out.segment[rows] < 0]
    left = left[np.isin(shapely.get_type_id(places[left]), POLYGONS)]
    if len(left):
        ties += nearest_streets(graph, places[left], left, max_snap_m, out)
    return _with_ties(out, ties)


def _carried(
    graph: StreetGraph,
    shapes: tuple[NDArray[np.object_], NDArray[np.object_]],
    rows: NDArray[np.int64],
    key: tuple[bytes, float],
    out: Snapped,
) -> Snapped:
    """Keep the streets of places far from every street that an edit changed; look for the others."""
    before: StreetGraph | None = graph.memory.get("before")
    old: Snapped | None = None if before is None else before.memory["snapped"].get(key)
    if before is None or old is None:
        return _put(graph, shapes, rows, key[1], out)
    if "same" not in graph.memory:
        same = edited.same_segments(before, graph, (_kinds(before), _kinds(graph)))
        lines = edited.changed_streets(before, graph, same)
        graph.memory["same"] = (same, shapely.STRtree(lines))
    same, changes = graph.memory["same"]
    reach = reach_m(key[1]) + float(graph.table["snap"]["tie_m"])
    near = np.zeros(len(old.segment), dtype=bool)
    around = _around(shapes[0], changes, reach)
    near[around[changes.query(shapes[0][around], predicate="dwithin", distance=reach)[0]]] = True
    again = near[rows]
    found = _put(graph, (shapes[0], shapes[1][again]), rows[again], key[1], out)
    stays = ~near & (old.segment >= 0)
    found.segment[stays] = same[old.segment[stays]]
    found.share[stays], found.metres[stays] = old.share[stays], old.metres[stays]
    return _more_ties(found, old, same, ~near)


def _around(
    places: NDArray[np.object_], changes: shapely.STRtree, reach_m: float
) -> NDArray[np.int64]:
    """Give the places whose box is not farther than that from the box around all changes."""
    if len(changes) == 0:
        return np.zeros(0, dtype=np.int64)
    west, south, east, north = shapely.total_bounds(changes.geometries)
    x0, y0, x1, y1 = shapely.bounds(places).T
    far = reach_m + 1e-3
    inside = (x0 <= east + far) & (x1 >= west - far) & (y0 <= north + far) & (y1 >= south - far)
    return np.flatnonzero(inside)


def _kinds(graph: StreetGraph) -> NDArray[np.int64]:
    """Give the index of `trees_of` in which each segment stands; 2 for none."""
    kind = np.full(graph.n_segments, 2, dtype=np.int64)
    for number, (_, segments) in enumerate(trees_of(graph)):
        kind[segments] = number
    return kind


def _more_ties(
    found: Snapped, old: Snapped, same: NDArray[np.int64], stays: NDArray[np.bool_]
) -> Snapped:
    """Add the equally near streets of places that keep theirs."""
    if old.also_place is None or old.also_segment is None or old.also_share is None:
        return found
    kept = stays[old.also_place]
    rows = [(old.also_place[kept], same[old.also_segment[kept]], old.also_share[kept])]
    if (
        found.also_place is not None
        and found.also_segment is not None
        and found.also_share is not None
    ):
        rows.append((found.also_place, found.also_segment, found.also_share))
    place, segment, share = (np.concatenate(field) for field in zip(*rows, strict=True))
    order = np.argsort(place, kind="stable")
    order = order[segment[order] >= 0]
    if len(order) == 0:
        return replace(found, also_place=None, also_segment=None, also_share=None)
    return replace(
        found, also_place=place[order], also_segment=segment[order], also_share=share[order]
    )


def _with_ties(found: Snapped, ties: list[Tie]) -> Snapped:
    """Add the equally near streets, place by place and in their order."""
    if not ties:
        return found
    place = np.concatenate([tie.row for tie in ties])
    column = np.repeat([tie.column for tie in ties], [len(tie.row) for tie in ties])
    order = np.lexsort((column, place))
    return replace(
        found,
        also_place=place[order],
        also_segment=np.concatenate([tie.segment for tie in ties])[order],
        also_share=np.concatenate([tie.share for tie in ties])[order],
    )


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

    Raises
    ------
    StudyError
        If a place has no geometry, or an empty one.
    CRSMismatchError
        As `snap`.
    """
    if isinstance(places, Snapped):
        return places
    shapes = in_crs(places, graph.crs, what="places")
    nowhere = np.flatnonzero(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if len(nowhere):
        labels = labels_of(places)
        label = nowhere[0] if labels is None else labels[nowhere[0]]
        raise StudyError(
            f"places: {len(nowhere)} of {len(shapes)} have no geometry, the first is {label!s}; give them one or "
            "leave them out"
        )
    return snap(graph, places, max_snap_m=max_snap_m)


def _bounds(graph: StreetGraph) -> tuple[float, float, float, float]:
    """Give west, south, east and north of the junctions."""
    x, y = graph.node_x, graph.node_y
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


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
    return snap_points(graph, np.column_stack([x, y]), max_snap_m=max_snap_m), owner
