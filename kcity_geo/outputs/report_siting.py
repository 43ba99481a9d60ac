"""Rows of the report's chapter on suitability: criteria, constraints, what was missing, limits of sites."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.suitability.constraints import SITE_KEYS
from kcity_geo.config import read_table
from kcity_geo.outputs.curves import curve_svg
from kcity_geo.outputs.languages import tell
from kcity_geo.outputs.scores import score_words
from kcity_geo.outputs.text import human, plain_text, translated_text
from kcity_geo.profiles import criteria_titles
from kcity_geo.result import Result

__all__ = ["combination", "constraints", "criteria", "missing_criteria", "parameters"]


def criteria(result: Result) -> list[dict[str, str]]:
    """
    List the criteria of the project.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row a criterion.
    """
    mean = Findings(result).mean_utility
    return [
        {
            "title": translated_text(c.title),
            "stated": human(c.weight_stated, "share"),
            "used": human(c.weight_used, "share"),
            "function": score_words(c.value_function, c.units),
            "mean": human(100 * mean[c.id]),
            "evidence": translated_text(c.evidence),
            "mark": plain_text(c.mark),
            "note": translated_text(c.note, max_chars=300),
            "curve": curve_svg(result, c),
        }
        for c in result.score.criteria
    ]


def constraints(result: Result) -> list[dict[str, str]]:
    """
    List the constraints of the project.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row a constraint.
    """
    share = Findings(result).excluded_share
    return [
        {
            "title": translated_text(c.title),
            "limit": translated_text(c.limit),
            "share": human(share[c.id], "share") if c.applied else tell("not_applied"),
            "area": _hectares(c.area_ha, result.data.city.area_km2),
            "added": _hectares(c.added_ha, result.data.city.area_km2),
            "mark": plain_text(c.mark),
            "note": translated_text(c.note, max_chars=300),
        }
        for c in result.score.constraints
    ]


def _hectares(area_ha: float, city_km2: float) -> str:
    if not math.isfinite(area_ha):
        return ""
    share = human(area_ha / 100 / city_km2, "share")
    return tell("area_share", area=human(area_ha, "ha"), share=share)


def missing_criteria(result: Result) -> list[tuple[str, str]]:
    """
    List the criteria that were left out for lack of data.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Title and reason.
    """
    titles = criteria_titles()
    return [
        (translated_text(titles.get(key, key)), translated_text(why, max_chars=300))
        for key, why in result.score.missing.items()
    ]


def parameters(result: Result) -> list[tuple[str, str]]:
    """
    List the limits of whole sites; those of cells stand in the table of constraints.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Words and value.
    """
    units = {"ha": "ha", "m": "m", "km": "km", "pct": "%", "share": "share"}
    rows = []
    for key in SITE_KEYS:
        value = result.score.parameters.get(key)
        if value is None:
            continue
        words = str(key).split("_")
        unit = next((units[w] for w in reversed(words) if w in units), "")
        shown = human(value, unit) if isinstance(value, int | float) else plain_text(value)
        rows.append((translated_text(" ".join(w for w in words if w not in units)), shown))
    return rows


def combination(method: Mapping[str, Any]) -> str:
    """
    Say how criteria were combined, and what order weights mean.

    Parameters
    ----------
    method : of `kcity_geo.result.Suitability`.

    Returns
    -------
    A clause; empty where there is none.

    Examples
    --------
    >>> combination({"combination": "wlc"})
    'weighted sum'
    """
    key = f"combine_{method.get('combination')}"
    words = tell(key) if key in read_table("texts/report")["text"] else ""
    if "orness" not in method:
        return words
    order, trade = f"{method['orness']:.2f}", f"{method['tradeoff']:.2f}"
    return tell("combine_owa_order", words=words, orness=order, tradeoff=trade)
