"""Suitability: value functions, combinations, constraints, and what happens without data."""

# ruff: noqa: PD011 - values is a field here, not pandas

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.distance.straight import disc_sum, distance_m, nearest_feature
from kcity_geo.analysis.sites.rank import rank_sites
from kcity_geo.analysis.suitability import criteria as measures
from kcity_geo.analysis.suitability.combination import (
    orness,
    owa,
    owa_order_weights,
    topsis,
    tradeoff,
    wlc,
)
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.score import suitability
from kcity_geo.analysis.suitability.value_functions import describe, utility
from kcity_geo.analysis.terrain.relief import cell_terrain
from kcity_geo.analysis.terrain.sea import sea_polygons
from kcity_geo.config import read_table
from kcity_geo.cube import cell_centres
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.profiles import profiles

PROFILES = profiles()
SCORES = np.array([[0.9, 0.2, 0.5], [0.6, 0.8, 0.5], [0.3, 0.9, 0.5], [0.7, 0.5, 0.5]])
WEIGHTS = [0.5, 0.3, 0.2]
pytestmark = pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")


# --- value functions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "parameters", "x", "value"),
    [
        ("lin_dec", [0, 15], 7, 0.5333),
        ("sig_dec", [3, 1.2], 5, 0.0832),
        ("gauss", [2, 1], 2.5, 0.8825),
        ("trap", [200, 500, 2000, 5000], 350, 0.5),
        ("exp_dec", [3], 2, 0.5134),
        ("lin_inc", [0, 15], 7, 0.4667),
        ("step", [5], 5, 1.0),
        ("cat", {"grass": 0.9}, 30, 0.9),
        ("cat", {"grass": 0.9}, 80, 0.0),
        ("cat", {"wetland": 0.3}, 95, 0.3),
    ],
)
def test_golden_value_functions(function, parameters, x, value):
    assert float(utility(x, function=function, parameters=parameters)) == pytest.approx(
        value, abs=5e-5
    )


@given(
    st.sampled_from(["lin_dec", "lin_inc", "trap", "sig_dec", "gauss", "exp_dec", "step"]),
    st.lists(st.floats(0.01, 1e4), min_size=4, max_size=4, unique=True),
    st.floats(-1e6, 1e6),
)
def test_utility_stays_between_0_and_1_and_nan_stays_nan(function, numbers, x):
    p = sorted(numbers)[: {"trap": 4, "exp_dec": 1, "step": 1}.get(function, 2)]
    found = utility([x, np.nan], function=function, parameters=p)
    assert 0 <= found[0] <= 1
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("function", "parameters", "text"),
    [
        ("lin_dce", [1, 2], "does not exist"),
        ("lin_dec", [2, 1], "must rise"),
        ("lin_dec", [1], "2 numbers"),
        ("gauss", [1, 0], "above 0"),
        ("lin_dec", {"bare": 1}, "list of numbers"),
        ("cat", [1, 2], "table"),
        ("cat", {"gras": 1}, "no class"),
        ("cat", {"grass": 2}, "between 0 and 1"),
    ],
)
def test_bad_value_functions_are_refused(function, parameters, text):
    with pytest.raises(StudyError, match=text):
        utility(1.0, function=function, parameters=parameters)


# --- combination ------------------------------------------------------------------------------------


def test_golden_combinations():
    assert wlc(SCORES, WEIGHTS) == pytest.approx([0.61, 0.64, 0.52, 0.60])
    found = topsis(SCORES)(SCORES, np.array(WEIGHTS))
    assert found == pytest.approx([0.5875, 0.6054, 0.4125, 0.5837], abs=5e-5)
    assert (np.argsort(-found) + 1).tolist() == [2, 1, 4, 3]


