"""Slope, aspect, drainage and height above it, against planes, hand-made valleys and brute force."""

from __future__ import annotations

import numpy as np
import xarray as xr

from kcity_geo.analysis.terrain import hand

Z55 = np.array(
    [[9, 8, 7, 8, 9], [8, 6, 4, 6, 8], [7, 5, 2, 5, 7], [8, 5, 1, 5, 8], [9, 6, 0, 6, 9]],
    dtype=float,
)


def dem_of(z, cell_m=100.0, **attrs):
    z = np.asarray(z, dtype=float)
    x = 500_000 + (np.arange(z.shape[1]) + 0.5) * cell_m
    y = 5_000_000 - (np.arange(z.shape[0]) + 0.5) * cell_m
    return xr.DataArray(z, dims=("y", "x"), coords={"y": y, "x": x}, attrs=attrs)


def test_hand_and_accumulation_of_the_five_by_five_valley():
    # 9 cells of 100 m upstream are 0.09 km2. Level 0 is one cell, far too small for a sea.
    found = hand(dem_of(Z55), stream_area_km2=0.09)
    assert found.accumulation.astype(int).tolist() == [
        [1, 1, 1, 1, 1],
        [1, 2, 4, 2, 1],
        [1, 3, 15, 3, 1],
        [1, 2, 20, 2, 1],
        [1, 2, 25, 2, 1],
    ]
    assert np.argwhere(found.streams).tolist() == [[2, 2], [3, 2], [4, 2]]
    assert found.hand.to_numpy().tolist() == [
        [7, 6, 5, 6, 7],
        [6, 4, 2, 4, 6],
        [5, 3, 0, 3, 5],
        [7, 4, 0, 4, 7],
        [9, 6, 0, 6, 9],
    ]
