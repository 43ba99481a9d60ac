"""Location-allocation on arrays: against brute force, worked numbers, and bounds that must hold."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from kcity_geo.analysis.location.capacity import Capacities, best_sites_with_capacity, divided
from kcity_geo.analysis.location.centre import shortest_longest_way
from kcity_geo.analysis.location.covering import fewest_sites, needed_rows
from kcity_geo.analysis.location.savings import (
    best_sites,
    greedy_order,
    merge_alike,
)
from kcity_geo.errors import StudyError

SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=25, deadline=None)


def choices(count: int, most: int):
    """All sets of up to so many of the numbers."""
    return (list(k) for n in range(most + 1) for k in combinations(range(count), n))


def saved(table, sites) -> float:
    return float(table[:, sites].max(axis=1, initial=0.0).sum())


def random_table(seed: int, *, cover: bool):
    """A table of savings, and a generator for more."""
    random = np.random.default_rng(seed)
    shape = random.integers(1, 9), random.integers(1, 8)
    table = random.random(shape) * (random.random(shape) < 0.5)
    if cover:
        table = (table > 0) * random.integers(0, 5, shape[0])[:, None].astype(float)
    return table, random


# --- worked numbers --------------------------------------------------------------------------

COVERS: Any = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 1]])
PEOPLE: Any = np.array([10.0, 10, 10, 10, 9, 9])


def test_the_greedy_trap_is_not_walked_into():
    """Greedy takes A and then B: 49 people. B and C cover all 58."""
    found = best_sites(sparse.csr_array(COVERS * PEOPLE[:, None]), 2)
    assert (found.sites.tolist(), found.value, found.bound) == ([1, 2], 58.0, 58.0)


def test_two_medians_on_a_line():
    """Homes at 0, 1, 4, 9, 10: stand at 1 and 9, 5 in all."""
    place = np.array([0.0, 1, 4, 9, 10])
    cost = np.abs(place[:, None] - place)
    found = best_sites(sparse.csr_array(20.0 - cost), 2)
    assert found.proved
    assert 5 * 20.0 - found.value == 5.0


def test_the_centre_of_a_line():
    """One site for 0, 1, 4, 9, 10 stands at 4, 6 from the farthest; three leave 1."""
    place = np.array([0.0, 1, 4, 9, 10])
    cost = np.abs(place[:, None] - place)
    assert [shortest_longest_way(cost, p).value for p in (1, 2, 3, 5)] == [6.0, 3.0, 1.0, 0.0]


# --- brute force -----------------------------------------------------------------------------


@FEW
@given(SEEDS, st.booleans(), st.integers(1, 4))
def test_savings_are_the_best_of_all_choices(seed, cover, p):
    table, random = random_table(seed, cover=cover)
    found = best_sites(sparse.csr_array(table), p)
    best = max(saved(table, k) for k in choices(table.shape[1], p))
    assert found.value == pytest.approx(best)
    assert found.value == pytest.approx(saved(table, found.sites))
    assert found.proved
    assert len(found.sites) <= p
    price = random.integers(1, 5, table.shape[1]).astype(float)
    budget = float(random.integers(1, 9))
    bought = best_sites(sparse.csr_array(table), None, price=price, budget=budget)
    count = table.shape[1]
    best = max(saved(table, k) for k in choices(count, count) if price[k].sum() <= budget)
    assert bought.value == pytest.approx(best)
    assert price[bought.sites].sum() <= budget


@FEW
@given(SEEDS, st.integers(1, 3))
def test_without_the_exact_solver_the_bound_still_holds(seed, p):
    table, _ = random_table(seed, cover=False)
    best = max(saved(table, k) for k in choices(table.shape[1], p))
    found = best_sites(sparse.csr_array(table), p, exact_entries=0)
    assert found.value <= best * (1 + 1e-9)
    assert found.bound >= best * (1 - 1e-9)
    assert found.value >= (1 - 1 / math.e) * best
    assert found.short_share >= 1 - found.value / max(found.bound, 1e-12) - 1e-9


@FEW
@given(SEEDS)
def test_the_fewest_sites_that_cover_all(seed):
    table, random = random_table(seed, cover=True)
    covers = table > 0
    possible = covers[covers.any(axis=1)]
    count = covers.shape[1]
    for price in (None, random.integers(1, 6, count).astype(float)):
        cost = np.ones(count) if price is None else price
        whole = [k for k in choices(count, count) if possible[:, k].any(axis=1).all()]
        best = min(cost[k].sum() for k in whole)
        for exact in (60_000, 0):
            found = fewest_sites(sparse.csr_array(covers), price=price, exact_entries=exact)
            assert possible[:, found.sites].any(axis=1).all()
            assert found.bound <= best + 1e-6
            assert found.value >= best
            if exact:
                assert (found.value, found.bound) == (best, pytest.approx(best))


@FEW
@given(SEEDS, st.integers(1, 3))
def test_the_shortest_longest_way(seed, p):
    random = np.random.default_rng(seed)
    rows, count = random.integers(1, 8), random.integers(1, 7)
    cost = random.integers(1, 20, (rows, count)).astype(float)
    cost[random.random(cost.shape) < 0.2] = np.inf
    today = np.where(random.random(rows) < 0.4, random.integers(1, 20, rows), np.inf)
    able = np.isfinite(np.minimum(today, cost.min(axis=1)))
    best = min(
        np.minimum(today, cost[:, k].min(axis=1, initial=np.inf))[able].max(initial=0.0)
        for k in choices(count, p)
    )
    if np.isinf(best):
        with pytest.raises(StudyError, match="are needed"):
            shortest_longest_way(cost, p, today=today)
        return
    found = shortest_longest_way(cost, p, today=today)
    assert (found.value, found.bound) == (best, best)
    reached = np.minimum(today, cost[:, found.sites].min(axis=1, initial=np.inf))
    assert reached[able].max(initial=0.0) == best
    rough = shortest_longest_way(cost, p, today=today, exact_entries=0)
    assert rough.bound <= best <= rough.value


@FEW
@given(SEEDS, st.integers(1, 3))
def test_capacities_are_held_and_the_best_is_found(seed, p):
    random = np.random.default_rng(seed)
    rows, count = random.integers(1, 7), random.integers(1, 6)
    people = random.integers(1, 20, rows).astype(float)
    table = random.random((rows, count)) * (random.random((rows, count)) < 0.7) * people[:, None]
    hold = np.where(random.random(count) < 0.3, np.inf, random.integers(1, 30, count))
    exists = random.random(count) < 0.3
    new, old = np.flatnonzero(~exists), np.flatnonzero(exists)
    gains = sparse.csr_array(table)
    best = max(
        divided(gains, people, hold, np.concatenate([new[k], old]).astype(int))[0]
        for k in choices(len(new), p)
    )
    limits = Capacities(hold, exists)
    found = best_sites_with_capacity(gains, people, limits, p=p)
    assert found.value == pytest.approx(best, abs=1e-6)
    assert found.bound == pytest.approx(best, abs=1e-6)
    assert len(found.sites) <= p
    assert not exists[found.sites].any()
    _, shares = divided(gains, people, hold, np.concatenate([found.sites, old]))
    assert (np.asarray(shares.sum(axis=1)) <= 1 + 1e-9).all()
    assert (people @ shares.toarray() <= hold + 1e-6).all()
    rough = best_sites_with_capacity(gains, people, limits, p=p, exact_entries=0)
    assert rough.value <= best + 1e-6
    assert rough.bound >= best - 1e-6


# --- properties ------------------------------------------------------------------------------


@FEW
@given(SEEDS, st.booleans())
def test_one_more_site_never_takes_anything_away(seed, exact):
    table, _ = random_table(seed, cover=False)
    values = [
        best_sites(sparse.csr_array(table), p, exact_entries=60_000 if exact else 0).value
        for p in range(1, 6)
    ]
    assert (np.diff(values) >= -1e-12).all()


@FEW
@given(SEEDS)
def test_the_order_of_the_demands_does_not_matter(seed):
    table, random = random_table(seed, cover=True)
    again = table[random.permutation(len(table))]
    first, second = (best_sites(sparse.csr_array(t), 2) for t in (table, again))
    assert first.sites.tolist() == second.sites.tolist()
    assert first.value == second.value


@FEW
@given(SEEDS)
def test_merged_demands_save_the_same(seed):
    table, random = random_table(seed, cover=True)
    table = np.concatenate([table, table * random.integers(0, 4, len(table))[:, None]])
    merged = merge_alike(sparse.csr_array(table))
    assert merged.shape[0] <= len(table) / 2
    for sites in choices(table.shape[1], 3):
        chosen = np.array(sites, dtype=int)
        assert saved(merged.toarray(), chosen) == pytest.approx(saved(table, sites))


def test_rows_that_are_covered_anyway_are_left_out():
    covers = sparse.csr_array(np.array([[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1], [0, 1, 1, 0]]))
    assert sorted(needed_rows(covers).toarray().tolist()) == [[0, 0, 1, 1], [0, 1, 1, 0]]


def test_the_order_of_the_sites_is_that_of_their_gain():
    table = sparse.csr_array(COVERS * PEOPLE[:, None])
    assert greedy_order(table, np.array([0, 1, 2])).tolist() == [0, 1, 2]
    assert greedy_order(table, np.array([1, 2])).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: best_sites(sparse.csr_array(np.eye(2)), 0), "p: 0"),
        (lambda: best_sites(sparse.csr_array(-np.eye(2)), 1), "savings"),
        (lambda: best_sites(sparse.csr_array(np.eye(2) * np.nan), 1), "savings"),
        (lambda: best_sites(sparse.csr_array(np.eye(2)), 1, price=np.ones(3), budget=1.0), "price"),
        (lambda: fewest_sites(sparse.csr_array(np.eye(2)), price=np.zeros(2)), "price"),
        (lambda: shortest_longest_way(np.eye(2), 0), "p: 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(StudyError, match=words):
        call()


def test_a_city_without_demand_has_no_sites():
    assert best_sites(sparse.csr_array(np.zeros((3, 2))), 2).sites.tolist() == []
    assert fewest_sites(sparse.csr_array(np.zeros((3, 2)))).value == 0.0
    assert shortest_longest_way(np.full((2, 2), np.inf), 1).sites.tolist() == []
