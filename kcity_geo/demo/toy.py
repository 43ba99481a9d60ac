"""A toy city: a square in UTM 32N with four districts and no files, for examples and tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS

from kcity_geo.city import City
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import district_shares, empty_cube, layer

__all__ = ["SOUTH", "UTM", "WEST", "make_toy", "toy_layer"]

ROADS = ("roads_drive", "roads_walk", "roads_cycle")
WEST, SOUTH = 500_000.0, 5_000_000.0
UTM = CRS(32632)


def toy_layer(rows: list[dict[str, Any]], geometry: list[Any]) -> gpd.GeoDataFrame:
    """
    Make a layer of the toy city.

    Parameters
    ----------
    rows : columns of each feature; ``osm_id`` and ``name`` are made up where they are left out.
    geometry : shape of each feature, metres from the south-west corner of the city.

    Returns
    -------
    The features in the CRS of the city.

    Examples
    --------
    >>> clinic = toy_layer([{"amenity": "clinic"}], [shapely.Point(1000, 2000)])
    >>> clinic.geometry.iloc[0].wkt
    'POINT (501000 5002000)'
    """
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
    """
    Make a square city.

    Parameters
    ----------
    size_m : side of the city, metres.
    cell_m : side of a cell, metres.
    arrays : variable of the cube -> shape (rows, cols), or one number for all cells.
    layers : layer -> features, of `toy_layer`; the others are empty.
    official : numbers that the city published.
    split : where the districts NW, NE, SW and SE meet, shares of width and height.

    Returns
    -------
    Its data, without elevation, timetable and study.

    Examples
    --------
    >>> data = make_toy(arrays={"population": 10.0})
    >>> data.grid.shape, float(data.array("population").sum())
    (Shape2d(x=40, y=40), 16000.0)
    """
    once, grid, shares = _square(size_m, cell_m, (split[0], split[1]))
    city = replace(once, districts=once.districts.copy())  # a frame of its own for who changes it
    side = grid.shape[0]
    cube = empty_cube(city, grid=grid)
    share = cube["inside_share"]
    cube["inside_share"] = share.copy(
        data=np.ones_like(share.to_numpy())
    )  # the lon/lat outline is micrometres off
    for name, values in (arrays or {}).items():
        full = np.broadcast_to(np.asarray(values, dtype=float), (side, side)).copy()
        cube[name] = layer(full, grid=grid, units="1", long_name=name)
    nothing = toy_layer([], [])
    known = {row["id"]: nothing.copy() for row in read_table("osm")["layer"]}
    for name in ROADS:
        known[name]["highway"] = ""
    features = {**known, **(layers or {})}
    inventory = pd.DataFrame(
        {
            "layer": list(features),
            "count": [len(one) for one in features.values()],
            "length_km": [
                float(one.length.sum()) / 1000 if len(one) else 0.0 for one in features.values()
            ],
        }
    )
    return CityData(
        city=city,
        grid=grid,
        cube=cube,
        layers=features,
        inventory=inventory,
        shares=shares.copy(),
        official=official or {},
        osm_date="2025-01-01",
    )


@lru_cache(maxsize=32)
def _square(
    size_m: float, cell_m: float, split: tuple[float, float]
) -> tuple[City, GeoBox, pd.DataFrame]:
    """Make what all toys of one size and one split have in common: outline, districts, grid and shares."""
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
    return city, grid, district_shares(city, grid=grid)
