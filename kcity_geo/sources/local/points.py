"""Points: reading places from a table with coordinates, or from a vector file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.table_numbers import numbers
from kcity_geo.sources.local.tables import read_any_table
from kcity_geo.sources.local.vectors import read_vector
from kcity_geo.studyfile import file_and_part

__all__ = []


def read_points_or_vector(
    path: Path, *, key: str, kinds: Sequence[str] = ("point", "line", "polygon")
) -> gpd.GeoDataFrame:
    """
    Read features from a vector file, or points from a table with coordinates.

    Parameters
    ----------
    path : vector file as for `read_vector`, or csv or xlsx with the columns ``lon`` and ``lat`` (also
        ``lng``, ``longitude``, ``latitude``; degrees), or ``x``, ``y`` and ``crs`` (``EPSG:32632``).
    key : key of the study file, for messages.
    kinds : what is read of a vector file, see `read_vector`.

    Returns
    -------
    The features, with a CRS; rows without coordinates are left out with a warning.

    Raises
    ------
    SourceError
        If the file cannot be read, lacks the columns, or a coordinate is no number or not on Earth.
    """
    if file_and_part(path)[0].suffix.lower() not in {".csv", ".txt", ".tsv", ".xlsx", ".xls"}:
        return read_vector(path, key=key, kinds=kinds)
    import geopandas as gpd

    table = read_any_table(path, key=key)
    x, y, crs = _coordinate_columns(table, name=path.name, key=key)
    degrees = crs == "EPSG:4326"
    places = pd.DataFrame(
        {
            c: _coordinates(table[c], where=f"{key}: {path.name}, {c}", degrees=degrees)
            for c in (x, y)
        }
    )
    known = pd.Series(np.isfinite(places.to_numpy(dtype=float)).all(axis=1), index=places.index)
    if degrees:
        off = known & ((places[x].abs() > 180) | (places[y].abs() > 90))  # noqa: PLR2004 - degrees
        if off.any():
            line = int(off.to_numpy().argmax())
            raise SourceError(
                f"{key}: {path.name}, row {line + 1}: {x} {places[x].iloc[line]:g}, {y} "
                f"{places[y].iloc[line]:g} is not on Earth; degrees are needed, or x, y and crs"
            )
    if not known.any():
        raise SourceError(f"{key}: {path.name} has no row with coordinates")
    if not known.all():
        tell(
            f"{key}: {int((~known).sum())} of {len(table)} rows of {path.name} have no coordinates and "
            "were left out"
        )
    points = gpd.points_from_xy(places[x][known], places[y][known])
    rest = table[known].drop(columns=[c for c in (x, y, "crs") if c in table])
    try:
        return gpd.GeoDataFrame(rest.reset_index(drop=True), geometry=points, crs=crs)
    except Exception as error:
        raise SourceError(f"{key}: {path.name}: crs {crs!r} is not known ({error})") from error


def _coordinates(cells: pd.Series, *, where: str, degrees: bool) -> pd.Series:
    """Read a column of coordinates; with 28,025 in every cell, a sign in degrees is that of decimals."""
    lines = cells.astype(object)
    lines = lines.where(lines.notna(), None)
    lines.index = pd.RangeIndex(1, len(lines) + 1, name="row")
    try:
        found = numbers(lines, where=where, share=degrees)
    except SourceError as error:
        raise SourceError(f"{error} (decimal {'degrees' if degrees else 'numbers'})") from error
    return found.set_axis(cells.index)


def _coordinate_columns(table: pd.DataFrame, *, name: str, key: str) -> tuple[str, str, str]:
    by_name = {str(c).casefold(): str(c) for c in table.columns}
    x = next((by_name[n] for n in ("lon", "lng", "long", "longitude") if n in by_name), None)
    y = next((by_name[n] for n in ("lat", "latitude") if n in by_name), None)
    if x and y:
        return x, y, "EPSG:4326"
    if {"x", "y", "crs"} <= set(by_name):
        systems = table[by_name["crs"]].dropna().astype(str).str.strip().unique()
        if len(systems) == 1:
            return by_name["x"], by_name["y"], str(systems[0])
        raise SourceError(
            f"{key}: {name}: the column crs must hold one value, not {list(systems[:3])}"
        )
    raise SourceError(
        f"{key}: {name} has the columns {', '.join(map(str, table.columns))}; coordinates need lon and lat "
        "in degrees, or x, y and crs (EPSG:32632). A district by name is no place of a facility: official "
        "numbers by district belong into official.table"
    )
