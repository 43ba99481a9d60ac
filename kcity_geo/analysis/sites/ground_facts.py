"""Ground of a site: slope classes, earthworks, land cover, flood and the height above drainage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.distance.straight import nearest_feature
from kcity_geo.analysis.sites.earthworks import earthworks
from kcity_geo.analysis.sites.facts import Fact, dossier_rows
from kcity_geo.analysis.suitability.value_functions import LANDCOVER
from kcity_geo.analysis.terrain.relief import slope_pct
from kcity_geo.config import read_table
from kcity_geo.cube import cell_centres, cell_polygons, cell_size, pieces_of_polygons
from kcity_geo.profiles import Limit, is_off
from kcity_geo.result import Suitability

__all__ = ["ground_facts"]

#: Dimension of geometries with an area.
_AREAL = 2
_BUILDABLE = "without water and wetland, mapped buildings, and land whose slope is not known"
_NO_DEM = "no elevation: add sources.elevation"
_BEYOND = "the elevation model does not reach it"
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
    taken = _taken(shape, city)
    return [
        *_slopes(shape, city, limit, taken),
        _water(city, taken),
        *_cover(shape, city),
        *_flood(shape, city),
    ]


class _Taken(NamedTuple):
    """Parts of a site on which nothing can be built: water with wetland, and buildings that stand there."""

    water: BaseGeometry
    buildings: BaseGeometry


def _taken(shape: shapely.Polygon, city: CityModel) -> _Taken:
    wet = _shapes_on(shape, city, "water_body")
    code = city.array("landcover")
    if code is not None:
        cell, _, _ = pieces_of_polygons(np.asarray([shape], dtype=object), grid=city.grid)
        names = {n for n, name in LANDCOVER.items() if name in {"water", "wetland"}}
        wet = [*wet, *cell_polygons(city.grid, cell[np.isin(code.ravel()[cell], list(names))])]
    return _Taken(
        shapely.intersection(shapely.union_all(wet), shape),
        shapely.intersection(shapely.union_all(_shapes_on(shape, city, "building")), shape),
    )


def _shapes_on(shape: shapely.Polygon, city: CityModel, layer: str) -> list[BaseGeometry]:
    frame = city.layer(layer)
    if frame is None:
        return []
    near = frame.sindex.query(shape, predicate="intersects")
    found = np.asarray(frame.geometry.to_numpy(), dtype=object)[near]
    return [one for one in found if shapely.get_dimensions(one) == _AREAL]


def _water(city: CityModel, taken: _Taken) -> Fact:
    study = city.study
    known = study is None or study.sources.osm is not None or city.array("landcover") is not None
    return Fact(
        "land", "water_ha", "Water and wetland on it", taken.water.area / 1e4 if known else np.nan, "ha",
        basis="map and land cover, as far as given" if known else "no map and no land cover is given",
    )  # fmt: skip


def _buildable(
    shape: shapely.Polygon,
    at: tuple[NDArray[np.float64], NDArray[np.float64]],
    fine: NDArray[np.bool_],
    taken: _Taken,
) -> float:
    """Hectares that are free of water and buildings, times the share of the dry land that is not too steep."""
    dry = shapely.difference(shape, taken.water)
    shapely.prepare(dry)
    within = np.asarray(shapely.intersects_xy(dry, *at), dtype=bool)
    share = fine[within] if within.any() else fine
    free = shapely.difference(dry, taken.buildings)
    return float(free.area) / 1e4 * float(share.mean()) if len(share) else np.nan


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


def _heights(
    shape: shapely.Polygon, dem: xr.DataArray
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Places on the lattice of the model in the outline, also where it does not reach, their heights and slopes."""
    x, y = np.asarray(dem["x"], dtype=float), np.asarray(dem["y"], dtype=float)
    step = abs(x[1] - x[0])
    west, south, east, north = shape.bounds
    cols = np.arange(np.floor((west - x[0]) / step), np.ceil((east - x[0]) / step) + 1)
    rows = np.arange(np.floor((y[0] - north) / step), np.ceil((y[0] - south) / step) + 1)
    col, row = (part.ravel().astype(np.int64) for part in np.meshgrid(cols, rows))
    at_x, at_y = x[0] + col * step, y[0] - row * step
    within = np.asarray(shapely.contains_xy(shape, at_x, at_y), dtype=bool)
    col, row, at_x, at_y = col[within], row[within], at_x[within], at_y[within]
    z, slope = np.full(len(col), np.nan), np.full(len(col), np.nan)
    there = (col >= 0) & (col < len(x)) & (row >= 0) & (row < len(y))
    if there.any():
        # With two cells around, from which the slope of the outermost is told.
        left, top = max(int(col[there].min()) - 2, 0), max(int(row[there].min()) - 2, 0)
        near = dem.isel(
            x=slice(left, int(col[there].max()) + 3), y=slice(top, int(row[there].max()) + 3)
        )
        if min(near.shape) > 1:
            own = row[there] - top, col[there] - left
            z[there] = np.asarray(near.to_numpy(), dtype=np.float64)[own]
            slope[there] = np.asarray(slope_pct(near).to_numpy())[own]
    return at_x, at_y, z, slope


