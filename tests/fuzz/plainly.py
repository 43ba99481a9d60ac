"""
The same files read by other means: what may a reader say of a damaged file that it still reads?

Each function takes a path and gives the rows or values that the bytes of the file hold, by the standard
library or by GDAL's plain reading, without anything of kcity_geo.
"""

from __future__ import annotations

import json
import sqlite3
import tomllib
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import shapely

if TYPE_CHECKING:
    from pathlib import Path

_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


def _row(name: object, shape: Any) -> tuple[str, ...]:
    return (str(name), *(f"{v:.6f}" for v in shape.bounds))


def geojson(path: Path) -> set[tuple[str, ...]]:
    """Name and bounds of each feature."""
    items = json.loads(path.read_bytes())["features"]
    return {
        _row(i["properties"].get("name"), shapely.from_geojson(json.dumps(i["geometry"])))
        for i in items
    }


def geopackage(path: Path) -> set[tuple[str, ...]]:
    """Name and bounds of each row of the table ``d``."""
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as base:
        base.text_factory = lambda raw: raw.decode(errors="replace")
        rows = base.execute("select name, geom from d").fetchall()
    return {
        _row(name, shapely.from_wkb(blob[8 + _ENVELOPE_BYTES[blob[3] >> 1 & 7] :]))
        for name, blob in rows
    }


def kml(path: Path) -> set[tuple[str, ...]]:
    """Name and bounds of each placemark."""
    found = set()
    for mark in ET.parse(path).getroot().iter():  # noqa: S314 - a file of the tests
        if mark.tag.rpartition("}")[2] != "Placemark":
            continue
        part = {item.tag.rpartition("}")[2]: item for item in mark.iter()}
        corners = [
            tuple(map(float, c.split(",")[:2])) for c in (part["coordinates"].text or "").split()
        ]
        found.add(_row(part["name"].text, shapely.LineString(corners)))
    return found


def osm_points(path: Path) -> dict[int, list[tuple[str, float, float]]]:
    """Id of each node of an XML file with its name, longitude and latitude; more where it is doubled."""
    found: dict[int, list[tuple[str, float, float]]] = {}
    for node in ET.parse(path).getroot().iter("node"):  # noqa: S314 - a file of the tests
        name = next((t.get("v", "") for t in node.iter("tag") if t.get("k") == "name"), "")
        if not {"lon", "lat"} <= node.attrib.keys():
            continue
        place = (float(node.attrib["lon"]), float(node.attrib["lat"]))
        found.setdefault(int(node.attrib["id"]), []).append((name, *place))
    return found


def toml(path: Path) -> dict[str, Any]:
    """Every value of the file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))
