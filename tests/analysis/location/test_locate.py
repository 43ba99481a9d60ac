"""Where to put the next facilities in a toy city of streets: against brute force and by hand."""

from __future__ import annotations

import itertools
import warnings

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

import kcity_geo as kc
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.errors import CRSMismatchError, StudyError

NONE = gpd.GeoSeries([], crs=UTM)
METRES_A_MINUTE = 5000 / 60


def streets(size=2000, step=200, shift=50):
    """A lattice of residential streets through cell centres; node ids count the crossings."""
    at = np.arange(shift, size, step)
    lines, nodes = [], []
    for i, x in enumerate(at):
        lines.append(shapely.LineString([(x, y) for y in at]))
        nodes.append(np.array([i * 100 + j + 1 for j in range(len(at))], dtype=np.int64))
        lines.append(shapely.LineString([(y, x) for y in at]))
        nodes.append(np.array([j * 100 + i + 1 for j in range(len(at))], dtype=np.int64))
    rows = [{"highway": "residential", "node_ids": ids} for ids in nodes]
    return toy_layer(rows, lines)


def city(people=None, clinics=((250, 250),), **arrays):
    random = np.random.default_rng(3)
    persons = random.integers(0, 30, (20, 20)).astype(float) if people is None else people
    roads = streets()
    spots = [shapely.Point(xy) for xy in clinics]
    health = toy_layer([{"amenity": "clinic"} for _ in spots], spots)
    return make_toy(
        size_m=2000.0,
        arrays={"population": persons, **arrays},
        layers={"roads_walk": roads, "roads_drive": roads, "health": health},
    )


def spots(*xy):
    return gpd.GeoDataFrame(geometry=[shapely.Point(WEST + x, SOUTH + y) for x, y in xy], crs=UTM)


EIGHT = spots(
    (250, 1650),
    (650, 650),
    (1050, 1050),
    (1450, 450),
    (1850, 1850),
    (50, 50),
    (1650, 1250),
    (850, 1650),
)


def costs(data, places, **more):
    """Metres along the streets from each cell with people to each place, and those people."""
    persons = data.array("population").ravel()
    cells = np.flatnonzero(persons > 0)
    graph = kc.transport.build_graphs(data)["walk"]
    places = np.asarray(places.geometry.to_numpy(), dtype=object)
    table = [
        kc.transport.travel_metres(graph, places[[i]], grid=data.grid, cells=cells).ravel()[cells]
        for i in range(len(places))
    ]
    return np.nan_to_num(np.stack(table, axis=1), nan=np.inf), persons[cells]


def test_the_best_three_of_eight_places_are_found():
    data = city()
    cost, people = costs(data, EIGHT)
    today = costs(data, data.layers["health"])[0][:, 0]
    best = max(
        people[(np.minimum(cost[:, list(k)].min(axis=1), today) <= 500 + 1e-6)].sum()
        for k in itertools.combinations(range(8), 3)
    )
    found = kc.locate(data, "health", p=3, within_m=500, candidates=EIGHT)
    assert found.persons_after == pytest.approx(best)
    assert found.persons_before == pytest.approx(people[today <= 500 + 1e-6].sum())
    assert found.proof == "proved optimal"
    sites = found.sites
    assert sites["rank"].tolist() == [1, 2, 3]
    assert (np.diff(sites["persons_newly_reached"]) <= 1e-9).all()
    assert sites["persons_cumulative"].iloc[-1] == pytest.approx(
        found.persons_after - found.persons_before
    )
    assert sites.geometry.tolist() == EIGHT.geometry.iloc[sites["candidate"]].tolist()
    # Minutes of the same limit choose the same places: 500 m are 6 minutes.
    again = kc.locate(data, "health", p=3, within_min=500 / METRES_A_MINUTE, candidates=EIGHT)
    assert set(again.sites["candidate"]) == set(sites["candidate"])


def test_the_shortest_ways_and_the_longest_way():
    data = city()
    cost, people = costs(data, EIGHT)
    today = costs(data, data.layers["health"])[0][:, 0]
    sets = [list(k) for k in itertools.combinations(range(8), 2)]
    after = [np.minimum(cost[:, k].min(axis=1), today) for k in sets]
    common = {"p": 2, "within_m": 500, "candidates": EIGHT}
    median = kc.locate(data, "health", method="p_median", **common)
    assert median.value == pytest.approx(min((people * a).sum() for a in after) / people.sum())
    assert median.bound == pytest.approx(median.value)
    centre = kc.locate(data, "health", method="p_centre", **common)
    assert centre.value == pytest.approx(min(a.max() for a in after))
    assert centre.assignment["cost_after"].max() == pytest.approx(centre.value)


