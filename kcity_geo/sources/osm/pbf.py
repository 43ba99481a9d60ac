"""
OpenStreetMap extracts -> layers of a study.

One streaming pass of pyosmium over ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``: filters,
node locations and the assembly of polygons run in C++, Python sees only objects that may belong to
a layer of ``tables/osm.toml``. Features stay whole; those that do not touch the study area are
dropped. User names, user ids and changesets are never read.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import to_metric
from kcity_geo.config import Config
from kcity_geo.errors import LimitError, SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.damage import refused_when_damaged
from kcity_geo.sources.osm.column_reader import ColumnReader
from kcity_geo.sources.osm.frames import UNREADABLE_COLUMNS, empty_layers, layer_frame, turn_frame
from kcity_geo.sources.osm.ordering import read_in_order, text_stream
from kcity_geo.sources.osm.rules import Rules, layer_table, rules
from kcity_geo.sources.osm.streaming import Reader
from kcity_geo.sources.osm.trouble import Trouble, box_text

__all__ = ["OsmExtract", "empty_layers", "layer_table", "read_header", "read_osm"]

SUFFIXES: Final = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
#: How the note on a box that is smaller than its file ends.
BOX_NOT_USED: Final = "the box was not used"
_DAMAGED: Final = "it is cut off, damaged or no OSM file"
_HEAD_BYTES: Final = 64 * 1024
#: Share of the points of a study area that may lie outside the box of a sound file, and its rounding.
_BOX_WRONG: Final = 0.02
_BOX_ROUNDING: Final = 1e-5
#: Share of the ways that may lack all nodes; at the edge of an extract few do.
_MOST_LOST: Final = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class OsmExtract:
    """
    What an OSM extract holds in one study area.

    Parameters
    ----------
    layers : one frame for each row of ``tables/osm.toml``, in its order, sorted by type and id.
    date : date of the data, ISO; the last edit kept when the file does not say; ``""`` unknown.
    header_box : box or boxes written in the file, lon/lat; None when there is none or it is too small.
    unreadable_tags : layer, osm_type, osm_id, key and value, first of `miswritten` objects that are in no layer
        by a value that is written otherwise than OpenStreetMap writes it, then of values that hold no number.
    miswritten : how many of them are of the first kind.
    merged : layer -> nodes merged into a polygon of the same facility.
    warnings : what the reader of a report must know.
    """

    layers: dict[str, gpd.GeoDataFrame]
    date: str
    header_box: BaseGeometry | None
    unreadable_tags: pd.DataFrame
    merged: Mapping[str, int]
    warnings: tuple[str, ...]
    miswritten: int = 0


def read_header(path: str | Path) -> tuple[BaseGeometry | None, str]:
    """
    Read the bounding box and the date of an extract without reading its objects.

    Parameters
    ----------
    path : OSM file.

    Returns
    -------
    Box in lon/lat, several joined, or None when the file has none; ISO date of the data, or ``""``.

    Raises
    ------
    SourceError
        If the file is missing, empty or no OSM file.
    """
    import osmium

    path = Path(path)
    name = _checked(path, Config())
    with refused_when_damaged(name, mend=_DAMAGED):
        boxes = _boxes_of_text(path)
        with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
            header = reader.header()
    box = header.box()
    if not boxes and box.valid() and box.size() > 0:
        low, high = box.bottom_left, box.top_right
        boxes = [shapely.box(low.lon, low.lat, high.lon, high.lat)]
    stamp = header.get("osmosis_replication_timestamp") or header.get("timestamp") or ""
    return shapely.union_all(boxes) if boxes else None, stamp


def _boxes_of_text(path: Path) -> list[shapely.Polygon]:
    """Every box of an XML file; editors write one for each area they have loaded."""
    if path.name.lower().endswith("pbf"):
        return []
    with text_stream(path) as stream:
        head = stream.read(_HEAD_BYTES)
    if b"<osmChange" in head:
        raise SourceError(
            f"OSM file {path}: is a change file (osmChange), which holds edits and no map, whatever its name says; "
            "give the extract that it changes (osmium apply-changes)"
        )
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        raise SourceError(
            f"OSM file {path}: is JSON, whatever its name says; ask Overpass for XML: '[out:xml];'"
        )
    boxes = []
    for tag in re.findall(rb"<bounds\s[^>]*>", head):
        said = dict(re.findall(rb"(m(?:in|ax)l(?:at|on))\s*=\s*[\"']([-+.\deE]+)[\"']", tag))
        numbers = [float(said.get(k, b"nan")) for k in (b"minlon", b"minlat", b"maxlon", b"maxlat")]
        west, south, east, north = numbers
        if west < east and south < north:
            boxes.append(shapely.box(west, south, east, north))
    return boxes


def read_osm(
    path: str | Path,
    *,
    area: BaseGeometry,
    crs: CRS,
    config: Config | None = None,
    progress: Callable[[int], None] | None = None,
    tags: Rules | None = None,
) -> OsmExtract:
    """
    Read all layers of an extract that touch an area.

    Parameters
    ----------
    path : ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``.
    area : study area, lon/lat. Objects that do not intersect it are left out; others stay whole.
    crs : metric CRS of the city.
    config : limits.
    progress : called now and then with the number of objects looked at.
    tags : which tags belong to which layer; those of ``tables/osm.toml`` when None.

    Returns
    -------
    The layers and what went wrong on the way.

    Raises
    ------
    SourceError
        If the file is missing, empty, cut off, no OSM file, or does not overlap `area`.
    LimitError
        If it is larger than `Config.max_file_bytes`.
    """
    with _uncollected():
        return _read_layers(Path(path), area, crs, config or Config(), progress, tags or rules())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the search for circular garbage rest: hundreds of thousands of tags come in, and no circle."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read_layers(
    path: Path,
    area: BaseGeometry,
    crs: CRS,
    config: Config,
    progress: Callable[[int], None] | None,
    tags: Rules,
) -> OsmExtract:
    name = _checked(path, config)
    box, date = read_header(path)

    def read(file: str) -> tuple[Reader, Trouble]:
        trouble = Trouble()
        reader = ColumnReader(area, trouble, progress, rules=tags)
        reader.read(file)
        return reader, trouble

    with refused_when_damaged(name, mend=_DAMAGED):
        reader, trouble = read_in_order(path, read)
    _require_nodes(name, trouble)
    told = _box_told(path.name, box, area, reader)
    if not len(reader.kept):
        _require_overlap(name, box, area)
    if not len(reader.kept) and box is None:
        raise SourceError(
            f"{name}: holds nothing that a study reads inside the study area {box_text(area)}"
            f"{reader.seen_text()}; give an extract of this area"
        )
    objects = reader.kept
    geometry = np.empty(len(objects), dtype=object)
    geometry[:] = objects.geometry
    objects.geometry = list(to_metric(geometry, crs)) if len(objects) else []
    unreadable = list(trouble.miswritten)
    layers, merged = {}, {}
    for layer, members in objects.by_layer().items():
        row = layer_table()[layer]
        layers[layer], merged[layer] = layer_frame(
            row, members, objects, crs=crs, unreadable=unreadable
        )
    layers["turn_restriction"] = turn_frame(
        reader.turns, layers["roads_drive"], layers["turn_restriction"]
    )
    if not date and objects.stamp and max(objects.stamp) > 0:
        date = datetime.fromtimestamp(max(objects.stamp), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return OsmExtract(
        layers=layers,
        date=date,
        header_box=None if told else box,
        unreadable_tags=pd.DataFrame(unreadable, columns=list(UNREADABLE_COLUMNS)),
        merged=merged,
        warnings=(*told, *_told(path.name, trouble, len(objects))),
        miswritten=len(trouble.miswritten),
    )


def _checked(path: Path, config: Config) -> str:
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise SourceError(f"OSM file {path}: {kind}; give an extract ({', '.join(SUFFIXES)})")
    if not path.name.lower().endswith(SUFFIXES):
        raise SourceError(f"OSM file {path}: its name must end with one of {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size == 0:
        raise SourceError(f"OSM file {path}: is empty; download it again")
    if size > config.max_file_bytes:
        raise LimitError(
            f"OSM file {path}: {size:,} bytes, the limit is {config.max_file_bytes:,}; cut the "
            "extract to the city or raise max_file_bytes"
        )
    return f"OSM file {path}"


def _box_told(
    name: str, box: BaseGeometry | None, area: BaseGeometry, reader: Reader
) -> tuple[str, ...]:
    """Say when the box that a file states is smaller than what it holds; then it counts for nothing."""
    points = [
        g
        for g, shape in zip(reader.kept.geometry, reader.kept.shape, strict=True)
        if shape == "point"
    ]
    if box is None:
        return ()
    if not box.intersects(area) and len(reader.kept):
        outside, many = len(reader.kept), len(reader.kept)
    else:
        outside, many = (
            int((~shapely.intersects(box.buffer(_BOX_ROUNDING), points)).sum()),
            len(points),
        )
    if outside <= _BOX_WRONG * many:
        return ()
    text = (
        f"{name}: states the box {box_text(box)}, but {outside:,} of {many:,} objects in the study area lie "
        f"outside it; {BOX_NOT_USED}"
    )
    return (text,)


def _require_nodes(name: str, trouble: Trouble) -> None:
    """Refuse a file that left the nodes of its ways out: what it lacks is not unmapped."""
    if trouble.lost_ways > _MOST_LOST * trouble.ways:
        raise SourceError(
            f"{name}: lacks the nodes of {trouble.lost_ways:,} of its {trouble.ways:,} ways, so they have no place; "
            "write it with all nodes (Overpass: '(._;>;); out meta;', osmium tags-filter without -R, "
            "osmium add-locations-to-ways with -n)"
        )


def _require_overlap(name: str, box: BaseGeometry | None, area: BaseGeometry) -> None:
    if box is not None and not box.intersects(area):
        raise SourceError(
            f"{name}: covers {box_text(box)} and does not overlap the study area "
            f"{box_text(area)}; give an extract of this area"
        )


def _told(name: str, trouble: Trouble, objects: int) -> tuple[str, ...]:
    told = []
    if trouble.repaired or trouble.dropped:
        text = (
            f"{name}: {trouble.repaired} broken polygons were repaired, {trouble.dropped} dropped"
        )
        tell(text, stacklevel=3)
        told.append(text)
    if trouble.undecodable:
        text = f"{name}: {trouble.undecodable} objects have tags that are no UTF-8; left out"
        tell(text, stacklevel=3)
        told.append(text)
    if trouble.nowhere:
        text = f"{name}: {trouble.nowhere} nodes have no place on Earth; left out"
        tell(text, stacklevel=3)
        told.append(text)
    if trouble.cut_ways or trouble.lost_ways:
        told.append(
            f"{name}: nodes are missing at the edge of the extract; {trouble.cut_ways} ways are "
            f"shorter than in OSM, {trouble.lost_ways} are left out"
        )
    if trouble.miswritten:
        examples = dict.fromkeys(f"{key}={value}" for *_, key, value in trouble.miswritten)
        told.append(
            f"{name}: {len(trouble.miswritten):,} objects are left out of a layer, for OpenStreetMap writes their "
            f"values in small letters and puts a semicolon between several ({', '.join(list(examples)[:3])}); "
            "the list is in unreadable_tags.csv"
        )
    if trouble.lost_relations:
        told.append(
            f"{name}: {trouble.lost_relations} multipolygons are broken or reach beyond the "
            "extract, and are left out"
        )
    if not objects:
        told.append(f"{name}: no object of any layer lies in the study area")
    return tuple(told)
