"""
Edited: which streets a city had before an edit of its map, and what stays as it was.

A graph that knows the one before the edit does not look again for the streets of places far from every
change: the nearest streets of a place are those within a limit, and where none of them changed, they are
the same ones under another number.
"""

from __future__ import annotations

import hashlib

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.network.graph import StreetGraph

__all__ = ["changed_streets", "follow", "places_key", "same_segments"]


def follow(graph: StreetGraph, before: StreetGraph | None) -> None:
    """
    Let a graph remember the places that are put onto it, and know the graph before an edit.

    Parameters
    ----------
    graph : street graph.
    before : of the same city and mode before the edit; None: it is the first.
    """
    if "snapped" in graph.memory:
        return
    graph.memory["snapped"] = {}
    if before is not None:
        before.memory.pop("before", None)  # one step back is enough, and holds no chain of cities
        graph.memory["before"] = before


def places_key(places: NDArray[np.object_], limit_m: float) -> tuple[bytes, float]:
    """
    Give what tells places from others: their shapes, in their order, and how far one looks.

    Parameters
    ----------
    places : shapely geometries, some may be missing.
    limit_m : metres.

    Returns
    -------
    The key.

    Examples
    --------
    >>> one, two = (np.array([shapely.Point(x, 0)], dtype=object) for x in (1, 2))
    >>> places_key(one, 300.0) == places_key(one, 300.0), places_key(one, 300.0) == places_key(two, 300.0)
    (True, False)
    """
    if (shapely.get_type_id(places) == 0).all() and not shapely.is_empty(places).any():
        told = shapely.get_coordinates(places).tobytes()
    else:
        told = repr(shapely.to_wkb(places).tolist()).encode()
    return hashlib.blake2b(told, digest_size=16).digest(), limit_m


def same_segments(
    before: StreetGraph,
    after: StreetGraph,
    kinds: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> NDArray[np.int64]:
    """
    Tell which segments of a graph are those of another.

    Parameters
    ----------
    before, after : graphs.
    kinds : a whole number for each segment of either; segments of two kinds are never the same.

    Returns
    -------
    Shape (segments before,), number of the same segment after; -1 where there is none. Numbers grow:
    segments that changed their order count as changed.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from kcity_geo.analysis.network.graph import build_graph
    >>> lines = [shapely.LineString([(0, y), (100, y)]) for y in (0, 50, 90)]
    >>> ways = gpd.GeoDataFrame({"osm_id": [3, 5, 4], "highway": ["residential"] * 3}, geometry=lines, crs=32632)
    >>> one, two = build_graph(ways, mode="walk"), build_graph(ways[1:], mode="walk")
    >>> same_segments(one, two, (np.zeros(3, int), np.zeros(2, int))).tolist()  # ordered by the id of the way
    [-1, 0, 1]
    """
    graphs = before, after
    if any((g.osm_way[1:] < g.osm_way[:-1]).any() for g in graphs):
        rows = [np.arange(g.n_segments) for g in graphs]
        return _matched(graphs, kinds, (rows[0], rows[1]))
    # Segments stand in the order of their ways: a way with as many of them as before is compared at once.
    found = np.full(before.n_segments, -1, dtype=np.int64)
    ways, pieces = np.unique(before.osm_way, return_counts=True)
    first, end = (np.searchsorted(after.osm_way, ways, side) for side in ("left", "right"))
    even = np.repeat(end - first == pieces, pieces)
    shift = np.repeat(first - (np.cumsum(pieces) - pieces), pieces)
    was = np.flatnonzero(even)
    now = was + shift[was]
    equal = kinds[0][was] == kinds[1][now]
    equal &= _same_lines(before.geometry[was], after.geometry[now])
    differs = np.union1d(before.osm_way[was[~equal]], before.osm_way[~even])
    whole = ~np.isin(before.osm_way[was], differs)
    found[was[whole]] = now[whole]
    rows = [np.flatnonzero(np.isin(g.osm_way, differs)) for g in graphs]
    found[rows[0]] = _matched(graphs, kinds, (rows[0], rows[1]))
    return found


def _same_lines(one: NDArray[np.object_], two: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which lines have the same coordinates, to the last bit."""
    size = shapely.get_num_coordinates(one)
    equal = np.asarray(size == shapely.get_num_coordinates(two))
    xy = [shapely.get_coordinates(lines[equal]).view(np.int64) for lines in (one, two)]
    other = (xy[0] != xy[1]).any(axis=1)
    line = np.repeat(np.flatnonzero(equal), size[equal])
    equal[line[other]] = False
    return equal


def _matched(
    graphs: tuple[StreetGraph, StreetGraph],
    kinds: tuple[NDArray[np.integer], NDArray[np.integer]],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Give the number after of each of some segments before, looked for by their names one by one."""
    names = [
        list(
            zip(
                shapely.to_wkb(g.geometry[some]).tolist(),
                g.osm_way[some].tolist(),
                kind[some].tolist(),
                strict=True,
            )
        )
        for g, kind, some in zip(graphs, kinds, rows, strict=True)
    ]
    place: dict[tuple[bytes, int, int], int] = {}
    for number, name in zip(rows[1].tolist(), names[1], strict=True):
        place[name] = -1 if name in place else number
    twice = len(set(names[0])) < len(names[0])
    seen: set[tuple[bytes, int, int]] = set()
    found = np.full(len(names[0]), -1, dtype=np.int64)
    last = -1
    for number, name in enumerate(names[0]):
        if twice and name in seen:
            continue
        seen.add(name)
        there = place.get(name, -1)
        if there > last:
            found[number] = last = there
    return found


def changed_streets(
    before: StreetGraph, after: StreetGraph, same: NDArray[np.int64]
) -> NDArray[np.object_]:
    """
    Give the lines of all segments that are gone or new.

    Parameters
    ----------
    before, after : graphs.
    same : of `same_segments`.

    Returns
    -------
    LineStrings.
    """
    new = np.ones(after.n_segments, dtype=bool)
    new[same[same >= 0]] = False
    return np.concatenate([before.geometry[same < 0], after.geometry[new]])
