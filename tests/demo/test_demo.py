"""The demo city: same bytes, honest answer key, and a map that differs from the truth as stated."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import tomllib
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import osmium
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kcity_geo.demo.make import _write_written, load_truth, make_demo
from kcity_geo.demo.people import make_cells, make_people, shared_out
from kcity_geo.demo.plan import make_plan
from kcity_geo.demo.streets import BRIDGE, CODE, TUNNEL, make_streets
from kcity_geo.demo.terrain import Draw
from kcity_geo.errors import OutputError, SourceError, StudyError
from kcity_geo.studyfile import load_study, resolve_path

DATA = Path(__file__).parents[2] / "data"
GEOD = Geod(ellps="WGS84")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The town, made anew."""
    folder = tmp_path_factory.mktemp("hanbit")
    told = []
    study = make_demo(folder, size="town", seed=7, progress=told.append)
    assert study == folder / "study.toml"
    assert len(told) >= 5
    return folder


@pytest.fixture(scope="module")
def truth(made):
    return load_truth(made)


@pytest.fixture(scope="module")
def plan():
    return make_plan("town", seed=7)


@pytest.fixture(scope="module")
def streets(plan):
    return make_streets(plan)


@pytest.fixture(scope="module")
def people(plan, streets):
    return make_people(plan, streets)


def read_pbf(path):
    """Nodes (id -> lon, lat, tags), ways (id -> refs, tags) and relations of an extract."""
    nodes, ways, relations = {}, {}, {}
    for thing in osmium.FileProcessor(str(path)):
        tags = {t.k: t.v for t in thing.tags}
        if thing.is_node():
            nodes[thing.id] = (thing.location.lon, thing.location.lat, tags)
        elif thing.is_way():
            ways[thing.id] = ([n.ref for n in thing.nodes], tags)
        else:
            relations[thing.id] = ([(m.type, m.ref, m.role) for m in thing.members], tags)
    return nodes, ways, relations


@pytest.fixture(scope="module")
def mapped_osm(made):
    return read_pbf(made / "city.osm.pbf")


@pytest.fixture(scope="module")
def true_osm(made):
    return read_pbf(made / "truth" / "city_true.osm.pbf")


def same_content(one: Path, other: Path) -> bool:
    """Compare what compressed files decode to: another zlib packs the same content differently."""
    if one.suffix == ".tif":
        with rasterio.open(one) as a, rasterio.open(other) as b:
            same_grid = (a.crs, a.transform, a.dtypes, a.nodata) == (
                b.crs,
                b.transform,
                b.dtypes,
                b.nodata,
            )
            return same_grid and a.tags() == b.tags() and np.array_equal(a.read(), b.read())
    if one.name.endswith(".osm.pbf"):
        return read_pbf(one) == read_pbf(other)
    return False


# --- the files that ship ------------------------------------------------------------------------


def test_the_generator_still_makes_the_bytes_that_ship(made):
    manifest = tomllib.loads((DATA / "manifest.toml").read_text(encoding="utf-8"))
    listed = {row["path"]: row for row in manifest["file"]}
    new = {f"hanbit/{p.relative_to(made).as_posix()}": p for p in made.rglob("*") if p.is_file()}
    shipped = {p.relative_to(DATA).as_posix() for p in (DATA / "hanbit").rglob("*") if p.is_file()}
    assert set(listed) == set(new) == shipped
    for name, path in new.items():
        stored = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        assert listed[name]["sha256"] == stored, f"{name}: the manifest is old; run data/refresh.py"
        if name == "hanbit/truth/written.sha256":
            continue  # hashes of bytes, which another version of GDAL may write in another way
        if hashlib.sha256(path.read_bytes()).hexdigest() != stored:
            assert same_content(path, DATA / name), f"{name} changed; run data/refresh.py"


def test_what_ships_is_small_free_and_says_synthetic():
    manifest = tomllib.loads((DATA / "manifest.toml").read_text(encoding="utf-8"))
    assert sum(row["bytes"] for row in manifest["file"]) < 3_000_000
    assert {row["licence"] for row in manifest["file"]} == {"CC0-1.0"}
    assert manifest["synthetic"] is True
    assert "synthetic" in (DATA / "README.md").read_text(encoding="utf-8").lower()
    assert "synthetic" in (DATA / "hanbit" / "study.toml").read_text(encoding="utf-8")
    for path in (DATA / "hanbit").rglob("*.tif"):
        with rasterio.open(path) as raster:
            assert raster.tags()["SYNTHETIC"] == "yes"


