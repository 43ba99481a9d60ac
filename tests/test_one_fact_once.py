"""A fact stands in one row, and settings travel as typed values."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import kcity_geo
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.energy.balance import power_demand
from kcity_geo.analysis.water.balance import water_balance
from kcity_geo.config import TABLES
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import StudyError
from kcity_geo.parameters import all_parameters
from kcity_geo.planning.assumptions import assumptions_of
from kcity_geo.retold import made, retold
from kcity_geo.settings import network_table
from kcity_geo.studyfile import Study, check_study

PACKAGE = Path(kcity_geo.__file__).parent
#: The synthetic city has numbers of its own, as a real one does.
OF_ONE_CITY = {"demo"}


def numbers(table: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Name and value of every number that stands alone; of a row, the name of the row."""
    if isinstance(table, dict):
        for key, value in table.items():
            yield from numbers(value, (*path, key))
    elif isinstance(table, list):
        for item in table:
            name = (str(item["id"]),) if isinstance(item, dict) and "id" in item else ()
            yield from numbers(item, (*path, *name))
    elif isinstance(table, int | float) and not isinstance(table, bool):
        yield path[-2 if path[-1] == "value" else -1], float(table)


def twice(tables: dict[str, dict[str, object]]) -> list[str]:
    """Parameters whose name and value stand in another table too."""
    rows = {(key, float(row.value)) for key, row in all_parameters().items() if _single(row.value)}
    return [
        f"{name} = {value:g} in {file}"
        for file, table in tables.items()
        for name, value in numbers(table)
        if (name, value) in rows
    ]


