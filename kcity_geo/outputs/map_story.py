"""The story of a study in five steps: city, shortage, evidence, sites, plan; each a state of the map."""

from __future__ import annotations

from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.outputs.languages import say, tell
from kcity_geo.outputs.map_plan import plan_themes, plan_words
from kcity_geo.outputs.summary import Summary
from kcity_geo.outputs.text import persons
from kcity_geo.outputs.themes import sector_title
from kcity_geo.result import Result

__all__ = ["story_steps"]


def story_steps(
    result: Result, summary: Summary, *, first_theme: str, language: str
) -> list[dict[str, Any]]:
    """
    Tell a study in five steps.

    Parameters
    ----------
    result : a finished study.
    summary : its answer in words.
    first_theme : key of the theme with which the map opens, that of the worst shortage.
    language : of the words.

    Returns
    -------
    A dictionary a step: ``title, sentence, theme, on`` (layers shown on top), ``site`` (whose card
    is open) and ``bounds``; None: the whole city.
    """
    people = "population" if "population" in result.data.cube else first_theme
    steps = [
        _step("city", _city(summary, language), theme=people, language=language),
        _step("shortage", summary.headline[0] if summary.headline else "", theme=first_theme, language=language),
        _step("evidence", _evidence(result, language), theme="evidence", on=("tasks",), language=language),
        _step("sites", _sites(summary), theme="suitability", on=("sites",), language=language),
        _step("plan", _plan(summary, language), theme="suitability", on=("sites",), language=language),
    ]  # fmt: skip
    if summary.sites:
        best = summary.sites[0]
        steps[-1] |= {"site": best.label, "bounds": _bounds(result)}
    if summary.sites and result.plan is not None:
        words = plan_words(result.plan, language)
        told = say("map", "story_planned", language, site=summary.sites[0].label, words=words)
        drawn = plan_themes(result.plan, language=language)
        theme = drawn[-1]["key"] if drawn else "suitability"
        steps[-1] |= {"sentence": told, "theme": theme}
    return steps


def _step(
    key: str, sentence: str, *, theme: str, language: str, on: tuple[str, ...] = ()
) -> dict[str, Any]:
    title = say("map", f"step_{key}", language)
    return {
        "title": title,
        "sentence": sentence,
        "theme": theme,
        "on": list(on),
        "site": "",
        "bounds": None,
    }


def _city(summary: Summary, language: str) -> str:
    facts = summary.facts
    key = "story_city" if tell("fact_people") in facts else "story_city_uncounted"
    return say(
        "map", key, language, city=summary.city, people=facts.get(tell("fact_people"), ""),
        area=facts[tell("fact_area")], districts=facts[tell("fact_districts")], date=facts.get(tell("fact_map"), "–"),  # noqa: RUF001 - a dash
    )  # fmt: skip


def _evidence(result: Result, language: str) -> str:
    findings = Findings(result)
    if findings.people is None:
        return say("map", "story_uncounted", language)
    # What a survey can tell goes before what needs other data.
    for key, found in (("story_unknown", findings.least_known), ("story_open", findings.unread)):
        if found:
            sector = sector_title(found[0]).lower()
            return say("map", key, language, people=persons(found[1]), sector=sector)
    return say("map", "story_known", language)


def _sites(summary: Summary) -> str:
    return summary.headline[-1] if summary.sites else summary.no_sites


def _plan(summary: Summary, language: str) -> str:
    if not summary.sites or not summary.sites[0].fits:
        return say("map", "story_no_plan", language)
    return say("map", "story_plan", language, site=summary.sites[0].label)


def _bounds(result: Result) -> list[list[float]]:
    west, south, east, north = result.sites.geometry.iloc[[0]].to_crs(4326).total_bounds
    return [
        [round(float(south), 5), round(float(west), 5)],
        [round(float(north), 5), round(float(east), 5)],
    ]
