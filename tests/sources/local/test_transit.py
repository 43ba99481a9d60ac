"""Timetables: what a feed says of its stops, and feeds that are broken in all the usual ways."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import shapely

from kcity_geo.errors import KCityWarning, LimitError, SourceError
from kcity_geo.notes import collected, muted
from kcity_geo.sources.local.service_days import ServiceDays, minutes_of_day
from kcity_geo.sources.local.transit import read_gtfs

METRIC = "EPSG:32633"


def feed(**changes):
    """A bus line, both ways: a at 7:00, 7:30, 8:00, 8:30, and one trip past midnight."""
    trips, times = (
        ["route_id,service_id,trip_id,direction_id"],
        ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"],
    )
    for i, start in enumerate((420, 450, 480, 510, 1450)):
        trips.append(f"bus,work,t{i},0")
        for k, stop in enumerate("abc"):
            clock = f"{(start + 5 * k) // 60}:{(start + 5 * k) % 60:02d}:00"
            times.append(f"t{i},{clock},{clock},{stop},{k + 1}")
    tables = {
        "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,Toy,http://toy.example,UTC\n",
        "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\na,Alpha,48.0,15.0\nb,Beta,48.0,15.01\n"
        "c,Gamma,48.0,15.02\nd,No service,48.0,15.03\n",
        "routes.txt": "route_id,route_short_name,route_type\nbus,1,3\nrail,S1,2\n",
        "trips.txt": "\n".join(trips) + "\n",
        "stop_times.txt": "\n".join(times) + "\n",
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
        "start_date,end_date\nwork,1,1,1,1,1,0,0,20250106,20250131\n",
        **changes,
    }
    return {name: text for name, text in tables.items() if text is not None}


def packed(folder, tables, name="feed.zip"):
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in tables.items():
            archive.writestr(member, text)
    return path


def read(folder, **changes):
    return read_gtfs(packed(folder, feed(**changes)), crs=METRIC).set_index("stop_id")


def test_departures_headways_and_span_by_hand(tmp_path):
    stops = read(tmp_path)
    alpha = stops.loc["a"]
    assert alpha["departures_day"] == 5
    assert alpha["departures_peak"] == 4  # 7:00, 7:30, 8:00, 8:30
    assert alpha["headway_peak_min"] == 30
    assert (alpha["first_departure_min"], alpha["last_departure_min"]) == (420, 1450)
    assert alpha["modes"] == "bus"
    assert not alpha["high_capacity"]
    assert alpha["days"] == 5
    # The last stop of a trip is no departure; a stop of no trip is a row without service.
    assert stops.loc["c", "departures_day"] == 0
    assert stops.loc["d", "departures_day"] == 0
    assert np.isinf(stops.loc["d", "headway_peak_min"])
    assert np.isnan(stops.loc["d", "first_departure_min"])
    assert stops.loc["d", "modes"] == ""


def test_positions_come_in_the_crs_of_the_city(tmp_path):
    stops = read_gtfs(packed(tmp_path, feed()), crs=METRIC)
    assert stops.crs.to_epsg() == 32633
    assert stops.geometry.iloc[0].x == pytest.approx(500_000)
    near = read_gtfs(
        packed(tmp_path, feed()), crs=METRIC, area=shapely.box(14.9, 47.9, 15.005, 48.1)
    )
    assert near["stop_id"].tolist() == ["a"]
    with muted():
        nowhere = read_gtfs(packed(tmp_path, feed()), crs=METRIC, area=shapely.box(0, 0, 1, 1))
    assert len(nowhere) == 0
    assert nowhere.columns.tolist() == stops.columns.tolist()


def test_a_folder_reads_like_the_zip(tmp_path):
    folder = tmp_path / "feed"
    folder.mkdir()
    for name, text in feed().items():
        (folder / name).write_text(text)
    zipped = read_gtfs(packed(tmp_path, feed()), crs=METRIC)
    pd.testing.assert_frame_equal(pd.DataFrame(read_gtfs(folder, crs=METRIC)), pd.DataFrame(zipped))


def test_a_byte_order_mark_and_spaces_in_the_header(tmp_path):
    stops = feed()["stops.txt"].replace("stop_id,stop_name", "stop_id, stop_name")
    found = read(tmp_path, **{"stops.txt": "\ufeff" + stops})
    assert found.loc["a", "departures_day"] == 5
    assert found.loc["a", "name"] == "Alpha"


def test_times_past_midnight_count_on_the_next_morning(tmp_path):
    times = feed()["stop_times.txt"].replace("24:10:00,24:10:00", "31:10:00,31:10:00")
    found = read(tmp_path, **{"stop_times.txt": times})
    assert found.loc["a", "departures_peak"] == 5  # 31:10 is 7:10
    assert found.loc["a", "last_departure_min"] == 31 * 60 + 10


def test_frequencies_repeat_a_trip(tmp_path):
    frequencies = "trip_id,start_time,end_time,headway_secs\nt0,06:00:00,10:00:00,600\n"
    found = read(tmp_path, **{"frequencies.txt": frequencies})
    # t0 leaves a every 10 minutes, 6:00 to 9:50 (24 times), and b 5 minutes later.
    assert found.loc["a", "departures_day"] == 24 + 4
    assert found.loc["a", "departures_peak"] == 12 + 3
    assert found.loc["a", "headway_peak_min"] == pytest.approx(120 / 15)
    assert found.loc["b", "departures_peak"] == 12 + 4 - 1
    assert found.loc["b", "first_departure_min"] == 365
    assert found.loc["a", "last_departure_min"] == 1450


def test_times_between_timed_stops_are_filled_in(tmp_path):
    times = feed()["stop_times.txt"].replace("t0,7:05:00,7:05:00,b,2", "t0,,,b,2")
    found = read(tmp_path, **{"stop_times.txt": times})
    assert found.loc["b", "first_departure_min"] == 425
    blank = (
        feed()["stop_times.txt"]
        .replace("t0,7:00:00,7:00:00,a,1", "t0,,,a,1")
        .replace("t0,7:05:00,7:05:00,b,2", "t0,,,b,2")
    )
    lost = read(tmp_path, **{"stop_times.txt": blank})
    assert lost.loc["a", "first_departure_min"] == 450  # nothing to count back from


def test_rail_and_metro_are_high_capacity_and_directions_are_kept_apart(tmp_path):
    trips = feed()["trips.txt"].replace("bus,work,t1,0", "rail,work,t1,1")
    found = read(tmp_path, **{"trips.txt": trips})
    assert found.loc["a", "modes"] == "bus,rail"
    assert found.loc["a", "high_capacity"]
    assert found.loc["a", "rapid"]
    assert found.loc["a", "departures_peak"] == 3  # of the busier direction
    ferry = feed()["routes.txt"].replace("bus,1,3", "bus,1,4")
    boat = read(tmp_path, **{"routes.txt": ferry}).loc["a"]
    assert (boat["high_capacity"], boat["rapid"]) == (True, False)
    extended = feed()["routes.txt"].replace("bus,1,3", "bus,1,401")
    assert read(tmp_path, **{"routes.txt": extended}).loc["a", "modes"] == "metro"


def test_calendar_dates_alone_and_their_exceptions(tmp_path):
    dates = "service_id,date,exception_type\nwork,20250107,1\nwork,20250111,1\n"
    found = read(tmp_path, **{"calendar.txt": None, "calendar_dates.txt": dates})
    assert found.loc["a", "departures_day"] == 5
    assert found.loc["a", "days"] == 2
    off = "service_id,date,exception_type\n" + "".join(
        f"work,202501{d:02d},2\n" for d in range(1, 32)
    )
    with pytest.warns(KCityWarning, match=r"no stop of the area has a departure"):
        none = read(tmp_path, **{"calendar_dates.txt": off})
    assert (none["departures_day"] == 0).all()
    assert np.isinf(none["headway_peak_min"]).all()


def test_the_busiest_weekday_is_counted_not_the_holiday():
    calendar = pd.DataFrame(
        {
            "service_id": ["w"],
            **{day: [1] for day in ("monday", "tuesday")},
            **{day: [0] for day in ("wednesday", "thursday", "friday", "saturday", "sunday")},
            "start_date": ["20250106"],
            "end_date": ["20250114"],
        }
    )
    removed = pd.DataFrame({"service_id": ["w"], "date": ["20250106"], "exception_type": [2]})
    days = ServiceDays(calendar, removed)
    assert days.dates[days.runs("w")].astype(str).tolist() == [
        "2025-01-07",
        "2025-01-13",
        "2025-01-14",
    ]
    broken = ServiceDays(calendar.assign(end_date="soon"), None)
    assert len(broken.dates) == 0
    assert broken.on(np.datetime64("2025-01-07")) == set()


@pytest.mark.parametrize(("extra", "told"), [(1, False), (2, True)])
def test_one_day_of_an_event_that_decides_the_headway_is_told(tmp_path, extra, told):
    """Five trips on the usual weekday: six on one day are 1.2 times that, seven are more."""
    tables = feed()
    for i in range(extra):
        tables["trips.txt"] += f"bus,fair,x{i},0\n"
        for k, stop in enumerate("abc"):
            clock = f"07:{10 + 5 * k + i}:00"
            tables["stop_times.txt"] += f"x{i},{clock},{clock},{stop},{k + 1}\n"
    tables["calendar_dates.txt"] = "service_id,date,exception_type\nfair,20250115,1\n"
    with muted(), collected() as notes:
        stops = read_gtfs(packed(tmp_path, tables), crs=METRIC)
    assert stops.set_index("stop_id").loc["a", "departures_day"] == 5 + extra
    words = (
        "2025-01-15, the weekday with most trips, has 7 of them, the median weekday around it 5;"
    )
    assert any(words in text for text in notes) == told


def test_a_table_in_utf16_is_named(tmp_path):
    tables = feed()
    tables["stops.txt"] = tables["stops.txt"].encode("utf-16")
    with pytest.raises(
        SourceError, match=r"stops\.txt of feed\.zip is in UTF-16; save it as UTF-8"
    ):
        read_gtfs(packed(tmp_path, tables), crs=METRIC)


def test_a_calendar_that_begins_in_the_middle_of_a_week(tmp_path):
    calendar = feed()["calendar.txt"].replace("20250106,20250131", "20250101,20250131")
    assert read(tmp_path, **{"calendar.txt": calendar}).loc["a", "days"] == 5


def both_ways(*, every=40, told=True, platforms=False):
    """A line a-b-c and back, a trip every so many minutes from 7:00 in either direction."""
    trips = ["route_id,service_id,trip_id" + (",direction_id" if told else "")]
    times = ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"]
    for i, start in enumerate(range(420, 540, every)):
        for way, stops in enumerate(("abc", "cba")):
            trips.append(f"rail,work,t{i}{way}" + (f",{way}" if told else ""))
            for k, stop in enumerate(stops):
                platform = f"{stop}{1 + way}" if platforms else stop
                clock = f"{(start + 5 * k) // 60}:{(start + 5 * k) % 60:02d}:00"
                times.append(f"t{i}{way},{clock},{clock},{platform},{k + 1}")
    return {"trips.txt": "\n".join(trips) + "\n", "stop_times.txt": "\n".join(times) + "\n"}


@pytest.mark.parametrize("told", [True, False])
def test_directions_do_not_add_up_when_the_feed_leaves_them_out(tmp_path, told):
    found = read(tmp_path, **both_ways(told=told))
    assert found.loc["b", "departures_day"] == 6
    assert found.loc["b", "headway_peak_min"] == 40


def station_stops():
    rows = ["stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station"]
    for i, stop in enumerate("abc"):
        rows.append(f"{stop},Station {stop},48.0,15.0{i},1,")
        rows += [f"{stop}{n},Platform {n},48.0,15.0{i},0,{stop}" for n in (1, 2, 3)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("told", [True, False])
def test_opposite_platforms_of_a_station_do_not_add_up(tmp_path, told):
    tables = {"stops.txt": station_stops(), **both_ways(told=told, platforms=True)}
    found = read(tmp_path, **tables)
    assert found.loc[["b1", "b2"], "headway_peak_min"].tolist() == [40, 40]


def test_two_platforms_for_one_direction_count_together(tmp_path):
    tables = both_ways(every=20, platforms=True)
    # Every other train of direction 0 leaves from platform 3: 40 minutes each, 20 at the station.
    rows = [
        row.replace(",b1,", ",b3,") if row.startswith(("t10,", "t30,", "t50,")) else row
        for row in tables["stop_times.txt"].splitlines()
    ]
    found = read(
        tmp_path,
        **{**tables, "stops.txt": station_stops(), "stop_times.txt": "\n".join(rows) + "\n"},
    )
    assert found.loc[["b1", "b3"], "headway_peak_min"].tolist() == [20, 20]
    assert found.loc[["b1", "b3"], "departures_day"].tolist() == [3, 3]
    assert found.loc["b1", "service_span_h"] == pytest.approx(80 / 60)


def test_buses_at_a_station_do_not_make_its_trains_frequent(tmp_path):
    tables = both_ways(every=60, platforms=True)
    buses = feed()["stop_times.txt"].splitlines()[1:]
    merged = {
        "stops.txt": station_stops(),
        "trips.txt": tables["trips.txt"] + "".join(f"bus,work,t{i},0\n" for i in range(5)),
        "stop_times.txt": tables["stop_times.txt"]
        + "\n".join(r.replace(",a,", ",a3,").replace(",b,", ",b3,") for r in buses)
        + "\n",
    }
    found = read(tmp_path, **merged)
    assert found.loc["b1", "headway_peak_min"] == 60
    assert found.loc["b3", "headway_peak_min"] == 30


def test_a_feed_in_which_nothing_runs_keeps_the_kinds_of_its_stops(tmp_path):
    never = feed()["calendar.txt"].replace("1,1,1,1,1,0,0", "0,0,0,0,0,0,0")
    with pytest.warns(KCityWarning, match="presen"):
        found = read(tmp_path, **{"calendar.txt": never, **both_ways()})
    assert found.loc["a", "high_capacity"]
    assert found.loc["a", "rapid"]


def test_reading_times():
    clock = pd.Series(
        ["07:00:00", " 7:00:30 ", "25:00:00", "7:61:00", "noon", None], dtype="string"
    )
    expected = [420, 420.5, 1500, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(minutes_of_day(clock), expected)


@pytest.mark.parametrize("missing", ["stops.txt", "routes.txt", "trips.txt", "stop_times.txt"])
def test_a_missing_table_is_named(tmp_path, missing):
    with pytest.raises(SourceError, match=missing):
        read(tmp_path, **{missing: None})


def test_other_broken_feeds_are_refused_in_one_line(tmp_path):
    with pytest.raises(SourceError, match="neither calendar"):
        read(tmp_path, **{"calendar.txt": None})
    with pytest.raises(SourceError, match="no column stop_lat"):
        read(tmp_path, **{"stops.txt": "stop_id,stop_name,stop_lon\na,A,15\n"})
    with pytest.raises(SourceError, match=r"stops\.txt"):
        read(tmp_path, **{"stops.txt": "stop_id,stop_lat,stop_lon\n"})
    with muted(), pytest.raises(SourceError, match="usable stop_lat"):
        read(tmp_path, **{"stops.txt": "stop_id,stop_lat,stop_lon\na,0,0\nb,91,15\n"})
    with muted(), pytest.raises(SourceError, match="GTFS validator"):
        read(
            tmp_path,
            **{
                "stop_times.txt": "trip_id,departure_time,stop_id,stop_sequence\nt0,7:00:00,a,first\n"
            },
        )
    with pytest.raises(SourceError, match="does not exist"):
        read_gtfs(tmp_path / "none.zip", crs=METRIC)
    junk = tmp_path / "junk.zip"
    junk.write_bytes(b"<html>not found</html>")
    with pytest.raises(SourceError, match="not a readable zip"):
        read_gtfs(junk, crs=METRIC)
    whole = packed(tmp_path, feed()).read_bytes()
    junk.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="not a readable zip"):
        read_gtfs(junk, crs=METRIC)
    with pytest.raises(SourceError, match="peak"):
        read_gtfs(packed(tmp_path, feed()), crs=METRIC, peak=(600, 500))


def test_a_damaged_member_is_refused(tmp_path):
    path = packed(tmp_path, feed())
    body = bytearray(path.read_bytes())
    at = body.find(b"Alpha")
    body[at] = ord("X")
    path.write_bytes(body)
    with pytest.raises(SourceError, match="not a readable zip"):
        read_gtfs(path, crs=METRIC)


def test_a_few_lost_stops_are_told_and_left_out(tmp_path):
    stops = feed()["stops.txt"].replace("b,Beta,48.0,15.01", "b,Beta,,")
    with pytest.warns(KCityWarning, match="1 of 4 stops"):
        found = read(tmp_path, **{"stops.txt": stops})
    assert found.index.tolist() == ["a", "c", "d"]


def test_members_with_a_path_of_their_own_are_ignored(tmp_path):
    evil = {
        "../stops.txt": feed()["stops.txt"].replace("Alpha", "Evil"),
        "/tmp/stops.txt": feed()["stops.txt"].replace("Alpha", "Evil"),  # noqa: S108 - an attack
        "__MACOSX/._stops.txt": "junk",
        "notes/readme.txt": "hello",
    }
    found = read_gtfs(packed(tmp_path, {**evil, **feed()}), crs=METRIC)
    assert "Evil" not in found["name"].tolist()
    assert not (tmp_path.parent / "stops.txt").exists()
    with pytest.raises(SourceError, match=r"stops\.txt"):
        read_gtfs(packed(tmp_path, evil), crs=METRIC)


def test_a_feed_in_a_folder_inside_the_zip_is_read(tmp_path):
    inside = {f"gtfs/{name}": text for name, text in feed().items()}
    assert len(read_gtfs(packed(tmp_path, inside), crs=METRIC)) == 4


@pytest.mark.parametrize("what", ["bytes", "rows", "cells"])
def test_a_feed_beyond_a_limit_is_refused_while_it_is_unpacked(tmp_path, monkeypatch, what):
    from kcity_geo.sources.local import transit

    real = transit.read_table("gtfs")
    most = {**real["most"], what: 20}
    monkeypatch.setattr(transit, "read_table", lambda _: {**real, "most": most})
    with pytest.raises(LimitError, match=f"more than 20 {what}"):
        read(tmp_path)
    folder = tmp_path / "open"
    folder.mkdir()
    for name, text in feed().items():
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(LimitError, match=f"more than 20 {what}"):
        read_gtfs(folder, crs=METRIC)


_READ_WITHIN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4_000_000_000, 4_000_000_000))
from kcity_geo.errors import LimitError
from kcity_geo.sources.local.transit import read_gtfs
try:
    read_gtfs(sys.argv[1], crs="EPSG:32633")
except LimitError as error:
    print("refused:", error)
"""


