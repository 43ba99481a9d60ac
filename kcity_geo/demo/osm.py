"""
Gather the features of the demo city and write them as OSM extracts.

The same features are written twice: all of them, and those that mappers have drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pyproj import Transformer
from scipy.special import ndtr, ndtri

from kcity_geo.demo.plan import Plan
from kcity_geo.demo.terrain import Bools, Floats, Ints
from kcity_geo.osm_writer import osm_writer

__all__ = ["GROUPS", "Features", "Mapped", "mapped_features", "to_lonlat", "write_osm"]

GROUPS = (
    "road",
    "building",
    "service",
    "transit",
    "power",
    "water",
    "sanitation",
    "lamp",
    "landuse",
    "always",
)
ATTRIBUTES = frozenset(
    {
        "lit",
        "surface",
        "voltage",
        "lanes",
        "width",
        "maxspeed",
        "building:levels",
        "operator",
        "capacity",
        "smoothness",
        "tracktype",
        "sidewalk",
        "cables",
        "shelter",
        "pump",
        "beds",
        "diameter",
    }
)


@dataclass
class Way:
    """One way: node numbers, tags, group, and whether it is an area."""

    refs: list[int]
    tags: dict[str, str]
    group: str


@dataclass
class Features:
    """
    Points, lines and areas with OSM tags, in metres.

    Nodes are numbered from 0 in the order they are added.
    """

    xs: list[Floats] = field(default_factory=list)
    ys: list[Floats] = field(default_factory=list)
    count: int = 0
    points: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    corner: dict[int, dict[str, str]] = field(default_factory=dict)
    ways: list[Way] = field(default_factory=list)
    relations: list[tuple[list[tuple[int, str]], dict[str, str], str]] = field(default_factory=list)

    def add_nodes(self, x: Floats, y: Floats) -> int:
        """Add nodes without tags; gives the number of the first."""
        first = self.count
        self.xs.append(np.asarray(x, dtype=float).ravel())
        self.ys.append(np.asarray(y, dtype=float).ravel())
        self.count += self.xs[-1].size
        return first

    def add_point(self, x: float, y: float, tags: dict[str, str], group: str) -> int:
        """Add a tagged node."""
        number = self.add_nodes(np.array([x]), np.array([y]))
        self.points.append((number, tags, group))
        return number

    def add_points(self, x: Floats, y: Floats, tags: Sequence[dict[str, str]], group: str) -> None:
        """Add tagged nodes."""
        first = self.add_nodes(x, y)
        self.points.extend((first + k, row, group) for k, row in enumerate(tags))

    def add_line(self, x: Floats, y: Floats, tags: dict[str, str], group: str) -> int:
        """Add a line with nodes of its own; gives the number of the way."""
        first = self.add_nodes(x, y)
        self.ways.append(Way(list(range(first, self.count)), tags, group))
        return len(self.ways) - 1

    def add_area(self, x: Floats, y: Floats, tags: dict[str, str], group: str) -> int:
        """Add a closed way from its corners, the first not repeated; gives the number of the way."""
        first = self.add_nodes(x, y)
        self.ways.append(Way([*range(first, self.count), first], tags, group))
        return len(self.ways) - 1

    def add_box(
        self,
        centre: tuple[float, float],
        sides: tuple[float, float],
        tags: dict[str, str],
        group: str,
        *,
        turn: float = 0.0,
    ) -> int:
        """Add a rectangle around a centre (x, y); its sides are width and height, metres."""
        (x, y), (w, h) = centre, sides
        a = np.array([-w, w, w, -w]) / 2
        b = np.array([-h, -h, h, h]) / 2
        c, s = np.cos(turn), np.sin(turn)
        return self.add_area(x + a * c - b * s, y + a * s + b * c, tags, group)

    def coordinates(self) -> tuple[Floats, Floats]:
        """All nodes, metres."""
        return np.concatenate(self.xs), np.concatenate(self.ys)


@dataclass(frozen=True, eq=False)
class Mapped:
    """
    What mappers have drawn, and how much of the truth that is.

    Parameters
    ----------
    points, ways, relations : whether each feature is drawn.
    bare_ways, bare_points : features of which the detailed tags were left out.
    drawn, true : group -> per district: km of lines, number of the other features.
    """

    points: Bools
    ways: Bools
    relations: Bools
    bare_ways: Bools
    bare_points: Bools
    drawn: dict[str, Floats]
    true: dict[str, Floats]


def way_middles(features: Features) -> tuple[Floats, Floats, Floats]:
    """Mean position of the nodes of each way, and its length; metres."""
    x, y = features.coordinates()
    sizes = np.array([len(w.refs) for w in features.ways], dtype=np.int64)
    flat = np.fromiter(
        (r for w in features.ways for r in w.refs), dtype=np.int64, count=int(sizes.sum())
    )
    first = np.cumsum(sizes) - sizes
    step = np.hypot(np.diff(x[flat]), np.diff(y[flat]))
    step[first[1:] - 1] = 0.0
    length = np.add.reduceat(np.append(step, 0.0), first)
    return np.add.reduceat(x[flat], first) / sizes, np.add.reduceat(y[flat], first) / sizes, length


def mapped_features(plan: Plan, features: Features) -> Mapped:
    """
    Draw what mappers have drawn, feature by feature.

    Within each district and group the features with most luck are drawn until the share of the table
    is reached, lines by length, the rest by number. Roads and buildings share a part of their luck by
    superblock, because who traces one traces the other.

    Parameters
    ----------
    plan : of the city.
    features : the true city.

    Returns
    -------
    The choice and what came of it.
    """
    x, y = features.coordinates()
    number = np.array([p[0] for p in features.points], dtype=np.int64)
    wx, wy, length = way_middles(features)
    closed = np.array([w.refs[0] == w.refs[-1] for w in features.ways])
    code = {g: k for k, g in enumerate(GROUPS)}
    always = plan.table["mapping"]["always"]
    point_group = np.array([code[p[2]] for p in features.points], dtype=np.int64)
    way_group = np.array(
        [code["always" if w.tags.get("highway") in always else w.group] for w in features.ways],
        dtype=np.int64,
    )
    point_weight = np.ones(number.size)
    way_weight = np.where(closed, 1.0, length)
    points, bare_points, point_district = _chosen(
        plan, "points", x[number], y[number], point_group, point_weight
    )
    ways, bare_ways, way_district = _chosen(
        plan, "ways", wx, wy, way_group + len(GROUPS) * ~closed, way_weight
    )
    street = np.array(["highway" in w.tags for w in features.ways])
    drawn: dict[str, Floats] = {}
    true: dict[str, Floats] = {}
    n = len(plan.district_kind)
    all_ways, all_points = np.ones_like(ways), np.ones_like(points)
    for target, keep_way, keep_point in ((true, all_ways, all_points), (drawn, ways, points)):
        for name, k in code.items():
            lines = (way_group == k) & ~closed & keep_way
            areas = (way_group == k) & closed & keep_way
            spots = (point_group == k) & keep_point
            km = np.bincount(way_district[lines], weights=length[lines] / 1000, minlength=n)
            target[name + "_km"] = km.astype(np.float64)
            target[name + "_count"] = (
                np.bincount(way_district[areas], minlength=n)
                + np.bincount(point_district[spots], minlength=n)
            ).astype(np.float64)
        lines = street & keep_way
        km = np.bincount(way_district[lines], weights=length[lines] / 1000, minlength=n)
        target["street_km"] = km.astype(np.float64)
    return Mapped(
        points,
        ways,
        np.ones(len(features.relations), dtype=bool),
        bare_ways,
        bare_points,
        drawn,
        true,
    )


def without_buildings(features: Features) -> Mapped:
    """
    Keep all but the buildings, which ``built.tif`` already tells.

    Parameters
    ----------
    features : the true city.

    Returns
    -------
    The choice; nothing lacks details.
    """
    ways = np.array([w.group != "building" for w in features.ways])
    points = np.ones(len(features.points), dtype=bool)
    relations = np.ones(len(features.relations), dtype=bool)
    return Mapped(points, ways, relations, ~np.ones_like(ways), ~points, {}, {})


def _chosen(
    plan: Plan, salt: str, x: Floats, y: Floats, stratum: Ints, weight: Floats
) -> tuple[Bools, Bools, Ints]:
    """Whether each feature is drawn, whether without its details, and its district."""
    key = np.arange(x.size)
    district = plan.district(x, y)
    group = stratum % len(GROUPS)
    luck = plan.draw.uniform("mapped " + salt, key)
    i, j = plan.superblock(x, y)
    rho = float(plan.table["mapping"]["shared"])
    common = ndtri(np.clip(plan.draw.uniform("mapped block", i, j), 1e-9, 1 - 1e-9))
    own = ndtri(np.clip(luck, 1e-9, 1 - 1e-9))
    together = (group == GROUPS.index("road")) | (group == GROUPS.index("building"))
    luck = np.where(together, ndtr(np.sqrt(rho) * common + np.sqrt(1 - rho) * own), luck)
    rates = [
        np.ones(len(plan.district_kind)) if g == "always" else plan.mapped_share(g) for g in GROUPS
    ]
    share = np.array(rates)[group, district]
    which = district * 1000 + stratum
    order = np.lexsort((key, luck, which))
    w, s = weight[order], which[order]
    start = np.flatnonzero(np.append(True, s[1:] != s[:-1]))
    sizes = np.diff(np.append(start, s.size))
    reached = np.cumsum(w)
    before = np.repeat(reached[start] - w[start], sizes)
    total = np.repeat(np.add.reduceat(w, start), sizes)
    drawn = np.zeros(x.size, dtype=bool)
    drawn[order] = reached - before - 0.5 * w < share[order] * total
    bare = plan.draw.uniform("attributes " + salt, key) >= plan.mapped_share("attribute")[district]
    return drawn, bare, district


def to_lonlat(plan: Plan, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """
    Turn metres from the centre into degrees.

    Parameters
    ----------
    plan : the plan of the city.
    x, y : metres from the centre.

    Returns
    -------
    Longitude and latitude, degrees.
    """
    east, north = origin(plan)
    transformer = Transformer.from_crs(plan.table["epsg"], 4326, always_xy=True)
    lon, lat = transformer.transform(np.asarray(x) + east, np.asarray(y) + north)
    return np.asarray(lon), np.asarray(lat)


def origin(plan: Plan) -> tuple[float, float]:
    """Easting and northing of the centre in UTM, whole kilometres."""
    transformer = Transformer.from_crs(4326, plan.table["epsg"], always_xy=True)
    east, north = transformer.transform(plan.table["lon0"], plan.table["lat0"])
    return round(east / 1000) * 1000.0, round(north / 1000) * 1000.0


def _stamp(plan: Plan, keys: Ints) -> list[str]:
    """Date of the last edit of each object, in the seven years before the extract."""
    days = (plan.draw.uniform("edited", keys) ** 1.7 * 7 * 365).astype(int)
    end = np.datetime64(plan.table["date"][:10])
    dates = np.asarray(end - days.astype("timedelta64[D]") - np.timedelta64(1, "D"))
    return [f"{d}T12:00:00Z" for d in dates.astype(str)]


def _plain_tags(tags: Mapping[str, str], bare: bool) -> dict[str, str]:  # noqa: FBT001 - private
    return {k: v for k, v in tags.items() if not (bare and k in ATTRIBUTES)}


def write_osm(
    plan: Plan,
    features: Features,
    path: Path,
    *,
    mapped: Mapped | None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """
    Write an OSM extract with sorted ids, a header box and a fixed date.

    Parameters
    ----------
    plan : of the city.
    features : all of them.
    path : ``.osm.pbf``; replaced.
    mapped : what to keep; everything when None.
    progress : told what is being written.

    Returns
    -------
    Number of nodes, ways and relations written.
    """
    import osmium
    from osmium.osm import mutable

    if progress:
        progress(f"writing {path.name}")
    x, y = features.coordinates()
    lon, lat = to_lonlat(plan, x, y)
    lon7, lat7 = np.round(lon, 7), np.round(lat, 7)
    keep_way = mapped.ways if mapped else np.ones(len(features.ways), dtype=bool)
    keep_point = mapped.points if mapped else np.ones(len(features.points), dtype=bool)
    used = np.zeros(x.size, dtype=bool)
    for k in np.flatnonzero(keep_way):
        used[features.ways[k].refs] = True
    tags: dict[int, dict[str, str]] = {n: t for n, t in features.corner.items() if used[n]}
    for k in np.flatnonzero(keep_point):
        number, row, _ = features.points[k]
        tags[number] = _plain_tags(row, bool(mapped and mapped.bare_points[k]))
        used[number] = True

    header = osmium.io.Header()
    header.set("generator", "kcity_geo demo: Hanbit, a synthetic city")
    header.set("osmosis_replication_timestamp", plan.table["date"])
    header.add_box(osmium.osm.Box(*_bounds(plan)))
    path.unlink(missing_ok=True)
    with osm_writer(path, header=header) as writer:
        node = mutable.Node(version=1, timestamp=plan.table["date"])
        numbers = np.flatnonzero(used)
        places = zip(lon7[numbers].tolist(), lat7[numbers].tolist(), strict=True)
        for number, place in zip(numbers.tolist(), places, strict=True):
            node.id, node.location, node.tags = number + 1, place, tags.get(number)
            writer.add_node(node)
        ways = np.flatnonzero(keep_way)
        for w, stamp in zip(ways.tolist(), _stamp(plan, ways), strict=True):
            way = features.ways[w]
            row = _plain_tags(way.tags, bool(mapped and mapped.bare_ways[w]))
            refs = [r + 1 for r in way.refs]
            writer.add_way(mutable.Way(id=w + 1, version=1, timestamp=stamp, nodes=refs, tags=row))
        for r, (members, row, _) in enumerate(features.relations):
            there = [("w", m + 1, role) for m, role in members if keep_way[m]]
            if there:
                writer.add_relation(
                    mutable.Relation(
                        id=r + 1, version=1, timestamp=plan.table["date"], members=there, tags=row
                    )
                )
    return {
        "nodes": int(used.sum()),
        "ways": int(keep_way.sum()),
        "relations": len(features.relations),
    }


def _bounds(plan: Plan) -> tuple[float, float, float, float]:
    h = plan.half * 1.02
    edge = np.linspace(-h, h, 9)
    side = np.full(9, h)
    lon, lat = to_lonlat(
        plan, np.concatenate([edge, edge, side, -side]), np.concatenate([side, -side, edge, edge])
    )
    return tuple(float(np.round(v, 7)) for v in (lon.min(), lat.min(), lon.max(), lat.max()))  # type: ignore[return-value]
