"""
Edited: the draws of a city with edits, of which only the cells are drawn that an edit has changed.

What a cell reads in a draw is its own, but for two things: facilities that the map lacks, which no edit moves,
and the street form of another place. So cells whose own inputs changed are drawn again, and in each draw those
that borrow from them. Sums over people are made of all cells in their order, as for a city without edits, so
that every number is the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.gaps.assessed import Assessed
from kcity_geo.analysis.gaps.bands import row_bands
from kcity_geo.analysis.gaps.completed import Completion, straight_m
from kcity_geo.analysis.gaps.drawing import ALL_ROWS, Band, Drawing, DrawnGaps
from kcity_geo.analysis.gaps.draws import DrawnBand, quantiles, short_probability
from kcity_geo.analysis.gaps.parts import AssessedGap, Parts
from kcity_geo.analysis.gaps.reused import Changed, Drawn, Reused
from kcity_geo.result import LEVELS, SECTORS, Indicator
from kcity_geo.standards import Standard

__all__ = ["EditedDrawing"]

_OF_DRAWS = ("lo", "mid", "hi", "short")
_FEW_CELLS = 3_000


class EditedDrawing(Drawing):
    """
    The draws of a city that may have edits; lives for one call.

    Parameters
    ----------
    cells : the rules on the cells of the city, which keeps pieces.
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
        super().__init__(cells, scored, seed=seed, count=count)
        self.reused = Reused(cells, seed=seed, count=self.count)
        self.straight = self.city.once(straight_m)
        self.assessed = [self.reused.assess(cells, *pair) for pair in scored]

    @cached_property
    def whole(self) -> Completion:
        """What all cells and draws share."""
        return Completion(
            self.city,
            self._forms(),
            self._light(),
            seed=self.seed,
            count=self.count,
            memory=self.reused.chance,
        )

    def _of(self, name: str) -> tuple[AssessedGap, ...]:
        return tuple(one for one in self.assessed if one.standard.sector == name)

    # Cells.

    @cached_property
    def levels(self) -> dict[str, Drawn]:
        """The draws of each level that is drawn."""
        found: dict[str, Drawn] = {}
        todo = []
        for name in self.drawn:
            if name == "composite":
                continue
            known = self.reused.nearest(name, self._of(name), self.straight)
            if known is None:
                todo.append(name)
            else:
                found[name] = self._after(name, *known)
        if todo:
            found |= self._from_nothing(todo)
        if "composite" in self.drawn:
            found["composite"] = self._composite_of(found)
        for name, one in found.items():
            self.reused.keep(name, one)
        return found

    def _from_nothing(self, names: Sequence[str]) -> dict[str, Drawn]:
        """Draw all cells of sectors, band by band."""
        shape = (self.count, *self.city.grid.shape)
        values = {name: np.empty(shape, dtype=np.float32) for name in names}
        for rows in row_bands(self.city.grid.shape):
            scored = [self.cells.assess(one, standard, rows) for one, standard in self.scored]
            found = {
                name: Band(values[name][:, rows], *self._as_mapped(name, scored, rows))
                for name in names
            }
            self._draw(found, scored, rows, *self._people(rows))
            for name, band in found.items():
                self._keep(name, band, rows)
        return {
            name: Drawn(
                scored=self._of(name),
                straight=self.straight,
                values=values[name],
                cells=self.kept[name],
                means={
                    one.indicator.id: self.of_indicator[one.indicator.id].means()
                    for one in self._of(name)
                },
            )
            for name in names
        }

    def _after(self, name: str, before: Drawn, changed: Changed) -> Drawn:
        """Draw the cells of a sector that an edit has changed."""
        if changed.same:
            return before
        scored = self._of(name)
        as_mapped = self._as_mapped(name, scored, ALL_ROWS)
        values, touched = before.values, np.zeros(changed.cells.size, dtype=bool)
        if changed.cells.any():
            values = before.values.copy()
            enough = self._enough(as_mapped[2], ALL_ROWS).ravel()
            touched = self._draw_again(values, scored, changed, enough)
        means = {key: one for key, one in before.means.items() if key not in changed.indicators}
        return Drawn(
            scored=scored,
            straight=self.straight,
            values=values,
            cells=self._cells_after(before.cells, values, touched, as_mapped),
            means=means,
        )

    def _draw_again(
        self,
        values: NDArray[np.float32],
        scored: Sequence[AssessedGap],
        changed: Changed,
        enough: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Fill the draws of the cells that have changed, and tell which they are in any draw."""
        own = np.flatnonzero(changed.cells)
        here = DrawnBand(self.whole, own), [one.at(own) for one in scored]
        touched, few = changed.cells.copy(), len(own) < _FEW_CELLS
        for draw in range(self.count):
            lots = [here]
            if changed.lenders.any():
                borrows = self._borrowers(changed.lenders, draw)
                touched |= borrows
                # Few cells are drawn together with those that borrow: an own lot costs more than they do.
                borrows = (borrows | changed.cells) if few else (borrows & ~changed.cells)
                if len(at := np.flatnonzero(borrows)):
                    lot = DrawnBand(self.whole, at), [one.at(at) for one in scored]
                    lots = [lot] if few else [here, lot]
            for place, todo in lots:
                at = place.of(np.arange(touched.size))
                gaps = place.draw(todo, draw)
                stack = np.stack([gaps[one.indicator.id] for one in todo])
                mean = self._mean(todo, stack, np.stack([one.weight for one in todo]))
                values[draw].reshape(-1)[at] = np.where(enough[at], mean, np.nan)
        return touched

    def _borrowers(self, lenders: NDArray[np.bool_], draw: int) -> NDArray[np.bool_]:
        """Tell which cells may borrow from one that has changed, in one draw."""
        lender, lends = self.whole.lenders_of(draw)
        if lender is None:
            return np.zeros(lenders.size, dtype=bool)
        patch = self.whole.numbers_of("patch_m").at.ravel()
        return np.asarray((lends & lenders[lender])[patch])

    def _cells_after(
        self,
        before: Mapping[str, NDArray[Any]],
        values: NDArray[np.float32],
        touched: NDArray[np.bool_],
        as_mapped: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    ) -> dict[str, NDArray[Any]]:
        """Sum up the draws of the cells that were drawn again; of all take what the map shows now."""
        inside, (raw, trust, share) = self.city.inside, as_mapped
        enough = self._enough(share, ALL_ROWS)
        found = {key: before[key] for key in _OF_DRAWS}
        at = np.flatnonzero(touched)
        if len(at):
            some = values.reshape(self.count, -1)[:, at]
            new = (*quantiles(some), short_probability(some, limit=self.cells.limits.short))
            for key, numbers in zip(_OF_DRAWS, new, strict=True):
                found[key] = before[key].copy()
                found[key].reshape(-1)[at] = numbers
        return {
            **found,
            "raw": np.where(enough, raw, np.nan),
            "evidence": np.where(enough, trust, np.nan),
            "assessed_weight": np.where(inside, share, np.nan),
        }

    def _composite_of(self, found: Mapping[str, Drawn]) -> Drawn:
        """Combine the sectors, where one of them has changed."""
        sectors = tuple(found[name] for name in SECTORS)
        known = self.reused.combined(sectors)
        as_mapped = self._composite_as_mapped([one.cells for one in sectors], ALL_ROWS)
        if known is None:
            values = self._composite_draws([one.values for one in sectors])
            self._keep("composite", Band(values, *as_mapped), ALL_ROWS)
            cells: Mapping[str, NDArray[Any]] = self.kept["composite"]
        else:
            before, touched = known
            if before.of == sectors:
                return before
            values = before.values
            if touched.any():
                at = np.flatnonzero(touched)
                some = [one.values.reshape(self.count, -1)[:, at] for one in sectors]
                enough = self._enough(as_mapped[2], ALL_ROWS).ravel()[at]
                values = values.copy()
                values.reshape(self.count, -1)[:, at] = np.where(
                    enough, self._composite_draws(some), np.float32(np.nan)
                )
            cells = self._cells_after(before.cells, values, touched, as_mapped)
        return Drawn(scored=(), straight={}, values=values, cells=cells, of=sectors)

    def readings(self) -> dict[str, NDArray[np.uint8]]:
        """Say what may be said of each cell, by level; without sums over people."""
        return {level: self._reading_of(level) for level in LEVELS}

    def _reading_of(self, level: str) -> NDArray[np.uint8]:
        if level not in self.levels:
            return self._reading(self.kept[level])
        drawn = self.levels[level]
        if "reading" not in drawn.told:
            drawn.told["reading"] = self._reading(drawn.cells)
        return drawn.told["reading"]

    # Sums.

    def run(self) -> DrawnGaps:
        """Give the gaps of all levels, and sum up over people what was not summed up yet."""
        self._sum_up_rest()
        parts = {}
        apart = self._raw_apart({name: one.cells for name, one in self.levels.items()})
        for level in LEVELS:
            drawn, nothing = self.levels.get(level), np.zeros((0, len(self.units.ids)))
            parts[level] = Parts(
                **(self.kept[level] if drawn is None else drawn.cells),
                reading=self._reading_of(level),
                unit_draws=nothing if drawn is None else drawn.told["level"],
                short_draws=nothing[:, 0] if drawn is None else drawn.told["short"][:, -1],
                raw_apart=apart.get(level),
            )
        means: dict[str, NDArray[np.float64]] = {}
        for drawn in self.levels.values():
            means |= drawn.means
        return DrawnGaps(parts, means)

    def _sum_up_rest(self) -> None:
        levels = {name: one for name, one in self.levels.items() if "level" not in one.told}
        single = {
            gap.indicator.id: drawn
            for drawn in self.levels.values()
            for gap in drawn.scored
            if gap.indicator.id not in drawn.means
        }
        if not levels and not single:
            return
        for rows in row_bands(self.city.grid.shape):
            people, factors = self._people(rows)
            draws = {name: one.values[:, rows] for name, one in self.levels.items()}
            for name, one in levels.items():
                self._sum_up(name, draws, one.cells, rows, people, factors)
            todo = [
                self.cells.assess(one, standard, rows)
                for one, standard in self.scored
                if one.id in single
            ]
            place = DrawnBand(self.whole, rows)
            for draw, factor in enumerate(factors if todo else ()):
                gaps = place.draw(todo, draw)
                for gap in todo:
                    self._add_up(gap, gaps[gap.indicator.id], draw, people, factor)
        for name, one in levels.items():
            one.told["level"], one.told["short"] = (
                means[name].means() for means in (self.of_level, self.of_short)
            )
        for key, one in single.items():
            one.means[key] = self.of_indicator[key].means()
