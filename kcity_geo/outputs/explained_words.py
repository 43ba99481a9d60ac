"""The single clauses that `explain` puts together: value, standard, range and note of a row of the indicators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kcity_geo.analysis.gaps.words import READINGS, reading_title
from kcity_geo.config import read_table
from kcity_geo.indicators import IndicatorRow, indicator_rows
from kcity_geo.outputs.languages import tell, translated
from kcity_geo.outputs.text import as_number, human, measured, plain_text, value_words
from kcity_geo.result import THEMES

__all__ = [
    "left_open",
    "noted",
    "row_value",
    "silent_titles",
    "slotted",
    "span_words",
    "standard_words",
    "worded",
]

#: Sentence of a sector -> that of a theme, which is no shortfall of supply.
_OF_LAND = {
    "explain_middle": "explain_middle_flood",
    "explain_chance": "explain_chance_flood",
    "explain_short": "explain_short_flood",
}
_Row = Mapping[Any, Any] | pd.Series


def standard_words(row: _Row, about: IndicatorRow) -> str:
    """
    Say what an indicator is measured against.

    Parameters
    ----------
    row : of the indicators.
    about : the indicator.

    Returns
    -------
    A clause that follows the value; empty where there is no standard.
    """
    standard = float(row["standard"])
    if not np.isfinite(standard):
        parts = (
            translated(plain_text(about.citation)) if about.scored and about.target is None else ""
        )
        return tell("explain_standard_parts", parts=parts) if parts else ""
    worst = human(row["worst"], plain_text(row["units"]), missing="")
    at = tell("explain_worst_at", worst=worst) if worst else ""
    shown = measured(standard, plain_text(row["units"]))
    return tell("explain_standard", standard=shown, worst=at)


def row_value(row: _Row) -> str:
    """
    Write the value of a row, with its bounds where it states some.

    Parameters
    ----------
    row : of the indicators.

    Returns
    -------
    For people.

    Examples
    --------
    >>> row_value({"value": 0.25, "units": "share"})
    '25 %'
    """
    value, low, high = (as_number(row.get(key)) for key in ("value", "value_lo", "value_hi"))
    return value_words(value, low=low, high=high, units=plain_text(row["units"])) or tell(
        "explain_no_value"
    )


def worded(key: str, level: str) -> str:
    """
    Give the key of a sentence; a theme that is no shortfall of supply has words of its own.

    Parameters
    ----------
    key : of the sentence of a sector.
    level : one of `kcity_geo.result.LEVELS`.

    Returns
    -------
    Key of ``tables/texts/report.toml``.

    Examples
    --------
    >>> worded("explain_short", "water"), worded("explain_short", "flood")
    ('explain_short', 'explain_short_flood')
    """
    return _OF_LAND.get(key, key) if level in THEMES else key


def slotted(key: str, *slots: str) -> str:
    """
    Say a sentence whose slots stay open.

    Parameters
    ----------
    key : of the sentence.
    *slots : names of its slots.

    Returns
    -------
    A template.

    Examples
    --------
    >>> slotted("explain_trust", "evidence", "data")
    'Evidence {evidence}: data {data}.'
    """
    return tell(key, **{slot: f"{{{slot}}}" for slot in slots})


def left_open(row: _Row, about: IndicatorRow, *, ranged: bool) -> str:
    """
    Say of what nobody mapped that the range holds it all the same.

    Parameters
    ----------
    row : of the indicators.
    about : the indicator.
    ranged : the sector has a range.

    Returns
    -------
    A line; empty for other indicators than those of ``[silent]``.
    """
    if not ranged or not _silent(row, about.id):
        return ""
    note = translated(plain_text(row["note"], max_chars=300))
    return tell("explain_open", title=translated(plain_text(row["title"])), note=note)


def _silent(row: _Row, key: str) -> bool:
    """Whether an indicator was not assessed, and the range of its sector holds it all the same."""
    silent = read_table("evidence")["silent"]
    not_assessed = reading_title(READINGS.index("not_assessed"))
    return key in (*silent["drawn"], *silent["ends"]) and str(row["reading"]) == not_assessed


def silent_titles(indicators: pd.DataFrame, sector: str) -> list[str]:
    """
    Name what was not assessed of a sector, although its range holds it from none to all.

    Parameters
    ----------
    indicators : as in `kcity_geo.result.Gaps`.
    sector : whose.

    Returns
    -------
    Titles without what stands in brackets, to be said within a sentence.
    """
    about = indicator_rows()
    rows = indicators[indicators["unit_id"] == "city"]
    told = [
        translated(plain_text(row["title"])).split("(")[0].strip()
        for _, row in rows.iterrows()
        if (known := about.get(str(row["indicator"])))
        and known.sector == sector
        and not known.theme
        and _silent(row, known.id)
    ]
    return [text[:1].lower() + text[1:] for text in told]


def span_words(low: float, high: float) -> str:
    """
    Write a range of shares; once where both ends read the same.

    Parameters
    ----------
    low, high : 0 to 1.

    Returns
    -------
    For people.

    Examples
    --------
    >>> span_words(0.2, 0.5), span_words(0.2, 0.2)
    ('20 % to 50 %', '20 %')
    """
    first, last = human(low, "share"), human(high, "share")
    return first if first == last else tell("explain_span", low=first, high=last)


def noted(text: str, row: _Row) -> str:
    """
    Add the note of a row.

    Parameters
    ----------
    text : what it belongs to.
    row : of the indicators.

    Returns
    -------
    The text, with the note in brackets where there is one.

    Examples
    --------
    >>> noted("Wastewater", {"note": ""})
    'Wastewater'
    """
    note = translated(plain_text(row["note"], max_chars=300))
    return tell("explain_noted", text=text, note=note) if note else text
