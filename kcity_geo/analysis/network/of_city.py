"""
What `build_graph` needs, taken from the data of a city.

Elevation is read bilinearly from the finer terrain, congestion from the urban classes of the grid.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from kcity_geo.analysis.network.delays import Sampler
from kcity_geo.analysis.network.graph import StreetGraph, build_graph
from kcity_geo.analysis.settlement.classes import cell_classes
from kcity_geo.citydata import CityInputs
from kcity_geo.cube import bin_points
from kcity_geo.errors import SchemaError
from kcity_geo.notes import tell
from kcity_geo.settings import Settings, network_table

__all__ = ["MODES", "build_mode", "city_inputs", "elevation_sampler", "street_ways"]

MODES = ("walk", "cycle", "drive", "street")


def elevation_sampler(dem: xr.DataArray) -> Sampler:
    """
    Read elevations between the pixel centres, bilinearly.

    Parameters
    ----------
    dem : dims (y, x), metres, metric CRS, even spacing. NaN: void.

    Returns
    -------
    Function of x and y; NaN outside and beside voids.
    """
    height = np.asarray(dem.to_numpy(), dtype=np.float64).squeeze()
    x, y = np.asarray(dem["x"].to_numpy()), np.asarray(dem["y"].to_numpy())
    if height.ndim != 2 or min(height.shape) < 2:  # noqa: PLR2004 - rows and columns
        raise SchemaError(f"dem: shape {height.shape}; give rows and columns, two or more of each")
    dx, dy = x[1] - x[0], y[1] - y[0]

    def sample(px: NDArray[np.float64], py: NDArray[np.float64]) -> NDArray[np.float64]:
        column, row = (np.asarray(px) - x[0]) / dx, (np.asarray(py) - y[0]) / dy
        inside = (column >= 0) & (column <= len(x) - 1) & (row >= 0) & (row <= len(y) - 1)
        c = np.clip(np.floor(np.where(inside, column, 0)), 0, len(x) - 2).astype(np.int64)
        r = np.clip(np.floor(np.where(inside, row, 0)), 0, len(y) - 2).astype(np.int64)
        s, t = column - c, row - r
        top = height[r, c] * (1 - s) + height[r, c + 1] * s
        bottom = height[r + 1, c] * (1 - s) + height[r + 1, c + 1] * s
        return np.where(inside, top * (1 - t) + bottom * t, np.nan)

    return sample


def city_inputs(data: CityInputs, mode: str) -> dict[str, Any]:
    """
    Collect the arguments of `kcity_geo.analysis.network.graph.build_graph` for one mode.

    Parameters
    ----------
    data : of the city.
    mode : walk, cycle, drive or street.

    Returns
    -------
    Keyword arguments, and ``roads``.
    """
    rules = data.settings("transport")
    network = {key: dict(value) for key, value in data.network_changes.items()}
    speeds = network.setdefault("speeds", {})
    speeds |= {key: rules[key] for key in ("season_factor", "walk_kmh", "cycle_kmh")}
    roads = street_ways(data) if mode == "street" else _layer(data, f"roads_{mode}", "roads_drive")
    inputs: dict[str, Any] = {"roads": roads, "table": network_table(network)}
    if mode == "street":
        return inputs
    inputs["barriers"] = data.layers.get("barriers")
    inputs["ferries"] = data.layers.get("ferry")
    if mode == "walk":
        inputs["areas"] = data.layers.get("walk_area")
    if mode == "walk" and data.dem is not None:
        inputs["elevation"] = elevation_sampler(data.dem)
    if mode == "drive":
        inputs["turns"] = data.layers.get("turn_restriction")
        inputs["congestion"] = _congestion(data, rules)
        lights = data.layers.get("signals")
        if lights is not None:
            inputs["signals"] = lights["osm_id"].to_numpy(dtype=np.int64)
    return inputs


def _layer(data: CityInputs, *names: str) -> gpd.GeoDataFrame:
    for name in names:
        if name in data.layers:
            return data.layers[name]
    raise SchemaError(f"layers: {names[0]!r} is missing; read the extract with all layers")


def street_ways(data: CityInputs) -> gpd.GeoDataFrame:
    """
    Give the ways of the walk and drive layers together, each once.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    A row a way, with the columns of a road layer.

    Raises
    ------
    SchemaError
        If both layers are missing.
    """
    frames = [data.layers[name] for name in ("roads_drive", "roads_walk") if name in data.layers]
    if not frames:
        raise SchemaError("layers: 'roads_drive' is missing; read the extract with all layers")
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    together = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return together[~together["osm_id"].duplicated().to_numpy()]


def _congestion(data: CityInputs, rules: Settings) -> Sampler:
    classes, _ = cell_classes(data)
    factor = np.where(classes >= 2, rules["congestion_urban"], rules["congestion_rural"]).ravel()  # noqa: PLR2004 - urban cluster

    def sample(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        cell = bin_points(x, y, grid=data.grid)
        return np.asarray(
            np.where(cell >= 0, factor[np.maximum(cell, 0)], rules["congestion_rural"])
        )

    return sample


def build_mode(data: CityInputs, mode: str) -> StreetGraph:
    """
    Build the street graph of a city for one mode of travel.

    Parameters
    ----------
    data : with the road layers; slope from its elevation when there is one.
    mode : one of `MODES`; ``street`` is the graph of the street form, both ways.

    Returns
    -------
    The graph.

    Warns
    -----
    KCityWarning
        If a twentieth or more of the walk or drive network hangs on nothing.
    """
    inputs = city_inputs(data, mode)
    memory = data.pieces("usable ways")
    graph = build_graph(inputs.pop("roads"), mode=mode, memory=memory, **inputs)
    _warn_isolated(graph)
    if graph.turns[1]:
        tell(
            f"drive network: {graph.turns[1]:,} of {sum(graph.turns):,} turn restrictions cannot be obeyed (they lead "
            "over several streets, or a way of theirs does not end at the crossing); cars turn there",
            stacklevel=3,
        )
    return graph


def _warn_isolated(graph: StreetGraph) -> None:
    if graph.n_nodes == 0 or graph.mode not in {"walk", "drive"}:
        return
    total, main = graph.component_m.sum(), graph.component_m[0]
    bad = graph.table["street_form"]["component_bad"]
    if main / total < bad:
        tell(
            f"{graph.mode} network: {(total - main) / 1000:.1f} of {total / 1000:.1f} km lie in "
            f"{len(graph.component_m) - 1} pieces apart from the main one; check islands, rivers "
            "and missing links in OSM",
            stacklevel=3,
        )
