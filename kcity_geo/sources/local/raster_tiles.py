"""Raster tiles: several files of one raster put side by side, each pixel from the first that holds data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from kcity_geo.config import Config
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.raster_files import too_large
from kcity_geo.sources.local.raster_rules import RasterRule

__all__ = ["Tile", "merged_tiles"]

# Of a pixel; tiles of one product meet on the same lines.
_ALIGNED = 0.01
# Of the pixels of a tile around the city: where so many lie in other tiles and differ, it is no tile beside them.
_SAME_PLACE = 0.95
# Floods of two return periods: they show one place (share of all that either covers), most of what is wet differs, and
# one is the deeper nearly everywhere. Two models of one flood differ both ways, tiles meet at their seams only.
_SHARED, _DIFFER, _ONE_WAY, _FEWEST_WET = 0.5, 0.5, 0.99, 50


@dataclass(frozen=True, eq=False)
class Tile:
    """
    What one file holds around a city.

    Parameters
    ----------
    values : shape (rows, cols), NaN where there is no data.
    transform, crs : pixel to place.
    name : of the file.
    constrained : no data means that nobody lives there.
    declared : the file says its unit.
    packed : it holds numbers with a scale or an offset.
    """

    values: NDArray[np.float64]
    transform: Any
    crs: CRS
    name: str
    constrained: bool = False
    declared: bool = False
    packed: bool = False


def merged_tiles(
    tiles: list[Tile], rule: RasterRule, *, key: str, config: Config
) -> tuple[NDArray[np.float64], NDArray[np.bool_], Any, CRS]:
    """
    Put tiles side by side on the grid of the finest; where two hold data, the first one counts.

    Of return periods of floods the smallest counts: a list may hold one file for each.

    Parameters
    ----------
    tiles : one or more.
    rule : of their raster.
    key : of ``[sources]``, for messages.
    config : limits.

    Returns
    -------
    Values (rows, cols), NaN where there is no data; True where a tile lies; transform and CRS.

    Raises
    ------
    SourceError
        If tiles of amounts do not lie on one grid, or depths are those of several return periods.
    LimitError
        If they have too many pixels together.
    """
    if len(tiles) == 1:
        only = tiles[0]
        return only.values, np.ones(only.values.shape, dtype=bool), only.transform, only.crs
    base = min(tiles, key=lambda t: abs(t.transform.a * t.transform.e))
    tiles = [_on_grid_of(base, tile, rule, key=key) for tile in tiles]
    left = min(t.transform.c for t in tiles)
    top = max(t.transform.f for t in tiles)
    places = [
        (
            round((top - t.transform.f) / -t.transform.e),
            round((t.transform.c - left) / t.transform.a),
        )
        for t in tiles
    ]
    rows = max(r + t.values.shape[0] for (r, _), t in zip(places, tiles, strict=True))
    columns = max(c + t.values.shape[1] for (_, c), t in zip(places, tiles, strict=True))
    if rows * columns > config.max_pixels:
        raise LimitError(
            too_large(f"sources.{key}: {base.name}", rows * columns, config.max_pixels)
        )
    if rule.sparse and rule.kind == "mean":
        _refuse_return_periods(tiles, places, key=key)
    values = np.full((rows, columns), np.nan)
    covered = np.zeros((rows, columns), dtype=bool)
    twice, least = 0, rule.sparse and rule.kind == "class"
    for (r, c), tile in zip(places, tiles, strict=True):
        here = np.s_[r : r + tile.values.shape[0], c : c + tile.values.shape[1]]
        known = np.isfinite(values[here])
        both = known & np.isfinite(tile.values)
        other = int((~np.isclose(values[here][both], tile.values[both])).sum())
        if (
            rule.kind == "sum"
            and both.sum() >= _SAME_PLACE * np.isfinite(tile.values).sum()
            and 2 * other > both.sum()
        ):
            raise SourceError(
                f"sources.{key}: {tile.name} holds other numbers than {tiles[0].name} in {other:,} pixels of the "
                "same places, so they are no tiles of one raster; add up what belongs together (ages, sexes) first"
            )
        twice += 0 if least else other
        np.copyto(values[here], tile.values, where=~known)
        if least:
            np.fmin(values[here], tile.values, out=values[here])
        covered[here] = True
    if twice:
        tell(
            f"sources.{key}: the tiles {tiles[0].name} to {tiles[-1].name} hold different values in "
            f"{twice:,} pixels of both; the first one counts"
        )
    kind = type(base.transform)
    transform = kind(base.transform.a, 0.0, left, 0.0, base.transform.e, top)
    return values, covered, transform, base.crs


def _refuse_return_periods(tiles: list[Tile], places: list[tuple[int, int]], *, key: str) -> None:
    """Refuse depths of which one file is the deeper flood of the same place, where a list means tiles."""
    for at, tile in enumerate(tiles):
        for before in range(at):
            parts = _shared((tiles[before].values, places[before]), (tile.values, places[at]))
            if parts is None:
                continue
            # Without data a flood map is dry.
            one, two = (np.nan_to_num(part) for part in parts)
            wet = int(((one > 0) | (two > 0)).sum())
            other = ~np.isclose(one, two)
            deeper, differ = int((other & (two > one)).sum()), int(other.sum())
            if (
                wet >= _FEWEST_WET
                and differ >= _DIFFER * wet
                and max(deeper, differ - deeper) >= _ONE_WAY * differ
            ):
                low, high = (tiles[before].name, tile.name)[:: 1 if 2 * deeper > differ else -1]
                raise SourceError(
                    f"sources.{key}: {high} is deeper than {low} in {differ:,} of {wet:,} wet pixels of the same "
                    "place: floods of several return periods are no tiles of one map. Give the depths of one flood, or "
                    "sources.flood_return_period: a raster of years (20 where the 20-year flood stands, and so on), or "
                    "one for each flood; the smallest counts"
                )


def _shared(
    one: tuple[NDArray[np.float64], tuple[int, int]],
    two: tuple[NDArray[np.float64], tuple[int, int]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Give what two tiles, each with its first row and column, hold of the place of both; None: they share little."""
    (a, (row_a, column_a)), (b, (row_b, column_b)) = one, two
    top, left = max(row_a, row_b), max(column_a, column_b)
    rows = min(row_a + a.shape[0], row_b + b.shape[0]) - top
    columns = min(column_a + a.shape[1], column_b + b.shape[1]) - left
    if rows <= 0 or columns <= 0 or rows * columns < _SHARED * (a.size + b.size - rows * columns):
        return None
    return (
        a[top - row_a :, left - column_a :][:rows, :columns],
        b[top - row_b :, left - column_b :][:rows, :columns],
    )


