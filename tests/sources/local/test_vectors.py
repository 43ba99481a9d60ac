"""Vector files as people bring them: layers, collections, names, voltages, places; and none opens another."""

from __future__ import annotations

import http.server
import io
import json
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import CRS

from kcity_geo.city import City, make_city
from kcity_geo.errors import KCityError, KCityWarning, SourceError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local import opening
from kcity_geo.sources.local.ownlayers import read_own_layer
from kcity_geo.sources.local.vectors import (
    read_boundary,
    read_polygons,
    read_power_lines,
    read_vector,
    told_elsewhere,
)
from kcity_geo.sources.local.voltages import voltage_column, volts_of_column

HERE = shapely.box(9.0, 0.0, 9.1, 0.1)
NORTH, SOUTH = shapely.box(9.0, 0.05, 9.1, 0.1), shapely.box(9.0, 0.0, 9.1, 0.05)
LINE = shapely.LineString([(9.01, 0.01), (9.05, 0.01)])
POINT = shapely.Point(9.02, 0.02)


def write(path: Path, shapes: list[Any], **columns: list[Any]) -> Path:
    """Write a file; a layer of a GeoPackage is named after a #."""
    file, _, layer = path.name.partition("#")
    frame = gpd.GeoDataFrame(columns or {"n": range(len(shapes))}, geometry=shapes, crs=4326)
    path = path.with_name(file)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(
            path, **({"layer": layer, "mode": "a" if path.exists() else "w"} if layer else {})
        )
    return path


def geojson(path: Path, *geometries: dict[str, Any] | None, **properties: Any) -> Path:
    features = [
        {"type": "Feature", "properties": properties, "geometry": geometry}
        for geometry in geometries
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def kml(path: Path, folders: dict[str, list[str]]) -> Path:
    inner = "".join(
        f"<Folder><name>{name}</name>{''.join(f'<Placemark>{shape}</Placemark>' for shape in shapes)}</Folder>"
        for name, shapes in folders.items()
    )
    path.write_text(
        f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inner}</Document></kml>'
    )
    return path


KML_LINE = "<LineString><coordinates>9.01,0.01 9.05,0.01</coordinates></LineString>"
KML_POINT = "<Point><coordinates>9.02,0.02</coordinates></Point>"
KML_BOX = (
    "<Polygon><outerBoundaryIs><LinearRing><coordinates>9,0 9.1,0 9.1,0.1 9,0.1 9,0</coordinates>"
    "</LinearRing></outerBoundaryIs></Polygon>"
)


# --- layers -----------------------------------------------------------------------------------------


def test_every_layer_of_lines_is_read_and_told(tmp_path: Path) -> None:
    write(tmp_path / "l.gpkg#hv", [LINE], voltage=["132 kV"])
    write(tmp_path / "l.gpkg#mv", [LINE, LINE], voltage=["33 kV", "33 kV"])
    write(tmp_path / "l.gpkg#poles", [POINT])
    with muted(), collected() as notes:
        lines = read_power_lines(tmp_path / "l.gpkg")
    assert sorted(lines["voltage_v"]) == [33_000, 33_000, 132_000]
    assert any("2 layers were read together (hv, mv)" in text for text in notes)


@pytest.mark.parametrize(
    ("folders", "lines"),
    [
        ({"132 kV": [KML_LINE], "33 kV": [KML_LINE, KML_LINE]}, 3),
        ({"Poles": [KML_POINT], "33 kV": [KML_LINE]}, 1),
        ({"empty": [], "33 kV": [KML_LINE]}, 1),
        ({"mixed": [KML_POINT, KML_LINE]}, 1),
        ({"a": [f"<MultiGeometry>{KML_LINE}{KML_POINT}</MultiGeometry>"]}, 1),
        ({"a": [KML_BOX], "b": [KML_LINE], "c": [KML_LINE]}, 2),
    ],
)
def test_folders_of_a_kml_are_layers(
    tmp_path: Path, folders: dict[str, list[str]], lines: int
) -> None:
    with muted():
        assert len(read_power_lines(kml(tmp_path / "l.kml", folders))) == lines


