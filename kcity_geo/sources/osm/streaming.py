"""
One streaming pass over an OSM file: objects that touch the study area, sorted by their tags.

pyosmium filters, locates and assembles polygons in C++; Python sees only objects with a key of
``tables/osm.toml``. User names, user ids and changesets are never asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.sources.osm.frames import Objects, repaired
from kcity_geo.sources.osm.ordering import OutOfOrderError, original_ids, original_lists
from kcity_geo.sources.osm.routes import RouteRelation, route_relation, route_ways
from kcity_geo.sources.osm.rules import Match, Rules, turn_types
from kcity_geo.sources.osm.tags import MAX_CHARS, clean_text
from kcity_geo.sources.osm.trouble import Trouble, box_text

__all__ = ["Reader"]

_BATCH: Final = 100_000
#: After so many objects the batch is looked at, and whoever waits is told.
_LOOK, _TELL = 1_000, 50_000
_NODE, _WAY, _RELATION = 0, 1, 2


class Reader:
    """
    One pass over a file.

    Parameters
    ----------
    area : study area, lon/lat.
    trouble : counted up here.
    progress : called now and then with the number of objects looked at.
    rules : which tags belong to which layer.
    """

    def __init__(
        self,
        area: BaseGeometry,
        trouble: Trouble,
        progress: Callable[[int], None] | None,
        *,
        rules: Rules,
    ) -> None:
        import osmium

        self.kept = Objects()
        self._batch = Objects()
        self._area = area
        self._bounds = area.bounds
        shapely.prepare(area)
        self._trouble = trouble
        self._progress = progress
        self._rules = rules
        self._wkb = osmium.geom.WKBFactory()
        self._all_nodes = osmium.geom.ALL
        # closed ways that await their polygon: id -> tags, match, last edit
        self._rings: dict[int, tuple[dict[str, str], Match, int]] = {}
        self._relations: set[int] = set()
        self._assembled: set[int] = set()
        self._outer_of: dict[int, list[int]] = {}  # way -> multipolygons that it bounds
        #: Turn restrictions: relation, tags, ways from, to and between (0: none), nodes between.
        self.turns: list[tuple[int, dict[str, str], int, int, int, list[int]]] = []
        self._routes: list[RouteRelation] = []
        #: Site relations of facilities: id -> tags, match, last edit, and the ways that are its members.
        self._site: dict[int, tuple[dict[str, str], Match, int, list[int]]] = {}
        self._seen = (np.inf, np.inf, -np.inf, -np.inf)

    def read(self, path: str) -> None:
        """Read a file; what touches the area is in `kept` afterwards."""
        self._objects(path)
        self._trouble.lost_relations = len(self._relations - self._assembled)
        self._leftover_rings(path)
        self._flush()
        self._route_members(path)
        self._site_members()
        self._flush()
        self.kept.drop_doubles(self._outer_of)
        self.turns = [
            (
                osm_id,
                tags,
                *original_ids(np.array([start, goal, via], dtype=np.int64)).tolist(),
                original_ids(np.array(nodes, dtype=np.int64)).tolist(),
            )
            for osm_id, tags, start, goal, via, nodes in self.turns
        ]
        self._trouble.original()
        self.kept.osm_id = original_ids(np.array(self.kept.osm_id, dtype=np.int64)).tolist()
        self.kept.node_ids = original_lists(self.kept.node_ids)

    def _objects(self, path: str) -> None:
        """Look at every object with a key of some layer, one after the other."""
        import osmium

        keys = osmium.filter.KeyFilter(*self._rules.filter_keys)
        source = (
            osmium.FileProcessor(path)
            .with_areas(osmium.filter.KeyFilter(*self._rules.filter_keys))
            .with_filter(keys)
        )
        area = osmium.osm.Area
        takes = {
            osmium.osm.Node: self._node,
            osmium.osm.Way: self._way,
            area: self._polygon,
            osmium.osm.Relation: self._relation,
        }
        last_kind, last = None, 0
        for number, item in enumerate(source):
            kind = type(item)
            if kind is not area:
                osm_id = item.id
                if osm_id == last and kind is last_kind:
                    raise OutOfOrderError("an object stands twice")
                last_kind, last = kind, osm_id
            takes[kind](item)
            if number % _LOOK == 0:
                self._look_up(number)

    def _look_up(self, number: int) -> None:
        """Now and then: empty the batch, tell how far the reading is."""
        if len(self._batch) >= _BATCH:
            self._flush()
        if self._progress is not None and number % _TELL == 0:
            self._progress(number)

    def seen_text(self) -> str:
        """Say where the objects of the file are."""
        if self._seen[0] > self._seen[2]:
            return ""
        return f" (its objects lie in {box_text(shapely.box(*self._seen))})"

    def _tags(self, item: Any) -> dict[str, str]:  # noqa: ANN401 - osmium object
        drop = self._rules.drop_keys
        try:
            # islice: the end of the tag list is a C++ exception, dearer than all its tags
            found = item.tags
            return {
                k: v if len(v) <= MAX_CHARS and "\0" not in v else clean_text(v)
                for k, v in islice(found, len(found))
                if k not in drop
            }
        except UnicodeDecodeError:
            self._trouble.undecodable += 1
            return {}

    def _node(self, node: Any) -> None:  # noqa: ANN401 - osmium object
        location = node.location
        if not location.valid():
            self._trouble.nowhere += 1
            return
        lon, lat = location.lon, location.lat
        west, south, east, north = self._bounds
        if not (west <= lon <= east and south <= lat <= north):
            return
        tags = self._tags(node)
        match = self._rules.match(tags)
        if match.miswritten and self._area.contains(shapely.Point(lon, lat)):
            self._trouble.note(match, "node", node.id, tags, shapes=("point",))
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
        if way.id < 0:
            raise OutOfOrderError("a way has an id below zero")
        tags = self._tags(way)
        match = self._rules.match(tags)
        closed = way.is_closed()
        shape = "ring" if closed else "line"
        if match.miswritten and self._meets(way.nodes):
            shapes = ("ring", "polygon", "outline") if closed else ("line",)
            self._trouble.note(match, "way", way.id, tags, shapes=shapes)
        lines = match.ring if closed else match.line
        areas = closed and (match.polygon or match.outline)
        if not lines and not areas:
            return
        self._trouble.ways += 1
        stamp = _stamp(way)
        if areas:
            self._rings[way.id] = (tags, match, stamp)
        if lines:
            for wkb, ids in self._parts(way, wanted=match.node_ids):
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

    def _meets(self, nodes: Any) -> bool:  # noqa: ANN401 - osmium nodes of a way or ring
        """Tell whether one of the nodes lies in the study area."""
        xy = [(node.lon, node.lat) for node in nodes if node.location.valid()]
        return bool(shapely.intersects(self._area, shapely.points(xy)).any()) if xy else False

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
        if any(node.ref < 0 for node in way.nodes):
            raise OutOfOrderError("a node has an id below zero")
        places = [(n.ref, n.location) for n in way.nodes]
        return self._known_runs([(i, p.lon, p.lat) if p.valid() else None for i, p in places])

    def _known_runs(
        self, nodes: Sequence[tuple[int, float, float] | None]
    ) -> list[tuple[str, NDArray[np.int64]]]:
        """Part a way where nodes are missing: the lines of two nodes and more."""
        runs: list[list[tuple[int, float, float]]] = [[]]
        for node in nodes:
            if node is not None:
                runs[-1].append(node)
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
        ring = None
        if item.from_way():
            if (ring := self._rings.pop(osm_id, None)) is None:
                return
            tags, match, stamp = ring
        else:
            tags = self._tags(item)
            match, stamp = self._rules.match({"area": "yes", **tags}), _stamp(item)
            if match.miswritten and any(map(self._meets, item.outer_rings())):
                self._trouble.note(match, "relation", osm_id, tags, shapes=("polygon", "outline"))
        kind = _RELATION if ring is None else _WAY
        if match.outline:
            self._outlines(item, kind, tags=tags, match=match, stamp=stamp)
        if not match.polygon:
            if ring is None and item.num_rings()[0]:
                self._assembled.add(osm_id)
            return
        try:
            wkb = self._wkb.create_multipolygon(item)
        except RuntimeError:  # libosmium could not close it
            if ring is not None:
                self._rings[osm_id] = ring
            return
        if ring is None:
            self._assembled.add(osm_id)
        self._batch.add(kind, osm_id, wkb, tags=tags, stamp=stamp, match=match, shape="polygon")

    def _outlines(
        self,
        item: Any,  # noqa: ANN401 - osmium area
        kind: int,
        *,
        tags: dict[str, str],
        match: Match,
        stamp: int,
    ) -> None:
        """Keep the rings of an area that people walk on, with the nodes at which streets meet it."""
        for outer in item.outer_rings():
            for ring in (outer, *item.inner_rings(outer)):
                nodes = [(node.ref, node.lon, node.lat) for node in ring]
                wkb = shapely.to_wkb(shapely.LineString([xy for _, *xy in nodes]), hex=True)
                self._batch.add(
                    kind,
                    item.orig_id(),
                    wkb,
                    tags=tags,
                    stamp=stamp,
                    match=match,
                    shape="outline",
                    node_ids=np.array([ref for ref, *_ in nodes], dtype=np.int64),
                )

    def _relation(self, item: Any) -> None:  # noqa: ANN401 - osmium object
        """Remember a relation that should have given a polygon, before it or after it."""
        if item.tags.get("type", "") in turn_types():
            self._turn(item)
        if item.tags.get("type") == "site":
            self._site_relation(item)
        if item.tags.get("type") == "route" and (route := route_relation(item, self._tags(item))):
            self._routes.append(route)
        if item.tags.get("type") in {"multipolygon", "boundary"}:
            tags = self._tags(item)
            match = self._rules.match({"area": "yes", **tags})
            if match.polygon or match.outline:
                self._relations.add(item.id)
                for member in islice(item.members, len(item.members)):
                    if member.type == "w" and member.role in {"outer", ""}:
                        self._outer_of.setdefault(member.ref, []).append(item.id)

    def _turn(self, item: Any) -> None:  # noqa: ANN401 - osmium relation
        """Keep a turn restriction: a row for each pair of a way that it is from and one it is to."""
        parts: dict[tuple[str, str], list[int]] = {}
        for member in islice(item.members, len(item.members)):
            parts.setdefault((member.role, member.type), []).append(member.ref)
        nodes, between = parts.get(("via", "n"), []), parts.get(("via", "w"), [])
        if (
            len(nodes) + len(between) != 1
        ):  # several: kept without any, as one that cannot be obeyed
            nodes, between = [], []
        tags = self._tags(item)
        for start in parts.get(("from", "w"), []):
            for goal in parts.get(("to", "w"), []):
                via = (between or [0])[0]
                self.turns.append((item.id, tags, start, goal, via, nodes))

    def _site_relation(self, item: Any) -> None:  # noqa: ANN401 - osmium object
        """Remember a relation that calls buildings one facility."""
        tags = self._tags(item)
        match = self._rules.match({"area": "yes", **tags})
        whole = tuple(pair for pair in match.polygon if self._rules.layers[pair[0]].campus)
        if whole:
            ways = [m.ref for m in islice(item.members, len(item.members)) if m.type == "w"]
            self._site[item.id] = (tags, replace(match, polygon=whole), _stamp(item), ways)

    def _site_members(self) -> None:
        """Note which buildings a site holds; where none is a facility by its own tags, the largest stands for it."""
        if not self._site:
            return
        place: dict[int, list[int]] = {}
        for i, (kind, osm_id) in enumerate(zip(self.kept.kind, self.kept.osm_id, strict=True)):
            if kind == _WAY and self.kept.shape[i] == "polygon":
                place.setdefault(osm_id, []).append(i)
        for number, (tags, match, stamp, ways) in self._site.items():
            members = [i for way in ways for i in place.get(way, ())]
            for i in members:
                self.kept.site[i] |= {number}
            layers = {layer for layer, _ in match.polygon}
            known = [layer for i in members for layer, _ in self.kept.match[i].polygon]
            if members and layers.isdisjoint(known):
                largest = max(members, key=lambda i: self.kept.geometry[i].area)
                self._batch.add(
                    _RELATION,
                    number,
                    shapely.to_wkb(self.kept.geometry[largest], hex=True),
                    tags=tags,
                    stamp=stamp,
                    match=match,
                    shape="polygon",
                )

    def _route_members(self, path: str) -> None:
        """Keep the ways that are a ferry by their relation only."""
        if not self._routes:
            return
        kept = self.kept
        known = {
            osm_id
            for kind, osm_id, nodes in zip(kept.kind, kept.osm_id, kept.node_ids, strict=True)
            if kind == _WAY and len(nodes)
        }
        for way in route_ways(path, self._routes, known, tags_of=self._tags):
            match = self._rules.match(way.tags)
            for lonlat, ids in way.runs:
                self._batch.add(
                    _WAY,
                    way.osm_id,
                    shapely.to_wkb(shapely.LineString(lonlat), hex=True),
                    tags=way.tags,
                    stamp=0,
                    match=match,
                    shape="line",
                    node_ids=ids,
                )

    def _leftover_rings(self, path: str) -> None:
        """Make polygons of closed ways that libosmium refused, self-crossing or cut, in a pass of their own."""
        import osmium

        if not self._rings:
            return
        left: dict[int, tuple[str, bool]] = {}
        source = osmium.FileProcessor(path, osmium.osm.NODE | osmium.osm.WAY).with_locations()
        for item in source.with_filter(osmium.filter.IdFilter(sorted(self._rings))):
            if item.is_way() and item.id in self._rings:
                before = self._trouble.cut_ways, self._trouble.lost_ways
                parts = self._parts(item, wanted=False)
                cut = self._trouble.cut_ways > before[0]
                if self._rings[item.id][1].ring:  # counted when its line was read
                    self._trouble.cut_ways, self._trouble.lost_ways = before
                if parts:
                    left[item.id] = (_joined(parts) if cut else parts[0][0], cut)
        for osm_id, (tags, match, stamp) in self._rings.items():
            if osm_id in left:
                self._leftover_ring(osm_id, left[osm_id], tags=tags, match=match, stamp=stamp)
        self._rings = {}

    def _leftover_ring(
        self,
        osm_id: int,
        ring: tuple[str, bool],
        *,
        tags: dict[str, str],
        match: Match,
        stamp: int,
    ) -> None:
        wkb, cut = ring
        polygon = repaired(shapely.get_coordinates(shapely.from_wkb(wkb)))
        if polygon is None and cut:
            self._trouble.lost_ways += 1
        elif polygon is None:
            self._trouble.dropped += 1
        else:
            self._trouble.repaired += not cut
            text = shapely.to_wkb(polygon, hex=True)
            self._batch.add(
                _WAY, osm_id, text, tags=tags, stamp=stamp, match=match, shape="polygon"
            )

    def _flush(self) -> None:
        batch = self._batch
        if not len(batch):
            return
        binary = [bytes.fromhex(text) for text in batch.geometry]  # GEOS reads these 5x faster
        self._batch = Objects()
        self._keep(batch, shapely.from_wkb(np.array(binary, dtype=object)))

    def _keep(self, batch: Objects, geometry: NDArray[np.object_]) -> None:
        """Keep of a batch what touches the area."""
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
