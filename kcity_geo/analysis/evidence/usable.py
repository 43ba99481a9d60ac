"""Usable: how far a mapped water point counts as an improved source."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.evidence.features import text
from kcity_geo.settings import Settings

__all__ = ["improved_weight"]


def improved_weight(points: gpd.GeoDataFrame, settings: Settings) -> NDArray[np.float64]:
    """
    Tell how surely each water point is an improved source: 1 yes, 0 no, between: may be.

    Parameters
    ----------
    points : layer ``water_point``.
    settings : parameters of the sector.

    Returns
    -------
    A weight a point, 0 to 1; not drinkable ones get 0.
    """
    made, natural = text(points, "man_made"), text(points, "natural")
    drinking, pump = text(points, "drinking_water"), text(points, "pump")
    weight = np.ones(len(points))
    weight[made == "water_well"] = float(settings["well_without_pump_weight"])
    weight[(made == "water_well") & np.isin(pump, _YES)] = 1.0
    weight[natural == "spring"] = 0.0
    tagged_spring = (natural == "spring") & np.isin(drinking, ("yes", "treated"))
    weight[tagged_spring] = float(settings["spring_tagged_weight"])
    weight[np.isin(drinking, ("no", "untreated"))] = 0.0
    weight[np.isin(text(points, "access"), ("private", "no"))] = 0.0
    return weight


_YES = ("yes", "electric", "manual", "powered", "hand", "solar", "diesel")
