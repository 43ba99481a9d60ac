"""The street graph: topology, directions, times; against NetworkX and OSMnx."""

from __future__ import annotations

import warnings
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from kcity_geo.analysis.network.delays import tobler_factor, tobler_kmh
from kcity_geo.analysis.network.exchange import from_networkx, to_networkx
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.of_city import elevation_sampler
from kcity_geo.analysis.network.rules import (
    all_season_weight,
    blocking_nodes,
    destination,
    speeds_kmh,
    street_width_m,
)
from kcity_geo.compiling import compiled
from kcity_geo.errors import SchemaError, StudyError
from kcity_geo.settings import network_table

METRIC = "EPSG:32633"


def ways(*rows, **columns):
    """Rows of (osm_id, node ids, coordinates, tags)."""
    frame = gpd.GeoDataFrame(
        {
            "osm_id": [row[0] for row in rows],
            "node_ids": [np.array(row[1], dtype=np.int64) for row in rows],
            "highway": "residential",
        },
        geometry=[shapely.LineString(row[2]) for row in rows],
        crs=METRIC,
    )
    for i, row in enumerate(rows):
        for key, value in (row[3] if len(row) > 3 else {}).items():
            if key not in frame:
                frame[key] = "" if isinstance(value, str) else np.nan
            frame.loc[i, key] = value
    for key, value in columns.items():
        frame[key] = value
    return frame


def lattice(n, spacing=100.0):
    """Streets of n by n crossings."""
    span = range(n)
    rows = [
        (j + 1, [i * 1000 + j + 1 for i in span], [(i * spacing, j * spacing) for i in span])
        for j in span
    ]
    rows += [
        (n + i + 1, [i * 1000 + j + 1 for j in span], [(i * spacing, j * spacing) for j in span])
        for i in span
    ]
    return ways(*rows)


def cost(graph, start, end, unit="minutes"):
    """Cost between two OSM nodes."""
    from scipy.sparse.csgraph import dijkstra

    a, b = (int(np.flatnonzero(graph.node_osm == node)[0]) for node in (start, end))
    copies = graph.ways.arrivals
    found = dijkstra(graph.matrix(unit), indices=a)
    return float(found[[b, *copies[copies[:, 0] == b, 1]]].min())


def test_a_lattice_has_its_nodes_and_segments():
    graph = build_graph(lattice(5), mode="walk")
    # 25 crossings; the four corners only bend and are no junction: 21 nodes, 40 - 4 segments.
    assert graph.n_nodes == 21
    assert graph.n_segments == 36
    assert graph.length_m.sum() == pytest.approx(4000.0)
    assert sorted(set(graph.degree.tolist())) == [3, 4]
    assert cost(graph, 2001, 2005) == pytest.approx(400 / 5000 * 60)


def test_a_bridge_over_a_motorway_does_not_join_it():
    roads = ways(
        (1, [1, 2, 3], [(-500, 0), (0, 0), (500, 0)], {"highway": "motorway", "oneway": "yes"}),
        (2, [4, 5], [(0, -500), (0, 500)], {"highway": "residential", "bridge": "yes"}),
    )
    graph = build_graph(roads, mode="drive")
    assert graph.n_nodes == 4
    assert len(graph.component_m) == 2
    # The middle node of the motorway is shared by nothing: it is not a node of the graph.
    assert 2 not in graph.node_osm
    assert len(build_graph(roads, mode="walk").component_m) == 1  # nobody walks on the motorway


def test_a_one_way_loop_runs_one_way():
    roads = ways(
        (1, [1, 2, 3, 4, 1], [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)], {"oneway": "yes"}),
        (2, [5, 1], [(-100, 0), (0, 0)]),
        (3, [3, 6], [(100, 100), (200, 100)]),
    )
    graph = build_graph(roads, mode="drive")
    assert cost(graph, 1, 3, "metres") == pytest.approx(200)
    assert cost(graph, 3, 1, "metres") == pytest.approx(200)
    # From 2 on the way round to the entry: half of the ring cannot be taken backwards.
    split = build_graph(
        ways(
            *[
                (row.osm_id, row.node_ids, row.geometry.coords, {"oneway": row.oneway})
                for row in roads.itertuples()
            ],
            (4, [2, 7], [(100, 0), (100, -50)]),
        ),
        mode="drive",
    )
    assert cost(split, 2, 1, "metres") == pytest.approx(300)
    assert cost(split, 1, 2, "metres") == pytest.approx(100)
    walk = build_graph(roads, mode="walk")
    assert np.isfinite(walk.minutes_backward).all()


def test_reversed_oneway_and_roundabout():
    roads = ways(
        (1, [1, 2], [(0, 0), (100, 0)], {"oneway": "-1"}),
        (2, [2, 3, 4, 2], [(100, 0), (150, 50), (150, -50), (100, 0)], {"junction": "roundabout"}),
        (3, [3, 9], [(150, 50), (200, 50)]),
    )
    graph = build_graph(roads, mode="drive")
    assert np.isinf(cost(graph, 1, 2))
    assert cost(graph, 2, 1, "metres") == pytest.approx(100)
    side = np.hypot(50, 50)
    assert cost(graph, 2, 3, "metres") == pytest.approx(side)
    assert cost(graph, 3, 2, "metres") == pytest.approx(side + 100)


