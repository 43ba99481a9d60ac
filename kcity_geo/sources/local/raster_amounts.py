"""
Amounts of a raster (people, built surface) onto the study grid: what lies inside the boundary is conserved.

Every pixel is divided into points, and each point goes to the cell it falls in, or is dropped outside the
boundary. Where the points land depends on pixels, boundary and grid alone: a second raster with the pixels of the
first finds them there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.coordinates import between
from kcity_geo.cube import bin_points, cell_size
from kcity_geo.outline import Outline, outline_of_city
from kcity_geo.runs import place_in_run
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.sources.local.raster_windows import RasterWindow

__all__ = ["amounts_on_grid"]

# Points a side of a pixel, at least: with 10, less than 1 % of the people of pixels that a cell edge
# cuts land in the cell next door (with 4 it was 2 %).
_POINTS: Final = 10
_EDGE_POINTS: Final = 24
_MAX_POINTS: Final = 4_000_000
# Pixels whose corners are in memory at a time.
_BAND_PIXELS: Final = 1_000_000
#: Points that are kept for the next raster, at most (8 bytes each).
_KEPT_POINTS: Final = 8_000_000
#: What `kcity_geo.outline_kernels.cells_of_points` says of a point too near the outline.
_DOUBT: Final = -2
#: Of the points of a sliver, every so many a side are measured first.
_COARSE: Final = 4

_Corners = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class _Landed:
    """
    Where the points of some pixels land, those that follow one another in a cell together.

    ``pixel``, ``cell`` and how many points (``count``); ``hits``: points of each pixel. With districts also the
    points in cells of several districts: their pixel, cell, x and y.
    """

    pixel: NDArray[np.int32]
    cell: NDArray[np.int32]
    count: NDArray[np.int32]
    hits: NDArray[np.int64]
    places: tuple[NDArray[Any], ...] | None = None


@dataclass(eq=False)
class _Kept:
    """What the pixels of a raster give, whatever it holds: kept for the next raster with the same pixels."""

    key: Any
    keeps: bool
    shares: tuple[NDArray[np.float64], ...] | None = None
    corners: _Corners | None = None
    landed: dict[str, _Landed] = field(default_factory=dict)

    def keep(self, key: str, made: _Landed) -> None:
        """Keep where points land, without their places, where they are not too many."""
        held = sum(len(one.cell) for one in self.landed.values())
        if self.keeps and held + len(made.cell) <= _KEPT_POINTS:
            self.landed[key] = replace(made, places=None)


def _kept_of(city: City, window: RasterWindow, grid: GeoBox) -> _Kept:
    """Give what an earlier raster of a city with the same pixels has left; nothing of one in bands."""
    keeps = window.values.size <= _BAND_PIXELS
    key = (window.transform, window.crs.to_wkt(), window.values.shape, grid, keeps)
    kept: _Kept | None = city.kept.get("pixels")
    if kept is None or kept.key != key:
        kept = _Kept(key=key, keeps=keeps)
        city.kept["pixels"] = kept
    return kept


@dataclass(frozen=True)
class _Tally:
    """What was added to the cells of a grid, and how many points of pixels have reached each."""

    grid: GeoBox
    boundary: Outline
    districts: DistrictPeople | None
    amount: NDArray[np.float64]
    points: NDArray[np.float64]
    kept: _Kept

    def add(
        self, cell: NDArray[Any], weight: NDArray[np.float64], *, points: float | NDArray[Any]
    ) -> None:
        """Add the weight of so many points each to flat cells."""
        if len(cell):
            low, high = int(cell.min()), int(cell.max()) + 1
            size = high - low
            self.amount[low:high] += np.bincount(cell - low, weights=weight, minlength=size)
            reached = np.broadcast_to(points, cell.shape)
            self.points[low:high] += np.bincount(cell - low, weights=reached, minlength=size)


def amounts_on_grid(
    window: RasterWindow, *, city: City, grid: GeoBox, districts: DistrictPeople | None
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """
    Divide every pixel into points and add each to its cell, inside the boundary only.

    Goes through the raster by bands of rows, so that the shapes of pixels take no memory to speak of.

    Parameters
    ----------
    window : an amount for each pixel, NaN where nothing is known.
    city : whose boundary counts.
    grid : the study grid.
    districts : gathers the people of the districts; None: not asked.

    Returns
    -------
    Shape (rows, cols), NaN where no pixel says anything; and ``valid_share, source_total, total,
    conserved_share`` as `kcity_geo.sources.local.rasters.read_raster` gives them.
    """
    rows, columns = window.values.shape
    to_city = between(window.crs, city.crs)
    boundary = outline_of_city(city)
    cells = grid.shape[0] * grid.shape[1]
    kept = _kept_of(city, window, grid)
    tally = _Tally(grid, boundary, districts, np.zeros(cells), np.zeros(cells), kept)
    fine = int(np.clip(math.ceil(window.pixel_m / (cell_size(grid) / _POINTS)), _POINTS, 64))
    source_total = reached = 0.0
    step = max(1, _BAND_PIXELS // columns)
    for first in range(0, rows, step):
        last = min(first + step, rows)
        edges = np.meshgrid(np.arange(columns + 1.0), np.arange(first, last + 1.0))
        corners = kept.corners or to_city.transform(*(window.transform * tuple(edges)))
        values = window.values[first:last].ravel()
        shares = kept.shares or tuple(flat.ravel() for flat in boundary.shares(corners))
        if kept.keeps:
            kept.shares, kept.corners = shares, corners
        share, area = shares
        known, touches = ~np.isnan(values), share > 0
        source_total += float((values[known] * share[known]).sum())
        reached += float((area[touches] * share[touches] * known[touches]).sum())
        inside = np.where(touches, values * share, np.nan)
        _spread(inside, share == 1, corners, tally, fine=fine)
    amount = tally.amount
    amount[tally.points == 0] = np.nan
    on_grid = float(np.nansum(amount))
    conserved = on_grid / source_total if source_total else 1.0
    return amount.reshape(grid.shape), {
        "valid_share": min(1.0, reached / boundary.whole.area),
        "source_total": source_total,
        "total": on_grid,
        "conserved_share": conserved,
    }


def _spread(
    inside: NDArray[np.float64],
    whole: NDArray[np.bool_],
    corners: _Corners,
    tally: _Tally,
    *,
    fine: int,
) -> None:
    """
    Add what pixels hold inside the boundary (NaN: nothing is known) to their cells.

    At once where all corners of a whole pixel lie in one cell, else point by point.
    """
    at = bin_points(corners[0].ravel(), corners[1].ravel(), grid=tally.grid)
    at = at.reshape(corners[0].shape)
    cell = at[:-1, :-1]
    one = (cell >= 0) & (cell == at[:-1, 1:]) & (cell == at[1:, :-1]) & (cell == at[1:, 1:])
    cell, one = cell.ravel(), one.ravel()
    if tally.districts is not None:
        one &= ~tally.districts.cut[cell]
    known = ~np.isnan(inside)
    at_once = known & whole & one
    tally.add(cell[at_once], inside[at_once], points=fine**2)
    for pixels, per_side in (
        (np.flatnonzero(known & whole & ~one), fine),
        (np.flatnonzero(known & ~whole), max(fine, _EDGE_POINTS)),
    ):
        count = max(1, math.ceil(len(pixels) * per_side**2 / _MAX_POINTS))
        for part in np.array_split(pixels, count):
            if len(part):
                _scatter(part, per_side, corners, inside[part], ~whole[part], tally)


def _scatter(
    pixels: NDArray[np.int64],
    per_side: int,
    corners: _Corners,
    amount: NDArray[np.float64],
    partial: NDArray[np.bool_],
    tally: _Tally,
) -> None:
    """Add the points of `pixels` to the cells; what lies inside of a partial pixel stays inside."""
    key = sha256(pixels.tobytes()).hexdigest()
    landed = tally.kept.landed.get(key)
    if landed is None or (landed.places is None and tally.districts is not None):
        landed = _landed(pixels, per_side, corners, partial, tally)
        tally.kept.keep(key, landed)
    per_point = np.zeros(len(pixels))
    hit = landed.hits > 0
    per_point[hit] = amount[hit] / landed.hits[hit]
    tally.add(landed.cell, per_point[landed.pixel] * landed.count, points=landed.count)
    if tally.districts is not None and landed.places is not None:
        pixel, cell, x, y = landed.places
        tally.districts.add_points(x, y, cell, per_point[pixel])


def _landed(
    pixels: NDArray[np.int64],
    per_side: int,
    corners: _Corners,
    partial: NDArray[np.bool_],
    tally: _Tally,
) -> _Landed:
    from kcity_geo.outline_kernels import cells_of_points

    grid, strips = tally.grid, tally.boundary.strips
    square = (grid.boundingbox.left, grid.boundingbox.top, cell_size(grid), *grid.shape)
    room = np.empty((len(pixels) * per_side**2, 4), dtype=np.int32)
    filled = cells_of_points(*corners, pixels, partial, per_side, strips, square, room)
    runs = room[:filled].copy()
    doubt = np.flatnonzero(runs[:, 1] == _DOUBT)
    x, y = _places(pixels[runs[doubt, 0]], runs[doubt, 2], per_side, corners)
    sure = tally.boundary.contains(x, y)
    runs[doubt, 1] = bin_points(x, y, grid=grid)
    runs = np.delete(runs, doubt[~sure], axis=0)
    hits = np.bincount(runs[:, 0], weights=runs[:, 3], minlength=len(pixels)).astype(np.int64)
    slivers = _slivers(np.flatnonzero(hits == 0), pixels, per_side, corners, tally)
    hits[slivers[:, 0]] = 1
    runs = np.concatenate([runs, slivers])
    pixel, cell, first, count = (np.ascontiguousarray(column) for column in runs.T)
    places = None
    if tally.districts is not None:
        cut = np.flatnonzero(tally.districts.cut[cell])
        run = np.repeat(cut, count[cut])
        point = first[run] + place_in_run(count[cut])
        xy = _places(pixels[pixel[run]], point, per_side, corners)
        places = (pixel[run], cell[run].astype(np.int64), *xy)
    return _Landed(pixel, cell, count, hits, places)


def _slivers(
    missed: NDArray[np.int64],
    pixels: NDArray[np.int64],
    per_side: int,
    corners: _Corners,
    tally: _Tally,
) -> NDArray[np.int32]:
    """Give pixels of which no point was hit the cell of their nearest point in the grid: pixel, cell, point, 1."""
    pixel, point = (a.ravel() for a in np.meshgrid(missed, np.arange(per_side**2), indexing="ij"))
    x, y = (
        a.reshape(len(missed), per_side**2)
        for a in _places(pixels[pixel], point, per_side, corners)
    )
    flat = bin_points(x, y, grid=tally.grid)
    lost = np.flatnonzero((flat >= 0).any(axis=1))
    nearest = _nearest(tally.boundary, x[lost], y[lost], flat[lost] >= 0)
    found = [missed[lost], flat[lost, nearest], nearest, np.ones(len(lost))]
    return np.stack(found, axis=1).astype(np.int32)


def _places(
    pixels: NDArray[np.int64], point: NDArray[np.int64], per_side: int, corners: _Corners
) -> _Corners:
    """Give x and y of some points of pixels, which count row by row."""
    row, column = np.divmod(pixels, corners[0].shape[1] - 1)
    u, v = (point % per_side + 0.5) / per_side, (point // per_side + 0.5) / per_side
    x, y = (
        a[row, column] * (1 - u) * (1 - v)
        + a[row, column + 1] * u * (1 - v)
        + a[row + 1, column] * (1 - u) * v
        + a[row + 1, column + 1] * u * v
        for a in corners
    )
    return x, y


def _nearest(
    boundary: Outline,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    allowed: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """
    Find in each row the allowed point that is nearest to the boundary, the first of equal ones.

    A few are measured first. Another is at least as far away as the one measured beside it, less the way
    between them: only those that may still be nearer are measured, too.
    """
    side = math.isqrt(x.shape[1])
    beside = np.minimum(np.arange(side) // _COARSE * _COARSE + 1, side - 1)
    measured = (
        beside[:, None] * side + beside[None, :]
    ).ravel()  # for each point the one beside it
    few, of_few = np.unique(measured, return_inverse=True)
    metres = boundary.distance(x[:, few].ravel(), y[:, few].ravel()).reshape(-1, len(few))
    best = np.where(allowed[:, few], metres, np.inf).min(axis=1, initial=np.inf)
    way = np.hypot(x - x[:, measured], y - y[:, measured])
    least = metres[:, of_few] - way
    row, point = np.nonzero(allowed & (least <= (best + 1e-6 * (1 + best))[:, None]))
    away = boundary.distance(x[row, point], y[row, point])
    order = np.lexsort((point, away, row))
    _, first = np.unique(row[order], return_index=True)
    nearest: NDArray[np.int64] = point[order[first]]
    return nearest
