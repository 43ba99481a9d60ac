"""An outline in tiles: thousands of small shapes against a coastline, each asked of what is near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import City

__all__ = ["OutlineTiles", "outline_tiles", "tiles_of_city"]

#: Vertices of a tile, at most: GEOS looks at each of them for each shape that is cut.
_MOST_VERTICES: Final = 128
#: From so many vertices on, a part is cut the quick way.
_MANY_VERTICES: Final = 300
#: Halvings, at most: copies of one point would never come apart.
_MOST_HALVINGS: Final = 40


@dataclass(frozen=True, eq=False)
class OutlineTiles:
    """
    An outline and the tiles that it falls into.

    Parameters
    ----------
    whole : (multi)polygon, prepared.
    tree : of its tiles, which do not overlap and together are the whole.
    """

    whole: BaseGeometry
    tree: shapely.STRtree

    def area_within(self, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
        """
        Measure how much of each shape lies within the outline.

        Parameters
        ----------
        shapes : polygons in the CRS of the outline.

        Returns
        -------
        Area of the common part of each, m2.
        """
        shape, tile = self.tree.query(shapes)
        common = shapely.area(shapely.intersection(shapes[shape], self.tree.geometries[tile]))
        return np.bincount(shape, weights=common, minlength=len(shapes)).astype(float)

    def distance(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Measure how far points lie from the outline.

        Parameters
        ----------
        x, y : places in the CRS of the outline.

        Returns
        -------
        Metres, 0 inside.
        """
        _, metres = self.tree.query_nearest(
            shapely.points(x, y), all_matches=False, return_distance=True
        )
        return np.asarray(metres, dtype=float)


def tiles_of_city(city: City) -> OutlineTiles:
    """
    Give the boundary of a city in tiles, made once for all its rasters.

    Parameters
    ----------
    city : whose boundary counts.

    Returns
    -------
    As `outline_tiles`, in the metric CRS of the city.
    """
    if "outline_tiles" not in city.kept:
        city.kept["outline_tiles"] = outline_tiles(city.boundary_metric)
    tiles: OutlineTiles = city.kept["outline_tiles"]
    return tiles


def outline_tiles(outline: BaseGeometry) -> OutlineTiles:
    """
    Halve an outline along its longer side until no tile has many vertices.

    Parameters
    ----------
    outline : valid (multi)polygon, metres.

    Returns
    -------
    The outline, prepared, and its tiles; one tile where it has few vertices.

    Examples
    --------
    >>> ring = shapely.Point(0, 0).buffer(100, quad_segs=200)
    >>> tiles = outline_tiles(ring)
    >>> len(tiles.tree.geometries) > 4, float(tiles.distance([110.0], [0.0])[0])
    (True, 10.0)
    """
    shapely.prepare(outline)
    tiles: list[BaseGeometry] = []
    todo = [(outline, 0)]
    while todo:
        part, depth = todo.pop()
        if shapely.get_num_coordinates(part) <= _MOST_VERTICES or depth == _MOST_HALVINGS:
            tiles.append(part)
            continue
        left, bottom, right, top = part.bounds
        if right - left >= top - bottom:
            middle = (left + right) / 2
            halves = (left, bottom, middle, top), (middle, bottom, right, top)
        else:
            middle = (bottom + top) / 2
            halves = (left, bottom, right, middle), (left, middle, right, top)
        pieces = [_cut(part, half) for half in halves]
        todo += [(piece, depth + 1) for piece in pieces if piece.area > 0]
    return OutlineTiles(outline, shapely.STRtree(tiles))


def _cut(part: BaseGeometry, box: tuple[float, float, float, float]) -> BaseGeometry:
    """Cut by an upright box; what the quick way leaves of a ring that only touches it may be no polygon."""
    if shapely.get_num_coordinates(part) >= _MANY_VERTICES:
        quick = shapely.clip_by_rect(part, *box)
        if quick.geom_type in {"Polygon", "MultiPolygon"} and shapely.is_valid(quick):
            return quick
    return shapely.intersection(part, shapely.box(*box))
