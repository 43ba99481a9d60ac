"""Street form: what a place has of streets and junctions, which another place may lend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.standards import Standard, gap_from_standard

__all__ = ["StreetForm", "against", "values_at"]


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
    """

    raw: NDArray[np.float64]
    values: NDArray[np.float64] | None
    standard: Standard
    power: float

    def grown(
        self, at: slice | NDArray[np.intp], share: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """
        Give the gap when what is missing has been added to what is mapped.

        Parameters
        ----------
        at : rows of the grid, or flat positions of cells.
        share : that is mapped there.

        Returns
        -------
        Never larger than as mapped.
        """
        raw = values_at(self.raw, at)
        if self.values is None:
            return raw
        values = values_at(self.values, at)
        grown = against(self.standard, values / share**self.power)
        return np.asarray(np.minimum(raw, grown), dtype=np.float64)
