# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Turn the streets, the railway and the buildings of the demo city into tagged features.

Land follows in `demo_land`, facilities in `demo_services`, wires in `demo_utilities`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from kcity_geo.demo.osm import Features, Way
from kcity_geo.demo.people import People
from kcity_geo.demo.plan import UNIT, Plan
from kcity_geo.demo.streets import BRIDGE, CLASSES, CODE, TUNNEL, Streets
from kcity_geo.demo.terrain import Floats, Ints

__all__ = [
    "add_buildings",
    "add_rail",
    "add_streets",
    "chains",
    "lattice_line",
    "nearest_street",
    "way_refs",
]

SPEED = {
    "motorway": 110,
    "motorway_link": 60,
    "trunk": 80,
    "primary": 60,
    "secondary": 50,
    "tertiary": 50,
    "unclassified": 40,
    "residential": 30,
    "living_street": 20,
}
LANES = {"motorway": 3, "motorway_link": 1, "trunk": 4, "primary": 4, "secondary": 3, "tertiary": 2}
WIDTH = {
    "unclassified": 6,
    "residential": 6,
    "living_street": 5,
    "service": 4,
    "pedestrian": 6,
    "footway": 2,
}
STRUCTURE: dict[int, dict[str, str]] = {
    0: {},
    BRIDGE: {"bridge": "yes", "layer": "1"},
    TUNNEL: {"tunnel": "yes", "layer": "-1"},
}
NO_CAR = {"pedestrian", "footway", "path", "steps"}


def chains(streets: Streets, on: Any = None) -> tuple[Ints, Ints]:  # noqa: ANN401 - mask or None
    """
    Cut the edges into ways: runs of one street with the same class and structure.

    Parameters
    ----------
    streets : edges in the order of their lines.
    on : mask of the edges to use; all when None.

    Returns
    -------
    Edge numbers, and the position in them where each way starts.
    """
    edge = np.arange(streets.start.size) if on is None else np.flatnonzero(on)
    cut = np.ones(edge.size, dtype=bool)
    a, b = edge[:-1], edge[1:]
    cut[1:] = streets.end[a] != streets.start[b]
    for column in (streets.line, streets.kind, streets.structure, streets.superblock):
        cut[1:] |= column[a] != column[b]
    return edge, np.flatnonzero(cut)


def way_refs(streets: Streets, edge: Ints, first: Ints) -> list[list[int]]:
    """
    Node numbers of each way.

    Parameters
    ----------
    streets : the streets.
    edge : edges of all ways, one way after the other.
    first : position of the first edge of each way in `edge`.

    Returns
    -------
    A list for each way.
    """
    if edge.size == 0:  # a town may have no street that carries this
        return []
    flat = np.column_stack([streets.start, streets.mid])[edge]
    last = np.append(first[1:], edge.size)
    end = streets.end[edge[last - 1]]
    return [[*flat[f:t].ravel().tolist(), int(e)] for f, t, e in zip(first, last, end, strict=True)]


def street_name(plan: Plan, line: Ints, kind: Ints) -> list[str]:
    """Names of the streets, one a line."""
    words = plan.table["names"]["streets"]
    suffix = np.where(
        kind <= CODE["secondary"], "Avenue", np.where(kind <= CODE["tertiary"], "Road", "Street")
    )
    suffix = np.where(kind >= CODE["pedestrian"], "Walk", suffix)
    word = np.array(words)[(plan.draw.uniform("name", line) * len(words)).astype(int)]
    number = (plan.draw.uniform("name number", line) * max(4, plan.n * 3)).astype(int) + 1
    return [f"{w} {s} {k}" for w, s, k in zip(word, suffix, number, strict=True)]


