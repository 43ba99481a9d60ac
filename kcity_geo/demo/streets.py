# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Draw the streets, motorway and railway of the demo city as arrays of nodes and edges.

Streets run on a bent lattice: arterial lines every superblock, inner streets within. Nothing here
knows about OSM tags or files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kcity_geo.demo.lattice import (
    ARTERIAL,
    BRIDGE,
    CLASSES,
    CODE,
    DUAL,
    HALF,
    KEY,
    MOTORWAY_GAP,
    PLAIN,
    TUNNEL,
    lattice_edges,
)
from kcity_geo.demo.plan import UNIT, Plan
from kcity_geo.demo.terrain import Bools, Floats, Ints

__all__ = ["ARTERIAL", "BRIDGE", "CLASSES", "CODE", "TUNNEL", "Streets", "make_streets"]

STEEPEST = 0.17  # of a road without a tunnel


@dataclass(frozen=True, eq=False)
class Streets:
    """
    The true street network.

    Parameters
    ----------
    x, y : of each node, metres; junctions first, then the shape nodes of the edges.
    start, end : node of each edge, in the direction of travel when one-way.
    mid : shape (edges, m); shape nodes of each edge, in order.
    kind : index into `CLASSES`.
    oneway : whether only from start to end.
    structure : 0 plain, 1 bridge, 2 tunnel.
    line : number of the street that the edge belongs to; edges of one line follow each other.
    order : position along the line.
    superblock : flat number of the superblock, i * n + j.
    ring : nodes of the roundabouts, which are closed ways.
    """

    x: Floats
    y: Floats
    start: Ints
    end: Ints
    mid: Ints
    kind: Ints
    oneway: Bools
    structure: Ints
    line: Ints
    order: Ints
    superblock: Ints
    ring: list[list[int]]

    def refs(self) -> Ints:
        """Give the nodes of each edge in order, shape (edges, m + 2)."""
        return np.column_stack([self.start, self.mid, self.end])

    def lengths(self) -> Floats:
        """Length of each edge, metres."""
        refs = self.refs()
        return np.asarray(
            np.hypot(np.diff(self.x[refs], axis=1), np.diff(self.y[refs], axis=1)).sum(axis=1)
        )

    def walkable(self) -> Bools:
        """Whether people may walk on each edge."""
        return np.asarray(self.kind >= CODE["trunk"])


