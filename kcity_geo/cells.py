"""
Cells: how many points, metres and square metres of a layer lie in each cell of the study grid.

Exact: lines and polygons are cut at the edges of the cells, so that the parts add up to the whole.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.coordinates import Places, in_crs
from kcity_geo.grid import bin_points, cell_polygons, cell_size
from kcity_geo.outline import outline_of
from kcity_geo.runs import place_in_run

__all__ = [
    "area_in_cells",
    "count_in_cells",
    "district_shares",
    "inside_share",
    "length_in_cells",
    "pieces_of_polygons",
]

_FEW_CELLS = 64
#: Type ids of shapely.
_POLYGONS = (3, 6)
#: Share of a cell below which rounding alone may have made it.
_NOTHING = 1e-11


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
    s, t0, t1 = _cut_edges(a, b)
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
    pieces = _small(polygons, number[small], (c0[small], c1[small], r0[small], r1[small]), grid)
    cells.append(pieces[0])
    owners.append(pieces[1])
    areas.append(pieces[2])
    big = np.setdiff1d(todo, small)
    pieces = _by_outline(polygons, number[big], (c0[big], c1[big], r0[big], r1[big]), grid)
    cells.append(pieces[0])
    owners.append(pieces[1])
    areas.append(pieces[2])
    return np.concatenate(cells).astype(np.int64), np.concatenate(owners), np.concatenate(areas)


def _small(
    polygons: NDArray[np.object_],
    number: NDArray[np.int64],
    box: tuple[NDArray[np.int64], ...],
    grid: GeoBox,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Cut polygons of few cells by their edges; what a collection holds is left to GEOS."""
    rows, columns = grid.shape
    c0, c1, r0, r1 = box
    width, height = c1 - c0 + 1, r1 - r0 + 1
    count = width * height
    which = np.repeat(np.arange(len(number)), count)
    nth = place_in_run(count)
    column = c0[which] + nth % width[which]
    row = r0[which] + nth // width[which]
    shapes = polygons[number]
    unsound = np.flatnonzero(~shapely.is_valid(shapes))
    shapes[unsound] = shapely.make_valid(shapes[unsound])
    plain = np.isin(shapely.get_type_id(shapes), _POLYGONS)
    share = np.zeros(len(which))
    share[plain[which]] = _shares(
        shapes[plain], c0[plain], r0[plain], width[plain], count[plain], grid
    )
    ok = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    flat, owner = row * columns + column, number[which]
    area = share * cell_size(grid) ** 2
    odd = np.flatnonzero(ok & ~plain[which])
    area[odd] = _by_geos(shapes, which[odd], flat[odd], grid)
    keep = ok & (area > 0)
    return flat[keep], owner[keep], area[keep]


def _shares(
    polygons: NDArray[np.object_],
    column: NDArray[np.int64],
    row: NDArray[np.int64],
    width: NDArray[np.int64],
    count: NDArray[np.int64],
    grid: GeoBox,
) -> NDArray[np.float64]:
    """
    Share of each cell of the boxes of valid polygons, from their north-west cells on, row by row.

    An edge covers what lies east of it: with its sign a part of its own cell, and its height in all cells after it.
    Every polygon is summed up by itself, so that its shares do not hang on the others.
    """
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    owner = owner[part]
    u = (xy[:, 0] - left) / size - column[owner[ring]]
    v = (top - xy[:, 1]) / size - row[owner[ring]]
    same = ring[1:] == ring[:-1]
    a, b = np.column_stack([u, v])[:-1][same], np.column_stack([u, v])[1:][same]
    ring = ring[1:][same]
    # Rings in either direction: outer ones count for, holes against.
    twice = np.bincount(ring, weights=a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], minlength=len(rings))
    outer = np.ones(len(rings), dtype=bool)
    outer[1:] = part[1:] != part[:-1]
    sign = np.where(outer == (twice < 0), 1.0, -1.0)
    edge, low, high = _cut_edges(a, b)
    step = b[edge] - a[edge]
    middle = a[edge] + step * ((low + high) / 2)[:, None]
    of = owner[ring[edge]]
    across = np.clip(np.floor(middle[:, 0]).astype(np.int64), 0, width[of] - 1)
    down = np.clip(np.floor(middle[:, 1]).astype(np.int64), 0, count[of] // width[of] - 1)
    rise = step[:, 1] * (high - low) * sign[ring[edge]]
    cell = (np.cumsum(count) - count)[of] + down * width[of] + across
    total = int(count.sum())
    share = np.bincount(cell, weights=rise * (1 + across - middle[:, 0]), minlength=total)
    full = np.bincount(cell, weights=rise, minlength=total)
    nth = place_in_run(count) % np.repeat(width, count)
    for k in range(1, int(width.max(initial=1))):
        here = np.flatnonzero(nth == k)
        share[here] += full[here - 1]
        full[here] += full[here - 1]
    share = np.where(share < _NOTHING, 0.0, share)
    return np.where(share > 1 - _NOTHING, 1.0, share)


def _cut_edges(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """
    Cut edges wherever one of their coordinates is a whole number.

    Parameters
    ----------
    a, b : shape (n, 2), both ends in cells.

    Returns
    -------
    Of each piece the edge, and where on it the piece begins and ends, 0 to 1; in the order of the edges and along them.
    """
    low, high = np.minimum(a, b), np.maximum(a, b)
    first, last = np.ceil(low), np.floor(high)
    whole = (last < first).all(axis=1)
    kept, several = np.flatnonzero(whole), np.flatnonzero(~whole)
    cuts, edge = [np.zeros(len(several)), np.ones(len(several))], [several, several]
    for axis in (0, 1):
        count = np.maximum(last[several, axis] - first[several, axis] + 1, 0).astype(np.int64)
        which = np.repeat(several, count)
        nth = place_in_run(count)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (first[which, axis] + nth - a[which, axis]) / (b[which, axis] - a[which, axis])
        ok = np.isfinite(t) & (t > 0) & (t < 1)
        cuts.append(t[ok])
        edge.append(which[ok])
    t, s = np.concatenate(cuts), np.concatenate(edge)
    order = np.lexsort((t, s))
    t, s = t[order], s[order]
    inner = s[1:] == s[:-1]
    edges = np.concatenate([kept, s[1:][inner]])
    begin = np.concatenate([np.zeros(len(kept)), t[:-1][inner]])
    end = np.concatenate([np.ones(len(kept)), t[1:][inner]])
    order = np.argsort(edges, kind="stable")
    return edges[order], begin[order], end[order]


def _by_geos(
    polygons: NDArray[np.object_], owner: NDArray[np.int64], flat: NDArray[np.int64], grid: GeoBox
) -> NDArray[np.float64]:
    """Cut polygons by cells that they may touch, one by one."""
    area = np.zeros(len(owner))
    if not len(owner):
        return area
    squares = cell_polygons(grid, flat)
    shapely.prepare(polygons[np.unique(owner)])
    touch = np.flatnonzero(shapely.intersects(polygons[owner], squares))
    cut = shapely.intersection(polygons[owner[touch]], squares[touch])
    area[touch] = shapely.area(cut)
    return area


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
