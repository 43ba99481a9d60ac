"""Sketch: a fitted grid becomes land, blocks with uses, and parcels with fronts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from kcity_geo.planning.assumptions import USES, Assumptions, counted, use_title
from kcity_geo.planning.land_budget import M2_PER_HA
from kcity_geo.planning.layout.fit import Fit, grades, limits_of, turned
from kcity_geo.planning.layout.ground import Ground, polygons_of
from kcity_geo.planning.layout.land_use import Assigned, Wanted, assign_uses
from kcity_geo.planning.layout.parcels import ParcelRules, cut, parcels_of
from kcity_geo.planning.layout.pattern import CLASSES, Pattern
from kcity_geo.planning.layout.phase_order import phases_of_blocks
from kcity_geo.planning.layout.street_grid import Box, front_m
from kcity_geo.planning.site_budget import SiteBudget

__all__ = ["KINDS", "PARCELS", "SKETCH", "Layout", "Plot", "sketch"]

SKETCH = "sketch, not a design"
#: What land can be; every spot of the outline is one of them.
KINDS = ("block", "street", "green", "later", "constraint")
_GRID_M = 1e-3
#: Uses that are cut into parcels, and the assumption that says how large.
PARCELS = {
    "residential": "parcel_homes_m2",
    "public": "parcel_homes_m2",
    "commercial": "parcel_commercial_m2",
    "industry": "parcel_industry_m2",
}
#: A block is near enough to the land of a small use when it is at most so many times as large.
_NEAR = 1.5
#: A use is drawn for sure on a site that gives it a quarter more than the smallest block.
_ROOM = 1.25
_NOTED_M = 50.0
#: Sites are told in whole hectares from here on.
_ROUND = 10.0
_POINT = 0.01


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Layout:
    """
    Streets, blocks and parcels of a site; a sketch, not a design.

    Parameters
    ----------
    streets : centre lines from crossing to crossing, metric CRS: ``street_id, class`` (arterial,
        collector, local), ``width_m, length_m, grade`` (rise over length, NaN unknown), ``steep``
        (over the limit of the class).
    land : all the land of the outline, each spot once: ``kind`` (block, street, green, later: free and
        not planned, constraint), ``area_m2``.
    blocks : ``block_id, use, area_m2, front_m, phase`` (missing: in reserve, no phase opens it).
    parcels : ``parcel_id, block_id, use, area_m2, front_m``.
    areas : a row a use: ``use, asked_ha, drawn_ha, difference_share`` (of the budget).
    pattern : module and widths of the grid.
    turn_deg : of the grid against the main direction of the site.
    score : what the fit minimised: grade, slivers, dead ends, roads.
    notes : what must be read beside the sketch.
    """

    streets: gpd.GeoDataFrame
    land: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    parcels: gpd.GeoDataFrame
    areas: pd.DataFrame
    pattern: Pattern
    turn_deg: int
    score: Mapping[str, float]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Say the sketch in one line."""
        length = self.streets["length_m"].sum() / 1000
        return (
            f"Layout({len(self.blocks)} blocks, {len(self.parcels)} parcels, {length:,.1f} km of "
            f"streets; {SKETCH})"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Plot:
    """
    What is drawn on, and for what.

    Parameters
    ----------
    ground : land, heights and roads of today.
    budget : land by use.
    assumptions : of the plan.
    planned : land of the budget: all that is free, or a part of it.
    land : of it, flat and wide enough for blocks.
    crs : metric CRS.
    phases : shares of the land.
    """

    ground: Ground
    budget: SiteBudget
    assumptions: Assumptions
    planned: BaseGeometry
    land: BaseGeometry
    crs: CRS
    phases: Sequence[float] = (1.0,)


def sketch(plot: Plot, fit: Fit) -> Layout:
    """
    Turn a fitted grid into a layout.

    Parameters
    ----------
    plot : land and budget.
    fit : streets and blocks.

    Returns
    -------
    The layout.
    """
    land = _coverage(plot, fit)
    hectares = _hectares(plot, land)
    blocks, boxes = _with_small_uses(land["block"], fit.laid.boxes, hectares, plot.assumptions)
    assigned = assign_uses(
        Wanted(
            blocks=blocks,
            hectares=hectares,
            site_ha=plot.budget.site_ha,
            greens=[g for g in land["green"] if g.area >= plot.assumptions["block_least_m2"]],
            features=_features(blocks, plot, fit),
        ),
        plot.assumptions,
    )
    streets = _streets(plot, fit)
    areas = _areas(plot, land, blocks, assigned.uses)
    order = [f"B{number:03d}" for number in range(1, len(blocks) + 1)]
    frame = gpd.GeoDataFrame(
        {
            "block_id": order,
            "use": list(assigned.uses),
            "area_m2": shapely.area(blocks),
            "front_m": [front_m(b, x) for b, x in zip(blocks, boxes, strict=True)],
        },
        geometry=_out(blocks, fit),
        crs=plot.crs,
    )
    phase = phases_of_blocks(
        frame, plot.phases, _entry(plot), widest_m=max(fit.laid.grid.pattern.width_m)
    )
    frame["phase"] = pd.array(phase, dtype="Int64")
    frame.loc[phase == 0, "phase"] = pd.NA
    return Layout(
        streets=streets,
        land=_land_frame(land, plot, fit),
        blocks=frame,
        parcels=_parcels(blocks, boxes, frame, plot, fit),
        areas=areas,
        pattern=fit.laid.grid.pattern,
        turn_deg=fit.turn,
        score={"score": fit.score, **{n.removeprefix("fit_"): p for n, p in fit.parts.items()}},
        notes=_notes(plot, streets, areas, assigned),
    )


def _entry(plot: Plot) -> shapely.Point:
    """Where building starts: the middle one of the road ends of today, else the middle of the site."""
    ends = plot.ground.road_ends
    if not len(ends):
        return shapely.centroid(plot.land)
    mean = np.round(
        np.hypot(*(ends[:, None, :] - ends[None, :, :]).transpose(2, 0, 1)).sum(axis=1), 3
    )
    return shapely.Point(ends[int(np.argmin(mean))])


def _out(shapes: Sequence[BaseGeometry], fit: Fit) -> list[BaseGeometry]:
    return list(shapely.transform(np.array(shapes, dtype=object), fit.frame.outward))


def _coverage(plot: Plot, fit: Fit) -> dict[str, list[shapely.Polygon]]:
    """Divide the outline so that neighbours share every corner: kind -> pieces; blocks in their order."""
    outline, free, planned = (
        turned(shape, fit.frame) for shape in (plot.ground.outline, plot.ground.free, plot.planned)
    )
    street = shapely.union_all(fit.laid.streets, grid_size=_GRID_M)
    drawn = [*fit.laid.blocks, street]
    rims = [shapely.boundary(shape) for shape in (*drawn, outline, free, planned)]
    noded = shapely.union_all(rims, grid_size=_GRID_M)
    faces = np.array(shapely.get_parts(shapely.polygonize([noded])), dtype=object)
    inner = shapely.point_on_surface(faces)
    owner = np.full(len(faces), -1)
    face, piece = shapely.STRtree(inner).query(
        np.array(drawn, dtype=object), predicate="intersects"
    )[::-1]
    owner[face] = piece
    found: dict[str, list[shapely.Polygon]] = {kind: [] for kind in KINDS}
    for number in range(len(fit.laid.blocks)):
        largest, *crumbs = sorted(
            polygons_of(shapely.coverage_union_all(faces[owner == number])), key=lambda p: -p.area
        )
        found["block"].append(largest)
        found["green"] += crumbs
    found["street"] = polygons_of(shapely.coverage_union_all(faces[owner == len(fit.laid.blocks)]))
    rest = owner < 0
    levels = (("green", planned), ("later", free), ("constraint", outline))
    for kind, shape in levels:
        shapely.prepare(shape)
        here = rest & shapely.intersects(shape, inner)
        if here.any():
            found[kind] += polygons_of(shapely.coverage_union_all(faces[here]))
        rest &= ~here
    return found


def _hectares(plot: Plot, land: Mapping[str, list[shapely.Polygon]]) -> dict[str, float]:
    """Give the land of each use of blocks, scaled to the blocks that there are."""
    asked = {u: a for u, a in plot.budget.hectares.items() if u != "streets" and a > 0}
    blocks = float(shapely.area(land["block"]).sum()) / M2_PER_HA
    green = float(shapely.area(land["green"]).sum()) / M2_PER_HA
    if "parks" in asked:
        asked["parks"] = max(asked["parks"] - green, 0.0)
    total = sum(asked.values())
    return {use: area * blocks / total for use, area in asked.items() if area > 0}


def _with_small_uses(
    blocks: Sequence[shapely.Polygon],
    boxes: Sequence[Box],
    hectares: Mapping[str, float],
    assumptions: Assumptions,
) -> tuple[list[shapely.Polygon], list[Box]]:
    """Cut a block for every use that is asked for less land than any block has."""
    shapes, sides = list(blocks), list(boxes)
    taken: set[int] = set()
    for use in sorted(hectares, key=lambda u: (hectares[u], u)):
        wanted = hectares[use] * M2_PER_HA
        area = shapely.area(np.array(shapes, dtype=object))
        free = [
            n for n in np.argsort(np.abs(area - wanted), kind="stable").tolist() if n not in taken
        ]
        if wanted < assumptions["block_least_m2"] or not free:
            continue
        near = [n for n in free if wanted / 2 <= area[n] <= _NEAR * wanted]
        if near or area.min() <= wanted / 2:
            taken.update(near[:1])
            continue
        for number in free:
            cut_off = _cut_off(shapes[number], sides[number], wanted, assumptions)
            if cut_off is not None:
                shapes[number] = cut_off[1]
                shapes.append(cut_off[0])
                sides.append(sides[number])
                taken.add(len(shapes) - 1)
                break
    return shapes, sides


def _cut_off(
    block: shapely.Polygon, box: Box, area_m2: float, assumptions: Assumptions
) -> tuple[shapely.Polygon, shapely.Polygon] | None:
    west, south, east, north = block.bounds
    longer = 0 if east - west >= north - south else 1
    for axis in (longer, 1 - longer):
        first, second = cut(block, axis, area_m2 / block.area)
        if first is None or second is None:
            continue
        fronts = min(front_m(first, box), front_m(second, box))
        if (
            fronts >= assumptions["parcel_front_least_m"]
            and second.area >= assumptions["block_least_m2"]
        ):
            return first, second
    return None


def _features(
    blocks: Sequence[shapely.Polygon], plot: Plot, fit: Fit
) -> dict[str, NDArray[np.float64]]:
    middle = shapely.get_coordinates(shapely.centroid(np.array(blocks, dtype=object)))
    centre = np.hypot(*(middle - shapely.get_coordinates(fit.land.centroid)).T)
    centre = centre / max(centre.max(), 1.0)
    road = np.full(len(blocks), 0.5)
    ends = fit.frame.inward(plot.ground.road_ends)
    if len(ends):
        away = np.hypot(*(middle[:, None, :] - ends[None, :, :]).transpose(2, 0, 1)).min(axis=1)
        road = away / max(away.max(), 1.0)
    low = np.full(len(blocks), 0.5)
    if plot.ground.heights is not None:
        height = plot.ground.heights(fit.frame.outward(middle))
        span = np.nanmax(height) - np.nanmin(height) if np.isfinite(height).any() else 0.0
        if span > 0:
            low = np.nan_to_num((height - np.nanmin(height)) / span, nan=0.5)
    return {
        "centre": centre,
        "edge": 1 - centre,
        "road": road,
        "low": low,
        "spread": _spread(middle, centre, fit.land.area, plot.assumptions["park_walk_m"]),
    }


def _spread(
    middle: NDArray[np.float64], centre: NDArray[np.float64], land_m2: float, reach_m: float
) -> NDArray[np.float64]:
    """Distance to the nearest of some blocks that lie as far apart as they can, 0 to 1."""
    number = max(int(np.floor(land_m2 / (np.pi * reach_m**2) + 0.5)), 1)
    away = np.full(len(middle), np.inf)
    here = int(np.argmax(np.round(centre, 9)))
    for _ in range(min(number, len(middle))):
        away = np.minimum(away, np.hypot(*(middle - middle[here]).T))
        here = int(np.argmax(np.round(away, 3)))
    return np.asarray(away / max(float(away.max()), 1.0))


def _streets(plot: Plot, fit: Fit) -> gpd.GeoDataFrame:
    classes = np.array(fit.laid.classes)
    grade = grades(fit.laid, plot.ground, fit.frame)
    return gpd.GeoDataFrame(
        {
            "street_id": [f"S{number:04d}" for number in range(1, len(classes) + 1)],
            "class": [CLASSES[c] for c in classes.tolist()],
            "width_m": [fit.laid.grid.pattern.width_m[c] for c in classes.tolist()],
            "length_m": shapely.length(fit.laid.lines),
            "grade": grade,
            "steep": grade > limits_of(plot.assumptions)[classes],
        },
        geometry=_out(fit.laid.lines, fit),
        crs=plot.crs,
    )


def _land_frame(
    land: Mapping[str, list[shapely.Polygon]], plot: Plot, fit: Fit
) -> gpd.GeoDataFrame:
    kinds = [kind for kind in KINDS for _ in land[kind]]
    shapes = [shape for kind in KINDS for shape in land[kind]]
    return gpd.GeoDataFrame(
        {"kind": kinds, "area_m2": shapely.area(np.array(shapes, dtype=object))},
        geometry=_out(shapes, fit),
        crs=plot.crs,
    )


def _parcels(
    blocks: Sequence[shapely.Polygon],
    boxes: Sequence[Box],
    frame: gpd.GeoDataFrame,
    plot: Plot,
    fit: Fit,
) -> gpd.GeoDataFrame:
    rows, shapes = [], []
    told = zip(blocks, boxes, frame["block_id"], frame["use"], strict=True)
    for block, box, block_id, use in told:
        area = plot.assumptions[PARCELS[use]] if use in PARCELS else np.inf
        rules = ParcelRules(
            area_m2=area,
            front_least_m=plot.assumptions["parcel_front_least_m"],
            aspect_most=plot.assumptions["parcel_aspect_most"],
        )
        for number, part in enumerate(parcels_of(block, box, rules), start=1):
            rows.append((f"{block_id}-{number:02d}", block_id, use, part.area, front_m(part, box)))
            shapes.append(part)
    names = ["parcel_id", "block_id", "use", "area_m2", "front_m"]
    return gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=names), geometry=_out(shapes, fit), crs=plot.crs
    )