def test_everybody_with_the_fewest_sites():
    data = city()
    cost, _ = costs(data, EIGHT)
    today = costs(data, data.layers["health"])[0][:, 0]
    limit = 900.0
    able = np.minimum(cost.min(axis=1), today) <= limit + 1e-6
    best = next(
        n
        for n in range(9)
        if any(
            (
                np.minimum(cost[:, list(k)].min(axis=1, initial=np.inf), today)[able]
                <= limit + 1e-6
            ).all()
            for k in itertools.combinations(range(8), n)
        )
    )
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        found = kc.locate(data, "health", method="lscp", within_m=limit, candidates=EIGHT)
    assert (found.value, found.bound) == (best, best)
    assert len(found.sites) == best


def test_people_are_conserved_and_nobody_goes_farther_than_before():
    found = kc.locate(city(), "health", p=2, within_m=600)
    table = found.assignment
    assert table["persons"].sum() == pytest.approx(found.persons)
    assert (table["cost_after"] <= table["cost_before"]).all()
    assert set(table["site"]) <= {-1, 0, 1, 2}
    for _, row in found.sites.iterrows():
        mine = table[table["site"] == row["rank"]]
        assert mine["persons"].sum() == pytest.approx(row["persons_assigned"])
    near = table["persons"][table["cost_after"] <= 600 + 1e-6].sum()
    assert near == pytest.approx(found.persons_after)


def test_one_more_site_never_reaches_fewer():
    data = city()
    after = [kc.locate(data, "health", p=p, within_m=400).persons_after for p in (1, 2, 3, 4)]
    assert (np.diff(after) >= -1e-9).all()


def test_what_exists_stays_and_is_not_built_again():
    data = city(clinics=[(1050, 1050)])
    found = kc.locate(data, "health", p=1, within_m=300, candidates=spots((1050, 1050), (250, 250)))
    assert found.sites["candidate"].tolist() == [1]
    nothing = kc.locate(
        data, "health", p=1, within_m=300, candidates=spots((1050, 1050)), existing=NONE
    )
    assert nothing.persons_before == 0
    assert len(nothing.sites) == 1
    again = kc.locate(data, "health", p=1, within_m=300, candidates=spots((1050, 1050)))
    assert len(again.sites) == 0
    assert "No further clinic" in again.sentence


def test_capacities_are_held():
    people = np.zeros((20, 20))
    people[9, 10], people[10, 10] = 60.0, 60.0  # around (1050, 1000)
    data = city(people, clinics=[])
    common = {"p": 1, "within_m": 300, "candidates": spots((1050, 1050)), "existing": NONE}
    assert kc.locate(data, "health", **common).persons_after == pytest.approx(120.0)
    full = kc.locate(data, "health", capacity=70, **common)
    assert full.persons_after == pytest.approx(70.0)
    assert full.sites["persons_assigned"].tolist() == [pytest.approx(70.0)]
    assert full.assignment["persons"].sum() == pytest.approx(120.0)


def test_a_budget_buys_two_cheap_sites_instead_of_a_dear_one():
    people = np.zeros((20, 20))
    people[17, 2], people[2, 17], people[10, 10] = 50.0, 50.0, 80.0
    data = city(people, clinics=[])
    where = spots((250, 250), (1750, 1750), (1050, 950))
    common = {"within_m": 200, "candidates": where, "existing": NONE, "price": [1, 1, 2]}
    found = kc.locate(data, "health", budget=2, **common)
    assert sorted(found.sites["candidate"]) == [0, 1]
    assert found.sites["price"].sum() == 2
    assert found.persons_after == 100.0


