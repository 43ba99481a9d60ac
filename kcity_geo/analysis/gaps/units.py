"""Units: districts and the city as sums over people of the cells, also in each draw."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.gaps.chance import squares
from kcity_geo.analysis.settlement.districts import cell_weight, people_cover
from kcity_geo.cube import cell_centres

__all__ = ["CITY", "Units"]

#: Key of the whole city beside the ids of the districts.
CITY = "city"
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

    def city_mean(
        self, values: NDArray[np.floating], *, factor: NDArray[np.float64] | None = None
    ) -> float:
        """
        Mean of a value without gaps over all people of the city.

        Parameters
        ----------
        values : shape (rows, cols), no NaN.
        factor : on the people of each cell, flat.

        Returns
        -------
        The mean; NaN where there is nobody.
        """
        people = self._city_people if factor is None else self._city_people * factor
        total = float(people.sum())
        if total <= 0:
            return float("nan")
        # Not by BLAS: its threads cost more than the sum, and their number would change the last digit.
        return float(np.einsum("i,i->", people, values.ravel())) / total

    def known_share(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Share of the people of each unit of whom a value is known, shape (units,)."""
        total = self.people()
        known = self._matrix @ np.isfinite(values.ravel()).astype(np.float64)
        return np.asarray(np.divide(known, total, out=np.zeros(len(total)), where=total > 0))

    def factor(self, draw: int) -> NDArray[np.float64]:
        """Factor on the people of each cell in one draw: how far the population may be wrong."""
        off = self._block.normal(draw=draw, purpose=_PEOPLE, seed=self._seed)
        return np.asarray(np.exp(self._spread * off - self._spread**2 / 2), dtype=np.float64)

    def draws(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """
        Mean over the people of each unit in each draw, people drawn as well.

        Parameters
        ----------
        values : shape (draws, rows, cols).

        Returns
        -------
        Shape (draws, units).
        """
        return np.array(list(self._means(values))).reshape(len(values), len(self.ids))

    def _means(self, values: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
        for number, one in enumerate(values):
            yield self.mean(one, factor=self.factor(number))
