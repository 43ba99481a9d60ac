"""Phase order: which block is opened in which phase, so that each phase has its share of every use."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

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
    Open the blocks in phases that have a given share of the land of every use, nearest to the entry first.

    A block is opened next to an opened one wherever the shares allow it; land in reserve is not opened.

    Parameters
    ----------
    blocks : polygons, with ``area_m2`` and ``use``.
    shares : of the land, by phase; they add to 1.
    entry : where the roads of today reach the site.
    widest_m : width of the widest street.

    Returns
    -------
    Phase of each block, from 1; 0: in reserve. To the end of each phase, the opened land of a use differs
    from its share by half a block of that use at most.

    Examples
    --------
    >>> row = [shapely.box(110 * i, 0, 110 * i + 100, 100) for i in range(4)]
    >>> frame = gpd.GeoDataFrame({"area_m2": [1e4] * 4, "use": ["parks"] * 3 + ["reserve"]}, geometry=row)
    >>> phases_of_blocks(frame, (1 / 3, 2 / 3), shapely.Point(500, 50), widest_m=10.0).tolist()
    [2, 2, 1, 0]
    """
    shapes, area = blocks.geometry.to_numpy(), blocks["area_m2"].to_numpy()
    away = np.round(shapely.distance(shapely.centroid(shapes), entry), 3)
    one, other = shapely.STRtree(shapes).query(
        shapes, predicate="dwithin", distance=widest_m + _MORE_M
    )
    uses, use = np.unique(blocks["use"].to_numpy().astype(str), return_inverse=True)
    total, opened = np.bincount(use, weights=area), np.zeros(len(uses))
    waiting = uses[use] != RESERVE
    beside = np.zeros(len(shapes), dtype=bool)
    phase = np.zeros(len(shapes), dtype=np.int64)
    for number, share in enumerate(np.cumsum(shares), start=1):
        last = number == len(shares)
        while True:
            # A block whose middle lies within the share belongs to the phase.
            fits = opened[use] + area / 2 <= share * total[use] * (1 + _EQUAL)
            free = np.flatnonzero(waiting & (fits | last))
            if not len(free):
                break
            here = free[np.lexsort((away[free], ~beside[free]))[0]]
            phase[here], waiting[here] = number, False
            opened[use[here]] += area[here]
            beside[other[one == here]] = True
    return phase
