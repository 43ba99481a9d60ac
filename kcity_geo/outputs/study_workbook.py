"""The workbook of a study: every table on a sheet of one file, numbers as numbers, totals and costs as formulas."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd

from kcity_geo.outputs.sheet_looks import bold, set_texts, wide
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.workbook import no_workbook, share_of_lines, with_values, without_times

__all__ = ["FIRST_ROW", "Chart", "Sheet", "head_words", "save_sheets"]

#: First row below the heads.
FIRST_ROW = 4
_WIDEST, _NARROWEST = 60, 9
_LONGEST_TEXT = 4000
#: Rows that are looked at for the width of a column.
_LOOKED_AT = 200
#: Unit -> how its numbers are shown; others as they are, with three digits behind the point.
_FORMATS = {
    "share": "0.0%",
    "persons": "#,##0",
    "count": "#,##0",
    "rank": "0",
    "ha": "#,##0.0",
    "km2": "#,##0.0",
    "km": "#,##0.00",
    "m": "#,##0",
    "%": "0.0",
    "1": "0.000",
    "money": "#,##0",
}
_ANY_NUMBER = "#,##0.###"
#: Height of three lines of words above the columns.
_HEAD_PT = 45.0
_CM_A_COLUMN, _CHART_CM = 22.0, 9.0


@dataclass(frozen=True, kw_only=True)
class Chart:
    """
    A chart of columns of a sheet, beneath its table.

    Parameters
    ----------
    title : above it.
    label : column of the names.
    columns : columns that are drawn.
    colours : ``#rrggbb`` of each column.
    stacked : one bar a row, its columns on each other.
    """

    title: str
    label: str
    columns: tuple[str, ...]
    colours: tuple[str, ...] = ()
    stacked: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """
    A sheet of the workbook.

    Parameters
    ----------
    title : in its first row.
    frame : its rows.
    note : in its second row.
    units : column -> unit; ``"as units"``: the column ``units`` says it for each row.
    heads : column -> words above it; else its name.
    formulas : column -> formula with ``{column}`` for the cell of that column in the same row.
    added : title of a line of costs (first column) -> share of all lines above, of its phase; a formula too.
    totals : columns that are added up below the last row.
    chart : below the table, or None.
    total : word before the totals.
    ids : column of numbers -> their id in the ledger, with ``{column}`` for what stands in that column of the same
        row and ``{row_number}`` for the number of the row.
    """

    title: str
    frame: pd.DataFrame
    note: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, float] = field(default_factory=dict)
    totals: tuple[str, ...] = ()
    chart: Chart | None = None
    total: str = "Total"
    ids: Mapping[str, str] = field(default_factory=dict)


def save_sheets(
    sheets: Mapping[str, Sheet], path: Path, *, title: str, told: str, author: str = ""
) -> None:
    """
    Write sheets as one workbook.

    Parameters
    ----------
    sheets : name -> sheet.
    path : file to write; the same sheets give the same bytes.
    title : of the workbook.
    told : whom to name and under which licence, for the properties of the file.
    author : of the study, for the same; the package when empty.

    Notes
    -----
    Text stays text, whatever it begins with. A formula is written with the value that the frame holds for it, so that
    programs which do not compute show it too.
    """
    if no_workbook(path):
        return
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    book.properties.title = plain_text(title)
    book.properties.description = plain_text(told, max_chars=1000)
    book.properties.creator = plain_text(author) or "kcity_geo"
    values: list[dict[str, float]] = []
    for name, sheet in sheets.items():
        page = book.create_sheet(name)
        values.append(_fill(page, sheet))
    whole = io.BytesIO()
    book.save(whole)
    without_times(with_values(whole, values), path)


def _fill(page: Any, sheet: Sheet) -> dict[str, float]:  # noqa: ANN401 - openpyxl has no types
    """Write a sheet; give the value of each cell that holds a formula."""
    from openpyxl.styles import PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.properties import PageSetupProperties

    columns = [str(c) for c in sheet.frame.columns]
    letters = {c: get_column_letter(i) for i, c in enumerate(columns, start=1)}
    _put(page.cell(1, 1), sheet.title)
    _put(page.cell(2, 1), sheet.note)
    page.cell(1, 1).font = bold(14.0)
    for number, column in enumerate(columns, start=1):
        cell = page.cell(FIRST_ROW - 1, number)
        _put(cell, _head(sheet, column))
        cell.font = bold()
        cell.fill = PatternFill("solid", fgColor="E8EEF4")
    found: dict[str, float] = {}
    for row, record in enumerate(sheet.frame.to_dict("records"), start=FIRST_ROW):
        for number, column in enumerate(columns, start=1):
            cell = page.cell(row, number)
            value = _number(record[column])
            if (
                column in sheet.formulas
                and value is not None
                and _computable(sheet, column, record)
            ):
                places = {c: f"{letter}{row}" for c, letter in letters.items()}
                cell.value = "=" + sheet.formulas[column].format(**places)
                found[cell.coordinate] = value
            elif column == "Cost" and (
                text := share_of_lines(sheet.frame, sheet.added, row, first=FIRST_ROW)
            ):
                cell.value = text
                found[cell.coordinate] = value or 0.0
            else:
                _put(cell, record[column])
            if value is not None:
                cell.number_format = _format(sheet, column, record)
    last = FIRST_ROW + len(sheet.frame) - 1
    if sheet.totals and len(sheet.frame):
        found |= _totals(page, sheet, letters, last)
    _widths(page, sheet, columns, letters)
    numeric = [_mostly_numbers(sheet.frame[c].head(_LOOKED_AT).tolist()) for c in columns]
    set_texts(page, numeric, first=FIRST_ROW, last=last)
    page.freeze_panes = page.cell(FIRST_ROW, 2)
    page.row_dimensions[FIRST_ROW - 1].height = _HEAD_PT
    page.page_setup.orientation = "landscape"
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = 1, 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    if len(sheet.frame):
        page.auto_filter.ref = f"A{FIRST_ROW - 1}:{letters[columns[-1]]}{last}"
    if sheet.chart is not None and len(sheet.frame):
        _draw(page, sheet, columns, last)
    return found


def _computable(sheet: Sheet, column: str, record: Mapping[Any, Any]) -> bool:
    """Whether a formula has what it needs: a product or a share of an empty cell would come out as 0."""
    formula = sheet.formulas[column]
    if not {"*", "/"} & set(formula):
        return True
    needed = [name for _, name, _, _ in Formatter().parse(formula) if name]
    return all(_number(record[name]) is not None for name in needed)


def head_words(sheet: Sheet, column: str) -> str:
    """
    Give the words above a column, without its unit.

    Parameters
    ----------
    sheet : of a workbook.
    column : of its frame.

    Returns
    -------
    The words of the sheet, else the name with spaces.
    """
    return sheet.heads.get(column, column.replace("_", " "))


def _head(sheet: Sheet, column: str) -> str:
    words = head_words(sheet, column)
    unit = sheet.units.get(column, "")
    shown = "" if unit in {"", "text", "share", "count", "rank", "1", "as units", "money"} else unit
    return f"{words} ({shown})" if shown and not words.endswith((")", f" {shown}")) else words


def _format(sheet: Sheet, column: str, record: Mapping[Any, Any]) -> str:
    unit = sheet.units.get(column, "")
    if unit == "as units":
        unit = str(record.get("units", ""))
    return _FORMATS.get(unit, _ANY_NUMBER)


def _totals(page: Any, sheet: Sheet, letters: Mapping[str, str], last: int) -> dict[str, float]:  # noqa: ANN401
    found = {}
    _put(page.cell(last + 1, 1), sheet.total)
    page.cell(last + 1, 1).font = bold()
    for column in sheet.totals:
        cell = page[f"{letters[column]}{last + 1}"]
        cell.value = f"=SUM({letters[column]}{FIRST_ROW}:{letters[column]}{last})"
        cell.number_format = _format(sheet, column, {})
        cell.font = bold()
        found[cell.coordinate] = math.fsum(
            v for v in map(_number, sheet.frame[column].tolist()) if v is not None
        )
    return found


def _number(value: Any) -> float | None:  # noqa: ANN401 - any cell
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _mostly_numbers(values: list[Any]) -> bool:
    texts = sum(isinstance(value, str) and value != "" for value in values)
    return sum(_number(value) is not None for value in values) > texts


def _put(cell: Any, value: Any) -> None:  # noqa: ANN401 - any cell
    """Write a value: numbers as numbers, unknown as nothing, text as text, also when it looks like a formula."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        cell.value = value
        return
    if isinstance(value, int | float):
        number = _number(value)
        cell.value = (
            None if number is None else int(value) if isinstance(value, int) else round(number, 9)
        )
        return
    if value is None or value is pd.NaT or value is pd.NA:
        return
    if isinstance(value, list | tuple):
        value = "; ".join(plain_text(v, max_chars=_LONGEST_TEXT) for v in value)
    text = plain_text(value, max_chars=_LONGEST_TEXT)
    if not text:
        return
    cell.value = text
    if text.startswith(("=", "+", "-", "@")):
        cell.data_type = "s"
        cell.quotePrefix = True