def bomb(path, kind):
    """A zip of at most 2 MB that unpacks to gigabytes, or whose trips run at very many intervals."""
    tables = feed()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in tables.items():
            if kind != "rows" or name != "stop_times.txt":
                archive.writestr(name, text)
        if kind == "rows":
            head, line = tables["stop_times.txt"].splitlines()[:2]
            with archive.open("stop_times.txt", "w") as out:
                out.write(f"{head}\n".encode())
                for _ in range(400):
                    out.write(f"{line}\n".encode() * 20_000)
        if kind == "intervals":
            row = "t0,7:00:00,9:00:00,600\n"
            head = "trip_id,start_time,end_time,headway_secs\n"
            archive.writestr("frequencies.txt", head + row * 1_100_000)
    assert path.stat().st_size < 2_000_000
    return path


@pytest.mark.parametrize("kind", ["rows", "intervals"])
def test_a_small_zip_that_unpacks_hugely_stays_under_four_gigabytes(tmp_path, kind):
    done = subprocess.run(
        [sys.executable, "-c", _READ_WITHIN, str(bomb(tmp_path / "feed.zip", kind))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.stdout.startswith("refused: sources.gtfs:"), done.stderr[-1500:]
    assert done.stdout.count("\n") == 1


def test_platforms_and_entrances(tmp_path):
    stops = "stop_id,stop_name,stop_lat,stop_lon,location_type\na,A,48,15,0\nb,B,48,15.01,\ns,Station,48,15,1\n"
    with muted():  # calls at c, which is no stop of this feed
        assert read(tmp_path, **{"stops.txt": stops}).index.tolist() == ["a", "b"]


def test_boarding_not_allowed_is_no_departure(tmp_path):
    lines = feed()["stop_times.txt"].splitlines()
    lines = [lines[0] + ",pickup_type"] + [
        row + (",1" if ",a," in row else ",0") for row in lines[1:]
    ]
    found = read(tmp_path, **{"stop_times.txt": "\n".join(lines)})
    assert found.loc["a", "departures_day"] == 0
    assert found.loc["b", "departures_day"] == 5


def test_the_demo_city_has_a_timetable(hanbit_town):
    path = hanbit_town / "gtfs.zip"
    if not path.exists():
        pytest.skip("the demo town is not made yet")
    stops = read_gtfs(path, crs=METRIC)
    assert (stops["departures_day"] > 0).any()
    raw = pd.read_csv(io.BytesIO(zipfile.ZipFile(path).read("stops.txt")), dtype=str)
    assert set(stops["stop_id"]) <= set(raw["stop_id"])


def line(route, starts, *, stops="abc", step=5, service="work", way=""):
    """Rows of trips.txt and stop_times.txt of a line that leaves at so many minutes."""
    trips, times = [], []
    for n, start in enumerate(starts):
        trip = f"{route}-{service}-{stops}-{n}"
        trips.append(f"{route},{service},{trip},{way}")
        for k, stop in enumerate(stops):
            clock = f"{(start + step * k) // 60}:{(start + step * k) % 60:02d}:00"
            times.append(f"{trip},{clock},{clock},{stop},{k + 1}")
    return trips, times


CALENDAR = (
    "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
)


def lines(*rows, **tables):
    """A feed of several lines."""
    trips = [row for one, _ in rows for row in one]
    times = [row for _, two in rows for row in two]
    head = "route_id,service_id,trip_id,direction_id"
    names = sorted({row.split(",")[0] for row in trips})
    routes = [f"{name},{name[0]},{4 if name[0] == 'f' else 3}" for name in names]
    made = {
        "trips.txt": "\n".join([head, *trips]) + "\n",
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "\n".join(times)
        + "\n",
        "routes.txt": "\n".join(["route_id,route_short_name,route_type", *routes]) + "\n",
    }
    return {**made, **tables}


def places(**where):
    """Stops at metres east and north of a point."""
    rows = ["stop_id,stop_name,stop_lat,stop_lon"]
    rows += [f"{n},{n},{48 + y / 111_200},{15 + x / 74_400}" for n, (x, y) in where.items()]
    return "\n".join(rows) + "\n"


HALF_HOURS = range(420, 540, 30)
QUARTERS = range(435, 540, 30)


@pytest.mark.parametrize(
    ("numbers", "second", "where", "departures"),
    [
        # Two lines the same way, a bus every 15 minutes, however they number their directions.
        (("0", "1"), "abc", {"a": (0, 0), "b": (500, 0), "c": (1000, 0)}, 8),
        (("0", "0"), "abc", {"a": (0, 0), "b": (500, 0), "c": (1000, 0)}, 8),
        (("", ""), "abc", {"a": (0, 0), "b": (500, 0), "c": (1000, 0)}, 8),
        # An express that leaves out the next stop goes the same way.
        (("0", "1"), "ac", {"a": (0, 0), "b": (500, 0), "c": (1000, 100)}, 8),
        # The other way round from the same kerb: nobody can take either.
        (("0", "0"), "ad", {"a": (0, 0), "b": (500, 0), "c": (1000, 0), "d": (-500, 0)}, 4),
        (("0", "1"), "ad", {"a": (0, 0), "b": (500, 0), "c": (1000, 0), "d": (0, 500)}, 4),
        # A fork of 40 degrees.
        (("0", "1"), "ad", {"a": (0, 0), "b": (500, 0), "c": (1000, 0), "d": (383, 321)}, 8),
        # Where the next stop stands nobody knows: not the same way, unless it is the same stop.
        (("0", "1"), "ax", {"a": (0, 0), "b": (500, 0), "c": (1000, 0)}, 4),
    ],
)
def test_departures_that_leave_the_same_way_add_up(tmp_path, numbers, second, where, departures):
    tables = lines(
        line("one", HALF_HOURS, way=numbers[0]),
        line("two", QUARTERS, stops=second, way=numbers[1]),
        **{"stops.txt": places(**where)},
    )
    with muted():  # of a stop that nobody knows
        found = read(tmp_path, **tables).loc["a"]
    assert found["departures_peak"] == departures
    assert found["headway_peak_min"] == pytest.approx(120 / departures)
    assert found["departures_day"] == 8


def test_two_modes_at_one_stop_are_kept_apart(tmp_path):
    tables = lines(line("bus", range(420, 540, 10)), line("ferry", [425]))
    found = read(tmp_path, **tables).loc["a"]
    assert found["modes"] == "bus,ferry"
    assert found["headway_low_min"] == 10
    assert found["headway_ferry_min"] == 120
    assert np.isinf(found["headway_rail_min"])
    assert found["headway_peak_min"] == 10
    half = lines(line("bus", HALF_HOURS), line("tram", QUARTERS))
    half["routes.txt"] = "route_id,route_type\nbus,3\ntram,0\n"
    assert read(tmp_path, **half).loc["a", "headway_low_min"] == 30


@pytest.mark.parametrize("start_h", [0, 5, 12, 16, 22])
def test_the_busiest_two_hours_are_judged_wherever_they_lie(tmp_path, start_h):
    quiet = line("one", range(0, 1440, 60))
    busy = line("two", range(start_h * 60, start_h * 60 + 120, 10))
    stops = read_gtfs(packed(tmp_path, feed(**lines(quiet, busy))), crs=METRIC)
    told = stops.attrs["timetables"][0]
    # 12 of the busy line and 2 of the quiet one, in hours that hold all of the busy one.
    assert stops.set_index("stop_id").loc["a", "departures_peak"] == 14
    assert told["peak"] == [start_h * 60, start_h * 60 + 120]


def test_a_timetable_without_a_morning_is_told_and_judged_where_it_runs(tmp_path):
    afternoon = lines(line("one", range(720, 1080, 10)))
    with pytest.warns(KCityWarning, match=r"no departure from 7:00 to 9:00, the first is at 12:00"):
        found = read(tmp_path, **afternoon)
    assert found.loc[["a", "b"], "headway_peak_min"].tolist() == [10, 10]
    with pytest.warns(KCityWarning, match=r"no departure on 2025-01-06 from 7:00 to 9:00"):
        asked = read_gtfs(packed(tmp_path, feed(**afternoon)), crs=METRIC, peak=(420, 540))
    asked = asked.set_index("stop_id")
    assert asked.loc["a", "departures_day"] == 36
    assert asked.loc[["a", "b"], "headway_peak_min"].isna().all()
    assert np.isinf(asked.loc["d", "headway_peak_min"])  # nothing at any time: that is known


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("20150101,20301231", "20240601,20241231"),
        ("20000101,20991231", "20980601,20981231"),
        ("19700101,99991231", "20240601,20241231"),
        ("20240601,20241231", "20150101,20301231"),
        ("20150101,20301231", "20301202,20301206"),
    ],
)
def test_calendars_of_any_length_meet(tmp_path, long, short):
    calendar = CALENDAR + f"all,1,1,1,1,1,0,0,{long}\nhalf,1,1,1,1,1,0,0,{short}\n"
    tables = lines(
        line("one", range(420, 540, 10), stops="ab", service="all"),
        line("two", range(420, 540, 15), stops="cd", service="half"),
        **{"calendar.txt": calendar},
    )
    with muted():  # the week of the last calendar is told as unusual
        found = read(tmp_path, **tables)
    assert found.loc["a", "headway_peak_min"] == 10
    assert found.loc["c", "headway_peak_min"] == 15
    assert found.loc["c", "days"] == 5


