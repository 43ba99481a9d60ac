"""Ground of a site: slope classes, earthworks, land cover, flood and the height above drainage."""

from __future__ import annotations

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.sites.earthworks import earthworks
from kcity_geo.analysis.sites.facts import Fact, dossier_rows
from kcity_geo.analysis.suitability.value_functions import LANDCOVER
from kcity_geo.analysis.terrain.relief import slope_pct
from kcity_geo.cube import pieces_of_polygons
from kcity_geo.profiles import Limit, is_off
from kcity_geo.result import Suitability

__all__ = ["ground_facts"]

_NO_DEM = "no elevation: add sources.elevation"
_NO_FLOOD = "no flood map: add sources.flood or sources.flood_return_period"


def ground_facts(shape: shapely.Polygon, city: CityModel, score: Suitability) -> list[Fact]:
    """
    Tell what the ground of a site is like.

    Parameters
    ----------
    shape : outline, metric CRS.
    city : its model.
    score : of the project; its limit of slope.

    Returns
    -------
    Slope classes and land cover, each adding to the area of the site with what is not known; earthworks; flood.
    """
    limit = score.parameters.get("slope_pct_max")
    return [*_slopes(shape, city, limit), *_cover(shape, city), *_flood(shape, city)]


def _inside(
    shape: shapely.Polygon, field: xr.DataArray
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Places of the cells of a raster whose centre lies in the outline, and where they are in its box."""
    x, y = np.asarray(field["x"], dtype=float), np.asarray(field["y"], dtype=float)
    xx, yy = np.meshgrid(x, y)
    within = np.asarray(shapely.contains_xy(shape, xx, yy), dtype=bool)
    return xx[within], yy[within], within


def _window(shape: shapely.Polygon, field: xr.DataArray, margin: float = 0.0) -> xr.DataArray:
    west, south, east, north = shape.bounds
    x, y = np.asarray(field["x"], dtype=float), np.asarray(field["y"], dtype=float)
    cols = np.flatnonzero((x >= west - margin) & (x <= east + margin))
    rows = np.flatnonzero((y >= south - margin) & (y <= north + margin))
    return field.isel(x=cols, y=rows)


def _slopes(shape: shapely.Polygon, city: CityModel, limit: Limit | None) -> list[Fact]:
    classes = dossier_rows("slope_class")
    known, x, y, z, slope = 0.0, *(np.zeros(0),) * 4
    dem = city.dem
    if dem is not None:
        step = abs(float(dem["x"][1] - dem["x"][0])) if dem.sizes["x"] > 1 else 0.0
        near = _window(shape, dem, margin=2 * step)
        if min(near.shape) > 1:
            x, y, within = _inside(shape, near)
            z = np.asarray(near.to_numpy(), dtype=np.float64)[within]
            slope = np.asarray(slope_pct(near).to_numpy())[within]
    whole = shape.area / 1e4
    each = whole / max(len(slope), 1)
    facts = []
    for row in classes:
        ha = float(((slope >= row["from"]) & (slope < row["to"])).sum()) * each
        known += ha
        last = row is classes[-1]
        span = f"over {row['from']:g} %" if last else f"{row['from']:g} to {row['to']:g} %"
        item = f"slope_{row['from']}_ha"
        value = ha if len(slope) else np.nan
        basis = "elevation model" if len(slope) else _NO_DEM
        facts.append(Fact("land", item, f"Slope {span}, {row['title']}", value, "ha", basis=basis))
    facts.append(Fact("land", "slope_unknown_ha", "Slope not known", _rest(whole - known), "ha"))
    if limit is not None and not is_off(limit):
        steeper = float((slope > float(limit)).sum()) * each if len(slope) else np.nan
        title = f"Steeper than the {float(limit):.4g} % of the project"
        facts.append(
            Fact("land", "steeper_ha", title, steeper, "ha", basis="cells of the elevation model")
        )
        facts.append(
            Fact(
                "land",
                "buildable_ha",
                "Buildable: open to building and not steeper",
                whole - steeper,
                "ha",
            )
        )
    ok = np.isfinite(z)
    work = earthworks(x[ok], y[ok], z[ok], area_m2=shape.area)
    basis = "elevation model; cut equals fill; no swelling, no topsoil" if ok.any() else _NO_DEM
    return [
        *facts,
        Fact("land", "level_m3", "Earth moved for one level platform", work.level_m3, "m3", basis=basis),
        Fact("land", "plane_m3", "Earth moved for the best-fit plane", work.plane_m3, "m3", basis=basis),
        Fact("land", "plane_pct", "Slope of the best-fit plane", work.plane_pct, "%", basis=basis),
        Fact(
            "land", "levelling_m3_ha", "Earth moved for platform or plane, the smaller, a hectare",
            work.least_m3 / max(whole, 1e-9), "m3/ha", basis=basis,
        ),
    ]  # fmt: skip


def _cover(shape: shapely.Polygon, city: CityModel) -> list[Fact]:
    code = city.array("landcover")
    whole = shape.area / 1e4
    basis = "land cover raster, exact shares of its study cells"
    if code is None:
        missing = "no land cover: add sources.landcover"
        return [
            Fact("land", "cover_unknown_ha", "Land cover not known", whole, "ha", basis=missing)
        ]
    cell, _, area = pieces_of_polygons(np.asarray([shape], dtype=object), grid=city.grid)
    found = code.ravel()[cell]
    facts, known = [], 0.0
    for number, name in LANDCOVER.items():
        ha = float(area[found == number].sum()) / 1e4
        if ha > 0:
            known += ha
            item = f"cover_{name}_ha"
            facts.append(Fact("land", item, f"Land cover: {name}", ha, "ha", basis=basis))
    return [
        *facts,
        Fact("land", "cover_unknown_ha", "Land cover not known", _rest(whole - known), "ha"),
    ]


def _rest(ha: float) -> float:
    """Give what is left, without the rounding of sums."""
    return max(round(ha, 6), 0.0)


def _flood(shape: shapely.Polygon, city: CityModel) -> list[Fact]:
    cell, _, area = pieces_of_polygons(np.asarray([shape], dtype=object), grid=city.grid)
    terrain = city.terrain
    lowest, low = np.nan, np.nan
    if "hand_min_m" in terrain:
        height, share = terrain["hand_min_m"].ravel()[cell], terrain["hand_le2_share"].ravel()[cell]
        lowest = float(np.nanmin(height)) if np.isfinite(height).any() else np.nan
        ok = np.isfinite(share) & (area > 0)
        low = float(np.average(share[ok], weights=area[ok])) if ok.any() else np.nan
    basis = (
        "height above the nearest drainage; knows no rain and no return period"
        if terrain
        else _NO_DEM
    )
    return [
        Fact("flood", "freeboard_m", "Lowest cell above its drainage", lowest, "m", basis=basis),
        Fact("flood", "low_share", "At most 2 m above its drainage", low, "share", basis=basis),
        *_mapped_flood(shape, city),
    ]


def _mapped_flood(shape: shapely.Polygon, city: CityModel) -> list[Fact]:
    flood = city.flood
    share, worst, title, unit = np.nan, np.nan, "Deepest water on the flood map", "m"
    if flood is not None:
        near = _window(shape, flood)
        if min(near.shape) > 0:
            values = np.asarray(near.to_numpy(), dtype=np.float64)[_inside(shape, near)[2]]
            values = values[np.isfinite(values)]
            wet = values[values > 0]
            share = len(wet) / len(values) if len(values) else np.nan
            if flood.attrs.get("units") == "m":
                worst = float(wet.max()) if len(wet) else (0.0 if len(values) else np.nan)
            else:
                title, unit = "Smallest return period that floods a part of it", "years"
                worst = float(wet.min()) if len(wet) else np.nan
    basis = "flood map of the study" if flood is not None else _NO_FLOOD
    if flood is not None and np.isnan(share):
        basis = "the flood map does not reach it"
    return [
        Fact("flood", "flooded_share", "Under water on the flood map", share, "share", basis=basis),
        Fact("flood", "flood_worst", title, worst, unit, basis=basis),
    ]
