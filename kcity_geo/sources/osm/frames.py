"""
OSM objects in memory -> one GeoDataFrame a layer, with a fixed schema.

Pure: no file is opened here. `kcity_geo.sources.osm.pbf` reads, this file makes columns out of tags,
repairs geometries, merges a node with the polygon of the same facility, and sorts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from kcity_geo.sources.osm.frame_columns import (
    few_texts_column,
    object_column,
    sparse_text_column,
    stamp_column,
    text_column,
)
from kcity_geo.sources.osm.rules import ColumnRow, LayerRow, Match, layer_table
from kcity_geo.sources.osm.tags import PARSERS, voltages_text

__all__ = ["OSM_TYPES", "Objects", "empty_layers", "layer_frame", "repaired", "turn_frame"]

OSM_TYPES: Final = ("node", "way", "relation")
UNREADABLE_COLUMNS: Final = ("layer", "osm_type", "osm_id", "key", "value")
_NO_IDS: Final = np.empty(0, dtype=np.int64)


@dataclass(kw_only=True)
class Objects:
    """
    Objects kept so far, one entry each in lists of equal length.

    Parameters
    ----------
    kind : 0 node, 1 way, 2 relation.
    osm_id : id within its type.
    geometry : shapely geometries, lon/lat at first, metric CRS later.
    tags : raw tags.
    stamp : last edit, seconds since 1970, 0 when unknown.
    match : what the tags mean.
    shape : which field of `match` counts: point, line, ring or polygon.
    node_ids : node ids of a line, or empty.
    site : ids of the site relations that it is a member of.
    """

    kind: list[int] = field(default_factory=list)
    osm_id: list[int] = field(default_factory=list)
    geometry: list[Any] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    stamp: list[int] = field(default_factory=list)
    match: list[Match] = field(default_factory=list)
    shape: list[str] = field(default_factory=list)
    node_ids: list[NDArray[np.int64]] = field(default_factory=list)
    site: list[frozenset[int]] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.osm_id)

    def add(  # noqa: PLR0913 - an option each, all named
        self,
        kind: int,
        osm_id: int,
        geometry: object,
        *,
        tags: dict[str, str],
        stamp: int,
        match: Match,
        shape: str,
        node_ids: NDArray[np.int64] = _NO_IDS,
    ) -> None:
        """Append one object."""
        self.kind.append(kind)
        self.osm_id.append(osm_id)
        self.geometry.append(geometry)
        self.tags.append(tags)
        self.stamp.append(stamp)
        self.match.append(match)
        self.shape.append(shape)
        self.node_ids.append(node_ids)
        self.site.append(frozenset())

    def extend(self, other: Objects, keep: NDArray[np.intp]) -> None:
        """Append the objects of `other` at the positions `keep`, which ascend."""
        positions, every = keep.tolist(), len(keep) == len(other)
        for name in self.__dataclass_fields__:
            source, target = getattr(other, name), getattr(self, name)
            target.extend(source if every else [source[i] for i in positions])

    def drop_doubles(self, outer_of: Mapping[int, Sequence[int]]) -> None:
        """
        Leave a closed way out of the layers that its multipolygon is already in.

        Where the outer way and the relation carry the same tag, both are polygons of the same
        thing, the way without its holes.

        Parameters
        ----------
        outer_of : way id -> ids of the multipolygons whose outer member it is.
        """
        kind, osm_id = np.array(self.kind, dtype=int), np.array(self.osm_id, dtype=np.int64)
        relations = np.flatnonzero(kind == OSM_TYPES.index("relation")).tolist()
        whole = {self.osm_id[i]: self.match[i].polygon for i in relations}
        outer = np.array(list(outer_of), dtype=np.int64)
        for i in np.flatnonzero((kind == OSM_TYPES.index("way")) & np.isin(osm_id, outer)).tolist():
            if self.shape[i] == "polygon":
                said = {
                    pair
                    for relation in outer_of[self.osm_id[i]]
                    for pair in whole.get(relation, ())
                }
                left = tuple(pair for pair in self.match[i].polygon if pair not in said)
                self.match[i] = replace(self.match[i], polygon=left)

    def by_layer(self) -> dict[str, list[tuple[int, str]]]:
        """Layer -> positions of its objects, with the kind of each, sorted by type and id."""
        out: dict[str, list[tuple[int, str]]] = {name: [] for name in layer_table()}
        order = np.lexsort((np.array(self.osm_id, dtype=np.int64), np.array(self.kind, dtype=int)))
        meant = list(map(getattr, self.match, self.shape))
        for i in order.tolist():
            for layer, kind in meant[i]:
                out[layer].append((i, kind))
        return out


def repaired(ring: NDArray[np.float64]) -> shapely.Polygon | shapely.MultiPolygon | None:
    """
    Make a valid polygon of a closed line that crosses itself or lacks nodes.

    Parameters
    ----------
    ring : shape (n, 2), vertices; closed when it is not.

    Returns
    -------
    The polygonal part, or None when nothing with an area is left.

    Examples
    --------
    >>> import numpy as np
    >>> repaired(np.array([[0.0, 0], [2, 2], [2, 0], [0, 2], [0, 0]])).area
    2.0
    """
    if len(np.unique(ring, axis=0)) < 3:  # noqa: PLR2004 - corners of a triangle
        return None
    fixed = shapely.make_valid(shapely.Polygon(ring))
    parts = [p for p in shapely.get_parts(fixed) if p.geom_type in {"Polygon", "MultiPolygon"}]
    merged = shapely.union_all(parts)
    if isinstance(merged, shapely.Polygon | shapely.MultiPolygon) and merged.area > 0:
        return merged
    return None


def layer_frame(
    row: LayerRow,
    members: Sequence[tuple[int, str]],
    objects: Objects,
    *,
    crs: CRS,
    unreadable: list[tuple[str, str, int, str, str]],
) -> tuple[gpd.GeoDataFrame, int]:
    """
    Make the frame of one layer.

    Parameters
    ----------
    row : the layer.
    members : position in `objects` and kind of each of its objects.
    objects : geometries already in `crs`.
    crs : metric CRS.
    unreadable : tag values that hold no number are appended here.

    Returns
    -------
    The frame, and how many nodes were merged into polygons of the same facility.
    """
    tags = {
        i: {**objects.tags[i], **dict(objects.match[i].added)}
        if objects.match[i].added
        else objects.tags[i]
        for i, _ in members
    }
    merged: set[int] = set()
    if row.campus:
        merged = _merge_campus(members, objects, tags)
        merged |= _merge_beside(row, [m for m in members if m[0] not in merged], objects, tags)
    if row.merge_within_m > 0:
        left = [i for i, _ in members if i not in merged]
        merged |= _merge_nodes(row, left, objects, tags)
    kept = [(i, kind) for i, kind in members if i not in merged]
    index, kinds = [i for i, _ in kept], [kind for _, kind in kept]
    names = {n: tags[i]["name"] for n, i in enumerate(index) if "name" in tags[i]}
    data: dict[str, Any] = {
        "osm_type": few_texts_column(OSM_TYPES, [objects.kind[i] for i in index]),
        "osm_id": np.array([objects.osm_id[i] for i in index], dtype=np.int64),
        "name": sparse_text_column(names, len(index)),
        "kind": text_column(kinds),
        "tags": object_column([objects.tags[i] for i in index]),
        "last_edit": stamp_column([objects.stamp[i] for i in index]),
    }
    said = _said(row.columns, [tags[i] for i in index])
    for column in row.columns:
        values, bad = _column(column, said, kinds)
        data[column.name] = values
        for i in (index[position] for position in bad):
            key = next(k for k in column.tags if k in tags[i])
            kind = OSM_TYPES[objects.kind[i]]
            unreadable.append((row.id, kind, objects.osm_id[i], key, tags[i][key]))
    if row.id == "planned":
        data["state"] = text_column([objects.match[i].state for i in index])
        data["planned_layers"] = text_column([objects.match[i].planned for i in index])
    if row.id == "turn_restriction":  # filled by `turn_frame`
        for name in ("from_way", "to_way", "via_way"):
            data[name] = np.zeros(len(index), dtype=np.int64)
        data["via_nodes"] = object_column([_NO_IDS for _ in index])
    if row.node_ids:
        data["node_ids"] = object_column([objects.node_ids[i] for i in index])
    geometry = object_column([objects.geometry[i] for i in index])
    return gpd.GeoDataFrame(data, geometry=geometry, crs=crs), len(merged)


def turn_frame(
    rows: Sequence[tuple[int, dict[str, str], int, int, int, list[int]]],
    roads: gpd.GeoDataFrame,
    empty: gpd.GeoDataFrame,
) -> gpd.GeoDataFrame:
    """
    Make the layer of turn restrictions, as points at the node where they begin to bind.

    Parameters
    ----------
    rows : relation, tags, ways from, to and between (0: none), nodes between, as read; neither a way nor a node
        between: there are several.
    roads : layer ``roads_drive``; restrictions whose ways are not among them are left out.
    empty : the layer without rows.

    Returns
    -------
    The columns of the layer, and ``from_way``, ``to_way``, ``via_way``, ``via_nodes``.
    """
    place = dict(zip(roads["osm_id"].tolist(), range(len(roads)), strict=True))
    kept: list[dict[str, Any]] = []
    points: list[Any] = []
    for osm_id, tags, start, goal, via, nodes in sorted(rows, key=lambda row: (row[0], *row[2:5])):
        if not {start, goal, *([via] if via else [])} <= place.keys():
            continue
        ids = roads["node_ids"].iloc[place[start]]
        ends = roads["node_ids"].iloc[place[via]] if via else None
        chosen = nodes if ends is None else [int(ends[0]), int(ends[-1])]
        at = np.flatnonzero(np.isin(ids, chosen)) if chosen else np.zeros(1, dtype=np.int64)
        if not len(at):
            continue
        xy = shapely.get_coordinates(roads.geometry.iloc[place[start]])[at[0]]
        points.append(shapely.Point(xy))
        kept.append(
            {
                "osm_type": "relation",
                "osm_id": osm_id,
                "kind": tags.get("restriction", ""),
                "restriction": tags.get("restriction", ""),
                "tags": tags,
                "from_way": start,
                "to_way": goal,
                "via_way": via,
                "via_nodes": np.array(chosen, dtype=np.int64),
            }
        )
    frame = empty.iloc[:0].reindex(range(len(kept)))
    for name in ("osm_type", "kind", "restriction"):
        frame[name] = text_column([row[name] for row in kept])
    frame["name"] = text_column([""] * len(kept))
    frame["last_edit"] = stamp_column([0] * len(kept))
    frame["tags"] = object_column([row["tags"] for row in kept])
    for name in ("osm_id", "from_way", "to_way", "via_way"):
        frame[name] = np.array([row[name] for row in kept], dtype=np.int64)
    frame["via_nodes"] = object_column([row["via_nodes"] for row in kept])
    return frame.set_geometry(gpd.GeoSeries(points, crs=empty.crs))


def empty_layers(crs: CRS) -> dict[str, gpd.GeoDataFrame]:
    """
    Give every layer with its full schema and no rows, for a study without OSM.

    Parameters
    ----------
    crs : metric CRS.

    Returns
    -------
    Layer name -> empty frame.

    Examples
    --------
    >>> from pyproj import CRS
    >>> "voltage_v" in empty_layers(CRS(32632))["power_line"]
    True
    """
    return {
        name: layer_frame(row, [], Objects(), crs=crs, unreadable=[])[0]
        for name, row in layer_table().items()
    }


def _said(
    columns: Sequence[ColumnRow], tags: Sequence[Mapping[str, str]]
) -> dict[str, dict[int, str]]:
    """Key of the columns -> what the objects say under it, by position: most say nothing under most keys."""
    said: dict[str, dict[int, str]] = {key: {} for column in columns for key in column.tags}
    for i, own in enumerate(tags):
        for key, value in own.items():
            if key in said:
                said[key][i] = value
    return said


def _column(
    column: ColumnRow, said: Mapping[str, Mapping[int, str]], kinds: Sequence[str]
) -> tuple[Any, list[int]]:
    """
    Give the values of a column, and the positions of those that hold no number.

    Of a list of values that made the object a member of the layer, the one that did so is given.
    """
    raw: dict[int, str] = {}
    for key in reversed(column.tags):  # the first key that an object has counts
        raw.update(said[key])
    if column.read in {"text", "voltages"}:
        for i, value in raw.items():
            if column.read == "voltages":
                raw[i] = voltages_text(value) if value else value
            elif ";" in value:
                parts = [part.strip() for part in value.split(";")]
                raw[i] = kinds[i] if kinds[i] in parts else value
        return sparse_text_column(raw, len(kinds)), []
    parse = PARSERS[column.read]
    known = {value: parse(value) if value else np.nan for value in set(raw.values())}
    unread = {value for value, number in known.items() if value and np.isnan(number)}
    numbers = np.full(len(kinds), np.nan)
    numbers[list(raw)] = [known[value] for value in raw.values()]
    return numbers, sorted(i for i, value in raw.items() if value in unread) if unread else []


def _merge_nodes(
    row: LayerRow, index: Sequence[int], objects: Objects, tags: dict[int, dict[str, str]]
) -> set[int]:
    """Find nodes that repeat a polygon, and hand what they know to it."""
    nodes = [i for i in index if objects.shape[i] == "point"]
    areas = [i for i in index if objects.shape[i] == "polygon"]
    if not nodes or not areas:
        return set()
    points = object_column([objects.geometry[i] for i in nodes])
    polygons = object_column([objects.geometry[i] for i in areas])
    pairs = shapely.STRtree(polygons).query(
        points, predicate="dwithin", distance=row.merge_within_m
    )
    metres = shapely.distance(points[pairs[0]], polygons[pairs[1]])
    merged: set[int] = set()
    for pair in np.lexsort((pairs[1], metres, pairs[0])):
        node, area = nodes[pairs[0][pair]], areas[pairs[1][pair]]
        if node not in merged and _same_facility(row, tags[node], tags[area]):
            merged.add(node)
            tags[area] = {**tags[node], **tags[area]}
    return merged


def _merge_campus(
    members: Sequence[tuple[int, str]], objects: Objects, tags: dict[int, dict[str, str]]
) -> set[int]:
    """Find buildings that repeat the grounds on which they stand, and hand what they know to them."""
    kinds = dict(members)
    areas = [i for i in kinds if objects.shape[i] == "polygon"]
    shapes = object_column([objects.geometry[i] for i in areas])
    size = shapely.area(shapes)
    inner, outer = shapely.STRtree(shapes).query(
        shapely.point_on_surface(shapes), predicate="within"
    )
    merged: set[int] = set()
    for pair in np.lexsort((inner, -size[outer])):
        small, large = areas[inner[pair]], areas[outer[pair]]
        if small == large or size[inner[pair]] >= size[outer[pair]] or large in merged:
            continue
        if small not in merged and kinds[small] == kinds[large]:
            common = shapely.area(
                shapely.intersection(objects.geometry[small], objects.geometry[large])
            )
            if common > size[inner[pair]] / 2:
                merged.add(small)
                tags[large] = {**tags[small], **tags[large]}
    return merged


def _merge_beside(
    row: LayerRow,
    members: Sequence[tuple[int, str]],
    objects: Objects,
    tags: dict[int, dict[str, str]],
) -> set[int]:
    """Find buildings of one facility that has no grounds: side by side, or members of one site relation."""
    kinds = dict(members)
    areas = [i for i in kinds if objects.shape[i] == "polygon"]
    if len(areas) < 2:  # noqa: PLR2004 - a pair
        return set()
    shapes = object_column([objects.geometry[i] for i in areas])
    sites = [objects.site[i] for i in areas]
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=row.beside_m)
    pairs = {
        (a, b)
        for a, b in zip(one.tolist(), other.tolist(), strict=True)
        if a != b and _built(tags[areas[a]], tags[areas[b]])
    }
    for number in sorted(frozenset().union(*sites)):
        together = [k for k, found in enumerate(sites) if number in found]
        pairs |= {(a, b) for a in together for b in together if a != b}
    size = shapely.area(shapes)
    # The largest first takes what stands beside it, then what stands beside that.
    order = sorted(range(len(areas)), key=lambda k: (-size[k], k))
    rank = {k: place for place, k in enumerate(order)}
    beside: dict[int, list[int]] = {}
    for a, b in sorted(pairs):
        beside.setdefault(a, []).append(b)
    merged: set[int] = set()
    for first in order:
        if areas[first] in merged:
            continue
        queue = [first]
        while queue:
            for next_one in beside.get(queue.pop(), ()):
                small, large = areas[next_one], areas[first]
                taken = small == large or small in merged or kinds[small] != kinds[large]
                if taken or rank[next_one] < rank[first]:
                    continue
                if sites[next_one].isdisjoint(sites[first]) and _differ(
                    row, tags[small], tags[large]
                ):
                    continue
                merged.add(small)
                tags[large] = {**tags[small], **tags[large]}
                queue.append(next_one)
    return merged


def _built(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether both are buildings: grounds side by side are facilities of their own."""
    return one.get("building", "no") != "no" and other.get("building", "no") != "no"


def _differ(row: LayerRow, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether two objects are said to be different facilities."""
    for key in ("name", *row.merge_differ):
        said, known = one.get(key, "").casefold().strip(), other.get(key, "").casefold().strip()
        if said and known and said != known:
            return True
    return False


def _same_facility(row: LayerRow, node: Mapping[str, str], area: Mapping[str, str]) -> bool:
    if _differ(row, node, area):
        return False
    return any(key in node and node[key] == area.get(key) for key in row.merge_on)