def test_two_versions_of_a_feed_that_overlap_do_not_double_its_service(tmp_path):
    calendar = (
        CALENDAR + "old,1,1,1,1,1,0,0,20250106,20250214\nnew,1,1,1,1,1,0,0,20250203,20250630\n"
    )
    both = lines(
        line("b1", HALF_HOURS, service="old"),
        line("b2", HALF_HOURS, service="new"),  # a new id, the name "b" on the bus is the same
        **{"calendar.txt": calendar},
    )
    stops = read_gtfs(packed(tmp_path, feed(**both)), crs=METRIC)
    assert stops.set_index("stop_id").loc["a", "headway_peak_min"] == 30
    assert stops.set_index("stop_id").loc["a", "departures_day"] == 4


def test_an_old_timetable_is_told_with_the_day_that_was_counted(tmp_path):
    path = packed(tmp_path, feed())
    with pytest.warns(KCityWarning, match=r"ended on 2025-01-31, 1\.0 years before the map"):
        stops = read_gtfs(path, crs=METRIC, map_date="2026-02-01T00:00:00Z")
    told = stops.attrs["timetables"][0]
    assert (told["date"], told["first"], told["last"]) == ("2025-01-06", "2025-01-06", "2025-01-31")
    assert "2025-01-06" in told["note"]
    read_gtfs(path, crs=METRIC, map_date="2025-01-31")  # still valid: nothing to tell


