"""Readiness: what each input of a study is used for, what can be assessed, and what stands in the way."""

from __future__ import annotations

from typing import Any

from kcity_geo.citydata import CityData
from kcity_geo.indicators import INDICATOR_SECTORS
from kcity_geo.inputs.uses import input_paths, outlines, use_of
from kcity_geo.notes import collected
from kcity_geo.profiles import limits_of, profile
from kcity_geo.result import Indicator
from kcity_geo.studyfile import Study

__all__ = ["readiness"]


def readiness(data: CityData, study: Study) -> list[dict[str, Any]]:
    """
    Say what each input will be used for, how complete it is, and what can be assessed with it.

    Parameters
    ----------
    data : of the city, read for the study.
    study : its study file.

    Returns
    -------
    A row an input, a row a layer, a row an indicator, and what stops a part of the study: ``kind,
    name, status, detail``. Indicators are asked for what they need; none is computed.

    Raises
    ------
    StudyError, SourceError
        If the path of an input cannot be used.
    """
    from kcity_geo.sources.local.coverage import coverage

    complete = coverage(data, input_paths(study))
    rows: list[dict[str, Any]] = [
        {
            "kind": "input",
            "name": key,
            "status": "ok" if given else "not given",
            "detail": f"{given or instead}; used for {use_of(key)}; {complete[key]}",
        }
        for key, given, instead in outlines(study)
    ]
    told = {row["name"] for row in rows}
    for about in data.provenance:
        if about.id.removeprefix("city.") in told:  # outlines stand above
            continue
        numbers = data.measured.get(about.id, {})
        detail = [about.title, f"used for {use_of(about.id)}"]
        if about.note:
            detail.append(about.note)
        if about.id in complete:
            detail.append(complete[about.id])
        if "valid_share" in numbers:
            detail.append(f"covers {numbers['valid_share']:.0%} of the city")
        if "total" in numbers:
            detail.append(f"total {numbers['total']:,.0f}")
        if about.licence == "unknown":
            detail.append("licence not stated")
        rows.append(
            {"kind": "input", "name": about.id, "status": "ok", "detail": "; ".join(detail)}
        )
    rows.extend(
        {
            "kind": "layer",
            "name": row["layer"],
            "status": "ok" if row["count"] else "nothing mapped",
            "detail": f"{row['count']:,} features",
        }
        for row in data.inventory.to_dict("records")
    )
    notes: list[str] = []
    with collected(notes):
        found = _assessable(data)
    rows.extend(
        {
            "kind": "indicator",
            "name": indicator.id,
            "status": "NOT ASSESSED" if indicator.not_assessed else "will be assessed",
            "detail": indicator.not_assessed or indicator.note or indicator.evidence,
        }
        for indicator in found
    )
    rows.extend(
        {"kind": "blocker", "name": "sites", "status": "missing", "detail": text}
        for text in _ranking_blockers(data, study)
    )
    rows.extend(
        {"kind": "warning", "name": "", "status": "note", "detail": text}
        for text in dict.fromkeys((*data.warnings, *notes))
    )
    return rows


def _ranking_blockers(data: CityData, study: Study) -> list[str]:
    """Say what keeps anything from being ranked, whatever the land would score; nothing is computed."""
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.suitability.decisive import no_ranking, undecided
    from kcity_geo.analysis.suitability.view import CityView
    from kcity_geo.inputs.criteria import project_path

    kind = profile(project_path(study, study.study.project))
    limits = limits_of(kind, study.suitability.constraints)
    view = CityView(model_of(data).for_check(), None)
    return list(filter(None, [no_ranking(undecided(view, kind["decisive"], limits))]))


def _assessable(data: CityData) -> list[Indicator]:
    """Ask every indicator whether it has what it needs; nothing is computed for those that have."""
    from kcity_geo.analysis.city_model import model_of
    from kcity_geo.analysis.evidence.filtered import withheld
    from kcity_geo.analysis.registry import assess_rows

    city = model_of(data).for_check()
    return withheld([one for s in INDICATOR_SECTORS for one in assess_rows(city, s)], data)
