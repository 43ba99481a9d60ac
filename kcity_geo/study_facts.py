"""
Study facts: what a finished study found, in numbers that a machine reads: ``project_summary.json``.

Outputs write it, sources read it back, the programme quotes it; it holds data and no logic.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = [
    "FACTS_FILE",
    "FACTS_FORMAT",
    "IndicatorFacts",
    "LevelFacts",
    "PlanFacts",
    "PlanSheetFacts",
    "SiteFacts",
    "StudyFacts",
    "TaskFacts",
]

#: Name of the file in the folder of a study, and what it says of itself.
FACTS_FILE = "project_summary.json"
FACTS_FORMAT = "kcity_geo project summary 1"
#: The same of the plan of a site.
PLAN_FILE = "plan_summary.json"
PLAN_FORMAT = "kcity_geo plan summary 1"
#: How the sentence on the cost of works begins.
COST_WORDS = "Works cost"
_READ = ConfigDict(frozen=True, extra="ignore")


class LevelFacts(BaseModel):
    """
    A sector or theme in the city.

    ``key``; ``title``; ``reading``: id of ``tables/readings.toml``, with its ``reading_title``;
    ``data``: good, fair, poor or empty; ``people``: residents by the reading of their place;
    ``people_short``; ``gap``, ``gap_raw``, ``gap_lo``, ``gap_hi``: shares; None: not known;
    ``short_draws``: share of the people who fall short in each draw, of those of whom something can be told.
    """

    model_config = _READ
    key: str
    title: str
    reading: str
    reading_title: str
    data: str = ""
    people: dict[str, float] = {}
    people_short: float | None = None
    gap: float | None = None
    gap_raw: float | None = None
    gap_lo: float | None = None
    gap_hi: float | None = None
    short_draws: tuple[float, ...] = ()
    evidence: float | None = None


class IndicatorFacts(BaseModel):
    """
    An indicator in the city; None: not known.

    ``standard``, ``worst``: values at which its gap is 0 and 1; ``gap_lo``, ``gap_hi``: what its gap may be;
    ``reading``: id of ``tables/readings.toml``.
    """

    model_config = _READ
    id: str
    title: str
    value: float | None = None
    units: str = ""
    standard: float | None = None
    worst: float | None = None
    gap: float | None = None
    gap_lo: float | None = None
    gap_hi: float | None = None
    reading: str = ""
    mark: str = ""


class SiteFacts(BaseModel):
    """
    A candidate site.

    ``score``: 0 to 1, None: not ranked; ``fits``: False for given land that is too small, too narrow or hardly
    open for the project; ``facts``: column of ``sites.geojson`` -> number;
    ``inside``: what the map shows on it already, and ``next_to``: the sites beside it.
    """

    model_config = _READ
    label: str
    score: float | None = None
    fits: bool = True
    area_ha: float
    district: str = ""
    lat: float
    lon: float
    reasons: tuple[str, ...] = ()
    concerns: tuple[str, ...] = ()
    stability: str = ""
    facts: dict[str, float] = {}
    inside: dict[str, float] = {}
    next_to: str = ""


class TaskFacts(BaseModel):
    """Where to look first: district, sector, what for, and the people of whom nobody can tell."""

    model_config = _READ
    district: str = ""
    sector: str = ""
    look_for: str = ""
    people_open: float | None = None


class StudyFacts(BaseModel):
    """
    What a finished study found.

    ``study``: its name; ``bounds``: west, south, east, north in degrees; ``place``: longitude and latitude of a
    point inside; ``counted_in_all``: whether people were counted in all of the city;
    ``population_evidence``: observed, modelled, proxy, user, synthetic or empty; ``open_share``: share of
    the area that no constraint of the project closes, None where nothing could be ranked;
    ``judged_share``: share of it that could be judged at all, as ``open_share``; the best site is the best of it;
    ``official``: names of the official numbers that
    were given; ``inputs``: keys of ``[sources]`` that were given, None in studies that do not say;
    ``not_assessed``: indicator -> reason; ``tasks``: the first of ``survey_tasks``;
    ``headline_told``: language of the report, where it is not English -> the headline in it;
    ``survey_sectors``: sector -> how many of ``survey_tasks`` are of it.
    """

    model_config = _READ
    format: str = FACTS_FORMAT
    city: str
    study: str = ""
    project: str
    project_title: str
    synthetic: bool
    population: float | None = None
    counted_in_all: bool = True
    population_evidence: str = ""
    area_km2: float
    bounds: tuple[float, float, float, float]
    place: tuple[float, float] | None = None
    open_share: float | None = None
    judged_share: float | None = None
    cell_m: float
    crs: str
    osm_date: str = ""
    districts: int = 0
    levels: tuple[LevelFacts, ...] = ()
    indicators: tuple[IndicatorFacts, ...] = ()
    sites: tuple[SiteFacts, ...] = ()
    no_sites: str = ""
    survey_tasks: int = 0
    survey_sectors: dict[str, int] = {}
    tasks: tuple[TaskFacts, ...] = ()
    official: tuple[str, ...] = ()
    inputs: tuple[str, ...] | None = None
    not_assessed: dict[str, str] = {}
    headline: tuple[str, ...] = ()
    headline_told: dict[str, tuple[str, ...]] = {}
    warnings: tuple[str, ...] = ()
    credits: str = ""
    licence: str = ""
    author: str = ""
    caveat: str = ""


class PlanSheetFacts(BaseModel):
    """A sheet of the map pack that a plan has drawn: ``file`` in its folder, ``styles`` of its legend."""

    model_config = _READ
    number: int
    file: str
    styles: tuple[str, ...] = ()


class PlanFacts(BaseModel):
    """
    What the plan of a site says: ``plan_summary.json`` in its folder.

    ``lead``: the plan in sentences; ``cost``: that of its works in one sentence; ``sheets``: the maps it has drawn.
    """

    model_config = _READ
    format: str = PLAN_FORMAT
    title: str
    city: str
    lead: tuple[str, ...] = ()
    disclaimer: str = ""
    as_of: str = ""
    credits: str = ""
    licence: str = ""
    sheets: tuple[PlanSheetFacts, ...] = ()

    @property
    def cost(self) -> str:
        """The sentence on the cost of works; empty: there is none."""
        return next((line for line in self.lead if line.startswith(COST_WORDS)), "")
