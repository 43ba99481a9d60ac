"""
Further members of the kinds of files that people bring, beside those of the tests of each reader.

Each row of the tables was made up to differ from the examples that the reader was built on. The members
before these are held in, kind by kind:

=====================  ==================================================================================
kind                   tests
=====================  ==================================================================================
raster declarations    sources/local/test_raster_declarations, test_flood_rasters, test_rasters
tables of offices      sources/local/test_tables, test_district_people, test_passed_objects
vector files           sources/local/test_vectors, test_own_layers, test_files, test_coordinates
OSM files              sources/osm/test_ordering, test_pbf, test_tags; analysis/evidence/test_filtered
walking and driving    analysis/network/test_graph, test_passing, test_ties; sources/osm/test_streets
timetables             sources/local/test_transit
Python objects         test_passed_objects, test_coordinates, analysis/network/test_labelled
hostile and broken     fuzz, sources/local/test_vectors, test_bad_input, outputs/test_out_hostile
study files            test_studyfile, test_study_types, fuzz/test_study_values
=====================  ==================================================================================
"""

from __future__ import annotations

import bz2
import json
import os
import warnings
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import rasterio
import shapely
import shapely.affinity
from pyproj import CRS
from rasterio.shutil import copy
from rasterio.transform import from_origin

from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.rules import directions, usable
from kcity_geo.city import make_city
from kcity_geo.cube import study_grid
from kcity_geo.errors import KCityError
from kcity_geo.inputs.official import load_tables
from kcity_geo.notes import collected, muted
from kcity_geo.settings import network_table
from kcity_geo.sources.local.raster_windows import read_window
from kcity_geo.sources.local.rasters import persons_from_polygons, read_raster
from kcity_geo.sources.local.tables import read_district_people, read_official_table
from kcity_geo.sources.local.vectors import read_boundary, read_power_lines
from kcity_geo.sources.osm.pbf import read_osm
from kcity_geo.sources.osm.tags import speed_kmh
from kcity_geo.studyfile import check_study, resolve_path

BOX = shapely.box(28.0, -30.0, 28.05, -29.96)
CITY = make_city("Here", BOX)
SHAPE = (140, 160)
WEST = np.broadcast_to(np.arange(SHAPE[1]) < 80, SHAPE)


def raster(path, values, *, unit="", scale=1.0, offset=0.0, nodata=None, place=None, **tags):
    stack = values[None] if values.ndim == 2 else values
    with (
        warnings.catch_warnings(action="ignore"),
        rasterio.open(
            path, "w", driver="GTiff", height=stack.shape[1], width=stack.shape[2], count=len(stack),
            dtype=stack.dtype, crs="EPSG:4326", nodata=nodata,
            transform=place or from_origin(27.95, -29.91, 0.001, 0.001),
        ) as out,
    ):  # fmt: skip
        out.write(stack)
        out.scales, out.offsets = [scale] * len(stack), [offset] * len(stack)
        if unit:
            out.units = [unit] * len(stack)
        out.update_tags(**tags)
    return path


def heights(path):
    with muted():
        found = read_window(path, key="elevation", city=CITY).values
    return found[5, 2], found[5, -3]


@pytest.mark.parametrize(
    ("west", "east", "dtype", "declared", "right"),
    [
        (10_000, 20_000, "int32", {"unit": "mm", "offset": 500.0}, (10.5, 20.5)),
        (-100, -200, "int16", {"scale": -1.0}, (100, 200)),
        (5, 6, "uint8", {"AREA_OR_POINT": "Point"}, (5, 6)),
        (1000, 65_535, "uint16", {"unit": "dm", "nodata": 65_535}, (100, np.nan)),
        (1.5, np.nan, "float64", {"unit": "km", "scale": 0.1}, (150, np.nan)),
        (0, 1, "int16", {"nodata": 0, "offset": 7.0}, (np.nan, 8)),
    ],
)
def test_heights(tmp_path, west, east, dtype, declared, right):
    path = raster(tmp_path / "d.tif", np.where(WEST, west, east).astype(dtype), **declared)
    np.testing.assert_allclose(heights(path), right, rtol=1e-6)


