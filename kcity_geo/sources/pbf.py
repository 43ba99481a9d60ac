"""
OpenStreetMap extracts -> layers of a study.

One streaming pass of pyosmium over ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``: filters,
node locations and the assembly of polygons run in C++, Python sees only objects that may belong to
a layer of ``tables/osm.toml``. Features stay whole; those that do not touch the study area are
dropped. User names, user ids and changesets are never read.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import shapely

from kcity_geo.city import to_metric
from kcity_geo.config import Config
from kcity_geo.errors import KCityWarning, LimitError, SourceError
from kcity_geo.sources.osmframes import (
    UNREADABLE_COLUMNS,
    Objects,
    empty_layers,
    layer_frame,
    repaired,
)
from kcity_geo.sources.osmrules import layer_table, rules
from kcity_geo.sources.tags import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS
    from shapely.geometry.base import BaseGeometry

    from kcity_geo.sources.osmrules import Match

__all__ = ["OsmExtract", "empty_layers", "layer_table", "read_header", "read_osm", "read_relation"]

SUFFIXES: Final = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
_BATCH: Final = 100_000
_NODE, _WAY, _RELATION = 0, 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class OsmExtract:
    """
    What an OSM extract holds in one study area.

    Parameters
    ----------
    layers : one frame for each row of ``tables/osm.toml``, in its order, sorted by type and id.
    date : date of the data, ISO; the last edit kept when the file does not say; ``""`` unknown.
    header_box : bounding box written in the file, lon/lat, or None.
    unreadable_tags : values that hold no number: layer, osm_type, osm_id, key, value.
    merged : layer -> nodes merged into a polygon of the same facility.
    warnings : what the reader of a report must know.
    """

    layers: dict[str, gpd.GeoDataFrame]
    date: str
    header_box: shapely.Polygon | None
    unreadable_tags: pd.DataFrame
    merged: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclass(kw_only=True)
class _Trouble:
    """What could not be read as it was meant."""

    cut_ways: int = 0
    lost_ways: int = 0
    lost_relations: int = 0
    repaired: int = 0
    dropped: int = 0
    undecodable: int = 0


def read_header(path: str | Path) -> tuple[shapely.Polygon | None, str]:
    """
    Read the bounding box and the date of an extract without reading its objects.

    Parameters
    ----------
    path : OSM file.

    Returns
    -------
    Box in lon/lat, or None when the file has none; ISO date of the data, or ``""``.

    Raises
    ------
    SourceError
        If the file is missing, empty or no OSM file.
    """
    import osmium

    name = _checked(Path(path), Config())
    try:
        with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
            header = reader.header()
    except (RuntimeError, OSError, ValueError) as error:
        raise _broken(name, error) from error
    box = header.box()
    polygon = None
    if box.valid() and box.size() > 0:
        low, high = box.bottom_left, box.top_right
        polygon = shapely.box(low.lon, low.lat, high.lon, high.lat)
    stamp = header.get("osmosis_replication_timestamp") or header.get("timestamp") or ""
    return polygon, stamp


def read_relation(path: str | Path, relation_id: int) -> BaseGeometry:
    """
    Read the area of one boundary or multipolygon relation, as outline of a city.

    Parameters
    ----------
    path : OSM file that holds the relation with all its ways.
    relation_id : id of the relation.

    Returns
    -------
    Polygon or multipolygon, lon/lat.

    Raises
    ------
    SourceError
        If the relation is not in the file, is no area, or is cut by the edge of the extract.
    """
    import osmium

    path = Path(path)
    name = _checked(path, Config())
    wanted = osmium.filter.IdFilter([relation_id])
    wanted.enable_for(osmium.osm.RELATION)
    areas = osmium.filter.EntityFilter(osmium.osm.AREA)
    try:
        for item in osmium.FileProcessor(str(path)).with_areas(wanted).with_filter(areas):
            if not item.from_way() and item.orig_id() == relation_id:
                wkb = osmium.geom.WKBFactory().create_multipolygon(item)
                outline: BaseGeometry = shapely.from_wkb(bytes.fromhex(wkb))
                return outline
    except (RuntimeError, OSError, ValueError) as error:
        raise _broken(name, error) from error
    raise SourceError(
        f"{name}: relation {relation_id} is not in it as a whole area; check the id, or give an "
        "extract that holds all of its ways"
    )


def read_osm(
    path: str | Path,
    *,
    area: BaseGeometry,
    crs: CRS,
    config: Config | None = None,
    progress: Callable[[int], None] | None = None,
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
    name = _checked(Path(path), config or Config())
    box, date = read_header(path)
    _require_overlap(name, box, area)
    trouble = _Trouble()
    reader = _Reader(area, trouble, progress)
    try:
        reader.read(str(path))
    except (RuntimeError, OSError, ValueError) as error:
        raise _broken(name, error) from error
    if not len(reader.kept) and box is None:
        raise SourceError(
            f"{name}: holds nothing that a study reads inside the study area {_box_text(area)}"
            f"{reader.seen_text()}; give an extract of this area"
        )
    objects = reader.kept
    geometry = np.empty(len(objects), dtype=object)
    geometry[:] = objects.geometry
    objects.geometry = list(to_metric(geometry, crs)) if len(objects) else []
    unreadable: list[tuple[str, str, int, str, str]] = []
    layers, merged = {}, {}
    for layer, members in objects.by_layer().items():
        row = layer_table()[layer]
        layers[layer], merged[layer] = layer_frame(
            row, members, objects, crs=crs, unreadable=unreadable
        )
    if not date and objects.stamp and max(objects.stamp) > 0:
        date = datetime.fromtimestamp(max(objects.stamp), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return OsmExtract(
        layers=layers,
        date=date,
        header_box=box,
        unreadable_tags=pd.DataFrame(unreadable, columns=list(UNREADABLE_COLUMNS)),
        merged=merged,
        warnings=_told(name, trouble, len(objects)),
    )


class _Reader:
    """One pass over a file."""

    def __init__(
        self, area: BaseGeometry, trouble: _Trouble, progress: Callable[[int], None] | None
    ) -> None:
        import osmium

        self.kept = Objects()
        self._batch = Objects()
        self._area = area
        self._bounds = area.bounds
        shapely.prepare(area)
        self._trouble = trouble
        self._progress = progress
        self._rules = rules()
        self._wkb = osmium.geom.WKBFactory()
        self._all_nodes = osmium.geom.ALL
        # closed ways that await their polygon: id -> tags, match, last edit, ring, cut
        self._rings: dict[int, tuple[dict[str, str], Match, int, str, bool]] = {}
        self._relations: set[int] = set()
        self._assembled: set[int] = set()
        self._outer_of: dict[int, list[int]] = {}  # way -> multipolygons that it bounds
        self._seen = (np.inf, np.inf, -np.inf, -np.inf)

    def read(self, path: str) -> None:
        import osmium

        keys = osmium.filter.KeyFilter(*self._rules.filter_keys)
        source = (
            osmium.FileProcessor(path)
            .with_areas(osmium.filter.KeyFilter(*self._rules.filter_keys))
            .with_filter(keys)
        )
        for number, item in enumerate(source):
            kind = item.type_str()
            if kind == "w":
                self._way(item)
            elif kind == "n":
                self._node(item)
            elif kind == "a":
                self._polygon(item)
            else:
                self._relation(item)
            if len(self._batch) >= _BATCH:
                self._flush()
            if self._progress is not None and number % 50_000 == 0:
                self._progress(number)
        self._trouble.lost_relations = len(self._relations - self._assembled)
        self._leftover_rings()
        self._flush()
        self.kept.drop_doubles(self._outer_of)

    def seen_text(self) -> str:
        """Say where the objects of the file are."""
        if self._seen[0] > self._seen[2]:
            return ""
        return f" (its objects lie in {_box_text(shapely.box(*self._seen))})"

    def _tags(self, item: Any) -> dict[str, str]:  # noqa: ANN401 - osmium object
        drop = self._rules.drop_keys
        try:
            # islice: the end of the tag list is a C++ exception, dearer than all its tags
            found = item.tags
            return {k: clean_text(v) for k, v in islice(found, len(found)) if k not in drop}
        except UnicodeDecodeError:
            self._trouble.undecodable += 1
            return {}

    def _node(self, node: Any) -> None:  # noqa: ANN401 - osmium object
        location = node.location
        if not location.valid():
            return
        lon, lat = location.lon, location.lat
        west, south, east, north = self._bounds
        if not (west <= lon <= east and south <= lat <= north):
            return
        tags = self._tags(node)
        match = self._rules.match(tags)
        if match.point:
            self._batch.add(
                _NODE,
                node.id,
                self._wkb.create_point(location),
                tags=tags,
                stamp=_stamp(node),
                match=match,
                shape="point",
            )

    def _way(self, way: Any) -> None:  # noqa: ANN401 - osmium object
        tags = self._tags(way)
        match = self._rules.match(tags)
        closed = way.is_closed()
        shape = "ring" if closed else "line"
        lines = match.ring if closed else match.line
        areas = closed and match.polygon
        if not lines and not areas:
            return
        before = self._trouble.cut_ways
        parts = self._parts(way, wanted=bool(lines and match.node_ids))
        stamp = _stamp(way)
        if lines:
            for wkb, ids in parts:
                self._batch.add(
                    _WAY,
                    way.id,
                    wkb,
                    tags=tags,
                    stamp=stamp,
                    match=match,
                    shape=shape,
                    node_ids=ids,
                )
        if areas and parts:
            cut = self._trouble.cut_ways > before
            self._rings[way.id] = (tags, match, stamp, _joined(parts) if cut else parts[0][0], cut)

    def _parts(self, way: Any, *, wanted: bool) -> list[tuple[str, NDArray[np.int64]]]:  # noqa: ANN401
        """Give the line of a way with its node ids; several lines where nodes are missing."""
        import osmium

        none = np.empty(0, dtype=np.int64)
        try:
            wkb = self._wkb.create_linestring(way, use_nodes=self._all_nodes)
        except osmium.InvalidLocationError:
            return self._known_parts(way)
        except RuntimeError:  # fewer than two nodes
            self._trouble.lost_ways += 1
            return []
        if not wanted:
            return [(wkb, none)]
        return [(wkb, np.array([node.ref for node in way.nodes], dtype=np.int64))]

    def _known_parts(self, way: Any) -> list[tuple[str, NDArray[np.int64]]]:  # noqa: ANN401
        runs: list[list[tuple[int, float, float]]] = [[]]
        for node in way.nodes:
            if node.location.valid():
                runs[-1].append((node.ref, node.location.lon, node.location.lat))
            elif runs[-1]:
                runs.append([])
        parts = [run for run in runs if len(run) > 1]
        if parts:
            self._trouble.cut_ways += 1
        else:
            self._trouble.lost_ways += 1
        return [
            (
                shapely.to_wkb(shapely.LineString([xy for _, *xy in run]), hex=True),
                np.array([ref for ref, *_ in run], dtype=np.int64),
            )
            for run in parts
        ]

    def _polygon(self, item: Any) -> None:  # noqa: ANN401 - osmium object
        osm_id = item.orig_id()
        if item.from_way():
            if (ring := self._rings.pop(osm_id, None)) is None:
                return
            tags, match, stamp, *_ = ring
            kind = _WAY
        else:
            tags = self._tags(item)
            match = self._rules.match({"area": "yes", **tags})
            stamp, kind = _stamp(item), _RELATION
            self._assembled.add(osm_id)
        if not match.polygon:
            return
        try:
            wkb = self._wkb.create_multipolygon(item)
        except RuntimeError:
            self._trouble.dropped += 1
            return
        self._batch.add(kind, osm_id, wkb, tags=tags, stamp=stamp, match=match, shape="polygon")

    def _relation(self, item: Any) -> None:  # noqa: ANN401 - osmium object
        """Remember a relation that should have given a polygon, before it or after it."""
        if item.tags.get("type") in {"multipolygon", "boundary"}:
            tags = self._tags(item)
            if self._rules.match({"area": "yes", **tags}).polygon:
                self._relations.add(item.id)
                for member in islice(item.members, len(item.members)):
                    if member.type == "w" and member.role in {"outer", ""}:
                        self._outer_of.setdefault(member.ref, []).append(item.id)

    def _leftover_rings(self) -> None:
        """Make polygons of closed ways that libosmium refused: self-crossing, or cut."""
        for osm_id, (tags, match, stamp, wkb, cut) in self._rings.items():
            ring = shapely.get_coordinates(shapely.from_wkb(wkb))
            polygon = repaired(ring)
            if polygon is None and cut:
                self._trouble.lost_ways += 1
            elif polygon is None:
                self._trouble.dropped += 1
            else:
                self._trouble.repaired += not cut
                wkb = shapely.to_wkb(polygon, hex=True)  # noqa: PLW2901 - from here on the polygon
                self._batch.add(
                    _WAY, osm_id, wkb, tags=tags, stamp=stamp, match=match, shape="polygon"
                )
        self._rings = {}

    def _flush(self) -> None:
        batch = self._batch
        if not len(batch):
            return
        binary = [bytes.fromhex(text) for text in batch.geometry]  # GEOS reads these 5x faster
        geometry = shapely.from_wkb(np.array(binary, dtype=object))
        west, south, east, north = shapely.total_bounds(geometry).tolist()
        seen = self._seen
        self._seen = (
            min(seen[0], west),
            min(seen[1], south),
            max(seen[2], east),
            max(seen[3], north),
        )
        hit = np.flatnonzero(shapely.intersects(self._area, geometry))
        batch.geometry = list(_single(geometry))
        self.kept.extend(batch, hit)
        self._batch = Objects()


def _joined(parts: list[tuple[str, NDArray[np.int64]]]) -> str:
    """Bridge the gaps of a closed way: what is known of a cut polygon."""
    known = np.concatenate([shapely.get_coordinates(shapely.from_wkb(wkb)) for wkb, _ in parts])
    joined: str = shapely.to_wkb(shapely.LineString(known), hex=True)
    return joined


def _single(geometry: NDArray[np.object_]) -> Iterator[Any]:
    """Take the polygon out of a multipolygon that has only one."""
    one = (shapely.get_type_id(geometry) == 6) & (shapely.get_num_geometries(geometry) == 1)  # noqa: PLR2004 - multipolygon
    geometry[one] = shapely.get_geometry(geometry[one], 0)
    return iter(geometry)


def _stamp(item: Any) -> int:  # noqa: ANN401 - osmium object
    return int(item.timestamp.timestamp())


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


def _broken(name: str, error: Exception) -> SourceError:
    reason = " ".join(str(error).split())[:200]
    return SourceError(f"{name}: cannot be read ({reason}); it is cut off or no OSM file")


def _box_text(geometry: BaseGeometry) -> str:
    west, south, east, north = geometry.bounds
    return f"{west:.4f}, {south:.4f}, {east:.4f}, {north:.4f} (west, south, east, north)"


def _require_overlap(name: str, box: BaseGeometry | None, area: BaseGeometry) -> None:
    if box is not None and not box.intersects(area):
        raise SourceError(
            f"{name}: covers {_box_text(box)} and does not overlap the study area "
            f"{_box_text(area)}; give an extract of this area"
        )


def _told(name: str, trouble: _Trouble, objects: int) -> tuple[str, ...]:
    told = []
    if trouble.repaired or trouble.dropped:
        text = (
            f"{name}: {trouble.repaired} broken polygons were repaired, {trouble.dropped} dropped"
        )
        warnings.warn(text, KCityWarning, stacklevel=3)
        told.append(text)
    if trouble.undecodable:
        text = f"{name}: {trouble.undecodable} objects have tags that are no UTF-8; left out"
        warnings.warn(text, KCityWarning, stacklevel=3)
        told.append(text)
    if trouble.cut_ways or trouble.lost_ways:
        told.append(
            f"{name}: nodes are missing at the edge of the extract; {trouble.cut_ways} ways are "
            f"shorter than in OSM, {trouble.lost_ways} are left out"
        )
    if trouble.lost_relations:
        told.append(
            f"{name}: {trouble.lost_relations} multipolygons are broken or reach beyond the "
            "extract, and are left out"
        )
    if not objects:
        told.append(f"{name}: no object of any layer lies in the study area")
    return tuple(told)
