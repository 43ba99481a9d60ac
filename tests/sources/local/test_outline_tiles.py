"""An outline in tiles answers as the outline whole."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from kcity_geo.sources.local.outline_tiles import outline_tiles


def _coast(vertices: int, seed: int = 2) -> shapely.geometry.base.BaseGeometry:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 1000 * (1 + 0.3 * np.sin(5 * angle) + rng.uniform(-0.02, 0.02, vertices))
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    lake = shapely.Point(100, 50).buffer(200, quad_segs=100)
    return shapely.Polygon(ring).difference(lake)


@pytest.mark.parametrize("vertices", [40, 3000])
def test_areas_and_distances_are_those_of_the_whole_outline(vertices) -> None:
    outline = shapely.union_all([_coast(vertices), shapely.box(2000, 0, 2100, 30)])
    tiles = outline_tiles(outline)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1500, 2200, 400), rng.uniform(-1500, 1500, 400)
    squares = shapely.box(x, y, x + 90, y + 110)
    np.testing.assert_allclose(
        tiles.area_within(squares), shapely.area(shapely.intersection(outline, squares)), atol=1e-6
    )
    away = shapely.distance(outline, shapely.points(x, y))
    np.testing.assert_allclose(tiles.distance(x, y), away, atol=1e-9)
    assert sum(shapely.area(tiles.tree.geometries)) == pytest.approx(outline.area)
    assert shapely.get_num_coordinates(tiles.tree.geometries).max() <= 128 + 6


def test_an_outline_of_few_vertices_is_one_tile() -> None:
    outline = _coast(30).convex_hull
    tiles = outline_tiles(outline)
    assert list(tiles.tree.geometries) == [outline]
    assert tiles.area_within(np.array([], dtype=object)).tolist() == []