def test_a_band_with_nodata_of_its_own_and_a_zip_of_macos(tmp_path):
    path = raster(
        tmp_path / "d.tif",
        np.stack([np.full(SHAPE, 5), np.where(WEST, 7, 9)]).astype("int16"),
        nodata=9,
    )
    np.testing.assert_allclose(heights(tmp_path / "d.tif#band=2"), (7, np.nan))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(path, "tiles/dem.tif")
        archive.writestr("__MACOSX/tiles/._dem.tif", b"\0\5\x16\7")
        archive.writestr("tiles/._dem.tif", b"\0\5\x16\7")
        archive.writestr("readme.txt", "heights")
    np.testing.assert_allclose(heights(tmp_path / "z.zip#band=2"), (7, np.nan))


@pytest.mark.parametrize(
    ("stored", "dtype", "unit", "scale", "driver"),
    [
        (50_000, "uint16", "persons per km2", 0.1, "COG"),
        (5000, "float32", "people per sq. km", 1.0, "GTiff"),
        (50, "uint8", "persons/ha", 1.0, "COG"),
        (5, "int16", "people/km²", 1000.0, "GTiff"),
    ],
)
def test_densities_of_people(tmp_path, stored, dtype, unit, scale, driver):
    path = raster(tmp_path / "p.tif", np.full(SHAPE, stored, dtype), unit=unit, scale=scale)
    copy(path, tmp_path / "c.tif", driver=driver)
    with muted():
        persons, _ = read_raster(
            tmp_path / "c.tif", key="population", city=CITY, grid=study_grid(CITY, cell_m=250)
        )
    assert float(persons.sum()) == pytest.approx(5000 * CITY.area_km2, rel=2e-3)


@pytest.mark.parametrize(
    ("key", "stored", "unit", "factor", "words"),
    [
        ("built", 35, "", None, "at most 35 m2 in a pixel about 103 m wide and declares no unit; is it a share"),
        ("built", 0.35, "", None, "at most 0.35 m2"),
        ("built", 100, "%", 10_700, ""),
        ("built", 0.5, "share", 5_350, ""),
        ("built", 35, "m2", 35, ""),
        ("built", 101, "", 101, ""),
        ("built", 0, "", 0, ""),
        ("flood", 1, "", None, "holds only 1 where it is above 0 and declares no unit: is it a mask"),
        ("flood", 6.5, "", 6.5, ""),
        ("flood", 999, "", None, "usually permanent water"),
        ("flood", -9999, "", np.nan, ""),
        ("flood_return_period", 3, "", None, "is it a mask, or classes"),
        ("flood_return_period", 10, "", 10, ""),
        ("nightlights", 5e-9, "", None, "less than any light, .*is it W/cm2/sr"),
        ("nightlights", 5e-9, "W/cm2/sr", 5, ""),
        ("nightlights", 7, "", None, "no radiance"),
        ("nightlights", 7.5, "", 7.5, ""),
        ("population", 65535, "", None, "in one pixel .usually no data of 16 bits"),
        ("flood", 120, "", None, "more than 120 m under water and declares no unit; are they centimetres"),
        ("flood", 120, "cm", 1.2, ""),
        ("flood", 16, "m", 16, ""),
        ("flood", 14, "", 14, ""),
    ],
)  # fmt: skip
def test_numbers_of_another_unit_without_a_unit(tmp_path, key, stored, unit, factor, words):
    path = raster(tmp_path / "x.tif", np.full(SHAPE, stored, "float32"), unit=unit)
    if factor is None:
        with pytest.raises(KCityError, match=words):
            read_window(path, key=key, city=CITY)
        return
    with muted():
        found = read_window(path, key=key, city=CITY).values
    np.testing.assert_allclose(found, factor, rtol=1e-3)


