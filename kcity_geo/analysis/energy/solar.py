"""
Solar potential (E10): how much fits on the ground and on the roofs.

Irradiation comes from a raster of the year's sum, else from the clear sky of pvlib (turbidity from
its table) times a clearness that is only a default. Whether the land is for sale and the grid can
take the power, the map does not know.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.evidence.features import shapes, text
from kcity_geo.analysis.settlement.built import built_share
from kcity_geo.cube import area_in_cells, cell_size
from kcity_geo.errors import StudyError
from kcity_geo.result import Indicator, assessable, unassessed
from kcity_geo.settings import Settings

__all__ = [
    "clear_sky_ghi",
    "ground_potential",
    "roof_potential",
    "seasonality",
    "solar_potential",
    "specific_yield",
    "usable_land",
    "yearly_ghi",
]

_DAILY = 15.0
_SEASONAL = 2.5
_UNITS, _LAYERS = "MWh/year", ("building",)
_NO_LAND = "neither land cover nor buildings are known; give sources.landcover or sources.built"


def yearly_ghi(values: NDArray[np.float64], settings: Settings) -> float:
    """
    Mean irradiation of an area over a year, after a check of its unit.

    Parameters
    ----------
    values : global horizontal irradiation, kWh m-2 year-1; NaN: not known.
    settings : parameters of the sector: the plausible range.

    Returns
    -------
    kWh m-2 year-1; NaN when nothing is known.

    Raises
    ------
    StudyError
        If the values are daily sums, or of another unit.

    Examples
    --------
    >>> from kcity_geo.settings import settings_of
    >>> yearly_ghi(np.array([1790.0, 1810.0]), settings_of("energy", None))
    1800.0
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return float("nan")
    mean = float(known.mean())
    low, high = float(settings["ghi_min_year"]), float(settings["ghi_max_year"])
    if mean < _DAILY:
        raise StudyError(
            f"sources.solar: mean {mean:.2f} is kWh per m2 and day; kWh per m2 and year is needed: "
            "multiply the raster by 365"
        )
    if not low <= mean <= high:
        raise StudyError(
            f"sources.solar: mean {mean:,.0f} kWh m-2 year-1 is outside {low:g} to {high:g}; check "
            "the unit (kWh m-2 year-1)"
        )
    return mean


def ground_potential(
    area_ha: float, *, ghi_year: float, ha_per_mwac: float = 3.60, performance_ratio: float = 0.8
) -> tuple[float, float]:
    """
    Capacity and yield of solar power on open ground, closed form.

    Parameters
    ----------
    area_ha : usable land, ha.
    ghi_year : kWh m-2 year-1.
    ha_per_mwac : land per MW of alternating current.
    performance_ratio : yield over irradiation at rated output.

    Returns
    -------
    MWac, and MWh a year.

    Examples
    --------
    >>> mw, mwh = ground_potential(10, ghi_year=1800)
    >>> round(mw, 3), round(mwh / 10) * 10
    (2.778, 4000)
    """
    mw = area_ha / ha_per_mwac
    return mw, mw * ghi_year * performance_ratio


def roof_potential(
    roof_m2: float,
    *,
    ghi_year: float,
    usable_share: float = 0.4,
    kwp_m2: float = 0.2,
    performance_ratio: float = 0.78,
) -> tuple[float, float]:
    """
    Capacity and yield of solar power on roofs, closed form.

    Parameters
    ----------
    roof_m2 : ground area of the buildings, m2.
    ghi_year : kWh m-2 year-1.
    usable_share : of the roof.
    kwp_m2 : rated output of a m2 of module.
    performance_ratio : yield over irradiation at rated output.

    Returns
    -------
    kWp, and MWh a year.

    Examples
    --------
    >>> tuple(round(v) for v in roof_potential(50_000, ghi_year=1800))
    (4000, 5616)
    """
    kwp = roof_m2 * usable_share * kwp_m2
    return kwp, kwp * ghi_year * performance_ratio / 1000