def test_a_kmz_is_a_kml(tmp_path: Path) -> None:
    inner = kml(tmp_path / "doc.kml", {"a": [KML_BOX]})
    with zipfile.ZipFile(tmp_path / "b.kmz", "w") as archive:
        archive.write(inner, "doc.kml")
    assert read_boundary(tmp_path / "b.kmz").equals(HERE)


def several(tmp_path: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        write(tmp_path / f"c.gpkg#{name}", [shapely.box(9, 0, 9.01 + i / 100, 0.01)])
    return tmp_path / "c.gpkg"


@pytest.mark.parametrize(
    ("names", "part", "width"),
    [
        (("buildings", "city_boundary"), "", 0.02),
        (("boundary", "districts", "sites"), "", 0.01),
        (("Buildings", "Boundary"), "", 0.02),
        (("one", "two"), "#two", 0.02),
        (("one", "two", "three"), "#three", 0.03),
    ],
)
def test_of_several_layers_the_one_that_is_meant_is_the_boundary(
    tmp_path: Path, names: tuple[str, ...], part: str, width: float
) -> None:
    path = several(tmp_path, *names)
    with muted():
        shape = read_boundary(path.with_name(path.name + part))
    assert shape.bounds[2] - shape.bounds[0] == pytest.approx(width)


def test_several_layers_of_which_any_may_be_meant_are_refused_with_the_mend(tmp_path: Path) -> None:
    path = several(tmp_path, "one", "two")
    with pytest.raises(SourceError, match=r"2 layers that fit \(one, two\).* as c.gpkg#one$"):
        read_polygons(path, key="city.districts")
    with pytest.raises(SourceError, match="no layer 'three'; it has one, two"):
        read_polygons(path.with_name("c.gpkg#three"), key="city.districts")


def test_geoparquet_with_any_geometry_column(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["A"], "geom": [HERE]}, geometry="geom", crs=4326)
    frame.to_parquet(tmp_path / "one.parquet")
    assert read_boundary(tmp_path / "one.parquet").equals(HERE)
    two = frame.assign(middle=gpd.GeoSeries([POINT], crs=4326)).set_geometry("middle")
    two.to_parquet(tmp_path / "two.parquet")
    assert read_boundary(tmp_path / "two.parquet").equals(HERE)
    named = read_vector(tmp_path / "two.parquet#middle", key="x")
    assert named.geom_type.tolist() == ["Point"]


# --- collections ------------------------------------------------------------------------------------

POLYGON: dict[str, Any] = json.loads(shapely.to_geojson(NORTH))
LINES: dict[str, Any] = json.loads(shapely.to_geojson(LINE))
POINTS: dict[str, Any] = json.loads(shapely.to_geojson(POINT))


def collection(*members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "GeometryCollection", "geometries": list(members)}


@pytest.mark.parametrize(
    ("geometry", "polygons", "lines"),
    [
        (collection(POLYGON, POINTS), 1, 0),
        (collection(POLYGON, LINES), 1, 1),
        (collection(LINES, POINTS), 0, 1),
        (collection(collection(POLYGON), POINTS), 1, 0),
        (collection(json.loads(shapely.to_geojson(shapely.MultiPolygon([NORTH])))), 1, 0),
        (collection(LINES, LINES), 0, 1),
        (collection(POINTS), 0, 0),
    ],
)
def test_polygons_and_lines_inside_collections_count(
    tmp_path: Path, geometry: dict[str, Any], polygons: int, lines: int
) -> None:
    """Beside one polygon and one line, a feature counts once with the parts that are wanted."""
    path = geojson(tmp_path / "c.geojson", geometry, POLYGON, LINES)
    with muted():
        found, found_lines = read_polygons(path, key="x"), read_power_lines(path)
    assert len(found) == 1 + polygons
    assert len(found_lines) == 1 + lines
    assert set(found.geom_type) <= {"Polygon", "MultiPolygon"}
    assert set(found_lines.geom_type) <= {"LineString", "MultiLineString"}


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    path = geojson(tmp_path / "c.geojson", POLYGON, POINTS, None, LINES)
    with muted(), collected() as notes:
        read_polygons(path, key="x")
    assert notes == [
        "x: c.geojson: of 4 features 1 without a geometry and 2 that are no polygon were left out"
    ]


