"""Water points, piped water, balance and pumping: worked numbers, brute force, monotony, refusals."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis import water
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.evidence import official as sector
from kcity_geo.analysis.evidence.calibration import calibrated_share
from kcity_geo.analysis.evidence.trust import known_size_trust
from kcity_geo.analysis.evidence.usable import improved_weight
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.network.of_city import build_mode
from kcity_geo.analysis.settlement.districts import cell_weight
from kcity_geo.analysis.terrain.relief import cell_elevation_m, cell_terrain
from kcity_geo.analysis.water.balance import (
    sewage_coverage,
    supply_gap,
    wastewater,
    water_balance,
    water_demand,
)
from kcity_geo.analysis.water.piped import piped_coverage, piped_share
from kcity_geo.analysis.water.points import (
    capacity_coverage,
    fetching_water,
    longest_walk_m,
    point_capacity,
    point_coverage,
    round_trip_minutes,
    served_score,
)
from kcity_geo.analysis.water.pumping import friction_head_m, pumping, slope_cost, source_distance
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import CalibrationError, KCityWarning, SchemaError, StudyError
from kcity_geo.settings import settings_of
from kcity_geo.standards import load_standards, standard_gap

SETTINGS = settings_of("water", None)
STANDARDS = load_standards()
TOY = make_toy()


@pytest.mark.parametrize(("queue", "metres"), [(0, 1250.0), (5, 1041.7), (15, 625.0), (40, 0.0)])
def test_the_longest_walk_for_half_an_hour(queue, metres):
    assert round(longest_walk_m(30, queue_min=queue), 1) == metres


def test_a_round_trip_of_700_metres_with_ten_minutes_queuing():
    minutes = 700 / (5000 / 60)
    assert round(float(round_trip_minutes(minutes, minutes, queue_min=10)), 1) == 26.8
    assert round_trip_minutes(np.nan, 1.0, queue_min=10) == np.inf


def test_what_counts_as_improved(features):
    points = features(
        [
            {
                "amenity": "drinking_water",
                "man_made": "",
                "natural": "",
                "drinking_water": "",
                "pump": "",
                "access": "",
            },
            {
                "amenity": "",
                "man_made": "water_well",
                "natural": "",
                "drinking_water": "",
                "pump": "yes",
                "access": "",
            },
            {
                "amenity": "",
                "man_made": "water_well",
                "natural": "",
                "drinking_water": "",
                "pump": "",
                "access": "",
            },
            {
                "amenity": "",
                "man_made": "",
                "natural": "spring",
                "drinking_water": "yes",
                "pump": "",
                "access": "",
            },
            {
                "amenity": "",
                "man_made": "",
                "natural": "spring",
                "drinking_water": "",
                "pump": "",
                "access": "",
            },
            {
                "amenity": "",
                "man_made": "water_tap",
                "natural": "",
                "drinking_water": "no",
                "pump": "",
                "access": "",
            },
            {
                "amenity": "",
                "man_made": "water_tap",
                "natural": "",
                "drinking_water": "",
                "pump": "",
                "access": "private",
            },
        ],
        [shapely.Point(i, i) for i in range(7)],
    )
    assert improved_weight(points, SETTINGS).tolist() == [1, 1, 0.5, 0.5, 0, 0, 0]
    assert point_capacity(points, SETTINGS).tolist() == [250, 500, 400, 400, 0, 0, 0]


def test_an_uncertain_point_can_close_only_its_part_of_the_gap():
    standard = STANDARDS["W1"]
    near, far = np.array([10.0]), np.array([90.0])
    assert served_score({1.0: far, 0.5: near}, standard) == pytest.approx(0.5)
    assert served_score({1.0: near, 0.5: near}, standard) == pytest.approx(1.0)


def test_the_worked_case_of_three_groups_and_two_taps():
    served = capacity_coverage(
        np.array([200.0, 180, 150]),
        np.array([250.0, 250]),
        origin=np.array([0, 1, 2, 2]),
        point=np.array([0, 0, 0, 1]),
    )
    assert served[2] == 150
    assert served[0] + served[1] == 250
    assert round(float(served.sum() / 530), 4) == 0.7547


def most_served(persons, capacity, pairs):
    """Largest coverage by trying every subset of people as a cut (max-flow = min-cut)."""
    best = math.inf
    for size in range(len(persons) + 1):
        for left in itertools.combinations(range(len(persons)), size):
            rest = [i for i in range(len(persons)) if i not in left]
            reach = {p for o, p in pairs if o in rest}
            best = min(best, sum(persons[i] for i in left) + sum(capacity[p] for p in reach))
    return best


groups = st.lists(st.integers(0, 60), min_size=1, max_size=5)


@given(groups, st.lists(st.integers(0, 80), min_size=1, max_size=4), st.data())
def test_coverage_is_the_best_possible_and_another_tap_never_hurts(persons, capacity, data):
    every = list(itertools.product(range(len(persons)), range(len(capacity))))
    pairs = data.draw(st.lists(st.sampled_from(every), unique=True))
    origin = np.array([o for o, _ in pairs], dtype=int)
    point = np.array([p for _, p in pairs], dtype=int)
    served = capacity_coverage(
        np.array(persons, float), np.array(capacity, float), origin=origin, point=point
    )
    assert (served <= np.array(persons) + 1e-9).all()
    assert served.sum() == pytest.approx(most_served(persons, capacity, pairs))
    more = capacity_coverage(
        np.array(persons, float),
        np.array([*capacity, 25.0]),
        origin=np.append(origin, 0),
        point=np.append(point, len(capacity)),
    )
    assert more.sum() >= served.sum() - 1e-9


def test_capacity_refuses_negative_people():
    with pytest.raises(SchemaError, match="zero or more"):
        capacity_coverage(
            np.array([-1.0]), np.array([5.0]), origin=np.array([0]), point=np.array([0])
        )


def one_tap(features, *places, **tags):
    row = {
        "amenity": "",
        "man_made": "water_tap",
        "natural": "",
        "drinking_water": "",
        "pump": "",
        "access": "",
    }
    return features([{**row, **tags} for _ in places], [shapely.Point(p) for p in places])


def test_w1_without_points_and_numbers_is_not_assessed(toy):
    data = toy(arrays={"population": 10.0})
    row = fetching_water(model_of(data))
    assert math.isnan(row.value)
    assert row.gap is None
    assert "survey" in row.not_assessed
    assert "\n" not in row.not_assessed


def fetched(data):
    """The city, where one point is enough to say that people walk to water."""
    return model_of(data).changed(settings={"water": {"fetch_point_persons": 1e6}})


def test_w1_without_a_rate_counts_only_where_people_are_seen_to_fetch_water(toy, features):
    """16,000 people: eight taps and wells are one for 2,000; fountains are none."""
    spots = [shapely.Point(50 + 400 * i, 50 + 400 * i) for i in range(9)]

    def row(tags, count, **more):
        layer = features([{"man_made": "", "amenity": "", **tags}] * count, spots[:count])
        layers = {"water_point": layer, **more}
        data = toy(arrays={"population": 10.0, "built_m2": 3000.0}, layers=layers)
        return fetching_water(model_of(data))

    tap = {"man_made": "water_tap"}
    for few in (row({"amenity": "drinking_water"}, 9), row(tap, 7)):
        assert np.isfinite(few.cells).all()
        assert np.isnan(few.gap).all()
        assert "shown and not scored" in few.note
    assert np.isfinite(row(tap, 8).gap).all()
    # Where the proxy says piped nobody is counted as walking: 1,000 persons a km2 are below its limit.
    assert np.isfinite(row(tap, 8, water_plant=works(features)).gap).all()
    dense = toy(
        arrays={"population": 20.0, "built_m2": 3000.0},
        layers={"water_point": features([tap] * 9, spots), "water_plant": works(features)},
    )
    assert np.isnan(fetching_water(model_of(dense)).gap).all()


def test_w1_of_one_tap_on_straight_lines_says_proxy(toy, features):
    data = toy(arrays={"population": 10.0}, layers={"water_point": one_tap(features, (2050, 2050))})
    row = fetching_water(fetched(data))
    assert row.evidence == "proxy"
    assert "quality" in row.note
    assert "safely" not in (row.note + row.source).lower()
    # Cell (19, 20) holds the tap; 600 m east the trip is 2 * 600 * 1.3 / 83.3 + 10 minutes.
    assert row.cells[19, 20] == pytest.approx(10.0)
    assert row.cells[19, 26] == pytest.approx(2 * 600 * 1.3 / (5000 / 60) + 10)
    assert row.gap[19, 20] == 0
    assert row.gap.max() == 1.0


def test_w1_more_taps_never_raise_the_gap(toy, features):
    one = toy(arrays={"population": 10.0}, layers={"water_point": one_tap(features, (550, 550))})
    two = toy(
        arrays={"population": 10.0},
        layers={"water_point": one_tap(features, (550, 550), (3050, 3450))},
    )
    first, second = (fetching_water(fetched(d)) for d in (one, two))
    assert (second.gap <= first.gap + 1e-12).all()
    assert second.value < first.value


@pytest.mark.parametrize("tags", [{"man_made": "water_well"}, {"man_made": "water_tap"}])
def test_w1_more_points_never_raise_the_gap_that_is_shown_nor_its_bounds(toy, features, tags):
    rng = np.random.default_rng(5)
    people = rng.gamma(0.5, 60, (40, 40))
    places = rng.choice(1600, 60, p=people.ravel() / people.sum())
    spots = [(100 * (j % 40) + 55, 3945 - 100 * (j // 40)) for j in places]
    before = None
    for count in (0, 1, 5, 20, 60):
        points = [(50, 50), *spots[:count]]
        kinds = [{"man_made": "water_tap", "pump": ""}, *[{"pump": ""} | tags] * count]
        layer = features(kinds, [shapely.Point(p) for p in points])
        data = toy(arrays={"population": people}, layers={"water_point": layer})
        row = fetching_water(fetched(data))
        found = assess_gaps(data, [row], draws=1).indicators
        now = found.set_index("unit_id").loc[:, ["gap_lo", "gap", "gap_hi"]]
        if before is not None:
            assert (now <= before + 1e-9).all(axis=None), count
        before = now
    assert now.loc["city", "gap"] < 0.7


def test_w1_people_with_piped_water_fetch_nothing(toy, features):
    data = toy(arrays={"population": 10.0}, layers={"water_point": one_tap(features, (50, 50))})
    STANDARDS["W1"]
    dry = fetching_water(fetched(data))
    piped = np.full(data.grid.shape, 0.75)
    wet = fetching_water(fetched(data).given(piped_share, (piped, 4)))
    assert wet.gap == pytest.approx(0.25 * dry.gap)
    assert wet.evidence == "user"
    alone = fetching_water(
        model_of(toy(arrays={"population": 10.0})).given(piped_share, (piped, 0))
    )
    assert alone.gap == pytest.approx(0.25)


def test_w1_says_nothing_where_no_rate_speaks_and_no_point_is_mapped(toy, features):
    table = pd.DataFrame({"district_id": ["NE", "NW", "SE"], "piped_water_access": 0.75})
    for points in (None, one_tap(features, (50, 50))):
        data = toy(
            arrays={"population": 10.0},
            layers={} if points is None else {"water_point": points},
            official={"table": table},
        )
        rows = water.assess(model_of(data) if points is None else fetched(data))
        row = next(r for r in rows if r.id == "W1")
        far = (20, 19)  # of the south-west, 1.9 km from the tap
        assert row.gap[0, 0] == pytest.approx(0.25)
        assert row.evidence_cells[0, 0] == "user"
        gaps = assess_gaps(model_of(data), rows, draws=2)
        of: Any = gaps.indicators[gaps.indicators["indicator"] == "W1"].set_index("unit_id")
        assert of.loc["NE", "data"] in {"fair", "good"}
        assert "where no official rate speaks" in row.note
        if points is None:
            assert np.isnan(row.gap[far])
            assert np.isnan(row.cells[far])
            assert of.loc["SW", "reading"] == "Not assessed"
        else:
            assert row.gap[far] == 1
            assert row.evidence_cells[far] == of.loc["SW", "evidence"] == "proxy"
            assert of.loc["SW", "data"] in {"poor", "fair"}
        assert of.loc["NE", "evidence"] == "user"


def test_a_cell_on_the_border_does_not_speak_for_the_district_beyond(toy):
    table = pd.DataFrame({"district_id": ["NE", "NW", "SE"], "piped_water_access": 0.75})
    data = toy(arrays={"population": 10.0}, official={"table": table}, split=(0.50625, 0.50625))
    rows = water.assess(model_of(data))
    gaps = assess_gaps(model_of(data), rows, draws=2)
    of = gaps.indicators[gaps.indicators["indicator"] == "W1"].set_index("unit_id")
    assert of.loc["SE", "data"] in {"fair", "good"}
    assert of.loc["SW", "reading"] == "Not assessed"
    assert np.isnan(of.loc["SW", ["value", "gap", "p_short"]].astype(float)).all()


def test_w2_counts_who_finds_room(toy, features):
    people = np.zeros((40, 40))
    people[20, 20], people[20, 21], people[0, 0] = 300, 100, 50
    data = toy(
        arrays={"population": people}, layers={"water_point": one_tap(features, (2050, 1950))}
    )
    row = point_coverage(model_of(data))
    assert row.value == pytest.approx(250 / 450)
    assert row.details["distance_only_share"] == pytest.approx(400 / 450)
    assert row.details["persons_without_room"] == pytest.approx(200)


def test_w3_table_by_district_beats_everything(toy):
    table = pd.DataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "piped_water_access": [1.0, 0.5, 0.5, 0.0]}
    )
    data = toy(arrays={"population": 10.0}, official={"table": table, "source": "Utility"})
    row = piped_coverage(model_of(data))
    assert row.value == pytest.approx(0.5)
    assert row.cells[0, -1] == 1.0
    assert row.cells[-1, 0] == 0.0
    assert (row.evidence, row.source, row.n_features) == ("user", "Utility", 4)
    indexed = toy(arrays={"population": 10.0}, official={"table": table.set_index("district_id")})
    assert np.array_equal(piped_coverage(model_of(indexed)).cells, row.cells)


def test_w3_a_cell_on_a_district_border_is_divided_by_area(toy):
    table = pd.DataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "piped_water_access": [1.0, 0.0, 1.0, 0.0]}
    )
    data = toy(arrays={"population": 10.0}, official={"table": table}, split=(0.50625, 0.5))
    # The border at 2,025 m cuts column 20 into a quarter west, three quarters east.
    assert piped_coverage(model_of(data)).cells[5, 20] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"district_id": ["NE"], "piped_water_access": [85.0]}, "not percent"),
        ({"district_id": ["Mars"], "piped_water_access": [0.5]}, "no district"),
        ({"place": ["NE"], "piped_water_access": [0.5]}, "district_id"),
    ],
)
def test_w3_a_wrong_table_is_refused(toy, column, message):
    data = toy(arrays={"population": 10.0}, official={"table": pd.DataFrame(column)})
    with pytest.raises(SchemaError, match=message):
        piped_coverage(model_of(data))


def works(features, x=2000, y=2000):
    return features([{"man_made": "water_works", "capacity_m3_day": np.nan}], [shapely.Point(x, y)])


def test_w3_calibration_reaches_the_official_rate(toy, features):
    people = np.arange(1600.0).reshape(40, 40) / 50
    data = toy(
        arrays={"population": people, "built_m2": 3000.0},
        layers={"water_plant": works(features)},
        official={"piped_water_access": 0.37},
    )
    with pytest.warns(KCityWarning, match="78%; the official number is used"):
        row = piped_coverage(model_of(data))
    assert row.value == pytest.approx(0.37)
    assert "proxy" in row.note
    assert (np.diff(row.cells.ravel()) >= 0).all(), "denser cells come first"


def test_a_city_rate_placed_by_density_has_no_place_where_nobody_counted(toy, features):
    people = np.full((40, 40), 20.0)
    people[:, 30:] = np.nan
    data = toy(
        arrays={"population": people},
        layers={
            "water_plant": works(features),
            "water_point": features([{"man_made": "water_well"}], [shapely.Point(3900, 2000)]),
        },
        official={"piped_water_access": 0.9},
    )
    row, walk = piped_coverage(model_of(data)), fetching_water(model_of(data))
    assert row.value == pytest.approx(0.9)
    for cells in (row.cells, walk.cells, walk.gap):
        assert cells is not None
        assert np.isnan(cells[:, 30:]).all()
        assert np.isfinite(cells[:, :30]).all()


def test_w3_where_the_map_cannot_explain_the_rate_it_is_spread_evenly(toy, features):
    people = np.full((40, 40), 10.0)
    data = toy(
        arrays={"population": people, "built_m2": np.where(np.arange(40) < 10, 3000.0, 0.0)},
        layers={"water_plant": works(features)},
        official={"piped_water_access": 0.9},
    )
    with (
        pytest.warns(KCityWarning, match="official number is used"),
        pytest.warns(KCityWarning, match="the official rate is spread evenly"),
    ):
        row = piped_coverage(model_of(data))
    assert row.cells == pytest.approx(0.9)
    assert "at most 25.0 %" in row.details["calibration"]


def test_w3_a_rate_of_everybody_needs_no_explanation(toy, features):
    """Monaco was told to check its 100 %, as density explained but 97 % of the people."""
    data = toy(
        arrays={"population": 10.0, "built_m2": np.where(np.arange(40) < 10, 3000.0, 0.0)},
        layers={"water_plant": works(features)},
        official={"piped_water_access": 1.0},
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        row = piped_coverage(model_of(data))
    assert row.cells == pytest.approx(1.0)
    assert not [each for each in told if "explains at most" in str(each.message)]


def test_w3_a_table_of_one_row_is_not_the_rate_of_the_city(toy, features):
    table = pd.DataFrame({"district_id": ["NE"], "piped_water_access": [0.1]})
    data = toy(
        arrays={"population": 20.0, "built_m2": 3000.0},
        layers={"water_plant": works(features)},
        official={"table": table, "piped_water_access": 0.6},
    )
    with pytest.warns(KCityWarning, match="official number is used"):
        row = piped_coverage(model_of(data))
    assert row.cells[:20, 20:] == pytest.approx(0.1)
    assert row.cells[20:, :20] == pytest.approx(0.6)
    alone = toy(arrays={"population": 20.0}, official={"table": table})
    row = piped_coverage(model_of(alone))
    assert row.value == pytest.approx(0.1)
    assert "of the 1 of 4 districts with a number" in row.note


def test_a_listed_district_does_not_speak_for_its_neighbours_part_of_a_border_cell(toy):
    table = pd.DataFrame({"district_id": ["NE", "NW"], "piped_water_access": [0.1, 0.1]})
    data = toy(
        arrays={"population": 10.0},
        official={"table": table, "piped_water_access": 0.9},
        split=(0.50625, 0.50625),
    )
    with pytest.warns(KCityWarning, match=r"says 90%, official.table 10% .* in 2 of 4 districts"):
        row = piped_coverage(model_of(data))
    north = 1 - 0.50625
    assert row.value == pytest.approx(north * 0.1 + (1 - north) * 0.9)
    assert row.cells[19, 5] == pytest.approx(0.75 * 0.1 + 0.25 * 0.9)
    of = model_of(data).districts.mean(row.cells, cell_weight(data))["mean"]
    assert of["SE"] == pytest.approx(0.9, abs=0.01)
    rate, told = sector.number(
        toy(
            arrays={"population": 10.0},
            official={"table": table.assign(lpcd=[100.0, np.nan])},
            split=(0.5, 0.50625),
        ),
        "lpcd",
        200.0,
    )
    assert rate == pytest.approx(200 - north / 2 * 100)
    assert told == "official in 1 of 4 districts, default elsewhere"


def test_w3_city_number_and_table_that_contradict_each_other_are_told(toy):
    ids = ["NE", "NW", "SE", "SW"]
    table = pd.DataFrame({"district_id": ids, "piped_water_access": 0.3})
    data = toy(arrays={"population": 20.0}, official={"table": table, "piped_water_access": 0.8})
    with pytest.warns(KCityWarning, match=r"piped_water_access says 80%, official.table 30%"):
        row = piped_coverage(model_of(data))
    assert row.value == pytest.approx(0.3)
    assert "official.table 30%" in row.note


def test_w3_without_works_says_why_the_rate_is_spread_evenly(toy):
    row = piped_coverage(
        model_of(toy(arrays={"population": 20.0}, official={"piped_water_access": 0.6}))
    )
    assert row.cells == pytest.approx(np.full((40, 40), 0.6))
    assert "spread evenly: no water works, tower or main is mapped" in row.note


def test_w3_without_a_rate_is_a_proxy_that_enters_no_gap(toy, features):
    data = toy(
        arrays={"population": 20.0, "built_m2": 3000.0}, layers={"water_plant": works(features)}
    )
    rows = {r.id: r for r in water.assess(model_of(data))}
    assert rows["W3"].evidence == "proxy"
    assert rows["W3"].value == 1.0
    assert rows["W1"].not_assessed


def test_w3_knows_what_lies_too_high(toy, features):
    level = np.where(np.arange(40) < 30, 10.0, 500.0) * np.ones((40, 1))
    data = toy(
        arrays={"population": 20.0, "built_m2": 3000.0}, layers={"water_plant": works(features)}
    )
    row = piped_coverage(model_of(data).given(cell_elevation_m, level))
    assert row.cells[:, :30].min() == 1.0
    assert row.cells[:, 30:].max() == 0.0


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 99)), min_size=1, max_size=12),
    st.floats(0, 1),
)
def test_calibration_meets_any_reachable_rate_whatever_the_order(cells, rate):
    rank, people = (np.array(c, float) for c in zip(*cells, strict=True))
    rank[rank == 0] = np.nan
    reach = people[np.isfinite(rank)].sum() / people.sum()
    if rate > reach + 1e-6:
        with pytest.raises(CalibrationError, match="at most"):
            calibrated_share(rank, people, rate=rate, what="rate")
        return
    share, _ = calibrated_share(rank, people, rate=min(rate, reach), what="rate")
    assert (share * people).sum() == pytest.approx(
        min(rate, reach) * people.sum(), abs=1e-6 * people.sum()
    )
    assert (share[np.isnan(rank)] == 0).all()
    back, _ = calibrated_share(rank[::-1], people[::-1], rate=min(rate, reach), what="rate")
    assert np.allclose(back[::-1], share)
    with pytest.raises(StudyError, match="no share"):
        calibrated_share(rank, people, rate=1.5, what="rate")


def test_demand_of_the_worked_city():
    demand = water_demand(120_000, lpcd=135, settings=SETTINGS, nrw_share=0.25)
    assert demand.domestic_m3_day == pytest.approx(16_200)
    assert demand.net_m3_day == pytest.approx(19_440)
    assert demand.average_m3_day == pytest.approx(25_920)
    assert demand.max_day_m3 == pytest.approx(33_696)
    assert demand.peak_hour_m3_h == pytest.approx(2_430)
    assert demand.storage_m3 == pytest.approx(16_848)
    industry = water_demand(0, lpcd=135, settings=SETTINGS, nrw_share=0.0, industry_ha=100)
    assert industry.net_m3_day == pytest.approx(7_110)


def test_supply_against_average_and_highest_day():
    assert round(supply_gap(25_920, 15_000), 4) == 0.4213
    assert round(supply_gap(33_696, 15_000), 4) == 0.5548
    assert supply_gap(100, 200) == 0
    assert math.isnan(supply_gap(100, math.nan)), "unknown supply is no supply of zero"


def test_sewage_of_the_worked_city():
    assert round(sewage_coverage(19_440, 8_000, sewage_share=0.8), 4) == 0.5144
    assert sewage_coverage(100, 1e9, sewage_share=0.8) == 1.0
    assert math.isnan(sewage_coverage(19_440, math.nan, sewage_share=0.8))


@given(st.floats(1, 1e7), st.floats(0.1, 10))
def test_demand_is_linear_in_people(persons, factor):
    one, other = (
        water_demand(p, lpcd=100, settings=SETTINGS, nrw_share=0.2)
        for p in (persons, persons * factor)
    )
    assert other.average_m3_day == pytest.approx(factor * one.average_m3_day)
    assert other.storage_m3 == pytest.approx(factor * one.storage_m3)


def test_losses_of_everything_and_negative_people_are_refused():
    for persons, loss in ((10, 1.0), (-1, 0.2)):
        with pytest.raises(StudyError, match="losses"):
            water_demand(persons, lpcd=100, settings=SETTINGS, nrw_share=loss)


def test_balance_of_the_worked_city_today_and_later(toy):
    data = toy(
        arrays={"population": 120_000 / 1600},
        official={
            "water_supply_m3_day": 15_000,
            "year": 2020,
            "population_growth_share": 0.03,
            "water_storage_m3": 10_000,
        },
    )
    w5, w6 = water_balance(model_of(data).changed(settings={"water": {"horizon_year": 2040}}))
    assert w5.value == pytest.approx(25_920)
    assert w6.value == pytest.approx(0.5548, abs=1e-4)
    assert w6.area_gap == w6.value
    assert w6.details["storage_shortfall_m3"] == pytest.approx(6_848)
    assert w5.details["horizon_persons"] == pytest.approx(120_000 * 1.03**20)
    assert w6.details["horizon_shortfall_share"] == pytest.approx(1 - 15_000 / (33_696 * 1.03**20))


def test_balance_without_a_known_capacity_is_not_assessed(toy, features):
    for layers in ({}, {"water_plant": works(features)}):
        row = water_balance(model_of(toy(arrays={"population": 10.0}, layers=layers)))[1]
        assert math.isnan(row.value)
        assert math.isnan(row.area_gap)
        assert "official.water_supply_m3_day" in row.not_assessed


def test_wastewater_from_a_table_a_tag_and_an_area(toy, features):
    people = 120_000 / 1600
    official = wastewater(
        model_of(toy(arrays={"population": people}, official={"wastewater_capacity_m3_day": 8_000}))
    )
    assert official.value == pytest.approx(0.5144, abs=1e-4)
    assert official.area_gap == pytest.approx(0.4856, abs=1e-4)
    row = {"man_made": "wastewater_plant", "capacity_persons": 50_000.0}
    tagged = features([row], [shapely.box(0, 0, 100, 60)])
    found = wastewater(model_of(toy(arrays={"population": people}, layers={"sewage": tagged})))
    assert found.value == pytest.approx(50_000 * 0.12 / 15_552)
    area = features([{**row, "capacity_persons": np.nan}], [shapely.box(0, 0, 100, 60)])
    guess = wastewater(model_of(toy(arrays={"population": people}, layers={"sewage": area})))
    assert guess.evidence == "proxy"
    assert guess.value == pytest.approx(6_000 / 0.6 * 0.12 / 15_552)
    assert guess.bounds == pytest.approx((guess.value / 3, guess.value * 3))
    nothing = wastewater(model_of(toy(arrays={"population": people})))
    assert nothing.not_assessed


def test_a_works_of_unknown_size_is_not_a_works_of_none(toy, features):
    known = {"man_made": "water_works", "capacity_m3_day": 15_000.0}
    rows = [known, {**known, "capacity_m3_day": np.nan}]
    found = []
    for some in (rows, rows[:1]):
        plants = features(some, [shapely.Point(i, 9) for i in range(len(some))])
        data = toy(arrays={"population": 120_000 / 1600}, layers={"water_plant": plants})
        found.append(water_balance(model_of(data))[1])
    both, alone = found
    assert both.value == alone.value == pytest.approx(0.5548, abs=1e-4)
    assert both.bounds == (0.0, both.value)
    assert "at most: 1 of 2 mapped works have no capacity tag" in both.note
    assert alone.bounds is None
    assert both.trust == alone.trust == pytest.approx(0.39)


def test_a_plant_of_unknown_size_leaves_the_upper_bound_open(toy, features):
    people = 120_000 / 1600
    tagged = {"man_made": "wastewater_plant", "capacity_persons": 50_000.0}
    rows = [tagged, {**tagged, "capacity_persons": np.nan}, {**tagged, "capacity_persons": np.nan}]
    places = [shapely.Point(9, 9), shapely.Point(99, 9), shapely.box(0, 0, 100, 60)]

    def of(*which):
        layer = features([rows[i] for i in which], [places[i] for i in which])
        data = toy(arrays={"population": people}, layers={"sewage": layer})
        return wastewater(model_of(data))

    open_end = of(0, 1)
    assert open_end.value == pytest.approx(50_000 * 0.12 / 15_552)
    assert open_end.bounds == pytest.approx((open_end.value, 1.0))
    assert open_end.evidence == "proxy"
    assert "at least: 1 of 2 mapped plants are of unknown size" in open_end.note
    assert "factor" not in open_end.source
    assert of(1).not_assessed
    # 1.2 plants are expected of 120,000 people; area alone is worth 0.2.
    assert of(0).trust == open_end.trust == of(0, 2).trust == pytest.approx(0.39 / 1.2)
    assert of(2).trust == pytest.approx(0.2)


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 5e6))
def test_fewer_plants_never_raise_the_confidence(known, by_area, persons):
    for key in ("W4", "W6"):
        full = known_size_trust(TOY, key, known=known, by_area=by_area, persons=persons)
        assert 0 <= full <= 0.39
        assert (
            known_size_trust(TOY, key, known=max(0, known - 1), by_area=by_area, persons=persons)
            <= full
        )
        assert (
            known_size_trust(TOY, key, known=known, by_area=max(0, by_area - 1), persons=persons)
            <= full
        )


def test_amounts_of_a_table_are_added_and_rates_weighed_by_people(toy):
    ids = ["NE", "NW", "SE", "SW"]
    people = np.where(np.arange(40) < 20, 3.0, 1.0) * np.ones((40, 1))
    table = pd.DataFrame(
        {
            "district_id": ids,
            "water_supply_m3_day": [100.0, 200, 300, 400],
            "wastewater_capacity_m3_day": [10.0, 20, 30, 40],
            "lpcd": [100.0, 200, 100, 200],
            "nrw_share": [0.1, 0.3, 0.1, 0.3],
        }
    )
    data = toy(arrays={"population": people}, official={"table": table})
    w5, w6 = water_balance(model_of(data))
    assert w5.details["lpcd"] == pytest.approx(175)
    assert w5.details["nrw_share"] == pytest.approx(0.25)
    assert w6.details["supply_m3_day"] == pytest.approx(1000)
    assert w6.evidence == "user"
    w4 = wastewater(model_of(data))
    assert w4.details["capacity_m3_day"] == pytest.approx(100)
    holed = toy(
        arrays={"population": people},
        official={"table": table.assign(water_supply_m3_day=[100.0, np.nan, 300, 400])},
    )
    with pytest.warns(KCityWarning, match="water_supply_m3_day has a number in 3 of 4 districts"):
        w6 = water_balance(model_of(holed))[1]
    assert w6.not_assessed
    both = toy(
        arrays={"population": people}, official={"table": table, "water_supply_m3_day": 2000.0}
    )
    with pytest.warns(KCityWarning, match="is 2,000, the districts of official.table add to 1,000"):
        w6 = water_balance(model_of(both))[1]
    assert w6.details["supply_m3_day"] == 2000


def test_a_rate_for_few_people_leaves_the_others_at_the_default(toy):
    people = np.full((40, 40), 10.0)
    table = pd.DataFrame({"district_id": ["NE"], "lpcd": [300.0], "nrw_share": [0.6]})
    official = {"water_supply_m3_day": 3000.0, "wastewater_capacity_m3_day": 1000.0}
    arrays = {"population": people}
    plain = toy(arrays=arrays, official=official)
    partly = toy(arrays=arrays, official={**official, "table": table}, split=(0.5, 0.9))
    found = water_balance(model_of(partly))
    w4 = wastewater(model_of(partly))
    share = 0.05  # of the people live in NE
    for key, value in (("lpcd", 300.0), ("nrw_share", 0.6)):
        mean = share * value + (1 - share) * SETTINGS[key]
        assert found[0].details[key] == pytest.approx(mean)
    assert "litres per person: official in 1 of 4 districts, default elsewhere" in found[0].note
    assert "losses: official in 1 of 4 districts, default elsewhere" in found[0].note
    assert "losses: official in 1 of 4 districts" in found[1].note
    assert "litres per person: official in 1 of 4 districts" in w4.note
    before = water_balance(model_of(plain))
    assert before[0].note.endswith("litres per person: default")
    assert found[0].value < 1.15 * before[0].value
    whole = toy(arrays=arrays, official={"lpcd": 200.0, "table": table})
    alone = water_balance(model_of(whole))[0]
    assert alone.details["lpcd"] == 200
    assert alone.details["lpcd_from"] == "official"


def test_pumping_of_the_worked_main():
    assert friction_head_m(5000, 0.15, c=130, diameter_m=0.4) == pytest.approx(16.763, abs=5e-4)
    plan = pumping(5000, 40, 0.15, diameter_m=0.4, efficiency=0.75)
    assert plan.head_m == pytest.approx(56.763, abs=5e-4)
    assert plan.power_kw == pytest.approx(111.37, abs=5e-3)
    assert plan.velocity_ms == pytest.approx(1.194, abs=5e-4)
    assert pumping(5000, -400, 0.15, diameter_m=0.4).power_kw == 0, "downhill it runs by itself"
    with pytest.raises(StudyError, match="efficiency"):
        pumping(1, 1, 1, diameter_m=1, efficiency=75)
    with pytest.raises(StudyError, match="diameter"):
        friction_head_m(1, 1, c=130, diameter_m=0)


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_steeper_way_is_never_cheaper(a, b):
    low, high = slope_cost(np.array(sorted((a, b))), per_pct=0.05)
    assert 1 <= low <= high


def test_source_distance_along_the_level_and_up_the_hill(toy, features):
    river = features(
        [{"waterway": "river", "name": "Han"}], [shapely.LineString([(0, 50), (4000, 50)])]
    )
    data = toy(arrays={"population": 10.0}, layers={"drainage": river})
    level = np.linspace(39, 0, 40)[:, None] * np.ones((1, 40))
    relief = {"elevation_m": level, "slope_pct": np.ones((40, 40))}
    row = source_distance(model_of(data).given(cell_terrain, relief))
    assert row.cells[39].max() == 0
    assert row.cells[0, 5] == pytest.approx(3.9)
    assert row.value == pytest.approx(1.95)
    assert row.details["lift_m"] == pytest.approx(19.5)
    plan = pumping(
        1950,
        19.5,
        row.details["main_flow_m3_s"],
        diameter_m=row.details["main_diameter_m"],
        c=SETTINGS["pipe_c"],
        efficiency=SETTINGS["pump_efficiency"],
    )
    assert plan.friction_m > 1, "or the length would not show"
    assert row.details["main_head_m"] == pytest.approx(plan.head_m)
    assert row.details["main_power_kw"] == pytest.approx(plan.power_kw)
    assert plan.velocity_ms == pytest.approx(SETTINGS["pipe_velocity_ms"])
    assert source_distance(model_of(toy(arrays={"population": 10.0}))).not_assessed


def test_an_empty_city_is_not_assessed_anywhere_and_says_what_would_help(toy):
    rows = water.assess(model_of(toy()))
    assert [r.id for r in rows] == [f"W{i}" for i in range(1, 10)]
    for row in rows:
        assert math.isnan(row.value), row.id
        assert row.gap is None
        assert math.isnan(row.area_gap)
        assert row.not_assessed
        assert "\n" not in row.not_assessed


def test_an_unknown_parameter_is_refused(toy):
    with pytest.raises(StudyError, match="lpdc"):
        water.assess(model_of(toy()).changed(settings={"water": {"lpdc": 3}}))


def test_toilets_near_hubs_and_from_a_table(toy, features):
    hubs = features(
        [{"railway": "station"}] * 2, [shapely.Point(100, 100), shapely.Point(3000, 3000)]
    )
    seats = features([{}], [shapely.Point(100, 600)])
    data = toy(arrays={"population": 10.0}, layers={"transit_high": hubs, "toilets": seats})
    assert water.toilets(model_of(data)).value == 0.5
    table = pd.DataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "sanitation_access": [0.2, 0.4, 0.6, 0.8]}
    )
    given_ = toy(
        arrays={"population": 10.0},
        layers={"transit_high": hubs, "toilets": seats},
        official={"table": table},
    )
    row = water.toilets(model_of(given_))
    assert row.value == pytest.approx(0.5)
    assert row.evidence == "user"


def test_standard_gap_needs_two_numbers():
    assert standard_gap(np.array([np.inf, np.nan]), STANDARDS["W1"])[0] == 1
    with pytest.raises(StudyError, match="two numbers"):
        standard_gap(1.0, STANDARDS["T8"])


def crossing(features, *, bridge):
    """Two banks of a river 400 m wide, streets along each; a bridge 1.5 km to the west."""
    lines = [[(100, 1850), (1900, 1850)], [(100, 2250), (1900, 2250)]]
    if bridge:
        lines.append([(100, 1850), (100, 2250)])
    row = {"highway": "residential", "oneway": "", "bridge": "", "tunnel": "", "layer": np.nan}
    shapes = [shapely.LineString(line) for line in lines]
    ends = {}
    rows = []
    for number, line in enumerate(lines):
        nodes = [ends.setdefault(p, len(ends) + 1) for p in line]
        rows.append({**row, "osm_id": number + 1, "node_ids": np.array(nodes)})
    return features(rows, shapes)


def test_w1_and_w2_walk_along_streets_and_not_across_the_river(toy, features):
    from kcity_geo.analysis.network.graph import build_graph

    people = np.zeros((40, 40))
    people[17, 15] = 100.0  # on the north bank, 400 m across from the tap on the south bank
    found = []
    for bridge in (False, True):
        data = toy(
            arrays={"population": people},
            layers={
                "water_point": one_tap(features, (1550, 1850)),
                "roads_walk": crossing(features, bridge=bridge),
            },
        )
        graphs = {"walk": build_graph(data.layers["roads_walk"], mode="walk")}
        w1 = fetching_water(model_of(data).given(build_mode, graphs["walk"], "walk"))
        w2 = point_coverage(model_of(data).given(build_mode, graphs["walk"], "walk"))
        assert w1.evidence == w2.evidence == "modelled"
        found.append((w1.cells[17, 15], w2.value))
    assert found[0] == (SETTINGS["cap_min"], 0.0)
    metres = 1450 + 400 + 1450
    assert found[1][0] == pytest.approx(2 * metres / (5000 / 60) + 10, abs=1.5)
    assert found[1][1] == 0.0, "3.3 km is no 500 m"
    near = toy(
        arrays={"population": np.roll(people, 4, axis=0)},
        layers={
            "water_point": one_tap(features, (1850, 1850)),
            "roads_walk": crossing(features, bridge=True),
        },
    )
    graphs = {"walk": build_graph(near.layers["roads_walk"], mode="walk")}
    assert point_coverage(model_of(near).given(build_mode, graphs["walk"], "walk")).value == 1.0


def test_w1_walks_downhill_and_back_uphill(toy, features):
    from kcity_geo.analysis.network.graph import build_graph

    people = np.zeros((40, 40))
    people[21, 15] = 100.0
    data = toy(
        arrays={"population": people},
        layers={
            "water_point": one_tap(features, (350, 1850)),
            "roads_walk": crossing(features, bridge=False),
        },
    )
    roads = data.layers["roads_walk"]
    hill = build_graph(roads, mode="walk", elevation=lambda x, _: 0.1 * np.asarray(x))
    row = fetching_water(model_of(data).given(build_mode, hill, "walk"))
    # 1.2 km at 10 %: down 11.912 and up 16.905 minutes a kilometre (Tobler); base speed 5 km/h
    # where Tobler's level is 5.0367.
    factor = 5.0367 / 5.0
    minutes = 1.2 * (11.912 + 16.905) * factor + SETTINGS["queue_min"]
    assert row.cells[21, 15] == pytest.approx(minutes, rel=0.03)
    assert 1.2 * 2 * 11.912 * factor + 10 < 0.9 * minutes, "both ways down would be shorter"


def test_people_near_a_sewer_are_those_within_150_metres(toy, features):
    row = {"man_made": "wastewater_plant", "capacity_persons": 900.0}
    sewage = features(
        [row, {"man_made": "pipeline", "capacity_persons": np.nan}],
        [shapely.Point(9, 9), shapely.LineString([(0, 2000), (4000, 2000)])],
    )
    data = toy(arrays={"population": 10.0}, layers={"sewage": sewage})
    found = wastewater(model_of(data))
    # Middles of cells lie 50, 150, 250 ... m from the sewer, on both sides.
    assert found.details["connected_share"] == pytest.approx(4 / 40)


def test_official_numbers_that_contradict_the_map_are_told(toy, features):
    people = 120_000 / 1600
    plant = features(
        [{"man_made": "water_works", "capacity_m3_day": 90_000.0}], [shapely.Point(9, 9)]
    )
    data = toy(
        arrays={"population": people},
        layers={"water_plant": plant},
        official={"water_supply_m3_day": 15_000},
    )
    with pytest.warns(KCityWarning, match="add to 90,000"):
        row = water_balance(model_of(data))[1]
    assert row.details["supply_m3_day"] == 15_000
    sewage = features(
        [{"man_made": "wastewater_plant", "capacity_persons": 800_000.0}], [shapely.Point(9, 9)]
    )
    data = toy(
        arrays={"population": people},
        layers={"sewage": sewage},
        official={"wastewater_capacity_m3_day": 0},
    )
    with pytest.warns(KCityWarning, match="mapped plants suggest 96,000"):
        row = wastewater(model_of(data))
    assert row.value == 0
    assert row.area_gap == 1


def test_a_table_of_piped_water_that_contradicts_the_map_by_district_is_told(toy, features):
    # Dense enough for pipes in the west only; the table says the east has them.
    people = np.where(np.arange(40) < 20, 20.0, 10.0) * np.ones((40, 1))
    table = pd.DataFrame(
        {"district_id": ["NE", "NW", "SE", "SW"], "piped_water_access": [1.0, 0.55, 0.9, 0.9]}
    )
    data = toy(
        arrays={"population": people, "built_m2": 3000.0},
        layers={"water_plant": works(features)},
        official={"table": table},
    )
    row = piped_coverage(model_of(data))
    # (0.95 * 10 + 0.725 * 20) / 30 = 0.8 against 20 / 30: within 20 points for the city.
    assert row.value == pytest.approx(0.8)
    assert "contradiction" not in row.details
    told = row.details["contradiction_by_district"]
    assert "in 3 districts (NE: 100% against 0%, SE: 90% against 0%, NW: 55% against 100%)" in told
    assert told in row.note
