"""Built-up land: the share of each cell that is built on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.citydata import CityInputs

__all__ = ["built_share"]


def built_share(data: CityInputs) -> NDArray[np.float64] | None:
    """
    Share of each cell's ground that is built over, or None without a built-up layer.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Shape (rows, cols), 0 to 1; NaN where not known.
    """
    built = data.array("built_m2")
    if built is None:
        return None
    area = float(abs(data.grid.resolution.x)) ** 2
    return np.asarray(np.clip(built / area, 0.0, 1.0))
