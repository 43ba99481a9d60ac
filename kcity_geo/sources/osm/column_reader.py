"""
A reader that takes nodes and ways from columns: lines and simple areas are made a thousand at a time.

What needs care (multipolygons, outlines of squares, rings that cross or touch themselves) is assembled by
libosmium as in `kcity_geo.sources.osm.streaming`, and so is every file that has no columns, or is read sooner
than compiled loops are loaded. Both give the same objects, to the last digit and the first corner.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.runs import place_in_run
from kcity_geo.sources.osm.columns import SCALE, Columns, Tagged, read_columns
from kcity_geo.sources.osm.frames import Objects
from kcity_geo.sources.osm.rules import Match
from kcity_geo.sources.osm.streaming import Reader

__all__ = ["ColumnReader"]

Ints = NDArray[np.int64]

_NODE, _WAY = 0, 1
_NO_IDS: Final = np.empty(0, dtype=np.int64)
#: Corners of a triangle, closed: libosmium assembles no ring with fewer.
_FEWEST: Final = 4
#: Bytes of a file that libosmium reads in the time that it takes to load the compiled loops.
_SMALL_BYTES: Final = 1_000_000


class ColumnReader(Reader):
    """One pass over a file, by columns where it has them; see `kcity_geo.sources.osm.streaming.Reader`."""

    _members: set[int]

    def _objects(self, path: str) -> None:
        """Look at every object with a key of some layer."""
        by_columns = path.lower().endswith("pbf") and not _sooner_by_libosmium(Path(path))
        columns = read_columns(Path(path), self._rules, self._bounds) if by_columns else None
        if columns is None:
            super()._objects(path)
            return
        self._members = set()
        self._trouble.nowhere += columns.nowhere
        self._take_nodes(columns)
        self._take_ways(columns)
        if self._progress is not None:
            self._progress(len(columns.nodes.tags) + len(columns.ways.tags))
        manager = self._take_relations(path, columns)
        ids, ends, refs = _some_ways(columns, self._members | self._rings.keys())
        nodes = np.unique(refs)
        place, known = _found(columns, nodes)
        nodes, place = nodes[known], place[known]
        corners = nodes, columns.x[place] / SCALE, columns.y[place] / SCALE
        del columns
        if len(ids):
            self._assemble(self._ways_text(ids, ends, refs), manager, corners)

    def _matches(self, found: Tagged) -> list[Match | None]:
        """Say where each object belongs; None for one whose tags cannot be read."""
        self._trouble.undecodable += sum(one is None for one in found.match)
        return found.match

    def _take_nodes(self, columns: Columns) -> None:
        found = columns.nodes
        matches = self._matches(found)
        for i, match in enumerate(matches):
            if match is not None and match.miswritten:
                k = columns.node_at[i]
                place = shapely.Point(columns.x[k] / SCALE, columns.y[k] / SCALE)
                if self._area.contains(place):
                    self._note("node", found, i, match, shapes=("point",))
        kept = [i for i, match in enumerate(matches) if match is not None and match.point]
        at = columns.node_at[kept]
        points: Any = shapely.points(columns.x[at] / SCALE, columns.y[at] / SCALE)
        self._keep_many(_NODE, found, kept, matches, shape=["point"] * len(kept), geometry=points)

    def _take_ways(self, columns: Columns) -> None:
        """Make the lines and the areas of ways."""
        found, ends = columns.ways, columns.ref_end
        matches = self._matches(found)
        begin, end = ends[:-1], ends[1:]
        first = np.minimum(begin, max(0, len(columns.refs) - 1))
        closed = (end > begin) & (
            (columns.refs[first] == columns.refs[end - 1]) if len(columns.refs) else False
        )
        place, known = _places(columns)
        unknown = np.concatenate([[0], np.cumsum(~known)])
        whole = unknown[end] == unknown[begin]
        lines, areas, cut = list[int](), list[int](), list[int]()
        for i, (match, ring) in enumerate(zip(matches, closed.tolist(), strict=True)):
            if match is None:
                continue
            if match.miswritten:
                k = np.arange(begin[i], end[i])[known[begin[i] : end[i]]]
                xy = shapely.points(columns.x[place[k]] / SCALE, columns.y[place[k]] / SCALE)
                if shapely.intersects(self._area, xy).any():
                    shapes = ("ring", "polygon", "outline") if ring else ("line",)
                    self._note("way", found, i, match, shapes=shapes)
            line = match.ring if ring else match.line
            area = ring and (match.polygon or match.outline)
            if area:
                areas.append(i)
            if line:
                (lines if whole[i] else cut).append(i)
            self._trouble.ways += bool(line or area)
        self._take_lines(columns, place, lines, matches, closed)
        for i in cut:
            self._take_cut(columns, place, known, i, matches[i], closed=bool(closed[i]))
        plain = [i for i in areas if whole[i] and not getattr(matches[i], "outline", ())]
        self._take_rings(columns, place, areas, plain, matches)

    def _note(
        self, kind: str, found: Tagged, i: int, match: Match, *, shapes: tuple[str, ...]
    ) -> None:
        self._trouble.note(match, kind, int(found.osm_id[i]), found.tags[i] or {}, shapes=shapes)

    def _take_lines(
        self,
        columns: Columns,
        place: Ints,
        lines: list[int],
        matches: list[Match | None],
        closed: NDArray[np.bool_],
    ) -> None:
        count = np.diff(columns.ref_end)
        self._trouble.lost_ways += sum(count[i] < 2 for i in lines)  # noqa: PLR2004 - ends of a line
        lines = [i for i in lines if count[i] > 1]
        at, owner = _parts(columns.ref_end, lines)
        xy = np.column_stack([columns.x[place[at]], columns.y[place[at]]]) / SCALE
        geometry: Any = shapely.linestrings(xy, indices=owner) if lines else np.empty(0, object)
        ends = columns.ref_end.tolist()
        ids = [
            columns.refs[ends[i] : ends[i + 1]].copy()
            if getattr(matches[i], "node_ids", False)
            else _NO_IDS
            for i in lines
        ]
        shape = ["ring" if ring else "line" for ring in closed[lines].tolist()]
        self._keep_many(
            _WAY, columns.ways, lines, matches, shape=shape, geometry=geometry, node_ids=ids
        )

    def _take_cut(
        self,
        columns: Columns,
        place: Ints,
        known: NDArray[np.bool_],
        i: int,
        match: Match | None,
        *,
        closed: bool,
    ) -> None:
        """Keep what is known of a line that lacks nodes."""
        begin, end = columns.ref_end[i], columns.ref_end[i + 1]
        nodes = [
            (int(columns.refs[k]), columns.x[place[k]] / SCALE, columns.y[place[k]] / SCALE)
            if known[k]
            else None
            for k in range(begin, end)
        ]
        for wkb, ids in self._known_runs(nodes):
            self._batch.add(
                _WAY,
                int(columns.ways.osm_id[i]),
                wkb,
                tags=columns.ways.tags[i] or {},
                stamp=int(columns.ways.stamp[i]),
                match=match or Match(),
                shape="ring" if closed else "line",
                node_ids=ids,
            )

    def _take_rings(
        self,
        columns: Columns,
        place: Ints,
        areas: list[int],
        plain: list[int],
        matches: list[Match | None],
    ) -> None:
        """Make the areas of simple rings; what is none is left to libosmium."""
        from kcity_geo.sources.osm.kernels import ring_starts, simple_rings

        count = np.diff(columns.ref_end)
        plain = [i for i in plain if count[i] >= _FEWEST]
        at, owner = _parts(columns.ref_end, plain)
        x, y = columns.x[place[at]], columns.y[place[at]]
        ends = np.concatenate([[0], np.cumsum(count[plain])]).astype(np.int64)
        starts = np.empty((len(plain), 2), dtype=np.int64)
        ring_starts(x, y, ends, starts)
        kept = np.flatnonzero(starts[:, 1])
        turned = _turned(ends, starts, kept)
        owner = np.repeat(np.arange(len(kept)), np.diff(ends)[kept])
        xy = np.column_stack([x[turned], y[turned]]) / SCALE
        rings: Any = (
            shapely.polygons(shapely.linearrings(xy, indices=owner))
            if len(kept)
            else np.empty(0, object)
        )
        simple = np.empty(len(plain), dtype=bool)
        simple_rings(x, y, ends, simple)
        sound = simple[kept]
        sound[~sound] = shapely.is_valid(rings[~sound])
        done = [plain[k] for k in kept[sound].tolist()]
        self._keep_many(
            _WAY, columns.ways, done, matches, shape=["polygon"] * len(done), geometry=rings[sound]
        )
        ids, stamps = columns.ways.osm_id, columns.ways.stamp
        for i in sorted(set(areas) - set(done)):
            match, tags = matches[i], columns.ways.tags[i]
            if match is not None and tags is not None:
                self._rings[int(ids[i])] = (tags, match, int(stamps[i]))

    def _keep_many(  # noqa: PLR0913 - all named
        self,
        kind: int,
        found: Tagged,
        index: list[int],
        matches: list[Match | None],
        *,
        shape: list[str],
        geometry: NDArray[np.object_],
        node_ids: list[Ints] | None = None,
    ) -> None:
        """Keep of many objects those that touch the area."""
        if not index:
            return
        batch = Objects(
            kind=[kind] * len(index),
            osm_id=found.osm_id[index].tolist(),
            tags=[found.tags[i] or {} for i in index],
            stamp=found.stamp[index].tolist(),
            match=[matches[i] or Match() for i in index],
            shape=shape,
            node_ids=node_ids or [_NO_IDS] * len(index),
            site=[frozenset()] * len(index),
        )
        self._keep(batch, geometry)

    def _take_relations(self, path: str, columns: Columns) -> Any:  # noqa: ANN401 - osmium manager
        """Look at relations: restrictions, sites, routes, and which ways bound an area; libosmium does, too."""
        import osmium

        keys = osmium.filter.KeyFilter(*self._rules.filter_keys)
        manager = osmium.area.AreaManager()
        first = manager.first_pass_handler()
        relations = _relations_only(path, columns)
        source = osmium.io.FileBuffer(relations, "pbf")
        with osmium.io.Reader(source, osmium.osm.RELATION) as reader:
            for item in osmium.OsmFileIterator(reader, keys, first):
                self._relation(item)
                if item.tags.get("type") in {"multipolygon", "boundary"}:
                    members = islice(item.members, len(item.members))
                    self._members |= {member.ref for member in members if member.type == "w"}
        return manager

    def _ways_text(self, ids: Ints, ends: Ints, refs: Ints) -> bytes:
        """
        Write ways as OPL, which libosmium reads, too.

        Of the tags it asks only whether an area has one of the keys: one of them for the rings that are to be areas.
        """
        key = "".join(
            letter if letter.isascii() and letter.isalnum() else f"%{ord(letter):x}%"
            for letter in self._rules.filter_keys[0]
        )
        mark = f" T{key}=yes"
        nodes, places = [f"n{ref}" for ref in refs.tolist()], ends.tolist()
        lines = [
            f"w{number}{mark if number in self._rings else ''} N{','.join(nodes[a:b])}\n"
            for number, a, b in zip(ids.tolist(), places, places[1:], strict=False)
        ]
        return "".join(lines).encode()

    def _assemble(
        self,
        ways: bytes,
        manager: Any,  # noqa: ANN401 - osmium manager
        corners: tuple[Ints, NDArray[np.float64], NDArray[np.float64]],
    ) -> None:
        """Let libosmium assemble the areas of relations and of rings that are not simple."""
        import osmium

        places, place = osmium.index.create_map("flex_mem"), osmium.osm.Location
        for node, lon, lat in zip(*(column.tolist() for column in corners), strict=True):
            places.set(node, place(lon, lat))
        # Kept by name while they are used: libosmium holds no filter, and a filter that is gone ends the process.
        keys = osmium.filter.KeyFilter(*self._rules.filter_keys)
        areas = osmium.BufferIterator(keys)
        locations = osmium.NodeLocationsForWays(places)
        locations.ignore_errors()
        handlers: list[Any] = [
            locations,
            manager.second_pass_to_buffer(areas),
            osmium.filter.EntityFilter(osmium.osm.AREA),
        ]
        source = osmium.io.FileBuffer(ways, "opl")
        with osmium.io.Reader(source, osmium.osm.WAY) as reader:
            for _ in osmium.OsmFileIterator(reader, *handlers):
                pass
        for area in areas:
            self._polygon(area)


def _relations_only(path: str, columns: Columns) -> bytes:
    """Give the header and the relations of a file: a file for libosmium without the rest."""
    with Path(path).open("rb") as stream:
        parts = [stream.read(columns.head_end)]
        for start, end in columns.relation_blocks.tolist():
            stream.seek(start)
            parts.append(stream.read(end - start))
    return b"".join(parts)


def _some_ways(columns: Columns, wanted: set[int]) -> tuple[Ints, Ints, Ints]:
    """Give ids of ways that the file holds, ascending, where the nodes of each end, and their nodes."""
    asked = np.array(sorted(wanted), dtype=np.int64)
    parts = []
    for ids, ends, refs in (
        (columns.ways.osm_id, columns.ref_end, columns.refs),
        (columns.others, columns.other_end, columns.other_refs),
    ):
        held = np.flatnonzero(np.isin(ids, asked))
        at, _ = _parts(ends, held)
        parts.append((ids[held], np.diff(ends)[held], refs[at]))
    ids, count, refs = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(ids)
    ends = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    at, _ = _parts(ends, order)
    return ids[order], np.concatenate([[0], np.cumsum(count[order])]), refs[at]


def _places(columns: Columns) -> tuple[Ints, NDArray[np.bool_]]:
    """Give where the nodes of ways stand, and whether the file holds them with a place on Earth."""
    return _found(columns, columns.refs)


def _found(columns: Columns, refs: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Give where some nodes stand, and whether the file holds them with a place on Earth."""
    if not len(columns.node_id):
        return np.zeros(len(refs), dtype=np.int64), np.zeros(len(refs), dtype=bool)
    place = np.minimum(np.searchsorted(columns.node_id, refs), len(columns.node_id) - 1)
    known = columns.node_id[place] == refs
    known &= (np.abs(columns.x[place]) <= 180 * SCALE) & (np.abs(columns.y[place]) <= 90 * SCALE)
    return place, known


def _parts(ends: Ints, index: list[int] | Ints) -> tuple[Ints, Ints]:
    """Give the positions of some of the lists that end at `ends`, and whose they are."""
    count = np.diff(ends)[index]
    owner = np.repeat(np.arange(len(index)), count)
    return place_in_run(count) + ends[index][owner], owner


def _turned(ends: Ints, starts: Ints, kept: Ints) -> Ints:
    """Give the corners of rings from where libosmium begins them, anticlockwise."""
    count = np.diff(ends)[kept]
    owner = np.repeat(np.arange(len(kept)), count)
    step = place_in_run(count)
    corners = count[owner] - 1  # the first stands again as the last
    at = (starts[kept, 0][owner] + step * starts[kept, 1][owner]) % corners
    turned: Ints = ends[kept][owner] + at
    return turned


def _sooner_by_libosmium(path: Path) -> bool:
    """Tell whether a file is small, and nothing compiled has been loaded yet."""
    return "numba" not in sys.modules and path.stat().st_size < _SMALL_BYTES