def test_a_campus_of_two_polygons_and_a_point_is_no_three_hospitals(tmp_path: Path) -> None:
    both = collection(POLYGON, POINTS)
    path = geojson(tmp_path / "h.geojson", both)
    with muted():
        own, _ = read_own_layer(path, "health", key="x", area=HERE, crs=CRS(32632))
    assert own.geom_type.tolist() == ["Polygon"]


# --- names ------------------------------------------------------------------------------------------


def shapefile(folder: Path, encoding: str, names: list[str], *, cpg: bool = False) -> Path:
    """Write a shapefile that says nothing of its encoding."""
    boxes = [shapely.box(9 + i / 100, 0, 9.01 + i / 100, 0.1) for i in range(len(names))]
    frame = gpd.GeoDataFrame(
        {"district_i": range(1, len(names) + 1), "name": names}, geometry=boxes, crs=4326
    )
    frame.to_file(folder / "d.shp", encoding=encoding)
    raw = bytearray((folder / "d.dbf").read_bytes())
    raw[29] = 0
    (folder / "d.dbf").write_bytes(bytes(raw))
    if not cpg:
        (folder / "d.cpg").unlink(missing_ok=True)
    return folder / "d.shp"


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("CP949", ["북구", "중구", "남구"]),
        ("CP949", ["해운대구", "Jung-gu", "강서구(江西區)"]),
        ("UTF-8", ["북구", "중구"]),
        ("UTF-8", ["Ávila", "Zürich", "Łódź"]),
        ("ISO-8859-1", ["Ávila", "Zürich", "Besançon"]),
        ("ISO-8859-1", ["Ávila"]),
        ("ISO-8859-1", ["Ibagué", "Bogotá"]),
        ("UTF-8", ["plain", "ASCII"]),
    ],
)
def test_names_of_a_shapefile_without_cpg(tmp_path: Path, encoding: str, names: list[str]) -> None:
    path = shapefile(tmp_path, encoding, names)
    with muted(), collected() as notes:
        frame = read_polygons(path, key="city.districts")
    assert frame["name"].tolist() == names
    assert any("encoding" in text for text in notes) == (encoding != "UTF-8")


@pytest.mark.parametrize(
    ("encoding", "names", "width", "read"),
    [
        ("UTF-8", ["Łódź", "Besançé"], 8, ["Łódź", "Besanç"]),  # its last letter is cut in two
        ("CP949", ["북구", "해운대구", "x강서"], 4, ["북구", "해운", "x강"]),
        ("ISO-8859-1", ["Ibagué", "Bogotá"], 6, ["Ibagué", "Bogotá"]),  # fields as long as names
    ],
)
def test_names_that_fill_their_field(
    tmp_path: Path, encoding: str, names: list[str], width: int, read: list[str]
) -> None:
    head = bytes([3, 124, 1, 1]) + struct.pack("<IHH", len(names), 65, 1 + width) + bytes(20)
    field = b"name".ljust(11, b"\0") + b"C" + bytes(4) + bytes([width, 0]) + bytes(14)
    rows = b"".join(b" " + name.encode(encoding)[:width].ljust(width) for name in names)
    path = shapefile(tmp_path, "UTF-8", names)
    (tmp_path / "d.dbf").write_bytes(head + field + b"\r" + rows + b"\x1a")
    with muted():
        assert read_polygons(path, key="city.districts")["name"].tolist() == read
        (tmp_path / "d.cpg").write_text(encoding)
        assert read_polygons(path, key="city.districts")["name"].tolist() == read


def test_a_shapefile_that_was_copied_in_part_says_what_is_missing(tmp_path: Path) -> None:
    path = shapefile(tmp_path, "UTF-8", ["North", "South"])
    (tmp_path / "d.dbf").unlink()
    with pytest.warns(KCityWarning, match=r"copy d\.dbf beside it too"):
        frame = read_vector(path, key="city.districts", kinds=("polygon",))
    assert len(frame) == 2
    (tmp_path / "d.shx").unlink()
    with pytest.raises(SourceError, match=r"copy d\.shx"):
        read_vector(path, key="city.districts", kinds=("polygon",))


def test_a_declared_encoding_is_obeyed(tmp_path: Path) -> None:
    path = shapefile(tmp_path, "CP1251", ["Центр", "Север"], cpg=True)
    (tmp_path / "d.cpg").write_text("CP1251")
    assert read_polygons(path, key="x")["name"].tolist() == ["Центр", "Север"]


