"""Themes as the page of the map takes them: groups, legends with shares, and a theme for each indicator."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
from kcity_geo.outputs.colours import GAP_COLOURS, READING_COLOURS
from kcity_geo.outputs.explain import Line
from kcity_geo.outputs.languages import say, tell, translated
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.outputs.themes import EMPTY, Theme, is_reading
from kcity_geo.result import LEVELS, Result

__all__ = ["group_of", "in_groups", "indicator_themes", "theme_row"]

#: Groups in the order of the list, and the themes of each but for those of indicators.
_GROUPS = {
    "sectors": tuple(f"{level}_reading" for level in LEVELS),
    "gaps": tuple(f"{level}_gap" for level in LEVELS),
    "land": ("suitability", "best_tenth", "excluded"),
    "people": ("population", "evidence"),
}
#: What the shares of a legend are of; the other themes have none or carry them in their words.
_OF_LAND = ("suitability", "best_tenth")
_NO_SHARE = ("excluded",)


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
    that which the sentences tell.
    """
    of = "" if theme.key in _NO_SHARE else "land" if theme.key in _OF_LAND else "people"
    found = Findings(result)
    rows = []
    for colour, striped, words in theme.legend:
        share = _share(found, theme, colour, striped=striped, of=of)
        rows.append(
            {"colour": colour, "striped": striped, "words": words, "share": human(share, "share", missing="")}
        )  # fmt: skip
    return {
        "key": theme.key,
        "group": group_of(theme.key),
        "title": theme.title,
        "question": theme.question,
        "note": theme.note,
        "of": of if any(row["share"] for row in rows) else "",
        "rows": rows,
    }


def _share(found: Findings, theme: Theme, colour: str, *, striped: bool, of: str) -> float:
    residents = read_table("display")["residents"]
    if not of or colour in {residents["nobody"], residents["water"]}:
        return math.nan  # of "nobody lives here" no share of the people is told, not even under 1 %
    level = theme.key.removesuffix("_reading")
    if is_reading(theme.key) and level in found.result.gaps.city.index:
        known = colour in READING_COLOURS
        return (
            found.share_of_reading(level, READINGS[READING_COLOURS.index(colour)])
            if known
            else math.nan
        )
    cells = _cells_of(theme, colour, striped=striped)
    return found.share_of_land(cells) if of == "land" else found.share_of_people(cells)


def _cells_of(theme: Theme, colour: str, *, striped: bool) -> NDArray[np.bool_]:
    """Cells of a line of the legend, each in one line only: stripes over a colour have a line of their own."""
    own = [code for code, one in enumerate(theme.colours) if one == colour]
    over = any(lined and one not in theme.colours for one, lined, _ in theme.legend)
    lined = [one for one, lines, _ in theme.legend if lines]
    whole = np.isin(theme.codes, [c for c, one in enumerate(theme.colours) if one in lined])
    apart = theme.hatched & ~whole if over else np.zeros(theme.codes.shape, dtype=bool)
    if own:
        return np.asarray(np.isin(theme.codes, own) & ~apart)
    return np.asarray(apart if striped else np.zeros(theme.codes.shape, dtype=bool))


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
        texts, at = line.slots["gap"]
        classes = [_class_of(text) for text in texts]
        codes = np.array(classes)[at].reshape(result.data.grid.shape)
        row = about[line.indicator]
        found.append(
            _indicator_theme(result, codes, key=line.indicator, language=language)
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


def _class_of(text: str) -> int:
    """Class of the share that a text tells; -1 for none."""
    digits = "".join(c for c in text if c.isdigit() or c == ".")
    if not digits:
        return -1
    share = float(digits) / 100
    low = text.startswith(("under", "<"))
    breaks = tuple(float(v) for v in read_table("display")["gap"]["breaks"])
    return 0 if low else int(np.digitize(share, breaks))


def _indicator_theme(
    result: Result, codes: NDArray[np.int64], *, key: str, language: str
) -> dict[str, Any]:
    """Give legend and shares of the gap of an indicator, over where people live."""
    reading = result.gaps.cells["composite_reading"].to_numpy()
    nobody = result.data.inside & (reading == READINGS.index("nobody"))
    shown = np.where(nobody, len(GAP_COLOURS), np.where(codes < 0, EMPTY, codes))
    ends = (0.0, *(float(v) for v in read_table("display")["gap"]["breaks"]), 1.0)
    words = [
        tell("legend_range", low=round(100 * a), high=round(100 * b)) for a, b in pairwise(ends)
    ]
    lines = list(zip(GAP_COLOURS, words, strict=True))
    if nobody.any():
        lines.append((read_table("display")["residents"]["nobody"], say("map", "nobody", language)))
    found = Findings(result)
    people = [
        found.share_of_people(shown == code) if code < len(GAP_COLOURS) else math.nan
        for code in range(len(lines))
    ]
    rest = found.share_of_people(~nobody & (codes < 0))
    if rest > 0:  # a class that nothing paints, so that the shares add up
        lines.append(
            (read_table("display")["residents"]["blank"], say("map", "not_asked", language))
        )
        people.append(rest)
    shares = [human(share, "share", missing="") for share in people]
    return {
        "key": key,
        "group": "indicators",
        "note": say("map", "as_mapped", language),
        "of": "people" if any(shares) else "",
        "rows": [
            {"colour": colour, "striped": False, "words": told, "share": share}
            for (colour, told), share in zip(lines, shares, strict=True)
        ],
    }
