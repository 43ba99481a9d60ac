"""
Land allocated to streets: the union of the streets drawn at their width, cell by cell.

Where streets cross, or lie side by side, the ground counts once.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.cube import cell_size
from kcity_geo.threads import side_by_side

if TYPE_CHECKING:
    from kcity_geo.analysis.transport.land_kernels import Drawn

__all__ = ["street_land_m2"]

#: Side of the squares that are measured at once, metres: small squares have few edges.
BLOCK_M = 500.0
#: Squares in each direction whose streets are drawn at once.
_TOGETHER = 8
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
    from kcity_geo.analysis.transport.land_kernels import covered_m2

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

    def measured(some: NDArray[np.int64]) -> NDArray[np.float64]:
        mine = np.concatenate([line[starts[i] : starts[i + 1]] for i in some.tolist()])
        streets, of = np.unique(mine, return_inverse=True)
        drawn = _drawn(lines[streets], width_m[streets])
        at = np.append(0, np.cumsum(starts[some + 1] - starts[some]))
        corners = np.column_stack([x0[some], y1[some] - side * size])
        return covered_m2(of.ravel(), at, drawn, corners, side, size)

    new = np.array([i for i in full.tolist() if names[i] not in known], dtype=np.int64)
    # Blocks that lie together share most of their streets, each of which is drawn once for all of them.
    new = new[np.lexsort(tuple((blocks[new] // _TOGETHER).T))]
    place = blocks[new] // _TOGETHER
    ends = np.flatnonzero((place[1:] != place[:-1]).any(axis=1)) + 1
    jobs = [partial(measured, some) for some in np.split(new, ends) if len(some)]
    areas = dict(zip(new.tolist(), np.concatenate(side_by_side(jobs)), strict=True)) if jobs else {}
    known.update({names[i]: area for i, area in areas.items() if names[i]})
    # Blocks may reach past the last row or column.
    whole = np.zeros((-(-rows // side), side, across, side))
    if len(full):
        found = [areas[i] if i in areas else known[names[i]] for i in full.tolist()]
        whole[blocks[full, 0], :, blocks[full, 1], :] = found
    result = whole.reshape(-1, across * side)[:rows, :columns]
    return np.minimum(np.where(wanted, result, 0.0), size**2)


def _drawn(lines: NDArray[np.object_], width_m: NDArray[np.float64]) -> Drawn:
    """Draw lines at their width."""
    from kcity_geo.analysis.transport.land_kernels import Drawn

    streets = shapely.buffer(lines, width_m / 2, quad_segs=QUARTER)
    parts, street = shapely.get_parts(streets, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    outer = np.ones(len(rings), dtype=bool)
    outer[1:] = part[1:] != part[:-1]
    of_street = np.bincount(street[part], minlength=len(lines))
    return Drawn(
        np.append(0, np.cumsum(of_street)),
        np.append(0, np.cumsum(shapely.get_num_coordinates(rings))),
        shapely.get_coordinates(rings),
        np.where(outer == shapely.is_ccw(rings), -1, 1),
    )
