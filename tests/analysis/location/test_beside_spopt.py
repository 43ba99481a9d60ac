"""Another package gives the same answers on random cities; its solver is CBC."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest
from scipy import sparse

from kcity_geo.analysis.location.centre import shortest_longest_way
from kcity_geo.analysis.location.covering import fewest_sites
from kcity_geo.analysis.location.savings import best_sites

pytestmark = pytest.mark.filterwarnings("ignore")
P = 3


@pytest.fixture(scope="module")
def locate():
    """Loads for a second, so not while tests are collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("spopt.locate")


@pytest.fixture(scope="module")
def solver(locate):
    return importlib.import_module("pulp").PULP_CBC_CMD(msg=False)


def city(seed: int):
    random = np.random.default_rng(seed)
    homes, places = random.random((30, 2)) * 10, random.random((9, 2)) * 10
    cost = np.hypot(*(homes[:, None] - places).transpose(2, 0, 1))
    return cost, random.integers(1, 100, 30).astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_people_are_covered(seed, locate, solver):
    cost, people = city(seed)
    there = locate.MCLP.from_cost_matrix(cost, people, 2.5, p_facilities=P)
    there = there.solve(solver)
    here = best_sites(sparse.csr_array((cost <= 2.5) * people[:, None]), P)
    assert here.value == pytest.approx(there.problem.objective.value())


@pytest.mark.parametrize("seed", range(3))
def test_the_same_ways_are_left(seed, locate, solver):
    cost, people = city(seed)
    there = locate.PMedian.from_cost_matrix(cost, people, p_facilities=P)
    there = there.solve(solver)
    here = best_sites(sparse.csr_array((100.0 - cost) * people[:, None]), P)
    assert 100.0 * people.sum() - here.value == pytest.approx(there.problem.objective.value())


@pytest.mark.parametrize("seed", range(3))
def test_as_many_sites_are_needed(seed, locate, solver):
    cost, _ = city(seed)
    limit = float(cost.min(axis=1).max()) * 1.2
    there = locate.LSCP.from_cost_matrix(cost, limit).solve(solver)
    here = fewest_sites(sparse.csr_array(cost <= limit))
    assert here.value == pytest.approx(there.problem.objective.value())


@pytest.mark.parametrize("seed", range(3))
def test_the_longest_way_is_as_long(seed, locate, solver):
    cost, _ = city(seed)
    there = locate.PCenter.from_cost_matrix(cost, p_facilities=P)
    there = there.solve(solver)
    here = shortest_longest_way(cost, P)
    assert here.value == pytest.approx(there.problem.objective.value())
