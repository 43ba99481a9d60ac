"""Road appraisal: what a paved road saves those who drive on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.planning.economics import Appraisal, Stream, appraise

__all__ = ["RoadProject", "appraise_road", "rule_of_half", "savings_per_vehicle_km"]

_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class RoadProject:
    """
    A road to be improved.

    Parameters
    ----------
    length_km : above 0.
    vehicles_day : traffic of year 0, both directions.
    growth_share : of traffic, a year.
    cost : money.
    spending : share of the cost in each year from year 0; they add to 1.
    operating_years : after the last year of spending.
    upkeep_before_km, upkeep_after_km : money a year and km.
    """

    length_km: float
    vehicles_day: float
    growth_share: float
    cost: float
    spending: tuple[float, ...]
    operating_years: int
    upkeep_before_km: float = 0.0
    upkeep_after_km: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no road project."""
        if not (self.length_km > 0 and self.vehicles_day >= 0 and self.cost >= 0):
            raise StudyError(
                f"road: {self.length_km:g} km, {self.vehicles_day:g} vehicles a day, cost "
                f"{self.cost:g}; length must be above 0, the others not below"
            )
        if not math.isclose(sum(self.spending), 1.0, abs_tol=1e-9) or min(self.spending) < 0:
            raise StudyError(f"road: spending {self.spending} must be shares that add to 1")
        if self.operating_years < 1:
            raise StudyError(f"road: {self.operating_years!r} operating years; at least 1")


def savings_per_vehicle_km() -> dict[str, float]:
    """
    Give what a vehicle saves on a km of paved road instead of gravel, for the mix of the table.

    Returns
    -------
    ``vehicle_operating_costs``, ``time_savings``, ``accidents``: USD.

    Examples
    --------
    >>> {kind: round(usd, 4) for kind, usd in savings_per_vehicle_km().items()}
    {'vehicle_operating_costs': 0.1278, 'time_savings': 0.0282, 'accidents': 0.0091}
    """
    rows = read_table("planning")["vehicle"]
    parts = (
        ("vehicle_operating_costs", "operating"),
        ("time_savings", "time"),
        ("accidents", "accidents"),
    )
    return {
        kind: sum(r["share"] * (r[f"{name}_before"] - r[f"{name}_after"]) for r in rows)
        for kind, name in parts
    }


def rule_of_half(
    traffic_before: float, traffic_after: float, *, cost_before: float, cost_after: float
) -> float:
    """
    Give the gain of all users when a trip becomes cheaper and more are made.

    Parameters
    ----------
    traffic_before, traffic_after : trips.
    cost_before, cost_after : of one trip.

    Returns
    -------
    Half the sum of traffic times the fall of the cost.

    Examples
    --------
    >>> rule_of_half(1000, 1200, cost_before=10, cost_after=8)
    2200.0
    """
    return 0.5 * (traffic_before + traffic_after) * (cost_before - cost_after)


def appraise_road(project: RoadProject, *, rates: Sequence[float] = ()) -> Appraisal:
    """
    Appraise a road: capital and upkeep against the savings of its users.

    Parameters
    ----------
    project : the road.
    rates : discount rates; none: 4.5, 6, 9 and 12 %.

    Returns
    -------
    The appraisal; benefits start in the year after the last spending, with the traffic of that year.

    Examples
    --------
    >>> road = RoadProject(length_km=10, vehicles_day=2000, growth_share=0.035, cost=4e6,
    ...     spending=(.4, .3, .3), operating_years=20, upkeep_before_km=2560, upkeep_after_km=4500)
    >>> found = appraise_road(road)
    >>> round(found.internal_rate * 100, 3), (found.by_rate["npv"] / 1e6).round(3).tolist()[2:]
    (27.807, [9.329, 6.204])
    """
    first = len(project.spending)
    years = first + project.operating_years
    open_years = range(first, years)
    saving = savings_per_vehicle_km()
    streams = [
        Stream(
            kind="capital", values=tuple(project.cost * s for s in project.spending), title="road"
        )
    ]
    travelled = {
        y: project.vehicles_day * (1 + project.growth_share) ** y * _DAYS * project.length_km
        for y in open_years
    }
    for kind, usd in saving.items():
        values = tuple(travelled.get(y, 0.0) * usd for y in range(years))
        streams.append(Stream(kind=kind, values=values, mark="V2", source="tables/planning.toml"))
    more = (project.upkeep_after_km - project.upkeep_before_km) * project.length_km
    upkeep = tuple(abs(more) if y >= first else 0.0 for y in range(years))
    kind = "upkeep" if more >= 0 else "other_benefit"
    streams.append(Stream(kind=kind, values=upkeep, title="upkeep beyond that of today"))
    return appraise(streams, rates=rates)
