"""Districts: the one way from cells to districts and to the city, and what means are weighted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kcity_geo.citydata import CityInputs
from kcity_geo.cube import cell_size

__all__ = [
    "DistrictParts",
    "cell_weight",
    "district_parts",
    "has_residents",
    "main_district",
    "people_cover",
    "weighted_mean",
]


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


def cell_weight(data: CityInputs, kind: str = "people") -> NDArray[np.float64]:
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


def has_residents(data: CityInputs) -> bool:
    """
    Say whether anybody lives in the city by its population grid; if not, means are over land.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    False also without a population grid.
    """
    people = data.array("population")
    return people is not None and bool(np.nansum(np.where(data.inside, people, 0.0)) > 0)


def people_cover(data: CityInputs) -> NDArray[np.float64] | None:
    """
    Give the land of each cell of which the population is known.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Shape (rows, cols), 0 to 1: 0 where the population grid is silent, 1 elsewhere. None without a
    population, or where nobody lives by it: means are over land then.
    """
    people = data.array("population")
    if people is None or not has_residents(data):
        return None
    return np.isfinite(people).astype(np.float64)


@dataclass(frozen=True, eq=False)
class DistrictParts:
    """
    The pieces into which the districts cut the cells.

    Parameters
    ----------
    ids : district ids in the order of the districts.
    cell : flat number of the cell of each piece.
    owner : position in `ids` of the district of each piece.
    share : share of the cell's land inside the city that the piece is, 0 to 1.
    people_share : share of the cell's people who live in the piece, 0 to 1.
    """

    ids: list[str]
    cell: NDArray[np.int64]
    owner: NDArray[np.int64]
    share: NDArray[np.float64]
    people_share: NDArray[np.float64]

    def mean(
        self, values: NDArray[np.float64], weight: NDArray[np.float64], *, land: bool = False
    ) -> pd.DataFrame:
        """
        Average cells over districts.

        Parameters
        ----------
        values : shape (rows, cols). NaN: left out.
        weight : shape (rows, cols), for example persons.
        land : whether cells that a border cuts are divided by area; else by where their people
            live.

        Returns
        -------
        Index district id in the order of the districts: ``mean`` (NaN without weight), ``sum`` of
        weight times value, ``weight`` of the cells with a value.
        """
        w = weight.ravel()[self.cell] * (self.share if land else self.people_share)
        v = values.ravel()[self.cell]
        known = np.isfinite(v) & (w > 0)
        kept = np.where(known, w, 0.0)
        size = len(self.ids)
        total = np.bincount(self.owner, weights=kept, minlength=size)
        summed = np.bincount(self.owner, weights=kept * np.where(known, v, 0.0), minlength=size)
        nothing = total == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = {"mean": summed / total, "sum": summed, "weight": total}
        return pd.DataFrame(
            {k: np.where(nothing, np.nan, c) for k, c in columns.items()},
            index=pd.Index(self.ids, name="district_id"),
        )


def district_parts(data: CityInputs) -> DistrictParts:
    """
    Cut the cells by the districts.

    Parameters
    ----------
    data : of the city; `kcity_geo.analysis.city_model.CityModel.districts` keeps the answer.

    Returns
    -------
    The pieces.
    """
    ids = data.city.districts["district_id"].tolist()
    number = {key: i for i, key in enumerate(ids)}
    return DistrictParts(
        ids=ids,
        cell=data.shares["cell"].to_numpy(),
        owner=data.shares["district_id"].map(number).to_numpy(dtype=np.int64),
        share=data.shares["share"].to_numpy(dtype=np.float64),
        people_share=data.shares["people_share"].to_numpy(dtype=np.float64),
    )


def main_district(data: CityInputs) -> NDArray[np.object_]:
    """
    Tell which district holds most of each cell; of equal ones the first by its id.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Shape (rows, cols), district ids; ``""`` for cells in no district.
    """
    # Quarters of a cell are equal but for the last digits of their areas.
    best = (
        data.shares.assign(share=data.shares["share"].round(9))
        .sort_values(["cell", "share", "district_id"], ascending=[True, False, True], kind="stable")
        .drop_duplicates("cell")
        .set_index("cell")["district_id"]
    )
    found = np.full(data.grid.shape, "", dtype=object)
    found.flat[best.index.to_numpy(dtype=np.int64)] = best.astype(str).to_numpy(dtype=object)
    return found