@pytest.mark.parametrize(
    ("order", "value", "like_or", "trade"),
    [
        ([1 / 3] * 3, 0.61, 0.5, 1.0),
        ([0.1, 0.2, 0.7], 0.3567, 0.2, 0.443),
        ([0.7, 0.2, 0.1], 0.8119, 0.8, 0.443),
    ],
)
def test_golden_ordered_weights(order, value, like_or, trade):
    assert float(owa(SCORES[0], WEIGHTS, order)) == pytest.approx(value, abs=5e-5)
    assert orness(order) == pytest.approx(like_or)
    assert tradeoff(order) == pytest.approx(trade, abs=5e-4)


@given(st.integers(2, 10), st.floats(0.02, 0.98))
def test_order_weights_have_the_risk_asked_for(k, risk):
    found = owa_order_weights(k, risk=risk)
    assert found.sum() == pytest.approx(1)
    assert orness(found) == pytest.approx(risk, abs=1e-3)


def test_wlc_leaves_out_what_is_not_known_and_topsis_ignores_a_constant_criterion():
    assert float(wlc(np.array([1.0, np.nan, 0.0]), WEIGHTS)) == pytest.approx(0.5 / 0.7)
    assert np.isnan(wlc(np.array([np.nan, np.nan, 1.0]), WEIGHTS, known_min=0.5))
    two = topsis(SCORES[:, :2])(SCORES[:, :2], np.array([0.5, 0.3]))
    assert (
        np.argsort(two).tolist() == np.argsort(topsis(SCORES)(SCORES, np.array(WEIGHTS))).tolist()
    )
    alike, hole, even = np.ones((2, 2)), np.array([[np.nan, 1.0], [1.0, 0.5]]), np.ones(2)
    assert topsis(alike)(alike, even).tolist() == [0.5, 0.5]
    assert np.isnan(topsis(hole)(hole, even)[0])


def test_bad_combinations_are_refused():
    with pytest.raises(StudyError, match="2 weights"):
        wlc(SCORES, [1, 1])
    with pytest.raises(StudyError, match="at least one above"):
        topsis(SCORES)(SCORES, np.zeros(3))
    with pytest.raises(StudyError, match="risk"):
        owa_order_weights(3, risk="bold")


# --- distances --------------------------------------------------------------------------------------


def test_distance_is_to_the_line_itself_not_to_cells_of_it(toy, features):
    line = shapely.LineString([(13, 7), (1711, 903), (2222, 3999)])
    lake = shapely.Point(3000, 1000).buffer(555)
    data = toy()
    layer = features([{}, {}], [line, lake])
    found = distance_m(layer.geometry.to_numpy(), grid=data.grid)
    x, y = cell_centres(data.grid)
    exact = [
        min(g.distance(shapely.Point(a, b)) for g in layer.geometry)
        for a, b in zip(x, y, strict=True)
    ]
    assert found.ravel() == pytest.approx(exact, abs=1e-6)


def test_nearest_of_equals_is_the_first_and_nothing_is_infinitely_far():
    points = np.array([shapely.Point(0, 0), shapely.Point(10, 0)])
    metres, which = nearest_feature(points, np.array([5.0]), np.array([0.0]))
    assert (metres[0], which[0]) == (5.0, 0)
    metres, which = nearest_feature(np.zeros(0, object), np.array([5.0]), np.array([0.0]))
    assert (metres[0], which[0]) == (np.inf, -1)


@given(seed=st.integers(0, 99), radius=st.floats(50, 900))
def test_disc_sum_equals_counting_by_hand(seed, radius):
    values = np.random.default_rng(seed).integers(0, 100, (9, 7)).astype(float)
    found = disc_sum(values, radius_m=radius, cell_m=100)
    row, column = np.mgrid[:9, :7]
    for r, c in ((0, 0), (4, 3), (8, 6)):
        near = ((row - r) ** 2 + (column - c) ** 2) * 100**2 <= radius**2
        assert found[r, c] == pytest.approx(values[near].sum())


