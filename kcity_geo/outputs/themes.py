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

from kcity_geo.analysis.findings import Findings
from kcity_geo.analysis.gaps.words import READINGS, limit_words, reading_words
from kcity_geo.analysis.settlement.habitation import LIVED_IN, NOBODY, OPEN_WATER
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN
from kcity_geo.config import read_table
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.colours import (
    EVIDENCE_COLOURS,
    GAP_COLOURS,
    MISSING,
    READING_COLOURS,
    SCORE_COLOURS,
)
from kcity_geo.outputs.languages import spoken, tell, translated
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.result import LEVEL_TITLES, LEVELS, SECTORS, THEMES, Result
from kcity_geo.rules import ReadingLimits

__all__ = [
    "EMPTY",
    "LEGEND_ORDER",
    "STRIPED",
    "ReadingRow",
    "Theme",
    "is_reading",
    "make_themes",
    "reading_rows",
    "sector_title",
]

#: Code of cells that a theme leaves transparent.
EMPTY = 255

#: Readings that say that somebody must look: striped.
STRIPED = ("cannot_tell", "not_assessed")
#: Order of the readings in a legend.
LEGEND_ORDER = (
    "falls_short", "probably_falls_short", "cannot_tell", "partly_short", "adequate", "not_assessed",
)  # fmt: skip

_PEOPLE_BREAKS = (1.0, 10.0, 30.0, 75.0, 150.0)
_PEOPLE_COLOURS = ("#efe9f3", "#d4b9da", "#c994c7", "#df65b0", "#ce1256", "#67001f")


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


@dataclass(frozen=True, kw_only=True)
class ReadingRow:
    """
    What one reading is called and how it is drawn.

    Parameters
    ----------
    id, title, meaning : as in ``tables/readings.toml``.
    colour : ``#rrggbb``.
    """

    id: str
    title: str
    meaning: str
    colour: str

    @property
    def striped(self) -> bool:
        """Whether it says that somebody must look: striped wherever it is drawn."""
        return self.id in STRIPED


def reading_rows(level: str = "", *, limits: ReadingLimits | None = None) -> dict[str, ReadingRow]:
    """
    Give the readings by their title, in the order of their codes.

    Parameters
    ----------
    level : one of `kcity_geo.result.LEVELS`; a theme has words of its own.
    limits : of the study, which the meanings name; those of ``tables/readings.toml`` when None.

    Returns
    -------
    Title in English, as in the tables of a study -> row in the language that is spoken.

    Examples
    --------
    >>> reading_rows()["Adequate"].meaning
    'meets the standard or nearly so: a gap below 20 % at best estimate'
    """
    own = f"meaning_{spoken().code}"
    named = {name: translated(words) for name, words in limit_words(limits).items()}
    found = {}
    for row in reading_words(level, limits=limits):
        meaning = row[own].format(**named) if own in row else translated(row["meaning"])
        title = translated(row["title"])
        found[row["title"]] = ReadingRow(
            id=row["id"], title=title, meaning=meaning, colour=row["colour"]
        )
    return found


def is_reading(name: str) -> bool:
    """
    Tell whether a variable of the grid holds codes of readings.

    Parameters
    ----------
    name : of the variable.

    Returns
    -------
    True for ``transport_reading`` and its like.

    Examples
    --------
    >>> is_reading("water_reading"), is_reading("roads_reading")
    (True, False)
    """
    return name.removesuffix("_reading") in LEVEL_TITLES and name.endswith("_reading")


def sector_title(sector: str) -> str:
    """
    Give the words for a sector.

    Parameters
    ----------
    sector : one of `kcity_geo.result.LEVELS`.

    Returns
    -------
    Words with a capital.

    Examples
    --------
    >>> sector_title("water")
    'Water'
    """
    return translated(LEVEL_TITLES.get(sector, sector.capitalize()))


def make_themes(result: Result) -> list[Theme]:
    """
    Make all themes that a study can show, the most important first.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Readings of the sectors and of all together, size of the sector gaps, data quality,
    suitability, excluded land and population. A sector that was not assessed has its theme too,
    and says so. Where nobody lives a pale class of its own takes the place of reading and gap.
    """
    lived = _lived(result)
    found = [_reading_theme(result, sector, lived) for sector in LEVELS]
    found += [_gap_theme(result, sector, lived) for sector in SECTORS]
    found += [_evidence_theme(result), _score_theme(result), *_sure_theme(result)]
    found.append(_excluded_theme(result))
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


def _reading(result: Result, sector: str) -> NDArray[np.uint8]:
    """Code of the reading of each cell; `EMPTY` outside."""
    name = f"{sector}_reading"
    if name not in result.gaps.cells:
        return np.where(result.data.inside, READINGS.index("not_assessed"), EMPTY).astype(np.uint8)
    codes = result.gaps.cells[name].to_numpy()
    return np.where(result.data.inside, codes, EMPTY).astype(np.uint8)


