"""
The report: one page that opens offline and prints to PDF.

It holds the chapters that a screening study can fill, and says which it cannot.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.suitability.constraints import SITE_KEYS
from kcity_geo.config import read_table
from kcity_geo.indicators import IndicatorRow, indicator_rows
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.curves import curve_svg
from kcity_geo.outputs.details import detail_table
from kcity_geo.outputs.dossiers import report_dossiers
from kcity_geo.outputs.figures import theme_figure
from kcity_geo.outputs.headline import first_sector
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.scores import score_words
from kcity_geo.outputs.summary import range_words, summarise
from kcity_geo.outputs.text import human, persons, plain_text, value_words
from kcity_geo.outputs.themes import ReadingRow, Theme, make_themes, reading_rows, sector_title
from kcity_geo.profiles import criteria_titles
from kcity_geo.result import SECTORS, THEMES, Result
from kcity_geo.standards import EVIDENCE_MARKS, Standard, load_standards

__all__ = ["build_report", "save_report"]

_MAX_DISTRICTS = 60
#: Way of combining criteria -> words.
_COMBINATIONS = {
    "wlc": "weighted sum",
    "owa": "ordered weights",
    "topsis": "closeness to the best and distance from the worst land (TOPSIS)",
    "weighted_product": "weighted product",
}
_MAX_TASKS = 20

_EVIDENCE_WORDS = {
    "observed": "seen in the data",
    "modelled": "computed by a published method",
    "proxy": "a stand-in for what cannot be seen",
    "user": "given by the city",
    "synthetic": "generated",
}
_OFFICIAL_WORDS = {
    "year": "Year of the numbers",
    "source": "Published by",
    "population": "Residents",
    "electricity_access": "Residents with electricity",
    "piped_water_access": "Residents with piped water",
    "water_supply_m3_day": "Water production, m³/day",
    "water_storage_m3": "Treated-water storage, m³",
    "wastewater_capacity_m3_day": "Wastewater treatment, m³/day",
    "peak_demand_mw": "Peak power demand, MW",
    "firm_capacity_mw": "Firm power supply, MW",
    "import_capacity_mw": "Power import capacity, MW",
    "transit_stops": "Stops and stations, counted",
    "health_facilities": "Clinics, doctors and hospitals, counted",
    "primary_schools": "Primary schools, counted",
    "water_points": "Public taps, wells and springs, counted",
    "nrw_share": "Water lost on the way",
    "lpcd": "Domestic water use, litres per person and day",
    "population_growth_share": "Growth a year",
    "table": "Table by district",
}
#: Chapters of a full study (World Bank, ADB, EDCF tables of contents) that stay empty here.
_LEFT_OUT = (
    "context, policy and stakeholders",
    "forecast of population and jobs",
    "land-use plan and capacity of a site",
    "engineering design, costs, finance and economics",
    "environmental and social assessment (only a map of constraints is given)",
    "phasing, institutions, risks and procurement",
)


def _combination(method: Mapping[str, Any]) -> str:
    """Say how criteria were combined, and what order weights mean: 0 cautious to 1 daring, and so on."""
    words = _COMBINATIONS.get(str(method.get("combination")), "")
    if "orness" not in method:
        return words
    return (
        f"{words} (OWA: ORness {method['orness']:.2f}, 0 counts the worst criterion alone and 1 the best; "
        f"trade-off {method['tradeoff']:.2f}, 1 where criteria make up for each other fully)"
    )


def save_report(result: Result, path: Path) -> None:
    """
    Write the report of a study.

    Parameters
    ----------
    result : a finished study.
    path : file to write.
    """
    path.write_text(build_report(result), encoding="utf-8", newline="\n")


def build_report(result: Result) -> str:
    """
    Make the report of a study.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    One HTML page that requests nothing. The same study gives the same text.
    """
    themes = {t.key: t for t in make_themes(result)}
    assumed = assumption_rows(result)
    html = (
        environment()
        .get_template("report.html.j2")
        .render(
            summary=summarise(result),
            css=asset("report.css"),
            figures=_figures(result, themes),
            districts=_districts(result),
            sector_titles=[sector_title(s) for s in (*SECTORS, *THEMES)],
            indicators=_indicators(result),
            inventory=_inventory(result),
            provenance=_provenance(result),
            tasks=_tasks(result),
            criteria=_criteria(result),
            constraints=_constraints(result),
            missing=_missing_criteria(result),
            weights=plain_text(result.score.method.get("weights", "")),
            combination=_combination(result.score.method),
            parameters=_parameters(result),
            readings=_readings(result),
            short_limit=human(result.gaps.limits.short, "share"),
            evidence_words=_evidence_limits(result),
            marks=EVIDENCE_MARKS,
            evidence=_EVIDENCE_WORDS,
            dossiers=report_dossiers(result),
            left_out=_LEFT_OUT,
            study=result.study,
            scale_error=_scale_words(result),
            crs=_crs_words(result),
            official=_official(result),
            assumptions=assumed,
            own_assumptions=", ".join(a["key"] for a in assumed if a["mark"] == "U"),
        )
    )
    return seal(html)


def _figures(result: Result, themes: dict[str, Theme]) -> dict[str, dict[str, Any]]:
    """Every theme, the answer on page 1, and the sites near by."""
    found = {
        key: _figure(theme, theme_figure(result, theme, sites=key in {"suitability", "excluded"}))
        for key, theme in themes.items()
    }
    whole = themes[f"{first_sector(result.gaps)}_reading"]
    found["first"] = _figure(whole, theme_figure(result, whole, sites=True))
    if len(result.sites):
        found["first"]["title"] += ", with the candidate sites"
        score = themes["suitability"]
        near = theme_figure(result, score, sites=True, near=result.sites.total_bounds)
        found["sites"] = {**_figure(score, near), "title": f"Candidate sites. {score.title}"}
    return found


def _figure(theme: Theme, image: str) -> dict[str, Any]:
    return {
        "title": theme.title,
        "question": theme.question,
        "note": theme.note,
        "legend": theme.legend,
        "image": image,
    }


def _crs_words(result: Result) -> str:
    crs = result.data.city.crs
    code = crs.to_epsg()
    return f"{crs.name} (EPSG:{code})" if code else "equal-area projection centred on the city"


def _scale_words(result: Result) -> str:
    metres = 1000 * result.data.city.scale_error
    return f"at most {metres:.1f} m" if metres >= 0.1 else "less than 0.1 m"  # noqa: PLR2004


def _float(value: Any) -> float:  # noqa: ANN401 - any cell
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _cell(row: Any, sector: str) -> dict[str, str]:  # noqa: ANN401 - a row of a frame
    """Give the reading of a district in one sector, its people short, and the range of its gap."""
    known = reading_rows(sector)[str(row[f"{sector}_reading"])]
    low, high = _float(row.get(f"{sector}_gap_lo")), _float(row.get(f"{sector}_gap_hi"))
    gap = _float(row.get(f"{sector}_gap"))
    span = range_words(low, high) or human(gap, "share", missing="")
    return {
        "title": known.title,
        "colour": known.colour,
        "short_word": "flood-prone" if sector in THEMES else "short",
        "gap_word": "exposure" if sector in THEMES else "gap",
        "short": persons(_float(row.get(f"{sector}_people_short"))),
        "range": span,
        "data": plain_text(row.get(f"{sector}_data")),
    }


def _readings(result: Result) -> list[ReadingRow]:
    """Every reading once, those of a theme in its own words below."""
    limits = result.gaps.limits
    found = (reading_rows(level, limits=limits) for level in ("", *THEMES))
    return list({title: row for rows in found for title, row in rows.items()}.values())


def _districts(result: Result) -> dict[str, Any]:
    """Districts by the people who fall short in the sector where most do."""
    frame = result.gaps.districts
    names = [f"{s}_people_short" for s in SECTORS]
    most = frame[names].astype(float).max(axis=1)
    frame = frame.assign(most=most).sort_values(
        ["most", "district_id"], ascending=[False, True], na_position="last", kind="stable"
    )
    rows = [
        {
            "name": plain_text(row["name"], max_chars=80),
            "people": persons(_float(row.get("population"))),
            "area": human(row.get("area_km2"), "km2"),
            "cells": [_cell(row, s) for s in (*SECTORS, *THEMES)],
            "worst": sector_title(str(row["worst_sector"])) if row["worst_sector"] else "",
        }
        for _, row in frame.head(_MAX_DISTRICTS).iterrows()
    ]
    return {"rows": rows, "more": max(0, len(frame) - _MAX_DISTRICTS)}


def _indicators(result: Result) -> list[dict[str, Any]]:
    """City rows by sector; those that could not be assessed stand in a table of their own."""
    rows = result.gaps.indicators
    known = indicator_rows()
    standards = load_standards(result.study.standards)
    groups: dict[str, list[dict[str, str]]] = {s: [] for s in (*SECTORS, *THEMES)}
    for _, row in rows[rows["unit_id"] == "city"].iterrows():
        if not math.isfinite(_float(row["value"])):
            continue
        key = str(row["indicator"])
        standard = standards.get(key)
        about = known.get(key)
        units = plain_text(row["units"])
        sector = about.theme or about.sector if about else SECTORS[0]
        low, high = _float(row.get("gap_lo")), _float(row.get("gap_hi"))
        least, most = _float(row.get("value_lo")), _float(row.get("value_hi"))
        groups.setdefault(sector, []).append(
            {
                "id": key,
                "title": plain_text(row["title"]),
                "question": plain_text(about.question if about else ""),
                "value": value_words(_float(row["value"]), low=least, high=most, units=units),
                "standard": human(row.get("standard"), units),
                "worst": human(row.get("worst"), units, missing=""),
                "gap": human(row.get("gap_raw"), "share"),
                "range": range_words(low, high) or human(row.get("gap"), "share", missing=""),
                "reading": plain_text(row.get("reading")),
                "data": plain_text(row.get("data")),
                "evidence": plain_text(row.get("evidence")),
                "mark": plain_text(row.get("mark")),
                "citation": plain_text(_citation(standard, about)),
                "note": plain_text(row.get("note"), max_chars=400),
                "features": f"{int(_float(row['n_features'])):,}"
                if _float(row.get("n_features")) > 0
                else "",
                "as_of": plain_text(row.get("as_of")),
            }
        )
    further = _further(result)
    return [
        {"title": sector_title(s), "rows": r, "further": further.get(s, [])}
        for s, r in groups.items()
        if r
    ]


def _citation(standard: Standard | None, about: IndicatorRow | None) -> str:
    """Give the source of the standard that was used."""
    if standard is not None:
        return standard.citation
    return about.citation if about is not None else ""


def _further(result: Result) -> dict[str, list[dict[str, str]]]:
    """Numbers behind the indicators, by sector."""
    titles = {key: row.title for key, row in indicator_rows().items()}
    rows: dict[str, list[dict[str, str]]] = {}
    for row in detail_table(result).itertuples():
        rows.setdefault(str(row.sector), []).append(
            {
                "indicator": plain_text(titles.get(str(row.indicator), str(row.indicator))),
                "words": plain_text(row.words),
                "value": _plain_number(row.value)
                if not row.units
                else human(row.value, str(row.units)),
            }
        )
    return rows


def _plain_number(value: Any) -> str:  # noqa: ANN401 - a number without unit, or a text
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain_text({True: "yes", False: "no"}.get(value, value))
    return f"{value:.0f}" if float(value).is_integer() else human(value)


def _inventory(result: Result) -> list[dict[str, str]]:
    titles = {row["id"]: row.get("title", row["id"]) for row in read_table("osm")["layer"]}
    return [
        {
            "title": plain_text(titles.get(row["layer"], row["layer"])),
            "count": f"{int(row['count']):,}",
            "length": human(row["length_km"], "km") if _float(row["length_km"]) > 0 else "",
            "area": human(row["area_ha"], "ha") if _float(row["area_ha"]) > 0 else "",
            "key": _attribute_words(row["key_attribute"]),
            "share": human(row["key_attribute_share"], "share", missing=""),
        }
        for _, row in result.data.inventory.iterrows()
    ]


_UNITS = {"m3", "day", "mm", "m", "v", "mw", "min", "kmh", "persons", "hz", "mva"}


def _attribute_words(name: object) -> str:
    """Column name without its unit, as words."""
    words = plain_text(name).split("_")
    while len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    return " ".join(words)


def _day(text: str) -> str:
    """Cut the time off a date."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)[T ].*$", r"\1", plain_text(text))


