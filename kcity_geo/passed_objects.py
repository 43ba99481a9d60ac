"""
Objects passed in Python as inputs of a study, written down as files at once.

A study names files. A frame or an array that is passed instead is written into a folder of this
process, so that the study reads what was there when it was made, whatever happens to the object
later; `kcity_geo.study.save` puts these files into the folder of the study.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from kcity_geo.errors import StudyError

__all__ = ["as_in_a_file", "is_passed", "written"]

#: Inputs that are no raster, and what each may be.
_KINDS = {
    "osm": (),
    "gtfs": (),
    "boundary": ("vector",),
    "districts": ("vector",),
    "protected": ("vector",),
    "power_lines": ("vector",),
    "table": ("table",),
    "extra": ("vector", "table"),
    "population": ("raster", "vector", "table"),
}
_WORDS = {
    "raster": "a DataArray",
    "vector": "a GeoSeries or GeoDataFrame",
    "table": "a DataFrame",
}
_ROWS = ("y", "lat", "latitude", "northing")
_COLUMNS = ("x", "lon", "longitude", "easting")
#: Share of a pixel by which steps may differ: coordinates are often kept as float32.
_UNEVEN = 0.01
_folder: list[tuple[int, Path]] = []


def as_in_a_file(value: Any) -> Any:  # noqa: ANN401 - whatever was passed
    """
    Turn numbers of NumPy, tuples and tables into what a study file holds; leave all else as it is.

    Parameters
    ----------
    value : of a key, at any depth.

    Returns
    -------
    A copy.

    Examples
    --------
    >>> as_in_a_file({"cell_m": np.float32(250), "months": (1, np.int64(2))})
    {'cell_m': 250.0, 'months': [1, 2]}
    """
    if isinstance(value, dict):
        return {key: as_in_a_file(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [as_in_a_file(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def written(value: Any, *, field: str, name: str = "") -> Any:  # noqa: ANN401 - whatever was passed
    """
    Write an object down and give the path of its file; leave what a study file may hold as it is.

    Parameters
    ----------
    value : path, list of paths, DataArray, Dataset of one variable, GeoSeries, GeoDataFrame, shapely
        geometry or a list of them in lon/lat, or DataFrame.
    field : key of the study file, for example ``"population"``.
    name : what the file is called; as the field when empty.

    Returns
    -------
    Text, a list of texts, or `value` itself when it is no object that holds data.

    Raises
    ------
    StudyError
        If the input cannot be such an object, or it lacks a CRS.

    Examples
    --------
    >>> written(Path("data/city.osm.pbf"), field="osm")
    'data/city.osm.pbf'
    """
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, list | tuple) and not _geometries(value):
        return [written(one, field=field, name=name) for one in value]
    kind, data = _kind_of(value)
    if not kind:
        _refuse_other_objects(value, where=name or field)
        return value
    where = f"{name or field}"
    known = _KINDS.get(field, ("raster",))
    if kind not in known:
        can = " or ".join(_WORDS[one] for one in known) if known else "a path only"
        also = f", or {_WORDS['vector']} under sources.extra" if field == "osm" else ""
        raise StudyError(f"{where}: {type(value).__name__} cannot be this input; give {can}{also}")
    make = {"raster": _geotiff, "vector": _geoparquet, "table": _csv}[kind]
    return _kept(*make(data, where), name=name or field)


def is_passed(path: Path) -> bool:
    """
    Tell whether a file was written for an object that was passed.

    Parameters
    ----------
    path : of an input.

    Returns
    -------
    True for such a file.

    Examples
    --------
    >>> is_passed(Path("data/city.osm.pbf"))
    False
    """
    return any(path.is_relative_to(folder) for _, folder in _folder)


def _geometries(value: list[Any] | tuple[Any, ...]) -> bool:
    """Tell whether a list holds shapely geometries and nothing else."""
    from shapely.geometry.base import BaseGeometry

    return len(value) > 0 and all(isinstance(one, BaseGeometry) for one in value)


def _kind_of(value: Any) -> tuple[str, Any]:  # noqa: ANN401 - whatever was passed
    """Tell what an object holds, ``""`` for none, and give it in one form."""
    import geopandas as gpd
    import xarray as xr
    from shapely.geometry.base import BaseGeometry

    if isinstance(value, xr.Dataset) and len(value.data_vars) == 1:
        value = next(iter(value.data_vars.values()))
    if isinstance(value, BaseGeometry):
        value = [value]
    if isinstance(value, list | tuple):
        value = gpd.GeoSeries([*value], crs=4326)
    if isinstance(value, gpd.GeoSeries):
        labels = value.index
        named = {"name": labels.to_list()} if labels.inferred_type == "string" else {}
        value = gpd.GeoDataFrame(named, geometry=value.to_numpy(), crs=value.crs)
    if isinstance(value, gpd.GeoDataFrame):
        return "vector", value
    if isinstance(value, pd.DataFrame):
        return "table", value
    if isinstance(value, xr.DataArray):
        return "raster", value
    return "", value


def _refuse_other_objects(value: object, *, where: str) -> None:
    """Refuse what holds data in another form; plain values of TOML are left to the check of the study."""
    holds = hasattr(value, "dtype") or hasattr(value, "data_vars") or _is_geojson(value)
    if isinstance(value, str) or not holds:
        return
    say = {
        "Dataset": "pass one of its variables (dataset['name'])",
        "Series": "make it a table with .to_frame(), its name that of the column",
        "dict": "make it a frame with GeoDataFrame.from_features(…, crs=4326)",
        "ndarray": "it says no place; give it coordinates and a CRS as an xarray.DataArray",
    }
    kind = type(value).__name__
    can = say.get(kind, f"give {', '.join(_WORDS.values())}, or a path")
    raise StudyError(f"{where}: {kind} cannot be an input; {can}")


def _is_geojson(value: object) -> bool:
    return isinstance(value, dict) and value.get("type") in ("FeatureCollection", "Feature")


def _refuse_double_columns(frame: pd.DataFrame, where: str) -> None:
    if frame.columns.nlevels > 1:
        raise StudyError(
            f"{where}: its columns have {frame.columns.nlevels} levels (first: {frame.columns[0]!r}); give each column "
            "one name"
        )
    names = pd.Index([str(c) for c in frame.columns])
    if names.has_duplicates:
        twice = names[names.duplicated()][0]
        raise StudyError(f"{where}: has two columns {twice!r}; name each once")


def _kept(data: bytes, ending: str, *, name: str) -> str:
    """Write bytes once under the name of their content."""
    if not _folder or _folder[-1][0] != os.getpid():
        made = Path(tempfile.mkdtemp(prefix="kcity-objects-")).resolve()
        _folder.append((os.getpid(), made))
        atexit.register(_removed, os.getpid(), made)
    path = _folder[-1][1] / hashlib.sha256(data).hexdigest()[:16] / f"{name}{ending}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return str(path)


def _removed(process: int, folder: Path) -> None:
    if process == os.getpid():  # a forked child leaves the files of its parent
        shutil.rmtree(folder, ignore_errors=True)


def _labelled(frame: Any, label: str) -> Any:  # noqa: ANN401 - frame in, frame out
    """Make a column of an index that says something."""
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    if frame.index.name is None and (label in frame.columns or frame.index.nlevels > 1):
        return frame.reset_index(drop=frame.index.nlevels == 1)
    name = frame.index.name or label
    return frame.reset_index(drop=name in frame.columns, names=name)


def _plain(value: object) -> object:
    """Keep texts and numbers, write down lists and mappings."""
    missing = value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA
    return None if missing else str(value)


def _geoparquet(frame: Any, where: str) -> tuple[bytes, str]:  # noqa: ANN401 - GeoDataFrame
    if frame.active_geometry_name is None:
        raise StudyError(f"{where}: the frame has no geometry column; call set_geometry first")
    if frame.crs is None:
        raise StudyError(
            f"{where}: has no CRS, so nobody knows where it lies; say it with .set_crs(…) (4326 for "
            "lon/lat)"
        )
    named = frame.active_geometry_name
    frame = _labelled(frame, "id")
    _refuse_double_columns(frame, where)
    others = [c for c in frame.columns[frame.dtypes == "geometry"] if c != named]
    frame = frame.drop(columns=others).rename(columns=str)
    frame = frame.assign(
        **{
            c: frame[c].sparse.to_dense()
            for c in frame
            if isinstance(frame[c].dtype, pd.SparseDtype)
        }
    )
    texts = [c for c in frame if frame[c].dtype == object or frame[c].dtype.kind == "c"]
    frame = frame.assign(**{c: frame[c].map(_plain) for c in texts if c != str(named)})
    frame.attrs = {}
    store = io.BytesIO()
    frame.to_parquet(store, index=False)
    return store.getvalue(), ".parquet"


def _csv(frame: pd.DataFrame, where: str) -> tuple[bytes, str]:
    if len(frame.columns) == 0 or len(frame) == 0:
        raise StudyError(f"{where}: the table is empty")
    if frame.columns.nlevels > 1:
        _refuse_double_columns(frame, where)
    label = "id" if {"lon", "x"} & {str(c).lower() for c in frame.columns} else "district_id"
    frame = _labelled(frame, label)
    cells = frame.astype(object).map(_cell)
    return cells.to_csv(index=False, lineterminator="\n").encode(), ".csv"


def _cell(value: object) -> str:
    """Write a number so that its point cannot part thousands."""
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return ""
        text = repr(float(value))
        return f"{text}0" if re.fullmatch(r"-?\d+\.\d{3}", text) else text
    plain = _plain(value)
    return "" if plain is None else str(plain)


def _geotiff(array: Any, where: str) -> tuple[bytes, str]:  # noqa: ANN401 - DataArray
    import rasterio
    from rasterio.io import MemoryFile

    crs = _crs_of(array, where)
    flat, transform = _on_axes(array, where)
    values, nodata = _storable(flat)
    _refuse_scaled(flat, where)
    about = {k: str(v) for k, v in flat.attrs.items()}
    tags = {
        "TIFFTAG_IMAGEDESCRIPTION": about.get("long_name", ""),
        "LICENCE": about.get("licence", ""),
        "ATTRIBUTION": about.get("source", ""),
        "AS_OF": about.get("as_of", ""),
        "SYNTHETIC": "yes" if about.get("evidence") == "synthetic" else "",
    }
    with MemoryFile() as memory:
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            memory.open(
                driver="GTiff",
                height=values.shape[0],
                width=values.shape[1],
                count=1,
                dtype=values.dtype,
                crs=crs.to_wkt(),
                transform=transform,
                nodata=nodata,
                compress="deflate",
            ) as file,
        ):
            file.write(values, 1)
            file.set_band_description(1, str(array.name or ""))
            file.update_tags(**{k: v for k, v in tags.items() if v})
            if about.get("units"):
                file.units = (about["units"],)
            file.scales = (float(flat.attrs.get("scale_factor", 1.0)),)
            file.offsets = (float(flat.attrs.get("add_offset", 0.0)),)
        return memory.read(), ".tif"


def _refuse_scaled(array: Any, where: str) -> None:  # noqa: ANN401 - DataArray
    """Refuse a scale beside numbers with a point: arithmetic of xarray keeps the attribute of what it has scaled."""
    said = {k: array.attrs[k] for k in ("scale_factor", "add_offset") if k in array.attrs}
    scale, offset = said.get("scale_factor", 1.0), said.get("add_offset", 0.0)
    if array.dtype.kind == "f" and (float(scale), float(offset)) != (1.0, 0.0):
        written = ", ".join(f"{k} {v}" for k, v in said.items())
        raise StudyError(
            f"{where}: holds numbers with a point and says {written}, so nobody knows whether they are scaled; scale "
            "them and take the attributes out (del array.attrs[…]), or pass the whole numbers that were stored"
        )


def _crs_of(array: Any, where: str) -> CRS:  # noqa: ANN401 - DataArray
    """Read the CRS of an array: its CF grid mapping, or an attribute ``crs``."""
    name = array.encoding.get("grid_mapping", array.attrs.get("grid_mapping", "spatial_ref"))
    said = dict(array.coords[name].attrs) if name in array.coords else {}
    texts = [said.get("crs_wkt"), said.get("spatial_ref"), array.attrs.get("crs")]
    found = next((text for text in texts if text), None)
    if found is None and "grid_mapping_name" not in said:
        raise StudyError(
            f"{where}: the DataArray has no CRS; say it with .rio.write_crs(…), or in "
            'attrs["crs"] ("EPSG:32633")'
        )
    try:
        return CRS.from_cf(said) if found is None else CRS(found)
    except CRSError as error:
        raise StudyError(f"{where}: the CRS {str(found)[:60]!r} is not known") from error


def _on_axes(array: Any, where: str) -> tuple[Any, Affine]:  # noqa: ANN401 - DataArrays
    """Give rows and columns, and the affine of their evenly spaced coordinates."""
    names = {str(d).casefold(): d for d in array.dims}
    rows = next((names[n] for n in _ROWS if n in names), None)
    columns = next((names[n] for n in _COLUMNS if n in names), None)
    others = [d for d, n in array.sizes.items() if d not in {rows, columns} and n > 1]
    if rows is None or columns is None or others:
        there = ", ".join(f"{d} ({n})" for d, n in array.sizes.items())
        raise StudyError(
            f"{where}: needs a raster of rows and columns (y and x, lat and lon), got {there}"
        )
    flat = array.squeeze([d for d in array.dims if d not in {rows, columns}], drop=True)
    flat = flat.transpose(rows, columns)
    north, high = _first_edge(flat, rows, where)
    west, wide = _first_edge(flat, columns, where)
    return flat, Affine(wide, 0.0, west, 0.0, high, north)


def _first_edge(array: Any, axis: Any, where: str) -> tuple[float, float]:  # noqa: ANN401 - DataArray
    """Give the edge before the first pixel of an axis, and the step from pixel to pixel."""
    at = np.zeros(1)
    if axis in array.coords and np.issubdtype(array[axis].dtype, np.number):
        at = array[axis].to_numpy().astype(float)
    step = (at[-1] - at[0]) / max(len(at) - 1, 1)
    if step == 0 or not (np.abs(np.diff(at) - step) <= abs(step) * _UNEVEN).all():
        raise StudyError(
            f"{where}: {axis} needs two or more evenly spaced coordinates, those of the middles of the pixels"
        )
    return float(at[0] - step / 2), float(step)


def _storable(array: Any) -> tuple[Any, float | None]:  # noqa: ANN401 - DataArray; an array out
    """Give the numbers in a type that a GeoTIFF holds, and what stands for missing ones."""
    values = array.to_numpy()
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    if values.dtype.kind not in "iuf":
        raise StudyError(f"{array.name or 'raster'}: holds {values.dtype}, numbers are needed")
    if values.dtype.itemsize == 8 and values.dtype.kind in "iu":  # noqa: PLR2004 - bytes
        values = values.astype(np.float64)
    for name in ("_FillValue", "missing_value", "nodata"):
        if array.attrs.get(name) is not None:
            return values, float(array.attrs[name])
    return values, float("nan") if values.dtype.kind == "f" else None
