"""Decisive data: nothing is ranked without them, and unknown land is not empty land."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.suitability.constraints import build_constraints
from kcity_geo.analysis.suitability.decisive import no_ranking, undecided
from kcity_geo.analysis.suitability.excluded_area import Land, excluded_areas
from kcity_geo.analysis.suitability.score import suitability
from kcity_geo.analysis.suitability.view import CityView
from kcity_geo.analysis.terrain.relief import cell_terrain
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.profiles import decisive_rows, profiles

pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
SHAPE = (40, 40)


def known(**gone):
    """A toy city that knows all that decides; what is named as None is taken away."""
    layers = {
        "roads_drive": toy_layer([{"highway": "trunk"}], [shapely.LineString([(0, 0), (4000, 0)])]),
        "water_body": toy_layer([{"natural": "water"}], [shapely.box(0, 3900, 100, 4000)]),
    }
    layers = {k: v for k, v in layers.items() if gone.get(k, v) is not None}
    arrays = {"population": 1.0, "built_m2": 0.0}
    arrays = {k: v for k, v in arrays.items() if gone.get(k, v) is not None}
    relief = {"slope_pct": np.full(SHAPE, 3.0), "hand_m": np.full(SHAPE, 12.0)}
    model = model_of(make_toy(arrays=arrays, layers=layers))
    return model.given(
        cell_terrain, {k: v for k, v in relief.items() if gone.get(k, v) is not None}
    )


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({}, ""),
        ({"slope_pct": None}, "slope unknown; add sources.elevation"),
        ({"hand_m": None}, "flood unknown; add sources.elevation or sources.flood"),
        ({"built_m2": None}, "built-up land unknown; add sources.built"),
        ({"water_body": None}, "open water unknown; add sources.osm or sources.landcover"),
        ({"roads_drive": None}, "roads unknown; add sources.osm"),
    ],
)
def test_each_decisive_row_alone_stops_score_and_rank(gone, said):
    found = suitability(known(**gone), None, project="industrial_complex")
    assert found.no_ranking == (f"No ranking possible: {said}" if said else "")
    assert np.isfinite(found.score).any() == (not said)
    assert bool(said) == any(found.no_ranking in w for w in found.warnings if found.no_ranking)
    assert found.feasible.any()


def test_what_the_user_switches_off_is_not_asked_for():
    off = {"slope_pct_max": False, "hand_m_min": "ignore", "flood_exposure_max": False}
    city = known(slope_pct=None, hand_m=None)
    found = suitability(city, None, project="industrial_complex", constraints=off)
    assert "unknown" not in found.no_ranking
    one = suitability(
        city, None, project="industrial_complex", constraints={"slope_pct_max": False}
    )
    assert "flood unknown" in one.no_ranking


def test_every_profile_names_rows_that_exist_and_asks_for_slope_and_flood():
    for row in profiles().values():
        assert set(row["decisive"]) <= set(decisive_rows())
        assert {"slope", "flood", "road"} <= set(row["decisive"])


def test_check_asks_without_computing():
    city = known().for_check()
    view = CityView(city, None)
    assert undecided(view, ["built", "water", "road"], {}) == []
    assert [title for title, _ in undecided(view, ["slope", "flood"], {})] == ["slope", "flood"]
    half = {"hand_m_min": "ignore", "flood_exposure_max": 0.1}
    assert undecided(view, ["flood"], half)[0][1].endswith(', or flood_exposure_max = "ignore"')
    assert undecided(view, ["flood"], dict.fromkeys(half, "ignore")) == []
    assert not any("terrain" in name or "people" in name for name in city.computed)


@pytest.mark.parametrize("source", ["raster", "buildings"])
def test_a_grid_of_residential_streets_without_buildings_is_unknown_not_empty(source):
    """Streets every 200 m in the south-west quarter; nobody mapped the houses."""
    at = np.arange(100.0, 2000.0, 200.0)
    lines = [shapely.LineString([(a, 0), (a, 2000)]) for a in at]
    lines += [shapely.LineString([(0, a), (2000, a)]) for a in at]
    # So that all of the city lies near something that somebody mapped.
    lines.append(shapely.LineString([(0, 3050), (4000, 3050)]))
    lines.append(shapely.LineString([(3550, 0), (3550, 4000)]))
    highway = [{"highway": "residential"}] * (len(lines) - 2) + [{"highway": "trunk"}] * 2
    layers = {"roads_drive": toy_layer(highway, lines)}
    arrays = {"built_m2": 0.0}
    if source == "buildings":
        arrays = {}
        layers["building"] = toy_layer([{"building": "yes"}], [shapely.box(3000, 3500, 3100, 3600)])
    model = model_of(make_toy(arrays=arrays, layers=layers))
    (built,) = build_constraints(CityView(model, None), {"built_max": 0.1})
    assert built.unknown[20:, :20].all()
    assert not built.unknown[:18].any()
    assert not built.unknown[:, 22:].any()
    assert "cells with residential or dense streets" in built.note
    assert built.excluded.sum() == (1 if source == "buildings" else 0)


def test_peaks_rock_cliffs_quarries_and_cemeteries_veto():
    kinds = [{"natural": n} for n in ("peak", "cliff", "bare_rock")]
    barren = [
        shapely.Point(1050, 1050),
        shapely.LineString([(2010, 50), (2090, 50)]),
        shapely.box(3010, 10, 3090, 90),
    ]
    pits = [shapely.box(10, 3910, 90, 3990), shapely.box(510, 3910, 590, 3990)]
    layers = {
        "barren": toy_layer(kinds, barren),
        "landuse": toy_layer([{"landuse": "quarry"}, {"landuse": "cemetery"}], pits),
    }
    view = CityView(model_of(make_toy(layers=layers)), None)
    limits = {"barren": "exclude", "peak_buffer_m": 150, "quarry": "exclude", "cemetery": "exclude"}
    rock, quarry, cemetery = build_constraints(view, limits)
    # 150 m around the middle of a cell: it, its 8 neighbours, and the 4 beyond on both axes.
    assert rock.excluded[25:36, 5:16].sum() == 9 + 4
    assert rock.excluded[39, 20]
    assert rock.excluded[39, 30]
    assert rock.excluded.sum() == 15
    assert quarry.excluded.sum() == cemetery.excluded.sum() == 1
    assert rock.area_ha == pytest.approx((np.pi * 150**2 + 80**2) / 1e4, rel=0.001)


@pytest.mark.parametrize("cell_m", [100.0, 250.0])
@given(data=st.data())
def test_excluded_area_is_that_of_the_shapes_whatever_the_cells(cell_m, data):
    """Alone and in sequence, within 0.5 % of the union of the shapes; the parts add up."""
    number = st.floats(-300, 4300)
    discs = st.lists(st.tuples(number, number, st.floats(50, 900)), min_size=1, max_size=4)
    drawn = [data.draw(discs) for _ in range(3)]
    city = model_of(make_toy(cell_m=cell_m))
    square = city.city.boundary_metric
    home = shapely.get_coordinates(shapely.Point(square.bounds[:2]))[0]
    shapes = [
        np.array(
            [shapely.Point(x + home[0], y + home[1]).buffer(r) for x, y, r in one], dtype=object
        )
        for one in drawn
    ]
    found = excluded_areas([Land(shapes=s) for s in shapes], city=city)
    before: BaseGeometry = shapely.Polygon()
    for (alone, added), own in zip(found, shapes, strict=True):
        land = shapely.union_all(own).intersection(square)
        assert alone == pytest.approx(land.area / 1e4, rel=0.005, abs=1e-3)
        new = land.difference(before)
        assert added == pytest.approx(new.area / 1e4, rel=0.005, abs=2e-2)
        before = before.union(land)
    assert sum(added for _, added in found) == pytest.approx(before.area / 1e4, rel=0.005, abs=2e-2)


def test_whole_cells_and_shapes_are_counted_once():
    city = model_of(make_toy())
    west, south, _, _ = city.city.boundary_metric.bounds
    half = np.zeros(SHAPE, bool)
    half[:, :20] = True  # the west half as cells: 800 ha
    square = np.array([shapely.box(west + 1000, south, west + 3000, south + 1000)], dtype=object)
    found = excluded_areas([Land(cells=half), Land(shapes=square)], city=city)
    assert found == [pytest.approx((800, 800), rel=1e-6), pytest.approx((200, 100), rel=1e-6)]
    found = excluded_areas([Land(shapes=square), Land(cells=half)], city=city)
    assert found == [pytest.approx((200, 200), rel=1e-6), pytest.approx((800, 700), rel=1e-6)]


def test_a_source_is_asked_for_once_whatever_the_order() -> None:
    """Water may come from the map or from land cover; roads come from the map alone."""
    water, roads = ("open water", "sources.osm or sources.landcover"), ("roads", "sources.osm")
    assert no_ranking([water, roads]).endswith("unknown; add sources.osm")
    assert no_ranking([roads, water]).endswith("unknown; add sources.osm")
    assert no_ranking([water]).endswith("unknown; add sources.osm or sources.landcover")


@pytest.mark.parametrize("landcover", [False, True])
def test_land_that_nobody_mapped_is_unknown_not_empty(landcover):
    """Streets and houses in the west alone, as at the edge of an extract; a land cover tells of the rest."""
    layers = {
        "roads_drive": toy_layer(
            [{"highway": "tertiary"}], [shapely.LineString([(50, 0), (50, 4000)])]
        ),
        "building": toy_layer([{"building": "yes"}], [shapely.box(100, 100, 160, 160)]),
    }
    arrays = {"landcover": 30.0} if landcover else {}
    (built,) = build_constraints(
        CityView(model_of(make_toy(arrays=arrays, layers=layers)), None), {"built_max": 0.1}
    )
    if landcover:
        assert not built.unknown.any()
        return
    assert not built.unknown[:, :10].any()  # cells whose middle is at most 900 m from the street
    assert built.unknown[:, 12:].all()
    assert "nobody mapped there" in built.note


@pytest.mark.parametrize(("limit", "settled"), [(0.15, True), (1.0, False)])
def test_settled_land_is_not_free_because_its_roofs_are_few(limit, settled):
    cover = np.full(SHAPE, 40.0)
    cover[:, :10] = 50.0
    people = np.zeros(SHAPE)
    people[0, 20:30] = 15.0  # 1,500 persons a km2
    people[1, 20:30] = 14.9
    arrays = {"population": people, "built_m2": np.full(SHAPE, 500.0), "landcover": cover}
    view = CityView(model_of(make_toy(arrays=arrays)), None)
    (found,) = build_constraints(view, {"built_max": limit})
    expected = np.zeros(SHAPE, dtype=bool)
    expected[:, :10] = expected[0, 20:30] = settled
    np.testing.assert_array_equal(found.excluded, expected)
    assert ("400 further cells are built up by the land cover" in found.note) == settled
    assert ("10 further cells hold as many people as an urban centre" in found.note) == settled
