"""
Reused: draws of a sector that are those of the city before an edit, since nothing they rest on changed.

Everything random belongs to a place and a draw, so that the same inputs give the same draws to the last bit.
Kept are the last two of each sector, for models with edits only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.trust import height_wrong
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.analysis.gaps.mapped_share import mapped_share
from kcity_geo.analysis.gaps.parts import AssessedGap

__all__ = ["FACILITY", "Drawn", "Reused"]

#: Kind of facility that the completion of an indicator places.
FACILITY = {"T9_health": "health", "T9_school": "school", "W1": "water_point"}
_KEPT = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """
    The draws of a sector.

    Parameters
    ----------
    values : for each band, shape (draws, rows, cols), gap of the sector; NaN where too little was assessed.
    means : indicator -> shape (draws, units).
    level : shape (draws, units), of the sector.
    cells : ``lo``, ``mid``, ``hi`` and ``short`` of `kcity_geo.analysis.gaps.parts.Parts`.
    """

    values: tuple[NDArray[np.float32], ...]
    means: Mapping[str, NDArray[np.float64]]
    level: NDArray[np.float64]
    cells: Mapping[str, NDArray[Any]]


class Reused:
    """
    The draws that are kept with a city, by what they rest on; none for a city without edits.

    Parameters
    ----------
    city : its model.
    seed, count : of the draws.
    """

    def __init__(self, city: CityModel, *, seed: int, count: int) -> None:
        self._city = city
        self._kept = city.pieces("draws of a sector")
        self._keys: dict[str, bytes] = {}
        self._same: tuple[Any, ...] = ()
        if self._kept is None:
            return
        mapped, tables = city.once(mapped_share), ("evidence", "priors", "readings")
        self._same = (
            seed, count, repr(mapped.rule), *mapped.observed.values(), *mapped.noise.values(), mapped.mean,
            city.people.persons, city.inside, repr(dict(city.standards)),
            *(repr(dict(city.rules(name))) for name in tables),
            *(repr(dict(city.settings(name))) for name in ("transport", "water")),
            height_wrong(city),
        )  # fmt: skip

    @property
    def active(self) -> bool:
        """Whether draws are kept."""
        return self._kept is not None

    def get(self, sector: str, scored: Sequence[AssessedGap]) -> Drawn | None:
        """
        Give the draws of a sector if they are known.

        Parameters
        ----------
        sector : name.
        scored : all its indicators on the grid.

        Returns
        -------
        The draws; None: draw them, and hand them to `keep`.
        """
        if self._kept is None:
            return None
        key = hashlib.blake2b(digest_size=16)
        for part in (*self._same, *(p for one in scored for p in self._rests_on(one))):
            key.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
        self._keys[sector] = key.digest()
        found: Drawn | None = self._kept.get(sector, {}).get(key.digest())
        return found

    def keep(self, sector: str, drawn: Drawn) -> None:
        """
        Keep the draws of a sector for the next edit.

        Parameters
        ----------
        sector : that `get` was asked for.
        drawn : its draws.
        """
        if self._kept is None:
            return
        known = self._kept.setdefault(sector, {})
        known[self._keys[sector]] = drawn
        for old in list(known)[:-_KEPT]:
            del known[old]

    def _rests_on(self, one: AssessedGap) -> tuple[Any, ...]:
        """Everything that the draws of an indicator read beside what all of them read."""
        indicator = one.indicator
        basis = indicator.evidence_cells
        parts: list[Any] = [
            indicator.id, one.kind, repr(one.standard), indicator.source, indicator.evidence, indicator.not_assessed,
            one.raw, one.own_lo, one.own_hi, one.told, one.prior, one.weight,
            None if indicator.cells is None else np.asarray(indicator.cells),
            None if indicator.applies is None else np.asarray(indicator.applies),
            None if basis is None else "|".join(np.asarray(basis).ravel().tolist()),
        ]  # fmt: skip
        kind = "stop" if one.kind == "stops" else FACILITY.get(indicator.id, "")
        if kind:
            count = self._city.once(counted)[kind]
            parts += [count.cells, count.mapped, count.area, count.lacking, count.shown]
        return tuple(parts)