def test_oneway_for_bicycles_and_feet_have_their_own_tags():
    base = {"oneway": "yes", "oneway_bicycle": "no", "oneway_foot": ""}
    roads = ways((1, [1, 2], [(0, 0), (100, 0)], base))
    assert np.isinf(build_graph(roads, mode="drive").minutes_backward).all()
    assert np.isfinite(build_graph(roads, mode="cycle").minutes_backward).all()
    roads["oneway_foot"] = "yes"
    assert np.isinf(build_graph(roads, mode="walk").minutes_backward).all()


@pytest.mark.parametrize(
    ("tags", "walk", "cycle", "drive"),
    [
        ({"highway": "residential"}, True, True, True),
        ({"highway": "residential", "access": "no"}, False, False, False),
        ({"highway": "residential", "access": "private"}, True, True, True),  # its residents
        ({"highway": "residential", "access": "no", "foot": "yes"}, True, False, False),
        ({"highway": "residential", "motor_vehicle": "no"}, True, True, False),
        ({"highway": "residential", "vehicle": "no"}, True, False, False),
        ({"highway": "residential", "vehicle": "no", "bicycle": "yes"}, True, True, False),
        ({"highway": "trunk", "motorroad": "yes"}, False, False, True),
        ({"highway": "trunk"}, True, True, True),
        ({"highway": "motorway"}, False, False, True),
        ({"highway": "steps"}, True, False, False),
        ({"highway": "footway"}, True, False, False),
        ({"highway": "footway", "bicycle": "designated"}, True, True, False),
        ({"highway": "proposed"}, False, False, False),
    ],
)
def test_access_tags_decide_who_may_pass(tags, walk, cycle, drive):
    roads = ways((1, [1, 2], [(0, 0), (100, 0)], tags))
    found = {mode: build_graph(roads, mode=mode).n_segments for mode in ("walk", "cycle", "drive")}
    assert found == {"walk": int(walk), "cycle": int(cycle), "drive": int(drive)}


def test_a_bollard_stops_cars_and_nobody_else():
    roads = ways((1, [1, 2, 3], [(0, 0), (50, 0), (100, 0)]))
    bollard = gpd.GeoDataFrame(
        {"osm_id": [2], "barrier": ["bollard"]}, geometry=[shapely.Point(50, 0)], crs=METRIC
    )
    drive = build_graph(roads, mode="drive", barriers=bollard)
    assert drive.n_segments == 2
    assert len(drive.component_m) == 2
    assert sorted(drive.node_osm.tolist()) == [1, 2, 2, 3]
    assert build_graph(roads, mode="walk", barriers=bollard).n_segments == 1
    bollard["motor_vehicle"] = "yes"
    assert build_graph(roads, mode="drive", barriers=bollard).n_segments == 1


def test_barriers_know_modes_and_access():
    frame = gpd.GeoDataFrame(
        {
            "osm_id": [5, 6, 7, 8],
            "barrier": ["gate", "bollard", "stile", "gate"],
            "access": ["", "", "", "private"],
        },
        geometry=[shapely.Point(0, 0)] * 4,
        crs=METRIC,
    )
    table = network_table()
    assert blocking_nodes(frame, mode="drive", table=table).tolist() == [6, 7, 8]
    assert blocking_nodes(frame, mode="cycle", table=table).tolist() == [7, 8]
    assert blocking_nodes(frame, mode="walk", table=table).tolist() == [8]


def test_a_ferry_carries_people_at_its_speed_with_the_wait():
    roads = ways((1, [1, 2], [(0, 0), (100, 0)]), (2, [3, 4], [(1100, 0), (1200, 0)]))
    ferry = ways((9, [2, 3], [(100, 0), (1100, 0)]))
    graph = build_graph(roads, mode="walk", ferries=ferry)
    assert len(graph.component_m) == 1
    # 100 m and 100 m on foot, 1 km at 10 km/h, 10 minutes of waiting.
    assert cost(graph, 1, 4) == pytest.approx(2 * 1.2 + 6 + 10)
    assert len(build_graph(roads, mode="drive", ferries=ferry).component_m) == 2
    ferry["motor_vehicle"] = "yes"
    assert len(build_graph(roads, mode="drive", ferries=ferry).component_m) == 1


def by_ferry(mode, **tags):
    """Minutes over 4 km of water and back; inf: no way."""
    roads = ways((1, [1, 2], [(0, 0), (100, 0)]), (2, [3, 4], [(4100, 0), (4200, 0)]))
    graph = build_graph(roads, mode=mode, ferries=ways((9, [2, 3], [(100, 0), (4100, 0)], tags)))
    return cost(graph, 2, 3), cost(graph, 3, 2)


