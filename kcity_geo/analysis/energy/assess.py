"""
Energy: what the map, the night lights and the official numbers say about a city's electricity.

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
    Assess the electricity of a city: E1 to E11.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    One row an indicator, those not assessed included.

    Raises
    ------
    StudyError
        If the irradiation is in another unit.
    SchemaError
        If an official table names an unknown district or a share out of range.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> {row.id: row.not_assessed for row in assess(make_toy())}["E1"]
    'no official rate is given; set official.electricity_access'
    """
    return assess_rows(model_of(city), "energy")
