"""
The whole story of a study: find the city, load, assess, score, rank, save.

This is the only file that knows all rooms of the house; each function here is one arrow of the
straight line and can be called on its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
from pydantic import ValidationError

from kcity_geo.analysis.location.located import Located
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.citydata import CityData
from kcity_geo.compiling import telling
from kcity_geo.config import Config
from kcity_geo.cube import district_shares, empty_cube, study_grid
from kcity_geo.errors import StudyError
from kcity_geo.indicators import INDICATOR_SECTORS
from kcity_geo.inputs.candidates import places_to_choose
from kcity_geo.inputs.criteria import named_files, require_files, site_candidates
from kcity_geo.inputs.dwellings import Dwellings
from kcity_geo.inputs.files import other_files
from kcity_geo.inputs.landcover import refuse_mistaken_legend
from kcity_geo.inputs.licences import refuse_forbidden_inputs
from kcity_geo.inputs.official import load_tables, refuse_impossible_counts
from kcity_geo.inputs.osm import load_osm
from kcity_geo.inputs.outline import find_city
from kcity_geo.inputs.population import (
    compare_districts,
    degree_of_urbanisation,
    lack_of_people,
    people_on_grid,
    people_without_grid,
    scale_population,
)
from kcity_geo.inputs.rasters import load_elevation, load_flood, load_rasters, note_few_cells
from kcity_geo.inputs.readiness import readiness
from kcity_geo.inputs.synthetic import synthetic_inputs
from kcity_geo.notes import collected, tell
from kcity_geo.parameters import nearest_name
from kcity_geo.plan_sheets import PlanSheets
from kcity_geo.profiles import Limit, profile
from kcity_geo.refusals import refusal
from kcity_geo.result import Gaps, Indicator, Result, Suitability
from kcity_geo.scenariofile import question_of_scenario
from kcity_geo.settings import settings_of
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.studyfile import Study, SuitabilitySection, load_study
from kcity_geo.suitability_keys import CriterionSection, SitesSection

Progress = Callable[[str], None]

__all__ = [
    "assess_gaps",
    "check",
    "criteria_of_study",
    "find_city",
    "load",
    "locate_in",
    "rank_sites",
    "run",
    "save",
    "street_graphs",
    "suitability",
    "terrain",
]


_Found = TypeVar("_Found", Gaps, Suitability)


class _Clock:
    """Stage names and seconds, in the order they happened."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self._progress:
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
    _expect(study, Study, "load(study)")
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
            refuse_impossible_counts(official, cube)
            compare_districts(cube, official, shares)
            cube = degree_of_urbanisation(cube, grid, settings)
        with clock.stage("inventory"):
            from kcity_geo.analysis.evidence.inventory import inventory

            table = inventory(layers, city, extract_date=osm_date)
    notes += lack_of_people(cube, city)
    about = (*mapped.about, *people.about, *rasters.about, *tables.about, *named_files(study))
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
    _expect(data, CityData, "assess_gaps(data)")
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.evidence.filtered import withheld
    from kcity_geo.analysis.gaps.combine import assess_gaps as combine
    from kcity_geo.analysis.registry import assess_rows

    clock = _clock or _Clock(progress)
    study, city = data.study or Study(), model_of(data)
    found: list[Indicator] = []
    notes: list[str] = []
    with collected(notes):
        # Graphs and terrain would be made when first needed; here they are so for the clock.
        with clock.stage("street graphs"):
            _ = city.graphs
        with clock.stage("terrain"):
            _ = city.terrain
        for sector in INDICATOR_SECTORS:
            with clock.stage(sector):
                found += assess_rows(city, sector)
        with clock.stage("gap model"):
            found = withheld(found, data)
            gaps = combine(city, found, seed=study.study.seed)
    return _with_warnings(gaps, notes)


def _with_warnings(found: _Found, notes: list[str]) -> _Found:
    known: tuple[str, ...] = found.warnings
    # A warning names its project in front; the same words stand in the result already.
    new: list[str] = [text for text in notes if not any(text.endswith(own) for own in known)]
    return replace(found, warnings=tuple(dict.fromkeys((*known, *new))))


