"""Parameters are rows: unit, range, mark and source once, and what several sectors read is one row."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kcity_geo
from kcity_geo.errors import StudyError
from kcity_geo.parameters import PARAMETER_SECTORS, all_parameters, parameter_row, shared_changes
from kcity_geo.settings import settings_of
from kcity_geo.standards import EVIDENCE_MARKS
from kcity_geo.studyfile import Study, check_study, study_schema

ROWS = all_parameters()


def test_every_row_has_unit_range_mark_and_citation() -> None:
    for key, row in ROWS.items():
        assert row.mark in EVIDENCE_MARKS, key
        assert row.citation, key
        values = row.value if isinstance(row.value, list) else [row.value]
        if isinstance(values[0], int | float | dict):
            assert row.unit, key
            assert row.min is not None, key
            assert row.max is not None, key


def test_every_parameter_is_read_by_its_sectors() -> None:
    folder = Path(kcity_geo.__file__).parent
    words = {
        node.value
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # put together from the layer's name, the kind of place, the land use
    built = ("limit_", "health_mode", "hospital_mode", "jobs_mode", "jobs_ha_")
    for key in ROWS:
        assert key in words or key.startswith(built), f"{key} does nothing"


def test_a_shared_parameter_is_one_row() -> None:
    assert parameter("growth_share").sectors == ("water", "energy")
    for name in ("growth_share", "horizon_year", "horizon_years", "industry_ha"):
        assert settings_of("water")[name] == settings_of("energy")[name]
    assert settings_of("suitability")["detour"] == settings_of("transport")["euclid_factor"]
    assert settings_of("suitability")["hv_v"] == settings_of("energy")["hv_min_v"]


def parameter(key: str):
    return ROWS[key]


@pytest.mark.parametrize(
    ("given_in", "read_in"),
    [
        ({"water": {"growth_share": 0.05}}, [("energy", "growth_share", 0.05)]),
        ({"energy": {"growth_share": 0.05}}, [("water", "growth_share", 0.05)]),
        (
            {"shared": {"industry_ha": 7}},
            [("water", "industry_ha", 7), ("energy", "industry_ha", 7)],
        ),
        (
            {"transport": {"euclid_factor": 1.5}},
            [("water", "detour_factor", 1.5), ("suitability", "detour_factor", 1.5)],
        ),
        (
            {"suitability": {"assumptions": {"hv_v": 110000}}},
            [("energy", "hv_min_v", 110000), ("suitability", "hv_min_v", 110000)],
        ),
        ({"water": {"snap_m": 500}}, [("transport", "max_snap_m", 500)]),
        ({"transport": {"jobs_ha_retail": 90}}, [("suitability", "jobs_ha_retail", 90)]),
        ({"settlement": {"urban_cluster_density_km2": 200}}, [("suitability", "hv_v", 66000)]),
    ],
)
def test_a_shared_parameter_set_once_counts_in_every_sector(given_in, read_in) -> None:
    study = Study(**given_in)
    for sector, name, value in read_in:
        section = (
            study.suitability.assumptions if sector == "suitability" else getattr(study, sector)
        )
        assert settings_of(sector, section)[name] == value


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (
            {"water": {"growth_share": 0.01}, "energy": {"growth_share": 0.02}},
            "one parameter with two",
        ),
        (
            {"shared": {"growth_share": 0.01}, "energy": {"growth_share": 0.02}},
            "shared.growth_share",
        ),
        (
            {"transport": {"euclid_factor": 1.2}, "water": {"detour_factor": 1.4}},
            "euclid_factor = 1.2",
        ),
        ({"study": {"horizon_year": 2040}, "energy": {"horizon_year": 2050}}, "study.horizon_year"),
        (
            {"water": {"lpcd": -5}},
            "water.lpcd: -5 is out of range; give 1 to 2000 litres per person",
        ),
        ({"water": {"lpcd": "much"}}, "water.lpcd: needs a number"),
        ({"water": {"lpcd": True}}, "water.lpcd: needs a number"),
        ({"water": {"lpcd": float("nan")}}, "water.lpcd: needs a number"),
        ({"water": {"ldcp": 100}}, "did you mean 'lpcd'"),
        ({"shared": {"lpcd": 100}}, "shared.lpcd: no such parameter"),
        ({"energy": {"tier_hours_day": [1, 2, 30]}}, "energy.tier_hours_day: 30 is out of range"),
        ({"energy": {"tier_hours_day": 3}}, "needs a list"),
        ({"energy": {"firm_share": {"coal": 0.5}}}, "energy.firm_share.coal: no such key"),
        ({"energy": {"firm_share": {"hydro": 2}}}, "energy.firm_share.hydro: 2 is out of range"),
        ({"transport": {"jobs_mode": "swim"}}, "'swim' is not one of walk, cycle, drive"),
        ({"settlement": {"levels_untagged": 0}}, "settlement.levels_untagged: 0 is out of range"),
        ({"suitability": {"assumptions": {"drive_kmh": 900}}}, "suitability.assumptions.drive_kmh"),
        ({"energy": {"filter_cells": 4.5}}, "whole number"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_key(tables, words) -> None:
    with pytest.raises(StudyError) as caught:
        check_study(tables, folder=Path(), origin="s.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_value_twice_is_fine() -> None:
    study = Study(water={"growth_share": 0.03}, energy={"growth_share": 0.03})
    assert study.water == study.energy == {"growth_share": 0.03}


def test_lists_and_tables_can_be_set() -> None:
    study = Study(energy={"firm_share": {"hydro": 0.4}, "tier_hours_day": [1, 2, 3, 4, 5]})
    found = settings_of("energy", study.energy)
    assert found["firm_share"] == {**ROWS["firm_share"].value, "hydro": 0.4}
    assert found.numbers("tier_hours_day") == (1, 2, 3, 4, 5)


@given(st.sampled_from(sorted(ROWS)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_taken_exactly_within_its_range(key: str, value: float) -> None:
    row = ROWS[key]
    if isinstance(row.value, str | list | dict | bool):
        return
    fits = row.min <= value <= row.max and (isinstance(row.value, float) or value == int(value))
    try:
        changes = shared_changes({row.keys[0]: value})
    except StudyError:
        assert not fits
    else:
        assert fits
        assert changes == dict.fromkeys(row.keys, value)


def test_the_settings_say_where_a_value_comes_from() -> None:
    settings = settings_of("water", {"lpcd": 150})
    assert settings.origin("lpcd") == "study file"
    assert settings.changed(queue_min=5.0).origin("queue_min") == "study file"
    assert settings.origin("queue_min") == "default"
    assert settings_of("water", {"snap_m": 10}).origin("max_snap_m") == "study file"


def test_the_schema_holds_every_parameter_and_its_range() -> None:
    schema = study_schema()
    for row in ROWS.values():
        for key in row.keys:
            outer, _, inner = key.rpartition(".")
            table = schema["properties"].get(outer)
            if table is None:
                table = schema["$defs"]["SuitabilitySection"]["properties"]["assumptions"]
            assert inner in table["properties"]
            if isinstance(row.value, float):
                assert table["properties"][inner]["maximum"] == row.max


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"value": 1.0, "mark": "D", "citation": "c"}, "sectors is missing"),
        (
            {"value": 9.0, "max": 1.0, "mark": "D", "citation": "c", "sectors": ["water"]},
            "out of range",
        ),
        ({"value": 1.0, "mark": "D", "citation": "c", "sectors": ["sewer"]}, "no sector 'sewer'"),
        (
            {"value": 1.0, "mark": "D", "citation": "c", "sectors": ["water"], "maximum": 3},
            "no such field; did you mean 'max'",
        ),
    ],
)
def test_a_wrong_row_is_refused(row, words) -> None:
    with pytest.raises(StudyError, match=words):
        parameter_row("x", row, where="own.toml")


def test_every_sector_has_a_section_in_the_study_file() -> None:
    for section in PARAMETER_SECTORS.values():
        assert section.split(".")[0] in Study.model_fields


def test_threads_that_read_the_tables_first_at_the_same_time_all_get_them() -> None:
    code = """
import threading
from kcity_geo.indicators import indicator_rows
from kcity_geo.parameters import all_parameters

start, found = threading.Barrier(8), []
def read():
    start.wait()
    found.append((len(all_parameters()), len(indicator_rows())))
threads = [threading.Thread(target=read) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
assert len(found) == 8 and len(set(found)) == 1, found
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
