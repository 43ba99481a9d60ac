"""The chapter of assumptions: what was used, and where it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kcity_geo.outputs.assumptions import assumption_rows, parameter_rows
from kcity_geo.outputs.report import build_report
from kcity_geo.parameters import PARAMETER_SECTORS, all_parameters
from kcity_geo.result import Indicator
from kcity_geo.standards import load_standards
from kcity_geo.studyfile import Study, check_study


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


#: Key of a study file -> the row of its parameter, for every parameter and each sector that reads it.
KEYS = {key: row for row in all_parameters().values() for key in row.keys}


def another(row) -> object:
    """A value that a study file may set and that is not the default."""
    value = row.value
    if row.choices:
        return next(word for word in row.choices if word != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        low = row.min if row.min is not None else value - 1
        high = row.max if row.max is not None else value + 1
        middle = type(value)((low + high) / 2)
        return next(v for v in (middle, type(value)(low), type(value)(high)) if v != value)
    if isinstance(value, list):
        return list(reversed(value)) if len(set(value)) > 1 else [*value, *value]
    if isinstance(value, dict):
        key, old = next(iter(value.items()))
        return {key: old / 2}
    return None


def study_with(values: dict[str, object]) -> Study:
    """A study that sets some keys and nothing else."""
    tables: dict = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return check_study(tables, folder=Path())


@pytest.mark.parametrize("section", list(PARAMETER_SECTORS.values()))
def test_of_every_parameter_it_is_said_where_its_value_comes_from(result, section) -> None:
    """Default, then of the study file, and where a city publishes the number, official before both."""
    rows = {key: row for key, row in KEYS.items() if key.rpartition(".")[0] == section}
    own = {key: value for key, row in rows.items() if (value := another(row)) is not None}
    assert len(own) > 0.9 * len(rows)  # the others are words of any kind, such as paths
    uses = {use for row in rows.values() for use in row.used_by}
    plain = by_key(assessed(result, *uses))
    study = study_with(own)
    told = by_key(assessed(result, *uses, study=study))
    listed = {key: r for r in parameter_rows(study) for key in r["key"].split(", ")}
    published = {row.official: 0.123 for row in rows.values() if row.official}
    data = replace(result.data, official=published)
    official = by_key(assessed(result, *uses, study=study, data=data))
    for key, row in rows.items():
        assert (plain[key]["origin"], plain[key]["mark"]) == ("default", row.mark), key
        if key in own:
            assert (told[key]["origin"], told[key]["mark"]) == ("study file", "U"), key
            assert told[key]["citation"] == "study file"
            assert told[key]["value"] != plain[key]["value"], key
            assert listed[key]["mark"] == "U", key
        if row.official:
            assert (official[key]["value"], official[key]["origin"]) == ("0.123", "official"), key
            assert official[key]["mark"] == "U"


@pytest.mark.parametrize("field", ["target", "worst", "urban_weight", "rural_weight"])
def test_of_every_standard_it_is_said_when_the_study_sets_it(result, field) -> None:
    rows = {name: row for name, row in load_standards().items() if getattr(row, field) is not None}
    if field.endswith("_weight"):
        new = {name: getattr(row, field) / 2 + 0.1 for name, row in rows.items()}
    else:  # a quarter of the way to the other end
        ends = {"target": 0.25, "worst": 0.75}
        new = {
            name: row.target + ends[field] * (row.worst - row.target) for name, row in rows.items()
        }
    assert not [key for key in by_key(assessed(result, *rows)) if key.startswith("standards.")]
    study = study_with({f"standards.{name}.{field}": value for name, value in new.items()})
    told = by_key(assessed(result, *rows, study=study))
    changed = load_standards(study.standards)
    for name, row in rows.items():
        one = told[f"standards.{name}.{field}"]
        assert (one["origin"], one["mark"]) == ("study file", "U"), name
        assert float(one["value"]) == pytest.approx(new[name])
        assert one["note"] == f"instead of {getattr(row, field):.10g}"
        assert (changed[name].mark == "U") is (field in {"target", "worst"}), name


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
    assert "Annex: assumptions" in page
    assert "Set by the user: water.lpcd" in page
