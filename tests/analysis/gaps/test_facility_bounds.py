"""Bounds of a distance gap when facilities are missing on the map."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.gaps import facility_bounds as gap_bounds
from kcity_geo.analysis.gaps.facility_bounds import facility_bounds, unmapped_count
from kcity_geo.errors import StudyError


def line(seed: int, *, sites: int = 10, places: int = 40):
    """People along a street, candidate sites, and what lies within reach."""
    rng = np.random.default_rng(seed)
    x, s = rng.uniform(0, 100, places), rng.uniform(0, 100, sites)
    reach = np.abs(x[None, :] - s[:, None]) <= 8
    return np.abs(x - 20) <= 8, reach, rng.gamma(1, 100, places)


def smallest_gap(served, reach, people, k):
    return min(
        people[~(served | reach[list(some)].any(axis=0))].sum() / people.sum()
        for some in combinations(range(len(reach)), k)
    )


def test_a_complete_map_leaves_no_doubt():
    served, reach, people = line(1)
    assert unmapped_count(6, 1.0) == 0
    found = facility_bounds(served, reach, people, unmapped=0)
    assert found.gap_lo == found.median == found.gap
    assert found.gap == pytest.approx(people[~served].sum() / people.sum())


@given(seed=st.integers(0, 500), k=st.integers(1, 4))
def test_lower_bound_is_the_brute_force_minimum_and_greedy_never_above_it(seed, k):
    served, reach, people = line(seed)
    truth = smallest_gap(served, reach, people, k)
    found = facility_bounds(served, reach, people, unmapped=k, draws=20)
    assert found.exact
    assert found.gap_lo == pytest.approx(truth, abs=1e-9)
    assert found.gap_lo - 1e-9 <= found.p05 <= found.median <= found.p95 <= found.gap + 1e-9
    cover = gap_bounds._greedy(reach, np.where(served, 0, people), k) / (1 - 1 / math.e)
    assert found.gap - cover / people.sum() <= truth + 1e-9


def test_the_lower_bound_sinks_as_completeness_falls_also_where_it_is_not_exact():
    served, reach, people = line(3, sites=60)
    bounds = [
        facility_bounds(served, reach, people, unmapped=unmapped_count(6, c), draws=20)
        for c in (1.0, 0.9, 0.7, 0.5, 0.3)
    ]
    assert all(a.gap_lo >= b.gap_lo for a, b in pairwise(bounds))
    assert not bounds[-1].exact


def test_verdicts_and_counts():
    served, reach, people = line(4)
    found = facility_bounds(served, reach, people, unmapped=2)
    assert found.verdict(found.gap) == "adequate"
    assert found.verdict((found.gap + found.gap_lo) / 2) == "cannot_tell"
    assert found.verdict(found.gap_lo / 2) == "falls_short"
    assert unmapped_count(6, 0.6) == 4
    assert unmapped_count(0, 0.5, expected=7) == 4
    assert facility_bounds(served, reach, people, unmapped=2) == found


def test_bad_input_is_refused():
    served, reach, people = line(5)
    with pytest.raises(StudyError, match="completeness"):
        unmapped_count(3, 0.0)
    with pytest.raises(StudyError, match="shapes"):
        facility_bounds(served[1:], reach, people, unmapped=1)
    with pytest.raises(StudyError, match="nobody"):
        facility_bounds(served, reach, people * 0, unmapped=1)
