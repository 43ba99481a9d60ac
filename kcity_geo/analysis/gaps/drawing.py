"""
Drawing: the gaps of sectors, themes and the composite of one city, drawn band by band.

The draws of all cells at once would take 1.6 kB a cell. A band of rows is drawn, summed up by
cell, district and city, and let go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.gaps.assessed import Assessed, raw_gap
from kcity_geo.analysis.gaps.bands import row_bands
from kcity_geo.analysis.gaps.completed import Completion
from kcity_geo.analysis.gaps.draws import (
    DrawnBand,
    draw_count,
    quantiles,
    short_probability,
    street_form,
)
from kcity_geo.analysis.gaps.light import StreetLight, street_light
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.rules import power_mean
from kcity_geo.analysis.gaps.sides import Sides, sides_of
from kcity_geo.analysis.gaps.street_form import StreetForm
from kcity_geo.analysis.gaps.units import RunningMeans, Units
from kcity_geo.analysis.gaps.words import READINGS, reading_codes
from kcity_geo.result import LEVELS, SECTORS, THEMES, Indicator
from kcity_geo.standards import Standard

__all__ = ["ALL_ROWS", "Band", "Drawing", "DrawnGaps"]

ALL_ROWS = slice(None)
_SQUARES = 2.0
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
class Band:
    """One level on some rows: its draws, the gap as mapped, the evidence and the share of weight assessed."""

    draws: NDArray[np.float32]
    raw: NDArray[np.float64]
    trust: NDArray[np.float64]
    share: NDArray[np.float64]


class Drawing:
    """
    The draws of one city; lives for one call.

    Parameters
    ----------
    cells : the rules on the cells of the city.
    scored : indicators with their standards.
    seed : of the draws.
    count : number of draws; as in ``tables/evidence.toml`` when None.
    """

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
        self.power = float(cells.rules["aggregate"]["power"])
        self.drawn = [name for name in (*SECTORS, *THEMES) if self._used(name)]
        if all(name in self.drawn for name in SECTORS):
            self.drawn.append("composite")
        self.kept = {level: self._nothing(level) for level in LEVELS}
        self._last_sides: tuple[slice, Sides | None] | None = None

    @cached_property
    def units(self) -> Units:
        """Districts and the city."""
        return Units(self.city, seed=self.seed)

    @cached_property
    def of_indicator(self) -> dict[str, RunningMeans]:
        """Indicator -> means over the people of each unit."""
        return {one.id: self.units.running(self.count) for one, _ in self.scored}

    @cached_property
    def of_level(self) -> dict[str, RunningMeans]:
        """Level -> means over the people of each unit."""
        return {name: self.units.running(self.count) for name in self.drawn}

    @cached_property
    def of_short(self) -> dict[str, RunningMeans]:
        """Level -> share of the people of each unit who fall short where something can be told."""
        return {name: self.units.running(self.count) for name in self.drawn}

    @cached_property
    def whole(self) -> Completion:
        """What all bands and draws share."""
        return Completion(self.city, self._forms(), self._light(), seed=self.seed, count=self.count)

    def _light(self) -> StreetLight | None:
        """Give what is known of the light of streets."""
        return next(
            (
                street_light(self.city, self.cells.assess(one, standard))
                for one, standard in self.scored
                if self.cells.kind(one) == "light"
            ),
            None,
        )

    def _forms(self) -> dict[str, StreetForm]:
        """Give what places may lend each other."""
        return {
            indicator.id: form
            for indicator, standard in self.scored
            if (form := self._form(indicator, standard)) is not None
        }

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

    def readings(self) -> dict[str, NDArray[np.uint8]]:
        """Say what may be said of each cell, by level."""
        return {level: part.reading for level, part in self.run().parts.items()}

    def run(self) -> DrawnGaps:
        """Draw all bands."""
        for rows in row_bands(self.city.grid.shape):
            self._band(rows)
        parts = {}
        apart = self._raw_apart(self.kept)
        for level in LEVELS:
            sums = (np.zeros((0, len(self.units.ids))), np.zeros(0))
            if level in self.drawn:
                sums = self.of_level[level].means(), self.of_short[level].means()[:, -1]
            reading = self._reading(self.kept[level])
            parts[level] = Parts(
                **self.kept[level],
                reading=reading,
                unit_draws=sums[0],
                short_draws=sums[1],
                raw_apart=apart.get(level),
            )
        return DrawnGaps(parts, {key: one.means() for key, one in self.of_indicator.items()})

    def _reading(self, kept: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
        """Say what may be said of each cell of a level."""
        # NaN where no number of residents reaches: unknown is not nobody.
        persons = self.city.array("population") if self.city.people.known else None
        values = [kept[key] for key in ("short", "mid", "evidence")]
        reading = reading_codes(*values, limits=self.cells.limits, persons=persons)
        return np.where(self.city.inside, reading, 0).astype(np.uint8)

    def _people(self, rows: slice) -> tuple[sparse.csr_array, list[NDArray[np.float64]]]:
        """Give the people of some rows by unit, and the factor on them in each draw."""
        across = self.city.grid.shape[1]
        flat = slice(rows.start * across, rows.stop * across)
        return self.units.of_cells(flat), [
            self.units.factor(draw, flat) for draw in range(self.count)
        ]

    def _band(self, rows: slice) -> None:
        people, factors = self._people(rows)
        scored = [self.cells.assess(one, standard, rows) for one, standard in self.scored]
        found = {
            name: self._sector(name, scored, rows) for name in self.drawn if name != "composite"
        }
        self._draw(found, scored, rows, people, factors)
        for name, band in found.items():
            self._keep(name, band, rows)
        if "composite" in self.drawn:
            found["composite"] = self._composite(found, rows)
            self._keep("composite", found["composite"], rows)
        draws = {name: band.draws for name, band in found.items()}
        for name in found:
            self._sum_up(name, draws, self.kept[name], rows, people, factors)

    def _draw(
        self,
        found: Mapping[str, Band],
        scored: Sequence[AssessedGap],
        rows: slice,
        people: sparse.csr_array,
        factors: Sequence[NDArray[np.float64]],
    ) -> None:
        """Fill the draws of sectors."""
        todo = [s for s in scored if s.standard.sector in found]
        place = DrawnBand(self.whole, rows)
        for draw, factor in enumerate(factors):
            gaps = place.draw(todo, draw)
            for one in todo:
                self._add_up(one, gaps[one.indicator.id], draw, people, factor)
            for name in dict.fromkeys(s.standard.sector for s in todo):
                used = [s for s in todo if s.standard.sector == name]
                stack = np.stack([gaps[s.indicator.id] for s in used])
                weight = np.stack([s.weight for s in used])
                found[name].draws[draw] = self._mean(used, stack, weight)

    def _add_up(
        self,
        one: AssessedGap,
        gap: NDArray[np.float64],
        draw: int,
        people: sparse.csr_array,
        factor: NDArray[np.float64],
    ) -> None:
        """Add an indicator in one draw to its means, of those whom it speaks of."""
        told = (one.weight > 0) & (not one.indicator.not_assessed)
        self.of_indicator[one.indicator.id].add(
            draw, np.where(told, gap, np.nan), people=people, factor=factor
        )

    def _mean(
        self,
        used: Sequence[AssessedGap],
        stack: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Give the gap of a sector in one draw; what nobody mapped widens it, but carries no sector."""
        if self.power == _SQUARES:
            return self._square_mean(used, stack, weight)
        mean = power_mean(stack, weight, power=self.power)[0]
        silent = np.array([bool(one.indicator.not_assessed) for one in used])
        if np.isfinite(stack[silent]).any():
            told = np.where(silent.reshape(-1, *(1,) * (stack.ndim - 1)), np.nan, stack)
            mean = np.where(np.isnan(power_mean(told, weight, power=self.power)[0]), np.nan, mean)
        return mean

    @staticmethod
    def _square_mean(
        used: Sequence[AssessedGap], stack: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        from kcity_geo.analysis.gaps.kernels import square_means

        silent = np.array([bool(one.indicator.not_assessed) for one in used])
        mean = np.empty(stack[0].shape)
        gaps, weights = stack.reshape(len(used), -1), weight.reshape(len(used), -1)
        square_means(gaps, weights, silent, False, mean.reshape(-1))  # noqa: FBT003 - a kernel
        return mean

    def _sector(self, name: str, scored: Sequence[AssessedGap], rows: slice) -> Band:
        """Combine the indicators of one sector as mapped; its draws are to be filled."""
        as_mapped = self._as_mapped(name, scored, rows)
        return Band(np.empty((self.count, *as_mapped[0].shape), dtype=np.float32), *as_mapped)

    def _as_mapped(
        self, name: str, scored: Sequence[AssessedGap], rows: slice
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give the gap of a sector as mapped, its evidence and the share of weight assessed."""
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
        return (
            power_mean(raw, weight, power=self.power)[0],
            # Not assessed counts as no evidence: dropping an indicator cannot raise it.
            np.divide(trust, full, out=np.zeros(full.shape), where=full > 0),
            np.divide(assessed, full, out=np.zeros(full.shape), where=full > 0),
        )

    def _composite(self, found: Mapping[str, Band], rows: slice) -> Band:
        """Combine the sectors: missing where one of them is."""
        draws = self._composite_draws([found[s].draws for s in SECTORS])
        return Band(draws, *self._composite_as_mapped([self.kept[s] for s in SECTORS], rows))

    def _composite_draws(self, sectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Combine the draws of the sectors."""
        rule = self.cells.rules["aggregate"]
        weights = np.array([float(rule[s]) for s in SECTORS])
        draws = np.empty_like(sectors[0])
        if self.power == _SQUARES:
            return self._composite_squares(sectors, weights)
        for number in range(self.count):
            stack = np.stack([draws_of[number] for draws_of in sectors])
            mean, share = power_mean(stack, weights, power=self.power)
            draws[number] = np.where(share >= 1 - 1e-9, mean, np.nan)
        return draws

    def _composite_squares(
        self, sectors: Sequence[NDArray[np.float32]], weights: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        from kcity_geo.analysis.gaps.kernels import square_means

        draws = np.empty_like(sectors[0])
        mean = np.empty(sectors[0][0].size)
        weight = np.repeat(weights[:, None], mean.size, axis=1)
        silent = np.zeros(len(weights), dtype=bool)
        for number in range(self.count):
            stack = np.stack([one[number].ravel() for one in sectors]).astype(np.float64)
            square_means(stack, weight, silent, True, mean)  # noqa: FBT003 - a kernel
            draws[number] = mean.reshape(draws[number].shape)
        return draws

    def _composite_as_mapped(
        self, sectors: Sequence[Mapping[str, NDArray[Any]]], rows: slice
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give the gap of all sectors as mapped, the evidence and the share of weight assessed."""
        rule = self.cells.rules["aggregate"]
        weights = np.array([float(rule[s]) for s in SECTORS])
        raw, share = power_mean(
            np.stack([one["raw"][rows] for one in sectors]), weights, power=self.power
        )
        trust = np.min([np.nan_to_num(one["evidence"][rows]) for one in sectors], axis=0)
        return np.where(share >= 1 - 1e-9, raw, np.nan), trust, share

    def _enough(self, share: NDArray[np.float64], rows: slice) -> NDArray[np.bool_]:
        """Tell where enough of the weight was assessed, and whether anybody lives there is known."""
        least = self.cells.rules["aggregate"]["assessed_weight_min"] - 1e-9
        enough = np.asarray((share >= least) & self.city.inside[rows])
        # Where nobody knows it the place would pass as rural, with the easier standards of that.
        persons = self.city.array("population") if self.city.people.known else None
        return enough if persons is None else enough & np.isfinite(persons[rows])

    def _keep(self, name: str, band: Band, rows: slice) -> None:
        """Sum up the draws of each cell; cells of which too little was assessed lose theirs."""
        kept, enough = self.kept[name], self._enough(band.share, rows)
        np.copyto(band.draws, np.float32(np.nan), where=~enough)
        kept["lo"][rows], kept["mid"][rows], kept["hi"][rows] = quantiles(band.draws)
        kept["short"][rows] = short_probability(band.draws, limit=self.cells.limits.short)
        kept["raw"][rows] = np.where(enough, band.raw, np.nan)
        kept["evidence"][rows] = np.where(enough, band.trust, np.nan)
        kept["assessed_weight"][rows] = np.where(self.city.inside[rows], band.share, np.nan)

    def _sides(self, rows: slice) -> Sides | None:
        """Give the sides of cells on some rows whose official rates differ from their cell."""
        sectors = {row.sector for one, row in self.scored if one.of_sides is not None}
        if not sectors:
            return None
        if self._last_sides is None or self._last_sides[0] != rows:
            rule = self.cells.rules["aggregate"]
            found = sides_of(
                [
                    self.cells.assess(o, row, rows)
                    for o, row in self.scored
                    if row.sector in sectors
                ],
                self.city.districts,
                np.where(self.city.inside, self.units.weight, 0.0).ravel(),
                first=(rows.start or 0) * self.city.grid.shape[1],
                combined={name: float(rule[name]) for name in SECTORS},
                power=self.power,
            )
            self._last_sides = rows, found
        return self._last_sides[1]

    def _raw_apart(
        self, kept: Mapping[str, Mapping[str, NDArray[Any]]]
    ) -> dict[str, NDArray[np.float64]]:
        """Give what the sides of each district differ from their cells as mapped, times the people there."""
        sides = self._sides(ALL_ROWS)
        if sides is None:
            return {}
        raw = {level: values["raw"] for level, values in kept.items()}
        return {
            level: np.bincount(
                sides.unit, weights=sides.apart(level, raw), minlength=len(self.units.ids)
            ).astype(np.float64, copy=False)
            for level in self.drawn
            if sides.speak_of(level)
        }

    def _sum_up(
        self,
        name: str,
        draws: Mapping[str, NDArray[np.float32]],
        kept: Mapping[str, NDArray[Any]],
        rows: slice,
        people: sparse.csr_array,
        factors: Sequence[NDArray[np.float64]],
    ) -> None:
        """Sum up each draw by district and city, and who falls short where something can be told."""
        limits = self.cells.limits
        values = [kept[key][rows] for key in ("short", "mid", "evidence")]
        told = ~np.isin(reading_codes(*values, limits=limits), _OPEN)
        sides = self._sides(rows)
        for draw, factor in enumerate(factors):
            gaps = draws[name][draw]
            self.of_level[name].add(draw, gaps, people=people, factor=factor)
            if sides is not None and sides.speak_of(name):
                amount = sides.apart(
                    name,
                    {level: values[draw] for level, values in draws.items()},
                    partial(self.whole.silent_gap, draw=draw),
                )
                self.of_level[name].add_sides(draw, sides.unit, amount * factor[sides.cell])
            short = (told & (gaps >= limits.short)).astype(np.float64)
            self.of_short[name].add(draw, short, people=people, factor=factor)
