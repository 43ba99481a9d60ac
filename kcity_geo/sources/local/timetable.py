"""
What a timetable says of each stop: departures, headway at peak, span and days of service.

Pure: frames of a feed in, a frame out. Counts one day, the weekday with most trips.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.config import read_table

__all__ = ["minutes_of_day", "service_days", "stop_service"]

DAY_MIN = 1440.0
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKDAYS = 5
MAX_DAYS = 800


def minutes_of_day(times: pd.Series) -> NDArray[np.float64]:
    """
    Read times of a timetable.

    Parameters
    ----------
    times : ``H:MM:SS``; hours go beyond 24 for trips after midnight.

    Returns
    -------
    Minutes after midnight; NaN where blank or not a time.

    Examples
    --------
    >>> minutes_of_day(pd.Series(["7:30:00", "25:10:30", ""])).tolist()
    [450.0, 1510.5, nan]
    """
    parts = times.astype("string").str.strip().str.extract(r"^(\d{1,3}):([0-5]?\d):([0-5]?\d)$")
    number = [parts[i].astype("Float64").to_numpy(dtype=float, na_value=np.nan) for i in range(3)]
    return np.asarray(number[0] * 60.0 + number[1] + number[2] / 60.0)


def service_days(
    calendar: pd.DataFrame | None, exceptions: pd.DataFrame | None
) -> dict[pd.Timestamp, set[str]]:
    """
    Tell which services run on which date.

    Parameters
    ----------
    calendar : ``calendar.txt``, or None.
    exceptions : ``calendar_dates.txt``, or None.

    Returns
    -------
    Date -> service ids; only dates with a service.
    """
    days: dict[pd.Timestamp, set[str]] = {}
    if calendar is not None:
        start = pd.to_datetime(calendar["start_date"], format="%Y%m%d", errors="coerce")
        end = pd.to_datetime(calendar["end_date"], format="%Y%m%d", errors="coerce")
        rows = zip(
            calendar["service_id"].astype(str),
            start,
            end,
            calendar[list(WEEKDAYS)].fillna(0).to_numpy(dtype=int),
            strict=True,
        )
        known = (start.notna() & end.notna()).tolist()
        for valid, (service, first, last, runs) in zip(known, rows, strict=True):
            if not valid:
                continue
            for date in pd.date_range(first, last)[:MAX_DAYS]:
                if runs[date.weekday()] == 1:
                    days.setdefault(date, set()).add(service)
    if exceptions is not None:
        dates = pd.to_datetime(exceptions["date"], format="%Y%m%d", errors="coerce")
        kinds = exceptions["exception_type"].fillna(0).to_numpy(dtype=int)
        for date, valid, service, kind in zip(
            dates, dates.notna(), exceptions["service_id"].astype(str), kinds, strict=True
        ):
            if not valid:
                continue
            if kind == 1:
                days.setdefault(date, set()).add(service)
            elif kind == 2 and date in days:  # noqa: PLR2004 - "service removed" in GTFS
                days[date].discard(service)
    return {date: services for date, services in sorted(days.items()) if services}


def _busiest(days: dict[pd.Timestamp, set[str]], trips: pd.DataFrame) -> pd.Timestamp | None:
    """Give the weekday with most trips, of equals in the fullest week; any day if none is one."""
    size = trips.groupby("service_id")["trip_id"].size().to_dict()
    counts = {date: sum(size.get(s, 0) for s in services) for date, services in days.items()}
    work = {date: count for date, count in counts.items() if date.weekday() < WORKDAYS and count}
    chosen = work or {date: count for date, count in counts.items() if count}
    week: dict[pd.Timestamp, int] = {}
    for date, count in counts.items():
        week[_monday(date)] = week.get(_monday(date), 0) + count
    # A calendar that begins or ends in the middle of a week would otherwise cut the days of it.
    return max(chosen, key=lambda d: (chosen[d], week[_monday(d)], -d.toordinal()), default=None)


def _monday(date: pd.Timestamp) -> pd.Timestamp:
    return date - pd.Timedelta(days=date.weekday())


def _stations(stops: pd.DataFrame) -> pd.Series[str]:
    """Give each stop its station, or itself; index ``stop_id``."""
    own = stops["stop_id"].astype(str)
    station = own
    if "parent_station" in stops:
        parent = stops["parent_station"].astype("string").str.strip()
        station = parent.where(parent.notna() & (parent != ""), own).astype(str)
    return pd.Series(station.to_numpy(), index=own.to_numpy()).groupby(level=0).first()


def _directions(
    trips: pd.DataFrame, stop_times: pd.DataFrame, station: pd.Series[str]
) -> pd.Series[int]:
    """
    Give each trip its direction, 0 or 1.

    Where the feed leaves it out: 1 for trips that pass the stations in the opposite order to the
    trip of their route with most calls.
    """
    told = pd.Series(np.nan, index=trips["trip_id"].to_numpy())
    if "direction_id" in trips:
        told[:] = trips["direction_id"].to_numpy(dtype=float, na_value=np.nan)
    if told.notna().all():
        return told.astype(int)
    calls = pd.DataFrame(
        {
            "trip_id": stop_times["trip_id"].astype(str),
            "place": stop_times["stop_id"].astype(str).map(station),
            "sequence": stop_times["stop_sequence"].to_numpy(dtype=float, na_value=np.nan),
        }
    ).merge(trips[["trip_id", "route_id"]], on="trip_id")
    calls = calls.sort_values(["trip_id", "sequence"], kind="stable")
    size = calls.groupby(["route_id", "trip_id"]).size()
    longest = size.groupby("route_id").idxmax().str[1]
    model = calls[calls["trip_id"].isin(longest)].drop_duplicates(["route_id", "place"])
    model = model.assign(rank=model.groupby("route_id").cumcount())
    ranked = calls.merge(model[["route_id", "place", "rank"]], on=["route_id", "place"])
    ranked = ranked.sort_values(["trip_id", "sequence"], kind="stable")
    step = np.sign(ranked.groupby("trip_id")["rank"].diff().fillna(0.0))
    against = step.groupby(ranked["trip_id"]).sum() < 0
    found = against.reindex(told.index, fill_value=False).astype(float)
    return told.fillna(found).astype(int)


def stop_service(
    feed: Any,  # noqa: ANN401 - gtfs_kit.Feed, an optional library
    stop_ids: NDArray[np.object_],
    *,
    peak: tuple[float, float],
) -> pd.DataFrame:
    """
    Sum up the service at stops.

    Parameters
    ----------
    feed : with the frames of a GTFS feed.
    stop_ids : stops to report.
    peak : start and end, minutes after midnight.

    Returns
    -------
    Index ``stop_id`` as given; columns as `kcity_geo.sources.local.transit.read_gtfs` describes them.
    """
    trips = feed.trips.drop_duplicates("trip_id")
    trips = trips.astype(dict.fromkeys(("trip_id", "route_id", "service_id"), str))
    station = _stations(feed.stops)
    direction = _directions(trips, feed.stop_times, station)
    trips = trips[["trip_id", "route_id", "service_id"]].assign(direction=direction.to_numpy())
    trips = trips.merge(_modes(feed.routes), on="route_id", how="inner")
    days = service_days(feed.calendar, feed.calendar_dates)
    date = _busiest(days, trips)
    running = trips[trips["service_id"].isin(days[date])] if date is not None else trips[:0]
    calls = _calls(feed.stop_times, trips, stop_ids)
    today = calls[calls["trip_id"].isin(running["trip_id"])]
    today = _departures(today, feed.frequencies, peak=peak)
    result = pd.DataFrame(index=pd.Index(stop_ids, name="stop_id"))
    groups = calls.groupby("stop_id", sort=True)
    result["modes"] = groups["mode"].agg(lambda modes: ",".join(sorted(set(modes))))
    result["modes"] = result["modes"].fillna("")
    day = today.groupby("stop_id", sort=True)
    for flag in ("high", "rapid"):
        name = "high_capacity" if flag == "high" else flag
        ever = groups[flag].any().reindex(result.index, fill_value=False).astype(bool)
        result[name] = day[flag].any().reindex(result.index).fillna(ever).astype(bool)
    result["departures_day"] = day["count"].sum().reindex(result.index).fillna(0).astype(int)
    at_peak = _at_peak(today, station).reindex(result.index).fillna(0).to_numpy(dtype=float)
    result["departures_peak"] = at_peak.astype(int)
    with np.errstate(divide="ignore"):
        result["headway_peak_min"] = (peak[1] - peak[0]) / at_peak
    result["first_departure_min"] = day["first"].min().reindex(result.index).astype(float)
    result["last_departure_min"] = day["last"].max().reindex(result.index).astype(float)
    span = result["last_departure_min"] - result["first_departure_min"]
    result["service_span_h"] = span / 60.0
    result["days"] = _days_a_week(calls, days, date).reindex(result.index).fillna(0).astype(int)
    return result


def _at_peak(today: pd.DataFrame, station: pd.Series[str]) -> pd.Series[int]:
    """
    Count the departures at peak of the busier direction at each stop.

    All platforms of a station together: who waits for a train takes the next one. Buses at the
    door of a station do not make its trains more frequent.
    """
    calls = today.assign(place=today["stop_id"].map(station).to_numpy())
    sums = calls.groupby(["place", "high", "direction"])["peak"].sum()
    busier = sums.groupby(level=["place", "high"]).max().rename("at_peak").reset_index()
    pairs = calls[["stop_id", "place", "high"]].drop_duplicates().merge(busier)
    found: pd.Series[int] = pairs.groupby("stop_id")["at_peak"].max()
    return found


def _modes(routes: pd.DataFrame) -> pd.DataFrame:
    """Name the mode of each route."""
    kind = routes["route_type"].fillna(-1).to_numpy(dtype=int)
    frame = pd.DataFrame(
        {
            "route_id": routes["route_id"].astype(str).to_numpy(dtype=object),
            "mode": "other",
            "high": False,
            "rapid": False,
        }
    )
    for row in read_table("gtfs")["mode"]:
        hit = np.zeros(len(frame), bool)
        for low, high in row["types"]:
            hit |= (kind >= low) & (kind <= high)
        frame.loc[hit, ["mode", "high", "rapid"]] = [row["name"], row["high"], row["rapid"]]
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
    start = frame.groupby("trip_id", sort=False)["minute"].transform("min")
    frame = frame.assign(offset=frame["minute"] - start, start=start)
    keep = frame["boards"].to_numpy(dtype=bool) & ~last & frame["minute"].notna().to_numpy()
    return frame[keep & frame["stop_id"].isin(stop_ids).to_numpy()]


def _departures(
    calls: pd.DataFrame, frequencies: pd.DataFrame | None, *, peak: tuple[float, float]
) -> pd.DataFrame:
    """Count the departures of each call: one, or as often as a frequency says."""
    minute = calls["minute"].to_numpy(dtype=float)
    time = minute % DAY_MIN
    once = calls.assign(
        count=1,
        peak=((time >= peak[0]) & (time < peak[1])).astype(int),
        first=minute,
        last=minute,
    )
    if frequencies is None or len(frequencies) == 0:
        return once
    often = pd.DataFrame(
        {
            "trip_id": frequencies["trip_id"].astype(str),
            "begin": minutes_of_day(frequencies["start_time"]),
            "end": minutes_of_day(frequencies["end_time"]),
            "every": frequencies["headway_secs"].to_numpy(dtype=float, na_value=np.nan) / 60.0,
        }
    )
    often = often[(often["every"] > 0) & (often["end"] > often["begin"])]
    timed = once[~once["trip_id"].isin(often["trip_id"])]
    repeated = calls.merge(often, on="trip_id", how="inner")
    runs = np.ceil((repeated["end"] - repeated["begin"]) / repeated["every"] - 1e-9)
    first = repeated["begin"] + repeated["offset"]
    # Runs k = 0, 1, ... whose departure falls into the peak of this day or, past midnight, the next.
    total = np.zeros(len(repeated))
    for shift in (0.0, DAY_MIN):
        low = np.ceil((peak[0] + shift - first) / repeated["every"] - 1e-9).clip(lower=0)
        high = np.ceil((peak[1] + shift - first) / repeated["every"] - 1e-9).clip(upper=runs)
        total += (high - low).clip(lower=0).to_numpy(dtype=float)
    repeated = repeated.assign(
        count=runs.astype(int),
        peak=total.astype(int),
        first=first,
        last=first + (runs - 1) * repeated["every"],
    )
    return pd.concat([timed, repeated[timed.columns]], ignore_index=True)


def _days_a_week(
    calls: pd.DataFrame, days: dict[pd.Timestamp, set[str]], date: pd.Timestamp | None
) -> pd.Series[int]:
    """Count the days with service in the week of the counted day."""
    if date is None:
        return pd.Series(dtype=int)
    pairs = calls[["stop_id", "service_id"]].drop_duplicates()
    served = [
        pairs.loc[pairs["service_id"].isin(days.get(day, set())), "stop_id"].drop_duplicates()
        for day in pd.date_range(_monday(date), periods=7)
    ]
    counts: pd.Series[int] = pd.concat(served).value_counts()
    return counts
