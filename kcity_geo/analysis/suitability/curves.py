"""Curves: how much land has which value of a criterion, and what each value is worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.suitability.value_functions import utility
from kcity_geo.result import Criterion

__all__ = ["Curve", "curve_of"]

_BARS, _POINTS = 24, 111


class Curve(NamedTuple):
    """
    A value function over the histogram of the land that it judges.

    Parameters
    ----------
    low, high : ends of the axis, in units of the criterion.
    bars : shape (24,), land in equal steps from low to high, 1 for the fullest.
    worth : shape (111,), utility in equal steps from low to high, 0 to 1.
    """

    low: float
    high: float
    bars: NDArray[np.float64]
    worth: NDArray[np.float64]


def curve_of(criterion: Criterion, open_land: NDArray[np.bool_]) -> Curve | None:
    """
    Give the curve of a criterion.

    Parameters
    ----------
    criterion : of a project.
    open_land : shape (rows, cols), land that counts.

    Returns
    -------
    The curve; None for classes, and where no open land has a value.
    """
    values = criterion.values[open_land]
    known = values[np.isfinite(values)]
    if not criterion.function or criterion.function == "cat" or len(known) == 0:
        return None
    limits = [float(v) for v in criterion.parameters]
    ends = limits if criterion.function in {"lin_dec", "lin_inc", "trap", "step"} else limits[:1]
    low, high = min(float(known.min()), *ends), max(float(known.max()), *ends)
    high = high if high > low else low + 1.0
    counts, _ = np.histogram(known, bins=_BARS, range=(low, high))
    x = np.linspace(low, high, _POINTS)
    worth = utility(x, function=criterion.function, parameters=criterion.parameters)
    return Curve(low, high, counts / counts.max(), worth)
