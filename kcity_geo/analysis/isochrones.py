"""
Isochrones: the land that is reached within a time, exact along the streets.

A street that is reached in part is drawn in part; a block between reached streets belongs to the
land, and of a block on the border the part between its reached streets. No hull is thrown over
nodes, so that a river without a bridge stays a border.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.ops import substring

from kcity_geo.analysis.access import node_costs, snap_cost
from kcity_geo.errors import StudyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kcity_geo.analysis.network import StreetGraph
    from kcity_geo.analysis.snapping import Snapped

__all__ = ["isochrones", "reached_streets"]


def isochrones(
    graph: StreetGraph,
    places: Snapped,
    *,
    limits: tuple[float, ...],
    unit: str = "minutes",
    direction: str = "from",
    max_snap_m: float = 300.0,
    street_m: float = 25.0,
) -> list[shapely.Geometry]:
    """
    Draw the land within reach of the nearest of some places.

    Parameters
    ----------
    graph : street graph.
    places : on the network.
    limits : in `unit`; one result each.
    unit : minutes or metres.
    direction : ``from`` the places, or ``to`` them.
    max_snap_m : land farther from every reached street is left out.
    street_m : streets that border no block, such as dead ends, are drawn this wide on either side.

    Returns
    -------
    Polygons or multipolygons, empty where nothing is reached. Each holds those of lower limits.
    """
    return [
        _land(
            graph,
            reached_streets(graph, places, limit=limit, unit=unit, direction=direction),
            max_snap_m=max_snap_m,
            street_m=street_m,
        )
        for limit in limits
    ]


def reached_streets(
    graph: StreetGraph,
    places: Snapped,
    *,
    limit: float,
    unit: str = "minutes",
    direction: str = "from",
) -> NDArray[np.object_]:
    """
    Give the part of each segment that is reached, exact to the metre where the limit falls.

    Parameters
    ----------
    graph : street graph.
    places : on the network.
    limit : in `unit`.
    unit : minutes or metres.
    direction : ``from`` the places, or ``to`` them.

    Returns
    -------
    Shape (m,), LineStrings or MultiLineStrings; None where nothing is reached.

    Raises
    ------
    StudyError
        If the direction is unknown.
    """
    if direction not in {"to", "from"}:
        raise StudyError(f"direction: {direction!r} is neither 'to' nor 'from'")
    cost = node_costs(graph, places, unit=unit, direction=direction, limit=limit)
    ahead, back = graph.costs(unit)
    if direction == "to":
        ahead, back = back, ahead
    with np.errstate(invalid="ignore", divide="ignore"):
        from_tail = np.nan_to_num((limit - cost[graph.tail]) / ahead, nan=0.0, neginf=0.0)
        from_head = np.nan_to_num((limit - cost[graph.head]) / back, nan=0.0, neginf=0.0)
    from_tail, from_head = np.clip(from_tail, 0.0, 1.0), np.clip(from_head, 0.0, 1.0)
    spans: dict[int, list[tuple[float, float]]] = {}
    for i in np.flatnonzero((from_tail > 0) | (from_head > 0)).tolist():
        spans[i] = [(0.0, float(from_tail[i])), (1.0 - float(from_head[i]), 1.0)]
    for segment, share, metres in zip(
        places.segment.tolist(), places.share.tolist(), places.metres.tolist(), strict=True
    ):
        left = limit - float(snap_cost(graph, np.array([metres]), unit=unit)[0])
        if segment >= 0 and left > 0:
            up, down = left / ahead[segment], left / back[segment]
            spans.setdefault(segment, []).append((max(share - down, 0.0), min(share + up, 1.0)))
    result = np.full(graph.n_segments, None, dtype=object)
    for segment, parts in spans.items():
        result[segment] = _cut(graph.geometry[segment], parts)
    return result


def _cut(line: shapely.LineString, parts: list[tuple[float, float]]) -> shapely.Geometry | None:
    """Give the union of some spans of a line."""
    joined: list[list[float]] = []
    for low, high in sorted(part for part in parts if part[1] > part[0]):
        if joined and low <= joined[-1][1] + 1e-12:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    if not joined:
        return None
    if joined == [[0.0, 1.0]]:
        return line
    pieces = [substring(line, low, high, normalized=True) for low, high in joined]
    return shapely.union_all(np.array(pieces, dtype=object))


def _blocks(
    graph: StreetGraph,
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.int64]]:
    """Give the blocks between streets, and which segments lie on or in which; remembered."""
    if "blocks" not in graph.memory:
        faces = shapely.get_parts(shapely.polygonize(graph.geometry))
        if len(faces) == 0:
            graph.memory["blocks"] = faces, np.zeros(0, np.int64), np.zeros(0, np.int64)
        else:
            face, segment = shapely.STRtree(graph.geometry).query(faces, predicate="covers")
            order = np.lexsort((segment, face))
            graph.memory["blocks"] = faces, face[order], segment[order]
    blocks: tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.int64]] = graph.memory[
        "blocks"
    ]
    return blocks


def _land(
    graph: StreetGraph,
    streets: NDArray[np.object_],
    *,
    max_snap_m: float,
    street_m: float,
) -> shapely.Geometry:
    """Fill the blocks between reached streets; widen those that border no block."""
    reached = ~shapely.is_missing(streets)
    faces, face, segment = _blocks(graph)
    use = reached[segment]
    pieces = []
    bordering = np.zeros(graph.n_segments, bool)
    bordering[segment] = True
    for number in np.unique(face[use]).tolist():
        low, high = np.searchsorted(face, [number, number + 1])
        mine = streets[segment[low:high]]
        lines = mine[~shapely.is_missing(mine)]
        whole = len(lines) == len(mine) and all(
            line is graph.geometry[i] for line, i in zip(mine, segment[low:high], strict=True)
        )
        part = faces[number]
        if not whole:
            part = shapely.intersection(part, shapely.convex_hull(shapely.union_all(lines)))
        if part.area > np.pi * max_snap_m**2:
            part = shapely.intersection(part, shapely.buffer(shapely.union_all(lines), max_snap_m))
        pieces.append(part)
    alone = streets[reached & ~bordering]
    pieces += list(shapely.buffer(alone, street_m))
    return shapely.union_all(np.array(pieces, dtype=object))
