"""Each row of "Will it read my file?" is tried: a row without a file of its own here fails, and so does a file without a row."""

from __future__ import annotations

import gzip
import json
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import osmium
import pandas as pd
import pyproj
import pytest
import rasterio
import shapely
from rasterio.enums import ColorInterp
from rasterio.shutil import copy
from rasterio.transform import from_origin

from kcity_geo.analysis.evidence.filtered import silent_themes
from kcity_geo.city import make_city
from kcity_geo.cube import study_grid
from kcity_geo.errors import KCityError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.points import read_points_or_vector
from kcity_geo.sources.local.raster_windows import RasterWindow, read_window
from kcity_geo.sources.local.rasters import (
    persons_from_polygons,
    read_dem,
    read_flood,
    read_raster,
)
from kcity_geo.sources.local.tables import read_district_people, read_official_table
from kcity_geo.sources.local.transit import read_gtfs, read_gtfs_feeds
from kcity_geo.sources.local.vectors import (
    read_boundary,
    read_polygons,
    read_power_lines,
    told_elsewhere,
)
from kcity_geo.sources.osm.pbf import OsmExtract, read_osm

GUIDE = Path(__file__).parents[1] / "docs" / "data-guide.md"
BOX = shapely.box(28.0, -30.0, 28.05, -29.96)
WEST, EAST = shapely.box(28.0, -30.0, 28.025, -29.96), shapely.box(28.025, -30.0, 28.05, -29.96)
LINE = shapely.LineString([(28.01, -29.99), (28.03, -29.99)])
CITY = make_city("Here", BOX)
GRID = study_grid(CITY, cell_m=250)
PLACE = from_origin(27.95, -29.91, 0.001, 0.001)
SHAPE = (140, 160)
HALF = np.broadcast_to(np.arange(SHAPE[1]) < 80, SHAPE)

Try = Callable[[Path], None]
TRIED: dict[str, Try] = {}


def row(begins: str) -> Callable[[Try], Try]:
    """Try the row whose first cell begins so."""

    def kept(function: Try) -> Try:
        TRIED[begins] = function
        return function

    return kept


def rows_of_the_guide() -> list[str]:
    text = GUIDE.read_text(encoding="utf-8").partition("## Will it read my file?")[2]
    cells = [
        re.split(r"(?<!\\)\|", line)[1].strip()
        for line in text.splitlines()
        if line.startswith("|") and line.count(" | ") == 1
    ]
    return [cell for cell in cells if cell != "what you have"]


def test_every_row_has_a_file_and_every_file_a_row() -> None:
    rows = rows_of_the_guide()
    assert len(rows) > 45
    without = [cell for cell in rows if sum(map(cell.startswith, TRIED)) != 1]
    assert not without, "rows of docs/data-guide.md that no test here tries"
    assert [b for b in TRIED if not any(cell.startswith(b) for cell in rows)] == []


def refused(match: str, read: Callable[..., Any], *args: Any, **more: Any) -> None:
    with muted(), pytest.raises(KCityError, match=match) as error:
        read(*args, **more)
    assert "\n" not in str(error.value)


def told(match: str, read: Callable[..., Any], *args: Any, **more: Any) -> Any:
    with muted(), collected() as notes:
        found = read(*args, **more)
    assert any(re.search(match, text) for text in notes), notes
    return found


def quiet(read: Callable[..., Any], *args: Any, **more: Any) -> Any:
    with muted():
        return read(*args, **more)


# --- rasters ---------------------------------------------------------------------------------------


def raster(path: Path, values: Any, **more: Any) -> Path:
    stack = values if values.ndim == 3 else values[None]
    keep = {"crs": "EPSG:4326", "transform": PLACE, "driver": "GTiff"}
    keep |= {k: more.pop(k) for k in ("crs", "transform", "nodata", "alpha") if k in more}
    shape = {"count": len(stack), "height": stack.shape[1], "width": stack.shape[2]}
    with (
        warnings.catch_warnings(action="ignore"),
        rasterio.open(path, "w", dtype=stack.dtype, **shape, **keep) as out,
    ):
        out.write(stack)
        if "alpha" in keep:
            out.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
        if "mask" in more:
            out.write_mask(more["mask"])
        out.scales, out.offsets = [more.get("scale", 1.0)] * len(stack), [more.get("offset", 0.0)] * len(stack)  # fmt: skip
        if "unit" in more:
            out.units = [more["unit"]] * len(stack)
        for i, text in enumerate(more.get("names", ())):
            out.set_band_description(i + 1, text)
    return path


def halves(west: float, east: float, dtype: str = "int16") -> Any:
    return np.where(HALF, west, east).astype(dtype)


def heights(path: Any) -> list[float]:
    values = quiet(read_window, path, key="elevation", city=CITY)
    return [float(v) for v in corners(values)]


def corners(window: RasterWindow) -> tuple[float, float]:
    """One value in the west and one in the east."""
    values: np.ndarray[Any, Any] = vars(window)["values"]
    return values[5, 2], values[5, -3]


def people(path: Path) -> float:
    return float(quiet(read_raster, path, key="population", city=CITY, grid=GRID)[0].sum())


@row("GeoTIFF (also COG")
def _(path: Path) -> None:
    plain = raster(path / "d.tif", halves(5, 6))
    copy(plain, path / "c.tif", driver="COG")
    copy(plain, path / "b.tif", driver="GTiff", BIGTIFF="YES")
    with zipfile.ZipFile(path / "z.zip", "w") as archive:
        archive.write(plain, "in/d.tif")
        archive.write(plain, "e.tif")
    for name in ("d.tif", "c.tif", "b.tif", "z.zip#e.tif"):
        assert heights(path / name) == [5, 6]
    refused("2 rasters", heights, path / "z.zip")
    (path / "x.tif").write_text("no raster")
    refused("x.tif", heights, path / "x.tif")


