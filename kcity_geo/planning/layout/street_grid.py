"""Street grid: a pattern laid over the land; what of it is street, block and left over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.planning.layout.ground import polygons_of
from kcity_geo.planning.layout.pattern import PERIOD, Pattern

__all__ = ["Box", "Grid", "Laid", "front_m", "lay"]

#: West, south, east, north; NaN: no street on this side.
Box = tuple[float, float, float, float]
_TOUCH_M = 2e-3


@dataclass(frozen=True, kw_only=True)
class Grid:
    """
    Where a pattern lies, in the coordinates of its own axes.

    Parameters
    ----------
    pattern : module, widths.
    x, y : a crossing of two lines of the first class.
    """

    pattern: Pattern
    x: float
    y: float

    def lines(
        self, low: float, high: float, origin: float
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give the places of the lines across an interval, one beyond either end, and their classes."""
        module = self.pattern.module_m
        first = int(np.floor((low - origin) / module))
        last = int(np.ceil((high - origin) / module))
        number = np.arange(first, last + 1)
        places = np.asarray(origin + number * module, dtype=np.float64)
        return places, self.pattern.classes()[number % PERIOD]


@dataclass(frozen=True, kw_only=True, eq=False)
class Laid:
    """
    A grid on the land.

    Parameters
    ----------
    grid : as laid.
    blocks : polygons with a front on a street.
    boxes : of each block, whose sides are streets.
    streets : pieces of the land of streets.
    rest : pieces that are neither, kept green.
    lines : centre lines from crossing to crossing.
    classes : of each line, place in ``CLASSES``.
    street_m2, rest_m2 : areas.
    """

    grid: Grid
    blocks: list[shapely.Polygon]
    boxes: list[Box]
    streets: list[shapely.Polygon]
    rest: list[shapely.Polygon]
    lines: list[shapely.LineString]
    classes: list[int]
    street_m2: float
    rest_m2: float


def front_m(part: shapely.Polygon, box: Box) -> float:
    """
    Measure how much of the rim of a piece lies on the sides of its box.

    Parameters
    ----------
    part : piece of a box.
    box : whose sides are streets.

    Returns
    -------
    Metres.

    Examples
    --------
    >>> front_m(shapely.Polygon([(0, 0), (10, 0), (10, 10)]), (0.0, 0.0, 10.0, 10.0))
    20.0
    """
    points = shapely.get_coordinates(part.exterior)
    length = np.hypot(*np.diff(points, axis=0).T)
    total = 0.0
    for axis, side in ((0, box[0]), (0, box[2]), (1, box[1]), (1, box[3])):
        on = np.abs(points[:, axis] - side) < _TOUCH_M
        total += float(length[on[1:] & on[:-1]].sum())
    return total


