"""
Land allocated to streets: the union of the streets drawn at their width, cell by cell.

Where streets cross, or lie side by side, the ground counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.cube import cell_size, pieces_of_polygons
from kcity_geo.threads import thread_count

__all__ = ["street_land_m2"]

#: Side of the squares that are drawn at once, metres: small squares make small unions.
BLOCK_M = 500.0
#: Squares that a thread draws before it takes the next ones.
_AT_ONCE = 64
#: Segments of a quarter circle at the ends of streets and at bends.
QUARTER = 4


def street_land_m2(
    lines: NDArray[np.object_],
    width_m: NDArray[np.float64],
    *,
    grid: GeoBox,
    cells: NDArray[np.bool_] | None = None,
    kept: dict[bytes, NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """
    Measure the land under streets in each cell.

    Parameters
    ----------
    lines : LineStrings in the CRS of the grid.
    width_m : of each line.
    grid : study grid.
    cells : shape (rows, cols), which cells to measure; all when None.
    kept : squares that were measured before, by what lies in them; those measured now are added. None:
        nothing is kept.

    Returns
    -------
    Shape (rows, cols), m2; 0 in cells that are not measured. Never more than the cell.
    """
    rows, columns = grid.shape
    size, (left, _, _, top) = cell_size(grid), tuple(grid.boundingbox)
    result = np.zeros((rows, columns))
    if len(lines) == 0:
        return result
    side = max(1, int(np.floor(BLOCK_M / size)))
    wanted = np.ones((rows, columns), bool) if cells is None else cells
    tree = shapely.STRtree(lines)
    margin = float(width_m.max()) / 2
    r, c = np.nonzero(wanted)
    across = -(-columns // side)
    blocks = np.column_stack(np.divmod(np.unique(r // side * across + c // side), across))
    x0 = left + blocks[:, 1] * side * size
    y1 = top - blocks[:, 0] * side * size
    boxes = shapely.box(
        x0 - margin, y1 - side * size - margin, x0 + side * size + margin, y1 + margin
    )
    block, line = tree.query(boxes)
    order = np.lexsort((line, block))
    block, line = block[order], line[order]
    starts = np.searchsorted(block, np.arange(len(blocks) + 1))
    full = np.flatnonzero(starts[1:] > starts[:-1])
    known = {} if kept is None else kept
    names = [b""] * len(blocks)
    if kept is not None:
        shape = np.array([side, size, margin]).tobytes()
        widths = width_m.astype(np.float64)
        told = [
            a + w.tobytes() for a, w in zip(shapely.to_wkb(lines).tolist(), widths, strict=True)
        ]
        places, of, at = np.column_stack([x0, y1]), line.tolist(), starts.tolist()
        for i in full.tolist():
            mine = [places[i].tobytes(), *(told[k] for k in of[at[i] : at[i + 1]])]
            names[i] = hashlib.blake2b(b"".join(mine), digest_size=16, key=shape).digest()

    def measured(some: Sequence[int]) -> dict[int, NDArray[np.float64]]:
        mine = [line[starts[i] : starts[i + 1]] for i in some]
        drawn = _drawn(
            [lines[one] for one in mine], [width_m[one] for one in mine], boxes[list(some)]
        )
        return dict(zip(some, _cut(drawn, blocks[list(some)], side, grid), strict=True))

    new = [i for i in full.tolist() if names[i] not in known]
    # Shapely lets go of the interpreter, so that threads share the drawing.
    pieces = [new[k : k + _AT_ONCE] for k in range(0, len(new), _AT_ONCE)]
    with ThreadPoolExecutor(thread_count()) as pool:
        areas = {i: area for found in pool.map(measured, pieces) for i, area in found.items()}
    known.update({names[i]: area for i, area in areas.items() if names[i]})
    # Blocks may reach past the last row or column.
    whole = np.zeros((-(-rows // side), side, across, side))
    if len(full):
        found = [areas[i] if i in areas else known[names[i]] for i in full.tolist()]
        whole[blocks[full, 0], :, blocks[full, 1], :] = found
    result = whole.reshape(-1, across * side)[:rows, :columns]
    return np.minimum(np.where(wanted, result, 0.0), size**2)


def _drawn(
    lines: Sequence[NDArray[np.object_]],
    width_m: Sequence[NDArray[np.float64]],
    boxes: NDArray[np.object_],
) -> NDArray[np.object_]:
    """Union of the streets near each block; lines of one width are drawn together."""
    near = [
        shapely.clip_by_rect(one, *box)
        for one, box in zip(lines, shapely.bounds(boxes), strict=True)
    ]
    of = np.repeat(np.arange(len(boxes)), [len(one) for one in lines])
    parts, line = shapely.get_parts(np.concatenate(near), return_index=True)
    of, width = of[line], np.concatenate(width_m)[line]
    order = np.lexsort((width, of))
    parts, of, width = parts[order], of[order], width[order]
    first = np.ones(len(parts), dtype=bool)
    first[1:] = (of[1:] != of[:-1]) | (width[1:] != width[:-1])
    together = shapely.multilinestrings(parts, indices=np.cumsum(first) - 1)
    of = of[first]
    buffers = shapely.buffer(together, width[first] / 2, quad_segs=QUARTER)
    count = np.bincount(of, minlength=len(boxes))
    nth = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
    drawn = np.full((len(boxes), max(1, int(count.max()))), None, dtype=object)
    drawn[of, nth] = buffers
    alone = count == 1
    whole = np.array(drawn[:, 0])
    whole[~alone] = shapely.union_all(drawn[~alone], axis=1)
    return whole


def _cut(
    areas: NDArray[np.object_], blocks: NDArray[np.int64], side: int, grid: GeoBox
) -> NDArray[np.float64]:
    """Area in each cell of each block, of which the row and column are given; beside its block nothing counts."""
    flat, block, area = pieces_of_polygons(areas, grid=grid)
    row, column = (np.divmod(flat, grid.shape[1]) - blocks[block].T * side).astype(np.int64)
    here = (row >= 0) & (row < side) & (column >= 0) & (column < side)
    result = np.zeros((len(areas), side, side))
    np.add.at(result, (block[here], row[here], column[here]), area[here])
    return result
