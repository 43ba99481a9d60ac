"""Tables of a DOCX: how wide is each column, and which lines are drawn?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from kcity_geo.outputs.paper_docx import PAGE_CM

__all__ = ["column_widths_cm", "with_light_lines", "without_line", "without_lines"]

#: Width of a letter as a share of its size, of one of Hangul, and of what a cell leaves free at its sides.
_LETTER, _FULL = 0.55, 1.8
_PT_CM = 2.54 / 72
_PADDING_CM = 0.4
#: Longest word that keeps a column from being narrower, and longest text that makes it wider, letters.
_WORD, _TEXT = 26.0, 46.0
#: Room beside a word: other machines have other fonts, and heads are bold.
_BESIDE = 1.6
#: Where a line may end; a no-break space is none of them.
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_DARK, _LIGHT = "555555", "CCCCCC"


def column_widths_cm(
    rows: Sequence[Sequence[str]], *, size_pt: float, total_cm: float = PAGE_CM
) -> list[float]:
    """
    Share the width of a page among the columns of a table: words are whole, long texts get more.

    Parameters
    ----------
    rows : texts of the cells, each row as long.
    size_pt : of the letters.
    total_cm : to share.

    Returns
    -------
    Centimetres of each column; they add to the total.

    Examples
    --------
    >>> few, much = column_widths_cm([["1", "a sentence of several words"]], size_pt=8.0)
    >>> few < much, round(few + much, 1)
    (True, 17.4)
    """
    columns = list(zip(*rows, strict=True))
    least = [
        max(min(_WORD, _longest(_BLANKS.split(text))) for text in column) + _BESIDE
        for column in columns
    ]
    most = [max(min(_TEXT, _longest(text.split("\n"))) for text in column) for column in columns]
    letters = (total_cm - _PADDING_CM * len(columns)) / (_LETTER * size_pt * _PT_CM)
    spare = letters - sum(least)
    wish = [max(high - low, 0.0) for low, high in zip(least, most, strict=True)]
    if spare <= 0 or not sum(wish):
        shares = least if sum(least) else [1.0] * len(least)
    else:
        shares = [low + spare * more / sum(wish) for low, more in zip(least, wish, strict=True)]
    free = total_cm - _PADDING_CM * len(columns)
    return [_PADDING_CM + free * share / sum(shares) for share in shares]


def _longest(parts: Sequence[str]) -> float:
    """Letters of the longest part; a letter of Hangul is as wide as two."""
    return max((sum(map(_wide, part)) for part in parts), default=0.0)


def _wide(letter: str) -> float:
    return _FULL if unicodedata.east_asian_width(letter) in "WF" else 1.0


def with_light_lines(table: Any) -> None:  # noqa: ANN401 - python-docx has no types here
    """
    Draw light lines between the rows of a table, and none beside them.

    Parameters
    ----------
    table : of python-docx.
    """
    drawn = {"top": _DARK, "left": "", "bottom": _DARK, "right": "", "insideH": _LIGHT}
    _draw(table, {**drawn, "insideV": ""})


def without_lines(table: Any) -> None:  # noqa: ANN401
    """
    Draw no line of a table that only puts things beside each other.

    Parameters
    ----------
    table : of python-docx.
    """
    _draw(table, dict.fromkeys(("top", "left", "bottom", "right", "insideH", "insideV"), ""))


def without_line(cell: Any, side: str) -> None:  # noqa: ANN401
    """
    Draw no line between a cell and what stands above or below it.

    Parameters
    ----------
    cell : of python-docx.
    side : ``"top"`` or ``"bottom"``; the cell on the other side has to lack it as well.
    """
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders, line = OxmlElement("w:tcBorders"), OxmlElement(f"w:{side}")
    line.set(qn("w:val"), "nil")
    borders.append(line)
    about = cell._tc.get_or_add_tcPr()  # noqa: SLF001 - python-docx has no borders
    after = about.find(qn("w:vAlign"))
    if after is None:
        about.append(borders)
    else:
        after.addprevious(borders)


def _draw(table: Any, colours: dict[str, str]) -> None:  # noqa: ANN401
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders = OxmlElement("w:tblBorders")
    for side, colour in colours.items():
        line = OxmlElement(f"w:{side}")
        line.set(qn("w:val"), "single" if colour else "nil")
        if colour:
            line.set(qn("w:sz"), "4")
            line.set(qn("w:space"), "0")
            line.set(qn("w:color"), colour)
        borders.append(line)
    about = table._tbl.tblPr  # noqa: SLF001 - python-docx has no borders
    # The order of elements is part of the format.
    after = about.find(qn("w:tblLayout"))
    if after is None:
        after = about.find(qn("w:tblLook"))
    if after is None:
        about.append(borders)
    else:
        after.addprevious(borders)
