"""Tables as CSV: indicators and inventory, safe to open in a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcity_geo.outputs.text import csv_safe

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["save_csv"]


def save_csv(frame: pd.DataFrame, path: Path) -> None:
    """
    Write a table as CSV that no spreadsheet runs as formulas.

    Parameters
    ----------
    frame : any table; the index is not written. NaN becomes an empty field.
    path : file to write, UTF-8, lines end with a line feed.
    """
    safe = frame.copy()
    safe.columns = [str(csv_safe(str(c))) for c in frame.columns]
    for position in range(len(safe.columns)):
        column = frame.iloc[:, position]
        if column.dtype.kind not in "biufM":
            safe.isetitem(position, column.map(csv_safe, na_action="ignore").astype(object))
    safe.to_csv(path, index=False, lineterminator="\n", float_format="%.10g", encoding="utf-8")
