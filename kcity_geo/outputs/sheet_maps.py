"""Sheet maps: a still map for each sheet of the map pack, with legend, scale bar and north arrow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.coordinates import label_point
from kcity_geo.outputs.figures import clip_path, draw_scale, frame_of
from kcity_geo.outputs.fonts import use_packaged_fonts
from kcity_geo.outputs.framing import Box, lived_in_part
from kcity_geo.outputs.sheet_layout import DPI, draw_key, layout_of
from kcity_geo.outputs.text import plain_text
from kcity_geo.programme.sheets import Sheet, map_pack
from kcity_geo.programme.words import known_words, word
from kcity_geo.study_atlas import PlanPicture, StudyAtlas, StudyLayer

__all__ = ["draw_sheet", "shows_part"]

#: Height to width of the longest city that is shown whole width to whole height.
_TALLEST = 2.4
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
#: Dots between a name and the edge of its map.
_EDGE_DOTS = 6
_SILENT = ("not_assessed", "cannot_tell")
_LEGEND = {
    "en": {
        "site": "candidate site", "roads": "main road", "streets": "street", "rails": "railway",
        "rivers": "river", "water": "open water", "boundary": "study area", "districts": "district",
    },
    "ko": {
        "site": "후보지", "roads": "간선도로", "streets": "일반도로", "rails": "철도",
        "rivers": "하천", "water": "호소·해역", "boundary": "대상 구역", "districts": "지역 경계",
    },
}  # fmt: skip


def draw_sheet(atlas: StudyAtlas, number: int, language: str, *, small: bool = False) -> bytes:
    """
    Draw a sheet of the map pack.

    Parameters
    ----------
    atlas : layers and outlines of the study; holds the layer of the sheet.
    number : of the sheet, 1 to 20.
    language : of the legend, en or ko.
    small : as the summary shows it.

    Returns
    -------
    PNG, to be printed in its own size; the same study gives the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = map_pack()[number - 1]
    if sheet.draw == "plan":
        return _with_legend(atlas.pictures[number], language)
    near = _around_sites(atlas) if sheet.draw == "sites" and _sites(atlas) else None
    (x0, x1), (y0, y1) = frame_of(_extent(atlas), near, tallest=_TALLEST)
    handles = _handles(atlas, sheet, language)
    words = [handle.get_label() for handle in handles]
    ramp = _is_drawn(atlas, sheet) and sheet.draw in {"ramp", "sites"}
    layout = layout_of((y1 - y0) / (x1 - x0), words, bar=ramp, small=small)
    figure = Figure(figsize=layout.size, dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(layout.share(layout.map))
    axes.set_axis_off()
    shown = _draw_ground(axes, atlas, sheet)
    _draw_lines(axes, atlas, every=sheet.draw in {"base", "sites"})
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    if sheet.draw in {"place", "sites"}:
        _draw_sites(axes, atlas)
        _name_districts(figure, axes, atlas)
    draw_scale(axes, x1 - x0)
    draw_key(figure, layout, handles, shown if ramp else None, _unit(sheet, language))
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
    figure.savefig(stream, format="png", dpi=DPI, facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _with_legend(picture: PlanPicture, language: str) -> bytes:
    """Set the picture of a plan above its legend, in the language of the paper."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(picture.image)).convert("RGB"))
    styles = read_table("plan_styles")["style"]
    title = "title" if language == "en" else f"title_{language}"
    handles = [
        _patch(styles[name]["colour"], styles[name][title])
        for name in picture.styles
        if name in styles
    ]
    words = [handle.get_label() for handle in handles]
    layout = layout_of(image.shape[0] / image.shape[1], words, bar=False)
    figure = Figure(figsize=layout.size, dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(layout.share(layout.map))
    axes.set_axis_off()
    axes.imshow(image, interpolation="lanczos", aspect="auto")
    draw_key(figure, layout, handles, None, "")
    return _png(figure)


def _patch(colour: str, words: str) -> Any:  # noqa: ANN401
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, edgecolor="#777777", linewidth=0.5, label=words)


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


def _is_drawn(atlas: StudyAtlas, sheet: Sheet) -> bool:
    """Tell whether the layer of a sheet is known anywhere: a scale of colours beside nothing says nothing."""
    layer = atlas.layers.get(sheet.layer)
    return layer is not None and bool(np.isfinite(layer.values).any())


def _unit(sheet: Sheet, language: str) -> str:
    return sheet.unit if language == "en" else sheet.unit_ko


def _draw_ground(axes: Any, atlas: StudyAtlas, sheet: Sheet) -> Any:  # noqa: ANN401 - matplotlib
    """Draw the layer of a sheet; None where there is none."""
    if not _is_drawn(atlas, sheet):
        return None
    layer = atlas.layers[sheet.layer]
    shown = (_ramp if sheet.draw in {"ramp", "sites"} else _classes)(axes, layer, sheet)
    silent = atlas.layers.get(sheet.sure) if sheet.sure else layer
    if silent is not None and (sheet.sure or sheet.draw == "reading"):
        _hatch(axes, silent)
    shown.set_clip_path(clip_path(atlas.outline()), transform=axes.transData)
    return shown


def _ramp(axes: Any, layer: StudyLayer, sheet: Sheet) -> Any:  # noqa: ANN401
    known = layer.values[np.isfinite(layer.values)]
    low = sheet.low if sheet.low is not None else float(known.min()) if known.size else 0.0
    high = sheet.high if sheet.high is not None else float(known.max()) if known.size else 1.0
    return axes.imshow(
        layer.values, extent=layer.extent, origin="upper", interpolation="nearest",
        cmap=sheet.colours, vmin=low, vmax=max(high, low + 1e-9),
    )  # fmt: skip


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


def _classes(axes: Any, layer: StudyLayer, sheet: Sheet) -> Any:  # noqa: ANN401
    from matplotlib.colors import to_rgba

    image = np.ones((*layer.values.shape, 4))
    for code, colour, _ in _class_rows(layer, sheet, "en"):
        image[layer.values == code] = to_rgba(colour)
    return axes.imshow(image, extent=layer.extent, origin="upper", interpolation="nearest")


def _handles(atlas: StudyAtlas, sheet: Sheet, language: str) -> list[Any]:
    """Give colours and lines that a sheet shows, with their words."""
    if sheet.draw in {"place", "base"}:
        return _line_handles(atlas, language, every=sheet.draw == "base")
    if sheet.draw in {"reading", "classes"} and _is_drawn(atlas, sheet):
        rows = _class_rows(atlas.layers[sheet.layer], sheet, language)
        return [_patch(colour, words) for _, colour, words in rows]
    return [_site_handle(language)] if sheet.draw == "sites" and _sites(atlas) else []


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


def _name_districts(figure: Any, axes: Any, atlas: StudyAtlas) -> None:  # noqa: ANN401
    """Write the names of districts, whole and beside each other, unless there are too many to be read."""
    frame = atlas.shapes.get("districts")
    if frame is None or len(frame) > _MOST_NAMES:
        return
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    seen = shapely.box(x0, y0, x1, y1)
    parts = [
        (name, part)
        for name, shape in zip(frame["name"], frame.geometry, strict=True)
        if (part := shape.intersection(seen)).area >= _NAMED_FROM * seen.area
    ]
    taken = [box for _, box in _boxes(figure, axes.texts)]
    for name, part in sorted(parts, key=lambda one: -one[1].area):
        point = label_point(part)
        text = axes.text(
            point.x, point.y, plain_text(name, max_chars=24).replace("$", r"\$"), fontsize=8,
            ha="center", va="center", color="#222222", bbox=_HALO,
        )  # fmt: skip
        box = _moved_inside(figure, axes, text)
        if any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)


def _boxes(figure: Any, texts: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
    """Texts with the room that they take on the sheet."""
    use_packaged_fonts(figure)
    pen = figure.canvas.get_renderer()
    return [(text, text.get_window_extent(pen)) for text in texts]


def _moved_inside(figure: Any, axes: Any, text: Any) -> Any:  # noqa: ANN401
    """Move a name that the edge of the map would cut, and give the room that it takes."""
    (_, box), *_ = _boxes(figure, [text])
    edge = axes.get_window_extent()
    aside = max(edge.x0 + _EDGE_DOTS - box.x0, 0) + min(edge.x1 - _EDGE_DOTS - box.x1, 0)
    up = max(edge.y0 + _EDGE_DOTS - box.y0, 0) + min(edge.y1 - _EDGE_DOTS - box.y1, 0)
    x, y = axes.transData.transform(text.get_position())
    text.set_position(axes.transData.inverted().transform((x + aside, y + up)))
    return box.translated(aside, up)


def _line_handles(atlas: StudyAtlas, language: str, *, every: bool) -> list[Any]:
    """Give the lines that a sheet of places shows; ``every``: its streets too."""
    from matplotlib.lines import Line2D

    words = _LEGEND[language]
    handles = [
        Line2D(
            [], [], color=colour, linewidth=max(width, 1.0), label=words[name],
            linestyle="--" if name == "districts" else "-",
        )
        for name, colour, width in _LINES
        if name in atlas.shapes and len(atlas.shapes[name]) and (every or name != "streets")
    ]  # fmt: skip
    return [*handles, *([_site_handle(language)] if _sites(atlas) else [])]


def _site_handle(language: str) -> Any:  # noqa: ANN401
    from matplotlib.lines import Line2D

    return Line2D([], [], color=_SITE, linewidth=1.8, label=_LEGEND[language]["site"])