def test_calls_at_a_station_and_at_platforms_without_a_place(tmp_path):
    stops = (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
        "a,Station A,48.0,15.0,1,\nb1,Platform of B,,,0,b\nb,Station B,48.0,15.01,1,\n"
        "c1,Boarding area,,,4,c0\nc0,Platform of C,,,0,c\nc,Station C,48.0,15.02,1,\n"
    )
    rows = line("one", HALF_HOURS, stops=["a", "b1", "c1"])
    back = line("one", QUARTERS, stops=["c1", "b1", "a"])
    trips = [row.replace("['c1', 'b1', 'a']", "back") for row in back[0]]
    times = [row.replace("['c1', 'b1', 'a']", "back") for row in back[1]]
    rows[0][:] = [row.replace("['a', 'b1', 'c1']", "there") for row in rows[0]]
    rows[1][:] = [row.replace("['a', 'b1', 'c1']", "there") for row in rows[1]]
    found = read(tmp_path, **lines(rows, (trips, times), **{"stops.txt": stops}))
    assert found.index.tolist() == ["a", "b1", "c0", "c1"]  # stations B and C: nobody calls there
    assert found.loc[["a", "b1", "c1"], "departures_peak"].tolist() == [4, 4, 4]
    assert found.geometry["b1"].distance(found.geometry["a"]) == pytest.approx(745, abs=2)