def seasonality(monthly: NDArray[np.float64]) -> tuple[float, str]:
    """
    Tell how evenly the sun shines over the year.

    Parameters
    ----------
    monthly : irradiation of the twelve months, area means.

    Returns
    -------
    Best over worst month, and what it means.

    Examples
    --------
    >>> seasonality(np.array([40.0, 60, 100, 140, 180, 190, 195, 170, 120, 80, 45, 35]))[1]
    'strongly seasonal: winter yields little, storage or another source is needed'
    """
    month = np.asarray(monthly, dtype=np.float64)
    least = float(month.min())
    ratio = float(month.max()) / least if least > 0 else float("inf")
    if ratio > _SEASONAL:
        return ratio, "strongly seasonal: winter yields little, storage or another source is needed"
    return ratio, "even over the year: every month yields a good part of the best one"


def _sky(latitude: float, longitude: float, altitude_m: float) -> tuple[Any, pd.DataFrame, Any]:
    """Give the hours of a year in UTC, clear-sky irradiance and the place of the sun."""
    import pandas as pd
    from pvlib.location import Location

    times = pd.date_range("2023-01-01 00:30", "2023-12-31 23:30", freq="h", tz="UTC")
    place = Location(latitude, longitude, tz="UTC", altitude=altitude_m)
    with _pvlib_quiet():
        sun = place.get_solarposition(times)
        sky = place.get_clearsky(times, model="ineichen", solar_position=sun)
    return times, sky, sun


