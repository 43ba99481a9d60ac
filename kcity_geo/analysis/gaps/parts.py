"""Parts of the gap model: one scored indicator, and one sector, on the grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kcity_geo.result import Indicator
from kcity_geo.standards import Standard

__all__ = ["AssessedGap", "Parts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class AssessedGap:
    """
    One scored indicator on the grid.

    Parameters
    ----------
    indicator, standard : what it is.
    kind : how the map may be completed, see ``[draw]`` of ``tables/evidence.toml``.
    raw : gap as mapped; shape (rows, cols), NaN where not assessed.
    own_lo, own_hi : bounds that the indicator itself states; `raw` where it states none.
    told : shape (rows, cols), where the city's own number or timetable speaks: never lowered.
    prior : shape (rows, cols), probability that it exists, before looking at the map.
    evidence : shape (rows, cols), 0 to 1; 0 where not assessed.
    weight : shape (rows, cols), in the sector gap, by settlement class.
    """

    indicator: Indicator
    standard: Standard
    kind: str
    raw: NDArray[np.float64]
    own_lo: NDArray[np.float64]
    own_hi: NDArray[np.float64]
    told: NDArray[np.bool_]
    prior: NDArray[np.float64]
    evidence: NDArray[np.float64]
    weight: NDArray[np.float64]

    def at(self, cells: NDArray[np.intp]) -> AssessedGap:
        """
        Give what the draws read of some cells.

        Parameters
        ----------
        cells : flat positions.

        Returns
        -------
        Arrays of the shape of `cells`; of the indicator only those that the draws read are cut.
        """
        one = self.indicator
        arrays = {name: getattr(self, name).ravel()[cells] for name in ("raw", "told", "weight")}
        for name in ("own_lo", "own_hi"):  # the same array where the indicator states no bounds
            values = getattr(self, name)
            arrays[name] = arrays["raw"] if values is self.raw else values.ravel()[cells]
        if self.kind == "prior":
            arrays["prior"] = self.prior.ravel()[cells]
        cut = {
            name: values.ravel()[cells]
            for name in ("applies", "evidence_cells")
            if np.ndim(values := getattr(one, name))
        }
        return replace(self, indicator=replace(one, **cut) if cut else one, **arrays)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """
    Gap of a sector or of the composite on the grid, of shape (rows, cols) where nothing else is said.

    Parameters
    ----------
    raw : as mapped.
    lo, mid, hi : 5th percentile, median and 95th percentile of the draws.
    short : probability that the gap is at least the limit of ``tables/readings.toml``.
    evidence : how well the data support it, 0 to 1; NaN where not assessed.
    reading : code of `kcity_geo.analysis.gaps.words.READINGS`.
    assessed_weight : share of the weight that was assessed.
    unit_draws : shape (draws, units), the mean over the people of each district and, last, of the
        city in each draw; no draws where not assessed. People are drawn as well.
    short_draws : shape (draws,), share of all people who live where the reading can be told and whose
        gap in that draw is at least the limit. Draws are joint over the levels. Who lives where nobody
        can tell is in none of them.
    raw_apart : shape (units,), people of each unit times how much more the gap as mapped is on its side of
        cells that a border cuts; None: nowhere more.
    """

    raw: NDArray[np.float64]
    lo: NDArray[np.float32]
    mid: NDArray[np.float32]
    hi: NDArray[np.float32]
    short: NDArray[np.float64]
    evidence: NDArray[np.float64]
    reading: NDArray[np.uint8]
    assessed_weight: NDArray[np.float64]
    unit_draws: NDArray[np.float64]
    short_draws: NDArray[np.float64]
    raw_apart: NDArray[np.float64] | None = None
