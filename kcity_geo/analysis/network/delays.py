"""What slows a piece of street down beyond its speed: slope, traffic lights, ferry landings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import geopandas as gpd
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kcity_geo.analysis.network.topology import Pieces, Vertices
from kcity_geo.config import read_table
from kcity_geo.runs import place_in_run
from kcity_geo.settings import NetworkTable

__all__ = [
    "Sampler",
    "place_along",
    "slope_factors",
    "tobler_factor",
    "tobler_kmh",
    "waiting_minutes",
]

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
    table: NetworkTable,
) -> NDArray[np.float64]:
    """
    Tell the minutes lost at traffic lights and ferry landings, half at each end of a crossing.

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
        landing = _landings(points, ferry)
        begun = first & landing[points.node[pieces.start]]
        ended = last & landing[points.node[pieces.end]]
        lost += ferry[way] * (begun * 0.5 + ended * 0.5) * speeds["ferry_wait_min"]
    return lost


def _landings(points: Vertices, ferry: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell at which nodes a ferry lands: a way on land comes in, or the crossing ends there.

    Where ways of ferries meet each other only, one crossing is mapped in pieces, and nobody waits.
    """
    afloat = ferry[points.way]
    size = int(points.node.max()) + 1
    on_land = np.bincount(points.node[~afloat], minlength=size) > 0
    return np.asarray(on_land | (np.bincount(points.node[afloat], minlength=size) == 1))


def slope_factors(
    points: Vertices,
    pieces: Pieces,
    elevation: Sampler,
    *,
    flat: NDArray[np.bool_],
    table: NetworkTable,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """
    Tell how much longer a piece takes because of its slope, along and against it.

    The profile is read every `smooth_m` or more; a shorter piece takes the slope over `smooth_m`
    around its middle, so that noise of the elevation is not divided by a few metres. A bridge or
    tunnel has one slope from end to end, over all its ways that meet where no open street does.

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
    nth = place_in_run(count)
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
    joined, climb = _portal_to_portal(points, pieces, elevation, flat=flat, shortest_m=step)
    slope = np.where(joined[which], climb[which], slope)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    share = np.where(length[which] > 0, width / np.maximum(length[which], 1e-9), 1.0 / count[which])
    up = np.bincount(which, weights=share / tobler_factor(slope, rules=rules), minlength=len(count))
    down = np.bincount(
        which, weights=share / tobler_factor(-slope, rules=rules), minlength=len(count)
    )
    return np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64)


