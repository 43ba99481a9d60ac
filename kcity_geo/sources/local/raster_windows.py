"""
Raster windows: the part of a raster file that a study needs, with all that the file declares obeyed.

What a file says of itself comes first: nodata on the stored numbers, mask and alpha bands, scale and
offset, the unit of the band and of its heights, the direction of its rows and columns, longitudes from
0 to 360°. What cannot be obeyed is refused by its name. Known nodata codes of products count only in
files that declare neither nodata nor mask nor scale, only where the value is impossible otherwise, and
are told. No file is opened with a driver that could lead elsewhere (a VRT hidden in a .tif is
refused), and a zip is tested before GDAL gets it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod
from pyproj.exceptions import ProjError

from kcity_geo.city import City
from kcity_geo.config import Config
from kcity_geo.coordinates import between
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.raster_codes import (
    equal_to,
    known_codes,
    named_code,
    refuse_infinite,
    without_noise,
)
from kcity_geo.sources.local.raster_files import (
    flat_crs,
    mask_of,
    opened,
    raster_files,
    short,
    too_large,
)
from kcity_geo.sources.local.raster_products import (
    refuse_classes,
    refuse_counts,
    refuse_other_product,
    stated_packing,
)
from kcity_geo.sources.local.raster_rules import RasterRule, raster_rule
from kcity_geo.sources.local.raster_tiles import Tile, merged_tiles
from kcity_geo.sources.local.raster_units import (
    Conversion,
    conversion,
    described_as,
    refuse_other_unit,
)

__all__ = ["RasterWindow", "raster_files", "read_window"]

_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterWindow:
    """
    The part of a raster that a study needs, in the raster's own CRS, rows from north, columns from west.

    Parameters
    ----------
    values : shape (rows, cols), float64; NaN where there is no data.
    covered : shape (rows, cols), True inside the extent of a file, with or without data.
    transform : affine, pixel to CRS.
    crs : of the raster, two dimensions.
    pixel_m : side of a square as large as a pixel at the city, metres.
    declared : the file says its unit.
    """

    values: NDArray[np.float64]
    covered: NDArray[np.bool_]
    transform: Any
    crs: CRS
    pixel_m: float
    declared: bool = False


def _pixel_metres(transform: Any, crs: CRS, city: City) -> float:  # noqa: ANN401 - affine
    """Side of a square as large as a pixel near the centre of the city, metres in its CRS."""
    x, y = between(4326, crs).transform(*shapely.get_coordinates(city.boundary.centroid)[0])
    to_city = between(crs, city.crs)
    px, py = to_city.transform([x, x + transform.a, x], [y, y, y + transform.e])
    east, north = (px[1] - px[0], py[1] - py[0]), (px[2] - px[0], py[2] - py[0])
    return math.sqrt(abs(east[0] * north[1] - east[1] * north[0]))


def read_window(
    path: Path | Sequence[Path],
    *,
    key: str,
    city: City,
    margin_m: float = 0.0,
    config: Config | None = None,
) -> RasterWindow:
    """
    Read the part of a raster around a city, with everything that is no data as NaN.

    Parameters
    ----------
    path : GeoTIFF, HGT, or a zip with one of them, with ``#`` and a band (``#band=2`` or its name) or a
        member of the zip behind it if need be; a list or a folder of them: tiles of one raster.
    key : key of ``[sources]``, a row of ``tables/rasters.toml``.
    city : whose boundary is covered.
    margin_m : read this much more on each side, metres.
    config : limits.

    Returns
    -------
    The window, in the unit of the study.

    Raises
    ------
    SourceError
        If the file is broken, has no CRS, is rotated, does not overlap the city, holds only nodata
        there, or values of another unit.
    LimitError
        If the window has more pixels than `Config.max_pixels`; it is checked before reading.
    """
    config = config or Config()
    rule = raster_rule(key)
    files = raster_files(path, key=key)
    named = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
    tiles, extents = [], []
    for file in files:
        found, extent = _tiles(file, key=key, city=city, margin_m=margin_m, config=config)
        tiles += found
        extents.append(extent)
        if not found and not isinstance(path, Path):
            tell(f"sources.{key}: {file.name} does not overlap {city.name} and was not used")
    if not tiles:
        raise SourceError(
            f"sources.{key}: {named} does not overlap {city.name}; it covers {extents[0]} in its CRS"
        )
    values, covered, transform, crs = merged_tiles(tiles, rule, key=key, config=config)
    values = without_noise(values, rule, where=f"sources.{key}: {named}")
    window = RasterWindow(
        values=values,
        covered=covered,
        transform=transform,
        crs=crs,
        pixel_m=_pixel_metres(transform, crs, city),
        declared=all(tile.declared for tile in tiles),
    )
    if any(tile.constrained for tile in tiles):
        window = _uninhabited(window, where=f"sources.{key}: {named}")
    if np.isnan(window.values).all():
        if rule.sparse:
            return window
        raise SourceError(f"sources.{key}: {named} holds only nodata over {city.name}")
    _check_values(window.values, rule, key=key, name=named, pixel_m=window.pixel_m)
    if not window.declared:
        where = f"sources.{key}: {named}"
        refuse_other_unit(window.values, rule, pixel_m=window.pixel_m, where=where)
        if not any(tile.packed for tile in tiles):
            refuse_counts(window.values, rule, where=where)
            refuse_classes(window.values, rule, where=where)
    return window


def _uninhabited(window: RasterWindow, *, where: str) -> RasterWindow:
    """Count pixels without data as empty of people, in products that say so of them."""
    empty = window.covered & np.isnan(window.values)
    if empty.any() and not empty.all():
        tell(
            f"{where} is a constrained grid of residents: its {int(empty.sum()):,} pixels without data in "
            "and around the city count as uninhabited"
        )
        return replace(window, values=np.where(empty, 0.0, window.values))
    return window


def _tiles(
    path: Path, *, key: str, city: City, margin_m: float, config: Config
) -> tuple[list[Tile], str]:
    """Read what a file holds around the city: none, one, or two parts on both sides of its seam."""
    rule = raster_rule(key)
    with opened(path, key=key, config=config) as (dataset, band):
        where = f"sources.{key}: {path.name}"
        refuse_other_product(rule, path.name, where=where)
        crs, vertical = flat_crs(dataset, where)
        change = _declared_unit(dataset, band, rule, vertical, where=where, file_name=path.name)
        said = f"{path.name} {dataset.tags().get('TIFFTAG_IMAGEDESCRIPTION', '')}"
        pattern = rule.uninhabited_names
        constrained = bool(pattern and re.search(pattern, said, re.IGNORECASE))
        tiles = []
        for shift in (0.0, 360.0, -360.0) if crs.is_geographic else (0.0,):
            box = _box(dataset, crs, city, margin_m, shift)
            if box is None:
                continue
            c0, r0, columns, rows = box
            if columns * rows > config.max_pixels:
                raise LimitError(too_large(where, columns * rows, config.max_pixels))
            values = _values(dataset, band, (c0, r0, columns, rows), rule, change, where)
            transform = dataset.transform * type(dataset.transform).translation(c0, r0)
            values, transform = _north_up(values, transform)
            if shift:
                transform = type(transform).translation(-shift, 0.0) * transform
            if change.by_area:
                values *= _pixel_areas(transform, crs, city, values.shape)
            about = {"constrained": constrained, "declared": bool(change.said)}
            about["packed"] = (dataset.scales[band - 1], dataset.offsets[band - 1]) != (1.0, 0.0)
            tiles.append(Tile(values, transform, crs, path.name, **about))
        extent = ", ".join(f"{v:.6g}" for v in dataset.bounds)
    if not change.same and tiles:
        tell(f"{where} gives {change.said}; converted to {rule.units}")
    return tiles, extent


def _box(
    dataset: Any,  # noqa: ANN401 - rasterio
    crs: CRS,
    city: City,
    margin_m: float,
    shift: float,
) -> tuple[int, int, int, int] | None:
    """Columns and rows of a dataset that hold the city: first column, first row, how many of both."""
    outline = city.boundary_metric
    left, bottom, right, top = (outline.buffer(margin_m) if margin_m else outline).bounds
    try:
        to_raster = between(city.crs, crs)
        west, south, east, north = to_raster.transform_bounds(
            left, bottom, right, top, densify_pts=41
        )
    except ProjError:
        return None
    if not np.isfinite([west, south, east, north]).all():
        return None
    inverse = ~dataset.transform
    ends = [inverse * (x + shift, y) for x in (west, east) for y in (south, north)]
    c0, c1 = min(c for c, _ in ends), max(c for c, _ in ends)
    r0, r1 = min(r for _, r in ends), max(r for _, r in ends)
    if c1 <= 0 or r1 <= 0 or c0 >= dataset.width or r0 >= dataset.height:
        return None
    first_c, first_r = max(0, math.floor(c0) - 2), max(0, math.floor(r0) - 2)
    last_c = min(dataset.width, math.ceil(c1) + 2)
    last_r = min(dataset.height, math.ceil(r1) + 2)
    return first_c, first_r, last_c - first_c, last_r - first_r


def _values(
    dataset: Any,  # noqa: ANN401 - rasterio
    band: int,
    box: tuple[int, int, int, int],
    rule: RasterRule,
    change: Conversion,
    where: str,
) -> NDArray[np.float64]:
    """Read stored numbers, take out what is no data, then apply scale, offset and unit."""
    import rasterio
    from rasterio.windows import Window

    window = Window(*box)
    try:
        stored = dataset.read(band, window=window)
        mask = mask_of(dataset, band, window)
    except (rasterio.errors.RasterioError, MemoryError, OSError, ValueError) as error:
        raise SourceError(f"{where} is damaged ({short(error)}); get it again") from error
    scale, offset = float(dataset.scales[band - 1]), float(dataset.offsets[band - 1])
    if not (math.isfinite(scale) and math.isfinite(offset)) or scale == 0:
        raise SourceError(
            f"{where} declares the scale {scale:g} and the offset {offset:g}, which say nothing; mend "
            "them (gdal_edit.py -scale 1 -offset 0)"
        )
    values: NDArray[np.float64] = stored.astype(np.float64)
    exact = stored.dtype.kind != "f"
    del stored  # of 100 million pixels each copy is a gigabyte
    missing = np.isnan(values)
    nodata = dataset.nodatavals[band - 1]
    if (scale, offset) == (1.0, 0.0):
        said = stated_packing(_tags(dataset, band), whole=exact, where=where)
        nodata = said if nodata is None else nodata
    if nodata is not None and not math.isnan(nodata):
        missing |= equal_to(values, nodata, exact=exact)
    if mask is not None:
        missing |= mask
    if nodata is None and mask is None and (scale, offset) == (1.0, 0.0):
        missing |= known_codes(values, change, rule, dataset, where=where)
    refuse_infinite(values, missing, rule, where=where)
    values *= scale
    values += offset
    values *= change.factor
    values[missing] = np.nan
    return values


def _tags(dataset: Any, band: int) -> dict[str, str]:  # noqa: ANN401 - rasterio
    """Give the tags of file and band, keys in small letters; of NetCDF without the name of the variable."""
    both = dataset.tags() | dataset.tags(band)
    return {k.rpartition("#")[2].casefold(): str(v) for k, v in both.items()}


def _declared_unit(
    dataset: Any,  # noqa: ANN401 - rasterio
    band: int,
    rule: RasterRule,
    vertical: CRS | None,
    *,
    where: str,
    file_name: str,
) -> Conversion:
    """Give the unit of the values: that of the band, a tag of the file, or of the heights of its CRS."""
    unit = dataset.units[band - 1] or ""
    tags = _tags(dataset, band)
    tag = next((tags[k] for k in ("units", "unit", "unittype") if tags.get(k)), "")
    if vertical is not None and rule.quantity == "length" and vertical.axis_info:
        axis = vertical.axis_info[0]
        if axis.direction.casefold() == "down" and rule.variable == "elevation_m":
            raise SourceError(
                f"{where} counts depths downwards ({vertical.name}); it needs {rule.hint}"
            )
        tag = tag or axis.unit_name
    return conversion(
        rule,
        unit=unit.strip(),
        tag=tag,
        description=described_as(dataset, band),
        where=where,
        file_name=file_name,
    )


def _north_up(
    values: NDArray[np.float64],
    transform: Any,  # noqa: ANN401 - affine
) -> tuple[NDArray[np.float64], Any]:
    """Turn rows that go north and columns that go west."""
    rows, columns = values.shape
    kind = type(transform)
    if transform.e > 0:
        values, transform = values[::-1], transform * kind.translation(0, rows) * kind.scale(1, -1)
    if transform.a < 0:
        values = values[:, ::-1]
        transform = transform * kind.translation(columns, 0) * kind.scale(-1, 1)
    return np.ascontiguousarray(values), transform


def _pixel_areas(
    transform: Any,  # noqa: ANN401 - affine
    crs: CRS,
    city: City,
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    """Area of each pixel in m2: on the ellipsoid for degrees, in the CRS of the city otherwise."""
    rows, columns = shape
    if crs.is_geographic:
        degree = math.degrees(crs.axis_info[0].unit_conversion_factor)
        west, step = transform.c * degree, transform.a * degree
        edges = (transform.f + transform.e * np.arange(rows + 1)) * degree
        areas = [
            abs(
                _GEOD.polygon_area_perimeter(
                    [west, west + step, west + step, west],
                    [edges[i], edges[i], edges[i + 1], edges[i + 1]],
                )[0]
            )
            for i in range(rows)
        ]
        return np.repeat(np.array(areas)[:, None], columns, axis=1)
    c, r = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
    x, y = between(crs, city.crs).transform(*(transform * (c, r)))
    a = (x[:-1, :-1] - x[1:, 1:]) * (y[:-1, 1:] - y[1:, :-1])
    b = (x[:-1, 1:] - x[1:, :-1]) * (y[:-1, :-1] - y[1:, 1:])
    return np.asarray(np.abs(a - b) / 2)


def _check_values(
    values: NDArray[np.float64], rule: RasterRule, *, key: str, name: str, pixel_m: float
) -> None:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if key == "built":
        limit = pixel_m**2 * 1.1
        if high > limit:
            raise SourceError(
                f"sources.{key}: {name} has {high:,.0f} m2 in a pixel of {limit:,.0f} m2; it needs {rule.hint}"
            )
    codes = rule.codes
    if codes is not None:
        found = np.unique(values[~np.isnan(values)])
        strange = np.setdiff1d(found, np.asarray(codes, dtype=float))
        if len(strange):
            raise SourceError(
                f"sources.{key}: {name} has the code {strange[0]:g}; it needs {rule.hint}"
            )
    _check_amounts(values, rule, key=key, name=name, pixel_m=pixel_m)
    if low < rule.low or high > rule.high:
        wrong = low if low < rule.low else high
        raise SourceError(
            f"sources.{key}: {name} has the value {wrong:,.6g}{named_code(wrong)}; it needs {rule.hint}, and a "
            "number that means no data declared as such (gdal_edit.py -a_nodata)"
        )
    if key == "solar" and high < rule.low:
        raise SourceError(f"sources.{key}: {name} has at most {high:.3g}; it needs {rule.hint}")


def _check_amounts(
    values: NDArray[np.float64], rule: RasterRule, *, key: str, name: str, pixel_m: float
) -> None:
    """Refuse densities and means that no city has: the file is of another unit or product."""
    densest = rule.density_high
    known = values[np.isfinite(values)]
    if densest is not None:
        codes = raster_rule("landcover").codes or ()
        if np.isin(known, codes).all() and len(few := np.unique(known)) > 2:  # noqa: PLR2004 - few
            raise SourceError(
                f"sources.{key}: {name} holds only the numbers {', '.join(f'{v:g}' for v in few)}, which "
                f"are land-cover classes; it needs {rule.hint}"
            )
        most = float(known.max())
        per_km2 = most / (max(pixel_m, rule.density_pixel_m) / 1000) ** 2
        if per_km2 > densest:
            raise SourceError(
                f"sources.{key}: {name} has {per_km2:,.0f} per km2 in one pixel{named_code(most)}; it needs {rule.hint}"
            )
    mean = float(known.mean())
    if mean < rule.mean_low:
        raise SourceError(
            f"sources.{key}: {name} has the mean {mean:.3g} here; it needs {rule.hint}"
        )
