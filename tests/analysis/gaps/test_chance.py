"""Chance by squares is chance by cells."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.gaps.chance import chance, normal, squares


@settings(max_examples=20)
@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=12), st.integers(0, 59))
def test_a_square_gives_its_chance_to_each_of_its_cells(numbers, draw) -> None:
    cells = np.resize(np.array(numbers, dtype=np.int64), (5, 7))
    few, asked = squares(cells), {"draw": draw, "purpose": 3, "seed": 7}
    np.testing.assert_array_equal(few.chance(**asked), chance(cells, **asked))
    np.testing.assert_array_equal(few.normal(**asked), normal(cells, **asked))
