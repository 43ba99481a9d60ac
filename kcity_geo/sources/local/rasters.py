"""
Local rasters: opened safely, checked, and brought onto the study grid by kind.

Amounts (people, built surface) are conserved: every pixel is divided into points, and each point
goes to the cell it falls in, or is dropped outside the boundary. Continuous values are averaged
or interpolated, classes take the most frequent. No file is opened with a driver that could lead
elsewhere (a VRT hidden in a .tif is refused).
"""

from __future__ import annotations

import hashlib
import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from kcity_geo.city import City, require_earthly
from kcity_geo.citydata import Provenance
from kcity_geo.config import Config, read_table
from kcity_geo.cube import area_in_cells, bin_points, cell_size, layer
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell

__all__ = [
    "RasterWindow",
    "describe",
    "persons_from_polygons",
    "read_dem",
    "read_flood",
    "read_raster",
    "read_window",
    "sha256_of",
]

_VALID_SHARE_WARNING = 0.98
# Points a side of a pixel, at least: with 10, less than 1 % of the people of pixels that a cell edge
# cuts land in the cell next door (with 4 it was 2 %).
_POINTS = 10
_EDGE_POINTS = 24
_MAX_POINTS = 4_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterWindow:
    """
    The part of a raster that a study needs, in the raster's own CRS.

    Parameters
    ----------
    values : shape (rows, cols), float64; NaN where there is no data.
    transform : affine, pixel to CRS.
    crs : of the raster.
    pixel_m : side of a pixel at the city, metres.
    """

    values: NDArray[np.float64]
    transform: Any
    crs: CRS
    pixel_m: float


