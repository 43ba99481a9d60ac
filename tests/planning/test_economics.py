"""Economics: the worked numbers, and properties that a wrong formula would break."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.notes import collected, muted
from kcity_geo.planning.cash_flows import (
    benefit_cost_ratio,
    capital_recovery_factor,
    levelised_cost,
    net_present_value,
    payback_year,
    rates_of_return,
)
from kcity_geo.planning.economics import Stream, appraise, sensitivity, switching_values
from kcity_geo.planning.ppp import ppp_score
from kcity_geo.planning.road_appraisal import RoadProject, appraise_road, savings_per_vehicle_km

FLOWS = [-100, -50, *[20] * 18]
STREAMS = [
    Stream(kind="capital", values=(100, 50)),
    Stream(kind="time_savings", values=(0, 0, *[20] * 18)),
]


def test_worked_cash_flow() -> None:
    assert net_present_value(0.09, FLOWS) == pytest.approx(14.782, abs=5e-4)
    assert rates_of_return(FLOWS) == pytest.approx((0.10356,), abs=5e-6)
    assert benefit_cost_ratio(0.09, [0, 0, *[20] * 18], [100, 50]) == pytest.approx(
        1.1013, abs=5e-5
    )
    assert switching_values(STREAMS, rates=[0.09]).loc[0.09, "benefits"] == pytest.approx(
        -0.092, abs=5e-4
    )


def test_worked_land_sale() -> None:
    flows = [-100, 0, 0, 30, 40, 50, 40]
    assert rates_of_return(flows) == pytest.approx((0.10838,), abs=5e-6)
    assert net_present_value(0.10, flows) == pytest.approx(3.485, abs=5e-4)


def test_worked_annuities() -> None:
    assert capital_recovery_factor(0.08, 25) == pytest.approx(0.09368, abs=5e-6)
    assert capital_recovery_factor(0.0, 25) == pytest.approx(0.04)
    cost = levelised_cost(800, 0.18 * 8760, rate=0.08, years=25, upkeep_share=0.015)
    assert cost == pytest.approx(0.0551, abs=5e-5)


def test_worked_road_to_three_decimals() -> None:
    assert sum(savings_per_vehicle_km().values()) == pytest.approx(0.1651, abs=5e-5)
    road = RoadProject(
        length_km=10, vehicles_day=2000, growth_share=0.035, cost=4e6, spending=(0.4, 0.3, 0.3),
        operating_years=20, upkeep_before_km=2560, upkeep_after_km=4500,
    )  # fmt: skip
    found: Any = appraise_road(road)
    assert round(found.internal_rate * 100, 3) == 27.807
    assert round(found.by_rate.loc[0.09, "npv"] / 1e6, 3) == 9.329
    assert round(found.by_rate.loc[0.12, "npv"] / 1e6, 3) == 6.204
    assert found.by_rate.index.tolist() == [0.045, 0.06, 0.09, 0.12]


def test_a_road_that_returns_more_than_40_percent_is_questioned() -> None:
    road = RoadProject(
        length_km=10,
        vehicles_day=9000,
        growth_share=0.035,
        cost=4e6,
        spending=(1.0,),
        operating_years=20,
    )
    with pytest.warns(KCityWarning, match="above 40%"):
        assert appraise_road(road).internal_rate > 0.40


@pytest.mark.parametrize(
    "change", [{"length_km": 0}, {"spending": (0.5, 0.4)}, {"operating_years": 0}, {"cost": -1}]
)
def test_bad_roads_are_refused(change) -> None:
    good = {
        "length_km": 1, "vehicles_day": 1, "growth_share": 0, "cost": 1, "spending": (1.0,),
        "operating_years": 1,
    }  # fmt: skip
    with pytest.raises(StudyError):
        RoadProject(**{**good, **change})


@given(
    st.lists(st.floats(1, 1e6), min_size=1, max_size=4),
    st.lists(st.floats(1, 1e6), min_size=1, max_size=30),
)
def test_the_single_rate_makes_the_present_value_zero(costs: list, gains: list) -> None:
    flows = [*(-c for c in costs), *gains]
    found = rates_of_return(flows)
    assert len(found) == 1
    assert found[0] > -1
    discounted = np.array(flows) * (1 + found[0]) ** -np.arange(len(flows), dtype=float)
    assert discounted.sum() == pytest.approx(0.0, abs=1e-6 * np.abs(discounted).max())


@given(st.floats(-0.5, 1.0), st.floats(-0.5, 1.0))
def test_two_rates_are_both_found_and_none_is_quoted(a: float, b: float) -> None:
    assume(abs(a - b) > 0.01)
    flows = np.poly([1 + a, 1 + b]) * -100
    assert rates_of_return(flows) == pytest.approx(sorted((a, b)), abs=1e-5)


def test_flows_of_one_sign_have_no_rate() -> None:
    assert rates_of_return([-1, -2]) == ()
    assert rates_of_return([0, 0]) == ()
    with muted(), collected() as notes:
        small = [Stream(kind="capital", values=(9, 9)), Stream(kind="health", values=(1, 1))]
        assert math.isnan(appraise(small).internal_rate)
    assert any("no rate of return" in note for note in notes)


@given(st.lists(st.floats(0, 1000), min_size=3, max_size=20), st.floats(0.01, 0.3))
def test_at_its_switching_value_a_stream_makes_the_present_value_zero(gains, rate) -> None:
    assume(sum(gains) > 1)
    streams = [Stream(kind="capital", values=(100.0,)), Stream(kind="health", values=tuple(gains))]
    change = switching_values(streams, rates=[rate])
    gained = np.array(gains) * (1 + change.loc[rate, "health"])
    assert net_present_value(rate, gained) == pytest.approx(100.0, rel=1e-6)
    spent = 100.0 * (1 + change.loc[rate, "capital"])
    assert net_present_value(rate, gains) == pytest.approx(spent, rel=1e-6, abs=1e-9)


def test_the_same_gain_is_not_counted_twice() -> None:
    with pytest.raises(
        StudyError, match="time_savings and land_value_uplift measure the same gain"
    ):
        appraise([*STREAMS, Stream(kind="land_value_uplift", values=(0, 5))])


def test_take_up_scales_what_grows_with_it_and_nothing_else() -> None:
    streams = [
        Stream(kind="capital", values=(100, 50)),
        Stream(kind="health", values=(0, 0, *[20] * 18), grows_with_take_up=True),
        Stream(kind="greenhouse_gas", values=(0, 0, *[20] * 18)),
    ]
    full: Any = appraise(streams)
    half: Any = appraise(streams, take_up=0.5)
    gain = net_present_value(0.09, [0, 0, *[20] * 18])
    assert full.by_rate.loc[0.09, "benefits"] == pytest.approx(2 * gain)
    assert half.by_rate.loc[0.09, "benefits"] == pytest.approx(1.5 * gain)
    with pytest.raises(StudyError, match="from 0 to 1"):
        appraise(streams, take_up=1.2)


def test_required_benefit_pays_for_everything() -> None:
    with muted(), collected() as notes:
        bare = appraise([Stream(kind="capital", values=(100, 50, 0, 0, 0, 0))])
    assert any("no benefit" in note for note in notes)
    each = bare.required_benefit(0.09)
    assert net_present_value(0.09, [-100, -50, each, each, each, each]) == pytest.approx(
        0, abs=1e-9
    )


def test_sensitivity_falls_with_cost_and_delay_and_rises_with_benefit() -> None:
    grid = sensitivity(STREAMS, rate=0.09)
    still = grid[(grid.delay_years == 0) & (grid.benefit_change == 0)].sort_values("cost_change")
    assert (np.diff(still["npv"]) < 0).all()
    gains = grid[(grid.delay_years == 0) & (grid.cost_change == 0)].sort_values("benefit_change")
    assert (np.diff(gains["npv"]) > 0).all()
    late = grid[(grid.cost_change == 0) & (grid.benefit_change == 0)].sort_values("delay_years")
    assert (np.diff(late["npv"]) < 0).all()
    # One year late within the same horizon: the first 17 of 18 benefits, a year later each.
    by_hand = net_present_value(0.09, [-100, -50, 0, *[20] * 17])
    assert late["npv"].iloc[1] == pytest.approx(by_hand)


def test_payback_is_the_last_time_the_sum_turns() -> None:
    assert payback_year([-100, 40, 40, 40]) == pytest.approx(2.5)
    assert math.isinf(payback_year([-100, 40]))
    assert payback_year([-10, 20, -15, 20]) == pytest.approx(2 + 5 / 20)
    assert payback_year([5, 1]) == 0.0


@pytest.mark.parametrize(
    ("values", "kind"),
    [((-1.0, 2.0), "capital"), ((float("nan"), 1.0), "health"), ((1.0, 1.0), "luck")],
)
def test_bad_streams_are_refused(values, kind) -> None:
    with pytest.raises(StudyError):
        Stream(kind=kind, values=values)


def test_ppp_screen_keeps_what_is_not_known_open() -> None:
    assert ppp_score({}) == (0.0, 100.0, "open")
    assert ppp_score({"strategic_suitability": 0.0, "ppp_suitability": 0.0})[2] == "no candidate"
    with pytest.raises(StudyError, match="no area 'luck'"):
        ppp_score({"luck": 1.0})