def _provenance(result: Result) -> list[dict[str, str]]:
    return [
        {
            "title": plain_text(p.title),
            "file": plain_text(p.path),
            "licence": plain_text(p.licence),
            "as_of": _day(p.as_of) or "not stated",
            "attribution": plain_text(p.attribution),
            "note": plain_text(p.note, max_chars=400)
            + ("" if p.complete else " INCOMPLETE: a part of these data is missing."),
        }
        for p in result.data.provenance
    ]


def _tasks(result: Result) -> dict[str, Any]:
    frame = result.gaps.survey_tasks
    if not len(frame):
        return {"rows": [], "more": 0}
    frame = frame.sort_values("rank", kind="stable")
    points = frame.geometry.representative_point().to_crs(4326)
    rows = [
        {
            "rank": str(int(row["rank"])),
            "sector": sector_title(str(row["sector"])),
            "district": plain_text(row.get("district"), max_chars=60),
            "people": persons(_float(row["population"])),
            "open": persons(_float(row["people_open"])),
            "look_for": plain_text(row["look_for"]),
            "place": f"{point.y:.4f}, {point.x:.4f}",
        }
        for (_, row), point in zip(
            frame.head(_MAX_TASKS).iterrows(), points.head(_MAX_TASKS), strict=True
        )
    ]
    return {"rows": rows, "more": max(0, len(frame) - _MAX_TASKS)}


