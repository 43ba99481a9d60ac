"""Published networks with published optima: what others found best, we find best."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

import kcity_geo as kc
from kcity_geo.errors import KCityWarning, StudyError

# pmed1 of OR-Library: Beasley, J. E. (1990), OR-Library: distributing test problems by electronic mail, Journal of
# the Operational Research Society 41, 1069-1072; from Beasley (1985), EJOR 21, 270-273. 100 places, 200 roads: a ring
# with these lengths from each place to the next, then roads as from, to, length; of two between the same the last holds.
RING = """30 46 1 28 31 69 39 14 84 59 10 28 63 9 100 98 70 94 22 14 87 82 55 2 32 77 95 29 59 91 89 50 40 88 94
60 21 89 47 63 45 46 24 77 60 45 50 93 22 84 16 85 68 93 37 26 29 38 10 32 67 66 52 19 39 12 86 72 73 65 2 8 96 43 39
61 90 8 58 91 58 13 79 59 28 46 24 63 81 14 52 64 75 71 51 75 57 31 49 88"""
ROADS = """80 5 90 85 69 51 20 19 30 85 13 22 81 95 54 58 73 37 64 51 89 39 76 89 13 8 77 91 76 51 52 95 96 91 75 33
80 91 84 35 80 46 54 86 35 30 70 5 19 7 9 74 53 50 11 37 4 19 92 70 62 94 96 60 52 34 24 59 63 42 45 68 19 60 53
60 27 86 15 50 31 38 18 27 81 30 99 1 29 6 22 52 11 54 59 75 5 7 8 41 44 80 41 76 42 44 12 56 61 65 73 20 93 35
9 99 28 45 68 19 16 79 96 13 42 3 68 4 28 58 17 60 21 81 34 35 7 7 21 14 82 26 32 26 6 63 83 31 69 53 91 78 32
45 59 33 42 57 5 8 53 66 65 94 61 94 90 63 73 33 88 39 21 59 42 85 34 30 57 37 34 94 52 62 38 56 26 29 20 48 98 53
4 33 45 31 63 82 8 52 31 37 81 14 50 27 16 27 14 48 88 33 8 56 30 76 87 91 17 33 49 77 70 30 74 25 99 19 95 30 96
14 85 90 49 8 96 96 5 87 73 4 41 99 32 35 95 1 31 99 3 49 18 75 100 58 47 68 35 60 5 38 16 70 54 40 52 95 55 47
54 17 45 9 83 75 97 66 81 9 48 92 90 95 96 4 27 27 75 22 48 62 7 55 79 3 57 15 69 46"""


@pytest.fixture(scope="module")
def pmed1() -> np.ndarray:
    """Shortest ways between all places."""
    ring = np.array(RING.split(), dtype=float)
    roads = np.array(ROADS.split(), dtype=int).reshape(-1, 3)
    length = {tuple(sorted((i, (i + 1) % 100))): one for i, one in enumerate(ring)}
    length |= {tuple(sorted((a - 1, b - 1))): float(one) for a, b, one in roads.tolist()}
    one, two = np.array(list(length)).T
    graph = coo_array((list(length.values()), (one, two)), shape=(100, 100))
    return shortest_path(graph, directed=False)


def test_the_five_medians_of_a_hundred_places(pmed1):
    """Optimum 5819: Beasley (1985), table of OR-Library."""
    found = kc.locate_table(pmed1, method="p_median", p=5)
    assert (found.value, found.proved) == (5819.0, True)
    assert pmed1[:, found.sites].min(axis=1).sum() == 5819.0


def test_the_five_centres_of_a_hundred_places(pmed1):
    """Optimum 127: Pullan (2008), A memetic genetic algorithm for the vertex p-center problem, table 1."""
    found = kc.locate_table(pmed1, method="p_centre", p=5)
    assert (found.value, found.bound) == (127.0, 127.0)


def test_fire_stations_of_kilroy_county():
    """Two stations, in cities 2 and 4, reach all six within 15 minutes: Winston (2004), Operations Research, 9.2."""
    minutes = np.array([
        [0, 10, 20, 30, 30, 20], [10, 0, 25, 35, 20, 10], [20, 25, 0, 15, 30, 20],
        [30, 35, 15, 0, 15, 25], [30, 20, 30, 15, 0, 14], [20, 10, 20, 25, 14, 0],
    ])  # fmt: skip
    found = kc.locate_table(minutes, method="lscp", within=15)
    assert (found.sites.tolist(), found.value, found.bound) == ([1, 3], 2, 2)


#: Which of nine regions each of six towers reaches, what it costs, and who lives in each region.
TOWERS = [{0, 1, 5}, {0, 7, 8}, {2, 3, 4, 6}, {2, 5, 6}, {0, 2, 6, 7, 8}, {3, 4, 8}]
COST = [4.2, 6.1, 5.2, 5.5, 4.8, 9.2]
PEOPLE = [523, 690, 420, 1010, 1200, 850, 400, 1008, 950]


def test_towers_within_a_budget():
    """Towers 0, 2 and 4 reach all for 14.2 of a budget of 20: Gurobi modeling examples, cell tower coverage."""
    away = np.array([[0.0 if r in reach else np.inf for reach in TOWERS] for r in range(9)])
    found = kc.locate_table(away, PEOPLE, within=1, price=COST, budget=20)
    assert (found.sites.tolist(), found.value) == ([0, 2, 4], sum(PEOPLE))
    fewest = kc.locate_table(away, PEOPLE, method="lscp", within=1, price=COST)
    assert (fewest.sites.tolist(), fewest.value) == ([0, 2, 4], pytest.approx(14.2))


def test_what_exists_and_who_has_no_way():
    """By hand: 3 people at 4 from what exists save 3 a head; the last has no way to anything and does not count."""
    cost = np.array([[1.0, 9], [9, 2], [np.inf, np.inf]])
    with pytest.warns(
        KCityWarning, match=r"1 of 3 demands \(5 of the weight of 9\) lie without a way"
    ):
        found = kc.locate_table(
            cost, [3, 1, 5], method="p_median", p=1, today=[4.0, np.inf, np.inf]
        )
    # Second: no way today counts 2 x 9 = 18; site 1 saves 16 for one, site 0 saves 3 x 3 + 9 = 18.
    assert (found.sites.tolist(), found.value) == ([0], 3 * 1 + 9)
    with pytest.warns(KCityWarning) as told:
        near = kc.locate_table(cost, [3, 1, 5], p=2, within=2, today=[2.0, np.inf, np.inf])
    words = [str(one.message) for one in told]
    assert "1 of 3 demands (5 of the weight of 9) lie more than 2 from every site" in words[0]
    assert "2 asked for, 1 chosen: no further one adds anything" in words[1]
    assert (near.sites.tolist(), near.value) == ([1], 1)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"cost": [1.0, 2]}, "row a demand"),
        ({"cost": [[1.0, np.nan]]}, "cost: every one"),
        ({"cost": [[1.0, "x"]]}, "cost: give numbers"),
        ({"weight": [1.0]}, "weight: give one number for each of the 2"),
        ({"weight": [1.0, -1]}, "weight: every one"),
        ({"within": None}, "within: mclp needs"),
        ({"within": -3}, "above zero"),
        ({"p": 0}, "p: 0"),
        ({"method": "lscp"}, "leave p"),
        ({"price": [1.0]}, "2 candidates"),
    ],
)
def test_tables_that_make_no_sense_are_refused(more, words):
    asked = {"cost": [[1.0, 2], [2, 1]], "p": 1, "within": 1.5, **more}
    with pytest.raises(StudyError, match=words):
        kc.locate_table(asked.pop("cost"), **asked)
