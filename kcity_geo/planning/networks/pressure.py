"""
Pressure: water mains that reach every tap with enough and not too much.

From the far ends to the source, each place says what head it needs; from the source outwards the head is
followed, with boosters where a place would need more than its mains may bear, and valves where there is
too much. Both stand on the way where pressure keeps its limits before and behind them, several where one
would do too much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.water.pumping import friction_head_m, pumping
from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.route import Route

__all__ = ["MainRules", "MainSizes", "pressures_between", "water_mains"]

_EPS = 1e-9


@dataclass(frozen=True, kw_only=True)
class MainRules:
    """
    Limits of water mains.

    Parameters
    ----------
    diameters_m : that are bought, smallest first.
    roughness_c : Hazen-Williams.
    velocity_max_ms : of the water.
    pressure_min_m, pressure_max_m : at every place but the source, metres of water.
    pump_efficiency : of pump and motor.
    """

    diameters_m: tuple[float, ...]
    roughness_c: float
    velocity_max_ms: float
    pressure_min_m: float
    pressure_max_m: float
    pump_efficiency: float

    def __post_init__(self) -> None:
        """Refuse limits that leave no pressure."""
        if not self.pressure_min_m < self.pressure_max_m:
            raise StudyError(
                f"water: pressures from {self.pressure_min_m:g} to {self.pressure_max_m:g} m leave none; set "
                "water_pressure_min_m or water_pressure_max_m"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class MainSizes:
    """
    Sized water mains.

    Parameters
    ----------
    links : a row a link, index 1 to n - 1: ``diameter_m, pipes, flow_m3_s, velocity_ms, loss_m, boost_m,
        boost_kw, valve`` (whether valves take head away), ``drop_m`` (how much), ``stations`` (where on the link
        boosters or valves stand, shares of its length; each does the same).
    head_m : shape (n,), metres above the datum of the ground.
    pressure_m : shape (n,), head over the ground.
    source_lift_m, source_kw : what a pump adds at the source, and its motor.
    roughness_c : Hazen-Williams, with which they were sized.
    """

    links: pd.DataFrame
    head_m: NDArray[np.float64]
    pressure_m: NDArray[np.float64]
    source_lift_m: float
    source_kw: float
    roughness_c: float


def water_mains(route: Route, peak_m3_s: float, rules: MainRules) -> MainSizes:
    """
    Size water mains that start at the first place of a route.

    Parameters
    ----------
    route : the first place is the source.
    peak_m3_s : drawn by all places in the peak hour.
    rules : limits.

    Returns
    -------
    Mains with pressures within the limits at every place but the source.

    Examples
    --------
    >>> x = np.array([0.0, 1000.0])
    >>> route = Route(x=x, y=x * 0, z=x * 0, parent=np.array([-1, 0]), length_m=x,
    ...               outside=np.array([False, False]), load=np.array([0.0, 1.0]))
    >>> rules = MainRules(diameters_m=(0.2, 0.3), roughness_c=130, velocity_max_ms=1.5,
    ...                   pressure_min_m=15, pressure_max_m=60, pump_efficiency=0.75)
    >>> found = water_mains(route, 0.05, rules)
    >>> found.links["diameter_m"].tolist(), found.pressure_m.round(3).tolist()
    ([0.3], [16.779, 15.0])
    """
    flow = route.carried * peak_m3_s
    rows = [_main(float(route.length_m[at]), float(flow[at]), rules) for at in range(1, len(route))]
    links = pd.DataFrame(
        rows,
        index=range(1, len(route)),
        columns=["diameter_m", "pipes", "flow_m3_s", "velocity_ms", "loss_m"],
    )
    need, boosted = _needed(route, np.r_[0.0, links["loss_m"].to_numpy()], rules)
    head, boost, drop = _followed(
        route, np.r_[0.0, links["loss_m"].to_numpy()], need, boosted, rules
    )
    links["boost_m"] = boost[1:]
    links["boost_kw"] = [
        _kilowatt(lift, q, rules) for lift, q in zip(boost[1:], flow[1:], strict=True)
    ]
    links["valve"] = drop[1:] > 0
    links["drop_m"] = drop[1:]
    links["stations"] = [
        _stations(
            float(head[to] - route.z[to]),
            float(head[at] - route.z[at]),
            boost[at] - drop[at],
            rules,
        )
        for at, to in enumerate(route.parent[1:].tolist(), start=1)
    ]
    lift = max(float(head[0] - route.z[0]), 0.0)
    return MainSizes(
        links=links,
        head_m=head,
        pressure_m=head - route.z,
        source_lift_m=lift,
        source_kw=_kilowatt(lift, float(flow[0]), rules),
        roughness_c=rules.roughness_c,
    )


def pressures_between(route: Route, sizes: MainSizes) -> NDArray[np.float64]:
    """
    Give the pressure right before and right behind each booster and valve, the ground straight between two places.

    Parameters
    ----------
    route, sizes : of `water_mains`.

    Returns
    -------
    Metres of water, two for each; those in mains that leave the source are left out, as the source is.

    Examples
    --------
    >>> x = np.array([0.0, 10.0, 510.0])
    >>> route = Route(x=x, y=x * 0, z=np.array([0.0, 0.0, 50.0]), parent=np.array([-1, 0, 1]),
    ...               length_m=np.array([0.0, 10.0, 500.0]), outside=np.zeros(3, dtype=bool), load=np.eye(3)[2])
    >>> rules = MainRules(diameters_m=(0.2, 0.3), roughness_c=130, velocity_max_ms=1.5,
    ...                   pressure_min_m=15, pressure_max_m=60, pump_efficiency=0.75)
    >>> pressures_between(route, water_mains(route, 0.05, rules)).round(3).tolist()
    [15.0, 60.0]
    """
    found: list[float] = []
    for at, one in zip(range(1, len(route)), sizes.links.to_dict("records"), strict=True):
        start = int(route.parent[at])
        if start == 0:
            continue
        change = one["boost_m"] - one["drop_m"]
        ends = sizes.pressure_m[start], sizes.pressure_m[at] - change
        each = change / max(len(one["stations"]), 1)
        for number, share in enumerate(one["stations"]):
            before = ends[0] + (ends[1] - ends[0]) * share + number * each
            found += [before, before + each]
    return np.array(found)


def _kilowatt(lift_m: float, flow: float, rules: MainRules) -> float:
    if lift_m <= 0 or flow <= 0:
        return 0.0
    return pumping(0.0, lift_m, flow, diameter_m=1.0, efficiency=rules.pump_efficiency).power_kw


def _main(length_m: float, flow: float, rules: MainRules) -> dict[str, float | int]:
    largest = rules.diameters_m[-1]
    pipes = max(1, math.ceil(flow / (rules.velocity_max_ms * math.pi * largest**2 / 4) - _EPS))
    share = flow / pipes
    fits = [
        d for d in rules.diameters_m if share <= rules.velocity_max_ms * math.pi * d**2 / 4 + _EPS
    ]
    diameter = fits[0] if fits else largest
    return {
        "diameter_m": diameter,
        "pipes": pipes,
        "flow_m3_s": flow,
        "velocity_ms": share / (math.pi * diameter**2 / 4),
        "loss_m": friction_head_m(length_m, share, c=rules.roughness_c, diameter_m=diameter),
    }


def _needed(
    route: Route, loss: NDArray[np.float64], rules: MainRules
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """
    Head that each place needs for all beyond it, and the links that need a booster.

    Before boosters it is as much as lets the fewest of them do, each lifting from the least to the highest pressure.
    """
    room = rules.pressure_max_m - rules.pressure_min_m
    need = route.z + rules.pressure_min_m
    boosted = np.zeros(len(route), dtype=bool)
    for at in range(len(route) - 1, 0, -1):
        to = int(route.parent[at])
        wanted = need[at] + loss[at]
        if to == 0 or wanted <= route.z[to] + rules.pressure_max_m:
            need[to] = max(need[to], wanted)
        else:
            boosted[at] = True
            number = math.ceil((wanted - route.z[to] - rules.pressure_max_m) / room - _EPS)
            need[to] = max(need[to], wanted - number * room)
    # The source itself serves nobody: it lifts as much as the places beyond it ask for, or nothing.
    first = [need[c] + loss[c] for c in route.children[0]]
    need[0] = max([route.z[0], *first])
    return need, boosted


def _followed(
    route: Route,
    loss: NDArray[np.float64],
    need: NDArray[np.float64],
    boosted: NDArray[np.bool_],
    rules: MainRules,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    head = np.empty(len(route))
    boost, drop = np.zeros(len(route)), np.zeros(len(route))
    head[0] = need[0]
    for at in range(1, len(route)):
        came = head[route.parent[at]] - loss[at]
        if boosted[at] and came < need[at]:
            boost[at], came = need[at] - came, need[at]
        most = route.z[at] + rules.pressure_max_m
        if came > most + _EPS:
            kept = max(need[at], route.z[at] + rules.pressure_min_m)
            drop[at], came = came - kept, kept
        head[at] = came
    return head, boost, drop


def _stations(start: float, end: float, change: float, rules: MainRules) -> tuple[float, ...]:
    """
    Place boosters (change above 0) or valves on a link, as shares of its length.

    Pressure goes from `start` to `end`, the change with it. A booster stands where it lifts to the highest pressure and
    no farther, a valve where the highest pressure is reached; none changes more than lies between the limits.
    """
    if abs(change) <= _EPS:
        return ()
    without, most = end - change, rules.pressure_max_m
    if change < 0 and start > most:  # from the source, whose own pressure has no limit
        return (1.0,)
    number = max(1, math.ceil(abs(change) / (most - rules.pressure_min_m) - _EPS))
    each = change / number
    reached = [
        most - each * k if change > 0 else most - each * (k - 1) for k in range(1, number + 1)
    ]
    span = without - start
    return tuple(min(max((one - start) / span, 0.0), 1.0) for one in reached)
