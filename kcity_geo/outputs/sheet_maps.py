"""Sheet maps: a still map for each sheet of the map pack, with legend, scale bar and north arrow."""

from __future__ import annotations

import io
import textwrap
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.coordinates import label_point
from kcity_geo.outputs.figures import clip_path, draw_scale, frame_of
from kcity_geo.outputs.fonts import use_packaged_fonts
from kcity_geo.outputs.framing import Box, lived_in_part
from kcity_geo.outputs.text import plain_text
from kcity_geo.programme.sheets import Sheet, map_pack
from kcity_geo.programme.words import known_words, word
from kcity_geo.study_atlas import PlanPicture, StudyAtlas, StudyLayer

__all__ = ["draw_sheet", "shows_part"]

_WIDTH_INCH = 4.6
_LEGEND_INCH = 0.64
_ROW_INCH, _ACROSS = 0.17, 3
_DPI = 160
_LINES = (
    ("water", "#b9d9ea", 0.4),
    ("rivers", "#5b9dc4", 0.9),
    ("streets", "#b0b0b0", 0.3),
    ("roads", "#5f5f5f", 0.9),
    ("rails", "#404050", 0.6),
    ("districts", "#3b3b3b", 0.5),
    ("boundary", "#111111", 1.3),
)
_SITE = "#c2185b"
_MOST_NAMES = 25
#: Of the larger side of the city, shown around its sites; of the picture, a district that is named.
_LEAST_SEEN, _NAMED_FROM = 0.3, 0.01
_HALO = {"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.6}
_UNIT_LETTERS = 26
_SILENT = ("not_assessed", "cannot_tell")
_LEGEND = {
    "en": {
        "site": "candidate site", "roads": "main road", "streets": "street", "rails": "railway",
        "rivers": "river", "boundary": "study area", "districts": "district",
    },
    "ko": {
        "site": "후보지", "roads": "간선도로", "streets": "일반도로", "rails": "철도",
        "rivers": "하천", "boundary": "대상 구역", "districts": "지역 경계",
    },
}  # fmt: skip


def draw_sheet(atlas: StudyAtlas, number: int, language: str) -> bytes:
    """
    Draw a sheet of the map pack.

    Parameters
    ----------
    atlas : layers and outlines of the study; holds the layer of the sheet.
    number : of the sheet, 1 to 20.
    language : of the legend, en or ko.

    Returns
    -------
    PNG; the same study gives the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = map_pack()[number - 1]
    if sheet.draw == "plan":
        return _with_legend(atlas.pictures[number], language)
    box = _extent(atlas)
    near = _around_sites(atlas) if sheet.draw == "sites" and _sites(atlas) else None
    (x0, x1), (y0, y1) = frame_of(box, near)
    height = _WIDTH_INCH * (y1 - y0) / (x1 - x0)
    figure = Figure(figsize=(_WIDTH_INCH, height + _LEGEND_INCH), dpi=_DPI)
    FigureCanvasAgg(figure)
    share = _LEGEND_INCH / (height + _LEGEND_INCH)
    axes = figure.add_axes((0, share, 1, 1 - share))
    axes.set_axis_off()
    _draw_ground(figure, axes, atlas, sheet, language)
    _draw_lines(axes, atlas, every=sheet.draw in {"base", "sites"})
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    if sheet.draw in {"place", "sites"}:
        _draw_sites(axes, atlas)
    if sheet.draw in {"place", "sites"}:
        _name_districts(axes, atlas, shapely.box(x0, y0, x1, y1))
    draw_scale(axes, x1 - x0)
    if sheet.draw in {"place", "base"}:
        _line_legend(figure, atlas, language)
    return _png(figure)


def shows_part(atlas: StudyAtlas, number: int) -> bool:
    """
    Tell whether a sheet shows less than the study area: its caption has to say so.

    Parameters
    ----------
    atlas : layers and outlines of the study.
    number : of the sheet, 1 to 20.

    Returns
    -------
    True where people live in a small part of the study area, and the sheet shows that part.
    """
    return map_pack()[number - 1].draw != "plan" and _extent(atlas) != atlas.outline().bounds


def _png(figure: Any) -> bytes:  # noqa: ANN401 - matplotlib has no types here
    use_packaged_fonts(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _with_legend(picture: PlanPicture, language: str) -> bytes:
    """Set the picture of a plan above its legend, in the language of the paper."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(picture.image)).convert("RGB"))
    height = _WIDTH_INCH * image.shape[0] / image.shape[1]
    styles = read_table("plan_styles")["style"]
    shown = [styles[name] for name in picture.styles if name in styles]
    legend = _ROW_INCH * -(-len(shown) // _ACROSS) + _ROW_INCH / 2
    figure = Figure(figsize=(_WIDTH_INCH, height + legend), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, legend / (height + legend), 1, height / (height + legend)))
    axes.set_axis_off()
    axes.imshow(image, interpolation="lanczos", aspect="auto")
    title = "title" if language == "en" else f"title_{language}"
    _legend(
        figure,
        [
            Patch(facecolor=s["colour"], edgecolor="#777777", linewidth=0.5, label=s[title])
            for s in shown
        ],
    )
    return _png(figure)


def _extent(atlas: StudyAtlas) -> Box:
    """Bounds of the study area, or of its lived-in part where that is far smaller."""
    whole = atlas.outline().bounds
    return lived_in_part(_lived_in(atlas.layers.get("population")), whole) or whole


def _lived_in(people: StudyLayer | None) -> Box | None:
    """Bounds of the cells where somebody lives; None where nobody is known to."""
    if people is None or not (there := np.nan_to_num(people.values) >= 1).any():
        return None
    left, right, bottom, top = people.extent
    high, wide = (top - bottom) / there.shape[0], (right - left) / there.shape[1]
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    return (
        left + columns[0] * wide,
        top - (rows[-1] + 1) * high,
        left + (columns[-1] + 1) * wide,
        top - rows[0] * high,
    )


def _around_sites(atlas: StudyAtlas) -> list[float]:
    """Frame the sites, with so much around them that a reader finds the place again."""
    left, bottom, right, top = (float(v) for v in atlas.shapes["sites"].total_bounds)
    west, south, east, north = _extent(atlas)
    least = _LEAST_SEEN * max(east - west, north - south)
    wide, high = max(right - left, least), max(top - bottom, least)
    x = min(max((left + right) / 2, west + wide / 2), max(east - wide / 2, west + wide / 2))
    y = min(max((bottom + top) / 2, south + high / 2), max(north - high / 2, south + high / 2))
    return [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2]


def _sites(atlas: StudyAtlas) -> int:
    return len(atlas.shapes.get("sites", ()))


def _draw_ground(figure: Any, axes: Any, atlas: StudyAtlas, sheet: Sheet, language: str) -> None:  # noqa: ANN401 - matplotlib
    layer = atlas.layers.get(sheet.layer)
    if layer is None or not np.isfinite(layer.values).any():
        return  # a scale of colours beside nothing says nothing
    if sheet.draw in {"ramp", "sites"}:
        shown = _ramp(axes, layer, sheet)
        _bar(figure, shown, sheet.unit if language == "en" else sheet.unit_ko)
    else:
        shown = _classes(figure, axes, layer, sheet, language)
    silent = atlas.layers.get(sheet.sure) if sheet.sure else layer
    if silent is not None and (sheet.sure or sheet.draw == "reading"):
        _hatch(axes, silent)
    shown.set_clip_path(clip_path(atlas.outline()), transform=axes.transData)


def _ramp(axes: Any, layer: StudyLayer, sheet: Sheet) -> Any:  # noqa: ANN401
    known = layer.values[np.isfinite(layer.values)]
    low = sheet.low if sheet.low is not None else float(known.min()) if known.size else 0.0
    high = sheet.high if sheet.high is not None else float(known.max()) if known.size else 1.0
    return axes.imshow(
        layer.values, extent=layer.extent, origin="upper", interpolation="nearest",
        cmap=sheet.colours, vmin=low, vmax=max(high, low + 1e-9),
    )  # fmt: skip


def _bar(figure: Any, shown: Any, unit: str) -> None:  # noqa: ANN401
    share = _LEGEND_INCH / figure.get_size_inches()[1]
    axes = figure.add_axes((0.04, 0.62 * share, 0.5, 0.2 * share))
    bar = figure.colorbar(shown, cax=axes, orientation="horizontal")
    bar.ax.tick_params(labelsize=8, length=2)
    bar.outline.set_linewidth(0.5)
    words = textwrap.fill(unit, _UNIT_LETTERS)
    figure.text(0.56, 0.72 * share, words, fontsize=8, va="center")


def _class_rows(layer: StudyLayer, sheet: Sheet, language: str) -> list[tuple[int, str, str]]:
    """Code, colour and words of each class that the map shows."""
    there = {int(c) for c in np.unique(layer.values[np.isfinite(layer.values)])}
    if sheet.draw == "reading":
        rows = read_table("readings")["reading"]
        names = known_words(sheet.words)
        return [
            (code, rows[code]["colour"], word(sheet.words, name, language))
            for code, name in enumerate(names)
            if code in there
        ]
    titles = read_table("programme/mappack")["class"]
    return [
        (row["code"], _hex(layer, row["code"]), row["title" if language == "en" else "title_ko"])
        for row in titles
        if row["code"] in there
    ]


def _hex(layer: StudyLayer, code: int) -> str:
    red, green, blue, _ = layer.colours.get(code, (200, 200, 200, 255))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _classes(
    figure: Any,  # noqa: ANN401
    axes: Any,  # noqa: ANN401
    layer: StudyLayer,
    sheet: Sheet,
    language: str,
) -> Any:  # noqa: ANN401
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Patch

    rows = _class_rows(layer, sheet, language)
    image = np.ones((*layer.values.shape, 4))
    for code, colour, _ in rows:
        image[layer.values == code] = to_rgba(colour)
    patches = [Patch(facecolor=c, edgecolor="#777777", linewidth=0.5, label=w) for _, c, w in rows]
    _legend(figure, patches)
    return axes.imshow(image, extent=layer.extent, origin="upper", interpolation="nearest")


def _legend(figure: Any, handles: list[Any]) -> None:  # noqa: ANN401
    if handles:
        figure.legend(
            handles=handles, loc="lower left", ncols=min(_ACROSS, len(handles)), fontsize=8.5,
            frameon=False, bbox_to_anchor=(0.0, 0.0), handlelength=1.3, columnspacing=1.0, labelspacing=0.25,
            borderpad=0.2,
        )  # fmt: skip


def _hatch(axes: Any, readings: StudyLayer) -> None:  # noqa: ANN401
    """Stripe the cells of which nobody can tell."""
    names = known_words("reading")
    silent: NDArray[np.bool_] = np.isin(readings.values, [names.index(n) for n in _SILENT])
    if not silent.any():
        return
    left, right, bottom, top = readings.extent
    rows, columns = silent.shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = top - (np.arange(rows) + 0.5) * (top - bottom) / rows
    with _thin_hatch():
        axes.contourf(
            x, y, silent.astype(float), levels=[0.5, 1.5], hatches=["////"], colors="none"
        )


def _thin_hatch() -> Any:  # noqa: ANN401 - a context of matplotlib
    import matplotlib as mpl

    return mpl.rc_context({"hatch.linewidth": 0.4, "hatch.color": "#444444"})


def _draw_lines(axes: Any, atlas: StudyAtlas, *, every: bool) -> None:  # noqa: ANN401
    from matplotlib.collections import LineCollection

    for name, colour, width in _LINES:
        frame = atlas.shapes.get(name)
        if frame is None or (name == "streets" and not every):
            continue
        shapes = frame.geometry.to_numpy()
        if name in {"boundary", "districts", "water"}:
            shapes = shapely.boundary(shapes)
        parts = [p for p in shapely.get_parts(shapes) if p.geom_type.endswith(("String", "Ring"))]
        axes.add_collection(
            LineCollection(
                [shapely.get_coordinates(p) for p in parts],
                colors=colour,
                linewidths=width,
                linestyles=(0, (4, 2)) if name == "districts" else "-",
            )
        )


def _draw_sites(axes: Any, atlas: StudyAtlas) -> None:  # noqa: ANN401
    frame = atlas.shapes.get("sites")
    for row in frame.itertuples() if frame is not None else ():
        for part in shapely.get_parts(row.geometry):
            xy = shapely.get_coordinates(part.exterior)
            axes.fill(xy[:, 0], xy[:, 1], facecolor="none", edgecolor=_SITE, linewidth=1.8)
        point = label_point(row.geometry)
        axes.text(
            point.x, point.y, str(getattr(row, "label", row.rank)), color="white", fontsize=8,
            fontweight="bold", ha="center", va="center",
            bbox={"boxstyle": "circle,pad=0.25", "facecolor": _SITE, "edgecolor": "white"},
        )  # fmt: skip


def _name_districts(axes: Any, atlas: StudyAtlas, seen: shapely.Polygon) -> None:  # noqa: ANN401
    """Write the names of districts, unless there are too many to be read."""
    frame = atlas.shapes.get("districts")
    if frame is None or len(frame) > _MOST_NAMES:
        return
    for name, shape in zip(frame["name"], frame.geometry, strict=True):
        part = shape.intersection(seen)
        if part.area < _NAMED_FROM * seen.area:
            continue
        point = label_point(part)
        text = plain_text(name, max_chars=24).replace("$", r"\$")
        axes.text(
            point.x,
            point.y,
            text,
            fontsize=8,
            ha="center",
            va="center",
            color="#222222",
            bbox=_HALO,
        )


def _line_legend(figure: Any, atlas: StudyAtlas, language: str) -> None:  # noqa: ANN401
    from matplotlib.lines import Line2D

    words = _LEGEND[language]
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            linewidth=max(width, 1.0),
            label=words[name],
            linestyle="--" if name == "districts" else "-",
        )
        for name, colour, width in _LINES
        if name in atlas.shapes and name in words and len(atlas.shapes[name])
    ]
    if _sites(atlas):
        handles.append(Line2D([], [], color=_SITE, linewidth=1.8, label=words["site"]))
    _legend(figure, handles)
