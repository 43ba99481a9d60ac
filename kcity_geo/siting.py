"""Siting: score every cell and rank the sites, with all that a study and its caller ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import geopandas as gpd
from pydantic import ValidationError

from kcity_geo.citydata import CityData
from kcity_geo.config import Config
from kcity_geo.errors import StudyError
from kcity_geo.inputs.criteria import site_candidates
from kcity_geo.notes import collected
from kcity_geo.parameters import nearest_name
from kcity_geo.profiles import Limit, profile
from kcity_geo.refusals import refusal
from kcity_geo.result import Gaps, Result, Suitability
from kcity_geo.scenariofile import question_of_scenario
from kcity_geo.studyfile import Study, SuitabilitySection
from kcity_geo.suitability_keys import NO_WEIGHTS, CriterionSection, SitesSection

__all__ = [
    "criteria_of_study",
    "expect",
    "rank_sites",
    "study_that_ran",
    "suitability",
    "with_warnings",
]

_Found = TypeVar("_Found", Gaps, Suitability)


def with_warnings(found: _Found, notes: list[str]) -> _Found:
    """
    Put the notes of a step beside the warnings that its result has already.

    Parameters
    ----------
    found : gaps or suitability.
    notes : as they were told.

    Returns
    -------
    The same with what is new.
    """
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

    expect(data, CityData, "suitability(data, gaps)")
    expect(gaps, Gaps | None, "suitability(data, gaps)")
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
    way = changes.get("weighting", {})
    if not weights and isinstance(way, dict) and way.get("method") in NO_WEIGHTS:
        # A way to weigh that leaves no room for weights takes the place of those of the study.
        asked["weights"] = {}
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
    return replace(with_warnings(found, notes), asked=asked)


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
    return replace(with_warnings(found, notes), asked=asked, before=before)


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


def expect(value: object, kind: Any, call: str) -> None:  # noqa: ANN401 - a class or a union
    """
    Refuse arguments in the wrong order before they fail somewhere deep.

    Parameters
    ----------
    value : as given.
    kind : the class that it must have, or a union.
    call : as it should be written.

    Raises
    ------
    StudyError
        If it is something else.
    """
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

    expect(score, Suitability, "rank_sites(score, data)")
    expect(data, CityData, "rank_sites(score, data)")
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


def study_that_ran(result: Result) -> Study:
    """
    Give the study of the data with what was asked of score and sites in Python.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    The study that gives the same again.
    """
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
