"""
Reused: what is kept of the gap model for models with edits, and which cells an edit has changed.

Everything random belongs to a place and a draw, so that the same inputs give the same draws to the last bit:
after an edit only the cells are drawn again whose inputs are others, and those that borrow from them. Kept of
each sector are the draws of the city as it was first drawn and those of the last edits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.evidence.trust import height_wrong
from kcity_geo.analysis.gaps.assessed import Assessed
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.result import Indicator
from kcity_geo.standards import Standard

__all__ = ["FACILITY", "Changed", "Drawn", "Reused"]

#: Kind of facility that the completion of an indicator places.
FACILITY = {"T9_health": "health", "T9_school": "school", "W1": "water_point"}
#: States of a sector or of an indicator that are kept beside the first.
_KEPT = 2
#: Where more of the cells have changed all are drawn.
_MOST_SHARE = 0.9
_ON_GRID = ("raw", "own_lo", "own_hi", "told", "prior", "weight")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """
    The draws of a sector.

    Parameters
    ----------
    scored : its indicators on the grid.
    straight : kind of facility -> metres to the nearest that the map shows, of each cell.
    values : shape (draws, rows, cols), gap of the sector; NaN where too little was assessed.
    cells : ``lo``, ``mid``, ``hi``, ``short``, ``raw``, ``evidence`` and ``assessed_weight`` of
        `kcity_geo.analysis.gaps.parts.Parts`.
    means : indicator -> shape (draws, units); those that nobody has asked for are missing.
    of : the draws of the sectors that they combine; empty for a sector.
    told : what follows from the draws, filled when it is asked for: ``reading`` of the cells, ``level`` and
        ``short``, shape (draws, units).
    """

    scored: tuple[AssessedGap, ...]
    straight: Mapping[str, NDArray[np.float64]]
    values: NDArray[np.float32]
    cells: Mapping[str, NDArray[Any]]
    means: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    of: tuple[Drawn, ...] = ()
    told: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Changed:
    """
    What of a sector is another than in draws that are kept.

    Parameters
    ----------
    cells : flat, whose own inputs of the draws are others.
    lenders : flat, whose street form is another, which others may borrow.
    indicators : whose means over units are others.
    same : whether nothing at all has changed, the evidence included.
    """

    cells: NDArray[np.bool_]
    lenders: NDArray[np.bool_]
    indicators: frozenset[str]
    same: bool


class _Memory:
    """What is kept under one set of assumptions."""

    def __init__(self) -> None:
        self.chance: dict[Hashable, Any] = {}
        self.assessed: dict[str, list[AssessedGap]] = {}
        self.drawn: dict[str, list[Drawn]] = {}


class Reused:
    """
    What is kept with a city by what it rests on; nothing for a city without edits.

    Parameters
    ----------
    cells : the rules on the cells of the city.
    seed, count : of the draws.
    """

    def __init__(self, cells: Assessed, *, seed: int, count: int) -> None:
        pieces = cells.city.pieces("draws of a sector")
        self._memory: _Memory | None = None
        if pieces is None:
            return
        key = _assumptions(cells, seed, count)
        if key not in pieces:
            pieces.clear()  # under other assumptions every number is another
            pieces[key] = _Memory()
        self._memory = pieces[key]

    @property
    def active(self) -> bool:
        """Whether anything is kept."""
        return self._memory is not None

    @property
    def chance(self) -> dict[Hashable, Any] | None:
        """What chance does to the city, for `kcity_geo.analysis.gaps.completed.Completion`."""
        return None if self._memory is None else self._memory.chance

    def assess(self, cells: Assessed, indicator: Indicator, standard: Standard) -> AssessedGap:
        """
        Put an indicator on the grid, or give it as it was put there before.

        Parameters
        ----------
        cells : the rules on the cells of the city.
        indicator, standard : what it is.

        Returns
        -------
        The very same object for the very same indicator.
        """
        if self._memory is None:
            return cells.assess(indicator, standard)
        known = self._memory.assessed.setdefault(indicator.id, [])
        for one in known:
            if one.indicator is indicator:
                return one
        found = cells.assess(indicator, standard)
        _add(known, found)
        return found

    def nearest(
        self,
        sector: str,
        scored: Sequence[AssessedGap],
        straight: Mapping[str, NDArray[np.float64]],
    ) -> tuple[Drawn, Changed] | None:
        """
        Give the draws from which the fewest cells differ.

        Parameters
        ----------
        sector : name.
        scored : all its indicators on the grid.
        straight : kind of facility -> metres to the nearest that the map shows, of each cell.

        Returns
        -------
        The draws, and what has changed since; None: draw them all.
        """
        if self._memory is None:
            return None
        best: tuple[Drawn, Changed] | None = None
        for drawn in reversed(self._memory.drawn.get(sector, [])):
            changed = _compared(drawn, scored, straight)
            if changed is None or changed.cells.mean() > _MOST_SHARE:
                continue
            if best is None or changed.cells.sum() < best[1].cells.sum():
                best = drawn, changed
        return best

    def combined(self, sectors: tuple[Drawn, ...]) -> tuple[Drawn, NDArray[np.bool_]] | None:
        """
        Give the draws of the composite from which the fewest cells differ.

        Parameters
        ----------
        sectors : that it combines.

        Returns
        -------
        The draws, and which cells differ, flat; None: combine them all.
        """
        best: tuple[Drawn, NDArray[np.bool_]] | None = None
        known = [] if self._memory is None else self._memory.drawn.get("composite", [])
        for drawn in reversed(known):
            changed = np.zeros(drawn.values[0].size, dtype=bool)
            for now, was in zip(sectors, drawn.of, strict=True):
                if now.values is not was.values:
                    differ = _differ(now.values, was.values).reshape(len(now.values), -1)
                    changed |= differ.any(axis=0)
            if best is None or changed.sum() < best[1].sum():
                best = drawn, changed
        return best

    def keep(self, sector: str, drawn: Drawn) -> None:
        """
        Keep the draws of a sector for the next edit.

        Parameters
        ----------
        sector : name.
        drawn : its draws.
        """
        if self._memory is not None:
            _add(self._memory.drawn.setdefault(sector, []), drawn)


def _add(known: list[Any], one: Any) -> None:  # noqa: ANN401 - draws or indicators
    """Add the last; the first and the last ones stay."""
    if known and known[0] is one:
        return
    known[:] = [*(other for other in known if other is not one), one]
    del known[1:-_KEPT]


def _assumptions(cells: Assessed, seed: int, count: int) -> bytes:
    """Checksum of everything that draws and evidence read and no edit of a layer changes."""
    city, mapped = cells.city, cells.mapped
    tables = ("evidence", "priors", "readings")
    scalars = {k: v for k, v in dict(city.official).items() if not hasattr(v, "shape")}
    known = city.once(counted)
    parts = (
        seed, count, repr(mapped.rule), *mapped.observed.values(), *mapped.noise.values(), mapped.mean,
        city.people.persons, city.inside, cells.classes, repr(dict(city.standards)), scalars,
        sorted(map(str, city.official)), sorted(map(str, city.cube)),
        *(repr(dict(city.rules(name))) for name in tables),
        *(repr(dict(city.settings(name))) for name in ("transport", "water", "energy")),
        height_wrong(city), {name: (one.mapped, one.official) for name, one in known.items()},
        *(array for one in known.values() for array in (one.area, one.lacking, one.shown)),
    )  # fmt: skip
    key = hashlib.blake2b(digest_size=16)
    for part in parts:
        key.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return key.digest()


def _compared(
    drawn: Drawn, scored: Sequence[AssessedGap], straight: Mapping[str, NDArray[np.float64]]
) -> Changed | None:
    """Compare what draws rest on with what they rested on; None where they are not to be compared."""
    if [one.indicator.id for one in scored] != [one.indicator.id for one in drawn.scored]:
        return None
    size = drawn.values[0].size
    cells, lenders = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    moved, borrowed, same = set(), set(), True
    for one, was in zip(scored, drawn.scored, strict=True):
        if one is not was:
            same = False
            if _words(one) != _words(was):
                return None
        own = _own_changes(one, was, straight, drawn.straight)
        if one.kind in {"street_length", "street_area", "intersections", "connectivity"}:
            borrowed.add(one.indicator.id)
            lenders |= own
        if own.any():
            moved.add(one.indicator.id)
        cells |= own
    if lenders.any():
        moved |= borrowed
    return Changed(cells, lenders, frozenset(moved), same and not cells.any())


def _own_changes(
    one: AssessedGap,
    was: AssessedGap,
    straight: Mapping[str, NDArray[np.float64]],
    straight_before: Mapping[str, NDArray[np.float64]],
) -> NDArray[np.bool_]:
    """Tell in which cells an indicator is drawn from something else than before, flat."""
    own = np.zeros(one.raw.size, dtype=bool)
    kind = "stop" if one.kind == "stops" else FACILITY.get(one.indicator.id, "")
    if kind:
        own |= _differ(straight[kind], straight_before[kind])
    if one is not was:
        for now, before in _arrays(one, was):
            own |= _differ(now, before)
    if one.kind == "light" and own.any():
        # A place without a street may have the light of any other.
        own |= ~np.isfinite(one.raw.ravel())
    return own


def _words(one: AssessedGap) -> tuple[Any, ...]:
    """Give what the draws of an indicator read of it as a whole."""
    about = one.indicator
    given = (about.cells, about.value_error, about.applies, about.evidence_cells)
    arrays = tuple(0 if value is None else np.ndim(value) for value in given)
    return (
        one.kind, one.standard, "GTFS" in about.source, about.evidence, bool(about.not_assessed), arrays,
    )  # fmt: skip


def _arrays(one: AssessedGap, was: AssessedGap) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Give what the draws of an indicator read of each cell, now and before."""
    for name in _ON_GRID:
        now, before = getattr(one, name), getattr(was, name)
        if now is not before:
            yield now, before
    if one.kind == "light" and one.indicator.gap_bounds and was.indicator.gap_bounds:
        yield one.indicator.gap_bounds[0], was.indicator.gap_bounds[0]  # where a street is mapped
    names = ["applies", "evidence_cells"]
    if one.kind in {"street_length", "street_area", "intersections"}:
        names += ["cells", "value_error"]
    for name in names:
        now, before = getattr(one.indicator, name), getattr(was.indicator, name)
        if now is not before and np.ndim(now):
            yield np.asarray(now), np.asarray(before)


def _differ(now: NDArray[Any], before: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which values differ, flat; what was not known and is not is the same."""
    if now is before:
        return np.zeros(now.size, dtype=bool)
    if now.dtype.kind == "f" and now.dtype == before.dtype and now.shape == before.shape:
        return _bits_differ(np.ascontiguousarray(now), np.ascontiguousarray(before))
    found = now != before
    if now.dtype.kind == "f":
        found &= ~(np.isnan(now) & np.isnan(before))
    return np.asarray(found.ravel())


def _bits_differ(now: NDArray[Any], before: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which numbers differ: first by their bits, as nearly all are the same, then those by value."""
    bits = np.dtype(f"u{now.dtype.itemsize}")
    found = now.ravel().view(bits) != before.ravel().view(bits)
    rows = np.flatnonzero(found)
    if len(rows):
        one, other = now.ravel()[rows], before.ravel()[rows]
        found[rows] = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return np.asarray(found)
