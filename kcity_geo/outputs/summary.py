"""The answer of a study in words: what the first screen of the map and of the report says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcity_geo.analysis.findings import Findings, most_short, residents
from kcity_geo.city import REST
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.attribution import CAVEAT, SYNTHETIC, credits_line
from kcity_geo.outputs.headline import Segment, gap_sentences, segments
from kcity_geo.outputs.text import human, persons, plain_text
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.profiles import criteria_titles
from kcity_geo.result import SECTORS, THEMES, Result
from kcity_geo.retold import made
from kcity_geo.rules import ReadingLimits

__all__ = [
    "SectorRow",
    "SiteRow",
    "Summary",
    "range_words",
    "summarise",
]

#: Share of the area from which a population grid counts as whole.
_WHOLE = 0.95

# The folders of an absolute path, on Unix or Windows.
_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^\s:\\/]+[\\/])+(?=[^\s\\/])")

# A word that may be the code of an indicator or criterion, and no part of a key or a file name.
_CODE = re.compile(r"(?<![\w.:/=-])[A-Za-z]\w*(?![\w=/-]|\.\w)")


@dataclass(frozen=True, kw_only=True)
class SectorRow:
    """One sector in the city, in words, people and percent."""

    key: str
    title: str
    assessed: bool
    segments: tuple[Segment, ...]
    short: str
    percent: str
    reading: str
    meaning: str
    colour: str
    data: str
    gap: str
    raw: str
    range_words: str
    data_words: str
    short_word: str
    gap_word: str


_NONE_FITS = "Given areas, none of which is large, wide and open enough"


@dataclass(frozen=True, kw_only=True)
class DistrictRow:
    """One district where people fall short: how many in the sector where most do."""

    name: str
    people: str
    sector: str
    reading: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class SiteRow:
    """One site in words."""

    id: str
    label: str
    title: str
    score: str
    area: str
    district: str
    reasons: tuple[str, ...]
    concerns: tuple[str, ...]
    not_checked: str
    stability: str
    candidate: str
    fits: bool
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
    readings: tuple[tuple[str, str, str], ...]
    sectors: tuple[SectorRow, ...]
    sites: tuple[SiteRow, ...]
    no_sites: str
    no_ranking: str
    unchecked: str
    districts: tuple[DistrictRow, ...]
    not_assessed: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    credits: str
    caveat: str = CAVEAT
    synthetic: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def sites_title(self) -> str:
        """What the list of sites is: the best, those in no order, or given land that does not fit."""
        if self.sites and not self.sites[0].score:
            return "Candidate land, in no order"
        return "Best sites" if not self.sites or self.sites[0].fits else _NONE_FITS

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Every colour once, with all that it is called: ``Adequate / Hardly flood-prone``."""
        titles: dict[str, list[str]] = {}
        for colour, title, _ in self.readings:
            titles.setdefault(colour, []).append(title)
        return tuple((colour, " / ".join(names)) for colour, names in titles.items())