def _removed(
    plan: Plan, table: NDArray[np.int64], x: Floats, y: Floats, a: Ints, b: Ints
) -> tuple[Bools, Ints, Ints]:
    """Which edges are never built, the bridges and tunnels among the rest, and their class."""
    terrain, draw = plan.terrain, plan.draw
    kind = table[:, 4].copy()
    xm, ym = (x[a] + x[b]) / 2, (y[a] + y[b]) / 2
    length = np.hypot(x[a] - x[b], y[a] - y[b])
    river, brook = terrain.crosses(x[a], y[a], x[b], y[b])
    lake = terrain.in_lake(xm, ym, reach_m=10.0)
    climb = np.abs(terrain.elevation(x[a], y[a]) - terrain.elevation(x[b], y[b])) / np.maximum(
        length, 1
    )
    slope = np.maximum(climb, 0.7 * terrain.slope(xm, ym))
    arterial = kind <= ARTERIAL
    motorway = kind <= CODE["motorway_link"]
    major = kind <= CODE["secondary"]
    wet = terrain.wet(x[a], y[a], reach_m=6.0) | terrain.wet(x[b], y[b], reach_m=6.0)
    u, v, u1, v1 = table[:, :4].T
    over_motorway = ~motorway & _astride(u, u1, plan.motorway_column * UNIT + HALF)
    over_rail = ~motorway & _astride(v, v1, plan.rail_row * UNIT + HALF)
    key = table[:, 5] * 977 + table[:, 6]
    district = plan.district(xm, ym)
    blocked = plan.of_district("block_remove")[district]
    site = plan.site.ravel()[np.minimum(table[:, 7], plan.n**2 - 1)]
    kinds = np.array(plan.district_kind)[district]
    empty = np.isin(site, ["aerodrome", "protected", "quarry", "military"])

    gone = ~arterial & (draw.uniform("never built", key) < blocked)
    gone |= ~arterial & (river | lake | wet | (slope > 0.30) | over_motorway | over_rail)
    gone |= ~arterial & brook & (draw.uniform("culvert", key) < 0.6)
    gone |= arterial & ~motorway & lake
    gone |= (kind == ARTERIAL) & (river | (slope > STEEPEST))
    gone |= arterial & ~motorway & river & (length > 4 * plan.size.river_width_m + 260)
    gone |= ~major & empty & ~_line_between_sites(plan, table)
    outskirts = (kind == ARTERIAL) & _both_sides_empty(plan, table)
    gone |= outskirts & (draw.uniform("outskirts", key // 977) < 0.25) & ~over_motorway & ~over_rail
    kind = np.where(
        outskirts,
        np.where(draw.uniform("track", table[:, 5]) < 0.35, CODE["track"], CODE["unclassified"]),
        kind,
    )
    kind = np.where(~arterial & (slope > 0.2) & (kinds != "rural"), CODE["steps"], kind)
    structure = np.where(arterial & (river | brook | over_motorway | over_rail), BRIDGE, PLAIN)
    structure = np.where(~arterial & brook, BRIDGE, structure)
    structure = np.where(major & ~motorway & (slope > STEEPEST), TUNNEL, structure)
    return np.asarray(gone), np.asarray(structure), np.asarray(kind)


def _astride(c0: Ints, c1: Ints, middle: int) -> Bools:
    return np.asarray((np.minimum(c0, c1) < middle) & (np.maximum(c0, c1) > middle))


def _neighbours(plan: Plan, table: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Flat numbers of the superblocks on both sides of an arterial edge."""
    u, v, u1, v1 = table[:, :4].T
    mid_u, mid_v = (u + u1) / 2, (v + v1) / 2
    north = v != v1

    def flat(du: float, dv: float) -> Ints:
        i = np.clip((mid_u + du) // UNIT, 0, plan.n - 1).astype(np.int64)
        j = np.clip((mid_v + dv) // UNIT, 0, plan.n - 1).astype(np.int64)
        return np.asarray(i * plan.n + j)

    one = np.where(north, flat(-10, 0), flat(0, -10))
    other = np.where(north, flat(10, 0), flat(0, 10))
    return np.asarray(one), np.asarray(other)


def _both_sides_empty(plan: Plan, table: NDArray[np.int64]) -> Bools:
    one, other = _neighbours(plan, table)
    blocks = plan.blocks.ravel()
    return np.asarray((blocks[one] <= 2) & (blocks[other] <= 2))


def _line_between_sites(plan: Plan, table: NDArray[np.int64]) -> Bools:
    """Arterial edges that run around a site and not through it."""
    one, other = _neighbours(plan, table)
    site = plan.site.ravel()
    return np.asarray(site[one] != site[other])


def _positions(plan: Plan, u: Ints, v: Ints) -> tuple[Floats, Floats]:
    x, y = plan.world(u, v)
    i = np.clip(u // UNIT, 0, plan.n - 1)
    j = np.clip(v // UNIT, 0, plan.n - 1)
    spacing = plan.step_m / plan.blocks[i, j]
    line = (u % UNIT == 0) | (v % UNIT == 0)
    motorway = np.abs(u - plan.motorway_column * UNIT - HALF) <= MOTORWAY_GAP
    middle = np.abs(v - plan.n // 2 * UNIT) <= DUAL
    swing = np.where(line, 4.0, 0.11 * spacing)
    swing = np.where(motorway | middle, 0.0, swing)
    dx = plan.draw.uniform("jitter x", u, v) * 2 - 1
    dy = plan.draw.uniform("jitter y", u, v) * 2 - 1
    return x + swing * dx, y + swing * dy


def _mid_nodes(
    plan: Plan, x: Floats, y: Floats, a: Ints, b: Ints, straight: Bools
) -> tuple[Floats, Floats]:
    """Shape nodes between junctions: a gentle bow, shape (edges, m)."""
    m = int(plan.size.mid_nodes)
    t = (np.arange(m) + 1) / (m + 1)
    dx, dy = x[b] - x[a], y[b] - y[a]
    key = np.minimum(a, b), np.maximum(a, b)
    bow = np.clip(plan.draw.normal("bow", *key), -2, 2) * 0.025
    bow = np.where(straight, 0.0, bow)
    side = np.sin(np.pi * t)[None, :] * bow[:, None]
    xm = x[a][:, None] + t * dx[:, None] - side * dy[:, None]
    ym = y[a][:, None] + t * dy[:, None] + side * dx[:, None]
    return xm, ym


def _largest(n: int, a: Ints, b: Ints, keep_always: Bools) -> Bools:
    graph = coo_array((np.ones(a.size), (a, b)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    main = np.argmax(np.bincount(label[a]))
    return np.asarray((label[a] == main) | keep_always)


def make_streets(plan: Plan) -> Streets:
    """
    Draw the true street network.

    Parameters
    ----------
    plan : of the city.

    Returns
    -------
    Nodes and edges; one connected network, with bridges, a tunnel where a main road meets a hill,
    dual carriageways and ramps.
    """
    table = lattice_edges(plan)
    nodes, inverse = np.unique(
        np.concatenate([table[:, 0] * KEY + table[:, 1], table[:, 2] * KEY + table[:, 3]]),
        return_inverse=True,
    )
    a, b = inverse[: len(table)], inverse[len(table) :]
    x, y = _positions(plan, nodes // KEY, nodes % KEY)
    gone, structure, kind = _removed(plan, table, x, y, a, b)
    keep = ~gone & (a != b)
    keep[keep] = _largest(nodes.size, a[keep], b[keep], np.zeros(int(keep.sum()), dtype=bool))
    table, a, b, structure, kind = table[keep], a[keep], b[keep], structure[keep], kind[keep]
    order = np.lexsort((table[:, 6], table[:, 5]))
    table, a, b, structure, kind = (z[order] for z in (table, a, b, structure, kind))
    used, inverse = np.unique(np.concatenate([a, b]), return_inverse=True)
    x, y = x[used], y[used]
    a, b = inverse[: len(table)], inverse[len(table) :]
    straight = (structure != PLAIN) | (kind <= CODE["motorway_link"]) | (table[:, 8] == 1)
    xm, ym = _mid_nodes(plan, x, y, a, b, straight)
    mid = x.size + np.arange(xm.size).reshape(xm.shape)
    streets = Streets(
        x=np.concatenate([x, xm.ravel()]),
        y=np.concatenate([y, ym.ravel()]),
        start=a.astype(np.int64),
        end=b.astype(np.int64),
        mid=mid.astype(np.int64),
        kind=kind.astype(np.int64),
        oneway=table[:, 8] == 1,
        structure=structure.astype(np.int64),
        line=table[:, 5],
        order=table[:, 6],
        superblock=table[:, 7],
        ring=[],
    )
    return _with_roundabout(plan, streets)


def _with_roundabout(plan: Plan, streets: Streets) -> Streets:
    """Open the junction of two main streets north of the centre into a ring of eight nodes."""
    u = plan.n // 2 * UNIT
    v = (plan.n // 2 + plan.size.secondary_every) * UNIT
    x0, y0 = plan.world(u, v)
    centre = int(np.argmin(np.hypot(streets.x - x0, streets.y - y0)))
    touching = np.flatnonzero((streets.start == centre) | (streets.end == centre))
    if touching.size < 3:
        return streets
    cx, cy, radius = streets.x[centre], streets.y[centre], 18.0
    angle = 2 * np.pi * np.arange(8) / 8
    ring = streets.x.size + np.arange(8)
    start, end = streets.start.copy(), streets.end.copy()
    for e in touching:
        refs = streets.refs()[e]
        other = refs[1] if start[e] == centre else refs[-2]
        toward = np.arctan2(streets.y[other] - cy, streets.x[other] - cx) % (2 * np.pi)
        gate = int(ring[round(float(toward) / (np.pi / 4)) % 8])
        if start[e] == centre:
            start[e] = gate
        else:
            end[e] = gate
    return replace(
        streets,
        x=np.concatenate([streets.x, cx + radius * np.cos(angle)]),
        y=np.concatenate([streets.y, cy + radius * np.sin(angle)]),
        start=start,
        end=end,
        ring=[[*map(int, ring), int(ring[0])]],
    )
