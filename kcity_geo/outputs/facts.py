"""The machine-readable summary of a study: ``project_summary.json``, and the facts in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.sites.contents import CONTENT_COLUMNS
from kcity_geo.analysis.suitability.exclusion import OPEN
from kcity_geo.outputs.attribution import terms_of
from kcity_geo.outputs.languages import LANGUAGES, language_of, speaking, unmarked
from kcity_geo.outputs.summary import Summary, headline_of, summarise
from kcity_geo.outputs.text import json_text, plain_text
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.result import SECTORS, THEMES, Result
from kcity_geo.study_facts import IndicatorFacts, LevelFacts, SiteFacts, StudyFacts, TaskFacts

__all__ = ["SITE_CONTENTS", "SITE_FACTS", "facts_of", "save_facts"]

#: Numbers of a site, and those of what the map shows on it; columns of ``sites.geojson``.
SITE_FACTS = (
    "slope_pct", "hand_m", "road_km", "substation_km", "water_km", "population_45min", "compactness",
)  # fmt: skip
SITE_CONTENTS = tuple(c for c in CONTENT_COLUMNS if c != "next_to")
_MAX_TASKS = 10
_DIGITS = 6


def facts_of(result: Result) -> StudyFacts:
    """
    Collect what a study found, in numbers.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    The facts, the same that map and report show.
    """
    told, data = summarise(result), result.data
    west, south, east, north = data.city.boundary.bounds
    inside = data.city.boundary.representative_point()
    findings = Findings(result)
    people = data.cube["population"].attrs if "population" in data.cube else {}
    official = result.study.official.model_dump(exclude_none=True)
    return StudyFacts(
        city=told.city,
        study=plain_text(result.study.study.name),
        project=plain_text(result.score.project),
        project_title=told.project,
        synthetic=data.synthetic,
        population=_known(findings.people),
        counted_in_all=findings.counted_in_all,
        population_evidence=plain_text(people.get("evidence", "")),
        area_km2=round(data.city.area_km2, 3),
        bounds=(round(west, 6), round(south, 6), round(east, 6), round(north, 6)),
        place=(round(inside.x, 6), round(inside.y, 6)),
        open_share=None if result.score.no_ranking else _known(findings.share_of_rule(OPEN)),
        judged_share=None if result.score.no_ranking else _known(findings.judged_share),
        cell_m=result.study.study.cell_m,
        crs=data.city.crs.name,
        osm_date=plain_text(data.osm_date)[:10],
        districts=len(data.city.districts),
        levels=tuple(
            _level(s, result.gaps.city.loc[s], result.gaps.short_draws.get(s, ()))
            for s in (*SECTORS, *THEMES)
            if s in result.gaps.city.index
        ),
        indicators=_indicators(result),
        sites=_sites(result, told),
        no_sites=told.no_sites,
        survey_tasks=len(result.gaps.survey_tasks),
        survey_sectors=_counted(result.gaps.survey_tasks),
        tasks=_tasks(result.gaps.survey_tasks),
        official=tuple(sorted(k for k in official if k not in {"year", "source"})),
        inputs=tuple(sorted(k for k, v in result.study.sources if v)),
        not_assessed={
            i.id: plain_text(i.not_assessed) for i in result.gaps.assessed if i.not_assessed
        },
        headline=told.headline,
        headline_told=_headline_told(result),
        warnings=told.warnings,
        credits=told.credits,
        licence=terms_of(data).id,
        author=plain_text(result.study.report.author),
        caveat=told.caveat,
    )


def _headline_told(result: Result) -> dict[str, tuple[str, ...]]:
    """Tell the headline in the language of the report, where that is one of the package and not English."""
    code = result.study.report.language
    if code == "en" or code not in LANGUAGES:
        return {}
    with speaking(language_of(code)):
        return {code: tuple(map(unmarked, headline_of(result)))}


def save_facts(result: Result, path: Path) -> None:
    """
    Write ``project_summary.json``.

    Parameters
    ----------
    result : a finished study.
    path : file to write.
    """
    text = json_text(facts_of(result).model_dump(mode="json"))
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _known(value: Any, digits: int = _DIGITS) -> float | None:  # noqa: ANN401 - any cell
    if value is None or pd.isna(value):
        return None
    number = float(value)
    return round(number, digits) if math.isfinite(number) else None


def _level(key: str, row: Any, draws: Iterable[float]) -> LevelFacts:  # noqa: ANN401 - a row of a frame
    reading = reading_rows(key)[str(row["reading"])]
    people = {
        str(c).removeprefix("people_"): _known(row[c], 1)
        for c in row.index
        if str(c).startswith("people_") and c != "people_short"
    }
    if reading.id == "not_assessed":  # that nobody falls short was not found either
        people, draws = {k: v for k, v in people.items() if v}, ()
    return LevelFacts(
        key=key,
        title=sector_title(key),
        reading=reading.id,
        reading_title=reading.title,
        data=str(row["data"] or ""),
        people={k: v for k, v in people.items() if v is not None},
        people_short=_known(row.get("people_short"), 1),
        gap=_known(row.get("gap")),
        gap_raw=_known(row.get("gap_raw")),
        gap_lo=_known(row.get("gap_lo")),
        gap_hi=_known(row.get("gap_hi")),
        short_draws=tuple(v for one in draws if (v := _known(one, 5)) is not None),
        evidence=_known(row.get("evidence")),
    )


def _indicators(result: Result) -> tuple[IndicatorFacts, ...]:
    frame = result.gaps.indicators
    readings = reading_rows()
    return tuple(
        IndicatorFacts(
            id=plain_text(row["indicator"]),
            title=plain_text(row["title"]),
            value=_known(row["value"]),
            units=plain_text(row["units"]),
            standard=_known(row["standard"]),
            worst=_known(row["worst"]),
            gap=_known(row["gap"]),
            gap_lo=_known(row["gap_lo"]),
            gap_hi=_known(row["gap_hi"]),
            reading=readings[str(row["reading"])].id if row["reading"] in readings else "",
            mark=plain_text(row["mark"]),
        )
        for row in frame[frame["unit_id"] == "city"].to_dict("records")
    )


def _sites(result: Result, told: Summary) -> tuple[SiteFacts, ...]:
    rows = result.sites.to_dict("records")
    return tuple(
        SiteFacts(
            label=shown.label,
            score=_known(row.get("score"), 4),
            fits=shown.fits,
            area_ha=round(float(row["area_ha"]), 2),
            district=shown.district,
            lat=shown.lat,
            lon=shown.lon,
            reasons=shown.reasons,
            concerns=shown.concerns,
            stability=shown.stability,
            facts={k: v for k in SITE_FACTS if (v := _known(row.get(k), 3)) is not None},
            inside={k: v for k in SITE_CONTENTS if (v := _known(row.get(k), 4)) is not None},
            next_to=plain_text(row.get("next_to")),
        )
        for shown, row in zip(told.sites, rows, strict=True)
    )


def _counted(frame: Any) -> dict[str, int]:  # noqa: ANN401 - GeoDataFrame
    """Count survey tasks by sector."""
    sectors = [plain_text(sector) for sector in frame["sector"]] if len(frame) else []
    return {sector: sectors.count(sector) for sector in sorted(set(sectors))}


def _tasks(frame: Any) -> tuple[TaskFacts, ...]:  # noqa: ANN401 - GeoDataFrame
    return tuple(
        TaskFacts(
            district=plain_text(row.get("district"), max_chars=80),
            sector=plain_text(row.get("sector")),
            look_for=plain_text(row.get("look_for")),
            people_open=_known(row.get("people_open"), 1),
        )
        for row in frame.head(_MAX_TASKS).to_dict("records")
    )
