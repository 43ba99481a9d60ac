"""Streets that the map lacks have light too: as often as streets stand elsewhere, as lit as elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.energy.lighting import street_lighting
from kcity_geo.analysis.gaps.assessed import Assessed
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.completed import Completion
from kcity_geo.analysis.gaps.draws import DrawnBand
from kcity_geo.analysis.gaps.light import StreetLight, street_light
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.result import Indicator

ALL = slice(0, 40)


def town(*tags: str, until: int = 4000) -> CityModel:
    """Streets west of a line, one in each row of cells; from the south each next one has the next tag."""
    rows = [{"highway": "residential", "lit": tags[n % len(tags)]} for n in range(40)]
    lines = [shapely.LineString([(0, y), (until, y)]) for y in range(50, 4000, 100)]
    arrays = {"population": 50.0, "urban_class": 3.0, "built_m2": 2000.0}
    roads = toy_layer(rows, lines)
    return CityModel(make_toy(arrays=arrays, layers={"roads_drive": roads, "roads_walk": roads}))


def drawn(model: CityModel, count: int = 60) -> tuple[np.ndarray, Completion]:
    """E8 of all cells in each draw."""
    cells = Assessed(model)
    one = cells.assess(street_lighting(model), model.standards["E8"])
    whole = Completion(model, light=street_light(model, one), seed=7, count=count)
    band = DrawnBand(whole, ALL)
    return np.stack([band.draw([one], draw)["E8"] for draw in range(count)]), whole


def test_streets_that_are_missing_stand_there_by_bayes():
    """Of 100 people 40 live at a mapped street, and 8 in 10 are shown: 50 do."""
    none, land = np.zeros(0), np.arange(2)
    light = StreetLight(
        none.astype(bool),
        land,
        np.array([50.0, 50.0]),
        shown=40.0,
        told=0.5,
        lenders=land,
        low=none,
        middle=none,
        high=none,
    )
    assert light.prior(np.array([0.8, 0.8])) == pytest.approx(0.5)
    # 0.5 * 0.2 / (0.5 * 0.2 + 0.5) = 1/6 live at one that is missing; half of the streets carry a word.
    assert light.speaks(np.array([0.8, 1.0]), 0.5) == pytest.approx([0.5 / 6, 0.0])


def test_a_place_without_a_street_gets_the_light_of_others_or_none():
    found, whole = drawn(town("yes", "no", until=2000))
    west, east = found[:, :, :20], found[:, :, 20:]
    assert np.isfinite(west).all()
    assert set(np.unique(east[np.isfinite(east)])) == {0.0, 1.0}
    nothing_missing = [draw for draw in range(60) if whole.whole(draw)]
    assert len(nothing_missing) == 6
    assert np.isnan(east[nothing_missing]).all()
    often = np.isfinite(east).mean()
    assert 0.3 < often <= 0.9
    assert 0.4 < np.nanmean(east) < 0.6  # as dark as the west


def test_streets_without_a_word_stay_as_mapped():
    found, _ = drawn(town("yes", "", until=4000))
    silent = np.isnan(found)
    assert silent[:, ::2].all() or silent[:, 1::2].all()
    assert silent.mean() == pytest.approx(0.5)


def test_the_range_holds_what_the_whole_map_says():
    """All streets are lit: on the whole map every place has light, on half of it half of them."""

    def gaps(until: int):
        model = town("yes", until=until)
        known = [
            Indicator(id=key, value=0.5, units="share", area_gap=0.5, evidence="user")
            for key in ("E2", "E5")
        ]
        return assess_gaps(model, [*known, street_lighting(model)]).city.loc["energy"]

    half, whole = gaps(2000), gaps(4000)
    assert whole["gap_raw"] == pytest.approx(0.5 * (0.6 / 0.75) ** 0.5)
    assert half["gap_raw"] == pytest.approx((0.5 + whole["gap_raw"]) / 2)
    assert half["gap_lo"] <= whole["gap_raw"] + 0.01
    assert half["gap_lo"] <= half["gap"] <= half["gap_hi"]
    assert half["gap_hi"] == pytest.approx(half["gap_raw"], abs=0.001)  # six draws lack nothing
