"""The study grid: the same cells for the same study, and nothing lost between vectors and cells."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from kcity_geo.city import make_city
from kcity_geo.config import Config
from kcity_geo.cube import (
    area_in_cells,
    bin_points,
    cell_centres,
    cell_ids,
    cell_polygons,
    count_in_cells,
    district_shares,
    empty_cube,
    inside_share,
    layer,
    length_in_cells,
    pieces_of_polygons,
    study_grid,
)
from kcity_geo.errors import GridMismatchError, LimitError, StudyError

CITY = make_city("Box", shapely.box(7.40, 43.72, 7.44, 43.75))
GRID = study_grid(CITY, cell_m=250)
LEFT, BOTTOM, RIGHT, TOP = GRID.boundingbox

inner = st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)).map(
    lambda t: (LEFT + t[0] * (RIGHT - LEFT), BOTTOM + t[1] * (TOP - BOTTOM))
)


@pytest.mark.parametrize(
    ("shape", "area_m2"),
    [
        (shapely.LineString([(0, 0), (9_900, 9_900)]), 0),
        (shapely.MultiPoint([(0, 0), (9_900, 9_900)]), 0),
        (shapely.LinearRing([(0, 0), (9_900, 0), (9_900, 9_900)]), 0),
        (shapely.GeometryCollection([shapely.MultiPolygon([shapely.box(50, 50, 9_050, 9_050)]),
                                     shapely.LineString([(0, 0), (9_900, 9_900)])]), 81e6),
        (shapely.Polygon([(0, 0), (9_000, 9_000), (9_000, 0), (0, 9_000)]), 40.5e6),  # crosses itself
        (shapely.box(-1e5, -1e5, 1e5, 1e5), 1e8),
        (shapely.force_3d(shapely.box(0, 0, 9_000, 10), 5.0), 9e4),
    ],
)  # fmt: skip
def test_of_wide_shapes_polygons_alone_have_an_area(shape, area_m2) -> None:
    grid = GeoBox.from_bbox((0, 0, 10_000, 10_000), crs="EPSG:32632", shape=(100, 100), tight=True)
    found = area_in_cells(np.array([shape], dtype=object), grid=grid)
    assert found.sum() == pytest.approx(area_m2)


def test_edges_lie_on_whole_multiples_and_cover_the_city() -> None:
    assert LEFT % 250 == 0
    assert TOP % 250 == 0
    assert shapely.box(LEFT, BOTTOM, RIGHT, TOP).covers(CITY.boundary_metric)


def test_the_same_place_keeps_its_id_when_the_city_grows() -> None:
    bigger = study_grid(make_city("Big", shapely.box(7.38, 43.70, 7.46, 43.77)), cell_m=250)
    assert set(cell_ids(GRID)) <= set(cell_ids(bigger))
    x, y = cell_centres(GRID)
    here = dict(zip(cell_ids(GRID), zip(x, y, strict=True), strict=True))
    x, y = cell_centres(bigger)
    there = dict(zip(cell_ids(bigger), zip(x, y, strict=True), strict=True))
    assert all(there[k] == v for k, v in here.items())


@pytest.mark.parametrize("cell_m", [0, 1, -5, float("nan"), float("inf")])
def test_useless_cell_sizes_are_refused(cell_m: float) -> None:
    with pytest.raises(StudyError, match="cell_m"):
        study_grid(CITY, cell_m=cell_m)


def test_a_grid_past_the_limit_says_which_size_would_do() -> None:
    with pytest.raises(LimitError, match=r"use at least (\d+) m") as caught:
        study_grid(CITY, cell_m=2, config=Config(max_cells=10_000))
    enough = float(str(caught.value).split("at least ")[1].split(" ")[0])
    assert (
        np.prod(study_grid(CITY, cell_m=enough * 1.05, config=Config(max_cells=10_000)).shape)
        <= 10_000
    )


def test_every_cell_centre_falls_in_its_own_cell() -> None:
    x, y = cell_centres(GRID)
    assert (bin_points(x, y, grid=GRID) == np.arange(len(x))).all()
    assert shapely.contains_xy(cell_polygons(GRID), x, y).all()


def test_points_outside_and_nan_have_no_cell() -> None:
    assert bin_points(
        np.array([LEFT - 1, np.nan]), np.array([TOP - 1, TOP]), grid=GRID
    ).tolist() == [-1, -1]


@given(st.lists(st.lists(inner, min_size=2, max_size=6), min_size=1, max_size=5))
def test_length_in_cells_loses_nothing(lines) -> None:
    made = np.array([shapely.LineString(line) for line in lines], dtype=object)
    found = length_in_cells(made, grid=GRID)
    assert found.sum() == pytest.approx(shapely.length(made).sum(), rel=1e-9, abs=1e-6)


def test_length_in_cells_equals_a_cut_with_every_cell() -> None:
    line = shapely.LineString(
        [(LEFT + 10, BOTTOM + 20), (RIGHT - 30, TOP - 333), (LEFT + 400, TOP - 5)]
    )
    slow = shapely.length(shapely.intersection(cell_polygons(GRID), line)).reshape(GRID.shape)
    assert np.allclose(length_in_cells(np.array([line]), grid=GRID), slow, atol=1e-6)


@given(st.lists(st.tuples(inner, st.floats(5, 1500)), min_size=1, max_size=4))
def test_area_in_cells_equals_a_cut_with_every_cell(circles) -> None:
    made = np.array([shapely.Point(p).buffer(r) for p, r in circles], dtype=object)
    slow = sum(shapely.area(shapely.intersection(cell_polygons(GRID), g)) for g in made)
    assert np.allclose(
        area_in_cells(made, grid=GRID), slow.reshape(GRID.shape), rtol=1e-9, atol=1e-3
    )


def _hollow(x: float, y: float, *, ccw: bool) -> shapely.Polygon:
    """A square of 600 m with a hole of 200 m, whose rings run in one direction."""
    return shapely.Polygon(
        shapely.box(x, y, x + 600, y + 600, ccw=ccw).exterior,
        [shapely.box(x + 200, y + 200, x + 400, y + 400, ccw=ccw).exterior],
    )


@pytest.mark.parametrize(
    "shape",
    [
        _hollow(LEFT + 130, BOTTOM + 130, ccw=True),
        _hollow(LEFT + 130, BOTTOM + 130, ccw=False),
        _hollow(LEFT + 250, TOP - 850, ccw=True),  # edges on those of the cells
        _hollow(LEFT - 300, TOP - 300, ccw=True),  # beyond the grid on two sides
        _hollow(RIGHT - 300, BOTTOM - 300, ccw=False),
        shapely.MultiPolygon(
            [_hollow(LEFT + 10, TOP - 700, ccw=False), shapely.box(RIGHT - 260, TOP - 10, RIGHT, TOP)]
        ),
        shapely.box(LEFT, TOP - 500, LEFT + 500, TOP),  # whole cells, others at its edge only
        shapely.Polygon([(LEFT + 20, TOP - 20), (LEFT + 20.001, TOP - 900), (LEFT + 700, TOP - 21)]),
        shapely.GeometryCollection(
            [_hollow(LEFT + 10, TOP - 700, ccw=True), shapely.LineString([(LEFT, TOP), (RIGHT, TOP - 9)])]
        ),
        shapely.Polygon([(LEFT, TOP), (LEFT + 900, TOP - 900), (LEFT + 900, TOP), (LEFT, TOP - 900)]),
    ],
    ids=["hole", "clockwise", "on edges", "north-west", "south-east", "parts", "whole", "sliver", "collection", "bow"],
)  # fmt: skip
def test_pieces_of_polygons_are_those_of_geos(shape) -> None:
    cell, polygon, area = pieces_of_polygons(np.array([shape], dtype=object), grid=GRID)
    slow = shapely.area(shapely.intersection(cell_polygons(GRID), shapely.make_valid(shape)))
    assert cell.tolist() == np.flatnonzero(slow > 1e-6).tolist()
    np.testing.assert_allclose(area, slow[cell], atol=1e-6)
    assert (polygon == 0).all()


def test_the_area_of_a_polygon_does_not_hang_on_the_others() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(LEFT, RIGHT, 40), rng.uniform(BOTTOM, TOP, 40)
    some = np.asarray(shapely.buffer(shapely.points(x, y), rng.uniform(20, 400, 40)), dtype=object)
    alone = [pieces_of_polygons(some[k : k + 1], grid=GRID)[2] for k in range(40)]
    _, polygon, area = pieces_of_polygons(some, grid=GRID)
    for k in range(40):
        assert area[polygon == k].tolist() == alone[k].tolist()  # to the last bit


def test_a_polygon_of_very_many_cells_is_cut_the_same_way() -> None:
    fine = study_grid(CITY, cell_m=20)
    ring = CITY.boundary_metric.centroid.buffer(1400).difference(
        CITY.boundary_metric.centroid.buffer(300)
    )
    found = area_in_cells(np.array([ring], dtype=object), grid=fine)
    slow = shapely.area(shapely.intersection(cell_polygons(fine), ring)).reshape(fine.shape)
    assert np.allclose(found, slow, atol=1e-3)


def test_inside_share_adds_up_to_the_city() -> None:
    share = inside_share(CITY, grid=GRID)
    assert inside_share(CITY, grid=GRID) is share  # asked for often, cut once
    with pytest.raises(ValueError, match="read-only"):
        share[0, 0] = 1.0
    assert inside_share(CITY, grid=GRID).sum() * 250**2 == pytest.approx(CITY.boundary_metric.area)


def test_district_shares_add_up_to_one_in_each_cell() -> None:
    halves = gpd.GeoDataFrame(
        {"district_id": ["e", "w"], "name": ["E", "W"]},
        geometry=[shapely.box(7.4217, 43.72, 7.44, 43.75), shapely.box(7.40, 43.72, 7.4217, 43.75)],
        crs=4326,
    )
    city = make_city("Halves", shapely.box(7.40, 43.72, 7.44, 43.75), districts=halves)
    shares = district_shares(city, grid=GRID)
    assert np.allclose(shares.groupby("cell")["share"].sum(), 1)
    assert (shares.groupby("cell").size() > 1).any()


def test_counting_is_by_cell() -> None:
    x, y = cell_centres(GRID)
    points = shapely.points(x[[0, 0, 5]], y[[0, 0, 5]])
    found = count_in_cells(points, grid=GRID).ravel()
    assert found[0] == 2
    assert found[5] == 1
    assert found.sum() == 3


def test_a_layer_of_the_wrong_shape_or_evidence_is_refused() -> None:
    with pytest.raises(GridMismatchError, match="Slope"):
        layer(np.zeros((2, 2)), grid=GRID, units="%", long_name="Slope")
    with pytest.raises(StudyError, match="evidence"):
        layer(np.zeros(GRID.shape), grid=GRID, units="%", long_name="Slope", evidence="hearsay")


def test_every_variable_of_a_cube_says_where_it_comes_from() -> None:
    cube = empty_cube(CITY, grid=GRID)
    for variable in cube.data_vars.values():
        assert {"units", "long_name", "source", "licence", "as_of", "evidence"} <= set(
            variable.attrs
        )


def test_a_layer_says_its_crs_as_cf_has_it(tmp_path) -> None:
    import rasterio
    from pyproj import CRS

    city = make_city("Box", shapely.box(7.40, 43.72, 7.44, 43.76))
    grid = study_grid(city, cell_m=250)
    cube = empty_cube(city, grid=grid)
    share = cube["inside_share"]
    assert share.encoding["grid_mapping"] == "spatial_ref"
    for one in (share, share * 2, cube[["inside_share"]], share.isel(x=slice(2, 5))):
        assert CRS.from_cf(dict(one["spatial_ref"].attrs)) == city.crs
        assert CRS(one["spatial_ref"].attrs["crs_wkt"]) == city.crs
    gdal = [float(v) for v in share["spatial_ref"].attrs["GeoTransform"].split()]
    assert rasterio.Affine.from_gdal(*gdal) == grid.affine
    assert share["x"].attrs["standard_name"] == "projection_x_coordinate"


def test_the_weight_of_a_line_in_parts_is_that_of_the_whole_line() -> None:
    """A street of two pieces counts once, the street behind it three times; and so with areas."""
    x, y = LEFT + 10, BOTTOM + 10
    pieces = shapely.MultiLineString([[(x, y), (x + 20, y)], [(x + 30, y), (x + 60, y)]])
    single = shapely.LineString([(x, y + 50), (x + 100, y + 50)])
    found = length_in_cells(
        np.array([pieces, single], dtype=object), grid=GRID, weight=np.array([1.0, 3.0])
    )
    assert found.sum() == pytest.approx(20 + 30 + 300)
    areas = np.array([shapely.buffer(pieces, 1), shapely.buffer(single, 1)], dtype=object)
    weighted = area_in_cells(areas, grid=GRID, weight=np.array([1.0, 3.0]))
    assert weighted.sum() == pytest.approx(float(shapely.area(areas) @ [1.0, 3.0]))
