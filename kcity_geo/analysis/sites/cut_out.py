"""Cut out: connected land that is large, wide and compact enough to be a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.sites.delineation import (
    Growth,
    areas,
    compactness,
    inner_width_m,
    outline,
    split_area,
)
from kcity_geo.analysis.sites.severance import corridors, cut, sides
from kcity_geo.cube import cell_centres, cell_size
from kcity_geo.profiles import Limit, site_rules
from kcity_geo.result import Suitability
from kcity_geo.retold import made
from kcity_geo.suitability_keys import SitesSection, refuse_small_target

__all__ = [
    "AREA_KEPT",
    "CutOut",
    "cells_of",
    "cut_out",
    "disjoint",
    "fault",
    "usable_land",
    "without_hairs",
]

#: Share of the smallest size of a site that suffices: smoothing its outline may take the rest.
AREA_KEPT = 0.97
#: The width of a site is measured to 1 %.
WIDTH_KEPT = 0.99
#: Worths that agree in so many decimals are equal.
_DECIMALS = 12
#: An outline that loses less of its length with all that is thin has no hair, metres.
_HAIR_LENGTH_M = 1.0


class CutOut(NamedTuple):
    """
    Areas that may be sites.

    Parameters
    ----------
    polygons : outlines, metric CRS.
    cells : flat cell numbers of each.
    why : what kept others out, in words.
    """

    polygons: list[shapely.Polygon]
    cells: list[NDArray[np.int64]]
    why: str


def cut_out(
    score: Suitability,
    city: CityModel,
    limit: float | None,
    how: SitesSection | None = None,
) -> CutOut:
    """
    Cut the areas that may be sites out of the land that is open to building.

    Parameters
    ----------
    score : with the limits of a site in its parameters.
    city : its model.
    limit : lowest score of a site; None takes all land that no constraint excludes, undivided.
    how : whether areas are grown to a size, and how far apart they lie.

    Returns
    -------
    The areas, none overlapping another or an excluded cell.

    Raises
    ------
    StudyError
        If areas are to be grown to less than the smallest size of a site.
    """
    rule, how = site_rules(), how or SitesSection()
    size = cell_size(city.grid)
    min_ha = float(score.parameters.get("min_area_ha", 0))
    refuse_small_target(how, min_ha)
    min_cells = min_ha * 1e4 / size**2
    allowed = usable_land(score, city)
    good = allowed if limit is None else allowed & (np.nan_to_num(score.score, nan=-1.0) >= limit)
    if not score.feasible.any():
        return CutOut([], [], made("no_open_cell"))
    if limit is not None and not np.isfinite(score.score).any():
        known = sum(c.weight_stated for c in score.criteria)
        return CutOut([], [], made("weight_unknown", share=f"{known:.0%}"))
    corridor = corridors(city.layers)
    found = [
        side
        for area in areas(good, min_cells=min_cells, opening=min_cells >= rule["opening_min_cells"])
        for side in sides(area, corridor, grid=city.grid, min_cells=min_cells)
    ]
    growth = None if limit is None else _growth(how, min_cells=min_cells, cell_m=size)
    polygons: list[shapely.Polygon] = []
    cells: list[NDArray[np.int64]] = []
    seen = {"small": 0, "narrow": 0, "ragged": 0, "close": 0}
    for part in (p for area in found for p in _parts(area, score.score, growth, how, min_cells)):
        drawn = outline(part, allowed, grid=city.grid, max_change=rule["smooth_area_change_max"])
        for polygon in (piece for whole in drawn for piece in cut(whole, corridor)):
            wrong = fault(polygon, score.parameters)
            if wrong:
                seen[wrong] += 1
                continue
            polygons.append(polygon)
            cells.append(cells_of(polygon, part, city))
    worth = score.score if limit is not None else allowed.astype(np.float64)
    shapes, kept = disjoint(
        polygons,
        [_mean(worth.ravel()[c]) for c in cells],
        limits=score.parameters,
        spacing_m=how.spacing_m,
    )
    if how.spacing_m > 0:
        seen["close"] = len(polygons) - len(kept)
    why = _why_none(good, found, seen, min_ha=min_ha, limit=limit or 0.0, size=size)
    return CutOut(shapes, [cells[i] for i in kept], why)


def usable_land(score: Suitability, city: CityModel) -> NDArray[np.bool_]:
    """
    Give the cells that a site may take.

    Parameters
    ----------
    score : of the project.
    city : its model.

    Returns
    -------
    Shape (rows, cols), True where no constraint excludes and the whole cell lies inside the city.
    """
    entire = city.cube["inside_share"].to_numpy() >= 1 - 1e-6
    return np.asarray(score.feasible & entire)


def _growth(how: SitesSection, *, min_cells: float, cell_m: float) -> Growth:
    rule = site_rules()
    compact = rule["split_compactness"] if how.shape_weight is None else how.shape_weight
    if how.method == "grow" and how.target_area_ha is not None:
        target = max(how.target_area_ha * 1e4 / cell_m**2, 1.0)
        return Growth(
            target_cells=target,
            min_cells=max(min_cells, rule["grown_share_min"] * target),
            compact=compact,
            spacing_cells=how.spacing_m / cell_m,
            most=int(rule["grown_most"]),
        )
    return Growth(
        target_cells=max(rule["split_target"] * min_cells, 1), min_cells=min_cells, compact=compact
    )


def _parts(
    area: NDArray[np.int64],
    score: NDArray[np.float64],
    growth: Growth | None,
    how: SitesSection,
    min_cells: float,
) -> list[NDArray[np.int64]]:
    """Divide an area where it is much larger than a site, or grow sites of the size asked for in it."""
    large = len(area) > site_rules()["split_above"] * max(min_cells, 1)
    if growth is None or not (large or how.method == "grow"):
        return [area]
    return split_area(area, score, growth)


def without_hairs(polygon: shapely.Polygon) -> shapely.Polygon:
    """
    Take off an outline what is too thin to be land: what rounding leaves along a border that two outlines share.

    Parameters
    ----------
    polygon : metric CRS.

    Returns
    -------
    The polygon itself where it has no hair; empty where it is nothing else.

    Examples
    --------
    >>> hair = shapely.Polygon([(0, 0), (200, 0), (200, 1e-9), (100, 1e-9), (100, 100), (0, 100)])
    >>> hair.length, round(without_hairs(hair).length, 3)
    (600.0, 400.0)
    """
    thin = site_rules()["hair_m"] / 2
    # Mitred, so that corners come back as they were.
    core = shapely.buffer(polygon, -thin, join_style="mitre", mitre_limit=10)
    opened = shapely.buffer(core, thin, join_style="mitre", mitre_limit=10)
    parts = [p for p in shapely.get_parts(opened) if isinstance(p, shapely.Polygon)]
    whole = max(parts, key=lambda p: p.area, default=shapely.Polygon())
    return whole if polygon.length - whole.length > _HAIR_LENGTH_M else polygon


def fault(
    polygon: shapely.Polygon, limits: Mapping[str, Limit], *, area_kept: float = AREA_KEPT
) -> str:
    """
    Say what keeps an outline from being a site.

    Parameters
    ----------
    polygon : metric CRS.
    limits : ``min_area_ha``, ``min_width_m``, ``compactness_min``; those that are not there limit nothing.
    area_kept : share of the smallest area that suffices; 0.97 for outlines that were smoothed.

    Returns
    -------
    ``"small"``, ``"narrow"``, ``"ragged"`` or ``""``; 1 % of width is let go, to which it is measured.

    Examples
    --------
    >>> fault(shapely.box(0, 0, 1000, 100), {"min_area_ha": 10, "min_width_m": 150})
    'narrow'
    """
    if polygon.area < float(limits.get("min_area_ha", 0)) * 1e4 * area_kept:
        return "small"
    if inner_width_m(polygon) < float(limits.get("min_width_m", 0)) * WIDTH_KEPT:
        return "narrow"
    return "ragged" if compactness(polygon) < float(limits.get("compactness_min", 0)) else ""


def cells_of(
    polygon: shapely.Polygon, cells: NDArray[np.int64], city: CityModel
) -> NDArray[np.int64]:
    """
    Give the cells whose centre lies in an outline.

    Parameters
    ----------
    polygon : metric CRS.
    cells : flat cell numbers that may belong to it.
    city : its model.

    Returns
    -------
    Flat cell numbers; all of `cells` where it is too small for a centre.
    """
    x, y = cell_centres(city.grid)
    inside = shapely.intersects_xy(polygon, x[cells], y[cells])
    return cells[inside] if inside.any() else cells


def disjoint(
    polygons: list[shapely.Polygon],
    worth: Sequence[float] | NDArray[np.float64],
    *,
    limits: Mapping[str, Limit],
    spacing_m: float = 0.0,
    behind: Sequence[bool] = (),
) -> tuple[list[shapely.Polygon], list[int]]:
    """
    Cut what two areas share; the better one keeps it.

    Parameters
    ----------
    polygons : of the areas.
    worth : of each, what the better one has more of; NaN: not known, behind the others.
    limits : of a site: what is left of an area must keep them.
    spacing_m : an area that is nearer than this to a better one is left out.
    behind : of each area, whether all others are better than it; none when empty.

    Returns
    -------
    What is left of each, best first, and its number.
    """
    value = np.nan_to_num(np.asarray(worth, dtype=np.float64), nan=-1.0).round(_DECIMALS)
    last = list(behind) or [False] * len(polygons)
    order = sorted(range(len(polygons)), key=lambda i: (last[i], -value[i], polygons[i].bounds))
    kept: list[shapely.Polygon] = []
    numbers: list[int] = []
    for i in order:
        polygon = polygons[i]
        near = [k for k in kept if k.dwithin(polygon, spacing_m)]
        if near and spacing_m > 0:
            continue
        if near:
            rest = shapely.difference(polygon, shapely.union_all(near))
            parts = [p for p in shapely.get_parts(rest) if isinstance(p, shapely.Polygon)]
            polygon = without_hairs(max(parts, key=lambda p: p.area, default=shapely.Polygon()))
            if polygon.is_empty or fault(polygon, limits):
                continue
        kept.append(polygon)
        numbers.append(i)
    return kept, numbers


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else -1.0


def _why_none(
    good: NDArray[np.bool_],
    found: list[NDArray[np.int64]],
    seen: Mapping[str, int],
    *,
    min_ha: float,
    limit: float,
    size: float,
) -> str:
    points = f"{100 * limit:.0f}"  # scores are told out of 100 everywhere
    if not good.any():
        return made("no_cell", limit=points)
    if not found:
        total = good.sum() * size**2 / 1e4
        return (
            f"{made('no_area', area=f'{min_ha:g}', limit=points, total=f'{total:,.0f}')}; "
            f"smaller sites may be of use; the study's smallest area is {min_ha:g} ha"
        )
    listed = ", ".join(made(f"fault_{f}", count=count) for f, count in seen.items() if count)
    if not listed:
        return made("no_usable", limit=points)
    return made("no_usable_faults", limit=points, faults=listed)
