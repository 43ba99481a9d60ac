"""Travel between named places: hand-derived numbers under the labels of the caller."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.network import labelled, reach
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.isochrones import isochrones
from kcity_geo.analysis.network.snapping import snap
from kcity_geo.errors import StudyError

METRIC = "EPSG:32633"
STREET = gpd.GeoDataFrame(
    {"osm_id": [1], "node_ids": [np.array([1, 2], dtype=np.int64)], "highway": ["residential"]},
    geometry=[shapely.LineString([(0, 0), (3000, 0)])],
    crs=METRIC,
)
GRAPH = build_graph(STREET, mode="walk")


def places(names, *xy):
    return gpd.GeoSeries(shapely.points(np.array(xy, float)), index=names, crs=METRIC)


HOMES = places(pd.Index(["h1", "h2", "h3"], name="home"), (0, 30), (1000, 0), (2000, 40))
SHOPS = places(pd.Index([10, 20], name="shop"), (500, 0), (2000, 0))


def test_a_table_of_metres_by_hand_under_the_labels_of_both_sides() -> None:
    table = labelled.od_matrix(GRAPH, HOMES, SHOPS, unit="metres")
    expected = pd.DataFrame(
        [[530.0, 2030.0], [500.0, 1000.0], [1540.0, 40.0]], index=HOMES.index, columns=SHOPS.index
    )
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize(
    "xy",
    [
        [(0, 30), (500, 0)],
        [(700, 20), (700, -20)],
        [(9000, 0), (0, 0)],
        [(100, 299.0), (2900, 299)],
    ],
    ids=["beside the street", "opposite each other", "off the network", "far from the street"],
)
def test_a_place_is_at_itself_and_nowhere_else(xy) -> None:
    both = places(["a", "b"], *xy)
    table = labelled.od_matrix(GRAPH, both, both, unit="metres").to_numpy()
    assert np.diag(table).tolist() == [0, 0]
    assert (table[~np.eye(2, dtype=bool)] > 0).all()
    cost, who = labelled.k_nearest(GRAPH, both, both, k=1, unit="metres")
    assert cost[1].tolist() == [0, 0]
    assert who[1].tolist() == ["a", "b"]
    listed = labelled.pairs(GRAPH, both, both, limit=0.0, unit="metres")
    assert listed.to_dict("list") == {"origin": ["a", "b"], "place": ["a", "b"], "metres": [0, 0]}
    assert labelled.nearest(GRAPH, both, both).tolist() == [0, 0]


def test_a_polygon_is_at_itself() -> None:
    campus = gpd.GeoSeries([shapely.box(100, 10, 200, 90)], crs=METRIC)
    assert labelled.od_matrix(GRAPH, campus, campus).to_numpy().tolist() == [[0.0]]


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_tables_pairs_and_the_nearest_agree_where_places_meet(seed, k) -> None:
    rng = np.random.default_rng(seed)
    spots = np.column_stack([rng.integers(0, 6, 12) * 400.0, rng.integers(0, 2, 12) * 50.0])
    origins, ends = snap(GRAPH, shapely.points(spots[:6])), snap(GRAPH, shapely.points(spots[6:]))
    table = reach.od_matrix(GRAPH, origins, ends, unit="metres")
    same = (spots[:6, None] == spots[None, 6:]).all(axis=2)
    assert (table[same] == 0).all()
    cost, who = reach.k_nearest(GRAPH, origins, ends, k=k, unit="metres")
    np.testing.assert_allclose(cost, np.sort(table, axis=1)[:, :k])
    np.testing.assert_allclose(np.take_along_axis(table, who, axis=1), cost)
    one, two, metres = reach.pairs(GRAPH, origins, ends, limit=810.0, unit="metres")
    again = np.full(table.shape, np.inf)
    again[one, two] = metres
    np.testing.assert_allclose(again, np.where(table <= 810.0, table, np.inf))
    assert len(one) == len(set(zip(one.tolist(), two.tolist(), strict=True)))


@pytest.mark.parametrize(
    ("people", "beds", "limit", "said"),
    [
        ([1, 2, 3], [1, 1], -5.0, "limit = -5"),
        ([1, -2, 3], [1, 1], 600.0, "persons: -2 is below 0"),
        ([1, 2, 3], [1, -1], 600.0, "supply: -1 is below 0"),
    ],
)
def test_access_refuses_what_nobody_can_mean(people, beds, limit, said) -> None:
    with pytest.raises(StudyError, match=said):
        labelled.two_step_access(GRAPH, HOMES, people, SHOPS, beds, limit=limit)


def test_sums_and_access_bear_the_labels_of_the_origins() -> None:
    jobs = pd.Series([7.0, 5.0], index=[20, 10])  # another order than the shops
    sums = labelled.sums_within(GRAPH, HOMES, SHOPS, jobs, limits=(600.0, 1100.0), unit="metres")
    assert sums.loc["h1"].to_dict() == {600.0: 5.0, 1100.0: 5.0}
    assert sums.loc["h2"].to_dict() == {600.0: 5.0, 1100.0: 12.0}
    people = pd.Series({"h3": 10.0, "h1": 100.0, "h2": 50.0})
    access = labelled.two_step_access(GRAPH, HOMES, people, SHOPS, jobs, limit=600.0, unit="metres")
    # Shop 10: h1 and h2, 5 / 150; shop 20: h3 alone, 7 / 10.
    assert access.to_dict() == pytest.approx({"h1": 5 / 150, "h2": 5 / 150, "h3": 0.7})
    caught = labelled.catchment_persons(GRAPH, HOMES, people, SHOPS)
    assert caught["persons"].to_dict() == {10: 150.0, 20: 10.0}


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (pd.Series([1.0], index=[10]), "has no value for 20"),
        ([1.0], "shape"),
        (pd.Series([1.0, 2.0, 3.0], index=[10, 20, 20]), "label twice"),
        (np.ones((2, 2)), "shape"),
        (np.ones(3), "2 places"),
    ],
    ids=["a label missing", "too few", "twice", "a table", "too many"],
)
def test_weights_that_do_not_fit_are_refused(weights, text) -> None:
    with pytest.raises(StudyError, match=f"weights: .*{text}"):
        labelled.sums_within(GRAPH, HOMES, SHOPS, weights)


def test_lands_bear_the_limits_and_the_labels() -> None:
    lands = isochrones(GRAPH, SHOPS, limits=(400.0, 200.0), unit="metres")
    assert lands.crs == METRIC
    assert lands.index.name == "metres"
    assert lands.loc[400.0].geometry.covers(lands.loc[200.0].geometry)
    each = isochrones(GRAPH, SHOPS, limits=(200.0, 400.0), unit="metres", each=True)
    assert each.index.names == ["shop", "metres"]
    assert each.index.to_list() == [(10, 200.0), (10, 400.0), (20, 200.0), (20, 400.0)]
    joined = each.xs(400.0, level="metres").union_all()
    assert joined.symmetric_difference(lands.loc[400.0].geometry).area == pytest.approx(0, abs=1)


def test_places_without_labels_are_numbered() -> None:
    bare = shapely.points([[0.0, 0.0], [100.0, 0.0]])
    assert labelled.od_matrix(GRAPH, bare, bare).columns.to_list() == [0, 1]
    cost, who = labelled.k_nearest(GRAPH, bare, bare[:1], k=2)
    assert who.loc[1].to_list() == [0, None]
    assert np.isinf(cost.loc[1, 2])


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_a_limit_that_nothing_is_within_is_refused(limit) -> None:
    calls = (
        lambda: labelled.od_matrix(GRAPH, HOMES, SHOPS, limit=limit),
        lambda: labelled.pairs(GRAPH, HOMES, SHOPS, limit=limit),
        lambda: labelled.k_nearest(GRAPH, HOMES, SHOPS, k=1, limit=limit),
        lambda: labelled.sums_within(GRAPH, HOMES, SHOPS, [1, 1], limits=(limit,)),
        lambda: isochrones(GRAPH, SHOPS, limits=(limit,)),
    )
    for call in calls:
        with pytest.raises(StudyError, match="must be a number, zero or more"):
            call()


@pytest.mark.parametrize("nothing", [None, shapely.Point()])
def test_a_place_without_geometry_is_refused_by_its_label(nothing) -> None:
    some = gpd.GeoSeries([SHOPS.iloc[0], nothing], index=["a", "b"], crs=METRIC)
    for call in (
        lambda: labelled.od_matrix(GRAPH, HOMES, some),
        lambda: isochrones(GRAPH, some, limits=(5.0,)),
    ):
        with pytest.raises(StudyError, match="1 of 2 have no geometry, the first is b;"):
            call()
