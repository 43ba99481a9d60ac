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
