"""
Heads of tables: what titles, rows of units and a header over several columns say of the numbers below.

A title "in thousands", a row of units ``m3/year`` and the years below one header are declarations of a file.
They cannot be obeyed column by column without guessing, so they are refused with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.table_files import plain_text

__all__ = ["is_total", "refuse_other_heads"]


def is_total(text: str) -> bool:
    """
    Tell whether the name of a row is that of a total.

    Parameters
    ----------
    text : plain; "" for a row without a name.

    Returns
    -------
    True also for an empty name.

    Examples
    --------
    >>> is_total("Total 2024"), is_total("All"), is_total("City Centre"), is_total("Grand total")
    (True, True, False, True)
    """
    rows = read_table("statistics")
    words = [word.casefold().strip(":.,()") for word in text.split()]
    if not words or words[0] in rows["totals"]:
        return True
    return words[0] in rows["totals_alone"] and (
        len(words) == 1 or words[1] in rows["totals_after"]
    )


def refuse_other_heads(
    table: pd.DataFrame, column: str, *, first: int, titles: Sequence[str], where: str
) -> None:
    """
    Refuse a column whose title or unit is another than its name says, or that has several below its name.

    Parameters
    ----------
    table : of `kcity_geo.sources.local.table_files.read_cells`.
    column : of numbers.
    first : place of the first row of a district; what stands above it says what the column holds.
    titles : texts above the header.
    where : file and column, for messages.

    Raises
    ------
    SourceError
        If one of them says so.
    """
    rows = read_table("statistics")
    above = [plain_text(cell) for cell in table[column].iloc[:first]]
    above = [
        text for text in above if any(c.isalpha() or c in "%'\u2019" for c in text) or text == "000"
    ]
    for text in (*titles, *above):
        _refuse_magnitude(text, where=where)
    other = next((p for end, p in rows["other_units"].items() if column.endswith(end)), "")
    for text in above:
        if other and re.search(other, text, re.IGNORECASE):
            raise SourceError(
                f"{where}: its unit in the table is {text[:40]!r}; convert the numbers to that of the column's "
                "name (a share is 0.95 or 95%), and take the unit away"
            )
    _refuse_several(table, column, first=first, where=where)


def _refuse_magnitude(text: str, *, where: str) -> None:
    """Refuse a text that says thousands; one that says it of no number here is told."""
    rows = read_table("statistics")
    denied = False
    for found in re.finditer(rows["magnitudes"], text, re.IGNORECASE):
        before, behind = text[: found.start()], text[found.end() :]
        if re.search(rows["magnitude_denied_before"], before, re.IGNORECASE) or re.search(
            rows["magnitude_denied_behind"], behind, re.IGNORECASE
        ):
            denied = True
            continue
        raise SourceError(
            f"{where}: the table says {text[:60]!r}, so its numbers are no plain ones ({found.group()}); write "
            "them out and take these words away"
        )
    if denied:
        tell(f"{where}: the table says {text[:60]!r}; its numbers were read as they stand")


def _refuse_several(table: pd.DataFrame, column: str, *, first: int, where: str) -> None:
    """Refuse a header with columns of numbers without a name of their own behind it: years, or sexes."""
    names = table.columns.tolist()
    after = names.index(column) + 1
    if after >= len(names) or names[after] != f"column {after + 1}":
        return
    cells = [plain_text(cell) for cell in table[names[after]].iloc[first:]]
    if any(text[:1].isdigit() for text in cells):
        raise SourceError(
            f"{where} is followed by a column of numbers without a name; give each column one (is {column} over "
            "several years?), and keep the one that counts"
        )
