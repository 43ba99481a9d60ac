"""Vector files: GeoJSON, GeoParquet and the GeoPackage."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kcity_geo.config import read_table
from kcity_geo.outputs.attribution import CAVEAT, credits_line
from kcity_geo.outputs.columns import column_table
from kcity_geo.outputs.frames import opened_columns, site_frame
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result

__all__ = ["save_geojson", "save_geopackage", "save_geoparquet", "write_geopackage"]

_DIMENSION_SUFFIX = {0: "points", 1: "lines", 2: "areas"}
_EMPTY_TYPE = "MultiPolygon"
_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def save_geojson(
    frame: gpd.GeoDataFrame,
    path: Path,
    *,
    id_column: str,
    result: Result,
    description: str,
    opened: bool = False,
) -> None:
    """
    Write GeoJSON as RFC 7946 wants it.

    Parameters
    ----------
    frame : any CRS; NaN becomes null.
    path : file to write.
    id_column : becomes the ``id`` of each feature and stays among its properties.
    result : for attribution, caveat and what is not assessed for lack of which data, written as
        members of the collection.
    description : one line on what the file holds.
    opened : write many cells for people who open them: only the columns of `opened_columns`, with the
        digits of ``[opened]`` in ``tables/columns.toml`` and without a bounding box for each feature.
    """
    import pyogrio

    if opened:
        rule = read_table("columns")["opened"]
        frame = frame[opened_columns(frame)].round(rule["decimals"])
    clean = _clean(frame)
    members = {
        "type": "FeatureCollection",
        "attribution": credits_line(result.data),
        "notice": CAVEAT + (" SYNTHETIC CITY." if result.data.synthetic else ""),
        "not_assessed": {
            i.id: plain_text(i.not_assessed, max_chars=2000)
            for i in result.gaps.assessed
            if i.not_assessed
        },
    }
    pyogrio.write_dataframe(
        clean.assign(id=clean[id_column].astype(str)),
        path,
        driver="GeoJSON",
        layer=path.stem,
        geometry_type=None if len(clean) else "Polygon",
        RFC7946="YES",
        WRITE_BBOX="NO" if opened else "YES",
        ID_FIELD="id",
        COORDINATE_PRECISION=str(rule["degree_decimals"]) if opened else "7",
        SIGNIFICANT_FIGURES="6",
        DESCRIPTION=plain_text(description, max_chars=500),
        NATIVE_DATA=json.dumps(members, ensure_ascii=False),
        NATIVE_MEDIA_TYPE="application/vnd.geo+json",
    )


def save_geoparquet(
    frame: gpd.GeoDataFrame, path: Path, *, about: pd.DataFrame | None = None
) -> None:
    """
    Write GeoParquet 1.1 with a bounding box for each row.

    Parameters
    ----------
    frame : metric CRS.
    path : file to write.
    about : ``column, meaning, unit, source``; becomes the metadata of each field.
    """
    frame.to_parquet(
        path, index=False, compression="zstd", schema_version="1.1.0", write_covering_bbox=True
    )
    if about is not None:
        _describe_fields(path, about)


def _describe_fields(path: Path, about: pd.DataFrame) -> None:
    """Write the meaning of each column into its field; geopandas has no way to say it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = about.set_index("column")[["meaning", "unit", "source"]].astype(str).T.to_dict()
    table = pq.read_table(path)
    schema = table.schema
    for number, field in enumerate(schema):
        if field.name in words:
            schema = schema.set(number, field.with_metadata(words[field.name]))
    pq.write_table(pa.Table.from_arrays(table.columns, schema=schema), path, compression="zstd")


def save_geopackage(result: Result, cells: gpd.GeoDataFrame, path: Path) -> None:
    """
    Write all vector layers and the tables of a study into one GeoPackage.

    Parameters
    ----------
    result : a finished study.
    cells : as `kcity_geo.outputs.frames.cell_frame` gives them.
    path : file to write; the bytes depend on the study alone.
    """
    data = result.data
    boundary = gpd.GeoDataFrame(
        {"name": [data.city.name]}, geometry=[data.city.boundary_metric], crs=data.city.crs
    )
    layers = {
        "boundary": (boundary, "Boundary of the study area"),
        "districts": (result.gaps.districts, "Infrastructure gaps by district"),
        "cells": (cells[opened_columns(cells)], "Every cell of the study grid"),
        "sites": (site_frame(result), f"Candidate sites: {result.score.title}, best first"),
        "survey_tasks": (result.gaps.survey_tasks, "Where to survey first"),
        **(
            {}
            if data.transit is None
            else {
                "timetable_stops": (
                    _finite(data.transit),
                    "Stops of the timetable: headway, service",
                )
            }
        ),
        **{
            f"osm_{name}": (frame, f"OpenStreetMap: {name}")
            for name, frame in data.layers.items()
            if len(frame)
        },
    }
    tables = {
        "indicators": result.gaps.indicators,
        "inventory": data.inventory,
        "columns": column_table(result, cells),
    }
    write_geopackage(layers, tables, path, as_of=data.osm_date)


