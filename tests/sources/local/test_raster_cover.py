"""How much of a city a raster covers is told by area, whatever the cells of the study grid."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from kcity_geo.city import make_city
from kcity_geo.config import Config
from kcity_geo.cube import study_grid
from kcity_geo.errors import KCityWarning
from kcity_geo.inputs.rasters import load_rasters
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.raster_cover import Cover
from kcity_geo.sources.local.rasters import read_flood, read_raster
from kcity_geo.studyfile import check_study

CITY = make_city("Here", shapely.Point(28.0, -29.5).buffer(0.03))
STEP = 0.0005
VALUES = {
    "elevation": 500.0,
    "landcover": 50,
    "nightlights": 4.3,
    "population": 3.0,
    "solar": 1650.0,
}


def write(path, key: str, *, known):
    """Pixels of 50 m, of which those with `known` (lon, lat) hold data; the rest is nodata."""
    lon = 27.96 + STEP * (np.arange(160) + 0.5)
    lat = -29.46 - STEP * (np.arange(160) + 0.5)
    there = known(*np.meshgrid(lon, lat))
    kind = "uint8" if key == "landcover" else "float32"
    nodata = 0 if key == "landcover" else -9999
    with rasterio.open(
        path, "w", driver="GTiff", height=160, width=160, count=1, dtype=kind, crs="EPSG:4326",
        transform=from_origin(27.96, -29.46, STEP, STEP), nodata=nodata,
    ) as dataset:  # fmt: skip
        dataset.write(np.where(there, VALUES.get(key, 0.6), nodata).astype(kind), 1)
        if key == "flood":
            dataset.units = ("m",)
    return path


def true_share(west: float, east: float) -> float:
    """Of the area of the city between two meridians, in its metric CRS."""
    metric = CITY.boundary_metric
    between = CITY.boundary & shapely.box(west, -30, east, -29)
    return float(make_city("Part", between).area_km2 / (metric.area / 1e6))


@pytest.mark.parametrize("cell_m", [100, 500, 900])
@pytest.mark.parametrize("key", list(VALUES))
def test_a_touched_cell_is_not_a_covered_one(tmp_path, key, cell_m) -> None:
    edge = 27.96 + 71 * STEP
    path = write(tmp_path / f"{key}.tif", key, known=lambda lon, _: lon < edge)
    want = true_share(27.9, edge)
    assert 0.35 < want < 0.45
    with muted(), collected() as told:
        _, measured = read_raster(path, key=key, city=CITY, grid=study_grid(CITY, cell_m=cell_m))
    assert measured["valid_share"] == pytest.approx(want, abs=0.005)
    assert any(f"covers {measured['valid_share']:.0%} of Here" in text for text in told)


@pytest.mark.parametrize("key", ["elevation", "population", "landcover"])
def test_voids_count_by_their_area(tmp_path, key) -> None:
    """Every third column of pixels is a void: no cell is without data, and a third of the land is."""
    path = write(
        tmp_path / f"{key}.tif",
        key,
        known=lambda lon, _: np.round((lon - 27.96) / STEP - 0.5) % 3 > 0,
    )
    with muted():
        variable, measured = read_raster(
            path, key=key, city=CITY, grid=study_grid(CITY, cell_m=500)
        )
    assert np.isfinite(variable.to_numpy()[3:-3, 3:-3]).all()
    assert measured["valid_share"] == pytest.approx(2 / 3, abs=0.01)


def test_a_whole_raster_covers_all_and_tells_nothing(tmp_path) -> None:
    path = write(tmp_path / "e.tif", "elevation", known=lambda lon, _: lon > 0)
    with muted(), collected() as told:
        _, measured = read_raster(
            path, key="elevation", city=CITY, grid=study_grid(CITY, cell_m=100)
        )
    assert measured["valid_share"] == 1.0
    assert not told


def test_a_flood_map_covers_its_extent(tmp_path) -> None:
    path = write(tmp_path / "whole.tif", "flood", known=lambda lon, _: lon < 28)
    with rasterio.open(path) as dataset:
        half, profile = dataset.read()[:, :, :100], dataset.profile
    part = tmp_path / "part.tif"
    with rasterio.open(part, "w", **{**profile, "width": 100}) as dataset:
        dataset.write(half)
        dataset.units = ("m",)
    want = true_share(27.9, 27.96 + 100 * STEP)
    with pytest.warns(KCityWarning, match=f"part.tif covers {want:.0%} of Here"):
        read_flood(part, key="flood", city=CITY)


def test_months_cover_what_one_of_them_does(tmp_path) -> None:
    months = tmp_path / "months"
    months.mkdir()
    write(months / "2024-01.tif", "nightlights", known=lambda lon, _: lon < 27.985)
    write(months / "2024-02.tif", "nightlights", known=lambda lon, _: lon > 28.01)
    study = check_study(
        {"city": {"name": "Here"}, "sources": {"nightlights": str(months)}}, folder=tmp_path
    )
    grid = study_grid(CITY, cell_m=500)
    from kcity_geo.cube import empty_cube

    with muted(), collected() as told:
        found = load_rasters(study, CITY, grid, empty_cube(CITY, grid=grid), Config())
    want = 1 - true_share(27.985, 28.01)
    assert found.measured["nightlights"]["valid_share"] == pytest.approx(want, abs=0.01)
    assert any(f"cover {want:.0%} of Here" in text for text in told)


def test_a_city_thinner_than_the_points_has_a_share() -> None:
    thread = make_city("Thread", shapely.LineString([(28, -29.5), (28.05, -29.45)]).buffer(1e-6))
    assert Cover(thread).share == 0.0
