"""The layers of OpenStreetMap as they are handed over: each street once, each tag once, no empty columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

__all__ = ["BUILDINGS", "STREETS", "handed_over"]

#: Layer of the many outlines that stand in a file of their own.
BUILDINGS = "building"
#: Layer that holds the streets of all modes, and the column that says of each layer that it has a street.
STREETS = "streets"
_MODES = {"roads_drive": "drive", "roads_walk": "walk", "roads_cycle": "cycle"}
#: Rows of a column that are looked at before all others are.
_FIRST = 500
#: Columns that a layer keeps when they are empty.
_ALWAYS = ("osm_type", "osm_id", "name", "kind", "geometry")


def handed_over(layers: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """
    Give the layers of the map as they are handed over in a GeoPackage.

    Parameters
    ----------
    layers : of the city, metric CRS.

    Returns
    -------
    Layer -> features; layers without features and buildings are left out. Streets for cars, on foot and by bicycle
    are one layer ``streets`` with the columns ``drive, walk, cycle`` (1: of that mode). A column without any value is
    left out; ``tags`` keeps what no column says in the same words.
    """
    found: dict[str, gpd.GeoDataFrame] = {}
    for name, frame in layers.items():
        if name == BUILDINGS or not len(frame):
            continue
        if name not in _MODES:
            found[name] = _lean(frame)
        elif STREETS not in found:
            found[STREETS] = _lean(_streets(layers))
    return found


def _streets(layers: Mapping[str, gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Put the streets of all modes into one frame; a way that was split keeps its pieces."""
    given = {mode: layers[name] for name, mode in _MODES.items() if len(layers.get(name, ()))}
    every = pd.concat(list(given.values()), ignore_index=True)
    which = _numbered(every)
    mode_of = np.repeat(np.array(list(given)), [len(frame) for frame in given.values()])
    first = ~pd.Series(which).duplicated().to_numpy()
    streets = every[first].reset_index(drop=True)
    flags = {
        mode: np.isin(which[first], which[mode_of == mode]).astype(np.int32)
        for mode in _MODES.values()
    }
    order = [c for c in streets.columns if c != "geometry"]
    return gpd.GeoDataFrame(
        streets.assign(**flags)[[*order[:4], *flags, *order[4:], "geometry"]],
        geometry="geometry",
        crs=every.crs,
    )


def _numbered(frame: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Give each feature a number: the same object of the map on the same course has the same one."""
    number = np.zeros(len(frame), dtype=np.int64)
    for told in (frame["osm_type"], frame["osm_id"], shapely.to_wkb(frame.geometry.to_numpy())):
        codes, different = pd.factorize(told)
        number = pd.factorize(number * (len(different) + 1) + codes + 1)[0]
    return number


def _lean(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    out = frame.drop(columns="node_ids", errors="ignore").copy()
    if "tags" in out:
        tags = out["tags"].tolist()
        keys = set().union(*(own for own in tags if isinstance(own, dict)))
        words = [c for c in out.columns if c in keys and c not in {"tags", "geometry"}]
        out["tags"] = _untold(tags, {c: out[c].tolist() for c in words})
    empty = [c for c in out.columns if c not in _ALWAYS and _all_empty(out[c])]
    return out.drop(columns=empty)


def _all_empty(column: pd.Series) -> bool:
    """Tell whether nothing stands in a column; the first rows mostly say that something does."""
    first, rest = column.iloc[:_FIRST], column.iloc[_FIRST:]
    return all(map(_is_empty, first.tolist())) and all(map(_is_empty, rest.dropna().tolist()))


def _is_empty(value: Any) -> bool:  # noqa: ANN401 - any cell
    return (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str | dict) and not value)
    )


def _untold(tags: list[Any], columns: Mapping[str, list[Any]]) -> list[Any]:
    """Leave out of the tags what a column of the same name says in the same words."""
    found: list[Any] = []
    for row, own in enumerate(tags):
        if not isinstance(own, dict):
            found.append(own)
            continue
        rest = {k: v for k, v in own.items() if k not in columns or columns[k][row] != v}
        found.append(rest or None)
    return found
