"""Features: columns and shapes of a layer as arrays, also where a layer lacks them."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from kcity_geo.citydata import CityInputs

__all__ = ["column", "date_of", "shapes", "text"]


def text(frame: gpd.GeoDataFrame, name: str) -> NDArray[np.object_]:
    """
    Give a text column of a layer, "" where untagged or when the layer has no such column.

    Parameters
    ----------
    frame : a layer.
    name : column.

    Returns
    -------
    A string a feature.
    """
    if name not in frame:
        return np.full(len(frame), "", dtype=object)
    return np.asarray(frame[name].fillna("").astype(str), dtype=object)


def shapes(
    frame: gpd.GeoDataFrame | None, keep: NDArray[np.bool_] | None = None
) -> NDArray[np.object_]:
    """
    Give the geometries of a layer, or of some of its features.

    Parameters
    ----------
    frame : a layer; None: no feature.
    keep : mask; None: all.

    Returns
    -------
    Array of geometries.
    """
    if frame is None or len(frame) == 0:
        return np.zeros(0, dtype=object)
    geometry: NDArray[np.object_] = np.asarray(frame.geometry.to_numpy(), dtype=object)
    return geometry if keep is None else geometry[keep]


def column(frame: gpd.GeoDataFrame, name: str) -> NDArray[np.float64]:
    """
    Give a number column of a layer, NaN where untagged or when the layer has no such column.

    Parameters
    ----------
    frame : a layer.
    name : column.

    Returns
    -------
    A number a feature.
    """
    if name not in frame:
        return np.full(len(frame), np.nan)
    return np.asarray(frame[name], dtype=np.float64)


def date_of(data: CityInputs, name: str) -> str:
    """
    Give the date of a variable of the cube.

    Parameters
    ----------
    data : of the city.
    name : variable, for example ``"nightlights"``.

    Returns
    -------
    ISO date or year; ``""`` when the raster is missing or does not tell.
    """
    return str(data.cube[name].attrs.get("as_of", "")) if name in data.cube else ""
