"""Layers for maps of one's own: picture, legend and credits, and strings that stay text."""

from __future__ import annotations

from dataclasses import replace

import folium
import pytest

import kcity_geo as kc
from kcity_geo.errors import StudyError
from kcity_geo.outputs.themes import make_themes


def page_of(layer) -> str:
    m = folium.Map(tiles=None)
    layer.add_to(m)
    return m.get_root().render()


@pytest.mark.parametrize(
    "name", ["", "transport", "T1", "water_reading", "suitability", "population"]
)
def test_a_theme_becomes_a_layer_with_picture_and_legend(result, name) -> None:
    page = page_of(kc.layer(result, name))
    assert page.count("data:image/png;base64,") == 1
    assert "L.imageOverlay" in page
    assert '[["\\u0023' in page


def test_gaps_alone_are_enough_and_a_legend_can_be_left_out(result) -> None:
    page = page_of(kc.layer(result.gaps, "energy", legend=False))
    assert "imageOverlay" in page
    assert "var about" not in page
    assert "u0023" not in page


def test_a_name_that_is_not_there_is_refused_with_those_that_are(result) -> None:
    with pytest.raises(StudyError, match="there are"):
        kc.layer(result, "T99")
    with pytest.raises(StudyError, match="needs gaps or a finished study"):
        kc.layer(result.data, "population")  # type: ignore[arg-type]


def test_a_map_has_every_theme_and_can_be_gone_on_with(result) -> None:
    m = kc.map(result)
    folium.Marker([0, 0], tooltip="mine").add_to(m)
    page = m.get_root().render()
    assert page.count("data:image/png;base64,") == len(make_themes(result))
    assert "mine" in page
    assert "tile.openstreetmap" not in page


def test_hostile_names_stay_text(build) -> None:
    nasty = "</script><script>alert(1)</script>{{7*7}}"
    made = build(cell_m=500.0)
    cells = made.gaps.cells.copy()
    cells["T1"].attrs["long_name"] = nasty
    page = page_of(kc.layer(replace(made.gaps, cells=cells), "T1"))
    assert "<script>alert(1)" not in page
    assert "7*7" in page
    assert "script\\u003e49" not in page
    assert "\\u007b\\u007b7*7" in page
