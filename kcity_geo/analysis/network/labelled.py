"""
Travel between places that have names: the answers of `access` and `reach` as series and frames.

Places are given as they come, a GeoSeries or GeoDataFrame in any CRS, or on the network already. Each
answer carries their labels; places without labels are numbered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kcity_geo.analysis.network import reach, served
from kcity_geo.analysis.network.catchments import Decay
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import Snapped, on_network
from kcity_geo.coordinates import Places
from kcity_geo.errors import StudyError

__all__ = [
    "catchment_persons",
    "k_nearest",
    "nearest",
    "od_matrix",
    "pairs",
    "sums_within",
    "two_step_access",
]

OnNetwork: TypeAlias = Snapped | Places


def _amounts(values: ArrayLike, places: Snapped, what: str) -> NDArray[np.float64]:
    """Give a number for each place; a series is ordered by the labels of the places."""
    if isinstance(values, pd.Series) and places.labels is not None:
        missing = places.labels.difference(values.index)
        if len(missing):
            raise StudyError(
                f"{what}: has no value for {missing[:1].to_list()[0]!r}; its index must hold the places"
            )
        if values.index.has_duplicates and not values.index.equals(places.labels):
            raise StudyError(f"{what}: its index holds a label twice; give each place one value")
        values = values if values.index.equals(places.labels) else values.loc[places.labels]
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (len(places.segment),):
        raise StudyError(
            f"{what}: has the shape {found.shape}, but there are {len(places.segment)} places"
        )
    return found


def _not_negative(amounts: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    if (amounts < 0).any():
        raise StudyError(f"two_step_access: {what}: {amounts.min():g} is below 0")
    return amounts


def nearest(
    graph: StreetGraph,
    origins: OnNetwork,
    places: OnNetwork,
    *,
    unit: str = "minutes",
    direction: str = "to",
) -> pd.Series:
    """
    Tell the cost between each origin and the nearest of some places.

    Parameters
    ----------
    graph : street graph.
    origins, places : GeoSeries or GeoDataFrame in any CRS, shapely geometries in that of the graph,
        or places of `kcity_geo.analysis.network.snapping.snap`.
    unit : minutes or metres.
    direction : ``to`` the places, or ``from`` them.

    Returns
    -------
    A value an origin under its label, named by `unit`; inf: no route; 0 where the origin is one of
    the places.

    Raises
    ------
    StudyError
        If unit or direction is unknown, a limit below zero or no number, or a place has no geometry.
    CRSMismatchError
        If a series or frame has no CRS.
    """
    start = on_network(graph, origins)
    cost, _ = reach.k_nearest(
        graph, start, on_network(graph, places), k=1, unit=unit, direction=direction
    )
    return pd.Series(cost[:, 0], index=start.index, name=unit)


def k_nearest(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: OnNetwork,
    places: OnNetwork,
    *,
    k: int,
    unit: str = "minutes",
    direction: str = "to",
    limit: float = np.inf,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Find the k nearest places of each origin.

    Parameters
    ----------
    graph, origins, places : as for `nearest`.
    k : how many, 1 or more.
    unit, direction : as for `nearest`.
    limit : places beyond are not looked for.

    Returns
    -------
    Costs (inf: there are fewer) and labels of the places (None: there are fewer), a row an origin,
    columns 1 to k, nearest first.

    Raises
    ------
    StudyError, CRSMismatchError
        As `nearest`, or if `k` is below 1.
    """
    start, ends = on_network(graph, origins), on_network(graph, places)
    cost, who = reach.k_nearest(
        graph, start, ends, k=k, unit=unit, direction=direction, limit=limit
    )
    names = np.array([*ends.index.to_list(), None], dtype=object)
    columns = pd.RangeIndex(1, k + 1, name="nth")
    return (
        pd.DataFrame(cost, index=start.index, columns=columns),
        pd.DataFrame(names[who], index=start.index, columns=columns),
    )


def sums_within(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: OnNetwork,
    places: OnNetwork,
    weights: ArrayLike,
    *,
    limits: tuple[float, ...] = (15.0, 30.0, 45.0, 60.0),
    unit: str = "minutes",
    direction: str = "to",
) -> pd.DataFrame:
    """
    Sum what can be reached within limits: cumulative opportunities.

    Parameters
    ----------
    graph, origins, places : as for `nearest`.
    weights : of each place, for example jobs; a series is matched by its index.
    limits : in `unit`, ascending; the boundary counts as reached.
    unit, direction : as for `nearest`.

    Returns
    -------
    A row an origin, a column a limit; 0 where nothing is reached.

    Raises
    ------
    StudyError, CRSMismatchError
        As `nearest`, or if the limits are not ascending or the weights do not fit the places.
    """
    start, ends = on_network(graph, origins), on_network(graph, places)
    found = reach.sums_within(
        graph,
        start,
        ends,
        _amounts(weights, ends, "weights"),
        limits=limits,
        unit=unit,
        direction=direction,
    )
    return pd.DataFrame(found, index=start.index, columns=pd.Index(limits, name=unit))


