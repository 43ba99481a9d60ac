"""Edges in squares or boxes: hundreds of thousands of places, each to its nearest line, within a limit or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.threads import side_by_side, thread_count

__all__ = ["Edges", "edges_of", "nearest_of_all"]

#: Squares at most, on the longer side.
_MOST_SQUARES = 1024
#: Squares at most between a place and the limit.
_MOST_RINGS = 16
#: Edges in a box of the tree, about.
_IN_BOX = 6
#: Bits of each coordinate by which edges are put in order.
_BITS = 16


@dataclass(frozen=True, eq=False)
class Edges:
    """
    Straight edges of lines, and those of each square.

    Parameters
    ----------
    xy : shape (n, 4), x, y of both ends.
    owner : shape (n,), number of the line of each.
    frame : left, bottom and side of the squares.
    shape : rows and columns of squares.
    start : shape (squares + 1,), where the edges of each square begin in `member`.
    member : numbers of edges.
    limit_m : how far one looks, metres.
    """

    xy: NDArray[np.float64]
    owner: NDArray[np.int64]
    frame: NDArray[np.float64]
    shape: tuple[int, int]
    start: NDArray[np.int64]
    member: NDArray[np.int32]
    limit_m: float

    def nearest(
        self, places: NDArray[np.float64], *, tie_m: float, apart_m: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """
        Find the nearest line of each place within the limit.

        Parameters
        ----------
        places : shape (p, 2), x and y, metres.
        tie_m : a line that is farther than the nearest by no more than this comes as near.
        apart_m : and counts where it is met farther than this from where the nearest is.

        Returns
        -------
        Number of the line, of equally near ones the lowest, -1 for none; its distance, to the last bit that of
        ``shapely.distance``, inf for none; and whether another line, or the same one once more, may come as near.

        Examples
        --------
        >>> lines = np.array([shapely.LineString([(0, 0), (9, 0)]), shapely.LineString([(0, 8), (9, 8)])])
        >>> places = np.array([[5.0, 3.0], [5.0, 4.0], [5.0, 99.0]])
        >>> found, metres, several = edges_of(lines, limit_m=50).nearest(places, tie_m=0.1, apart_m=1.0)
        >>> found.tolist(), metres.tolist(), several.tolist()
        ([0, 0, -1], [3.0, 4.0, inf], [False, True, False])
        """
        from kcity_geo.analysis.distance.edge_kernels import nearest_edges

        x, y = (np.ascontiguousarray(axis, dtype=np.float64) for axis in places.T)
        found, metres, several = nearest_edges(
            x, y, self.xy, self.owner, self.frame, self.shape, self.start, self.member,
            self.limit_m, tie_m, apart_m,
        )  # fmt: skip
        return found, metres, several


def edges_of(lines: NDArray[np.object_], *, limit_m: float) -> Edges:
    """
    Put the edges of lines into squares.

    Parameters
    ----------
    lines : LineStrings with at least two points, metres.
    limit_m : how far one will look, metres; the boundary counts.

    Returns
    -------
    The edges.

    Examples
    --------
    >>> edges_of(np.array([shapely.LineString([(0, 0), (9, 0), (9, 9)])]), limit_m=50).owner.tolist()
    [0, 0]
    """
    from kcity_geo.analysis.distance.edge_kernels import edges_of_squares

    points, line = shapely.get_coordinates(lines, return_index=True)
    inner = line[1:] == line[:-1]
    xy = np.ascontiguousarray(np.hstack([points[:-1][inner], points[1:][inner]]))
    left, bottom = points.min(axis=0)
    width, height = points.max(axis=0) - (left, bottom)
    side = max(
        float(np.sqrt(width * height / len(xy))),
        float(max(width, height)) / _MOST_SQUARES,
        limit_m / _MOST_RINGS,
        1.0,
    )
    frame = np.array([left, bottom, side])
    shape = int(height / side) + 1, int(width / side) + 1
    start = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
    edges_of_squares(xy, frame, shape, start, np.empty(0, dtype=np.int32))
    start = np.cumsum(start)
    member = np.empty(start[-1], dtype=np.int32)
    edges_of_squares(xy, frame, shape, start, member)
    return Edges(xy, line[:-1][inner].astype(np.int64), frame, shape, start, member, limit_m)


def nearest_of_all(
    xy: NDArray[np.float64], owner: NDArray[np.int64], places: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """
    Find the nearest edge of each place, however far it is.

    Parameters
    ----------
    xy : shape (n, 4), x, y of both ends, metres; a point has both at one place.
    owner : shape (n,), number of what each belongs to.
    places : shape (p, 2), x and y, metres; it is quicker when each lies near the one before.

    Returns
    -------
    Number of what is nearest, of equally near ones the lowest, and its distance, to the last bit that of
    ``shapely.distance``; -1 and inf without edges.

    Examples
    --------
    >>> xy, owner = np.array([[0.0, 0, 9, 0], [0, 8, 0, 8]]), np.array([5, 3])
    >>> found, metres = nearest_of_all(xy, owner, np.array([[5.0, 3.0], [0.0, 4.0], [0.0, 99.0]]))
    >>> found.tolist(), metres.tolist()
    ([5, 3, 3], [3.0, 4.0, 91.0])
    """
    if len(xy) == 0:
        return np.full(len(places), -1), np.full(len(places), np.inf)
    from kcity_geo.analysis.distance.edge_kernels import boxes_of_edges, nearest_in_boxes

    order = _by_halves((xy[:, :2] + xy[:, 2:]) / 2)
    xy, owner = np.ascontiguousarray(xy[order]), owner[order].astype(np.int64)
    leaves = 1 << max(0, int(np.ceil(np.log2(len(xy) / _IN_BOX))))
    boxes = np.empty((2 * leaves, 4))
    boxes_of_edges(xy, boxes)
    jobs = []
    for part in np.array_split(places, thread_count()):
        x, y = (np.ascontiguousarray(axis, dtype=np.float64) for axis in part.T)
        jobs.append(partial(nearest_in_boxes, x, y, xy, owner, boxes))
    found = side_by_side(jobs)
    return np.concatenate([one for one, _ in found]), np.concatenate([away for _, away in found])


def _by_halves(middle: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order places so that any half of a half lies together: the bits of x and y in turns."""
    low = middle.min(axis=0)
    side = max(float((middle.max(axis=0) - low).max()), 1.0)
    steps = ((middle - low) * ((2**_BITS - 1) / side)).astype(np.uint64)
    code = np.zeros(len(middle), dtype=np.uint64)
    for bit in range(_BITS):
        for axis in (0, 1):
            one = (steps[:, axis] >> np.uint64(bit)) & np.uint64(1)
            code |= one << np.uint64(2 * bit + axis)
    return np.argsort(code, kind="stable")