def _single(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_no_parameter_stands_in_another_table() -> None:
    files = [f for f in TABLES.rglob("*.toml") if f.parent.name != "parameters"]
    tables = {
        f.name: tomllib.loads(f.read_text(encoding="utf-8"))
        for f in files
        if f.stem not in OF_ONE_CITY
    }
    assert twice(tables) == []
    assert twice({"planted.toml": {"speeds": {"walk_kmh": 5.0}}}) == [
        "walk_kmh = 5 in planted.toml"
    ]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_caveat_of_every_output_stands_in_one_row(language) -> None:
    text = retold(made("caveat"), language)
    assert [f.name for f in TABLES.rglob("*.toml") if text in f.read_text(encoding="utf-8")] == [
        "credits.toml"
    ]


def test_speeds_of_the_network_are_the_parameters() -> None:
    rows = all_parameters()
    for name in ("walk_kmh", "cycle_kmh", "season_factor"):
        assert network_table()["speeds"][name] == rows[name].value


@pytest.mark.parametrize("name", ["walk_kmh", "cycle_kmh", "season_factor"])
def test_a_speed_has_one_key(name, tmp_path) -> None:
    with pytest.raises(StudyError, match=f"is the parameter transport.{name}"):
        check_study({"transport": {"network": {"speeds": {name: 0.9}}}}, folder=tmp_path)


def test_a_plan_assumes_what_the_study_assumes() -> None:
    data = make_toy(official={"lpcd": 120.0})
    study = Study(water={"lpcd": 150, "sewage_share": 0.7, "rain_intensity_mm_h": 90})
    told = assumptions_of(city=replace(data, study=study)).rows
    assert (told["lpcd"].value, told["lpcd"].mark, told["lpcd"].citation) == (
        120.0,
        "U",
        "official",
    )
    assert (told["sewage_share"].value, told["sewage_share"].citation) == (0.7, "study file")
    assert told["rain_mm_h"].value == 90
    assert assumptions_of(city=data).rows["kva_industry_ha"].mark == "M"
    assert assumptions_of({"lpcd": 80.0}, city=data)["lpcd"] == 80
    rows = all_parameters()
    assert assumptions_of()["lpcd"] == rows["lpcd"].value


@pytest.mark.parametrize(
    ("water", "official", "said"),
    [
        ({}, {}, "litres per person: default"),
        ({"lpcd": 150}, {}, "litres per person: study file"),
        ({"lpcd": 150}, {"lpcd": 111.0}, "litres per person: official"),
    ],
)
def test_a_note_says_where_a_number_comes_from(water, official, said) -> None:
    city = model_of(make_toy(arrays={"population": 10.0}, official={"year": 2025, **official}))
    found = {row.id: row for row in water_balance(city.changed(settings={"water": water}))}
    assert said in found["W5"].note


def test_a_household_of_the_study_is_no_planning_minimum() -> None:
    city = model_of(make_toy(arrays={"population": 10.0}, official={"year": 2025}))
    assert "the planning minimum of a household" in power_demand(city).note
    own = power_demand(city.changed(settings={"energy": {"kwh_household_year": 3000.0}})).note
    assert "minimum" not in own
    assert "3,000 kWh a year (study file)" in own


#: Where a mapping of anything is right: what it is -> file -> arguments. All of it is data, or a document
#: on its way into its type; nothing that says how to compute.
DATA = {
    "a row or table of TOML, checked where it becomes a typed value": {
        "analysis/connections/targets": "row",
        "indicators": "row",
        "layer_tags": "layer changes rule",
        "many/country": "raw",
        "parameters": "row rows changes",
        "planning/assumptions": "row",
        "planning/concept": "ruleset",
        "planning/cost_table": "extra given",
        "planning/rulesets": "given table row",
        "programme/advice": "step",
        "programme/funding": "row",
        "programme/model": "raw",
        "programme/plan_words": "row",
        "programme/rules": "row",
        "programme/solutions": "row rows",
        "rules": "table",
        "settings": "parameters base values",
        "sources/local/raster_rules": "row",
        "sources/osm/rules": "table rule row changes",
        "sources/products/catalogue": "base value",
        "siting": "asked",
        "schema": "schema",
        "studyfile": "raw changes",
        "analysis/location/services": "row",
    },
    "numbers that a city published, or changes to parameters, by name": {
        "analysis/city_inputs": "changes",
        "analysis/city_model": "official settings",
        "demo/toy": "official arrays",
        "inputs/population": "official",
    },
    "tags, answers of a server and manifests, as JSON": {
        "demo/tables": "features",
        "demo/toy": "rows",
        "sources/local/ownlayers": "defaults",
        "sources/local/table_files": "sheets",
        "sources/pack/manifest": "manifest place",
        "outputs/ledger": "ledger",
        "outputs/map_numbers": "about themes told",
        "verifying": "ledger",
        "sources/products/gazetteer": "city",
        "sources/products/overpass": "changes answers item",
        "sources/products/places": "row known first rows answer",
    },
    "attributes of a node or an edge of networkx": {"analysis/network/exchange": "row data"},
    "numbers behind a result, and fields of one": {
        "analysis/energy/electrification": "details",
        "analysis/energy/lighting": "common",
        "analysis/transport/opportunities": "fields",
        "analysis/water/balance": "about",
        "analysis/water/piped": "details",
    },
    "rows of a table of results, attributes of a file": {
        "analysis/location/locate": "rows",
        "analysis/sites/areas": "rows",
        "cli/answer": "summary",
        "cli/console": "rows",
        "cli/programme": "row",
        "outputs/checkpage": "rows row",
        "outputs/comparepage": "dots",
        "outputs/explain": "told",
        "outputs/people_bar": "row",
        "outputs/map_themes": "hover",
        "outputs/maps": "facilities lines payload rows shape style",
        "outputs/raster_styles": "attrs",
        "outputs/rasters": "attrs",
        "outputs/report_siting": "method",
        "outputs/studytoml": "table",
        "outputs/summary": "row",
    },
}


def signatures() -> Iterator[tuple[str, str]]:
    """File and name of each argument that is a mapping of anything."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                for one in every:
                    words = "" if one.annotation is None else ast.unparse(one.annotation)
                    if re.search(r"\b(Mapping|dict)\[str, Any\]", words):
                        yield path.relative_to(PACKAGE).as_posix().removesuffix(".py"), one.arg


def test_no_function_takes_its_settings_as_a_mapping_of_anything() -> None:
    """An argument that comes is a typed value, or data that is listed above with what it is."""
    listed = {
        (file, name)
        for files in DATA.values()
        for file, names in files.items()
        for name in names.split()
    }
    assert set(signatures()) == listed
