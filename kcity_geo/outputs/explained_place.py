"""Which place is meant by what stands in `explain`: the city, a district by id or name, or a cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError
from kcity_geo.result import SECTORS, Gaps

__all__ = ["cell_number", "known_cells", "rows_of_places", "unit_of"]


def unit_of(gaps: Gaps, place: object) -> str:
    """
    Give the district that is meant.

    Parameters
    ----------
    gaps : of a city.
    place : as for `kcity_geo.outputs.explain.explain`.

    Returns
    -------
    Its id, or ``city``; empty for what can only be a cell.

    Raises
    ------
    StudyError
        If it is no text, or several districts have that name.
    """
    if not isinstance(place, str):
        raise StudyError(
            f"explain: place is {place!r}; give the text of an id, such as 'city' or a district_id"
        )
    ids = gaps.districts["district_id"].astype(str).tolist()
    if place == "city" or place in ids:
        return place
    names = gaps.districts["name"].astype(str).tolist()
    named_so = [key for key, one in zip(ids, names, strict=True) if one == place]
    if len(named_so) > 1:
        raise StudyError(
            f"explain: {len(named_so)} districts are named {place[:60]!r}; give one of their ids: "
            f"{', '.join(named_so[:6])}"
        )
    return named_so[0] if named_so else ""


def cell_number(gaps: Gaps, place: str) -> int:
    """
    Give the cell that is meant.

    Parameters
    ----------
    gaps : of a city.
    place : id of a cell.

    Returns
    -------
    Its position in the flat grid.

    Raises
    ------
    StudyError
        If there is no such cell inside the city; the message names one that exists.
    """
    x, y = (gaps.cells[axis].to_numpy() for axis in ("x", "y"))
    size = abs(float(np.diff(x if len(x) > 1 else y)[0]))
    columns, rows = (np.floor(axis / size).astype(int).tolist() for axis in (x, y))
    column, _, row = place.removeprefix("x").partition("_y")
    inside = known_cells(gaps)
    try:
        found = int(rows.index(int(row)) * len(columns) + columns.index(int(column)))
    except ValueError:
        found = -1
    if found < 0 or not inside[found]:
        first = np.flatnonzero(inside)[:1]
        shown = [f" (x{columns[at % len(columns)]}_y{rows[at // len(columns)]})" for at in first]
        raise StudyError(
            f"explain: no cell or district {place[:60]!r}; take an id of cells.parquet"
            f"{''.join(shown)}, an id or name of districts.geojson, or 'city'"
        )
    return found


def known_cells(gaps: Gaps) -> NDArray[np.bool_]:
    """
    Find the cells of which anything is known: mapped share, people or a gap.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    True for those, in the order of the flat grid.
    """
    cells = gaps.cells
    names = [
        n for n in ("mapped_share", "population", *(f"{s}_gap" for s in SECTORS)) if n in cells
    ]
    found = np.stack([np.isfinite(cells[n].to_numpy()).ravel() for n in names])
    return np.asarray(found.any(axis=0))


def rows_of_places(gaps: Gaps) -> dict[str, dict[str, dict[Any, Any]]]:
    """
    Give the rows of the indicators of each place.

    Parameters
    ----------
    gaps : of a city.

    Returns
    -------
    Id of a district, or ``"city"`` -> indicator -> its row.
    """
    found: dict[str, dict[str, dict[Any, Any]]] = {}
    for row in gaps.indicators.to_dict("records"):
        found.setdefault(str(row["unit_id"]), {})[str(row["indicator"])] = row
    return found
