"""
Economics: is it worth it, at which rate, and what would have to change?

Present values at several rates side by side, never one; rates of return only where the flows have one;
benefits by type without counting the same gain twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.planning.cash_flows import (
    benefit_cost_ratio,
    net_present_value,
    payback_year,
    rates_of_return,
    require_rates,
)

__all__ = [
    "Appraisal",
    "Stream",
    "appraise",
    "discount_rates",
    "sensitivity",
    "switching_values",
]

#: Kinds of benefit that measure the same gain: only one of each group may be counted.
_SAME_GAIN = (
    ("time_savings", "land_value_uplift"),
    ("water_coping_cost", "water_willingness_to_pay"),
    ("power_fuel_displaced", "power_willingness_to_pay"),
)
_KINDS = (
    *(kind for group in _SAME_GAIN for kind in group),
    "vehicle_operating_costs",
    "accidents",
    "greenhouse_gas",
    "health",
    "land_sale",
    "user_fees",
    "residual_value",
    "other_benefit",
    "capital",
    "upkeep",
    "other_cost",
)
_COSTS = ("capital", "upkeep", "other_cost")
_YEARS_MIN = 2


@dataclass(frozen=True, kw_only=True)
class Stream:
    """
    One cost or benefit over the years.

    Parameters
    ----------
    kind : of `_KINDS`: capital, upkeep and other_cost are costs, all others benefits.
    values : amount of each year from year 0, zero or more, money.
    title : for people.
    grows_with_take_up : the benefit is that of full take-up and is multiplied by it.
    source, mark : where it comes from.
    """

    kind: str
    values: tuple[float, ...]
    title: str = ""
    grows_with_take_up: bool = False
    source: str = ""
    mark: str = "U"

    def __post_init__(self) -> None:
        """Refuse what cannot be appraised."""
        if self.kind not in _KINDS:
            raise StudyError(f"stream {self.kind!r}: is not one of {', '.join(_KINDS)}")
        if not all(math.isfinite(v) and v >= 0 for v in self.values):
            raise StudyError(
                f"stream {self.kind}: amounts must be numbers, zero or more (costs without a minus)"
            )

    def amounts(self) -> NDArray[np.float64]:
        """Give the amounts as an array."""
        return np.asarray(self.values, dtype=np.float64)

    @property
    def is_cost(self) -> bool:
        """Tell whether it is a cost."""
        return self.kind in _COSTS


def discount_rates() -> dict[float, str]:
    """
    Give the rates that are shown side by side, with whose they are.

    Returns
    -------
    Rate -> institution and mark.

    Examples
    --------
    >>> list(discount_rates())
    [0.045, 0.06, 0.09, 0.12]
    """
    table = read_table("planning")["discount"]
    return dict(zip(table["rates"], table["titles"], strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Appraisal:
    """
    What streams of costs and benefits come to.

    Parameters
    ----------
    streams : as counted (take-up applied).
    flows : benefits less costs of each year, money.
    by_rate : index discount rate: ``title, npv, bcr, discounted_payback, costs, benefits``.
    rates_of_return : all there are.
    internal_rate : the rate when there is exactly one, else NaN.
    payback : years, not discounted.
    switching : kind -> index discount rate: change of that stream (a share) at which the present value
        is 0.
    take_up : share used.
    notes : what must be read beside the numbers.
    """

    streams: tuple[Stream, ...]
    flows: tuple[float, ...]
    by_rate: pd.DataFrame
    rates_of_return: tuple[float, ...]
    internal_rate: float
    payback: float
    switching: pd.DataFrame
    take_up: float
    notes: tuple[str, ...] = ()

    @property
    def benefits_begin(self) -> int:
        """Number of the year after the last capital, from year 0."""
        capital = _sum([s for s in self.streams if s.kind == "capital"], cost=True)
        return int(np.flatnonzero(capital)[-1]) + 1 if capital.any() else 0

    def table(self) -> pd.DataFrame:
        """
        Give the flows from which every present value follows.

        Returns
        -------
        Index ``year`` from 0 (year 0 is not discounted): ``capital, upkeep, other_costs, benefits, net``, money.
        """
        parts = {
            "capital": [s for s in self.streams if s.kind == "capital"],
            "upkeep": [s for s in self.streams if s.kind == "upkeep"],
            "other_costs": [s for s in self.streams if s.kind == "other_cost"],
        }
        found = {name: np.zeros(len(self.flows)) for name in (*parts, "benefits")}
        for name, streams in parts.items():
            amounts = _sum(streams, cost=True)
            found[name][: len(amounts)] = amounts
        found["benefits"] += _sum(self.streams, cost=False)
        found["net"] = np.array(self.flows)
        return pd.DataFrame(found).rename_axis("year")

    def required_benefit(self, rate: float) -> float:
        """
        Give the benefit of each year after the last capital that would pay for everything.

        Parameters
        ----------
        rate : discount rate.

        Returns
        -------
        Money a year, from the year after the last capital to the end; infinite without such a year.
        """
        costs = _sum(self.streams, cost=True)
        ones = (np.arange(len(self.flows)) >= self.benefits_begin).astype(np.float64)
        worth = net_present_value(rate, ones)
        return net_present_value(rate, costs) / worth if worth > 0 else math.inf


def _sum(streams: Sequence[Stream], *, cost: bool) -> NDArray[np.float64]:
    years = max((len(s.values) for s in streams), default=0)
    total = np.zeros(years)
    for stream in streams:
        if stream.is_cost == cost:
            total[: len(stream.values)] += stream.amounts()
    return total


def appraise(
    streams: Sequence[Stream], *, take_up: ArrayLike = 1.0, rates: Sequence[float] = ()
) -> Appraisal:
    """
    Appraise costs and benefits at several rates.

    Parameters
    ----------
    streams : costs and benefits, at most one kind of each group that measures the same gain.
    take_up : share of those benefits that grow with it, one number or one a year, 0 to 1.
    rates : discount rates; none: 4.5, 6, 9 and 12 %.

    Returns
    -------
    The appraisal.

    Raises
    ------
    StudyError
        If there is nothing to appraise, the same gain is counted twice, or a rate cannot be meant.

    Examples
    --------
    >>> found = appraise([Stream(kind="capital", values=(100, 50)),
    ...                   Stream(kind="time_savings", values=(0, 0, *[20] * 18))])
    >>> found.by_rate["npv"].round(3).tolist()[2], round(found.internal_rate, 5)
    (14.782, 0.10356)
    """
    _check_streams(streams)
    require_rates(rates)
    years = max(len(s.values) for s in streams)
    share = np.broadcast_to(np.asarray(take_up, dtype=np.float64), (years,))
    if not ((share >= 0) & (share <= 1)).all():
        raise StudyError("take-up: must lie from 0 to 1 in every year")
    counted = tuple(_in_full(stream, years, share) for stream in streams)
    costs, benefits = _sum(counted, cost=True), _sum(counted, cost=False)
    flows = benefits - costs
    shown = list(rates) or list(discount_rates())
    titles = discount_rates()
    rows = [
        {
            "rate": rate,
            "title": titles.get(rate, "set by the user"),
            "npv": net_present_value(rate, flows),
            "bcr": benefit_cost_ratio(rate, benefits, costs),
            "discounted_payback": payback_year(flows, rate=rate),
            "costs": net_present_value(rate, costs),
            "benefits": net_present_value(rate, benefits),
        }
        for rate in shown
    ]
    found = rates_of_return(flows)
    notes = _notes(found, counted)
    return Appraisal(
        streams=counted,
        flows=tuple(float(f) for f in flows),
        by_rate=pd.DataFrame(rows).set_index("rate"),
        rates_of_return=found,
        internal_rate=found[0] if len(found) == 1 else math.nan,
        payback=payback_year(flows),
        switching=switching_values(counted, rates=shown),
        take_up=float(share[-1]),
        notes=notes,
    )


def _check_streams(streams: Sequence[Stream]) -> None:
    if max((len(s.values) for s in streams), default=0) < _YEARS_MIN:
        raise StudyError("economics: there must be costs or benefits of at least two years")
    kinds = {stream.kind for stream in streams}
    for group in _SAME_GAIN:
        twice = [kind for kind in group if kind in kinds]
        if len(twice) > 1:
            raise StudyError(
                f"economics: {' and '.join(twice)} measure the same gain; count one of them"
            )


def _in_full(stream: Stream, years: int, share: NDArray[np.float64]) -> Stream:
    values = np.zeros(years)
    values[: len(stream.values)] = stream.amounts()
    if stream.grows_with_take_up:
        values = values * share
    return replace(stream, values=tuple(values.tolist()), grows_with_take_up=False)


def _notes(found: tuple[float, ...], streams: Sequence[Stream]) -> tuple[str, ...]:
    notes = []
    high = float(read_table("planning")["discount"]["eirr_high"])
    gains = [stream for stream in streams if not stream.is_cost]
    if len(found) > 1:
        told = ", ".join(f"{rate:.1%}" for rate in found)
        notes.append(f"economics: {len(found)} rates of return ({told}); none may be quoted alone")
    elif not found and gains:
        notes.append("economics: the flows have no rate of return; compare present values")
    elif found and found[0] > high:
        notes.append(
            f"economics: a rate of return of {found[0]:.1%} is above {high:.0%}; check costs and benefits"
        )
    if not gains:
        notes.append("economics: no benefit was given; see what each year would have to bring")
    for note in notes:
        tell(note, stacklevel=4)
    return tuple(notes)


def switching_values(streams: Sequence[Stream], *, rates: Sequence[float]) -> pd.DataFrame:
    """
    Give the change of each stream at which the present value becomes 0.

    Parameters
    ----------
    streams : as counted.
    rates : discount rates.

    Returns
    -------
    Index discount rate, a column a kind (and ``benefits``, ``costs`` for all of them together): -0.092
    means that it may fall by 9.2 %, 0.5 that it may rise by half. NaN: no such stream.

    Examples
    --------
    >>> streams = [Stream(kind="capital", values=(100, 50)),
    ...            Stream(kind="time_savings", values=(0, 0, *[20] * 18))]
    >>> round(float(switching_values(streams, rates=[0.09]).loc[0.09, "benefits"]), 3)
    -0.092
    """
    costs, benefits = _sum(streams, cost=True), _sum(streams, cost=False)
    groups: dict[str, list[Stream]] = {}
    for stream in streams:
        groups.setdefault(stream.kind, []).append(stream)
    rows = {}
    for rate in rates:
        spent, gained = net_present_value(rate, costs), net_present_value(rate, benefits)
        worth = gained - spent
        row = {
            "benefits": -worth / gained if gained > 0 else math.nan,
            "costs": worth / spent if spent > 0 else math.nan,
        }
        for kind, members in groups.items():
            own = sum(net_present_value(rate, m.values) for m in members)
            sign = 1.0 if kind in _COSTS else -1.0
            row[kind] = sign * worth / own if own > 0 else math.nan
        rows[rate] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rate")


def sensitivity(
    streams: Sequence[Stream],
    *,
    rate: float,
    costs: Sequence[float] = (-0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
    benefits: Sequence[float] = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2),
    delays_years: Sequence[int] = (0, 1, 2, 3),
) -> pd.DataFrame:
    """
    Compute what happens when costs rise, benefits fall and benefits come late.

    Parameters
    ----------
    streams : as counted.
    rate : discount rate.
    costs, benefits : changes, shares.
    delays_years : years by which all benefits and upkeep come later; the horizon stays.

    Returns
    -------
    Columns ``cost_change, benefit_change, delay_years, npv, internal_rate`` (NaN where there is not
    exactly one).

    Examples
    --------
    >>> streams = [Stream(kind="capital", values=(100, 50)),
    ...            Stream(kind="time_savings", values=(0, 0, *[20] * 18))]
    >>> grid = sensitivity(streams, rate=0.09, delays_years=[0])
    >>> grid.query("cost_change == 0 and benefit_change == 0")["npv"].round(3).tolist()
    [14.782]
    """
    capital = _sum([s for s in streams if s.kind == "capital"], cost=True)
    later = _sum([s for s in streams if s.kind != "capital"], cost=True)
    gains = _sum(streams, cost=False)
    years = max(len(capital), len(later), len(gains))
    capital, later, gains = (np.pad(a, (0, years - len(a))) for a in (capital, later, gains))
    rows = []
    for delay in delays_years:
        kept = max(years - delay, 0)
        shifted = [np.pad(a[:kept], (min(delay, years), 0)) for a in (later, gains)]
        for cost in costs:
            for benefit in benefits:
                flows = shifted[1] * (1 + benefit) - (capital + shifted[0]) * (1 + cost)
                found = rates_of_return(flows)
                rows.append(
                    {
                        "cost_change": cost,
                        "benefit_change": benefit,
                        "delay_years": delay,
                        "npv": net_present_value(rate, flows),
                        "internal_rate": found[0] if len(found) == 1 else math.nan,
                    }
                )
    return pd.DataFrame(rows)
