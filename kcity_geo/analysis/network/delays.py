"""What slows a piece of street down beyond its speed: slope, traffic lights, ferry landings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.network.rules import tobler_factor
from kcity_geo.analysis.network.topology import Pieces, Vertices

__all__ = ["Sampler", "place_along", "slope_factors", "waiting_minutes"]

#: Elevation or factor at points: x, y in metres -> values of the same shape, NaN where not known.
Sampler = Callable[["NDArray[np.float64]", "NDArray[np.float64]"], "NDArray[np.float64]"]


def place_along(
    points: Vertices, along: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Give the coordinates at distances along the laid-out ways.

    Parameters
    ----------
    points : vertices of all ways.
    along : metres on their common axis.

    Returns
    -------
    x and y, metres.
    """
    if len(points.along) == 0:
        return np.zeros(0), np.zeros(0)
    return np.interp(along, points.along, points.x), np.interp(along, points.along, points.y)


def waiting_minutes(
    points: Vertices,
    pieces: Pieces,
    ways: gpd.GeoDataFrame,
    *,
    signals: NDArray[np.int64] | None,
    mode: str,
    table: Mapping[str, Any],
) -> NDArray[np.float64]:
    """
    Tell the minutes lost at traffic lights and ferry landings, half at each end of a piece.

    Parameters
    ----------
    points, pieces : of all ways.
    ways : with ``highway``.
    signals : OSM ids of nodes with traffic lights.
    mode : lights stop driving only.
    table : of ``tables/network.toml``.

    Returns
    -------
    Minutes a piece.
    """
    speeds = table["speeds"]
    lost = np.zeros(len(pieces.start))
    if signals is not None and len(signals) and mode == "drive":
        light = np.isin(points.osm, signals)[points.node].astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(light)])
        passed = total[pieces.end] - total[pieces.start + 1]
        passed = np.maximum(passed, 0.0) + (light[pieces.start] + light[pieces.end]) / 2
        lost += passed * speeds["signal_s"] / 60.0
    ferry = (ways["highway"] == "ferry").to_numpy()
    if ferry.any():
        way = points.way[pieces.start]
        first = np.ones(len(way), bool)
        first[1:] = way[1:] != way[:-1]
        last = np.ones(len(way), bool)
        last[:-1] = first[1:]
        lost += ferry[way] * (first * 0.5 + last * 0.5) * speeds["ferry_wait_min"]
    return lost


def slope_factors(
    points: Vertices,
    pieces: Pieces,
    elevation: Sampler,
    *,
    flat: NDArray[np.bool_],
    table: Mapping[str, Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Tell how much longer a piece takes because of its slope, along and against it.

    The profile is read every `smooth_m` or more; a shorter piece takes the slope over `smooth_m`
    around its middle, so that noise of the elevation is not divided by a few metres. Bridges and
    tunnels have one slope from end to end.

    Parameters
    ----------
    points, pieces : of all ways.
    elevation : metres at points.
    flat : pieces on bridges and in tunnels.
    table : of ``tables/network.toml``.

    Returns
    -------
    Factors of the time along and against each piece; 1 where the elevation is not known.
    """
    rules = table["slope"]
    step = float(rules["smooth_m"])
    begin, finish = points.along[pieces.start], points.along[pieces.end]
    length = finish - begin
    count = np.where(flat, 1, np.maximum(np.floor(length / step), 1)).astype(np.int64)
    which = np.repeat(np.arange(len(count)), count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    width = (length / count)[which]
    low = begin[which] + nth * width
    x0, y0 = place_along(points, low)
    x1, y1 = place_along(points, low + width)
    chord = np.hypot(x1 - x0, y1 - y0)
    stretch = np.where((width < step) & (chord > 0), step / np.maximum(chord, 1e-9), 1.0)
    mx, my, dx, dy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    rise = elevation(mx + dx * stretch, my + dy * stretch)
    rise = rise - elevation(mx - dx * stretch, my - dy * stretch)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = rise / np.where(stretch > 1, step, width)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    share = np.where(length[which] > 0, width / np.maximum(length[which], 1e-9), 1.0 / count[which])
    up = np.bincount(which, weights=share / tobler_factor(slope, rules=rules), minlength=len(count))
    down = np.bincount(
        which, weights=share / tobler_factor(-slope, rules=rules), minlength=len(count)
    )
    return np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64)