@row("several bands")
def _(path: Path) -> None:
    both = raster(path / "d.tif", np.stack([halves(5, 6), halves(7, 8)]), names=("dsm", "dtm"))
    refused("d.tif", heights, both)
    assert heights(path / "d.tif#band=2") == heights(path / "d.tif#dtm") == [7, 8]


@row("several tiles")
def _(path: Path) -> None:
    folder = path / "tiles"
    folder.mkdir()
    west = raster(folder / "w.tif", halves(5, 5)[:, :80])
    east = raster(
        folder / "e.tif", halves(6, 6)[:, 80:], transform=PLACE @ rasterio.Affine.translation(80, 0)
    )
    assert heights([west, east]) == heights(folder) == [5, 6]


@row("a nodata number")
def _(path: Path) -> None:
    found = heights(raster(path / "d.tif", halves(1, -9), nodata=-9, scale=0.5, offset=4.5))
    np.testing.assert_allclose(found, [5, np.nan])


@row("a mask band")
def _(path: Path) -> None:
    masked = raster(path / "d.tif", halves(5, 6), mask=HALF)
    alpha = raster(path / "a.tif", np.stack([halves(5, 6), halves(255, 0)]), alpha="YES")
    for one in (masked, alpha):
        np.testing.assert_allclose(heights(one), [5, np.nan])


@row("neither nodata nor mask nor scale")
def _(path: Path) -> None:
    found = told("-9,?999", read_window, raster(path / "d.tif", halves(5, -9999)), key="elevation", city=CITY)  # fmt: skip
    assert np.isnan(corners(found)[1])
    assert heights(raster(path / "e.tif", halves(5, 255))) == [5, 255]


@row("scale and offset")
def _(path: Path) -> None:
    found = heights(raster(path / "d.tif", halves(10, -20), scale=-0.5, offset=100))
    assert found == [95, 110]


@row("the unit of the band")
def _(path: Path) -> None:
    for unit, factor in (("ft", 0.3048), ("cm", 0.01), ("km", 1000.0)):
        found = heights(raster(path / "d.tif", halves(1, 2), unit=unit))
        np.testing.assert_allclose(found, [factor, 2 * factor])
    refused("kelvin", heights, raster(path / "d.tif", halves(1, 2), unit="kelvin"))
    km2 = people(raster(path / "p.tif", halves(500, 500), unit="persons per km2"))
    assert km2 == pytest.approx(500 * CITY.area_km2, rel=2e-3)


@row("built-up land as a share or percent")
def _(path: Path) -> None:
    for key, values in (("built", halves(35, 100)), ("flood", halves(150, 90))):
        one = raster(path / f"{key}.tif", values)
        refused("declares no unit", read_window, one, key=key, city=CITY)
    one = raster(path / "cm.tif", halves(150, 90), unit="cm")
    found = quiet(read_window, one, key="flood", city=CITY)
    assert float(np.nanmax(found.values)) == pytest.approx(1.5)


@row("population by area without a unit")
def _(path: Path) -> None:
    found = people(raster(path / "x_pd_2020.tif", halves(500, 500)))
    assert found == pytest.approx(500 * CITY.area_km2, rel=2e-3)
    refused("density", people, raster(path / "density.tif", halves(500, 500)))
    refused("more than any city holds", people, raster(path / "p.tif", halves(5000, 5000)))


@row("WorldPop constrained")
def _(path: Path) -> None:
    values = halves(3, -99999, "float32")
    for name, unknown in (("x_constrained.tif", False), ("ghs.tif", True)):
        one = raster(path / name, values, nodata=-99999)
        cells = quiet(read_raster, one, key="population", city=CITY, grid=GRID)[0].to_numpy()
        assert np.isnan(cells[8, -3]) == unknown


@row("south-up, east-left")
def _(path: Path) -> None:
    turned = rasterio.Affine(-0.001, 0, 27.95 + 0.16, 0, 0.001, -29.91 - 0.14)
    one = raster(path / "d.tif", halves(5, 6)[::-1, ::-1], transform=turned)
    assert heights(one) == [5, 6]
    far = make_city("Far", shapely.box(-70.0, -30.0, -69.95, -29.96))
    full = raster(path / "e.tif", halves(5, 6), transform=from_origin(289.95, -29.91, 0.001, 0.001))
    assert corners(quiet(read_window, full, key="elevation", city=far))[0] == 5


@row("rotated, sheared")
def _(path: Path) -> None:
    sheared = PLACE @ rasterio.Affine.shear(5)
    refused(
        "sheared|rotated|turned", heights, raster(path / "d.tif", halves(5, 6), transform=sheared)
    )
    refused("CRS", heights, raster(path / "e.tif", halves(5, 6), crs=None))


@row("part of the city covered")
def _(path: Path) -> None:
    one = raster(path / "d.tif", halves(5, 6)[:, :80])  # to 28.03 of a city from 28.00 to 28.05
    values = told("covers 60%", read_raster, one, key="elevation", city=CITY, grid=GRID)[0]
    assert np.isnan(values.to_numpy()[8, -3])


@row("a flood map")
def _(path: Path) -> None:
    one = raster(path / "f.tif", halves(2, -9)[:, :100], nodata=-9, unit="m")
    depth = quiet(read_flood, one, key="flood", city=CITY).to_numpy()
    assert {0.0, 2.0} == set(depth[np.isfinite(depth)])


