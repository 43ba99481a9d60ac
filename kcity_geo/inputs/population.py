"""Population: where the people of a study come from, and how they are held against official numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.config import Config, read_table
from kcity_geo.cube import cell_size, layer, plain_variable
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.inputs.dwellings import Dwellings, people_of_dwellings
from kcity_geo.inputs.files import is_table, is_vector, one_or_all, raster_paths
from kcity_geo.inputs.rasters import refuse_list_of_others
from kcity_geo.inputs.reading import Reading
from kcity_geo.notes import tell
from kcity_geo.settings import Settings
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.studyfile import Study

__all__ = [
    "compare_districts",
    "degree_of_urbanisation",
    "lack_of_people",
    "nobody_on_slivers",
    "people_of_districts",
    "people_on_grid",
    "people_without_grid",
    "scale_population",
]

# A raster that differs more than this share from the official count is worth a note.
_POPULATION_TOLERANCE = 0.1


# One that differs by more than this factor counts something else, or another place.
_POPULATION_FACTOR = 10.0


# Of a single district; its outline and the pixels of the grid seldom fit better.
_DISTRICT_TOLERANCE = 0.2


# A hamlet that differs by fewer people than this share of all is not worth a note.
_DISTRICT_LEAST = 0.005


_OFFICIAL_TABLE = "official.table"


def people_on_grid(
    study: Study, cube: xr.Dataset, divided: DistrictPeople, config: Config
) -> Reading[xr.Dataset]:
    """
    Bring the people of ``sources.population`` onto the grid, where it says in which place they live.

    Parameters
    ----------
    study : the study file.
    cube : variables so far.
    divided : gathers the people of the districts; knows city and grid.
    config : limits, cache, offline.

    Returns
    -------
    The cube, with ``population`` from a raster or from polygons. A table by district is told of in
    ``about`` and spread later, by `people_without_grid`.
    """
    from kcity_geo.sources.local.origins import describe
    from kcity_geo.sources.local.rasters import persons_from_polygons, read_raster
    from kcity_geo.sources.local.vectors import read_polygons

    paths = raster_paths(study, "population")
    if not paths:
        return Reading(value=cube)
    about = describe(paths, key="population")
    if is_table(paths[0]):
        return Reading(value=cube, about=(about,))
    refuse_list_of_others(paths, key="population")
    city, grid = divided.city, divided.grid
    if is_vector(paths[0]):
        frame = read_polygons(paths[0], key="sources.population")
        values, numbers = persons_from_polygons(frame, city=city, grid=grid, districts=divided)
        population = layer(
            values,
            grid=grid,
            units="persons",
            long_name="Residents",
            source=about.title,
            licence=about.licence,
            as_of=about.as_of,
            evidence="user",
        )
    else:
        population, numbers = read_raster(
            one_or_all(paths),
            key="population",
            city=city,
            grid=grid,
            config=config,
            districts=divided,
        )
    measured = {"population": numbers}
    return Reading(value=cube.assign(population=population), about=(about,), measured=measured)


def people_of_districts(
    cube: xr.Dataset,
    persons: pd.Series,
    shares: pd.DataFrame,
    *,
    place: Dwellings,
    name: str,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """
    Spread the residents of each district over where people can live in it: a proxy.

    Parameters
    ----------
    cube : variables so far.
    persons : index district id, residents; NaN where not known.
    shares : share of each cell in each district.
    place : what the map says of where people live.
    name : of the table, for the note.

    Returns
    -------
    The cube with ``population`` and the shares with the people of each piece. The people of each district add up
    to its number.
    """
    from kcity_geo.analysis.settlement.dasymetric import (
        people_from_districts,
        pieces_from_districts,
    )
    from kcity_geo.sources.local.district_people import with_people

    land = cube["inside_share"].to_numpy().astype(float)
    weight, follows = place.weight(cube, float(persons.sum()))
    tell(
        f"{name} says how many live in a district, not where: they were spread by "
        + (follows or "area (give sources.built to follow built-up land)"),
        stacklevel=3,
    )
    weight = land if weight is None else weight
    people = people_from_districts(persons, shares, weight=weight, land=land)
    pieces = pieces_from_districts(persons, shares, weight=weight, land=land)
    cube = cube.assign(
        population=layer(
            people,
            grid=place.grid,
            units="persons",
            long_name="Residents",
            source=f"{name}, spread by {follows or 'area'}",
            evidence="proxy",
        )
    )
    return cube, with_people(shares, np.nan_to_num(pieces), people)


def people_without_grid(
    study: Study,
    cube: xr.Dataset,
    official: Mapping[str, Any],
    shares: pd.DataFrame,
    *,
    place: Dwellings,
) -> tuple[xr.Dataset, pd.DataFrame]:
    """
    Without a population grid, spread official numbers over where people can live: a proxy.

    Parameters
    ----------
    study : the study file; ``sources.population`` may name a table by district.
    cube : variables so far.
    official : official numbers; a table by district beats the number of the city.
    shares : share of each cell in each district.
    place : what the map says of where people live.

    Returns
    -------
    The cube with ``population`` and the shares with the people of each piece; unchanged when there is a grid, or no
    official number.
    """
    if "population" in cube:
        return cube, shares
    from kcity_geo.sources.local.tables import read_district_people

    paths = raster_paths(study, "population")
    table = official.get("table")
    if paths and is_table(paths[0]):
        persons = read_district_people(paths[0], districts=place.city.districts)
        name = f"sources.population: {paths[0].name}"
        return people_of_districts(cube, persons, shares, place=place, name=name)
    in_table = None if table is None or "population" not in table else table["population"]
    known = pd.Series(dtype=bool) if in_table is None else in_table.notna()
    if known.any() and not known.all():
        lacking = known.index[~known].astype(str).tolist()
        tell(
            f"official.table: the population of {len(lacking)} of {len(known)} districts is not known "
            f"({', '.join(lacking[:3])}{', …' if len(lacking) > 3 else ''}), so the column places nobody; "  # noqa: PLR2004
            "complete it, or give sources.population",
            stacklevel=3,
        )
    if in_table is not None and known.all():
        return people_of_districts(cube, in_table, shares, place=place, name=_OFFICIAL_TABLE)
    return people_of_dwellings(cube, official.get("population"), place), shares


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
    population is known for a part of the city only, or follows the districts of ``official.table``.
    """
    target = official.get("population")
    if target is None or "population" not in cube:
        return cube
    population = cube["population"]
    total = float(np.nansum(population.to_numpy()))
    reason = _not_scaled(cube, target, city)
    if reason:
        tell(reason, stacklevel=3)
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
    about = {**population.attrs, "scaled_by": factor}
    scaled = plain_variable(population.dims, population.to_numpy() * factor, about)
    return cube.assign(population=scaled)