def test_the_study_file_passes_and_its_paths_exist(made):
    study = load_study(made / "study.toml")
    for key in (
        "osm",
        "elevation",
        "population",
        "built",
        "landcover",
        "nightlights",
        "solar",
        "gtfs",
    ):
        assert resolve_path(study, getattr(study.sources, key), key=key).is_file()
    assert study.official.table is not None
    assert "synthetic" in study.city.name


def test_another_seed_makes_another_city(plan, streets):
    other = make_streets(make_plan("town", seed=8))
    assert other.x.size != streets.x.size or not np.allclose(other.x, streets.x)
    again = make_streets(make_plan("town", seed=7))
    assert np.array_equal(again.x, streets.x)
    assert np.array_equal(again.start, streets.start)


# --- people -------------------------------------------------------------------------------------


def test_people_sum_to_the_stated_number_everywhere(made, truth, people):
    assert people.persons.sum() == truth["persons"] == 60000
    with rasterio.open(made / "population.tif") as raster:
        grid = raster.read(1, masked=True)
        assert raster.crs.to_string() == "ESRI:54009"
        assert raster.nodata == -200
        assert raster.res == (100, 100)
        assert (raster.read(1) == -200).any()  # the corners nobody knows about
    assert float(grid.sum()) == 60000.0
    rows = list(
        csv.DictReader((made / "truth" / "people.csv").read_text(encoding="utf-8").splitlines())
    )
    assert sum(int(r["persons"]) for r in rows) == 60000
    assert sum(int(r["persons"]) for r in rows if r["electrified"] == "1") == truth["electrified"]
    official = list(
        csv.DictReader((made / "official.csv").read_text(encoding="utf-8").splitlines())
    )
    assert sum(int(r["population"]) for r in official) == 60000


def test_nobody_lives_in_water_or_on_cliffs(plan, people):
    lived = people.persons > 0
    x, y = people.x[lived], people.y[lived]
    assert not plan.terrain.wet(x, y).any()
    assert plan.terrain.slope(x, y).max() < 0.22
    assert (plan.density(x, y) > 0).all()


def test_people_and_roofs_go_together(made):
    with rasterio.open(made / "population.tif") as p, rasterio.open(made / "built.tif") as b:
        people, built = p.read(1, masked=True), b.read(1, masked=True)
        assert b.dtypes[0] == "uint16"
        assert b.nodata == 65535
    assert built.max() <= 10000
    home = people > 0
    assert built[home].min() > 0
    assert np.corrcoef(people[home], built[home])[0, 1] > 0.5


def test_built_raster_is_the_footprint_of_the_true_buildings(made, truth, true_osm):
    nodes, ways, _ = true_osm
    area = 0.0
    for refs, tags in ways.values():
        if "building:levels" in tags:
            lon, lat = zip(*((nodes[r][0], nodes[r][1]) for r in refs), strict=True)
            area += abs(GEOD.polygon_area_perimeter(lon, lat)[0])
    with rasterio.open(made / "built.tif") as raster:
        assert raster.read(1, masked=True).sum() == pytest.approx(area, rel=0.005)
    assert truth["built_m2"] == pytest.approx(area, rel=0.005)


@given(
    st.lists(st.floats(0, 1e3), min_size=1, max_size=40).filter(lambda w: sum(w) > 1e-6),
    st.integers(0, 10_000),
)
def test_sharing_out_is_exact_and_within_one_of_fair(weights, total):
    weights = np.array(weights)
    out = shared_out(weights, total)
    assert out.sum() == total
    assert (out >= 0).all()
    assert (np.abs(out - weights * total / weights.sum()) <= 1 + 1e-6).all()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(-(10**6), 10**6))
def test_draws_depend_on_the_key_and_not_on_the_order(seed, key):
    draw = Draw(seed)
    many = draw.uniform("salt", np.array([key, key + 1]))
    assert float(draw.uniform("salt", key)) == many[0]
    assert (many >= 0).all()
    assert (many < 1).all()


