"""
Light: what a place without a street on the map would say of the light of its streets, were they drawn.

As mapped, such a place is left out of the share of lit streets and its other indicators carry the sector. On the
whole map its streets would have a word, so in each draw they stand there by chance, and are as lit as those of
another place of the city. A place whose mapped streets carry no word stays as mapped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.energy.lighting import lit_land
from kcity_geo.analysis.gaps.parts import AssessedGap
from kcity_geo.analysis.gaps.rules import exists_unseen

__all__ = ["StreetLight", "street_light"]

_LEAST_PERSONS = 1


@dataclass(frozen=True, eq=False)
class StreetLight:
    """
    What is known of the light of streets, for the whole grid.

    Parameters
    ----------
    open_land : shape (rows, cols), where people live on built-up land and no street is mapped.
    land : flat cells of built-up land in which people live.
    persons : shape of `land`.
    shown : how many of those persons have a mapped street in their cell.
    told : share of these whose streets carry a word on light.
    lenders : flat cells with a word, in which people live.
    low, middle, high : gap of the lenders by their own bounds, and as mapped.
    """

    open_land: NDArray[np.bool_]
    land: NDArray[np.intp]
    persons: NDArray[np.float64]
    shown: float
    told: float
    lenders: NDArray[np.intp]
    low: NDArray[np.float64]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]

    def prior(self, share: NDArray[np.float64]) -> float:
        """
        Give the chance that people of `land` live at a street, before looking whether one is mapped there.

        Parameters
        ----------
        share : mapped share of `land` in one draw.

        Returns
        -------
        As many as the map shows at one, divided by those whom it lets expect to be shown; at most 1.

        Examples
        --------
        >>> nothing, land = np.zeros(0), np.arange(2)
        >>> of_land = nothing.astype(bool), land, np.array([50.0, 50.0])
        >>> city = StreetLight(*of_land, shown=40.0, told=1.0, lenders=land, low=nothing, middle=nothing, high=nothing)
        >>> city.prior(np.array([0.8, 0.8]))
        0.5
        """
        expected = float((self.persons * share).sum())
        return min(1.0, self.shown / expected) if expected > 0 else 0.0

    def speaks(self, share: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
        """
        Give the chance that streets with a word on their light stand where the map shows no street.

        Parameters
        ----------
        share : mapped share of some cells in one draw.
        prior : of that draw.

        Returns
        -------
        Shape of `share`; 0 where nothing is missing.
        """
        return self.told * exists_unseen(prior, share)


def street_light(city: CityModel, one: AssessedGap) -> StreetLight | None:
    """
    Sum up what the map says of the light of streets.

    Parameters
    ----------
    city : its model.
    one : row E8 on the whole grid.

    Returns
    -------
    None where it is not assessed.
    """
    bounds = one.indicator.gap_bounds
    if one.indicator.not_assessed or bounds is None:
        return None
    persons = city.people.persons if city.people.known else np.where(city.inside, 1.0, 0.0)
    lived_in = lit_land(city) & (persons >= _LEAST_PERSONS)
    street, word = lived_in & np.isfinite(bounds[0]), lived_in & np.isfinite(one.raw)
    shown = float(persons[street].sum())
    lenders = np.flatnonzero(word)
    low, middle, high = (a.ravel()[lenders] for a in (one.own_lo, one.raw, one.own_hi))
    return StreetLight(
        open_land=lived_in & ~street,
        land=np.flatnonzero(lived_in),
        persons=persons[lived_in],
        shown=shown,
        told=float(persons[word].sum()) / shown if shown > 0 else 0.0,
        lenders=lenders,
        low=low,
        middle=middle,
        high=high,
    )