def test_people_who_fall_short_pull_the_site():
    people = np.zeros((20, 20))
    people[17, 2], people[2, 17] = 100.0, 60.0
    gap = np.zeros((20, 20))
    gap[17, 2], gap[2, 17] = 0.1, 0.9
    data = city(people, clinics=[])
    where = spots((250, 250), (1750, 1750))
    common = {"p": 1, "within_m": 200, "candidates": where, "existing": NONE}
    assert kc.locate(data, "health", **common).sites["candidate"].tolist() == [0]
    gaps = kc.Gaps(
        cells=xr.Dataset({"T9_health_gap": (("y", "x"), gap)}),
        **dict.fromkeys(("districts", "city", "indicators", "assessed", "survey_tasks")),
    )
    short = kc.locate(data, "health", gaps=gaps, **common)
    assert short.sites["candidate"].tolist() == [1]
    assert short.value == pytest.approx(54.0)
    assert short.persons_after == 60.0
    everybody = kc.locate(data, "health", gaps=gaps, weight="people", **common)
    assert everybody.sites["candidate"].tolist() == [0]


def test_a_variable_of_the_cube_may_count():
    jobs = np.zeros((20, 20))
    jobs[2, 17] = 500.0
    data = city(np.full((20, 20), 1.0), clinics=[], jobs_here=jobs)
    found = kc.locate(
        data, "health", p=1, within_m=200, weight="jobs_here", existing=NONE,
        candidates=spots((250, 250), (1750, 1750)),
    )  # fmt: skip
    assert found.sites["candidate"].tolist() == [1]
    assert (found.value, found.value_unit) == (500.0, "jobs_here")


def test_the_same_call_places_sensors_in_straight_lines():
    """317 cell centres lie within 10 cells of one (Gauss's circle)."""
    data = make_toy(arrays={"population": 10.0})
    found = kc.locate(data, "air_sensor", p=1, candidates="cells", existing=NONE)
    assert found.persons_after == 3170.0
    # As by the streets: the nearest counts, whatever exists outside the city.
    pole = gpd.GeoSeries([shapely.Point(WEST - 400, SOUTH + 2050)], crs=UTM)
    some = kc.locate(data, "air_sensor", p=1, candidates="cells", existing=pole)
    x, y = np.meshgrid(np.arange(50, 4000, 100) + 400, np.arange(50, 4000, 100) - 2050)
    assert some.persons_before == 10.0 * (np.hypot(x, y) <= 1000).sum()


def test_a_mask_of_cells_is_kept_to():
    data = make_toy(arrays={"population": 10.0})
    mask = np.zeros((40, 40), bool)
    mask[5, 5] = mask[30, 30] = True
    found = kc.locate(data, "air_sensor", p=1, candidates=mask, existing=NONE)
    (point,) = found.sites.geometry
    assert (point.x - WEST, point.y - SOUTH) in {(550, 3450), (3050, 950)}


def test_places_in_another_crs_are_brought_over():
    data = city()
    here = kc.locate(data, "health", p=2, within_m=500, candidates=EIGHT)
    there = kc.locate(data, "health", p=2, within_m=500, candidates=EIGHT.to_crs(4326))
    assert here.sites["candidate"].tolist() == there.sites["candidate"].tolist()
    assert there.sites.crs == UTM


