"""
Quick looks: a picture or a small map of what a step of a study made, for notebooks and scripts.

For people who script; the pages for others are `kcity_geo.outputs.maps` and
`kcity_geo.outputs.report`.
"""

from __future__ import annotations

from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from kcity_geo.city import City
from kcity_geo.citydata import CityData
from kcity_geo.errors import StudyError
from kcity_geo.outputs.colours import meaning_of
from kcity_geo.outputs.fonts import use_packaged_fonts
from kcity_geo.outputs.text import human, safe_text
from kcity_geo.result import Gaps, Result

__all__ = ["cells_of", "explore", "plot"]

_MOST_FEATURES = 20_000


def plot(
    thing: City | CityData | Gaps | Result | gpd.GeoDataFrame,
    layer: str = "",
    *,
    ax: Axes | None = None,
    cmap: str | Colormap | None = None,
) -> Axes:
    """
    Draw what a step of a study made.

    Parameters
    ----------
    thing : a city, its data, its gaps, a finished study, or any frame such as the sites.
    layer : what to colour by: a variable of the data (``"population"``), ``"transport"``,
        ``"water"``, ``"energy"`` or an indicator (``"T1"``) of the gaps; for a finished study also
        ``"suitability"``. The first choice when empty.
    ax : axes to draw on; new ones when None.
    cmap : colours of matplotlib instead of those that fit the meaning: from pale to dark brown is from
        adequate to critical, whichever way the number runs; pale to blue is suitability; what is neither
        good nor bad is in viridis.

    Returns
    -------
    matplotlib axes in the metric CRS of the city, without pyplot: ``axes.figure.savefig("a.png")``.

    Raises
    ------
    StudyError
        If there is no such layer.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    axes = ax
    if axes is None:
        figure = Figure(figsize=(7, 6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
    axes.set_aspect("equal")
    if isinstance(thing, gpd.GeoDataFrame):
        thing.plot(
            ax=axes, column=layer or None, legend=bool(layer), edgecolor="#404040", cmap=cmap
        )
    elif isinstance(thing, City):
        thing.districts.plot(ax=axes, facecolor="#e8eef4", edgecolor="#404040")
        axes.set_title(thing.name)
    else:
        _draw_cells(axes, cells_of(thing, layer), cmap)
        districts = _districts_of(thing)
        districts.boundary.plot(ax=axes, color="#404040", linewidth=0.6)
        if isinstance(thing, Result) and len(thing.sites):
            thing.sites.boundary.plot(ax=axes, color="#c2185b", linewidth=1.5)
    axes.set_xlabel("metres east")
    axes.set_ylabel("metres north")
    if ax is None:
        use_packaged_fonts(figure)
    return axes


def cells_of(thing: CityData | Gaps | Result, layer: str) -> xr.DataArray:
    """
    Find the cells that a name means.

    Parameters
    ----------
    thing, layer : as of `plot`.

    Returns
    -------
    Variable of the grid.

    Raises
    ------
    StudyError
        If there is no such layer.
    """
    if not isinstance(thing, CityData | Gaps | Result):
        raise StudyError(
            f"plot: needs a city, data, gaps, a result or a frame, not {type(thing).__name__}; for a "
            "score take kc.plot(kc.Result(study, data, gaps, score, sites), 'suitability')"
        )
    if isinstance(thing, Result) and layer == "suitability":
        first: xr.DataArray = thing.gaps.cells["composite_gap"]
        attrs = {"long_name": f"Suitability: {thing.score.title}", "units": "share"}
        return first.copy(data=thing.score.score).assign_attrs(attrs).rename("suitability")
    if isinstance(thing, CityData):
        cells, name = thing.cube, layer or "inside_share"
    else:
        cells = thing.gaps.cells if isinstance(thing, Result) else thing.cells
        name = layer or "composite"
    for known in (name, f"{name}_gap"):
        if known in cells:
            return cells[known]
    shown = ", ".join(str(v) for v in cells.data_vars)
    raise StudyError(f"plot: no layer {layer!r}; there are {shown}")


def _districts_of(thing: CityData | Gaps | Result) -> gpd.GeoDataFrame:
    if isinstance(thing, CityData):
        return thing.city.districts
    return thing.gaps.districts if isinstance(thing, Result) else thing.districts


def _draw_cells(axes: Axes, cells: xr.DataArray, cmap: str | Colormap | None) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    words = str(cells.attrs.get("long_name", cells.name))
    share = cells.attrs.get("units") == "share"
    colours, limits = meaning_of(str(cells.name))
    limits = limits or ((0.0, 1.0) if share else None)
    x, y = cells["x"].to_numpy(), cells["y"].to_numpy()
    half = abs(float(x[1] - x[0])) / 2
    drawn = axes.imshow(
        cells.to_numpy(),
        extent=(x[0] - half, x[-1] + half, y[-1] - half, y[0] + half),
        cmap=cmap or LinearSegmentedColormap.from_list("kcity", list(colours)),
        vmin=limits[0] if limits else None,
        vmax=limits[1] if limits else None,
        interpolation="nearest",
    )
    axes.figure.colorbar(drawn, ax=axes, label=str(cells.attrs.get("units", "")), shrink=0.8)
    axes.set_title(words)


def explore(
    thing: Gaps | Result | gpd.GeoDataFrame, column: str = "", *, m: folium.Map | None = None
) -> folium.Map:
    """
    Make a small map to point at, without tiles from a server.

    Every string is escaped: tag values of OpenStreetMap would otherwise run as templates and
    scripts. Shown in a notebook, the page loads Leaflet from the network, as folium does; the
    `map.html` of a study does not.

    Parameters
    ----------
    thing : gaps (their districts), a finished study (its sites), or any frame with a CRS.
    column : numbers to colour by; for gaps the composite gap when empty.
    m : map to draw on, of `explore` or of geopandas; a new one when None.

    Returns
    -------
    The folium map; all columns but the geometry show on hover.

    Raises
    ------
    StudyError
        If the column does not exist or holds no numbers, or the frame is empty, without CRS, or too
        large for a page.
    """
    frame, column = _frame_of(thing, column)
    if frame.crs is None or len(frame) == 0:
        raise StudyError("explore: needs features with a CRS; there are none")
    if len(frame) > _MOST_FEATURES:
        raise StudyError(
            f"explore: {len(frame):,} features would freeze the page; take up to {_MOST_FEATURES:,}"
        )
    if column and not (column in frame and pd.api.types.is_numeric_dtype(frame[column])):
        raise StudyError(f"explore: {column!r} is no column of numbers; there are {list(frame)}")
    page = folium.Map(tiles=None, control_scale=True) if m is None else m
    return _on_map(page, frame.to_crs(4326), column)


def _frame_of(thing: object, column: str) -> tuple[gpd.GeoDataFrame, str]:
    if isinstance(thing, gpd.GeoDataFrame):
        return thing, column
    if isinstance(thing, Result):
        return thing.sites, column or "score"
    if isinstance(thing, Gaps):
        return thing.districts, column or "composite_gap"
    raise StudyError(f"explore: needs gaps, a result or a frame, not {type(thing).__name__}")


def _on_map(page: folium.Map, frame: gpd.GeoDataFrame, column: str) -> folium.Map:
    from branca.colormap import LinearColormap

    shown = [c for c in frame.columns if c != frame.geometry.name]
    safe = gpd.GeoDataFrame(
        {f"c{i}": [_cell(v) for v in frame[c]] for i, c in enumerate(shown)},
        geometry=frame.geometry.to_numpy(),
        crs=4326,
    )
    style: dict[str, Any] = {"color": "#404040", "weight": 1, "fillOpacity": 0.7}
    fills = ["#7fa6c9"] * len(frame)
    if column:
        numbers = frame[column].to_numpy(dtype=float)
        known = numbers[np.isfinite(numbers)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        colours, limits = meaning_of(column)
        low, high = limits or (low, high)
        scale = LinearColormap(
            list(colours),
            vmin=low,
            vmax=high if high > low else low + 1,
            caption=safe_text(column),
        )
        fills = [scale(v) if np.isfinite(v) else "#d6d6d6" for v in numbers]
        page.add_child(scale)
    safe["fill"] = fills
    folium.GeoJson(
        safe.to_json(),
        style_function=lambda f: {**style, "fillColor": f["properties"]["fill"]},
        tooltip=folium.GeoJsonTooltip(
            [f"c{i}" for i in range(len(shown))], aliases=[safe_text(c) for c in shown]
        )
        if shown
        else None,
    ).add_to(page)
    west, south, east, north = frame.total_bounds
    page.fit_bounds([[float(south), float(west)], [float(north), float(east)]])
    return page


def _cell(value: object) -> str:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return safe_text(human(value) if number else value)
