"""Runs: rows that stand together, so many for each of several owners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["place_in_run"]


def place_in_run(count: NDArray[np.integer]) -> NDArray[np.int64]:
    """
    Give each row its place in its run, from 0 on.

    Parameters
    ----------
    count : how many rows each run has, one run after the other.

    Returns
    -------
    Shape (rows of all runs,).

    Examples
    --------
    >>> place_in_run(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(count, dtype=np.int64)
    rows = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(rows) - np.repeat(ends - count, count))
