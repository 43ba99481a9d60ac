"""Reader of timetables that the fuzz harness calls by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def feed(path: Path) -> dict[str, Any]:
    """Stop -> departures of the day and at peak, headway, place; and the day that was counted."""
    from kcity_geo.sources.local.transit import read_gtfs

    stops = read_gtfs(path, crs="EPSG:32633").set_index("stop_id")
    columns = ["departures_day", "departures_peak", "headway_peak_min"]
    found: dict[str, Any] = {
        str(stop): [str(row[c]) for c in columns] + [round(row.geometry.x), row["name"]]
        for stop, row in stops.iterrows()
    }
    found["date"] = stops.attrs["timetables"][0]["date"]
    return found
