"""Expected: how many streets people and buildings let expect, whatever the map shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.citydata import CityInputs

__all__ = ["ExpectedStreets", "expected_road_m", "expected_streets"]


@dataclass(frozen=True, kw_only=True)
class ExpectedStreets:
    """
    What lets expect streets; the row ``[expected_streets]`` of ``tables/priors.toml``.

    Parameters
    ----------
    people_km : km of street per square root of persons and km2.
    built_m : m of street for each m2 of building.
    fallback_km_km2 : km/km2, where neither people nor buildings are known.
    """

    people_km: float
    built_m: float
    fallback_km_km2: float


def expected_streets(city: CityInputs) -> ExpectedStreets:
    """
    Give the rule for a city, with what its study file changes.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    The rule.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> expected_streets(make_toy()).people_km
    0.15
    """
    row = city.rules("priors")["expected_streets"]
    return ExpectedStreets(
        people_km=float(row["people_km"]),
        built_m=float(row["built_m"]),
        fallback_km_km2=float(row["fallback_km_km2"]),
    )


def expected_road_m(
    people: ArrayLike, built_m2: ArrayLike, area_km2: ArrayLike, *, rule: ExpectedStreets
) -> NDArray[np.float64]:
    """
    Length of street that people and buildings let expect, whatever the map shows.

    Parameters
    ----------
    people : persons; NaN: not known.
    built_m2 : building footprint, m2; NaN: not known.
    area_km2 : land looked at, km2.
    rule : of `expected_streets`.

    Returns
    -------
    Metres: the larger of what people (0.15 km * sqrt(people * km2) by default) and buildings (0.05 m
    for each m2) let expect; 5 km/km2 when neither is known.

    Examples
    --------
    >>> rule = ExpectedStreets(people_km=0.15, built_m=0.05, fallback_km_km2=5.0)
    >>> expected_road_m(5000.0, np.nan, 1.0, rule=rule).round(0).item()
    10607.0
    """
    p, b = np.asarray(people, dtype=np.float64), np.asarray(built_m2, dtype=np.float64)
    area = np.asarray(area_km2, dtype=np.float64)
    from_people = rule.people_km * 1000 * np.sqrt(np.maximum(p, 0) * area)
    found = np.fmax(from_people, rule.built_m * b)
    return np.asarray(np.where(np.isnan(found), rule.fallback_km_km2 * 1000 * area, found))
