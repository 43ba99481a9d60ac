"""
Sectors: the gaps of sectors, themes and the composite, drawn band by band.

The draws of all cells at once would take 1.6 kB a cell. A band of rows is drawn, summed up by
cell, district and city, and let go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.gaps.assessed import Assessed, raw_gap
from kcity_geo.analysis.gaps.bands import row_bands
from kcity_geo.analysis.gaps.completed import Completion, StreetForm
from kcity_geo.analysis.gaps.draws import (
    DrawnBand,
    draw_count,
    quantiles,
    short_probability,
    street_form,
)
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.reused import Drawn, Reused
from kcity_geo.analysis.gaps.rules import power_mean
from kcity_geo.analysis.gaps.units import Units
from kcity_geo.analysis.gaps.words import READINGS, reading_codes
from kcity_geo.result import LEVELS, SECTORS, THEMES, Indicator
from kcity_geo.standards import Standard

__all__ = ["DrawnGaps", "draw_gaps"]

_OF_DRAWS = ("lo", "mid", "hi", "short")
_OPEN = tuple(READINGS.index(name) for name in ("not_assessed", "cannot_tell"))


@dataclass(frozen=True, eq=False)
class DrawnGaps:
    """
    What follows from the draws of a city.

    Parameters
    ----------
    parts : sectors, themes and ``composite`` -> gaps.
    units : indicator id -> shape (draws, units), mean over the people whom it speaks of, in the
        order of `kcity_geo.analysis.gaps.units.Units.ids`.
    """

    parts: Mapping[str, Parts]
    units: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class _Band:
    """One level on some rows: its draws, the gap as mapped, the evidence and the share of weight assessed."""

    draws: NDArray[np.float32]
    raw: NDArray[np.float64]
    trust: NDArray[np.float64]
    share: NDArray[np.float64]


def draw_gaps(
    cells: Assessed,
    scored: Sequence[tuple[Indicator, Standard]],
    *,
    seed: int = 7,
    count: int | None = None,
) -> DrawnGaps:
    """
    Draw the gaps of a city as they would be if the map showed all that is there.

    Parameters
    ----------
    cells : the rules on the cells of the city.
    scored : indicators with their standards.
    seed : of the draws.
    count : number of draws; as in ``tables/evidence.toml`` when None.

    Returns
    -------
    Gaps by level, and the draws of each indicator and level by district and city.
    """
    return _Drawing(cells, scored, seed=seed, count=count).run()


class _Drawing:
    """The draws of one city; lives for one call."""

    def __init__(
        self,
        cells: Assessed,
        scored: Sequence[tuple[Indicator, Standard]],
        *,
        seed: int,
        count: int | None,
    ) -> None:
        city = self.city = cells.city
        self.cells, self.scored = cells, scored
        self.count = draw_count(city) if count is None else count
        self.seed = seed
        self.units = Units(city, seed=seed)
        self.power = float(cells.rules["aggregate"]["power"])
        self.drawn = [name for name in (*SECTORS, *THEMES) if self._used(name)]
        if all(name in self.drawn for name in SECTORS):
            self.drawn.append("composite")
        self.of_indicator = {one.id: self.units.running(self.count) for one, _ in scored}
        self.of_level, self.of_short = (
            {name: self.units.running(self.count) for name in self.drawn} for _ in range(2)
        )
        self.kept = {level: self._nothing(level) for level in LEVELS}
        self.reused = Reused(city, seed=seed, count=self.count)
        self.known = {name: one for name in self.drawn if (one := self._reused(name)) is not None}
        self.values: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.drawn}

    @cached_property
    def whole(self) -> Completion:
        """What all bands and draws share."""
        forms = {
            indicator.id: form
            for indicator, standard in self.scored
            if (form := self._form(indicator, standard)) is not None
        }
        return Completion(self.city, forms, seed=self.seed, count=self.count)

    def _reused(self, name: str) -> Drawn | None:
        """Give the draws of a sector that are kept from before an edit."""
        if name == "composite" or not self.reused.active:
            return None
        used = [pair for pair in self.scored if pair[1].sector == name]
        return self.reused.get(name, [self.cells.assess(*pair) for pair in used])

    def _nothing(self, level: str) -> dict[str, NDArray[Any]]:
        """Give the arrays of a level before anything is known of it."""
        shape = self.city.grid.shape
        found: dict[str, NDArray[Any]] = {
            **{key: np.full(shape, np.nan, dtype=np.float32) for key in ("lo", "mid", "hi")},
            **{key: np.full(shape, np.nan) for key in ("raw", "short", "evidence")},
            "assessed_weight": np.full(shape, np.nan),
        }
        if level not in self.drawn:
            found["assessed_weight"] = np.where(self.city.inside, 0.0, np.nan)
        return found

    def _form(self, indicator: Indicator, standard: Standard) -> StreetForm | None:
        kind = self.cells.kind(indicator)
        raw = raw_gap(indicator, standard, self.city.inside)
        return street_form(self.city, indicator, standard, kind, raw)

    def _used(self, sector: str) -> bool:
        return any(standard.sector == sector for _, standard in self.scored)

    def run(self) -> DrawnGaps:
        """Draw all bands."""
        for number, rows in enumerate(row_bands(self.city.grid.shape)):
            self._band(number, rows)
        parts = {level: self._parts(level) for level in LEVELS}
        of_indicator = {key: one.means() for key, one in self.of_indicator.items()}
        for one in self.known.values():
            of_indicator.update(one.means)
        if self.reused.active:
            self._keep_for_edits(parts, of_indicator)
        return DrawnGaps(parts, of_indicator)

    def _keep_for_edits(
        self, parts: Mapping[str, Parts], of_indicator: Mapping[str, NDArray[np.float64]]
    ) -> None:
        for name in self.drawn:
            if name == "composite" or name in self.known:
                continue
            means = {
                one.id: of_indicator[one.id]
                for one, standard in self.scored
                if standard.sector == name
            }
            self.reused.keep(
                name,
                Drawn(
                    values=tuple(self.values[name]),
                    means=means,
                    level=parts[name].unit_draws,
                    cells={key: self.kept[name][key] for key in _OF_DRAWS},
                ),
            )

    def _parts(self, level: str) -> Parts:
        kept, drawn = self.kept[level], level in self.drawn
        values = [kept[key] for key in ("short", "mid", "evidence")]
        # NaN where no number of residents reaches: unknown is not nobody.
        persons = self.city.array("population") if self.city.people.known else None
        reading = reading_codes(*values, limits=self.cells.limits, persons=persons)
        means = np.zeros((0, len(self.units.ids)))
        if drawn:
            known = self.known.get(level)
            means = self.of_level[level].means() if known is None else known.level
        return Parts(
            **kept,
            reading=np.where(self.city.inside, reading, 0).astype(np.uint8),
            unit_draws=means,
            short_draws=self.of_short[level].means()[:, -1] if drawn else np.zeros(0),
        )

    def _band(self, number: int, rows: slice) -> None:
        across = self.city.grid.shape[1]
        flat = slice(rows.start * across, rows.stop * across)
        people = self.units.of_cells(flat)
        factors = [self.units.factor(draw, flat) for draw in range(self.count)]
        scored = [self.cells.assess(one, standard, rows) for one, standard in self.scored]
        found = {
            name: self._sector(name, scored, rows) for name in self.drawn if name != "composite"
        }
        for name, one in self.known.items():
            found[name] = replace(found[name], draws=one.values[number])
        self._draw(found, scored, rows, people, factors)
        for name, band in found.items():
            self._keep(name, band, rows)
        if "composite" in self.drawn:
            found["composite"] = self._composite(found, rows)
            self._keep("composite", found["composite"], rows)
        for name, band in found.items():
            self._sum_up(name, band, rows, people, factors)
            if self.reused.active and name not in self.known:
                self.values[name].append(band.draws)

    def _draw(
        self,
        found: Mapping[str, _Band],
        scored: Sequence[AssessedGap],
        rows: slice,
        people: sparse.csr_array,
        factors: Sequence[NDArray[np.float64]],
    ) -> None:
        """Fill the draws of the sectors that are not known."""
        todo = [s for s in scored if s.standard.sector not in self.known]
        if not todo:
            return
        place = DrawnBand(self.whole, rows)
        for draw, factor in enumerate(factors):
            gaps = place.draw(todo, draw)
            for one in todo:
                told = (one.weight > 0) & (not one.indicator.not_assessed)
                self.of_indicator[one.indicator.id].add(
                    draw,
                    np.where(told, gaps[one.indicator.id], np.nan),
                    people=people,
                    factor=factor,
                )
            for name in dict.fromkeys(s.standard.sector for s in todo):
                used = [s for s in todo if s.standard.sector == name]
                stack = np.stack([gaps[s.indicator.id] for s in used])
                weight = np.stack([s.weight for s in used])
                found[name].draws[draw] = self._mean(used, stack, weight)

    def _mean(
        self,
        used: Sequence[AssessedGap],
        stack: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Give the gap of a sector in one draw; what nobody mapped widens it, but carries no sector."""
        mean = power_mean(stack, weight, power=self.power)[0]
        silent = np.array([bool(one.indicator.not_assessed) for one in used])
        if np.isfinite(stack[silent]).any():
            told = np.where(silent[:, None, None], np.nan, stack)
            mean = np.where(np.isnan(power_mean(told, weight, power=self.power)[0]), np.nan, mean)
        return mean

    def _sector(self, name: str, scored: Sequence[AssessedGap], rows: slice) -> _Band:
        """Combine the indicators of one sector as mapped."""
        standards = [s for s in self.city.standards.values() if s.sector == name]
        urban = self.cells.urban[rows]
        full = np.where(
            urban,
            sum(s.urban_weight for s in standards),
            sum(s.rural_weight for s in standards),
        ).astype(np.float64)
        used = [s for s in scored if s.standard.sector == name]
        weight, raw = np.stack([s.weight for s in used]), np.stack([s.raw for s in used])
        assessed = np.where(np.isfinite(raw), weight, 0.0).sum(axis=0)
        trust = (weight * np.stack([s.evidence for s in used])).sum(axis=0)
        return _Band(
            np.empty((self.count, *full.shape), dtype=np.float32),
            power_mean(raw, weight, power=self.power)[0],
            # Not assessed counts as no evidence: dropping an indicator cannot raise it.
            np.divide(trust, full, out=np.zeros(full.shape), where=full > 0),
            np.divide(assessed, full, out=np.zeros(full.shape), where=full > 0),
        )

    def _composite(self, found: Mapping[str, _Band], rows: slice) -> _Band:
        """Combine the sectors: missing where one of them is."""
        rule = self.cells.rules["aggregate"]
        weights = np.array([float(rule[s]) for s in SECTORS])
        draws = np.empty_like(found[SECTORS[0]].draws)
        for number in range(self.count):
            stack = np.stack([found[s].draws[number] for s in SECTORS])
            mean, share = power_mean(stack, weights, power=self.power)
            draws[number] = np.where(share >= 1 - 1e-9, mean, np.nan)
        raw, share = power_mean(
            np.stack([self.kept[s]["raw"][rows] for s in SECTORS]), weights, power=self.power
        )
        trust = np.min([np.nan_to_num(self.kept[s]["evidence"][rows]) for s in SECTORS], axis=0)
        return _Band(draws, np.where(share >= 1 - 1e-9, raw, np.nan), trust, share)

    def _keep(self, name: str, band: _Band, rows: slice) -> None:
        """Sum up the draws of each cell; cells of which too little was assessed lose theirs."""
        inside = self.city.inside[rows]
        least = self.cells.rules["aggregate"]["assessed_weight_min"] - 1e-9
        enough = (band.share >= least) & inside
        kept, known = self.kept[name], self.known.get(name)
        if known is None:
            np.copyto(band.draws, np.float32(np.nan), where=~enough)
            kept["lo"][rows], kept["mid"][rows], kept["hi"][rows] = quantiles(band.draws)
            kept["short"][rows] = short_probability(band.draws, limit=self.cells.limits.short)
        else:
            for key in _OF_DRAWS:
                kept[key][rows] = known.cells[key][rows]
        kept["raw"][rows] = np.where(enough, band.raw, np.nan)
        kept["evidence"][rows] = np.where(enough, band.trust, np.nan)
        kept["assessed_weight"][rows] = np.where(inside, band.share, np.nan)

    def _sum_up(
        self,
        name: str,
        band: _Band,
        rows: slice,
        people: sparse.csr_array,
        factors: Sequence[NDArray[np.float64]],
    ) -> None:
        """Sum up each draw by district and city, and who falls short where something can be told."""
        kept, limits = self.kept[name], self.cells.limits
        values = [kept[key][rows] for key in ("short", "mid", "evidence")]
        told = ~np.isin(reading_codes(*values, limits=limits), _OPEN)
        for draw, factor in enumerate(factors):
            gaps = band.draws[draw]
            if name not in self.known:
                self.of_level[name].add(draw, gaps, people=people, factor=factor)
            short = (told & (gaps >= limits.short)).astype(np.float64)
            self.of_short[name].add(draw, short, people=people, factor=factor)
