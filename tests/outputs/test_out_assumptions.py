"""The chapter of assumptions: what was used, and where it comes from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kcity_geo.outputs.assumptions import assumption_rows
from kcity_geo.outputs.report import build_report
from kcity_geo.result import Indicator
from kcity_geo.studyfile import Study


def assessed(result, *ids: str, **fields):
    rows = tuple(Indicator(id=key, value=1.0, units="") for key in ids)
    return replace(result, gaps=replace(result.gaps, assessed=rows), **fields)


def by_key(result) -> dict[str, dict[str, str]]:
    return {key: row for row in assumption_rows(result) for key in row["key"].split(", ")}


def test_only_what_was_used_is_told(result) -> None:
    found = by_key(assessed(result, "W5"))
    assert "water.lpcd" in found
    assert "suitability.assumptions.drive_kmh" in found
    assert "energy.load_factor" not in found
    assert "energy.growth_share" in found  # one row of two sectors, of which W5 reads it
    assert "transport.health_mode" in by_key(assessed(result, "T9_health"))


def test_what_is_not_assessed_uses_nothing(result) -> None:
    row = Indicator(id="E9", value=float("nan"), units="", not_assessed="no people")
    found = by_key(replace(result, gaps=replace(result.gaps, assessed=(row,))))
    assert "energy.load_factor" not in found


def test_the_origin_is_official_study_file_or_default(result) -> None:
    study = Study(water={"queue_min": 5, "lpcd": 150}, energy={"growth_share": 0.03})
    data = replace(result.data, official={"lpcd": 111.0})
    found = by_key(assessed(result, "W1", "W5", "E9", study=study, data=data))
    told = {key: (row["value"], row["origin"], row["mark"]) for key, row in found.items()}
    assert told["water.lpcd"] == ("111", "official", "U")
    assert told["water.queue_min"] == ("5", "study file", "U")
    assert told["water.growth_share"] == ("0.03", "study file", "U")
    assert told["water.cap_min"] == ("120", "default", "D")
    assert found["water.cap_min"]["unit"] == "min"


def test_rules_and_tags_of_the_study_are_told(result) -> None:
    study = Study(
        priors={"street": {"rural": 0.4}}, tags={"health": {"also": [{"amenity": ["dispensary"]}]}}
    )
    found = by_key(assessed(result, "W5", study=study))
    told = {key: (row["value"], row["mark"]) for key, row in found.items()}
    assert told["priors.street.rural"] == ("0.4", "U")
    assert told["priors.street.urban_centre"] == ("0.98", "D")
    assert told["tags.health.also"] == ("amenity=dispensary", "U")


@pytest.mark.usefixtures("no_pictures")
def test_the_report_folds_them(result) -> None:
    page = build_report(assessed(result, "W5", study=Study(water={"lpcd": 150})))
    assert "Assumptions" in page
    assert "Set by the user: water.lpcd" in page
