"""Mutated timetables: the right number, or one line."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def tables() -> dict[str, str]:
    """A line every half hour, one by frequencies, and a day on which nothing runs."""
    trips = "".join(f"bus,work,t{i},0\n" for i in range(5)) + "bus,work,f,1\n"
    times = "".join(
        f"t{i},{7 + i // 2}:{30 * (i % 2) + 5 * k:02d}:00,{7 + i // 2}:{30 * (i % 2) + 5 * k:02d}:00,{s},{k + 1}\n"
        for i in range(5)
        for k, s in enumerate("abc")
    )
    times += "".join(
        f"f,7:{5 * k:02d}:00,7:{5 * k:02d}:00,{s},{k + 1}\n" for k, s in enumerate("cba")
    )
    return {
        "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,Toy,http://toy.example,UTC\n",
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "work,1,1,1,1,1,0,0,20250106,20250131\n",
        "calendar_dates.txt": "service_id,date,exception_type\n" + "".join(
            f"work,202501{d:02d},2\n" for d in range(6, 20)
        ),
        "frequencies.txt": "trip_id,start_time,end_time,headway_secs\nf,7:00:00,9:00:00,600\n",
        "routes.txt": "route_id,route_short_name,route_type\nbus,1,3\n",
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + times,
        "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
        + "".join(f"{s},Stop {s},48.0,15.0{k}\n" for k, s in enumerate("abcd")),
        "trips.txt": "route_id,service_id,trip_id,direction_id\n" + trips,
    }  # fmt: skip


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_mutated_feed_is_refused_or_gives_the_right_numbers(
    harness: Any, tmp_path: Path, kind: int
) -> None:
    """Every table of a zip has a checksum, so nothing may change in silence."""
    sample = tmp_path / "feed.zip"
    with zipfile.ZipFile(sample, "w", kind) as archive:
        for name, text in tables().items():
            archive.writestr(name, text)
    paths = harness.mutants(sample, tmp_path / "m", seed=5000)
    right, *outcomes = harness.run_reader("tests/fuzz/transit_readers.py:feed", [sample, *paths])
    # 5 trips and 12 of the frequencies; a and c are ends, d has none.
    assert right.value["b"][0] == "17", right
    assert right.value["date"] > "2025-01-19"
    harness.assert_all_fine(outcomes)
    changed = [o for o in outcomes if o.kind == "value" and o.value != right.value]
    assert not changed, changed[:3]
