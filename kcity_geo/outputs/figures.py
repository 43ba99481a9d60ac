"""Still maps for the report: a picture a theme, with scale bar and north arrow."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.findings import Findings
from kcity_geo.coordinates import label_point
from kcity_geo.outputs.backdrop import main_lines
from kcity_geo.outputs.fonts import can_write, use_packaged_fonts
from kcity_geo.outputs.framing import Box, lived_in_part
from kcity_geo.outputs.stripes import painted, rgba_table
from kcity_geo.outputs.text import plain_text
from kcity_geo.outputs.themes import Theme
from kcity_geo.result import Result

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "clip_path",
    "draw_scale",
    "frame_of",
    "is_tall",
    "scale_bar_m",
    "shows_part",
    "theme_figure",
]

_PIXELS = 900
_WIDTH_INCH = 5.0
_DPI = 160
_NAME_CHARS = 30
_FLATTEST, _TALLEST = 0.35, 1.35
_TALL = 1.1  # three of such stand beside each other
_LOOK_AT = 3  # every third pixel each way tells which shade is the most frequent
_BESIDE = 0.05  # of the width, beside a picture
_AROUND = 0.3  # of the longer side, shown around what a picture is near to


def theme_figure(
    result: Result,
    theme: Theme,
    *,
    sites: bool = False,
    near: Sequence[float] | None = None,
    width_inch: float = _WIDTH_INCH,
    kept: dict[Any, Any] | None = None,
) -> str:
    """
    Draw one theme over the main streets and rivers of the city.

    Parameters
    ----------
    result : a finished study.
    theme : what colours the cells.
    sites : also draw the candidate sites with their rank.
    near : left, bottom, right, top in the CRS of the grid: only this and its surroundings, with
        the smaller streets.
    width_inch : of the picture.
    kept : given again for each theme of one result: streets, outlines and names are set once.

    Returns
    -------
    ``data:image/png;base64,...``; the same study gives the same bytes. No text but rank numbers, names of
    districts where they find room, the letter N and the length of the scale bar: words belong into the
    caption.
    """
    view = (None if near is None else tuple(float(v) for v in near), width_inch)
    kept = {} if kept is None else kept
    if (sites, view) not in kept:
        kept[sites, view] = _set(result, sites=sites, near=near, width_inch=width_inch, kept=kept)
    if view not in kept:
        kept[view] = _cells(result, _squares(theme).shape, near=near, width_inch=width_inch)
    stream = io.BytesIO()
    _few_colours(kept[sites, view].laid_over(kept[view].coloured(theme))).save(stream, format="png")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def _axes(result: Result, *, near: Sequence[float] | None, width_inch: float) -> tuple[Any, Any]:
    """Make an empty figure of what a picture shows: its canvas and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    box = _shown(result) or tuple(result.data.grid.boundingbox)
    (x0, x1), (y0, y1) = frame_of(box, near)
    figure = Figure(figsize=(width_inch, width_inch * (y1 - y0) / (x1 - x0)), dpi=_DPI)
    figure.patch.set_facecolor("none")
    axes = figure.add_axes((0, 0, 1, 1), aspect="equal")
    axes.set_axis_off()
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    return FigureCanvasAgg(figure), axes