# --- tables ----------------------------------------------------------------------------------------


def frame(ids: tuple[str, ...] = ("08", "09"), names: tuple[str, ...] = ("Süd", "Nord")) -> Any:
    data = gpd.GeoDataFrame(
        {"district_id": list(ids), "name": list(names)}, geometry=[WEST, EAST], crs=4326
    )
    return make_city("Here", BOX, districts=data).districts


def table(path: Path, text: str, encoding: str = "utf-8") -> Any:
    (path / "t.csv").write_bytes(text.encode(encoding))
    return quiet(read_official_table, path / "t.csv", districts=frame())


def persons(path: Path, *cells: str, key: str = "district_id") -> list[float]:
    names = ("08", "09") if key == "district_id" else ("SÜD", "nord ")
    lines = (f"{n}\t{c}" for n, c in zip(names, cells, strict=True))
    (path / "p.tsv").write_text("\n".join([f"{key}\tpopulation", *lines]), encoding="utf-8")
    found: list[float] = read_district_people(path / "p.tsv", districts=frame()).tolist()
    return found


@row("csv, tsv, txt")
def _(path: Path) -> None:
    for sign in ",;\t|":
        assert table(path, f"district_id{sign}lpcd\n08{sign}90\n09{sign}80\n")["lpcd"].tolist() == [90, 80]  # fmt: skip


@row("UTF-8, UTF-16")
def _(path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"):
        assert table(path, "name;lpcd\nSüd;90\nNord;80\n", encoding)["lpcd"].tolist() == [90, 80]


@row("xlsx")
def _(path: Path) -> None:
    book = openpyxl.Workbook()
    for sheet, value in ((book.active, 90), (book.create_sheet("2024"), 80)):
        sheet.append(["district_id", "lpcd"])
        sheet.append(["08", value])
    book.save(path / "x.xlsx")
    refused("2 sheets .*x.xlsx#", read_official_table, path / "x.xlsx", districts=frame())
    found = quiet(read_official_table, path / "x.xlsx#2024", districts=frame())
    assert found["lpcd"]["08"] == 80
    book.active["B2"] = "=1+1"
    book.save(path / "y.xlsx")
    refused("formula", read_official_table, Path(f"{path}/y.xlsx#Sheet"), districts=frame())
    (path / "z.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    refused("old xls", read_official_table, path / "z.xls", districts=frame())


@row("codes of districts")
def _(path: Path) -> None:
    assert told("zeros in front", persons_by_number, path) == [900, 800]


def persons_by_number(path: Path) -> list[float]:
    (path / "p.csv").write_text("district_id,population\n8,900\n9,800\n")
    return read_district_people(path / "p.csv", districts=frame()).tolist()  # type: ignore[no-any-return]


@row("names of districts")
def _(path: Path) -> None:
    assert quiet(persons, path, "900", "800", key="name") == [900, 800]
    (path / "p.csv").write_text("name,population\nSüd,900\n", encoding="utf-8")
    twins = frame(names=("Süd", "Süd"))
    refused("2 districts bear", read_district_people, path / "p.csv", districts=twins)


@row("thousands and decimals")
def _(path: Path) -> None:
    assert told("12500", persons, path, "12.500", "8.250") == [12500, 8250]
    refused("12500 .*12.5", table, path, "district_id;water_supply_m3_day\n08;12.500\n09;8.250\n")


@row("spaces, apostrophes")
def _(path: Path) -> None:
    for cell in (
        "1 012 500",
        "1'012'500",
        "10,12,500",
        "\uff11\uff10\uff11\uff12\uff15\uff10\uff10",
    ):
        assert quiet(persons, path, cell, "8250") == [1012500, 8250]


@row("parts of persons")
def _(path: Path) -> None:
    refused("whole numbers", persons, path, "12.5", "8.2")
    refused("thousands", persons, path, "12", "17")
    refused("no city has", table, path, "district_id;population\n08;1e18\n09;7\n")


@row("`98` for a share")
def _(path: Path) -> None:
    refused("give 0.98", table, path, "district_id;electricity_access\n08;98\n09;0.5\n")
    found = table(path, "district_id;electricity_access\n08;98%\n09;0.5\n")
    assert found["electricity_access"].tolist() == [0.98, 0.5]


@row("`-`, `n/a`")
def _(path: Path) -> None:
    for cell in ("-", "n/a", "..", "x"):
        np.testing.assert_array_equal(quiet(persons, path, cell, "8250"), [np.nan, 8250])


@row("title lines")
def _(path: Path) -> None:
    text = "Table 3\n\ndistrict_id;lpcd\n;litres\n08;90\n09;80\nTotal;85\nSource: office\n"
    assert table(path, text)["lpcd"].tolist() == [90, 80]


@row("a column twice")
def _(path: Path) -> None:
    refused("twice", table, path, "district_id;lpcd;lpcd\n08;90;91\n")
    refused("two rows", table, path, "district_id;lpcd\n08;90\n08;80\n")
    refused("cells where the header", table, path, "district_id;lpcd\n08;90;1\n09;80;2\n08;1;3\n")


@row("more than 100 MB")
def _(path: Path) -> None:
    with (path / "t.csv").open("wb") as file:
        file.truncate(100_000_001)  # sparse: no disk is used
    refused("limit for a table", read_official_table, path / "t.csv", districts=frame())


@row("residents by district")
def _(path: Path) -> None:
    areas = gpd.GeoDataFrame({"population": [5000, 8000]}, geometry=[WEST, EAST], crs=4326)
    cells, _ = persons_from_polygons(areas, city=CITY, grid=GRID)
    assert np.nansum(cells) == pytest.approx(13_000, rel=1e-4)
    assert quiet(persons, path, "5000", "8000") == [5000, 8000]


@row("one number")
def _(path: Path) -> None:
    from kcity_geo.studyfile import Study

    assert Study(official={"population": 5000}).official.population == 5000
    refused("official.population", Study, official={"population": -1})
    assert path.is_dir()


# --- vector files ----------------------------------------------------------------------------------


def vector(path: Path, shapes: list[Any], crs: Any = 4326, **columns: Any) -> Path:
    file, _, layer = path.name.partition("#")
    data = gpd.GeoDataFrame(columns or {"n": range(len(shapes))}, geometry=shapes, crs=crs)
    path = path.with_name(file)
    if path.suffix == ".parquet":
        data.to_parquet(path)
        return path
    more: dict[str, Any] = {"driver": "KML"} if path.suffix == ".kml" else {}
    if layer:
        more |= {"layer": layer, "mode": "a" if path.exists() else "w"}
    with warnings.catch_warnings(action="ignore"):
        data.to_file(path, **more)
    return path


@row("GeoJSON (also one feature")
def _(path: Path) -> None:
    for name in ("b.geojson", "b.gpkg", "b.shp", "b.fgb", "b.kml", "b.parquet"):
        made = vector(path / name, [BOX])
        assert quiet(read_boundary, made).symmetric_difference(BOX).area < 1e-9
    with zipfile.ZipFile(path / "b.zip", "w") as archive:
        archive.write(path / "b.gpkg", "in/b.gpkg")
    with zipfile.ZipFile(path / "b.kmz", "w") as archive:
        archive.write(path / "b.kml", "doc.kml")
    for name in ("b.zip", "b.kmz"):
        assert quiet(read_boundary, path / name).symmetric_difference(BOX).area < 1e-9
    corners = [list(xy) for xy in shapely.get_coordinates(BOX).tolist()]
    arcs = {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "arcs": [[0]]}]}
    topology = {"type": "Topology", "objects": {"a": arcs}, "arcs": [corners]}
    (path / "t.json").write_text(json.dumps(topology))
    found = told("is TopoJSON, which names no CRS", read_boundary, path / "t.json")
    assert found.symmetric_difference(BOX).area < 1e-9
    drawn = [[20 * x, -20 * y] for x, y in corners]  # pixels of a drawing
    (path / "d.json").write_text(json.dumps({**topology, "arcs": [drawn]}))
    refused("d.json, feature 1: the coordinate", read_boundary, path / "d.json")
    esri = {"geometryType": "esriGeometryPolygon", "spatialReference": {"wkid": 4326}}
    esri |= {"features": [{"attributes": {}, "geometry": {"rings": [corners]}}]}
    (path / "e.json").write_text(json.dumps(esri))
    line = {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(BOX))}
    (path / "l.geojson").write_text(f"{json.dumps(line)}\n{json.dumps(line)}\n")
    for name in ("e.json", "l.geojson"):
        assert quiet(read_boundary, path / name).symmetric_difference(BOX).area < 1e-9
    (path / "c.geojson").write_bytes((path / "b.gpkg").read_bytes())
    refused("c.geojson", read_boundary, path / "c.geojson")


