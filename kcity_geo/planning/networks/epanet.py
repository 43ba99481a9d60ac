"""EPANET: the water mains of a plan as text of an ``.inp`` file, for any program that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.pressure import MainSizes
from kcity_geo.planning.networks.route import Route
from kcity_geo.planning.networks.routed import PlanNetworks

__all__ = ["water_inp"]

_LITRES, _MM = 1000.0, 1000.0
#: A shorter piece of pipe is not written.
_SHORTEST_M = 0.01


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
            self._link(at, one)

    def _link(self, at: int, one: Mapping[Any, Any]) -> None:
        """Write a link: its pipes up to each booster or valve, which change the head by the same amount."""
        route, sizes = self.route, self.sizes
        to, length = int(route.parent[at]), float(route.length_m[at])
        node, reached = f"n{to}", 0.0
        stations = one["stations"]
        change = (one["boost_m"] - one["drop_m"]) / max(len(stations), 1)
        without = sizes.pressure_m[at] - change * len(stations)
        for number, share in enumerate(stations, start=1):
            before, behind = f"a{at}_{number}", f"b{at}_{number}"
            if (share - reached) * length > _SHORTEST_M:
                self._joint(before, at, share)
                self._pipes(one, f"{at}_{number}", node, before, (share - reached) * length)
                node, reached = before, share
            if (1 - share) * length <= _SHORTEST_M and number == len(stations):
                behind = f"n{at}"
            else:
                self._joint(behind, at, share)
            if one["valve"]:
                mm = one["diameter_m"] * _MM * int(one["pipes"]) ** 0.5
                start = sizes.pressure_m[to]
                setting = start + (without - start) * share + change * number
                self.valves.append(
                    f"valve{at}_{number} {node} {behind} {mm:.1f} PRV {setting:.4f} 0"
                )
            else:
                flow, curve = one["flow_m3_s"] * _LITRES, f"curve{at}_{number}"
                self.pumps.append(f"pump{at}_{number} {node} {behind} HEAD {curve}")
                self.curves.append(f"{curve} {flow:.6f} {change:.4f}")
            node, reached = behind, share
        if node != f"n{at}":
            self._pipes(one, f"{at}", node, f"n{at}", (1 - reached) * length)

    def _pipes(
        self, one: Mapping[Any, Any], name: str, start: str, end: str, length_m: float
    ) -> None:
        for number in range(int(one["pipes"])):
            self.pipes.append(
                f"p{name}_{number} {start} {end} {length_m:.3f} {one['diameter_m'] * _MM:.1f} "
                f"{self.sizes.roughness_c:g} 0 Open"
            )

    def _joint(self, name: str, at: int, share: float) -> None:
        route, to = self.route, int(self.route.parent[at])
        z, x, y = (float(v[to] + (v[at] - v[to]) * share) for v in (route.z, route.x, route.y))
        self.between.append((name, z, x, y))

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
