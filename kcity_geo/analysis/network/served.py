"""
Served: how many people each place serves, and how much of it each of them has within reach.

Catchments of the nearest place, and floating catchments of all places within a limit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.network.catchments import Decay, Ways, floating_catchments
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.reach import k_nearest, pairs
from kcity_geo.analysis.network.snapping import Snapped

__all__ = ["catchment_persons", "two_step_access"]


def catchment_persons(
    graph: StreetGraph,
    origins: Snapped,
    persons: NDArray[np.float64],
    places: Snapped,
    *,
    unit: str = "minutes",
    limit: float = np.inf,
) -> pd.DataFrame:
    """
    Tell how many people have each place as their nearest.

    Parameters
    ----------
    graph : street graph.
    origins : where people live.
    persons : at each origin.
    places : facilities.
    unit : minutes or metres.
    limit : people farther away belong to no place.

    Returns
    -------
    A row a place, under its label: ``persons`` and their mean ``cost`` (NaN without people).
    ``attrs["unserved"]`` holds the people of no place; all together are all people.
    """
    costs, found = k_nearest(graph, origins, places, k=1, unit=unit)
    cost, place = costs[:, 0], found[:, 0]
    served = (place >= 0) & (cost <= limit + 1e-9)
    count = len(places.segment)
    mass = np.bincount(place[served], weights=persons[served], minlength=count)
    spent = np.bincount(
        place[served], weights=(persons * np.where(served, cost, 0))[served], minlength=count
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(mass > 0, spent / mass, np.nan)
    result = pd.DataFrame({"persons": mass, "cost": mean}, index=places.index)
    result.attrs["unserved"] = float(persons[~served].sum())
    return result


def two_step_access(  # noqa: PLR0913 - engine options, all named
    graph: StreetGraph,
    origins: Snapped,
    persons: NDArray[np.float64],
    places: Snapped,
    supply: NDArray[np.float64],
    *,
    limit: float,
    unit: str = "minutes",
    decay: Decay = "none",
    choosing: bool = False,
) -> NDArray[np.float64]:
    """
    Compute access by floating catchments: 2SFCA, with decay E2SFCA, with choice 3SFCA.

    First each facility divides its supply by the people within the limit of it; then each origin
    adds up the facilities within the limit of it.

    Parameters
    ----------
    graph : street graph.
    origins : where people live.
    persons : at each origin, zero or more.
    places : facilities.
    supply : of each facility, for example beds.
    limit : in `unit`.
    unit : minutes or metres.
    decay : row of ``tables/catchments.toml`` (``none``, ``step``, ``step_fast``, ``step_four``,
        ``gaussian``, ``inverse``), or a function from costs to weights.
    choosing : people go to a facility by its share in the weights of all around them (3SFCA).

    Returns
    -------
    Shape (origins,), supply per person; 0 where no facility is in reach. Times the people it adds
    up to the supply of all facilities that anybody reaches.

    Notes
    -----
    Formula and sources: `kcity_geo.analysis.network.catchments.floating_catchments`.
    """
    ways = Ways(*pairs(graph, origins, places, limit=limit, unit=unit))
    return floating_catchments(ways, persons, supply, limit=limit, decay=decay, choosing=choosing)
