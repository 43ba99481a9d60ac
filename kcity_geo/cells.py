"""
Cells: how many points, metres and square metres of a layer lie in each cell of the study grid.

Exact: lines and polygons are cut at the edges of the cells, so that the parts add up to the whole.
"""

from __future__ import annotations

from threading import Lock

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.coordinates import Places, in_crs
from kcity_geo.grid import bin_points, cell_polygons, cell_size
from kcity_geo.outline import outline_of

__all__ = [
    "area_in_cells",
    "count_in_cells",
    "district_shares",
    "inside_share",
    "length_in_cells",
    "pieces_of_polygons",
]

_FEW_CELLS = 64
#: What GEOS prepares of a polygon is not for two threads at a time.
_PREPARED = Lock()


def count_in_cells(geometry: Places, *, grid: GeoBox) -> NDArray[np.float64]:
    """
    Count features by the cell of their representative point.

    Parameters
    ----------
    geometry : a GeoSeries or GeoDataFrame in any CRS, or shapely geometries in that of the grid.
    grid : the study grid.

    Returns
    -------
    Shape (rows, cols), features per cell.
    """
    shapes = in_crs(geometry, grid.crs, what="geometry")
    if len(shapes) == 0:
        return np.zeros(grid.shape)
    points = shapely.point_on_surface(shapes)
    flat = bin_points(shapely.get_x(points), shapely.get_y(points), grid=grid)
    counts = np.bincount(flat[flat >= 0], minlength=grid.shape[0] * grid.shape[1])
    return counts.reshape(grid.shape).astype(float)


