"""Power: lines that keep the voltage and carry the load, and still do when one circuit fails."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.planning.networks.flow import voltage_drop_share
from kcity_geo.planning.networks.route import Route

__all__ = ["LineType", "feeders", "trunk_circuits"]


@dataclass(frozen=True, kw_only=True)
class LineType:
    """
    A line that is bought.

    Parameters
    ----------
    voltage_kv : between the phases.
    ohm_km : resistance and reactance of a km.
    ampacity_a : current that one circuit may carry.
    row : its unit cost.
    """

    voltage_kv: float
    ohm_km: tuple[float, float]
    ampacity_a: float
    row: str

    def most_mva(self) -> float:
        """Tell what one circuit carries."""
        return math.sqrt(3) * self.voltage_kv * self.ampacity_a / 1000

    def drop(self, load_mw: float, length_km: float, power_factor: float) -> float:
        """Tell which share of the voltage one circuit loses."""
        return voltage_drop_share(
            load_mw,
            length_km,
            voltage_kv=self.voltage_kv,
            ohm_km=self.ohm_km,
            power_factor=power_factor,
        )


def trunk_circuits(
    line: LineType, load_mw: float, length_km: float, *, power_factor: float, drop_max: float
) -> tuple[int, float]:
    """
    Count the circuits to a site, one of which may fail.

    Parameters
    ----------
    line : of each circuit.
    load_mw : at its end.
    length_km : of the way.
    power_factor : of the load.
    drop_max : share of the voltage that may be lost.

    Returns
    -------
    Circuits, and the share of the voltage that is lost when one of them fails.

    Examples
    --------
    One circuit would carry 5 MW over 20 km with 4.0 % lost; a second stands by:

    >>> line = LineType(voltage_kv=33, ohm_km=(0.27, 0.35), ampacity_a=300, row="mv_line_33kv")
    >>> circuits, lost = trunk_circuits(line, 5, 20, power_factor=0.9, drop_max=0.05)
    >>> circuits, round(lost, 5)
    (2, 0.04036)
    """
    lost = line.drop(load_mw, length_km, power_factor)
    carry = load_mw / power_factor / line.most_mva()
    working = max(1, math.ceil(max(lost / drop_max, carry) - 1e-9))
    return working + 1, lost / working


def feeders(
    route: Route,
    line: LineType,
    load_mw: float,
    *,
    power_factor: float,
    drop_max: float,
) -> pd.DataFrame:
    """
    Count the circuits of every link of a route.

    Parameters
    ----------
    route : the first place is the substation.
    line : of each circuit.
    load_mw : of all places.
    power_factor : of the load.
    drop_max : share of the voltage that may be lost up to any place.

    Returns
    -------
    A row a link, index 1 to n - 1: ``load_mw, circuits, drop`` (of the link) and ``lost`` (from the
    substation to its far end, never above `drop_max`).

    Examples
    --------
    >>> x = np.array([0.0, 20_000.0])
    >>> route = Route(x=x, y=x * 0, z=x * 0, parent=np.array([-1, 0]), length_m=x,
    ...               outside=np.array([False, False]), load=np.array([0.0, 1.0]))
    >>> line = LineType(voltage_kv=33, ohm_km=(0.27, 0.35), ampacity_a=300, row="mv_line_33kv")
    >>> feeders(route, line, 10, power_factor=0.9, drop_max=0.05)["circuits"].tolist()
    [2]
    """
    load = route.carried * load_mw
    one = np.array(
        [line.drop(float(p), float(m) / 1000, power_factor) for p, m in zip(load, route.length_m, strict=True)]
    )  # fmt: skip
    carry = load / power_factor / line.most_mva()
    circuits = np.maximum(1, np.ceil(carry - 1e-9)).astype(np.int64)
    while True:
        lost = _lost(route, one / circuits)
        worst = int(np.argmax(lost))
        if lost[worst] <= drop_max * (1 + 1e-12):
            break
        way = _way(route, worst)
        # Where one more circuit gains most voltage for its length.
        gain = [
            (one[at] / circuits[at] - one[at] / (circuits[at] + 1)) / max(route.length_m[at], 1e-9)
            for at in way
        ]
        circuits[way[int(np.argmax(gain))]] += 1
    return pd.DataFrame(
        {
            "load_mw": load[1:],
            "circuits": circuits[1:],
            "drop": (one / circuits)[1:],
            "lost": lost[1:],
        },
        index=range(1, len(route)),
    )


def _lost(route: Route, drop: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(len(route))
    for at in range(1, len(route)):
        total[at] = total[route.parent[at]] + drop[at]
    return total


def _way(route: Route, at: int) -> list[int]:
    way = []
    while at > 0:
        way.append(at)
        at = int(route.parent[at])
    return way