def add_streets(plan: Plan, streets: Streets, features: Features) -> None:
    """
    Add the street network; its nodes come first, so numbers of `streets` stay valid.

    Parameters
    ----------
    plan : of the city.
    streets : the network.
    features : still empty; receives nodes and ways.
    """
    features.add_nodes(streets.x, streets.y)
    edge, first = chains(streets)
    refs = way_refs(streets, edge, first)
    head = edge[first]
    middle = streets.mid[head][:, 0]
    district = plan.district(streets.x[middle], streets.y[middle])
    kind, line = streets.kind[head], streets.line[head]
    lit_share = plan.of_district("lit")[district]
    lit_share = np.where(
        kind <= CODE["tertiary"], np.minimum(1, 1.15 * lit_share + 0.03), lit_share
    )
    lit_share = np.where(kind >= CODE["footway"], 0.5 * lit_share, lit_share)
    lit = plan.draw.uniform("lit", line, streets.superblock[head]) < lit_share
    paved_share = plan.of_district("paved")[district]
    paved_share = np.where(kind <= CODE["secondary"], 1.0, paved_share)
    paved = plan.draw.uniform("paved", line, streets.superblock[head]) < paved_share
    luck = plan.draw.uniform("finish", line, streets.superblock[head])
    names = street_name(plan, line, kind)
    named = (kind <= CODE["living_street"]) & (plan.draw.uniform("named", line) < 0.85) | (
        kind <= CODE["tertiary"]
    )
    for k, nodes in enumerate(refs):
        name = CLASSES[kind[k]]
        tags = {"highway": name}
        if named[k] and name not in {"motorway", "motorway_link"}:
            tags["name"] = names[k]
        tags["lit"] = "yes" if lit[k] and name != "track" else "no"
        tags["surface"] = _surface(name, bool(paved[k]), float(luck[k]))
        tags |= _size_tags(name, oneway=bool(streets.oneway[head[k]]), luck=float(luck[k]))
        tags |= STRUCTURE[int(streets.structure[head[k]])]
        features.ways.append(Way(nodes, tags, "road"))
        if name == "service" and luck[k] > 0.93:
            features.corner[nodes[1]] = {"barrier": "gate"}
    for ring in streets.ring:
        features.ways.append(
            Way(
                ring,
                {
                    "highway": "secondary",
                    "junction": "roundabout",
                    "name": "Hanbit Circle",
                    "lit": "yes",
                    "surface": "asphalt",
                    "lanes": "2",
                    "maxspeed": "30",
                },
                "road",
            )
        )


def _size_tags(name: str, *, oneway: bool, luck: float) -> dict[str, str]:
    tags: dict[str, str] = {}
    if name == "motorway":
        tags |= {"name": "Hanbit Bypass", "ref": "M1"}
    if name in SPEED:
        tags["maxspeed"] = str(SPEED[name])
    if name in LANES:
        tags["lanes"] = "2" if oneway and name == "primary" else str(LANES[name])
    elif name in WIDTH:
        tags["width"] = str(WIDTH[name])
    if name == "track":
        tags["tracktype"] = "grade2" if luck < 0.4 else "grade4"
    if oneway:
        tags["oneway"] = "yes"
    if name == "service" and luck < 0.3:
        tags["service"] = "alley"
    return tags


def _surface(name: str, paved: bool, luck: float) -> str:  # noqa: FBT001 - private
    if name == "track":
        return "dirt" if luck > 0.5 else "gravel"
    if name in NO_CAR:
        return "paving_stones" if paved else "ground"
    if paved:
        return "asphalt" if luck < 0.8 or (name in SPEED and SPEED[name] > 50) else "concrete"
    return ("gravel", "unpaved", "dirt", "compacted")[int(luck * 4)]


def lattice_line(
    plan: Plan, *, u: float | None = None, v: float | None = None, step: int = 20
) -> tuple[Floats, Floats]:
    """
    Follow a line of the bent lattice from edge to edge.

    Parameters
    ----------
    plan : the plan of the city.
    u, v : coordinate of the line that is kept, metres; one of the two.
    step : between two points, metres.

    Returns
    -------
    x and y of the points, metres.
    """
    t = np.arange(0, plan.n * UNIT + 1, step)
    if u is not None:
        return plan.world(np.full(t.size, u), t)
    return plan.world(t, np.full(t.size, v))


