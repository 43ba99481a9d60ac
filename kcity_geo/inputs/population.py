"""Population: where the people of a study come from, and how they are held against official numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.cube import layer
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.inputs.rasters import _TABLES, raster_paths
from kcity_geo.notes import tell
from kcity_geo.studyfile import Study, file_and_part

__all__ = [
    "compare_districts",
    "degree_of_urbanisation",
    "people_of_districts",
    "people_of_dwellings",
    "scale_population",
]

# A raster that differs more than this share from the official count is worth a note.
_POPULATION_TOLERANCE = 0.1


# Below this share of the land with a known population the official count is that of another area.
_WHOLE = 0.98


# One that differs by more than this factor counts something else, or another place.
_POPULATION_FACTOR = 10.0


# Of a single district; its outline and the pixels of the grid seldom fit better.
_DISTRICT_TOLERANCE = 0.2


# Months of night lights that together see less of the city are told.


# A hamlet that differs by fewer people than this share of all is not worth a note.
_DISTRICT_LEAST = 0.005


def people_of_districts(
    study: Study, city: City, grid: GeoBox, cube: xr.Dataset, shares: pd.DataFrame
) -> tuple[xr.Dataset, pd.DataFrame]:
    """
    Spread a table of residents by district over its built-up land: a proxy.

    Parameters
    ----------
    study : the study file.
    city : its city.
    grid : the study grid.
    cube : variables so far.
    shares : share of each cell in each district.

    Returns
    -------
    The cube with ``population`` and the shares with the people of each piece; both unchanged when the
    study names no such table.
    """
    paths = raster_paths(study, "population")
    if not paths or file_and_part(paths[0])[0].suffix.lower() not in _TABLES:
        return cube, shares
    from kcity_geo.analysis.settlement.dasymetric import (
        people_from_districts,
        pieces_from_districts,
    )
    from kcity_geo.sources.local.district_people import with_people
    from kcity_geo.sources.local.tables import read_district_people

    path = paths[0]
    persons = read_district_people(path, districts=city.districts)
    land = cube["inside_share"].to_numpy().astype(float)
    built = cube["built_m2"].to_numpy() if "built_m2" in cube else land
    follows = (
        "built-up land"
        if "built_m2" in cube
        else "area (give sources.built to follow built-up land)"
    )
    tell(
        f"sources.population: {path.name} says how many live in a district, not where: they were spread "
        f"by {follows}",
        stacklevel=3,
    )
    people = people_from_districts(persons, shares, weight=built, land=land)
    pieces = pieces_from_districts(persons, shares, weight=built, land=land)
    cube = cube.assign(
        population=layer(
            people,
            grid=grid,
            units="persons",
            long_name="Residents",
            source=f"{path.name}, spread by {follows.partition(' (')[0]}",
            evidence="proxy",
        )
    )
    return cube, with_people(shares, np.nan_to_num(pieces), people)


def people_of_dwellings(
    cube: xr.Dataset,
    official: Mapping[str, Any],
    layers: Mapping[str, gpd.GeoDataFrame],
    city: City,
    grid: GeoBox,
    parameters: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """
    Without a population grid, spread the official number over mapped dwellings: a proxy.

    Parameters
    ----------
    cube : variables so far.
    official : official numbers.
    layers : layers of the map.
    city : the city.
    grid : the study grid.
    parameters : changes to the parameters of ``settlement``.

    Returns
    -------
    The cube with ``population``; unchanged when there is one already, or no official number.
    """
    total = official.get("population")
    if "population" in cube or total is None:
        return cube
    from kcity_geo.analysis.settlement.dasymetric import people_from_dwellings

    people = people_from_dwellings(
        layers["building"], total_persons=total, city=city, grid=grid, parameters=parameters
    )
    if people is None:
        if len(layers["building"]):
            tell(
                f"official.population: too few dwellings are mapped to spread {total:,.0f} residents over them; "
                "give sources.population",
                stacklevel=3,
            )
        return cube
    tell(
        f"no population grid was given: {total:,.0f} residents were spread over the mapped dwellings "
        "by floor area, which leaves out people in buildings that nobody mapped; give "
        "sources.population",
        stacklevel=3,
    )
    return cube.assign(
        population=layer(
            people,
            grid=grid,
            units="persons",
            long_name="Residents",
            source="official number, spread over OpenStreetMap buildings",
            licence="ODbL-1.0",
            evidence="proxy",
        )
    )


def scale_population(cube: xr.Dataset, official: Mapping[str, Any], city: City) -> xr.Dataset:
    """
    Scale the raster to the official count, when there is one.

    Parameters
    ----------
    cube : variables so far.
    official : official numbers.
    city : the city.

    Returns
    -------
    The cube; its people inside the city add up to the official count. Unchanged, and told, where the
    population is known for a part of the city only.
    """
    target = official.get("population")
    if target is None or "population" not in cube:
        return cube
    population = cube["population"]
    total = float(population.sum())
    covered = _covered(cube)
    if covered < _WHOLE:
        tell(
            f"official.population: {target:,.0f}, but the population is known for {covered:.0%} of "
            f"{city.name} only ({total:,.0f} persons there); it was not scaled, as nobody knows how many "
            "live in the rest; give a grid of the whole city",
            stacklevel=3,
        )
        return cube
    if total <= 0:
        raise SourceError(
            f"sources.population: nobody lives in {city.name} by the raster, but official.population "
            f"is {target:,.0f}"
        )
    factor = target / total
    if not 1 / _POPULATION_FACTOR <= factor <= _POPULATION_FACTOR:
        raise StudyError(
            f"official.population: {target:,.0f}, but the population raster holds {total:,.0f} persons "
            f"inside {city.name}; one of the two counts something else, mend it"
        )
    if abs(factor - 1) > _POPULATION_TOLERANCE:
        tell(
            f"the population raster holds {total:,.0f} persons, the official number is {target:,.0f}; "
            f"the raster was scaled by {factor:.2f}",
            stacklevel=3,
        )
    scaled = population * factor
    scaled.attrs = {**population.attrs, "scaled_by": factor}
    return cube.assign(population=scaled)


def _covered(cube: xr.Dataset) -> float:
    """Share of the land of the city of which the population is known."""
    land = cube["inside_share"].to_numpy()
    return float(land[np.isfinite(cube["population"].to_numpy())].sum() / land.sum())


def compare_districts(cube: xr.Dataset, official: Mapping[str, Any], shares: pd.DataFrame) -> None:
    """
    Tell where the people of the table by district and of the raster are far apart.

    Parameters
    ----------
    cube : variables so far.
    official : official numbers and their table.
    shares : share of each cell in each district.
    """
    table = official.get("table")
    if table is None or "population" not in table or "population" not in cube:
        return
    people = np.nan_to_num(cube["population"].to_numpy()).ravel()
    found = (shares["people_share"] * people[shares["cell"]]).groupby(shares["district_id"]).sum()
    stated = table["population"].dropna()
    raster = found.reindex(stated.index).fillna(0.0)
    off = (raster - stated).abs()
    apart = off / np.maximum(raster, stated).where(lambda v: v > 0, 1.0)
    many = off > _DISTRICT_LEAST * stated.sum()
    far = apart[(apart > _DISTRICT_TOLERANCE) & many].sort_values(ascending=False, kind="stable")
    if len(far):
        some = ", ".join(
            f"{key} {stated[key]:,.0f} against {raster[key]:,.0f}" for key in far.index[:3]
        )
        tell(
            f"official.table and the population grid are far apart in {len(far)} of {len(stated)} "
            f"districts ({some}); the grid is used: check year and outlines, or set official.population",
            stacklevel=3,
        )


def degree_of_urbanisation(
    cube: xr.Dataset, grid: GeoBox, parameters: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """
    Degree of urbanisation of each cell, from a raster of codes or from the population.

    Parameters
    ----------
    cube : variables so far.
    grid : the study grid.
    parameters : changes to the parameters of ``settlement``.

    Returns
    -------
    The cube with the class of each cell; unchanged without people and codes.
    """
    if "population" not in cube and "smod" not in cube:
        return cube
    from kcity_geo.analysis.settlement.classes import urban_classes

    box = grid.boundingbox
    smod = cube["smod"].to_numpy() if "smod" in cube else None
    people = cube["population"].to_numpy() if "population" in cube else np.full(grid.shape, np.nan)
    classes = urban_classes(
        people,
        cell_m=abs(grid.resolution.x),
        origin=(box.left, box.top),
        smod=smod,
        open_edge=True,
        parameters=parameters,
    )
    return cube.assign(
        urban_class=layer(
            classes,
            grid=grid,
            units="class: 1 rural, 2 urban cluster, 3 urban centre",
            long_name="Degree of urbanisation",
            source="GHS-SMOD" if smod is not None else "derived from the population",
            evidence="observed" if smod is not None else "modelled",
        )
    )
