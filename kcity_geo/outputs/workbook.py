"""Workbooks: tables as sheets of one xlsx file, the same bytes each time, safe to open."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kcity_geo.extras import not_installed
from kcity_geo.notes import tell
from kcity_geo.outputs.sheet_looks import bold
from kcity_geo.outputs.text import csv_safe, plain_text

__all__ = ["no_workbook", "save_workbook", "share_of_lines", "with_values", "without_times"]

#: Time that every file bears, so that two runs give the same bytes; zip knows none before.
_THEN = datetime(1980, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_WIDEST = 60


def save_workbook(sheets: Mapping[str, pd.DataFrame], path: Path) -> None:
    """
    Write tables as the sheets of a workbook.

    Parameters
    ----------
    sheets : name of the sheet -> table; the index is not written, NaN becomes an empty cell.
    path : file to write.
    """
    if no_workbook(path):
        return
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    book.properties.created = book.properties.modified = _THEN
    for name, frame in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append([str(c) for c in frame.columns])
        for row in frame.itertuples(index=False):
            sheet.append([csv_safe(_plain(value)) for value in row])
        for cell in sheet[1]:
            cell.font = bold()
        sheet.freeze_panes = "A2"
        for number, column in enumerate(frame.columns, start=1):
            longest = max([len(str(column)), *(len(str(v)) for v in frame[column].head(200))])
            letter = sheet.cell(row=1, column=number).column_letter
            sheet.column_dimensions[letter].width = min(_WIDEST, longest + 2)
    whole = io.BytesIO()
    book.save(whole)
    without_times(whole, path)


def no_workbook(path: Path) -> bool:
    """
    Tell that a workbook is left out where nothing here writes it.

    Parameters
    ----------
    path : file that would be written.

    Returns
    -------
    Whether it is left out.
    """
    missing = not_installed("openpyxl")
    if missing:
        tell(f"{path.name} is left out: {missing}")
    return bool(missing)


def share_of_lines(
    frame: pd.DataFrame, added: Mapping[str, float], row: int, *, first: int, phase: str = "Phase"
) -> str:
    """
    Give the formula of a line of costs that is a share of the lines above.

    Parameters
    ----------
    frame : titles in the first column, costs in the column Cost.
    added : title of such a line -> its share of all lines above those of its title.
    row, first : of the line and of the first line, in the sheet.
    phase : column of phases; where there is one, a line is a share of those of its own phase.

    Returns
    -------
    The formula; empty for a line that stands for itself.

    Examples
    --------
    >>> lines = pd.DataFrame({"Work": ["Road", "Contingency"], "Cost": [10.0, 3.0]})
    >>> share_of_lines(lines, {"Contingency": 0.3}, 5, first=4)
    '=0.3*SUM(B$4:B$4)'
    """
    from openpyxl.utils import get_column_letter

    columns, titles = list(frame.columns), frame.iloc[:, 0].tolist()
    title = titles[row - first]
    above = first + titles.index(title) - 1
    if title not in added or above < first:
        return ""
    cost = get_column_letter(columns.index("Cost") + 1)
    lines, share = f"{cost}${first}:{cost}${above}", f"{added[title]:g}"
    if phase not in columns:
        return f"={share}*SUM({lines})"
    of = get_column_letter(columns.index(phase) + 1)
    return f"={share}*SUMIFS({lines},{of}${first}:{of}${above},{of}{row})"


def without_times(whole: io.BytesIO, path: Path) -> None:
    """
    Write the parts of a workbook again with one time for all, which openpyxl takes from the clock.

    Parameters
    ----------
    whole : the workbook.
    path : file to write.
    """
    now = rb"<dcterms:(?:created|modified)[^>]*>[^<]*</dcterms:(?:created|modified)>"
    with zipfile.ZipFile(whole) as parts, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for one in parts.infolist():
            data = parts.read(one)
            if one.filename == "docProps/core.xml":
                data = re.sub(now, b"", data)
            out.writestr(zipfile.ZipInfo(one.filename, _THEN.timetuple()[:6]), data)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    if value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return plain_text(value, max_chars=2000) if isinstance(value, str) else value


def with_values(whole: io.BytesIO, values: Iterable[Mapping[str, float]]) -> io.BytesIO:
    """
    Put beside each formula the value that it has, which openpyxl leaves out.

    Parameters
    ----------
    whole : the workbook.
    values : for each of its sheets in order: cell -> value of the formula there.

    Returns
    -------
    The workbook with the values, for programs that show a file without computing it.
    """
    given = {f"xl/worksheets/sheet{n}.xml": cells for n, cells in enumerate(values, start=1)}
    out = io.BytesIO()
    with zipfile.ZipFile(whole) as parts, zipfile.ZipFile(out, "w") as new:
        for name in parts.namelist():
            data = parts.read(name)
            if cells := given.get(name):
                data = _valued(data.decode("utf-8"), cells).encode("utf-8")
            new.writestr(name, data)
    out.seek(0)
    return out


def _valued(text: str, cells: Mapping[str, float]) -> str:
    def put(match: re.Match[str]) -> str:
        value = cells.get(match["place"])
        return match[0] if value is None else f"{match['head']}<v>{value!r}</v></c>"

    form = r'(?P<head><c r="(?P<place>[A-Z]+\d+)"[^>]*><f>[^<]*</f>)<v\s*/?>(?:</v>)?</c>'
    return re.sub(form, put, text)
