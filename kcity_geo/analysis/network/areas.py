"""
Squares, platforms and piers as ways on foot.

People walk round the edge of such an area, and straight across between the streets that come in, as
far as the line stays inside. An area joins what meets it and adds no street length: it is no street.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.network.rules import destination, shut, speeds_kmh, texts
from kcity_geo.settings import NetworkTable

__all__ = ["with_areas"]


def with_areas(
    ways: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, *, table: NetworkTable
) -> gpd.GeoDataFrame:
    """
    Add the edges of walkable areas, and the straight lines across them, to the ways on foot.

    Parameters
    ----------
    ways : usable ways, as `kcity_geo.analysis.network.graph.build_graph` describes them.
    areas : layer ``walk_area``: rings of areas and lines of piers and platforms, with ``node_ids``.
    table : of ``tables/network.toml``.

    Returns
    -------
    The ways, with the areas after them, numbered on from -1 downwards.
    """
    closed = shut(areas, table["access"]["walk"], table=table)
    guests = destination(areas, mode="walk", table=table)
    line = (areas.geometry.geom_type == "LineString").to_numpy()
    areas = areas[(~closed | guests) & line]
    if not len(areas):
        return ways
    edges = areas[["osm_type", "osm_id", "geometry", "node_ids"]].copy()
    kind = texts(areas, "highway")
    edges["highway"] = np.where(np.isin(kind, table["classes"]["walk"]), kind, "footway")
    edges["speed_kmh"] = speeds_kmh(areas, mode="walk", table=table)
    edges["forward"] = edges["backward"] = True
    edges["private"] = destination(areas, mode="walk", table=table)
    for name in ("bridge", "tunnel"):
        edges[name] = ~np.isin(texts(areas, name), ["", "no"])
    across = _across(ways, edges, most=int(table["areas"]["most_entries"]))
    added = pd.concat([edges, across], ignore_index=True) if len(across) else edges
    # Their own numbers, as a relation may have that of a way, and has several rings.
    added["osm_id"] = -1 - np.arange(len(added))
    together: gpd.GeoDataFrame = pd.concat([ways, added[list(ways.columns)]], ignore_index=True)
    return together


def _across(ways: gpd.GeoDataFrame, edges: gpd.GeoDataFrame, *, most: int) -> gpd.GeoDataFrame:
    """Give straight lines inside each area between the nodes at which something comes in."""
    rings = np.flatnonzero(shapely.is_closed(edges.geometry.to_numpy()))
    entries = _entries(ways, edges)
    shapes = edges.geometry.to_numpy()
    ids = [np.asarray(one, dtype=np.int64).tolist() for one in edges["node_ids"]]
    owner = edges[["osm_type", "osm_id"]].iloc[rings]
    groups = owner.groupby(["osm_type", "osm_id"], sort=True).indices
    rows: list[int] = []
    lines: list[Any] = []
    nodes: list[NDArray[np.int64]] = []
    for members in groups.values():
        chosen = rings[np.asarray(members)]
        polygon = _polygon(shapes[chosen])
        place = {
            node: tuple(xy)
            for row in chosen.tolist()
            for node, xy in zip(ids[row], shapely.get_coordinates(shapes[row]), strict=True)
            if node in entries
        }
        if polygon is None or not 1 < len(place) <= most:
            continue
        pairs = list(combinations(sorted(place), 2))
        drawn = shapely.linestrings([[place[a], place[b]] for a, b in pairs])
        good = shapely.covers(shapely.buffer(polygon, 0.05), drawn)
        along = shapely.covers(shapely.buffer(shapely.boundary(polygon), 0.05), drawn)
        for number in np.flatnonzero(good & ~along).tolist():
            rows.append(int(chosen[0]))
            lines.append(drawn[number])
            nodes.append(np.array(pairs[number], dtype=np.int64))
    found = edges.iloc[rows].copy()
    found["geometry"] = gpd.GeoSeries(lines, index=found.index, crs=edges.crs)
    found["node_ids"] = pd.Series(nodes, index=found.index, dtype=object)
    return found


def _entries(ways: gpd.GeoDataFrame, edges: gpd.GeoDataFrame) -> set[int]:
    """Give the nodes of areas at which a street or another area comes in."""
    each = [np.unique(np.asarray(ids, dtype=np.int64)) for ids in edges["node_ids"]]
    ids, count = np.unique(np.concatenate(each), return_counts=True)
    street = np.concatenate([np.zeros(0, np.int64), *ways["node_ids"]]).astype(np.int64)
    return set(ids[(count > 1) | np.isin(ids, street)].tolist())


def _polygon(rings: NDArray[np.object_]) -> Any | None:  # noqa: ANN401 - shapely geometry
    """Give the area that rings bound: what lies inside an odd number of them."""
    whole: Any = shapely.Polygon()
    for ring in rings:
        if shapely.get_num_points(ring) < 4:  # noqa: PLR2004 - a triangle and its first corner again
            continue
        whole = shapely.symmetric_difference(whole, shapely.make_valid(shapely.Polygon(ring)))
    return None if shapely.is_empty(whole) else whole
