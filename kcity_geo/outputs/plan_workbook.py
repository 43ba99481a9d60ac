"""The workbook of a plan: a sheet a table; costs are quantity times price, as formulas."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kcity_geo.outputs.attribution import credits_of_file
from kcity_geo.outputs.plan_tables import table_ids
from kcity_geo.outputs.sheet_ids import rules_sheet
from kcity_geo.outputs.sheet_looks import bold, set_texts, wide
from kcity_geo.outputs.study_workbook import Sheet
from kcity_geo.outputs.text import csv_safe, plain_text
from kcity_geo.outputs.workbook import no_workbook, share_of_lines, with_values
from kcity_geo.outputs.workbook_language import in_spoken_language
from kcity_geo.plan_sheets import PlanSheets, Table

__all__ = ["save_workbook"]

_FIRST = 4
_WIDEST = 60
_LONGEST_NAME = 31
#: What the name of a sheet cannot hold.
_UNNAMED = re.compile(r"[\[\]:*?/\\]")
_DAY = (2000, 1, 1, 0, 0, 0)
#: openpyxl writes the time of the run.
_CLOCK = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
#: How numbers with a point are shown: from a hundred on whole, below with two digits.
_WHOLE, _BROKEN, _LARGE = "#,##0", "#,##0.##", 100


def save_workbook(
    sheets: PlanSheets, path: Path, *, total: str = "Total", author: str = ""
) -> None:
    """
    Write the tables of a plan as a workbook.

    Parameters
    ----------
    sheets : of a plan.
    path : file to write; the same plan gives the same bytes.
    total : word before the total of costs.
    author : of the study, for the properties of the file; the package when empty.
    """
    if no_workbook(path):
        return
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    told = credits_of_file(sheets)
    book.properties.title = plain_text(sheets.title)
    book.properties.creator = plain_text(author) or "kcity_geo"
    words = f"{told['attribution']}. Licence: {told['licence']}. {told['terms']} {told['notice']}"
    book.properties.description = plain_text(words, max_chars=1000)
    values: list[dict[str, float]] = []
    names: list[str] = []
    for key, table in sheets.tables.items():
        names.append(_sheet_name(key, table, names))
        page = book.create_sheet(names[-1])
        page.append([csv_safe(f"{sheets.city}: {table.title}")])
        page.append([csv_safe(sheets.disclaimer)])
        page.append([csv_safe(head) for head in table.heads])
        values.append(_fill(page, table, total))
    _write_rules(book, sheets, names)
    values.append({})
    stream = io.BytesIO()
    book.save(stream)
    _write_fixed(with_values(stream, values), path)


def _sheet_name(key: str, table: Table, taken: Sequence[str]) -> str:
    """Name a sheet by its key, in another language by its title."""
    name = _UNNAMED.sub(" ", table.title)[:_LONGEST_NAME].strip() if table.words else key
    return name if name and name not in taken else key[:_LONGEST_NAME]


def _write_rules(book: Any, sheets: PlanSheets, names: Sequence[str]) -> None:  # noqa: ANN401 - openpyxl has no types
    """Say by column how the ids of the numbers are made, as the workbook of a study does."""
    tables = {
        name: Sheet(
            title=table.title,
            frame=table.frame,
            heads=dict(zip(map(str, table.frame.columns), table.heads, strict=True)),
            ids=table_ids(key, table),
        )
        for name, (key, table) in zip(names, sheets.tables.items(), strict=True)
    }
    ((title, rules),) = in_spoken_language({"Ledger ids": rules_sheet(tables)}).items()
    page = book.create_sheet(title)
    page.append([rules.title])
    page.append([csv_safe(f"{sheets.disclaimer}. {rules.note}")])
    page.append([rules.heads.get(str(c), str(c)) for c in rules.frame.columns])
    for row in rules.frame.itertuples(index=False):
        page.append([csv_safe(value) for value in row])
    page.freeze_panes = f"A{_FIRST}"


def _fill(page: Any, table: Table, word: str) -> dict[str, float]:  # noqa: ANN401 - openpyxl has no types
    """Write a table; give the value of each cell that holds a formula."""
    from openpyxl.utils import get_column_letter

    columns = list(table.frame.columns)
    formula = _product(columns, get_column_letter)
    found: dict[str, float] = {}
    for row, values in enumerate(table.frame.itertuples(index=False), start=_FIRST):
        page.append([_cell(value) for value in values])
        if formula and values[columns.index("Quantity")] == values[columns.index("Quantity")]:
            cell = page.cell(row, columns.index("Cost") + 1)
            cell.value = formula.format(row=row)
            found[cell.coordinate] = float(values[columns.index("Cost")])
        elif formula and (text := share_of_lines(table.frame, table.added, row, first=_FIRST)):
            cell = page.cell(row, columns.index("Cost") + 1)
            cell.value = text
            found[cell.coordinate] = float(values[columns.index("Cost")])
    last = _FIRST + len(table.frame) - 1
    if formula and last >= _FIRST:
        letter = get_column_letter(columns.index("Cost") + 1)
        page.append([word])
        total = page.cell(last + 1, columns.index("Cost") + 1)
        total.value = f"=SUM({letter}{_FIRST}:{letter}{last})"
        found[total.coordinate] = math.fsum(table.frame["Cost"].dropna())
    if table.note:
        page.append([])
        page.append([csv_safe(table.note)])
    _look(page, table, found, last)
    return found


def _look(page: Any, table: Table, found: dict[str, float], last: int) -> None:  # noqa: ANN401
    """Set letters, widths, heights and how numbers are shown; `found`: values of the cells that hold a formula."""
    from openpyxl.utils import get_column_letter

    columns = list(table.frame.columns)
    for cell in (*page[1], *page[_FIRST - 1]):
        cell.font = bold()
    page.freeze_panes = f"A{_FIRST}"
    for number, (column, head) in enumerate(zip(columns, table.heads, strict=True), start=1):
        texts = [
            head,
            *(f"{v:,.0f}" if isinstance(v, float) else str(v) for v in table.frame[column]),
        ]
        page.column_dimensions[get_column_letter(number)].width = min(
            max(map(wide, texts)) + 2, _WIDEST
        )
    kinds = [dtype.kind in "iuf" for dtype in table.frame.dtypes]
    set_texts(page, kinds, first=_FIRST, last=last)
    for cells in page.iter_rows(min_row=_FIRST, max_row=last + 1, max_col=len(columns)):
        for cell in cells:
            if isinstance(cell.value, float) or cell.coordinate in found:
                size = abs(found.get(cell.coordinate, cell.value))
                cell.number_format = _WHOLE if size >= _LARGE else _BROKEN


def _product(columns: list[str], letter: Any) -> str:  # noqa: ANN401 - a function of openpyxl
    """Give the formula of a cost, for tables that have quantity, price and cost."""
    if not {"Quantity", "Price", "Cost"} <= set(columns):
        return ""
    quantity, price = (letter(columns.index(name) + 1) for name in ("Quantity", "Price"))
    return f"={quantity}{{row}}*{price}{{row}}"


def _cell(value: Any) -> Any:  # noqa: ANN401 - any cell
    if value is None or value != value:  # noqa: PLR0124 - NaN is an empty cell
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | float):
        return value if abs(value) != float("inf") else None
    return csv_safe(str(value))


def _write_fixed(stream: io.BytesIO, path: Path) -> None:
    """Write the parts of a workbook again with one date: the bytes depend on the plan alone."""
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":
                part = _CLOCK.sub(rb"\g<1>2000-01-01T00:00:00Z", part)
            out.writestr(zipfile.ZipInfo(name, _DAY), part, zipfile.ZIP_DEFLATED)
