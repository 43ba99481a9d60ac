"""Sheets: the twenty maps of the map pack, which of them a study holds, and what stands below each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kcity_geo.config import read_table
from kcity_geo.programme.blocks import said
from kcity_geo.programme.plan_words import korean_plan
from kcity_geo.programme.words import as_of_words, word
from kcity_geo.retold import retold
from kcity_geo.study_facts import PlanFacts, StudyFacts

__all__ = ["Sheet", "caption_words", "map_pack", "plan_caption", "sheet_title"]

_COST_SHEET = 17


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """
    One sheet, as ``tables/programme/mappack.toml`` has it.

    ``draw``: place, base, ramp, classes, reading, sites or plan; ``layer``: raster of the study;
    ``low``, ``high``: ends of the ramp, None: of the data; ``sure``: readings under which nobody can
    tell; ``words``: of the classes; ``evidence``: of what is drawn, where the layer
    tells that of its inputs; ``note``: what a sheet of a plan shows;
    ``blank``: what no colour means.
    """

    number: int
    title: str
    title_ko: str
    draw: str
    layer: str = ""
    colours: str = ""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    unit_ko: str = ""
    sure: str = ""
    words: str = ""
    evidence: str = ""
    note: str = ""
    note_ko: str = ""
    blank: str = ""
    blank_ko: str = ""


@cache
def map_pack() -> tuple[Sheet, ...]:
    """
    Give the twenty sheets.

    Returns
    -------
    In order.

    Examples
    --------
    >>> len(map_pack()), map_pack()[0].title
    (20, 'Location and study area')
    """
    return tuple(Sheet(**row) for row in read_table("programme/mappack")["sheet"])


def sheet_title(number: int, language: str) -> str:
    """
    Name a sheet.

    Parameters
    ----------
    number : 1 to 20.
    language : en or ko.

    Returns
    -------
    Number and title.

    Examples
    --------
    >>> sheet_title(16, "en")
    'Sheet 16: Candidate sites'
    """
    sheet = map_pack()[number - 1]
    title = sheet.title if language == "en" else sheet.title_ko
    return said("annex.sheet", language, number=number, title=title)


def caption_words(
    facts: StudyFacts, about: Mapping[str, str] | None, language: str, *, evidence: str = ""
) -> str:
    """
    Say date, CRS, evidence and source of a map.

    Parameters
    ----------
    facts : of the study.
    about : what the layer says of itself; None: no single layer.
    language : en or ko.
    evidence : kind of evidence, where it is not that of the layer.

    Returns
    -------
    One line; what is seen on the map of a synthetic city is generated, and OpenStreetMap is not its source.
    """
    known: Mapping[str, str] = about or {}
    kind = evidence or known.get("EVIDENCE", "observed")
    source = known.get("SOURCE", "") or facts.credits
    if facts.synthetic:
        kind = "synthetic" if kind == "observed" else kind
        source = facts.credits if "OpenStreetMap" in source else source
    day = known.get("AS_OF", "")[:10] or facts.osm_date
    return said(
        "annex.caption",
        language,
        day=as_of_words(day, language) or said("common.unknown_day", language),
        crs=facts.crs,
        evidence=word("evidence_kind", kind, language),
        source=retold(source, language) or source,
    )


def plan_caption(sheet: Sheet, plan: PlanFacts, language: str) -> str:
    """
    Say what a sheet of a plan shows, of which day and with which caveat.

    Parameters
    ----------
    sheet : that the plan has drawn.
    plan : of a site.
    language : en or ko.

    Returns
    -------
    One line; that of the connections tells the cost of works.
    """
    note = sheet.note if language == "en" else sheet.note_ko
    cost = plan.cost if sheet.number == _COST_SHEET else ""
    return said(
        "annex.plan_caption",
        language,
        note=note,
        cost=(korean_plan(cost) if language == "ko" else cost),
        day=as_of_words(plan.as_of, language) or said("common.unknown_day", language),
    ).replace("  ", " ")
