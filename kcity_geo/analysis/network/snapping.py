"""
Put points onto the street graph: the nearest point of the nearest segment, not the nearest node.

Of equally near streets the best counts, whichever question is asked: who lives between two goes out by
the one that is nearer to the goal. Every search takes the streets of a place from `Snapped.spread`.

Who stands farther than `max_snap_m` from every street is not on the network. Fragments of mapping
that hang on nothing are used only where nothing else is in reach.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.network import edited
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.coordinates import Places, in_crs, labels_of, refuse_degrees
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.errors import StudyError

__all__ = [
    "Homes",
    "Snapped",
    "cell_points",
    "home_points",
    "near_any",
    "on_network",
    "snap",
    "snap_cells",
]

POLYGONS = (3, 6)

#: Places whose streets are compared at once; more need memory.
_AT_ONCE = 50_000


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
    also_segment, also_share : shape (p, n), further segments that are as near, -1 for none. None: of
        no place.
    """

    segment: NDArray[np.int64]
    share: NDArray[np.float64]
    metres: NDArray[np.float64]
    at: NDArray[np.float64] | None = None
    labels: pd.Index | None = None
    also_segment: NDArray[np.int64] | None = None
    also_share: NDArray[np.float64] | None = None

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
            None if self.also_segment is None else self.also_segment[rows],
            None if self.also_share is None else self.also_share[rows],
        )

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Tell which places have several streets that are equally near."""
        if self.also_segment is None:
            return np.zeros(len(self.segment), dtype=bool)
        return np.asarray((self.also_segment >= 0).any(axis=1))

    def spread(self) -> tuple[Snapped, NDArray[np.int64]]:
        """
        Give a row for each of the equally near streets of each place.

        Returns
        -------
        The rows, with one street each, and the number of the place of each, ascending.
        """
        owner = np.arange(len(self.segment))
        if self.also_segment is None or self.also_share is None or not self.tied.any():
            return replace(self, also_segment=None, also_share=None), owner
        which, column = np.nonzero(self.also_segment >= 0)
        segment = np.concatenate([self.segment, self.also_segment[which, column]])
        share = np.concatenate([self.share, self.also_share[which, column]])
        owner = np.concatenate([owner, which])
        order = np.argsort(owner, kind="stable")
        rows = self.take(owner[order])
        return Snapped(segment[order], share[order], rows.metres, rows.at, rows.labels), owner[
            order
        ]


class _Tie(NamedTuple):
    """Further streets of some places: their rows, which further one it is, segments and shares."""

    row: NDArray[np.int64]
    column: int
    segment: NDArray[np.int64]
    share: NDArray[np.float64]


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
    count = len(places)
    at = np.full((count, 2), np.nan)
    found = Snapped(
        np.full(count, -1, dtype=np.int64), np.zeros(count), np.full(count, np.inf), at, labels
    )
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


def _put(
    graph: StreetGraph,
    shapes: tuple[NDArray[np.object_], NDArray[np.object_]],
    rows: NDArray[np.int64],
    max_snap_m: float,
    out: Snapped,
) -> Snapped:
    """Put some rows of places, and the points inside them, onto the nearest segments."""
    places, points = shapes
    ties = _nearest(graph, points, rows, max_snap_m, out)
    left = rows[out.segment[rows] < 0]
    left = left[np.isin(shapely.get_type_id(places[left]), POLYGONS)]
    if len(left):
        ties += _nearest(graph, places[left], left, max_snap_m, out)
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
    reach = _reach(key[1]) + float(graph.table["snap"]["tie_m"])
    near = np.zeros(len(old.segment), dtype=bool)
    near[changes.query(shapes[0], predicate="dwithin", distance=reach)[0]] = True
    again = near[rows]
    found = _put(graph, (shapes[0], shapes[1][again]), rows[again], key[1], out)
    stays = ~near & (old.segment >= 0)
    found.segment[stays] = same[old.segment[stays]]
    found.share[stays], found.metres[stays] = old.share[stays], old.metres[stays]
    return _more_ties(found, old, same, ~near)


def _kinds(graph: StreetGraph) -> NDArray[np.int64]:
    """Give the index of `_trees` in which each segment stands; 2 for none."""
    kind = np.full(graph.n_segments, 2, dtype=np.int64)
    for number, (_, segments) in enumerate(_trees(graph)):
        kind[segments] = number
    return kind


def _more_ties(
    found: Snapped, old: Snapped, same: NDArray[np.int64], stays: NDArray[np.bool_]
) -> Snapped:
    """Add the equally near streets of places that keep theirs."""
    if old.also_segment is None or old.also_share is None:
        return found
    wide = old.also_segment.shape[1]
    wide = max(wide, 0 if found.also_segment is None else found.also_segment.shape[1])
    segment, share = (np.full((len(stays), wide), fill) for fill in (-1, 0.0))
    if found.also_segment is not None and found.also_share is not None:
        segment[:, : found.also_segment.shape[1]] = found.also_segment
        share[:, : found.also_share.shape[1]] = found.also_share
    was = old.also_segment[stays]
    kept = np.arange(was.shape[1])
    segment[np.ix_(stays, kept)] = np.where(was >= 0, same[was], -1)
    share[np.ix_(stays, kept)] = old.also_share[stays]
    used = int((segment >= 0).any(axis=0).sum())
    if not used:
        return replace(found, also_segment=None, also_share=None)
    return replace(found, also_segment=segment[:, :used], also_share=share[:, :used])


def _with_ties(found: Snapped, ties: list[_Tie]) -> Snapped:
    """Add the equally near streets, of which no place has many."""
    if not ties:
        return found
    shape = len(found.segment), 1 + max(tie.column for tie in ties)
    segment, share = np.full(shape, -1, dtype=np.int64), np.zeros(shape)
    for tie in ties:
        segment[tie.row, tie.column] = tie.segment
        share[tie.row, tie.column] = tie.share
    return replace(found, also_segment=segment, also_share=share)


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


def _nearest(
    graph: StreetGraph,
    shapes: NDArray[np.object_],
    rows: NDArray[np.int64],
    max_snap_m: float,
    out: Snapped,
) -> list[_Tie]:
    """Fill in the nearest segment of each shape, first among whole networks, then fragments; give ties."""
    ties: list[_Tie] = []
    for tree, numbers in _trees(graph):
        todo = np.flatnonzero(out.segment[rows] < 0)
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
        out.segment[rows[which]] = found
        out.share[rows[which]], end = _ends(graph, shapes[which], found)
        out.metres[rows[which]] = distance
        for part in np.array_split(np.arange(len(which)), 1 + len(which) // _AT_ONCE):
            some = which[part]
            within = distance[part] + float(graph.table["snap"]["tie_m"])
            near, other = tree.query(shapes[some], predicate="dwithin", distance=within)
            touching = _touching(graph, shapes[some], within, (near, numbers[other]))
            ties += _equally_near(graph, rows[some], end[part], touching)
    return ties


def _ends(
    graph: StreetGraph, shapes: NDArray[np.object_], segments: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give where on a segment each shape is nearest: the share of its length, and the coordinates."""
    lines = graph.geometry[segments]
    flat = shapely.get_type_id(shapes) != 0
    if flat.any():
        shapes = shapes.copy()
        shapes[flat] = shapely.get_point(shapely.shortest_line(shapes[flat], lines[flat]), 1)
    place = shapely.line_locate_point(lines, shapes)
    end = shapely.get_coordinates(shapely.line_interpolate_point(lines, place))
    return np.clip(place / shapely.length(lines), 0.0, 1.0), end


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
    areas = which[flat], segment[flat], *_ends(graph, shapes[which[flat]], segment[flat])
    which, segment = which[~flat], segment[~flat]
    xy, pair = shapely.get_coordinates(graph.geometry[segment], return_index=True)
    inner = pair[1:] == pair[:-1]
    start, step, pair = xy[:-1][inner], np.diff(xy, axis=0)[inner], pair[:-1][inner]
    length = np.hypot(*step.T)
    place = shapely.get_coordinates(shapely.centroid(shapes))[which[pair]]
    part = np.clip(((place - start) * step).sum(axis=1) / np.maximum(length, 1e-9) ** 2, 0.0, 1.0)
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
) -> list[_Tie]:
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
        ties.append(_Tie(rows[chosen.which], column, chosen.segment, chosen.share))
        taken[chosen.which] = chosen.end
    return ties


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
    # The streets with a way to one service are mostly those with a way to another.
    key = ("near any", chosen.tobytes())
    if key not in graph.memory:
        graph.memory[key] = shapely.STRtree(graph.geometry[chosen])
    tree: shapely.STRtree = graph.memory[key]
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
    points, owner = home_points(grid, cells, spacing_m)
    return snap(graph, points, max_snap_m=max_snap_m), owner


def home_points(
    grid: GeoBox, cells: NDArray[np.int64], spacing_m: float
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """
    Give the points of `cell_points` as geometries.

    Parameters
    ----------
    grid : study grid.
    cells : flat cell numbers.
    spacing_m : as for `cell_points`.

    Returns
    -------
    Points, and the position in `cells` of each.
    """
    x, y, owner = cell_points(grid, cells, spacing_m=spacing_m)
    return np.asarray(shapely.points(x, y), dtype=object), owner
