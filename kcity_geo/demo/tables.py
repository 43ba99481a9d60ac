# ruff: noqa: PLR2004 - shares and sizes of a made-up city
"""Write the tables, outlines, timetable and the answer key of the demo city."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kcity_geo.demo.networks import Networks, people_of, walk_minutes
from kcity_geo.demo.osm import Mapped, to_lonlat
from kcity_geo.demo.people import Cells, People
from kcity_geo.demo.plan import Plan
from kcity_geo.demo.streets import CODE, Streets
from kcity_geo.demo.terrain import Floats, Ints

__all__ = [
    "MadeCity",
    "water_classes",
    "write_gtfs",
    "write_licences",
    "write_outlines",
    "write_study",
    "write_truth",
]

W1 = ("piped", "basic", "limited", "unimproved", "surface")


def district_ids(plan: Plan) -> list[str]:
    """Name each district by a short code."""
    return [f"D{k + 1:02d}" for k in range(len(plan.district_kind))]


def _ring(plan: Plan, x: Floats, y: Floats) -> list[list[float]]:
    lon, lat = to_lonlat(plan, x, y)
    return [[round(float(a), 7), round(float(b), 7)] for a, b in zip(lon, lat, strict=True)]


def _collection(path: Path, features: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features)
    text = '{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def write_outlines(plan: Plan, folder: Path) -> None:
    """
    Write the boundary and the districts.

    Parameters
    ----------
    plan : of the city.
    folder : receives ``boundary.geojson`` and ``districts.geojson``.
    """
    import shapely

    h = plan.half
    square = shapely.box(-h, -h, h, h)
    dense = np.asarray(shapely.segmentize(square, h / 4).exterior.coords)
    ring = _ring(plan, dense[::-1, 0], dense[::-1, 1])
    if not shapely.is_ccw(shapely.LinearRing(ring)):
        ring = ring[::-1]
    row = {"name": plan.table["name"], "synthetic": True}
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": row, "geometry": geometry}
    _collection(folder / "boundary.geojson", [feature])
    points = shapely.MultiPoint(plan.district_xy)
    cells = list(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=square.buffer(h))))
    features = []
    for k, (name, point) in enumerate(zip(plan.district_name, plan.district_xy, strict=True)):
        cell = next(c for c in cells if c.contains(shapely.Point(point))).intersection(square)
        outline = shapely.orient_polygons(shapely.segmentize(cell, h / 4).normalize())
        coordinates = shapely.get_coordinates(outline)
        properties = {"district_id": district_ids(plan)[k], "name": name}
        geometry = {
            "type": "Polygon",
            "coordinates": [_ring(plan, coordinates[:, 0], coordinates[:, 1])],
        }
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    _collection(folder / "districts.geojson", features)


def official_numbers(plan: Plan, cells: Cells, networks: Networks) -> dict[str, Any]:
    """Give what the city office would publish; the electricity rate is the true one."""
    o = plan.table["official"]
    persons = int(cells.persons.sum())
    net = persons * o["lpcd"] / 1000 * (1 + o["nondomestic"])
    max_day = net / (1 - o["nrw"]) * o["day_peak"]
    electrified = people_of(cells, networks.electrified)
    kwh = electrified * o["kwh_person_year"]
    peak = kwh / (1 - o["losses"]) / 8760 / o["load_factor"] / 1000
    return {
        "year": plan.table["year"],
        "source": "Hanbit City Office (synthetic)",
        "population": persons,
        "electricity_access": round(electrified / persons, 6),
        "piped_water_access": round(people_of(cells, networks.piped) / persons, 6),
        "water_supply_m3_day": round(o["supply_over_max_day"] * max_day),
        "water_storage_m3": round(o["storage_hours"] / 24 * max_day),
        "wastewater_capacity_m3_day": round(o["wastewater_over_sewage"] * o["sewage_share"] * net),
        "peak_demand_mw": round(peak, 2),
        "firm_capacity_mw": round(o["firm_over_peak"] * peak, 2),
    }


def _by_district(plan: Plan, cells: Cells, flags: Any = None) -> Ints:  # noqa: ANN401 - mask or None
    weights = cells.persons if flags is None else cells.persons * flags
    return np.bincount(cells.district, weights=weights, minlength=len(plan.district_kind)).astype(
        np.int64
    )


def write_study(plan: Plan, cells: Cells, networks: Networks, folder: Path) -> Path:
    """
    Write the study file and the official table by district.

    Parameters
    ----------
    plan, cells, networks : of the city.
    folder : receives ``study.toml`` and ``official.csv``.

    Returns
    -------
    Path of the study file.
    """
    persons = _by_district(plan, cells)
    lit = _by_district(plan, cells, networks.electrified)
    piped = _by_district(plan, cells, networks.piped)
    rows = ["district_id,name,population,electricity_access,piped_water_access"]
    for k, key in enumerate(district_ids(plan)):
        p = max(1, int(persons[k]))
        rows.append(
            f"{key},{plan.district_name[k]},{persons[k]},{lit[k] / p:.6f},{piped[k] / p:.6f}"
        )
    (folder / "official.csv").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    official = official_numbers(plan, cells, networks)
    cell_m = {"town": 100, "city": 100}.get(plan.size_name, 250)
    text = f"""# Hanbit is a synthetic city: it does not exist, and everything here was made by `kcity demo`.