def _reading_theme(result: Result, sector: str, lived: _Lived) -> Theme:
    codes = _reading(result, sector)
    striped = np.isin(codes, [READINGS.index(key) for key in STRIPED])
    assessed = bool(np.isfinite(_values(result, f"{sector}_gap")[result.data.inside]).any())
    rows = {row.id: row for row in reading_rows(sector).values()}
    legend = [
        (rows[key].colour, key in STRIPED, rows[key].title)
        for key in LEGEND_ORDER
        if (codes == READINGS.index(key)).any()
    ]
    shown, striped, colours, more = lived.over(codes, striped, READING_COLOURS)
    title = sector_title(sector)
    return Theme(
        key=f"{sector}_reading",
        title=title if assessed else tell("theme_unassessed", title=title),
        codes=shown,
        hatched=striped,
        colours=colours,
        legend=(*legend, *more),
        question=tell("ask_flood" if sector in THEMES else "ask_reading"),
        note="" if assessed else tell("theme_nothing"),
        assessed=assessed,
    )


def _gap_theme(result: Result, sector: str, lived: _Lived) -> Theme:
    """How large the gap is, striped where nobody can tell."""
    gap, inside = _values(result, f"{sector}_gap"), result.data.inside
    assessed = bool(np.isfinite(gap[inside]).any())
    breaks = tuple(float(v) for v in read_table("display")["gap"]["breaks"])
    codes = _classes(gap, breaks)
    missing = inside & ~np.isfinite(gap)
    weak = inside & (_reading(result, sector) == READINGS.index("cannot_tell"))
    codes[missing] = len(GAP_COLOURS)
    codes[~inside] = EMPTY
    codes, striped, colours, more = lived.over(codes, weak | missing, (*GAP_COLOURS, MISSING))
    ends = (0.0, *breaks, 1.0)
    legend = [
        (colour, False, tell("legend_range", low=round(100 * low), high=round(100 * high)))
        for colour, (low, high) in zip(GAP_COLOURS, pairwise(ends), strict=True)
        if assessed
    ]
    legend += [("#ffffff", True, tell("legend_striped"))] if (weak & striped).any() else []
    legend += [(MISSING, True, tell("legend_missing"))] if (codes == len(GAP_COLOURS)).any() else []
    key = "theme_exposure" if sector in THEMES else "theme_gap"
    title = tell(key, title=sector_title(sector))
    return Theme(
        key=f"{sector}_gap",
        title=title if assessed else tell("theme_unassessed", title=title),
        codes=codes,
        hatched=striped,
        colours=colours,
        legend=(*legend, *more),
        question=tell("ask_flood_gap" if sector in THEMES else "ask_gap"),
        note="" if assessed else tell("theme_nothing"),
        assessed=assessed,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lived:
    """Where nobody lives: land and water that neither reading nor gap may colour."""

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
            (OPEN_WATER, shown["water"], tell("legend_water")),
        ):
            here = self.codes == kind
            codes[here] = len(colours)
            colours = (*colours, colour)
            legend += [(colour, False, words)] if here.any() else []
        return codes, striped & (self.codes == LIVED_IN), colours, tuple(legend)


def _lived(result: Result) -> _Lived:
    cube = result.data.cube
    proxy = "population" in cube and cube["population"].attrs.get("evidence") == "proxy"
    words = tell("legend_no_home" if proxy else "legend_nobody")
    return _Lived(codes=Findings(result).lived_in, words=words)


def _evidence_theme(result: Result) -> Theme:
    """How good the data are, for the sector of which they are poorest."""
    limits = result.gaps.limits
    values, inside = _values(result, "composite_evidence"), result.data.inside
    codes = _classes(values, (limits.evidence_fair, limits.evidence_good))
    codes[inside & ~np.isfinite(values)] = 3
    codes[~inside] = EMPTY
    words = tuple(tell(f"legend_{word}") for word in ("poor", "fair", "good", "sector"))
    colours = (*EVIDENCE_COLOURS, MISSING)
    return Theme(
        key="evidence",
        title=tell("theme_evidence"),
        codes=codes,
        hatched=np.asarray(codes == 3),  # noqa: PLR2004 - the code just set
        colours=colours,
        legend=tuple(
            (colours[i], i == len(words) - 1, words[i])
            for i in range(len(words))
            if (codes == i).any()
        ),
        question=tell("ask_evidence"),
    )


