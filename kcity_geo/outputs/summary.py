"""The answer of a study in words: what the first screen of the map and of the report says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcity_geo.analysis.findings import Findings, most_short, residents
from kcity_geo.analysis.gaps.words import nobody_can_tell
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.attribution import CAVEAT, SYNTHETIC, credits_line
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.headline import gap_sentences
from kcity_geo.outputs.languages import LANGUAGES, spoken, tell, translated
from kcity_geo.outputs.languages import name as named
from kcity_geo.outputs.people_bar import Segment, segments
from kcity_geo.outputs.site_words import (
    SiteRow,
    judged_words,
    project_words,
    site_rows,
    site_sentences,
    unchecked_rules,
    why_no_sites,
)
from kcity_geo.outputs.text import as_number, human, persons, plain_text, share_beside
from kcity_geo.outputs.themes import LEGEND_ORDER, STRIPED, reading_rows, sector_title
from kcity_geo.profiles import criteria_titles
from kcity_geo.result import SECTORS, THEMES, Result
from kcity_geo.retold import retold
from kcity_geo.rules import ReadingLimits

__all__ = [
    "SectorRow",
    "Summary",
    "headline_of",
    "range_words",
    "summarise",
    "warning_lines",
    "without_folders",
]

#: Share of the area from which a population grid counts as whole.

# The folders of an absolute path, on Unix or Windows.
_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^\s:\\/]+[\\/])+(?=[^\s\\/])")

# A word that may be the code of an indicator or criterion, and no part of a key or a file name.
_CODE = re.compile(r"(?<![\w.:/=-])[A-Za-z]\w*(?![\w=/-]|\.\w)")

#: Readings that tell how large a gap is, from the largest on.
_BY_GAP = tuple(key for key in LEGEND_ORDER if key not in STRIPED)


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
    apart: str


@dataclass(frozen=True, kw_only=True)
class DistrictRow:
    """One district where people fall short: its place among the districts, how many in the sector where most do."""

    number: int
    name: str
    people: str
    sector: str
    reading: str
    colour: str


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
    judged: str
    districts: tuple[DistrictRow, ...]
    not_assessed: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    credits: str
    caveat: str = CAVEAT
    synthetic: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def short_list(self) -> tuple[SiteRow, ...]:
        """Sites to name first: where some fit, those only; given land that does not fit is not among the best."""
        return tuple(site for site in self.sites if site.fits) or self.sites

    @property
    def sites_title(self) -> str:
        """What the list of sites is: the best, those in no order, or given land that does not fit."""
        if self.sites and not self.sites[0].score:
            return tell("candidate_land")
        if self.sites and not self.sites[0].fits:
            return tell("none_fits")
        return tell("best_sites_partly", share=self.judged) if self.judged else tell("best_sites")

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Every colour once, with all that it is called: ``Adequate / Hardly flood-prone``."""
        titles: dict[str, list[str]] = {}
        for colour, title, _ in self.readings:
            titles.setdefault(colour, []).append(title)
        return tuple((colour, " / ".join(names)) for colour, names in titles.items())

    @property
    def striped(self) -> frozenset[str]:
        """Colours that are striped, in bars and in the key below them."""
        return frozenset(row.colour for row in reading_rows().values() if row.striped)


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
    return tell("range_percent", low=first, high=last) if first != last else ""


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
    rows: Any = result.gaps.city.loc
    sectors = tuple(
        _sector_row(
            dict(rows[s]),
            s,
            total=residents(result.gaps),
            limits=result.gaps.limits,
        )
        for s in (*SECTORS, *THEMES)
        if s in result.gaps.city.index
    )
    sites = tuple(site_rows(result))
    facts = _facts(result)
    return Summary(
        title=tell("title", city=named(name), project=project_words(project)),
        subtitle=_subtitle(facts),
        city=named(name),
        project=translated(project),
        headline=_headline(result, sites, project),
        readings=_readings(sectors, result.gaps.limits),
        sectors=sectors,
        sites=sites,
        no_sites="" if sites else why_no_sites(result),
        no_ranking=cited(translated(plain_text(score.no_ranking)), "sites.no_ranking"),
        unchecked=unchecked_rules(result),
        judged=judged_words(result),
        districts=tuple(_worst_districts(result)),
        not_assessed=tuple(_not_assessed(result)),
        warnings=_warnings(result),
        credits=_credits(credits_line(data)),
        caveat=translated(CAVEAT),
        synthetic=translated(SYNTHETIC) if data.synthetic else "",
        facts=facts,
    )


