"""Squares, platforms and forbidden turns out of an extract, up to the way on foot or by car."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS
from scipy.sparse.csgraph import dijkstra

from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.sources.osm.pbf import read_osm

LAT, LON = 48.0, 15.0
#: Metres east and north of the point.
PLACES = {
    1: (-100, 0),
    2: (0, 0),
    3: (0, 50),
    4: (50, 50),
    5: (50, 0),
    6: (150, 0),
    7: (50, 150),
    8: (20, 20),
    9: (30, 20),
    10: (30, 30),
    11: (20, 30),
}


def extract(folder, ways, relations=(), *, places=PLACES, nodes=None):
    """An OSM file of ways (id, nodes, tags) and relations (id, members, tags), and tags of nodes."""
    lines = ['<?xml version="1.0"?><osm version="0.6">']
    for number, (x, y) in places.items():
        lat, lon = LAT + y / 111_194, LON + x / 74_520
        lines.append(f'<node id="{number}" version="1" lat="{lat:.7f}" lon="{lon:.7f}">')
        said = (nodes or {}).get(number, {})
        lines += [f'<tag k="{key}" v="{value}"/>' for key, value in said.items()]
        lines.append("</node>")
    for kind, rows in (("way", ways), ("relation", relations)):
        for number, members, tags in rows:
            lines.append(f'<{kind} id="{number}" version="1">')
            for member in members:
                if kind == "way":
                    lines.append(f'<nd ref="{member}"/>')
                else:
                    what, ref, role = member
                    lines.append(f'<member type="{what}" ref="{ref}" role="{role}"/>')
            lines += [f'<tag k="{key}" v="{value}"/>' for key, value in tags.items()]
            lines.append(f"</{kind}>")
    path = folder / "streets.osm"
    path.write_text("\n".join([*lines, "</osm>"]))
    return path


def metres(path, start, end, *, mode="walk"):
    layers = read_osm(path, area=shapely.box(14, 47, 16, 49), crs=CRS(32633)).layers
    graph = build_graph(
        layers[f"roads_{mode}"],
        mode=mode,
        areas=layers["walk_area"],
        turns=layers["turn_restriction"],
        ferries=layers["ferry"],
    )
    a, b = (int(np.flatnonzero(graph.node_osm == node)[0]) for node in (start, end))
    return float(dijkstra(graph.matrix("metres"), indices=a)[b])


STREETS = [(10, [1, 2], {"highway": "residential"}), (12, [5, 6], {"highway": "residential"})]
CORNER = [(10, [1, 2], {"highway": "residential"}), (12, [4, 7], {"highway": "residential"})]
RING = [2, 3, 4, 5, 2]


@pytest.mark.parametrize(
    "tags",
    [
        {"highway": "pedestrian", "area": "yes"},
        {"highway": "footway", "area": "yes"},
        {"public_transport": "platform"},
        {"railway": "platform", "area": "yes"},
        {"man_made": "pier"},
        {"highway": "elevator"},
        {"highway": "corridor", "area": "yes"},
        {"area:highway": "pedestrian"},
        {"highway": "pedestrian", "area": "yes", "access": "no", "foot": "yes"},
    ],
)
def test_walkable_areas_join_what_meets_them(tmp_path, tags):
    path = extract(tmp_path, [*STREETS, (11, RING, tags)])
    assert metres(path, 1, 6) == pytest.approx(250, rel=2e-3)
    across = extract(tmp_path, [*CORNER, (11, RING, tags)])
    assert metres(across, 1, 7) == pytest.approx(200 + np.hypot(50, 50), rel=2e-3)


@pytest.mark.parametrize(
    "tags",
    [
        {"highway": "pedestrian", "area": "yes", "access": "no"},
        {"highway": "pedestrian", "area": "yes", "foot": "no"},
        {"leisure": "park"},
        {"building": "yes"},
    ],
)
def test_other_areas_do_not(tmp_path, tags):
    assert np.isinf(metres(extract(tmp_path, [*STREETS, (11, RING, tags)]), 1, 6))


def test_a_square_of_a_relation_with_a_hole_is_walked_round_the_hole(tmp_path):
    square = {"type": "multipolygon", "highway": "pedestrian"}
    outer = (11, RING, {})
    path = extract(tmp_path, [*CORNER, outer], [(1, [("way", 11, "outer")], square)])
    assert metres(path, 1, 7) == pytest.approx(200 + np.hypot(50, 50), rel=2e-3)
    hole = (13, [8, 9, 10, 11, 8], {})
    members = [("way", 11, "outer"), ("way", 13, "inner")]
    path = extract(tmp_path, [*CORNER, outer, hole], [(1, members, square)])
    assert metres(path, 1, 7) == pytest.approx(300, rel=2e-3)  # the straight line crosses the hole


def test_the_lines_of_piers_and_platforms_are_ways_and_squares_are_no_streets(tmp_path):
    for tags in ({"man_made": "pier"}, {"railway": "platform"}, {"highway": "corridor"}):
        path = extract(tmp_path, [*STREETS, (11, [2, 5], tags)])
        assert metres(path, 1, 6) == pytest.approx(250, rel=2e-3)
    path = extract(tmp_path, [*STREETS, (11, RING, {"highway": "pedestrian", "area": "yes"})])
    layers = read_osm(path, area=shapely.box(14, 47, 16, 49), crs=CRS(32633)).layers
    assert sorted(layers["roads_walk"]["osm_id"]) == [10, 12]


@pytest.mark.parametrize(
    ("kind", "turned"),
    [({"restriction": "no_left_turn"}, True), ({"restriction:hgv": "no_left_turn"}, False)],
)
def test_turn_restrictions_are_read(tmp_path, kind, turned):
    ways = [
        (10, [1, 2], {"highway": "residential"}),
        (11, [2, 3], {"highway": "residential"}),
        (12, [2, 5, 4, 3], {"highway": "residential"}),
        (13, [3, 7], {"highway": "residential"}),
    ]
    members = [("way", 10, "from"), ("node", 2, "via"), ("way", 11, "to")]
    path = extract(tmp_path, ways, [(1, members, {"type": "restriction", **kind})])
    straight, round_it = 150 + np.hypot(50, 100), 250 + np.hypot(50, 100)
    expected = round_it if turned else straight
    assert metres(path, 1, 7, mode="drive") == pytest.approx(expected, rel=2e-3)
    assert metres(path, 1, 7) == pytest.approx(straight, rel=2e-3)


@pytest.mark.parametrize(
    ("members", "tags", "there", "back"),
    [
        ([(11, [2, 5], {}, "")], {}, True, True),
        ([(11, [2, 5], {"source": "survey"}, "")], {"foot": "yes"}, True, True),
        ([(11, [2, 3], {}, ""), (13, [3, 5], {}, "")], {}, True, True),
        ([(11, [2, 3], {"route": "ferry"}, ""), (13, [3, 5], {}, "")], {}, True, True),
        ([(11, [2, 5], {}, "forward")], {}, True, False),
        ([(11, [2, 5], {}, "backward")], {}, False, True),
        ([(11, [2, 5], {}, "")], {"oneway": "yes"}, True, False),
        ([(11, [2, 5], {"oneway": "-1"}, "")], {}, False, True),
        ([(11, [2, 5], {"foot": "no"}, "")], {}, False, False),
        ([(11, [2, 5], {}, "")], {"foot": "no"}, False, False),
        ([(11, [2, 5], {}, "platform")], {}, False, False),
        ([(11, [2, 5], {"highway": "construction"}, "")], {}, False, False),
        ([(11, [2, 99, 5], {}, "")], {}, False, False),  # cut by the edge of the extract
        ([(11, [2, 5], {}, "")], {"route": "bus"}, False, False),
        ([(11, [2, 5], {}, "")], {"type": "collection"}, False, False),
    ],
)
def test_a_ferry_that_only_its_relation_names_carries_people(tmp_path, members, tags, there, back):
    ways = [*STREETS, *((number, nodes, own) for number, nodes, own, _ in members)]
    relation = {"type": "route", "route": "ferry", **tags}
    parts = [("way", number, role) for number, _, _, role in members]
    path = extract(tmp_path, ways, [(1, parts, relation), (2, parts, relation)])
    assert np.isfinite(metres(path, 1, 6)) == there
    assert np.isfinite(metres(path, 6, 1)) == back


def test_the_duration_of_a_route_is_that_of_all_its_ways_and_nobody_waits_between_them(tmp_path):
    """150 m in pieces of 50, 50 and 50 m in half an hour, a wait of 10 minutes in all."""
    ways = [*STREETS, (11, [2, 3], {}), (13, [3, 4], {"route": "ferry"}), (14, [4, 5], {})]
    relation = {"type": "route", "route": "ferry", "duration": "00:30"}
    path = extract(tmp_path, ways, [(1, [("way", n, "") for n in (11, 13, 14)], relation)])
    layers = read_osm(path, area=shapely.box(14, 47, 16, 49), crs=CRS(32633)).layers
    ferry = layers["ferry"].set_index("osm_id")
    assert ferry.loc[[11, 14], "duration_min"].tolist() == pytest.approx([10, 10], rel=2e-3)
    graph = build_graph(layers["roads_walk"], mode="walk", ferries=layers["ferry"])
    a, b = (int(np.flatnonzero(graph.node_osm == node)[0]) for node in (1, 6))
    minutes = float(dijkstra(graph.matrix("minutes"), indices=a)[b])
    # 200 m on foot, two pieces of 10 minutes, 50 m at 10 km/h, and the wait.
    assert minutes == pytest.approx(2.4 + 20 + 0.3 + 10, rel=2e-3)


# --- further members: one street, node or relation an example, its right way by hand --------------------

STREET = {"highway": "residential"}
PLAZA = {"highway": "pedestrian", "area": "yes"}


def layers_of(folder, examples):
    """
    Layers of one extract that holds many examples: (ways, relations, tags of nodes) each.

    All lie in one place; the ids of the second begin at 1000, so that nothing joins them.
    """
    ways, relations, nodes, places = [], [], {}, {}
    for step, (lines, turns, said) in enumerate(examples):
        first = 1000 * step
        ways += [(first + i, [first + n for n in ids], tags) for i, ids, tags in lines]
        relations += [
            (first + i, [(kind, first + ref, role) for kind, ref, role in parts], tags)
            for i, parts, tags in turns
        ]
        nodes |= {first + number: tags for number, tags in said.items()}
        places |= {first + number: xy for number, xy in PLACES.items()}
    path = extract(folder, ways, relations, places=places, nodes=nodes)
    return read_osm(path, area=shapely.box(14, 47, 16, 49), crs=CRS(32633)).layers


def graph_of(layers, mode):
    return build_graph(
        layers[f"roads_{mode}"],
        mode=mode,
        areas=layers["walk_area"],
        turns=layers["turn_restriction"],
        ferries=layers["ferry"],
        barriers=layers["barriers"],
    )


def least_metres(graph, start, end):
    """Shortest way between two nodes, whichever copies of them it may end at."""
    ends = [np.flatnonzero(graph.node_osm == node) for node in (start, end)]
    if not all(map(len, ends)):
        return np.inf
    copies = graph.ways.arrivals
    found = dijkstra(graph.matrix("metres"), indices=ends[0])
    there = np.concatenate([ends[1], copies[np.isin(copies[:, 0], ends[1]), 1]])
    return float(found[:, there].min())


# Who passes the middle one of three streets: on foot there and back, by car there and back.
MIDDLE = [
    ({**STREET, "oneway": "-1"}, "ww-d"),
    ({**STREET, "junction": "roundabout"}, "wwd-"),
    ({**STREET, "junction": "roundabout", "oneway": "no"}, "wwdd"),
    ({**STREET, "oneway": "yes", "oneway:bus": "no"}, "wwd-"),
    ({**STREET, "oneway": "yes", "oneway:motor_vehicle": "no"}, "wwdd"),
    ({**STREET, "oneway": "yes", "oneway:motorcar": "-1"}, "ww-d"),
    ({**STREET, "oneway": "yes", "oneway:foot": "yes"}, "w-d-"),
    ({**STREET, "motor_vehicle:backward": "no"}, "wwd-"),
    ({**STREET, "motor_vehicle:forward": "agricultural; forestry"}, "ww-d"),
    ({**STREET, "motor_vehicle:backward": "destination"}, "wwdd"),
    ({**STREET, "access:forward": "no"}, "-w-d"),
    ({**STREET, "access:forward": "no", "foot:forward": "yes"}, "ww-d"),
    ({**STREET, "vehicle:backward": "no", "motorcar:backward": "yes"}, "wwdd"),
    ({**STREET, "bus:backward": "no"}, "wwdd"),
    ({**STREET, "motor_vehicle:conditional": "no @ (07:00-09:00)"}, "wwdd"),
    ({**STREET, "motor_vehicle": "no", "motor_vehicle:conditional": "yes @ (Su)"}, "ww--"),
    ({**STREET, "access": "no", "foot": "yes"}, "ww--"),
    ({**STREET, "vehicle": "no", "motor_vehicle": "yes"}, "wwdd"),
    ({**STREET, "foot": "use_sidepath"}, "--dd"),
    ({**STREET, "smoothness": "impassable"}, "ww--"),
    ({**STREET, "smoothness": "very_horrible"}, "wwdd"),
    ({**STREET, "construction": "yes"}, "----"),
    ({"highway": "construction", "construction": "primary"}, "----"),
    ({"highway": "proposed", "proposed": "residential"}, "----"),
    ({"disused:highway": "residential"}, "----"),
    ({"highway": "service", "access": "no", "bus": "yes"}, "----"),
    ({"highway": "footway", "indoor": "yes", "tunnel": "building_passage"}, "ww--"),
    ({"highway": "elevator"}, "ww--"),
    ({"railway": "platform_edge"}, "----"),
]


def test_who_passes_a_street(tmp_path):
    layers = layers_of(tmp_path, [([*STREETS, (11, [2, 5], tags)], [], {}) for tags, _ in MIDDLE])
    graphs = [graph_of(layers, mode) for mode in ("walk", "drive")]
    for step, (tags, passes) in enumerate(MIDDLE):
        found = ""
        for graph in graphs:
            for start, end in ((1, 6), (6, 1)):
                way = least_metres(graph, 1000 * step + start, 1000 * step + end)
                assert np.isinf(way) or way == pytest.approx(250, rel=2e-3)
                found += graph.mode[0] if np.isfinite(way) else "-"
        assert found == passes, tags


BARRIERS = [
    ({"barrier": "bollard"}, "w"),
    ({"barrier": "bollard", "motor_vehicle": "yes"}, "wd"),
    ({"barrier": "bollard;gate"}, "w"),
    ({"barrier": "cycle_barrier"}, "w"),
    ({"barrier": "sump_buster"}, "w"),
    ({"barrier": "turnstile"}, "w"),
    ({"barrier": "lift_gate"}, "wd"),
    ({"barrier": "lift_gate", "access": "emergency"}, ""),
    ({"barrier": "gate", "access": "no", "foot": "yes"}, "w"),
    ({"barrier": "gate", "access": "private"}, "wd"),
    ({"barrier": "wall"}, ""),
    ({"barrier": "kerb"}, "wd"),
]


def test_who_passes_a_barrier(tmp_path):
    lines = [*STREETS, (11, [2, 5], STREET)]
    layers = layers_of(tmp_path, [(lines, [], {2: tags}) for tags, _ in BARRIERS])
    graphs = [graph_of(layers, mode) for mode in ("walk", "drive")]
    for step, (tags, passes) in enumerate(BARRIERS):
        ways = [least_metres(graph, 1000 * step + 1, 1000 * step + 6) for graph in graphs]
        found = "".join(g.mode[0] for g, way in zip(graphs, ways, strict=True) if np.isfinite(way))
        assert found == passes, tags


TURNS = [
    ({"type": "restriction", "restriction": "no_left_turn", "except": "bus"}, True),
    ({"type": "restriction", "restriction": "no_left_turn;no_u_turn"}, True),
    ({"type": "restriction", "restriction:vehicle": "no_left_turn"}, True),
    ({"type": "restriction:motorcar", "restriction": "no_left_turn"}, True),
    ({"type": "restriction:hgv", "restriction": "no_left_turn"}, False),
    ({"type": "restriction", "restriction:bus": "no_left_turn"}, False),
    ({"type": "restriction", "restriction:conditional": "no_left_turn @ (07:00-09:00)"}, False),
]


def test_which_turns_bind_cars(tmp_path):
    ways = [
        (10, [1, 2], STREET),
        (11, [2, 3], STREET),
        (12, [2, 5, 4, 3], STREET),
        (13, [3, 7], STREET),
    ]
    members = [("way", 10, "from"), ("node", 2, "via"), ("way", 11, "to")]
    layers = layers_of(tmp_path, [(ways, [(1, members, tags)], {}) for tags, _ in TURNS])
    graph = graph_of(layers, "drive")
    for step, (tags, binds) in enumerate(TURNS):
        # 100 m to the corner, 50 m left of it or 150 m round the block, and on to node 7.
        right = 100 + (150 if binds else 50) + np.hypot(50, 100)
        found = least_metres(graph, 1000 * step + 1, 1000 * step + 7)
        assert found == pytest.approx(right, rel=2e-3), tags


SQUARE = {"type": "multipolygon", "highway": "pedestrian"}
HOLE = [8, 9, 10, 11, 8]


OVER = [
    # a way that comes in at the ring of the hole: straight to (30, 20), past the corner (20, 20)
    (
        [CORNER[0], (11, RING, {}), (13, HOLE, {}), (15, [9, 10], {"highway": "footway"})],
        [(11, "outer"), (13, "inner")],
        9,
        100 + np.hypot(30, 20),
    ),
    # an outer ring of two ways
    (
        [*CORNER, (11, [2, 3, 4], {}), (13, [4, 5, 2], {})],
        [(11, "outer"), (13, "outer")],
        7,
        200 + np.hypot(50, 50),
    ),
    # two squares side by side that share an edge, and a street behind the second
    (
        [CORNER[0], (11, RING, PLAZA), (14, [5, 6, 4, 5], PLAZA), (12, [6, 7], STREET)],
        [],
        7,
        100 + 50 + 100 + np.hypot(100, 150),
    ),
    # a pier that only a footway joins to the land
    (
        [
            CORNER[0],
            (12, [2, 5], {"highway": "footway"}),
            (11, [5, 6, 4, 5], {"man_made": "pier"}),
            (13, [6, 7], STREET),
        ],
        [],
        7,
        100 + 50 + 100 + np.hypot(100, 150),
    ),
    # a private square lets in whom it leads home
    ([*CORNER, (11, RING, {**PLAZA, "access": "private"})], [], 7, 200 + np.hypot(50, 50)),
    # squares of the classes of streets
    ([*STREETS, (11, RING, {"highway": "residential", "area": "yes"})], [], 6, 250),
    ([*STREETS, (11, RING, {"highway": "cycleway", "area": "yes"})], [], 6, 250),
    # nobody walks through a name, or under a bridge's outline
    ([*STREETS, (11, RING, {"place": "square"})], [], 6, np.inf),
    ([*STREETS, (11, RING, {"man_made": "bridge"})], [], 6, np.inf),
]


def test_ways_over_squares_and_piers(tmp_path):
    relation = [
        [(1, [("way", way, role) for way, role in members], SQUARE)] if members else []
        for _, members, _, _ in OVER
    ]
    examples = [(row[0], parts, {}) for row, parts in zip(OVER, relation, strict=True)]
    graph = graph_of(layers_of(tmp_path, examples), "walk")
    for step, (ways, _, end, right) in enumerate(OVER):
        found = least_metres(graph, 1000 * step + 1, 1000 * step + end)
        assert found == pytest.approx(right, rel=2e-3), ways


def test_turns_that_cannot_be_obeyed_are_counted(tmp_path):
    """One over two streets, one whose first way runs through the crossing, and one that is obeyed."""
    ways = [
        (10, [1, 2], STREET),
        (11, [2, 3], STREET),
        (12, [3, 4], STREET),
        (13, [4, 7], STREET),
        (14, [2, 5, 4, 6], STREET),
    ]
    said = {"type": "restriction", "restriction": "no_left_turn"}
    rows = [
        (1, [("way", 10, "from"), ("way", 11, "via"), ("way", 12, "via"), ("way", 13, "to")], said),
        (2, [("way", 14, "from"), ("node", 4, "via"), ("way", 13, "to")], said),
        (3, [("way", 10, "from"), ("node", 2, "via"), ("way", 14, "to")], said),
        (4, [("way", 99, "from"), ("node", 2, "via"), ("way", 14, "to")], said),  # elsewhere
    ]
    layers = layers_of(tmp_path, [(ways, rows, {})])
    assert layers["turn_restriction"]["osm_id"].tolist() == [1, 2, 3]
    graph = graph_of(layers, "drive")
    assert graph.turns == (1, 2)
    # Not right at node 2, so by node 3 and 4, 50 m each, and the 100 m between 4 and 6 by node 5.
    assert least_metres(graph, 1, 7) == pytest.approx(100 + 50 + 50 + 100, rel=2e-3)
