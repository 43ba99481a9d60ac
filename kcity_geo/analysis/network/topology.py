"""
Cut ways at their junctions and join the pieces between real ones.

Works on the node ids of OSM, never on coordinates: a bridge over a motorway shares no node with it
and does not join. Knows nothing of speeds; `kcity_geo.analysis.network.graph` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.errors import SchemaError
from kcity_geo.runs import place_in_run

__all__ = ["Pieces", "Vertices", "chains", "cut", "join", "vertices"]

#: A node of two segment ends is no junction.
THROUGH = 2


@dataclass(frozen=True, eq=False)
class Vertices:
    """
    All vertices of all ways, one after the other.

    Parameters
    ----------
    way : row of the road layer.
    node : dense node number, in the order of OSM ids.
    x, y : metres.
    along : distance from the start of the first way; grows by 1 m between two ways.
    osm : OSM id of each dense node number, shape (nodes,).
    """

    way: NDArray[np.int64]
    node: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    along: NDArray[np.float64]
    osm: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """
    Parts of ways between two break nodes.

    Parameters
    ----------
    start, end : first and last position in `Vertices`.
    a, b : node numbers of the two ends; numbers from ``len(osm)`` are ends at a barrier.
    node_of : dense node number of each end number, shape (ends,).
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    node_of: NDArray[np.int64]


