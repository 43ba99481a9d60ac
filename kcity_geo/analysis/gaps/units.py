"""Units: districts and the city as sums over people of the cells, also in each draw."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.chance import normal, squares
from kcity_geo.analysis.settlement.districts import cell_weight, people_cover
from kcity_geo.city_districts import CITY
from kcity_geo.cube import cell_centres

__all__ = ["RunningMeans", "Units"]

_PEOPLE = 900


class Units:
    """
    The districts of a city, and the city, as sums over the people of the cells.

    Parameters
    ----------
    city : its model. Without people land takes their place.
    weight : shape (rows, cols), instead of the people.
    land : whether cells that a border cuts are divided by area; else by where their people live.
    seed : of the draws of people.

    Notes
    -----
    Land in no district counts in the city only.
    """

    def __init__(
        self,
        city: CityModel,
        *,
        weight: NDArray[np.float64] | None = None,
        land: bool = False,
        seed: int = 7,
    ) -> None:
        parts = city.districts
        self._city, self._over_people = city, weight is None
        self.ids: tuple[str, ...] = (*map(str, parts.ids), CITY)
        self.weight = city.once(cell_weight, "people") if weight is None else weight
        flat = np.where(city.inside, self.weight, 0.0).ravel()
        self._city_people = np.asarray(flat, dtype=np.float64)
        rows = np.concatenate([parts.owner, np.full(flat.size, len(parts.ids))])
        columns = np.concatenate([parts.cell, np.arange(flat.size)])
        values = np.concatenate(
            [(parts.share if land else parts.people_share) * flat[parts.cell], flat]
        )
        keep = values > 0
        self._matrix = sparse.csr_array(
            (values[keep], (rows[keep], columns[keep])), shape=(len(self.ids), flat.size)
        )
        self._seed = seed
        rule = city.rules("evidence")["people"]
        proxy = (
            "population" in city.cube
            and str(city.cube["population"].attrs.get("evidence", "")) == "proxy"
        )
        self._spread = float(np.sqrt(np.log1p(rule["proxy_cv" if proxy else "grid_cv"] ** 2)))
        x, y = cell_centres(city.grid)
        side = rule["block_m"]
        row, column = np.floor(y / side).astype(np.int64), np.floor(x / side).astype(np.int64)
        self._block = squares(row * 1_000_003 + column)

    @cached_property
    def covered(self) -> NDArray[np.float64]:
        """
        Share of the land of each unit of which the population is known, shape (units,).

        The people of the rest are not in any mean: evidence is worth no more than this share. All 1
        where the means are not over people.
        """
        known = people_cover(self._city) if self._over_people else None
        if known is None:
            return np.ones(len(self.ids))
        area = self._city.once(cell_weight, "area")
        return np.nan_to_num(Units(self._city, weight=area, land=True).mean(known), nan=1.0)

    def people(self) -> NDArray[np.float64]:
        """Weight of each unit, shape (units,)."""
        return np.asarray(self._matrix.sum(axis=1), dtype=np.float64).ravel()

    def sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum of people times a value; NaN counts as nothing."""
        return np.asarray(self._matrix @ np.nan_to_num(values.ravel()))

    def mean(
        self, values: NDArray[np.floating], *, factor: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """
        Mean of a value over the people of each unit of whom it is known.

        Parameters
        ----------
        values : shape (rows, cols). NaN: left out.
        factor : on the people of each cell, flat.

        Returns
        -------
        Shape (units,), in the order of `ids`; NaN where nothing is known.
        """
        flat = values.ravel().astype(np.float64)
        known = np.isfinite(flat).astype(np.float64)
        if factor is not None:
            known = known * factor
        total = self._matrix @ known
        summed = self._matrix @ (np.nan_to_num(flat) * known)
        return np.asarray(
            np.divide(summed, total, out=np.full(len(self.ids), np.nan), where=total > 0)
        )

    def known_share(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Share of the people of each unit of whom a value is known, shape (units,)."""
        total = self.people()
        known = self._matrix @ np.isfinite(values.ravel()).astype(np.float64)
        return np.asarray(np.divide(known, total, out=np.zeros(len(total)), where=total > 0))

    def factor(self, draw: int, cells: slice = slice(None)) -> NDArray[np.float64]:
        """
        Give the factor on the people of each cell in one draw: how far the population may be wrong.

        Parameters
        ----------
        draw : which.
        cells : flat positions.

        Returns
        -------
        Of those cells.
        """
        each = normal(self._block.place, draw=draw, purpose=_PEOPLE, seed=self._seed)
        off = each[self._block.at[cells]]
        return np.asarray(np.exp(self._spread * off - self._spread**2 / 2), dtype=np.float64)

    def running(self, count: int) -> RunningMeans:
        """
        Begin means over the people of each unit in each draw, from cells that come band by band.

        Parameters
        ----------
        count : number of draws.

        Returns
        -------
        To be given the bands in their order.
        """
        return RunningMeans(len(self.ids), count)

    def of_cells(self, cells: slice) -> sparse.csr_array:
        """
        Give the people of some cells by unit, behind a one for each unit.

        Parameters
        ----------
        cells : flat positions.

        Returns
        -------
        Shape (units, units + cells). Times what was summed before and then the cells it goes on
        summing from there, so that bands give what all cells at once give, to the last bit.
        """
        carried: Any = sparse.eye_array(len(self.ids), format="csr")
        rest: Any = self._matrix[:, cells]
        both: Any = sparse.hstack([carried, rest], format="csr")
        return sparse.csr_array(both)


class RunningMeans:
    """
    Means over the people of each unit in each draw, of cells that come band by band.

    Parameters
    ----------
    units, count : numbers of units and of draws.
    """

    def __init__(self, units: int, count: int) -> None:
        self._people = np.zeros((count, units))
        self._summed = np.zeros((count, units))
        self._apart = np.zeros((count, units))

    def add(
        self,
        draw: int,
        values: NDArray[np.floating],
        *,
        people: sparse.csr_array,
        factor: NDArray[np.float64],
    ) -> None:
        """
        Add the next band in one draw.

        Parameters
        ----------
        draw : which.
        values : of the cells of the band. NaN: left out.
        people : of `Units.of_cells`.
        factor : on the people of each cell.
        """
        from kcity_geo.analysis.gaps.kernels import add_people

        add_people(
            people.indptr.astype(np.int32, copy=False),
            people.indices.astype(np.int32, copy=False),
            people.data,
            np.ascontiguousarray(values, dtype=np.float64).reshape(-1),
            factor,
            self._people[draw],
            self._summed[draw],
        )

    def add_sides(self, draw: int, unit: NDArray[np.int64], amount: NDArray[np.float64]) -> None:
        """
        Add what the sides of cells that a border cuts differ from their cell in one draw.

        Parameters
        ----------
        draw : which.
        unit : of each side.
        amount : people times the value by which it differs, of each side, in the order of the cells.
        """
        np.add.at(self._apart[draw], unit, amount)

    def means(self) -> NDArray[np.float64]:
        """
        Give the means over all bands.

        Returns
        -------
        Shape (draws, units); NaN where nothing is known.
        """
        nothing = np.full(self._people.shape, np.nan)
        summed = self._summed + self._apart
        found = np.divide(summed, self._people, out=nothing, where=self._people > 0)
        return np.asarray(found, dtype=np.float64)