def suitability(
    data: CityData,
    gaps: Gaps | None = None,
    *,
    project: str | None = None,
    weights: Mapping[str, float] | None = None,
    constraints: Mapping[str, Limit] | None = None,
    criteria: Sequence[CriterionSection] = (),
    **changes: Any,  # noqa: ANN401 - keys of a study file
) -> Suitability:
    """
    Score every cell for the project of the study.

    Parameters
    ----------
    data : of the city.
    gaps : of the same city; some criteria use them.
    project : another profile than the study's, or the path of a project file (``.toml``).
    weights, constraints : criterion -> weight and constraint -> limit, over those of the study file
        (as ``[suitability]`` in it); False switches a constraint off.
    criteria : of `kcity_geo.criterion`, beside those of the profile.
    **changes : further keys of ``[suitability]``: ``weighting``, ``combination``, ``value_functions``,
        ``exclusion_only``.

    Returns
    -------
    Score, criteria and constraints. Where the study has a scenario and nothing else is asked for, those of the
    scenario; `Suitability.before` is then the score without it.

    Raises
    ------
    StudyError
        If the profile does not exist or a key is wrong.
    """
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.suitability.score import suitability as score

    _expect(data, CityData, "suitability(data, gaps)")
    _expect(gaps, Gaps | None, "suitability(data, gaps)")
    _expect_criteria(criteria)
    study = data.study or Study()
    own = project is None or project == study.study.project
    base = study.suitability.model_dump() if own else {}
    asked: dict[str, Any] = {
        "weights": {**base.get("weights", {}), **(weights or {})},
        "constraints": {**base.get("constraints", {}), **(constraints or {})},
        "criterion": [*base.get("criterion", ()), *(one.model_dump() for one in criteria)],
        **{k: base[k] for k in _QUESTION if k in base},
        **changes,
    }
    asking = _asking(study, asked, project=project)
    _expect_once(asking.suitability.criterion)
    other = any((weights, constraints, criteria, changes)) or not own
    if asking.suitability.scenario is not None and not other:
        return _of_scenario(asking, data, gaps, asked)
    notes: list[str] = []
    with collected(notes):
        found = score(model_of(data), gaps, **_question_of(asking, data))
    if asking.suitability.scenario is not None and own:
        asked["scenario"] = None  # what is asked for in Python is no scenario of the file any more
    return replace(_with_warnings(found, notes), asked=asked)


def _of_scenario(
    study: Study, data: CityData, gaps: Gaps | None, asked: Mapping[str, Any]
) -> Suitability:
    """Score with and without the scenario of a study: the areas of the second keep their outlines."""
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.suitability.score import suitability as score

    changed = study.model_copy(update={"suitability": question_of_scenario(study.suitability)})
    notes: list[str] = []
    with collected([]):
        before = score(model_of(data), gaps, **_question_of(study, data))
    with collected(notes):
        found = score(model_of(data), gaps, **_question_of(changed, data))
    return replace(_with_warnings(found, notes), asked=asked, before=before)


def _expect_criteria(criteria: Any) -> None:  # noqa: ANN401 - whatever was passed
    if not isinstance(criteria, list | tuple) or not all(
        isinstance(one, CriterionSection) for one in criteria
    ):
        raise StudyError(
            "suitability(criteria=...): give a list of kc.criterion(...), "
            'for example [kc.criterion("clinic_km", distance_to="health", ...)]'
        )


def _expect_once(criteria: Sequence[CriterionSection]) -> None:
    ids = [one.id for one in criteria]
    for key in ids:
        if ids.count(key) > 1:
            raise StudyError(f"suitability(criteria=...): {key}: stands twice; give each id once")


#: Keys of ``[suitability]`` that make the score, beside weights, constraints and criteria.
_QUESTION = ("value_functions", "weighting", "combination", "exclusion_only")


def _asking(study: Study, asked: Mapping[str, Any], *, project: str | None) -> Study:
    """Give the study with what is asked instead, checked key by key."""
    for key in asked:
        if key not in {"weights", "constraints", "criterion", *_QUESTION}:
            raise StudyError(f"suitability: {key}: no such key{nearest_name(key, list(_QUESTION))}")
    try:
        section = SuitabilitySection(**asked)
    except ValidationError as error:
        raise StudyError(refusal(error, SuitabilitySection, under="suitability")) from error
    kept = study.suitability.model_copy(update={k: getattr(section, k) for k in asked})
    changes: dict[str, Any] = {"suitability": kept}
    if project is not None:
        changes["study"] = study.study.model_copy(update={"project": project})
    return study.model_copy(update=changes)


