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
from kcity_geo.sources.rasters import read_raster
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


def test_one_flood_map_only() -> None:
    with pytest.raises((StudyError, ValueError), match="one of them"):
        Study(sources={"flood": "a.tif", "flood_return_period": "b.tif"})