# --- profiles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", sorted(PROFILES))
def test_profiles_are_whole(project):
    profile = PROFILES[project]
    rows = profile["criteria"]
    assert sum(r["weight"] for r in rows) == pytest.approx(1, abs=1e-9)
    for row in rows:
        assert row["id"] in CRITERIA
        assert row["phrase"]
        assert {"title", "units", "mark", "citation"} <= set(row)
        assert row["mark"] in "VMD"
        utility(np.array([1.0, np.nan]), function=row["function"], parameters=row["parameters"])
    assert {"slope_pct_max", "hand_m_min", "built_max", "protected", "min_area_ha"} <= set(
        profile["constraints"]
    )


def test_all_eight_profiles_are_there():
    assert set(PROFILES) == {
        "industrial_complex", "new_town", "logistics_hub", "rnd_tech_park", "transit_hub",
        "water_treatment_plant", "solar_farm", "data_centre",
    }  # fmt: skip


# --- a city -----------------------------------------------------------------------------------------


def plain(toy, features, **more):
    """Open land 4 km wide with a town in the middle, a trunk road, a substation and a lake."""
    row, column = np.mgrid[:40, :40]
    people = np.where(np.hypot(row - 20, column - 20) < 5, 100.0, 0.0)
    layers = {
        "roads_drive": features(
            [{"highway": "trunk"}, {"highway": "residential"}],
            [
                shapely.LineString([(0, 500), (4000, 500)]),
                shapely.LineString([(2000, 0), (2000, 4000)]),
            ],
        ),
        "substation": features([{"voltage_v": 110_000.0}], [shapely.Point(3500, 3500)]),
        "water_body": features(
            [{"natural": "water", "water": "lake"}], [shapely.box(200, 3000, 900, 3800)]
        ),
        **more.pop("layers", {}),
    }
    arrays = {
        "population": people,
        "built_m2": np.where(people > 0, 3000.0, 0.0),
        "landcover": np.where(column < 20, 30.0, 40.0),
        **more.pop("arrays", {}),
    }
    return toy(arrays=arrays, layers=layers)


def relief(slope=3.0, hand=8.0):
    shape = (40, 40)
    return {
        "slope_pct": np.broadcast_to(np.asarray(slope, float), shape).copy(),
        "hand_m": np.broadcast_to(np.asarray(hand, float), shape).copy(),
        "elevation_m": np.broadcast_to(np.linspace(200, 100, 40)[:, None], shape).copy(),
        "aspect_score": np.full(shape, 0.5),
    }


@pytest.mark.parametrize("project", sorted(PROFILES))
def test_every_profile_runs_and_says_what_it_lacks(toy, features, project):
    found = suitability(
        model_of(plain(toy, features)).given(cell_terrain, relief(hand=20)), None, project=project
    )
    rows = [r["id"] for r in PROFILES[project]["criteria"]]
    used = [c.id for c in found.criteria]
    assert sorted([*used, *found.missing]) == sorted(rows)
    assert all(found.missing.values())
    assert sum(c.weight_used for c in found.criteria) == pytest.approx(1)
    stated = {r["id"]: r["weight"] for r in PROFILES[project]["criteria"]}
    for one in found.criteria:
        assert one.weight_stated == pytest.approx(stated[one.id])
        known = one.utility[np.isfinite(one.utility)]
        assert ((known >= 0) & (known <= 1)).all()
    score = found.score[np.isfinite(found.score)]
    assert bool(len(score)) == (sum(c.weight_stated for c in found.criteria) >= 0.5)
    assert ((score >= 0) & (score <= 1)).all()
    assert np.isnan(found.score[~found.feasible]).all()
    for key in found.missing:
        assert any(key in text for text in found.warnings)


