"""What `kcity check` says of an input follows from the rows."""

from __future__ import annotations

from kcity_geo.config import read_table
from kcity_geo.indicators import indicator_rows
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
