"""For scripts: one theme as a layer of a folium map that somebody has, and a map to go on with."""

from __future__ import annotations

import json
from typing import Any

import folium
import numpy as np
import shapely
import xarray as xr
from branca.element import MacroElement, Template
from odc.geo.geobox import GeoBox

from kcity_geo.errors import StudyError
from kcity_geo.outputs.attribution import credits_line
from kcity_geo.outputs.colours import meaning_of, rgb
from kcity_geo.outputs.looks import cells_of
from kcity_geo.outputs.overlay import mercator_picture, png_uri
from kcity_geo.outputs.stripes import hatch, painted, rgba_table
from kcity_geo.outputs.text import human, safe_text
from kcity_geo.outputs.themes import (
    EMPTY,
    Theme,
    is_reading,
    make_themes,
    reading_rows,
)
from kcity_geo.result import Gaps, Result

__all__ = ["layer", "map"]

_OPACITY = 205
_STEPS = 64
_STRIPE = (90, 90, 90)

#: Colour, words, and whether it is striped.
Row = tuple[str, str, bool]
#: Stripes of a chip of the legend.
_STRIPES = "repeating-linear-gradient(135deg,rgba(90,90,90,.85) 0 1.5px,transparent 1.5px 6px)"


def _grid_of(cells: xr.DataArray) -> GeoBox:
    """Give the grid of a variable, from its coordinates and its CRS."""
    x, y = cells["x"].to_numpy(), cells["y"].to_numpy()
    side = abs(float(x[1] - x[0]))
    bounds = (x[0] - side / 2, y[-1] - side / 2, x[-1] + side / 2, y[0] + side / 2)
    crs = str(cells["spatial_ref"].attrs["crs_wkt"])
    return GeoBox.from_bbox(bounds, crs=crs, shape=cells.shape)


def layer(
    thing: Gaps | Result, name: str = "", *, show: bool = True, legend: bool = True
) -> folium.FeatureGroup:
    """
    Make one theme of a study a layer of a folium map.

    Parameters
    ----------
    thing : gaps, or a finished study.
    name : an indicator (``"T1"``), a sector (``"water"``: its gap), a reading (``"water_reading"``), any other variable
        of ``gaps.cells``, and for a finished study ``"suitability"``; the composite gap when empty.
    show : whether the layer is shown at first.
    legend : add a legend, which comes and goes with the layer.

    Returns
    -------
    Layer for ``layer(...).add_to(your_map)``: a picture of the cells in the colours of `plot`, with legend and
    credits. Cells without a value are transparent. Every string is escaped.

    Raises
    ------
    StudyError
        If there is no such layer.

    Examples
    --------
    >>> from kcity_geo.demo import make_toy
    >>> import kcity_geo as kc
    >>> gaps = kc.assess_gaps(make_toy(arrays={"population": 10.0}))
    >>> m = folium.Map()
    >>> _ = layer(gaps, "transport").add_to(m)
    """
    if not isinstance(thing, Gaps | Result):
        raise StudyError(f"layer: needs gaps or a finished study, not {type(thing).__name__}")
    cells = cells_of(thing, name)
    title = str(cells.attrs.get("long_name", cells.name))
    codes, colours, rows = _classes(cells)
    picture = mercator_picture(_grid_of(cells))
    silent = [code for code, row in enumerate(rows) if row[2]]
    seen = picture.take(np.where(codes == EMPTY, len(colours) + 1, codes), outside=len(colours) + 1)
    seen = np.where(np.isin(seen, silent) & hatch(seen.shape), len(colours), seen)
    table = [*[(*rgb(c), _OPACITY) for c in colours], (*_STRIPE, _OPACITY), (0, 0, 0, 0)]
    group = folium.FeatureGroup(name=safe_text(title), show=show)
    folium.raster_layers.ImageOverlay(
        image=png_uri(seen.astype(np.uint8), table),
        bounds=[list(corner) for corner in picture.bounds],
        attr=safe_text(_credits(thing), max_chars=1000),
    ).add_to(group)
    if legend:
        _Legend(group, title, rows).add_to(group)
    return group


def map(result: Result) -> folium.Map:  # noqa: A001 - kc.map is its name
    """
    Make a map of a finished study that a script can go on with.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    ``folium.Map`` with all themes of the finished page as layers (the first is shown), the districts, the sites
    and a control. It asks for no tiles; in a notebook Leaflet comes from the network, as folium does it. The page
    that works offline is `map.html` of the saved study.
    """
    west, south, east, north = result.data.city.boundary.bounds
    page = folium.Map(tiles=None, control_scale=True)
    picture = mercator_picture(result.data.grid, outline=result.data.city.boundary_metric)
    for number, theme in enumerate(make_themes(result)):
        _theme_group(theme, picture, show=number == 0, credit=_credits(result)).add_to(page)
    for title, frame, colour in (
        ("Districts", result.gaps.districts, "#3b3b3b"),
        ("Candidate sites", result.sites, "#c2185b"),
    ):
        if not len(frame):
            continue
        lines = shapely.boundary(frame.geometry.to_crs(4326).to_numpy())
        style = {"color": colour, "weight": 2.0, "fill": False}
        folium.GeoJson(
            json.loads(shapely.to_geojson(shapely.union_all(lines))),
            name=title,
            style_function=lambda _, own=style: own,
        ).add_to(page)
    folium.LayerControl(collapsed=True).add_to(page)
    page.fit_bounds([[float(south), float(west)], [float(north), float(east)]])
    return page


