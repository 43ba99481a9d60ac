"""
Findings: what follows from a finished study and is shown, so that outputs only write it down.

Where nobody lives, the district of a cell, the rule that keeps building away, shares of land, counts
of people, and cells merged into larger squares: one number for map, report, console and files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.words import READINGS, reading_codes
from kcity_geo.analysis.kept import Read, noted
from kcity_geo.analysis.settlement.habitation import LIVED_IN, NOBODY, OPEN_WATER, habitation
from kcity_geo.analysis.suitability.curves import Curve, curve_of
from kcity_geo.analysis.suitability.exclusion import NO_DATA, OPEN, first_rule
from kcity_geo.config import read_table
from kcity_geo.cube import cell_size
from kcity_geo.indicators import indicator_rows, load_function
from kcity_geo.notes import kept_apart
from kcity_geo.result import SECTORS, THEMES, Constraint, Criterion, Gaps, Result
from kcity_geo.rules import ReadingLimits

__all__ = [
    "Findings",
    "merged_readings",
    "most_short",
    "residents",
    "worst_sector",
]


@dataclass(frozen=True, eq=False)
class Findings:
    """
    What a finished study says of its cells and of its land.

    Parameters
    ----------
    result : a finished study.
    """

    result: Result

    def curve(self, criterion: Criterion) -> Curve | None:
        """
        Give the value function of a criterion over the land open to building.

        Parameters
        ----------
        criterion : of the project.

        Returns
        -------
        The curve; None for classes, and where no open land has a value.
        """
        return curve_of(criterion, self.result.score.feasible)

    @cached_property
    def main_district(self) -> NDArray[np.object_]:
        """Shape (rows, cols): id of the district that holds most of the cell, ``""`` for none."""
        return model_of(self.result.data).main_district

    @cached_property
    def district_number(self) -> NDArray[np.int64]:
        """Shape (rows, cols): position of `main_district` in the districts of the city, -1: none."""
        ids = self.result.data.city.districts["district_id"].astype(str)
        return np.asarray(pd.Index(ids).get_indexer(self.main_district.ravel())).reshape(
            self.main_district.shape
        )

    @cached_property
    def lived_in(self) -> NDArray[np.uint8]:
        """
        Where nobody lives, as the readings have it, and which of that is open water.

        Returns
        -------
        Shape (rows, cols): ``LIVED_IN``, ``NOBODY`` or ``OPEN_WATER`` of
        `kcity_geo.analysis.settlement.habitation`.
        """
        data, cells = self.result.data, self.result.gaps.cells
        if "composite_reading" not in cells:
            return np.full(data.grid.shape, LIVED_IN, dtype=np.uint8)
        nobody = data.inside & (cells["composite_reading"].to_numpy() == READINGS.index("nobody"))
        water = model_of(data).once(habitation) == OPEN_WATER
        found = np.where(nobody, np.where(water, OPEN_WATER, NOBODY), LIVED_IN)
        return found.astype(np.uint8)

    @cached_property
    def rule(self) -> NDArray[np.int16]:
        """Shape (rows, cols): the rule that keeps building away, as in `first_rule`."""
        return first_rule(self.result.score, self.result.data.inside)[0]

    @cached_property
    def rules(self) -> tuple[Constraint, ...]:
        """The constraints that were applied; `rule` holds positions in it."""
        return first_rule(self.result.score, self.result.data.inside)[1]

    def share_of_rule(self, code: int) -> float:
        """
        Give the share of the study area that a rule keeps open or closed.

        Parameters
        ----------
        code : of `rule`.

        Returns
        -------
        0 to 1, by land inside the study area.
        """
        return self._share(self.rule == code)

    @cached_property
    def judged_share(self) -> float:
        """
        Share of the study area of which it is known whether it may be built on and, where it may, how well it suits.

        Returns
        -------
        0 to 1, by land inside it: without land that data of a constraint do not reach, and without open land that
        has no score or lacks a criterion of decisive weight (``[judged]`` of ``tables/display.toml``).
        """
        score = self.result.score
        known = np.isfinite(score.score)
        for one in score.criteria:
            if one.weight_used >= read_table("display")["judged"]["weight_min"]:
                known = known & np.isfinite(one.utility)
        return 1 - self._share((self.rule == NO_DATA) | ((self.rule == OPEN) & ~known))

    @cached_property
    def partly_judged(self) -> bool:
        """Whether so much land could not be judged that the best site is the best of the rest only."""
        return self.judged_share < float(read_table("display")["judged"]["whole_min"])

    @cached_property
    def excluded_share(self) -> Mapping[str, float]:
        """Constraint -> share of the study area that it excludes by itself, by land inside it."""
        return {c.id: self._share(c.excluded) for c in self.result.score.constraints}

    @cached_property
    def mean_utility(self) -> Mapping[str, float]:
        """Criterion -> mean utility of the cells that have one, 0 to 1; NaN where none has."""
        inside = self.result.data.inside
        found = {}
        for one in self.result.score.criteria:
            known = one.utility[inside & np.isfinite(one.utility)]
            found[one.id] = float(known.mean()) if len(known) else float("nan")
        return found

    @cached_property
    def people(self) -> float | None:
        """Residents of the city, by its data, else by its gaps; None where nobody counted them."""
        counted = self.result.data.array("population")
        if counted is not None:
            return float(np.nansum(counted))
        gaps = self.result.gaps
        return residents(gaps) if "population" in gaps.cells else None

    @cached_property
    def counted_share(self) -> float:
        """Share of the study area in which people were counted; 1 without a population."""
        measured = self.result.data.measured.get("population", {})
        stated = measured.get("valid_share", measured.get("reached_share"))
        counted = self.result.data.array("population")
        if stated is not None or counted is None:
            return 1.0 if stated is None else float(stated)
        return self._share(np.isfinite(counted))

    @property
    def counted_in_all(self) -> bool:
        """Whether people were counted in all of the city, but for rims of pixels; or as many as the official number."""
        whole = float(read_table("rasters")["whole"])
        stated = self.result.data.official.get("population")
        all_there = stated is not None and (self.people or 0.0) >= whole * float(stated)
        return self.counted_share >= whole or all_there

    def share_of_people(self, cells: NDArray[np.bool_]) -> float:
        """
        Give the share of the residents who live in some cells.

        Parameters
        ----------
        cells : shape (rows, cols).

        Returns
        -------
        0 to 1; NaN where nobody counted the people.
        """
        counted = self.result.data.array("population")
        if counted is None:
            gaps = self.result.gaps.cells
            counted = gaps["population"].to_numpy() if "population" in gaps else None
        total = 0.0 if counted is None else float(np.nansum(counted[self.result.data.inside]))
        if counted is None or not total > 0:
            return float("nan")
        return float(np.nansum(counted[cells & self.result.data.inside])) / total

    def share_of_reading(self, level: str, reading: str) -> float:
        """
        Give the share of the residents who live under a reading, as sentences and bars tell it.

        Parameters
        ----------
        level : one of `kcity_geo.result.LEVELS`.
        reading : its id in ``tables/readings.toml``.

        Returns
        -------
        0 to 1; NaN where nobody counted the people. Who lives in a cell with less than one resident is
        counted under what its numbers say, so nobody is left over for ``nobody``.
        """
        rows: Any = self.result.gaps.city.loc
        row = dict(rows[level])
        counts = {key: float(row.get(f"people_{key}", np.nan)) for key in READINGS}
        total = float(np.nansum(list(counts.values())))
        return counts[reading] / total if total > 0 else float("nan")

    def share_of_land(self, cells: NDArray[np.bool_]) -> float:
        """
        Give the share of the study area that some cells take.

        Parameters
        ----------
        cells : shape (rows, cols).

        Returns
        -------
        0 to 1, by land inside the study area.
        """
        return self._share(cells)

    @cached_property
    def lived_in_box(self) -> tuple[float, float, float, float] | None:
        """Left, bottom, right, top of the cells where people live, metres in the CRS of the city; None: none."""
        data = self.result.data
        rows, columns = np.nonzero((self.lived_in == LIVED_IN) & data.inside)
        if not len(rows):
            return None
        x, y = data.cube["x"].to_numpy()[columns], data.cube["y"].to_numpy()[rows]
        half = cell_size(data.grid) / 2
        return (
            float(x.min() - half),
            float(y.min() - half),
            float(x.max() + half),
            float(y.max() + half),
        )

    @cached_property
    def least_known(self) -> tuple[str, float] | None:
        """Sector of which nobody can tell of most people, and how many they are; None: of nobody."""
        city = self.result.gaps.city
        told = city["people_cannot_tell"].astype(float).to_dict()
        known = {sector: told[sector] for sector in SECTORS if told.get(sector, 0.0) >= 1}
        sector = max(known, key=lambda s: known[s], default="")
        return (sector, known[sector]) if sector else None

    @cached_property
    def unread(self) -> tuple[str, float] | None:
        """Sector or theme of which nothing is said for most people, and how many they are; None: of nobody."""
        city = self.result.gaps.city
        told = city.reindex(columns=["people_cannot_tell", "people_not_assessed"]).astype(float)
        people = told.sum(axis=1).reindex([*SECTORS, *THEMES]).fillna(0.0)
        level = str(people.idxmax())
        return (level, float(people[level])) if people[level] >= 1 else None

    def read_by(self, indicator: str) -> frozenset[Read]:
        """
        Tell what an indicator read, without computing it.

        Parameters
        ----------
        indicator : its id.

        Returns
        -------
        Kind and name of each input, as `kcity_geo.analysis.kept` notes them; empty where that is not known.
        """
        row, model = indicator_rows()[indicator], model_of(self.result.data)
        function = load_function(row)
        if not model.keeps(function, *row.arguments):
            return frozenset()
        with kept_apart(), noted() as reads:
            model.once(function, *row.arguments)
        return frozenset(reads)

    def _share(self, cells: NDArray[np.bool_]) -> float:
        """Weigh cells by their land inside the study area: a sliver on its border is no whole cell."""
        inside = self.result.data.cube["inside_share"].to_numpy().astype(np.float64)
        total = float(inside.sum())
        return float(inside[cells].sum()) / total if total > 0 else 0.0


def residents(gaps: Gaps) -> float:
    """
    Count the people of a city.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    Residents of all cells; NaN where none are counted.
    """
    if "population" not in gaps.cells:
        return float("nan")
    return float(np.nansum(gaps.cells["population"].to_numpy()))


def merged_readings(
    columns: Mapping[str, NDArray[np.float64]], sector: str, *, limits: ReadingLimits
) -> NDArray[np.uint8]:
    """
    Read merged cells anew, so that number and word of a square agree.

    Parameters
    ----------
    columns : shape (squares,): ``{sector}_p_short``, ``_gap``, ``_evidence`` and ``population``.
    sector : one of `kcity_geo.result.SECTORS`, or ``"composite"``.
    limits : of the readings of the study.

    Returns
    -------
    Position in `kcity_geo.analysis.gaps.words.READINGS`.
    """
    three = [columns[f"{sector}_{key}"] for key in ("p_short", "gap", "evidence")]
    return reading_codes(*three, limits=limits, persons=columns.get("population"))


def worst_sector(gaps: Gaps) -> NDArray[np.int64]:
    """
    Tell the sector with the largest gap in each cell; of equal ones the first.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    Shape (cells,): position in `kcity_geo.result.SECTORS`; -1 where a sector is not assessed.
    """
    gap = np.stack([gaps.cells[f"{sector}_gap"].to_numpy().ravel() for sector in SECTORS])
    known = np.isfinite(gap).all(axis=0)
    return np.where(known, np.nan_to_num(gap).argmax(axis=0), -1)


def most_short(gaps: Gaps) -> pd.DataFrame:
    """
    List the districts in which people fall short, most people first.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    Rows of ``gaps.districts`` with ``sector``, the one in which most people of the district fall
    short, and ``people`` of them; those with one or more, of equal ones the first id. No row for a
    city of a single district.
    """
    frame = gaps.districts
    names = {f"{s}_people_short": s for s in SECTORS if f"{s}_people_short" in frame}
    if not names or len(frame) < 2:  # noqa: PLR2004 - one is the city
        nothing: pd.DataFrame = frame.iloc[:0].assign(sector="", people=0.0)
        return nothing
    short = frame[list(names)].to_numpy(dtype=float)
    worst = np.nan_to_num(short, nan=-1.0).argmax(axis=1)
    most = short[np.arange(len(frame)), worst]
    sectors = np.array(list(names.values()), dtype=object)[worst]
    found: pd.DataFrame = frame.assign(
        sector=sectors, people=most, _id=frame["district_id"].astype(str)
    )
    found = found[found["people"] >= 1].sort_values(["people", "_id"], ascending=[False, True])
    return pd.DataFrame(found.drop(columns="_id"))
