"""Names on the map: districts, places and main roads, with the local script beside Latin letters."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from kcity_geo.coordinates import label_point
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result

__all__ = ["beside", "names_payload"]

#: Zoom levels beyond the view of the whole city from which on a place is named.
_PLACES = {
    "city": -1, "town": -1, "borough": 0, "suburb": 0, "village": 0, "quarter": 1,
    "neighbourhood": 2, "hamlet": 2,
}  # fmt: skip
_ROADS = {"motorway": 1, "trunk": 1, "primary": 1, "secondary": 2, "tertiary": 3}
_MOST_ROADS = 400
_MOST_PLACES = 2000
_PIECE_M = 600.0
_EVERY_M = 1800.0
_STRAIGHT = 0.985
_HIDDEN = 99
#: From here on two names of letters in the same order are two spellings of one.
_ALIKE = 0.9


def names_payload(result: Result, *, language: str = "en") -> dict[str, list[list[Any]]]:
    """
    Collect the names that the map writes.

    Parameters
    ----------
    result : a finished study.
    language : of the reader; a name in it stands beside one in another script.

    Returns
    -------
    ``districts`` and ``places``: latitude, longitude, name, second name (or empty), and the width
    of the district in metres, or the zoom levels beyond the whole city from which on the place is
    named. ``roads``: both ends of a straight piece, name, zoom levels. All plain text.
    """
    places = list(_places(result, language))
    second = {row[2]: row[3] for row in places}
    districts = list(_districts(result, second))
    told = {row[2] for row in districts}
    outlines = _outlines(result) if districts else []
    for row in places:
        if row[2] in told or _told_nearly(row, outlines):
            row[4] = _HIDDEN  # the district says it
    return {"districts": districts, "places": places, "roads": list(_roads(result))}


def _outlines(result: Result) -> list[tuple[str, BaseGeometry]]:
    frame = result.data.city.districts.to_crs(4326)  # as places stand
    names = [plain_text(name, max_chars=60) for name in frame["name"]]
    return list(zip(names, frame.geometry, strict=True))


def _told_nearly(place: list[Any], outlines: list[tuple[str, BaseGeometry]]) -> bool:
    """Whether a place lies in a district of nearly the same name: another spelling, not another number."""
    said = _bare(place[2])
    for name, shape in outlines:
        other = _bare(name)
        alike = SequenceMatcher(None, said, other, autojunk=False)
        same_digits = [c for c in said if c.isdigit()] == [c for c in other if c.isdigit()]
        if same_digits and alike.quick_ratio() >= _ALIKE and alike.ratio() >= _ALIKE:
            return bool(shape.intersects(shapely.Point(place[1], place[0])))
    return False


def _bare(name: str) -> str:
    """Letters and digits of a name, small and without accents."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in apart if c.isalnum())


def beside(name: str, tags: str, *, language: str = "en") -> str:
    """
    Give the second name of a place: one that a reader of another script can read.

    Parameters
    ----------
    name : as on the ground.
    tags : raw tags as JSON.
    language : of the reader.

    Returns
    -------
    Name in the language of the reader, else in Latin letters; empty when `name` is enough.

    Examples
    --------
    >>> beside("한빛", '{"name:en": "Hanbit"}'), beside("Hanbit", '{"name:en": "Hanbit"}')
    ('Hanbit', '')
    """
    try:
        known = json.loads(tags) if tags else {}
    except ValueError:
        return ""
    if not isinstance(known, dict):
        return ""
    wanted = ["name:ko"] if language == "ko" else []
    wanted += [] if _latin(name) else ["name:en", "int_name", "name:latin"]
    texts = (plain_text(known.get(key), max_chars=60) for key in wanted)
    return next((text for text in texts if text and text != name), "")


