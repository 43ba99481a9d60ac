"""Ways: the streets and ferries that a mode of travel may use, with direction, speed and kind."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

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


def usable_ways(
    roads: gpd.GeoDataFrame,
    ferries: gpd.GeoDataFrame | None,
    *,
    mode: str,
    table: NetworkTable,
) -> gpd.GeoDataFrame:
    """
    Give the usable ways of a mode, with what travelling on them asks for.

    Parameters
    ----------
    roads : road layer in a metric CRS.
    ferries : ferry lines in the same CRS, if there are any.
    mode : walk, cycle, drive or street.
    table : of ``tables/network.toml``.

    Returns
    -------
    A row a way in the order of their ids: ``osm_id``, ``geometry``, ``highway``, ``speed_kmh``, ``forward``,
    ``backward``, ``bridge``, ``tunnel``, ``private``, and ``node_ids`` where the layer has them.
    """
    chosen = roads[usable(roads, mode=mode, table=table)]
    frames = [_described(chosen, mode=mode, table=table, ferry=False)]
    if ferries is not None and len(ferries) and mode != "street":
        taken = ferries[ferries_usable(ferries, mode=mode, table=table)]
        frames.append(_described(taken, mode=mode, table=table, ferry=True))
    ways = pd.concat(frames) if len(frames) > 1 else frames[0]
    ways = ways[(ways.geometry.geom_type == "LineString").to_numpy()]
    order = np.argsort(ways["osm_id"].to_numpy(dtype=np.int64), kind="stable")
    ways = ways.iloc[order]
    return ways[~ways["osm_id"].duplicated().to_numpy()].reset_index(drop=True)


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
