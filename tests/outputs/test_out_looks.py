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
