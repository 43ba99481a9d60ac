"""Readers of vectors, maps and study files that the fuzz harness calls by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely
from pyproj import CRS

if TYPE_CHECKING:
    from pathlib import Path

AREA = shapely.box(9.0, 0.0, 9.1, 0.1)


def osm(path: Path) -> dict[str, int]:
    """Features of each layer that holds some."""
    from kcity_geo.sources.osm.pbf import read_osm

    layers = read_osm(path, area=AREA, crs=CRS(32632)).layers
    return {name: len(frame) for name, frame in layers.items() if len(frame)}


def districts(path: Path) -> list[list[str]]:
    """Ids and names of the districts of a city."""
    from kcity_geo.city import make_city
    from kcity_geo.sources.local.vectors import read_polygons

    frame = read_polygons(path, key="city.districts")
    return make_city("X", AREA, districts=frame).districts[["district_id", "name"]].values.tolist()


def study(path: Path) -> str:
    """Name of a study file."""
    from kcity_geo.studyfile import load_study

    return load_study(path).study.name
