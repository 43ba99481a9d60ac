"""The inventory: against sums made by hand, and against another reader of the same files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.ops
from pyproj import CRS, Geod

from kcity_geo.analysis.evidence.inventory import COLUMNS, inventory
from kcity_geo.city import City, make_city, to_metric
from kcity_geo.config import read_table
from kcity_geo.errors import CRSMismatchError
from kcity_geo.sources.osm.pbf import empty_layers, read_header, read_osm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kcity_geo.sources.osm.pbf import OsmExtract

CITY = make_city("Square", shapely.box(9.0, 45.0, 9.02, 45.02))
WEST, SOUTH, EAST, NORTH = to_metric(CITY.boundary, CITY.crs).bounds
X, Y = (WEST + EAST) / 2, (SOUTH + NORTH) / 2  # a point well inside


def frame(layer: str, rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    schema = empty_layers(CITY.crs)[layer]
    filled = [
        {"osm_type": "way", "osm_id": i, "name": "", **row} for i, row in enumerate(rows, start=1)
    ]
    return gpd.GeoDataFrame(filled, crs=CITY.crs).reindex(
        columns=[*schema.columns.drop("geometry"), "geometry"]
    )


def row_of(layers: dict[str, gpd.GeoDataFrame], layer: str) -> pd.Series:
    table = inventory(layers, CITY, extract_date="2024-03-04")
    return table.set_index("layer").T[layer]


def test_shape_of_the_table() -> None:
    table = inventory(empty_layers(CITY.crs), CITY, extract_date="2024-03-04")
    assert tuple(table.columns) == COLUMNS
    assert table["layer"].tolist() == [row["id"] for row in read_table("osm")["layer"]]
    assert (table["count"] == 0).all()
    assert (table["extract_date"] == "2024-03-04").all()
    assert table["key_attribute_share"].isna().all()


def test_nothing_mapped_is_zero_and_impossible_is_nan() -> None:
    table = inventory({}, CITY, extract_date="").set_index("layer")
    assert table.loc["roads_drive", "length_km"] == 0
    assert math.isnan(table.loc["roads_drive", "area_ha"])
    assert table.loc["building", "area_ha"] == 0
    assert math.isnan(table.loc["building", "length_km"])
    assert table.loc["drainage", ["length_km", "area_ha"]].tolist() == [0, 0]
    assert math.isnan(table.loc["lighting", "length_km"])


def test_lines_are_cut_at_the_boundary() -> None:
    inside = shapely.LineString([(X, Y), (X + 300, Y), (X + 300, Y + 400)])
    leaving = shapely.LineString([(EAST - 200, Y), (EAST + 1000, Y)])
    outside = shapely.LineString([(EAST + 100, Y), (EAST + 1000, Y)])
    roads = frame("roads_drive", [{"geometry": g} for g in (inside, leaving, outside)])
    roads["surface"] = ["asphalt", "", "gravel"]
    row = row_of({"roads_drive": roads}, "roads_drive")
    assert row["count"] == 2
    # the boundary is a meridian, a little oblique in UTM: a metre or two of tolerance
    assert row["length_km"] == pytest.approx(0.7 + 0.2, abs=0.03)
    assert row["key_attribute"] == "surface"
    assert row["key_attribute_share"] == 0.5


def test_polygons_are_cut_and_points_have_no_size() -> None:
    whole = shapely.box(X, Y, X + 100, Y + 200)
    hole = shapely.Polygon(
        shapely.box(X, Y, X + 300, Y + 300).exterior.coords,
        [shapely.box(X + 100, Y + 100, X + 200, Y + 200).exterior.coords],
    )
    far = shapely.box(EAST + 500, Y, EAST + 600, Y + 100)
    layer = frame("school", [{"geometry": g} for g in (whole, hole, far, shapely.Point(X, Y))])
    row = row_of({"school": layer}, "school")
    assert row["count"] == 3
    assert row["area_ha"] == pytest.approx(2 + 8)
    assert math.isnan(row["length_km"])


def test_numbers_count_as_filled_unless_nan() -> None:
    line = shapely.LineString([(X, Y), (X + 100, Y)])
    layer = frame("power_line", [{"geometry": line}] * 4)
    layer["voltage_v"] = [110_000.0, np.nan, 0.0, np.nan]
    assert row_of({"power_line": layer}, "power_line")["key_attribute_share"] == 0.5


def test_a_way_in_two_pieces_is_one_object_with_both_lengths() -> None:
    pieces = [
        {"osm_id": 7, "geometry": shapely.LineString([(X, Y), (X + 100, Y)])},
        {"osm_id": 7, "geometry": shapely.LineString([(X + 200, Y), (X + 300, Y)])},
        {"osm_id": 7, "osm_type": "relation", "geometry": shapely.LineString([(X, Y), (X, Y + 1)])},
    ]
    row = row_of({"roads_walk": frame("roads_walk", pieces)}, "roads_walk")
    assert row["count"] == 2
    assert row["length_km"] == pytest.approx(0.201)


def test_row_order_does_not_matter_and_nothing_is_changed() -> None:
    lines = [shapely.LineString([(X, Y), (X + 10 * i, Y)]) for i in range(1, 9)]
    layer = frame("roads_drive", [{"geometry": g} for g in lines])
    before = layer.copy(deep=True)
    turned = layer.iloc[::-1].reset_index(drop=True)
    one, two = (
        row_of({"roads_drive": layer}, "roads_drive"),
        row_of({"roads_drive": turned}, "roads_drive"),
    )
    assert one["length_km"] == pytest.approx(two["length_km"])
    assert one["count"] == two["count"] == 8
    pd.testing.assert_frame_equal(layer, before)


def test_a_layer_in_another_crs_is_refused() -> None:
    layer = frame("school", [{"geometry": shapely.Point(X, Y)}]).set_crs(32633, allow_override=True)
    with pytest.raises(CRSMismatchError, match="school"):
        inventory({"school": layer}, CITY, extract_date="")


# --- against GDAL's OSM driver ------------------------------------------------------------------

CONF = """closed_ways_are_polygons={keys}
report_all_tagged_ways=yes
attribute_name_laundering=no
tags_format=json
""" + "".join(
    f"[{layer}]\nosm_id=yes\nall_tags=yes\nother_tags=no\n"
    for layer in ("points", "lines", "multipolygons")
)
POLYGON_KEYS = (
    "aeroway,amenity,boundary,building,healthcare,landuse,leisure,man_made,natural,office,place,"
    "power,public_transport,railway,shop,station,tourism,waterway"
)
DRIVE = {
    f"{road}{link}"
    for road in ("motorway", "trunk", "primary", "secondary", "tertiary")
    for link in ("", "_link")
} | {"unclassified", "residential", "living_street", "service", "road"}
WALK = (DRIVE - {"motorway", "motorway_link"}) | {
    "pedestrian",
    "footway",
    "path",
    "steps",
    "track",
    "cycleway",
}
UNUSED = [
    "disused",
    "abandoned",
    "razed",
    "demolished",
    "removed",
    "proposed",
    "planned",
    "construction",
]

Tags = dict[str, str]


def among(key: str, *values: str) -> Callable[[Tags], bool]:
    return lambda tags: tags.get(key) in values


# Written from domain.md 0.2, not from our table: P points, L lines, A areas.
FILTERS: dict[str, tuple[str, Callable[[Tags], bool]]] = {
    "roads_drive": ("L", lambda t: t.get("highway") in DRIVE and t.get("area") != "yes"),
    "roads_walk": (
        "L",
        lambda t: (
            t.get("area") != "yes"
            and t.get("foot") != "no"
            and (
                (t.get("highway") in WALK and t.get("motorroad") != "yes")
                or (
                    among("highway", "trunk", "primary", "trunk_link", "primary_link", "bridleway")(
                        t
                    )
                    and among("foot", "yes", "designated", "permissive")(t)
                )
            )
        ),
    ),
    "building": ("A", lambda t: t.get("building", "no") not in {"no", "construction"}),
    "power_line": (
        "L",
        lambda t: (
            among("power", "line", "minor_line", "cable", "minor_cable")(t)
            and t.get("line") not in {"bay", "busbar"}
        ),
    ),
    "substation": ("PA", among("power", "substation", "sub_station", "station")),
    "power_gen": ("PA", among("power", "plant", "generator")),
    "health": (
        "PA",
        lambda t: (
            among("amenity", "hospital", "clinic", "doctors")(t)
            or among("healthcare", "hospital", "clinic", "centre", "doctor")(t)
        ),
    ),
    "school": ("PA", among("amenity", "school", "kindergarten", "college", "university")),
    "toilets": ("PA", among("amenity", "toilets")),
    "water_body": (
        "A",
        lambda t: (
            among("natural", "water", "wetland")(t)
            or among("waterway", "riverbank")(t)
            or among("landuse", "reservoir", "basin")(t)
        ),
    ),
    "landuse": ("A", lambda t: t.get("landuse", "construction") != "construction"),
    "protected": (
        "A",
        lambda t: (
            among("boundary", "protected_area", "national_park")(t)
            or among("leisure", "nature_reserve")(t)
        ),
    ),
    "railway": ("L", among("railway", "rail", "light_rail", "tram", "narrow_gauge", "preserved")),
    "lighting": ("P", among("highway", "street_lamp")),
    "barriers": ("P", lambda t: t.get("barrier", "no") != "no"),
    "signals": ("P", among("highway", "traffic_signals")),
}

# Objects that one reader has and the other has not, each with its reason (docs/osm.md).
EXPLAINED = {
    "liechtenstein_20130803": {
        # tagged as a street and as a car park: GDAL takes the polygon, we take both
        "roads_drive": {("way", 3164)},
        "roads_walk": {("way", 3164)},
        # multipolygons of before 2017 with their tags on the outer way: GDAL moves the tags
        "building": {("relation", 71), ("way", 2530)},
        "landuse": {("way", 246), ("relation", 5)},
    },
}


CITIES = (
    "monaco-mc/monaco_20250211",
    "liechtenstein-li/liechtenstein_20240304",
    "liechtenstein-li/liechtenstein_20130803",
)


@pytest.fixture(scope="module", params=CITIES)
def both(
    request: pytest.FixtureRequest, test_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, City, OsmExtract, dict[str, gpd.GeoDataFrame]]:
    import pyogrio

    path = test_data / f"{request.param}.osm.pbf"
    box, _ = read_header(path)
    assert box is not None
    city = make_city(path.name, box)
    ours = read_osm(path, area=box, crs=city.crs)
    conf = tmp_path_factory.mktemp("gdal") / "osmconf.ini"
    conf.write_text(CONF.format(keys=POLYGON_KEYS))
    pyogrio.set_gdal_config_options({"OSM_CONFIG_FILE": str(conf)})
    try:
        theirs = {
            code: pyogrio.read_dataframe(path, layer=layer, on_invalid="fix")
            for code, layer in (("P", "points"), ("L", "lines"), ("A", "multipolygons"))
        }
    finally:
        pyogrio.set_gdal_config_options({"OSM_CONFIG_FILE": None})
    return path.name.removesuffix(".osm.pbf"), city, ours, theirs


GEOD = Geod(ellps="WGS84")


def geodesic_m2(geometry: Any) -> float:
    """Area on the ellipsoid."""
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon"]
    return sum(
        abs(GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(p))[0]) for p in parts
    )


def geodesic_gap_m(one: Any, other: Any) -> float:
    """Metres on the ellipsoid between the nearest points of two outlines."""
    a, b = shapely.ops.nearest_points(one, other)
    return float(GEOD.inv(a.x, a.y, b.x, b.y)[2])


def by_gdal(
    layer: str, theirs: dict[str, gpd.GeoDataFrame], box: Any
) -> tuple[set[tuple[str, int]], float, dict[tuple[str, int], Any]]:
    """Ids, km of lines, and id -> outline of what lies in the box."""
    kinds, holds = FILTERS[layer]
    ids: set[tuple[str, int]] = set()
    length = 0.0
    areas: dict[tuple[str, int], Any] = {}
    for code in kinds:
        frame = theirs[code]
        keep = [
            holds(tags or {}) and not any((tags or {}).get(k) == "yes" for k in UNUSED)
            for tags in frame["all_tags"]
        ]
        kept = frame[keep]
        kept = kept[kept.intersects(box)]
        cut = shapely.intersection(shapely.make_valid(kept.geometry.to_numpy()), box)
        if code == "A":
            ways = kept["osm_way_id"] if "osm_way_id" in kept else [None] * len(kept)
            for way, relation, shape in zip(ways, kept["osm_id"], cut, strict=True):
                key = ("way", int(way)) if isinstance(way, str) else ("relation", int(relation))
                ids.add(key)
                areas[key] = shape
        else:
            ids |= {("node" if code == "P" else "way", int(i)) for i in kept["osm_id"]}
            length += sum(GEOD.geometry_length(g) for g in cut) if code == "L" else 0
    return ids, length / 1000, areas


def test_agrees_with_gdal(both: Any) -> None:
    name, city, ours, theirs = both
    table = inventory(ours.layers, city, extract_date=ours.date).set_index("layer")
    for layer in FILTERS:
        ids, length_km, areas = by_gdal(layer, theirs, city.boundary)
        found = ours.layers[layer]
        mine = set(zip(found["osm_type"], found["osm_id"].map(int), strict=True))
        explained = EXPLAINED.get(name, {}).get(layer, set())
        # nodes and buildings that we merged into the grounds of the same facility, or with a building
        # beside them (20 m), are the other difference
        assert len(ids - mine - explained) == ours.merged[layer], (layer, ids - mine)
        assert not mine - ids - explained, (layer, mine - ids)
        row: Any = table.loc[layer]
        assert row["count"] + ours.merged[layer] == pytest.approx(len(ids), rel=0.005, abs=1)
        if "L" in FILTERS[layer][0]:
            assert row["length_km"] == pytest.approx(length_km, rel=0.005), layer
        if "A" in FILTERS[layer][0] and not explained:
            kept = [shape for key, shape in areas.items() if key in mine]
            for key in areas.keys() - mine:
                on = max(shapely.area(shapely.intersection(areas[key], kept)))
                beside = min(geodesic_gap_m(areas[key], a) for k, a in areas.items() if k != key)
                assert on > areas[key].area / 2 or beside <= 20, (layer, key)
            area_ha = sum(geodesic_m2(shape) for shape in kept) / 10_000
            assert row["area_ha"] == pytest.approx(area_ha, rel=0.005, abs=0.001), layer


def test_real_cities_hold_what_they_are_known_to_hold(both: Any) -> None:
    name, _, ours, _ = both
    assert ours.date.startswith({"monaco_20250211": "2025-02-11"}.get(name, name.split("_")[1][:4]))
    if name != "monaco_20250211":
        villages = set(ours.layers["place"]["name"])
        assert {"Vaduz", "Schaan", "Triesen", "Balzers", "Eschen"} <= villages
    roads = ours.layers["roads_drive"]
    counts = shapely.get_num_coordinates(roads.geometry.to_numpy())
    assert [len(ids) for ids in roads["node_ids"]] == counts.tolist()
    for layer, frame in ours.layers.items():
        assert frame.geometry.is_valid.all(), layer
        assert CRS(frame.crs) == CRS(32632)
        keys = {key for tags in frame["tags"] for key in tags}
        assert not keys & {"user", "uid", "changeset", "created_by"}
