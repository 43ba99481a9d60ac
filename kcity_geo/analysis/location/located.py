"""The answer to "where to put the next ones", with its proof and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from kcity_geo.analysis.location.services import Service

__all__ = ["Located", "proof_words"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Located:
    """
    Chosen sites of a service.

    Parameters
    ----------
    service : what was placed.
    method : mclp, p_median, lscp or p_centre.
    sites : metric CRS, a row a site in the order of what each adds to those before: ``rank``,
        ``candidate`` (position among the candidates), ``persons_newly_reached`` (within the limit
        that nobody before them reached), ``persons_cumulative``, ``weight_newly_reached`` (those who
        count for the choice, such as people who fall short), ``persons_assigned`` and
        ``mean_cost`` of those who go there, in the unit of the service, and ``price`` when prices
        were given.
    assignment : a row a home with people: ``cell_id``, ``persons``, ``weight``, ``site`` (rank of
        the new site that they go to, 0: to what exists or would go there, -1: to none),
        ``cost_before`` and ``cost_after`` (inf: no way).
    value, bound : what the method makes as good as possible, in ``unit`` (weight reached, mean cost
        of the weight, sites or their price, or longest cost), and what no choice can beat.
    value_unit : its unit.
    persons, persons_before, persons_after : people of the city, and those within the limit before
        and after.
    proof : "proved optimal" or "within x % of the best possible".
    none : the answer when there are no sites.
    notes : what must be read beside it.
    """

    service: Service
    method: str
    sites: gpd.GeoDataFrame
    assignment: pd.DataFrame
    value: float
    bound: float
    value_unit: str
    persons: float
    persons_before: float
    persons_after: float
    proof: str
    none: str = ""
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is gained, what was made best and how surely, in a sentence or two."""
        if len(self.sites) == 0:
            return self.none
        new = self.persons_after - self.persons_before
        verb = "brings" if len(self.sites) == 1 else "bring"
        after, before = _shares(self.persons_after, self.persons_before, self.persons)
        text = (
            f"{self.service.named(len(self.sites))} {verb} {new:,.0f} more people "
            f"{self.service.near}: {after} instead of {before}"
        )
        if self.value_unit == "people":  # what was made best is the number just told
            return f"{text} ({self.proof})."
        return f"{text}. {self._best()} ({self.proof})."

    def _best(self) -> str:
        """Name what was made as good as possible, with its number."""
        if self.method == "p_median":
            unit, _, of = self.value_unit.partition(", mean of ")
            who = "" if of == "people" else f", by {of}"
            return f"Made as short as possible: the mean way{who}, {self.value:,.1f} {unit}"
        if self.method == "p_centre":
            return (
                f"Made as short as possible: the longest way, {self.value:,.1f} {self.value_unit}"
            )
        if self.method == "lscp":
            what = "number of sites" if self.value_unit == "sites" else "price of all"
            return f"Made as small as possible: the {what}, {self.value:,.6g}"
        return (
            f"Made as many as possible: {self.value_unit}, {self.value:,.0f} more within the limit"
        )

    def table(self) -> list[dict[str, str]]:
        """Give the sites as rows of words, for people."""
        lonlat = self.sites.to_crs(4326).geometry
        return [
            {
                "rank": str(row["rank"]),
                "lat, lon": f"{place.y:.5f}, {place.x:.5f}",
                "people newly reached": f"{row['persons_newly_reached']:,.0f}",
                "together": f"{row['persons_cumulative']:,.0f}",
                "people who go there": f"{row['persons_assigned']:,.0f}",
                f"mean way, {self.service.unit}": _number(row["mean_cost"]),
            }
            for (_, row), place in zip(self.sites.iterrows(), lonlat, strict=True)
        ]

    def as_json(self) -> dict[str, Any]:
        """Give the answer as plain values, coordinates in degrees; NaN and inf become None."""
        lonlat = self.sites.to_crs(4326).geometry
        sites = [
            {
                "lon": round(float(place.x), 7),
                "lat": round(float(place.y), 7),
                **{key: _plain(row[key]) for key in self.sites.columns if key != "geometry"},
            }
            for (_, row), place in zip(self.sites.iterrows(), lonlat, strict=True)
        ]
        return {
            "service": self.service.id,
            "method": self.method,
            "near": self.service.near,
            "sites": sites,
            "value": _plain(self.value),
            "bound": _plain(self.bound),
            "value_unit": self.value_unit,
            "persons": _plain(self.persons),
            "persons_before": _plain(self.persons_before),
            "persons_after": _plain(self.persons_after),
            "proof": self.proof,
            "answer": self.sentence,
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        """Say the answer in one line."""
        return f"Located({self.service.id}, {self.method}: {self.sentence})"


def _number(value: float) -> str:
    return f"{value:,.1f}" if math.isfinite(value) else "-"


def _plain(value: float) -> float | int | None:
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else round(number, 6)


def _shares(after: float, before: float, whole: float) -> tuple[str, str]:
    """Give two shares in whole percent, with a decimal where they would look the same."""
    if not whole > 0:
        return "nobody", "nobody"
    percent = 100 * after / whole, 100 * before / whole
    digits = int(after > before and round(percent[0]) == round(percent[1]))
    first, second = (f"{value:.{digits}f} %" for value in percent)
    return first, second


def proof_words(short_share: float, *, proved: bool) -> str:
    """
    Say how good a choice is proved to be.

    Parameters
    ----------
    short_share : by how much the best possible may be better, as a share of it.
    proved : whether no choice can be better.

    Returns
    -------
    The words.

    Examples
    --------
    >>> proof_words(0.0, proved=True), proof_words(0.0123, proved=False)
    ('proved optimal', 'within 1.3 % of the best possible')
    >>> proof_words(0.0001, proved=False)
    'within 0.1 % of the best possible'
    """
    if proved:
        return "proved optimal"
    # Rounded up: never better than it is.
    percent = max(math.ceil(short_share * 1000 - 1e-9) / 10, 0.1)
    return f"within {percent:.1f} % of the best possible"
