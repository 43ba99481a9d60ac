"""
Proximity: exact distances from cells to features, and sums around cells.

Distances are measured to the geometry itself, not to cells of it: a raster of the line would be up
to a cell wrong.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from kcity_geo.analysis.distance.convolution import convolved
from kcity_geo.analysis.distance.edges import nearest_of_all
from kcity_geo.coordinates import Places, in_crs
from kcity_geo.cube import cell_centres

__all__ = [
    "cell_distance_m",
    "disc_sum",
    "distance_m",
    "distance_to_mask_m",
    "kept_distance_m",
    "nearest_feature",
]

_FEW = 16
#: Places from which compiled loops search; for fewer they are not loaded.
_MANY = 10_000
#: What may be nearer by less than this is looked at, whatever the last digits say.
_MARGIN_M = 1e-3
#: Where more came or went, all is measured anew.
_FEW_CHANGES = 64


def _edges(
    geometry: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Break geometries into points and straight edges: x, y of both ends, and the number of the geometry of each."""
    parts, owner = shapely.get_parts(np.asarray(geometry, dtype=object), return_index=True)
    keep = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
    parts, owner = parts[keep], owner[keep]
    areal = np.isin(shapely.get_type_id(parts), (3, 6))
    parts = parts.copy()
    parts[areal] = shapely.boundary(parts[areal])
    parts, again = shapely.get_parts(parts, return_index=True)
    owner = owner[again]
    is_point = shapely.get_type_id(parts) == 0
    points = shapely.get_coordinates(parts[is_point])
    lines, line_owner = parts[~is_point], owner[~is_point]
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    return (
        np.concatenate([np.hstack([points, points]), np.hstack([xy[:-1][same], xy[1:][same]])]),
        np.concatenate([owner[is_point], line_owner[line[:-1][same]]]).astype(np.int64),
    )


def nearest_feature(
    geometry: NDArray[np.object_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """
    Find the nearest feature of each place.

    Parameters
    ----------
    geometry : features, metres.
    x, y : shape (n,), places, metres.

    Returns
    -------
    Distance (0 inside a polygon) and number of the feature, each of shape (n,); inf and -1 when
    there is no feature. Of equally near ones the first in order.

    Examples
    --------
    >>> import shapely
    >>> line = shapely.LineString([(0, 0), (0, 10)])
    >>> nearest_feature(np.array([line]), np.array([3.0]), np.array([5.0]))[0].tolist()
    [3.0]
    """
    geometry = np.asarray(geometry, dtype=object)
    edges, owner = _edges(geometry)
    places = np.column_stack([x, y]).astype(np.float64)
    if len(edges) == 0 or len(places) == 0:
        return np.full(len(places), np.inf), np.full(len(places), -1, dtype=np.int64)
    nearest = nearest_of_all if len(places) >= _MANY else _by_tree
    found, distance = nearest(edges, owner, places)
    areal = np.flatnonzero(np.isin(shapely.get_type_id(geometry), (3, 6)))
    if len(areal):
        left, bottom, right, top = shapely.total_bounds(geometry[areal])
        near = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top))
        inside, which = shapely.STRtree(geometry[areal]).query(
            np.asarray(shapely.points(places[near]), dtype=object), predicate="intersects"
        )
        distance[near[inside]] = 0.0
        found[near[inside]] = areal[which]
    return distance, found


