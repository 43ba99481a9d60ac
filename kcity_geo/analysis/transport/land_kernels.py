"""
Compiled loops over the edges of polygons that overlap: the area that they cover together, cell by cell.

Import this module only inside functions: numba takes a second to load. Compiled code is cached on disk, and lets go
of the interpreter. Knows arrays only; `kcity_geo.analysis.transport.street_land` gives them meaning.

A block is cut into strips at the height of every end and of every crossing of edges. Within a strip no two edges
cross, so that what lies between two of them is a trapezoid, as wide on average as it is halfway up.
"""

# What these functions take of the edges of a block, as seen from its corner:
#   line     shape (n, 6): x, y of the lower end; metres to the right for each metre up; least and most x; direction
#   low, high   shape (n,), where within the block each begins and ends, lowest first
#   side, size   cells of a block in each direction, and metres of a cell

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["Drawn", "covered_m2"]


class Drawn(NamedTuple):
    """
    Rings of polygons, polygon by polygon.

    Parameters
    ----------
    rings : shape (polygons + 1,), where those of each polygon begin.
    first : shape (rings + 1,), where the corners of each ring begin.
    xy : x and y of the corners, metres; the first of a ring stands again at its end.
    wind : shape (rings,), 1 where the polygon lies on the right-hand side of the ring, -1 where on the left.
    """

    rings: Ints
    first: Ints
    xy: Floats
    wind: Ints


@compiled
def _ordered(keys: Floats) -> Ints:
    """Give the order of numbers by merging; as much as numba's own sorting that takes long to compile."""
    count, width = len(keys), 1
    order, merged = np.empty(count, np.int64), np.empty(count, np.int64)
    for k in range(count):
        order[k] = k
    while width < count:
        for start in range(0, count, 2 * width):
            middle, end = min(start + width, count), min(start + 2 * width, count)
            one, two = start, middle
            for k in range(start, end):
                if two >= end or (one < middle and keys[order[one]] <= keys[order[two]]):
                    merged[k] = order[one]
                    one += 1
                else:
                    merged[k] = order[two]
                    two += 1
        order, merged = merged, order
        width *= 2
    return order


@compiled
def _at(line: Floats, edge: int, y: float) -> float:
    """Give where an edge is at some height between its ends, never beside them."""
    x = line[edge, 0] + (y - line[edge, 1]) * line[edge, 2]
    found: float = min(max(x, line[edge, 3]), line[edge, 4])
    return found


@compiled
def _edges_of_block(
    some: Ints,
    drawn: Drawn,
    corner: Floats,
    side_m: float,
    line: Floats,
    ends: Floats,
) -> int:
    """Gather the edges of some polygons that cover anything of a block; empty arrays: count those that may."""
    rings, first, xy, wind = drawn
    count = 0
    for polygon in some:
        for ring in range(rings[polygon], rings[polygon + 1]):
            for k in range(first[ring], first[ring + 1] - 1):
                ax, ay, turn = xy[k, 0] - corner[0], xy[k, 1] - corner[1], wind[ring]
                bx, by = xy[k + 1, 0] - corner[0], xy[k + 1, 1] - corner[1]
                if by < ay:
                    ax, ay, bx, by, turn = bx, by, ax, ay, -turn
                # Level edges bound nothing from the side.
                if by <= ay or by <= 0.0 or ay >= side_m or min(ax, bx) >= side_m:
                    continue
                if len(line):
                    if max(ax, bx) <= 0.0:
                        # How far to the left it is plays no part; upright edges cross no other.
                        ax = bx = 0.0
                    line[count, 0], line[count, 1], line[count, 2] = ax, ay, (bx - ax) / (by - ay)
                    line[count, 3], line[count, 4], line[count, 5] = min(ax, bx), max(ax, bx), turn
                    ends[count, 0], ends[count, 1] = max(ay, 0.0), min(by, side_m)
                count += 1
    return count


