"""
Sheet layout: how a map and its legend share a sheet, turned by the shape of the city.

A sheet is drawn in the size in which it is printed, so that its letters keep theirs: a broad city has its
legend below, one as high as broad beside it, and a long one takes a page of its own.
"""

from __future__ import annotations

import struct
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["DPI", "Layout", "draw_key", "key_rows", "layout_of", "printed_mm", "room_of"]

#: Dots of an inch of paper.
DPI = 170
_MM = 25.4
#: Most of width and height, inches: half a page of A4, a page of it, and what the two pages of a summary leave.
_HALF, _WHOLE, _SMALL = (6.85, 4.2), (6.85, 8.7), (6.0, 3.0)
#: From this height to width on, a map takes a page.
_LONG = 1.6
_LETTERS_PT = 8.0
_ROW_INCH, _BAR_INCH = 0.18, 0.5
_SIGN_INCH, _BESIDE_INCH, _GAP_INCH = 0.42, 2.0, 0.12
_LETTER_INCH = 0.062
_BAR_WIDE_INCH, _BAR_THICK_INCH = 1.7, 0.13
_PNG_SIZE = slice(16, 24)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """
    Where map and legend stand, inches from the lower left of the sheet.

    Parameters
    ----------
    size : width and height of the sheet.
    map : left, bottom, width, height of the map.
    key : the same of the legend.
    columns : of the legend.
    """

    size: tuple[float, float]
    map: tuple[float, float, float, float]
    key: tuple[float, float, float, float]
    columns: int

    def share(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """
        Give a box as shares of the sheet.

        Parameters
        ----------
        box : left, bottom, width, height in inches.

        Returns
        -------
        The same, as figures of matplotlib are told of it.
        """
        wide, high = self.size
        return box[0] / wide, box[1] / high, box[2] / wide, box[3] / high


def layout_of(ratio: float, words: Sequence[str], *, bar: bool, small: bool = False) -> Layout:
    """
    Lay out a sheet so that its map is as large as it can be.

    Parameters
    ----------
    ratio : height of the map to its width.
    words : of the legend, one a colour or line.
    bar : whether there is a scale of colours.
    small : for the summary, which has two pages.

    Returns
    -------
    The layout; letters of the legend have their size in print whatever the shape of the city.

    Examples
    --------
    >>> long, broad = (layout_of(ratio, ["road"], bar=True) for ratio in (2.2, 0.4))
    >>> long.size[1] > long.size[0], broad.size[1] > broad.size[0]
    (True, False)
    """
    rooms = [_SMALL] if small else [_HALF, *([_WHOLE] if ratio > _LONG else [])]
    found = [make(room, ratio, words, bar=bar) for room in rooms for make in (_below, _beside)]
    return max(found, key=lambda layout: layout.map[2] * layout.map[3])


def room_of(text: str) -> float:
    """
    Say how much room a text takes in a legend.

    Parameters
    ----------
    text : in one line.

    Returns
    -------
    Inches; a syllable of Hangul takes twice as much as a Latin letter.
    """
    return _LETTER_INCH * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def key_rows(words: Sequence[str], width: float) -> tuple[int, int]:
    """
    Set the words of a legend in columns.

    Parameters
    ----------
    words : of the legend.
    width : inches that it may take.

    Returns
    -------
    Columns and rows.
    """
    each = _SIGN_INCH + max(map(room_of, words), default=0.0)
    columns = max(1, min(len(words), int(width / each)))
    return columns, -(-len(words) // columns)


def _below(room: tuple[float, float], ratio: float, words: Sequence[str], *, bar: bool) -> Layout:
    columns, rows = key_rows(words, room[0])
    key = _ROW_INCH * rows + _BAR_INCH * bar + _GAP_INCH
    wide = min(room[0], (room[1] - key) / ratio)
    least = max(
        wide, columns * (_SIGN_INCH + max(map(room_of, words), default=0.0)), _least(bar=bar)
    )
    return Layout(
        size=(least, wide * ratio + key),
        map=(0.0, key, wide, wide * ratio),
        key=(0.0, 0.0, least, key),
        columns=columns,
    )


def _beside(room: tuple[float, float], ratio: float, words: Sequence[str], *, bar: bool) -> Layout:
    aside = max(_BESIDE_INCH, _SIGN_INCH + max(map(room_of, words), default=0.0)) + _GAP_INCH
    need = _ROW_INCH * len(words) + _BAR_INCH * 2 * bar + _GAP_INCH
    wide = max(min(room[0] - aside, room[1] / ratio), 0.1)
    high = max(wide * ratio, need)
    return Layout(
        size=(wide + aside, high),
        map=(0.0, high - wide * ratio, wide, wide * ratio),
        key=(wide + _GAP_INCH, 0.0, aside - _GAP_INCH, high),
        columns=1,
    )


def _least(*, bar: bool) -> float:
    return 2 * _BAR_WIDE_INCH if bar else 0.0


def draw_key(figure: Any, layout: Layout, handles: Sequence[Any], shown: Any, unit: str) -> None:  # noqa: ANN401 - matplotlib has no types here
    """
    Draw the legend of a sheet.

    Parameters
    ----------
    figure : of matplotlib, in the size of the layout.
    layout : of the sheet.
    handles : colours and lines with their words.
    shown : picture whose scale of colours is drawn; None: there is none.
    unit : of that scale.
    """
    left, _, wide, high = layout.key
    top = layout.key[1] + high - _GAP_INCH / 2
    beside = left > 0
    if shown is not None:
        top = _draw_bar(figure, layout, shown, unit, (left, top))
    if handles:
        across, up = layout.share((left, top, wide, high))[:2]
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(across, up), ncols=layout.columns,
            fontsize=_LETTERS_PT, frameon=False, handlelength=1.4, handletextpad=0.5, columnspacing=0.8,
            labelspacing=0.35, borderpad=0.1, borderaxespad=0.2 if beside else 0.1,
        )  # fmt: skip


def _draw_bar(
    figure: Any,  # noqa: ANN401
    layout: Layout,
    shown: Any,  # noqa: ANN401
    unit: str,
    corner: tuple[float, float],
) -> float:
    """Draw a scale of colours from its upper left corner, and give where it ends."""
    left, top = corner
    wide = layout.key[2]
    beside = left > 0
    letters = int((wide if beside else wide - _BAR_WIDE_INCH - 2 * _GAP_INCH) / _LETTER_INCH)
    lines = textwrap.wrap(unit, max(letters // (1 + (room_of(unit) > len(unit) * _LETTER_INCH)), 8))
    height = _LETTERS_PT / 72 * 1.3
    if beside:
        for number, line in enumerate(lines):
            x, y, *_ = layout.share((left, top - height * (number + 0.5), 0, 0))
            figure.text(x, y, line, fontsize=_LETTERS_PT, va="center")
        top -= height * len(lines) + 0.04
    box = (left + 0.08, top - _BAR_THICK_INCH, _BAR_WIDE_INCH, _BAR_THICK_INCH)
    bar = figure.colorbar(shown, cax=figure.add_axes(layout.share(box)), orientation="horizontal")
    bar.ax.tick_params(labelsize=_LETTERS_PT, length=2)
    bar.locator = _few_ticks()
    bar.update_ticks()
    bar.outline.set_linewidth(0.5)
    if not beside:
        x, y, *_ = layout.share((box[0] + box[2] + 2 * _GAP_INCH, top - _BAR_THICK_INCH / 2, 0, 0))
        words = "\n".join(lines)
        figure.text(x, y, words, fontsize=_LETTERS_PT, va="top" if len(lines) > 1 else "center")
    return top - _BAR_THICK_INCH - 2 * height


def _few_ticks() -> Any:  # noqa: ANN401
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5)


def printed_mm(png: bytes) -> float:
    """
    Say how wide a sheet is in print.

    Parameters
    ----------
    png : picture of the sheet.

    Returns
    -------
    Millimetres.
    """
    wide, _ = struct.unpack(">II", png[_PNG_SIZE])
    return float(wide / DPI * _MM)
