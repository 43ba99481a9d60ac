"""Worked numbers of the domain pages that no other file asserts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.energy.balance import power_demand, power_supply
from kcity_geo.analysis.energy.solar import ground_potential
from kcity_geo.analysis.network.delays import tobler_kmh
from kcity_geo.analysis.terrain.relief import slope_pct
from kcity_geo.analysis.water.balance import wastewater, water_balance
from kcity_geo.settings import settings_of


def test_a_kilometre_up_and_down_ten_per_cent():
    assert float(60 / tobler_kmh(0.1) + 60 / tobler_kmh(-0.1)) == pytest.approx(28.817, abs=5e-4)


def test_cubic_metres_of_the_worked_city(toy):
    data = toy(
        arrays={"population": 120_000 / 1600},
        official={"water_supply_m3_day": 15_000, "wastewater_capacity_m3_day": 8_000},
    )
    _, w6 = water_balance(model_of(data))
    assert w6.details["shortfall_average_m3_day"] == pytest.approx(10_920)
    assert w6.details["shortfall_average_share"] == pytest.approx(0.4213, abs=5e-5)
    assert w6.details["shortfall_max_day_m3"] == pytest.approx(18_696)
    w4 = wastewater(model_of(data))
    assert w4.details["sewage_m3_day"] == pytest.approx(15_552)
    assert w4.area_gap == pytest.approx(0.4856, abs=5e-5)


def test_megawatt_hours_of_the_worked_city(toy):
    row = power_demand(model_of(toy(arrays={"population": 120_000 / 1600})))
    assert row.details["energy_mwh_year"] == pytest.approx(33_333.3, abs=0.05)
    assert "a household of tier 4, 1,250 kWh a year" in row.note
    assert "no industry" in row.note


def test_the_reserve_of_60_against_45_megawatts(toy):
    data = toy(official={"firm_capacity_mw": 60.0, "peak_demand_mw": 45.0})
    row = power_supply(model_of(data))
    assert row.details["reserve_share"] == pytest.approx(0.3333, abs=5e-5)
    assert row.area_gap == 0


def test_acres_of_a_solar_megawatt():
    hectares = 8.9 * 0.40468564
    assert hectares == pytest.approx(3.6017, abs=5e-5)
    assert settings_of("energy", None)["ha_per_mwac"] == pytest.approx(hectares, abs=5e-3)
    mw, _ = ground_potential(100, ghi_year=1800, ha_per_mwac=hectares, performance_ratio=0.8)
    assert mw == pytest.approx(27.76, abs=5e-3), "per km2"


def test_tiers_lie_where_the_planning_values_are_their_means():
    tiers = np.array(settings_of("energy", None)["tier_kwh_household_year"])
    assert ((tiers[1:] + tiers[:-1]) / 2).tolist() == [38.75, 219.0, 807.5, 2125.0]


@pytest.mark.parametrize(("degrees", "per_cent"), [(15, 26.8), (25, 46.6)])
def test_slopes_are_in_per_cent_not_degrees(degrees, per_cent):
    x = 500_000 + 30.0 * np.arange(6)
    z = np.tile((x - x[0]) * math.tan(math.radians(degrees)), (5, 1))
    dem = xr.DataArray(z, dims=("y", "x"), coords={"y": 5e6 - 30.0 * np.arange(5), "x": x})
    assert slope_pct(dem).to_numpy() == pytest.approx(per_cent, abs=0.05)