def _criteria(result: Result) -> list[dict[str, str]]:
    mean = Findings(result).mean_utility
    return [
        {
            "title": plain_text(c.title),
            "units": plain_text(c.units),
            "stated": human(c.weight_stated, "share"),
            "used": human(c.weight_used, "share"),
            "function": score_words(c.value_function, c.units),
            "mean": human(100 * mean[c.id]),
            "evidence": plain_text(c.evidence),
            "mark": plain_text(c.mark),
            "citation": plain_text(c.citation),
            "note": plain_text(c.note, max_chars=300),
            "curve": curve_svg(result, c),
        }
        for c in result.score.criteria
    ]


def _constraints(result: Result) -> list[dict[str, str]]:
    share = Findings(result).excluded_share
    return [
        {
            "title": plain_text(c.title),
            "limit": plain_text(c.limit),
            "share": human(share[c.id], "share") if c.applied else "not applied",
            "area": _hectares(c.area_ha, result.data.city.area_km2),
            "added": _hectares(c.added_ha, result.data.city.area_km2),
            "mark": plain_text(c.mark),
            "note": plain_text(c.note, max_chars=300),
        }
        for c in result.score.constraints
    ]


def _hectares(area_ha: float, city_km2: float) -> str:
    if not math.isfinite(area_ha):
        return ""
    return f"{human(area_ha, 'ha')} ({human(area_ha / 100 / city_km2, 'share')})"


