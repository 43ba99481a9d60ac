"""
Contradictions: where city number, table by district and map are far apart.

The official number is used all the same; that the map says something else is told, not hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.evidence.official import (
    city_against_table,
    districts_apart,
    official_districts,
)
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.citydata import CityInputs
from kcity_geo.notes import tell

__all__ = ["PlacedRate", "tell_contradictions"]


@dataclass(frozen=True, eq=False)
class PlacedRate:
    """
    An official rate beside what the map suggests, each of shape (rows, cols).

    Parameters
    ----------
    given : the official rate; NaN where no number speaks.
    placed : the official rate as it was placed.
    suggested : what the map suggests; None when it suggests nothing.
    people : persons.
    """

    given: NDArray[np.float64]
    placed: NDArray[np.float64]
    suggested: NDArray[np.float64] | None
    people: NDArray[np.float64]


def tell_contradictions(
    data: CityInputs, key: str, rate: PlacedRate, *, limit: float, basis: str
) -> tuple[str, dict[str, str]]:
    """
    Warn of an official rate that the city's own table, or the map, contradicts by a lot.

    Parameters
    ----------
    data : of the city.
    key : of ``[official]``, and the column of its table; a rate.
    rate : as it was given and placed, and what the map suggests.
    limit : shares farther apart than this are told.
    basis : what the map suggests it by, in words.

    Returns
    -------
    What belongs into the note of the indicator, each part after ``"; "``, and into its details:
    ``city_against_table``, ``contradiction`` and ``contradiction_by_district`` where they occur.
    """
    note, details = "", dict[str, str]()
    given, guess, people = rate.given, rate.suggested, rate.people
    rates = official_districts(data, key)
    by_table = rates is not None
    apart = city_against_table(data, key, given, limit=limit)
    if apart:
        details["city_against_table"] = apart
        note += f"; {apart}"
        tell(apart, stacklevel=4)
    if guess is None:
        return note, details
    stated, mapped = weighted_mean(rate.placed, people), weighted_mean(guess, people)
    if abs(mapped - stated) > limit:
        told = "official.table" if by_table else f"official.{key}"
        details["contradiction"] = (
            f"{told} says {stated:.0%}, {basis} suggest {mapped:.0%}; the official number is used"
        )
        tell(details["contradiction"], stacklevel=4)
    by_district = districts_apart(data, given, guess, people=people, limit=limit, rates=rates or {})
    if by_table and by_district:
        details["contradiction_by_district"] = by_district
        note += f"; {by_district}"
    return note, details