def headline_of(result: Result) -> tuple[str, ...]:
    """
    Say the headline alone, in the language that is spoken.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    That of `summarise`.
    """
    project = plain_text(result.score.title, max_chars=60)
    return _headline(result, tuple(site_rows(result)), project)


def _headline(result: Result, sites: tuple[SiteRow, ...], project: str) -> tuple[str, ...]:
    return (*gap_sentences(result.gaps), *site_sentences(sites, project, result))


def _credits(text: str) -> str:
    """Say credits of the package itself in the language that is spoken; those of others stay."""
    code = spoken().code
    if code not in LANGUAGES:
        return text
    return "; ".join(retold(part, code) or part for part in text.split("; "))


def _subtitle(facts: Mapping[str, str]) -> str:
    """Say how many people live on how much land, by the map of which day."""
    people, day = facts.get(tell("fact_people")), facts.get(tell("fact_map"))
    parts = (
        tell("people_count", people=people) if people else "",
        facts[tell("fact_area")],
        tell("map_of", day=day) if day else "",
    )
    return " · ".join(part for part in parts if part)


def warning_lines(result: Result) -> list[str]:
    """
    Give all warnings of a study once, with names of files and titles instead of folders and codes.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Lines in English.
    """
    found: list[str] = []
    titles = _titles()
    for text in (*result.data.warnings, *result.gaps.warnings, *result.score.warnings):
        called = _CODE.sub(lambda m: titles.get(m[0], m[0]), without_folders(text))
        line = plain_text(called, max_chars=900)
        bare = line.removeprefix(f"{plain_text(result.score.title)}: ")
        if line not in found and bare not in found:
            found.append(line)
    return found


def without_folders(text: str) -> str:
    """
    Leave names of files alone of a text, which say something on another machine too.

    Parameters
    ----------
    text : with absolute paths.

    Returns
    -------
    The text without their folders.

    Examples
    --------
    >>> without_folders("/data/city/dem.tif: covers 92 %")
    'dem.tif: covers 92 %'
    """
    return _FOLDERS.sub("", text)


def _warnings(result: Result) -> tuple[str, ...]:
    return tuple(
        cited(translated(line), f"warning.{number}")
        for number, line in enumerate(warning_lines(result), start=1)
    )


def _titles() -> dict[str, str]:
    """Title of each indicator and of each criterion of the project."""
    return {key: row.title for key, row in indicator_rows().items()} | criteria_titles()


def _sector_row(
    row: Mapping[str, Any], sector: str, *, total: float, limits: ReadingLimits
) -> SectorRow:
    gap, low, high = (as_number(row.get(k)) for k in ("gap", "gap_lo", "gap_hi"))
    bar = segments(row, level=sector)
    short = as_number(row.get("people_short"))
    known = reading_rows(sector, limits=limits)[str(row["reading"])]
    unknown = nobody_can_tell(as_number(row.get("people_cannot_tell")), short, total)
    if known.id == "cannot_tell" and short < 1 and not unknown:
        # Of those who were counted something can be told, of the city not: no zero, no full bar.
        unknown, bar = True, ()
    # Where nothing is known of most people, none of the others is no number for the city.
    unknown = unknown or (not math.isfinite(gap) and not short >= 1)
    return SectorRow(
        key=sector,
        title=sector_title(sector),
        assessed=math.isfinite(gap),
        segments=bar,
        short=tell("short_unknown")
        if unknown
        else cited(persons(short), f"{sector}.people_short.city"),
        percent=""
        if unknown
        else cited(human(_share(short, total), "share"), f"{sector}.people_short_share.city"),
        reading=known.title,
        meaning=known.meaning,
        colour=known.colour,
        data=translated(str(row["data"])),
        gap=cited(
            share_beside(gap, limits.partly, limits.short, missing=tell("not_assessed")),
            f"{sector}.gap.city",
        ),
        raw=cited(human(as_number(row.get("gap_raw")), "share"), f"{sector}.gap_raw.city"),
        range_words=cited(range_words(low, high), f"{sector}.gap_lo.city", f"{sector}.gap_hi.city"),
        data_words=human(as_number(row.get("assessed_weight")), "share"),
        short_word=tell("word_flood" if sector in THEMES else "word_short"),
        gap_word=tell("word_exposure" if sector in THEMES else "word_gap"),
        apart=_apart(bar, known.id),
    )


