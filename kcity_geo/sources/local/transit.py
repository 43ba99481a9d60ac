"""
Timetables: stops with the service they have, from a GTFS feed.

Opens zip or folder after checking what is in it; members with a path of their own
are ignored, never unpacked elsewhere. Says nothing of who can walk to a stop;
`kcity_geo.analysis.transport.assess` does.
"""

from __future__ import annotations

import codecs
import lzma
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.feed import TABLES, Feed, read_feed
from kcity_geo.sources.local.timetable import Service, stop_service
from kcity_geo.sources.local.timetable_faults import mended_feed
from kcity_geo.sources.web.wellformed import require_whole_list

__all__ = ["read_gtfs", "read_gtfs_feeds"]

#: What zipfile and its decompressors raise on damaged bytes.
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    OverflowError,
    MemoryError,
)
#: Of a table that is read and counted at once.
_PART_BYTES = 1 << 20


def read_gtfs(
    path: str | Path,
    *,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    area: BaseGeometry | None = None,
    peak: tuple[float, float] | None = None,
    map_date: str = "",
) -> gpd.GeoDataFrame:
    """
    Read the stops of a timetable with their service on the busiest weekday.

    Parameters
    ----------
    path : GTFS zip or folder.
    crs : metric CRS of the city.
    area : lon/lat; stops elsewhere are left out. None: all.
    peak : start and end of the hours to judge, minutes after midnight. None: the busiest two hours.
    map_date : ISO date of the map; a timetable that ended before it is warned of. ``""``: unknown.

    Returns
    -------
    A row a stop, ordered by ``stop_id``: ``stop_id, name, modes`` (text), ``high_capacity`` and
    ``rapid`` (where nothing runs on that day: of any day), ``departures_day``, ``departures_peak``
    (of one mode that leave the same way, all platforms of a station together), ``headway_peak_min``
    (inf: none at peak; NaN: not known, the feed has no departure in the asked hours),
    ``first_departure_min`` and ``last_departure_min`` (minutes after midnight, beyond 1440 after
    the next; NaN: no service), ``service_span_h`` (hours between the two), ``headway_low_min``,
    ``headway_rail_min`` and ``headway_ferry_min`` (as the headway, of one kind of stop alone),
    ``days`` (of a week with service), ``geometry``. Stops without service are rows with 0
    departures. ``attrs["timetables"]`` holds, for each feed, ``date`` (the day that was counted),
    ``first`` and ``last`` (of the calendars), ``peak``, ``covered`` (departures in these hours) and
    ``note`` (the same in words).

    Raises
    ------
    SourceError
        If the feed is missing, is no feed, or lacks a table or column.
    LimitError
        If a table is larger than the stated limit.

    Warns
    -----
    KCityWarning
        If stops have no usable position, nothing runs on any day, in the asked hours or in the
        morning, or the timetable ended before the map was made.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"sources.gtfs: {path.name} does not exist; give a GTFS zip or folder")
    if peak is not None and not 0 <= peak[0] < peak[1]:
        raise SourceError(f"sources.gtfs: peak {peak} must be two rising minutes of the day")
    with tempfile.TemporaryDirectory() as folder:
        _collect(path, Path(folder))
        feed = read_feed(Path(folder), path.name)
    try:
        mended_feed(feed, name=path.name)
        positions = _positions(feed)
        called = feed.stop_times["stop_id"].dropna().astype(str).unique()
        stops = _placed(feed.stops, positions, crs=crs, area=area, name=path.name, called=called)
        ids = stops["stop_id"].to_numpy(dtype=object)
        service = stop_service(feed, ids, peak=peak, positions=positions)
    except (LimitError, SourceError):
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"sources.gtfs: {path.name} cannot be understood ({reason}); check the feed with a "
            "GTFS validator"
        ) from error
    _warn(service, path.name, map_date=map_date, asked=peak)
    columns = ["stop_id", "name", *service.stops.columns, "geometry"]
    found = stops.join(service.stops, on="stop_id")[columns].reset_index(drop=True)
    found.attrs["timetables"] = [
        {
            "date": service.date,
            "first": service.first,
            "last": service.last,
            "peak": list(service.peak),
            "covered": service.covered,
            "note": _counted(service),
        }
    ]
    return found


def read_gtfs_feeds(
    paths: Sequence[str | Path],
    *,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    area: BaseGeometry | None = None,
    map_date: str = "",
) -> gpd.GeoDataFrame:
    """
    Read the stops of several timetables, each judged on its own busiest day and hours.

    Parameters
    ----------
    paths : GTFS zips or folders.
    crs, area, map_date : as for `read_gtfs`.

    Returns
    -------
    As of `read_gtfs`, with the stops of all feeds; ids that two feeds share begin with the number
    of their feed. ``attrs["timetables"]`` has an entry a feed.

    Raises
    ------
    SourceError, LimitError
        As for `read_gtfs`, or if a feed is named twice.
    """
    import pandas as pd

    if len({Path(path).resolve() for path in paths}) < len(paths) or not paths:
        raise SourceError("sources.gtfs: name each feed once")
    frames = [read_gtfs(path, crs=crs, area=area, map_date=map_date) for path in paths]
    if len(frames) == 1:
        return frames[0]
    told = [about for frame in frames for about in frame.attrs.pop("timetables")]
    shared = pd.concat([frame["stop_id"] for frame in frames])
    twice = set(shared[shared.duplicated()])
    for number, frame in enumerate(frames, start=1):
        double = frame["stop_id"].isin(twice)
        frame["stop_id"] = frame["stop_id"].where(~double, f"{number}:" + frame["stop_id"])
    together: gpd.GeoDataFrame = pd.concat(frames, ignore_index=True)
    together = together.sort_values("stop_id", kind="stable").reset_index(drop=True)
    together.attrs["timetables"] = told
    return together


def _warn(service: Service, name: str, *, map_date: str, asked: tuple[float, float] | None) -> None:
    """Tell what is odd about the day and the hours that were counted."""
    if not len(service.stops):
        return
    if not service.date:
        tell(
            f"GTFS {name}: no stop of the area has a departure on any day; check calendar.txt and "
            "calendar_dates.txt (an outdated feed?). Headways are not known: stops count as present"
        )
        return
    hours = _hours(service)
    if service.trips > read_table("gtfs")["unusual_day_factor"] * service.usual_trips:
        tell(
            f"GTFS {name}: {service.date}, the weekday with most trips, has {service.trips:,.0f} of them, the "
            f"median weekday around it {service.usual_trips:,.0f}; headways are those of {service.date} (an "
            "event, or versions that overlap?); cut the feed to a usual week"
        )
    if not service.covered:
        starts, ends = service.stops["first_departure_min"], service.stops["last_departure_min"]
        tell(
            f"GTFS {name}: no departure on {service.date} from {hours} (first "
            f"{_clock(starts.min())}, last {_clock(ends.max())}). Headways at these hours are not "
            "known: stops count as present"
        )
    usual = _usual_peak()
    if asked is None and service.peak[0] >= usual[1]:
        first = service.stops["first_departure_min"].min()
        if first >= usual[1]:
            tell(
                f"GTFS {name}: no departure from {_clock(usual[0])} to {_clock(usual[1])}, the first "
                f"is at {_clock(first)}; is the feed cut? Headways are those from {hours}"
            )
    if map_date and service.last and service.last < map_date[:10]:
        days = (np.datetime64(map_date[:10]) - np.datetime64(service.last)).astype(int)
        tell(
            f"GTFS {name}: the timetable ended on {service.last}, {days / 365.25:.1f} years before "
            f"the map ({map_date[:10]}); look for a newer one"
        )


def _hours(service: Service) -> str:
    return f"{_clock(service.peak[0])} to {_clock(service.peak[1])}"


def _counted(service: Service) -> str:
    """Say which day and hours were counted."""
    if not service.date:
        return "nothing runs on any day"
    return (
        f"departures counted on {service.date}, peak {_hours(service)}; the timetable runs from "
        f"{service.first} to {service.last}"
    )


def _usual_peak() -> tuple[float, float]:
    rules = read_table("gtfs")
    start = rules["peak_start_h"] * 60.0
    return start, start + rules["peak_h"] * 60.0


def _clock(minute: float) -> str:
    return f"{int(minute // 60)}:{int(minute % 60):02d}"


def _collect(path: Path, folder: Path) -> None:
    """Put the known tables of a feed, and nothing else, into a folder of our own."""
    wanted = {f"{table}.txt" for table in TABLES}
    size = _Size(path.name)
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.is_file() and file.name.lower() in wanted:
                with file.open("rb") as source:
                    size.copy(source, folder / file.name.lower())
        return
    try:
        with zipfile.ZipFile(path) as archive:
            require_whole_list(archive, path)
            members = _members(archive, wanted)
            _refuse_several_feeds(archive, members, path.name)
            for member, name in members:
                with archive.open(member) as source:
                    size.copy(source, folder / name)
    except (LimitError, SourceError):
        raise
    except _BROKEN_ZIP as error:
        raise SourceError(
            f"sources.gtfs: {path.name} is not a readable zip file ({error}); download it again"
        ) from error


class _Size:
    """What the tables of a feed hold together, counted while they are unpacked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found = dict.fromkeys(("bytes", "rows", "cells"), 0)
        self.limits = read_table("gtfs")["most"]

    def copy(self, source: IO[bytes], target: Path) -> None:
        """Copy a table; stop where the feed passes a limit."""
        with target.open("wb") as out:
            while part := source.read(_PART_BYTES):
                if part.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not out.tell():
                    raise SourceError(
                        f"sources.gtfs: {target.name} of {self.name} is in UTF-16; save it as UTF-8"
                    )
                rows = max(part.count(b"\n"), part.count(b"\r"))
                more = {"bytes": len(part), "rows": rows, "cells": part.count(b",") + rows}
                for what, count in more.items():
                    self.found[what] += count
                    if self.found[what] > self.limits[what]:
                        raise LimitError(
                            f"sources.gtfs: {self.name} unpacks to more than "
                            f"{self.limits[what]:,} {what}, the limit is {self.limits[what]:,}; cut it "
                            "to the city and to one version"
                        )
                out.write(part)


