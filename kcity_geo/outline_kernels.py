"""
Compiled loops over the edges of an outline: which points lie inside, how much of each pixel does.

Import this module only inside functions: numba takes a second to load. The edges lie in upright strips, so
that each question looks at those above and below a place and at no other.
`kcity_geo.outline` gives the arrays meaning.
"""

# ruff: noqa: PLR0913, PLR0917, PLR2004 - kernels take arrays, and know the corners of a square

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

__all__ = [
    "cells_of_points",
    "members_of_strips",
    "points_inside",
    "shares_of_pixels",
    "touched_squares",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]

#: Of the sum of the products in a determinant: below it the side of a line is not sure in double precision.
_DOUBT = 1e-14
#: Of a pixel: less is none of it, more is all of it.
_NOTHING = 1e-9


@compiled
def _strip(x: float, left: float, width: float, count: int) -> int:
    return min(max(int((x - left) / width), 0), count - 1)


@compiled
def members_of_strips(
    edges: Floats, order: Ints, left: float, width: float, start: Ints, member: Ints
) -> None:
    """
    List the edges of each strip.

    Parameters
    ----------
    edges : shape (n, 4), x, y of both ends.
    order : in which order the edges of a strip stand.
    left, width : where the first strip begins, and how wide each is.
    start : shape (strips + 1,); how many edges each has from the second entry on, or with `member` where they begin.
    member : filled, one strip after the other; empty: the edges are counted.
    """
    count = len(start) - 1
    place = start.copy()
    for k in order:
        first = _strip(min(edges[k, 0], edges[k, 2]), left, width, count)
        last = _strip(max(edges[k, 0], edges[k, 2]), left, width, count)
        for strip in range(first, last + 1):
            if len(member):
                member[place[strip]] = k
                place[strip] += 1
            else:
                start[strip + 1] += 1


@compiled
def _side(x: float, y: float, edge: Floats) -> int:
    """Say where a point lies: 1 below an edge, 0 not, -1 too near to be sure."""
    x1, y1, x2, y2 = edge
    if (x1 > x) == (x2 > x):
        end = (x == x1 and y == y1) or (x == x2 and y == y2)
        upright = x == x1 and x == x2 and min(y1, y2) <= y <= max(y1, y2)
        return -1 if end or upright else 0
    if y < y1 and y < y2:
        return 1
    one, other = (x1 - x) * (y2 - y), (x2 - x) * (y1 - y)
    if abs(one - other) <= _DOUBT * (abs(one) + abs(other)):
        return -1
    return 1 if (one < other) == (x2 > x1) else 0


@compiled
def _inside(
    x: float, y: float, edges: Floats, left: float, width: float, start: Ints, member: Ints
) -> int:
    """Say whether a point lies inside: 1 or 0; -1 too near the outline to be sure."""
    count = len(start) - 1
    if not left <= x <= left + width * count:
        return 0
    strip, odd = _strip(x, left, width, count), 0
    for place in range(start[strip], start[strip + 1]):
        edge = edges[member[place]]
        if edge[1] < y and edge[3] < y:
            break  # the highest stand first
        side = _side(x, y, edge)
        if side < 0:
            return -1
        odd ^= side
    return odd


@compiled
def points_inside(
    x: Floats, y: Floats, edges: Floats, left: float, width: float, start: Ints, member: Ints,
    out: NDArray[np.int8],
) -> None:  # fmt: skip
    """
    Find the points inside an outline.

    Parameters
    ----------
    x, y : of the points.
    edges, left, width, start, member : of the outline, as `members_of_strips`.
    out : filled: 1 inside, 0 outside, -1 too near the outline to be sure.
    """
    for i in range(len(x)):
        out[i] = _inside(x[i], y[i], edges, left, width, start, member)


