"""
Compiled loops over straight edges in squares or boxes: which is nearest to a place, and does another come as near?

Import this module only inside functions: numba takes a second to load. Distances are computed step by step as
GEOS does, so that they are the same to the last bit. `kcity_geo.analysis.distance.edges` gives the arrays meaning.
"""

# ruff: noqa: PLR0913, PLR0917 - kernels take arrays, not objects

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

__all__ = ["boxes_of_edges", "edges_of_squares", "nearest_edges", "nearest_in_boxes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]

#: Metres by which an end or a distance may differ from that of GEOS without being overlooked.
_SLACK_M = 1e-3
#: Of the side of a square: what rounding may move.
_LITTLE = 1e-6
#: Of the square of a distance, and m2: what rounding may move, so that no edge as near is passed over.
_ROUNDED, _ROUNDED_M2 = 1e-9, 1e-9


@compiled
def _square_of(value: float, first: float, side: float, count: int) -> int:
    return min(max(math.floor((value - first) / side), 0), count - 1)


@compiled
def edges_of_squares(
    edges: Floats, frame: Floats, shape: tuple[int, int], start: Ints, member: Shorts
) -> None:
    """
    List the edges that touch each square.

    Parameters
    ----------
    edges : shape (n, 4), x, y of both ends.
    frame : left, bottom and side of the squares.
    shape : rows and columns of squares.
    start : shape (squares + 1,); how many edges each has from the second entry on, or with `member` where they
        begin.
    member : filled, one square after the other; empty: the edges are counted.
    """
    rows, columns = shape
    left, bottom, side = frame
    place = start.copy()
    for k in range(len(edges)):
        ax, ay, bx, by = edges[k]
        low, high = (
            _square_of(min(ay, by), bottom, side, rows),
            _square_of(max(ay, by), bottom, side, rows),
        )
        for row in range(low, high + 1):
            one, two = ax, bx
            if low != high:
                # Where the edge enters and leaves this row of squares.
                slope = (bx - ax) / (by - ay)
                floor, roof = bottom + row * side, bottom + (row + 1) * side
                one = ax + slope * (min(max(floor, min(ay, by)), max(ay, by)) - ay)
                two = ax + slope * (min(max(roof, min(ay, by)), max(ay, by)) - ay)
            first = _square_of(min(one, two) - _LITTLE * side, left, side, columns)
            last = _square_of(max(one, two) + _LITTLE * side, left, side, columns)
            for square in range(row * columns + first, row * columns + last + 1):
                if len(member):
                    member[place[square]] = k
                    place[square] += 1
                else:
                    start[square + 1] += 1


@compiled
def _along(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Tell where on an edge a place is nearest: 0 or less at its start, 1 or more at its end."""
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    if square == 0.0:
        return 0.0
    share: float = ((x - ax) * dx + (y - ay) * dy) / square
    return share


@compiled
def _metres(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Measure the distance of a place to an edge, in the steps of GEOS."""
    share = _along(x, y, ax, ay, bx, by)
    if share <= 0.0:
        return math.sqrt((x - ax) * (x - ax) + (y - ay) * (y - ay))
    if share >= 1.0:
        return math.sqrt((x - bx) * (x - bx) + (y - by) * (y - by))
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    return abs(((ay - y) * dx - (ax - x) * dy) / square) * math.sqrt(square)


@compiled
def _end(x: float, y: float, edge: Floats) -> tuple[float, float]:
    share = min(max(_along(x, y, edge[0], edge[1], edge[2], edge[3]), 0.0), 1.0)
    return edge[0] + share * (edge[2] - edge[0]), edge[1] + share * (edge[3] - edge[1])


@compiled
def _first_ring(row: int, column: int, shape: tuple[int, int]) -> int:
    """Give how many squares around a place one must go to meet any."""
    return max(0, -row, row - shape[0] + 1, -column, column - shape[1] + 1)


@compiled
def _nearest(
    x: float,
    y: float,
    edges: Floats,
    owner: Ints,
    frame: Floats,
    shape: tuple[int, int],
    start: Ints,
    member: Shorts,
    limit: float,
) -> tuple[int, float]:
    """Find the nearest edge within the limit, of equally near ones that of the lowest owner; -1: none."""
    rows, columns = shape
    left, bottom, side = frame
    row, column = math.floor((y - bottom) / side), math.floor((x - left) / side)
    found, best = -1, np.inf
    ring = _first_ring(row, column, shape)
    while True:
        for r in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
            # Of the rows between the first and the last of a ring, the two ends alone are new.
            step = 1 if abs(r - row) == ring else max(2 * ring, 1)
            for c in range(column - ring, column + ring + 1, step):
                if c < 0 or c >= columns:
                    continue
                for m in range(start[r * columns + c], start[r * columns + c + 1]):
                    k = member[m]
                    metres = _metres(x, y, edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3])
                    if metres > limit or metres > best:
                        continue
                    if metres < best or owner[k] < owner[found]:
                        found, best = k, metres
        beyond = min(
            x - (left + (column - ring) * side),
            left + (column + ring + 1) * side - x,
            y - (bottom + (row - ring) * side),
            bottom + (row + ring + 1) * side - y,
        )
        beyond -= _LITTLE * side
        if best < beyond or limit < beyond:
            return found, best
        if max(row, column) - ring <= 0 and ring >= max(rows - 1 - row, columns - 1 - column):
            return found, best
        ring += 1


@compiled
def _another(
    x: float,
    y: float,
    edges: Floats,
    frame: Floats,
    shape: tuple[int, int],
    start: Ints,
    member: Shorts,
    nearest: int,
    within: float,
    apart_m: float,
) -> bool:
    """Tell whether an edge may be met about as near as the nearest one, at a place apart from that."""
    rows, columns = shape
    left, bottom, side = frame
    end_x, end_y = _end(x, y, edges[nearest])
    reach = within + _SLACK_M
    for r in range(
        _square_of(y - reach, bottom, side, rows), _square_of(y + reach, bottom, side, rows) + 1
    ):
        for c in range(
            _square_of(x - reach, left, side, columns),
            _square_of(x + reach, left, side, columns) + 1,
        ):
            for m in range(start[r * columns + c], start[r * columns + c + 1]):
                edge = edges[member[m]]
                if _metres(x, y, edge[0], edge[1], edge[2], edge[3]) > reach:
                    continue
                other_x, other_y = _end(x, y, edge)
                if math.hypot(other_x - end_x, other_y - end_y) > apart_m - _SLACK_M:
                    return True
    return False


@compiled
def nearest_edges(
    x: Floats,
    y: Floats,
    edges: Floats,
    owner: Ints,
    frame: Floats,
    shape: tuple[int, int],
    start: Ints,
    member: Shorts,
    limit: float,
    tie_m: float,
    apart_m: float,
) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """
    Find the nearest edge of each place.

    Parameters
    ----------
    x, y : places.
    edges : shape (n, 4), x, y of both ends.
    owner : what each edge belongs to; of equally near ones the lowest counts.
    frame, shape, start, member : squares, as of `edges_of_squares`.
    limit : metres; the boundary counts.
    tie_m : an edge that is farther than the nearest by no more than this comes as near.
    apart_m : and counts where it is met farther than this from where the nearest is.

    Returns
    -------
    Owner of the nearest edge, -1 for none; its distance, inf for none; and whether another may come as near.
    """
    found, metres = np.full(len(x), -1, np.int64), np.full(len(x), np.inf)
    several = np.zeros(len(x), np.bool_)
    for p in range(len(x)):
        k, best = _nearest(x[p], y[p], edges, owner, frame, shape, start, member, limit)
        if k < 0:
            continue
        found[p], metres[p] = owner[k], best
        several[p] = _another(
            x[p], y[p], edges, frame, shape, start, member, k, best + tie_m, apart_m
        )
    return found, metres, several


@compiled
def boxes_of_edges(edges: Floats, boxes: Floats) -> None:
    """
    Fill in the boxes of a tree of halves.

    Parameters
    ----------
    edges : shape (n, 4), x, y of both ends, such that neighbours lie together.
    boxes : shape (2 * leaves, 4), filled with lowest x and y, highest x and y: 1 is the whole, 2 k and 2 k + 1 are
        the halves of k. As many edges as the leaves have room for, evenly, in their order; the last leaves may
        be empty.
    """
    leaves = len(boxes) // 2
    room = -(-len(edges) // leaves)
    for box in range(2 * leaves - 1, 0, -1):
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        if box >= leaves:
            first = (box - leaves) * room
            for k in range(first, min(first + room, len(edges))):
                ax, ay, bx, by = edges[k]
                low_x, high_x = min(low_x, ax, bx), max(high_x, ax, bx)
                low_y, high_y = min(low_y, ay, by), max(high_y, ay, by)
        else:
            one, two = boxes[2 * box], boxes[2 * box + 1]
            low_x, high_x = min(one[0], two[0]), max(one[2], two[2])
            low_y, high_y = min(one[1], two[1]), max(one[3], two[3])
        boxes[box, 0], boxes[box, 1], boxes[box, 2], boxes[box, 3] = low_x, low_y, high_x, high_y


@compiled
def _outside(x: float, y: float, boxes: Floats, box: int) -> float:
    """Measure how far a place lies outside a box, m2; inf when the box holds nothing."""
    dx = max(boxes[box, 0] - x, x - boxes[box, 2], 0.0)
    dy = max(boxes[box, 1] - y, y - boxes[box, 3], 0.0)
    square: float = dx * dx + dy * dy
    return square


@compiled
def nearest_in_boxes(
    x: Floats, y: Floats, edges: Floats, owner: Ints, boxes: Floats
) -> tuple[Ints, Floats]:
    """
    Find the nearest edge of each place, however far it is.

    Parameters
    ----------
    x, y : places; it is quicker when each lies near the one before.
    edges : shape (n, 4), n at least 1, x, y of both ends; a point has both at one place.
    owner : what each edge belongs to; of equally near ones the lowest counts.
    boxes : as of `boxes_of_edges`.

    Returns
    -------
    Owner of the nearest edge, and its distance.
    """
    leaves = len(boxes) // 2
    room = -(-len(edges) // leaves)
    found, metres = np.empty(len(x), np.int64), np.empty(len(x))
    # Of each level one half waits at most.
    waiting, outside = np.empty(64, np.int64), np.empty(64)
    nearest = 0
    for p in range(len(x)):
        here_x, here_y = x[p], y[p]
        edge = edges[nearest]
        best = _metres(here_x, here_y, edge[0], edge[1], edge[2], edge[3])
        enough = best * best * (1.0 + _ROUNDED) + _ROUNDED_M2
        waiting[0], outside[0], count = 1, 0.0, 1
        while count:
            count -= 1
            box = waiting[count]
            if outside[count] > enough:
                continue
            if box < leaves:
                one, two = 2 * box, 2 * box + 1
                near, far = (
                    _outside(here_x, here_y, boxes, one),
                    _outside(here_x, here_y, boxes, two),
                )
                if near > far:
                    one, two, near, far = two, one, far, near
                if far <= enough:
                    waiting[count], outside[count] = two, far
                    count += 1
                if near <= enough:
                    waiting[count], outside[count] = one, near
                    count += 1
                continue
            first = (box - leaves) * room
            for k in range(first, min(first + room, len(edges))):
                away = _metres(here_x, here_y, edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3])
                if away < best or (away == best and owner[k] < owner[nearest]):
                    nearest, best = k, away
                    enough = best * best * (1.0 + _ROUNDED) + _ROUNDED_M2
        found[p], metres[p] = owner[nearest], best
    return found, metres
