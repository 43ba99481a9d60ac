"""
Gravity: sewers and storm drains that run downhill, and pumps where they cannot.

From the far ends to the outlet, each pipe gets the smallest diameter that carries its peak at a slope
between the one that keeps it clean and the one at which it wears. Where the trench would be too deep the
water is lifted, where the ground is too steep it drops in manholes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.water.pumping import pumping
from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.flow import (
    full_flow_m3_s,
    part_full,
    self_cleansing_slope,
    velocity_ms,
)
from kcity_geo.planning.networks.route import Route

__all__ = ["GravityRules", "gravity_sewers"]

_EPS = 1e-9


@dataclass(frozen=True, kw_only=True)
class GravityRules:
    """
    Limits of pipes that run by gravity.

    Parameters
    ----------
    diameters_m : that are bought, smallest first.
    roughness_n : Manning's n.
    velocity_min_ms, velocity_max_ms : of the full pipe, and of the water at the peak.
    fill_max : depth of the water over the diameter at the peak.
    cover_min_m, trench_max_m : ground over the pipe, and depth of its invert.
    slope_min : of every pipe.
    small_flow_m3_s, small_slope : below this flow a pipe is at least so steep.
    pump_efficiency, roughness_c : of pumps, and of the mains that they press into.
    """

    diameters_m: tuple[float, ...]
    roughness_n: float
    velocity_min_ms: float
    velocity_max_ms: float
    fill_max: float
    cover_min_m: float
    trench_max_m: float
    slope_min: float
    small_flow_m3_s: float
    small_slope: float
    pump_efficiency: float
    roughness_c: float

    def __post_init__(self) -> None:
        """Refuse limits that leave no pipe."""
        if self.cover_min_m + self.diameters_m[-1] >= self.trench_max_m:
            raise StudyError(
                f"sewer: cover {self.cover_min_m:g} m and the largest pipe do not fit into a trench of "
                f"{self.trench_max_m:g} m; set sewer_trench_max_m or sewer_cover_min_m"
            )
        if self.slopes(self.diameters_m[0], math.inf)[0] > self.slopes(self.diameters_m[0], 0)[1]:
            raise StudyError("sewer: no slope lies between the slowest and the fastest water")

    def slopes(self, diameter_m: float, flow_m3_s: float) -> tuple[float, float]:
        """Give the least and the greatest slope of a pipe."""
        clean = self_cleansing_slope(
            diameter_m, velocity_ms=self.velocity_min_ms, roughness_n=self.roughness_n
        )
        least = max(clean, self.slope_min)
        if flow_m3_s < self.small_flow_m3_s:
            least = max(least, self.small_slope)
        fastest = max(part_full(self.fill_max)[1], 1.0)
        most = self_cleansing_slope(
            diameter_m,
            velocity_ms=self.velocity_max_ms / fastest,
            roughness_n=self.roughness_n,
        )
        return least, most

    def capacity_m3_s(self, diameter_m: float, slope: float) -> float:
        """Tell what a pipe carries up to the depth that is allowed."""
        full = full_flow_m3_s(diameter_m, slope, roughness_n=self.roughness_n)
        return full * part_full(self.fill_max)[0]


@dataclass(frozen=True, kw_only=True)
class _Pipe:
    """One pipe: what it is, how it lies, and where its invert ends."""

    diameter_m: float
    pipes: int
    slope: float
    start_m: float
    end_m: float
    drops: int = 0
    lift_m: float = 0.0
    pressed: bool = False


def gravity_sewers(
    route: Route, peak_m3_s: NDArray[np.float64], rules: GravityRules
) -> pd.DataFrame:
    """
    Size pipes that run to the first place of a route.

    Parameters
    ----------
    route : the first place is the outlet.
    peak_m3_s : shape (n,), peak of each link.
    rules : limits.

    Returns
    -------
    A row a link, index 1 to n - 1: ``diameter_m, pipes, slope, velocity_ms`` (full), ``capacity_m3_s``,
    ``depth_start_m, depth_end_m`` (ground to invert), ``drops`` (manholes with a fall), ``lift_m``,
    ``pressed`` (a pressure main), ``pump_kw``. Every pipe keeps the limits; pressure mains have no slope.

    Examples
    --------
    >>> from kcity_geo.planning.networks.flow import self_cleansing_slope
    >>> x = np.array([0.0, 100.0])
    >>> route = Route(x=x, y=x * 0, z=x * 0.01, parent=np.array([-1, 0]), length_m=np.array([0, 100.0]),
    ...               outside=np.array([False, False]), load=np.array([0.0, 1.0]))
    >>> rules = GravityRules(diameters_m=(0.2, 0.3), roughness_n=0.013, velocity_min_ms=0.7,
    ...     velocity_max_ms=3.0, fill_max=0.7, cover_min_m=0.25, trench_max_m=8.0, slope_min=0.0005,
    ...     small_flow_m3_s=0.001, small_slope=1 / 150, pump_efficiency=0.75, roughness_c=130.0)
    >>> gravity_sewers(route, np.array([0.01, 0.01]), rules)[["diameter_m", "slope"]].values.tolist()
    [[0.2, 0.01]]
    """
    count = len(route)
    invert = np.full(count, np.inf)  # of what arrives, lowest
    least = np.full(count, rules.diameters_m[0])
    rows: list[dict[str, float | int | bool]] = []
    for at in range(count - 1, 0, -1):
        to = int(route.parent[at])
        ground = (float(route.z[at]), float(route.z[to]))
        pipe = _laid(
            ground, float(route.length_m[at]), float(peak_m3_s[at]), rules, (invert[at], least[at])
        )
        invert[to] = min(invert[to], pipe.end_m)
        least[to] = max(least[to], pipe.diameter_m)
        rows.append(_row(pipe, ground, float(route.length_m[at]), float(peak_m3_s[at]), rules))
    return pd.DataFrame(rows[::-1], index=range(1, count), columns=list(_row_names()))


def _laid(
    ground: tuple[float, float],
    length_m: float,
    flow: float,
    rules: GravityRules,
    arriving: tuple[float, float],
) -> _Pipe:
    """Lay the smallest pipe that carries the flow, several side by side if none does."""
    for diameter in rules.diameters_m:
        if diameter < arriving[1] - _EPS:
            continue
        pipe = _profile(diameter, ground, length_m, flow, rules, arriving[0])
        if pipe.pressed or rules.capacity_m3_s(diameter, pipe.slope) >= flow - _EPS:
            return pipe
    carried = rules.capacity_m3_s(diameter, pipe.slope)
    return _Pipe(**{**vars(pipe), "pipes": math.ceil(flow / carried - _EPS)})


def _profile(
    diameter: float,
    ground: tuple[float, float],
    length_m: float,
    flow: float,
    rules: GravityRules,
    arrives_m: float,
) -> _Pipe:
    least, most = rules.slopes(diameter, flow)
    shallow = (ground[0] - rules.cover_min_m - diameter, ground[1] - rules.cover_min_m - diameter)
    start = min(arrives_m, shallow[0])
    lift = 0.0
    for lifted in (False, True):
        if lifted:
            lift, start = shallow[0] - start, shallow[0]
        slope = min(max((start - shallow[1]) / length_m, least), most)
        end = start - slope * length_m
        if end > shallow[1] + _EPS:  # the ground is too steep: the pipe starts lower, after a fall
            return _falling(
                _Pipe(diameter_m=diameter, pipes=1, slope=slope, start_m=start, end_m=shallow[1], lift_m=lift),
                ground, length_m, rules,
            )  # fmt: skip
        if ground[1] - end <= rules.trench_max_m + _EPS:
            return _Pipe(
                diameter_m=diameter, pipes=1, slope=slope, start_m=start, end_m=end, lift_m=lift
            )
    rise = max(shallow[1] - shallow[0], 0.0) + lift
    return _Pipe(
        diameter_m=diameter,
        pipes=1,
        slope=0.0,
        start_m=shallow[0],
        end_m=shallow[1],
        lift_m=rise,
        pressed=True,
    )


def _falling(
    pipe: _Pipe, ground: tuple[float, float], length_m: float, rules: GravityRules
) -> _Pipe:
    """Spread the fall that the pipe does not take over manholes, none deeper than a trench."""
    fall = pipe.start_m - pipe.slope * length_m - pipe.end_m
    room = rules.trench_max_m - max(ground[0] - pipe.start_m, rules.cover_min_m + pipe.diameter_m)
    drops = max(1, math.ceil(fall / room)) if room > _EPS else 1
    return _Pipe(**{**vars(pipe), "drops": drops})


def _row_names() -> tuple[str, ...]:
    return (
        "diameter_m", "pipes", "slope", "velocity_ms", "capacity_m3_s", "depth_start_m", "depth_end_m",
        "drops", "lift_m", "pressed", "pump_kw",
    )  # fmt: skip


def _row(
    pipe: _Pipe,
    ground: tuple[float, float],
    length_m: float,
    flow: float,
    rules: GravityRules,
) -> dict[str, float | int | bool]:
    power = 0.0
    if pipe.lift_m > 0:
        power = pumping(
            length_m if pipe.pressed else 0.0,
            pipe.lift_m,
            flow,
            diameter_m=pipe.diameter_m,
            c=rules.roughness_c,
            efficiency=rules.pump_efficiency,
        ).power_kw
    speed = velocity_ms(pipe.diameter_m, pipe.slope, roughness_n=rules.roughness_n)
    carried = rules.capacity_m3_s(pipe.diameter_m, pipe.slope) * pipe.pipes
    return {
        "diameter_m": pipe.diameter_m,
        "pipes": pipe.pipes,
        "slope": math.nan if pipe.pressed else pipe.slope,
        "velocity_ms": math.nan if pipe.pressed else speed,
        "capacity_m3_s": math.nan if pipe.pressed else carried,
        "depth_start_m": ground[0] - pipe.start_m,
        "depth_end_m": ground[1] - pipe.end_m,
        "drops": pipe.drops,
        "lift_m": pipe.lift_m,
        "pressed": pipe.pressed,
        "pump_kw": power,
    }
