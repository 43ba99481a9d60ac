"""Slope, aspect, drainage and height above it, against planes, hand-made valleys and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kcity_geo.analysis.terrain.relief import (
    aspect_deg,
    aspect_score,
    flood_class,
    hand,
    rise_per_metre,
    slope_pct,
)
from kcity_geo.errors import CRSMismatchError, GridMismatchError
from kcity_geo.settings import settings_of

SETTINGS = settings_of("water", None)
Z55 = np.array(
    [[9, 8, 7, 8, 9], [8, 6, 4, 6, 8], [7, 5, 2, 5, 7], [8, 5, 1, 5, 8], [9, 6, 0, 6, 9]],
    dtype=float,
)
STEP = {
    1: (0, 1),
    2: (1, 1),
    4: (1, 0),
    8: (1, -1),
    16: (0, -1),
    32: (-1, -1),
    64: (-1, 0),
    128: (-1, 1),
}


def dem_of(z, cell_m=100.0, left=500_000.0, top=5_000_000.0, **attrs):
    z = np.asarray(z, dtype=float)
    x = left + (np.arange(z.shape[1]) + 0.5) * cell_m
    y = top - (np.arange(z.shape[0]) + 0.5) * cell_m
    return xr.DataArray(z, dims=("y", "x"), coords={"y": y, "x": x}, attrs=attrs)


def plane(rows, columns, *, east, north, cell_m=30.0):
    row, column = np.mgrid[:rows, :columns]
    return dem_of(100 + east * column * cell_m - north * row * cell_m, cell_m=cell_m)


@pytest.mark.parametrize(
    ("east", "north", "bearing"), [(0.1, 0, 270), (0, 0.1, 180), (-0.1, 0, 90), (0.1, 0.1, 225)]
)
def test_a_plane_keeps_its_slope_to_the_last_cell_and_faces_downhill(east, north, bearing):
    dem = plane(6, 7, east=east, north=north)
    assert slope_pct(dem).to_numpy() == pytest.approx(100 * math.hypot(east, north))
    assert aspect_deg(*rise_per_metre(dem)) == pytest.approx(bearing)


def test_a_void_takes_no_slope_from_its_neighbours_and_gives_them_none():
    dem = plane(7, 7, east=0.05, north=-0.02)
    dem[2:4, 3] = np.nan
    slope = slope_pct(dem).to_numpy()
    assert np.isnan(slope[2:4, 3]).all()
    assert slope[np.isfinite(slope)] == pytest.approx(100 * math.hypot(0.05, 0.02))
    assert np.isfinite(slope).sum() == 47


def test_flat_ground_faces_nowhere_and_scores_full():
    dem = dem_of(np.full((4, 4), 7.0))
    assert np.isnan(aspect_deg(*rise_per_metre(dem))).all()
    score = aspect_score(np.zeros(2), np.full(2, np.nan), latitude=-30)
    assert score.tolist() == [1, 1]


def test_south_of_the_equator_the_north_face_is_the_sunny_one():
    north, south = aspect_score(np.array([20.0, 20.0]), np.array([0.0, 180.0]), latitude=-30)
    assert (north, south) == (1.0, 0.0)


@pytest.mark.parametrize("latitude", [0.5, 41.3, 60.2])
def test_ten_degrees_are_ten_degrees_at_every_latitude(latitude):
    # A plane of 10 degrees to the east, written as a real product is: in degrees of latitude and
    # longitude. Measured in Web Mercator it would be 7.5 degrees at 41 north.
    import rasterio
    from pyproj import Geod, Transformer
    from rasterio.transform import from_origin
    from rasterio.warp import Resampling, reproject

    step = 1 / 3600
    n = 160
    west, top = 10.0 - n / 2 * step, latitude + n / 2 * step
    geod = Geod(ellps="WGS84")
    metres = geod.line_length([10.0, 10.0 + step], [latitude, latitude])
    z = np.tile(np.arange(n) * metres * math.tan(math.radians(10)), (n, 1)).astype(np.float64)
    zone = 32632
    x, y = Transformer.from_crs(4326, zone, always_xy=True).transform(10.0, latitude)
    out = np.full((60, 60), np.nan)
    reproject(
        z,
        out,
        src_transform=from_origin(west, top, step, step),
        src_crs="EPSG:4326",
        dst_transform=from_origin(x - 900, y + 900, 30, 30),
        dst_crs=rasterio.crs.CRS.from_epsg(zone),
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    slope = slope_pct(dem_of(out, cell_m=30, left=x - 900, top=y + 900)).to_numpy()[5:-5, 5:-5]
    degrees = np.degrees(np.arctan(slope / 100))
    assert np.nanmedian(degrees) == pytest.approx(10.0, abs=0.1)


def test_degrees_oblong_cells_and_single_lines_are_refused():
    with pytest.raises(CRSMismatchError, match="degrees"):
        slope_pct(dem_of(np.zeros((4, 4)), cell_m=1 / 3600, left=10, top=40))
    oblong = dem_of(np.zeros((4, 4))).assign_coords(y=[400.0, 200.0, 0.0, -200.0])
    with pytest.raises(GridMismatchError, match="square"):
        slope_pct(oblong)
    with pytest.raises(GridMismatchError, match="at least"):
        slope_pct(dem_of(np.zeros((1, 4))))
    with pytest.raises(GridMismatchError, match="north up"):
        slope_pct(dem_of(np.zeros((4, 4))).isel(y=slice(None, None, -1)))


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


def walk(directions, start):
    """Cells on the way of the water, by hand."""
    rows, columns = directions.shape
    way = [start]
    while len(way) <= directions.size:
        code = int(directions[way[-1]])
        if code not in STEP:
            return way
        row, column = way[-1][0] + STEP[code][0], way[-1][1] + STEP[code][1]
        if not (0 <= row < rows and 0 <= column < columns) or directions[row, column] == 247:
            return way
        way.append((row, column))
    pytest.fail(f"water runs in a circle from {start}")


rough = arrays(np.float64, (9, 9), elements=st.floats(0.125, 60, width=32))


@given(rough, st.booleans())
def test_water_leaves_every_cell_and_heights_agree_with_walking(z, with_river):
    # Deep pits, a burned river and elevations that are no whole steps: rounding in the filling
    # of pits must not turn the water round.
    import shapely

    rivers = None
    if with_river:
        rivers = np.array(
            [shapely.LineString([(500_050, 4_999_450), (500_650, 4_999_750)])], dtype=object
        )
    found = hand(
        dem_of(z),
        rivers=rivers,
        stream_area_km2=0.05,
        settings=SETTINGS.changed(stream_hollow_m=0.0),
    )
    counts = np.zeros(z.shape)
    for start in np.ndindex(z.shape):
        way = walk(found.directions, start)
        for cell in way:
            counts[cell] += 1
        stream = next((c for c in way if found.streams[c]), None)
        height = found.hand.to_numpy()[start]
        if stream is None:
            assert np.isnan(height)
        else:
            drop = float(found.ground[start]) - float(found.ground[stream])
            assert height == pytest.approx(max(drop, 0.0), abs=1e-4)
    assert np.array_equal(counts, found.accumulation)
    assert (found.filled >= z - 1 / 512 - 1e-5).all()
    assert np.allclose(found.ground, z, atol=1 / 512 + 1e-5)
    if not with_river:
        assert (found.accumulation[found.streams] >= 5).all()


def test_a_stream_across_a_pit_does_not_lie_as_high_as_the_rim():
    # A bowl in a slope with a mapped river across it: filled to its rim, all of it would stand
    # 0 m above the river.
    import shapely

    row, column = np.mgrid[:41, :41].astype(float)
    away = np.hypot(row - 20, column - 20)
    z = np.where(away <= 8, 2 + 3 * (away / 8) ** 2, 8 - 0.05 * row)
    dem = dem_of(z)
    x, y = float(dem["x"][20]), dem["y"].to_numpy()
    river = shapely.LineString([(x, y[0]), (x, y[-1])])
    found = hand(dem, rivers=np.array([river], dtype=object), stream_area_km2=9.0)
    height = found.hand.to_numpy()
    assert found.filled[20, 20] > z[20, 20] + 2, "there is a pit to fill"
    assert height[20, 20] == 0
    # 6 cells east the ground lies 1.69 m above the river bed.
    assert height[20, 26] == pytest.approx(3 * (6 / 8) ** 2, abs=0.3)


def test_our_heights_are_those_of_pyflwdir_for_the_same_directions():
    import pyflwdir

    rng = np.random.default_rng(3)
    row, column = np.mgrid[:40, :40]
    z = 5 + 0.4 * row + 0.3 * np.abs(column - 20) + rng.normal(0, 0.4, (40, 40))
    found = hand(
        dem_of(z[::-1]), stream_area_km2=0.3, settings=SETTINGS.changed(stream_hollow_m=0.0)
    )
    flow = pyflwdir.from_array(found.directions, ftype="d8")
    assert np.array_equal(flow.upstream_area("cell"), found.accumulation)
    theirs = np.maximum(flow.hand(found.streams, found.ground), 0)
    known = np.isfinite(found.hand)
    assert known.mean() > 0.8
    assert np.allclose(found.hand.to_numpy()[known], theirs[known])


def test_a_mapped_river_drains_the_plain_that_the_model_cannot_see():
    import shapely

    flat = dem_of(np.full((21, 21), 12.0))
    river = np.array(
        [shapely.LineString([(500_000, 4_998_950), (502_100, 4_998_950)])], dtype=object
    )
    found = hand(flat, rivers=river, stream_area_km2=50)
    assert found.streams[10].all()
    assert found.streams.sum() == 21
    assert np.nanmax(found.hand) == 0.0


def test_sea_is_drainage_of_level_zero_and_a_void_inland_is_bridged():
    column = np.arange(40)
    z = np.tile(np.maximum(column - 15, 0) * 0.5, (40, 1)).astype(float)
    z[20, 30] = np.nan
    found = hand(dem_of(z), stream_area_km2=500)
    assert found.sea[:, :16].all()
    height = found.hand.to_numpy()
    assert np.isnan(height[:, :15]).all(), "the sea has no height above drainage"
    assert height[10, 25] == pytest.approx(5.0)
    assert np.isnan(height[20, 30])
    assert np.isfinite(height[20, 31]), "water flows across a bridged void"


def test_no_data_beside_low_land_is_sea_and_beside_high_land_unknown():
    column = np.arange(40)
    z = np.tile((column - 15) * 1.0, (40, 1))
    z[:, :16] = np.nan
    low = hand(dem_of(z), stream_area_km2=500)
    assert low.hand.to_numpy()[10, 20] == pytest.approx(5.0)
    high = hand(dem_of(z + 100), stream_area_km2=500)
    assert np.isnan(high.hand.to_numpy()).all(), "water leaves before it meets a stream"


def test_streams_need_a_hollow_but_go_on_where_it_ends():
    row, column = np.mgrid[:60, :60]
    slope = 40 + 0.5 * row[::-1]
    even = dem_of(slope)
    assert not hand(even, stream_area_km2=0.2).streams.any()
    assert hand(
        even, stream_area_km2=0.2, settings=SETTINGS.changed(stream_hollow_m=0.0)
    ).streams.any()
    hollow = slope - np.where(row < 40, 8 * np.exp(-(((column - 30) / 3.0) ** 2)), 0.0)
    streams = hand(dem_of(hollow), stream_area_km2=0.2).streams
    assert streams[20:40].any(axis=1).all()
    assert streams[45:].any(axis=1).all(), "below the hollow the stream runs on"


def test_catchments_divide_the_ground_among_the_reaches():
    found = hand(dem_of(Z55), stream_area_km2=0.09)
    assert (found.catchment == found.catchment[0, 0]).all()
    assert found.catchment[0, 0] > 0


def test_flood_classes_close_at_their_upper_edge():
    edges = (1, 2, 5, 10, 15)
    assert flood_class(np.array([1.0, 1.001, 2, 5, 15, 15.1, np.nan]), edges).tolist()[:6] == [
        0,
        1,
        1,
        2,
        4,
        5,
    ]
    assert np.isnan(flood_class(np.array([np.nan]), edges)).all()