def add_rail(plan: Plan, features: Features) -> Floats:
    """
    Add the railway with its bridges and stations, and underground lines in larger cities.

    Parameters
    ----------
    plan : of the city.
    features : receives them.

    Returns
    -------
    Stations of the railway, shape (k, 2), metres.
    """
    v = plan.rail_row * UNIT + UNIT // 2
    x, y = lattice_line(plan, v=v)
    motorway = plan.motorway_column * UNIT + UNIT // 2
    u = np.arange(x.size) * 20
    over = (np.abs(u - motorway) <= 40) | plan.terrain.wet(x, y, reach_m=25.0)
    first = features.add_nodes(x, y)
    cut = np.flatnonzero(np.diff(over.astype(int))) + 1
    for a, b in zip([0, *cut], [*cut, x.size - 1], strict=True):
        tags = {
            "railway": "rail",
            "usage": "main",
            "gauge": "1435",
            "electrified": "contact_line",
            "name": "Hanbit Line",
        }
        if over[a]:
            tags |= {"bridge": "yes", "layer": "2"}
        features.ways.append(Way(list(range(first + a, first + b + 1)), tags, "always"))
    k = int(plan.size.stations)
    at = ((np.arange(k) + 0.5) / k * plan.n).astype(int) * UNIT + UNIT // 2
    if k <= 2:
        at = np.array([plan.n // 2 * UNIT + 60, (plan.motorway_column + 1) * UNIT + 120])
    sx, sy = plan.world(at, np.full(at.size, v))
    central = int(np.argmin(np.abs(sx)))
    for i in range(at.size):
        name = "Hanbit Central Station" if i == central else f"Hanbit Station {i + 1}"
        tags = {"railway": "station", "public_transport": "station", "train": "yes", "name": name}
        features.add_point(float(sx[i]), float(sy[i]), tags, "transit")
        features.add_box(
            (float(sx[i]), float(sy[i]) + 24),
            (90, 22),
            {"building": "train_station", "name": name},
            "building",
        )
    for line in range(int(plan.size.metro_lines)):
        _add_underground(plan, features, line)
    return np.column_stack([sx, sy])


def _add_underground(plan: Plan, features: Features, line: int) -> None:
    middle = plan.n // 2 * UNIT
    x, y = lattice_line(plan, u=middle + 6) if line == 0 else lattice_line(plan, v=middle + 24)
    inner = np.hypot(x, y) < 1.4 * plan.size.decay_m
    tags = {"railway": "subway", "tunnel": "yes", "layer": "-3", "name": f"Hanbit Metro {line + 1}"}
    features.add_line(x[inner], y[inner], tags, "always")
    for k, s in enumerate(range(UNIT // 40, int(inner.sum()), UNIT // 20)):
        px, py = float(x[inner][s]), float(y[inner][s])
        name = f"Hanbit Metro {line + 1} Stop {k + 1}"
        features.add_point(
            px,
            py,
            {
                "railway": "station",
                "station": "subway",
                "public_transport": "station",
                "subway": "yes",
                "name": name,
            },
            "transit",
        )
        for dx in (-45.0, 45.0):
            features.add_point(
                px + dx, py + 20, {"railway": "subway_entrance", "name": name}, "transit"
            )


def add_buildings(plan: Plan, people: People, features: Features) -> None:
    """
    Add the buildings; their footprint sums to that of the points.

    Parameters
    ----------
    plan : of the city.
    people : points, merged to buildings in larger cities.
    features : receives them.
    """
    n = int(people.building.max()) + 1
    area = np.bincount(people.building, weights=people.built_m2, minlength=n)
    persons = np.bincount(people.building, weights=people.persons, minlength=n)
    order = np.lexsort((people.persons, people.building))
    last = np.append(np.flatnonzero(np.diff(people.building[order])), order.size - 1)
    at = order[last]  # the point of each building with most residents
    key = np.arange(n)
    ratio = 0.7 + 0.7 * plan.draw.uniform("building shape", key)
    w, h = np.sqrt(area * ratio), np.sqrt(area / ratio)
    turn = 0.18 * (plan.draw.uniform("building turn", key) - 0.5)
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    a = w[:, None] * np.array([-0.5, 0.5, 0.5, -0.5])
    b = h[:, None] * np.array([-0.5, -0.5, 0.5, 0.5])
    x = people.x[at][:, None] + a * c - b * s
    y = people.y[at][:, None] + a * s + b * c
    first = features.add_nodes(x, y)
    levels = np.clip(np.ceil(persons * 32.0 / np.maximum(area, 1)), 1, 20).astype(int)
    kind = np.array(plan.district_kind)[people.district[at]]
    work, luck = people.work[at], plan.draw.uniform("building kind", key)
    label = np.where(persons > 14, "apartments", np.where(luck < 0.5, "house", "yes"))
    label = np.where(
        work,
        np.where(kind == "industrial", "industrial", np.where(luck < 0.5, "retail", "office")),
        label,
    )
    for k, (name, level) in enumerate(zip(label.tolist(), levels.tolist(), strict=True)):
        p = first + 4 * k
        tags = {"building": name, "building:levels": str(level)}
        features.ways.append(Way([p, p + 1, p + 2, p + 3, p], tags, "building"))


def nearest_street(streets: Streets, x: Floats, y: Floats, *, kinds: tuple[str, ...]) -> Ints:
    """
    Shape node of the nearest street of some classes.

    Parameters
    ----------
    streets : the streets.
    x, y : points, metres.
    kinds : classes that count.

    Returns
    -------
    Node of each point; streets on bridges and in tunnels are left out.
    """
    on = np.isin(streets.kind, [CODE[k] for k in kinds]) & (streets.structure == 0)
    nodes = np.unique(streets.mid[on][:, 0])
    tree = cKDTree(np.column_stack([streets.x[nodes], streets.y[nodes]]))
    return nodes[tree.query(np.column_stack([x, y]))[1]]
