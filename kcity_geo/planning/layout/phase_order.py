"""Phase order: which block is opened in which phase, growing from the roads of today without gaps."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["phases_of_blocks"]

#: Blocks are neighbours across the widest street and a little more.
_MORE_M = 1.0


def phases_of_blocks(
    blocks: gpd.GeoDataFrame, shares: Sequence[float], entry: shapely.Point, *, widest_m: float
) -> NDArray[np.int64]:
    """
    Open the blocks in phases of given shares of their land, the nearest to the entry first.

    A block is opened only next to an opened one; where land is cut apart, the next part starts with
    its nearest block.

    Parameters
    ----------
    blocks : polygons, with ``area_m2``.
    shares : of the land, by phase; they add to 1.
    entry : where the roads of today reach the site.
    widest_m : width of the widest street.

    Returns
    -------
    Phase of each block, from 1.

    Examples
    --------
    >>> row = [shapely.box(110 * i, 0, 110 * i + 100, 100) for i in range(4)]
    >>> frame = gpd.GeoDataFrame({"area_m2": [1e4] * 4}, geometry=row)
    >>> phases_of_blocks(frame, (0.25, 0.75), shapely.Point(500, 50), widest_m=10.0).tolist()
    [2, 2, 2, 1]
    """
    shapes = blocks.geometry.to_numpy()
    away = np.round(shapely.distance(shapely.centroid(shapes), entry), 3)
    one, other = shapely.STRtree(shapes).query(
        shapes, predicate="dwithin", distance=widest_m + _MORE_M
    )
    beside: list[list[int]] = [[] for _ in shapes]
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        beside[a].append(b)
    order: list[int] = []
    seen = np.zeros(len(shapes), dtype=bool)
    for start in np.argsort(away, kind="stable").tolist():
        waiting = [] if seen[start] else [(float(away[start]), start)]
        seen[start] = True
        while waiting:
            _, here = heapq.heappop(waiting)
            order.append(here)
            for there in beside[here]:
                if not seen[there]:
                    seen[there] = True
                    heapq.heappush(waiting, (float(away[there]), there))
    area = blocks["area_m2"].to_numpy()[order]
    middle = (np.cumsum(area) - area / 2) / max(float(area.sum()), 1e-9)
    phase = np.searchsorted(np.cumsum(shares)[:-1], middle, side="right") + 1
    found = np.empty(len(shapes), dtype=np.int64)
    found[order] = phase
    return found
