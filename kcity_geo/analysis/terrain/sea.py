"""Sea: the land that the coastline leaves to the water."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from shapely.ops import polygonize

__all__ = ["sea_polygons"]

_SIDE_M = 1.0


_LOOSE_ENDS = 0.2


def sea_polygons(
    coastline: NDArray[np.object_], *, box: tuple[float, float, float, float]
) -> list[BaseGeometry]:
    """
    Find the sea: OpenStreetMap draws coastlines with the water on their right.

    Parameters
    ----------
    coastline : LineStrings, metres.
    box : west, south, east, north of the land looked at, metres.

    Returns
    -------
    Polygons inside the box; none without a coastline that crosses it. Pieces that do not meet the
    edge of the box or each other are left out, as what they enclose is not known.

    Examples
    --------
    >>> coast = np.array([shapely.LineString([(0, 5), (10, 5)])])
    >>> [p.bounds for p in sea_polygons(coast, box=(0, 0, 10, 10))]
    [(0.0, 0.0, 10.0, 5.0)]
    """
    frame = shapely.box(*box)
    if len(coastline) == 0:
        return []
    lines = shapely.get_parts(shapely.intersection(np.asarray(coastline, dtype=object), frame))
    lines = lines[(shapely.get_type_id(lines) == 1) & (shapely.length(lines) > _SIDE_M)]
    if len(lines) == 0:
        return []
    net = shapely.union_all([*lines, frame.exterior])
    faces = np.asarray(list(polygonize(net)), dtype=object)
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    start, end = xy[:-1][same], xy[1:][same]
    run = end - start
    length = np.hypot(run[:, 0], run[:, 1])
    ok = length > 0
    start, run, length = start[ok], run[ok], length[ok]
    middle = start + run / 2
    # Right of the direction of travel, a little off the line.
    right = np.column_stack([run[:, 1], -run[:, 0]]) / length[:, None]
    step = np.minimum(_SIDE_M, length / 4)[:, None]
    on_right, on_left = np.zeros(len(faces)), np.zeros(len(faces))
    tree = shapely.STRtree(faces)
    for side, votes in ((right, on_right), (-right, on_left)):
        points = shapely.points(middle + side * step)
        which, face = tree.query(points, predicate="within")
        np.add.at(votes, face, length[which])
    # A coastline that ends inside a face (the extract ends there) has it on both sides and says
    # nothing: what lies beyond is not known to be sea.
    return list(faces[on_left < _LOOSE_ENDS * on_right])
