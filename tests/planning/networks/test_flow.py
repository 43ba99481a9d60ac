"""Sewers, mains and lines: worked numbers."""

from __future__ import annotations

import math

import pytest

from kcity_geo.analysis.water.pumping import friction_head_m
from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.flow import (
    full_flow_m3_s,
    part_full,
    peak_factor,
    self_cleansing_slope,
    velocity_ms,
    voltage_drop_share,
)


@pytest.mark.parametrize(
    ("diameter", "slope", "one_in"),
    [(0.2, 0.004496, 222), (0.3, 0.002618, 382), (0.5, 0.001325, 755)],
)
def test_self_cleansing_slopes(diameter, slope, one_in) -> None:
    found = self_cleansing_slope(diameter, velocity_ms=0.7, roughness_n=0.013)
    assert found == pytest.approx(slope, abs=5e-7)
    assert round(1 / found) == one_in
    assert velocity_ms(diameter, found, roughness_n=0.013) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("persons", "factors"),
    [(1_000, (5.0, 3.8, 5.0)), (10_000, (3.155, 2.955, 3.406)), (120_000, (1.919, 1.936, 2.251))],
)
def test_peak_factors(persons, factors) -> None:
    names = ("Babbitt", "Harman", "Gifft")
    found = [peak_factor(persons, formula=name, most=6) for name in names]
    assert found == pytest.approx(factors, abs=5e-4)
    assert peak_factor(1, formula="Babbitt", most=6) == 6


def test_head_loss_of_a_300_mm_main_at_50_litres_a_second() -> None:
    assert friction_head_m(1000, 0.05, c=130, diameter_m=0.3) == pytest.approx(1.779, abs=5e-4)


def test_voltage_drop_of_five_megawatt_over_twenty_km() -> None:
    found = voltage_drop_share(5, 20, voltage_kv=33, ohm_km=(0.27, 0.35), power_factor=0.9)
    assert found == pytest.approx(0.04036, abs=5e-6)


def test_a_pipe_that_is_partly_full() -> None:
    assert part_full(1.0) == pytest.approx((1.0, 1.0))
    # At 0.7 of the diameter: area and radius from the segment of the circle.
    angle = 2 * math.acos(-0.4)
    area, radius = (angle - math.sin(angle)) / (2 * math.pi), 1 - math.sin(angle) / angle
    assert part_full(0.7) == pytest.approx((area * radius ** (2 / 3), radius ** (2 / 3)))
    assert full_flow_m3_s(0.3, 0.01, roughness_n=0.013) == pytest.approx(0.0967, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: velocity_ms(0, 0.1, roughness_n=0.013), "diameter 0 m"),
        (lambda: peak_factor(10, formula="Fair", most=6), "Babbitt, Harman, Gifft"),
        (lambda: part_full(1.2), "at most 1"),
        (
            lambda: voltage_drop_share(5, 1, voltage_kv=0, ohm_km=(1, 1), power_factor=0.9),
            "are no line",
        ),
    ],
)
def test_bad_input_is_one_line(call, told) -> None:
    with pytest.raises(StudyError, match=told):
        call()