def _latin(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return not letters or all("LATIN" in unicodedata.name(c, "") for c in letters)


def _districts(result: Result, second: dict[str, str]) -> Iterator[list[Any]]:
    frame = result.data.city.districts
    if len(frame) < 2:  # noqa: PLR2004 - one is the city
        return
    metric = frame.to_crs(result.data.city.crs)
    points = metric.geometry.apply(label_point).to_crs(4326)
    widths = np.sqrt(shapely.area(metric.geometry.to_numpy()))
    for name, point, width in zip(frame["name"], points, widths, strict=True):
        text = plain_text(name, max_chars=60)
        if text:
            yield [
                round(point.y, 5),
                round(point.x, 5),
                text,
                second.get(text, ""),
                round(float(width)),
            ]


def _places(result: Result, language: str) -> Iterator[list[Any]]:
    frame: gpd.GeoDataFrame | None = result.data.layers.get("place")
    if frame is None or not len(frame) or not {"place", "name"} <= set(frame.columns):
        return
    points = frame.geometry.representative_point().to_crs(4326)
    inside = shapely.intersects(result.data.city.boundary, points.to_numpy())
    tags = frame["tags"] if "tags" in frame else [""] * len(frame)
    rows = zip(frame["place"], frame["name"], tags, points, inside, strict=True)
    found = []
    for kind, name, tag, point, within in rows:
        text = plain_text(name, max_chars=60)
        if within and text and kind in _PLACES:
            more = beside(text, str(tag), language=language)
            found.append([round(point.y, 5), round(point.x, 5), text, more, _PLACES[kind]])
    yield from sorted(found, key=lambda row: (row[4], row[2], row[0]))[:_MOST_PLACES]


def _roads(result: Result) -> Iterator[list[Any]]:
    frame: gpd.GeoDataFrame | None = result.data.layers.get("roads_drive")
    if frame is None or not len(frame) or not {"highway", "name"} <= set(frame.columns):
        return
    back = Transformer.from_crs(result.data.city.crs, 4326, always_xy=True)
    zooms = frame["highway"].map(_ROADS).where(frame["name"].notna()).to_numpy(dtype=np.float64)
    found: list[tuple[int, float, str, tuple[float, ...]]] = []
    for zoom in sorted(set(_ROADS.values())):
        if len(found) < _MOST_ROADS:  # those that are named later stand behind all others
            found += [(zoom, *one) for one in _named_pieces(frame[zooms == zoom])]
    for zoom, _, text, (x1, y1, x2, y2) in sorted(found)[:_MOST_ROADS]:
        lon, lat = back.transform([x1, x2], [y1, y2])
        yield [round(lat[0], 5), round(lon[0], 5), round(lat[1], 5), round(lon[1], 5), text, zoom]


def _named_pieces(roads: gpd.GeoDataFrame) -> Iterator[tuple[float, str, tuple[float, ...]]]:
    """Straight pieces of roads with a name: minus their length, name, both ends."""
    shapes = roads.geometry.to_numpy()
    texts: list[str] = []
    merged: list[BaseGeometry] = []
    for (_, name), rows in roads.groupby(["highway", "name"], sort=True).indices.items():
        if text := plain_text(name, max_chars=60):
            texts.append(text)
            merged.append(shapely.line_merge(shapely.multilinestrings(_lines(shapes[rows]))))
    yield from ((-length, texts[at], ends) for at, length, ends in _pieces(merged))


def _lines(shapes: Any) -> Any:  # noqa: ANN401 - arrays of lines
    parts = shapely.get_parts(shapes)
    return parts[shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING]


def _pieces(roads: list[BaseGeometry]) -> Iterator[tuple[int, float, tuple[float, ...]]]:
    """Straight pieces of roads, one in each stretch of some kilometres, the straightest; first the road."""
    lines, of_road = shapely.get_parts(roads, return_index=True)
    rows = []
    for number, length in enumerate(shapely.length(lines).tolist()):
        for start in np.arange(0.0, max(length, 1.0), _EVERY_M).tolist():
            end = min(length, start + _EVERY_M)
            piece = min(_PIECE_M, end - start)
            if piece >= _PIECE_M / 5:
                rows.append((number, piece, *np.linspace(start, end - piece, 7)))
    if not rows:
        return
    table = np.array(rows)
    line, piece, at = table[:, 0].astype(int), table[:, 1:2], table[:, 2:]
    a, b = (shapely.line_interpolate_point(lines[line][:, None], v) for v in (at, at + piece))
    straight = shapely.distance(a, b) / piece
    best = np.argsort(-straight, axis=1, kind="stable")[:, 0]
    every = np.arange(len(best))
    ends = np.column_stack([shapely.get_coordinates(p[every, best]) for p in (a, b)])
    for row in np.flatnonzero(straight[every, best] >= _STRAIGHT).tolist():
        yield int(of_road[line[row]]), float(piece[row, 0]), tuple(ends[row].tolist())
