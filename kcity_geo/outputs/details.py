"""
The further numbers behind the indicators (horizon year, limits used, bounds), for people.

Names carry their unit at the end, so words and unit are read off the name.
"""

from __future__ import annotations

import numbers
from typing import Any

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.languages import tell
from kcity_geo.outputs.text import human, translated_text
from kcity_geo.result import Result

__all__ = ["detail_table", "further_numbers"]

#: Ending of a name -> unit. Longer endings first.
_UNITS = (
    ("kwh_m2_year", "kWh/m2 a year"),
    ("kwh_kwp", "kWh/kWp a year"),
    ("mwh_year_closed_form", "MWh/year"),
    ("mwh_year", "MWh/year"),
    ("m3_day", "m3/day"),
    ("m3_h", "m3/h"),
    ("m3_s", "m3/s"),
    ("day_m3", "m3/day"),
    ("persons", "persons"),
    ("share", "share"),
    ("mwac", "MWac"),
    ("kwp", "kWp"),
    ("mva", "MVA"),
    ("ntl", "nW cm-2 sr-1"),
    ("km2", "km2"),
    ("lpcd", "litres per person and day"),
    ("min", "min"),
    ("kw", "kW"),
    ("mw", "MW"),
    ("km", "km"),
    ("m2", "m2"),
    ("m3", "m3"),
    ("ha", "ha"),
    ("m", "m"),
)


def detail_table(result: Result) -> pd.DataFrame:
    """
    List the further numbers of every indicator.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Columns ``indicator, sector, name, words, value, units``; a row a number or short text, in the
    order of the indicators. Geometries and tables are left out.
    """
    known = indicator_rows()
    rows = []
    for indicator in result.gaps.assessed:
        about = known.get(indicator.id)
        for name, value in indicator.details.items():
            if not isinstance(value, numbers.Number | str) or value == "":
                continue
            words, units = _words(name)
            units = about.details.get(name, units) if about else units
            rows.append(
                {
                    "indicator": indicator.id,
                    "sector": about.sector if about else "",
                    "name": name,
                    "words": words,
                    "value": value,
                    "units": units if isinstance(value, numbers.Number) else "",
                }
            )
    columns = ["indicator", "sector", "name", "words", "value", "units"]
    return pd.DataFrame(rows, columns=columns)


def _words(name: str) -> tuple[str, str]:
    """Say what a number is, and its unit."""
    words, unit = _split(name)
    names = read_table("texts/inputs")["detail"]
    known = names.get(name) or names.get(words)
    return (known["en"] if known else words), unit


def _split(name: str) -> tuple[str, str]:
    """Split a name into what it says and its unit: ``peak_hour_m3_h`` -> peak hour, m3/h."""
    if name.startswith("share_"):
        minutes = name.removeprefix("share_").removesuffix("_min")
        return (
            f"share within {minutes} min" if minutes.isdigit() else name.replace("_", " ")
        ), "share"
    if "_km_" in name:
        return name.replace("_km_", " distance to ").replace("_", " "), "km"
    for ending, unit in _UNITS:
        if name == ending or name.endswith(f"_{ending}"):
            says = name if unit in {"share", "persons"} else name.removesuffix(ending)
            per_area = "persons/" if unit == "km2" and "density" in name else ""
            return (says.strip("_") or name).replace("_", " "), per_area + unit
    return name.replace("_", " "), ""


def further_numbers(result: Result) -> dict[str, list[dict[str, Any]]]:
    """
    List the numbers behind the indicators for the annex of the report.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Sector -> a row an indicator: ``indicator`` (its title), ``numbers`` (words and value of each) and ``count``.
    """
    titles = {key: row.title for key, row in indicator_rows().items()}
    rows: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for row in detail_table(result).itertuples():
        title = translated_text(titles.get(str(row.indicator), str(row.indicator)))
        value = _plain_number(row.value) if not row.units else human(row.value, str(row.units))
        rows.setdefault(str(row.sector), {}).setdefault(title, []).append(
            (
                translated_text(row.words),
                cited(value, f"{row.indicator}.details.{row.name}"),
            )
        )
    return {
        sector: [
            {"indicator": title, "numbers": numbers, "count": len(numbers)}
            for title, numbers in found.items()
        ]
        for sector, found in rows.items()
    }


def _plain_number(value: Any) -> str:  # noqa: ANN401 - a number without unit, or a text
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, bool):
            return tell("yes" if value else "no")
        known = read_table("texts/inputs")["value"].get(str(value))
        return translated_text(known["en"] if known else value)
    return f"{value:.0f}" if float(value).is_integer() else human(value)
