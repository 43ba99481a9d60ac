"""Transport indicators T1 to T9 on cities small enough to know the answer."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

import kcity_geo as kc
from kcity_geo.analysis import transport
from kcity_geo.analysis.city_model import model_of
from kcity_geo.analysis.network import labelled, reach
from kcity_geo.analysis.network.graph import build_graph
from kcity_geo.analysis.settlement.residents import people_of, share_indicator
from kcity_geo.analysis.transport import opportunities
from kcity_geo.analysis.transport.district_means import by_district
from kcity_geo.analysis.transport.intersections import divided_share, divided_ways, intersections
from kcity_geo.analysis.transport.jobs import job_cells
from kcity_geo.analysis.transport.service_times import facilities, service_time
from kcity_geo.analysis.transport.street_form import (
    circuity,
    connectivity,
    connectivity_gap,
    street_form,
)
from kcity_geo.analysis.transport.street_land import street_land_m2
from kcity_geo.city import make_city
from kcity_geo.citydata import CityData
from kcity_geo.cube import district_shares, layer
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.settings import network_table
from kcity_geo.standards import load_standards

METRIC = "EPSG:32633"
X0, Y0 = 500_000.0, 5_000_000.0
STANDARDS = load_standards()


def lattice(n, spacing=100.0, x0=X0, y0=Y0, **tags):
    span = range(n)
    rows = [
        ([i * 1000 + j + 1 for i in span], [(x0 + i * spacing, y0 + j * spacing) for i in span])
        for j in span
    ]
    rows += [
        ([i * 1000 + j + 1 for j in span], [(x0 + i * spacing, y0 + j * spacing) for j in span])
        for i in span
    ]
    return roads(rows, **tags)


def roads(rows, **tags):
    """Rows of (node ids, coordinates)."""
    return gpd.GeoDataFrame(
        {
            "osm_id": np.arange(1, len(rows) + 1),
            "node_ids": [np.array(ids, dtype=np.int64) for ids, _ in rows],
            "highway": "residential",
            **tags,
        },
        geometry=[shapely.LineString(xy) for _, xy in rows],
        crs=METRIC,
    )


def places(*xy, **columns):
    """Points in metres from the corner of the city."""
    return gpd.GeoDataFrame(
        {"osm_id": np.arange(1, len(xy) + 1), **columns},
        geometry=[shapely.Point(X0 + x, Y0 + y) for x, y in xy],
        crs=METRIC,
    )


def town(streets, *, size=2000.0, cell=100.0, cube=None, layers=None, transit=None, districts=None):
    """A square city, all of it inside; `cube` values replace 10 people a cell, built, urban."""
    box = shapely.box(X0, Y0, X0 + size, Y0 + size)
    n = round(size / cell)
    city = make_city(
        "toy", gpd.GeoSeries([box], crs=METRIC).to_crs(4326).iloc[0], districts=districts
    )
    grid = GeoBox.from_bbox((X0, Y0, X0 + size, Y0 + size), crs=city.crs, shape=(n, n), tight=True)
    values = {
        "inside_share": np.ones((n, n)),
        "population": np.full((n, n), 10.0),
        "built_m2": np.full((n, n), 0.3 * cell**2),
        "urban_class": np.full((n, n), 3.0),
        **(cube or {}),
    }
    variables = {
        key: layer(value, grid=grid, units="-", long_name=key)
        for key, value in values.items()
        if value is not None
    }
    return CityData(
        city=city,
        grid=grid,
        cube=xr.Dataset(variables),
        layers={
            "roads_walk": streets,
            "roads_drive": streets,
            "roads_cycle": streets,
            **(layers or {}),
        },
        inventory=pd.DataFrame(),
        shares=district_shares(city, grid=grid),
        transit=transit,
        osm_date="2025-01-01",
    )


def model(data, **parameters):
    return model_of(data).changed(settings={"transport": parameters})


def assess(data, **parameters):
    return {indicator.id: indicator for indicator in transport.assess(model(data, **parameters))}


# --- worked numbers ------------------------------------------------------------------------------


def test_worked_example_of_t1_t2_t3():
    """Six cells with the people and distances of the domain page."""
    people = np.array([[400, 800, 1200, 600, 1000, 500.0]])
    low = np.array([[120, 480, 510, 900, 700, 2000.0]])
    high = np.array([[3000, 1500, 990, 1001, 850, 5000.0]])
    data = town(lattice(3), size=600.0, cell=100.0)
    grid = people_of(data)
    row = type(grid)(people, True, people > 0, people < 0, True, np.arange(6))
    served = ((low <= 500) | (high <= 1000)).astype(float)
    t1 = share_indicator("T1", served, row, who=row.urban)
    assert t1.details["persons_served"] == 3400
    assert t1.value == pytest.approx(0.7556, abs=1e-4)
    t2 = share_indicator("T2", (high <= 1000).astype(float), row, who=row.urban)
    assert t2.value == pytest.approx(0.4889, abs=1e-4)
    rural = np.array([[50, 80, 20, 150, 10.0]])
    near = (np.array([[300, 1900, 2001, 5200, 1200.0]]) <= 2000).astype(float)
    country = type(grid)(rural, True, rural < 0, rural > 0, True, np.arange(5))
    assert share_indicator("T3", near, country, who=country.rural).value == pytest.approx(
        0.4516, abs=1e-4
    )
    weighted = np.array([[1, 0.6, 0, 0, 1]])
    found = share_indicator("T3_weighted", weighted, country, who=country.rural).value
    assert found == pytest.approx(0.3484, abs=1e-4)


def test_worked_example_of_t7_and_t8():
    assert circuity(np.array([1250.0, 830, 2100]), np.array([1000.0, 800, 1600])) == pytest.approx(
        1.2294, abs=1e-4
    )
    assert np.isnan(circuity(np.array([5.0]), np.array([0.0])))
    index = connectivity(9, 12)
    expected = {"beta": 1.333, "gamma": 0.571, "alpha": 0.308, "streets_per_node": 2.667}
    assert {key: round(value, 3) for key, value in index.items()} == expected
    assert float(connectivity_gap(12 / 9, 0.0)) == pytest.approx(0.2222, abs=1e-4)
    assert float(connectivity_gap(2.0, 0.10)) == 0.0
    assert float(connectivity_gap(0.9, 0.6)) == 1.0


def test_worked_example_of_t9():
    """Scores 1, 1, .8889, .5556, 0 at 10, 25, 40, 70 and 130 minutes."""
    from kcity_geo.analysis.transport.service_times import _timed

    minutes = np.array([[10], [25], [40], [70], [130.0]])  # one point a cell
    people = np.array([[1000, 2000, 1500, 700, 300.0]])
    known = people_of(town(lattice(3), size=500.0))
    row = type(known)(people, True, people > 0, people < 0, True, np.arange(5))
    found = _timed(minutes, row, indicator="T9_health", standard=STANDARDS["T9_health"])
    np.testing.assert_allclose(1 - found.gap[0], [1, 1, 0.8889, 0.5556, 0], atol=1e-4)
    assert found.details["score"] == pytest.approx(0.8586, abs=1e-4)
    assert found.details["share_30_min"] == pytest.approx(0.5455, abs=1e-4)
    assert found.details["share_60_min"] == pytest.approx(0.8182, abs=1e-4)
    assert found.details["share_120_min"] == pytest.approx(0.9455, abs=1e-4)


@pytest.mark.parametrize(
    ("spacing", "t4", "t5", "t6"),
    [
        (80, 25.0, 156.25, 0.3398),
        (100, 20.0, 100.0, 0.2775),
        (150, 13.333, 44.44, 0.19),
        (200, 10.0, 25.0, 0.1444),
    ],
)
def test_an_endless_grid_has_the_densities_of_the_table(spacing, t4, t5, t6):
    # The city is a whole number of blocks (1,200 m = 15, 12, 8, 6), and the grid goes on beyond it,
    # shifted by half a block so that no street runs along a border.
    count = 1200 // spacing + 10
    start = -4.5 * spacing
    streets = lattice(count, spacing, X0 + start, Y0 + start, width_m=15.0)
    found = assess(town(streets, size=1200.0, cell=1200.0 / (1200 // spacing)))
    assert found["T4"].value == pytest.approx(t4, abs=1e-3)
    assert found["T5"].value == pytest.approx(t5, abs=5e-3)
    assert found["T6"].value == pytest.approx(t6, abs=5e-5)
    assert found["T7"].value == pytest.approx(1.0)
    # Every cell is one block with one crossing: no border makes it differ.
    np.testing.assert_allclose(found["T4"].cells, t4, rtol=1e-4)
    np.testing.assert_allclose(found["T5"].cells, t5, rtol=1e-3)
    np.testing.assert_allclose(found["T6"].cells, t6, atol=5e-5)
    np.testing.assert_allclose(found["T5"].gap, max(0.0, 1 - t5 / 100), atol=1e-3)
    np.testing.assert_allclose(found["T6"].gap, np.clip((0.30 - t6) / 0.25, 0, 1), atol=1e-3)


@pytest.mark.parametrize(("width_m", "off"), [(15.0, 0.0), (None, 0.3)])
def test_widths_that_nobody_tagged_may_be_off_by_three_tenths(width_m, off):
    """Each cell is one block: its share of streets is the more uncertain, the fewer widths are tagged."""
    more = {} if width_m is None else {"width_m": width_m}
    streets = lattice(22, 100, X0 - 450, Y0 - 450, **more)
    found = street_form(model(town(streets, size=1200.0, cell=100.0)))
    land = next(one for one in found if one.id == "T6")
    np.testing.assert_allclose(land.value_error, off, atol=1e-6)


def test_naive_street_land_would_be_too_much():
    lines = np.array(lattice(12, 100.0, X0 - 50, Y0 - 50).geometry.to_numpy())
    grid = GeoBox.from_bbox((X0, Y0, X0 + 1000, Y0 + 1000), crs=METRIC, resolution=100)
    land = street_land_m2(lines, np.full(len(lines), 15.0), grid=grid)
    np.testing.assert_allclose(land, 2 * 15 * 100 - 15**2, rtol=1e-9)
    odd = GeoBox.from_bbox((X0, Y0, X0 + 700, Y0 + 300), crs=METRIC, resolution=100)
    np.testing.assert_allclose(street_land_m2(lines, np.full(len(lines), 15.0), grid=odd), 2775)
    only = np.zeros(grid.shape, bool)
    only[0, 0] = True
    assert (street_land_m2(lines, np.full(len(lines), 15.0), grid=grid, cells=only) > 0).sum() == 1


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_street_land_is_the_exact_union_in_any_cutting(seed):
    """Blocks, cells, widths, rings, streets twice, along an edge of cells and beyond: as one union of all, cell by cell."""
    rng = np.random.default_rng(seed)
    rings = shapely.linearrings(rng.uniform(100, 700, (2, 5, 2)))
    lines = np.concatenate(
        [
            shapely.linestrings(rng.uniform(-100, 900, (12, 3, 2))),
            shapely.linestrings(shapely.get_coordinates(rings).reshape(2, 6, 2)),
            shapely.linestrings(
                [[(0, 400), (800, 400)], [(400, -50), (400, 850)], [(1, 2), (1, 9)]]
            ),
        ]
    )
    lines = np.append(lines, lines[:2])
    width = rng.choice([4.0, 9.0, 15.0], len(lines))
    cell = float(rng.choice([100.0, 200.0, 400.0]))
    grid = GeoBox.from_bbox((0, 0, 800, 800), crs=METRIC, resolution=cell)
    whole = shapely.union_all(shapely.buffer(lines, width / 2, quad_segs=4))
    west, north = np.meshgrid(np.arange(0, 800, cell), 800 - np.arange(0, 800, cell))
    true = shapely.area(
        shapely.intersection(whole, shapely.box(west, north - cell, west + cell, north))
    )
    np.testing.assert_allclose(street_land_m2(lines, width, grid=grid), true, atol=1e-6, rtol=0)


# --- T1, T2, T3 ----------------------------------------------------------------------------------


def test_one_stop_in_a_lattice_serves_60_cells():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    found = assess(town(streets, layers={"transit_low": places((1000, 1000))}))["T1"]
    # Cell (a, b) of a quadrant lies amid a block, 100 (a + b + 1) m away by the best of its four
    # streets: a + b <= 4, the limit itself included, makes 15 cells in each quadrant.
    assert found.details["persons_served"] == 600
    assert found.value == pytest.approx(600 / 4000)
    assert found.details["persons_served"] + found.details["persons_unserved"] == 4000
    assert found.gap[0, 0] == 1
    assert found.gap[10, 10] == 0
    assert "stop presence only" in found.note
    assert found.evidence == "observed"


def test_a_station_reaches_a_kilometre_and_variants_differ():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    data = town(streets, layers={"transit_high": places((1000, 1000), railway=["station"])})
    network = transport.public_transport(data).details["persons_served"]
    assert network == 2200  # a + b <= 9: 55 cells in each quadrant
    any_stop = transport.public_transport(data, variant="u4ssc")
    assert (any_stop.id, any_stop.details["persons_served"]) == ("T1_u4ssc", 600)
    straight = transport.public_transport(data, variant="euclid")
    reach = 1000 / 1.3
    x = np.arange(-950, 1000, 100)
    inside = (np.hypot(*np.meshgrid(x, x)) <= reach).sum()
    assert straight.details["persons_served"] == inside * 10
    assert straight.evidence == "proxy"
    with pytest.raises(StudyError, match="bicycle"):
        transport.public_transport(data, variant="bicycle")


def test_without_streets_for_walking_400_m_of_air_are_520_m():
    streets = lattice(3).iloc[:0]
    stop = {"transit_low": places((150, 50))}
    # Centres at 50, 150 ... : the cell 400 m away is beyond 500 / 1.3 = 384.6 m, the one at 300 is not.
    found = assess(town(streets, size=600.0, layers=stop))["T1"]
    assert found.evidence == "proxy"
    row = found.cells[-1]
    assert row.tolist() == [1, 1, 1, 1, 1, 0]


def test_only_urban_people_count_for_t1_and_rural_for_t3():
    urban = np.full((20, 20), 3.0)
    urban[:, :5] = 1.0
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    found = assess(
        town(streets, cube={"urban_class": urban}, layers={"transit_low": places((1000, 1000))})
    )
    assert found["T1"].details["persons"] == 3000
    assert np.isnan(found["T1"].cells[:, :5]).all()
    assert found["T3"].details["persons"] == 1000
    assert np.isnan(found["T3"].cells[:, 5:]).all()


def test_rapid_transit_is_rail_and_no_ferry():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    high = places((1000, 1000), (300, 300), railway=["station", ""], amenity=["", "ferry_terminal"])
    data = town(streets, layers={"transit_high": high})
    found = transport.rapid_transit(data)
    x = np.arange(-950, 1000, 100)
    assert found.details["stations"] == 1
    assert found.details["persons_served"] == (np.hypot(*np.meshgrid(x, x)) <= 1000).sum() * 10
    assert transport.rapid_transit(data, mode="network").details["persons_served"] == 2200
    with pytest.raises(StudyError, match="air"):
        transport.rapid_transit(data, mode="air")


def test_a_timetable_counts_only_frequent_stops():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    stops = places((1000, 1000), (500, 500), (1500, 1500))
    stops["headway_peak_min"] = [20.0, 30.0, np.inf]
    stops["high_capacity"] = [False, False, True]
    stops["rapid"] = [False, False, True]
    data = town(streets, transit=stops, layers={"transit_low": places((200, 200))})
    found = assess(data)
    assert found["T1"].details["persons_served"] == 600
    assert found["T1"].n_features == 1
    assert "20 minutes" in found["T1"].note
    assert assess(data, headway_min=30.0)["T1"].details["stops_low"] == 2
    assert found["T2"].details["stations"] == 1


def timetable(*rows):
    """Rows of (x, y, headway at peak, departures a day, high, rapid)."""
    x, y, headway, departures, high, rapid = zip(*rows, strict=True)
    return places(
        *zip(x, y, strict=True),
        headway_peak_min=list(headway),
        departures_day=list(departures),
        high_capacity=list(high),
        rapid=list(rapid),
    )


def test_a_timetable_in_which_nothing_runs_is_no_gap():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    dead = timetable((1000, 1000, np.inf, 0, False, False))
    mapped = {"transit_low": places((1000, 1000))}
    t1 = assess(town(streets, transit=dead, layers=mapped))["T1"]
    assert t1.details["persons_served"] == 600
    assert "no running service: stop presence only" in t1.note
    assert t1.source == "OpenStreetMap"
    alone = assess(town(streets, transit=dead))["T1"]  # nothing mapped: the stops of the feed
    assert alone.details["persons_served"] == 600
    assert "GTFS stops" in alone.source
    train = timetable((1000, 1000, np.inf, 0, True, True))
    assert assess(town(streets, transit=train))["T1"].details["persons_served"] == 2200


def test_any_stop_is_any_stop_whatever_its_service():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    rare = timetable((1000, 1000, 60.0, 5, False, False))
    found = assess(town(streets, transit=rare))
    assert found["T1"].value == 0
    assert found["T1_u4ssc"].details["persons_served"] == 600
    assert found["T1_u4ssc"].n_features == 1
    assert found["T1_u4ssc"].note == "stop presence only"


def test_a_feed_of_buses_leaves_the_mapped_stations():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    buses = timetable((300, 300, 10.0, 90, False, False))
    high = places(
        (1000, 1000), (200, 1800), railway=["station", ""], amenity=["", "ferry_terminal"]
    )
    layers = {"transit_high": high, "transit_low": places((1700, 300))}
    found = assess(town(streets, transit=buses, layers=layers))
    assert (found["T1"].details["stops_low"], found["T1"].details["stops_high"]) == (1, 2)
    assert found["T1"].details["persons_served"] > 2000
    assert "no rail or metro, no ferry in the timetable" in found["T1"].note
    assert found["T2"].details["stations"] == 1
    assert found["T2"].source == "OpenStreetMap"
    # A feed with a ferry and no train leaves the stations, but its own piers decide.
    boats = pd.concat([buses, timetable((1700, 1700, 15.0, 40, True, False))], ignore_index=True)
    found = assess(town(streets, transit=boats, layers=layers))
    assert found["T1"].details["stops_high"] == 2
    assert found["T2"].details["stations"] == 1
    trains = pd.concat([boats, timetable((1000, 500, 10.0, 90, True, True))], ignore_index=True)
    found = assess(town(streets, transit=trains, layers=layers))
    assert found["T2"].source == "GTFS stops"
    assert found["T2"].details["stations"] == 1


def test_hours_that_the_timetable_does_not_cover_leave_the_presence_of_its_stops():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    unknown = timetable((1000, 1000, np.nan, 36, False, False), (300, 300, np.inf, 0, False, False))
    t1 = assess(town(streets, transit=unknown))["T1"]
    assert t1.details["persons_served"] == 600  # the stop where something runs, once
    assert "does not cover the hours of the peak: stop presence only" in t1.note
    assert "timetable" not in t1.details


def test_buses_at_a_station_door_do_not_make_it_a_frequent_station():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    both = timetable((1000, 1000, 10.0, 100, True, True))
    both["headway_low_min"], both["headway_rail_min"] = 10.0, 60.0
    both["headway_ferry_min"] = np.inf
    t1 = assess(town(streets, transit=both))["T1"]
    assert (t1.details["stops_low"], t1.details["stops_high"]) == (1, 0)
    assert t1.details["persons_served"] == 600  # 500 m to the buses, not 1 km to the trains
    assert t1.details["timetable"] == 1
    assert assess(town(streets, transit=both))["T2"].details["stations"] == 1


@pytest.mark.parametrize("kind", ["bus", "rail", "ferry"])
def test_stops_of_the_users_own_count_beside_a_timetable(kind):
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    feed = timetable(
        (300, 300, 60.0, 9, False, False),
        (300, 300, 60.0, 9, True, True),
        (300, 300, 60.0, 9, True, False),
    )
    own = places((1000, 1000), (1700, 1700), osm_type=["file", "node"])
    own["railway"] = "station" if kind == "rail" else ""
    own["amenity"] = "ferry_terminal" if kind == "ferry" else ""
    layer = {"transit_low" if kind == "bus" else "transit_high": own}
    t1 = assess(town(streets, transit=feed, layers=layer))["T1"]
    assert t1.details["stops_low"] + t1.details["stops_high"] == 1
    assert t1.details["persons_served"] == (600 if kind == "bus" else 2200)
    assert "your own stops" in t1.note


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_rural_roads_by_hand():
    """A paved road, an unknown one and a dirt one, each 2 km or more from the others."""
    streets = roads(
        [
            ([1, 2], [(X0, Y0 + 500), (X0 + 10_000, Y0 + 500)]),
            ([3, 4], [(X0, Y0 + 5500), (X0 + 10_000, Y0 + 5500)]),
            ([5, 6], [(X0, Y0 + 9500), (X0 + 10_000, Y0 + 9500)]),
        ],
        surface=["asphalt", "", "dirt"],
    )
    streets["highway"] = "unclassified"
    cube = {"urban_class": np.ones((10, 10))}
    found = assess(town(streets, size=10_000.0, cell=1000.0, cube=cube))
    # Lattice points at 50, 150, ... 9950 m of y: up to 2,500 paved; 3,500 to 7,500 unknown.
    paved, unknown = 0.25, 0.40
    assert found["T3"].value == pytest.approx(paved + unknown)
    assert found["T3"].bounds == (pytest.approx(paved), pytest.approx(paved + unknown))
    assert found["T3_weighted"].value == pytest.approx(paved + 0.6 * unknown)
    assert found["T3"].gap[0, 0] == 1  # the northern row has only dirt


# --- what a study changes ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_the_weight_of_an_unknown_surface_can_be_changed():
    streets = roads([([1, 2], [(X0, Y0 + 500), (X0 + 10_000, Y0 + 500)])])
    streets["highway"] = "unclassified"
    cube = {"urban_class": np.ones((10, 10))}
    data = town(streets, size=10_000.0, cell=1000.0, cube=cube)
    assert assess(data)["T3_weighted"].value == pytest.approx(0.25 * 0.6)
    changed = assess(data, network={"all_season": {"unknown_weight": 0.2}})
    assert changed["T3_weighted"].value == pytest.approx(0.25 * 0.2)


def test_street_form_follows_the_rules_of_the_study():
    # Two one-way lines 35 m apart, from end to end of the city, in opposite directions.
    rows = [([1, 2], [(X0, Y0 + 500), (X0 + 1000, Y0 + 500)])]
    rows += [([3, 4], [(X0 + 1000, Y0 + 535), (X0, Y0 + 535)])]
    rows += [([1, 4], [(X0, Y0 + 500), (X0, Y0 + 535)])]
    data = town(roads(rows, oneway=["yes", "yes", ""]), size=1000.0)

    def found(**network):
        return {row.id: row for row in street_form(model(data, network=network))}

    plain = found()
    merged = found(street_form={"dual_m": 40.0})
    assert plain["T4"].value == pytest.approx(2.035)
    assert merged["T4"].value == pytest.approx(1.035, abs=0.02)
    wide = found(widths={"class": {"residential": 18.0}})
    assert wide["T6"].value == pytest.approx(2 * plain["T6"].value, rel=0.05)
    assert found(street_form={"window_m": 1000.0})["T4"].details["window_m"] > 900


def test_the_gap_of_connectivity_follows_the_rules_of_the_study():
    data = town(lattice(12, 100.0, X0 + 50, Y0 + 50), size=1200.0)
    strict = {"network": {"street_form": {"beta_good": 3.0}}}
    plain, other = ({row.id: row for row in street_form(model(data, **p))} for p in ({}, strict))
    assert np.nanmean(other["T8"].gap) > np.nanmean(plain["T8"].gap) + 0.1


def test_slope_follows_the_rules_of_the_study():
    streets = roads([([1, 2], [(X0, Y0), (X0 + 1000, Y0)])])

    def uphill(**slope):
        graph = build_graph(
            streets,
            mode="walk",
            elevation=lambda x, _y: 0.1 * (x - X0),
            table=network_table({"slope": slope}),
        )
        return float(graph.minutes_forward[0])

    assert uphill() == pytest.approx(12 / 0.7047, rel=1e-3)
    assert uphill(decay=0.0) == pytest.approx(12)


# --- not assessed ------------------------------------------------------------------------------------


def test_an_empty_map_is_not_a_gap():
    empty = lattice(3).iloc[:0]
    found = assess(town(empty))
    assert len(found) == 22
    for indicator in found.values():
        assert np.isnan(indicator.value), indicator.id
        assert indicator.not_assessed, indicator.id
        assert indicator.gap is None or np.isnan(indicator.gap).all()


def test_streets_without_facilities_assess_only_the_streets():
    found = assess(town(lattice(31, 100.0, X0 - 500, Y0 - 500)))
    told = {key for key, indicator in found.items() if not indicator.not_assessed}
    assert told == {"T4", "T5", "T6", "T7", "T8", "T9_centre", "T9_reach_people"}
    assert "timetable" in found["T1"].not_assessed
    assert "hospital" not in told


def test_without_people_there_are_cells_but_no_city_value():
    data = town(
        lattice(31, 100.0, X0 - 500, Y0 - 500),
        cube={"population": None},
        layers={"transit_low": places((1000, 1000))},
    )
    found = assess(data)["T1"]
    assert "population" in found.not_assessed
    assert np.isnan(found.value)


def test_unknown_classes_make_every_populated_cell_urban():
    people = np.zeros((20, 20))
    people[5:15, 5:15] = 10.0
    data = town(
        lattice(31, 100.0, X0 - 500, Y0 - 500),
        cube={"urban_class": None, "population": people},
        layers={"transit_low": places((1000, 1000))},
    )
    found = assess(data)
    assert found["T1"].details["persons"] == 1000
    assert "every populated cell is urban" in found["T1"].note
    assert "not known" in found["T3"].not_assessed


def test_built_up_land_falls_back_to_buildings_then_people():
    streets = lattice(31, 100.0, X0 - 500, Y0 - 500)
    houses = gpd.GeoDataFrame(
        {"osm_id": [1], "building": ["yes"]},
        geometry=[shapely.box(X0, Y0, X0 + 100, Y0 + 100)],
        crs=METRIC,
    )
    by_house = assess(town(streets, cube={"built_m2": None}, layers={"building": houses}))["T4"]
    assert np.isfinite(by_house.cells).sum() == 1
    assert by_house.evidence == "proxy"
    assert np.isfinite(assess(town(streets, cube={"built_m2": None}))["T4"].cells).sum() == 400
    thin = assess(town(streets, cube={"built_m2": np.full((20, 20), 499.0)}))["T4"]
    assert "built-up" in thin.not_assessed  # 4.99 % is below a twentieth


# --- street form -------------------------------------------------------------------------------------


def divided(gap=20.0, x0=0.0, y0=0.0):
    """An east-west divided road crossed by two streets, with one gap in the median."""
    rows = [
        (
            [1, 2, 3, 4, 5],
            [(x0, y0), (x0 + 500, y0), (x0 + 700, y0), (x0 + 1000, y0), (x0 + 1500, y0)],
        ),
        ([15, 14, 13, 12, 11], [(x0 + x, y0 + gap) for x in (1500, 1000, 700, 500, 0)]),
        (
            [21, 2, 12, 22],
            [(x0 + 500, y0 - 300), (x0 + 500, y0), (x0 + 500, y0 + gap), (x0 + 500, y0 + 300)],
        ),
        ([3, 13], [(x0 + 700, y0), (x0 + 700, y0 + gap)]),
        (
            [31, 4, 14, 32],
            [(x0 + 1000, y0 - 300), (x0 + 1000, y0), (x0 + 1000, y0 + gap), (x0 + 1000, y0 + 300)],
        ),
    ]
    return roads(rows, oneway=["yes", "yes", "", "", ""])


def count_intersections(streets):
    table = network_table()
    lines, row, paired = divided_share(streets, table=table)
    graph = build_graph(streets, mode="street")
    ring = streets["osm_id"].to_numpy()[
        streets.get("junction", pd.Series("", index=streets.index)) == "roundabout"
    ]
    x, y = intersections(graph, divided=divided_ways(streets, lines, row, paired), roundabouts=ring)
    length = shapely.length(lines)
    return sorted(zip(x.round(3).tolist(), y.round(3).tolist(), strict=True)), float(
        (length * np.where(paired, 0.5, 1)).sum()
    )


def test_a_divided_road_is_one_road():
    found, length = count_intersections(divided())
    # Two crossings, not four; the gap in the median is none.
    assert found == [(500, 10), (1000, 10)]
    assert length == pytest.approx(1500 + 2 * 600 + 20)


def test_one_way_streets_of_a_block_apart_are_two_roads():
    found, length = count_intersections(divided(gap=60.0))
    assert len(found) == 6
    assert length == pytest.approx(2 * 1500 + 2 * 600 + 60)


def test_one_carriageway_drawn_backwards_is_still_the_other_one():
    streets = divided()
    streets.loc[1, "geometry"] = shapely.reverse(streets.geometry.iloc[1])
    streets["node_ids"] = [
        ids[::-1].copy() if i == 1 else ids for i, ids in enumerate(streets["node_ids"])
    ]
    assert len(count_intersections(streets)[0]) == 6  # both run east: two one-way streets
    streets.loc[1, "oneway"] = "-1"
    assert len(count_intersections(streets)[0]) == 2


def test_close_nodes_are_one_intersection_and_a_roundabout_too():
    # Two T-junctions 14 m apart make one crossing; 16 m apart they are two.
    def staggered(gap):
        return roads(
            [
                ([1, 2, 3, 4], [(0, 0), (200, 0), (200 + gap, 0), (500, 0)]),
                ([2, 5], [(200, 0), (200, 200)]),
                ([3, 6], [(200 + gap, 0), (200 + gap, -200)]),
            ]
        )

    assert len(count_intersections(staggered(14))[0]) == 1
    assert len(count_intersections(staggered(16))[0]) == 2
    corner = [(40, 0), (0, 40), (-40, 0), (0, -40)]
    ring = roads(
        [
            ([1, 2, 3, 4, 1], [*corner, corner[0]]),
            *[
                ([i + 1, i + 11], [corner[i], (5 * corner[i][0], 5 * corner[i][1])])
                for i in range(4)
            ],
        ],
        junction=["roundabout", "", "", "", ""],
    )
    assert count_intersections(ring)[0] == [(0, 0)]
    ring["junction"] = ""
    assert len(count_intersections(ring)[0]) == 4


def test_a_bridge_makes_no_intersection():
    over = roads(
        [([1, 2], [(0, 0), (100, 0)]), ([3, 4], [(50, -50), (50, 50)])], bridge=["", "yes"]
    )
    assert count_intersections(over)[0] == []


def test_connectivity_counts_no_dead_end_at_a_cell_border():
    found = assess(town(lattice(41, 100.0, X0 - 1000, Y0 - 1000), cell=500.0))["T8"]
    np.testing.assert_allclose(found.cells, 2.0)
    np.testing.assert_allclose(found.gap, 0.0)
    comb = roads(
        [
            ([100 + i for i in range(21)], [(X0 + 100 * i, Y0 + 1000) for i in range(21)]),
            *[
                ([100 + i, 200 + i], [(X0 + 100 * i, Y0 + 1000), (X0 + 100 * i, Y0 + 1400)])
                for i in range(1, 20)
            ],
        ]
    )
    found = assess(town(comb, cell=500.0))["T8"]
    # A comb: 19 junctions, 19 teeth and 2 ends; 20 + 19 links.
    inside = found.details["nodes"]
    assert found.value == pytest.approx(found.details["segments"] / inside)
    assert found.details["dead_end_share"] > 0.5
    assert np.nanmax(found.gap) > 0.7


# --- T9 ----------------------------------------------------------------------------------------------


def test_walking_time_to_school_along_a_street():
    street = roads([([1, 2], [(X0, Y0 + 50), (X0 + 2000, Y0 + 50)])])
    data = town(street, size=2000.0, layers={"school": places((1000, 50), amenity=["school"])})
    found = assess(data)["T9_school"]
    row = found.cells[-1]
    expected = np.abs(np.arange(50, 2000, 100) - 1000) / 5000 * 60
    np.testing.assert_allclose(row, expected)
    # 300 m and no more from the street; people farther away have no route and the full gap.
    assert np.isfinite(found.cells).sum() == 4 * 20
    assert found.details["persons_without_route"] == 16 * 20 * 10
    # A gap of 1 that rests on no way at all is believed less than one that was walked.
    lost = found.gap == 1
    assert lost.any()
    assert found.trust[lost & np.isnan(found.cells)] == pytest.approx(0.39)
    assert found.trust[np.isfinite(found.cells)].max() == pytest.approx(1.0)
    assert found.gap[0, 0] == 1
    assert found.value == pytest.approx(np.nanmean(found.cells))


@pytest.mark.filterwarnings("ignore:walk network:kcity_geo.errors.KCityWarning")
@pytest.mark.filterwarnings("ignore:drive network:kcity_geo.errors.KCityWarning")
def test_streets_that_lead_nowhere_make_nobody_less_sure_of_the_way_that_there_is():
    """People nearest to a loose street have no route; with it gone they walk from the next one."""
    main = ([1, 2], [(X0, Y0 + 160), (X0 + 2000, Y0 + 160)])
    loose = [([3, 4], [(X0 + 900, Y0 + 360), (X0 + 2000, Y0 + 360)])]
    layers = {"school": places((100, 150), amenity=["school"])}
    both, alone = (
        assess(town(roads([main, *more]), size=2000.0, cell=200.0, layers=layers))["T9_school"]
        for more in (loose, [])
    )
    stranded = np.isnan(both.cells) & np.isfinite(alone.cells)
    assert stranded.any()
    assert (both.gap[stranded] == 1).all()
    assert both.trust[stranded] == pytest.approx(0.39 + 0.61 / 2), "half of a cell is near"
    assert (alone.trust <= both.trust + 1e-12).all()
    assert both.trust[0, 0] == alone.trust[0, 0] == pytest.approx(0.39)


@pytest.mark.filterwarnings("ignore:walk network:kcity_geo.errors.KCityWarning")
@pytest.mark.filterwarnings("ignore:drive network:kcity_geo.errors.KCityWarning")
def test_a_place_that_no_street_joins_to_where_people_live_is_told_so():
    """As at the rim of an extract: there is a hospital, and its street ends there."""
    ways = [
        ([1, 2], [(X0, Y0 + 160), (X0 + 2000, Y0 + 160)]),
        ([3, 4], [(X0, Y0 + 1900), (X0 + 50, Y0 + 1900)]),
    ]
    population = np.zeros((20, 20))
    population[-4:] = 10.0
    layers = {"school": places((20, 1890), amenity=["school"])}
    row = assess(town(roads(ways), cube={"population": population}, layers=layers))["T9_school"]
    assert row.not_assessed == (
        "no way over the mapped streets leads to such a place from where people live; check that the extract "
        "reaches around the city"
    )


def test_kindergartens_are_no_schools_and_levels_are_read():
    amenity = ["kindergarten", "university", "school", "school"]
    school = places(
        (0, 0),
        (100, 100),
        (500, 500),
        (1500, 1500),
        amenity=amenity,
        isced_level=["", "", "1", "2;3"],
    )
    data = town(lattice(21), layers={"school": school})
    found = assess(data)
    assert found["T9_school"].n_features == 1
    assert found["T9_secondary"].n_features == 1


def test_hospital_by_car_is_told_but_not_scored():
    health = places((0, 0), (1000, 1000), amenity=["clinic", "hospital"])
    found = assess(town(lattice(21), layers={"health": health}))
    assert found["T9_hospital"].gap is None
    assert found["T9_hospital"].n_features == 1
    assert found["T9_health"].n_features == 2
    walk = assess(town(lattice(21), layers={"health": health}), hospital_mode="walk")["T9_hospital"]
    assert walk.value > found["T9_hospital"].value


def test_rush_hour_slows_urban_streets_only():
    streets = lattice(20, 100.0, X0 + 50, Y0 + 50)  # through the centres of the cells
    health = {"health": places((1050, 1050), amenity=["hospital"])}
    rural = town(streets, cube={"urban_class": np.ones((20, 20))}, layers=health)
    free = assess(rural, congestion_urban=0.5)["T9_hospital"].cells
    urban = town(streets, layers=health)
    slow = service_time(
        model(urban, congestion_urban=0.5),
        "drive",
        health["health"].geometry.to_numpy(),
        indicator="T9_hospital",
    ).cells
    np.testing.assert_allclose(slow, 2 * free)
    assert np.nanmax(free) == pytest.approx((1000 + 1000) / 25_000 * 60)


def test_walking_speed_changes_the_minutes_in_proportion():
    streets = lattice(20, 100.0, X0 + 50, Y0 + 50)  # through the centres of the cells
    data = town(streets, layers={"health": places((1050, 1050), amenity=["hospital"])})

    def minutes(**parameters):
        return assess(data, **parameters)["T9_health"].cells

    usual, slow = minutes(), minutes(walk_kmh=2.5)
    assert np.nanmax(usual) == pytest.approx((1000 + 1000) / 5000 * 60)
    np.testing.assert_allclose(slow, 2 * usual)


def test_traffic_lights_of_the_layer_delay_cars_by_two_seconds():
    streets = lattice(20, 100.0, X0 + 50, Y0 + 50)
    lights = places((1050, 1050), highway=["traffic_signals"])
    free = kc.street_graphs(town(streets))
    node = int(
        np.argmin(np.hypot(free["drive"].node_x - X0 - 1050, free["drive"].node_y - Y0 - 1050))
    )
    lights["osm_id"] = free["drive"].node_osm[[node]]
    lit = kc.street_graphs(town(streets, layers={"signals": lights}))
    late = (lit["drive"].minutes_forward - free["drive"].minutes_forward) * 60
    # Half at the end of each of the four streets; nothing is cut, and walkers do not wait.
    assert np.flatnonzero(late > 1e-9).size == 4
    np.testing.assert_allclose(late[late > 1e-9], 1.0)
    assert lit["drive"].n_segments == free["drive"].n_segments
    assert (lit["walk"].minutes_forward == free["walk"].minutes_forward).all()


def test_jobs_come_from_buildings_or_land_use_never_both():
    hall = gpd.GeoDataFrame(
        {"osm_id": [1, 2], "building": ["industrial", "house"], "levels": [2.0, 9.0]},
        geometry=[
            shapely.box(X0, Y0, X0 + 100, Y0 + 40),
            shapely.box(X0, Y0 + 50, X0 + 100, Y0 + 90),
        ],
        crs=METRIC,
    )
    zone = gpd.GeoDataFrame(
        {"osm_id": [1], "landuse": ["industrial"]},
        geometry=[shapely.box(X0, Y0, X0 + 200, Y0 + 100)],
        crs=METRIC,
    )
    jobs = job_cells(town(lattice(21), layers={"building": hall, "landuse": zone}))
    # Cell 1: two floors of 4,000 m2 at 40 m2 are 200, more than 60 of a hectare; cell 2: 60.
    assert jobs[-1, :3] == pytest.approx([200, 60, 0])
    data = town(lattice(21), layers={"building": hall, "landuse": zone})
    few = assess(data)["T9_jobs"]
    assert "no plausible count of a city" in few.not_assessed
    found = assess(model_of(data).changed(settings={"transport": {"jobs_person_min": 0.0}}))
    found = found["T9_jobs"]
    assert found.evidence == "proxy"
    assert found.cells[-1, 0] == pytest.approx(
        2 * 50 / 3000 * 60
    )  # to the street and back to the cell


def test_modes_and_keys_are_checked():
    data = town(lattice(5))
    with pytest.raises(StudyError, match="rocket"):
        assess(data, hospital_mode="rocket")
    with pytest.raises(StudyError, match="max_snap_km"):
        assess(data, max_snap_km=1.0)
    with pytest.raises(StudyError, match="balloon"):
        assess(town(lattice(5), layers={"transit_low": places((0, 0))}), rapid_mode="balloon")


# --- properties ----------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_more_facilities_never_raise_a_gap_and_people_are_kept(seed):
    rng = np.random.default_rng(seed)
    streets = lattice(21)
    keep = rng.random(len(streets)) > 0.2
    people = rng.exponential(10, (20, 20))
    xy = rng.uniform(0, 2000, (4, 2))
    one = {"transit_low": places(*xy[:2]), "health": places(*xy[:2], amenity=["clinic"] * 2)}
    two = {"transit_low": places(*xy), "health": places(*xy, amenity=["clinic"] * 4)}
    results = []
    for layers in (one, two):
        data = town(streets[keep], cube={"population": people}, layers=layers)
        t1 = transport.public_transport(data)
        t9 = service_time(
            data,
            "walk",
            layers["health"].geometry.to_numpy(),
            indicator="T9_health",
            standard=STANDARDS["T9_health"],
        )
        total = t1.details["persons_served"] + t1.details["persons_unserved"]
        assert total == pytest.approx(people.sum())
        results.append((t1, t9))
    for few, many in zip(*results, strict=True):
        assert many.details.get("persons_served", 0) >= few.details.get("persons_served", 0)
        assert (many.gap <= few.gap + 1e-12).all()
        assert ((many.gap >= 0) & (many.gap <= 1)).all()


def test_row_order_does_not_matter():
    rng = np.random.default_rng(5)
    streets = lattice(21)
    layers = {
        "transit_low": places(*rng.uniform(0, 2000, (9, 2))),
        "health": places(*rng.uniform(0, 2000, (4, 2)), amenity=["clinic", "hospital"] * 2),
    }
    mixed = {key: value.sample(frac=1, random_state=1) for key, value in layers.items()}
    one = assess(town(streets, layers=layers))
    two = assess(town(streets.sample(frac=1, random_state=2), layers=mixed))
    for key, indicator in one.items():
        np.testing.assert_array_equal(indicator.value, two[key].value)
        if indicator.cells is not None:
            np.testing.assert_array_equal(indicator.cells, two[key].cells)


def test_inputs_are_left_as_they_were():
    data = town(lattice(11), layers={"transit_low": places((500, 500))})
    before = data.layers["roads_walk"].copy(deep=True)
    assess(data)
    pd.testing.assert_frame_equal(
        data.layers["roads_walk"].drop(columns=["geometry", "node_ids"]),
        before.drop(columns=["geometry", "node_ids"]),
    )
    assert (data.layers["roads_walk"].geometry == before.geometry).all()


def test_districts_average_their_people():
    halves = gpd.GeoDataFrame(
        {"district_id": ["west", "east"], "name": ["W", "E"]},
        geometry=[
            shapely.box(X0, Y0, X0 + 1000, Y0 + 2000),
            shapely.box(X0 + 1000, Y0, X0 + 2000, Y0 + 2000),
        ],
        crs=METRIC,
    ).to_crs(4326)
    data = town(lattice(21), districts=halves, layers={"transit_low": places((1500, 1000))})
    found = assess(data)["T1"]
    means = by_district(data, found.cells)
    # Cells of a lattice in metres: the stop is all in the east; borders of lon/lat cut hairlines.
    assert means["west"] == pytest.approx(0.0, abs=0.02)
    assert means["east"] == pytest.approx(600 / 2000, abs=0.02)
    assert by_district(data, found.cells, weight=np.zeros((20, 20))).isna().all()


def test_a_network_in_pieces_is_told():
    streets = pd.concat(
        [
            lattice(6),
            lattice(6, x0=X0 + 1500).assign(
                osm_id=lambda f: f["osm_id"] + 100,
                node_ids=lambda f: [ids + 10**6 for ids in f["node_ids"]],
            ),
        ],
        ignore_index=True,
    )
    with pytest.warns(KCityWarning, match="pieces apart"):
        found = assess(town(streets))
    assert found["T8"].details["components"] == 2
    assert "faults in the data" in found["T8"].note


# --- opportunities and catchments ---------------------------------------------------------------------


def along_a_road(**layers):
    """100, 200 and 700 people at 0.5, 10.5 and 30.5 km of one street; 50 people without one."""
    persons = np.zeros((40, 40))
    persons[-1, [0, 10, 30]] = 100, 200, 700
    persons[0, 20] = 50
    street = roads([([1, 2], [(X0, Y0 + 500), (X0 + 40_000, Y0 + 500)])])
    return town(
        street,
        size=40_000.0,
        cell=1000.0,
        cube={"population": persons, "urban_class": np.ones((40, 40))},
        layers=layers,
    )


def opportunities_of(data, **parameters):
    found = opportunities.cumulative_opportunities(model(data, **parameters))
    return {row.id: row for row in found}


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_people_within_reach_by_hand():
    # 25 km/h in the country: 10 km take 24 minutes, 20 km 48, 30 km 72.
    row = opportunities_of(along_a_road())["T9_reach_people"]
    mean = (100 * 300 + 200 * 300 + 700 * 700) / 1050 / 1000
    assert row.value == pytest.approx(mean)
    assert row.cells[-1, 0] == pytest.approx(300 / 1050)
    assert row.cells[-1, 30] == pytest.approx(700 / 1050)
    assert np.isfinite(row.cells).sum() == 3
    hour = (100 * 300 + 200 * 1000 + 700 * 900) / 1050 / 1000
    assert row.details["share_60_min"] == pytest.approx(hour)
    assert row.details["people_60_min"] == pytest.approx(hour * 1050)
    assert row.details["share_15_min"] == pytest.approx((100**2 + 200**2 + 700**2) / 1050 / 1000)
    assert row.details["persons_without_street"] == 50
    assert "persons_without_route" not in row.details, "that is of the ways to one facility"
    assert "squares of 1000 m" in row.note


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_jobs_within_reach_are_a_proxy_and_may_be_unknown():
    assert "map" in opportunities_of(along_a_road())["T9_reach_jobs"].not_assessed
    land = gpd.GeoDataFrame(
        {"osm_id": [1], "landuse": ["industrial"]},
        geometry=[shapely.box(X0 + 10_000, Y0, X0 + 11_000, Y0 + 1000)],
        crs="EPSG:32633",
    )
    row = opportunities_of(along_a_road(landuse=land))["T9_reach_jobs"]
    assert row.evidence == "proxy"
    assert row.cells[-1, [0, 10, 30]].tolist() == [1, 1, 0]
    assert row.value == pytest.approx(300 / 1000)
    assert row.details["jobs_60_min"] == pytest.approx(6000)


@pytest.mark.filterwarnings("ignore:.*pieces apart")
@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_zones_are_few_hold_everybody_once_and_end_at_a_home(seed):
    rng = np.random.default_rng(seed)
    persons = rng.integers(0, 5, (20, 20)).astype(float)
    data = town(lattice(21), cube={"population": persons})
    most = int(rng.integers(4, 40))  # the squares on either side of both axes are four
    zone, homes, side = opportunities.zones(model(data, reach_origins_max=most, reach_zone_m=100.0))
    assert len(homes) <= most
    assert side % 100 == 0
    assert ((zone >= 0) == (persons > 0)).all()
    assert (zone.ravel()[homes] == np.arange(len(homes))).all()
    assert set(np.unique(zone[zone >= 0])) == set(range(len(homes)))


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_a_zone_a_cell_is_what_the_sums_of_every_cell_say():
    rng = np.random.default_rng(5)
    persons = rng.integers(0, 9, (20, 20)).astype(float)
    data = town(lattice(21), cube={"population": persons})
    slow = {"congestion_urban": 0.05}  # slow enough to matter
    city = model(data, reach_origins_max=1000, reach_zone_m=100.0, **slow)
    found = opportunities.cumulative_opportunities(city)[0]
    cells = np.flatnonzero(persons > 0)
    homes = opportunities._at_cells(city, "drive", cells)
    mass = persons.ravel()[cells]
    true = reach.sums_within(city.graph("drive"), homes, homes, mass) / mass.sum()
    assert 0.01 < true[:, 1].mean() < 0.9
    np.testing.assert_allclose(found.cells.ravel()[cells], true[:, 2])
    assert found.details["share_15_min"] == pytest.approx(np.average(true[:, 0], weights=mass))


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_people_share_the_nearest_facility():
    health = places(
        (500, 500), (11_000, 500), (35_000, 500), amenity=["clinic", "hospital", "clinic"]
    )
    data = along_a_road(health=health)
    found = {row.id: row for row in opportunities.catchments(data)}
    row = found["T9_catchment_health"]
    # Six of the ten rows of points of a cell lie within 300 m of the street.
    np.testing.assert_allclose(row.cells[-1, [0, 10, 30]], [60, 120, 420])
    assert row.value == pytest.approx((100 * 60 + 200 * 120 + 700 * 420) / 1000)
    assert row.details["persons_median"] == pytest.approx(120)
    assert row.details["persons_largest"] == pytest.approx(420)
    assert row.details["persons_without_route"] == pytest.approx(400 + 50)
    assert found["T9_catchment_hospital"].value == pytest.approx(600)
    assert "map it" in found["T9_catchment_school"].not_assessed
    assert "T9_two_step" not in found


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_everybody_has_one_facility_or_none():
    rng = np.random.default_rng(2)
    persons = rng.uniform(0, 50, (20, 20))
    schools = places(*rng.uniform(0, 2000, (7, 2)), amenity="school")
    data = town(lattice(15), cube={"population": persons}, layers={"school": schools})
    row = opportunities.catchments(data)[2]
    served = row.details["persons_mean"] * row.details["places"]
    assert served + row.details["persons_without_route"] == pytest.approx(persons.sum())
    assert row.details["persons_without_route"] > 0


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_two_step_catchments_are_an_option_and_give_out_every_facility():
    health = places((500, 500), (700, 500), (30_500, 500), amenity=["clinic"] * 3)
    data = along_a_road(health=health)
    found = opportunities.catchments(model(data, two_step_min=30.0))
    row = next(row for row in found if row.id == "T9_two_step")
    given_out = np.nansum(row.cells * people_of(data).persons) / 10_000
    assert given_out == pytest.approx(3)
    assert row.cells[-1, 0] == pytest.approx(2 / 100 * 10_000)
    assert row.details["persons_without"] == 250


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_access_circuity_of_a_lattice_and_of_a_detour():
    # On a line the way is the straight line; on an L it is |x| + |y| over the diagonal.
    health = places((20_000, 500), amenity=["clinic"])
    data = along_a_road(health=health)
    straight = opportunities.access_circuity(data, facilities(data, "health"))
    assert 1 <= straight < 1.05
    persons = np.zeros((20, 20))
    persons[5, 14] = 10  # its centre lies 500 m east and 500 m north of the clinic
    bent = town(
        roads([([1, 2, 3], [(X0 + 950, Y0 + 950), (X0 + 1450, Y0 + 950), (X0 + 1450, Y0 + 1450)])]),
        cube={"population": persons},
        layers={"health": places((950, 950), amenity=["clinic"])},
    )
    found = opportunities.access_circuity(bent, facilities(bent, "health"))
    assert found == pytest.approx(np.sqrt(2))


@pytest.mark.filterwarnings("ignore:.*pieces apart")
def test_what_planners_ask_is_found_in_one_place():
    for name in transport.__all__:
        assert callable(getattr(kc.transport, name)), name
    assert kc.transport.sums_within is labelled.sums_within
    assert set(transport.__all__) <= set(dir(kc.transport))
    with pytest.raises(AttributeError, match="teleport"):
        kc.transport.teleport  # noqa: B018 - the name itself is asked for


def test_rows_that_are_not_scored_are_still_measured():
    streets = roads([([1, 2], [(X0 + 10, Y0 + 50), (X0 + 19_990, Y0 + 50)])])
    persons = np.zeros((200, 200))
    persons[-1, [0, 150]] = 30, 10  # 50 m and 15,050 m from the west
    data = town(
        streets,
        size=20_000.0,
        cube={"population": persons, "urban_class": np.ones((200, 200))},
        layers={"health": places((50, 50), amenity=["hospital"])},
    )
    row = assess(data, hospital_mode="walk")["T9_hospital"]
    # 15 km at 5 km/h are 180 minutes: beyond the worst of 120, and 0 at the door.
    assert row.details["gap"] == pytest.approx(10 / 40)
    assert row.gap is None
    assert "30 to 120 min (D) a gap of 25%, which does not count" in row.note
    drive = assess(data)["T9_hospital"]
    assert drive.details["gap"] == pytest.approx(10 / 40 * (36 - 30) / 90)  # 15 km at 25 km/h
    assert drive.details["score"] == pytest.approx(1 - drive.details["gap"])
    assert assess(data)["T7"].details["access_circuity"] == pytest.approx(1.0)
    assert "to health care are 1.00 times" in assess(data)["T7"].note
