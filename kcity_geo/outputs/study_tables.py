"""The tables of a study as sheets of one workbook: from the summary to cost, assumptions and sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.attribution import CAVEAT, credits_line, credits_of_file, terms_of
from kcity_geo.outputs.cited import citing, ids_in, uncited
from kcity_geo.outputs.claims import SITE_NUMBERS
from kcity_geo.outputs.dossiers import dossier_sheets
from kcity_geo.outputs.frames import site_frame
from kcity_geo.outputs.languages import language_of_study, speaking, translated
from kcity_geo.outputs.plan_tables import plan_workbook_sheets
from kcity_geo.outputs.sheet_ids import rules_sheet
from kcity_geo.outputs.study_workbook import Chart, Sheet, save_sheets
from kcity_geo.outputs.summary import summarise
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.outputs.workbook import no_workbook
from kcity_geo.outputs.workbook_language import in_spoken_language
from kcity_geo.planning.cost_table import CostRow, cost_rows
from kcity_geo.result import LEVELS, Result

__all__ = ["save_study_workbook", "study_sheets"]

#: Readings in the order of the bars of the map.
_TOLD = (
    "falls_short",
    "probably_falls_short",
    "cannot_tell",
    "partly_short",
    "adequate",
    "not_assessed",
)
_MARKS = "Mark: V verified, M from memory, D default, U set by the user."
#: Head of the column that says where numbers of a row stand in ``ledger.json``.
_LEDGER = "ids in the ledger"
_METRES = {"km": 1000.0, "m": 1.0}


def save_study_workbook(result: Result, path: Path, *, columns: pd.DataFrame) -> None:
    """
    Write ``study.xlsx``.

    Parameters
    ----------
    result : a finished study.
    path : file to write; the same study gives the same bytes.
    columns : as `kcity_geo.outputs.columns.column_table` gives them.
    """
    if no_workbook(path):
        return
    told = credits_of_file(result.data)
    save_sheets(
        study_sheets(result, columns),
        path,
        author=result.study.report.author,
        title=f"{result.data.city.name}: {result.score.title}",
        told=f"{told['attribution']}. Licence: {told['licence']}. {told['terms']} {told['notice']}",
    )


def study_sheets(result: Result, columns: pd.DataFrame) -> dict[str, Sheet]:
    """
    Give the sheets of the workbook of a study.

    Parameters
    ----------
    result : a finished study.
    columns : as `kcity_geo.outputs.columns.column_table` gives them.

    Returns
    -------
    Name -> sheet, in the language of the report; sheets of sites are left out where there are none.
    """
    with speaking(language_of_study(result.study)):
        sheets = in_spoken_language(_english_sheets(result, columns))
        rules = in_spoken_language({"Ledger ids": rules_sheet(sheets)})
        return sheets | rules


def _english_sheets(result: Result, columns: pd.DataFrame) -> dict[str, Sheet]:
    found = {
        "Summary": _summary(result),
        "Readings": _readings(result),
        "Districts": _districts(result),
        "Indicators": _indicators(result, city=True),
        "Indicators by district": _indicators(result, city=False),
        "Sites": _sites(result),
        **_dossiers(result),
        **plan_workbook_sheets(result.plan),
        "Survey first": _survey(result),
        "Assumptions": _assumptions(result),
        "Sources": _sources(result),
        "Columns": _columns(columns),
    }
    return {name: sheet for name, sheet in found.items() if sheet is not None}


def _summary(result: Result) -> Sheet:
    with citing():
        told = summarise(result)
    data = result.data
    rows: list[tuple[str, Any, str]] = [
        ("City", data.city.name, ""),
        ("Project", translated(result.score.title), ""),
        *((("What was found" if i == 0 else ""), text, "") for i, text in enumerate(told.headline)),
        *((site.label and f"Site {site.label}", site.area, "") for site in told.sites),
    ]
    if told.no_sites:
        rows.append(("Sites", told.no_sites, ""))
    if told.synthetic:
        rows.insert(0, ("Synthetic", told.synthetic, ""))
    rows += [
        ("Cell", result.study.study.cell_m, "m"),
        ("Date of the map", data.osm_date[:10], ""),
        ("CRS", data.city.crs.name, ""),
        (
            "Ledger",
            translated(
                "ledger.json holds every number with its formula; `kcity verify` computes it again"
            ),
            "",
        ),
    ]
    if result.plan is None:
        how = "kcity plan STUDY --site 1 writes plan.xlsx: land, demand, works, cost, phases"
        rows.append(("A plan of a site", translated(how), ""))
    frame = pd.DataFrame(rows, columns=["what", "value", "units"])
    frame["ledger"] = [", ".join(ids_in(v)) if isinstance(v, str) else "" for v in frame["value"]]
    frame["value"] = [uncited(v) if isinstance(v, str) else v for v in frame["value"]]
    frame.loc[frame["what"] == "Cell", "ledger"] = "cell_m.city"
    return Sheet(
        title=told.title,
        frame=frame,
        note=f"{translated(CAVEAT)} {credits_line(data)}",
        units={"value": "as units"},
        heads={"ledger": _LEDGER},
    )


def _readings(result: Result) -> Sheet:
    """People by reading, a row a sector; totals and shares are formulas."""
    city = result.gaps.city
    words = {row.id: row for row in reading_rows().values()}
    rows = []
    for level in (level for level in LEVELS if level in city.index):
        row: dict[str, Any] = {str(k): v for k, v in city.loc[level].items()}
        people = {key: float(row.get(f"people_{key}", float("nan"))) for key in _TOLD}
        whole = sum(v for v in people.values() if v == v)  # noqa: PLR0124 - NaN is not known
        short = float(row["people_short"])
        share = short / whole if whole else float("nan")
        rows.append(
            {
                "level": level,
                "sector": sector_title(level),
                "reading": plain_text(row["reading"]),
                **people,
                "people": whole or float("nan"),
                "share_short": share,
                "gap": row["gap"],
                "gap_lo": row["gap_lo"],
                "gap_hi": row["gap_hi"],
                "data": plain_text(row["data"]),
            }
        )
    columns = [
        "level",
        "sector",
        "reading",
        *_TOLD,
        "people",
        "share_short",
        "gap",
        "gap_lo",
        "gap_hi",
        "data",
    ]
    return Sheet(
        title="What may be said of the city: people by reading",
        note="Gap: 0 meets the standard, 100 % is nothing there; from and to hold 90 % of the draws of what the "
        "map may lack.",
        frame=pd.DataFrame(rows, columns=columns),
        units={
            **dict.fromkeys((*_TOLD, "people"), "persons"),
            **dict.fromkeys(("share_short", "gap", "gap_lo", "gap_hi"), "share"),
        },
        heads={
            **{key: words[key].title for key in _TOLD},
            "share_short": "people short, share",
            "gap_lo": "gap from",
            "gap_hi": "gap to",
            "level": "id",
        },
        ids={
            **{key: f"{{level}}.people_{key}.city" for key in _TOLD},
            **{key: f"{{level}}.{key}.city" for key in ("gap", "gap_lo", "gap_hi")},
        },
        formulas={
            "people": "SUM({falls_short}:{not_assessed})",
            "share_short": "({falls_short}+{probably_falls_short})/{people}",
        },
        chart=Chart(
            title="People by reading",
            label="sector",
            columns=_TOLD,
            colours=tuple(words[key].colour for key in _TOLD),
            stacked=True,
        ),
    )


def _districts(result: Result) -> Sheet:
    frame = pd.DataFrame(result.gaps.districts.drop(columns="geometry"))
    out = frame[["district_id", "name", "population", "area_km2"]].copy()
    area = out["area_km2"].where(out["area_km2"] > 0)
    out["density"] = out["population"] / area
    units = {"population": "persons", "area_km2": "km2", "density": "persons"}
    heads = {"density": "residents per km2", "district_id": "id"}
    formulas = {"density": "{population}/{area_km2}"}
    for level in (level for level in LEVELS if f"{level}_reading" in frame):
        title = sector_title(level)
        people = frame["population"].where(frame["population"] > 0)
        out[f"{level}_reading"] = frame[f"{level}_reading"]
        out[f"{level}_people_short"] = frame[f"{level}_people_short"]
        out[f"{level}_short"] = frame[f"{level}_people_short"] / people
        out[f"{level}_gap"] = frame[f"{level}_gap"]
        out[f"{level}_data"] = frame[f"{level}_data"]
        units |= {
            f"{level}_people_short": "persons",
            f"{level}_short": "share",
            f"{level}_gap": "share",
        }
        formulas[f"{level}_short"] = f"{{{level}_people_short}}/{{population}}"
        heads |= {
            f"{level}_reading": f"{title}: reading",
            f"{level}_people_short": f"{title}: people short",
            f"{level}_short": f"{title}: share short",
            f"{level}_gap": f"{title}: gap",
            f"{level}_data": f"{title}: data",
        }
    short = tuple(c for c in out.columns if c.endswith("_people_short"))
    told = [level for level in LEVELS if f"{level}_reading" in frame]
    out["ledger"] = [
        ", ".join(f"{level}.people_short.{plain_text(key)}" for level in told)
        for key in out["district_id"]
    ]
    heads["ledger"] = _LEDGER
    return Sheet(
        title="Districts",
        frame=out,
        units=units,
        heads=heads,
        formulas=formulas,
        ids={
            **{name: f"{name}.{{district_id}}" for name in ("population", "area_km2")},
            **{
                f"{level}_{name}": f"{level}.{name}.{{district_id}}"
                for level in told
                for name in ("people_short", "gap")
            },
        },
        totals=("population", "area_km2"),
        chart=Chart(title="People who are short, by district", label="name", columns=short[:3]),
    )


def _indicators(result: Result, *, city: bool) -> Sheet:
    frame = result.gaps.indicators
    of_city = frame["unit_id"] == "city"
    shown = frame[of_city if city else ~of_city].copy()
    shown["ledger"] = [
        f"{key}.value.{plain_text(unit)}"
        for key, unit in zip(shown["indicator"], shown["unit_id"], strict=True)
    ]
    if city:
        shown = shown.drop(columns="unit_id")
    else:
        names = dict(
            zip(result.gaps.districts["district_id"], result.gaps.districts["name"], strict=True)
        )
        shown.insert(list(shown).index("unit_id") + 1, "district", shown["unit_id"].map(names))
    as_units = ("value", "value_lo", "value_hi", "standard", "worst")
    shares = ("gap_raw", "gap", "gap_lo", "gap_hi", "p_short")
    return Sheet(
        title="Indicators of the city" if city else "Indicators of the districts",
        note=f"Standards with their source stand in the docs and the report. {_MARKS}",
        frame=shown.reset_index(drop=True),
        units={**dict.fromkeys(as_units, "as units"), **dict.fromkeys(shares, "share")},
        heads={"ledger": _LEDGER},
        ids={
            name: f"{{indicator}}.{name}.{'city' if city else '{unit_id}'}"
            for name in (*as_units, *shares, "n_features")
        },
    )


def _meaning(table: str) -> dict[str, dict[str, str]]:
    return {str(k): dict(v) for k, v in read_table("columns")[table].items()}


def _sites(result: Result) -> Sheet | None:
    if not len(result.sites):
        return None
    frame = pd.DataFrame(site_frame(result).drop(columns="geometry"))
    about = _meaning("sites")
    empty = [c for c in frame.columns if frame[c].isna().all() or (frame[c] == "").all()]
    labels = frame["label"] if "label" in frame else frame["rank"]
    frame["ledger"] = [
        ", ".join(f"site.{plain_text(label)}.{name}" for name in SITE_NUMBERS if name in frame)
        for label in labels
    ]
    return Sheet(
        title=f"Sites for {result.score.title}, best first",
        note="What each column means stands on the sheet Columns.",
        frame=frame.drop(columns=empty),
        units={c: about.get(str(c), {}).get("unit", "") for c in frame.columns},
        heads={"ledger": _LEDGER},
        ids={
            str(c): f"site.{{{'label' if 'label' in frame else 'rank'}}}.{c}"
            for c in frame.select_dtypes("number").columns
            if str(c) != "rank"
        },
        chart=Chart(title="Score", label="label", columns=("score",))
        if "score" not in empty
        else None,
    )


def _dossiers(result: Result) -> dict[str, Sheet | None]:
    found = result.dossiers
    if found is None or not len(found.facts):
        return {}
    tables = dossier_sheets(found)
    facts = tables["dossiers"].rename(columns={"unit": "units"})
    flags = tables["red flags"]
    return {
        "Site dossiers": Sheet(
            title="Dossiers of the sites: a row a fact",
            note="Empty: not known, or to be filled in by somebody who was there.",
            frame=facts,
            units={"value": "as units"},
            ids={"value": "site.{label}.dossier.{item}"},
        ),
        "Cost of connections": _connections(tables["connections"]),
        "Red flags": Sheet(title="What speaks against a site", frame=flags) if len(flags) else None,
    }


def _connections(lines: pd.DataFrame) -> Sheet:
    """Length times price, for the lines of which the price of a metre is known."""
    rows = []
    for row in lines.to_dict("records"):
        price = _price_of(str(row["connection"]))
        quantity = float(row["new_m"]) / _METRES[price.unit] if price is not None else float("nan")
        rows.append(
            {
                "site_id": row["site_id"],
                "line": row["connection"],
                "title": row["title"],
                "to_name": row["to_name"],
                "length_m": row["length_m"],
                "new_m": row["new_m"],
                "quantity": quantity,
                "unit": price.unit if price is not None else "",
                "price": price.value if price is not None else float("nan"),
                "cost": quantity * price.value if price is not None else float("nan"),
                "cost_low": quantity * price.low if price is not None else float("nan"),
                "cost_high": quantity * price.high if price is not None else float("nan"),
                "price_low": price.low if price is not None else float("nan"),
                "price_high": price.high if price is not None else float("nan"),
                "currency": f"{price.currency} of {price.price_year}" if price is not None else "",
                "price_of": f"{price.title} ({price.source}; mark {price.mark})"
                if price is not None
                else "no price in tables/costs.toml",
                "note": row["note"],
            }
        )
    money = ("price", "cost", "cost_low", "cost_high", "price_low", "price_high")
    return Sheet(
        title="Lines from the sites to what exists, and what they cost",
        note="Quantity times price; the prices are international ones and yours to change: costs follow. No "
        "land, no stations, no pumps. A plan (kcity plan) prices what the project needs.",
        frame=pd.DataFrame(rows),
        units={"length_m": "m", "new_m": "m", "quantity": "km", **dict.fromkeys(money, "money")},
        ids={name: f"connection.{{site_id}}.{{line}}.{name}" for name in ("length_m", "new_m")},
        heads={
            "line": "id",
            "title": "connection",
            "to_name": "ends at",
            "length_m": "length",
            "new_m": "of it new",
            "quantity": "quantity",
            "unit": "unit of the price",
            "price_of": "what the price is of",
            "cost_low": "cost, low price",
            "cost_high": "cost, high price",
            "price_low": "low price",
            "price_high": "high price",
        },
        formulas={
            "cost": "{quantity}*{price}",
            "cost_low": "{quantity}*{price_low}",
            "cost_high": "{quantity}*{price_high}",
        },
        totals=("cost", "cost_low", "cost_high"),
    )


def _price_of(connection: str) -> CostRow | None:
    """Take the price of a metre that plans take for the same kind of line."""
    about = read_table("networks")["utility"].get(connection, {})
    row = cost_rows().get(str(about.get("row", "")))
    return row if row is not None and row.unit in _METRES else None


def _survey(result: Result) -> Sheet | None:
    frame = pd.DataFrame(result.gaps.survey_tasks.drop(columns="geometry"))
    if not len(frame):
        return None
    about = _meaning("survey_tasks")
    return Sheet(
        title="Where to survey first, and for what",
        frame=frame,
        units={c: about.get(str(c), {}).get("unit", "") for c in frame.columns},
        ids={
            name: f"survey.{{rank}}.{name}"
            for name in ("people_open", "population", "evidence", "priority")
        },
    )


def _assumptions(result: Result) -> Sheet:
    frame = pd.DataFrame(assumption_rows(result))
    if "value" in frame:
        number = pd.to_numeric(frame["value"], errors="coerce")
        frame["value"] = frame["value"].astype(object).where(number.isna(), number)
    return Sheet(
        title="Parameters, rules and standards that the study rests on",
        note=f"Origin: default, official, or the study file. {_MARKS}",
        frame=frame,
        ids={"value": "parameter.{key}"},
    )


def _sources(result: Result) -> Sheet:
    rows = [
        {
            "input": p.id,
            "title": p.title,
            "file": p.path,
            "licence": p.licence,
            "attribution": p.attribution,
            "date": p.as_of,
            "address": p.url,
            "sha256": p.sha256,
            "whole": "yes" if p.complete else "no: a part is missing",
            "note": p.note,
        }
        for p in result.data.provenance
    ]
    names = [
        "input",
        "title",
        "file",
        "licence",
        "attribution",
        "date",
        "address",
        "sha256",
        "whole",
        "note",
    ]
    terms = terms_of(result.data)
    return Sheet(
        title="Sources and licences",
        note=f"Licence of this workbook: {terms.id}. {terms.words} Print beside what is made from it: "
        f"{credits_line(result.data)}",
        frame=pd.DataFrame(rows, columns=names),
    )


def _columns(columns: pd.DataFrame) -> Sheet:
    wanted = ("districts", "sites", "survey_tasks", "indicators")
    return Sheet(
        title="What each column means",
        frame=columns[columns["table"].isin(wanted)].reset_index(drop=True),
    )
