"""Street graphs to and from NetworkX, in the shape that OSMnx makes and reads."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.network.graph import StreetGraph, components
from kcity_geo.analysis.network.rules import MODES
from kcity_geo.errors import SchemaError, StudyError
from kcity_geo.settings import NetworkTable, network_table

__all__ = ["from_networkx", "to_networkx"]


def _keys(graph: StreetGraph) -> NDArray[np.int64]:
    """Give OSM ids; further ends of one barrier node get negative numbers."""
    keys = graph.node_osm.copy()
    _, first = np.unique(keys, return_index=True)
    again = np.setdiff1d(np.arange(len(keys)), first)
    keys[again] = -1 - np.arange(len(again)) - max(0, -int(keys.min(initial=0)))
    return keys


def to_networkx(graph: StreetGraph) -> nx.MultiDiGraph:
    """
    Convert a street graph to an OSMnx-compatible NetworkX graph.

    Parameters
    ----------
    graph : street graph.

    Returns
    -------
    Graph attribute ``crs``; nodes by OSM id with ``x``, ``y``, ``street_count``; an edge for each
    direction allowed, with ``osmid``, ``highway``, ``oneway``, ``reversed``, ``length`` (m),
    ``minutes`` and ``geometry`` in the direction of travel.
    """
    import networkx as nx

    result = nx.MultiDiGraph(crs=graph.crs, mode=graph.mode)
    keys = _keys(graph).tolist()
    degree = graph.degree.tolist()
    result.add_nodes_from(
        (key, {"x": x, "y": y, "osmid": osm, "street_count": count})
        for key, x, y, osm, count in zip(
            keys,
            graph.node_x.tolist(),
            graph.node_y.tolist(),
            graph.node_osm.tolist(),
            degree,
            strict=True,
        )
    )
    turned = shapely.reverse(graph.geometry)
    for i, (u, v) in enumerate(zip(graph.tail.tolist(), graph.head.tolist(), strict=True)):
        ahead, back = float(graph.minutes_forward[i]), float(graph.minutes_backward[i])
        common = {
            "osmid": int(graph.osm_way[i]),
            "highway": str(graph.highway[i]),
            "length": float(graph.length_m[i]),
            "oneway": not (np.isfinite(ahead) and np.isfinite(back)),
            "segment": i,
        }
        if np.isfinite(ahead):
            result.add_edge(
                keys[u],
                keys[v],
                **common,
                minutes=ahead,
                reversed=False,
                geometry=graph.geometry[i],
            )
        if np.isfinite(back):
            result.add_edge(
                keys[v], keys[u], **common, minutes=back, reversed=True, geometry=turned[i]
            )
    return result


def from_networkx(graph: nx.MultiDiGraph, *, mode: str) -> StreetGraph:
    """
    Take a projected OSMnx graph, or one made by `to_networkx`.

    Two edges that are each other's reverse become one segment. Edges without ``minutes`` take
    ``travel_time`` (seconds, as OSMnx gives it), else their length at the speed of their class.

    Parameters
    ----------
    graph : with ``crs``, and nodes with ``x`` and ``y`` in metres.
    mode : walk, cycle or drive.

    Returns
    -------
    The street graph.

    Raises
    ------
    SchemaError
        If the CRS is missing or not metric, or nodes have no position.
    StudyError
        If the mode is unknown.
    """
    from pyproj import CRS

    if mode not in MODES:
        raise StudyError(f"mode: {mode!r} is not one of {', '.join(MODES)}")
    crs = graph.graph.get("crs")
    if crs is None or not CRS.from_user_input(crs).is_projected:
        raise SchemaError(f"graph: crs {crs!r} is not metric; use osmnx.project_graph first")
    table = network_table()
    names = sorted(graph.nodes)
    number = {name: i for i, name in enumerate(names)}
    try:
        x = np.array([graph.nodes[name]["x"] for name in names], dtype=np.float64)
        y = np.array([graph.nodes[name]["y"] for name in names], dtype=np.float64)
    except KeyError as error:
        raise SchemaError(f"graph: a node has no {error}; give x and y in metres") from error
    osm = np.array(
        [int(graph.nodes[name].get("osmid", i)) for i, name in enumerate(names)], dtype=np.int64
    )
    rows = _segments(graph, number, mode=mode, table=table, xy=(x, y))
    tail = np.array([row["tail"] for row in rows], dtype=np.int32)
    head = np.array([row["head"] for row in rows], dtype=np.int32)
    length = np.array([row["length"] for row in rows], dtype=np.float64)
    return StreetGraph(
        mode=mode,
        crs=CRS.from_user_input(crs),
        node_x=x,
        node_y=y,
        node_osm=osm,
        tail=tail,
        head=head,
        length_m=length,
        minutes_forward=np.array([row["ahead"] for row in rows], dtype=np.float64),
        minutes_backward=np.array([row["back"] for row in rows], dtype=np.float64),
        geometry=np.array([row["geometry"] for row in rows], dtype=object),
        osm_way=np.array([row["osmid"] for row in rows], dtype=np.int64),
        highway=np.array([row["highway"] for row in rows], dtype=np.str_),
        component=components(len(names), tail, head, length),
        table=table,
    )


def _first(value: Any, default: Any) -> Any:  # noqa: ANN401 - OSMnx attributes are values or lists
    if isinstance(value, list):
        return value[0] if value else default
    return default if value is None else value


def _segments(
    graph: nx.MultiDiGraph,
    number: dict[Any, int],
    *,
    mode: str,
    table: NetworkTable,
    xy: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[dict[str, Any]]:
    """Pair each edge with its reverse; edges in an order that does not depend on insertion."""
    open_ones: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    rows: list[dict[str, Any]] = []
    edges = sorted(
        graph.edges(keys=True, data=True),
        key=lambda edge: (number[edge[0]], number[edge[1]], edge[2]),
    )
    for u, v, _, data in edges:
        a, b = number[u], number[v]
        line = data.get("geometry")
        if line is None:
            line = shapely.LineString([(xy[0][a], xy[1][a]), (xy[0][b], xy[1][b])])
        length = float(data.get("length", line.length))
        highway = str(_first(data.get("highway"), "unclassified"))
        minutes = _minutes(data, length, highway, mode=mode, table=table)
        osmid = int(_first(data.get("osmid"), 0))
        key = (min(a, b), max(a, b), round(length, 6), osmid)
        waiting = open_ones.get(key, [])
        match = next(
            (row for row in waiting if _reverse(row, a, b, line)),
            None,
        )
        if match is not None and not data.get("oneway", False):
            match["back"] = minutes
            waiting.remove(match)
            continue
        row = {
            "tail": a,
            "head": b,
            "length": length,
            "ahead": minutes,
            "back": np.inf,
            "geometry": line,
            "osmid": osmid,
            "highway": highway,
        }
        rows.append(row)
        if not data.get("oneway", False):
            open_ones.setdefault(key, []).append(row)
    return rows


def _reverse(row: dict[str, Any], tail: int, head: int, line: shapely.LineString) -> bool:
    """Whether an edge runs back along the segment."""
    if (row["tail"], row["head"]) != (head, tail):
        return False
    return bool(shapely.equals_exact(row["geometry"], shapely.reverse(line), tolerance=0.01))


def _minutes(
    data: dict[str, Any], length: float, highway: str, *, mode: str, table: NetworkTable
) -> float:
    if "minutes" in data:
        return float(data["minutes"])
    if "travel_time" in data:
        return float(data["travel_time"]) / 60.0
    speeds = table["speeds"]
    speed: float = speeds["walk_kmh"] if mode in {"walk", "street"} else speeds["cycle_kmh"]
    if mode == "drive":
        speed = speeds["drive"].get(highway, speeds["default_kmh"])
    return length / (speed * 1000.0 / 60.0)
