"""Checks: does every pipe and line keep its limits? Recomputed from what was drawn, not from how it was."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kcity_geo.planning.networks.gravity import GravityRules
from kcity_geo.planning.networks.pressure import MainRules, MainSizes, pressures_between
from kcity_geo.planning.networks.route import Route

__all__ = ["Checks"]

_TOLERANCE = 1e-6


@dataclass(eq=False)
class Checks:
    """
    Limits and the worst value of each, in the making.

    Parameters
    ----------
    rows : of the table.
    """

    rows: list[dict[str, object]] = field(default_factory=list)

    def at_most(self, utility: str, rule: str, limit: float, values: object, unit: str) -> None:
        """Hold values against a limit from above; NaN: not spoken of."""
        self._row(utility, rule, limit, values, unit, most=True)

    def at_least(self, utility: str, rule: str, limit: float, values: object, unit: str) -> None:
        """Hold values against a limit from below; NaN: not spoken of."""
        self._row(utility, rule, limit, values, unit, most=False)

    def _row(
        self, utility: str, rule: str, limit: float, values: object, unit: str, *, most: bool
    ) -> None:
        found = np.asarray(values, dtype=np.float64).ravel()
        found = found[np.isfinite(found)]
        if not len(found):
            return
        worst = float(found.max() if most else found.min())
        slack = limit - worst if most else worst - limit
        self.rows.append(
            {
                "utility": utility,
                "rule": rule,
                "limit": limit,
                "worst": worst,
                "unit": unit,
                "met": bool(slack >= -_TOLERANCE * max(abs(limit), 1.0)),
            }
        )

    def gravity(self, utility: str, sizes: pd.DataFrame, rules: GravityRules) -> None:
        """Check sewers: speed, depth, cover, slope and what they carry."""
        self.at_least(
            utility, "speed of the full pipe", rules.velocity_min_ms, sizes["velocity_ms"], "m/s"
        )
        self.at_most(
            utility, "speed of the full pipe", rules.velocity_max_ms, sizes["velocity_ms"], "m/s"
        )
        self.at_least(utility, "slope", rules.slope_min, sizes["slope"], "m/m")
        depths = sizes[["depth_start_m", "depth_end_m"]].to_numpy()
        self.at_most(utility, "depth of the trench", rules.trench_max_m, depths, "m")
        cover = depths - sizes[["diameter_m"]].to_numpy()
        self.at_least(utility, "cover", rules.cover_min_m, cover, "m")
        used = sizes["flow_m3_s"] / sizes["capacity_m3_s"]
        self.at_most(utility, "peak flow over what the pipe carries", 1.0, used, "share")

    def mains(self, route: Route, sizes: MainSizes, rules: MainRules) -> None:
        """Check water mains: speed, and pressure at every place but the source, and beside boosters and valves."""
        self.at_most("water", "speed", rules.velocity_max_ms, sizes.links["velocity_ms"], "m/s")
        inside = sizes.pressure_m[1:]
        self.at_least("water", "pressure", rules.pressure_min_m, inside, "m")
        self.at_most("water", "pressure", rules.pressure_max_m, inside, "m")
        between, rule = pressures_between(route, sizes), "pressure beside boosters and valves"
        self.at_least("water", rule, rules.pressure_min_m, between, "m")
        self.at_most("water", rule, rules.pressure_max_m, between, "m")
        flow = sizes.links["flow_m3_s"].to_numpy()
        drawn = flow.copy()
        for at in range(1, len(route)):
            if route.parent[at] > 0:
                drawn[route.parent[at] - 1] -= flow[at - 1]
        wanted = route.load[1:] * flow[route.parent[1:] == 0].sum()
        if route.load[0] == 0:
            self.at_most("water", "what comes less what is drawn", 0.0, abs(drawn - wanted), "m3/s")

    def table(self) -> pd.DataFrame:
        """Give the checks: ``utility, rule, limit, worst, unit, met``."""
        names = ["utility", "rule", "limit", "worst", "unit", "met"]
        return pd.DataFrame(self.rows, columns=names)
