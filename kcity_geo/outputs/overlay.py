"""
Cells of the metric grid as pictures and numbers for a Web-Mercator map.

Leaflet stretches a picture between two corners in EPSG:3857, so the picture must be in EPSG:3857
itself; one in degrees or in the metric CRS lands beside its place.
"""

from __future__ import annotations

import base64
import io
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from kcity_geo.cube import cell_size

__all__ = ["Lookup", "Picture", "fit_lookup", "mercator_picture", "packed", "png_uri"]

_MIN_PIXELS, _MAX_PIXELS = 800, 1600
#: Pixels of a row from one place that is projected exactly to the next.
_KNOT = 8
_PIXELS_PER_CELL = 8
_RADIUS = 6378137.0
#: Of zlib; 9 takes five times as long for a hundredth less.
_LEVEL = 7


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """
    A Web-Mercator picture whose pixels know their cell.

    Parameters
    ----------
    bounds : ((south, west), (north, east)), degrees: the outer corners of the corner pixels.
    cell : shape (height, width), flat cell number of each pixel; -1 outside the grid.
    pixel_m : side of a pixel, metres of EPSG:3857.
    """

    bounds: tuple[tuple[float, float], tuple[float, float]]
    cell: NDArray[np.int64]
    pixel_m: float

    def take(self, values: NDArray[Any], *, outside: int) -> NDArray[np.uint8]:
        """
        Bring codes of the grid into the picture.

        Parameters
        ----------
        values : shape (rows, cols), codes below 256.
        outside : code of pixels that lie in no cell.

        Returns
        -------
        Shape (height, width).
        """
        flat = np.append(np.asarray(values).ravel().astype(np.uint8), np.uint8(outside))
        return np.asarray(flat[self.cell])


def mercator_picture(grid: GeoBox, *, outline: BaseGeometry | None = None) -> Picture:
    """
    Lay a Web-Mercator picture over the study grid.

    Parameters
    ----------
    grid : the study grid, metric CRS.
    outline : polygon in the CRS of the grid; pixels whose centre lies outside belong to no cell.

    Returns
    -------
    The picture; each pixel belongs to the cell that holds its centre.
    """
    left, bottom, right, top = tuple(grid.boundingbox)
    forward = Transformer.from_crs(grid.crs, 3857, always_xy=True)
    edge = np.linspace(0, 1, 101)
    ex = np.concatenate(
        [left + (right - left) * edge] * 2 + [np.full(101, left), np.full(101, right)]
    )
    ey = np.concatenate(
        [np.full(101, top), np.full(101, bottom)] + [bottom + (top - bottom) * edge] * 2
    )
    mx, my = forward.transform(ex, ey)
    west, east, south, north = mx.min(), mx.max(), my.min(), my.max()
    rows, columns = grid.shape
    wanted = min(_MAX_PIXELS, max(_MIN_PIXELS, _PIXELS_PER_CELL * max(rows, columns)))
    wanted = max(wanted, rows, columns) if max(rows, columns) <= 2 * _MAX_PIXELS else wanted
    pixel = max(east - west, north - south) / wanted
    width, height = math.ceil((east - west) / pixel), math.ceil((north - south) / pixel)
    east, south = west + width * pixel, north - height * pixel
    px = west + (np.arange(width) + 0.5) * pixel
    py = north - (np.arange(height) + 0.5) * pixel
    back = Transformer.from_crs(3857, grid.crs, always_xy=True)
    size = cell_size(grid)
    cell = np.empty((height, width), dtype=np.int64)
    # Between knots a row is straight: over eight pixels it bends away by millimetres.
    knot = np.append(np.arange(0, width - 1, _KNOT), width - 1)
    kx, ky = back.transform(*np.meshgrid(px[knot], py))
    every = np.arange(width)
    for row in range(height):
        x, y = np.interp(every, knot, kx[row]), np.interp(every, knot, ky[row])
        column, line = np.floor((x - left) / size), np.floor((top - y) / size)
        ok = (column >= 0) & (column < columns) & (line >= 0) & (line < rows)
        cell[row] = np.where(ok, line * columns + column, -1)
    if outline is not None:
        cell[_outside(outline, grid, corner=(west, north), pixel=pixel, shape=cell.shape)] = -1
    return Picture(
        bounds=((_lat(south), _lon(west)), (_lat(north), _lon(east))), cell=cell, pixel_m=pixel
    )


