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
    if known is None or known.table != table or not _starts_with(roads, known.roads):
        right = usable(roads, mode=mode, table=table)
        found = _described(roads[right], mode=mode, table=table, ferry=False)
        if memory is not None:
            memory[mode] = _Told(roads, table, right, found.drop(columns=columns))
        return found
    added = roads.iloc[len(known.roads) :]
    right, told = known.usable, known.columns
    if len(added):
        more = usable(added, mode=mode, table=table)
        new = _described(added[more], mode=mode, table=table, ferry=False).drop(columns=columns)
        right, told = np.concatenate([right, more]), pd.concat([told, new])
    ways = roads.loc[right, columns]
    for name in told:
        ways[name] = told[name].to_numpy()
    return ways


def _starts_with(roads: gpd.GeoDataFrame, before: gpd.GeoDataFrame) -> bool:
    """Tell whether the first roads have the tags of those before; shapes and nodes may differ."""
    if roads is before:
        return True
    if len(roads) < len(before) or not roads.columns.equals(before.columns):
        return False
    pairs = zip(pd.DataFrame(roads).items(), pd.DataFrame(before).items(), strict=True)
    return all(
        _starts_same(column, was)
        for (name, column), (_, was) in pairs
        if name not in {"geometry", "node_ids"}
    )


def _starts_same(column: pd.Series[Any], before: pd.Series[Any]) -> bool:
    """Tell whether a column starts with another one."""
    if column.dtype != before.dtype:
        return False
    if isinstance(column.dtype, pd.StringDtype):  # compared where they lie, not made into texts
        lying = [pa.array(one.array) for one in (column, before)]
        whole = [pa.chunked_array([one]) if isinstance(one, pa.Array) else one for one in lying]
        return bool(whole[0].slice(0, len(before)).equals(whole[1]))
    first = column.iloc[: len(before)]
    return first.reset_index(drop=True).equals(before.reset_index(drop=True))


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
