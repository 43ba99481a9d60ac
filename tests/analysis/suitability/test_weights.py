"""Weights: golden values of Saaty's method and of entropy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.suitability.weights import (
    ahp,
    blend_weights,
    entropies,
    entropy_weights,
    group_judgements,
    normalise_weights,
)
from kcity_geo.errors import StudyError

THREE = [[1, 3, 5], [1 / 3, 1, 3], [1 / 5, 1 / 3, 1]]
CIRCLE = [[1, 5, 1 / 3], [1 / 5, 1, 5], [3, 1 / 5, 1]]
FIVE = [
    [1, 2, 3, 3, 4],
    [1 / 2, 1, 2, 2, 3],
    [1 / 3, 1 / 2, 1, 1, 2],
    [1 / 3, 1 / 2, 1, 1, 2],
    [1 / 4, 1 / 3, 1 / 2, 1 / 2, 1],
]
SCORES = np.array([[0.9, 0.2, 0.5], [0.6, 0.8, 0.5], [0.3, 0.9, 0.5], [0.7, 0.5, 0.5]])


def test_golden_judgements_of_three():
    found = ahp(THREE)
    assert found.weights == pytest.approx([0.6370, 0.2583, 0.1047], abs=5e-5)
    assert found.lambda_max == pytest.approx(3.0385, abs=5e-5)
    assert found.consistency_index == pytest.approx(0.0193, abs=5e-5)
    assert found.consistency_ratio == pytest.approx(0.0332, abs=5e-5)
    rows = np.prod(THREE, axis=1) ** (1 / 3)  # geometric means: for three criteria the eigenvector
    assert found.weights == pytest.approx(rows / rows.sum(), abs=1e-4)


def test_golden_judgements_of_five():
    found = ahp(FIVE)
    assert found.weights == pytest.approx([0.403, 0.2444, 0.1367, 0.1367, 0.0791], abs=5e-5)
    assert found.lambda_max == pytest.approx(5.0331, abs=5e-5)
    assert found.consistency_ratio == pytest.approx(0.0074, abs=5e-5)


def test_circular_judgements_are_refused_with_the_worst_ones_named():
    found = ahp(CIRCLE, max_ratio=float("inf"))
    assert found.consistency_ratio == pytest.approx(2.1158, abs=5e-5)
    assert len(found.worst) == 3
    with pytest.raises(StudyError, match=r"ratio 2\.116.*slope against road"):
        ahp(CIRCLE, labels=["slope", "road", "power"])
    with pytest.raises(StudyError, match="inconsistent"):
        found.check()


def test_two_criteria_are_never_inconsistent():
    assert ahp([[1, 7], [1 / 7, 1]]).consistency_ratio == 0
    assert ahp([[1]]).weights.tolist() == [1.0]


@given(st.lists(st.floats(0.05, 20), min_size=2, max_size=8))
def test_consistent_judgements_give_back_their_weights(weights):
    w = np.array(weights) / np.sum(weights)
    found = ahp(w[:, None] / w[None, :])
    assert found.weights == pytest.approx(w, abs=1e-7)
    assert found.consistency_ratio == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        ([[1, 2]], "square"),
        ([[1, 2], [2, 1]], "must be 0.5"),
        ([[1, -2], [-0.5, 1]], "positive"),
        (np.ones((16, 16)), "at most 15"),
    ],
)
def test_bad_judgements_are_refused(matrix, text):
    with pytest.raises(StudyError, match=text):
        ahp(matrix)


def test_group_judgements_stay_reciprocal():
    merged = group_judgements([THREE, np.array(THREE).T])
    assert merged == pytest.approx(np.ones((3, 3)))
    with pytest.raises(
        StudyError,
        match="mayor.csv: judgements: slope against road is 0.5, so road against slope must be 2, not 3",
    ):
        group_judgements(
            [[[1, 2], [0.5, 1]], [[1, 0.5], [3, 1]]],
            labels=["slope", "road"],
            sources=["a.csv", "mayor.csv"],
        )
    with pytest.raises(StudyError, match="same criteria"):
        group_judgements([THREE, [[1, 2], [0.5, 1]]])


def test_golden_entropy():
    assert entropies(SCORES) == pytest.approx([0.9530, 0.9146, 1.0], abs=5e-5)
    assert entropy_weights(SCORES) == pytest.approx([0.3549, 0.6451, 0.0], abs=5e-5)


def test_entropy_without_contrast_is_equal_and_zeros_count_as_nothing():
    assert entropy_weights(np.full((3, 2), 0.4)).tolist() == [0.5, 0.5]
    assert entropies(np.array([[1.0], [0.0]])).tolist() == [0.0]
    with pytest.raises(StudyError, match="two alternatives"):
        entropy_weights(SCORES[:1])
    with pytest.raises(StudyError, match="zero or more"):
        entropy_weights(np.array([[np.nan], [1.0]]))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=6), st.floats(0.01, 100))
def test_weights_add_to_one_and_a_common_factor_changes_nothing(values, factor):
    named = {f"c{i}": v for i, v in enumerate(values)}
    if sum(values) <= 1e-9:
        return
    found = normalise_weights(named)
    assert sum(found.values()) == pytest.approx(1)
    scaled = normalise_weights({k: v * factor for k, v in named.items()})
    assert list(scaled.values()) == pytest.approx(list(found.values()))


def test_bad_weights_are_refused():
    with pytest.raises(StudyError, match=r"weights\.slope"):
        normalise_weights({"slope": -1, "road": 2})
    with pytest.raises(StudyError, match="all are zero"):
        normalise_weights({"slope": 0, "road": 0})
    with pytest.raises(StudyError, match="measured_share"):
        blend_weights(np.ones(2), np.ones(2), measured_share=2)
    assert blend_weights(np.array([3.0, 1.0]), np.array([0.0, 1.0])).tolist() == [0.375, 0.625]
