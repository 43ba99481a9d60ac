"""Assets: what is known of the networks around a site, official, mapped or unknown."""

from __future__ import annotations

import math

import numpy as np
import shapely

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.evidence.official import official_total
from kcity_geo.analysis.water.balance import demand_of_city
from kcity_geo.citydata import CityData
from kcity_geo.planning.demand import Asset
from kcity_geo.settings import Settings, settings_of

__all__ = ["assets_around"]

#: Demand, layer of mapped assets, words.
_MAPPED = (
    ("water_max_day_m3", "water_plant", "water works"),
    ("sewage_m3_day", "sewage", "sewer or treatment plant"),
    ("power_mva", "substation", "substation"),
    ("elementary_schools", "school", "school"),
    ("clinics", "health", "place of health care"),
    ("fibre_drops", "telecom", "telecom site"),
)


def assets_around(data: CityData, outline: shapely.Polygon) -> tuple[Asset, ...]:
    """
    Say what could serve a site: numbers that the city published, else what the map shows, else nothing.

    Parameters
    ----------
    data : of the city.
    outline : of the site, metric CRS.

    Returns
    -------
    At least one row for water, sewage, power, schools and clinics. Mapped assets have a distance and
    no capacity: that something is there does not say what it can spare. What lies on the site itself, in part at
    least, is called so and 0 km away.
    """
    found = [_water(data), _sewage(data), _power(data)]
    for demand, layer, title in _MAPPED:
        found.append(_nearest(data, outline, demand, layer, title))
    return tuple(found)


def _water(data: CityData) -> Asset:
    capacity = _number(official_total(data, "water_supply_m3_day"))
    demand = model_of(data).once(demand_of_city)
    return Asset(
        demand="water_max_day_m3",
        title="water supply of the city",
        capacity=capacity,
        in_use=demand[0].max_day_m3 if demand else math.nan,
        evidence="unknown" if math.isnan(capacity) else "official",
        source="official.water_supply_m3_day; in use: modelled demand of the highest day (W5)",
    )


def _sewage(data: CityData) -> Asset:
    capacity = _number(official_total(data, "wastewater_capacity_m3_day"))
    settings = _settings(data, "water")
    demand = model_of(data).once(demand_of_city)
    in_use = demand[0].net_m3_day * float(settings["sewage_share"]) if demand else math.nan
    return Asset(
        demand="sewage_m3_day",
        title="wastewater treatment of the city",
        capacity=capacity,
        in_use=in_use,
        evidence="unknown" if math.isnan(capacity) else "official",
        source="official.wastewater_capacity_m3_day; in use: sewage of the modelled demand (W4)",
    )


def _power(data: CityData) -> Asset:
    firm = official_total(data, "firm_capacity_mw")
    if firm is None:
        firm = official_total(data, "import_capacity_mw")
    return Asset(
        demand="power_mw",
        title="firm supply of the city",
        capacity=_number(firm),
        in_use=_number(official_total(data, "peak_demand_mw")),
        evidence="unknown" if firm is None else "official",
        source="official.firm_capacity_mw or import_capacity_mw; in use: official.peak_demand_mw",
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _nearest(
    data: CityData, outline: shapely.Polygon, demand: str, layer: str, title: str
) -> Asset:
    frame = data.layers.get(layer)
    if frame is None or not len(frame):
        return Asset(demand=demand, title=f"nearest {title}", source=f"no {title} is mapped")
    distance = float(np.min(shapely.distance(frame.geometry.to_numpy(), outline))) / 1000
    return Asset(
        demand=demand,
        title=f"{title} on the site" if distance == 0 else f"nearest {title}",
        evidence="mapped",
        source=f"OpenStreetMap, layer {layer}; its capacity is not known",
        distance_km=distance,
    )


def _settings(data: CityData, sector: str) -> Settings:
    study = data.study
    return settings_of(sector, None if study is None else getattr(study, sector))