def _score_theme(result: Result) -> Theme:
    score, inside = result.score.score, result.data.inside
    codes = _classes(score, (0.2, 0.4, 0.6, 0.8))
    blocked = inside & ~result.score.feasible
    codes[blocked] = len(SCORE_COLOURS)
    codes[~inside] = EMPTY
    words = (tell("legend_worst"), "20–40", "40–60", "60–80", tell("legend_best"))  # noqa: RUF001 - ranges
    ranked = bool(np.isfinite(score).any())
    legend = [(c, False, w) for c, w in zip(SCORE_COLOURS, words, strict=True) if ranked]
    legend += [("#b5b5b5", True, tell("legend_excluded"))] if blocked.any() else []
    unknown = read_table("display")["excluded"]["unknown"]
    unscored = inside & ~blocked & ~np.isfinite(score)
    if unscored.any():
        codes[unscored] = len(SCORE_COLOURS) + 1
        legend.append((unknown, False, tell("legend_unscored")))
    return Theme(
        key="suitability",
        title=tell(
            "theme_suitability", project=translated(plain_text(result.score.title, max_chars=60))
        ),
        codes=codes,
        hatched=blocked,
        colours=(*SCORE_COLOURS, "#b5b5b5", unknown),
        legend=tuple(legend),
        question=tell("ask_suitability"),
        assessed=ranked,
        note=_score_note(result),
    )


def _sure_theme(result: Result) -> list[Theme]:
    """Show how often each cell lies in the best tenth when the weights move; nothing without a score."""
    share, inside = result.score.best_tenth, result.data.inside
    if share is None or not np.isfinite(share).any():
        return []
    codes = _classes(share, (0.2, 0.4, 0.6, 0.8))
    blocked = inside & ~result.score.feasible
    codes[blocked] = len(SCORE_COLOURS)
    codes[~inside] = EMPTY
    ranges = [tell("legend_range", low=low, high=low + 20) for low in (20, 40, 60)]
    words = (tell("legend_under_20"), *ranges, tell("legend_80"))
    legend = [(c, False, w) for c, w in zip(SCORE_COLOURS, words, strict=True)]
    legend += [("#b5b5b5", True, tell("legend_excluded"))] if blocked.any() else []
    return [
        Theme(
            key="best_tenth",
            title=tell("theme_sure"),
            codes=codes,
            hatched=blocked,
            colours=(*SCORE_COLOURS, "#b5b5b5"),
            legend=tuple(legend),
            question=tell("ask_sure"),
        )
    ]


def _score_note(result: Result) -> str:
    """Say why no land has a score."""
    if np.isfinite(result.score.score).any():
        return ""
    why = plain_text(result.score.no_ranking)
    if why or not result.score.criteria:
        return f"{translated(why)}." if why else tell("no_criteria")
    return tell("no_land")


def _excluded_theme(result: Result) -> Theme:
    """Colour each excluded cell by the first constraint that holds; shares add up to the whole."""
    inside, found = result.data.inside, Findings(result)
    colours, words = read_table("display")["excluded"], [(OPEN, "open", tell("legend_open"))]
    words += [
        (
            number,
            c.id if c.id in colours else "other",
            translated(plain_text(c.title, max_chars=60)),
        )
        for number, c in enumerate(found.rules)
    ]
    words.append((NO_DATA, "unknown", tell("legend_no_data")))
    codes = np.full(inside.shape, EMPTY, dtype=np.uint8)
    legend: list[tuple[str, bool, str]] = []
    for code, key, title in words:
        drawn = inside & (found.rule == code)
        if not drawn.any() and code != OPEN:
            continue
        codes[drawn] = len(legend)
        rule = found.rules[code].id if code >= 0 else key
        share = cited(human(found.share_of_rule(code), "share"), f"land.{rule}_share.city")
        legend.append((colours[key], False, tell("legend_rule", title=title, share=share)))
    return Theme(
        key="excluded",
        title=tell("theme_excluded"),
        codes=codes,
        hatched=np.zeros(inside.shape, dtype=bool),
        colours=tuple(colour for colour, _, _ in legend),
        legend=tuple(legend),
        question=tell("ask_excluded"),
    )


def _people_theme(result: Result) -> Theme:
    from kcity_geo.cube import cell_size

    hectares = cell_size(result.data.grid) ** 2 / 1e4
    density = _values(result, "population") / hectares
    codes = _classes(density, _PEOPLE_BREAKS)
    codes[~result.data.inside] = EMPTY
    bounds = [f"{b:g}" for b in _PEOPLE_BREAKS]
    words = [
        tell("per_ha_under", number=bounds[0]),
        *(tell("per_ha", number=f"{a}–{b}") for a, b in pairwise(bounds)),  # noqa: RUF001 - ranges
        tell("per_ha_over", number=bounds[-1]),
    ]
    return Theme(
        key="population",
        title=tell("theme_people"),
        codes=codes,
        hatched=np.zeros(codes.shape, dtype=bool),
        colours=_PEOPLE_COLOURS,
        legend=tuple((c, False, w) for c, w in zip(_PEOPLE_COLOURS, words, strict=True)),
        question=tell("ask_people"),
    )
