"""The forecast: a base year, a bound, and nothing from the year zero."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.evidence.horizon import growth_factor
from kcity_geo.notes import collected, muted


@pytest.mark.parametrize(
    ("base", "horizon", "growth", "factor"),
    [
        (2025, 2026, 0.02, 1.02),
        (2025, 2027, 0.1, 1.21),
        (2025, 2025, 0.3, 1.0),
        (2030, 2025, 0.3, 1.0),  # a horizon that has passed
        (2025, 2027, -0.5, 0.25),
        (2000, 2100, 0.02, 7.2446461),  # 1.02 ** 100
    ],
)
def test_growth_is_compound(base, horizon, growth, factor) -> None:
    assert growth_factor(base, horizon, growth, most=10) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("base", "horizon", "growth", "words"),
    [
        (0, 2050, 0.02, "official.year"),  # 4.2e17 times as many
        (0, 15, 0.02, "official.year"),  # the year 15
        (0, 0, 0.0, "official.year"),
        (-1, 2050, 0.02, "official.year"),
        (2025, 2200, 0.02, "32 times|times as many"),  # 1.02 ** 175 = 32
        (2025, 2040, 0.49, "times as many"),
        (2025, 2040, -0.4, "times as many"),
        (1900, 2025, 0.02, "times as many"),
    ],
)
def test_no_forecast_is_told_and_never_a_number(base, horizon, growth, words) -> None:
    with muted(), collected() as notes:
        assert math.isnan(growth_factor(base, horizon, growth, most=10))
    assert len(notes) == 1
    assert any(word in notes[0] for word in words.split("|"))


@given(st.integers(-3000, 3000), st.integers(0, 2200), st.floats(-0.5, 0.5), st.floats(1.0, 100.0))
def test_no_factor_is_beyond_its_bound(base, horizon, growth, most) -> None:
    with muted():
        factor = growth_factor(base, horizon, growth, most=most)
    assert math.isnan(factor) or 1 / most <= factor <= most
