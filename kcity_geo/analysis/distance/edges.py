"""Edges in squares or boxes: hundreds of thousands of places, each to its nearest line, within a limit or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.threads import side_by_side, thread_count

__all__ = ["Edges", "NearestEdges", "edges_of", "nearest_of_all"]

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
    lengths : metres of its line before each edge, and of each line.
    start : shape (squares + 1,), where the edges of each square begin in `member`.
    member : numbers of edges.
    limit_m : how far one looks, metres.
    """

    xy: NDArray[np.float64]
    owner: NDArray[np.int64]
    lengths: tuple[NDArray[np.float64], NDArray[np.float64]]
    frame: NDArray[np.float64]
    shape: tuple[int, int]
    start: NDArray[np.int64]
    member: NDArray[np.int32]
    limit_m: float

    def nearest(self, places: NDArray[np.float64], *, tie_m: float, apart_m: float) -> NearestEdges:
        """
        Find the nearest line of each place within the limit.

        Parameters
        ----------
        places : shape (p, 2), x and y, metres.
        tie_m : a line that is farther than the nearest by no more than this comes as near.
        apart_m : and counts where it is met farther than this from where the nearest is.

        Returns
        -------
        A row a place.

        Examples
        --------
        >>> lines = np.array([shapely.LineString([(0, 0), (9, 0)]), shapely.LineString([(0, 8), (9, 8)])])
        >>> places = np.array([[5.0, 3.0], [5.0, 4.0], [5.0, 99.0]])
        >>> found = edges_of(lines, limit_m=50).nearest(places, tie_m=0.1, apart_m=1.0)
        >>> found.line.tolist(), found.metres.tolist(), found.several.tolist()
        ([0, 0, -1], [3.0, 4.0, inf], [False, True, False])
        """
        from kcity_geo.analysis.distance.edge_kernels import nearest_edges

        x, y = (np.ascontiguousarray(axis, dtype=np.float64) for axis in places.T)
        edge, metres, several = nearest_edges(
            x, y, self.xy, self.frame, self.shape, self.start, self.member,
            self.limit_m, tie_m, apart_m,
        )  # fmt: skip
        return NearestEdges(edge, np.where(edge >= 0, self.owner[edge], -1), metres, several)

    def shares(self, places: NDArray[np.float64], edge: NDArray[np.int64]) -> NDArray[np.float64]:
        """
        Tell where on its line an edge is nearest to a place.

        Parameters
        ----------
        places : shape (p, 2), x and y, metres.
        edge : of each.

        Returns
        -------
        Share of the length of the line, 0 to 1, to the last bit that of ``shapely.line_locate_point`` over the length.

        Examples
        --------
        >>> edges = edges_of(np.array([shapely.LineString([(0, 0), (6, 0), (6, 2)])]), limit_m=50)
        >>> edges.shares(np.array([[2.0, 3.0], [7.0, 2.0]]), np.array([0, 1])).tolist()
        [0.25, 1.0]
        """
        before, total = self.lengths
        a, b = self.xy[edge, :2], self.xy[edge, 2:]
        step, off = b - a, places - a
        square = step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1]
        along = off[:, 0] * step[:, 0] + off[:, 1] * step[:, 1]
        part = np.clip(along / np.where(square > 0, square, 1.0), 0.0, 1.0)
        metres = before[edge] + part * np.sqrt(square)
        return np.clip(metres / total[self.owner[edge]], 0.0, 1.0)

    def ties(
        self,
        places: NDArray[np.float64],
        found: NearestEdges,
        *,
        tie_m: float,
        apart_m: float,
        most: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """
        Choose the lines that come as near to places as the nearest, where they are met at other points.

        Parameters
        ----------
        places : shape (p, 2), x and y, metres; each has an edge near.
        found : of `nearest`, a row a place.
        tie_m, apart_m : as for `nearest`; each is met apart from all before it.
        most : lines at most.

        Returns
        -------
        Their numbers, ascending, shape (p, most), -1 for none; and the share of each at which it is met.

        Examples
        --------
        >>> lines = np.array([shapely.LineString([(0, 0), (9, 0)]), shapely.LineString([(0, 8), (9, 8)])])
        >>> edges, places = edges_of(lines, limit_m=50), np.array([[4.5, 4.0]])
        >>> found = edges.nearest(places, tie_m=0.1, apart_m=1.0)
        >>> edges.ties(places, found, tie_m=0.1, apart_m=1.0, most=2)
        (array([[ 1, -1]]), array([[0.5, 0. ]]))
        """
        from kcity_geo.analysis.distance.edge_kernels import tied_edges

        x, y = (np.ascontiguousarray(axis, dtype=np.float64) for axis in places.T)
        lines, shares = tied_edges(
            x, y, found.edge, found.metres + tie_m, self.xy, self.owner, self.lengths, self.frame,
            self.shape, self.start, self.member, apart_m, most,
        )  # fmt: skip
        return lines, shares


class NearestEdges(NamedTuple):
    """
    What is nearest to places, a row each.

    Parameters
    ----------
    edge : of equally near ones the first; -1 for none.
    line : number of its line, of equally near ones the lowest; -1 for none.
    metres : its distance, to the last bit that of ``shapely.distance``; inf for none.
    several : whether another line, or the same one once more, may come as near.
    """

    edge: NDArray[np.int64]
    line: NDArray[np.int64]
    metres: NDArray[np.float64]
    several: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> NearestEdges:
        """
        Give some of the places.

        Parameters
        ----------
        rows : numbers.

        Returns
        -------
        Those places.
        """
        return NearestEdges(self.edge[rows], self.line[rows], self.metres[rows], self.several[rows])


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
    from kcity_geo.analysis.distance.edge_kernels import along_lines, edges_of_squares

    points, line = shapely.get_coordinates(lines, return_index=True)
    first = np.flatnonzero(line[1:] == line[:-1])
    xy = np.empty((len(first), 4))
    xy[:, :2], xy[:, 2:] = points[first], points[first + 1]
    left, bottom, right, top = shapely.total_bounds(lines)
    width, height = right - left, top - bottom
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
    owner = line[first].astype(np.int64)
    lengths = np.empty(len(xy)), np.zeros(len(lines))
    along_lines(xy, owner, *lengths)
    lengths[1][lengths[1] == 0] = 1.0  # of a line that is a point, all shares are 0
    return Edges(xy, owner, lengths, frame, shape, start, member, limit_m)


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
    steps = ((middle - low) * ((2**_BITS - 1) / side)).astype(np.uint32)
    # Bits move apart in halves: 16 of them by 8, their halves by 4, and so on.
    for shift, kept in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        steps = (steps | steps << np.uint32(shift)) & np.uint32(kept)
    code = steps[:, 0] | steps[:, 1] << np.uint32(1)
    return np.argsort(code, kind="stable")