def _portal_to_portal(
    points: Vertices,
    pieces: Pieces,
    elevation: Sampler,
    *,
    flat: NDArray[np.bool_],
    shortest_m: float,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """
    Give the slope of pieces of bridges and tunnels that are cut where no daylight is.

    Portals are ends that an open street has too, and dead ends. Between them the height runs evenly
    with the length; where several tubes meet it is the one at which all slopes balance.
    """
    slope, joined = np.zeros(len(flat)), np.zeros(len(flat), bool)
    a, b = pieces.node_of[pieces.a], pieces.node_of[pieces.b]
    number = len(points.osm)
    inside = np.bincount(np.concatenate([a[flat], b[flat]]), minlength=number)
    outside = np.bincount(np.concatenate([a[~flat], b[~flat]]), minlength=number)
    joint = (inside > 1) & (outside == 0)
    if not joint.any():
        return joined, slope
    length = points.along[pieces.end] - points.along[pieces.start]
    joined = _of_groups(a, b, flat, joint, length, shortest_m)
    joined &= (a != b) & (length > 0)
    rows = np.flatnonzero(joined)
    if not len(rows):
        return joined, slope
    x, y = np.zeros(number), np.zeros(number)
    x[points.node], y[points.node] = points.x, points.y
    ends = np.unique(np.concatenate([a[rows], b[rows]]))
    ground = np.full(number, np.nan)
    ground[ends] = elevation(x[ends], y[ends])
    height = _even_heights(a[rows], b[rows], length[rows], joint, ground)
    slope[rows] = (height[b[rows]] - height[a[rows]]) / length[rows]
    return joined, slope


def _of_groups(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    flat: NDArray[np.bool_],
    joint: NDArray[np.bool_],
    length: NDArray[np.float64],
    shortest_m: float,
) -> NDArray[np.bool_]:
    """Tell which pieces belong to a bridge or tunnel of several pieces that is long enough."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = np.flatnonzero(flat)
    # A graph of pieces: those that share a joint hang together.
    ends = np.concatenate([a[rows], b[rows]])
    piece = np.concatenate([np.arange(len(rows)), np.arange(len(rows))])
    at_joint = joint[ends]
    size = len(rows) + len(joint)
    links = coo_array(
        (np.ones(at_joint.sum(), np.int8), (piece[at_joint], len(rows) + ends[at_joint])),
        shape=(size, size),
    )
    _, label = connected_components(links, directed=False)
    group = label[: len(rows)]
    total = np.bincount(group, weights=length[rows], minlength=size)
    count = np.bincount(group, minlength=size)
    found = np.zeros(len(flat), bool)
    found[rows] = (count[group] > 1) & (total[group] >= shortest_m)
    return found


def _even_heights(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    length: NDArray[np.float64],
    joint: NDArray[np.bool_],
    ground: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Put the joints between their portals, weighted by one over the length of the pieces."""
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import spsolve

    height = ground.copy()
    free = np.unique(np.concatenate([a[joint[a]], b[joint[b]]]))
    height[free] = np.nan
    place = np.full(len(joint), -1, dtype=np.int64)
    place[free] = np.arange(len(free))
    start, end = np.concatenate([a, b]), np.concatenate([b, a])
    weight = 1.0 / np.concatenate([length, length])
    # A portal without elevation says nothing; joints that no known portal holds stay unknown.
    use = (place[start] >= 0) & (joint[end] | np.isfinite(height[end]))
    start, end, weight = start[use], end[use], weight[use]
    held = place[end] < 0
    inner = ~held
    size = len(free)
    ones = np.arange(size)
    diagonal = np.bincount(place[start], weights=weight, minlength=size)
    known = np.bincount(
        place[start[held]], weights=weight[held] * height[end[held]], minlength=size
    )
    hung = _hangs(place[start[inner]], place[end[inner]], place[start[held]], size)
    diagonal = np.where(hung, diagonal, 1.0)
    keep = hung[place[start[inner]]]
    rows, columns = place[start[inner]][keep], place[end[inner]][keep]
    matrix = coo_array(
        (
            np.concatenate([diagonal, -weight[inner][keep]]),
            (np.concatenate([ones, rows]), np.concatenate([ones, columns])),
        ),
        shape=(size, size),
    ).tocsc()
    solved = np.atleast_1d(spsolve(matrix, known))
    height[free] = np.where(hung, solved, np.nan)
    return height


def _hangs(
    start: NDArray[np.int64], end: NDArray[np.int64], held: NDArray[np.int64], size: int
) -> NDArray[np.bool_]:
    """Tell which joints hang together with one that a known portal holds."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(size, size))
    _, label = connected_components(links, directed=False)
    good = np.zeros(size, bool)
    good[label[held]] = True
    return np.asarray(good[label])


def tobler_kmh(
    slope: ArrayLike, *, rules: Mapping[str, float] | None = None
) -> NDArray[np.float64]:
    """
    Compute the walking speed on a slope.

    Parameters
    ----------
    slope : rise over run in the direction of travel; clipped at +-0.6.
    rules : table ``slope`` of ``tables/network.toml``; as it stands when None.

    Returns
    -------
    Shape of `slope`, km/h; fastest at -0.05.

    References
    ----------
    .. [1] Tobler, W. (1993). Three presentations on geographical analysis and modeling.

    Examples
    --------
    >>> tobler_kmh([-0.05, 0.1]).round(4).tolist()
    [6.0, 3.5493]
    """
    rules = read_table("network")["slope"] if rules is None else rules
    steep = np.clip(np.asarray(slope, dtype=np.float64), -rules["max_slope"], rules["max_slope"])
    speed = rules["peak_kmh"] * np.exp(-rules["decay"] * np.abs(steep + rules["offset"]))
    return np.asarray(speed)


def tobler_factor(
    slope: ArrayLike, *, rules: Mapping[str, float] | None = None
) -> NDArray[np.float64]:
    """
    Compute the walking speed on a slope as share of that on level ground.

    Parameters
    ----------
    slope : rise over run in the direction of travel.
    rules : as for `tobler_kmh`.

    Returns
    -------
    Shape of `slope`; 1 at 0.

    Examples
    --------
    >>> float(tobler_factor(0.1).round(4))
    0.7047
    """
    return np.asarray(tobler_kmh(slope, rules=rules) / tobler_kmh(0.0, rules=rules))
