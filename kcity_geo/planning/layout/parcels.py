"""Parcels: blocks cut along their own axes until each piece is as large as its use wants, all with a front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.planning.layout.street_grid import Box, front_m

__all__ = ["ParcelRules", "cut", "parcels_of"]

_HALVINGS = 40
_CLOSE = 1e-7


@dataclass(frozen=True, kw_only=True)
class ParcelRules:
    """
    What a parcel must be like.

    Parameters
    ----------
    area_m2 : wanted; parcels have about so much.
    front_least_m : on a street.
    aspect_most : length over width.
    """

    area_m2: float
    front_least_m: float
    aspect_most: float


def parcels_of(block: shapely.Polygon, box: Box, rules: ParcelRules) -> list[shapely.Polygon]:
    """
    Cut a block into parcels.

    A piece is cut across its longer side, else across the other, and stays whole when a cut would leave
    a piece without a front or out of shape: nothing is left over.

    Parameters
    ----------
    block : in the axes of its street grid.
    box : whose sides are streets, NaN where there is none.
    rules : size, front and shape.

    Returns
    -------
    Pieces that add to the block.

    Examples
    --------
    >>> rules = ParcelRules(area_m2=2500.0, front_least_m=12.0, aspect_most=4.0)
    >>> found = parcels_of(shapely.box(0, 0, 100, 100), (0.0, 0.0, 100.0, 100.0), rules)
    >>> [round(part.area) for part in found]
    [2500, 2500, 2500, 2500]
    """
    number = int(np.floor(block.area / rules.area_m2 + 0.5))
    if number < 2:  # noqa: PLR2004 - two halves
        return [block]
    west, south, east, north = block.bounds
    longer = 0 if east - west >= north - south else 1
    for axis in (longer, 1 - longer):
        halves = cut(block, axis, (number // 2) / number)
        good = [half for half in halves if half is not None and _fits(half, box, rules)]
        if len(good) == len(halves):
            return [part for half in good for part in parcels_of(half, box, rules)]
    return [block]


def _fits(part: shapely.Polygon, box: Box, rules: ParcelRules) -> bool:
    if front_m(part, box) < rules.front_least_m:
        return False
    west, south, east, north = part.bounds
    long, short = max(east - west, north - south), min(east - west, north - south)
    return long <= rules.aspect_most * short


def cut(part: shapely.Polygon, axis: int, share: float) -> Sequence[shapely.Polygon | None]:
    """
    Cut a polygon in two across an axis.

    Parameters
    ----------
    part : polygon.
    axis : 0: the cut runs north to south; 1: west to east.
    share : of the area in the first piece.

    Returns
    -------
    Two polygons; None for a side that would not be in one piece.

    Examples
    --------
    >>> [p.area for p in cut(shapely.box(0, 0, 10, 10), 0, 0.25)]
    [25.0, 75.0]
    """
    low, high = part.bounds[axis], part.bounds[axis + 2]
    at = low + share * (high - low)
    for _ in range(_HALVINGS):
        miss = _side(part, axis, at, first=True).area / part.area - share
        if abs(miss) < _CLOSE:
            break
        low, high = (low, at) if miss > 0 else (at, high)
        at = (low + high) / 2
    sides = (_side(part, axis, at, first=True), _side(part, axis, at, first=False))
    return [side if isinstance(side, shapely.Polygon) else None for side in sides]


def _side(part: shapely.Polygon, axis: int, at: float, *, first: bool) -> BaseGeometry:
    box = [b + d for b, d in zip(part.bounds, (-1.0, -1.0, 1.0, 1.0), strict=True)]
    box[axis + 2 if first else axis] = at
    found: BaseGeometry = shapely.clip_by_rect(part, *box)
    return found