def test_excluded_cells_are_nan_not_zero_and_nothing_makes_up_for_them(toy, features):
    slope = np.full((40, 40), 3.0)
    slope[:, 30:] = 15.1
    slope[:, 29] = 15.0  # the limit itself is allowed
    slope[0, 0] = np.nan
    found = suitability(
        model_of(plain(toy, features)).given(cell_terrain, relief(slope)),
        None,
        project="industrial_complex",
    )
    by = {c.id: c for c in found.constraints}
    assert by["slope_pct_max"].excluded[:, 30:].all()
    assert not by["slope_pct_max"].excluded[1:, :30].any()
    assert np.argwhere(by["slope_pct_max"].unknown).tolist() == [[0, 0]]
    assert not found.feasible[0, 0]
    assert "1 cells without elevation" in by["slope_pct_max"].note
    assert np.isnan(found.score[:, 30:]).all()
    # The lake and 30 m around it: the cell west of its eastern bank, and one beyond.
    water = by["water_body"].excluded
    assert water[2:10, 2:9].all()
    assert water[5, 9]
    assert not water[5, 10:].any()
    # Homes: more than 300 m away.
    assert by["settlement_buffer_m"].excluded[20, 20 + 7]
    assert not by["settlement_buffer_m"].excluded[20, 20 + 8]


def test_a_constraint_without_data_is_not_applied_and_says_so(toy, features):
    with pytest.warns(KCityWarning, match="constraints not applied.*Steep slope"):
        found = suitability(model_of(plain(toy, features)), None, project="solar_farm")
    by = {c.id: c for c in found.constraints}
    for key in ("slope_pct_max", "hand_m_min", "protected", "military"):
        assert not by[key].applied
        assert not by[key].excluded.any()
        assert by[key].note
    assert by["water_body"].applied
    assert "slope_pct" in found.missing


def with_flood_map(data, values, *, units):
    flood = data.cube["population"].copy(data=values)
    flood.attrs["units"] = units
    return replace(data, cube=data.cube.assign(flood=flood))


@pytest.mark.parametrize(
    ("units", "wet", "dry", "excluded"),
    [
        ("m", 2.54, 0.0, True),  # deep
        ("m", 0.3, 0.0, True),  # half exposed
        ("m", 0.04, 0.0, False),  # a puddle
        ("years", 5.0, 0.0, True),  # comes every five years
        ("years", 400.0, 0.0, True),  # a fifth exposed
        ("years", 5000.0, 0.0, False),  # hardly ever
    ],
)
def test_a_flood_map_keeps_sites_out_of_the_water(toy, features, units, wet, dry, excluded):
    water = np.full((40, 40), dry)
    water[:, :20] = wet
    water[39, :] = np.nan  # beyond the map
    data = with_flood_map(plain(toy, features), water, units=units)
    found = suitability(model_of(data).given(cell_terrain, relief()), None, project="solar_farm")
    rule = {c.id: c for c in found.constraints}["flood_exposure_max"]
    assert rule.applied
    assert rule.excluded[:39, :20].all() == excluded
    assert rule.excluded[:39, :20].any() == excluded
    assert not rule.excluded[:, 20:].any()
    assert not rule.excluded[39].any()
    assert "beyond the flood map" in rule.note
    assert np.isnan(found.score[:39, :20]).all() or not excluded


def test_without_a_flood_map_no_constraint_speaks_of_one(toy, features):
    data = model_of(plain(toy, features)).given(cell_terrain, relief())
    found = suitability(data, None, project="solar_farm")
    assert "flood_exposure_max" not in {c.id for c in found.constraints}
    assert not any("flood map" in text for text in found.warnings)


def test_the_hazard_index_takes_the_flood_map_where_there_is_one(toy, features):
    water = np.full((40, 40), np.nan)
    water[:10], water[10:20] = 2.54, 0.0
    data = with_flood_map(plain(toy, features), water, units="m")
    hand = np.full((40, 40), 1000.0)  # high above every drainage
    hand[25:] = 0.0
    city = model_of(data).given(cell_terrain, relief(slope=0.0, hand=hand))
    found = CRITERIA["hazard_index"](measures.CityView(city, None)).values
    assert (found[:10] == 1).all(), "deep water is the worst, however high the land"
    assert (found[10:25] == 0).all()
    assert (found[25:] == 1).all(), "beyond the map the height above drainage speaks"


