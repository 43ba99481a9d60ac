"""Options and beneficiaries: hand examples, brute force, closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.errors import StudyError
from kcity_geo.planning.beneficiaries import concentration, concentration_index, lorenz_curve
from kcity_geo.planning.options import (
    Future,
    Intervention,
    best_interventions,
    compare_options,
    futures,
    no_regret,
    regret_table,
)


def test_regret_of_a_three_by_three_table_by_hand() -> None:
    value = pd.DataFrame(
        {"low": [10, 6, 2], "mid": [4, 7, 5], "high": [1, 6, 9]}, index=["small", "staged", "large"]
    )
    found = regret_table(value)
    assert found.loc["small"].tolist() == [0, 3, 8, 8]
    assert found.loc["staged"].tolist() == [4, 0, 3, 4]
    assert found.loc["large"].tolist() == [8, 2, 0, 8]
    assert found.index[0] == "staged"
    value.loc["small", "low"] = np.nan
    with pytest.raises(StudyError, match="every scenario"):
        regret_table(value)


items = st.lists(
    st.builds(
        Intervention,
        id=st.uuids().map(str),
        cost=st.integers(0, 9),
        benefit=st.integers(0, 9),
        growth_power=st.sampled_from([0.0, 1.0, 2.0]),
        hazard_loss=st.sampled_from([None, {"flood": 0.5}, {"flood": 1.0}]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda i: i.id,
)


@settings(max_examples=50, deadline=None)
@given(
    items, st.sampled_from([0.5, 1.0, 2.0]), st.integers(1, 30), st.sampled_from(["none", "flood"])
)
def test_the_best_choice_equals_brute_force(some, growth, budget, hazard) -> None:
    future = Future(growth=growth, budget=float(budget), hazard=hazard)
    found = best_interventions(some, future)
    by_id = {i.id: i for i in some}
    assert sum(by_id[i].cost for i in found) <= budget
    best = max(
        sum(i.worth(future) for i in chosen)
        for count in range(len(some) + 1)
        for chosen in itertools.combinations(some, count)
        if sum(i.cost for i in chosen) <= budget
    )
    assert sum(by_id[i].worth(future) for i in found) == pytest.approx(best)


@settings(max_examples=20, deadline=None)
@given(items)
def test_no_regret_is_the_intersection_of_the_best(some) -> None:
    scenarios = futures([0.5, 2.0], [5.0, 15.0], ["none", "flood"])
    best = [set(best_interventions(some, f)) for f in scenarios]
    assert set(no_regret(some, scenarios)) == set.intersection(*best)
    table = compare_options(some, scenarios)
    assert (table.to_numpy() >= 0).all()
    assert table.shape[1] == len(scenarios) + 1


@pytest.mark.parametrize("budgets", [[0.0], [-1.0], [float("nan")]])
def test_a_budget_of_zero_is_refused(budgets) -> None:
    with pytest.raises(StudyError, match="above 0"):
        futures([1.0], budgets)


def test_equal_gaps_concentrate_nowhere() -> None:
    people = [3.0, 8.0, 2.0, 7.0]
    assert concentration_index([0.4] * 4, [9, 1, 5, 5], people) == pytest.approx(0.0, abs=1e-12)


def test_all_gap_on_the_poorest_tenth_is_minus_nine_tenths() -> None:
    gap = [1.0, *[0.0] * 9]
    assert concentration_index(gap, range(10), [5] * 10) == pytest.approx(-0.9)


places = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 5), st.floats(0.5, 100)), min_size=2, max_size=12
)


@given(places)
def test_the_sign_turns_with_the_ranking_and_the_index_is_the_area(rows) -> None:
    gap, wealth, people = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    gap[0] += 0.1
    index = concentration_index(gap, wealth, people)
    assert concentration_index(gap, -wealth, people) == pytest.approx(-index, abs=1e-9)
    x, y = lorenz_curve(gap, wealth, people)
    assert 1 - 2 * np.trapezoid(y, x) == pytest.approx(index, abs=1e-9)


def test_unknown_places_are_left_out_and_nobody_is_nan() -> None:
    assert concentration_index([1, np.nan], [1, 2], [5, 5]) == pytest.approx(0.0)
    assert np.isnan(concentration_index([0, 0], [1, 2], [5, 5]))
    with pytest.raises(StudyError):
        concentration_index([-1, 0], [1, 2], [5, 5])


def test_the_range_is_seeded_and_holds_the_index() -> None:
    random = np.random.default_rng(1)
    wealth = random.uniform(size=80)
    gap, people = np.clip(1 - wealth + random.normal(0, 0.1, 80), 0, 1), random.uniform(1, 9, 80)
    a, b = (concentration(gap, wealth, people, seed=5, draws=200) for _ in range(2))
    assert a == b
    assert a.low < a.index < a.high < 0
