"""Every key of a study file takes the kind of value that the schema names, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kcity_geo.errors import StudyError
from kcity_geo.studyfile import check_study, resolve_path, study_schema

SCHEMA = study_schema()
VALUES = ["yes", "7", "", 1, 7.5, True, ["x"], [1], [], {"a": 1}, {}]
NAMES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def kinds_of(node):
    """Give the kinds of values that a node of the schema takes; a table has its own."""
    if "$ref" in node:
        return kinds_of(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "anyOf" in node:
        return {kind for one in node["anyOf"] for kind in kinds_of(one)}
    return {node["type"]} if "type" in node else set()


def leaves(node, path=()):
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    if "properties" not in node:
        yield path, kinds_of(node)
        return
    for key, inner in node["properties"].items():
        yield from leaves(inner, (*path, key))


LEAVES = [(path, kinds) for path, kinds in leaves(SCHEMA) if kinds]


def test_the_schema_names_the_kind_of_every_key():
    assert len(LEAVES) > 400
    assert {"boolean", "integer", "number", "string", "array"} <= set().union(
        *(kinds for _, kinds in LEAVES)
    )


def test_every_key_refuses_values_of_another_kind():
    passed = []
    for path, kinds in LEAVES:
        for value in VALUES:
            kind = NAMES[type(value)]
            if kind in kinds or (kind == "integer" and "number" in kinds):
                continue
            raw = value
            for part in reversed(path):
                raw = {part: raw}
            try:
                check_study(raw, folder=Path())
            except StudyError:
                continue
            passed.append((".".join(path), value))
    assert not passed


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            {"suitability": {"exclusion_only": "yes"}},
            "suitability.exclusion_only: .*neither true nor false",
        ),
        ({"study": {"cell_m": "100"}}, "study.cell_m: .*number"),
        ({"city": {"bbox": ["7", 43, 8, 44]}}, "city.bbox"),
        ({"city": {"bbox": [7, 43, True, 44]}}, "city.bbox"),
        ({"sources": {"extra": {"health": 7}}}, "sources.extra.health"),
        ({"transport": {"network": ""}}, "transport.network: '' is not a table"),
        ({"gap_model": {"draws": {}}}, "gap_model.draws"),
        ({"tags": {"health": {"also": [{"": ["clinic"]}]}}}, "tags.health.also: '' is no key"),
        (
            {"tags": {"health": {"also": [{"a": ["b"]}], "rules": [{"a": ["c"]}]}}},
            "tags.health: has also and rules",
        ),
        (
            {"tags": {"read_as": [{"when": {"amenity": "*"}, "set": {"amenity": "clinic"}}]}},
            r"tags.read_as: .* has a \*",
        ),
        ({"official": {"population": 1e18}}, "official.population: .*no city has more than"),
        ({"official": {"lpcd": 120_000}}, "official.lpcd: .*no city has more than 20,000"),
        ({"official": {"peak_demand_mw": 4e9}}, "official.peak_demand_mw: .*no city has more"),
    ],
)
def test_what_a_new_user_writes_is_refused_by_its_key(raw, said):
    with pytest.raises(StudyError, match=said):
        check_study(raw, folder=Path())


def test_whole_numbers_stand_for_numbers_and_python_may_pass_its_own():
    raw = {"study": {"cell_m": 100, "seed": 3}, "city": {"bbox": [7, 43.5, 8, 44]}}
    study = check_study(raw, folder=Path())
    assert (study.study.cell_m, study.city.bbox) == (100.0, (7.0, 43.5, 8.0, 44.0))
    study = check_study({"study": {"cell_m": np.float64(250), "seed": np.int64(4)}}, folder=Path())
    assert (study.study.cell_m, study.study.seed) == (250.0, 4)


@pytest.mark.parametrize("value", [".", "./", "sub/.."])
def test_the_folder_of_the_study_is_no_input(tmp_path, value):
    (tmp_path / "sub").mkdir()
    study = check_study({"sources": {"elevation": value}}, folder=tmp_path)
    with pytest.raises(StudyError, match="is the folder of the study; name a file"):
        resolve_path(study, value, key="sources.elevation")
    assert resolve_path(study, "sub", key="sources.elevation") == tmp_path / "sub"
