"""
Sides: what a cell that a district border cuts gives to the district on each side of it.

The gap of such a cell is one number, while an official rate by district is another on each side. Each side
differs from the cell as far as its own rate moves the gap of the sector there (the slope of the power mean). So
the sides of a cell together are the cell, and districts that do not overlap are together the city.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.analysis.settlement.districts import DistrictParts
from kcity_geo.standards import standard_gap

__all__ = ["Sides", "sides_of"]

_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class _Rate:
    """An indicator whose rate differs on the sides: weight and gap in the cell of each, and by how much it differs."""

    weight: NDArray[np.float64]
    gap: NDArray[np.float64]
    apart: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """
    The sides of cells whose rates differ, on some rows of the grid.

    Parameters
    ----------
    cell : flat position of the cell of each side, on these rows.
    unit : number of its district.
    people : who live there.
    rates : sector -> indicators whose rates differ.
    weights : sector -> weight of what is assessed in the cell of each side.
    silent : sector -> indicator of which nobody mapped anything, and its weight there.
    combined : weight of each sector in the composite.
    power : of the mean.
    """

    cell: NDArray[np.int64]
    unit: NDArray[np.int64]
    people: NDArray[np.float64]
    rates: Mapping[str, Sequence[_Rate]]
    weights: Mapping[str, NDArray[np.float64]]
    silent: Mapping[str, Sequence[tuple[str, NDArray[np.float64]]]]
    combined: Mapping[str, float]
    power: float

    def speak_of(self, level: str) -> bool:
        """Tell whether a level differs on any side."""
        return level in self.rates or (level == "composite" and bool(self.rates))

    def apart(
        self,
        level: str,
        gaps: Mapping[str, NDArray[np.floating]],
        silent_gap: Callable[[str], float] = lambda _: float("nan"),
    ) -> NDArray[np.float64]:
        """
        Give how much more the gap of each side is than that of its cell, times the people there.

        Parameters
        ----------
        level : a sector or ``composite``.
        gaps : level -> gap of each cell of these rows, in one draw or as mapped; of the composite those of the
            sectors too.
        silent_gap : gap of an indicator of which nobody mapped anything; NaN: it is left out.

        Returns
        -------
        A number a side; 0 where the gap of the cell is not known.
        """
        if level != "composite":
            return np.asarray(
                np.nan_to_num(self._apart(level, gaps[level], silent_gap)) * self.people
            )
        found, total = np.zeros(len(self.cell)), sum(self.combined.values())
        for sector in self.rates:
            if sector in self.combined:
                part = gaps[sector].ravel()[self.cell]
                slope = self._slope(self.combined[sector] / total, part, gaps[level])
                found = found + self._apart(sector, gaps[sector], silent_gap) * slope
        return np.asarray(np.nan_to_num(found) * self.people)

    def _apart(
        self, sector: str, gap: NDArray[np.floating], silent_gap: Callable[[str], float]
    ) -> NDArray[np.float64]:
        total = self.weights[sector] + sum(
            weight * np.isfinite(silent_gap(name)) for name, weight in self.silent[sector]
        )
        found = np.zeros(len(self.cell))
        for one in self.rates[sector]:
            found = found + one.apart * self._slope(
                one.weight / np.maximum(total, _SAME), one.gap, gap
            )
        return found

    def _slope(
        self,
        weight: NDArray[np.float64] | float,
        part: NDArray[np.floating],
        mean: NDArray[np.floating],
    ) -> NDArray[np.float64]:
        """By how much the mean grows when a part does, in the cell of each side."""
        of_cell = mean.ravel()[self.cell].astype(np.float64)
        ratio = np.divide(
            part, of_cell, out=np.zeros(len(of_cell)), where=(of_cell > 0) & (part > 0)
        )
        return np.asarray(np.where(np.isnan(of_cell), np.nan, weight * ratio ** (self.power - 1)))


def sides_of(
    scored: Sequence[AssessedGap],
    parts: DistrictParts,
    people: NDArray[np.float64],
    *,
    first: int,
    combined: Mapping[str, float],
    power: float,
) -> Sides | None:
    """
    Find the sides whose rates differ from their cell.

    Parameters
    ----------
    scored : all indicators on some rows of the grid.
    parts : pieces of cells by district.
    people : flat, of the whole grid.
    first : flat position of the first cell of these rows.
    combined : weight of each sector in the composite.
    power : of the mean.

    Returns
    -------
    None where no official rate differs on any side.
    """
    given = [one for one in scored if one.indicator.of_sides is not None]
    if not given:
        return None
    here = (parts.cell >= first) & (parts.cell < first + given[0].raw.size)
    cell = parts.cell[here] - first
    apart = {}
    for one in given:
        values = np.asarray(one.indicator.of_sides, dtype=np.float64)[here]
        more = standard_gap(values, one.standard) - one.raw.ravel()[cell]
        told = one.told.ravel()[cell] & (one.weight.ravel()[cell] > 0)
        more = np.where(told & np.isfinite(more), more, 0.0)
        if (np.abs(more) > _SAME).any():
            apart[one.indicator.id] = more
    if not apart:
        return None
    used = np.flatnonzero(np.any([np.abs(more) > _SAME for more in apart.values()], axis=0))
    cell = cell[used]
    rates: dict[str, list[_Rate]] = {}
    for one in given:
        if one.indicator.id in apart:
            rate = _Rate(
                one.weight.ravel()[cell], one.raw.ravel()[cell], apart[one.indicator.id][used]
            )
            rates.setdefault(one.standard.sector, []).append(rate)
    return Sides(
        cell=cell,
        unit=parts.owner[here][used],
        people=(parts.people_share[here] * people[parts.cell[here]])[used],
        rates=rates,
        weights={sector: _assessed(scored, sector, cell) for sector in rates},
        silent={
            sector: [
                (one.indicator.id, one.weight.ravel()[cell])
                for one in scored
                if one.standard.sector == sector and one.indicator.not_assessed
            ]
            for sector in rates
        },
        combined=combined,
        power=power,
    )


def _assessed(
    scored: Sequence[AssessedGap], sector: str, cell: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Weight of what of a sector is assessed in some cells."""
    found = np.zeros(len(cell))
    for one in scored:
        if one.standard.sector == sector:
            found = found + np.where(np.isfinite(one.raw), one.weight, 0.0).ravel()[cell]
    return found
