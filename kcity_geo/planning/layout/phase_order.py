"""Phase order: which block is opened in which phase, next to what is open, with a share of every use."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

__all__ = ["RESERVE", "phases_of_blocks"]

#: Blocks are neighbours across the widest street and a little more.
_MORE_M = 1.0
_EQUAL = 1e-9
#: Use of land that no phase opens.
RESERVE = "reserve"


def phases_of_blocks(
    blocks: gpd.GeoDataFrame, shares: Sequence[float], entry: shapely.Point, *, widest_m: float
) -> NDArray[np.int64]:
    """
    Open the blocks in phases, each next to opened ones, so that every use has about its share of each.

    The first block is the one nearest to the entry. Of the blocks next to opened ones the nearest to the entry
    is taken whose use has not had its share yet; where there is none, the way to the nearest such block is
    opened. Land in reserve is not opened. A part of the site that no block joins to the rest is begun when
    nothing else is left beside opened land.

    Parameters
    ----------
    blocks : polygons, with ``area_m2`` and ``use``.
    shares : of the land, by phase; they add to 1.
    entry : where the roads of today reach the site.
    widest_m : width of the widest street.

    Returns
    -------
    Phase of each block, from 1; 0: in reserve. To the end of each phase, the opened land differs from its
    share by half a block at most; that of single uses may differ more, since what is opened hangs together.

    Examples
    --------
    >>> row = [shapely.box(110 * i, 0, 110 * i + 100, 100) for i in range(4)]
    >>> frame = gpd.GeoDataFrame({"area_m2": [1e4] * 4, "use": ["parks"] * 3 + ["reserve"]}, geometry=row)
    >>> phases_of_blocks(frame, (1 / 3, 2 / 3), shapely.Point(500, 50), widest_m=10.0).tolist()
    [2, 2, 1, 0]
    """
    land = _Land(blocks, entry, widest_m)
    for number, share in enumerate(np.cumsum(shares), start=1):
        land.open(number, float(share), last=number == len(shares))
    return land.phase


class _Land:
    """The blocks of a site while they are opened."""

    def __init__(self, blocks: gpd.GeoDataFrame, entry: shapely.Point, widest_m: float) -> None:
        shapes = blocks.geometry.to_numpy()
        self.area = blocks["area_m2"].to_numpy(dtype=np.float64)
        self.away = np.round(shapely.distance(shapely.centroid(shapes), entry), 3)
        self.one, self.other = shapely.STRtree(shapes).query(
            shapes, predicate="dwithin", distance=widest_m + _MORE_M
        )
        uses, self.use = np.unique(blocks["use"].to_numpy().astype(str), return_inverse=True)
        self.waiting = uses[self.use] != RESERVE
        self.total = np.bincount(self.use, weights=self.area * self.waiting, minlength=len(uses))
        self.opened = np.zeros(len(uses))
        self.beside = np.zeros(len(shapes), dtype=bool)
        self.phase = np.zeros(len(shapes), dtype=np.int64)

    def open(self, number: int, share: float, *, last: bool) -> None:
        """Open blocks until the opened land has its share."""
        goal = share * self.total.sum() * (1 + _EQUAL)
        while self.waiting.any():
            at = self._next(share)
            # A block whose middle lies within the share belongs to the phase.
            if not last and self.opened.sum() + self.area[at] / 2 > goal:
                return
            self.phase[at], self.waiting[at] = number, False
            self.opened[self.use[at]] += self.area[at]
            self.beside[self.other[self.one == at]] = True

    def _next(self, share: float) -> int:
        front = self.waiting & self.beside
        if not front.any():
            front = self.waiting
        due = self.waiting & (
            self.opened[self.use] + self.area / 2 <= share * self.total[self.use] * (1 + _EQUAL)
        )
        if not (front & due).any() and due.any():
            front = self._towards(front, due)
        free = np.flatnonzero(front & due if (front & due).any() else front)
        return int(free[np.argmin(self.away[free])])

    def _towards(self, front: NDArray[np.bool_], due: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the blocks next to opened land, those from which a due one is reached with the least land opened."""
        inner = self.waiting[self.one] & self.waiting[self.other] & (self.one != self.other)
        one, other = self.one[inner], self.other[inner]
        size = len(self.area)
        graph = csr_array((self.area[other], (one, other)), shape=(size, size))
        # A step costs the land of the block that is stepped on: from the due block back to opened land.
        far = dijkstra(graph, indices=np.flatnonzero(due), min_only=True)
        least = np.where(front, np.round(far, 3), np.inf)
        if not np.isfinite(least).any():
            return front
        nearest: NDArray[np.bool_] = front & (least <= least[front].min())
        return nearest
