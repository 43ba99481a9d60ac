"""Electricity: worked numbers, the calibration, least-cost ways, lighting, solar, and refusals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree

from kcity_geo.analysis import energy
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.distance.least_cost import (
    cheapest_network,
    cost_graph,
    least_cost,
    path_length_m,
)
from kcity_geo.analysis.energy.balance import (
    adequacy_gap,
    firm_capacity_mw,
    kva_to_mw,
    mtf_tier,
    peak_mw,
    power_demand,
    power_supply,
    reserve_margin,
    service_tier,
)
from kcity_geo.analysis.energy.dark_land import dark_built_land, dark_limit, unlit_built_share
from kcity_geo.analysis.energy.electrification import (
    electrification_rank,
    electrified,
    electrified_flags,
    official_rate,
    settlement_persons,
)
from kcity_geo.analysis.energy.grid import (
    grid_distances_km,
    line_classes,
    line_density,
    mv_distance,
    voltage_class,
)
from kcity_geo.analysis.energy.inferred_grid import (
    electrified_targets,
    infer_lines,
    inferred_grid,
    light_above_background,
    merge_months,
    recall_and_precision,
)
from kcity_geo.analysis.energy.lighting import lit_shares, street_lighting
from kcity_geo.analysis.energy.solar import (
    clear_sky_ghi,
    ground_potential,
    roof_potential,
    seasonality,
    solar_potential,
    specific_yield,
    usable_land,
    yearly_ghi,
)
from kcity_geo.analysis.terrain.relief import cell_terrain
from kcity_geo.analysis.water.balance import demand_of_city, wastewater, water_balance
from kcity_geo.errors import GridMismatchError, KCityWarning, SchemaError, StudyError
from kcity_geo.result import Indicator
from kcity_geo.settings import settings_of
from kcity_geo.standards import load_standards

SETTINGS = settings_of("energy", None)
STANDARDS = load_standards()


# --- E2, E11 -------------------------------------------------------------------------------------


def test_the_rule_of_onsset():
    people = np.array([5000.0, 900, 700, 400, 60])
    flags = electrified_flags(
        np.array([0.4, 2.5, 3.5, 1.0, 6.0]),
        np.array([5.0, 0.3, 0.8, 0.0, 0.4]),
        people,
        limit_km=3,
        ntl_min=0.05,
        min_persons=100,
    )
    assert flags.tolist() == [True, True, False, False, False]
    assert people[flags].sum() / people.sum() == pytest.approx(0.8357, abs=5e-5)
    edge = electrified_flags(
        np.array([3.0, 1, 1]),
        np.array([1, 0.05, 1]),
        np.array([200, 200, 100.0]),
        limit_km=3,
        ntl_min=0.05,
        min_persons=100,
    )
    assert not edge.any(), "a value on a limit does not pass"


def test_a_settlement_counts_as_one_even_over_corners():
    people = np.array([[60.0, 0, 0], [0, 50, 0], [0, 0, np.nan], [9, 0, 0]])
    found = settlement_persons(people)
    assert found[0, 0] == found[1, 1] == 110
    assert found[3, 0] == 9
    assert found[2, 2] == 0


def mv_line(features, x=0.0, power="minor_line", voltage=22_000.0):
    row = {"power": power, "voltage_v": voltage, "voltages": ""}
    return features([row], [shapely.LineString([(x, 0), (x, 4000)])])


def bright_west():
    return np.where(np.arange(40) < 20, 5.0, 0.2) * np.ones((40, 1))


def test_calibration_meets_the_official_rate_and_takes_the_brightest(toy, features):
    light = np.linspace(5, 0.1, 40) * np.ones((40, 1))
    data = toy(
        arrays={"population": 10.0, "nightlights": light},
        layers={"power_line": mv_line(features)},
        official={"electricity_access": 0.62},
    )
    grid_distances_km(model_of(data))
    with pytest.warns(KCityWarning):
        row = electrified(model_of(data).changed(settings={"energy": {"contradiction_share": 0.1}}))
    assert row.value == pytest.approx(0.62)
    assert (np.diff(row.cells[0]) <= 1e-12).all()
    assert row.details["limit_ntl"] == pytest.approx(light[0, 24])
    assert row.details["grid_layer"] == "mv"
    assert np.array_equal(row.gap, 1 - row.cells)
    assert row.evidence == "user"


def test_calibration_widens_the_distance_when_light_is_used_up(toy, features):
    # Only 3 of the 4 km lie within 3 km of the line; the rate needs more.
    data = toy(
        arrays={"population": 10.0, "nightlights": 1.0},
        layers={"power_line": mv_line(features)},
        official={"electricity_access": 0.9},
    )
    row = electrified(model_of(data))
    assert row.value == pytest.approx(0.9)
    assert row.details["limit_km"] == pytest.approx(3.55)
    assert row.cells[0, 35:].tolist() == pytest.approx([1, 0, 0, 0, 0], abs=1e-9)


def test_a_substation_of_high_voltage_does_not_put_out_the_light(toy, features):
    line = mv_line(features, x=-1500.0, power="line", voltage=132_000.0)
    station = features(
        [{"power": "substation", "substation": "transmission", "voltage_v": 132_000.0}],
        [shapely.Point(-1500, 2000)],
    )
    shares = []
    for stations in ({}, {"substation": station}):
        data = toy(
            arrays={"population": 10.0, "nightlights": 5.0},
            layers={"power_line": line, **stations},
        )
        grid_distances_km(model_of(data))
        row = electrified(model_of(data))
        shares.append(row.value)
        assert (row.details["grid_layer"], row.details["limit_km"]) == ("hv", 5.0)
    # 5 km from a line 1.5 km west of the city: 35 of 40 columns.
    assert shares == pytest.approx([35 / 40, 35 / 40])


@pytest.mark.parametrize("official", [{}, {"electricity_access": 0.9}])
def test_where_nobody_counted_nobody_is_called_dark(toy, features, official):
    people = np.full((40, 40), 10.0)
    people[:, 30:] = np.nan
    data = toy(
        arrays={"population": people, "nightlights": 1.0},
        layers={"power_line": mv_line(features, x=2000.0)},
        official=official,
    )
    row = electrified(model_of(data))
    for cells in (row.cells, row.gap):
        assert cells is not None
        assert np.isnan(cells[:, 30:]).all()
        assert np.isfinite(cells[:, :30]).all()
    assert row.value == pytest.approx(official.get("electricity_access", 1.0))


def test_calibration_by_district(toy, features):
    table = pd.DataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "electricity_access": [0.1, 0.9, 0.2, 0.8]}
    )
    data = toy(
        arrays={"population": 10.0, "nightlights": np.linspace(5, 1, 40) * np.ones((40, 1))},
        layers={"power_line": mv_line(features)},
        official={"table": table},
    )
    with pytest.warns(KCityWarning, match="official number is used"):
        row = electrified(model_of(data))
    assert row.value == pytest.approx(0.5)
    assert row.cells[:20, 20:].mean() == pytest.approx(0.1)
    assert row.cells[20:, :20].mean() == pytest.approx(0.8)


def test_limits_are_told_by_district_and_the_limits_of_one_give_its_rate(toy, features):
    ids = ["NE", "NW", "SE", "SW"]
    table = pd.DataFrame({"district_id": ids, "electricity_access": [0.5, 0.9, 0.0, 0.25]})
    light = np.linspace(5, 1, 40) * np.ones((40, 1))
    data = toy(
        arrays={"population": 10.0, "nightlights": light},
        layers={"power_line": mv_line(features, x=2000.0)},
        official={"table": table},
    )
    settings = {"contradiction_share": 1.0}
    row = electrified(model_of(data).changed(settings={"energy": settings}))
    assert "limit_ntl" not in row.details
    told = row.details["limits_by_district"].split("; ")
    assert [t.split(":")[0] for t in told] == ids
    assert told[2] == "SE: nobody"
    limit = float(told[3].rsplit(" ", 1)[1])
    assert (light[20:, :20] >= limit - 0.005).mean() == pytest.approx(0.25)
    assert row.details["limits"] == "mv 3 km, light above 0.05"


def test_what_the_calibration_reached_is_told(toy, features):
    data = toy(
        arrays={"population": 10.0, "nightlights": 1.0},
        layers={"power_line": mv_line(features)},
        official={"electricity_access": 0.73},
    )
    settings = {"max_limit_km": 2.9, "contradiction_share": 1.0}
    row = electrified(model_of(data).changed(settings={"energy": settings}))
    assert row.details["reached_share"] == row.value == pytest.approx(0.725)
    assert "the map reaches 72.5% of the 73.0%" in row.note


def test_city_number_and_table_that_contradict_each_other_are_told(toy, features):
    ids = ["NE", "NW", "SE", "SW"]
    table = pd.DataFrame({"district_id": ids, "electricity_access": 0.3})
    data = toy(
        arrays={"population": 10.0, "nightlights": 1.0},
        layers={"power_line": mv_line(features)},
        official={"table": table, "electricity_access": 0.8},
    )
    assert "says 80%, official.table 30%" in official_rate(model_of(data)).note
    with (
        pytest.warns(KCityWarning, match="official.electricity_access says 80%, official.table 30"),
        pytest.warns(KCityWarning, match="official.table says 30%, grid and night lights"),
    ):
        row = electrified(model_of(data))
    assert row.value == pytest.approx(0.3)
    part = toy(arrays={"population": 10.0}, official={"table": table.iloc[:1]})
    assert official_rate(model_of(part)).note == "of the 1 of 4 districts with a number"


def test_mapped_plants_far_above_the_official_firm_supply_are_told(toy, features):
    plant = features(
        [{"power": "plant", "source": "gas", "output_mw": 500.0}], [shapely.Point(9, 9)]
    )
    data = toy(
        arrays={"population": 10.0},
        layers={"power_gen": plant},
        official={"firm_capacity_mw": 6.53, "peak_demand_mw": 6.2},
    )
    with pytest.warns(KCityWarning, match="is 6.53, the mapped plants add to 425 MW firm"):
        row = power_supply(model_of(data))
    assert row.details["firm_mw"] == 6.53


def test_an_official_rate_that_the_map_cannot_explain_is_spread_evenly(toy, features):
    people = np.full((40, 40), 10.0)
    data = toy(
        arrays={"population": people, "nightlights": 1.0},
        layers={"power_line": mv_line(features)},
        official={"electricity_access": 0.99},
    )
    settings = {"max_limit_km": 2.9, "contradiction_share": 1.0}
    with pytest.warns(KCityWarning, match="spread evenly"):
        row = electrified(model_of(data).changed(settings={"energy": settings}))
    assert row.cells == pytest.approx(0.99)
    assert "cannot say where" in row.note


def test_without_a_rate_it_is_a_proxy_and_without_anything_not_assessed(toy, features):
    data = toy(
        arrays={"population": 10.0, "nightlights": bright_west()},
        layers={"power_line": mv_line(features)},
    )
    row = electrified(model_of(data))
    assert row.evidence == "proxy"
    assert row.value == pytest.approx(0.75), "within 3 km, and 0.2 is light enough"
    bare = toy(arrays={"population": 10.0})
    row = electrified(model_of(bare))
    assert row.not_assessed
    assert row.gap is None


def test_distance_to_the_grid_alone_carries_little(toy, features):
    data = toy(arrays={"population": 10.0}, layers={"power_line": mv_line(features)})
    lit = toy(
        arrays={"population": 10.0, "nightlights": 5.0}, layers={"power_line": mv_line(features)}
    )
    rows = [electrified(model_of(d)) for d in (data, lit)]
    assert [row.trust for row in rows] == [0.3, 1.0]
    assert "distance to the grid only" in rows[0].note


def test_the_official_rate_is_told_as_it_is(toy):
    assert (
        official_rate(model_of(toy(official={"electricity_access": 0.5, "year": 2024}))).value
        == 0.5
    )
    assert official_rate(model_of(toy())).not_assessed


def test_unlit_share_of_the_worked_case():
    built, light = np.array([2000.0, 5000, 800, 1200]), np.array([3.0, 0.1, 0.2, 1.0])
    assert unlit_built_share(built, light, limit=0.5) == pytest.approx(0.6444, abs=5e-5)
    assert math.isnan(unlit_built_share(np.zeros(4), light, limit=0.5))


def test_background_light_far_from_everybody_sets_the_limit(toy):
    people = np.zeros((60, 60))
    people[30, 30] = 500
    light = np.full((60, 60), 0.4)
    light[::2] = 0.6
    light[25:36, 25:36] = 40.0  # glow
    limit = dark_limit(light, people, floor=0.3, deviations=2, glow_cells=9)
    assert limit == pytest.approx(0.5 + 2 * 0.1, abs=0.01)
    assert dark_limit(light * 0, people, floor=0.3, deviations=2, glow_cells=9) == 0.3
    assert dark_limit(light, None, floor=0.3, deviations=2, glow_cells=9) == 0.3
    data = toy(arrays={"population": 10.0, "nightlights": bright_west() - 0.1, "built_m2": 1000.0})
    row = dark_built_land(model_of(data))
    assert row.value == 0.5
    assert row.gap[0, 0] == 0
    assert row.gap[0, 39] == 1


# --- E3 and least-cost ways ------------------------------------------------------------------------


def test_months_merge_at_a_quantile_and_clouds_stay_out():
    months = [np.array([[1.0, np.nan]]), np.array([[3.0, np.nan]]), np.array([[np.nan, np.nan]])]
    merged = merge_months(months, quantile=0.5)
    assert merged[0, 0] == 2.0
    assert np.isnan(merged[0, 1])


def test_light_above_background_against_the_sum_by_hand():
    rng = np.random.default_rng(1)
    light = rng.gamma(2, 2, (9, 11))
    light[4, 4] = np.nan
    found = light_above_background(light, size=5)
    for r, c in [(4, 5), (0, 0), (8, 10)]:
        total = weight = 0.0
        for i in range(-2, 3):
            for j in range(-2, 3):
                inside = 0 <= r + i < 9 and 0 <= c + j < 11
                if (i or j) and inside and np.isfinite(light[r + i, c + j]):
                    w = 1 / (1 + math.hypot(i, j) / 2) ** 3
                    total += w * light[r + i, c + j]
                    weight += w
        assert found[r, c] == pytest.approx(light[r, c] - total / weight)
    assert np.isnan(found[4, 4])


def test_a_lit_village_is_a_target_and_a_flare_without_people_is_not():
    light, people = np.zeros((60, 60)), np.zeros((60, 60))
    light[10, 10], light[40, 40] = 5, 50
    people[10, 10] = 300
    found = electrified_targets(light, people, settings=SETTINGS)
    assert found[10, 10]
    assert not found[40, 40]


COST5 = np.array(
    [[1, 1, 1, 1, 1], [1, 9, 9, 9, 1], [1, 9, 1, 9, 1], [1, 9, 9, 9, 1], [1, 1, 1, 1, 1.0]]
)


def at(shape, *cells):
    out = np.zeros(shape, dtype=bool)
    for cell in cells:
        out[cell] = True
    return out


def test_the_worked_least_cost_ways():
    field = least_cost(COST5, at((5, 5), (0, 0)), dx_m=1, dy_m=1)
    assert round(float(field.cost[4, 4]), 4) == 7.4142
    assert round(float(field.cost[2, 2]), 4) == 12.0


def test_a_step_is_as_long_as_it_is_on_the_ground():
    # At 60 degrees north a cell of one arc second is half as wide as it is high.
    field = least_cost(np.ones((3, 3)), at((3, 3), (0, 0)), dx_m=15, dy_m=30)
    assert field.cost[0, 2] == 30
    assert field.cost[2, 0] == 60
    assert field.cost[1, 1] == pytest.approx(math.hypot(15, 30))
    length = path_length_m(field, dx_m=15, dy_m=30)
    assert np.allclose(length, field.cost)


def test_nothing_is_free_and_shapes_must_agree():
    with pytest.raises(SchemaError, match="more than zero"):
        least_cost(np.zeros((2, 2)), at((2, 2), (0, 0)), dx_m=1, dy_m=1)
    with pytest.raises(GridMismatchError):
        least_cost(np.ones((2, 2)), at((3, 3), (0, 0)), dx_m=1, dy_m=1)
    walled = least_cost(np.array([[1, np.nan, 1.0]]), at((1, 3), (0, 0)), dx_m=1, dy_m=1)
    assert np.isinf(walled.cost[0, 2])
    assert np.isinf(path_length_m(walled, dx_m=1, dy_m=1)[0, 2])
    none = least_cost(np.ones((2, 2)), at((2, 2)), dx_m=1, dy_m=1)
    assert np.isinf(none.cost).all()


@given(
    arrays(float, (5, 6), elements=st.integers(1, 9)),
    st.lists(st.integers(0, 29), min_size=2, max_size=5, unique=True),
)
def test_the_network_joins_every_place_for_at_most_twice_the_least(cost, cells):
    places = np.zeros(30, dtype=np.int64)
    places[cells] = np.arange(1, len(cells) + 1)
    steps = cheapest_network(cost, places.reshape(cost.shape), dx_m=2.0, dy_m=3.0)
    graph = cost_graph(cost, dx_m=2.0, dy_m=3.0)
    weight = graph.tocsr()[steps[:, 0], steps[:, 1]]
    joined = {c: {c} for c in range(30)}
    for a, b in steps:
        both = joined[a] | joined[b]
        for c in both:
            joined[c] = both
    assert set(cells) <= joined[cells[0]]
    # Terminal distances: their spanning tree is at least the best network, and at most twice it.
    apart = dijkstra(graph, indices=cells)[:, cells]
    tree = minimum_spanning_tree(apart).sum()
    assert np.asarray(weight).sum() <= tree + 1e-9


def test_far_places_stay_apart():
    places = np.zeros((1, 30), dtype=np.int64)
    places[0, [0, 3, 29]] = 1, 2, 3
    steps, length = infer_lines(np.ones((1, 30)), places, dx_m=100, dy_m=100, max_link=1000)
    assert length == 300
    assert steps.max() == 3


def test_inferred_lines_follow_the_road_between_two_villages(toy, features):
    people = np.zeros((80, 80))
    light = np.zeros((80, 80))
    for r, c in ((10, 10), (60, 60)):
        people[r : r + 5, c : c + 5], light[r : r + 5, c : c + 5] = 50, 9
    road = features(
        [{"highway": "secondary"}], [shapely.LineString([(1250, 6750), (1250, 1750), (6250, 1750)])]
    )
    data = toy(
        size_m=8000,
        arrays={"population": people, "nightlights": light},
        layers={"roads_drive": road},
    )
    row = inferred_grid(model_of(data))
    assert row.evidence == "modelled"
    assert "guess" in row.note
    recall, precision = recall_and_precision(
        row.details["geometry"], road.geometry.iloc[0], within_m=300
    )
    assert recall == pytest.approx(1.0, abs=0.02)
    assert precision > 0.9
    # Cells hold km of line: they add up to the city, and only then can districts be summed.
    assert np.nansum(row.cells) == pytest.approx(row.value)
    assert row.value == pytest.approx(row.details["geometry"].length / 1000)
    assert inferred_grid(model_of(toy())).not_assessed


def test_lines_on_a_raster_in_degrees_have_steps_of_two_lengths():
    places = np.zeros((3, 4), dtype=np.int64)
    places[0, 0], places[0, 3], places[2, 0] = 1, 2, 3
    steps, metres = infer_lines(np.ones((3, 4)), places, dx_m=30.0, dy_m=50.0)
    assert len(steps) == 5
    assert metres == pytest.approx(3 * 30 + 2 * 50)
    places = np.zeros((2, 2), dtype=np.int64)
    places[0, 0], places[1, 1] = 1, 2
    _, metres = infer_lines(np.ones((2, 2)), places, dx_m=30.0, dy_m=40.0)
    assert metres == pytest.approx(50)


def test_recall_and_precision_of_nothing():
    line = shapely.LineString([(0, 0), (10, 0)])
    recall, precision = recall_and_precision(None, line, within_m=5)
    assert recall == 0
    assert math.isnan(precision)


# --- E5, E6 ----------------------------------------------------------------------------------------


def test_voltage_classes_and_untagged_lines(features):
    volts = np.array([110e3, 66e3, 65e3, 1000, 999, np.nan])
    assert voltage_class(volts, SETTINGS).tolist() == ["hv", "hv", "mv", "mv", "lv", "unknown"]
    lines = features(
        [
            {"power": "line", "voltage_v": np.nan},
            {"power": "minor_line", "voltage_v": np.nan},
            {"power": "cable", "voltage_v": 400.0},
        ],
        [shapely.LineString([(0, 0), (1, 1)])] * 3,
    )
    assert line_classes(lines, SETTINGS).tolist() == ["hv", "mv", "lv"]


def test_distance_to_medium_voltage_and_its_gap(toy, features):
    urban = np.full((40, 40), 3)
    urban[20:] = 1
    data = toy(
        arrays={"population": 10.0, "urban_class": urban}, layers={"power_line": mv_line(features)}
    )
    row = mv_distance(model_of(data))
    assert row.cells[0, 24] == pytest.approx(2.45)
    assert row.gap[0, 24] == pytest.approx((2.45 - 1) / 3)
    assert row.gap[30, 24] == pytest.approx((2.45 - 2) / 6), "rural land has twice the standard"
    assert row.gap[0, 9] == 0
    assert row.value == pytest.approx(2.0)
    nothing = mv_distance(model_of(toy()))
    assert nothing.not_assessed


def test_only_high_voltage_is_a_proxy_and_traction_serves_nobody(toy, features):
    data = toy(
        arrays={"population": 10.0},
        layers={"power_line": mv_line(features, power="line", voltage=110e3)},
    )
    row = mv_distance(model_of(data))
    assert row.evidence == "proxy"
    station = features(
        [{"power": "substation", "substation": "traction", "voltage_v": 110e3}],
        [shapely.Point(9, 9)],
    )
    assert grid_distances_km(model_of(toy(layers={"substation": station}))) == {}


def test_more_grid_is_never_further(toy, features):
    rng = np.random.default_rng(2)
    places = [shapely.Point(*p) for p in rng.uniform(0, 4000, (6, 2))]
    before = np.full((40, 40), np.inf)
    for count in range(1, 7):
        poles = features([{"power": "transformer", "voltage_v": 11e3}] * count, places[:count])
        data = toy(arrays={"population": 10.0}, layers={"transformer": poles})
        row = mv_distance(model_of(data))
        assert (row.cells <= before + 1e-12).all()
        before = np.asarray(row.cells)


def test_line_density_is_route_length(toy, features):
    row = {"power": "line", "voltage_v": 220e3, "circuits": 3.0, "voltages": ""}
    lines = features(
        [row, {**row, "voltage_v": 10e3}],
        [shapely.LineString([(0, 50), (8000, 50)]), shapely.LineString([(50, 0), (50, 1000)])],
    )
    found = line_density(model_of(toy(layers={"power_line": lines})))
    assert found.details["hv_km"] == pytest.approx(4.0), "what lies outside does not count"
    assert found.details["mv_km"] == pytest.approx(1.0)
    assert found.value == pytest.approx(5 / 16)


# --- E4, E7, E9 --------------------------------------------------------------------------------------


def test_peaks_reserves_and_gaps_of_the_worked_cases():
    assert peak_mw(120_000 / 4.5 * 1.25, load_factor=0.55, loss_share=0.12) == pytest.approx(
        7.862, abs=5e-4
    )
    assert peak_mw(72_000, load_factor=0.6, loss_share=0.12) == pytest.approx(15.567, abs=5e-4)
    assert reserve_margin(60, 45) == pytest.approx(0.3333, abs=5e-5)
    assert adequacy_gap(60, 45) == 0
    assert adequacy_gap(40, 45) == pytest.approx(0.2271, abs=5e-5)
    assert math.isnan(adequacy_gap(math.nan, 45))
    assert kva_to_mw(84_000, power_factor=0.9) == pytest.approx(75.6)
    with pytest.raises(StudyError, match="power_factor"):
        kva_to_mw(1, power_factor=90)
    with pytest.raises(StudyError, match="load factor"):
        peak_mw(1, load_factor=55, loss_share=0.1)


def test_tiers_start_at_their_lower_bound():
    kwh = (0, 4.4, 4.5, 73, 365, 1250, 3000, 1e6)
    assert [mtf_tier(k, SETTINGS) for k in kwh] == [0, 0, 1, 2, 3, 4, 5, 5]


def test_firm_output_counts_plants_once_and_unknown_ones_not(features):
    plants = features(
        [
            {"power": "plant", "source": "gas", "output_mw": 100.0},
            {"power": "generator", "source": "gas", "output_mw": 50.0},
            {"power": "generator", "source": "hydro", "output_mw": 10.0},
            {"power": "plant", "source": "solar", "output_mw": 30.0},
            {"power": "plant", "source": "coal", "output_mw": np.nan},
        ],
        [
            shapely.box(0, 0, 100, 100),
            shapely.Point(50, 50),
            shapely.Point(900, 900),
            shapely.Point(500, 0),
            shapely.Point(0, 700),
        ],
    )
    firm, counted, unknown = firm_capacity_mw(plants, SETTINGS)
    assert firm == pytest.approx(85 + 5)
    assert (counted, unknown) == (3, 1)


def test_generators_speak_for_a_plant_of_unknown_output(features):
    plant = {"power": "plant", "source": "gas", "output_mw": np.nan}
    unit = {"power": "generator", "source": "gas", "output_mw": 10.0}
    yard = shapely.box(0, 0, 100, 100)
    rows = [unit, plant, unit]
    places = [shapely.Point(20, 20), yard, shapely.Point(60, 60)]
    found = firm_capacity_mw(features(rows, places), SETTINGS)
    assert found == (pytest.approx(0.85 * 20), 2, 0)
    rows = [unit, {**plant, "output_mw": 30.0}, {**unit, "output_mw": np.nan}]
    found = firm_capacity_mw(features(rows, places), SETTINGS)
    assert found == (pytest.approx(0.85 * 30), 1, 0), "the plant's own output, once"
    rows = [{**unit, "output_mw": np.nan}, plant]
    found = firm_capacity_mw(features(rows, places[:2]), SETTINGS)
    assert found == (0.0, 0, 2)


def test_adequacy_needs_the_import(toy):
    people = 120_000 / 1600
    alone = power_supply(model_of(toy(official={"peak_demand_mw": 45})))
    assert "import_capacity_mw" in alone.not_assessed
    assert math.isnan(alone.area_gap)
    known = power_supply(model_of(toy(official={"firm_capacity_mw": 40, "peak_demand_mw": 45})))
    assert known.area_gap == pytest.approx(0.2271, abs=5e-5)
    assert known.evidence == "user"
    # A household minimum is no demand of a city: 5 MW for 120,000 people would look nearly enough.
    modelled = power_supply(
        model_of(toy(arrays={"population": people}, official={"import_capacity_mw": 5}))
    )
    assert math.isnan(modelled.value)
    assert "official.peak_demand_mw" in modelled.not_assessed


def test_a_household_minimum_stands_beside_what_people_use_and_is_no_demand_of_a_city(toy):
    people = 120_000 / 1600
    row = power_demand(model_of(toy(arrays={"population": people})))
    # 1,250 kWh for 4.5 persons are 277.8 kWh each: 8.2 % of 3,400.
    assert row.details["kwh_person_year"] == pytest.approx(1250 / 4.5)
    assert row.details["share_of_world_mean"] == pytest.approx(1250 / 4.5 / 3400)
    assert row.details["world_mean_mw"] == pytest.approx(7.862 * 3400 / (1250 / 4.5), rel=1e-3)
    assert row.details["refused_as_demand"] is True
    assert "refused as the demand of the city" in row.note
    model = model_of(toy(arrays={"population": people}))
    more = power_demand(model.changed(settings={"energy": {"kwh_person_year": 1000.0}}))
    assert more.details["refused_as_demand"] is False
    assert "refused" not in more.note


def test_a_tier_names_the_power_and_hours_that_it_asks_for_too(toy):
    data = toy(arrays={"population": 10.0}, official={"peak_demand_mw": 5.0})
    row = service_tier(model_of(data))
    tier = row.details["tier"]
    assert row.details["tier_peak_w"] == SETTINGS["tier_peak_w"][tier - 1]
    other = {"tier_hours_day": [1.0, 2.0, 3.0, 4.0, 5.0]}
    assert (
        f"{tier} hours a day too"
        in service_tier(model_of(data).changed(settings={"energy": other})).note
    )


def test_every_parameter_of_the_two_sectors_is_read_somewhere():
    from pathlib import Path

    import kcity_geo

    folder = Path(kcity_geo.__file__).parent
    code = "".join(p.read_text() for p in folder.rglob("*.py"))
    for sector in ("water", "energy"):
        for key in settings_of(sector, None):
            # limit_{layer}_km is put together from the layer's name
            assert f'"{key}"' in code or key.startswith("limit_"), f"{sector}.{key} does nothing"


def test_demand_tier_and_horizon(toy):
    data = toy(
        arrays={"population": 120_000 / 1600},
        official={"year": 2020, "population_growth_share": 0.02},
    )
    row = power_demand(model_of(data).changed(settings={"energy": {"horizon_year": 2030}}))
    assert row.value == pytest.approx(7.862, abs=5e-4)
    assert row.details["horizon_peak_mw"] == pytest.approx(7.862 * 1.02**10, abs=1e-3)
    assert row.details["peak_mva"] == pytest.approx(row.value / 0.9)
    assert service_tier(model_of(data)).not_assessed
    known = toy(arrays={"population": 120_000 / 1600}, official={"peak_demand_mw": 7.862})
    assert service_tier(model_of(known)).details["tier"] == 3


# --- E8 ----------------------------------------------------------------------------------------------


def test_lit_shares_of_the_worked_case():
    found = lit_shares(12, 6, 60)
    assert found["completeness"] == pytest.approx(0.3)
    assert found["lit"] == pytest.approx(0.667, abs=5e-4)
    assert (found["lo"], found["hi"]) == pytest.approx((0.2, 0.9))


def streets(features, tags):
    lines = [
        shapely.LineString([(0, 50 + 200 * i), (1000, 50 + 200 * i)]) for i in range(len(tags))
    ]
    return features([{"highway": "residential", "lit": t} for t in tags], lines)


def test_street_lighting_counts_the_known_length_and_bounds_the_rest(toy, features):
    roads = streets(features, ["yes"] * 2 + ["no"] + [""] * 2)
    data = toy(arrays={"built_m2": 3000.0}, layers={"roads_drive": roads})
    row = street_lighting(model_of(data))
    assert row.value == pytest.approx(2 / 3)
    assert row.bounds == pytest.approx((0.4, 0.8))
    assert row.details["attribute_completeness"] == pytest.approx(0.6)
    assert row.cells[39, 0] == 1
    assert row.cells[35, 0] == 0
    assert np.isnan(row.cells[31, 0])


def test_each_place_has_the_bounds_of_its_own_untagged_streets(toy, features):
    """One cell holds 100 m lit and 100 m untagged, another 100 m unlit: 0 to 50 %, and 100 %."""
    lines = [shapely.LineString([(0, y), (1000, y)]) for y in (30, 70, 250)]
    tags = [{"highway": "residential", "lit": lit} for lit in ("yes", "", "no")]
    data = toy(arrays={"built_m2": 3000.0}, layers={"roads_drive": features(tags, lines)})
    bounds = street_lighting(model_of(data)).gap_bounds
    assert bounds is not None
    low, high = bounds
    assert (low[39, 0], high[39, 0]) == pytest.approx((0.0, 0.5))
    assert (low[37, 0], high[37, 0]) == pytest.approx((1.0, 1.0))


def test_a_lamp_lights_forty_metres_of_untagged_street(toy, features):
    lamps = features([{}] * 20, [shapely.Point(25 + 50 * i, 60) for i in range(20)])
    data = toy(
        arrays={"built_m2": 3000.0},
        layers={"roads_drive": streets(features, ["", "no"]), "lighting": lamps},
    )
    row = street_lighting(model_of(data))
    assert row.details["lit_by_lamp_km"] == pytest.approx(1.0)
    assert row.value == pytest.approx(0.5)


def test_hardly_tagged_streets_are_not_assessed(toy, features):
    data = toy(
        arrays={"built_m2": 3000.0}, layers={"roads_drive": streets(features, ["yes"] + [""] * 9)}
    )
    row = street_lighting(model_of(data))
    assert "10%" in row.not_assessed
    assert row.details["highest_share"] == pytest.approx(1.0)
    assert street_lighting(model_of(toy())).not_assessed


def test_streets_that_vanish_never_make_the_lighting_surer(toy, features):
    tags = ["yes"] * 2 + ["no"] + [""] * 2
    people = np.zeros((40, 40))
    people[30:, :10] = 20.0  # of the square kilometre with the streets: 0.15 * sqrt(2000 * 1) km
    rows = []
    for some in (tags, tags[:3]):
        data = toy(arrays={"population": people}, layers={"roads_drive": streets(features, some)})
        rows.append(street_lighting(model_of(data)))
    assert rows[0].trust == rows[1].trust
    assert rows[0].trust == pytest.approx(3 / (0.15 * 2000**0.5))
    crowded = toy(
        arrays={"population": 10 * people}, layers={"roads_drive": streets(features, tags)}
    )
    row = street_lighting(model_of(crowded))
    assert row.trust == 0, "less than a quarter of 21 km"
    assert [row.n_features for row in rows] == [3, 3], "ways, not the pieces they are cut into"


# --- E10 ---------------------------------------------------------------------------------------------


def test_solar_closed_forms():
    mw, mwh = ground_potential(10, ghi_year=1800)
    assert (mw, mwh) == pytest.approx((2.778, 4000.0), abs=5e-4)
    assert roof_potential(50_000, ghi_year=1800) == pytest.approx((4000, 5616))


@pytest.mark.parametrize(
    ("value", "message"),
    [(4.9, "multiply the raster by 365"), (90.0, "outside"), (9000.0, "check the unit")],
)
def test_irradiation_in_another_unit_is_refused(value, message):
    with pytest.raises(StudyError, match=message):
        yearly_ghi(np.full(3, value), SETTINGS)
    assert math.isnan(yearly_ghi(np.full(3, np.nan), SETTINGS))


def test_both_texts_of_the_season():
    assert "strongly seasonal" in seasonality(np.array([1.0] * 6 + [2.6] * 6))[1]
    assert "even over the year" in seasonality(np.array([1.0] * 6 + [2.4] * 6))[1]
    assert seasonality(np.zeros(12))[0] == math.inf


def test_the_hourly_model_is_near_what_is_known():
    # Above the air a level metre at 29 degrees gets the sum of the daily textbook formula; a clear sky
    # lets 60 to 80 % of that through. A module at 1,800 kWh/m2 and 20 degrees yields 1,400 to
    # 1,650 kWh per kWp in any handbook.
    day = np.arange(1, 366)
    tilt = np.radians(23.45) * np.sin(2 * np.pi * (284 + day) / 365)
    place = math.radians(29.0)
    set_ = np.arccos(-np.tan(place) * np.tan(tilt))
    height = np.cos(place) * np.cos(tilt) * np.sin(set_) + set_ * np.sin(place) * np.sin(tilt)
    above = (24 / np.pi * 1.361 * (1 + 0.033 * np.cos(2 * np.pi * day / 365)) * height).sum()
    assert 0.6 < clear_sky_ghi(29.0, 48.0).sum() / above < 0.8
    assert 1400 < specific_yield(29.0, 48.0, ghi_year=1800) < 1650
    south = specific_yield(-29.0, 48.0, ghi_year=1800)
    assert south == pytest.approx(specific_yield(29.0, 48.0, ghi_year=1800), rel=0.05)
    months = clear_sky_ghi(60.0, 25.0)
    assert months[11] < 15
    assert months[5] > 150


def test_usable_land_leaves_out_what_cannot_be_used(toy, features):
    cover = np.full((40, 40), 60.0)
    cover[:, :10] = 40.0
    slope = np.zeros((40, 40))
    slope[:10] = 15.0
    facing = np.ones((40, 40))
    facing[:5] = 0.0
    water = features([{"natural": "water"}], [shapely.box(2000, 0, 4000, 1000)])
    data = toy(arrays={"landcover": cover, "built_m2": 0.0}, layers={"water_body": water})
    relief = {"slope_pct": slope, "aspect_score": facing, "hand_m": np.full((40, 40), 9.0)}
    share, unchecked = usable_land(model_of(data).given(cell_terrain, relief))
    assert unchecked == ()
    assert share[20, 5] == 0, "crops"
    assert share[2, 20] == 0, "steep and turned to the pole"
    assert share[7, 20] == 1, "as steep, but turned to the sun"
    assert share[35, 30] == 0, "water"
    assert share.sum() == 35 * 30 - 10 * 20


def test_low_ground_and_ground_of_unknown_height_take_no_solar_power(toy):
    data = toy(arrays={"landcover": 60.0, "built_m2": 0.0})
    height = np.full((40, 40), 9.0)
    height[:, 0], height[:, 1], height[:, 2] = 2.0, 2.01, np.nan
    flat = {"slope_pct": np.zeros((40, 40)), "aspect_score": np.ones((40, 40))}
    share, _ = usable_land(model_of(data).given(cell_terrain, {**flat, "hand_m": height}))
    assert share[0, :4].tolist() == [0, 1, 0, 1]
    built = np.where(np.arange(40) == 5, np.nan, 0.0) * np.ones((40, 1))
    data = toy(arrays={"landcover": 60.0, "built_m2": built})
    share, _ = usable_land(model_of(data).given(cell_terrain, {**flat, "hand_m": height}))
    assert share[0, 4:7].tolist() == [1, 0, 1]


def test_solar_of_a_city_by_raster_and_by_clear_sky(toy):
    grid = {"landcover": 60.0, "built_m2": 0.0}
    by_raster = solar_potential(model_of(toy(arrays={**grid, "ghi": 1800.0})))
    assert by_raster.details["ground_mwac"] == pytest.approx(1600 / 3.60)
    assert by_raster.evidence == "modelled"
    assert by_raster.details["ground_mwh_year_closed_form"] == pytest.approx(
        1600 / 3.60 * 1800 * 0.8
    )
    assert "slope" in by_raster.note
    by_sky = solar_potential(model_of(toy(arrays=grid)))
    assert by_sky.evidence == "proxy"
    assert 900 < by_sky.details["ghi_kwh_m2_year"] < 1500
    with pytest.raises(StudyError, match="365"):
        solar_potential(model_of(toy(arrays={**grid, "ghi": 4.2})))
    assert solar_potential(model_of(toy())).not_assessed


def test_cells_of_the_solar_potential_are_megawatt_hours_that_add_up(toy):
    built = np.zeros((40, 40))
    built[:4, :4] = 2000.0
    row = solar_potential(
        model_of(toy(arrays={"landcover": 60.0, "built_m2": built, "ghi": 1800.0}))
    )
    assert np.nansum(row.cells) == pytest.approx(row.value)
    per_kwp = row.details["yield_kwh_kwp"]
    # A free hectare carries 1 / 3.60 MW; 2,000 m2 of roof 2,000 x 0.4 x 0.2 kWp (and no field).
    assert row.cells[20, 20] == pytest.approx(per_kwp / 3.60)
    assert row.cells[0, 0] == pytest.approx(160 * per_kwp / 1000)


# --- all ---------------------------------------------------------------------------------------------


def test_an_empty_city_is_not_assessed_anywhere_and_says_what_would_help(toy):
    rows = energy.assess(model_of(toy()))
    assert [r.id for r in rows] == [f"E{i}" for i in range(1, 12)]
    for row in rows:
        assert math.isnan(row.value), row.id
        assert row.gap is None
        assert math.isnan(row.area_gap)
        assert row.not_assessed
        assert "\n" not in row.not_assessed


def test_rows_do_not_depend_on_the_order_of_features(toy, features):
    rng = np.random.default_rng(5)
    shapes = [shapely.LineString(rng.uniform(0, 4000, (2, 2))) for _ in range(12)]
    rows = [{"power": "minor_line", "voltage_v": 11e3, "voltages": ""} for _ in shapes]
    arrays_ = {
        "population": rng.uniform(0, 30, (40, 40)),
        "nightlights": rng.uniform(0, 3, (40, 40)),
        "built_m2": 2000.0,
        "ghi": 1500.0,
        "landcover": 30.0,
    }
    one, two = (
        energy.assess(
            model_of(
                toy(
                    arrays=arrays_,
                    layers={"power_line": features(rows, s)},
                    official={"electricity_access": 0.8},
                )
            ).changed(settings={"energy": {"contradiction_share": 1.0}})
        )
        for s in (shapes, shapes[::-1])
    )
    for a, b in zip(one, two, strict=True):
        assert a.value == pytest.approx(b.value, nan_ok=True), a.id
        if a.cells is not None:
            assert np.allclose(a.cells, b.cells, equal_nan=True), a.id


def test_without_a_rate_the_background_light_gives_the_lower_bound(toy, features):
    data = toy(
        arrays={"population": 10.0, "nightlights": bright_west()},
        layers={"power_line": mv_line(features)},
    )
    dark = Indicator(id="E11", value=0.5, units="share", details={"limit_ntl": 0.5})
    row = electrified(model_of(data).given(dark_built_land, dark))
    assert row.bounds == pytest.approx((0.5, 0.75))


def test_voltage_tags_that_could_not_be_read_are_listed(toy, features):
    row = {"power": "line", "voltage_v": np.nan}
    tags = [{"voltage": "medium"}, {"voltage": "<b>"}, {}]
    lines = features([{**row, "tags": t} for t in tags], [shapely.LineString([(0, 0), (9, 9)])] * 3)
    data = toy(arrays={"population": 10.0}, layers={"power_line": lines})
    found = mv_distance(model_of(data))
    assert found.details["unread_voltages"] == "<b>; medium"
    assert found.details["lines_without_voltage"] == 3
    assert "not read" in found.note


def test_a_table_that_contradicts_the_map_only_district_by_district_is_told(toy, features):
    # Lit and near the grid in the west only: the map says 100 % west, 0 % east. The table turns it
    # round, and its mean is the map's: the city alone would show nothing.
    west = np.where(np.arange(40) < 20, 5.0, 0.0) * np.ones((40, 1))
    table = pd.DataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "electricity_access": [1.0, 0.5, 0.3, 0.2]}
    )
    data = toy(
        arrays={"population": 10.0, "nightlights": west},
        layers={"power_line": mv_line(features)},
        official={"table": table},
    )
    row = electrified(model_of(data).changed(settings={"energy": {"max_limit_km": 50.0}}))
    assert row.value == pytest.approx(0.5)
    assert row.details["uncalibrated_share"] == pytest.approx(0.5)
    told = row.details["contradiction_by_district"]
    assert (
        "in 4 districts (NE: 100% against 0%, SW: 20% against 100%, NW: 50% against 100%)" in told
    )
    assert told in row.note


def test_an_official_rate_far_from_the_map_is_told_and_used(toy, features):
    data = toy(
        arrays={"population": 10.0, "nightlights": 1.0},
        layers={"power_line": mv_line(features)},
        official={"electricity_access": 0.3},
    )
    with pytest.warns(KCityWarning, match=r"says 30%, grid and night lights suggest 75%"):
        row = electrified(model_of(data))
    assert row.value == pytest.approx(0.3)
    assert "suggest 75%" in row.details["contradiction"]
    assert "contradiction_by_district" not in row.details, "the city number is no table"


def test_rows_from_lights_and_tables_tell_the_date_of_these(toy):
    data = toy(
        arrays={"population": 50.0, "nightlights": 5.0, "built_m2": 2000.0},
        official={"peak_demand_mw": 20.0, "year": 2022},
    )
    assert {r.id: r.as_of for r in energy.assess(model_of(data))}["E11"] == ""
    lights = data.cube["nightlights"].assign_attrs(as_of="2023")
    data = replace(data, cube=data.cube.assign(nightlights=lights))
    rows = {r.id: r for r in energy.assess(model_of(data))}
    assert (rows["E3"].as_of, rows["E4"].as_of, rows["E11"].as_of) == ("2023", "2022", "2023")


def test_small_settlements_come_in_after_all_others():
    """A hamlet at the transformer waits for the town at the edge of the reach of the grid."""
    relative = np.array([0.1, 0.9, 2.9, 0.1, 2.9, 3.1])
    light = np.array([0.0, 5.0, 0.0, 50.0, 0.0, 0.0])
    people = np.array([5000.0, 5000, 5000, 3, 3, 5000])
    rank = electrification_rank(relative, light, people, min_persons=10, furthest=3.0)
    assert np.argsort(-rank)[:5].tolist() == [1, 0, 2, 3, 4]
    assert np.isnan(rank[5]), "beyond the reach of the grid"


def test_a_street_of_several_parts_counts_with_its_own_tag(toy, features):
    """Two parts, 2 km, lit; one street of 1 km dark: two thirds, whatever stands where in the list."""
    parts = shapely.MultiLineString([[(0, 50), (1000, 50)], [(0, 250), (1000, 250)]])
    dark = shapely.LineString([(0, 450), (1000, 450)])
    rows = [{"highway": "residential", "lit": "yes"}, {"highway": "residential", "lit": "no"}]
    for order in ((0, 1), (1, 0)):
        shapes = [(parts, dark)[i] for i in order]
        roads = features([rows[i] for i in order], shapes)
        data = toy(arrays={"built_m2": 3000.0}, layers={"roads_drive": roads})
        row = street_lighting(model_of(data))
        assert row.value == pytest.approx(2 / 3)
        assert row.n_features == 2


def test_amounts_of_the_city_are_held_against_all_its_people(toy):
    people = np.full((10, 10), 5.0)
    people[:, 5:] = np.nan
    part = {"size_m": 1000.0, "arrays": {"population": people}}
    whole = {"size_m": 1000.0, "arrays": {"population": 5.0}}
    for inputs, official, persons in (
        (part, {"population": 4000}, 4000.0),
        (part, {}, 250.0),
        (whole, {"population": 4000}, 500.0),
    ):
        city = model_of(toy(**inputs, official=official))
        water = demand_of_city(city)
        assert water is not None
        assert water[2]["persons"] == persons
        assert power_demand(city).details["persons"] == persons


def test_amounts_of_those_counted_say_so_and_no_supply_of_all_is_held_against_them(toy):
    """240,000 m3 a day for a city of which a half is counted looked ample."""
    people = np.full((10, 10), 5.0)
    people[:, 5:] = np.nan
    official = {
        "water_supply_m3_day": 40.0,
        "wastewater_capacity_m3_day": 20.0,
        "peak_demand_mw": 0.05,
    }

    def rows(**more):
        city = model_of(toy(size_m=1000.0, arrays={"population": people}, **more))
        found = [*water_balance(city), wastewater(city), service_tier(city), power_demand(city)]
        return {one.id: one for one in found}

    counted = rows(official=official)
    told = "of the 250 people counted; how many live on the rest of the land is not known"
    assert told in counted["W5"].note
    for key in ("W4", "W6", "E4"):
        assert told in counted[key].not_assessed, key
    assert told not in counted["E9"].note  # the official peak is that of the city
    assert told in rows(official={})["E9"].note
    whole = rows(official={**official, "population": 500})
    assert not any(one.not_assessed or "people counted" in one.note for one in whole.values())
