"""
Streets of a site: where networks may lie inside it, and which places they must reach.

The streets of a layout where one is drawn; before that a lattice that turns with the site.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from kcity_geo.config import read_table
from kcity_geo.planning.layout.sketch import Layout
from kcity_geo.planning.networks.trench import StreetLinks

__all__ = ["SiteStreets", "ground_at", "streets_of_layout", "streets_of_site"]

_Heights = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
_SNAP_M = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteStreets:
    """
    Streets inside a site.

    Parameters
    ----------
    links : between places at most one step apart.
    x, y, z : of the places, metres.
    load : shape (n,), share of the demand at each place; adds to 1.
    drawn : whether a layout drew them; else a lattice stands for them.
    """

    links: StreetLinks
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    load: NDArray[np.float64]
    drawn: bool

    def nearest(self, x: float, y: float) -> int:
        """Give the place nearest to a point."""
        return int(np.argmin(np.hypot(self.x - x, self.y - y)))


def streets_of_site(outline: shapely.Polygon, heights: _Heights | None) -> SiteStreets:
    """
    Lay a lattice of streets on a site that has none yet.

    Parameters
    ----------
    outline : of the site, metric CRS.
    heights : metres at points; None: all ground is level.

    Returns
    -------
    Lattice along the longer side of the smallest rectangle around the site; every crossing inside is
    served alike.

    Examples
    --------
    >>> found = streets_of_site(shapely.box(0, 0, 1000, 600), None)
    >>> int((found.load > 0).sum()), round(float(found.load.sum()), 6)
    (15, 1.0)
    """
    spacing = float(read_table("networks")["lattice"]["spacing_m"])
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(outline))[:4]
    sides = np.diff(np.vstack([corners, corners[:1]]), axis=0)
    along = sides[int(np.argmax(np.hypot(*sides.T).round(3)))]
    angle = np.arctan2(along[1], along[0])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    flat = shapely.transform(outline, lambda xy: xy @ turn.T)
    west, south, east, north = flat.bounds
    lines = []
    for low, high, across in ((west, east, 0), (south, north, 1)):
        count = max(1, round((high - low) / spacing))
        for at in low + (np.arange(count) + 0.5) * (high - low) / count:
            ends = ((at, south), (at, north)) if across == 0 else ((west, at), (east, at))
            lines.append(shapely.LineString(ends))
    cut = shapely.intersection(shapely.unary_union(lines), flat)
    back = shapely.transform(cut, lambda xy: xy @ turn)
    found = _noded(back, heights)
    degree = np.bincount(np.r_[found.links.tail, found.links.head], minlength=found.links.n_nodes)
    crossing = degree > 2  # noqa: PLR2004 - streets cross
    load = np.where(crossing if crossing.any() else np.ones(len(degree), dtype=bool), 1.0, 0.0)
    return _with_load(found, load, drawn=False)


def streets_of_layout(layout: Layout | None, heights: _Heights | None) -> SiteStreets | None:
    """
    Take the streets of a layout, and its blocks as what they serve.

    Parameters
    ----------
    layout : streets and blocks; None: not drawn.
    heights : metres at points; None: all ground is level.

    Returns
    -------
    The streets; each block counts by its area at the place nearest to it. None when no street is drawn.
    """
    if layout is None or not len(layout.streets):
        return None
    found = _noded(shapely.unary_union(layout.streets.geometry.to_numpy()), heights)
    load = np.zeros(len(found.x))
    if not len(layout.blocks):
        load[:] = 1.0
    else:
        empty = layout.blocks["use"].isin(["parks", "reserve"])
        served = layout.blocks[~empty] if (~empty).any() else layout.blocks
        spots = shapely.point_on_surface(served.geometry.to_numpy())
        for spot, area in zip(spots, served.geometry.area.to_numpy(), strict=True):
            load[found.nearest(spot.x, spot.y)] += float(area)
    return _with_load(found, load, drawn=True)


def _with_load(found: SiteStreets, load: NDArray[np.float64], *, drawn: bool) -> SiteStreets:
    return SiteStreets(
        links=found.links,
        x=found.x,
        y=found.y,
        z=found.z,
        load=load / load.sum(),
        drawn=drawn,
    )


def _noded(lines: Any, heights: _Heights | None) -> SiteStreets:  # noqa: ANN401 - any lines of shapely
    """Make places and links of lines, in steps, the largest part that hangs together."""
    step = float(read_table("networks")["lattice"]["step_m"])
    parts = shapely.get_parts(shapely.line_merge(shapely.unary_union(lines)))
    parts = parts[shapely.length(parts) > _SNAP_M]
    fine = shapely.segmentize(parts, step)
    spots, at = shapely.get_coordinates(fine, return_index=True)
    keys, number = np.unique(np.round(spots / _SNAP_M), axis=0, return_inverse=True)
    number = number.ravel()
    same = at[1:] == at[:-1]
    tail, head = number[:-1][same], number[1:][same]
    pairs = np.unique(np.sort(np.c_[tail, head], axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    joined = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(keys),) * 2)
    label = connected_components(joined, directed=False)[1]
    xy = keys * _SNAP_M
    metres = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    main = int(np.argmax(np.bincount(label[pairs[:, 0]], weights=metres)))
    kept = label == main
    new = np.cumsum(kept) - 1
    inside = kept[pairs[:, 0]]
    xy = xy[kept]
    return SiteStreets(
        links=StreetLinks(
            len(xy),
            new[pairs[inside, 0]].astype(np.int64),
            new[pairs[inside, 1]].astype(np.int64),
            metres[inside],
        ),
        x=xy[:, 0],
        y=xy[:, 1],
        z=ground_at(xy, heights),
        load=np.full(len(xy), 1 / len(xy)),
        drawn=False,
    )


def ground_at(xy: NDArray[np.float64], heights: _Heights | None) -> NDArray[np.float64]:
    """
    Give the height of the ground at points.

    Parameters
    ----------
    xy : shape (n, 2), metres.
    heights : metres at points; None: all ground is level.

    Returns
    -------
    Shape (n,), metres; a void takes the height of the nearest point that has one, 0 without any.

    Examples
    --------
    >>> ground_at(np.zeros((1, 2)), None).tolist()
    [0.0]
    """
    if heights is None:
        return np.zeros(len(xy))
    found = heights(xy[:, 0], xy[:, 1])
    known = np.isfinite(found)
    if not known.any():
        return np.zeros(len(xy))
    # A void takes the height of the nearest place that has one.
    for at in np.flatnonzero(~known).tolist():
        far = np.hypot(*(xy[known] - xy[at]).T)
        found[at] = found[known][int(np.argmin(far))]
    return np.asarray(found, dtype=np.float64)