def _areas(
    plot: Plot,
    land: Mapping[str, list[shapely.Polygon]],
    blocks: Sequence[shapely.Polygon],
    uses: Sequence[str],
) -> pd.DataFrame:
    drawn = dict.fromkeys((*USES, "reserve"), 0.0)
    for block, use in zip(blocks, uses, strict=True):
        drawn[use] += block.area / M2_PER_HA
    drawn["streets"] = float(shapely.area(land["street"]).sum()) / M2_PER_HA
    drawn["parks"] += float(shapely.area(land["green"]).sum()) / M2_PER_HA
    asked = plot.budget.hectares
    return pd.DataFrame(
        {
            "use": list(drawn),
            "asked_ha": [asked.get(use, 0.0) for use in drawn],
            "drawn_ha": list(drawn.values()),
            "difference_share": [
                (a - asked.get(u, 0.0)) / plot.budget.site_ha for u, a in drawn.items()
            ],
        }
    )


def _notes(
    plot: Plot, streets: gpd.GeoDataFrame, areas: pd.DataFrame, assigned: Assigned
) -> tuple[str, ...]:
    notes = [f"layout: {SKETCH}; nobody has surveyed the land"]
    if plot.ground.roads_m > _NOTED_M:
        notes.append(
            f"layout: {plot.ground.roads_m / 1000:,.1f} km of roads of today on the site are built over; keep "
            "those that others need"
        )
    if plot.ground.heights is None:
        notes.append(
            "layout: heights are not known; grades of streets and steep land were not looked at"
        )
    for name, limit in zip(CLASSES, limits_of(plot.assumptions).tolist(), strict=True):
        steep = streets[streets["steep"] & (streets["class"] == name)]
        if len(steep):
            notes.append(
                f"layout: {counted(len(steep), 'piece')} of {name} streets, {steep['length_m'].sum():,.0f} m, "
                f"{'is' if len(steep) == 1 else 'are'} steeper than {limit:.0%} "
                f"(up to {steep['grade'].max():.0%}): {_some(steep['street_id'])}"
            )
    least, plan_ha = plot.assumptions["block_least_m2"] / M2_PER_HA, plot.budget.site_ha
    told = zip(areas["use"], areas["asked_ha"].tolist(), areas["drawn_ha"].tolist(), strict=True)
    notes += [
        f"layout: {_not_drawn(use, asked, least, plan_ha)}"
        for use, asked, drawn in told
        if asked > 0 and drawn == 0
    ]
    streets_row = areas[areas["use"] == "streets"].iloc[0]
    if abs(float(streets_row["difference_share"])) > _POINT:
        notes.append(
            f"layout: streets take {streets_row['drawn_ha'] / plan_ha:.1%} of the land instead of "
            f"{streets_row['asked_ha'] / plan_ha:.1%}; no width and distance of streets comes closer"
        )
    notes += [f"layout: {text}" for text in assigned.missed]
    return tuple(notes)


def _not_drawn(use: str, asked: float, least: float, plan_ha: float) -> str:
    """Say why a use has no block, and what would give it one."""
    told = f"{use_title(use).lower()}: none is drawn, {asked:,.3f} ha are asked for"
    if asked < least:
        room = plan_ha * least / asked * _ROOM
        site = f"a site of {room:,.0f} ha" if room >= _ROUND else f"a site of {room:,.1f} ha"
        return (
            f"{told}, less than the smallest block ({least:,.3f} ha); {site} "
            "or smaller blocks would have room for it"
        )
    return f"{told}, and larger uses fill the few blocks of the site; smaller blocks would have room for it"


def _some(names: Sequence[str], most: int = 6) -> str:
    told = list(names)
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
