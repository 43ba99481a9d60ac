"""Sheets: the twenty maps of the map pack, which of them a study holds, and what stands below each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kcity_geo.config import read_table
from kcity_geo.programme.blocks import said
from kcity_geo.programme.words import word
from kcity_geo.study_facts import StudyFacts

__all__ = ["Sheet", "caption_words", "map_pack", "sheet_title"]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """
    One sheet, as ``tables/programme/mappack.toml`` has it.

    ``draw``: place, base, ramp, classes, reading, sites or none; ``layer``: raster of the study;
    ``low``, ``high``: ends of the ramp, None: of the data; ``sure``: readings under which nobody can
    tell; ``words``: of the classes; ``evidence``: of what is drawn, where the layer
    tells that of its inputs; ``how``: how a sheet that is not part of a study is made.
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
    how: str = ""
    how_ko: str = ""


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
        day=day or said("common.unknown_day", language),
        crs=facts.crs,
        evidence=word("evidence_kind", kind, language),
        source=source,
    )
