"""
Change: what two dates of one city tell, and whether it was built or only mapped.

A map grows because the city grows and because somebody draws what stood there before. Nothing that
a map shows tells the two apart by itself; how fast a city can build does. So of the growth of each
layer at most as much is taken for built as the years allow, the rest was mapped, and what lies
between cannot be told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.gaps.words import READINGS, reading_title
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.cube import cell_ids
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.result import LEVEL_TITLES, LEVELS, Gaps
from kcity_geo.rules import all_rules

__all__ = ["Change", "built_at_most", "diff", "moved_people"]

_YEAR_DAYS = 365.25
#: So many keys are named in a line.
_NAMED = 5
#: A city whose map of these grew by mapping was being drawn: no moved gap there shows building.
_BASE = ("roads_drive", "building")

#: Sections of a study file that say how things are judged; for standards and readings see `_other_measures`.
_ASSUMPTIONS = (
    "transport", "water", "energy", "settlement", "shared", "tags", "priors", "sector_weights", "gap_model",
    "completeness", "evidence",
)  # fmt: skip

#: Row of the people of the second date in cells where nobody lived at the first, or a part of a person.
_EMPTY_BEFORE = "Cells with less than one resident before"
#: Of people who are counted none lives where nobody does: such a cell holds a part of a person.
_FEW = "Cells with less than one resident"

_SAID = {
    "mapped": "Grew more by mapping than by building",
    "cannot tell": "Grew, built or mapped, nobody can tell,",
    "gone from the map": "Fewer on the later map",
}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Change:
    """
    What changed between two dates of one city.

    Parameters
    ----------
    years : between the dates of the maps; NaN where a date is not known.
    layers : a row a layer whose number of features changed: ``layer, title, before, after, mapped_least``
        (features of the growth that were mapped at least, none of which can have been built since),
        ``built_most``, ``because`` (mapped, cannot tell, gone from the map).
    readings : a row a level, reading before and reading after: ``level, before, after, persons``,
        people of the second date who live in cells of both.
    because : a row a level and cause: ``level, because, persons``, people in cells whose gap as
        mapped moved: mapped, probably built, cannot tell. Nothing is called built in a city whose
        streets or buildings grew by mapping.
    """

    years: float
    layers: pd.DataFrame
    readings: pd.DataFrame
    because: pd.DataFrame

    def table(self, level: str) -> pd.DataFrame:
        """
        Give the people of one level as a table: readings before as rows, after as columns.

        Parameters
        ----------
        level : one of `kcity_geo.result.LEVELS`.

        Returns
        -------
        Persons; empty where the level was in neither.
        """
        rows = self.readings[self.readings["level"] == level]
        found = rows.pivot_table(index="before", columns="after", values="persons", aggfunc="sum")
        kept = [
            [n for n in names if n in axis]
            for names, axis in (
                (_titles(level, before=True), found.index),
                (_titles(level), found.columns),
            )
        ]
        return found.loc[kept[0], kept[1]].fillna(0.0)

    def whole_table(self, level: str) -> pd.DataFrame:
        """
        Give the table of `table` in whole persons, as it is printed.

        Parameters
        ----------
        level : one of `kcity_geo.result.LEVELS`.

        Returns
        -------
        Persons; the parts of each row add up to its rounded sum.
        """
        found = self.table(level)
        rows = [_whole(row) for row in found.to_numpy(dtype=np.float64)]
        return pd.DataFrame(rows, index=found.index, columns=found.columns, dtype=np.int64)

    def lines(self) -> list[str]:
        """
        Say what changed, for people.

        Returns
        -------
        What was mapped, and where those went of whom nobody could tell.
        """
        span = f"in {self.years:.1f} years" if math.isfinite(self.years) else "between the two maps"
        found = []
        for word in ("mapped", "cannot tell", "gone from the map"):
            rows = self.layers[self.layers["because"] == word]
            if len(rows):
                told = ", ".join(
                    f"{r['title'].lower()} {r['before']:,} to {r['after']:,}"
                    for r in rows.to_dict("records")
                )
                found.append(f"{_SAID[word]} {span}: {told}.")
        unknown = READINGS.index("cannot_tell")
        for level in LEVELS:
            table, row = self.whole_table(level), reading_title(unknown, level)
            parts = {} if row not in table.index else table.loc[row].to_dict()
            if total := sum(parts.values()):
                told = ", ".join(
                    f"{people:,} {str(name).lower()}"
                    for name, people in sorted(parts.items(), key=lambda item: -item[1])
                    if people
                )
                found.append(
                    f"{LEVEL_TITLES[level]}: of {total:,} people of whom nobody could tell: {told}."
                )
        return found

    def became(self, level: str, before: str, after: str) -> float:
        """
        Count the people who moved from one reading to another.

        Parameters
        ----------
        level : one of `kcity_geo.result.LEVELS`.
        before, after : ids of readings, as in `kcity_geo.analysis.gaps.words.READINGS`.

        Returns
        -------
        Persons.
        """
        first = _titles(level, before=True)[READINGS.index(before)]
        second = _titles(level)[READINGS.index(after)]
        rows = self.readings
        chosen = (rows["level"] == level) & (rows["before"] == first) & (rows["after"] == second)
        return float(rows.loc[chosen, "persons"].sum())

    def __repr__(self) -> str:
        """Say the span and how many layers grew by mapping in one line."""
        mapped = int((self.layers["because"] == "mapped").sum())
        return (
            f"Change({self.years:.1f} years; {mapped} of {len(self.layers)} layers grew by mapping)"
        )


def built_at_most(after: float, years: float, *, growth_share_year: float) -> float:
    """
    Tell how many of the things that stand now can have been built in some years.

    Parameters
    ----------
    after : number of them on the later map.
    years : between the maps, zero or more.
    growth_share_year : fastest growth of such a stock in a year.

    Returns
    -------
    At most `after`: ``after * (1 - (1 + growth) ** -years)``.

    Raises
    ------
    StudyError
        If `years` is below zero.

    Examples
    --------
    >>> round(built_at_most(13, 10.6, growth_share_year=0.03), 1)
    3.5
    """
    if years < 0:
        raise StudyError(f"built_at_most: {years:g} years; the later date must not be the earlier")
    return float(after * (1 - (1 + growth_share_year) ** -years))


def diff(before: CityData, gaps_before: Gaps, after: CityData, gaps_after: Gaps) -> Change:
    """
    Compare two dates, or two results, of one city.

    Parameters
    ----------
    before, gaps_before : the earlier city and its gaps.
    after, gaps_after : the later; same CRS, cell size and cell origin.

    Returns
    -------
    What was mapped, what may have been built, and how people moved between readings.

    Raises
    ------
    StudyError
        If the two have no cells in common or cells of another size, the first map is the later one,
        or standards or limits of the readings differ.

    Warns
    -----
    KCityWarning
        If the studies differ in their other assumptions.

    Examples
    --------
    >>> from kcity_geo.analysis.gaps.combine import assess_gaps
    >>> from kcity_geo.demo.toy import make_toy
    >>> data = make_toy(arrays={"population": 10.0})
    >>> gaps = assess_gaps(data, [])
    >>> found = diff(data, gaps, data, gaps)
    >>> len(found.layers), found.became("water", "not_assessed", "not_assessed")
    (0, 16000.0)
    """
    cells = _common_cells(before, after)
    _refuse_exchanged(before, after)
    _refuse_other_measures(before, after)
    _tell_other_assumptions(before, after)
    years = _years(before.osm_date, after.osm_date)
    people = np.nan_to_num(_flat(gaps_after, "population"))[cells[1]]
    sides = (gaps_before, cells[0]), (gaps_after, cells[1])
    layers = _layer_rows(before, after, years)
    grown = layers.loc[layers["because"] == "mapped", "layer"]
    return Change(
        years=years,
        layers=layers,
        readings=_reading_rows(sides, people),
        because=_cause_rows(sides, people, steady=not grown.isin(_BASE).any()),
    )


def _refuse_exchanged(before: CityData, after: CityData) -> None:
    if _years(before.osm_date, after.osm_date) < 0:
        raise StudyError(
            f"diff: the first map is of {before.osm_date[:10]}, the second of {after.osm_date[:10]}, which is "
            "earlier; exchange the two"
        )


def _refuse_other_measures(before: CityData, after: CityData) -> None:
    """Refuse to compare what was measured against other standards, or said from other limits."""
    first, second = (_measures(data) for data in (before, after))
    differ = sorted(key for key in first | second if first.get(key) != second.get(key))
    if differ:
        more = f" and {len(differ) - _NAMED} more" if len(differ) > _NAMED else ""
        raise StudyError(
            f"diff: the two studies differ in {', '.join(differ[:_NAMED])}{more}, so that their gaps and readings do "
            "not compare; give both the same standards and readings"
        )


def _measures(data: CityData) -> dict[str, float | None]:
    """Key of a study file -> its value: standards of the indicators and limits of the readings."""
    found: dict[str, float | None] = {
        f"standards.{name}.{key}": getattr(row, key)
        for name, row in data.standards.items()
        for key in ("target", "worst", "urban_weight", "rural_weight")
    }
    changed = {} if data.study is None else data.study.rules
    for key, rule in all_rules().items():
        if key.startswith("readings."):
            found[key] = changed.get(key, rule.value)
    return found


def _tell_other_assumptions(before: CityData, after: CityData) -> None:
    """Tell when the studies differ in more than map and data: people then move without any change."""
    sections = [{} if d.study is None else d.study.model_dump() for d in (before, after)]
    differ = [
        name for name in _ASSUMPTIONS if sections[0].get(name, {}) != sections[1].get(name, {})
    ]
    if differ:
        tell(
            f"diff: the two studies differ in their assumptions ({', '.join(differ)}), so that some people "
            "move between readings although neither city nor map changed; use one study file with another map"
        )


def _common_cells(before: CityData, after: CityData) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the cells that both cities hold."""
    same = before.city.crs == after.city.crs and math.isclose(
        abs(before.grid.resolution.x), abs(after.grid.resolution.x)
    )
    places = [np.flatnonzero(d.inside.ravel()) for d in (before, after)]
    ids = [
        pd.Index(cell_ids(d.grid)[at].astype(str))
        for d, at in zip((before, after), places, strict=True)
    ]
    common = ids[0].intersection(ids[1], sort=False)
    first, second = (index.get_indexer(common) for index in ids)
    if not same or not len(common):
        raise StudyError(
            f"diff: {before.city.name} and {after.city.name} share no cells (CRS, cell_m and place must be "
            "the same); use one study file with another map"
        )
    return places[0][first], places[1][second]