def test_a_switched_off_constraint_excludes_nothing(toy, features):
    found = suitability(
        model_of(plain(toy, features)).given(cell_terrain, relief()),
        None,
        project="industrial_complex",
        constraints={"water_body": "ignore", "settlement_buffer_m": False, "slope_pct_max": 2},
    )
    by = {c.id: c for c in found.constraints}
    assert by["water_body"].limit == "off"
    assert not by["settlement_buffer_m"].excluded.any()
    assert by["slope_pct_max"].excluded.all()
    assert not found.feasible.any()
    assert np.isnan(found.score).all()


def test_dropping_a_criterion_leaves_the_score_spanning_0_to_1(toy, features):
    """Systems that forget to divide by the weights left deflate every score."""
    data = plain(toy, features)
    full = suitability(
        model_of(data).given(cell_terrain, relief(slope=0.0)), None, project="solar_farm"
    )
    assert "ghi_kwh_m2_y" in full.missing  # 0.30 of the weight
    best = dict.fromkeys(("d_substation_km", "landcover", "d_road_km", "d_settlement_m"), 0.0)
    only = suitability(model_of(data).given(cell_terrain, relief(slope=0.0)), None, project="solar_farm", weights={**best, "aspect_score": 0.0, "slope_pct": 0.6})  # fmt: skip
    assert np.nanmax(only.score) == pytest.approx(1.0)
    assert [c.id for c in only.criteria if c.weight_used > 0] == ["slope_pct"]


@pytest.mark.parametrize("project", ["solar_farm", "logistics_hub"])
def test_a_dropped_criterion_is_named_and_decides_nothing(toy, features, project):
    city = model_of(plain(toy, features)).given(cell_terrain, relief(slope=0.0))
    found = suitability(city, None, project=project)
    used = {c.id for c in found.criteria}
    assert found.missing
    assert not used & set(found.missing)
    assert all(why for why in found.missing.values())
    # Stated weights of those used and of those dropped are the whole; those used carry all of it.
    stated = sum(c.weight_stated for c in found.criteria) + sum(found.missing_weight.values())
    assert stated == pytest.approx(1)
    assert set(found.missing_weight) == set(found.missing)
    assert sum(c.weight_used for c in found.criteria) == pytest.approx(1)
    sites = rank_sites(found, city, threshold=0.0)
    assert len(sites)
    assert (sites["weight_known"] < 1).all()
    rows = read_table("suitability/criteria")["criterion"]
    titles = [rows[key]["title"].lower() for key in found.missing]
    for text in (*sites["reasons"], *sites["stability"]):
        assert not [title for title in titles if title in text.lower()]


def test_score_is_the_weighted_mean_of_the_utilities(toy, features):
    found = suitability(
        model_of(plain(toy, features)).given(cell_terrain, relief()), None, project="new_town"
    )
    total = sum(c.weight_used * c.utility for c in found.criteria)
    assert found.score[found.feasible] == pytest.approx(total[found.feasible])


def test_weights_times_a_factor_change_nothing(toy, features):
    data = plain(toy, features)
    stated = {r["id"]: r["weight"] for r in PROFILES["new_town"]["criteria"]}
    one = suitability(model_of(data).given(cell_terrain, relief()), None, project="new_town")
    two = suitability(model_of(data).given(cell_terrain, relief()), None, project="new_town", weights={k: 7 * v for k, v in stated.items()})  # fmt: skip
    assert one.score == pytest.approx(two.score, nan_ok=True)


