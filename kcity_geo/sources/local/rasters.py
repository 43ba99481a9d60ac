"""
Local rasters: brought onto the study grid by kind; `raster_windows` opens and checks them.

Amounts (people, built surface) are conserved: every pixel is divided into points, and each point
goes to the cell it falls in, or is dropped outside the boundary. Continuous values are averaged
or interpolated, classes take the most frequent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.config import Config, read_table
from kcity_geo.cube import area_in_cells, cell_size, layer
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.sources.local.origins import describe, described
from kcity_geo.sources.local.plausible import refuse_too_few, refuse_too_many
from kcity_geo.sources.local.raster_amounts import amounts_on_grid
from kcity_geo.sources.local.raster_cover import Cover
from kcity_geo.sources.local.raster_products import refuse_steep
from kcity_geo.sources.local.raster_rules import RasterRule, raster_rule
from kcity_geo.sources.local.raster_windows import RasterWindow, read_window
from kcity_geo.sources.local.table_numbers import numbers

__all__ = [
    "persons_from_polygons",
    "read_dem",
    "read_flood",
    "read_raster",
]

#: Of the land of population polygons, that several of them hold: told, and refused as people counted twice.
_OVERLAP_TOLD, _OVERLAP_REFUSED = 0.01, 0.5


def read_raster(
    path: Path | Sequence[Path],
    *,
    key: str,
    city: City,
    grid: GeoBox,
    config: Config | None = None,
    districts: DistrictPeople | None = None,
) -> tuple[xr.DataArray, dict[str, float]]:
    """
    Bring a raster onto the study grid by the rule of its kind.

    Parameters
    ----------
    path : GeoTIFF, HGT, or a zip with one of them; a list or a folder of tiles.
    key : key of ``[sources]``, a row of ``tables/rasters.toml``.
    city : whose boundary counts for amounts.
    grid : the study grid.
    config : limits.
    districts : gathers the people of the districts, for amounts.

    Returns
    -------
    The variable (rows, cols), NaN where not known, and what was measured on the way:
    ``valid_share``, the share of the area of the city with data; for amounts also ``source_total`` (exact, inside
    the boundary, in the raster's own CRS), ``total`` on the grid, and ``conserved_share``.

    Raises
    ------
    SourceError, LimitError
        As `read_window`.
    """
    rule = raster_rule(key)
    window = read_window(path, key=key, city=city, config=config)
    about = describe(path, key=key)
    if rule.kind == "sum":
        values, measured = amounts_on_grid(window, city=city, grid=grid, districts=districts)
    else:
        if rule.kind == "mean" and rule.sparse:
            window = _dry(window)
        if rule.legend is not None and rule.codes is not None:
            window = _as_worldcover(window, rule.codes, rule.legend)
        cover = Cover(city)
        cover.add(window)
        values = _continuous(window, grid=grid, kind=rule.kind)
        measured = {"valid_share": cover.share}
    tell_part_covered(path, measured["valid_share"], key=key, city=city)
    if rule.mean_density_high:
        where = f"sources.{key}: {described(path)}, in {city.name},"
        _refuse_impossible_total(measured, rule, city, window, where=where)
    variable = layer(
        values,
        grid=grid,
        units=rule.units,
        long_name=rule.long_name,
        source=about.title,
        licence=about.licence,
        as_of=about.as_of,
        evidence="observed" if key in {"elevation", "nightlights", "landcover"} else "modelled",
    )
    variable.attrs["kind"] = rule.kind
    return variable, measured


def tell_part_covered(path: Path | Sequence[Path], share: float, *, key: str, city: City) -> None:
    """
    Tell that a raster holds data for a part of the city only.

    Parameters
    ----------
    path : of the raster, or of its tiles.
    share : of the area of the city with data.
    key : of ``[sources]``.
    city : whose boundary counts.
    """
    rule = raster_rule(key)
    if share < read_table("rasters")["whole"] and not rule.sparse:
        tell(
            f"{rule.long_name.lower()} raster {described(path)} covers {share:.0%} of {city.name}; the rest is "
            "not known",
            stacklevel=3,
        )


def _as_worldcover(
    window: RasterWindow, codes: Sequence[float], legend: Sequence[float]
) -> RasterWindow:
    """Turn classes of another product into those of ESA WorldCover, before they are mixed in a cell."""
    # Codes of two forms of one product stand one after the other in the same order.
    meaning = dict(zip(codes, [*legend] * (len(codes) // len(legend)), strict=True))
    values = np.full(window.values.shape, np.nan)
    for code, wanted in meaning.items():
        values[window.values == code] = wanted
    return replace(window, values=values)


def _dry(window: RasterWindow) -> RasterWindow:
    """Count no data inside the extent of a flood map as dry."""
    dry = window.covered & np.isnan(window.values)
    return replace(window, values=np.where(dry, 0.0, window.values))


def _refuse_impossible_total(
    measured: dict[str, float], rule: RasterRule, city: City, window: RasterWindow, *, where: str
) -> None:
    """Refuse more or fewer people than any city of this size holds: the numbers are densities, or thousands."""
    total, km2 = measured["source_total"], measured["valid_share"] * city.area_km2
    if total and not window.declared:
        refuse_too_few(
            total,
            km2,
            where=where,
            mend="Declare the unit (gdal_edit.py -units 'thousands of persons', or 'persons' where so few live there)",
            densest=float(np.nanmax(window.values)) / (window.pixel_m / 1000) ** 2,
        )
    refuse_too_many(
        total,
        km2,
        where=where,
        mend=f"it needs {rule.hint}: where it holds a density, declare it (gdal_edit.py -units 'persons per km2')",
    )


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
    path: Path | Sequence[Path],
    *,
    city: City,
    margin_m: float = 3000.0,
    config: Config | None = None,
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
    refuse_steep(
        values,
        raster_rule("elevation"),
        cell_m=cell_size(grid),
        where=f"sources.elevation: {described(path)}",
    )
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
    out.attrs["surface_model"] = not any(w in described(path).lower() for w in ("dtm", "terrain"))
    return out


def _fine_grid(city: City, *, pixel_m: float, margin_m: float, config: Config) -> GeoBox:
    """Square cells near the native size of a raster, at least 10 m, within the limit of cells."""
    from odc.geo.geobox import GeoBox

    left, bottom, right, top = city.boundary_metric.buffer(margin_m).bounds
    limit = config.max_fine_cells
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
    path: Path | Sequence[Path],
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
    rule = raster_rule(key)
    window = _dry(read_window(path, key=key, city=city, margin_m=margin_m, config=config))
    grid = _fine_grid(city, pixel_m=window.pixel_m, margin_m=margin_m, config=config)
    values = _resampled(window, grid=grid, method="nearest")
    cover = Cover(city)
    cover.add(window)
    if cover.share < read_table("rasters")["whole"]:
        tell(
            f"sources.{key}: {described(path)} covers {cover.share:.0%} of {city.name}; whether the rest floods "
            "is not known"
        )
    about = describe(path, key=key)
    out = layer(
        values.astype(np.float32),
        grid=grid,
        units=rule.units,
        long_name=rule.long_name,
        source=about.title,
        licence=about.licence,
        as_of=about.as_of,
        evidence="modelled",
    )
    out.attrs["cell_m"] = cell_size(grid)
    return out


def persons_from_polygons(
    frame: gpd.GeoDataFrame,
    *,
    city: City,
    grid: GeoBox,
    column: str = "population",
    districts: DistrictPeople | None = None,
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """
    Divide the people of polygons (a statistical grid, census blocks) over the cells by area.

    Parameters
    ----------
    frame : polygons with a CRS.
    city : people outside its boundary are left out.
    grid : the study grid.
    column : with persons per polygon.
    districts : gathers the people of the districts.

    Returns
    -------
    Persons per cell (rows, cols), NaN where no polygon reaches, and the totals as `read_raster`.

    Raises
    ------
    SourceError
        If the column is missing, holds what is no number or negative, or nothing overlaps the city.
    """
    column = _column_of_people(frame, column)
    if column not in frame:
        known = ", ".join(str(c) for c in frame.columns if c != "geometry") or "no column"
        raise SourceError(f"sources.population: no column {column!r}; the file has {known}")
    persons = frame[column].to_numpy()
    if persons.dtype.kind not in "iuf":
        # Numbers in a column of texts: all of it tells what its signs mean, as in a table.
        cells = frame[column].astype(object).reset_index(drop=True)
        cells = cells.where(cells.notna(), None)
        cells.index = (cells.index + 1).rename("polygon")
        persons = numbers(
            cells, where=f"sources.population: column {column!r}", whole=True
        ).to_numpy()
    persons = persons.astype(float)
    lacking = int(np.isnan(persons).sum())
    if lacking:
        tell(
            f"sources.population: {lacking} of {len(persons)} polygons have no number in {column!r}; how many "
            "live there is not known"
        )
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
    if districts is not None:
        districts.add_polygons(cut[ok], density[ok])
    source_total = float((density[ok] * shapely.area(cut[ok])).sum())
    total = float(amount.sum())
    amount[reached == 0] = np.nan
    reached_m2 = shapely.union_all(cut[ok]).area
    _refuse_doubled_land(float(shapely.area(cut[ok]).sum()), reached_m2)
    if source_total:
        refuse_too_few(
            source_total,
            reached_m2 / 1e6,
            where=f"sources.population: column {column!r}, in {city.name},",
            mend="It needs persons of each polygon",
            densest=float(density[ok].max()) * 1e6,
        )
    refuse_too_many(
        source_total,
        reached_m2 / 1e6,
        where=f"sources.population: column {column!r}, in {city.name},",
        mend="it needs persons of each polygon",
    )
    return amount, {
        "reached_share": float(reached_m2 / city.boundary_metric.area),
        "source_total": source_total,
        "total": total,
        "conserved_share": total / source_total if source_total else 1.0,
    }


def _column_of_people(frame: gpd.GeoDataFrame, column: str) -> str:
    """Give the column as the file writes it, ``POPULATION`` for ``population``; one of two is not chosen."""
    alike = [str(name) for name in frame.columns if str(name).casefold() == column.casefold()]
    return alike[0] if column not in frame and len(alike) == 1 else column


def _refuse_doubled_land(sum_m2: float, reached_m2: float) -> None:
    """Refuse polygons that lie on one another, of two levels or two years; tell a part of them."""
    double = sum_m2 - reached_m2
    if double <= _OVERLAP_TOLD * reached_m2:
        return
    text = (
        f"sources.population: polygons lie on one another on {double / 1e6:,.2f} of {reached_m2 / 1e6:,.2f} km2, where "
        "the people of all of them count"
    )
    if double > _OVERLAP_REFUSED * reached_m2:
        raise SourceError(f"{text}; give the polygons of one level and one year")
    tell(text, stacklevel=3)
