"""The plan of a site on the map: land use and phases as themes, streets and networks as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from kcity_geo.config import read_table
from kcity_geo.outputs.backdrop import encode
from kcity_geo.outputs.claims import plan_area_id
from kcity_geo.outputs.languages import say
from kcity_geo.outputs.text import human, plain_text
from kcity_geo.plan_sheets import MapLayer, PlanSheets
from kcity_geo.programme.plan_words import korean_plan

__all__ = ["plan_lines", "plan_themes", "plan_words"]

#: Layers of a plan that are not lines.
_NO_LINES = (
    "site",
    "site_given",
    "land",
    "streets",
    "blocks",
    "parcels",
    "phases",
    "network_points",
)
#: Theme -> sheet of the map pack that shows the same.
_THEMES = {"plan_use": 19, "plan_phases": 20}
_NO_LAND = ("road", "outline", "given")
#: Of the lead of a plan: who has room, and what works cost.
_WHAT_AND_COST = slice(2, 4)
_STREETS = ("arterial", "collector", "local")


def plan_words(plan: PlanSheets, language: str) -> str:
    """
    Tell a plan in sentences.

    Parameters
    ----------
    plan : of a site.
    language : en or ko.

    Returns
    -------
    What is planned and what it costs; the land of today and the sketch are left out.
    """
    return " ".join(_told(line, language) for line in plan.lead[_WHAT_AND_COST])


def _told(text: str, language: str) -> str:
    text = plain_text(text, max_chars=300)
    return korean_plan(text) if language == "ko" else text


def plan_themes(plan: PlanSheets | None, *, language: str) -> list[dict[str, Any]]:
    """
    Make the themes of a plan.

    Parameters
    ----------
    plan : of a site; None: no themes.
    language : of the words.

    Returns
    -------
    Rows as of `kcity_geo.outputs.map_themes.theme_row` for land use and phases, whose shares are hectares; with
    ``call`` (the script that draws it), ``shapes`` (packed areas by colour) and ``bounds`` of the site.
    """
    if plan is None:
        return []
    found = []
    for key, number in _THEMES.items():
        layers = [
            (plan_area_id(nth, place), layer)
            for nth, sheet in enumerate(plan.maps)
            if sheet.number == number
            for place, layer in enumerate(sheet.layers)
            if layer.style not in _NO_LAND and len(layer.shapes)
        ]
        if layers:
            found.append(_theme(plan, key, layers, language=language))
    return found


def _theme(
    plan: PlanSheets, key: str, layers: Sequence[tuple[str, MapLayer]], *, language: str
) -> dict[str, Any]:
    back = Transformer.from_crs(plan.crs, 4326, always_xy=True)
    west, south, east, north = plan.layers["site"][0].to_crs(4326).total_bounds
    return {
        "key": key,
        "group": "plan",
        "title": say("map", key, language),
        "question": plan_words(plan, language),
        "note": _told(plan.disclaimer, language),
        "of": "",
        "rows": [
            {
                "colour": _style(layer.style)["colour"],
                "striped": False,
                "words": _title(layer.style, language),
                "share": human(layer.area_ha, "ha"),
                "id": area_id,
            }
            for area_id, layer in layers
        ],
        "shapes": [
            {"colour": _style(layer.style)["colour"], "data": encode(_areas(layer), back)}
            for _, layer in layers
        ],
        "bounds": [
            [round(float(south), 5), round(float(west), 5)],
            [round(float(north), 5), round(float(east), 5)],
        ],
        "call": f'kcPlanned("{key}")',
        "picture": False,
    }


def _areas(layer: MapLayer) -> NDArray[np.object_]:
    parts = shapely.get_parts(layer.shapes.to_numpy())
    return np.asarray(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def plan_lines(plan: PlanSheets | None, *, language: str) -> list[dict[str, Any]]:
    """
    Draw streets and networks of a plan.

    Parameters
    ----------
    plan : of a site; None: no lines.
    language : of the words.

    Returns
    -------
    A dictionary each: ``key, title, colour, width, dash, data`` as of `kcity_geo.outputs.map_networks.make_networks`.
    """
    if plan is None:
        return []
    back = Transformer.from_crs(plan.crs, 4326, always_xy=True)
    found: list[tuple[str, gpd.GeoDataFrame]] = []
    if "streets" in plan.layers:
        streets = plan.layers["streets"][0]
        found += [(name, streets[streets["class"] == name]) for name in _STREETS]
    known = read_table("plan_styles")["style"]
    for name, (frame, _) in plan.layers.items():
        if name not in _NO_LINES:
            style = "new_road" if name == "road" else name
            found.append((style if style in known else "other_line", frame))
    drawn = []
    for number, (style, frame) in enumerate(found):
        parts = shapely.get_parts(frame.geometry.to_numpy())
        parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING]
        if len(parts):
            drawn.append(
                {
                    "key": f"plan_line_{number}",
                    "title": _title(style, language),
                    "colour": _style(style)["colour"],
                    "width": max(1.2, float(_style(style).get("width", 1.2))),
                    "dash": "",
                    "data": encode(parts, back),
                }
            )
    return drawn


def _style(name: str) -> dict[str, Any]:
    style: dict[str, Any] = read_table("plan_styles")["style"][name]
    return style


def _title(name: str, language: str) -> str:
    return str(_style(name)["title_ko" if language == "ko" else "title"])
