"""
Turn the demo city into tagged features: streets, rail, water, land and buildings.

Facilities and wires follow in `demo_services`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree

from kcity_geo.sources.demo_osm import Way
from kcity_geo.sources.demo_plan import UNIT
from kcity_geo.sources.demo_streets import BRIDGE, CLASSES, CODE, TUNNEL

if TYPE_CHECKING:
    from kcity_geo.sources.demo_osm import Features
    from kcity_geo.sources.demo_people import People
    from kcity_geo.sources.demo_plan import Floats, Ints, Plan
    from kcity_geo.sources.demo_streets import Streets

__all__ = ["add_buildings", "add_land", "add_rail", "add_streets", "add_water", "chains"]

SPEED = {"motorway": 110, "motorway_link": 60, "trunk": 80, "primary": 60, "secondary": 50, "tertiary": 50,
         "unclassified": 40, "residential": 30, "living_street": 20}  # fmt: skip
LANES = {"motorway": 3, "motorway_link": 1, "trunk": 4, "primary": 4, "secondary": 3, "tertiary": 2}
WIDTH = {"unclassified": 6, "residential": 6, "living_street": 5, "service": 4, "pedestrian": 6, "footway": 2}
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
    """Node numbers of each way."""
    flat = np.column_stack([streets.start, streets.mid])[edge]
    last = np.append(first[1:], edge.size)
    end = streets.end[edge[last - 1]]
    return [[*flat[f:t].ravel().tolist(), int(e)] for f, t, e in zip(first, last, end, strict=True)]


def street_name(plan: Plan, line: Ints, kind: Ints) -> list[str]:
    """Names of the streets, one a line."""
    words = plan.table["names"]["streets"]
    suffix = np.where(kind <= CODE["secondary"], "Avenue", np.where(kind <= CODE["tertiary"], "Road", "Street"))
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
    lit_share = np.where(kind <= CODE["tertiary"], np.minimum(1, 1.15 * lit_share + 0.03), lit_share)
    lit_share = np.where(kind >= CODE["footway"], 0.5 * lit_share, lit_share)
    lit = plan.draw.uniform("lit", line, streets.superblock[head]) < lit_share
    paved_share = plan.of_district("paved")[district]
    paved_share = np.where(kind <= CODE["secondary"], 1.0, paved_share)
    paved = plan.draw.uniform("paved", line, streets.superblock[head]) < paved_share
    luck = plan.draw.uniform("finish", line, streets.superblock[head])
    names = street_name(plan, line, kind)
    named = (kind <= CODE["living_street"]) & (plan.draw.uniform("named", line) < 0.85) | (kind <= CODE["tertiary"])
    for k in range(len(refs)):
        name = CLASSES[kind[k]]
        tags = {"highway": name}
        if name == "motorway":
            tags |= {"name": "Hanbit Bypass", "ref": "M1"}
        elif name != "motorway_link" and named[k]:
            tags["name"] = names[k]
        tags["lit"] = "yes" if lit[k] and name != "track" else "no"
        tags["surface"] = _surface(name, bool(paved[k]), float(luck[k]))
        if name in SPEED:
            tags["maxspeed"] = str(SPEED[name])
        if name in LANES:
            lanes = LANES[name] if not (streets.oneway[head[k]] and name == "primary") else 2
            tags["lanes"] = str(lanes)
        elif name in WIDTH:
            tags["width"] = str(WIDTH[name])
        if name == "track":
            tags["tracktype"] = "grade2" if luck[k] < 0.4 else "grade4"
        if streets.oneway[head[k]] and name != "motorway":
            tags["oneway"] = "yes"
        if name == "service" and luck[k] < 0.3:
            tags |= {"service": "alley"}
        if streets.structure[head[k]] == BRIDGE:
            tags |= {"bridge": "yes", "layer": "1"}
        elif streets.structure[head[k]] == TUNNEL:
            tags |= {"tunnel": "yes", "layer": "-1"}
        features.ways.append(Way(refs[k], tags, "road", int(streets.superblock[head[k]])))
        if name == "service" and luck[k] > 0.93:
            features.corner[refs[k][1]] = {"barrier": "gate"}
    for ring in streets.ring:
        features.ways.append(
            Way(ring, {"highway": "secondary", "junction": "roundabout", "name": "Hanbit Circle", "lit": "yes", "surface": "asphalt", "lanes": "2", "maxspeed": "30"}, "road")  # fmt: skip
        )


def _surface(name: str, paved: bool, luck: float) -> str:  # noqa: FBT001 - private
    if name == "track":
        return "dirt" if luck > 0.5 else "gravel"
    if name in NO_CAR:
        return "paving_stones" if paved else "ground"
    if paved:
        return "asphalt" if luck < 0.8 or name in SPEED and SPEED[name] > 50 else "concrete"
    return ("gravel", "unpaved", "dirt", "compacted")[int(luck * 4)]


def lattice_line(plan: Plan, *, u: Any = None, v: Any = None, step: int = 20) -> tuple[Floats, Floats]:  # noqa: ANN401 - one of both is a number
    """Follow a line of the bent lattice from edge to edge."""
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
        tags = {"railway": "rail", "usage": "main", "gauge": "1435", "electrified": "contact_line", "name": "Hanbit Line"}
        if over[a]:
            tags |= {"bridge": "yes", "layer": "2"}
        features.ways.append(Way(list(range(first + a, first + b + 1)), tags, "always"))
    k = int(plan.size["stations"])
    at = ((np.arange(k) + 0.5) / k * plan.n).astype(int) * UNIT + UNIT // 2
    if k <= 2:
        at = np.array([plan.n // 2 * UNIT + 60, (plan.motorway_column + 1) * UNIT + 120])
    sx, sy = plan.world(at, np.full(at.size, v))
    central = int(np.argmin(np.abs(sx)))
    for i in range(at.size):
        name = "Hanbit Central Station" if i == central else f"Hanbit Station {i + 1}"
        tags = {"railway": "station", "public_transport": "station", "train": "yes", "name": name}
        features.add_point(float(sx[i]), float(sy[i]), tags, "transit")
        features.add_box(float(sx[i]), float(sy[i]) + 24, 90, 22, {"building": "train_station", "name": name}, "building")
    for line in range(int(plan.size["metro_lines"])):
        _add_underground(plan, features, line)
    return np.column_stack([sx, sy])


def _add_underground(plan: Plan, features: Features, line: int) -> None:
    middle = plan.n // 2 * UNIT
    x, y = lattice_line(plan, u=middle + 6) if line == 0 else lattice_line(plan, v=middle + 24)
    inner = np.hypot(x, y) < 1.4 * plan.size["decay_m"]
    tags = {"railway": "subway", "tunnel": "yes", "layer": "-3", "name": f"Hanbit Metro {line + 1}"}
    features.add_line(x[inner], y[inner], tags, "always")
    for k, s in enumerate(range(UNIT // 40, int(inner.sum()), UNIT // 20)):
        px, py = float(x[inner][s]), float(y[inner][s])
        name = f"Hanbit Metro {line + 1} Stop {k + 1}"
        features.add_point(px, py, {"railway": "station", "station": "subway", "public_transport": "station", "subway": "yes", "name": name}, "transit")  # fmt: skip
        for dx in (-45.0, 45.0):
            features.add_point(px + dx, py + 20, {"railway": "subway_entrance", "name": name}, "transit")


def add_water(plan: Plan, features: Features) -> None:
    """
    Add the river, the brooks, the lake with its island and a wetland.

    Parameters
    ----------
    plan : of the city.
    features : receives them.
    """
    terrain, h = plan.terrain, plan.half
    reach = h + float(plan.table["margin_m"]) * 0.5
    t = np.arange(reach, -reach - 1, -h / 75)
    x = terrain.river_x(t)
    features.add_line(x, t, {"waterway": "river", "name": "Hanbit River", "width": f"{plan.size['river_width_m']:g}"}, "always")
    half = plan.size["river_width_m"] / 2
    slant = (terrain.river_x(t + 5) - terrain.river_x(t - 5)) / 10
    ex, ey = 1 / np.hypot(1, slant), -slant / np.hypot(1, slant)
    bank_x = np.concatenate([x + half * ex, (x - half * ex)[::-1]])
    bank_y = np.concatenate([t + half * ey, (t - half * ey)[::-1]])
    features.add_area(bank_x, bank_y, {"natural": "water", "water": "river", "name": "Hanbit River"}, "always")
    for stream in terrain.streams:
        far = np.arange(stream.side * reach, 0, -stream.side * h / 100)
        sx = far[stream.side * (far - terrain.river_x(stream.y(far))) > 0]
        tags = {"waterway": "stream", "name": stream.name, "width": f"{plan.size['stream_width_m']:g}"}
        mouth = float(terrain.river_x(stream.y(sx[-1])))
        sx = np.append(sx, mouth)
        features.add_line(sx, stream.y(sx), tags, "always")
    x0, y0, a, b, _ = terrain.lake()
    angle = np.linspace(0, 2 * np.pi, 33)[:-1]
    outer = features.add_area(x0 + a * np.cos(angle), y0 + b * np.sin(angle), {}, "always")
    inner = features.add_area(x0 + 0.3 * a * np.cos(angle[::2]), y0 + 0.3 * b * np.sin(angle[::2]), {"place": "islet", "name": "Hanbit Islet"}, "always")  # fmt: skip
    tags = {"type": "multipolygon", "natural": "water", "water": "lake", "name": "Hanbit Lake"}
    features.relations.append(([(outer, "outer"), (inner, "inner")], tags, "always"))
    wy = -0.80 * h
    wx = float(terrain.river_x(wy)) - half - 0.05 * h
    features.add_area(wx + 0.04 * h * np.cos(angle), wy + 0.05 * h * np.sin(angle), {"natural": "wetland", "wetland": "marsh", "name": "Hanbit Marsh"}, "landuse")  # fmt: skip


def superblock_ring(plan: Plan, i: int, j: int, *, w: int = 1, h: int = 1, inset: float = 6.0) -> tuple[Floats, Floats]:  # fmt: skip
    """Outline of some superblocks, a little inside the arterial streets, metres."""
    lo_u, hi_u = i * UNIT + inset, (i + w) * UNIT - inset
    lo_v, hi_v = j * UNIT + inset, (j + h) * UNIT - inset
    t = np.linspace(0, 1, 5)[:-1]
    u = np.concatenate([lo_u + (hi_u - lo_u) * t, np.full(4, hi_u), hi_u - (hi_u - lo_u) * t, np.full(4, lo_u)])
    v = np.concatenate([np.full(4, lo_v), lo_v + (hi_v - lo_v) * t, np.full(4, hi_v), hi_v - (hi_v - lo_v) * t])
    return plan.world(u, v)


SITE_TAGS: dict[str, dict[str, str]] = {
    "aerodrome": {"aeroway": "aerodrome", "name": "Hanbit Airport", "iata": "QQH"},
    "university": {"amenity": "university", "name": "Hanbit University"},
    "cemetery": {"landuse": "cemetery", "name": "Hanbit Cemetery"},
    "military": {"landuse": "military", "name": "Hanbit Barracks"},
    "landfill": {"landuse": "landfill", "name": "Hanbit Landfill"},
    "quarry": {"landuse": "quarry", "name": "Hanbit Quarry"},
    "freight": {"landuse": "railway", "railway": "yard", "name": "Hanbit Freight Terminal"},
    "park": {"leisure": "park", "name": "Hanbit Park"},
}


def add_land(plan: Plan, features: Features) -> None:
    """
    Add land use, the planned sites, parks and the protected area.

    Parameters
    ----------
    plan : of the city.
    features : receives them.
    """
    x, y = plan.centres()
    kind = np.array(plan.district_kind)[plan.district(x, y)]
    slope = plan.terrain.slope(x, y)
    ii, jj = np.meshgrid(np.arange(plan.n), np.arange(plan.n), indexing="ij")
    luck = plan.draw.uniform("land use", ii, jj)
    for i in range(plan.n):
        for j in range(plan.n):
            if plan.site[i, j] == "":
                tags = _landuse(str(kind[i, j]), int(plan.blocks[i, j]), float(slope[i, j]), float(luck[i, j]))
                features.add_area(*superblock_ring(plan, i, j), tags, "landuse")
    for site, tags in SITE_TAGS.items():
        where = np.argwhere(plan.site == site)
        if where.size:
            (i, j), (i1, j1) = where.min(axis=0), where.max(axis=0)
            ring = superblock_ring(plan, i, j, w=i1 - i + 1, h=j1 - j + 1)
            group = "always" if site == "aerodrome" else "service" if site == "university" else "landuse"
            features.add_area(*ring, dict(tags), group)
            if site == "aerodrome":
                cx, cy = ring[0].mean(), ring[1].mean()
                long = 0.8 * (ring[1].max() - ring[1].min())
                features.add_line(np.array([cx, cx]), cy + np.array([-long, long]) / 2, {"aeroway": "runway", "ref": "18/36", "surface": "asphalt", "width": "45"}, "always")  # fmt: skip
    _add_protected(plan, features)
    green = (plan.blocks >= 4) & (luck > 0.5) & (plan.site == "")
    for i, j in np.argwhere(green):
        n = int(plan.blocks[i, j])
        a, b = (int(k * n) for k in plan.draw.uniform("pocket park", [int(i), int(j)], int(i) * 1000 + int(j)))
        step = UNIT / n
        u, v = i * UNIT + np.array([a, a + 1, a + 1, a]) * step, j * UNIT + np.array([b, b, b + 1, b + 1]) * step
        px, py = plan.world(u, v)
        inside = 0.72
        px, py = px.mean() + inside * (px - px.mean()), py.mean() + inside * (py - py.mean())
        features.add_area(px, py, {"leisure": "park", "name": f"Hanbit Green {int(i) * plan.n + int(j)}"}, "landuse")


def _landuse(kind: str, blocks: int, slope: float, luck: float) -> dict[str, str]:
    if blocks <= 2:
        if slope > 0.12 or luck > 0.8:
            return {"landuse": "forest"} if luck < 0.93 else {"landuse": "meadow"}
        return {"landuse": "farmland"} if luck < 0.62 else {"landuse": "meadow"}
    if kind == "industrial":
        return {"landuse": "industrial", "name": "Hanbit Works"}
    if kind == "core":
        return {"landuse": "commercial" if luck < 0.4 else "retail" if luck < 0.6 else "residential"}
    return {"landuse": "retail" if luck < 0.05 else "residential"}


def _add_protected(plan: Plan, features: Features) -> None:
    where = np.argwhere(plan.site == "protected")
    (i, j), (i1, j1) = where.min(axis=0), where.max(axis=0)
    x, y = superblock_ring(plan, int(i), int(j), w=int(i1 - i + 1), h=int(j1 - j + 1))
    half = x.size // 2
    first = features.add_nodes(x, y)
    # an outer ring in two ways, and an enclave: relations are assembled from parts
    one = [*range(first, first + half + 1)]
    two = [*range(first + half, first + x.size), first]
    features.ways += [Way(one, {}, "always"), Way(two, {}, "always")]
    outer = [len(features.ways) - 2, len(features.ways) - 1]
    cx, cy = float(x.mean()), float(y.mean())
    inner = features.add_box(cx + 0.05 * plan.half, cy - 0.04 * plan.half, 160, 120, {"landuse": "farmyard"}, "always")
    tags = {"type": "multipolygon", "boundary": "protected_area", "leisure": "nature_reserve", "protect_class": "4", "name": "Hanbit Hill Reserve"}  # fmt: skip
    members = [(outer[0], "outer"), (outer[1], "outer"), (inner, "inner")]
    features.relations.append((members, tags, "always"))


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
    label = np.where(work, np.where(kind == "industrial", "industrial", np.where(luck < 0.5, "retail", "office")), label)  # fmt: skip
    i, j = plan.superblock(people.x[at], people.y[at])
    block = (i * plan.n + j).tolist()
    for k, (name, level) in enumerate(zip(label.tolist(), levels.tolist(), strict=True)):
        p = first + 4 * k
        tags = {"building": name, "building:levels": str(level)}
        features.ways.append(Way([p, p + 1, p + 2, p + 3, p], tags, "building", block[k]))


def nearest_street(streets: Streets, x: Floats, y: Floats, *, kinds: tuple[str, ...]) -> Ints:
    """Shape node of the nearest street of some classes."""
    on = np.isin(streets.kind, [CODE[k] for k in kinds]) & (streets.structure == 0)
    nodes = np.unique(streets.mid[on][:, 0])
    tree = cKDTree(np.column_stack([streets.x[nodes], streets.y[nodes]]))
    return nodes[tree.query(np.column_stack([x, y]))[1]]
