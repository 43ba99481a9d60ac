"""
Add the facilities, stops, pipes and wires of the demo city, by planning norms.

What stands where follows the people of a district and how well the district is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kcity_geo.sources.demo_features import chains, nearest_street, way_refs
from kcity_geo.sources.demo_networks import serpentine
from kcity_geo.sources.demo_streets import CODE

if TYPE_CHECKING:
    from kcity_geo.sources.demo_networks import Networks
    from kcity_geo.sources.demo_osm import Features
    from kcity_geo.sources.demo_people import Cells
    from kcity_geo.sources.demo_plan import Bools, Floats, Ints, Plan
    from kcity_geo.sources.demo_streets import Streets

__all__ = ["add_facilities", "add_lamps", "add_power", "add_stops", "add_telecom", "add_water_points", "add_waterworks"]  # fmt: skip

MAIN = ("primary", "secondary", "tertiary")
IMPROVED = {"tap", "pump"}


def spread(plan: Plan, cells: Cells, weights: Floats, count: int, salt: str) -> Ints:
    """
    Choose squares so that each of `count` facilities has about the same number of weighted people.

    Parameters
    ----------
    plan : of the city.
    cells : people.
    weights : persons times how well they are served.
    count : facilities.
    salt : of the draw.

    Returns
    -------
    Squares, one a facility.
    """
    if count <= 0 or weights.sum() <= 0:
        return np.zeros(0, dtype=np.int64)
    order = serpentine(plan, cells.x, cells.y)
    cumulative = np.cumsum(weights[order])
    start = (np.arange(count) + plan.draw.uniform(salt, np.arange(count))) / count
    return order[np.minimum(np.searchsorted(cumulative, start * cumulative[-1], side="right"), order.size - 1)]


def _count(plan: Plan, norm: str) -> int:
    return max(1, round(plan.size["persons"] / plan.table["norm"][norm]))


def _beside(plan: Plan, streets: Streets, cells: Cells, at: Ints, *, kinds: tuple[str, ...], off_m: float, salt: str) -> tuple[Floats, Floats]:  # fmt: skip
    node = nearest_street(streets, cells.x[at], cells.y[at], kinds=kinds)
    turn = 2 * np.pi * plan.draw.uniform(salt + " side", np.arange(at.size))
    return streets.x[node] + off_m * np.cos(turn), streets.y[node] + off_m * np.sin(turn)


LOCAL = (*MAIN, "residential", "living_street", "unclassified", "service")


def add_facilities(plan: Plan, streets: Streets, cells: Cells, features: Features) -> dict[str, Floats]:
    """
    Add hospitals, clinics, doctors, schools, kindergartens, a college, markets and toilets.

    Parameters
    ----------
    plan, streets, cells : of the city.
    features : receives them.

    Returns
    -------
    Positions of the kinds ``health`` and ``school``, shape (k, 2), metres.
    """
    served = plan.of_district("service")[cells.district] * cells.persons
    k = _count(plan, "health")
    at = spread(plan, cells, served, k, "health")
    hx, hy = _beside(plan, streets, cells, at, kinds=LOCAL, off_m=26.0, salt="health")
    hospitals = _count(plan, "hospital")
    is_hospital = np.zeros(k, dtype=bool)
    is_hospital[((np.arange(hospitals) + 0.5) / hospitals * k).astype(int)] = True
    doctor = plan.draw.uniform("doctor", np.arange(k)) < 0.25
    for i in range(k):
        x, y = float(hx[i]), float(hy[i])
        if is_hospital[i]:
            tags = {"amenity": "hospital", "healthcare": "hospital", "name": f"Hanbit Hospital {i + 1}", "emergency": "yes", "beds": "180"}
            features.add_box(x, y, 95, 70, tags, "service")
        elif doctor[i]:
            features.add_point(x, y, {"amenity": "doctors", "healthcare": "doctor", "name": f"Hanbit Surgery {i + 1}"}, "service")
        else:
            features.add_point(x, y, {"amenity": "clinic", "healthcare": "clinic", "name": f"Hanbit Clinic {i + 1}"}, "service")
    k = _count(plan, "school")
    at = spread(plan, cells, served, k, "school")
    sx, sy = _beside(plan, streets, cells, at, kinds=LOCAL, off_m=40.0, salt="school")
    for i in range(k):
        tags = {"amenity": "school", "name": f"Hanbit School {i + 1}", "capacity": "600"}
        features.add_box(float(sx[i]), float(sy[i]), 80, 55, tags, "service")
    at = spread(plan, cells, served, _count(plan, "kindergarten"), "kindergarten")
    x, y = _beside(plan, streets, cells, at, kinds=LOCAL, off_m=20.0, salt="kindergarten")
    features.add_points(x, y, [{"amenity": "kindergarten", "name": f"Hanbit Kindergarten {i + 1}"} for i in range(at.size)], "service")
    at = spread(plan, cells, served, max(1, k // 12), "college")
    x, y = _beside(plan, streets, cells, at, kinds=MAIN, off_m=30.0, salt="college")
    features.add_points(x, y, [{"amenity": "college", "name": f"Hanbit College {i + 1}"} for i in range(at.size)], "service")
    at = spread(plan, cells, served, max(2, k // 2), "market")
    x, y = _beside(plan, streets, cells, at, kinds=MAIN, off_m=18.0, salt="market")
    features.add_points(x, y, [{"amenity": "marketplace", "name": f"Hanbit Market {i + 1}"} for i in range(at.size)], "service")
    features.add_points(x + 15, y + 9, [{"amenity": "toilets"} for _ in range(at.size)], "sanitation")
    return {"health": np.column_stack([hx, hy]), "school": np.column_stack([sx, sy])}


def add_stops(plan: Plan, streets: Streets, cells: Cells, features: Features) -> Floats:
    """
    Add bus stops on the main streets, a bus station and, in larger cities, ferries.

    Parameters
    ----------
    plan, streets, cells : of the city.
    features : receives them.

    Returns
    -------
    Stops, shape (k, 2), metres.
    """
    weights = plan.of_district("bus")[cells.district] * cells.persons
    at = spread(plan, cells, weights, round(1.6 * _count(plan, "bus_stop")), "bus")
    node = np.unique(nearest_street(streets, cells.x[at], cells.y[at], kinds=MAIN))
    x, y = streets.x[node] + 5.0, streets.y[node] + 5.0
    shelter = plan.draw.uniform("shelter", node) < 0.5
    tags = [
        {"highway": "bus_stop", "public_transport": "platform", "bus": "yes", "name": f"Hanbit Stop {i + 1}", "shelter": "yes" if shelter[i] else "no"}
        for i in range(node.size)
    ]
    features.add_points(x, y, tags, "transit")
    features.add_box(90.0, -95.0, 60, 40, {"amenity": "bus_station", "name": "Hanbit Bus Station"}, "transit")
    if plan.half > 5000:
        bank = plan.size["river_width_m"] / 2 + 4
        for y0 in (0.12 * plan.half, -0.25 * plan.half):
            middle = float(plan.terrain.river_x(y0))
            ends = np.array([middle - bank, middle + bank])
            for side, x0 in zip(("West", "East"), ends, strict=True):
                features.add_point(float(x0), y0, {"amenity": "ferry_terminal", "name": f"Hanbit Ferry {side}"}, "transit")
            features.add_line(ends, np.array([y0, y0]), {"route": "ferry", "name": "Hanbit Ferry", "foot": "yes"}, "always")
    return np.column_stack([x, y])


def add_water_points(plan: Plan, streets: Streets, cells: Cells, features: Features) -> dict[str, Floats]:
    """
    Add taps, wells and springs where the pipes do not reach, and fountains in the centre.

    Parameters
    ----------
    plan, streets, cells : of the city.
    features : receives them.

    Returns
    -------
    Positions by kind: ``tap``, ``pump``, ``well`` (without pump), ``spring``; metres.
    """
    kind = np.array(plan.district_kind)[cells.district]
    needy = np.isin(kind, ["poor", "rural"])
    patchy = plan.draw.uniform("tapped", cells.column // 8, cells.row // 8) < 0.55
    at = spread(plan, cells, cells.persons * (needy & patchy), max(3, int((cells.persons * needy).sum() / plan.table["norm"]["water_point_persons"])), "tap")  # fmt: skip
    x, y = _beside(plan, streets, cells, at, kinds=(*LOCAL, "track"), off_m=8.0, salt="tap")
    luck = plan.draw.uniform("tap kind", np.arange(at.size))
    what = np.where(luck < 0.62, "tap", np.where(luck < 0.82, "pump", "well"))
    tags: dict[str, dict[str, str]] = {
        "tap": {"man_made": "water_tap", "drinking_water": "yes"},
        "pump": {"man_made": "water_well", "pump": "manual", "drinking_water": "yes"},
        "well": {"man_made": "water_well", "pump": "no"},
    }
    features.add_points(x, y, [dict(tags[w]) for w in what.tolist()], "water")
    found = {w: np.column_stack([x, y])[what == w] for w in tags}
    springs = []
    for hx, hy, _, sigma in plan.terrain.hills:
        angle = 6.28 * float(plan.draw.uniform("spring", int(abs(hx))))
        springs.append((hx + 1.5 * sigma * np.cos(angle), hy + 1.5 * sigma * np.sin(angle)))
        if max(abs(springs[-1][0]), abs(springs[-1][1])) > plan.half:
            springs.pop()
    found["spring"] = np.array(springs).reshape(-1, 2)
    for sx, sy in springs:
        features.add_point(float(sx), float(sy), {"natural": "spring"}, "water")
    at = spread(plan, cells, cells.persons * (kind == "core"), max(4, _count(plan, "bus_stop") // 12), "fountain")
    fx, fy = _beside(plan, streets, cells, at, kinds=LOCAL, off_m=9.0, salt="fountain")
    features.add_points(fx, fy, [{"amenity": "drinking_water"} for _ in range(at.size)], "water")
    found["fountain"] = np.column_stack([fx, fy])
    return found


def _laid(plan: Plan, streets: Streets, features: Features, on: Bools, tags: Any, group: str, *, off_m: float) -> None:  # noqa: ANN401 - tags or a function of the edge
    """Lay lines beside streets, with nodes of their own."""
    edge, first = chains(streets, on)
    for refs, head in zip(way_refs(streets, edge, first), edge[first].tolist(), strict=True):
        row = tags(head) if callable(tags) else dict(tags)
        features.add_line(streets.x[refs] + off_m, streets.y[refs] + 0.7 * off_m, row, group)


def add_waterworks(plan: Plan, streets: Streets, networks: Networks, features: Features) -> None:
    """
    Add water works, storage, mains, sewers, drains and the wastewater plant.

    Parameters
    ----------
    plan, streets, networks : of the city.
    features : receives them.
    """
    wx, wy = networks.works
    supply = _supply(plan)
    features.add_box(wx, wy, 130, 90, {"man_made": "water_works", "name": "Hanbit Water Works", "capacity": f"{supply:.0f} m3/day"}, "always")
    features.add_point(wx + 20, wy - 62, {"man_made": "pumping_station", "substance": "water", "name": "Hanbit Pumping Station"}, "water")
    towers = max(1, round(plan.size["persons"] / 90000))
    for k in range(towers):
        angle = 2 * np.pi * (k + 0.15) / towers
        r = 0.30 * plan.half * (0.8 + 0.4 * float(plan.draw.uniform("tower", k)))
        tags = {"man_made": "water_tower", "name": f"Hanbit Water Tower {k + 1}", "capacity": "1200"}
        features.add_point(r * float(np.cos(angle)) + 30, r * float(np.sin(angle)) + 20, tags, "water")
    hx, hy, _, sigma = plan.terrain.hills[2]
    features.add_box(hx - 1.1 * sigma, hy - 0.3 * sigma, 60, 45, {"man_made": "reservoir_covered", "name": "Hanbit Reservoir", "capacity": "6000"}, "water")
    pipe = {"man_made": "pipeline", "substance": "water", "location": "underground"}
    _laid(plan, streets, features, networks.mains, lambda e: pipe | {"diameter": "400" if streets.kind[e] <= CODE["secondary"] else "150"}, "water", off_m=-3.5)  # fmt: skip
    sx, sy = networks.wastewater
    features.add_box(sx, sy, 150, 80, {"man_made": "wastewater_plant", "name": "Hanbit Wastewater Plant"}, "always")
    _laid(plan, streets, features, networks.sewers & (streets.kind <= CODE["tertiary"]), {"man_made": "pipeline", "substance": "sewage", "location": "underground"}, "sanitation", off_m=3.5)  # fmt: skip
    drained = plan.draw.uniform("drain", streets.line) < plan.size["drain_share"]
    drained &= (streets.kind >= CODE["tertiary"]) & (streets.kind <= CODE["residential"]) & (streets.structure == 0)
    _laid(plan, streets, features, drained, lambda e: {"waterway": "drain" if streets.line[e] % 3 else "ditch"}, "sanitation", off_m=4.5)


def _supply(plan: Plan) -> float:
    o = plan.table["official"]
    net = plan.size["persons"] * o["lpcd"] / 1000 * (1 + o["nondomestic"])
    return float(o["supply_over_max_day"] * net / (1 - o["nrw"]) * o["day_peak"])


def add_power(plan: Plan, streets: Streets, cells: Cells, networks: Networks, features: Features) -> None:
    """
    Add the power plant, high, medium and low voltage lines, substations and transformers.

    Parameters
    ----------
    plan, streets, cells, networks : of the city.
    features : receives them.
    """
    px, py = networks.plant
    peak = plan.size["persons"] * plan.table["official"]["kwh_person_year"] / 8760 / plan.table["official"]["load_factor"] / 1000
    output = f"{0.7 * peak:.0f} MW"
    features.add_box(px, py, 140, 95, {"power": "plant", "name": "Hanbit Power Plant", "plant:source": "gas", "plant:output:electricity": output}, "always")
    features.add_point(px + 15, py + 10, {"power": "generator", "generator:source": "gas", "generator:method": "combustion", "generator:output:electricity": output}, "power")
    hv = [(plan.half + 400.0, py + 60.0), (px + 90, py + 60)]
    left = [tuple(map(float, s)) for s in networks.substations]
    while left:  # from the plant to the nearest substation, and on
        left.sort(key=lambda s: (s[0] - hv[-1][0]) ** 2 + (s[1] - hv[-1][1]) ** 2)
        hv.append(left.pop(0))
    for k, (a, b) in enumerate(zip(hv[:-1], hv[1:], strict=True)):
        n = max(2, int(np.hypot(a[0] - b[0], a[1] - b[1]) / 260) + 1)
        x, y = np.linspace(a[0], b[0], n), np.linspace(a[1], b[1], n)
        way = features.add_line(x, y, {"power": "line", "voltage": "110000", "cables": "6" if k else "3", "name": f"Hanbit 110 kV {k + 1}"}, "always")
        for node in features.ways[way].refs[1:-1]:
            features.corner[node] = {"power": "tower"}
    for k, (x, y) in enumerate(networks.substations):
        tags = {"power": "substation", "substation": "distribution", "voltage": "110000;20000", "name": f"Hanbit Substation {k + 1}"}
        features.add_box(float(x), float(y), 55, 42, tags, "always" if k == 0 else "power")
    dense = plan.density(streets.x[streets.mid[:, 0]], streets.y[streets.mid[:, 0]]) > 0.45
    cable = {"power": "cable", "location": "underground", "voltage": "20000"}
    line = {"power": "minor_line", "voltage": "20000"}
    _laid(plan, streets, features, networks.mv, lambda e: dict(cable if dense[e] else line), "power", off_m=6.5)
    i, j = ((np.floor((a[streets.mid[:, 0]] + plan.half) / 100)).astype(np.int64) for a in (streets.x, streets.y))
    lit = np.isin(i * 100000 + j, cells.column[networks.electrified] * 100000 + cells.row[networks.electrified])
    low = lit & (streets.kind >= CODE["unclassified"]) & (streets.kind <= CODE["service"]) & ~networks.mv
    low &= plan.draw.uniform("low voltage", streets.line) < plan.size["lv_share"]
    _laid(plan, streets, features, low, {"power": "minor_line", "voltage": "400"}, "power", off_m=5.5)
    at = spread(plan, cells, (cells.persons * networks.electrified).astype(float), _count(plan, "transformer_persons"), "transformer")
    ends = np.unique(streets.start[networks.mv])
    from scipy.spatial import cKDTree

    near = ends[cKDTree(np.column_stack([streets.x[ends], streets.y[ends]])).query(np.column_stack([cells.x[at], cells.y[at]]))[1]]
    near = np.unique(near)
    pole = near % 2 == 0
    tags_of = ({"power": "pole", "transformer": "distribution"}, {"power": "transformer", "voltage": "20000;400"})
    features.add_points(streets.x[near] + 6.5, streets.y[near] + 4.55, [dict(tags_of[0 if p else 1]) for p in pole], "power")


def add_lamps(plan: Plan, streets: Streets, features: Features) -> None:
    """
    Add street lamps along the lit main streets around the centre.

    Parameters
    ----------
    plan, streets : of the city.
    features : receives them.
    """
    from kcity_geo.sources.demo_people import along

    main = (streets.kind >= CODE["primary"]) & (streets.kind <= CODE["tertiary"]) & (streets.structure == 0)
    x, y, edge = along(streets.x, streets.y, streets.refs()[main], step_m=float(plan.size["lamp_spacing_m"]))
    share = plan.of_district("lit")[plan.district(x, y)]
    on = (np.hypot(x, y) < plan.size["lamp_reach_m"]) & (plan.draw.uniform("lamp", np.flatnonzero(main)[edge]) < share)
    features.add_points(x[on] + 5.0, y[on] - 4.0, [{"highway": "street_lamp"} for _ in range(int(on.sum()))], "lamp")


def add_telecom(plan: Plan, cells: Cells, features: Features) -> None:
    """
    Add masts, an exchange, a data centre, a fibre line along the railway and a tower on the hill.

    Parameters
    ----------
    plan, cells : of the city.
    features : receives them.
    """
    at = spread(plan, cells, cells.persons.astype(float), _count(plan, "mast_persons"), "mast")
    features.add_points(cells.x[at] + 31, cells.y[at] + 17, [{"man_made": "mast", "tower:type": "communication"} for _ in range(at.size)], "service")
    hx, hy, _, _ = plan.terrain.hills[0]
    features.add_point(hx, hy, {"man_made": "communications_tower", "name": "Hanbit Tower"}, "always")
    features.add_box(-60.0, 80.0, 34, 26, {"telecom": "exchange", "building": "yes", "name": "Hanbit Exchange"}, "service")
    from kcity_geo.sources.demo_features import lattice_line

    x, y = lattice_line(plan, v=plan.rail_row * 400 + 200)
    features.add_line(x, y + 14, {"communication": "line", "location": "underground", "name": "Hanbit Fibre"}, "service")
