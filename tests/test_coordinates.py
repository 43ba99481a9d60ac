"""Geometry that a caller brings is computed with in the right CRS, or refused in one line."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from odc.geo.geobox import GeoBox

import kcity_geo as kc
from kcity_geo.analysis.distance.straight import distance_m
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.network.isochrones import isochrones, reached_streets
from kcity_geo.analysis.network.snapping import snap
from kcity_geo.analysis.transport.opportunities import access_circuity
from kcity_geo.analysis.transport.service_times import service_time
from kcity_geo.coordinates import in_crs, labels_of
from kcity_geo.cube import area_in_cells, count_in_cells, length_in_cells, pieces_of_polygons
from kcity_geo.demo.toy import make_toy
from kcity_geo.errors import CRSMismatchError, KCityError, SchemaError, StudyError

METRIC = "EPSG:32633"
X0, Y0 = 500_000.0, 5_000_000.0
GRID = GeoBox.from_bbox((X0, Y0, X0 + 1000, Y0 + 1000), crs=METRIC, resolution=100)
STREET = gpd.GeoDataFrame(
    {
        "osm_id": [1],
        "node_ids": [np.array([1, 2], dtype=np.int64)],
        "highway": ["residential"],
    },
    geometry=[shapely.LineString([(X0, Y0 + 50), (X0 + 1000, Y0 + 50)])],
    crs=METRIC,
)
GRAPH = build_graph(STREET, mode="walk")
CLINICS = gpd.GeoSeries(
    shapely.points([[X0 + 50, Y0 + 50], [X0 + 950, Y0 + 50]]), index=["west", "east"], crs=METRIC
)
BLOCK = gpd.GeoSeries([shapely.box(X0 + 100, Y0 + 100, X0 + 350, Y0 + 300)], crs=METRIC)
LINE = gpd.GeoSeries(
    [shapely.LineString([(X0 + 10, Y0 + 10), (X0 + 510, Y0 + 10)])], index=["pipe"], crs=METRIC
)


def of_toy(measure):
    def run(places):
        data = make_toy()
        x, y = np.array(data.city.boundary_metric.centroid.coords)[0]
        moved = gpd.GeoSeries(shapely.points([[x, y]]), crs=data.city.crs)
        if places.crs is None:
            moved = moved.set_crs(None, allow_override=True)
        elif places.crs != METRIC:
            moved = moved.to_crs(places.crs)
        return np.array(measure(data, moved), dtype=float)

    return run


#: What takes geometry, with what it is given: series in, numbers out.
TAKERS = {
    "snap": (lambda g: snap(GRAPH, g).share, CLINICS),
    "travel_minutes": (lambda g: kc.transport.travel_minutes(GRAPH, g, grid=GRID), CLINICS),
    "travel_metres": (lambda g: kc.transport.travel_metres(GRAPH, g, grid=GRID), CLINICS),
    "served_share": (
        lambda g: kc.transport.served_share(GRAPH, g, grid=GRID, max_cost=310.0),
        CLINICS,
    ),
    "od_matrix": (lambda g: kc.transport.od_matrix(GRAPH, g, CLINICS).to_numpy(), CLINICS),
    "nearest": (lambda g: kc.transport.nearest(GRAPH, CLINICS[:1], g).to_numpy(), CLINICS[1:]),
    "isochrones": (
        lambda g: isochrones(GRAPH, g, limits=(2.0,)).area.to_numpy(),
        CLINICS,
    ),
    "reached_streets": (
        lambda g: shapely.length(reached_streets(GRAPH, g, limit=2.0)),
        CLINICS,
    ),
    "count_in_cells": (lambda g: count_in_cells(g, grid=GRID), CLINICS),
    "length_in_cells": (lambda g: length_in_cells(g, grid=GRID), LINE),
    "area_in_cells": (lambda g: area_in_cells(g, grid=GRID), BLOCK),
    "pieces_of_polygons": (lambda g: pieces_of_polygons(g, grid=GRID)[2].sum(), BLOCK),
    "distance_m": (lambda g: distance_m(g, grid=GRID), CLINICS),
    "access_circuity": (of_toy(access_circuity), CLINICS),
    "service_time": (
        of_toy(lambda d, g: service_time(d, "walk", g, indicator="T9_health").value),
        CLINICS,
    ),
}
OTHER = {"lon/lat": 4326, "web mercator": 3857, "next zone": 32632, "equal area": 3035}


@pytest.mark.parametrize("crs", OTHER.values(), ids=OTHER)
@pytest.mark.parametrize(("measure", "shapes"), TAKERS.values(), ids=TAKERS)
def test_a_series_in_another_crs_gives_the_same_numbers(measure, shapes, crs) -> None:
    np.testing.assert_allclose(
        measure(shapes.to_crs(crs)),
        measure(shapes),
        rtol=1e-4,
        atol=1.0 if shapes is BLOCK else 1e-3,
        equal_nan=True,
    )


@pytest.mark.parametrize(("measure", "shapes"), TAKERS.values(), ids=TAKERS)
def test_a_frame_is_as_good_as_its_series(measure, shapes) -> None:
    if measure.__qualname__.startswith("of_toy"):
        pytest.skip("makes its own series")
    frame = gpd.GeoDataFrame({"place": shapes.to_crs(4326)}, geometry="place")
    np.testing.assert_allclose(
        measure(frame),
        measure(shapes),
        rtol=1e-4,
        atol=1.0 if shapes is BLOCK else 1e-3,
        equal_nan=True,
    )


@pytest.mark.parametrize(("measure", "shapes"), TAKERS.values(), ids=TAKERS)
def test_a_series_without_crs_is_refused_in_one_line(measure, shapes) -> None:
    with pytest.raises(CRSMismatchError, match="has no CRS") as caught:
        measure(shapes.set_crs(None, allow_override=True))
    assert "\n" not in str(caught.value)


def test_clinics_in_degrees_serve_whom_clinics_in_metres_serve() -> None:
    served = kc.transport.served_share(GRAPH, CLINICS.to_crs(4326), grid=GRID, max_cost=310.0)
    # The street's row of cells: centres at 50, 150, 250, 350 m from the west end reach it, and four
    # from the east; 450 and 550 m are 400 m off.
    assert served[-1].tolist() == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("kind", ["array", "list", "geometry"])
def test_bare_degrees_are_refused_where_metres_are_needed(kind) -> None:
    bare = CLINICS.to_crs(4326).to_numpy()
    given = {"array": bare, "list": list(bare), "geometry": bare[:1]}[kind]
    with pytest.raises(CRSMismatchError, match="are degrees, metres are needed"):
        snap(GRAPH, given)


def test_small_metres_are_no_degrees() -> None:
    street = STREET.set_geometry(shapely.transform(STREET.geometry, lambda xy: xy - [X0, Y0]))
    graph = build_graph(street.set_crs(METRIC, allow_override=True), mode="walk")
    assert snap(graph, shapely.points([[50.0, 60.0]])).metres.tolist() == [10.0]


@pytest.mark.parametrize(
    "given",
    ["clinic", 7, None, pd.DataFrame({"lon": [1.0]}), [1, 2], gpd.GeoDataFrame({"a": [1]})],
    ids=["text", "number", "nothing", "table", "numbers", "frame without geometry"],
)
def test_what_is_no_geometry_is_refused_in_one_line(given) -> None:
    with pytest.raises(StudyError, match=r"^places: "):
        in_crs(given, METRIC, what="places")


def test_labels_and_missing_shapes_stay() -> None:
    places = gpd.GeoSeries([shapely.Point(15, 45), None], index=["a", "b"], crs=4326)
    assert in_crs(places, METRIC, what="places")[1] is None
    assert labels_of(places).to_list() == ["a", "b"]
    assert labels_of(places.to_numpy()) is None


# --- cities --------------------------------------------------------------------------------------

OUTLINE = gpd.GeoSeries([shapely.box(X0, Y0, X0 + 3000, Y0 + 2000)], crs=METRIC)


@pytest.mark.parametrize("crs", [METRIC, 4326, 3857, 3035, 32632])
def test_a_city_is_made_from_an_outline_in_any_crs(crs) -> None:
    city = kc.make_city("Rectangle", OUTLINE.to_crs(crs))
    assert city.area_km2 == pytest.approx(6.0, rel=0.002)
    assert city.crs == METRIC


def test_an_outline_of_several_parts_is_joined() -> None:
    halves = gpd.GeoDataFrame(
        geometry=[
            shapely.box(X0, Y0, X0 + 1500, Y0 + 2000),
            shapely.box(X0 + 1500, Y0, X0 + 3000, Y0 + 2000),
        ],
        crs=METRIC,
    )
    city = kc.make_city("Two halves", halves)
    assert city.boundary.geom_type == "Polygon"
    assert city.area_km2 == pytest.approx(6.0, rel=0.002)


def test_an_outline_without_crs_is_refused() -> None:
    with pytest.raises(KCityError, match="city boundary: has no CRS"):
        kc.make_city("Nowhere", OUTLINE.set_crs(None, allow_override=True))


def test_districts_as_a_series_bear_the_names_of_its_index() -> None:
    halves = gpd.GeoSeries(
        [
            shapely.box(X0, Y0, X0 + 1500, Y0 + 2000),
            shapely.box(X0 + 1500, Y0, X0 + 3000, Y0 + 2000),
        ],
        index=["West", "East"],
        crs=METRIC,
    ).to_crs(4326)
    city = kc.make_city("Rectangle", OUTLINE, districts=halves)
    assert set(city.districts["name"]) == {"West", "East"}
    assert city.districts.crs == METRIC
    with pytest.raises(SchemaError, match="districts: they have no CRS"):
        kc.make_city("R", OUTLINE, districts=halves.set_crs(None, allow_override=True))


def test_layers_of_a_graph_in_another_crs_are_brought_to_that_of_the_roads() -> None:
    square = gpd.GeoDataFrame(
        {"osm_id": [9], "highway": ["pedestrian"], "area": ["yes"]},
        geometry=[shapely.box(X0 + 400, Y0, X0 + 600, Y0 + 200)],
        crs=METRIC,
    )
    with pytest.raises(CRSMismatchError, match="areas: has no CRS"):
        build_graph(STREET, mode="walk", areas=square.set_crs(None, allow_override=True))
