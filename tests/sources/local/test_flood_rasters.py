"""A flood map of return periods is read as years, and no data in it means not flooded."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from kcity_geo.city import make_city
from kcity_geo.cube import study_grid
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.sources.local.rasters import read_flood, read_raster
from kcity_geo.studyfile import Study

CITY = make_city("Here", shapely.Point(28.0, -29.5).buffer(0.03))
GRID = study_grid(CITY, cell_m=100)


def test_years_come_through_without_a_complaint_about_dry_land(tmp_path) -> None:
    values = np.zeros((220, 220), dtype="float32")
    values[:, :110] = 100
    path = tmp_path / "years.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=220,
        width=220,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(27.9, -29.4, 0.001, 0.001),
        nodata=0,
    ) as dataset:
        dataset.write(values, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", KCityWarning)
        years, _ = read_raster(path, key="flood_return_period", city=CITY, grid=GRID)
    assert str(years.attrs["units"]).startswith("years")
    found = np.unique(years.to_numpy()[~np.isnan(years.to_numpy())])
    assert found.tolist() == [100.0]


def test_no_data_is_dry_inside_the_extent_and_unknown_beyond(tmp_path) -> None:
    left, bottom, right, top = CITY.boundary_metric.bounds
    west, north = round(left, -2) - 500, round(top, -2) + 500
    rows, columns = int((north - bottom) / 10) + 60, int((right - west) / 20)
    values = np.full((rows, columns), -9999.0, dtype="float32")
    values[::10, ::10] = 1.0
    path = tmp_path / "depth.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=rows, width=columns, count=1, dtype="float32",
        crs=CITY.crs.to_wkt(), transform=from_origin(west, north, 10, 10), nodata=-9999.0,
    ) as dataset:  # fmt: skip
        dataset.write(values, 1)
        dataset.units = ("m",)
    with pytest.warns(KCityWarning, match="depth.tif covers 4[0-9]% of Here"):
        flood = read_flood(path, key="flood", city=CITY, margin_m=0)
    edge = west + 10 * columns
    inside = flood["x"].to_numpy() < edge
    known = flood.to_numpy()[:, inside]
    assert np.isfinite(known).all()
    assert known.mean() == pytest.approx(0.01, rel=0.05)
    assert np.isnan(flood.to_numpy()[:, ~inside]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", KCityWarning)
        depth, _ = read_raster(path, key="flood", city=CITY, grid=GRID)
    assert float(depth.mean()) == pytest.approx(0.01, rel=0.05), "the dry part is 0 metres deep"


def test_one_flood_map_only() -> None:
    with pytest.raises((StudyError, ValueError), match="one of them"):
        Study(sources={"flood": "a.tif", "flood_return_period": "b.tif"})
