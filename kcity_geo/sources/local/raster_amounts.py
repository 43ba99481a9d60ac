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
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from kcity_geo.city import City
from kcity_geo.cube import bin_points, cell_size
from kcity_geo.sources.local.district_people import DistrictPeople
from kcity_geo.sources.local.outline_tiles import OutlineTiles, tiles_of_city
from kcity_geo.sources.local.raster_windows import RasterWindow

__all__ = ["amounts_on_grid"]

# Points a side of a pixel, at least: with 10, less than 1 % of the people of pixels that a cell edge
# cuts land in the cell next door (with 4 it was 2 %).
_POINTS: Final = 10
_EDGE_POINTS: Final = 24
_MAX_POINTS: Final = 4_000_000
# Pixels whose outlines are in memory at a time (half a kilobyte each), and side of a block of them.
_BAND_PIXELS: Final = 1_000_000
_BLOCK: Final = 64
#: Points that are kept for the next raster, at most (8 bytes each).
_KEPT_POINTS: Final = 8_000_000
#: Of the points of a sliver, every so many a side are measured first.
_COARSE: Final = 4


@dataclass(frozen=True, eq=False)
class _Landed:
    """Where the points of some pixels land: the pixel and the cell of each, and how many each pixel has."""

    pixel: NDArray[np.int32]
    cell: NDArray[np.int32]
    hits: NDArray[np.int64]
    places: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None