def test_two_calls_give_the_same():
    first, second = (kc.locate(city(), "health", p=3, within_m=400) for _ in range(2))
    assert first.sites.to_wkt().equals(second.sites.to_wkt())
    assert first.assignment.equals(second.assignment)
    assert repr(first) == repr(second)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"p": None}, "p: None"),
        ({"p": 0}, "p: 0"),
        ({"p": 1.5}, "p: 1.5"),
        ({"method": "k_means"}, "'k_means'"),
        ({"method": "lscp"}, "leave p"),
        ({"mode": "swim"}, "'swim'"),
        ({"within_m": 5, "within_min": 5}, "one of them"),
        ({"within_m": -5}, "above zero"),
        ({"within_m": float("nan")}, "above zero"),
        ({"mode": "straight", "within_min": 5}, "straight line"),
        ({"weight": "ghosts"}, "'ghosts'"),
        ({"weight": "short"}, "needs gaps"),
        ({"candidates": "roofs"}, "'roofs'"),
        ({"candidates": np.ones((3, 3), bool)}, "mask has shape"),
        ({"candidates": EIGHT.iloc[:0]}, "there are none"),
        ({"candidates": spots((90_000, 90_000))}, "none is near a street"),
        ({"candidates": np.zeros((20, 20), bool)}, "no cell is free"),
        ({"candidates": EIGHT, "price": [1, 2]}, "8 candidates"),
        ({"capacity": -3}, "above zero"),
        ({"budget": 3.0}, "with price"),
        ({"p": None, "budget": "50", "price": 1.0}, "budget: '50' is no number"),
        ({"p": "3"}, "p: '3' is no number of new sites"),
        ({"p": True}, "p: True is no number of new sites"),
        ({"p": float("inf")}, "p: inf"),
        ({"within_m": "300"}, "within_m: '300' is no number"),
        ({"price": "dear"}, "price: 'dear' is no number"),
        ({"capacity": [[1], [1, 2]]}, "capacity: give one number"),
        ({"gaps": "x"}, "gaps: give gaps=kc.assess_gaps"),
        ({"capacity": 3, "method": "p_centre"}, "capacity"),
        ({"existing": [shapely.Point(0, 0)]}, "existing"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(more, words):
    with pytest.raises(StudyError, match=words) as error:
        kc.locate(city(), "health", **{"p": 1, **more})
    assert "\n" not in str(error.value)


def test_an_unknown_service_names_the_nearest():
    with pytest.raises(StudyError, match="water_point"):
        kc.locate(city(), "water_pont", p=1)
    with pytest.raises(StudyError) as error:
        kc.locate(city(), "zzz", p=1)
    assert str(error.value).count("water_point") == 1
    with pytest.raises(StudyError, match="7 is no service"):
        kc.locate(city(), 7, p=1)


def test_a_budget_that_pays_for_none_says_so():
    found = kc.locate(city(), "health", budget=50, price=100, within_m=500, candidates=EIGHT)
    assert found.sentence == "The budget of 50 pays for no clinic: the cheapest costs 100."
    data = city(clinics=[(1050, 1050)])
    near = {"within_m": 300, "candidates": spots((1050, 1050), (250, 250)), "price": [10, 100]}
    cheap = kc.locate(data, "health", budget=50, **near)
    assert cheap.sentence.startswith("No further clinic that the budget of 50 pays for brings")


def test_a_sentence_names_what_was_made_best_with_its_number():
    data, common = city(), {"within_m": 500, "candidates": EIGHT}
    most = kc.locate(data, "health", p=2, **common)
    assert most.sentence.endswith(" % (proved optimal).")
    assert ".0 %" not in most.sentence
    median = kc.locate(data, "health", p=2, method="p_median", **common)
    assert f"the mean way, {median.value:,.1f} m (" in median.sentence
    centre = kc.locate(data, "health", p=2, method="p_centre", **common)
    assert f"the longest way, {centre.value:,.1f} m (" in centre.sentence
    with pytest.warns(kc.KCityWarning, match="are not within 500 m"):
        fewest = kc.locate(data, "health", method="lscp", **common)
    assert f"the number of sites, {len(fewest.sites)} (" in fewest.sentence


@pytest.mark.parametrize("more", [{}, {"capacity": 1e6}])
def test_sites_that_add_nobody_are_left_out(more):
    people = np.zeros((20, 20))
    people[17, 2], people[2, 17] = 50.0, 50.0
    where = spots((250, 250), (1750, 1750), (1050, 950))
    common = {"within_m": 200, "candidates": where, "existing": NONE, **more}
    with pytest.warns(kc.KCityWarning, match=r"1,000,000 asked for, 2 placed"):
        found = kc.locate(city(people, clinics=[]), "health", p=10**6, **common)
    assert sorted(found.sites["candidate"]) == [0, 1]
    assert found.persons_after == 100.0


def test_frames_without_crs_are_refused():
    with pytest.raises(CRSMismatchError, match="set_crs"):
        kc.locate(city(), "health", p=1, candidates=EIGHT.set_crs(None, allow_override=True))
    with pytest.raises(CRSMismatchError, match="set_crs"):
        kc.locate(city(), "health", p=1, existing=EIGHT.set_crs(None, allow_override=True))


def test_a_city_without_people_or_streets_says_so():
    with pytest.raises(StudyError, match=r"sources\.population"):
        kc.locate(make_toy(), "health", p=1)
    bare = make_toy(arrays={"population": 1.0})
    with pytest.raises(StudyError, match="no street is mapped"):
        kc.locate(bare, "health", p=1, existing=NONE)


def test_what_is_not_read_from_the_map_is_told():
    data = city()
    with pytest.warns(kc.KCityWarning, match="the map is not read for chargers"):
        kc.locate(data, "charger", p=1)
