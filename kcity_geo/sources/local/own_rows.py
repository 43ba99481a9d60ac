"""
Rows of a user's own file that are not in use, or stand twice.

A line that is planned carries nothing: it is left out and told, as in OpenStreetMap. Rows that stand twice
may be two firms in one house, so they stay, and are told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.table_files import column_key, plain_text

__all__ = ["rows_that_count", "status_columns"]

#: A shapefile cuts the names of its columns to so many.
_SHAPEFILE_LETTERS: Final = 10


def rows_that_count(frame: gpd.GeoDataFrame, *, what: str) -> gpd.GeoDataFrame:
    """
    Leave out rows that are not in use and tell them, and tell those that stand twice.

    Parameters
    ----------
    frame : features of a file, any CRS.
    what : key and file, for messages.

    Returns
    -------
    The rows in use, with their index.

    Raises
    ------
    SourceError
        If none is left.

    Examples
    --------
    >>> from kcity_geo.notes import muted
    >>> shape = [shapely.Point(0, 0), shapely.Point(1, 0)]
    >>> frame = gpd.GeoDataFrame({"status": ["Planned", "Existing"]}, geometry=shape)
    >>> with muted():
    ...     rows_that_count(frame, what="sources.extra.health: c.gpkg")["status"].tolist()
    ['Existing']
    """
    _tell_doubles(frame, what)
    return _in_use(frame, what)


def _tell_doubles(frame: gpd.GeoDataFrame, what: str) -> None:
    """Tell rows of which all columns and the place are those of a row before, whichever way a line runs."""
    boxes = pd.DataFrame(shapely.bounds(frame.geometry.to_numpy()))
    near = boxes.duplicated(
        keep=False
    ).to_numpy()  # of a million buildings few have the box of another
    rows = frame[near]
    shapes = shapely.to_wkb(shapely.normalize(rows.geometry.to_numpy()))
    alike = rows.drop(columns=frame.geometry.name).astype(str).assign(**{"": shapes})
    double = np.zeros(len(frame), dtype=bool)
    double[near] = alike.duplicated().to_numpy()
    if double.any():
        tell(
            f"{what}: {int(double.sum())} of {len(frame)} rows are those of another row, place and columns alike "
            f"(first: row {int(double.argmax()) + 1}); all were kept, so the same thing may count twice"
        )


def status_columns(names: Iterable[object]) -> list[str]:
    """
    Find the columns that say whether rows are in use.

    Parameters
    ----------
    names : of the columns of a file; a shapefile cuts them to ten letters.

    Returns
    -------
    Those of ``[status]`` in ``tables/own_columns.toml``, in the order of the file.

    Examples
    --------
    >>> status_columns(["name", "Status", "operationa"])
    ['Status', 'operationa']
    """
    known = read_table("own_columns")["status"]["columns"]
    keys = {*known, *(name[:_SHAPEFILE_LETTERS] for name in known)}
    return [str(name) for name in names if column_key(name) in keys]


def _in_use(frame: gpd.GeoDataFrame, what: str) -> gpd.GeoDataFrame:
    """Leave out what a column of the file calls planned, closed or broken; tell the words not understood."""
    for column in status_columns(frame.columns):
        frame = frame[~_gone(frame, column, what)]
    return frame


def _gone(frame: gpd.GeoDataFrame, column: str, what: str) -> NDArray[np.bool_]:
    """Find the rows that a column says are not in use."""
    cells = [
        plain_text(cell) for cell in frame[column].astype(object).where(frame[column].notna(), None)
    ]
    asked = column_key(column) in read_table("own_columns")["status"]["asking"]
    meant = {cell: _meaning(cell, asked=asked) for cell in set(cells)}
    gone = np.array([meant[cell] == "gone" for cell in cells], dtype=bool)
    unknown = [cell for cell in cells if meant[cell] == "unknown"]
    if unknown:
        words = ", ".join(repr(word[:40]) for word in list(dict.fromkeys(unknown))[:3])
        tell(
            f"{what}: {len(unknown)} of {len(frame)} rows have words in the column {column} that say neither in use "
            f"nor out of use ({words}); they were kept: take out those that do not work, or are not there yet"
        )
    if not gone.any():
        return gone
    text = (
        f"{what}: {int(gone.sum())} of {len(frame)} rows are not in use by their column {column} (first: "
        f"{cells[int(gone.argmax())][:40]!r})"
    )
    if gone.all():
        raise SourceError(f"{text}; take the column out where it says something else")
    tell(f"{text}; they were left out")
    return gone


def _meaning(cell: str, *, asked: bool) -> str:
    """Tell what a cell means: gone, stays, or unknown."""
    known = read_table("own_columns")["status"]
    missing = read_table("statistics")["missing"]
    plain = unicodedata.normalize("NFKD", cell.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"[\s_/-]+", " ", unicodedata.normalize("NFC", plain)).strip()
    if plain in missing or cell.casefold() in missing:
        return "stays"
    if asked and re.search(known["no"], plain):
        return "gone"
    if re.search(known["stays"], plain) or (asked and re.search(known["yes"], plain)):
        return "stays"
    if re.search(known["gone"], plain):
        return "gone"
    return "stays" if re.search(known["in_use"], plain) else "unknown"
