"""Tables as CSV: indicators and inventory, safe to open in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kcity_geo.outputs.text import csv_safe

__all__ = ["save_csv"]


def save_csv(frame: pd.DataFrame, path: Path) -> None:
    """
    Write a table as CSV that no spreadsheet runs as formulas.

    Parameters
    ----------
    frame : any table; the index is not written. NaN becomes an empty field.
    path : file to write, UTF-8, lines end with a line feed.
    """
    safe = frame.rename(columns=lambda c: str(csv_safe(str(c))))
    for name in safe.columns:
        if safe[name].dtype.kind not in "biufM":
            safe[name] = safe[name].map(csv_safe, na_action="ignore").astype(object)
    safe.to_csv(path, index=False, lineterminator="\n", float_format="%.10g", encoding="utf-8")