def _apart(bar: tuple[Segment, ...], average: str) -> str:
    """Say why the average is worse than what is said of most people; empty where it is not."""
    most = max(bar, key=lambda part: part.people, default=None)
    if most is None or {most.key, average} - set(_BY_GAP) or most.percent <= 50:  # noqa: PLR2004 - most of them
        return ""
    return tell("average_apart") if _BY_GAP.index(average) < _BY_GAP.index(most.key) else ""


def _share(short: float, total: float) -> float:
    """Share of the people that agrees with their number as it is written: of 0 people none."""
    if not total > 0:
        return math.nan
    return 0.0 if persons(short) == persons(0.0) else short / total


def _readings(
    sectors: tuple[SectorRow, ...], limits: ReadingLimits
) -> tuple[tuple[str, str, str], ...]:
    """Colour, title and meaning of each reading that somebody lives under, and of the sectors, as legends list them."""
    used = {part.title for row in sectors for part in row.segments if part.people > 0}
    used |= {row.reading for row in sectors}
    found = (reading_rows(level, limits=limits) for level in ("", *THEMES))
    rows = {title: row for one in found for title, row in one.items()}
    listed = sorted(rows.values(), key=lambda r: (*LEGEND_ORDER, r.id).index(r.id))
    return tuple((r.colour, r.title, r.meaning) for r in listed if r.title in used)


def _worst_districts(result: Result, *, count: int = 5) -> list[DistrictRow]:
    """Districts by the people who fall short in the sector where most do, most first."""
    rows = reading_rows()
    ids = result.data.city.districts["district_id"].astype(str).tolist()
    found = []
    for row in most_short(result.gaps).head(count).to_dict("records"):
        reading = rows[str(row[f"{row['sector']}_reading"])]
        found.append(
            DistrictRow(
                number=ids.index(str(row["district_id"])) if str(row["district_id"]) in ids else -1,
                name=named(plain_text(row["name"], max_chars=60)),
                people=cited(
                    persons(row["people"]),
                    f"{row['sector']}.people_short.{plain_text(row['district_id'])}",
                ),
                sector=sector_title(row["sector"]),
                reading=reading.title,
                colour=reading.colour,
            )
        )
    return found


def _not_assessed(result: Result) -> list[tuple[str, str]]:
    titles = {key: row.title for key, row in indicator_rows().items()}
    return [
        (
            translated(plain_text(titles.get(i.id, i.id))),
            cited(
                translated(plain_text(i.not_assessed, max_chars=400)), f"{i.id}.not_assessed.city"
            ),
        )
        for i in result.gaps.assessed
        if i.not_assessed
    ]


def _facts(result: Result) -> dict[str, str]:
    data = result.data
    facts: dict[str, str] = {}
    findings = Findings(result)
    people = findings.people
    if people is not None:
        counted = cited(persons(people), "population.city")
        reached = findings.counted_share
        whole = findings.counted_in_all
        facts[tell("fact_people")] = counted if whole else tell("at_least", number=counted)
        if not whole:
            share = tell("fact_of_area", share=cited(human(reached, "share"), "counted_share.city"))
            facts[tell("fact_people_in")] = share
    facts[tell("fact_area")] = cited(human(data.city.area_km2, "km2"), "area_km2.city")
    facts[tell("fact_districts")] = cited(str(len(data.city.districts)), "districts.city")
    facts[tell("fact_grid")] = tell(
        "fact_cells", size=cited(human(result.study.study.cell_m, "m"), "cell_m.city")
    )
    if data.osm_date:
        facts[tell("fact_map")] = translated(plain_text(data.osm_date)[:10])
    return facts
