"""
The interactive map: one file that opens with the network unplugged.

folium builds the page; Leaflet, styles, pictures and numbers are inlined, and a content security
policy lets nothing else run. Strings from the data never reach folium unescaped (branca runs them
as Jinja templates): they travel as JSON and become text in the page.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import shapely

from kcity_geo.city import City
from kcity_geo.outputs.attribution import head_of_page
from kcity_geo.outputs.backdrop import Drawing, make_backdrop
from kcity_geo.outputs.cited import citing
from kcity_geo.outputs.facilities import make_facilities
from kcity_geo.outputs.headline import first_sector
from kcity_geo.outputs.hover import hover_data, hover_lines
from kcity_geo.outputs.languages import (
    for_script,
    language_of,
    language_of_study,
    marked_up,
    say,
    speaking,
    spoken,
    tell,
)
from kcity_geo.outputs.languages import name as named
from kcity_geo.outputs.legend_shares import legends_made
from kcity_geo.outputs.map_networks import make_networks
from kcity_geo.outputs.map_payload import PageThings, make_payload
from kcity_geo.outputs.map_plan import plan_lines, plan_themes
from kcity_geo.outputs.map_themes import in_groups, indicator_themes, theme_row
from kcity_geo.outputs.overlay import Picture, mercator_picture, png_uri
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.outputs.report_brief import few_words
from kcity_geo.outputs.stripes import painted, rgba_table
from kcity_geo.outputs.summary import Summary, summarise
from kcity_geo.outputs.text import safe_text
from kcity_geo.outputs.themes import EMPTY, Theme, make_themes
from kcity_geo.result import Result

__all__ = ["build_map", "save_map", "script_json"]

_GROUPS = ("streets", "water", "land")
_OPACITY = 205
#: Files of ``assets/map`` in the order in which the page runs them; ``start`` comes last.
_SCRIPTS = (
    "core", "drawing", "names", "paint", "themes", "card", "cells", "tools", "search", "panels",
    "places", "measure", "swipe", "picture", "story", "print", "weighing", "cell_classes",
    "weights_form", "weights", "state", "start",
)  # fmt: skip
_STYLES = ("map", "tools", "weights", "small")


#: What must not stand in a script, and what no editor may get: controls, and marks that turn the reading.
_ESCAPED = re.compile("[<>&\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def save_map(result: Result, path: Path, *, language: str = "") -> None:
    """
    Write the interactive map of a study.

    Parameters
    ----------
    result : a finished study.
    path : file to write.
    language : of the words of the page, one of `kcity_geo.outputs.languages.LANGUAGES`; empty: that of
        the report of the study.
    """
    path.write_text(build_map(result, language=language), encoding="utf-8", newline="\n")


def build_map(result: Result, *, language: str = "") -> str:
    """
    Make the interactive map of a study.

    Parameters
    ----------
    result : a finished study.
    language : of the words of the page, one of `kcity_geo.outputs.languages.LANGUAGES`; empty: that of
        the report of the study.

    Returns
    -------
    One HTML page that requests nothing. The same study gives the same text.

    Raises
    ------
    OutputError
        If the page would load anything from a network (a new version of folium might).
    """
    words = language_of(language) if language else language_of_study(result.study)
    with speaking(words):
        html = _build(result, language=words.code)
    return seal(html, images_from=result.study.map.origin)


def _build(result: Result, *, language: str) -> str:
    """Make the page in the language that is spoken, not yet sealed."""
    summary = summarise(result)
    with citing():
        themes = in_groups(_ordered(make_themes(result), result))
    lines = hover_lines(result)
    hover = hover_data(result, lines)
    rows = [theme_row(result, theme) | {"picture": True} for theme in themes]
    rows += plan_themes(result.plan, language=language)
    rows += [
        row | {"picture": True} for row in indicator_themes(result, lines, hover, language=language)
    ]
    legends_made(result)
    networks, backdrop = make_networks(result), make_backdrop(result)
    planned = plan_lines(result.plan, language=language)
    lines_of = {"networks": networks, "plan": planned}
    parts = _folium_parts(
        result, themes, rows, backdrop=backdrop, lines=lines_of, language=language
    )
    payload = make_payload(
        result,
        summary,
        PageThings(
            map_name=parts.map_name,
            themes=rows,
            overlays=parts.overlays,
            drawings={d.key: d.data for d in backdrop}
            | {line["key"]: line.pop("data") for line in (*networks, *planned)},
            facilities=parts.facilities,
            hover=hover,
            picture=parts.picture,
            opacity=_OPACITY / 255,
        ),
        language=language,
    )
    with citing():
        about = head_of_page(result.data, author=result.study.report.author)
        return _page(summarise(result), parts, payload, language=language, about=about)


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
    picture: Picture
    facilities: list[dict[str, Any]]
    overlays: list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class _Layers:
    """The layers of a page as they are added, and what the page must know of them."""

    page: Any
    language: str
    overlays: list[tuple[dict[str, Any], Any]] = field(default_factory=list)

    def add(self, layer: Any, key: str, *, group: str, title: str, show: bool) -> None:  # noqa: ANN401
        layer.add_to(self.page)
        self.overlays.append(({"key": key, "group": group, "title": title, "show": show}, layer))

    def drawn(self, key: str, calls: list[str], *, group: str, show: bool) -> None:
        """Add a layer that the page draws from its data."""
        title = say("map", f"layer_{key}", self.language)
        self.add(_page_layer(title, calls, show=show), key, group=group, title=title, show=show)


def _folium_parts(
    result: Result,
    themes: list[Theme],
    rows: list[dict[str, Any]],
    *,
    backdrop: list[Drawing],
    lines: dict[str, list[dict[str, Any]]],
    language: str,
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
    for pane, height in (
        ("kc_tiles", 190), ("kc_land", 210), ("kc_raster", 300),
        ("kc_swipe", 301), ("kc_lines", 350), ("kc_names", 610),
    ):  # fmt: skip
        folium.map.CustomPane(pane, z_index=height).add_to(page)
    picture = mercator_picture(result.data.grid, outline=result.data.city.boundary_metric)
    facilities = make_facilities(result)
    _add_themes(page, themes, rows, picture=picture, language=language)
    layers = _Layers(page, language)
    _add_overlays(layers, result, facilities=facilities, lines=lines, backdrop=backdrop)
    folium.LayerControl(collapsed=False, position="topright").add_to(page)
    head, body, script = _render(page)
    for row in rows:
        row["layer"] = row["layer"].get_name()
    return _Parts(
        head=head,
        body=body,
        script=script,
        map_name=page.get_name(),
        picture=picture,
        facilities=facilities,
        overlays=[about | {"layer": layer.get_name()} for about, layer in layers.overlays],
    )


def _add_themes(
    page: Any,  # noqa: ANN401 - folium has no types
    themes: list[Theme],
    rows: list[dict[str, Any]],
    *,
    picture: Picture,
    language: str,
) -> None:
    """Add the pictures of the themes, and those that the page paints itself."""
    by_key = {theme.key: theme for theme in themes}
    for number, row in enumerate(rows):
        if row["key"] in by_key:
            row["layer"] = _theme_layer(by_key[row["key"]], picture, show=number == 0)
        else:
            call = row.pop("call", "") or f"kcPainted({json.dumps(row['key'])})"
            row["layer"] = _page_layer(row["title"], [call], show=False, base=True, single=True)
        row["layer"].add_to(page)
    nothing = say("map", "streets_only", language)
    layer = _page_layer(nothing, [], show=False, base=True)
    layer.add_to(page)
    rows.append(
        {"key": "none", "group": "", "title": nothing, "question": "", "note": "", "of": "", "rows": [],
         "layer": layer, "picture": False}
    )  # fmt: skip


def _add_overlays(
    layers: _Layers,
    result: Result,
    *,
    facilities: list[dict[str, Any]],
    lines: dict[str, list[dict[str, Any]]],
    backdrop: list[Drawing],
) -> None:
    layers.drawn("sites", ["kcSiteLayer()"], group="findings", show=True)
    if len(result.gaps.survey_tasks):
        layers.drawn("tasks", ["kcTaskLayer()"], group="findings", show=False)
    for group, drawn in lines.items():
        for one in drawn:
            style = {
                "color": one["colour"],
                "weight": one["width"],
                "dash": one["dash"],
                "closer": 0,
            }
            call = f"kcShapes({json.dumps(one['key'])}, {json.dumps(style)})"
            title = one.get("title") or say("map", f"layer_{one['key']}", layers.language)
            layer = _page_layer(title, [call], show=False, before=_dot(one["colour"]))
            layers.add(layer, one["key"], group=group, title=title, show=False)
    for kind in facilities:
        dot = _dot(kind["colour"])
        layer = _page_layer(
            kind["title"], [f"kcPoints({json.dumps(kind['key'])})"], show=kind["show"], before=dot
        )
        layers.add(layer, kind["key"], group="facilities", title=kind["title"], show=kind["show"])
    tiles = result.study.map
    if tiles.tiles:
        title = say(
            "map", "layer_tiles", layers.language, host=tiles.origin.removeprefix("https://")
        )
        layer = _page_layer(title, ["kcTiles()"], show=False)
        layers.add(layer, "tiles", group="background", title=title, show=False)
    layers.drawn("names", ["kcNames()"], group="background", show=True)
    _add_outlines(result, layers)
    for group in _GROUPS:
        calls = [_drawing_call(d) for d in backdrop if d.group == group]
        if calls:
            layers.drawn(group, calls, group="background", show=True)


def _dot(colour: str) -> str:
    """Colour of a layer, before its name in the list."""
    return f'<i class="kc-dot" style="background:{colour}"></i>'


def _render(page: Any) -> tuple[str, str, str]:  # noqa: ANN401 - folium has no types
    root = page.get_root()
    _number_elements(root)
    root.render()
    return root.header.render(), root.html.render(), root.script.render()


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
        name=_marked_name(theme.title),
        overlay=False,
        show=show,
        pane="kc_raster",
        interactive=False,
    )


def _marked_name(text: str) -> str:
    """Give the name of a layer as HTML, with an original set apart."""
    return marked_up(safe_text(text), language=spoken())


def _page_layer(
    name: str,
    calls: list[str],
    *,
    show: bool,
    base: bool = False,
    single: bool = False,
    before: str = "",
) -> Any:  # noqa: ANN401
    """Layer whose parts are drawn by the scripts of the page from its data."""
    return _page_layer_class()(
        calls[0] if single else f"L.layerGroup([{', '.join(calls)}])",
        name=before + _marked_name(name),
        overlay=not base,
        control=True,
        show=show,
    )


@cache
def _page_layer_class() -> Any:  # noqa: ANN401 - folium loads lazily
    """Make the class of these layers, its template compiled once."""
    from branca.element import Template
    from folium.map import Layer

    class PageLayer(Layer):  # type: ignore[misc]
        _template = Template(
            "{% macro script(this, kwargs) %}"
            "var {{ this.get_name() }} = {{ this.calls }};"
            "{% endmacro %}"
        )

        def __init__(self, calls: str, **about: Any) -> None:  # noqa: ANN401 - of folium
            super().__init__(**about)
            self._name = "PageLayer"
            self.calls = calls

    return PageLayer


def _drawing_call(drawing: Drawing) -> str:
    style = {
        "color": drawing.colour,
        "weight": drawing.width,
        "area": drawing.width == 0,
        "closer": drawing.closer,
    }
    return f"kcShapes({json.dumps(drawing.key)}, {json.dumps(style)})"


def _add_outlines(result: Result, layers: _Layers) -> None:
    city = result.data.city
    tolerance = max(1.0, (city.boundary_metric.area**0.5) / 3000)
    if len(city.districts) > 1:
        lines = shapely.boundary(city.districts.geometry.to_numpy())
        style = {"color": "#3b3b3b", "weight": 1.2, "fill": False, "dashArray": "5 4"}
        _outline(layers, "districts", _outline_json(lines, city, tolerance), style)
    style = {"color": "#111111", "weight": 2.2, "fill": False}
    whole = shapely.boundary([city.boundary_metric])
    _outline(layers, "outline", _outline_json(whole, city, tolerance), style)


def _outline(layers: _Layers, key: str, shape: dict[str, Any], style: dict[str, Any]) -> None:
    import folium

    title = say("map", f"layer_{key}", layers.language)
    layer = folium.GeoJson(
        shape, name=title, style_function=lambda _: style, pane="kc_lines", interactive=False
    )
    layers.add(layer, key, group="background", title=title, show=True)


def _outline_json(lines: Any, city: City, tolerance: float) -> dict[str, Any]:  # noqa: ANN401
    """Lines in degrees, each shared border once."""
    import geopandas as gpd

    merged = shapely.simplify(shapely.line_merge(shapely.union_all(lines)), tolerance)
    shape = gpd.GeoSeries([merged], crs=city.crs).to_crs(4326).set_precision(1e-6).iloc[0]
    found: dict[str, Any] = json.loads(shapely.to_geojson(shape))
    return found


def script_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    r"""
    Write JSON that may stand inside a script element.

    Parameters
    ----------
    value : JSON value.

    Returns
    -------
    JSON without ``<``, ``>``, ``&`` and control characters, which stand as escapes.

    Examples
    --------
    >>> script_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _assets(names: tuple[str, ...], ending: str) -> str:
    return "\n".join(asset(f"map/{name}.{ending}") for name in names)


def _page(
    summary: Summary,
    parts: _Parts,
    payload: dict[str, Any],
    *,
    language: str,
    about: tuple[tuple[str, str], ...],
) -> str:
    html = (
        environment()
        .get_template("map.html.j2")
        .render(
            summary=summary,
            about=about,
            language=language,
            leaflet_css=asset("leaflet.css"),
            map_css=_assets(_STYLES, "css"),
            leaflet_js=asset("leaflet.js"),
            map_js=_assets(_SCRIPTS, "js"),
            parts=parts,
            payload=for_script(script_json(payload)),
            t=tell,
            named=named,
            few=few_words,
        )
    )
    return marked_up(html, language=spoken())
