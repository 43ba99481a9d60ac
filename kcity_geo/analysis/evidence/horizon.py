"""Horizon: the base year and the year that demand is forecast for."""

from __future__ import annotations

import math

from kcity_geo.analysis.evidence.official import number
from kcity_geo.citydata import CityInputs
from kcity_geo.notes import tell
from kcity_geo.settings import Settings

__all__ = ["forecast_years", "growth_factor"]


def forecast_years(data: CityInputs, settings: Settings) -> tuple[int, int, float, str]:
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
        origin=settings.origin("growth_share"),
    )
    return base, horizon, growth, origin


def growth_factor(base: int, horizon: int, growth: float, *, most: float) -> float:
    """
    Give the factor by which the people grow from the base year to the horizon year.

    Parameters
    ----------
    base : year of the people; 0: not known.
    horizon : year of the forecast; before `base`, nothing grows.
    growth : share a year.
    most : factors above this, or below one over it, are no forecast.

    Returns
    -------
    The factor; NaN, with a note, without a base year or beyond `most`.

    Examples
    --------
    >>> round(growth_factor(2025, 2040, 0.02, most=10), 4)
    1.3459
    >>> from kcity_geo.notes import muted
    >>> with muted():
    ...     growth_factor(0, 2050, 0.02, most=10)
    nan
    """
    if base <= 0:
        tell(
            "no base year is known, so people and demand are not forecast: give official.year, or an "
            "OSM extract with a date"
        )
        return math.nan
    factor = (1 + growth) ** max(0, horizon - base)
    if not 1 / most <= factor <= most:
        tell(
            f"the people of {base} would become {factor:.3g} times as many in {horizon} (growth "
            f"{growth:g} a year), more than {most:g} times up or down: not forecast; correct "
            "official.population_growth_share or the horizon year"
        )
        return math.nan
    return float(factor)
