"""
Geometry as a caller brings it: brought into the CRS in which it is computed with, or refused.

A GeoSeries or GeoDataFrame says what its numbers mean, and that is obeyed. Bare shapely geometries
say nothing; they are taken to be in the CRS that is asked for, unless they can only be degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from kcity_geo.errors import CRSMismatchError, StudyError

__all__ = ["Places", "between", "in_crs", "label_point", "labels_of", "refuse_degrees"]

#: What a function that takes geometry accepts.
Places: TypeAlias = (
    gpd.GeoSeries
    | gpd.GeoDataFrame
    | gpd.array.GeometryArray
    | NDArray[np.object_]
    | Sequence[BaseGeometry]
    | BaseGeometry
)
_MAX_LON, _MAX_LAT = 180.0, 90.0


@lru_cache(maxsize=64)
def between(source: Any, target: Any) -> Transformer:  # noqa: ANN401 - as pyproj
    """
    Give what turns x, y (or longitude, latitude) of one CRS into those of another, made once for each pair.

    Parameters
    ----------
    source, target : CRS, or anything hashable that pyproj reads.

    Returns
    -------
    The way between them; PROJ takes some 20 ms to find one between two projections.

    Examples
    --------
    >>> round(between(4326, 32632).transform(9, 0)[0])
    500000
    """
    return Transformer.from_crs(source, target, always_xy=True)


def in_crs(places: Places, crs: Any, *, what: str) -> NDArray[np.object_]:  # noqa: ANN401 - as pyproj
    """
    Give geometries in a CRS, transformed from their own where they have one.

    Parameters
    ----------
    places : GeoSeries, GeoDataFrame or array of geometries of geopandas, in any CRS; or bare shapely
        geometries that are in `crs` already.
    crs : CRS to compute in, or anything that pyproj reads.
    what : name of the argument, for messages.

    Returns
    -------
    Shape (n,), shapely geometries in `crs`; a single geometry gives shape (1,).

    Raises
    ------
    CRSMismatchError
        If a series or frame has no CRS, or its CRS cannot be turned into `crs`.
    StudyError
        If it holds something else than geometries.

    Examples
    --------
    >>> place = gpd.GeoSeries([shapely.Point(9, 0)], crs=4326)
    >>> in_crs(place, 32632, what="places")[0].x
    500000.0
    """
    if isinstance(places, gpd.GeoDataFrame):
        if places.active_geometry_name is None:
            raise StudyError(f"{what}: the frame has no geometry column; call set_geometry first")
        places = places.geometry
    if isinstance(places, gpd.GeoSeries | gpd.array.GeometryArray):
        return _transformed(places, crs, what)
    if isinstance(places, pd.Series):
        places = places.to_numpy()
    if isinstance(places, BaseGeometry):
        places = [places]
    if isinstance(places, pd.DataFrame | str) or not hasattr(places, "__len__"):
        raise StudyError(
            f"{what}: {type(places).__name__} holds no geometries; give a GeoSeries, a GeoDataFrame or "
            "shapely geometries"
        )
    if isinstance(places, np.ndarray) and places.ndim == 1 and shapely.is_geometry(places).all():
        return places.astype(object)
    shapes = np.empty(len(places), dtype=object)
    shapes[:] = list(places)
    if not (shapely.is_geometry(shapes) | np.array([one is None for one in shapes], bool)).all():
        raise StudyError(
            f"{what}: not all are geometries; give a GeoSeries, a GeoDataFrame or shapely geometries"
        )
    return shapes


def _transformed(
    places: gpd.GeoSeries | gpd.array.GeometryArray,
    crs: Any,  # noqa: ANN401 - as pyproj
    what: str,
) -> NDArray[np.object_]:
    if places.crs is None:
        raise CRSMismatchError(
            f"{what}: has no CRS, so nobody knows where it lies; say it with .set_crs(…) "
            "(4326 for lon/lat)"
        )
    wanted = CRS(crs)
    if places.crs == wanted or len(places) == 0:
        return np.asarray(places.to_numpy(), dtype=object)
    try:
        shapes = np.asarray(places.to_crs(wanted).to_numpy(), dtype=object)
    except Exception as error:
        raise CRSMismatchError(
            f"{what}: its CRS {places.crs.name!r} cannot be turned into {wanted.name!r} "
            f"({error}); reproject it before"
        ) from error
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise CRSMismatchError(
            f"{what}: some of it has no place in {wanted.name!r}; are its CRS {places.crs.name!r} and "
            "its coordinates right?"
        )
    return shapes


def refuse_degrees(
    shapes: NDArray[np.object_], bounds: tuple[float, float, float, float], *, what: str
) -> None:
    """
    Refuse bare geometries that can only be degrees where metres are needed.

    Parameters
    ----------
    shapes : geometries said to be in the metric CRS.
    bounds : west, south, east and north of the land they belong to, metres.
    what : name of the argument, for messages.

    Raises
    ------
    CRSMismatchError
        If all coordinates are possible degrees and the land lies elsewhere.

    Examples
    --------
    >>> refuse_degrees(np.array([shapely.Point(3, 4)]), (0, 0, 100, 100), what="places")
    """
    west, south, east, north = shapely.total_bounds(shapes)
    degrees = west >= -_MAX_LON and east <= _MAX_LON and south >= -_MAX_LAT and north <= _MAX_LAT
    away = bounds[0] > _MAX_LON or bounds[1] > _MAX_LAT or bounds[2] < -_MAX_LON
    if degrees and (away or bounds[3] < -_MAX_LAT):
        raise CRSMismatchError(
            f"{what}: coordinates such as {west:g}, {south:g} are degrees, metres are needed; give a GeoSeries "
            "or GeoDataFrame with its CRS"
        )


def labels_of(places: object) -> pd.Index | None:
    """
    Give the labels of places.

    Parameters
    ----------
    places : as for `in_crs`.

    Returns
    -------
    The index of a series or frame; None for what has none.

    Examples
    --------
    >>> labels_of(gpd.GeoSeries([shapely.Point(9, 0)], index=["clinic"], crs=4326)).to_list()
    ['clinic']
    """
    index = getattr(places, "index", None)
    return index if isinstance(index, pd.Index) else None


def label_point(shape: BaseGeometry) -> shapely.Point:
    """
    Give the point at which the name of an area is written.

    Parameters
    ----------
    shape : metric CRS.

    Returns
    -------
    Inside its largest part: a name belongs on the main land, not on an exclave.

    Examples
    --------
    >>> label_point(shapely.union(shapely.box(0, 0, 2, 1), shapely.box(10, 0, 30, 40))).x
    20.0
    """
    parts = shapely.get_parts(shape)
    largest = max(parts, key=shapely.area, default=shape)
    return shapely.point_on_surface(largest)