def test_several_timetables_are_one_list_of_stops(tmp_path):
    from kcity_geo.sources.local.transit import read_gtfs_feeds

    one = packed(tmp_path, feed(), "one.zip")
    moved = feed(**lines(line("two", range(420, 540, 10), stops="bx")))
    moved["stops.txt"] = "stop_id,stop_name,stop_lat,stop_lon\nb,B,48.1,15.0\nx,X,48.1,15.01\n"
    two = packed(tmp_path, moved, "two.zip")
    stops = read_gtfs_feeds([one, two], crs=METRIC).set_index("stop_id")
    assert stops.index.tolist() == ["1:b", "2:b", "a", "c", "d", "x"]
    assert stops["headway_peak_min"].loc[["1:b", "2:b"]].tolist() == [30, 10]
    assert len(stops.attrs["timetables"]) == 2
    with pytest.raises(SourceError, match="each feed once"):
        read_gtfs_feeds([one, one], crs=METRIC)


def test_damaged_zips_are_refused_or_read_whole(tmp_path):
    whole = packed(tmp_path, feed()).read_bytes()
    right = pd.DataFrame(read_gtfs(tmp_path / "feed.zip", crs=METRIC)).drop(columns="geometry")
    rng = np.random.default_rng(3)
    path = tmp_path / "bad.zip"
    for kind in range(60):
        body = bytearray(whole)
        at, size = int(rng.integers(len(body))), int(rng.integers(1, 40))
        if kind % 3 == 0:
            del body[at : at + size]
        elif kind % 3 == 1:
            body[at] = int(rng.integers(256))
        else:
            body[at:at] = rng.bytes(size)
        path.write_bytes(body)
        refused = ""
        try:
            with muted():
                found = read_gtfs(path, crs=METRIC)
        except (SourceError, LimitError) as error:
            refused = str(error)
        assert "\n" not in refused
        if not refused:
            pd.testing.assert_frame_equal(pd.DataFrame(found).drop(columns="geometry"), right)


