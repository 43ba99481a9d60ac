"""The people of a study beside official numbers."""

from __future__ import annotations

import numpy as np
import pytest

from kcity_geo.demo.toy import make_toy
from kcity_geo.inputs.population import nobody_on_slivers, scale_population
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


def test_nobody_lives_on_a_sliver_that_no_number_of_people_reaches():
    """The boundary takes 4 m2 of a cell: not known would be judged, and frame the city on every map."""
    toy = make_toy(arrays={"population": 3.0})
    people = toy.cube["population"].to_numpy().copy()
    share = toy.cube["inside_share"].to_numpy().copy()
    people[0, :4] = [np.nan, np.nan, 2.0, np.nan]
    share[0, :4] = [0.0004, 0.5, 0.0004, 0.0]  # of cells of 100 m
    cube = toy.cube.assign(population=(("y", "x"), people), inside_share=(("y", "x"), share))
    found = nobody_on_slivers(cube, toy.grid)["population"].to_numpy()
    np.testing.assert_array_equal(found[0, :4], [0.0, np.nan, 2.0, np.nan])
    np.testing.assert_array_equal(found[1:], people[1:])
    assert np.isnan(people[0, 0]), "what was read stays as it is"
    alone = cube.drop_vars("population")
    assert nobody_on_slivers(alone, toy.grid) is alone