def _missing_criteria(result: Result) -> list[tuple[str, str]]:
    titles = criteria_titles()
    return [
        (plain_text(titles.get(key, key)), plain_text(why, max_chars=300))
        for key, why in result.score.missing.items()
    ]


def _parameters(result: Result) -> list[tuple[str, str]]:
    """Limits of whole sites; those of cells stand in the table of constraints, applied or not."""
    units = {"ha": "ha", "m": "m", "km": "km", "pct": "%", "share": "share"}
    rows = []
    for key in SITE_KEYS:
        value = result.score.parameters.get(key)
        if value is None:
            continue
        words = str(key).split("_")
        unit = next((units[w] for w in reversed(words) if w in units), "")
        shown = human(value, unit) if isinstance(value, int | float) else plain_text(value)
        rows.append((plain_text(" ".join(w for w in words if w not in units)), shown))
    return rows


def _evidence_limits(result: Result) -> list[tuple[str, str]]:
    """Say what good, fair and poor data are."""
    limits = result.gaps.limits
    fair, good = f"{limits.evidence_fair:g}", f"{limits.evidence_good:g}"
    return [
        ("good", f"evidence {good} or more"),
        ("fair", f"evidence {fair} to {good}"),
        ("poor", f"evidence under {fair}: nothing is said of the place"),
    ]


def _official_value(key: str, value: Any) -> str:  # noqa: ANN401 - any TOML value
    if isinstance(value, float) and key.endswith(("_access", "_share")):
        return human(value, "share")
    return f"{value:,.10g}" if isinstance(value, float) else plain_text(value)


def _official(result: Result) -> list[tuple[str, str]]:
    values = result.study.official.model_dump(exclude_none=True)
    return [
        (_OFFICIAL_WORDS.get(key, key.replace("_", " ")), _official_value(key, value))
        for key, value in values.items()
        if value != ""
    ]
