"""
Roads: a line that somebody draws becomes part of the street network.

Its ends are moved to the streets near them, and wherever it meets a street on the ground both get the same
node, so that one turns from one into the other. Bridges and tunnels are passed over and under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.planning.scenario.rows import new_id, with_row
from kcity_geo.settings import network_table

__all__ = ["ROAD_LAYERS", "with_road"]

#: Layers of streets, and the mode whose classes of ways are in each.
ROAD_LAYERS = {"roads_drive": "drive", "roads_walk": "walk", "roads_cycle": "cycle"}
_NO = ("", "no")
#: Number by which shapely calls a LineString.
_LINE = 1


@dataclass(frozen=True, eq=False)
class _Meeting:
    """A node of the new road: where along it, and where along the street that it meets."""

    along: float
    xy: tuple[float, float]
    node: int
    way: int
    at: float
    new: bool


class _Streets:
    """The streets of all layers, each way once, and the nodes that are added to them."""

    def __init__(self, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
        ids: list[NDArray[np.int64]] = []
        lines: list[NDArray[np.object_]] = []
        nodes: list[NDArray[np.object_]] = []
        apart: list[NDArray[np.bool_]] = []
        for frame in layers.values():
            shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
            rows = np.flatnonzero(shapely.get_type_id(shapes) == _LINE)
            off = np.zeros(len(frame), dtype=bool)
            for name in ("bridge", "tunnel"):
                if name in frame:
                    off |= ~frame[name].isin(_NO).to_numpy(dtype=bool)
            own = np.full(len(frame), None, dtype=object)
            if "node_ids" in frame:
                own = frame["node_ids"].to_numpy(dtype=object)
            ids.append(frame["osm_id"].to_numpy(dtype=np.int64)[rows])
            lines.append(shapes[rows])
            nodes.append(own[rows])
            apart.append(off[rows])
        every, first = np.unique(np.concatenate(ids), return_index=True)
        self.ids: list[int] = every.tolist()
        self.line: NDArray[np.object_] = np.concatenate(lines)[first]
        self.nodes: NDArray[np.object_] = np.concatenate(nodes)[first]
        self.apart: NDArray[np.bool_] = np.concatenate(apart)[first]
        known = [own for part in nodes for own in part if own is not None]
        lowest = int(np.concatenate(known).min(initial=0)) if known else 0
        self.tree = shapely.STRtree(self.line)
        self.next = lowest - 1
        self.known: dict[tuple[int, int], tuple[int, tuple[float, float]]] = {}

    def fresh(self) -> int:
        """Give a node id that is not used yet."""
        self.next -= 1
        return self.next + 1

    def place(
        self, way: int, spot: shapely.Point, join_m: float
    ) -> tuple[tuple[float, float], int, float, bool]:
        """Give the node of a way at a spot: one that is there, or a new one."""
        line, nodes = self.line[way], self.nodes[way]
        xy = shapely.get_coordinates(line)
        far = np.hypot(*(xy - [spot.x, spot.y]).T)
        nearest = int(np.argmin(far))
        if far[nearest] <= join_m:
            at = (float(xy[nearest, 0]), float(xy[nearest, 1]))
            number = 0 if nodes is None else int(nodes[nearest])
            return at, number, float(shapely.line_locate_point(line, shapely.Point(at))), False
        # A spot that two ways share is one node.
        key = (round(spot.x * 1000), round(spot.y * 1000))
        if key not in self.known:
            self.known[key] = (self.fresh(), (float(spot.x), float(spot.y)))
        number, at = self.known[key]
        return at, number, float(shapely.line_locate_point(line, spot)), True


def with_road(
    layers: Mapping[str, gpd.GeoDataFrame], line: shapely.LineString, *, highway: str, snap_m: float
) -> tuple[dict[str, gpd.GeoDataFrame], shapely.LineString]:
    """
    Add a road to the layers of streets.

    Parameters
    ----------
    layers : those of `ROAD_LAYERS` that the city has; stay as they are.
    line : of the road, CRS of the layers.
    highway : class of the road.
    snap_m : an end is moved to the nearest street that is not farther.

    Returns
    -------
    The layers whose modes may use the road, and all whose streets it meets; and the road as it was joined.

    Raises
    ------
    StudyError
        If the line crosses itself, has no length, meets no street, or nobody may use such a road.

    Examples
    --------
    >>> street = gpd.GeoDataFrame({"osm_id": [1], "highway": ["residential"]},
    ...                           geometry=[shapely.LineString([(0, 0), (100, 0)])], crs=32632)
    >>> found, road = with_road({"roads_drive": street}, shapely.LineString([(50, 8), (50, 90)]),
    ...                         highway="residential", snap_m=30)
    >>> road.wkt, [line.wkt for line in found["roads_drive"].geometry]
    ('LINESTRING (50 0, 50 90)', ['LINESTRING (0 0, 50 0, 100 0)', 'LINESTRING (50 0, 50 90)'])
    """
    classes = network_table()["classes"]
    modes = {"drive": classes["drive"], "walk": classes["walk"], "cycle": classes["cycle"]}
    users = [name for name in layers if highway in modes[ROAD_LAYERS[name]]]
    if not users:
        raise StudyError(
            f"add_road: nobody may use highway={highway!r}; give a class such as 'residential'"
        )
    if not line.is_simple or line.length <= 0:
        raise StudyError("add_road: the line has no length or crosses itself; draw it again")
    streets = _Streets(layers)
    join_m = float(read_table("scenario")["road"]["join_m"])
    line, ends = _joined(streets, line, snap_m, join_m)
    meetings = _meetings(streets, line, ends, join_m)
    if not meetings:
        raise StudyError(
            f"add_road: no street within {snap_m:g} m of its ends, and it crosses none; draw it to a street "
            "or give a larger snap_m"
        )
    road, nodes = _built(streets, line, meetings)
    changed = {
        name: _noded(frame, streets, meetings)
        for name, frame in layers.items()
        if frame["osm_id"].isin([streets.ids[m.way] for m in meetings if m.new]).any()
    }
    number = new_id(layers)
    for name in users:
        frame = changed.get(name, layers[name])
        values: dict[str, object] = {"osm_id": number, "highway": highway}
        more = {"osm_type": "way", "kind": highway, "node_ids": nodes}
        values |= {column: value for column, value in more.items() if column in frame}
        changed[name] = with_row(frame, road, values)
    return changed, road


def _joined(
    streets: _Streets, line: shapely.LineString, snap_m: float, join_m: float
) -> tuple[shapely.LineString, list[tuple[int, int]]]:
    """Move the ends of a line to the streets near them; tell which end meets which street."""
    xy = shapely.get_coordinates(line)
    ends = []
    for end in (0, len(xy) - 1):
        spot = shapely.Point(xy[end])
        near = streets.tree.query(spot, predicate="dwithin", distance=snap_m)
        if not len(near):
            continue
        far = [(round(float(streets.line[w].distance(spot)), 3), int(w)) for w in near.tolist()]
        way = min(far)[1]
        on = shapely.line_interpolate_point(
            streets.line[way], shapely.line_locate_point(streets.line[way], spot)
        )
        xy[end] = streets.place(way, on, join_m)[0]
        ends.append((end, way))
    moved = shapely.LineString(xy)
    if moved.length <= join_m or not moved.is_simple:
        raise StudyError(
            "add_road: both ends meet the same spot, or the joined line crosses itself"
        )
    return moved, ends


def _meetings(
    streets: _Streets, line: shapely.LineString, ends: list[tuple[int, int]], join_m: float
) -> list[_Meeting]:
    xy = shapely.get_coordinates(line)
    found = []
    spots = [(way, shapely.Point(xy[end])) for end, way in ends]
    for way in sorted(streets.tree.query(line, predicate="intersects").tolist()):
        if streets.apart[way]:
            continue
        meet = shapely.intersection(line, streets.line[way])
        spots += [(way, shapely.Point(p)) for p in shapely.get_coordinates(meet)]
    for way, spot in spots:
        at, node, along, new = streets.place(way, spot, join_m)
        on_road = float(shapely.line_locate_point(line, shapely.Point(at)))
        found.append(_Meeting(on_road, at, node, way, along, new))
    return found


def _built(
    streets: _Streets, line: shapely.LineString, meetings: list[_Meeting]
) -> tuple[shapely.LineString, NDArray[np.int64]]:
    """Give the new road with the nodes of its meetings between its own vertices."""
    rows: list[tuple[float, tuple[float, float], int]] = []
    for meeting in sorted(meetings, key=lambda m: (m.along, m.way)):
        if not any(meeting.xy == xy for _, xy, _ in rows):
            rows.append((meeting.along, meeting.xy, meeting.node))
    for x, y in shapely.get_coordinates(line).tolist():
        if not any((x, y) == xy for _, xy, _ in rows):
            along = float(shapely.line_locate_point(line, shapely.Point(x, y)))
            rows.append((along, (x, y), streets.fresh()))
    rows.sort(key=lambda row: row[0])
    road = shapely.LineString([xy for _, xy, _ in rows])
    return road, np.array([node for _, _, node in rows], dtype=np.int64)


def _noded(
    frame: gpd.GeoDataFrame, streets: _Streets, meetings: list[_Meeting]
) -> gpd.GeoDataFrame:
    """Put the new nodes into the streets that they lie on."""
    place = {way: i for i, way in enumerate(streets.ids)}
    added: dict[int, dict[int, _Meeting]] = {}
    for meeting in meetings:
        if meeting.new:
            added.setdefault(meeting.way, {})[meeting.node] = meeting
    shapes = frame.geometry.to_numpy().copy()
    ids = frame["osm_id"].to_numpy()
    nodes = frame["node_ids"].to_list() if "node_ids" in frame else None
    for row in np.flatnonzero(np.isin(ids, [streets.ids[way] for way in added])).tolist():
        own = added[place[int(ids[row])]]
        xy = shapely.get_coordinates(shapes[row])
        along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T))]
        new = sorted(own.values(), key=lambda m: m.at)
        at = np.searchsorted(along, [m.at for m in new])
        shapes[row] = shapely.LineString(np.insert(xy, at, [m.xy for m in new], axis=0))
        if nodes is not None:
            nodes[row] = np.insert(
                np.asarray(nodes[row], dtype=np.int64), at, [m.node for m in new]
            )
    out = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    if nodes is not None:
        filled = np.empty(len(nodes), dtype=object)
        filled[:] = nodes
        out["node_ids"] = filled
    return out
