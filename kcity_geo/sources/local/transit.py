"""
Timetables: stops with the service they have, from a GTFS feed.

Opens zip or folder through gtfs-kit after checking what is in it; members with a path of their own
are ignored, never unpacked elsewhere. Says nothing of who can walk to a stop;
`kcity_geo.analysis.transport.assess` does.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.timetable import stop_service

__all__ = ["read_gtfs"]

NEEDED = {
    "stops": ("stop_id", "stop_lat", "stop_lon"),
    "routes": ("route_id", "route_type"),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_id", "stop_sequence", "departure_time"),
}
CALENDARS = ("calendar", "calendar_dates")
TABLES = (*NEEDED, *CALENDARS, "frequencies", "agency", "feed_info")


def read_gtfs(
    path: str | Path,
    *,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    area: BaseGeometry | None = None,
    peak: tuple[float, float] = (7 * 60.0, 9 * 60.0),
) -> gpd.GeoDataFrame:
    """
    Read the stops of a timetable with their service on the busiest weekday.

    Parameters
    ----------
    path : GTFS zip or folder.
    crs : metric CRS of the city.
    area : lon/lat; stops elsewhere are left out. None: all.
    peak : start and end of the morning peak, minutes after midnight.

    Returns
    -------
    A row a stop, ordered by ``stop_id``: ``stop_id, name, modes`` (text), ``high_capacity`` and
    ``rapid`` (where nothing runs on that day: of any day), ``departures_day``, ``departures_peak``
    (of the busier direction, all platforms of a station together), ``headway_peak_min`` (inf: none
    at peak), ``first_departure_min`` and ``last_departure_min`` (minutes after midnight, beyond
    1440 after the next; NaN: no service), ``service_span_h`` (hours between the two), ``days`` (of
    a week with service), ``geometry``. Stops without service are rows with 0 departures.

    Raises
    ------
    SourceError
        If the feed is missing, is no feed, or lacks a table or column.
    LimitError
        If a table is larger than the stated limit.

    Warns
    -----
    KCityWarning
        If stops have no usable position, or nothing runs on any day.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"sources.gtfs: {path.name} does not exist; give a GTFS zip or folder")
    if not 0 <= peak[0] < peak[1]:
        raise SourceError(f"sources.gtfs: peak {peak} must be two rising minutes of the day")
    with tempfile.TemporaryDirectory() as folder:
        _collect(path, Path(folder))
        feed = _opened(Path(folder), path.name)
    _check(feed, path.name)
    stops = _placed(feed.stops, crs=crs, area=area, name=path.name)
    try:
        service = stop_service(feed, stops["stop_id"].to_numpy(dtype=object), peak=peak)
    except (ValueError, TypeError, KeyError) as error:
        raise SourceError(
            f"sources.gtfs: {path.name} cannot be understood ({error}); check the feed with a "
            "GTFS validator"
        ) from error
    if len(service) and not (service["departures_day"] > 0).any():
        tell(
            f"GTFS {path.name}: no stop of the area has a departure on any day; check calendar.txt and "
            "calendar_dates.txt (an outdated feed?). Headways are not known: stops count as present"
        )
    columns = ["stop_id", "name", *service.columns, "geometry"]
    return stops.join(service, on="stop_id")[columns].reset_index(drop=True)


def _collect(path: Path, folder: Path) -> None:
    """Put the known tables of a feed, and nothing else, into a folder of our own."""
    limit = read_table("gtfs")["member_max_bytes"]
    wanted = {f"{table}.txt" for table in TABLES}
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.is_file() and file.name.lower() in wanted:
                _limited(file.stat().st_size, limit, file.name)
                shutil.copyfile(file, folder / file.name.lower())
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member, name in _members(archive, wanted):
                _limited(member.file_size, limit, member.filename)
                with archive.open(member) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(
            f"sources.gtfs: {path.name} is not a readable zip file ({error}); download it again"
        ) from error


def _limited(size: int, limit: int, name: str) -> None:
    if size > limit:
        raise LimitError(f"sources.gtfs: {name} has {size:,} bytes, the limit is {limit:,}")


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


def _opened(folder: Path, name: str) -> Any:  # noqa: ANN401 - gtfs_kit.Feed, an optional library
    import gtfs_kit

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas on odd columns; what matters is checked next
            return gtfs_kit.read_feed(folder, dist_units="km")
    except (ValueError, TypeError, KeyError, OSError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SourceError(
            f"sources.gtfs: {name} cannot be read ({reason}); check the feed with a GTFS validator"
        ) from error


def _check(feed: Any, name: str) -> None:  # noqa: ANN401 - gtfs_kit.Feed
    for table, columns in NEEDED.items():
        frame = getattr(feed, table)
        if frame is None:
            raise SourceError(f"sources.gtfs: {name} has no {table}.txt, or it is empty")
        missing = [column for column in columns if column not in frame]
        if missing:
            raise SourceError(f"sources.gtfs: {table}.txt of {name} has no column {missing[0]}")
    if all(getattr(feed, table) is None for table in CALENDARS):
        raise SourceError(f"sources.gtfs: {name} has neither calendar.txt nor calendar_dates.txt")


def _placed(
    stops: pd.DataFrame,
    *,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    area: BaseGeometry | None,
    name: str,
) -> gpd.GeoDataFrame:
    """Give the boarding places with a position, in the CRS of the city."""
    import geopandas as gpd
    import shapely

    if "location_type" in stops:
        kind = stops["location_type"].fillna(0).to_numpy(dtype=int)
        stops = stops[kind == 0]
    stops = stops[stops["stop_id"].notna()].drop_duplicates("stop_id").sort_values("stop_id")
    lon = stops["stop_lon"].to_numpy(dtype=float, na_value=np.nan)
    lat = stops["stop_lat"].to_numpy(dtype=float, na_value=np.nan)
    with np.errstate(invalid="ignore"):
        good = (np.abs(lon) <= 180) & (np.abs(lat) <= 90) & ~((lon == 0) & (lat == 0))  # noqa: PLR2004 - degrees
    if not good.any():
        raise SourceError(f"sources.gtfs: no stop of {name} has a usable stop_lat and stop_lon")
    if not good.all():
        tell(
            f"GTFS {name}: {int((~good).sum())} of {len(good)} stops have no usable position",
            stacklevel=3,
        )
    names = stops["stop_name"] if "stop_name" in stops else stops["stop_id"]
    placed = gpd.GeoDataFrame(
        {
            "stop_id": stops["stop_id"].astype(str).to_numpy(dtype=object)[good],
            "name": names.fillna("").astype(str).to_numpy(dtype=object)[good],
        },
        geometry=gpd.points_from_xy(lon[good], lat[good]),
        crs="EPSG:4326",
    )
    if area is not None:
        placed = placed[shapely.intersects(area, placed.geometry.to_numpy())]
    return placed.reset_index(drop=True).to_crs(crs)
