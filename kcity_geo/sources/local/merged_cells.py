"""Merged cells and hidden rows of a workbook: what its reader sees is not what a program reads."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["hidden_rows", "merged_rows"]

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]+\d+:[A-Z]+\d+)[\"']")
_HIDDEN = re.compile(rb"<(?:\w+:)?row\s[^>]*?\bhidden=[\"'](?:1|true)[\"']")
_PART_BYTES = 1 << 20


def merged_rows(
    file: Path, part: str, rows: Sequence[Sequence[Any]], *, header: int
) -> Iterator[tuple[str, int, int]]:
    """
    Find cells of a table that are merged over several rows.

    Parameters
    ----------
    file : xlsx.
    part : path of the sheet inside it.
    rows : cells of the sheet.
    header : row of the names of columns, counted from 0; what is merged in it and above it is a title.

    Yields
    ------
    Range of the cells, row and column of the first, counted from 1; only of those that have a value and
    lie beside other cells in their lower rows.
    """
    from openpyxl.utils import range_boundaries

    for cells in _ranges(file, part):
        left, top, right, bottom = range_boundaries(cells)
        if top < header + 2 or top == bottom or not _value(rows, top, left):
            continue
        lower = rows[top : min(bottom, len(rows))]
        if any(_text(c) for row in lower for c in [*row[: left - 1], *row[right:]]):
            yield cells, top, left


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


def _value(rows: Sequence[Sequence[Any]], row: int, column: int) -> str:
    there = row <= len(rows) and column <= len(rows[row - 1])
    return _text(rows[row - 1][column - 1]) if there else ""


def hidden_rows(file: Path, part: str) -> int:
    """
    Count the rows of a sheet that are hidden, by hand or by a filter.

    Parameters
    ----------
    file : xlsx.
    part : path of the sheet inside it.

    Returns
    -------
    Their number.
    """
    return sum(1 for _ in _found(file, part, _HIDDEN))


def _ranges(file: Path, part: str) -> Iterator[str]:
    """Read the ranges of merged cells of a sheet."""
    return (found.decode() for found in _found(file, part, _MERGED))


def _found(file: Path, part: str, sought: re.Pattern[bytes]) -> Iterator[bytes]:
    """Look for tags in a sheet, which is not held in memory."""
    tail = b""
    with zipfile.ZipFile(file) as archive, archive.open(part.lstrip("/")) as sheet:
        while data := sheet.read(_PART_BYTES):
            text = tail + data
            cut = text.rfind(b"<")
            tail = text[cut:]
            yield from sought.findall(text[:cut])