def test_draws_are_uniform_and_independent():
    values = Draw(7).uniform("x", np.arange(20000))
    assert values.mean() == pytest.approx(0.5, abs=0.01)
    assert np.corrcoef(values[:-1], values[1:])[0, 1] == pytest.approx(0, abs=0.03)
    assert Draw(7).normal("x", np.arange(20000)).std() == pytest.approx(1, abs=0.03)


# --- the answer key -----------------------------------------------------------------------------


def test_official_rates_are_the_true_rates(made, truth):
    official = load_study(made / "study.toml").official
    assert official.electricity_access == pytest.approx(truth["electrified"] / 60000, abs=1e-6)
    assert official.piped_water_access == pytest.approx(truth["piped"] / 60000, abs=1e-6)
    assert official.population == 60000
    rows = {
        r["district_id"]: r
        for r in csv.DictReader((made / "official.csv").read_text(encoding="utf-8").splitlines())
    }
    for district in truth["districts"]:
        rate = float(rows[district["district_id"]]["electricity_access"])
        assert rate == pytest.approx(district["electrified"] / district["persons"], abs=1e-6)


def test_ladder_of_water_counts_everybody_once(truth):
    assert sum(truth["water"].values()) == 60000
    assert truth["water"]["piped"] == truth["piped"]
    for district in truth["districts"]:
        assert sum(district["water"].values()) == district["persons"]


def test_some_districts_are_poor_and_some_only_badly_mapped(truth):
    kinds = Counter(d["kind"] for d in truth["districts"])
    assert kinds["unmapped"] >= 1
    assert kinds["poor"] >= 1
    assert kinds["badly_mapped"] >= 1
    for d in truth["districts"]:
        rate = d["electrified"] / d["persons"]
        road, building = d["mapped_share"]["road_km"], d["mapped_share"]["building_count"]
        if d["kind"] == "unmapped":
            assert rate > 0.9
            assert road < 0.07
            assert building < 0.07
        if d["kind"] == "poor":
            assert rate < 0.5
            assert d["piped"] / d["persons"] < 0.2
            assert road > 0.9
            assert building > 0.85
        if d["kind"] == "badly_mapped":
            assert rate > 0.9
            assert road < 0.5


def test_mapped_shares_of_the_key_are_found_in_the_two_extracts(made, truth, mapped_osm, true_osm):
    """Count again with other code: lengths on the ellipsoid, districts by point in polygon."""
    frame = json.loads((made / "districts.geojson").read_text(encoding="utf-8"))
    outlines = [shapely.from_geojson(json.dumps(f["geometry"])) for f in frame["features"]]
    ids = [f["properties"]["district_id"] for f in frame["features"]]
    tree = shapely.STRtree(outlines)

    def measured(osm):
        nodes, ways, _ = osm
        street, building, where = Counter(), Counter(), []
        for refs, tags in ways.values():
            lonlat = np.array([nodes[r][:2] for r in refs])
            kind = (
                "building"
                if "building:levels" in tags
                or tags.get("building") == "train_station"
                or ("building" in tags and "telecom" not in tags)
                else "street"
                if "highway" in tags
                else ""
            )
            if kind:
                where.append((kind, lonlat.mean(axis=0), GEOD.line_length(*lonlat.T) / 1000))
        at = tree.query(shapely.points([w[1] for w in where]), predicate="intersects")
        for k, d in at.T:
            kind, _, km = where[k]
            if kind == "street":
                street[ids[d]] += km
            else:
                building[ids[d]] += 1
        return street, building

    true_street, true_building = measured(true_osm)
    street, building = measured(mapped_osm)
    assert sum(true_street.values()) == pytest.approx(truth["true"]["street_km"], rel=0.02)
    for d in truth["districts"]:
        key = d["district_id"]
        assert street[key] / true_street[key] == pytest.approx(
            d["mapped_share"]["street_km"], abs=0.02
        )
        if true_building[key] > 50:
            share = building[key] / true_building[key]
            assert share == pytest.approx(d["mapped_share"]["building_count"], abs=0.02)
            assert share == pytest.approx(d["mapped_rate"]["building"], abs=0.03)


