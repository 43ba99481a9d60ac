"""Outline: the city of a study, by its boundary, relation, box, extract or name; and its districts."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import City, make_city
from kcity_geo.config import Config
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.studyfile import Study, resolve_path

__all__ = ["find_city"]


def find_city(place: str | Study, *, config: Config | None = None) -> City:
    """
    Find a city by name, or build it from what a study file says of its outline.

    Parameters
    ----------
    place : a name ("Kota Kinabalu, Malaysia"), looked up online (or in the offline gazetteer
        when `Config.offline`), or a `Study`.
    config : limits, cache, offline.

    Returns
    -------
    The city. For a study: its boundary file, else its OSM relation, else its box, else the header
    box of its OSM extract, else its name.

    Raises
    ------
    CityNotFoundError
        If no place, or more than one, answers to the name.
    StudyError, SourceError
        If the outline is not usable.
    """
    config = config or Config.from_env()
    if isinstance(place, str):
        from kcity_geo.sources.products.places import find_place

        return find_place(place, config=config)
    return _city_of(place, config)


def _city_of(study: Study, config: Config) -> City:
    if isinstance(study.place, City):
        return study.place
    wanted = study.city
    extract = None
    if study.sources.osm and study.sources.osm != "overpass":
        extract = resolve_path(study, study.sources.osm, key="sources.osm")
    outline = _outline(study, extract)
    if outline is None:
        if not wanted.name:
            raise StudyError(
                "city: no outline; give city.boundary, city.bbox, city.osm_relation or an OSM extract"
            )
        return find_city(wanted.name, config=config)
    name = wanted.name or study.study.name
    return make_city(name, outline, districts=_districts(study, extract), config=config)


def _districts(study: Study, extract: Path | None) -> gpd.GeoDataFrame | None:
    if study.city.districts:
        from kcity_geo.sources.local.vectors import read_polygons

        path = resolve_path(study, study.city.districts, key="city.districts")
        return read_polygons(path, key="city.districts")
    if study.city.osm_district_level is None:
        return None
    from kcity_geo.sources.osm.relation import read_admin_areas

    if extract is None:
        raise StudyError("city.osm_district_level: needs sources.osm, an extract that holds them")
    return read_admin_areas(extract, study.city.osm_district_level)


def _outline(study: Study, extract: Path | None) -> BaseGeometry | None:
    """Boundary file, else relation, else box, else the extract's own box, else nothing."""
    import shapely

    wanted = study.city
    given = [k for k in ("boundary", "osm_relation", "bbox") if getattr(wanted, k) is not None]
    if len(given) > 1:
        tell(
            f"city: {' and '.join(given)} are given; {given[0]} is the outline, the rest is not read",
            stacklevel=4,
        )
    if wanted.boundary:
        from kcity_geo.sources.local.vectors import read_boundary

        return read_boundary(resolve_path(study, wanted.boundary, key="city.boundary"))
    if wanted.osm_relation is not None:
        from kcity_geo.sources.osm.relation import read_relation

        if extract is None:
            raise StudyError("city.osm_relation: needs sources.osm, an extract that holds it")
        return read_relation(extract, wanted.osm_relation)
    if wanted.bbox is not None:
        west, south, east, north = wanted.bbox
        if west > east:
            raise StudyError(
                f"city.bbox: {list(wanted.bbox)} crosses the 180th meridian, which is not supported; take "
                "the side on which the city lies"
            )
        if not (west < east and south < north):
            raise StudyError(
                f"city.bbox: {list(wanted.bbox)} must be west, south, east, north in degrees"
            )
        return shapely.box(west, south, east, north)
    if extract is None:
        return None
    from kcity_geo.sources.osm.pbf import read_header

    box, _ = read_header(extract)
    if box is None:
        raise StudyError(
            f"city.boundary: none is given and {extract.name} has no header box; give a boundary"
        )
    tell(
        "the study area is the box of the OSM extract, not a city boundary; land beyond the extract "
        "counts as unmapped",
        stacklevel=4,
    )
    return box
