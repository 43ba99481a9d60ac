"""
Delineation: from scored cells to areas of land with an outline.

High-scoring feasible cells are freed of strips, gathered into connected areas, large areas divided,
and the staircase of cell edges smoothed without ever stepping on an excluded cell.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from kcity_geo.cube import cell_polygons

__all__ = ["Growth", "areas", "compactness", "inner_width_m", "outline", "split_area"]

_EIGHT = np.ones((3, 3), dtype=bool)


def compactness(polygon: BaseGeometry) -> float:
    """
    Measure how compact an outline is (Polsby-Popper).

    Parameters
    ----------
    polygon : metres.

    Returns
    -------
    4 pi area / perimeter^2: 1 for a circle, pi / 4 for a square, 0 without area.

    Examples
    --------
    >>> round(compactness(shapely.box(0, 0, 1, 4)), 4)
    0.5027
    """
    return float(4 * np.pi * polygon.area / polygon.length**2) if polygon.length > 0 else 0.0


def inner_width_m(polygon: shapely.Polygon) -> float:
    """
    Measure the diameter of the largest circle that fits into an outline.

    Parameters
    ----------
    polygon : metres.

    Returns
    -------
    Metres, to 1 % of the size of the outline.

    Examples
    --------
    >>> round(inner_width_m(shapely.box(0, 0, 200, 1000)), -1)
    200.0
    """
    if polygon.is_empty:
        return 0.0
    tolerance = max(0.01 * float(np.sqrt(polygon.area)), 0.01)
    return 2 * float(shapely.maximum_inscribed_circle(polygon, tolerance=tolerance).length)


def areas(good: NDArray[np.bool_], *, min_cells: float, opening: bool) -> list[NDArray[np.int64]]:
    """
    Gather good cells into connected areas.

    Parameters
    ----------
    good : shape (rows, cols).
    min_cells : smaller areas are left out.
    opening : first remove what is narrower than three cells.

    Returns
    -------
    Flat cell numbers of each area, in the order of their first cell. Cells that meet at a corner
    belong together; `outline` parts them where only a corner joins them.

    Examples
    --------
    >>> [a.tolist() for a in areas(np.array([[1, 1, 0, 1]], bool), min_cells=2, opening=False)]
    [[0, 1]]
    """
    kept = ndimage.binary_opening(good, structure=_EIGHT) if opening else good
    number, count = ndimage.label(kept, structure=_EIGHT)
    flat = number.ravel()
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(1, count + 2))
    found = [order[a:b] for a, b in pairwise(starts)]
    return [np.sort(f) for f in found if len(f) >= min_cells]


@dataclass(frozen=True, kw_only=True)
class Growth:
    """
    How parts are grown.

    Parameters
    ----------
    target_cells : size of a part.
    min_cells : smaller ones are left out.
    compact : score given up for a cell one radius of the part away from its seed.
    spacing_cells : cells nearer than this to a part belong to no other; 0: parts may touch.
    most : parts grown.
    """

    target_cells: float
    min_cells: float
    compact: float
    spacing_cells: float = 0.0
    most: int = 1_000_000


def split_area(
    cells: NDArray[np.int64], score: NDArray[np.float64], how: Growth
) -> list[NDArray[np.int64]]:
    """
    Divide a large area into compact parts, each grown from the best cell that is left.

    Parameters
    ----------
    cells : flat cell numbers of the area.
    score : shape (rows, cols).
    how : size, shape and distance of the parts.

    Returns
    -------
    Flat cell numbers of each part, best seed first. Parts do not overlap.

    Examples
    --------
    >>> score = np.array([[0.2, 0.2, 0.2, 0.9, 0.9]])
    >>> how = Growth(target_cells=2, min_cells=2, compact=0.3, spacing_cells=1)
    >>> [p.tolist() for p in split_area(np.arange(5), score, how)]
    [[3, 4], [0, 1]]
    """
    left = set(cells.tolist())
    parts: list[NDArray[np.int64]] = []
    # Smoothed, so that a seed lies amid good land and not on one good cell.
    smooth = ndimage.uniform_filter(np.nan_to_num(score), 3, mode="nearest").ravel()
    for seed in sorted(left, key=lambda c: (-smooth[c], c)):
        if seed not in left:
            continue
        part = _grow(seed, left, score, how)
        left.difference_update(part)
        if len(part) < how.min_cells:
            continue
        found = np.sort(np.array(part, dtype=np.int64))
        parts.append(found)
        if len(parts) >= how.most:
            break
        if how.spacing_cells > 0:
            left.difference_update(_around(found, score.shape, how.spacing_cells))
    return parts


def _around(part: NDArray[np.int64], shape: tuple[int, ...], spacing_cells: float) -> list[int]:
    """Cells whose nearest side is less than a distance away from a part."""
    rows, cols = np.divmod(part, shape[1])
    reach = int(np.ceil(spacing_cells)) + 1
    r0, c0 = max(rows.min() - reach, 0), max(cols.min() - reach, 0)
    r1, c1 = min(rows.max() + reach + 1, shape[0]), min(cols.max() + reach + 1, shape[1])
    outside = np.ones((r1 - r0, c1 - c0), dtype=bool)
    outside[rows - r0, cols - c0] = False
    away = ndimage.distance_transform_edt(outside)
    near_r, near_c = np.nonzero(away < spacing_cells + 1)
    return [int(n) for n in (near_r + r0) * shape[1] + near_c + c0]


def _grow(seed: int, left: set[int], score: NDArray[np.float64], how: Growth) -> list[int]:
    value, columns = score.ravel(), score.shape[1]
    radius = np.sqrt(how.target_cells / np.pi)
    row0, column0 = divmod(seed, columns)
    queue = [(0.0, 0.0, seed)]
    seen, part = {seed}, list[int]()
    while queue and len(part) < how.target_cells:
        _, _, cell = heapq.heappop(queue)
        part.append(cell)
        column = cell % columns
        for step, ok in (
            (-columns, True), (columns, True), (-1, column > 0), (1, column < columns - 1),
        ):  # fmt: skip
            near = cell + step
            if not ok or near in seen or near not in left:
                continue
            seen.add(near)
            r, c = divmod(near, columns)
            away = float(np.hypot(r - row0, c - column0) / radius)
            # Of land as good as other land the nearest is taken.
            heapq.heappush(queue, (float(how.compact * away - value[near]), away, near))
    return part


def outline(
    cells: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    *,
    grid: GeoBox,
    max_change: float = 0.03,
) -> list[shapely.Polygon]:
    """
    Draw the outline of an area, its staircase smoothed.

    Parameters
    ----------
    cells : flat cell numbers.
    allowed : shape (rows, cols), land that the outline may use.
    grid : the study grid.
    max_change : largest change of area, share; else less is smoothed.

    Returns
    -------
    Polygons that are joined by more than a corner, largest first. They never overlap a cell that
    is not allowed.
    """
    columns = grid.shape[1]
    size = float(abs(grid.resolution.x))
    # Squares share whole edges: a coverage, which is united far faster than any polygons.
    raw = shapely.coverage_union_all(cell_polygons(grid, cells))
    # Only the ring of cells around the area can be stepped on.
    rows, cols = np.divmod(cells, columns)
    r0, r1 = max(rows.min() - 2, 0), min(rows.max() + 3, grid.shape[0])
    c0, c1 = max(cols.min() - 2, 0), min(cols.max() + 3, columns)
    window = ~allowed[r0:r1, c0:c1]
    wr, wc = np.nonzero(window)
    barred = shapely.coverage_union_all(cell_polygons(grid, (wr + r0) * columns + wc + c0))
    frame = _window_box(grid, r0, r1, c0, c1)
    found = [
        _smooth(part, barred, frame, size=size, max_change=max_change)
        for part in shapely.get_parts(raw)
    ]
    return sorted(found, key=lambda p: (-p.area, p.bounds))


def _window_box(grid: GeoBox, r0: int, r1: int, c0: int, c1: int) -> shapely.Polygon:
    size, box = float(abs(grid.resolution.x)), grid.boundingbox
    west, north = float(box.left), float(box.top)
    window: shapely.Polygon = shapely.box(
        west + c0 * size, north - r1 * size, west + c1 * size, north - r0 * size
    )
    return window


def _smooth(
    part: shapely.Polygon,
    barred: BaseGeometry,
    frame: BaseGeometry,
    *,
    size: float,
    max_change: float,
) -> shapely.Polygon:
    for share in (1.0, 0.75, 0.5, 0.25):
        simple = shapely.simplify(part, share * size, preserve_topology=True)
        kept = shapely.intersection(shapely.difference(simple, barred), frame)
        pieces = [p for p in shapely.get_parts(kept) if isinstance(p, shapely.Polygon)]
        if not pieces:
            continue
        largest = max(pieces, key=lambda p: p.area)
        # Slivers that the cutting leaves are dropped with the rest.
        if largest.is_valid and abs(largest.area - part.area) <= max_change * part.area:
            return largest
    return part
