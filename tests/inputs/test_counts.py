"""Official counts against the people they serve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from kcity_geo.errors import StudyError
from kcity_geo.inputs.official import refuse_impossible_amounts, refuse_impossible_counts
from kcity_geo.notes import collected, muted

#: Forty thousand residents, somewhere unknown.
CUBE = xr.Dataset({"population": ("cell", np.array([30_000.0, 10_000.0, np.nan]))})


@pytest.mark.parametrize(
    ("key", "most"),
    [("transit_stops", 4000), ("health_facilities", 800), ("primary_schools", 400)],
)
def test_more_than_any_city_has_for_its_people_are_refused(key, most):
    refuse_impossible_counts({key: float(most)}, CUBE)
    with pytest.raises(StudyError, match=f"official: {key} = {most + 1:,} for 40,000 residents"):
        refuse_impossible_counts({key: most + 1.0}, CUBE)
    table = pd.DataFrame({key: [most, 1.0, np.nan]})
    with pytest.raises(StudyError, match=rf"official\.table: {key}"):
        refuse_impossible_counts({"table": table}, CUBE)


def test_a_hamlet_may_have_a_few_and_people_not_known_refuse_nothing():
    refuse_impossible_counts({"water_points": 20.0}, xr.Dataset({"population": ("cell", [3.0])}))
    refuse_impossible_counts({"water_points": 1e5}, xr.Dataset())


def _told(official, cube=CUBE):
    with muted(), collected() as notes:
        refuse_impossible_amounts(official, cube)
    return list(notes)


@pytest.mark.parametrize(
    ("key", "usual", "odd", "impossible"),
    [
        ("peak_demand_mw", 40.0, 4_000.0, 48_000.0),  # 1, 100 and 1,200 kW a resident
        ("water_supply_m3_day", 8_000.0, 240.0, 8e6),  # 200, 6 and 200,000 litres
        ("wastewater_capacity_m3_day", 8_000.0, 200_000.0, 2e7),
        ("water_storage_m3", 20_000.0, 4e9, 8e11),
    ],
)
def test_amounts_are_held_against_the_people(key, usual, odd, impossible):
    assert _told({key: usual}) == []
    assert _told({key: 0.0}) == []
    (note,) = _told({key: odd})
    assert note.startswith(f"official: {key} = {odd:,.12g} is ")
    assert "(40,000 residents)" in note
    for official in ({key: impossible}, {"table": pd.DataFrame({key: [impossible, np.nan]})}):
        with pytest.raises(StudyError, match=f"{key} = {impossible:,.12g} is .*no city has more"):
            refuse_impossible_amounts(official, CUBE)


def test_a_hamlet_beside_a_works_and_a_table_of_one_district_refuse_nothing():
    hamlet = xr.Dataset({"population": ("cell", [900.0])})
    assert len(_told({"peak_demand_mw": 5_000.0}, hamlet)) == 1
    table = pd.DataFrame(
        {"water_supply_m3_day": [200.0, np.nan]}
    )  # 5 litres, of one of two districts
    assert _told({"table": table}) == []
    assert len(_told({"table": table.fillna(1.0)})) == 1
    assert _told({"peak_demand_mw": 12_000.0}, xr.Dataset()) == []
    with pytest.raises(StudyError, match="10,100 residents"):
        refuse_impossible_amounts({"peak_demand_mw": 12_000.0, "population": 10_100}, xr.Dataset())
