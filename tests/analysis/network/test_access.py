"""Travel on the street graph: against hand-derived numbers, brute force and NetworkX."""

from __future__ import annotations

import heapq
import itertools
import warnings

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import CRS

from kcity_geo.analysis.network import isochrones as drawing
from kcity_geo.analysis.network import reach, served
from kcity_geo.analysis.network.access import (
    nearest,
    node_costs,
    served_share,
    travel_metres,
    travel_minutes,
)
from kcity_geo.analysis.network.graph import StreetGraph, build_graph
from kcity_geo.analysis.network.isochrones import reached_streets
from kcity_geo.analysis.network.snapping import Snapped, cell_points, snap
from kcity_geo.errors import CRSMismatchError, StudyError

METRIC = "EPSG:32633"


def frame(rows, **columns):
    """Rows of (node ids, coordinates)."""
    return gpd.GeoDataFrame(
        {
            "osm_id": np.arange(1, len(rows) + 1),
            "node_ids": [np.array(ids, dtype=np.int64) for ids, _ in rows],
            "highway": "residential",
            **columns,
        },
        geometry=[shapely.LineString(xy) for _, xy in rows],
        crs=METRIC,
    )


def lattice(n, spacing=100.0):
    span = range(n)
    rows = [
        ([i * 1000 + j + 1 for i in span], [(i * spacing, j * spacing) for i in span]) for j in span
    ]
    rows += [
        ([i * 1000 + j + 1 for j in span], [(i * spacing, j * spacing) for j in span]) for i in span
    ]
    return frame(rows)


def isochrones(graph, places, **how):
    return drawing.isochrones(graph, places, **how).geometry.tolist()


def points(*xy):
    return np.asarray(shapely.points(np.array(xy, dtype=float).reshape(-1, 2)), dtype=object)


def squares(size, cell, origin=(0.0, 0.0)):
    x, y = origin
    return GeoBox.from_bbox((x, y, x + size, y + size), crs=METRIC, resolution=cell)


# --- the diamond -----------------------------------------------------------------------------


def test_a_stop_in_a_lattice_reaches_a_diamond_not_a_disc():
    graph = build_graph(lattice(21), mode="walk")
    stop = points((1000, 1000))
    for limit in (300.0, 450.0, 500.0):
        (land,) = isochrones(graph, snap(graph, stop), limits=(limit,), unit="metres")
        # |x| + |y| <= d has the area 2 d^2: 500,000 m2 for 500 m; the disc has 785,398.
        assert land.area == pytest.approx(2 * limit**2, rel=1e-9)
    corners = np.array([[1500, 1000], [1000, 1500], [500, 1000], [1000, 500]], dtype=float)
    assert shapely.intersects(land, shapely.points(corners)).all()


def test_cells_served_make_the_same_diamond():
    graph = build_graph(lattice(21), mode="walk")
    share = served_share(graph, points((1000, 1000)), grid=squares(2000, 10), max_cost=500)
    # From the centre of a cell straight to the nearest street, or the better of several, then |x| + |y|.
    x, y = np.meshgrid(*(np.arange(-995.0, 1000, 10),) * 2)
    to_x, to_y = np.round(x / 100) * 100, np.round(y / 100) * 100
    by = [(abs(x - to_x), abs(to_x) + abs(y)), (abs(y - to_y), abs(x) + abs(to_y))]
    by += [(abs(x - far), abs(far) + abs(y)) for far in (to_x + 100, to_x - 100)]
    by += [(abs(y - far), abs(x) + abs(far)) for far in (to_y + 100, to_y - 100)]
    least = np.minimum.reduce([off for off, _ in by])
    cost = np.minimum.reduce([np.where(off <= least + 1e-6, off + way, np.inf) for off, way in by])
    np.testing.assert_array_equal(share, (cost <= 500 + 1e-6).astype(float))
    # The land is the diamond of 500,000 m2, with the corners of the blocks on its rim.
    assert share.sum() * 100 == pytest.approx(500_000, rel=0.03)


