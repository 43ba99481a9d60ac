"""Recommendations in words: what follows from a study, why, and by which rule."""

from __future__ import annotations

from typing import NamedTuple

from kcity_geo.analysis.recommend import Recommendation, recommendations
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.headline import places_of, survey_places
from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.summary import Summary
from kcity_geo.outputs.text import human, persons, plain_text
from kcity_geo.outputs.themes import sector_title
from kcity_geo.result import SECTORS, Result

__all__ = ["Advice", "advice_of"]

_COUNTS = ("flags", "unchecked", "sites")
_FLAGS_TOLD = 3


class Advice(NamedTuple):
    """
    One recommendation.

    Parameters
    ----------
    text, because, rule : sentence, what was found, and from which number on it is said.
    """

    text: str
    because: str
    rule: str


def advice_of(result: Result, summary: Summary) -> list[Advice]:
    """
    Say what follows from a study.

    Parameters
    ----------
    result : a finished study.
    summary : of the same.

    Returns
    -------
    In order; the first is the next step.
    """
    return [
        _advice(f"advice.{number}", one, result, summary)
        for number, one in enumerate(recommendations(result), start=1)
    ]


def _advice(key: str, one: Recommendation, result: Result, summary: Summary) -> Advice:
    made = one.rule == "plan_site" and result.plan is not None
    rule = "planned_site" if made else one.rule
    return Advice(
        text=tell(f"recommend_{rule}", **_values(key, one, result, summary)),
        because=tell(
            f"because_{one.measure}", value=cited(_number(one, one.value), f"{key}.value")
        ),
        rule=_rule(key, one),
    )


def _number(one: Recommendation, value: float) -> str:
    return f"{value:.0f}" if one.measure in _COUNTS else human(value, "share")


def _rule(key: str, one: Recommendation) -> str:
    if one.measure in {"ranking", "assessed"}:
        return ""
    words = "rule_below" if one.value < one.limit else "rule_least"
    return tell(words, limit=cited(_number(one, one.limit), f"{key}.limit"))


def _values(key: str, one: Recommendation, result: Result, summary: Summary) -> dict[str, object]:
    """Give what the sentence of a rule may name."""
    if one.level:
        places = "" if one.measure == "assessed" else _places(one, result)
        thing = tell(f"thing_{one.level}") if one.level in SECTORS else sector_title(one.level)
        return {
            "thing": thing,
            "people": cited(persons(one.people), f"{key}.people"),
            "where": tell("recommend_where", places=places) if places else "",
        }
    best = summary.sites[0] if summary.sites else None
    return {
        "why": cited(translated(plain_text(result.score.no_ranking)), "sites.no_ranking"),
        "rules": summary.unchecked,
        "label": best.label if best else "",
        "area": best.area if best else "",
        "score": best.score if best else "",
        "flags": _flags(result, best.id) if best else "",
    }


def _places(one: Recommendation, result: Result) -> str:
    """Name where a rule speaks of: for a survey the places of the survey tasks, as everywhere else."""
    if one.rule == "survey":
        return survey_places(result.gaps, one.level)
    return places_of(result.gaps.districts, f"{one.level}_people_short")


def _flags(result: Result, site: str) -> str:
    if result.dossiers is None:
        return ""
    flags = result.dossiers.flags
    mine = flags[flags["site_id"] == site].head(_FLAGS_TOLD)
    return "; ".join(
        cited(translated(plain_text(text)), f"site.{plain_text(label)}.flag.{number}")
        for number, (text, label) in enumerate(zip(mine["flag"], mine["label"], strict=True), 1)
    )
