"""
Ways that only a relation calls a route: ferries whose members carry no tag of their own.

The relation stands behind its ways in a file, and a way without tags is not looked at: those ways and
their nodes are read once more, by their ids, and only where a file has such relations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.sources.osm.rules import rules
from kcity_geo.sources.osm.tags import duration_min

__all__ = ["RouteRelation", "RouteWay", "route_relation", "route_ways"]

#: Members at which people board, not along which they go.
_STOPS: Final = ("platform", "stop", "entrance")
#: A member with one of these is something else that the route uses, or is in a layer already.
_OTHERWISE: Final = ("highway", "railway", "man_made", "public_transport", "building", "route")
_EARTH_M: Final = 6_371_000.0


@dataclass(frozen=True)
class RouteRelation:
    """A relation of a layer with ``route`` in ``tables/osm.toml``: id, tags, its ways and their roles."""

    osm_id: int
    tags: Mapping[str, str]
    ways: Mapping[int, str]


@dataclass
class RouteWay:
    """A way that its relation makes part of a route: runs of known nodes, and the tags that hold."""

    osm_id: int
    tags: dict[str, str]
    runs: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = field(default_factory=list)


def route_relation(item: Any, tags: Mapping[str, str]) -> RouteRelation | None:  # noqa: ANN401
    """
    Look whether a relation is a route whose ways need no tag.

    Parameters
    ----------
    item : osmium relation.
    tags : its tags.

    Returns
    -------
    The route; None for any other relation.
    """
    layers = rules().layers
    if not any(layers[layer].route for layer, _ in rules().match(tags).line):
        return None
    ways = {
        member.ref: member.role
        for member in islice(item.members, len(item.members))
        if member.type == "w" and not member.role.startswith(_STOPS)
    }
    return RouteRelation(item.id, dict(tags), ways)


def route_ways(
    path: str,
    routes: Sequence[RouteRelation],
    known: set[int],
    *,
    tags_of: Callable[[Any], dict[str, str]],
) -> Iterator[RouteWay]:
    """
    Read the ways of routes that carry no tag for it.

    Parameters
    ----------
    path : OSM file, in order.
    routes : of `route_relation`.
    known : ways that are part of a network by their own tags; left out.
    tags_of : reads the tags of an object.

    Yields
    ------
    Ways in the order of their ids; one of several routes belongs to the route of the lowest id. The
    duration of a route is divided among its ways by their length.
    """
    wanted = sorted({way for route in routes for way in route.ways})
    if not wanted or known.issuperset(wanted):
        return
    nodes_of, own_tags = _ways(path, wanted, tags_of)
    place = _nodes(path, sorted({node for nodes in nodes_of.values() for node in nodes}))
    runs = {way: _runs(nodes, place) for way, nodes in nodes_of.items()}
    length = {way: sum(_length_m(xy) for xy, _ in found) for way, found in runs.items()}
    given: dict[int, RouteWay] = {}
    for route in sorted(routes, key=lambda one: one.osm_id):
        total = sum(length.get(way, 0.0) for way in route.ways)
        for way, role in route.ways.items():
            own = own_tags.get(way)
            if own is None or way in known or way in given or own.keys() & set(_OTHERWISE):
                continue
            share = length[way] / total if total else 0.0
            tags = {**_of_piece(route.tags, share=share, role=role), **own}
            given[way] = RouteWay(way, tags, runs[way])
    yield from (given[way] for way in sorted(given))


def _ways(
    path: str, wanted: Sequence[int], tags_of: Callable[[Any], dict[str, str]]
) -> tuple[dict[int, list[int]], dict[int, dict[str, str]]]:
    """Give the nodes and the tags of some ways."""
    import osmium

    nodes: dict[int, list[int]] = {}
    tags: dict[int, dict[str, str]] = {}
    ways = osmium.FileProcessor(path, osmium.osm.WAY)
    for item in ways.with_filter(osmium.filter.IdFilter(wanted)):
        nodes[item.id] = [node.ref for node in item.nodes]
        tags[item.id] = tags_of(item)
    return nodes, tags


def _nodes(path: str, wanted: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Give longitude and latitude of some nodes, those that the file holds."""
    import osmium

    if not wanted:
        return {}
    nodes = osmium.FileProcessor(path, osmium.osm.NODE)
    return {
        item.id: (item.lon, item.lat)
        for item in nodes.with_filter(osmium.filter.IdFilter(wanted))
        if item.location.valid()
    }


def _runs(
    nodes: Sequence[int], place: Mapping[int, tuple[float, float]]
) -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Divide a way where nodes are missing."""
    runs: list[list[int]] = [[]]
    for node in nodes:
        if node in place:
            runs[-1].append(node)
        elif runs[-1]:
            runs.append([])
    return [
        (np.array([place[node] for node in run]), np.array(run, dtype=np.int64))
        for run in runs
        if len(run) > 1
    ]


def _length_m(lonlat: NDArray[np.float64]) -> float:
    """Length of a line, good enough to divide a duration by."""
    east = np.radians(lonlat[:, 0]) * np.cos(np.radians(lonlat[:, 1].mean()))
    flat = np.column_stack([east, np.radians(lonlat[:, 1])])
    return float(shapely.length(shapely.LineString(flat))) * _EARTH_M


def _of_piece(tags: Mapping[str, str], *, share: float, role: str) -> dict[str, str]:
    """Give the tags of a route as they hold for one of its ways."""
    found = dict(tags)
    minutes = duration_min(found.pop("duration", "")) * share
    if minutes > 0:
        found["duration"] = f"PT{minutes * 60:.0f}S" if minutes * 60 >= 1 else "PT1S"
    if role in {"forward", "backward"} and "oneway" not in found:
        found["oneway"] = "yes" if role == "forward" else "-1"
    return found