def _members(archive: zipfile.ZipFile, wanted: set[str]) -> list[tuple[zipfile.ZipInfo, str]]:
    """Give the tables at the top, or else those in the one folder of the zip."""
    plain: dict[tuple[str, ...], list[tuple[zipfile.ZipInfo, str]]] = {}
    for member in archive.infolist():
        parts = tuple(member.filename.replace("\\", "/").split("/"))
        odd = any(part in {"", ".", ".."} for part in parts) or ":" in member.filename
        link = stat.S_ISLNK(member.external_attr >> 16)
        hidden = parts[0] == "__MACOSX"
        if odd or link or hidden or member.is_dir() or parts[-1].lower() not in wanted:
            continue
        plain.setdefault(parts[:-1], []).append((member, parts[-1].lower()))
    if () in plain:
        return plain[()]
    return next(iter(plain.values())) if len(plain) == 1 else []


def _refuse_several_feeds(
    archive: zipfile.ZipFile, members: list[tuple[zipfile.ZipInfo, str]], name: str
) -> None:
    """Refuse an archive of archives, or of several folders, by what it is."""
    if members:
        return
    files = [one.filename for one in archive.infolist() if not one.is_dir()]
    inner = [file for file in files if file.lower().endswith(".zip")]
    feeds = sorted(file for file in files if file.lower().endswith("/stops.txt")) or inner
    if feeds:
        raise SourceError(
            f"sources.gtfs: {name} holds other feeds ({', '.join(feeds[:3])}) and none by itself; unpack it, "
            "and give them as a list"
        )