@pytest.mark.parametrize("step", [0.00002, 0.00005, 1 / 12000])
def test_a_mask_of_built_up_land_is_no_square_metre(tmp_path, step):
    """Pixels of 4, 27 and 74 m2."""
    place = from_origin(28.0, -29.96, step, step)
    city = make_city("Here", shapely.box(28.0, -29.963, 28.003, -29.96))
    size = round(0.003 / step)
    values = np.zeros((size, size), "uint8")
    values[:, : size // 2] = 1
    path = raster(tmp_path / "mask.tif", values, place=place)
    with pytest.raises(KCityError, match="a mask of 0 and 1"):
        read_window(path, key="built", city=city)
    path = raster(tmp_path / "mask.tif", values, place=place, unit="share")
    with muted():
        found = float(np.nansum(read_window(path, key="built", city=city).values))
    assert found == pytest.approx(city.area_km2 * 1e6 / 2, rel=2e-2)


@pytest.mark.parametrize(
    ("value", "told", "words"),
    [
        (2, {"TIFFTAG_IMAGEDESCRIPTION": "Population in thousands"}, "says 'in thousands', and the band declares no unit"),
        (2, {"TIFFTAG_IMAGEDESCRIPTION": "Population of Thousand Oaks, 1000 m"}, ""),
        (0.002, {}, "which is no city; are they thousands.*-units 'thousands of persons'"),
        (0.002, {"unit": "persons"}, ""),
        (0, {}, ""),
    ],
)  # fmt: skip
def test_people_in_thousands(tmp_path, value, told, words):
    path = raster(tmp_path / "p.tif", np.full(SHAPE, value, "float32"), **told)
    grid = study_grid(CITY, cell_m=500)
    if words:
        with pytest.raises(KCityError, match=words):
            read_raster(path, key="population", city=CITY, grid=grid)
        return
    with muted():
        people, _ = read_raster(path, key="population", city=CITY, grid=grid)
    assert float(people.sum()) == pytest.approx(2000 * value, rel=1e-3)


def test_a_village_in_empty_land_is_no_city_in_thousands(tmp_path):
    """300 people in one pixel of 1.07 hectares, on 21 km2."""
    values = np.zeros(SHAPE, "float32")
    values[65, 65] = 300
    path = raster(tmp_path / "p.tif", values)
    with muted():
        people, _ = read_raster(
            path, key="population", city=CITY, grid=study_grid(CITY, cell_m=500)
        )
    assert float(people.sum()) == pytest.approx(300)


def test_people_of_polygons_in_thousands():
    grid = study_grid(CITY, cell_m=500)
    halves = [shapely.box(28.0, -30.0, 28.025, -29.96), shapely.box(28.025, -30.0, 28.05, -29.96)]
    frame = gpd.GeoDataFrame({"population": [0.9, 0.8]}, geometry=halves, crs=4326)
    with muted(), pytest.raises(KCityError, match="1.7 persons on 21.4 km2, which is no city"):
        persons_from_polygons(frame, city=CITY, grid=grid)
    with muted():
        found = persons_from_polygons(frame.assign(population=[900, 800]), city=CITY, grid=grid)
    assert found[1]["total"] == pytest.approx(1700, rel=1e-3)


def test_a_tower_of_a_register_is_no_density(tmp_path):
    """400 people in a pixel of 10 m are 3.7 million a km2 there, and 160,000 over 50 m."""
    values = np.zeros((400, 500), "float32")
    values[52, 52] = 400
    values[10:300:5, 10:300:5] = 3
    path = raster(tmp_path / "r.tif", values, place=from_origin(28.0, -29.96, 1e-4, 1e-4))
    with muted():
        assert float(np.nanmax(read_window(path, key="population", city=CITY).values)) == 400


def test_minus_9999_of_people_is_no_data(tmp_path):
    path = raster(tmp_path / "p.tif", np.where(WEST, -9999, 2).astype("int32"))
    with muted(), collected() as told:
        values = read_window(path, key="population", city=CITY).values
    assert np.isnan(values[5, 2])
    assert values[5, -3] == 2
    assert "-9999" in " ".join(told)


def districts(*ids):
    edges = np.linspace(28.0, 28.05, len(ids) + 1)
    frame = gpd.GeoDataFrame(
        {"district_id": list(ids), "name": [f"N{i}" for i in ids]},
        geometry=[shapely.box(edges[i], -30.0, edges[i + 1], -29.96) for i in range(len(ids))],
        crs=4326,
    )
    return make_city("Here", BOX, districts=frame).districts


@pytest.mark.parametrize(
    "text",
    [
        "district_id,water_supply_m3_day\r08,1234.5\r09,2\r",  # line ends of old Macs
        '"district_id"\t"water_supply_m3_day"\n"08"\t"1 234,5"\n"09"\t"2"\n',
        "\ufeffDistrict_ID;Water_Supply_m3_day\r\n08;1234,5\r\n09;2\r\n\r\n",
        "district_id;water_supply_m3_day\n'08;1234,5\n'09;2\n",
        'district_id;water_supply_m3_day\n="08";1234,5\n="09";2\n',
        "sep=;\ndistrict_id;water_supply_m3_day;\n08;1.234,5;\n09;2;\n",
        "Table 3\n\ndistrict_id;water_supply_m3_day\n;m3/day\n08;1234,5\n09;2\nTotal;1236,5\nSource: us\n",
        "district_id;water_supply_m3_day\n08;1\u2009234,5\n09;2\n",
        ";Water 2024\ndistrict_id;\n;water_supply_m3_day\n08;1234,5\n09;2\n",
    ],
)
def test_tables(tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text.encode())
    with muted():
        table = read_official_table(tmp_path / "t.csv", districts=districts("08", "09"))
    assert table["water_supply_m3_day"].tolist() == [1234.5, 2]


def test_a_name_with_an_apostrophe_stays_a_name(tmp_path):
    (tmp_path / "t.csv").write_text("name;population\n's-Gravenhage;900\n'08;800\n")
    frame = districts("a", "b").assign(name=["'s-Gravenhage", "08"])
    with muted():
        assert read_district_people(tmp_path / "t.csv", districts=frame).tolist() == [900, 800]


@pytest.mark.parametrize("cell", ["12.5k", "~12500", "1,2500", "12500?", "1 2 500"])
def test_people_that_cannot_be_read_are_refused(tmp_path, cell):
    (tmp_path / "t.csv").write_text(f"district_id|population\n08|{cell}\n09|8000\n")
    with pytest.raises(KCityError, match=r"t.csv, population") as told:
        read_district_people(tmp_path / "t.csv", districts=districts("08", "09"))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("08;900\n09;800\nTotal;1700", "1 row(s) without a district"),
        ("08;900\n09;800\n합계;1.701", "1 row(s) without a district"),  # rounded
        ("08;900\n09;800\nTotal;2600", "add up to 1,700, the total of the table is 2,600"),
        ("Total;17\n08;900\n09;800", "add up to 1,700, the total of the table is 17"),
        ("08;900\nSubtotal;900\n09;800\nTotal;1700", "2 row(s) without a district"),
        ("08;900", "no number for 1 of 2 districts (09)"),
        ("08;900\n09;-", "no number for 1 of 2 districts (09)"),
    ],
)
def test_totals_and_districts_without_a_number(tmp_path, rows, words):
    (tmp_path / "t.csv").write_text(f"district_id;population\n{rows}\n", encoding="utf-8")
    with muted(), collected() as told:
        people = read_district_people(tmp_path / "t.csv", districts=districts("08", "09"))
    assert people["08"] == 900
    assert words in " ".join(told)
    assert ("add up to" in " ".join(told)) == ("add up to" in words)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("euc_jp", "東京都"), ("cp874", "บางกอก"), ("cp850", "München"), ("mac_roman", "Zürich"), ("koi8_r", "Центр")],
)  # fmt: skip
def test_names_in_more_encodings(tmp_path, encoding, name):
    (tmp_path / "t.csv").write_bytes(f"name;population\n{name};900\nN;800\n".encode(encoding))
    frame = districts("a", "b").assign(name=[name, "N"])
    with muted():
        assert read_district_people(tmp_path / "t.csv", districts=frame).tolist() == [900, 800]


