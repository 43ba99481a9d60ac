"""EPANET: the water mains of a plan as text of an ``.inp`` file, for any program that reads it."""

from __future__ import annotations

import numpy as np

from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.pressure import MainSizes
from kcity_geo.planning.networks.route import Route
from kcity_geo.planning.networks.routed import PlanNetworks

__all__ = ["water_inp"]

_LITRES, _MM = 1000.0, 1000.0


def water_inp(networks: PlanNetworks) -> str:
    """
    Write the water mains of a plan as text of an EPANET file.

    Parameters
    ----------
    networks : of a plan.

    Returns
    -------
    Text of an ``.inp`` file: litres a second, metres, Hazen-Williams, the peak hour. The source is a
    reservoir at the head that its pump gives; boosters are pumps, pressure valves are PRVs.

    Raises
    ------
    StudyError
        If the plan has no water mains.
    """
    if networks.water is None:
        raise StudyError("networks: the plan has no water mains; nothing to write for EPANET")
    route, sizes = networks.water
    parts = _Parts(route, sizes)
    sections = {
        "TITLE": ["Water mains of a concept plan, peak hour; a sketch, not a design"],
        "JUNCTIONS": parts.junctions(),
        "RESERVOIRS": [f"n0 {sizes.head_m[0]:.4f}"],
        "PIPES": parts.pipes,
        "PUMPS": parts.pumps,
        "CURVES": parts.curves,
        "VALVES": parts.valves,
        "OPTIONS": ["Units LPS", "Headloss H-W", "Accuracy 0.00001", "Trials 200"],
        "TIMES": ["Duration 0", "Hydraulic Timestep 1:00"],
        "COORDINATES": parts.coordinates(),
    }
    text = [line for name, rows in sections.items() for line in (f"[{name}]", *rows, "")]
    return "\n".join([*text, "[END]", ""])


class _Parts:
    """Pipes, pumps and valves; those of one link stand one after the other."""

    def __init__(self, route: Route, sizes: MainSizes) -> None:
        self.route, self.sizes = route, sizes
        self.pipes: list[str] = []
        self.pumps: list[str] = []
        self.curves: list[str] = []
        self.valves: list[str] = []
        self.between: list[tuple[str, float, float, float]] = []
        for at, one in zip(range(1, len(route)), sizes.links.to_dict("records"), strict=True):
            start, end = f"n{route.parent[at]}", f"n{at}"
            mm, count = one["diameter_m"] * _MM, int(one["pipes"])
            if one["boost_m"] > 0:
                self._joint(f"b{at}", int(route.parent[at]))
                flow = one["flow_m3_s"] * _LITRES
                self.pumps.append(f"pump{at} {start} b{at} HEAD curve{at}")
                self.curves.append(f"curve{at} {flow:.6f} {one['boost_m']:.4f}")
                start = f"b{at}"
            if one["valve"]:
                self._joint(f"v{at}", at)
                setting = sizes.pressure_m[at]
                self.valves.append(
                    f"valve{at} v{at} {end} {mm * count**0.5:.1f} PRV {setting:.4f} 0"
                )
                end = f"v{at}"
            for number in range(count):
                self.pipes.append(
                    f"p{at}_{number} {start} {end} {route.length_m[at]:.3f} {mm:.1f} {sizes.roughness_c:g} 0 Open"
                )

    def _joint(self, name: str, at: int) -> None:
        route = self.route
        self.between.append((name, float(route.z[at]), float(route.x[at]), float(route.y[at])))

    def junctions(self) -> list[str]:
        flow = self.sizes.links["flow_m3_s"].to_numpy() * _LITRES
        drawn = np.r_[0.0, flow]
        for at in range(1, len(self.route)):
            drawn[self.route.parent[at]] -= flow[at - 1]
        rows = [
            f"n{at} {self.route.z[at]:.4f} {max(drawn[at], 0.0):.6f}" for at in range(1, len(drawn))
        ]
        return [*rows, *(f"{name} {z:.4f} 0" for name, z, _, _ in self.between)]

    def coordinates(self) -> list[str]:
        route = self.route
        rows = [f"n{at} {route.x[at]:.2f} {route.y[at]:.2f}" for at in range(len(route))]
        return [*rows, *(f"{name} {x:.2f} {y:.2f}" for name, _, x, y in self.between)]
