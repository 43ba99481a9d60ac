"""One metric CRS a city, chosen from its geometry, with a measured error."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from kcity_geo.city import make_city, metric_crs, require_metric, scale_error, to_metric
from kcity_geo.errors import CRSMismatchError, KCityWarning, LimitError, SchemaError, StudyError


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [(7.42, 43.73, 32632), (-70.6, -33.4, 32719), (126.9, 37.5, 32652), (28.2, -29.5, 32735)],
)
def test_utm_follows_the_city_not_one_country(lon: float, lat: float, epsg: int) -> None:
    box = shapely.box(lon - 0.05, lat - 0.05, lon + 0.05, lat + 0.05)
    assert metric_crs(box).to_epsg() == epsg


def test_a_city_on_a_zone_border_gets_its_own_equal_area_crs() -> None:
    crs = metric_crs(shapely.box(5.9, 45.0, 6.1, 45.2))
    assert "Lambert Azimuthal Equal Area" in crs.to_wkt()
    assert scale_error(shapely.box(5.9, 45.0, 6.1, 45.2), crs) < 1e-5


@given(st.floats(-179, 178), st.floats(-78, 78))
def test_a_2_km_buffer_is_12_566_km2_everywhere(lon: float, lat: float) -> None:
    box = shapely.box(lon, lat, lon + 0.1, lat + 0.1)
    crs = metric_crs(box)
    back = Transformer.from_crs(crs, 4326, always_xy=True)
    circle = to_metric(box.centroid, crs).buffer(2000, quad_segs=64)
    lonlat = shapely.transform(
        circle, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1]))
    )
    area_km2 = abs(Geod(ellps="WGS84").geometry_area_perimeter(lonlat)[0]) / 1e6
    assert area_km2 == pytest.approx(12.566, rel=0.005)


def test_web_mercator_would_fail_the_buffer_test_by_far() -> None:
    """The trap itself: at 48 N a 2 km buffer in EPSG:3857 has less than half the area."""
    box = shapely.box(106.9, 47.9, 107.0, 48.0)
    assert scale_error(box, CRS(3857)) > 0.45
    assert scale_error(box, metric_crs(box)) < 0.001


def test_scale_error_of_utm_at_its_centre_is_the_known_0_9996() -> None:
    box = shapely.box(8.999, 0.0, 9.001, 0.002)
    assert scale_error(box, CRS(32632)) == pytest.approx(0.0004, abs=1e-6)


def test_a_bow_tie_is_repaired_with_a_warning() -> None:
    bow = shapely.Polygon([(7.4, 43.7), (7.5, 43.8), (7.5, 43.7), (7.4, 43.8)])
    with pytest.warns(KCityWarning, match="repaired"):
        city = make_city("Bow", bow)
    assert city.boundary.is_valid
    assert city.boundary.area == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("geometry", "error", "words"),
    [
        (shapely.Point(7, 43), StudyError, "Point"),
        (shapely.LineString([(7, 43), (8, 43)]), StudyError, "LineString"),
        (shapely.Polygon(), StudyError, "empty"),
        (shapely.box(0, 40, 10, 41), LimitError, "10.0 degrees"),
        (shapely.box(300000, 4800000, 310000, 4810000), StudyError, "not lon/lat"),
        (shapely.Polygon([(7, 43), (8, 43), (7, 43)]), StudyError, "no area"),
    ],
)
def test_bad_boundaries_are_refused_in_words(geometry, error, words) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KCityWarning)
        with pytest.raises(error, match=words):
            make_city("Bad", geometry)


BOX = shapely.box(7.40, 43.70, 7.50, 43.80)


def test_without_districts_the_city_is_one() -> None:
    city = make_city("One", BOX)
    assert city.districts["district_id"].tolist() == ["whole"]
    assert city.districts.geometry.iloc[0].equals(city.boundary_metric)


def test_districts_are_cut_at_the_boundary_and_the_rest_is_named() -> None:
    frame = gpd.GeoDataFrame(
        {"district_id": ["b", "a"], "name": ["B", "A"]},
        geometry=[shapely.box(7.45, 43.70, 7.60, 43.80), shapely.box(7.40, 43.70, 7.45, 43.75)],
        crs=4326,
    )
    with pytest.warns(KCityWarning, match="elsewhere"):
        city = make_city("Three", BOX, districts=frame)
    assert city.districts["district_id"].tolist() == ["a", "b", "elsewhere"]
    assert city.districts.area.sum() == pytest.approx(city.boundary_metric.area, rel=1e-6)


def test_districts_in_any_crs_give_the_same_districts() -> None:
    frame = gpd.GeoDataFrame(
        {"district_id": ["a", "b"], "name": ["A", "B"]},
        geometry=[shapely.box(7.40, 43.70, 7.45, 43.80), shapely.box(7.45, 43.70, 7.50, 43.80)],
        crs=4326,
    )
    one = make_city("C", BOX, districts=frame).districts
    two = make_city("C", BOX, districts=frame.to_crs(32632).iloc[::-1]).districts
    assert one["district_id"].tolist() == two["district_id"].tolist()
    assert np.allclose(one.area, two.area, rtol=1e-6)


def test_districts_elsewhere_or_doubled_are_refused() -> None:
    far = gpd.GeoDataFrame({"district_id": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    with pytest.raises(SchemaError, match="none overlaps"):
        make_city("C", BOX, districts=far)
    twice = gpd.GeoDataFrame({"district_id": ["a", "a"]}, geometry=[BOX, BOX], crs=4326)
    with pytest.raises(SchemaError, match="more than once"):
        make_city("C", BOX, districts=twice)


def test_a_district_with_the_key_of_the_whole_city_has_another_id() -> None:
    west, south, east, north = BOX.bounds
    middle = (west + east) / 2
    halves = gpd.GeoDataFrame(
        {"district_id": ["city", "city (1)"]},
        geometry=[shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)],
        crs=4326,
    )
    with pytest.warns(KCityWarning, match=r"'city' is that of the whole city; yours is called"):
        found = make_city("C", BOX, districts=halves).districts["district_id"].tolist()
    assert found == ["city (1)", "city (2)"]


def test_a_frame_in_another_crs_is_an_error_not_a_guess() -> None:
    city = make_city("C", BOX)
    with pytest.raises(CRSMismatchError, match="roads"):
        require_metric(gpd.GeoDataFrame(geometry=[BOX], crs=4326), city.crs, "roads")
