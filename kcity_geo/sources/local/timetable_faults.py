"""
Timetable faults: rows of a feed that say nothing of its service are left out, and told.

Without this a trip whose service has no readable dates, or a stop time that holds no time, would be
missing in silence. What can be read for certain is read: spaces around ids, letters composed otherwise,
rows that stand twice.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.feed import Feed
from kcity_geo.sources.local.service_days import ServiceDays, minutes_of_day

__all__ = ["mended_feed"]

_IDS = {
    "stops": ("stop_id", "parent_station"),
    "routes": ("route_id",),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id"),
    "calendar": ("service_id",),
    "calendar_dates": ("service_id",),
    "frequencies": ("trip_id",),
}
_TIMES = ("arrival_time", "departure_time")


def mended_feed(feed: Feed, *, name: str) -> None:
    """
    Take the rows out of a feed that say nothing of its service, and tell how many of which kind.

    Parameters
    ----------
    feed : its tables are replaced.
    name : of its file, for messages.

    Raises
    ------
    SourceError
        If the intervals of ``frequencies.txt`` are shorter than any line runs, or one ``stop_id`` stands
        for two places.
    """
    for table, columns in _IDS.items():
        frame = getattr(feed, table)
        if frame is not None:
            changed = {c: plain for c in columns if (plain := _plain(frame, c)) is not None}
            setattr(feed, table, frame.assign(**changed) if changed else frame)
    _refuse_stops_of_two_places(feed, name)
    _leave_out_flights(feed, name)
    _tell_strange_types(feed, name)
    _tell_time_zones(feed, name)
    said = [*_without_id(feed), *_twice(feed), *_strangers(feed), *_unread_times(feed)]
    said += [*_unread_days(feed), *_unread_intervals(feed, name)]
    if said:
        tell(f"GTFS {name}: left out, for they say nothing of the service: {'; '.join(said)}")


def _refuse_stops_of_two_places(feed: Feed, name: str) -> None:
    """Refuse a stop that stands twice with two places: which of them its departures leave from is open."""
    stops = feed.stops[feed.stops["stop_id"].notna()]
    groups = stops[stops["stop_id"].duplicated(keep=False)].groupby("stop_id", sort=False)
    apart = (groups[["stop_lat", "stop_lon"]].max() - groups[["stop_lat", "stop_lon"]].min()).max(
        axis=1
    )
    double = apart.index[
        (apart > read_table("gtfs")["same_stop_deg"]).to_numpy(bool, na_value=False)
    ]
    if double.empty:
        return
    same = groups.get_group(double[0])[["stop_lat", "stop_lon"]].drop_duplicates()
    first, second = (
        f"{row.stop_lat}, {row.stop_lon}" for row in same.head(2).itertuples(index=False)
    )
    raise SourceError(
        f"sources.gtfs: stops.txt of {name} has {len(double):,} stop_id with two places (first: "
        f"{str(double[0])[:40]!r} at {first} and at {second}); give each stop an id of its own, "
        "or take out the row that is wrong"
    )


def _of_types(feed: Feed, ranges: list[list[int]]) -> pd.Series:
    """Tell which routes are of some types."""
    number = pd.to_numeric(feed.routes["route_type"], errors="coerce").fillna(-1)
    found = pd.Series(data=False, index=feed.routes.index)
    for low, high in ranges:
        found |= number.between(low, high)
    return found


def _leave_out_flights(feed: Feed, name: str) -> None:
    """Take out what flies, with the airports that nothing else calls at."""
    flies = _of_types(feed, read_table("gtfs")["not_of_a_city"])
    routes = feed.routes.loc[flies, "route_id"].dropna()
    if routes.empty:
        return
    gone = feed.trips["route_id"].isin(routes)
    calls = feed.stop_times["trip_id"].isin(feed.trips.loc[gone, "trip_id"])
    flown = set(feed.stop_times.loc[calls, "stop_id"]) - set(feed.stop_times.loc[~calls, "stop_id"])
    feed.trips, feed.stop_times = feed.trips[~gone], feed.stop_times[~calls]
    feed.stops = feed.stops[~feed.stops["stop_id"].isin(flown)]
    tell(
        f"GTFS {name}: {_rows(len(routes), 'routes')} with flights{_some(routes)}; their trips, and stops that "
        f"nothing else calls at ({len(flown):,}), are left out"
    )


def _tell_strange_types(feed: Feed, name: str) -> None:
    """Tell routes whose means of transport is not known; their stops count like those of buses."""
    table = read_table("gtfs")
    known = [pair for row in table["mode"] for pair in row["types"]] + table["not_of_a_city"]
    strange = ~_of_types(feed, known)
    if strange.any():
        tell(
            f"GTFS {name}: {_rows(int(strange.sum()), 'routes')} with a route_type that is empty or not known"
            f"{_some(feed.routes.loc[strange, 'route_type'])}; their stops count like those of buses"
        )


def _tell_time_zones(feed: Feed, name: str) -> None:
    """Tell agencies whose clocks differ: the format allows one time zone a feed, and departures are added up."""
    if feed.agency is None or "agency_timezone" not in feed.agency:
        return
    zones = sorted(set(feed.agency["agency_timezone"].dropna().astype(str).str.strip()) - {""})
    if len(zones) > 1:
        tell(
            f"GTFS {name}: its agencies have {len(zones)} time zones ({', '.join(zones[:3])}); times were read as "
            "those of one clock, so the busiest hours may be mixed: cut the feed to the agencies of the city"
        )


def _plain(frame: pd.DataFrame, column: str) -> pd.Series | None:
    """Give the ids of a column with composed letters and without spaces around; None where all are so."""
    if column not in frame:
        return None
    known = frame[column].dropna().unique()
    plain = {text: unicodedata.normalize("NFC", str(text).strip()) for text in known}
    changed = {text: own for text, own in plain.items() if own != str(text)}
    return frame[column].replace(changed) if changed else None


def _rows(count: int, table: str) -> str:
    return f"{count:,} row{'' if count == 1 else 's'} of {table}.txt"


def _some(values: pd.Series) -> str:
    """Name the first of some values."""
    first = next((str(v) for v in values if not pd.isna(v)), "")
    return f" (first: {first[:40]!r})" if first else ""


def _without_id(feed: Feed) -> list[str]:
    """Tell rows whose id is empty; ``NA`` and ``null`` are read as empty."""
    said = []
    for table, column in (("stops", "stop_id"), ("trips", "trip_id"), ("stop_times", "stop_id")):
        lacking = int(getattr(feed, table)[column].isna().sum())
        if lacking:
            said.append(f"{_rows(lacking, table)} without {column} (empty, NA or null)")
    return said


def _twice(feed: Feed) -> list[str]:
    """Take out calls of a trip that have the same place in its sequence."""
    times = feed.stop_times
    double = times.duplicated(["trip_id", "stop_sequence"]) & times["stop_sequence"].notna()
    if not double.any():
        return []
    feed.stop_times = times[~double]
    return [f"{_rows(int(double.sum()), 'stop_times')} with a place in a trip that is taken"]


def _strangers(feed: Feed) -> list[str]:
    """Tell trips of routes or services, and calls of trips or stops, that no table names."""
    services: set[str] = set()
    for calendar in (feed.calendar, feed.calendar_dates):
        if calendar is not None:
            services |= set(calendar["service_id"].dropna().astype(str))
    said = []
    for table, column, known, where in (
        ("trips", "route_id", set(feed.routes["route_id"].dropna().astype(str)), "routes.txt"),
        ("trips", "service_id", services, "the calendars"),
        ("stop_times", "trip_id", set(feed.trips["trip_id"].dropna().astype(str)), "trips.txt"),
        ("stop_times", "stop_id", set(feed.stops["stop_id"].dropna().astype(str)), "stops.txt"),
    ):
        values = getattr(feed, table)[column]
        # Millions of rows name few ids.
        unknown = [v for v in values.dropna().unique() if str(v) not in known]
        if unknown and where != "the calendars":
            _refuse_two_spellings(unknown, values, known, column=column, tables=(table, where))
        if unknown:
            strange = values.isin(unknown)
            said.append(
                f"{_rows(int(strange.sum()), table)} with a {column} that {where} "
                f"do{'' if where == 'the calendars' else 'es'} not have{_some(values[strange])}"
            )
    return said


def _refuse_two_spellings(
    unknown: Sequence[object],
    values: pd.Series,
    known: AbstractSet[str],
    *,
    column: str,
    tables: tuple[str, str],
) -> None:
    """Refuse ids of which none stands in the table that they point to: they are written in two ways."""
    if not known or len(unknown) < values.nunique():
        return
    table, where = tables
    raise SourceError(
        f"sources.gtfs: no {column} of {table}.txt (such as {str(unknown[0])[:40]!r}) stands in {where} (such as "
        f"{min(known)[:40]!r}); write ids in one way in all tables, with zeros in front and without .0"
    )


def _unread_times(feed: Feed) -> list[str]:
    """Tell times that are none, such as 7:61 or 7:30 PM."""
    said = []
    for column in _TIMES:
        if column not in feed.stop_times:
            continue
        given = pd.Series(feed.stop_times[column].dropna().unique()).astype(str)
        given = given[given.str.strip() != ""]
        wrong = given[np.isnan(minutes_of_day(given))]
        if len(wrong):
            rows = int(feed.stop_times[column].isin(wrong).sum())
            said.append(
                f"{_rows(rows, 'stop_times')} with a {column} that is no time{_some(wrong)}"
            )
    return said


def _unread_days(feed: Feed) -> list[str]:
    """Tell services whose dates cannot be read, or end before they begin."""
    known = set(ServiceDays(feed.calendar, feed.calendar_dates).services)
    said = []
    for table in ("calendar", "calendar_dates"):
        frame = getattr(feed, table)
        if frame is None:
            continue
        ids = frame["service_id"].dropna().astype(str)
        lost = ids[~ids.isin(known)].drop_duplicates()
        if len(lost):
            said.append(
                f"service_id of {table}.txt whose dates cannot be read or end before they begin: "
                f"{len(lost):,}{_some(lost)}"
            )
            known |= set(lost)
    return said


def _unread_intervals(feed: Feed, name: str) -> list[str]:
    """Tell intervals that are none; refuse those that are minutes where seconds are asked for."""
    often = feed.frequencies
    if often is None or not len(often):
        return []
    seconds = pd.to_numeric(often["headway_secs"], errors="coerce").to_numpy(float, na_value=np.nan)
    begin, end = (minutes_of_day(often[c]) for c in ("start_time", "end_time"))
    good = (seconds > 0) & (end > begin)
    least = read_table("gtfs")["headway_least_s"]
    if good.any() and (typical := float(np.median(seconds[good]))) < least:
        raise SourceError(
            f"sources.gtfs: frequencies.txt of {name} has a headway_secs of {typical:g} s in the middle, "
            f"and no line runs every {least:g} s; are they minutes? Give seconds"
        )
    wrong = int((~good).sum())
    return [f"{_rows(wrong, 'frequencies')} without an interval of time"] if wrong else []