@pytest.mark.parametrize(
    ("kind", "stays", "words"),
    [
        ("1100", "ab", "1 row of routes.txt with flights (first: 'air'); their trips, and stops that nothing else calls at (1)"),
        ("1114", "ab", "with flights"),
        ("200", "abz", ""),
        ("99", "abz", "1 row of routes.txt with a route_type that is empty or not known (first: '99')"),
        ("", "abz", "1 row of routes.txt with a route_type that is empty or not known;"),
    ],
)  # fmt: skip
def test_flights_are_no_stops_and_unknown_types_are_told(tmp_path, kind, stays, words):
    """A bus calls at a and b, a flight goes from the airport z to b."""
    tables = feed()
    tables["stops.txt"] = "stop_id,stop_lat,stop_lon\na,48.0,15.0\nb,48.0,15.01\nz,48.0,15.02\n"
    tables["routes.txt"] = f"route_id,route_type\nbus,3\nair,{kind}\n"
    tables["trips.txt"] += "air,work,f,0\n"
    times = [line for line in tables["stop_times.txt"].splitlines() if ",c," not in line]
    tables["stop_times.txt"] = "\n".join([*times, "f,7:00:00,7:00:00,z,1", "f,9:00:00,9:00:00,b,2"])
    with muted(), collected() as told:
        found = read_gtfs(packed(tmp_path, tables), crs=METRIC)
    assert "".join(found["stop_id"]) == stays
    assert any(words in text for text in told) if words else not told


def test_ids_with_letters_composed_otherwise_are_the_same(tmp_path):
    """Of a feed on two kinds of machine: one letter in stops.txt, a letter and its accent in stop_times.txt."""
    tables = feed()
    tables["stops.txt"] = tables["stops.txt"].replace("\na,", "\nGy\u0151r,")
    tables["stop_times.txt"] = tables["stop_times.txt"].replace(",a,", ",Gyo\u030br,")
    with collected() as told:
        found = read_gtfs(packed(tmp_path, tables), crs=METRIC).set_index("stop_id")
    assert found.loc["Gy\u0151r", "departures_day"] == 5
    assert not told
