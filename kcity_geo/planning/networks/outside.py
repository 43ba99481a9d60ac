"""Outside: the way from where a network exists to the site, over the ground of the city."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.connections.ground import Ground, ground_of
from kcity_geo.analysis.distance.least_cost import least_cost, way_to
from kcity_geo.config import read_table

__all__ = ["UTILITIES", "WayOutside", "way_outside"]

#: Networks of a plan, in the order of every table.
UTILITIES = ("road", "water", "sewer", "storm", "power", "fibre")
_STAND_IN = "roads_drive"
_MARGIN_CELLS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class WayOutside:
    """
    The way to a site.

    Parameters
    ----------
    xy : shape (n, 2), from where the network exists to the edge of the site, metres; one row where
        the network is on the site already.
    source : what stands at its beginning, in words.
    known : whether that was mapped; else a street stands for it.
    """

    xy: NDArray[np.float64]
    source: str
    known: bool


def way_outside(city: CityModel, outline: shapely.Polygon, utility: str) -> WayOutside | None:
    """
    Find the cheapest way of a network from what exists to a site.

    Parameters
    ----------
    city : its model.
    outline : of the site, metric CRS.
    utility : one of `UTILITIES`.

    Returns
    -------
    The way over ground that costs as `kcity_geo.analysis.connections.ground.ground_of` says; None when
    neither the network nor a street is mapped.

    Examples
    --------
    >>> from kcity_geo.analysis.city_model import model_of
    >>> from kcity_geo.demo.toy import make_toy, toy_layer
    >>> works = toy_layer([{}], [shapely.Point(250, 1050)])
    >>> city = model_of(make_toy(layers={"water_plant": works}))
    >>> site = shapely.box(501_000, 5_001_000, 502_000, 5_002_000)
    >>> found = way_outside(city, site, "water")
    >>> found.source, found.xy[0].tolist(), found.xy[-1].tolist()
    ('water_plant', [500250.0, 5001050.0], [501000.0, 5001050.0])
    """
    ground = city.once(ground_of)
    for name, known in _beginnings(utility):
        cells = _asset_cells(city, ground, name, utility)
        if cells is not None and cells.any():
            found = _way(ground, cells, outline)
            if found is not None:
                return WayOutside(xy=found, source=name, known=known)
    return None


def _beginnings(utility: str) -> list[tuple[str, bool]]:
    layers = [(str(name), True) for name in read_table("networks")["utility"][utility]["layers"]]
    return layers if utility == "road" else [*layers, (_STAND_IN, False)]


def _asset_cells(
    city: CityModel, ground: Ground, name: str, utility: str
) -> NDArray[np.bool_] | None:
    frame = city.layer(name)
    if frame is None:
        return None
    classes = read_table("networks")["utility"][utility].get("highway")
    if name == _STAND_IN:
        classes = classes or read_table("networks")["utility"]["road"]["highway"]
        frame = frame[frame["highway"].isin(classes).to_numpy(dtype=bool)]
    step = ground.cell_m / 2
    shapes = shapely.segmentize(frame.geometry.to_numpy(), step)
    inner = shapely.point_on_surface(shapes[shapely.get_dimensions(shapes) == 2])  # noqa: PLR2004 - areas
    xy = np.vstack([shapely.get_coordinates(shapes), shapely.get_coordinates(inner)])
    box = ground.grid.boundingbox
    column = np.floor((xy[:, 0] - box.left) / ground.cell_m).astype(np.int64)
    row = np.floor((box.top - xy[:, 1]) / ground.cell_m).astype(np.int64)
    rows, columns = ground.factor.shape
    ok = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    cells = np.zeros(ground.factor.shape, dtype=bool)
    cells[row[ok], column[ok]] = True
    return cells & np.isfinite(ground.factor)


def _way(
    ground: Ground, cells: NDArray[np.bool_], outline: shapely.Polygon
) -> NDArray[np.float64] | None:
    cell, box = ground.cell_m, ground.grid.boundingbox
    x = box.left + (np.arange(ground.factor.shape[1]) + 0.5) * cell
    y = box.top - (np.arange(ground.factor.shape[0]) + 0.5) * cell
    at = np.argwhere(cells)
    spots = shapely.points(x[at[:, 1]], y[at[:, 0]])
    far = shapely.distance(spots, outline)
    # Nothing farther than the nearest one by the dearest of usual ways is looked at.
    reach = 2 * float(far.min()) + _MARGIN_CELLS * cell
    west, south, east, north = outline.buffer(reach).bounds
    columns = np.flatnonzero((x >= west) & (x <= east))
    rows = np.flatnonzero((y >= south) & (y <= north))
    window = np.ix_(rows, columns)
    factor = ground.factor[window]
    # The site itself is open: its own cells are reached, not crossed.
    gx, gy = np.meshgrid(x[columns], y[rows])
    site = shapely.contains_xy(outline.buffer(cell / 2), gx, gy)
    factor = np.where(site & ~np.isfinite(factor), 1.0, factor)
    field = least_cost(factor, cells[window], dx_m=cell, dy_m=cell)
    cost = np.where(site, field.cost, np.inf)
    if not np.isfinite(cost).any():
        return None
    end = int(np.argmin(cost))
    way = way_to(field, end)
    xy = np.c_[gx.ravel()[way], gy.ravel()[way]]
    return _to_the_edge(xy, outline, cell)


def _to_the_edge(
    xy: NDArray[np.float64], outline: shapely.Polygon, cell_m: float
) -> NDArray[np.float64]:
    """Straighten the steps of the cells and end at the edge of the site."""
    if len(xy) > 1:
        xy = shapely.get_coordinates(shapely.simplify(shapely.LineString(xy), cell_m / 2))
    inside = shapely.contains_xy(outline, xy[:, 0], xy[:, 1])
    if inside[0]:
        return xy[:1]
    first = int(np.argmax(inside)) if inside.any() else len(xy)
    out = xy[:first]
    last = xy[first] if first < len(xy) else out[-1]
    if first < len(xy):
        crossing = shapely.intersection(shapely.LineString([out[-1], last]), outline.exterior)
        spot = shapely.get_coordinates(crossing)
        spot = spot[np.argsort(np.hypot(*(spot - out[-1]).T))][:1]
    else:
        near = shapely.shortest_line(shapely.Point(last), outline.exterior)
        spot = shapely.get_coordinates(near)[-1:]
    return np.vstack([out, spot])