def _by_tree(
    edges: NDArray[np.float64], owner: NDArray[np.int64], places: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the nearest edge of few places: a tree of shapely takes less time than loading compiled loops."""
    point = (edges[:, :2] == edges[:, 2:]).all(axis=1)
    small = np.empty(len(edges), dtype=object)
    small[point] = shapely.points(edges[point, :2])
    small[~point] = shapely.linestrings(edges[~point].reshape(-1, 2, 2))
    points = np.asarray(shapely.points(places), dtype=object)
    (place, piece), away = shapely.STRtree(small).query_nearest(points, return_distance=True)
    metres = np.full(len(places), np.inf)
    metres[place] = away
    # Ties by the order of the features, whatever the tree found first.
    found = np.full(len(places), np.iinfo(np.int64).max)
    np.minimum.at(found, place, owner[piece])
    return found, metres


def distance_m(
    geometry: Places, *, grid: GeoBox, where: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """
    Measure the distance from cell centres to the nearest feature.

    Parameters
    ----------
    geometry : features: a GeoSeries or GeoDataFrame in any CRS, or shapely geometries in that of the grid.
    grid : the study grid.
    where : shape (rows, cols), cells to measure; all when None.

    Returns
    -------
    Shape (rows, cols), metres, 0 inside polygons. NaN where not asked for or without features.
    """
    out = np.full(grid.shape[0] * grid.shape[1], np.nan)
    cells = np.arange(out.size) if where is None else np.flatnonzero(where.ravel())
    x, y = cell_centres(grid)
    shapes = in_crs(geometry, grid.crs, what="geometry")
    metres, _ = nearest_feature(shapes, x[cells], y[cells])
    out[cells] = np.where(np.isfinite(metres), metres, np.nan)
    return out.reshape(grid.shape)


def distance_to_mask_m(mask: NDArray[np.bool_], *, cell_m: float) -> NDArray[np.float64]:
    """
    Measure the distance from each cell centre to the nearest centre of a marked cell.

    Parameters
    ----------
    mask : shape (rows, cols).
    cell_m : side of a cell, metres.

    Returns
    -------
    Shape (rows, cols), metres; 0 in marked cells, NaN when none is marked.

    Examples
    --------
    >>> distance_to_mask_m(np.array([[True, False, False]]), cell_m=100).tolist()
    [[0.0, 100.0, 200.0]]
    """
    if not mask.any():
        return np.full(mask.shape, np.nan)
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=cell_m))


def disc_sum(values: NDArray[np.float64], *, radius_m: float, cell_m: float) -> NDArray[np.float64]:
    """
    Add up what lies within a radius of each cell.

    Parameters
    ----------
    values : shape (rows, cols), amounts. NaN: nothing.
    radius_m : between cell centres, metres.
    cell_m : side of a cell, metres.

    Returns
    -------
    Shape (rows, cols); the cell itself included. What lies beyond the grid is not known and not
    counted.

    Examples
    --------
    >>> disc_sum(np.ones((3, 3)), radius_m=100, cell_m=100).tolist()
    [[3.0, 4.0, 3.0], [4.0, 5.0, 4.0], [3.0, 4.0, 3.0]]
    """
    kept = np.nan_to_num(np.asarray(values, dtype=np.float64))
    reach = int(radius_m // cell_m)
    reach_y, reach_x = min(reach, kept.shape[0]), min(reach, kept.shape[1])
    dy, dx = np.mgrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    disc = ((dy**2 + dx**2) * cell_m**2 <= radius_m**2 + 1e-6).astype(np.float64)
    if max(disc.shape) <= _FEW:
        return np.asarray(ndimage.convolve(kept, disc, mode="constant"))
    total = convolved(kept, disc)
    total = total[reach_y : reach_y + kept.shape[0], reach_x : reach_x + kept.shape[1]]
    # The transform leaves noise of a millionth of the largest value.
    noise = np.abs(kept).sum() * 1e-12
    return np.asarray(np.where(np.abs(total) <= noise, 0.0, total))


def fill_from_nearest(
    values: NDArray[np.float64], *, cell_m: float, per_metre: float
) -> NDArray[np.float64]:
    """
    Fill unknown cells from the nearest known one plus a cost for the way to it.

    Parameters
    ----------
    values : shape (rows, cols). NaN: to be filled.
    cell_m : side of a cell, metres.
    per_metre : added for each metre between the centres.

    Returns
    -------
    Shape (rows, cols); unchanged when nothing or everything is known.

    Examples
    --------
    >>> fill_from_nearest(np.array([[5.0, np.nan]]), cell_m=100, per_metre=0.01).tolist()
    [[5.0, 6.0]]
    """
    unknown = np.isnan(values)
    if unknown.all() or not unknown.any():
        return values
    metres, index = ndimage.distance_transform_edt(unknown, sampling=cell_m, return_indices=True)
    return np.asarray(values[tuple(index)] + per_metre * metres)


def cell_distance_m(
    geometry: NDArray[np.object_], *, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    Distance from points to the nearest of some geometries, exact, in a straight line.

    Parameters
    ----------
    geometry : metric geometries; polygons count from their outline, 0 inside.
    x, y : metres.

    Returns
    -------
    Shape of `x`, metres; infinite when there is no geometry.

    Examples
    --------
    >>> import shapely
    >>> line = np.array([shapely.LineString([(0, 0), (10, 0)])], dtype=object)
    >>> cell_distance_m(line, x=np.array([5.0, 13.0]), y=np.array([3.0, 4.0]))
    array([3., 5.])
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return nearest_feature(geometry, x.ravel(), y.ravel())[0].reshape(x.shape)


def kept_distance_m(
    geometry: NDArray[np.object_],
    *,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    name: str,
    memory: dict[Any, Any] | None,
) -> NDArray[np.float64]:
    """
    Give `cell_distance_m`, measured anew only where geometries that came or went may be the nearest.

    Parameters
    ----------
    geometry, x, y : as of `cell_distance_m`.
    name : of what is measured, the same for the same question.
    memory : name -> what was measured last, to be read and filled; None: nothing is kept.

    Returns
    -------
    As `cell_distance_m`, to the last bit.

    Examples
    --------
    >>> import shapely
    >>> lines = np.array([shapely.LineString([(0, at), (10, at)]) for at in (0, 9)], dtype=object)
    >>> memory, spot = {}, {"x": np.array([5.0, 13.0]), "y": np.array([3.0, 4.0])}
    >>> for many in (1, 2):
    ...     print(kept_distance_m(lines[:many], **spot, name="street", memory=memory).tolist())
    [3.0, 5.0]
    [3.0, 5.0]
    """
    if memory is None:
        return cell_distance_m(geometry, x=x, y=y)
    geometry = np.asarray(geometry, dtype=object)
    places = hashlib.blake2b(x.tobytes() + y.tobytes(), digest_size=16).digest()
    was_places, was, metres = memory.get(name, (b"", geometry, np.zeros(0)))
    # The same object is the same geometry; another one may be, and is looked at again.
    now, before = {id(one) for one in geometry}, {id(one) for one in was}
    changed = [one for one in was if id(one) not in now]
    changed += [one for one in geometry if id(one) not in before]
    if was_places == places and len(changed) <= _FEW_CHANGES:
        near = ~np.isfinite(metres)
        for west, south, east, north in shapely.bounds(np.array(changed, dtype=object)):
            away_x = np.maximum(np.maximum(west - x, x - east), 0.0)
            away_y = np.maximum(np.maximum(south - y, y - north), 0.0)
            near |= np.hypot(away_x, away_y) <= metres + _MARGIN_M
        metres = metres.copy()
        metres[near] = cell_distance_m(geometry, x=x[near], y=y[near])
    else:
        metres = cell_distance_m(geometry, x=x, y=y)
    memory[name] = places, geometry, metres
    return np.asarray(metres.copy())
