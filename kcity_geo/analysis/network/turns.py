"""
Turn restrictions: from the relations of OSM to the segments of a street graph.

Pure. Which relations bind is read off ``tables/network.toml``; how a search obeys them stands in
`kcity_geo.analysis.network.passing`.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.network.passing import End, Turn

__all__ = ["Ends", "turns_of", "via_nodes"]


class Ends:
    """
    The ends of segments by OSM node and way.

    Parameters
    ----------
    osm : shape (2, m), OSM node at the tail and at the head of each segment.
    way : shape (2, m), OSM way of each segment at its tail and its head.
    passable : shape (m,) each, the segment may be driven from tail to head, and back.
    wanted : OSM ids of the nodes that are asked for.

    Examples
    --------
    >>> ends = Ends(
    ...     np.array([[7], [8]]),
    ...     way=np.array([[5], [5]]),
    ...     passable=(np.array([True]), np.array([False])),
    ...     wanted=np.array([8]),
    ... )
    >>> ends.arriving(5, 8), ends.leaving(5, 8)
    ([(0, 1)], [])
    """

    def __init__(
        self,
        osm: NDArray[np.int64],
        *,
        way: NDArray[np.int64],
        passable: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        wanted: NDArray[np.int64],
    ) -> None:
        self._found: dict[tuple[int, int], list[End]] = {}
        self._osm = osm
        self._open = passable
        self._way = way
        near = np.isin(self._osm, wanted)
        for end in (0, 1):
            for segment in np.flatnonzero(near[end]).tolist():
                key = (int(way[end, segment]), int(self._osm[end, segment]))
                self._found.setdefault(key, []).append((segment, end))

    def arriving(self, way: int, node: int) -> list[End]:
        """Give the ends of a way at which a node can be arrived at."""
        return [e for e in self._found.get((way, node), []) if self._open[1 - e[1]][e[0]]]

    def leaving(self, way: int, node: int) -> list[End]:
        """Give the ends of a way at which one can leave a node."""
        return [e for e in self._found.get((way, node), []) if self._open[e[1]][e[0]]]

    def between(self, way: int, node: int) -> tuple[End, int] | None:
        """Give the whole of a way that leaves a node, and the node at its other end."""
        found = self.leaving(way, node)
        if len(found) != 1:
            return None
        segment, end = found[0]
        if self._way[1 - end, segment] != way:
            return None
        return found[0], int(self._osm[1 - end, segment])


def via_nodes(turns: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """
    Give the OSM nodes at which restrictions begin or end.

    Parameters
    ----------
    turns : layer ``turn_restriction``.

    Returns
    -------
    Sorted ids.
    """
    if not len(turns):
        return np.zeros(0, np.int64)
    lists = [np.asarray(nodes, dtype=np.int64) for nodes in turns["via_nodes"]]
    return np.unique(np.concatenate(lists))


def turns_of(turns: gpd.GeoDataFrame, ends: Ends) -> tuple[list[Turn], int]:
    """
    Find the segments of turn restrictions.

    Parameters
    ----------
    turns : rows of the layer ``turn_restriction`` that bind, with ``restriction``, ``from_way``,
        ``to_way``, ``via_nodes`` (one node, or both ends of ``via_way``).
    ends : of the graph.

    Returns
    -------
    The turns, and how many rows cannot be obeyed: a way is not in the network, runs through the
    node instead of ending there, or the way between has crossings.
    """
    found: list[Turn] = []
    lost = 0
    columns = ("restriction", "from_way", "to_way", "via_way", "via_nodes")
    for kind, start, goal, between, nodes in zip(*(turns[c] for c in columns), strict=True):
        made = _turn(ends, (int(start), int(between), int(goal)), [int(n) for n in nodes])
        if made is None:
            lost += 1
        else:
            arrive, via, leave = made
            found.append(Turn(arrive, via, leave, only=str(kind).startswith("only_")))
    return found, lost


def _turn(
    ends: Ends, ways: tuple[int, int, int], nodes: list[int]
) -> tuple[End, End | None, End] | None:
    start, between, goal = ways
    made: list[tuple[End, End | None, End]] = []
    for node in nodes:
        arrive, via, there = ends.arriving(start, node), None, node
        if between:
            step = ends.between(between, node)
            if step is None or step[1] == node:
                continue
            via, there = step
        leave = ends.leaving(goal, there)
        if len(arrive) == 1 and len(leave) == 1:
            made.append((arrive[0], via, leave[0]))
    return made[0] if len(made) == 1 else None