def _on_grid_of(base: Tile, tile: Tile, rule: RasterRule, *, key: str) -> Tile:
    """Bring a tile of other pixels onto the grid of the finest one; counts of people stay as they are."""
    a, b = base.transform, tile.transform
    off = ((b.c - a.c) / a.a, (b.f - a.f) / a.e)
    same = tile.crs == base.crs and all(
        abs(m / n - 1) < _ALIGNED / max(tile.values.shape) for m, n in ((b.a, a.a), (b.e, a.e))
    )
    if same and all(abs(v - round(v)) < _ALIGNED for v in off):
        return tile
    if rule.kind == "sum":
        raise SourceError(
            f"sources.{key}: the tiles {base.name} and {tile.name} do not lie on one grid (CRS or pixels "
            "differ); give tiles of one product"
        )
    from rasterio.enums import Resampling
    from rasterio.warp import reproject, transform_bounds

    rows, columns = tile.values.shape
    bounds = (b.c, b.f + rows * b.e, b.c + columns * b.a, b.f)
    left, bottom, right, top = transform_bounds(
        tile.crs.to_wkt(), base.crs.to_wkt(), *bounds, densify_pts=21
    )
    c0, c1 = math.floor((left - a.c) / a.a), math.ceil((right - a.c) / a.a)
    r0, r1 = math.floor((top - a.f) / a.e), math.ceil((bottom - a.f) / a.e)
    transform = a * type(a).translation(c0, r0)
    out = np.full((r1 - r0, c1 - c0), np.nan)
    reproject(
        source=tile.values,
        destination=out,
        src_transform=b,
        src_crs=tile.crs.to_wkt(),
        src_nodata=np.nan,
        dst_transform=transform,
        dst_crs=base.crs.to_wkt(),
        dst_nodata=np.nan,
        resampling=Resampling.nearest if rule.kind == "class" else Resampling.bilinear,
    )
    return Tile(out, transform, base.crs, tile.name)