@pytest.mark.parametrize(
    ("tags", "walk", "cycle", "drive"),
    [
        ({}, True, True, False),
        ({"foot": "no"}, False, True, False),
        ({"access": "no"}, False, False, False),
        ({"access": "private"}, False, False, False),
        ({"access": "no", "foot": "yes"}, True, False, False),
        ({"bicycle": "no"}, True, False, False),
        ({"motor_vehicle": "no"}, True, True, False),
        ({"vehicle": "yes"}, True, True, True),
        ({"motor_vehicle": "designated"}, True, True, True),
        ({"access": "yes"}, True, True, False),
    ],
)
def test_who_a_ferry_takes(tags, walk, cycle, drive):
    for mode, taken in (("walk", walk), ("cycle", cycle), ("drive", drive)):
        assert bool(np.isfinite(by_ferry(mode, **tags)[0])) == taken, mode


def test_a_ferry_takes_as_long_as_its_timetable_says():
    # 4 km at 10 km/h are 24 minutes, and 10 of waiting.
    assert by_ferry("walk") == (pytest.approx(34), pytest.approx(34))
    assert by_ferry("walk", duration_min=15.0)[0] == pytest.approx(15 + 10)
    assert by_ferry("drive", duration_min=15.0, vehicle="yes")[0] == pytest.approx(15 + 10)
    assert by_ferry("walk", duration_min=1.0)[0] == pytest.approx(34)  # 240 km/h: a mistake


def test_a_ferry_that_goes_one_way():
    there, back = by_ferry("walk", oneway="yes")
    assert there == pytest.approx(34)
    assert np.isinf(back)
    assert np.isinf(by_ferry("cycle", oneway="-1")[0])


@pytest.mark.parametrize(
    ("mode", "tags", "used"),
    [
        ("walk", {"highway": "trunk", "motorroad": "yes"}, False),
        ("walk", {"highway": "trunk", "motorroad": "yes", "foot": "yes"}, True),
        ("cycle", {"highway": "trunk", "motorroad": "yes", "bicycle": "yes"}, True),
        ("cycle", {"highway": "trunk", "motorroad": "yes", "foot": "yes"}, False),
        ("walk", {"highway": "bridleway"}, False),
        ("walk", {"highway": "bridleway", "foot": "designated"}, True),
        ("walk", {"highway": "motorway", "foot": "yes"}, False),
    ],
)
def test_a_tag_for_the_mode_itself_beats_what_the_class_says(mode, tags, used):
    graph = build_graph(ways((1, [1, 2], [(0, 0), (100, 0)], tags)), mode=mode)
    assert (graph.n_segments == 1) == used


def test_free_flow_times_of_the_worked_example():
    roads = ways(
        (1, [1, 2], [(0, 0), (1200, 0)], {"highway": "residential"}),
        (2, [2, 3], [(1200, 0), (4200, 0)], {"highway": "tertiary"}),
        (3, [3, 4], [(4200, 0), (12200, 0)], {"highway": "primary"}),
    )
    assert build_graph(roads, mode="drive").minutes_forward.sum() == pytest.approx(14.765, abs=1e-3)
    slow = {"speeds": {"congestion_factor": 0.8}}
    slower = build_graph(roads, mode="drive", table=network_table(slow)).minutes_forward.sum()
    assert slower == pytest.approx(18.456, abs=1e-3)


def test_speeds_follow_maxspeed_then_caps():
    roads = ways(
        (1, [1, 2], [(0, 0), (1, 0)], {"maxspeed_kmh": 50.0}),
        (2, [1, 2], [(0, 0), (1, 0)], {"highway": "primary", "surface": "gravel"}),
        (3, [1, 2], [(0, 0), (1, 0)], {"highway": "primary", "smoothness": "very_bad"}),
        (4, [1, 2], [(0, 0), (1, 0)], {"highway": "motorway_link"}),
    )
    table = network_table()
    assert speeds_kmh(roads, mode="drive", table=table).tolist() == [40, 40, 20, 45]
    assert speeds_kmh(roads, mode="walk", table=table).tolist() == [5, 3.75, 5, 5]
    wet = network_table({"speeds": {"season_factor": 0.5}})
    assert speeds_kmh(roads, mode="drive", table=wet).tolist() == [40, 20, 20, 45]


def test_congestion_by_place_and_signals_slow_cars_only():
    roads = ways((1, [1, 2, 3], [(0, 0), (500, 0), (1000, 0)]))
    half = build_graph(roads, mode="drive", congestion=lambda x, _y: np.where(x < 2000, 0.5, 1.0))
    free = build_graph(roads, mode="drive")
    assert half.minutes_forward[0] == pytest.approx(2 * free.minutes_forward[0])
    lights = build_graph(roads, mode="drive", signals=np.array([2, 3]))
    # A light on the way costs 2 s, one at the end half of it: the other half is the next street's.
    assert lights.minutes_forward[0] - free.minutes_forward[0] == pytest.approx(3 / 60)


