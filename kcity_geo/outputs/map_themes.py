"""Themes as the page of the map takes them: groups, legends with shares, and a theme for each indicator."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.cited import uncited
from kcity_geo.outputs.colours import GAP_COLOURS
from kcity_geo.outputs.explain import Line
from kcity_geo.outputs.languages import say, tell, translated
from kcity_geo.outputs.legend_shares import (
    LegendShare,
    gap_classes,
    indicator_shares,
    share_is_of,
    theme_shares,
)
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.outputs.themes import Theme
from kcity_geo.result import LEVELS, Result

__all__ = ["group_of", "in_groups", "indicator_themes", "theme_row"]

#: Groups in the order of the list, and the themes of each but for those of indicators.
_GROUPS = {
    "sectors": tuple(f"{level}_reading" for level in LEVELS),
    "gaps": tuple(f"{level}_gap" for level in LEVELS),
    "land": ("suitability", "best_tenth", "excluded"),
    "people": ("population", "evidence"),
}


def group_of(key: str) -> str:
    """
    Give the group of a theme.

    Parameters
    ----------
    key : of the theme.

    Returns
    -------
    ``sectors``, ``gaps``, ``land``, ``people``, else ``indicators``.

    Examples
    --------
    >>> group_of("water_gap"), group_of("T1")
    ('gaps', 'indicators')
    """
    return next((group for group, keys in _GROUPS.items() if key in keys), "indicators")


def in_groups(themes: list[Theme]) -> list[Theme]:
    """
    Put themes into the order of their groups, otherwise as they stand.

    Parameters
    ----------
    themes : of a study.

    Returns
    -------
    The same themes.
    """
    order = [*_GROUPS, "indicators"]
    return sorted(themes, key=lambda theme: order.index(group_of(theme.key)))


def theme_row(result: Result, theme: Theme) -> dict[str, Any]:
    """
    Describe a theme for the page.

    Parameters
    ----------
    result : a finished study.
    theme : one of its themes.

    Returns
    -------
    ``key, group, title, question, note, of, rows``; each row has ``colour, striped, words, share``,
    where the share is that of the people, or of the land, under the class as it is drawn; of readings
    that which the sentences tell. ``id`` is that of the share in the ledger, where there is one.
    """
    lines = [(colour, striped, uncited(words)) for colour, striped, words in theme.legend]
    rows = _legend(lines, theme_shares(result, theme))
    return {
        "key": theme.key,
        "group": group_of(theme.key),
        "title": theme.title,
        "question": theme.question,
        "note": theme.note,
        "of": share_is_of(theme.key) if any(row["share"] for row in rows) else "",
        "rows": rows,
    }


def _legend(
    lines: Iterable[tuple[str, bool, str]], shares: Iterable[LegendShare]
) -> list[dict[str, Any]]:
    """Put the lines of a legend beside their shares."""
    return [
        {
            "colour": colour,
            "striped": striped,
            "words": words,
            "share": human(one.share, "share", missing=""),
            **({"id": one.id} if one.id else {}),
        }
        for (colour, striped, words), one in zip(lines, shares, strict=True)
    ]


def indicator_themes(
    result: Result, lines: list[Line], hover: dict[str, Any], *, language: str
) -> list[dict[str, Any]]:
    """
    Make a theme of each indicator whose gap the page holds for each cell; the page paints it itself.

    Parameters
    ----------
    result : a finished study.
    lines : of `kcity_geo.outputs.explain.cell_lines`, as packed into `hover`.
    hover : of `kcity_geo.outputs.hover.hover_data`.
    language : of the words.

    Returns
    -------
    Rows as of `theme_row`, with ``paint``: which of ``bytes`` holds the numbers, the class of each
    of their texts (-1: none), the colours of the classes, and where nobody lives.
    """
    about = indicator_rows()
    found = []
    for line, packed_line in zip(lines, hover["explain"], strict=True):
        if not line.indicator or "gap" not in line.slots:
            continue
        classes = gap_classes(line)
        row = about[line.indicator]
        found.append(
            _indicator_theme(result, line, classes, language=language)
            | {
                "title": plain_text(translated(row.title), max_chars=80),
                "question": plain_text(translated(row.question), max_chars=200),
                "paint": {
                    "bytes": packed_line["slots"]["gap"]["bytes"],
                    "classes": classes,
                    "colours": list(GAP_COLOURS),
                    "nobody": read_table("display")["residents"]["nobody"],
                    "lived": _composite_at(hover),
                    "empty": hover["nobody"],
                },
            }
        )
    return found


def _composite_at(hover: dict[str, Any]) -> int:
    """Which of ``bytes`` holds the reading of all sectors together."""
    readings = [i for i, field in enumerate(hover["fields"]) if field["kind"] == "reading"]
    return readings[LEVELS.index("composite")]


def _indicator_theme(
    result: Result, line: Line, classes: list[int], *, language: str
) -> dict[str, Any]:
    """Give legend and shares of the gap of an indicator, over where people live."""
    residents = read_table("display")["residents"]
    shares = indicator_shares(result, line, classes)
    ends = (0.0, *(float(v) for v in read_table("display")["gap"]["breaks"]), 1.0)
    words = [
        tell("legend_range", low=round(100 * a), high=round(100 * b)) for a, b in pairwise(ends)
    ]
    lines = [(colour, False, told) for colour, told in zip(GAP_COLOURS, words, strict=True)]
    for one in shares[len(lines) :]:
        # A class that nothing paints, so that the shares add up, beside the one where nobody lives.
        key, text = ("blank", "not_asked") if one.id else ("nobody", "nobody")
        lines.append((residents[key], False, say("map", text, language)))
    rows = _legend(lines, shares)
    return {
        "key": line.indicator,
        "group": "indicators",
        "note": say("map", "as_mapped", language),
        "of": "people" if any(row["share"] for row in rows) else "",
        "rows": rows,
    }
