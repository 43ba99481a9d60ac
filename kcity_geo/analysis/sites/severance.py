"""
Severance: motorways, trunk roads and railways cut land into sides that are not one site.

Corridors are taken out of the land, and cells are told apart by the side they lie on. What runs in
a tunnel cuts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from kcity_geo.cube import cell_centres
from kcity_geo.profiles import site_rules

__all__ = ["corridors", "cut", "sides"]

_FOUR = ndimage.generate_binary_structure(2, 1)


def corridors(layers: Mapping[str, gpd.GeoDataFrame]) -> BaseGeometry:
    """
    Draw the corridors that no site crosses.

    Parameters
    ----------
    layers : OSM layer name -> GeoDataFrame, metric CRS.

    Returns
    -------
    Polygons, metres: the lines named by ``[sites.severance]`` of ``tables/suitability/sites.toml``, widened
    by its ``half_width_m``. Empty when none is mapped.
    """
    rule = site_rules()["severance"]
    lines = [
        _open_air(layers.get(name), column, set(rule[column]))
        for name, column in (("roads_drive", "highway"), ("railway", "railway"))
    ]
    together = shapely.union_all(np.concatenate(lines))
    widened: BaseGeometry = shapely.buffer(together, rule["half_width_m"], quad_segs=4)
    return widened


def _open_air(frame: gpd.GeoDataFrame | None, column: str, values: set[str]) -> NDArray[np.object_]:
    if frame is None or column not in frame:
        return np.zeros(0, dtype=object)
    keep = frame[column].isin(values)
    if "tunnel" in frame:
        keep &= ~frame["tunnel"].isin(["yes", "building_passage", "culvert"])
    return np.asarray(frame.geometry.to_numpy()[keep.to_numpy(dtype=bool)], dtype=object)


def sides(
    cells: NDArray[np.int64], corridor: BaseGeometry, *, grid: GeoBox, min_cells: float
) -> list[NDArray[np.int64]]:
    """
    Part an area into the sides of the corridors that run through it.

    Parameters
    ----------
    cells : flat cell numbers of a connected area.
    corridor : of `corridors`.
    grid : the study grid.
    min_cells : smaller sides are left out.

    Returns
    -------
    Flat cell numbers of each side, in the order of their first cell. Cells whose centre lies in a
    corridor belong to none.
    """
    x, y = cell_centres(grid)
    points = np.asarray(shapely.points(x[cells], y[cells]), dtype=object)
    half = abs(float(grid.resolution.x)) / 2
    west, south, east, north = shapely.total_bounds(points)
    land = shapely.box(west - half, south - half, east + half, north + half)
    near = shapely.intersection(corridor, land)
    if near.is_empty:
        return [cells]
    faces = shapely.get_parts(shapely.difference(land, near))
    # A side is asked for its points, and so prepared once.
    face, which = shapely.STRtree(points).query(faces, predicate="contains")
    enough = np.bincount(face, minlength=len(faces)) >= max(min_cells, 1)
    found: list[NDArray[np.int64]] = []
    for one in np.flatnonzero(enough).tolist():
        found += _connected(cells[which[face == one]], grid.shape)
    kept = [np.sort(f) for f in found if len(f) >= min_cells]
    return sorted(kept, key=lambda f: int(f[0]))


def _connected(cells: NDArray[np.int64], shape: tuple[int, int]) -> list[NDArray[np.int64]]:
    mask = np.zeros(shape, dtype=bool)
    mask.ravel()[cells] = True
    number, count = ndimage.label(mask, structure=_FOUR)
    flat = number.ravel()[cells]
    return [cells[flat == i] for i in range(1, count + 1)]


def cut(polygon: shapely.Polygon, corridor: BaseGeometry) -> list[shapely.Polygon]:
    """
    Take the corridors out of an outline.

    Parameters
    ----------
    polygon : metres.
    corridor : of `corridors`.

    Returns
    -------
    What is left, largest first; slivers under 1 % of the outline are dropped.

    Examples
    --------
    >>> road = shapely.LineString([(50, -10), (50, 110)]).buffer(5)
    >>> [round(p.area) for p in cut(shapely.box(0, 0, 100, 100), road)]
    [4500, 4500]
    """
    if not shapely.intersects(polygon, corridor):
        return [polygon]
    rest = shapely.get_parts(shapely.difference(polygon, corridor))
    parts = [p for p in rest if isinstance(p, shapely.Polygon) and p.area >= 0.01 * polygon.area]
    return sorted(parts, key=lambda p: (-p.area, p.bounds))
