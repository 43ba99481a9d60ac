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
#: Code of no data; and instead of a code: a cell that the flood has not reached, one at the edge at which it begins.
_NOTHING, _DRY, _EDGE = 247, 255, 254


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
def _at_edge(codes: Codes, cell: int, steps: Keys) -> bool:
    """Tell whether nothing is known beside a cell."""
    found = False
    for step in steps:
        found |= codes[cell + step] == _NOTHING
    return found


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
    # A border of nothing around it spares asking for the edge of the array.
    filled = np.pad(ground + np.float32(0.0), 1, constant_values=np.nan)
    codes = np.where(np.isnan(filled), np.uint8(_NOTHING), np.uint8(_DRY))
    wide = filled.shape[1]
    steps = np.add.outer(np.array([-wide, 0, wide]), np.array([-1, 0, 1])).ravel()
    _flood(filled.reshape(-1), codes.reshape(-1), steps, _BACK.ravel())
    return filled[1:-1, 1:-1].copy(), codes[1:-1, 1:-1].copy()


@compiled
def _flood(filled: Heights, codes: Codes, steps: Keys, back: Codes) -> None:
    """
    Flood a ground that nothing is known around.

    Parameters
    ----------
    filled : the ground, flat, which is filled.
    codes : `_DRY` where it is known, else `_NOTHING`; gets those of the ways back.
    steps : to the neighbours of a cell and itself, in their order.
    back : code of the way back for each step.
    """
    height = np.empty(1, np.float32)
    bits = height.view(np.int32)
    heap, size = np.empty(1024, np.int64), 0
    for cell in range(len(codes)):
        if codes[cell] == _DRY and _at_edge(codes, cell, steps):
            codes[cell] = _EDGE
            height[0] = filled[cell]
            heap = _pushed(heap, size, _key(int(bits[0]), 1, cell))
            size += 1
    while size > 0:
        cell = heap[0] & 0x7FFFFFFF
        _taken(heap, size)
        size -= 1
        for k, step in enumerate(steps):
            beside = cell + step
            code = codes[beside]
            if code < _EDGE:
                continue
            codes[beside] = back[k]
            deep = filled[cell] - filled[beside]
            if deep > 0:
                filled[beside] += deep
            if code == _DRY:
                height[0] = filled[beside]
                heap = _pushed(heap, size, _key(int(bits[0]), 0, beside))
                size += 1


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
