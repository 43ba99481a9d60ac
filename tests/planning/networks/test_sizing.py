"""Sewers, mains, lines and trenches: limits hold on any tree, and small cases by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import assumptions_of
from kcity_geo.planning.networks.checks import Checks
from kcity_geo.planning.networks.gravity import gravity_sewers
from kcity_geo.planning.networks.power import LineType, feeders, trunk_circuits
from kcity_geo.planning.networks.pressure import pressures_between, water_mains
from kcity_geo.planning.networks.route import Route
from kcity_geo.planning.networks.tables import gravity_rules, line_types, main_rules
from kcity_geo.planning.networks.trench import StreetLinks, shared_trench

RULES = gravity_rules(assumptions_of(), "sewer")
MAINS = main_rules(assumptions_of())


def random_route(seed: int, *, count: int = 25, relief_m: float = 40.0) -> Route:
    rng = np.random.default_rng(seed)
    parent = np.array([-1, *(int(rng.integers(0, i)) for i in range(1, count))])
    load = np.r_[0.0, rng.random(count - 1)]
    return Route(
        x=rng.random(count) * 1000,
        y=rng.random(count) * 1000,
        z=rng.random(count) * relief_m,
        parent=parent,
        length_m=np.r_[0.0, rng.uniform(20, 100, count - 1)],
        outside=np.zeros(count, dtype=bool),
        load=load / load.sum(),
    )


def line_of(heights: list[float], step: float = 100.0) -> Route:
    """A single line of places whose load is all at its far end; the first is the outlet."""
    count = len(heights)
    return Route(
        x=np.arange(count) * step,
        y=np.zeros(count),
        z=np.array(heights),
        parent=np.arange(count) - 1,
        length_m=np.r_[0.0, np.full(count - 1, step)],
        outside=np.zeros(count, dtype=bool),
        load=np.r_[np.zeros(count - 1), 1.0],
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from([0.0, 5.0, 60.0]), st.sampled_from([0.0005, 0.05, 3.0])
)
def test_sewers_keep_every_limit_on_any_ground(seed: int, relief: float, flow: float) -> None:
    route = random_route(seed, relief_m=relief)
    sizes = gravity_sewers(route, route.carried * flow, RULES)
    sizes["flow_m3_s"] = (route.carried * flow)[1:]
    checks = Checks()
    checks.gravity("sewer", sizes, RULES)
    assert checks.table()["met"].all(), checks.table()
    # A pipe never gets narrower downstream, and water that is not lifted never rises.
    for at in range(1, len(route)):
        to = route.parent[at]
        if to > 0:
            assert sizes.loc[to, "diameter_m"] >= sizes.loc[at, "diameter_m"]
            up, down = sizes.loc[at], sizes.loc[to]
            arrives = route.z[to] - up["depth_end_m"]
            assert route.z[to] - down["depth_start_m"] <= arrives + down["lift_m"] + 1e-9


def test_sewer_on_level_ground_goes_down_at_the_slope_that_keeps_it_clean() -> None:
    sizes = gravity_sewers(line_of([0.0] * 4), np.full(4, 0.005), RULES)
    assert sizes["slope"].tolist() == pytest.approx([0.004496] * 3, abs=5e-7)
    assert sizes["diameter_m"].tolist() == [0.2] * 3
    # 0.25 m of cover and the pipe, then 0.4496 m each 100 m.
    assert sizes.loc[1, "depth_end_m"] == pytest.approx(0.45 + 3 * 0.4496, abs=1e-3)
    assert (sizes["lift_m"] == 0).all()
    assert gravity_sewers(line_of([0.0, 0.0]), np.full(2, 0.0005), RULES)["slope"].tolist() == [
        pytest.approx(1 / 150, abs=1e-6)
    ]


def test_a_sewer_that_would_be_too_deep_is_lifted_once() -> None:
    # 18 steps of 0.4496 m from 0.45 m down: below 8 m after 16 of them.
    sizes = gravity_sewers(line_of([0.0] * 19), np.full(19, 0.005), RULES)
    assert (sizes["lift_m"] > 0).sum() == 1
    assert sizes["lift_m"].max() == pytest.approx(16 * 0.4496, abs=1e-2)
    # One step uphill higher than any trench: a pressure main over the whole rise.
    up = gravity_sewers(line_of([20.0, 0.0]), np.full(2, 0.005), RULES)
    assert up["pressed"].tolist() == [True]
    assert up["lift_m"].tolist() == pytest.approx([20.0])
    # Lift and friction: 9.81 Q H / 0.75.
    loss = 10.67 * 100 * 0.005**1.852 / (130**1.852 * 0.2**4.8704)
    assert up["pump_kw"].tolist() == pytest.approx([9.81 * 0.005 * (20 + loss) / 0.75])


def test_a_sewer_on_steep_ground_falls_in_manholes() -> None:
    sizes = gravity_sewers(line_of([0.0, 30.0]), np.full(2, 0.005), RULES)
    assert sizes.loc[1, "drops"] >= 3
    fastest = RULES.slopes(0.2, 0.005)[1]
    assert sizes.loc[1, "slope"] == pytest.approx(fastest)
    assert sizes.loc[1, "depth_end_m"] == pytest.approx(0.45)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from([0.0, 30.0, 200.0]), st.sampled_from([0.001, 0.05, 2.0])
)
def test_water_keeps_pressure_and_speed_on_any_ground(
    seed: int, relief: float, flow: float
) -> None:
    route = random_route(seed, relief_m=relief)
    sizes = water_mains(route, flow, MAINS)
    checks = Checks()
    checks.mains(route, sizes, MAINS)
    assert checks.table()["met"].all(), checks.table()
    # Head goes down by the loss, up by a booster and down in a valve only.
    for at in range(1, len(route)):
        row = sizes.links.loc[at]
        came = sizes.head_m[route.parent[at]] - row["loss_m"] + row["boost_m"]
        assert sizes.head_m[at] <= came + 1e-9
        if not row["valve"]:
            assert sizes.head_m[at] == pytest.approx(came)


def test_a_booster_and_a_valve_stand_where_the_ground_asks_for_them() -> None:
    flat = water_mains(line_of([0.0, 0.0, 0.0]), 0.01, MAINS)
    assert flat.pressure_m[-1] == pytest.approx(15.0)
    assert (flat.links["boost_m"] == 0).all()
    assert not flat.links["valve"].any()
    uphill = water_mains(line_of([0.0, 0.0, 80.0]), 0.01, MAINS)
    assert uphill.links["boost_m"].gt(0).tolist() == [False, True]
    # Over a hill: what the top needs is too much for the valley behind it.
    hill = water_mains(line_of([0.0, 70.0, 0.0]), 0.01, MAINS)
    assert hill.links["valve"].tolist() == [False, True]


def test_boosters_stand_where_they_lift_to_the_highest_pressure_and_no_farther() -> None:
    # 80 m up within 100 m, to 15 m of pressure: one booster lifts 45 m, from 15 to 60, the source the rest.
    route = line_of([0.0, 0.0, 80.0])
    up: Any = water_mains(route, 0.01, MAINS)
    climb = 80 + up.links.loc[2, "loss_m"]
    assert up.links.loc[2, "boost_m"] == pytest.approx(45)
    start = 15 + climb - 45
    assert up.pressure_m[1] == pytest.approx(start)
    assert up.links.loc[2, "stations"] == pytest.approx(((start - 15) / climb,))
    assert pressures_between(route, up) == pytest.approx([15, 60])
    # 120 m up: two of 45 m, the first where the pressure has fallen to 15 m, the second 45 m higher.
    high = line_of([0.0, 0.0, 120.0])
    two: Any = water_mains(high, 0.01, MAINS)
    assert two.links.loc[2, "boost_m"] == pytest.approx(90)
    assert np.diff(two.links.loc[2, "stations"]) == pytest.approx(
        [45 / (120 + two.links.loc[2, "loss_m"])]
    )
    assert pressures_between(high, two) == pytest.approx([15, 60, 15, 60])
    # Down 80 m two valves take half each, the first where the pressure reaches 60 m.
    down: Any = water_mains(line_of([0.0, 80.0, 0.0]), 0.01, MAINS)
    drop = 80 - down.links.loc[2, "loss_m"]
    assert down.links.loc[2, "drop_m"] == pytest.approx(drop)
    assert down.links.loc[2, "stations"][0] == pytest.approx(45 / drop)
    assert len(down.links.loc[2, "stations"]) == 2


def test_one_more_circuit_than_the_load_needs() -> None:
    line = line_types()[0]
    assert line.most_mva() == pytest.approx(math.sqrt(3) * 33 * 0.3)
    # 5 MW over 20 km lose 4.036 %: below 5 % one works and one stands by; below 3 % two and one.
    assert trunk_circuits(line, 5, 20, power_factor=0.9, drop_max=0.05)[0] == 2
    circuits, lost = trunk_circuits(line, 5, 20, power_factor=0.9, drop_max=0.03)
    assert (circuits, lost) == (3, pytest.approx(0.02018, abs=5e-6))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 20.0, 80.0]))
def test_feeders_keep_the_voltage_with_no_circuit_that_the_ampacity_does_not_ask_for(
    seed, load
) -> None:
    route, line = random_route(seed), line_types()[0]
    sizes = feeders(route, line, load, power_factor=0.9, drop_max=0.025)
    assert sizes["lost"].max() <= 0.025 * (1 + 1e-9)
    carry = sizes["load_mw"] / 0.9 / sizes["circuits"]
    assert carry.max() <= line.most_mva() * (1 + 1e-9)


def lattice(side: int, seed: int) -> StreetLinks:
    rng = np.random.default_rng(seed)
    number = np.arange(side * side).reshape(side, side)
    tail = np.r_[number[:, :-1].ravel(), number[:-1].ravel()]
    head = np.r_[number[:, 1:].ravel(), number[1:].ravel()]
    return StreetLinks(side * side, tail, head, rng.uniform(50, 150, len(tail)))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 5.0, 50.0]))
def test_sharing_a_trench_never_costs_more(seed: int, trench: float) -> None:
    streets, rng = lattice(6, seed), np.random.default_rng(seed)
    ends = {name: rng.choice(36, 5, replace=False) for name in ("water", "fibre")}
    found = shared_trench(streets, ends, {"water": 60.0, "fibre": 10.0}, trench_m=trench)
    assert found.saving >= 0
    if trench == 0:
        assert found.saving == pytest.approx(0.0, abs=1e-6)


def test_pipes_for_nothing_lie_in_one_tree() -> None:
    streets = lattice(6, 1)
    ends = {name: np.array([0, 17, 35, 30]) for name in ("water", "fibre", "power")}
    found = shared_trench(streets, ends, dict.fromkeys(ends, 0.0), trench_m=20.0)
    assert len({links.tobytes() for links in found.links.values()}) == 1
    assert found.saving == pytest.approx(2 * found.cost)


def test_shared_trench_equals_brute_force_on_a_square() -> None:
    # Four corners, water 0 to 3, fibre 1 to 2: alone each takes a way of two sides.
    streets = StreetLinks(
        4, np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3]), np.array([100.0, 101.0, 102.0, 103.0])
    )
    ends, pipe, trench = {"water": [0, 3], "fibre": [1, 2]}, {"water": 5.0, "fibre": 4.0}, 20.0
    ways = {"water": [(0, 2), (1, 3)], "fibre": [(0, 1), (2, 3)]}
    best = min(
        sum(pipe["water"] * streets.length_m[i] for i in w)
        + sum(pipe["fibre"] * streets.length_m[i] for i in f)
        + sum(trench * streets.length_m[i] for i in {*w, *f})
        for w, f in itertools.product(ways["water"], ways["fibre"])
    )
    found = shared_trench(streets, {k: np.array(v) for k, v in ends.items()}, pipe, trench_m=trench)
    assert found.cost == pytest.approx(best)


def test_bad_limits_are_one_line() -> None:
    known = assumptions_of({"sewer_trench_max_m": 2.0, "sewer_cover_min_m": 2.5})
    with pytest.raises(StudyError, match="do not fit into a trench of 2 m"):
        gravity_rules(known, "sewer")
    with pytest.raises(StudyError, match="leave none"):
        main_rules(assumptions_of({"water_pressure_min_m": 50.0, "water_pressure_max_m": 20.0}))
    with pytest.raises(StudyError, match="must cost something"):
        shared_trench(lattice(2, 0), {"water": np.array([0, 3])}, {"water": 0.0}, trench_m=0.0)
    assert isinstance(line_types()[1], LineType)
