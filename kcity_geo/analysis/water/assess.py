"""
Water: what the map, the terrain and the official numbers say about a city's water.

Each indicator says whether it was observed, modelled, taken from a proxy or from official numbers.
An indicator about which nothing is known is not assessed; it is never a gap of 1.
"""

from __future__ import annotations

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator

__all__ = ["assess"]


def assess(city: CityModel | CityData) -> list[Indicator]:
    """
    Assess the water of a city: W1 to W9.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    One row an indicator, those not assessed included.

    Raises
    ------
    SchemaError
        If an official table names an unknown district or a share out of range.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> [row.id for row in assess(make_toy())]
    ['W1', 'W2', 'W3', 'W4', 'W5', 'W6', 'W7', 'W8', 'W9']
    """
    return assess_rows(model_of(city), "water")
