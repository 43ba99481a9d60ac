"""
Intersections as people see them: close nodes are one, and a divided road is one road.

Opposite one-way lines side by side are two drawings of one street. They are found by distance and
direction, not by name.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.rules import directions, texts
from kcity_geo.settings import NetworkTable, StreetFormRules

__all__ = ["divided_share", "divided_ways", "intersections"]

#: Longest piece that is judged at its middle, metres.
PIECE_M = 50.0
#: How far out of a node the direction of a street is told, metres.
ARM_M = 20.0
REAL_JUNCTION = 3


def divided_share(
    streets: gpd.GeoDataFrame, *, table: NetworkTable
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.bool_]]:
    """
    Find the carriageways of divided roads.

    Parameters
    ----------
    streets : ways that count as streets.
    table : of ``tables/network.toml``.

    Returns
    -------
    The streets as lines, one-way ones cut into pieces of up to 50 m; the row of `streets` each
    belongs to; and whether an opposite one-way line runs within 25 m of it.
    """
    geometry = np.asarray(streets.geometry.to_numpy(), dtype=object)
    ahead, back = directions(streets, mode="drive", table=table)
    single = (ahead != back) & ~np.isin(texts(streets, "junction"), table["oneway"]["roundabout"])
    rows = np.flatnonzero(single)
    if len(rows) == 0:
        return geometry, np.arange(len(geometry)), np.zeros(len(geometry), bool)
    whole = np.flatnonzero(~single)
    xy, line = shapely.get_coordinates(
        shapely.segmentize(geometry[rows], PIECE_M), return_index=True
    )
    same = (line[1:] == line[:-1]) & (xy[1:] != xy[:-1]).any(axis=1)
    start, end, owner = xy[:-1][same], xy[1:][same], rows[line[1:][same]]
    flip = ~ahead[owner]
    delta = np.where(flip[:, None], start - end, end - start)
    pieces = np.asarray(shapely.linestrings(np.stack([start, end], axis=1)), dtype=object)
    paired = _opposite(pieces, (start + end) / 2, delta, owner, table["street_form"])
    return (
        np.concatenate([geometry[whole], pieces]),
        np.concatenate([whole, owner]),
        np.concatenate([np.zeros(len(whole), bool), paired]),
    )


def _opposite(
    pieces: NDArray[np.object_],
    middle: NDArray[np.float64],
    delta: NDArray[np.float64],
    owner: NDArray[np.int64],
    rules: StreetFormRules,
) -> NDArray[np.bool_]:
    """Whether a piece of another way runs the other way close by."""
    tree = shapely.STRtree(pieces)
    piece, other = tree.query(
        shapely.points(middle), predicate="dwithin", distance=float(rules["dual_m"])
    )
    keep = owner[piece] != owner[other]
    piece, other = piece[keep], other[keep]
    unit = delta / np.hypot(delta[:, 0], delta[:, 1])[:, None]
    cosine = (unit[piece] * unit[other]).sum(axis=1)
    against = cosine <= -np.cos(np.radians(rules["dual_angle_deg"]))
    paired = np.zeros(len(pieces), bool)
    paired[piece[against]] = True
    return paired


def divided_ways(
    streets: gpd.GeoDataFrame,
    lines: NDArray[np.object_],
    row: NDArray[np.int64],
    paired: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """
    Give the ways that run beside an opposite one for more than half of their length.

    Parameters
    ----------
    streets : as for `divided_share`.
    lines, row, paired : what that returned.

    Returns
    -------
    OSM way ids.
    """
    length = shapely.length(lines)
    total = np.bincount(row, weights=length, minlength=len(streets))
    beside = np.bincount(row, weights=length * paired, minlength=len(streets))
    return np.asarray(streets["osm_id"].to_numpy(dtype=np.int64)[beside > total / 2])


def intersections(
    graph: StreetGraph,
    *,
    divided: NDArray[np.int64],
    roundabouts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Find where three or more streets meet.

    Nodes with three or more segments are one intersection when they lie within 15 m, on one
    roundabout, or within 25 m on the two carriageways of a divided road. Carriageways that leave in
    one direction count as one street, so that a gap in the median is no intersection.

    Parameters
    ----------
    graph : of streets, both ways.
    divided : ids of ways that are one of two carriageways.
    roundabouts : ids of ways that are part of a roundabout.

    Returns
    -------
    x and y of each intersection, metres.
    """
    rules = graph.table["street_form"]
    ring = np.isin(graph.osm_way, roundabouts)
    dual = np.isin(graph.osm_way, divided) & ~ring
    junction = graph.degree >= REAL_JUNCTION
    number = np.full(graph.n_nodes, -1, dtype=np.int64)
    node = np.flatnonzero(junction)
    number[node] = np.arange(len(node))
    if len(node) == 0:
        return np.zeros(0), np.zeros(0)
    cluster = _clusters(graph, node, number, ring=ring, dual=dual, rules=rules)
    arms = _arms(graph, number, cluster, ring=ring, dual=dual, rules=rules)
    size = np.bincount(cluster)
    x = np.bincount(cluster, weights=graph.node_x[node]) / size
    y = np.bincount(cluster, weights=graph.node_y[node]) / size
    real = arms >= REAL_JUNCTION
    return x[real], y[real]


