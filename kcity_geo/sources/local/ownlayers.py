"""
The user's own features beside OpenStreetMap: clinics from a csv, pipes of the utility.

A column named like an OpenStreetMap key (``amenity``, ``voltage``) counts as that tag, one named
like a column of the layer (``output_mw``) as that number; what no column says comes from
``tables/extra.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import muted, tell
from kcity_geo.sources.local.own_rows import rows_that_count, status_columns
from kcity_geo.sources.local.points import read_points_or_vector
from kcity_geo.sources.local.table_files import column_key, plain_text
from kcity_geo.sources.local.table_numbers import decimal_sign, numbers
from kcity_geo.sources.local.vectors import told_elsewhere
from kcity_geo.sources.local.voltages import voltage_column, volts_of_column
from kcity_geo.sources.osm.rules import LayerRow, Rules

__all__ = ["append_own", "read_own_layer"]

_SHAPES = {"Point": "point", "LineString": "line", "Polygon": "polygon"}
_NUMERIC = re.compile(r"[-+\u2212]?\s*\d[\d.,\s'\u2019]*(?:[eE][-+]?\d+)?|[-+]?inf")
#: Columns that say who, where and when.
_LABELS = (
    "id",
    "name",
    "source",
    "date",
    "year",
    "note",
    "notes",
    "address",
    "layer",
    "path",
    "fid",
    "osm_id",
    "osm_type",
)
_MOST_NAMED = 8
_NAMELESS = re.compile(r"column \d+|Unnamed.*|index")
_KIND = {"point": 0, "line": 1, "polygon": 1}


def read_own_layer(
    path: Path,
    layer: str,
    *,
    key: str,
    area: BaseGeometry,
    crs: CRS,
    tags: Rules | None = None,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """
    Read features of one layer from the user's own file.

    Parameters
    ----------
    path : csv or xlsx with coordinates, or any vector file.
    layer : a layer of ``tables/extra.toml``.
    key : key of the study file, for messages.
    area : what is kept, lon/lat.
    crs : metric CRS of the city.
    tags : which tags belong to which layer; those of ``tables/osm.toml`` when None.

    Returns
    -------
    Frame in the schema of the layer, with ``osm_type`` "file" and negative ``osm_id`` (row of the
    file), and the values that hold no number (``layer, osm_type, osm_id, key, value``).

    Raises
    ------
    SourceError
        If the file cannot be read, nothing of it is in the area, no row fits the layer, or a number in
        the unit of its column is none or lies beyond ``[numbers]`` of ``tables/extra.toml``.
    """
    from kcity_geo.sources.osm.frames import UNREADABLE_COLUMNS, Objects, layer_frame
    from kcity_geo.sources.osm.rules import layer_table, rules

    row, defaults = layer_table()[layer], read_table("extra")["layer"][layer]
    known = tags or rules()
    allowed = {kind for rule in row.rules for kind in rule.geometry} | set(row.geometry)
    own = read_points_or_vector(path, key=key, kinds=sorted(allowed))
    _tell_unread(own, row, defaults, what=f"{key}: {path.name}")
    own = _in_volts(own, row, what=f"{key}: {path.name}")
    rows = pd.Series(np.arange(1, len(own) + 1), own.index)
    own = rows_that_count(own, what=f"{key}: {path.name}")
    own = own.assign(own_row=rows).reset_index(drop=True).to_crs(4326)
    sound = shapely.make_valid(shapely.force_2d(own.geometry.to_numpy()))
    here = told_elsewhere(own.set_geometry(sound, crs=4326), area, what=f"{key}: {path.name}")
    here = here.explode(index_parts=False).reset_index(drop=True)
    geometry = here.to_crs(crs).geometry.to_numpy()
    objects, members, strange = Objects(), [], []
    records = here.drop(columns="geometry").to_dict("records")
    for i, (shape_, record) in enumerate(zip(geometry, records, strict=True)):
        shape = _SHAPES.get(shape_.geom_type, "")
        said = _tags(record, row)
        found = {**_default(defaults, shape, said), **said}
        match = known.match(found)
        kinds = dict(getattr(match, shape)) if shape else {}
        if layer not in kinds:
            strange.append((record["own_row"], shape_.geom_type, found))
            continue
        members.append((len(objects), kinds[layer]))
        objects.add(
            _KIND[shape],
            -int(record["own_row"]),
            geometry[i],
            tags=found,
            stamp=0,
            match=match,
            shape=shape,
        )
    if strange:
        line, kind, first = strange[0]
        text = (
            f"{key}: {len(strange)} of {len(here)} features of {path.name} are no {layer} (first: row {line}, "
            f"a {kind} with {', '.join(f'{k}={v}' for k, v in list(first.items())[:5])})"
        )
        if not members:
            raise SourceError(f"{text}; the layer holds {', '.join(row.geometry)}")
        tell(f"{text}; they were left out", stacklevel=3)
    unreadable: list[tuple[str, str, int, str, str]] = []
    frame, _ = layer_frame(row, members, objects, crs=crs, unreadable=unreadable)
    frame["osm_type"] = pd.Series(["file"] * len(frame), dtype="str")
    _own_numbers(frame, own, row, what=f"{key}: {path.name}")
    _tell_uncounted(frame, defaults.get("counts"), what=f"{key}: {path.name}")
    bad = pd.DataFrame(unreadable, columns=list(UNREADABLE_COLUMNS))
    return frame, bad.assign(osm_type="file")


def _tell_unread(
    own: gpd.GeoDataFrame, row: LayerRow, defaults: dict[str, Any], *, what: str
) -> None:
    """Tell the columns that nothing reads, and what would tell kind and numbers of the layer."""
    lifecycle = read_table("osm")
    read = {*lifecycle["gone_modifiers"], *lifecycle["gone_values"], *lifecycle["planned_prefixes"]}
    read |= {key for rule in row.rules for key, _ in (*rule.where, *rule.unless)}
    read |= {key for column in row.columns for key in (column.name, *column.tags)}
    found = voltage_column([str(c) for c in own.columns if c != own.geometry.name])
    read |= {own.geometry.name, *status_columns(own.columns), *_LABELS, *(found or ())[:1]}
    names = [str(c) for c in own.columns if not _NAMELESS.fullmatch(str(c))]
    unread = [name for name in names if name not in read and column_key(name) not in read]
    if not unread:
        return
    numbers = [c.name for c in row.columns if c.name in read_table("extra")["numbers"]]
    tags = [one for one in defaults.values() if isinstance(one, dict)]
    kinds = ", ".join(dict.fromkeys(key for one in tags for key in one))
    more = f" and {len(unread) - _MOST_NAMED} more" if len(unread) > _MOST_NAMED else ""
    tell(
        f"{what}: nothing reads the columns {', '.join(unread[:_MOST_NAMED])}{more}; the kind of a row is told by "
        f"{kinds}" + (f", its numbers by {', '.join(numbers)}" if numbers else ""),
        stacklevel=3,
    )


def append_own(
    known: gpd.GeoDataFrame, own: gpd.GeoDataFrame, *, layer: str, key: str
) -> gpd.GeoDataFrame:
    """
    Put the user's own features behind the mapped ones of a layer.

    Parameters
    ----------
    known : the layer as mapped.
    own : of `read_own_layer`, same columns and CRS.
    layer : its name.
    key : for messages.

    Returns
    -------
    Both. A warning says how many own points may repeat a mapped facility.
    """
    import geopandas as gpd

    from kcity_geo.sources.osm.rules import layer_table

    if known.empty:
        return own
    near = layer_table()[layer].merge_within_m
    if near > 0:
        pairs = shapely.STRtree(known.geometry.to_numpy()).query(
            own.geometry.to_numpy(), predicate="dwithin", distance=near
        )
        twice = len(np.unique(pairs[0]))
        if twice:
            tell(
                f"{key}: {twice} of {len(own)} features lie within {near:g} m of a mapped {layer}; all were kept, "
                "so the same facility may count twice",
                stacklevel=3,
            )
    joined = gpd.GeoDataFrame(pd.concat([known, own], ignore_index=True), crs=known.crs)
    return joined[list(known.columns)]


def _in_volts(own: gpd.GeoDataFrame, row: LayerRow, *, what: str) -> gpd.GeoDataFrame:
    """Bring the voltages of a layer that has some into volts, whatever their column is called."""
    found = voltage_column([str(c) for c in own.columns if c != "geometry"])
    if found is None or not any("voltage" in column.tags for column in row.columns):
        return own
    column, factor = found
    words = ["" if pd.isna(v) else _plain(v) for v in own[column]]
    volts = volts_of_column(words, column=column, factor=factor, what=what)
    return own.drop(columns=column).assign(voltage=volts)


def _plain(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value).strip()


def _default(defaults: dict[str, Any], shape: str, said: dict[str, str]) -> dict[str, str]:
    tags: dict[str, str] = defaults.get(shape, defaults["tags"])
    first = next(iter(tags))
    # A file that says what its rows are is believed: healthcare=hospital is no clinic as well.
    if first == "amenity" and "healthcare" in said:
        return {}
    return tags


def _tags(record: dict[Hashable, Any], row: LayerRow) -> dict[str, str]:
    """Turn the columns of a feature into tags; numbers in the unit of a column are no tags."""
    renamed = {c.name: c.tags[0] for c in row.columns if c.tags and c.read == "text"}
    numbers = {c.name for c in row.columns if c.read != "text" and c.name not in c.tags}
    tags: dict[str, str] = {}
    for column, value in record.items():
        name = str(column)
        if name == "own_row" or name in numbers or value is None or pd.isna(value):
            continue
        text = _plain(value)
        if text:
            tags[renamed.get(name, name)] = text
    return tags


def _tell_uncounted(frame: gpd.GeoDataFrame, column: str | None, *, what: str) -> None:
    """Tell how many rows lack the number without which they add nothing."""
    unknown = 0 if column is None else int(frame[column].isna().sum())
    if unknown:
        tell(
            f"{what}: {unknown} of {len(frame)} rows have no number in the column {column} and count no "
            f"{column}; add it",
            stacklevel=4,
        )


def _own_numbers(
    frame: gpd.GeoDataFrame, own: gpd.GeoDataFrame, row: LayerRow, *, what: str
) -> None:
    """Take numbers given in the unit of a column; the whole column of the file tells its signs."""
    wanted = {c.name: c for c in row.columns if c.read not in {"text", "voltages", "voltage_v"}}
    rows = -frame["osm_id"].to_numpy()
    kept = own[own["own_row"].isin(rows)]
    for name in wanted.keys() & set(own.columns):
        where = f"{what}, {name}"
        cells = kept[name].astype(object)
        cells = cells.where(cells.notna(), None)
        if name in wanted[name].tags:
            # Named like an OpenStreetMap key as well: "~50" is left to who reads tags, who tells.
            cells = cells.map(lambda cell: cell if _NUMERIC.fullmatch(plain_text(cell)) else None)
        sign = decimal_sign(own[name], where=where)
        given = _read(cells, kept["own_row"], name, sign=sign, where=where)
        values = given.reindex(rows).to_numpy(dtype=np.float64)
        frame[name] = np.where(np.isnan(values), frame[name].to_numpy(dtype=np.float64), values)


def _read(cells: pd.Series, lines: pd.Series, name: str, *, sign: str, where: str) -> pd.Series:
    """Read the numbers of a column, by row of the file; refuse what no facility has, and name the row."""
    limit = read_table("extra")["numbers"][name]
    whole = limit.get("whole", False)
    try:
        given = numbers(cells, where=where, whole=whole, sign=sign)
    except SourceError:
        with muted():
            for cell, line in zip(cells, lines, strict=True):
                numbers(pd.Series([cell]), where=f"{where}, row {line}", whole=whole, sign=sign)
        raise
    beyond = ((given < limit["low"]) | (given > limit["high"])).to_numpy()
    if beyond.any():
        at = int(beyond.argmax())
        raise SourceError(
            f"{where}, row {lines.iloc[at]} has the value {given.iloc[at]:,.12g}; from {limit['low']:,} to "
            f"{limit['high']:,} is possible{_in_unit(limit['unit'])}: mend the number or its unit, or leave the "
            "cell empty where it is not known"
        )
    parts = (given % 1 != 0).to_numpy() & given.notna().to_numpy()
    if whole and parts.any():
        at = int(parts.argmax())
        tell(
            f"{where}: {int(parts.sum())} of {len(given)} numbers are not whole (first: row {lines.iloc[at]} has "
            f"{given.iloc[at]:,.12g}), and it counts whole things; they count as they are: are they thousands?"
        )
    return pd.Series(given.to_numpy(), index=lines.to_numpy())


def _in_unit(unit: str) -> str:
    return "" if unit == "1" else f" ({unit})"