@compiled
def cells_of_points(
    x: Floats, y: Floats, pixels: Ints, partial: NDArray[np.bool_], side: int,
    strips: tuple[Floats, float, float, Ints, Ints], grid: tuple[float, float, float, int, int], out: Shorts,
) -> int:  # fmt: skip
    """
    Find the cell of each point that pixels are divided into.

    Parameters
    ----------
    x, y : shape (rows + 1, cols + 1), corners of the pixels.
    pixels, partial : flat number of each, and whether only its points inside the outline count.
    side : points a side.
    strips : edges, left, width, start, member of the outline, as `members_of_strips`.
    grid : left, top, side of a cell, rows and columns.
    out : shape (most, 4), filled: position of the pixel, flat cell, first point and how many follow one another in it,
        row by row of the pixel. Points outside are left out; those too near the outline to be sure stand
        alone, with the cell -2.

    Returns
    -------
    How many rows were filled.
    """
    west, north, size, rows, columns = grid
    edges, left, width, start, member = strips
    legs, runs = np.empty((8, side)), 0
    for k in range(len(pixels)):
        row, column = divmod(pixels[k], x.shape[1] - 1)
        for across in range(side):
            u = (across + 0.5) / side
            for corner in range(4):
                share = u if corner % 2 else 1 - u
                legs[corner, across] = x[row + corner // 2, column + corner % 2] * share
                legs[4 + corner, across] = y[row + corner // 2, column + corner % 2] * share
        before = -1
        for point in range(side * side):
            a, v = legs[:, point % side], (point // side + 0.5) / side
            px = a[0] * (1 - v) + a[1] * (1 - v) + a[2] * v + a[3] * v
            py = a[4] * (1 - v) + a[5] * (1 - v) + a[6] * v + a[7] * v
            c, r = np.floor((px - west) / size), np.floor((north - py) / size)
            cell = -1
            if c >= 0 and c < columns and r >= 0 and r < rows:
                inside = _inside(px, py, edges, left, width, start, member) if partial[k] else 1
                if inside:
                    cell = int(r) * columns + int(c) if inside > 0 else -2
            if cell >= 0 and cell == before:
                out[runs - 1, 3] += 1
            elif cell != -1:
                out[runs] = k, cell, point, 1
                runs += 1
            before = cell
    return runs


@compiled
def touched_squares(edges: Floats, west: float, south: float, side: float, out: Shorts) -> None:
    """
    Mark the squares in the boxes of edges, long edges taken piece by piece.

    Parameters
    ----------
    edges : shape (n, 4), x, y of both ends.
    west, south, side : where the first square begins, and its side.
    out : shape (rows, cols), rows from the south; filled with 1.
    """
    rows, columns = out.shape
    for k in range(len(edges)):
        x1, y1, x2, y2 = edges[k]
        pieces = max(1, int(np.ceil(max(abs(x2 - x1), abs(y2 - y1)) / side)))
        for piece in range(pieces):
            xa, ya = x1 + (x2 - x1) * piece / pieces, y1 + (y2 - y1) * piece / pieces
            xb, yb = x1 + (x2 - x1) * (piece + 1) / pieces, y1 + (y2 - y1) * (piece + 1) / pieces
            # A hair more on each side: the ends of a piece are rounded.
            hair = 1e-6 * side
            c0, c1 = (
                int((min(xa, xb) - west - hair) / side),
                int((max(xa, xb) - west + hair) / side),
            )
            r0, r1 = (
                int((min(ya, yb) - south - hair) / side),
                int((max(ya, yb) - south + hair) / side),
            )
            for row in range(max(r0, 0), min(r1, rows - 1) + 1):
                for column in range(max(c0, 0), min(c1, columns - 1) + 1):
                    out[row, column] = 1


@compiled
def _clipped(corners: Floats, count: int, a: float, b: float, c: float, out: Floats) -> int:
    """Cut a convex shape by the line a x + b y = c and keep the side below c; how many corners are left."""
    kept = 0
    for i in range(count):
        x1, y1 = corners[i]
        x2, y2 = corners[(i + 1) % count]
        d1, d2 = a * x1 + b * y1 - c, a * x2 + b * y2 - c
        if d1 <= 0:
            out[kept] = x1, y1
            kept += 1
        if (d1 < 0 < d2) or (d2 < 0 < d1):
            t = d1 / (d1 - d2)
            out[kept] = x1 + t * (x2 - x1), y1 + t * (y2 - y1)
            kept += 1
    return kept


@compiled
def _area(corners: Floats, count: int) -> float:
    """Area of a shape whose corners lie near 0, 0; never below zero."""
    twice = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        twice += corners[i, 0] * corners[j, 1] - corners[j, 0] * corners[i, 1]
    return abs(twice) / 2


@compiled
def _between(corners: Floats, first: float, last: float) -> float:
    """Area of a convex shape of four corners between two places on the x-axis."""
    total = 0.0
    for i in range(4):
        x1, y1 = corners[i]
        x2, y2 = corners[(i + 1) % 4]
        low, high = max(first, min(x1, x2)), min(last, max(x1, x2))
        if high > low:
            height = y1 + (y2 - y1) / (x2 - x1) * ((low + high) / 2 - x1)
            total += height * (high - low) if x2 < x1 else -height * (high - low)
    return abs(total)


@compiled
def _below(
    corners: Floats, edge: tuple[float, float, float, float], one: Floats, other: Floats
) -> float:
    """Area of a convex shape of four corners between the ends of an edge and below it."""
    x1, y1, x2, y2 = edge
    count = _clipped(corners, 4, -1.0, 0.0, -min(x1, x2), one)
    count = _clipped(one, count, 1.0, 0.0, max(x1, x2), other)
    # y <= y1 + (x - x1) slope
    slope = (y2 - y1) / (x2 - x1)
    count = _clipped(other, count, -slope, 1.0, y1 - x1 * slope, one)
    return _area(one, count) if count > 2 else 0.0


@compiled
def _area_inside(
    corners: Floats, origin: Floats, edges: Floats, left: float, width: float, start: Ints, member: Ints,
    one: Floats, other: Floats,
) -> float:  # fmt: skip
    """
    Area of a convex shape inside the outline: below its edges, plus those that go left, less those that go right.

    The corners are relative to `origin`; `one` and `other` are room for cut shapes.
    """
    count = len(start) - 1
    low_x, high_x, low_y, high_y = _box(corners)
    first = _strip(low_x + origin[0], left, width, count)
    last = _strip(high_x + origin[0], left, width, count)
    total = 0.0
    for strip in range(first, last + 1):
        for place in range(start[strip], start[strip + 1]):
            edge = edges[member[place]]
            x1, y1, x2, y2 = (
                edge[0] - origin[0],
                edge[1] - origin[1],
                edge[2] - origin[0],
                edge[3] - origin[1],
            )
            if y1 < low_y and y2 < low_y:
                break  # the highest stand first
            low, high = max(min(x1, x2), low_x), min(max(x1, x2), high_x)
            if high <= low:
                continue
            if strip > first and strip > _strip(min(edge[0], edge[2]), left, width, count):
                continue  # it stands in the strip before, too
            if y1 >= high_y and y2 >= high_y:
                below = _between(corners, low, high)
            else:
                below = _below(corners, (x1, y1, x2, y2), one, other)
            total += below if x2 < x1 else -below
    return max(total, 0.0)


@compiled
def _box(corners: Floats) -> tuple[float, float, float, float]:
    """West, east, south and north of four corners."""
    low_x = high_x = corners[0, 0]
    low_y = high_y = corners[0, 1]
    for i in range(1, 4):
        low_x, high_x = min(low_x, corners[i, 0]), max(high_x, corners[i, 0])
        low_y, high_y = min(low_y, corners[i, 1]), max(high_y, corners[i, 1])
    return low_x, high_x, low_y, high_y


@compiled
def _is_near(
    low: tuple[float, float], high: tuple[float, float], sums: Shorts, frame: Floats
) -> bool:
    """Say whether an edge is in one of the squares that a box touches."""
    west, south, side = frame
    rows, columns = sums.shape[0] - 1, sums.shape[1] - 1
    c0, r0 = max(int((low[0] - west) / side), 0), max(int((low[1] - south) / side), 0)
    c1 = min(int((high[0] - west) / side), columns - 1) + 1
    r1 = min(int((high[1] - south) / side), rows - 1) + 1
    if c1 <= c0 or r1 <= r0:
        return False
    return bool(sums[r1, c1] - sums[r0, c1] - sums[r1, c0] + sums[r0, c0] > 0)


@compiled
def shares_of_pixels(
    x: Floats, y: Floats, edges: Floats, left: float, width: float, start: Ints, member: Ints,
    sums: Shorts, frame: Floats, share: Floats, area: Floats,
) -> None:  # fmt: skip
    """
    Measure which share of each pixel lies inside an outline.

    Parameters
    ----------
    x, y : shape (rows + 1, cols + 1), corners of the pixels.
    edges, left, width, start, member : of the outline, as `members_of_strips`; its outer rings go anticlockwise.
    sums : shape (squares + 1, squares + 1), how many squares south and west of each corner hold an edge.
    frame : west, south and side of the squares.
    share : filled: 0 apart from the outline, 1 inside without an edge.
    area : filled: m2 of the whole pixel, 0 where its share is.
    """
    corners, origin = np.empty((4, 2)), np.empty(2)
    one, other = np.empty((12, 2)), np.empty((12, 2))
    for row in range(x.shape[0] - 1):
        for column in range(x.shape[1] - 1):
            origin[0], origin[1] = x[row, column], y[row, column]
            for k, (down, right) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0))):
                corners[k, 0] = x[row + down, column + right] - origin[0]
                corners[k, 1] = y[row + down, column + right] - origin[1]
            whole = _area(corners, 4)
            if not (np.isfinite(whole) and whole > 0):
                continue
            box = _box(corners)
            low, high = (
                (box[0] + origin[0], box[2] + origin[1]),
                (box[1] + origin[0], box[3] + origin[1]),
            )
            if _is_near(low, high, sums, frame):
                inside = _area_inside(
                    corners, origin, edges, left, width, start, member, one, other
                )
                found = inside / whole
                found = 1.0 if found > 1 - _NOTHING else (0.0 if found < _NOTHING else found)
            else:
                at = _inside(origin[0], origin[1], edges, left, width, start, member)
                found = 1.0 if at == 1 else 0.0
            share[row, column] = found
            area[row, column] = whole if found > 0 else 0.0
