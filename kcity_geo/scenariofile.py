"""Scenario file: other weights and limits for a study, saved by the map and replayed by ``kcity run --scenario``."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from kcity_geo.errors import StudyError
from kcity_geo.refusals import refusal
from kcity_geo.study_keys import SuitabilitySection
from kcity_geo.studyfile import Study, read_toml
from kcity_geo.suitability_keys import ScenarioSection

__all__ = ["question_of_scenario", "with_scenario"]

_KEY = "suitability.scenario."


def with_scenario(study: Study, path: str | Path) -> Study:
    """
    Give a study with the scenario of a file.

    Parameters
    ----------
    study : that the scenario was saved from.
    path : TOML file with ``weights``, ``constraints``, ``sites`` (``kept`` or ``new``) and what the page
        showed.

    Returns
    -------
    The study with ``[suitability.scenario]``; a scenario that it had is replaced.

    Raises
    ------
    StudyError
        If the file is missing or not TOML, a key is unknown or out of range, or the scenario was saved from
        another study.
    """
    path = Path(path)
    raw = read_toml(path, what="scenario file")
    try:
        asked = ScenarioSection(**raw)
    except ValidationError as error:
        raise StudyError(f"{path.name}: {refusal(error, ScenarioSection)}") from error
    tables = study.model_dump(exclude_none=True)
    tables["suitability"]["scenario"] = asked.model_dump(exclude_none=True)
    try:
        return Study(path.name, **tables, folder=study.folder, place=study.place)
    except StudyError as error:
        raise StudyError(str(error).replace(_KEY, "")) from error


def question_of_scenario(asked: SuitabilitySection) -> SuitabilitySection:
    """
    Put the weights and limits of the scenario of a study in the place of its own.

    Parameters
    ----------
    asked : ``[suitability]`` of a study file.

    Returns
    -------
    The section without its scenario; the same section where it has none. Weights that are given count as
    stated, whatever the weights of the study come from.

    Examples
    --------
    >>> scenario = {"weights": {"slope_pct": 0.5}, "constraints": {"slope_pct_max": 8.0}}
    >>> found = question_of_scenario(SuitabilitySection(weights={"slope_pct": 0.1}, scenario=scenario))
    >>> found.weights, found.constraints, found.scenario
    ({'slope_pct': 0.5}, {'slope_pct_max': 8.0}, None)
    """
    if asked.scenario is None:
        return asked
    weights, limits = asked.scenario.weights, asked.scenario.constraints
    own = dict(asked.constraints)
    slopes = {"slope_pct_max", "slope_deg_max"}
    if slopes & set(limits):
        own = {key: value for key, value in own.items() if key not in slopes}
    changes = {
        "weights": {**asked.weights, **weights},
        "constraints": {**own, **limits},
        "scenario": None,
    }
    if weights:
        changes["weighting"] = type(asked.weighting)()
    return asked.model_copy(update=changes)
