"""The people of a study beside official numbers."""

from __future__ import annotations

import numpy as np
import pytest

from kcity_geo.demo.toy import make_toy
from kcity_geo.inputs.population import scale_population
from kcity_geo.notes import collected, muted


@pytest.mark.parametrize(
    ("silent", "official", "persons"),
    [
        (0, 20_000, 20_000),  # all of the city: the official count is that of the grid
        (0, 12_000, 12_000),
        (
            20,
            20_000,
            8_000,
        ),  # half of it: 20,000 live in the whole city, nobody knows how many here
        (20, 9_000, 8_000),
        (20, 400_000, 8_000),  # more than ten times: another area, no other unit
        (36, 16_000, 1_600),
    ],
)
def test_an_official_number_of_the_city_does_not_scale_a_part_of_it(silent, official, persons):
    people = np.full((40, 40), 10.0)
    people[:, :silent] = np.nan
    data = make_toy(arrays={"population": people})
    notes: list[str] = []
    with muted(), collected(notes):
        found = scale_population(data.cube, {"population": official}, data.city)
    assert float(found["population"].sum()) == pytest.approx(persons)
    told = [note for note in notes if "not scaled" in note]
    assert bool(told) == bool(silent)
    if silent:
        assert f"{1 - silent / 40:.0%} of" in told[0]