def _not_scaled(cube: xr.Dataset, target: float, city: City) -> str:
    """Say why the people stay as they are although an official number differs; empty when they do not."""
    total = float(np.nansum(cube["population"].to_numpy()))
    by_district = cube["population"].attrs.get("source", "").startswith(_OFFICIAL_TABLE)
    if by_district and abs(target - total) >= 1:
        return (
            f"official.population is {target:,.0f}, the districts of official.table add up to {total:,.0f}; "
            "the districts are used"
        )
    covered = _covered(cube)
    if covered >= read_table("rasters")["whole"]:  # else the official count is that of another area
        return ""
    return (
        f"official.population: {target:,.0f}, but the population is known for {covered:.0%} of "
        f"{city.name} only ({total:,.0f} persons there); it was not scaled, as nobody knows how many "
        "live in the rest; give a grid of the whole city"
    )


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


def degree_of_urbanisation(cube: xr.Dataset, grid: GeoBox, settings: Settings) -> xr.Dataset:
    """
    Degree of urbanisation of each cell, from a raster of codes or from the population.

    Parameters
    ----------
    cube : variables so far.
    grid : the study grid.
    settings : of ``settlement``.

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
        settings=settings,
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


def nobody_on_slivers(cube: xr.Dataset, grid: GeoBox) -> xr.Dataset:
    """
    Let nobody live in cells of which the boundary touches too little land for one resident.

    A population grid seldom reaches such a sliver; as *not known* it would be judged and stand as a
    frame around the city in maps and files. Words, map and files ask the people of a cell alone, so
    this is the one place that decides it.

    Parameters
    ----------
    cube : variables so far, urban classes among them: for these the grid ends where it ends.
    grid : the study grid.

    Returns
    -------
    The cube; people are 0 instead of not known where less than ``land_m2_min`` of
    ``tables/display.toml`` lies inside the city. Unchanged without a population, and elsewhere.
    """
    if "population" not in cube:
        return cube
    population, share = cube["population"], cube["inside_share"].to_numpy()
    land_m2 = share.astype(np.float64) * cell_size(grid) ** 2
    least = read_table("display")["residents"]["land_m2_min"]
    sliver = (share > 0) & (land_m2 < least) & np.isnan(population.to_numpy())
    if not sliver.any():
        return cube
    values = np.where(sliver, 0, population.to_numpy()).astype(population.dtype)
    return cube.assign(population=plain_variable(population.dims, values, population.attrs))


def lack_of_people(cube: xr.Dataset, city: City) -> list[str]:
    """
    Say what is not counted when nobody lives in the city, or nobody knows who does.

    Parameters
    ----------
    cube : all variables.
    city : the city.

    Returns
    -------
    A line, or none.
    """
    if "population" not in cube:
        return [
            (
                "no population was given: persons cannot be counted; give sources.population (GHS-POP, "
                "WorldPop or a census grid), or official.population where buildings are mapped"
            )
        ]
    if float(np.nansum(cube["population"].to_numpy())) > 0:
        return []
    return [
        (
            f"nobody lives in {city.name} by sources.population: what is counted in people is not "
            "assessed, and gaps are means over land"
        )
    ]
