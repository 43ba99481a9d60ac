"""
Stops: which places of a city count as public transport, from its timetable, its map, or both.

A timetable decides for the modes that it has; for modes it has not, such as the trains of a city
whose feed is that of a bus company, the map does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
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
    timed : stops of a timetable were judged by their service, so a stop that is not mapped in OSM
        explains no gap.
    """

    low: NDArray[np.object_]
    high: NDArray[np.object_]
    rapid: NDArray[np.object_]
    every: NDArray[np.object_]
    source: str
    rapid_source: str
    note: str
    timed: bool = False


def city_stops(city: CityModel | CityData) -> Stops | None:
    """
    Collect the stops of a city.

    Parameters
    ----------
    city : its model or its data, with a timetable or the layers ``transit_low`` and
        ``transit_high``.

    Returns
    -------
    The stops; None when there is neither a mapped stop nor a timetable. A timetable in which
    nothing runs says nothing of service: then mapped stops, or else its own, count as present.

    Examples
    --------
    >>> import shapely
    >>> from kcity_geo.demo.toy import make_toy, toy_layer
    >>> stop = toy_layer([{"highway": "bus_stop"}], [shapely.Point(1000, 1000)])
    >>> stops = city_stops(make_toy(layers={"transit_low": stop}))
    >>> len(stops.low), len(stops.rapid)
    (1, 0)
    """
    city = model_of(city)
    headway_min = city.settings("transport").number("headway_min")
    mapped = _mapped(city)
    feed = city.transit
    if feed is None or len(feed) == 0:
        if not any(len(places) for places in mapped.values()):
            return None
        return _present(mapped, source="OpenStreetMap", note="stop presence only")
    place = np.asarray(feed["geometry"].to_numpy(), dtype=object)
    kind, rapid, served, headway = _of_feed(feed)
    running = {name: bool((kind[name] & served).any()) for name in KINDS}
    if not any(running.values()):
        note = "the timetable has no running service: stop presence only"
        if any(len(places) for places in mapped.values()):
            return _present(mapped, source="OpenStreetMap", note=note)
        own = {name: place[mask] for name, mask in kind.items()}
        return _present(own, source="GTFS stops", note=note)
    unknown = bool(np.isnan(np.concatenate([headway[n][kind[n] & served] for n in KINDS])).any())
    often = {n: np.isnan(headway[n]) | (headway[n] <= headway_min) for n in KINDS}
    beside = _of_user(city)  # the user's own stops count beside a timetable, by presence
    used = {
        n: np.concatenate([place[kind[n] & served & often[n]], beside[n]])
        if running[n]
        else mapped[n]
        for n in KINDS
    }
    every = [place, *(beside[n] if running[n] else mapped[n] for n in KINDS)]
    stations = np.concatenate([place[rapid & served], beside["rail"]])
    rapid_source = "GTFS stops" if len(stations) or running["rail"] else "OpenStreetMap"
    if not running["rail"] and len(mapped["rail"]):
        timed = place[rapid & served]
        rapid_source = "GTFS and OpenStreetMap stops" if len(timed) else "OpenStreetMap"
        stations = np.concatenate([timed, mapped["rail"]])
    note = f"stops with service at least every {headway_min:g} minutes at peak"
    if unknown:
        note = "the timetable does not cover the hours of the peak: stop presence only"
    added = [words for n, words in KINDS.items() if not running[n] and len(mapped[n])]
    if added:
        note += f"; no {', no '.join(added)} in the timetable: such stops as mapped, presence only"
    given = [words for n, words in KINDS.items() if running[n] and len(beside[n])]
    if given:
        note += f"; your own stops ({', '.join(given)}) count beside the timetable, presence only"
    return Stops(
        low=used["low"],
        high=np.concatenate([used["rail"], used["ferry"]]),
        rapid=stations,
        every=np.concatenate(every),
        source="GTFS and OpenStreetMap stops" if added else "GTFS stops",
        rapid_source=rapid_source,
        note=note,
        timed=not unknown,
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
    feed: pd.DataFrame,
) -> tuple[
    dict[str, NDArray[np.bool_]],
    NDArray[np.bool_],
    NDArray[np.bool_],
    dict[str, NDArray[np.float64]],
]:
    """
    Tell the kinds of each stop of a timetable, which are rapid transit, which are served, how often.

    A stop of several modes is of several kinds, each with a headway of its own: the buses at the
    door of a station do not make its trains frequent.
    """
    high = feed["high_capacity"].to_numpy(dtype=bool)
    rapid = feed["rapid"].to_numpy(dtype=bool) if "rapid" in feed else high
    served = np.ones(len(feed), bool)
    if "departures_day" in feed:
        served = feed["departures_day"].to_numpy() > 0
    kind = {"low": ~high, "rail": high & rapid, "ferry": high & ~rapid}
    any_mode = feed["headway_peak_min"].to_numpy(dtype=float)
    headway = dict.fromkeys(KINDS, any_mode)
    for name in KINDS:
        if f"headway_{name}_min" in feed:
            headway[name] = feed[f"headway_{name}_min"].to_numpy(dtype=float)
            kind[name] = kind[name] | np.isfinite(headway[name])
    return kind, rapid, served, headway


def _of_user(city: CityModel) -> dict[str, NDArray[np.object_]]:
    """Give the stops of each kind that come from the user's own file."""
    own = {
        name: frame[text(frame, "osm_type") == "file"]
        for name in ("transit_low", "transit_high")
        if (frame := city.layers.get(name)) is not None
    }
    return _kinds(own)


def _mapped(city: CityModel) -> dict[str, NDArray[np.object_]]:
    """Give the mapped stops of each kind."""
    return _kinds(city.layers)


def _kinds(layers: Mapping[str, gpd.GeoDataFrame]) -> dict[str, NDArray[np.object_]]:
    none = np.zeros(0, dtype=object)
    low, high = layers.get("transit_low"), layers.get("transit_high")
    found = {"low": none if low is None else np.asarray(low.geometry.to_numpy(), dtype=object)}
    if high is None:
        return {**found, "rail": none, "ferry": none}
    boat = (text(high, "amenity") == "ferry_terminal") | (text(high, "ferry") == "yes")
    boat &= ~np.isin(text(high, "railway"), RAIL)
    places = np.asarray(high.geometry.to_numpy(), dtype=object)
    return {**found, "rail": places[~boat], "ferry": places[boat]}