def od_matrix(  # noqa: PLR0913 - an option each, all named
    graph: StreetGraph,
    origins: OnNetwork,
    places: OnNetwork,
    *,
    unit: str = "minutes",
    limit: float = np.inf,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """
    Compute the table of costs from each origin to each place.

    Parameters
    ----------
    graph, origins, places, unit : as for `nearest`.
    limit : costs beyond are inf.
    workers : threads; all cores when None.
    progress : called with the origins done and the origins in all, from the calling thread.

    Returns
    -------
    A row an origin, a column a place, under their labels; inf: no route. 0 from a place to itself.

    Raises
    ------
    StudyError, CRSMismatchError
        As `nearest`.
    """
    start, ends = on_network(graph, origins), on_network(graph, places)
    table = reach.od_matrix(
        graph, start, ends, unit=unit, limit=limit, workers=workers, progress=progress
    )
    return pd.DataFrame(table, index=start.index, columns=ends.index)


def pairs(
    graph: StreetGraph,
    origins: OnNetwork,
    places: OnNetwork,
    *,
    limit: float,
    unit: str = "minutes",
) -> pd.DataFrame:
    """
    List all pairs of origin and place within a limit.

    Parameters
    ----------
    graph, origins, places : as for `nearest`.
    limit : in `unit`; the boundary counts as within.
    unit : minutes or metres.

    Returns
    -------
    A row a pair: ``origin`` and ``place``, their labels, and the cost under the name of the unit, in
    the order of origins and places.

    Raises
    ------
    StudyError, CRSMismatchError
        As `nearest`.
    """
    start, ends = on_network(graph, origins), on_network(graph, places)
    origin, place, cost = reach.pairs(graph, start, ends, limit=limit, unit=unit)
    columns: dict[str, Any] = {
        "origin": start.index.take(origin),
        "place": ends.index.take(place),
        unit: cost,
    }
    return pd.DataFrame(columns)


def catchment_persons(
    graph: StreetGraph,
    origins: OnNetwork,
    persons: ArrayLike,
    places: OnNetwork,
    *,
    unit: str = "minutes",
    limit: float = np.inf,
) -> pd.DataFrame:
    """
    Tell how many people have each place as their nearest.

    Parameters
    ----------
    graph, origins : as for `nearest`.
    persons : at each origin; a series is matched by its index.
    places, unit : as for `nearest`.
    limit : people farther away belong to no place.

    Returns
    -------
    As `kcity_geo.analysis.network.served.catchment_persons`, under the labels of the places.

    Raises
    ------
    StudyError, CRSMismatchError
        As `nearest`, or if the persons do not fit the origins.
    """
    start, ends = on_network(graph, origins), on_network(graph, places)
    mass = _amounts(persons, start, "persons")
    return served.catchment_persons(graph, start, mass, ends, unit=unit, limit=limit)


def two_step_access(  # noqa: PLR0913 - engine options, all named
    graph: StreetGraph,
    origins: OnNetwork,
    persons: ArrayLike,
    places: OnNetwork,
    supply: ArrayLike,
    *,
    limit: float,
    unit: str = "minutes",
    decay: Decay = "none",
    choosing: bool = False,
) -> pd.Series:
    """
    Compute access by floating catchments: 2SFCA, with decay E2SFCA, with choice 3SFCA.

    Parameters
    ----------
    graph, origins : as for `nearest`.
    persons : at each origin; a series is matched by its index.
    places : as for `nearest`.
    supply : of each place; a series is matched by its index.
    limit, unit, decay, choosing : as for `kcity_geo.analysis.network.served.two_step_access`.

    Returns
    -------
    Supply per person, a value an origin under its label; 0 where no place is in reach.

    Raises
    ------
    StudyError, CRSMismatchError
        As `nearest`, or if persons or supply do not fit the places or are negative, or the limit is not above 0.
    """
    if not limit > 0:
        raise StudyError(f"two_step_access: limit = {limit:g} {unit}: give a number above 0")
    start, ends = on_network(graph, origins), on_network(graph, places)
    found = served.two_step_access(
        graph,
        start,
        _not_negative(_amounts(persons, start, "persons"), "persons"),
        ends,
        _not_negative(_amounts(supply, ends, "supply"), "supply"),
        limit=limit,
        unit=unit,
        decay=decay,
        choosing=choosing,
    )
    return pd.Series(found, index=start.index, name="access")
