"""
Further members of five kinds, found by trying what other programs write: OpenStreetMap files, turns, timetables,
Python objects, hostile texts. The members before these stand in ``test_members.py``, ``test_members_brought.py``.
"""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import shapely
from pyproj import CRS
from scipy.sparse.csgraph import dijkstra

import kcity_geo as kc
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.errors import KCityError, SourceError, StudyError
from kcity_geo.indicators import add_indicators
from kcity_geo.notes import collected, muted
from kcity_geo.passed_objects import written
from kcity_geo.profiles import project_file
from kcity_geo.programme.model import load_application
from kcity_geo.sources.local import views
from kcity_geo.sources.local.transit import read_gtfs
from kcity_geo.sources.local.vectors import read_boundary
from kcity_geo.sources.osm.pbf import read_osm
from kcity_geo.sources.products.catalogue import load_catalogue
from kcity_geo.studyfile import load_study

AREA = shapely.box(28.0, -30.0, 28.1, -29.9)
NODES = "".join(
    f'<node id="{i}" version="1" lon="{28 + i / 100}" lat="-29.95"/>' for i in (1, 2, 3)
)
STREET = '<tag k="highway" v="residential"/>'
CLINIC = '<node id="9" version="1" lon="28.05" lat="-29.95"><tag k="amenity" v="clinic"/></node>'


def osm_file(path, inner):
    path.write_text(f'<osm version="0.6" generator="Overpass API">{inner}</osm>')
    return path


def way(number, refs, *, tags=STREET):
    return f'<way id="{number}" version="1">{refs}{tags}</way>'


REFS = '<nd ref="1"/><nd ref="2"/>'
LOST = '<nd ref="71"/><nd ref="72"/>'
PLACED = '<nd ref="71" lat="-29.95" lon="28.01"/><nd ref="72" lat="-29.95" lon="28.02"/>'
STOPPED = "<remark> runtime error: Query timed out in &quot;query&quot; at line 3 </remark>"


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (NODES + way(10, REFS), ""),
        (NODES + way(10, REFS) + way(11, LOST), ""),  # as at the edge of an extract
        (NODES + way(10, REFS) + way(11, LOST) + way(12, LOST), "lacks the nodes of 2 of its 3 ways"),
        (CLINIC + way(10, LOST), "lacks the nodes of 1 of its 1 ways.*with all nodes"),
        (CLINIC + way(10, PLACED), "lacks the nodes of 1 of its 1 ways"),  # out geom
        (CLINIC + way(10, ""), "lacks the nodes of 1 of its 1 ways"),  # out tags
        (NODES + way(10, REFS) + STOPPED, "a part of what was asked for.*Query timed out.*ask again"),
        (way(10, REFS) + NODES + STOPPED, "a part of what was asked for"),  # and out of order
        (NODES + way(10, REFS) + "<remark>runtime remark: slow</remark>", ""),
    ],
)  # fmt: skip
def test_files_that_lack_a_part_are_no_maps(tmp_path, inner, words):
    path = osm_file(tmp_path / "a.osm", inner)
    if words:
        with pytest.raises(SourceError, match=words):
            read_osm(path, area=AREA, crs=CRS(32735))
    else:
        assert len(read_osm(path, area=AREA, crs=CRS(32735)).layers["roads_drive"]) == 1


def test_json_of_overpass_by_the_name_of_xml(tmp_path):
    (tmp_path / "a.osm").write_text('\ufeff\n{"version": 0.6, "elements": []}', encoding="utf-8")
    with pytest.raises(SourceError, match=r"is JSON, whatever its name says.*\[out:xml\]"):
        read_osm(tmp_path / "a.osm", area=AREA, crs=CRS(32735))


def test_places_on_ways_without_nodes_are_refused(tmp_path):
    """``osmium add-locations-to-ways`` leaves the nodes without tags out."""
    source = osm_file(tmp_path / "a.osm", NODES + CLINIC + way(10, REFS))
    target = osmium.io.File(str(tmp_path / "b.osm.pbf"), "pbf,locations_on_ways=true")
    with osmium.SimpleWriter(target) as writer:
        for item in osmium.FileProcessor(str(source)).with_locations():
            if not item.is_node() or item.tags:
                writer.add(item)
    with pytest.raises(SourceError, match="add-locations-to-ways with -n"):
        read_osm(tmp_path / "b.osm.pbf", area=AREA, crs=CRS(32735))


# --- turns ------------------------------------------------------------------------------------------

