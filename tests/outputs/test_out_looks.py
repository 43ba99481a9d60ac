"""Quick looks: pictures and small maps of each step, harmless whatever the data say."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

import kcity_geo as kc
from kcity_geo.errors import StudyError

HOSTILE = ["{{7*7}}", "{% for x in y %}", "{#1}", "<img src=x onerror=alert(1)>", "${1+1}", "`x`"]


@pytest.mark.parametrize("layer", ["", "transport", "T1", "suitability"])
def test_a_study_is_drawn_in_metres_with_its_unit(result, layer) -> None:
    axes = kc.plot(result, layer)
    west, _, east, _ = result.data.city.boundary_metric.bounds
    low, high = axes.get_xlim()
    assert low <= east
    assert high >= west
    assert axes.get_title()
    assert len(axes.figure.axes) == 2  # the map and its scale


def test_each_step_can_be_drawn(result) -> None:
    for thing in (result.data.city, result.data, result.gaps, result.sites):
        assert kc.plot(thing).has_data()
    picture = kc.plot(result.data, "population").images[0]
    cells = np.asarray(picture.get_array().filled(np.nan))
    np.testing.assert_allclose(cells, result.data.cube["population"].to_numpy())


def test_a_layer_that_is_not_there_is_named(result) -> None:
    with pytest.raises(StudyError, match="no layer 'nothing'; there are .*composite_gap"):
        kc.plot(result.gaps, "nothing")


@pytest.mark.parametrize("thing", ["score", "word"])
def test_what_is_no_step_is_refused_with_what_to_do(result, thing) -> None:
    with pytest.raises(StudyError, match="plot: needs a city"):
        kc.plot(result.score if thing == "score" else "word")


def test_maps_of_each_step_open(result) -> None:
    for thing in (result, result.gaps, result.sites):
        assert "<html>" in kc.explore(thing).get_root().render()


def test_hostile_names_and_values_stay_text() -> None:
    frame = gpd.GeoDataFrame(
        {name: [name, i] for i, name in enumerate(HOSTILE)},
        geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)],
        crs=4326,
    )
    page = kc.explore(frame).get_root().render()
    for text in HOSTILE:
        assert text not in page


def test_what_cannot_be_shown_is_refused_in_words(result) -> None:
    with pytest.raises(StudyError, match="no column of numbers"):
        kc.explore(result.sites, "reasons")
    with pytest.raises(StudyError, match="there are none"):
        kc.explore(result.sites.iloc[:0])
    with pytest.raises(StudyError, match="not CityData"):
        kc.explore(result.data)


# --- colours, axes and maps of the caller -----------------------------------------------------------


def lightness(axes, value: float) -> float:
    """How light a value is drawn, 0 black to 1 white."""
    image = axes.images[0]
    return float(np.mean(image.cmap(image.norm(value))[:3]))


@pytest.mark.parametrize(
    ("layer", "good", "bad"),
    [("T1", 1.0, 0.0), ("T1_gap", 0.0, 1.0), ("composite", 0.0, 1.0), ("transport", 0.0, 1.0)],
)
def test_served_is_pale_and_critical_is_dark_whichever_way_the_number_runs(
    result, layer, good, bad
) -> None:
    axes = kc.plot(result.gaps, layer)
    assert lightness(axes, good) > 0.75
    assert lightness(axes, bad) < 0.25


@pytest.mark.parametrize("layer", ["inside_share", "population"])
def test_what_is_neither_good_nor_bad_is_not_drawn_as_a_gap(result, layer) -> None:
    image = kc.plot(result.data, layer).images[0]
    assert image.cmap(0.0)[:3] == pytest.approx((0x44 / 255, 0x01 / 255, 0x54 / 255), abs=0.01)


def test_the_axes_and_the_colours_of_the_caller_are_used(result) -> None:
    from matplotlib.figure import Figure

    one, two = Figure().subplots(1, 2)
    for ax in (one, two):
        assert kc.plot(result.gaps, "transport", ax=ax, cmap="Greys") is ax
        assert ax.images[0].cmap.name == "Greys"
    assert kc.plot(result.data.city, ax=one) is one
    assert kc.plot(result.sites, ax=two) is two


def test_several_things_lie_on_one_map(result) -> None:
    page = kc.explore(result.gaps)
    before = len(page._children)
    assert kc.explore(result.sites, m=page) is page
    assert len(page._children) > before


def test_objects_show_themselves_in_a_notebook(result) -> None:
    for thing in (result.data.city, result.data, result.gaps, result.score):
        assert "\n" not in repr(thing)
        assert len(repr(thing)) < 400
        page = thing._repr_html_()
        assert ("<img src" in page) or ("<svg" in page)
        assert len(page) < 60_000
    assert "<b>" not in kc.make_city("<b>", shapely.box(0, 0, 0.1, 0.1))._repr_html_()
