"""
The study grid: square cells of one size over a city, their names, centres and outlines.

One odc-geo `GeoBox` a study: north-up, square cells, snapped to whole multiples of ``cell_m`` in
the metric CRS of the city. Row 0 is the northern row. Pure: reads and writes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.config import Config
from kcity_geo.errors import LimitError, StudyError

__all__ = ["bin_points", "cell_centres", "cell_ids", "cell_polygons", "cell_size", "study_grid"]


def study_grid(city: City, *, cell_m: float, config: Config | None = None) -> GeoBox:
    """
    Make the grid of a study: the same city and cell size always give the same cells.

    Parameters
    ----------
    city : whose bounding box is covered.
    cell_m : side of a cell, metres; more than 1.
    config : limits.

    Returns
    -------
    Grid in the CRS of the city, edges at whole multiples of `cell_m`.

    Raises
    ------
    StudyError
        If `cell_m` is not a number above 1, or the city is smaller than one cell.
    LimitError
        If the grid has more cells than `Config.max_cells`.
    """
    config = config or Config()
    if not np.isfinite(cell_m) or cell_m <= 1:
        raise StudyError(
            f"study.cell_m: {cell_m!r} is not usable; give metres above 1, usually 100 or 250"
        )
    left, bottom, right, top = city.boundary_metric.bounds
    across = max(right - left, top - bottom)
    if cell_m > across:
        raise StudyError(
            f"study.cell_m: {cell_m:g} m is more than the whole study area, which is {across:,.0f} m "
            "across; use smaller cells, or check that the boundary is the city's"
        )
    west, south = np.floor(left / cell_m) * cell_m, np.floor(bottom / cell_m) * cell_m
    columns = max(1, int(np.ceil(round((right - west) / cell_m, 9))))
    rows = max(1, int(np.ceil(round((top - south) / cell_m, 9))))
    if columns * rows > config.max_cells:
        needed = cell_m * np.sqrt(columns * rows / config.max_cells)
        raise LimitError(
            f"study.cell_m: {cell_m:g} m makes {columns * rows:,} cells, the limit is "
            f"{config.max_cells:,}; use at least {np.ceil(needed):.0f} m"
        )
    return GeoBox.from_bbox(
        (west, south, west + columns * cell_m, south + rows * cell_m),
        crs=city.crs,
        shape=(rows, columns),
        tight=True,
    )


def cell_size(grid: GeoBox) -> float:
    """
    Side of a cell, metres.

    Parameters
    ----------
    grid : square cells.

    Returns
    -------
    Metres.
    """
    return float(abs(grid.resolution.x))


def cell_centres(grid: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Give the coordinates of the cell centres.

    Parameters
    ----------
    grid : the study grid.

    Returns
    -------
    x and y, each of shape (rows * columns,), metres, row by row from the north-west.
    """
    rows, columns = grid.shape
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    x = left + (np.arange(columns) + 0.5) * size
    y = top - (np.arange(rows) + 0.5) * size
    return np.tile(x, rows), np.repeat(y, columns)


def cell_ids(grid: GeoBox) -> NDArray[np.object_]:
    """
    Stable ids ``x{column}_y{row}``, counted from the origin of the CRS, not of the grid.

    Parameters
    ----------
    grid : the study grid.

    Returns
    -------
    Shape (rows * columns,), row by row from the north-west. Column and row are the whole
    multiples of the cell size of the lower left corner, so the same place keeps its id.
    """
    size = cell_size(grid)
    x, y = cell_centres(grid)
    column = np.floor(x / size).astype(np.int64)
    row = np.floor(y / size).astype(np.int64)
    return np.array([f"x{c}_y{r}" for c, r in zip(column, row, strict=True)], dtype=object)


def cell_polygons(
    grid: GeoBox, index: NDArray[np.integer[Any]] | None = None
) -> NDArray[np.object_]:
    """
    Give the squares of the cells.

    Parameters
    ----------
    grid : the study grid.
    index : flat cell numbers; all when None.

    Returns
    -------
    Array of polygons, metres.
    """
    x, y = cell_centres(grid)
    if index is not None:
        x, y = x[index], y[index]
    half = cell_size(grid) / 2
    return np.asarray(shapely.box(x - half, y - half, x + half, y + half))


def bin_points(
    x: NDArray[np.float64], y: NDArray[np.float64], *, grid: GeoBox
) -> NDArray[np.int64]:
    """
    Flat cell number of each point.

    Parameters
    ----------
    x, y : coordinates in the CRS of the grid, metres.
    grid : the study grid.

    Returns
    -------
    Shape of `x`; -1 outside the grid or for NaN.
    """
    rows, columns = grid.shape
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    with np.errstate(invalid="ignore"):
        column = np.floor((np.asarray(x) - left) / size)
        row = np.floor((top - np.asarray(y)) / size)
        ok = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    flat = np.full(np.shape(x), -1, dtype=np.int64)
    flat[ok] = (row[ok] * columns + column[ok]).astype(np.int64)
    return flat