@compiled
def _heights(line: Floats, low: Floats, high: Floats, side: int, size: float) -> Floats:
    """Give the heights of all ends, of the sides of cells, and of crossings of edges with another or with a side."""
    edges = len(line)
    found, count = np.empty(4 * edges + side + 1), 0
    for k in range(side + 1):
        found[count] = k * size
        count += 1
    for i in range(edges):
        left, right = line[i, 3], line[i, 4]
        if count + edges + side + 3 >= len(found):
            more = np.empty(2 * (len(found) + edges + side + 3))
            more[:count] = found[:count]
            found = more
        found[count], found[count + 1] = low[i], high[i]
        count += 2
        for k in range(max(int(left / size), 0), min(int(right / size), side) + 1):
            if left < k * size < right:
                found[count] = line[i, 1] + (k * size - line[i, 0]) / line[i, 2]
                count += 1
        for j in range(i + 1, edges):
            if low[j] >= high[i]:
                break
            if line[j, 4] < left or line[j, 3] > right:
                continue
            floor, roof = low[j], min(high[i], high[j])
            before = _at(line, i, floor) - _at(line, j, floor)
            after = _at(line, i, roof) - _at(line, j, roof)
            if before * after < 0.0:
                found[count] = floor + before / (before - after) * (roof - floor)
                count += 1
    return found[:count][_ordered(found[:count])]


@compiled
def _add_strip(
    line: Floats, among: Ints, where: Floats, height_m: float, size: float, area: Floats
) -> None:
    """Add what edges, from left to right, enclose in a strip, to the cells of a row."""
    side, turn = len(area), 0.0
    for k in range(len(among)):
        turn += line[among[k], 5]
        if turn == 0.0:
            continue
        # What lies on the right of a block was left out.
        left = max(where[k], 0.0)
        right = min(where[k + 1], side * size) if k + 1 < len(among) else side * size
        column = int(left / size)
        while column < side and column * size < right:
            wide = min(right, (column + 1) * size) - max(left, column * size)
            area[column] += max(wide, 0.0) * height_m
            column += 1


@compiled
def _covered(line: Floats, low: Floats, high: Floats, side: int, size: float, area: Floats) -> None:
    """Add up the strips of a block, from the lowest to the highest."""
    edges, heights = len(line), _heights(line, low, high, side, size)
    among, where, count, following = np.empty(edges, np.int64), np.empty(edges), 0, 0
    for strip in range(len(heights) - 1):
        floor, roof = heights[strip], heights[strip + 1]
        if not 0.0 <= floor < roof <= side * size:
            continue
        middle, kept = (floor + roof) / 2, 0
        for k in range(count):
            if high[among[k]] > floor:
                among[kept] = among[k]
                kept += 1
        count = kept
        while following < edges and low[following] <= floor:
            if high[following] > floor:
                among[count] = following
                count += 1
            following += 1
        # They lie nearly in order, as in the strip below.
        for k in range(count):
            edge, place = among[k], k
            x = _at(line, edge, middle)
            while place > 0 and where[place - 1] > x:
                among[place], where[place] = among[place - 1], where[place - 1]
                place -= 1
            among[place], where[place] = edge, x
        row = side - 1 - min(int(middle / size), side - 1)
        _add_strip(line, among[:count], where[:count], roof - floor, size, area[row])


@compiled
def covered_m2(
    of: Ints,
    starts: Ints,
    drawn: Drawn,
    corners: Floats,
    side: int,
    size: float,
) -> Floats:
    """
    Measure what polygons cover together in each cell of square blocks.

    Parameters
    ----------
    of, starts : polygons of each block, those of block b from ``starts[b]`` to ``starts[b + 1]``.
    drawn : their rings.
    corners : shape (blocks, 2), left and bottom.
    side : cells of a block in each direction.
    size : of a cell, metres.

    Returns
    -------
    Shape (blocks, side, side), m2, the highest row first.
    """
    result = np.zeros((len(corners), side, side))
    for block in range(len(corners)):
        some, corner = of[starts[block] : starts[block + 1]], corners[block]
        line, ends = np.empty((0, 6)), np.empty((0, 2))
        count = _edges_of_block(some, drawn, corner, side * size, line, ends)
        if count:
            line, ends = np.empty((count, 6)), np.empty((count, 2))
            _edges_of_block(some, drawn, corner, side * size, line, ends)
            order = _ordered(ends[:, 0])
            _covered(line[order], ends[order, 0], ends[order, 1], side, size, result[block])
    return result
