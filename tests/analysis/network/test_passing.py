"""Gates, private streets and forbidden turns: by hand, and against searches that keep track of paths."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from kcity_geo.analysis.network import reach
from kcity_geo.analysis.network.access import nearest
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.snapping import snap

METRIC = "EPSG:32633"


def ways(*rows):
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
                frame[key] = ""
            frame.loc[i, key] = value
    return frame


def cost(graph, start, end):
    """Metres between two OSM nodes, by a search of SciPy."""
    a = int(np.flatnonzero(graph.node_osm == start)[0])
    b = int(np.flatnonzero(graph.node_osm == end)[0])
    found = dijkstra(graph.matrix("metres"), indices=a)
    copies = graph.ways.arrivals
    return min(float(found[n]) for n in (b, *copies[copies[:, 0] == b, 1]))


def metres(graph, start, end):
    """Metres between two points, by every engine that knows pairs; they must agree."""
    one, two = (snap(graph, np.array([shapely.Point(*p)], dtype=object)) for p in (start, end))
    found = [
        nearest(graph, one, two, unit="metres")[0],
        reach.od_matrix(graph, one, two, unit="metres")[0, 0],
        reach.k_nearest(graph, one, two, k=1, unit="metres")[0][0, 0],
    ]
    near = reach.pairs(graph, one, two, limit=1e6, unit="metres")
    found.append(near[2][0] if len(near[2]) else np.inf)
    found.append(nearest(graph, two, one, unit="metres", direction="from")[0])
    np.testing.assert_allclose(found, found[0])
    return float(found[0])


# --- private gates and streets ----------------------------------------------------------------------


def estate(*, gate=False, street_tags=None, back_door=False):
    """Four by four streets of 100 m behind node 100 at the origin; the road outside runs along y = -200."""
    number = {(i, j): 100 + 10 * i + j for i in range(4) for j in range(4)}
    rows = []
    for i in range(4):
        line = [(i, j) for j in range(4)]
        for k, part in enumerate((line, [(j, i) for j, _ in enumerate(line)])):
            ids = [number[p] for p in part]
            rows.append(
                (10 * i + k + 1, ids, [(100 * x, 100 * y) for x, y in part], street_tags or {})
            )
    rows.append((50, [2, 3, 100], [(0, -200), (0, -100), (0, 0)]))
    if back_door:
        rows.append((51, [1, 2, 8, 9], [(-200, -200), (0, -200), (0, -2000), (2000, -2000)]))
        rows.append((52, [133, 4, 9], [(300, 300), (2000, 300), (2000, -2000)]))
    else:
        rows.append((51, [1, 2, 9], [(-200, -200), (0, -200), (2000, -200)]))
    barriers = gpd.GeoDataFrame(
        {"osm_id": [3, 4] if gate else [-1, -2], "barrier": "gate", "access": "private"},
        geometry=[shapely.Point(0, -100), shapely.Point(2000, 300)],
        crs=METRIC,
    )
    return ways(*rows), barriers


@pytest.mark.parametrize("mode", ["walk", "cycle", "drive"])
@pytest.mark.parametrize(
    "kind",
    [
        {"gate": True},
        {"street_tags": {"access": "private"}},
        {"gate": True, "street_tags": {"access": "private"}},
        {"street_tags": {"access": "residents"}},
        {"street_tags": {"access": "permit"}},
        {"street_tags": {"access": "residents;permit"}},
    ],
)
def test_residents_reach_the_outside_and_guests_reach_them(mode, kind):
    roads, barriers = estate(**kind)
    graph = build_graph(roads, mode=mode, barriers=barriers)
    home, clinic = (150, 200), (200, -200)
    # 350 m to node 100, 200 m to the road, 200 m along it.
    assert metres(graph, home, clinic) == pytest.approx(750)
    assert metres(graph, clinic, home) == pytest.approx(750)
    assert metres(graph, home, (250, 300)) == pytest.approx(200)  # within the estate
    assert len(graph.component_m) == 1


@pytest.mark.parametrize("kind", [{"gate": True}, {"street_tags": {"access": "private"}}])
def test_strangers_do_not_pass_through(kind):
    roads, barriers = estate(**kind, back_door=True)
    graph = build_graph(roads, mode="drive", barriers=barriers)
    around, other = (0, -150), (2000, 200)
    # Through the estate it were 150 + 600 + 1,700 + 100.
    assert metres(graph, around, other) == pytest.approx(50 + 1800 + 2000 + 2200)
    # Who lives inside leaves by the nearer door.
    assert metres(graph, (250, 300), other) == pytest.approx(50 + 1700 + 100)
    assert metres(graph, other, (250, 300)) == pytest.approx(50 + 1700 + 100)
    assert metres(graph, (50, 0), around) == pytest.approx(200)


def test_gates_with_open_ground_on_both_sides_stay_shut_and_walls_do():
    rows = [
        (1, [1, 2, 3], [(0, 0), (100, 0), (200, 0)]),
        (2, [1, 4, 3], [(0, 0), (100, 300), (200, 0)]),
        (3, [5, 1], [(-50, 0), (0, 0)]),
        (4, [3, 6], [(200, 0), (250, 0)]),
    ]
    gate = gpd.GeoDataFrame(
        {"osm_id": [2], "barrier": ["gate"], "access": ["private"]},
        geometry=[shapely.Point(100, 0)],
        crs=METRIC,
    )
    graph = build_graph(ways(*rows), mode="drive", barriers=gate)
    assert cost(graph, 1, 3) == pytest.approx(2 * np.hypot(100, 300))
    shut = build_graph(ways(rows[0], *rows[2:]), mode="drive", barriers=gate.assign(access="no"))
    assert np.isinf(cost(shut, 5, 6))


@pytest.mark.parametrize(
    ("tags", "home", "guest"),
    [
        ({"access": "private"}, True, True),
        ({"access": "private", "motorcar": "no"}, False, False),
        ({"access": "private;delivery"}, False, False),
        ({"motor_vehicle": "destination"}, True, True),
        ({"vehicle": "customers;delivery"}, True, True),
        ({"access": "no"}, False, False),
        ({"access": "agricultural"}, False, False),
    ],
)
def test_who_may_drive_on_a_side_street(tags, home, guest):
    rows = [
        (1, [1, 2], [(0, 0), (100, 0)]),
        (2, [2, 3], [(100, 0), (180, 0)], tags),
        (3, [1, 4, 3], [(0, 0), (0, 900), (180, 0)]),
        (4, [5, 1], [(-50, 0), (0, 0)]),
        (5, [3, 6], [(180, 0), (250, 0)]),
    ]
    graph = build_graph(ways(*rows), mode="drive")
    long_way = 900 + np.hypot(180, 900)
    assert cost(graph, 5, 6) == pytest.approx(50 + long_way + 70)  # never through
    on = (140, 0)
    if home:
        assert metres(graph, on, (50, 0)) == pytest.approx(90)
    if guest:
        assert metres(graph, (50, 0), on) == pytest.approx(90)
    assert (graph.private is not None) == home


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_private_streets_against_a_search_that_remembers(data):
    # A lattice in which some streets are private; a path may be private at its begin and its end only.
    n = 4
    edges = [((i, j), (i + 1, j)) for i in range(n - 1) for j in range(n)]
    edges += [((i, j), (i, j + 1)) for i in range(n) for j in range(n - 1)]
    closed = [data.draw(st.booleans()) for _ in edges]
    number = {(i, j): 10 * i + j + 1 for i in range(n) for j in range(n)}
    rows = [
        (
            k + 1,
            [number[a], number[b]],
            [(100 * a[0], 100 * a[1]), (100 * b[0], 100 * b[1])],
            {"access": "private"} if private else {},
        )
        for k, ((a, b), private) in enumerate(zip(edges, closed, strict=True))
    ]
    # One street leads out, so that what is open hangs together by it or is an estate.
    graph = build_graph(ways(*rows), mode="drive")
    flags = np.zeros(graph.n_segments, bool) if graph.private is None else graph.private
    where = {}
    for s in range(graph.n_segments):
        a, b = int(graph.tail[s]), int(graph.head[s])
        where.setdefault(a, []).append((b, s))
        where.setdefault(b, []).append((a, s))

    inside = {node: all(flags[s] for _, s in found) for node, found in where.items()}

    def brute(start, end):
        """Metres between the middles of two segments: private to begin with, open, private at last."""
        if start == end:
            return 0.0
        best, half = {}, graph.length_m[start] / 2
        todo = [(half, int(n), 0) for n in (graph.tail[start], graph.head[start])]
        answer = np.inf
        while todo:
            todo.sort()
            at, node, phase = todo.pop(0)
            if not inside[node]:
                if phase == 2:
                    continue  # out again at the other end: passed through
                phase = 1
            if best.get((node, phase), np.inf) <= at:
                continue
            best[node, phase] = at
            for there, s in where[node]:
                step = max(phase, 1) if not flags[s] else (0 if phase == 0 else 2)
                if s == end:
                    answer = min(answer, at + graph.length_m[s] / 2)
                if flags[s] or phase < 2:
                    todo.append((at + graph.length_m[s], there, step))
        return answer

    segments = data.draw(st.lists(st.integers(0, graph.n_segments - 1), min_size=2, max_size=4))
    for one, two in itertools.pairwise(segments):
        middle = [
            shapely.line_interpolate_point(graph.geometry[s], 0.5, normalized=True)
            for s in (one, two)
        ]
        expected = brute(one, two)
        found = metres(graph, *((p.x, p.y) for p in middle))
        assert found == pytest.approx(expected), (one, two)


# --- turns ------------------------------------------------------------------------------------------


def restriction(kind, from_way, nodes, to_way, *, via_way=0, **tags):
    return {
        "restriction": kind,
        "from_way": from_way,
        "to_way": to_way,
        "via_way": via_way,
        "via_nodes": np.array(nodes, dtype=np.int64),
        "tags": tags,
    }


def turns(*rows):
    frame = gpd.GeoDataFrame(list(rows), geometry=[shapely.Point(0, 0)] * len(rows), crs=METRIC)
    for row in rows:
        for key in row["tags"]:
            frame[key] = [r["tags"].get(key, "") for r in rows]
    return frame


ROUND = (
    (10, [1, 2], [(-200, 0), (0, 0)]),
    (11, [2, 3], [(0, 0), (0, 200)]),
    (12, [2, 4], [(0, 0), (400, 0)]),
    (13, [4, 5, 3], [(400, 0), (400, 200), (0, 200)]),
    (14, [3, 6], [(0, 200), (0, 300)]),
)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (restriction("no_left_turn", 10, [2], 11), 1200),
        (restriction("no_right_turn", 10, [2], 11), 1200),  # what it is called is not asked
        (restriction("only_straight_on", 10, [2], 12), 1200),
        (restriction("only_left_turn", 10, [2], 11), 400),
        (restriction("no_left_turn", 10, [2], 12), 400),
        (restriction("", 10, [2], 11, **{"restriction:motorcar": "no_left_turn"}), 1200),
        (restriction("", 10, [2], 11, **{"restriction:hgv": "no_left_turn"}), 400),
        (restriction("no_left_turn", 10, [2], 11, **{"except": "psv;motorcar"}), 400),
        (restriction("no_left_turn", 10, [2], 11, **{"except": "bicycle"}), 1200),
        (restriction("no_left_turn", 10, [2], 11, hour_on="07:00", hour_off="09:00"), 400),
        (restriction("no_left_turn", 10, [2], 99), 400),  # a way that is not there
        (restriction("no_left_turn", 10, [7], 11), 400),
        (restriction("give_way", 10, [2], 11), 400),
    ],
)
def test_turns_that_bind_cars_are_obeyed(row, expected):
    graph = build_graph(ways(*ROUND), mode="drive", turns=turns(row))
    assert cost(graph, 1, 3) == pytest.approx(expected)
    assert metres(graph, (-200, 0), (0, 250)) == pytest.approx(expected + 50)
    assert cost(graph, 6, 1) == pytest.approx(500)  # the other way round nothing is forbidden
    walk = build_graph(ways(*ROUND), mode="walk", turns=turns(row))
    assert cost(walk, 1, 3) == pytest.approx(400)


def test_a_place_on_the_forbidden_street_is_reached_the_other_way_round():
    graph = build_graph(
        ways(*ROUND), mode="drive", turns=turns(restriction("no_left_turn", 10, [2], 11))
    )
    # On way 11, 50 m behind the corner: from the west by node 3, from the east straight.
    assert metres(graph, (-100, 0), (0, 50)) == pytest.approx(100 + 1000 + 150)
    assert metres(graph, (100, 0), (0, 50)) == pytest.approx(150)
    assert metres(graph, (0, 50), (-100, 0)) == pytest.approx(150)
    assert graph.turns == (1, 0)


@pytest.mark.parametrize("kind", ["no_u_turn", "only_straight_on"])
def test_a_restriction_over_a_street_between(kind):
    # A divided road: east on way 1 and 2, back on way 3 and 4, way 5 between them at x = 100.
    rows = (
        (1, [1, 2], [(0, 0), (100, 0)], {"oneway": "yes"}),
        (2, [2, 3], [(100, 0), (300, 0)], {"oneway": "yes"}),
        (3, [4, 5], [(300, 20), (100, 20)], {"oneway": "yes"}),
        (4, [5, 6], [(100, 20), (0, 20)], {"oneway": "yes"}),
        (5, [2, 5], [(100, 0), (100, 20)]),
        (6, [3, 4], [(300, 0), (300, 20)]),
        (7, [5, 7], [(100, 20), (100, 120)], {"oneway": "yes"}),
    )
    to_way = 4 if kind == "no_u_turn" else 7
    row = restriction(kind, 1, [2, 5], to_way, via_way=5)
    free = build_graph(ways(*rows), mode="drive")
    assert cost(free, 1, 6) == pytest.approx(220)
    graph = build_graph(ways(*rows), mode="drive", turns=turns(row))
    assert graph.turns == (1, 0)
    assert cost(graph, 1, 6) == pytest.approx(100 + 200 + 20 + 200 + 100)
    assert cost(graph, 1, 7) == pytest.approx(220)  # over the street between, straight on
    assert metres(graph, (50, 0), (100, 10)) == pytest.approx(60)  # and to a place on it
    assert cost(graph, 2, 6) == pytest.approx(
        120
    )  # who starts at the crossing did not come by way 1


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_random_turns_against_a_search_over_streets(data):
    n = 3
    edges = [((i, j), (i + 1, j)) for i in range(n - 1) for j in range(n)]
    edges += [((i, j), (i, j + 1)) for i in range(n) for j in range(n - 1)]
    number = {(i, j): 10 * i + j + 1 for i in range(n) for j in range(n)}
    rows = [
        (k + 1, [number[a], number[b]], [(100 * a[0], 130 * a[1]), (100 * b[0], 130 * b[1])])
        for k, (a, b) in enumerate(edges)
    ]
    possible = [
        (f[0], node, t[0])
        for f in rows
        for node in f[1]
        for t in rows
        if node in t[1] and node == number[1, 1]
    ]
    chosen = data.draw(st.lists(st.sampled_from(possible), max_size=8, unique=True))
    only = [data.draw(st.booleans()) for _ in chosen]
    table = (
        turns(
            *[
                restriction("only_straight_on" if o else "no_left_turn", f, [v], t)
                for (f, v, t), o in zip(chosen, only, strict=True)
            ]
        )
        if chosen
        else None
    )
    graph = build_graph(ways(*rows), mode="drive", turns=table)
    length = {row[0]: shapely.LineString(row[2]).length for row in rows}
    ends = {row[0]: row[1] for row in rows}

    def shut(a, v, b):
        for (f, node, t), o in zip(chosen, only, strict=True):
            if (f, node) == (a, v) and ((b != t) if o else (b == t)):
                return True
        return False

    def brute(one, two):
        """Metres between the middles of two ways over states (way, node arrived at)."""
        best, answer = {}, np.inf
        todo = [(length[one] / 2, one, v) for v in ends[one]]
        while todo:
            todo.sort()
            at, way, v = todo.pop(0)
            if best.get((way, v), np.inf) <= at:
                continue
            best[way, v] = at
            for b, (x, y) in ends.items():
                back = b == way and v == number[1, 1]  # no turning round where turns are restricted
                if v not in (x, y) or shut(way, v, b) or (back and chosen):
                    continue
                if b == two:
                    answer = min(answer, at + length[b] / 2)
                todo.append((at + length[b], b, y if v == x else x))
        return answer

    one, two = data.draw(st.permutations(sorted(length)))[:2]
    middle = {row[0]: shapely.LineString(row[2]).interpolate(0.5, normalized=True) for row in rows}
    places = [(middle[w].x, middle[w].y) for w in (one, two)]
    assert metres(graph, *places) == pytest.approx(brute(one, two))