def _positions(feed: Feed) -> pd.DataFrame:
    """
    Give lon and lat of every stop; a platform without coordinates stands at its station.

    NaN where neither is usable. Index ``stop_id``.
    """
    import pandas as pd

    stops = feed.stops[feed.stops["stop_id"].notna()].drop_duplicates("stop_id")
    lon = stops["stop_lon"].to_numpy(dtype=float, na_value=np.nan)
    lat = stops["stop_lat"].to_numpy(dtype=float, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        good = (np.abs(lon) <= 180) & (np.abs(lat) <= 90) & ~((lon == 0) & (lat == 0))  # noqa: PLR2004 - degrees
    found = pd.DataFrame(
        {"lon": np.where(good, lon, np.nan), "lat": np.where(good, lat, np.nan)},
        index=stops["stop_id"].astype(str).to_numpy(),
    )
    if "parent_station" in stops:
        parent = stops["parent_station"].astype("string").fillna("").str.strip().to_numpy(str)
        for _ in range(2):  # a boarding area stands at its platform, that at its station
            above = found.reindex(parent).set_axis(found.index)
            found = found.where(found["lon"].notna(), above)
    return found


def _placed(
    stops: pd.DataFrame,
    positions: pd.DataFrame,
    *,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    area: BaseGeometry | None,
    name: str,
    called: Any,  # noqa: ANN401 - array of ids
) -> gpd.GeoDataFrame:
    """Give the places where people board, in the CRS of the city."""
    import geopandas as gpd
    import shapely

    stops = stops[stops["stop_id"].notna()].drop_duplicates("stop_id").sort_values("stop_id")
    if "location_type" in stops:
        kind = stops["location_type"].fillna(0).to_numpy(dtype=int)
        stops = stops[(kind == 0) | stops["stop_id"].astype(str).isin(called).to_numpy()]
    ids = stops["stop_id"].astype(str).to_numpy(dtype=object)
    place = positions.reindex(ids)
    lon, lat = place["lon"].to_numpy(dtype=float), place["lat"].to_numpy(dtype=float)
    good = np.isfinite(lon)
    if not good.any():
        raise SourceError(f"sources.gtfs: no stop of {name} has a usable stop_lat and stop_lon")
    if not good.all():
        tell(
            f"GTFS {name}: {int((~good).sum())} of {len(good)} stops have no usable position",
            stacklevel=3,
        )
    names = stops["stop_name"] if "stop_name" in stops else stops["stop_id"]
    placed = gpd.GeoDataFrame(
        {"stop_id": ids[good], "name": names.fillna("").astype(str).to_numpy(dtype=object)[good]},
        geometry=gpd.points_from_xy(lon[good], lat[good]),
        crs="EPSG:4326",
    )
    if area is not None:
        here = shapely.intersects(area, placed.geometry.to_numpy())
        _tell_exchanged(placed[~here], area, name=name, nowhere=not here.any())
        placed = placed[here]
    return placed.reset_index(drop=True).to_crs(crs)


def _tell_exchanged(
    elsewhere: gpd.GeoDataFrame, area: BaseGeometry, *, name: str, nowhere: bool
) -> None:
    """Tell stops that would lie here with lon and lat exchanged; a feed of a country has many elsewhere."""
    import shapely

    turned = shapely.transform(elsewhere.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    exchanged = int(shapely.intersects(area, turned).sum())
    if exchanged:
        tell(
            f"GTFS {name}: {exchanged} of its stops lie elsewhere and would lie in or near the city with "
            "stop_lat and stop_lon exchanged; they were left out"
        )
    elif nowhere:
        bounds = ", ".join(f"{v:.3f}" for v in elsewhere.total_bounds)
        tell(
            f"GTFS {name}: none of its {len(elsewhere):,} stops lies in or near the city ({bounds})"
        )
