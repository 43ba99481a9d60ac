"""Rows of the tables of the report, in the language that is spoken: words and numbers, no markup."""

from __future__ import annotations

import math
import re
from typing import Any

from kcity_geo.analysis.gaps.words import nobody_can_tell
from kcity_geo.config import read_table
from kcity_geo.indicators import IndicatorRow, indicator_rows
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.claims import parameter_id
from kcity_geo.outputs.details import further_numbers
from kcity_geo.outputs.languages import name, tell, translated
from kcity_geo.outputs.summary import range_words
from kcity_geo.outputs.text import (
    as_number,
    human,
    persons,
    plain_text,
    translated_text,
    value_words,
)
from kcity_geo.outputs.themes import ReadingRow, reading_rows, sector_title
from kcity_geo.result import SECTORS, THEMES, Result
from kcity_geo.standards import EVIDENCE_MARKS, Standard, load_standards

__all__ = [
    "assumptions",
    "crs_words",
    "districts",
    "evidence_limits",
    "evidence_words",
    "indicators",
    "inventory",
    "left_out",
    "mark_words",
    "official",
    "provenance",
    "readings",
    "scale_words",
    "tasks",
]

_MAX_DISTRICTS = 60
_MAX_TASKS = 20
#: Smallest error of a length that is told, in metres a kilometre.
_LEAST_ERROR_M = 0.1
#: Words of where a number comes from.
_BASIS = ("observed", "modelled", "proxy", "user", "synthetic")
#: Chapters of a full study (World Bank, ADB, EDCF tables of contents) -> where they come from.
_LEFT_OUT = {
    "forecast": "plan",
    "land_use": "plan",
    "demand": "plan",
    "smart": "programme",
    "design": "nobody",
    "cost": "plan",
    "safeguards": "constraints",
    "phasing": "phasing",
}


def crs_words(result: Result) -> str:
    """
    Name the CRS in which lengths were measured.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Words.
    """
    crs = result.data.city.crs
    code = crs.to_epsg()
    return tell("crs_code", name=name(crs.name), code=code) if code else tell("crs_local")


def scale_words(result: Result) -> str:
    """
    Say by how much lengths are wrong in a kilometre.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Words.
    """
    metres = 1000 * result.data.city.scale_error
    if metres >= _LEAST_ERROR_M:
        return tell("error_most", metres=cited(f"{metres:.1f}", "scale_error.city"))
    return tell("error_less", metres=f"{_LEAST_ERROR_M:g}")


def _cell(row: Any, sector: str) -> dict[str, str]:  # noqa: ANN401 - a row of a frame
    """Give the reading of a district in one sector, its people short, and the range of its gap."""
    known = reading_rows(sector)[str(row[f"{sector}_reading"])]
    low, high = as_number(row.get(f"{sector}_gap_lo")), as_number(row.get(f"{sector}_gap_hi"))
    gap = as_number(row.get(f"{sector}_gap"))
    short, open_ = (as_number(row.get(f"{sector}_people_{k}")) for k in ("short", "cannot_tell"))
    unknown = nobody_can_tell(open_, short, as_number(row.get("population")))
    unknown = unknown or (known.id == "cannot_tell" and short < 1)
    key = plain_text(row["district_id"])
    span = range_words(low, high) or human(gap, "share", missing="")
    ends = [f"{sector}.{end}.{key}" for end in _ends(low, high)]
    return {
        "title": known.title,
        "colour": known.colour,
        "short_word": tell("word_flood" if sector in THEMES else "word_short"),
        "gap_word": tell("word_exposure" if sector in THEMES else "word_gap"),
        "text": "district_cell_open" if unknown else "district_cell",
        "short": cited(persons(short), f"{sector}.people_short.{key}"),
        "range": cited(span, *ends),
        "data": translated_text(row.get(f"{sector}_data")),
    }


def _ends(low: float, high: float) -> tuple[str, ...]:
    """Numbers of the ledger that are shown as a gap: both ends of its range, else the one."""
    return ("gap_lo", "gap_hi") if range_words(low, high) else ("gap",)


def readings(result: Result) -> list[ReadingRow]:
    """
    Give every reading once, those of a theme in its own words below.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Rows with title, meaning and colour.
    """
    limits = result.gaps.limits
    found = (reading_rows(level, limits=limits) for level in ("", *THEMES))
    return list({title: row for rows in found for title, row in rows.items()}.values())


