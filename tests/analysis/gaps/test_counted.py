"""Facilities as the city's districts count them: what is missing is missing there and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.completed import Completion, Places
from kcity_geo.analysis.gaps.counted import counted
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.errors import KCityWarning
from kcity_geo.notes import muted


def schools(*places: tuple[float, float]):
    rows = [{"amenity": "school", "kind": "school"} for _ in places]
    return toy_layer(rows, [shapely.Point(p) for p in places])


def town(*places: tuple[float, float], **official: object) -> CityModel:
    """Four districts, a quarter each, with 20,000 people each."""
    data = make_toy(arrays={"population": 50.0}, layers={"school": schools(*places)})
    return CityModel(replace(data, official={**data.official, **official}))


def by_district(model: CityModel, **numbers: float) -> pd.DataFrame:
    ids = model.city.districts["district_id"].astype(str)
    return pd.DataFrame(
        {"primary_schools": [numbers.get(name, np.nan) for name in ids]},
        index=pd.Index(ids, name="district_id"),
    )


IDS = tuple(town().city.districts["district_id"].astype(str))


def quarter(model: CityModel, name: str) -> np.ndarray:
    return model.main_district == name


def drawn(model: CityModel, draws: int = 60) -> np.ndarray:
    """Missing schools in each draw, shape (draws, rows, cols)."""
    whole = Completion(model, seed=7, count=draws)
    place = Places(whole, slice(0, model.grid.shape[0]))
    return np.stack([place.missing_sites("school", draw) for draw in range(draws)])


def test_what_a_district_counts_is_missing_there_and_nowhere_else():
    numbers = dict(zip(IDS, (9.0, 0.0, 0.0, 0.0), strict=True))
    model = town(table=by_district(town(), **numbers))
    found = drawn(model)
    here = quarter(model, IDS[0])
    assert not found[:, ~here].any()
    assert found[:, here].sum(axis=1).mean() == pytest.approx(9.0, rel=0.15)
    count = counted(model)["school"]
    assert (count.official, count.missing) == (9.0, 9.0)
    assert count.shown_cells()[here].max() == 0.0
    assert (count.shown_cells()[~here] == 1.0).all()  # all nought of them


def test_the_rest_of_the_city_has_what_the_city_number_leaves():
    numbers = {IDS[0]: 3.0}
    model = town(table=by_district(town(), **numbers), primary_schools=9.0)
    here, found = quarter(model, IDS[0]), drawn(model)
    assert found[:, here].sum(axis=1).mean() == pytest.approx(3.0, rel=0.25)
    assert found[:, ~here].sum(axis=1).mean() == pytest.approx(6.0, rel=0.2)


@pytest.mark.filterwarnings("ignore:.*their sum says nothing:kcity_geo.errors.KCityWarning")
def test_where_nobody_counted_the_norm_speaks_as_without_a_table():
    plain = town()
    model = town(table=by_district(plain, **{IDS[0]: 0.0}))
    here = quarter(model, IDS[0])
    found, before = drawn(model, 20), drawn(plain, 20)
    assert not found[:, here].any()
    assert before[:, here].any()
    assert (found[:, ~here] == before[:, ~here]).all()
    assert np.isnan(counted(model)["school"].shown_cells()[~here]).all()


def test_a_count_of_a_district_that_the_map_contradicts_is_told_and_not_used():
    places = [(300.0 + 400 * i, 300.0) for i in range(4)]
    plain = town(*places)
    shown = plain.main_district[-4, 4]
    model = town(*places, table=by_district(plain, **{**dict.fromkeys(IDS, 4.0), shown: 1.0}))
    with pytest.warns(
        KCityWarning, match=rf"1 of 4 districts is far below the map \({shown} 1, the map shows 4"
    ):
        count = counted(model)["school"]
    assert np.isnan(count.shown_cells()[quarter(model, shown)]).all()
    assert (count.shown_cells()[~quarter(model, shown)] == 0.0).all()


def test_a_city_number_far_from_its_table_stands_alone():
    numbers = dict.fromkeys(IDS, 10.0)
    model = town(table=by_district(town(), **numbers), primary_schools=12.0)
    with muted():
        count = counted(model)["school"]
    assert count.lacking.tolist() == [12.0]
    assert (count.area == 0).all()
