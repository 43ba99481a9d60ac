"""An outline as edges answers as GEOS does of the outline whole."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.outline import outline_of


def _coast(vertices: int, seed: int = 2) -> shapely.geometry.base.BaseGeometry:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 1000 * (1 + 0.3 * np.sin(5 * angle) + rng.uniform(-0.02, 0.02, vertices))
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    lake = shapely.Point(100, 50).buffer(200, quad_segs=100)
    return shapely.Polygon(ring).difference(lake)


def _pixels(side: float, turn: float, around: float = 1600.0) -> tuple[np.ndarray, np.ndarray]:
    """Corners of sheared pixels around 0, 0."""
    steps = np.arange(-around, around + side, side)
    u, v = np.meshgrid(steps, steps[::-1])
    return u + turn * v + 3.3, v - 0.5 * turn * u - 1.7


def _by_geos(
    outline: shapely.Geometry, corners: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    x, y = corners
    around = (np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, 1:], np.s_[1:, :-1])
    rings = np.stack([np.stack([x[at], y[at]], axis=-1) for at in around], axis=-2)
    quads = shapely.polygons(rings)
    area = np.asarray(shapely.area(quads))
    return np.asarray(shapely.area(shapely.intersection(outline, quads))) / area, area


@pytest.mark.parametrize("vertices", [8, 40, 3000])
@pytest.mark.parametrize("side", [61.0, 480.0, 4000.0])
@pytest.mark.parametrize("turn", [0.0, 0.2])
def test_shares_of_pixels_are_those_of_geos(vertices, side, turn) -> None:
    outline = shapely.union_all([_coast(vertices), shapely.box(2000, 0, 2100, 30)])
    corners = _pixels(side, turn)
    expected, area = _by_geos(outline, corners)
    share, measured = outline_of(outline).shares(corners)
    np.testing.assert_allclose(share, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(measured, np.where(expected > 0, area, 0), rtol=1e-9)
    assert ((share == 1) == (expected > 1 - 1e-9)).all()


def test_pixels_that_the_outline_follows_are_whole_or_nothing() -> None:
    outline = outline_of(shapely.box(500_000, 4_000_000, 500_300, 4_000_200))
    corners = np.meshgrid(
        np.arange(499_900.0, 500_500, 100), np.arange(4_000_300.0, 3_999_800, -100)
    )
    share, _ = outline.shares(corners)
    expected = np.zeros((4, 5))
    expected[1:3, 1:4] = 1
    np.testing.assert_array_equal(share, expected)


def test_pixels_without_a_place_hold_nothing() -> None:
    x, y = _pixels(400.0, 0.0)
    x[2, 2] = np.inf
    share, area = outline_of(_coast(100)).shares((x, y))
    assert (share[1:3, 1:3] == 0).all()
    assert (area[1:3, 1:3] == 0).all()
    assert share.max() == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([5, 60, 900]), st.booleans())
def test_points_are_found_as_geos_finds_them(seed, vertices, whole_metres) -> None:
    outline = _coast(vertices, seed)
    rng = np.random.default_rng(seed)
    if whole_metres:
        outline = shapely.set_precision(outline, 50.0)
    x, y = rng.uniform(-1500, 1500, (2, 4000))
    on_it = shapely.get_coordinates(outline)
    along = shapely.get_coordinates(
        shapely.line_interpolate_point(outline.boundary, rng.uniform(0, 1, 200), normalized=True)
    )
    round_x, round_y = (axis.ravel() for axis in np.meshgrid(*[np.arange(-1500.0, 1501, 50)] * 2))
    x = np.concatenate([x, on_it[:, 0], on_it[:, 0], along[:, 0], round_x])
    y = np.concatenate([y, on_it[:, 1], on_it[:, 1] + 7, along[:, 1], round_y])
    np.testing.assert_array_equal(
        outline_of(outline).contains(x, y), shapely.contains_xy(outline, x, y)
    )


def test_points_outside_are_as_far_away_as_geos_says() -> None:
    outline = shapely.union_all([_coast(3000), shapely.box(2000, 0, 2100, 30)])
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1500, 2200, 400), rng.uniform(-1500, 1500, 400)
    outside = ~shapely.contains_xy(outline, x, y)
    away = shapely.distance(outline, shapely.points(x, y))
    found = outline_of(outline).distance(x, y)
    np.testing.assert_allclose(found[outside], away[outside], rtol=1e-12)