# West to east 1, 2, 3, 4; the way round from 2 to 3 is over 5. Spurs of 500 m at 2 and 50 m at 3, to turn round in.
PLACES = {
    1: (0, 0),
    2: (100, 0),
    3: (200, 0),
    4: (300, 0),
    5: (150, 200),
    6: (100, -500),
    7: (200, -50),
}
WAYS = {10: (1, 2), 11: (2, 3), 12: (3, 4), 13: (2, 5, 3), 14: (2, 6), 15: (3, 7)}
STRAIGHT, ROUND = 300, 200 + 2 * np.hypot(50, 200)


@pytest.mark.parametrize(
    ("kind", "members", "right", "counted"),
    [
        ("no_straight_on", "w10from n2via w11to", ROUND, (1, 0)),
        ("No_Straight_On", "w10from n2via w11to", ROUND, (1, 0)),
        ("no_straight_on", "w11to n2via w10from", ROUND, (1, 0)),
        ("no_entry", "w10from w14from n2via w11to", ROUND, (2, 0)),
        ("no_exit", "w10from n2via w11to w13to", 1300, (2, 0)),
        ("no_straight_on @ (07:00-09:00)", "w10from n2via w11to", STRAIGHT, (0, 0)),
        ("only_straight_on @ (Mo-Fr)", "w10from n2via w14to", STRAIGHT, (0, 0)),
        ("no_straight_on", "w10from w11via w15via w12to", STRAIGHT, (0, 1)),  # told as not obeyed
    ],
)
def test_turns_by_other_members(tmp_path, kind, members, right, counted):
    text = "".join(
        f'<node id="{i}" version="1" lon="{27 + x / 96_300:.8f}" lat="{-29.95 + y / 110_850:.8f}"/>'
        for i, (x, y) in PLACES.items()
    )
    text += "".join(way(i, "".join(f'<nd ref="{n}"/>' for n in nodes)) for i, nodes in WAYS.items())
    parts = "".join(
        f'<member type="{"way" if m[0] == "w" else "node"}" ref="{m.strip("abcdefghijklmnopqrstuvwxyz")}" '
        f'role="{m[1:].strip("0123456789")}"/>'
        for m in members.split()
    )
    tags = f'<tag k="type" v="restriction"/><tag k="restriction" v="{kind}"/>'
    text += f'<relation id="1" version="1">{parts}{tags}</relation>'
    layers = read_osm(
        osm_file(tmp_path / "a.osm", text), area=shapely.box(26, -31, 28, -29), crs=CRS(32735)
    ).layers
    with muted():
        graph = build_graph(layers["roads_drive"], mode="drive", turns=layers["turn_restriction"])
    start, end = (np.flatnonzero(graph.node_osm == n) for n in (1, 4))
    copies = graph.ways.arrivals
    ends = np.concatenate([end, copies[np.isin(copies[:, 0], end), 1]])
    found = dijkstra(graph.matrix("metres"), indices=start)[:, ends].min()
    assert found == pytest.approx(right, rel=5e-3)
    assert graph.turns == counted


# --- timetables -------------------------------------------------------------------------------------

FEED = {
    "stops.txt": "stop_id,stop_lat,stop_lon\na,48.0,15.0\nb,48.0,15.01\nc,48.0,15.02\n",
    "routes.txt": "route_id,route_type\nr,3\n",
    "trips.txt": "route_id,service_id,trip_id\n" + "".join(f"r,w,t{h}\n" for h in (7, 8)),
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    + "".join(
        f"t{h},{h}:{5 * k:02d}:00,{h}:{5 * k:02d}:00,{s},{k}\n" for h in (7, 8) for k, s in enumerate("abc")
    ),
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "w,1,1,1,1,1,0,0,20250106,20250131\n",
}  # fmt: skip
#: Rows without a stop, as GTFS-Flex writes them for an area on demand.
FLEX = (
    FEED["stop_times.txt"].replace("stop_sequence", "stop_sequence,location_id") + "t7,,,,9,zone\n"
)
#: A circle: the last stop is the first one.
CIRCLE = FEED["stop_times.txt"] + "t7,7:30:00,7:30:00,a,9\nt8,8:30:00,8:30:00,a,9\n"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [2, 2, 0]),
        ({"stop_times.txt": CIRCLE}, [2, 2, 2]),
        ({"stop_times.txt": FLEX}, [2, 2, 1]),  # who boards the first bus at c rides on to the zone
        ({"stop_times.txt": FEED["stop_times.txt"].replace(":00,", ",")}, [2, 2, 0]),  # 7:05
        ({"calendar.txt": FEED["calendar.txt"].replace("20250106", "2025-01-06")}, [2, 2, 0]),
        ({"stops.txt": FEED["stops.txt"].replace(",", ";")}, r"stops.txt parts its columns by ';'; save it with commas"),
        ({"routes.txt": FEED["routes.txt"].replace(",", "\t")}, r"routes.txt parts its columns by '\\t'"),
        ({"stops.txt": FEED["stops.txt"].replace("48.0,", '"48,0",')}, r"stops.txt: .*'48,0'"),
    ],
)  # fmt: skip
def test_feeds(tmp_path, changes, expected):
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        for name, text in {**FEED, **changes}.items():
            archive.writestr(name, text)
    if isinstance(expected, str):
        with pytest.raises(SourceError, match=expected):
            read_gtfs(tmp_path / "f.zip", crs="EPSG:32633")
        return
    with muted():
        stops = read_gtfs(tmp_path / "f.zip", crs="EPSG:32633").set_index("stop_id")
    assert stops["departures_peak"].tolist() == expected


