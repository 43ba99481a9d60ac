"""The sea behind a coastline, and no sea invented where the extract cuts the coastline off."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from kcity_geo.analysis.terrain.sea import sea_polygons

BOX = (0.0, 0.0, 100.0, 100.0)


def lines(*coordinates) -> np.ndarray:
    return np.array([shapely.LineString(c) for c in coordinates], dtype=object)


def test_water_is_on_the_right_of_the_coastline() -> None:
    (sea,) = sea_polygons(lines([(0, 40), (100, 40)]), box=BOX)
    assert sea.area == pytest.approx(4000)
    (sea,) = sea_polygons(lines([(100, 40), (0, 40)]), box=BOX)
    assert sea.area == pytest.approx(6000)


def test_an_island_is_land() -> None:
    ring = [(40, 40), (60, 40), (60, 60), (40, 60), (40, 40)]  # anticlockwise: land on the left
    (sea,) = sea_polygons(lines(ring), box=BOX)
    assert sea.area == pytest.approx(10_000 - 400)


def test_a_coastline_that_ends_in_the_middle_says_nothing() -> None:
    assert sea_polygons(lines([(30, 50), (60, 52), (70, 40)]), box=BOX) == []
    assert sea_polygons(lines([(0, 50), (60, 52)]), box=BOX) == []


def test_a_pier_that_hangs_on_the_coastline_changes_nothing() -> None:
    (sea,) = sea_polygons(lines([(0, 40), (100, 40)], [(50, 40), (50, 35)]), box=BOX)
    assert sea.area == pytest.approx(4000)
