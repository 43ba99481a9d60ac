"""
Claims: every number that a study states, with its id, value, unit and formula.

What papers show under an id is the value of the claim of that id, rounded. A sentence that the analysis made is a
claim of its own: its numbers are looked up, and checked again, as they stand in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pandas as pd

from kcity_geo.analysis.findings import Findings, residents
from kcity_geo.analysis.recommend import recommendations
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN
from kcity_geo.config import read_table
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.details import detail_table
from kcity_geo.outputs.facts import SITE_CONTENTS, SITE_FACTS
from kcity_geo.outputs.languages import language_of, speaking
from kcity_geo.outputs.summary import without_folders
from kcity_geo.outputs.text import as_number, plain_text
from kcity_geo.plan_sheets import PlanSheets, Table
from kcity_geo.result import LEVELS, Result

__all__ = [
    "FORMULAS",
    "SITE_NUMBERS",
    "TEXT",
    "Claim",
    "claim",
    "claims",
    "parameter_id",
    "plan_area_id",
    "plan_claims",
    "plan_id",
]

#: Numbers of a site in the ledger, and their unit.
SITE_NUMBERS = {"score": "index", "mean_score": "index", "area_ha": "ha"}
#: Unit of a claim that is a sentence.
TEXT = "text"
#: Formula of all claims that are none of an indicator; its words stand in ``tables/display.toml``.
FORMULAS = (
    "gap_model", "suitability", "site", "people", "city", "inventory", "input", "parameter", "rule", "plan",
)  # fmt: skip
_DIGITS = 9
_LONGEST = 1200
_DIGIT = re.compile(r"\d")
_TOLD_OF_SITES = ("reasons", "concerns", "stability", "not_checked")

Claim = dict[str, Any]


def claims(result: Result) -> list[Claim]:
    """
    List the numbers that a study states.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row a number: ``id`` (``T1.value.city``, ``water.people_short.D03``, ``site.1a.score``,
    ``survey.1.people_open``), ``value`` (None: not known; a text where `unit` is ``"text"``), ``unit``, ``formula``
    (key of ``formulas`` of the ledger). Ids occur once.
    """
    with speaking(language_of("en")):
        rows = chain(
            _of_city(result),
            _of_indicators(result),
            _of_levels(result),
            _of_sites(result),
            _of_dossiers(result),
            _of_tasks(result),
            _of_suitability(result),
            _of_land(result),
            _of_inventory(result),
            _of_details(result),
            _of_inputs(result),
            _of_advice(result),
            _of_warnings(result),
            _of_legends(result),
            plan_claims(result.plan) if result.plan is not None else (),
        )
        return list({row["id"]: row for row in rows}.values())


def _value(value: Any) -> float | None:  # noqa: ANN401 - numpy or Python number
    number = as_number(value)
    return float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None


#: Row of ``tables/plan_formulas.toml`` of areas that are measured on what is drawn.
_MEASURED = "plan_area"


def claim(key: str, value: Any, unit: str, formula: str) -> Claim:  # noqa: ANN401 - any cell
    """
    Make a row of a ledger.

    Parameters
    ----------
    key : id; blanks become ``_``.
    value : number; None and NaN: not known.
    unit : of it; empty: none.
    formula : key of the formulas of the ledger.

    Returns
    -------
    The row.

    Examples
    --------
    >>> claim("area_km2.D 1", 2.5, "km2", "city")["id"]
    'area_km2.D_1'
    """
    return {"id": _id(key), "value": _value(value), "unit": unit or "1", "formula": formula}


def _id(key: str) -> str:
    """Give an id without blanks, as several stand side by side."""
    return plain_text(key).replace(" ", "_")


def _said(key: str, text: object, formula: str) -> Iterator[Claim]:
    """Claim a sentence; one without a number in English may have one in another language (a half: 50 %)."""
    words = plain_text(without_folders(plain_text(text, max_chars=_LONGEST)), max_chars=_LONGEST)
    if words:
        yield {"id": _id(key), "value": words, "unit": TEXT, "formula": formula}


def _of_city(result: Result) -> Iterator[Claim]:
    data, findings = result.data, Findings(result)
    yield claim("population.city", findings.people, "persons", "people")
    yield claim("counted_share.city", findings.counted_share, "share", "people")
    yield claim("area_km2.city", data.city.area_km2, "km2", "city")
    yield claim("districts.city", len(data.city.districts), "count", "city")
    yield claim("cell_m.city", result.study.study.cell_m, "m", "input")
    yield claim("scale_error.city", 1000 * data.city.scale_error, "m/km", "city")
    for row in result.gaps.districts.to_dict("records"):
        key = plain_text(row["district_id"])
        yield claim(f"population.{key}", row.get("population"), "persons", "people")
        yield claim(f"area_km2.{key}", row.get("area_km2"), "km2", "city")


def _of_indicators(result: Result) -> Iterator[Claim]:
    for row in result.gaps.indicators.to_dict("records"):
        # Indicators of one family (T1, T1_u4ssc) have a formula each.
        key = formula = str(row["indicator"])
        unit = plain_text(row["unit_id"])
        for name in ("value", "value_lo", "value_hi", "standard", "worst", "n_features"):
            if name == "value" or _value(row.get(name)) is not None:
                units = "count" if name == "n_features" else plain_text(row["units"])
                yield claim(f"{key}.{name}.{unit}", row.get(name), units, formula)
        for name in ("gap_raw", "gap", "gap_lo", "gap_hi", "p_short"):
            yield claim(f"{key}.{name}.{unit}", row[name], "share", "gap_model")
        yield from _said(f"{key}.note.{unit}", row.get("note"), formula)
    yield claim("limit.short", result.gaps.limits.short, "share", "parameter")
    for one in result.gaps.assessed:
        yield from _said(f"{one.id}.not_assessed.city", one.not_assessed, "input")


def _of_levels(result: Result) -> Iterator[Claim]:
    names = (
        "gap", "gap_raw", "gap_lo", "gap_hi", "p_short", "evidence", "people_short", "people_cannot_tell",
    )  # fmt: skip
    city, districts = result.gaps.city, result.gaps.districts
    readings = [str(c) for c in city.columns if str(c).startswith("people_")]
    total = residents(result.gaps)
    for level in LEVELS:
        for name in (*names, *(r for r in readings if r not in names)):
            known = level in city.index and name in city
            places = [("city", city.loc[level, name])] if known else []
            if f"{level}_{name}" in districts:
                keys = districts["district_id"].astype(str)
                places += zip(keys, districts[f"{level}_{name}"], strict=True)
            unit = "persons" if name.startswith("people") else "share"
            for place, value in places:
                yield claim(f"{level}.{name}.{plain_text(place)}", value, unit, "gap_model")
        if level in city.index:
            for name in readings:
                share = as_number(city.loc[level, name]) / total if total > 0 else math.nan
                yield claim(f"{level}.{name}_share.city", share, "share", "gap_model")


def _of_sites(result: Result) -> Iterator[Claim]:
    from kcity_geo.outputs.frames import site_frame

    sites = site_frame(result) if len(result.sites) else result.sites
    about = read_table("columns")["sites"]
    points = sites.geometry.representative_point().to_crs(4326) if len(sites) else ()
    for row, point in zip(sites.to_dict("records"), points, strict=True):
        site = f"site.{plain_text(row.get('label', row['rank']))}"
        for name, unit in SITE_NUMBERS.items():
            if name in row:
                yield claim(f"{site}.{name}", row[name], unit, "suitability")
        for name in (*SITE_FACTS, *SITE_CONTENTS):
            if name in row:
                yield claim(f"{site}.{name}", row[name], str(about[name]["unit"]), "site")
        for name in _further(sites):
            if _value(row[name]) is not None:
                yield claim(f"{site}.{name}", row[name], str(about[name]["unit"]), "site")
        if result.dossiers is not None:
            count = len(result.dossiers.warnings().get(row["site_id"], ()))
            yield claim(f"{site}.flags", count, "count", "site")
        yield claim(f"{site}.lat", point.y, "degrees", "site")
        yield claim(f"{site}.lon", point.x, "degrees", "site")
        for name in _TOLD_OF_SITES:
            yield from _said(f"{site}.{name}", row.get(name), "site")


def _further(sites: pd.DataFrame) -> list[str]:
    """Columns of numbers that are told of in ``columns.toml`` and not claimed above."""
    about = read_table("columns")["sites"]
    known = {*SITE_NUMBERS, *SITE_FACTS, *SITE_CONTENTS, "rank"}
    numbers = sites.select_dtypes("number").columns
    return [str(c) for c in numbers if str(c) in about and str(c) not in known]


def _of_dossiers(result: Result) -> Iterator[Claim]:
    found = result.dossiers
    if found is None:
        return
    for row in found.facts.to_dict("records"):
        key = f"site.{plain_text(row['label'])}.dossier.{row['item']}"
        if _value(row["value"]) is not None:
            yield claim(key, row["value"], plain_text(row["unit"]), "site")
        yield from _said(f"{key}.words", row["text"], "site")
        yield from _said(f"{key}.basis", row["basis"], "site")
    for label in dict.fromkeys(found.flags["label"]):
        mine = found.flags[found.flags["label"] == label]["flag"]
        for number, text in enumerate(mine, start=1):
            yield from _said(f"site.{plain_text(label)}.flag.{number}", text, "site")
    for row in pd.DataFrame(found.connections.drop(columns="geometry")).to_dict("records"):
        for name in ("length_m", "new_m"):
            key = f"connection.{row['site_id']}.{row['connection']}.{name}"
            yield claim(key, row.get(name), "m", "site")


def _of_tasks(result: Result) -> Iterator[Claim]:
    frame = result.gaps.survey_tasks
    if not len(frame):
        return
    # Ids follow the rank, under which every paper shows a task.
    frame = frame.sort_values("rank", kind="stable")
    points = frame.geometry.representative_point().to_crs(4326)
    for row, point in zip(frame.to_dict("records"), points, strict=True):
        task = f"survey.{int(row['rank'])}"
        for name, unit in (
            ("people_open", "persons"), ("population", "persons"), ("evidence", "share"), ("priority", "persons"),
        ):  # fmt: skip
            if name in row:
                yield claim(f"{task}.{name}", row[name], unit, "gap_model")
        yield claim(f"{task}.lat", point.y, "degrees", "gap_model")
        yield claim(f"{task}.lon", point.x, "degrees", "gap_model")
        yield from _said(f"{task}.look_for", row.get("look_for"), "gap_model")


def _of_suitability(result: Result) -> Iterator[Claim]:
    score, mean = result.score, Findings(result).mean_utility
    for one in score.criteria:
        key = f"criterion.{one.id}"
        yield claim(f"{key}.weight_stated", one.weight_stated, "share", "suitability")
        yield claim(f"{key}.weight_used", one.weight_used, "share", "suitability")
        yield claim(f"{key}.mean_utility", mean[one.id], "index", "suitability")
        yield from _said(f"{key}.value_function", one.value_function, "parameter")
        yield from _said(f"{key}.note", one.note, "suitability")
    for name, why in score.missing.items():
        yield from _said(f"criterion.{name}.missing", why, "input")
    for name, value in (*score.parameters.items(), *score.method.items()):
        key = f"{'site_limit' if name in score.parameters else 'method'}.{name}"
        if isinstance(value, str):
            yield from _said(key, value, "parameter")
        elif isinstance(value, int | float):
            yield claim(key, value, "", "parameter")
    yield from _said("sites.no_ranking", score.no_ranking, "suitability")


def _of_land(result: Result) -> Iterator[Claim]:
    score, findings = result.score, Findings(result)
    share, city_ha = findings.excluded_share, 100 * result.data.city.area_km2
    for rule in score.constraints:
        key = f"constraint.{rule.id}"
        for name, area in (("area", rule.area_ha), ("added", rule.added_ha)):
            yield claim(f"{key}.{name}_ha", area, "ha", "suitability")
            yield claim(f"{key}.{name}_share", area / city_ha, "share", "suitability")
        yield claim(f"{key}.cells_share", share[rule.id], "share", "suitability")
        yield from _said(f"{key}.limit", rule.limit, "parameter")
        yield from _said(f"{key}.note", rule.note, "suitability")
    codes = {"open": OPEN, "unknown": NO_DATA}
    codes |= {rule.id: number for number, rule in enumerate(findings.rules)}
    for name, code in codes.items():
        land = findings.share_of_rule(code)
        yield claim(f"land.{name}_share.city", land, "share", "suitability")
    if not score.no_ranking:
        yield claim("judged_share.city", findings.judged_share, "share", "suitability")


def _of_inventory(result: Result) -> Iterator[Claim]:
    columns = {"count": "count", "length_km": "km", "area_ha": "ha", "key_attribute_share": "share"}
    for row in result.data.inventory.to_dict("records"):
        for name, unit in columns.items():
            if name in row:
                yield claim(f"inventory.{row['layer']}.{name}", row[name], unit, "inventory")


def _of_details(result: Result) -> Iterator[Claim]:
    for row in detail_table(result).to_dict("records"):
        formula = str(row["indicator"])
        key = f"{formula}.details.{row['name']}"
        if isinstance(row["value"], str):
            yield from _said(key, row["value"], formula)
        else:
            yield claim(key, row["value"], plain_text(row["units"]), formula)


def _of_inputs(result: Result) -> Iterator[Claim]:
    for name, value in result.study.official.model_dump(exclude_none=True).items():
        if isinstance(value, int | float):
            unit = "share" if name.endswith(("_access", "_share")) else "as stated"
            yield claim(f"official.{name}", value, unit, "input")
        elif isinstance(value, str):
            # Folders of a machine say nothing, and differ where the study runs again.
            words = value.rpartition("/")[2] if name == "table" else value
            yield from _said(f"official.{name}", words, "input")
    for source in result.data.provenance:
        yield from _said(f"input.{source.id}.note", source.note, "input")
    for row in assumption_rows(result):
        key, number = parameter_id(row["key"]), _value(row["value"])
        # The workbook has all keys of a row, and so an id made of all.
        for one in (key, f"parameter.{row['key']}"):
            if number is not None:
                yield claim(one, number, plain_text(row["unit"]), "parameter")
            else:
                yield from _said(one, row["value"], "parameter")
        yield from _said(f"{key}.note", row["note"], "parameter")


def parameter_id(keys: str) -> str:
    """
    Give the id of an assumption.

    Parameters
    ----------
    keys : as its row has them; of several, where several sectors read it, the first counts.

    Returns
    -------
    Id in the ledger, without blanks.

    Examples
    --------
    >>> parameter_id("water.lpcd")
    'parameter.water.lpcd'
    """
    return _id(f"parameter.{keys.partition(',')[0]}")


def _of_advice(result: Result) -> Iterator[Claim]:
    for number, one in enumerate(recommendations(result), start=1):
        unit = "share" if one.measure.endswith("_share") else "count"
        yield claim(f"advice.{number}.value", one.value, unit, "rule")
        yield claim(f"advice.{number}.limit", one.limit, unit, "rule")
        if math.isfinite(one.people):
            yield claim(f"advice.{number}.people", one.people, "persons", "gap_model")


def _of_warnings(result: Result) -> Iterator[Claim]:
    from kcity_geo.outputs.summary import warning_lines

    for number, text in enumerate(warning_lines(result), start=1):
        yield from _said(f"warning.{number}", text, "input")


def _of_legends(result: Result) -> Iterator[Claim]:
    from kcity_geo.outputs.legend_shares import legend_shares

    for one in legend_shares(result):
        yield claim(one.id, one.share, "share", one.formula)


def plan_claims(plan: PlanSheets) -> Iterator[Claim]:
    """
    List the numbers of a plan: each cell of its tables, and each sentence with a number.

    Parameters
    ----------
    plan : as it is written down.

    Yields
    ------
    Claims as of `claims`; the id of a cell is ``plan.<table>.<row>.<column>``, rows counted from 1, that of the area
    of a layer of a sheet as of `plan_area_id`.
    """
    for number, text in enumerate(plan.lead, start=1):
        yield from _said(f"plan.lead.{number}", text, "plan")
    for nth, chapter in enumerate(plan.chapters, start=1):
        for number, text in enumerate(chapter.text, start=1):
            yield from _said(f"plan.chapter.{nth}.{number}", text, "plan")
    yield from _sheet_claims(plan)
    for name, table in plan.tables.items():
        yield from _said(f"plan.{name}.note", table.note, "plan")
        for place, values in enumerate(table.frame.itertuples(index=False), start=1):
            for column, value in zip(table.frame.columns, values, strict=True):
                key = plan_id(name, place, str(column))
                if isinstance(value, str) and _DIGIT.search(value):
                    yield from _said(key, value, "plan")
                elif not isinstance(value, str | bool) and _value(value) is not None:
                    unit, formula = _of_cell(table, str(column), place - 1)
                    yield claim(key, value, unit, formula)


def _sheet_claims(plan: PlanSheets) -> Iterator[Claim]:
    """List the numbers of the sheets of a plan: those of captions, and the areas of what is drawn."""
    measured = _MEASURED if _MEASURED in plan.formulas else "plan"
    for number, sheet in enumerate(plan.maps):
        yield from _said(f"plan.map.{number}", sheet.caption, "plan")
        for place, layer in enumerate(sheet.layers):
            if layer.area_ha > 0:
                yield claim(plan_area_id(number, place), layer.area_ha, "ha", measured)


def _of_cell(table: Table, column: str, row: int) -> tuple[str, str]:
    """Give the unit and the formula of a cell; a table made by hand has units of columns alone."""
    units, formulas = table.cell_units.get(column), table.formulas.get(column)
    unit = units[row] if units else table.units.get(column, "")
    return plain_text(unit), formulas[row] if formulas else "plan"


def plan_area_id(sheet: int, layer: int) -> str:
    """
    Give the id of the area that a layer of a sheet of a plan covers.

    Parameters
    ----------
    sheet, layer : places of the sheet in the plan and of the layer in the sheet, from 0.

    Returns
    -------
    Id in the ledger.

    Examples
    --------
    >>> plan_area_id(2, 0)
    'plan.map.2.0.area_ha'
    """
    return f"plan.map.{sheet}.{layer}.area_ha"


def plan_id(table: str, row: int | str, column: str) -> str:
    """
    Give the id of a cell of a table of a plan.

    Parameters
    ----------
    table, row, column : key of the table, row from 1, name of the column.

    Returns
    -------
    Id in the ledger, without blanks.

    Examples
    --------
    >>> plan_id("cost", 3, "Present value")
    'plan.cost.3.Present_value'
    """
    return _id(f"plan.{table}.{row}.{column}")