def vertices(roads: gpd.GeoDataFrame) -> Vertices:
    """
    Lay out the vertices of all ways.

    Parameters
    ----------
    roads : LineStrings; ``node_ids`` aligned with their vertices. Without that column vertices
        at the same millimetre are the same node.

    Returns
    -------
    The vertices; repeated ones of a way are dropped, and so are ways with one vertex.

    Raises
    ------
    SchemaError
        If ``node_ids`` and the vertices of a way differ in number.
    """
    geometry = roads.geometry.to_numpy()
    xy, way = shapely.get_coordinates(geometry, return_index=True)
    way = way.astype(np.int64)
    if "node_ids" in roads and len(roads):
        lists = [np.asarray(ids, dtype=np.int64) for ids in roads["node_ids"]]
        wrong = np.flatnonzero(
            np.array([len(ids) for ids in lists]) != np.bincount(way, minlength=len(roads))
        )
        if len(wrong):
            raise SchemaError(
                f"roads: way {roads['osm_id'].iloc[wrong[0]]} has {len(lists[wrong[0]])} node_ids "
                "and another number of vertices; read the extract again"
            )
        ids = np.concatenate(lists)
    else:
        ids = np.unique(np.round(xy, 3), axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    keep = np.ones(len(ids), bool)
    keep[1:] = (way[1:] != way[:-1]) | (ids[1:] != ids[:-1])
    many = np.bincount(way[keep], minlength=len(roads)) > 1
    keep &= many[way] if len(way) else keep
    ids, way, xy = ids[keep], way[keep], xy[keep]
    osm, node = np.unique(ids, return_inverse=True)
    step = np.ones(len(ids))
    if len(ids):
        same = way[1:] == way[:-1]
        step[1:][same] = np.hypot(*(xy[1:] - xy[:-1])[same].T)
        step[0] = 0.0
    return Vertices(way, node.astype(np.int64), xy[:, 0], xy[:, 1], np.cumsum(step), osm)


def cut(points: Vertices, *, blocked: NDArray[np.int64]) -> Pieces:
    """
    Cut the ways where they meet, end or are blocked.

    Parameters
    ----------
    points : of all ways.
    blocked : OSM ids of nodes that nobody passes: every piece gets an end of its own there.

    Returns
    -------
    The pieces, in the order of ways.
    """
    n = len(points.node)
    first, last = np.ones(n, bool), np.ones(n, bool)
    first[1:] = points.way[1:] != points.way[:-1]
    last[:-1] = first[1:]
    closed = np.isin(points.osm, blocked)
    shared = np.bincount(points.node, minlength=len(points.osm)) > 1
    breaks = first | last | (shared | closed)[points.node]
    position = np.flatnonzero(breaks)
    inner = ~last[position]
    start = position[inner]
    end = position[np.flatnonzero(inner) + 1]
    a, b = points.node[start].copy(), points.node[end].copy()
    ends = np.concatenate([a, b])
    stop = np.flatnonzero(closed[ends])
    extra = ends[stop]
    ends[stop] = len(points.osm) + np.arange(len(stop))
    node_of = np.concatenate([np.arange(len(points.osm)), extra])
    return Pieces(start, end, ends[: len(a)], ends[len(a) :], node_of)


def chains(
    pieces: Pieces,
    *,
    forward: NDArray[np.bool_],
    backward: NDArray[np.bool_],
    kind: NDArray[np.integer],
    keep: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """
    Join pieces at nodes where nothing else happens.

    Two pieces are joined at a node of theirs alone when they are of one kind and who may come in
    from the one side may go out on the other, both ways.

    Parameters
    ----------
    pieces : of all ways.
    forward, backward : may be travelled along or against, a value a piece.
    kind : whole numbers; only pieces of one kind are joined, a value a piece.
    keep : end numbers at which nothing is joined.

    Returns
    -------
    Piece numbers in travel order, whether each is turned round, and the chain of each.
    """
    count = len(pieces.a)
    ends = np.column_stack([pieces.a, pieces.b]).ravel()  # end 2p is the tail of p, 2p + 1 its head
    degree = np.bincount(ends, minlength=len(pieces.node_of))
    degree[keep] = 0
    order = np.argsort(ends, kind="stable")
    pair = order[np.flatnonzero(degree[ends[order]] == THROUGH)].reshape(-1, 2)
    p, q = pair[:, 0] // 2, pair[:, 1] // 2
    at_head = pair % 2 == 1
    out_p, into_p = _flags(at_head[:, 0], forward[p], backward[p])
    out_q, into_q = _flags(at_head[:, 1], forward[q], backward[q])
    good = (p != q) & (kind[p] == kind[q]) & (out_p == into_q) & (out_q == into_p)
    link = np.full(2 * count, -1, dtype=np.int64)
    link[pair[good, 0]] = pair[good, 1]
    link[pair[good, 1]] = pair[good, 0]
    return _walked(link)


def _flags(
    head: NDArray[np.bool_], forward: NDArray[np.bool_], backward: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether one may leave, and enter, a piece at this end."""
    return np.where(head, forward, backward), np.where(head, backward, forward)


def _walked(
    link: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """Follow the links from every free end, then round the rings."""
    joined = (link[0::2] >= 0) | (link[1::2] >= 0)
    single = np.flatnonzero(~joined)
    order: list[int] = []
    turned: list[bool] = []
    chain: list[int] = []
    links = link.tolist()
    seen = (~joined).tolist()
    number = 0
    many = np.flatnonzero(joined).tolist()
    free = [piece for piece in many if links[2 * piece] < 0 or links[2 * piece + 1] < 0]
    for piece in free + many:
        if seen[piece]:
            continue
        end = 2 * piece if links[2 * piece] < 0 or links[2 * piece + 1] >= 0 else 2 * piece + 1
        while not seen[end >> 1]:
            seen[end >> 1] = True
            order.append(end >> 1)
            turned.append(bool(end & 1))
            chain.append(number)
            end = links[end ^ 1]
            if end < 0:
                break
        number += 1
    return (
        np.concatenate([np.array(order, dtype=np.int64), single]),
        np.concatenate([np.array(turned, dtype=bool), np.zeros(len(single), bool)]),
        np.concatenate([np.array(chain, dtype=np.int64), number + np.arange(len(single))]),
    )


def join(
    points: Vertices,
    pieces: Pieces,
    *,
    order: NDArray[np.int64],
    turned: NDArray[np.bool_],
    chain: NDArray[np.int64],
) -> tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.int64]]:
    """
    Draw the chains as lines.

    Parameters
    ----------
    points, pieces : what the chains are made of.
    order, turned, chain : from `chains`; `chain` ascending.

    Returns
    -------
    LineStrings, and the end numbers of their tails and heads.
    """
    total = int(chain[-1]) + 1 if len(chain) else 0
    first = np.ones(len(order), bool)
    first[1:] = chain[1:] != chain[:-1]
    last = np.ones(len(order), bool)
    last[:-1] = first[1:]
    start, end = pieces.start[order], pieces.end[order]
    size = end - start + 1
    skip = (~first).astype(np.int64)
    count = size - skip
    which = np.repeat(np.arange(len(order)), count)
    nth = place_in_run(count) + skip[which]
    position = np.where(turned[which], end[which] - nth, start[which] + nth)
    xy = np.column_stack([points.x[position], points.y[position]])
    lines = np.zeros(0, dtype=object)
    if total:
        lines = np.asarray(shapely.linestrings(xy, indices=chain[which]), dtype=object)
    tail = np.where(turned, pieces.b[order], pieces.a[order])[first]
    head = np.where(turned, pieces.a[order], pieces.b[order])[last]
    return lines, tail, head
