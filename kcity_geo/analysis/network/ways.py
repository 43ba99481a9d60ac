"""Ways: the streets and ferries that a mode of travel may use, with direction, speed and kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.network.rules import (
    destination,
    directions,
    ferries_usable,
    ferry_kmh,
    speeds_kmh,
    texts,
    usable,
)
from kcity_geo.settings import NetworkTable

__all__ = ["usable_ways"]

#: Number by which shapely calls a LineString.
_LINE = 1


def usable_ways(
    roads: gpd.GeoDataFrame,
    ferries: gpd.GeoDataFrame | None,
    *,
    mode: str,
    table: NetworkTable,
    memory: dict[Any, Any] | None = None,
) -> gpd.GeoDataFrame:
    """
    Give the usable ways of a mode, with what travelling on them asks for.

    Parameters
    ----------
    roads : road layer in a metric CRS.
    ferries : ferry lines in the same CRS, if there are any.
    mode : walk, cycle, drive or street.
    table : of ``tables/network.toml``.
    memory : what was found of the tags of the roads of each mode, for a layer with more roads. None: nothing is kept.

    Returns
    -------
    A row a way in the order of their ids: ``osm_id``, ``geometry``, ``highway``, ``speed_kmh``, ``forward``,
    ``backward``, ``bridge``, ``tunnel``, ``private``, and ``node_ids`` where the layer has them.
    """
    frames = [_of_roads(roads, mode, table, memory)]
    if ferries is not None and len(ferries) and mode != "street":
        taken = ferries[ferries_usable(ferries, mode=mode, table=table)]
        frames.append(_described(taken, mode=mode, table=table, ferry=True))
    ways = pd.concat(frames) if len(frames) > 1 else frames[0]
    rows = np.flatnonzero(shapely.get_type_id(ways.geometry.to_numpy()) == _LINE)
    ids = ways["osm_id"].to_numpy(dtype=np.int64)
    rows = rows[np.argsort(ids[rows], kind="stable")]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = ids[rows[1:]] != ids[rows[:-1]]
    return ways.iloc[rows[first]].reset_index(drop=True)


@dataclass(frozen=True)
class _Told:
    """What the tags of the roads of a layer tell."""

    roads: gpd.GeoDataFrame
    table: NetworkTable
    usable: NDArray[np.bool_]
    columns: pd.DataFrame  # of the usable ones


def _of_roads(
    roads: gpd.GeoDataFrame, mode: str, table: NetworkTable, memory: dict[Any, Any] | None
) -> gpd.GeoDataFrame:
    """Describe the usable roads; of those whose tags were read before, only shape and nodes are taken anew."""
    columns = ["osm_id", "geometry", *(["node_ids"] if "node_ids" in roads else [])]
    known: _Told | None = None if memory is None else memory.get(mode)
    kept = 0 if known is None or known.table != table else _kept(roads, known.roads)
    if known is None or kept is None or known.table != table:
        right = usable(roads, mode=mode, table=table)
        found = _described(roads[right], mode=mode, table=table, ferry=False)
        if memory is not None:
            memory[mode] = _Told(roads, table, right, found.drop(columns=columns))
        return found
    right, told = known.usable, known.columns
    fresh = slice(kept, kept + len(roads) - len(known.roads))
    added = roads.iloc[fresh]
    if len(added):
        more = usable(added, mode=mode, table=table)
        new = _described(added[more], mode=mode, table=table, ferry=False).drop(columns=columns)
        above = int(right[:kept].sum())
        told = pd.concat([told.iloc[:above], new, told.iloc[above:]])
        right = np.concatenate([right[:kept], more, right[kept:]])
    ways = roads.loc[right, columns]
    for name in told:
        ways[name] = told[name].to_numpy()
    return ways


def _kept(roads: gpd.GeoDataFrame, before: gpd.GeoDataFrame) -> int | None:
    """
    Tell after how many rows new roads stand between those before; None: the others have other tags.

    Shapes and nodes of the others may differ.
    """
    if roads is before:
        return len(before)
    if len(roads) < len(before) or not roads.columns.equals(before.columns):
        return None
    ids, was = (frame["osm_id"].to_numpy() for frame in (roads, before))
    other = np.flatnonzero(ids[: len(was)] != was)
    kept = int(other[0]) if len(other) else len(was)
    pairs = zip(pd.DataFrame(roads).items(), pd.DataFrame(before).items(), strict=True)
    same = all(
        _same_around(column, old, kept)
        for (name, column), (_, old) in pairs
        if name not in {"geometry", "node_ids"}
    )
    return kept if same else None


def _same_around(column: pd.Series[Any], before: pd.Series[Any], kept: int) -> bool:
    """Tell whether a column is another one with values put in after some rows."""
    if column.dtype != before.dtype:
        return False
    rest = len(before) - kept
    parts = [(0, 0, kept), (len(column) - rest, kept, rest)]
    if isinstance(column.dtype, pd.StringDtype):  # compared where they lie, not made into texts
        lying = [pa.array(one.array) for one in (column, before)]
        now, old = (pa.chunked_array([one]) if isinstance(one, pa.Array) else one for one in lying)
        return all(now.slice(at, size).equals(old.slice(was, size)) for at, was, size in parts)
    return all(
        column.iloc[at : at + size]
        .reset_index(drop=True)
        .equals(before.iloc[was : was + size].reset_index(drop=True))
        for at, was, size in parts
        if size
    )


def _described(
    roads: gpd.GeoDataFrame, *, mode: str, table: NetworkTable, ferry: bool
) -> gpd.GeoDataFrame:
    columns = ["osm_id", "geometry", *(["node_ids"] if "node_ids" in roads else [])]
    ways = roads[columns].copy()
    if ferry:
        ways["highway"] = "ferry"
        ways["speed_kmh"] = ferry_kmh(roads, table=table)
        # A boat that goes one way only takes nobody back, on foot or not.
        ways["forward"], ways["backward"] = directions(roads, mode="drive", table=table)
        ways["bridge"] = ways["tunnel"] = True
        ways["private"] = False
    else:
        ways["highway"] = texts(roads, "highway").astype(object)
        ways["speed_kmh"] = speeds_kmh(roads, mode=mode, table=table)
        ways["forward"], ways["backward"] = directions(roads, mode=mode, table=table)
        ways["private"] = False
        if mode != "street":
            ways["private"] = destination(roads, mode=mode, table=table)
        for name in ("bridge", "tunnel"):
            ways[name] = ~np.isin(texts(roads, name), ["", "no"])
    return ways
