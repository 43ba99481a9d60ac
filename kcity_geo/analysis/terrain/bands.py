"""
Bands: an elevation model brought to the study cells some rows at a time, so that a metropolis needs no more memory.

A band ends where a row of study cells ends: each cell has all its heights in one band, in the order in
which the whole model has them, and its numbers are the same to the last bit. What looks at neighbours
gets a halo of rows on both sides. Heights above drainage are no band's business: water comes from far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from kcity_geo.analysis.terrain.drainage import model_cell_m
from kcity_geo.cube import bin_points, cell_centres, cell_size

__all__ = ["Band", "bands", "in_bands"]

#: Heights of a band, about: a dozen arrays of them are 100 MB.
_BAND_HEIGHTS: Final = 1_000_000
#: Rows beside a band that its heights are compared with.
_HALO: Final = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """
    Some rows of a model and the study cells that they fill.

    Parameters
    ----------
    rows : of the model.
    halo : the rows and those beside them.
    cells : rows of the study grid; no other band has heights of them.
    source, cell : pairs that bring one onto the other, flat within `rows` and within `cells`.
    columns : of the study grid.
    """

    rows: slice
    halo: slice
    cells: slice
    source: NDArray[np.int64]
    cell: NDArray[np.int64]
    columns: int

    @property
    def _shape(self) -> tuple[int, int]:
        return self.cells.stop - self.cells.start, self.columns

    def without_halo(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cut what belongs to `halo` alone off."""
        first = self.rows.start - self.halo.start
        return values[first : first + self.rows.stop - self.rows.start]

    def mean(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Average values of `rows` over the cells; NaN is left out."""
        found = np.asarray(values, dtype=np.float64).ravel()[self.source]
        ok = np.isfinite(found)
        rows, columns = self._shape
        count = np.bincount(self.cell[ok], minlength=rows * columns)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(self.cell[ok], weights=found[ok], minlength=rows * columns) / count
        return mean.reshape(self._shape)

    def extreme(self, values: NDArray[Any], *, highest: bool) -> NDArray[np.float64]:
        """Give the highest or lowest value of `rows` in each cell; NaN is left out."""
        found = np.asarray(values, dtype=np.float64).ravel()[self.source]
        ok = np.isfinite(found)
        out = np.full(self._shape[0] * self.columns, -np.inf if highest else np.inf)
        (np.maximum if highest else np.minimum).at(out, self.cell[ok], found[ok])
        out[~np.isfinite(out)] = np.nan
        return out.reshape(self._shape)

    def most_frequent(self, values: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the whole number that most of `rows` have in each cell, the lowest of equals."""
        found = values.ravel()[self.source]
        order = np.lexsort((found, self.cell))
        key = np.column_stack([self.cell[order], found[order]])
        out = np.full(self._shape[0] * self.columns, np.nan)
        if len(key):
            start = np.r_[True, np.any(key[1:] != key[:-1], axis=1)]
            first = np.flatnonzero(start)
            size = np.diff(np.r_[first, len(key)])
            best = np.lexsort((key[first, 1], -size, key[first, 0]))
            cells, index = np.unique(key[first, 0][best], return_index=True)
            out[cells] = key[first, 1][best][index]
        return out.reshape(self._shape)


def in_bands(
    model: xr.DataArray,
    grid: GeoBox,
    measure: Callable[[Band], dict[str, NDArray[np.float64]]],
) -> dict[str, NDArray[np.float64]]:
    """
    Measure something in each band and put the answers together.

    Parameters
    ----------
    model : as of `bands`.
    grid : the study grid.
    measure : gives, for a band, name -> shape of its rows of cells.

    Returns
    -------
    Name -> shape (rows, cols) of the grid; NaN where the model has nothing.
    """
    out: dict[str, NDArray[np.float64]] = {}
    for band in bands(model, grid):
        for name, values in measure(band).items():
            whole = out.setdefault(name, np.full(tuple(grid.shape), np.nan))
            whole[band.cells] = values
    return out


def bands(model: xr.DataArray, grid: GeoBox) -> Iterator[Band]:
    """
    Part a model into bands.

    Parameters
    ----------
    model : dims (y, x), square cells in the metric CRS of `grid`, y descending.
    grid : the study grid.

    Yields
    ------
    One band or more, from the north; a single one for a model that is as coarse as the grid, and an
    empty one for a model that does not touch it.

    Raises
    ------
    CRSMismatchError
        If the cells of the model are in degrees.
    GridMismatchError
        If they are not square or the model is a single line.
    """
    fine, size, columns = model_cell_m(model), cell_size(grid), grid.shape[1]
    x, y = np.asarray(model["x"], dtype=float), np.asarray(model["y"], dtype=float)
    if fine > size / 2:
        source, cell = _coarse_pairs(x, y, fine, grid)
        whole = slice(0, len(y))
        cells = slice(0, grid.shape[0])
        yield Band(rows=whole, halo=whole, cells=cells, source=source, cell=cell, columns=columns)
        return
    for rows, cells in _parts(y, len(x), grid):
        xx, yy = np.meshgrid(x, y[rows])
        flat = bin_points(xx.ravel(), yy.ravel(), grid=grid)
        source = np.flatnonzero(flat >= 0)
        yield Band(
            rows=rows,
            halo=slice(max(0, rows.start - _HALO), min(len(y), rows.stop + _HALO)),
            cells=cells,
            source=source,
            cell=flat[source] - cells.start * columns,
            columns=columns,
        )


def _parts(y: NDArray[np.float64], width: int, grid: GeoBox) -> list[tuple[slice, slice]]:
    """Rows of the model and the rows of cells that they fill, one pair a band."""
    left, _, right, _ = tuple(grid.boundingbox)
    middle = np.full(len(y), (left + right) / 2)
    row = bin_points(middle, y, grid=grid)
    row = np.where(row >= 0, row // grid.shape[1], -1)
    first = np.flatnonzero((row >= 0) & (row != np.r_[-1, row[:-1]]))
    ends = np.r_[first[1:], np.flatnonzero(row >= 0)[-1:] + 1]
    parts: list[tuple[slice, slice]] = []
    for start, end in zip(first.tolist(), ends.tolist(), strict=True):
        cell = int(row[start])
        if parts and (end - parts[-1][0].start) * width <= _BAND_HEIGHTS:
            before = parts.pop()
            parts.append((slice(before[0].start, end), slice(before[1].start, cell + 1)))
        else:
            parts.append((slice(start, end), slice(cell, cell + 1)))
    return parts or [(slice(0, 0), slice(0, 0))]


def _coarse_pairs(
    x: NDArray[np.float64], y: NDArray[np.float64], fine: float, grid: GeoBox
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read a model that is as coarse as the grid at 3 x 3 points of each study cell."""
    size = cell_size(grid)
    cx, cy = cell_centres(grid)
    steps = (np.arange(3) - 1) * size / 3
    sources, cells = [], []
    for sx in steps:
        for sy in steps:
            column = np.floor((cx + sx - (x[0] - fine / 2)) / fine).astype(np.int64)
            row = np.floor(((y[0] + fine / 2) - (cy + sy)) / fine).astype(np.int64)
            ok = (column >= 0) & (column < len(x)) & (row >= 0) & (row < len(y))
            sources.append((row * len(x) + column)[ok])
            cells.append(np.flatnonzero(ok))
    return np.concatenate(sources), np.concatenate(cells)