def districts(result: Result) -> dict[str, Any]:
    """
    List the districts by the people who fall short in the sector where most do, then by those on flood-prone land.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    ``rows``, and ``more``: how many are left out.
    """
    frame = result.gaps.districts
    # In whole persons, as the table tells them: of two with nobody short no trace decides.
    most, flooded = (
        frame[[f"{s}_people_short" for s in levels]].astype(float).max(axis=1).round()
        for levels in (SECTORS, THEMES)
    )
    frame = frame.assign(most=most, flooded=flooded).sort_values(
        ["most", "flooded", "district_id"],
        ascending=[False, False, True],
        na_position="last",
        kind="stable",
    )
    rows = [
        {
            "name": name(plain_text(row["name"], max_chars=80)),
            "people": cited(
                persons(as_number(row.get("population"))),
                f"population.{plain_text(row['district_id'])}",
            ),
            "area": cited(
                human(row.get("area_km2"), "km2"), f"area_km2.{plain_text(row['district_id'])}"
            ),
            "cells": [_cell(row, s) for s in (*SECTORS, *THEMES)],
            "worst": sector_title(str(row["worst_sector"])) if row["worst_sector"] else "",
        }
        for _, row in frame.head(_MAX_DISTRICTS).iterrows()
    ]
    return {"rows": rows, "more": max(0, len(frame) - _MAX_DISTRICTS)}


def indicators(result: Result) -> list[dict[str, Any]]:
    """
    List the values of the city by sector, without those that could not be assessed.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A group a sector: title, rows and further numbers.
    """
    rows = result.gaps.indicators
    known = indicator_rows()
    standards = load_standards(result.study.standards)
    groups: dict[str, list[dict[str, str]]] = {s: [] for s in (*SECTORS, *THEMES)}
    for _, row in rows[rows["unit_id"] == "city"].iterrows():
        if not math.isfinite(as_number(row["value"])):
            continue
        key = str(row["indicator"])
        standard = standards.get(key)
        about = known.get(key)
        units = plain_text(row["units"])
        sector = about.theme or about.sector if about else SECTORS[0]
        low, high = as_number(row.get("gap_lo")), as_number(row.get("gap_hi"))
        least, most = as_number(row.get("value_lo")), as_number(row.get("value_hi"))
        groups.setdefault(sector, []).append(
            {
                "id": key,
                "title": translated_text(row["title"]),
                "value": value_words(
                    as_number(row["value"]),
                    low=least,
                    high=most,
                    units=units,
                    ids=(f"{key}.value.city", f"{key}.value_lo.city", f"{key}.value_hi.city"),
                ),
                "standard": cited(human(row.get("standard"), units), f"{key}.standard.city"),
                "worst": cited(human(row.get("worst"), units, missing=""), f"{key}.worst.city"),
                "gap": cited(human(row.get("gap_raw"), "share"), f"{key}.gap_raw.city"),
                "range": cited(
                    range_words(low, high) or human(row.get("gap"), "share", missing=""),
                    *(f"{key}.{end}.city" for end in _ends(low, high)),
                ),
                "reading": translated_text(row.get("reading")),
                "data": translated_text(row.get("data")),
                "evidence": translated_text(row.get("evidence")),
                "mark": plain_text(row.get("mark")),
                "citation": plain_text(_citation(standard, about)),
                "note": cited(translated_text(row.get("note"), max_chars=700), f"{key}.note.city"),
                "features": cited(
                    f"{int(as_number(row['n_features'])):,}", f"{key}.n_features.city"
                )
                if as_number(row.get("n_features")) > 0
                else "",
                "as_of": plain_text(row.get("as_of")),
            }
        )
    further = further_numbers(result)
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


