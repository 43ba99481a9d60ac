"""A toy city for the tests of planning: a square of 4 by 4 km, UTM 32N, no files."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS

from kcity_geo.city import City
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import district_shares, empty_cube, layer

WEST, SOUTH, SIZE = 500_000.0, 5_000_000.0, 4000.0
UTM = CRS(32632)


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    """A rectangle from the south-west corner of the toy city, metres."""
    return shapely.box(WEST + x0, SOUTH + y0, WEST + x1, SOUTH + y1)


def make_city_data(
    *, people: float | None = 10.0, official: dict[str, Any] | None = None, layers: Any = None
) -> CityData:
    square = shapely.box(WEST, SOUTH, WEST + SIZE, SOUTH + SIZE)
    districts = gpd.GeoDataFrame(
        {"district_id": ["all"], "name": ["all"]}, geometry=[square], crs=UTM
    )
    lonlat = gpd.GeoSeries([square], crs=UTM).to_crs(4326).iloc[0]
    city = City(name="Toy", boundary=lonlat, crs=UTM, scale_error=0.001, districts=districts)
    grid = GeoBox.from_bbox((WEST, SOUTH, WEST + SIZE, SOUTH + SIZE), crs=UTM, resolution=100.0)
    cube = empty_cube(city, grid=grid)
    if people is not None:
        values = np.full(tuple(grid.shape), people)
        cube["population"] = layer(values, grid=grid, units="persons", long_name="people")
    nothing = gpd.GeoDataFrame({"osm_id": []}, geometry=[], crs=UTM)
    frames = {row["id"]: nothing.copy() for row in read_table("osm")["layer"]}
    return CityData(
        osm_date="2025-06-01",
        city=city,
        grid=grid,
        cube=cube,
        layers={**frames, **(layers or {})},
        inventory=None,
        shares=district_shares(city, grid=grid),
        official=official or {},
    )


@pytest.fixture
def city() -> CityData:
    return make_city_data()