def _question_of(study: Study, data: CityData) -> dict[str, Any]:
    """Read what a study asks of suitability: files of criteria, judgements, the project file."""
    from kcity_geo.analysis.suitability.own import OwnCriterion
    from kcity_geo.analysis.suitability.weighting import Method
    from kcity_geo.inputs.criteria import (
        criteria_of,
        criterion_data,
        judgement_tables,
        project_path,
    )

    own, project = study.suitability, project_path(study, study.study.project)
    where: dict[str, Any] = {"city": data.city, "grid": data.grid, "config": Config.from_env()}
    return {
        "project": project,
        "weights": own.weights,
        "constraints": own.constraints,
        "value_functions": own.value_functions,
        "criteria": [
            OwnCriterion(keys=keys, data=criterion_data(keys, home, **where))
            for keys, home in criteria_of(study, project)
        ],
        "method": Method(
            weighting=own.weighting,
            combination=own.combination,
            judgements=judgement_tables(study, own.weighting),
            exclusion_only=own.exclusion_only,
            seed=study.study.seed,
        ),
    }


def criteria_of_study(data: CityData) -> list[dict[str, Any]]:
    """
    Say which criteria of a study can be computed for its city, and what the others need.

    Parameters
    ----------
    data : of the city, with its study.

    Returns
    -------
    A row a criterion: ``criterion, title, units, weight, status, detail``. The gaps are not assessed
    for it: criteria that use them say so.
    """
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.suitability.own import own_row
    from kcity_geo.analysis.suitability.score import measured_criteria
    from kcity_geo.analysis.suitability.view import CityView
    from kcity_geo.analysis.suitability.weighting import Method, stated_weights

    asked = _question_of(data.study or Study(), data)
    method: Method = asked["method"]
    rows = profile(asked["project"], asked["value_functions"])["criteria"]
    rows = [*rows, *(own_row(one) for one in asked["criteria"])]
    measured, missing = measured_criteria(CityView(model_of(data), None), rows)
    weight = {row["id"]: float(asked["weights"].get(row["id"], row["weight"])) for row in rows}
    if method.exclusion_only:
        weight = dict.fromkeys(weight, 0.0)
    elif method.weighting.method != "direct":
        weight = stated_weights(method, weight)[0]
    not_asked = "not asked: exclusion_only = true, no criterion is scored; "
    return [
        {
            "criterion": row["id"],
            "title": row["title"],
            "units": row["units"],
            "weight": weight[row["id"]],
            "status": "ok" if row["id"] in measured else "cannot be computed",
            "detail": (not_asked if method.exclusion_only else "")
            + (missing.get(row["id"]) or measured[row["id"]].note),
        }
        for row in rows
    ]


def _expect(value: object, kind: Any, call: str) -> None:  # noqa: ANN401 - a class or a union
    """Refuse arguments in the wrong order before they fail somewhere deep."""
    if not isinstance(value, kind):
        wanted = getattr(kind, "__name__", str(kind).replace("kcity_geo.result.", ""))
        raise StudyError(f"{call}: needs {wanted}, got {type(value).__name__}; mind the order")


