"""Loading: everything that a study names, brought onto one grid in one CRS."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.citydata import CityData, Provenance
from kcity_geo.clock import Clock, Progress
from kcity_geo.config import Config
from kcity_geo.cube import district_shares, empty_cube, study_grid
from kcity_geo.errors import StudyError
from kcity_geo.in_copy import meanwhile
from kcity_geo.inputs.criteria import named_files, require_files, site_candidates
from kcity_geo.inputs.dwellings import Dwellings
from kcity_geo.inputs.files import other_files
from kcity_geo.inputs.landcover import refuse_mistaken_legend
from kcity_geo.inputs.licences import refuse_forbidden_inputs
from kcity_geo.inputs.official import hold_against_people, load_tables
from kcity_geo.inputs.osm import load_osm
from kcity_geo.inputs.outline import find_city
from kcity_geo.inputs.population import (
    compare_districts,
    degree_of_urbanisation,
    lack_of_people,
    nobody_on_slivers,
    people_on_grid,
    people_without_grid,
    scale_population,
)
from kcity_geo.inputs.rasters import load_elevation, load_flood, load_rasters, note_few_cells
from kcity_geo.inputs.synthetic import synthetic_inputs
from kcity_geo.inputs.uses import outline_files
from kcity_geo.notes import collected
from kcity_geo.settings import settings_of
from kcity_geo.siting import expect
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.studyfile import Study

__all__ = ["load"]


def load(
    study: Study,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
    _clock: Clock | None = None,
) -> CityData:
    """
    Read everything a study names and bring it onto one grid in one CRS.

    Parameters
    ----------
    study : checked study file.
    config : limits, cache, offline.
    progress : called with the name of each stage.
    _clock : of the whole run, for `run`.

    Returns
    -------
    The data; what is left out of the study file is absent.

    Raises
    ------
    StudyError, SourceError, LimitError, SchemaError
        If an input is wrong; the message names file and key.
    LicenceError
        If the study is paid work (``profile = "commercial"``) and the licence of an input forbids it.
    """
    if isinstance(study, str | Path):
        raise StudyError(f"load: needs a Study; use load(load_study({str(study)!r}))")
    expect(study, Study, "load(study)")
    config = config or Config.from_env()
    require_files(study)
    _check_report(study)
    refuse_forbidden_inputs(study)
    clock = _clock or Clock(progress)
    notes: list[str] = []
    from kcity_geo.sources.local.opening import without_network

    with collected(notes), without_network() if config.offline else nullcontext():
        with clock.stage("boundary"):
            city = find_city(study, config=config)
            grid = study_grid(city, cell_m=study.study.cell_m, config=config)
            cube = empty_cube(city, grid=grid)
            shares = district_shares(city, grid=grid)
            note_few_cells(cube, study)
            # Read for the ranking again; what cannot be read is refused before the work.
            site_candidates(study, study.suitability.sites, city)
        with meanwhile(partial(_rasters, study, city, grid, cube, shares, config)) as read:
            with clock.stage("OpenStreetMap"):
                mapped = load_osm(study, city, config)
                layers, osm_date = mapped.value, mapped.as_of
            with clock.stage("rasters"):
                rasters = read()
                cube, shares = rasters.cube, rasters.shares
                refuse_mistaken_legend(study, cube, layers, grid)
        with clock.stage("official numbers and timetables"):
            tables = load_tables(study, city, map_date=osm_date)
            official, transit = tables.value
            settings = settings_of("settlement", study.settlement)
            place = Dwellings(layers, city, grid, settings)
            cube, shares = people_without_grid(study, cube, official, shares, place=place)
            cube = scale_population(cube, official, city)
            hold_against_people(official, cube)
            compare_districts(cube, official, shares)
            cube = nobody_on_slivers(degree_of_urbanisation(cube, grid, settings), grid)
        with clock.stage("inventory"):
            from kcity_geo.analysis.evidence.inventory import inventory

            table = inventory(layers, city, extract_date=osm_date)
    notes += lack_of_people(cube, city)
    about = (*mapped.about, *rasters.about, *tables.about, *_named(study))
    notes += other_files(study, about)
    return CityData(
        city=city,
        grid=grid,
        cube=cube,
        layers=layers,
        inventory=table,
        shares=shares,
        dem=rasters.dem,
        flood=rasters.flood,
        transit=transit,
        official=official,
        provenance=about,
        warnings=tuple(notes),
        osm_date=osm_date,
        synthetic=_marked_synthetic(cube, study),
        study=study,
        measured=rasters.measured,
        unreadable_tags=mapped.unreadable,
    )


class _Rasters(NamedTuple):
    """The cube with what rasters say of its cells, and what is finer than a cell."""

    cube: xr.Dataset
    shares: pd.DataFrame
    dem: xr.DataArray | None
    flood: xr.DataArray | None
    about: tuple[Provenance, ...]
    measured: dict[str, Any]


def _rasters(
    study: Study,
    city: City,
    grid: GeoBox,
    cube: xr.Dataset,
    shares: pd.DataFrame,
    config: Config,
) -> _Rasters:
    divided = DistrictPeople(city, shares, grid)
    people = people_on_grid(study, cube, divided, config)
    rasters = load_rasters(study, city, grid, people.value, config)
    dem = load_elevation(study, city, config)
    if "population" in rasters.value:
        shares = divided.divided(rasters.value["population"].to_numpy())
    return _Rasters(
        cube=rasters.value,
        shares=shares,
        dem=dem,
        flood=load_flood(study, city, config),
        about=(*people.about, *rasters.about),
        measured={**people.measured, **rasters.measured},
    )


def _marked_synthetic(cube: xr.Dataset, study: Study) -> bool:
    """Whether an input is made up; then all that rests on it says so."""
    synthetic = bool(synthetic_inputs(study))
    if synthetic:
        for variable in cube.data_vars.values():
            variable.attrs["evidence"] = "synthetic"
    return synthetic


def _named(study: Study) -> tuple[Provenance, ...]:
    """Describe inputs that the study file names beside its sources."""
    return (*outline_files(study), *named_files(study))


def _check_report(study: Study) -> None:
    """Refuse slots of the report that cannot be filled, before any work is done."""
    from kcity_geo.outputs.report_slots import slots_of

    slots_of(study)
