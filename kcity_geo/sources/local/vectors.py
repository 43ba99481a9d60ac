"""Vectors: reading the polygons, lines and outlines that a user brings."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from kcity_geo.city import require_earthly
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.notes import tell

__all__ = ["read_boundary", "read_polygons", "read_power_lines", "read_vector"]

_VECTOR_ENDINGS = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".kml", ".parquet", ".zip")


def read_vector(path: Path, *, key: str, kind: str = "") -> gpd.GeoDataFrame:
    """
    Read a vector file of the user.

    Parameters
    ----------
    path : GeoJSON, GeoPackage, Shapefile (.shp or zipped), FlatGeobuf, KML or GeoParquet.
    key : key of the study file, for messages.
    kind : of several layers take the first of this geometry, such as ``Polygon``.

    Returns
    -------
    All features of the first layer (of that kind), with a CRS.

    Raises
    ------
    SourceError
        If the file is missing, empty, unreadable or has no CRS.
    """
    import geopandas as gpd
    import pyogrio

    if not path.exists():
        raise SourceError(f"{key}: {path} does not exist")
    if path.is_dir() or path.suffix.lower() not in _VECTOR_ENDINGS:
        raise SourceError(
            f"{key}: {path.name} is not a vector file that is known; use one of {', '.join(_VECTOR_ENDINGS)}"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{key}: {path.name} is empty (0 bytes)")
    try:
        if path.suffix.lower() == ".parquet":
            frame = gpd.read_parquet(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                layers = pyogrio.list_layers(path)
                fitting = [name for name, geometry in layers if kind in str(geometry)]
                layer = fitting[0] if fitting else layers[0, 0]
                frame = gpd.read_file(path, layer=layer, engine="pyogrio", on_invalid="ignore")
    except Exception as error:
        raise SourceError(
            f"{key}: {path.name} cannot be read ({str(error).splitlines()[0][:160]})"
        ) from error
    if "geometry" not in frame or len(frame) == 0:
        raise SourceError(f"{key}: {path.name} holds no features")
    if frame.crs is None:
        raise SourceError(
            f"{key}: {path.name} has no CRS; save it again with one (EPSG:4326 for lon/lat)"
        )
    require_earthly(frame.crs, what=f"{key}: {path.name}")
    return frame


def read_boundary(path: Path, *, key: str = "city.boundary") -> BaseGeometry:
    """
    Read the outline of a city.

    Parameters
    ----------
    path : polygon file; several polygons are joined.
    key : for messages.

    Returns
    -------
    Polygon or MultiPolygon, lon/lat. It may still cross itself; `kcity_geo.city.make_city` repairs.

    Raises
    ------
    SourceError
        As `read_vector`.
    StudyError
        If there is no polygon in the file.
    """
    frame = read_vector(path, key=key, kind="Polygon").to_crs(4326)
    geometry = frame.geometry[~frame.geometry.is_empty & frame.geometry.notna()].to_numpy()
    parts = shapely.get_parts(geometry)
    polygons = [p for p in parts if p.geom_type in {"Polygon", "MultiPolygon"}]
    if not polygons:
        kinds = ", ".join(sorted({p.geom_type for p in parts})) or "nothing"
        raise StudyError(f"{key}: {path.name} holds {kinds}; a Polygon or MultiPolygon is needed")
    if len(polygons) == 1:
        only: BaseGeometry = polygons[0]
        return only
    crossing = [p for p in polygons if not p.is_valid]
    if crossing:
        tell(
            f"{key}: {len(crossing)} of {len(polygons)} polygons cross themselves and were repaired"
        )
    joined: BaseGeometry = shapely.union_all([shapely.make_valid(p) for p in polygons])
    return joined


def read_power_lines(path: Path, *, key: str = "sources.power_lines") -> gpd.GeoDataFrame:
    """
    Read the user's own power lines.

    Parameters
    ----------
    path : line file with a column ``voltage``, in volts or with its unit ("33 kV").
    key : for messages.

    Returns
    -------
    ``name, voltage, voltage_v, geometry`` in the CRS of the file, lines only; ``voltage`` is the text,
    ``voltage_v`` NaN where none is read from it.

    Raises
    ------
    SourceError
        As `read_vector`, or if the file holds no lines or no column ``voltage``.
    """
    from kcity_geo.sources.osm.tags import voltage_v

    frame = read_vector(path, key=key)
    frame = frame[frame.geom_type.isin(["LineString", "MultiLineString"]) & ~frame.is_empty]
    if frame.empty:
        raise SourceError(f"{key}: {path.name} holds no lines")
    if "voltage" not in frame:
        raise SourceError(
            f"{key}: {path.name} has no column voltage; give volts, or text like 33 kV"
        )
    names = frame["name"].fillna("").astype(str) if "name" in frame else ""
    words = ["" if pd.isna(v) else str(v) for v in frame["voltage"]]
    volts = [voltage_v(v) for v in words]
    found = frame[["geometry"]].assign(name=names, voltage=words, voltage_v=volts)
    return found.reset_index(drop=True)


def read_polygons(path: Path, *, key: str) -> gpd.GeoDataFrame:
    """
    Read polygons with their columns (districts, protected areas, census blocks).

    Parameters
    ----------
    path : polygon file.
    key : for messages.

    Returns
    -------
    Polygons only, repaired when they cross themselves.

    Raises
    ------
    SourceError
        As `read_vector`, and when there is no polygon.
    """
    frame = read_vector(path, key=key, kind="Polygon")
    keep = frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
    if not keep.any():
        raise SourceError(f"{key}: {path.name} holds no polygons")
    frame = frame[keep].reset_index(drop=True)
    bad = ~frame.geometry.is_valid
    if bad.any():
        tell(f"{key}: {int(bad.sum())} of {len(frame)} polygons cross themselves and were repaired")
        frame = frame.set_geometry(shapely.make_valid(frame.geometry.to_numpy()), crs=frame.crs)
    return frame
