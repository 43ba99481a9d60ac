"""
Numbers of a table: which sign parts thousands and which decimals is told by a whole column.

``12.500`` alone may be twelve and a half or twelve thousand five hundred. The other cells of the
column tell, then the other columns of the table, then what is counted: persons are whole. Where
nothing tells, the table is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.table_files import plain_text

__all__ = ["decimal_sign", "numbers"]

# Signs of other scripts that mean one thing only.
_SIGNS = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{FULLWIDTH PERCENT SIGN}": "%",
        "\N{ARABIC PERCENT SIGN}": "%",
        "\N{ARABIC DECIMAL SEPARATOR}": ".",
        "\N{ARABIC THOUSANDS SEPARATOR}": None,
        "\N{FULLWIDTH COMMA}": ",",
        "\N{FULLWIDTH FULL STOP}": ".",
    }
)
_SPACES = re.compile(r"(?<=\d)[\s'\u2019\u02bc\u00b4`_](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?\s*%?")
# Thousands in threes, or in the way of India: 12,34,567.
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})+,\d{3}")
_GROUPS = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")


def _written(cell: object) -> str:
    """Write a number with plain digits and signs, without spaces and apostrophes between thousands."""
    text = _without_mark(plain_text(cell)).translate(_SIGNS)
    digits = (str(unicodedata.decimal(c, c)) for c in text)
    return _SPACES.sub("", "".join(digits))


def _without_mark(text: str) -> str:
    """Take the mark of a footnote from the end of a number: ``12,500*``, ``8,800 1)``."""
    rows = read_table("statistics")
    return text if re.search(rows["power"], text) else re.sub(rows["footnote_mark"], "", text)


def _tell_marks(column: pd.Series, *, where: str) -> None:
    """Tell the first number whose footnote mark was left out."""
    texts = (plain_text(cell) for cell in column if isinstance(cell, str))
    marked = [(text, plain) for text in texts if (plain := _without_mark(text)) != text]
    if marked:
        text, plain = marked[0]
        tell(
            f"{where}: {len(marked)} of {len(column)} numbers have the mark of a footnote, which was left out "
            f"({text!r} was read as {plain}); see what the footnote says of them"
        )


def _evidence(text: str) -> tuple[str, str]:
    """Give what a cell tells: the sign of its decimals and that of its thousands, "" for neither."""
    if not _NUMBER.fullmatch(text):
        return "", ""
    plain = re.sub(r"[eE].*|%|\s|[+-]", "", text)
    signs = [c for c in plain if c in ".,"]
    if not signs:
        return "", ""
    last = signs[-1]
    if len(set(signs)) == 2:  # noqa: PLR2004 - a point and a comma
        return last, "," if last == "." else "."
    if len(signs) > 1:
        return "", last
    if _GROUPS.fullmatch(plain) and plain == re.sub(r"[+-]", "", text):
        return "", ""
    return last, ""


def decimal_sign(cells: Iterable[object], *, where: str) -> str:
    """
    Tell the sign before decimals from cells.

    Parameters
    ----------
    cells : of a column, or of several; what is no number says nothing.
    where : file and column, for messages.

    Returns
    -------
    ``"."`` or ``","``; ``""`` when the cells do not tell.

    Raises
    ------
    SourceError
        If one sign parts thousands in one cell and decimals in another.

    Examples
    --------
    >>> decimal_sign(["1.012.500", "8.250"], where="t.csv")
    ','
    >>> decimal_sign(["12.500", "8.250"], where="t.csv")
    ''
    """
    seen: dict[str, str] = {}
    for cell in cells:
        if not isinstance(cell, str):
            continue
        text = _written(cell)
        decimal, thousands = _evidence(text)
        sign = decimal or {".": ",", ",": ".", "": ""}[thousands]
        if sign:
            seen.setdefault(sign, text)
    if len(seen) > 1:
        raise SourceError(
            f"{where}: {seen['.']!r} and {seen[',']!r} part thousands and decimals in two ways; write one way"
        )
    return next(iter(seen), "")


def numbers(
    column: pd.Series, *, where: str, whole: bool = False, share: bool = False, sign: str = ""
) -> pd.Series:
    """
    Read the numbers of a column.

    Parameters
    ----------
    column : text, and numbers of a sheet; an index with a name tells the row in messages.
    where : file and column, for messages.
    whole : whether whole things are counted, as persons: a sign with three digits behind it in every
        cell parts thousands then.
    share : whether a share is given: such a sign is that of decimals; percent signs are obeyed.
    sign : of decimals elsewhere in the table, taken when the column does not tell.

    Returns
    -------
    Numbers; NaN where the cell is empty or a word for it (``-``, ``n/a``, ``..``).

    Raises
    ------
    SourceError
        If a cell is no number, or the column does not tell what its signs mean.

    Examples
    --------
    >>> numbers(pd.Series(["12.500", "8250"]), where="t.csv, lpcd", sign=",").tolist()
    [12500.0, 8250.0]
    >>> numbers(pd.Series(["98 %", "0,5"]), where="t.csv, share", share=True).tolist()
    [0.98, 0.5]
    """
    own = decimal_sign(column, where=where)
    decimal = own or sign
    found = np.full(len(column), np.nan)
    missing = set(read_table("statistics")["missing"])
    unsure = [t for t in map(_written, column) if _GROUPS.fullmatch(t)] if not decimal else []
    if whole and unsure:
        tell(
            f"{where}: {unsure[0]!r} was read as {re.sub('[.,]', '', unsure[0])}, as the things counted are whole"
        )
    for i, (row, cell) in enumerate(column.items()):
        if isinstance(cell, int | float | np.number) and not isinstance(cell, bool):
            found[i] = float(cell)
            continue
        text = _written(cell)
        if text.casefold() in missing:
            continue
        here = f"{where}, {column.index.name} {row!r}," if column.index.name else where
        if not _NUMBER.fullmatch(text) or ("%" in text and not share):
            raise SourceError(f"{here} has the value {plain_text(cell)[:60]!r}, a number is needed")
        found[i] = _value(text, decimal=decimal, whole=whole, share=share, where=here)
    _tell_marks(column, where=where)
    return pd.Series(found, index=column.index, dtype=float)


def _value(text: str, *, decimal: str, whole: bool, share: bool, where: str) -> float:
    percent, text = "%" in text, text.replace("%", "").strip()
    sign = next((c for c in text if c in ".,"), "")
    if sign and not decimal:
        if whole:
            decimal = "," if sign == "." else "."
        elif share:
            decimal = sign
        else:
            plain = re.sub(r"[.,]", "", text)
            raise SourceError(
                f"{where} has the value {text!r}, which may be {plain} or {text.replace(',', '.')} (every "
                f"number of the column has three digits behind its sign); write {plain} for the first, "
                f"{text.replace(',', '.').rstrip('0').rstrip('.')} for the second"
            )
    if decimal:
        thousands = "," if decimal == "." else "."
        grouped = text.partition(decimal)[0].lstrip("+-")
        if thousands in grouped and not _THOUSANDS.fullmatch(grouped.replace(thousands, ",")):
            raise SourceError(
                f"{where} has the value {text!r}, in which {thousands!r} parts no thousands; a number is needed"
            )
        text = text.replace(thousands, "").replace(decimal, ".")
    try:
        value = float(text)
    except ValueError as error:
        raise SourceError(f"{where} has the value {text!r}, a number is needed") from error
    return value / 100 if percent else value
