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
    names = [
        list(
            zip(shapely.to_wkb(g.geometry).tolist(), g.osm_way.tolist(), kind.tolist(), strict=True)
        )
        for g, kind in zip((before, after), kinds, strict=True)
    ]
    place: dict[tuple[bytes, int, int], int] = {}
    for number, name in enumerate(names[1]):
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