def _clusters(
    graph: StreetGraph,
    node: NDArray[np.int64],
    number: NDArray[np.int64],
    *,
    ring: NDArray[np.bool_],
    dual: NDArray[np.bool_],
    rules: StreetFormRules,
) -> NDArray[np.int64]:
    """Give the intersection each junction node belongs to."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    xy = np.column_stack([graph.node_x[node], graph.node_y[node]])
    touches = np.zeros(graph.n_nodes, bool)
    touches[graph.tail[dual]] = touches[graph.head[dual]] = True
    reach = max(rules["consolidate_m"], rules["dual_m"])
    pairs = cKDTree(xy).query_pairs(reach + 1e-9, output_type="ndarray")
    distance = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    both = touches[node[pairs]].all(axis=1)
    pairs = pairs[(distance <= rules["consolidate_m"] + 1e-9) | (both & (distance <= reach + 1e-9))]
    # All junctions of one roundabout belong together, however wide it is.
    tail, head = number[graph.tail[ring]], number[graph.head[ring]]
    on = (tail >= 0) & (head >= 0)
    start = np.concatenate([pairs[:, 0], tail[on]])
    end = np.concatenate([pairs[:, 1], head[on]])
    links = csr_array((np.ones(len(start), np.int8), (start, end)), shape=(len(node), len(node)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _arms(
    graph: StreetGraph,
    number: NDArray[np.int64],
    cluster: NDArray[np.int64],
    *,
    ring: NDArray[np.bool_],
    dual: NDArray[np.bool_],
    rules: StreetFormRules,
) -> NDArray[np.int64]:
    """Count the streets that leave each intersection."""
    count = int(cluster.max()) + 1
    ends = np.concatenate([graph.tail, graph.head]).astype(np.int64)
    segment = np.tile(np.arange(graph.n_segments), 2)
    at_head = np.repeat([False, True], graph.n_segments)
    belongs = np.where(number[ends] >= 0, cluster[np.maximum(number[ends], 0)], -1)
    tail, head = belongs[: graph.n_segments], belongs[graph.n_segments :]
    short = graph.length_m <= max(2 * rules["consolidate_m"], 1.6 * rules["dual_m"])
    inner = (tail == head) & (tail >= 0) & (ring | short)
    use = (belongs >= 0) & ~inner[segment] & ~ring[segment]
    segment, at_head, belongs = segment[use], at_head[use], belongs[use]
    plain = ~dual[segment]
    arms = np.bincount(belongs[plain], minlength=count)
    segment, at_head, belongs = segment[~plain], at_head[~plain], belongs[~plain]
    lines = graph.geometry[segment]
    step = np.minimum(ARM_M, graph.length_m[segment])
    from_ = np.where(at_head, graph.length_m[segment], 0.0)
    to = np.where(at_head, graph.length_m[segment] - step, step)
    a = shapely.get_coordinates(shapely.line_interpolate_point(lines, from_))
    b = shapely.get_coordinates(shapely.line_interpolate_point(lines, to))
    bearing = np.degrees(np.arctan2(*(b - a).T)) % 360.0 if len(lines) else np.zeros(0)
    return arms + _directions(belongs, bearing, count, float(rules["dual_angle_deg"]))


def _directions(
    owner: NDArray[np.int64], bearing: NDArray[np.float64], count: int, angle: float
) -> NDArray[np.int64]:
    """Count the different directions of each owner; those within `angle` degrees are one."""
    if len(owner) == 0:
        return np.zeros(count, dtype=np.int64)
    order = np.lexsort((bearing, owner))
    owner, bearing = owner[order], bearing[order]
    first = np.ones(len(owner), bool)
    first[1:] = owner[1:] != owner[:-1]
    new = first.copy()
    new[1:] |= bearing[1:] - bearing[:-1] > angle
    groups = np.bincount(owner[new], minlength=count)
    start = np.flatnonzero(first)
    stop = np.append(start[1:], len(owner)) - 1
    wraps = (bearing[start] + 360.0 - bearing[stop] <= angle) & (groups[owner[start]] > 1)
    groups[owner[start[wraps]]] -= 1
    return np.asarray(groups, dtype=np.int64)