def test_the_limit_itself_counts_as_served():
    graph = build_graph(frame([([1, 2], [(0, 0), (2000, 0)])]), mode="walk")
    # The centre of the cell lies 500 m from the stop, along the street.
    grid = squares(10, 10, origin=(595, -5))
    assert travel_metres(graph, points((100, 0)), grid=grid)[0, 0] == pytest.approx(500)
    assert served_share(graph, points((100, 0)), grid=grid, max_cost=500)[0, 0] == 1
    assert served_share(graph, points((99, 0)), grid=grid, max_cost=500)[0, 0] == 0


# --- snapping ----------------------------------------------------------------------------------


def test_places_stand_on_edges_not_on_nodes():
    graph = build_graph(frame([([1, 2], [(0, 0), (1000, 0)])]), mode="walk")
    found = snap(graph, points((300, 40)))
    assert (found.share[0], found.metres[0]) == (pytest.approx(0.3), pytest.approx(40))
    # From 300 to 800 along the street, 40 and 20 m beside it: not by way of an end.
    cost = nearest(graph, found, snap(graph, points((800, 20))), unit="metres")
    assert cost[0] == pytest.approx(40 + 500 + 20)
    minutes = nearest(graph, found, snap(graph, points((800, 20))))
    assert minutes[0] == pytest.approx(500 / 5000 * 60 + 60 / 3000 * 60)


def test_nobody_beyond_300_m_is_on_the_network():
    graph = build_graph(frame([([1, 2], [(0, 0), (1000, 0)])]), mode="walk")
    found = snap(graph, points((500, 300), (500, 300.001), (500, 299)))
    assert found.segment.tolist() == [0, -1, 0]
    assert np.isinf(found.metres[1])


def test_a_large_compound_is_reached_at_its_side():
    graph = build_graph(frame([([1, 2], [(0, 0), (1000, 0)])]), mode="walk")
    campus = np.array([shapely.box(400, 100, 600, 2100)], dtype=object)
    found = snap(graph, campus)
    assert found.metres[0] == pytest.approx(100)
    assert 0.4 <= found.share[0] <= 0.6
    assert snap(graph, np.array([None, shapely.Point()], dtype=object)).segment.tolist() == [-1, -1]


def test_a_fragment_of_mapping_is_not_a_street_to_start_from():
    roads = frame(
        [
            ([1, 2], [(0, 0), (50_000, 0)]),
            ([3, 4], [(500, 30), (520, 30)]),
            ([5, 6], [(500, 900), (520, 900)]),
        ]
    )
    graph = build_graph(roads, mode="walk")
    found = snap(graph, points((510, 40), (510, 910)))
    # The piece of 20 m next door is passed over for the street; alone in reach it is used.
    assert graph.osm_way[found.segment].tolist() == [1, 3]


def test_nobody_gets_onto_a_motorway_from_their_door():
    roads = frame([([1, 2], [(0, 0), (1000, 0)]), ([3, 4], [(0, 200), (1000, 200)])])
    roads["highway"] = ["motorway", "residential"]
    graph = build_graph(roads, mode="drive")
    found = snap(graph, points((500, 10)))
    assert graph.highway[found.segment[0]] == "residential"


def test_points_of_a_cell_stand_for_equal_parts():
    for cell, side in ((100, 1), (199, 1), (200, 2), (250, 3), (1000, 10)):
        x, y, owner = cell_points(squares(cell, cell))
        assert len(x) == side**2
        assert (x.mean(), y.mean()) == (pytest.approx(cell / 2), pytest.approx(cell / 2))
        assert (owner == 0).all()


def test_a_large_cell_is_served_in_part():
    graph = build_graph(frame([([1, 2], [(-500, 500), (1500, 500)])]), mode="walk")
    # Points at y = 50 ... 950 are up to 450 m from the street: those beyond 300 m are not reached.
    share = served_share(graph, points((500, 500)), grid=squares(1000, 1000), max_cost=1e9)
    assert share[0, 0] == pytest.approx(0.6)


# --- rivers and one-ways -----------------------------------------------------------------------


