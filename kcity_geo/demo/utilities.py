# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""Add the works, pipes and wires of the demo city: water, sewage, power, lamps, telecom."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from kcity_geo.demo.features import chains, lattice_line, way_refs
from kcity_geo.demo.networks import Networks
from kcity_geo.demo.osm import Features
from kcity_geo.demo.people import Cells, along
from kcity_geo.demo.plan import Plan
from kcity_geo.demo.services import norm_count, spread
from kcity_geo.demo.streets import CODE, Streets
from kcity_geo.demo.terrain import Bools

__all__ = ["add_lamps", "add_power", "add_telecom", "add_waterworks"]


def _laid(
    streets: Streets,
    features: Features,
    on: Bools,
    tags: Callable[[int], dict[str, str]],
    group: str,
    *,
    off_m: float,
) -> None:
    """Lay lines beside streets, with nodes of their own; straight between junctions in the metro."""
    edge, first = chains(streets, on)
    shapes = streets.mid.shape[1]
    every = shapes + 1 if shapes > 1 else 1
    for refs, head in zip(way_refs(streets, edge, first), edge[first].tolist(), strict=True):
        row = tags(head)
        at = refs[::every]
        features.add_line(streets.x[at] + off_m, streets.y[at] + 0.7 * off_m, row, group)


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
    features.add_box(
        (wx, wy),
        (130, 90),
        {
            "man_made": "water_works",
            "name": "Hanbit Water Works",
            "capacity": f"{supply:.0f} m3/day",
        },
        "always",
    )
    features.add_point(
        wx + 20,
        wy - 62,
        {"man_made": "pumping_station", "substance": "water", "name": "Hanbit Pumping Station"},
        "water",
    )
    towers = max(1, round(plan.size.persons / 90000))
    for k in range(towers):
        angle = 2 * np.pi * (k + 0.15) / towers
        r = 0.30 * plan.half * (0.8 + 0.4 * float(plan.draw.uniform("tower", k)))
        tags = {
            "man_made": "water_tower",
            "name": f"Hanbit Water Tower {k + 1}",
            "capacity": "1200",
        }
        features.add_point(
            r * float(np.cos(angle)) + 30, r * float(np.sin(angle)) + 20, tags, "water"
        )
    hx, hy, _, sigma = plan.terrain.hills[2]
    features.add_box(
        (hx - 1.1 * sigma, hy - 0.3 * sigma),
        (60, 45),
        {"man_made": "reservoir_covered", "name": "Hanbit Reservoir", "capacity": "6000"},
        "water",
    )
    pipe = {"man_made": "pipeline", "substance": "water", "location": "underground"}
    _laid(
        streets,
        features,
        networks.mains,
        lambda e: pipe | {"diameter": "400" if streets.kind[e] <= CODE["secondary"] else "150"},
        "water",
        off_m=-3.5,
    )
    sx, sy = networks.wastewater
    features.add_box(
        (sx, sy),
        (150, 80),
        {"man_made": "wastewater_plant", "name": "Hanbit Wastewater Plant"},
        "always",
    )
    _laid(
        streets,
        features,
        networks.sewers & (streets.kind <= CODE["tertiary"]),
        lambda _: {"man_made": "pipeline", "substance": "sewage", "location": "underground"},
        "sanitation",
        off_m=3.5,
    )
    drained = plan.draw.uniform("drain", streets.line) < plan.size.drain_share
    drained &= (
        (streets.kind >= CODE["tertiary"])
        & (streets.kind <= CODE["residential"])
        & (streets.structure == 0)
    )
    _laid(
        streets,
        features,
        drained,
        lambda e: {"waterway": "drain" if streets.line[e] % 3 else "ditch"},
        "sanitation",
        off_m=4.5,
    )


def _supply(plan: Plan) -> float:
    o = plan.table["official"]
    net = plan.size.persons * o["lpcd"] / 1000 * (1 + o["nondomestic"])
    return float(o["supply_over_max_day"] * net / (1 - o["nrw"]) * o["day_peak"])


