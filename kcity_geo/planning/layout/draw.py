"""
Drawing a layout: the land that is divided, a grid whose streets take their share, and the sketch.

A sketch, not a design: it shows that a budget fits on the land and what lies where, so that networks can
be routed and priced. Nobody has surveyed the land.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import LayoutError
from kcity_geo.planning.assumptions import Assumptions
from kcity_geo.planning.land_budget import M2_PER_HA
from kcity_geo.planning.layout.fit import Fit, Task, best_fit, relaid
from kcity_geo.planning.layout.ground import Ground, own_frame, polygons_of
from kcity_geo.planning.layout.pattern import CLASSES, pattern_for
from kcity_geo.planning.layout.sketch import Layout, Plot, sketch
from kcity_geo.planning.site_budget import SiteBudget

__all__ = ["draw_layout", "fit_streets"]

_WIDTH_STEPS, _MODULE_STEPS = 8, 3
#: Streets are drawn this close to their share of the land.
_WITHIN = 0.002
#: A budget of this share of the free land is all of it.
_WHOLE, _CUTS = 0.98, 40
#: Where land is steep or narrow, streets take up to so many times their share of the rest.
_MOST_SHARE = 1.6
_LOCAL = len(CLASSES) - 1


def draw_layout(
    ground: Ground,
    budget: SiteBudget,
    assumptions: Assumptions,
    *,
    crs: CRS,
    phases: Sequence[float] = (1.0,),
) -> Layout:
    """
    Draw streets, blocks and their uses on a site.

    Parameters
    ----------
    ground : land, heights and roads of today.
    budget : land by use.
    assumptions : widths, grades, blocks and parcels.
    crs : metric CRS of the ground.
    phases : shares of the land.

    Returns
    -------
    The layout; the same for the same land, and turned alike when the land is turned.

    Raises
    ------
    LayoutError
        If no block fits on the land; one line.
    """
    plot, fit = fit_streets(ground, budget, assumptions, crs=crs, phases=phases)
    return sketch(plot, fit)


def fit_streets(
    ground: Ground,
    budget: SiteBudget,
    assumptions: Assumptions,
    *,
    crs: CRS,
    phases: Sequence[float] = (1.0,),
) -> tuple[Plot, Fit]:
    """
    Fit the streets of a layout: what `draw_layout` does before uses and parcels.

    Parameters
    ----------
    ground, budget, assumptions, crs, phases : as in `draw_layout`.

    Returns
    -------
    What is drawn on, and streets with blocks.

    Raises
    ------
    LayoutError
        If no block fits on the land; one line.
    """
    planned = _planned(ground, budget)
    land = _buildable(planned, ground, assumptions)
    fit = _drawn(land, ground, budget, assumptions)
    if not fit.laid.blocks:
        raise LayoutError(
            f"layout: no block of {assumptions['block_least_m2']:,.0f} m2 with a front of "
            f"{assumptions['parcel_front_least_m']:g} m fits on {land.area / M2_PER_HA:,.1f} ha between "
            f"streets {fit.laid.grid.pattern.module_m:g} m apart; lower block_module_least_m or block_least_m2"
        )
    plot = Plot(
        ground=ground,
        budget=budget,
        assumptions=assumptions,
        planned=planned,
        land=land,
        crs=crs,
        phases=phases,
    )
    return plot, fit


def _buildable(planned: BaseGeometry, ground: Ground, assumptions: Assumptions) -> BaseGeometry:
    """Give the land that is divided: free, not too steep, and wide enough for two rows of parcels."""
    depth = assumptions["parcel_depth_m"]
    flat = shapely.difference(planned, ground.steep)
    core = shapely.buffer(flat, -depth, join_style="mitre")
    wide = shapely.intersection(shapely.buffer(core, depth, join_style="mitre"), flat)
    parts = [p for p in polygons_of(wide) if p.area >= assumptions["block_least_m2"]]
    if not parts:
        raise LayoutError(
            f"layout: of {ground.outline.area / M2_PER_HA:,.1f} ha no part is free, flat and "
            f"{2 * depth:g} m wide; lower parcel_depth_m or draw another site"
        )
    return shapely.union_all(parts)


def _planned(ground: Ground, budget: SiteBudget) -> BaseGeometry:
    """Give the land of the budget: all that is free, or so many hectares next to the roads of today."""
    wanted = budget.site_ha * M2_PER_HA
    if wanted > ground.free.area * _WHOLE:
        return ground.free
    frame = own_frame(ground.free)
    local: BaseGeometry = shapely.transform(ground.free, frame.inward)
    ends = frame.inward(ground.road_ends)
    from_east = bool(len(ends)) and float(ends[:, 0].mean()) > 0
    west, south, east, north = local.bounds
    low, high = 0.0, east - west
    for _ in range(_CUTS):
        at = (low + high) / 2
        box = (east - at, south, east, north) if from_east else (west, south, west + at, north)
        part = shapely.clip_by_rect(local, *box)
        low, high = (low, at) if part.area > wanted else (at, high)
    found: BaseGeometry = shapely.transform(part, frame.outward)
    return shapely.intersection(found, ground.free)


def _drawn(land: BaseGeometry, ground: Ground, budget: SiteBudget, assumptions: Assumptions) -> Fit:
    """Fit a grid whose streets take their share; the module changes when no width would do."""
    asked = budget.hectares.get("streets", 0.0) * M2_PER_HA / land.area
    share = min(asked, _MOST_SHARE * budget.hectares.get("streets", 0.0) / budget.site_ha)
    if share <= 0:
        raise LayoutError("layout: streets take 0 % of the land; no parcel would have a front")
    longest = max((rule.km_per_km2 for rule in budget.rules.rules), default=0.0)
    frame, aim = own_frame(land), share
    best: Fit | None = None
    for _ in range(_MODULE_STEPS):
        pattern = pattern_for(aim, land.area / M2_PER_HA, assumptions, km_per_km2=longest)
        task = Task(land=land, ground=ground, frame=frame, pattern=pattern, assumptions=assumptions)
        fit = _widened(best_fit(task), share, assumptions)
        miss = fit.laid.street_m2 / land.area - share
        if best is None or abs(miss) < abs(best.laid.street_m2 / land.area - share):
            best = fit
        if abs(miss) < _WITHIN:
            break
        aim = float(np.clip(aim * share / max(miss + share, 1e-3), 0.01, 0.6))
    return best  # type: ignore[return-value]


def _widened(fit: Fit, share: float, assumptions: Assumptions) -> Fit:
    """Solve the width of local streets for the share of streets."""
    low, high = assumptions["local_width_least_m"], assumptions["local_width_most_m"]
    pattern = fit.laid.grid.pattern
    width = float(np.clip(pattern.width_m[2], low, high))
    best = fit
    for _ in range(_WIDTH_STEPS):
        found = relaid(fit, pattern.with_local(width), assumptions)
        miss = found.laid.street_m2 / fit.land.area - share
        if best is fit or abs(miss) < abs(best.laid.street_m2 / fit.land.area - share):
            best = found
        if abs(miss) < _WITHIN / 10:
            break
        low, high = (low, width) if miss > 0 else (width, high)
        local = sum(
            line.length
            for line, c in zip(found.laid.lines, found.laid.classes, strict=True)
            if c == _LOCAL
        )
        step = width - miss * fit.land.area / max(local, 1.0)
        width = step if low < step < high else (low + high) / 2
    return best
