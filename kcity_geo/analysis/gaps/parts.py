"""Parts of the gap model: one scored indicator, and one sector, on the grid."""

from __future__ import annotations

from dataclasses import dataclass

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
    raw, adjusted, lo, hi : gap as observed, after the allowance for unmapped features, and its
        bounds; shape (rows, cols), NaN where not assessed.
    confidence : shape (rows, cols), 0 to 1; 0 where not assessed.
    weight : shape (rows, cols), in the sector gap, by settlement class.
    completeness : shape (rows, cols), of the layers it rests on.
    """

    indicator: Indicator
    standard: Standard
    raw: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    lo: NDArray[np.float64]
    hi: NDArray[np.float64]
    confidence: NDArray[np.float64]
    weight: NDArray[np.float64]
    completeness: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """
    Gap of a sector or of the composite on the grid, each of shape (rows, cols).

    Parameters
    ----------
    raw, adjusted, lo, hi : as of `AssessedGap`; NaN too where nothing is mapped and nothing else
        speaks (label UNKNOWN).
    mid : middle of the bounds: what is shown and ranked on.
    confidence : 0 to 1, NaN where not assessed.
    label : position in `kcity_geo.result.LABELS`.
    assessed_weight : share of the weight that was assessed.
    """

    raw: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    lo: NDArray[np.float64]
    hi: NDArray[np.float64]
    mid: NDArray[np.float64]
    confidence: NDArray[np.float64]
    label: NDArray[np.uint8]
    assessed_weight: NDArray[np.float64]
