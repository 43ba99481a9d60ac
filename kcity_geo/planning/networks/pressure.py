"""
Pressure: water mains that reach every tap with enough and not too much.

From the far ends to the source, each place says what head it needs; from the source outwards the head is
followed, with boosters where a place would need more than its mains may bear, and valves where there is
too much.
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

__all__ = ["MainRules", "MainSizes", "boosted_words", "water_mains"]

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
        boost_kw, valve`` (whether a valve at its end takes head away).
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
    head, boost, valve = _followed(
        route, np.r_[0.0, links["loss_m"].to_numpy()], need, boosted, rules
    )
    links["boost_m"] = boost[1:]
    links["boost_kw"] = [
        _kilowatt(lift, q, rules) for lift, q in zip(boost[1:], flow[1:], strict=True)
    ]
    links["valve"] = valve[1:]
    lift = max(float(head[0] - route.z[0]), 0.0)
    return MainSizes(
        links=links,
        head_m=head,
        pressure_m=head - route.z,
        source_lift_m=lift,
        source_kw=_kilowatt(lift, float(flow[0]), rules),
        roughness_c=rules.roughness_c,
    )


def boosted_words(route: Route, sizes: MainSizes, rules: MainRules) -> tuple[str, ...]:
    """
    Say where pressure behind a booster is above the limit, which is checked at the places only.

    Parameters
    ----------
    route, sizes : of `water_mains`.
    rules : limits.

    Returns
    -------
    A note, or none.

    Examples
    --------
    >>> x = np.array([0.0, 10.0, 510.0])
    >>> route = Route(x=x, y=x * 0, z=np.array([0.0, 0.0, 50.0]), parent=np.array([-1, 0, 1]),
    ...               length_m=np.array([0.0, 10.0, 500.0]), outside=np.zeros(3, dtype=bool), load=np.eye(3)[2])
    >>> rules = MainRules(diameters_m=(0.2, 0.3), roughness_c=130, velocity_max_ms=1.5,
    ...                   pressure_min_m=15, pressure_max_m=60, pump_efficiency=0.75)
    >>> boosted_words(route, water_mains(route, 0.05, rules), rules)[0][:64]
    'networks: water: right behind a booster the pressure is up to 65'
    """
    boost = sizes.links["boost_m"].to_numpy(dtype=np.float64)
    on = boost > 0
    if not on.any():
        return ()
    at = route.parent[1:][on]
    most = float((sizes.head_m[at] + boost[on] - route.z[at]).max())
    if most <= rules.pressure_max_m + _EPS:
        return ()
    told = (
        f"networks: water: right behind a booster the pressure is up to {most:.1f} m, above the "
        f"{rules.pressure_max_m:g} m that are kept at every place; taps there need a valve, which is not in the cost"
    )
    return (told,)


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
    """Head that each place needs for all beyond it, and the links that need a booster."""
    need = route.z + rules.pressure_min_m
    boosted = np.zeros(len(route), dtype=bool)
    for at in range(len(route) - 1, 0, -1):
        to = int(route.parent[at])
        wanted = need[at] + loss[at]
        if to == 0 or wanted <= route.z[to] + rules.pressure_max_m:
            need[to] = max(need[to], wanted)
        else:
            boosted[at] = True
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
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    head = np.empty(len(route))
    boost, valve = np.zeros(len(route)), np.zeros(len(route), dtype=bool)
    head[0] = need[0]
    for at in range(1, len(route)):
        came = head[route.parent[at]] - loss[at]
        if boosted[at] and came < need[at]:
            boost[at], came = need[at] - came, need[at]
        most = route.z[at] + rules.pressure_max_m
        if came > most + _EPS:
            valve[at], came = True, max(need[at], route.z[at] + rules.pressure_min_m)
        head[at] = came
    return head, boost, valve