def test_unpaved_roads_are_slow_or_closed_in_the_wet_season():
    roads = ways(
        (1, [1, 2], [(0, 0), (1000, 0)], {"surface": "dirt"}),
        (2, [2, 3], [(1000, 0), (2000, 0)], {"surface": "asphalt"}),
        (3, [3, 4], [(2000, 0), (3000, 0)]),
    )

    def minutes(season, mode):
        graph = build_graph(
            roads, mode=mode, table=network_table({"speeds": {"season_factor": season}})
        )
        return dict(zip(graph.osm_way.tolist(), graph.minutes_forward.tolist(), strict=True))

    dry, wet, closed = (minutes(season, "drive") for season in (1.0, 0.5, 0.0))
    # 25 km/h each, and half of it on dirt; who does not know the surface changes nothing.
    assert sum(dry.values()) == pytest.approx(3 * 60 / 25)
    assert sum(wet.values()) == pytest.approx(4 * 60 / 25)
    assert sum(closed.values()) == pytest.approx(2 * 60 / 25)
    assert sum(minutes(0.0, "walk").values()) == pytest.approx(3 * 60 / 5)


def test_tobler_against_the_worked_numbers():
    expected = {
        -0.2: 3.5493,
        -0.1: 5.0367,
        -0.05: 6.0,
        0: 5.0367,
        0.05: 4.2281,
        0.1: 3.5493,
        0.2: 2.5012,
        0.3: 1.7625,
    }
    for slope, speed in expected.items():
        assert float(tobler_kmh(slope)) == pytest.approx(speed, abs=1e-4)
    assert float(60 / tobler_kmh(0.1)) == pytest.approx(16.905, abs=1e-3)
    assert float(60 / tobler_kmh(-0.1)) == pytest.approx(11.912, abs=1e-3)
    assert float(tobler_factor(0.1)) == pytest.approx(0.7047, abs=1e-4)
    assert float(tobler_kmh(2.0)) == float(tobler_kmh(0.6))


def test_uphill_and_downhill_take_their_own_time():
    roads = ways((1, [1, 2], [(0, 0), (1000, 0)]))
    graph = build_graph(roads, mode="walk", elevation=lambda x, _y: 0.1 * x)
    # 5 km/h on the level: 12 minutes, times W(0)/W(slope).
    assert graph.minutes_forward[0] == pytest.approx(12 * 5.0367 / 3.5493, rel=1e-4)
    assert graph.minutes_backward[0] == pytest.approx(12 * 5.0367 / 5.0367, rel=1e-4)
    turned = build_graph(
        ways((1, [2, 1], [(1000, 0), (0, 0)])), mode="walk", elevation=lambda x, _y: 0.1 * x
    )
    assert turned.minutes_forward[0] == pytest.approx(graph.minutes_backward[0])
    drive = build_graph(roads, mode="drive", elevation=lambda x, _y: 0.1 * x)
    assert drive.minutes_forward[0] == drive.minutes_backward[0]


def test_a_short_street_on_noisy_ground_is_not_a_cliff():
    # 3 m of noise every 30 m; a street of 5 m must not see a slope of 60 %.
    noise = np.random.default_rng(7).normal(0, 1.5, (40, 40))
    dem = xr.DataArray(
        noise, dims=("y", "x"), coords={"y": np.arange(40) * 30.0, "x": np.arange(40) * 30.0}
    )
    sample = elevation_sampler(dem)
    rows = [
        (i, [2 * i, 2 * i + 1], [(100.0 + i * 10, 500), (105.0 + i * 10, 500)]) for i in range(60)
    ]
    graph = build_graph(ways(*rows), mode="walk", elevation=sample)
    flat = 5 / 5000 * 60
    assert (graph.minutes_forward < 2.0 * flat).all()
    assert graph.minutes_forward.mean() < 1.35 * flat


def test_a_bridge_has_one_slope_and_a_void_none():
    valley = lambda x, _y: np.where(np.abs(x - 500) < 300, -100.0, 0.0)  # noqa: E731 - a profile
    line = [(0, 0), (500, 0), (1000, 0)]
    bridge = build_graph(
        ways((1, [1, 2, 3], line, {"bridge": "yes"})), mode="walk", elevation=valley
    )
    assert bridge.minutes_forward[0] == pytest.approx(12.0)
    void = build_graph(
        ways((1, [1, 2, 3], line)),
        mode="walk",
        elevation=lambda x, _y: np.full(np.shape(x), np.nan),
    )
    assert void.minutes_forward[0] == pytest.approx(12.0)


def test_elevation_is_read_between_pixels():
    dem = xr.DataArray(
        [[0.0, 10.0], [20.0, 30.0]], dims=("y", "x"), coords={"y": [30.0, 0.0], "x": [0.0, 30.0]}
    )
    sample = elevation_sampler(dem)
    x, y = np.array([15.0, 0.0, 31.0]), np.array([15.0, 30.0, 0.0])
    np.testing.assert_allclose(sample(x, y), [15.0, 0.0, np.nan])


