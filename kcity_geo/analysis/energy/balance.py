"""
Power balance of the city: demand (E9), firm supply against the peak (E7), tiers of service (E4).

Area-level. Power is in MW, apparent power in MVA; they differ by the power factor and are never
mixed. A plant whose output is not known adds nothing and is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.features import column, text
from kcity_geo.analysis.evidence.horizon import forecast_years, growth_factor
from kcity_geo.analysis.evidence.official import official_total, part_counted, people_of_amounts
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.result import Indicator, unassessed
from kcity_geo.settings import Settings

__all__ = [
    "adequacy_gap",
    "firm_capacity_mw",
    "kva_to_mw",
    "mtf_tier",
    "peak_mw",
    "power_demand",
    "power_supply",
    "reserve_margin",
    "service_tier",
]

_THERMAL = (
    "gas",
    "coal",
    "oil",
    "diesel",
    "biomass",
    "biofuel",
    "biogas",
    "waste",
    "geothermal",
    "gasoline",
)
_HOURS = 8760.0


@dataclass(frozen=True, kw_only=True)
class _Demand:
    peak_mw: float
    energy_mwh: float
    persons: float
    evidence: str


def peak_mw(energy_mwh_year: float, *, load_factor: float, loss_share: float) -> float:
    """
    Peak demand behind a year's consumption, losses included.

    Parameters
    ----------
    energy_mwh_year : sold in a year, MWh.
    load_factor : mean over peak, above 0 up to 1.
    loss_share : of the energy sent out, 0 to below 1.

    Returns
    -------
    MW.

    Raises
    ------
    StudyError
        If a share is out of range or the energy negative.

    Examples
    --------
    >>> round(peak_mw(120_000 / 4.5 * 1250 / 1000, load_factor=0.55, loss_share=0.12), 3)
    7.862
    """
    if not 0 < load_factor <= 1 or not 0 <= loss_share < 1 or energy_mwh_year < 0:
        raise StudyError(
            f"peak demand: energy {energy_mwh_year:g} MWh must not be negative, load factor "
            f"{load_factor:g} above 0 up to 1, losses {loss_share:g} from 0 to below 1"
        )
    return energy_mwh_year / (1 - loss_share) / _HOURS / load_factor


def kva_to_mw(kva: float, *, power_factor: float) -> float:
    """
    Turn apparent power into power.

    Parameters
    ----------
    kva : apparent power, kVA.
    power_factor : above 0 up to 1.

    Returns
    -------
    MW.

    Raises
    ------
    StudyError
        If the power factor is out of range.

    Examples
    --------
    >>> kva_to_mw(84_000, power_factor=0.9)
    75.6
    """
    if not 0 < power_factor <= 1:
        raise StudyError(f"energy.power_factor: {power_factor!r} must lie above 0 and up to 1")
    return kva * power_factor / 1000


def reserve_margin(firm_mw: float, peak: float) -> float:
    """
    Give the reserve of a firm supply over the peak.

    Parameters
    ----------
    firm_mw : firm supply.
    peak : peak demand, MW, above 0.

    Returns
    -------
    Share of the peak; negative when the supply falls short.

    Examples
    --------
    >>> round(reserve_margin(60, 45), 4)
    0.3333
    """
    return firm_mw / peak - 1


def adequacy_gap(firm_mw: float, peak: float, *, reserve_share: float = 0.15) -> float:
    """
    Give the share of the peak with its reserve that the firm supply leaves open.

    Parameters
    ----------
    firm_mw : firm supply; NaN: not known.
    peak : peak demand, MW.
    reserve_share : reserve asked for.

    Returns
    -------
    0 to 1; NaN when not known.

    Examples
    --------
    >>> round(adequacy_gap(40, 45), 4)
    0.2271
    """
    if not np.isfinite(firm_mw) or not peak > 0:
        return float("nan")
    return float(np.clip(1 - firm_mw / ((1 + reserve_share) * peak), 0.0, 1.0))


def _kind(source: NDArray[np.object_]) -> NDArray[np.object_]:
    out = np.full(len(source), "other", dtype=object)
    for i, value in enumerate(source):
        first = str(value).split(";")[0].strip().lower()
        if first in _THERMAL:
            out[i] = "thermal"
        elif first in {"hydro", "solar", "wind", "nuclear"}:
            out[i] = first
    return out


def firm_capacity_mw(plants: gpd.GeoDataFrame, settings: Settings) -> tuple[float, int, int]:
    """
    Sum the firm output of the mapped plants.

    Parameters
    ----------
    plants : layer ``power_gen``. Generators inside a mapped plant are part of it: its own output
        counts, and where that is not known, theirs.
    settings : parameters of the sector.

    Returns
    -------
    MW, plants counted, plants whose output is not known.
    """
    if not len(plants):
        return 0.0, 0, 0
    kind = text(plants, "power")
    output, factor = column(plants, "output_mw"), settings["firm_share"]
    area = plants.geometry.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy()
    row = np.flatnonzero((kind == "plant") & area)
    told, covered = np.zeros((2, len(plants)), dtype=bool)
    if len(row):
        centre = plants.geometry.representative_point()
        site, inside = centre.sindex.query(plants.geometry.iloc[row], predicate="contains")
        part = kind[inside] == "generator"
        site, inside = row[site[part]], inside[part]
        told[inside[np.isfinite(output[site])]] = True
        # Of a plant without output its generators speak, when they know theirs.
        covered[site[np.isfinite(output[inside])]] = True
    share = np.array([float(factor[k]) for k in _kind(text(plants, "source"))])
    counted = ~told & ~(covered & ~np.isfinite(output))
    known = counted & np.isfinite(output)
    return float((output * share)[known].sum()), int(known.sum()), int((counted & ~known).sum())


def _demand(city: CityModel) -> _Demand | None:
    settings, persons = city.settings("energy"), people_of_amounts(city)
    given = official_total(city, "peak_demand_mw")
    load, loss = float(settings["load_factor"]), float(settings["loss_share"])
    if given is not None:
        energy = given * _HOURS * load * (1 - loss)
        return _Demand(peak_mw=given, energy_mwh=energy, persons=persons, evidence="user")
    if not np.isfinite(persons) or persons <= 0:
        return None
    each = float(settings["kwh_person_year"])
    if each > 0:
        energy = persons * each / 1000
    else:
        households = persons / float(settings["persons_household"])
        energy = households * float(settings["kwh_household_year"]) / 1000
    peak = peak_mw(energy, load_factor=load, loss_share=loss)
    industry = float(settings["industry_ha"]) * float(settings["kva_industry_ha"])
    peak += kva_to_mw(industry, power_factor=float(settings["power_factor"]))
    return _Demand(peak_mw=peak, energy_mwh=energy, persons=persons, evidence="modelled")


_BENCHMARKS = {
    "modern_minimum": "kwh_person_modern_minimum",
    "world_mean": "kwh_person_world",
    "korea_mean": "kwh_person_korea",
}


def _beside(found: _Demand, settings: Settings) -> tuple[dict[str, Any], str]:
    """Put what people elsewhere use beside a modelled peak, and say when it is no demand of a city."""
    each = found.energy_mwh * 1000 / found.persons
    load, loss = float(settings["load_factor"]), float(settings["loss_share"])
    details: dict[str, Any] = {"kwh_person_year": each}
    for name, key in _BENCHMARKS.items():
        energy = found.persons * float(settings[key]) / 1000
        details[f"{name}_mw"] = peak_mw(energy, load_factor=load, loss_share=loss)
    share = each / float(settings["kwh_person_world"])
    details["share_of_world_mean"] = share
    details["refused_as_demand"] = share <= float(settings["demand_refused_share"])
    words = (
        f"; {each:,.0f} kWh for each person, {share:.0%} of the world mean; at the world mean the peak "
        f"were {details['world_mean_mw']:,.3g} MW"
    )
    if details["refused_as_demand"]:
        words += "; refused as the demand of the city"
    return details, words


def _told(settings: Settings) -> str:
    """Say what a modelled demand counts, and what it leaves out."""
    each = float(settings["kwh_person_year"])
    household = float(settings["kwh_household_year"])
    origin = settings.origin("kwh_household_year")
    minimum = "the planning minimum of " if origin == "default" else ""
    used = (
        f"{each:,.0f} kWh per person and year ({settings.origin('kwh_person_year')})"
        if each > 0
        else f"{minimum}a household of tier {mtf_tier(household, settings)}, "
        f"{household:,.0f} kWh a year ({origin})"
    )
    industry = float(settings["industry_ha"]) > 0
    return (
        f"; no forecast: {used}"
        + (", and the stated industry" if industry else "; no industry or trade is in it")
        + "; a city uses more: set official.peak_demand_mw"
    )


def power_demand(city: CityModel) -> Indicator:
    """
    Give E9: the official peak today and in the horizon year, else that of the household minimum.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E9, reported, MW. Demand grows with the people; growth of the use per person is not in it.
    Without an official peak it is what households need at least, beside what people use elsewhere;
    ``details["refused_as_demand"]`` when it is at most a tenth of the world mean.
    """
    settings, found = city.settings("energy"), city.once(_demand)
    if found is None:
        return unassessed(
            "E9",
            "MW",
            "neither people nor a peak is known; give sources.population or "
            "official.peak_demand_mw",
        )
    base, horizon, growth, growth_from = forecast_years(city, settings)
    factor = growth_factor(base, horizon, growth, most=float(settings["growth_factor_max"]))
    beside: dict[str, Any] = {}
    note = "peak demand, losses included"
    if found.evidence != "user":
        beside, words = _beside(found, settings)
        part = part_counted(city)
        note = f"{note}{_told(settings)}{words}" + (f"; {part}" if part else "")
    return Indicator(
        id="E9",
        value=found.peak_mw,
        units="MW",
        evidence=found.evidence,
        source="official peak" if found.evidence == "user" else "population and use per household",
        as_of=city.osm_date,
        note=note,
        details={
            **beside,
            "energy_mwh_year": found.energy_mwh,
            "persons": found.persons,
            "peak_mva": found.peak_mw / float(settings["power_factor"]),
            "base_year": base or math.nan,
            "horizon_year": horizon if base else math.nan,
            "growth_share": growth,
            "growth_from": growth_from,
            "horizon_peak_mw": found.peak_mw * factor,
        },
    )


def power_supply(city: CityModel) -> Indicator:
    """
    Assess E7: firm supply against the peak with a reserve.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E7, area-level. It needs an official peak. A city draws from a wider grid: without its
    import or firm capacity the plants on the map alone say nothing about adequacy, and it is not
    assessed.
    """
    settings, standard = city.settings("energy"), city.standards["E7"]
    plants = city.layers.get("power_gen")
    common: dict[str, Any] = {"units": "share", "layers": ("power_gen",), "as_of": city.osm_date}
    local, counted, unknown = (0.0, 0, 0) if plants is None else firm_capacity_mw(plants, settings)
    firm, imports = (
        official_total(city, "firm_capacity_mw"),
        official_total(city, "import_capacity_mw"),
    )
    found = city.once(_demand)
    details: dict[str, Any] = {
        "mapped_firm_mw": local,
        "mapped_plants": counted,
        "plants_without_output": unknown,
    }
    if found is None or found.evidence != "user":
        return unassessed(
            "E7",
            reason="the peak demand is not known (a household minimum is no demand of a city); set "
            "official.peak_demand_mw",
            details=details,
            **common,
        )
    if firm is None and imports is None:
        return unassessed(
            "E7",
            reason="what the city draws from the wider grid is not known; set "
            "official.firm_capacity_mw or official.import_capacity_mw",
            details=details,
            **common,
        )
    supply = firm if firm is not None else float(imports or 0.0) + local
    if firm is not None and local > (1 + float(settings["contradiction_share"])) * firm:
        details["contradiction"] = (
            f"official.firm_capacity_mw is {firm:,.6g}, the mapped plants add to {local:,.6g} MW firm; "
            "the official number is used: they may serve a wider grid"
        )
        tell(details["contradiction"])
    gap = adequacy_gap(supply, found.peak_mw, reserve_share=float(settings["reserve_share"]))
    target = 0.0 if standard.target is None else standard.target
    worst = 1.0 if standard.worst is None else standard.worst
    return Indicator(
        id="E7",
        value=gap,
        area_gap=float(np.clip((gap - target) / (worst - target), 0, 1)),
        evidence="user",
        n_features=counted + 1,
        source=str(city.official.get("source") or "official numbers of the study file"),
        note="peak from official numbers",
        details={
            **details,
            "firm_mw": supply,
            "peak_mw": found.peak_mw,
            "reserve_share": reserve_margin(supply, found.peak_mw),
        },
        **common,
    )


def mtf_tier(kwh_household_year: float, settings: Settings) -> int:
    """
    Tier of the Multi-Tier Framework that a household's consumption reaches.

    Parameters
    ----------
    kwh_household_year : kWh per household and year.
    settings : parameters of the sector.

    Returns
    -------
    0 to 5; a lower bound counts as reached.

    Examples
    --------
    >>> from kcity_geo.settings import settings_of
    >>> [mtf_tier(k, settings_of("energy", None)) for k in (0, 4.5, 1249, 1250, 9000)]
    [0, 1, 3, 4, 5]
    """
    bounds = [float(v) for v in settings["tier_kwh_household_year"]]
    return int(np.searchsorted(bounds, kwh_household_year, side="right"))


def service_tier(city: CityModel) -> Indicator:
    """
    Give E4: the energy of an average household, and the tier it reaches.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E4, reported, kWh per household and year, from the official peak. Hours and quality of
    supply, which the framework asks for too, are on no map.
    """
    settings, units = city.settings("energy"), "kWh per household and year"
    people = city.array("population")
    given = official_total(city, "peak_demand_mw")
    if given is None or people is None:
        asked = [
            words
            for words, there in (
                ("set official.peak_demand_mw", given is not None),
                ("give sources.population or official.population", people is not None),
            )
            if not there
        ]
        return unassessed("E4", units, f"consumption is not known; {' and '.join(asked)}")
    found = city.once(_demand)
    if found is None or not found.persons > 0:
        return unassessed("E4", units, "nobody lives in the study area")
    if part := part_counted(city):
        return unassessed("E4", units, f"peak of all against the households of a part; {part}")
    households = found.persons / float(settings["persons_household"])
    each = found.energy_mwh * 1000 * float(settings["residential_share"]) / households
    tier = mtf_tier(each, settings)
    details: dict[str, Any] = {"tier": tier, "households": households}
    note = f"average household reaches tier {tier} by energy"
    if tier:
        watts, hours = (float(settings[key][tier - 1]) for key in ("tier_peak_w", "tier_hours_day"))
        details |= {"tier_peak_w": watts, "tier_hours_day": hours}
        note += f"; the tier asks for {watts:,.0f} W and {hours:g} hours a day too"
    return Indicator(
        id="E4",
        value=each,
        units=units,
        evidence="proxy",
        source="official peak, load factor and residential share",
        as_of=str(city.official.get("year") or ""),
        note=f"{note}; hours of supply are not known",
        details=details,
    )
