"""People spread over dwellings: all of them, nowhere else, and not invented without buildings."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from kcity_geo.analysis.settlement.dasymetric import people_from_districts, people_from_dwellings
from kcity_geo.city import make_city
from kcity_geo.cube import cell_centres, study_grid

CITY = make_city("C", shapely.box(7.40, 43.72, 7.44, 43.75))
GRID = study_grid(CITY, cell_m=250)
X, Y = cell_centres(GRID)
HERE = (GRID.shape[0] // 2) * GRID.shape[1] + GRID.shape[1] // 2


def houses(rows) -> gpd.GeoDataFrame:
    """(cell number, side m, use, levels) -> squares in the middle of the cells."""
    return gpd.GeoDataFrame(
        {"building": [r[2] for r in rows], "levels": [r[3] for r in rows]},
        geometry=[
            shapely.box(X[c] - s / 2, Y[c] - s / 2, X[c] + s / 2, Y[c] + s / 2)
            for c, s, _, _ in rows
        ],
        crs=CITY.crs,
    )


def test_floor_area_decides_and_nobody_is_lost() -> None:
    """20 m x 20 m x 3 floors against 20 m x 20 m x 1: three quarters and one quarter."""
    inside = [HERE, HERE + 1, HERE + 2]
    frame = houses(
        [
            (inside[0], 20, "yes", 3.0),
            (inside[1], 20, "house", np.nan),
            (inside[2], 90, "warehouse", 9.0),
        ]
    )
    found = people_from_dwellings(frame, total_persons=400, city=CITY, grid=GRID).ravel()
    assert found[inside[0]] == pytest.approx(300)
    assert found[inside[1]] == pytest.approx(100)
    assert found[inside[2]] == 0
    assert found.sum() == pytest.approx(400)


def test_without_dwellings_there_is_no_answer() -> None:
    assert people_from_dwellings(houses([]), total_persons=5, city=CITY, grid=GRID) is None
    barns = houses([(HERE, 20, "barn", 1.0)])
    assert people_from_dwellings(barns, total_persons=5, city=CITY, grid=GRID) is None


def test_people_of_a_district_stay_in_it_whatever_is_built() -> None:
    """Cell 1 belongs to both; B has nothing built and follows its land; C is not known."""
    shares = pd.DataFrame(
        {
            "cell": [0, 1, 1, 2, 3],
            "district_id": ["A", "A", "B", "B", "C"],
            "share": [1.0, 0.5, 0.5, 1.0, 1.0],
        }
    )
    persons = pd.Series({"A": 90.0, "B": 30.0, "C": np.nan})
    built = np.array([[100.0, np.nan, 0.0, 7.0]])
    found = people_from_districts(persons, shares, weight=built, land=np.ones((1, 4)))
    np.testing.assert_allclose(found, [[90.0, 10.0, 20.0, np.nan]])