def _slopes(
    shape: shapely.Polygon, city: CityModel, limit: Limit | None, taken: _Taken
) -> list[Fact]:
    classes = dossier_rows("slope_class")
    dem = city.dem
    x, y, z, slope = (np.zeros(0),) * 4
    if dem is not None and min(dem.shape) > 1:
        x, y, z, slope = _heights(shape, dem)
    whole = shape.area / 1e4
    each = whole / max(len(slope), 1)
    told = bool(np.isfinite(slope).any())
    missing = _NO_DEM if dem is None else _BEYOND
    facts = []
    for row in classes:
        ha = float(((slope >= row["from"]) & (slope < row["to"])).sum()) * each
        last = row is classes[-1]
        span = f"over {row['from']:g} %" if last else f"{row['from']:g} to {row['to']:g} %"
        item = f"slope_{row['from']}_ha"
        basis = "elevation model" if told else missing
        value = ha if told else np.nan
        facts.append(Fact("land", item, f"Slope {span}, {row['title']}", value, "ha", basis=basis))
    unknown = _rest(whole - float(np.isfinite(slope).sum()) * each)
    facts.append(Fact("land", "slope_unknown_ha", "Slope not known", unknown, "ha"))
    if limit is not None and not is_off(limit):
        steeper = float((slope > float(limit)).sum()) * each if told else np.nan
        title = f"Steeper than the {float(limit):.4g} % of the project"
        facts.append(
            Fact("land", "steeper_ha", title, steeper, "ha", basis="cells of the elevation model")
        )
        facts.append(
            Fact(
                "land",
                "buildable_ha",
                "Buildable: open to building and not steeper",
                _buildable(shape, (x, y), slope <= float(limit), taken) if told else np.nan,
                "ha",
                basis=_BUILDABLE if told else missing,
            )
        )
    return [*facts, *_earth(shape, x, y, z, missing=missing)]


def _earth(
    shape: shapely.Polygon,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    z: NDArray[np.float64],
    *,
    missing: str,
) -> list[Fact]:
    """Tell the earth that is moved, where the heights of nearly all of the site are known."""
    ok = np.isfinite(z)
    share = float(ok.mean()) if len(ok) else 0.0
    basis = "elevation model; cut equals fill; no swelling, no topsoil" if share > 0 else missing
    if 0 < share < float(read_table("suitability/dossier")["heights"]["known_min"]):
        basis = f"heights of only {100 * share:.0f} % of it are known"
        ok = np.zeros_like(ok)
    work = earthworks(x[ok], y[ok], z[ok], area_m2=shape.area)
    whole = shape.area / 1e4
    return [
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
            Fact("land", "cover_unknown_ha", "Land cover not known", whole, "ha", basis=missing),
            _silent(shape, city),
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


def _silent(shape: shapely.Polygon, city: CityModel) -> Fact:
    """Measure the part of a site around which the map shows neither street nor building; NaN without a map."""
    rule = read_table("suitability/dossier")["silent"]
    far_m = float(rule["far_m"])
    study, area_ha = city.study, np.nan
    if study is None or study.sources.osm is not None:
        around = shapely.buffer(shape, far_m + cell_size(city.grid))
        layers = [city.layer(name) for name in ("building", "roads_drive", "roads_walk")]
        near = [f.geometry.to_numpy()[f.sindex.query(around)] for f in layers if f is not None]
        cell, _, area = pieces_of_polygons(np.asarray([shape], dtype=object), grid=city.grid)
        x, y = (a[cell] for a in cell_centres(city.grid))
        away, _ = nearest_feature(np.concatenate([np.zeros(0, dtype=object), *near]), x, y)
        area_ha = float(area[away > far_m].sum()) / 1e4
    return Fact(
        "land", "silent_ha", str(rule["title"]), area_ha, "ha",
        basis=str(rule["basis"]),
    )  # fmt: skip


def _rest(ha: float) -> float:
    """Give what is left, without the rounding of sums."""
    return max(0.0, round(ha, 6))


def _flood(shape: shapely.Polygon, city: CityModel) -> list[Fact]:
    cell, _, area = pieces_of_polygons(np.asarray([shape], dtype=object), grid=city.grid)
    terrain = city.terrain
    lowest, low = np.nan, np.nan
    if "hand_min_m" in terrain:
        height, share = terrain["hand_min_m"].ravel()[cell], terrain["hand_le2_share"].ravel()[cell]
        lowest = float(np.nanmin(height)) if np.isfinite(height).any() else np.nan
        ok = np.isfinite(share) & (area > 0)
        low = float(np.average(share[ok], weights=area[ok])) if ok.any() else np.nan
    basis = _NO_DEM
    if terrain:
        basis = "height above the nearest drainage; knows no rain and no return period"
        basis = _BEYOND if np.isnan(lowest) else basis
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
