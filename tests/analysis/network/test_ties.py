"""Places between streets that are equally near: the best of them counts, whichever question is asked."""

from __future__ import annotations

import itertools
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.network import reach, served
from kcity_geo.analysis.network.access import nearest
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.isochrones import isochrones, reached_streets
from kcity_geo.analysis.network.snapping import snap
from kcity_geo.analysis.network.ties import Nearest, best_of

METRIC = "EPSG:32633"


def ways(*rows):
    """Rows of (osm_id, node ids, coordinates), and access."""
    return gpd.GeoDataFrame(
        {
            "osm_id": [row[0] for row in rows],
            "node_ids": [np.array(row[1], dtype=np.int64) for row in rows],
            "highway": "residential",
            "access": [row[3] if len(row) > 3 else "" for row in rows],
        },
        geometry=[shapely.LineString(row[2]) for row in rows],
        crs=METRIC,
    )


def lattice(side=5, *, access=""):
    """Streets 100 m apart, node 1000 at the origin."""
    rows = []
    for i in range(side):
        up = [(i, j) for j in range(side)]
        for way, line in ((i + 1, up), (i + 101, [(j, i) for _, j in up])):
            ids = [1000 + 20 * x + y for x, y in line]
            rows.append((way, ids, [(100 * x, 100 * y) for x, y in line], access))
    return rows


def at(*xy):
    return np.array([shapely.Point(*p) for p in xy], dtype=object)


def metres(graph, start, end):
    """Metres between two points, by every engine that knows pairs; they must agree."""
    one, two = snap(graph, at(start)), snap(graph, at(end))
    found = [
        nearest(graph, one, two, unit="metres")[0],
        nearest(graph, two, one, unit="metres", direction="from")[0],
        reach.od_matrix(graph, one, two, unit="metres")[0, 0],
        reach.k_nearest(graph, one, two, k=1, unit="metres")[0][0, 0],
        reach.k_nearest(graph, two, one, k=3, unit="metres", direction="from")[0][0, 0],
        reach.pairs(graph, one, two, limit=1e6, unit="metres")[2][0],
        served.catchment_persons(graph, one, np.ones(1), two, unit="metres")["cost"].iloc[0],
    ]
    np.testing.assert_allclose(found, found[0])
    for direction in ("to", "from"):
        sums = reach.sums_within(
            graph,
            one,
            two,
            np.array([7.0]),
            limits=(found[0] - 0.1, found[0]),
            unit="metres",
            direction=direction,
        )
        assert sums.tolist() == [[0.0, 7.0]]  # once, by the best street, at its limit
    return float(found[0])


def estate(kind):
    """Six by six streets behind node 1000, 6 km in all; the road outside runs along y = -200."""
    private = "private" if kind == "streets" else ""
    rows = lattice(6, access=private)
    rows.append((50, [2, 3, 1000], [(0, -200), (0, -100), (0, 0)], private))
    rows.append((51, [1, 2, 9], [(-200, -200), (0, -200), (200, -200)]))
    gate = gpd.GeoDataFrame(
        {"osm_id": [3 if kind == "gate" else -1], "barrier": "gate", "access": "private"},
        geometry=[shapely.Point(0, -100)],
        crs=METRIC,
    )
    return build_graph(ways(*rows), mode="walk", barriers=gate)


@pytest.mark.parametrize("kind", ["open", "gate", "streets"])
def test_a_home_amid_a_gated_estate_leaves_by_the_best_of_four_streets(kind):
    graph = estate(kind)
    # 50 m to the street, 450 m to node 1000, 200 m to the road and 200 m along it.
    assert metres(graph, (250, 250), (200, -200)) == pytest.approx(900)


@pytest.mark.parametrize(
    ("home", "goal", "right"),
    [
        ((150, 150), (400, 100), 50 + 250),  # by the street below, or the one on the right
        ((150, 150), (0, 0), 50 + 250),
        ((150, 150), (150, 250), 50 + 50),  # both come to one point of the street between them
        ((150, 150), (250, 250), 50 + 100 + 50),  # from (200, 150) up to (200, 250)
        ((100, 150), (0, 150), 50 + 100 + 50),  # on a street nothing is tied
        ((150, 150.005), (400, 100), 49.995 + 250),  # a centimetre is no difference
        ((150.3, 150.4), (400, 100), 49.6 + 249.7),  # nor half a metre: no street is mapped so well
        ((150, 152), (400, 100), 48 + 250 + 100),  # four metres are: up, and down again
    ],
)
def test_ways_between_blocks_by_hand(home, goal, right):
    graph = build_graph(ways(*lattice()), mode="walk")
    assert metres(graph, home, goal) == pytest.approx(right, abs=0.01)


def test_streets_that_meet_at_the_nearest_point_are_no_choice():
    graph = build_graph(ways(*lattice(3)), mode="walk")
    found = snap(graph, at((-30, -40), (100, 100), (150, 150), (150, 240)))
    # A corner, a crossing, amid a block, beside a street.
    assert found.tied.tolist() == [False, False, True, False]
    rows, owner = found.spread()
    assert owner.tolist() == [0, 1, 2, 2, 2, 2, 3]
    assert rows.metres.tolist() == [50, 0, 50, 50, 50, 50, 40]
    # The streets above and on the right are one, around the corner of the town.
    assert len(set(rows.segment[2:6])) == 3
    assert found.take([2]).spread()[1].tolist() == [0] * 4


def test_a_street_that_bends_around_a_home_is_met_on_either_side():
    crescent = [(0, 0), (0, 300), (100, 300), (100, 0)]
    graph = build_graph(ways((1, [1, 2, 3, 4], crescent)), mode="walk")
    assert metres(graph, (50, 100), (0, 0)) == pytest.approx(50 + 100)
    assert metres(graph, (50, 100), (100, 0)) == pytest.approx(50 + 100)
    assert metres(graph, (40, 100), (100, 0)) == pytest.approx(40 + 200 + 100 + 300)


