"""Sheets turn with the shape of the city: the map as large as it can be, letters of one size, names whole."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import geopandas as gpd
import numpy as np
import pytest
import shapely
from applications import make_atlas as atlas
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from kcity_geo.outputs.sheet_layout import DPI, key_rows, layout_of, printed_mm
from kcity_geo.outputs.sheet_maps import _name_districts, draw_sheet

READINGS = ["Falls short", "Probably falls short", "Cannot tell: survey first", "Adequate"]
SHAPES = [0.35, 0.5, 0.7, 1.0, 1.35, 1.7, 2.4]
PAGE_MM, PAGE_HIGH_MM = 174.5, 238.0


def inside(layout) -> bool:
    wide, high = layout.size
    return all(
        left >= 0 and low >= 0 and left + w <= wide + 1e-9 and low + h <= high + 1e-9
        for left, low, w, h in (layout.map, layout.key)
    )


@pytest.mark.parametrize("ratio", SHAPES)
@pytest.mark.parametrize("bar", [True, False])
def test_map_and_legend_fit_the_page_beside_each_other(ratio, bar) -> None:
    layout = layout_of(ratio, READINGS, bar=bar)
    assert inside(layout)
    assert layout.map[3] == pytest.approx(ratio * layout.map[2])
    one, other = shapely.box(*corners(layout.map)), shapely.box(*corners(layout.key))
    assert one.intersection(other).area == pytest.approx(0.0)
    wide, high = (25.4 * v for v in layout.size)
    assert wide <= PAGE_MM
    assert high <= PAGE_HIGH_MM


def corners(box):
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def test_a_long_city_has_a_page_and_a_broad_one_the_whole_width() -> None:
    long, square, broad = (layout_of(r, READINGS, bar=False) for r in (2.0, 1.0, 0.4))
    assert long.size[1] > long.size[0]
    assert long.map[3] > 7  # inches; half a page has 4.2
    assert square.key[0] > 0  # beside the map
    assert square.size[1] <= 4.2 + 1e-9
    assert broad.map[2] == pytest.approx(6.85)
    assert layout_of(2.0, READINGS, bar=False, small=True).size[1] <= 3.0 + 1e-9


def test_words_stand_in_as_many_columns_as_fit() -> None:
    assert key_rows(["a", "b", "c", "d"], 6.85) == (4, 1)
    assert key_rows([], 6.85)[1] == 0
    # 40 letters of 0.062 inch with their sign take 2.9 inches: two beside each other, and 20 of Hangul as much.
    assert key_rows(["x" * 40] * 3, 6.85) == key_rows(["가" * 20] * 3, 6.85) == (2, 2)


def long_atlas():
    """A city of 2 by 4 km: the layers of the square one, pulled."""
    box = shapely.box(0, 0, 2000, 4000)
    extent = (0.0, 2000.0, 0.0, 4000.0)
    given = atlas()
    layers = {name: replace(layer, extent=extent) for name, layer in given.layers.items()}
    shapes = {**given.shapes, "boundary": gpd.GeoDataFrame(geometry=[box], crs=32626)}
    return replace(given, layers=layers, shapes=shapes)


@pytest.mark.parametrize("number", [1, 3, 8])
def test_a_sheet_is_printed_in_the_size_in_which_it_is_drawn(number) -> None:
    png = draw_sheet(long_atlas(), number, "ko")
    image = Image.open(BytesIO(png))
    assert image.height > image.width
    assert printed_mm(png) == pytest.approx(image.width / DPI * 25.4)
    assert printed_mm(png) <= PAGE_MM


def test_names_of_districts_stay_whole_and_beside_each_other() -> None:
    # Two slivers at the edges, whose names are wider than they are, and two districts in one place.
    shapes = [shapely.box(0, 0, 60, 1000), shapely.box(940, 0, 1000, 1000)]
    shapes += [shapely.box(400, 400, 600, 600), shapely.box(410, 400, 600, 601)]
    names = ["A district of the western edge", "Of the eastern edge", "Middle", "Centre"]
    given = atlas()
    districts = gpd.GeoDataFrame({"name": names}, geometry=shapes, crs=32626)
    figure = Figure(figsize=(4, 4), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 1000)
    axes.set_ylim(0, 1000)
    _name_districts(figure, axes, replace(given, shapes={**given.shapes, "districts": districts}))
    pen = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(pen) for text in axes.texts]
    assert len(boxes) == 3  # of two names in one place, that of the larger district
    edge = axes.get_window_extent()
    for number, box in enumerate(boxes):
        assert edge.x0 <= box.x0
        assert box.x1 <= edge.x1
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
    assert "Middle" in {text.get_text() for text in axes.texts}
    assert np.isfinite([box.x0 for box in boxes]).all()
