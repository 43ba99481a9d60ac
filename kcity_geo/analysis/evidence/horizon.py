"""Horizon: the base year and the year that demand is forecast for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcity_geo.analysis.evidence.official import number
from kcity_geo.citydata import CityData
from kcity_geo.settings import origin_of

__all__ = ["forecast_years"]


def forecast_years(data: CityData, settings: Mapping[str, Any]) -> tuple[int, int, float, str]:
    """
    Tell base year, horizon year and growth of the people.

    Parameters
    ----------
    data : of the city.
    settings : parameters of the sector.

    Returns
    -------
    Base year, horizon year, growth as a share a year, and where the growth comes from.
    """
    base = int(settings["base_year"]) or int(data.official.get("year") or 0)
    if not base:
        base = int(data.osm_date[:4]) if data.osm_date[:4].isdigit() else 0
    asked = data.study.study.horizon_year if data.study is not None else None
    horizon = int(settings["horizon_year"]) or int(asked or 0)
    if not horizon:
        horizon = base + int(settings["horizon_years"])
    growth, origin = number(
        data,
        "population_growth_share",
        float(settings["growth_share"]),
        origin=origin_of(settings, "growth_share"),
    )
    return base, horizon, growth, origin