def city_of(frame: gpd.GeoDataFrame) -> City:
    return make_city("X", HERE, districts=frame)


@pytest.mark.parametrize(
    ("columns", "ids", "names"),
    [
        ({"district_i": ["1", "2"], "name": ["A", "B"]}, ["1", "2"], ["A", "B"]),
        (
            {
                "ADM2_EN": ["A", "B"],
                "ADM2_PCODE": ["X1", "X2"],
                "ADM1_EN": ["P", "P"],
                "ADM1_PCODE": ["X", "X"],
            },
            ["X1", "X2"],
            ["A", "B"],
        ),
        (
            {
                "GID_1": ["P", "P"],
                "NAME_1": ["P", "P"],
                "GID_2": ["P.1", "P.2"],
                "NAME_2": ["A", "B"],
            },
            ["P.1", "P.2"],
            ["A", "B"],
        ),
        ({"shapeName": ["A", "B"], "shapeID": ["7", "8"]}, ["7", "8"], ["A", "B"]),
        ({"osm": [1, 2], "name:en": ["A", "B"]}, ["d01", "d02"], ["A", "B"]),
        (
            {"SIG_CD": ["26110", "26140"], "SIG_KOR_NM": ["중구", "서구"]},
            ["26110", "26140"],
            ["중구", "서구"],
        ),
        ({"LAD22CD": ["E1", "E2"], "LAD22NM": ["A", "B"]}, ["E1", "E2"], ["A", "B"]),
        ({"AGS": ["01", "02"], "GEN": ["A", "B"]}, ["01", "02"], ["A", "B"]),
        ({"ID": [1.0, 2.0], "Name": ["A", "B"]}, ["1", "2"], ["A", "B"]),
    ],
)
def test_usual_columns_of_boundary_products(
    columns: dict[str, list[Any]], ids: list[str], names: list[str]
) -> None:
    frame = gpd.GeoDataFrame(columns, geometry=[NORTH, SOUTH], crs=4326)
    with muted():
        districts = city_of(frame).districts
    assert districts["district_id"].tolist() == ids
    assert districts["name"].tolist() == names


def test_a_file_without_a_column_of_names_says_so() -> None:
    frame = gpd.GeoDataFrame({"label": ["A", "B"]}, geometry=[NORTH, SOUTH], crs=4326)
    with muted(), collected() as notes:
        districts = city_of(frame).districts
    assert districts["name"].tolist() == ["District 1", "District 2"]
    assert any("no column of names among label" in text for text in notes)
    assert districts.attrs["numbered"], "check would count the numbers as names"


@pytest.mark.parametrize(
    ("ids", "shapes", "words"),
    [
        (["1", None], [NORTH, SOUTH], "row 2 has no district_id"),
        ([1.0, np.nan], [NORTH, SOUTH], "row 2 has no district_id"),
        (["", "2"], [NORTH, SOUTH], "row 1 has no district_id"),
        (["1", "1"], [NORTH, SOUTH], "'1' occurs more than once"),
        (["Gy\u0151r", "Gyo\u030br"], [NORTH, SOUTH], "occurs more than once"),
        (["1", "2"], [NORTH, NORTH], r"lie on one another \(A \(1\) and B \(2\) 61\.\d\d km2\)"),
        (["1", "2"], [HERE, SOUTH], "lie on one another"),
    ],
)
def test_ids_and_outlines_that_count_twice_or_not_are_refused(
    ids: list[Any], shapes: list[Any], words: str
) -> None:
    frame = gpd.GeoDataFrame({"district_id": ids, "name": ["A", "B"]}, geometry=shapes, crs=4326)
    with pytest.raises(KCityError, match=words):
        city_of(frame)


def test_some_common_land_is_told() -> None:
    more = shapely.box(9.0, 0.045, 9.1, 0.1)
    frame = gpd.GeoDataFrame(
        {"district_id": ["n", "s"], "name": ["N", "S"]}, geometry=[more, SOUTH], crs=4326
    )
    with muted(), collected() as notes:
        city_of(frame)
    # 0.1 x 0.005 degrees at the equator: 11.13 km x 0.553 km
    assert any("overlap (N (n) and S (s) 6.1" in text for text in notes)


