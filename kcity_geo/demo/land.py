# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""Add the water, the land use and the large sites of the demo city."""

from __future__ import annotations

import numpy as np

from kcity_geo.demo.osm import Features, Way
from kcity_geo.demo.plan import UNIT, Plan
from kcity_geo.demo.terrain import Floats

__all__ = ["add_land", "add_water"]


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
    features.add_line(
        x,
        t,
        {"waterway": "river", "name": "Hanbit River", "width": f"{plan.size.river_width_m:g}"},
        "always",
    )
    half = plan.size.river_width_m / 2
    slant = (terrain.river_x(t + 5) - terrain.river_x(t - 5)) / 10
    ex, ey = 1 / np.hypot(1, slant), -slant / np.hypot(1, slant)
    bank_x = np.concatenate([x + half * ex, (x - half * ex)[::-1]])
    bank_y = np.concatenate([t + half * ey, (t - half * ey)[::-1]])
    features.add_area(
        bank_x, bank_y, {"natural": "water", "water": "river", "name": "Hanbit River"}, "always"
    )
    for stream in terrain.streams:
        far = np.arange(stream.side * reach, 0, -stream.side * h / 100)
        sx = far[stream.side * (far - terrain.river_x(stream.y(far))) > 0]
        tags = {
            "waterway": "stream",
            "name": stream.name,
            "width": f"{plan.size.stream_width_m:g}",
        }
        mouth = float(terrain.river_x(stream.y(sx[-1])))
        sx = np.append(sx, mouth)
        features.add_line(sx, stream.y(sx), tags, "always")
    x0, y0, a, b, _ = terrain.lake()
    angle = np.linspace(0, 2 * np.pi, 33)[:-1]
    outer = features.add_area(x0 + a * np.cos(angle), y0 + b * np.sin(angle), {}, "always")
    inner = features.add_area(
        x0 + 0.3 * a * np.cos(angle[::2]),
        y0 + 0.3 * b * np.sin(angle[::2]),
        {"place": "islet", "name": "Hanbit Islet"},
        "always",
    )
    tags = {"type": "multipolygon", "natural": "water", "water": "lake", "name": "Hanbit Lake"}
    features.relations.append(([(outer, "outer"), (inner, "inner")], tags, "always"))
    wy = -0.80 * h
    wx = float(terrain.river_x(wy)) - half - 0.05 * h
    features.add_area(
        wx + 0.04 * h * np.cos(angle),
        wy + 0.05 * h * np.sin(angle),
        {"natural": "wetland", "wetland": "marsh", "name": "Hanbit Marsh"},
        "landuse",
    )


def superblock_ring(
    plan: Plan, i: int, j: int, *, w: int = 1, h: int = 1, inset: float = 6.0
) -> tuple[Floats, Floats]:
    """Outline of some superblocks, a little inside the arterial streets, metres."""
    lo_u, hi_u = i * UNIT + inset, (i + w) * UNIT - inset
    lo_v, hi_v = j * UNIT + inset, (j + h) * UNIT - inset
    t = np.linspace(0, 1, 5)[:-1]
    u = np.concatenate(
        [lo_u + (hi_u - lo_u) * t, np.full(4, hi_u), hi_u - (hi_u - lo_u) * t, np.full(4, lo_u)]
    )
    v = np.concatenate(
        [np.full(4, lo_v), lo_v + (hi_v - lo_v) * t, np.full(4, hi_v), hi_v - (hi_v - lo_v) * t]
    )
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
                tags = _landuse(
                    str(kind[i, j]), int(plan.blocks[i, j]), float(slope[i, j]), float(luck[i, j])
                )
                features.add_area(*superblock_ring(plan, i, j), tags, "landuse")
    for site, tags in SITE_TAGS.items():
        where = np.argwhere(plan.site == site)
        if where.size:
            (i, j), (i1, j1) = where.min(axis=0), where.max(axis=0)
            ring = superblock_ring(plan, i, j, w=i1 - i + 1, h=j1 - j + 1)
            # large sites are what mappers draw first
            group = {"university": "service", "park": "landuse"}.get(site, "always")
            features.add_area(*ring, dict(tags), group)
            if site == "aerodrome":
                cx, cy = ring[0].mean(), ring[1].mean()
                long = 0.8 * (ring[1].max() - ring[1].min())
                features.add_line(
                    np.array([cx, cx]),
                    cy + np.array([-long, long]) / 2,
                    {"aeroway": "runway", "ref": "18/36", "surface": "asphalt", "width": "45"},
                    "always",
                )
    _add_protected(plan, features)
    green = (plan.blocks >= 4) & (luck > 0.5) & (plan.site == "")
    for i, j in np.argwhere(green):
        n = int(plan.blocks[i, j])
        a, b = (
            int(k * n)
            for k in plan.draw.uniform("pocket park", [int(i), int(j)], int(i) * 1000 + int(j))
        )
        step = UNIT / n
        u, v = (
            i * UNIT + np.array([a, a + 1, a + 1, a]) * step,
            j * UNIT + np.array([b, b, b + 1, b + 1]) * step,
        )
        px, py = plan.world(u, v)
        inside = 0.72
        px, py = px.mean() + inside * (px - px.mean()), py.mean() + inside * (py - py.mean())
        features.add_area(
            px,
            py,
            {"leisure": "park", "name": f"Hanbit Green {int(i) * plan.n + int(j)}"},
            "landuse",
        )


def _landuse(kind: str, blocks: int, slope: float, luck: float) -> dict[str, str]:
    if blocks <= 2:
        if slope > 0.12 or luck > 0.8:
            return {"landuse": "forest"} if luck < 0.93 else {"landuse": "meadow"}
        return {"landuse": "farmland"} if luck < 0.62 else {"landuse": "meadow"}
    if kind == "industrial":
        return {"landuse": "industrial", "name": "Hanbit Works"}
    if kind == "core":
        return {
            "landuse": "commercial" if luck < 0.4 else "retail" if luck < 0.6 else "residential"
        }
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
    inner = features.add_box(
        (cx + 0.05 * plan.half, cy - 0.04 * plan.half),
        (160, 120),
        {"landuse": "farmyard"},
        "always",
    )
    tags = {
        "type": "multipolygon",
        "boundary": "protected_area",
        "leisure": "nature_reserve",
        "protect_class": "4",
        "name": "Hanbit Hill Reserve",
    }
    members = [(outer[0], "outer"), (outer[1], "outer"), (inner, "inner")]
    features.relations.append((members, tags, "always"))
