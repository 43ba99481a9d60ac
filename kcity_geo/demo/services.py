# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""
Add the facilities, stops and water points of the demo city, by planning norms.

What stands where follows the people of a district and how well the district is served.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kcity_geo.demo.features import nearest_street
from kcity_geo.demo.networks import serpentine
from kcity_geo.demo.osm import Features
from kcity_geo.demo.people import Cells
from kcity_geo.demo.plan import Plan
from kcity_geo.demo.streets import Streets
from kcity_geo.demo.terrain import Floats, Ints

__all__ = ["add_facilities", "add_stops", "add_water_points", "norm_count", "spread"]

MAIN = ("primary", "secondary", "tertiary")


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
    at = np.searchsorted(cumulative, start * cumulative[-1], side="right")
    return np.asarray(order[np.minimum(at, order.size - 1)])


def norm_count(plan: Plan, norm: str) -> int:
    """
    Count the facilities that a planning norm asks for.

    Parameters
    ----------
    plan : the plan of the city.
    norm : row of the table ``[norm]``: persons for each facility.

    Returns
    -------
    At least one.
    """
    return max(1, round(float(plan.size.persons) / float(plan.table["norm"][norm])))


@dataclass(frozen=True)
class _Kerb:
    """Beside which kinds of street a facility stands, and how far from the middle."""

    kinds: tuple[str, ...]
    off_m: float


def _beside(
    plan: Plan, streets: Streets, cells: Cells, at: Ints, kerb: _Kerb, *, salt: str
) -> tuple[Floats, Floats]:
    off_m = kerb.off_m
    node = nearest_street(streets, cells.x[at], cells.y[at], kinds=kerb.kinds)
    turn = 2 * np.pi * plan.draw.uniform(salt + " side", np.arange(at.size))
    return streets.x[node] + off_m * np.cos(turn), streets.y[node] + off_m * np.sin(turn)


LOCAL = (*MAIN, "residential", "living_street", "unclassified", "service")


def add_facilities(
    plan: Plan, streets: Streets, cells: Cells, features: Features
) -> dict[str, Floats]:
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
    k = norm_count(plan, "health")
    at = spread(plan, cells, served, k, "health")
    hx, hy = _beside(plan, streets, cells, at, _Kerb(LOCAL, 26.0), salt="health")
    hospitals = norm_count(plan, "hospital")
    is_hospital = np.zeros(k, dtype=bool)
    is_hospital[((np.arange(hospitals) + 0.5) / hospitals * k).astype(int)] = True
    doctor = plan.draw.uniform("doctor", np.arange(k)) < 0.25
    for i in range(k):
        px, py = float(hx[i]), float(hy[i])
        if is_hospital[i]:
            tags = {
                "amenity": "hospital",
                "healthcare": "hospital",
                "name": f"Hanbit Hospital {i + 1}",
                "emergency": "yes",
                "beds": "180",
            }
            features.add_box((px, py), (95, 70), tags, "service")
        elif doctor[i]:
            features.add_point(
                px,
                py,
                {"amenity": "doctors", "healthcare": "doctor", "name": f"Hanbit Surgery {i + 1}"},
                "service",
            )
        else:
            features.add_point(
                px,
                py,
                {"amenity": "clinic", "healthcare": "clinic", "name": f"Hanbit Clinic {i + 1}"},
                "service",
            )
    k = norm_count(plan, "school")
    at = spread(plan, cells, served, k, "school")
    sx, sy = _beside(plan, streets, cells, at, _Kerb(LOCAL, 40.0), salt="school")
    for i in range(k):
        tags = {"amenity": "school", "name": f"Hanbit School {i + 1}", "capacity": "600"}
        features.add_box((float(sx[i]), float(sy[i])), (80, 55), tags, "service")
    at = spread(plan, cells, served, norm_count(plan, "kindergarten"), "kindergarten")
    x, y = _beside(plan, streets, cells, at, _Kerb(LOCAL, 20.0), salt="kindergarten")
    features.add_points(
        x,
        y,
        [
            {"amenity": "kindergarten", "name": f"Hanbit Kindergarten {i + 1}"}
            for i in range(at.size)
        ],
        "service",
    )
    at = spread(plan, cells, served, max(1, k // 12), "college")
    x, y = _beside(plan, streets, cells, at, _Kerb(MAIN, 30.0), salt="college")
    features.add_points(
        x,
        y,
        [{"amenity": "college", "name": f"Hanbit College {i + 1}"} for i in range(at.size)],
        "service",
    )
    at = spread(plan, cells, served, max(2, k // 2), "market")
    x, y = _beside(plan, streets, cells, at, _Kerb(MAIN, 18.0), salt="market")
    features.add_points(
        x,
        y,
        [{"amenity": "marketplace", "name": f"Hanbit Market {i + 1}"} for i in range(at.size)],
        "service",
    )
    features.add_points(
        x + 15, y + 9, [{"amenity": "toilets"} for _ in range(at.size)], "sanitation"
    )
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
    at = spread(plan, cells, weights, round(1.6 * norm_count(plan, "bus_stop")), "bus")
    node = np.unique(nearest_street(streets, cells.x[at], cells.y[at], kinds=MAIN))
    x, y = streets.x[node] + 5.0, streets.y[node] + 5.0
    shelter = plan.draw.uniform("shelter", node) < 0.5
    tags = [
        {
            "highway": "bus_stop",
            "public_transport": "platform",
            "bus": "yes",
            "name": f"Hanbit Stop {i + 1}",
            "shelter": "yes" if shelter[i] else "no",
        }
        for i in range(node.size)
    ]
    features.add_points(x, y, tags, "transit")
    features.add_box(
        (90.0, -95.0), (60, 40), {"amenity": "bus_station", "name": "Hanbit Bus Station"}, "transit"
    )
    if plan.half > 5000:
        bank = plan.size.river_width_m / 2 + 4
        for y0 in (0.12 * plan.half, -0.25 * plan.half):
            middle = float(plan.terrain.river_x(y0))
            ends = np.array([middle - bank, middle + bank])
            for side, x0 in zip(("West", "East"), ends, strict=True):
                features.add_point(
                    float(x0),
                    y0,
                    {"amenity": "ferry_terminal", "name": f"Hanbit Ferry {side}"},
                    "transit",
                )
            features.add_line(
                ends,
                np.array([y0, y0]),
                {"route": "ferry", "name": "Hanbit Ferry", "foot": "yes"},
                "always",
            )
    return np.column_stack([x, y])


def add_water_points(
    plan: Plan, streets: Streets, cells: Cells, features: Features
) -> dict[str, Floats]:
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
    at = spread(
        plan,
        cells,
        cells.persons * (needy & patchy).astype(float),
        max(3, int((cells.persons * needy).sum() / plan.table["norm"]["water_point_persons"])),
        "tap",
    )
    x, y = _beside(plan, streets, cells, at, _Kerb((*LOCAL, "track"), 8.0), salt="tap")
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
    at = spread(
        plan,
        cells,
        cells.persons * (kind == "core").astype(float),
        max(4, norm_count(plan, "bus_stop") // 12),
        "fountain",
    )
    fx, fy = _beside(plan, streets, cells, at, _Kerb(LOCAL, 9.0), salt="fountain")
    features.add_points(fx, fy, [{"amenity": "drinking_water"} for _ in range(at.size)], "water")
    found["fountain"] = np.column_stack([fx, fy])
    return found