def test_mappers_invent_nothing(mapped_osm, true_osm):
    for mapped, true in zip(mapped_osm[1:], true_osm[1:], strict=True):
        for number, (parts, tags) in mapped.items():
            assert true[number][0] == parts
            assert tags.items() <= true[number][1].items()
    for number, (lon, lat, tags) in mapped_osm[0].items():
        assert true_osm[0][number][:2] == (lon, lat)
        assert tags.items() <= true_osm[0][number][2].items()


def test_electrified_people_live_by_the_lines_and_shine(made):
    rows = list(
        csv.DictReader((made / "truth" / "people.csv").read_text(encoding="utf-8").splitlines())
    )
    lines = json.loads((made / "truth" / "mv_lines.geojson").read_text(encoding="utf-8"))[
        "features"
    ]
    to_utm = Transformer.from_crs(4326, 32626, always_xy=True)
    wires = shapely.union_all(
        [
            shapely.LineString(
                np.column_stack(to_utm.transform(*np.array(f["geometry"]["coordinates"]).T))
            )
            for f in lines
        ]
    )
    lon = np.array([float(r["lon"]) for r in rows])
    lat = np.array([float(r["lat"]) for r in rows])
    on = np.array([r["electrified"] == "1" for r in rows])
    persons = np.array([int(r["persons"]) for r in rows])
    away = shapely.distance(shapely.points(*to_utm.transform(lon, lat)), wires)
    assert away[on].max() <= 451
    assert away[~on].mean() > away[on].mean()
    with rasterio.open(made / "nightlights.tif") as raster:
        light = np.array([v[0] for v in raster.sample(zip(lon, lat, strict=True))])
        grid = raster.read(1)
    per_person = [
        np.average(light[m] / np.maximum(persons[m], 1), weights=persons[m]) for m in (on, ~on)
    ]
    assert per_person[0] > 1.5 * per_person[1]
    assert grid.min() >= 0
    assert np.sort(grid.ravel())[: grid.size // 10].mean() < 0.1  # open sea is dark


# --- the extract --------------------------------------------------------------------------------


def test_extract_is_whole_sorted_dated_and_anonymous(made):
    path = made / "city.osm.pbf"
    header = osmium.io.Reader(str(path)).header()
    box = header.box()
    boundary = json.loads((made / "boundary.geojson").read_text(encoding="utf-8"))["features"][0]
    outline = shapely.from_geojson(json.dumps(boundary["geometry"]))
    assert outline.is_valid
    assert shapely.box(
        box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat
    ).contains(outline)
    assert header.get("osmosis_replication_timestamp") == "2026-01-01T00:00:00Z"
    assert "synthetic" in header.get("generator")
    last, seen = {}, set()
    for thing in osmium.FileProcessor(str(path)):
        kind = thing.type_str()
        assert thing.id > last.get(kind, 0)
        last[kind] = thing.id
        assert thing.user == ""
        assert 2015 <= thing.timestamp.year <= 2026
        if thing.is_node():
            seen.add(thing.id)
        elif thing.is_way():
            assert all(n.ref in seen for n in thing.nodes)
            assert len(thing.nodes) >= 2


WANTED = [
    *[("highway", c) for c in ("motorway", "motorway_link", "primary", "secondary", "tertiary", "residential",
      "unclassified", "service", "footway", "path", "track", "steps", "pedestrian", "living_street", "bus_stop",
      "street_lamp")],
    ("junction", "roundabout"), ("bridge", "yes"), ("tunnel", "yes"), ("oneway", "yes"), ("barrier", "gate"),
    ("lit", "yes"), ("lit", "no"), ("surface", "asphalt"), ("railway", "rail"), ("railway", "station"),
    ("amenity", "bus_station"), ("amenity", "hospital"), ("amenity", "clinic"), ("amenity", "doctors"),
    ("amenity", "school"), ("amenity", "kindergarten"), ("amenity", "university"), ("amenity", "drinking_water"),
    ("man_made", "water_tap"), ("man_made", "water_well"), ("natural", "spring"), ("man_made", "water_works"),
    ("man_made", "water_tower"), ("man_made", "reservoir_covered"), ("man_made", "pumping_station"),
    ("substance", "water"), ("substance", "sewage"), ("man_made", "wastewater_plant"), ("amenity", "toilets"),
    ("waterway", "river"), ("waterway", "stream"), ("waterway", "drain"), ("natural", "water"), ("natural", "wetland"),
    ("power", "line"), ("power", "minor_line"), ("power", "cable"), ("power", "substation"), ("power", "transformer"),
    ("power", "pole"), ("power", "plant"), ("power", "generator"), ("power", "tower"), ("voltage", "110000;20000"),
    ("telecom", "exchange"), ("communication", "line"), ("man_made", "mast"), ("man_made", "communications_tower"),
    ("boundary", "protected_area"), ("type", "multipolygon"), ("landuse", "residential"), ("landuse", "industrial"),
    ("landuse", "commercial"), ("landuse", "retail"), ("landuse", "farmland"), ("landuse", "forest"),
    ("landuse", "cemetery"), ("landuse", "military"), ("landuse", "landfill"), ("landuse", "quarry"),
    ("landuse", "railway"), ("leisure", "park"), ("aeroway", "aerodrome"), ("aeroway", "runway"),
    ("building", "industrial"), ("building", "apartments"),
]  # fmt: skip


@pytest.fixture(scope="module")
def true_tags(true_osm):
    nodes, ways, relations = true_osm
    rows = [n[2] for n in nodes.values() if n[2]]
    rows += [w[1] for w in [*ways.values(), *relations.values()]]
    return {item for row in rows for item in row.items()}


@pytest.mark.parametrize("tag", WANTED, ids="=".join)
def test_every_sector_is_there(true_tags, tag):
    assert tag in true_tags


def test_facilities_follow_the_norms(true_osm):
    nodes, ways, _ = true_osm
    tags = [n[2] for n in nodes.values() if n[2]] + [w[1] for w in ways.values()]
    health = sum(row.get("amenity") in {"hospital", "clinic", "doctors"} for row in tags)
    schools = sum(row.get("amenity") == "school" for row in tags)
    assert health == 12  # 2 per 10,000
    assert schools == 12  # 1 per 5,000


def test_bridges_and_the_motorway_share_no_node_with_what_they_cross(true_osm):
    _, ways, _ = true_osm
    streets = {k: w for k, w in ways.items() if "highway" in w[1]}
    used = Counter(r for refs, _ in streets.values() for r in set(refs))
    motorway = {r for refs, t in streets.values() if t["highway"] == "motorway" for r in refs}
    for refs, tags in streets.values():
        if tags["highway"] not in {"motorway", "motorway_link"}:
            assert not motorway & set(refs)
        if tags.get("bridge") == "yes" and tags["highway"] != "motorway":
            assert "layer" in tags
    crossing = [
        refs
        for refs, t in streets.values()
        if t.get("bridge") == "yes" and t["highway"] in {"primary", "secondary"}
    ]
    assert crossing
    rail = {r for refs, t in ways.values() if t.get("railway") == "rail" for r in refs}
    assert not rail & set(used)


def test_relations_are_assembled_from_parts_that_exist(made):
    areas = {}
    processor = osmium.FileProcessor(str(made / "city.osm.pbf")).with_areas()
    factory = osmium.geom.WKBFactory()
    for thing in processor:
        if thing.is_area() and not thing.from_way():
            areas[thing.tags["name"]] = shapely.from_wkb(factory.create_multipolygon(thing))
    assert set(areas) == {"Hanbit Lake", "Hanbit Hill Reserve"}
    for shape in areas.values():
        assert shape.is_valid
        assert sum(len(p.interiors) for p in shape.geoms) == 1


def test_true_streets_are_one_network_with_bridges_tunnel_and_dual_carriageway(streets):
    n = streets.x.size
    graph = coo_array((np.ones(streets.start.size), (streets.start, streets.end)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    main = np.argmax(np.bincount(label))
    ends = np.concatenate([streets.start, streets.end])
    ring = set(streets.ring[0])
    assert all(label[e] == main for e in ends.tolist() if e not in ring)
    assert (streets.structure == BRIDGE).sum() > 10
    assert (streets.structure == TUNNEL).sum() >= 1
    assert (streets.oneway & (streets.kind == CODE["primary"])).sum() > 10
    lengths = streets.lengths()
    assert lengths.min() > 0.5
    assert lengths.max() < 1200


# --- the ground ---------------------------------------------------------------------------------


def test_river_runs_down_to_the_south_and_is_the_lowest_place(plan):
    terrain, h = plan.terrain, plan.half
    y = np.linspace(h, -h, 200)
    x = terrain.river_x(y)
    assert (np.diff(terrain.elevation(x, y)) < 0).all()
    assert (np.abs(x) < h).all()
    for off in (60, 200, 500):
        assert (terrain.elevation(x + off, y) > terrain.elevation(x, y)).all()
        assert (terrain.elevation(x - off, y) > terrain.elevation(x, y)).all()
    for stream in terrain.streams:
        course = np.linspace(stream.side * h, float(terrain.river_x(stream.y0)), 100)[:-2]
        down = terrain.elevation(course, stream.y(course))
        in_lake = terrain.in_lake(course, stream.y(course))
        down = np.where(in_lake, terrain.lake()[-1], down)  # around the island, not over it
        assert (np.diff(down) <= 0).all()


def test_there_are_hills_too_steep_and_plains_for_industry(plan):
    t = np.linspace(-plan.half, plan.half, 150)
    x, y = np.meshgrid(t, t)
    slope = plan.terrain.slope(x, y)
    assert (slope > 0.25).mean() > 0.005
    assert (slope < 0.03).mean() > 0.4
    assert (plan.terrain.height_above_channel(x, y) >= 0).all()


@pytest.mark.parametrize(
    ("name", "crs", "dtype", "nodata", "low", "high"),
    [
        ("elevation.tif", "EPSG:4326", "float32", None, 5, 400),
        ("landcover.tif", "EPSG:4326", "uint8", 0, 10, 95),
        ("nightlights.tif", "EPSG:4326", "float32", None, 0, 100),
        ("ghi.tif", "EPSG:4326", "float32", -9999, 1300, 1500),
        ("built.tif", "ESRI:54009", "uint16", 65535, 0, 10000),
        ("population.tif", "ESRI:54009", "float64", -200, 0, 1000),
    ],
)
def test_rasters_look_like_the_real_products(made, name, crs, dtype, nodata, low, high):
    with rasterio.open(made / name) as raster:
        values = raster.read(1, masked=True)
        assert raster.crs.to_string() == crs
        assert raster.dtypes[0] == dtype
        assert raster.nodata == nodata
        assert values.min() >= low
        assert values.max() <= high
        west, south, east, north = raster.bounds
        centre = Transformer.from_crs(4326, crs, always_xy=True).transform(-27.0, 45.0)
        assert west < centre[0] < east
        assert south < centre[1] < north


def test_land_cover_uses_known_classes_and_knows_the_city(made):
    with rasterio.open(made / "landcover.tif") as raster:
        classes = raster.read(1)
        centre = next(raster.sample([(-26.9995, 44.9993)]))[0]
    assert set(np.unique(classes)) <= {10, 20, 30, 40, 50, 60, 80, 90}
    assert {10, 30, 40, 50, 60, 80, 90} <= set(np.unique(classes))
    assert centre in {30, 50}


# --- timetable, outlines, other sizes, bad calls ----------------------------------------------------


def test_timetable_is_valid_and_has_busy_and_quiet_routes(made):
    with zipfile.ZipFile(made / "gtfs.zip") as archive:
        table = {
            n[:-4]: list(csv.DictReader(io.StringIO(archive.read(n).decode())))
            for n in archive.namelist()
        }
    stops = {r["stop_id"] for r in table["stops"]}
    trips = {r["trip_id"]: r["route_id"] for r in table["trips"]}
    assert {r["stop_id"] for r in table["stop_times"]} <= stops
    last = {}
    for row in table["stop_times"]:
        h, m, s = map(int, row["departure_time"].split(":"))
        now = h * 3600 + m * 60 + s
        assert now >= last.get(row["trip_id"], -1)
        last[row["trip_id"]] = now
    assert set(last) == set(trips)
    busy = {trips[r["trip_id"]] for r in table["frequencies"] if int(r["headway_secs"]) <= 1200}
    assert busy
    assert set(trips.values()) - busy
    assert {r["route_type"] for r in table["routes"]} == {"2", "3"}


def test_districts_tile_the_boundary(made):
    def shapes(name):
        features = json.loads((made / name).read_text(encoding="utf-8"))["features"]
        return [shapely.from_geojson(json.dumps(f["geometry"])) for f in features]

    districts, boundary = shapes("districts.geojson"), shapes("boundary.geojson")[0]
    assert len(districts) >= 6
    assert all(d.is_valid and d.exterior.is_ccw for d in districts)
    area = sum(d.area for d in districts)
    assert area == pytest.approx(boundary.area, rel=1e-5)
    assert shapely.union_all(districts).area == pytest.approx(area, rel=1e-5)


def test_larger_city_keeps_its_promises():
    plan = make_plan("city", seed=7)
    streets = make_streets(plan)
    assert plan.half == 10000
    assert {"unmapped", "poor", "badly_mapped", "core"} <= set(plan.district_kind)
    assert 20_000 < streets.x.size < 200_000
    back = plan.lattice(*plan.world([0, 555, 9000], [100, 4000, 10400]))
    assert np.allclose(back, [[0, 555, 9000], [100, 4000, 10400]], atol=0.05)


def test_squares_count_each_person_once(plan, people):
    cells = make_cells(plan, people)
    assert cells.persons.sum() == 60000
    assert cells.persons.min() > 0
    lived = people.persons > 0
    assert np.array_equal(cells.of_point >= 0, lived)
    assert (np.abs(people.x[lived] - cells.x[cells.of_point[lived]]) <= 50 + 1e-9).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("thesis.docx", "not written by the demo"),
        ("boundary.geojson", "changed since"),
        ("study.toml", "changed since"),
        ("truth/truth.json", "changed since"),
        ("truth/notes/mine.txt", "not written by the demo"),
        ("gtfs.zip", "changed since"),
    ],
)
def test_the_demo_overwrites_nothing_that_it_did_not_write(tmp_path, name, words):
    folder = tmp_path / "d"
    shutil.copytree(DATA / "hanbit", folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("my own work")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(OutputError, match=words) as told:
        make_demo(folder)
    assert name in str(told.value)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_a_folder_without_a_list_of_the_demo_is_somebodys(tmp_path):
    (tmp_path / "city.osm.pbf").write_bytes(b"a week of mapping")
    with pytest.raises(OutputError, match="not written by the demo"):
        make_demo(tmp_path)
    assert (tmp_path / "city.osm.pbf").read_bytes() == b"a week of mapping"


def test_an_earlier_demo_a_killed_one_and_an_empty_folder_are_no_obstacle(tmp_path):
    from kcity_geo.demo.make import _refuse_foreign

    _refuse_foreign(tmp_path)
    folder = tmp_path / "d"
    shutil.copytree(DATA / "hanbit", folder)
    (folder / "population.tif.aux.xml").write_text("<PAMDataset/>")
    _refuse_foreign(folder)
    (folder / "truth" / "written.sha256").write_text("begun\n")
    (folder / "city.osm.pbf").write_bytes(b"half")
    _refuse_foreign(folder)


def test_bad_calls_are_refused(tmp_path):
    with pytest.raises(StudyError, match="village"):
        make_demo(tmp_path, size="village")
    with pytest.raises(StudyError, match="-1"):
        make_demo(tmp_path, seed=-1)
    occupied = tmp_path / "file"
    occupied.write_text("x")
    with pytest.raises(OutputError, match="file"):
        make_demo(occupied)
    with pytest.raises(SourceError, match="answer key"):
        load_truth(tmp_path)


@pytest.mark.parametrize("former", [False, True])
def test_a_full_disk_leaves_no_half_demo(tmp_path, former):
    """The disk ends within the map; before, the process ended by a signal of the writer."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        if former:
            (disk / "d" / "truth").mkdir(parents=True)
            (disk / "d" / "study.toml").write_text("of an earlier demo")
            _write_written(disk / "d")
        before = {p: p.read_bytes() for p in disk.rglob("*") if p.is_file()}
        with pytest.raises(OutputError, match="disk is full"):
            make_demo(disk / "d", size="town")
        assert {p: p.read_bytes() for p in disk.rglob("*") if p.is_file()} == before
        assert [p.name for p in disk.iterdir()] == ["d"] * former
        assert not (disk / "d" / ".kcity-new").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_town_without_a_street_for_a_pipe_has_no_pipe() -> None:
    """Seed 511 has none that carries the main."""
    from kcity_geo.demo.features import way_refs

    nothing = np.zeros(0, dtype=np.int64)
    assert way_refs(None, nothing, nothing) == []  # type: ignore[arg-type]
