"""Figures of a plan: map sheets and bars as pictures that travel inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import shapely

from kcity_geo.config import read_table
from kcity_geo.outputs.figures import draw_scale
from kcity_geo.outputs.fonts import use_packaged_fonts
from kcity_geo.outputs.languages import tell
from kcity_geo.outputs.plan_language import style_title
from kcity_geo.plan_sheets import MapLayer, MapSheet, Table

__all__ = ["bar_figure", "legend_of", "sheet_figure", "sheet_picture"]

_WIDTH_INCH, _DPI = 6.6, 130
_AROUND = 0.06
_FLATTEST, _TALLEST = 0.45, 1.3
_POLYGON = 2
#: Polygons of which the rim is drawn.
_OUTLINES = ("outline", "given")


class _Style(TypedDict, total=False):
    title: str
    colour: str
    width: float


def _style(name: str) -> _Style:
    style: _Style = read_table("plan_styles")["style"][name]
    return style


def legend_of(sheet: MapSheet) -> list[tuple[str, str]]:
    """
    Give colour and title of what a sheet shows.

    Parameters
    ----------
    sheet : of a plan.

    Returns
    -------
    One pair for each style, in the order of drawing; titles in the language that is spoken.
    """
    names = dict.fromkeys(layer.style for layer in sheet.layers if len(layer.shapes))
    return [(_style(name)["colour"], style_title(name)) for name in names]


def sheet_figure(sheet: MapSheet) -> str:
    """
    Draw a sheet.

    Parameters
    ----------
    sheet : of a plan; its last layer frames the picture.

    Returns
    -------
    ``data:image/png;base64,...``; the same sheet gives the same bytes.
    """
    return _in_page(sheet_picture(sheet))


def sheet_picture(sheet: MapSheet, *, told: str = "") -> bytes:
    """
    Draw a sheet as a picture file.

    Parameters
    ----------
    sheet : of a plan; its last layer frames the picture.
    told : whom to name and under which licence, kept in the file; empty: nothing.

    Returns
    -------
    PNG; the same sheet gives the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (x0, x1), (y0, y1) = _window(sheet.layers[1:] if sheet.whole else sheet.layers[-1:])
    figure = Figure(figsize=(_WIDTH_INCH, _WIDTH_INCH * (y1 - y0) / (x1 - x0)), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_aspect("equal")
    for layer in sheet.layers:
        _draw(axes, layer)
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    draw_scale(axes, x1 - x0)
    return _png(figure, told)


def _window(frames: Sequence[MapLayer]) -> tuple[tuple[float, float], tuple[float, float]]:
    bounds = np.array([frame.shapes.total_bounds for frame in frames if len(frame.shapes)])
    west, south = (float(v) for v in bounds[:, :2].min(axis=0))
    east, north = (float(v) for v in bounds[:, 2:].max(axis=0))
    margin = _AROUND * max(east - west, north - south)
    width, height = east - west + 2 * margin, north - south + 2 * margin
    ratio = min(max(height / width, _FLATTEST), _TALLEST)
    width, height = max(width, height / ratio), max(height, width * ratio)
    x, y = (west + east) / 2, (south + north) / 2
    return (x - width / 2, x + width / 2), (y - height / 2, y + height / 2)


def _draw(axes: Any, layer: MapLayer) -> None:  # noqa: ANN401 - matplotlib has no types here
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.path import Path

    style = _style(layer.style)
    parts = shapely.get_parts(layer.shapes.to_numpy())
    area = shapely.get_dimensions(parts) == _POLYGON
    if layer.style in _OUTLINES or not area.all():
        rings = shapely.get_parts(np.where(area, shapely.boundary(parts), parts))
        lines = [shapely.get_coordinates(ring) for ring in rings if ring.length > 0]
        width = style.get("width", 1.0)
        axes.add_collection(LineCollection(lines, colors=style["colour"], linewidths=width))
        return
    paths = [
        Path.make_compound_path(
            *(Path(shapely.get_coordinates(ring), closed=True) for ring in shapely.get_rings(part))
        )
        for part in parts
    ]
    axes.add_collection(
        PathCollection(paths, facecolors=style["colour"], edgecolors="white", linewidths=0.25)
    )


def bar_figure(table: Table) -> str:
    """
    Draw what was asked for and what is drawn of each use, side by side.

    Parameters
    ----------
    table : with the columns Use, Asked and, where there is a sketch, Drawn; in English.

    Returns
    -------
    ``data:image/png;base64,...``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frame: pd.DataFrame = table.frame[::-1]
    figure = Figure(figsize=(_WIDTH_INCH, 0.36 * len(frame) + 0.5), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.24, 0.14, 0.72, 0.84))
    place = np.arange(len(frame))
    known = {row["title"]: key for key, row in read_table("plan_styles")["style"].items()}
    styles = [known[title] for title in frame["Use"]]
    colours = [_style(key)["colour"] for key in styles]
    both = "Drawn" in frame
    axes.barh(place + (0.2 if both else 0), frame["Asked"], 0.38, color=colours, alpha=0.45)
    if both:
        axes.barh(place - 0.2, frame["Drawn"], 0.38, color=colours)
    axes.set_yticks(place, [style_title(key) for key in styles], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel(tell("plan_bars") if both else "ha", fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return _in_page(_png(figure))


def _png(figure: Any, told: str = "") -> bytes:  # noqa: ANN401 - matplotlib has no types here
    use_packaged_fonts(figure)
    stream = io.BytesIO()
    about = {"Software": None} | ({"Copyright": told} if told else {})
    figure.savefig(stream, format="png", dpi=_DPI, facecolor="white", metadata=about)
    return stream.getvalue()


def _in_page(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
