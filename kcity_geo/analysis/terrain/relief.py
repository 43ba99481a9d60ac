"""
Terrain: slope, aspect, drainage and the height above it, from one elevation model.

Everything is computed on the square grid of the elevation model in the metric CRS of the city,
then brought to the study cells. Nothing is computed in degrees. Global elevation models show
roofs and tree tops (surface models), so what is found in built-up land is a screening.

Examples
--------
>>> import numpy as np, xarray as xr
>>> x, y = 500_005.0 + 10 * np.arange(4), 5_000_035.0 - 10 * np.arange(4)
>>> plane = xr.DataArray(np.tile(0.1 * x, (4, 1)), dims=("y", "x"), coords={"y": y, "x": x})
>>> float(slope_pct(plane).mean().round(6))
10.0
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.terrain.bands import Band, in_bands
from kcity_geo.analysis.terrain.drainage import (
    HandResult,
    flood_class,
    flow_directions,
    hand,
    like_model,
    model_cell_m,
)
from kcity_geo.citydata import CityInputs
from kcity_geo.cube import area_in_cells, cell_size
from kcity_geo.notes import tell

__all__ = [
    "HandResult",
    "aspect_deg",
    "aspect_score",
    "cell_elevation_m",
    "cell_slope_pct",
    "cell_terrain",
    "flood_class",
    "flow_directions",
    "hand",
    "rise_per_metre",
    "slope_pct",
    "to_cells",
]


def _directional(values: NDArray[np.float64], axis: int, cell_m: float) -> NDArray[np.float64]:
    """
    Rate of change along an axis: Horn's weights 1-2-1 over the three lines of the window.

    A line counts with its central difference, the middle line with a one-sided one where a
    neighbour is missing, so that a plane keeps its slope at edges and voids.
    """
    v = values if axis == 1 else values.T
    padded = np.pad(v, 1, constant_values=np.nan)
    before, here, after = padded[1:-1, :-2], v, padded[1:-1, 2:]
    central = (after - before) / 2
    one_sided = np.where(np.isfinite(after), after - here, here - before)
    middle = np.where(np.isfinite(central), central, one_sided)
    wide = np.pad(central, ((1, 1), (0, 0)), constant_values=np.nan)
    total, weight = np.zeros(v.shape), np.zeros(v.shape)
    for part, share in ((wide[:-2], 1.0), (middle, 2.0), (wide[2:], 1.0)):
        known = np.isfinite(part)
        total += np.where(known, part, 0.0) * share
        weight += known * share
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = total / weight / cell_m
    rate[~np.isfinite(v)] = np.nan
    return rate if axis == 1 else rate.T


def rise_per_metre(
    dem: xr.DataArray, *, cell_m: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Tell how much the ground rises to the east and to the north.

    Parameters
    ----------
    dem, cell_m : as for `slope_pct`.

    Returns
    -------
    Two arrays of the shape of `dem`, metres per metre; NaN in voids and in cells without a neighbour.

    Raises
    ------
    CRSMismatchError
        If the cells are in degrees.
    GridMismatchError
        If the cells are not square or the model is a single line.
    """
    side_m = model_cell_m(dem) if cell_m is None else cell_m
    z = np.asarray(dem.to_numpy(), dtype=np.float64)
    return _directional(z, 1, side_m), -_directional(z, 0, side_m)


def slope_pct(dem: xr.DataArray, *, cell_m: float | None = None) -> xr.DataArray:
    """
    Tell how steep the ground is, in percent (not degrees).

    Parameters
    ----------
    dem : elevation, metres, dims (y, x), square cells in a metric CRS, y descending. NaN: void.
    cell_m : side of a cell where `dem` is a part of a model, metres; None: as its coordinates say.

    Returns
    -------
    Shape of `dem`, percent; NaN in voids and in cells without a neighbour.

    Raises
    ------
    CRSMismatchError
        If the cells are in degrees.
    GridMismatchError
        If the cells are not square or the model is a single line.

    References
    ----------
    .. [1] Horn (1981). Hill shading and the reflectance map. Proc. IEEE 69(1), 14-47.
    """
    slope = _slope(*rise_per_metre(dem, cell_m=cell_m))
    return like_model(dem, slope, units="percent", long_name="Slope")


