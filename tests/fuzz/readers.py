"""Readers that the fuzz harness calls by name: a path in, something that JSON can hold out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from kcity_geo.city import make_city
from kcity_geo.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from kcity_geo.city import City


def _city() -> City:
    import geopandas as gpd

    box = shapely.box(28.0, -30.0, 28.05, -29.96)
    parts = [shapely.box(28.0, -30.0, 28.025, -29.96), shapely.box(28.025, -30.0, 28.05, -29.96)]
    frame = gpd.GeoDataFrame(
        {"district_id": ["01", "02"], "name": ["West", "East"]}, geometry=parts, crs=4326
    )
    return make_city("Here", box, districts=frame)


def raster(path: Path) -> list[float | None]:
    """Elevation of the city, flat, whole metres."""
    from kcity_geo.sources.local.rasters import read_window

    values = read_window(path, key="elevation", city=_city()).values
    return [None if np.isnan(v) else round(float(v), 3) for v in values.ravel()]


def raster_beside_gdal(path: Path) -> list[Any]:
    """The same, and pixels that differ from what GDAL reads at their places, where metres are declared."""
    import rasterio

    from kcity_geo.sources.local.raster_windows import read_window

    window = read_window(path, key="elevation", city=_city())
    rows, columns = np.indices(window.values.shape)
    x, y = window.transform * (columns + 0.5, rows + 0.5)
    with rasterio.open(path, driver="GTiff") as dataset:
        full = dataset.read(1, masked=True).astype(float)
        full = full * dataset.scales[0] + dataset.offsets[0]
        column, row = ~dataset.transform * (x, y)
        unit = dataset.units[0] or "m"
    at = np.floor(row).astype(int), np.floor(column).astype(int)
    inside = (at[0] >= 0) & (at[0] < full.shape[0]) & (at[1] >= 0) & (at[1] < full.shape[1])
    said = np.full(x.shape, np.nan)
    said[inside] = full.filled(np.nan)[at[0][inside], at[1][inside]]
    differ = ~np.isclose(window.values, said, rtol=1e-6, equal_nan=True)
    return [int(differ.sum()) if unit == "m" else 0, raster(path)]


def table(path: Path) -> dict[str, list[Any]]:
    """Official numbers by district."""
    from kcity_geo.sources.local.tables import read_official_table

    found = read_official_table(path, districts=_city().districts)
    return {str(c): [None if np.isnan(v) else float(v) for v in found[c]] for c in found}


# The harness itself is tested with these.


def behaves(path: Path) -> str:
    """Do what the file says: die, hang, raise, refuse, or give its text."""
    import os
    import signal

    text = path.read_text(encoding="utf-8")
    if text == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "hang":
        time.sleep(600)
    if text == "raise":
        raise KeyError(text)
    if text == "refuse":
        raise SourceError("this file is refused; give another")
    if text == "two lines":
        raise SourceError("this file\nis refused")
    if text == "eat":
        return str(len(np.ones(10**12)))
    print("noise of a library")
    return text