def test_a_district_called_elsewhere_is_kept_apart_from_the_rest() -> None:
    frame = gpd.GeoDataFrame(
        {"district_id": ["elsewhere"], "name": ["E"]}, geometry=[NORTH], crs=4326
    )
    with muted(), collected() as notes:
        districts = city_of(frame).districts
    assert districts["district_id"].tolist() == ["elsewhere", "elsewhere (1)"]
    assert any("yours is called 'elsewhere (1)'" in text for text in notes)
    both = gpd.GeoDataFrame(
        {"district_id": ["1", "elsewhere"], "name": ["A", "elsewhere"]},
        geometry=[NORTH, SOUTH],
        crs=4326,
    )
    assert city_of(both).districts["district_id"].tolist() == ["1", "elsewhere"]


# --- voltages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "values", "volts"),
    [
        ("voltage", [33, 132], [33_000, 132_000]),
        ("voltage", ["33", "132"], [33_000, 132_000]),
        ("voltage", [11_000, 400], [11_000, 400]),
        ("voltage", ["33 kV", "400 V"], [33_000, 400]),
        ("voltage", ["33 kV", "11"], [33_000, 11_000]),
        ("voltage", [0.4, 11.0], [400, 11_000]),
        ("voltage", [230, 690, 33_000, 132_000], [230, 690, 33_000, 132_000]),
        ("voltage_v", [110, 33_000], [110, 33_000]),
        ("voltage_kV", [10, 110], [10_000, 110_000]),
        ("KV", [220, 400], [220_000, 400_000]),
        ("voltage_v", [230, 400], [230, 400]),
        ("Voltage", ["110/33", "33"], [110_000, 33_000]),
        ("voltage", ["110000;33000"], [110_000]),
    ],
)
def test_kilovolts_are_told_from_volts(
    tmp_path: Path, column: str, values: list[Any], volts: list[float]
) -> None:
    path = write(tmp_path / "l.geojson", [LINE] * len(values), **{column: values})
    with muted():
        assert read_power_lines(path)["voltage_v"].tolist() == pytest.approx(volts)


@pytest.mark.parametrize(
    "values", [[220, 400], [110], [33, 33_000], [100.0, 1200.0], [110, 33_000], [110, 220, 11_000]]
)
def test_what_may_be_both_is_refused(tmp_path: Path, values: list[float]) -> None:
    path = write(tmp_path / "l.geojson", [LINE] * len(values), voltage=values)
    with pytest.raises(SourceError, match="voltage_kv or voltage_v"):
        read_power_lines(path)


def test_a_line_without_a_voltage_is_still_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "l.geojson", [LINE, LINE], owner=["a", "b"])
    with muted(), collected() as notes:
        lines = read_power_lines(path)
    assert len(lines) == 2
    assert lines["voltage_v"].isna().all()
    assert any("no column voltage" in text for text in notes)


@pytest.mark.parametrize(("layer", "factor"), [("substation", 1000.0), ("power_line", 1000.0)])
def test_own_layers_tell_them_apart_too(tmp_path: Path, layer: str, factor: float) -> None:
    shape = POINT if layer == "substation" else LINE
    path = write(tmp_path / "s.geojson", [shape], voltage=[33])
    with muted():
        own, _ = read_own_layer(path, layer, key="x", area=HERE, crs=CRS(32632))
    assert own["voltage_v"].tolist() == [33 * factor]


def test_columns_of_voltage() -> None:
    assert voltage_column(["a", "b"]) is None
    assert voltage_column(["voltage", "voltage_kv"]) == ("voltage_kv", 1000.0)
    assert volts_of_column(["", "yes"], column="voltage", factor=float("nan"), what="x") == [
        "",
        "yes",
    ]


