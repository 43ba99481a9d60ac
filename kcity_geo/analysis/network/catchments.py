"""
Floating catchments: supply per person within reach, nearer facilities counting more.

The two-step method, its enhanced form with decay, and the three-step form in which people choose
among the facilities around them; on pairs of home and facility, wherever their costs come from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError

__all__ = ["Decay", "Ways", "decay_weights", "floating_catchments", "inverse", "step"]

#: The name of a row of ``tables/catchments.toml``, or a function from costs to weights.
Decay = str | Callable[[NDArray[np.float64]], ArrayLike]


@dataclass(frozen=True, eq=False)
class Ways:
    """
    The ways that people take into account.

    Parameters
    ----------
    home, facility : shape (pairs,), numbers of both ends.
    cost : shape (pairs,), of each way, zero or more.
    """

    home: NDArray[np.int64]
    facility: NDArray[np.int64]
    cost: NDArray[np.float64]


def inverse(
    power: float = 1.0, *, least_cost: float = 1.0
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """
    Make a weight of one over the cost to a power.

    Parameters
    ----------
    power : above zero; 1 is one over the cost, 2 one over its square.
    least_cost : shorter ways weigh as much as this one, so that a way of 0 can be weighed.

    Returns
    -------
    A function from costs to weights.

    Raises
    ------
    StudyError
        If one of them is not above zero.

    Examples
    --------
    >>> inverse()(np.array([0.0, 2, 40])).tolist()
    [1.0, 0.5, 0.025]
    """
    if not (power > 0 and least_cost > 0):
        raise StudyError(f"power {power} and least_cost {least_cost} must be above zero")
    return lambda cost: np.asarray(np.maximum(cost, least_cost) ** -power)


def step(
    ends: ArrayLike, weights: ArrayLike
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """
    Make zones of equal weight.

    Parameters
    ----------
    ends : largest cost of each zone, rising; it belongs to the zone.
    weights : of each zone, zero or more; beyond the last zone 0.

    Returns
    -------
    A function from costs to weights.

    Raises
    ------
    StudyError
        If the ends do not rise or a weight is negative.

    Examples
    --------
    >>> step([10, 20, 30], [1, 0.68, 0.22])(np.array([10.0, 10.5, 30, 31])).tolist()
    [1.0, 0.68, 0.22, 0.0]
    """
    limits, height = np.asarray(ends, dtype=float), np.asarray(weights, dtype=float)
    if len(limits) != len(height) or len(limits) == 0 or (np.diff(limits) <= 0).any():
        raise StudyError(
            f"step: give a weight for each of the rising ends, got {ends!r}, {weights!r}"
        )
    if not (height >= 0).all():
        raise StudyError(f"step: weights {weights!r} must be zero or more")
    at = np.append(height, 0.0)
    return lambda cost: np.asarray(at[np.searchsorted(limits, cost - 1e-9, side="left")])


def decay_weights(cost: NDArray[np.float64], *, limit: float, decay: Decay) -> NDArray[np.float64]:
    r"""
    Weigh ways by their cost.

    Parameters
    ----------
    cost : of each way, zero to `limit`.
    limit : size of the catchment, in the unit of the cost.
    decay : row of ``tables/catchments.toml`` (``none``, ``step``, ``step_fast``, ``step_four``,
        ``gaussian`` or ``inverse``), or a function, such as `inverse` or `step` make.

    Returns
    -------
    Shape of `cost`, zero or more. ``gaussian`` is
    :math:`(e^{-(c/T)^2/2} - e^{-1/2}) / (1 - e^{-1/2})`, 1 for no way and 0 at the limit.

    Raises
    ------
    StudyError
        If there is no such row, or a function gives negative weights or no numbers.

    Examples
    --------
    >>> decay_weights(np.array([0.0, 15, 30]), limit=30, decay="gaussian").round(4).tolist()
    [1.0, 0.7014, 0.0]
    """
    if isinstance(decay, str):
        rows = read_table("catchments")["decay"]
        if decay not in rows:
            raise StudyError(f"decay: {decay!r} is not one of {', '.join(rows)}")
        row = rows[decay]
        if decay == "gaussian":
            least = np.exp(-0.5)
            share = np.minimum(cost / limit if limit > 0 else np.zeros_like(cost), 1.0)
            return np.asarray((np.exp(-0.5 * share**2) - least) / (1 - least))
        if decay == "inverse":
            return inverse(least_cost=float(row["least_cost"]))(cost)
        ends, weights = np.array(row["zones"], dtype=float).T
        return step(ends * limit if limit > 0 else ends, weights)(cost)
    found = np.asarray(decay(cost), dtype=np.float64)
    if found.shape != cost.shape or not (np.isfinite(found) & (found >= 0)).all():
        raise StudyError("decay: the function must give a number, zero or more, for each cost")
    return found


def floating_catchments(
    ways: Ways,
    persons: NDArray[np.float64],
    supply: NDArray[np.float64],
    *,
    limit: float,
    decay: Decay = "none",
    choosing: bool = False,
) -> NDArray[np.float64]:
    r"""
    Compute supply per person from pairs of home and facility.

    Parameters
    ----------
    ways : with all homes and facilities within the limit of each other; longer ones are left out.
    persons : at each home, zero or more.
    supply : of each facility, for example beds.
    limit : size of the catchment, in the unit of the cost; the boundary counts as within.
    decay : as for `decay_weights`: ``none`` is the plain method (2SFCA), any other the enhanced
        one (E2SFCA).
    choosing : people go to a facility by its share in the weights of all around them (3SFCA),
        which does not count one person as demand everywhere.

    Returns
    -------
    Shape (homes,), supply per person; 0 where nothing is in reach. Times the persons it adds up to
    the supply of all facilities that anybody reaches.

    Raises
    ------
    StudyError
        If the limit is not above 0, persons or supply are negative or not known, or a way leads from or to a place
        that has none.

    Notes
    -----
    :math:`A_i = \sum_j g_{ij} w_{ij} S_j / \sum_k g_{kj} w_{kj} P_k` with
    :math:`w = f(c)` [1]_ [2]_ and :math:`g = 1`, or :math:`g_{ij} = w_{ij} / \sum_m w_{im}` when
    people choose [3]_.

    References
    ----------
    .. [1] Luo, W., Wang, F. (2003). Measures of spatial accessibility to health care in a GIS
       environment. Environment and Planning B 30(6), 865-884.
    .. [2] Luo, W., Qi, Y. (2009). An enhanced two-step floating catchment area (E2SFCA) method for
       measuring spatial accessibility to primary care physicians. Health & Place 15(4), 1100-1107.
    .. [3] Wan, N., Zou, B., Sternberg, T. (2012). A three-step floating catchment area method for
       analyzing spatial access to health services. International Journal of Geographical
       Information Science 26(6), 1073-1089.

    Examples
    --------
    Two homes of 100 people and one clinic of 2 doctors, at 5 and 25 of 30 minutes.

    >>> ways = Ways(np.array([0, 1]), np.array([0, 0]), np.array([5.0, 25]))
    >>> people, doctors = np.array([100.0, 100]), np.array([2.0])
    >>> floating_catchments(ways, people, doctors, limit=30).tolist()
    [0.01, 0.01]
    >>> floating_catchments(ways, people, doctors, limit=30, decay="step").round(5).tolist()
    [0.01639, 0.00361]
    """
    _refuse_nonsense(ways, persons, supply, limit=limit)
    near = ways.cost <= limit + 1e-9
    home, facility = ways.home[near], ways.facility[near]
    weight = decay_weights(ways.cost[near], limit=limit, decay=decay)
    if choosing:
        total = np.bincount(home, weights=weight, minlength=len(persons))[home]
        weight = weight * np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    demand = np.bincount(facility, weights=persons[home] * weight, minlength=len(supply))
    rate = np.divide(supply, demand, out=np.zeros(len(demand)), where=demand > 0)
    return np.asarray(
        np.bincount(home, weights=rate[facility] * weight, minlength=len(persons)),
        dtype=np.float64,
    )


def _refuse_nonsense(
    ways: Ways, persons: NDArray[np.float64], supply: NDArray[np.float64], *, limit: float
) -> None:
    where = "floating_catchments"
    if not limit > 0:
        raise StudyError(f"{where}: limit = {limit:g}: give a number above 0")
    if not len(ways.home) == len(ways.facility) == len(ways.cost):
        raise StudyError(
            f"{where}: ways: {len(ways.home)} homes, {len(ways.facility)} facilities and {len(ways.cost)} costs; "
            "give one of each a way"
        )
    for name, amounts, at in (("persons", persons, ways.home), ("supply", supply, ways.facility)):
        wrong = amounts[~(amounts >= 0)]
        if len(wrong):
            raise StudyError(
                f"{where}: {name}: {wrong[0]:g} is no amount; give 0 or more at each place"
            )
        if len(at) and not 0 <= at.min() <= at.max() < len(amounts):
            raise StudyError(
                f"{where}: {name} has {len(amounts)} values, but a way names place {at.max()} (the first is 0)"
            )
