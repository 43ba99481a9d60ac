"""
Bringing water in (W7): how far and how high from the nearest source, and the power it takes.

Way and lift are read from the terrain; friction follows Hazen and Williams. Whether the source
yields enough, or may be used, the map does not know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.least_cost import least_cost, path_length_m
from kcity_geo.analysis.evidence.features import shapes, text
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.water.balance import demand_of_city
from kcity_geo.cube import area_in_cells, bin_points, cell_size, length_in_cells
from kcity_geo.errors import StudyError
from kcity_geo.result import Indicator, assessable, unassessed

__all__ = [
    "Pumping",
    "friction_head_m",
    "pumping",
    "slope_cost",
    "source_distance",
    "water_sources",
]

_GRAVITY = 9.81
_WATER_KG_M3 = 1000.0


@dataclass(frozen=True, kw_only=True)
class Pumping:
    """
    What it takes to pump water through a main.

    Parameters
    ----------
    friction_m : head lost to friction.
    head_m : lift and friction, zero when the water runs by itself.
    power_kw : of the pump's shaft.
    velocity_ms : of the water.
    """

    friction_m: float
    head_m: float
    power_kw: float
    velocity_ms: float


def friction_head_m(length_m: float, flow_m3_s: float, *, c: float, diameter_m: float) -> float:
    """
    Head lost to friction in a full pipe, after Hazen and Williams (SI).

    Parameters
    ----------
    length_m : of the pipe.
    flow_m3_s : m3/s.
    c : roughness coefficient, 130 for lined ductile iron.
    diameter_m : inner diameter.

    Returns
    -------
    Metres.

    Raises
    ------
    StudyError
        If a number is not positive (length and flow may be zero).

    Examples
    --------
    >>> round(friction_head_m(5000, 0.15, c=130, diameter_m=0.4), 3)
    16.763
    """
    if min(length_m, flow_m3_s) < 0 or min(c, diameter_m) <= 0:
        raise StudyError(
            f"pipe: length {length_m:g} m, flow {flow_m3_s:g} m3/s, C {c:g} and diameter "
            f"{diameter_m:g} m must be positive"
        )
    return float(10.67 * length_m * flow_m3_s**1.852 / (c**1.852 * diameter_m**4.8704))


def pumping(
    length_m: float,
    lift_m: float,
    flow_m3_s: float,
    *,
    diameter_m: float,
    c: float = 130.0,
    efficiency: float = 0.75,
) -> Pumping:
    """
    Work out head and power of a pumped main.

    Parameters
    ----------
    length_m : of the main.
    lift_m : rise from source to city, negative downhill.
    flow_m3_s : m3/s.
    diameter_m : inner diameter.
    c : Hazen-Williams coefficient.
    efficiency : of pump and motor, above 0 up to 1.

    Returns
    -------
    Friction, head, power and velocity.

    Raises
    ------
    StudyError
        If a number is out of range.

    Examples
    --------
    >>> plan = pumping(5000, 40, 0.15, diameter_m=0.4)
    >>> round(plan.head_m, 3), round(plan.power_kw, 2), round(plan.velocity_ms, 3)
    (56.763, 111.37, 1.194)
    """
    if not 0 < efficiency <= 1:
        raise StudyError(f"water.pump_efficiency: {efficiency!r} must lie above 0 and up to 1")
    friction = friction_head_m(length_m, flow_m3_s, c=c, diameter_m=diameter_m)
    head = max(0.0, lift_m + friction)
    return Pumping(
        friction_m=friction,
        head_m=head,
        power_kw=_WATER_KG_M3 * _GRAVITY * flow_m3_s * head / efficiency / 1000,
        velocity_ms=flow_m3_s / (math.pi * diameter_m**2 / 4),
    )


def slope_cost(slope_pct: NDArray[np.float64], *, per_pct: float) -> NDArray[np.float64]:
    """
    Cost of a metre of way on a slope, 1 on the level; never falls with the slope.

    Parameters
    ----------
    slope_pct : percent; NaN counts as level.
    per_pct : cost added per percent, zero or more.

    Returns
    -------
    Shape of `slope_pct`, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> slope_cost(np.array([0.0, 20.0]), per_pct=0.05)
    array([1., 2.])
    """
    return np.asarray(1.0 + per_pct * np.nan_to_num(slope_pct))


def water_sources(city: CityModel) -> tuple[NDArray[np.bool_], int]:
    """
    Find the cells with a river, a reservoir or lake, or water works.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Shape (rows, cols), and the number of features.
    """
    settings = city.settings("water")
    out = np.zeros(city.grid.shape, dtype=bool)
    count = 0
    drains = city.layers.get("drainage")
    if drains is not None and len(drains):
        geometry = shapes(drains)
        river = text(drains, "waterway") == "river"
        long = drains.geometry.length.to_numpy() >= float(settings["source_min_length_km"]) * 1000
        river &= (text(drains, "name") != "") | long
        out |= length_in_cells(geometry[river], grid=city.grid) > 0
        count += int(river.sum())
    for name in ("water_body", "water_store"):
        frame = city.layers.get(name)
        if frame is None or not len(frame):
            continue
        kept = np.isin(text(frame, "water"), ("reservoir", "lake", "river"))
        out |= area_in_cells(shapes(frame, kept), grid=city.grid) > 0
        count += int(kept.sum())
    plants = city.layers.get("water_plant")
    if plants is not None and len(plants):
        centre = plants.geometry.representative_point()
        cell = bin_points(centre.x.to_numpy(), centre.y.to_numpy(), grid=city.grid)
        out.ravel()[cell[cell >= 0]] = True
        count += len(plants)
    return out, count


def source_distance(city: CityModel) -> Indicator:
    """
    Assess W7: how far and how high water must be brought from the nearest source.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row W7, reported; cells are km along the cheapest way. Details hold lift, head and power of a
    main for the average day from the sources to where people live.
    """
    sources, count = city.once(water_sources)
    layers = ("drainage", "water_body", "water_plant")
    common: dict[str, Any] = {"units": "km", "layers": layers, "as_of": city.osm_date}
    if not sources.any():
        return unassessed(
            "W7",
            reason="no river, reservoir or water works is mapped in the study area; map them, or "
            "widen the boundary",
            **common,
        )
    if city.checking:
        return assessable("W7", evidence="modelled", **common)
    settings, relief = city.settings("water"), city.terrain
    size = cell_size(city.grid)
    flat = np.zeros(city.grid.shape)
    slope = np.asarray(relief.get("slope_pct", flat))
    cost = slope_cost(slope, per_pct=float(settings["slope_cost_per_pct"]))
    field = least_cost(cost, sources, dx_m=size, dy_m=size)
    length = path_length_m(field, dx_m=size, dy_m=size)
    kilometres = np.where(city.inside & np.isfinite(length), length / 1000, np.nan)
    people = city.array("population")
    weight = np.where(city.inside, 1.0, np.nan) if people is None else people
    lift = np.full(city.grid.shape, np.nan)
    level = relief.get("elevation_m")
    if level is not None:
        lift = np.where(
            field.source >= 0, level - level.ravel()[np.maximum(field.source, 0)], np.nan
        )
    details: dict[str, Any] = {
        "lift_m": weighted_mean(lift, weight),
        "cost_km": weighted_mean(np.where(city.inside, field.cost / 1000, np.nan), weight),
    }
    value = weighted_mean(kilometres, weight)
    details |= _main(city, value, details["lift_m"])
    return Indicator(
        id="W7",
        value=value,
        cells=kilometres,
        evidence="modelled",
        n_features=count,
        source="OSM water, elevation model" if level is not None else "OSM water",
        note="a way exists; whether the source yields enough is not known"
        + ("" if level is not None else "; no elevation: lift and slope left out"),
        details=details,
        **common,
    )


def _main(city: CityModel, length_km: float, lift_m: float) -> dict[str, float]:
    """Head and power of one main that carries the average day."""
    settings, found = city.settings("water"), city.once(demand_of_city)
    if found is None or not np.isfinite(lift_m) or not np.isfinite(length_km):
        return {}
    flow = found[0].average_m3_day / 86400
    diameter = math.sqrt(4 * flow / (math.pi * float(settings["pipe_velocity_ms"])))
    plan = pumping(
        length_km * 1000,
        lift_m,
        flow,
        diameter_m=diameter,
        c=float(settings["pipe_c"]),
        efficiency=float(settings["pump_efficiency"]),
    )
    return {
        "main_flow_m3_s": flow,
        "main_diameter_m": diameter,
        "main_head_m": plan.head_m,
        "main_power_kw": plan.power_kw,
    }
