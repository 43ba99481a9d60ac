"""Districts: the one way from cells to districts and to the city, and what means are weighted with."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.citydata import CityData
from kcity_geo.cube import cell_size

__all__ = ["district_mean", "has_residents", "weighted_mean"]


def weighted_mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """
    Mean over the cells whose value and weight are known.

    Parameters
    ----------
    values : any shape; NaN: not known.
    weight : same shape, for example persons; NaN: not known.

    Returns
    -------
    The mean; NaN when no weight is left.

    Examples
    --------
    >>> weighted_mean(np.array([1.0, np.nan, 0.0]), np.array([30.0, 50.0, 10.0]))
    0.75
    """
    ok = np.isfinite(values) & np.isfinite(weight) & (weight > 0)
    total = float(weight[ok].sum())
    return float((values[ok] * weight[ok]).sum() / total) if total > 0 else float("nan")


def cell_weight(data: CityData, kind: str = "people") -> NDArray[np.float64]:
    """
    Give what the cells are weighted with in a mean.

    Parameters
    ----------
    data : of the city.
    kind : people, built or area; what is missing is replaced by the area inside the city.

    Returns
    -------
    Shape (rows, cols), zero outside the city.
    """
    area = data.cube["inside_share"].to_numpy() * cell_size(data.grid) ** 2
    name = {"people": "population", "built": "built_m2"}.get(kind)
    values = None if name is None else data.array(name)
    if values is None or not np.nansum(np.where(data.inside, values, 0.0)) > 0:
        return np.asarray(area, dtype=np.float64)
    return np.where(data.inside, np.nan_to_num(values), 0.0)


def has_residents(data: CityData) -> bool:
    """
    Say whether anybody lives in the city by its population grid; if not, means are over land.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    False without a population grid as well.
    """
    people = data.array("population")
    return people is not None and bool(np.nansum(np.where(data.inside, people, 0.0)) > 0)


def district_mean(
    data: CityData,
    values: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    land: bool = False,
) -> pd.DataFrame:
    """
    Average cells over districts.

    Parameters
    ----------
    data : with the shares of districts in cells.
    values : shape (rows, cols). NaN: left out.
    weight : shape (rows, cols).
    land : whether cells that a border cuts are divided by area; else by where their people live.

    Returns
    -------
    Index district id in the order of the districts: ``mean`` (NaN without weight), ``sum`` of
    weight times value, ``weight`` of the cells with a value.
    """
    ids, cell, owner, share = _apportionment(data)
    share = data.shares["share"].to_numpy(dtype=np.float64) if land else share
    w = weight.ravel()[cell] * share
    v = values.ravel()[cell]
    known = np.isfinite(v) & (w > 0)
    kept = np.where(known, w, 0.0)
    total = np.bincount(owner, weights=kept, minlength=len(ids))
    summed = np.bincount(owner, weights=kept * np.where(known, v, 0.0), minlength=len(ids))
    nothing = total == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {"mean": summed / total, "sum": summed, "weight": total}
    return pd.DataFrame(
        {k: np.where(nothing, np.nan, c) for k, c in columns.items()},
        index=pd.Index(ids, name="district_id"),
    )


_PARTS: WeakKeyDictionary[CityData, tuple[Any, ...]] = WeakKeyDictionary()


def _apportionment(
    data: CityData,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """District ids, and for each piece of a cell: the cell, the district's number, the share of people."""
    if data not in _PARTS:
        ids = data.city.districts["district_id"].tolist()
        number = {key: i for i, key in enumerate(ids)}
        _PARTS[data] = (
            ids,
            data.shares["cell"].to_numpy(),
            data.shares["district_id"].map(number).to_numpy(dtype=np.int64),
            data.shares["people_share"].to_numpy(dtype=np.float64),
        )
    return _PARTS[data]