def rank_sites(
    score: Suitability,
    data: CityData,
    *,
    threshold: float | None = None,
    max_sites: int | None = None,
    screening: bool | None = None,
    **sites: Any,  # noqa: ANN401 - keys of a study file
) -> gpd.GeoDataFrame:
    """
    Delineate the best areas and rank them.

    Parameters
    ----------
    score : of `suitability`.
    data : of the city.
    threshold, max_sites : lowest score of a site and number of sites, instead of the study's.
    screening : whether candidate land without order is given where no ranking is possible, instead of
        what the study says.
    **sites : keys of ``[suitability.sites]`` instead of the study's: ``candidates`` (a polygon file or a
        GeoDataFrame of parcels, which are scored and ranked instead of land cut out), ``method``,
        ``target_area_ha``, ``shape_weight``, ``spacing_m``.

    Returns
    -------
    Sites, best first, with their reasons; empty, with a warning, when none is large enough or when
    slope, flood or other decisive data are unknown (`Suitability.no_ranking`).
    """
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.sites.areas import areas_of
    from kcity_geo.analysis.sites.rank import SiteChoice
    from kcity_geo.analysis.sites.rank import rank_sites as rank
    from kcity_geo.analysis.sites.scenario import tell_scenario

    _expect(score, Suitability, "rank_sites(score, data)")
    _expect(data, CityData, "rank_sites(score, data)")
    study = data.study or Study()
    own = study.suitability
    threshold = own.threshold if threshold is None else threshold
    max_sites = own.max_sites if max_sites is None else max_sites
    screening = own.screening if screening is None else screening
    base = own.sites.model_dump(exclude_defaults=True)
    if {"candidates", "method"} & set(sites):
        # Another way to come to sites takes nothing but the distance from the study's.
        base = {k: v for k, v in base.items() if k == "spacing_m"}
    keys = _site_keys({**base, **sites})
    choice = SiteChoice(
        keys=keys, candidates=site_candidates(study, keys, data.city), screening=screening
    )
    how: dict[str, Any] = {"threshold": threshold, "max_sites": max_sites, "seed": study.study.seed}
    scenario = own.scenario if score.before is not None else None
    if score.before is not None and scenario is not None and scenario.sites == "kept":
        with collected([]):
            first = rank(score.before, model_of(data), choice=choice, **how)
        choice = replace(choice, kept=tuple(areas_of(first.attrs.get("areas", ()))))
    found = rank(score, model_of(data), choice=choice, **how)
    if scenario is not None:
        tell_scenario(found, scenario)
    found.attrs["asked"] = {
        "threshold": threshold,
        "max_sites": max_sites,
        "screening": screening,
        "sites": keys.model_dump(exclude_defaults=True),
    }
    return found


def _site_keys(asked: Mapping[str, Any]) -> SitesSection:
    for key in asked:
        if key not in SitesSection.model_fields:
            known = ["threshold", "max_sites", "screening", *SitesSection.model_fields]
            raise StudyError(f"rank_sites: {key}: no such key{nearest_name(key, known)}")
    try:
        return SitesSection(**asked)
    except ValidationError as error:
        raise StudyError(refusal(error, SitesSection, under="suitability.sites")) from error


def _study_that_ran(result: Result) -> Study:
    """Give the study of the data with what was asked of score and sites in Python."""
    study = result.data.study or result.study
    asked = {**result.score.asked, **result.sites.attrs.get("asked", {})}
    plain: dict[str, Any] = {
        key: {k: v.item() if hasattr(v, "item") else v for k, v in value.items()}
        if isinstance(value, Mapping)
        else value.item()
        if hasattr(value, "item")
        else value
        for key, value in asked.items()
    }
    return study.model_copy(
        update={
            "study": study.study.model_copy(update={"project": result.score.project}),
            "suitability": SuitabilitySection(**{**study.suitability.model_dump(), **plain}),
        }
    )


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

    _expect(result, Result, "save(result, out)")
    return write(replace(result, study=_study_that_ran(result)), Path(out))


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
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.sites.dossier import dossier
    from kcity_geo.outputs.folder import check_out_dir

    study = study if isinstance(study, Study) else load_study(study)
    check_out_dir(Path(out))
    _check_concept(study)
    clock = _Clock(progress)
    data = load(study, config=config, _clock=clock)
    gaps = assess_gaps(data, _clock=clock)
    notes: list[str] = []
    with collected(notes):
        with clock.stage("suitability"):
            score = suitability(data, gaps)
        with clock.stage("sites"):
            sites = rank_sites(score, data)
        with clock.stage("dossiers"):
            dossiers = dossier(sites, score, model_of(data))
        plan = _planned(study, data, gaps, score=score, sites=sites, clock=clock)
    score = _with_warnings(score, notes)
    result = Result(
        study=study,
        data=data,
        gaps=gaps,
        score=score,
        sites=sites,
        dossiers=dossiers,
        plan=plan,
        timings=dict(clock.seconds),
    )
    with clock.stage("files"):
        save(result, out)
    return replace(result, timings=dict(clock.seconds))


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

    _expect(study, Study, "locate_in(study, service)")
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