# --- places -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ("9.05", "95", "feature 2: the coordinate 9.05, 95 is not on Earth"),
        ("9.05", "-90.5", "feature 2: .* is not on Earth"),
        ("NaN", "0.05", "feature 2: the coordinate nan, 0.05 is no place on Earth"),
        ("9.05", "NaN", "feature 2: .* is no place on Earth"),
        ("189.05", "0.05", "beyond the 180th meridian.* write -170.95"),
        ("500000", "0.05", "feature 2: .* is not on Earth"),
    ],
)
@pytest.mark.parametrize("kind", ["Polygon", "Point", "LineString"])
def test_a_corner_off_the_earth_is_refused_with_its_place(
    tmp_path: Path, x: str, y: str, words: str, kind: str
) -> None:
    corner = f"[{x}, {y}]"
    coordinates = {
        "Point": corner,
        "LineString": f"[[9, 0], {corner}]",
        "Polygon": f"[[[9, 0], [9.1, 0], {corner}, [9, 0]]]",
    }[kind]
    feature = '{{"type":"Feature","properties":{{}},"geometry":{{"type":"{}","coordinates":{}}}}}'
    good = feature.format("Point", "[9.05, 0.05]")
    path = tmp_path / "p.geojson"
    path.write_text(
        f'{{"type":"FeatureCollection","features":[{good},{feature.format(kind, coordinates)}]}}'
    )
    with pytest.raises(SourceError, match=words):
        read_vector(path, key="x")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "null"])
@pytest.mark.parametrize("lines", [False, True])
def test_a_corner_of_a_district_that_is_no_number_is_refused(
    tmp_path: Path, value: str, *, lines: bool
) -> None:
    """GDAL gives such a polygon up: the district would be missing with its people."""
    ring = "[[9.0, 0.0], [9.1, 0.0], [9.1, 0.1], [9.0, 0.0]]"
    features = [
        f'{{"type": "Feature", "properties": {{}}, "geometry": {{"type": "Polygon", "coordinates": [{r}]}}}}'
        for r in (ring, ring.replace("9.0, 0.0", f"{value}, 0.0"))
    ]
    path = tmp_path / "d.geojson"
    whole = f'{{"type": "FeatureCollection", "features": [{", ".join(features)}]}}'
    path.write_text("\n".join(features) if lines else whole)
    with pytest.raises(SourceError, match=r"feature 2: .*(no number|must be a number|no place)"):
        read_vector(path, key="city.districts", kinds=("polygon",))


def test_a_metric_file_off_its_projection_is_refused(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(5e5, 1e5), shapely.Point(5e9, 1e5)], crs=32632)
    frame.to_file(tmp_path / "m.gpkg")
    with pytest.raises(SourceError, match=r"feature 2: the coordinate 5e\+09, 100000"):
        read_vector(tmp_path / "m.gpkg", key="x")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (shapely.box(179.9, -17, 180.1, -16.9), "180th meridian"),
        (
            shapely.MultiPolygon(
                [shapely.box(179.9, -17, 180, -16.9), shapely.box(-180, -17, -179.9, -16.9)]
            ),
            "180th meridian",
        ),
        (shapely.box(-180.2, -17, -179.9, -16.9), "180th meridian"),
        (shapely.box(190, -17, 190.1, -16.9), "write -170 to -169.9"),
        (shapely.box(-179.9, -17, 179.9, -16.9), "180th meridian"),
    ],
)
def test_an_outline_across_the_date_line_is_refused_by_name(shape: Any, words: str) -> None:
    with pytest.raises(KCityError, match=words):
        make_city("Taveuni", shape)


@pytest.mark.parametrize("hole", [1, -1])
@pytest.mark.parametrize("ring", [1, -1])
def test_a_hole_is_taken_off_whichever_way_it_turns(hole: int, ring: int) -> None:
    inner = shapely.box(9.02, 0.02, 9.08, 0.08).exterior.coords[::hole]
    shape = shapely.Polygon(HERE.exterior.coords[::ring], [inner])
    whole, cut = make_city("X", HERE).area_km2, make_city("X", shapely.Polygon(inner)).area_km2
    assert make_city("X", shape).area_km2 == pytest.approx(whole - cut, rel=1e-9)


def test_rows_elsewhere_or_turned_round_are_counted() -> None:
    points = [POINT, shapely.Point(0.02, 9.02), shapely.Point(50, 50)]
    frame = gpd.GeoDataFrame(geometry=points, crs=4326)
    with muted(), collected() as notes:
        assert len(told_elsewhere(frame, HERE, what="x: y.csv")) == 1
    (text,) = notes
    assert text.startswith(
        "x: y.csv: 2 of 3 features lie outside the study area and were left out; 1 of them"
    )
    with pytest.raises(SourceError, match="1 of them would lie in it with lon and lat exchanged"):
        told_elsewhere(frame.iloc[[1]], HERE, what="x")
    with muted():
        assert told_elsewhere(frame.iloc[[2]], HERE, what="x", required=False).empty


