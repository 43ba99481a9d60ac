"""
The whole story of a study: find the city, load, assess, score, rank, save.

This is the only file that knows all rooms of the house; each function here is one arrow of the
straight line and can be called on its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd

from kcity_geo.analysis.location.located import Located
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.citydata import CityData, Provenance
from kcity_geo.compiling import telling
from kcity_geo.config import Config
from kcity_geo.cube import district_shares, empty_cube, study_grid
from kcity_geo.errors import StudyError
from kcity_geo.garbage import among_new
from kcity_geo.indicators import INDICATOR_SECTORS
from kcity_geo.inputs.candidates import places_to_choose
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
from kcity_geo.inputs.readiness import readiness
from kcity_geo.inputs.synthetic import synthetic_inputs
from kcity_geo.inputs.uses import outline_files
from kcity_geo.notes import collected, tell
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.result import Gaps, Indicator, Result, Suitability
from kcity_geo.settings import settings_of
from kcity_geo.siting import (
    expect,
    rank_sites,
    study_that_ran,
    suitability,
    with_warnings,
)
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.studyfile import Study, load_study
from kcity_geo.threads import beside

Progress = Callable[[str], None]

__all__ = [
    "assess_gaps",
    "check",
    "find_city",
    "load",
    "locate_in",
    "run",
    "save",
    "street_graphs",
    "terrain",
]


class _Clock:
    """Stage names and seconds, in the order they began; of what runs beside a stage, what is waited for it."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self._progress and name not in self.seconds:
            self._progress(name)
        start = time.perf_counter()
        with telling(self._progress):
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def load(
    study: Study,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
    _clock: _Clock | None = None,
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
    clock = _clock or _Clock(progress)
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
        with clock.stage("rasters"):
            divided = DistrictPeople(city, shares, grid)
            people = people_on_grid(study, cube, divided, config)
            rasters = load_rasters(study, city, grid, people.value, config)
            cube, dem = rasters.value, load_elevation(study, city, config)
            if "population" in cube:
                shares = divided.divided(cube["population"].to_numpy())
            flood = load_flood(study, city, config)
        with clock.stage("OpenStreetMap"):
            mapped = load_osm(study, city, config)
            layers, osm_date = mapped.value, mapped.as_of
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
    about = (*mapped.about, *people.about, *rasters.about, *tables.about, *_named(study))
    notes += other_files(study, about)
    synthetic = synthetic_inputs(study)
    if synthetic:
        for variable in cube.data_vars.values():
            variable.attrs["evidence"] = "synthetic"
    return CityData(
        city=city,
        grid=grid,
        cube=cube,
        layers=layers,
        inventory=table,
        shares=shares,
        dem=dem,
        flood=flood,
        transit=transit,
        official=official,
        provenance=about,
        warnings=tuple(notes),
        osm_date=osm_date,
        synthetic=bool(synthetic),
        study=study,
        measured={**people.measured, **rasters.measured},
        unreadable_tags=mapped.unreadable,
    )


def _named(study: Study) -> tuple[Provenance, ...]:
    """Describe inputs that the study file names beside its sources."""
    return (*outline_files(study), *named_files(study))


def _check_report(study: Study) -> None:
    """Refuse slots of the report that cannot be filled, before any work is done."""
    from kcity_geo.outputs.report_slots import slots_of

    slots_of(study)


def street_graphs(data: CityData) -> dict[str, StreetGraph]:
    """
    Give the street graphs of a city, made once.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Mode -> graph, for ``walk``, ``cycle``, ``drive`` and ``street`` (both ways, for street form).
    """
    from kcity_geo.analysis.city_model import model_of

    return model_of(data).graphs


def terrain(data: CityData) -> dict[str, Any]:
    """
    Slope, height above drainage and their like for each cell, made once.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Name -> array (rows, cols); empty without elevation.
    """
    from kcity_geo.analysis.city_model import model_of

    return dict(model_of(data).terrain)


def assess_gaps(
    data: CityData, *, progress: Progress | None = None, _clock: _Clock | None = None
) -> Gaps:
    """
    Assess transport, water and energy: gap with its range, evidence and reading for each cell.

    Parameters
    ----------
    data : of the city.
    progress : called with the name of each stage.
    _clock : of the whole run, for `run`.

    Returns
    -------
    The gaps by cell, district and city.
    """
    expect(data, CityData, "assess_gaps(data)")
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.evidence.filtered import withheld
    from kcity_geo.analysis.gaps.combine import assess_gaps as combine
    from kcity_geo.analysis.registry import assess_rows, compute_rows
    from kcity_geo.analysis.terrain.relief import cell_terrain
    from kcity_geo.analysis.transport.street_form import street_form

    clock = _clock or _Clock(progress)
    study, city = data.study or Study(), model_of(data)
    found: list[Indicator] = []
    notes: list[str] = []
    with among_new(), collected(notes):
        # All would be made when first needed; here they are so for the clock, two of them beside the others.
        with clock.stage("street graphs"):
            for mode in ("walk", "drive", "street"):  # that of cycling is seldom asked for
                _ = city.graph(mode)
        wait = beside(*(partial(city.ahead, each) for each in (street_form, cell_terrain)))
        try:
            with clock.stage("transport"):
                compute_rows(city, "transport")
        except Exception:  # after Ctrl-C nothing is waited for
            wait()
            raise
        with clock.stage("terrain"):
            wait()
            _ = city.terrain
        for sector in INDICATOR_SECTORS:
            with clock.stage(sector):
                found += assess_rows(city, sector)
        with clock.stage("gap model"):
            found = withheld(found, data)
            gaps = combine(city, found, seed=study.study.seed)
    return with_warnings(gaps, notes)


def save(result: Result, out: str | Path) -> Path:
    """
    Write the study folder: map, report, layers and tables.

    Parameters
    ----------
    result : a finished study. The ``study.toml`` that is written is the study that ran: that of the data,
        with the project, weights, constraints, threshold and number of sites that were asked for.
    out : folder; an earlier study there is replaced only when the new one is whole.

    Returns
    -------
    The folder.

    Raises
    ------
    OutputError
        If the folder cannot be written or holds something else than a study.
    """
    from kcity_geo.outputs.folder import save as write

    expect(result, Result, "save(result, out)")
    return write(replace(result, study=study_that_ran(result)), Path(out))


def run(
    study: Study | str | Path,
    out: str | Path,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Result:
    """
    Run a whole study and save it.

    Parameters
    ----------
    study : study file or its path.
    out : folder for the results.
    config : limits, cache, offline.
    progress : called with the name of each stage.

    Returns
    -------
    What was found; `Result.timings` says where the time went.

    Raises
    ------
    KCityError
        If an input is wrong or the output cannot be written; nothing is overwritten then.

    Notes
    -----
    Where the file has the table ``[concept]``, the best site is planned too, for map and workbook; a plan that
    cannot be drawn is told among the warnings and stops nothing.
    """
    from kcity_geo.outputs.folder import check_out_dir

    study = study if isinstance(study, Study) else load_study(study)
    check_out_dir(Path(out))
    _check_concept(study)
    clock = _Clock(progress)
    with among_new():
        result = _found(study, config=config, clock=clock)
        with among_new(), clock.stage("files"):
            save(result, out)
    return replace(result, timings=dict(clock.seconds))


def found_again(
    study: Study, *, config: Config | None = None, progress: Progress | None = None
) -> Result:
    """
    Run a whole study without saving it, as a check of what was saved.

    Parameters
    ----------
    study : study file.
    config : limits, cache, offline.
    progress : called with the name of each stage.

    Returns
    -------
    What was found.

    Raises
    ------
    KCityError
        If an input is wrong.
    """
    return _found(study, config=config, clock=_Clock(progress))


def _found(study: Study, *, config: Config | None, clock: _Clock) -> Result:
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.sites.dossier import dossier

    data = load(study, config=config, _clock=clock)
    gaps = assess_gaps(data, _clock=clock)
    notes: list[str] = []
    with among_new(), collected(notes):
        with clock.stage("suitability"):
            score = suitability(data, gaps)
        with clock.stage("sites"):
            sites = rank_sites(score, data)
        with clock.stage("dossiers"):
            dossiers = dossier(sites, score, model_of(data))
        plan = _planned(study, data, gaps, score=score, sites=sites, clock=clock)
    score = with_warnings(score, notes)
    return Result(
        study=study,
        data=data,
        gaps=gaps,
        score=score,
        sites=sites,
        dossiers=dossiers,
        plan=plan,
        timings=dict(clock.seconds),
    )


def _check_concept(study: Study) -> None:
    """Refuse a wrong key of ``[concept]`` before any work is done."""
    if "concept" in study.model_fields_set:
        from kcity_geo.planning.asked import checked_keys

        checked_keys(study)


def _planned(
    study: Study,
    data: CityData,
    gaps: Gaps,
    *,
    score: Suitability,
    sites: gpd.GeoDataFrame,
    clock: _Clock,
) -> PlanSheets | None:
    """Plan the best site where the study file asks for a plan; None, with a note, where none can be drawn."""
    if "concept" not in study.model_fields_set:
        return None
    from kcity_geo.planning.planned import plan_of_site
    from kcity_geo.planning.sheets import plan_sheets

    with clock.stage("plan"):
        try:
            return plan_sheets(plan_of_site(study, data, score, sites), gaps=gaps)
        except StudyError as error:
            tell(f"[concept]: no plan is shown: {error}", stacklevel=3)
            return None


def check(study: Study, *, config: Config | None = None) -> list[dict[str, Any]]:
    """
    Read every input of a study and say what each will be used for and how complete it is.

    Parameters
    ----------
    study : checked study file.
    config : limits, cache, offline.

    Returns
    -------
    A row an input, a row an indicator, and what stops a part of the study: ``kind, name, status,
    detail``. Indicators are asked for what they need; none is computed.

    Raises
    ------
    KCityError
        If an input is wrong, or a key of ``[concept]`` where the file has that table.
    """
    _check_concept(study)
    return readiness(load(study, config=config), study)


def locate_in(  # noqa: PLR0913 - an option each, all named
    study: Study,
    service: str,
    *,
    weight: str = "short",
    candidates: str = "streets",
    existing: Path | None = None,
    price: str | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    **question: Any,  # noqa: ANN401 - arguments of locate
) -> tuple[Located, CityData]:
    """
    Choose where the next facilities should stand, with all that a study says.

    Parameters
    ----------
    study : checked study file.
    service : row of ``tables/services.toml``.
    weight : as for `kcity_geo.analysis.location.locate.locate`; for ``short`` the gaps are assessed
        where an indicator says who lacks the service.
    candidates : ``streets``, ``cells``, ``free`` (cells that no constraint of the project of the
        study excludes), or a vector file of points.
    existing : vector file of what exists; None: as the map has it.
    price : column of the file of candidates.
    config : limits, cache, offline.
    progress : called with the name of each stage.
    **question : further arguments of `kcity_geo.analysis.location.locate.locate`.

    Returns
    -------
    The sites, who goes where and the proof; and the data of the city.

    Raises
    ------
    StudyError, SourceError
        If an argument makes no sense or a file cannot be read; before the city is read.
    """
    from kcity_geo.analysis.location.locate import check_question, locate
    from kcity_geo.analysis.location.services import services

    expect(study, Study, "locate_in(study, service)")
    indicator = services(service).get("indicator")
    where = places_to_choose(candidates, existing=existing, price=price)
    check_question(price=where.get("price"), **question)
    data = load(study, config=config, progress=progress)
    if candidates == "free":
        where["candidates"] = suitability(data)
    gaps = None
    if weight == "short" and indicator in data.standards:
        gaps = assess_gaps(data, progress=progress)
    with _Clock(progress).stage("choosing sites"):
        kind = None if weight == "short" else weight
        return locate(data, service, gaps=gaps, weight=kind, **where, **question), data
