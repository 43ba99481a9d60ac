"""Blocks: cells merged into larger squares, so that a file of a large city stays small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.cube import cell_centres, cell_size

__all__ = ["Blocks", "blocks_of"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """
    Squares of several cells.

    Parameters
    ----------
    number : shape (cells,), the square of each cell.
    ids : ``x{column}_y{row}_of{factor}`` of each square.
    squares : their polygons, CRS of the grid.
    """

    number: NDArray[np.intp]
    ids: list[str]
    squares: NDArray[np.object_]

    def summed(self, values: NDArray[Any]) -> NDArray[Any]:
        """
        Add up the known values of each square.

        Parameters
        ----------
        values : shape (cells,).

        Returns
        -------
        Shape (squares,); NaN where none is known.
        """
        return np.asarray(pd.Series(values).groupby(self.number).sum(min_count=1).to_numpy())

    def averaged(
        self, values: NDArray[np.float64], weight: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """
        Average the known values of each square.

        Parameters
        ----------
        values : shape (cells,); NaN where not known.
        weight : residents of each cell, NaN counts as none; None: every cell counts the same.

        Returns
        -------
        Shape (squares,), weighted; a plain mean where no weight is above 0, NaN where no value is known.
        """
        known, length = np.isfinite(values), len(self.ids)
        people = np.ones(len(values)) if weight is None else np.nan_to_num(weight)
        alone = np.bincount(self.number, weights=people, minlength=length)[self.number] <= 0
        people = np.where(alone, 1.0, people)

        def per_block(what: NDArray[np.float64]) -> NDArray[np.float64]:
            sums = np.bincount(self.number[known], weights=what[known], minlength=length)
            return np.asarray(sums, dtype=np.float64)

        top, bottom = per_block(values * people), per_block(people)
        with np.errstate(divide="ignore", invalid="ignore"):
            plain = per_block(values) / per_block(np.ones(len(values)))
            return np.asarray(np.where(bottom > 0, top / bottom, plain), dtype=np.float64)

    def most_frequent(self, values: NDArray[Any]) -> NDArray[Any]:
        """
        Take the most frequent value of each square; of equal ones the first in order.

        Parameters
        ----------
        values : shape (cells,), codes or words.

        Returns
        -------
        Shape (squares,).
        """
        codes, known = pd.factorize(values, sort=True)
        counts = pd.DataFrame({"block": self.number, "code": codes}).value_counts().reset_index()
        best = counts.sort_values(["block", "count", "code"], ascending=[True, False, True])
        winner = best.drop_duplicates("block")["code"].to_numpy()
        return np.asarray(np.asarray(known)[winner])


def blocks_of(grid: GeoBox, cells: NDArray[np.int64], *, factor: int) -> Blocks:
    """
    Gather cells into squares that stand on whole multiples of their size.

    Parameters
    ----------
    grid : the study grid.
    cells : flat numbers of the cells.
    factor : cells on the side of a square.

    Returns
    -------
    The squares that hold a cell, from the north-west.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> blocks = blocks_of(make_toy().grid, np.arange(1600), factor=20)
    >>> blocks.ids, blocks.summed(np.ones(1600)).tolist()
    (['x250_y2501_of20', 'x251_y2501_of20', 'x250_y2500_of20', 'x251_y2500_of20'], [400.0, 400.0, 400.0, 400.0])
    """
    size = cell_size(grid) * factor
    x, y = (axis[cells] for axis in cell_centres(grid))
    both = [-np.floor(y / size).astype(np.int64), np.floor(x / size).astype(np.int64)]
    number, keys = pd.factorize(pd.MultiIndex.from_arrays(both), sort=True)
    west = np.array([column * size for _, column in keys])
    south = np.array([-row * size for row, _ in keys])
    return Blocks(
        number=number,
        ids=[f"x{column}_y{-row}_of{factor}" for row, column in keys],
        squares=np.asarray(shapely.box(west, south, west + size, south + size)),
    )
