"""
Lay the pipes and wires of the demo city along its streets, and decide who is connected.

Trees of shortest paths from the works to the places they serve; squares of 100 m are connected
from the line outwards until the share of their district is reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from kcity_geo.demo.people import Cells, along
from kcity_geo.demo.plan import Plan
from kcity_geo.demo.streets import ARTERIAL, CODE, Streets
from kcity_geo.demo.terrain import Bools, Floats, Ints

__all__ = ["Networks", "make_networks", "serpentine", "walk_minutes"]


FEW_PERSONS = 15  # no line is laid for fewer


@dataclass(frozen=True, eq=False)
class Networks:
    """
    The true networks and who they reach.

    Parameters
    ----------
    works, wastewater, plant : x and y, metres.
    substations : shape (k, 2), metres.
    mv, mains, sewers : edges of `Streets` that carry a line.
    electrified, piped, sewered : of each cell.
    """

    works: tuple[float, float]
    wastewater: tuple[float, float]
    plant: tuple[float, float]
    substations: Floats
    mv: Bools
    mains: Bools
    sewers: Bools
    electrified: Bools
    piped: Bools
    sewered: Bools


def _graph(streets: Streets, edges: Bools) -> csr_array:
    n = streets.x.size
    w = streets.lengths()[edges]
    a, b = streets.start[edges], streets.end[edges]
    # two streets between the same junctions: keep the shorter, a sparse sum would add them up
    lo, hi = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((w, hi, lo))
    lo, hi, w = lo[order], hi[order], w[order]
    first = np.ones(lo.size, dtype=bool)
    first[1:] = (lo[1:] != lo[:-1]) | (hi[1:] != hi[:-1])
    return coo_array((w[first], (lo[first], hi[first])), shape=(n, n)).tocsr()


def serpentine(plan: Plan, x: Floats, y: Floats) -> Ints:
    """
    Order points along a snake through the superblocks, so that equal steps spread evenly.

    Parameters
    ----------
    plan : of the city.
    x, y : metres.

    Returns
    -------
    Positions in order.
    """
    i, j = plan.superblock(x, y)
    j = np.where(i % 2 == 0, j, plan.n - 1 - j)
    return np.lexsort((x, y, j, i))


def _nearest(streets: Streets, nodes: Ints, x: Floats, y: Floats) -> tuple[Ints, Floats]:
    tree = cKDTree(np.column_stack([streets.x[nodes], streets.y[nodes]]))
    away, at = tree.query(np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]))
    return np.asarray(nodes[at]), np.asarray(away)


def _tree(streets: Streets, usable: Bools, sources: Ints, targets: Ints) -> Bools:
    """Edges on shortest paths from any source to the targets."""
    graph = _graph(streets, usable)
    _, previous, _ = dijkstra(
        graph, directed=False, indices=sources, min_only=True, return_predecessors=True
    )
    used = np.zeros(streets.x.size, dtype=bool)
    front = np.unique(targets)
    while front.size:
        used[front] = True
        front = np.unique(previous[front])
        front = front[front >= 0]
        front = front[~used[front]]
    child = np.flatnonzero(used & (previous >= 0))
    wanted = np.unique(_pair(child, previous[child].astype(np.int64)))
    on = np.isin(_pair(streets.start, streets.end), wanted) & usable
    return np.asarray(on)


def _pair(a: Ints, b: Ints) -> Ints:
    return np.minimum(a, b).astype(np.int64) * (1 << 31) + np.maximum(a, b)


def _targets(
    plan: Plan, streets: Streets, cells: Cells, nodes: Ints, share: Floats, salt: str
) -> Ints:
    """Junctions near the people of the served parts: one for each quarter of a superblock."""
    u, v = plan.lattice(cells.x, cells.y)
    quarter = np.floor(u / 200).astype(np.int64) * 100000 + np.floor(v / 200).astype(np.int64)
    key, inverse = np.unique(quarter, return_inverse=True)
    persons = np.bincount(inverse, weights=cells.persons)
    x = np.bincount(inverse, weights=cells.x * cells.persons) / persons
    y = np.bincount(inverse, weights=cells.y * cells.persons) / persons
    served = plan.draw.uniform(salt, key) < share[plan.district(x, y)]
    served &= persons > FEW_PERSONS
    return _nearest(streets, nodes, x[served], y[served])[0]


def _connected(
    plan: Plan, cells: Cells, away: Floats, share: Floats, *, limit_m: float, salt: str
) -> Bools:
    """Connect squares from the line outwards, district by district, until its share is reached."""
    blur = 120.0 * plan.draw.uniform(salt, cells.column, cells.row)
    out = np.zeros(cells.x.size, dtype=bool)
    for d in range(len(plan.district_kind)):
        mine = np.flatnonzero(cells.district == d)
        order = mine[np.argsort(away[mine] + blur[mine], kind="stable")]
        reached = np.cumsum(cells.persons[order])
        if reached.size:
            enough = reached <= share[d] * reached[-1] + 0.5 * cells.persons[order]
            out[order] = enough & (away[order] <= limit_m)
    return out


def _places(plan: Plan) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """Water works upstream, wastewater plant downstream, power plant by the railway."""
    h, width = plan.half, plan.size.river_width_m
    works = (float(plan.terrain.river_x(0.9 * h)) + width / 2 + 130.0, 0.9 * h)
    waste = (float(plan.terrain.river_x(-0.92 * h)) + width / 2 + 150.0, -0.92 * h)
    x, y = plan.world((plan.motorway_column + 1.5) * 400, (plan.rail_row + 0.28) * 400)
    return works, waste, (float(x), float(y))


def make_networks(plan: Plan, streets: Streets, cells: Cells) -> Networks:
    """
    Lay the networks and connect the people.

    Parameters
    ----------
    plan : of the city.
    streets : that the lines follow.
    cells : people to connect.

    Returns
    -------
    Lines and connections.
    """
    works, waste, plant = _places(plan)
    usable = (streets.kind >= CODE["trunk"]) & (streets.kind <= CODE["residential"])
    nodes = np.unique(np.concatenate([streets.start[usable], streets.end[usable]]))
    order = serpentine(plan, cells.x, cells.y)
    cumulative = np.cumsum(cells.persons[order])
    k = int(plan.size.substations)
    at = order[np.searchsorted(cumulative, (np.arange(k) + 0.5) / k * cumulative[-1])]
    main = streets.kind <= ARTERIAL
    junctions = np.unique(streets.start[main & usable])
    hub, _ = _nearest(streets, junctions, cells.x[at], cells.y[at])
    substations = np.column_stack([streets.x[hub] + 38.0, streets.y[hub] + 34.0])

    def lines(sources: Ints, key: str, salt: str) -> tuple[Bools, Floats]:
        share = plan.of_district(key)
        on = _tree(streets, usable, sources, _targets(plan, streets, cells, nodes, share, salt))
        px, py, _ = along(streets.x, streets.y, streets.refs()[on], step_m=20.0)
        away = cKDTree(np.column_stack([px, py])).query(np.column_stack([cells.x, cells.y]))[0]
        return on, np.asarray(away)

    at_works = _nearest(streets, nodes, np.array([works[0]]), np.array([works[1]]))[0]
    at_waste = _nearest(streets, nodes, np.array([waste[0]]), np.array([waste[1]]))[0]
    mv, to_mv = lines(hub, "grid_reach", "mv")
    mains, to_mains = lines(at_works, "piped", "mains")
    sewers, to_sewers = lines(at_waste, "sewer", "sewers")
    limit = float(plan.table["truth"]["grid_service_m"])
    return Networks(
        works=works,
        wastewater=waste,
        plant=plant,
        substations=substations,
        mv=mv,
        mains=mains,
        sewers=sewers,
        electrified=_connected(
            plan, cells, to_mv, plan.of_district("electrified"), limit_m=limit, salt="wire"
        ),
        piped=_connected(
            plan, cells, to_mains, plan.of_district("piped"), limit_m=500.0, salt="pipe"
        ),
        sewered=_connected(
            plan, cells, to_sewers, plan.of_district("sewer"), limit_m=400.0, salt="sewer"
        ),
    )


def walk_minutes(plan: Plan, streets: Streets, cells: Cells, x: Floats, y: Floats) -> Floats:
    """
    Walk from every square to the nearest of some points along the true streets.

    Parameters
    ----------
    plan : of the city, for the walking speed.
    streets : the network.
    cells : where people start.
    x, y : of the points, metres; may be empty.

    Returns
    -------
    Minutes one way; infinite without a point.
    """
    if len(x) == 0:
        return np.full(cells.x.size, np.inf)
    usable = streets.walkable()
    nodes = np.unique(np.concatenate([streets.start[usable], streets.end[usable]]))
    goal, off = _nearest(streets, nodes, x, y)
    origin, on = _nearest(streets, nodes, cells.x, cells.y)
    del off  # a few metres beside the street
    metres = dijkstra(
        _graph(streets, usable), directed=False, indices=np.unique(goal), min_only=True
    )
    return np.asarray((metres[origin] + on) / plan.table["truth"]["walk_m_min"])


def people_of(cells: Cells, flags: Bools) -> int:
    """Count the residents of flagged squares."""
    return int(cells.persons[flags].sum())
