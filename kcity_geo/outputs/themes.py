"""
Themes: what a map shows on its cells, as classes with colours and a legend.

The same themes feed the interactive map and the figures of the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.settlement.habitation import LIVED_IN, NOBODY, OPEN_WATER, habitation
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN, first_rule
from kcity_geo.config import read_table
from kcity_geo.outputs.colours import (
    HIGH_CONFIDENCE,
    LABEL_COLOURS,
    LOW_CONFIDENCE,
    MISSING,
    SCORE_COLOURS,
    SEVERITY_COLOURS,
    rgb,
)
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.result import LABELS, SECTORS, SEVERITY, Result

__all__ = ["EMPTY", "LABEL_WORDS", "Theme", "hatch", "make_themes", "sector_title"]

#: Code of cells that a theme leaves transparent.
EMPTY = 255

_TITLES = {
    "transport": "Transport",
    "water": "Water",
    "energy": "Energy",
    "composite": "All sectors together",
}

#: What a label means, in one line. It rests on the gap that is left once what is probably there but
#: not mapped is counted; where data are poor, on the gap as mapped (domain 4.5, step 4).
LABEL_WORDS = {
    "UNKNOWN": "nothing mapped and nothing known",
    "CONFIRMED GAP": "at least 40 % short, even if what is probably there but not mapped is counted; data good",
    "PROBABLE GAP": "at least 40 % short, even if what is probably there but not mapped is counted; data fair",
    "DATA GAP": "at least 40 % short by what is mapped, but data poor: survey first",
    "SERVED": "under the 40 % line once what is probably there but not mapped is counted; data good",
    "SERVED (likely)": "under the 40 % line once what is probably there but not mapped is counted; data fair",
    "SERVED (weak evidence)": "under the 40 % line by what is mapped, but data poor",
    "NOT ASSESSED": "too little data: under half of what is asked, or of the people",
}

_PEOPLE_BREAKS = (1.0, 10.0, 30.0, 75.0, 150.0)
_PEOPLE_COLOURS = ("#efe9f3", "#d4b9da", "#c994c7", "#df65b0", "#ce1256", "#67001f")
_TRAIN_COLOURS = ("#d73027", "#fdd49e", "#1a5fa3")


@dataclass(frozen=True, kw_only=True, eq=False)
class Theme:
    """
    One way to colour the cells.

    Parameters
    ----------
    key : for file names and links.
    title : for people.
    codes : shape (rows, cols), position in `colours`; `EMPTY` is transparent.
    hatched : shape (rows, cols), True where the colour is hatched (weak data, not assessed).
    colours : ``#rrggbb`` of each code.
    legend : (colour, hatched, words) of each line.
    question : what the theme answers.
    note : what must be read beside it.
    assessed : False when there is nothing to show but that.
    """

    key: str
    title: str
    codes: NDArray[np.uint8]
    hatched: NDArray[np.bool_]
    colours: tuple[str, ...]
    legend: tuple[tuple[str, bool, str], ...]
    question: str
    note: str = ""
    assessed: bool = True


def sector_title(sector: str) -> str:
    """
    Give the words for a sector.

    Parameters
    ----------
    sector : one of `kcity_geo.result.SECTORS`, or ``"composite"``.

    Returns
    -------
    Words with a capital.

    Examples
    --------
    >>> sector_title("water")
    'Water'
    """
    return _TITLES.get(sector, sector.capitalize())


def hatch(shape: tuple[int, ...], *, period: int = 10, width: int = 2) -> NDArray[np.bool_]:
    """
    Draw diagonal stripes.

    Parameters
    ----------
    shape : height and width, pixels.
    period, width : of the stripes, pixels.

    Returns
    -------
    True on the stripes.
    """
    row, column = np.indices(shape)
    return np.asarray((row + column) % period < width)


def make_themes(result: Result) -> list[Theme]:
    """
    Make all themes that a study can show, the most important first.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Composite gap, sector gaps, decision labels, confidence, suitability, excluded land and
    population. A sector that was not assessed has its theme too, and says so. Where nobody lives
    the gaps and labels give way to a pale class of its own.
    """
    lived = _lived(result)
    found = [_gap_theme(result, sector, lived) for sector in ("composite", *SECTORS)]
    found += [_label_theme(result, lived), _confidence_theme(result)]
    found += [_score_theme(result), _excluded_theme(result)]
    if "population" in result.data.cube or "population" in result.gaps.cells:
        found.append(_people_theme(result))
    return found


def _values(result: Result, name: str) -> NDArray[np.float64]:
    if name in result.gaps.cells:
        return np.asarray(result.gaps.cells[name].to_numpy(), dtype=np.float64)
    found = result.data.array(name)
    return np.full(result.data.grid.shape, np.nan) if found is None else found


def _classes(values: NDArray[np.float64], breaks: tuple[float, ...]) -> NDArray[np.uint8]:
    """Class of each value: how many breaks it has reached; NaN gives `EMPTY`."""
    codes = np.digitize(np.nan_to_num(values, nan=-1.0), breaks)
    return np.where(np.isfinite(values), codes, EMPTY).astype(np.uint8)


def _gap_theme(result: Result, sector: str, lived: _Lived) -> Theme:
    gap, confidence = _values(result, f"{sector}_gap"), _values(result, f"{sector}_confidence")
    inside = result.data.inside
    assessed = bool(np.isfinite(gap[inside]).any())
    breaks = tuple(low for low, _ in SEVERITY[1:])
    codes = _classes(gap, breaks)
    missing = inside & ~np.isfinite(gap)
    weak = inside & np.isfinite(gap) & ~(confidence >= LOW_CONFIDENCE)
    codes[missing] = len(SEVERITY)
    codes[~inside] = EMPTY
    striped = weak | missing
    colours, more = (*SEVERITY_COLOURS, MISSING), ()
    if assessed:
        codes, striped, colours, more = lived.over(codes, striped, colours)
    ends = [*breaks, 1.0]
    legend = [
        (SEVERITY_COLOURS[i], False, f"{word} ({round(100 * low)}–{round(100 * ends[i])})")  # noqa: RUF001 - a range
        for i, (low, word) in enumerate(SEVERITY)
        if assessed
    ]
    legend += [("#ffffff", True, "striped: weak data")] if (weak & striped).any() else []
    legend += [(MISSING, True, "not assessed")] if (codes == len(SEVERITY)).any() else []
    title = _TITLES[sector] + (" gap" if sector != "composite" else ": gap")
    return Theme(
        key=f"{sector}_gap",
        title=title if assessed else f"{title} (not assessed)",
        codes=codes,
        hatched=striped,
        colours=colours,
        legend=(*legend, *more),
        question="How far short of the standard? 0 = met, 100 = nothing there",
        note="" if assessed else "Nothing usable is mapped and no table was given.",
        assessed=assessed,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lived:
    """Where nobody lives: land and water that no gap may colour."""

    codes: NDArray[np.uint8]
    words: str

    def over(
        self, codes: NDArray[np.uint8], striped: NDArray[np.bool_], colours: tuple[str, ...]
    ) -> tuple[Any, ...]:
        """Lay the two classes over a theme: codes, stripes, colours, and the lines of the legend."""
        shown = read_table("display")["residents"]
        codes, legend = codes.copy(), []
        for kind, colour, words in (
            (NOBODY, shown["nobody"], self.words),
            (OPEN_WATER, shown["water"], "open water"),
        ):
            here = self.codes == kind
            codes[here] = len(colours)
            colours = (*colours, colour)
            legend += [(colour, False, words)] if here.any() else []
        return codes, striped & (self.codes == LIVED_IN), colours, tuple(legend)


def _lived(result: Result) -> _Lived:
    cube = result.data.cube
    proxy = "population" in cube and cube["population"].attrs.get("evidence") == "proxy"
    words = "no residents (no home mapped)" if proxy else "no residents"
    return _Lived(codes=habitation(result.data), words=words)


def _label_theme(result: Result, lived: _Lived) -> Theme:
    codes = _values(result, "composite_label")
    inside = result.data.inside & np.isfinite(codes)
    labels = np.where(inside, np.clip(np.nan_to_num(codes), 0, len(LABELS) - 1), EMPTY)
    striped = labels == LABELS.index("NOT ASSESSED")
    shown, striped, colours, more = lived.over(
        labels.astype(np.uint8), striped, tuple(LABEL_COLOURS[label] for label in LABELS)
    )
    used = {int(c) for c in np.unique(shown)}
    legend = tuple(
        (
            LABEL_COLOURS[LABELS[i]],
            LABELS[i] == "NOT ASSESSED",
            f"{LABELS[i]}: {LABEL_WORDS[LABELS[i]]}",
        )
        for i in (1, 2, 3, 4, 5, 6, 0, 7)
        if i in used
    )
    return Theme(
        key="labels",
        title="What to do: gap, survey or served",
        codes=shown,
        hatched=striped,
        colours=colours,
        legend=(*legend, *more),
        question="Is something missing on the ground, or only on the map?",
    )


def _confidence_theme(result: Result) -> Theme:
    values = _values(result, "composite_confidence")
    codes = _classes(values, (LOW_CONFIDENCE, HIGH_CONFIDENCE))
    codes[result.data.inside & ~np.isfinite(values)] = 3
    codes[~result.data.inside] = EMPTY
    words = ("low: survey first", "medium", "high", "not assessed")
    colours = (*_TRAIN_COLOURS, MISSING)
    return Theme(
        key="confidence",
        title="How sure: data quality",
        codes=codes,
        hatched=np.asarray(codes == 3),  # noqa: PLR2004 - the code just set
        colours=colours,
        legend=tuple(
            (colours[i], i == len(words) - 1, words[i])
            for i in range(len(words))
            if (codes == i).any()
        ),
        question="How well do the data support the gap shown?",
    )


def _score_theme(result: Result) -> Theme:
    score, inside = result.score.score, result.data.inside
    codes = _classes(score, (0.2, 0.4, 0.6, 0.8))
    blocked = inside & ~result.score.feasible
    codes[blocked] = len(SCORE_COLOURS)
    codes[~inside] = EMPTY
    words = ("0–20, unsuitable", "20–40", "40–60", "60–80", "80–100, best")  # noqa: RUF001 - ranges
    legend = [(c, False, w) for c, w in zip(SCORE_COLOURS, words, strict=True)]
    legend += [("#8a8a8a", True, "excluded")] if blocked.any() else []
    return Theme(
        key="suitability",
        title=f"Suitability: {plain_text(result.score.title, max_chars=60)}",
        codes=codes,
        hatched=blocked,
        colours=(*SCORE_COLOURS, "#b5b5b5"),
        legend=tuple(legend),
        question="How well does the land suit the project?",
        assessed=bool(np.isfinite(score).any()),
        note="" if np.isfinite(score).any() else "No land is left after the constraints.",
    )


def _excluded_theme(result: Result) -> Theme:
    """Colour each excluded cell by the first constraint that holds; shares add up to the whole."""
    inside = result.data.inside
    rule, constraints = first_rule(result.score, inside)
    total = max(1, int(inside.sum()))
    colours, words = read_table("display")["excluded"], [(OPEN, "open", "open to building")]
    words += [
        (number, c.id if c.id in colours else "other", plain_text(c.title, max_chars=60))
        for number, c in enumerate(constraints)
    ]
    words.append((NO_DATA, "unknown", "no data to tell"))
    codes = np.full(inside.shape, EMPTY, dtype=np.uint8)
    legend: list[tuple[str, bool, str]] = []
    for code, key, title in words:
        drawn = inside & (rule == code)
        if not drawn.any() and code != OPEN:
            continue
        codes[drawn] = len(legend)
        share = human(int(drawn.sum()) / total, "share")
        legend.append((colours[key], False, f"{title}: {share}"))
    return Theme(
        key="excluded",
        title="Land excluded from building",
        codes=codes,
        hatched=np.zeros(inside.shape, dtype=bool),
        colours=tuple(colour for colour, _, _ in legend),
        legend=tuple(legend),
        question="Which rule keeps building away? First rule that holds; share of the study area",
    )


def _people_theme(result: Result) -> Theme:
    from kcity_geo.cube import cell_size

    hectares = cell_size(result.data.grid) ** 2 / 1e4
    density = _values(result, "population") / hectares
    codes = _classes(density, _PEOPLE_BREAKS)
    codes[~result.data.inside] = EMPTY
    bounds = [f"{b:g}" for b in _PEOPLE_BREAKS]
    words = [
        f"under {bounds[0]}",
        *(f"{a}–{b}" for a, b in pairwise(bounds)),  # noqa: RUF001 - ranges
        f"over {bounds[-1]}",
    ]
    return Theme(
        key="population",
        title="People",
        codes=codes,
        hatched=np.zeros(codes.shape, dtype=bool),
        colours=_PEOPLE_COLOURS,
        legend=tuple(
            (c, False, f"{w} per ha") for c, w in zip(_PEOPLE_COLOURS, words, strict=True)
        ),
        question="Where do people live?",
    )


def rgba_table(theme: Theme, *, alpha: int) -> list[tuple[int, int, int, int]]:
    """
    Colour table of a theme: plain colours, the same hatched, and transparent last.

    Parameters
    ----------
    theme : any.
    alpha : opacity of the colours, 0 to 255.

    Returns
    -------
    2 n + 1 colours for n codes; position n + i is the stripe on code i.
    """
    plain = [(*rgb(c), alpha) for c in theme.colours]
    stripes = [_stripe(c, alpha) for c in theme.colours]
    return [*plain, *stripes, (0, 0, 0, 0)]


def _stripe(colour: str, alpha: int) -> tuple[int, int, int, int]:
    """White on dark colours, dark grey on light ones."""
    red, green, blue = rgb(colour)
    light = 0.299 * red + 0.587 * green + 0.114 * blue > 130  # noqa: PLR2004 - half grey
    return (90, 90, 90, alpha) if light else (255, 255, 255, alpha)


def painted(
    theme: Theme, codes: NDArray[np.uint8], hatched: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """
    Turn codes and stripes into positions of `rgba_table`.

    Parameters
    ----------
    theme : whose codes they are.
    codes : shape (height, width), `EMPTY` for transparent.
    hatched : same shape, True where striped.

    Returns
    -------
    Same shape.
    """
    count = len(theme.colours)
    shown = np.where(hatched & hatch(codes.shape), codes.astype(np.int16) + count, codes)
    return np.where(codes == EMPTY, 2 * count, shown).astype(np.uint8)
