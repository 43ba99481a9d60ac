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
    polygonal,
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

__all__ = ["OsmExtract", "empty_layers", "layer_table", "read_header", "read_osm"]

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
        # closed ways that await their polygon: id -> tags, match, last edit, ring
        self._rings: dict[int, tuple[dict[str, str], Match, int, str]] = {}
        self._seen = [np.inf, np.inf, -np.inf, -np.inf]

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
            if len(self._batch) >= _BATCH:
                self._flush()
            if self._progress is not None and number % 50_000 == 0:
                self._progress(number)
        self._leftover_rings()
        self._flush()

    def seen_text(self) -> str:
        """Say where the objects of the file are."""
        if self._seen[0] > self._seen[2]:
            return ""
        return f" (its objects lie in {_box_text(shapely.box(*self._seen))})"

    def _tags(self, item: Any) -> dict[str, str]:  # noqa: ANN401 - osmium object
        drop = self._rules.drop_keys
        try:
            return {k: clean_text(v) for k, v in item.tags if k not in drop}
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
            self._rings[way.id] = (tags, match, stamp, parts[0][0])

    def _parts(self, way: Any, *, wanted: bool) -> list[tuple[Any, NDArray[np.int64]]]:  # noqa: ANN401
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

    def _known_parts(self, way: Any) -> list[tuple[Any, NDArray[np.int64]]]:  # noqa: ANN401
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
            tags, match, stamp, _ = ring
            kind = _WAY
        else:
            tags = self._tags(item)
            match = self._rules.match({"area": "yes", **tags})
            stamp, kind = _stamp(item), _RELATION
        if not match.polygon:
            return
        try:
            wkb = self._wkb.create_multipolygon(item)
        except RuntimeError:
            self._trouble.dropped += 1
            return
        self._batch.add(kind, osm_id, wkb, tags=tags, stamp=stamp, match=match, shape="polygon")

    def _leftover_rings(self) -> None:
        """Make polygons of closed ways that libosmium refused: self-crossing or cut."""
        for osm_id, (tags, match, stamp, wkb) in self._rings.items():
            line = shapely.from_wkb(wkb)
            ring = shapely.get_coordinates(line)
            fixed = polygonal(np.array([shapely.Polygon(ring)])) if len(ring) > 3 else [None]  # noqa: PLR2004 - a triangle
            if fixed[0] is None:
                self._trouble.dropped += 1
                continue
            self._trouble.repaired += 1
            self._batch.add(
                _WAY,
                osm_id,
                shapely.to_wkb(fixed[0], hex=True),
                tags=tags,
                stamp=stamp,
                match=match,
                shape="polygon",
            )
        self._rings = {}

    def _flush(self) -> None:
        batch = self._batch
        if not len(batch):
            return
        geometry = shapely.from_wkb(np.array(batch.geometry, dtype=object))
        low, high = self._seen[:2], self._seen[2:]
        bounds = shapely.total_bounds(geometry)
        self._seen = [*np.minimum(low, bounds[:2]), *np.maximum(high, bounds[2:])]
        hit = np.flatnonzero(shapely.intersects(self._area, geometry))
        batch.geometry = list(_single(geometry))
        self.kept.extend(batch, hit)
        self._batch = Objects()


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
    if not objects:
        told.append(f"{name}: no object of any layer lies in the study area")
    return tuple(told)