@pytest.mark.parametrize(
    ("given", "mend"),
    [(98, "give 0.98"), (1.02, "nothing has more than all"), (2, "give 0.02"), (250, "1 or less")],
)
def test_a_share_above_all(given, mend):
    with pytest.raises(KCityError, match=mend):
        check_study({"official": {"electricity_access": given}}, folder=Path())


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"gtfs": []}, "sources.gtfs: .* names no file; leave the key out"),
        ({"gtfs": ["a.zip", " "]}, "sources.gtfs: .* names no file"),
        ({"gtfs": ["a.zip", "a.zip"]}, "sources.gtfs: .*'a.zip' is named twice"),
        ({"elevation": []}, "sources.elevation: .* names no file"),
        ({"elevation": ["d.tif", "d.tif"]}, "sources.elevation: .*'d.tif' is named twice"),
        ({"population": ""}, "sources.population: .* names no file"),
        ({"osm": " "}, "sources.osm: .* names no file"),
        ({"extra": {"health": ""}}, "sources.extra.health: .* names no file"),
    ],
)
def test_inputs_that_name_no_file_or_one_twice(sources, words):
    with pytest.raises(KCityError, match=words):
        check_study({"sources": sources}, folder=Path())


def test_a_forecast_of_the_past_is_refused():
    raw = {"study": {"horizon_year": 2020}, "official": {"year": 2025}}
    with pytest.raises(
        KCityError, match="study.horizon_year: 2020 lies before official.year, 2025"
    ):
        check_study(raw, folder=Path())


