"""
Water balance of the city: demand (W5), supply against demand (W6) and wastewater (W4).

Area-level: one number for the city, for today and for a horizon year. An unknown supply is not a
supply of zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import shapely

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.straight import cell_distance_m
from kcity_geo.analysis.evidence.features import column, shapes, text
from kcity_geo.analysis.evidence.horizon import forecast_years, growth_factor
from kcity_geo.analysis.evidence.official import number, official_total, people_of_amounts
from kcity_geo.analysis.evidence.official import part_counted as counted_part
from kcity_geo.analysis.evidence.trust import known_size_trust
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.cube import cell_centres
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.result import Indicator, unassessed
from kcity_geo.settings import Settings

__all__ = [
    "WaterDemand",
    "demand_of_city",
    "sewage_coverage",
    "supply_gap",
    "wastewater",
    "water_balance",
    "water_demand",
]


@dataclass(frozen=True, kw_only=True)
class WaterDemand:
    """
    Water demand of a population.

    Parameters
    ----------
    domestic_m3_day : used in homes.
    net_m3_day : with non-domestic use and industry.
    average_m3_day : with losses, as it must be produced.
    max_day_m3 : on the day of greatest demand.
    peak_hour_m3_h : in the hour of greatest demand.
    storage_m3 : treated water to be held.
    """

    domestic_m3_day: float
    net_m3_day: float
    average_m3_day: float
    max_day_m3: float
    peak_hour_m3_h: float
    storage_m3: float


def water_demand(
    persons: float,
    *,
    lpcd: float,
    settings: Settings,
    nrw_share: float,
    industry_ha: float = 0.0,
) -> WaterDemand:
    """
    Work out the water demand of a population.

    Parameters
    ----------
    persons : residents, zero or more.
    lpcd : litres used at home per person and day.
    settings : ``nondomestic_share``, ``max_day_factor``, ``peak_hour_factor``, ``storage_hours``
        and ``industry_m3_ha_day`` of the sector's parameters.
    nrw_share : share of production lost or not billed, 0 to below 1.
    industry_ha : industrial land on public water, ha.

    Returns
    -------
    The demand; linear in `persons` without industry.

    Raises
    ------
    StudyError
        If a number is negative or `nrw_share` reaches 1.

    Examples
    --------
    >>> from kcity_geo.settings import settings_of
    >>> demand = water_demand(120_000, lpcd=135, settings=settings_of("water", None), nrw_share=.25)
    >>> round(demand.average_m3_day), round(demand.max_day_m3), round(demand.storage_m3)
    (25920, 33696, 16848)
    """
    if min(persons, lpcd, industry_ha) < 0 or not 0 <= nrw_share < 1:
        raise StudyError(
            f"water demand: persons {persons:g}, lpcd {lpcd:g} and industry {industry_ha:g} ha must "
            f"not be negative, losses {nrw_share:g} must lie from 0 to below 1"
        )
    domestic = persons * lpcd / 1000
    industry = industry_ha * float(settings["industry_m3_ha_day"])
    net = domestic * (1 + float(settings["nondomestic_share"])) + industry
    average = net / (1 - nrw_share)
    highest = average * float(settings["max_day_factor"])
    return WaterDemand(
        domestic_m3_day=domestic,
        net_m3_day=net,
        average_m3_day=average,
        max_day_m3=highest,
        peak_hour_m3_h=average / 24 * float(settings["peak_hour_factor"]),
        storage_m3=highest * float(settings["storage_hours"]) / 24,
    )


def supply_gap(demand_m3_day: float, supply_m3_day: float) -> float:
    """
    Give the share of a demand that a supply leaves open.

    Parameters
    ----------
    demand_m3_day : m3/day.
    supply_m3_day : m3/day; NaN: not known.

    Returns
    -------
    0 to 1; NaN when the supply is not known or nothing is demanded.

    Examples
    --------
    >>> round(supply_gap(33_696, 15_000), 4)
    0.5548
    """
    if not np.isfinite(supply_m3_day) or demand_m3_day <= 0:
        return float("nan")
    return float(np.clip((demand_m3_day - supply_m3_day) / demand_m3_day, 0.0, 1.0))


def sewage_coverage(net_m3_day: float, capacity_m3_day: float, *, sewage_share: float) -> float:
    """
    Give the share of the sewage that can be treated.

    Parameters
    ----------
    net_m3_day : water used, losses not counted.
    capacity_m3_day : of all treatment plants; NaN: not known.
    sewage_share : sewage per water used.

    Returns
    -------
    0 to 1; NaN when the capacity is not known or there is no sewage.

    Examples
    --------
    >>> round(sewage_coverage(19_440, 8_000, sewage_share=0.8), 4)
    0.5144
    """
    sewage = net_m3_day * sewage_share
    if np.isnan(capacity_m3_day) or sewage <= 0:
        return float("nan")
    return float(min(1.0, capacity_m3_day / sewage))


def demand_of_city(city: CityModel) -> tuple[WaterDemand, WaterDemand, dict[str, Any]] | None:
    """
    Work out the demand of the city today and in the horizon year.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Today, horizon, and the numbers behind them; None without a population.
    """
    settings, persons = city.settings("water"), people_of_amounts(city)
    if not np.isfinite(persons) or persons <= 0:
        return None
    lpcd, lpcd_from = number(city, "lpcd", float(settings["lpcd"]), origin=settings.origin("lpcd"))
    nrw, nrw_from = number(
        city, "nrw_share", float(settings["nrw_share"]), origin=settings.origin("nrw_share")
    )
    base, horizon, growth, growth_from = forecast_years(city, settings)
    later = persons * growth_factor(
        base, horizon, growth, most=float(settings["growth_factor_max"])
    )
    industry = float(settings["industry_ha"])
    today, future = (
        water_demand(p, lpcd=lpcd, settings=settings, nrw_share=nrw, industry_ha=industry)
        for p in (persons, later)
    )
    about = {
        "persons": persons,
        "lpcd": lpcd,
        "lpcd_from": lpcd_from,
        "nrw_share": nrw,
        "nrw_from": nrw_from,
        "base_year": base or math.nan,
        "horizon_year": horizon if base else math.nan,
        "growth_share": growth,
        "growth_from": growth_from,
        "horizon_persons": later,
    }
    return today, future, about


def _partly(about: Mapping[str, Any], *names: str) -> str:
    """Name the numbers of the demand that the city gave for some of its districts only."""
    origin = {"litres per person": about["lpcd_from"], "losses": about["nrw_from"]}
    return "".join(f"; {name}: {origin[name]}" for name in names if " " in origin[name])


def water_balance(city: CityModel) -> list[Indicator]:
    """
    Assess W5, water demand, and W6, the supply against it.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Rows W5 (reported) and W6 (area-level).
    """
    layers = ("water_plant", "water_store")
    found = city.once(demand_of_city)
    if found is None:
        reason = "no population is known; give sources.population"
        return [
            unassessed("W5", "m3/day", reason),
            unassessed("W6", "share", reason, layers=layers),
        ]
    today, future, about = found
    w5 = Indicator(
        id="W5",
        value=today.average_m3_day,
        units="m3/day",
        evidence="modelled",
        source="population and litres per person",
        as_of=city.osm_date,
        note=f"average day, losses included; litres per person: {about['lpcd_from']}"
        + _partly(about, "losses")
        + (f"; {part}" if (part := counted_part(city)) else ""),
        details={
            **about,
            **asdict(today),
            **{f"horizon_{k}": v for k, v in asdict(future).items()},
        },
    )
    return [w5, _supply(city, today, future, about)]


def _supply(
    city: CityModel,
    today: WaterDemand,
    future: WaterDemand,
    about: Mapping[str, Any],
) -> Indicator:
    standard = city.standards["W6"]
    given = official_total(city, "water_supply_m3_day")
    plants = city.layers.get("water_plant")
    mapped = np.zeros(0) if plants is None else column(plants, "capacity_m3_day")
    tagged = mapped[np.isfinite(mapped)]
    common: dict[str, Any] = {
        "units": "share",
        "layers": ("water_plant", "water_store"),
        "as_of": city.osm_date,
    }
    if part := counted_part(city):
        return unassessed(
            "W6", reason=f"supply of all against the need of a part; {part}", **common
        )
    if given is None and not len(tagged):
        what = (
            f"none of {len(mapped)} mapped water works has a capacity tag"
            if len(mapped)
            else "no water works is mapped and no supply is given"
        )
        return unassessed("W6", reason=f"{what}; set official.water_supply_m3_day", **common)
    supply = float(tagged.sum()) if given is None else given
    storage = official_total(city, "water_storage_m3")
    stores = city.layers.get("water_store")
    if storage is None and stores is not None and len(stores):
        volumes = column(stores, "volume_m3")
        storage = float(volumes.sum()) if np.isfinite(volumes).all() else None
    gap = supply_gap(today.max_day_m3, supply)
    target = 0.0 if standard.target is None else standard.target
    worst = 1.0 if standard.worst is None else standard.worst
    details: dict[str, Any] = {
        "supply_m3_day": supply,
        "shortfall_average_share": supply_gap(today.average_m3_day, supply),
        "shortfall_average_m3_day": max(0.0, today.average_m3_day - supply),
        "shortfall_max_day_m3": max(0.0, today.max_day_m3 - supply),
        "horizon_year": about["horizon_year"],
        "horizon_shortfall_share": supply_gap(future.max_day_m3, supply),
        "horizon_shortfall_m3_day": float(np.maximum(0.0, future.max_day_m3 - supply)),
        "storage_needed_m3": today.storage_m3,
        "storage_m3": float("nan") if storage is None else storage,
        "storage_shortfall_m3": (
            float("nan") if storage is None else max(0.0, today.storage_m3 - storage)
        ),
    }
    if given is not None and len(tagged) and tagged.sum() > 1.5 * given:
        details["contradiction"] = (
            f"official.water_supply_m3_day is {given:,.0f}, the capacity tags of mapped works add to "
            f"{tagged.sum():,.0f} m3/day; the official number is used"
        )
        tell(details["contradiction"], stacklevel=3)
    unknown = 0 if given is not None else len(mapped) - len(tagged)
    if unknown:
        details["works_without_capacity"] = unknown
    return Indicator(
        id="W6",
        value=gap,
        area_gap=float(np.clip((gap - target) / (worst - target), 0, 1)),
        # Works of unknown size may close all of the gap: unknown is not zero.
        bounds=(0.0, gap) if unknown else None,
        evidence="user" if given is not None else "observed",
        trust=1.0
        if given is not None
        else known_size_trust(city, "W6", known=len(tagged), persons=about["persons"]),
        n_features=1 if given is not None else len(tagged),
        source=str(city.official.get("source") or "official numbers of the study file")
        if given is not None
        else "capacity tags of OSM water works",
        note="supply against the day of greatest demand"
        + _partly(about, "litres per person", "losses")
        + (
            f"; at most: {unknown} of {len(mapped)} mapped works have no capacity tag"
            if unknown
            else ""
        ),
        details=details,
        **common,
    )


@dataclass(frozen=True, kw_only=True)
class _Plants:
    """Mapped treatment plants: capacity in m3/day with its bounds, and how it is known."""

    capacity: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    tagged: int = 0
    by_area: int = 0
    unknown: int = 0

    @property
    def count(self) -> int:
        return self.tagged + self.by_area + self.unknown

    @property
    def how(self) -> str:
        """Where the capacities come from, in words."""
        parts = [
            f"{self.tagged} by capacity tag" if self.tagged else "",
            f"{self.by_area} by area, a factor of 3 either way" if self.by_area else "",
            f"{self.unknown} of unknown size" if self.unknown else "",
        ]
        return ", ".join(p for p in parts if p)


def _plant_capacity(city: CityModel) -> _Plants:
    """Treatment capacity of the mapped plants; one of unknown size leaves no upper bound."""
    frame, settings = city.layers.get("sewage"), city.settings("water")
    if frame is None or len(frame) == 0:
        return _Plants()
    plant = text(frame, "man_made") == "wastewater_plant"
    per_pe = float(settings["sewage_m3_per_pe_day"])
    tagged = column(frame, "capacity_persons")[plant] * per_pe
    area = shapely.area(shapes(frame)[plant])
    guess = area / float(settings["plant_m2_per_pe"]) * per_pe
    factor = float(settings["plant_area_factor"])
    known = np.isfinite(tagged)
    sized = ~known & (guess > 0)
    unknown = int((~known & ~sized).sum())
    if not (known | sized).any():
        return _Plants(unknown=unknown)
    sure, about = float(tagged[known].sum()), float(guess[sized].sum())
    return _Plants(
        capacity=sure + about,
        low=sure + about / factor,
        high=float("inf") if unknown else sure + about * factor,
        tagged=int(known.sum()),
        by_area=int(sized.sum()),
        unknown=unknown,
    )


def _connected_share(city: CityModel) -> float:
    """Share of people near a mapped sewer; NaN when no sewer is mapped."""
    frame, people = city.layers.get("sewage"), city.array("population")
    if frame is None or people is None:
        return float("nan")
    line = frame.geometry.geom_type.isin(["LineString", "MultiLineString"]).to_numpy()
    if not line.any():
        return float("nan")
    x, y = cell_centres(city.grid)
    sewers = shapes(frame)[line]
    near = cell_distance_m(sewers, x=x, y=y) <= city.settings("water").number("sewer_connect_m")
    return weighted_mean(near.astype(float).reshape(people.shape), people)


def _range(plants: _Plants) -> str:
    ends = f"{plants.low:,.0f} to {plants.high:,.0f}"
    return ends if np.isfinite(plants.high) else f"at least {plants.low:,.0f}"


def wastewater(city: CityModel) -> Indicator:
    """
    Assess W4: the share of the sewage that the treatment plants can take.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row W4, area-level. From plant areas alone the bounds are a factor of three wide either way;
    with a plant of unknown size the upper one is 1.
    """
    common: dict[str, Any] = {"units": "share", "layers": ("sewage",), "as_of": city.osm_date}
    found, standard = city.once(demand_of_city), city.standards["W4"]
    if found is None:
        return unassessed("W4", reason="no population is known; give sources.population", **common)
    if part := counted_part(city):
        return unassessed(
            "W4", reason=f"plants of all against the sewage of a part; {part}", **common
        )
    net, share = found[0].net_m3_day, city.settings("water").number("sewage_share")
    given = official_total(city, "wastewater_capacity_m3_day")
    plants = _plant_capacity(city)
    if given is None and not np.isfinite(plants.capacity):
        return unassessed(
            "W4",
            reason="no wastewater plant of known size is mapped; set "
            "official.wastewater_capacity_m3_day (0 if there is none)",
            **common,
        )
    capacity = plants.capacity if given is None else given
    value = sewage_coverage(net, capacity, sewage_share=share)
    target = 1.0 if standard.target is None else standard.target
    worst = 0.0 if standard.worst is None else standard.worst
    details: dict[str, Any] = {
        "sewage_m3_day": net * share,
        "capacity_m3_day": capacity,
        "mapped_capacity_m3_day": plants.capacity,
        "mapped_plants": plants.count,
        "plants_without_size": plants.unknown,
        "connected_share": _connected_share(city),
    }
    told = given is not None and np.isfinite(plants.capacity)
    if told and not plants.low / 2 <= capacity <= plants.high * 2:
        details["contradiction"] = (
            f"official.wastewater_capacity_m3_day is {capacity:,.0f}, the mapped plants suggest "
            f"{_range(plants)} m3/day; the official number is used"
        )
        tell(details["contradiction"])
    return Indicator(
        id="W4",
        value=value,
        area_gap=float(np.clip((value - target) / (worst - target), 0, 1)),
        bounds=None
        if given is not None
        else (
            sewage_coverage(net, plants.low, sewage_share=share),
            sewage_coverage(net, plants.high, sewage_share=share),
        ),
        evidence="user"
        if given is not None
        else ("observed" if plants.tagged == plants.count else "proxy"),
        trust=1.0
        if given is not None
        else known_size_trust(
            city,
            "W4",
            known=plants.tagged,
            by_area=plants.by_area,
            persons=found[2]["persons"],
        ),
        n_features=1 if given is not None else plants.count,
        source=str(city.official.get("source") or "official numbers of the study file")
        if given is not None
        else f"OSM wastewater plants: {plants.how}",
        note="capacity against sewage; who is connected is not known"
        + _partly(found[2], "litres per person")
        + (
            f"; at least: {plants.unknown} of {plants.count} mapped plants are of unknown size"
            if given is None and plants.unknown
            else ""
        ),
        details=details,
        **common,
    )