def write_geopackage(
    layers: Mapping[str, tuple[gpd.GeoDataFrame, str]],
    tables: Mapping[str, pd.DataFrame],
    path: Path,
    *,
    as_of: str,
) -> None:
    """
    Write layers and tables into one GeoPackage.

    Parameters
    ----------
    layers : name -> layer and what it is.
    tables : name -> table without geometry.
    path : file to write; the bytes depend on what is written alone.
    as_of : date of the data, ISO, or empty.
    """
    with _fixed_date(as_of):
        first = True
        for name, (frame, about) in layers.items():
            for table, part in _by_dimension(name, _clean(frame)):
                _append(part, path, layer=table, first=first, about=about)
                first = False
        for name, table_frame in tables.items():
            _append(_clean(table_frame), path, layer=name, first=False, about=name)


def _finite(frame: Any) -> Any:  # noqa: ANN401 - frame in, frame out
    """Leave a cell empty where a number is without end: GIS programs do not know infinity."""
    return frame.replace([np.inf, -np.inf], np.nan)


def _append(
    frame: pd.DataFrame | gpd.GeoDataFrame, path: Path, *, layer: str, first: bool, about: str
) -> None:
    import pyogrio

    spatial = isinstance(frame, gpd.GeoDataFrame)
    options: dict[str, Any] = {"DESCRIPTION": about, "FID": "fid"}
    if spatial and len(frame):
        options["promote_to_multi"] = len(set(frame.geometry.geom_type)) > 1
    elif spatial:
        options["geometry_type"] = _EMPTY_TYPE
    pyogrio.write_dataframe(
        frame,
        path,
        use_arrow=True,
        driver="GPKG",
        layer=layer,
        append=not first,
        IDENTIFIER=layer,
        **options,
    )


def _by_dimension(name: str, frame: gpd.GeoDataFrame) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Points, lines and areas of one layer become tables of their own, as ArcGIS wants them."""
    dimension = shapely.get_dimensions(frame.geometry.to_numpy())
    kinds = sorted({int(d) for d in dimension if d >= 0})
    if len(kinds) <= 1:
        yield name, frame
        return
    for kind in kinds:
        yield f"{name}_{_DIMENSION_SUFFIX[kind]}", frame[dimension == kind]


@contextmanager
def _fixed_date(iso_date: str) -> Iterator[None]:
    """Let the GeoPackage carry the date of the data, not of the run."""
    import pyogrio

    day = iso_date[:10] if len(iso_date) >= len("2025-01-01") else "2000-01-01"
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    # The file is thrown away when the run fails: no need to wait for the disk after each layer.
    fast = {"OGR_SQLITE_SYNCHRONOUS": "OFF"}
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{day}T00:00:00.000Z", **fast})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before, **dict.fromkeys(fast)})


def _clean(frame: Any) -> Any:  # noqa: ANN401 - frame in, frame out
    """Make every text cell fit for GDAL: no NUL, mappings as JSON, no dots of a line feed."""
    out = frame.drop(columns="node_ids", errors="ignore").copy()
    for name in out.columns:
        column = out[name]
        if column.dtype.kind == "M":
            out[name] = _in_utc(column)
        if column.dtype.kind in "biufM" or str(column.dtype) == "geometry":
            continue
        out[name] = _text_column(column)
    return out


def _in_utc(column: Any) -> Any:  # noqa: ANN401 - series in, series out
    """Say that times are UTC: the GeoPackage standard wants a Z at their end, and OSM means UTC."""
    if getattr(column.dtype, "tz", None) is None:
        return column.dt.tz_localize("UTC")
    return column.dt.tz_convert("UTC")


def _text_column(column: Any) -> Any:  # noqa: ANN401 - series in, array out
    """Clean each different text once; a column of text and numbers becomes text."""
    if str(column.dtype) in {"str", "string", "category"}:
        codes, different = pd.factorize(column)
        clean = np.array([*(_text_cell(v) for v in different), None], dtype=object)
        return clean[codes]
    cells = [_text_cell(v) for v in column]
    if any(isinstance(c, str) for c in cells):
        cells = [c if c is None or isinstance(c, str) else str(c) for c in cells]
    return np.array([*cells, None], dtype=object)[:-1]


def _text_cell(value: Any) -> Any:  # noqa: ANN401 - any cell
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return plain_text(value, max_chars=65_000)
    if isinstance(value, dict):
        return _JSON.encode(value)
    if isinstance(value, list | tuple | set | frozenset):
        return "; ".join(plain_text(v, max_chars=65_000) for v in value)
    if isinstance(value, bool | int | float):
        return value
    return plain_text(value, max_chars=65_000)
