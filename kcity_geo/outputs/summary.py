"""The answer of a study in words: what the first screen of the map and of the report says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.attribution import CAVEAT, SYNTHETIC, credits_line
from kcity_geo.outputs.colours import HIGH_CONFIDENCE, LABEL_COLOURS, LOW_CONFIDENCE
from kcity_geo.outputs.text import human, persons, plain_text
from kcity_geo.outputs.themes import LABEL_WORDS, sector_title
from kcity_geo.profiles import criteria_titles
from kcity_geo.result import SECTORS, SEVERITY, Result

__all__ = [
    "PERSONS_NOTE",
    "SectorRow",
    "SiteRow",
    "Summary",
    "confidence_word",
    "range_words",
    "severity_word",
    "summarise",
]

#: Share of the area from which a population grid counts as whole.
_WHOLE = 0.95

#: What the column of people counts; stands under it wherever it is shown.
PERSONS_NOTE = "residents times their gap: as many people as if they had nothing at all"

_SEVERITY_WORDS = {
    "adequate": "Close to the standard",
    "moderate": "A moderate gap",
    "high": "A high gap",
    "severe": "A severe gap",
    "critical": "A critical gap",
}
# The folders of an absolute path, on Unix or Windows.
_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^\s:\\/]+[\\/])+(?=[^\s\\/])")

# A word that may be the code of an indicator or criterion, and no part of a key or a file name.
_CODE = re.compile(r"(?<![\w.:/=-])[A-Za-z]\w*(?![\w=/-]|\.\w)")


@dataclass(frozen=True, kw_only=True)
class SectorRow:
    """One sector in the city or in a district, in words and percent."""

    key: str
    title: str
    assessed: bool
    gap: str
    percent: float
    low: float
    high: float
    range_words: str
    severity: str
    label: str
    label_words: str
    colour: str
    persons: str
    confidence: str
    data_words: str


@dataclass(frozen=True, kw_only=True)
class SiteRow:
    """One site in words."""

    id: str
    rank: int
    title: str
    score: str
    area: str
    district: str
    reasons: tuple[str, ...]
    concerns: tuple[str, ...]
    not_checked: str
    lat: float
    lon: float
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The answer of a study in words."""

    title: str
    subtitle: str
    city: str
    project: str
    headline: tuple[str, ...]
    reading: tuple[str, ...]
    readings: tuple[tuple[str, str, str], ...]
    sectors: tuple[SectorRow, ...]
    sites: tuple[SiteRow, ...]
    no_sites: str
    unchecked: str
    districts: tuple[tuple[str, str, str], ...]
    not_assessed: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    credits: str
    caveat: str = CAVEAT
    persons_note: str = PERSONS_NOTE
    synthetic: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def severity_word(gap: float) -> str:
    """
    Name the severity class of a gap.

    Parameters
    ----------
    gap : 0 to 1; NaN: not assessed.

    Returns
    -------
    One of adequate, moderate, high, severe, critical, not assessed.

    Examples
    --------
    >>> severity_word(0.4), severity_word(float("nan"))
    ('high', 'not assessed')
    """
    if not math.isfinite(gap):
        return "not assessed"
    return [word for low, word in SEVERITY if gap >= low][-1] if gap >= 0 else SEVERITY[0][1]


def confidence_word(confidence: float) -> str:
    """
    Name the class of a confidence.

    Parameters
    ----------
    confidence : 0 to 1; NaN: not assessed.

    Returns
    -------
    low, medium, high or a dash.

    Examples
    --------
    >>> confidence_word(0.39), confidence_word(0.7)
    ('low', 'high')
    """
    if not math.isfinite(confidence):
        return "–"  # noqa: RUF001 - typographic dash
    if confidence < LOW_CONFIDENCE:
        return "low"
    return "high" if confidence >= HIGH_CONFIDENCE else "medium"