def test_order_of_features_does_not_matter(toy, features):
    data = plain(toy, features)
    turned = replace(
        data, layers={k: v.iloc[::-1].reset_index(drop=True) for k, v in data.layers.items()}
    )
    one = suitability(
        model_of(data).given(cell_terrain, relief()), None, project="industrial_complex"
    )
    two = suitability(
        model_of(turned).given(cell_terrain, relief()), None, project="industrial_complex"
    )
    assert np.array_equal(one.score, two.score, equal_nan=True)


def test_a_measure_that_fails_is_an_error_not_a_missing_criterion(toy, features, monkeypatch):
    def broken(view):
        raise RuntimeError("disk on fire")

    monkeypatch.setitem(CRITERIA, "d_trunk_km", broken)
    with pytest.raises(RuntimeError, match="disk on fire"):
        suitability(
            model_of(plain(toy, features)).given(cell_terrain, relief()),
            None,
            project="industrial_complex",
        )


def test_a_road_added_never_lowers_the_score_anywhere(toy, features):
    data = plain(toy, features)
    roads = data.layers["roads_drive"]
    more = features([{"highway": "trunk"}], [shapely.LineString([(0, 3500), (4000, 3500)])])
    import pandas as pd

    both = replace(data, layers={**data.layers, "roads_drive": pd.concat([roads, more])})
    one = suitability(
        model_of(data).given(cell_terrain, relief()), None, project="industrial_complex"
    )
    two = suitability(
        model_of(both).given(cell_terrain, relief()), None, project="industrial_complex"
    )
    known = np.isfinite(one.score)
    assert (two.score[known] >= one.score[known] - 1e-12).all()
    assert two.score[known].sum() > one.score[known].sum()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"project": "spaceport"}, "spaceport"),
        ({"weights": {"slope": 1}}, r"weights\.slope: .*no such criterion"),
        ({"weights": {"slope_pct": -1}}, "zero or more"),
        ({"constraints": {"slope": 1}}, r"constraints\.slope: .*no such constraint"),
        ({"constraints": {"slope_pct_max": "steep"}}, "not a number"),
        ({"constraints": {"protected": 12}}, "not 'exclude'"),
    ],
)
def test_bad_studies_are_refused(toy, features, more, text):
    city = model_of(plain(toy, features)).given(cell_terrain, relief())
    with pytest.raises(StudyError, match=text):
        suitability(city, None, **({"project": "solar_farm"} | more))


# --- single measures --------------------------------------------------------------------------------


def measured(data, key, **more):
    city = model_of(data).given(cell_terrain, more.get("terrain", {}))
    return CRITERIA[key](measures.CityView(city, more.get("gaps")))


def grid_of(data, key, **more):
    return measured(data, key, **more).values


def test_lift_and_head_by_hand(toy, features):
    data = plain(toy, features)
    lift = grid_of(data, "lift_from_source_m", terrain=relief())
    ground = relief()["elevation_m"]
    # The lake lies in rows 2 to 9; straight below it the nearest water is its lowest row.
    assert lift[30, 5] == pytest.approx(ground[30, 5] - ground[9, 5])
    head = grid_of(data, "head_over_demand_m", terrain=relief())
    people = data.array("population")
    assert (head * people).sum() == pytest.approx(0, abs=1e-6 * people.sum())


def test_high_voltage_is_told_from_unknown_voltage(toy, features):
    spots = [shapely.Point(500, 500), shapely.Point(3500, 500)]
    unknown = plain(
        toy, features, layers={"substation": features([{"voltage_v": np.nan}] * 2, spots)}
    )
    with pytest.raises(measures.MissingDataError, match="66 kV"):
        measured(unknown, "d_hv_substation_km")
    mixed = plain(
        toy, features,
        layers={"substation": features([{"voltage_v": 20e3}, {"voltage_v": 66e3}], spots)},
    )  # fmt: skip
    found = grid_of(mixed, "d_hv_substation_km")
    assert found[34, 5] == pytest.approx(np.hypot(3500 - 550, 50) / 1000)


