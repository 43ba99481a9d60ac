"""Land budget: the worked numbers of the specification, and brute force beside every optimiser."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from kcity_geo.errors import LimitError, StudyError
from kcity_geo.planning.land_budget import (
    LandNeed,
    divide_site,
    least_hectares,
    least_site_ha,
    minimal_conflicts,
    most_that_fits,
    owner_gain,
    repairs,
    residential_ha,
)

EACH = 1e4 * residential_ha(
    1.0, far=1.8, household_persons=2.7, dwelling_gfa_m2=110.0, efficiency=0.85
)


def town(streets: float = 0.30, parks: tuple[float, float] = (0.18, 9.0)) -> list[LandNeed]:
    return [
        LandNeed(use="residential", m2_each=EACH),
        LandNeed(use="streets", share=streets),
        LandNeed(use="parks", share=parks[0], m2_each=parks[1]),
        LandNeed(use="public", share=0.12),
        LandNeed(use="commercial", share=0.05),
        LandNeed(use="utilities", share=0.01),
    ]


def test_45_000_people_on_300_ha_do_not_fit_and_three_numbers_say_what_would() -> None:
    least = least_hectares(town(), 300.0, 45_000)
    assert least["residential"] == pytest.approx(119.83, abs=0.005)
    assert least["parks"] == pytest.approx(54.0)
    assert sum(least.values()) == pytest.approx(317.83, abs=0.005)
    found = repairs(town(), 300.0, 45_000, far=1.8, dense=["residential"])
    assert found.most == pytest.approx(38_305.6, abs=0.1)
    assert found.far == pytest.approx(2.1146, abs=5e-5)
    assert found.streets_share == pytest.approx(0.2406, abs=5e-5)


def test_the_milder_parks_of_the_urban_development_act() -> None:
    needs = town(parks=(0.12, 9.0))
    found = repairs(needs, 300.0, 45_000, far=1.8, dense=["residential"])
    assert found.most == pytest.approx(43_786, abs=0.5)
    assert found.far == pytest.approx(1.8674, abs=5e-5)
    assert sum(least_hectares(needs, 300.0, 45_000).values()) == pytest.approx(304.33, abs=0.005)


def test_70_000_people_clash_in_exactly_three_minimal_sets() -> None:
    least = least_hectares(town(), 300.0, 70_000)
    assert least["parks"] == pytest.approx(63.0)
    assert sum(least.values()) == pytest.approx(393.40, abs=0.005)
    assert {frozenset(s) for s in minimal_conflicts(least, 300.0)} == {
        frozenset({"residential", "streets", "parks"}),
        frozenset({"residential", "streets", "public"}),
        frozenset({"residential", "parks", "public", "commercial"}),
    }


def test_37_179_people_fit_with_33_ha_to_spare() -> None:
    least = least_hectares(town(streets=0.20), 300.0, 37_179)
    assert sum(least.values()) == pytest.approx(267.0, abs=0.005)
    assert minimal_conflicts(least, 300.0) == ()


areas = st.lists(st.floats(0.0, 60.0), min_size=1, max_size=7)


@given(areas, st.floats(1.0, 150.0))
def test_conflicts_are_all_minimal_sets_and_only_those(sizes: list[float], site: float) -> None:
    least = {f"use {i}": size for i, size in enumerate(sizes)}
    room = site * (1 + 1e-9)
    brute: list[frozenset[str]] = []
    for count in range(1, len(least) + 1):
        for chosen in itertools.combinations(least, count):
            clash = sum(least[c] for c in chosen) > room
            if clash and not any(found < set(chosen) for found in brute):
                brute.append(frozenset(chosen))
    found = [frozenset(s) for s in minimal_conflicts(least, site)]
    assert len(found) == len(set(found))
    # Rows without area take no part; brute force never needs them either.
    assert set(found) == set(brute)


def test_more_than_twenty_requirements_are_refused() -> None:
    with pytest.raises(LimitError, match="up to 20"):
        minimal_conflicts({f"use {i}": 10.0 for i in range(21)}, 100.0)


needs_lists = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 0.4), st.floats(0, 80), st.floats(0, 20)),
    min_size=1,
    max_size=6,
)
USES = ("residential", "streets", "parks", "public")


@given(needs_lists, st.floats(10, 1000))
def test_the_linear_program_finds_what_bisection_finds(rows: list, site: float) -> None:
    needs = [LandNeed(use=USES[u], share=s, m2_each=m, hectares=h) for u, s, m, h in rows]
    found = most_that_fits(needs, site)

    def fits(target: float) -> bool:
        return sum(least_hectares(needs, site, target).values()) <= site * (1 + 1e-9)

    if not fits(0.0):
        assert math.isnan(found)
    elif max(n.m2_each for n in needs) == 0:
        assert math.isinf(found)
    else:
        low, high = 0.0, 1.0
        while fits(high) and high < 1e15:
            low, high = high, high * 2
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        if low < 1e12:
            assert found == pytest.approx(low, rel=1e-4, abs=1e-3)


@given(needs_lists, st.floats(100, 100_000))
def test_the_smallest_site_fits_and_a_smaller_one_does_not(rows: list, target: float) -> None:
    needs = [LandNeed(use=USES[u], share=s, m2_each=m, hectares=h) for u, s, m, h in rows]
    site = least_site_ha(needs, target)
    if math.isinf(site):
        assert sum(least_hectares(needs, 1e9, target).values()) >= 1e9 * (1 - 1e-6)
        return
    assert sum(least_hectares(needs, site, target).values()) <= site * (1 + 1e-6) + 1e-9
    if site > 1e-6:
        smaller = site * 0.999
        assert sum(least_hectares(needs, smaller, target).values()) > smaller


@settings(deadline=None)
@given(
    st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4),
    st.lists(st.floats(0.0, 40.0), min_size=4, max_size=4),
)
def test_a_divided_site_adds_up_and_departs_least_from_the_profile(
    weights: list[float], mins: list[float]
) -> None:
    shares = {u: w / sum(weights) for u, w in zip(USES, weights, strict=True)}
    least = dict(zip(USES, mins, strict=True))
    site = 100.0
    if sum(mins) > site:
        with pytest.raises(StudyError, match="least areas add"):
            divide_site(lambda _: least, shares, site)
        return
    found = divide_site(lambda _: least, shares, site)
    assert sum(found.values()) == pytest.approx(site, abs=1e-6)
    assert all(found[u] >= least[u] - 1e-6 for u in USES)
    # Brute force: minimise the largest excess x_u / (share_u site) over uses above their least.
    scale = np.array([shares[u] * site for u in USES])
    answer = linprog(
        [0, 0, 0, 0, 1],
        A_ub=np.c_[np.diag(1 / scale), -np.ones(4)],
        b_ub=np.zeros(4),
        A_eq=[[1, 1, 1, 1, 0]],
        b_eq=[site],
        bounds=[*((m, None) for m in mins), (0, None)],
    )
    worst = max(found[u] / s for u, s in zip(USES, scale, strict=True))
    assert worst == pytest.approx(answer.fun, rel=1e-5)


def test_land_readjustment_pays_from_the_stated_ratio_on() -> None:
    assert owner_gain(0.45, 1 / 0.55) == pytest.approx(0.0)
    assert pytest.approx(1.818, abs=5e-4) == 1 / 0.55
    assert owner_gain(0.45, 2.2) == pytest.approx(0.21)
