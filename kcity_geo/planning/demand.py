"""Demand: what the people and the land of a plan need, and what the nearest assets have to spare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import pandas as pd

from kcity_geo.analysis.water.balance import water_demand
from kcity_geo.analysis.water.flood import rational_peak_m3_s
from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.capacity import Capacity
from kcity_geo.settings import settings_of

__all__ = [
    "Asset",
    "Demand",
    "demand_of",
    "detention_m3",
    "distribution_transformers",
    "headroom",
    "headroom_words",
    "transformers",
]

_GREEN = ("parks", "reserve")


@dataclass(frozen=True, kw_only=True)
class Demand:
    """
    What a plan needs when everything is taken up.

    Parameters
    ----------
    dwellings, persons, jobs : of the capacity.
    elementary_schools, clinics, hospital_beds : not rounded; whole ones are for the design.
    parks_ha : of the land budget.
    water_m3_day, water_max_day_m3, storage_m3 : produced on the average and on the highest day, and
        treated water to be held.
    sewage_m3_day : of net water use.
    storm_water_m3_s : peak run-off of the built site in the design rain.
    detention_m3 : what must be held back so that no more runs off than before.
    power_mva, power_mw : peak.
    low_voltage_mva : of `power_mva`, what homes, commerce and public buildings take; industry takes medium voltage.
    waste_t_day : solid waste.
    fibre_drops : one a dwelling.
    """

    dwellings: float
    persons: float
    jobs: float
    elementary_schools: float
    clinics: float
    hospital_beds: float
    parks_ha: float
    water_m3_day: float
    water_max_day_m3: float
    storage_m3: float
    sewage_m3_day: float
    storm_water_m3_s: float
    detention_m3: float
    power_mva: float
    power_mw: float
    low_voltage_mva: float
    waste_t_day: float
    fibre_drops: float

    def times(self, share: float) -> Demand:
        """Give a share of the demand; every row is linear in what is built and taken up."""
        return Demand(**{f.name: getattr(self, f.name) * share for f in fields(self)})


def detention_m3(
    before: float, after: float, *, rain_mm_h: float, area_ha: float, minutes: float
) -> float:
    """
    Work out what must be held back so that no more runs off than before.

    Parameters
    ----------
    before, after : run-off coefficients.
    rain_mm_h : of the design rain.
    area_ha : of the site.
    minutes : that the design rain lasts.

    Returns
    -------
    (C_after - C_before) i A t, m3; zero when less runs off than before.

    Examples
    --------
    >>> detention_m3(0.3, 0.7, rain_mm_h=60.0, area_ha=100.0, minutes=60.0)
    24000.0
    """
    more = max(after - before, 0.0)
    return round(rational_peak_m3_s(more, rain_mm_h, area_ha) * minutes * 60, 6)


def transformers(peak_mva: float, *, most_mva: float = 100.0) -> tuple[int, float]:
    """
    Size a substation so that it still carries the peak when one transformer fails.

    Parameters
    ----------
    peak_mva : peak load, above 0.
    most_mva : largest transformer that is bought.

    Returns
    -------
    Number, and MVA of each: n x size with (n - 1) x size at least the peak; the fewest.

    Examples
    --------
    >>> transformers(84.0), transformers(84.0, most_mva=45.0)
    ((2, 84.0), (3, 42.0))
    """
    if not peak_mva > 0 or not most_mva > 0:
        raise StudyError(
            f"substation: peak {peak_mva:g} and largest {most_mva:g} MVA must be above 0"
        )
    working = math.ceil(peak_mva / most_mva)
    return working + 1, peak_mva / working


def distribution_transformers(
    demand: Demand, *, each_kva: float, load_share: float, dwellings_each: float
) -> int:
    """
    Count the transformers from medium to low voltage.

    Parameters
    ----------
    demand : of the plan.
    each_kva : size of one.
    load_share : of that size that the peak may take.
    dwellings_each : on one, at most.

    Returns
    -------
    The fewest that carry the peak at low voltage and have room for all dwellings; 0 without either.

    Examples
    --------
    >>> need = Demand(**{**dict.fromkeys(Demand.__dataclass_fields__, 0.0), "low_voltage_mva": 6.0, "dwellings": 950.0})
    >>> distribution_transformers(need, each_kva=75.0, load_share=0.8, dwellings_each=95.0)
    100
    """
    by_load = demand.low_voltage_mva * 1000 / (each_kva * load_share)
    return math.ceil(max(by_load, demand.dwellings / dwellings_each) - 1e-9)


def demand_of(
    capacity: Capacity, hectares: Mapping[str, float], assumptions: Assumptions
) -> Demand:
    """
    Work out what a plan needs.

    Parameters
    ----------
    capacity : dwellings, persons, jobs, floor space.
    hectares : use -> ha, with ``reserve``.
    assumptions : of the plan.

    Returns
    -------
    The demand; linear in capacity and land.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of, land_profile
    >>> from kcity_geo.planning.capacity import capacity
    >>> park = land_profile("industrial_complex")
    >>> land = {"industry": 120.0}
    >>> found = demand_of(capacity(land, park, assumptions_of()), land, assumptions_of())
    >>> round(found.jobs), round(found.power_mva, 1)
    (7800, 84.0)
    """
    industry = hectares.get("industry", 0.0)
    water = water_demand(
        capacity.persons,
        lpcd=assumptions["lpcd"],
        settings=settings_of("water", None),
        nrw_share=assumptions["new_network_loss_share"],
        industry_ha=industry,
    )
    site = sum(hectares.values())
    green = sum(hectares.get(use, 0.0) for use in _GREEN)
    c_after = (
        (green * assumptions["runoff_green"] + (site - green) * assumptions["runoff_built"]) / site
        if site > 0
        else 0.0
    )
    rain = assumptions["rain_mm_h"]
    floor = capacity.floor_m2.get("commercial", 0.0) + capacity.floor_m2.get("public", 0.0)
    low_kva = (
        capacity.dwellings * assumptions["kva_household"] * assumptions["coincidence"]
        + floor * assumptions["va_m2_commercial"] / 1000
    )
    kva = low_kva + industry * assumptions["kva_industry_ha"]
    power_factor = float(settings_of("energy", None)["power_factor"])
    return Demand(
        dwellings=capacity.dwellings,
        persons=capacity.persons,
        jobs=capacity.jobs,
        elementary_schools=capacity.dwellings / assumptions["households_per_elementary_school"],
        clinics=capacity.persons / assumptions["persons_per_clinic"],
        hospital_beds=capacity.persons / 1000 * assumptions["hospital_beds_per_1000"],
        parks_ha=hectares.get("parks", 0.0),
        water_m3_day=water.average_m3_day,
        water_max_day_m3=water.max_day_m3,
        storage_m3=water.storage_m3,
        sewage_m3_day=water.net_m3_day * assumptions["sewage_share"],
        storm_water_m3_s=rational_peak_m3_s(c_after, rain, site),
        detention_m3=detention_m3(
            assumptions["runoff_before"],
            c_after,
            rain_mm_h=rain,
            area_ha=site,
            minutes=assumptions["rain_minutes"],
        ),
        power_mva=kva / 1000,
        power_mw=kva / 1000 * power_factor,
        low_voltage_mva=low_kva / 1000,
        waste_t_day=capacity.persons * assumptions["waste_kg_person_day"] / 1000,
        fibre_drops=capacity.dwellings,
    )


@dataclass(frozen=True, kw_only=True)
class Asset:
    """
    Something that exists and could serve the plan.

    Parameters
    ----------
    demand : the row of `Demand` that it serves, for example ``"sewage_m3_day"``.
    title : for people.
    capacity : in the unit of that row; NaN: not known.
    in_use : of that capacity today; NaN: not known.
    evidence : official (a number that somebody published), mapped (it is there, its size is a guess
        or unknown), or unknown (nothing is mapped and nothing published).
    source : in words.
    distance_km : to the site; NaN: not known.
    """

    demand: str
    title: str
    capacity: float = math.nan
    in_use: float = math.nan
    evidence: str = "unknown"
    source: str = ""
    distance_km: float = math.nan


def headroom(demand: Demand, assets: Iterable[Asset]) -> pd.DataFrame:
    """
    Compare the demand with what the nearest assets have to spare.

    What is not known stays unknown: it is neither enough nor a shortage.

    Parameters
    ----------
    demand : of the plan.
    assets : what is known of the networks around.

    Returns
    -------
    Columns ``demand, needed, asset, capacity, in_use, spare, share_met, verdict, evidence, source,
    distance_km``; verdict is enough, short or unknown.

    Raises
    ------
    StudyError
        If an asset serves a demand that does not exist.

    Examples
    --------
    >>> from kcity_geo.planning.assumptions import assumptions_of, land_profile
    >>> from kcity_geo.planning.capacity import capacity
    >>> town, land = land_profile("new_town"), {"residential": 99.0, "parks": 201.0}
    >>> need = demand_of(capacity(land, town, assumptions_of()), land, assumptions_of())
    >>> headroom(need, [Asset(demand="water_max_day_m3", title="works", capacity=5000.0,
    ...                       in_use=4000.0, evidence="official")])["verdict"].tolist()
    ['short']
    """
    known = {field.name for field in fields(Demand)}
    rows = []
    for asset in assets:
        if asset.demand not in known:
            raise StudyError(f"asset {asset.title!r}: no demand {asset.demand!r}")
        needed = getattr(demand, asset.demand)
        spare = (
            max(asset.capacity - asset.in_use, 0.0) if asset.evidence == "official" else math.nan
        )
        if math.isnan(asset.capacity) or math.isnan(asset.in_use):
            spare = math.nan
        verdict = "unknown" if math.isnan(spare) else "enough" if spare >= needed else "short"
        share = math.nan if math.isnan(spare) else min(spare / needed, 1.0) if needed > 0 else 1.0
        rows.append(
            {
                "demand": asset.demand,
                "needed": needed,
                "asset": asset.title,
                "capacity": asset.capacity,
                "in_use": asset.in_use,
                "spare": spare,
                "share_met": share,
                "verdict": verdict,
                "evidence": asset.evidence,
                "source": asset.source,
                "distance_km": asset.distance_km,
            }
        )
    names = [
        "demand",
        "needed",
        "asset",
        "capacity",
        "in_use",
        "spare",
        "share_met",
        "verdict",
        "evidence",
        "source",
        "distance_km",
    ]
    return pd.DataFrame(rows, columns=names)


#: What the city runs for all, and how it is called in words.
_RUN_BY_CITY = {
    "water_max_day_m3": "water supply",
    "sewage_m3_day": "wastewater treatment",
    "power_mw": "power supply",
}
_ROOM = {
    "enough": "has room for the plan by the numbers that the city published",
    "short": "has too little room for the plan by the numbers that the city published",
    "unknown": "nobody knows whether it has room for the plan",
}


def headroom_words(table: pd.DataFrame) -> tuple[str, ...]:
    """
    Say what the city has to spare of water, wastewater treatment and power.

    Parameters
    ----------
    table : of `headroom`.

    Returns
    -------
    A sentence each; an asset that is only mapped speaks for none of them.

    Examples
    --------
    >>> need = Demand(**dict.fromkeys(Demand.__dataclass_fields__, 10.0))
    >>> headroom_words(headroom(need, [Asset(demand="power_mw", title="firm supply of the city")]))
    ('Power supply of the city: nobody knows whether it has room for the plan.',)
    """
    of_city = table[table["asset"].str.endswith("of the city")].set_index("demand")["verdict"]
    return tuple(
        f"{name.capitalize()} of the city: {_ROOM[of_city[demand]]}."
        for demand, name in _RUN_BY_CITY.items()
        if demand in of_city.index
    )
