"""A toy city for the tests of the analysis: a square in UTM 32N, four districts, no files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS

from kcity_geo.city import City
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import district_shares, empty_cube, layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WEST, SOUTH = 500_000.0, 5_000_000.0
UTM = CRS(32632)


def frame(rows: list[dict[str, Any]], geometry: list[Any]) -> gpd.GeoDataFrame:
    """A layer: shapes are given from the south-west corner of the toy city, metres."""
    moved = [shapely.transform(g, lambda xy: xy + np.array([WEST, SOUTH])) for g in geometry]
    table = pd.DataFrame(rows or None)
    if "osm_id" not in table:
        table["osm_id"] = np.arange(1, len(moved) + 1)
    if "name" not in table:
        table["name"] = [""] * len(moved)
    return gpd.GeoDataFrame(table, geometry=moved, crs=UTM)


def make_toy(
    *,
    size_m: float = 4000.0,
    cell_m: float = 100.0,
    arrays: Mapping[str, Any] | None = None,
    layers: Mapping[str, gpd.GeoDataFrame] | None = None,
    official: Mapping[str, Any] | None = None,
    split: tuple[float, float] = (0.5, 0.5),
) -> CityData:
    """A square city, its districts cut at `split` of the width and height."""
    east, north = WEST + size_m, SOUTH + size_m
    x, y = WEST + split[0] * size_m, SOUTH + split[1] * size_m
    districts = gpd.GeoDataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "name": ["NE", "NW", "SE", "SW"]},
        geometry=[
            shapely.box(x, y, east, north),
            shapely.box(WEST, y, x, north),
            shapely.box(x, SOUTH, east, y),
            shapely.box(WEST, SOUTH, x, y),
        ],
        crs=UTM,
    )
    square = shapely.box(WEST, SOUTH, east, north)
    ring = gpd.GeoSeries([shapely.segmentize(square, 100)], crs=UTM).to_crs(4326).iloc[0]
    city = City(name="Toy", boundary=ring, crs=UTM, scale_error=0.0004, districts=districts)
    side = round(size_m / cell_m)
    grid = GeoBox.from_bbox((WEST, SOUTH, east, north), crs=UTM, shape=(side, side), tight=True)
    cube = empty_cube(city, grid=grid)
    cube["inside_share"][:] = 1.0  # the lon/lat outline is micrometres off
    for name, values in (arrays or {}).items():
        full = np.broadcast_to(np.asarray(values, dtype=float), (side, side)).copy()
        cube[name] = layer(full, grid=grid, units="1", long_name=name)
    known = {row["id"]: frame([], []) for row in read_table("osm")["layer"]}
    return CityData(
        city=city,
        grid=grid,
        cube=cube,
        layers={**known, **(layers or {})},
        inventory=pd.DataFrame(),
        shares=district_shares(city, grid=grid),
        official=official or {},
        osm_date="2025-01-01",
    )


@pytest.fixture
def toy() -> Callable[..., CityData]:
    """Maker of toy cities."""
    return make_toy


@pytest.fixture
def features() -> Callable[..., gpd.GeoDataFrame]:
    """Maker of layers."""
    return frame