@contextmanager
def _pvlib_quiet() -> Iterator[None]:
    """Keep back pvlib's notes to its own makers about names that pandas will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def clear_sky_ghi(
    latitude: float, longitude: float, *, altitude_m: float = 0.0
) -> NDArray[np.float64]:
    """
    Clear-sky irradiation of the twelve months, with the turbidity table of pvlib.

    Parameters
    ----------
    latitude, longitude : degrees.
    altitude_m : above sea level.

    Returns
    -------
    kWh m-2, a value a month.

    References
    ----------
    .. [1] Ineichen and Perez (2002). A new airmass independent formulation for the Linke turbidity
       coefficient. Solar Energy 73(3), 151-157.
    """
    times, sky, _ = _sky(latitude, longitude, altitude_m)
    ghi = np.asarray(sky["ghi"], dtype=np.float64)
    return np.bincount(times.month - 1, weights=ghi, minlength=12) / 1000


def specific_yield(
    latitude: float,
    longitude: float,
    *,
    ghi_year: float,
    altitude_m: float = 0.0,
    loss_share: float = 0.14,
    air_temperature_c: float = 20.0,
) -> float:
    """
    Yield of a fixed, equator-facing module over a year, hour by hour.

    The clear sky is dimmed evenly to the year's sum, divided into beam and diffuse light (Erbs),
    brought to the tilted module, and turned into power by PVWatts with the heat of the cell.

    Parameters
    ----------
    latitude, longitude : degrees.
    ghi_year : irradiation on the level, kWh m-2 year-1.
    altitude_m : above sea level.
    loss_share : wiring, dirt and mismatch.
    air_temperature_c : mean of the day.

    Returns
    -------
    kWh a year per kWp.

    References
    ----------
    .. [1] Dobos (2014). PVWatts Version 5 Manual. NREL/TP-6A20-62641.
    """
    from pvlib import inverter, irradiance, pvsystem, temperature

    times, sky, sun = _sky(latitude, longitude, altitude_m)
    clear = float(sky["ghi"].sum()) / 1000
    ghi = sky["ghi"] * (ghi_year / clear)
    with _pvlib_quiet():
        parts = irradiance.erbs(ghi, sun["zenith"], times)
    tilt = min(60.0, 0.76 * abs(latitude) + 3.1)
    plane = irradiance.get_total_irradiance(
        tilt,
        180.0 if latitude >= 0 else 0.0,
        sun["apparent_zenith"],
        sun["azimuth"],
        parts["dni"].fillna(0.0),
        ghi,
        parts["dhi"].fillna(0.0),
    )["poa_global"].fillna(0.0)
    cell = temperature.faiman(plane, air_temperature_c)
    direct = pvsystem.pvwatts_dc(plane, cell, 1.0, -0.004) * (1 - loss_share)
    return float(np.nansum(inverter.pvwatts(direct, 1.0)))


def usable_land(city: CityModel) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """
    Find the land that solar power could use.

    Parameters
    ----------
    city : its model; slope, height above drainage, land cover and built share are looked at.

    Returns
    -------
    Usable share of each cell, shape (rows, cols), and the constraints that could not be checked.
    Water, protected land, buildings and cropland are never usable, nor is a cell of which a layer
    that is given knows nothing.
    """
    relief, settings = city.terrain, city.settings("energy")
    ok = city.inside.copy()
    unchecked: list[str] = []
    if "slope_pct" in relief:
        slope, facing = relief["slope_pct"], relief["aspect_score"]
        steep = np.where(
            facing >= 0.75,  # noqa: PLR2004 - within 60 degrees of the equator
            float(settings["solar_slope_equator_pct"]),
            float(settings["solar_slope_pct"]),
        )
        ok &= slope <= steep
    else:
        unchecked.append("slope")
    if "hand_m" in relief:
        ok &= relief["hand_m"] > float(settings["solar_hand_m"])
    else:
        unchecked.append("flood")
    cover = city.array("landcover")
    if cover is None:
        unchecked.append("land cover")
    else:
        ok &= np.isin(cover, [float(c) for c in settings["solar_landcover"]])
    built = built_share(city)
    if built is None:
        unchecked.append("built-up land")
    else:
        ok &= built <= float(settings["solar_built_share"])
    size = cell_size(city.grid)
    taken = np.zeros(city.grid.shape)
    for name in ("water_body", "protected"):
        frame = city.layers.get(name)
        if frame is not None and len(frame):
            taken += area_in_cells(shapes(frame), grid=city.grid)
    uses = city.layers.get("landuse")
    if uses is not None and len(uses):
        closed = np.isin(text(uses, "landuse"), ("military", "cemetery", "farmland", "orchard"))
        closed |= text(uses, "aeroway") == "aerodrome"
        taken += area_in_cells(shapes(uses, closed), grid=city.grid)
    free = np.clip(np.nan_to_num(city.cube["inside_share"].to_numpy()) - taken / size**2, 0.0, 1.0)
    return np.where(ok, free, 0.0), tuple(unchecked)


def _roof_m2(city: CityModel) -> tuple[NDArray[np.float64], str]:
    """Footprint of the buildings in each cell: the larger total of OSM and the built-up raster."""
    buildings, built = city.layers.get("building"), city.array("built_m2")
    mapped = np.zeros(city.grid.shape)
    if buildings is not None and len(buildings):
        mapped = area_in_cells(shapes(buildings), grid=city.grid) * city.inside
    if built is not None:
        raster = np.where(city.inside, np.nan_to_num(built), 0.0)
        if raster.sum() >= mapped.sum():
            return raster, "built-up raster"
    return mapped, "OSM buildings" if mapped.sum() > 0 else ""


def _irradiation(city: CityModel, altitude_m: float) -> tuple[float, NDArray[np.float64], str]:
    """Yearly sum, clear-sky months and where the sum comes from."""
    centre = city.city.boundary.centroid
    months = clear_sky_ghi(centre.y, centre.x, altitude_m=altitude_m)
    values = city.array("ghi")
    if values is not None:
        year = yearly_ghi(np.where(city.inside, values, np.nan), city.settings("energy"))
        if np.isfinite(year):
            return year, months, "raster"
    return (
        float(months.sum()) * city.settings("energy").number("clearness"),
        months,
        "clear sky and clearness",
    )


def _not_looked_at(unchecked: Sequence[str]) -> str:
    if "land cover" in unchecked:
        return "; roofs only: without land cover no free ground is known"
    return f"; not checked: {', '.join(unchecked)}" if unchecked else ""


def _would_be(city: CityModel) -> Indicator:
    if city.array("landcover") is None and not city.once(_roof_m2)[1]:
        return unassessed("E10", _UNITS, _NO_LAND, layers=_LAYERS)
    origin = "proxy" if city.array("ghi") is None else "modelled"
    return assessable("E10", _UNITS, layers=_LAYERS, evidence=origin)


def solar_potential(city: CityModel) -> Indicator:
    """
    Give E10: the solar power that fits on usable ground and on roofs.

    Parameters
    ----------
    city : its model.

    Returns
    -------
    Row E10, reported, MWh a year; the cells add up to the city value. Details hold ground and
    roof, and the closed form beside the hourly model.

    Raises
    ------
    StudyError
        If the irradiation raster is in another unit than kWh m-2 year-1.
    """
    if city.checking:
        return _would_be(city)
    relief, settings = city.terrain, city.settings("energy")
    level = relief.get("elevation_m")
    altitude = 0.0 if level is None else float(np.nan_to_num(np.nanmean(level[city.inside])))
    ghi, months, origin = _irradiation(city, altitude)
    roofs, roof_source = _roof_m2(city)
    roof_m2 = float(roofs.sum()) if roof_source else float("nan")
    share, unchecked = city.once(usable_land)
    common: dict[str, Any] = {"units": _UNITS, "layers": _LAYERS, "as_of": city.osm_date}
    if "land cover" in unchecked and not np.isfinite(roof_m2):
        return unassessed("E10", reason=_NO_LAND, **common)
    centre = city.city.boundary.centroid
    per_kwp = specific_yield(
        centre.y,
        centre.x,
        ghi_year=ghi,
        altitude_m=altitude,
        loss_share=float(settings["system_loss_share"]),
        air_temperature_c=float(settings["air_temperature_c"]),
    )
    # Without land cover nobody knows what is a field or a forest: no ground potential then.
    if "land cover" in unchecked:
        share = np.zeros(share.shape)
    hectares = share * cell_size(city.grid) ** 2 / 1e4
    area = float(hectares.sum())
    mw, closed_ground = ground_potential(
        area,
        ghi_year=ghi,
        ha_per_mwac=float(settings["ha_per_mwac"]),
        performance_ratio=float(settings["performance_ratio"]),
    )
    kwp, closed_roof = roof_potential(
        float(np.nan_to_num(roof_m2)),
        ghi_year=ghi,
        usable_share=float(settings["roof_usable_share"]),
        kwp_m2=float(settings["roof_kwp_m2"]),
        performance_ratio=float(settings["roof_performance_ratio"]),
    )
    ratio, words = seasonality(months)
    kwp_m2 = float(settings["roof_usable_share"]) * float(settings["roof_kwp_m2"])
    per_cell = (hectares / float(settings["ha_per_mwac"]) + roofs * kwp_m2 / 1000) * per_kwp
    return Indicator(
        id="E10",
        value=mw * per_kwp + kwp * per_kwp / 1000,
        cells=np.where(city.inside, per_cell, np.nan),
        evidence="modelled" if origin == "raster" else "proxy",
        n_features=len(city.layers["building"]) if roof_source == "OSM buildings" else 0,
        source=f"irradiation: {origin}; roofs: {roof_source or 'none'}",
        note=f"clear-sky months: {words}" + _not_looked_at(unchecked),
        details={
            "ghi_kwh_m2_year": ghi,
            "ghi_source": origin,
            "yield_kwh_kwp": per_kwp,
            "ground_ha": area,
            "ground_mwac": mw,
            "ground_mwh_year": mw * per_kwp,
            "ground_mwh_year_closed_form": closed_ground,
            "roof_m2": roof_m2,
            "roof_kwp": kwp,
            "roof_mwh_year": kwp * per_kwp / 1000,
            "roof_mwh_year_closed_form": closed_roof,
            "month_ratio": ratio,
        },
        **common,
    )
