"""Rows of a feed that say nothing are left out and told; what can be read for certain is read."""

from __future__ import annotations

import zipfile

import pytest
import shapely

from kcity_geo.errors import SourceError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.transit import read_gtfs

# A bus every ten minutes from 7:00 to 8:50: twelve departures from s1, none from s2, where it ends.
CLOCKS = [f"{7 + i // 6}:{i % 6}0:00" for i in range(12)]
TABLES = {
    "stops": "stop_id,stop_name,stop_lat,stop_lon\ns1,One,-29.98,28.01\ns2,Two,-29.98,28.02\n",
    "routes": "route_id,route_short_name,route_type\nr,1,3\n",
    "trips": "route_id,service_id,trip_id\n" + "".join(f"r,w,t{i}\n" for i in range(12)),
    "stop_times": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    + "".join(f"t{i},{c},{c},s1,1\nt{i},,,s2,2\n" for i, c in enumerate(CLOCKS)),
    "calendar": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,"
    "end_date\nw,1,1,1,1,1,0,0,20240101,20241231\n",
}
OFTEN = "trip_id,start_time,end_time,headway_secs\n"


def read(folder, table="", old="", new="", *, area=None, **more):
    tables = {**TABLES, **more}
    if table:
        assert old in tables[table]
        tables[table] = tables[table].replace(old, new)
    with zipfile.ZipFile(folder / "f.zip", "w") as archive:
        for name, text in tables.items():
            archive.writestr(f"{name}.txt", text)
    with muted(), collected() as told:
        stops = read_gtfs(folder / "f.zip", crs=32735, area=area)
    return stops.set_index("stop_id"), " ".join(told)


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("stop_times", ":00,", ","),  # 7:10
        ("stop_times", ",7:", ", 7:"),
        ("stop_times", ",s1,", ", s1 ,"),
        ("trips", "r,w,", "r,w ,"),
        ("calendar", "20240101", "2024-01-01"),
        ("calendar", "20241231", "2024/12/31"),
        ("calendar", "20241231", ""),
        ("calendar", "20241231", "99991231"),
        ("routes", "r,1,3\n", "r,1,3\nr,1,3\n"),
        ("stops", "s1,One,-29.98,28.01\n", "s1,One,-29.98,28.01\ns1,One again,-29.9801,28.01\n"),
        ("trips", "r,w,t0\n", "r,w,t0\nr,w,t0\n"),
        ("stop_times", "s1,1\n", "s1,1.0\n"),
    ],
)
def test_other_ways_of_writing_a_feed_change_no_departure(tmp_path, table, old, new):
    stops, told = read(tmp_path, table, old, new)
    assert stops["departures_peak"].tolist() == [12, 0]
    assert stops["headway_peak_min"].iloc[0] == pytest.approx(10)
    assert told == ""


@pytest.mark.parametrize(
    ("table", "old", "new", "left", "words"),
    [
        ("stop_times", "t1,7:10:00,7:10:00", "t1,7:61:00,7:61:00", 11, "1 row of stop_times.txt with a departure_time that is no time (first: '7:61:00')"),
        ("stop_times", "t1,7:10:00,7:10:00", "t1,7:10 PM,7:10 PM", 11, "first: '7:10 PM'"),
        ("trips", "r,w,t1\n", "r,other,t1\n", 11, "a service_id that the calendars do not have (first: 'other')"),
        ("trips", "r,w,t1\n", "q,w,t1\n", 11, "a route_id that routes.txt does not have (first: 'q')"),
        ("trips", "r,w,t1\n", "", 11, "2 rows of stop_times.txt with a trip_id that trips.txt does not have (first: 't1')"),
        ("stop_times", "7:10:00,s1,1", "7:10:00,zz,1", 11, "a stop_id that stops.txt does not have (first: 'zz')"),
        ("stop_times", "t0,,,s2,2\n", "t0,,,s2,2\nt0,7:00:00,7:00:00,s1,1\nt0,,,s2,2\n", 12, "2 rows of stop_times.txt with a place in a trip that is taken"),
        ("stops", "s2,Two", "NA,Two", 12, "1 row of stops.txt without stop_id (empty, NA or null)"),
        ("calendar", "\nw,", "\nx,1,1,1,1,1,0,0,20240901,20240101\nw,", 12, "end before they begin: 1 (first: 'x')"),
        ("calendar", "\nw,", "\nx,1,1,1,1,1,0,0,,20240101\nw,", 12, "dates cannot be read"),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told(tmp_path, table, old, new, left, words):
    stops, told = read(tmp_path, table, old, new)
    assert stops["departures_peak"]["s1"] == left
    assert words in told


@pytest.mark.parametrize("row", ["07:00:00,09:00:00,0", "09:00:00,07:00:00,600", "7:00,9:00,-600"])
def test_intervals_that_are_none_are_told(tmp_path, row):
    stops, told = read(tmp_path, frequencies=f"{OFTEN}t0,{row}\n")
    assert stops["departures_peak"]["s1"] == 12
    assert "1 row of frequencies.txt without an interval of time" in told


def test_intervals_in_minutes_are_refused(tmp_path):
    with pytest.raises(SourceError, match=r"headway_secs of 10 s .* are they minutes"):
        read(tmp_path, frequencies=f"{OFTEN}t0,7:00:00,9:00:00,10\n")
    stops, told = read(tmp_path, frequencies=f"{OFTEN}t0,7:00:00,9:00:00,600\n")
    assert stops["departures_peak"]["s1"] == 23  # 12 of the interval, 11 other trips
    assert told == ""


def test_stops_elsewhere_and_turned_round_are_told(tmp_path):
    area = shapely.box(27.9, -30.1, 28.1, -29.9)
    stops, told = read(tmp_path, "stops", "-29.98,28.02", "28.02,-29.98", area=area)
    assert stops.index.tolist() == ["s1"]
    assert "1 of its stops lie elsewhere and would lie in or near the city with stop_lat" in told
    stops, told = read(tmp_path, area=shapely.box(8, 8, 9, 9))
    assert not len(stops)
    assert "none of its 2 stops lies in or near the city (28.010, -29.980, 28.020" in told


def test_a_stop_of_two_places_is_refused(tmp_path):
    words = r"1 stop_id with two places \(first: 's1' at -29.98, 28.01 and at -29.9, 28.09\)"
    with pytest.raises(SourceError, match=words):
        read(tmp_path, "stops", "s2,", "s1,One,-29.9,28.09\ns2,")


@pytest.mark.parametrize(
    ("table", "old", "new", "words"),
    [
        (
            "stops",
            "\ns",
            "\n0s",
            "no stop_id of stop_times.txt .*'s1'.* stands in stops.txt .*'0s1'",
        ),
        ("stop_times", "\nt", "\n1t", "no trip_id of stop_times.txt .*stands in trips.txt"),
        (
            "routes",
            "\nr,",
            "\nr.0,",
            "no route_id of trips.txt .*'r'.* stands in routes.txt .*'r.0'",
        ),
    ],
)
def test_ids_that_all_point_nowhere_are_named_as_the_cause(tmp_path, table, old, new, words):
    with pytest.raises(SourceError, match=words):
        read(tmp_path, table, old, new)
