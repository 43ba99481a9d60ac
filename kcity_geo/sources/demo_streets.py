"""
Draw the streets, motorway and railway of the demo city as arrays of nodes and edges.

Streets run on a bent lattice: arterial lines every superblock, inner streets within. Nothing here
knows about OSM tags or files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kcity_geo.sources.demo_plan import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kcity_geo.sources.demo_plan import Bools, Draw, Floats, Ints, Plan

__all__ = ["CLASSES", "Streets", "make_streets"]

CLASSES = (
    "motorway", "motorway_link", "trunk", "primary", "secondary", "tertiary", "unclassified",
    "residential", "living_street", "service", "pedestrian", "footway", "path", "steps", "track",
)  # fmt: skip
CODE = {name: k for k, name in enumerate(CLASSES)}
ARTERIAL = CODE["tertiary"]
PLAIN, BRIDGE, TUNNEL = 0, 1, 2
KEY = 1 << 20
DUAL = 5  # half the gap of a dual carriageway, lattice units
HALF = UNIT // 2
RAMP = 40  # lattice units from a crossing to the junction of its ramps
MOTORWAY_GAP = 8


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
        """Nodes of each edge in order, shape (edges, m + 2)."""
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


@dataclass(eq=False)
class _Edges:
    """Lattice edges while they are gathered: u0, v0, u1, v1, kind, line, order, superblock, one-way, structure."""

    rows: list[NDArray[np.int64]]

    def add(self, *columns: Ints | int) -> None:
        arrays = np.broadcast_arrays(*[np.asarray(c, dtype=np.int64) for c in columns])
        self.rows.append(np.column_stack([a.ravel() for a in arrays]))

    def table(self) -> NDArray[np.int64]:
        return np.concatenate(self.rows)


def _arterial_kind(plan: Plan, k: Ints | int) -> Ints:
    away = np.abs(np.asarray(k) - plan.n // 2)
    size = plan.size
    trunk = size["trunk_every"]
    is_trunk = (away % trunk == 0) & (away > 0) if trunk else np.zeros(np.shape(away), dtype=bool)
    return np.asarray(
        np.select(
            [is_trunk, away % size["primary_every"] == 0, away % size["secondary_every"] == 0],
            [CODE["trunk"], CODE["primary"], CODE["secondary"]],
            CODE["tertiary"],
        )
    )


def _inner_edges(plan: Plan, edges: _Edges) -> None:
    """Streets inside the superblocks, class by class of subdivision."""
    urban = (CODE["residential"],) * 13 + (
        CODE["living_street"], CODE["unclassified"], CODE["service"], CODE["service"],
        CODE["footway"], CODE["pedestrian"], CODE["unclassified"],
    )  # fmt: skip
    poor = (CODE["residential"],) * 8 + (CODE["path"],) * 6 + (CODE["footway"],) * 3 + (CODE["unclassified"],) * 3
    rural = (CODE["track"],) * 9 + (CODE["unclassified"],) * 7 + (CODE["residential"],) * 4
    choice = np.array([urban, poor, rural])
    kinds = np.array(plan.district_kind)
    for n in (2, 4, 5, 8):
        i, j = np.nonzero(plan.blocks == n)
        if i.size == 0:
            continue
        step = UNIT // n
        x, y = plan.world((i + 0.5) * UNIT, (j + 0.5) * UNIT)
        kind = kinds[plan.district(x, y)]
        palette = np.where(kind == "poor", 1, np.where((n == 2) | (kind == "rural"), 2, 0))
        shape = (i.size, n - 1, n)
        block = (i * plan.n + j)[:, None, None]
        k = np.arange(1, n)[None, :, None]
        m = np.arange(n)[None, None, :]
        u0, v0 = (i * UNIT)[:, None, None], (j * UNIT)[:, None, None]
        for across in (0, 1):
            line = (block * 16 + k) * 2 + across
            pick = (plan.draw.uniform("street class", line) * 20).astype(int)
            code = choice[np.broadcast_to(palette[:, None, None], pick.shape), pick]
            a = [np.broadcast_to(v, shape) for v in (u0 + m * step, v0 + k * step)]
            b = [np.broadcast_to(v, shape) for v in (u0 + (m + 1) * step, v0 + k * step)]
            if across:
                a = [np.broadcast_to(v, shape) for v in (u0 + k * step, v0 + m * step)]
                b = [np.broadcast_to(v, shape) for v in (u0 + k * step, v0 + (m + 1) * step)]
            edges.add(a[0], a[1], b[0], b[1], np.broadcast_to(code, shape), np.broadcast_to(line, shape), np.broadcast_to(m, shape), np.broadcast_to(block, shape), 0, PLAIN)  # fmt: skip


def _boundary_nodes(plan: Plan, inner: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Every node on the arterial lines: ends of inner streets, corners, feet of ramps and crossings."""
    n = plan.n
    corner = np.arange(n + 1) * UNIT
    u = [np.repeat(corner, n + 1)]
    v = [np.tile(corner, n + 1)]
    motorway = plan.motorway_column * UNIT + HALF
    rail = plan.rail_row * UNIT + HALF
    for foot in (-RAMP, RAMP):
        u += [np.full(n + 1, motorway + foot), corner]
        v += [corner, np.full(n + 1, rail + foot)]
    for a in (0, 2):
        u.append(inner[:, a])
        v.append(inner[:, a + 1])
    uu, vv = np.concatenate(u), np.concatenate(v)
    on = (uu % UNIT == 0) | (vv % UNIT == 0)
    key = np.unique(uu[on] * KEY + vv[on])
    return key // KEY, key % KEY


