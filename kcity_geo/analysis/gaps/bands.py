"""Bands: a grid in pieces of whole rows, so that what is needed of each cell is not held for all."""

from __future__ import annotations

__all__ = ["BAND_CELLS", "row_bands"]

#: Cells that are worked on at once. The draws of a cell take 3 kB while they are made.
BAND_CELLS = 100_000


def row_bands(shape: tuple[int, int], *, cells: int | None = None) -> list[slice]:
    """
    Cut a grid into bands of whole rows.

    Parameters
    ----------
    shape : rows and columns.
    cells : of a band at most, though never less than a row; `BAND_CELLS` when None.

    Returns
    -------
    Rows of each band, from the first; one band where the grid is small.

    Examples
    --------
    >>> row_bands((3, 10), cells=20)
    [slice(0, 2, None), slice(2, 3, None)]
    >>> row_bands((3, 10))
    [slice(0, 3, None)]
    """
    rows, columns = shape
    step = max(1, (BAND_CELLS if cells is None else cells) // max(1, columns))
    return [slice(first, min(first + step, rows)) for first in range(0, rows, step)]
