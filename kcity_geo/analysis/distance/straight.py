"""
Proximity: exact distances from cells to features, and sums around cells.

Distances are measured to the geometry itself, not to cells of it: a raster of the line would be up
to a cell wrong.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from kcity_geo.analysis.distance.convolution import convolved
from kcity_geo.coordinates import Places, in_crs
from kcity_geo.cube import cell_centres
from kcity_geo.threads import side_by_side, thread_count

__all__ = [
    "cell_distance_m",
    "disc_sum",
    "distance_m",
    "distance_to_mask_m",
    "nearest_feature",
    "pieces",
]

_FEW = 16
#: Points from which threads share the search.
_MANY = 10_000


def pieces(geometry: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """
    Break geometries into points and straight segments, so that a search tree stays sharp.

    Parameters
    ----------
    geometry : any geometries; polygons give their outline.

    Returns
    -------
    The pieces and the number of the geometry that each comes from.
    """
    parts, owner = shapely.get_parts(np.asarray(geometry, dtype=object), return_index=True)
    keep = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
    parts, owner = parts[keep], owner[keep]
    areal = np.isin(shapely.get_type_id(parts), (3, 6))
    parts = parts.copy()
    parts[areal] = shapely.boundary(parts[areal])
    parts, again = shapely.get_parts(parts, return_index=True)
    owner = owner[again]
    is_point = shapely.get_type_id(parts) == 0
    lines, line_owner = parts[~is_point], owner[~is_point]
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    ends = np.stack([xy[:-1][same], xy[1:][same]], axis=1)
    segments = shapely.linestrings(ends) if len(ends) else np.zeros(0, dtype=object)
    return (
        np.concatenate([parts[is_point], segments]),
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
    small, owner = pieces(geometry)
    distance, found = np.full(len(x), np.inf), np.full(len(x), -1, dtype=np.int64)
    if len(small) == 0 or len(x) == 0:
        return distance, found
    points = np.asarray(shapely.points(x, y), dtype=object)
    place, piece, metres = _query_nearest(shapely.STRtree(small), points, all_matches=True)
    distance[place] = metres
    # Ties by the order of the features, whatever the tree found first.
    best = np.full(len(x), np.iinfo(np.int64).max)
    np.minimum.at(best, place, owner[piece])
    found[:] = best
    areal = np.flatnonzero(np.isin(shapely.get_type_id(geometry), (3, 6)))
    if len(areal):
        inside, which = shapely.STRtree(np.asarray(geometry)[areal]).query(
            points, predicate="intersects"
        )
        distance[inside] = 0.0
        found[inside] = areal[which]
    return distance, found


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
    out = np.full(np.shape(x), np.inf)
    geometry = np.asarray(geometry, dtype=object)
    geometry = geometry[~(shapely.is_missing(geometry) | shapely.is_empty(geometry))]
    if len(geometry) == 0 or out.size == 0:
        return out
    tree = shapely.STRtree(geometry)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    points = np.asarray(shapely.points(x, y), dtype=object)
    place, _, distance = _query_nearest(tree, points, all_matches=False)
    out[place] = distance
    return out


def _query_nearest(
    tree: shapely.STRtree, points: NDArray[np.object_], *, all_matches: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Give point, feature and distance of each match, on threads: shapely lets go of the interpreter."""
    pieces = np.array_split(points, thread_count() if len(points) >= _MANY else 1)

    def query(piece: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return tree.query_nearest(piece, return_distance=True, all_matches=all_matches)

    found = side_by_side([partial(query, piece) for piece in pieces])
    first = np.cumsum([0, *map(len, pieces[:-1])])
    place = [index[0] + start for (index, _), start in zip(found, first, strict=True)]
    feature, metres = [index[1] for index, _ in found], [away for _, away in found]
    return np.concatenate(place), np.concatenate(feature), np.concatenate(metres)
