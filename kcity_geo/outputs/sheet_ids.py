"""
Ids of the numbers of a workbook: one rule a column, on a sheet of its own.

A rule names the column whose numbers it is for and how their ids are made from the row: ``[B].gap.[A]`` is what
stands in column B, ``.gap.``, and what stands in column A; ``[#]`` is the number of the row below the heads, and
blanks become ``_``. A column of ids for each number would be wider than the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

import pandas as pd

from kcity_geo.outputs.study_workbook import FIRST_ROW, Sheet, head_words

__all__ = ["RULES_HEAD", "numbers_of_workbook", "rules_sheet"]

#: Words above the column of rules, by which a reader finds the sheet in any language.
RULES_HEAD = "id in ledger.json"
#: Stands in a rule for the number of the row.
_ROW = "row_number"
_PART = re.compile(r"\[([A-Z]+|#)\]")


class _Rule(NamedTuple):
    """Column, rows below the heads that it holds for (a total is none), and how ids are made."""

    letter: str
    rows: int
    text: str


def rules_sheet(sheets: Mapping[str, Sheet]) -> Sheet:
    """
    Write down how the ids of all numbers are made.

    Parameters
    ----------
    sheets : name -> sheet, as they will be written.

    Returns
    -------
    A row a column of numbers.
    """
    from openpyxl.utils import get_column_letter

    rows = []
    for name, sheet in sheets.items():
        letters = {str(c): get_column_letter(n) for n, c in enumerate(sheet.frame.columns, start=1)}
        for column, pattern in sheet.ids.items():
            if column in letters:
                rows.append(
                    {
                        "sheet": name,
                        "column": letters[column],
                        "head": head_words(sheet, column),
                        "rows": len(sheet.frame),
                        RULES_HEAD: _rule(pattern, letters),
                    }
                )
    return Sheet(
        title="Ids of the numbers in ledger.json",
        note="[B] is what stands in column B of the same row, [#] the number of the row below the heads; blanks "
        "become _. Cells with a formula are computed from those beside them.",
        frame=pd.DataFrame(rows, columns=["sheet", "column", "head", "rows", RULES_HEAD]),
    )


def _rule(pattern: str, letters: Mapping[str, str]) -> str:
    made = ""
    for text, column, _, _ in Formatter().parse(pattern):
        made += text
        if column is not None:
            made += "[#]" if column == _ROW else f"[{letters[column]}]"
    return made


def numbers_of_workbook(path: Path) -> Iterator[tuple[str, float, str]]:
    """
    Read the numbers of a workbook by their ids.

    Parameters
    ----------
    path : of a workbook with a sheet of rules.

    Yields
    ------
    Id, number, and sheet and cell in which it stands.

    Raises
    ------
    OSError, ValueError, KeyError
        If it cannot be read as what it is.
    """
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        rules: dict[str, list[_Rule]] = {}
        for page in book.worksheets:
            head = next(
                page.iter_rows(min_row=FIRST_ROW - 1, max_row=FIRST_ROW - 1, values_only=True), ()
            )
            if head and head[-1] == RULES_HEAD:
                for row in page.iter_rows(min_row=FIRST_ROW, values_only=True):
                    rules.setdefault(str(row[0]), []).append(
                        _Rule(str(row[1]), int(row[3]), str(row[4]))
                    )
        for name, found in rules.items():
            yield from _numbers(book[name], found)
    finally:
        book.close()


def _numbers(page: Any, rules: list[_Rule]) -> Iterator[tuple[str, float, str]]:  # noqa: ANN401
    from openpyxl.utils import column_index_from_string

    placed = [(rule, column_index_from_string(rule.letter) - 1) for rule in rules]
    for number, row in enumerate(page.iter_rows(min_row=FIRST_ROW, values_only=True), start=1):
        for rule, place in placed:
            value = row[place] if place < len(row) and number <= rule.rows else None
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue

            def part(found: re.Match[str], row: Any = row, number: int = number) -> str:  # noqa: ANN401
                return str(
                    number if found[1] == "#" else row[column_index_from_string(found[1]) - 1]
                )

            key = _PART.sub(part, rule.text).replace(" ", "_")
            yield key, float(value), f"{page.title}!{rule.letter}{number + FIRST_ROW - 1}"
