"""Looks of the sheets of a workbook: letters, where texts stand in their cells, how high rows are."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

__all__ = ["bold", "set_texts", "wide"]

_FONT = "Calibri"
#: A letter of Hangul beside a Latin one.
_FULL = 1.9
#: Height of a line, and most lines of a row: Excel draws no row higher than 409 points.
_LINE_PT, _MOST_LINES = 15.0, 26


def bold(size: float = 11.0) -> Any:  # noqa: ANN401 - openpyxl has no types
    """
    Give the letters of heads and totals: those of all other cells, bold.

    Parameters
    ----------
    size : points.

    Returns
    -------
    Font of openpyxl; without a name other programs than Excel would take letters with serifs.
    """
    from openpyxl.styles import Font

    return Font(name=_FONT, family=2, bold=True, size=size)


def wide(text: str) -> float:
    """
    Say how wide a text is.

    Parameters
    ----------
    text : in one line.

    Returns
    -------
    Letters; one of Hangul counts as nearly two.

    Examples
    --------
    >>> wide("ab"), wide("물 a")
    (2.0, 3.9)
    """
    return float(sum(_FULL if unicodedata.east_asian_width(c) in "WF" else 1.0 for c in text))


def set_texts(page: Any, numeric: Sequence[bool], *, first: int, last: int) -> None:  # noqa: ANN401
    """
    Set the cells of a table: heads stand above their numbers, long texts show whole, no text touches a number.

    Parameters
    ----------
    page : sheet of openpyxl with its widths.
    numeric : of each column, whether it holds numbers.
    first, last : rows of the table; its heads stand in the row before.
    """
    from openpyxl.styles import Alignment
    from openpyxl.utils import get_column_letter

    beside = [number > 0 and numeric[number - 1] and not one for number, one in enumerate(numeric)]
    room = [
        page.column_dimensions[get_column_letter(number)].width - (2 if beside[number - 1] else 1)
        for number in range(1, len(numeric) + 1)
    ]
    heads = [
        Alignment(wrap_text=True, vertical="top", horizontal="right")
        if one
        else Alignment(wrap_text=True, vertical="top", indent=int(apart))
        for one, apart in zip(numeric, beside, strict=True)
    ]
    for number, look in enumerate(heads, start=1):
        page.cell(first - 1, number).alignment = look
    plain = [Alignment(vertical="top", indent=int(apart)) for apart in beside]
    long = [Alignment(vertical="top", indent=int(apart), wrap_text=True) for apart in beside]
    known: dict[int, int] = {}
    for cells in page.iter_rows(min_row=first, max_row=last, max_col=len(numeric)):
        most = 1
        for number, cell in enumerate(cells):
            lines = _lines(cell.value, room[number])
            most = max(most, lines)
            _place(cell, (long if lines > 1 else plain)[number], known)
        if most > 1:
            page.row_dimensions[cells[0].row].height = _LINE_PT * min(most, _MOST_LINES)


def _place(cell: Any, look: Any, known: dict[int, int]) -> None:  # noqa: ANN401
    """Set the alignment of a cell: by its number, as openpyxl would compare all of it at each of many cells."""
    from openpyxl.styles.cell_style import StyleArray

    number = known.get(id(look))
    if number is None:
        cell.alignment = look
        known[id(look)] = cell._style.alignmentId  # noqa: SLF001 - openpyxl has no public way
        return
    if not cell.has_style:
        cell._style = StyleArray()  # noqa: SLF001 - as it does itself
    cell._style.alignmentId = number  # noqa: SLF001 - as above


def _lines(value: object, room: float) -> int:
    """Count the lines that a text takes; words that do not fit leave some of each line free."""
    if not isinstance(value, str) or value.startswith("=") or (length := wide(value)) <= room:
        return 1
    return math.ceil(1.08 * length / max(room, 1.0))