def length_in_cells(
    lines: Places,
    *,
    grid: GeoBox,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """
    Length of lines in each cell, exact: every segment is cut at the cell edges.

    Parameters
    ----------
    lines : LineStrings or MultiLineStrings: a GeoSeries or GeoDataFrame in any CRS, or shapely geometries
        in that of the grid.
    grid : the study grid.
    weight : factor for each line; 1 when None.

    Returns
    -------
    Shape (rows, cols), metres. The sum is the length of the lines inside the grid.
    """
    total = grid.shape[0] * grid.shape[1]
    lines = in_crs(lines, grid.crs, what="lines")
    if len(lines) == 0:
        return np.zeros(grid.shape)
    parts, owner = shapely.get_parts(lines, return_index=True)
    xy, line = shapely.get_coordinates(parts, return_index=True)
    same = line[1:] == line[:-1]
    start, end, line = xy[:-1][same], xy[1:][same], line[1:][same]
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    # Column and row coordinates, in cells; a segment is cut wherever one crosses a whole number.
    a = np.column_stack([(start[:, 0] - left) / size, (top - start[:, 1]) / size])
    b = np.column_stack([(end[:, 0] - left) / size, (top - end[:, 1]) / size])
    cuts, segment = [np.zeros(len(a)), np.ones(len(a))], [np.arange(len(a))] * 2
    for axis in (0, 1):
        low = np.ceil(np.minimum(a[:, axis], b[:, axis]))
        count = np.maximum(np.floor(np.maximum(a[:, axis], b[:, axis])) - low + 1, 0).astype(int)
        which = np.repeat(np.arange(len(a)), count)
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        delta = b[which, axis] - a[which, axis]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (low[which] + nth - a[which, axis]) / delta
        ok = np.isfinite(t) & (t > 0) & (t < 1)
        cuts.append(t[ok])
        segment.append(which[ok])
    t, s = np.concatenate(cuts), np.concatenate(segment)
    order = np.lexsort((t, s))
    t, s = t[order], s[order]
    inner = s[1:] == s[:-1]
    t0, t1, s = t[:-1][inner], t[1:][inner], s[1:][inner]
    middle = ((t0 + t1) / 2)[:, None]
    place = a[s] + (b[s] - a[s]) * middle
    column, row = np.floor(place[:, 0]).astype(int), np.floor(place[:, 1]).astype(int)
    length = np.hypot(*(end[s] - start[s]).T) * (t1 - t0)
    if weight is not None:
        length = length * np.asarray(weight)[owner[line[s]]]
    ok = (column >= 0) & (column < grid.shape[1]) & (row >= 0) & (row < grid.shape[0])
    flat = row[ok] * grid.shape[1] + column[ok]
    return np.bincount(flat, weights=length[ok], minlength=total).reshape(grid.shape)


def area_in_cells(
    polygons: Places,
    *,
    grid: GeoBox,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """
    Area of polygons in each cell, exact; overlapping polygons count twice.

    Small polygons within one cell are added by their cell; the others are cut by the cells
    that they touch.

    Parameters
    ----------
    polygons : (multi)polygons: a GeoSeries or GeoDataFrame in any CRS, or shapely geometries in that of the
        grid; other types count as 0.
    grid : the study grid.
    weight : amount per m2 of each polygon; 1 when None.

    Returns
    -------
    Shape (rows, cols), m2 (times `weight`). The sum is the area inside the grid.
    """
    flat, polygon, area = _polygon_pieces(in_crs(polygons, grid.crs, what="polygons"), grid)
    if weight is not None:
        area = area * np.asarray(weight)[polygon]
    total = grid.shape[0] * grid.shape[1]
    return np.bincount(flat, weights=area, minlength=total).astype(float).reshape(grid.shape)


def _polygon_pieces(
    polygons: NDArray[np.object_], grid: GeoBox
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Cut polygons at the cell edges: (flat cell, polygon number, area m2), one row a piece."""
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    if len(polygons) == 0:
        return empty
    rows, columns = grid.shape
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    bounds = shapely.bounds(polygons)
    ok = np.isfinite(bounds).all(axis=1)
    number = np.flatnonzero(ok)
    bounds = bounds[ok]
    c0 = np.floor((bounds[:, 0] - left) / size).astype(int)
    c1 = np.floor((bounds[:, 2] - left) / size).astype(int)
    r0 = np.floor((top - bounds[:, 3]) / size).astype(int)
    r1 = np.floor((top - bounds[:, 1]) / size).astype(int)
    single = (c0 == c1) & (r0 == r1)
    inside = single & (c0 >= 0) & (c0 < columns) & (r0 >= 0) & (r0 < rows)
    cells = [(r0 * columns + c0)[inside]]
    owners = [number[inside]]
    areas = [shapely.area(polygons[number[inside]])]
    todo = np.flatnonzero(~single & (c1 >= 0) & (c0 < columns) & (r1 >= 0) & (r0 < rows))
    small = todo[(c1[todo] - c0[todo] < _FEW_CELLS) & (r1[todo] - r0[todo] < _FEW_CELLS)]
    pieces = _strips(polygons, number[small], (c0[small], c1[small], r0[small], r1[small]), grid)
    cells.append(pieces[0])
    owners.append(pieces[1])
    areas.append(pieces[2])
    big = np.setdiff1d(todo, small)
    pieces = _by_outline(polygons, number[big], (c0[big], c1[big], r0[big], r1[big]), grid)
    cells.append(pieces[0])
    owners.append(pieces[1])
    areas.append(pieces[2])
    return np.concatenate(cells).astype(np.int64), np.concatenate(owners), np.concatenate(areas)


def _strips(
    polygons: NDArray[np.object_],
    number: NDArray[np.int64],
    box: tuple[NDArray[np.int64], ...],
    grid: GeoBox,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    rows, columns = grid.shape
    c0, c1, r0, r1 = box
    width, height = c1 - c0 + 1, r1 - r0 + 1
    count = width * height
    which = np.repeat(np.arange(len(number)), count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    column = c0[which] + nth % width[which]
    row = r0[which] + nth // width[which]
    ok = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    which, flat = which[ok], (row * columns + column)[ok]
    owner = number[which]
    squares = cell_polygons(grid, flat)
    with _PREPARED:
        shapely.prepare(polygons[number])
        touch = shapely.intersects(polygons[owner], squares)
        owner, flat, squares = owner[touch], flat[touch], squares[touch]
        whole = shapely.contains_properly(polygons[owner], squares)
    area = np.full(len(owner), cell_size(grid) ** 2)
    area[~whole] = shapely.area(shapely.intersection(polygons[owner[~whole]], squares[~whole]))
    keep = area > 0
    return flat[keep], owner[keep], area[keep]


def _by_outline(
    polygons: NDArray[np.object_],
    number: NDArray[np.int64],
    box: tuple[NDArray[np.int64], ...],
    grid: GeoBox,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Cut polygons of many cells by their edges."""
    rows, columns = grid.shape
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    c0, r0 = np.maximum(box[0], 0), np.maximum(box[2], 0)
    c1, r1 = np.minimum(box[1], columns - 1), np.minimum(box[3], rows - 1)
    cells, owners, areas = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for k, owner in enumerate(number.tolist()):
        x = left + np.arange(c0[k], c1[k] + 2) * size
        y = top - np.arange(r0[k], r1[k] + 2) * size
        shape = polygons[owner]
        sound = shape if shapely.is_valid(shape) else shapely.make_valid(shape)
        share, _ = outline_of(sound).shares(tuple(np.meshgrid(x, y)))
        row, column = np.nonzero(share)
        cells.append((r0[k] + row) * columns + c0[k] + column)
        owners.append(np.full(len(row), owner))
        areas.append(share[row, column] * size**2)
    return np.concatenate(cells), np.concatenate(owners), np.concatenate(areas)


def pieces_of_polygons(
    polygons: Places, *, grid: GeoBox
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """
    Cut polygons at the cell edges.

    Parameters
    ----------
    polygons : as for `area_in_cells`.
    grid : the study grid.

    Returns
    -------
    Flat cell, position of the polygon and area in m2, a row a piece inside the grid.
    """
    return _polygon_pieces(in_crs(polygons, grid.crs, what="polygons"), grid)


def inside_share(city: City, *, grid: GeoBox) -> NDArray[np.float64]:
    """
    Share of each cell that lies inside the city boundary.

    Parameters
    ----------
    city : whose boundary counts.
    grid : the study grid.

    Returns
    -------
    Shape (rows, cols), 0 to 1, read-only. A city keeps it: cube, districts and every raster ask for it.
    """
    kept: dict[GeoBox, NDArray[np.float64]] = city.kept.setdefault("inside_share", {})
    if grid not in kept:
        parts = shapely.get_parts(city.boundary_metric)
        area = area_in_cells(np.asarray(parts, dtype=object), grid=grid)
        share = np.clip(area / cell_size(grid) ** 2, 0.0, 1.0)
        share.flags.writeable = False
        kept[grid] = share
    return kept[grid]


def district_shares(city: City, *, grid: GeoBox) -> pd.DataFrame:
    """
    How the inside of each cell is divided among the districts.

    Parameters
    ----------
    city : with districts.
    grid : the study grid.

    Returns
    -------
    Columns ``cell`` (flat number), ``district_id``, ``share``: the part of the cell's area inside
    the city that belongs to the district, and ``people_share``, that of its people, the same until
    it is known better. Shares of a cell add up to 1; to more where districts overlap, which then
    have each all that lies in them.
    """
    geometry = city.districts.geometry.to_numpy()
    flat, owner, area = _polygon_pieces(np.asarray(geometry, dtype=object), grid)
    frame = pd.DataFrame(
        {
            "cell": flat,
            "district_id": city.districts["district_id"].to_numpy()[owner],
            "share": area,
        }
    )
    frame = frame.groupby(["cell", "district_id"], sort=True)["share"].sum().reset_index()
    city_m2 = inside_share(city, grid=grid).ravel()[frame["cell"].to_numpy()] * cell_size(grid) ** 2
    given_m2 = frame.groupby("cell")["share"].transform("sum").to_numpy()
    overlap = given_m2 > city_m2 * (1 + 1e-6)
    frame["share"] /= np.where(overlap & (city_m2 > 0), city_m2, given_m2)
    return frame.assign(people_share=frame["share"])
