"""Street form: what a place has of streets and junctions, which another place may lend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["StreetForm", "against", "off_of", "values_at"]


def against(standard: Standard, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Give the gap of values against a standard.

    Parameters
    ----------
    standard : with target and worst value, or without.
    values : in its unit.

    Returns
    -------
    0 to 1, shape of `values`; 1 where the standard has no value.
    """
    if standard.target is None or standard.worst is None:
        return np.ones(values.shape)
    return gap_from_standard(values, target=standard.target, worst=standard.worst)


def values_at(values: NDArray[Any], at: slice | NDArray[np.intp]) -> NDArray[Any]:
    """
    Give the values of some cells.

    Parameters
    ----------
    values : shape (rows, cols).
    at : rows of the grid, or flat positions of cells.

    Returns
    -------
    Of those cells.

    Examples
    --------
    >>> values_at(np.array([[1, 2], [3, 4]]), np.array([0, 3])).tolist()
    [1, 4]
    """
    return values[at] if isinstance(at, slice) else values.ravel()[at]


def off_of(draw: int) -> float:
    """
    Give the part of the error of its values by which a street form is off in a draw.

    Parameters
    ----------
    draw : which.

    Returns
    -------
    -1 to 1, in a sequence of its own: how wide streets are has nothing to do with how many are mapped in a draw.

    Examples
    --------
    >>> round(off_of(0), 2), round(off_of(1), 2)
    (-0.5, 0.96)
    """
    return 2 * ((draw * 3**0.5 + 0.25) % 1.0) - 1


@dataclass(frozen=True, eq=False)
class StreetForm:
    """
    What a place has of a kind of street form, for the whole grid.

    Parameters
    ----------
    raw : gap as mapped, shape (rows, cols).
    values : of the indicator, same shape; None where a value does not grow as the map is completed.
    standard : that they are held against.
    power : how much faster than the length of streets the value grows.
    error : share by which each value may be larger or smaller, same shape; None: it states none.
    """

    raw: NDArray[np.float64]
    values: NDArray[np.float64] | None
    standard: Standard
    power: float
    error: NDArray[np.float64] | None = None

    def grown(
        self, at: slice | NDArray[np.intp], share: NDArray[np.float64], off: float = 0.0
    ) -> NDArray[np.float64]:
        """
        Give the gap when what is missing has been added to what is mapped.

        Parameters
        ----------
        at : rows of the grid, or flat positions of cells.
        share : that is mapped there.
        off : of the error of the values, -1 to 1; 0: they are right.

        Returns
        -------
        Never larger than as mapped, were the values off by so much.
        """
        raw = self.mapped(at, off)
        if self.values is None:
            return raw
        values = self._values(at, off)
        grown = against(self.standard, values / share**self.power)
        return np.asarray(np.minimum(raw, grown), dtype=np.float64)

    def mapped(self, at: slice | NDArray[np.intp], off: float = 0.0) -> NDArray[np.float64]:
        """
        Give the gap as mapped, were the values off by a part of their error.

        Parameters
        ----------
        at : rows of the grid, or flat positions of cells.
        off : -1 to 1; 0: they are right.

        Returns
        -------
        Of those cells.
        """
        raw = values_at(self.raw, at)
        if self.error is None or self.values is None or off == 0:
            return raw
        return np.where(np.isfinite(raw), against(self.standard, self._values(at, off)), np.nan)

    def _values(self, at: slice | NDArray[np.intp], off: float) -> NDArray[np.float64]:
        values = values_at(self.values, at) if self.values is not None else np.zeros(0)
        return values if self.error is None else values * (1 + off * values_at(self.error, at))
