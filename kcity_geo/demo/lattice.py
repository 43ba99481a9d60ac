# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Lay the streets of the demo city on its lattice: edges between whole-numbered points.

Arterial lines every superblock, inner streets within, a motorway with ramps, a dual carriageway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kcity_geo.demo.plan import UNIT, Plan
from kcity_geo.demo.terrain import Ints

__all__ = ["CLASSES", "CODE", "lattice_edges"]

CLASSES = (
    "motorway",
    "motorway_link",
    "trunk",
    "primary",
    "secondary",
    "tertiary",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "pedestrian",
    "footway",
    "path",
    "steps",
    "track",
)
CODE = {name: k for k, name in enumerate(CLASSES)}
ARTERIAL = CODE["tertiary"]
PLAIN, BRIDGE, TUNNEL = 0, 1, 2
KEY = 1 << 20
DUAL = 5  # half the gap of a dual carriageway, lattice units
HALF = UNIT // 2
RAMP = 40  # lattice units from a crossing to the junction of its ramps
MOTORWAY_GAP = 8


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
    trunk = size.trunk_every
    is_trunk = (away % trunk == 0) & (away > 0) if trunk else np.zeros(np.shape(away), dtype=bool)
    return np.asarray(
        np.select(
            [is_trunk, away % size.primary_every == 0, away % size.secondary_every == 0],
            [CODE["trunk"], CODE["primary"], CODE["secondary"]],
            CODE["tertiary"],
        )
    )


def _inner_edges(plan: Plan, edges: _Edges) -> None:
    """Streets inside the superblocks, class by class of subdivision."""
    urban = (CODE["residential"],) * 13 + (
        CODE["living_street"],
        CODE["unclassified"],
        CODE["service"],
        CODE["service"],
        CODE["footway"],
        CODE["pedestrian"],
        CODE["unclassified"],
    )
    poor = (
        (CODE["residential"],) * 8
        + (CODE["path"],) * 6
        + (CODE["footway"],) * 3
        + (CODE["unclassified"],) * 3
    )
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
            edges.add(
                a[0],
                a[1],
                b[0],
                b[1],
                np.broadcast_to(code, shape),
                np.broadcast_to(line, shape),
                np.broadcast_to(m, shape),
                np.broadcast_to(block, shape),
                0,
                PLAIN,
            )


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
    reach = max(1, round(plan.size.decay_m * 0.9 / plan.step_m)) * UNIT
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
            _dual_edges(
                edges, middle, _Stretch(a0[dual], a1[dual], kind[dual], number[dual], flat[dual])
            )
        k = ~dual
        ends = (line[k], a0[k], line[k], a1[k]) if across else (a0[k], line[k], a1[k], line[k])
        edges.add(*ends, kind[k], number[k], a0[k], flat[k], 0, PLAIN)


class _Stretch(NamedTuple):
    """Edges along one line: their ends on it, class, line number and superblock."""

    a0: Ints
    a1: Ints
    kind: Ints
    number: Ints
    flat: Ints


def _dual_edges(edges: _Edges, middle: int, stretch: _Stretch) -> None:
    """Two one-way carriageways, traffic on the right, joined at both ends and at each junction."""
    a0, a1, kind, number, flat = stretch
    if a0.size == 0:
        return
    south, north = middle - DUAL, middle + DUAL
    first, last = a0.min(), a1.max()
    u0, u1 = np.where(a0 == first, a0 + 1, a0), np.where(a1 == last, a1 - 1, a1)
    edges.add(u0, south, u1, south, kind, number + 1, a0, flat, 1, PLAIN)
    edges.add(u1, north, u0, north, kind, number + 2, -a1, flat, 1, PLAIN)
    nodes = np.unique(np.concatenate([a0[a0 != first], a1[a1 != last]]))
    edges.add(
        nodes,
        south,
        nodes,
        north,
        kind[0],
        number[0] + 3 + 1000000 * (1 + np.arange(nodes.size)),
        0,
        flat[0],
        0,
        PLAIN,
    )
    for end, inside in ((first, first + 1), (last, last - 1)):
        to_east = (end, middle, inside, south) if end == first else (inside, south, end, middle)
        to_west = (inside, north, end, middle) if end == first else (end, middle, inside, north)
        edges.add(
            *to_east, kind[0], number[0] + 1, -1 if end == first else UNIT * 1000, flat[0], 1, PLAIN
        )
        edges.add(
            *to_west,
            kind[0],
            number[0] + 2,
            UNIT * 1000 if end == first else -UNIT * 1000,
            flat[0],
            1,
            PLAIN,
        )


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
        edges.add(
            *ends,
            link,
            line + 10 + number + 10 * at,
            0,
            plan.motorway_column * plan.n + at // UNIT,
            1,
            PLAIN,
        )


def lattice_edges(plan: Plan) -> NDArray[np.int64]:
    """
    Lay all edges that could be built.

    Parameters
    ----------
    plan : of the city.

    Returns
    -------
    Rows of u0, v0, u1, v1, class, line, order along the line, superblock, one-way, structure.
    """
    edges = _Edges([])
    _inner_edges(plan, edges)
    inner = edges.table()
    _arterial_edges(plan, inner, edges)
    _motorway_edges(plan, edges)
    return _split_dual(plan, edges.table())
