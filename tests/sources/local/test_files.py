"""The user's own vectors and tables."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from kcity_geo.city import make_city
from kcity_geo.errors import KCityWarning, SchemaError, SourceError
from kcity_geo.sources.local.raster_files import raster_files
from kcity_geo.sources.local.tables import read_official_table
from kcity_geo.sources.local.vectors import read_boundary, read_polygons

BOX = shapely.box(7.40, 43.70, 7.50, 43.80)


@pytest.mark.parametrize("name", ["b.geojson", "b.gpkg", "b.fgb", "b.shp", "b.parquet"])
def test_a_boundary_in_any_format_and_crs_is_the_same(tmp_path, name) -> None:
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=[BOX], crs=4326)
    if not name.endswith("geojson"):
        frame = frame.to_crs(32632)
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_file(path)
    assert read_boundary(path).symmetric_difference(BOX).area < 1e-5


def test_several_polygons_are_joined(tmp_path) -> None:
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], crs=4326).to_file(
        tmp_path / "two.geojson"
    )
    assert read_boundary(tmp_path / "two.geojson").area == pytest.approx(2)


def test_what_is_no_polygon_is_refused(tmp_path) -> None:
    gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326).to_file(tmp_path / "p.geojson")
    with pytest.raises(SourceError, match="no polygons, but Point"):
        read_boundary(tmp_path / "p.geojson")
    with pytest.raises(SourceError, match="no polygons"):
        read_polygons(tmp_path / "p.geojson", key="city.districts")
    (tmp_path / "e.geojson").write_text("")
    with pytest.raises(SourceError, match="empty"):
        read_boundary(tmp_path / "e.geojson")
    (tmp_path / "x.geojson").write_text("{")
    with pytest.raises(SourceError, match="cannot be read"):
        read_boundary(tmp_path / "x.geojson")
    with pytest.raises(SourceError, match="not a vector file"):
        read_boundary(tmp_path)


def test_a_file_without_crs_is_refused(tmp_path) -> None:
    gpd.GeoDataFrame({"n": [1]}, geometry=[BOX], crs=4326).to_file(tmp_path / "b.shp")
    (tmp_path / "b.prj").unlink()
    with pytest.raises(SourceError, match="no CRS"):
        read_boundary(tmp_path / "b.shp")


@pytest.fixture
def districts() -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(
        {"district_id": ["a", "b"], "name": ["Alpha", "Beta"]},
        geometry=[shapely.box(7.40, 43.70, 7.45, 43.80), shapely.box(7.45, 43.70, 7.50, 43.80)],
        crs=4326,
    )
    return make_city("C", BOX, districts=frame).districts


@pytest.mark.parametrize(
    "text",
    [
        "district_id,electricity_access\nb,0.5\na,0.9\n",
        "name;electricity_access\nALPHA;0.9\nbeta;0.5\n",
        "\ufeffdistrict_id,electricity_access\na,0.9\nb,0.5\n",
    ],
)
def test_official_tables_are_matched_by_id_or_name(tmp_path, districts, text) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    table = read_official_table(tmp_path / "t.csv", districts=districts)
    assert table["electricity_access"].tolist() == [0.9, 0.5]


def test_an_excel_table_is_read(tmp_path, districts) -> None:
    pd.DataFrame({"district_id": ["a", "b"], "population": [10, 20]}).to_excel(
        tmp_path / "t.xlsx", index=False
    )
    assert read_official_table(tmp_path / "t.xlsx", districts=districts)["population"].sum() == 30


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("district_id,electricity_access\na,85\n", SourceError, "give 0.85"),
        ("district_id,population\na,-5\n", SourceError, "-5"),
        ("district_id,population\na,many\n", SourceError, "many"),
        ("district_id,population\nz,5\n", SchemaError, "no row"),
        ("district_id,colour\na,red\n", SchemaError, "colour"),
        ("district_id,population\na,5\na,6\n", SchemaError, "two rows"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, districts, text, error, words) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=words):
        read_official_table(tmp_path / "t.csv", districts=districts)


def test_a_column_that_nothing_reads_is_told_with_the_one_that_may_be_meant(
    tmp_path, districts
) -> None:
    (tmp_path / "t.csv").write_text(
        "district_id,electricty_access,piped_water_access,sanitation_access,colour\n"
        "a,0.5,0.6,0.7,red\nb,0.5,0.6,0.8,blue\n"
    )
    with pytest.warns(
        KCityWarning, match=r"electricty_access \(is electricity_access meant\?\), colour"
    ):
        table = read_official_table(tmp_path / "t.csv", districts=districts)
    assert table["sanitation_access"].tolist() == [0.7, 0.8]
    assert "electricty_access" not in table


def test_the_message_quotes_the_negative_amount(tmp_path, districts) -> None:
    (tmp_path / "t.csv").write_text("district_id,population\na,900\nb,-5\n")
    with pytest.raises(SourceError, match="the value -5"):
        read_official_table(tmp_path / "t.csv", districts=districts)


def test_missing_districts_are_nan_and_named(tmp_path, districts) -> None:
    (tmp_path / "t.csv").write_text("district_id,population\na,5\n")
    with pytest.warns(KCityWarning, match="1 of 2 districts"):
        table = read_official_table(tmp_path / "t.csv", districts=districts)
    assert table["population"].isna().tolist() == [False, True]


def test_archives_of_other_things_in_a_folder_of_tiles_are_no_tiles(tmp_path) -> None:
    (tmp_path / "west.tif").write_bytes(b"")
    for name, member in (("feed.zip", "stops.txt"), ("N43E007.zip", "N43E007.hgt")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "x")
    (tmp_path / "cut.zip").write_bytes(
        b"PK"
    )  # what it holds cannot be known: its reader refuses it
    names = [file.name for file in raster_files(tmp_path, key="elevation")]
    assert names == ["N43E007.zip", "cut.zip", "west.tif"]
