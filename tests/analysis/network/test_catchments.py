"""Floating catchments: numbers by hand, of the literature, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.network.catchments import (
    Ways,
    decay_weights,
    floating_catchments,
    inverse,
    step,
)
from kcity_geo.errors import StudyError

DECAYS = [
    "none",
    "step",
    "step_fast",
    "step_four",
    "gaussian",
    "inverse",
    lambda c: np.exp(-c / 12),
]


def ways_of(cost):
    home, facility = np.nonzero(np.isfinite(cost))
    return Ways(home, facility, cost[home, facility])


# Three places of the tests of pysal/access: 100, 50 and 10 people, 15, 20 and 100 doctors; a minute
# to the own, 40 between the third and the others, 80 between the first two; within 60; 1/minutes.
PLACES = np.array([[1.0, 80, 40], [80, 1, 40], [40, 40, 1]])
PEOPLE, DOCTORS = np.array([100.0, 50, 10]), np.array([15.0, 20, 100])


def test_gridlock_of_three_towns():
    """Demand 100 + 10/40, 50 + 10/40 and 10 + 150/40; then the same weights backwards."""
    rate = DOCTORS / np.array([100.25, 50.25, 13.75])
    found = floating_catchments(ways_of(PLACES), PEOPLE, DOCTORS, limit=60, decay="inverse")
    expected = [rate[0] + rate[2] / 40, rate[1] + rate[2] / 40, rate[2] + (rate[0] + rate[1]) / 40]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(found, [0.331444, 0.579828, 7.286418], atol=1e-6)


def test_gridlock_of_three_towns_where_people_choose():
    """Of 1 + 1/40 the own place has 40/41; of 1 + 2/40 that of the third 40/42, the others 1/42."""
    own, away = 40 / 41, 1 / 41 / 40
    centre, out = 40 / 42, 1 / 42 / 40
    demand = np.array([100 * own + 10 * out, 50 * own + 10 * out, 10 * centre + 150 * away])
    rate = DOCTORS / demand
    expected = [
        rate[0] * own + rate[2] * away,
        rate[1] * own + rate[2] * away,
        rate[2] * centre + (rate[0] + rate[1]) * out,
    ]
    found = floating_catchments(
        ways_of(PLACES), PEOPLE, DOCTORS, limit=60, decay="inverse", choosing=True
    )
    np.testing.assert_allclose(found, expected)


def test_zones_of_the_enhanced_method():
    """Clinic of 10 for 100 people at 10, 200 at 20 and 300 at 30 minutes: 10 / (100+136+66)."""
    cost = np.array([[10.0], [20], [30], [31]])
    people = np.array([100.0, 200, 300, 400])
    found = floating_catchments(ways_of(cost), people, np.array([10.0]), limit=30, decay="step")
    np.testing.assert_allclose(found, 10 / 302 * np.array([1, 0.68, 0.22, 0]))


def test_faster_ways_to_the_third_town_help_the_others_and_not_it():
    """As the tests of pysal/access reason: a toll lane into the third place."""
    faster = PLACES.copy()
    faster[:2, 2] = 20
    before, after = (
        floating_catchments(ways_of(c), PEOPLE, DOCTORS, limit=60, decay="inverse")
        for c in (PLACES, faster)
    )
    assert (after[:2] > before[:2]).all()
    assert after[2] < before[2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(DECAYS), st.booleans(), st.floats(1.0, 40.0))
def test_supply_is_given_out_once(seed, decay, choosing, limit):
    random = np.random.default_rng(seed)
    cost = random.random((6, 4)) * 40
    cost[random.random(cost.shape) < 0.2] = np.inf
    people, supply = random.integers(1, 50, 6).astype(float), random.random(4) * 9
    found = floating_catchments(
        ways_of(cost), people, supply, limit=limit, decay=decay, choosing=choosing
    )
    near = np.where(cost <= limit, cost, 0.0)
    weight = np.where(cost <= limit, decay_weights(near, limit=limit, decay=decay), 0.0)
    assert (found * people).sum() == pytest.approx(supply[(weight > 0).any(axis=0)].sum())
    assert (found >= 0).all()
    if callable(decay):
        return
    # Weights never rise with the cost.
    along = decay_weights(np.linspace(0, limit, 50), limit=limit, decay=decay)
    assert (np.diff(along) <= 1e-12).all()
    assert along[0] <= 1.0


def test_a_facility_alone_serves_all_whatever_the_decay_when_they_live_together():
    cost = np.full((3, 1), 7.0)
    for decay in DECAYS:
        found = floating_catchments(
            ways_of(cost), np.array([1.0, 2, 3]), np.array([12.0]), limit=30, decay=decay
        )
        np.testing.assert_allclose(found, 2.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: decay_weights(np.ones(2), limit=3, decay="exponential"), "'exponential'"),
        (lambda: decay_weights(np.ones(2), limit=3, decay=lambda c: -c), "function"),
        (lambda: decay_weights(np.ones(2), limit=3, decay=lambda _: [1.0]), "function"),
        (lambda: inverse(-1), "power"),
        (lambda: step([10, 10], [1, 0.5]), "rising"),
        (lambda: step([10, 20], [1]), "rising"),
        (lambda: step([10, 20], [1, -1]), "zero or more"),
    ],
)
def test_decays_that_make_no_sense_are_refused(call, words):
    with pytest.raises(StudyError, match=words):
        call()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"limit": -1.0}, "limit = -1: give a number above 0"),
        ({"limit": np.nan}, "limit = nan"),
        ({"persons": np.array([np.nan, 1.0])}, "persons: nan is no amount"),
        ({"supply": np.array([-2.0])}, "supply: -2 is no amount"),
        ({"persons": np.array([1.0])}, "persons has 1 values, but a way names place 1"),
        ({"ways": Ways(np.array([0, 1]), np.array([0]), np.array([5.0]))}, "2 homes, 1 facilities"),
    ],
)
def test_nonsense_is_refused_by_its_name(changed, said) -> None:
    ways = Ways(np.array([0, 1]), np.array([0, 0]), np.array([5.0, 25.0]))
    asked = {"ways": ways, "persons": np.ones(2), "supply": np.ones(1), "limit": 30.0, **changed}
    with pytest.raises(StudyError, match=f"floating_catchments: .*{said}"):
        floating_catchments(asked["ways"], asked["persons"], asked["supply"], limit=asked["limit"])