@dataclass(frozen=True, eq=False)
class _Above:
    """
    What lies over the cells in all figures of one view.

    Parameters
    ----------
    at : numbers of the pixels on which something lies.
    below : share of the cells that still shows there, 0 to 255.
    laid : what is added to it, with half of the divisor.
    """

    at: NDArray[np.intp]
    below: NDArray[np.int32]
    laid: NDArray[np.int32]

    def laid_over(self, cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Lay it over a picture without transparency, which is changed and given back."""
        flat = cells.reshape(-1, 3)
        flat[self.at] = (self.below * flat[self.at] + self.laid) // 255
        return cells


def _set(
    result: Result,
    *,
    sites: bool,
    near: Sequence[float] | None,
    width_inch: float,
    kept: dict[Any, Any],
) -> _Above:
    """Draw all of a figure but the cells of the theme, once for all themes."""
    canvas, axes = _axes(result, near=near, width_inch=width_inch)
    _draw_lines(axes, result, every=near is not None, kept=kept)
    taken = _draw_sites(axes, result) if sites else []
    (x0, x1) = axes.get_xlim()
    draw_scale(axes, x1 - x0)
    names = _draw_names(axes, result)
    use_packaged_fonts(axes.figure)
    _keep_apart(names, taken, canvas.get_renderer())
    canvas.draw()
    above = np.asarray(canvas.buffer_rgba()).reshape(-1, 4)
    at = np.flatnonzero(above[:, 3])
    top, share = above[at, :3].astype(np.int32), above[at, 3:].astype(np.int32)
    return _Above(at, 255 - share, share * top + 127)


@dataclass(frozen=True, eq=False)
class _Cells:
    """
    Which square of an enlarged theme stands at each pixel of a view.

    Parameters
    ----------
    square : its number, height by width; of a pixel that shows nothing any.
    outside : True where a pixel shows white only.
    edge : True where the outline of the city cuts a pixel.
    share : of the square in each pixel of `edge`, 0 to 255.
    """

    square: NDArray[np.int64]
    outside: NDArray[np.bool_]
    edge: NDArray[np.bool_]
    share: NDArray[np.int32]

    def coloured(self, theme: Theme) -> NDArray[np.uint8]:
        """Colour each pixel as its square is."""
        table = np.array(rgba_table(theme, alpha=255), dtype=np.uint8)
        colours = np.where(table[:, 3:] > 0, table[:, :3], np.uint8(255))
        pixels = colours[_squares(theme).ravel()[self.square]]
        pixels[self.outside] = 255
        pixels[self.edge] = (
            255 - (self.share * (255 - pixels[self.edge].astype(np.int32)) + 127) // 255
        )
        return np.asarray(pixels)


def _cells(
    result: Result, shape: tuple[int, ...], *, near: Sequence[float] | None, width_inch: float
) -> _Cells:
    """Draw a picture whose colours are the numbers of its squares, and a black one, once for all themes."""
    left, bottom, right, top = tuple(result.data.grid.boundingbox)
    canvas, axes = _axes(result, near=near, width_inch=width_inch)
    shown = axes.imshow(
        np.zeros((1, 1, 4), dtype=np.uint8), extent=(left, right, bottom, top), origin="upper", interpolation="nearest",
        aspect="equal",
    )  # fmt: skip
    number = np.arange(math.prod(shape)).reshape(shape)
    square: NDArray[np.int64] = np.zeros((), dtype=np.int64)
    for done in range(0, int(number.size).bit_length(), 24):
        bits = [number >> done + more & 255 for more in (0, 8, 16)]
        shown.set_data(np.stack([*bits, np.full(shape, 255)], axis=-1).astype(np.uint8))
        canvas.draw()
        drawn = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.int64)
        square = square | drawn @ (1, 1 << 8, 1 << 16) << done
    shown.set_data(np.full((1, 1, 4), (0, 0, 0, 255), dtype=np.uint8))
    shown.set_clip_path(clip_path(result.data.city.boundary_metric), transform=axes.transData)
    canvas.draw()
    share = np.array(canvas.buffer_rgba())[..., 3]
    edge = (share > 0) & (share < 255)  # noqa: PLR2004 - all of it
    return _Cells(
        np.where(share > 0, square, 0), share == 0, edge, share[edge][:, None].astype(np.int32)
    )


def shows_part(result: Result) -> bool:
    """
    Tell whether the pictures show less than the study area: their captions have to say so.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    True where people live in a small part of the study area, and the pictures show that part.
    """
    return _shown(result) is not None


def is_tall(result: Result) -> bool:
    """
    Tell whether the pictures are so much taller than wide that three find room beside each other.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    True from a height of 1.1 times the width.
    """
    (x0, x1), (y0, y1) = frame_of(_shown(result) or tuple(result.data.grid.boundingbox), None)
    return y1 - y0 >= _TALL * (x1 - x0)


def _shown(result: Result) -> Box | None:
    """Bounds of the lived-in part with all sites, where that is far smaller than the city; None: all."""
    lived_in = Findings(result).lived_in_box
    if lived_in is not None and len(result.sites):
        lived_in = shapely.union_all([shapely.box(*lived_in), *result.sites.geometry]).bounds
    return lived_in_part(lived_in, tuple(result.data.grid.boundingbox))


def _few_colours(pixels: NDArray[np.uint8]) -> Image.Image:
    """
    Give a picture of 256 colours, in a third of the bytes: of each group of shades the most frequent.

    So the colours of the classes stay what the legend shows; only shades at the edges of lines move.
    """
    from PIL import Image

    grouped = Image.fromarray(np.ascontiguousarray(pixels)).quantize(
        256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    part = np.s_[::_LOOK_AT, ::_LOOK_AT]
    group = np.asarray(grouped)[part].ravel().astype(np.int64)
    shade = pixels[part].reshape(-1, 3).astype(np.int64) @ (1 << 16, 1 << 8, 1)
    found, count = np.unique(group << 24 | shade, return_counts=True)
    order = np.lexsort((found, count))  # of two as frequent, the one that comes last wins
    palette = np.array(grouped.getpalette(), dtype=np.uint8).reshape(-1, 3)
    for one in found[order].tolist():
        palette[one >> 24] = (one >> 16 & 255, one >> 8 & 255, one & 255)
    grouped.putpalette(palette.tobytes())
    return grouped


def frame_of(
    box: tuple[float, ...], near: Sequence[float] | None, *, tallest: float = _TALLEST
) -> tuple[tuple[float, float], tuple[float, float]]:
    """
    Choose what a picture shows: neither a ribbon nor a tower.

    Parameters
    ----------
    box : left, bottom, right, top of all there is.
    near : the same of what the picture is about, shown with its surroundings; None: all.
    tallest : most of its height to its width.

    Returns
    -------
    Left and right, bottom and top.
    """
    left, bottom, right, top = box
    margin = 0.02 * max(right - left, top - bottom)
    if near is not None:
        left, bottom, right, top = (float(v) for v in near)
        margin = _AROUND * max(right - left, top - bottom)
    width, height = right - left + 2 * margin, top - bottom + 2 * margin
    ratio = min(max(height / width, _FLATTEST), tallest if near is None else 1.0)
    width, height = max(width, height / ratio), max(height, width * ratio)
    x, y = (left + right) / 2, (bottom + top) / 2
    if near is not None:  # what lies at an edge of the study area is not shown half in the white
        x, y = _within(x, width, box[0], box[2]), _within(y, height, box[1], box[3])
    return (x - width / 2, x + width / 2), (y - height / 2, y + height / 2)


def _within(middle: float, length: float, low: float, high: float) -> float:
    """Move the middle of a stretch so that it lies between two ends, where it is short enough."""
    if length >= high - low:
        return middle
    return min(max(middle, low + length / 2), high - length / 2)


def clip_path(shape: BaseGeometry) -> Any:  # noqa: ANN401 - matplotlib has no types here
    """
    Make a path of an outline and its holes, which clips what is drawn.

    Parameters
    ----------
    shape : area.

    Returns
    -------
    Path of matplotlib.
    """
    from matplotlib.path import Path

    rings = [shapely.get_coordinates(r) for r in shapely.get_rings(shapely.get_parts(shape))]
    return Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))


def _squares(theme: Theme) -> NDArray[np.uint8]:
    """Cells as positions of their colours, enlarged so that stripes show."""
    times = max(1, min(12, _PIXELS // max(theme.codes.shape)))
    codes = np.repeat(np.repeat(theme.codes, times, axis=0), times, axis=1)
    striped = np.repeat(np.repeat(theme.hatched, times, axis=0), times, axis=1)
    return painted(theme, codes, striped)


def _draw_lines(axes: Any, result: Result, *, every: bool, kept: dict[Any, Any]) -> None:  # noqa: ANN401 - matplotlib axes
    from matplotlib.collections import LineCollection

    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    wide = _BESIDE * (x1 - x0)  # a line goes on beyond the edge
    near = (x0 - wide, y0 - wide, x1 + wide, y1 + wide)
    if (every, near) not in kept:
        kept[every, near] = main_lines(result, every=every, near=near)
    for lines, colour, width in kept[every, near]:
        axes.add_collection(
            LineCollection(
                [shapely.get_coordinates(g) for g in lines], colors=colour, linewidths=width
            )
        )
    city = result.data.city
    for shape, colour, width in (
        (city.districts.geometry.to_numpy(), "#3b3b3b", 0.6),
        (np.array([city.boundary_metric]), "#111111", 1.2),
    ):
        rings = shapely.get_parts(shapely.boundary(shape))
        axes.add_collection(
            LineCollection(
                [shapely.get_coordinates(g) for g in rings], colors=colour, linewidths=width
            )
        )


def _draw_names(axes: Any, result: Result) -> list[Any]:  # noqa: ANN401
    """Write the names of the districts, the largest first, where the fonts of the package hold all letters."""
    from matplotlib.patheffects import withStroke

    districts = result.data.city.districts
    if len(districts) < 2:  # noqa: PLR2004 - one is the city, whose name stands in the title
        return []
    halo = [withStroke(linewidth=2.6, foreground="white", alpha=0.85)]
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    largest = districts.iloc[np.argsort(-districts.geometry.area.to_numpy(), kind="stable")]
    drawn = []
    for name, shape in zip(largest["name"], largest.geometry, strict=True):
        point, text = label_point(shape), plain_text(name, max_chars=_NAME_CHARS)
        inside = x0 < point.x < x1 and y0 < point.y < y1
        if inside and text and can_write(text):
            drawn.append(
                axes.text(
                    point.x, point.y, text.replace("$", r"\$"), fontsize=10, ha="center", va="center",
                    color="#1c1c1c", path_effects=halo,
                )
            )  # fmt: skip
    return drawn


def _keep_apart(names: list[Any], taken: list[Any], renderer: Any) -> None:  # noqa: ANN401
    """Take out names that would lie over another one, over a number or across the edge."""
    boxes = [text.get_window_extent(renderer) for text in taken]
    for text in names:
        box = text.get_window_extent(renderer)
        edge = text.axes.bbox
        within = edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1
        if within and not any(box.overlaps(other) for other in boxes):
            boxes.append(box)
        else:
            text.remove()


def _draw_sites(axes: Any, result: Result) -> list[Any]:  # noqa: ANN401
    """Draw the outlines of the sites with their numbers; give the numbers."""
    numbers = []
    labels = result.sites["label" if "label" in result.sites else "rank"]
    for label, shape in zip(labels, result.sites.geometry, strict=True):
        for part in shapely.get_parts(shape):
            xy = shapely.get_coordinates(part.exterior)
            axes.fill(xy[:, 0], xy[:, 1], facecolor="none", edgecolor="#c2185b", linewidth=1.8)
        point = shape.representative_point()
        numbers.append(
            axes.text(
                point.x, point.y, str(label), color="white", fontsize=8, fontweight="bold",
                ha="center", va="center",
                bbox={"boxstyle": "circle,pad=0.25", "facecolor": "#c2185b", "edgecolor": "white"},
            )
        )  # fmt: skip
    return numbers


def scale_bar_m(width_m: float) -> float:
    """
    Choose the length of a scale bar.

    Parameters
    ----------
    width_m : of the picture, metres.

    Returns
    -------
    1, 2 or 5 times a power of ten, at most a quarter of the width.

    Examples
    --------
    >>> scale_bar_m(6000.0)
    1000.0
    """
    limit = width_m / 4
    power = 10.0 ** math.floor(math.log10(limit))
    return max(step * power for step in (1, 2, 5) if step * power <= limit)


def draw_scale(axes: Any, width_m: float) -> None:  # noqa: ANN401 - matplotlib has no types here
    """
    Draw a scale bar and the north arrow.

    Parameters
    ----------
    axes : of matplotlib, in metres.
    width_m : of the picture.
    """
    length = scale_bar_m(width_m)
    x0, x1 = axes.get_xlim()
    y0, y1 = axes.get_ylim()
    x, y = x0 + 0.03 * (x1 - x0), y0 + 0.035 * (y1 - y0)
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"  # noqa: PLR2004
    halo = {"boxstyle": "square,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    axes.plot([x, x + length], [y, y], color="white", linewidth=5, solid_capstyle="butt")
    axes.plot([x, x + length], [y, y], color="black", linewidth=2.5, solid_capstyle="butt")
    axes.text(x, y + 0.012 * (y1 - y0), words, fontsize=11, ha="left", va="bottom", bbox=halo)
    axes.text(
        x1 - 0.04 * (x1 - x0), y1 - 0.03 * (y1 - y0), "▲\nN", fontsize=10, ha="center", va="top",
        fontweight="bold", linespacing=0.9, bbox=halo,
    )  # fmt: skip
