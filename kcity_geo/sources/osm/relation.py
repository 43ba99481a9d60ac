"""
A city's outline and districts out of its own extract: boundary relations as polygons.

It reads nothing else; see `kcity_geo.sources.osm.pbf` for the layers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import SourceError
from kcity_geo.sources.damage import refused_when_damaged
from kcity_geo.sources.osm.ordering import read_in_order

__all__ = ["read_admin_areas", "read_relation"]

_Read = TypeVar("_Read")


def read_relation(path: Path, relation: int) -> BaseGeometry:
    """
    Read one multipolygon or boundary relation as a polygon.

    Parameters
    ----------
    path : OSM extract.
    relation : id of the relation.

    Returns
    -------
    Polygon or MultiPolygon, lon/lat.

    Raises
    ------
    SourceError
        If the extract cannot be read, holds no such relation, or not all of its ways.
    """
    import osmium

    key = f"city.osm_relation: relation {relation}"

    def read(file: str) -> BaseGeometry | None:
        processor = osmium.FileProcessor(file).with_areas(
            osmium.filter.IdFilter([relation]).enable_for(osmium.osm.RELATION)
        )
        factory = osmium.geom.WKBFactory()
        for item in processor.with_filter(osmium.filter.EntityFilter(osmium.osm.AREA)):
            whole = item.num_rings()[0] > 0  # none: some of its ways lie beyond the extract
            if whole and not item.from_way() and item.orig_id() == relation:
                outline: BaseGeometry = shapely.from_wkb(factory.create_multipolygon(item))
                return outline
        return None

    found = _read(path, read, key)
    if found is None:
        raise SourceError(
            f"{key} is not in {path.name}, is no area, or is cut by the edge of the extract; "
            "give city.boundary instead"
        )
    return found


def _read(path: Path, read: Callable[[str], _Read], key: str) -> _Read:
    """Read a file in order; what is damaged is refused."""
    with refused_when_damaged(f"{key}: {path.name}"):
        return read_in_order(path, read)


def read_admin_areas(path: Path, level: int) -> gpd.GeoDataFrame:
    """
    Read the administrative areas of one level, as districts.

    Parameters
    ----------
    path : OSM extract.
    level : ``admin_level`` of OpenStreetMap; 8 is a municipality in much of Europe, 9 and 10 its
        parts.

    Returns
    -------
    ``district_id`` (``r`` and the relation's id), ``name``, polygons in lon/lat, by id. Relations
    that are cut by the edge of the extract are left out.

    Raises
    ------
    SourceError
        If the extract cannot be read or holds no such area.
    """
    import osmium

    key = f"city.osm_district_level: {level}"

    def read(file: str) -> list[tuple[int, str, bytes]]:
        rows: list[tuple[int, str, bytes]] = []
        wanted = osmium.filter.TagFilter(("admin_level", str(level))).enable_for(
            osmium.osm.RELATION
        )
        areas = osmium.FileProcessor(file).with_areas(wanted)
        factory = osmium.geom.WKBFactory()
        for item in areas.with_filter(osmium.filter.EntityFilter(osmium.osm.AREA)):
            tags = item.tags
            if item.from_way() or not item.num_rings()[0] or tags.get("admin_level") != str(level):
                continue
            if tags.get("boundary") == "administrative":
                name = tags.get("name:en") or tags.get("name") or ""
                rows.append((item.orig_id(), name, factory.create_multipolygon(item)))
        return rows

    rows = _read(path, read, key)
    if not rows:
        raise SourceError(f"{key}: {path.name} holds no administrative area of that level")
    rows.sort(key=lambda row: row[0])
    return gpd.GeoDataFrame(
        {"district_id": [f"r{i}" for i, _, _ in rows], "name": [n or f"r{i}" for i, n, _ in rows]},
        geometry=shapely.from_wkb([w for _, _, w in rows]),
        crs=4326,
    )