def _theme_group(theme: Theme, picture: Any, *, show: bool, credit: str) -> folium.FeatureGroup:  # noqa: ANN401 - Picture
    codes = picture.take(theme.codes, outside=EMPTY)
    striped = picture.take(theme.hatched, outside=0) == 1
    group = folium.FeatureGroup(name=safe_text(theme.title), show=show)
    folium.raster_layers.ImageOverlay(
        image=png_uri(painted(theme, codes, striped), rgba_table(theme, alpha=_OPACITY)),
        bounds=[list(corner) for corner in picture.bounds],
        attr=safe_text(credit, max_chars=1000),
    ).add_to(group)
    rows = [(colour, words, striped) for colour, striped, words in theme.legend]
    _Legend(group, theme.title, rows).add_to(group)
    return group


def _credits(thing: Gaps | Result) -> str:
    if isinstance(thing, Result):
        return credits_line(thing.data)
    return str(
        thing.cells.attrs.get("credits", "made with kcity_geo; see the sources of the study")
    )


def _classes(cells: xr.DataArray) -> tuple[Any, list[str], list[Row]]:
    """Codes of the colours, colours, and the rows of the legend."""
    values = cells.to_numpy()
    if is_reading(str(cells.name)):
        rows = list(reading_rows(str(cells.name).removesuffix("_reading")).values())
        inside = np.isin(values, range(len(rows)))
        return (
            np.where(inside, values, EMPTY),
            [r.colour for r in rows],
            [(r.colour, r.title, r.striped) for r in rows],
        )
    unit = str(cells.attrs.get("units", ""))
    stops, limits = meaning_of(str(cells.name))
    numbers = values.astype(np.float64)
    known = np.isfinite(numbers)
    limits = limits or ((0.0, 1.0) if unit == "share" else None)
    low, high = limits or (
        (float(numbers[known].min()), float(numbers[known].max())) if known.any() else (0.0, 1.0)
    )
    at = np.linspace(0.0, 1.0, _STEPS)
    mixed = [
        np.interp(at, np.linspace(0.0, 1.0, len(stops)), [rgb(c)[b] for c in stops])
        for b in range(3)
    ]
    colours = [
        f"#{round(r):02x}{round(g):02x}{round(b):02x}" for r, g, b in zip(*mixed, strict=True)
    ]
    share = np.clip((np.where(known, numbers, low) - low) / ((high - low) or 1.0), 0.0, 1.0)
    codes = np.where(known, np.round(share * (_STEPS - 1)), EMPTY)
    ends = [low + (high - low) * v for v in np.linspace(0.0, 1.0, len(stops))]
    return codes, colours, [(c, human(v, unit), False) for c, v in zip(stops, ends, strict=True)]


class _Legend(MacroElement):  # type: ignore[misc]
    """Legend in a corner of the map while its layer is shown; its words are text, never HTML."""

    _template = Template(
        """{% macro script(this, kwargs) %}
        (function () {
          var group = {{ this.group }}, about = {{ this.about }};
          var control = L.control({position: "bottomleft"});
          control.onAdd = function () {
            var box = L.DomUtil.create("div");
            box.style.cssText = "background:#fff;padding:6px 9px;font:12px sans-serif;border:1px solid #999";
            var add = function (text, colour, striped) {
              var line = L.DomUtil.create("div", "", box);
              if (colour) {
                var chip = L.DomUtil.create("span", "", line);
                chip.style.cssText = "display:inline-block;width:14px;height:11px;margin-right:6px";
                chip.style.backgroundColor = colour;
                if (striped) { chip.style.backgroundImage = "STRIPES"; }
              } else { line.style.fontWeight = "bold"; }
              line.appendChild(document.createTextNode(text));
            };
            add(about[0], "");
            about[1].forEach(function (row) { add(row[1], row[0], row[2]); });
            return box;
          };
          group.on("add", function () { if (group._map) { control.addTo(group._map); } });
          group.on("remove", function () { control.remove(); });
          if (group._map) { control.addTo(group._map); }
        })();
        {% endmacro %}""".replace("STRIPES", _STRIPES)
    )

    def __init__(self, group: folium.FeatureGroup, title: str, rows: list[Row]) -> None:
        super().__init__()
        self._name = "Legend"
        self.group = group.get_name()
        told = json.dumps([title, rows], ensure_ascii=True)
        self.about = _inert(told)


def _inert(text: str) -> str:
    """Keep a JSON list from ending a script, and from branca, which runs what it is given as a template."""
    for mark in "<>&{}%#":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
