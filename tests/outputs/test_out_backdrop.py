"""Lines and areas of the backdrop are drawn with fewer points, and none over another."""

import numpy as np
import pytest
import shapely

from kcity_geo.outputs import backdrop
from kcity_geo.outputs.backdrop import lines_simplified

_TOLERANCE, _GRID = 10.0, 2.5


@pytest.fixture
def areas() -> np.ndarray:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 4000, (2, 150))
    squares = shapely.box(x, y, x + rng.uniform(20, 300, 150), y + rng.uniform(20, 300, 150))
    return np.concatenate([squares, [shapely.Polygon(), shapely.Point(9000, 0).buffer(40)]])


def test_areas_are_united_as_all_at_once(areas) -> None:
    found = backdrop._united(areas, _GRID)
    whole = shapely.union_all(areas, grid_size=_GRID)
    assert 1 < len(found) < len(areas)
    assert shapely.equals(shapely.multipolygons(found), whole)


def test_areas_that_lie_alone_are_laid_on_the_grid() -> None:
    alone = np.array([shapely.box(0.4, 0, 51.1, 50), shapely.box(200, 0.9, 250, 50)], dtype=object)
    found = backdrop._united(alone, _GRID)
    assert len(found) == 2
    assert (shapely.get_coordinates(found) % _GRID == 0).all()


def test_no_area_is_simplified_over_another() -> None:
    notched = shapely.Polygon(
        [(0, 0), (0, 100), (48, 100), (50, 92), (52, 100), (100, 100), (100, 0)]
    )
    within = shapely.box(49.5, 95, 50.5, 110)
    assert shapely.simplify(notched, _TOLERANCE).intersects(within)
    found = backdrop._areas_simplified(np.array([notched, within], dtype=object), _TOLERANCE)
    assert shapely.area(found).sum() == pytest.approx(shapely.union_all(found).area)


def test_a_small_roundabout_stays_a_ring_and_a_line_keeps_its_ends() -> None:
    ring = shapely.LineString(shapely.Point(0, 0).buffer(3).exterior)
    line = shapely.LineString([(0, 0), (50, 3), (100, 0), (150, 60)])
    round_one, bent = lines_simplified(np.array([ring, line], dtype=object), _TOLERANCE)
    assert round_one.is_closed
    assert round_one.length > 6
    assert list(bent.coords) == [(0, 0), (100, 0), (150, 60)]