def test_amid_a_ring_any_of_its_streets_counts():
    """A round place of 60 m around, five roads to it: nobody is put on the far side."""
    turn = np.linspace(0, 2 * np.pi, 5, endpoint=False)
    ring = [(60 * np.cos(a), 60 * np.sin(a)) for a in turn]
    rows = [(1, [1, 2, 3, 4, 5, 1], [*ring, ring[0]])]
    rows += [(10 + i, [i + 1, i + 20], [p, (5 * p[0], 5 * p[1])]) for i, p in enumerate(ring)]
    graph = build_graph(ways(*rows), mode="walk")
    inner = 60 * np.cos(np.pi / 5)  # to the middle of each side
    half = 60 * np.sin(np.pi / 5)
    for p in ring:
        goal = (5 * p[0], 5 * p[1])
        assert metres(graph, (0, 0), goal) == pytest.approx(inner + half + 240)


def test_everybody_counts_once_and_progress_speaks_of_places():
    graph = build_graph(ways(*lattice()), mode="walk")
    homes = snap(graph, at((150, 150), (150, 120), (250, 350), (9000, 0)))
    jobs = snap(graph, at((250, 150), (100, 0), (350, 350)))
    told = []
    sums = reach.sums_within(
        graph,
        homes,
        jobs,
        np.array([1.0, 10.0, 100.0]),
        limits=(150.0, 320.0, 5000.0),
        unit="metres",
        progress=lambda *state: told.append(state),
    )
    table = reach.od_matrix(graph, homes, jobs, unit="metres")
    # 50 + 50 to the street between; 50 + 100 + 50; 20 m from y = 100.
    np.testing.assert_allclose(table[0], [100, 50 + 150, 300 + 50 + 50])
    for home, row in enumerate(table):
        for column, limit in enumerate((150.0, 320.0, 5000.0)):
            near = row <= limit
            assert sums[home, column] == np.array([1.0, 10.0, 100.0])[near].sum()
    assert told[-1] == (4, 4)
    told.clear()
    reach.pairs(graph, homes, jobs, limit=1e4, progress=lambda *state: told.append(state))
    assert told[-1] == (4, 4)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_land_is_reached_along_each_of_the_equally_near_streets():
    graph = build_graph(ways(*lattice(4)), mode="walk")
    home = snap(graph, at((150, 150)))
    reached = [
        line for line in reached_streets(graph, home, limit=80.0, unit="metres") if line is not None
    ]
    # 30 m either way on four streets.
    assert sum(line.length for line in reached) == pytest.approx(4 * 60)
    land = isochrones(graph, home, limits=(80.0,), unit="metres").geometry.iloc[0]
    for dx, dy in ((50, 0), (-50, 0), (0, 50), (0, -50)):
        assert land.buffer(1e-6).covers(shapely.Point(150 + dx, 150 + dy))


places = st.lists(
    st.tuples(st.sampled_from([0, 50, 100, 150, 180, 250]), st.sampled_from([0, 30, 150, 250])),
    min_size=1,
    max_size=4,
    unique=True,
)


@settings(max_examples=15)
@given(homes=places, goals=places, gone=st.sets(st.integers(1, 4), max_size=2))
def test_tables_are_the_best_over_all_choices_of_streets_and_a_choice_never_harms(
    homes, goals, gone
):
    rows = [row for row in lattice(4) if row[0] not in gone]
    graph = build_graph(ways(*rows), mode="walk")
    one, two = snap(graph, at(*homes)), snap(graph, at(*goals))
    table = reach.od_matrix(graph, one, two, unit="metres")
    (first, mine), (second, theirs) = one.spread(), two.spread()
    plain = reach.od_matrix(graph, replace(first, at=None), replace(second, at=None), unit="metres")
    for (i, home), (j, goal) in itertools.product(enumerate(homes), enumerate(goals)):
        best = 0.0 if home == goal else plain[np.ix_(mine == i, theirs == j)].min()
        assert table[i, j] == pytest.approx(best)
    without = [replace(s, also_place=None, also_segment=None, also_share=None) for s in (one, two)]
    assert (table <= reach.od_matrix(graph, *without, unit="metres") + 1e-9).all()
    costs, who = reach.k_nearest(graph, one, two, k=2, unit="metres")
    np.testing.assert_allclose(costs[:, 0], table.min(axis=1))
    if len(goals) > 1:
        np.testing.assert_allclose(costs, np.sort(table, axis=1)[:, :2])
        assert (who[:, 0] != who[:, 1]).all()


def test_the_one_nearest_is_the_first_of_the_two_nearest():
    """One place is chosen without the list that several need: also where streets, and the place itself, are as near."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        count = int(rng.integers(1, 6))
        origin = np.sort(np.r_[np.arange(count), rng.integers(0, count, rng.integers(0, 8))])
        place = rng.integers(-1, 4, len(origin)).astype(np.int32)[:, None]
        cost = np.where(place < 0, np.inf, rng.integers(0, 3, len(origin))[:, None])
        own = rng.integers(0, count, 2), rng.integers(0, 4, 2)
        one = best_of(Nearest(origin, cost, place), *own, count=count)
        nothing = np.full_like(cost, np.inf), np.full_like(place, -1)
        wide = (np.hstack(pair) for pair in zip((cost, place), nothing, strict=True))
        two = best_of(Nearest(origin, *wide), *own, count=count)
        for single, several in zip(one, two, strict=True):
            np.testing.assert_array_equal(single[:, 0], several[:, 0])
