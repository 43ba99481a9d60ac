"""Over the ground: the cheapest way of a new line from any cell to the nearest of its targets."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.connections.ground import Ground, ground_of
from kcity_geo.analysis.connections.targets import targets_of
from kcity_geo.analysis.distance.ground import ground_rule
from kcity_geo.analysis.distance.least_cost import CostField, least_cost
from kcity_geo.cube import area_in_cells, bin_points, cell_centres, length_in_cells

__all__ = ["cells_touched", "cost_along", "ground_field", "pulled"]

#: A line is sampled four times a cell.
_SAMPLES = 4


def cells_touched(shapes: NDArray[np.object_], ground: Ground) -> NDArray[np.bool_]:
    """
    Find the cells in which features lie.

    Parameters
    ----------
    shapes : points, lines and polygons, metric CRS.
    ground : of the city.

    Returns
    -------
    Shape (rows, cols) of the raster of the ground.
    """
    # A copy: what a model keeps is read-only, which shapely 2.1 does not take here.
    parts = shapely.get_parts(np.array(shapes, dtype=object))
    kind = shapely.get_type_id(parts)
    found = np.zeros(tuple(ground.grid.shape), dtype=bool)
    lines, areas = parts[np.isin(kind, (1, 2))], parts[kind == 3]  # noqa: PLR2004 - polygons
    if len(lines):
        found |= length_in_cells(lines, grid=ground.grid) > 0
    if len(areas):
        found |= area_in_cells(areas, grid=ground.grid) > 0
    x, y = shapely.get_coordinates(parts[kind == 0]).T
    cell = bin_points(x, y, grid=ground.grid)
    found.ravel()[cell[cell >= 0]] = True
    return found


def ground_field(city: CityModel, kind: str) -> CostField:
    """
    Find the least cost from the targets of a kind of connection to every cell.

    Parameters
    ----------
    city : its model; ``city.once(ground_field, kind)`` searches once for all sites.
    kind : id of `kcity_geo.analysis.connections.targets.connection_kinds`.

    Returns
    -------
    Cost in metres of flat and open ground; infinite where no way leads.
    """
    ground = city.once(ground_of)
    at = cells_touched(city.once(targets_of, kind).shapes, ground)
    # What stands in closed land is reached all the same.
    open_at = np.where(at & ~np.isfinite(ground.factor), ground_rule("built_factor"), ground.factor)
    return least_cost(open_at, at, dx_m=ground.cell_m, dy_m=ground.cell_m)


def cost_along(line: NDArray[np.float64], ground: Ground) -> float:
    """
    Add up what a line costs.

    Parameters
    ----------
    line : shape (points, 2), metres.
    ground : of the city.

    Returns
    -------
    Metres of flat and open ground; infinite where it leads through closed land.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import SOUTH, WEST, make_toy
    >>> ground = ground_of(model_of(make_toy()))
    >>> round(cost_along(np.array([[WEST, SOUTH], [WEST + 300, SOUTH + 400]]), ground))
    500
    """
    steps = np.diff(line, axis=0)
    length = np.hypot(steps[:, 0], steps[:, 1])
    total = 0.0
    for start, step, metres in zip(line[:-1], steps, length, strict=True):
        count = max(int(np.ceil(metres / ground.cell_m * _SAMPLES)), 1)
        share = (np.arange(count) + 0.5) / count
        at = bin_points(start[0] + share * step[0], start[1] + share * step[1], grid=ground.grid)
        factor = np.where(at >= 0, ground.factor.ravel()[np.maximum(at, 0)], 1.0)
        total += float(metres * factor.mean())
    return total


def pulled(line: NDArray[np.float64], ground: Ground) -> NDArray[np.float64]:
    """
    Straighten a way of cells wherever that makes it no dearer.

    Parameters
    ----------
    line : shape (points, 2), metres.
    ground : of the city.

    Returns
    -------
    Some of the points, the first and the last among them.
    """
    if len(line) < 3:  # noqa: PLR2004 - nothing between the ends
        return line
    straight = line[[0, -1]]
    if cost_along(straight, ground) <= cost_along(line, ground) * (1 + 1e-9):
        return straight
    middle = len(line) // 2
    one, two = pulled(line[: middle + 1], ground), pulled(line[middle:], ground)
    return np.concatenate([one, two[1:]])


def cell_points(cells: NDArray[np.int64], ground: Ground) -> NDArray[np.float64]:
    """
    Give the centres of cells.

    Parameters
    ----------
    cells : flat numbers.
    ground : of the city.

    Returns
    -------
    Shape (cells, 2), metres.
    """
    x, y = cell_centres(ground.grid)
    return np.column_stack([x[cells], y[cells]])