[study]
name = "hanbit-{plan.size_name}-synthetic"
project = "industrial_complex"
cell_m = {cell_m}
seed = {plan.seed}
horizon_year = {plan.table["year"] + 15}

[city]
name = "{plan.table["name"]}"
boundary = "boundary.geojson"
districts = "districts.geojson"

[sources]
osm = "city.osm.pbf"
elevation = "elevation.tif"
population = "population.tif"
built = "built.tif"
landcover = "landcover.tif"
nightlights = "nightlights.tif"
solar = "ghi.tif"
gtfs = "gtfs.zip"

[official]
"""
    text += "".join(f"{k} = {json.dumps(v)}\n" for k, v in official.items())
    text += 'table = "official.csv"\n'
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _routes(plan: Plan, stops: Floats) -> list[tuple[str, Ints]]:
    """Bus routes along the arterial lines: stops beside each line, in order."""
    u, v = plan.lattice(stops[:, 0], stops[:, 1])
    routes: list[tuple[str, Ints]] = []
    for k in range(1, plan.n):
        for name, across, forward in (("E", v, u), ("N", u, v)):
            near = np.flatnonzero(np.abs(across - k * 400) < 18)
            if near.size >= 3:
                routes.append((f"{name}{k}", near[np.argsort(forward[near], kind="stable")]))
    routes.sort(key=lambda r: -r[1].size)
    return routes[: {"town": 9, "city": 36}.get(plan.size_name, 120)]


def write_licences(plan: Plan, folder: Path) -> None:
    """
    Write a note of the licence beside each input that cannot say it itself, as rasters and the map do.

    Parameters
    ----------
    plan : of the city.
    folder : holds ``boundary.geojson``, ``districts.geojson``, ``official.csv`` and ``gtfs.zip``.
    """
    text = json.dumps({"licence": plan.table["licence"]}) + "\n"
    for name in ("boundary.geojson", "districts.geojson", "official.csv", "gtfs.zip"):
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def write_gtfs(plan: Plan, stops: Floats, stations: Floats, folder: Path) -> None:
    """
    Write a timetable: busy routes every ten minutes, others every hour, a train twice an hour.

    Parameters
    ----------
    plan : of the city.
    stops, stations : shape (k, 2), metres.
    folder : receives ``gtfs.zip``, stored without compression and with fixed dates.
    """
    lon, lat = to_lonlat(plan, *np.concatenate([stops, stations]).T)
    names = [f"Hanbit Stop {i + 1}" for i in range(len(stops))] + [
        f"Hanbit Station {i + 1}" for i in range(len(stations))
    ]
    ids = [f"s{i + 1}" for i in range(len(stops))] + [f"r{i + 1}" for i in range(len(stations))]
    files = {
        "agency.txt": [
            "agency_id,agency_name,agency_url,agency_timezone",
            "hanbit,Hanbit Transit (synthetic),https://example.org/hanbit,Atlantic/Azores",
        ],
        "calendar.txt": [
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
            f"daily,1,1,1,1,1,1,1,{plan.table['year']}0101,{plan.table['year'] + 1}1231",
            f"weekday,1,1,1,1,1,0,0,{plan.table['year']}0101,{plan.table['year'] + 1}1231",
        ],
        "feed_info.txt": [
            "feed_publisher_name,feed_publisher_url,feed_lang",
            "Hanbit Transit (synthetic),https://example.org/hanbit,en",
        ],
        "stops.txt": ["stop_id,stop_name,stop_lat,stop_lon"]
        + [f"{i},{n},{b:.7f},{a:.7f}" for i, n, a, b in zip(ids, names, lon, lat, strict=True)],
        "routes.txt": ["route_id,agency_id,route_short_name,route_long_name,route_type"],
        "trips.txt": ["route_id,service_id,trip_id,direction_id"],
        "stop_times.txt": ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"],
        "frequencies.txt": ["trip_id,start_time,end_time,headway_secs"],
    }
    rail = (len(stops) + np.argsort(stations[:, 0], kind="stable")).astype(np.int64)
    routes = _routes(plan, stops)
    for number, (name, order) in enumerate([*routes, ("R1", rail)]):
        busy = number < max(2, len(routes) // 2) or name == "R1"
        kind, mode = (2, "Line") if name == "R1" else (3, "Bus")
        files["routes.txt"].append(f"{name},hanbit,{name},Hanbit {mode} {name},{kind}")
        xy = np.concatenate([stops, stations])
        hours = [6 * 60] if busy else range(6 * 60 + 7 * (number % 8), 23 * 60, 60)
        for direction, sequence in enumerate((order, order[::-1])):
            metres = np.append(0.0, np.cumsum(np.hypot(*np.diff(xy[sequence], axis=0).T)))
            minutes = np.ceil(
                metres / (700.0 if kind == 2 else 300.0) + 0.5 * np.arange(sequence.size)
            ).astype(int)
            for t, start in enumerate(hours):
                trip = f"{name}-{direction}-{t}"
                files["trips.txt"].append(
                    f"{name},{'daily' if busy else 'weekday'},{trip},{direction}"
                )
                for k, (s, m) in enumerate(zip(sequence, minutes, strict=True)):
                    clock = f"{(start + m) // 60:02d}:{(start + m) % 60:02d}:00"
                    files["stop_times.txt"].append(f"{trip},{clock},{clock},{ids[s]},{k + 1}")
                if busy:
                    files["frequencies.txt"].append(
                        f"{trip},06:00:00,{'24:30:00' if number == 0 else '22:00:00'},{1800 if kind == 2 else 600}"
                    )
    path = folder / "gtfs.zip"
    path.unlink(missing_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, lines in files.items():
            entry = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, "\r\n".join(lines) + "\r\n")


def water_classes(
    plan: Plan, streets: Streets, cells: Cells, networks: Networks, points: dict[str, Floats]
) -> Ints:
    """
    Rate the true drinking water of every square by the ladder, see `W1` for the classes.

    Parameters
    ----------
    plan, streets, cells, networks : of the city.
    points : water points by kind.

    Returns
    -------
    Index into `W1` of each square.
    """
    t = plan.table["truth"]
    good = np.concatenate([points[k] for k in ("tap", "pump", "fountain")])
    bad = np.concatenate([points[k] for k in ("well", "spring")])
    to_good = 2 * walk_minutes(plan, streets, cells, good[:, 0], good[:, 1]) + t["queue_min"]
    to_bad = 2 * walk_minutes(plan, streets, cells, bad[:, 0], bad[:, 1]) + t["queue_min"]
    limit = t["basic_limit_min"]
    out = np.where(to_good <= limit, 1, 2)
    out = np.where((to_good > 2 * limit) & (to_bad <= limit), 3, out)
    by_water = plan.terrain.channel_distance(cells.x, cells.y) < t["surface_m"]
    out = np.where((to_good > 3 * limit) & (to_bad > limit) & by_water, 4, out)
    return np.asarray(np.where(networks.piped, 0, out))


@dataclass(frozen=True, kw_only=True)
class MadeCity:
    """All parts of a city that was made, of which the answer key tells."""

    plan: Plan
    streets: Streets
    people: People
    cells: Cells
    networks: Networks
    points: dict[str, Floats]
    mapped: Mapped


def write_truth(made: MadeCity, folder: Path) -> None:
    """
    Write the answer key.

    Parameters
    ----------
    made : the city.
    folder : receives ``truth.json``, ``people.csv`` and ``mv_lines.geojson``.
    """
    plan, streets, cells, networks = made.plan, made.streets, made.cells, made.networks
    people, points, mapped = made.people, made.points, made.mapped
    ladder = water_classes(plan, streets, cells, networks, points)
    lon, lat = to_lonlat(plan, cells.x, cells.y)
    rows = ["lon,lat,persons,electrified,piped,sewered,water,district_id"]
    ids = district_ids(plan)
    columns = (
        lon,
        lat,
        cells.persons,
        networks.electrified,
        networks.piped,
        networks.sewered,
        ladder,
        cells.district,
    )
    for a, b, p, e, w, s, c, d in zip(*(v.tolist() for v in columns), strict=True):
        rows.append(f"{a:.6f},{b:.6f},{p},{int(e)},{int(w)},{int(s)},{W1[c]},{ids[d]}")
    (folder / "people.csv").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    _write_mv(plan, streets, networks, folder / "mv_lines.geojson")
    total = int(cells.persons.sum())
    electrified = people_of(cells, networks.electrified)
    lengths = streets.lengths() / 1000
    districts = []
    for k, key in enumerate(ids):
        mine = cells.district == k
        share = {
            g: _share(mapped.drawn[g][k], mapped.true[g][k])
            for g in mapped.true
            if mapped.true[g][k] > 0
        }
        archetype = plan.table["archetype"][plan.district_kind[k]]
        districts.append(
            {
                "district_id": key,
                "name": plan.district_name[k],
                "kind": plan.district_kind[k],
                "title": archetype["title"],
                "persons": int(cells.persons[mine].sum()),
                "electrified": people_of(cells, networks.electrified & mine),
                "piped": people_of(cells, networks.piped & mine),
                "water": {w: people_of(cells, mine & (ladder == c)) for c, w in enumerate(W1)},
                "mapped_rate": archetype["mapped"],
                "mapped_share": share,
                "built_m2": float(people.built_m2[people.district == k].sum()),
            }
        )
    truth = {
        "city": plan.table["name"],
        "synthetic": True,
        "size": plan.size_name,
        "seed": plan.seed,
        "persons": total,
        "electrified": electrified,
        "electricity_access": electrified / total,
        "piped": people_of(cells, networks.piped),
        "sewered": people_of(cells, networks.sewered),
        "water": {w: people_of(cells, ladder == c) for c, w in enumerate(W1)},
        "built_m2": float(people.built_m2.sum()),
        "street_km": round(float(lengths.sum()), 3),
        "street_km_by_class": {
            n: round(float(lengths[streets.kind == c].sum()), 3)
            for n, c in CODE.items()
            if (streets.kind == c).any()
        },
        "mv_km": round(float(lengths[networks.mv].sum()), 3),
        "mains_km": round(float(lengths[networks.mains].sum()), 3),
        "true": {g: round(float(v.sum()), 3) for g, v in mapped.true.items()},
        "mapped": {g: round(float(v.sum()), 3) for g, v in mapped.drawn.items()},
        "districts": districts,
    }
    (folder / "truth.json").write_text(
        json.dumps(truth, indent=1) + "\n", encoding="utf-8", newline="\n"
    )


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 4)


def _write_mv(plan: Plan, streets: Streets, networks: Networks, path: Path) -> None:
    from kcity_geo.demo.features import chains, way_refs

    edge, first = chains(streets, networks.mv)
    lon, lat = (np.round(v, 7) for v in to_lonlat(plan, streets.x, streets.y))
    features = []
    for refs in way_refs(streets, edge, first):
        line = np.column_stack([lon[refs], lat[refs]]).tolist()
        geometry = {"type": "LineString", "coordinates": line}
        features.append({"type": "Feature", "properties": {"voltage": 20000}, "geometry": geometry})
    _collection(path, features)
