"""Official counts against the people they serve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from kcity_geo.errors import StudyError
from kcity_geo.inputs.official import refuse_impossible_counts

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
