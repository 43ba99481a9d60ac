"""Cut out: connected land that is large, wide and compact enough to be a site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.sites.delineation import (
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

__all__ = ["CutOut", "cut_out"]


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


def cut_out(score: Suitability, city: CityModel, limit: float | None) -> CutOut:
    """
    Cut the areas that may be sites out of the land that is open to building.

    Parameters
    ----------
    score : with the limits of a site in its parameters.
    city : its model.
    limit : lowest score of a site; None takes all land that no constraint excludes, undivided.

    Returns
    -------
    The areas, none overlapping another or an excluded cell.
    """
    rule = site_rules()
    size = cell_size(city.grid)
    min_ha = float(score.parameters.get("min_area_ha", 0))
    min_cells = min_ha * 1e4 / size**2
    entire = city.cube["inside_share"].to_numpy() >= 1 - 1e-6
    allowed = score.feasible & entire
    good = allowed if limit is None else allowed & (np.nan_to_num(score.score, nan=-1.0) >= limit)
    if not score.feasible.any():
        return CutOut([], [], "no cell meets all constraints")
    if limit is not None and not np.isfinite(score.score).any():
        known = sum(c.weight_stated for c in score.criteria)
        return CutOut([], [], f"only {known:.0%} of the weight of its criteria has data")
    corridor = corridors(city.layers)
    found = [
        side
        for area in areas(good, min_cells=min_cells, opening=min_cells >= rule["opening_min_cells"])
        for side in sides(area, corridor, grid=city.grid, min_cells=min_cells)
    ]
    polygons: list[shapely.Polygon] = []
    cells: list[NDArray[np.int64]] = []
    seen = {"small": 0, "narrow": 0, "ragged": 0}
    for area in found:
        parts = [area]
        if limit is not None and len(area) > rule["split_above"] * max(min_cells, 1):
            parts = split_area(
                area,
                score.score,
                target_cells=max(rule["split_target"] * min_cells, 1),
                min_cells=min_cells,
                compact=rule["split_compactness"],
            )
        for part in parts:
            drawn = outline(
                part, allowed, grid=city.grid, max_change=rule["smooth_area_change_max"]
            )
            for polygon in (piece for whole in drawn for piece in cut(whole, corridor)):
                fault = _fault(polygon, score.parameters)
                if fault:
                    seen[fault] += 1
                    continue
                polygons.append(polygon)
                cells.append(_cells_of(polygon, part, city))
    worth = score.score if limit is not None else allowed.astype(np.float64)
    polygons, cells = _disjoint(polygons, cells, worth, score.parameters)
    why = _why_none(good, found, seen, min_ha=min_ha, limit=limit or 0.0, size=size)
    return CutOut(polygons, cells, why)


def _fault(polygon: shapely.Polygon, limits: Mapping[str, Limit]) -> str:
    if polygon.area < float(limits.get("min_area_ha", 0)) * 1e4 * 0.97:
        return "small"
    if inner_width_m(polygon) < float(limits.get("min_width_m", 0)) * 0.99:
        return "narrow"
    return "ragged" if compactness(polygon) < float(limits.get("compactness_min", 0)) else ""


def _cells_of(
    polygon: shapely.Polygon, cells: NDArray[np.int64], city: CityModel
) -> NDArray[np.int64]:
    """Cells of the area whose centre lies in this outline."""
    x, y = cell_centres(city.grid)
    inside = shapely.intersects_xy(polygon, x[cells], y[cells])
    return cells[inside] if inside.any() else cells


def _disjoint(
    polygons: list[shapely.Polygon],
    cells: list[NDArray[np.int64]],
    worth: NDArray[np.float64],
    limits: Mapping[str, Limit],
) -> tuple[list[shapely.Polygon], list[NDArray[np.int64]]]:
    """Cut what smoothing made two sites share; the better one keeps it."""
    mean = [float(np.nanmean(worth.ravel()[c])) for c in cells]
    order = sorted(range(len(polygons)), key=lambda i: (-mean[i], polygons[i].bounds))
    kept: list[shapely.Polygon] = []
    kept_cells: list[NDArray[np.int64]] = []
    for i in order:
        polygon = polygons[i]
        near = [k for k in kept if k.intersects(polygon)]
        if near:
            rest = shapely.difference(polygon, shapely.union_all(near))
            parts = [p for p in shapely.get_parts(rest) if isinstance(p, shapely.Polygon)]
            polygon = max(parts, key=lambda p: p.area) if parts else shapely.Polygon()
            if _fault(polygon, limits):
                continue
        kept.append(polygon)
        kept_cells.append(cells[i])
    return kept, kept_cells


def _why_none(
    good: NDArray[np.bool_],
    found: list[NDArray[np.int64]],
    seen: Mapping[str, int],
    *,
    min_ha: float,
    limit: float,
    size: float,
) -> str:
    if not good.any():
        return f"no feasible cell scores {limit:.2f} or more"
    if not found:
        total = good.sum() * size**2 / 1e4
        return (
            f"no connected area of {min_ha:g} ha scores {limit:.2f} or more ({total:,.0f} ha do, in "
            "smaller pieces); lower suitability.constraints.min_area_ha or suitability.threshold if smaller "
            "sites are of use"
        )
    listed = ", ".join(f"{count} too {fault}" for fault, count in seen.items() if count)
    return f"no area above {limit:.2f} can be used{f': {listed}' if listed else ''}"
