"""Merged cells of a workbook: only the first of them holds the value, and the rows below would lose it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["merged_rows"]

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]+\d+:[A-Z]+\d+)[\"']")
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


def _ranges(file: Path, part: str) -> Iterator[str]:
    """Read the ranges of merged cells from the end of a sheet, which is not held in memory."""
    tail = b""
    with zipfile.ZipFile(file) as archive, archive.open(part.lstrip("/")) as sheet:
        while data := sheet.read(_PART_BYTES):
            text = tail + data
            cut = text.rfind(b"<")
            tail = text[cut:]
            yield from (found.decode() for found in _MERGED.findall(text[:cut]))
