"""Legend shares: how many of the people, or how much of the land, each line of a legend of the map stands for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.config import read_table
from kcity_geo.outputs.cited import ids_in
from kcity_geo.outputs.colours import GAP_COLOURS, READING_COLOURS
from kcity_geo.outputs.explain import Line
from kcity_geo.outputs.hover import hover_lines
from kcity_geo.outputs.themes import EMPTY, Theme, is_reading, make_themes
from kcity_geo.result import Result

__all__ = [
    "LegendShare",
    "gap_classes",
    "indicator_shares",
    "legend_shares",
    "legends_made",
    "share_is_of",
    "theme_shares",
]

#: What the shares of a legend are of; the other themes have none or carry them in their words.
_OF_LAND = ("suitability", "best_tenth")
_NO_SHARE = ("excluded",)
#: Formula in the ledger of the shares of a theme; of all others the gap model.
_FORMULAS = {"suitability": "suitability", "best_tenth": "suitability", "population": "people"}
#: Stands among the themes of a study when all were made.
_ALL = ""


class LegendShare(NamedTuple):
    """Share of a line of a legend (NaN: none is told), its id in the ledger, and the formula of it there."""

    share: float
    id: str = ""
    formula: str = ""


#: Shares of the studies whose map was made, while the study lives: its ledger asks for the same.
_MADE: WeakKeyDictionary[Result, dict[str, tuple[LegendShare, ...]]] = WeakKeyDictionary()


def legend_shares(result: Result) -> Iterator[LegendShare]:
    """
    List the shares of all legends of the map that no sentence tells.

    Parameters
    ----------
    result : a finished study.

    Yields
    ------
    Shares with an id of their own: ``theme.<theme>.<line>.share``, lines counted from 1; themes by their keys,
    whatever was made first.
    """
    if _ALL not in _MADE.get(result, {}):
        for theme in make_themes(result):
            theme_shares(result, theme)
        for line in hover_lines(result):
            if line.indicator and "gap" in line.slots:
                indicator_shares(result, line, gap_classes(line))
        legends_made(result)
    for _, lines in sorted(_MADE[result].items()):
        yield from (one for one in lines if one.id.startswith("theme."))


def legends_made(result: Result) -> None:
    """
    Say that the shares of all legends were asked for.

    Parameters
    ----------
    result : whose map was made.
    """
    _keep(result, _ALL, ())


def _keep(result: Result, key: str, shares: Sequence[LegendShare]) -> tuple[LegendShare, ...]:
    found = _MADE.setdefault(result, {})[key] = tuple(shares)
    return found


def _named(key: str, line: int, share: float, formula: str) -> LegendShare:
    """Give a share with an id of its own, where there is one."""
    told = math.isfinite(share)
    return LegendShare(share, f"theme.{key}.{line}.share" if told else "", formula)


def share_is_of(key: str) -> str:
    """
    Say what the shares of a legend are of.

    Parameters
    ----------
    key : of the theme.

    Returns
    -------
    ``"people"``, ``"land"``, or ``""`` for none.

    Examples
    --------
    >>> share_is_of("water_gap"), share_is_of("excluded")
    ('people', '')
    """
    return "" if key in _NO_SHARE else "land" if key in _OF_LAND else "people"


def theme_shares(result: Result, theme: Theme) -> tuple[LegendShare, ...]:
    """
    Give the share of each line of the legend of a theme.

    Parameters
    ----------
    result : a finished study.
    theme : one of its themes.

    Returns
    -------
    One for each line: of readings the share which the sentences tell, under its id there; of a line whose words
    hold a share the ids of that.
    """
    if theme.key in _MADE.get(result, {}):
        return _MADE[result][theme.key]
    found, rows = Findings(result), []
    for number, (colour, striped, words) in enumerate(theme.legend, start=1):
        level = theme.key.removesuffix("_reading")
        share = _share(found, theme, colour, striped=striped)
        if is_reading(theme.key) and level in result.gaps.city.index and math.isfinite(share):
            reading = READINGS[READING_COLOURS.index(colour)]
            rows.append(LegendShare(share, f"{level}.people_{reading}_share.city", "gap_model"))
        elif inside := ids_in(words):
            rows.append(LegendShare(math.nan, " ".join(inside)))
        else:
            rows.append(_named(theme.key, number, share, _FORMULAS.get(theme.key, "gap_model")))
    return _keep(result, theme.key, rows)


def _share(found: Findings, theme: Theme, colour: str, *, striped: bool) -> float:
    of, residents = share_is_of(theme.key), read_table("display")["residents"]
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


def gap_classes(line: Line) -> list[int]:
    """
    Give the class of colour of each text of the gap of an indicator.

    Parameters
    ----------
    line : of `kcity_geo.outputs.explain.cell_lines`, with a gap.

    Returns
    -------
    Position among the colours of gaps for each text of the slot; -1: none.
    """
    return [_class_of(text) for text in line.slots["gap"][0]]


def _class_of(text: str) -> int:
    """Class of the share that a text tells; -1 for none."""
    digits = "".join(c for c in text if c.isdigit() or c == ".")
    if not digits:
        return -1
    share = float(digits) / 100
    low = text.startswith(("under", "<"))
    breaks = tuple(float(v) for v in read_table("display")["gap"]["breaks"])
    return 0 if low else int(np.digitize(share, breaks))


def indicator_shares(result: Result, line: Line, classes: Sequence[int]) -> tuple[LegendShare, ...]:
    """
    Give the share of the people in each class of the gap of an indicator.

    Parameters
    ----------
    result : a finished study.
    line : of the indicator, as of `kcity_geo.outputs.explain.cell_lines`.
    classes : of `gap_classes`.

    Returns
    -------
    One for each colour of gaps, one without a share where somebody's cell has nobody living in it, and one of those
    whom no class tells of, where there are any.
    """
    codes = np.array(classes)[line.slots["gap"][1]].reshape(result.data.grid.shape)
    reading = result.gaps.cells["composite_reading"].to_numpy()
    nobody = result.data.inside & (reading == READINGS.index("nobody"))
    shown = np.where(nobody, len(GAP_COLOURS), np.where(codes < 0, EMPTY, codes))
    found, key = Findings(result), line.indicator
    rows = [
        _named(key, code + 1, found.share_of_people(shown == code), key)
        for code in range(len(GAP_COLOURS))
    ]
    if nobody.any():
        rows.append(LegendShare(math.nan))
    rest = found.share_of_people(~nobody & (codes < 0))
    if rest > 0:
        rows.append(_named(key, len(rows) + 1, rest, key))
    return _keep(result, key, rows)
