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
from kcity_geo.outputs.attribution import credits_of_file
from kcity_geo.outputs.columns import column_table
from kcity_geo.outputs.frames import merge_cells, opened_columns, site_frame
from kcity_geo.outputs.geopackage import dress_geopackage, kind_of_layers, without_boxes
from kcity_geo.outputs.languages import language_of_study, speaking
from kcity_geo.outputs.osm_layers import BUILDINGS, handed_over
from kcity_geo.outputs.styles import LayerStyle, alias_of, cell_styles, layer_style
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result

__all__ = [
    "save_buildings",
    "save_geojson",
    "save_geopackage",
    "save_geoparquet",
    "study_styles",
    "write_geopackage",
]

_DIMENSION_SUFFIX = {0: "points", 1: "lines", 2: "areas"}
#: Of the GeoPackage standard; QGIS 3.22 and its like warn of later ones.
_VERSION = "1.3"
_EMPTY_TYPE = "MultiPolygon"
#: Merged to as many squares as a program reads at once: no index, and no box beside each square.
_CELLS = "cells"
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

    rule = read_table("columns")["opened"]
    if opened:
        frame = _opened(frame)
    clean = _clean(frame)
    members = {
        "type": "FeatureCollection",
        **credits_of_file(result.data),
        "not_assessed": {
            i.id: plain_text(i.not_assessed, max_chars=2000)
            for i in result.gaps.assessed
            if i.not_assessed
        },
    }
    pyogrio.write_dataframe(
        clean.assign(id=clean[id_column].astype(str)),
        path,
        # Of many cells in columns, in half of the time; a column of text and numbers would be refused.
        use_arrow=opened,
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
    frame: gpd.GeoDataFrame,
    path: Path,
    *,
    about: pd.DataFrame | None = None,
    told: Mapping[str, str] | None = None,
) -> None:
    """
    Write GeoParquet 1.1 with a bounding box for each row.

    Parameters
    ----------
    frame : metric CRS.
    path : file to write.
    about : ``column, meaning, unit, source``; becomes the metadata of each field.
    told : what the file says of itself, see `kcity_geo.outputs.attribution.credits_of_file`;
        becomes metadata of the file.
    """
    import pyarrow as pa

    made = pa.BufferOutputStream()
    frame.to_parquet(
        made, index=False, compression=None, schema_version="1.1.0", write_covering_bbox=True,
        use_dictionary=False, write_statistics=False,
    )  # fmt: skip
    _describe_fields(made.getvalue(), path, about, dict(told or {}))


def _describe_fields(
    made: Any,  # noqa: ANN401 - buffer of pyarrow, which has no types
    path: Path,
    about: pd.DataFrame | None,
    told: dict[str, str],
) -> None:
    """Write a file with the meaning of each column in its field, and credits; geopandas has no way to say it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    words: dict[str, Any] = {}
    if about is not None:
        told_of = about.set_index("column")[["meaning", "unit", "source"]].astype(str)
        words = {str(name): dict(row) for name, row in told_of.T.to_dict().items()}
    table = pq.read_table(pa.BufferReader(made))
    schema = table.schema
    for number, field in enumerate(schema):
        if field.name in words:
            schema = schema.set(number, field.with_metadata(words[field.name]))
    schema = schema.with_metadata({**(schema.metadata or {}), **told})
    pq.write_table(pa.Table.from_arrays(table.columns, schema=schema), path, compression="zstd")


def save_geopackage(
    result: Result,
    cells: gpd.GeoDataFrame,
    path: Path,
    *,
    columns: pd.DataFrame | None = None,
    merged: gpd.GeoDataFrame | None = None,
) -> None:
    """
    Write all vector layers and the tables of a study into one GeoPackage.

    Parameters
    ----------
    result : a finished study.
    cells : as `kcity_geo.outputs.frames.cell_frame` gives them.
    path : file to write; the bytes depend on the study alone.
    columns : as `kcity_geo.outputs.columns.column_table` gives them; made when None.
    merged : as `kcity_geo.outputs.frames.merge_cells` gives them; made when None.
    """
    data = result.data
    columns = column_table(result, cells) if columns is None else columns
    boundary = gpd.GeoDataFrame(
        {"name": [data.city.name]}, geometry=[data.city.boundary_metric], crs=data.city.crs
    )
    opened = merge_cells(result, cells) if merged is None else merged
    layers = {
        "boundary": (boundary, "Boundary of the study area"),
        "districts": (result.gaps.districts, "Infrastructure gaps by district"),
        "cells": (_opened(opened), "Cells of the study grid, readings and gaps"),
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
            for name, frame in handed_over(data.layers).items()
        },
    }
    tables = {
        "indicators": result.gaps.indicators,
        "inventory": data.inventory,
        "columns": columns,
    }
    write_geopackage(layers, tables, path, as_of=data.osm_date)
    without_boxes(path, _CELLS)
    dress_geopackage(
        path,
        styles=_styles_in_language(result, path, columns),
        columns=columns,
        credits_of=credits_of_file(data),
        as_of=data.osm_date,
    )


def _styles_in_language(result: Result, path: Path, columns: pd.DataFrame) -> list[LayerStyle]:
    with speaking(language_of_study(result.study)):
        return study_styles(path, columns)


def study_styles(path: Path, columns: pd.DataFrame) -> list[LayerStyle]:
    """
    Give the styles of the layers of a study.

    Parameters
    ----------
    path : its GeoPackage.
    columns : as `kcity_geo.outputs.columns.column_table` gives them.

    Returns
    -------
    In the order of the layers; cells have several.
    """
    titles = {str(row["id"]): str(row["title"]) for row in read_table("osm")["layer"]}
    aliases: dict[str, dict[str, str]] = {}
    for table, column, unit in columns[["table", "column", "unit"]].itertuples(index=False):
        aliases.setdefault(str(table), {})[str(column)] = alias_of(column, unit)
    found: list[LayerStyle] = []
    for layer, dimension in kind_of_layers(path).items():
        words = aliases.get(layer, {})
        if layer == "cells":
            found += cell_styles(words, words)
        else:
            found.append(layer_style(layer, dimension, titles=titles, aliases=words))
    return found


def save_buildings(result: Result, path: Path) -> None:
    """
    Write the buildings of the map as GeoParquet: their many outlines would be half of the GeoPackage.

    Parameters
    ----------
    result : a study whose map has buildings.
    path : file to write.
    """
    clean = _clean(result.data.layers[BUILDINGS])
    save_geoparquet(clean, path, about=None, told=credits_of_file(result.data))


def _opened(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take of the cells what people open, with the digits that mean something."""
    kept = cells[opened_columns(cells)]
    # Single precision would write 0.800000011920929 for 0.8.
    wide = {c: np.float64 for c in kept.columns.drop("geometry") if kept[c].dtype.kind == "f"}
    return kept.astype(wide).round(read_table("columns")["opened"]["decimals"])


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
        options["promote_to_multi"] = (
            len(np.unique(shapely.get_type_id(frame.geometry.to_numpy()))) > 1
        )
    elif spatial:
        options["geometry_type"] = _EMPTY_TYPE
    if first:
        options["VERSION"] = _VERSION
    few = len(frame) < read_table("columns")["opened"]["index_from"]
    if spatial and (few or layer == _CELLS):
        options["SPATIAL_INDEX"] = "NO"
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
        clean = np.array([*(_text_cell(v) for v in different.tolist()), None], dtype=object)
        return clean[codes]
    cells = [_JSON.encode(v) if type(v) is dict else _text_cell(v) for v in column]
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
