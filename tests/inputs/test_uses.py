"""What `kcity check` says of an input follows from the rows."""

from __future__ import annotations

import re

import pytest

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.kept import noted
from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows, load_function
from kcity_geo.inputs.uses import layer_uses, use_of
from kcity_geo.profiles import layers_of_criteria


def test_every_layer_of_the_map_is_used_for_something() -> None:
    layers = [row["id"] for row in read_table("osm")["layer"]]
    unused = [name for name in layers if not layer_uses(name)]
    assert unused == []
    assert set(layers_of_criteria()) <= set(layers)


def test_the_uses_of_a_layer_are_those_of_the_rows() -> None:
    for row in indicator_rows().values():
        for layer in row.layers:
            assert row.formula_id in use_of(f"extra.{layer}")
    assert use_of("power_lines").startswith("Power lines")
    assert "constraints" in use_of("protected")


# What the model of a city calls an input of the study file.
READ_AS = {
    "elevation": ("dem", ""),
    "built": ("cube", "built_m2"),
    "landcover": ("cube", "landcover"),
    "landcover_corine": ("cube", "landcover"),
    "landcover_globeland30": ("cube", "landcover"),
    "nightlights": ("cube", "nightlights"),
    "solar": ("cube", "ghi"),
    "flood": ("cube", "flood"),
    "gtfs": ("transit", ""),
}


@pytest.fixture(scope="module")
def reads(town_run):
    """Family of indicators -> inputs that its functions asked for in the demo town."""
    model, found = model_of(town_run[0].data), {}
    for row in indicator_rows().values():
        with noted() as asked:
            model.once(load_function(row), *row.arguments)
        found.setdefault(row.formula_id, set()).update(asked)
    return found


@pytest.mark.parametrize("key", READ_AS)
def test_no_input_is_said_to_be_used_where_nothing_reads_it(reads, key):
    named = re.findall(r"\b[TWE]\d+\b", use_of(key))
    assert named
    assert [family for family in named if READ_AS[key] not in reads[family]] == []


def test_what_a_single_family_reads_is_named(reads):
    """An input that few families read is named with each of them; all read people, many the built land."""
    for key, name in READ_AS.items():
        families = {family for family, asked in reads.items() if name in asked}
        if len(families) <= 3:
            assert families <= set(re.findall(r"\b[TWE]\d+\b", use_of(key))), key