def sha256_of(path: Path) -> str:
    """
    Checksum of a file, or of the names and contents of a folder.

    Parameters
    ----------
    path : file or folder.

    Returns
    -------
    Hexadecimal digest.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _address(path: Path, key: str) -> tuple[str, str]:
    """GDAL address and the one driver that may open it."""
    name = path.name.lower()
    if name.endswith(".zip"):
        try:
            with zipfile.ZipFile(path) as archive:
                members = [
                    m for m in archive.namelist() if m.lower().endswith((".tif", ".tiff", ".hgt"))
                ]
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceError(
                f"sources.{key}: {path.name} is not a readable zip ({error})"
            ) from error
        if len(members) != 1:
            raise SourceError(
                f"sources.{key}: {path.name} holds {len(members)} rasters, one is needed; "
                "take out the one you mean"
            )
        inner = members[0]
        return f"/vsizip/{{{path}}}/{inner}", "SRTMHGT" if inner.lower().endswith(
            ".hgt"
        ) else "GTiff"
    return str(path), "SRTMHGT" if name.endswith(".hgt") else "GTiff"


@contextmanager
def _opened(path: Path, *, key: str, config: Config) -> Iterator[Any]:
    import rasterio

    if not path.exists():
        raise SourceError(f"sources.{key}: {path} does not exist")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"sources.{key}: {path.name} is empty (0 bytes)")
    address, driver = _address(path, key)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            dataset = rasterio.open(address, driver=driver)
    except rasterio.errors.RasterioIOError as error:
        raise SourceError(
            f"sources.{key}: {path.name} cannot be read as GeoTIFF or HGT ({_short(error)})"
        ) from error
    with dataset:
        pixels = dataset.width * dataset.height * dataset.count
        if pixels > config.max_pixels * 50 or dataset.crs is None:
            if dataset.crs is None:
                raise SourceError(
                    f"sources.{key}: {path.name} has no CRS; assign one (gdal_edit.py -a_srs EPSG:…)"
                )
            raise LimitError(_too_large(key, path, pixels, config.max_pixels * 50))
        require_earthly(CRS.from_wkt(dataset.crs.to_wkt()), what=f"sources.{key}: {path.name}")
        _refuse_other_kinds(dataset, key=key, name=path.name)
        yield dataset


def _refuse_other_kinds(dataset: Any, *, key: str, name: str) -> None:  # noqa: ANN401 - rasterio
    """Refuse pictures, maps of classes where numbers are needed, and complex numbers."""
    from rasterio.enums import ColorInterp

    if dataset.count != 1:
        raise SourceError(
            f"sources.{key}: {name} has {dataset.count} bands, one is needed; take out the one you mean"
        )
    if dataset.dtypes[0].startswith("complex"):
        raise SourceError(f"sources.{key}: {name} holds complex numbers, plain ones are needed")
    rule = read_table("rasters")["raster"][key]
    if rule["kind"] != "class" and dataset.colorinterp[0] == ColorInterp.palette:
        raise SourceError(
            f"sources.{key}: {name} is a map of classes (it has a colour table); it needs {rule['hint']}"
        )


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__


def _too_large(key: str, path: Path, pixels: int, limit: int) -> str:
    return (
        f"sources.{key}: {path.name} asks for {pixels:,} pixels, the limit is {limit:,}; cut it to the "
        "study area, or raise the limit (--max-pixels)"
    )


def _pixel_metres(transform: Any, crs: CRS, city: City) -> float:  # noqa: ANN401 - affine
    """Side of a pixel near the centre of the city, metres in its CRS."""
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(
        *shapely.get_coordinates(city.boundary.centroid)[0]
    )
    to_city = Transformer.from_crs(crs, city.crs, always_xy=True)
    px, py = to_city.transform([x, x + transform.a], [y, y + transform.e])
    return float(math.hypot(px[1] - px[0], py[1] - py[0]) / math.sqrt(2))


def read_window(
    path: Path, *, key: str, city: City, margin_m: float = 0.0, config: Config | None = None
) -> RasterWindow:
    """
    Read the part of a raster around a city, with everything that is no data as NaN.

    Parameters
    ----------
    path : GeoTIFF, HGT, or a zip with one of them.
    key : key of ``[sources]``, a row of ``tables/rasters.toml``.
    city : whose boundary is covered.
    margin_m : read this much more on each side, metres.
    config : limits.

    Returns
    -------
    The window.

    Raises
    ------
    SourceError
        If the file is broken, has no CRS, does not overlap the city, holds only nodata there, or
        values of another unit.
    LimitError
        If the window has more pixels than `Config.max_pixels`; it is checked before reading.
    """
    import rasterio
    from rasterio.windows import Window

    config = config or Config()
    rule = read_table("rasters")["raster"][key]
    with _opened(path, key=key, config=config) as dataset:
        crs = CRS.from_wkt(dataset.crs.to_wkt())
        if dataset.transform.b or dataset.transform.d:
            raise SourceError(f"sources.{key}: {path.name} is rotated; warp it north-up first")
        left, bottom, right, top = city.boundary_metric.buffer(margin_m).bounds
        to_raster = Transformer.from_crs(city.crs, crs, always_xy=True)
        west, south, east, north = to_raster.transform_bounds(
            left, bottom, right, top, densify_pts=41
        )
        inverse = ~dataset.transform
        c0, r0 = inverse * (west, north)
        c1, r1 = inverse * (east, south)
        c0, r0 = max(0, math.floor(c0) - 2), max(0, math.floor(r0) - 2)
        c1, r1 = min(dataset.width, math.ceil(c1) + 2), min(dataset.height, math.ceil(r1) + 2)
        if c0 >= c1 or r0 >= r1:
            bounds = ", ".join(f"{v:.6g}" for v in dataset.bounds)
            raise SourceError(
                f"sources.{key}: {path.name} does not overlap {city.name}; it covers {bounds} in its CRS"
            )
        pixels = (c1 - c0) * (r1 - r0)
        if pixels > config.max_pixels:
            raise LimitError(_too_large(key, path, pixels, config.max_pixels))
        window = Window(c0, r0, c1 - c0, r1 - r0)
        try:
            values = dataset.read(1, window=window).astype(np.float64)
        except (rasterio.errors.RasterioIOError, MemoryError) as error:
            raise SourceError(
                f"sources.{key}: {path.name} is damaged ({_short(error)}); get it again"
            ) from error
        nodata = [
            v for v in (dataset.nodata, *rule["nodata"]) if v is not None and not math.isnan(v)
        ]
        missing = np.isnan(values) | np.isinf(values)
        for code in nodata:
            missing |= np.isclose(values, code, rtol=1e-6, atol=0.0)
        scale, offset = dataset.scales[0], dataset.offsets[0]
        values = np.where(missing, np.nan, values * scale + offset)
        transform = dataset.window_transform(window)
    if np.isnan(values).all():
        if rule.get("sparse"):
            return RasterWindow(
                values=values,
                transform=transform,
                crs=crs,
                pixel_m=_pixel_metres(transform, crs, city),
            )
        raise SourceError(f"sources.{key}: {path.name} holds only nodata over {city.name}")
    pixel_m = _pixel_metres(transform, crs, city)
    _check_values(values, rule, key=key, name=path.name, pixel_m=pixel_m)
    return RasterWindow(values=values, transform=transform, crs=crs, pixel_m=pixel_m)


def _check_values(
    values: NDArray[np.float64], rule: dict[str, Any], *, key: str, name: str, pixel_m: float
) -> None:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if key == "built":
        limit = pixel_m**2 * 1.1
        if high > limit:
            raise SourceError(
                f"sources.{key}: {name} has {high:,.0f} m2 in a pixel of {limit:,.0f} m2; it needs {rule['hint']}"
            )
    codes = rule.get("codes")
    if codes is not None:
        found = np.unique(values[~np.isnan(values)])
        strange = np.setdiff1d(found, np.asarray(codes, dtype=float))
        if len(strange):
            raise SourceError(
                f"sources.{key}: {name} has the code {strange[0]:g}; it needs {rule['hint']}"
            )
    _check_amounts(values, rule, key=key, name=name, pixel_m=pixel_m)
    if low < rule["low"] or high > rule["high"]:
        wrong = low if low < rule["low"] else high
        raise SourceError(
            f"sources.{key}: {name} has the value {wrong:,.6g}; it needs {rule['hint']}"
        )
    if key == "solar" and high < rule["low"]:
        raise SourceError(f"sources.{key}: {name} has at most {high:.3g}; it needs {rule['hint']}")


def _check_amounts(
    values: NDArray[np.float64], rule: dict[str, Any], *, key: str, name: str, pixel_m: float
) -> None:
    """Refuse densities and means that no city has: the file is of another unit or product."""
    densest = rule.get("density_high")
    known = values[np.isfinite(values)]
    if densest is not None:
        codes = read_table("rasters")["raster"]["landcover"]["codes"]
        if np.isin(known, codes).all() and len(few := np.unique(known)) > 2:  # noqa: PLR2004 - few
            raise SourceError(
                f"sources.{key}: {name} holds only the numbers {', '.join(f'{v:g}' for v in few)}, which "
                f"are land-cover classes; it needs {rule['hint']}"
            )
        per_km2 = float(known.max()) / (pixel_m / 1000) ** 2
        if per_km2 > densest:
            raise SourceError(
                f"sources.{key}: {name} has {per_km2:,.0f} per km2 in one pixel; it needs {rule['hint']}"
            )
    mean = float(known.mean())
    if mean < rule.get("mean_low", -math.inf):
        raise SourceError(
            f"sources.{key}: {name} has the mean {mean:.3g} here; it needs {rule['hint']}"
        )


def read_raster(
    path: Path, *, key: str, city: City, grid: GeoBox, config: Config | None = None
) -> tuple[xr.DataArray, dict[str, float]]:
    """
    Bring a raster onto the study grid by the rule of its kind.

    Parameters
    ----------
    path : GeoTIFF, HGT, or a zip with one of them.
    key : key of ``[sources]``, a row of ``tables/rasters.toml``.
    city : whose boundary counts for amounts.
    grid : the study grid.
    config : limits.

    Returns
    -------
    The variable (rows, cols), NaN where not known, and what was measured on the way:
    ``valid_share`` of the city area with data; for amounts also ``source_total`` (exact, inside
    the boundary, in the raster's own CRS), ``total`` on the grid, and ``conserved_share``.

    Raises
    ------
    SourceError, LimitError
        As `read_window`.
    """
    rule = read_table("rasters")["raster"][key]
    window = read_window(path, key=key, city=city, config=config)
    about = describe(path, key=key)
    if rule["kind"] == "sum":
        values, measured = _amounts(window, city=city, grid=grid)
    else:
        if rule["kind"] == "mean" and rule.get("sparse"):
            window = replace(window, values=np.nan_to_num(window.values))
        values, measured = _continuous(window, grid=grid, kind=rule["kind"]), {}
    inside = _inside(city, grid)
    known = ~np.isnan(values)
    measured["valid_share"] = float(inside[known].sum() / inside.sum())
    if measured["valid_share"] < _VALID_SHARE_WARNING and not rule.get("sparse"):
        tell(
            f"{rule['long_name'].lower()} raster {path.name} covers {measured['valid_share']:.0%} of {city.name}"
        )
    variable = layer(
        values,
        grid=grid,
        units=rule["units"],
        long_name=rule["long_name"],
        source=about.title,
        licence=about.licence,
        as_of=about.as_of,
        evidence="observed" if key in {"elevation", "nightlights", "landcover"} else "modelled",
    )
    variable.attrs["kind"] = rule["kind"]
    return variable, measured


def _inside(city: City, grid: GeoBox) -> NDArray[np.float64]:
    parts = np.asarray(shapely.get_parts(city.boundary_metric), dtype=object)
    return np.clip(area_in_cells(parts, grid=grid) / cell_size(grid) ** 2, 0, 1)


def _amounts(
    window: RasterWindow, *, city: City, grid: GeoBox
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Divide every pixel into points and add each to its cell, inside the boundary only."""
    rows, columns = window.values.shape
    to_city = Transformer.from_crs(window.crs, city.crs, always_xy=True)
    edge_c, edge_r = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
    corner_x, corner_y = to_city.transform(*(window.transform * (edge_c, edge_r)))
    quads: NDArray[np.object_] = np.asarray(
        shapely.polygons(
            np.stack(
                [
                    np.stack([corner_x[:-1, :-1], corner_y[:-1, :-1]], -1),
                    np.stack([corner_x[:-1, 1:], corner_y[:-1, 1:]], -1),
                    np.stack([corner_x[1:, 1:], corner_y[1:, 1:]], -1),
                    np.stack([corner_x[1:, :-1], corner_y[1:, :-1]], -1),
                ],
                axis=-2,
            ).reshape(-1, 4, 2)
        ),
        dtype=object,
    )
    boundary = city.boundary_metric
    shapely.prepare(boundary)
    touches = np.asarray(shapely.intersects(quads, boundary))
    whole = np.array(touches)
    whole[touches] = shapely.contains_properly(boundary, quads[touches])
    values = window.values.ravel()
    share = np.zeros(len(values))
    share[whole] = 1.0
    border = np.flatnonzero(touches & ~whole)
    if len(border):
        cut = shapely.intersection(quads[border], boundary)
        share[border] = shapely.area(cut) / shapely.area(quads[border])
    total = grid.shape[0] * grid.shape[1]
    amount, points = np.zeros(total), np.zeros(total)
    fine = int(np.clip(math.ceil(window.pixel_m / (cell_size(grid) / _POINTS)), _POINTS, 64))
    for pixels, per_side in (
        (np.flatnonzero(whole), fine),
        (border, max(fine, _EDGE_POINTS)),
    ):
        for part in np.array_split(
            pixels, max(1, math.ceil(len(pixels) * per_side**2 / _MAX_POINTS))
        ):
            if len(part):
                _scatter(
                    part,
                    per_side,
                    (corner_x, corner_y),
                    values,
                    share,
                    boundary,
                    grid,
                    amount,
                    points,
                )
    amount[points == 0] = np.nan
    known = ~np.isnan(values)
    source_total = float((values[known] * share[known]).sum())
    on_grid = float(np.nansum(amount))
    conserved = on_grid / source_total if source_total else 1.0
    return amount.reshape(grid.shape), {
        "source_total": source_total,
        "total": on_grid,
        "conserved_share": conserved,
    }


def _scatter(  # noqa: PLR0913, PLR0917 - one inner step of _amounts
    pixels: NDArray[np.int64],
    per_side: int,
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
    values: NDArray[np.float64],
    share: NDArray[np.float64],
    boundary: Any,  # noqa: ANN401 - shapely geometry
    grid: GeoBox,
    amount: NDArray[np.float64],
    points: NDArray[np.float64],
) -> None:
    """Add the points of `pixels` to `amount`; the inside part of a pixel keeps its exact share."""
    columns = corners[0].shape[1] - 1
    row, column = np.divmod(pixels, columns)
    t = (np.arange(per_side) + 0.5) / per_side
    u, v = (a.ravel() for a in np.meshgrid(t, t))
    xy = []
    for corner in corners:
        a, b = corner[row, column][:, None], corner[row, column + 1][:, None]
        c, d = corner[row + 1, column][:, None], corner[row + 1, column + 1][:, None]
        xy.append(a * (1 - u) * (1 - v) + b * u * (1 - v) + c * (1 - u) * v + d * u * v)
    flat = bin_points(xy[0].ravel(), xy[1].ravel(), grid=grid).reshape(xy[0].shape)
    inside = flat >= 0
    partial = share[pixels] < 1.0
    if partial.any():
        inside[partial] &= shapely.contains_xy(boundary, xy[0][partial], xy[1][partial])
    hits = inside.sum(axis=1)
    # A sliver that no point hits: its people go to the cell of the nearest point inside the grid.
    for lost in np.flatnonzero((hits == 0) & (share[pixels] > 0)):
        candidates = np.flatnonzero(flat[lost] >= 0)
        if len(candidates):
            nearest = candidates[
                np.argmin(
                    shapely.distance(
                        boundary, shapely.points(xy[0][lost, candidates], xy[1][lost, candidates])
                    )
                )
            ]
            inside[lost, nearest] = True
            hits[lost] = 1
    known = ~np.isnan(values[pixels])
    per_point = np.zeros(len(pixels))
    ok = known & (hits > 0)
    per_point[ok] = values[pixels][ok] * share[pixels][ok] / hits[ok]
    use = inside & known[:, None]
    cell = flat[use]
    weight = np.broadcast_to(per_point[:, None], use.shape)[use]
    amount += np.bincount(cell, weights=weight, minlength=len(amount))
    points += np.bincount(cell, minlength=len(points))


def _continuous(window: RasterWindow, *, grid: GeoBox, kind: str) -> NDArray[np.float64]:
    from rasterio.enums import Resampling

    finer = window.pixel_m < cell_size(grid) * 0.75
    method = {
        ("mean", True): Resampling.average,
        ("mean", False): Resampling.bilinear,
        ("class", True): Resampling.mode,
        ("class", False): Resampling.nearest,
    }[kind, finer]
    return _resampled(window, grid=grid, method=method.name)


def _resampled(window: RasterWindow, *, grid: GeoBox, method: str) -> NDArray[np.float64]:
    from rasterio.enums import Resampling
    from rasterio.warp import reproject

    out = np.full(grid.shape, np.nan)
    reproject(
        source=window.values,
        destination=out,
        src_transform=window.transform,
        src_crs=window.crs.to_wkt(),
        src_nodata=np.nan,
        dst_transform=grid.transform,
        dst_crs=grid.crs.to_wkt(),
        dst_nodata=np.nan,
        resampling=Resampling[method],
    )
    return out


def read_dem(
    path: Path, *, city: City, margin_m: float = 3000.0, config: Config | None = None
) -> xr.DataArray:
    """
    Read elevation on a grid of its own, near its native resolution, in the metric CRS.

    Slopes and heights above drainage need the terrain finer than a study cell and some way
    beyond the boundary.

    Parameters
    ----------
    path : GeoTIFF or HGT, metres.
    city : whose boundary is covered.
    margin_m : added on each side, metres.
    config : limits.

    Returns
    -------
    DataArray (y, x), metres, y descending, square cells; NaN voids.

    Raises
    ------
    SourceError, LimitError
        As `read_window`.
    """
    config = config or Config()
    window = read_window(path, key="elevation", city=city, margin_m=margin_m, config=config)
    grid = _fine_grid(city, pixel_m=window.pixel_m, margin_m=margin_m, config=config)
    values = _continuous(window, grid=grid, kind="mean").astype(np.float32)
    about = describe(path, key="elevation")
    out = layer(
        values,
        grid=grid,
        units="m",
        long_name="Elevation",
        source=about.title,
        licence=about.licence,
        as_of=about.as_of,
    )
    out.attrs["cell_m"] = cell_size(grid)
    out.attrs["surface_model"] = not any(w in path.name.lower() for w in ("dtm", "terrain"))
    return out


def _fine_grid(city: City, *, pixel_m: float, margin_m: float, config: Config) -> GeoBox:
    """Square cells near the native size of a raster, at least 10 m, within the limit of cells."""
    from odc.geo.geobox import GeoBox

    left, bottom, right, top = city.boundary_metric.buffer(margin_m).bounds
    limit = 4 * config.max_cells
    step = max(10.0, round(pixel_m), math.ceil(math.sqrt((right - left) * (top - bottom) / limit)))
    left, bottom = math.floor(left / step) * step, math.floor(bottom / step) * step
    columns, rows = math.ceil((right - left) / step), math.ceil((top - bottom) / step)
    return GeoBox.from_bbox(
        (left, bottom, left + columns * step, bottom + rows * step),
        crs=city.crs,
        shape=(rows, columns),
        tight=True,
    )


def read_flood(
    path: Path,
    *,
    key: str,
    city: City,
    margin_m: float = 1000.0,
    config: Config | None = None,
) -> xr.DataArray:
    """
    Read a flood map on a grid of its own, near its native resolution, in the metric CRS.

    Which share of a study cell floods can be told from the fine pixels only: a mean depth or the
    most frequent return period of the wet ones says nothing of the dry ones.

    Parameters
    ----------
    path : GeoTIFF.
    key : ``flood`` (depths, metres) or ``flood_return_period`` (years).
    city : whose boundary is covered.
    margin_m : added on each side, metres, so that cells on the boundary are whole.
    config : limits.

    Returns
    -------
    DataArray (y, x), y descending, square cells, the value of the pixel at each centre: 0 where the
    file holds no data (dry), NaN outside its extent.

    Raises
    ------
    SourceError, LimitError
        As `read_window`.
    """
    config = config or Config()
    rule = read_table("rasters")["raster"][key]
    window = read_window(path, key=key, city=city, margin_m=margin_m, config=config)
    grid = _fine_grid(city, pixel_m=window.pixel_m, margin_m=margin_m, config=config)
    wet = replace(window, values=np.nan_to_num(window.values))
    values = _resampled(wet, grid=grid, method="nearest")
    about = describe(path, key=key)
    out = layer(
        values.astype(np.float32),
        grid=grid,
        units=rule["units"],
        long_name=rule["long_name"],
        source=about.title,
        licence=about.licence,
        as_of=about.as_of,
        evidence="modelled",
    )
    out.attrs["cell_m"] = cell_size(grid)
    return out


def persons_from_polygons(
    frame: gpd.GeoDataFrame, *, city: City, grid: GeoBox, column: str = "population"
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """
    Divide the people of polygons (a statistical grid, census blocks) over the cells by area.

    Parameters
    ----------
    frame : polygons with a CRS.
    city : people outside its boundary are left out.
    grid : the study grid.
    column : with persons per polygon.

    Returns
    -------
    Persons per cell (rows, cols), NaN where no polygon reaches, and the totals as `read_raster`.

    Raises
    ------
    SourceError
        If the column is missing, not numeric or negative, or nothing overlaps the city.
    """
    if column not in frame:
        known = ", ".join(c for c in frame.columns if c != "geometry")
        raise SourceError(f"sources.population: no column {column!r}; the file has {known}")
    persons = frame[column].to_numpy()
    if persons.dtype.kind not in "iuf":
        raise SourceError(f"sources.population: column {column!r} is not a number")
    persons = persons.astype(float)
    if (persons < 0).any():
        raise SourceError(
            f"sources.population: column {column!r} has {persons[persons < 0][0]:g} persons; "
            "it needs zero or more"
        )
    geometry = shapely.make_valid(frame.to_crs(city.crs).geometry.to_numpy())
    area = shapely.area(geometry)
    cut = shapely.intersection(geometry, city.boundary_metric)
    if not (shapely.area(cut) > 0).any():
        raise SourceError(f"sources.population: no polygon overlaps {city.name}")
    density = np.divide(persons, area, out=np.zeros(len(area)), where=area > 0)
    ok = ~np.isnan(density)
    amount = area_in_cells(cut[ok], grid=grid, weight=density[ok])
    reached = area_in_cells(cut[ok], grid=grid)
    source_total = float((density[ok] * shapely.area(cut[ok])).sum())
    total = float(amount.sum())
    amount[reached == 0] = np.nan
    reached_m2 = shapely.union_all(cut[ok]).area
    return amount, {
        "reached_share": float(reached_m2 / city.boundary_metric.area),
        "source_total": source_total,
        "total": total,
        "conserved_share": total / source_total if source_total else 1.0,
    }


def _tags_of(path: Path) -> dict[str, str]:
    """Read what a GeoTIFF says of itself in its tags: title, licence and date."""
    import rasterio

    if path.suffix.lower() not in {".tif", ".tiff"}:
        return {}
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            tags = {k.upper(): str(v) for k, v in dataset.tags().items()}
    except rasterio.errors.RasterioIOError:
        return {}
    if not (tags.get("LICENCE") or tags.get("LICENSE")):
        return {}
    return {
        "title": f"{path.name}: {tags.get('TIFFTAG_IMAGEDESCRIPTION', '')}".rstrip(": "),
        "licence": tags.get("LICENCE") or tags["LICENSE"],
        "attribution": tags.get("ATTRIBUTION", ""),
        "as_of": tags.get("AS_OF", ""),
    }


def describe(path: Path, *, key: str) -> Provenance:
    """
    Say where a local file seems to come from, by its tags and name.

    Parameters
    ----------
    path : the file.
    key : key of ``[sources]``.

    Returns
    -------
    Provenance; the licence is "unknown" unless the file or its sidecar says otherwise.
    """
    import json

    sidecar = path.with_name(path.name + ".json")
    known: dict[str, str] = {}
    if sidecar.is_file():
        try:
            found = json.loads(sidecar.read_text(encoding="utf-8"))
            known = {
                k: str(found[k])
                for k in ("title", "licence", "attribution", "as_of", "url")
                if found.get(k)
            }
        except (ValueError, OSError, AttributeError):
            known = {}
    known = known or _tags_of(path)
    if not known:
        name = path.name.lower()
        for marker, row in read_table("rasters")["attribution"].items():
            if marker in name:
                known = {"licence": row["licence"], "attribution": row["text"]}
                break
    return Provenance(
        id=key,
        path=path.name,
        title=known.get("title", path.name),
        sha256=sha256_of(path),
        licence=known.get("licence", "unknown"),
        attribution=known.get("attribution", ""),
        as_of=known.get("as_of", ""),
        url=known.get("url", ""),
    )
