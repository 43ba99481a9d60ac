"""
Feeds: the GTFS timetable of a city, found through the Mobility Database.

The catalogue is one CSV without a key. Each feed has a licence of its own, which is often only a
link; words that are not recognised count as unknown.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import SourceError
from kcity_geo.licensing import recognise_licence

__all__ = ["Feed", "find_feeds"]

_COLUMNS = {
    "id",
    "data_type",
    "provider",
    "urls.direct_download",
    "urls.latest",
    "urls.license",
    "urls.authentication_type",
    "status",
}
_BOX = [
    f"location.bounding_box.{edge}"
    for edge in ("minimum_longitude", "minimum_latitude", "maximum_longitude", "maximum_latitude")
]
_MIN_SHARE = 0.25


@dataclass(frozen=True)
class Feed:
    """One feed: who runs it, where it is, under which words, and how much of the area it covers."""

    id: str
    provider: str
    urls: tuple[str, ...]
    licence: str
    licence_text: str
    share: float
    size_deg2: float


def find_feeds(catalogue_csv: Path, area: BaseGeometry) -> list[Feed]:
    """
    List the feeds that serve an area, best first.

    Parameters
    ----------
    catalogue_csv : ``feeds_v2.csv`` of the Mobility Database.
    area : study area, lon/lat.

    Returns
    -------
    Active feeds that need no key and whose box covers at least a quarter of the area's box: the
    larger share of the area first, then the smaller feed (a city's own before a country's).

    Raises
    ------
    SourceError
        If the file is not that catalogue.
    """
    window = shapely.box(*area.bounds)
    found = []
    with catalogue_csv.open(encoding="utf-8-sig", newline="", errors="replace") as stream:
        reader = csv.DictReader(stream)
        missing = {*_COLUMNS, *_BOX} - set(reader.fieldnames or [])
        if missing:
            raise SourceError(
                f"{catalogue_csv.name}: is not the catalogue of the Mobility Database; columns "
                f"{', '.join(sorted(missing))} are missing"
            )
        for row in reader:
            feed = _feed(row, window)
            if feed is not None:
                found.append(feed)
    return sorted(found, key=lambda f: (-round(f.share, 2), f.size_deg2, f.id))


def _feed(row: dict[str, str], window: shapely.Polygon) -> Feed | None:
    usable = (
        row["data_type"] == "gtfs"
        and row["status"] in {"active", ""}
        and row["urls.authentication_type"] in {"", "0", "0.0"}
        and not row.get("redirect.id")
    )
    if not usable:
        return None
    try:
        west, south, east, north = (float(row[c]) for c in _BOX)
    except ValueError:
        return None
    if not all(map(math.isfinite, (west, south, east, north))) or west >= east or south >= north:
        return None
    box = shapely.box(west, south, east, north)
    share = box.intersection(window).area / window.area
    urls = tuple(
        u for u in (row["urls.latest"], row["urls.direct_download"]) if u.startswith("http")
    )
    if share < _MIN_SHARE or not urls:
        return None
    words = row["urls.license"]
    return Feed(
        id=row["id"],
        provider=row["provider"],
        urls=urls,
        licence=recognise_licence(words),
        licence_text=words,
        share=share,
        size_deg2=box.area,
    )