def _years(before: str, after: str) -> float:
    try:
        first, second = (date.fromisoformat(text[:10]) for text in (before, after))
    except ValueError:
        return math.nan
    return (second - first).days / _YEAR_DAYS


def _layer_rows(before: CityData, after: CityData, years: float) -> pd.DataFrame:
    """Say of each layer whether its growth was mapping."""
    rule = read_table("evidence")["change"]
    titles = {row["id"]: row.get("title", row["id"]) for row in read_table("osm")["layer"]}
    counts = [
        dict(zip(d.inventory["layer"], d.inventory["count"], strict=True)) for d in (before, after)
    ]
    rows = []
    for name, title in titles.items():
        was, now = (int(c.get(name, 0)) for c in counts)
        if was == now:
            continue
        most = float(now)
        if math.isfinite(years):
            growth = rule["growth_of"].get(name, rule["growth_most_share_year"])
            most = built_at_most(now, years, growth_share_year=growth)
        grown = now - was
        mapped = max(0.0, grown - most)
        because = "gone from the map" if grown < 0 else "cannot tell"
        if grown > 0 and mapped >= rule["mapped_share"] * grown:
            because = "mapped"
        rows.append(
            {
                "layer": name,
                "title": title,
                "before": was,
                "after": now,
                "mapped_least": mapped,
                "built_most": max(0.0, min(float(grown), most)),
                "because": because,
            }
        )
    columns = ["layer", "title", "before", "after", "mapped_least", "built_most", "because"]
    return pd.DataFrame(rows, columns=columns)


