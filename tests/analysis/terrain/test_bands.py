"""Bands of an elevation model: the numbers of the whole, to the last bit, however thin the bands."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from kcity_geo.analysis.terrain import bands, relief
from kcity_geo.settings import settings_of

CELL_M = 100.0


def rough_dem(rows: int, columns: int, cell_m: float, *, left: float, top: float) -> xr.DataArray:
    """Hills with voids, and a void where a row of bands may end."""
    rng = np.random.default_rng(11)
    z = np.cumsum(rng.normal(0, 0.4, (rows, columns)), axis=0) + 50
    z[rng.random(z.shape) < 0.02] = np.nan
    z[rows // 2 : rows // 2 + 3] = np.nan
    x = left + (np.arange(columns) + 0.5) * cell_m
    y = top - (np.arange(rows) + 0.5) * cell_m
    return xr.DataArray(z, dims=("y", "x"), coords={"y": y, "x": x})


def study(dem: xr.DataArray, rows: int = 9, columns: int = 7) -> SimpleNamespace:
    left, top = 500_000.0, 5_000_000.0
    around = (left, top - rows * CELL_M, left + columns * CELL_M, top)
    grid = GeoBox.from_bbox(around, crs=32633, shape=(rows, columns), tight=True)
    return SimpleNamespace(
        dem=dem,
        grid=grid,
        layers={},
        city=SimpleNamespace(boundary=box(15, 45, 15.1, 45.1)),
        settings=lambda sector: settings_of(sector, None),
    )


@pytest.mark.parametrize(
    ("rows", "cell_m", "left", "top"),
    [
        (
            140,
            7.3,
            499_983.0,
            5_000_021.0,
        ),  # a row of pixels in two rows of cells at most by its centre
        (30, 30.0, 500_031.0, 4_999_951.0),  # does not reach the rim of the grid
        (12, 90.0, 499_950.0, 5_000_050.0),  # as coarse as the grid: one band
    ],
)
def test_thin_bands_give_the_numbers_of_the_whole(monkeypatch, rows, cell_m, left, top) -> None:
    data = study(rough_dem(rows, rows, cell_m, left=left, top=top))
    whole = relief.cell_terrain(data)
    assert np.isfinite(whole["slope_pct"]).any()
    monkeypatch.setattr(bands, "_BAND_HEIGHTS", 1)
    fine = cell_m <= CELL_M / 2
    assert (len(list(bands.bands(data.dem, data.grid))) > 5) == fine
    banded = relief.cell_terrain(data)
    assert list(banded) == list(whole)
    for name, values in whole.items():
        np.testing.assert_array_equal(banded[name], values, err_msg=name)
    # The slope of the whole model, not of its bands.
    steep = relief.to_cells(relief.slope_pct(data.dem).to_numpy(), data.dem, data.grid)
    np.testing.assert_array_equal(banded["slope_pct"], steep)


def test_the_mean_of_a_cell_is_that_of_its_heights(monkeypatch) -> None:
    monkeypatch.setattr(bands, "_BAND_HEIGHTS", 1)
    dem = rough_dem(90, 70, 10.0, left=500_000.0, top=5_000_000.0)
    found = relief.to_cells(dem.to_numpy(), dem, study(dem).grid)
    blocks = dem.to_numpy().reshape(9, 10, 7, 10)
    assert found == pytest.approx(np.nanmean(blocks, axis=(1, 3)), nan_ok=True)


def test_a_model_beside_the_grid_says_nothing() -> None:
    data = study(rough_dem(40, 40, 10.0, left=600_000.0, top=5_000_000.0))
    found = relief.cell_terrain(data)
    assert np.isnan(found["elevation_m"]).all()
    assert found["slope_pct"].shape == (9, 7)