def test_row_order_and_index_do_not_matter():
    roads = lattice(6)
    roads["oneway"] = np.where(np.arange(len(roads)) % 3 == 0, "yes", "")
    mixed = roads.sample(frac=1, random_state=3)
    one, two = build_graph(roads, mode="drive"), build_graph(mixed, mode="drive")
    for name in (
        "node_osm",
        "tail",
        "head",
        "length_m",
        "minutes_backward",
        "osm_way",
        "component",
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert (shapely.to_wkb(one.geometry) == shapely.to_wkb(two.geometry)).all()
    assert roads.columns.tolist() == mixed.columns.tolist()


def test_parallel_streets_keep_the_shorter():
    roads = ways(
        (1, [1, 2], [(0, 0), (100, 0)]),
        (2, [1, 3, 2], [(0, 0), (50, 100), (100, 0)]),
        (3, [1, 4], [(0, 0), (-10, 0)]),
        (4, [2, 5], [(100, 0), (110, 0)]),
    )
    graph = build_graph(roads, mode="walk")
    assert graph.n_segments == 4
    assert cost(graph, 1, 2, "metres") == 100  # scipy would have added the two up


def test_ways_without_node_ids_join_where_they_touch():
    roads = lattice(4).drop(columns="node_ids")
    assert build_graph(roads, mode="walk").n_nodes == build_graph(lattice(4), mode="walk").n_nodes


def test_broken_and_empty_layers():
    roads = lattice(3)
    roads.at[0, "node_ids"] = np.array([1, 2])
    with pytest.raises(SchemaError, match="node_ids"):
        build_graph(roads, mode="walk")
    empty = build_graph(lattice(3).iloc[:0], mode="walk")
    assert (empty.n_nodes, empty.n_segments) == (0, 0)
    with pytest.raises(StudyError, match="swim"):
        build_graph(lattice(3), mode="swim")
    with pytest.raises(SchemaError, match="highway"):
        build_graph(lattice(3).drop(columns="highway"), mode="walk")
    with pytest.raises(SchemaError, match="metric"):
        build_graph(lattice(3).to_crs(4326), mode="walk")
    with pytest.raises(StudyError, match="walk_khm"):
        build_graph(lattice(3), mode="walk", table=network_table({"speeds": {"walk_khm": 4}}))
    with pytest.raises(StudyError, match="0 km/h"):
        build_graph(lattice(3), mode="walk", table=network_table({"speeds": {"walk_kmh": 0.0}}))


def test_a_node_twice_in_a_row_and_a_point_way_are_dropped():
    roads = ways((1, [1, 1, 2], [(0, 0), (0, 0), (100, 0)]), (2, [3, 3], [(5, 5), (5, 5)]))
    graph = build_graph(roads, mode="walk")
    assert graph.length_m.tolist() == [100.0]


def test_an_isolated_ring_is_kept_as_a_loop():
    graph = build_graph(ways((1, [1, 2, 3, 1], [(0, 0), (10, 0), (10, 10), (0, 0)])), mode="walk")
    assert graph.n_segments == 1
    assert graph.tail[0] == graph.head[0]
    assert graph.matrix().nnz == 0
    assert graph.degree.tolist() == [2]


def ridge(x, _y):
    """60 m high in the middle of 600 m, 0 m at both portals."""
    return np.clip(60 - 0.2 * np.abs(np.asarray(x) - 300), 0, None)


def tube(*xs, **tags):
    """A tunnel cut at some places, with nodes 1, 2, ..."""
    cuts = list(zip(xs, xs[1:], strict=False))
    return [
        (10 + i, [i + 1, i + 2], [(a, 0), (b, 0)], {"highway": "footway", "tunnel": "yes", **tags})
        for i, (a, b) in enumerate(cuts)
    ]


@pytest.mark.parametrize(
    "xs", [(0, 600), (0, 300, 600), (0, 200, 400, 600), (0, 10, 290, 295, 300, 590, 600)]
)
@pytest.mark.parametrize("tag", ["tunnel", "bridge"])
def test_a_tunnel_in_pieces_is_as_level_as_in_one(xs, tag):
    rows = tube(*xs, **({"tunnel": "", "bridge": "viaduct"} if tag == "bridge" else {}))
    deep = ridge if tag == "tunnel" else lambda x, y: -ridge(x, y)
    rows[1 % len(rows)][3]["lit"] = "yes"
    graph = build_graph(ways(*rows), mode="walk", elevation=deep)
    last = len(xs)
    assert cost(graph, 1, last) == pytest.approx(7.2)
    assert cost(graph, last, 1) == pytest.approx(7.2)


def test_a_street_that_joins_brings_daylight_and_a_void_none():
    rows = [*tube(0, 300, 600), (20, [2, 9], [(300, 0), (300, 200)], {"highway": "footway"})]
    open_air = build_graph(ways(*rows), mode="walk", elevation=ridge)
    assert cost(open_air, 1, 2) == pytest.approx(300 / 5000 * 60 / tobler_factor(0.2))
    # A side tunnel to a portal 30 m up: the joint stands where slopes balance, (0 + 0 + 30) / 3.
    rows = [
        *tube(0, 300, 600),
        (20, [2, 9], [(300, 0), (300, 300)], {"highway": "footway", "tunnel": "yes"}),
    ]

    def ground(x, y):
        return np.where(np.asarray(y) > 200, 30.0, ridge(x, y))

    graph = build_graph(ways(*rows), mode="walk", elevation=ground)
    assert cost(graph, 1, 2) == pytest.approx(300 / 5000 * 60 / tobler_factor(10 / 300))
    assert cost(graph, 2, 9) == pytest.approx(300 / 5000 * 60 / tobler_factor(20 / 300))

    def holed(x, y):
        return np.where(np.asarray(x) > 500, np.nan, ridge(x, y))

    # One portal is known: the tunnel is taken for level, not for as steep as the ridge.
    void = build_graph(ways(*tube(0, 200, 400, 600)), mode="walk", elevation=holed)
    assert cost(void, 1, 4) == pytest.approx(7.2)
    blank = build_graph(
        ways(*tube(0, 200, 600)), mode="walk", elevation=lambda x, _y: np.full(np.shape(x), np.nan)
    )
    assert cost(blank, 1, 3) == pytest.approx(7.2)


@given(st.lists(st.floats(1, 599), min_size=0, max_size=6, unique=True), st.floats(-40, 40))
def test_cuts_never_change_the_time_through_a_tunnel(cuts, rise):
    xs = [0.0, *sorted(cuts), 600.0]

    def ground(x, _y):
        return np.where(np.asarray(x) < 300, 0.0, rise) + ridge(x, 0)

    whole = build_graph(ways(*tube(0, 600)), mode="walk", elevation=ground)
    parts = build_graph(ways(*tube(*xs)), mode="walk", elevation=ground)
    assert cost(parts, 1, len(xs)) == pytest.approx(cost(whole, 1, 2), rel=1e-6)


@pytest.mark.parametrize(
    ("tags", "car"),
    [
        ({"motor_vehicle": "no", "motorcar": "yes"}, True),
        ({"motor_vehicle": "yes", "motorcar": "no"}, False),
        ({"access": "no", "vehicle": "yes"}, True),
        ({"access": "yes", "vehicle": "no", "motor_vehicle": "yes"}, True),
        ({"vehicle": "yes", "motor_vehicle": "forestry;agricultural"}, False),
        ({"motor_vehicle": "agricultural; forestry"}, False),
        ({"motor_vehicle": "Forestry , Agricultural"}, False),
        ({"motor_vehicle": "private;delivery"}, False),
        ({"motor_vehicle": "no;private"}, False),
        ({"motor_vehicle": "no;yes"}, True),
        ({"motor_vehicle": "bus;psv;taxi"}, False),
        ({"motor_vehicle": "delivery;destination"}, True),
        ({"motorcar": ";", "access": "no"}, True),  # nothing is said: not shut
    ],
)
def test_the_most_telling_access_tag_decides_and_lists_are_shut_as_a_whole(tags, car):
    roads = ways(
        (1, [1, 2], [(0, 0), (100, 0)]),
        (2, [2, 3], [(100, 0), (180, 0)], tags),
        (3, [3, 4], [(180, 0), (280, 0)]),
    )
    assert np.isfinite(cost(build_graph(roads, mode="drive"), 1, 4)) == car
    gate = gpd.GeoDataFrame(
        {"osm_id": [2], "barrier": ["gate"], **{key: [value] for key, value in tags.items()}},
        geometry=[shapely.Point(100, 0)],
        crs=METRIC,
    )
    stopped = 2 in blocking_nodes(gate, mode="drive", table=network_table())
    assert stopped == (not car or "destination" in str(tags))


@pytest.mark.parametrize(
    ("tags", "against"),
    [
        ({"oneway:bicycle": "no"}, True),
        ({"cycleway": "opposite"}, True),
        ({"cycleway": "opposite_lane"}, True),
        ({"cycleway:left": "opposite_track"}, True),
        ({"cycleway:right": "opposite_lane;lane"}, True),
        ({"cycleway:left": "lane", "cycleway:left:oneway": "-1"}, True),
        ({"cycleway:both": "lane", "cycleway:both:oneway": "no"}, True),
        ({"cycleway:left": "no", "cycleway:left:oneway": "no"}, False),
        ({"cycleway": "lane"}, False),
        ({"cycleway": "opposite", "oneway:bicycle": "yes"}, False),
        ({"oneway:vehicle": "no"}, True),
        ({}, False),
    ],
)
def test_bicycles_ride_against_one_way_streets_where_a_lane_is_tagged(tags, against):
    roads = ways((1, [1, 2], [(0, 0), (100, 0)], {"oneway": "yes"}))
    roads["tags"] = [tags]
    assert np.isfinite(build_graph(roads, mode="cycle").minutes_backward[0]) == against
    car = {"oneway:vehicle", "oneway:motor_vehicle"} & set(tags)
    assert np.isfinite(build_graph(roads, mode="drive").minutes_backward[0]) == bool(car)


def test_all_season_weights_of_the_rural_access_index():
    rows = [
        ({"highway": "primary"}, 1.0),
        ({"highway": "primary", "surface": "dirt"}, 0.0),
        ({"highway": "primary", "smoothness": "horrible"}, 0.0),
        ({"highway": "primary", "seasonal": "yes"}, 0.0),
        ({"highway": "unclassified"}, 0.6),
        ({"highway": "unclassified", "surface": "asphalt"}, 1.0),
        ({"highway": "unclassified", "surface": "gravel"}, 0.0),
        ({"highway": "residential", "tracktype": "grade1"}, 1.0),
        ({"highway": "service"}, 0.0),
    ]
    roads = ways(*[(i, [1, 2], [(0, 0), (1, 0)], tags) for i, (tags, _) in enumerate(rows)])
    found = all_season_weight(roads, table=network_table()).tolist()
    assert found == [weight for _, weight in rows]


def test_street_widths_follow_width_lanes_then_class():
    rows = [
        ({"highway": "residential"}, 9.0),
        ({"highway": "primary"}, 20.0),
        ({"highway": "primary", "oneway": "yes"}, 12.0),
        ({"highway": "primary", "lanes": 4.0}, 16.0),
        ({"highway": "primary", "lanes": 4.0, "width_m": 18.0}, 18.0),
        ({"highway": "residential", "width_m": 900.0}, 60.0),
    ]
    roads = ways(*[(i, [1, 2], [(0, 0), (1, 0)], tags) for i, (tags, _) in enumerate(rows)])
    assert street_width_m(roads, table=network_table()).tolist() == [w for _, w in rows]


@st.composite
def random_ways(draw):
    """A few ways over few nodes: crossings, loops, parallels, one-ways."""
    rows = []
    for osm_id in range(1, draw(st.integers(1, 9)) + 1):
        nodes = draw(st.lists(st.integers(1, 8), min_size=2, max_size=5))
        tags = {"oneway": draw(st.sampled_from(["", "yes", "-1"]))}
        rows.append(
            (osm_id, nodes, [(np.cos(n) * 100 + n, np.sin(3 * n) * 100) for n in nodes], tags)
        )
    return ways(*rows)


@given(random_ways())
def test_shortest_paths_survive_the_joining_of_pieces(roads):
    """Brute force: Dijkstra over every vertex of every way, as it stands in the data."""
    graph = build_graph(roads, mode="drive")
    plain = nx.MultiDiGraph()
    for row in roads.itertuples():
        points = shapely.get_coordinates(row.geometry)
        for i in range(len(points) - 1):
            u, v = int(row.node_ids[i]), int(row.node_ids[i + 1])
            length = float(np.hypot(*(points[i + 1] - points[i])))
            if u == v:
                continue
            if row.oneway != "-1":
                plain.add_edge(u, v, length=length)
            if row.oneway != "yes":
                plain.add_edge(v, u, length=length)
    from scipy.sparse.csgraph import dijkstra

    found = dijkstra(graph.matrix("metres")) if graph.n_nodes else np.zeros((0, 0))
    for i, start in enumerate(graph.node_osm.tolist()):
        true = nx.single_source_dijkstra_path_length(plain, start, weight="length")
        for j, end in enumerate(graph.node_osm.tolist()):
            assert found[i, j] == pytest.approx(true.get(end, np.inf), rel=1e-9)
    total = sum(
        float(np.hypot(*np.diff(shapely.get_coordinates(row.geometry), axis=0).T).sum())
        for row in roads.itertuples()
    )
    assert graph.length_m.sum() == pytest.approx(total)


@given(random_ways())
def test_to_networkx_and_back_changes_nothing(roads):
    graph = build_graph(roads, mode="drive")
    again = from_networkx(to_networkx(graph), mode="drive")
    from scipy.sparse.csgraph import dijkstra

    if graph.n_nodes:
        order = np.argsort(graph.node_osm, kind="stable")
        assert again.node_osm.tolist() == graph.node_osm[order].tolist()
        np.testing.assert_allclose(
            dijkstra(again.matrix()), dijkstra(graph.matrix())[order][:, order]
        )
    assert again.length_m.sum() == pytest.approx(graph.length_m.sum())
    assert again.n_segments == graph.n_segments


def test_networkx_graph_is_what_osmnx_expects():
    import osmnx as ox

    roads = lattice(4)
    roads["oneway"] = np.where(roads["osm_id"] == 2, "yes", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted = to_networkx(build_graph(roads, mode="drive"))
        nodes, edges = ox.graph_to_gdfs(converted)
        again = ox.graph_from_gdfs(nodes, edges)
        back = from_networkx(again, mode="drive")
    assert edges["length"].sum() == pytest.approx(2400 * 2 - 300)
    assert nodes.crs == CRS(METRIC)
    assert back.length_m.sum() == pytest.approx(2400)
    assert np.isinf(back.minutes_backward).sum() == 3


def test_from_networkx_refuses_degrees_and_missing_positions():
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    with pytest.raises(SchemaError, match="project_graph"):
        from_networkx(graph, mode="walk")
    graph = nx.MultiDiGraph(crs=METRIC)
    graph.add_node(1)
    with pytest.raises(SchemaError, match="'x'"):
        from_networkx(graph, mode="walk")


def test_building_holds_few_copies_of_a_network():
    """A metropolis of a million nodes must fit into 2 GB: some 500 bytes a segment at once."""
    import tracemalloc

    roads = lattice(100)
    build_graph(lattice(3), mode="drive")  # what is imported and read once
    tracemalloc.start()
    try:
        graph = build_graph(roads, mode="drive")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak / graph.n_segments < 470


# --- the real cities -------------------------------------------------------------------------

CITIES = {
    "monaco": "monaco-mc/monaco_20250211.osm.pbf",
    "liechtenstein": "liechtenstein-li/liechtenstein_20240304.osm.pbf",
}
_LAYERS = {}


def city_layers(test_data, name):
    if name not in _LAYERS:
        from kcity_geo.sources.osm.pbf import read_header, read_osm

        path = test_data / CITIES[name]
        box, _ = read_header(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _LAYERS[name] = read_osm(path, area=box, crs=CRS(32632)).layers
    return _LAYERS[name]


@pytest.mark.data
@pytest.mark.parametrize("mode", ["walk", "drive"])
@pytest.mark.parametrize("name", ["monaco", "liechtenstein"])
def test_travel_times_equal_networkx(test_data, name, mode):
    from kcity_geo.analysis.network.access import node_costs
    from kcity_geo.analysis.network.snapping import Snapped

    layers = city_layers(test_data, name)
    # Where everybody may pass: NetworkX knows neither guests nor residents.
    roads, gates = (
        frame[~destination(frame, mode=mode, table=network_table())]
        for frame in (layers[f"roads_{mode}"], layers["barriers"])
    )
    graph = build_graph(roads, mode=mode, barriers=gates)
    converted = to_networkx(graph)
    assert converted.number_of_nodes() == graph.n_nodes
    from kcity_geo.analysis.network.exchange import _keys

    keys = _keys(graph).tolist()
    rng = np.random.default_rng(1)
    segments = rng.choice(graph.n_segments, 5, replace=False)
    places = Snapped(segments.astype(np.int64), np.zeros(5), np.zeros(5))
    found = node_costs(graph, places, direction="from")
    sources = {keys[i] for i in graph.tail[segments].tolist()}
    true = nx.multi_source_dijkstra_path_length(converted, sources, weight="minutes")
    expected = np.array([true.get(key, np.inf) for key in keys])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isfinite(expected).mean() > 0.5


def _osm_xml(roads, path):
    """The ways of our own filter as an OSM file for OSMnx."""
    lonlat = roads.geometry.to_crs(4326)
    nodes, lines = {}, []
    for row, line in zip(roads.itertuples(), lonlat, strict=True):
        for node, (x, y) in zip(row.node_ids, line.coords, strict=True):
            nodes[int(node)] = (x, y)
        refs = "".join(f'<nd ref="{int(node)}"/>' for node in row.node_ids)
        tags = "".join(
            f"<tag k={quoteattr(k)} v={quoteattr(str(getattr(row, k)))}/>"
            for k in ("highway", "oneway", "junction")
            if getattr(row, k)
        )
        lines.append(f'<way id="{row.osm_id}" version="1">{refs}{tags}</way>')
    points = (
        f'<node id="{n}" lon="{x:.9f}" lat="{y:.9f}" version="1"/>' for n, (x, y) in nodes.items()
    )
    path.write_text(
        "<?xml version='1.0'?><osm version='0.6'>" + "".join(points) + "".join(lines) + "</osm>",
        encoding="utf-8",
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "mode"), [("monaco", "walk"), ("monaco", "drive"), ("liechtenstein", "drive")]
)
def test_junctions_lengths_and_dead_ends_agree_with_osmnx(test_data, tmp_path, name, mode):
    import osmnx as ox

    from kcity_geo.analysis.network.rules import usable

    roads = city_layers(test_data, name)[f"roads_{mode}"]
    roads = roads[usable(roads, mode=mode, table=network_table())]
    _osm_xml(roads, tmp_path / "roads.osm")
    ours = build_graph(roads, mode=mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ox.graph_from_xml(
            tmp_path / "roads.osm", bidirectional=mode == "walk", retain_all=True
        )
        flat = ox.convert.to_undirected(theirs)
    # OSMnx counts two one-way streets that join the same two nodes in opposite directions as one
    # (docs/network.md): such nodes are compared apart.
    counted = ox.stats.count_streets_per_node(theirs)
    arrow = {}
    for u, v, single in zip(ours.tail, ours.head, np.isinf(ours.minutes_backward), strict=True):
        if single:
            arrow.setdefault((int(u), int(v)), 0)
    pair = {u for u, v in arrow if (v, u) in arrow}
    degree = dict(zip(ours.node_osm.tolist(), ours.degree.tolist(), strict=True))
    apart = {int(ours.node_osm[u]) for u in pair}
    mine = np.array([count for node, count in degree.items() if node not in apart])
    other = np.array([count for node, count in counted.items() if node not in apart])
    assert len(apart) < 0.05 * len(degree)
    assert (mine >= 3).sum() == pytest.approx((other >= 3).sum(), rel=0.01)
    assert (mine == 1).sum() == pytest.approx((other == 1).sum(), rel=0.01)
    length = sum(data["length"] for *_, data in flat.edges(keys=True, data=True))
    assert ours.length_m.sum() == pytest.approx(length, rel=0.01)


def test_code_that_no_folder_takes_runs_all_the_same():
    """A package and a home folder that cannot be written: numba finds no place for its cache."""
    names = {}
    exec(compile("def double(x):\n    return 2 * x\n", "/dev/null/nowhere.py", "exec"), names)  # noqa: S102
    assert compiled(names["double"])(21) == 42