def _titles(level: str, *, before: bool = False) -> list[str]:
    """Give the words of each reading of people; nobody lives there is no reading of those who do."""
    words = [reading_title(code, level) for code in range(len(READINGS))]
    words[READINGS.index("nobody")] = _EMPTY_BEFORE if before else _FEW
    return words


def _whole(parts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round so that the parts add up to the rounded sum: those with the largest remainders go up."""
    down = np.floor(parts)
    up = round(float(parts.sum())) - int(down.sum())
    order = np.lexsort((-parts, -(parts - down)))
    down[order[:up]] += 1
    return down.astype(np.int64)


def _flat(gaps: Gaps, name: str) -> NDArray[Any]:
    if name not in gaps.cells:
        return np.full(next(iter(gaps.cells.values())).size, np.nan)
    return np.asarray(gaps.cells[name].to_numpy()).ravel()


_Sides = tuple[tuple[Gaps, NDArray[np.intp]], tuple[Gaps, NDArray[np.intp]]]


def _reading_rows(sides: _Sides, people: NDArray[np.float64]) -> pd.DataFrame:
    codes = [
        {
            level: _flat(gaps, f"{level}_reading")[at]
            for level in LEVELS
            if f"{level}_reading" in gaps.cells
        }
        for gaps, at in sides
    ]
    return moved_people(*codes, people=people)


def moved_people(
    before: Mapping[str, NDArray[np.uint8]],
    after: Mapping[str, NDArray[np.uint8]],
    *,
    people: NDArray[np.float64],
) -> pd.DataFrame:
    """
    Count how people moved between the readings of the same cells.

    Parameters
    ----------
    before, after : level -> position in `kcity_geo.analysis.gaps.words.READINGS` of each cell.
    people : of each cell.

    Returns
    -------
    ``level, before, after, persons``, a row a pair of readings that anybody lives in.

    Examples
    --------
    >>> moved_people({"water": [1, 1]}, {"water": [5, 1]}, people=[30.0, 10.0])["persons"].tolist()
    [10.0, 30.0]
    """
    frames = []
    for level in LEVELS:
        if level not in before or level not in after:
            continue
        codes = [np.asarray(side[level]).astype(int) for side in (before, after)]
        titles = [dict(enumerate(_titles(level, before=way))) for way in (True, False)]
        many = 1 + int(codes[1].max(initial=0))
        sums = pd.Series(people).groupby(codes[0] * many + codes[1]).sum()
        sums = sums[sums > 0]
        words = {
            side: [told.get(code, np.nan) for code in of.tolist()]
            for side, told, of in zip(
                ("before", "after"), titles, divmod(sums.index.to_numpy(), many), strict=True
            )
        }
        frames.append(pd.DataFrame({"level": level, **words, "persons": sums.to_numpy()}))
    columns = ["level", "before", "after", "persons"]
    return (
        pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
    )


def _cause_rows(sides: _Sides, people: NDArray[np.float64], *, steady: bool) -> pd.DataFrame:
    """Say of the people whose gap as mapped moved whether their map grew or their city."""
    rule = read_table("evidence")["change"]
    shares = [_flat(gaps, "mapped_share")[at] for gaps, at in sides]
    more = np.abs(shares[1] - shares[0]) >= rule["share_moved"]
    well = np.minimum(shares[0], shares[1]) >= rule["share_known"]
    well &= steady
    cause = np.where(more, "mapped", np.where(well, "probably built", "cannot tell"))
    rows = []
    for level in LEVELS:
        gaps = [_flat(g, f"{level}_gap_raw")[at] for g, at in sides]
        moved = np.abs(gaps[1] - gaps[0]) >= rule["gap_moved"]
        rows += [
            {
                "level": level,
                "because": word,
                "persons": float(people[moved & (cause == word)].sum()),
            }
            for word in ("mapped", "probably built", "cannot tell")
        ]
    return pd.DataFrame(rows)
