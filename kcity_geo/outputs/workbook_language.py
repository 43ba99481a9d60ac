"""The workbook of a study in the language of its report: names of sheets, titles, heads, notes and words of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kcity_geo.outputs.languages import spoken, translated, unmarked
from kcity_geo.outputs.study_workbook import Sheet, head_words

__all__ = ["in_spoken_language"]

#: Columns whose cells are words of tables and analysis, never names that somebody gave.
_WORDS = (
    "sector", "reading", "data", "title", "topic", "what", "look_for", "worst_sector", "units", "unit",
    "connection", "evidence", "Use", "Work", "Phase", "Demand", "Unit", "Used by", "Assumption",
    "reasons", "concerns", "flag", "stability", "text", "basis", "note", "meaning", "price_of", "used_by",
)  # fmt: skip
#: Units that are words.
_UNITS = ("persons", "true or false")
_ENDINGS = ("_reading", "_data")
_LONGEST_NAME = 31  # of a sheet


def in_spoken_language(sheets: Mapping[str, Sheet]) -> dict[str, Sheet]:
    """
    Say what stands around the numbers in the language that is spoken.

    Parameters
    ----------
    sheets : name -> sheet, in English.

    Returns
    -------
    Name -> sheet; the same where English is spoken. Texts without words in the language stay in English.
    """
    if spoken().code == "en":
        return dict(sheets)
    return {_said(name)[:_LONGEST_NAME]: _told(sheet) for name, sheet in sheets.items()}


def _said(text: str) -> str:
    return unmarked(translated(text))


def _with_unit(head: str) -> str:
    """Say the words of a head and the unit in brackets behind them."""
    words, bracket, unit = head.removesuffix(")").partition(" (")
    told = spoken().said.get(f"head: {words}")
    return f"{told}({_said(unit)})" if told and bracket else _said(head)


def _head(sheet: Sheet, column: str) -> str:
    """Words and, where they are words as well, the unit."""
    words, unit = _with_unit(head_words(sheet, column)), sheet.units.get(column, "")
    return (
        f"{words} ({_said(unit)})"
        if unit in _UNITS and not words.endswith(f"({_said(unit)})")
        else words
    )


def _told(sheet: Sheet) -> Sheet:
    heads = {str(c): _head(sheet, str(c)) for c in sheet.frame.columns}
    frame = sheet.frame.copy()
    for column in frame.columns:
        if str(column) in _WORDS or str(column).endswith(_ENDINGS):
            frame[column] = [_said(v) if isinstance(v, str) else v for v in frame[column]]
        else:  # sentences that are in the language already bear marks around names
            frame[column] = [unmarked(v) if isinstance(v, str) else v for v in frame[column]]
    chart = sheet.chart
    return replace(
        sheet,
        title=_said(sheet.title),
        note=_said(sheet.note),
        heads=heads,
        frame=frame,
        total=_said(sheet.total),
        chart=replace(chart, title=_said(chart.title)) if chart is not None else None,
    )
