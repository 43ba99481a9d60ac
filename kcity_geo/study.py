"""
The whole story of a study: find the city, load, assess, score, rank, save.

This is the only file that knows all rooms of the house; each function here is one arrow of the
straight line and can be called on its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd

from kcity_geo.analysis.location.located import Located
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.citydata import CityData
from kcity_geo.clock import Clock, Progress
from kcity_geo.config import Config
from kcity_geo.errors import StudyError
from kcity_geo.garbage import among_new
from kcity_geo.indicators import INDICATOR_SECTORS
from kcity_geo.inputs.candidates import places_to_choose
from kcity_geo.inputs.outline import find_city
from kcity_geo.inputs.readiness import readiness
from kcity_geo.loading import load
from kcity_geo.notes import collected, tell
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.result import Gaps, Indicator, Result, Suitability
from kcity_geo.siting import (
    expect,
    rank_sites,
    study_that_ran,
    suitability,
    with_warnings,
)
from kcity_geo.studyfile import Study, load_study

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
    data: CityData, *, progress: Progress | None = None, _clock: Clock | None = None
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
    clock = _clock or Clock(progress)
    return _combined(data, _indicators(data, clock), clock)


def _indicators(data: CityData, clock: Clock) -> tuple[list[Indicator], list[str]]:
    """Assess every indicator; with what the reader of a report must know of them."""
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.registry import assess_rows, compute_rows, quantities_of
    from kcity_geo.analysis.terrain.relief import cell_terrain
    from kcity_geo.analysis.transport.assess import street_form_and_ways
    from kcity_geo.analysis.transport.street_form import street_form

    city = model_of(data)
    found: list[Indicator] = []
    notes: list[str] = []
    with among_new(), collected(notes):
        # All would be made when first needed; here they are so for the clock, and beside each other.
        with city.beside([(cell_terrain, ())]):
            with clock.stage("street graphs"):
                for mode in ("walk", "drive", "street"):  # that of cycling is seldom asked for
                    _ = city.graph(mode)
            with city.beside([(street_form, ())]), clock.stage("transport"):
                compute_rows(city, "transport", last=street_form_and_ways)
            with clock.stage("terrain"):
                _ = city.terrain
        with city.beside(quantities_of("energy", added=False)):
            for sector in INDICATOR_SECTORS:
                with clock.stage(sector):
                    found += assess_rows(city, sector)
    return found, notes


def _combined(data: CityData, assessed: tuple[list[Indicator], list[str]], clock: Clock) -> Gaps:
    """Combine the indicators to gaps with their ranges."""
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.evidence.filtered import withheld
    from kcity_geo.analysis.gaps.combine import assess_gaps as combine

    found, notes = assessed
    study = data.study or Study()
    with among_new(), collected(notes), clock.stage("gap model"):
        gaps = combine(model_of(data), withheld(found, data), seed=study.study.seed)
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
    clock = Clock(progress)
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
    return _found(study, config=config, clock=Clock(progress))


def _found(study: Study, *, config: Config | None, clock: Clock) -> Result:
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.connections.connect import ways
    from kcity_geo.analysis.sites.dossier import dossier

    data = load(study, config=config, _clock=clock)
    city = model_of(data)
    notes: list[str] = []
    assessed = _indicators(data, clock)
    # What dossiers ask for takes about as long as the gap model.
    with city.beside(ways()):
        gaps = _combined(data, assessed, clock)
        with among_new(), collected(notes):
            with clock.stage("suitability"):
                score = suitability(data, gaps)
            with clock.stage("sites"):
                sites = rank_sites(score, data)
            with clock.stage("dossiers"):
                dossiers = dossier(sites, score, city)
    with among_new(), collected(notes):
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
    clock: Clock,
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
    with Clock(progress).stage("choosing sites"):
        kind = None if weight == "short" else weight
        return locate(data, service, gaps=gaps, weight=kind, **where, **question), data
