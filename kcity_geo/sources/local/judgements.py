"""Pairwise judgements of criteria, from a table that a person filled in."""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from kcity_geo.errors import SourceError
from kcity_geo.sources.local.table_files import plain_text, read_cells

__all__ = ["read_judgements"]


def read_judgements(path: Path, *, key: str) -> pd.DataFrame:
    """
    Read how many times more important each criterion is than each other.

    Parameters
    ----------
    path : csv or xlsx (with ``#`` and a sheet where it has several): the first column and the header row
        name the criteria; entries are numbers or fractions such as ``1/3``. The diagonal and one entry of
        a pair may be empty, and both where nobody judged.
    key : key of the study file, for messages.

    Returns
    -------
    Square table, index and columns are the criteria in the order of the rows; NaN: not judged;
    the name of the file stands in ``attrs["source"]``.

    Raises
    ------
    SourceError
        If the table cannot be read, rows and columns differ, or an entry is no positive number.
    """
    cells = read_cells(path, key=key, wanted=())
    names = [plain_text(value) for value in cells.iloc[:, 0]]
    columns = [plain_text(name) for name in cells.columns[1:]]
    where = f"{key}: {path.name}"
    if sorted(names) != sorted(columns) or len(set(names)) < len(names):
        raise SourceError(
            f"{where}: rows name {', '.join(names)}, columns {', '.join(columns)}; both must be the same "
            "criteria, each once"
        )
    found = np.array(
        [
            [_number(cells.iloc[i, j + 1], where=f"{where}: {row} against {column}")
             for j, column in enumerate(columns)]
            for i, row in enumerate(names)
        ]
    )  # fmt: skip
    table = pd.DataFrame(found, index=names, columns=columns)[names]
    table.attrs["source"] = path.name
    return table


def _number(cell: object, *, where: str) -> float:
    text = plain_text(cell).replace(" ", "")
    if not text:
        return float("nan")
    # Word processors make one sign of 1/2.
    sign = unicodedata.numeric(text, None) if len(text) == 1 else None
    plain = text.replace(",", ".") if text.count(",") == 1 else text
    try:
        value = float(Fraction(plain)) if sign is None else sign
    except (ValueError, ZeroDivisionError) as error:
        raise SourceError(f"{where}: {text!r} is no number and no fraction such as 1/3") from error
    if value <= 0:
        raise SourceError(
            f"{where}: {text!r} must be above 0; less important is a fraction such as 1/3"
        )
    return value
