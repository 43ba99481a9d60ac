"""
What a timetable says of each stop: departures, headway at peak, span and days of service.

Pure: frames of a feed in, a frame out. Counts one day, the weekday with most trips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import LimitError
from kcity_geo.sources.local.feed import Feed
from kcity_geo.sources.local.service_days import (
    DAY_MIN,
    WORKDAYS,
    ServiceDays,
    minutes_of_day,
)

__all__ = ["KINDS", "Service", "stop_service"]

#: Kinds of stops, by what a walk to them may be worth.
KINDS = ("low", "rail", "ferry")


class _Day(NamedTuple):
    """The day that is counted, its trips, and those of the median day of its season, of those with service."""

    date: np.datetime64 | None
    trips: float = 0.0
    usual_trips: float = 0.0


def _busiest(days: ServiceDays, calls: pd.DataFrame) -> _Day:
    """
    Give the weekday with most trips, of equals in the fullest week; any day if none is one.

    Trips that two versions of a feed both hold count once on a day on which both versions run.
    """
    if not len(days.dates) or not len(calls):
        return _Day(None)
    trips = calls.groupby("trip_id", sort=False).agg(
        service=("service_id", "first"),
        label=("label", "first"),
        stop=("stop_id", "first"),
        minute=("minute", "first"),
        size=("stop_id", "size"),
        runs=("runs", "first"),
    )
    same = ["label", "stop", "minute", "size", "runs"]
    of_trip = trips.groupby(same, sort=False)["service"].agg(
        lambda ids: "\n".join(sorted(set(ids)))
    )
    weight = of_trip.index.get_level_values("runs").to_numpy(dtype=np.float64)
    sums = pd.Series(weight).groupby(of_trip.to_numpy(dtype=object)).sum()
    count = np.zeros(len(days.dates))
    for services, total in zip(sums.index.astype(str), sums.to_numpy(), strict=True):
        active = np.zeros(len(days.dates), bool)
        for service in services.split("\n"):
            active |= days.runs(service)
        count += active * total
    work = count * (days.weekday < WORKDAYS)
    chosen = work if work.any() else count
    if not chosen.any():
        return _Day(None)
    # A calendar that begins or ends in the middle of a week would otherwise cut the days of it.
    monday = (days.dates - days.weekday.astype("timedelta64[D]")).astype(np.int64)
    week = np.bincount(monday - monday[0], weights=count)[monday - monday[0]]
    best = np.flatnonzero(chosen == chosen.max())
    found: np.datetime64 = days.dates[best[np.argmax(week[best])]]
    half = np.timedelta64(int(read_table("gtfs")["season_days"]) // 2, "D")
    season = (np.abs(days.dates - found) <= half) & (chosen > 0)
    return _Day(found, float(chosen.max()), float(np.median(chosen[season])))


def _stations(stops: pd.DataFrame) -> pd.Series[str]:
    """Give each stop its station, or itself; index ``stop_id``."""
    own = stops["stop_id"].astype(str)
    station = own
    if "parent_station" in stops:
        parent = stops["parent_station"].astype("string").str.strip()
        station = parent.where(parent.notna() & (parent != ""), own).astype(str)
    return pd.Series(station.to_numpy(), index=own.to_numpy()).groupby(level=0).first()


@dataclass(frozen=True)
class Service:
    """
    What a timetable says of its stops, and of which day and hours.

    Parameters
    ----------
    stops : index ``stop_id``; columns as `kcity_geo.sources.local.transit.read_gtfs` has them.
    date : day that was counted, ISO; ``""``: nothing runs on any day.
    first, last : first and last day on which anything runs, ISO.
    peak : start and end of the hours that were judged, minutes after midnight.
    covered : the feed has departures in these hours.
    trips : at these stops on that day.
    usual_trips : the same of the median weekday of the weeks around it, of those on which anything runs.
    """

    stops: pd.DataFrame
    date: str
    first: str
    last: str
    peak: tuple[float, float]
    covered: bool
    trips: float
    usual_trips: float


def stop_service(
    feed: Feed,
    stop_ids: NDArray[np.object_],
    *,
    peak: tuple[float, float] | None,
    positions: pd.DataFrame,
) -> Service:
    """
    Sum up the service at stops on the weekday with most trips.

    Parameters
    ----------
    feed : with the frames of a GTFS feed.
    stop_ids : stops to report.
    peak : start and end, minutes after midnight. None: the busiest hours of the day.
    positions : index ``stop_id``, columns ``lon`` and ``lat`` of every stop, degrees.

    Returns
    -------
    The service. Without a departure in the asked hours no headway is known: NaN.
    """
    trips = feed.trips.drop_duplicates("trip_id")
    trips = trips.astype(dict.fromkeys(("trip_id", "route_id", "service_id"), str))
    station = _stations(feed.stops)
    trips = trips[["trip_id", "route_id", "service_id"]]
    trips = trips.merge(_modes(feed.routes), on="route_id", how="inner")
    often = _frequencies(feed.frequencies)
    calls = _calls(feed.stop_times, trips, stop_ids)
    runs = often.groupby("trip_id")["runs"].sum()
    calls["runs"] = calls["trip_id"].map(runs).fillna(1.0)
    days = ServiceDays(feed.calendar, feed.calendar_dates, feed.feed_info)
    day = _busiest(days, calls)
    date = day.date
    running = days.on(date) if date is not None else set()
    today = _departures(calls[calls["service_id"].isin(running)], often)
    if peak is None:
        peak = _busiest_hours(today)
    today["peak"] = _within(today, peak)
    covered = bool(today["peak"].sum() > 0)
    stops = _summed(calls, today, stop_ids)
    _add_headways(stops, _at_peak(today, station, positions), hours=peak[1] - peak[0])
    if len(today) and not covered:
        served = (stops["departures_day"] > 0).to_numpy()
        for name in stops.columns[stops.columns.str.startswith("headway")]:
            stops.loc[served, name] = np.nan
    stops["days"] = _days_a_week(calls, days, date).reindex(stops.index).fillna(0).astype(int)
    bounds = days.bounds(sorted(set(trips["service_id"])))
    first, last = ("", "") if bounds is None else (str(bounds[0]), str(bounds[1]))
    told = "" if date is None else str(date)
    return Service(stops, told, first, last, peak, covered, day.trips, day.usual_trips)


def _summed(
    calls: pd.DataFrame, today: pd.DataFrame, stop_ids: NDArray[np.object_]
) -> pd.DataFrame:
    """Tell modes, departures and span of each stop."""
    result = pd.DataFrame(index=pd.Index(stop_ids, name="stop_id"))
    groups, day = calls.groupby("stop_id", sort=True), today.groupby("stop_id", sort=True)
    result["modes"] = groups["mode"].agg(lambda modes: ",".join(sorted(set(modes))))
    result["modes"] = result["modes"].fillna("")
    for flag in ("high", "rapid"):
        name = "high_capacity" if flag == "high" else flag
        ever = groups[flag].any().reindex(result.index, fill_value=False).astype(bool)
        result[name] = day[flag].any().reindex(result.index).fillna(ever).astype(bool)
    result["departures_day"] = day["count"].sum().reindex(result.index).fillna(0).astype(int)
    result["first_departure_min"] = day["first"].min().reindex(result.index).astype(float)
    result["last_departure_min"] = day["last"].max().reindex(result.index).astype(float)
    span = result["last_departure_min"] - result["first_departure_min"]
    result["service_span_h"] = span / 60.0
    return result


def _add_headways(result: pd.DataFrame, at_peak: pd.DataFrame, *, hours: float) -> None:
    """Put departures and headways at peak before the span, of all modes and of each kind."""
    place = list(result.columns).index("first_departure_min")
    for name, kinds in (("", KINDS), *((f"{kind}_", (kind,)) for kind in KINDS)):
        chosen = at_peak[at_peak["kind"].isin(kinds)] if len(at_peak) else at_peak
        most = chosen.groupby("stop_id")["at_peak"].max() if len(chosen) else pd.Series(dtype=float)
        count = most.reindex(result.index).fillna(0).to_numpy(dtype=float)
        with np.errstate(divide="ignore"):
            headway = hours / count
        if not name:
            result.insert(place, "departures_peak", count.astype(int))
            result.insert(place + 1, "headway_peak_min", headway)
        else:
            result[f"headway_{name}min"] = headway


def _within(calls: pd.DataFrame, peak: tuple[float, float]) -> NDArray[np.int64]:
    """Count the departures of each row that fall into hours of this day or, past midnight, the next."""
    first, every = calls["first"].to_numpy(dtype=float), calls["every"].to_numpy(dtype=float)
    runs = calls["count"].to_numpy(dtype=float)
    total = np.zeros(len(calls))
    for shift in (0.0, DAY_MIN, 2 * DAY_MIN):
        low = np.ceil((peak[0] + shift - first) / every - 1e-9).clip(min=0)
        high = np.minimum(np.ceil((peak[1] + shift - first) / every - 1e-9), runs)
        total += (high - low).clip(min=0)
    return total.astype(np.int64)


def _busiest_hours(today: pd.DataFrame) -> tuple[float, float]:
    """Give the hours with most departures; of equals those nearest to the usual morning peak."""
    rules = read_table("gtfs")
    size, usual = rules["peak_h"] * 60.0, rules["peak_start_h"] * 60.0
    starts = np.arange(0.0, DAY_MIN - size + 1.0, rules["peak_step_min"])
    starts = starts[np.argsort(np.abs(starts - usual), kind="stable")]
    counts = [_within(today, (start, start + size)).sum() for start in starts]
    best = float(starts[int(np.argmax(counts))])
    return best, best + size


def _at_peak(today: pd.DataFrame, station: pd.Series[str], positions: pd.DataFrame) -> pd.DataFrame:
    """
    Count the departures at peak of each stop that leave the same way, mode by mode.

    The way is told by the next station: the same one, or another at most `same_way_deg` to the left
    or right of it, seen from here. All platforms of a station together: who waits for a train takes
    the next one. ``direction_id`` is not asked: each route numbers its directions as it likes.
    """
    calls = today[today["peak"] > 0]
    place = calls["stop_id"].map(station).fillna(calls["stop_id"])
    after = calls["next_id"].map(station).fillna(calls["next_id"])
    ways = calls.assign(place=place.to_numpy(), after=after.to_numpy())
    sums = ways.groupby(["place", "mode", "kind", "after"], sort=True)["peak"].sum().reset_index()
    sums["bearing"] = _bearings(sums["place"], sums["after"], positions)
    both = sums.merge(sums, on=["place", "mode", "kind"], suffixes=("", "_other"))
    turn = np.abs((both["bearing"] - both["bearing_other"] + 180.0) % 360.0 - 180.0)
    near = (turn <= read_table("gtfs")["same_way_deg"]) | (both["after"] == both["after_other"])
    near_sum = both[near].groupby(["place", "mode", "kind", "after"])["peak_other"].sum()
    best = near_sum.groupby(level=["place", "mode", "kind"]).max().rename("at_peak").reset_index()
    pairs = today[["stop_id", "mode", "kind"]].drop_duplicates()
    pairs = pairs.assign(place=pairs["stop_id"].map(station).fillna(pairs["stop_id"]).to_numpy())
    return pairs.merge(best, on=["place", "mode", "kind"])


def _bearings(
    start: pd.Series[str], end: pd.Series[str], positions: pd.DataFrame
) -> NDArray[np.float64]:
    """Give the compass bearing from stop to stop; NaN where a position is not known."""
    here, there = positions.reindex(start.to_numpy()), positions.reindex(end.to_numpy())
    lat = np.radians(here["lat"].to_numpy(dtype=float))
    east = (there["lon"].to_numpy(dtype=float) - here["lon"].to_numpy(dtype=float)) * np.cos(lat)
    north = there["lat"].to_numpy(dtype=float) - here["lat"].to_numpy(dtype=float)
    bearing = np.degrees(np.arctan2(east, north))
    return np.asarray(np.where((east == 0) & (north == 0), np.nan, bearing))


def _modes(routes: pd.DataFrame) -> pd.DataFrame:
    """Name the mode of each route, its kind as a stop, and what people call it."""
    number = routes["route_type"].fillna(-1).to_numpy(dtype=int)
    own = routes["route_id"].astype(str).to_numpy(dtype=object)
    frame = pd.DataFrame(
        {"route_id": own, "mode": "other", "kind": "low", "high": False, "rapid": False}
    )
    for row in read_table("gtfs")["mode"]:
        hit = np.zeros(len(frame), bool)
        for low, high in row["types"]:
            hit |= (number >= low) & (number <= high)
        kind = ("rail" if row["rapid"] else "ferry") if row["high"] else "low"
        named = [row["name"], kind, row["high"], row["rapid"]]
        frame.loc[hit, ["mode", "kind", "high", "rapid"]] = named
    told = own
    for column in ("route_long_name", "route_short_name"):
        if column in routes:
            text = routes[column].astype("string").fillna("").str.strip()
            told = np.where((text != "").to_numpy(), text.to_numpy(dtype=object), told)
    frame["label"] = frame["mode"] + " " + pd.Series(told, index=frame.index).astype(str)
    return frame.drop_duplicates("route_id")


def _calls(
    stop_times: pd.DataFrame, trips: pd.DataFrame, stop_ids: NDArray[np.object_]
) -> pd.DataFrame:
    """Give calls where people can board, with times filled in between timed stops."""
    frame = pd.DataFrame(
        {
            "trip_id": stop_times["trip_id"].astype(str),
            "stop_id": stop_times["stop_id"].astype(str),
            "sequence": stop_times["stop_sequence"].astype("Float64"),
            "minute": minutes_of_day(stop_times["departure_time"]),
            "boards": stop_times["pickup_type"].fillna(0).astype(int) != 1
            if "pickup_type" in stop_times
            else True,
        }
    )
    if "arrival_time" in stop_times:
        arrival = minutes_of_day(stop_times["arrival_time"])
        frame["minute"] = np.where(np.isnan(frame["minute"]), arrival, frame["minute"])
    frame["sequence"] = frame["sequence"].to_numpy(dtype=float, na_value=np.nan)
    frame = frame.merge(trips, on="trip_id", how="inner").sort_values(["trip_id", "sequence"])
    number = frame["trip_id"].factorize()[0].astype(float)
    known = frame["minute"].notna().to_numpy()
    if known.any() and not known.all():
        # One long axis: trips one after the other, a call at its place in the trip.
        place = frame.groupby("trip_id", sort=False).cumcount().to_numpy(dtype=float)
        axis = number * (place.max() + 2.0) + place
        minute = np.interp(axis, axis[known], frame["minute"].to_numpy()[known])
        low = np.interp(axis, axis[known], number[known], left=np.nan, right=np.nan)
        frame["minute"] = np.where(known | (low == number), minute, np.nan)
    last = frame["trip_id"].ne(frame["trip_id"].shift(-1)).to_numpy()
    frame["next_id"] = frame["stop_id"].shift(-1).fillna("")
    start = frame.groupby("trip_id", sort=False)["minute"].transform("min")
    frame = frame.assign(offset=frame["minute"] - start, start=start)
    keep = frame["boards"].to_numpy(dtype=bool) & ~last & frame["minute"].notna().to_numpy()
    return frame[keep & frame["stop_id"].isin(stop_ids).to_numpy()]


def _frequencies(frequencies: pd.DataFrame | None) -> pd.DataFrame:
    """Give start, interval and number of runs of trips that are repeated."""
    if frequencies is None or len(frequencies) == 0:
        return pd.DataFrame({"trip_id": pd.Series(dtype=object), "runs": pd.Series(dtype=float)})
    often = pd.DataFrame(
        {
            "trip_id": frequencies["trip_id"].astype(str),
            "begin": minutes_of_day(frequencies["start_time"]),
            "end": minutes_of_day(frequencies["end_time"]),
            "often": frequencies["headway_secs"].to_numpy(dtype=float, na_value=np.nan) / 60.0,
        }
    )
    often = often[(often["often"] > 0) & (often["end"] > often["begin"])]
    often["runs"] = np.ceil((often["end"] - often["begin"]) / often["often"] - 1e-9)
    return often


def _departures(calls: pd.DataFrame, often: pd.DataFrame) -> pd.DataFrame:
    """
    Give the departures of each call: one, or as often as a frequency says.

    What two versions of a feed both hold counts once: same line, stop, next stop and time.
    """
    minute = calls["minute"].to_numpy(dtype=float)
    once = calls.assign(count=1, every=DAY_MIN, first=minute, last=minute)
    found = once[~once["trip_id"].isin(often["trip_id"])]
    if len(often):
        most = read_table("gtfs")["most"]["calls"]
        intervals = often["trip_id"].value_counts()
        if (count := int(calls["trip_id"].map(intervals).fillna(0).sum())) > most:
            raise LimitError(
                f"sources.gtfs: trips at intervals (frequencies.txt) have {count:,} calls, the limit is "
                f"{most:,}; cut the feed to the city"
            )
        repeated = calls.drop(columns="runs").merge(often, on="trip_id", how="inner")
        first = repeated["begin"] + repeated["offset"]
        repeated = repeated.assign(
            count=repeated["runs"].astype(int),
            every=repeated["often"],
            first=first,
            last=first + (repeated["runs"] - 1) * repeated["often"],
        )
        found = pd.concat([found, repeated[found.columns]], ignore_index=True)
    same = ["stop_id", "next_id", "label", "first", "last", "count"]
    return found.drop_duplicates(same).copy()


def _days_a_week(
    calls: pd.DataFrame, days: ServiceDays, date: np.datetime64 | None
) -> pd.Series[int]:
    """Count the days with service in the week of the counted day."""
    if date is None:
        return pd.Series(dtype=int)
    pairs = calls[["stop_id", "service_id"]].drop_duplicates()
    monday = date - np.timedelta64((int(date.astype(np.int64)) + 3) % 7, "D")
    served = []
    for day in range(7):
        running = days.on(monday + np.timedelta64(day, "D"))
        served.append(pairs.loc[pairs["service_id"].isin(running), "stop_id"].drop_duplicates())
    counts: pd.Series[int] = pd.concat(served).value_counts()
    return counts
