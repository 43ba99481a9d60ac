"""
Water: what the map, the terrain and the official numbers say about a city's water.

Each indicator says whether it was observed, modelled, taken from a proxy or from official numbers.
An indicator about which nothing is known is not assessed; it is never a gap of 1.
"""

from __future__ import annotations

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.water.balance import wastewater, water_balance
from kcity_geo.analysis.water.flood import flood_exposure
from kcity_geo.analysis.water.piped import piped_coverage
from kcity_geo.analysis.water.points import fetching_water, point_coverage
from kcity_geo.analysis.water.pumping import source_distance
from kcity_geo.analysis.water.toilets import toilets
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
    return list(model_of(city).once(_assessed))


def _assessed(city: CityModel) -> tuple[Indicator, ...]:
    # Calibration of the piped share and demand come first: what they tell, they tell first.
    w3 = city.once(piped_coverage)
    w5, w6 = city.once(water_balance)
    return (
        city.once(fetching_water),
        city.once(point_coverage),
        w3,
        city.once(wastewater),
        w5,
        w6,
        city.once(source_distance),
        city.once(flood_exposure),
        city.once(toilets),
    )
