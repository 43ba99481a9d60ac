"""Robustness of rankings: golden Monte Carlo, exact intervals against bisection, two-site cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.suitability.robustness import (
    acceptability,
    draw_weights,
    flip_distance,
    lead_interval,
    never_first,
    rank_stability,
)
from kcity_geo.errors import StudyError

SCORES = np.array([[0.9, 0.2, 0.5], [0.6, 0.8, 0.5], [0.3, 0.9, 0.5], [0.7, 0.5, 0.5]])
WEIGHTS = [0.5, 0.3, 0.2]
OPPOSITE = np.array([[1.0, 0.0], [0.0, 1.0]])

tables = st.integers(2, 5).flatmap(
    lambda n: st.integers(2, 4).flatmap(
        lambda k: st.lists(
            st.lists(st.floats(0, 1).map(lambda v: round(v, 3)), min_size=k, max_size=k),
            min_size=n,
            max_size=n,
        )
    )
)


def test_golden_monte_carlo():
    found = rank_stability(SCORES, WEIGHTS, draws=20_000, seed=0)
    assert found.mean_rank == pytest.approx([2.148, 1.205, 3.956, 2.691], abs=0.01)
    assert found.top_share(1) == pytest.approx([0.205, 0.795, 0, 0], abs=0.01)


@given(tables)
def test_acceptabilities_add_to_one_over_sites_and_over_ranks(rows):
    found = acceptability(np.array(rows), draws=50)
    assert found.sum(axis=0) == pytest.approx(np.ones(len(rows)))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(rows)))


def test_two_opposite_sites_share_the_weights_and_a_dominated_one_is_never_first():
    draws = 10_000
    found = acceptability(OPPOSITE, draws=draws)
    assert found == pytest.approx(np.full((2, 2), 0.5), abs=3 / np.sqrt(draws))
    worse = np.vstack([OPPOSITE, [0.0, 0.0]])
    assert acceptability(worse, draws=500)[2, 0] == 0
    assert [never_first(worse, site=i) for i in range(3)] == [False, False, True]


def test_ordered_weights_keep_their_order_and_dirichlet_ones_stay_near():
    rng = np.random.default_rng(1)
    drawn = draw_weights(WEIGHTS, draws=500, rng=rng, how="ordered")
    assert (np.diff(drawn, axis=1) <= 0).all()
    turned = draw_weights([0.2, 0.3, 0.5], draws=500, rng=rng, how="ordered")
    assert (np.diff(turned, axis=1) >= 0).all()
    near = draw_weights(WEIGHTS, draws=4000, rng=rng, how="dirichlet", concentration=50)
    assert near.mean(axis=0) == pytest.approx(WEIGHTS, abs=0.01)
    with pytest.raises(StudyError, match="how"):
        draw_weights(WEIGHTS, draws=1, rng=rng, how="magic")


@given(tables, st.data())
def test_exact_interval_agrees_with_bisection(rows, data):
    x = np.array(rows)
    k = x.shape[1]
    w = np.array(data.draw(st.lists(st.floats(0.05, 1), min_size=k, max_size=k)))
    w /= w.sum()
    which = data.draw(st.integers(0, k - 1))
    best = int(np.argmax(x @ w))
    low, high = lead_interval(x, w, criterion=which, site=best) or (w[which], w[which])

    def first(t: float) -> bool:
        v = w * (1 - t) / (1 - w[which])
        v[which] = t
        return bool((x[best] @ v >= x @ v - 1e-9).all())

    assert 0 <= low <= w[which] <= high <= 1
    for end, beyond in ((low, low - 1e-3), (high, high + 1e-3)):
        assert first(end)
        lead = x[best] - x
        steep = np.abs(lead[:, which] - np.delete(lead, which, 1).mean(axis=1)).max()
        if 0 <= beyond <= 1 and steep > 0.05:
            # Bisection between a weight that keeps the order and one that does not.
            assert not first(np.clip(beyond, 0, 1)) or _flat(x, w, which, best, end)


def _flat(x, w, which, best, end) -> bool:
    """The rival that sets the end comes up too slowly to be seen a thousandth further."""
    rest = np.delete(w, which) / (1 - w[which])
    slope = (x[best, which] - x[:, which]) - (np.delete(x[best] - x, which, 1) @ rest)
    start = np.delete(x[best] - x, which, 1) @ rest
    at_end = np.abs(start + end * slope) < 1e-6
    at_end[best] = False
    return bool((np.abs(slope[at_end]) < 1e-5).any()) or not at_end.any()


def test_golden_flip_distance():
    assert flip_distance(OPPOSITE, [0.7, 0.3], leader=0, rival=1) == pytest.approx(0.4)
    assert flip_distance(OPPOSITE, [0.3, 0.7], leader=0, rival=1) == 0
    ahead = np.array([[0.9, 0.9], [0.1, 0.1]])
    assert flip_distance(ahead, [0.5, 0.5], leader=0, rival=1) == float("inf")


@given(tables, st.data())
def test_no_weights_nearer_than_the_flip_distance_let_the_rival_lead(rows, data):
    x = np.array(rows)
    w = np.full(x.shape[1], 1 / x.shape[1])
    leader, rival = 0, 1
    found = flip_distance(x, w, leader=leader, rival=rival)
    other = np.random.default_rng(data.draw(st.integers(0, 99))).dirichlet(np.ones(len(w)), 200)
    leads = other @ (x[rival] - x[leader]) > 1e-9
    if leads.any():
        assert np.abs(other[leads] - w).sum(axis=1).min() >= found - 1e-9


def test_same_seed_same_ranks_and_ties_go_to_the_first():
    one = rank_stability(SCORES, WEIGHTS, draws=100, seed=5).acceptability
    two = rank_stability(SCORES, WEIGHTS, draws=100, seed=5).acceptability
    assert (one == two).all()
    alike = rank_stability(np.ones((3, 2)), [1, 1], draws=10)
    assert alike.mean_rank.tolist() == [1, 2, 3]
    assert np.isnan(alike.central_weights[1]).all()


def test_offset_can_decide_the_ranking():
    found = rank_stability(np.ones((2, 2)), [1, 1], draws=10, offset=np.array([0.0, 1.0]))
    assert found.mean_rank.tolist() == [2, 1]


def test_gaps_and_shapes_are_refused():
    with pytest.raises(StudyError, match="gaps"):
        rank_stability(np.array([[np.nan, 1.0]]), [1, 1])
    with pytest.raises(StudyError, match="weights for utilities"):
        rank_stability(SCORES, [1, 1])
    with pytest.raises(StudyError, match="at least one above"):
        rank_stability(SCORES, [0, 0, 0])
