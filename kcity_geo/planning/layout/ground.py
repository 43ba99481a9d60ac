"""Ground: what a layout must know of the land, and the frame that turns with the site."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.terrain.relief import slope_pct
from kcity_geo.citydata import CityData
from kcity_geo.planning.site import PlanSite

__all__ = [
    "Frame",
    "Ground",
    "Heights",
    "bilinear",
    "ground_of",
    "own_frame",
    "polygons_of",
    "steep_land",
]

#: Metres above the sea at points, shape (n, 2) -> (n,); NaN where nothing is known.
Heights = Callable[[NDArray[np.float64]], NDArray[np.float64]]
#: Roads that reach as close to the outline can be met by streets of the site.
_REACH_M = 30.0
#: Roads that lead to homes and plots only; they are met where there are no others.
_ACCESS = ("service", "residential", "living_street")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """
    The land of a layout.

    Parameters
    ----------
    outline : of the site, metric CRS.
    free : of it, what constraints do not exclude.
    steep : of it, what is too steep to build on; empty when heights are not known.
    heights : of the ground; None: not known.
    road_ends : where roads of today reach the outline, shape (n, 2).
    roads_m : length of the roads of today on the site.
    """

    outline: shapely.Polygon
    free: BaseGeometry
    steep: BaseGeometry = field(default_factory=shapely.Polygon)
    heights: Heights | None = None
    road_ends: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    roads_m: float = 0.0


def polygons_of(shape: BaseGeometry | None) -> list[shapely.Polygon]:
    """
    Give the polygons of any geometry, without lines and points.

    Parameters
    ----------
    shape : any geometry, or None.

    Returns
    -------
    Polygons of positive area.

    Examples
    --------
    >>> len(polygons_of(shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.Point(0, 0)])))
    1
    """
    if shape is None:
        return []
    parts = shapely.get_parts(shapely.get_parts(np.array([shape], dtype=object)))
    return [part for part in parts if isinstance(part, shapely.Polygon) and part.area > 0]


def ground_of(place: PlanSite, data: CityData, *, slope_pct_max: float) -> Ground:
    """
    Collect what is known of the land of a site.

    Parameters
    ----------
    place : of the plan.
    data : of the city; its elevation model and its streets.
    slope_pct_max : steepest land that is built on, percent.

    Returns
    -------
    The ground.
    """
    steep: BaseGeometry = shapely.Polygon()
    heights: Heights | None = None
    if data.dem is not None:
        near = _clip(data.dem, place.outline.bounds)
        if min(near.shape) > 1:
            heights = bilinear(near)
            steep = shapely.intersection(steep_land(near, slope_pct_max), place.free)
    return Ground(
        outline=place.outline,
        free=place.free,
        steep=steep,
        heights=heights,
        road_ends=_road_ends(place.outline, data),
        roads_m=_roads_m(place.outline, data),
    )


def _clip(dem: xr.DataArray, bounds: tuple[float, float, float, float]) -> xr.DataArray:
    cell = abs(float(dem["x"][1] - dem["x"][0]))
    west, south, east, north = bounds
    return dem.sel(
        x=slice(west - 4 * cell, east + 4 * cell), y=slice(north + 4 * cell, south - 4 * cell)
    )


def steep_land(dem: xr.DataArray, limit_pct: float) -> BaseGeometry:
    """
    Give the land that is steeper than a limit.

    Parameters
    ----------
    dem : elevation, square cells in a metric CRS, y descending.
    limit_pct : percent.

    Returns
    -------
    Union of the cells of the model; empty when none is.
    """
    import rasterio.features
    from affine import Affine

    too = slope_pct(dem).to_numpy() > limit_pct
    if not too.any():
        return shapely.Polygon()
    x, y = dem["x"].to_numpy(), dem["y"].to_numpy()
    cell = float(x[1] - x[0])
    where = Affine(cell, 0.0, float(x[0]) - cell / 2, 0.0, -cell, float(y[0]) + cell / 2)
    found = rasterio.features.shapes(too.astype(np.uint8), mask=too, transform=where)
    return shapely.union_all([shapely.geometry.shape(geometry) for geometry, _ in found])


def bilinear(dem: xr.DataArray) -> Heights:
    """
    Give heights at points, interpolated between the cells of an elevation model.

    Parameters
    ----------
    dem : elevation, square cells in a metric CRS, y descending.

    Returns
    -------
    A function from points to heights; NaN outside the model.
    """
    from scipy.interpolate import RegularGridInterpolator

    x, y = dem["x"].to_numpy(), dem["y"].to_numpy()
    values = np.asarray(dem.to_numpy(), dtype=np.float64)[::-1]
    inside = RegularGridInterpolator((y[::-1], x), values, bounds_error=False)

    def heights(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(inside(points[:, ::-1]), dtype=np.float64)

    return heights


def _roads_m(outline: shapely.Polygon, data: CityData) -> float:
    roads = data.layers.get("roads_drive")
    if roads is None or not len(roads):
        return 0.0
    here = roads.geometry.to_numpy()[roads.sindex.query(outline, predicate="intersects")]
    return float(shapely.length(shapely.intersection(here, outline)).sum())


def _road_ends(outline: shapely.Polygon, data: CityData) -> NDArray[np.float64]:
    roads = data.layers.get("roads_drive")
    if roads is None or not len(roads):
        return np.empty((0, 2))
    at = roads.sindex.query(outline, predicate="dwithin", distance=_REACH_M)
    through = ~roads["highway"].iloc[at].isin(_ACCESS).to_numpy()
    near = roads.geometry.to_numpy()[at[through] if through.any() else at]
    if not len(near):
        return np.empty((0, 2))
    met = shapely.intersection(near, outline.buffer(_REACH_M).exterior)
    points = shapely.get_coordinates(shapely.get_parts(met[~shapely.is_empty(met)]))
    points = np.unique(np.round(points, 2), axis=0)
    if not len(points):
        return points
    rim = outline.exterior
    at = shapely.line_locate_point(rim, shapely.points(points))
    return np.unique(shapely.get_coordinates(shapely.line_interpolate_point(rim, at)), axis=0)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """
    Coordinates that turn with the site.

    Parameters
    ----------
    x, y : origin in the metric CRS.
    angle : of the first axis against east, radians.
    """

    x: float
    y: float
    angle: float

    def turned(self, degrees: float) -> Frame:
        """Give the frame turned to the left."""
        return Frame(x=self.x, y=self.y, angle=self.angle + math.radians(degrees))

    def inward(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring points of the metric CRS, shape (n, 2), into the frame."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        east, north = points[:, 0] - self.x, points[:, 1] - self.y
        return np.column_stack([c * east + s * north, c * north - s * east])

    def outward(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring points of the frame back into the metric CRS."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        a, b = points[:, 0], points[:, 1]
        return np.column_stack([self.x + c * a - s * b, self.y + s * a + c * b])


def own_frame(land: BaseGeometry) -> Frame:
    """
    Give the frame of a piece of land: centred on it, along the main direction of its rim.

    The direction is that in which most of the rim runs, counted modulo a right angle; of the four
    axes that it leaves, the first one has the farthest corner to its left, within a right angle. A
    turned piece of land has the frame turned alike.

    Parameters
    ----------
    land : polygon or polygons.

    Returns
    -------
    The frame.

    Examples
    --------
    >>> import math
    >>> round(math.degrees(own_frame(shapely.box(0, 0, 200, 100)).angle) % 90, 6) % 90
    0.0
    """
    centre = land.centroid
    steps = []
    corners = []
    for polygon in polygons_of(land):
        for ring in (polygon.exterior, *polygon.interiors):
            points = shapely.get_coordinates(ring)
            steps.append(np.diff(points, axis=0))
            corners.append(points)
    step = np.vstack(steps)
    length = np.hypot(step[:, 0], step[:, 1])
    four = np.sum(length * np.exp(4j * np.arctan2(step[:, 1], step[:, 0])))
    main = float(np.angle(four)) / 4
    away = np.vstack(corners) - [centre.x, centre.y]
    far = away[int(np.argmax(np.round(np.hypot(away[:, 0], away[:, 1]), 6)))]
    turn = math.atan2(far[1], far[0]) - main
    quarter = math.floor(turn / (math.pi / 2) + 1e-9)
    return Frame(x=centre.x, y=centre.y, angle=main + quarter * math.pi / 2)