@dataclass(eq=False)
class _Kept:
    """What the pixels of a raster give, whatever it holds: kept for the next raster with the same pixels."""

    key: Any
    keeps: bool
    shares: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]] | None = None
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
    boundary: OutlineTiles
    districts: DistrictPeople | None
    amount: NDArray[np.float64]
    points: NDArray[np.float64]
    kept: _Kept

    def add(self, cell: NDArray[Any], weight: NDArray[np.float64], *, points: int = 1) -> None:
        """Add the weight of so many points each to flat cells."""
        if len(cell):
            low, high = int(cell.min()), int(cell.max()) + 1
            size = high - low
            self.amount[low:high] += np.bincount(cell - low, weights=weight, minlength=size)
            self.points[low:high] += points * np.bincount(cell - low, minlength=size)


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
    to_city = Transformer.from_crs(window.crs, city.crs, always_xy=True)
    boundary = tiles_of_city(city)
    cells = grid.shape[0] * grid.shape[1]
    kept = _kept_of(city, window, grid)
    tally = _Tally(grid, boundary, districts, np.zeros(cells), np.zeros(cells), kept)
    fine = int(np.clip(math.ceil(window.pixel_m / (cell_size(grid) / _POINTS)), _POINTS, 64))
    source_total = reached = 0.0
    step = max(1, _BAND_PIXELS // columns)
    for first in range(0, rows, step):
        last = min(first + step, rows)
        edges = np.meshgrid(np.arange(columns + 1.0), np.arange(first, last + 1.0))
        corners = to_city.transform(*(window.transform * tuple(edges)))
        values = window.values[first:last].ravel()
        shares = kept.shares or _shares(corners, boundary)
        if kept.keeps:
            kept.shares = shares
        share, area, whole = shares
        known, touches = ~np.isnan(values), area > 0
        source_total += float((values[known] * share[known]).sum())
        reached += float((area[touches] * share[touches] * known[touches]).sum())
        inside = np.where(whole | (share > 0), values * share, np.nan)
        _spread(inside, whole, corners, tally, fine=fine)
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


def _quads(
    corners: tuple[NDArray[np.float64], NDArray[np.float64]], pixels: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Outline of pixels, by their flat number."""
    row, column = np.divmod(pixels, corners[0].shape[1] - 1)
    around = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
    rings = [np.stack([axis[at] for axis in corners], axis=-1) for at in around]
    return np.asarray(shapely.polygons(np.stack(rings, axis=1)), dtype=object)


def _shares(
    corners: tuple[NDArray[np.float64], NDArray[np.float64]], boundary: OutlineTiles
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """
    Say of each pixel which share of it lies inside the boundary.

    Returns
    -------
    The share, the area of the whole pixel in m2 (0: it does not touch the boundary), and whether it
    lies inside without touching the outline, flat. Blocks of pixels whose box lies inside or apart
    from the boundary are not asked pixel by pixel.
    """
    rows, columns = (n - 1 for n in corners[0].shape)
    starts = [(r, c) for r in range(0, rows, _BLOCK) for c in range(0, columns, _BLOCK)]
    parts = [np.s_[r : r + _BLOCK + 1, c : c + _BLOCK + 1] for r, c in starts]
    low = np.array([[axis[part].min() for axis in corners] for part in parts])
    high = np.array([[axis[part].max() for axis in corners] for part in parts])
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    within = shapely.contains_properly(boundary.whole, boxes)
    apart = np.isfinite(low + high).all(axis=1) & ~shapely.intersects(boundary.whole, boxes)
    share, asked = np.zeros((rows, columns)), np.zeros((rows, columns), dtype=bool)
    for (r, c), inside, outside in zip(starts, within, apart, strict=True):
        block = np.s_[r : r + _BLOCK, c : c + _BLOCK]
        share[block] = float(inside)
        asked[block] = not (inside or outside)
    (x, y), flat = corners, share.ravel()
    right, down = (x[1:, 1:] - x[:-1, :-1]), (y[1:, 1:] - y[:-1, :-1])
    across, up = (x[1:, :-1] - x[:-1, 1:]), (y[1:, :-1] - y[:-1, 1:])
    area = np.where(share > 0, np.abs(right * up - across * down) / 2, 0.0).ravel()
    pixels = np.flatnonzero(asked)
    quads = _quads(corners, pixels)
    touches = np.asarray(shapely.intersects(boundary.whole, quads), dtype=bool)
    pixels, quads = pixels[touches], quads[touches]
    area[pixels] = shapely.area(quads)
    held = np.asarray(shapely.contains_properly(boundary.whole, quads), dtype=bool)
    flat[pixels[held]] = 1.0
    whole = flat == 1.0
    border, cut = pixels[~held], quads[~held]
    if len(border):
        flat[border] = boundary.area_within(cut) / shapely.area(cut)
    return flat, area, whole


def _spread(
    inside: NDArray[np.float64],
    whole: NDArray[np.bool_],
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
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
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
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
    weight = per_point[landed.pixel]
    tally.add(landed.cell, weight)
    if tally.districts is not None and landed.places is not None:
        tally.districts.add_points(*landed.places, landed.cell.astype(np.int64), weight)


def _landed(
    pixels: NDArray[np.int64],
    per_side: int,
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
    partial: NDArray[np.bool_],
    tally: _Tally,
) -> _Landed:
    columns = corners[0].shape[1] - 1
    row, column = np.divmod(pixels, columns)
    t = (np.arange(per_side) + 0.5) / per_side
    u, v = (a.ravel() for a in np.meshgrid(t, t))
    xy = []
    for corner in corners:
        a, b = corner[row, column][:, None], corner[row, column + 1][:, None]
        c, d = corner[row + 1, column][:, None], corner[row + 1, column + 1][:, None]
        xy.append(a * (1 - u) * (1 - v) + b * u * (1 - v) + c * (1 - u) * v + d * u * v)
    flat = bin_points(xy[0].ravel(), xy[1].ravel(), grid=tally.grid).reshape(xy[0].shape)
    inside = flat >= 0
    if partial.any():
        inside[partial] &= shapely.contains_xy(tally.boundary.whole, xy[0][partial], xy[1][partial])
    hits = inside.sum(axis=1)
    # A sliver that no point hits: its people go to the cell of the nearest point inside the grid.
    lost = np.flatnonzero((hits == 0) & (flat >= 0).any(axis=1))
    inside[lost, _nearest(tally.boundary, xy[0][lost], xy[1][lost], flat[lost] >= 0)] = True
    hits[lost] = 1
    pixel = np.repeat(np.arange(len(pixels), dtype=np.int32), hits)
    places = (xy[0][inside], xy[1][inside]) if tally.districts is not None else None
    return _Landed(pixel, flat[inside].astype(np.int32), hits, places)


def _nearest(
    boundary: OutlineTiles,
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
