"""Map sheets of a plan: what is drawn in which style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.plan_sheets import MapLayer, MapSheet
from kcity_geo.planning.assumptions import counted
from kcity_geo.planning.concept import Plan
from kcity_geo.planning.layout.phase_order import RESERVE
from kcity_geo.planning.layout.sketch import Layout
from kcity_geo.planning.networks.routed import PlanNetworks
from kcity_geo.planning.networks.tables import utility_title

__all__ = ["plan_maps"]

_MARGIN_M = 300.0
#: A need below half of a facility is met elsewhere.
_HALF = 0.5
_PHASES = 6
_APART_M = 7.0


def plan_maps(plan: Plan) -> Iterator[MapSheet]:
    """
    Give the map sheets of a plan: layout, connections, facilities, land use and phases.

    Parameters
    ----------
    plan : of `kcity_geo.planning.concept.concept`.

    Yields
    ------
    Sheets with their number in the map pack.
    """
    layout = plan.layout
    given = (
        []
        if not plan.site.cut
        else [MapLayer(style="given", shapes=gpd.GeoSeries([plan.site.given]))]
    )
    outline = MapLayer(style="outline", shapes=gpd.GeoSeries([plan.site.outline]))
    roads = MapLayer(style="road", shapes=_roads(plan, plan.site.outline))
    if layout is None:
        yield MapSheet(
            number=0,
            title="Site",
            caption="Outline and roads of today.",
            layers=(roads, *given, outline),
        )
        return
    uses = [
        MapLayer(style=str(use), shapes=frame.geometry)
        for use, frame in layout.parcels.groupby("use", sort=True)
    ]
    yield MapSheet(
        number=0,
        title="Layout",
        caption="Streets, blocks, uses and parcels.",
        layers=(roads, *_land(layout), *uses, *_steep(layout), *given, outline),
    )
    yield MapSheet(
        number=17,
        title="Utility connections and cost",
        caption="Routed networks through the streets of the sketch, drawn beside each other; on the site, before "
        f"engineering and contingency: {_line_costs(plan.networks, outside=False)}."
        if plan.networks is not None
        else "No networks are routed: streets by class, along which they would run.",
        layers=(roads, *_streets(layout), *_networks(plan), outline),
    )
    if plan.networks is not None and plan.networks.lines["outside"].any():
        yield MapSheet(
            number=0,
            title="Connections to the site",
            caption="From what exists to the edge of the site; cost before engineering and contingency: "
            f"{_line_costs(plan.networks, outside=True)}.",
            layers=(
                MapLayer(
                    style="road", shapes=_roads(plan, _reach(plan.networks, plan.site.outline))
                ),
                *_outside(plan.networks),
                outline,
            ),
            whole=True,
        )
    yield MapSheet(
        number=18,
        title="Facilities to add",
        caption=_facilities(plan),
        layers=(
            roads,
            *_land(layout),
            *(layer for layer in uses if layer.style in {"residential", "public", "parks"}),
            outline,
        ),
    )
    blocks = [
        MapLayer(style=str(use), shapes=frame.geometry)
        for use, frame in layout.blocks.groupby("use", sort=True)
    ]
    yield MapSheet(
        number=19,
        title="Land-use budget",
        caption="Blocks by use; the bars compare what was asked for and what is drawn.",
        layers=(*_land(layout), *blocks, outline),
    )
    phases = [
        MapLayer(style=f"phase_{min(int(phase), _PHASES)}", shapes=frame.geometry)
        for phase, frame in layout.blocks.groupby("phase", sort=True)  # without the reserve
    ]
    yield MapSheet(
        number=20,
        title="Phasing",
        caption="Blocks by phase, without streets. Phases grow from the roads of today, each next to opened land, "
        "with about its share of every use; land kept in reserve has no phase.",
        layers=(
            roads,
            *_land(layout),
            *(layer for layer in blocks if layer.style == RESERVE),
            *phases,
            outline,
        ),
    )


def _facilities(plan: Plan) -> str:
    need = plan.demand
    parts = [
        counted(whole, word)
        for amount, word in (
            (need.elementary_schools, "elementary school"),
            (need.clinics, "clinic"),
        )
        if (whole := math.floor(amount + _HALF)) > 0
    ]
    asked = (
        " and ".join(parts)
        or "no elementary school and no clinic of its own (less than half of one each)"
    )
    return f"By numbers the plan needs {asked}; which public block holds which is for the design."


def _reach(networks: PlanNetworks, outline: BaseGeometry) -> BaseGeometry:
    """Give the rectangle around a site and what leads to it."""
    lines = networks.lines.geometry[networks.lines["outside"]].to_numpy()
    return shapely.envelope(shapely.union_all([outline, *lines]))


def _roads(plan: Plan, around: BaseGeometry) -> gpd.GeoSeries:
    roads = plan.data.layers.get("roads_drive")
    if roads is None or not len(roads):
        return gpd.GeoSeries([], crs=plan.data.city.crs)
    window = shapely.box(*around.buffer(_MARGIN_M).bounds)
    near = roads.geometry.iloc[np.sort(roads.sindex.query(window, predicate="intersects"))]
    return gpd.GeoSeries(near.intersection(window))


def _land(layout: Layout) -> list[MapLayer]:
    return [
        MapLayer(style=kind, shapes=layout.land.geometry[layout.land["kind"] == kind])
        for kind in ("constraint", "later", "green", "street")
        if (layout.land["kind"] == kind).any()
    ]


def _streets(layout: Layout) -> list[MapLayer]:
    found = [
        MapLayer(style=name, shapes=layout.streets.geometry[layout.streets["class"] == name])
        for name in ("local", "collector", "arterial")
        if (layout.streets["class"] == name).any()
    ]
    return found + _steep(layout)


def _steep(layout: Layout) -> list[MapLayer]:
    steep = layout.streets[layout.streets["steep"]]
    return [MapLayer(style="steep", shapes=steep.geometry)] if len(steep) else []


def _networks(plan: Plan) -> list[MapLayer]:
    if plan.networks is None:
        return []
    known = read_table("plan_styles")["style"]
    lines = plan.networks.lines
    names = [str(utility) for utility in dict.fromkeys(lines["utility"])]
    return [
        MapLayer(
            style=_line_style(name, known),
            shapes=_beside(lines.geometry[lines["utility"] == name], place - len(names) / 2),
        )
        for place, name in enumerate(names)
    ]


def _outside(networks: PlanNetworks) -> list[MapLayer]:
    known = read_table("plan_styles")["style"]
    lines = networks.lines[networks.lines["outside"]]
    names = dict.fromkeys(lines["utility"].astype(str))
    return [
        MapLayer(style=_line_style(name, known), shapes=lines.geometry[lines["utility"] == name])
        for name in names
    ]


def _line_costs(networks: PlanNetworks, *, outside: bool) -> str:
    lines = networks.lines[networks.lines["outside"] == outside]
    told = [
        f"{utility_title(str(name)).lower()}: {part['length_m'].sum() / 1000:,.1f} km, "
        f"{part['cost'].sum() / 1e6:,.2f} M {networks.currency}"
        for name, part in lines.groupby("utility", sort=False)
    ]
    return "; ".join(told)


def _line_style(name: str, known: Mapping[str, object]) -> str:
    return {"road": "new_road"}.get(name, name if name in known else "other_line")


def _beside(lines: gpd.GeoSeries, place: float) -> gpd.GeoSeries:
    """Draw lines that run through the same street beside each other, whichever way they run."""
    shapes = np.array(lines.to_numpy(), dtype=object)
    ends = shapely.get_coordinates(shapely.get_point(shapes, -1)) - shapely.get_coordinates(
        shapely.get_point(shapes, 0)
    )
    back = (ends[:, 0] < 0) | ((ends[:, 0] == 0) & (ends[:, 1] < 0))
    shapes = np.where(back, shapely.reverse(shapes), shapes)
    return gpd.GeoSeries(shapely.offset_curve(shapes, place * _APART_M), crs=lines.crs)