def lay(
    grid: Grid,
    land: BaseGeometry,
    *,
    block_least_m2: float,
    front_least_m: float,
    width_least_m: float = 0.0,
) -> Laid:
    """
    Lay a grid over the land.

    The land is divided into the boxes between, on and at the crossings of the strips of streets. A
    street without a block on either side is not built.

    Parameters
    ----------
    grid : pattern and place.
    land : polygon or polygons in the axes of the grid.
    block_least_m2 : smaller pieces are no blocks.
    front_least_m : pieces with less rim on a street are no blocks.
    width_least_m : pieces that are narrower on the average are no blocks.

    Returns
    -------
    Streets, blocks and the rest; they add to the land.
    """
    west, south, east, north = land.bounds
    xs, x_class = grid.lines(west, east, grid.x)
    ys, y_class = grid.lines(south, north, grid.y)
    widths = np.array(grid.pattern.width_m)
    cuts_x = _cuts(xs, widths[x_class])
    cuts_y = _cuts(ys, widths[y_class])
    pieces = _pieces(cuts_x, cuts_y, land)
    blocks, boxes, rest = [], [], []
    serves = np.zeros(pieces.shape, dtype=bool)
    there = ~shapely.is_empty(pieces)
    for i, j in np.argwhere(there[1::2, 1::2]).tolist():
        a, b = 2 * i + 1, 2 * j + 1
        box = (
            cuts_x[a] if there[a - 1, b] else np.nan,
            cuts_y[b] if there[a, b - 1] else np.nan,
            cuts_x[a + 1] if there[a + 1, b] else np.nan,
            cuts_y[b + 1] if there[a, b + 1] else np.nan,
        )
        for part in polygons_of(pieces[a, b]):
            wide = _mean_width(part) >= width_least_m
            if wide and part.area >= block_least_m2 and front_m(part, box) >= front_least_m:
                blocks.append(part)
                boxes.append(box)
                serves[a, b] = True
            else:
                rest.append(part)
    kept = _kept(serves)
    is_street = np.ones(pieces.shape, dtype=bool)
    is_street[1::2, 1::2] = False
    streets = [p for piece in pieces[is_street & kept & there] for p in polygons_of(piece)]
    rest += [p for piece in pieces[is_street & ~kept & there] for p in polygons_of(piece)]
    lines, classes = _centre_lines(kept, (xs, ys), (x_class, y_class), land)
    return Laid(
        grid=grid,
        blocks=blocks,
        boxes=boxes,
        streets=streets,
        rest=rest,
        lines=lines,
        classes=classes,
        street_m2=float(shapely.area(streets).sum()),
        rest_m2=float(shapely.area(rest).sum()),
    )


def _mean_width(part: shapely.Polygon) -> float:
    west, south, east, north = part.bounds
    return float(part.area) / max(east - west, north - south)


def _cuts(at: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the borders of strips and gaps in turn; even pieces are strips."""
    return np.column_stack([at - width / 2, at + width / 2]).ravel()


def _pieces(
    x: NDArray[np.float64], y: NDArray[np.float64], land: BaseGeometry
) -> NDArray[np.object_]:
    boxes = np.asarray(
        shapely.box(x[:-1, None], y[None, :-1], x[1:, None], y[None, 1:]), dtype=object
    )
    shapely.prepare(land)
    whole = shapely.contains_properly(land, boxes)
    met = shapely.intersects(land, boxes) & ~whole
    found = np.full(boxes.shape, shapely.Polygon(), dtype=object)
    found[whole] = boxes[whole]
    found[met] = shapely.intersection(boxes[met], land)
    found[shapely.area(found) <= 0] = shapely.Polygon()
    return found


def _kept(serves: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark street pieces beside a block, and the crossings at their ends."""
    kept = serves.copy()
    for axis in (0, 1):
        beside = np.zeros_like(kept)
        moved = np.moveaxis(beside, axis, 0)
        source = np.moveaxis(kept.copy(), axis, 0)
        moved[1:] |= source[:-1]
        moved[:-1] |= source[1:]
        kept = kept | beside
    return kept


def _centre_lines(
    kept: NDArray[np.bool_],
    at: tuple[NDArray[np.float64], NDArray[np.float64]],
    classes: tuple[NDArray[np.int64], NDArray[np.int64]],
    land: BaseGeometry,
) -> tuple[list[shapely.LineString], list[int]]:
    xs, ys = at
    lines, found = [], []
    for i, j in np.argwhere(kept[0::2, 1::2]).tolist():
        lines.append([(xs[i], ys[j]), (xs[i], ys[j + 1])])
        found.append(int(classes[0][i]))
    for i, j in np.argwhere(kept[1::2, 0::2]).tolist():
        lines.append([(xs[i], ys[j]), (xs[i + 1], ys[j])])
        found.append(int(classes[1][j]))
    if not lines:
        return [], []
    cut = shapely.intersection(shapely.linestrings(np.array(lines)), land)
    parts, index = shapely.get_parts(cut, return_index=True)
    good = (shapely.get_type_id(parts) == 1) & (shapely.length(parts) > 1.0)
    return list(parts[good]), [found[i] for i in index[good].tolist()]