def add_power(
    plan: Plan, streets: Streets, cells: Cells, networks: Networks, features: Features
) -> None:
    """
    Add the power plant, high, medium and low voltage lines, substations and transformers.

    Parameters
    ----------
    plan, streets, cells, networks : of the city.
    features : receives them.
    """
    px, py = networks.plant
    peak = (
        plan.size.persons
        * plan.table["official"]["kwh_person_year"]
        / 8760
        / plan.table["official"]["load_factor"]
        / 1000
    )
    output = f"{0.7 * peak:.0f} MW"
    features.add_box(
        (px, py),
        (140, 95),
        {
            "power": "plant",
            "name": "Hanbit Power Plant",
            "plant:source": "gas",
            "plant:output:electricity": output,
        },
        "always",
    )
    features.add_point(
        px + 15,
        py + 10,
        {
            "power": "generator",
            "generator:source": "gas",
            "generator:method": "combustion",
            "generator:output:electricity": output,
        },
        "power",
    )
    hv = [(plan.half + 400.0, py + 60.0), (px + 90, py + 60)]
    left = [(float(x), float(y)) for x, y in networks.substations]
    while left:  # from the plant to the nearest substation, and on
        left.sort(key=lambda s: (s[0] - hv[-1][0]) ** 2 + (s[1] - hv[-1][1]) ** 2)
        hv.append(left.pop(0))
    for k, (a, b) in enumerate(itertools.pairwise(hv)):
        n = max(2, int(np.hypot(a[0] - b[0], a[1] - b[1]) / 260) + 1)
        x, y = np.linspace(a[0], b[0], n), np.linspace(a[1], b[1], n)
        way = features.add_line(
            x,
            y,
            {
                "power": "line",
                "voltage": "110000",
                "cables": "6" if k else "3",
                "name": f"Hanbit 110 kV {k + 1}",
            },
            "always",
        )
        for node in features.ways[way].refs[1:-1]:
            features.corner[node] = {"power": "tower"}
    for k, (x, y) in enumerate(networks.substations):
        tags = {
            "power": "substation",
            "substation": "distribution",
            "voltage": "110000;20000",
            "name": f"Hanbit Substation {k + 1}",
        }
        features.add_box((float(x), float(y)), (55, 42), tags, "always" if k == 0 else "power")
    dense = plan.density(streets.x[streets.mid[:, 0]], streets.y[streets.mid[:, 0]]) > 0.45
    cable = {"power": "cable", "location": "underground", "voltage": "20000"}
    line = {"power": "minor_line", "voltage": "20000"}
    _laid(
        streets,
        features,
        networks.mv,
        lambda e: dict(cable if dense[e] else line),
        "power",
        off_m=6.5,
    )
    i, j = (
        (np.floor((a[streets.mid[:, 0]] + plan.half) / 100)).astype(np.int64)
        for a in (streets.x, streets.y)
    )
    lit = np.isin(
        i * 100000 + j,
        cells.column[networks.electrified] * 100000 + cells.row[networks.electrified],
    )
    low = (
        lit
        & (streets.kind >= CODE["unclassified"])
        & (streets.kind <= CODE["service"])
        & ~networks.mv
    )
    low &= plan.draw.uniform("low voltage", streets.line) < plan.size.lv_share
    _laid(
        streets,
        features,
        low,
        lambda _: {"power": "minor_line", "voltage": "400"},
        "power",
        off_m=5.5,
    )
    at = spread(
        plan,
        cells,
        (cells.persons * networks.electrified).astype(float),
        norm_count(plan, "transformer_persons"),
        "transformer",
    )
    ends = np.unique(streets.start[networks.mv])
    near = ends[
        cKDTree(np.column_stack([streets.x[ends], streets.y[ends]])).query(
            np.column_stack([cells.x[at], cells.y[at]])
        )[1]
    ]
    near = np.unique(near)
    pole = near % 2 == 0
    tags_of = (
        {"power": "pole", "transformer": "distribution"},
        {"power": "transformer", "voltage": "20000;400"},
    )
    features.add_points(
        streets.x[near] + 6.5,
        streets.y[near] + 4.55,
        [dict(tags_of[0 if p else 1]) for p in pole],
        "power",
    )


def add_lamps(plan: Plan, streets: Streets, features: Features) -> None:
    """
    Add street lamps along the lit main streets around the centre.

    Parameters
    ----------
    plan, streets : of the city.
    features : receives them.
    """
    main = (
        (streets.kind >= CODE["primary"])
        & (streets.kind <= CODE["tertiary"])
        & (streets.structure == 0)
    )
    x, y, edge = along(
        streets.x, streets.y, streets.refs()[main], step_m=float(plan.size.lamp_spacing_m)
    )
    share = plan.of_district("lit")[plan.district(x, y)]
    on = (np.hypot(x, y) < plan.size.lamp_reach_m) & (
        plan.draw.uniform("lamp", np.flatnonzero(main)[edge]) < share
    )
    features.add_points(
        x[on] + 5.0, y[on] - 4.0, [{"highway": "street_lamp"} for _ in range(int(on.sum()))], "lamp"
    )


def add_telecom(plan: Plan, cells: Cells, features: Features) -> None:
    """
    Add masts, an exchange, a data centre, a fibre line along the railway and a tower on the hill.

    Parameters
    ----------
    plan, cells : of the city.
    features : receives them.
    """
    at = spread(plan, cells, cells.persons.astype(float), norm_count(plan, "mast_persons"), "mast")
    features.add_points(
        cells.x[at] + 31,
        cells.y[at] + 17,
        [{"man_made": "mast", "tower:type": "communication"} for _ in range(at.size)],
        "service",
    )
    hx, hy, _, _ = plan.terrain.hills[0]
    features.add_point(
        hx, hy, {"man_made": "communications_tower", "name": "Hanbit Tower"}, "always"
    )
    features.add_box(
        (-60.0, 80.0),
        (34, 26),
        {"telecom": "exchange", "building": "yes", "name": "Hanbit Exchange"},
        "service",
    )
    x, y = lattice_line(plan, v=plan.rail_row * 400 + 200)
    features.add_line(
        x,
        y + 14,
        {"communication": "line", "location": "underground", "name": "Hanbit Fibre"},
        "service",
    )
