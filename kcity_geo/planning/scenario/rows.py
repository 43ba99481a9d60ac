"""Rows: a new feature in a layer of the map, and a new use of land."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.coordinates import in_crs
from kcity_geo.errors import StudyError

__all__ = ["checksum", "facility_columns", "metric_shape", "new_id", "with_landuse", "with_row"]


def metric_shape(given: Any, crs: Any, *, what: str) -> BaseGeometry:  # noqa: ANN401 - whatever the user gave
    """
    Bring what the user drew into the CRS of the city.

    Parameters
    ----------
    given : shapely geometry or pairs of x and y in metres of the CRS; or a GeoSeries or GeoDataFrame with
        one row in any CRS.
    crs : metric, of the city.
    what : for messages.

    Returns
    -------
    One geometry.

    Raises
    ------
    StudyError
        If it is empty, not valid or not one geometry.

    Examples
    --------
    >>> metric_shape([(0, 0), (100, 0)], 32632, what="road").wkt
    'LINESTRING (0 0, 100 0)'
    """
    shape = given
    if isinstance(given, gpd.GeoSeries | gpd.GeoDataFrame):
        moved = in_crs(given, crs, what=what)
        if len(moved) != 1:
            raise StudyError(f"{what}: {len(moved)} rows; give one")
        shape = np.asarray(moved, dtype=object)[0]
    elif not isinstance(given, BaseGeometry):
        try:
            spots = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            spots = np.zeros(0)
        if spots.shape == (2,):
            shape = shapely.Point(spots)
        elif spots.ndim == 2 and spots.shape[1] == 2 and len(spots) > 1:  # noqa: PLR2004 - pairs
            shape = shapely.LineString(spots)
        else:
            raise StudyError(f"{what}: {given!r} is neither a geometry nor pairs of x and y")
    if shape.is_empty or not np.isfinite(shape.bounds).all() or not shape.is_valid:
        raise StudyError(f"{what}: {shape.geom_type} is empty or not valid; draw it again")
    return cast("BaseGeometry", shape)


def new_id(frames: Mapping[str, gpd.GeoDataFrame]) -> int:
    """
    Give an id that no feature has: one below all others, and below zero.

    Parameters
    ----------
    frames : layer -> features.

    Returns
    -------
    The id.

    Examples
    --------
    >>> new_id({"school": gpd.GeoDataFrame({"osm_id": [7, -3]})})
    -4
    """
    lowest = [int(f["osm_id"].min()) for f in frames.values() if len(f) and "osm_id" in f]
    return min([0, *lowest]) - 1


def with_row(
    frame: gpd.GeoDataFrame, shape: BaseGeometry, values: Mapping[str, object]
) -> gpd.GeoDataFrame:
    """
    Add a feature to a layer.

    Parameters
    ----------
    frame : the layer; stays as it is.
    shape : of the feature, CRS of the layer.
    values : column -> value; other columns are empty, as where a tag is not set.

    Returns
    -------
    The layer with one more row at its end.

    Raises
    ------
    StudyError
        If the layer has no such column.

    Examples
    --------
    >>> empty = gpd.GeoDataFrame({"osm_id": [1], "amenity": ["clinic"]}, geometry=[shapely.Point(0, 0)])
    >>> with_row(empty, shapely.Point(5, 5), {"osm_id": -1})["amenity"].tolist()
    ['clinic', '']
    """
    unknown = sorted(set(values) - set(frame.columns))
    if unknown:
        near = difflib.get_close_matches(unknown[0], list(frame.columns), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise StudyError(f"tags: the layer has no column {unknown[0]!r}{hint}")
    row: dict[str, Any] = {}
    kinds = dict(frame.dtypes.items())
    for name, dtype in kinds.items():
        text = not pd.api.types.is_numeric_dtype(dtype)
        dated = pd.api.types.is_datetime64_any_dtype(dtype)
        row[str(name)] = values.get(str(name), pd.NaT if dated else "" if text else np.nan)
    if "tags" in frame and "tags" not in values:
        row["tags"] = {k: v for k, v in values.items() if isinstance(v, str) and k != "osm_type"}
    column = str(frame.geometry.name)
    row[column] = shape
    table: dict[str, Any] = {}
    empty: dict[tuple[Any, str], Any] = {}
    for name, value in row.items():
        # Most columns are empty, and of few kinds.
        kind = kinds[name], repr(value) if isinstance(value, str | float) else name
        if kind not in empty:
            one = pd.Series([value], dtype=object)
            empty[kind] = (one if name == column else one.astype(kinds[name])).array
        table[name] = empty[kind]
    made = gpd.GeoDataFrame(table, geometry=column, crs=frame.crs)
    if not len(frame):
        return made[list(frame.columns)]
    found: gpd.GeoDataFrame = pd.concat([frame, made[list(frame.columns)]], ignore_index=True)
    return found


def with_landuse(frame: gpd.GeoDataFrame, area: BaseGeometry, landuse: str) -> gpd.GeoDataFrame:
    """
    Give an area another use of land.

    Parameters
    ----------
    frame : layer ``landuse``; stays as it is.
    area : polygon, CRS of the layer.
    landuse : such as ``"residential"``.

    Returns
    -------
    The layer: the area is taken out of what lay there before, and stands as one feature at the end.

    Raises
    ------
    StudyError
        If the area is no polygon.

    Examples
    --------
    >>> old = gpd.GeoDataFrame({"osm_id": [1], "landuse": ["farmland"]}, geometry=[shapely.box(0, 0, 2, 1)])
    >>> new = with_landuse(old, shapely.box(1, 0, 3, 1), "residential")
    >>> new["landuse"].tolist(), new.geometry.area.tolist()
    (['farmland', 'residential'], [1.0, 2.0])
    """
    if area.geom_type not in {"Polygon", "MultiPolygon"}:
        raise StudyError(f"set_landuse: {area.geom_type} is no polygon")
    kept = frame.copy()
    shapes = kept.geometry.to_numpy().copy()
    touched = shapely.intersects(shapes, area) & (shapely.get_dimensions(shapes) == 2)  # noqa: PLR2004 - areas
    shapes[touched] = shapely.difference(shapes[touched], area)
    kept = kept.set_geometry(gpd.GeoSeries(shapes, index=kept.index, crs=frame.crs))
    kept = kept[~shapely.is_empty(shapes)].reset_index(drop=True)
    values: dict[str, object] = {"osm_id": new_id({"landuse": frame}), "landuse": landuse}
    more = {"osm_type": "way", "kind": landuse}
    values |= {name: value for name, value in more.items() if name in frame}
    return with_row(kept, area, values)


def facility_columns(layer: str) -> dict[str, str]:
    """
    Give the columns that a new feature of a layer has unless the edit says otherwise.

    Parameters
    ----------
    layer : row of ``tables/osm.toml``.

    Returns
    -------
    Column -> value; empty for layers that need none.

    Examples
    --------
    >>> facility_columns("school")
    {'amenity': 'school'}
    """
    return dict(read_table("scenario")["facility"].get(layer, {}))


def checksum(frame: gpd.GeoDataFrame) -> bytes:
    """
    Give a checksum of the features of a layer.

    Parameters
    ----------
    frame : the layer.

    Returns
    -------
    The same bytes for the same columns and features in the same order.

    Examples
    --------
    >>> school = gpd.GeoDataFrame({"osm_id": [1]}, geometry=[shapely.Point(0, 0)])
    >>> checksum(school) == checksum(school.copy()), checksum(school) == checksum(school[:0])
    (True, False)
    """
    total = hashlib.sha256("".join(map(str, frame.columns)).encode())
    total.update(b"".join(shapely.to_wkb(frame.geometry.to_numpy())))
    for name in frame.columns:
        if name != frame.geometry.name:
            total.update(repr(frame[name].to_list()).encode())
    return total.digest()