def range_words(low: float, high: float) -> str:
    """
    Say between which values a share lies.

    Parameters
    ----------
    low, high : shares; NaN: not known.

    Returns
    -------
    Text; empty when not known or when both are the same in whole percent.

    Examples
    --------
    >>> range_words(0.23, 0.5), range_words(0.281, 0.284)
    ('23 and 50 %', '')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    first, last = round(100 * low), round(100 * high)
    return f"{first} and {last} %" if first != last else ""


def summarise(result: Result) -> Summary:
    """
    Say in words what a study found.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Sentences, rows and facts; plain text, not yet escaped.
    """
    data, score = result.data, result.score
    name, project = plain_text(data.city.name, max_chars=80), plain_text(score.title, max_chars=60)
    sectors = tuple(
        _sector_row(dict(result.gaps.city.loc[s]), s)
        for s in (*SECTORS, "composite")
        if s in result.gaps.city.index
    )
    sites = tuple(_site_rows(result))
    facts = _facts(result)
    return Summary(
        title=f"{name}: infrastructure gaps and sites for {_article(project)}",
        subtitle=" · ".join(
            t
            for t in (
                f"{facts['People']} people" if "People" in facts else "",
                facts["Area"],
                f"map data of {facts['Map data of']}" if "Map data of" in facts else "",
            )
            if t
        ),
        city=name,
        project=project,
        headline=_headline(sectors, sites, project),
        reading=_reading(sectors),
        readings=_readings(sectors),
        sectors=sectors,
        sites=sites,
        no_sites="" if sites else _why_no_sites(result),
        unchecked=_unchecked(result),
        districts=tuple(_worst_districts(result)),
        not_assessed=tuple(_not_assessed(result)),
        warnings=_warnings(result),
        credits=credits_line(data),
        synthetic=SYNTHETIC if data.synthetic else "",
        facts=facts,
    )


def _warnings(result: Result) -> tuple[str, ...]:
    """All warnings once, with names of files and titles instead of folders and codes."""
    found: list[str] = []
    titles = _titles()
    for text in (*result.data.warnings, *result.gaps.warnings, *result.score.warnings):
        named = _CODE.sub(lambda m: titles.get(m[0], m[0]), _FOLDERS.sub("", text))
        line = plain_text(named, max_chars=900)
        bare = line.removeprefix(f"{plain_text(result.score.title)}: ")
        if line not in found and bare not in found:
            found.append(line)
    return tuple(found)


def _titles() -> dict[str, str]:
    """Title of each indicator and of each criterion of the project."""
    return {key: row.title for key, row in indicator_rows().items()} | criteria_titles()


def _article(project: str) -> str:
    words = project[:1].lower() + project[1:]
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def _number(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key, math.nan)
    return math.nan if value is None else float(value)


def _sector_row(row: Mapping[str, Any], sector: str) -> SectorRow:
    gap, low, high = (_number(row, k) for k in ("gap", "gap_lo", "gap_hi"))
    assessed = math.isfinite(gap)
    label = plain_text(row.get("label")) or "NOT ASSESSED"
    known = math.isfinite(low) and math.isfinite(high)
    return SectorRow(
        key=sector,
        title=sector_title(sector),
        assessed=assessed,
        gap=human(gap, "share", missing="not assessed"),
        percent=round(100 * gap, 1) if assessed else 0.0,
        low=round(100 * low, 1) if known else 0.0,
        high=round(100 * high, 1) if known else 0.0,
        range_words=range_words(low, high),
        severity=severity_word(gap),
        label=label,
        label_words=LABEL_WORDS.get(label, ""),
        colour=LABEL_COLOURS.get(label, "#9e9e9e"),
        persons=persons(_number(row, "gap_persons")),
        confidence=confidence_word(_number(row, "confidence")),
        data_words=human(_number(row, "assessed_weight"), "share"),
    )


def _unchecked(result: Result) -> str:
    """Name the rules that no site could be held against, for lack of data."""
    names = [
        plain_text(c.title).lower()
        for c in result.score.constraints
        if not c.applied and c.limit != "off"
    ]
    return ", ".join(dict.fromkeys(names))


def _headline(
    sectors: tuple[SectorRow, ...], sites: tuple[SiteRow, ...], project: str
) -> tuple[str, ...]:
    lines = []
    single = [s for s in sectors if s.key != "composite" and s.assessed]
    if single:
        worst = max(single, key=lambda s: s.percent)
        between = f" (between {worst.range_words} given the data)" if worst.range_words else ""
        lines.append(
            f"The largest gap is in {worst.title.lower()}: {worst.gap} short of the standard{between}. "
            f"{_SEVERITY_WORDS.get(worst.severity, worst.severity)}; confidence {worst.confidence}."
        )
    else:
        lines.append("No sector could be assessed with the data given.")
    if sites:
        best = sites[0]
        where = f" in {best.district}" if best.district else ""
        lines.append(
            f"The best site for {_article(project)} is number 1{where}: {best.area}, {best.score} of 100."
        )
        if best.not_checked:
            lines.append(f"Provisional: {best.not_checked} could not be checked for lack of data.")
    return tuple(lines)


def _reading(sectors: tuple[SectorRow, ...]) -> tuple[str, ...]:
    """Explain what looks like a contradiction among the numbers of the first screen."""
    lines = []
    if any(s.label.startswith("SERVED") for s in sectors):
        lines.append("SERVED: under the 40 % line, not that nothing is missing.")
    single = [s.percent for s in sectors if s.key != "composite" and s.assessed]
    whole = [s.percent for s in sectors if s.key == "composite" and s.assessed]
    if single and whole and whole[0] > max(single):
        lines.append(
            "All is above each sector: the people short in one are not those short in another, "
            "and bad values weigh more."
        )
    return tuple(lines)


def _readings(sectors: tuple[SectorRow, ...]) -> tuple[tuple[str, str, str], ...]:
    """Colour, label and meaning of each label in use, in the order of the sectors."""
    rows = [(s.colour, s.label, s.label_words) for s in sectors if s.label_words]
    return tuple(dict.fromkeys(rows))


def _site_rows(result: Result) -> list[SiteRow]:
    from kcity_geo.outputs.frames import site_frame

    sites = site_frame(result)
    if not len(sites):
        return []
    middle = sites.geometry.representative_point().to_crs(4326)
    rows = []
    for (_, row), point in zip(sites.iterrows(), middle, strict=True):
        district = plain_text(row.get("district"), max_chars=60)
        rank = int(row["rank"])
        rows.append(
            SiteRow(
                id=plain_text(row["site_id"]),
                rank=rank,
                title=f"Site {rank}" + (f", {district}" if district else ""),
                score=f"{100 * _number(row, 'score'):.0f}",
                area=human(row["area_ha"], "ha"),
                district=district,
                reasons=_list(row.get("reasons")),
                concerns=_list(row.get("concerns")),
                not_checked=plain_text(row.get("not_checked")),
                lat=round(point.y, 6),
                lon=round(point.x, 6),
                facts=tuple(_site_facts(row)),
            )
        )
    return rows


def _list(value: object) -> tuple[str, ...]:
    text = plain_text(value, max_chars=1200)
    return tuple(part for part in (p.strip() for p in text.split(";")) if part)


_SITE_FACTS = (
    ("slope_pct", "mean slope", "%"),
    ("hand_m", "height above nearest drainage", "m"),
    ("road_km", "from its edge to a main road", "km"),
    ("substation_km", "from its edge to a substation", "km"),
    ("water_km", "from its edge to water supply", "km"),
    ("population_45min", "people within 45 minutes", "persons"),
    ("compactness", "compactness (1 = circle)", ""),
)


def _site_facts(row: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - a row of a frame
    found = []
    for key, words, unit in _SITE_FACTS:
        value = _number(row, key) if key in row.index else math.nan
        if math.isfinite(value):
            found.append((words, human(value, unit)))
    return found


def _why_no_sites(result: Result) -> str:
    """Say why no site was found, in the words of the ranking where it left some."""
    score = result.score
    start = f"{score.title}: no site; "
    for text in score.warnings:
        if text.startswith(start):
            return f"No site: {plain_text(text.removeprefix(start), max_chars=400)}."
    inside = result.data.inside
    if not (score.feasible & inside).any():
        return "No site: the constraints exclude all land of the study area."
    smallest = score.parameters.get("min_area_ha")
    size = f" of at least {human(smallest, 'ha')}" if smallest else ""
    return f"No site: no connected area{size} scores high enough."


def _worst_districts(result: Result, *, count: int = 5) -> list[tuple[str, str, str]]:
    """Name, people-equivalents without service, gap: most people first."""
    frame = result.gaps.districts
    if "composite_gap_persons" not in frame or len(frame) < 2:  # noqa: PLR2004 - one is the city
        return []
    known = frame[np.isfinite(frame["composite_gap_persons"].astype(float))]
    order = known.sort_values(
        ["composite_gap_persons", "district_id"], ascending=[False, True], kind="stable"
    ).head(count)
    return [
        (
            plain_text(r["name"], max_chars=60),
            persons(float(r["composite_gap_persons"])),
            human(r["composite_gap"], "share"),
        )
        for _, r in order.iterrows()
    ]


def _not_assessed(result: Result) -> list[tuple[str, str]]:
    titles = {key: row.title for key, row in indicator_rows().items()}
    return [
        (plain_text(titles.get(i.id, i.id)), plain_text(i.not_assessed, max_chars=400))
        for i in result.gaps.assessed
        if i.not_assessed
    ]


def _facts(result: Result) -> dict[str, str]:
    data = result.data
    facts: dict[str, str] = {}
    people = data.array("population")
    if people is None and "population" in result.gaps.cells:
        people = result.gaps.cells["population"].to_numpy()
    if people is not None:
        counted = persons(float(np.nansum(people)))
        reached = data.measured.get("population", {}).get("valid_share", 1.0)
        facts["People"] = counted if reached >= _WHOLE else f"at least {counted}"
        if reached < _WHOLE:
            facts["People counted in"] = f"{human(reached, 'share')} of the area"
    facts["Area"] = human(data.city.area_km2, "km2")
    facts["Districts"] = str(len(data.city.districts))
    facts["Grid"] = f"cells of {human(result.study.study.cell_m, 'm')}"
    if data.osm_date:
        facts["Map data of"] = plain_text(data.osm_date)[:10]
    return facts
