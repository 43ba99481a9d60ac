"""The ledger: every number of a study with its unit, formula, inputs and parameters, to be checked again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.config import read_table
from kcity_geo.fingerprint import code_sha256, table_sha256
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.facts import SITE_CONTENTS, SITE_FACTS
from kcity_geo.outputs.shown_numbers import PAPERS, shown_numbers
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import LEVELS, Result

__all__ = [
    "LEDGER_FILE",
    "LEDGER_FORMAT",
    "SITE_NUMBERS",
    "claims",
    "file_sha256",
    "ledger_sha256",
    "save_ledger",
]

LEDGER_FILE = "ledger.json"
LEDGER_FORMAT = "kcity_geo ledger 2"
_DIGITS = 9
#: Numbers of a site in the ledger, and their unit.
SITE_NUMBERS = {"score": "index", "mean_score": "index", "area_ha": "ha"}
_SITE_FORMULA = "suitability"
_ON_SITE_FORMULA = "site"
_GAP_FORMULA = "gap_model"
_PEOPLE_FORMULA = "people"


def claims(result: Result) -> list[dict[str, Any]]:
    """
    List the numbers that a study states.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    A row a number: ``id`` (``T1.value.city``, ``water.people_short.D03``, ``site.1a.score``,
    ``survey.1.people_open``), ``value`` (None: not known), ``unit``, ``formula`` (key of ``formulas`` of the ledger).
    Ids occur once.
    """
    return [
        *_people_claims(result),
        *_indicator_claims(result),
        *_level_claims(result),
        *_site_claims(result),
        *_survey_claims(result),
    ]


def _value(value: Any) -> float | None:  # noqa: ANN401 - numpy or Python number
    number = math.nan if value is None else float(value)
    return float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None


def _people_claims(result: Result) -> Iterator[dict[str, Any]]:
    yield {
        "id": "population.city",
        "value": _value(Findings(result).people),
        "unit": "persons",
        "formula": _PEOPLE_FORMULA,
    }


def _indicator_claims(result: Result) -> Iterator[dict[str, Any]]:
    rows = indicator_rows()
    for row in result.gaps.indicators.to_dict("records"):
        key, unit = str(row["indicator"]), plain_text(row["unit_id"])
        about = rows.get(key)
        formula = about.formula_id if about else key
        for name in ("value", "gap_raw", "gap", "gap_lo", "gap_hi", "p_short"):
            of_value = name == "value"
            yield {
                "id": f"{key}.{name}.{unit}",
                "value": _value(row[name]),
                "unit": plain_text(row["units"]) if of_value else "share",
                "formula": formula if of_value else _GAP_FORMULA,
            }


def _level_claims(result: Result) -> Iterator[dict[str, Any]]:
    names = ("gap", "gap_raw", "gap_lo", "gap_hi", "p_short", "people_short", "people_cannot_tell")
    readings = [str(c) for c in result.gaps.city.columns if str(c).startswith("people_")]
    for level in LEVELS:
        for name in (*names, *(r for r in readings if r not in names)):
            places = (
                [("city", result.gaps.city.loc[level, name])]
                if level in result.gaps.city.index
                else []
            )
            column = f"{level}_{name}"
            frame = result.gaps.districts
            if column in frame:
                places += zip(frame["district_id"].astype(str), frame[column], strict=True)
            for place, value in places:
                yield {
                    "id": f"{level}.{name}.{plain_text(place)}",
                    "value": _value(value),
                    "unit": "persons" if name.startswith("people") else "share",
                    "formula": _GAP_FORMULA,
                }


def _site_claims(result: Result) -> Iterator[dict[str, Any]]:
    about = read_table("columns")["sites"]
    for row in result.sites.to_dict("records"):
        label = plain_text(row.get("label", row["rank"]))
        for name, unit in SITE_NUMBERS.items():
            if name in row:
                yield {
                    "id": f"site.{label}.{name}",
                    "value": _value(row[name]),
                    "unit": unit,
                    "formula": _SITE_FORMULA,
                }

        for name in (*SITE_FACTS, *SITE_CONTENTS):
            if name in row:
                yield {
                    "id": f"site.{label}.{name}",
                    "value": _value(row[name]),
                    "unit": str(about[name]["unit"]),
                    "formula": _ON_SITE_FORMULA,
                }


def _survey_claims(result: Result) -> Iterator[dict[str, Any]]:
    for number, people in enumerate(result.gaps.survey_tasks.get("people_open", ()), start=1):
        yield {
            "id": f"survey.{number}.people_open",
            "value": _value(people),
            "unit": "persons",
            "formula": _GAP_FORMULA,
        }


def _formulas(result: Result) -> dict[str, dict[str, Any]]:
    """Say how the numbers are computed, from which inputs and parameters."""
    assumed = assumption_rows(result)
    found: dict[str, dict[str, Any]] = {}
    for one in result.gaps.assessed:
        about = indicator_rows().get(one.id)
        if about is None:
            continue
        keys = [r["key"] for r in assumed if one.id.partition("_")[0] in str(r["used_by"])]
        found[about.formula_id] = {
            "words": about.formula,
            "source": plain_text(one.source),
            "as_of": plain_text(one.as_of),
            "layers": list(one.layers),
            "parameters": keys,
        }
    told = read_table("display")["ledger"]
    found[_GAP_FORMULA] = {
        "words": told["gap_model"],
        "tables": ["evidence.toml", "priors.toml", "readings.toml"],
    }
    found[_SITE_FORMULA] = {
        "words": told["suitability"],
        "weights": {c.id: _value(c.weight_used) for c in result.score.criteria},
        "tables": [
            "suitability/criteria.toml",
            "suitability/profiles.toml",
            "suitability/sites.toml",
        ],
    }
    found[_ON_SITE_FORMULA] = {"words": told["site"], "tables": ["columns.toml"]}
    found[_PEOPLE_FORMULA] = {"words": told["people"]}
    return found


def file_sha256(folder: Path) -> dict[str, str]:
    """
    Take the checksum of each file of a study, but for its ledger.

    Parameters
    ----------
    folder : of the study.

    Returns
    -------
    Path below the folder -> hexadecimal digest, in order.
    """
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LEDGER_FILE
    }


def ledger_sha256(ledger: Mapping[str, Any]) -> str:
    """
    Take the checksum of what a ledger says, which stands in it as ``ledger_sha256``.

    Parameters
    ----------
    ledger : as read from its file; the checksum itself is left out.

    Returns
    -------
    Hexadecimal digest; spaces and the order of keys do not matter.

    Examples
    --------
    >>> told = {"claims": [1.5]}
    >>> ledger_sha256(told | {"ledger_sha256": "x"}) == ledger_sha256(told)
    True
    """
    told = {key: value for key, value in ledger.items() if key != "ledger_sha256"}
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def save_ledger(result: Result, folder: Path) -> None:
    """
    Write ``ledger.json`` beside the other files of a study, as the last of them.

    Parameters
    ----------
    result : a finished study.
    folder : that holds its files.
    """
    try:
        package = version("kcity_geo")
    except PackageNotFoundError:
        package = "not installed"
    told = {
        "format": LEDGER_FORMAT,
        "version": package,
        "code_sha256": code_sha256(),
        "tables": table_sha256(),
        "inputs": [
            {
                "id": one.id,
                "file": plain_text(one.path),
                "sha256": one.sha256,
                "licence": plain_text(one.licence),
                "as_of": plain_text(one.as_of),
            }
            for one in result.data.provenance
        ],
        "parameters": [
            {k: plain_text(row[k]) for k in ("key", "value", "unit", "origin", "mark")}
            for row in assumption_rows(result)
        ],
        "crs": plain_text(result.data.city.crs.name),
        "cell_m": result.study.study.cell_m,
        "seed": result.study.study.seed,
        "formulas": _formulas(result),
        "claims": claims(result),
        "shown": {
            name: shown_numbers(folder / name) for name in PAPERS if (folder / name).is_file()
        },
        "files": file_sha256(folder),
    }
    told["ledger_sha256"] = ledger_sha256(told)
    text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A line a claim: differences of two ledgers can be read.
    text = text.replace('},{"id":', '},\n{"id":')
    (folder / LEDGER_FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
