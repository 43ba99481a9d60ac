"""Pits are filled as pyflwdir fills them, cell by cell and way by way, and water runs down the steepest way."""

import numpy as np
import pytest
from pyflwdir.dem import fill_depressions

from kcity_geo.analysis.terrain.drainage import flow_directions
from kcity_geo.analysis.terrain.drainage_kernels import fill_pits


@pytest.mark.parametrize("step_m", [0.0, 1 / 256, 1.0])  # whole metres: many cells of one height
@pytest.mark.parametrize("voids", [0.0, 0.1])
def test_pits_are_filled_as_by_pyflwdir(step_m: float, voids: float):
    rng = np.random.default_rng(3)
    for _ in range(8):
        ground = rng.normal(0, 3, (rng.integers(2, 50), rng.integers(2, 50)))
        ground = (
            np.round(ground / step_m) * step_m if step_m else ground
        )  # with zeros of both signs
        ground = ground.astype(np.float32)
        ground[rng.random(ground.shape) < voids] = np.nan
        filled, codes = fill_pits(ground)
        expected, ways = fill_depressions(ground, nodata=np.nan)
        np.testing.assert_array_equal(filled, expected)
        np.testing.assert_array_equal(codes, ways)


def test_water_takes_the_steepest_way_the_first_of_equals_and_the_floods_over_flats():
    up = np.array([[9, 9, 9], [9, 5, 3], [9, 2, 9]], dtype=np.float32)
    flood = np.full((3, 3), 16, dtype=np.uint8)
    assert flow_directions(up, flood)[1, 1] == 4  # 3 m down to the south, 2 m to the east
    up[2, 1] = 3
    assert flow_directions(up, flood)[1, 1] == 1  # as steep both ways
    up[2, 2] = (
        3 - 2 * (np.sqrt(2) - 1) - 0.1
    )  # the diagonal is longer, and now steeper all the same
    assert flow_directions(up, flood)[1, 1] == 2
    up[1, 1] = np.nan
    assert flow_directions(up, flood)[1, 1] == 247
    assert (flow_directions(np.ones((3, 3), np.float32), flood) == 16).all()