def test_masts_are_no_fibre(toy, features):
    mast = features(
        [{"man_made": "mast", "telecom": "", "communication": ""}], [shapely.Point(9, 9)]
    )
    with pytest.raises(measures.MissingDataError, match="telecom"):
        measured(toy(layers={"telecom": mast}), "fibre_km")
    line = features(
        [{"communication": "line", "telecom": ""}], [shapely.LineString([(0, 50), (4000, 50)])]
    )
    assert grid_of(toy(layers={"telecom": line}), "fibre_km")[-1, 0] == 0


def test_people_within_one_kilometre_and_jobs_on_their_land(toy, features):
    people = np.zeros((40, 40))
    people[20, 20] = 500
    land = features([{"landuse": "retail"}], [shapely.box(2000, 1900, 2200, 2000)])  # 2 ha
    data = toy(arrays={"population": people}, layers={"landuse": land})
    found = measured(data, "pop_jobs_1km")
    assert found.values[20, 15] == pytest.approx(500 + 2 * 150)
    assert found.values[0, 0] == 0
    assert found.evidence == "proxy"


def test_land_use_stands_in_for_land_cover_only_where_it_covers_half(toy, features):
    some = features([{"landuse": "farmland"}], [shapely.box(0, 0, 4000, 1900)])
    with pytest.raises(measures.MissingDataError, match="covers 4"):
        measured(toy(layers={"landuse": some}), "landcover")
    most = features([{"landuse": "farmland"}], [shapely.box(0, 0, 4000, 3000)])
    found = measured(toy(layers={"landuse": most}), "landcover")
    assert found.evidence == "proxy"
    assert (found.values[10:] == 40).all()
    assert np.isnan(found.values[:10]).all()
    # 40 % of each cell, mapped twice, is no 80 %.
    strips = [shapely.box(0, 100 * i, 4000, 100 * i + 40) for i in range(40)] * 2
    twice = features(
        [{"landuse": "forest"}] * 80 + [{"landuse": "farmland"}],
        [*strips, shapely.box(0, 0, 4000, 2500)],
    )
    found = measured(toy(layers={"landuse": twice}), "landcover")
    assert (found.values[15:] == 40).all()
    assert np.isnan(found.values[:15]).all()


# --- the sea ----------------------------------------------------------------------------------------


def test_sea_lies_right_of_the_coastline_and_islands_are_land():
    box = (0.0, 0.0, 100.0, 100.0)
    coast = np.array([shapely.LineString([(-10, 40), (50, 60), (110, 40)])])
    sea = shapely.union_all(sea_polygons(coast, box=box))
    assert sea.contains(shapely.Point(50, 10))
    assert not sea.contains(shapely.Point(50, 90))
    turned = shapely.union_all(sea_polygons(shapely.reverse(coast), box=box))
    assert turned.contains(shapely.Point(50, 90))
    assert sea.area + turned.area == pytest.approx(100 * 100)
    # An island in the sea: drawn anticlockwise, the water on its right is outside.
    island = np.array(
        [*coast, shapely.LineString([(40, 10), (60, 10), (60, 20), (40, 20), (40, 10)])]
    )
    around = shapely.union_all(sea_polygons(island, box=box))
    assert around.area == pytest.approx(sea.area - 200)
    assert sea_polygons(np.zeros(0, object), box=box) == []


def test_the_sea_is_no_building_land(toy, features):
    coast = features([{"natural": "coastline"}], [shapely.LineString([(-500, 1000), (4500, 1000)])])
    data = plain(toy, features, layers={"coastline": coast})
    found = suitability(model_of(data).given(cell_terrain, relief()), None, project="new_town")
    assert not found.feasible[30:].any()
    assert found.feasible[25].any()


def test_words_for_value_functions():
    assert describe("cat", {"bare": 1, "crop": 0.5}) == "cat [bare 1, crop 0.5]"


