"""Feed: the tables of a timetable as frames, with the columns that are read of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError

__all__ = ["NEEDED", "TABLES", "Feed", "read_feed"]

NEEDED = {
    "stops": ("stop_id", "stop_lat", "stop_lon"),
    "routes": ("route_id", "route_type"),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id", "stop_sequence", "departure_time"),
}
_CALENDARS = ("calendar", "calendar_dates")
TABLES = (*NEEDED, *_CALENDARS, "frequencies", "agency", "feed_info")
_KINDS = {"text": "string", "whole": "Int32", "number": "float"}
_EMPTY = ["", " ", "nan", "NaN", "null"]


@dataclass(kw_only=True)
class Feed:
    """
    Tables of a GTFS feed; each has the columns of ``[column]`` in ``tables/gtfs.toml`` that its file has.

    Parameters
    ----------
    stops, routes, trips, stop_times : as the file has them.
    calendar, calendar_dates : one of the two at least.
    frequencies : None: no trip is repeated.
    agency, feed_info : None: the feed does not say who made it, and for which days.
    """

    stops: pd.DataFrame
    routes: pd.DataFrame
    trips: pd.DataFrame
    stop_times: pd.DataFrame
    calendar: pd.DataFrame | None = None
    calendar_dates: pd.DataFrame | None = None
    frequencies: pd.DataFrame | None = None
    agency: pd.DataFrame | None = None
    feed_info: pd.DataFrame | None = None


def read_feed(folder: Path, name: str) -> Feed:
    """
    Read the tables of a feed.

    Parameters
    ----------
    folder : with the text files of the feed, names in lower case.
    name : of the feed, for messages.

    Returns
    -------
    The feed; blank cells, ``NA`` and ``null`` are missing.

    Raises
    ------
    SourceError
        If a table cannot be read, is missing or lacks a column that no timetable goes without.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas on odd columns; what matters is checked next
            found = {table: _table(folder / f"{table}.txt", table) for table in TABLES}
    except (ValueError, TypeError, KeyError, OSError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"sources.gtfs: {name} cannot be read ({reason}); check the feed with a GTFS validator"
        ) from error
    needed = {table: _whole(found[table], table, name) for table in NEEDED}
    if all(found[table] is None for table in _CALENDARS):
        raise SourceError(f"sources.gtfs: {name} has neither calendar.txt nor calendar_dates.txt")
    return Feed(
        **needed,
        calendar=found["calendar"],
        calendar_dates=found["calendar_dates"],
        frequencies=found["frequencies"],
        agency=found["agency"],
        feed_info=found["feed_info"],
    )


def _table(path: Path, table: str) -> pd.DataFrame | None:
    """Read a table; None where there is none or it has no row."""
    if not path.is_file() or not path.stat().st_size:
        return None
    kinds = {name: _KINDS[kind] for name, kind in read_table("gtfs")["column"][table].items()}
    head = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns
    if len(head) == 1 and (mark := next((m for m in ";\t|" if m in head[0]), "")):
        raise ValueError(f"{table}.txt parts its columns by {mark!r}; save it with commas")
    known = {str(name): kinds[name.strip()] for name in head if name.strip() in kinds}
    try:
        frame = pd.read_csv(
            path,
            dtype=known,
            usecols=list(known) or None,  # without any, its rows are counted all the same
            na_values=_EMPTY,
            dtype_backend="numpy_nullable",
            encoding="utf-8-sig",
        )
    except ValueError as error:
        raise ValueError(f"{table}.txt: {error}") from error
    return frame[list(known)].rename(columns=str.strip) if len(frame) else None


def _whole(frame: pd.DataFrame | None, table: str, name: str) -> pd.DataFrame:
    if frame is None:
        raise SourceError(f"sources.gtfs: {name} has no {table}.txt, or it is empty")
    missing = [column for column in NEEDED[table] if column not in frame]
    if missing:
        raise SourceError(f"sources.gtfs: {table}.txt of {name} has no column {missing[0]}")
    return frame