def _arterial_edges(plan: Plan, inner: NDArray[np.int64], edges: _Edges) -> None:
    u, v = _boundary_nodes(plan, inner)
    x, y = plan.world(u, v)
    dry = ~plan.terrain.wet(x, y, reach_m=6.0)
    u, v = u[dry], v[dry]
    middle = plan.n // 2 * UNIT
    reach = max(1, round(plan.size["decay_m"] * 0.9 / plan.step_m)) * UNIT
    for across in (0, 1):  # 0: lines to the east, 1: lines to the north
        along, fixed = (v, u) if across else (u, v)
        on = (fixed % UNIT == 0) & (fixed > 0) & (fixed < plan.n * UNIT)
        order = np.lexsort((along[on], fixed[on]))
        a, f = along[on][order], fixed[on][order]
        same = f[:-1] == f[1:]
        a0, a1, line = a[:-1][same], a[1:][same], f[:-1][same]
        kind = _arterial_kind(plan, line // UNIT)
        block = np.minimum(a0 // UNIT, plan.n - 1)
        number = 16 * 2 * plan.n**2 + ((line // UNIT) * 2 + across) * 4
        flat = (line // UNIT) * plan.n + block if across else block * plan.n + line // UNIT
        dual = np.zeros(a0.shape, dtype=bool)
        if not across:
            dual = (line == middle) & (a0 >= middle - reach) & (a1 <= middle + reach)
            _dual_edges(edges, a0[dual], a1[dual], middle, kind[dual], number[dual], flat[dual])
        k = ~dual
        ends = (line[k], a0[k], line[k], a1[k]) if across else (a0[k], line[k], a1[k], line[k])
        edges.add(*ends, kind[k], number[k], a0[k], flat[k], 0, PLAIN)


def _dual_edges(edges: _Edges, a0: Ints, a1: Ints, middle: int, kind: Ints, number: Ints, flat: Ints) -> None:  # fmt: skip
    """Two one-way carriageways, traffic on the right, joined at both ends and at each junction."""
    if a0.size == 0:
        return
    south, north = middle - DUAL, middle + DUAL
    first, last = a0.min(), a1.max()
    u0, u1 = np.where(a0 == first, a0 + 1, a0), np.where(a1 == last, a1 - 1, a1)
    edges.add(u0, south, u1, south, kind, number + 1, a0, flat, 1, PLAIN)
    edges.add(u1, north, u0, north, kind, number + 2, -a1, flat, 1, PLAIN)
    nodes = np.unique(np.concatenate([a0[a0 != first], a1[a1 != last]]))
    edges.add(nodes, south, nodes, north, kind[0], number[0] + 3 + 1000000 * (1 + np.arange(nodes.size)), 0, flat[0], 0, PLAIN)  # fmt: skip
    for end, inside in ((first, first + 1), (last, last - 1)):
        to_east = (end, middle, inside, south) if end == first else (inside, south, end, middle)
        to_west = (inside, north, end, middle) if end == first else (end, middle, inside, north)
        edges.add(*to_east, kind[0], number[0] + 1, -1 if end == first else UNIT * 1000, flat[0], 1, PLAIN)
        edges.add(*to_west, kind[0], number[0] + 2, UNIT * 1000 if end == first else -UNIT * 1000, flat[0], 1, PLAIN)  # fmt: skip


def _split_dual(plan: Plan, table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move the ends of cross streets from the middle of a dual carriageway to its nearer side."""
    middle = plan.n // 2 * UNIT
    dual = table[(table[:, 1] == middle - DUAL) & (table[:, 3] == middle - DUAL)]
    if dual.size == 0:
        return table
    split = np.unique(dual[:, [0, 2]])
    out = table.copy()
    for a, b in ((0, 2), (2, 0)):
        hit = (out[:, a + 1] == middle) & np.isin(out[:, a], split) & (out[:, b + 1] != middle)
        hit &= np.abs(out[:, b + 1] - middle) > DUAL
        out[hit, a + 1] = np.where(out[hit, b + 1] > middle, middle + DUAL, middle - DUAL)
    return out


def _motorway_edges(plan: Plan, edges: _Edges) -> None:
    """Two carriageways to the north and south, with ramps at the larger crossings."""
    base = plan.motorway_column * UNIT + HALF
    v = np.arange(0, plan.n * UNIT + 1, RAMP)
    east, west = base + MOTORWAY_GAP, base - MOTORWAY_GAP
    flat = plan.motorway_column * plan.n + np.minimum(v[:-1] // UNIT, plan.n - 1)
    line = 10**9
    edges.add(east, v[:-1], east, v[1:], CODE["motorway"], line, v[:-1], flat, 1, PLAIN)
    edges.add(west, v[1:], west, v[:-1], CODE["motorway"], line + 1, -v[1:], flat, 1, PLAIN)
    row = np.arange(1, plan.n)
    row = row[_arterial_kind(plan, row) <= CODE["secondary"]]
    at = row * UNIT
    x, y = plan.world(np.full(row.size, base), at)
    at = at[~plan.terrain.wet(x, y, reach_m=150.0)]
    link, away = CODE["motorway_link"], 3 * RAMP
    for number, ends in enumerate(
        (
            (east, at - away, base + RAMP, at),
            (base + RAMP, at, east, at + away),
            (west, at + away, base - RAMP, at),
            (base - RAMP, at, west, at - away),
        )
    ):
        edges.add(*ends, link, line + 10 + number + 10 * at, 0, plan.motorway_column * plan.n + at // UNIT, 1, PLAIN)  # fmt: skip


def _removed(plan: Plan, table: NDArray[np.int64], x: Floats, y: Floats, a: Ints, b: Ints) -> tuple[Bools, Ints, Ints]:  # fmt: skip
    """Which edges are never built, the bridges and tunnels among the rest, and their class."""
    terrain, draw = plan.terrain, plan.draw
    kind = table[:, 4].copy()
    xm, ym = (x[a] + x[b]) / 2, (y[a] + y[b]) / 2
    length = np.hypot(x[a] - x[b], y[a] - y[b])
    river, brook = terrain.crosses(x[a], y[a], x[b], y[b])
    lake = terrain.in_lake(xm, ym, reach_m=10.0)
    climb = np.abs(terrain.elevation(x[a], y[a]) - terrain.elevation(x[b], y[b])) / np.maximum(length, 1)
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
    gone |= arterial & ~motorway & river & (length > 4 * plan.size["river_width_m"] + 260)
    gone |= ~major & empty & ~_line_between_sites(plan, table)
    outskirts = (kind == ARTERIAL) & _both_sides_empty(plan, table)
    gone |= outskirts & (draw.uniform("outskirts", key // 977) < 0.25) & ~over_motorway & ~over_rail
    kind = np.where(outskirts, np.where(draw.uniform("track", table[:, 5]) < 0.35, CODE["track"], CODE["unclassified"]), kind)
    kind = np.where(~arterial & (slope > 0.2) & (kinds != "rural"), CODE["steps"], kind)
    structure = np.where(arterial & (river | brook | over_motorway | over_rail), BRIDGE, PLAIN)
    structure = np.where(~arterial & brook, BRIDGE, structure)
    structure = np.where(major & ~motorway & (slope > STEEPEST), TUNNEL, structure)
    return np.asarray(gone), np.asarray(structure), np.asarray(kind)


STEEPEST = 0.17  # of a road without a tunnel


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
        return i * plan.n + j
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


def _mid_nodes(plan: Plan, x: Floats, y: Floats, a: Ints, b: Ints, straight: Bools) -> tuple[Floats, Floats]:  # fmt: skip
    """Shape nodes between junctions: a gentle bow, shape (edges, m)."""
    m = int(plan.size["mid_nodes"])
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
    edges = _Edges([])
    _inner_edges(plan, edges)
    inner = edges.table()
    _arterial_edges(plan, inner, edges)
    _motorway_edges(plan, edges)
    table = _split_dual(plan, edges.table())
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
    v = (plan.n // 2 + plan.size["secondary_every"]) * UNIT
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
    from dataclasses import replace

    return replace(
        streets,
        x=np.concatenate([streets.x, cx + radius * np.cos(angle)]),
        y=np.concatenate([streets.y, cy + radius * np.sin(angle)]),
        start=start,
        end=end,
        ring=[[*map(int, ring), int(ring[0])]],
    )
