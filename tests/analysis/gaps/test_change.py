"""Two dates of one city: what was built, what was only mapped, who moved between readings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.gaps.change import Change, built_at_most, diff, moved_people
from kcity_geo.analysis.gaps.combine import assess_gaps
from kcity_geo.analysis.gaps.words import READINGS
from kcity_geo.demo.toy import make_toy, toy_layer
from kcity_geo.errors import StudyError
from kcity_geo.notes import collected, muted
from kcity_geo.result import Indicator
from kcity_geo.studyfile import Study


def city(clinics: int, when: str, gap: float):
    rows = [{"amenity": "clinic", "kind": "clinic"}] * clinics
    points = [shapely.Point(100 + 50 * i, 500) for i in range(clinics)]
    layers = {"health": toy_layer(rows, points)}
    data = replace(make_toy(arrays={"population": 10.0}, layers=layers), osm_date=when)
    shape = data.grid.shape
    row = Indicator(id="W8", value=gap, units="share", gap=np.full(shape, gap), evidence="user")
    return data, assess_gaps(model_of(data), [row], draws=20)


def test_twelve_new_clinics_in_ten_years_were_mapped_and_four_of_eighty_cannot_be_told():
    one = city(1, "2013-08-03", 0.0)
    many = diff(*one, *city(13, "2024-03-04", 1.0))
    health = many.layers.set_index("layer").loc["health"]
    # 13 * (1 - 1.03 ** -10.58) = 3.49 can be built since; 12 - 3.49 were there before.
    assert health["built_most"] == pytest.approx(3.49, abs=0.01)
    assert health["mapped_least"] == pytest.approx(8.51, abs=0.01)
    assert health["because"] == "mapped"
    few = diff(*city(76, "2013-08-03", 0.0), *city(80, "2024-03-04", 0.0))
    assert few.layers.set_index("layer").loc["health", "because"] == "cannot tell"
    gone = diff(*city(3, "2013-08-03", 0.0), *city(1, "2024-03-04", 0.0))
    assert gone.layers.set_index("layer").loc["health", "because"] == "gone from the map"
    assert "health" not in set(diff(*one, *one).layers["layer"])
    # Sixteen thousand people, all moved from hardly to flood-prone.
    assert many.became("flood", "adequate", "falls_short") == pytest.approx(16_000)
    table = many.table("flood")
    assert table.loc["Hardly flood-prone", "Flood-prone"] == pytest.approx(16_000)
    assert any("clinics and doctors 1 to 13" in line for line in many.lines())


def test_everybody_is_in_the_table_once_and_causes_hold_those_who_moved():
    found = diff(*city(1, "2013-08-03", 0.0), *city(13, "2024-03-04", 1.0))
    for level, rows in found.readings.groupby("level"):
        assert rows["persons"].sum() == pytest.approx(16_000), level
        assert {"before", "after"} <= set(rows)
    moved = found.because.set_index(["level", "because"])["persons"]
    assert moved["flood"].sum() == pytest.approx(16_000)
    assert moved["energy"].sum() == 0
    assert len(READINGS) == 7


@given(st.floats(0, 1e6), st.floats(0, 60), st.floats(0, 0.2))
def test_what_can_be_built_grows_with_time_and_never_passes_what_stands(after, years, growth):
    found = built_at_most(after, years, growth_share_year=growth)
    assert 0 <= found <= after
    assert found <= built_at_most(after, years + 1, growth_share_year=growth) + 1e-9
    assert built_at_most(after, 0, growth_share_year=growth) == 0


def test_two_cities_without_a_common_cell_are_refused():
    data, gaps = city(1, "2013-08-03", 0.0)
    other = make_toy(size_m=2000, cell_m=200)
    with pytest.raises(StudyError, match="share no cells"):
        diff(data, gaps, other, assess_gaps(model_of(other), []))


def test_studies_with_other_assumptions_are_told():
    """What moves then moved by itself."""
    one, gaps = city(1, "2013-08-03", 0.0)
    other = replace(one, study=Study(water={"lpcd": 90.0}, priors={"power": {"rural": 0.3}}))
    with muted(), collected() as notes:
        diff(one, gaps, other, gaps)
        diff(one, gaps, one, gaps)
    assert len(notes) == 1
    assert "differ in their assumptions (water, priors)" in notes[0]


@pytest.mark.parametrize(
    ("study", "key"),
    [
        (Study(readings={"short": 0.5}), "readings.short"),
        (Study(standards={"W1": {"target": 15.0}}), "standards.W1.target"),
    ],
)
def test_other_standards_or_readings_are_refused_and_defaults_spelt_out_are_not(study, key):
    one, gaps = city(1, "2013-08-03", 0.0)
    with pytest.raises(StudyError, match=rf"differ in {key}, so that"):
        diff(one, gaps, replace(one, study=study), gaps)
    same = replace(one, study=Study(readings={"short": 0.4}))
    assert len(diff(one, gaps, same, gaps).layers) == 0


def test_exchanged_dates_are_refused():
    early, late = city(1, "2013-08-03", 0.0), city(13, "2024-03-04", 0.0)
    with pytest.raises(StudyError, match="2024-03-04, the second of 2013-08-03.*exchange the two"):
        diff(*late, *early)
    with pytest.raises(StudyError, match="-1 years"):
        built_at_most(3, -1.0, growth_share_year=0.03)


def test_people_in_cells_that_were_empty_stand_in_a_row_of_that_name():
    data, gaps = city(1, "2013-08-03", 0.0)
    empty = replace(data, cube=data.cube.assign(population=data.cube["population"] * 0.0))
    row = Indicator(
        id="W8", value=0.0, units="share", gap=np.zeros(data.grid.shape), evidence="user"
    )
    found = diff(empty, assess_gaps(model_of(empty), [row], draws=20), data, gaps)
    assert list(found.table("flood").index) == ["Cells with less than one resident before"]
    assert found.became("flood", "nobody", "adequate") == pytest.approx(16_000)


def test_a_part_of_a_person_does_not_live_where_nobody_does():
    codes = {"water": np.array([READINGS.index("nobody"), 0], dtype=np.uint8)}
    rows = moved_people(codes, codes, people=np.array([0.6, 9.0]))
    (row,) = rows[rows["persons"] < 1].to_dict("records")
    words = "Cells with less than one resident"
    assert (row["before"], row["after"]) == (f"{words} before", words)


def test_parts_of_a_sentence_add_up_and_levels_have_titles():
    rows = [
        ("Cannot tell: survey first", after, persons)
        for after, persons in (("Adequate", 156.4), ("Partly short", 64.4), ("Falls short", 1.7))
    ]
    readings = pd.DataFrame(rows, columns=["before", "after", "persons"]).assign(level="composite")
    empty = pd.DataFrame({"because": []})
    line = Change(years=1.0, layers=empty, readings=readings, because=empty).lines()[0]
    # 222.5 rounds to 222 (half to even); 156 + 64 + 1 = 221, and 1.7 has the largest remainder.
    assert line == (
        "All sectors together: of 222 people of whom nobody could tell: 156 adequate, 64 partly short, "
        "2 falls short."
    )
