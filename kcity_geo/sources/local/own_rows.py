"""
Rows of a user's own file that are not in use, or stand twice.

A line that is planned carries nothing: it is left out and told, as in OpenStreetMap. Rows that stand twice
may be two firms in one house, so they stay, and are told.
"""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.notes import tell
from kcity_geo.sources.local.table_files import column_key, plain_text

__all__ = ["rows_that_count"]


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


def _in_use(frame: gpd.GeoDataFrame, what: str) -> gpd.GeoDataFrame:
    """Leave out what a column of the file calls planned, closed or broken."""
    known = read_table("own_columns")["status"]
    keys = {column_key(name): name for name in frame.columns}
    column = next((keys[name] for name in known["columns"] if name in keys), None)
    if column is None:
        return frame
    said = frame[column].map(lambda cell: "" if pd.isna(cell) else plain_text(cell).casefold())
    gone = said.map(lambda text: re.search(known["gone"], text) is not None).to_numpy(bool)
    if not gone.any():
        return frame
    first = int(gone.argmax())
    text = (
        f"{what}: {int(gone.sum())} of {len(frame)} rows are not in use by their column {column} (first: "
        f"{plain_text(frame[column].iloc[first])[:40]!r})"
    )
    if gone.all():
        raise SourceError(f"{text}; take the column out where it says something else")
    tell(f"{text}; they were left out")
    return frame[~gone]
