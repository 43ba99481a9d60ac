"""District means: a value of cells averaged over the people of each district."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.citydata import CityData

__all__ = ["by_district"]


def by_district(
    city: CityData | CityModel,
    cells: NDArray[np.float64],
    *,
    weight: NDArray[np.float64] | None = None,
) -> pd.Series:
    """
    Average a cell value over the people of each district.

    Parameters
    ----------
    city : with its districts.
    cells : shape (rows, cols). NaN: left out.
    weight : shape (rows, cols); persons when None.

    Returns
    -------
    Index ``district_id`` in the order of the districts; NaN where nobody is known about.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy
    >>> city = model_of(make_toy(arrays={"population": 10.0}))
    >>> by_district(city, np.full(city.grid.shape, 0.5)).tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    model = model_of(city)
    mass = model.people.persons if weight is None else weight
    return model.districts.mean(cells, mass)["mean"]
