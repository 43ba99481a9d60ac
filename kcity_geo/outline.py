"""An outline as edges in strips: hundreds of thousands of pixels and points against a coastline."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import City

__all__ = ["Outline", "outline_of", "outline_of_city"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strips = tuple[Floats, float, float, Ints, Ints]

_POLYGON: Final = 3
#: Strips at most, for points and for areas; an edge that crosses the city stands in each of them.
_POINT_STRIPS: Final = 16_384
_AREA_STRIPS: Final = 1_024
#: Edges of a run, at most, to which distances are measured.
_RUN: Final = 8
#: Squares that are marked where an edge runs, at most on the longer side.
_MOST_SQUARES: Final = 1024


@dataclass(frozen=True, eq=False)
class Outline:
    """
    An outline and its edges.

    Parameters
    ----------
    whole : valid (multi)polygon, prepared, metres; outer rings anticlockwise.
    edges : shape (n, 4), x, y of both ends.
    """

    whole: BaseGeometry
    edges: Floats

    def shares(self, corners: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        """
        Measure which share of each pixel lies inside.

        Parameters
        ----------
        corners : x and y of the corners of pixels, shape (rows + 1, cols + 1), in the CRS of the outline.

        Returns
        -------
        Shape (rows, cols): the share, 1 only where no edge runs, and the area of the whole pixel in m2, 0 where
        nothing of it lies inside. Less than a billionth of a pixel counts as nothing.
        """
        from kcity_geo.outline_kernels import shares_of_pixels

        x, y = (np.ascontiguousarray(axis, dtype=np.float64) for axis in corners)
        share, area = (np.zeros((x.shape[0] - 1, x.shape[1] - 1)) for _ in range(2))
        if not len(self.edges):
            return share, area
        sums, frame = self._squares
        shares_of_pixels(x, y, *self._wide_strips, sums, frame, share, area)
        return share, area

    def contains(self, x: Floats, y: Floats) -> NDArray[np.bool_]:
        """
        Find the points inside; what lies on the outline is not.

        Parameters
        ----------
        x, y : places in the CRS of the outline, of one shape.

        Returns
        -------
        The same as ``shapely.contains_xy`` to the last point.
        """
        from kcity_geo.outline_kernels import points_inside

        side = np.empty(x.size, dtype=np.int8)
        flat_x, flat_y = np.ascontiguousarray(x).ravel(), np.ascontiguousarray(y).ravel()
        points_inside(flat_x, flat_y, *self.strips, side)
        doubt = np.flatnonzero(side < 0)
        side[doubt] = shapely.contains_xy(self.whole, flat_x[doubt], flat_y[doubt])
        return (side > 0).reshape(x.shape)

    def distance(self, x: Floats, y: Floats) -> Floats:
        """
        Measure how far points outside lie from the outline.

        Parameters
        ----------
        x, y : places in the CRS of the outline.

        Returns
        -------
        Metres.
        """
        _, metres = self._tree.query_nearest(
            shapely.points(x, y), all_matches=False, return_distance=True
        )
        return np.asarray(metres, dtype=float)

    @cached_property
    def strips(self) -> Strips:
        """Edges, and those of each upright strip, as `kcity_geo.outline_kernels.points_inside` takes them."""
        return self._in_strips(min(_POINT_STRIPS, 2 * len(self.edges)))

    @cached_property
    def _wide_strips(self) -> Strips:
        return self._in_strips(min(_AREA_STRIPS, len(self.edges)))

    def _in_strips(self, count: int) -> Strips:
        from kcity_geo.outline_kernels import members_of_strips

        west, _, east, _ = self.whole.bounds
        width = (east - west) / count * (1 + 1e-9)
        start = np.zeros(count + 1, dtype=np.int64)
        order = np.argsort(-np.maximum(self.edges[:, 1], self.edges[:, 3]), kind="stable")
        members_of_strips(self.edges, order, west, width, start, np.empty(0, dtype=np.int64))
        start = np.cumsum(start)
        member = np.empty(start[-1], dtype=np.int64)
        members_of_strips(self.edges, order, west, width, start, member)
        return self.edges, west, width, start, member

    @cached_property
    def _tree(self) -> shapely.STRtree:
        """Runs of a few edges: a shape for each would be many."""
        number = np.arange(len(self.edges))
        apart = np.ones(len(self.edges), dtype=bool)
        apart[1:] = (self.edges[1:, :2] != self.edges[:-1, 2:]).any(axis=1)
        begins = apart | (number % _RUN == 0)
        run, last = np.cumsum(begins) - 1, np.append(begins[1:], True)
        xy = np.empty((len(number) + run[-1] + 1, 2))
        xy[number + run] = self.edges[:, :2]
        xy[(number + run)[last] + 1] = self.edges[last, 2:]
        owner = np.empty(len(xy), dtype=np.int64)
        owner[number + run], owner[(number + run)[last] + 1] = run, run[last]
        lines: Any = shapely.linestrings(xy, indices=owner)
        return shapely.STRtree(lines)

    @cached_property
    def _squares(self) -> tuple[NDArray[np.int32], Floats]:
        """Count the squares that hold an edge, from the south-west on; and where the squares lie."""
        from kcity_geo.outline_kernels import touched_squares

        west, south, east, north = self.whole.bounds
        side = (
            max(east - west, north - south) / min(_MOST_SQUARES, 2 * len(self.edges)) * (1 + 1e-9)
        )
        shape = int((north - south) / side) + 1, int((east - west) / side) + 1
        touched = np.zeros(shape, dtype=np.int32)
        touched_squares(self.edges, west, south, side, touched)
        sums = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.int32)
        sums[1:, 1:] = touched.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
        return sums, np.array([west, south, side])


def outline_of_city(city: City) -> Outline:
    """
    Give the boundary of a city as edges, made once for all its rasters.

    Parameters
    ----------
    city : whose boundary counts.

    Returns
    -------
    As `outline_of`, in the metric CRS of the city.
    """
    if "outline" not in city.kept:
        city.kept["outline"] = outline_of(city.boundary_metric)
    found: Outline = city.kept["outline"]
    return found


def outline_of(shape: BaseGeometry) -> Outline:
    """
    Part an outline into its edges and put these into strips.

    Parameters
    ----------
    shape : valid (multi)polygon, metres; of a collection its polygons count.

    Returns
    -------
    The outline.

    Examples
    --------
    >>> outline = outline_of(shapely.box(0, 0, 100, 50))
    >>> corners = np.meshgrid([-60.0, 60.0, 180.0], [0.0, 100.0])
    >>> outline.shares(tuple(corners))[0].tolist()  # 60 x 50 and 40 x 50 of 120 x 100
    [[0.25, 0.16666666666666666]]
    >>> outline.contains(np.array([50.0, 100.0]), np.array([20.0, 20.0])).tolist()
    [True, False]
    """
    whole = shapely.orient_polygons(shape)
    shapely.prepare(whole)
    parts = shapely.get_parts(shapely.get_parts(whole))
    rings = shapely.get_rings(parts[shapely.get_type_id(parts) == _POLYGON])
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.column_stack([xy[:-1], xy[1:]])[ring[:-1] == ring[1:]]
    return Outline(whole, np.ascontiguousarray(ends[(ends[:, :2] != ends[:, 2:]).any(axis=1)]))
