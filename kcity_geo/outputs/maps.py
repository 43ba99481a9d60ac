"""
The interactive map: one file that opens with the network unplugged.

folium builds the page; Leaflet, styles, pictures and numbers are inlined, and a content security
policy lets nothing else run. Strings from the data never reach folium unescaped (branca runs them
as Jinja templates): they travel as JSON and become text in the page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from kcity_geo.city import City
from kcity_geo.outputs.backdrop import Drawing, make_backdrop
from kcity_geo.outputs.facilities import make_facilities
from kcity_geo.outputs.headline import first_sector
from kcity_geo.outputs.hover import hover_data
from kcity_geo.outputs.overlay import Picture, mercator_picture, png_uri
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.summary import SiteRow, Summary, summarise
from kcity_geo.outputs.text import persons, plain_text, safe_text
from kcity_geo.outputs.themes import EMPTY, Theme, make_themes, painted, rgba_table, sector_title
from kcity_geo.outputs.weights_page import weights_payload
from kcity_geo.result import Result

__all__ = ["build_map", "save_map"]

_GROUPS = {"streets": "Streets and railways", "water": "Rivers and lakes", "land": "Land use"}
_OPACITY = 205
#: Files of ``assets/map`` in the order in which the page runs them; ``start`` comes last.
_SCRIPTS = (
    "core",
    "drawing",
    "legend",
    "cells",
    "panels",
    "sites",
    "print",
    "weighing",
    "weights_form",
    "weights",
    "start",
)
_STYLES = ("map", "weights")


def save_map(result: Result, path: Path) -> None:
    """
    Write the interactive map of a study.

    Parameters
    ----------
    result : a finished study.
    path : file to write.
    """
    path.write_text(build_map(result), encoding="utf-8", newline="\n")


def build_map(result: Result) -> str:
    """
    Make the interactive map of a study.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    One HTML page that requests nothing. The same study gives the same text.

    Raises
    ------
    OutputError
        If the page would load anything from a network (a new version of folium might).
    """
    summary, themes = summarise(result), _ordered(make_themes(result), result)
    backdrop, facilities = make_backdrop(result), make_facilities(result)
    parts = _folium_parts(result, themes, backdrop, facilities)
    west, south, east, north = (round(v, 6) for v in result.data.city.boundary.bounds)
    legends = [
        {
            "key": t.key,
            "title": t.title,
            "question": t.question,
            "note": t.note,
            "rows": [{"colour": c, "striped": s, "words": w} for c, s, w in t.legend],
        }
        for t in themes
    ]
    payload = {
        "map": parts.map_name,
        "legends": legends,
        "names": [safe_text(t.title) for t in themes],
        "drawings": {d.key: d.data for d in backdrop},
        "facilities": facilities,
        "hover": hover_data(result),
        "sites": _site_payload(result, summary.sites),
        "tasks": _task_payload(result),
        "credits": summary.credits,
        "bounds": [[south, west], [north, east]],
        "weights": weights_payload(result),
    }
    return _page(summary, parts, payload)


def _ordered(themes: list[Theme], result: Result) -> list[Theme]:
    """Put the sector of which the first sentence speaks first: the map opens with it."""
    sector = first_sector(result.gaps)
    return sorted(themes, key=lambda t: t.key != f"{sector}_reading")


@dataclass(frozen=True, kw_only=True)
class _Parts:
    head: str
    body: str
    script: str
    map_name: str


def _folium_parts(
    result: Result,
    themes: list[Theme],
    backdrop: list[Drawing],
    facilities: list[dict[str, Any]],
) -> _Parts:
    import folium

    west, south, east, north = result.data.city.boundary.bounds
    page = folium.Map(
        location=[round((south + north) / 2, 6), round((west + east) / 2, 6)],
        tiles=None,
        prefer_canvas=True,
        zoom_snap=0.1,
        attribution_control=True,
        max_zoom=19,
    )
    page.default_js, page.default_css = [], []
    for pane, height in (("kc_land", 210), ("kc_raster", 300), ("kc_lines", 350)):
        folium.map.CustomPane(pane, z_index=height).add_to(page)
    picture = mercator_picture(result.data.grid, outline=result.data.city.boundary_metric)
    for number, theme in enumerate(themes):
        _theme_layer(theme, picture, show=number == 0).add_to(page)
    folium.FeatureGroup(name="Streets only", overlay=False, show=False).add_to(page)
    _page_layer("Candidate sites", ["kcSiteLayer()"], show=True).add_to(page)
    if len(result.gaps.survey_tasks):
        _page_layer("Survey first", ["kcTaskLayer()"], show=False).add_to(page)
    for kind in facilities:
        _page_layer(
            f'<i class="kc-dot" style="background:{kind["colour"]}"></i>{safe_text(kind["title"])}',
            [f"kcPoints({json.dumps(kind['key'])})"],
            show=kind["show"],
        ).add_to(page)
    _add_outlines(result, page)
    for group, title in _GROUPS.items():
        calls = [_drawing_call(d) for d in backdrop if d.group == group]
        if calls:
            _page_layer(title, calls, show=True).add_to(page)
    folium.LayerControl(collapsed=False, position="topright").add_to(page)
    return _render(page)


def _render(page: Any) -> _Parts:  # noqa: ANN401 - folium has no types
    root = page.get_root()
    _number_elements(root)
    root.render()
    return _Parts(
        head=root.header.render(),
        body=root.html.render(),
        script=root.script.render(),
        map_name=page.get_name(),
    )


def _number_elements(root: Any) -> None:  # noqa: ANN401 - folium has no types
    """Give the elements of folium ids in order instead of random ones."""
    stack, number = [root], 0
    while stack:
        element = stack.pop()
        element._id = f"{number:04d}"  # noqa: SLF001 - folium has no public way to set ids
        number += 1
        stack += reversed(list(element._children.values()))  # noqa: SLF001 - nor to walk


def _theme_layer(theme: Theme, picture: Picture, *, show: bool) -> Any:  # noqa: ANN401
    import folium

    codes = picture.take(theme.codes, outside=EMPTY)
    striped = picture.take(theme.hatched, outside=0) == 1
    return folium.raster_layers.ImageOverlay(
        image=png_uri(painted(theme, codes, striped), rgba_table(theme, alpha=_OPACITY)),
        bounds=[list(corner) for corner in picture.bounds],
        name=safe_text(theme.title),
        overlay=False,
        show=show,
        pane="kc_raster",
        interactive=False,
    )


def _page_layer(name: str, calls: list[str], *, show: bool) -> Any:  # noqa: ANN401
    """Layer whose parts are drawn by drawing.js from the data of the page."""
    from branca.element import Template
    from folium.map import Layer

    class PageLayer(Layer):  # type: ignore[misc]
        _template = Template(
            "{% macro script(this, kwargs) %}"
            "var {{ this.get_name() }} = L.layerGroup([{{ this.calls }}]);"
            "{% endmacro %}"
        )

        def __init__(self) -> None:
            super().__init__(name=name, overlay=True, control=True, show=show)
            self._name = "PageLayer"
            self.calls = ", ".join(calls)

    return PageLayer()


def _drawing_call(drawing: Drawing) -> str:
    style = {
        "color": drawing.colour,
        "weight": drawing.width,
        "area": drawing.width == 0,
        "closer": drawing.closer,
    }
    return f"kcShapes({json.dumps(drawing.key)}, {json.dumps(style)})"


def _add_outlines(result: Result, page: Any) -> None:  # noqa: ANN401
    import folium

    city = result.data.city
    tolerance = max(1.0, (city.boundary_metric.area**0.5) / 3000)
    if len(city.districts) > 1:
        folium.GeoJson(
            _outline_json(shapely.boundary(city.districts.geometry.to_numpy()), city, tolerance),
            name="Districts",
            style_function=lambda _: {
                "color": "#3b3b3b", "weight": 1.2, "fill": False, "dashArray": "5 4",
            },
            pane="kc_lines",
            interactive=False,
        ).add_to(page)  # fmt: skip
    folium.GeoJson(
        _outline_json(shapely.boundary([city.boundary_metric]), city, tolerance),
        name="Study area",
        style_function=lambda _: {"color": "#111111", "weight": 2.2, "fill": False},
        pane="kc_lines",
        interactive=False,
    ).add_to(page)


def _outline_json(lines: Any, city: City, tolerance: float) -> dict[str, Any]:  # noqa: ANN401
    """Lines in degrees, each shared border once."""
    import geopandas as gpd

    merged = shapely.simplify(shapely.line_merge(shapely.union_all(lines)), tolerance)
    shape = gpd.GeoSeries([merged], crs=city.crs).to_crs(4326).set_precision(1e-6).iloc[0]
    found: dict[str, Any] = json.loads(shapely.to_geojson(shape))
    return found


def _site_payload(result: Result, rows: tuple[SiteRow, ...]) -> list[dict[str, Any]]:
    """Outline and words of each site; drawing.js draws them and shows the words as text."""
    shapes = result.sites.geometry.to_crs(4326).set_precision(1e-6)
    return [
        {
            "label": row.label,
            "lat": row.lat,
            "lon": row.lon,
            "title": row.title,
            "area": row.area,
            "score": row.score,
            "reasons": row.reasons,
            "concerns": row.concerns,
            "facts": row.facts,
            "stability": row.stability,
            "shape": json.loads(shapely.to_geojson(shape)),
        }
        for row, shape in zip(rows, shapes, strict=True)
    ]


def _task_payload(result: Result) -> list[dict[str, Any]]:
    """Outline and words of each survey task."""
    tasks = result.gaps.survey_tasks
    if not len(tasks):
        return []
    shapes = tasks.geometry.to_crs(4326).set_precision(1e-6)
    return [
        {
            "title": f"Survey {int(row['rank'])}: {plain_text(row['district'], max_chars=60)}",
            "lines": [
                f"{persons(float(row['population']))} people live here",
                f"Nobody can tell of {persons(float(row['people_open']))} of them",
                f"Most to learn about: {sector_title(str(row['sector'])).lower()}",
                f"Look for {plain_text(row['look_for'])}",
            ],
            "shape": json.loads(shapely.to_geojson(shape)),
        }
        for (_, row), shape in zip(tasks.iterrows(), shapes, strict=True)
    ]


def script_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    r"""
    Write JSON that may stand inside a script element.

    Parameters
    ----------
    value : JSON value.

    Returns
    -------
    JSON without ``<``, ``>`` and ``&``.

    Examples
    --------
    >>> script_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark, code in (("<", "003c"), (">", "003e"), ("&", "0026"), ("\u2028", "2028")):
        text = text.replace(mark, f"\\u{code}")
    return text


def _assets(names: tuple[str, ...], ending: str) -> str:
    return "\n".join(asset(f"map/{name}.{ending}") for name in names)


def _page(summary: Summary, parts: _Parts, payload: dict[str, Any]) -> str:
    html = (
        environment()
        .get_template("map.html.j2")
        .render(
            summary=summary,
            leaflet_css=asset("leaflet.css"),
            map_css=_assets(_STYLES, "css"),
            leaflet_js=asset("leaflet.js"),
            map_js=_assets(_SCRIPTS, "js"),
            parts=parts,
            payload=script_json(payload),
        )
    )
    return seal(html)