# --- no file opens another ----------------------------------------------------------------------------


class _Counting(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - one server a test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps({"type": "FeatureCollection", "features": []}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name of the library

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    _Counting.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", _Counting.asked
        running.shutdown()


def vrt(url: str) -> str:
    return (
        f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/vsicurl/{url}/real.geojson</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )


CONTENTS: list[Callable[[str], str]] = [
    vrt,
    lambda url: "\n  " + vrt(url),
    lambda url: f"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>",
    lambda url: f'<?xml version="1.0"?><kml><!-- {vrt(url)} --><Document/></kml>',
    lambda url: f'{{"type":"FeatureCollection","features":[],"x":"{vrt(url)}"}}',
    lambda url: f'<!DOCTYPE kml [<!ENTITY x SYSTEM "{url}/x">]><kml><Document>&x;</Document></kml>',
    lambda url: (
        f"<kml><Document><NetworkLink><Link><href>{url}/a.kml</href></Link></NetworkLink></Document></kml>"
    ),
    lambda url: (
        f'<wfs:FeatureCollection xmlns:gml="http://www.opengis.net/gml" xsi:schemaLocation="a {url}/s.xsd"/>'
    ),
]


@pytest.mark.parametrize(
    "ending", [".geojson", ".json", ".gpkg", ".shp", ".kml", ".fgb", ".zip", ".kmz"]
)
@pytest.mark.parametrize("content", CONTENTS)
def test_no_file_opens_another_or_goes_online(
    tmp_path: Path, server: tuple[str, list[str]], ending: str, content: Callable[[str], str]
) -> None:
    url, asked = server
    path = tmp_path / f"a{ending}"
    if ending in {".zip", ".kmz"}:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.vrt", content(url))
            archive.writestr("b/a.geojson" if ending == ".zip" else "doc.kml", content(url))
    else:
        path.write_text(content(url))
    with muted(), pytest.raises(SourceError):
        read_vector(path, key="city.districts")
    assert asked == []


def test_the_way_to_the_network_is_shut_in_gdal_itself(
    tmp_path: Path, server: tuple[str, list[str]]
) -> None:
    """Even a file that got past the look at its first bytes would find no way out."""
    import pyogrio

    url, asked = server
    before = pyogrio.get_gdal_config_option("GDAL_HTTP_PROXY")
    (tmp_path / "a.vrt").write_text(vrt(url))
    with opening.without_network(), pytest.raises(Exception, match=r"."):
        pyogrio.read_dataframe(tmp_path / "a.vrt")
    raster = f"/vsicurl/{url}/a.tif"
    with opening.without_network(), pytest.raises(rasterio.errors.RasterioIOError):
        rasterio.open(raster)
    assert asked == []
    assert pyogrio.get_gdal_config_option("GDAL_HTTP_PROXY") == before


# --- damage -------------------------------------------------------------------------------------------


def test_a_zip_with_a_changed_byte_is_refused(tmp_path: Path) -> None:
    inner = write(tmp_path / "a.geojson", [HERE])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(inner, "a.geojson")
    raw = bytearray(buffer.getvalue())
    at = raw.index(b"9.1")
    raw[at + 2 : at + 3] = b"2"
    (tmp_path / "a.zip").write_bytes(bytes(raw))
    with pytest.raises(SourceError, match="CRC"):
        read_boundary(tmp_path / "a.zip")


def test_a_zip_of_shapefiles_has_them_as_layers(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, shape in (("DISTRICTS", NORTH), ("boundary", HERE)):
            write(tmp_path / f"{name}.shp", [shape])
            for part in ("shp", "shx", "dbf", "prj"):
                archive.write(tmp_path / f"{name}.{part}", f"deep/er/{name}.{part.upper()}")
    with muted():
        assert read_boundary(tmp_path / "a.zip").equals(HERE)
        assert read_polygons(tmp_path / "a.zip", key="city.districts").geometry[0].equals(NORTH)
        assert read_boundary(tmp_path / "a.zip#DISTRICTS").equals(NORTH)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_UNPACKED_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", " " * 1001)
    with pytest.raises(KCityError, match="unpacks to 1,001 bytes"):
        read_boundary(tmp_path / "a.zip")
