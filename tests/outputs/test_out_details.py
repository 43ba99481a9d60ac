"""Details: every name says its unit, and no share is called minutes."""

from __future__ import annotations

import pytest

from kcity_geo.outputs.details import _words


@pytest.mark.parametrize(
    ("name", "words", "units"),
    [
        ("share_15_min", "share within 15 min", "share"),
        ("share_of_known_length", "share of known length", "share"),
        ("peak_hour_m3_h", "peak hour", "m3/h"),
        ("density_limit_km2", "density limit", "persons/km2"),
        ("longest_min", "longest", "min"),
        ("ghi_kwh_m2_year", "solar irradiation of level ground", "kWh/m2 a year"),
        ("mv_km_d01", "mv distance to d01", "km"),
    ],
)
def test_names_become_words_and_units(name, words, units) -> None:
    assert _words(name) == (words, units)
