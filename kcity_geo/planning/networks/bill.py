"""Bill: lines and points of networks with what each costs, and the same quantities as works of the plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kcity_geo.planning.cost import Quantity
from kcity_geo.planning.cost_table import CostRow, PriceBasis, unit_price
from kcity_geo.planning.networks.route import Route
from kcity_geo.planning.networks.tables import utility_title

__all__ = ["LINE_COLUMNS", "POINT_COLUMNS", "ROUTED", "Bill", "Laid", "Pricing", "Stands"]

LINE_COLUMNS = (
    "utility", "from", "to", "size", "size_mm", "count", "length_m", "outside", "flow", "slope", "velocity_ms",
    "depth_m", "row", "cost", "low", "high", "currency",
)  # fmt: skip
POINT_COLUMNS = (
    "utility", "kind", "node", "size", "amount", "unit", "outside", "row", "cost", "low", "high", "currency",
)  # fmt: skip
#: First word of what is said of works that are routed.
ROUTED = "routed"
_PER_KM = {"km": 0.001, "m": 1.0}


@dataclass(frozen=True, kw_only=True)
class Pricing:
    """
    How networks are priced.

    Parameters
    ----------
    basis : money, year and place.
    rows : unit costs.
    """

    basis: PriceBasis
    rows: Mapping[str, CostRow]

    def price(self, row: str) -> tuple[float, float, float]:
        """Give value, low and high of a unit, in the money of the plan."""
        found = self.rows[row]
        factor = unit_price(found, self.basis)
        return found.value * factor, found.low * factor, found.high * factor

    def price_m(self, row: str) -> float:
        """Give the value of a metre of a row that is priced by length."""
        return self.price(row)[0] * _PER_KM[self.rows[row].unit]


@dataclass(frozen=True, kw_only=True)
class Laid:
    """
    What lies in a link.

    Parameters
    ----------
    size : in words.
    count : pipes or circuits side by side.
    size_mm, flow, slope, velocity_ms, depth_m : NaN where they say nothing; flow in m3/s or MW.
    dig_m3 : what is dug beyond the trench that the price holds.
    """

    size: str
    count: int = 1
    size_mm: float = math.nan
    flow: float = math.nan
    slope: float = math.nan
    velocity_ms: float = math.nan
    depth_m: float = math.nan
    dig_m3: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stands:
    """
    What stands at a place.

    Parameters
    ----------
    kind : pump, booster, pressure valve, or begins.
    size : in words.
    amount : in the unit of its price.
    """

    kind: str
    size: str = ""
    amount: float = 0.0


@dataclass(eq=False)
class Bill:
    """
    Lines and points in the making.

    Parameters
    ----------
    pricing : how they are priced.
    crs : metric.
    lines, points : rows of the two tables so far.
    amounts : utility, row of a unit cost, and whether it lies outside the site -> amount so far.
    """

    pricing: Pricing
    crs: Any
    lines: list[dict[str, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    amounts: dict[tuple[str, str, bool], float] = field(default_factory=dict)

    def line(self, utility: str, route: Route, at: int, row: str, laid: Laid) -> None:
        """Add the link of a place to what it hangs on."""
        to = int(route.parent[at])
        off = bool(route.outside[at])
        length = float(route.length_m[at]) * laid.count
        amount = length * _PER_KM[self.pricing.rows[row].unit]
        cost = self._spend((utility, row, off), amount)
        if laid.dig_m3 > 0:
            cost = cost + self._spend((utility, "earthworks", off), laid.dig_m3)
        self.lines.append(
            {name: value for name, value in vars(laid).items() if name in LINE_COLUMNS}
            | {
                "utility": utility,
                "from": f"{utility}-{to}",
                "to": f"{utility}-{at}",
                "length_m": float(route.length_m[at]),
                "outside": off,
                "row": row,
                "cost": cost[0],
                "low": cost[1],
                "high": cost[2],
                "currency": self.pricing.basis.currency,
                "geometry": shapely.LineString(
                    [(route.x[to], route.y[to]), (route.x[at], route.y[at])]
                ),
            }
        )

    def point(
        self, utility: str, route: Route, at: int, row: str, stands: Stands, *, share: float = 1.0
    ) -> None:
        """Add something that stands at a place, or at a share of the link to it; without a row it costs nothing."""
        to = int(route.parent[at]) if at and share < 1 else at
        off = bool(route.outside[at]) or (at == 0 and bool(route.outside.any()))
        cost = np.zeros(3)
        if row:
            cost = self._spend((utility, row, off), stands.amount)
        self.points.append(
            {
                "utility": utility,
                "node": f"{utility}-{at}",
                "unit": self.pricing.rows[row].unit if row else "",
                "outside": off,
                "row": row,
                "cost": cost[0],
                "low": cost[1],
                "high": cost[2],
                "currency": self.pricing.basis.currency,
                "geometry": shapely.Point(
                    route.x[to] + (route.x[at] - route.x[to]) * share,
                    route.y[to] + (route.y[at] - route.y[to]) * share,
                ),
                **vars(stands),
            }
        )

    def _spend(self, key: tuple[str, str, bool], amount: float) -> Any:  # noqa: ANN401 - three numbers
        self.amounts[key] = self.amounts.get(key, 0.0) + amount
        return np.array(self.pricing.price(key[1])) * amount

    def add(self, other: Bill) -> None:
        """Add all of another bill of the same prices."""
        self.lines += other.lines
        self.points += other.points
        for key, amount in other.amounts.items():
            self.amounts[key] = self.amounts.get(key, 0.0) + amount

    def frames(self) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
        """Give lines and points."""
        made = []
        for rows, columns in ((self.lines, LINE_COLUMNS), (self.points, POINT_COLUMNS)):
            table = pd.DataFrame(rows, columns=[*columns, "geometry"])
            made.append(gpd.GeoDataFrame(table, geometry="geometry", crs=self.crs))
        return made[0], made[1]

    def works(self, phases: Sequence[float]) -> tuple[Quantity, ...]:
        """List all of it as works: outside the site with the trunk (phase 0), inside by the share of each phase."""
        found = []
        for (utility, row, outside), amount in sorted(self.amounts.items()):
            parts = [(0, 1.0)] if outside else list(enumerate(phases, start=1))
            where = "to the site" if outside else "on the site"
            found += [
                Quantity(
                    row=row,
                    amount=amount * share,
                    unit=self.pricing.rows[row].unit,
                    phase=phase,
                    why=f"{ROUTED} {utility_title(utility).lower()} {where}",
                )
                for phase, share in parts
            ]
        return tuple(found)
