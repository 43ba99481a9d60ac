"""
Stops: which places of a city count as public transport, from its timetable, its map, or both.

A timetable decides for the modes that it has; for modes it has not, such as the trains of a city
whose feed is that of a bus company, the map does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.analysis.evidence.features import text
from kcity_geo.citydata import CityData

__all__ = ["Stops", "city_stops"]

KINDS = {"low": "bus or tram", "rail": "rail or metro", "ferry": "ferry"}
RAIL = ("station", "halt", "subway_entrance", "tram_stop")


@dataclass(frozen=True, eq=False)
class Stops:
    """
    The stops of a city, as points, lines or polygons in its metric CRS.

    Parameters
    ----------
    low, high : stops of low and of high capacity; of a timetable only those served often enough.
    rapid : stations of rapid transit.
    every : all stops, whatever their service.
    source : where the stops of T1 come from.
    rapid_source : where the stations come from.
    note : what must be read beside a number.
    """

    low: NDArray[np.object_]
    high: NDArray[np.object_]
    rapid: NDArray[np.object_]
    every: NDArray[np.object_]
    source: str
    rapid_source: str
    note: str


def city_stops(data: CityData, rules: Mapping[str, Any]) -> Stops | None:
    """
    Collect the stops of a city.

    Parameters
    ----------
    data : with a timetable or the layers ``transit_low`` and ``transit_high``.
    rules : with ``headway_min``, minutes.

    Returns
    -------
    The stops; None when there is neither a mapped stop nor a timetable. A timetable in which
    nothing runs says nothing of service: then mapped stops, or else its own, count as present.

    Examples
    --------
    ::

        stops = city_stops(data, {"headway_min": 20.0})
        len(stops.low), len(stops.rapid)
    """
    mapped = _mapped(data)
    feed = data.transit
    if feed is None or len(feed) == 0:
        if not any(len(places) for places in mapped.values()):
            return None
        return _present(mapped, source="OpenStreetMap", note="stop presence only")
    place = np.asarray(feed["geometry"].to_numpy(), dtype=object)
    kind, rapid, served = _of_feed(feed)
    running = {name: bool((kind[name] & served).any()) for name in KINDS}
    if not any(running.values()):
        note = "the timetable has no running service: stop presence only"
        if any(len(places) for places in mapped.values()):
            return _present(mapped, source="OpenStreetMap", note=note)
        own = {name: place[mask] for name, mask in kind.items()}
        return _present(own, source="GTFS stops", note=note)
    often = feed["headway_peak_min"].to_numpy(dtype=float) <= rules["headway_min"]
    used = {n: place[kind[n] & often] if running[n] else mapped[n] for n in KINDS}
    every = [place, *(mapped[n] for n in KINDS if not running[n])]
    stations = place[rapid & served]
    rapid_source = "GTFS stops" if len(stations) or running["rail"] else "OpenStreetMap"
    if not running["rail"] and len(mapped["rail"]):
        rapid_source = "GTFS and OpenStreetMap stops" if len(stations) else "OpenStreetMap"
        stations = np.concatenate([stations, mapped["rail"]])
    note = f"stops with service at least every {rules['headway_min']:g} minutes at peak"
    added = [words for n, words in KINDS.items() if not running[n] and len(mapped[n])]
    if added:
        note += f"; no {', no '.join(added)} in the timetable: such stops as mapped, presence only"
    return Stops(
        low=used["low"],
        high=np.concatenate([used["rail"], used["ferry"]]),
        rapid=stations,
        every=np.concatenate(every),
        source="GTFS and OpenStreetMap stops" if added else "GTFS stops",
        rapid_source=rapid_source,
        note=note,
    )


def _present(places: Mapping[str, NDArray[np.object_]], *, source: str, note: str) -> Stops:
    """Take all stops as they are."""
    high = np.concatenate([places["rail"], places["ferry"]])
    return Stops(
        low=places["low"],
        high=high,
        rapid=places["rail"],
        every=np.concatenate([places["low"], high]),
        source=source,
        rapid_source=source,
        note=note,
    )


def _of_feed(
    feed: gpd.GeoDataFrame,
) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell the kind of each stop of a timetable, which are rapid transit, and which are served."""
    high = feed["high_capacity"].to_numpy(dtype=bool)
    rapid = feed["rapid"].to_numpy(dtype=bool) if "rapid" in feed else high
    served = np.ones(len(feed), bool)
    if "departures_day" in feed:
        served = feed["departures_day"].to_numpy() > 0
    return {"low": ~high, "rail": high & rapid, "ferry": high & ~rapid}, rapid, served


def _mapped(data: CityData) -> dict[str, NDArray[np.object_]]:
    """Give the mapped stops of each kind."""
    none = np.zeros(0, dtype=object)
    low, high = data.layers.get("transit_low"), data.layers.get("transit_high")
    found = {"low": none if low is None else np.asarray(low.geometry.to_numpy(), dtype=object)}
    if high is None:
        return {**found, "rail": none, "ferry": none}
    boat = (text(high, "amenity") == "ferry_terminal") | (text(high, "ferry") == "yes")
    boat &= ~np.isin(text(high, "railway"), RAIL)
    places = np.asarray(high.geometry.to_numpy(), dtype=object)
    return {**found, "rail": places[~boat], "ferry": places[boat]}