# --- Python objects ---------------------------------------------------------------------------------

POINTS = gpd.GeoDataFrame(
    {"amenity": ["clinic", "hospital"]}, geometry=gpd.points_from_xy([15.0, 15.01], [45.1, 45.1]), crs=4326
)  # fmt: skip


@pytest.mark.parametrize(
    "column",
    [
        [1j, 2],
        pd.arrays.SparseArray([0, 1]),
        pd.arrays.SparseArray([0.0, np.nan]),
        pd.interval_range(0, 2),
        pd.period_range("2020", periods=2, freq="M"),
        pd.Categorical(["x", None]),
        pd.to_timedelta([1, None]),
        [{1}, b"x"],
    ],
)
def test_columns_that_nothing_reads_may_hold_anything(column):
    path = written(POINTS.assign(more=column), field="extra", name="health")
    found = gpd.read_parquet(path)
    assert found["amenity"].tolist() == ["clinic", "hospital"]
    assert found.geometry.geom_equals(POINTS.geometry).all()


@pytest.mark.parametrize("given", [POINTS.__geo_interface__, POINTS.iloc[:1].__geo_interface__])
def test_geojson_in_python_is_refused_with_its_mend(given):
    with pytest.raises(StudyError, match="dict cannot be an input; .*from_features"):
        kc.Study(city={"bbox": [15, 45, 15.1, 45.2]}, sources={"extra": {"health": given}})


# --- views ------------------------------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS fid, (SELECT geom FROM a) AS geom FROM r"


@pytest.mark.parametrize(
    ("rows", "endless"),
    [(ENDLESS, True), ("SELECT nowhere(fid) AS fid, geom FROM a", True), ("SELECT fid, geom FROM a", False)],
)  # fmt: skip
def test_views_that_never_end_are_not_waited_for(tmp_path, monkeypatch, rows, endless):
    monkeypatch.setattr(views, "_MOST_STEPS", 2_000_000)
    path = tmp_path / "v.gpkg"
    gpd.GeoDataFrame(geometry=[AREA], crs=4326).to_file(path, layer="a")
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(f"CREATE VIEW v AS {rows}")
        base.execute(
            "INSERT INTO gpkg_contents(table_name, data_type, srs_id) VALUES('v', 'features', 4326)"
        )
        base.execute("INSERT INTO gpkg_geometry_columns VALUES('v', 'geom', 'POLYGON', 4326, 0, 0)")
    with muted(), collected() as told:
        assert views.endless_views(path) == (["v"] if endless else [])
        assert read_boundary(tmp_path / "v.gpkg#a").equals(AREA)
        if endless:
            with pytest.raises(KCityError, match="has no layer 'v'"):
                read_boundary(tmp_path / "v.gpkg#v")
        else:
            assert read_boundary(tmp_path / "v.gpkg#v").equals(AREA)
    assert ("does not end or cannot be computed here" in " ".join(told)) == endless


# --- texts of the user ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "read",
    [load_study, load_application, load_catalogue, add_indicators, project_file],
    ids=lambda read: read.__name__,
)
@pytest.mark.parametrize(
    "text",
    [
        b"seed = " + b"9" * 5000,
        b"a = " + b"[" * 5000 + b"]" * 5000,
        "name = 'a'".encode("utf-16"),
        b"name = 'a\0'",
    ],
    ids=["digits", "nested", "utf-16", "nul"],
)
def test_toml_that_nobody_can_read_is_refused_in_one_line(tmp_path, read, text):
    (tmp_path / "x.toml").write_bytes(text)
    with pytest.raises(KCityError, match=r"x\.toml") as told:
        read(tmp_path / "x.toml")
    assert "\n" not in str(told.value)
