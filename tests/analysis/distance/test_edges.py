"""Edges in squares: the same nearest lines and distances as a search tree of shapely, to the last bit."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from kcity_geo.analysis.distance import straight
from kcity_geo.analysis.distance.edges import edges_of
from kcity_geo.analysis.network import near_streets
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.snapping import snap


def some_lines(rng: np.random.Generator, count: int, *, rounded: bool):
    lines = []
    for _ in range(count):
        steps = rng.normal(0, rng.choice([10, 100, 600]), (rng.integers(2, 7), 2))
        xy = 5e5 + rng.uniform(0, 2000, 2) + np.cumsum(steps, axis=0)
        lines.append(shapely.LineString(np.round(xy / 50) * 50 if rounded else xy))
    return np.array(lines, dtype=object)


@pytest.mark.parametrize("rounded", [False, True])  # many equally near lines, and points on them
@pytest.mark.parametrize("limit_m", [50.0, 300.0, 5000.0])
@pytest.mark.parametrize("count", [1, 7, 250])
def test_nearest_line_and_distance_are_those_of_shapely(count: int, limit_m: float, rounded: bool):
    rng = np.random.default_rng(count)
    lines = some_lines(rng, count, rounded=rounded)
    places = 5e5 + rng.uniform(-1500, 3500, (300, 2))
    places = np.round(places / 25) * 25 if rounded else places
    edges = edges_of(lines, limit_m=limit_m)
    edge, found, metres, several = edges.nearest(places, tie_m=1.0, apart_m=1.0)
    away = shapely.distance(shapely.points(places)[:, None], lines[None, :])
    nearest = away.min(axis=1)
    known = nearest <= limit_m
    assert (found >= 0).tolist() == known.tolist()
    np.testing.assert_array_equal(metres, np.where(known, nearest, np.inf))
    np.testing.assert_array_equal(found[known], away.argmin(axis=1)[known])  # the first of equals
    share, long = edges.shares(places[known], edge[known]), shapely.length(lines[found[known]])
    along = shapely.line_locate_point(lines[found[known]], shapely.points(places[known]))
    np.testing.assert_array_equal(share, np.clip(along / np.where(long > 0, long, 1.0), 0.0, 1.0))
    # Another line whose nearest point lies apart is never overlooked.
    ends = shapely.get_coordinates(
        shapely.line_interpolate_point(
            lines[None, :],
            shapely.line_locate_point(lines[None, :], shapely.points(places)[:, None]),
        )
    ).reshape(len(places), len(lines), 2)
    own = ends[np.arange(len(places)), np.maximum(found, 0)][:, None]
    apart = np.hypot(*np.moveaxis(ends - own, -1, 0)) > 1.0
    tied = (apart & (away <= nearest[:, None] + 1.0)).any(axis=1) & known
    assert several[tied].all()
    assert count == 1 or not several.all()


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_nearest_feature_of_many_places_is_that_of_few(
    count: int, rounded: bool, monkeypatch: pytest.MonkeyPatch
):
    rng = np.random.default_rng(count)
    points = shapely.points(5e5 + rng.uniform(0, 2000, (count, 2)))
    lines = some_lines(rng, count, rounded=rounded)
    shapes = np.concatenate([points, lines, shapely.buffer(points[::3], 150.0), points[:9], [None]])
    x, y = 5e5 + rng.uniform(-1500, 3500, (2, 300))
    if rounded:
        x, y = np.round(x / 25) * 25, np.round(y / 25) * 25
    few = straight.nearest_feature(shapes, x, y)
    monkeypatch.setattr(straight, "_MANY", 1)
    many = straight.nearest_feature(shapes, x, y)
    np.testing.assert_array_equal(many[0], few[0])
    np.testing.assert_array_equal(many[1], few[1])
    if count:
        away = shapely.distance(shapely.points(x, y)[:, None], shapes[None, :-1])
        np.testing.assert_array_equal(many[0], away.min(axis=1))


def test_many_places_are_put_onto_the_streets_as_few_are(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(5)
    lines = some_lines(rng, 120, rounded=True)
    lines = lines[shapely.length(lines) > 0]
    ways = gpd.GeoDataFrame(
        {"osm_id": np.arange(len(lines)) + 1, "highway": "residential"}, geometry=lines, crs=32632
    )
    graph = build_graph(ways, mode="walk")
    places = shapely.points(5e5 + rng.uniform(-800, 2800, (3000, 2)))
    few = snap(graph, places, max_snap_m=200.0)
    monkeypatch.setattr(near_streets, "_MANY", 1)
    many = snap(graph, places, max_snap_m=200.0)
    assert few.tied.any()
    assert (few.segment < 0).any()
    for name in ("segment", "share", "metres", "also_place", "also_segment", "also_share"):
        np.testing.assert_array_equal(getattr(many, name), getattr(few, name))
