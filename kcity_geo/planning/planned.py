"""Planned: the plan of a ranked site as ``[concept]`` of a study file asks for it."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.citydata import CityData
from kcity_geo.concept_keys import ConceptSection
from kcity_geo.errors import StudyError
from kcity_geo.planning.asked import checked_keys, own_cost_rows
from kcity_geo.planning.concept import ConceptOptions, Plan, concept
from kcity_geo.planning.phasing import DEFAULT_PHASES
from kcity_geo.result import Suitability
from kcity_geo.studyfile import Study

__all__ = ["plan_of_site"]


def plan_of_site(
    study: Study,
    data: CityData,
    score: Suitability,
    sites: gpd.GeoDataFrame,
    *,
    site: int | str = 1,
) -> Plan:
    """
    Plan a ranked site.

    Parameters
    ----------
    study : whose ``[concept]`` says what the plan is for.
    data, score, sites : of the study.
    site : rank, label or id of the site.

    Returns
    -------
    The plan.

    Raises
    ------
    StudyError
        If there is no such site, or a key of ``[concept]`` is wrong.
    LayoutError
        If what is asked for does not fit the site.
    """
    keys = study.concept
    profile, rules = checked_keys(study)
    plan = concept(
        _site(sites, site),
        data,
        profile,
        persons=keys.persons,
        hectares=keys.hectares,
        jobs=keys.jobs,
        ruleset=rules,
        options=_options(keys, seed=study.study.seed, excluded=~score.feasible),
    )
    unchecked = _unchecked(score)
    return replace(plan, notes=(*plan.notes, unchecked)) if unchecked else plan


def _unchecked(score: Suitability) -> str:
    """Name the constraints that no land could be held against, as a note of the site; empty where there is none."""
    names = [c.title.lower() for c in score.constraints if not c.applied and c.limit != "off"]
    if not names:
        return ""
    return f"site: no data say where these constraints lie, and none is taken off: {', '.join(dict.fromkeys(names))}"


def _options(keys: ConceptSection, *, seed: int, excluded: NDArray[np.bool_]) -> ConceptOptions:
    return ConceptOptions(
        shares=keys.shares or None,
        far=keys.far or None,
        assumptions=keys.assumptions or None,
        park_law=keys.park_law,
        excluded=excluded,
        phases=tuple(keys.phases) or DEFAULT_PHASES,
        cost_rows=own_cost_rows(keys),
        currency=keys.currency,
        price_year=keys.price_year,
        price_level=keys.price_level,
        escalation_share_year=keys.escalation_share_year,
        study_class=keys.study_class,
        rates=tuple(keys.rates),
        seed=seed,
        on=keys.on,
    )


def _site(sites: gpd.GeoDataFrame, asked: int | str) -> gpd.GeoDataFrame:
    if not len(sites):
        why = sites.attrs.get("none", "")
        told = f"({why}); `kcity run` says what" if why else "; `kcity run` says why, and what"
        raise StudyError(
            f"site: the study has no ranked site{' ' if why else ''}{told} would give one"
        )
    for column in ("rank", "label", "site_id"):
        if column in sites:
            found = sites[sites[column].astype(str) == str(asked)]
            if len(found):
                return found.iloc[[0]]
    known = ", ".join(sites["site_id"].astype(str).head(12))
    if "rank" in sites and sites["rank"].isna().all():
        raise StudyError(
            f"site: {asked}: none of the {len(sites)} sites has a rank; take the id of one: {known}"
        )
    raise StudyError(f"site: {asked} is none of {len(sites)} ranked sites; take a rank or {known}")
