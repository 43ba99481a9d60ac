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

__all__ = [
    "along_lines",
    "boxes_of_edges",
    "edges_of_squares",
    "nearest_edges",
    "nearest_in_boxes",
    "tied_edges",
]

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
def along_lines(edges: Floats, owner: Ints, before: Floats, total: Floats) -> None:
    """
    Measure how much of its line lies before each edge, and how long each line is, summed as GEOS does.

    Parameters
    ----------
    edges : shape (n, 4), x, y of both ends, those of a line one after the other.
    owner : number of the line of each.
    before : shape (n,), filled, metres.
    total : shape (lines,), zeros, filled, metres.
    """
    for k in range(len(edges)):
        dx, dy = edges[k, 2] - edges[k, 0], edges[k, 3] - edges[k, 1]
        before[k] = total[owner[k]]
        total[owner[k]] += math.sqrt(dx * dx + dy * dy)


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
    frame: Floats,
    shape: tuple[int, int],
    start: Ints,
    member: Shorts,
    limit: float,
) -> tuple[int, float]:
    """Find the nearest edge within the limit, of equally near ones the lowest; -1: none."""
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
                    if metres < best or k < found:
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
    edges : shape (n, 4), x, y of both ends; of equally near ones the first counts.
    frame, shape, start, member : squares, as of `edges_of_squares`.
    limit : metres; the boundary counts.
    tie_m : an edge that is farther than the nearest by no more than this comes as near.
    apart_m : and counts where it is met farther than this from where the nearest is.

    Returns
    -------
    Nearest edge, -1 for none; its distance, inf for none; and whether another may come as near.
    """
    found, metres = np.full(len(x), -1, np.int64), np.full(len(x), np.inf)
    several = np.zeros(len(x), np.bool_)
    for p in range(len(x)):
        k, best = _nearest(x[p], y[p], edges, frame, shape, start, member, limit)
        if k < 0:
            continue
        found[p], metres[p] = k, best
        several[p] = _another(
            x[p], y[p], edges, frame, shape, start, member, k, best + tie_m, apart_m
        )
    return found, metres, several


@compiled
def _all_within(
    x: float,
    y: float,
    edges: Floats,
    owner: Ints,
    lengths: tuple[Floats, Floats],
    frame: Floats,
    shape: tuple[int, int],
    start: Ints,
    member: Shorts,
    within: float,
) -> tuple[Ints, Floats]:
    """List the edges that are near, and at which share of its line each is met, in the order of lines and shares."""
    rows, columns = shape
    left, bottom, side = frame
    before, total = lengths
    near, share, count = np.empty(16, np.int64), np.empty(16), 0
    reach = within + _SLACK_M
    for r in range(
        _square_of(y - reach, bottom, side, rows), _square_of(y + reach, bottom, side, rows) + 1
    ):
        for c in range(
            _square_of(x - reach, left, side, columns),
            _square_of(x + reach, left, side, columns) + 1,
        ):
            for m in range(start[r * columns + c], start[r * columns + c + 1]):
                k = member[m]
                ax, ay, bx, by = edges[k]
                if _metres(x, y, ax, ay, bx, by) > within:
                    continue
                end_x, end_y = _end(x, y, edges[k])
                if math.hypot(end_x - x, end_y - y) > within:
                    continue
                if count == len(near):
                    near, share = np.append(near, near), np.append(share, share)
                length = math.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay))
                at = before[k] + min(max(_along(x, y, ax, ay, bx, by), 0.0), 1.0) * length
                at = min(max(at / total[owner[k]], 0.0), 1.0)
                place = count
                while place > 0 and (
                    owner[k] < owner[near[place - 1]]
                    or (owner[k] == owner[near[place - 1]] and at < share[place - 1])
                ):
                    near[place], share[place] = near[place - 1], share[place - 1]
                    place -= 1
                near[place], share[place] = k, at
                count += 1
    return near[:count], share[:count]


@compiled
def tied_edges(
    x: Floats,
    y: Floats,
    nearest: Ints,
    within: Floats,
    edges: Floats,
    owner: Ints,
    lengths: tuple[Floats, Floats],
    frame: Floats,
    shape: tuple[int, int],
    start: Ints,
    member: Shorts,
    apart_m: float,
    most: int,
) -> tuple[Ints, Floats]:
    """
    Choose the lines that come as near to places as the nearest, where they are met at other points.

    Parameters
    ----------
    x, y : places.
    nearest : edge nearest to each.
    within : how far from each a line may be, metres.
    edges : shape (n, 4), x, y of both ends.
    owner : number of the line of each, ascending.
    lengths : metres of its line before each edge, and of each line, as of `along_lines`.
    frame, shape, start, member : squares, as of `edges_of_squares`.
    apart_m : a line counts where it is met farther than this from where every one chosen before it is.
    most : lines at most.

    Returns
    -------
    Numbers of the lines in their order, shape (places, most), -1 for none; and the share of each at which it is met.
    """
    lines, shares = np.full((len(x), most), -1, np.int64), np.zeros((len(x), most))
    met = np.empty((most + 1, 2))
    for p in range(len(x)):
        near, at = _all_within(
            x[p], y[p], edges, owner, lengths, frame, shape, start, member, within[p]
        )
        met[0] = _end(x[p], y[p], edges[nearest[p]])
        count = 0
        for i in range(len(near)):
            if count == most:
                break
            end_x, end_y = _end(x[p], y[p], edges[near[i]])
            apart = True
            for before in range(count + 1):
                if math.hypot(end_x - met[before, 0], end_y - met[before, 1]) <= apart_m:
                    apart = False
                    break
            if apart:
                lines[p, count], shares[p, count] = owner[near[i]], at[i]
                count += 1
                met[count, 0], met[count, 1] = end_x, end_y
    return lines, shares


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