def test_the_nearest_across_the_river_is_not_the_nearest():
    """Two facilities: one 50 m away over the water, one 400 m along the bank."""
    roads = frame(
        [
            ([1, 2], [(0, 0), (2000, 0)]),
            ([3, 4], [(0, 100), (2000, 100)]),
            ([2, 4], [(2000, 0), (2000, 100)]),
        ]
    )
    graph = build_graph(roads, mode="walk")
    origin = snap(graph, points((200, 0)))
    both = points((200, 100), (600, 0))
    assert nearest(graph, origin, snap(graph, both), unit="metres")[0] == pytest.approx(400)
    across = nearest(graph, origin, snap(graph, both[:1]), unit="metres")[0]
    assert across == pytest.approx(1800 + 100 + 1800)
    parted = build_graph(roads.iloc[:2], mode="walk")
    assert np.isinf(nearest(parted, snap(parted, points((200, 0))), snap(parted, both[:1]))[0])
    (land,) = isochrones(parted, snap(parted, points((200, 0))), limits=(10_000.0,), unit="metres")
    assert not land.intersects(shapely.Point(200, 100))


def test_one_way_snapping_on_the_same_street():
    roads = frame(
        [
            ([1, 2], [(0, 0), (1000, 0)]),
            ([2, 3, 1], [(1000, 0), (500, 500), (0, 0)]),
        ],
        oneway=["yes", ""],
    )
    graph = build_graph(roads, mode="drive")
    west, east = snap(graph, points((300, 0))), snap(graph, points((700, 0)))
    with_arrow = nearest(graph, west, east, unit="metres")[0]
    against = nearest(graph, east, west, unit="metres")[0]
    detour = 300 + 2 * np.hypot(500, 500) + 300
    assert with_arrow == pytest.approx(400)
    assert against == pytest.approx(detour)
    # Towards the origin the two change places.
    assert nearest(graph, west, east, unit="metres", direction="from")[0] == pytest.approx(detour)


def test_grids_say_where_there_is_no_route():
    graph = build_graph(lattice(5), mode="walk")
    grid = squares(1000, 100)
    some = np.array([0, 99], dtype=np.int64)
    minutes = travel_minutes(graph, points((0, 0)), grid=grid, cells=some)
    assert np.isfinite(minutes).sum() == 0  # both in corners without streets within 300 m
    everywhere = travel_minutes(graph, points((0, 0)), grid=grid)
    assert np.isfinite(everywhere[-1, 0])
    assert np.isnan(everywhere[0, 0])
    assert np.isnan(travel_minutes(graph, points(), grid=grid)).all()
    empty = build_graph(lattice(2).iloc[:0], mode="walk")
    assert np.isnan(travel_minutes(empty, points((0, 0)), grid=grid)).all()
    other = GeoBox.from_bbox((0, 0, 1000, 1000), crs="EPSG:32634", resolution=100)
    with pytest.raises(CRSMismatchError, match="32633"):
        travel_minutes(graph, points((0, 0)), grid=other)
    with pytest.raises(StudyError, match="sideways"):
        travel_minutes(graph, points((0, 0)), grid=grid, direction="sideways")


# --- brute force -------------------------------------------------------------------------------