def range_words(low: float, high: float) -> str:
    """
    Say between which values a share lies.

    Parameters
    ----------
    low, high : shares; NaN: not known.

    Returns
    -------
    ``low to high``; empty when not known or when both are the same in whole percent.

    Examples
    --------
    >>> range_words(0.23, 0.5), range_words(0.281, 0.284)
    ('23 to 50 %', '')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    first, last = round(100 * low), round(100 * high)
    return f"{first} to {last} %" if first != last else ""


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
        _sector_row(
            dict(result.gaps.city.loc[s]),
            s,
            total=residents(result.gaps),
            limits=result.gaps.limits,
        )
        for s in (*SECTORS, *THEMES)
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
        headline=(*gap_sentences(result.gaps), *_site_sentences(sites, project, score.no_ranking)),
        readings=_readings(sectors, result.gaps.limits),
        sectors=sectors,
        sites=sites,
        no_sites="" if sites else _why_no_sites(result),
        no_ranking=plain_text(score.no_ranking),
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


def _sector_row(
    row: Mapping[str, Any], sector: str, *, total: float, limits: ReadingLimits
) -> SectorRow:
    gap, low, high = (_number(row, k) for k in ("gap", "gap_lo", "gap_hi"))
    bar = segments(row, level=sector)
    short = _number(row, "people_short")
    known = reading_rows(sector, limits=limits)[str(row["reading"])]
    return SectorRow(
        key=sector,
        title=sector_title(sector),
        assessed=math.isfinite(gap),
        segments=bar,
        short=persons(short),
        percent=human(short / total if total > 0 else math.nan, "share"),
        reading=known.title,
        meaning=known.meaning,
        colour=known.colour,
        data=str(row["data"]),
        gap=human(gap, "share", missing="not assessed"),
        raw=human(_number(row, "gap_raw"), "share"),
        range_words=range_words(low, high),
        data_words=human(_number(row, "assessed_weight"), "share"),
        short_word="flood-prone" if sector in THEMES else "short",
        gap_word="exposure" if sector in THEMES else "gap",
    )


def _unchecked(result: Result) -> str:
    """Name the rules that no site could be held against, for lack of data."""
    names = [
        plain_text(c.title).lower()
        for c in result.score.constraints
        if not c.applied and c.limit != "off"
    ]
    return ", ".join(dict.fromkeys(names))


def _site_sentences(sites: tuple[SiteRow, ...], project: str, no_ranking: str) -> list[str]:
    if no_ranking:
        return [f"No site for {_article(project)} can be recommended. {plain_text(no_ranking)}."]
    if not sites:
        return []
    if not sites[0].score:
        areas = f"{len(sites)} areas are" if len(sites) > 1 else "One area is"
        return [f"{areas} open to {_article(project)} by the constraints; no order was asked for."]
    best = sites[0]
    if not best.fits:
        areas = f"None of the {len(sites)} given areas" if len(sites) > 1 else "The given area"
        verb = "is" if len(sites) > 1 else "is not"
        return [f"{areas} {verb} large, wide and open enough for {_article(project)}."]
    where = f" in {best.district}" if best.district else ""
    if best.district == REST:
        where = ", outside the districts"
    given = f", {best.candidate}," if best.candidate and where else ""
    given = given or f", {best.candidate}" * bool(best.candidate)
    number = f"The best site for {_article(project)} is number {best.label}{given}{where}"
    return [f"{number}: {best.area}, {best.score} of 100."]


def _readings(
    sectors: tuple[SectorRow, ...], limits: ReadingLimits
) -> tuple[tuple[str, str, str], ...]:
    """Colour, title and meaning of each reading that somebody lives under, and of the sectors."""
    used = {part.title for row in sectors for part in row.segments if part.people > 0}
    used |= {row.reading for row in sectors}
    found = (reading_rows(level, limits=limits) for level in ("", *THEMES))
    rows = {title: row for one in found for title, row in one.items()}
    return tuple((r.colour, r.title, r.meaning) for r in rows.values() if r.title in used)


def _site_rows(result: Result) -> list[SiteRow]:
    from kcity_geo.outputs.frames import site_frame

    sites = site_frame(result)
    if not len(sites):
        return []
    middle = sites.geometry.representative_point().to_crs(4326)
    rows = []
    for (_, row), point in zip(sites.iterrows(), middle, strict=True):
        district = plain_text(row.get("district"), max_chars=60)
        label = plain_text(row.get("label", row["rank"]))
        ranked = math.isfinite(_number(row, "score"))
        candidate = _candidate(row)
        rows.append(
            SiteRow(
                id=plain_text(row["site_id"]),
                label=label,
                title=f"{'Site' if ranked else 'Candidate land'} {label}"
                + f" ({candidate})" * bool(candidate)
                + (
                    ", outside the districts"
                    if district == REST
                    else f", {district}" * bool(district)
                ),
                score=f"{100 * _number(row, 'score'):.0f}" if ranked else "",
                area=human(row["area_ha"], "ha"),
                district=district,
                reasons=_list(row.get("reasons")),
                concerns=_list(row.get("concerns")),
                not_checked=plain_text(row.get("not_checked")),
                stability=plain_text(row.get("stability"), max_chars=300),
                candidate=candidate,
                fits=bool(row.get("fits", True)),
                lat=round(point.y, 6),
                lon=round(point.x, 6),
                facts=tuple(_site_facts(row)),
            )
        )
    return rows


def _candidate(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    """Give the name of a given polygon; a bare number is that of a parcel."""
    name = plain_text(row.get("candidate"), max_chars=60)
    return f"parcel {name}" if name.isdigit() else name


def _list(value: object) -> tuple[str, ...]:
    text = plain_text(value, max_chars=1200)
    return tuple(part for part in (p.strip() for p in text.split(";")) if part)


_SITE_FACTS = (
    ("slope_pct", "mean slope", "%"),
    ("hand_m", "height above nearest drainage", "m"),
    ("road_km", "from its edge to a main road", "km"),
    ("substation_km", "from its edge to a substation", "km"),
    ("water_km", "from its edge to water supply", "km"),
    ("population_45min", "people within 45 minutes, in a circle", "persons"),
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
    if score.no_ranking:
        return f"{plain_text(score.no_ranking)}."
    start = f"{score.title}: no site; "
    for text in score.warnings:
        if text.startswith(start):
            return f"{made('no_site', why=plain_text(text.removeprefix(start), max_chars=400))}."
    inside = result.data.inside
    if not (score.feasible & inside).any():
        return f"{made('no_site', why=made('all_excluded'))}."
    smallest = score.parameters.get("min_area_ha")
    size = f" of at least {human(smallest, 'ha')}" if smallest else ""
    return f"{made('no_site', why=made('none_connected', size=size))}."


def _worst_districts(result: Result, *, count: int = 5) -> list[DistrictRow]:
    """Districts by the people who fall short in the sector where most do, most first."""
    rows = reading_rows()
    found = []
    for row in most_short(result.gaps).head(count).to_dict("records"):
        reading = rows[str(row[f"{row['sector']}_reading"])]
        found.append(
            DistrictRow(
                name=plain_text(row["name"], max_chars=60),
                people=persons(row["people"]),
                sector=sector_title(row["sector"]),
                reading=reading.title,
                colour=reading.colour,
            )
        )
    return found


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
    people = Findings(result).people
    if people is not None:
        counted = persons(people)
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
