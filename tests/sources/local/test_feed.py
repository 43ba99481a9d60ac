"""Tables of a feed: read as gtfs-kit reads them, and of them only what is asked for."""

from __future__ import annotations

import zipfile

import pandas as pd
import pytest

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.sources.local.feed import TABLES, read_feed


def folder_of(tmp_path, **tables):
    """A feed with one trip from 7 to 7a."""
    told = {
        "stops": "stop_id,stop_lat,stop_lon\n007,48.0,15.0\n7a,48.0,15.01\n",
        "routes": "route_id,route_type\n1,3\n",
        "trips": "trip_id,route_id,service_id\nt,1,work\n",
        "stop_times": "trip_id,stop_id,stop_sequence,departure_time\nt,007,1,7:00:00\nt,7a,2,7:05:00\n",
        "calendar_dates": "service_id,date,exception_type\nwork,20250107,1\n",
        **tables,
    }
    for name, text in told.items():
        if text is not None:
            (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_whole_feed_is_read_as_gtfs_kit_reads_it(hanbit_town, tmp_path) -> None:
    gtfs_kit = pytest.importorskip("gtfs_kit")
    with zipfile.ZipFile(hanbit_town / "gtfs.zip") as archive:
        archive.extractall(tmp_path)
    ours, theirs = read_feed(tmp_path, "gtfs.zip"), gtfs_kit.read_feed(tmp_path, dist_units="km")
    for table in TABLES:
        own, other = getattr(ours, table), getattr(theirs, table)
        if own is None:
            assert other is None
            continue
        asked = [name for name in other.columns if name in read_table("gtfs")["column"][table]]
        assert own.columns.tolist() == asked
        pd.testing.assert_frame_equal(
            own, other[asked].astype(own.dtypes)
        )  # intervals of over nine hours
    assert len(ours.stop_times) > 1000


def test_names_of_columns_with_spaces_or_a_mark_of_their_order_keep_ids_as_text(tmp_path) -> None:
    """Read as a number, stop 007 would be another than the one that stop_times.txt names."""
    feed = read_feed(
        folder_of(tmp_path, stops="\ufeff stop_id , stop_lat,stop_lon\n007,48,15\n"), "x"
    )
    assert feed.stops["stop_id"].tolist() == ["007"]
    assert feed.stops["stop_lat"].tolist() == [48.0]


def test_what_no_timetable_needs_stops_none(tmp_path) -> None:
    """A column that nothing reads may hold anything; one that is read may not."""
    tables = {"routes": "route_id,route_type,route_sort_order\n1,3,first\n"}
    assert read_feed(folder_of(tmp_path, **tables), "x").routes.columns.tolist() == [
        "route_id",
        "route_type",
    ]
    with pytest.raises(SourceError, match="x cannot be read"):
        read_feed(folder_of(tmp_path, routes="route_id,route_type\n1,bus\n"), "x")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"stops": None}, "x has no stops.txt, or it is empty"),
        ({"trips": "trip_id,route_id,service_id\n"}, "x has no trips.txt, or it is empty"),
        ({"stop_times": "a,b\n1,2\n"}, "stop_times.txt of x has no column trip_id"),
        ({"stops": "stop_id,stop_lat\na,48\n"}, "stops.txt of x has no column stop_lon"),
        ({"calendar_dates": None}, "x has neither calendar.txt nor calendar_dates.txt"),
        ({"stops": "\n\n"}, "x cannot be read"),
    ],
)  # fmt: skip
def test_what_lacks_is_named(tmp_path, tables, words) -> None:
    with pytest.raises(SourceError, match=words):
        read_feed(folder_of(tmp_path, **tables), "x")
