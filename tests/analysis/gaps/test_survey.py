"""Where to look first: few people, areas that can be walked, the best first, each with what to look for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.parts import Parts
from kcity_geo.analysis.gaps.survey import survey_table
from kcity_geo.analysis.gaps.words import reading_codes
from kcity_geo.config import read_table
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.result import SECTORS
from kcity_geo.retold import made

RULE = read_table("readings")["survey"]
PEOPLE = np.random.default_rng(3).integers(0, 60, (40, 40)).astype(float)
CITY = CityModel(make_toy(arrays={"population": PEOPLE}))


def part(short: np.ndarray, evidence: np.ndarray) -> Parts:
    """A sector of which only the chance of falling short and the evidence matter."""
    middle = 0.6 * short
    return Parts(
        raw=middle,
        lo=middle,
        mid=middle,
        hi=middle,
        short=short,
        evidence=evidence,
        reading=reading_codes(short, middle, evidence),
        assessed_weight=np.ones(short.shape),
        unit_draws=np.zeros((0, 5)),
        short_draws=np.zeros(0),
    )


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), known=st.floats(0.0, 1.0))
def test_tasks_are_few_walkable_and_in_order(seed: int, known: float) -> None:
    rng = np.random.default_rng(seed)
    parts = {
        sector: part(rng.random(PEOPLE.shape).round(2), known * rng.random(PEOPLE.shape))
        for sector in SECTORS
    }
    tasks = survey_table(CITY, parts)
    assert len(tasks) > 0
    assert tasks["population"].sum() <= RULE["people_share"] * PEOPLE.sum() * 1.001
    sides = int(np.sqrt(RULE["squares_most"])) * RULE["square_m"]
    box = tasks.bounds
    assert (box["maxx"] - box["minx"]).max() <= sides + 1e-6
    assert (box["maxy"] - box["miny"]).max() <= sides + 1e-6
    assert tasks.area.max() <= RULE["squares_most"] * RULE["square_m"] ** 2 + 1e-3
    assert tasks["priority"].is_monotonic_decreasing
    assert tasks["rank"].tolist() == list(range(1, len(tasks) + 1))
    assert (tasks["people_open"] <= tasks["population"] + 1e-6).all()
    for row in tasks.itertuples():
        assert row.look_for == made(f"look_for_{row.sector}")
        assert row.district


def test_where_most_people_may_read_otherwise_comes_first() -> None:
    """Only one square is open, and of its sectors only water: that is where to go and what for."""
    sure, short = np.ones(PEOPLE.shape), np.zeros(PEOPLE.shape)
    open_ = sure.copy()
    open_[:5, :5] = 0.1
    parts = {sector: part(short, open_ if sector == "water" else sure) for sector in SECTORS}
    tasks = survey_table(CITY, parts)
    assert len(tasks) == 1
    assert tasks["sector"].iloc[0] == "water"
    assert "water points" in tasks["look_for"].iloc[0]
    assert tasks["people_open"].iloc[0] == pytest.approx(PEOPLE[:5, :5].sum())


def test_nobody_is_sent_where_nothing_is_open() -> None:
    """Short in three of four cases by fair data: told as such, so "nobody can tell of: 0" asks for nothing."""
    told = part(np.full(PEOPLE.shape, 0.75), np.full(PEOPLE.shape, 0.5))
    assert survey_table(CITY, dict.fromkeys(SECTORS, told)).empty
    open_ = part(np.where(np.arange(40) < 5, 0.5, 0.75) * np.ones(PEOPLE.shape), told.evidence)
    tasks = survey_table(CITY, {**dict.fromkeys(SECTORS, told), "energy": open_})
    assert (tasks["people_open"] >= 1).all()
    assert set(tasks["sector"]) == {"energy"}


def test_where_everything_is_known_nobody_is_sent() -> None:
    sure, short = np.ones(PEOPLE.shape), np.zeros(PEOPLE.shape)
    assert survey_table(CITY, {sector: part(short, sure) for sector in SECTORS}).empty


def test_in_a_city_of_one_district_a_task_has_the_name_of_the_place_that_is_nearest() -> None:
    """Of a city with districts theirs; never that of a place that is far away."""
    open_ = np.ones(PEOPLE.shape)
    open_[:5, :5] = 0.1  # the north-west, whose middle is 250 m and 3,750 m
    sure, short = np.ones(PEOPLE.shape), np.zeros(PEOPLE.shape)
    parts = {sector: part(short, open_ if sector == "water" else sure) for sector in SECTORS}
    spots = {"Far": (3000, 3750), "Near": (700, 3500), "Whole": (300, 3750)}
    kinds = {"Far": "suburb", "Near": "quarter", "Whole": "city"}

    def named(*places: str, districts: int) -> str:
        rows = [{"place": kinds[name], "name": name} for name in places]
        layer = toy_layer(rows, [shapely.Point(spots[name]) for name in places])
        data = make_toy(arrays={"population": PEOPLE}, layers={"place": layer})
        city = replace(data.city, districts=data.city.districts.iloc[:districts])
        return survey_table(CityModel(replace(data, city=city)), parts)["district"].iloc[0]

    own = str(CITY.city.districts["name"].iloc[0])
    assert named("Far", "Near", "Whole", districts=4) == "NW"
    assert named("Far", "Near", "Whole", districts=1) == "Near"
    assert named("Far", "Whole", districts=1) == own