def _widths(page: Any, sheet: Sheet, columns: list[str], letters: Mapping[str, str]) -> None:  # noqa: ANN401
    for column in columns:
        seen = [_shown(v) for v in sheet.frame[column].head(_LOOKED_AT).tolist()]
        head = max(map(wide, _head(sheet, column).split()), default=0.0)
        longest = max([head, *map(wide, seen)])
        page.column_dimensions[letters[column]].width = min(_WIDEST, max(longest + 2, _NARROWEST))


def _shown(value: Any) -> str:  # noqa: ANN401 - any cell
    number = _number(value)
    return f"{number:,.3f}".rstrip("0") if number is not None else str(value)


def _draw(page: Any, sheet: Sheet, columns: list[str], last: int) -> None:  # noqa: ANN401 - openpyxl has no types
    from openpyxl.chart import BarChart, Reference

    about = sheet.chart
    if about is None or not {about.label, *about.columns} <= set(columns):
        return
    chart = BarChart()
    chart.type = "bar" if about.stacked else "col"
    if about.stacked:
        chart.grouping, chart.overlap = "stacked", 100
    chart.title = about.title
    chart.width, chart.height = _CM_A_COLUMN, _CHART_CM
    for number, name in enumerate(about.columns):
        column = columns.index(name) + 1
        data = Reference(page, min_col=column, min_row=FIRST_ROW - 1, max_row=last)
        chart.add_data(data, titles_from_data=True)
        if about.colours:
            series = chart.series[number]
            series.graphicalProperties.solidFill = about.colours[number].lstrip("#")
            series.graphicalProperties.line.solidFill = "FFFFFF"
    label = columns.index(about.label) + 1
    chart.set_categories(Reference(page, min_col=label, min_row=FIRST_ROW, max_row=last))
    chart.x_axis.delete = chart.y_axis.delete = False
    page.add_chart(chart, f"A{last + FIRST_ROW}")
