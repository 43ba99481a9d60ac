"""Capacity and demand: the worked numbers, linearity, and headroom that stays unknown when it is unknown."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import (
    USES,
    assumptions_of,
    known_profiles,
    land_profile,
)
from kcity_geo.planning.capacity import capacity
from kcity_geo.planning.demand import (
    Asset,
    demand_of,
    detention_m3,
    distribution_transformers,
    headroom,
    headroom_words,
    transformers,
)
from kcity_geo.planning.phasing import PhaseShares
from kcity_geo.planning.works import concept_works
from kcity_geo.programme.plan_words import korean_plan

BASE = assumptions_of()


@pytest.mark.parametrize("profile", known_profiles())
def test_budgets_total_100_percent(profile: str) -> None:
    assert sum(land_profile(profile).share.values()) == pytest.approx(1.0, abs=1e-4)


def test_300_ha_of_new_town() -> None:
    town = land_profile("new_town")
    found = capacity({u: s * 300 for u, s in town.share.items()}, town, BASE)
    assert round(found.dwellings) == 13_770
    assert round(found.persons) == 37_179
    assert found.persons_per_ha == pytest.approx(123.9, abs=0.05)
    assert found.far_homes == pytest.approx(1.8)


def test_200_ha_of_industrial_complex() -> None:
    park = land_profile("industrial_complex")
    land = {u: s * 200 for u, s in park.share.items()}
    found = capacity(land, park, BASE)
    assert land["industry"] == pytest.approx(120.0)
    assert found.jobs_by_use["industry"] == pytest.approx(7_800)
    # 71.1 m3 per ha and day are net use; of it 80 % becomes sewage.
    need = demand_of(capacity({"industry": 120.0}, park, BASE), {"industry": 120.0}, BASE)
    assert need.sewage_m3_day == pytest.approx(8_532 * 0.8)
    assert need.water_m3_day == pytest.approx(8_532 / 0.85)
    assert need.power_mva == pytest.approx(84.0)
    assert need.power_mw == pytest.approx(75.6)


@given(
    st.lists(st.floats(0, 500), min_size=len(USES), max_size=len(USES)),
    st.floats(0.1, 10),
)
def test_demand_is_linear_in_the_land(areas: list[float], times: float) -> None:
    town = land_profile("new_town")
    land = dict(zip(USES, areas, strict=True))
    more = {use: area * times for use, area in land.items()}
    once = demand_of(capacity(land, town, BASE), land, BASE)
    grown = demand_of(capacity(more, town, BASE), more, BASE)
    for name, value in asdict(once.times(times)).items():
        # Homes of less than a millionth of a hectare are rounding.
        assert getattr(grown, name) == pytest.approx(value, rel=1e-6, abs=1e-3), name


def test_more_people_than_the_homes_hold_are_refused() -> None:
    town = land_profile("new_town")
    with pytest.raises(StudyError, match="99.0 ha of homes carry 37,179 persons"):
        capacity({"residential": 99.0, "parks": 201.0}, town, BASE, persons=40_000)


def test_transformers_carry_the_peak_when_one_fails() -> None:
    assert transformers(84.0) == (2, 84.0)
    number, size = transformers(84.0, most_mva=45.0)
    assert (number - 1) * size >= 84.0
    assert number == 3
    assert size <= 45.0
    with pytest.raises(StudyError):
        transformers(0.0)


def test_detention_never_goes_below_zero() -> None:
    assert detention_m3(0.7, 0.3, rain_mm_h=60, area_ha=100, minutes=60) == 0
    # 0.4 x 0.06 m/h x 1e6 m2 x 1 h
    assert detention_m3(0.3, 0.7, rain_mm_h=60, area_ha=100, minutes=60) == pytest.approx(24_000)


def test_unknown_assets_are_neither_enough_nor_short() -> None:
    land = {"residential": 99.0, "parks": 201.0}
    need = demand_of(capacity(land, land_profile("new_town"), BASE), land, BASE)
    told = headroom(
        need,
        [
            Asset(demand="sewage_m3_day", title="nothing known"),
            Asset(
                demand="sewage_m3_day",
                title="on the map",
                evidence="mapped",
                capacity=1e9,
                in_use=0.0,
            ),
            Asset(
                demand="sewage_m3_day",
                title="published",
                evidence="official",
                capacity=1e9,
                in_use=0.0,
            ),
            Asset(demand="sewage_m3_day", title="use not known", evidence="official", capacity=1e9),
            Asset(
                demand="sewage_m3_day",
                title="overloaded",
                evidence="official",
                capacity=1.0,
                in_use=5.0,
            ),
        ],
    ).set_index("asset")
    assert told["verdict"].to_dict() == {
        "nothing known": "unknown",
        "on the map": "unknown",
        "published": "enough",
        "use not known": "unknown",
        "overloaded": "short",
    }
    assert told.loc["overloaded", "spare"] == 0
    assert math.isnan(told.loc["on the map", "spare"])
    with pytest.raises(StudyError, match="no demand 'gas'"):
        headroom(need, [Asset(demand="gas", title="gas")])


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"shares": {"streets": 1.2}}, "from 0 to 1"),
        ({"shares": {"streets": 0.9, "parks": 0.5}}, "not 100 %"),
        ({"shares": {"residential": 0.5}}, "not 100 %"),
        ({"shares": {"roads": 0.2}}, "no such use of land"),
        ({"far": {"parks": 1.0}}, "nothing is built on parks"),
        ({"far": {"residential": 0}}, "above 0"),
    ],
)
def test_bad_profiles_are_refused(given_, told) -> None:
    with pytest.raises(StudyError, match=told):
        land_profile("new_town", **given_)


def test_a_profile_without_budget_names_those_that_have_one() -> None:
    with pytest.raises(StudyError, match="new_town, industrial_complex"):
        land_profile("solar_farm")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"household_person": 3}, "did you mean 'household_persons'"),
        ({"household_persons": 0}, "from 1 to 12"),
        ({"household_persons": float("nan")}, "must be a number"),
        ({"household_persons": True}, "must be a number"),
    ],
)
def test_bad_assumptions_are_refused(change, told) -> None:
    with pytest.raises(StudyError, match=told):
        assumptions_of(change)


def test_every_assumption_lies_in_its_range_and_says_where_it_is_from() -> None:
    for row in BASE.rows.values():
        assert row.min <= row.low <= row.value <= row.high <= row.max, row.id
        assert row.unit, row.id
        assert row.citation, row.id
        assert row.mark in {"V", "V2", "M", "D"}, row.id


def test_what_the_city_has_to_spare_is_told_in_words_and_unknown_is_never_enough() -> None:
    town, land = land_profile("new_town"), {"residential": 99.0, "parks": 201.0}
    need = demand_of(capacity(land, town, BASE), land, BASE)
    known = {"capacity": 1e9, "in_use": 0.0, "evidence": "official"}
    assets = [
        Asset(demand="water_max_day_m3", title="water supply of the city", **known),
        Asset(demand="sewage_m3_day", title="wastewater treatment of the city", **known | {"in_use": 1e9}),
        Asset(demand="power_mw", title="firm supply of the city"),
        Asset(demand="power_mva", title="nearest substation", evidence="mapped", distance_km=0.1),
    ]  # fmt: skip
    water, sewage, power = headroom_words(headroom(need, assets))
    assert "Water supply of the city: has room" in water
    assert "has too little room" in sewage
    assert power == "Power supply of the city: nobody knows whether it has room for the plan."
    for told in (water, sewage, power):
        assert "원문" not in korean_plan(told)


def test_transformers_and_connections_follow_load_dwellings_and_parcels() -> None:
    town = land_profile("new_town")
    land = {use: share * 300 for use, share in town.share.items()}
    carried = capacity(land, town, BASE)
    need = demand_of(carried, land, BASE)
    # 13,770 homes of 4 kVA at 0.4, 21 ha of commerce at FAR 2.5 and 36 ha of public at 0.8 with 80 VA/m2.
    kva = 13_770 * 4 * 0.4 + (21 * 2.5 + 36 * 0.8) * 1e4 * 80 / 1000
    assert need.low_voltage_mva * 1000 == pytest.approx(kva)
    assert need.power_mva * 1000 == pytest.approx(kva + 15 * BASE["kva_industry_ha"])
    count = math.ceil(kva / (75 * 0.8))
    each = {"each_kva": 75.0, "load_share": 0.8}
    assert distribution_transformers(need, dwellings_each=95.0, **each) == count > 13_770 / 95
    assert distribution_transformers(need, dwellings_each=5.0, **each) == 13_770 / 5
    works = concept_works(land, need, BASE, phases=PhaseShares(land=(0.25, 0.75)))
    total = {row: sum(w.amount for w in works if w.row == row) for row in {w.row for w in works}}
    assert total["service_transformer_75kva"] == pytest.approx(count)
    parcels = (99 + 36) * 1e4 / 2500 + 21 * 1e4 / 1500 + 15 * 1e4 / 6000
    assert total["water_connection"] == total["sewer_connection"] == pytest.approx(parcels)
    # 13,770 homes on 396 parcels: the smallest pipes over half a local street to each.
    half = 99e4 / 2500 * BASE["local_width_m"] / 2
    assert total["kr_water_main_d100"] == total["kr_sewer_d300_500"] == pytest.approx(half)