def _outside(
    outline: BaseGeometry,
    grid: GeoBox,
    *,
    corner: tuple[float, float],
    pixel: float,
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Pixels of the picture whose centre lies outside a polygon."""
    import shapely
    from rasterio.features import geometry_mask
    from rasterio.transform import from_origin

    # Straight in the metric CRS is bent in Web Mercator: a corner in every cell follows the bend.
    dense = shapely.segmentize(outline, cell_size(grid))
    forward = Transformer.from_crs(grid.crs, 3857, always_xy=True)
    bent = shapely.transform(dense, lambda xy: np.column_stack(forward.transform(*xy.T)))
    return np.asarray(
        geometry_mask([bent], out_shape=shape, transform=from_origin(*corner, pixel, pixel))
    )


def _lon(x: float) -> float:
    return math.degrees(x / _RADIUS)


def _lat(y: float) -> float:
    return math.degrees(2 * math.atan(math.exp(y / _RADIUS)) - math.pi / 2)


def png_uri(codes: NDArray[np.uint8], colours: Sequence[tuple[int, int, int, int]]) -> str:
    """
    Write codes as a PNG with a colour table.

    Parameters
    ----------
    codes : shape (height, width), positions in `colours`.
    colours : red, green, blue, alpha, 0 to 255.

    Returns
    -------
    ``data:image/png;base64,...``; the same codes give the same text.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(codes))
    image.putpalette([v for c in colours for v in c[:3]])
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes(c[3] for c in colours), compress_level=8)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


@dataclass(frozen=True, kw_only=True, eq=False)
class Lookup:
    """
    How a browser finds the cell under the pointer without a projection library.

    Parameters
    ----------
    centre, half : of the Web-Mercator box, metres; coordinates are scaled to -1 .. 1.
    powers : exponents (i, j) of each term u**i * v**j.
    column, row : coefficients of the terms; their sum is the fractional column and row.
    error_cells : largest error found at check points, in cells.
    """

    centre: tuple[float, float]
    half: tuple[float, float]
    powers: list[tuple[int, int]]
    column: list[float]
    row: list[float]
    error_cells: float


def fit_lookup(grid: GeoBox, *, tolerance_cells: float = 0.02) -> Lookup:
    """
    Fit a polynomial from Web Mercator to columns and rows of the grid.

    Parameters
    ----------
    grid : the study grid.
    tolerance_cells : the degree is raised until the error is below.

    Returns
    -------
    The polynomial with its measured error.
    """
    best = _fit(grid, 2)
    for degree in range(3, 9):
        if best.error_cells < tolerance_cells:
            break
        best = _fit(grid, degree)
    return best


def _fit(grid: GeoBox, degree: int) -> Lookup:
    forward = Transformer.from_crs(grid.crs, 3857, always_xy=True)
    left, bottom, right, top = tuple(grid.boundingbox)
    size = cell_size(grid)

    def lattice(n: int) -> tuple[NDArray[np.float64], ...]:
        x, y = (
            a.ravel() for a in np.meshgrid(np.linspace(left, right, n), np.linspace(bottom, top, n))
        )
        mx, my = forward.transform(x, y)
        return mx, my, (x - left) / size, (top - y) / size

    mx, my, column, row = lattice(25)
    centre = (float(mx.min() + mx.max()) / 2, float(my.min() + my.max()) / 2)
    half = (float(np.ptp(mx)) / 2, float(np.ptp(my)) / 2)
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]

    def terms(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        u, v = (a - centre[0]) / half[0], (b - centre[1]) / half[1]
        return np.column_stack([u**i * v**j for i, j in powers])

    design = terms(mx, my)
    coefficients = np.linalg.lstsq(design, np.column_stack([column, row]), rcond=None)[0]
    mx, my, column, row = lattice(38)
    error = np.abs(terms(mx, my) @ coefficients - np.column_stack([column, row])).max()
    rounded = np.round(coefficients, 9)
    return Lookup(
        centre=centre,
        half=half,
        powers=powers,
        column=rounded[:, 0].tolist(),
        row=rounded[:, 1].tolist(),
        error_cells=float(error),
    )


def packed(values: NDArray[Any], *, level: int = _LEVEL) -> str:
    """
    Squeeze an array for the page.

    Parameters
    ----------
    values : uint8 or uint16, any shape; written little-endian, row by row.
    level : of zlib; from 8 a few percent smaller, and several times slower.

    Returns
    -------
    Base64 of the raw bytes in zlib form.
    """
    raw = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
    return base64.b64encode(zlib.compress(raw, level)).decode("ascii")