@row("a virtual file")
def _(path: Path) -> None:
    real = vector(path / "real.geojson", [BOX])
    text = f'<OGRVRTDataSource><OGRVRTLayer name="real"><SrcDataSource>{real}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
    for name in ("b.geojson", "b.kml", "b.vrt"):
        (path / name).write_text(text)
        refused(name, read_boundary, path / name)


@row("several layers")
def _(path: Path) -> None:
    vector(path / "l.gpkg#hv", [LINE], voltage=["132 kV"])
    vector(path / "l.gpkg#mv", [LINE], voltage=["33 kV"])
    assert len(told("2 layers", read_power_lines, path / "l.gpkg")) == 2
    vector(path / "b.gpkg#houses", [WEST])
    vector(path / "b.gpkg#boundary", [BOX])
    assert quiet(read_boundary, path / "b.gpkg").equals(BOX)
    assert quiet(read_boundary, path / "b.gpkg#houses").equals(WEST)


@row("GeoParquet")
def _(path: Path) -> None:
    data = gpd.GeoDataFrame({"n": [1]}, geometry=[BOX], crs=4326)
    data["spot"] = gpd.GeoSeries([BOX.centroid], crs=4326)
    data.set_geometry("spot").to_parquet(path / "b.parquet")
    assert quiet(read_boundary, path / "b.parquet").equals(BOX)
    assert quiet(read_boundary, path / "b.parquet#geometry").equals(BOX)


@row("polygons or lines inside")
def _(path: Path) -> None:
    mixed = shapely.GeometryCollection([WEST, LINE, shapely.Point(28, -30)])
    found = quiet(read_polygons, vector(path / "p.geojson", [mixed, EAST]), key="sources.protected")
    assert [shape.area for shape in found.geometry] == pytest.approx([WEST.area, EAST.area])


@row("no CRS")
def _(path: Path) -> None:
    refused("CRS", read_boundary, vector(path / "b.fgb", [BOX], crs=None))
    local = pyproj.CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')
    refused("b.gpkg", read_boundary, vector(path / "b.gpkg", [BOX], crs=local))