def _slope(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
    """Percent, of the rise per metre to the east and to the north."""
    return np.asarray(100 * np.hypot(east, north))


def aspect_deg(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Tell which way the ground faces: the compass bearing of the steepest way down.

    Parameters
    ----------
    east, north : of `rise_per_metre`.

    Returns
    -------
    Degrees clockwise from grid north, 0 to 360; NaN in voids and on the flat.

    Examples
    --------
    >>> aspect_deg(np.array([0.1, 0.0]), np.array([0.0, 0.0]))
    array([270.,  nan])
    """
    bearing = np.degrees(np.arctan2(-east, -north)) % 360.0
    return np.where(np.hypot(east, north) > 0, bearing, np.nan)


def aspect_score(
    slope: NDArray[np.float64],
    aspect: NDArray[np.float64],
    *,
    latitude: float,
    flat_pct: float = 10.0,
) -> NDArray[np.float64]:
    """
    Tell how well the ground faces the midday sun, 0 (to the pole) to 1 (flat, or to the equator).

    Parameters
    ----------
    slope : percent.
    aspect : degrees; NaN on the flat.
    latitude : degrees, of the city; tells where the equator is.
    flat_pct : slope from which the aspect counts in full, percent.

    Returns
    -------
    Shape of `slope`, 0 to 1; NaN where the slope is not known.

    Examples
    --------
    >>> import numpy as np
    >>> aspect_score(np.array([20.0, 20.0, 0.0]), np.array([180.0, 0.0, np.nan]), latitude=41)
    array([1., 0., 1.])
    """
    towards = 180.0 if latitude >= 0 else 0.0
    facing = (1 + np.cos(np.radians(np.nan_to_num(aspect, nan=towards) - towards))) / 2
    return np.asarray(1 - (1 - facing) * np.clip(slope / flat_pct, 0.0, 1.0))


def to_cells(values: NDArray[Any], model: xr.DataArray, grid: GeoBox) -> NDArray[np.float64]:
    """
    Average the values of a finer grid over the study cells.

    Parameters
    ----------
    values : shape of `model`; NaN: not known, left out.
    model : dims (y, x), square cells in the metric CRS of `grid`.
    grid : the study grid.

    Returns
    -------
    Shape (rows, cols); NaN where nothing is known.

    Raises
    ------
    CRSMismatchError
        If the cells of the model are in degrees.
    GridMismatchError
        If they are not square or the model is a single line.
    """
    return in_bands(model, grid, lambda band: {"mean": band.mean(values[band.rows])})["mean"]


def cell_slope_pct(dem: xr.DataArray, grid: GeoBox) -> NDArray[np.float64]:
    """
    Tell how steep the ground is in each cell, on average.

    Parameters
    ----------
    dem : as for `slope_pct`.
    grid : of the cells, in the metric CRS of `dem`.

    Returns
    -------
    Shape (rows, cols), percent; NaN where nothing is known. As `to_cells` of `slope_pct`, some rows at a time.

    Raises
    ------
    CRSMismatchError
        If the cells of the model are in degrees.
    GridMismatchError
        If they are not square or the model is a single line.

    Examples
    --------
    >>> x, y = 500_005.0 + 10 * np.arange(4), 5_000_035.0 - 10 * np.arange(4)
    >>> plane = xr.DataArray(np.tile(0.1 * x, (4, 1)), dims=("y", "x"), coords={"y": y, "x": x})
    >>> grid = GeoBox.from_bbox((500_000, 5_000_000, 500_040, 5_000_040), crs="EPSG:32632", resolution=20)
    >>> cell_slope_pct(plane, grid).round(6).tolist()
    [[10.0, 10.0], [10.0, 10.0]]
    """
    side_m = model_cell_m(dem)

    def measure(band: Band) -> dict[str, NDArray[np.float64]]:
        rise = (band.without_halo(axis) for axis in rise_per_metre(dem[band.halo], cell_m=side_m))
        return {"slope": band.mean(_slope(*rise))}

    return in_bands(dem, grid, measure)["slope"]


def _river_lines(data: CityInputs) -> NDArray[np.object_]:
    """Rivers, streams and canals of the drainage layer, not those in a tunnel or culvert."""
    frame = data.layers.get("drainage")
    if frame is None or len(frame) == 0:
        return np.zeros(0, dtype=object)
    keep = frame.geometry.geom_type.isin(["LineString", "MultiLineString"])
    if "waterway" in frame:
        keep &= frame["waterway"].isin(["river", "stream", "canal"])
    return np.asarray(frame.geometry[keep].to_numpy(), dtype=object)


def _warn_surface_model(data: CityInputs, dem: xr.DataArray) -> None:
    if not dem.attrs.get("surface_model"):
        return
    built = _built_m2(data)
    where = "where the land is built up"
    if built is not None:
        share = built / cell_size(data.grid) ** 2
        dense = int(np.sum((share > 0.3) & data.inside))  # noqa: PLR2004 - nearly a third under roofs
        if not dense:
            return
        where = f"in {dense:,} built-up cells"
    tell(
        f"elevation is a surface model: {where} it shows roofs, so slope is too steep and the "
        "height above drainage wrong there by metres; use a terrain model (DTM) for decisions",
        stacklevel=3,
    )


def _built_m2(data: CityInputs) -> NDArray[np.float64] | None:
    """Built-up surface, else footprint of the mapped buildings; None when neither is known."""
    built = data.array("built_m2")
    buildings = data.layers.get("building")
    if built is not None or buildings is None or not len(buildings):
        return built
    return area_in_cells(buildings.geometry.to_numpy(), grid=data.grid)


def cell_elevation_m(data: CityInputs) -> NDArray[np.float64] | None:
    """
    Bring the elevation model to the study cells, without what is derived from it.

    Parameters
    ----------
    data : with a `dem`.

    Returns
    -------
    Mean height of each cell, metres above the datum of the model, shape (rows, cols); NaN where not
    known. None without a `dem`. The same numbers as ``elevation_m`` of `cell_terrain`.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> cell_elevation_m(make_toy()) is None
    True
    """
    if data.dem is None:
        return None
    _warn_surface_model(data, data.dem)
    return to_cells(data.dem.to_numpy(), data.dem, data.grid)


def cell_terrain(data: CityInputs) -> dict[str, NDArray[np.float64]]:
    """
    Bring slope, aspect, drainage and flood classes to the study cells.

    Parameters
    ----------
    data : with a `dem`; without one the answer is empty.

    Returns
    -------
    Name -> shape (rows, cols); NaN where not known. ``elevation_m``, ``slope_pct`` (mean in the
    cell), ``slope_max_pct``, ``aspect_score`` (0 to 1), ``hand_m`` (mean), ``hand_min_m``,
    ``hand_le2_share`` and ``hand_le5_share`` (share of the cell's known area at most that high
    above drainage; the two heights are parameters), ``flood_class`` (of `hand_m`, see
    `flood_class`) and ``catchment`` (number of the stream reach it drains to, 0: none).
    """
    if data.dem is None:
        return {}
    dem = data.dem
    settings = data.settings("water")
    _warn_surface_model(data, dem)
    drainage = hand(
        dem,
        rivers=_river_lines(data),
        stream_area_km2=float(settings["stream_area_km2"]),
        settings=settings,
    )
    heights, above = dem.to_numpy(), drainage.hand.to_numpy()
    catchment, latitude = drainage.catchment, data.city.boundary.centroid.y
    del drainage
    cell_m = model_cell_m(dem)
    high, moderate = float(settings["hand_high_m"]), float(settings["hand_moderate_m"])

    def measure(band: Band) -> dict[str, NDArray[np.float64]]:
        height = above[band.rows]
        known = np.isfinite(height)
        rise = [band.without_halo(axis) for axis in rise_per_metre(dem[band.halo], cell_m=cell_m)]
        slope = _slope(*rise)
        score = aspect_score(slope, aspect_deg(*rise), latitude=latitude)
        return {
            "elevation_m": band.mean(heights[band.rows]),
            "slope_pct": band.mean(slope),
            "slope_max_pct": band.extreme(slope, highest=True),
            "aspect_score": band.mean(score),
            "hand_m": (mean_m := band.mean(height)),
            "hand_min_m": band.extreme(height, highest=False),
            "hand_le2_share": band.mean(np.where(known, height <= high, np.nan)),
            "hand_le5_share": band.mean(np.where(known, height <= moderate, np.nan)),
            "flood_class": flood_class(mean_m, settings["flood_class_edges_m"]),
            "catchment": band.most_frequent(catchment[band.rows]),
        }

    return in_bands(dem, data.grid, measure)
