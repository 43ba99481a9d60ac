"""Rows of the report's chapter on suitability: criteria, constraints, what was missing, limits of sites."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.suitability.constraints import SITE_KEYS
from kcity_geo.config import read_table
from kcity_geo.outputs.cited import cited
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
            "stated": cited(human(c.weight_stated, "share"), f"criterion.{c.id}.weight_stated"),
            "used": cited(human(c.weight_used, "share"), f"criterion.{c.id}.weight_used"),
            "function": cited(
                score_words(c.value_function, c.units), f"criterion.{c.id}.value_function"
            ),
            "mean": cited(human(100 * mean[c.id]), f"criterion.{c.id}.mean_utility"),
            "evidence": translated_text(c.evidence),
            "mark": plain_text(c.mark),
            "note": cited(translated_text(c.note, max_chars=300), f"criterion.{c.id}.note"),
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
            "limit": cited(translated_text(c.limit), f"constraint.{c.id}.limit"),
            "share": cited(human(share[c.id], "share"), f"constraint.{c.id}.cells_share")
            if c.applied
            else tell("not_applied"),
            "area": _hectares(c.area_ha, result.data.city.area_km2, f"constraint.{c.id}.area"),
            "added": _hectares(c.added_ha, result.data.city.area_km2, f"constraint.{c.id}.added"),
            "mark": plain_text(c.mark),
            "note": cited(translated_text(c.note, max_chars=300), f"constraint.{c.id}.note"),
        }
        for c in result.score.constraints
    ]


def _hectares(area_ha: float, city_km2: float, key: str) -> str:
    if not math.isfinite(area_ha):
        return ""
    share = cited(human(area_ha / 100 / city_km2, "share"), f"{key}_share")
    return tell("area_share", area=cited(human(area_ha, "ha"), f"{key}_ha"), share=share)


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
        (
            translated_text(titles.get(key, key)),
            cited(translated_text(why, max_chars=300), f"criterion.{key}.missing"),
        )
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
        unit = next((units[w] for w in reversed(str(key).split("_")) if w in units), "")
        shown = human(value, unit) if isinstance(value, int | float) else plain_text(value)
        rows.append((tell(f"site_limit_{key}"), cited(shown, f"site_limit.{key}")))
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
    order = cited(f"{method['orness']:.2f}", "method.orness")
    trade = cited(f"{method['tradeoff']:.2f}", "method.tradeoff")
    return tell("combine_owa_order", words=words, orness=order, tradeoff=trade)
