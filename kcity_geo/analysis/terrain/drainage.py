"""
Drainage of an elevation model: where water runs, and how high the ground lies above it (HAND).

Pits are filled, voids bridged, mapped rivers burned in; directions are those of the steepest of
eight ways (D8). `kcity_geo.analysis.terrain.relief` brings the result to the study cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from kcity_geo.compiling import package_at_a_time
from kcity_geo.cube import length_in_cells, plain_variable
from kcity_geo.errors import CRSMismatchError, GridMismatchError
from kcity_geo.settings import Settings, settings_of
from kcity_geo.threads import side_by_side

__all__ = ["HandResult", "flood_class", "flow_directions", "hand", "like_model", "model_cell_m"]

_NODATA = 247
_STEPS = 256.0
_UNSEEN = -32768.0
#: Row step, column step and D8 code of the eight neighbours, in the order ties are broken.
_NEIGHBOURS = (
    (-1, -1, 32),
    (-1, 0, 64),
    (-1, 1, 128),
    (0, -1, 16),
    (0, 1, 1),
    (1, -1, 8),
    (1, 0, 4),
    (1, 1, 2),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class HandResult:
    """
    Drainage of an elevation model.

    Parameters
    ----------
    hand : height above the nearest drainage, metres; NaN at sea, in voids, and where the water
        leaves the model before it meets a stream.
    streams : cells that count as drainage: large upstream area, or a mapped river.
    accumulation : upstream area with the cell itself, in cells; NaN at sea and in voids.
    ground : elevation with voids bridged, metres; heights are read off it.
    filled : the same with pits filled, metres; the water runs on it.
    directions : D8 codes (ESRI), 0 where the water leaves, 247 without data.
    catchment : number of the stream reach each cell drains to; 0: none.
    sea : cells taken for open water at level 0.
    """

    hand: xr.DataArray
    streams: NDArray[np.bool_]
    accumulation: NDArray[np.float64]
    ground: NDArray[np.float32]
    filled: NDArray[np.float32]
    directions: NDArray[np.uint8]
    catchment: NDArray[np.int64]
    sea: NDArray[np.bool_]


def model_cell_m(dem: xr.DataArray) -> float:
    """
    Give the side of the square cells of an elevation model; refuse any other model.

    Parameters
    ----------
    dem : elevation, dims (y, x), y descending.

    Returns
    -------
    Metres.

    Raises
    ------
    CRSMismatchError
        If the cells are in degrees.
    GridMismatchError
        If the cells are not square, the model is a single line or not north up.
    """
    x, y = np.asarray(dem["x"], dtype=float), np.asarray(dem["y"], dtype=float)
    if dem.dims != ("y", "x") or len(x) < 2 or len(y) < 2:  # noqa: PLR2004 - a line has no slope
        raise GridMismatchError(
            f"elevation model has dims {dem.dims} and shape {dem.shape}; two dims (y, x) of at "
            "least 2 cells are needed"
        )
    dx, dy = float(np.diff(x).mean()), float(-np.diff(y).mean())
    if dx <= 0 or dy <= 0:
        raise GridMismatchError("elevation model: x must ascend and y descend (north up)")
    if max(dx, dy) < 0.05:  # noqa: PLR2004 - no elevation model has cells of 5 cm
        raise CRSMismatchError(
            f"elevation model has cells of {dx:g} x {dy:g}: these are degrees, not metres; "
            "reproject it to the CRS of the city"
        )
    if abs(dx - dy) > 1e-3 * dx:
        raise GridMismatchError(
            f"elevation model has cells of {dx:g} x {dy:g} m; resample it to square cells"
        )
    return dx


def like_model(
    dem: xr.DataArray, values: NDArray[Any], *, units: str, long_name: str
) -> xr.DataArray:
    """
    Wrap values that were derived from an elevation model with its coordinates.

    Parameters
    ----------
    dem : the model.
    values : of its shape.
    units, long_name : text for people.

    Returns
    -------
    DataArray with the coordinates of the model.
    """
    attrs = {**dem.attrs, "units": units, "long_name": long_name, "evidence": "modelled"}
    return xr.DataArray(plain_variable(("y", "x"), values, attrs), coords=dem.coords)


def _grid_of(dem: xr.DataArray) -> GeoBox:
    from odc.geo.geobox import GeoBox

    size = model_cell_m(dem)
    # A single value taken out of a DataArray makes xarray load dask.
    left, top = (float(dem[axis].to_numpy()[0]) for axis in ("x", "y"))
    left, top = left - size / 2, top + size / 2
    rows, columns = dem.shape
    return GeoBox.from_bbox(
        (left, top - rows * size, left + columns * size, top),
        crs=None,
        shape=(rows, columns),
        tight=True,
    )


def _sea_and_voids(
    z: NDArray[np.float64], cell_m: float, *, sea_level_m: float, sea_area_km2: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """
    Tell the sea, and the voids to be bridged, from the rest.

    Sea: a large area of exactly level 0, or of no data that touches the edge and low land. Other
    voids inside the model are bridged; voids at the edge stay unknown.
    """
    least = sea_area_km2 * 1e6 / cell_m**2
    void = ~np.isfinite(z)
    sea = np.zeros(z.shape, dtype=bool)
    labels, count = ndimage.label(z == 0.0)
    if count:
        sea = (np.bincount(labels.ravel()) >= least)[labels] & (labels > 0)
    labels, count = ndimage.label(void, structure=np.ones((3, 3)))
    if not count:
        return sea, np.zeros_like(sea)
    edge = np.zeros_like(void)
    edge[[0, -1]], edge[:, [0, -1]] = True, True
    touches = np.unique(labels[edge & void])
    inner = void & ~np.isin(labels, touches)
    for label in touches:
        area = labels == label
        rim = ndimage.binary_dilation(area, np.ones((3, 3), dtype=bool)) & ~void
        low = rim.any() and np.percentile(z[rim], 20) <= sea_level_m
        if low and area.sum() >= least:
            sea |= area
    return sea, inner


def flow_directions(filled: NDArray[np.float32], flood: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """
    D8 directions: steepest way down, over flats the way that the flood came from.

    Parameters
    ----------
    filled : elevation without pits; NaN: no data.
    flood : D8 codes of the priority flood that filled it.

    Returns
    -------
    D8 codes (1 east, 2 south-east, 4 south, ... 128 north-east), 0 outlet, 247 no data. They
    hold no cycle: the steepest way goes strictly down, the flood's never up and always back.
    """
    from kcity_geo.analysis.terrain.drainage_kernels import steepest

    directions: NDArray[np.uint8] = steepest(filled, flood, np.array(_NEIGHBOURS, dtype=np.int64))
    return directions


def _conditioned(
    dem: xr.DataArray,
    mapped: NDArray[np.bool_],
    settings: Settings,
) -> tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.uint8],
    NDArray[np.bool_],
    NDArray[np.bool_],
]:
    """Fill pits, burn rivers in: ground (voids bridged), filled ground, directions, sea, known."""
    from kcity_geo.analysis.terrain.drainage_kernels import fill_pits

    z = np.asarray(dem.to_numpy(), dtype=np.float64)
    sea, bridged = _sea_and_voids(
        z,
        model_cell_m(dem),
        sea_level_m=float(settings["sea_level_m"]),
        sea_area_km2=float(settings["sea_area_km2"]),
    )
    known = np.isfinite(z) & ~sea
    if bridged.any():
        nearest = ndimage.distance_transform_edt(
            ~np.isfinite(z), return_distances=False, return_indices=True
        )
        z = np.where(bridged, z[tuple(nearest)], z)
    # Whole steps of 1/256 m are exact in float32, so a filled pit is exactly flat. Rounding would
    # make slopes of it that turn the water round in circles.
    z = np.where(sea, 0.0, z)
    np.multiply(z, _STEPS, out=z)
    np.round(z, out=z)
    plain = np.divide(z, _STEPS, out=z).astype(np.float32)
    del z
    burned = plain - np.where(mapped & ~sea, np.float32(settings["burn_m"]), np.float32(0))
    burned[sea] = np.floor(np.nanmin(burned, initial=0.0)) - 1
    grounds = [burned, plain] if mapped.any() or sea.any() else [burned]
    floods = side_by_side([partial(fill_pits, ground) for ground in grounds])
    return plain, floods[-1][0], flow_directions(*floods[0]), sea, known


def hand(
    dem: xr.DataArray,
    *,
    rivers: NDArray[np.object_] | None = None,
    stream_area_km2: float = 1.0,
    settings: Settings | None = None,
) -> HandResult:
    """
    Tell how high each place lies above the stream that drains it (HAND).

    Pits are filled, mapped rivers are burned into the ground so that the water finds them,
    the water of each cell follows the steepest of eight ways (D8), and the height above the
    first stream cell on its way is read off the ground itself, neither filled nor burned: in a
    filled pit all ground is as high as its rim, and a stream across it would put it all at 0.
    Screening only: HAND knows no discharge and no return period.

    Parameters
    ----------
    dem : as for `slope_pct`.
    rivers : metric LineStrings of rivers and streams that are there whatever the elevation
        model says; None or empty: only the model speaks.
    stream_area_km2 : upstream area from which a cell counts as stream, km2.
    settings : of the water sector; the defaults when None.

    Returns
    -------
    Drainage of the model.

    Raises
    ------
    CRSMismatchError
        If the cells are in degrees.
    GridMismatchError
        If the cells are not square or the model is a single line.

    References
    ----------
    .. [1] Nobre et al. (2011). Height Above the Nearest Drainage. J. Hydrol. 404, 13-29.
    .. [2] Wang and Liu (2006). An efficient method for filling depressions. IJGIS 20(2), 193-213.
    """
    pyflwdir = package_at_a_time("pyflwdir")
    settings = settings_of("water", None) if settings is None else settings
    cell_m = model_cell_m(dem)
    mapped = np.zeros(dem.shape, dtype=bool)
    if rivers is not None and len(rivers):
        mapped = length_in_cells(rivers, grid=_grid_of(dem)) > 0
    ground, filled, directions, sea, known = _conditioned(dem, mapped, settings)
    flow = pyflwdir.from_array(directions, ftype="d8", check_ftype=False)
    accumulation = np.asarray(flow.upstream_area("cell"), dtype=np.float64)
    valid = directions != _NODATA
    large = valid & ~sea & (accumulation * cell_m**2 >= stream_area_km2 * 1e6)
    streams = (_in_channel(flow, filled, large, cell_m, settings) | (mapped & valid)) & ~sea
    drain = streams | (sea & valid)
    # The same as `flow.hand`, which is not compiled and takes a minute for a metro.
    level = np.where(drain, ground, np.float32(_UNSEEN)).astype(np.float32)
    below = np.asarray(flow.fillnodata(level, nodata=_UNSEEN, direction="up"), dtype=np.float64)
    reached = valid & (below != _UNSEEN)
    height = np.subtract(ground, below, out=below)
    np.maximum(height, 0.0, out=height)
    height[~(known & reached)] = np.nan
    accumulation[~valid | sea] = np.nan
    return HandResult(
        hand=like_model(dem, height, units="m", long_name="Height above nearest drainage"),
        streams=streams,
        accumulation=accumulation,
        ground=ground,
        filled=filled,
        directions=directions,
        catchment=_reaches(flow, streams, valid),
        sea=sea,
    )


def _in_channel(
    flow: Any,  # noqa: ANN401 - a pyflwdir.FlwdirRaster, whose package has no types
    filled: NDArray[np.float32],
    large: NDArray[np.bool_],
    cell_m: float,
    settings: Settings,
) -> NDArray[np.bool_]:
    """
    Keep the streams that run in a hollow, and all that is downstream of one.

    D8 draws lines over even slopes too; water runs off there as a sheet, and nobody lives "low
    above" such a line.
    """
    hollow_m = float(settings["stream_hollow_m"])
    if hollow_m <= 0:
        return large
    window = 2 * max(1, round(float(settings["stream_hollow_radius_m"]) / cell_m)) + 1
    known = np.isfinite(filled)
    around = ndimage.uniform_filter(np.where(known, filled, 0.0), window, mode="constant")
    weight = ndimage.uniform_filter(known.astype(np.float64), window, mode="constant")
    np.divide(around, np.maximum(weight, 1e-9, out=weight), out=around)
    del weight
    heads = large & (filled <= np.subtract(around, hollow_m, out=around))
    del around
    below = np.asarray(flow.accuflux(heads.astype(np.float64)))
    return large & (below > 0)


def _reaches(
    flow: Any,  # noqa: ANN401 - a pyflwdir.FlwdirRaster, whose package has no types
    streams: NDArray[np.bool_],
    valid: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Catchment of each stream reach: cut where streams meet and where they end."""
    if not streams.any():
        return np.zeros(streams.shape, dtype=np.int64)
    flat = streams.ravel()
    source = np.flatnonzero(flat)
    target = np.asarray(flow.idxs_ds)[source].astype(np.int64)
    joins = np.bincount(target[flat[target] & (target != source)], minlength=flat.size)
    is_end = (target == source) | ~flat[target] | (joins[target] > 1)
    out = np.array(flow.basins(idxs=source[is_end]), dtype=np.int64)
    out[~valid] = 0
    return out


def flood_class(height_m: NDArray[np.float64], edges_m: Sequence[float]) -> NDArray[np.float64]:
    """
    Class of a height above drainage, 0 (very high hazard) upwards.

    Parameters
    ----------
    height_m : metres; NaN: not known.
    edges_m : upper edges of the classes, ascending; an edge belongs to the lower class.

    Returns
    -------
    Shape of `height_m`, 0 to ``len(edges_m)``; NaN where the height is not known.

    Examples
    --------
    >>> import numpy as np
    >>> flood_class(np.array([0.5, 1.5, 3, 7, 12, 20]), (1, 2, 5, 10, 15))
    array([0., 1., 2., 3., 4., 5.])
    """
    height = np.asarray(height_m, dtype=np.float64)
    classes = np.digitize(height, np.asarray(edges_m, dtype=float), right=True).astype(float)
    classes[~np.isfinite(height)] = np.nan
    return classes