@row("a coordinate that is no number")
def _(path: Path) -> None:
    ring = [[28, -30], [28.05, -30], [28.05, 95], [28, -30]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    (path / "b.geojson").write_text(json.dumps(shape))
    refused("b.geojson.*95", read_boundary, path / "b.geojson")
    pacific = shapely.MultiPolygon([shapely.box(179.9, 0, 180, 0.1), shapely.box(-180, 0, -179.9, 0.1)])  # fmt: skip
    refused("180", make_city, "Pacific", pacific)


@row("features and districts outside")
def _(path: Path) -> None:
    turned = shapely.transform(LINE, lambda xy: xy[:, ::-1])
    data = gpd.GeoDataFrame(geometry=[LINE, LINE, shapely.Point(0, 0)], crs=4326)
    assert path.is_dir()
    assert len(told("1", told_elsewhere, data, BOX, what="x")) == 2
    refused("exchanged", told_elsewhere, data.set_geometry([turned] * 3, crs=4326), BOX, what="x")


@row("a Shapefile with column names cut")
def _(path: Path) -> None:
    made = vector(path / "d.shp", [WEST, EAST], district_i=["1", "2"], name=["a", "b"])
    city = make_city("Here", BOX, districts=quiet(read_polygons, made, key="city.districts"))
    assert city.districts["district_id"].tolist() == ["1", "2"]


@row("a Shapefile without `.cpg`")
def _(path: Path) -> None:
    data = gpd.GeoDataFrame({"name": ["북구", "중구"]}, geometry=[WEST, EAST], crs=4326)
    data.to_file(path / "d.shp", encoding="cp949")
    (path / "d.cpg").unlink()
    found = told("cp949", read_polygons, path / "d.shp", key="city.districts")
    assert found["name"].tolist() == ["북구", "중구"]


def districts(path: Path, shapes: list[Any], **columns: Any) -> Any:
    made = vector(path / "d.geojson", shapes, **columns)
    return make_city("Here", BOX, districts=read_polygons(made, key="city.districts")).districts


@row("districts of a boundary product")
def _(path: Path) -> None:
    for number, name in (("GID_2", "NAME_2"), ("ADM2_PCODE", "ADM2_EN"), ("SIG_CD", "SIG_KOR_NM")):
        found = quiet(districts, path, [WEST, EAST], **{number: ["x1", "x2"], name: ["a", "b"]})
        assert found["district_id"].tolist() == ["x1", "x2"]
        assert found["name"].tolist() == ["a", "b"]


@row("a district without id")
def _(path: Path) -> None:
    refused("d.geojson|district", districts, path, [WEST, EAST], district_id=["1", None])
    refused("'?1'?", districts, path, [WEST, EAST], district_id=["1", "1"])


@row("districts that overlap")
def _(path: Path) -> None:
    more = shapely.box(28.0, -30.0, 28.03, -29.96)
    told("overlap.*km2", districts, path, [more, EAST], district_id=["1", "2"])
    refused("overlap|on", districts, path, [BOX, EAST], district_id=["1", "2"])


@row("voltages")
def _(path: Path) -> None:
    for column, values in (("voltage", ["33 kV", "11 kV"]), ("voltage_kv", [33, 11]), ("voltage", [33_000, 11_000])):  # fmt: skip
        made = vector(path / f"{column}{values[0]}.gpkg", [LINE, LINE], **{column: values})
        assert quiet(read_power_lines, made)["voltage_v"].tolist() == [33_000, 11_000]


# --- OpenStreetMap ---------------------------------------------------------------------------------

CLINIC = '<tag k="amenity" v="clinic"/>'
BOUNDS = '<bounds minlon="28" minlat="-30" maxlon="28.05" maxlat="-29.96"/>'


def node(number: int, tags: str = "", x: float = 28.02, more: str = "") -> str:
    return f'<node id="{number}" version="1" lon="{x}" lat="-29.98" {more}>{tags}</node>'


def osm(path: Path, *items: str, bounds: str = BOUNDS, name: str = "a.osm") -> Path:
    (path / name).write_text(f'<osm version="0.6">{bounds}{"".join(items)}</osm>')
    return path / name


def layers(path: Path) -> OsmExtract:
    found: OsmExtract = quiet(read_osm, path, area=BOX, crs=pyproj.CRS(32735))
    return found


def pbf(path: Path, source: Path, compression: str) -> Path:
    target = path / f"{compression}.osm.pbf"
    form = osmium.io.File(str(target), f"pbf,pbf_compression={compression}")
    with osmium.SimpleWriter(form, overwrite=True) as writer:
        for item in osmium.FileProcessor(str(source)):
            writer.add(item)
    return target


@row("`.osm.pbf` (zlib")
def _(path: Path) -> None:
    source = osm(path, node(1, CLINIC))
    (path / "b.osm.gz").write_bytes(gzip.compress(source.read_bytes()))
    made = [pbf(path, source, "zlib"), pbf(path, source, "none"), path / "b.osm.gz", source]
    for one in made:
        assert len(layers(one).layers["health"]) == 1


@row("a PBF in LZ4")
def _(path: Path) -> None:
    made = pbf(path, osm(path, node(1, CLINIC)), "lz4")
    refused("pbf_compression=zlib", layers, made)


@row("objects in any order")
def _(path: Path) -> None:
    way = (
        '<way id="9" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>'
    )
    made = osm(path, way, node(2, x=28.03), node(1), node(1))
    assert len(layers(made).layers["roads_drive"]) == 1


@row("a file of an editor")
def _(path: Path) -> None:
    made = osm(path, node(-1, CLINIC), node(-2, CLINIC, x=28.03, more='action="delete"'))
    assert len(layers(made).layers["health"]) == 1


@row("several boxes")
def _(path: Path) -> None:
    two = '<bounds minlon="28" minlat="-30" maxlon="28.02" maxlat="-29.96"/><bounds minlon="28.02" minlat="-30" maxlon="28.05" maxlat="-29.96"/>'
    assert len(layers(osm(path, node(1, CLINIC), bounds=two)).layers["health"]) == 1


@row("a box that is smaller")
def _(path: Path) -> None:
    elsewhere = '<bounds minlon="1" minlat="1" maxlon="1.1" maxlat="1.1"/>'
    made = osm(path, node(1, CLINIC), bounds=elsewhere)
    found = layers(made)
    assert len(found.layers["health"]) == 1
    assert any("the box was not used" in text for text in found.warnings)


@row("a change file")
def _(path: Path) -> None:
    made = path / "a.osc"
    made.write_text(f'<osmChange version="0.6"><create>{node(1, CLINIC)}</create></osmChange>')
    refused("osc|change", layers, made)
    made.rename(path / "b.osm")
    refused("is a change file", layers, path / "b.osm")


@row("a file without the nodes")
def _(path: Path) -> None:
    lost = (
        '<way id="5" version="1"><nd ref="7"/><nd ref="8"/><tag k="highway" v="residential"/></way>'
    )
    refused("lacks the nodes", layers, osm(path, node(1, CLINIC) + lost))
    remark = "<remark> runtime error: Query timed out </remark>"
    refused("a part of what was asked for", layers, osm(path, node(1, CLINIC) + remark))
    (path / "j.osm").write_text('{"elements": []}')
    refused("is JSON", layers, path / "j.osm")


@row("lists of values")
def _(path: Path) -> None:
    both = layers(osm(path, node(1, CLINIC.replace("clinic", "clinic; school"))))
    assert [len(both.layers[name]) for name in ("health", "school")] == [1, 1]


@row("a hospital or school and its buildings")
def _(path: Path) -> None:
    corners = [(28.01, -29.99), (28.02, -29.99), (28.02, -29.98), (28.01, -29.98)]
    nodes = [f'<node id="{i}" version="1" lon="{x}" lat="{y}"/>' for i, (x, y) in enumerate(corners, 1)]  # fmt: skip
    tags = CLINIC.replace("clinic", "hospital")
    ring = "".join(f'<nd ref="{i}"/>' for i in (1, 2, 3, 4, 1))
    campus = f'<way id="9" version="1">{ring}{tags}</way>'
    made = osm(path, *nodes, node(7, tags, x=28.015).replace("-29.98", "-29.985"), campus)
    assert len(layers(made).layers["health"]) == 1


@row("an extract filtered")
def _(path: Path) -> None:
    inventory = pd.DataFrame({"layer": ["roads_drive"], "count": [9000], "length_km": [1500.0]})
    assert {"buildings", "power", "schools"} <= set(silent_themes(inventory, persons=800_000.0))
    assert path.is_dir()


@row("values written otherwise")
def _(path: Path) -> None:
    values = ("Clinic", "clinic, school", "bench")
    made = osm(path, *(node(i, CLINIC.replace("clinic", v)) for i, v in enumerate(values, 1)))
    found = layers(made)
    assert found.layers["health"].empty
    assert found.unreadable_tags["value"].tolist() == ["Clinic", "clinic, school"]
    assert any("2 objects are left out" in text for text in found.warnings)


@row("numbers that cannot be read")
def _(path: Path) -> None:
    tags = CLINIC + '<tag k="beds" v="many"/>'
    found = layers(osm(path, node(1, tags)))
    assert np.isnan(found.layers["health"]["beds"].iloc[0])
    assert "many" in found.unreadable_tags["value"].tolist()


# --- timetables ------------------------------------------------------------------------------------

PEAK = (420, 450, 480, 510)
STOPS = "stop_id,stop_name,stop_lat,stop_lon,parent_station,location_type\na,A,-29.98,28.01,,0\nb,B,,,s,0\ns,S,-29.98,28.02,,1\nc,C,,,,0\n"
DAYS = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nw,1,1,1,1,1,0,0,"


def feed(
    starts: tuple[int, ...] = PEAK, days: str = f"{DAYS}20150101,20301231\n"
) -> dict[str, str]:
    """Buses from a to b and on to c, of two routes in turn that number their directions differently."""
    trips, times = ["route_id,service_id,trip_id,direction_id"], []
    for i, start in enumerate(starts):
        trips.append(f"{'xy'[i % 2]},w,t{i},{i % 2}")
        clocks = [f"{(start + 5 * k) // 60}:{(start + 5 * k) % 60:02d}:00" for k in range(3)]
        times += [f"t{i},{c},{c},{'abc'[k]},{k + 1}" for k, c in enumerate(clocks)]
    return {
        "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,Toy,http://toy.example,UTC\n",
        "stops.txt": STOPS,
        "routes.txt": "route_id,route_short_name,route_type\nx,X,3\ny,Y,3\n",
        "trips.txt": "\n".join(trips) + "\n",
        "stop_times.txt": "\n".join(
            ["trip_id,arrival_time,departure_time,stop_id,stop_sequence", *times]
        ),
        "calendar.txt": days,
    }


def packed(path: Path, tables: dict[str, str], folder: str = "", name: str = "feed.zip") -> Path:
    with zipfile.ZipFile(path / name, "w") as archive:
        for member, text in tables.items():
            archive.writestr(folder + member, text)
    return path / name


def stops_of(path: Path, **more: Any) -> pd.DataFrame:
    return read_gtfs(path, crs=CITY.crs, **more).set_index("stop_id")


@row("a zip, a zip with the feed")
def _(path: Path) -> None:
    plain = packed(path, feed())
    inner = packed(path, feed(), "in/", "inner.zip")
    (path / "feed").mkdir()
    for name, text in feed().items():
        (path / "feed" / name).write_text(text)
    for one in (plain, inner, path / "feed"):
        assert quiet(stops_of, one).loc["a", "departures_peak"] == 4
    assert len(quiet(read_gtfs_feeds, [plain, inner], crs=CITY.crs)) >= 2


@row("`calendar.txt`, `calendar_dates.txt`")
def _(path: Path) -> None:
    dates = "service_id,date,exception_type\nw,20240603,1\n"
    alone = {k: v for k, v in feed().items() if k != "calendar.txt"}
    made = packed(path, {**alone, "calendar_dates.txt": dates})
    assert quiet(stops_of, made).loc["a", "departures_peak"] == 4
    old = packed(path, feed(days=f"{DAYS}20150101,20151231\n"), name="old.zip")
    found = told("2015", stops_of, old, map_date="2024-06-01")
    assert found.loc["a", "departures_peak"] == 4


@row("`frequencies.txt`, times past")
def _(path: Path) -> None:
    often = "trip_id,start_time,end_time,headway_secs\nt0,07:00:00,09:00:00,600\n"
    made = packed(path, {**feed((420,)), "frequencies.txt": often})
    assert quiet(stops_of, made).loc["a", "headway_peak_min"] == pytest.approx(10)
    night = quiet(stops_of, packed(path, feed((*PEAK, 1450)), name="n.zip"))
    assert night.loc["a", "departures_day"] == 5


@row("times and dates that are none")
def _(path: Path) -> None:
    tables = feed()
    tables["stop_times.txt"] = tables["stop_times.txt"].replace("t0,7:00:00", "t0,7:99:00")
    told("that is no time", stops_of, packed(path, tables))
    tables = {**feed(), "trips.txt": feed()["trips.txt"] + "x,other,t99,0\n"}
    found = told("the calendars do not have", stops_of, packed(path, tables))
    assert found.loc["a", "departures_peak"] == 4


@row("flights")
def _(path: Path) -> None:
    tables = feed()
    tables["routes.txt"] = "route_id,route_type\nx,3\ny,1100\n"
    found = told("with flights", stops_of, packed(path, tables))
    assert found.loc["a", "departures_day"] == len(PEAK) / 2
    tables["routes.txt"] = "route_id,route_type\nx,3\ny,99\n"
    told("not known .first: '99'", stops_of, packed(path, tables, name="b.zip"))


@row("stops with lat and lon exchanged")
def _(path: Path) -> None:
    turned = shapely.transform(BOX, lambda xy: xy[:, ::-1])
    for area, words in ((turned, "exchanged"), (shapely.box(1, 1, 2, 2), "lies in or near")):
        assert not len(told(words, stops_of, packed(path, feed()), area=area))


@row("no departures from 7 to 9")
def _(path: Path) -> None:
    late = packed(path, feed(tuple(range(720, 1080, 10))))
    found = told("7|hours", stops_of, late)
    assert found.loc["a", "headway_peak_min"] == pytest.approx(10)


@row("several routes and directions")
def _(path: Path) -> None:
    # Two routes of an hour each, by turns: every half hour somebody leaves the same way.
    found = quiet(stops_of, packed(path, feed()))
    assert found.loc["a", "headway_peak_min"] == pytest.approx(30)


@row("a platform or stop without a place")
def _(path: Path) -> None:
    found = told("1", stops_of, packed(path, feed()))
    assert "c" not in found.index
    served = found[found["departures_peak"] == 4].geometry
    assert sorted(gpd.GeoSeries(served).to_crs(4326).x.round(3)) == [28.01, 28.02]


@row("no `stops.txt`")
def _(path: Path) -> None:
    for name in ("stops.txt", "stop_times.txt", "trips.txt"):
        rest = {k: v for k, v in feed().items() if k != name}
        refused(name, stops_of, packed(path, rest, name=f"without-{name}.zip"))
    whole = packed(path, feed()).read_bytes()
    (path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    refused("cut.zip", stops_of, path / "cut.zip")


# --- what users of other programs met --------------------------------------------------------------


@row("a scale or offset that only a tag says")
def _(path: Path) -> None:
    made = raster(path / "d.tif", halves(5, 7))
    with rasterio.open(made, "r+") as file:
        file.update_tags(1, scale_factor="0.01")
    refused("-scale 0.01", read_window, made, key="elevation", city=CITY)


@row("a file that lies beside the right one")
def _(path: Path) -> None:
    for key, name in (
        ("elevation", "hillshade"),
        ("population", "zaf_f_5_2020"),
        ("solar", "PVOUT"),
    ):
        made = raster(path / f"{name}.tif", halves(5, 7))
        refused("by its name", read_window, made, key=key, city=CITY)


@row("night lights of whole numbers")
def _(path: Path) -> None:
    made = raster(path / "n.tif", halves(5, 7))
    refused("no radiance", read_window, made, key="nightlights", city=CITY)
    made = raster(path / "n.tif", halves(5, 7), unit="nW/cm2/sr")
    assert corners(quiet(read_window, made, key="nightlights", city=CITY)) == (5, 7)


@row("flood: a mask of 0 and 255")
def _(path: Path) -> None:
    for west, east, dtype in ((255, 0, "uint8"), (1, 0, "uint8"), (1, 4, "float32")):
        made = raster(path / "f.tif", halves(west, east, dtype))
        refused(
            "is it a mask.*sources.flood_return_period", read_window, made, key="flood", city=CITY
        )
    made = raster(path / "f.tif", halves(1, 3))
    refused("or classes.*units years", read_window, made, key="flood_return_period", city=CITY)
    made = raster(path / "f.tif", halves(1, 0), unit="m")
    assert corners(quiet(read_window, made, key="flood", city=CITY)) == (1, 0)


@row("numbers less than 0.001 below 0")
def _(path: Path) -> None:
    for key in ("flood", "population"):
        made = raster(path / "n.tif", halves(-1e-6, 2.5, "float32"))
        found = told("count as 0", read_window, made, key=key, city=CITY)
        assert corners(found) == (0, 2.5)
    made = raster(path / "n.tif", halves(-0.01, 2.5, "float32"))
    refused("the value -0.01", read_window, made, key="population", city=CITY)


@row("heights that make half")
def _(path: Path) -> None:
    ridges = np.broadcast_to(np.abs(np.arange(SHAPE[1]) % 40 - 20) * 200.0, SHAPE)
    refused("steeper", read_dem, raster(path / "d.tif", ridges.astype("float32")), city=CITY)


@row("age groups, or men and women")
def _(path: Path) -> None:
    ages = [raster(path / f"{n}.tif", halves(n, n)) for n in (1, 2)]
    refused("no tiles", read_window, ages, key="population", city=CITY)


@row("depths of the 20-year, 100-year")
def _(path: Path) -> None:
    depths = [raster(path / f"{n}.tif", halves(n, 0)) for n in (1, 2)]
    refused("return periods", read_window, depths, key="flood", city=CITY)
    years = [raster(path / f"y{n}.tif", halves(n, 0)) for n in (100, 20)]
    assert corners(quiet(read_window, years, key="flood_return_period", city=CITY))[0] == 20


@row("an own criterion with")
def _(path: Path) -> None:
    made = raster(path / "c.tif", halves(-9999, 7))
    refused("declare it", read_window, made, key="criterion", city=CITY)


@row("a title or a row of units")
def _(path: Path) -> None:
    refused(
        "no plain ones", table, path, "in thousands\n\ndistrict_id;population\n08;900\n09;800\n"
    )
    refused("'kW'", table, path, "district_id;peak_demand_mw\n;kW\n08;9\n09;8\n")


@row("hidden rows of a sheet")
def _(path: Path) -> None:
    book = openpyxl.Workbook()
    for cells in (["district_id", "population"], ["08", 900], ["09", 800]):
        book.active.append(cells)
    book.active.row_dimensions[2].hidden = True
    book.save(path / "t.xlsx")
    found = told("hidden", read_district_people, path / "t.xlsx", districts=frame())
    assert found.tolist() == [900, 800]


@row("coordinates with decimal commas")
def _(path: Path) -> None:
    (path / "p.csv").write_text("lon;lat\n28,025;-29,98\n")
    found = quiet(read_points_or_vector, path / "p.csv", key="sources.extra.health")
    assert (found.geometry[0].x, found.geometry[0].y) == (28.025, -29.98)


@row("own features and power lines: a column `status`")
def _(path: Path) -> None:
    made = vector(path / "l.geojson", [LINE, LINE], status=["Planned", "Existing"], kv=[33, 33])
    assert len(told("1 of 2 rows are not in use", read_power_lines, made)) == 1


@row("rows that stand twice")
def _(path: Path) -> None:
    made = vector(path / "l.geojson", [LINE, LINE.reverse()], kv=[33, 33])
    assert len(told("1 of 2 rows are those of another row", read_power_lines, made)) == 2


@row("a datum that nobody can relate")
def _(path: Path) -> None:
    crs = 'GEOGCS["x",DATUM["x",SPHEROID["Bessel 1841",6377397.155,299.15]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
    gpd.GeoDataFrame({"name": ["a"]}, geometry=[BOX], crs=crs).to_file(path / "d.gpkg")
    told("some hundred metres off", read_polygons, path / "d.gpkg", key="city.districts")


@row("`disused:amenity`, `disused=yes`")
def _(path: Path) -> None:
    said = ("ruins=yes", "opening_hours=off", "operational_status=closed", "disused=yes", "a=b")
    tags = ["<tag k='{}' v='{}'/>".format(*text.split("=")) for text in said]
    made = osm(path, *(node(i, CLINIC + tag) for i, tag in enumerate(tags, 1)))
    assert layers(made).layers["health"]["osm_id"].tolist() == [5]


@row("`feed_info.txt` with a first")
def _(path: Path) -> None:
    info = "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date\nA,http://a,en,,20240630\n"
    made = packed(path, {**feed(), "feed_info.txt": info})
    found = quiet(read_gtfs, made, crs=CITY.crs)
    assert found.attrs["timetables"][0]["last"] == "2024-06-28"


@row("an archive of several feeds")
def _(path: Path) -> None:
    tables = {f"{side}/{name}": text for side in ("bus", "rail") for name, text in feed().items()}
    refused("give them as a list", stops_of, packed(path, tables))


@row("agencies of several time zones")
def _(path: Path) -> None:
    tables = feed()
    tables["agency.txt"] += "2,Other,http://other.example,Europe/Berlin\n"
    told("2 time zones", stops_of, packed(path, tables))


@pytest.mark.parametrize("begins", sorted(TRIED))
def test_rows(begins: str, tmp_path: Path) -> None:
    TRIED[begins](tmp_path)
