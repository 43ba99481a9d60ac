"""
Compiled loops over an elevation model: pits filled from the edge inwards, and the steepest way down.

Import this module only inside functions: numba takes a second to load. Knows arrays only;
`kcity_geo.analysis.terrain.drainage` gives them meaning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

__all__ = ["fill_pits", "steepest"]

Heights = NDArray[np.float32]
Codes = NDArray[np.uint8]
Keys = NDArray[np.int64]

#: Code of the way back to where the flood came from, by row and column step + 1; 0: it began here.
_BACK = np.array([[2, 4, 8], [1, 0, 16], [128, 64, 32]], dtype=np.uint8)
_DIAGONAL = np.sqrt(2.0)


@compiled
def _risen(heap: Keys, i: int, key: int) -> None:
    """Put a key into the hole `i` of a heap, or as far above it as it belongs."""
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= key:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = key


@compiled
def _pushed(heap: Keys, size: int, key: int) -> Keys:
    """Put a key on the heap, which grows when it is full."""
    if size == len(heap):
        more = np.empty(2 * size, np.int64)
        more[:size] = heap
        heap = more
    _risen(heap, size, key)
    return heap


@compiled
def _taken(heap: Keys, size: int) -> None:
    """Take the first key off a heap of `size`; the caller has read it."""
    size -= 1
    key, i, child = heap[size], 0, 1
    # The hole sinks to the bottom, and the last key rises from there: it mostly belongs there.
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        heap[i] = heap[child]
        i, child = child, 2 * child + 1
    _risen(heap, i, key)


@compiled
def _key(bits: int, edge: int, cell: int) -> int:
    """Give a number that is ordered by height, edge and cell; `bits` are those of the height."""
    order = bits if bits >= 0 else bits ^ 0x7FFFFFFF
    return (order << 32) | (edge << 31) | cell


@compiled
def _at_edge(known: NDArray[np.bool_], row: int, column: int) -> bool:
    """Tell whether a cell lies at the edge of what is known."""
    rows, columns = known.shape
    if row == 0 or column == 0 or row == rows - 1 or column == columns - 1:
        return True
    for r in range(row - 1, row + 2):
        for c in range(column - 1, column + 2):
            if not known[r, c]:
                return True
    return False


@compiled
def fill_pits(ground: Heights) -> tuple[Heights, Codes]:
    """
    Flood the ground from its edge inwards, always from the lowest cell (Wang and Liu 2006).

    Of equally low cells those inside come before those at the edge, and then the first in order: the same fill and
    the same ways as of ``pyflwdir.dem.fill_depressions``, for the order is one of all cells.

    Parameters
    ----------
    ground : elevation with less than 2^31 cells; NaN: no data.

    Returns
    -------
    The ground without pits; and D8 codes of the way back to where the flood came from, 0 where it began, 247
    without data.
    """
    rows, columns = ground.shape
    filled = ground + np.float32(0.0)
    known = ~np.isnan(ground)
    codes = np.full(ground.shape, 247, np.uint8)
    waiting, reached = np.zeros(ground.shape, np.bool_), np.zeros(ground.shape, np.bool_)
    height = np.empty(1, np.float32)
    bits = height.view(np.int32)
    heap, size = np.empty(1024, np.int64), 0
    for r in range(rows):
        for c in range(columns):
            if known[r, c] and _at_edge(known, r, c):
                waiting[r, c] = True
                height[0] = filled[r, c]
                heap = _pushed(heap, size, _key(int(bits[0]), 1, r * columns + c))
                size += 1
    while size > 0:
        key = heap[0]
        _taken(heap, size)
        size -= 1
        cell = key & 0x7FFFFFFF
        row, column = cell // columns, cell % columns
        here = filled[row, column]
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                if not known[r, c] or reached[r, c]:
                    continue
                deep = here - ground[r, c]
                if deep > 0:
                    filled[r, c] = ground[r, c] + deep
                codes[r, c] = _BACK[r - row + 1, c - column + 1]
                if not waiting[r, c]:
                    height[0] = filled[r, c]
                    heap = _pushed(heap, size, _key(int(bits[0]), 0, r * columns + c))
                    size += 1
                waiting[r, c] = reached[r, c] = True
    return filled, codes


@compiled
def steepest(filled: Heights, flood: Codes, steps: NDArray[np.int64]) -> Codes:
    """
    Turn the water of each cell down the steepest of eight ways; over flats it goes the way of the flood.

    Parameters
    ----------
    filled : elevation without pits; NaN: no data.
    flood : D8 codes of the flood that filled it.
    steps : shape (8, 3), row step, column step and code of the neighbours; of equally steep ways the first.

    Returns
    -------
    D8 codes, 247 without data.
    """
    rows, columns = filled.shape
    out = flood.copy()
    for row in range(rows):
        for column in range(columns):
            here = np.float64(filled[row, column])
            if np.isnan(here):
                out[row, column] = 247
                continue
            best = 0.0
            for k in range(8):
                r, c = row + steps[k, 0], column + steps[k, 1]
                if r < 0 or c < 0 or r >= rows or c >= columns:
                    continue
                drop = here - np.float64(filled[r, c])
                if steps[k, 0] != 0 and steps[k, 1] != 0:
                    drop /= _DIAGONAL
                if drop > best + 1e-12:
                    best = drop
                    out[row, column] = steps[k, 2]
    return out