def random_city(seed, n_ways=14, n_nodes=12):
    """Random streets, some one-way, some doubled, with random places on them."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 2000, (n_nodes + 1, 2))
    rows, oneway = [], []
    for _ in range(n_ways):
        ids = rng.integers(1, n_nodes + 1, rng.integers(2, 4))
        ids = ids[np.append(True, ids[1:] != ids[:-1])]
        if len(ids) < 2:
            continue
        rows.append((ids.tolist(), [tuple(xy[i]) for i in ids]))
        oneway.append(rng.choice(["", "", "yes", "-1"]))
    graph = build_graph(frame(rows, oneway=oneway), mode="drive")

    def places(count):
        return Snapped(
            rng.integers(0, graph.n_segments, count).astype(np.int64),
            rng.choice([0.0, 1.0, rng.random(), rng.random()], count),
            rng.uniform(0, 50, count),
        )

    return graph, places(6), places(5)


def plain(graph, origins, places, unit):
    """The table of costs by NetworkX, with origins and places as nodes of their own."""
    ahead, back = graph.costs(unit)
    per_metre = 1.0 if unit == "metres" else 60 / 3000
    table = np.full((len(origins.segment), len(places.segment)), np.inf)
    for o in range(len(origins.segment)):
        for p in range(len(places.segment)):
            net = nx.DiGraph()
            net.add_nodes_from(["a", "b"])

            def add(u, v, cost, net=net):
                if np.isfinite(cost) and cost < net.get_edge_data(u, v, {"c": np.inf})["c"]:
                    net.add_edge(u, v, c=cost)

            for s in range(graph.n_segments):
                stops = [(0.0, int(graph.tail[s])), (1.0, int(graph.head[s]))]
                if origins.segment[o] == s:
                    stops.append((float(origins.share[o]), "a"))
                if places.segment[p] == s:
                    stops.append((float(places.share[p]), "b"))
                for at, u in stops:
                    for to, v in stops:
                        if u == v:
                            continue
                        whole = ahead[s] if to > at else back[s]
                        add(u, v, 0.0 if to == at else abs(to - at) * whole)
            if nx.has_path(net, "a", "b"):
                beside = (origins.metres[o] + places.metres[p]) * per_metre
                table[o, p] = nx.dijkstra_path_length(net, "a", "b", weight="c") + beside
    return table


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(["minutes", "metres"]))
def test_all_engines_agree_with_brute_force(seed, unit):
    graph, origins, places = random_city(seed)
    true = plain(graph, origins, places, unit)
    table = reach.od_matrix(graph, origins, places, unit=unit)
    np.testing.assert_allclose(table, true, rtol=1e-9)
    few = reach.od_matrix(graph, origins, places.take(np.array([1])), unit=unit)  # by a heap
    np.testing.assert_array_equal(few, table[:, [1]])
    np.testing.assert_allclose(
        nearest(graph, origins, places, unit=unit), true.min(axis=1), rtol=1e-9
    )
    back = plain(graph, places, origins, unit).min(axis=0)
    found = nearest(graph, origins, places, unit=unit, direction="from")
    np.testing.assert_allclose(found, back, rtol=1e-9)
    costs, who = reach.k_nearest(graph, origins, places, k=3, unit=unit)
    np.testing.assert_allclose(costs, np.sort(true, axis=1)[:, :3], rtol=1e-9)
    known = who >= 0
    assert (known == np.isfinite(costs)).all()
    rows = np.nonzero(known)[0]
    np.testing.assert_allclose(true[rows, who[known]], costs[known], rtol=1e-9)
    weights = np.arange(1.0, 6.0)
    finite = true[np.isfinite(true)]
    limits = tuple(np.quantile(finite, [0.3, 0.8]) * 1.0001) if len(finite) else (1.0, 2.0)
    sums = reach.sums_within(graph, origins, places, weights, limits=limits, unit=unit)
    expected = np.stack(
        [np.where(true <= limit, weights, 0).sum(axis=1) for limit in limits], axis=1
    )
    np.testing.assert_allclose(sums, expected)
    one, two, cost = reach.pairs(graph, origins, places, limit=limits[1], unit=unit)
    again = np.full(true.shape, np.inf)
    again[one, two] = cost
    np.testing.assert_allclose(again, np.where(true <= limits[1], true, np.inf), rtol=1e-9)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_one_more_facility_never_takes_anything_away(seed):
    graph, origins, places = random_city(seed)
    few = places.take(np.arange(3))
    assert (nearest(graph, origins, places) <= nearest(graph, origins, few)).all()
    ones = np.ones(5)
    more = reach.sums_within(graph, origins, places, ones, limits=(5.0, 20.0))
    less = reach.sums_within(graph, origins, few, ones[:3], limits=(5.0, 20.0))
    assert (more >= less).all()
    assert (np.diff(more, axis=1) >= 0).all()


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(1.0, 30.0))
def test_people_and_supply_are_conserved(seed, limit):
    graph, origins, places = random_city(seed)
    persons = np.arange(1.0, 7.0) * 100
    table = served.catchment_persons(graph, origins, persons, places, limit=limit)
    assert table["persons"].sum() + table.attrs["unserved"] == pytest.approx(persons.sum())
    supply = np.arange(1.0, 6.0)
    access = served.two_step_access(graph, origins, persons, places, supply, limit=limit)
    within = reach.od_matrix(graph, origins, places) <= limit + 1e-9
    assert (access * persons).sum() == pytest.approx(supply[within.any(axis=0)].sum())


def test_two_step_access_by_hand():
    graph = build_graph(frame([([1, 2], [(0, 0), (3000, 0)])]), mode="walk")
    homes = snap(graph, points((0, 0), (1000, 0), (2000, 0)))
    clinics = snap(graph, points((500, 0), (2000, 0)))
    access = served.two_step_access(
        graph,
        homes,
        np.array([100.0, 300, 50]),
        clinics,
        np.array([4.0, 7]),
        limit=1000,
        unit="metres",
    )
    # Clinic 1 sees homes 1 and 2 (400 people): 0.01. Clinic 2 sees homes 2 and 3 (350): 0.02.
    np.testing.assert_allclose(access, [0.01, 0.03, 0.02])


def test_cumulative_jobs_of_the_worked_example():
    """Jobs 5,000, 12,000, 3,000 at 10, 35, 50 and 60, 20, 44 minutes: 85 % and 75 % in 45."""
    minutes = np.array([10, 35, 50, 60, 20, 44.0])
    tail, head = np.array([0, 0, 0, 1, 1, 1], np.int32), np.array([2, 3, 4, 2, 3, 4], np.int32)
    graph = StreetGraph(
        mode="drive",
        crs=METRIC,
        node_x=np.arange(5.0),
        node_y=np.zeros(5),
        node_osm=np.arange(5),
        tail=tail,
        head=head,
        length_m=np.ones(6),
        minutes_forward=minutes,
        minutes_backward=np.full(6, np.inf),
        geometry=np.array([shapely.LineString([(0, 0), (1, 0)])] * 6, dtype=object),
        osm_way=np.arange(6),
        highway=np.full(6, "primary"),
        component=np.zeros(5, np.int32),
    )
    homes = Snapped(np.array([0, 3]), np.zeros(2), np.zeros(2))
    jobs = Snapped(np.array([0, 1, 2]), np.ones(3), np.zeros(3))
    weights = np.array([5000.0, 12000, 3000])
    sums = reach.sums_within(graph, homes, jobs, weights, limits=(45.0,))
    assert sums[:, 0].tolist() == [17000, 15000]
    assert (sums[:, 0] / weights.sum()).tolist() == [0.85, 0.75]


def test_isochrone_is_cut_where_the_minute_falls():
    roads = frame([([1, 2], [(0, 0), (1000, 0)])])
    graph = build_graph(roads, mode="walk", elevation=lambda x, _y: 0.1 * x)
    start = snap(graph, points((400, 0)))
    streets = reached_streets(graph, start, limit=3.0)
    # 3 minutes at 5 km/h are 250 m on the level; uphill (east) 0.7047 of it, downhill all of it.
    low, _, high, _ = streets[0].bounds
    assert low == pytest.approx(400 - 250, abs=0.1)
    assert high == pytest.approx(400 + 250 * 0.7047, abs=0.1)
    back = reached_streets(graph, start, limit=3.0, direction="to")
    assert back[0].bounds[2] == pytest.approx(400 + 250, abs=0.1)
    (land,) = isochrones(graph, start, limits=(3.0,))
    assert land.area == pytest.approx((high - low) * 50 + np.pi * 25**2, rel=0.01)


def test_isochrones_grow_and_hold_each_other():
    graph = build_graph(lattice(15), mode="walk")
    place = snap(graph, points((730, 690)))
    lands = isochrones(graph, place, limits=(2.0, 4.0, 7.0))
    assert lands[0].difference(lands[1]).area == pytest.approx(0, abs=1e-6)
    assert lands[1].difference(lands[2]).area == pytest.approx(0, abs=1e-6)
    assert isochrones(graph, place, limits=(0.0,))[0].is_empty
    with pytest.raises(StudyError, match="sideways"):
        reached_streets(graph, place, limit=1.0, direction="sideways")


def test_the_middle_of_a_lake_is_not_reached():
    ring = [(0, 0), (4000, 0), (4000, 4000), (0, 4000), (0, 0)]
    graph = build_graph(frame([([1, 2, 3, 4, 1], ring)]), mode="walk")
    (land,) = isochrones(graph, snap(graph, points((0, 0))), limits=(1e6,), unit="metres")
    assert not land.intersects(shapely.Point(2000, 2000))
    assert land.intersects(shapely.Point(2000, 250))


def test_bad_arguments_are_named():
    graph = build_graph(lattice(3), mode="walk")
    place = snap(graph, points((0, 0)))
    with pytest.raises(StudyError, match="k: 0"):
        reach.k_nearest(graph, place, place, k=0)
    with pytest.raises(StudyError, match="rising"):
        reach.sums_within(graph, place, place, np.ones(1), limits=(30.0, 15.0))
    with pytest.raises(StudyError, match="hours"):
        reach.od_matrix(graph, place, place, unit="hours")
    with pytest.raises(StudyError, match="sideways"):
        reach.sums_within(graph, place, place, np.ones(1), direction="sideways")


def test_no_origins_and_no_places_are_no_error():
    graph = build_graph(lattice(3), mode="walk")
    none, one = snap(graph, points()), snap(graph, points((0, 0)))
    assert reach.od_matrix(graph, none, one).shape == (0, 1)
    assert reach.od_matrix(graph, one, none).shape == (1, 0)
    assert reach.sums_within(graph, none, one, np.ones(1)).shape == (0, 4)
    assert len(reach.pairs(graph, none, one, limit=5.0)[0]) == 0
    assert np.isinf(nearest(graph, one, none)).all()
    assert np.isinf(node_costs(graph, none)).all()
    assert reach.k_nearest(graph, one, none, k=2)[1].tolist() == [[-1, -1]]


def test_threads_give_what_one_gives():
    graph = build_graph(lattice(12), mode="walk")
    rng = np.random.default_rng(3)
    homes = snap(graph, points(*rng.uniform(0, 1100, (900, 2))))
    shops = snap(graph, points(*rng.uniform(0, 1100, (40, 2))))
    one = reach.sums_within(graph, homes, shops, np.ones(40), limits=(5.0,), workers=1)
    told = []
    two = reach.sums_within(
        graph,
        homes,
        shops,
        np.ones(40),
        limits=(5.0,),
        workers=2,
        progress=lambda done, total: told.append((done, total)),
    )
    np.testing.assert_array_equal(one, two)
    # Homes between two streets are done first; then 256 at a time.
    assert told == sorted(told)
    assert told[-1] == (900, 900)
    assert {total for _, total in told} == {900}


# --- isochrones on awkward streets ---------------------------------------------------------------


def test_one_side_of_a_long_block_is_a_strip_not_a_line():
    ring = [(0, 0), (2000, 0), (2000, 400), (0, 400), (0, 0)]
    graph = build_graph(frame([([1, 2, 3, 4, 1], ring)]), mode="walk")
    stop = snap(graph, points((1000, 0)))
    near, far, on = isochrones(graph, stop, limits=(500.0, 600.0, 900.0), unit="metres")
    # 1,000 m of street, 25 m on either side, narrower where the walk ends.
    for land, metres in ((near, 1000), (far, 1200), (on, 1800)):
        assert land.geom_type == "Polygon"
        assert metres * 50 - 4 * 25 * 25 <= land.area <= metres * 50
    assert near.bounds[0] >= 500
    assert near.bounds[2] <= 1500
    assert not near.intersects(shapely.Point(1000, 30))
    assert far.difference(on).area == pytest.approx(0, abs=1e-6)


def test_a_strip_is_no_wider_than_the_time_left_allows():
    ring = [(0, 0), (2000, 0), (2000, 400), (0, 400), (0, 0)]
    graph = build_graph(frame([([1, 2, 3, 4, 1], ring)]), mode="walk")
    (land,) = isochrones(graph, snap(graph, points((1000, 0))), limits=(20.0,), unit="metres")
    assert 0 < land.area <= 2 * 20**2  # the diamond of 20 m


def test_two_sides_of_a_block_that_do_not_meet_leave_its_middle_out():
    # A ladder of one block 1,000 m long: its two long sides are reached from either end only.
    rows = [
        ([1, 2], [(0, 0), (1000, 0)]),
        ([3, 4], [(0, 100), (1000, 100)]),
        ([1, 3], [(0, 0), (0, 100)]),
        ([2, 4], [(1000, 0), (1000, 100)]),
    ]
    graph = build_graph(frame(rows), mode="walk")
    ends = snap(graph, points((500, 0), (500, 100)))
    (land,) = isochrones(graph, ends, limits=(200.0,), unit="metres")
    assert not land.intersects(shapely.Point(500, 50))
    assert land.intersects(shapely.MultiPoint([(500, 10), (500, 90)]))


def test_streets_that_cross_on_a_bridge_do_not_break_an_isochrone():
    # Two ways over the square that share no node with it nor with each other.
    roads = lattice(4)
    over = frame(
        [
            ([90, 91], [(-50, 130), (350, 170)]),
            ([92, 93], [(-50, 180), (350, 120)]),
            ([90, 1], [(-50, 130), (0, 0)]),
        ],
        osm_id=[101, 102, 103],
    )
    graph = build_graph(gpd.GeoDataFrame(pd.concat([roads, over]), crs=METRIC), mode="walk")
    lands = isochrones(
        graph, snap(graph, points((100, 100))), limits=(120.0, 250.0, 5000.0), unit="metres"
    )
    assert all(land.is_valid and land.geom_type == "Polygon" for land in lands)
    assert shapely.contains(lands[2], shapely.box(1, 1, 299, 299))
    # The bridge from which nothing leads down is not walked along.
    assert not lands[2].intersects(shapely.Point(345, 120.75))


@pytest.fixture(scope="module")
def monaco(test_data):
    from kcity_geo.sources.osm.pbf import read_header, read_osm

    path = test_data / "monaco-mc" / "monaco_20250211.osm.pbf"
    box, _ = read_header(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_osm(path, area=box, crs=CRS(32632)).layers


@pytest.mark.data
@pytest.mark.parametrize("mode", ["walk", "drive"])
def test_isochrones_of_monaco_are_polygons_and_hold_each_other(monaco, mode):
    graph = build_graph(monaco[f"roads_{mode}"], mode=mode)
    rng = np.random.default_rng(1)
    for node in rng.choice(np.flatnonzero(graph.component == 0), 8, replace=False).tolist():
        place = snap(graph, points((graph.node_x[node], graph.node_y[node])))
        limits = (250.0, 500.0, 1000.0)
        lands = isochrones(graph, place, limits=limits, unit="metres")
        for land, limit in zip(lands, limits, strict=True):
            assert land.is_valid
            assert land.geom_type in {"Polygon", "MultiPolygon"}
            streets = reached_streets(graph, place, limit=limit, unit="metres")
            reached = shapely.union_all(streets[~shapely.is_missing(streets)])
            # All but the last metres of each way lies within the land.
            assert shapely.intersection(reached, land).length >= 0.9 * reached.length
            disc = shapely.buffer(shapely.Point(graph.node_x[node], graph.node_y[node]), limit + 26)
            assert shapely.difference(land, disc).area <= 1e-3 * land.area
        for small, large in itertools.pairwise(lands):
            assert shapely.difference(small, large).area == pytest.approx(0, abs=1e-3)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.0, 3.0, 500.0]),
    ferry=st.sampled_from([0.0, 1e4]),
    limit=st.sampled_from([np.inf, 20.0]),
)
def test_buckets_give_the_costs_of_a_search_with_a_heap(seed, spread, ferry, limit):
    """To the last bit, with ways of no cost, one very long arc, late starts and a limit."""
    from scipy.sparse import csr_array

    from kcity_geo.analysis.network.access import ring_of
    from kcity_geo.analysis.network.kernels import nearest_costs

    rng = np.random.default_rng(seed)
    n, m = 60, 150
    pairs = np.unique(rng.integers(0, n, (m, 2)), axis=0)
    cost = np.where(rng.random(len(pairs)) < 0.1, 0.0, rng.exponential(2.0, len(pairs)))
    cost[0] += ferry
    indptr = np.searchsorted(pairs[:, 0], np.arange(n + 1)).astype(np.int32)
    arcs = csr_array((cost, pairs[:, 1].astype(np.int32), indptr), shape=(n, n))
    starts = rng.choice(n, 4, replace=False).astype(np.int32)
    first = rng.uniform(0, 1, 4) * spread
    found = nearest_costs(
        arcs.indptr, arcs.indices, arcs.data, starts, first, limit, *ring_of(arcs.data, first)
    )
    expected = np.full(n, np.inf)
    heap = [(float(c), int(s)) for c, s in zip(first, starts, strict=True) if c <= limit]
    heapq.heapify(heap)
    while heap:
        so_far, here = heapq.heappop(heap)
        if so_far >= expected[here]:
            continue
        expected[here] = so_far
        for arc in range(indptr[here], indptr[here + 1]):
            if so_far + cost[arc] <= limit:
                heapq.heappush(heap, (so_far + cost[arc], int(pairs[arc, 1])))
    assert np.array_equal(found, expected)