@pytest.mark.parametrize(
    ("key", "section"),
    [("sources.elevation", "sources"), ("sources.gtfs", "sources"), ("city.boundary", "city")],
)
def test_pipes_and_devices_are_no_inputs(tmp_path, key, section):
    """A pipe without a writer would be waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    name = key.partition(".")[2]
    study = check_study({section: {name: "pipe"}}, folder=tmp_path)
    with pytest.raises(KCityError, match=f"{key}: 'pipe' is a device or a pipe"):
        resolve_path(study, getattr(getattr(study, section), name), key=key)


@pytest.mark.parametrize(("persons", "fits"), [(1_000_000, True), (1_100_000, False)])
def test_residents_that_no_city_of_this_size_holds(persons, fits):
    """21.4 km2 hold 50,000 people each at most (`tables/rasters.toml`)."""
    study = check_study({"official": {"population": persons, "year": 2024}}, folder=Path())
    if fits:
        assert load_tables(study, CITY).value[0]["population"] == persons
    else:
        with pytest.raises(KCityError, match=r"official.population: Here adds up to 1,100,000"):
            load_tables(study, CITY)


def test_a_workbook_with_two_rows_of_headers_and_footnotes(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Population and water 2024"],
        [None],
        ["district_id", "water", None, "power"],
        [None, "water_supply_m3_day", "electricity_access", "peak_demand_mw"],
        [8, 1234.5, "98%", 3],
        [9, 2, 0.8, 4],
        ["Total", 1236.5, None, 7],
        ["Note: provisional"],
    ):
        sheet.append(row)
    sheet.merge_cells("B3:C3")
    sheet["A5"].number_format = sheet["A6"].number_format = "00"
    old = book.create_sheet("2014")
    old.append(["district_id", "water_supply_m3_day"])
    old.append(["08", 1])
    old.sheet_state = "hidden"
    book.save(tmp_path / "x.xlsx")
    with muted(), collected() as told:
        table = read_official_table(tmp_path / "x.xlsx", districts=districts("08", "09"))
    assert table["water_supply_m3_day"].tolist() == [1234.5, 2]
    assert table["electricity_access"].tolist() == [0.98, 0.8]
    assert table["peak_demand_mw"].tolist() == [3, 4]
    assert any("zeros in front" in text for text in told)


def feature_collection(shape, name):
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": json.loads(shapely.to_geojson(shape)),
    }
    crs = {"type": "name", "properties": {"name": name}}
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]})


KML = """<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>o</name>
<Folder><name>i</name><Placemark><MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>
28,-30 28.05,-30 28.05,-29.96 28,-29.96 28,-30</coordinates></LinearRing></outerBoundaryIs></Polygon>
</MultiGeometry></Placemark></Folder></Folder></Document></kml>"""


def kml_in_a_zip(path):
    with zipfile.ZipFile(path / "b.zip", "w") as archive:
        archive.writestr("in/b.kml", KML)
        archive.writestr("__MACOSX/in/._b.kml", "x")
    return path / "b.zip"


def two_geometry_columns(path):
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=[BOX], crs=4326)
    frame["centre"] = gpd.GeoSeries([BOX.centroid], crs=4326).to_crs(3857)
    frame.set_geometry("centre").to_parquet(path / "b.parquet")
    return path / "b.parquet"


def text_file(name, text):
    def made(path):
        (path / name).write_text(text, encoding="utf-8")
        return path / name

    return made


MERCATOR = gpd.GeoSeries([BOX], crs=4326).to_crs(3857).iloc[0]
NESTED = shapely.GeometryCollection(
    [shapely.GeometryCollection([BOX, shapely.Point(28, -30)]), BOX.exterior]
)


@pytest.mark.parametrize(
    "maker",
    [
        kml_in_a_zip,
        two_geometry_columns,
        text_file("b.kml", KML),
        text_file("B.GEOJSON", shapely.to_geojson(BOX)),
        text_file("bom.geojson", "\ufeff" + shapely.to_geojson(shapely.force_3d(BOX, 5))),
        text_file("m.geojson", feature_collection(MERCATOR, "urn:ogc:def:crs:EPSG::3857")),
        text_file("m.json", feature_collection(MERCATOR, "EPSG:3857")),
        text_file("c.geojson", feature_collection(BOX, "urn:ogc:def:crs:OGC:1.3:CRS84")),
        text_file("n.geojson", feature_collection(NESTED, "EPSG:4326")),
    ],
)
def test_outlines(tmp_path, maker):
    with muted():
        found = read_boundary(maker(tmp_path))
    assert not found.has_z
    assert found.symmetric_difference(BOX).area < 1e-9


@pytest.mark.parametrize(
    ("written", "right"),
    [
        (["33 kV", "11kV", "400 V"], [33_000, 11_000, 400]),
        (["33000/11000", "11000", "400"], [33_000, 11_000, 400]),
        (["0.4 kV", "33,0 kV", "1.1e4"], [400, 33_000, 11_000]),
        (["132/33 kV", "33 KV", "33 000 V"], [132_000, 33_000, 33_000]),
        (["110kV;20kV", "66kv", "11 kV"], [110_000, 66_000, 11_000]),
    ],
)
def test_voltages(tmp_path, written, right):
    line = shapely.LineString([(28.01, -29.99), (28.02, -29.99)])
    frame = gpd.GeoDataFrame({"voltage": written}, geometry=[line] * 3, crs=4326)
    frame.to_file(tmp_path / "l.gpkg")
    with muted():
        assert read_power_lines(tmp_path / "l.gpkg")["voltage_v"].tolist() == right


@pytest.mark.parametrize(
    ("column", "written", "words"),
    [
        ("voltage_v", [33, 11], "holds at most 33, and no line runs at 33 V; are they kilovolts"),
        ("Volts", [66.0, 0.4], "are they kilovolts"),
        ("voltage_kv", [33_000, 11], "holds 33000, and no line runs at more than 1200 kV"),
        ("kV", [400_000, 110_000], "are they volts"),
        ("voltage_v", [400, 33], ""),
        ("voltage_kv", [1200, 0.4], ""),
    ],
)
def test_voltages_that_no_line_has_in_the_unit_of_their_column(tmp_path, column, written, words):
    line = shapely.LineString([(28.01, -29.99), (28.02, -29.99)])
    frame = gpd.GeoDataFrame({column: written}, geometry=[line] * 2, crs=4326)
    frame.to_file(tmp_path / "l.gpkg")
    if words:
        with pytest.raises(KCityError, match=words):
            read_power_lines(tmp_path / "l.gpkg")
    else:
        factor = 1000 if "kv" in column else 1
        with muted():
            found = read_power_lines(tmp_path / "l.gpkg")["voltage_v"]
        assert found.tolist() == [n * factor for n in written]


@pytest.mark.parametrize(
    ("turned", "moved", "words"),
    [
        (
            1,
            0,
            "1 of 2 lie outside Here and were left out; 1 would lie in it with lon and lat exchanged",
        ),
        (0, 1, "1 of 2 lie outside Here and were left out"),
        (2, 0, "none overlaps the city boundary; 2 would lie in it with lon and lat exchanged"),
        (0, 2, "none overlaps the city boundary; check both files"),
        (1, 1, "none overlaps the city boundary; 1 would lie in it"),
    ],
)
def test_districts_elsewhere_or_turned_round_are_counted(turned, moved, words):
    shapes = [shapely.box(28.0, -30.0, 28.025, -29.96), shapely.box(28.025, -30.0, 28.05, -29.96)]
    for i in range(turned):
        shapes[i] = shapely.transform(shapes[i], lambda xy: xy[:, ::-1])
    for i in range(turned, turned + moved):
        shapes[i] = shapely.affinity.translate(shapes[i], 3)
    frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes, crs=4326)
    with muted(), collected() as told:
        try:
            make_city("Here", BOX, districts=frame)
        except KCityError as error:
            told.append(str(error))
    assert words in " ".join(told)


@pytest.mark.parametrize(
    ("tags", "right"),
    [
        ({"maxspeed": "FR:zone30"}, 30),
        ({"zone:traffic": "DE:urban"}, 50),
        ({"maxspeed:type": "RU:urban"}, 60),
        ({"source:maxspeed": "IT:rural"}, 90),
        ({"maxspeed:backward": "20 mph"}, 32.19),
        ({"maxspeed:both_ways": "40"}, 40),
        ({"maxspeed": "30", "source:maxspeed": "sign"}, 30),
        ({"maxspeed": "50;30", "maxspeed:type": "DE:urban"}, 30),
        ({"maxspeed": "DE:bicycle_road"}, 30),
        ({"maxspeed": "none"}, np.nan),
    ],
)
def test_speed_limits_of_streets(tmp_path, tags, right):
    tags = {"highway": "primary", **tags}
    # The nodes stand behind the way and out of order, as editors and filters write them.
    text = '<osm version="0.6"><bounds minlon="28" minlat="-30" maxlon="28.05" maxlat="-29.96"/>'
    text += '<way id="9" version="1"><nd ref="1"/><nd ref="2"/>'
    text += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items()) + "</way>"
    text += '<node id="2" version="1" lon="28.02" lat="-29.98"/><node id="1" version="1" lon="28.01" lat="-29.98"/>'
    (tmp_path / "a.osm.bz2").write_bytes(bz2.compress(f"{text}</osm>".encode()))
    with muted():
        found = read_osm(tmp_path / "a.osm.bz2", area=BOX, crs=CRS(32735))
    speeds = found.layers["roads_drive"]["maxspeed_kmh"]
    np.testing.assert_allclose(speeds, [right], atol=0.01)


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (2, 2), (1, 3, 2)])
def test_of_an_object_in_several_versions_the_newest_counts(tmp_path, order):
    """Files of a history, or two extracts put together: a clinic that became a school."""
    kinds = {1: "clinic", 2: "school", 3: "kindergarten"}
    text = '<osm version="0.6"><bounds minlon="28" minlat="-30" maxlon="28.05" maxlat="-29.96"/>'
    for version in order:
        text += f'<node id="1" version="{version}" lon="28.02" lat="-29.98" timestamp="202{version}-01-01T00:00:00Z">'
        text += f'<tag k="amenity" v="{kinds[version]}"/></node>'
    (tmp_path / "a.osm").write_text(text + "</osm>")
    with muted():
        found = read_osm(tmp_path / "a.osm", area=BOX, crs=CRS(32735)).layers
    assert len(found["health"]) == 0
    assert len(found["school"]) == 1


@pytest.mark.parametrize(
    ("text", "right"),
    [("GB:nsl_single", 96.56), ("BE-VLG:rural", 70), ("CH:urban", 50), ("zone:30", 30), ("35mph", 56.33)],
)  # fmt: skip
def test_named_speeds(text, right):
    assert speed_kmh(text) == pytest.approx(right, abs=0.01)


def street(**tags):
    columns = {key.replace("__", ":"): [value] for key, value in tags.items()}
    return gpd.GeoDataFrame(
        {"osm_id": [1], "node_ids": [np.array([1, 2])], "highway": ["residential"], **columns},
        geometry=[shapely.LineString([(0, 0), (100, 0)])],
        crs="EPSG:32633",
    )


@pytest.mark.parametrize(
    ("tags", "car"),
    [
        ({"access": "no;destination"}, True),
        ({"access": "no", "motorcar": "designated"}, True),
        ({"vehicle": "no", "motorcar": "permit"}, True),
        ({"access": "no", "bus": "yes"}, False),
        ({"access": "military"}, False),
        ({"access": "NO"}, False),
        ({"motor_vehicle": "emergency"}, False),
        ({"motor_vehicle": "customers;no"}, True),
        ({"service": "emergency_access"}, False),
        ({"service": "emergency_access", "motor_vehicle": "yes"}, True),
        ({"service": "parking_aisle"}, True),
    ],
)
def test_who_may_drive(tags, car):
    assert bool(usable(street(**tags), mode="drive", table=network_table())[0]) == car
    assert (build_graph(street(**tags), mode="drive").n_segments == 1) == car


@pytest.mark.parametrize(
    ("tags", "against"),
    [
        ({"cycleway": "opposite_lane"}, True),
        ({"cycleway__left": "opposite"}, True),
        ({"cycleway__left": "track", "cycleway__left__oneway": "no"}, True),
        ({"cycleway__both": "lane"}, False),
        ({"oneway_bicycle": "yes", "cycleway": "opposite"}, False),
        ({"cycleway": "track", "cycleway__oneway": "no"}, True),
    ],
)
def test_bicycles_against_one_way_streets(tags, against):
    _, back = directions(street(oneway="yes", **tags), mode="cycle", table=network_table())
    assert bool(back[0]) == against
