"""
Plain readings that may end the process, so that the harness calls them in one of its own.

Each takes a path and gives what the bytes hold, by GDAL, pyarrow or the standard library, without anything
of kcity_geo; the values of our readers must be among them.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pathlib import Path


def _rows(names: Any, shapes: Any) -> list[list[str]]:
    return [
        [str(name), *(f"{v:.6f}" for v in shape.bounds)]
        for name, shape in zip(names, shapes, strict=True)
        if shape is not None
    ]


def flatgeobuf(path: Path) -> list[list[str]]:
    """Name and bounds of each feature, by GDAL."""
    import pyogrio
    import shapely

    _, _, shapes, columns = pyogrio.raw.read(path, columns=["name"])
    return _rows(columns[0], shapely.from_wkb(shapes))


def parquet(path: Path) -> list[list[str]]:
    """Name and bounds of each row, by pyarrow."""
    import pyarrow.parquet as pq
    import shapely

    table = pq.read_table(path)
    return _rows(table["name"].to_pylist(), shapely.from_wkb(table["geometry"].to_pylist()))


def osm_points(path: Path) -> list[list[Any]]:
    """Id, name and whole metres of each point, by the OSM driver of GDAL, which parses on its own."""
    import pyogrio

    frame = pyogrio.read_dataframe(path, layer="points").to_crs(32632)
    x, y = frame.geometry.x.round(), frame.geometry.y.round()
    names = frame["name"].fillna("")
    return [list(row) for row in zip(frame["osm_id"].astype(int), names, x, y, strict=True)]


def sheet(path: Path) -> list[str]:
    """Every cell of the sheets, as text, and numbers as they are written."""
    found: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/") or not name.endswith(".xml"):
                continue
            try:
                root = ET.fromstring(archive.read(name))  # noqa: S314 - a file of the tests
            except ET.ParseError:
                continue
            found |= {item.text for item in root.iter() if item.text}
    return sorted(found)