def inventory(result: Result) -> list[dict[str, str]]:
    """
    List what the map holds.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row a layer.
    """
    titles = {row["id"]: row.get("title", row["id"]) for row in read_table("osm")["layer"]}
    return [
        {
            "title": translated_text(titles.get(row["layer"], row["layer"])),
            "count": cited(f"{int(row['count']):,}", f"inventory.{row['layer']}.count"),
            "length": cited(human(row["length_km"], "km"), f"inventory.{row['layer']}.length_km")
            if as_number(row["length_km"]) > 0
            else "",
            "area": cited(human(row["area_ha"], "ha"), f"inventory.{row['layer']}.area_ha")
            if as_number(row["area_ha"]) > 0
            else "",
            "key": translated(_attribute_words(row["key_attribute"])),
            "share": cited(
                human(row["key_attribute_share"], "share", missing=""),
                f"inventory.{row['layer']}.key_attribute_share",
            ),
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


def _input_title(title: str, kind: str) -> str:
    """Say what an input is; what a user calls it, a file or the source of official numbers, is a name."""
    own = kind.startswith("official") or re.fullmatch(r"\S+\.\w+", title) is not None
    return name(plain_text(title)) if own else translated_text(title)


def provenance(result: Result) -> list[dict[str, str]]:
    """
    List the inputs.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row an input.
    """
    return [
        {
            "title": _input_title(p.title, p.id),
            "file": plain_text(p.path),
            "licence": plain_text(p.licence),
            "as_of": translated(_day(p.as_of)) or tell("not_stated"),
            "attribution": plain_text(p.attribution),
            "note": cited(translated_text(p.note, max_chars=400), f"input.{p.id}.note")
            + ("" if p.complete else f" {tell('incomplete')}"),
        }
        for p in result.data.provenance
    ]


def tasks(result: Result) -> dict[str, Any]:
    """
    List where to survey first.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    ``rows``, ``look_for``: sector and what to look for there, each pair once, and ``more``: how many are left out.
    """
    frame = result.gaps.survey_tasks
    if not len(frame):
        return {"rows": [], "look_for": [], "more": 0}
    frame = frame.sort_values("rank", kind="stable")
    points = frame.geometry.representative_point().to_crs(4326)
    rows = [
        {
            "rank": str(int(row["rank"])),
            "sector": sector_title(str(row["sector"])),
            "district": name(plain_text(row.get("district"), max_chars=60)),
            "people": cited(
                persons(as_number(row["population"])), f"survey.{int(row['rank'])}.population"
            ),
            "open": cited(
                persons(as_number(row["people_open"])), f"survey.{int(row['rank'])}.people_open"
            ),
            "anybody": persons(as_number(row["people_open"])) != persons(0.0),
            "look_for": translated_text(row["look_for"]),
            "place": ", ".join(
                cited(f"{degrees:.4f}", f"survey.{int(row['rank'])}.{axis}")
                for axis, degrees in (("lat", point.y), ("lon", point.x))
            ),
        }
        for (_, row), point in zip(
            frame.head(_MAX_TASKS).iterrows(), points.head(_MAX_TASKS), strict=True
        )
    ]
    pairs = dict.fromkeys((row["sector"], row["look_for"]) for row in rows)
    return {"rows": rows, "look_for": list(pairs), "more": max(0, len(frame) - _MAX_TASKS)}


def evidence_limits(result: Result) -> list[tuple[str, str]]:
    """
    Say what good, fair and poor data are.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Word and meaning.
    """
    limits = result.gaps.limits
    fair, good = f"{limits.evidence_fair:g}", f"{limits.evidence_good:g}"
    return [
        (translated(word), tell(f"evidence_{word}", fair=fair, good=good))
        for word in ("good", "fair", "poor")
    ]


def _official_value(key: str, value: Any) -> str:  # noqa: ANN401 - any TOML value
    if isinstance(value, float) and key.endswith(("_access", "_share")):
        return human(value, "share")
    if isinstance(value, float):
        return f"{value:,.10g}"
    # Folders of the machine on which a study ran say nothing to a reader.
    return name(plain_text(str(value).rpartition("/")[2] if key == "table" else value))


def official(result: Result) -> list[tuple[str, str]]:
    """
    List the numbers that the city gave.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Words and value.
    """
    values = result.study.official.model_dump(exclude_none=True)
    return [
        (tell(f"official_{key}"), cited(_official_value(key, value), f"official.{key}"))
        for key, value in values.items()
        if value != ""
    ]


def evidence_words() -> list[tuple[str, str]]:
    """
    Say what the words for the basis of a number mean.

    Returns
    -------
    Word and meaning.
    """
    return [(translated(word), tell(f"basis_{word}")) for word in _BASIS]


def mark_words() -> dict[str, str]:
    """
    Say what the marks mean.

    Returns
    -------
    Mark -> meaning.
    """
    return {mark: translated(words) for mark, words in EVIDENCE_MARKS.items()}


def left_out(number: int, *, plan: int | None) -> list[tuple[str, str]]:
    """
    Say which chapters of a full study are not here, and what gives them.

    Parameters
    ----------
    number : of the chapter with the map of constraints.
    plan : number of the chapter on the plan of the best site; None: the study holds none.

    Returns
    -------
    Title and where it comes from.
    """
    here = {"plan": "planned", "phasing": "phased"} if plan is not None else {}
    return [
        (tell(f"left_{chapter}"), tell(f"from_{here.get(where, where)}", number=number, plan=plan))
        for chapter, where in _LEFT_OUT.items()
    ]


def assumptions(result: Result) -> list[dict[str, str]]:
    """
    Give the assumptions in words.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    As `kcity_geo.outputs.assumptions.assumption_rows`.
    """
    return [
        {
            **row,
            "value": cited(row["value"], parameter_id(row["key"])),
            "unit": translated(row["unit"]),
            "origin": translated(row["origin"]),
            "note": cited(translated(row["note"]), f"{parameter_id(row['key'])}.note"),
        }
        for row in assumption_rows(result)
    ]
