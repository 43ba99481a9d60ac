"""Service days: which services of a timetable run on which date, and how its times and dates are read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["DAY_MIN", "WORKDAYS", "ServiceDays", "minutes_of_day"]

DAY_MIN = 1440.0
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKDAYS = 5
FIRST_YEAR, LAST_YEAR = 1900, 2200


def minutes_of_day(times: pd.Series) -> NDArray[np.float64]:
    """
    Read times of a timetable.

    Parameters
    ----------
    times : ``H:MM:SS`` or ``H:MM``; hours go beyond 24 for trips after midnight.

    Returns
    -------
    Minutes after midnight; NaN where blank or not a time.

    Examples
    --------
    >>> minutes_of_day(pd.Series(["7:30:00", "25:10:30", ""])).tolist()
    [450.0, 1510.5, nan]
    """
    place, different = times.factorize()  # a feed repeats few times very often
    told = pd.Series(different).astype("string").str.strip()
    parts = told.str.extract(r"^(\d{1,3}):([0-5]?\d)(?::([0-5]?\d))?$")
    number = [parts[i].astype("Float64").to_numpy(dtype=float, na_value=np.nan) for i in range(3)]
    number[2] = np.where(np.isnan(number[2]), 0.0, number[2])
    minutes = number[0] * 60.0 + number[1] + number[2] / 60.0
    return np.asarray(np.append(minutes, np.nan)[place])  # -1, a missing time: the last


class ServiceDays:
    """
    Which services run on which date.

    Parameters
    ----------
    calendar : ``calendar.txt``, or None. Rows without two readable dates are left out.
    exceptions : ``calendar_dates.txt``, or None.
    stated : ``feed_info.txt``, or None: nothing runs outside the days for which the feed says that it is complete,
        unless nothing at all would run then.

    Examples
    --------
    >>> dates = pd.DataFrame({"service_id": ["w"], "date": ["20250107"], "exception_type": [1]})
    >>> days = ServiceDays(None, dates)
    >>> str(days.dates[days.runs("w")][0]), sorted(days.on(days.dates[0]))
    ('2025-01-07', ['w'])
    """

    def __init__(
        self,
        calendar: pd.DataFrame | None,
        exceptions: pd.DataFrame | None,
        stated: pd.DataFrame | None = None,
    ) -> None:
        self._spans: dict[str, list[tuple[np.datetime64, np.datetime64, NDArray[np.bool_]]]] = {}
        self._extra: dict[str, list[tuple[np.datetime64, bool]]] = {}
        known: list[np.datetime64] = []
        if calendar is not None:
            first = _dates(calendar["start_date"])
            last = _dates(calendar["end_date"], empty=f"{LAST_YEAR}-12-31")
            runs = calendar[list(WEEKDAYS)].fillna(0).to_numpy(dtype=int) == 1
            ids = calendar["service_id"].astype(str)
            for service, start, end, week in zip(ids, first, last, runs, strict=True):
                if not (np.isnat(start) or np.isnat(end)) and start <= end:
                    self._spans.setdefault(service, []).append((start, end, week))
                    known += [start, end]
        if exceptions is not None:
            dates = _dates(exceptions["date"])
            kinds = exceptions["exception_type"].fillna(0).to_numpy(dtype=int)
            ids = exceptions["service_id"].astype(str)
            for service, date, kind in zip(ids, dates, kinds, strict=True):
                if not np.isnat(date) and kind in {1, 2}:
                    self._extra.setdefault(service, []).append((date, bool(kind == 1)))
                    known.append(date)
        if known:
            self.dates = np.arange(min(known), max(known) + np.timedelta64(1, "D"))
        else:
            self.dates = np.zeros(0, "datetime64[D]")
        self.weekday = (self.dates.astype(np.int64) + 3) % 7  # 0 Monday; 1 January 1970 a Thursday
        self._told = np.ones(len(self.dates), bool)
        if stated is not None and len(stated):
            inside = self._inside(stated)
            if any((self.runs(service) & inside).any() for service in self.services):
                self._told = inside

    def _inside(self, stated: pd.DataFrame) -> NDArray[np.bool_]:
        """Tell which dates lie in the period of ``feed_info.txt``; a side that it leaves open is open."""
        inside = np.ones(len(self.dates), bool)
        if (
            "feed_start_date" in stated
            and not np.isnat(first := _dates(stated["feed_start_date"])).all()
        ):
            inside &= self.dates >= np.nanmin(first)
        if (
            "feed_end_date" in stated
            and not np.isnat(last := _dates(stated["feed_end_date"])).all()
        ):
            inside &= self.dates <= np.nanmax(last)
        return inside

    @property
    def services(self) -> list[str]:
        """Ids of all services that the calendars name."""
        return sorted(self._spans.keys() | self._extra.keys())

    def runs(self, service: str) -> NDArray[np.bool_]:
        """
        Tell on which dates a service runs.

        Parameters
        ----------
        service : its id.

        Returns
        -------
        Shape of `dates`.
        """
        active = np.zeros(len(self.dates), bool)
        for start, end, week in self._spans.get(service, ()):
            low, high = (
                int((start - self.dates[0]).astype(int)),
                int((end - self.dates[0]).astype(int)),
            )
            active[low : high + 1] |= week[self.weekday[low : high + 1]]
        for date, on in self._extra.get(service, ()):
            active[int((date - self.dates[0]).astype(int))] = on
        return active & self._told

    def on(self, date: np.datetime64) -> set[str]:
        """
        Tell which services run on a date.

        Parameters
        ----------
        date : of any year.

        Returns
        -------
        Their ids.
        """
        if not len(self.dates) or not self.dates[0] <= date <= self.dates[-1]:
            return set()
        at = int((date - self.dates[0]).astype(int))
        return {service for service in self.services if self.runs(service)[at]}

    def bounds(self, services: Iterable[str]) -> tuple[np.datetime64, np.datetime64] | None:
        """
        Tell the first and the last date on which any of some services runs.

        Parameters
        ----------
        services : their ids.

        Returns
        -------
        Two dates; None when they never run.
        """
        active = np.zeros(len(self.dates), bool)
        for service in services:
            active |= self.runs(service)
        found = np.flatnonzero(active)
        return (self.dates[found[0]], self.dates[found[-1]]) if len(found) else None


def _dates(texts: pd.Series[Any], *, empty: str = "") -> NDArray[np.datetime64]:
    """
    Read ``YYYYMMDD`` or ``YYYY-MM-DD``; NaT for what is no date.

    No calendar is longer than to the year 2200; one whose end is empty is open.
    """
    plain = texts.astype("string").str.strip().str.replace(r"\.0$", "", regex=True)
    plain = plain.where(~plain.fillna("").str.fullmatch("0*"), empty)
    parts = plain.str.extract(r"^(\d{4})([-/.]?)(\d{2})\2(\d{2})$")
    year = parts[0].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    year = np.where(year > LAST_YEAR, LAST_YEAR, year)
    iso = [
        f"{y:04.0f}-{m}-{d}" if y >= FIRST_YEAR else ""
        for y, m, d in zip(year, parts[2], parts[3], strict=True)
    ]
    return np.array([_date(text) for text in iso], dtype="datetime64[D]")


def _date(iso: str) -> np.datetime64:
    try:
        return np.datetime64(iso, "D") if iso else np.datetime64("NaT", "D")
    except ValueError:
        return np.datetime64("NaT", "D")
