"""The GeoLibre project of a study: districts, sites and tasks with their styles, in one file that asks for nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kcity_geo.outputs.attribution import credits_of_file
from kcity_geo.outputs.languages import language_of_study, speaking, tell, translated, unmarked
from kcity_geo.outputs.styles import LayerStyle, StyleClass, layer_style
from kcity_geo.outputs.text import json_text, plain_text
from kcity_geo.outputs.themes import reading_rows, sector_title
from kcity_geo.result import SECTORS, Result

__all__ = ["save_geolibre"]

#: Of the format, as GeoLibre's docs/project-format.md states it.
_VERSION = "0.1.0"
_PX_PER_MM = 3.78
_NO_FILL, _FILL = 0.0, 0.7
#: A city of this many degrees fills the page at zoom 9.
_DEGREES_AT_9 = 0.7


def save_geolibre(result: Result, path: Path) -> None:
    """
    Write the project, from the GeoJSON beside it.

    Parameters
    ----------
    result : a finished study.
    path : file to write, in the folder that holds ``districts.geojson`` and its like.
    """
    with speaking(language_of_study(result.study)):
        _save(result, path)


def _save(result: Result, path: Path) -> None:
    home, told = path.parent, credits_of_file(result.data)
    found = [
        _layer(home / "districts.geojson", style)
        for style in _district_styles(result)
        if (home / "districts.geojson").is_file()
    ]
    found += [
        _layer(home / f"{name}.geojson", layer_style(name, 2))
        for name in ("survey_tasks", "sites")
        if (home / f"{name}.geojson").is_file()
    ]
    layers = [layer for layer in found if layer["geojson"]["features"]]
    west, south, east, north = (float(v) for v in result.data.city.boundary.bounds)
    project = {
        "version": _VERSION,
        "name": plain_text(f"{result.data.city.name}: {unmarked(translated(result.score.title))}"),
        "mapView": {
            "center": [round((west + east) / 2, 6), round((south + north) / 2, 6)],
            "zoom": _zoom(max(east - west, north - south)),
            "bearing": 0,
            "pitch": 0,
            "bbox": [round(v, 6) for v in (west, south, east, north)],
        },
        "basemapStyleUrl": "",
        "basemapVisible": False,
        "basemapOpacity": 1,
        "layers": layers,
        "styles": {layer["id"]: layer["style"] for layer in layers},
        "metadata": dict(told),
    }
    path.write_text(json_text(project) + "\n", encoding="utf-8", newline="\n")


def _zoom(degrees: float) -> float:
    """Zoom out a step for each doubling of the extent."""
    zoom = 9.0
    while degrees > _DEGREES_AT_9 and zoom > 1:
        degrees, zoom = degrees / 2, zoom - 1
    while degrees < _DEGREES_AT_9 / 2 and zoom < 16:  # noqa: PLR2004 - a village
        degrees, zoom = degrees * 2, zoom + 1
    return zoom


def _district_styles(result: Result) -> list[LayerStyle]:
    """Give a layer a sector, in the colours of the readings; the last one is on top and shown."""
    there = set(result.gaps.districts.columns)
    found = []
    for sector in reversed(SECTORS):
        if f"{sector}_reading" not in there:
            continue
        classes = tuple(
            StyleClass(words=row.title, colour=row.colour, value=value)
            for value, row in reading_rows(sector).items()
        )
        base = layer_style("districts", 2)
        found.append(
            replace(
                base,
                name=f"districts_{sector}",
                title=tell("theme_reading", title=sector_title(sector)),
                draw="fill",
                column=f"{sector}_reading",
                classes=classes,
                hidden=sector != SECTORS[0],
            )
        )
    return found


def _layer(path: Path, style: LayerStyle) -> dict[str, Any]:
    collection = json.loads(path.read_text(encoding="utf-8"))
    shown = {key: collection[key] for key in ("type", "features")}
    return {
        "id": style.name if style.column else style.layer,
        "name": style.title,
        "type": "geojson",
        "source": {"type": "geojson"},
        "visible": not style.hidden,
        "opacity": 1,
        "style": _style(style),
        "metadata": {"attribution": collection["attribution"], "licence": collection["licence"]},
        "geojson": shown,
        "sourcePath": path.name,
    }


def _style(style: LayerStyle) -> dict[str, Any]:
    colour = style.classes[0].colour
    about: dict[str, Any] = {
        "minZoom": 0,
        "maxZoom": 24,
        "fillColor": colour,
        "strokeColor": "#555555" if style.column else colour,
        "strokeWidth": round(max(style.width_mm, 0.2) * _PX_PER_MM, 2),
        "strokeWidthUnit": "pixels",
        "fillOpacity": _NO_FILL if style.draw == "outline" else _FILL,
        "circleRadius": 6,
        "vectorStyleMode": "single",
    }
    if style.column:
        about |= {
            "vectorStyleMode": "categorized",
            "vectorStyleProperty": style.column,
            "vectorStyleStops": [_stop(one) for one in style.classes],
        }
    return about


def _stop(one: StyleClass) -> Mapping[str, str]:
    return {"value": one.value or "", "color": one.colour, "label": one.words}
