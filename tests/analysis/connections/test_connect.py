"""Connections: lengths that can be told by hand, streets that are used, rivers gone round or crossed."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.connections.connect import CONNECTION_COLUMNS, connect
from kcity_geo.analysis.connections.ground import ground_of
from kcity_geo.analysis.connections.over_ground import cost_along, pulled
from kcity_geo.analysis.connections.targets import connection_kinds
from kcity_geo.demo.toy import SOUTH, WEST, make_toy, toy_layer
from kcity_geo.errors import CRSMismatchError, StudyError


def place(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(WEST + west, SOUTH + south, WEST + east, SOUTH + north)


SITE = place(500, 1500, 1000, 2500)


def substations(*points, **columns):
    rows = [
        {"power": "substation", **{k: v[i] for k, v in columns.items()}} for i in range(len(points))
    ]
    return toy_layer(rows, [shapely.Point(p) for p in points])


def streets(*lines, highway):
    rows = [{"highway": h, "osm_id": i + 1} for i, h in enumerate(highway)]
    return toy_layer(rows, [shapely.LineString(line) for line in lines])


def test_over_open_ground_a_line_is_as_long_as_the_crow_flies() -> None:
    data = make_toy(layers={"substation": substations((3250, 3750))})
    found = connect(SITE, data, "power").iloc[0]
    straight = np.hypot(2250, 1250)
    assert found["straight_m"] == pytest.approx(straight)
    assert straight <= found["length_m"] < straight * 1.01
    assert found["new_m"] == found["length_m"]
    assert found["cost_m"] == pytest.approx(found["length_m"])
    ends = shapely.get_coordinates(found["geometry"])
    assert shapely.distance(SITE, shapely.Point(ends[0])) < 1e-6
    assert ends[-1].tolist() == [WEST + 3250, SOUTH + 3750]


def test_the_high_voltage_substation_is_asked_for_by_its_voltage() -> None:
    near, far = (1550, 2050), (3550, 2050)
    data = make_toy(
        layers={"substation": substations(near, far, voltage_v=[33_000, 220_000], name=["S", "B"])}
    )
    assert connect(SITE, data, "power")["to_name"].tolist() == ["S"]
    high = connect(SITE, data, "power_hv").iloc[0]
    assert (high["to_name"], high["voltage_kv"]) == ("B", 220)
    assert high["length_m"] == pytest.approx(2550)


def test_a_lake_is_gone_round_and_a_river_crossed_where_that_is_cheaper() -> None:
    there = substations((3050, 2050))
    lake = toy_layer([{"natural": "water"}], [shapely.box(1500, 1000, 2500, 3000)])
    wet = connect(SITE, make_toy(layers={"substation": there, "water_body": lake}), "power").iloc[0]
    assert wet["length_m"] > 2400
    shore = place(1500, 1000, 2500, 3000)
    assert wet["geometry"].intersection(shore).length < 150  # corners of cells
    river = toy_layer([{"waterway": "river"}], [shapely.LineString([(2050, -3000), (2050, 7000)])])
    across = connect(SITE, make_toy(layers={"substation": there, "drainage": river}), "power")
    assert across["length_m"].iloc[0] == pytest.approx(2050, rel=0.01)
    assert across["cost_m"].iloc[0] == pytest.approx(2450, rel=0.03)


def test_a_road_that_exists_is_followed_and_only_the_rest_is_new() -> None:
    data = make_toy(
        layers={
            "roads_drive": streets(
                [(1250, 0), (1250, 2050), (3050, 2050), (3050, 0)], [(3050, 0), (3050, -1000)],
                highway=["residential", "primary"],
            )
        }
    )  # fmt: skip
    found = connect(SITE, data, "road").iloc[0]
    # From the outline 250 m of new road, then the street back to the primary road: 1,800 and 2,050 m.
    assert found["new_m"] == pytest.approx(250, abs=60)
    assert found["length_m"] == pytest.approx(250 + 1800 + 2050, rel=0.03)
    assert found["to_layer"] == "roads_drive"
    assert shapely.get_coordinates(found["geometry"])[-1] == pytest.approx([WEST + 3050, SOUTH])
    assert found["geometry"].geom_type == "LineString"


def test_a_street_over_a_main_road_is_no_way_onto_it() -> None:
    crossing = [
        [(1250, 2000), (3900, 2000)], [(2000, 500), (2000, 3500)], [(3900, 2000), (3900, 500), (2000, 500)],
    ]  # fmt: skip
    roads = streets(*crossing, highway=["residential", "trunk", "residential"])
    roads["bridge"] = ["yes", "", ""]
    roads["layer"] = ["1", "0", "0"]
    found = connect(SITE, make_toy(layers={"roads_drive": roads}), "trunk").iloc[0]
    assert found["length_m"] == pytest.approx(250 + 2650 + 1500 + 1900, rel=0.05)


def test_a_site_on_a_road_needs_none_and_one_on_a_motorway_goes_to_its_end() -> None:
    beside = [(500, 2000), (1000, 2000)]
    on = connect(
        SITE, make_toy(layers={"roads_drive": streets(beside, highway=["primary"])}), "road"
    )
    assert on["length_m"].tolist() == [0]
    assert on["geometry"].isna().all()
    motorway = streets(
        [(750, -500), (750, 3500)], [(750, 3500), (1500, 3500)], [(1500, 3500), (1500, 2000)],
        highway=["motorway", "motorway_link", "tertiary"],
    )  # fmt: skip
    off = connect(SITE, make_toy(layers={"roads_drive": motorway}), "trunk").iloc[0]
    assert off["length_m"] > 1500


def test_what_is_not_mapped_has_no_length_and_says_so() -> None:
    for kind in connection_kinds():
        found = connect(SITE, make_toy(), kind)
        assert tuple(found.columns[:-1]) == CONNECTION_COLUMNS
        assert np.isnan(found["length_m"].iloc[0])
        assert "mapped here" in found["note"].iloc[0]


def test_sites_come_in_any_crs_and_as_rows() -> None:
    import geopandas as gpd

    data = make_toy(layers={"substation": substations((3050, 2050))})
    sites = gpd.GeoDataFrame({"site_id": ["site-01"]}, geometry=[SITE], crs=data.city.crs)
    here, there = connect(sites, data, "power"), connect(sites.to_crs(4326), data, "power")
    assert here["site_id"].tolist() == connect(sites.iloc[0], data, "power")["site_id"].tolist()
    assert there["length_m"].iloc[0] == pytest.approx(here["length_m"].iloc[0], abs=0.1)
    with pytest.raises(StudyError, match="polygons"):
        connect(shapely.Point(WEST, SOUTH), data, "power")
    with pytest.raises(StudyError, match=r"\['power', 'road'\]: give one of .*power"):
        connect(SITE, make_toy(), ["power", "road"])  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="'powr' is nothing to connect to; did you mean 'power'"):
        connect(SITE, data, "powr")
    with pytest.raises(CRSMismatchError):
        connect(shapely.box(9.0, 45.1, 9.01, 45.11), data, "power")


@given(st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_straightening_never_makes_a_way_dearer(seed) -> None:
    rng = np.random.default_rng(seed)
    lake = toy_layer([{"natural": "water"}], [shapely.Point(2000, 2000).buffer(900)])
    ground = ground_of(model_of(make_toy(cell_m=200, layers={"water_body": lake})))
    line = np.array([WEST, SOUTH]) + rng.uniform(0, 4000, (9, 2))
    short = pulled(line, ground)
    assert cost_along(short, ground) <= cost_along(line, ground) * (1 + 1e-6)
    assert (short[[0, -1]] == line[[0, -1]]).all()


def test_a_site_outside_the_study_area_says_so() -> None:
    data = make_toy(layers={"substation": substations((3050, 2050))})
    far = connect(place(20_000, 20_000, 20_500, 20_500), data, "power").iloc[0]
    assert far["note"] == "outside the study area"
    assert np.isnan(far["length_m"])


def test_a_motorway_beside_the_site_is_not_the_nearest_road_as_the_crow_flies() -> None:
    """They meet in the east; the site is 10 m from the motorway and 400 m from the road."""
    roads = [{"highway": "motorway"}, {"highway": "secondary"}]
    lines = [
        shapely.LineString([(0, 1010), (3900, 1010), (3900, 1400)]),
        shapely.LineString([(0, 1400), (3900, 1400)]),
    ]
    city = make_toy(layers={"roads_drive": toy_layer(roads, lines)})
    site = shapely.box(WEST + 500, SOUTH + 500, WEST + 1000, SOUTH + 1000)
    assert connect(site, city, "road")["straight_m"].tolist() == pytest.approx([400.0])


def test_the_straight_way_leads_to_what_the_line_ends_at() -> None:
    """The near substation, 400 m off, lies behind a lake: the line ends at the far one, 900 m off."""
    stations = toy_layer(
        [{"power": "substation", "name": "near"}, {"power": "substation", "name": "far"}],
        [shapely.Point(1900, 2000), shapely.Point(100, 2000)],
    )
    lake = toy_layer([{"natural": "water"}], [shapely.box(1550, 100, 1850, 3900)])
    data = make_toy(layers={"substation": stations, "water_body": lake})
    site = shapely.box(WEST + 1000, SOUTH + 1800, WEST + 1500, SOUTH + 2200)
    row = connect(site, data, "power").iloc[0]
    assert row["to_name"] == "far"
    assert row["straight_m"] == pytest.approx(900)
    assert row["straight_m"] <= row["length_m"]
