"""
People of districts: how many persons of a cell live on each side of a border that cuts it.

The whole cell would be divided by area; the pixels and polygons that it was made of know better, so
their persons are gathered by district while they are read.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.city import City
from kcity_geo.cube import pieces_of_polygons
from kcity_geo.runs import place_in_run

__all__ = ["DistrictPeople", "with_people"]

_OVERLAP = 1e-6


def with_people(
    shares: pd.DataFrame, persons: NDArray[np.float64], cells: NDArray[np.float64]
) -> pd.DataFrame:
    """
    Put the part of a cell's people that lives in each of its pieces beside the part of its area.

    Parameters
    ----------
    shares : of `kcity_geo.cube.district_shares`.
    persons : shape (rows of `shares`,), of each piece.
    cells : shape (rows, cols), persons; NaN: not known.

    Returns
    -------
    `shares` with ``people_share``. Parts of a cell add up to 1 where its districts do not overlap; a
    cell without people is divided by area.

    Examples
    --------
    >>> shares = pd.DataFrame({"cell": [0, 0], "district_id": ["A", "B"], "share": [0.5, 0.5]})
    >>> with_people(shares, np.array([8.0, 2.0]), np.array([[10.0]]))["people_share"].tolist()
    [0.8, 0.2]
    """
    cell, area = shares["cell"].to_numpy(), shares["share"].to_numpy(dtype=float)
    size = cells.size
    gathered = np.bincount(cell, weights=persons, minlength=size)
    covered = np.bincount(cell, weights=area, minlength=size)
    whole = np.where(covered > 1 + _OVERLAP, np.nan_to_num(cells.ravel()), gathered)
    cut = (np.bincount(cell, minlength=size) > 1)[cell] & (whole > 0)[cell]
    part = np.divide(persons, whole[cell], out=area.copy(), where=cut)
    return shares.assign(people_share=np.where(cut, part, area))


class DistrictPeople:
    """
    Persons of the pieces into which the districts cut the cells, gathered while they are read.

    Parameters
    ----------
    city : with districts.
    shares : of `kcity_geo.cube.district_shares`, a row a piece.
    grid : the study grid.
    """

    def __init__(self, city: City, shares: pd.DataFrame, grid: GeoBox) -> None:
        ids = city.districts["district_id"].tolist()
        number = {key: i for i, key in enumerate(ids)}
        cell = shares["cell"].to_numpy(dtype=np.int64)
        keys = cell * len(ids) + shares["district_id"].map(number).to_numpy(dtype=np.int64)
        self.city, self.shares, self.grid = city, shares, grid
        self.persons: NDArray[np.float64] = np.zeros(len(shares))
        self._count = len(ids)
        self._order = np.argsort(keys)
        self._keys = keys[self._order]
        #: Cells that several districts share, flat.
        self.cut = np.bincount(cell, minlength=grid.shape[0] * grid.shape[1]) > 1
        self._shapes = city.districts.geometry.to_numpy()
        self._tree = shapely.STRtree(self._shapes)

    def add_points(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        cell: NDArray[np.int64],
        persons: NDArray[np.float64],
    ) -> None:
        """
        Add the persons of points to the districts that they lie in.

        Parameters
        ----------
        x, y : shape (n,), metres in the CRS of the city.
        cell : shape (n,), flat number of the cell.
        persons : shape (n,).
        """
        here = np.flatnonzero(self.cut[cell] & (persons > 0))
        # Each point against the districts that have a part of its cell, district by district.
        first = np.searchsorted(self._keys, cell[here] * self._count)
        count = np.searchsorted(self._keys, (cell[here] + 1) * self._count) - first
        point = np.repeat(here, count)
        piece = np.repeat(first, count) + place_in_run(count)
        district = self._keys[piece] % self._count
        order = np.argsort(district, kind="stable")
        ends = np.searchsorted(district[order], np.arange(self._count + 1))
        for k in np.flatnonzero(np.diff(ends)).tolist():
            mine = order[ends[k] : ends[k + 1]]
            shape = self._shapes[k]
            shapely.prepare(shape)
            inside = mine[shapely.intersects_xy(shape, x[point[mine]], y[point[mine]])]
            self.persons += np.bincount(
                self._order[piece[inside]],
                weights=persons[point[inside]],
                minlength=len(self.persons),
            )

    def add_polygons(self, polygons: NDArray[np.object_], density: NDArray[np.float64]) -> None:
        """
        Add the persons of polygons to the districts that they lie in, by area.

        Parameters
        ----------
        polygons : in the CRS of the city, inside its boundary.
        density : persons per m2 of each.
        """
        if not self.cut.any():
            return
        polygon, district = self._tree.query(polygons, predicate="intersects")
        common = shapely.intersection(polygons[polygon], self._shapes[district])
        cell, piece, area = pieces_of_polygons(common, grid=self.grid)
        self._add(cell, district[piece], area * density[polygon[piece]])

    def _add(
        self,
        cell: NDArray[np.int64],
        district: NDArray[np.int64],
        persons: NDArray[np.float64],
    ) -> None:
        keys = cell * self._count + district
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        known = self._keys[at] == keys
        self.persons += np.bincount(
            self._order[at[known]], weights=persons[known], minlength=len(self.persons)
        )

    def divided(self, cells: NDArray[np.float64]) -> pd.DataFrame:
        """
        Give the shares of the pieces in the people of their cells.

        Parameters
        ----------
        cells : shape (rows, cols), persons as read.

        Returns
        -------
        As `with_people`.
        """
        return with_people(self.shares, self.persons, cells)
