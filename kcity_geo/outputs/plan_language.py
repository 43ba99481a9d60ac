"""What is written down of a plan in the language of its report: titles, heads, notes and words of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.outputs.languages import name, spoken, translated, unmarked
from kcity_geo.plan_sheets import Chapter, MapSheet, PlanSheets, Table
from kcity_geo.programme.plan_words import korean_plan
from kcity_geo.retold import UNTOLD

__all__ = ["plan_in_spoken_language", "plan_told", "style_title", "unmarked_plan"]

#: Columns whose cells are files, names and citations, which are said as they are in every language.
_NAMES = (
    "Citation",
    "Source",
    "File",
    "As of",
    "Licence",
    "Attribution or citation",
    "Mark",
    "Price year",
)


def plan_told(text: str) -> str:
    """
    Say a sentence of a plan in the language that is spoken.

    Parameters
    ----------
    text : English.

    Returns
    -------
    As `kcity_geo.outputs.languages.translated` gives it: what has no words there stays, marked as the original and
    counted.

    Examples
    --------
    >>> from kcity_geo.outputs.languages import language_of, speaking
    >>> with speaking(language_of("ko")):
    ...     plan_told("5,000 persons in 1,852 dwellings, 3,104 jobs."), plan_told("90.3 ha are kept in reserve.")
    ('계획 인구 5,000명, 주택 1,852호, 일자리 3,104개입니다.', '90.3ha는 유보지로 남깁니다.')
    """
    if spoken().code == "ko" and text:
        told = korean_plan(text)
        if told and UNTOLD["ko"].strip() not in told and told != text:
            return told
    return translated(text)


def style_title(style: str) -> str:
    """
    Give the title of a style of ``tables/plan_styles.toml`` in the language that is spoken.

    Parameters
    ----------
    style : row of the table.

    Returns
    -------
    The title.

    Examples
    --------
    >>> style_title("parks")
    'Parks and green'
    """
    row = read_table("plan_styles")["style"][style]
    code = spoken().code
    return (
        str(row["title"])
        if code == "en"
        else str(row.get(f"title_{code}") or plan_told(row["title"]))
    )


def plan_in_spoken_language(sheets: PlanSheets) -> PlanSheets:
    """
    Say what stands around the numbers of a plan in the language that is spoken.

    Parameters
    ----------
    sheets : of a plan, in English.

    Returns
    -------
    The same numbers, layers and places; the same object where English is spoken.
    """
    if spoken().code == "en":
        return sheets
    return replace(
        sheets,
        title=plan_told(sheets.title).rstrip("."),
        disclaimer=plan_told(sheets.disclaimer).rstrip("."),
        lead=tuple(map(plan_told, sheets.lead)),
        chapters=tuple(map(_chapter, sheets.chapters)),
        tables={key: _table(table) for key, table in sheets.tables.items()},
        maps=tuple(map(_sheet, sheets.maps)),
    )


def _chapter(chapter: Chapter) -> Chapter:
    return replace(
        chapter,
        title=plan_told(chapter.title),
        text=tuple(plan_told(text) for text in chapter.text),
    )


def _sheet(sheet: MapSheet) -> MapSheet:
    return replace(sheet, title=plan_told(sheet.title), caption=plan_told(sheet.caption))


def _table(table: Table) -> Table:
    """Say a table: the same rows under the same columns, whose heads stand beside them."""
    frame = table.frame.copy()
    for column in frame.columns:
        if column not in _NAMES and frame[column].dtype.kind not in "iufb":
            say = _COLUMNS.get(str(column), _cell)
            frame[column] = pd.Series(
                [say(value) for value in table.frame[column]], index=frame.index, dtype=object
            )
    return replace(
        table,
        title=plan_told(table.title),
        note=plan_told(table.note),
        frame=frame,
        words={str(head): plan_told(str(head)) for head in frame.columns},
        units={
            head: unit
            if unit.isupper()
            else str(_unit(unit))  # a currency is a code in every language
            for head, unit in table.units.items()
        },
        added={plan_told(title): share for title, share in table.added.items()},
    )


def _cell(value: object) -> object:
    if not isinstance(value, str) or not value:
        return value
    style = _styles().get(value)
    return style_title(style) if style else plan_told(value)


def _input(value: object) -> object:
    """Say what an input is: its name as somebody gave it, or what a price is for."""
    text = str(value)
    return plan_told(text) if text.startswith("Price: ") else name(text)


def _unit(value: object) -> object:
    if not isinstance(value, str) or not value:
        return value
    return spoken().said.get(f"[{value}]") or plan_told(value)


_COLUMNS: Mapping[str, Callable[[object], object]] = {"Input": _input, "Unit": _unit}


@cache
def _styles() -> dict[str, str]:
    """Title -> style."""
    return {str(row["title"]): key for key, row in read_table("plan_styles")["style"].items()}


def unmarked_plan(sheets: PlanSheets) -> PlanSheets:
    """
    Take the marks of originals off what is written down of a plan.

    Parameters
    ----------
    sheets : as `plan_in_spoken_language` gives them.

    Returns
    -------
    The same in plain text, for workbooks and files.
    """
    tables = {}
    for key, table in sheets.tables.items():
        frame = table.frame.copy()
        for column in frame.columns:
            if frame[column].dtype.kind not in "iufb":
                frame[column] = [unmarked(v) if isinstance(v, str) else v for v in frame[column]]
        tables[key] = replace(
            table,
            title=unmarked(table.title),
            note=unmarked(table.note),
            frame=frame,
            words={head: unmarked(word) for head, word in table.words.items()},
            units={head: unmarked(unit) for head, unit in table.units.items()},
            added={unmarked(title): share for title, share in table.added.items()},
        )
    return replace(
        sheets,
        title=unmarked(sheets.title),
        disclaimer=unmarked(sheets.disclaimer),
        lead=tuple(map(unmarked, sheets.lead)),
        tables=tables,
    )
