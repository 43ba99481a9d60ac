"""Indicators are rows: what follows from them follows from one place, and own ones can be added."""

from __future__ import annotations

import pytest

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.indicators import add_indicators, indicator_rows, uses_of_layers
from kcity_geo.standards import load_standards

OWN = """
[[indicator]]
id = "X1"
title = "Own"
sector = "energy"
unit = "share"
question = "Own?"
formula = "own"
formula_id = "X1"
function = "kcity_geo.analysis.water.toilets.toilets"
average = "people"
docs = "x1.md"
mark = "D"
citation = "own"
"""


def test_every_row_names_what_there_is() -> None:
    layers = {row["id"] for row in read_table("osm")["layer"]}
    for row in indicator_rows().values():
        assert set(row.layers) <= layers
        assert row.formula_id == row.id.split("_")[0]
        assert row.scored == (row.id in load_standards())
    assert "W1" in uses_of_layers()["water_point"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"T4": {"target": 0}}, "target and worst are both 0"),
        ({"T8": {"target": 1.4}}, "T8.target: this indicator has a formula of its own"),
        ({"T4": {"urban_weight": 2}}, "T4.urban_weight: 2 is not from 0 to 1"),
        ({"T4": {"weight": 0.2}}, "only target and worst"),
        (
            {key: {"rural_weight": 0} for key in ("T3", "T8", "T9_health", "T9_school")},
            "all weights of transport are 0",
        ),
    ],
)
def test_a_standard_that_cannot_be_used_is_refused(change, words) -> None:
    with pytest.raises(StudyError) as caught:
        load_standards(change)
    assert words in str(caught.value)


def test_a_weight_can_be_set_and_leaves_the_mark_of_the_target() -> None:
    standard = load_standards({"T4": {"urban_weight": 0.5}})["T4"]
    assert (standard.urban_weight, standard.mark) == (0.5, "V")
    assert load_standards({"T4": {"worst": 2}})["T4"].mark == "U"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "share"', "", "indicator X1: unit is missing"),
        ('id = "X1"', 'id = "T1"', "T1 exists already"),
        ('sector = "energy"', 'sector = "enrgy"', "did you mean 'energy'"),
        ('average = "people"', 'average = "persons"', "average = 'persons'"),
        ('mark = "D"', 'mark = "D"\nlayers = ["heath"]', "did you mean 'health'"),
        ('mark = "D"', 'mark = "D"\ngroup = "helth"', "group = 'helth'"),
        ('mark = "D"', 'mark = "D"\ntarget = 1.0', "target and worst"),
        ('mark = "D"', 'mark = "D"\nurban_weight = 3', "urban_weight = 3"),
        ('mark = "D"', 'mark = "D"\ncolour = "red"', "colour: no such field"),
        ("toilets.toilets", "toilets.tollets", "cannot be imported"),
        ("[[indicator]]", "[[indicators]]", "no such table"),
        ('id = "X1"', "id = ", "cannot be read as TOML"),
    ],
)
def test_a_wrong_row_of_your_own_is_refused_in_one_line(tmp_path, old, new, words) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new), encoding="utf-8")
    before = list(indicator_rows())
    with pytest.raises(StudyError) as caught:
        add_indicators(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(indicator_rows()) == before
