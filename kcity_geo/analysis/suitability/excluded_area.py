"""
Excluded area: how much land each constraint takes, exactly, alone and after the ones before it.

Cells that a constraint touches depend on their size; the land that it covers does not. Shapes are cut by the
boundary of the city and by the cells, and land that an earlier constraint took counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.cube import area_in_cells, cell_size

__all__ = ["Land", "excluded_areas", "united"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Land:
    """
    Land that a constraint excludes.

    Parameters
    ----------
    shapes : polygons, metric CRS of the city; they may overlap. None: none.
    cells : shape (rows, cols), True where a cell is excluded whole. None: none.
    """

    shapes: NDArray[np.object_] | None = None
    cells: NDArray[np.bool_] | None = None


def excluded_areas(lands: Sequence[Land], *, city: CityModel) -> list[tuple[float, float]]:
    """
    Measure the land of several constraints inside the city.

    Parameters
    ----------
    lands : in the order in which they apply.
    city : its model; its boundary and grid count.

    Returns
    -------
    For each: ha alone, and ha that none of the ones before it took. The second ones add up to the area
    that all exclude together.
    """
    inside = city.cube["inside_share"].to_numpy().astype(np.float64)
    cell_m2 = cell_size(city.grid) ** 2
    taken = np.zeros(inside.shape)
    full = np.zeros(inside.shape, dtype=bool)
    before = np.zeros(0, dtype=object)
    found = []
    for land in lands:
        parts = _parts(land.shapes, city)
        alone = np.minimum(area_in_cells(parts, grid=city.grid) / cell_m2, inside)
        new = alone.copy()
        if len(parts) and len(before):
            new -= area_in_cells(_shared(parts, before), grid=city.grid) / cell_m2
        if land.cells is not None:
            alone = np.where(land.cells, inside, alone)
            new = np.where(land.cells, inside - taken, new)
        new = np.where(full, 0.0, np.clip(new, 0.0, inside - taken))
        taken += new
        if land.cells is not None:
            full |= land.cells
        before = united(np.concatenate([before, parts]))
        found.append((float(alone.sum() * cell_m2 / 1e4), float(new.sum() * cell_m2 / 1e4)))
    return found


def _parts(shapes: NDArray[np.object_] | None, city: CityModel) -> NDArray[np.object_]:
    """Unite the shapes and cut them by the boundary: polygons that do not overlap."""
    none = np.zeros(0, dtype=object)
    if shapes is None or len(shapes) == 0:
        return none
    boundary = city.city.boundary_metric
    shapely.prepare(boundary)
    near = shapes[shapely.intersects(boundary, shapes)]
    if len(near) == 0:
        return none
    parts = united(near)
    crossing = ~shapely.contains_properly(boundary, parts)
    cut = shapely.intersection(parts[crossing], boundary)
    return _polygons(np.concatenate([parts[~crossing], cut]))


def united(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """
    Unite polygons, so that land that several cover counts once.

    Parameters
    ----------
    shapes : geometries; they may overlap and be invalid.

    Returns
    -------
    Polygons that do not overlap.

    Examples
    --------
    >>> twice = np.array([shapely.box(0, 0, 2, 1), shapely.box(1, 0, 3, 1)])
    >>> float(shapely.area(united(twice)).sum())
    3.0
    """
    if len(shapes) == 0:
        return shapes
    try:
        whole = shapely.union_all(shapes)
    except shapely.errors.GEOSException:
        whole = shapely.union_all(shapely.make_valid(shapes))
    return _polygons(np.array([whole], dtype=object))


def _polygons(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    parts = shapely.get_parts(shapely.get_parts(shapes))
    return np.asarray(parts[shapely.get_type_id(parts) == 3], dtype=object)  # noqa: PLR2004 - polygons


def _shared(parts: NDArray[np.object_], before: NDArray[np.object_]) -> NDArray[np.object_]:
    """Cut out what two sets of polygons share; neither overlaps itself."""
    mine, theirs = shapely.STRtree(before).query(parts, predicate="intersects")
    return _polygons(shapely.intersection(parts[mine], before[theirs]))
