"""An indicator and a parameter from outside: a row file and a function, found everywhere."""

from __future__ import annotations

import csv
import importlib
import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

import kcity_geo as kc
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.registry import assess_rows
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import StudyError
from kcity_geo.indicators import added_indicators, indicator_rows
from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.parameters import all_parameters
from kcity_geo.settings import settings_of
from kcity_geo.standards import load_standards
from kcity_geo.studyfile import Study, check_study, study_schema

ROWS = """
[[indicator]]
id = "E12"
title = "People near a charger"
sector = "energy"
unit = "share"
question = "Which share of people live near a place to charge a car?"
formula = "people within the distance of a substation / people"
formula_id = "E12"
function = "own_chargers.near_charger"
target = 1.0
worst = 0.0
urban_weight = 0.1
rural_weight = 0.0
group = "power"
layers = ["substation"]
average = "people"
docs = "e12.md"
mark = "D"
citation = "made up for this test"
[indicator.details]
charger_m = "m"

[parameter.charger_m]
value = 1500.0
unit = "m"
min = 1
max = 20000
sectors = ["energy"]
used_by = ["E12"]
mark = "D"
citation = "made up for this test"
note = "how far a charger may be"
"""

CODE = """
import numpy as np
from kcity_geo.analysis.distance.straight import distance_m
from kcity_geo.result import Indicator
from kcity_geo.settings import settings_of


def near_charger(city):
    study = city.study
    limit = settings_of("energy", study.energy if study else None).number("charger_m")
    places = city.layers["substation"].geometry.to_numpy()
    near = distance_m(places, grid=city.grid, where=city.inside) <= limit
    cells = np.where(city.inside, near.astype(float), np.nan)
    people = np.nan_to_num(city.array("population"))
    value = float((people * np.nan_to_num(cells)).sum() / people.sum())
    return Indicator(
        id="E12", value=value, units="share", cells=cells, gap=1 - cells, evidence="observed",
        n_features=len(places), source="OpenStreetMap", as_of=city.osm_date,
        details={"charger_m": limit},
    )


def in_percent(city):
    return Indicator(id="E12", value=50.0, units="%")


def another(city):
    return [Indicator(id="E13", value=0.5, units="share")]
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with the rows and the module, added and taken away again."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_chargers.py").write_text(CODE, encoding="utf-8")
    (folder / "chargers.toml").write_text(ROWS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    yield folder / "chargers.toml"
    sys.modules.pop("own_chargers", None)


@pytest.fixture
def added(own):
    assert kc.add_indicators(own) == ["E12"]
    yield own
    kc.remove_indicators(own)


@pytest.mark.usefixtures("no_pictures", "once")
def test_an_indicator_from_outside_is_found_everywhere(added, tmp_path, hanbit_town) -> None:
    text = (hanbit_town / "study.toml").read_text(encoding="utf-8")
    folder = tmp_path / "town"
    folder.mkdir()
    for path in hanbit_town.iterdir():
        if path.is_file() and path.name != "study.toml":
            (folder / path.name).symlink_to(path)
    (folder / "study.toml").write_text(
        text.replace("cell_m = 100", "cell_m = 250") + "\n[energy]\ncharger_m = 900\n",
        encoding="utf-8",
    )
    study = kc.load_study(folder / "study.toml")
    assert settings_of("energy", study.energy).origin("charger_m") == "study file"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        result = kc.run(study, tmp_path / "out")
        rows = {r["name"]: r for r in kc.check(study) if r["kind"] == "indicator"}
    assert rows["E12"]["status"] == "will be assessed"
    out = tmp_path / "out"
    assert {"E12", "E12_gap"} <= set(result.gaps.cells)
    assert (out / "layers" / "E12.tif").is_file()
    with (out / "indicators.csv").open(encoding="utf-8") as stream:
        told = [row for row in csv.DictReader(stream) if row["indicator"] == "E12"]
    assert {row["unit_id"] for row in told} >= {"city", "D01"}
    assert told[0]["title"] == "People near a charger"
    again = kc.load_study(out / "study.toml")
    assert again.added_indicators["E12"].startswith("chargers.toml ")
    kc.load(again)
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "People near a charger" in report
    assert "made up for this test" in report
    assert "People near a charger" in (out / "map.html").read_text(encoding="utf-8")
    assumed = {a["key"]: a for a in assumption_rows(result)}["energy.charger_m"]
    assert (assumed["value"], assumed["origin"], assumed["mark"]) == ("900", "study file", "U")
    assert "how far a charger may be" in report
    columns = (out / "columns.csv").read_text(encoding="utf-8")
    assert "live near a place to charge a car" in columns
    details = (out / "indicator_details.csv").read_text(encoding="utf-8")
    assert "E12,energy,charger_m" in details


def test_the_tables_and_the_study_file_know_it_only_while_it_is_added(own) -> None:
    for there in (False, True, False):
        if there:
            kc.add_indicators(own)
        assert ("E12" in indicator_rows()) is there
        assert ("E12" in load_standards()) is there
        assert ("charger_m" in all_parameters()) is there
        assert ("charger_m" in study_schema()["properties"]["energy"]["properties"]) is there
        if there:
            kc.remove_indicators(own)
    with pytest.raises(StudyError, match="was not added"):
        kc.remove_indicators(own)


def test_a_parameter_from_outside_is_checked_like_the_others(added) -> None:
    assert Study(energy={"charger_m": 700}).energy["charger_m"] == 700
    assert settings_of("energy")["charger_m"] == 1500.0
    with pytest.raises(StudyError, match="energy.charger_m: 0 is out of range; give 1 to 20000 m"):
        check_study({"energy": {"charger_m": 0}}, folder=Path())


@pytest.mark.parametrize("mapped", [0, 1])
def test_what_nobody_mapped_is_not_said_to_be_missing(added, mapped) -> None:
    """Without a prior and without one feature of its layers nothing is known; one is enough to tell."""
    toy = make_toy(arrays={"population": np.full((40, 40), 5.0)})
    places = gpd.GeoDataFrame(geometry=[toy.city.boundary.centroid][:mapped], crs=toy.city.crs)
    city = model_of(replace(toy, layers={**toy.layers, "substation": places}))
    (one,) = (one for one in assess_rows(city, "energy") if one.id == "E12")
    if mapped:
        assert not one.not_assessed
        assert one.gap is not None
    else:
        assert one.not_assessed.startswith("nobody mapped any of its layers here (substation)")
        assert one.gap is None
        assert one.cells is None
        assert one.value != one.value


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("in_percent", "E12 is given in '%', its row says 'share'"),
        ("another", "gives indicator 'E13'; its rows are E12"),
    ],
)
def test_a_function_that_gives_something_else_is_named(own, function, words) -> None:
    own.write_text(ROWS.replace("near_charger", function), encoding="utf-8")
    kc.add_indicators(own)
    try:
        with pytest.raises(StudyError) as caught:
            assess_rows(model_of(make_toy()), "energy")
    finally:
        kc.remove_indicators(own)
    assert words in str(caught.value)


def test_what_it_gives_stands_in_the_order_of_the_rows_and_each_function_is_called_once(
    own,
) -> None:
    second = ROWS.split("[parameter", maxsplit=1)[0].replace('"E12"', '"E0"')
    own.write_text(second.replace("near_charger", "both") + ROWS.replace("near_charger", "both"))
    (own.parent / "own_chargers.py").write_text(
        "from kcity_geo.result import Indicator\nasked = []\n"
        "def both(city):\n    asked.append(city)\n"
        "    return [Indicator(id=key, value=0.5, units='share') for key in ('E12', 'E0')]\n"
    )
    kc.add_indicators(own)
    try:
        city = model_of(make_toy())
        found = [one.id for one in assess_rows(city, "energy")]
    finally:
        kc.remove_indicators(own)
    assert found == [*(key for key, row in indicator_rows().items() if row.sector == "energy"),
                     "E0", "E12"]  # fmt: skip
    assert sys.modules["own_chargers"].asked == [city]


def test_the_lists_of_the_command_line_have_it(added, capsys) -> None:
    from kcity_geo.cli import app

    for table, key, name in (
        ("indicators", "id", "E12"),
        ("standards", "indicator", "E12"),
        ("parameters", "key", "energy.charger_m"),
    ):
        with pytest.raises(SystemExit):
            app(["list", table, "--json"])
        rows = json.loads(capsys.readouterr().out)
        assert name in {row[key] for row in rows}


def test_a_study_made_with_an_own_indicator_is_not_run_without_it_or_with_another(own) -> None:
    kc.add_indicators(own)
    made_with = added_indicators()
    kc.remove_indicators(own)
    study = Study(added_indicators=made_with)
    with pytest.raises(
        StudyError, match=r"made with E12 from chargers.toml; call kc.add_indicators"
    ):
        kc.load(study)
    own.write_text(ROWS + "\n", encoding="utf-8")
    kc.add_indicators(own)
    with pytest.raises(StudyError, match=r"from another chargers.toml"):
        kc.load(study)
    kc.remove_indicators(own)
