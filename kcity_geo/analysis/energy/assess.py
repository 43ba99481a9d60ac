"""
Energy: what the map, the night lights and the official numbers say about a city's electricity.

Each indicator says whether it was observed, modelled, taken from a proxy or from official numbers.
An indicator about which nothing is known is not assessed; it is never a gap of 1.
"""

from __future__ import annotations

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.energy.balance import power_demand, power_supply, service_tier
from kcity_geo.analysis.energy.electrification import dark_built_land, electrified, official_rate
from kcity_geo.analysis.energy.grid import line_density, mv_distance
from kcity_geo.analysis.energy.inferred_grid import inferred_grid
from kcity_geo.analysis.energy.lighting import street_lighting
from kcity_geo.analysis.energy.solar import solar_potential
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
    return list(model_of(city).once(_assessed))


def _assessed(city: CityModel) -> tuple[Indicator, ...]:
    return (
        city.once(official_rate),
        city.once(electrified),
        city.once(inferred_grid),
        city.once(service_tier),
        city.once(mv_distance),
        city.once(line_density),
        city.once(power_supply),
        city.once(street_lighting),
        city.once(power_demand),
        city.once(solar_potential),
        city.once(dark_built_land),
    )