def test_less_than_half_of_the_weight_is_no_score(toy, features):
    """A people grid alone knows 12 % of what an industrial complex asks: no score, no site."""
    from kcity_geo.analysis.sites.rank import rank_sites

    off = dict.fromkeys(
        ["slope_pct_max", "hand_m_min", "flood_exposure_max", "built_max", "water_body"], False
    )
    roads = features([{"highway": "primary"}], [shapely.LineString([(0, 0), (4000, 0)])])
    data = toy(arrays={"population": 1.0}, layers={"roads_drive": roads})
    said = "No ranking possible: only 1[0-9]% of the weight has data"
    with pytest.warns(KCityWarning, match=said):
        found = suitability(model_of(data), None, project="industrial_complex", constraints=off)
    assert np.isnan(found.score).all()
    assert found.feasible.any()
    with pytest.warns(KCityWarning, match=said):
        assert len(rank_sites(found, data)) == 0


def test_a_city_of_which_nothing_that_weighs_is_known_has_no_ranking(toy):
    """Neither relief nor people nor streets: that is no reason to refuse the whole study."""
    from kcity_geo.analysis.sites.rank import rank_sites

    data = toy(arrays={}, layers={})
    with pytest.warns(KCityWarning, match="No ranking possible"):
        found = suitability(model_of(data), None, project="industrial_complex")
    assert found.criteria == ()
    assert "sources.elevation" in found.no_ranking
    assert "d_trunk_km" in found.missing
    assert np.isnan(found.score).all()
    with pytest.warns(KCityWarning, match="No ranking possible"):
        assert len(rank_sites(found, data)) == 0


@pytest.mark.parametrize("strip_m", [0.5, 3.0, 99.0])
def test_a_cell_that_an_excluded_area_touches_at_all_is_excluded(toy, features, strip_m):
    """A park reaches a few metres, or half a metre, into the next column of cells."""
    park = shapely.box(0, 0, 1000 + strip_m, 4000)
    layers = {"landuse": features([{"landuse": "military"}], [park])}
    found = suitability(
        model_of(plain(toy, features, layers=layers)).given(cell_terrain, relief()),
        None,
        project="solar_farm",
    )
    hit = {c.id: c for c in found.constraints}["military"].excluded
    assert hit[:, :11].all()
    assert not hit[:, 11:].any()


def test_where_built_land_is_not_known_nobody_says_that_it_is_free(toy, features):
    built = np.zeros((40, 40))
    built[3, 3] = np.nan
    built[5, 5] = 9000.0
    data = plain(toy, features, arrays={"built_m2": built})
    found = suitability(
        model_of(data).given(cell_terrain, relief()), None, project="industrial_complex"
    )
    limit = {c.id: c for c in found.constraints}["built_max"]
    lived_in = np.nan_to_num(data.array("population")) >= 15
    assert np.argwhere(limit.excluded & ~lived_in).tolist() == [[5, 5]]
    # The street of homes runs along the edge of column 19: no buildings there is no empty land.
    assert limit.unknown[3, 3]
    assert (limit.unknown | limit.excluded)[:, [19, 20]].any(axis=1).all()
    assert not found.feasible[limit.unknown].any()


@pytest.mark.parametrize(("tunnel", "excluded"), [("", True), ("culvert", False), ("yes", False)])
def test_a_river_under_the_ground_keeps_no_bank(toy, features, tunnel, excluded):
    river = features(
        [{"waterway": "river", "tunnel": tunnel}], [shapely.LineString([(3050, 0), (3050, 4000)])]
    )
    found = suitability(
        model_of(plain(toy, features, layers={"drainage": river})).given(cell_terrain, relief()),
        None,
        project="industrial_complex",
    )
    hit = {c.id: c for c in found.constraints}["water_body"].excluded
    assert hit[:, 30].all() == excluded
    assert hit[:, 30].any() == excluded
